"""Distances between rows of a matrix, and permutation tests of groups on them."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from ikzf1_outcomes.kernels.risk import Floats, Integers

FEWEST = 3
"""Values that two rows must share before they have a correlation."""


def correlation_distances(rows: Floats) -> Floats:
    """1 - Pearson correlation of all pairs of rows (n, m) over what both have; NaN below 3 shared values or no spread."""
    known = ~np.isnan(rows)
    w = known.astype(float)
    # centred first, so that sums of squares are not differences of large numbers
    centre = np.where(known, rows, 0.0).sum(axis=1) / np.maximum(w.sum(axis=1), 1.0)
    x = np.where(known, rows - centre[:, None], 0.0)
    number = w @ w.T
    total, squares, products = x @ w.T, (x**2) @ w.T, x @ x.T
    shared = np.maximum(number, 1.0)
    spread = squares - total**2 / shared
    told = (number >= FEWEST) & (spread > 1e-12 * np.maximum(squares, 1e-300)) & (spread.T > 1e-12 * squares.T)
    scale = np.sqrt(np.where(told, spread * spread.T, 1.0))
    correlation = np.where(told, (products - total * total.T / shared) / scale, np.nan)
    out = 1.0 - np.clip(correlation, -1.0, 1.0)
    np.fill_diagonal(out, 0.0)
    return np.asarray(out)


def rank_distances(rows: Floats) -> Floats:
    """1 - Spearman correlation of all pairs of rows without missing values, tied values sharing their ranks."""
    return correlation_distances(rankdata(rows, axis=1))


def euclidean_distances(rows: Floats) -> Floats:
    """Euclidean distances over what both rows have, scaled up to all columns; NaN where they share nothing."""
    known = ~np.isnan(rows)
    w = known.astype(float)
    number = w @ w.T
    out = np.zeros((len(rows), len(rows)))
    # a row at a time: differences, since squares less products lose their digits between near rows
    filled = np.where(known, rows, 0.0)
    for k in range(len(rows)):
        out[k] = (((filled - filled[k]) * (known & known[k])) ** 2).sum(axis=1)
    scale = np.divide(rows.shape[1], number, out=np.full(number.shape, np.nan), where=number > 0)
    return np.sqrt(out * scale)


def pseudo_f(squared: Floats, labels: Integers, levels: int) -> Floats:
    """Pseudo-F of groups on squared distances (n, n) under labellings (B, n) (Anderson 2001).

    With n_g members of group g and the sums over pairs: SS_T = sum d^2 / n, SS_W = sum over groups of sum d^2 / n_g,
    F = ((SS_T - SS_W) / (a - 1)) / (SS_W / (n - a)).
    """
    n = len(squared)
    total = squared.sum() / (2.0 * n)
    within = np.zeros(len(labels))
    for level in range(levels):
        member = (labels == level).astype(float)
        within += np.einsum("bi,bi->b", member @ squared, member) / (2.0 * member.sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(((total - within) / (levels - 1)) / (within / (n - levels)))


def pseudo_f_of_number(squared: Floats, values: Floats) -> Floats:
    """Pseudo-F of one number a sample, under orders of its values (B, n) (McArdle and Anderson 2001).

    With the centred inner products G = -C d^2 C / 2 and x centred: SS_R = x'Gx / x'x, SS_T = trace of G, and
    F = SS_R / ((SS_T - SS_R) / (n - 2)).
    """
    n = len(squared)
    inner = -0.5 * (squared - squared.mean(axis=0) - squared.mean(axis=1)[:, None] + squared.mean())
    x = values - values.mean(axis=1)[:, None]
    explained = np.einsum("bi,bi->b", x @ inner, x) / (x**2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(explained / ((np.trace(inner) - explained) / (n - 2)))


def chi_square(labels: Integers, levels: int, clusters: Integers, number: int) -> Floats:
    """Pearson's chi-square of labellings (B, n) against clusters (n)."""
    n = len(clusters)
    member = (clusters[:, None] == np.arange(number)).astype(float)
    size = member.sum(axis=0)
    out = np.zeros(len(labels))
    for level in range(levels):
        seen = (labels == level).astype(float)
        expected = seen.sum(axis=1)[:, None] * size / n
        out += ((seen @ member - expected) ** 2 / expected).sum(axis=1)
    return out


def kruskal_wallis(ranks: Floats, clusters: Integers, number: int) -> Floats:
    """Kruskal-Wallis H, corrected for ties, of orders of the ranks (B, n) among clusters (n)."""
    n = len(clusters)
    member = (clusters[:, None] == np.arange(number)).astype(float)
    size = member.sum(axis=0)
    mean = ranks @ member / size
    between = (size * (mean - (n + 1) / 2.0) ** 2).sum(axis=1)
    return np.asarray(between / ranks[0].var(ddof=1))
