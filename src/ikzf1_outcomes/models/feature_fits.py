"""Cox models of a screen that share rows, adjusters and risk sets, maximised together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Columns, Endpoint
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.kernels.feature_models import FeatureLikelihood, FeatureMaxima, maximise_features
from ikzf1_outcomes.kernels.feature_scores import cox_scores, null_fit
from ikzf1_outcomes.kernels.partial import linear_predictor
from ikzf1_outcomes.kernels.risk import Floats, Positions
from ikzf1_outcomes.models.analysed_rows import Analysed, analysed, events_of
from ikzf1_outcomes.models.estimability import RUNNING, SURELY_APART, VANISHED
from ikzf1_outcomes.models.proportional_hazards import Estimated, estimate
from ikzf1_outcomes.models.screened_features import with_feature

AT_ONCE = 1024
"""Features that are maximised together: more would not be faster, and take memory."""
MARGIN = 100.0
"""How far from flat the information must be for a feature not to be looked at alone."""


class Setting(NamedTuple):
    """What all models of a screen have in common."""

    endpoint: Endpoint
    cause: str | None
    ties: str
    strata: Columns | None
    test: str
    conf_level: float


class Found(NamedTuple):
    """What was estimated of some features, in their own units; NaN with a note where nothing could be (features)."""

    estimate: Floats
    std_error: Floats
    statistic: Floats
    """Chi-square with one degree of freedom, NaN for Wald's test."""
    low: Floats
    high: Floats
    """Profile limits, NaN for Wald's."""
    note: np.ndarray

    @classmethod
    def nothing(cls, k: int, note: str = "") -> Found:
        """Nothing yet of k features, or nothing at all for one reason."""
        estimate, std_error, statistic, low, high = np.full((5, k), np.nan)
        return cls(estimate, std_error, statistic, low, high, np.full(k, note, dtype=object))


class Members(NamedTuple):
    """Features that are known in the same rows, with the adjusters there."""

    names: tuple[str, ...]
    part: Design
    """Adjusters; its rows are those of `x`."""
    x: Floats
    """(kept rows, features)."""


def cox_features(setting: Setting, members: Members) -> Found:
    """Cox models of the adjusters and one feature each.

    Raises
    ------
    InputError, ConvergenceError
        The adjusters alone have no maximum, or there is no event.
    """
    rows = analysed(setting.endpoint, members.part, setting.strata, None, False, None)
    event = events_of(setting.endpoint, members.part, rows, setting.cause)
    null = estimate(setting.endpoint, members.part, rows, event, setting.ties, "")
    found = Found.nothing(len(members.names))
    for begin in range(0, len(members.names), AT_ONCE):
        piece = slice(begin, begin + AT_ONCE)
        some = Members(members.names[piece], members.part, members.x[:, piece])
        place(found, piece, together(setting, some, rows, event, null))
    return found


def place(found: Found, where: slice | np.ndarray, part: Found) -> None:
    """Write what was found of some features into the whole."""
    for whole, own in zip(found, part, strict=True):
        whole[where] = own


def together(setting: Setting, members: Members, rows: Analysed, event: np.ndarray, null: Estimated) -> Found:
    """Some features at once; those that are not surely at a maximum are looked at alone."""
    layout, used = null.how.layout, null.how.rows[members.part.keep]
    # rows as those of the layout, each feature's values beside those of the others
    x = members.x.take(np.flatnonzero(used)[layout.where], axis=0)
    centre = x.mean(axis=0)
    x -= centre
    own = within_strata(x, layout.start)
    spread = np.sqrt(np.einsum("ij,ij->j", own, own) / len(own))
    flat = spread <= 1e-12 * np.maximum(1.0, np.abs(centre))
    found = Found.nothing(len(members.names))
    found.note[flat] = [f"constant among the rows analysed: {members.names[j]}" for j in np.flatnonzero(flat)]
    rest = np.flatnonzero(~flat)
    if not len(rest):
        return found
    if flat.any():
        x, own, spread = np.ascontiguousarray(x[:, rest]), own[:, rest], spread[rest]
    sure = surely_apart(own, spread, within_strata(layout.x - layout.x.mean(axis=0), layout.start))
    x /= spread
    beta = null.maximum.beta * null.how.scale
    likelihood = FeatureLikelihood(layout, linear_predictor(layout, beta)[1], setting.ties)
    scores = cox_scores(null_fit(layout, beta, setting.ties))
    fit = maximise_features(likelihood, x, beta, scores.at_start(x, null.maximum.value))
    there, variance = at_maximum(fit, len(x))
    sure &= there
    found.estimate[rest] = np.where(sure, fit.beta[:, -1] / spread, np.nan)
    found.std_error[rest] = np.where(sure, np.sqrt(variance) / spread, np.nan)
    if setting.test == "likelihood_ratio":
        found.statistic[rest] = np.where(sure, np.maximum(2.0 * (fit.value - null.maximum.value), 0.0), np.nan)
    elif setting.test == "score":
        found.statistic[rest] = score_statistics(fit)
    for j in rest[~sure]:
        place(found, slice(j, j + 1), alone(setting, members, rows, event, null, int(j), found.statistic[j]))
    return found


