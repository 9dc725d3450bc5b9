"""From the folder of a cBioPortal study to a Cohort."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort import arguments
from ikzf1_outcomes.cohort.assembly import Plan, assemble
from ikzf1_outcomes.cohort.cbioportal_calls import read_assays
from ikzf1_outcomes.cohort.cbioportal_fields import (
    RELAPSE,
    check_disease_free,
    disease_free_events,
    fields_of,
    mapping,
    months_of,
    sampling_note,
    status_codes,
    time_origin,
    with_marks,
)
from ikzf1_outcomes.cohort.cbioportal_files import read_folder
from ikzf1_outcomes.cohort.cbioportal_tables import choose_samples, joined, read_clinical
from ikzf1_outcomes.cohort.exclusions import apply_exclusions, check_exclusions
from ikzf1_outcomes.cohort.findings import Findings
from ikzf1_outcomes.cohort.parsing import Declarations
from ikzf1_outcomes.cohort.patients import Cohort, Provenance
from ikzf1_outcomes.cohort.reading import sha256_of
from ikzf1_outcomes.errors import CohortError, InputError, OutcomesError

LOCI = ("cdkn2a", "cdkn2b", "pax5", "etv6", "rb1", "btg1", "ebf1", "par1", "erg")


def read_cbioportal(
    folder: str | Path,
    *,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    codes: Mapping[str, Mapping[Any, Any]] | None = None,
    missing: Mapping[str, Any] | None = None,
    units: Mapping[str, str] | None = None,
    fields: Mapping[str, Mapping[str, Any]] | None = None,
    exclusions: Sequence[Mapping[str, Any]] = (),
    mrd: Sequence[Mapping[str, Any]] = (),
    loci: Sequence[str] = LOCI,
    purity: float | pd.Series | None = None,
    build: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    profile: str | None = None,
    sample_rule: str | Mapping[str, str | Sequence[str]] | None = None,
    sampled_at_diagnosis: bool = False,
    origin: str | None = None,
    disease_free_as_relapse: bool = False,
) -> Cohort:
    """Read the folder of a cBioPortal study into a Cohort.

    The meta files say which files there are. One row is one patient of the patient file (without one: of the sample
    file), joined with one sample. All checks are those of `read_cohort`: a status that is missing, or a death without a
    time, is an error until the patients are left out with a reason, as in ``exclusions=[{"reason": "no status",
    "column": "OS_STATUS", "is_missing": True}]``.

    Rules. **Survival**: OS_STATUS gives `vital_status` (a text that starts with "0:" is alive, "1:" dead; LIVING and
    DECEASED as well), OS_MONTHS gives `last_contact` (months / 12), whence `death`. Time 0 must be stated: the file's
    description of OS_MONTHS says "since (initial) diagnosis", or `origin` says what it is. Disease-free survival is no
    dated relapse and is left alone unless `disease_free_as_relapse`.
    **Copy number**: each locus comes from one kind of file, the first of discrete levels (-2 homozygous, -1 deleted,
    0 normal, 1 and 2 gain), segments, log2 ratios (which are read only when there are no discrete levels) that has it.
    A sample without a row is "not_tested", a locus that no file has is "not_tested" for all. `ikzf1_class` comes from
    segments alone, by `classify_ikzf1`: a call of the whole gene cannot tell a class and gives `ikzf1_copy_number`;
    `ikzf1_deletion` follows the class, and where that is open the gene (normal and gain read "not deleted", though a
    call of the gene can miss a deletion within it).
    **When it is known**: what is measured on a sample, or stands in the sample file, is known when the sample was taken
    (``known_at="sample"``). Without a date of the sample (map `sample` for one) a design from diagnosis refuses it;
    ``sampled_at_diagnosis=True`` says that all samples are from diagnosis. The key known_at of `fields` has the last word.

    Parameters
    ----------
    folder
        With meta_*.txt and the files that they name. A sample file is needed.
    columns
        Attribute of each further field, or other attributes for OS; `cbioportal_attributes` lists them.
    codes, missing, units, exclusions, mrd
        As in `read_cohort`. Missing are the empty text, "[Not Available]" and "NA", and what `missing` adds.
    fields
        As in `read_cohort`; what a field of the study's own leaves out comes from the file: kind from the datatype
        (STRING category, NUMBER number, BOOLEAN flag), label from the display name. A patient attribute of the study's
        own is taken as known at last contact, since the file does not date it.
    loci
        Loci of the dictionary to fill.
    purity
        Share of leukaemic cells, for segments: see `call_segments`.
    build
        Genome build of the segments where the meta files name none; what they name cannot be changed.
    thresholds
        Cut-offs on log2 ratios of segments (without `purity`) and genes; defaults as in `call_segments`, a convention.
    profile
        stable_id of the discrete file to read where the study has several.
    sample_rule
        Which sample stands for a patient with several: None is an error, "first" the first in the sample file, a
        mapping keeps samples by columns of that file, as in ``{"SAMPLE_TYPE": "Diagnosis"}`` (one must remain at most;
        a patient of whom none remains is kept without a sample).
    sampled_at_diagnosis
        Whether every sample is from diagnosis.
    origin
        What time 0 is; by default "diagnosis", which the file must say of OS_MONTHS.
    disease_free_as_relapse
        Take each event of DFS_STATUS (a text that starts with "1:") as a relapse at DFS_MONTHS. An assumption: such an
        event may be a progression or a death, and the months count from another day (the format says: from treatment).

    Returns
    -------
    Cohort
        Fields as mapped and derived. The provenance notes name the files, the source of each locus, and count what was
        set aside. Its `sha256` is that of the lines "digest  name" of the data files read.

    Raises
    ------
    CohortError
        Every problem of the declarations, or of the rows (positions in the patient file below its header).
    InputError, ColumnError
        A file that is not as its meta file says; several samples and no rule; several discrete profiles; a build that
        is missing or contradicts; an unknown locus.

    Notes
    -----
    Format: docs.cbioportal.org, file formats. Files whose genes have no Hugo_Symbol are refused.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ikzf1_outcomes as iko
    >>> study = {
    ...     "meta_study.txt": "type_of_cancer: all\\ncancer_study_identifier: s\\nname: s\\ndescription: s\\n",
    ...     "meta_clinical_patient.txt": "cancer_study_identifier: s\\ngenetic_alteration_type: CLINICAL\\n"
    ...     "datatype: PATIENT_ATTRIBUTES\\ndata_filename: data_clinical_patient.txt\\n",
    ...     "meta_clinical_sample.txt": "cancer_study_identifier: s\\ngenetic_alteration_type: CLINICAL\\n"
    ...     "datatype: SAMPLE_ATTRIBUTES\\ndata_filename: data_clinical_sample.txt\\n",
    ...     "data_clinical_patient.txt": "PATIENT_ID\\tOS_STATUS\\tOS_MONTHS\\n"
    ...     "p1\\t1:DECEASED\\t18\\np2\\t0:LIVING\\t60\\n",
    ...     "data_clinical_sample.txt": "PATIENT_ID\\tSAMPLE_ID\\np1\\ts1\\np2\\ts2\\n",
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, text in study.items():
    ...         _ = pathlib.Path(folder, name).write_text(text)
    ...     cohort = iko.read_cbioportal(folder, origin="diagnosis")
    >>> cohort.frame[["vital_status", "last_contact", "pax5"]].values.tolist()
    [['dead', 1.5, 'not_tested'], ['alive', 5.0, 'not_tested']]
    """
    unknown = [locus for locus in loci if locus not in LOCI]
    if unknown:
        raise InputError(f"loci: {unknown[0]!r} is no locus", next_step=f"Use {', '.join(LOCI)}.")
    study = read_folder(Path(folder))
    patients, samples, attributes, files = read_clinical(study)
    place, sample_notes = choose_samples(samples, patients["PATIENT_ID"], sample_rule)
    assays = read_assays(study, loci, purity=purity, build=build, thresholds=thresholds, profile=profile)
    raw, made, join_notes = joined(patients, samples, place, assays)
    if disease_free_as_relapse:
        raw[RELAPSE] = disease_free_events(raw)
    mapped = mapping(raw, made, columns or {}, disease_free_as_relapse)
    told = attributes.set_index("attribute")
    zero, time_notes = time_origin(mapped, told, origin)
    asked = Findings()
    own = fields_of(mapped, made, told, fields or {}, sampled_at_diagnosis)
    dictionary = arguments.extend_dictionary(own, asked)
    checked = arguments.check_columns(mapped, dictionary, list(raw), asked)
    table = arguments.raw_table(raw, with_marks(missing or {}), checked, asked)
    stated = status_codes(raw, mapped, codes or {})
    declared = Declarations(
        codes=arguments.check_codes(stated, dictionary, table.missing_texts, asked),
        units=arguments.check_units(months_of(mapped) | dict(units or {}), dictionary, asked),
    )
    arguments.check_dates({}, checked, declared.units, dictionary, list(raw), asked)
    rules = check_exclusions(exclusions, list(raw), asked)
    entries = arguments.check_mrd(mrd, dictionary, list(raw), asked)
    asked.raise_all()
    keep, flow = apply_exclusions(table, rules, ".")
    kept, findings = table.rows(keep), Findings(np.flatnonzero(keep) + 1)
    files = (*files, *assays.files)
    notes = [
        f"files read: {', '.join(file.name for file in files)}",
        *sample_notes,
        *join_notes,
        *assays.notes,
        *time_notes,
    ]
    notes.append(sampling_note(sampled_at_diagnosis, mapped))
    if disease_free_as_relapse:
        notes += check_disease_free(kept, findings)
    provenance = Provenance(study.folder.resolve().name, digest(files), len(raw), False, flow, tuple(notes), origin=zero)
    plan = Plan(kept, checked, dictionary, declared, None, rules, entries, None, False)
    try:
        return assemble(plan, findings, provenance)
    except CohortError as error:
        raise CohortError([in_file(problem, files[0]) for problem in error.problems]) from None


def cbioportal_attributes(folder: str | Path) -> pd.DataFrame:
    """The clinical attributes of a cBioPortal study, to choose from for `read_cbioportal`.

    Parameters
    ----------
    folder
        With meta_*.txt and the files that they name.

    Returns
    -------
    DataFrame
        One row an attribute: table ("patient" or "sample"), attribute, display_name, description, datatype, priority,
        as the four lines above the header say (empty where the file has none of them).

    Raises
    ------
    InputError, ColumnError
        As `read_cbioportal`, for the clinical files.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ikzf1_outcomes as iko
    >>> kind = "cancer_study_identifier: s\\ngenetic_alteration_type: CLINICAL\\ndatatype: SAMPLE_ATTRIBUTES\\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "meta_sample.txt").write_text(kind + "data_filename: sample.txt\\n")
    ...     _ = pathlib.Path(folder, "sample.txt").write_text("PATIENT_ID\\tSAMPLE_ID\\tSEX\\np1\\ts1\\tMale\\n")
    ...     iko.cbioportal_attributes(folder)["attribute"].tolist()
    ['PATIENT_ID', 'SAMPLE_ID', 'SEX']
    """
    return read_clinical(read_folder(Path(folder)))[2]


def in_file(problem: OutcomesError, file: Path) -> OutcomesError:
    """A problem of the rows with the name of their file."""
    told = f"{file.name!r}: {problem.problem}"
    return type(problem)(told, count=problem.count, where=problem.where, next_step=problem.next_step)


def digest(files: Sequence[Path]) -> str:
    """SHA-256 of the lines "digest  name" of the files, in the order of their names."""
    lines = [f"{sha256_of(file)}  {file.name}\n" for file in sorted(files, key=lambda file: file.name)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
