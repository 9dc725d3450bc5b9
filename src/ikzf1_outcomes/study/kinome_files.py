"""The file of the arrays of a study, read as its `[kinome]` part says."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import ColumnError, InputError, StudyError
from ikzf1_outcomes.genome.mlpa_files import raw_table
from ikzf1_outcomes.kinome.arrays import PeptideArrays, peptide_values
from ikzf1_outcomes.kinome.files import UNNAMED, read_peptide_matrix, read_spots
from ikzf1_outcomes.kinome.normalisation import median_normalise, quantile_normalise
from ikzf1_outcomes.kinome.pamgene import read_bionavigator
from ikzf1_outcomes.kinome.sites import parse_sites
from ikzf1_outcomes.kinome.spot_values import NORMALISE, normalise_spots
from ikzf1_outcomes.study.kinome_plan import PART, KinomePlan

NOTHING = pd.DataFrame({"part": pd.Series(dtype=object), "reason": pd.Series(dtype=object), "n": pd.Series(dtype=np.int64)})


class ReadArrays(NamedTuple):
    """What any kind of file gives, before anybody is matched."""

    arrays: PeptideArrays | None
    """Of spots; None of a matrix."""
    values: pd.DataFrame
    """Peptides x samples, log2 intensities."""
    genes: pd.Series
    """Gene of each peptide; missing where it is not known."""
    batch: pd.Series | None
    """Batch of each sample; None where the file does not say."""
    ledger: pd.DataFrame
    method: str


def read_arrays(plan: KinomePlan) -> ReadArrays:
    """The arrays of the file.

    Raises
    ------
    ColumnError, InputError
        As the readers.
    """
    if plan.format == "matrix":
        return of_matrix(plan)
    return of_spots(plan) if plan.format == "spots" else of_export(plan)


def of_spots(plan: KinomePlan) -> ReadArrays:
    """Arrays of a table of spots; a meaning that is not mapped is looked for under its own name."""
    spots = read_spots(plan.file, columns=plan.columns, **plan.reading)

    def there(name: str) -> str | None:
        return name if name in spots else None

    arrays = normalise_spots(
        spots,
        background=there("background"),
        replicate=there("replicate"),
        control=plan.controls or there("control"),
        saturated=there("saturated"),
        batch=there("batch"),
        annotation=("gene",) if "gene" in spots else (),
        **options_of(plan),
    )
    return of_arrays(arrays)


def options_of(plan: KinomePlan) -> dict[str, Any]:
    """Arguments of the normalisation; false keeps every array, whatever its replicates."""
    options = dict(plan.normalisation)
    if options.get("least_correlation") is False:
        options["least_correlation"] = None
    return options


def of_export(plan: KinomePlan) -> ReadArrays:
    """Arrays of a crosstab of BioNavigator: the images of one cycle and exposure time."""
    spots = read_bionavigator(plan.file)
    for name in ("cycle", "exposure_time"):
        if name not in spots:
            continue
        if name in plan.reading:
            spots = spots[spots[name] == plan.reading[name]]
        several = sorted(spots[name].dropna().unique())
        if len(several) != 1:
            words = ", ".join(f"{value:g}" for value in several)
            hint = f"Write {name} = a number: the file has {words}." if several else f"No image has that {name}."
            raise InputError(f"images of {len(several)} values of {name}", next_step=hint)
    sample, batch = plan.columns.get("sample", "sample"), plan.columns.get("batch")
    absent = [name for name in (sample, batch) if name and name not in spots]
    if absent:
        raise ColumnError(f"the images are not described by {absent[0]!r}", next_step="Name a line above ID.")
    # reference spots of the chips are so named
    control = list(plan.controls) or sorted({name for name in spots["peptide"] if str(name).startswith("#")}) or None
    arrays = normalise_spots(
        spots.reset_index(drop=True),
        sample=sample,
        foreground="value",
        background=None,
        replicate="replicate",
        control=control,
        batch=batch,
        **options_of(plan),
    )
    return of_arrays(arrays)


def of_arrays(arrays: PeptideArrays) -> ReadArrays:
    """Arrays that were normalised here."""
    peptides = arrays.peptides[~arrays.peptides["control"].to_numpy(dtype=bool)].set_index("peptide")
    genes = peptides["gene"] if "gene" in peptides else genes_of_names(arrays.values.index)
    samples = arrays.samples[arrays.samples["kept"].to_numpy(dtype=bool)].set_index("sample")
    done: dict[str, Any] = dict(arrays.settings)
    method = (
        f"Spots: {done['normalisation']} normalisation, {done['replicates']} of the replicates, log2"
        f"{' before both' if done['log_first'] else ''}"
    )
    if not np.isnan(done["least_correlation_asked"]):
        method += f"; arrays whose replicates correlate below {done['least_correlation_asked']:g} are left out"
    return ReadArrays(
        arrays, arrays.values, genes.reindex(arrays.values.index), samples.get("batch"), arrays.ledger, f"{method}."
    )


def of_matrix(plan: KinomePlan) -> ReadArrays:
    """Arrays of a matrix of values."""
    options = dict(plan.reading)
    rows, scale, further = options.pop("rows"), options.pop("scale"), options.pop("leave_out")
    label = plan.columns.get("peptide" if rows == "peptides" else "sample")
    beside = {meaning: name for meaning, name in plan.columns.items() if meaning in ("gene", "batch")}
    values = read_peptide_matrix(
        plan.file, rows=rows, names=label, leave_out=(*beside.values(), *further), **options
    ).rename(columns=str)
    described = {}
    if beside:
        table = raw_table(plan.file, options.get("sheet"), options.get("header_row", 1), first=UNNAMED)
        names = table[label or str(table.columns[0])].astype(str)
        described = {meaning: pd.Series(table[name].to_numpy(), index=names) for meaning, name in beside.items()}
    genes = described["gene"].reindex(values.index) if "gene" in described else genes_of_names(values.index)
    values, words = normalised(values, plan, scale)
    return ReadArrays(None, peptide_values(values), genes, described.get("batch"), NOTHING, words)


def normalised(values: pd.DataFrame, plan: KinomePlan, scale: str) -> tuple[pd.DataFrame, str]:
    """A matrix as log2 intensities, normalised where that is asked for, and the sentence that says so.

    Raises
    ------
    StudyError
        No such normalisation; medians made equal of what are logarithms already.
    """
    how, floor = plan.normalisation.get("normalise", "none"), plan.normalisation.get("floor", 1.0)
    if how not in NORMALISE:
        raise StudyError(f"{PART} normalise cannot be {how!r}", next_step=f"Use one of {', '.join(NORMALISE)}.")
    if how == "median" and scale == "log2":
        raise StudyError(f"{PART} medians are made equal of intensities, not of logarithms")
    told = f"{how} normalisation" if how != "none" else "normalised before"
    if how == "median":
        values = median_normalise(values)
    if scale == "intensity":
        values = np.log2(values.clip(lower=floor))
        told += f", log2 of intensities, those below {floor:g} set to it"
    if how == "quantile":
        values = quantile_normalise(values)
    return values, f"Matrix of values: {told}."


def genes_of_names(peptides: pd.Index) -> pd.Series:
    """Genes by the names of the peptides."""
    return pd.Series(parse_sites(peptides.astype(str))["gene"].to_numpy(), index=peptides)
