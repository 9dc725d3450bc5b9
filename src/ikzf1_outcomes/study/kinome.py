"""From the arrays of a study to its patients: who has one, which groups are compared, which scores become columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort.alterations import refuse_dates, with_columns
from ikzf1_outcomes.cohort.dictionary import Field
from ikzf1_outcomes.cohort.patients import Cohort
from ikzf1_outcomes.cohort.signalling import TESTED, feature_columns, patient_samples, years_of
from ikzf1_outcomes.describe.frequencies import UNTESTED_WORDS
from ikzf1_outcomes.errors import InputError, OutcomesError, StudyError
from ikzf1_outcomes.genome.calls import UNKNOWN
from ikzf1_outcomes.kinome.group_samples import level_name, read_comparison
from ikzf1_outcomes.kinome.pathways import pathway_sets, read_gmt
from ikzf1_outcomes.kinome.peptide_sets import pathway_scores
from ikzf1_outcomes.study.checks import nearest
from ikzf1_outcomes.study.kinome_files import ReadArrays, read_arrays
from ikzf1_outcomes.study.kinome_plan import DEFAULT, NONE, PART, KinomePlan, check_sets, score_column

WITHIN_DAYS = 7.0
"""Days after diagnosis until which a sample shows the leukaemia at diagnosis."""
OPEN = (*UNKNOWN, *UNTESTED_WORDS, "unclassifiable", "inconclusive")
"""Words that leave a level open: no group of their own."""
ANNOTATIONS = ("cytogenetic_subtype", "sex", "age", "wbc")


class KinomeEvidence(NamedTuple):
    """The arrays of the patients, and what is compared.

    Parameters
    ----------
    read
        The file as it was read, arrays of nobody included.
    values
        Log2 intensities (peptides, arrays of patients).
    patients
        Rows of the cohort in the order of the arrays, open words missing.
    batch
        Batch of each array; None where nothing says it.
    sets
        Peptides by pathway.
    match
        term, n: arrays and patients, matched and not.
    """

    read: ReadArrays
    values: pd.DataFrame
    patients: pd.DataFrame
    batch: pd.Series | None
    sets: dict[str, tuple[str, ...]]
    match: pd.DataFrame

    def told(self) -> str:
        """The match in one line."""
        return "; ".join(f"{row.term} {row.n}" for row in self.match.itertuples())


def with_kinome(cohort: Cohort, plan: KinomePlan) -> tuple[Cohort, KinomeEvidence]:
    """Read the arrays, match them to the patients, and give these the scores that the study asks for.

    Raises
    ------
    StudyError
        Whatever is wrong with the file, the match, the groups or the sets.
    """
    columns = list(cohort.dictionary)
    for key, names in plan.named.items():
        for name in names:
            if name not in columns:
                raise StudyError(f"{PART} {key}: the cohort has no column {name!r}", next_step=nearest(name, columns))
    try:
        evidence = evidence_of(cohort, plan)
        check_comparison(evidence, plan)
        return with_scores(cohort, evidence, plan), evidence
    except (TypeError, ValueError, AttributeError) as failure:
        if isinstance(failure, StudyError):
            raise
        if isinstance(failure, OutcomesError):
            raise StudyError(
                f"{PART} {failure.problem}", count=failure.count, where=failure.where, next_step=failure.next_step
            ) from None
        hint = "See `ikzf1-outcomes schema` and the page."
        raise StudyError(f"{PART}: an option is of the wrong type", next_step=hint) from failure


def evidence_of(cohort: Cohort, plan: KinomePlan) -> KinomeEvidence:
    """The arrays beside their patients."""
    read = read_arrays(plan)
    names = patient_samples(cohort, plan.sample)
    samples = pd.Index(read.values.columns.astype(str))
    place = samples.get_indexer(names)
    patient = np.full(len(samples), -1, dtype=np.intp)
    patient[place[place >= 0]] = np.flatnonzero(place >= 0)
    mine = patient >= 0
    if not mine.any():
        if read.values.index.astype(str).isin(names).any():
            other = "samples" if plan.reading.get("rows") == "peptides" else "peptides"
            hint = f'Write rows = "{other}" under {PART}.'
            raise StudyError(f"{PART}: what is read as peptides are patients", next_step=hint)
        raise StudyError(
            f"{PART}: no array belongs to a patient of the cohort",
            count=len(mine),
            next_step=f"Arrays are named as the patients' column {plan.sample!r}; `sample` names another.",
        )
    if plan.known_at is None:
        refuse_dates(years_of(cohort, None, samples, patient), mine, WITHIN_DAYS)
    # in the order of the patients, so that no number hangs on that of the file
    values = read.values.iloc[:, place[place >= 0]]
    patients = cohort.frame[place >= 0].set_axis(values.columns, axis=0).astype(object)
    patients = patients.mask(patients.isin(OPEN)).infer_objects()
    batch = patients[plan.batch] if plan.batch else None
    if read.batch is not None:
        batch = read.batch.reindex(values.columns)
    check_batches(batch)
    lost = 0 if read.arrays is None else int((~read.arrays.samples["kept"].to_numpy(dtype=bool)).sum())
    rows = [
        ("arrays of patients", int(mine.sum())),
        ("arrays of nobody in the cohort, left out", int((~mine).sum())),
        ("arrays left out for their quality", lost),
        ("patients without an array", len(cohort) - int(mine.sum())),
        ("arrays of patients of neither group", int(group_words(patients, plan).isna().sum())),
    ]
    match = pd.DataFrame(rows, columns=["term", "n"])
    return KinomeEvidence(read, values, patients, batch, sets_of(read, plan), match)


def check_batches(batch: pd.Series | None) -> None:
    """Refuse batches that are not known, or that are no batches.

    Raises
    ------
    StudyError
        As said (positions of the arrays).
    """
    if batch is None:
        return
    unknown = batch.isna().to_numpy()
    if unknown.any():
        raise StudyError(f"{PART} batch: arrays without a batch (positions)", where=np.flatnonzero(unknown) + 1)
    if not 1 < batch.nunique() < len(batch):
        hint = "Leave the batch out."
        raise StudyError(f"{PART} batch: one batch only, or one for each array", count=batch.nunique(), next_step=hint)


def sets_of(read: ReadArrays, plan: KinomePlan) -> dict[str, tuple[str, ...]]:
    """The sets of peptides that the study asks for; sets without a peptide are left out."""
    if plan.sets == NONE:
        return {}
    genes = None if plan.sets == DEFAULT or plan.sets_file is None else read_gmt(plan.sets_file)
    table = pd.DataFrame({"peptide": read.values.index, "gene": read.genes.to_numpy()})
    if table["gene"].isna().all():
        raise StudyError(
            f"{PART} sets: no peptide has a gene",
            next_step='Map a column to gene, name peptides by their sites, or write sets = "none".',
        )
    found = pathway_sets(table, genes)
    if not found:
        raise StudyError(f"{PART} sets: no set has a peptide", next_step="Are the genes of both files symbols?")
    check_sets(plan, list(found))
    return found


def check_comparison(evidence: KinomeEvidence, plan: KinomePlan) -> None:
    """Refuse a comparison that could not be made, before anything is computed.

    Raises
    ------
    InputError, StudyError
        A level that nobody with an array has, a group of fewer than 2, groups that batch or covariates determine, too few
        arrays or peptides for the clusters.
    """
    group = evidence.patients[plan.column].astype(object).map(level_name, na_action="ignore")
    for level in (plan.first, plan.second):
        n = int((group == level).sum())
        if n < 2:
            there = list(group.dropna().unique())
            raise StudyError(
                f"{PART} compare: {n or 'no'} array{'s' * (n != 1)} of the level {level!r}, 2 are needed",
                next_step=f"Levels with an array are {', '.join(there)}." if there else "",
            )
    compared = read_comparison(
        evidence.values, group_of(evidence, plan), plan.contrast, covariates_of(evidence, plan), evidence.batch, None
    )
    if min(compared.first.sum(), (~compared.first).sum()) < 2:
        raise StudyError(f"{PART} covariates: a group has fewer than 2 arrays in which all are known")
    if plan.clusters >= evidence.values.shape[1]:
        raise StudyError(f"{PART} clusters: as many as arrays, or more", count=evidence.values.shape[1])
    if varying(evidence.values).shape[0] < 3:
        raise StudyError(
            f"{PART}: fewer than 3 peptides have all their values and vary", next_step="Leave out the poorest arrays."
        )


def group_words(patients: pd.DataFrame, plan: KinomePlan) -> pd.Series:
    """The level of each patient as text, missing where it is of neither group."""
    words = patients[plan.column].astype(object).map(level_name, na_action="ignore")
    return words.where(words.isin([plan.first, plan.second]), None)


def group_of(evidence: KinomeEvidence, plan: KinomePlan) -> pd.Series:
    """The level of each array, missing where it is of neither group."""
    return group_words(evidence.patients, plan)


def covariates_of(evidence: KinomeEvidence, plan: KinomePlan) -> pd.DataFrame | None:
    """The columns that differences are adjusted for."""
    return evidence.patients[list(plan.covariates)] if plan.covariates else None


def varying(values: pd.DataFrame) -> pd.DataFrame:
    """Peptides that are there on every array and vary."""
    table = values[values.notna().all(axis=1)]
    return table[table.max(axis=1) - table.min(axis=1) > 1e-12 * table.abs().max(axis=1)]


def with_scores(cohort: Cohort, evidence: KinomeEvidence, plan: KinomePlan) -> Cohort:
    """The cohort with a column that says who has an array, and a column for each score asked for."""
    at = 0.0 if plan.known_at is None else plan.known_at
    place = pd.Index(evidence.values.columns.astype(str)).get_indexer(patient_samples(cohort, plan.sample))
    columns = {TESTED: pd.Series(pd.array(place >= 0, dtype="boolean"))}
    fields = {TESTED: Field(TESTED, "flag", "Peptide array", known_at=at)}
    rules = []
    if plan.scores:
        chosen = {name: evidence.sets[name] for name in plan.scores}
        scores = pathway_scores(evidence.values, chosen, method=plan.score_method)
        poor = [row.pathway for row in scores.sets.itertuples() if row.note]
        if poor:
            raise StudyError(f"{PART} scores: too few peptides of {poor[0]!r}", next_step="Leave it out.")
        names = [score_column(name) for name in plan.scores]
        table = scores.values.T.rename(index="Score {}".format)
        more, described = feature_columns(table, names, place, scores.scale, at)
        columns, fields = columns | more, fields | described
        rules = [f"kinome scores: {plan.score_method} of the peptides of {', '.join(plan.scores)}."]
    taken = [name for name in columns if name in cohort.dictionary]
    if taken:
        raise InputError(f"the cohort has a column {taken[0]!r} already", next_step="Rename it.")
    return with_columns(cohort, columns, fields, [f"{plan.file.name}: {evidence.told()}"], rules)
