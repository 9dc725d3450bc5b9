"""Read a patient file as it is: raw cells, no conversion of text, no guess at what is missing."""

from __future__ import annotations

import csv
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from ikzf1_outcomes.errors import InputError, row_positions

DELIMITERS = {".csv": ",", ".tsv": "\t"}
FORMATS = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".sas7bdat", ".xpt", ".sav", ".parquet")


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        The digest.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     sha256_of(empty.name)[:8]
    'e3b0c442'
    """
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_table(path: str | Path, *, sheet: str | None = None, encoding: str = "utf-8") -> pd.DataFrame:
    """Read the cells of a file without interpreting them.

    CSV (comma), TSV (tab) and TXT (tab, comma or semicolon, whichever the header has most of) give text only: "NA" and
    "None" are text, an empty cell is "". Excel, SAS, SPSS and Parquet keep their own types and their own missing
    values (those that SPSS and SAS files declare included). Columns without a name are left out. Text is never
    evaluated: "=cmd()" in a text file stays those six characters; an Excel formula gives the result that Excel stored, and
    without one is an error.

    Parameters
    ----------
    path
        The file; its extension says the format.
    sheet
        Sheet of an Excel file; the first one by default.
    encoding
        Encoding of a text file. A byte order mark is dropped.

    Returns
    -------
    pandas.DataFrame
        The raw cells, columns named as in the file, rows in its order.

    Raises
    ------
    InputError
        When the file is not there, is empty, has no rows, repeats a column name, or is not what its extension says.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "patients.csv")
    ...     _ = file.write_text("id,wbc\\n1,NA\\n")
    ...     read_table(file).loc[0, "wbc"]
    'NA'
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if not file.is_file():
        raise InputError(f"there is no file {file.name!r}", next_step="Check the path in the study file.")
    if suffix not in FORMATS:
        raise InputError(f"{file.name!r} is of no known format", next_step=f"Known: {', '.join(FORMATS)}.")
    if sheet is not None and suffix not in (".xlsx", ".xlsm"):
        raise InputError(f"`sheet` is given and {file.name!r} is not an Excel file")
    if file.stat().st_size == 0:
        raise InputError(f"{file.name!r} is empty", next_step="Export the patient file again.")
    if suffix in (".csv", ".tsv", ".txt"):
        table = _read_text(file, suffix, encoding)
    elif suffix in (".xlsx", ".xlsm"):
        table = _read_excel(file, sheet)
    else:
        table = _read_binary(file, suffix)
    return _checked(table, file.name)


def _read_text(file: Path, suffix: str, encoding: str) -> pd.DataFrame:
    codec = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    try:
        with file.open(encoding=codec, newline="") as stream:
            header = stream.readline()
            stream.seek(0)
            delimiter = DELIMITERS.get(suffix) or max("\t,;", key=header.count)
            rows = [row for row in csv.reader(stream, delimiter=delimiter, strict=True) if row]
    except (UnicodeError, LookupError):
        raise InputError(
            f"{file.name!r} is not text in the encoding {encoding}",
            next_step="Save it as UTF-8, or name its encoding, as in encoding = 'cp1252' or 'utf-16'.",
        ) from None
    except csv.Error:
        raise InputError(
            f"{file.name!r} has a quotation mark that is never closed, or is not a table",
            next_step="Export the patient file again.",
        ) from None
    if not rows:
        raise InputError(f"{file.name!r} is empty", next_step="Export the patient file again.")
    if len(rows[0]) == 1 and suffix in DELIMITERS and any(sign in header for sign in "\t;,"):
        raise InputError(
            f"{file.name!r} has one column only, and its header holds another delimiter",
            next_step="Name the file .txt (the delimiter is then read from the header), or export it again.",
        )
    _refuse_ragged(rows, file.name)
    return _with_header(pd.DataFrame(rows[1:], columns=range(len(rows[0])), dtype=object), list(rows[0]))


def _refuse_ragged(rows: list[list[str]], name: str) -> None:
    width = len(rows[0])
    ragged = [position for position, row in enumerate(rows) if len(row) != width]
    if ragged:
        raise InputError(
            f"{name!r} has rows with more or fewer cells than the header",
            where=ragged,
            next_step="Quote cells that hold the delimiter or a line feed.",
        )


