"""The Cohort: one row a patient, with its dictionary and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from ikzf1_outcomes.cohort.dictionary import Field
from ikzf1_outcomes.cohort.findings import nearest
from ikzf1_outcomes.errors import ColumnError, InputError


@dataclass(frozen=True, slots=True)
class FlowStep:
    """One step of the patient flow.

    Parameters
    ----------
    label
        Which step: ``"file"``, ``"exclusion 1"``, ..., ``"cohort"``.
    n
        Rows that remain after the step.
    left_out
        Rows left out at the step.
    reason
        Why they were left out, as the study file puts it.
    """

    label: str
    n: int
    left_out: int
    reason: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a cohort came from and what was done to it.

    Parameters
    ----------
    source
        Name of the file, without its folder.
    sha256
        SHA-256 of the file; empty for a cohort that was not read from a file.
    n_rows
        Rows of the file before exclusions.
    simulated
        Whether the patients are simulated.
    flow
        The patient flow, from the file to the cohort.
    notes
        What a reader must know about the derived columns.
    rules
        Names and versions of the rules that made derived columns.
    origin
        What time 0 of the file is.
    """

    source: str
    sha256: str
    n_rows: int
    simulated: bool
    flow: tuple[FlowStep, ...]
    notes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    origin: str = "diagnosis"


@dataclass(frozen=True, eq=False, slots=True, init=False, repr=False)
class Cohort:
    """Patients of a study: a checked frame, its dictionary and its provenance.

    `read_cohort` and `cohort_from_frame` make cohorts; a cohort that exists is valid, and nothing changes it: `frame`
    hands out a view whose cells cannot be written.

    Parameters
    ----------
    frame
        One row a patient, columns from the dictionary only. It is copied. Times are years from `provenance.origin`.
    dictionary
        Field of each column.
    provenance
        Source, patient flow, notes.

    Raises
    ------
    InputError
        When frame and dictionary do not name the same columns.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.cohort_from_frame(pd.DataFrame({"id": ["a", "b"], "age": [4.0, 12.5]}))
    >>> cohort
    Cohort(2 patients, 2 columns)
    >>> cohort.known_at("age")
    0.0
    """

    _frame: pd.DataFrame
    _dictionary: dict[str, Field]
    provenance: Provenance

    def __init__(self, frame: pd.DataFrame, dictionary: Mapping[str, Field], provenance: Provenance) -> None:
        if list(frame.columns) != list(dictionary):
            raise InputError("the columns of the frame are not those of the dictionary, in its order")
        object.__setattr__(self, "_frame", _read_only(frame))
        object.__setattr__(self, "_dictionary", dict(dictionary))
        object.__setattr__(self, "provenance", provenance)

    @property
    def frame(self) -> pd.DataFrame:
        """One row a patient. Columns added to it stay in the caller's copy; its cells cannot be written."""
        return self._frame.copy(deep=False)

    @property
    def dictionary(self) -> Mapping[str, Field]:
        """Field of each column, in the order of the columns."""
        return MappingProxyType(self._dictionary)

    def known_at(self, column: str) -> float | str:
        """When a column is known.

        Parameters
        ----------
        column
            Name of a column of the cohort.

        Returns
        -------
        float or str
            Years from diagnosis, or the name of the `time` column with each patient's own date (that column may be
            absent from this cohort: then the date is unknown).

        Raises
        ------
        ColumnError
            When the cohort has no such column.
        """
        if column not in self._dictionary:
            raise ColumnError(f"the cohort has no column {column!r}", next_step=nearest(column, self._dictionary))
        return self._dictionary[column].known_at

    def flow_table(self) -> pd.DataFrame:
        """Patient flow, one row a step.

        Returns
        -------
        pandas.DataFrame
            Columns `label`, `n` (rows that remain), `left_out` (rows left out at the step), `reason`.
        """
        rows = [(step.label, step.n, step.left_out, step.reason) for step in self.provenance.flow]
        return pd.DataFrame(rows, columns=["label", "n", "left_out", "reason"])

    def __len__(self) -> int:
        return len(self._frame)

    def __repr__(self) -> str:
        simulated = ", simulated" if self.provenance.simulated else ""
        return f"Cohort({len(self)} patients, {len(self._dictionary)} columns{simulated})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor, so that an unpickled cohort is locked again.
        return (Cohort, (self._frame, self._dictionary, self.provenance))


def _read_only(frame: pd.DataFrame) -> pd.DataFrame:
    columns = {name: _locked(frame[name]) for name in frame.columns}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)), copy=False)


def _locked(column: pd.Series) -> Any:
    array = column.array.copy()
    # Every column keeps an array of its own: a consolidated block would be copied, and copies are writeable.
    for part in ("_ndarray", "_data", "_mask"):
        inner = getattr(array, part, None)
        if inner is not None and hasattr(inner, "flags"):
            inner.flags.writeable = False
    return array.to_numpy() if isinstance(array, pd.arrays.NumpyExtensionArray) else array
