"""How long those with a competing event are still counted: the product-limit estimates of censoring and of entry.

A row that has ended with a competing event at T stays at risk of the cause with the weight

    w(t) = product over T <= v < t of (1 - censored(v) / Y(v))  /  product over T <= l < t of (1 - entered(l) / Y(l+))

the chance not to have been censored by t, over the chance of an entry before T of those who entered before t (Geskus 2011,
doi:10.1111/j.1541-0420.2010.01420.x). Y counts the rows under observation, entry < v <= end; Y(l+) those just after l.
Both products are kept as one number that steps along the times of a stratum, so that w(t) is a ratio of two of them.
Without delayed entry the second product is empty and the first is the Kaplan-Meier estimate of censoring.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats, Integers, Positions

CENSORED, EVENT, COMPETING = 0, 1, 2


class Staying(NamedTuple):
    """The product in each stratum, at the times at which rows of the stratum end or enter: its grid.

    It starts anew at 1 where a factor is 0: no weight lasts from one such epoch into the next.
    """

    start: Positions
    """Where the grid of each stratum begins in the arrays below (strata + 1)."""
    grid: Integers
    """Ranks of the times, ascending in each stratum; an entry stands at the first rank that it is at risk (grid)."""
    epoch: Integers
    """Number of zero factors before (grid)."""
    at_risk: Floats
    """Weight under observation (grid)."""
    censored: Floats
    """Weight censored (grid)."""
    entered: Floats
    """Weight that is under observation for the first time (grid)."""
    not_censored: Floats
    """Weight under observation, less the censored (grid)."""
    not_entered: Floats
    """Weight under observation, less the newly entered (grid)."""
    at_end: Positions
    """Place in the grid of the end of each row (n)."""
    at_entry: Positions
    """Place in the grid of the entry of each row, -1 of those at risk from the start (n)."""
    later: Floats
    """The product at each event time, 0 beyond the last follow-up of the stratum (strata, e)."""
    epoch_later: Integers
    """Epoch of each event time (strata, e)."""
    kept_on: Floats
    """1 / the product at the end of competing rows; 0 of others, and where the weight is 0 at every event (n)."""
    unbounded: Positions
    """Competing rows whose weight has no bound: later nobody but new entrants is under observation."""


def remaining_weights(
    rank: Integers, first: Integers, kind: Integers, weight: Floats, stratum: Integers, event_rank: Integers
) -> Staying:
    """Estimate the weights of competing rows from all rows of their stratum.

    Parameters
    ----------
    rank, first
        Rank of each row's end, ascending, and the first rank at which it is under observation (n).
    kind
        0 censored, 1 event of the cause, 2 competing (n).
    weight
        Case weights (n).
    stratum
        Codes, 0 upwards (n).
    event_rank
        Ranks of the event times of the cause, ascending (e).
    """
    strata, n, events = int(stratum.max(initial=0)) + 1, len(rank), len(event_rank)
    at_end, at_entry = np.zeros(n, dtype=np.intp), np.full(n, -1, dtype=np.intp)
    kept_on = np.zeros(n)
    later, epoch_later = np.zeros((strata, events)), np.zeros((strata, events), dtype=np.int64)
    pieces, unbounded, begin = [], [], 0
    for g in range(strata):
        rows = np.flatnonzero(stratum == g) if strata > 1 else np.arange(n)
        mine = rank[rows], first[rows], kind[rows], weight[rows]
        one = _stratum(*mine, event_rank)
        at_end[rows] = begin + one.end
        at_entry[rows] = np.where(one.entry >= 0, begin + one.entry, -1)
        later[g], epoch_later[g], kept_on[rows] = one.later, one.epoch_later, one.kept_on
        unbounded.append(rows[one.unbounded])
        pieces.append(one.grid)
        begin += len(one.grid[0])
    start = np.concatenate(([0], np.cumsum([len(piece[0]) for piece in pieces])))
    joined = [np.concatenate(part) for part in zip(*pieces, strict=True)]
    lost = np.concatenate(unbounded)
    return Staying._make([start, *joined, at_end, at_entry, later, epoch_later, kept_on, lost])


class _Stratum(NamedTuple):
    grid: tuple[Floats, ...]
    end: Positions
    entry: Positions
    later: Floats
    epoch_later: Integers
    kept_on: Floats
    unbounded: np.ndarray


def _stratum(rank: Integers, first: Integers, kind: Integers, weight: Floats, event_rank: Integers) -> _Stratum:
    """One stratum: its grid, the product along it, and what of it the rows and the event times need."""
    late = first > 0
    present = np.zeros(int(rank[-1]) + 1, dtype=bool)
    present[rank], present[first[late]] = True, True
    grid, place_of = np.flatnonzero(present), np.cumsum(present) - 1
    m, end, entry = len(grid), place_of[rank], np.where(late, place_of[first], -1)
    begin, out = np.maximum(entry, 0), kind == CENSORED
    # sums of what is left, because differences of large sums may miss zero
    not_censored = covering(begin, np.where(out, end, end + 1), weight[:, None], m)[:, 0]
    censored = np.bincount(end[out], weights=weight[out], minlength=m)
    at_risk = not_censored + censored
    entered = np.bincount(entry[late], weights=weight[late], minlength=m)
    not_entered = at_risk if not late.any() else covering(entry + 1, end + 1, weight[:, None], m)[:, 0]
    stay, come = (np.divide(part, at_risk, out=np.ones(m), where=at_risk > 0) for part in (not_censored, not_entered))
    # from one time of the grid to the next: who is censored at the first has gone, who enters before the second has come
    before = np.concatenate(([1.0], stay[:-1]))
    gone, alone = before == 0.0, (come == 0.0) & (np.arange(m) > 0)
    breaks = gone | alone
    epoch = np.cumsum(breaks)
    step = np.divide(before, come, out=np.ones(m), where=~breaks & (come > 0))
    product = _running(step, breaks)
    place = np.searchsorted(grid, event_rank, side="right") - 1
    inside = (place >= 0) & (event_rank <= rank[-1])
    at = np.maximum(place, 0)
    between = inside & (grid[at] < event_rank)
    later = np.where(inside, product[at] * np.where(between, stay[at], 1.0), np.where(place < 0, 1.0, 0.0))
    epoch_later = epoch[at]
    upto = np.searchsorted(event_rank, grid, side="right")[end]
    following = np.append(epoch_later, -1)[upto]
    competing = kind == COMPETING
    kept_on = np.where(competing & ((following == epoch[end]) | (upto == len(event_rank))), 1.0 / product[end], 0.0)
    # an epoch that ends for want of others than new entrants, not for censoring, with events of the cause to come
    endless = np.zeros(int(epoch[-1]) + 1, dtype=bool)
    endless[epoch[alone & ~gone] - 1] = True
    ends = np.append(grid[breaks], rank[-1] + 1)
    unbounded = competing & endless[epoch[end]] & (ends[epoch[end]] <= event_rank.max(initial=-1))
    parts = (grid, epoch, at_risk, censored, entered, not_censored, not_entered)
    return _Stratum(parts, end, entry, later, epoch_later, kept_on, unbounded)


@compiled
def _running(step, breaks):  # type: ignore[no-untyped-def]
    out, here = np.empty(len(step)), 1.0
    for i in range(len(step)):
        here = 1.0 if breaks[i] else here * step[i]
        out[i] = here
    return out


@compiled
def _cover(begin, end, value, size):  # type: ignore[no-untyped-def]
    columns = value.shape[1]
    tree = np.zeros((2 * size, columns))
    out = np.zeros((size, columns))
    plain = np.zeros((size + 1, columns))
    any_late = False
    for i in range(len(begin)):
        if begin[i] == 0:
            for c in range(columns):
                plain[end[i], c] += value[i, c]
            continue
        any_late = True
        low, high = begin[i] + size, end[i] + size
        while low < high:
            if low & 1:
                for c in range(columns):
                    tree[low, c] += value[i, c]
                low += 1
            if high & 1:
                high -= 1
                for c in range(columns):
                    tree[high, c] += value[i, c]
            low >>= 1
            high >>= 1
    if any_late:
        for node in range(1, size):
            for c in range(columns):
                tree[2 * node, c] += tree[node, c]
                tree[2 * node + 1, c] += tree[node, c]
    here = np.zeros(columns)
    for j in range(size - 1, -1, -1):
        for c in range(columns):
            here[c] += plain[j + 1, c]
            out[j, c] = here[c] + tree[size + j, c]
    return out


def covering(begin: Integers, end: Integers, value: Floats, size: int) -> Floats:
    """Sums of `value` over the rows whose interval begin <= j < end holds j, for each j below `size` (size, columns).

    Each row is added to the few nodes of a binary tree that make up its interval: nothing is ever subtracted, so that small
    sums beside large ones keep their digits.
    """
    return np.asarray(_cover(begin, end, np.ascontiguousarray(value), size))
