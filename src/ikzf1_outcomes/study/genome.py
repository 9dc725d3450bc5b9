"""From the laboratory's file of a study to columns of its patients, with the evidence that the report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort.alterations import add_alterations, with_columns
from ikzf1_outcomes.cohort.dictionary import Field
from ikzf1_outcomes.cohort.patients import Cohort
from ikzf1_outcomes.describe.frequencies import UNTESTED_WORDS
from ikzf1_outcomes.errors import InputError, OutcomesError, StudyError
from ikzf1_outcomes.genome.deletion_states import KNOWN_CLASSES
from ikzf1_outcomes.genome.exon_tables import read_exon_calls
from ikzf1_outcomes.genome.exons import classify_ikzf1
from ikzf1_outcomes.genome.mlpa import call_mlpa
from ikzf1_outcomes.genome.mlpa_files import raw_table, read_mlpa
from ikzf1_outcomes.genome.profiles import PROFILE_VERSIONS
from ikzf1_outcomes.genome.segment_files import read_segments
from ikzf1_outcomes.genome.segments import call_segments
from ikzf1_outcomes.study.genome_plan import PROFILE_LABELS, PROFILES, GenomePlan

GROUPS = ("haploinsufficient", "dominant_negative", "loss_of_function", "predicted_in_frame", "combined", "not_predicted")
FUNCTION = Field("ikzf1_functional_group", "category", "IKZF1 functional group", levels=("none", *GROUPS))
TESTED = Field("ikzf1_tested", "category", "Tested for IKZF1", levels=("not tested", "tested"))
DESCRIBING = ("sample", "replicate", "run", "blasts")
CNA = ("cdkn2a", "cdkn2b", "pax5", "etv6", "rb1", "btg1", "ebf1", "par1")
READS = {
    "ikzf1_plus": ("cdkn2a", "cdkn2b", "pax5", "par1", "erg"),
    "ikzf1_par1": ("par1",),
    "uk_all_cna": CNA,
    "uk_all_genetics": CNA,
}
"""Loci that each profile reads."""
LOCI = ("cdkn2a", "cdkn2b", "pax5", "etv6", "rb1", "btg1", "ebf1", "par1", "erg")


def chance_field(word: str) -> Field:
    """The field of P(class)."""
    return Field(f"ikzf1_p_{word}", "number", f"P(IKZF1 class {word})", low=0.0, high=1.0 + 1e-9)


class Calls(NamedTuple):
    """What any assay gives, one row a sample."""

    classes: pd.DataFrame
    exons: pd.DataFrame
    genes: pd.DataFrame
    probabilities: pd.DataFrame | None
    quality: pd.DataFrame | None
    set_aside: pd.DataFrame
    sampled: pd.Series | None
    method: str


class Evidence(NamedTuple):
    """What the report shows of the assay, one row a patient that was tested.

    Parameters
    ----------
    exons, classes
        Calls of the exons and classes, on the patients' identifiers.
    probabilities
        P(class) with classes as columns, one row for each patient of the cohort in its order; None without a model.
    quality
        Quality of the samples; None where the file has none.
    set_aside
        reason, n.
    genes
        Columns of the cohort that came from the assay, or stood in the patient file, and are calls of loci.
    profiles
        Columns of profiles.
    method
        How the calls were made, as a sentence.
    """

    exons: pd.DataFrame
    classes: pd.DataFrame
    probabilities: pd.DataFrame | None
    quality: pd.DataFrame | None
    set_aside: pd.DataFrame
    genes: tuple[str, ...]
    profiles: tuple[str, ...]
    method: str


def with_genome(cohort: Cohort, plan: GenomePlan) -> tuple[Cohort, Evidence]:
    """Read the laboratory's file, call it, and join it to the patients.

    Raises
    ------
    StudyError, InputError
        Whatever is wrong with the file, the samples or the profiles.
    """
    try:
        calls = {"mlpa": mlpa, "segments": segments, "exons": exon_table}[plan.assay](plan, cohort)
    except (TypeError, ValueError, AttributeError) as failure:
        if isinstance(failure, OutcomesError):
            raise
        raise StudyError(
            f"[genome.{plan.assay}]: an option is of the wrong type", next_step="See `ikzf1-outcomes schema` and the page."
        ) from failure
    columns = {"ikzf1_class": calls.classes["ikzf1_class"].astype(object)}
    group = calls.classes["functional_group"].astype(object)
    columns["ikzf1_functional_group"] = group.where(group.isin(FUNCTION.levels), None)
    columns |= {gene: calls.genes[gene].astype(object) for gene in calls.genes if gene in LOCI}
    fields = {FUNCTION.name: FUNCTION}
    if calls.probabilities is not None:
        for word in KNOWN_CLASSES:
            field = chance_field(word)
            columns[field.name], fields[field.name] = calls.probabilities[word], field
    joined = add_alterations(
        cohort,
        pd.DataFrame(columns),
        sampled=calls.sampled,
        within_days=plan.within_days,
        fields=fields,
        source=plan.file.name,
        rules=(f"classify_ikzf1: {PROFILE_VERSIONS['classify_ikzf1']}",),
    )
    joined = with_profiles(with_tested(joined), plan.profiles)
    chances = None
    if calls.probabilities is not None:
        chances = joined.frame[[chance_field(word).name for word in KNOWN_CLASSES]].set_axis(list(KNOWN_CLASSES), axis=1)
    there = calls.classes.index.astype(str).isin(joined.frame["id"].astype(str))
    strangers = pd.DataFrame({"reason": ["samples of nobody in the cohort"], "n": [int((~there).sum())]})
    return joined, Evidence(
        exons=calls.exons[there],
        classes=calls.classes[there],
        probabilities=chances,
        quality=None if calls.quality is None else calls.quality[there],
        set_aside=pd.concat([calls.set_aside, strangers], ignore_index=True),
        genes=tuple(locus for locus in LOCI if locus in joined.dictionary),
        profiles=tuple(plan.profiles),
        method=calls.method,
    )


def mlpa(plan: GenomePlan, cohort: Cohort) -> Calls:
    """Calls of an MLPA file."""
    reading = dict(plan.reading)
    mapped = dict(reading.get("columns", {}))
    if plan.timepoint:
        mapped["timepoint"] = plan.timepoint
    file = read_mlpa(plan.file, **(reading | {"columns": mapped}))
    peaks, sampled, others = of_diagnosis(file.peaks, plan)
    options = {key: value for key, value in plan.calling.items() if key not in ("scale", "numbering")}
    options |= {key: key for key in ("replicate", "run") if key in mapped}
    if "thresholds" in options and isinstance(options["thresholds"], list):
        options["thresholds"] = tuple(tuple(entry) for entry in options["thresholds"])
    options["blasts"] = blasts_of(options.get("blasts"), peaks, mapped, cohort)
    if isinstance(options["blasts"], pd.Series) and "blasts" in mapped:
        peaks = peaks.drop(columns="blasts")
    # what else describes a reaction is no probe
    peaks = peaks.drop(columns=[name for name in mapped if name in peaks and name not in DESCRIBING])
    wide = reading.get("layout", "wide") == "wide"
    probes = file.probes if plan.probes is None else raw_probes(plan)
    found = call_mlpa(
        peaks,
        probes=probes,
        scale=file.scale,
        numbering=reading.get("numbering", "1-8") if wide else "1-8",
        **options,
    )
    aside = pd.concat([found.set_aside, others], ignore_index=True)
    model = options.get("thresholds", "purity_model") == "purity_model"
    how = "by the likelihood of each copy number at the leukaemic fraction" if model else "by ranges of the quotient"
    method = f"MLPA: {found.settings['normalisation']} normalisation, calls {how}."
    known = found.probabilities.notna().any(axis=None)
    chances = found.probabilities if known else None
    return Calls(found.classes, found.exons, found.genes, chances, found.quality, aside, sampled, method)


def of_diagnosis(peaks: pd.DataFrame, plan: GenomePlan) -> tuple[pd.DataFrame, pd.Series | None, pd.DataFrame]:
    """The reactions of samples of diagnosis, with 0 years as their time where the file dates them.

    Raises
    ------
    StudyError
        Undated samples, or samples of another time that were not to be left out (row positions).
    """
    none = pd.DataFrame({"reason": ["reactions of samples not of diagnosis"], "n": [0]})
    if not plan.timepoint:
        return peaks, None, none
    word = peaks["timepoint"]
    undated = word.isna().to_numpy()
    if undated.any():
        raise StudyError("[genome]: samples without a time point", where=np.flatnonzero(undated) + 1)
    other = (word.astype(str) != plan.diagnosis).to_numpy()
    if other.any() and not plan.leave_out_others:
        raise StudyError(
            "[genome]: samples that are not of diagnosis",
            where=np.flatnonzero(other) + 1,
            next_step="Write leave_out_others = true to leave them out, counted.",
        )
    kept = peaks[~other].drop(columns="timepoint").reset_index(drop=True)
    samples = pd.unique(kept["sample"])
    return kept, pd.Series(0.0, index=samples), none.assign(n=int(other.sum()))


def blasts_of(given: Any, peaks: pd.DataFrame, mapped: Mapping[str, str], cohort: Cohort) -> Any:
    """The leukaemic fraction: a number, a mapped column of the file, or a field of the patients."""
    if given is None:
        return "blasts" if "blasts" in mapped else None
    if not isinstance(given, str) or given in peaks:
        return given
    if given not in cohort.dictionary:
        raise StudyError(
            f"[genome.mlpa] blasts: neither the file nor the cohort has {given!r}",
            next_step="Map a column of the file to blasts, or name a field of the patients.",
        )
    return pd.Series(cohort.frame[given].to_numpy(dtype=np.float64), index=cohort.frame["id"].astype(str))


def raw_probes(plan: GenomePlan) -> pd.DataFrame:
    """The probe table of a file: probe, gene, exon, control (true or false)."""
    table = raw_table(plan.probes, None, 1)  # type: ignore[arg-type]
    if "control" in table:
        word = table["control"].fillna("").str.lower()
        wrong = ~word.isin(["", "true", "false", "1", "0", "yes", "no"])
        if wrong.any():
            raise InputError(
                "the probe table's column control holds more than true and false", where=np.flatnonzero(wrong) + 1
            )
        table["control"] = word.isin(["true", "1", "yes"])
    return table


def segments(plan: GenomePlan, cohort: Cohort) -> Calls:
    """Calls of a SEG file."""
    options = dict(plan.calling)
    table = read_segments(plan.file, **plan.reading)
    if isinstance(options.get("purity"), str):
        share = blasts_of(options["purity"], pd.DataFrame(), {}, cohort)
        # the purity of samples of nobody in the cohort is unknown, and does not matter
        options["purity"] = share.reindex(pd.unique(table["sample"].astype(str)))
    if "build" not in options:
        raise StudyError("[genome.segments]: build is required", next_step='Write build = "hg38", for example.')
    found = call_segments(table, **options)
    classes = classify_ikzf1(found.exons, neighbours=found.loci[["7p", "7q"]].astype(object))
    method = f"Segments of build {found.build}: overlap with the exons of IKZF1 (NM_006060.6) and other loci."
    return Calls(classes, found.exons, found.loci, None, None, found.set_aside, None, method)


def exon_table(plan: GenomePlan, cohort: Cohort) -> Calls:
    """Exon calls of a case report form."""
    exons = read_exon_calls(plan.file, **plan.reading)
    nothing = pd.DataFrame({"reason": pd.Series(dtype=object), "n": pd.Series(dtype=np.int64)})
    method = "Exon calls as the laboratory reported them."
    return Calls(classify_ikzf1(exons), exons, pd.DataFrame(index=exons.index), None, None, nothing, None, method)


def with_tested(cohort: Cohort) -> Cohort:
    """The cohort with a column that says who was tested: being tested is a selection, and outcomes are compared by it."""
    untested = cohort.frame["ikzf1_class"].isin(UNTESTED_WORDS)
    column = pd.Series(pd.Categorical(np.where(untested, *TESTED.levels), categories=list(TESTED.levels)))
    return with_columns(cohort, {TESTED.name: column}, {TESTED.name: TESTED})


def with_profiles(cohort: Cohort, profiles: Mapping[str, Mapping[str, Any]]) -> Cohort:
    """The cohort with its profiles; a locus that nobody has is not tested."""
    for name, options in profiles.items():
        frame = cohort.frame
        lacking = [locus for locus in READS[name] if locus not in frame]
        frame = frame.assign(**dict.fromkeys(lacking, "not_tested"))
        if name == "uk_all_genetics":
            values = genetics(frame, options)
        else:
            values = PROFILES[name](frame, **options)
        field = Field(name, "category", PROFILE_LABELS[name], levels=tuple(values.cat.categories))
        told = [f"{name}: not tested for {', '.join(lacking)}"] if lacking else []
        chosen = ", ".join(f"{key} = {value!r}" for key, value in options.items())
        rule = f"{name}: {PROFILE_VERSIONS[name]}" + (f" Options: {chosen}." if chosen else "")
        cohort = with_columns(cohort, {name: values}, {name: field}, told, [rule])
    return cohort


def genetics(frame: pd.DataFrame, options: Mapping[str, Any]) -> pd.Series:
    """The UKALL genetics from the CNA profile in two tiers and the cytogenetic subtype."""
    if "cytogenetic_subtype" not in frame:
        raise StudyError("[genome] uk_all_genetics needs the cytogenetic subtype", next_step="Map cytogenetic_subtype.")
    cna = PROFILES["uk_all_cna"](frame, tiers=2)
    out: pd.Series = PROFILES["uk_all_genetics"](cna, frame["cytogenetic_subtype"].astype(object), **options)
    return out
