"""Spots of peptide arrays as a table: checked, and laid out as peptides x replicates x samples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kinome.arrays import Floats, as_numbers

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Spots:
    """Checked spots: one row of the table is one place of (peptide, replicate, sample).

    Parameters
    ----------
    peptides, samples
        Names in the order of the table; controls are not among the peptides.
    intensity
        Foreground less background (peptides, replicates, samples); NaN where there is no spot.
    saturated
        Of the same shape.
    rows
        Row of the table, counted from 1, of the same shape; 0 where there is no spot.
    controls
        Spots of each control peptide.
    n_unmeasured
        Spots without a foreground or background.
    """

    peptides: pd.Index
    samples: pd.Index
    intensity: Floats
    saturated: Flags
    rows: NDArray[np.intp]
    controls: pd.Series
    n_unmeasured: int


def spots_of(
    table: pd.DataFrame,
    peptide: str,
    sample: str,
    foreground: str,
    background: str | None,
    replicate: str | None,
    control: str | Iterable[str] | None,
    saturated: str | None,
) -> Spots:
    """The spots of a table.

    Raises
    ------
    ColumnError, InputError
        As `normalise_spots`.
    """
    if not isinstance(table, pd.DataFrame) or table.empty:
        raise InputError("there are no spots", next_step="Give a table with one row a spot.")
    columns_there(table, (peptide, sample, foreground, background, replicate, saturated))
    for name in (peptide, sample, *([replicate] if replicate else [])):
        nameless = table[name].isna().to_numpy()
        if nameless.any():
            raise InputError(f"spots without a {name}", where=np.flatnonzero(nameless) + 1)
    production = control_spots(table, peptide, control)
    signal = as_numbers(table[[foreground]])[:, 0]
    if background is not None:
        signal = signal - as_numbers(table[[background]])[:, 0]
    infinite = np.isinf(signal)
    if infinite.any():
        raise InputError("spots with infinite intensities", where=np.flatnonzero(infinite) + 1)
    flagged = np.zeros(len(table), dtype=bool) if saturated is None else flags_of(table[saturated], saturated)
    use = ~production
    if not use.any():
        raise InputError("every spot is a control", next_step="Check `control`.")
    # names of categories become plain ones, so that tables of the arrays may grow
    keys = [pd.factorize(np.asarray(table.loc[use, name])) for name in (peptide, sample)]
    (row, peptides), (column, samples) = ((codes, pd.Index(names)) for codes, names in keys)
    copy, copies = np.zeros(int(use.sum()), dtype=np.intp), 1
    if replicate is not None:
        copy, names = pd.factorize(table.loc[use, replicate], sort=True)
        copies = len(names)
    shape = (len(peptides), copies, len(samples))
    place = np.ravel_multi_index((row, copy, column), shape)
    _refuse_twice(place, np.flatnonzero(use), replicate)
    intensity, over, rows = np.full(shape, np.nan), np.zeros(shape, dtype=bool), np.zeros(shape, dtype=np.intp)
    intensity.ravel()[place], over.ravel()[place], rows.ravel()[place] = signal[use], flagged[use], np.flatnonzero(use) + 1
    counts = table.loc[production, peptide].value_counts(sort=False)
    return Spots(peptides, samples, intensity, over, rows, counts, int(np.isnan(signal[use]).sum()))


def columns_there(table: pd.DataFrame, names: Iterable[str | None]) -> None:
    """Refuse columns that are not there, or twice.

    Raises
    ------
    ColumnError, InputError
        With their names.
    """
    wanted = [name for name in names if name is not None]
    absent = [name for name in wanted if name not in table]
    if absent:
        raise ColumnError(f"the table has no column {', '.join(absent)}", next_step="Name the columns as they are there.")
    twice = [name for name in wanted if isinstance(table[name], pd.DataFrame)]
    if twice:
        raise InputError(f"two columns are called {', '.join(twice)}")


def control_spots(table: pd.DataFrame, peptide: str, control: str | Iterable[str] | None) -> Flags:
    """Which spots are controls: by a column of true and false, or by the names of peptides.

    Raises
    ------
    ColumnError, InputError
        No such column, cells that are not true or false, peptides that are not there.
    """
    if control is None:
        return np.zeros(len(table), dtype=bool)
    if isinstance(control, str):
        columns_there(table, [control])
        return flags_of(table[control], control)
    names = list(control)
    strange = set(names) - set(table[peptide])
    if strange:
        raise InputError("control peptides that are not in the table", count=len(strange))
    return table[peptide].isin(names).to_numpy()


def flags_of(cells: pd.Series, name: str) -> Flags:
    """True and false, or 1 and 0.

    Raises
    ------
    InputError
        Cells that are neither, or missing (row positions).
    """
    wrong = ~cells.isin([True, False]).to_numpy()
    if wrong.any():
        raise InputError(
            f"the column {name!r} is to hold true or false", where=np.flatnonzero(wrong) + 1, next_step="1 and 0 will do."
        )
    return cells.astype(bool).to_numpy()


def _refuse_twice(place: NDArray[np.intp], rows: NDArray[np.intp], replicate: str | None) -> None:
    twice = pd.Series(place).duplicated(keep=False).to_numpy()
    if twice.any():
        hint = "Name the column that numbers the replicates." if replicate is None else "Number the replicates of an array."
        raise InputError("a peptide is on an array twice", where=rows[twice] + 1, next_step=hint)


def replicate_correlation(values: Floats) -> Floats:
    """Mean over the pairs of replicates of their Pearson correlation over the peptides, one a sample.

    Parameters
    ----------
    values
        Peptides x replicates x samples.

    Returns
    -------
    array
        NaN with one replicate, with fewer than 3 peptides in every pair, and where a replicate does not vary.
    """
    first, second = np.triu_indices(values.shape[1], k=1)
    if not len(first):
        return np.full(values.shape[2], np.nan)
    x, y = values[:, first], values[:, second]
    both = ~(np.isnan(x) | np.isnan(y))
    n = both.sum(axis=0)
    x, y = (np.where(both, side, 0.0) for side in (x, y))
    size = np.maximum(n, 1)
    # a mean is rounded, so that a constant replicate may keep a hair of spread
    size_of = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    x, y = (np.where(both, side - side.sum(axis=0) / size, 0.0) for side in (x, y))
    spread = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    known = (n > 2) & (spread > 1e-12 * size_of)
    r = np.where(known, (x * y).sum(axis=0) / np.where(known, spread, 1.0), np.nan)
    pairs = known.sum(axis=0)
    out: Floats = np.where(pairs > 0, np.nansum(r, axis=0) / np.maximum(pairs, 1), np.nan)
    return out
