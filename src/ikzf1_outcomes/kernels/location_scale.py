"""Location and scale of log time: Weibull, log-logistic and log-normal likelihoods."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_ndtr, logit, ndtri

from ikzf1_outcomes.kernels.risk import Floats


class Piece(NamedTuple):
    """A function of the standardised log time, with its first two derivatives."""

    value: Floats
    first: Floats
    second: Floats


class Family(NamedTuple):
    """A distribution of log time: location x'b, scale sigma."""

    density: Callable[[Floats], Piece]
    """Log density of the standardised log time."""
    survival: Callable[[Floats], Piece]
    """Its log survival."""
    quantile: Callable[[float], float]
    shape: str
    """What the last parameter is called."""
    sign: float
    """1 where that parameter is sigma, -1 where it is 1 / sigma."""


def least_extreme(z: Floats) -> Piece:
    """Log survival of the Weibull's log time: -e^z."""
    out = -np.exp(z)
    return Piece(out, out, out)


def logistic(z: Floats) -> Piece:
    """Log survival of the log-logistic's log time: -log(1 + e^z)."""
    p = expit(z)
    return Piece(-np.logaddexp(0.0, z), -p, -p * (1.0 - p))


def normal(z: Floats) -> Piece:
    """Log survival of the log-normal's log time."""
    value = log_ndtr(-z)
    hazard = np.exp(-0.5 * z * z - value) / np.sqrt(2.0 * np.pi)
    return Piece(value, -hazard, -hazard * (hazard - z))


def extreme_density(z: Floats) -> Piece:
    """z - e^z."""
    tail = least_extreme(z)
    return Piece(z + tail.value, 1.0 + tail.first, tail.second)


def logistic_density(z: Floats) -> Piece:
    """z - 2 log(1 + e^z)."""
    tail = logistic(z)
    return Piece(z + 2.0 * tail.value, 1.0 + 2.0 * tail.first, 2.0 * tail.second)


def normal_density(z: Floats) -> Piece:
    """-z^2 / 2 - log(2 pi) / 2."""
    return Piece(-0.5 * z * z - 0.5 * np.log(2.0 * np.pi), -z, np.full(len(z), -1.0))


def extreme_quantile(p: float) -> float:
    """z with 1 - exp(-e^z) = p."""
    return float(np.log(-np.log1p(-p)))


FAMILIES: dict[str, Family] = {
    "weibull": Family(extreme_density, least_extreme, extreme_quantile, "shape", -1.0),
    "exponential": Family(extreme_density, least_extreme, extreme_quantile, "shape", -1.0),
    "log_logistic": Family(logistic_density, logistic, logit, "shape", -1.0),
    "log_normal": Family(normal_density, normal, ndtri, "standard deviation", 1.0),
}


class Followed(NamedTuple):
    """Rows whose follow-up has a length: covariates with a column of ones."""

    log_time: Floats
    event: np.ndarray
    weight: Floats
    x: Floats
    late: np.ndarray
    log_entry: Floats


def family_likelihood(family: Family, rows: Followed, *, scaled: bool) -> Callable[[Floats], tuple]:
    r"""Log-likelihood of (b, log sigma), or of b with sigma 1: value, score, information.

    With z = (log t - x'b) / sigma an event adds log f(z) - log sigma - log t, a censored row log S(z), and a row that
    entered late takes log S of its entry away.
    """
    x, p = rows.x, rows.x.shape[1]
    died, lost, late = rows.weight * rows.event, rows.weight * ~rows.event, rows.late
    fixed = -float(died @ rows.log_time)

    def evaluate(theta: Floats) -> tuple:
        log_scale = float(theta[p]) if scaled else 0.0
        value, score, second = fixed - died.sum() * log_scale, np.zeros(p + 1), np.zeros((p + 1, p + 1))
        score[p] = -died.sum()
        with np.errstate(over="ignore", invalid="ignore"):
            z = (rows.log_time - x @ theta[:p]) * np.exp(-log_scale)
            parts = [(x, z, died, family.density), (x, z, lost, family.survival)]
            if late.any():
                entered = (rows.log_entry - x[late] @ theta[:p]) * np.exp(-log_scale)
                parts.append((x[late], entered, -rows.weight[late], family.survival))
            for own, at, weight, function in parts:
                found = function(at)
                slope = np.column_stack((own * -np.exp(-log_scale), -at))
                value += weight @ found.value
                score += slope.T @ (weight * found.first)
                second += slope.T @ ((weight * found.second)[:, None] * slope)
                # z itself bends: d2z / db dlog(sigma) = x / sigma, d2z / dlog(sigma)2 = z
                mixed = -slope.T @ (weight * found.first)
                mixed[p] /= 2.0
                second[p] += mixed
                second[:, p] += mixed
        size = p + scaled
        if not (np.isfinite(value) and np.isfinite(score).all() and np.isfinite(second).all()):
            return -np.inf, np.zeros(size), np.eye(size)
        return value, score[:size], -second[:size, :size]

    return evaluate


def as_hazards(theta: Floats, covariance: Floats, p: int) -> tuple[Floats, Floats]:
    """Log rate and log hazard ratios, -b / sigma, for (b, log sigma); log sigma stays."""
    sigma = float(np.exp(theta[p])) if len(theta) > p else 1.0
    turn = np.eye(len(theta))
    turn[:p, :p] /= -sigma
    turn[:p, p:] = theta[:p, None] / sigma
    return np.concatenate((-theta[:p] / sigma, theta[p:])), turn @ covariance @ turn.T
