"""Turn raw cells into typed columns, noting every cell that cannot be turned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort.cells import as_days, as_numbers, as_text, is_usual_mark
from ikzf1_outcomes.cohort.dictionary import UNIT_FACTORS, Field
from ikzf1_outcomes.cohort.findings import Findings

DAYS_PER_YEAR = 365.25

DECLARE_MISSING = "Declare it under missing.text (or missing.columns), or correct the file."

TRUTH_TEXTS = {"TRUE": True, "True": True, "true": True, "FALSE": False, "False": False, "false": False}


@dataclass(frozen=True, slots=True)
class Declarations:
    """What the study file says about the cells.

    Parameters
    ----------
    codes
        For each field, the level (or truth value) that each text of the file stands for.
    units
        Unit of the file, where it is not the field's own; a time field that is listed holds durations, else dates.
    decimal
        Decimal sign of numbers in text.
    day_layout
        strptime layout of dates in text.
    own_levels
        Whether a text that equals a level is that level even where it looks like a missing mark ("none"): true for a
        frame that was made with our levels, false for a file.
    """

    codes: Mapping[str, Mapping[str, str | bool]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    decimal: str = "."
    day_layout: str | None = None
    own_levels: bool = False


def parse(
    cells: pd.Series,
    to: Field,
    shown: str,
    declared: Declarations,
    diagnosis: pd.Series | None,
    findings: Findings,
) -> pd.Series:
    """Type the cells of one field.

    Parameters
    ----------
    cells
        Raw cells, missing ones as NaN.
    to
        The field.
    shown
        Name of the file column, for messages.
    declared
        Codes, units and layouts of the study.
    diagnosis
        Day of diagnosis of each row, where it is mapped.
    findings
        Gathers the problems.

    Returns
    -------
    pandas.Series
        Text for an identifier, float for numbers and times, a categorical, or ``boolean``.
    """
    if to.kind == "time":
        return _time(cells, to, shown, declared, diagnosis, findings)
    if to.kind == "number":
        return _number(cells, to, shown, declared, findings)
    if to.kind == "flag":
        return _flag(cells, to, shown, declared, findings)
    if to.kind == "identifier":
        text = as_text(cells)
        _refuse_marks(text, shown, to, findings)
        return text
    return _category(cells, to, shown, declared, findings)


def _place(shown: str, to: Field) -> str:
    return f"column {shown!r}" if shown == to.name else f"column {shown!r} ({to.name})"


def _refuse_marks(text: pd.Series, shown: str, to: Field, findings: Findings) -> pd.Series:
    marks = is_usual_mark(text)
    findings.add_rows(
        f"{_place(shown, to)}: a text that often means missing and was not declared",
        marks,
        next_step=DECLARE_MISSING,
        unusable=_shapes_the_course(to),
    )
    return marks


def _shapes_the_course(to: Field) -> bool:
    return to.kind in ("time", "flag") or to.name in ("first_event", "vital_status")


def _number(cells: pd.Series, to: Field, shown: str, declared: Declarations, findings: Findings) -> pd.Series:
    values, bad = as_numbers(cells, declared.decimal)
    marks = _refuse_marks(as_text(cells.where(bad)), shown, to, findings)
    findings.add_rows(
        f"{_place(shown, to)}: not a finite number",
        bad & ~marks,
        next_step=f"Numbers are read with the decimal sign {declared.decimal!r}; signs such as < need a code.",
        unusable=_shapes_the_course(to),
    )
    factor = UNIT_FACTORS.get(to.unit, {}).get(declared.units.get(to.name, to.unit), 1.0)
    return (values if factor == 1.0 else values * factor).rename(to.name)


def _time(
    cells: pd.Series,
    to: Field,
    shown: str,
    declared: Declarations,
    diagnosis: pd.Series | None,
    findings: Findings,
) -> pd.Series:
    if to.name in declared.units:
        return _number(cells, to, shown, declared, findings)
    days = parse_days(cells, to, shown, declared, findings)
    if diagnosis is None:
        return pd.Series(np.nan, index=cells.index, name=to.name)
    return ((days - diagnosis).dt.days / DAYS_PER_YEAR).rename(to.name)


def parse_days(cells: pd.Series, to: Field, shown: str, declared: Declarations, findings: Findings) -> pd.Series:
    """Days of a date column; see `parse`."""
    days, bad = as_days(cells, declared.day_layout)
    marks = _refuse_marks(as_text(cells.where(bad)), shown, to, findings)
    layout = "written as dates.format says" if declared.day_layout else "(text needs dates.format)"
    findings.add_rows(
        f"{_place(shown, to)}: not a date {layout}",
        bad & ~marks,
        next_step=f"Correct dates.format or the file; a duration needs its unit under units.{to.name}.",
        unusable=True,
    )
    return days


def _flag(cells: pd.Series, to: Field, shown: str, declared: Declarations, findings: Findings) -> pd.Series:
    text = _with_blanks(as_text(cells), declared.codes.get(to.name, {}))
    flags = text.map({**TRUTH_TEXTS, **declared.codes.get(to.name, {})}, na_action="ignore")
    _refuse_undeclared(text, flags, to, shown, "true, false", findings)
    return flags.astype("boolean").rename(to.name)


def _category(cells: pd.Series, to: Field, shown: str, declared: Declarations, findings: Findings) -> pd.Series:
    text = as_text(cells)
    codes = {code: str(level) for code, level in declared.codes.get(to.name, {}).items()}
    text = _with_blanks(text, codes)
    if not to.levels and not codes:
        if not declared.own_levels:
            text = text.mask(_refuse_marks(text, shown, to, findings))
        return text.astype(pd.CategoricalDtype(sorted(text.dropna().unique()))).rename(to.name)
    own = {level: level for level in to.levels if declared.own_levels or not _mark(level)}
    named = text.map({**own, **codes}, na_action="ignore")
    levels = to.levels or tuple(dict.fromkeys(codes.values()))
    _refuse_undeclared(text, named, to, shown, ", ".join(levels[:20]), findings)
    return named.astype(pd.CategoricalDtype(list(levels), ordered=to.kind == "ordered")).rename(to.name)


def _with_blanks(text: pd.Series, codes: Mapping[str, str | bool]) -> pd.Series:
    # A study may say what a blank stands for: registries often leave a cell empty for "no".
    return text.fillna("") if "" in codes else text


def _mark(level: str) -> bool:
    return bool(is_usual_mark(pd.Series([level]))[0])


def _refuse_undeclared(text: pd.Series, named: pd.Series, to: Field, shown: str, levels: str, findings: Findings) -> None:
    findings.add_rows(
        f"{_place(shown, to)}: a code that was not declared",
        text.notna() & named.isna(),
        next_step=f"Declare it under codes.{to.name} (levels: {levels}), or under missing.text if it means missing.",
        unusable=_shapes_the_course(to),
    )


def day_layout(text: str, problem: Callable[[str], None]) -> str | None:
    """strptime layout for a date format in words.

    Parameters
    ----------
    text
        ``year``, ``month`` and ``day`` once each, with separators, as in ``"month/day/year"``; or a strptime layout,
        recognised by its percent signs. Years have four digits unless a strptime layout says ``%y``.
    problem
        Called with what is wrong.

    Returns
    -------
    str or None
        The layout; None when the text is not a date format.
    """
    if "%" in text:
        return text
    layout = text
    for word, directive in (("year", "%Y"), ("month", "%m"), ("day", "%d")):
        if text.count(word) != 1:
            problem(f"dates.format must name {word} once, as in 'month/day/year', or be a strptime layout")
            return None
        layout = layout.replace(word, directive)
    leftover = text.replace("year", "").replace("month", "").replace("day", "")
    if any(sign.isalnum() for sign in leftover):
        problem("dates.format may hold year, month, day and separators only, as in 'month/day/year'")
        return None
    return layout
