"""Read a SEG file: six columns under the names that segmentation tools give them, and chromosomes as they are spelled."""

from __future__ import annotations

import gzip
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.loci import CHROMOSOME_LENGTHS, CHROMOSOMES, Floats, Integers, builds_that_hold

FIELDS = ("sample", "chromosome", "start", "end", "probes", "value")
NUMBERS = ("start", "end", "probes", "value")
SPELLINGS = {
    "sample": ("sample", "id", "gdcaliquot", "sampleid"),
    "chromosome": ("chromosome", "chrom", "chr"),
    "start": ("start", "locstart", "startbp"),
    "end": ("end", "locend", "endbp"),
    "probes": ("numprobes", "nummark", "nummarkers", "probes"),
    "value": ("segmentmean", "segmean", "segcn", "value"),
}
"""Known names of each column, in small letters and without signs ("loc.start" and "Loc_Start" are one name)."""
MISSING = ["", "NA", "NaN", "nan", "N/A", "."]
POSITION_LIMIT = 2**31 - 1
LARGEST_LOG2 = 100.0
"""No ratio of doses is larger; what is larger would overflow."""
_SEX = {"23": "X", "24": "Y"}


class Segments(NamedTuple):
    """Segments as arrays; chromosome is a position in `CHROMOSOMES`, -1 for other contigs."""

    samples: pd.Index
    sample: Integers
    chromosome: NDArray[np.int8]
    start: Integers
    end: Integers
    probes: Floats
    value: Floats


def read_segments(path: str | Path, *, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read the copy-number segments of a SEG file.

    Known headers: `ID chrom loc.start loc.end num.mark seg.mean` (DNAcopy, cBioPortal), `Sample Chromosome Start End
    Num_Probes Segment_Mean` (IGV, Broad), `GDC_Aliquot Chromosome Start End Num_Probes Segment_Mean` (GDC) and `Sample
    Chromosome Start.bp End.bp Num.Markers Seg.CN`; case and signs don't matter. Cells are separated by tabs, commas,
    semicolons or blanks, whichever the header uses. Lines before the header that start with # are passed over. Positions
    may be written as 1e+05.

    Chromosomes: 7, chr7, Chr07 and 7.0 are one; 23 is X and 24 is Y. Names of other contigs (MT, GL000191.1, 25, 26)
    stay as they are spelled: `call_segments` sets them aside and counts them. What names no contig ("7.5", "7p") is an
    error. What the values mean and which genome build the positions belong to a SEG file doesn't say: `call_segments` asks.

    Parameters
    ----------
    path
        A text file, or one packed by gzip whatever it is called.
    columns
        The file's name of a column that is called otherwise, as in ``{"value": "Copy_Number"}``; keys are sample,
        chromosome, start, end, probes, value.

    Returns
    -------
    DataFrame
        One row a segment in the order of the file: sample and chromosome (categories), start, end (int32, as in the file),
        probes (Int32, missing where the file lacks them), value (float64).

    Raises
    ------
    ColumnError
        A column that isn't there or could be two (the nearest name is told); a key of `columns` that is no field.
    InputError
        No such file; not a table; cells that are no numbers, positions that are no whole numbers, chromosomes that
        name nothing, samples without a name (row positions, the first row after the header being 1).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ikzf1_outcomes as iko
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "cohort.seg")
    ...     _ = file.write_text("ID chrom loc.start loc.end num.mark seg.mean\\nA chr07 1e+05 60000000 900 -0.9\\n")
    ...     iko.read_segments(file).values.tolist()
    [['A', '7', 100000, 60000000, 900, -0.9]]
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"there is no file {file.name!r}", next_step="Check the path of the SEG file.")
    header, skipped, separator = _header(file)
    places = field_places(header, columns)
    table = _table(file, places, len(header), skipped, separator)
    out: dict[str, Any] = {"sample": table["sample"]}
    nameless = table["sample"].isin(["", "NA"]).to_numpy()
    refuse(nameless, "there are segments without the name of their sample")
    out["chromosome"] = chromosomes(table["chromosome"])
    for end in ("start", "end"):
        out[end] = whole_numbers(table[end].to_numpy(), f"the {end} of a segment").astype(np.int32)
    probes = table["probes"].to_numpy() if "probes" in table else np.full(len(table), np.nan)
    known = np.isfinite(probes)
    whole_numbers(probes[known], "the number of probes", rows=np.flatnonzero(known))
    out["probes"] = pd.arrays.IntegerArray(np.where(known, probes, 0).astype(np.int32), ~known)
    return pd.DataFrame({**out, "value": table["value"]})


