"""Likelihood of a mixture of cured and uncured patients, with a Weibull or a piecewise constant hazard of the latter."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from ikzf1_outcomes.kernels.partial import Maximum, newton
from ikzf1_outcomes.kernels.risk import Floats

Evaluate = Callable[[Floats], tuple]
SHARES = (0.95, 0.6, 0.15)
"""Shares of those without an event who are taken as cured where the searches start."""


class Hazard(NamedTuple):
    """Cumulative hazard of a baseline at some times, and its derivatives by the parameters."""

    total: Floats
    """Cumulative hazard (n)."""
    slope: Floats
    """Its first derivatives (n, q)."""
    bend: Callable[[Floats], Floats]
    """Weights (n) to the weighted sum of its second derivatives (q, q)."""


class LogHazard(NamedTuple):
    """Log hazard of a baseline at some times, and its derivatives by the parameters."""

    value: Floats
    slope: Floats
    bend: Callable[[Floats], Floats]


class Baseline(NamedTuple):
    """A baseline of the uncured: parameters to hazards at the times it was made for."""

    size: int
    cumulative: Callable[[Floats], Hazard]
    log_hazard: Callable[[Floats], LogHazard]
    constant: Callable[[float], Floats]
    """The parameters of a constant hazard with this logarithm."""


class Rows(NamedTuple):
    """What the likelihood reads: covariates of the cured part hold the column of ones, those of the latency do not."""

    event: np.ndarray
    weight: Floats
    z: Floats
    x: Floats
    end: Baseline
    """The baseline at the end of each row (n)."""
    late: np.ndarray
    """Rows that entered late (m of n)."""
    entry: Baseline
    """The baseline at the entries of those rows (m)."""


def weibull_baseline(time: Floats) -> Baseline:
    """H0(t) = exp(a) t^k with parameters a and log k; 0 at time 0."""
    positive = time > 0
    log_time = np.log(np.where(positive, time, 1.0))

    def cumulative(parameters: Floats) -> Hazard:
        steep = np.exp(parameters[1]) * log_time
        total = np.where(positive, np.exp(parameters[0] + steep), 0.0)

        def bend(weight: Floats) -> Floats:
            mass = weight * total
            mixed, square = mass @ steep, mass @ (steep * steep + steep)
            return np.array([[mass.sum(), mixed], [mixed, square]])

        return Hazard(total, np.column_stack((total, total * steep)), bend)

    def log_hazard(parameters: Floats) -> LogHazard:
        steep = np.exp(parameters[1]) * log_time
        value = parameters[0] + parameters[1] + steep - log_time
        slope = np.column_stack((np.ones(len(time)), 1.0 + steep))
        return LogHazard(value, slope, lambda weight: np.array([[0.0, 0.0], [0.0, weight @ steep]]))

    return Baseline(2, cumulative, log_hazard, lambda level: np.array([level, 0.0]))


def piecewise_baseline(time: Floats, cuts: Floats) -> Baseline:
    """Constant hazards exp(a_j) on (0, c_1], (c_1, c_2], ..., after the last cut; time 0 lies in the first."""
    edges = np.concatenate(([0.0], cuts))
    width = np.append(np.diff(edges), np.inf)
    spent = np.clip(time[:, None] - edges, 0.0, width)
    own = np.maximum(np.searchsorted(edges, time, side="left") - 1, 0)
    member = np.zeros((len(time), len(edges)))
    member[np.arange(len(time)), own] = 1.0
    flat = np.zeros((len(edges), len(edges)))

    def cumulative(parameters: Floats) -> Hazard:
        part = spent * np.exp(parameters)
        return Hazard(part.sum(axis=1), part, lambda weight: np.diag(weight @ part))

    def log_hazard(parameters: Floats) -> LogHazard:
        return LogHazard(parameters[own], member, lambda weight: flat)

    return Baseline(len(edges), cumulative, log_hazard, lambda level: np.full(len(edges), level))


def cure_likelihood(rows: Rows, *, cured: bool = True) -> Evaluate:
    r"""The log-likelihood as a function of its parameters: value, score, information.

    With q = z'g the log odds of being cured, H the cumulative hazard of an uncured patient, H0(t) exp(x'b), and h its
    derivative, a row that ends with the event adds log h - H - log(1 + e^q), a censored one log S; one that entered late
    takes log S at its entry away, where

    .. math:: \log S = -H + \log(1 + e^{q + H}) - \log(1 + e^q)

    whose second derivatives by q and H are all r (1 - r), r = e^{q + H} / (1 + e^{q + H}) being the probability to be cured
    of who is still without the event; by q alone less p (1 - p), p = e^q / (1 + e^q).

    Parameters (in this order): those of the cured part, of the latency, of the baseline. With `cured` false there is no
    cured part: q is minus infinity and the parameters are those of the latency and the baseline.
    """
    split = rows.z.shape[1] if cured else 0
    size = split + rows.x.shape[1] + rows.end.size
    died = rows.weight * rows.event
    sets = (
        (slice(None), rows.end, rows.weight * ~rows.event, died),
        (rows.late, rows.entry, -rows.weight[rows.late], np.zeros(int(rows.late.sum()))),
    )

    def evaluate(theta: Floats) -> tuple:
        gamma, beta, base = np.split(theta, [split, split + rows.x.shape[1]])
        q = rows.z @ gamma if cured else np.full(len(rows.weight), -np.inf)
        value, score, second = 0.0, np.zeros(size), np.zeros((size, size))
        with np.errstate(over="ignore", invalid="ignore"):
            for part, baseline, survived, failed in sets:
                z, x = rows.z[part][:, :split], rows.x[part]
                found = baseline.cumulative(base)
                relative = np.exp(x @ beta)
                hazard = found.total * relative
                slope = np.column_stack((hazard[:, None] * x, relative[:, None] * found.slope))
                r, p = expit(q[part] + hazard), expit(q[part])
                softly = np.logaddexp(0.0, q[part])
                value += survived @ (np.logaddexp(0.0, q[part] + hazard) - hazard - softly) - failed @ (hazard + softly)
                by_hazard = survived * (r - 1.0) - failed
                score += np.concatenate((z.T @ (survived * (r - p) - failed * p), slope.T @ by_hazard))
                bent, odds = survived * r * (1.0 - r), (survived + failed) * p * (1.0 - p)
                joint = np.column_stack((z, slope))
                second += joint.T @ (bent[:, None] * joint)
                second[:split, :split] -= z.T @ (odds[:, None] * z)
                second[split:, split:] += bend_of(x, hazard, relative, found, by_hazard)
            rate = rows.end.log_hazard(base)
            value += died @ (rate.value + rows.x @ beta)
            score[split:] += np.concatenate((rows.x.T @ died, rate.slope.T @ died))
            second[size - rows.end.size :, size - rows.end.size :] += rate.bend(died)
        if not (np.isfinite(value) and np.isfinite(score).all() and np.isfinite(second).all()):
            return -np.inf, np.zeros(size), np.eye(size)
        return value, score, -second

    return evaluate


def bend_of(x: Floats, hazard: Floats, relative: Floats, found: Hazard, weight: Floats) -> Floats:
    """Weighted sum of the second derivatives of H by the coefficients and the baseline."""
    mixed = x.T @ ((weight * relative)[:, None] * found.slope)
    return np.block([[x.T @ ((weight * hazard)[:, None] * x), mixed], [mixed.T, found.bend(weight * relative)]])


def survival_of(q: Floats, z: Floats, hazard: Floats, slope: Floats) -> tuple[Floats, Floats]:
    """Survival of a mixture and its derivatives by all parameters, from q, H and the derivatives of H (n, ...)."""
    r, p = expit(q + hazard), expit(q)
    survival = p + (1.0 - p) * np.exp(-hazard)
    by = np.concatenate((((r - p)[:, None] * z), (r - 1.0)[:, None] * slope), axis=1)
    return survival, survival[:, None] * by


def starts(rows: Rows, time: Floats, *, cured: bool = True) -> list[Floats]:
    """Where the searches begin: no covariate matters, and some of those without an event are cured."""
    died = float(rows.weight @ rows.event)
    out = []
    for share in SHARES if cured else (0.0,):
        lost = rows.weight * ~rows.event
        exposure = float(rows.weight @ (time * rows.event) + (1.0 - share) * (lost @ time))
        level = np.log(died / exposure) if exposure > 0 else 0.0
        odds = np.zeros(rows.z.shape[1])
        odds[0] = logit(np.clip(share * lost.sum() / rows.weight.sum(), 1e-3, 1.0 - 1e-3))
        out.append(np.concatenate((odds[: len(odds) * cured], np.zeros(rows.x.shape[1]), rows.end.constant(level))))
    return out


def maximise_cure(evaluate: Evaluate, begin: list[Floats]) -> tuple[Maximum, Floats]:
    """The highest maximum that searches from several starts reach, carried on by Newton's method.

    Each search is SciPy's trust-region method with the exact information, which also climbs where that is indefinite.

    Returns
    -------
    maximum, theta
        `maximum.beta` counts from the end of the best search; `theta` is where it stopped.
    """

    def negative(theta: Floats) -> tuple[float, Floats]:
        value, score, _ = evaluate(theta)
        # the search divides this by small numbers: it may not overflow
        return -value if np.isfinite(value) else 1e100, -score

    found = [
        minimize(
            negative, start, jac=True, hess=lambda theta: evaluate(theta)[2], method="trust-exact",
            options={"gtol": 1e-6, "maxiter": 300},
        )
        for start in begin
    ]  # fmt: skip
    best = min(found, key=lambda result: float(result.fun)).x
    top = newton(lambda step: evaluate(best + step), len(best))
    return top, best + top.beta


def baseline_at(time: Floats, cuts: Floats | None) -> Baseline:
    """The baseline of the uncured at some times: Weibull, or piecewise where there are cuts."""
    return weibull_baseline(time) if cuts is None else piecewise_baseline(time, cuts)


def lay_out_cure(
    time: Floats, entry: Floats, event: np.ndarray, weight: Floats, z: Floats, x: Floats, cuts: Floats | None
) -> Rows:
    """Rows for the likelihood; an entry of 0 is none."""
    late = entry > 0
    ones = np.column_stack((np.ones(len(time)), z))
    return Rows(event, weight, ones, x, baseline_at(time, cuts), late, baseline_at(entry[late], cuts))


def cure_in_own_units(
    theta: Floats, cured: tuple[Floats, Floats], latency: tuple[Floats, Floats], unit: float, *, weibull: bool
) -> tuple[Floats, Floats]:
    """Parameters for covariates and times as they were, and their derivatives by those they were fitted as.

    `cured` and `latency` are what was taken off the covariates and what they were divided by; times were divided by `unit`.
    """
    turn = np.eye(len(theta))
    begin = 1 + len(cured[0])
    end = begin + len(latency[0])
    turn[0, 1:begin] = -cured[0] / cured[1]
    turn[1:begin, 1:begin] = np.diag(1.0 / cured[1])
    turn[begin:end, begin:end] = np.diag(1.0 / latency[1])
    base = slice(end, end + 1) if weibull else slice(end, None)
    turn[base, begin:end] = -latency[0] / latency[1]
    own = turn @ theta
    own[base] -= np.log(unit) * (np.exp(theta[-1]) if weibull else 1.0)
    if weibull:
        turn[end, end + 1] = -np.log(unit) * np.exp(theta[-1])
    return own, turn
