"""How well a hierarchical model predicts patients that it has not seen: leave-one-out cross-validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.convergence import smoothed_weights
from ikzf1_outcomes.models.bayes.covariate_patterns import lived_in, periods_of
from ikzf1_outcomes.models.bayes.induction import log_likelihood as of_failing
from ikzf1_outcomes.models.bayes.latencies import log_likelihood_of_rows
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.quantities import CauseDraws
from ikzf1_outcomes.models.bayes.reduction import Reduced, events_by_cause
from ikzf1_outcomes.models.bayes.refits import MOST, check_refits, check_sampled, fitted_without
from ikzf1_outcomes.models.bayes.sampler_settings import counting_line
from ikzf1_outcomes.timeline import entries

AT_ONCE = 1 << 22
"""Numbers (draws times rows) that are held together."""
UNSURE = 0.7
"""k-hat above which the weights of a patient's leaving are not to be trusted."""
ROUGH = 0.2
"""Monte Carlo error of a log density from which it is said."""
FEWEST = 20
"""Draws that weights need a tail of."""
SHOWN = 10
"""Rows that a note names."""


class LeftOut(NamedTuple):
    """Each patient predicted from all others."""

    density: Floats
    """Expected log predictive density (patients)."""
    seen: Floats
    """Log density with the patient among the data (patients)."""
    k_hat: Floats
    exact: np.ndarray
    """Whether the model was fitted without the patient (patients)."""
    row: Integers
    """Position of the patient's first row in the endpoint, from 0 (patients)."""
    lost: int
    """Refits whose chains have not converged."""
    error: Floats
    """Monte Carlo error of what refits say; NaN of others (patients)."""


def leave_one_out(
    posterior: Posterior, *, refit: bool = False, most: int = MOST, pointwise: bool = False, progress: bool = False
) -> pd.DataFrame:
    r"""Expected log predictive density of patients left out, for all causes of a model together.

    Estimand: the sum over patients of

    .. math:: \log p(y_i \mid y_{-i}) = \log \int p(y_i \mid \theta) \, p(\theta \mid y_{-i}) \, d\theta

    with the log-likelihood of a patient summed over its rows and the causes. The posterior of all others is had from the
    draws by importance weights with Pareto-smoothed tails (PSIS; Vehtari, Gelman and Gabry 2017, recalled), without fitting
    anew. A k-hat above 0.7 says that a patient is too influential for that; with `refit` the model is fitted without each
    such patient, with the seed and settings of the posterior, and the exact number takes the place of the other.

    Edge rules: weights count, a patient of weight w is w patients who are left out together. A refit keeps levels,
    intervals and the standardisation of covariates as they are with the patient; the effect of a level that nobody else has
    is then what its prior makes of it, given the spread. A refit's density is a mean over its draws; of a patient whom the
    others deem all but impossible few draws decide, and the note gives the Monte Carlo error where it is above 0.2.

    Parameters
    ----------
    posterior
        Made by `sample`.
    refit
        Fit the model without each patient whose k-hat is above 0.7.
    most
        Refits allowed.
    pointwise
        One row a patient in place of one row.
    progress
        Show a line that counts the refits.

    Returns
    -------
    DataFrame
        One row: method, causes, n (patients), elpd (sum over the patients), std_error, p_loo (effective number of
        parameters), n_influential (k-hat above 0.7), n_refits, k_hat (largest, before refits), note: the rows of the
        endpoint, from 1, whose patients were left out exactly, and what is not to be trusted. With `pointwise` one row a
        patient: row (the first of the patient in the endpoint, from 1), method ("PSIS-LOO", "refit"), elpd, mcse (of
        refits), k_hat, note.

    Raises
    ------
    InputError
        More refits than `most`; draws from the priors, of several completed data sets, or of an aggregate.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(200, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> posterior = iko.sample(endpoint, iko.hierarchical_spec(causes="relapse"), seed=1, draws=200, tune=200, chains=2)
    >>> int(iko.leave_one_out(posterior)["n_influential"].iloc[0])
    0
    """
    found = left_out(posterior, refit=refit, most=most, progress=progress)
    influential = found.k_hat > UNSURE
    if pointwise:
        unsure = influential & ~found.exact
        return pd.DataFrame(
            {
                "row": found.row + 1, "method": np.where(found.exact, "refit", "PSIS-LOO"), "elpd": found.density,
                "mcse": found.error, "k_hat": found.k_hat,
                "note": np.where(unsure, "too influential: not to be trusted", ""),
            }
        )  # fmt: skip
    n, exact = len(found.density), int(found.exact.sum())
    row = {
        "method": "PSIS-LOO, refits" if exact else "PSIS-LOO", "causes": ", ".join(posterior.causes), "n": float(n),
        "elpd": found.density.sum(), "std_error": np.sqrt(n * found.density.var(ddof=1)),
        "p_loo": float((found.seen - found.density).sum()), "n_influential": int(influential.sum()), "n_refits": exact,
        "k_hat": float(found.k_hat.max()), "note": "; ".join(said_of(found)),
    }  # fmt: skip
    return pd.DataFrame([row])


