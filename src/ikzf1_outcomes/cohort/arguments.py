"""Check what a study file asks of `read_cohort`, before a single cell is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from ikzf1_outcomes.cohort.cells import RawTable, as_text
from ikzf1_outcomes.cohort.dictionary import DICTIONARY, FIXED_LEVELS, UNIT_FACTORS, Field
from ikzf1_outcomes.cohort.findings import Findings, nearest, nearest_column
from ikzf1_outcomes.cohort.mrd import MRD_CODES, MrdTimepoint
from ikzf1_outcomes.cohort.parsing import day_layout
from ikzf1_outcomes.errors import InputError

FIELD_KEYS = ("kind", "label", "unit", "low", "high", "levels", "known_at")
MRD_KEYS = ("timepoint", "day", "column", "limit_of_detection", "quantifiable", "assay", "codes", "unit")


@dataclass(frozen=True, slots=True)
class MrdEntry:
    """One checked MRD entry of a study: time point, file column, codes and unit of the numbers."""

    timepoint: MrdTimepoint
    column: str
    codes: Mapping[str, str]
    unit: str


def known_keys(given: Mapping[str, Any], known: Sequence[str], where: str, findings: Findings) -> None:
    """Note every key of `given` that is not known."""
    for key in given:
        if key not in known:
            findings.add(f"{where}: the key {key!r} is not known", next_step=nearest(key, known))


def extend_dictionary(fields: Mapping[str, Mapping[str, Any]], findings: Findings) -> dict[str, Field]:
    """The package's dictionary with the fields that a study adds or changes."""
    fields_known = dict(DICTIONARY)
    for name, given in fields.items():
        known_keys(given, FIELD_KEYS, f"fields.{name}", findings)
        parts = {key: given[key] for key in FIELD_KEYS if key in given}
        if "levels" in parts:
            parts["levels"] = tuple(str(level) for level in parts["levels"])
        if name in DICTIONARY:
            _refuse_fixed(name, parts, findings)
        elif "kind" not in parts:
            findings.add(f"fields.{name}: a new field needs its kind", next_step=nearest(name, DICTIONARY))
            continue
        try:
            if name in DICTIONARY:
                fields_known[name] = replace(DICTIONARY[name], **parts)
            else:
                fields_known[name] = Field(name, **{"label": name, **parts})
        except InputError as error:
            findings.problems.append(error)
        except TypeError:
            findings.add(f"fields.{name}: a limit or known_at is not a number")
    times = [name for name, field in fields_known.items() if field.kind == "time"]
    for name, field in fields_known.items():
        if isinstance(field.known_at, str) and field.known_at not in times:
            findings.add(f"fields.{name}: known_at names no time field", next_step=nearest(field.known_at, times))
    return fields_known


def _refuse_fixed(name: str, parts: Mapping[str, Any], findings: Findings) -> None:
    fixed = {"kind", "unit"} | ({"levels"} if name in FIXED_LEVELS else set())
    for key in sorted(fixed & set(parts)):
        findings.add(f"fields.{name}: {key} cannot be changed", next_step="Add a field with a name of its own.")


def check_columns(
    columns: Mapping[str, str | Sequence[str]],
    dictionary: Mapping[str, Field],
    file_columns: Sequence[str],
    findings: Findings,
) -> dict[str, tuple[str, ...]]:
    """File columns of each field, in the order of the dictionary."""
    checked: dict[str, tuple[str, ...]] = {}
    for name, given in columns.items():
        if name not in dictionary:
            findings.add(f"columns: there is no field {name!r}", next_step=nearest(name, dictionary))
        names = (given,) if isinstance(given, str) else tuple(given)
        if not names:
            findings.add(f"columns.{name} names no column of the file")
        for column in names:
            if column not in file_columns:
                findings.add(
                    f"columns.{name}: no column {column!r} in the file", next_step=nearest_column(column, file_columns)
                )
        checked[name] = names
    return {name: checked[name] for name in dictionary if name in checked}


def check_required(mapped: Mapping[str, Any], dictionary: Mapping[str, Field], findings: Findings) -> None:
    """Note every required field that is not mapped."""
    for field in dictionary.values():
        if field.required and field.name not in mapped:
            findings.add(
                f"the field {field.name!r} is required and no column is mapped to it",
                next_step="Without identifiers in the file, say rows_are_patients = true: every row is one patient.",
            )


def raw_table(
    frame: pd.DataFrame,
    missing: Mapping[str, Any],
    columns: Mapping[str, tuple[str, ...]],
    findings: Findings,
) -> RawTable:
    """The raw table with the declared missing marks; a sentinel is keyed by a field or by a file column."""
    known_keys(missing, ("text", "columns"), "missing", findings)
    texts = missing.get("text", ())
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        findings.add("missing.text must be a list of texts")
        texts = ()
    sentinels: dict[str, tuple[Any, ...]] = {}
    for name, values in dict(missing.get("columns", {})).items():
        names = columns.get(name, (name,))
        if any(column not in frame for column in names):
            known = [*columns, *map(str, frame.columns)]
            findings.add(f"missing.columns: no field or column {name!r}", next_step=nearest_column(name, known))
            continue
        listed = tuple(values) if isinstance(values, Sequence) and not isinstance(values, str) else (values,)
        for column in names:
            sentinels[column] = (*sentinels.get(column, ()), *listed)
    return RawTable(frame, frozenset(text.strip() for text in texts), sentinels)


