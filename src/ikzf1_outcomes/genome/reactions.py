"""The table of an MLPA run, checked: one row a reaction, one column a probe."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ikzf1_outcomes.errors import ColumnError, InputError

Floats = NDArray[np.float64]


class Reactions(NamedTuple):
    """Reactions of all runs.

    Parameters
    ----------
    values
        Peaks or ratios, (reactions, probes).
    sample
        Position of each reaction's sample in `samples`.
    samples
        The samples, in the order of the table.
    run
        Code of each reaction's run.
    rows
        Row of the table of each reaction, counted from 1.
    """

    values: Floats
    sample: NDArray[np.intp]
    samples: pd.Index
    run: NDArray[np.intp]
    rows: NDArray[np.intp]

    def take(self, keep: NDArray[np.bool_]) -> Reactions:
        """Some of the reactions; all samples stay."""
        return self._replace(values=self.values[keep], sample=self.sample[keep], run=self.run[keep], rows=self.rows[keep])


def columns_there(frame: pd.DataFrame, columns: list[str]) -> None:
    """Refuse a run without the columns that were named.

    Raises
    ------
    ColumnError
        The run has no such column.
    """
    for column in columns:
        if column not in frame:
            raise ColumnError(f"the run has no column {column!r}", next_step="Name it: sample=, replicate=, run=, blasts=.")


def reactions(frame: pd.DataFrame, probes: list[str], *, sample: str, replicate: str | None, run: str | None) -> Reactions:
    """The reactions of a table, each with its sample and run.

    Raises
    ------
    InputError
        No reaction, a reaction without its sample or run, the same replicate of a sample
        twice or samples that occur twice without a replicate column, peaks that are no number or negative (rows).
    """
    if len(frame) == 0:
        raise InputError("the run has no reaction")
    keys = [column for column in (sample, replicate, run) if column is not None]
    for column in keys:
        blank = frame[column].isna() | (frame[column].astype(str).str.strip() == "")
        if blank.any():
            raise InputError(f"reactions without a {column!r}", where=np.flatnonzero(blank) + 1)
    twice = frame.duplicated(keys, keep=False).to_numpy()
    if twice.any():
        hint = "Give each replicate its own mark." if replicate else "Name the column that numbers replicates: replicate=."
        raise InputError("the same reaction of a sample twice", where=np.flatnonzero(twice) + 1, next_step=hint)
    codes, samples = pd.factorize(frame[sample])
    runs = pd.factorize(frame[run])[0] if run is not None else np.zeros(len(frame), dtype=np.intp)
    index = pd.Index(samples, name="sample")
    return Reactions(numbers(frame, probes), codes.astype(np.intp), index, runs, np.arange(1, len(frame) + 1))


def numbers(frame: pd.DataFrame, probes: list[str]) -> Floats:
    """The peaks as numbers; empty cells are missing.

    Raises
    ------
    InputError
        Cells that are no number, infinite or negative (rows, and the first probe concerned).
    """
    columns = []
    for probe in probes:
        number, broken = read_numbers(frame[probe])
        wrong = broken | np.isinf(number) | (number < 0)
        if wrong.any():
            raise InputError(
                f"probe {probe!r} has peaks that are no number, infinite or negative", where=np.flatnonzero(wrong) + 1
            )
        columns.append(number)
    return np.column_stack(columns)


def read_numbers(cells: pd.Series) -> tuple[Floats, NDArray[np.bool_]]:
    """Cells of any type as numbers, and which of them are neither numbers nor empty."""
    if pd.api.types.is_numeric_dtype(cells.dtype):
        return cells.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(cells), dtype=bool)
    given = cells.astype(object)
    number = pd.to_numeric(given, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    said = given.notna().to_numpy() & (given.astype(str).str.strip() != "").to_numpy()
    return number, np.isnan(number) & said


def probe_columns(frame: pd.DataFrame, reserved: list[str]) -> list[str]:
    """Names of the columns that are probes.

    Raises
    ------
    InputError
        Two columns of one name; names that are no text, or have blanks around them.
    """
    if frame.columns.has_duplicates:
        raise InputError("the run has two columns of one name", count=int(frame.columns.duplicated().sum()))
    names = [column for column in frame.columns if column not in reserved]
    odd = sum(not isinstance(name, str) or name != name.strip() for name in names)
    if odd:
        raise InputError(
            "names of probes that are no text, or have blanks around them", count=odd, next_step="Rename these columns."
        )
    return names


def fractions(blasts: object, samples: pd.Index, frame: pd.DataFrame, sample: str) -> Floats:
    """The leukaemic fraction of each sample: one number, a column of the run, or a Series by sample; NaN where unknown.

    Raises
    ------
    InputError
        A column that differs within a sample, a sample twice in the Series, a Series that names no sample of the run,
        as many fractions as samples in no other form, what is no number, a fraction outside 0 to 1.
    """
    if blasts is None:
        return np.full(len(samples), np.nan)
    if isinstance(blasts, str):
        number, broken = read_numbers(frame[blasts])
        if broken.any():
            raise InputError("leukaemic fractions that are no numbers", where=np.flatnonzero(broken) + 1)
        known = pd.Series(number, index=frame.index).groupby(frame[sample], sort=False, observed=True)
        if (known.max() > known.min()).any():
            raise InputError("the leukaemic fraction differs between the reactions of a sample")
        values = known.first().reindex(samples).to_numpy(dtype=np.float64)
    elif isinstance(blasts, pd.Series):
        if blasts.index.has_duplicates:
            raise InputError("blasts= names a sample twice")
        if not blasts.index.isin(samples).any():
            raise InputError(
                "blasts= names no sample of the run", next_step="Index it by the samples; the number 1 is not the text '1'."
            )
        values, broken = read_numbers(blasts.reindex(samples))
        if broken.any():
            raise InputError("leukaemic fractions that are no numbers", count=int(broken.sum()))
    else:
        values = one_fraction_each(blasts, len(samples))
    outside = ~np.isnan(values) & ((values < 0) | (values > 1))
    if outside.any():
        raise InputError(
            "leukaemic fractions outside 0 to 1",
            count=int(outside.sum()),
            next_step="Give fractions, 0.85 for 85 %, of the DNA that the assay saw.",
        )
    return values


def one_fraction_each(blasts: object, samples: int) -> Floats:
    """One number for all samples, or one for each in the order of the run.

    Raises
    ------
    InputError
        What is no number; as many numbers as there are no samples.
    """
    try:
        return np.broadcast_to(np.asarray(blasts, dtype=np.float64), samples).copy()
    except (TypeError, ValueError):
        raise InputError(
            "blasts= is neither a number, a column of the run nor a Series by sample", next_step="Give one of these."
        ) from None


def chosen(names: ArrayLike, samples: pd.Index) -> NDArray[np.bool_]:
    """Which samples are among the names.

    Raises
    ------
    InputError
        Names that are no sample of the run.
    """
    wanted = pd.Index(list(np.atleast_1d(np.asarray(names, dtype=object))))
    absent = int((~wanted.isin(samples)).sum())
    if absent or len(wanted) == 0:
        raise InputError("reference samples that are not in the run", count=absent, next_step="Name samples of the run.")
    return np.asarray(samples.isin(wanted))
