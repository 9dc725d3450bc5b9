"""Log posterior density of a binary outcome with the effects of a hierarchical model, and its gradient, over patterns.

With n_g patients and d_g events of a pattern, a the log odds of its stratum and x_g its columns,

    value = sum_g d_g (a + x_g beta) - n_g log(1 + exp(a + x_g beta))

Families of effects and their priors are those of the hazards. The memory is theirs too, with a part of its own at the end.
"""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.density_memory import (
    COLUMNS,
    EVERYTHING,
    FAMILIES,
    FAMILY,
    FRONT,
    STRATA,
    Baseline,
    Family,
    Memory,
    Sums,
    pack,
)  # fmt: skip
from ikzf1_outcomes.kernels.hierarchical_density import FARTHEST, HALF_LOG_2PI, _effects, _effects_back

BLOCK = 4
"""Whole numbers that describe a block of columns: rows, first column, columns, where its numbers begin."""


def pack_binary(sums: Sums, level: Baseline, families: tuple[Family, ...]) -> Memory:
    """Write a density into one buffer.

    Parameters
    ----------
    sums
        With the patients of each pattern as its exposure (G, 1), and the events of each stratum (strata, 1).
    level
        The prior of the log odds; the rest of it is not read.
    families
        Of effects.
    """
    memory = pack(sums, level, families)
    values = [np.array(level.level), sums.event_count[:, 0], sums.event_sum, sums.exposure[:, 0]]
    table, column, begin = [], 0, sum(map(len, values))
    for rows in sums.blocks:
        table += [rows.shape[0], column, rows.shape[1], begin]
        values.append(rows.ravel())
        column, begin = column + rows.shape[1], begin + rows.size
    first = np.searchsorted(sums.stratum, np.arange(level.n_strata + 1))
    sizes = [len(sums.stratum), len(sums.blocks)]
    whole = np.concatenate([np.array(sizes + table, dtype=np.int64), first, sums.row.T.ravel()]).astype(np.int64)
    own = np.concatenate([whole.view(np.float64), *values])
    buffer = np.concatenate([memory.buffer, own, [len(whole), len(own)]])
    buffer.view(np.int64)[EVERYTHING] = len(buffer)
    return Memory(buffer, memory.n_dim)


@compiled
def _linear(values, blocks, beta, linear):  # type: ignore[no-untyped-def]
    """The effects on the distinct rows of each block, one block after the other."""
    at = 0
    for b in range(len(blocks) // BLOCK):
        own = blocks[BLOCK * b : BLOCK * (b + 1)]
        rows, column, width, begin = own[0], own[1], own[2], own[3]
        for u in range(rows):
            for j in range(width):
                linear[at + u] += values[begin + u * width + j] * beta[column + j]
        at += rows


@compiled
def _linear_back(values, blocks, by_row, slope):  # type: ignore[no-untyped-def]
    """Take what was expected of each row from the slope by the effects."""
    at = 0
    for b in range(len(blocks) // BLOCK):
        own = blocks[BLOCK * b : BLOCK * (b + 1)]
        rows, column, width, begin = own[0], own[1], own[2], own[3]
        for u in range(rows):
            for j in range(width):
                slope[column + j] -= values[begin + u * width + j] * by_row[at + u]
        at += rows


@compiled
def log_posterior_binary(theta, gradient, numbers, whole):  # type: ignore[no-untyped-def]
    """Log posterior density, up to the constant of the data; the gradient is written.

    `whole` and `numbers` are the two parts of the memory. Minus infinity, and a gradient of 0, where it is no number.
    """
    p, n_strata = whole[COLUMNS], whole[STRATA]
    table = whole[FRONT : FRONT + FAMILY * whole[FAMILIES]]
    last = len(numbers) - 2
    begin, n_whole = last - int(numbers[last + 1]), int(numbers[last])
    own, values = numbers[begin : begin + n_whole].view(np.int64), numbers[begin + n_whole : last]
    n_patterns, n_blocks = own[0], own[1]
    blocks = own[2 : 2 + BLOCK * n_blocks]
    at = 2 + BLOCK * n_blocks
    first = own[at : at + n_strata + 1]
    row = own[at + n_strata + 1 :].reshape(n_blocks, n_patterns)
    location, scale = values[0], values[1]
    events, event_sum = values[2 : 2 + n_strata], values[2 + n_strata : 2 + n_strata + p]
    patients = values[2 + n_strata + p : 2 + n_strata + p + n_patterns]
    gradient[:] = 0.0
    if not (np.abs(theta) <= FARTHEST).all():
        return -np.inf
    beta, slope = np.zeros(p), np.zeros(p)
    _effects(theta, numbers, table, beta)
    start, rows = np.zeros(n_blocks, dtype=np.int64), 0
    for b in range(n_blocks):
        start[b] = rows
        rows += blocks[BLOCK * b]
    linear, by_row = np.zeros(rows), np.zeros(rows)
    _linear(values, blocks, beta, linear)
    value = 0.0
    for s in range(n_strata):
        z = (theta[s] - location) / scale
        value += events[s] * theta[s] - 0.5 * z * z - HALF_LOG_2PI - np.log(scale)
        bent = events[s] - z / scale
        for g in range(first[s], first[s + 1]):
            eta = theta[s]
            for b in range(n_blocks):
                eta += linear[start[b] + row[b, g]]
            # the exponential is of a number of 0 or less, so that it is never beyond numbers
            small = np.exp(-np.abs(eta))
            value -= patients[g] * (max(eta, 0.0) + np.log1p(small))
            expected = patients[g] * (1.0 if eta > 0.0 else small) / (1.0 + small)
            bent -= expected
            for b in range(n_blocks):
                by_row[start[b] + row[b, g]] += expected
        gradient[s] = bent
    _linear_back(values, blocks, by_row, slope)
    for j in range(p):
        slope[j] += event_sum[j]
        value += event_sum[j] * beta[j]
    value += _effects_back(theta, gradient, numbers, table, beta, slope)
    if not np.isfinite(value) or not np.isfinite(gradient).all():
        gradient[:] = 0.0
        return -np.inf
    return value
