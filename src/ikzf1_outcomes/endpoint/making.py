"""Every way to an endpoint ends here: arrays are checked, ties decided, rows sorted, all of it frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.endpoint.value import CONTINUES, Endpoint, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats, Integers, RowOrder, sort_rows


def make_endpoint(
    frame: pd.DataFrame,
    time: Floats,
    cause: Integers,
    causes: Sequence[str],
    *,
    entry: Floats | None = None,
    weights: Floats | None = None,
    subject: NDArray[np.intp] | None = None,
    **labels: Any,
) -> Endpoint:
    """Check the arrays, decide ties, sort, freeze. Every way to an `Endpoint` ends here.

    Raises
    ------
    InputError
        No rows; a time that is missing, infinite or negative; entry not before time; a weight that is not positive;
        intervals of one patient that overlap.
    """
    if not len(time):
        raise InputError("no rows to analyse", next_step="Check the filters and the exclusions.")
    refuse(~np.isfinite(time), "a time is missing or infinite", "Exclude those rows with a reason, or complete them.")
    refuse(time < 0, "a time is negative", "Check the dates.")
    if entry is not None:
        refuse(np.isnan(entry) | (entry == np.inf), "an entry time is missing", "Give 0 or minus infinity for none.")
        refuse(entry >= time, "entry is not before the end of follow-up", "A row is at risk when entry < t <= time.")
        if np.all(np.isneginf(entry)):
            entry = None
    if weights is not None:
        refuse(~(np.isfinite(weights) & (weights > 0)), "a weight is missing, zero or negative", "Exclude those rows.")
        if np.all(weights == 1):
            weights = None
    order, entry = sort_rows(time, entry)
    refuse(order.first > order.rank, "entry is not before the end of follow-up", "A row is at risk when entry < t <= time.")
    time = order.times[order.rank]
    if subject is not None:
        cause = mark_continuing(time, entry, cause, subject)
    arrays = {"time": time, "cause": cause, "entry": entry, "weights": weights, "subject": subject, **order._asdict()}
    for array in (*arrays.values(), labels.get("start")):
        if array is not None:
            frozen(array)
    return Endpoint(
        frame=frame, time=time, cause=cause, causes=tuple(causes), rows=order, entry=entry, weights=weights,
        subject=subject, **{"name": "endpoint", **labels},
    )  # fmt: skip


def refuse(bad: NDArray[np.bool_], problem: str, next_step: str) -> None:
    """Raise an `InputError` with the positions of the bad rows, if there are any."""
    rows = np.flatnonzero(bad)
    if len(rows):
        raise InputError(problem, where=rows + 1, next_step=next_step)


def mark_continuing(time: Floats, entry: Floats | None, cause: Integers, subject: NDArray[np.intp]) -> Integers:
    """Give the code -1 to censored rows whose patient goes on in another row; refuse overlapping rows."""
    begin = np.full(len(time), -np.inf) if entry is None else entry
    order = np.lexsort((time, begin, subject))
    same = subject[order][1:] == subject[order][:-1]
    gap = begin[order][1:] - time[order][:-1]
    overlap = np.zeros(len(time), dtype=bool)
    overlap[order[1:][same & (gap < 0)]] = True
    refuse(overlap, "intervals of one patient overlap", "Each interval of a patient starts where the last one ended.")
    goes_on = np.zeros(len(time), dtype=bool)
    goes_on[order[:-1][same & (gap == 0)]] = True
    return np.where(goes_on & (cause == 0), CONTINUES, cause).astype(np.int32)


def take_rows(endpoint: Endpoint, keep: NDArray[np.bool_], **changes: Any) -> Endpoint:
    """The endpoint of some of its rows, with some attributes changed. `changes` may give entry and start for all rows."""
    entry = changes.pop("entry", endpoint.entry)
    start = changes.pop("start", endpoint.start)

    def part(array: Any) -> Any:
        return None if array is None else array[keep].copy()

    fresh = make_endpoint(
        endpoint.frame.loc[keep].reset_index(drop=True),
        part(endpoint.time),
        np.maximum(part(endpoint.cause), 0),
        endpoint.causes,
        entry=part(entry),
        weights=part(endpoint.weights),
        subject=part(endpoint.subject),
    )
    known = {k: v if np.ndim(v) == 0 else np.asarray(v)[keep] for k, v in endpoint.known_at.items()}
    labels = ("name", "time_unit", "origin", "interest", "policy", "notes", "n_excluded")
    kept = {label: getattr(endpoint, label) for label in labels}
    start_part = part(start)
    return replace(fresh, known_at=known, start=None if start_part is None else frozen(start_part), **{**kept, **changes})


def draw_rows(endpoint: Endpoint, rows: NDArray[np.intp], subject: NDArray[np.intp] | None = None) -> Endpoint:
    """The endpoint of rows named by position, some of them several times.

    Ties stay as they were decided among all rows: they are not decided anew.

    Parameters
    ----------
    endpoint
        Times and causes.
    rows
        Positions, from 0 (m); all rows of a patient or none.
    subject
        Code of the patient of each row drawn (m): a patient who is drawn twice is two. None where each row is a patient.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.endpoint import draw_rows
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0], "s": [1, 0, 1]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> draw_rows(endpoint, np.array([2, 2, 0])).time.tolist()
    [3.0, 3.0, 1.0]
    """

    def part(array: Any) -> Any:
        return array if array is None or np.ndim(array) == 0 else frozen(np.asarray(array)[rows])

    old = endpoint.rows
    present, rank = np.unique(old.rank[rows], return_inverse=True)
    rank = rank.astype(np.int32)
    first = np.searchsorted(present, old.first[rows]).astype(np.int32)
    late = np.flatnonzero(first > 0)
    late = late[np.argsort(first[late], kind="stable")]
    order = RowOrder(old.times[present], rank, np.argsort(rank, kind="stable"), first, late)
    for array in order:
        frozen(array)
    arrays = {name: part(getattr(endpoint, name)) for name in ("time", "cause", "entry", "weights", "start")}
    known = {name: part(value) for name, value in endpoint.known_at.items()}
    frame = endpoint.frame.iloc[rows].reset_index(drop=True)
    return replace(
        endpoint, frame=frame, rows=order, subject=None if subject is None else frozen(subject), known_at=known, **arrays
    )