def _read_excel(file: Path, sheet: str | None) -> pd.DataFrame:
    import openpyxl

    def cells(*, results: bool) -> list[tuple[Any, ...]]:
        with warnings.catch_warnings():
            # openpyxl warns of styles and validations that it drops; cells are all that is read here.
            warnings.simplefilter("ignore", UserWarning)
            book = openpyxl.load_workbook(file, read_only=True, data_only=results)
        try:
            if sheet is not None and sheet not in book.sheetnames:
                raise InputError(f"{file.name!r} has no sheet {sheet!r}", next_step="Check the name of the sheet.")
            return list((book[sheet] if sheet is not None else book.worksheets[0]).iter_rows(values_only=True))
        finally:
            book.close()

    try:
        values, written = cells(results=True), cells(results=False)
    except InputError:
        raise
    except Exception:
        raise InputError(f"{file.name!r} cannot be read as Excel", next_step="Save it again as .xlsx.") from None
    if not values:
        raise InputError(f"{file.name!r} is empty", next_step="Name the sheet that holds the patients.")
    width = max(len(row) for row in values)
    table, formulas = (
        pd.DataFrame([(*row, *[None] * (width - len(row))) for row in rows[1:]], columns=range(width), dtype=object)
        for rows in (values, written)
    )
    _refuse_formulas(table, formulas, file.name)
    filled = table.notna().any(axis=1).to_numpy()
    # Formatting leaves empty rows at the end of a sheet; an empty row between patients is a problem to report.
    last = int(filled.nonzero()[0][-1]) + 1 if filled.any() else 0
    return _with_header(table.iloc[:last], [*values[0], *[None] * (width - len(values[0]))])


def _refuse_formulas(results: pd.DataFrame, written: pd.DataFrame, name: str) -> None:
    lost = (written.notna() & results.isna()).any(axis=1)
    if lost.any():
        raise InputError(
            f"{name!r} holds formulas without a stored result",
            where=[int(row) + 1 for row in lost.index[lost]],
            next_step="Open the file in Excel and save it, or paste the values over the formulas.",
        )


def _read_binary(file: Path, suffix: str) -> pd.DataFrame:
    try:
        if suffix == ".parquet":
            table = pd.read_parquet(file)
            return table.reset_index() if any(name is not None for name in table.index.names) else table
        table, _ = _statistics_reader(suffix)(str(file))
    except Exception:
        raise InputError(
            f"{file.name!r} cannot be read as {suffix[1:]}",
            next_step="Check that the file is whole and that its extension says what it is.",
        ) from None
    return table


def _statistics_reader(suffix: str) -> Callable[[str], tuple[pd.DataFrame, Any]]:
    import pyreadstat

    readers = {".sas7bdat": "read_sas7bdat", ".xpt": "read_xport", ".sav": "read_sav"}
    reader: Callable[[str], tuple[pd.DataFrame, Any]] = getattr(pyreadstat, readers[suffix])
    return reader


def _with_header(table: pd.DataFrame, header: list[Any]) -> pd.DataFrame:
    names = ["" if pd.isna(name) else str(name).strip() for name in header]
    return table.set_axis(names, axis=1)


def _checked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    table = table.set_axis([str(column) for column in table.columns], axis=1)
    # A column without a name cannot be mapped; row names exported by R are one.
    table = table.loc[:, [bool(column) for column in table.columns]].reset_index(drop=True)
    repeated = table.columns.duplicated(keep=False).nonzero()[0] + 1
    if len(repeated):
        # By position: in a file without a header the "names" are a patient's values.
        raise InputError(
            f"{name!r} repeats a column name, in the named columns {row_positions(repeated.tolist())}",
            next_step="Give every column a name of its own; the first row must hold the names.",
        )
    if table.shape[1] == 0:
        raise InputError(f"{name!r} has no named column", next_step="The first row must hold the column names.")
    if table.empty:
        raise InputError(f"{name!r} has column names and no patient", next_step="Export the patient file again.")
    return table
