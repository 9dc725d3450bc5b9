"""One sort, and the tables of risk sets that every estimator reads.

A row is at risk at a time t when entry < t <= its own time. Times are ranks 0..m-1 of the distinct times; `first` is the
first rank at which a row is at risk (0 without delayed entry).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ikzf1_outcomes.kernels.compile import compiled

Floats = NDArray[Any]
Integers = NDArray[Any]
Positions = NDArray[Any]


class RowOrder(NamedTuple):
    """The one sort of the rows of an endpoint."""

    times: Floats
    """Distinct times, ascending (m)."""
    rank: Integers
    """Position of each row's time in `times` (n)."""
    order: Positions
    """Rows by ascending time (n)."""
    first: Integers
    """First rank at which each row is at risk (n)."""
    late: Positions
    """Rows with `first` > 0, by ascending `first`; empty without delayed entry."""


class RiskTable(NamedTuple):
    """Counts at the distinct times of each group; the rows of group g are offset[g]:offset[g + 1]."""

    offset: Positions
    rank: Integers
    n_risk: Floats
    events: Floats
    """(rows, causes)."""
    censored: Floats


def tie_cuts(times: Floats, tolerance: float = float(np.sqrt(np.finfo(float).eps))) -> Floats:
    """Distinct values of `times` when values closer than `tolerance` (absolute, or relative to the mean) are one.

    The rule of `timefix` in R's survival: the smallest value stands for all that follow it without a gap.
    """
    distinct = np.unique(times[np.isfinite(times)])
    if len(distinct) < 2:
        return distinct
    gaps = np.diff(distinct)
    scale = np.mean(np.abs(distinct))
    close = gaps <= tolerance
    if scale > 0:
        close |= gaps / scale <= tolerance
    return distinct[np.concatenate(([True], ~close))]


def snap(wanted: Floats, times: Floats) -> Floats:
    """Move values that are tied with a time, by the rule of `tie_cuts`, onto that time."""
    if not len(times):
        return wanted
    near = np.clip(np.searchsorted(times, wanted), 1, max(len(times) - 1, 1))
    tolerance = float(np.sqrt(np.finfo(float).eps)) * max(1.0, float(np.mean(np.abs(times))))
    for candidate in (times[np.minimum(near, len(times) - 1)], times[near - 1]):
        wanted = np.where(np.abs(wanted - candidate) <= tolerance, candidate, wanted)
    return wanted


def sort_rows(time: Floats, entry: Floats | None = None) -> tuple[RowOrder, Floats | None]:
    """Decide ties and sort, once for all.

    Parameters
    ----------
    time, entry
        End of each row and its entry, minus infinity where a row was at risk from the start (n).

    Returns
    -------
    RowOrder, entry
        The order, and the entries with tied values made one.
    """
    everything = time if entry is None else np.concatenate((time, entry))
    values, inverse = np.unique(everything, return_inverse=True)
    cuts = tie_cuts(values)
    # minus infinity lies before the first cut
    code = (np.searchsorted(cuts, values, side="right") - 1)[inverse]
    present = np.zeros(len(cuts), dtype=bool)
    present[code[: len(time)]] = True
    rank = (np.cumsum(present) - 1)[code[: len(time)]].astype(np.int32)
    # 16-bit keys are sorted by radix, many times faster
    narrow = rank.astype(np.uint16) if present.sum() <= np.iinfo(np.uint16).max else rank
    order = np.argsort(narrow, kind="stable")
    if entry is None:
        first, late = np.zeros(len(time), dtype=np.int32), np.empty(0, dtype=np.intp)
        return RowOrder(cuts[present], rank, order, first, late), None
    own = code[len(time) :] + 1
    first = np.concatenate(([0], np.cumsum(present)))[own].astype(np.int32)
    late = np.flatnonzero(first > 0)
    late = late[np.argsort(first[late], kind="stable")]
    return RowOrder(cuts[present], rank, order, first, late), np.concatenate(([-np.inf], cuts))[own]


@compiled
def _tally(order, rank, late, first, cause, weight, group, n_groups, n_causes):  # type: ignore[no-untyped-def]
    size = np.zeros(n_groups, dtype=np.intp)
    last = np.full(n_groups, -1, dtype=np.int32)
    for i in order:
        g = group[i]
        # where a row is only taken up by another one of the patient, nothing happens
        if g >= 0 and cause[i] >= 0 and rank[i] != last[g]:
            size[g] += 1
            last[g] = rank[i]
    offset = np.zeros(n_groups + 1, dtype=np.intp)
    for g in range(n_groups):
        offset[g + 1] = offset[g] + size[g]
    total = offset[n_groups]
    ranks = np.empty(total, dtype=np.int32)
    n_risk = np.empty(total)
    events = np.zeros((total, n_causes))
    censored = np.zeros(total)
    row = offset[1:].copy()
    last[:] = -1
    here = np.zeros(n_groups)
    not_yet = np.zeros(n_groups)
    pointer = len(late) - 1
    for position in range(len(order) - 1, -1, -1):
        i = order[position]
        g = group[i]
        if g < 0:
            continue
        j = rank[i]
        while pointer >= 0 and first[late[pointer]] > j:
            other = late[pointer]
            if group[other] >= 0:
                not_yet[group[other]] += weight[other]
            pointer -= 1
        here[g] += weight[i]
        if cause[i] < 0:
            if last[g] == j:
                n_risk[row[g]] = here[g] - not_yet[g]
            continue
        if last[g] != j:
            row[g] -= 1
            last[g] = j
            ranks[row[g]] = j
        n_risk[row[g]] = here[g] - not_yet[g]
        if cause[i] > 0:
            events[row[g], cause[i] - 1] += weight[i]
        else:
            censored[row[g]] += weight[i]
    return offset, ranks, n_risk, events, censored


