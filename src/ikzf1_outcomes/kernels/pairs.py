"""Pairs of an event and somebody still at risk: whose score is higher, counted in O(n log n)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.partial import Layout
from ikzf1_outcomes.kernels.risk import Floats, Integers


@compiled
def _add(tree, here, size, code, amount):  # type: ignore[no-untyped-def]
    here[code] += amount
    k = code + 1
    while k <= size:
        tree[k] += amount
        k += k & -k


@compiled
def _below(tree, code):  # type: ignore[no-untyped-def]
    total, k = 0.0, code
    while k > 0:
        total += tree[k]
        k -= k & -k
    return total


@compiled
def _as_event(start, rank, first, late, late_start, event, weight, factor, code, sizes, trees, share, counts):  # type: ignore[no-untyped-def]
    """Backward: each event against those at risk after it."""
    tree, here, tied = trees
    for g in range(len(start) - 1):
        size, mass = sizes[g], 0.0
        tree[: size + 1] = 0.0
        here[:size] = 0.0
        pointer, stop = late_start[g + 1] - 1, start[g + 1]
        while stop > start[g]:
            j, end = rank[stop - 1], stop
            while pointer >= late_start[g] and first[late[pointer]] > j:
                i = late[pointer]
                _add(tree, here, size, code[i], -weight[i])
                mass -= weight[i]
                pointer -= 1
            while stop > start[g] and rank[stop - 1] == j:
                stop -= 1
                if not event[stop]:
                    _add(tree, here, size, code[stop], weight[stop])
                    mass += weight[stop]
            earlier = 0.0
            for i in range(stop, end):
                if event[i]:
                    lower, equal, f = _below(tree, code[i]), here[code[i]], factor[i]
                    higher = mass - lower - equal
                    share[i, 0] += f * lower
                    share[i, 1] += f * higher
                    share[i, 2] += f * equal
                    counts[0] += weight[i] * f * lower
                    counts[1] += weight[i] * f * higher
                    counts[2] += weight[i] * f * equal
                    counts[3] += weight[i] * f * (earlier - tied[code[i]])
                    counts[4] += weight[i] * f * tied[code[i]]
                    earlier += weight[i]
                    tied[code[i]] += weight[i]
            for i in range(stop, end):
                if event[i]:
                    tied[code[i]] = 0.0
                    _add(tree, here, size, code[i], weight[i])
                    mass += weight[i]


@compiled
def _as_survivor(start, rank, first, late, late_start, event, weight, factor, code, sizes, trees, share):  # type: ignore[no-untyped-def]
    """Forward: each row against the events while it was at risk."""
    tree, here, _ = trees
    for g in range(len(start) - 1):
        size, mass = sizes[g], 0.0
        tree[: size + 1] = 0.0
        here[:size] = 0.0
        pointer, at = late_start[g], start[g]
        while at < start[g + 1]:
            j, end = rank[at], at
            while end < start[g + 1] and rank[end] == j:
                end += 1
            while pointer < late_start[g + 1] and first[late[pointer]] <= j:
                i = late[pointer]
                lower, equal = _below(tree, code[i]), here[code[i]]
                share[i, 0] -= mass - lower - equal
                share[i, 1] -= lower
                share[i, 2] -= equal
                pointer += 1
            # events of one time are no pair: theirs are counted before any of them is added
            for ending in (True, False):
                for i in range(at, end):
                    if event[i] == ending:
                        lower, equal = _below(tree, code[i]), here[code[i]]
                        share[i, 0] += mass - lower - equal
                        share[i, 1] += lower
                        share[i, 2] += equal
                if ending:
                    for i in range(at, end):
                        if event[i]:
                            _add(tree, here, size, code[i], weight[i] * factor[i])
                            mass += weight[i] * factor[i]
            at = end


class Pairs(NamedTuple):
    """Weighted counts of pairs, and each row's part in them."""

    counts: Floats
    """Concordant, discordant, tied score, tied time, tied in both (5)."""
    share: Floats
    """Concordant, discordant and tied-score pairs of each row, per unit of its weight, in the order of the kept rows
    (m, 3): the derivative of the counts by the weight."""


def count_pairs(layout: Layout, score: Floats, factor: Floats) -> Pairs:
    """Count the pairs of an event and a row at risk after it, within strata.

    A row is compared with an event at t when its entry < t and its time is later, or the same and censored. A pair counts
    the product of the weights times the event's factor. The pair is concordant when the event has the higher score. Two
    trees of partial sums (Fenwick 1994, recalled, not verified) over the ranks of the score, one walked back for the events
    and one forward for the others.

    Parameters
    ----------
    layout
        Rows by stratum and time; its covariates are not used.
    score, factor
        Score of each kept row, and the factor of its pairs as an event (m).
    """
    n, strata = len(layout.rank), len(layout.start) - 1
    stratum = np.repeat(np.arange(strata), np.diff(layout.start))
    code, sizes = ranks_within(stratum, score[layout.where], strata)
    most = int(sizes.max(initial=0))
    trees = (np.zeros(most + 1), np.zeros(most), np.zeros(most))
    rows = (layout.start, layout.rank, layout.first, layout.late, layout.late_start, layout.event, layout.weight)
    share, counts = np.zeros((n, 3)), np.zeros(5)
    own = np.ascontiguousarray(factor[layout.where])
    _as_event(*rows, own, code, sizes, trees, share, counts)
    _as_survivor(*rows, own, code, sizes, trees, share)
    out = np.empty_like(share)
    out[layout.where] = share
    return Pairs(counts, out)


def ranks_within(stratum: Integers, score: Floats, strata: int) -> tuple[Integers, Integers]:
    """Rank of each score among the distinct ones of its stratum, from 0, and how many there are in each stratum."""
    order = np.lexsort((score, stratum))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(score[order]) > 0) | (np.diff(stratum[order]) > 0)
    running = np.cumsum(new) - 1
    sizes = np.bincount(stratum[order][new], minlength=strata)
    code = np.empty(len(order), dtype=np.int64)
    code[order] = running - np.r_[0, np.cumsum(sizes)[:-1]][stratum[order]]
    return code, sizes


def share_concordant(found: Pairs, weight: Floats) -> tuple[float, Floats]:
    """Share of the pairs that are concordant, tied scores as halves, and the influence of each row times its weight.

    The sum of squares of the influences is the infinitesimal jackknife variance. NaN where there is no pair.

    Parameters
    ----------
    found
        The pairs.
    weight
        Weight of each kept row (m).
    """
    concordant, discordant, tied = found.counts[:3]
    pairs = concordant + discordant + tied
    if not pairs > 0:
        return np.nan, np.full(len(weight), np.nan)
    estimate = float((concordant + tied / 2.0) / pairs)
    share = found.share
    return estimate, weight * (share[:, 0] + share[:, 2] / 2.0 - estimate * share.sum(axis=1)) / pairs
