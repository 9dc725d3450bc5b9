"""The rows of a Fine-Gray model, laid out for its likelihood.

The covariates of row i at time t are x_i f(t), column by column, with f = 1 where a covariate does not change. Rows whose
changing columns are alike share a pattern: within it the relative hazards keep their proportions for ever, and so do the
weights of its rows after a competing event (see `subdistribution_weights`). A sum over the risk set at t is then, pattern
by pattern, a running sum times a number that depends on t alone. Without changing columns a pattern is a stratum of the
weights, and every step is linear in the number of rows; with a changing number it is O(rows x event times).

Whatever depends on time is counted in event times of the cause: a row is at risk in its own right from `since` up to, and
not including, `upto`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.risk import Floats, Integers, Positions, RowOrder
from ikzf1_outcomes.kernels.subdistribution_weights import EVENT, Staying, remaining_weights


class Patterns(NamedTuple):
    """Rows alike in their stratum and in the columns whose effect changes."""

    order: Positions
    """Rows by pattern, then by time (n)."""
    start: Positions
    """Where each pattern begins in `order` (K + 1)."""
    stratum: Integers
    """Stratum of each pattern (K)."""
    x: Floats
    """The changing columns of each pattern (K, q)."""
    columns: Positions
    """Which columns those are (q)."""
    moved: Floats
    """The functions of time behind them (e, q)."""


class Subdistribution(NamedTuple):
    """Rows by ascending time, ready for the likelihood; see `lay_out`."""

    order: Positions
    x: Floats
    factor: Floats | None
    """What each column is multiplied by at each event time, None where none changes (e, p)."""
    kind: Integers
    weight: Floats
    """Case weights (n)."""
    active: Floats
    """Case weights, 0 for rows that take no part in the risk sets (n)."""
    stratum: Integers
    rank: Integers
    since: Positions
    """Event times at or before the entry of each row (n)."""
    upto: Positions
    """Event times at or before the end of each row (n)."""
    event_rank: Integers
    deaths: Floats
    """Weight of the events at each event time (e)."""
    kept_on: Floats
    """What the weight of a competing row is divided by at its end, inverted; 0 of the others (n)."""
    censoring: Staying
    """The estimates of censoring and of entry."""
    patterns: Patterns
    delayed: bool
    """Whether rows enter late, so that the weights have a part for entry."""


def lay_out(
    rows: RowOrder,
    kind: Integers,
    weight: Floats,
    active: np.ndarray,
    stratum: Integers,
    x: Floats,
    *,
    path: Floats | None = None,
    fixed: np.ndarray | None = None,
) -> Subdistribution:
    """Sort the rows once and estimate the weights from all of them.

    Parameters
    ----------
    rows
        The order of the endpoint's rows.
    kind
        0 censored, 1 event of the cause, 2 competing (n).
    active
        Whether a row takes part in the risk sets; all rows tell about censoring and entry (n).
    stratum
        Codes of the strata of the weights (n).
    x
        Covariates (n, p).
    path
        What each column is multiplied by at each distinct time of the endpoint (times, p); None for 1.
    fixed
        Columns whose coefficient stays 0: they make no patterns (p).
    """
    order = rows.order
    parts = (rows.rank, rows.first, kind, weight, stratum)
    rank, first, kind, weight, stratum = (np.ascontiguousarray(a[order]) for a in parts)
    event_rank = np.unique(rank[kind == EVENT])
    before = np.searchsorted(event_rank, np.arange(len(rows.times) + 1))
    upto, since = before[rank + 1], before[first]
    deaths = np.bincount(upto[kind == EVENT] - 1, weights=weight[kind == EVENT], minlength=len(event_rank))
    x = np.ascontiguousarray(x[order])
    factor = None if path is None else np.ascontiguousarray(path[event_rank])
    staying = remaining_weights(rank, first, kind, weight, stratum, event_rank)
    return Subdistribution(
        order, x, factor, kind, weight, weight * active[order], stratum, rank, since, upto, event_rank, deaths,
        staying.kept_on, staying, patterns_of(x, stratum, factor, fixed, len(event_rank)), bool(len(rows.late)),
    )  # fmt: skip


def patterns_of(x: Floats, stratum: Integers, factor: Floats | None, fixed: np.ndarray | None, events: int) -> Patterns:
    """Rows that share a stratum and the changing columns whose coefficient is not fixed."""
    columns, moved = np.empty(0, dtype=np.intp), np.empty((events, 0))
    if factor is not None:
        changing = (factor != 1.0).any(axis=0)
        columns = np.flatnonzero(changing if fixed is None else changing & ~fixed)
        moved = np.ascontiguousarray(factor[:, columns])
    if len(columns):
        keys = np.column_stack((stratum, x[:, columns]))
        distinct, code = np.unique(keys, axis=0, return_inverse=True)
        code, of_stratum, values = code.reshape(-1), distinct[:, 0].astype(np.int64), distinct[:, 1:]
    else:
        size = int(stratum.max(initial=0)) + 1
        code, of_stratum, values = stratum, np.arange(size), np.zeros((size, 0))
    one = len(of_stratum) == 1
    order = np.arange(len(x)) if one else np.argsort(code, kind="stable")
    start = np.concatenate(([0], np.cumsum(np.bincount(code, minlength=len(of_stratum)))))
    return Patterns(order, start, of_stratum, np.ascontiguousarray(values), columns, moved)
