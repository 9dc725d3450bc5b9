"""Expected events of covariate patterns, with their sums by which the density and its gradient are made.

The expected events of pattern g are exp(x_g beta) (T_g lam), with T_g what its patients lived of the integrals of the
basis. With continuous covariates almost every patient is a pattern, and lived whole intervals up to one of which a part:
T_g = (W_1, ..., W_{i-1}, part, 0, ...). Such patterns stand together by their last interval, and cost one number, not K.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.exponential import exponentials
from ikzf1_outcomes.kernels.risk import Floats, Integers

BLOCK = 4
"""Whole numbers that describe a block of columns: rows, first column, columns, where its numbers begin."""
AT_ONCE = 512
"""Patterns whose rows are read twice while they are near the processor."""


class Lived(NamedTuple):
    """What the patterns lived, in the order in which it is read."""

    order: Integers
    """Pattern at each place (G)."""
    first: Integers
    """Where patterns begin: of each stratum those with rows of their own, then those that end in each interval
    (strata * (K + 1) + 1)."""
    exposure: Floats
    """Of the patterns with rows of their own (K, some)."""
    whole: Floats
    """What is lived of each function by those who live on (K)."""
    part: Floats
    """What the others lived of their last (G); 0 for those with rows of their own."""


def lived_of(exposure: Floats, stratum: Integers, n_strata: int) -> Lived:
    """Order patterns by how they ended."""
    n_patterns, k = exposure.shape
    last = k - 1 - (exposure[:, ::-1] > 0).argmax(axis=1)
    whole = np.array([usual(exposure[last > j, j]) for j in range(k)])
    ended: np.ndarray = ((exposure == whole) | (np.arange(k) >= last[:, None])).all(axis=1)
    segment = stratum * (k + 1) + np.where(ended, 1 + last, 0)
    order = np.argsort(segment, kind="stable")
    first = np.searchsorted(segment[order], np.arange(n_strata * (k + 1) + 1))
    part = np.where(ended, exposure[np.arange(n_patterns), last], 0.0)[order]
    return Lived(order, first, np.ascontiguousarray(exposure[order[~ended[order]]].T), whole, part)


def usual(values: Floats) -> float:
    """The most frequent value; 0 where there is none."""
    if not len(values):
        return 0.0
    distinct, count = np.unique(values, return_counts=True)
    return float(distinct[count.argmax()])


@compiled
def relative_risks(numbers, blocks, start, beta, out):  # type: ignore[no-untyped-def]
    """exp of the effects on the rows of each block, one block after the other; a block stands column by column."""
    x_beta = np.zeros(len(out))
    for b in range(len(start) - 1):
        rows, column, width, begin = blocks[BLOCK * b : BLOCK * (b + 1)]
        here = x_beta[start[b] : start[b + 1]]
        for j in range(width):
            x, effect = numbers[begin + j * rows : begin + (j + 1) * rows], beta[column + j]
            for u in range(rows):
                here[u] += x[u] * effect
    exponentials(x_beta, out)


@compiled
def column_sums(numbers, blocks, start, by_row, out):  # type: ignore[no-untyped-def]
    """Sums of the columns over what stands in the rows of the blocks."""
    for b in range(len(start) - 1):
        rows, column, width, begin = blocks[BLOCK * b : BLOCK * (b + 1)]
        here = by_row[start[b] : start[b + 1]]
        for j in range(width):
            out[column + j] += _product(numbers[begin + j * rows : begin + (j + 1) * rows], here)


@compiled
def expected_events(patterns, row, start, relative, hazard, by_row, by_hazard):  # type: ignore[no-untyped-def]
    """Expected events of all patterns, summed by the rows of the blocks and by the functions of the basis.

    `patterns` is first, exposure, whole and part; `start` the first row of each block in `relative`, and their number. A
    block with as many rows as there are patterns has them in their order.
    """
    first, exposure, whole, part = patterns
    n_strata, k = hazard.shape
    n_patterns = len(part)
    factor, happens = np.ones(n_patterns), np.zeros(n_patterns)
    for b in range(len(start) - 1):
        own, at = relative[start[b] : start[b + 1]], row[b]
        if len(own) == n_patterns:
            for g in range(n_patterns):
                factor[g] *= own[g]
        else:
            for g in range(n_patterns):
                factor[g] *= own[at[g]]
    everything, seen = 0.0, 0
    for s in range(n_strata):
        a, z = first[s * (k + 1)], first[s * (k + 1) + 1]
        _by_rows(factor[a:z], exposure[:, seen : seen + z - a], hazard[s], happens[a:z], by_hazard[s])
        seen += z - a
        _by_last(factor, first[s * (k + 1) + 1 : s * (k + 1) + k + 2], whole, part, hazard[s], happens, by_hazard[s])
        for j in range(k):
            everything += by_hazard[s, j] * hazard[s, j]
    for b in range(len(start) - 1):
        if start[b + 1] - start[b] == n_patterns:
            by_row[start[b] : start[b + 1]] = happens
        else:
            _scattered(happens, row[b], by_row[start[b] : start[b + 1]])
    return everything


@compiled
def _by_rows(factor, exposure, hazard, happens, by_hazard):  # type: ignore[no-untyped-def]
    """Patterns with rows of their own; inner loops run over patterns that lie side by side."""
    n, k = len(factor), len(hazard)
    for begin in range(0, n, AT_ONCE):
        end = min(begin + AT_ONCE, n)
        here, out = factor[begin:end], happens[begin:end]
        for j in range(k):
            lives, rate = exposure[j, begin:end], hazard[j]
            by_hazard[j] += _product(here, lives)
            for g in range(len(lives)):
                out[g] += rate * lives[g]
        for g in range(len(out)):
            out[g] *= here[g]


@compiled
def _by_last(factor, first, whole, part, hazard, happens, by_hazard):  # type: ignore[no-untyped-def]
    """Patterns that lived whole intervals and part of a last one."""
    k, before, on = len(hazard), 0.0, 0.0
    for i in range(k):
        here, lives, out = factor[first[i] : first[i + 1]], part[first[i] : first[i + 1]], happens[first[i] : first[i + 1]]
        rate = hazard[i]
        by_hazard[i] += _product(here, lives)
        for g in range(len(out)):
            out[g] = here[g] * (before + rate * lives[g])
        before += rate * whole[i]
    for i in range(k - 1, -1, -1):
        by_hazard[i] += on * whole[i]
        on += _total(factor[first[i] : first[i + 1]])


@compiled
def _product(a, b):  # type: ignore[no-untyped-def]
    """Sum of products: four sums at once, which one sum would have to wait for."""
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    even = len(a) - len(a) % 4
    for g in range(0, even, 4):
        s0 += a[g] * b[g]
        s1 += a[g + 1] * b[g + 1]
        s2 += a[g + 2] * b[g + 2]
        s3 += a[g + 3] * b[g + 3]
    for g in range(even, len(a)):
        s0 += a[g] * b[g]
    return (s0 + s1) + (s2 + s3)


@compiled
def _total(a):  # type: ignore[no-untyped-def]
    """Sum, four at once."""
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    even = len(a) - len(a) % 4
    for g in range(0, even, 4):
        s0 += a[g]
        s1 += a[g + 1]
        s2 += a[g + 2]
        s3 += a[g + 3]
    for g in range(even, len(a)):
        s0 += a[g]
    return (s0 + s1) + (s2 + s3)


@compiled
def _scattered(values, at, out):  # type: ignore[no-untyped-def]
    """Add values at their places: in four copies, as an addition would wait for the last at the same place."""
    n, size = len(values), len(out)
    copy = np.zeros((4, size))
    even = n - n % 4
    for g in range(0, even, 4):
        copy[0, at[g]] += values[g]
        copy[1, at[g + 1]] += values[g + 1]
        copy[2, at[g + 2]] += values[g + 2]
        copy[3, at[g + 3]] += values[g + 3]
    for g in range(even, n):
        copy[0, at[g]] += values[g]
    for u in range(size):
        out[u] += (copy[0, u] + copy[1, u]) + (copy[2, u] + copy[3, u])
