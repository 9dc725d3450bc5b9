"""A prior for residual variances that single rows with very large variances do not spoil.

Phipson, Lee, Majewski, Alexander and Smyth 2016 (recalled, not verified): moments of winsorised log variances give the
prior of the bulk; a row whose variance the prior cannot explain has fewer prior degrees of freedom of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, chdtrc, fdtr, fdtrc, fdtri, gammaincinv

from ikzf1_outcomes.kernels.moderation import LEAST, VariancePrior, fit_scaled_f, middle_of
from ikzf1_outcomes.kernels.risk import Floats

TAILS = (0.05, 0.1)
"""Shares of the smallest and the largest log variances that are winsorised."""
NODES, SHARES = np.polynomial.legendre.leggauss(128)
SMALLEST_TAIL = 1e-300


class Moments(NamedTuple):
    """Mean and variance."""

    mean: float
    variance: float


def log_quantile(share: Floats, d: float, d0: float) -> Floats:
    """Logarithm of the quantiles of F(d, d0)."""
    if np.isinf(d0):
        return np.asarray(np.log(gammaincinv(d / 2.0, share) * 2.0 / d))
    beta, rest = betaincinv(d / 2.0, d0 / 2.0, share), betaincinv(d0 / 2.0, d / 2.0, 1.0 - share)
    return np.asarray(np.log(beta) - np.log(rest) + np.log(d0 / d))


def winsorised_moments(d: float, d0: float, tails: tuple[float, float]) -> Moments:
    """Moments of log F(d, d0) with its tails set to their quantiles: the integral of the quantile function."""
    low, high = tails[0], 1.0 - tails[1]
    value = log_quantile(np.concatenate([(low + high + (high - low) * NODES) / 2.0, [low, high]]), d, d0)
    share = np.concatenate([SHARES * (high - low) / 2.0, tails])
    mean = float(share @ value)
    return Moments(mean, float(share @ (value - mean) ** 2))


def fit_robustly(variance: Floats, df: Floats, tails: tuple[float, float] = TAILS) -> VariancePrior:
    r"""Prior variance, and prior degrees of freedom for each row.

    With z = log s^2, winsorised at its quantiles: d0 is where the winsorised variance of log F(d, d0) is that of z, but not
    fewer than by `fit_scaled_f`; s0^2 makes the winsorised means equal. Of each row then p, the chance of a variance as
    large by that prior, against r, the share of rows with a variance as large: min(p / r, 1) is taken as the chance that
    the row belongs to the bulk, and

    .. math:: d_{0g} = \pi_g d_0 + (1 - \pi_g) d_{out}

    with d_out such that the largest variance would be a median one; made to rise with p. Rows with fewer degrees of freedom
    than most have their variance replaced by the one of the same p at the most, under the prior of `fit_scaled_f`.

    Parameters
    ----------
    variance, df
        Residual variances and their degrees of freedom (G).
    tails
        Shares that are winsorised below and above.
    """
    df = np.broadcast_to(np.asarray(df, dtype=float), variance.shape)
    told = np.isfinite(variance) & (variance >= 0.0) & (df > 1e-15)
    plain = fit_scaled_f(variance, df)
    if told.sum() < 3 or not (variance[told] > 0.0).any():
        return plain
    s2, d = at_most_df(variance[told], df[told], plain, told)
    z = np.log(np.maximum(s2, LEAST * middle_of(s2)))
    left = np.clip(z, *np.quantile(z, [tails[0], 1.0 - tails[1]]))
    # outliers make the plain degrees of freedom too few, never too many
    d0 = max(matching_df(float(left.var(ddof=1)), d, tails), float(plain.df[told][0]))
    scale = np.exp(left.mean() - winsorised_moments(d, d0, tails).mean)
    out = np.full(len(variance), d0)
    out[told] = own_df(np.exp(z) / scale, d, d0)
    return VariancePrior(np.full(len(variance), scale), out)


def at_most_df(variance: Floats, df: Floats, plain: VariancePrior, told: Floats) -> tuple[Floats, float]:
    """Variances as if all had the most degrees of freedom: those of the same chance under the plain prior."""
    d, scale, d0 = float(df.max()), float(plain.variance[told][0]), float(plain.df[told][0])
    fewer = df < d - 1e-14
    if not fewer.any():
        return variance, d
    f, own = variance[fewer] / scale, df[fewer]
    out = variance.copy()
    if np.isinf(d0):
        out[fewer] = scale * 2.0 / d * gammaincinv(d / 2.0, 1.0 - chdtrc(own, f * own))
    else:
        lower, upper = fdtr(own, d0, f), fdtrc(own, d0, f)
        # the smaller of the two chances is the exact one
        by_upper = 1.0 / fdtri(d0, d, np.clip(upper, SMALLEST_TAIL, 1.0))
        out[fewer] = scale * np.where(lower < upper, fdtri(d, d0, lower), by_upper)
    return out, d


def matching_df(variance: float, d: float, tails: tuple[float, float]) -> float:
    """Prior degrees of freedom whose winsorised variance is the one given; infinite where none is as small."""

    def excess(share: float) -> float:
        d0 = np.inf if share >= 1.0 else share / (1.0 - share)
        return float(np.log(variance / winsorised_moments(d, d0, tails).variance))

    if excess(1.0) <= 0.0:
        return np.inf
    least = 0.01
    if excess(least) >= 0.0:
        return least / (1.0 - least)
    share = float(brentq(excess, least, 1.0, xtol=1e-15, rtol=1e-15, maxiter=500))
    return share / (1.0 - share)


def own_df(f: Floats, d: float, d0: float) -> Floats:
    """Prior degrees of freedom of each row by how likely the bulk makes its variance."""
    p = chdtrc(d, f * d) if np.isinf(d0) else fdtrc(d, d0, f)
    p = np.maximum(p, SMALLEST_TAIL)
    order = np.argsort(p, kind="stable")
    rank = np.empty(len(f))
    rank[order] = np.arange(len(f)) + 0.5
    bulk = np.minimum(p / (rank / len(f)), 1.0)
    if (bulk == 1.0).all():
        return np.full(len(f), d0)
    out = np.empty(len(f))
    if np.isinf(d0):
        # rows outside the bulk have no more than all rows have together
        out[order] = np.maximum.accumulate(np.where(bulk < 1.0, bulk * d * len(f), np.inf)[order])
        return out
    outlier = np.log(0.5) / np.log(p.min()) * d0
    outlier *= np.log(0.5) / np.log(float(fdtrc(d, outlier, f.max())))
    ordered = (bulk * d0 + (1.0 - bulk) * outlier)[order]
    running = np.cumsum(ordered) / np.arange(1, len(f) + 1)
    least = int(np.argmin(running))
    ordered[: least + 1] = running[least]
    out[order] = np.maximum.accumulate(ordered)
    return out
