"""Tests of sets of rows of a matrix: competitive with correlation (camera), self-contained by rotation (roast, fry).

The rows are turned so that the first of their coordinates is the effect asked about and the other d are residuals; rows
have no missing value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr
from scipy.stats import beta, chi2, rankdata

from ikzf1_outcomes.kernels.moderation import VariancePrior, fit_scaled_f, squeeze
from ikzf1_outcomes.kernels.risk import Floats, Positions

ROUNDING = 1e-12
"""Residuals below this share of a row's largest value are rounding errors of 0."""
NEVER_BELOW = 1e-300
"""Tail probabilities are raised to this before they become normal scores."""


class Effects(NamedTuple):
    """Rows in coordinates of the design."""

    all: Floats
    """The effect, then the residuals (G, 1 + d)."""
    variance: Floats
    """Residual variances (G)."""
    prior: VariancePrior

    @property
    def df(self) -> int:
        """Residual degrees of freedom of a row."""
        return self.all.shape[1] - 1


class SetTest(NamedTuple):
    """What a test says of one set."""

    statistic: float
    df: float
    p_value: float
    p_up: float
    p_down: float
    p_mixed: float


UNTESTED = SetTest(np.nan, np.nan, np.nan, np.nan, np.nan, np.nan)


def effects(y: Floats, design: Floats) -> Effects:
    """Turn the rows of y (G, n) so that the last column of the design, given the others, is their first coordinate."""
    p = design.shape[1]
    q, r = np.linalg.qr(design, mode="complete")
    turned = y @ q[:, p - 1 :]
    turned[:, 0] *= np.sign(r[p - 1, p - 1])
    # a row without a spread beside the design keeps a hair of it, whose direction is rounding
    turned[np.abs(turned[:, 1:]).max(axis=1) <= ROUNDING * np.abs(y).max(axis=1), 1:] = 0.0
    variance = np.asarray((turned[:, 1:] ** 2).mean(axis=1))
    return Effects(turned, variance, fit_scaled_f(variance, np.full(len(y), turned.shape[1] - 1.0)))


def moderated(rows: Effects) -> tuple[Floats, float]:
    """Moderated t statistics (G), and their degrees of freedom, no more than all rows have."""
    posterior = squeeze(rows.variance, np.full(len(rows.variance), float(rows.df)), rows.prior)
    df = min(rows.df + float(rows.prior.df[0]), float(rows.df * len(rows.variance)))
    return rows.all[:, 0] / np.sqrt(posterior), df


def normal_scores(t: Floats, df: float) -> Floats:
    """z with the tail probability that t has."""
    if np.isinf(df):
        return t
    return np.asarray(-np.sign(t) * ndtri(np.maximum(stdtr(df, -np.abs(t)), NEVER_BELOW)))


def correlation_within(residuals: Floats) -> float:
    """Mean correlation of rows (m, d) by the variance of their mean: (v - 1) / (m - 1), v = m mean of squared means.

    Rows that are 0 throughout go with no other, and are not counted.
    """
    residuals = residuals[residuals.any(axis=1)]
    m = len(residuals)
    if m < 2:
        return np.nan
    unit = residuals / np.sqrt((residuals**2).mean(axis=1))[:, None]
    return float((m * (unit.mean(axis=0) ** 2).mean() - 1.0) / (m - 1))


def camera(z: Floats, rows: Positions, correlation: float, df: float) -> SetTest:
    """Whether z scores of a set are larger than the others, given their correlation (Wu and Smyth 2012).

    A two-sample t test with the variance of the set's mean inflated by 1 + (m - 1) correlation.
    """
    total, m = len(z), len(rows)
    if not 0 < m < total - 1:
        return UNTESTED
    shift = total / (total - m) * (z[rows].mean() - z.mean())
    pooled = ((total - 1) * z.var(ddof=1) - shift**2 * m * (total - m) / total) / (total - 2)
    t = shift / np.sqrt(pooled * ((1.0 + (m - 1) * correlation) / m + 1.0 / (total - m)))
    up = float(stdtr(df, -t))
    return SetTest(float(t), df, 2.0 * float(stdtr(df, -abs(t))), up, float(stdtr(df, t)), np.nan)


