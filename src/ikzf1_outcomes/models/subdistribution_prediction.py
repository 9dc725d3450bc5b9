"""The cumulative incidence that a Fine-Gray model predicts for patients with given covariates."""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.kernels.partial import relative_hazard
from ikzf1_outcomes.kernels.risk import Floats, Positions
from ikzf1_outcomes.kernels.subdistribution import before, fine_gray_likelihood
from ikzf1_outcomes.kernels.subdistribution_influence import score_residuals
from ikzf1_outcomes.models.subdistribution_rows import Sweep, summed


def hazard_steps(sweep: Sweep, z: Floats) -> tuple[Floats, Floats]:
    """Relative hazard at each event time (e) of a patient by the scaled columns whose effect changes (q).

    Returns
    -------
    relative, shift
        exp of their part of the linear predictor less that of the risk sets, and what was added so that it is at most
        of the order of 1: a patient's steps are relative * hazard * exp(the rest of the linear predictor - shift).
    """
    columns = sweep.rows.patterns.columns
    shift = sweep.sets.top.min()
    return np.exp((sweep.rows.patterns.moved * sweep.beta[columns]) @ z - (sweep.sets.top - shift)), shift


def cumulative_hazard(sweep: Sweep, x: Floats, upto: Positions, *, errors: bool = True) -> tuple[Floats, Floats]:
    """H(t|x) and the standard error of its logarithm, for covariates x (m, p) at times (k), each (m, k).

    log H moves with the coefficients by the integral of (x(u) - E(u)) dH(u|x), over H, and with the steps of H themselves
    by what the rows add to them; the latter is a score whose "covariate" is 0 and whose "mean" at u <= t is minus the
    relative hazard over the sum at risk. Patients alike in the columns whose effect changes share all of that.
    """
    z = (x - sweep.centre) / sweep.spread
    columns = sweep.rows.patterns.columns
    plain = np.delete(np.arange(z.shape[1]), columns)
    hazard, error = np.full((len(z), len(upto)), np.nan), np.full((len(z), len(upto)), np.nan)
    known = np.flatnonzero(np.isfinite(z).all(axis=1))
    moved = np.empty((0, 0))
    if errors:
        information = fine_gray_likelihood(sweep.rows)(sweep.beta)[2]
        moved = np.linalg.solve(information, sweep.totals.T)
    kinds, kind = np.zeros((1, 0)), np.zeros(len(known), dtype=np.intp)
    if len(columns):
        kinds, kind = np.unique(z[np.ix_(known, columns)], axis=0, return_inverse=True)
    for number, changing in enumerate(kinds):
        members = known[kind.reshape(-1) == number]
        relative, shift = hazard_steps(sweep, changing)
        steps = relative * sweep.sets.hazard
        base = before(steps)[upto]
        hazard[members] = relative_hazard(z[np.ix_(members, plain)] @ sweep.beta[plain] - shift)[:, None] * base
        if errors:
            error[members] = _errors(sweep, z[members], relative, upto, moved)
    return hazard, error


def _errors(sweep: Sweep, z: Floats, relative: Floats, upto: Positions, moved: Floats) -> Floats:
    """Standard error of log H for patients alike in the columns whose effect changes (m, k)."""
    rows, steps = sweep.rows, relative * sweep.sets.hazard
    base = before(steps)[upto]
    factor = np.ones((1, z.shape[1])) if rows.factor is None else rows.factor
    flow, slope = (before(steps[:, None] * part)[upto] for part in (factor, sweep.sets.mean))
    bare = rows._replace(x=np.zeros((len(rows.x), 1)), factor=None)
    covariance = moved @ moved.T
    error = np.full((len(z), len(upto)), np.nan)
    for k in np.flatnonzero(base > 0):
        mean = np.where(np.arange(len(steps)) < upto[k], -relative / sweep.sets.total, 0.0)[:, None]
        influence = score_residuals(bare, sweep.sets._replace(mean=mean))
        own = summed(influence, rows.weight, sweep.clusters)[:, 0]
        lean = (z * flow[k] - slope[k]) / base[k]
        variance = np.einsum("ij,jk,ik->i", lean, covariance, lean) + 2.0 * lean @ (moved @ own) / base[k]
        error[:, k] = np.sqrt(np.maximum(variance + own @ own / base[k] ** 2, 0.0))
    return error
