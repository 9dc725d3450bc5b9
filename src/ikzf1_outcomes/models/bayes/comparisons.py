"""Models of the same patients compared by how well they predict those whom they have not seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import logsumexp

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.bayes.groups_left_out import leave_one_group_out
from ikzf1_outcomes.models.bayes.induction import FAILURE
from ikzf1_outcomes.models.bayes.left_out import UNSURE, left_out
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.reduction import Reduced, events_by_cause
from ikzf1_outcomes.models.bayes.refits import MOST
from ikzf1_outcomes.timeline import entries

ALIKE = 4.0
"""Difference of the expected log densities below which models are not told apart."""
FEW = 10
"""Groups below which an error from their differences is rough."""


def compare_posteriors(
    models: Mapping[str, Posterior], *, by: str | None = None, refit: bool = False, most: int = MOST, progress: bool = False
) -> pd.DataFrame:
    """Models of the same patients by how well they predict those left out, the best first.

    Parameters
    ----------
    models
        Name to posterior; of the same patients, endpoint, causes and unit of time.
    by
        Column, such as the protocol, whose groups are left out whole (`leave_one_group_out`); None leaves out patients.
    refit, most, progress
        As in `leave_one_out`, for each model.

    Returns
    -------
    DataFrame
        model, elpd, difference (from the best), std_error (of the difference, from the patients or groups), weight
        (stacking: the mixture of the models that predicts best), n_influential, note. Differences below 4 are "no
        discernible difference".

    Raises
    ------
    InputError
        Fewer than two models, or models of other patients, times, entries, weights, causes or events; more refits than
        `most`.

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
    density, unsure = {}, {}
    for name, posterior in models.items():
        if by is None:
            found = left_out(posterior, refit=refit, most=most, progress=progress)
            density[name], unsure[name] = found.density, int(((found.k_hat > UNSURE) & ~found.exact).sum())
        else:
            density[name], unsure[name] = group_densities(posterior, by, most, progress), 0
    names = sorted(density, key=lambda name: -density[name].sum())
    logs = np.column_stack([density[name] for name in names])
    apart = logs - logs[:, :1]
    total, error = apart.sum(axis=0), np.sqrt(len(logs) * apart.var(axis=0, ddof=1))
    notes = []
    for k, name in enumerate(names):
        said = ["no discernible difference"] * bool(k and abs(total[k]) < ALIKE)
        said += [f"{unsure[name]} patients too influential"] * bool(unsure[name])
        said += [f"{len(logs)} groups: the error is rough"] * (by is not None and len(logs) < FEW)
        notes.append("; ".join(said))
    return pd.DataFrame(
        {
            "model": names, "elpd": logs.sum(axis=0), "difference": total, "std_error": error,
            "weight": stacked_weights(logs), "n_influential": [unsure[name] for name in names], "note": notes,
        }
    )  # fmt: skip


def group_densities(posterior: Posterior, by: str, most: int, progress: bool) -> Floats:
    """Joint log density of each group left out (groups)."""
    return leave_one_group_out(posterior, by, most=most, progress=progress)["elpd"].to_numpy(dtype=float)


def check_alike(models: Mapping[str, Posterior]) -> None:
    """Refuse to compare models of different data.

    Raises
    ------
    InputError
        Fewer than two, or models of other patients, times, entries, weights, causes or events.
    """
    if len(models) < 2:
        raise InputError("fewer than two models to compare", next_step="Give a mapping of names to posteriors.")
    first, *others = models.values()
    for other in others:
        one, two = first.endpoint, other.endpoint
        same = set(first.causes) == set(other.causes) and same_follow_up(one, two)
        same = same and alike_causes(one, two, first.causes)
        same = same and np.array_equal(first.reduced.patients.keep, other.reduced.patients.keep)
        same = same and same_parts(first.reduced, other.reduced)
        if not same:
            raise InputError(
                "models of different patients, times or causes", next_step="Fit all to the rows that have every column."
            )


def same_parts(one: Reduced, two: Reduced) -> bool:
    """Whether the same patients failed induction, and the hazards of the others begin at the same time."""
    if one.parts is None or two.parts is None:
        return one.parts is two.parts
    return one.parts.until == two.parts.until and np.array_equal(one.parts.failed, two.parts.failed)


def same_follow_up(one: Endpoint, two: Endpoint) -> bool:
    """Whether two endpoints have the same rows apart from their columns and events."""
    same = one.time_unit == two.time_unit and len(one) == len(two)
    return same and all(np.array_equal(a, b) for a, b in zip(followed(one), followed(two), strict=True))


def followed(endpoint: Endpoint) -> tuple[np.ndarray, ...]:
    """What a likelihood reads of the rows apart from their columns."""
    patient = np.arange(len(endpoint)) if endpoint.subject is None else endpoint.subject
    return endpoint.time, entries(endpoint), endpoint.case_weights, patient


def alike_causes(one: Endpoint, two: Endpoint, causes: tuple[str, ...]) -> bool:
    """Whether the same rows end with each of the causes."""
    hazards = tuple(cause for cause in causes if cause != FAILURE)
    first, second = (events_by_cause(endpoint, hazards) for endpoint in (one, two))
    return all(np.array_equal(first[cause], second[cause]) for cause in hazards)


def stacked_weights(density: Floats) -> Floats:
    """Weights of the mixture of models with the greatest log score of the patients left out (models)."""
    k = density.shape[1]
    scaled = np.exp(density - density.max(axis=1, keepdims=True))

    def score(free: Floats) -> float:
        weight = np.exp(np.append(free, 0.0) - logsumexp(np.append(free, 0.0)))
        return -float(np.log(scaled @ weight).sum())

    found = minimize(score, np.zeros(k - 1), method="L-BFGS-B", bounds=[(-12.0, 12.0)] * (k - 1)).x
    return np.asarray(np.exp(np.append(found, 0.0) - logsumexp(np.append(found, 0.0))))