def camera_ranks(z: Floats, rows: Positions, correlation: float) -> SetTest:
    """The same by ranks: Wilcoxon's sum with the variance that correlated normal scores give it (Wu and Smyth 2012)."""
    total, m = len(z), len(rows)
    others = total - m
    if not (0 < m < total):
        return UNTESTED
    rank = rankdata(z)
    above = rank[rows].sum() - m * (m + 1) / 2.0
    pairs = m * others
    angles = (
        np.arcsin(1.0) + np.arcsin(0.5) * (others - 1)
        + np.arcsin(correlation / 2.0) * (m - 1) * (others - 1) + np.arcsin((correlation + 1.0) / 2.0) * (m - 1)
    )  # fmt: skip
    _, tied = np.unique(rank, return_counts=True)
    spread = np.sqrt(pairs * angles / (2.0 * np.pi) * (1.0 - (tied**3.0 - tied).sum() / (total**3.0 - total)))
    centred = above - pairs / 2.0
    up, down = float(ndtr(-(centred - 0.5) / spread)), float(ndtr((centred + 0.5) / spread))
    return SetTest(float(centred / spread), np.inf, min(2.0 * min(up, down), 1.0), up, down, np.nan)


def expected_largest(number: int) -> float:
    """Mean of the largest of some squared normal values, by 128-point Gauss-Legendre quadrature of their quantiles.

    Its relative error at 43 values is 5e-4; more nodes would part the p-values from those of limma in the sixth digit.
    """
    nodes, weights = np.polynomial.legendre.leggauss(128)
    share = (nodes + 1.0) / 2.0
    return float((weights / 2.0 * number * share ** (number - 1) * chi2.ppf(share, 1)).sum())


def standardised(rows: Effects) -> Floats:
    """Effects over standard deviations that rotation does not change: without the largest square, then moderated."""
    number = rows.df + 1
    squares = rows.all**2
    variance = (squares.sum(axis=1) - squares.max(axis=1)) / (number - expected_largest(number))
    # the share of the residual degrees of freedom that is left without the largest square: limma's figure
    posterior = squeeze(variance, np.full(len(variance), 0.92 * rows.df), rows.prior)
    return np.asarray(rows.all / np.sqrt(posterior)[:, None])


def fry(unit: Floats) -> SetTest:
    """The p-values of infinitely many rotations of a set's standardised effects (m, 1 + d).

    Their mean is one vector; the effect against the residuals of that vector is a t statistic with d degrees of freedom.
    Mixed: the sum of squared effects is r'Lr with r uniform on the sphere of 1 + d dimensions; its range and first two
    moments are those of a beta distribution on it.
    """
    mean, d = unit.mean(axis=0), unit.shape[1] - 1
    t = float(mean[0] / np.sqrt((mean[1:] ** 2).mean()))
    up, down = float(stdtr(d, -t)), float(stdtr(d, t))
    return SetTest(t, float(d), 2.0 * min(up, down), up, down, mixed(unit))


def mixed(unit: Floats) -> float:
    """Chance that a rotation has a sum of squared effects as large as the one seen."""
    d = unit.shape[1]
    roots = np.zeros(d)
    found = np.linalg.svd(unit, compute_uv=False) ** 2
    roots[: len(found)] = found
    low, width = roots.min(), roots.max() - roots.min()
    centre = (roots.mean() - low) / width
    variance = 2.0 / (d * (d + 2)) * ((roots**2).sum() - roots.sum() ** 2 / d) / width**2
    size = centre * (1.0 - centre) / variance - 1.0
    seen = ((unit[:, 0] ** 2).sum() - low) / width
    return float(beta.sf(seen, size * centre, size * (1.0 - centre)))


def roast_means(rows: Effects, member: Floats, number: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Mean normal scores of sets, and mean absolute ones, under some random rotations of the rows (Wu et al. 2010).

    Parameters
    ----------
    rows
        Effects (G, 1 + d).
    member
        1 / m at the rows of a set, else 0 (sets, G).
    number
        Rotations.
    rng
        Random numbers.

    Returns
    -------
    arrays
        (sets, number) each.
    """
    turn = rng.standard_normal((rows.df + 1, number))
    turn /= np.sqrt((turn**2).sum(axis=0))
    effect = rows.all @ turn
    left = ((rows.all**2).sum(axis=1)[:, None] - effect**2) / rows.df
    df = np.full(left.size, float(rows.df))
    prior = VariancePrior(np.repeat(rows.prior.variance, number), np.repeat(rows.prior.df, number))
    posterior = squeeze(np.maximum(left, 0.0).ravel(), df, prior).reshape(left.shape)
    z = normal_scores(effect / np.sqrt(posterior), moderated(rows)[1])
    return member @ z, member @ np.abs(z)