def check_codes(
    codes: Mapping[str, Mapping[Any, Any]],
    dictionary: Mapping[str, Field],
    missing_texts: frozenset[str],
    findings: Findings,
) -> dict[str, dict[str, str | bool]]:
    """Codes of each field by the text of the file."""
    checked: dict[str, dict[str, str | bool]] = {}
    for name, given in codes.items():
        field = dictionary.get(name)
        if field is None or field.kind not in ("category", "ordered", "flag"):
            findings.add(f"codes: {name!r} is no field with codes", next_step=nearest(name, dictionary))
            continue
        checked[name] = {}
        for code, level in given.items():
            text = str(as_text(pd.Series([code], dtype=object))[0]).strip()
            if text in missing_texts:
                findings.add(
                    f"codes.{name}: {text!r} is also declared missing for every column",
                    next_step="Take it out of missing.text and list it under missing.columns where it means missing.",
                )
            checked[name][text] = _meaning(field, level, findings)
    return checked


def _meaning(field: Field, level: Any, findings: Findings) -> str | bool:
    if field.kind == "flag":
        truth = level if isinstance(level, bool) else {"true": True, "false": False}.get(str(level).lower())
        if truth is None:
            findings.add(f"codes.{field.name}: {level!r} is neither true nor false")
        return bool(truth)
    if field.levels and level not in field.levels:
        findings.add(f"codes.{field.name}: there is no level {level!r}", next_step=nearest(level, field.levels))
    return str(level)


def check_units(units: Mapping[str, str], dictionary: Mapping[str, Field], findings: Findings) -> dict[str, str]:
    """Unit of the file for each field that is listed."""
    for name, unit in units.items():
        field = dictionary.get(name)
        if field is None:
            findings.add(f"units: there is no field {name!r}", next_step=nearest(name, dictionary))
            continue
        known = UNIT_FACTORS.get(field.unit, {field.unit: 1.0} if field.unit else {})
        if unit not in known:
            findings.add(f"units.{name}: {unit!r} is not known", next_step=nearest(unit, known) or "It has no unit.")
    return dict(units)


def check_dates(
    dates: Mapping[str, str],
    mapped: Mapping[str, Any],
    units: Mapping[str, str],
    dictionary: Mapping[str, Field],
    file_columns: Sequence[str],
    findings: Findings,
) -> str | None:
    """strptime layout of the dates, or None when days are stored as such."""
    known_keys(dates, ("format", "diagnosis"), "dates", findings)
    dated = [name for name in mapped if dictionary[name].kind == "time" and name not in units]
    diagnosis = dates.get("diagnosis")
    if diagnosis is not None and diagnosis not in file_columns:
        findings.add(f"dates.diagnosis: no column {diagnosis!r}", next_step=nearest_column(diagnosis, file_columns))
    if dated and diagnosis is None:
        findings.add(
            f"{', '.join(dated)}: dates need dates.diagnosis, the column with the date of diagnosis",
            next_step="For durations say their unit, as in units.relapse = 'days'.",
        )
    return day_layout(dates["format"], findings.add) if "format" in dates else None


def check_mrd(
    entries: Sequence[Mapping[str, Any]],
    dictionary: Mapping[str, Field],
    file_columns: Sequence[str],
    findings: Findings,
) -> list[MrdEntry]:
    """Check the MRD entries of a study file."""
    checked = [_check_entry(entry, file_columns, findings) for entry in entries]
    found = [entry for entry in checked if entry is not None]
    names = [entry.timepoint.name for entry in found]
    for name in sorted({name for name in names if names.count(name) > 1}):
        findings.add(f"mrd: the time point {name!r} is given twice")
    for name in names:
        if f"mrd_{name}" in dictionary:
            findings.add(f"mrd: a field bears the name 'mrd_{name}' already")
    return found


def _check_entry(entry: Mapping[str, Any], file_columns: Sequence[str], findings: Findings) -> MrdEntry | None:
    before = len(findings.problems)
    known_keys(entry, MRD_KEYS, "mrd", findings)
    lacking = [key for key in MRD_KEYS[:5] if key not in entry]
    if lacking:
        findings.add(f"mrd: an entry lacks {', '.join(lacking)}", next_step="Each time point needs all five.")
        return None
    name, column = str(entry["timepoint"]), str(entry["column"])
    if column not in file_columns:
        findings.add(f"mrd {name}: no column {column!r}", next_step=nearest_column(column, file_columns))
    codes = {str(text): str(meaning) for text, meaning in dict(entry.get("codes", {})).items()}
    for meaning in sorted(set(codes.values()) - set(MRD_CODES)):
        findings.add(f"mrd {name}: the code {meaning!r} is not known", next_step=nearest(meaning, MRD_CODES))
    unit = str(entry.get("unit", "share"))
    if unit not in ("share", "percent"):
        findings.add(f"mrd {name}: the unit {unit!r} is not known", next_step="Use share or percent.")
    try:
        day, detected, quantified = (float(entry[key]) for key in ("day", "limit_of_detection", "quantifiable"))
        point = MrdTimepoint(name, day, detected, quantified, str(entry.get("assay", "")))
    except InputError as error:
        findings.problems.append(error)
        return None
    except (TypeError, ValueError):
        findings.add(f"mrd {name}: day, limit_of_detection and quantifiable must be numbers")
        return None
    return MrdEntry(point, column, codes, unit) if len(findings.problems) == before else None
