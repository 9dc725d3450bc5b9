"""Exon calls of a case report form: one column an exon, or the deleted exons as text."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.calls import COPY_NUMBERS, UNKNOWN
from ikzf1_outcomes.genome.exons import EXONS, NUMBERINGS, exon_columns

LAYOUTS = ("wide", "list")
DASHES = "-‐‑‒–—−"
ALL_NORMAL = "none"
"""The text for "no exon deleted" in a list."""

_RUN = rf"[0-9]+(?:\s*[{DASHES}]\s*(?:exon|ex|e)?\s*[0-9]+)?"
_PREFIX = r"(?:[Δ∆δ]|del(?:etion|eted|\.)?)?\s*(?:ikzf1)?\s*(?:exons?|ex\.?|e)?\s*"
_LIST = re.compile(rf"{_PREFIX}{_RUN}(?:\s*(?:,|;|\+|&|\band\b)\s*{_PREFIX}{_RUN})*", re.IGNORECASE)

MALFORMED = "no list of exons"
OUTSIDE = "an exon that IKZF1 does not have"
BACKWARDS = "a range of exons that runs backwards"
TWICE = "an exon that is named twice on one allele"
NEXT_STEPS = {
    MALFORMED: "Write as in '4-7' or '2-3, 8', declare other texts in codes; spreadsheets turn 4-7 into a date.",
    OUTSIDE: f"Say the numbering of the form: {' or '.join(NUMBERINGS)}.",
    BACKWARDS: "Write the lower exon first.",
    TWICE: "Two alleles are written with a slash, as in '1-8 / 4-7'.",
}


def read_exon_calls(
    path_or_frame: str | Path | pd.DataFrame,
    *,
    sample: str,
    exons: str | Mapping[int, str | None] | None = None,
    codes: Mapping[Any, str] | None = None,
    numbering: str = "1-8",
    layout: str = "wide",
) -> pd.DataFrame:
    """Exon calls of IKZF1 from the table of a case report form, in the words that `classify_ikzf1` reads.

    Rules. Wide: one column an exon, cells of `COPY_NUMBERS` or codes that are declared. List: one column names the
    deleted exons as text: "4-7", "4,5,6,7", "Δ4-7", "del 2-3, 8", "exons 4-7"; every other exon is
    "normal". "none" is no deleted exon. Two alleles are parted by a slash, as in "Δ1-8 / Δ4-7": an exon that both
    name is "homozygous", an exon of one of them "deleted". A list cannot tell which exons were tested: all eight are
    taken to be. In both layouts a missing or empty cell is "not_tested", never "normal", unless codes say what "" is.

    Parameters
    ----------
    path_or_frame
        One row a sample: a frame, or a CSV, TSV, TXT (comma, semicolon or tab, as its header has) or Excel file.
    sample
        Column with the samples.
    exons
        Wide: the column of each exon by its number in `numbering`, None for an exon that the assay lacks; without it
        columns are recognised by name ("4", "e4", "exon_4"). List: the column with the text.
    codes
        Text of the file -> call (wide: one of `COPY_NUMBERS`), or -> a list of exons, "none", or "failed",
        "ambiguous", "not_tested" for all eight exons (list). The empty text names missing cells.
    numbering
        Of the file: "1-8", or "0-7" of older papers.
    layout
        "wide" or "list".

    Returns
    -------
    DataFrame
        Index `sample` (text), columns "1" to "8" of words of `COPY_NUMBERS`. The numbering is always 1-8, converted
        already: give the result to `classify_ikzf1` without a numbering.

    Raises
    ------
    ColumnError
        A column that is not there, an exon without a column.
    InputError
        An unknown layout, numbering or call in codes; a code that was not declared, text that is no list of exons
        ("4.5", "7-4", "9"), a sample that is missing or stands twice (row positions below the header, counted from 1).

    Notes
    -----
    Numberings: in papers that count the non-coding exon as 0, IK6 is Δ3-6 (Mullighan et al., Nature 2008; recalled,
    not verified).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> form = pd.DataFrame({"pat": ["a", "b", "c"], "IKZF1": ["Δ4-7", "none", ""]})
    >>> calls = iko.read_exon_calls(form, sample="pat", exons="IKZF1", layout="list")
    >>> iko.classify_ikzf1(calls)["ikzf1_class"].tolist()
    ['ik6', 'none', 'not_tested']
    """
    if layout not in LAYOUTS:
        raise InputError(f"no layout is called {layout!r}", next_step=f"Use {' or '.join(LAYOUTS)}.")
    if numbering not in NUMBERINGS:
        raise InputError(f"no numbering is called {numbering!r}", next_step=f"Use {' or '.join(NUMBERINGS)}.")
    frame = path_or_frame if isinstance(path_or_frame, pd.DataFrame) else form_table(Path(path_or_frame))
    frame = frame.reset_index(drop=True)
    index = samples_of(frame, sample)
    declared = {str(code).strip(): str(meaning) for code, meaning in (codes or {}).items()}
    if layout == "wide":
        if isinstance(exons, str):
            raise InputError("in the layout 'wide' `exons` gives a column for each exon", next_step="Or say layout='list'.")
        calls = wide_calls(frame.drop(columns=sample), exons, declared, numbering)
    else:
        if not isinstance(exons, str):
            raise InputError("the layout 'list' needs `exons`, the column with the deleted exons")
        calls = listed_calls(_text(_column(frame, exons)), exons, declared, numbering)
    return calls.set_axis(index, axis=0)


def form_table(file: Path) -> pd.DataFrame:
    """Cells of a table file as text; "NA" stays text, an empty cell is "".

    Raises
    ------
    InputError
        No such file, an unknown extension, a file that is empty or no table.
    """
    suffix = file.suffix.lower()
    if not file.is_file():
        raise InputError(f"there is no file {file.name!r}", next_step="Check the path.")
    if suffix not in (".csv", ".tsv", ".txt", ".xlsx", ".xlsm"):
        raise InputError(f"{file.name!r} is of no known format", next_step="Known: csv, tsv, txt, xlsx, xlsm.")
    try:
        if suffix in (".xlsx", ".xlsm"):
            return pd.read_excel(file, dtype=object, keep_default_na=False, na_filter=False)
        with file.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            stream.seek(0)
            bare = re.sub('"[^"]*"', "", header)
            delimiter = "\t" if suffix == ".tsv" else max(",;\t", key=bare.count)
            rows = [row for row in csv.reader(stream, delimiter=delimiter, strict=True) if row]
    except (UnicodeError, csv.Error, ValueError, KeyError, OSError):
        raise InputError(f"{file.name!r} cannot be read as a table in UTF-8", next_step="Export it again.") from None
    if not rows:
        raise InputError(f"{file.name!r} is empty", next_step="Export it again.")
    ragged = [place for place, row in enumerate(rows) if len(row) != len(rows[0])]
    if ragged:
        raise InputError(
            f"{file.name!r} has rows with more or fewer cells than the header",
            where=ragged,
            next_step='Quote cells that hold the delimiter, as in "4,5,6,7".',
        )
    return pd.DataFrame(rows[1:], columns=[name.strip() for name in rows[0]], dtype=object)


def samples_of(frame: pd.DataFrame, sample: str) -> pd.Index:
    """The samples as an index; each must be there, and once."""
    names = _text(_column(frame, sample))
    for problem, wrong in (
        ("the sample is missing", names == ""),
        ("rows that share one sample", names.duplicated(keep=False)),
    ):
        if wrong.any():
            raise InputError(
                f"column {sample!r}: {problem}",
                where=np.flatnonzero(wrong) + 1,
                next_step="Keep one row a sample.",
            )
    return pd.Index(names, name="sample")


def wide_calls(
    frame: pd.DataFrame, exons: Mapping[int, str | None] | None, codes: Mapping[str, str], numbering: str
) -> pd.DataFrame:
    """Calls of a table with a column for each exon; see `read_exon_calls`."""
    wrong = sorted(set(codes.values()) - set(COPY_NUMBERS))
    if wrong:
        raise InputError(f"codes: {wrong[0]!r} is no call", next_step=f"Use {', '.join(COPY_NUMBERS)}.")
    columns = exon_columns(frame.columns, numbering) if exons is None else _given_columns(exons, numbering)
    meaning = {word: word for word in COPY_NUMBERS} | {"": "not_tested"} | dict(codes)
    calls = {}
    for exon in EXONS:
        name = columns[exon]
        if name is None:
            calls[str(exon)] = pd.Series("not_tested", index=frame.index, dtype=object)
            continue
        text = _text(_column(frame, name))
        words = text.map(meaning)
        if words.isna().any():
            raise InputError(
                f"column {name!r}: a code that was not declared",
                where=np.flatnonzero(words.isna()) + 1,
                next_step=f"Declare it in codes, as one of {', '.join(COPY_NUMBERS)}.",
            )
        calls[str(exon)] = words.astype(object)
    return pd.DataFrame(calls)


def _given_columns(exons: Mapping[int, str | None], numbering: str) -> dict[int, object]:
    columns = {int(exon) + NUMBERINGS[numbering]: column for exon, column in exons.items()}
    if set(columns) != set(EXONS):
        missing = [str(exon) for exon in EXONS if exon not in columns]
        problem = f"no column for exon {', '.join(missing)} (numbered 1-8)" if missing else OUTSIDE
        raise ColumnError(f"exons: {problem}", next_step="Give None for an exon that the assay lacks.")
    return dict(columns)


def listed_calls(text: pd.Series, shown: str, codes: Mapping[str, str], numbering: str) -> pd.DataFrame:
    """Calls of a column that names the deleted exons; see `read_exon_calls`."""
    for code, meaning in codes.items():
        if isinstance(listed_exons(meaning, numbering), str):
            raise InputError(f"codes: what {code!r} stands for is no list of exons", next_step=NEXT_STEPS[MALFORMED])
    meanings = text.map(lambda cell: codes.get(cell, cell))
    place, distinct = pd.factorize(meanings)
    # few different texts exist, however many samples there are
    readings = [listed_exons(str(one), numbering) for one in distinct]
    for problem, next_step in NEXT_STEPS.items():
        bad = np.array([reading == problem for reading in readings], dtype=bool)
        if bad.any():
            raise InputError(f"column {shown!r}: {problem}", where=np.flatnonzero(bad[place]) + 1, next_step=next_step)
    table = np.array(readings, dtype=object).reshape(len(readings), len(EXONS))
    return pd.DataFrame(table[place], columns=[str(exon) for exon in EXONS])


def listed_exons(text: str, numbering: str) -> tuple[str, ...] | str:
    """The eight calls that a text means, or the problem with it.

    Examples
    --------
    >>> listed_exons("del 3-6", "0-7")
    ('normal', 'normal', 'normal', 'deleted', 'deleted', 'deleted', 'deleted', 'normal')
    >>> listed_exons("7-4", "1-8")
    'a range of exons that runs backwards'
    """
    if text in ("", *UNKNOWN):
        return (text or "not_tested",) * len(EXONS)
    if text.casefold() == ALL_NORMAL:
        return ("normal",) * len(EXONS)
    written = text.split("/")
    alleles = [_allele(part.strip(), numbering) for part in written]
    problems = [allele for allele in alleles if isinstance(allele, str)]
    if problems or len(written) > 2:
        return problems[0] if problems else MALFORMED
    words = ("normal", "deleted", "homozygous")
    return tuple(words[sum(exon in allele for allele in alleles)] for exon in EXONS)


def _allele(text: str, numbering: str) -> frozenset[int] | str:
    if not _LIST.fullmatch(text):
        return MALFORMED
    without_name = re.sub("ikzf1", "", text, flags=re.IGNORECASE)
    found: list[int] = []
    for run in re.findall(_RUN, without_name, re.IGNORECASE):
        ends = [int(number) + NUMBERINGS[numbering] for number in re.findall("[0-9]+", run)]
        if not set(ends) <= set(EXONS):
            return OUTSIDE
        if ends[0] > ends[-1]:
            return BACKWARDS
        found.extend(range(ends[0], ends[-1] + 1))
    return frozenset(found) if len(set(found)) == len(found) else TWICE


def _column(frame: pd.DataFrame, name: object) -> pd.Series:
    if name not in frame.columns:
        raise ColumnError(f"no column is called {name!r}", next_step="Check the header of the table.")
    column = frame[name]
    if isinstance(column, pd.DataFrame):
        raise ColumnError(f"two columns are called {name!r}", next_step="Give every column a name of its own.")
    return column


def _text(cells: pd.Series) -> pd.Series:
    """Cells as stripped text, missing ones empty; a whole number loses its ".0"."""
    numeric = cells.map(lambda cell: isinstance(cell, float) and cell.is_integer()).astype(bool)
    text = cells.astype(object).where(cells.notna(), "").astype(str).str.strip()
    shortened = text.str.removesuffix(".0")
    return text.where(~numeric, shortened).astype(object).reset_index(drop=True)
