"""Files with MLPA peaks or ratios: wide tables, long tables of ratios, workbooks with probes in rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.exons import NUMBERINGS
from ikzf1_outcomes.genome.probes import IKZF1, checked_probes

Numbers = Callable[[pd.DataFrame], pd.DataFrame]
LAYOUTS = ("wide", "long", "workbook")
EXCEL = (".xlsx", ".xlsm")
TEXT = (".csv", ".tsv", ".txt", ".tab")
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None")
"""Cells of a text file that say nothing."""


class MlpaFile(NamedTuple):
    """What `call_mlpa` needs of a file: `call_mlpa(file.peaks, probes=file.probes, scale=file.scale)`.

    Parameters
    ----------
    peaks
        One row a reaction: sample (and what else the file has), then one column a probe.
    probes
        Table of the probes, or None where their names say what they measure.
    scale
        "peaks" or "ratio".
    """

    peaks: pd.DataFrame
    probes: pd.DataFrame | None
    scale: str


def read_mlpa(
    path: str | Path,
    *,
    layout: str = "wide",
    columns: Mapping[str, str] | None = None,
    scale: str | None = None,
    control_word: str = "reference",
    first_sample: str | None = None,
    numbering: str = "1-8",
    sheet: str | None = None,
    header_row: int = 1,
    decimal: str = ".",
) -> MlpaFile:
    """Read an MLPA file.

    Layouts. `wide`: one row a reaction, one column a probe. `long`: one row a sample and exon with its ratio. `workbook`:
    one row a probe, first the columns that describe the probe, then one column a sample, as digital MLPA exports have it.

    Parameters
    ----------
    path
        .csv, .tsv, .txt (UTF-8; tabs, semicolons or commas, as the header has) or .xlsx.
    layout
        "wide", "long" or "workbook".
    columns
        File columns by meaning. wide: sample, and where needed replicate and run. long: sample, gene, exon, ratio, and
        where needed replicate and probe. workbook: gene, exon, and where needed probe and control. A meaning that is left
        out is looked for under its own name.
    scale
        "peaks" or "ratio"; left out it is "peaks" for wide files and "ratio" for the others.
    control_word
        Text of the control column that marks a control probe (any case).
    first_sample
        Header of the first sample column of a workbook; left out it is the one after the last describing column that
        is named.
    numbering
        Numbering of the IKZF1 exons in the file, "1-8" or "0-7"; the probe table returned has the numbering 1-8. Wide
        files keep their names: give the numbering to `call_mlpa`.
    sheet, header_row
        Sheet of a workbook, and the row of its header, counted from 1.
    decimal
        Decimal sign of numbers in text files. Other signs within a number, as in 1.234,5, are refused.

    Returns
    -------
    MlpaFile

    Raises
    ------
    ColumnError, InputError
        A file that is not there, of an unknown kind, empty or no table, a row with more or fewer cells than the header, a
        header twice, a column that is not there, a sample and exon twice, an exon that is no whole number, a row without
        gene (row positions).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ikzf1_outcomes as iko
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "ratios.csv")
    ...     _ = file.write_text("id,gene,ex,dq\\n1,IKZF1,4,0.55\\n1,IKZF1,5,0.5\\n2,IKZF1,4,1.02\\n2,IKZF1,5,0.97\\n")
    ...     run = iko.read_mlpa(file, layout="long", columns={"sample": "id", "exon": "ex", "ratio": "dq"})
    >>> run.peaks.values.tolist(), run.scale
    ([['1', 0.55, 0.5], ['2', 1.02, 0.97]], 'ratio')
    """
    if layout not in LAYOUTS:
        raise InputError(f"no layout is called {layout!r}", next_step=f"Use {', '.join(LAYOUTS)}.")
    if scale not in (None, "peaks", "ratio"):
        raise InputError("scale is 'peaks' or 'ratio'")
    names = dict(columns or {})
    table = raw_table(Path(path), sheet, header_row)
    # numbers of a workbook bear a point, whatever the decimal sign of the country
    numbers = partial(plain, decimal=decimal, points=Path(path).suffix.lower() in EXCEL)
    if layout == "wide":
        return wide(table, names, scale or "peaks", numbers)
    if layout == "long":
        return long(table, names, scale or "ratio", numbering, numbers)
    return workbook(table, names, scale or "ratio", control_word, first_sample, numbering, numbers)


def raw_table(path: Path, sheet: str | None, header_row: int, *, first: str = "") -> pd.DataFrame:
    """The file as text, cells without blanks around; empty cells are missing.

    Columns without a heading are left out, but for the first where `first` names it: R and pandas write row names so.

    Raises
    ------
    InputError
        No such file, a kind that is not read, no table, a header that occurs twice.
    """
    if header_row < 1:
        raise InputError("header_row counts from 1")
    if not path.is_file():
        raise InputError(f"there is no file {path.name!r}", next_step="Check the path.")
    kind = path.suffix.lower()
    if kind not in (*EXCEL, *TEXT):
        raise InputError(f"files of the kind {kind!r} are not read", next_step="Use .csv, .tsv, .txt or .xlsx.")
    try:
        if kind in EXCEL:
            cells = pd.read_excel(path, sheet_name=sheet or 0, header=None, dtype=str, skiprows=header_row - 1)
        else:
            cells = text_cells(path, header_row - 1)
    except (UnicodeError, csv.Error, BadZipFile, KeyError, ValueError) as failure:
        if isinstance(failure, InputError):
            raise
        hint = "Export it as UTF-8, or name a sheet of the workbook."
        raise InputError(f"{path.name!r} cannot be read as a table", next_step=hint) from None
    if cells.empty:
        raise InputError(f"{path.name!r} is empty", next_step="Export it again, or check header_row.")
    header = ["" if pd.isna(name) else str(name).strip() for name in cells.iloc[0]]
    header[0] = header[0] or first
    # a name in a header may be a patient's
    twice = [place for place, name in enumerate(header, 1) if name and header.count(name) > 1]
    if twice:
        raise InputError("columns of one name (positions in the header)", where=twice)
    body = cells.iloc[1:].set_axis(header, axis=1).reset_index(drop=True)
    body = body.loc[:, [bool(name) for name in header]].dropna(how="all").reset_index(drop=True)
    return body.apply(lambda column: column.str.strip().replace("", np.nan))


def text_cells(path: Path, skipped: int) -> pd.DataFrame:
    """Cells of a text file, the header in the first row; rows without any cell do not count.

    Raises
    ------
    InputError
        Rows with more or fewer cells than the header (row positions below it).
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for _ in range(skipped):
            stream.readline()
        text = stream.read().lstrip("\r\n")
    header = re.sub('"[^"]*"', "", text.partition("\n")[0])
    # a name may hold a comma, so the tab goes before the others
    delimiter = "\t" if "\t" in header else max(",;", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = [row for row in reader if any(cell.strip() for cell in row)]
    width = len(rows[0]) if rows else 0
    ragged = [place for place, row in enumerate(rows) if len(row) < width or any(cell.strip() for cell in row[width:])]
    if ragged:
        hint = "Export it again without row names; quote cells that hold the delimiter."
        raise InputError(f"{path.name!r} has rows with more or fewer cells than the header", where=ragged, next_step=hint)
    cells = pd.DataFrame([row[:width] for row in rows], dtype=object)
    return cells.mask(cells.isin(MISSING))


def column_of(table: pd.DataFrame, names: Mapping[str, str], meaning: str) -> str:
    """The file column of a meaning.

    Raises
    ------
    ColumnError
        The file has no such column.
    """
    column = names.get(meaning, meaning)
    if column not in table:
        raise ColumnError(f"the file has no column {column!r}", next_step=f"Name it: columns={{'{meaning}': ...}}.")
    return column


def plain(cells: pd.DataFrame, decimal: str, points: bool) -> pd.DataFrame:
    """Text with the decimal sign of the file as numbers; what is no number stays text, for the checks of the run.

    Raises
    ------
    InputError
        A point beside another decimal sign, unless `points` says that it is one too: it parts thousands.
    """
    if decimal != "." and not points:
        grouped = cells.apply(lambda column: column.str.contains(".", regex=False, na=False)).to_numpy()
        if grouped.any():
            raise InputError(
                f"numbers with a point, though their decimal sign is {decimal!r}",
                count=int(grouped.sum()),
                next_step="Export numbers without a sign between thousands.",
            )
    text = cells if decimal == "." else cells.apply(lambda column: column.str.replace(decimal, ".", regex=False))
    number = text.apply(pd.to_numeric, errors="coerce")
    sound = number.notna() | text.isna()
    return number.where(sound.all(axis=0).reindex(number.columns), text) if not sound.all(axis=None) else number


def wide(table: pd.DataFrame, names: Mapping[str, str], scale: str, numbers: Numbers) -> MlpaFile:
    """One row a reaction; the describing columns get their plain names.

    Raises
    ------
    ColumnError, InputError
        A column that is not there, one with two meanings, one that is called like a meaning which another column has.
    """
    wanted = {meaning: column_of(table, names, meaning) for meaning in ("sample", *names)}
    if len(set(wanted.values())) < len(wanted):
        raise InputError("a column of the file has two meanings", next_step="Name another column, or leave one out.")
    for meaning, column in wanted.items():
        if meaning in table and meaning not in wanted.values():
            raise InputError(
                f"{column!r} is to be the {meaning}, but a column is called {meaning!r} as well",
                next_step=f"Rename that column in the file, or give it a meaning: columns={{'...': {meaning!r}}}.",
            )
    frame = table.rename(columns={column: meaning for meaning, column in wanted.items()})
    probes = [column for column in frame if column not in wanted]
    if "blasts" in wanted:
        frame["blasts"] = numbers(frame[["blasts"]])["blasts"]
    return MlpaFile(pd.concat([frame[list(wanted)], numbers(frame[probes])], axis=1), None, scale)


def long(table: pd.DataFrame, names: Mapping[str, str], scale: str, numbering: str, numbers: Numbers) -> MlpaFile:
    """One row a sample and exon: turned to one row a sample."""
    keys = {meaning: column_of(table, names, meaning) for meaning in ("sample", "gene", "exon", "ratio")}
    keys |= {meaning: names[meaning] for meaning in ("replicate", "probe") if meaning in names}
    frame = pd.DataFrame({meaning: table[column_of(table, names, meaning)] for meaning in keys})
    for meaning in ("sample", "gene"):
        blank = frame[meaning].isna().to_numpy()
        if blank.any():
            raise InputError(f"rows without a {meaning}", where=np.flatnonzero(blank) + 1)
    exon, gene = frame["exon"].fillna(""), frame["gene"].str.lower()
    number = pd.to_numeric(frame["exon"], errors="coerce")
    wrong = (exon != "") & ~(number == number.round())
    shifted = number + np.where(gene == IKZF1, NUMBERINGS.get(numbering, 0), 0)
    wrong |= (gene == IKZF1) & ~shifted.isin(range(1, 9))
    if wrong.any():
        raise InputError("exons that are no whole number, or that IKZF1 does not have", where=np.flatnonzero(wrong) + 1)
    mark = frame["probe"] if "probe" in keys else gene.str.cat(exon.where(exon == "", "_e" + exon))
    rows = [meaning for meaning in ("sample", "replicate") if meaning in keys]
    identity = pd.concat([frame[rows], mark.rename("mark")], axis=1)
    twice = identity.duplicated(keep=False).to_numpy()
    if twice.any():
        raise InputError(
            "a sample has a gene and exon twice",
            where=np.flatnonzero(twice) + 1,
            next_step="Name the column that tells them apart: columns={'probe': ...} or {'replicate': ...}.",
        )
    identity["ratio"] = numbers(frame[["ratio"]])["ratio"]
    peaks = identity.pivot(index=rows, columns="mark", values="ratio")  # noqa: PD010
    order = list(dict.fromkeys(mark))
    samples = pd.MultiIndex.from_frame(identity[rows].drop_duplicates()) if len(rows) > 1 else pd.unique(frame["sample"])
    peaks = peaks.reindex(index=samples, columns=order).rename_axis(index=rows, columns=None).reset_index()
    first = ~mark.duplicated()
    probes = pd.DataFrame({"probe": mark[first], "gene": gene[first], "exon": number[first]}).reset_index(drop=True)
    return MlpaFile(peaks, checked_probes(probes, numbering), scale)


def workbook(
    table: pd.DataFrame,
    names: Mapping[str, str],
    scale: str,
    control_word: str,
    first_sample: str | None,
    numbering: str,
    numbers: Numbers,
) -> MlpaFile:
    """One row a probe: turned to one row a sample."""
    given = {meaning: column_of(table, names, meaning) for meaning in ("gene", "exon")}
    given |= {meaning: column_of(table, names, meaning) for meaning in ("probe", "control") if meaning in names}
    header = list(table.columns)
    start = max(header.index(column) for column in given.values()) + 1
    if first_sample is not None:
        start = header.index(column_of(table, {"first_sample": first_sample}, "first_sample"))
    samples = header[start:]
    if not samples:
        raise InputError("the workbook has no sample column behind the columns that describe the probes")
    control = pd.Series(False, index=table.index)
    if "control" in given:
        control = table[given["control"]].fillna("").str.lower() == control_word.lower()
    gene, exon = table[given["gene"]], table[given["exon"]]
    mark = table[given["probe"]] if "probe" in given else gene.fillna("control").str.cat(("_e" + exon).fillna(""))
    if "probe" not in given:
        # several probes of one exon are told apart by their order
        number = mark.groupby(mark).cumcount() + 1
        mark = mark.where(~mark.duplicated(keep=False), mark + "_" + number.astype(str))
    probes = pd.DataFrame({"probe": mark, "gene": gene, "exon": exon.where(~control), "control": control})
    peaks = numbers(table[samples].T.set_axis(mark.tolist(), axis=1))
    peaks.insert(0, "sample", samples)
    return MlpaFile(peaks.reset_index(drop=True), checked_probes(probes, numbering), scale)
