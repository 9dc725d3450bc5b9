"""Landmarks one above the other: who is at risk at each, and what is known of them by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Columns, Endpoint, label, level_codes
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import design
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.timeline import check_landmark, entries, landmark

PATIENT, STRATUM = "row of the endpoint", "landmark and stratum"
"""Columns of the stacked rows, by names that no covariate has."""
MOST_LEVELS = 12
"""Groups of a mark; more of them are a measurement rather than groups."""


class Factor(NamedTuple):
    """A column of groups."""

    column: str
    levels: tuple[Any, ...]
    codes: Integers

    def of(self, rows: Integers) -> Factor:
        """The same for some of the rows."""
        return self._replace(codes=self.codes[rows])

    def name(self, code: int) -> str:
        """The column and one of its levels, for a note."""
        return f"{self.column} {label(self.levels[code])}"


class LandmarkSet(NamedTuple):
    """The patients of one landmark."""

    at: float
    row: Integers
    """Rows of the endpoint (n)."""
    entry: Floats
    factors: tuple[Factor, ...]
    """The class, then the marks that are known by then, in the order of time."""
    cells: Integers
    """Levels that somebody has together: a code for each factor (C, factors)."""
    cell: Integers
    """Which of them each patient has (n)."""
    stratum: Integers
    """Stratum of each pattern of strata and adjusted covariates (P)."""
    adjusted: Floats
    """Adjusted covariates of each pattern (P, q)."""
    pattern: Integers
    """Pattern of each patient (n)."""
    n_missing: int
    """At risk, with a mark missing that should be known."""
    note: str

    def column(self, factor: Factor, code: int) -> str:
        """Name of the indicator of a level at this landmark."""
        return f"{factor.name(code)} @ {self.at:g}"


class Stack(NamedTuple):
    """All landmark sets, one above the other."""

    sets: tuple[LandmarkSet, ...]
    start: Integers
    """Where the rows of each set begin, and where the last ends."""
    patient: Integers
    """Row of the endpoint behind each row."""
    time: Floats
    cause: Integers
    causes: tuple[str, ...]
    entry: Floats
    weight: Floats
    """Case weights of the rows of the endpoint; 0 where a class, stratum or adjusted covariate is missing."""
    frame: pd.DataFrame
    """PATIENT, STRATUM (a number for each landmark and stratum), adjusted covariates, indicators."""
    adjust: tuple[str, ...]
    n_strata: int
    n_excluded: int

    def own(self, s: int) -> slice:
        """Rows of one set."""
        return slice(int(self.start[s]), int(self.start[s + 1]))


def stack_of(
    endpoint: Endpoint,
    by: str,
    marks: Mapping[str, float],
    adjust: str | Sequence[str] | None,
    strata: Columns | None,
    horizon: float,
) -> Stack:
    """The landmark sets of an endpoint: its start, and the time at which each mark is known.

    Raises
    ------
    ColumnError, InputError
        See `landmark_supermodel`.
    """
    if endpoint.subject is not None and endpoint.n < len(endpoint):
        raise InputError(
            "several rows of one patient: who is at risk at a landmark is not defined",
            count=len(endpoint) - endpoint.n,
            next_step="Give an endpoint with one row a patient.",
        )
    times = checked_marks(endpoint, by, marks, horizon)
    endpoint.column(by)
    whose, known = factor_of(endpoint, by), []
    matrix = None if not adjust else design(endpoint, adjust)
    used = {by, *marks}
    if matrix is not None and used & {one.factor.column for one in matrix.spec.factors}:
        raise InputError("a column is adjusted for that is the class or a mark", next_step="Leave it out of `adjust`.")
    groups = endpoint.groups(strata)
    complete = (whose.codes >= 0) & (groups.codes >= 0)
    covariates = np.zeros((len(endpoint), 0))
    if matrix is not None:
        complete &= matrix.keep
        covariates = np.full((len(endpoint), matrix.matrix.shape[1]), np.nan)
        covariates[matrix.keep] = matrix.matrix
    if not complete.any():
        raise InputError("nobody has a class, and all that is adjusted for", count=len(endpoint))
    whose = seen_levels(whose, complete)
    sets = [set_of(endpoint, 0.0, (whose,), complete, groups.codes, covariates, "")]
    for mark, at in times.items():
        late = landmark(endpoint, at)
        late.column(mark)
        known.append(seen_levels(factor_of(endpoint, mark), complete & (endpoint.time > at)))
        factors = (whose, *known)
        sets.append(
            set_of(endpoint, at, factors, complete & (endpoint.time > at), groups.codes, covariates, late.notes[-1])
        )
    names = () if matrix is None else tuple(matrix.names)
    return stacked(endpoint, sets, complete, covariates, groups.codes, names, len(groups.levels))


def checked_marks(endpoint: Endpoint, by: str, marks: Mapping[str, float], horizon: float) -> dict[str, float]:
    """Marks and their landmarks, moved onto tied times."""
    if not marks:
        raise InputError("no marks", next_step='Give them as {"mrd_TP1": 0.09}: column, and when it is known.')
    times = {mark: check_landmark(endpoint, at) for mark, at in marks.items()}
    if (np.diff(list(times.values())) <= 0).any():
        raise InputError(
            "the marks are not in the order of time", next_step="Name the earliest first, each at its own time."
        )
    if by in times:
        raise InputError("the class is a mark too", next_step="Give another column in `by` or in `marks`.")
    if not (np.isfinite(horizon) and horizon > max(times.values())):
        raise InputError(
            "the horizon must lie beyond the last landmark", next_step="Both count from the endpoint's origin."
        )
    return times


def factor_of(endpoint: Endpoint, name: str) -> Factor:
    """A column of groups; for marks the check of when it is known is the landmark's.

    Raises
    ------
    ColumnError, InputError
        No such column, or more levels than groups have.
    """
    # a mark is known later than the start, which `column` would refuse
    series = endpoint.frame[name] if name in endpoint.frame.columns else endpoint.column(name)
    codes, levels = level_codes(series)
    if len(levels) > MOST_LEVELS:
        raise InputError(f"{name!r} has too many levels to be a group", count=len(levels), next_step="Give groups of it.")
    return Factor(name, levels, codes.astype(np.intp))


def seen_levels(factor: Factor, rows: np.ndarray) -> Factor:
    """The factor with the levels that somebody among the rows has.

    Raises
    ------
    InputError
        Nobody has any.
    """
    present = np.unique(factor.codes[rows & (factor.codes >= 0)])
    if not len(present):
        raise InputError(f"{factor.column!r} is missing for everybody at risk", count=int(rows.sum()))
    turn = np.full(len(factor.levels) + 1, -1, dtype=np.intp)
    turn[present] = np.arange(len(present))
    return Factor(factor.column, tuple(factor.levels[k] for k in present), turn[factor.codes])


def set_of(
    endpoint: Endpoint,
    at: float,
    factors: tuple[Factor, ...],
    at_risk: np.ndarray,
    strata: Integers,
    covariates: Floats,
    note: str,
) -> LandmarkSet:
    """Who is at risk at a landmark with all known that should be."""
    complete = at_risk & np.logical_and.reduce([one.codes >= 0 for one in factors])
    row = np.flatnonzero(complete)
    if not len(row):
        raise InputError(f"nobody at the landmark at {at:g} has every mark", count=int(at_risk.sum()))
    own = tuple(one.of(row) for one in factors)
    cells, cell = np.unique(np.column_stack([one.codes for one in own]), axis=0, return_inverse=True)
    together = np.column_stack((strata[row], covariates[row]))
    patterns, pattern = np.unique(together, axis=0, return_inverse=True)
    entry = entries(endpoint)[row]
    return LandmarkSet(
        at, row, np.maximum(entry, at) if at > 0 else entry, own, cells, cell.ravel(), patterns[:, 0].astype(np.intp),
        patterns[:, 1:], pattern.ravel(), int((at_risk & ~complete).sum()), note,
    )  # fmt: skip


def stacked(
    endpoint: Endpoint,
    sets: Sequence[LandmarkSet],
    complete: np.ndarray,
    covariates: Floats,
    strata: Integers,
    names: tuple[str, ...],
    n_strata: int,
) -> Stack:
    """The sets one above the other, with indicators of each level of each factor at each landmark.

    Indicators, rather than a level "not yet known": in the baseline of an early landmark that level would be constant.
    """
    patient = np.concatenate([one.row for one in sets])
    start = np.concatenate(([0], np.cumsum([len(one.row) for one in sets])))
    place = np.repeat(np.arange(len(sets)), np.diff(start))
    columns = {PATIENT: patient, STRATUM: place * n_strata + strata[patient]}
    columns |= {name: covariates[patient, k] for k, name in enumerate(names)}
    for s, one in enumerate(sets):
        for factor in one.factors:
            for code in range(len(factor.levels)):
                flag = np.zeros(len(patient))
                flag[start[s] : start[s + 1]] = factor.codes == code
                columns[one.column(factor, code)] = flag
    return Stack(
        tuple(sets), start, patient, endpoint.time[patient], np.maximum(endpoint.cause[patient], 0), endpoint.causes,
        np.concatenate([one.entry for one in sets]), np.where(complete, endpoint.case_weights, 0.0),
        pd.DataFrame(columns), names, n_strata, int((~complete).sum()),
    )  # fmt: skip
