"""Names of phosphorylation sites, as printed on antibodies and arrays: gene and residue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import InputError

SITE = r"^(?P<protein>.+?)[\s_:\-]+\(?p?(?P<residue>[STYH]\d+(?:/p?[STYH]?\d+)*)\)?$"
"""A protein, a sign between, a residue or several: "STAT5_Y694", "ERK1/2 T202/Y204", "RB1_S807/811"."""
STRETCH = r"^(?P<protein>.+?)_\d+_\d+(?:_.*)?$"
"""Peptides of PamGene's chips bear the first and last residue of the stretch of the protein that they copy."""
GREEK = str.maketrans({"α": "a", "β": "b", "γ": "g", "δ": "d"})


def parse_sites(
    names: Iterable[str], *, proteins: Mapping[str, str] | None = None, symbols: Iterable[str] = ()
) -> pd.DataFrame:
    """Genes and residues of phosphorylation sites, from their names.

    Rules. The residue is the one on the antibody or array, which may count along another isoform or species than the gene:
    for the sites of `blot_sites`, `isoform_residue` says which (STAT5 Y694 is Y699 of STAT5B). A protein becomes a gene
    when its name, capitals aside, is one of `proteins`, `symbols`, the genes of `pathway_genes`, or one of the forty common
    names that the package carries (recalled, not verified); otherwise the gene is missing and the note says so. Where a
    name is that of several proteins (ERK1/2, STAT5) the gene is all of them, with "/" between. "RB1_S807/811" is S807 and
    S811.

    Parameters
    ----------
    names
        Such as "STAT5_Y694", "CYTH1_S394", "ERK1/2 T202/Y204", "GSK3a/b S21/S9", "phospho-Src_Y416".
    proteins
        Genes by protein name, before all others.
    symbols
        Gene symbols that are to be taken as they are.

    Returns
    -------
    DataFrame
        site (as given), protein, gene, residue ("T202/Y204"), isoform_residue, note (empty, "protein not known", "no site
        in the name", "a stretch of residues, no site", "no name").

    Raises
    ------
    InputError
        A single text instead of several; no names.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> sites = iko.parse_sites(["STAT5_Y694", "ERK1/2 T202/Y204", "RB1_S807/811", "XYZ1_S10"])
    >>> sites[["gene", "residue", "note"]].values.tolist()[:3]
    [['STAT5A/STAT5B', 'Y694', ''], ['MAPK3/MAPK1', 'T202/Y204', ''], ['RB1', 'S807/S811', '']]
    >>> sites.loc[0, "isoform_residue"], sites.loc[3, "note"]
    ('STAT5A Y694; STAT5B Y699', 'protein not known')
    """
    if isinstance(names, str):
        raise InputError("names of sites are a list", next_step='As in ["STAT5_Y694"].')
    given = pd.Series(list(names), dtype=object)
    if given.empty:
        raise InputError("there are no names of sites")
    text = given.where(given.notna(), "").astype(str).str.strip()
    plain = text.str.translate(GREEK).str.replace(r"^(?:phospho|p)-", "", regex=True, case=False)
    parts = plain.str.extract(SITE)
    copied = plain.str.extract(STRETCH)["protein"]
    stretch = parts["protein"].isna() & copied.notna()
    protein = parts["protein"].where(~stretch, copied)
    protein = protein.where(protein.notna(), plain)
    known = known_proteins(proteins, symbols)
    gene = protein.str.upper().map(known)
    residue = _with_letters(parts["residue"])
    note = np.full(len(given), "", dtype=object)
    note[gene.isna().to_numpy()] = "protein not known"
    note[parts["residue"].isna().to_numpy()] = "no site in the name"
    note[stretch.to_numpy()] = "a stretch of residues, no site"
    note[(text == "").to_numpy()] = "no name"
    blots = blot_sites().drop_duplicates(["gene", "residue"]).set_index(["gene", "residue"])["isoform_residue"]
    isoform = blots.reindex(pd.MultiIndex.from_arrays([gene, residue])).to_numpy()
    table = {"site": given, "protein": protein.where(text != "", None), "gene": gene, "residue": residue}
    frame = pd.DataFrame(table | {"isoform_residue": isoform, "note": note})
    return frame.astype(object).where(frame.notna(), None)


def blot_sites() -> pd.DataFrame:
    """The 14 phosphorylation sites that the founding paper blotted (van der Sligte et al. 2015).

    The site is as printed there; genes, pathways and the residues of the isoforms are recalled, not verified
    (`gene_status`).

    Returns
    -------
    DataFrame
        site, protein, residue (as on the antibody), gene, isoform_residue, pathway, status, gene_status, source, remark.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> sites = iko.blot_sites()
    >>> len(sites), sites.loc[sites["gene"] == "CDKN1B", "site"].tolist()
    (14, ['p27_T187'])
    """
    return _carried("blot_sites.csv")


def known_proteins(proteins: Mapping[str, str] | None, symbols: Iterable[str]) -> dict[str, str]:
    """Genes by the name of a protein in capitals; what the caller gives goes before what the package carries."""
    genes = _carried("pathway_genes.csv")["gene"]
    carried = _carried("protein_names.csv")
    known = {gene.upper(): gene for gene in genes}
    known |= dict(zip(carried["protein"].str.upper(), carried["gene"], strict=True))
    known |= {str(symbol).strip().upper(): str(symbol).strip() for symbol in symbols}
    return known | {str(name).strip().translate(GREEK).upper(): gene for name, gene in (proteins or {}).items()}


def _carried(name: str) -> pd.DataFrame:
    with files("ikzf1_outcomes.kinome").joinpath(name).open("r", encoding="utf-8") as stream:
        return pd.read_csv(stream, dtype=str, keep_default_na=False)


def _with_letters(residue: pd.Series) -> pd.Series:
    """Each residue with its letter: a bare number takes that of the residue before it."""
    if residue.isna().all():
        return residue
    pieces = residue.str.replace("p", "").str.split("/").explode()
    bare = pieces.str.fullmatch(r"\d+", na=False).astype(bool)
    letter = pieces.str[:1].mask(bare).groupby(level=0).ffill()
    whole = pieces.mask(bare, letter + pieces)
    joined = whole.dropna().groupby(level=0).agg("/".join)
    return joined.reindex(residue.index)
