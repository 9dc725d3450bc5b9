"""t statistics of all rows when samples exchange their labels: sums over labels are one matrix product.

With Y the residuals of the rows on everything but the label, g what that leaves of the label, and P a permutation of
samples, the coefficient of the permuted rows is (P'g)'Y / g'g; their residual sum of squares is Y'Y less the square of that
times g'g, and less what the other columns take up again of the permuted residuals (Freedman and Lane 1983, recalled, not
verified). Within batches, and without other columns, that is the plain permutation of labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, product
from math import comb, prod
from typing import NamedTuple

import numpy as np
from scipy.special import digamma, polygamma, stdtrit

from ikzf1_outcomes.kernels.moderation import LEAST, VariancePrior, trigamma_inverse
from ikzf1_outcomes.kernels.risk import Floats, Integers, Positions

SAME = 1e-10
"""Relative difference within which two statistics are equal."""
Priors = Callable[[Floats], VariancePrior]
"""From residual variances (G, b) to their priors (G or 1, b), or (G, 1) where they do not depend on the permutation."""


class Exchangeable(NamedTuple):
    """Rows and samples of a permutation test (G rows, n samples)."""

    residuals: Floats
    """Of rows on everything but the label, 0 where a value is missing (G, n)."""
    known: Floats | None
    """1 where a value is known (G, n); None where all are."""
    label: Floats
    """What the other columns leave of the label (n)."""
    basis: Floats
    """Orthonormal columns that permutations do not keep, beside those that they do (n, q)."""
    df: Floats
    """Residual degrees of freedom, the label counted (G)."""


class Tally(NamedTuple):
    """What is kept of some permutations."""

    hits: Integers
    """Rows at or beyond their critical value (b)."""
    largest: Floats
    """The largest absolute statistic (b)."""
    beyond: Integers
    """Statistics, of all rows and permutations, no smaller than each threshold (thresholds)."""


def statistics(rows: Exchangeable, label: Floats, basis: Floats, priors: Priors | None) -> tuple[Floats, Floats, Positions]:
    """Absolute t statistics (G, b) for permuted labels (n, b) and bases (q, n, b); degrees of freedom; whose they are."""
    product_ = rows.residuals @ label
    if rows.known is None:
        length = (label**2).sum(axis=0)[None]
    else:
        length = rows.known @ label**2
    squares = (rows.residuals**2).sum(axis=1)[:, None] - np.divide(
        product_**2, length, out=np.zeros_like(product_), where=length > 0.0
    )
    for column in basis:
        squares -= (rows.residuals @ column) ** 2
    variance = np.maximum(squares, 0.0) / rows.df[:, None]
    df, which = rows.df[:, None], np.arange(len(rows.df))
    if priors is not None:
        prior = priors(variance)
        finite = np.isfinite(prior.df)
        d0 = np.where(finite, prior.df, 1.0)
        variance = np.where(finite, (df * variance + d0 * prior.variance) / (df + d0), prior.variance)
        if len(prior.df) == 1:
            # few rows differ in their own degrees of freedom: quantiles are looked up once for each number
            different, which = np.unique(rows.df, return_inverse=True)
            df = different[:, None]
        df = np.minimum(df + prior.df, rows.df.sum())
    scale = np.sqrt(variance * length)
    return np.divide(np.abs(product_), scale, out=np.zeros_like(product_), where=scale > 0.0), df, which


def tally(
    rows: Exchangeable, label: Floats, basis: Floats, priors: Priors | None, level: float, thresholds: Floats
) -> Tally:
    """Hits at `level`, the largest statistic, and how many statistics reach each of the sorted `thresholds`."""
    t, df, which = statistics(rows, label, basis, priors)
    critical = -stdtrit(df, level / 2.0)[which]
    reached = np.searchsorted(thresholds, t.ravel(), side="right")
    beyond = np.bincount(reached, minlength=len(thresholds) + 1)[::-1].cumsum()[::-1][1:]
    return Tally((t >= critical * (1.0 - SAME)).sum(axis=0), t.max(axis=0), beyond)


def moment_priors(df: Floats, middle: float, basis: Floats | None, variance: Floats) -> VariancePrior:
    """Priors by moments, as `fit_scaled_f`, for many sets of variances (G, b) at once; `basis` of the trend (G, k).

    Variances below a share of `middle` are raised to it before logarithms are taken.
    """
    expected = (digamma(df / 2.0) - np.log(df / 2.0))[:, None]
    raised = np.maximum(variance, LEAST * middle)
    e = np.log(raised) - expected
    if basis is None:
        mean, left = e.mean(axis=0, keepdims=True), 1
    else:
        q = np.linalg.qr(basis)[0]
        mean, left = q @ (q.T @ e), q.shape[1]
    spread = ((e - mean) ** 2).sum(axis=0) / (len(e) - left) - polygamma(1, df / 2.0).mean()
    finite = spread > 0.0
    d0 = np.full(len(spread), np.inf)
    d0[finite] = 2.0 * trigamma_inverse(spread[finite])
    half = np.where(finite, d0, 1.0) / 2.0
    common = np.exp(mean + np.where(finite, digamma(half) - np.log(half), 0.0))
    if basis is None:
        common = np.where(finite, common, raised.mean(axis=0))
    return VariancePrior(common, d0[None])


def labellings(label: Floats, stratum: Integers) -> int:
    """How many ways there are to give the labels 0 and 1 to samples within strata."""
    sizes, ones = np.bincount(stratum), np.bincount(stratum, weights=label)
    return prod(comb(int(n), int(k)) for n, k in zip(sizes, ones, strict=True))


def all_labellings(label: Floats, stratum: Integers, together: int) -> Iterator[Floats]:
    """Every way to give the labels 0 and 1 to samples within strata, as columns (n, up to `together`)."""
    places = [np.flatnonzero(stratum == code) for code in np.unique(stratum)]
    choices = product(*(combinations(own, int(label[own].sum())) for own in places))
    while True:
        piece = [tuple(i for part in chosen for i in part) for _, chosen in zip(range(together), choices, strict=False)]
        if not piece:
            return
        out = np.zeros((len(label), len(piece)))
        out[np.array(piece, dtype=np.intp), np.arange(len(piece))[:, None]] = 1.0
        yield out


def orders(stratum: Integers, number: int, rng: np.random.Generator) -> Positions:
    """For each sample another of its stratum, each once, `number` times (number, n)."""
    drawn = np.argsort(rng.random((number, len(stratum))) + stratum, axis=1)
    out = np.empty_like(drawn)
    out[:, np.argsort(stratum, kind="stable")] = drawn
    return out
