"""Parse, check and complete the columns that a study asks for: the way from raw cells to a Cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort.arguments import MrdEntry
from ikzf1_outcomes.cohort.cells import RawTable
from ikzf1_outcomes.cohort.derived import add_derived
from ikzf1_outcomes.cohort.dictionary import DICTIONARY, Field
from ikzf1_outcomes.cohort.events import check_order, complete_events
from ikzf1_outcomes.cohort.exclusions import Exclusion
from ikzf1_outcomes.cohort.findings import Findings
from ikzf1_outcomes.cohort.mrd import mrd_columns, mrd_fields
from ikzf1_outcomes.cohort.mrd_groups import UNCLASSIFIED, mrd_risk
from ikzf1_outcomes.cohort.mrd_rules import MrdRule
from ikzf1_outcomes.cohort.parsing import Declarations, parse, parse_days
from ikzf1_outcomes.cohort.patients import Cohort, Provenance
from ikzf1_outcomes.cohort.schema import check_schema


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a study asks for, checked: what to parse, how, and which rules to apply."""

    table: RawTable
    columns: Mapping[str, tuple[str, ...]]
    dictionary: Mapping[str, Field]
    declared: Declarations
    diagnosis: str | None
    exclusions: Sequence[Exclusion]
    mrd: Sequence[MrdEntry]
    rule: MrdRule | None
    numbered: bool


def assemble(plan: Plan, findings: Findings, provenance: Provenance) -> Cohort:
    """Parse, check and complete the columns, and make the Cohort, or raise with every problem."""
    frame, dictionary = _parsed(plan, findings)
    frame, dictionary, rules, notes = _with_mrd(plan, frame, dictionary, findings)
    check_schema(frame, dictionary, findings)
    # Before the first events: an impossible order is reported as such, not as the disagreement that follows from it.
    check_order(frame, findings)
    frame, event_notes, event_rules = complete_events(frame, findings)
    findings.raise_all()
    frame, derived_notes, derived_rules = add_derived(frame)
    if plan.numbered:
        notes = [*notes, "the file has no identifiers: every row is taken as one patient"]
    order = [name for name in [*plan.dictionary, *dictionary] if name in frame]
    columns = {name: dictionary.get(name, plan.dictionary.get(name, DICTIONARY.get(name))) for name in order}
    complete = {name: _with_levels(field, frame[name]) for name, field in columns.items() if field is not None}
    provenance = replace(
        provenance,
        notes=(*provenance.notes, *notes, *event_notes, *derived_notes),
        rules=(*provenance.rules, *event_rules, *derived_rules, *rules),
    )
    return Cohort(frame[list(complete)], complete, provenance)


def _parsed(plan: Plan, findings: Findings) -> tuple[pd.DataFrame, dict[str, Field]]:
    diagnosis = None
    if plan.diagnosis is not None:
        day = Field("diagnosis", "time", "Date of diagnosis")
        diagnosis = parse_days(plan.table.cells(plan.diagnosis), day, plan.diagnosis, plan.declared, findings)
    undiagnosed = np.zeros(len(findings.rows), dtype=bool)
    if diagnosis is not None:
        # A date of diagnosis that cannot be read has been noted already.
        undiagnosed = diagnosis.isna().to_numpy() & ~findings.unusable
    dated = np.zeros(len(findings.rows), dtype=bool)
    made = {}
    if plan.numbered:
        made["id"] = pd.Series(findings.rows).astype(str).astype(object)
    for name, columns in plan.columns.items():
        shown = " or ".join(columns)
        cells = plan.table.cells(columns)
        if plan.dictionary[name].kind == "time" and name not in plan.declared.units:
            dated |= cells.notna().to_numpy()
        made[name] = parse(cells, plan.dictionary[name], shown, plan.declared, diagnosis, findings)
    findings.add_rows(
        "the date of diagnosis is missing where other dates are given",
        undiagnosed & dated,
        next_step="Leave these patients out with an exclusion that gives the reason.",
        unusable=True,
    )
    return pd.DataFrame(made), {name: plan.dictionary[name] for name in made}


def _with_mrd(
    plan: Plan, frame: pd.DataFrame, dictionary: dict[str, Field], findings: Findings
) -> tuple[pd.DataFrame, dict[str, Field], list[str], list[str]]:
    parts, fields = [frame], dict(dictionary)
    for entry in plan.mrd:
        cells = plan.table.cells(entry.column)
        parts.append(
            mrd_columns(
                cells,
                entry.timepoint,
                codes=entry.codes,
                unit=entry.unit,
                decimal=plan.declared.decimal,
                findings=findings,
            )
        )
        fields |= mrd_fields(entry.timepoint)
    frame = pd.concat(parts, axis=1)
    if plan.rule is None:
        return frame, fields, [], []
    points = [entry.timepoint for entry in plan.mrd]
    # Unclassified has no place in the order of risk: in the cohort the column is a plain category.
    group = mrd_risk(frame, plan.rule, timepoints=points).cat.as_unordered()
    known_at = max(point.day for point in points if point.name in plan.rule.timepoints) / 365.25
    levels = (*plan.rule.order, UNCLASSIFIED)
    fields["mrd_risk"] = Field("mrd_risk", "category", f"MRD risk ({plan.rule.name})", levels=levels, known_at=known_at)
    rule = f"mrd_risk: {plan.rule.name}, version {plan.rule.version} ({plan.rule.status})"
    return frame.assign(mrd_risk=group), fields, [rule], [f"mrd_risk: {text}" for text in plan.rule.assumptions]


def _with_levels(field: Field, column: pd.Series) -> Field:
    if field.levels or not isinstance(column.dtype, pd.CategoricalDtype):
        return field
    return replace(field, levels=tuple(str(level) for level in column.cat.categories))
