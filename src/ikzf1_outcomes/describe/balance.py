"""Cases and controls: who they are, what they are matched on, and how alike they are before and after matching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.describe.characteristics import DIFFERENCE, standardised
from ikzf1_outcomes.describe.frequencies import UNKNOWN_WORDS, as_objects, levels_of, named_columns, truth_values
from ikzf1_outcomes.endpoint import frozen, numbers
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import is_numeric
from ikzf1_outcomes.kernels.risk import Floats

Rows = NDArray[np.intp]
Flags = NDArray[np.bool_]
Caliper = float | tuple[str, float | None]

GROUPS = ("case", "control")
CONTRAST = "case vs control"
COLUMNS = ("variable", "level", "group", "term", "contrast", "before", "after", "scale", "note")
NONE_KNOWN = "not estimable: nobody in this group has a known value"


class Roles(NamedTuple):
    """Who is a case, who may be a control, and who has no known status."""

    case: Flags
    control: Flags
    unknown: Flags


class Measure(NamedTuple):
    """A number that is matched on, on its scale; `width` is infinite without a caliper."""

    name: str
    log: bool
    values: Floats
    width: float


class Trait(NamedTuple):
    """Something that is compared: a number, or whether a patient has a level."""

    variable: str
    level: Any
    values: Floats
    known: Flags

    @property
    def is_number(self) -> bool:
        """Whether this is a number and no level."""
        return isinstance(self.level, str) and self.level == ""


class Sample(NamedTuple):
    """Rows of cases and of controls, with the weight of each row."""

    rows: tuple[Rows, Rows]
    weights: tuple[Floats, Floats]


def roles_of(frame: pd.DataFrame, case: str | tuple[str, Any], controls: Any) -> tuple[Roles, str]:
    """Cases, possible controls and patients of unknown status, and the column that says so."""
    if isinstance(case, str):
        (name,) = named_columns(frame, case)
        if truth_values(frame[name]) is None:
            raise InputError(f"column {name!r} has no truth values", next_step=f"Name the level: case=({name!r}, level).")
        chosen: tuple[Any, ...] = (True,)
    elif isinstance(case, tuple) and len(case) == 2 and isinstance(case[0], str):
        (name,), chosen = named_columns(frame, case[0]), listed(case[1])
    else:
        raise InputError("`case` is a column of truth values, or a column and its level")
    found = levels_of(frame, name, UNKNOWN_WORDS)
    others = tuple(level for level in found.levels if level not in chosen) if controls is None else listed(controls)
    strangers = [level for level in (*chosen, *others) if level not in found.levels]
    if strangers:
        raise InputError(f"column {name!r} has no such level", count=len(strangers), next_step="Check its spelling.")
    if set(chosen) & set(others):
        raise InputError("a level makes cases and controls", next_step="Name each level once.")
    case_of, control_of = (
        np.isin(found.codes, [found.levels.index(level) for level in levels]) for levels in (chosen, others)
    )
    for role, flags in (("case", case_of), ("possible control", control_of)):
        if not flags.any():
            raise InputError(f"by column {name!r} nobody is a {role}", count=0, next_step="Check the levels named.")
    return Roles(frozen(case_of), frozen(control_of), frozen(found.codes < 0)), name


def listed(levels: Any) -> tuple[Any, ...]:
    """One level or several, as a tuple."""
    return tuple(levels) if isinstance(levels, (list, tuple, set, frozenset)) else (levels,)


def measures_of(frame: pd.DataFrame, names: Sequence[str], calipers: Mapping[str, Caliper]) -> tuple[Measure, ...]:
    """The numbers among the columns, each on the scale and with the width of its caliper."""
    numeric = [n for n in names if is_numeric(frame[n]) and not pd.api.types.is_bool_dtype(frame[n].dtype)]
    for name in calipers:
        if name not in numeric:
            what = "is no column of numbers" if name in names else "is not matched on"
            raise InputError(f"a caliper for {name!r}, which {what}", next_step="Categories agree exactly, without one.")
    out = []
    for name in numeric:
        log, width = scale_and_width(name, calipers.get(name, np.inf))
        values = numbers(frame, name)
        wrong = np.isinf(values) | (log & (values <= 0))
        if wrong.any():
            raise InputError(
                f"column {name!r} has values {'that have no logarithm' if log else 'that are infinite'}",
                where=np.flatnonzero(wrong) + 1,
                next_step="Correct them, or give the caliper in the column's own unit.",
            )
        out.append(Measure(name, log, frozen(np.log(values) if log else values), width))
    return tuple(out)


def scale_and_width(name: str, caliper: Any) -> tuple[bool, float]:
    """Whether a caliper is one of logarithms, and its width."""
    log = isinstance(caliper, (tuple, list))
    given = caliper
    if log:
        given = caliper[1] if len(caliper) == 2 and caliper[0] == "log" else "?"
        given = np.inf if given is None else given
    if isinstance(given, bool) or not isinstance(given, (int, float, np.number)) or not given >= 0:
        raise InputError(f"the caliper of {name!r} is no width", next_step='Use 1.0, ("log", 0.5) or ("log", None).')
    return log, float(given)


def complete_rows(frame: pd.DataFrame, names: Sequence[str], measures: Sequence[Measure]) -> Flags:
    """Rows in which everything that is matched on is known."""
    numeric = {measure.name: ~np.isnan(measure.values) for measure in measures}
    parts = [numeric[n] if n in numeric else levels_of(frame, n, UNKNOWN_WORDS).codes >= 0 for n in names]
    return np.asarray(np.all(parts, axis=0))


def cells_of(frame: pd.DataFrame, names: Sequence[str]) -> Rows:
    """One code for all patients that agree in some columns."""
    if not names:
        return np.zeros(len(frame), dtype=np.intp)
    codes = np.column_stack([levels_of(frame, name, UNKNOWN_WORDS).codes for name in names])
    return np.asarray(np.unique(codes, axis=0, return_inverse=True)[1].ravel(), dtype=np.intp)


def everybody(case: Flags, control: Flags) -> Sample:
    """The cases and the possible controls before matching, each counting once."""
    rows = (np.flatnonzero(case), np.flatnonzero(control))
    return Sample(rows, (np.ones(len(rows[0])), np.ones(len(rows[1]))))


def in_sets(cases: Rows, controls: Rows, set_of: Rows) -> Sample:
    """The matched: a case counts once, a control as one over the controls of its set.

    Parameters
    ----------
    cases
        Row of the case of each set (sets).
    controls, set_of
        Row of each control and the position of its set in `cases` (pairs).
    """
    size = np.bincount(set_of, minlength=len(cases))
    return Sample((cases, controls), (np.ones(len(cases)), 1.0 / size[set_of]))


def traits_of(frame: pd.DataFrame, name: str, *, log: bool = False) -> list[Trait]:
    """A column as what is compared: a number on the scale it was matched on, or each level."""
    column = frame[name]
    if is_numeric(column) and not pd.api.types.is_bool_dtype(column.dtype):
        values = numbers(frame, name)
        wrong = np.isinf(values)
        if wrong.any():
            raise InputError(f"column {name!r} has infinite values", where=np.flatnonzero(wrong) + 1)
        known = ~np.isnan(values)
        if log:
            values = np.log(values, out=np.full(len(values), np.nan), where=known)
        return [Trait(f"log({name})" if log else name, "", values, known)]
    found = levels_of(frame, name, UNKNOWN_WORDS)
    known = found.codes >= 0
    return [Trait(name, level, (found.codes == code).astype(float), known) for code, level in enumerate(found.levels)]


def balance_table(traits: Sequence[Trait], before: Sample, after: Sample) -> pd.DataFrame:
    r"""Cases and controls before and after matching, one row a number.

    With m and p means and shares of known values (controls after matching weighted by one over the size of their set), the
    standardised difference is (m_case - m_control) / s, with s the standard deviation of all cases before matching, divisor
    n - 1 for numbers, sqrt(p (1 - p)) for levels: that of the treated, as in MatchIt. The same s serves before and after,
    so that only the means can change it.

    Returns
    -------
    DataFrame
        variable, level, group (case, control, empty for differences), term (n known, mean or share, standardised
        difference), contrast, before, after, scale (count, value, share, standardised difference), note.
    """
    rows = [row for trait in traits for row in trait_rows(trait, before, after)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.assign(level=as_objects(table["level"].tolist()))


def trait_rows(trait: Trait, before: Sample, after: Sample) -> list[tuple[Any, ...]]:
    """The rows of one number or level."""
    term, scale = ("mean", "value") if trait.is_number else ("share", "share")
    means, rows = np.empty((2, 2)), []
    for g, group in enumerate(GROUPS):
        about = (trait.variable, trait.level, group)
        counted = []
        for s, sample in enumerate((before, after)):
            seen = trait.known[sample.rows[g]]
            counted.append(float(seen.sum()))
            values, weights = trait.values[sample.rows[g]][seen], sample.weights[g][seen]
            means[s, g] = np.average(values, weights=weights) if seen.any() else np.nan
        rows.append((*about, "n", "", *counted, "count", ""))
        rows.append((*about, term, "", *means[:, g], scale, "" if all(counted) else NONE_KNOWN))
    cases = trait.values[before.rows[0]][trait.known[before.rows[0]]]
    if trait.is_number:
        variance = cases.var(ddof=1) if len(cases) > 1 else np.nan
    else:
        variance = means[0, 0] * (1 - means[0, 0])
    found = [standardised(case - control, variance) for case, control in means]
    note = "; ".join(dict.fromkeys(text for _, text in found if text))
    differences = (value for value, _ in found)
    return [*rows, (trait.variable, trait.level, "", DIFFERENCE, CONTRAST, *differences, DIFFERENCE, note)]
