"""Genes that IKZF1 binds, from a list or from the peaks of ChIP-seq, and the peptides of their products."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.loci import BUILDS, CHROMOSOME_LENGTHS, CHROMOSOMES
from ikzf1_outcomes.kinome.arrays import PeptideArrays, as_numbers
from ikzf1_outcomes.kinome.files import lines_of
from ikzf1_outcomes.kinome.pathways import genes_of

KINDS = ("genes", "bed", "narrowpeak")
TABLE = ("gene", "chrom", "start", "end", "strand")
SHIFT = 40
"""Bits of a position, so that chromosome and position are one sorted number."""


def read_targets(
    path: str | Path,
    *,
    kind: str,
    gene_table: pd.DataFrame | None = None,
    within: int | None = None,
    build: str | None = None,
) -> pd.DataFrame:
    """Read the target genes of a transcription factor: a list of genes, or the peaks of a ChIP-seq experiment.

    Rule. A gene is a target when a peak lies within `within` bases of one of its transcription start sites, on either side:
    the summit of a narrowPeak line that has one, else the nearest base of the peak. Start site: the start of a gene on the
    + strand, the end of one on the - strand. A peak near two genes counts for both.

    Parameters
    ----------
    path
        kind "genes": a gene a line. "bed", "narrowpeak": columns with tabs, as the formats have them (0-based, the end not
        included); lines that begin with #, track or browser are not read.
    kind
        "genes", "bed" or "narrowpeak".
    gene_table
        For peaks: columns gene, chrom, start, end (1-based, both included), strand; several rows a gene for several
        transcripts.
    within
        For peaks: bases.
    build
        For peaks: build of the genome of both, "hg18", "hg19" or "hg38". Positions beyond its chromosomes are refused;
        peaks on other contigs find no gene.

    Returns
    -------
    DataFrame
        gene, n_peaks, tss_distance (bases from start site to the nearest peak; negative: upstream), build; in a list of
        genes n_peaks and tss_distance are missing. The genes in the order of the list or table.

    Raises
    ------
    ColumnError, InputError
        No such file or kind; a gene twice in a list; arguments that peaks need; lines that are no peak (line numbers).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> table = pd.DataFrame({"gene": ["A", "B"], "chrom": "chr7", "start": [1001, 9001], "end": [2000, 9900]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "peaks.bed")
    ...     _ = file.write_text("chr7\\t400\\t500\\n")
    ...     iko.read_targets(file, kind="bed", gene_table=table.assign(strand="+"), within=1000, build="hg38")
      gene  n_peaks  tss_distance build
    0    A        1          -501  hg38
    """
    file = Path(path)
    if kind not in KINDS:
        raise InputError("there is no such kind of targets", next_step=f"Use {', '.join(KINDS)}.")
    lines = lines_of(file)
    if kind == "genes":
        genes = pd.Series([line.strip() for line in lines if line.strip()], dtype=object)
        twice = genes.str.upper().duplicated(keep=False).to_numpy()
        if genes.empty or twice.any():
            raise InputError("no gene in the list, or a gene twice", where=np.flatnonzero(twice) + 1)
        unknown = pd.array([pd.NA] * len(genes), dtype="Int64")
        return pd.DataFrame({"gene": genes, "n_peaks": unknown, "tss_distance": unknown, "build": ""})
    if gene_table is None or within is None or within < 0 or build not in BUILDS:
        raise InputError(
            "peaks need gene_table=, within= (bases) and build=", next_step=f"Builds: {', '.join(BUILDS)}; none is guessed."
        )
    return nearest_peaks(peaks_of(lines, kind), gene_table, within, build)


def peaks_of(lines: list[str], kind: str) -> pd.DataFrame:
    """Chromosome and the bases, first and last, 1-based, that count for each peak.

    Raises
    ------
    InputError
        Lines that are no peak (line numbers); no peak.
    """
    numbered = [(number, line.split("\t")) for number, line in enumerate(lines, 1)]
    rows = [(number, cells) for number, cells in numbered if not _heading(cells[0]) and any(cells)]
    width = 10 if kind == "narrowpeak" else 3
    short = [number for number, cells in rows if len(cells) < width]
    if short or not rows:
        raise InputError(f"lines with fewer than {width} columns, or no peak", where=short)
    cells = pd.DataFrame([row[:width] for _, row in rows])
    numbers = cells[[1, 2, 9] if width == 10 else [1, 2]].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    start, end = numbers[:, 0], numbers[:, 1]
    wrong = ~((start >= 0) & (end > start)) | ~(numbers == np.round(numbers)).all(axis=1)
    summit = numbers[:, 2] if width == 10 else np.full(len(numbers), -1.0)
    wrong |= (summit < -1) | (start + summit >= end)
    if wrong.any():
        raise InputError(
            "peaks whose start, end or summit cannot be (lines)", where=[rows[place][0] for place in np.flatnonzero(wrong)]
        )
    first = np.where(summit >= 0, start + summit, start) + 1
    last = np.where(summit >= 0, start + summit + 1, end)
    return pd.DataFrame({"chrom": cells[0], "first": first.astype(np.int64), "last": last.astype(np.int64)})


def _heading(word: str) -> bool:
    return word.startswith(("#", "track", "browser"))


def nearest_peaks(peaks: pd.DataFrame, gene_table: pd.DataFrame, within: int, build: str) -> pd.DataFrame:
    """Genes with a peak near a start site.

    Raises
    ------
    ColumnError, InputError
        As `read_targets`.
    """
    absent = [name for name in TABLE if name not in gene_table]
    if absent:
        raise ColumnError(f"the gene table has no column {', '.join(absent)}")
    places = as_numbers(gene_table[["start", "end"]])
    strand = gene_table["strand"].astype(str).to_numpy()
    wrong = ~(places[:, 0] >= 1) | ~(places[:, 1] >= places[:, 0]) | ~np.isin(strand, ["+", "-"])
    wrong |= gene_table["gene"].isna().to_numpy()
    if wrong.any():
        raise InputError("genes without a name, a place or a strand", where=np.flatnonzero(wrong) + 1)
    site = np.where(strand == "+", places[:, 0], places[:, 1]).astype(np.int64)
    of_gene, of_peak = (_chromosome(table["chrom"]) for table in (gene_table, peaks))
    lengths = np.array([*CHROMOSOME_LENGTHS[build].values(), 1 << (SHIFT - 2)])
    for what, beyond in (("peaks", peaks["last"] > lengths[of_peak]), ("genes", places[:, 1] > lengths[of_gene])):
        if np.any(beyond):
            raise InputError(f"{what} beyond the end of their chromosome in {build}", where=np.flatnonzero(beyond) + 1)
    sites = np.flatnonzero(of_gene >= 0)
    key = (of_gene[sites] << SHIFT) + site[sites]
    order = np.argsort(key, kind="stable")
    sites, key = sites[order], key[order]
    usable = peaks[of_peak >= 0]
    base = of_peak[of_peak >= 0] << SHIFT
    low = np.searchsorted(key, base + np.maximum(usable["first"].to_numpy() - within, 0))
    high = np.searchsorted(key, base + usable["last"].to_numpy() + within, side="right")
    count = high - low
    peak = np.repeat(np.arange(len(usable)), count)
    near = sites[np.repeat(low - np.cumsum(count) + count, count) + np.arange(count.sum())]
    before = np.minimum(usable["last"].to_numpy()[peak] - site[near], 0)
    after = np.maximum(usable["first"].to_numpy()[peak] - site[near], 0)
    distance = (before + after) * np.where(strand[near] == "+", 1, -1)
    pairs = pd.DataFrame({"gene": gene_table["gene"].to_numpy()[near], "peak": peak, "distance": distance})
    pairs["size"] = pairs["distance"].abs()
    found = (
        pairs.sort_values("size", kind="stable")
        .groupby("gene", sort=False)
        .agg(n_peaks=("peak", "nunique"), tss_distance=("distance", "first"))
    )
    genes = pd.unique(gene_table["gene"])
    found = found.reindex([gene for gene in genes if gene in found.index])
    out = found.rename_axis("gene").reset_index().assign(build=build)
    return out.astype({"n_peaks": "Int64", "tss_distance": "Int64"})


def _chromosome(cells: pd.Series) -> np.ndarray:
    """Place of each chromosome among the 24; -1 for other contigs."""
    names = cells.astype(str).str.strip().str.replace(r"^chr", "", regex=True, case=False).str.upper()
    return pd.Index(CHROMOSOMES).get_indexer(names).astype(np.int64)


def mark_targets(
    peptides: pd.DataFrame | PeptideArrays, targets: pd.DataFrame | Iterable[str], *, gene: str = "gene"
) -> pd.Series:
    """Mark the peptides whose protein is the product of a target gene.

    Parameters
    ----------
    peptides, gene
        As in `pathway_sets`.
    targets
        Of `read_targets`, or gene symbols. Capital letters do not matter.

    Returns
    -------
    Series
        True, False, or missing where the gene is not known ("boolean"), by peptide; where the gene is not certain
        ("MAPK3/MAPK1"), true when any is a target.

    Raises
    ------
    ColumnError, InputError
        As `pathway_sets`; no targets.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> table = pd.DataFrame({"peptide": ["p1", "p2", "p3"], "gene": ["SYK", "CYTH1", None]})
    >>> iko.mark_targets(table, ["Syk"]).tolist()
    [True, False, <NA>]
    """
    if isinstance(targets, str):
        raise InputError("targets are a list of genes")
    names = targets["gene"] if isinstance(targets, pd.DataFrame) else targets
    wanted = {str(name).strip().upper() for name in names}
    if not wanted:
        raise InputError("there are no targets")
    pairs = genes_of(peptides, gene)
    hit = pairs["symbol"].isin(wanted).groupby(pairs["peptide"], sort=False).any()
    table = peptides.peptides[~peptides.peptides["control"]] if isinstance(peptides, PeptideArrays) else peptides
    order = pd.Index(table.get("peptide", table.index), name="peptide")
    return hit.astype("boolean").reindex(order).rename("target")
