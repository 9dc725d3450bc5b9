"""Pathways as sets of genes, and from them sets of the peptides of an array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kinome.arrays import PeptideArrays
from ikzf1_outcomes.kinome.files import lines_of

VERIFIED = ("S", "C")
"""Seen in the source, or computed from what was."""


def pathway_genes() -> pd.DataFrame:
    """The genes of six pathways that the package carries, each with where it is from.

    The founding paper (van der Sligte et al. 2015) names six categories of peptides: B-cell receptor, MAPK, PI3K/AKT/mTOR,
    JAK/STAT5, adhesion, cell cycle. It names few of their genes (`status` S); all others are recalled and not verified (R+
    with more, R with less confidence): an assumption of every analysis that uses them, to be replaced by a GMT file of a
    curated collection where one is at hand (`read_gmt`).

    Returns
    -------
    DataFrame
        pathway, gene (HGNC symbol), status, verified, source, remark. A gene may be in two pathways.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> genes = iko.pathway_genes()
    >>> genes.loc[genes["verified"], "gene"].tolist()
    ['CDKN1A', 'CDKN1B', 'CHEK2', 'RB1']
    """
    with files("ikzf1_outcomes.kinome").joinpath("pathway_genes.csv").open("r", encoding="utf-8") as stream:
        table = pd.read_csv(stream, dtype=str, keep_default_na=False)
    table.insert(table.columns.get_loc("status") + 1, "verified", table["status"].isin(VERIFIED))
    return table


def read_gmt(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Read sets of genes from a GMT file: a line a set, its name, a description, its genes, with tabs between.

    Parameters
    ----------
    path
        Text file, UTF-8.

    Returns
    -------
    dict
        Genes by name of the set, in the order of the file; a gene that a set repeats counts once.

    Raises
    ------
    InputError
        No such file, no text, no set; lines without a name or a gene, a name twice (line numbers).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ikzf1_outcomes as iko
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "sets.gmt")
    ...     _ = file.write_text("JAK_STAT\\tan example\\tJAK2\\tSTAT5A\\tSTAT5B\\n")
    ...     iko.read_gmt(file)
    {'JAK_STAT': ('JAK2', 'STAT5A', 'STAT5B')}
    """
    file = Path(path)
    lines = lines_of(file)
    rows = [(number, [cell.strip() for cell in line.split("\t")]) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise InputError(f"{file.name!r} has no set")
    poor = [number for number, cells in rows if not cells[0] or not any(cells[2:])]
    if poor:
        hint = "A line is the name, a description (which may be empty) and the genes, with tabs between."
        raise InputError("sets without a name or without a gene (lines)", where=poor, next_step=hint)
    out: dict[str, tuple[str, ...]] = {}
    twice = []
    for number, (name, _, *genes) in rows:
        twice += [number] if name in out else []
        out[name] = tuple(dict.fromkeys(gene for gene in genes if gene))
    if twice:
        raise InputError("the name of a set is there twice (lines)", where=twice)
    return out


def pathway_sets(
    peptides: pd.DataFrame | PeptideArrays,
    sets: Mapping[str, Iterable[str]] | None = None,
    *,
    gene: str = "gene",
    least: int = 1,
) -> dict[str, tuple[str, ...]]:
    """Turn sets of genes into sets of the peptides that are there.

    A peptide belongs to a set when its gene does; where its gene is not certain ("MAPK3/MAPK1"), when any of them does.
    Capital letters do not matter.

    Parameters
    ----------
    peptides
        One row a peptide with its gene: `peptide` as a column or as the index. Of a `PeptideArrays` its `peptides`,
        without the controls.
    sets
        Genes by name of the set; left out, `pathway_genes`, most of which are recalled, not verified.
    gene
        Column of the gene; several with "/" or ";" between. Missing where it is not known.
    least
        Sets with fewer peptides are left out; `pathway_coverage` shows them.

    Returns
    -------
    dict
        Peptides by name of the set, in the order of the table.

    Raises
    ------
    ColumnError, InputError
        No column of genes, no gene at all, a peptide twice (row positions), a set that is a text.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> table = pd.DataFrame({"peptide": ["p1", "p2", "p3"], "gene": ["STAT5A", "MAPK3/MAPK1", "CYTH1"]})
    >>> iko.pathway_sets(table)
    {'MAPK': ('p2',), 'JAK/STAT5': ('p1',)}
    """
    found = {name: tuple(part["peptide"].unique()) for name, part in _members(peptides, sets, gene).items()}
    return {name: members for name, members in found.items() if len(members) >= least}


def pathway_coverage(
    peptides: pd.DataFrame | PeptideArrays, sets: Mapping[str, Iterable[str]] | None = None, *, gene: str = "gene"
) -> pd.DataFrame:
    """How much of each set of genes an array holds.

    Parameters
    ----------
    peptides, sets, gene
        As in `pathway_sets`.

    Returns
    -------
    DataFrame
        pathway, n_genes (of the set), n_genes_found (with a peptide), n_peptides, note ("no peptide" where so).

    Raises
    ------
    ColumnError, InputError
        As `pathway_sets`.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> table = pd.DataFrame({"peptide": ["p1", "p2"], "gene": ["JAK2", "JAK2"]})
    >>> iko.pathway_coverage(table, {"JAK": ["JAK1", "JAK2", "JAK3"]}).to_dict("records")
    [{'pathway': 'JAK', 'n_genes': 3, 'n_genes_found': 1, 'n_peptides': 2, 'note': ''}]
    """
    found, given = _members(peptides, sets, gene), _gene_sets(sets)
    rows = [
        (name, len(given[name]), part["symbol"].nunique(), part["peptide"].nunique(), "" if len(part) else "no peptide")
        for name, part in found.items()
    ]
    return pd.DataFrame(rows, columns=["pathway", "n_genes", "n_genes_found", "n_peptides", "note"])


def genes_of(peptides: pd.DataFrame | PeptideArrays, gene: str) -> pd.DataFrame:
    """Peptides and their genes in capitals, one row a pair, peptides without a gene left out.

    Raises
    ------
    ColumnError, InputError
        As `pathway_sets`.
    """
    table = peptides
    if isinstance(table, PeptideArrays):
        table = table.peptides[~table.peptides["control"].to_numpy(dtype=bool)]
    if not isinstance(table, pd.DataFrame):
        raise InputError("peptides are a DataFrame with one row a peptide, or PeptideArrays")
    if gene not in table:
        hint = "Name it with gene=, or make it from the names: parse_sites, normalise_spots(annotation=...)."
        raise ColumnError(f"the peptides have no column {gene!r}", next_step=hint)
    names = (table["peptide"] if "peptide" in table else table.index.to_series()).reset_index(drop=True)
    twice = names.duplicated(keep=False).to_numpy()
    if twice.any():
        raise InputError("a peptide is there twice", where=np.flatnonzero(twice) + 1)
    symbols = table[gene].reset_index(drop=True).astype(object)
    split = symbols.where(symbols.notna(), "").astype(str).str.upper().str.split("[/;]", regex=True)
    pairs = pd.DataFrame({"peptide": names, "symbol": split}).explode("symbol", ignore_index=True)
    pairs["symbol"] = pairs["symbol"].str.strip()
    pairs = pairs[pairs["symbol"] != ""].drop_duplicates()
    if pairs.empty:
        raise InputError("no peptide has a gene")
    return pairs


def _gene_sets(sets: Mapping[str, Iterable[str]] | None) -> dict[str, set[str]]:
    if sets is None:
        carried = pathway_genes()
        sets = {str(name): carried.loc[carried["pathway"] == name, "gene"] for name in carried["pathway"].unique()}
    if not sets or any(isinstance(genes, str) for genes in sets.values()):
        raise InputError("sets are names with their genes", next_step='As in {"JAK": ["JAK1", "JAK2"]}.')
    return {name: {str(gene).strip().upper() for gene in genes} for name, genes in sets.items()}


def _members(
    peptides: pd.DataFrame | PeptideArrays, sets: Mapping[str, Iterable[str]] | None, gene: str
) -> dict[str, pd.DataFrame]:
    pairs = genes_of(peptides, gene)
    return {name: pairs[pairs["symbol"].isin(genes)] for name, genes in _gene_sets(sets).items()}
