"""Moving along the clock of an endpoint: landmarks, cuts, and a change of state such as transplant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen, make_endpoint, numbers, take_rows
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kernels.risk import Floats, snap


def entries(endpoint: Endpoint) -> Floats:
    """Entry of every row, minus infinity where none was declared."""
    return np.full(len(endpoint), -np.inf) if endpoint.entry is None else endpoint.entry


def landmark(endpoint: Endpoint, at: float) -> Endpoint:
    """Start follow-up at a landmark and keep the clock.

    Estimand: outcome after `at` of those still followed and free of every event then. Rows whose time is `at` or earlier
    are left out (an event on the landmark itself came before it); the others enter at `at`, so that curves start
    there and times still count from the origin. Covariates known by the landmark may be used.

    Parameters
    ----------
    at
        The landmark, in the endpoint's unit.

    Returns
    -------
    Endpoint
        With a note that counts who was left out; `landmark_losses` gives them by group and cause.

    Raises
    ------
    InputError
        Nobody is left, or `at` is not a positive number.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [0.5, 2.0, 3.0], "s": [1, 1, 0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.landmark(endpoint, 1.0).notes
    ('landmark at 1: 1 left out before it (1 events, 0 censored)',)
    """
    at = check_landmark(endpoint, at)
    keep = endpoint.time > at
    if not keep.any():
        raise InputError(f"nobody is followed beyond the landmark at {at:g}", next_step="Choose an earlier landmark.")
    before = entries(endpoint)
    entry = np.maximum(before, at)
    start = None if endpoint.start is None else endpoint.start - np.maximum(before, 0.0) + entry
    lost = lost_before(endpoint, at)
    events = int((endpoint.cause[lost] > 0).sum())
    text = f"landmark at {at:g}: {lost.sum()} left out before it ({events} events, {lost.sum() - events} censored)"
    return take_rows(
        endpoint,
        keep,
        entry=entry,
        start=start,
        notes=(*endpoint.notes, text),
        n_excluded=endpoint.n_excluded + int(lost.sum()),
    )


def check_landmark(endpoint: Endpoint, at: float) -> float:
    """The landmark, moved onto a time that it is tied with; refused when it is not a positive number."""
    if not (np.isfinite(at) and at > 0):
        raise InputError("a landmark must be a positive number", next_step="Give it in the endpoint's unit.")
    return float(snap(np.array([at]), endpoint.rows.times)[0])


def lost_before(endpoint: Endpoint, at: float) -> np.ndarray:
    """Rows with which a patient ends at or before a landmark."""
    return (endpoint.time <= at) & (endpoint.cause >= 0)


def landmark_losses(endpoint: Endpoint, at: float, by: Columns | None = None) -> pd.DataFrame:
    """Who a landmark leaves out: counts by group and by what happened before it.

    Returns
    -------
    DataFrame
        group, cause ("censored" or a cause), time (the landmark), n (in the group), n_event (left out).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [0.5, 2.0, 3.0], "s": [1, 1, 0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.landmark_losses(endpoint, 1.0)["n_event"].tolist()
    [0, 1]
    """
    at = check_landmark(endpoint, at)
    groups = endpoint.groups(by)
    lost = lost_before(endpoint, at)
    rows = []
    for g, level in enumerate(groups.levels):
        own = groups.codes == g
        for code, cause in enumerate(("censored", *endpoint.causes)):
            rows.append(
                (
                    level,
                    cause,
                    at,
                    int((own & (endpoint.cause >= 0)).sum()),
                    int((own & lost & (endpoint.cause == code)).sum()),
                )
            )
    return pd.DataFrame(rows, columns=["group", "cause", "time", "n", "n_event"])


def split_follow_up(endpoint: Endpoint, cuts: Iterable[float], *, name: str = "interval") -> Endpoint:
    """Cut each row at given times; every estimate stays as it was.

    A row (entry, time] becomes rows that end at the cuts within it. A first piece keeps its entry of minus infinity, so
    that an event at time 0 is kept. The frame gains a column with the number of the interval, counted from 0.

    Parameters
    ----------
    cuts
        Times in the endpoint's unit, positive.
    name
        Name of the new column.

    Returns
    -------
    Endpoint

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [0.0, 2.0], "s": [1, 1]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> len(iko.split_follow_up(endpoint, [1.0]))
    3
    """
    at = np.unique(np.asarray(list(cuts), dtype=float))
    if not len(at) or not (np.isfinite(at) & (at > 0)).all():
        raise InputError("cuts must be positive numbers")
    at = np.unique(snap(at, endpoint.rows.times))
    begin = entries(endpoint)
    first = np.searchsorted(at, begin, side="right")
    last = np.searchsorted(at, endpoint.time, side="left")
    row = np.repeat(np.arange(len(endpoint)), last - first + 1)
    piece = np.arange(len(row)) - np.repeat(np.cumsum(last - first + 1) - (last - first + 1), last - first + 1) + first[row]
    edges = np.concatenate(([-np.inf], at, [np.inf]))
    entry = np.maximum(begin[row], edges[piece])
    end = np.minimum(endpoint.time[row], edges[piece + 1])
    return rebuild(endpoint, row, entry, end, {name: piece})


def rebuild(endpoint: Endpoint, row: np.ndarray, entry: Floats, end: Floats, columns: dict[str, np.ndarray]) -> Endpoint:
    """An endpoint of pieces of rows; the cause stays with the last piece."""
    for name in columns:
        if name in endpoint.frame.columns:
            raise InputError(f"there is a column {name!r} already", next_step="Give `name` another one.")
    last = end == endpoint.time[row]
    subject = np.arange(len(endpoint)) if endpoint.subject is None else endpoint.subject
    fresh = make_endpoint(
        endpoint.frame.iloc[row].reset_index(drop=True).assign(**columns),
        end,
        np.where(last, np.maximum(endpoint.cause[row], 0), 0).astype(np.int32),
        endpoint.causes,
        entry=entry,
        weights=None if endpoint.weights is None else endpoint.weights[row].copy(),
        subject=subject[row].astype(np.intp),
    )
    start = None
    if endpoint.start is not None:
        origin = endpoint.start - np.maximum(entries(endpoint), 0.0)
        start = frozen(origin[row] + np.maximum(entry, 0.0))
    known = {k: v if np.ndim(v) == 0 else np.asarray(v)[row] for k, v in endpoint.known_at.items()}
    labels = ("name", "time_unit", "origin", "interest", "policy", "notes", "n_excluded")
    return replace(fresh, start=start, known_at=known, **{label: getattr(endpoint, label) for label in labels})


def time_dependent(
    endpoint: Endpoint, switch: str, *, name: str = "state", levels: tuple[str, str] = ("before", "after")
) -> Endpoint:
    """Let a patient's state change at a time of their own, as at transplant.

    A patient is in the first state until the switch and in the second one after it: (entry, switch] and (switch, time].
    A switch that is missing, or not before the end of follow-up, never happens; one at or before a declared entry holds
    throughout. A switch at time 0 leaves an event at time 0 in the first state.

    Parameters
    ----------
    switch
        Column with the time of the switch on the endpoint's clock; missing where there was none.
    name, levels
        The new column of states and its two levels.

    Returns
    -------
    Endpoint
        One or two rows a patient, with delayed entry.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [3.0, 2.0], "s": [1, 1], "transplant": [1.0, None]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.time_dependent(endpoint, "transplant").frame["state"].tolist()
    ['before', 'after', 'before']
    """
    if len(set(levels)) != 2:
        raise InputError("a state needs two different levels")
    if switch not in endpoint.frame.columns:
        raise ColumnError(f"no column is called {switch!r}")
    when = snap(numbers(endpoint.frame, switch), endpoint.rows.times)
    begin = entries(endpoint)
    happens = when < endpoint.time
    throughout = happens & ((when <= begin) | (when < 0))
    split = happens & ~throughout
    pieces = 1 + split
    row = np.repeat(np.arange(len(endpoint)), pieces)
    second = np.concatenate(([False], row[1:] == row[:-1]))
    first_of_two = split[row] & ~second
    entry = np.where(second, when[row], begin[row])
    end = np.where(first_of_two, when[row], endpoint.time[row])
    state = pd.Categorical.from_codes((second | throughout[row]).astype(int), categories=list(levels))
    return rebuild(endpoint, row, entry, end, {name: state})
