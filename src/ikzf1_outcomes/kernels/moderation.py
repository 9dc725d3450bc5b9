"""Residual variances of many rows, drawn towards a common one: the prior from all rows, and the tests that follow.

The variances s_g^2 with d_g degrees of freedom are taken to be s0^2 F(d_g, d0): a chi-square about a true variance whose
inverse is itself scaled chi-square with d0 degrees of freedom (Smyth 2004, recalled, not verified).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import digamma, fdtrc, polygamma, stdtr, stdtrit

from ikzf1_outcomes.kernels.risk import Floats

LEAST = 1e-5
"""Variances below this share of the median are raised to it before logarithms are taken."""
PRIOR_SHARE = 0.01
"""Share of rows that are thought to differ, behind the log odds."""
EFFECT_SPREAD = (0.1, 4.0)
"""Limits of the standard deviation of true differences, on the scale of the values."""
ALL_KNOWN = 1e6
"""Prior degrees of freedom from which the variance counts as known."""


class VariancePrior(NamedTuple):
    """What all rows together say of the variance of one."""

    variance: Floats
    """s0^2, for each row (G)."""
    df: Floats
    """d0, for each row; infinite where all rows share a variance (G)."""


class Moderated(NamedTuple):
    """Moderated t statistics of one coefficient."""

    std_error: Floats
    statistic: Floats
    df: Floats
    p_value: Floats


def trigamma_inverse(x: Floats | float) -> Floats:
    """The y with trigamma(y) = x > 0, by Newton's method on the reciprocal, which is nearly linear (Smyth 2004)."""
    x = np.asarray(x, dtype=float)
    y = 0.5 + 1.0 / x
    for _ in range(50):
        value = polygamma(1, y)
        step = value * (1.0 - value / x) / polygamma(2, y)
        y = y + step
        if np.all(-step / y < 1e-14):
            break
    return y


def natural_spline(x: Floats, df: int) -> Floats:
    """A basis of the natural cubic splines of `df` degrees of freedom, constant included (n, df).

    Knots inside lie at the quantiles of equal shares, the outer ones at the ends; linear outside (the truncated powers of
    Hastie, Tibshirani and Friedman's textbook). Values are brought to 0 to 1 first.
    """
    low, high = float(x.min()), float(x.max())
    if df < 2 or high == low:
        return np.ones((len(x), 1))
    t = (x - low) / (high - low)
    if df == 2:
        return np.column_stack([np.ones(len(t)), t])
    knots = np.quantile(t, np.linspace(0.0, 1.0, df))
    cubes = np.maximum(t[:, None] - knots, 0.0) ** 3
    bends = (cubes[:, :-1] - cubes[:, -1:]) / (knots[-1] - knots[:-1])
    return np.column_stack([np.ones(len(t)), t, bends[:, :-1] - bends[:, -1:]])


def middle_of(variance: Floats) -> float:
    """The median of variances, or where that is 0 of those above 0: the size beside which a variance of 0 is raised."""
    middle = float(np.median(variance))
    return middle if middle > 0.0 else float(np.median(variance[variance > 0.0]))


def log_variances(variance: Floats, df: Floats) -> tuple[Floats, Floats]:
    """Logarithms of variances less what their degrees of freedom make of a true variance of 1; raised values."""
    raised = np.maximum(variance, LEAST * middle_of(variance))
    return np.log(raised) - digamma(df / 2.0) + np.log(df / 2.0), raised


def fit_scaled_f(variance: Floats, df: Floats, covariate: Floats | None = None) -> VariancePrior:
    """Prior variance and degrees of freedom by the moments of log variances (Smyth 2004, recalled, not verified).

    With e = log s^2 - digamma(d/2) + log(d/2), whose mean is log s0^2 - digamma(d0/2) + log(d0/2) and whose variance is
    trigamma(d/2) + trigamma(d0/2): d0 solves the second, s0^2 then the first. Where e varies no more than trigamma(d/2)
    says, d0 is infinite and s0^2 the mean of the variances. With a covariate the mean of e is a natural cubic spline of it
    with 4 degrees of freedom (3 below 30 rows, 2 below 6, 1 below 3), and s0^2 differs between rows.

    Parameters
    ----------
    variance, df
        Residual variances and their degrees of freedom (G); rows without either say nothing and get the prior all the same.
    covariate
        As the mean of each row (G).

    Returns
    -------
    VariancePrior
        One row alone has no prior, nor have rows that are all without a spread: 0 degrees of freedom.
    """
    df = np.broadcast_to(np.asarray(df, dtype=float), variance.shape)
    told = np.isfinite(variance) & (variance >= 0.0) & (df > 1e-15)
    if told.sum() < 2:
        alone = float(variance[told][0]) if told.any() else np.nan
        return VariancePrior(np.full(len(variance), alone), np.zeros(len(variance)))
    if not (variance[told] > 0.0).any():
        return VariancePrior(np.zeros(len(variance)), np.zeros(len(variance)))
    number = int(told.sum())
    e, raised = log_variances(variance[told], df[told])
    if covariate is None:
        mean, basis, whole = np.full(number, e.mean()), np.ones((number, 1)), np.ones((len(variance), 1))
    else:
        whole = natural_spline(covariate, 1 + (number >= 3) + (number >= 6) + (number >= 30))
        basis = whole[told]
        mean = basis @ np.linalg.lstsq(basis, e, rcond=None)[0]
    spread = ((e - mean) ** 2).sum() / (number - basis.shape[1]) - polygamma(1, df[told] / 2.0).mean()
    fitted = whole @ np.linalg.lstsq(basis, mean, rcond=None)[0]
    if spread > 0.0:
        d0 = 2.0 * float(trigamma_inverse(spread))
        return VariancePrior(np.exp(fitted + digamma(d0 / 2.0) - np.log(d0 / 2.0)), np.full(len(variance), d0))
    common = np.exp(fitted) if covariate is not None else np.full(len(variance), raised.mean())
    return VariancePrior(common, np.full(len(variance), np.inf))


