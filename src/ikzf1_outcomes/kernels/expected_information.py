"""What a Cox model is expected to tell of one covariate when its effect is given: the limit of the partial likelihood."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import ndtr, ndtri

from ikzf1_outcomes.kernels.risk import Floats

POINTS = 48
"""Nodes of the normal distribution of a feature."""
MOMENTS, PIECES = 8, 12
"""Nodes of each piece of time, and pieces."""
NO_MORE = 1e-12
"""Incidence of other causes, or share free of events, that is none."""
FARTHEST = 12.0
"""Largest log hazard ratio (of the whole contrast, or per SD) that is looked at."""


class Covariate(NamedTuple):
    """A covariate with few values: a split, or a normal feature at the nodes of a quadrature."""

    value: Floats
    share: Floats


def split(share: float) -> Covariate:
    """A group with this share, 1 in it and 0 outside."""
    return Covariate(np.array([0.0, 1.0]), np.array([1.0 - share, share]))


def standard_normal() -> Covariate:
    """A feature in standard deviations: Gauss-Hermite."""
    node, weight = np.polynomial.hermite_e.hermegauss(POINTS)
    return Covariate(node, weight / weight.sum())


class Hazards(NamedTuple):
    """Cumulative hazards over the whole of follow-up: of the cause where the covariate is 0, and of the other causes."""

    cause: float
    other: float


def incidences(covariate: Covariate, log_ratio: float, hazards: Hazards) -> tuple[Floats, Floats]:
    """Incidence of the cause and of the others at the end of follow-up, at each value; hazards constant over time."""
    own = hazards.cause * np.exp(log_ratio * covariate.value)
    total = own + hazards.other
    ended = -np.expm1(-total)
    return own / total * ended, hazards.other / total * ended


def hazards_of(covariate: Covariate, log_ratio: float, incidence: float, other: float) -> Hazards:
    """Hazards with which the cause and the others have these incidences among all patients, whatever the effect.

    One root within another: at a hazard of the cause, that of the others which leaves as many free of events as there are;
    NaN where no hazards give them.
    """
    free = 1.0 - incidence - other
    if not (incidence > 0.0 and other >= 0.0 and free > NO_MORE and np.isfinite(log_ratio)):
        return Hazards(np.nan, np.nan)
    relative = np.exp(log_ratio * covariate.value)

    def rest(log_cause: float) -> float:
        """Hazard of the others: log of the mean of exp(-own), over the share that is free of events."""
        left = covariate.share @ np.exp(-np.exp(log_cause) * relative)
        return float(np.log(left / free)) if left > 0.0 else -np.inf

    def gap(log_cause: float) -> float:
        found = incidences(covariate, log_ratio, Hazards(np.exp(log_cause), max(rest(log_cause), 0.0)))[0]
        return float(found @ covariate.share) - incidence

    # without other causes the hazard that leaves `free` is the largest there can be
    low, high = -60.0, 60.0
    top = float(brentq(lambda at: max(rest(at), -1.0), low, high, xtol=1e-13))
    if other <= NO_MORE or gap(top) <= 0.0:
        return Hazards(float(np.exp(top)), 0.0)
    log_cause = float(brentq(gap, low, top, xtol=1e-13))
    return Hazards(float(np.exp(log_cause)), rest(log_cause))


class Course(NamedTuple):
    """Follow-up as it is expected when the effect is the one given."""

    log_ratio: float
    covariate: Covariate
    present: Floats
    """Share of patients with each value who are at risk at some moments (moments, values)."""
    rate: Floats
    """Events that are expected at each moment, a patient, times its width (moments)."""


def course(covariate: Covariate, log_ratio: float, incidence: float, other: float) -> Course | None:
    """Follow-up of one length for all, on whose scale hazards are constant; None where no hazards give the incidences."""
    hazards = hazards_of(covariate, log_ratio, incidence, other)
    if np.isnan(hazards.cause):
        return None
    relative = np.exp(log_ratio * covariate.value)
    total = hazards.cause * relative + hazards.other
    # events crowd at the start where hazards are large
    edge = np.concatenate([[0.0], np.geomspace(min(1e-3, 0.01 / total.max()), 1.0, PIECES)])
    node, weight = np.polynomial.legendre.leggauss(MOMENTS)
    at = (edge[:-1, None] + np.diff(edge)[:, None] * (node + 1.0) / 2.0).ravel()
    width = (np.diff(edge)[:, None] * weight / 2.0).ravel()
    present = covariate.share * np.exp(-np.outer(at, total))
    return Course(log_ratio, covariate, present, width * hazards.cause * (present @ relative))


def gain(follow_up: Course, against: float) -> float:
    r"""Expected log partial likelihood of the true effect b less that of another, b', a patient.

    With S_x(u) the probability to be without any event and w_x the share of x,

    .. math:: \int \Big[ (b - b') \bar x_u - \log \frac{\sum w_x S_x e^{b x}}{\sum w_x S_x e^{b' x}} \Big] dN(u)

    with dN the events expected and the mean of x among them. For small b and b' = 0 it is b^2 / 2 times the incidence of
    the cause times the variance of x: half the noncentrality of Schoenfeld's formula.
    """
    value, truth = follow_up.covariate.value, follow_up.log_ratio
    seen = follow_up.present * np.exp(truth * value)
    mass = seen.sum(axis=1)
    mean = seen @ value / mass
    other = follow_up.present @ np.exp(against * value)
    return float(follow_up.rate @ ((truth - against) * mean - np.log(mass / other)))


def common_gain(first: Course, n_first: float, second: Course, n_second: float) -> float:
    """Gain of two effects over the best common one, summed over the patients of two groups."""

    def loss(against: float) -> float:
        return n_first * gain(first, against) + n_second * gain(second, against)

    low, high = sorted((first.log_ratio, second.log_ratio))
    return float(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-10}).fun)


def power_at(noncentrality: float, alpha: float) -> float:
    """Chance that a chi-square of 1 degree of freedom with this noncentrality is beyond its limit."""
    reach, limit = np.sqrt(max(noncentrality, 0.0)), -ndtri(alpha / 2.0)
    return float(ndtr(reach - limit) + ndtr(-reach - limit))


def least_effect(noncentrality: Callable[[float], float], start: float, power: float, alpha: float) -> float:
    """The effect nearest to 0 that has the power, of the sign of `start`; NaN where none has.

    Parameters
    ----------
    noncentrality
        Of the likelihood-ratio statistic, when the effect is the one given; NaN where it cannot be had.
    start
        A first guess.
    power, alpha
        Wanted, and two-sided.
    """

    def gap(effect: float) -> float:
        return power_at(noncentrality(effect), alpha) - power

    last, effect = 0.0, 0.3 * start
    while abs(effect) <= FARTHEST and not gap(effect) >= 0.0:
        last, effect = effect, 1.2 * effect
    if abs(effect) > FARTHEST:
        return np.nan
    return float(brentq(gap, last, effect, xtol=1e-12)) if last else effect
