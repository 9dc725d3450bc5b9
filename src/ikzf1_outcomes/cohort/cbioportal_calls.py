"""Calls of the samples of a cBioPortal study: discrete levels, log2 ratios and segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort.cbioportal_files import MISSING_TEXTS, MetaFile, StudyFolder, gene_values
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.exons import classify_ikzf1
from ikzf1_outcomes.genome.segment_files import read_segments
from ikzf1_outcomes.genome.segments import THRESHOLDS, SegmentCalls, call_segments

BUILD_NAMES = {"ncbi36": "hg18", "grch37": "hg19", "grch38": "hg38"}
CNA = "COPY_NUMBER_ALTERATION"
GENE_LEVEL = "ikzf1_copy_number"

DISCRETE_CALLS = {-2.0: "homozygous", -1.5: "deleted", -1.0: "deleted", 0.0: "normal", 1.0: "gain", 2.0: "gain"}
"""Call of each discrete level. The portal's validator allows -1.5 and its format page does not say what it is: a loss of
at least one copy, which "deleted" means."""

GENES = {
    "ikzf1_copy_number": ("IKZF1",),
    **{locus: (locus.upper(),) for locus in ("cdkn2a", "cdkn2b", "pax5", "etv6", "rb1", "btg1", "ebf1", "erg")},
    "par1": ("CSF2RA", "IL3RA"),
}
"""Genes (Hugo symbols) of each locus. A PAR1 deletion runs from CRLF2 to P2RY8 and takes both of its genes along."""


@dataclass(frozen=True, slots=True)
class Assays:
    """Calls of the samples: index sample, a column a locus; the files read; what a reader must know of them."""

    calls: pd.DataFrame
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def read_assays(
    study: StudyFolder,
    loci: Sequence[str],
    *,
    purity: float | pd.Series | None,
    build: str | None,
    thresholds: Mapping[str, float] | None,
    profile: str | None,
) -> Assays:
    """Calls of all samples from the copy-number files of a study.

    Rule. Each locus comes from one kind of file: the first of discrete levels, segments and log2 ratios that has it.
    Log2 ratios are read only where the study has no discrete levels. IKZF1 classes come from segments alone.

    Returns
    -------
    Assays
        Columns: `ikzf1_class` (segments), `ikzf1_copy_number` (genes), and all of `loci`; words of `COPY_NUMBERS` and
        `IKZF1_CLASSES`. A locus that no file has is "not_tested".
    """
    cuts = log2_thresholds(thresholds)
    sources: list[tuple[Path, pd.DataFrame]] = []
    notes: list[str] = []
    discrete = study.having(CNA, "DISCRETE", "DISCRETE_LONG")
    segments, ratios = study.having(CNA, "SEG"), study.having(CNA, "LOG2-VALUE")
    if discrete:
        meta = one_profile(discrete, profile)
        sources.append(calls_of_genes(study, meta, loci, None))
    if segments:
        file, called = calls_of_segments(study, one_profile(segments, None), purity, build, thresholds)
        classes = classify_ikzf1(called.exons)["ikzf1_class"]
        sources.append((file, called.loci[list(loci)].assign(ikzf1_class=classes)))
        aside = called.set_aside[called.set_aside["n"] > 0]
        notes += [
            f"{file.name}: {n} segments set aside ({reason})" for reason, n in zip(aside["reason"], aside["n"], strict=True)
        ]
    elif purity is not None:
        notes.append("the purity is not used: there are no segments")
    if ratios and discrete:
        notes.append(f"{', '.join(meta.name for meta in ratios)}: not read, there are discrete levels")
    elif ratios:
        sources.append(calls_of_genes(study, one_profile(ratios, None), loci, cuts))
        notes.append(f"log2 ratios read by thresholds, a convention: {cuts}")
    calls, told = merged(sources, loci)
    return Assays(calls, tuple(file for file, _ in sources), (*notes, *told))


def merged(sources: Sequence[tuple[Path, pd.DataFrame]], loci: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Each column from the first source that has it, and which source that is."""
    index = pd.Index([], dtype=object, name="sample")
    for _, calls in sources:
        index = index.union(calls.index)
    out: dict[str, pd.Series] = {}
    notes = []
    for file, calls in sources:
        own = [name for name in calls if name not in out]
        out |= {str(name): calls[name].reindex(index).fillna("not_tested") for name in own}
        notes.append(f"copy numbers from {file.name}: {', '.join(map(str, own)) or 'none of the loci'}")
        if "par1" in own and "ikzf1_class" not in calls:
            notes.append("par1 is read from CSF2RA and IL3RA: it bears on how the file treats sex chromosomes")
    lacking = [locus for locus in loci if locus not in out]
    if lacking:
        notes.append(f"no file has {', '.join(lacking)}: not tested")
    out |= {locus: pd.Series("not_tested", index=index, dtype=object) for locus in lacking}
    order = [name for name in ("ikzf1_class", GENE_LEVEL, *loci) if name in out]
    return pd.DataFrame({name: out[name] for name in order}, index=index), notes


def one_profile(metas: Sequence[MetaFile], profile: str | None) -> MetaFile:
    """The meta file to read of several of one kind; `profile` is its stable_id."""
    fitting = [meta for meta in metas if profile is None or meta.get("stable_id") == profile]
    if len(fitting) != 1:
        raise InputError(
            f"{len(fitting)} profiles to read among {', '.join(meta.name for meta in metas)}",
            next_step="Name the stable_id of one as `profile`; segments and log2 ratios must be in one file.",
        )
    return fitting[0]