def at_maximum(fit: FeatureMaxima, n: int) -> tuple[np.ndarray, Floats]:
    """Which features are surely at a finite maximum, and the variances of all their coefficients."""
    q = fit.beta.shape[1]
    information = np.where(fit.converged[:, None, None], fit.information, np.eye(q))
    inverse = np.linalg.inv(information)
    sure = fit.converged & (np.abs(fit.step).max(axis=1) * 2.0 * np.sqrt(n) <= RUNNING)
    # the smallest eigenvalue is above the reciprocal of the trace of the inverse
    shrunk = np.trace(inverse, axis1=1, axis2=2) * np.trace(fit.information_start, axis1=1, axis2=2)
    sure &= (shrunk < 1.0 / (MARGIN * VANISHED)) & (inverse[:, -1, -1] > 0.0)
    return sure, np.where(sure, inverse[:, -1, -1], np.nan)


def within_strata(x: Floats, start: Positions) -> Floats:
    """Columns of mean 0 less their means in each stratum; rows by stratum, which begin at `start`."""
    if len(start) == 2:
        return x
    size = np.diff(start)
    out: Floats = x - np.repeat(np.add.reduceat(x, start[:-1], axis=0) / size[:, None], size, axis=0)
    return out


def surely_apart(x: Floats, spread: Floats, adjusters: Floats) -> np.ndarray:
    """Features that are surely no combination of the adjusters; all of mean 0, the features with their spreads.

    The smallest eigenvalue of the correlations R of all is above 1 / tr(R^-1), which the inverse of the adjusters' part
    and the share of a feature that they leave give for all features at once.
    """
    n, p = adjusters.shape
    if not p:
        return np.ones(x.shape[1], dtype=bool)
    z = adjusters / np.sqrt((adjusters**2).mean(axis=0))
    inverse = np.linalg.pinv(z.T @ z / n, hermitian=True)
    shared = z.T @ x / (n * spread)
    slope = inverse @ shared
    left = np.maximum(1.0 - (shared * slope).sum(axis=0), 1e-300)
    trace = np.trace(inverse) + (1.0 + (slope**2).sum(axis=0)) / left
    return np.asarray((trace < 1.0 / SURELY_APART) & (np.linalg.matrix_rank(z) == p))


def score_statistics(fit: FeatureMaxima) -> Floats:
    """Score squared over the information that the adjusters leave, at their fit."""
    information, p = fit.information_start, fit.beta.shape[1] - 1
    left = information[:, p, p].copy()
    if p:
        slope = np.linalg.solve(information[:, :p, :p], information[:, :p, p:])[..., 0]
        left -= (information[:, p, :p] * slope).sum(axis=1)
    return np.divide(fit.score_start**2, left, out=np.full(len(left), np.nan), where=left > 0.0)


def alone(
    setting: Setting, members: Members, rows: Analysed, event: np.ndarray, null: Estimated, j: int, score: float
) -> Found:
    """One feature as the single model has it, or the words with which that refuses it."""
    matrix, column = with_feature(members.part, members.x[:, j], members.names[j])
    try:
        fit = estimate(setting.endpoint, matrix, rows, event, setting.ties, "")
    except (InputError, ConvergenceError) as error:
        return Found.nothing(1, error.problem)
    if column not in fit.position:
        return Found.nothing(1, fit.notes[column])
    at = fit.position[column]
    statistic = score if setting.test == "score" else np.nan
    if setting.test == "likelihood_ratio":
        statistic = max(2.0 * (fit.maximum.value - null.maximum.value), 0.0)
    found = Found.nothing(1)
    found.estimate[0], found.std_error[0] = fit.maximum.beta[at], np.sqrt(fit.covariance[at, at])
    found.statistic[0] = statistic
    return found
