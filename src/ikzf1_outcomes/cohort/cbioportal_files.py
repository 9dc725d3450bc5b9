"""The files of a cBioPortal study folder: meta files, clinical tables, copy numbers of genes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import ColumnError, InputError

MISSING_TEXTS = ("[Not Available]", "NA")
"""Texts that the format leaves for missing; an empty cell is missing too."""

ATTRIBUTE_ROWS = ("display_name", "description", "datatype", "priority")
CLINICAL = {"PATIENT_ATTRIBUTES": "patient", "SAMPLE_ATTRIBUTES": "sample"}


@dataclass(frozen=True, slots=True)
class MetaFile:
    """One meta file: its name, and its keys."""

    name: str
    keys: Mapping[str, str]

    def get(self, key: str) -> str:
        """The value of a key; empty where the file does not have it."""
        return self.keys.get(key, "")


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """A study folder whose meta files have been read and agree on the study."""

    folder: Path
    metas: tuple[MetaFile, ...]

    @property
    def study(self) -> MetaFile | None:
        """The meta file of the study itself: the one that names its type of cancer."""
        return next((meta for meta in self.metas if "type_of_cancer" in meta.keys and not meta.get("data_filename")), None)

    def having(self, alteration: str, *datatypes: str) -> list[MetaFile]:
        """Meta files of a kind of data."""
        return [
            meta
            for meta in self.metas
            if meta.get("genetic_alteration_type") == alteration and meta.get("datatype") in datatypes
        ]

    def data(self, meta: MetaFile) -> Path:
        """The data file that a meta file names."""
        name = meta.get("data_filename")
        # a name with a folder in it could reach any file of the machine
        if not name or Path(name).name != name:
            raise InputError(f"{meta.name!r} names no data file of its folder", next_step="Check its data_filename.")
        file = self.folder / name
        if not file.is_file():
            raise InputError(f"{meta.name!r} names the data file {name!r}, which is not there")
        return file


def read_folder(folder: Path) -> StudyFolder:
    """Read the meta files of a folder.

    Raises
    ------
    InputError
        No folder, no meta file, a line that is not "key: value" or repeats a key, meta files of different studies.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder.name!r}", next_step="Check the path.")
    metas = tuple(read_meta(file) for file in sorted({*folder.glob("meta*.txt"), *folder.glob("*_meta.txt")}))
    if not metas:
        raise InputError(
            f"the folder {folder.name!r} has no meta file (meta_*.txt)", next_step="Name the folder of one study."
        )
    if len({meta.get("cancer_study_identifier") for meta in metas if meta.get("cancer_study_identifier")}) > 1:
        raise InputError("the meta files name more than one cancer_study_identifier", next_step="One folder is one study.")
    return StudyFolder(folder, metas)


def read_meta(file: Path) -> MetaFile:
    """Read the "key: value" lines of a meta file; see `read_folder`."""
    keys: dict[str, str] = {}
    with _text(file) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            key, colon, value = (part.strip() for part in line.partition(":"))
            if not colon or not key or key in keys:
                raise InputError(f"{file.name!r}: a line that is not 'key: value', or a key twice", where=[number])
            keys[key] = value
    return MetaFile(file.name, keys)


