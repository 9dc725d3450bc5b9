"""Reading step functions of several groups at given times, with the counts that belong there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import probability_limits
from ikzf1_outcomes.endpoint import Columns, Endpoint, Groups, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats, Positions, RiskTable, snap, tally

SMALL_RISK_SET = 10
"""Fewer at risk than this at a horizon is worth a note."""
NOBODY = "nobody in this group"


class Steps(NamedTuple):
    """The risk table of an endpoint by group, and where its rows came from."""

    endpoint: Endpoint
    groups: Groups
    table: RiskTable

    def rows_of(self, g: int) -> slice:
        """Rows of the table that belong to group g."""
        return slice(int(self.table.offset[g]), int(self.table.offset[g + 1]))

    def times_of(self, g: int) -> Floats:
        """Distinct times of group g."""
        return self.endpoint.rows.times[self.table.rank[self.rows_of(g)]]


class Reading(NamedTuple):
    """Where each (group, time) is read."""

    group: Positions
    time: Floats
    row: Positions
    """Row of the table, -1 before the first."""
    n_risk: Floats
    n_event: Floats
    """(readings, causes), since the previous reading of the group."""
    n_censor: Floats
    beyond: np.ndarray
    """Past the last follow-up of the group."""


def make_steps(endpoint: Endpoint, by: Columns | None) -> Steps:
    """Count once: the risk table of every group."""
    groups = endpoint.groups(by)
    if not (groups.codes >= 0).any():
        raise InputError("nobody is left to analyse", count=len(groups.codes), next_step="The group is missing everywhere.")
    table = tally(
        endpoint.rows, endpoint.cause, endpoint.case_weights, groups.codes, len(groups.levels), len(endpoint.causes)
    )
    for array in table:
        frozen(array)
    return Steps(endpoint, groups, table)


def read_all(steps: Steps) -> Reading:
    """Every row of the table, in its order."""
    table = steps.table
    group = np.repeat(np.arange(len(steps.groups.levels)), np.diff(table.offset))
    row = np.arange(len(table.rank))
    beyond = np.zeros(len(row), dtype=bool)
    return Reading(group, steps.endpoint.rows.times[table.rank], row, table.n_risk, table.events, table.censored, beyond)


def read_at(steps: Steps, times: float | Iterable[float]) -> Reading:
    """Each group at each of the times, ascending.

    A requested time that is tied with a time in the data, by the rule of R's `timefix`, is that time.
    """
    wanted = np.unique(np.array(list(times) if isinstance(times, Iterable) else [times], dtype=float))
    if not len(wanted) or not np.isfinite(wanted).all() or wanted[0] < 0:
        raise InputError("times must be finite, not negative, and at least one", next_step="Give times in the data's unit.")
    entry = steps.endpoint.entry
    known = steps.endpoint.rows.times if entry is None else np.concatenate((steps.endpoint.rows.times, entry))
    wanted = snap(wanted, known if entry is None else np.unique(known[np.isfinite(known)]))
    parts = [read_group(steps, g, wanted) for g in range(len(steps.groups.levels))]
    return Reading(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def read_group(steps: Steps, g: int, wanted: Floats) -> tuple[Any, ...]:
    """One group's readings, as the columns of `Reading`."""
    table, endpoint = steps.table, steps.endpoint
    own = steps.times_of(g)
    start = int(table.offset[g])
    position = np.searchsorted(own, wanted, side="right")
    counts = np.column_stack((table.events[steps.rows_of(g)], table.censored[steps.rows_of(g)]))
    running = np.vstack((np.zeros(counts.shape[1]), np.cumsum(counts, axis=0)))[position]
    since = np.diff(running, axis=0, prepend=np.zeros((1, counts.shape[1])))
    if endpoint.entry is None:
        after = np.searchsorted(own, wanted, side="left")
        n_risk = np.concatenate((table.n_risk[steps.rows_of(g)], [0.0]))[after]
    else:
        member = steps.groups.codes == g
        entry, end, weight = endpoint.entry[member], endpoint.time[member], endpoint.case_weights[member]
        n_risk = np.array([weight[(entry < t) & (end >= t)].sum() for t in wanted])
    last = own[-1] if len(own) else -np.inf
    row = np.where(position > 0, start + position - 1, -1)
    return np.full(len(wanted), g), wanted, row, n_risk, since[:, :-1], since[:, -1], wanted > last


def value_at(values: Floats, row: Positions, before: float) -> Floats:
    """Values at rows of the table, `before` where the row is -1."""
    if not len(values):
        return np.full(len(row), before)
    return np.where(row >= 0, values[np.maximum(row, 0)], before)


def limits_at(
    reading: Reading, estimate: Floats, std_error: Floats, conf_type: str, conf_level: float
) -> tuple[Floats, Floats]:
    """Confidence limits of readings; before the first time of a group, where nothing can have happened, the estimate."""
    low, high = probability_limits(estimate, std_error, conf_type, conf_level)
    early = reading.row < 0
    return np.where(early, estimate, low), np.where(early, estimate, high)


def group_frame(steps: Steps, group: Positions) -> pd.DataFrame:
    """The leading columns of a tidy table: a column for each grouping variable when there are several, and `group`."""
    levels = steps.groups.levels
    frame = pd.DataFrame(index=pd.RangeIndex(len(group)))
    if len(steps.groups.columns) > 1:
        for position, name in enumerate(steps.groups.columns):
            frame[name] = [levels[g][position] for g in group]
    if len(levels) == 1 and not steps.groups.columns:
        frame["group"] = "all"
    else:
        lookup = np.empty(len(levels), dtype=object)
        lookup[:] = levels
        frame["group"] = pd.Series(lookup[group], index=frame.index).infer_objects()
    return frame


def group_sizes(steps: Steps) -> Floats:
    """Patients in each group (sum of weights where weights are declared)."""
    return np.array([steps.endpoint.patients(steps.groups.codes == g) for g in range(len(steps.groups.levels))])


def notes(*parts: np.ndarray) -> np.ndarray:
    """Join text columns with semicolons, leaving out what is empty."""
    if not any((part != "").any() for part in parts):
        return parts[0]
    return np.array(["; ".join(text for text in row if text) for row in zip(*parts, strict=True)], dtype=object)