def refuse(bad: NDArray[np.bool_], problem: str, next_step: str = "") -> None:
    """Raise an InputError with the row positions where `bad` holds, if anywhere."""
    if bad.any():
        raise InputError(problem, where=np.flatnonzero(bad) + 1, next_step=next_step)


def whole_numbers(values: NDArray[Any], what: str, rows: NDArray[np.intp] | None = None) -> NDArray[np.int64]:
    """Values as integers.

    Raises
    ------
    InputError
        Missing, infinite, negative, broken or too large values (row positions).
    """
    numbers = np.asarray(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        bad = ~((numbers >= 0) & (numbers <= POSITION_LIMIT) & (np.floor(numbers) == numbers))
    if bad.any():
        where = np.flatnonzero(bad) if rows is None else rows[bad]
        raise InputError(f"{what} is no whole number, or is missing", where=where + 1, next_step="Correct the file.")
    return numbers.astype(np.int64)


def spelling(name: object) -> str:
    """A column name in small letters without signs."""
    return re.sub(r"[^a-z0-9]", "", str(name).lower())


def field_places(names: Sequence[object], columns: Mapping[str, str] | None = None) -> dict[str, int]:
    """Where each field stands among the column names; probes may be absent. A field's own name goes before its spellings.

    Raises
    ------
    ColumnError
        A field without a column, or with two; a key of `columns` that is no field.

    Examples
    --------
    >>> field_places(["ID", "chrom", "loc.start", "loc.end", "num.mark", "seg.mean"])
    {'sample': 0, 'chromosome': 1, 'start': 2, 'end': 3, 'probes': 4, 'value': 5}
    """
    given = dict(columns or {})
    unknown = [key for key in given if key not in FIELDS]
    if unknown:
        raise ColumnError(f"`columns` has a key that is no field: {unknown[0]!r}", next_step=f"Use {', '.join(FIELDS)}.")
    spelled = [spelling(name) for name in names]
    places: dict[str, int] = {}
    for field in FIELDS:
        if field in given:
            found = [place for place, name in enumerate(names) if str(name) == given[field]]
        else:
            exact = [place for place, name in enumerate(names) if str(name) == field]
            found = exact or [place for place, name in enumerate(spelled) if name in SPELLINGS[field]]
        if len(found) > 1:
            raise ColumnError(
                f"{len(found)} columns could be the {field}",
                next_step=f"Call the one that is meant {field!r}, or name it: columns={{{field!r}: ...}}.",
            )
        if not found and (field != "probes" or field in given):
            raise ColumnError(f"no column for the {field}", next_step=_nearest(field, names, spelled, given))
        if found:
            places[field] = found[0]
    return places


def _nearest(field: str, names: Sequence[object], spelled: Sequence[str], given: Mapping[str, str]) -> str:
    # names of the file are told only where they resemble a known name: without a header the first row holds data
    wanted = (spelling(given[field]),) if field in given else SPELLINGS[field]
    close = [match for word in wanted for match in get_close_matches(word, spelled, n=1, cutoff=0.6)]
    hint = f"Did you mean {str(names[list(spelled).index(close[0])])!r}? " if close else ""
    return f"{hint}Name it: columns={{{field!r}: ...}}; the first row of a file must hold the names."


def chromosome_name(cell: object) -> str | None:
    """One chromosome in the usual spelling, another contig as it is, None for what names nothing.

    Examples
    --------
    >>> [chromosome_name(cell) for cell in ("Chr07", 23, "x", "MT", "chr6_cox_hap1", "7.5", "25")]
    ['7', 'X', 'X', 'MT', 'chr6_cox_hap1', None, '25']
    """
    word = str(cell).strip()
    bare = re.sub(r"^chr(?:omosome|om)?[ _]?", "", word, flags=re.IGNORECASE).upper()
    number = re.fullmatch(r"0*([1-9]\d?)(?:\.0*)?", bare)
    if number:
        name = _SEX.get(number.group(1), number.group(1))
        # 25 and 26 stand for PAR and mitochondria in one tool and the other way round in the next
        return name if name in CHROMOSOMES else word if name in ("25", "26") else None
    if bare in ("X", "Y"):
        return bare
    if bare in ("", "NA", "NAN", "NONE", "<NA>"):
        return None
    return word if re.match(r"[A-Z]|\d{1,2}_.", bare) else None


def chromosomes(cells: pd.Series) -> pd.Categorical:
    """A column of chromosomes in the usual spelling; other contigs stay as they are.

    Raises
    ------
    InputError
        Missing cells, and cells that name no contig (row positions).
    """
    codes, distinct = pd.factorize(cells)
    names = [chromosome_name(cell) for cell in distinct]
    others = sorted({name for name in names if name is not None and name not in CHROMOSOMES})
    categories = [*CHROMOSOMES, *others]
    # the last place serves the missing cells, whose code is -1
    lookup = np.array([categories.index(name) if name is not None else -1 for name in names] + [-1], dtype=np.int32)
    found = lookup[codes]
    refuse(found < 0, "the chromosome of a segment is missing or names none", "Use 1-22, X, Y, with or without 'chr'.")
    return pd.Categorical.from_codes(found, categories=categories)


def _header(file: Path) -> tuple[list[str], int, str]:
    """The column names, the lines before them, and the separator."""
    with file.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    skipped = 0
    try:
        with gzip.open(file, "rt", encoding="utf-8-sig") if packed else file.open(encoding="utf-8-sig") as lines:
            for line in lines:
                if line.strip() and not line.startswith("#"):
                    break
                skipped += 1
            else:
                raise InputError(f"{file.name!r} is empty", next_step="Export the segments again.")
    except (UnicodeError, OSError, EOFError, zlib.error):
        raise InputError(f"{file.name!r} is no text, or no whole gzip file", next_step="Fetch the file again.") from None
    separator = max("\t,;", key=line.count)
    separator = separator if separator in line else r"\s+"
    cells = re.split(separator, line.strip("\r\n ") if separator == r"\s+" else line.rstrip("\r\n"))
    return [cell.strip(" \"'") for cell in cells], skipped + 1, separator


def _table(file: Path, places: Mapping[str, int], width: int, skipped: int, separator: str) -> pd.DataFrame:
    with file.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    numbers = [places[field] for field in NUMBERS if field in places]

    def read(kind: Any) -> pd.DataFrame:
        # a column more than the header has: longer rows would be cut in silence, or with a warning only
        kinds = {place: kind if place in numbers else "category" for place in range(width + 1)}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                file, sep=separator, header=None, names=range(width + 1), index_col=False, skiprows=skipped, dtype=kinds,
                compression="gzip" if packed else None, encoding="utf-8", keep_default_na=False,
                na_values=dict.fromkeys(numbers, MISSING) if kind is np.float64 else None,
            )  # fmt: skip

    try:
        try:
            table = read(np.float64)
        except ValueError as error:
            if isinstance(error, pd.errors.ParserError | pd.errors.EmptyDataError | UnicodeError):
                raise
            _refuse_text(read(str), numbers)
            raise
    except InputError:
        raise
    except pd.errors.EmptyDataError:
        raise InputError(f"{file.name!r} has column names and no segment", next_step="Export it again.") from None
    except (ValueError, OSError, EOFError, zlib.error, pd.errors.ParserWarning):
        raise InputError(f"{file.name!r} is no table, or the file isn't whole", next_step="Fetch it again.") from None
    if table.empty:
        raise InputError(f"{file.name!r} has column names and no segment", next_step="Export it again.")
    beyond = table.pop(width)
    refuse(
        beyond.notna().to_numpy() & (beyond != "").to_numpy(),
        "rows are longer than the header",
        "Export without row names.",
    )
    return table.rename(columns={place: field for field, place in places.items()})


