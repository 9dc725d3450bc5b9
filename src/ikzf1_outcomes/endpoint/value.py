"""What an endpoint is: times, causes and the rows they belong to."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kernels.risk import Floats, Integers, RowOrder

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

    def patients(self, rows: NDArray[np.bool_]) -> float:
        """Patients behind some rows: each counts once, with its weight."""
        if self.subject is None:
            return float(self.case_weights[rows].sum())
        _, first = np.unique(self.subject[rows], return_index=True)
        return float(self.case_weights[rows][first].sum())

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

    def ends_with(self, cause: str | None) -> NDArray[np.bool_]:
        """Which rows end with an event of a named cause; of any cause where it is None.

        Raises
        ------
        InputError
            If the endpoint has no such cause.
        """
        return np.asarray(self.cause > 0 if cause is None else self.cause == self.cause_code(cause))

    def column(self, name: str) -> pd.Series:
        """A column of the rows, refused when it is known only after a row's start.

        Raises
        ------
        ColumnError
            If there is no such column.
        InputError
            If the column is known later than the start of at least one row.
        """
        if not isinstance(name, Hashable) or name not in self.frame.columns:
            raise ColumnError(f"no column is called {name!r}", next_step=f"There are {len(self.frame.columns)} columns.")
        if self.time_unit == "years" and self.start is not None and name in self.known_at:
            known = np.asarray(self.known_at[name], dtype=float)
            # a value without the date of its coming is not known at any start
            late = np.flatnonzero(~(known <= self.start + 1e-12) & self.frame[name].notna())
            if len(late):
                latest = float(known.max())
                hint = f"Use landmark(endpoint, {latest:.3g})" if np.isfinite(latest) else "Use landmark(endpoint, at)"
                raise InputError(
                    f"column {name!r} is known only after follow-up has begun",
                    count=len(late),
                    next_step=f"{hint} so that nobody is classed by what was not yet known.",
                )
        return self.frame[name]

    def with_column(self, name: str, values: Any) -> Endpoint:
        """The same follow-up with a column of its rows added, or replaced; this endpoint stays as it is.

        Values are taken by position, whatever their index. A replaced column keeps its `known_at`.

        Parameters
        ----------
        name
            Name of the column.
        values
            One value for each row (n), in the order of `frame`: array, list, Series or Categorical.

        Returns
        -------
        Endpoint

        Raises
        ------
        InputError
            Another number of values than rows.

        Examples
        --------
        >>> import pandas as pd
        >>> import ikzf1_outcomes as iko
        >>> d = pd.DataFrame({"t": [1.0, 2.0], "s": [1, 0]})
        >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
        >>> endpoint.with_column("arm", ["a", "b"]).groups("arm").levels
        ('a', 'b')
        """
        if len(values) != len(self):
            raise InputError(
                f"{len(values)} values for {len(self)} rows",
                next_step="Give one value for each row, in the order of `frame`.",
            )
        column = pd.Series(values).set_axis(self.frame.index)
        return replace(self, frame=self.frame.assign(**{name: column}))

    def groups(self, by: Columns | None) -> Groups:
        """Codes and levels of one or several columns; everybody in one group when `by` is None.

        Levels come in the order of the categories, sorted otherwise. Several columns: levels are tuples.
        """
        if by is None:
            return Groups(frozen(np.zeros(len(self.time), dtype=np.int32)), ("all",), ())
        names = (by,) if isinstance(by, str) or not isinstance(by, Iterable) else tuple(by)
        if not names:
            raise InputError("no column to group by", next_step="Name a column, or leave `by` out.")
        parts = [level_codes(self.column(name)) for name in names]
        if len(parts) == 1:
            return Groups(frozen(parts[0][0]), parts[0][1], names)
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
        return Groups(frozen(packed), tuple(levels_out), names)


def level_codes(column: pd.Series) -> tuple[Integers, tuple[Any, ...]]:
    """Integer codes of a column (-1 missing) and its levels: categories in their order, other values sorted."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(dtype=np.int32, copy=True), tuple(column.cat.categories)
    codes, levels = pd.factorize(column, sort=True)
    return codes.astype(np.int32), tuple(levels.tolist())


def label(level: Any) -> str:
    """A level in words: several columns joined by a comma, whole floats without their point."""
    if isinstance(level, tuple):
        return ", ".join(label(part) for part in level)
    if isinstance(level, float):
        short = f"{level:g}"
        return short if float(short) == level else repr(float(level))
    return str(level)


def frozen(array: NDArray) -> NDArray:
    """The array, made read-only."""
    array.setflags(write=False)
    return array
