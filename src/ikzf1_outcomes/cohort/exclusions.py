"""Exclusions: rules on raw file columns, each with its reason; applied in order they make the patient flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort.cells import RawTable, as_numbers, as_text
from ikzf1_outcomes.cohort.findings import Findings, nearest, nearest_column
from ikzf1_outcomes.cohort.patients import FlowStep
from ikzf1_outcomes.errors import InputError

CONDITIONS = ("is", "is_not", "is_missing", "ends_with", "contains", "below", "above")
KEYS = ("reason", "column", *CONDITIONS)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One checked rule.

    Parameters
    ----------
    reason
        Why patients are left out.
    columns
        File columns; of several, the first that is not missing is judged.
    condition
        One of `CONDITIONS`. A missing cell meets ``is_missing`` only, never ``is_not``.
    operand
        What the condition compares with.
    """

    reason: str
    columns: tuple[str, ...]
    condition: str
    operand: Any


def check_exclusions(
    rules: Sequence[Mapping[str, Any]], file_columns: Sequence[str], findings: Findings
) -> list[Exclusion]:
    """Check the grammar of the rules, noting every fault."""
    checked = (_check_rule(number, rule, file_columns, findings) for number, rule in enumerate(rules, 1))
    return [rule for rule in checked if rule is not None]


def _check_rule(number: int, rule: Mapping[str, Any], file_columns: Sequence[str], findings: Findings) -> Exclusion | None:
    before = len(findings.problems)
    for key in rule:
        if key not in KEYS:
            findings.add(f"exclusion {number}: the key {key!r} is not known", next_step=nearest(key, KEYS))
    reason = rule.get("reason", "")
    if not isinstance(reason, str) or not reason.strip():
        findings.add(f"exclusion {number} gives no reason", next_step="Every exclusion needs `reason`.")
    columns = _column_names(rule.get("column"))
    if not columns:
        findings.add(f"exclusion {number} names no column", next_step="`column` is a column of the file.")
    for column in columns:
        if column not in file_columns:
            findings.add(f"exclusion {number}: no column {column!r}", next_step=nearest_column(column, file_columns))
    given = [key for key in CONDITIONS if key in rule]
    if len(given) != 1:
        findings.add(
            f"exclusion {number} has {len(given)} conditions", next_step=f"Give exactly one of {', '.join(CONDITIONS)}."
        )
    elif not _fits(given[0], rule[given[0]]):
        findings.add(f"exclusion {number}: `{given[0]}` needs {_NEEDS[given[0]]}")
    if len(findings.problems) > before:
        return None
    return Exclusion(reason.strip(), columns, given[0], rule[given[0]])


def _column_names(column: Any) -> tuple[str, ...]:
    if isinstance(column, str):
        return (column,)
    if isinstance(column, Sequence) and all(isinstance(name, str) for name in column):
        return tuple(column)
    return ()


_NEEDS = {
    "is": "a list of texts",
    "is_not": "a list of texts",
    "is_missing": "true",
    "ends_with": "a text",
    "contains": "a text",
    "below": "a number",
    "above": "a number",
}


def _fits(condition: str, operand: Any) -> bool:
    if condition in ("is", "is_not"):
        return isinstance(operand, Sequence) and not isinstance(operand, str) and len(operand) > 0
    if condition == "is_missing":
        return operand is True
    if condition in ("ends_with", "contains"):
        return isinstance(operand, str) and operand != ""
    return isinstance(operand, (int, float)) and not isinstance(operand, bool) and bool(np.isfinite(operand))


def apply_exclusions(
    table: RawTable, rules: Sequence[Exclusion], decimal: str
) -> tuple[NDArray[np.bool_], tuple[FlowStep, ...]]:
    """Rows that remain, and the patient flow.

    Parameters
    ----------
    table
        The whole raw table.
    rules
        Checked rules; each judges only the rows that the earlier ones left.
    decimal
        Decimal sign, for ``below`` and ``above``.

    Returns
    -------
    tuple
        True where a row remains, and one `FlowStep` for the file, each rule and the cohort.

    Raises
    ------
    InputError
        When a limit meets a cell that is no number, or no patient remains.
    """
    n_rows = len(table.frame)
    keep = np.ones(n_rows, dtype=bool)
    flow = [FlowStep("file", n_rows, 0, "")]
    findings = Findings(np.arange(1, n_rows + 1))
    for number, rule in enumerate(rules, 1):
        meets, unclear = _judge(rule, table.cells(rule.columns), decimal)
        findings.add_rows(
            f"exclusion {number}: column {rule.columns[0]!r} holds no number",
            unclear & keep,
            next_step="Declare missing marks under missing.text.",
        )
        out = meets & keep
        keep &= ~out
        flow.append(FlowStep(f"exclusion {number}", int(keep.sum()), int(out.sum()), rule.reason))
    findings.raise_all()
    if not keep.any():
        raise InputError("no patient is left after the exclusions", next_step="Check the exclusions, in their order.")
    return keep, (*flow, FlowStep("cohort", int(keep.sum()), 0, ""))


def _judge(rule: Exclusion, cells: pd.Series, decimal: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    present = cells.notna().to_numpy()
    unclear = np.zeros(len(cells), dtype=bool)
    if rule.condition in ("below", "above"):
        values, bad = as_numbers(cells, decimal)
        meets = values < rule.operand if rule.condition == "below" else values > rule.operand
        return meets.to_numpy(dtype=bool), bad.to_numpy(dtype=bool)
    if rule.condition == "is_missing":
        return ~present, unclear
    text = as_text(cells)
    if rule.condition in ("is", "is_not"):
        listed = text.isin([str(as_text(pd.Series([value], dtype=object))[0]) for value in rule.operand]).to_numpy()
        return (listed & present) if rule.condition == "is" else (~listed & present), unclear
    text = text.astype(str)
    found = text.str.endswith(rule.operand) if rule.condition == "ends_with" else _contains(text, rule.operand)
    return found.to_numpy(dtype=bool) & present, unclear


def _contains(text: pd.Series, part: str) -> pd.Series:
    return text.str.contains(part, regex=False)