def calls_of_genes(
    study: StudyFolder, meta: MetaFile, loci: Sequence[str], thresholds: Mapping[str, float] | None
) -> tuple[Path, pd.DataFrame]:
    """File and calls of a gene-level profile: `ikzf1_copy_number` and those of `loci` that it has."""
    file = study.data(meta)
    wanted = (GENE_LEVEL, *loci)
    genes = [gene for locus in wanted for gene in GENES[locus]]
    values = gene_values(file, genes, long=meta.get("datatype") == "DISCRETE_LONG")
    return file, gene_calls(values, file.name, wanted, thresholds=thresholds)


def calls_of_segments(
    study: StudyFolder,
    meta: MetaFile,
    purity: float | pd.Series | None,
    build: str | None,
    thresholds: Mapping[str, float] | None,
) -> tuple[Path, SegmentCalls]:
    """File and calls of a segment file, in the build that the meta files name."""
    file = study.data(meta)
    stated = segments_build(study, meta, build)
    try:
        return file, call_segments(read_segments(file), build=stated, purity=purity, thresholds=thresholds)
    except InputError as error:
        told = f"{file.name!r}: {error.problem}"
        raise type(error)(told, count=error.count, where=error.where, next_step=error.next_step) from None


def segments_build(study: StudyFolder, meta: MetaFile, build: str | None) -> str:
    """The genome build of a segment file: what its meta file, that of the study and the caller say must be one.

    Raises
    ------
    InputError
        They contradict each other, or none says it.
    """
    of_study = study.study.get("reference_genome") if study.study else ""
    said = [name for name in (meta.get("reference_genome_id"), of_study, build or "") if name]
    builds = {BUILD_NAMES.get(name.lower(), name.lower()) for name in said}
    if len(builds) != 1:
        problem = f"{meta.name!r}, the study and `build` name {len(builds)} genome builds: {', '.join(sorted(builds))}"
        raise InputError(
            problem if builds else f"{meta.name!r} does not name its genome build",
            next_step="Correct reference_genome_id, or reference_genome in the meta file of the study."
            if builds
            else "Say it as build='hg19'.",
        )
    return builds.pop()


def gene_calls(
    values: pd.DataFrame, shown: str, loci: Sequence[str], *, thresholds: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Calls of loci from the cells of `gene_values`.

    Rule. Discrete levels are calls by `DISCRETE_CALLS`. Log2 ratios are homozygous, deleted or gain at or beyond their
    thresholds, normal within that of "normal" of zero, and "ambiguous" between. A missing cell is "not_tested". PAR1
    needs its two genes: both lost is "deleted" ("homozygous" where both are), one word for both is that word, else
    "ambiguous".

    Parameters
    ----------
    values
        Of `gene_values`.
    shown
        Name of the file, for messages.
    loci
        Keys of `GENES`.
    thresholds
        For log2 ratios: homozygous, deleted, normal, gain (see `log2_thresholds`); None for discrete levels.

    Returns
    -------
    DataFrame
        Index sample, one column for each of `loci` that has a gene in the file.

    Raises
    ------
    InputError
        A cell that is no level, or no number (row positions).
    """
    missing = values["value"].isin(["", *MISSING_TEXTS])
    number = pd.to_numeric(values["value"].where(~missing), errors="coerce").astype(float)
    wrong = ~missing & (~np.isfinite(number) | (~number.isin(list(DISCRETE_CALLS)) if thresholds is None else False))
    if wrong.any():
        raise InputError(
            f"{shown!r} has cells that are no {'discrete level' if thresholds is None else 'log2 ratio'}",
            where=sorted(set(values["row"][wrong])),
            next_step="Discrete levels are -2, -1.5, -1, 0, 1, 2." if thresholds is None else "",
        )
    if thresholds is None:
        call = number.map(DISCRETE_CALLS).astype(object)
    else:
        lost, both = number <= thresholds["deleted"], number <= thresholds["homozygous"]
        cuts = [both, lost, number >= thresholds["gain"], number.abs() <= thresholds["normal"]]
        words = np.select(cuts, ["homozygous", "deleted", "gain", "normal"], "ambiguous")
        call = pd.Series(words, index=values.index, dtype=object)
    table = values.assign(call=call.where(~missing, "not_tested")).pivot_table(
        index="sample", columns="gene", values="call", aggfunc="first"
    )
    found = {}
    for locus in loci:
        if any(gene in table for gene in GENES[locus]):
            parts = [
                table[gene] if gene in table else pd.Series("not_tested", index=table.index, dtype=object)
                for gene in GENES[locus]
            ]
            found[locus] = parts[0] if len(parts) == 1 else _both(*(part.fillna("not_tested") for part in parts))
    return pd.DataFrame(found, index=table.index).fillna("not_tested")


def log2_thresholds(given: Mapping[str, float] | None) -> dict[str, float]:
    """The thresholds of log2 ratios: those of `call_segments` with the changes that are given.

    Raises
    ------
    InputError
        An unknown name, or thresholds out of order.
    """
    cuts = {**THRESHOLDS, **(given or {})}
    if set(cuts) != set(THRESHOLDS):
        raise InputError("thresholds: an unknown name", next_step=f"Known: {', '.join(THRESHOLDS)}.")
    if not cuts["homozygous"] < cuts["deleted"] < -cuts["normal"] <= 0 < cuts["gain"] or cuts["normal"] > cuts["gain"]:
        raise InputError("thresholds: they must rise from homozygous over deleted and normal to gain")
    return cuts


def _both(first: pd.Series, second: pd.Series) -> pd.Series:
    lost = ("deleted", "homozygous")
    words = np.select([first == second, first.isin(lost) & second.isin(lost)], [first, "deleted"], "ambiguous")
    return pd.Series(words, index=first.index, dtype=object)