def said_of(found: LeftOut) -> list[str]:
    """What the reader must know of the patients left out."""
    rows, unsure = found.row[found.exact] + 1, int(((found.k_hat > UNSURE) & ~found.exact).sum())
    said = [f"{unsure} patients too influential: their part is not to be trusted"] * bool(unsure)
    if len(rows):
        more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        said.append(f"exact, by refits, at row {', '.join(map(str, rows[:SHOWN]))}{more}")
    said += [f"{found.lost} refits have not converged"] * bool(found.lost)
    rough = found.error[found.exact & (found.error > ROUGH)]
    said += [f"Monte Carlo error of {len(rough)} refits up to {rough.max():.1f}: draw more"] if len(rough) else []
    return said


def patients_in(posterior: Posterior) -> tuple[Integers, Integers]:
    """Rows kept in the order of their patients, and where each patient begins among them."""
    endpoint, keep = posterior.endpoint, posterior.reduced.patients.keep
    patient = np.arange(len(endpoint)) if endpoint.subject is None else endpoint.subject
    order = np.argsort(patient[keep], kind="stable")
    return order, np.unique(patient[keep][order], return_index=True)[1]


def left_out(posterior: Posterior, *, refit: bool = False, most: int = MOST, progress: bool = False) -> LeftOut:
    """Each patient's density, predicted from all others.

    Raises
    ------
    InputError
        More refits than `most`; draws of several completed data sets, or of an aggregate.
    """
    posterior.check_rows()
    check_sampled(posterior)
    if posterior.n_draws * posterior.n_chains < FEWEST:
        raise InputError(f"fewer than {FEWEST} draws cannot be weighted", next_step="Draw 1000, as `sample` does.")
    reduced, size, endpoint = posterior.reduced, posterior.n_draws, posterior.endpoint
    order, begin = patients_in(posterior)
    drawn = tuple(own.drawn for own in posterior.sampled)
    parts = []
    for some, first in pieces(order, begin, max(1, AT_ONCE // (size * posterior.n_chains))):
        rows = sum(log_likelihood(endpoint, reduced, own, some, size) for own in drawn)
        own = np.add.reduceat(rows, first, axis=1)
        weights, k_hat = smoothed_weights(-own.T)
        seen = logsumexp(own, axis=0) - np.log(len(own))
        parts.append((logsumexp(weights.T + own, axis=0), seen, k_hat))
    density, seen, k_hat = (np.concatenate(column) for column in zip(*parts, strict=True))
    row = np.flatnonzero(reduced.patients.keep)[order[begin]]
    found = LeftOut(density, seen, k_hat, np.zeros(len(row), dtype=bool), row, 0, np.full(len(row), np.nan))
    return with_refits(posterior, found, np.flatnonzero(k_hat > UNSURE), most, progress) if refit else found


def with_refits(posterior: Posterior, found: LeftOut, patients: Integers, most: int, progress: bool) -> LeftOut:
    """The densities of some patients (positions) from models that were fitted without them."""
    check_refits(posterior, len(patients), most, "patients")
    order, begin = patients_in(posterior)
    ends = np.append(begin[1:], len(order))
    density, exact, error, lost = found.density.copy(), found.exact.copy(), found.error.copy(), 0
    with counting_line(progress, "fitting without a patient", len(patients)) as step:
        for k in patients:
            rows = order[begin[k] : ends[k]]
            left = np.zeros(len(order), dtype=bool)
            left[rows] = True
            again = fitted_without(posterior, left)
            exact[k] = True
            density[k], error[k] = joint_density([of_rows(posterior, own, rows).sum(axis=1) for own in again.drawn])
            lost += again.lost
            step()
    return found._replace(density=density, exact=exact, lost=lost, error=error)


def of_rows(posterior: Posterior, own: CauseDraws, rows: Integers) -> Floats:
    """Log-likelihood of some rows of one cause (draws, rows)."""
    return log_likelihood(posterior.endpoint, posterior.reduced, own, rows, own.position.shape[1])


def joint_density(logs: list[Floats]) -> tuple[float, float]:
    """Log predictive density of all causes and its Monte Carlo error, from the logs of each cause (draws).

    The posterior is a product over the causes: the density is the product of the means over the draws of each.
    """
    errors = [error_of(part) for part in logs]
    return float(sum(mean_of(part) for part in logs)), float(np.sqrt(np.square(errors).sum()))


def mean_of(logs: Floats) -> Floats:
    """Logarithm of the mean density over the draws, the first axis."""
    return np.asarray(logsumexp(logs, axis=0) - np.log(len(logs)))


def error_of(logs: Floats) -> float:
    """Monte Carlo error of the logarithm of a mean density, as if draws were independent (draws)."""
    share = np.exp(logs - logs.max())
    return float(share.std(ddof=1) / share.mean() / np.sqrt(len(share)))


def pieces(order: Integers, begin: Integers, most: int) -> Iterator[tuple[Integers, Integers]]:
    """Rows of some patients at a time, and where each patient begins among them."""
    ends = np.append(begin[1:], len(order))
    k = 0
    while k < len(begin):
        last = max(k + 1, int(np.searchsorted(ends, begin[k] + most, side="right")))
        yield order[begin[k] : ends[last - 1]], begin[k:last] - begin[k]
        k = last


def log_likelihood(endpoint: Endpoint, reduced: Reduced, drawn: CauseDraws, rows: Integers, size: int) -> Floats:
    """Log-likelihood of some of the rows kept, of one cause, draw by draw (draws, rows)."""
    parts = reduced.parts
    if parts is not None and drawn.model.binary:
        return of_failing(reduced, parts, drawn, rows, size)
    endpoint = endpoint if parts is None else parts.endpoint
    sums, keep, causes = drawn.model.sums, np.flatnonzero(reduced.patients.keep)[rows], tuple(reduced.causes)
    died = events_by_cause(endpoint, causes)[drawn.model.cause][keep]
    time, begin = endpoint.time[keep], np.maximum(entries(endpoint)[keep], 0.0 if parts is None else parts.until)
    stratum = reduced.patients.stratum[rows]
    n_draws = drawn.effect.shape[0] * size
    if drawn.model.rows is not None:
        flat = drawn.effect[:, :size].reshape(n_draws, -1)
        position = drawn.position[:, :size].reshape(n_draws, -1)
        own_hazard = drawn.log_hazard[:, :size].reshape(n_draws, *drawn.log_hazard.shape[2:])
        eta = flat @ drawn.model.rows.x[reduced.patterns[0][rows]].T
        found = log_likelihood_of_rows(drawn.model, position, own_hazard, eta, stratum, np.minimum(begin, time), time, died)
        return found * endpoint.case_weights[keep]
    effect = drawn.effect[:, :size].reshape(n_draws, -1)
    hazard = np.exp(drawn.log_hazard[:, :size].reshape(n_draws, *drawn.log_hazard.shape[2:]))
    out = np.zeros((n_draws, len(rows)))
    for q, (a, b) in enumerate(periods_of(reduced.spec)):
        pattern, column = reduced.patterns[q][rows], 0
        eta = np.zeros_like(out)
        for k, block in enumerate(sums.blocks):
            eta += (effect[:, column : column + block.shape[1]] @ block.T)[:, sums.row[pattern, k]]
            column += block.shape[1]
        lived = lived_in(reduced.basis, begin, time, a, b)
        here = died & (time > a) & (time <= b)
        for s in np.unique(stratum):
            own = stratum == s
            out[:, own] -= np.exp(eta[:, own]) * (hazard[:, s] @ lived[own].T)
            event = own & here
            if not event.any():  # a spline has no matrix of no times
                continue
            out[:, event] += eta[:, event] + np.log(hazard[:, s] @ reduced.basis.values(time[event]).T)
    return out * endpoint.case_weights[keep]
