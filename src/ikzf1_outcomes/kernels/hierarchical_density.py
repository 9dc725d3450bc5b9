"""Log posterior density of a hierarchical model of one cause, with its gradient, over covariate patterns.

Hazards are a basis in time times proportional effects. With b_k(t) the basis, B_k its integral, T_gk what the patients of a
pattern lived of B_k, X the columns of the effects and S'X their sums over the events,

    value = sum over events of log(sum_k b_k(t) lam_k) + (S'X) beta - sum_g exp(x_g beta) (T_g lam)

The patients enter through sums alone. exp(x_g beta) is a product over blocks of columns, each evaluated on its distinct
rows, so that no pattern needs an exponential of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.density_memory import (
    ANCHOR,
    BASIS,
    BLOCKS,
    CENTRED,
    COLUMNS,
    DRIFT,
    EVENT_BASIS,
    EVENT_COUNT,
    EVENT_SUM,
    EXPOSURE,
    FAMILIES,
    FAMILY,
    FRONT,
    HORSESHOE,
    LEVEL,
    NORMAL,
    OWN_ROWS,
    PATTERNS,
    SHARED,
    SPREADS,
    STEPS,
    STRATA,
    TIMES,
    WEIGHTS,
    WHOLE,
    Memory,
)  # fmt: skip
from ikzf1_outcomes.kernels.expected_events import BLOCK, column_sums, expected_events, relative_risks
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.kernels.shrinkage_families import PRIOR, horseshoe, horseshoe_back, shared, shared_back

HALF_LOG_2PI = 0.9189385332046727
LOG_2 = 0.6931471805599453
FARTHEST = 300.0
"""What is sampled lies within this; exponentials of it and their squares are numbers."""


@compiled
def _spread_prior(v, scale):  # type: ignore[no-untyped-def]
    """Log density of log s for a half-normal s, and its derivative."""
    z = np.exp(v) / scale
    return LOG_2 - HALF_LOG_2PI - np.log(scale) - 0.5 * z * z + v, 1.0 - z * z


@compiled
def _effects(theta, numbers, table, beta):  # type: ignore[no-untyped-def]
    """Effects of all columns from what is sampled."""
    for f in range(len(table) // FAMILY):
        row = table[f * FAMILY : (f + 1) * FAMILY]
        kind, begin, size, at, free, first, second = row[0], row[1], row[2], row[3], row[4], row[5], row[6]
        if kind == NORMAL:
            beta[begin : begin + size] = theta[at : at + size]
            continue
        prior, own = numbers[first : first + PRIOR], beta[begin : begin + size]
        if kind == HORSESHOE:
            horseshoe(theta, at, free, numbers[second:], prior, size, own)
            continue
        if kind == SHARED:
            shared(theta, at, numbers[second : second + size], prior, size, own)
            continue
        factor = np.exp((1.0 - numbers[first + 1]) * theta[at])
        for i in range(size):
            total = 0.0
            for j in range(free):
                total += numbers[second + i * free + j] * theta[at + 1 + j]
            beta[begin + i] = factor * total


@compiled
def _effects_back(theta, gradient, numbers, table, beta, slope):  # type: ignore[no-untyped-def]
    """Log priors of the families; the slope by the effects becomes that by what is sampled."""
    value = 0.0
    for f in range(len(table) // FAMILY):
        row = table[f * FAMILY : (f + 1) * FAMILY]
        kind, begin, size, at, free, first, second = row[0], row[1], row[2], row[3], row[4], row[5], row[6]
        if kind == NORMAL:
            for i in range(size):
                scale = numbers[second + i]
                z = (theta[at + i] - numbers[first + i]) / scale
                value -= 0.5 * z * z + HALF_LOG_2PI + np.log(scale)
                gradient[at + i] = slope[begin + i] - z / scale
            continue
        own_beta, own_slope, prior = beta[begin : begin + size], slope[begin : begin + size], numbers[first : first + PRIOR]
        if kind == HORSESHOE:
            value += horseshoe_back(theta, gradient, at, free, numbers[second:], prior, size, own_beta, own_slope)
            continue
        if kind == SHARED:
            scales = numbers[second : second + size]
            value += shared_back(theta, gradient, at, scales, prior, size, own_beta, own_slope)
            continue
        added, own = _spread_prior(theta[at], numbers[first])
        value += added
        centring = numbers[first + 1]
        around, factor = np.exp(centring * theta[at]), np.exp((1.0 - centring) * theta[at])
        for j in range(free):
            total = 0.0
            for i in range(size):
                total += numbers[second + i * free + j] * slope[begin + i]
            z = theta[at + 1 + j] / around
            value -= 0.5 * z * z + HALF_LOG_2PI + centring * theta[at]
            gradient[at + 1 + j] = factor * total - z / around
            own += centring * (z * z - 1.0)
        for i in range(size):
            own += (1.0 - centring) * slope[begin + i] * beta[begin + i]
        gradient[at] = own
    return value


@compiled
def _walk(theta, sizes, weights, step, log_hazard, share):  # type: ignore[no-untyped-def]
    """Log hazards of the strata, and how much of the level each function of the basis makes; False where there are none."""
    n_strata, k = log_hazard.shape
    drift = np.exp(theta[sizes[DRIFT]]) if k > 1 else 0.0
    for s in range(n_strata):
        log_hazard[s, 0] = 0.0
        at = sizes[STEPS] + s * (k - 1)
        if sizes[CENTRED]:
            for j in range(k):
                log_hazard[s, j] = 0.0 if j == sizes[ANCHOR] else theta[at + j - (j > sizes[ANCHOR])]
        else:
            for j in range(1, k):
                log_hazard[s, j] = log_hazard[s, j - 1] + drift * step[j - 1] * theta[at + j - 1]
        top = log_hazard[s].max()
        total = 0.0
        for j in range(k):
            share[s, j] = weights[j] * np.exp(log_hazard[s, j] - top)
            total += share[s, j]
        if not total > 0.0:  # all of the hazard lies after the horizon
            return False
        for j in range(k):
            share[s, j] /= total
            log_hazard[s, j] += theta[s] - top - np.log(total)
    return True


@compiled
def _walk_back(theta, gradient, sizes, prior, step, share, slope):  # type: ignore[no-untyped-def]
    """Log priors of the baseline; the slope by the log hazards becomes that by what is sampled."""
    n_strata, k = share.shape
    value, own, drift = 0.0, 0.0, 0.0
    if k > 1:
        value, own = _spread_prior(theta[sizes[DRIFT]], prior[2])
        drift = np.exp(theta[sizes[DRIFT]])
    for s in range(n_strata):
        total = slope[s].sum()
        z = (theta[s] - prior[0]) / prior[1]
        value -= 0.5 * z * z + HALF_LOG_2PI + np.log(prior[1])
        gradient[s] = total - z / prior[1]
        at = sizes[STEPS] + s * (k - 1) - 1
        if sizes[CENTRED]:
            anchor = sizes[ANCHOR]
            for j in range(k):
                if j != anchor:
                    gradient[at + j + (j < anchor)] = slope[s, j] - total * share[s, j]
            for j in range(1, k):
                around = drift * step[j - 1]
                here, there = at + j + (j < anchor), at + j - 1 + (j - 1 < anchor)
                z = (0.0 if j == anchor else theta[here]) - (0.0 if j - 1 == anchor else theta[there])
                z /= around
                value -= 0.5 * z * z + HALF_LOG_2PI + np.log(around)
                if j != anchor:
                    gradient[here] -= z / around
                if j - 1 != anchor:
                    gradient[there] += z / around
                own += z * z - 1.0
        else:
            later = 0.0
            for j in range(k - 1, 0, -1):
                later += slope[s, j] - total * share[s, j]
                z = theta[at + j]
                value -= 0.5 * z * z + HALF_LOG_2PI
                gradient[at + j] = drift * step[j - 1] * later - z
                own += drift * step[j - 1] * later * z
    if k > 1:
        gradient[sizes[DRIFT]] = own
    return value


@compiled
def log_posterior(theta, gradient, numbers, whole):  # type: ignore[no-untyped-def]
    """Log posterior density, up to the constant of the data; the gradient is written.

    `whole` and `numbers` are the two parts of the memory. Minus infinity, and a gradient of 0, where it is no number.
    """
    sizes = whole[:FRONT]
    p, n_strata, k = sizes[COLUMNS], sizes[STRATA], sizes[BASIS]
    n_times, n_patterns, n_blocks = sizes[TIMES], sizes[PATTERNS], sizes[BLOCKS]
    begin, end = FRONT, FRONT + FAMILY * sizes[FAMILIES]
    table = whole[begin:end]
    begin, end = end, end + BLOCK * n_blocks
    blocks = whole[begin:end]
    begin, end = end, end + n_patterns * n_blocks
    row = whole[begin:end].reshape(n_blocks, n_patterns)
    first, places = whole[end : end + n_strata * (k + 1) + 1], sizes[EXPOSURE]
    n_own = sizes[OWN_ROWS]
    exposure = numbers[places : places + k * n_own].reshape(k, n_own)
    lived = numbers[places + k * n_own : places + k * n_own + k]
    part = numbers[places + k * n_own + k : places + k * n_own + k + n_patterns]
    weights, step = numbers[sizes[WEIGHTS] : sizes[WEIGHTS] + k], numbers[sizes[SPREADS] : sizes[SPREADS] + k - 1]
    beta, log_hazard, share = np.zeros(p), np.zeros((n_strata, k)), np.zeros((n_strata, k))
    gradient[:] = 0.0
    if not (np.abs(theta) <= FARTHEST).all() or not _walk(theta, sizes, weights, step, log_hazard, share):
        return -np.inf
    _effects(theta, numbers, table, beta)
    hazard = np.exp(log_hazard)
    start = np.zeros(n_blocks + 1, dtype=np.int64)
    for b in range(n_blocks):
        start[b + 1] = start[b] + blocks[BLOCK * b]
    relative, by_row, by_hazard = np.zeros(start[-1]), np.zeros(start[-1]), np.zeros((n_strata, k))
    relative_risks(numbers, blocks, start, beta, relative)
    value = -expected_events((first, exposure, lived, part), row, start, relative, hazard, by_row, by_hazard)
    slope, bent = np.zeros(p), -by_hazard
    for e in range(n_times):
        for s in range(n_strata):
            count = numbers[sizes[EVENT_COUNT] + s * n_times + e]
            if count == 0.0:
                continue
            here = 0.0
            for j in range(k):
                here += numbers[sizes[EVENT_BASIS] + e * k + j] * hazard[s, j]
            if not here > 0.0:
                return -np.inf
            value += count * np.log(here)
            for j in range(k):
                bent[s, j] += count * numbers[sizes[EVENT_BASIS] + e * k + j] / here
    column_sums(numbers, blocks, start, by_row, slope)
    for j in range(p):
        slope[j] = numbers[sizes[EVENT_SUM] + j] - slope[j]
        value += numbers[sizes[EVENT_SUM] + j] * beta[j]
    value += _effects_back(theta, gradient, numbers, table, beta, slope)
    value += _walk_back(theta, gradient, sizes, numbers[sizes[LEVEL] : sizes[LEVEL] + 3], step, share, bent * hazard)
    if not np.isfinite(value) or not np.isfinite(gradient).all():
        gradient[:] = 0.0
        return -np.inf
    return value


def evaluate(memory: Memory, theta: Floats, posterior: Any = log_posterior) -> tuple[float, Floats]:
    """Log posterior density and gradient at a place (n_dim); `posterior` may be another density of the same memory."""
    whole = memory.buffer.view(np.int64)
    gradient = np.zeros(memory.n_dim)
    head = int(whole[WHOLE])
    value = posterior(np.asarray(theta, dtype=np.float64), gradient, memory.buffer[head:], whole[:head])
    return float(value), gradient


def effects(memory: Memory, theta: Floats) -> Floats:
    """Effects of all columns (draws, p) at some places (draws, n_dim)."""
    whole = memory.buffer.view(np.int64)
    head, p = int(whole[WHOLE]), int(whole[COLUMNS])
    table = whole[FRONT : FRONT + FAMILY * int(whole[FAMILIES])]
    return np.asarray(_many_effects(np.ascontiguousarray(theta), memory.buffer[head:], table, p))


@compiled
def _many_effects(theta, numbers, table, p):  # type: ignore[no-untyped-def]
    out = np.zeros((len(theta), p))
    for d in range(len(theta)):
        _effects(theta[d], numbers, table, out[d])
    return out


def log_hazards(memory: Memory, theta: Floats) -> Floats:
    """Logarithms of what multiplies the basis, for each stratum (draws, strata, K), at some places (draws, n_dim)."""
    whole = memory.buffer.view(np.int64)
    return np.asarray(_many_walks(np.ascontiguousarray(theta), memory.buffer[int(whole[WHOLE]) :], whole[:FRONT].copy()))


@compiled
def _many_walks(theta, numbers, sizes):  # type: ignore[no-untyped-def]
    n_strata, k = sizes[STRATA], sizes[BASIS]
    weights, step = numbers[sizes[WEIGHTS] : sizes[WEIGHTS] + k], numbers[sizes[SPREADS] : sizes[SPREADS] + k - 1]
    out, share = np.zeros((len(theta), n_strata, k)), np.zeros((n_strata, k))
    for d in range(len(theta)):
        _walk(theta[d], sizes, weights, step, out[d], share)
    return out