def _refuse_text(cells: pd.DataFrame, numbers: Sequence[int]) -> None:
    bad = np.zeros(len(cells), dtype=bool)
    for place in numbers:
        known = ~cells[place].isin(MISSING).to_numpy()
        bad |= known & pd.to_numeric(cells[place], errors="coerce").isna().to_numpy()
    refuse(bad, "a position, a number of probes or a value is no number", "Use a point as decimal sign.")


def checked_segments(segments: pd.DataFrame, *, build: str, absolute: bool, probes_needed: bool) -> Segments:
    """Segments as arrays, when each can be called.

    Parameters
    ----------
    absolute
        Values are copy numbers, which can't be negative.
    probes_needed
        Missing counts of probes are an error.

    Raises
    ------
    ColumnError, InputError
        As in `call_segments`.
    """
    places = field_places(segments.columns)
    cells = {field: segments.iloc[:, place] for field, place in places.items()}
    if segments.empty:
        raise InputError("there is no segment")
    codes, labels = pd.factorize(cells["sample"])
    nameless = (codes < 0) | np.append(np.isin(labels.astype(str), ["", "NA"]), False)[codes]
    refuse(nameless, "there are segments without the name of their sample")
    names = pd.Index(labels.astype(object) if isinstance(labels, pd.CategoricalIndex) else labels)
    try:
        order = np.argsort(names)
    except TypeError:  # names of several types
        order = np.argsort(names.astype(str))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    names_of = chromosomes(cells["chromosome"])
    found = np.where(names_of.codes < len(CHROMOSOMES), names_of.codes, -1).astype(np.int8)
    if (found < 0).all():
        raise InputError("no segment lies on chromosomes 1-22, X or Y", next_step="Spell them 7 or chr7.")
    numbers = {field: _as_numbers(cells[field]) for field in NUMBERS if field in cells}
    start, end = (whole_numbers(numbers[field], f"the {field} of a segment") for field in ("start", "end"))
    refuse(end < start, "segments end before they start", "Check which column is the start and which the end.")
    value = numbers["value"]
    refuse(~np.isfinite(value), "values of segments are missing, no numbers or infinite", "Take these segments out.")
    if absolute:
        refuse(value < 0, "copy numbers of segments are negative", "Log ratios are value='log2'.")
    else:
        refuse(np.abs(value) > LARGEST_LOG2, "log2 ratios of segments are beyond all bounds")
    probes = numbers.get("probes", np.full(len(value), np.nan))
    if probes_needed:
        refuse(~(probes >= 0), "counts of probes are missing or negative", "Give min_probes=None to keep every segment.")
    out = Segments(names[order], rank[codes], found, start, end, probes, value)
    _refuse_beyond(out, build)
    _refuse_overlaps(out)
    return out


