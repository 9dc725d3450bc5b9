"""An endpoint: times, causes and the rows they belong to, with ties decided and the rows sorted.

`endpoint_from_columns` makes one from any data frame; `ikzf1_outcomes.definitions` makes EFS, OS and the others from a
cohort. An `Endpoint` that exists is valid, and nothing changes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kernels.risk import Floats, Integers, RowOrder, sort_rows

Columns = str | Sequence[str]
CONTINUES = -1
"""Cause code of a row that another row of the same patient takes up where it ends."""


class Groups(NamedTuple):
    """Codes of a grouping: -1 where a value is missing."""

    codes: Integers
    levels: tuple[Any, ...]
    columns: tuple[str, ...]

    @property
    def n_missing(self) -> int:
        """Rows without a group."""
        return int((self.codes < 0).sum())


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Endpoint:
    """Follow-up of patients: one row a patient, or one row an interval of a patient.

    Attributes
    ----------
    name
        "EFS", "OS", ... or "endpoint" when made from columns.
    frame
        The rows, aligned with the arrays: groups and covariates are its columns.
    time, cause
        End of each row and its cause: 0 censored, k for `causes[k - 1]`, -1 where the patient goes on in another row.
    causes
        Names of the first events.
    entry
        Start of being at risk (entry < t <= time), None when everybody is at risk from the start; minus infinity for rows
        that are. Events at time 0 are events.
    weights
        Case weights, None when all are 1.
    subject
        Code of the patient of each row, None when each row is a patient.
    time_unit, origin
        "years" and a label for endpoints of a cohort; the unit is None when columns were taken as given.
    start
        Each row's start in years from diagnosis, None when unknown.
    known_at
        For covariates: years from diagnosis at which they are known, one number or one for each row.
    interest
        The cause that the endpoint's name speaks of, or None for all of them.
    policy, notes
        How the endpoint was defined, and what the reader must know, as sentences.
    n_excluded
        Rows of the cohort that the definition leaves out.
    """

    name: str
    frame: pd.DataFrame
    time: Floats
    cause: Integers
    causes: tuple[str, ...]
    rows: RowOrder
    entry: Floats | None = None
    weights: Floats | None = None
    subject: NDArray[np.intp] | None = None
    time_unit: str | None = None
    origin: str = "origin"
    start: Floats | None = None
    known_at: Mapping[str, float | Floats] = field(default_factory=dict)
    interest: str | None = None
    policy: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    n_excluded: int = 0

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}: {self.n} patients, {self.n_event} events, causes {list(self.causes)})"

    def __len__(self) -> int:
        return len(self.time)

    @property
    def n(self) -> int:
        """Patients."""
        return len(self.time) if self.subject is None else len(np.unique(self.subject))

    @property
    def n_event(self) -> int:
        """Rows that end with an event of any cause."""
        return int((self.cause > 0).sum())

    @property
    def case_weights(self) -> Floats:
        """Weights of the rows, 1 where none were declared."""
        return np.ones(len(self.time)) if self.weights is None else self.weights

    def cause_code(self, cause: str) -> int:
        """Code of a named cause.

        Raises
        ------
        InputError
            If the endpoint has no such cause.
        """
        if cause not in self.causes:
            raise InputError(f"no cause is called {cause!r}", next_step=f"The causes are {', '.join(self.causes)}.")
        return self.causes.index(cause) + 1

    def column(self, name: str) -> pd.Series:
        """A column of the rows, refused when it is known only after a row's start.

        Raises
        ------
        ColumnError
            If there is no such column.
        InputError
            If the column is known later than the start of at least one row.
        """
        if name not in self.frame.columns:
            raise ColumnError(f"no column is called {name!r}", next_step=f"There are {len(self.frame.columns)} columns.")
        if self.time_unit == "years" and self.start is not None and name in self.known_at:
            late = np.flatnonzero(np.asarray(self.known_at[name] > self.start + 1e-12) & self.frame[name].notna())
            if len(late):
                latest = float(np.nanmax(np.asarray(self.known_at[name], dtype=float)))
                hint = f"Use landmark(endpoint, {latest:.3g})" if np.isfinite(latest) else "Use landmark(endpoint, at)"
                raise InputError(
                    f"column {name!r} is known only after follow-up has begun",
                    count=len(late),
                    next_step=f"{hint} so that nobody is classed by what was not yet known.",
                )
        return self.frame[name]

    def groups(self, by: Columns | None) -> Groups:
        """Codes and levels of one or several columns; everybody in one group when `by` is None.

        Levels come in the order of the categories, sorted otherwise. Several columns: levels are tuples.
        """
        if by is None:
            return Groups(np.zeros(len(self.time), dtype=np.int32), ("all",), ())
        names = (by,) if isinstance(by, str) else tuple(by)
        if not names:
            raise InputError("no column to group by", next_step="Name a column, or leave `by` out.")
        parts = [level_codes(self.column(name)) for name in names]
        if len(parts) == 1:
            return Groups(parts[0][0], parts[0][1], names)
        codes = np.zeros(len(self.time), dtype=np.int64)
        missing = np.zeros(len(self.time), dtype=bool)
        for part, levels in parts:
            codes = codes * len(levels) + part
            missing |= part < 0
        present = np.unique(codes[~missing])
        levels_out = []
        for code in present:
            rest, level = int(code), []
            for _, levels in reversed(parts):
                rest, position = divmod(rest, len(levels))
                level.append(levels[position])
            levels_out.append(tuple(reversed(level)))
        packed = np.searchsorted(present, codes).astype(np.int32)
        packed[missing] = -1
        return Groups(packed, tuple(levels_out), names)


def level_codes(column: pd.Series) -> tuple[Integers, tuple[Any, ...]]:
    """Integer codes of a column (-1 missing) and its levels: categories in their order, other values sorted."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(dtype=np.int32), tuple(column.cat.categories)
    codes, levels = pd.factorize(column, sort=True)
    return codes.astype(np.int32), tuple(levels.tolist())


