"""From a file, or a frame, to a Cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort import arguments
from ikzf1_outcomes.cohort.assembly import Plan, assemble
from ikzf1_outcomes.cohort.cells import RawTable
from ikzf1_outcomes.cohort.dictionary import DICTIONARY, Field
from ikzf1_outcomes.cohort.exclusions import apply_exclusions, check_exclusions
from ikzf1_outcomes.cohort.findings import Findings
from ikzf1_outcomes.cohort.mrd_groups import find_rule
from ikzf1_outcomes.cohort.mrd_rules import MrdRule
from ikzf1_outcomes.cohort.parsing import Declarations
from ikzf1_outcomes.cohort.patients import Cohort, FlowStep, Provenance
from ikzf1_outcomes.cohort.reading import read_table, sha256_of
from ikzf1_outcomes.errors import InputError


def read_cohort(
    path: str | Path,
    *,
    columns: Mapping[str, str | Sequence[str]],
    codes: Mapping[str, Mapping[Any, Any]] | None = None,
    missing: Mapping[str, Any] | None = None,
    dates: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    decimal: str = ".",
    fields: Mapping[str, Mapping[str, Any]] | None = None,
    exclusions: Sequence[Mapping[str, Any]] = (),
    mrd: Sequence[Mapping[str, Any]] = (),
    protocol_rule: str | MrdRule | None = None,
    sheet: str | None = None,
    encoding: str = "utf-8",
    rows_are_patients: bool = False,
    origin: str = "diagnosis",
    simulated: bool = False,
) -> Cohort:
    """Read a patient file into a Cohort.

    Nothing is guessed: a column is read as its field in the dictionary says, a code that was not declared is an error,
    a missing status is an error, and text such as "NA" or "None" is missing only where it is declared so. All problems
    are reported together, by column and row position (counted from 1 over the rows below the header), never with a
    value, a date or an identifier. Dates become years since diagnosis (days / 365.25, whole days) and are not kept.

    Parameters
    ----------
    path
        CSV, TSV, TXT, Excel, SAS (sas7bdat, xpt), SPSS or Parquet; the extension says which.
    columns
        File column of each field; of a list of columns the first that is not missing counts.
    codes
        For a field, what each text of the file stands for. A text that equals a level needs no code, unless it often
        means missing ("none"). Whole numbers are named without ".0"; the empty text names missing cells.
    missing
        ``text``: texts that mean missing in every column; ``columns``: for a field or a file column, its sentinels.
    dates
        ``format``, as in ``"month/day/year"`` or a strptime layout, and ``diagnosis``, the file column with the date of
        diagnosis.
    units
        Unit of the file: a time field that is listed ("days", "months" or "years") holds durations since diagnosis,
        one that is not listed holds dates; age may be in months or days, wbc in "cells/uL".
    decimal
        Decimal sign of numbers in text.
    fields
        Fields of the study's own (kind, label, unit, low, high, levels, known_at), or changes to the dictionary's.
    exclusions
        Rules on raw file columns, in order, each with ``reason``, ``column`` and one of ``is``, ``is_not``,
        ``is_missing``, ``ends_with``, ``contains``, ``below``, ``above``. Excluded rows are not checked further.
    mrd
        One entry a time point: ``timepoint``, ``day``, ``column``, ``limit_of_detection``, ``quantifiable``, and where
        needed ``assay``, ``codes``, ``unit``; see `mrd_columns` in the module ``mrd``.
    protocol_rule
        Rule that gives ``mrd_risk``, see `mrd_risk`.
    sheet
        Sheet of an Excel file.
    encoding
        Encoding of a text file.
    rows_are_patients
        For a file without identifiers: every row is one patient and its position is the identifier.
    origin
        What time 0 of the file is, where it is not diagnosis; a label only.
    simulated
        Whether the patients are simulated.

    Returns
    -------
    Cohort
        The mapped fields in the order of the dictionary, and what follows from them: ``first_event`` with
        ``first_event_time`` (years), ``death`` from ``vital_status``, ``nci_risk``, ``ikzf1_deletion``, ``mrd_*``.

    Raises
    ------
    CohortError
        With every problem of the study's declarations, or every problem of the rows.
    InputError
        When the file cannot be read, or no patient is left.

    Notes
    -----
    First events: the earliest of relapse, second malignancy, death and abandonment, after the flag ``non_response``,
    which comes before everything and has no time here. On one day: non-response, relapse, second malignancy, death,
    abandonment. Death before any other event is an induction death where ``remission`` is mapped and missing for the
    patient, else a death in remission. Origin of the endpoints: Buchmann et al., Blood 2022;139:1785.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import ikzf1_outcomes as iko
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "patients.csv")
    ...     _ = file.write_text("pat,sex,diagnosed,relapsed,seen\\n"
    ...                         "1,M,1/1/2010,1/1/2012,1/1/2015\\n"
    ...                         "2,F,1/1/2010,,1/1/2015\\n")
    ...     cohort = iko.read_cohort(
    ...         file,
    ...         columns={"id": "pat", "sex": "sex", "relapse": "relapsed", "last_contact": "seen"},
    ...         codes={"sex": {"M": "male", "F": "female"}},
    ...         dates={"format": "month/day/year", "diagnosis": "diagnosed"},
    ...     )
    >>> cohort.frame["first_event"].tolist()
    ['relapse', 'none']
    >>> cohort.frame["first_event_time"].round(2).tolist()
    [2.0, 5.0]
    """
    file = Path(path)
    frame = read_table(file, sheet=sheet, encoding=encoding)
    plan = _plan(
        frame,
        columns=columns,
        codes=codes or {},
        missing=missing or {},
        dates=dates or {},
        units=units or {},
        decimal=decimal,
        fields=fields or {},
        exclusions=exclusions,
        mrd=mrd,
        protocol_rule=protocol_rule,
        numbered=rows_are_patients,
    )
    keep, flow = apply_exclusions(plan.table, plan.exclusions, decimal)
    provenance = Provenance(file.name, sha256_of(file), len(frame), simulated, flow, origin=origin)
    return assemble(replace(plan, table=plan.table.rows(keep)), Findings(np.flatnonzero(keep) + 1), provenance)


def cohort_from_frame(
    frame: pd.DataFrame,
    *,
    dictionary: Mapping[str, Field] | None = None,
    simulated: bool = False,
    source: str = "",
    origin: str = "diagnosis",
    notes: Sequence[str] = (),
    rules: Sequence[str] = (),
) -> Cohort:
    """Make a Cohort of a frame that has the dictionary's columns, levels and units already.

    Every check and every derived column is that of `read_cohort`.

    Parameters
    ----------
    frame
        One row a patient; times in years from diagnosis; levels as in the dictionary.
    dictionary
        Fields beyond `DICTIONARY`, by name (those of `mrd_fields`, for example).
    simulated
        Whether the patients are simulated.
    source
        What to call the source.
    origin
        What time 0 is, where it is not diagnosis; a label only.
    notes
        What a reader must know about these patients; kept in the provenance.
    rules
        Names and versions of the rules that made columns of the frame; kept in the provenance.

    Returns
    -------
    Cohort
        The checked cohort.

    Raises
    ------
    CohortError
        With every problem found.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.cohort_from_frame(pd.DataFrame({"id": ["a"], "ikzf1_class": ["ik6"]}))
    >>> cohort.frame.loc[0, "ikzf1_deletion"]
    'deleted'
    """
    if len(frame) == 0:
        raise InputError("the frame has no rows", next_step="A cohort needs at least one patient.")
    known = {**DICTIONARY, **(dictionary or {})}
    asked = Findings()
    table = RawTable(frame.reset_index(drop=True))
    columns = arguments.check_columns({str(name): str(name) for name in frame.columns}, known, list(frame), asked)
    arguments.check_required(columns, known, asked)
    asked.raise_all()
    units = {name: known[name].unit for name in columns if known[name].kind == "time"}
    declared = Declarations(units=units, own_levels=True)
    plan = Plan(table, columns, known, declared, None, (), (), None, False)
    n_rows = len(frame)
    flow = (FlowStep("frame", n_rows, 0, ""), FlowStep("cohort", n_rows, 0, ""))
    provenance = Provenance(source, "", n_rows, simulated, flow, tuple(notes), tuple(rules), origin)
    return assemble(plan, Findings(np.arange(1, n_rows + 1)), provenance)


def _plan(
    frame: pd.DataFrame,
    *,
    columns: Mapping[str, str | Sequence[str]],
    codes: Mapping[str, Mapping[Any, Any]],
    missing: Mapping[str, Any],
    dates: Mapping[str, str],
    units: Mapping[str, str],
    decimal: str,
    fields: Mapping[str, Mapping[str, Any]],
    exclusions: Sequence[Mapping[str, Any]],
    mrd: Sequence[Mapping[str, Any]],
    protocol_rule: str | MrdRule | None,
    numbered: bool,
) -> Plan:
    asked = Findings()
    names = [str(name) for name in frame.columns]
    if decimal not in (".", ","):
        asked.add(f"decimal: {decimal!r} is no decimal sign", next_step="Use '.' or ','.")
    dictionary = arguments.extend_dictionary(fields, asked)
    mapped = arguments.check_columns(columns, dictionary, names, asked)
    if not numbered:
        arguments.check_required(mapped, dictionary, asked)
    elif "id" in mapped:
        asked.add("rows_are_patients is true and a column is mapped to `id`", next_step="Choose one of the two.")
    table = arguments.raw_table(frame, missing, mapped, asked)
    declared = Declarations(
        codes=arguments.check_codes(codes, dictionary, table.missing_texts, asked),
        units=arguments.check_units(units, dictionary, asked),
        decimal=decimal,
        day_layout=arguments.check_dates(dates, mapped, units, dictionary, names, asked),
    )
    rules = check_exclusions(exclusions, names, asked)
    entries = arguments.check_mrd(mrd, dictionary, names, asked)
    rule = _checked_rule(protocol_rule, entries, asked)
    asked.raise_all()
    return Plan(table, mapped, dictionary, declared, dates.get("diagnosis"), rules, entries, rule, numbered)


def _checked_rule(protocol: str | MrdRule | None, entries: Sequence[arguments.MrdEntry], asked: Findings) -> MrdRule | None:
    if protocol is None:
        return None
    try:
        rule = find_rule(protocol)
    except InputError as error:
        asked.problems.append(error)
        return None
    if not any(entry.timepoint.name in rule.timepoints for entry in entries):
        asked.add(
            f"protocol_rule: none of the time points of {rule.name!r} is under mrd",
            next_step=f"Name the study's time points as the rule does: {', '.join(rule.timepoints)}.",
        )
        return None
    return rule
