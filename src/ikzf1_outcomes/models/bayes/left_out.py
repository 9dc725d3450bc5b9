"""How well a hierarchical model predicts patients that it has not seen: leave-one-out cross-validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import logsumexp

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.convergence import smoothed_weights
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.quantities import CauseDraws
from ikzf1_outcomes.models.bayes.reduction import Reduced, events_by_cause, lived_in, periods_of
from ikzf1_outcomes.timeline import entries

AT_ONCE = 1 << 22
"""Numbers (draws times rows) that are held together."""
UNSURE = 0.7
"""k-hat above which the weights of a patient's leaving are not to be trusted."""
ALIKE = 4.0
"""Difference of the expected log densities below which models are not told apart."""


class LeftOut(NamedTuple):
    """Each patient predicted from all others."""

    density: Floats
    """Expected log predictive density (patients)."""
    seen: Floats
    """Log density with the patient among the data (patients)."""
    k_hat: Floats


def leave_one_out(posterior: Posterior) -> pd.DataFrame:
    r"""Expected log predictive density of patients left out, for all causes of a model together.

    The log-likelihood of a patient, sum over its rows and the causes, is predicted from the posterior of all others. That
    posterior is had from the draws by importance weights with Pareto-smoothed tails (PSIS; Vehtari, Gelman and Gabry 2017,
    recalled), without fitting anew. A k-hat above 0.7 says that a patient is too influential for that.

    Weights count: a patient of weight w is w patients who are left out together.

    Parameters
    ----------
    posterior
        Made by `sample`.

    Returns
    -------
    DataFrame
        One row: method, causes, n (patients), elpd (sum over the patients), std_error, p_loo (effective number of
        parameters), n_influential (k-hat above 0.7), k_hat (largest), note.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(200, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> posterior = iko.sample(endpoint, iko.hierarchical_spec(causes="relapse"), seed=1, draws=200, tune=200, chains=2)
    >>> int(iko.leave_one_out(posterior)["n_influential"].iloc[0])
    0
    """
    found = left_out(posterior)
    unsure = int((found.k_hat > UNSURE).sum())
    note = f"{unsure} patients too influential: their part is not to be trusted" if unsure else ""
    n = len(found.density)
    row = {
        "method": "PSIS-LOO", "causes": ", ".join(posterior.causes), "n": float(n), "elpd": found.density.sum(),
        "std_error": np.sqrt(n * found.density.var(ddof=1)), "p_loo": float((found.seen - found.density).sum()),
        "n_influential": unsure, "k_hat": float(found.k_hat.max()), "note": note,
    }  # fmt: skip
    return pd.DataFrame([row])


def compare_posteriors(models: Mapping[str, Posterior]) -> pd.DataFrame:
    """Models of the same patients by how well they predict those left out, the best first.

    Parameters
    ----------
    models
        Name to posterior; of the same patients, endpoint, causes and unit of time.

    Returns
    -------
    DataFrame
        model, elpd, difference (from the best), std_error (of the difference, from the patients), weight (stacking: the
        mixture of the models that predicts best), n_influential, note. Differences below 4 are "no discernible
        difference".

    Raises
    ------
    InputError
        Fewer than two models, or models of other patients, times, causes or events.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(200, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> fits = {}
    >>> for name in ("age", "sex"):
    ...     spec = iko.hierarchical_spec(causes="relapse", covariates=name)
    ...     fits[name] = iko.sample(endpoint, spec, seed=1, draws=200, tune=200, chains=2)
    >>> iko.compare_posteriors(fits)["difference"].iloc[0].item()
    0.0
    """
    check_alike(models)
    found = {name: left_out(posterior) for name, posterior in models.items()}
    names = sorted(found, key=lambda name: -found[name].density.sum())
    density = np.column_stack([found[name].density for name in names])
    apart = density - density[:, :1]
    total, error = apart.sum(axis=0), np.sqrt(len(density) * apart.var(axis=0, ddof=1))
    unsure = [int((found[name].k_hat > UNSURE).sum()) for name in names]
    notes = []
    for k, influential in enumerate(unsure):
        said = ["no discernible difference"] * bool(k and abs(total[k]) < ALIKE)
        said += [f"{influential} patients too influential"] * bool(influential)
        notes.append("; ".join(said))
    return pd.DataFrame(
        {
            "model": names, "elpd": density.sum(axis=0), "difference": total, "std_error": error,
            "weight": stacked_weights(density), "n_influential": unsure, "note": notes,
        }
    )  # fmt: skip


def check_alike(models: Mapping[str, Posterior]) -> None:
    """Refuse to compare models of different data.

    Raises
    ------
    InputError
        Fewer than two, or models of other patients, times, causes or events.
    """
    if len(models) < 2:
        raise InputError("fewer than two models to compare", next_step="Give a mapping of names to posteriors.")
    first, *others = models.values()
    for other in others:
        one, two = first.endpoint, other.endpoint
        same = first.causes == other.causes and one.time_unit == two.time_unit and len(one) == len(two)
        same = same and np.array_equal(one.time, two.time) and np.array_equal(one.cause, two.cause)
        same = same and np.array_equal(first.reduced.patients.keep, other.reduced.patients.keep)
        if not same:
            raise InputError(
                "models of different patients, times or causes", next_step="Fit all to the rows that have every column."
            )


def left_out(posterior: Posterior) -> LeftOut:
    """Each patient's density, predicted from all others."""
    reduced, size = posterior.reduced, posterior.n_draws
    endpoint, keep = posterior.endpoint, reduced.patients.keep
    patient = np.arange(len(endpoint)) if endpoint.subject is None else endpoint.subject
    order = np.argsort(patient[keep], kind="stable")
    _, begin = np.unique(patient[keep][order], return_index=True)
    drawn = tuple(own.drawn for own in posterior.sampled)
    parts = []
    for some, first in pieces(order, begin, max(1, AT_ONCE // (size * posterior.n_chains))):
        rows = sum(log_likelihood(endpoint, reduced, own, some, size) for own in drawn)
        own = np.add.reduceat(rows, first, axis=1)
        weights, k_hat = smoothed_weights(-own.T)
        seen = logsumexp(own, axis=0) - np.log(len(own))
        parts.append((logsumexp(weights.T + own, axis=0), seen, k_hat))
    return LeftOut(*(np.concatenate(column) for column in zip(*parts, strict=True)))


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
    sums, keep, causes = drawn.model.sums, np.flatnonzero(reduced.patients.keep)[rows], tuple(reduced.causes)
    died = events_by_cause(endpoint, causes)[drawn.model.cause][keep]
    time, begin = endpoint.time[keep], np.maximum(entries(endpoint)[keep], 0.0)
    stratum = reduced.patients.stratum[rows]
    n_draws = drawn.effect.shape[0] * size
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
            out[:, event] += eta[:, event] + np.log(hazard[:, s] @ reduced.basis.values(time[event]).T)
    return out * endpoint.case_weights[keep]


def stacked_weights(density: Floats) -> Floats:
    """Weights of the mixture of models with the greatest log score of the patients left out (models)."""
    k = density.shape[1]
    scaled = np.exp(density - density.max(axis=1, keepdims=True))

    def score(free: Floats) -> float:
        weight = np.exp(np.append(free, 0.0) - logsumexp(np.append(free, 0.0)))
        return -float(np.log(scaled @ weight).sum())

    found = minimize(score, np.zeros(k - 1), method="L-BFGS-B", bounds=[(-12.0, 12.0)] * (k - 1)).x
    return np.asarray(np.exp(np.append(found, 0.0) - logsumexp(np.append(found, 0.0))))
