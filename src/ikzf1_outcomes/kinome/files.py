"""Files of peptide arrays: tables of spots, and matrices of peptides and samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.mlpa_files import EXCEL, plain, raw_table
from ikzf1_outcomes.kinome.arrays import as_numbers, peptide_values

NUMBERS = ("foreground", "background", "row", "column")
FLAGS = ("control", "saturated")
NEEDED = ("sample", "peptide", "foreground")
WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
ORIENTATIONS = ("peptides", "samples")
UNNAMED = "name"
"""A first column without a heading."""


def read_spots(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    header_row: int = 1,
    decimal: str = ".",
) -> pd.DataFrame:
    """Read a table of spots, one row a spot, as `normalise_spots` takes it.

    Parameters
    ----------
    path
        .csv, .tsv, .txt (UTF-8; tabs, semicolons or commas, as the header has) or .xlsx.
    columns
        File columns by meaning: sample, peptide, foreground; where the file has them background, replicate, control,
        saturated, batch, row, column. A meaning that is left out is looked for under its own name.
    sheet, header_row
        Sheet of a workbook, and the row of its header, counted from 1.
    decimal
        Decimal sign of numbers in text files.

    Returns
    -------
    DataFrame
        Columns named by meaning: foreground, background, row and column are numbers, control and saturated true or false
        (1, 0, true, false, yes, no in the file), all others text. Further columns keep their names.

    Raises
    ------
    ColumnError, InputError
        A file that is not there, of an unknown kind, empty or no table; a column that is not there; cells that are no
        number, or neither true nor false (row positions).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ikzf1_outcomes as iko
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "spots.csv")
    ...     _ = file.write_text("slide,peptide,F,B\\ns1,SYK_Y323,120.5,20\\ns1,SRC_Y416,88,21\\n")
    ...     spots = iko.read_spots(file, columns={"sample": "slide", "foreground": "F", "background": "B"})
    >>> spots.values.tolist()
    [['s1', 'SYK_Y323', 120.5, 20.0], ['s1', 'SRC_Y416', 88.0, 21.0]]
    """
    names = dict(columns or {})
    table = raw_table(Path(path), sheet, header_row)
    absent = [name for name in names.values() if name not in table]
    absent += [meaning for meaning in NEEDED if meaning not in names and meaning not in table]
    if absent:
        raise ColumnError(
            f"the file has no column {', '.join(absent)}", next_step="Name the columns: columns={'sample': ...}."
        )
    taken = set(names) & (set(table) - set(names.values()))
    if taken or len(set(names.values())) < len(names):
        raise InputError(
            "a column would have two meanings, or a meaning two columns", next_step="Rename or leave out the other column."
        )
    out = table.rename(columns={column: meaning for meaning, column in names.items()})
    points = Path(path).suffix.lower() in EXCEL
    for name in (name for name in NUMBERS if name in out):
        out[name] = as_numbers(plain(out[[name]], decimal, points))[:, 0]
    for name in (name for name in FLAGS if name in out):
        said = out[name].astype(str).str.lower().map(WORDS)
        if said.isna().any():
            raise InputError(
                f"the column {name!r} is to hold true or false",
                where=np.flatnonzero(said.isna()) + 1,
                next_step="1 and 0, true and false, yes and no are read.",
            )
        out[name] = said.astype(bool)
    return out


def read_peptide_matrix(
    path: str | Path,
    *,
    rows: str,
    names: str | None = None,
    leave_out: tuple[str, ...] = (),
    sheet: str | None = None,
    header_row: int = 1,
    decimal: str = ".",
) -> pd.DataFrame:
    """Read a matrix of peptides and samples; which of them stands in the rows must be said.

    Parameters
    ----------
    path, sheet, header_row, decimal
        As in `read_spots`.
    rows
        "peptides" or "samples".
    names
        Column that names the rows; left out, the first, which may be without a heading.
    leave_out
        Columns that are neither, such as a description of the peptides.

    Returns
    -------
    DataFrame
        Floats, index peptide, columns sample, whichever way the file has them.

    Raises
    ------
    ColumnError, InputError
        As `read_spots` and `peptide_values`; another word for `rows`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ikzf1_outcomes as iko
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "matrix.csv")
    ...     _ = file.write_text("patient,SYK_Y323,SRC_Y416\\na,7.5,8\\nb,7,NA\\n")
    ...     iko.read_peptide_matrix(file, rows="samples").to_numpy().tolist()
    [[7.5, 7.0], [8.0, nan]]
    """
    if rows not in ORIENTATIONS:
        raise InputError("rows are 'peptides' or 'samples'")
    if isinstance(leave_out, str):
        raise InputError("leave_out is a list of columns", next_step="As in leave_out=('gene',).")
    table = raw_table(Path(path), sheet, header_row, first=UNNAMED)
    absent = [name for name in (*leave_out, *([names] if names else [])) if name not in table]
    if absent:
        raise ColumnError(f"the file has no column {', '.join(absent)}")
    label = names or str(table.columns[0])
    if label in leave_out:
        raise InputError("the column of the names is left out", next_step="Name another: names='...'.")
    cells = table.drop(columns=list(leave_out)).set_index(label)
    if cells.index.isna().any():
        raise InputError("rows without a name", where=np.flatnonzero(cells.index.isna()) + 1)
    numbers = pd.DataFrame(
        as_numbers(plain(cells, decimal, Path(path).suffix.lower() in EXCEL)), cells.index, cells.columns
    )
    out = peptide_values(numbers if rows == "peptides" else numbers.T)
    return out.rename_axis(index="peptide", columns="sample")


def lines_of(file: Path) -> list[str]:
    """The lines of a text file.

    Raises
    ------
    InputError
        No such file; no text.
    """
    if not file.is_file():
        raise InputError(f"there is no file {file.name!r}", next_step="Check the path.")
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeError:
        raise InputError(f"{file.name!r} is no text in UTF-8") from None
