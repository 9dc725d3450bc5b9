"""The clinical tables of a cBioPortal study: patients, their samples, and the calls of these samples in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort.cbioportal_calls import GENE_LEVEL, Assays
from ikzf1_outcomes.cohort.cbioportal_files import CLINICAL, MISSING_TEXTS, StudyFolder, clinical_table
from ikzf1_outcomes.cohort.derived import ikzf1_deletion
from ikzf1_outcomes.cohort.findings import nearest_column
from ikzf1_outcomes.errors import ColumnError, InputError

NONE_DETECTED = "no deletion detected"
"""Text for the class "none", which reads as a missing mark in a file."""


def read_clinical(study: StudyFolder) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, tuple[Path, ...]]:
    """Patients, samples, attributes and the files; without a patient file the patients are those of the samples."""
    tables, told, files = {}, [], []
    for datatype, table in CLINICAL.items():
        metas = study.having("CLINICAL", datatype)
        if len(metas) > 1 or (table == "sample" and not metas):
            raise InputError(f"the folder has {len(metas)} meta files of {datatype}", next_step="It must have one.")
        if metas:
            file = study.data(metas[0])
            tables[table], attributes = clinical_table(file, table)
            told.append(attributes)
            files.append(file)
    samples = tables["sample"]
    for name, wrong in (
        ("PATIENT_ID", samples["PATIENT_ID"].isin(["", *MISSING_TEXTS])),
        ("SAMPLE_ID", samples["SAMPLE_ID"].isin(["", *MISSING_TEXTS]) | samples["SAMPLE_ID"].duplicated(keep=False)),
    ):
        if wrong.any():
            raise InputError(f"{files[-1].name!r}: {name} is missing, or repeated", where=np.flatnonzero(wrong) + 1)
    patients = tables.get("patient", samples[["PATIENT_ID"]].drop_duplicates().reset_index(drop=True))
    both = sorted((set(patients) & set(samples)) - {"PATIENT_ID"})
    if both:
        raise InputError(
            f"the attribute {both[0]!r} stands in the patient file and in the sample file",
            count=len(both),
            next_step="The format has an attribute in one of them.",
        )
    attributes = pd.concat(told, ignore_index=True)
    once = ~(attributes["attribute"].eq("PATIENT_ID") & attributes["attribute"].duplicated())
    return patients, samples, attributes[once].reset_index(drop=True), tuple(files)


def choose_samples(
    samples: pd.DataFrame, patients: pd.Series, rule: str | Mapping[str, str | Sequence[str]] | None
) -> tuple[pd.Series, list[str]]:
    """Position of each patient's sample in the sample file (-1 without one), and what was set aside."""
    if not (rule is None or rule == "first" or isinstance(rule, Mapping)):
        raise InputError("sample_rule is None, 'first', or a mapping of columns of the sample file to their values")
    known = samples["PATIENT_ID"].isin(set(patients)).to_numpy()
    fits = known.copy()
    for column, values in rule.items() if isinstance(rule, Mapping) else ():
        if column not in samples:
            raise ColumnError(
                f"sample_rule: the sample file has no column {column!r}", next_step=nearest_column(column, samples)
            )
        fits &= samples[column].isin([values] if isinstance(values, str) else list(values)).to_numpy()
    left = samples["PATIENT_ID"][fits]
    several = left.duplicated(keep=False)
    if several.any() and rule != "first":
        raise InputError(
            f"{left[several].nunique()} patients have several samples, in the sample file",
            where=left.index[several] + 1,
            next_step="Say sample_rule='first', or the values of a column, as in {'SAMPLE_TYPE': 'Diagnosis'}.",
        )
    taken = left[~left.duplicated()]
    place = patients.map(pd.Series(taken.index, index=taken.to_numpy())).fillna(-1).astype(int)
    counts = {
        "samples of patients who are not in the patient file: set aside": int((~known).sum()),
        f"further samples of the patients: left out by sample_rule ({rule})": int(known.sum()) - len(taken),
        "patients without a sample": int((place < 0).sum()),
    }
    return place, [f"{n} {what}" for what, n in counts.items() if n]


def joined(
    patients: pd.DataFrame, samples: pd.DataFrame, place: pd.Series, assays: Assays
) -> tuple[pd.DataFrame, tuple[str, ...], list[str]]:
    """One row a patient: attributes of patient and sample and the calls of the sample; the calls' columns; notes."""
    of_sample = samples.drop(columns="PATIENT_ID").reindex(place).fillna("").reset_index(drop=True)
    ids = of_sample["SAMPLE_ID"]
    calls = assays.calls.reindex(ids).fillna("not_tested").reset_index(drop=True)
    notes = []
    if assays.files:
        tested = int(ids.isin(assays.calls.index).sum())
        notes.append(
            f"{tested} of {len(ids)} patients have a sample with a call of IKZF1 or a locus; the others are not tested"
        )
        foreign = int((~assays.calls.index.isin(ids)).sum())
        notes += [f"{foreign} samples with such calls stand for none of the patients: set aside"] * (foreign > 0)
    if GENE_LEVEL in calls:
        calls["ikzf1_deletion"], told = deletion_by_gene(calls)
        notes += told
    if "ikzf1_class" in calls:
        calls["ikzf1_class"] = calls["ikzf1_class"].replace("none", NONE_DETECTED)
    clash = sorted({*calls} & {*patients, *of_sample})
    if clash:
        raise InputError(f"the attribute {clash[0]!r} bears the name of a field that the copy-number files fill")
    return pd.concat([patients.reset_index(drop=True), of_sample, calls], axis=1), tuple(calls), notes


def deletion_by_gene(calls: pd.DataFrame) -> tuple[pd.Series, list[str]]:
    """`ikzf1_deletion` as text: from the class, and where that is open from the call of the whole gene."""
    meaning = {"deleted": "deleted", "homozygous": "deleted", "normal": "not deleted", "gain": "not deleted"}
    of_gene = calls[GENE_LEVEL].map(meaning).astype(object)
    of_class = pd.Series(np.nan, index=calls.index, dtype=object)
    if "ikzf1_class" in calls:
        of_class = ikzf1_deletion(calls["ikzf1_class"]).astype(object)
    filled = int((of_class.isna() & of_gene.notna()).sum())
    differ = int((of_class.notna() & of_gene.notna() & (of_class != of_gene)).sum())
    notes = [f"ikzf1_deletion of {filled} patients is the call of the whole gene, which can miss a deletion within it"]
    notes += [f"class and gene-level call of IKZF1 disagree in {differ} patients: the class decides"] * (differ > 0)
    return of_class.where(of_class.notna(), of_gene).fillna(""), notes
