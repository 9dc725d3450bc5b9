"""The rank-sum test of all rows of a matrix, exact without ties, and the shift that goes with it."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from ikzf1_outcomes.kernels.risk import Floats

EXACT_BELOW = 50
"""Both groups smaller than this, and no ties: the exact distribution, as in R."""


class RankSums(NamedTuple):
    """Rank-sum tests, one a row (G)."""

    statistic: Floats
    """Pairs in which the first group has the larger value, ties by half."""
    p_value: Floats
    shift: Floats
    """Median of all differences between the groups."""
    low: Floats
    high: Floats
    exact: Floats


@lru_cache(maxsize=256)
def distribution(m: int, n: int) -> Floats:
    """Chances of 0, ..., m n pairs with the larger value in the first group, where the groups do not differ.

    Subsets of m of the ranks 0 to m + n - 1, counted by their sum; positive terms alone, so that nothing cancels.
    """
    sums = np.zeros((m + 1, m * (m + n) + 1))
    sums[0, 0] = 1.0
    for rank in range(m + n):
        for taken in range(min(rank, m - 1), -1, -1):
            sums[taken + 1, rank:] += sums[taken, : sums.shape[1] - rank]
    least = m * (m - 1) // 2
    counts = sums[m, least : least + m * n + 1]
    return np.asarray(counts / counts.sum())


def rank_sum_rows(y: Floats, first: Floats, conf_level: float) -> RankSums:
    """Test every row of `y` (G, samples), NaN missing; `first` says which samples are of the first group.

    Without ties and with fewer than 50 known values in each group the p-value is exact, 2 min(P(W <= w), P(W >= w)), and
    the limits are order statistics of the differences. Otherwise the normal approximation with the correction for ties and
    for continuity, as `wilcox.test(exact = FALSE)` in R; the limits are then the order statistics at the normal
    approximation without ties, and differ from R's, which solves for the shift.
    """
    known = ~np.isnan(y)
    m, n = (known & first).sum(axis=1), (known & ~first).sum(axis=1)
    filled = np.where(known, y, np.inf)
    ranks = rankdata(filled, axis=1)
    w = np.where(known & first, ranks, 0.0).sum(axis=1) - m * (m + 1) / 2.0
    ties = tie_sums(filled, ranks, known)
    exact = (ties == 0.0) & (m < EXACT_BELOW) & (n < EXACT_BELOW)
    size = m + n
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(m * n / 12.0 * (size + 1.0 - ties / (size * (size - 1.0))))
        z = w - m * n / 2.0
        z = (z - np.sign(z) * 0.5) / spread
        p = np.where(spread > 0.0, np.minimum(2.0 * ndtr(-np.abs(z)), 1.0), np.nan)
    shift, low, high = (np.full(len(y), np.nan) for _ in range(3))
    pairs, which = np.unique(np.column_stack([m, n]), axis=0, return_inverse=True)
    for code, (a, b) in enumerate(pairs.tolist()):
        at = np.flatnonzero(which.ravel() == code)
        if a == 0 or b == 0:
            p[at] = np.nan
            continue
        places = np.flatnonzero(exact[at])
        if len(places):
            below = np.cumsum(distribution(a, b))
            tail = np.minimum(w[at[places]], a * b - w[at[places]]).astype(np.intp)
            p[at[places]] = np.minimum(2.0 * below[tail], 1.0)
        x = y[at][:, first]
        differences = np.sort((x[:, :, None] - y[at][:, None, ~first]).reshape(len(at), -1), axis=1)[:, : a * b]
        shift[at] = np.median(differences, axis=1)
        for one, rows in ((True, places), (False, np.flatnonzero(~exact[at]))):
            k = order_of_limit(a, b, conf_level, one)
            low[at[rows]], high[at[rows]] = differences[rows, k - 1], differences[rows, a * b - k]
    return RankSums(w, p, shift, low, high, exact)


def order_of_limit(m: int, n: int, conf_level: float, exact: bool) -> int:
    """Which difference, counted from the smallest, is the lower limit."""
    half = (1.0 - conf_level) / 2.0
    if exact:
        k = int(np.searchsorted(np.cumsum(distribution(m, n)), half * (1.0 - 1e-12)))
    else:
        k = int(np.floor(m * n / 2.0 + ndtri(half) * np.sqrt(m * n * (m + n + 1.0) / 12.0)))
    return max(k, 1)


def tie_sums(filled: Floats, ranks: Floats, known: Floats) -> Floats:
    """Sum of t^3 - t over the groups of t equal known values of each row."""
    # equal values share a mid-rank, which lies half their number less one above the smallest of their ranks
    t = 2.0 * (ranks - rankdata(filled, method="min", axis=1)) + 1.0
    return np.asarray(np.where(known, t**2 - 1.0, 0.0).sum(axis=1))