def clinical_table(file: Path, table: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells of a clinical file as stripped text, and its attributes.

    Parameters
    ----------
    file
        Four lines that start with # (display name, description, datatype, priority), or none; the header; the rows.
    table
        "patient" or "sample".

    Returns
    -------
    tuple of DataFrame
        The cells; and one row an attribute: table, attribute, display_name, description, datatype, priority.

    Raises
    ------
    InputError, ColumnError
        Another number of # lines, rows that are not as wide as the header, a column name twice or missing, no rows, no
        PATIENT_ID or (samples) SAMPLE_ID.
    """
    with _text(file) as stream:
        lines = [[cell.strip() for cell in line.rstrip("\n").split("\t")] for line in stream]
    while lines and lines[-1] == [""]:
        lines.pop()
    n_comments = next((place for place, line in enumerate(lines) if not line[0].startswith("#")), len(lines))
    if n_comments not in (0, len(ATTRIBUTE_ROWS)):
        raise InputError(
            f"{file.name!r} has {n_comments} lines that start with #",
            next_step="A clinical file has four: display names, descriptions, datatypes, priorities.",
        )
    if len(lines) < n_comments + 2:
        raise InputError(f"{file.name!r} has no rows")
    header, rows = lines[n_comments], lines[n_comments + 1 :]
    ragged = [place for place, row in enumerate(rows, 1) if len(row) != len(header)]
    if ragged:
        raise InputError(f"{file.name!r} has rows with more or fewer cells than the header", where=ragged)
    if len(set(header)) < len(header) or "" in header:
        raise InputError(f"{file.name!r} has a column without a name, or two of one name")
    for name in ("PATIENT_ID", "SAMPLE_ID")[: 1 + (table == "sample")]:
        if name not in header:
            raise ColumnError(f"{file.name!r} has no column {name!r}")
    comments = [[*line, *[""] * len(header)][: len(header)] for line in lines[:n_comments]]
    told = {
        name: [cell.removeprefix("#") for cell in row]
        for name, row in zip(ATTRIBUTE_ROWS, comments or [[""] * len(header)] * len(ATTRIBUTE_ROWS), strict=True)
    }
    attributes = pd.DataFrame({"table": table, "attribute": header, **told})
    return pd.DataFrame(rows, columns=header, dtype=object), attributes


def gene_values(file: Path, genes: Sequence[str], *, long: bool) -> pd.DataFrame:
    """Cells of the rows of some genes in a copy-number file.

    Parameters
    ----------
    file
        Wide (a row a gene, a column a sample) or long (a row a gene and sample).
    genes
        Hugo symbols. In the file a symbol may go on after a "|", as GISTIC writes it.
    long
        Which of the two.

    Returns
    -------
    DataFrame
        One row a gene and sample: gene, sample, value (text), row (position in the file below the header, from 1).

    Raises
    ------
    InputError, ColumnError
        No header, no column Hugo_Symbol, (long) Sample_Id or Value; a row of one of the genes that is not as wide as
        the header; a gene and sample twice.
    """
    header, rows, positions = _rows_of_genes(file, frozenset(genes))
    ragged = [position for row, position in zip(rows, positions, strict=True) if len(row) != len(header)]
    if ragged:
        raise InputError(f"{file.name!r} has rows with more or fewer cells than the header", where=ragged)
    table = pd.DataFrame(rows, columns=range(len(header)), dtype=object)
    places = {name.casefold(): place for place, name in enumerate(header)}
    gene = table[places["hugo_symbol"]].map(lambda symbol: symbol.partition("|")[0].strip()).astype(object)
    at = np.asarray(positions, dtype=np.int64)
    if long:
        for name in ("Sample_Id", "Value"):
            if name.casefold() not in places:
                raise ColumnError(f"{file.name!r} has no column {name!r}", next_step="Check the datatype in its meta file.")
        values = pd.DataFrame(
            {"gene": gene, "sample": table[places["sample_id"]], "value": table[places["value"]], "row": at}
        )
    else:
        # what stands beside the samples: the gene's names, and the band that GISTIC adds
        beside = ("hugo_symbol", "entrez_gene_id", "cytoband", "gene symbol", "gene id", "locus id")
        samples = [place for place, name in enumerate(header) if name.casefold() not in beside]
        values = pd.DataFrame(
            {
                "gene": np.repeat(gene.to_numpy(), len(samples)),
                "sample": np.tile(np.array(header, dtype=object)[samples], len(table)),
                "value": table[samples].to_numpy().ravel(),
                "row": np.repeat(at, len(samples)),
            }
        )
    twice = values.duplicated(["gene", "sample"], keep=False).to_numpy()
    if twice.any():
        raise InputError(
            f"{file.name!r} has a gene twice for one sample",
            where=sorted(set(values["row"][twice])),
            next_step="Keep one row a gene (and sample).",
        )
    return values


def _rows_of_genes(file: Path, genes: frozenset[str]) -> tuple[list[str], list[list[str]], list[int]]:
    rows, positions = [], []
    with _text(file) as stream:
        header = [name.strip() for name in stream.readline().rstrip("\n").split("\t")]
        symbols = [place for place, name in enumerate(header) if name.casefold() == "hugo_symbol"]
        if len(symbols) != 1:
            raise ColumnError(f"{file.name!r} has no column 'Hugo_Symbol'", next_step="Genes are found by their symbol.")
        place = symbols[0]
        # such files have 20,000 genes and a cohort needs a dozen: other lines are never split
        for position, line in enumerate(stream, 1):
            start = line.split("\t", place + 1)
            if len(start) > place and start[place].partition("|")[0].strip() in genes:
                rows.append([cell.strip() for cell in line.rstrip("\n").split("\t")])
                positions.append(position)
    return header, rows, positions


@contextmanager
def _text(file: Path) -> Iterator[TextIO]:
    try:
        with file.open(encoding="utf-8-sig") as stream:
            yield stream
    except UnicodeError:
        raise InputError(f"{file.name!r} is not text in UTF-8", next_step="Save it as UTF-8.") from None
