"""Weibull hazards and the latency of the uncured, draw by draw: cumulative hazards, medians, prior draws."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ikzf1_outcomes.kernels.density_memory import pack
from ikzf1_outcomes.kernels.hierarchical_density import effects, log_hazards
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.patient_rows import LOG_2, PatientRows
from ikzf1_outcomes.models.bayes.reduction import CauseModel


def rows_of_model(own: CauseModel) -> PatientRows:
    """The patients of a model whose likelihood is theirs."""
    assert own.rows is not None
    return own.rows


def terms_of_rows(own: CauseModel, position: Floats) -> tuple[Floats, Floats]:
    """Effects (draws, p) and the baseline's own numbers (draws, strata, numbers) of some positions (draws, numbers)."""
    base, rows = own.baseline, rows_of_model(own)
    # the families begin where the baseline ends: for them it is as long as one level
    alone = base._replace(n_strata=1, step=np.empty(0), weights=np.ones(1), centred=False, anchor=0)
    effect = effects(pack(own.sums, alone, own.families), np.ascontiguousarray(position[:, own.n_baseline - 1 :]))
    n = base.n_strata
    if rows.weibull:
        return effect, np.stack((position[:, :n], position[:, n : 2 * n]), axis=2)
    return effect, log_hazards(pack(own.sums, base, ()), np.ascontiguousarray(position))


def uncured_of(own: CauseModel, position: Floats) -> Floats:
    """Log odds of not being cured, of the patient whom the level is of (draws, strata)."""
    return position[:, own.n_baseline - own.baseline.n_strata : own.n_baseline]


def cumulative(own: CauseModel, hazard: Floats, time: Floats, stratum: Integers) -> Floats:
    """Cumulative hazard of the baseline, or of the uncured, at times of 0 or more, each in a stratum (draws, m).

    `hazard` has the baseline's own numbers (draws, strata, numbers).
    """
    rows = rows_of_model(own)
    if not rows.weibull:
        return np.asarray(np.einsum("dmk,mk->dm", np.exp(hazard)[:, stratum], rows.basis.integrals(time)))
    return np.asarray(np.exp(log_weibull(rows, hazard, time, stratum)))


def log_weibull(rows: PatientRows, hazard: Floats, time: Floats, stratum: Integers) -> Floats:
    """Log cumulative hazard of a Weibull: e^level (t / horizon)^shape, or log 2 (t / median)^shape."""
    first, shape = hazard[:, stratum, 0], np.exp(hazard[:, stratum, 1])
    with np.errstate(divide="ignore"):
        log_time = np.log(time)
    if rows.cure:
        return np.asarray(np.log(LOG_2) + shape * (log_time - first))
    return np.asarray(first + shape * (log_time - np.log(rows.horizon)))


def over_pieces(own: CauseModel, hazard: Floats, cuts: Floats, start: float) -> Floats:
    """What curves need of the pieces that some cuts part (draws, strata, pieces), for those who are there at `start`.

    Of a Weibull log hazards, means over each piece, the last one year long; under cure the survival of the uncured at 0
    and at each cut.
    """
    rows, n = rows_of_model(own), own.baseline.n_strata
    edges = np.concatenate(([0.0], cuts, [] if rows.cure else [cuts[-1] + 1.0]))
    at = np.maximum(edges, start)
    lived = np.stack([cumulative(own, hazard, at, np.full(len(at), s)) for s in range(n)], axis=1)
    if rows.cure:
        return np.asarray(np.exp(-lived))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.diff(lived, axis=2) / np.diff(edges)))


def log_hazard_at(own: CauseModel, hazard: Floats, time: Floats, stratum: Integers) -> Floats:
    """Log hazard of the baseline, or of the uncured, at times above 0 (draws, m)."""
    rows = rows_of_model(own)
    if not rows.weibull:
        return np.asarray(np.einsum("dmk,mk->dm", hazard[:, stratum], rows.basis.values(time)))
    return np.asarray(log_weibull(rows, hazard, time, stratum) + hazard[:, stratum, 1] - np.log(time))


def log_survival(odds: Floats, lived: Floats) -> Floats:
    r"""Log of 1 - p + p S_u, p the share of log odds `odds`, S_u = exp(-lived).

    .. math:: \log\frac{1 + e^{odds - lived}}{1 + e^{odds}}
    """
    return np.asarray(np.logaddexp(0.0, odds - lived) - np.logaddexp(0.0, odds))


def log_likelihood_of_rows(
    own: CauseModel, position: Floats, hazard: Floats, eta: Floats, stratum: Integers, entry: Floats, time: Floats,
    died: np.ndarray,
) -> Floats:  # fmt: skip
    """Log likelihood of some patients, for each draw (draws, rows); `eta` are their effects (draws, rows)."""
    lived = cumulative(own, hazard, time, stratum)
    before = cumulative(own, hazard, entry, stratum)
    here = np.zeros_like(eta)
    here[:, died] = log_hazard_at(own, hazard, time[died], stratum[died])
    if not rows_of_model(own).cure:
        return np.asarray(here + died * eta - np.exp(eta) * (lived - before))
    odds = uncured_of(own, position)[:, stratum] + eta
    event = odds - np.logaddexp(0.0, odds) + here - lived
    return np.asarray(np.where(died, event, log_survival(odds, lived)) - log_survival(odds, before))


def median_of(own: CauseModel, hazard: Floats) -> Floats:
    """Median time of the uncured (draws, strata), in years."""
    rows = rows_of_model(own)
    if rows.weibull:
        return np.asarray(np.exp(hazard[..., 0]))
    ends = rows.basis.edges[:-1]
    own_hazard = np.exp(hazard)
    whole = own_hazard @ rows.basis.integrals(ends).T
    place = (whole <= LOG_2).sum(axis=-1, keepdims=True) - 1
    left = LOG_2 - np.take_along_axis(whole, place, axis=-1)
    return np.asarray((ends[place] + left / np.take_along_axis(own_hazard, place, axis=-1))[..., 0])


def of_rows(own: CauseModel, position: Floats, stratum: int) -> Iterator[tuple[str, Floats, str]]:
    """Terms, values (chains, draws) and scales of the numbers that are these models' own."""
    rows, flat = rows_of_model(own), position.reshape(-1, position.shape[-1])
    shape = position.shape[:2]
    hazard = terms_of_rows(own, flat)[1]
    if rows.cure:
        yield "uncured", uncured_of(own, flat)[:, stratum].reshape(shape), "log odds of not being cured"
        yield "median of the uncured", median_of(own, hazard)[:, stratum].reshape(shape), "years"
    if rows.weibull:
        yield "shape", np.exp(hazard[:, stratum, 1]).reshape(shape), "shape"


def middle_of_rows(own: CauseModel, middle: Floats) -> None:
    """Write the middle of the priors of these models' own numbers."""
    rows, n = rows_of_model(own), own.baseline.n_strata
    if rows.weibull:
        middle[n : 2 * n] = rows.shape[0]
    if rows.cure:
        middle[own.n_baseline - n : own.n_baseline] = rows.uncured[0]


def rows_positions(own: CauseModel, draws: int, rng: np.random.Generator) -> list[Floats]:
    """Prior draws of what follows the level, or the walk, of the baseline: log shapes, log odds of not being cured."""
    if own.rows is None:
        return []
    priors = [own.rows.shape] * own.rows.weibull + [own.rows.uncured] * own.rows.cure
    return [rng.normal(*prior, (draws, own.baseline.n_strata)) for prior in priors]