def _as_numbers(cells: pd.Series) -> Floats:
    if not pd.api.types.is_numeric_dtype(cells):
        cells = pd.to_numeric(cells.astype(object), errors="coerce")
    return cells.to_numpy(dtype=np.float64, na_value=np.nan)


def _refuse_beyond(given: Segments, build: str) -> None:
    """Refuse segments beyond the end of their chromosome, and tell the builds in which all would fit."""
    # the last place serves other contigs, whose code is -1
    lengths = np.array([*CHROMOSOME_LENGTHS[build].values(), POSITION_LIMIT])
    beyond = given.end > lengths[given.chromosome]
    if beyond.any():
        furthest = np.zeros(len(lengths), dtype=np.int64)
        np.maximum.at(furthest, given.chromosome, given.end)
        fitting = builds_that_hold(dict(zip(CHROMOSOMES, furthest.tolist(), strict=False)))
        hint = f"All would lie within {' and '.join(fitting)}." if fitting else "They fit no known build."
        refuse(beyond, f"segments end beyond their chromosome in {build}", hint)


def _refuse_overlaps(given: Segments) -> None:
    """Refuse segments of a sample that overlap by more than the one base where neighbours may meet."""
    rows = np.flatnonzero(given.chromosome >= 0)
    place = (given.sample[rows] * len(CHROMOSOMES) + given.chromosome[rows]) << 32
    start, end = place | given.start[rows], place | given.end[rows]
    if not (start[1:] > start[:-1]).all():
        order = np.argsort(start, kind="stable")
        rows, place, start, end = rows[order], place[order], start[order], end[order]
    # places rise with sample and chromosome, so the furthest end so far is one of the same chromosome, or lies before it
    furthest = np.maximum.accumulate(end)[:-1]
    bad = (place[1:] == place[:-1]) & ((start[1:] < furthest) | (start[1:] == start[:-1]))
    if bad.any():
        where = np.zeros(len(given.start), dtype=bool)
        where[rows[1:][bad]] = True
        refuse(
            where,
            "segments of a sample overlap, or are there twice",
            "Give one segmentation of each sample; alternative segmentations and repeats must go.",
        )
