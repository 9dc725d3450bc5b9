"""One effect from the estimates of several studies, which differ by more than chance: sums over studies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from ikzf1_outcomes.kernels.risk import Floats

GRID = 200
"""Places at which the restricted likelihood is looked at for its peaks."""
CLOSE = 1e-15


class Weighted(NamedTuple):
    """The mean of the estimates, each weighted by one over its variance."""

    mean: float
    variance: float
    """1 / sum w: of the mean, were the weights known."""
    weights: Floats
    """w_i, not normalised (k)."""
    q: float
    """sum w_i (y_i - mean)^2."""


def weighted_mean(y: Floats, v: Floats, between: float = 0.0) -> Weighted:
    """Weights 1 / (v_i + between), their mean and Q."""
    w: Floats = 1.0 / (v + between)
    mean = float((w * y).sum() / w.sum())
    return Weighted(mean, float(1.0 / w.sum()), w, float((w * (y - mean) ** 2).sum()))


def der_simonian_laird(y: Floats, v: Floats) -> float:
    """Variance between studies by moments: (Q - (k - 1)) / (sum w - sum w^2 / sum w) with w = 1 / v, none below 0."""
    found = weighted_mean(y, v)
    w = found.weights
    return max(0.0, (found.q - (len(y) - 1)) / float(w.sum() - (w**2).sum() / w.sum()))


def paule_mandel(y: Floats, v: Floats) -> float:
    """The variance between studies at which Q is what is expected of it, k - 1; 0 where Q is less without any."""
    expected = len(y) - 1
    if weighted_mean(y, v).q <= expected:
        return 0.0
    high = float(v.max()) + float(np.var(y, ddof=1))
    while weighted_mean(y, v, high).q > expected:
        high *= 2.0
    return brent(lambda t: weighted_mean(y, v, t).q - expected, 0.0, high)


def restricted_score(y: Floats, v: Floats, between: Floats) -> Floats:
    """Derivative of the restricted log likelihood by the variance between studies, at each of those given (m).

    l(t) = -1/2 [ sum log(v_i + t) + log sum w_i + sum w_i (y_i - mean)^2 ], w_i = 1 / (v_i + t), hence
    2 l'(t) = -sum w_i + sum w_i^2 / sum w_i + sum w_i^2 (y_i - mean)^2.
    """
    w = 1.0 / (v + between[:, None])
    total, w2 = w.sum(axis=1), w**2
    far = y - ((w @ y) / total)[:, None]
    score: Floats = 0.5 * (-total + w2.sum(axis=1) / total + (w2 * far**2).sum(axis=1))
    return score


def restricted_likelihood(y: Floats, v: Floats, between: float) -> float:
    """The restricted log likelihood, without its constant."""
    found = weighted_mean(y, v, between)
    return -0.5 * float(np.log(v + between).sum() + np.log(found.weights.sum()) + found.q)


def restricted_maximum(y: Floats, v: Floats) -> float:
    """The variance between studies of greatest restricted likelihood, none below 0; of several peaks the highest."""
    # beyond the scatter of the estimates the score is below 0
    top = 10.0 * (float(np.ptp(y)) ** 2 + float(v.max()))
    places = np.concatenate(([0.0], np.geomspace(1e-8 * float(v.min()), top, GRID)))
    score = restricted_score(y, v, places)
    peaks = [0.0]
    for k in np.flatnonzero((score[:-1] > 0) & (score[1:] <= 0)):
        peaks.append(brent(lambda t: float(restricted_score(y, v, np.array([t]))[0]), places[k], places[k + 1]))
    return max(peaks, key=lambda t: restricted_likelihood(y, v, t))


def brent(function, low: float, high: float) -> float:  # type: ignore[no-untyped-def]
    """Where a function is 0, as closely as numbers are."""
    return float(brentq(function, low, high, xtol=CLOSE * max(high, 1e-3), rtol=8.9e-16, maxiter=500))


def heterogeneity_share(v: Floats, between: float) -> float:
    """I^2: the variance between studies as a share of it and of a typical variance within.

    Typical: (k - 1) sum w / ((sum w)^2 - sum w^2), w = 1 / v (Higgins and Thompson 2002).
    """
    w = 1.0 / v
    typical = (len(v) - 1) * float(w.sum()) / float(w.sum() ** 2 - (w**2).sum())
    return between / (between + typical)


BETWEEN = {"reml": restricted_maximum, "dl": der_simonian_laird, "pm": paule_mandel}
"""Estimators of the variance between studies."""
