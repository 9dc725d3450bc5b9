"""The baselines of several Cox models on common times, and patients as all of the models see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.absolute_risk import Hazards
from ikzf1_outcomes.kernels.partial import relative_hazard
from ikzf1_outcomes.kernels.residuals import Baseline, baseline
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.models.prediction import as_seen, offset_of, strata_of, stratum_name

NO_COEFFICIENT = "not estimable: a missing value"


class Patients(NamedTuple):
    """Patients with given covariates, as K models see them."""

    x: tuple[Floats, ...]
    """Covariates of each model, centred and of unit spread (n, p of the model)."""
    relative: Floats
    """Hazard relative to the baseline at covariates 0, under each model (n, K); 0 for levels without events."""
    known: np.ndarray
    """Whether every model has what it needs of the patient (n)."""
    empty: np.ndarray
    """Whether the patient has a level without events, under each model (n, K)."""
    stratum: np.ndarray
    """Name of the stratum of each patient (n)."""
    covariance: tuple[Floats, ...]
    """Of the coefficients of each model, for `x` as it is."""

    @property
    def strata(self) -> list[str]:
        """The strata that patients with known covariates have."""
        return sorted(set(self.stratum[self.known]))


def patients_of(fits: Sequence[CoxFit], new: pd.DataFrame) -> Patients:
    """Encode patients by the designs of several models that share their strata.

    Raises
    ------
    ColumnError, InputError
        A column that is not there; levels or values that a model does not know.
    """
    known, empty = np.ones(len(new), dtype=bool), np.zeros((len(new), len(fits)), dtype=bool)
    xs, covariances, relative = [], [], np.empty((len(new), len(fits)))
    for k, fit in enumerate(fits):
        how = fit.estimation
        scaled, told = as_seen(fit.design, how, new)
        matrix, keep = fit.design.spec.encode(new)
        empty[keep, k] = how.span.without_events(matrix)
        shift = offset_of(how, new)
        known &= (told | empty[:, k]) & ~np.isnan(shift)
        # in the limit a level without events has a hazard of 0, of which nothing is left to differentiate
        scaled[empty[:, k]] = 0.0
        eta = scaled @ (fit.maximum.beta * how.scale) + np.nan_to_num(shift)
        relative[:, k] = np.where(empty[:, k], 0.0, relative_hazard(eta))
        xs.append(scaled)
        covariances.append(fit.covariance * np.outer(how.scale, how.scale))
    return Patients(tuple(xs), relative, known, empty, strata_of(fits[0].estimation, new), tuple(covariances))


def steps_of(fit: CoxFit) -> Baseline:
    """The baseline of a fit, for covariates as its likelihood saw them."""
    return baseline(fit.estimation.layout, fit.maximum.beta * fit.estimation.scale, fit.estimation.ties)


def place_of(fit: CoxFit, stratum: str) -> int:
    """Position of a stratum in the layout of a fit, -1 where it had no event of the cause."""
    names = [stratum_name(level) for level in fit.estimation.levels]
    return names.index(stratum) if stratum in names else -1


def joint(fits: Sequence[CoxFit], stratum: str, steps: Sequence[Baseline]) -> tuple[Hazards, float]:
    """The baselines of one stratum on the event times of any cause, and the last follow-up in it.

    Raises
    ------
    InputError
        A stratum that the models do not know.
    """
    rows = fits[0].endpoint.rows
    groups = fits[0].endpoint.groups(list(fits[0].estimation.strata) or None)
    members = np.isin(groups.codes, [code for code, level in enumerate(groups.levels) if stratum_name(level) == stratum])
    members &= np.logical_or.reduce([fit.estimation.complete for fit in fits])
    if not members.any():
        raise InputError("a stratum that the models do not know", next_step="Use the strata of the patients analysed.")
    mine = [part.stratum == place_of(fit, stratum) for fit, part in zip(fits, steps, strict=True)]
    ranks = np.unique(np.concatenate([part.rank[own] for part, own in zip(steps, mine, strict=True)]))
    step, variance = np.zeros((len(ranks), len(fits))), np.zeros((len(ranks), len(fits)))
    slope = []
    for k, (part, own) in enumerate(zip(steps, mine, strict=True)):
        at = np.searchsorted(ranks, part.rank[own])
        step[at, k], variance[at, k] = part.step[own], part.variance[own]
        slope.append(np.zeros((len(ranks), part.slope.shape[1])))
        slope[k][at] = part.slope[own]
    last = rows.times[rows.rank[members].max()]
    return Hazards(rows.times[ranks], step, variance, tuple(slope)), float(last)
