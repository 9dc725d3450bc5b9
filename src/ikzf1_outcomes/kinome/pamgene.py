"""Files of PamGene's chips: exports of BioNavigator, layouts, and which kinases are thought to reach which peptides."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.mlpa_files import raw_table
from ikzf1_outcomes.kinome.arrays import as_numbers
from ikzf1_outcomes.kinome.spots import columns_there


def read_bionavigator(path: str | Path, *, saturation: str | Path | None = None) -> pd.DataFrame:
    """Read the crosstab that PamGene's BioNavigator exports, as one row a spot and image.

    A chip is read at several exposure times and cycles: choose one (or a fit over them) before `normalise_spots`, and name
    the array by what is unique to it (barcode and array); the same sample may be on several chips.

    Parameters
    ----------
    path
        Text with tabs: a line about the export, lines that describe the images, a line that begins with ID, then a line a
        spot.
    saturation
        A second export of the same images, of the share of saturated pixels.

    Returns
    -------
    DataFrame
        peptide (and further columns of the spots), replicate (a spot among those of one name, counted from 1), a column
        for each line that describes the images (lower case, "sample name" as sample: barcode, exposure_time, cycle, array),
        quantity (such as Median_SigmBg, which has the background taken away), value; with `saturation` that too.
        exposure_time and cycle are numbers.

    Raises
    ------
    InputError
        A file that is not there, no such export, lines of different lengths, values that are no numbers (line numbers);
        exports that are not of the same images.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ikzf1_outcomes as iko
    >>> lines = ["BioNavigator Version\\t6.3\\tQuantitationType\\tMedian_SigmBg", "\\tCycle\\t92\\t97"]
    >>> lines += ["\\tSample name\\tA\\tA", "ID\\t\\t\\t", "AKT1_301_313\\t\\t15\\t29"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "export.txt")
    ...     _ = file.write_text("\\n".join(lines))
    ...     iko.read_bionavigator(file)
            peptide  replicate  cycle sample       quantity  value
    0  AKT1_301_313          1   92.0      A  Median_SigmBg   15.0
    1  AKT1_301_313          1   97.0      A  Median_SigmBg   29.0
    """
    out = _crosstab(Path(path))
    if saturation is None:
        return out
    other = _crosstab(Path(saturation))
    keys = [name for name in out if name not in ("quantity", "value")]
    if list(other) != list(out) or not other[keys].equals(out[keys]):
        raise InputError("the two exports are not of the same spots and images", next_step="Export both from one analysis.")
    return out.assign(saturation=other["value"])


def _crosstab(file: Path) -> pd.DataFrame:
    rows = _tabbed(file)
    head = rows[0]
    below = [number for number, row in enumerate(rows) if row[0] == "ID"]
    if not head[0].startswith("BioNavigator") or "QuantitationType" not in head[:-1] or not below or below[0] < 2:
        raise InputError(f"{file.name!r} is no crosstab of BioNavigator", next_step="Export the crosstab as text.")
    first = below[0]
    label = next((place for place, cell in enumerate(rows[1]) if cell), len(head))
    names = [_column_name(row[label]) if label < len(row) else "" for row in rows[1:first]]
    if not all(names) or len(set(names)) < len(names):
        raise InputError(f"{file.name!r} has lines above ID without a name, or with one name", count=len(names))
    body = rows[first + 1 :]
    if not body or label + 1 >= len(head):
        raise InputError(f"{file.name!r} has no spots, or no images")
    values = pd.DataFrame([row[label + 1 :] for row in body])
    numbers = values.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    wrong = (np.isnan(numbers) & (values != "").to_numpy()).any(axis=1) | np.isinf(numbers).any(axis=1)
    if wrong.any():
        raise InputError("values that are no numbers (lines)", where=np.flatnonzero(wrong) + first + 2)
    fields = ["peptide", *(_column_name(cell) for cell in rows[first][1:label])]
    spots = pd.DataFrame([row[:label] for row in body], columns=fields, dtype=object)
    images = pd.DataFrame({name: row[label + 1 :] for name, row in zip(names, rows[1:first], strict=True)}, dtype=object)
    for name in (name for name in ("cycle", "exposure_time") if name in images):
        images[name] = as_numbers(images[[name]])[:, 0]
    spots.insert(1, "replicate", spots.groupby("peptide").cumcount() + 1)
    out = spots.loc[np.repeat(np.arange(len(spots)), len(images))].reset_index(drop=True)
    described = pd.concat([images] * len(spots), ignore_index=True)
    quantity = head[head.index("QuantitationType") + 1]
    return pd.concat([out, described], axis=1).assign(quantity=quantity, value=numbers.ravel())


def _tabbed(file: Path) -> list[list[str]]:
    if not file.is_file():
        raise InputError(f"there is no file {file.name!r}", next_step="Check the path.")
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = [[cell.strip() for cell in row] for row in csv.reader(stream, delimiter="\t") if any(row)]
    except (UnicodeError, csv.Error):
        raise InputError(f"{file.name!r} is no text with tabs") from None
    if not rows:
        raise InputError(f"{file.name!r} is empty")
    wide = [number for number, row in enumerate(rows, 1) if len(row) != len(rows[1 if len(rows) > 1 else 0]) and number > 1]
    if wide:
        raise InputError(f"{file.name!r} has lines of different lengths", where=wide)
    return rows


def _column_name(text: str) -> str:
    """Lower case with underscores; the sample's name is its column's own."""
    name = "_".join(text.lower().split())
    return {"sample_name": "sample", "id": "peptide"}.get(name, name)


def read_array_layout(path: str | Path) -> pd.DataFrame:
    """Read the layout of one of PamGene's chips.

    Parameters
    ----------
    path
        Text with tabs and columns Row, Col, ID, and where it has them Sequence, Ser, Thr, Tyr, UniprotAccession,
        Description.

    Returns
    -------
    DataFrame
        peptide, row, column, control (reference spots, whose ID begins with #), sequence, residue (known sites of the
        stretch, such as "S71/T75"), uniprot, description. The gene is not in the file, and not guessed from the name.

    Raises
    ------
    ColumnError, InputError
        As `read_spots`; two peptides in one place (row positions).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ikzf1_outcomes as iko
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "layout.txt")
    ...     _ = file.write_text("Row\\tCol\\tID\\tSer\\tThr\\n-1\\t-1\\t#REF\\t\\t\\n1\\t2\\tATF2_47_59\\t[]\\t[51, 53]\\n")
    ...     layout = iko.read_array_layout(file)
    >>> layout[["peptide", "row", "control", "residue"]].values.tolist()
    [['#REF', -1.0, True, ''], ['ATF2_47_59', 1.0, False, 'T51/T53']]
    """
    table = raw_table(Path(path), None, 1)
    absent = [name for name in ("Row", "Col", "ID") if name not in table]
    if absent:
        raise ColumnError(f"the file has no column {', '.join(absent)}", next_step="Is it a layout of PamGene's?")
    places = as_numbers(table[["Row", "Col"]])
    blank = table["ID"].isna().to_numpy() | np.isnan(places).any(axis=1)
    if blank.any():
        raise InputError("spots without an ID or a place", where=np.flatnonzero(blank) + 1)
    twice = pd.DataFrame(places).duplicated(keep=False).to_numpy()
    if twice.any():
        raise InputError("two spots are in one place", where=np.flatnonzero(twice) + 1)
    out = pd.DataFrame({"peptide": table["ID"], "row": places[:, 0], "column": places[:, 1]})
    out["control"] = table["ID"].str.startswith("#")
    none = pd.Series("", index=table.index)
    out["sequence"] = table.get("Sequence", none).fillna("")
    residues = none
    for letter, name in (("S", "Ser"), ("T", "Thr"), ("Y", "Tyr")):
        listed = table.get(name, none).fillna("").str.strip("[]").str.replace(" ", "").str.replace(",", f"/{letter}")
        listed = listed.where(listed == "", letter + listed)
        residues = residues.str.cat(listed, sep="/").str.strip("/")
    out["residue"] = residues
    out["uniprot"] = table.get("UniprotAccession", none).fillna("")
    return out.assign(description=table.get("Description", none).fillna(""))


def read_kinase_map(
    path: str | Path, *, peptide: str = "Substrates", kinases: str = "Kinases"
) -> dict[str, tuple[str, ...]]:
    """Read which kinases are thought to phosphorylate which peptides, as sets of peptides by kinase.

    Parameters
    ----------
    path
        Table with one row a peptide (.csv, .tsv, .txt or .xlsx), as that of the KRSA package for PamGene's chips.
    peptide, kinases
        Its columns; the kinases of a peptide stand in one cell with blanks between.

    Returns
    -------
    dict
        Peptides by kinase, kinases by name. Predictions from sequences, so that kinases share most of their peptides.

    Raises
    ------
    ColumnError, InputError
        No such file or column; a row without peptide or kinase, a peptide twice (row positions).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ikzf1_outcomes as iko
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "map.csv")
    ...     _ = file.write_text("Substrates,Kinases\\nAKT1_301_313,MTOR PDK1\\nBAD_69_81,AKT MTOR\\n")
    ...     iko.read_kinase_map(file)
    {'AKT': ('BAD_69_81',), 'MTOR': ('AKT1_301_313', 'BAD_69_81'), 'PDK1': ('AKT1_301_313',)}
    """
    table = raw_table(Path(path), None, 1)
    columns_there(table, (peptide, kinases))
    frame = pd.DataFrame({"peptide": table[peptide], "kinases": table[kinases]})
    blank = frame.isna().any(axis=1).to_numpy()
    if blank.any():
        raise InputError("rows without a peptide or without a kinase", where=np.flatnonzero(blank) + 1)
    twice = frame["peptide"].duplicated(keep=False).to_numpy()
    if twice.any():
        raise InputError("a peptide is there twice", where=np.flatnonzero(twice) + 1)
    pairs = frame.assign(kinases=frame["kinases"].str.split()).explode("kinases").drop_duplicates()
    return {str(kinase): tuple(part) for kinase, part in pairs.groupby("kinases")["peptide"]}