def label(level: Any) -> str:
    """A level in words: several columns joined by a comma, whole floats without their point."""
    if isinstance(level, tuple):
        return ", ".join(label(part) for part in level)
    return f"{level:g}" if isinstance(level, float) else str(level)


def frozen(array: NDArray) -> NDArray:
    """The array, made read-only."""
    array.setflags(write=False)
    return array


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
    if subject is not None:
        cause = mark_continuing(time, entry, cause, subject)
    order = sort_rows(time, entry)
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


def endpoint_from_columns(
    frame: pd.DataFrame,
    *,
    time: str,
    status: str,
    causes: Mapping[int, str],
    entry: str | None = None,
    weights: str | None = None,
    subject: str | None = None,
    time_unit: str | None = None,
    origin: str = "origin",
    name: str = "endpoint",
) -> Endpoint:
    """Make an endpoint from the columns of any data frame.

    A row is at risk at t when entry < t <= time. Without `entry`, everybody is at risk from the start, so that an event at
    time 0 counts. Times closer than R's `timefix` tolerance are one time. No code is guessed.

    Parameters
    ----------
    frame
        One row a patient, or one row an interval of a patient (then name `entry` and `subject`).
    time, entry
        Columns of numbers, in any unit; kept as given.
    status
        Column of integer codes: 0 is censored, every other code must be named in `causes`.
    causes
        Code to name, as in ``{1: "relapse", 2: "death"}``; the order is kept.
    weights
        Column of case weights (positive).
    subject
        Column that says which rows are of one patient.
    time_unit, origin, name
        Labels. "years" and a cohort's `known_at` go together; the default None claims nothing.

    Returns
    -------
    Endpoint

    Raises
    ------
    ColumnError
        A named column is not there.
    InputError
        No rows; missing, infinite or negative times; missing or undeclared status codes; entry not before time; weights
        that are not positive; overlapping intervals. Positions are given, never values.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> patients = pd.DataFrame({"years": [0.5, 2.0, 3.1, 5.0], "status": [1, 0, 2, 0]})
    >>> iko.endpoint_from_columns(patients, time="years", status="status", causes={1: "relapse", 2: "death"})
    Endpoint('endpoint': 4 patients, 2 events, causes ['relapse', 'death'])
    """
    frame = as_pandas(frame)
    for column in (time, status, entry, weights, subject):
        if column is not None and column not in frame.columns:
            raise ColumnError(f"no column is called {column!r}", next_step="Check its spelling.")
    if not len(frame):
        raise InputError("no rows to analyse", next_step="Check the filters and the exclusions.")
    names = list(causes.values())
    if not names or 0 in causes or len(set(names)) < len(names):
        raise InputError("causes must name at least one code other than 0, each with its own name")
    return make_endpoint(
        frame.reset_index(drop=True),
        numbers(frame, time),
        cause_codes(frame[status], causes),
        names,
        entry=None if entry is None else numbers(frame, entry),
        weights=None if weights is None else numbers(frame, weights),
        subject=None if subject is None else pd.factorize(frame[subject])[0].astype(np.intp),
        time_unit=time_unit,
        origin=origin,
        name=name,
    )


def as_pandas(frame: Any) -> pd.DataFrame:
    """A pandas frame as it is; any other frame that can turn itself into one (polars) is turned."""
    if isinstance(frame, pd.DataFrame):
        return frame
    if hasattr(frame, "to_pandas"):
        return frame.to_pandas()
    raise InputError("not a data frame", next_step="Give a pandas or polars frame.")


def numbers(frame: pd.DataFrame, column: str) -> Floats:
    """A column as floats, copied."""
    try:
        return frame[column].to_numpy(dtype=float, na_value=np.nan, copy=True)
    except (TypeError, ValueError):
        raise InputError(f"column {column!r} is not numeric", next_step="Convert it to numbers first.") from None


def cause_codes(status: pd.Series, causes: Mapping[int, str]) -> Integers:
    """Positions of the declared codes, counted from 1; 0 stays 0.

    Raises
    ------
    InputError
        A status is missing, not a whole number or not declared.
    """
    given = numbers(status.to_frame("status"), "status")
    refuse(np.isnan(given), "a status is missing", "Exclude those rows with a reason, or complete them.")
    coded = np.full(len(given), -1, dtype=np.int32)
    coded[given == 0] = 0
    for position, code in enumerate(causes, 1):
        coded[given == code] = position
    refuse(coded < 0, "a status code was not declared", "Name every code other than 0 in `causes`.")
    return coded


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