def squeeze(variance: Floats, df: Floats, prior: VariancePrior) -> Floats:
    """Posterior variances: means of a row's own and the prior one, weighted by their degrees of freedom (G)."""
    df = np.broadcast_to(np.asarray(df, dtype=float), variance.shape)
    own = np.where(df > 0.0, np.where(np.isnan(variance), 0.0, variance), 0.0) * df
    known = np.isfinite(prior.df)
    d0 = np.where(known, prior.df, 1.0)
    return np.where(known, (own + d0 * prior.variance) / (df + d0), prior.variance)


def moderated_t(estimate: Floats, unscaled: Floats, variance: Floats, df: Floats, prior: VariancePrior) -> Moderated:
    """t statistics with posterior variances; with the degrees of freedom of row and prior, no more than all rows have."""
    error = unscaled * np.sqrt(variance)
    total = np.minimum(df + prior.df, np.nansum(df))
    statistic = np.divide(estimate, error, out=np.full(len(error), np.nan), where=error > 0.0)
    return Moderated(error, statistic, total, 2.0 * stdtr(total, -np.abs(statistic)))


def margin_test(estimate: Floats, error: Floats, df: Floats, margin: float) -> tuple[Floats, Floats]:
    """Statistic and p-value of the hypothesis that a difference is no larger than a margin (McCarthy and Smyth 2009).

    The p-value is the chance of a difference as large as the one seen, in either direction, where the true one lies on the
    margin: P(T > (|b| - margin) / se) + P(T > (|b| + margin) / se). The statistic is (|b| - margin) / se with the sign of
    b, 0 within the margin. Recalled, not verified.
    """
    size = np.abs(estimate)
    p = stdtr(df, -(size - margin) / error) + stdtr(df, -(size + margin) / error)
    return np.sign(estimate) * np.maximum(size - margin, 0.0) / error, p


def effect_variance(statistic: Floats, unscaled: Floats, df: Floats, limits: tuple[float, float]) -> float:
    """Variance of true differences where there is one, by the largest statistics (Smyth 2004, section 6.3).

    The r-th largest of the G absolute statistics is set to the quantile that it would have if a share of the rows had
    differences of variance v0 s^2: with p0 the chance of as large a statistic where nothing differs, the chance where
    something does is p = ((r - 1/2) / G - (1 - share) p0) / share, and t^2 = q(p)^2 (1 + v0 / v). Mean over the top half of
    that share of the rows, each v0 within `limits`.
    """
    known = np.isfinite(statistic)
    size, v, d = np.abs(statistic[known]), unscaled[known] ** 2, df[known]
    top = int(np.ceil(PRIOR_SHARE / 2.0 * len(size)))
    if top < 1:
        return np.nan
    share, most = max(top / len(size), PRIOR_SHARE), d.max()
    # statistics with fewer degrees of freedom are set to the quantile of the most
    fewer = d < most
    size = np.where(fewer, -stdtrit(most, stdtr(d, -size)), size)
    order = np.argsort(-size, kind="stable")[:top]
    size, v = size[order], v[order]
    p0 = 2.0 * stdtr(most, -size)
    target = ((np.arange(top) + 0.5) / known.sum() - (1.0 - share) * p0) / share
    quantile = -stdtrit(most, np.clip(target, 1e-300, 1.0) / 2.0)
    found = np.where(target > p0, v * ((size / quantile) ** 2 - 1.0), 0.0)
    return float(np.clip(found, *limits).mean())


def log_odds(statistic: Floats, unscaled: Floats, df: Floats, prior: VariancePrior) -> tuple[Floats, float]:
    """Log odds that a row differs, where a share `PRIOR_SHARE` does, and the variance of true differences behind them.

    B = log(share / (1 - share)) - log(r) / 2 + (1 + d)/2 log((t^2 + d) / (t^2 / r + d)), r = 1 + v0 / v; where the
    prior degrees of freedom are infinite the last part is t^2 (1 - 1/r) / 2 (Smyth 2004, recalled, not verified).
    """
    middle = float(np.nanmedian(prior.variance))
    if not middle > 0.0:
        return np.full(len(statistic), np.nan), np.nan
    v0 = effect_variance(statistic, unscaled, df, (EFFECT_SPREAD[0] ** 2 / middle, EFFECT_SPREAD[1] ** 2 / middle))
    r = 1.0 + v0 / unscaled**2
    square = statistic**2
    d = np.where(prior.df > ALL_KNOWN, 1.0, df)
    kernel = (1.0 + d) / 2.0 * np.log((square + d) / (square / r + d))
    kernel = np.where(prior.df > ALL_KNOWN, square * (1.0 - 1.0 / r) / 2.0, kernel)
    return np.log(PRIOR_SHARE / (1.0 - PRIOR_SHARE)) - np.log(r) / 2.0 + kernel, v0


def overall_f(statistics: Floats, covariance: Floats, df: Floats) -> tuple[Floats, Floats]:
    """F statistics of several coefficients at once (G, k), by their correlations in the complete design, and p-values."""
    spread = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(spread, spread))
    kept = values > 1e-8 * values.max()
    rank = int(kept.sum())
    f = ((statistics @ (vectors[:, kept] / np.sqrt(values[kept]))) ** 2).sum(axis=1) / rank
    return f, fdtrc(rank, df, f)