@compiled
def _tally_cells(rank, cause, weight, group, n_groups, n_causes, n_times):  # type: ignore[no-untyped-def]
    cells = np.zeros((n_groups, n_times, n_causes + 2))  # ends of any kind, censored, events by cause
    for i in range(len(rank)):
        g = group[i]
        if g >= 0:
            cells[g, rank[i], 0] += weight[i]
            if cause[i] >= 0:
                cells[g, rank[i], 1 + cause[i]] += weight[i]
    offset = np.zeros(n_groups + 1, dtype=np.intp)
    for g in range(n_groups):
        offset[g + 1] = offset[g]
        for j in range(n_times):
            if cells[g, j, 1:].sum() > 0.0:
                offset[g + 1] += 1
    total = offset[n_groups]
    ranks = np.empty(total, dtype=np.int32)
    n_risk = np.empty(total)
    events = np.empty((total, n_causes))
    censored = np.empty(total)
    for g in range(n_groups):
        row, here = offset[g + 1], 0.0
        for j in range(n_times - 1, -1, -1):
            here += cells[g, j, 0]
            if cells[g, j, 1:].sum() > 0.0:
                row -= 1
                ranks[row], n_risk[row], censored[row] = j, here, cells[g, j, 1]
                for k in range(n_causes):
                    events[row, k] = cells[g, j, 2 + k]
    return offset, ranks, n_risk, events, censored


def tally(rows: RowOrder, cause: Integers, weight: Floats, group: Integers, n_groups: int, n_causes: int) -> RiskTable:
    """Numbers at risk, events by cause and censorings at the distinct times of each group, in one pass.

    Tied times without delayed entry are counted into cells of (group, time), reading the rows as they lie; otherwise the
    rows are walked in order of time. Both give the same table.

    Parameters
    ----------
    rows
        The order of the endpoint's rows.
    cause
        0 censored, k the k-th cause, negative neither (n).
    weight
        Case weights (n).
    group
        Group code; rows with a negative code are left out (n).
    """
    n_times = len(rows.times)
    # a row that another one takes up implies delayed entry
    if not len(rows.late) and n_groups * n_times * (n_causes + 2) <= 2 * len(rows.rank):
        return RiskTable(*_tally_cells(rows.rank, cause, weight, group, n_groups, n_causes, n_times))
    return RiskTable(*_tally(rows.order, rows.rank, rows.late, rows.first, cause, weight, group, n_groups, n_causes))


@compiled
def _risk_matrix(selected, rank, late, first, cause, weight, group, n_groups, n_causes):  # type: ignore[no-untyped-def]
    n_times, last = 0, -1
    for i in selected:
        if cause[i] > 0 and rank[i] != last:
            n_times += 1
            last = rank[i]
    ranks = np.empty(n_times, dtype=np.int32)
    n_risk = np.empty((n_times, n_groups))
    events = np.zeros((n_times, n_groups, n_causes))
    here = np.zeros(n_groups)
    not_yet = np.zeros(n_groups)
    heads = np.zeros(n_groups, dtype=np.intp)
    pointer = len(late) - 1
    row, stop = n_times, len(selected)
    while stop > 0:
        j = rank[selected[stop - 1]]
        while pointer >= 0 and first[late[pointer]] > j:
            not_yet[group[late[pointer]]] += weight[late[pointer]]
            heads[group[late[pointer]]] -= 1
            pointer -= 1
        start, any_event = stop, False
        while start > 0 and rank[selected[start - 1]] == j:
            i = selected[start - 1]
            here[group[i]] += weight[i]
            heads[group[i]] += 1
            any_event = any_event or cause[i] > 0
            start -= 1
        if any_event:
            row -= 1
            ranks[row] = j
            for position in range(start, stop):
                i = selected[position]
                if cause[i] > 0:
                    events[row, group[i], cause[i] - 1] += weight[i]
            for g in range(n_groups):
                # sums of weights that are not whole numbers differ by rounding where nobody is left
                n_risk[row, g] = here[g] - not_yet[g] if heads[g] > 0 else 0.0
        stop = start
    return ranks, n_risk, events


def risk_matrix(
    rows: RowOrder,
    selected: Positions,
    late: Positions,
    cause: Integers,
    weight: Floats,
    group: Integers,
    shape: tuple[int, int],
) -> tuple[Integers, Floats, Floats]:
    """At every time with an event among the selected rows: numbers at risk and events of all groups.

    Parameters
    ----------
    selected, late
        Rows by ascending time, and those of them with delayed entry by ascending entry.
    shape
        Numbers of groups and of causes.

    Returns
    -------
    ranks (e), n_risk (e, groups), events (e, groups, causes)
    """
    return _risk_matrix(selected, rows.rank, late, rows.first, cause, weight, group, *shape)
