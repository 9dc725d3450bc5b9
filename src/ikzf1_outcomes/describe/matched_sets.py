"""A matched cohort: each case with the controls that are most like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort import Cohort, Field
from ikzf1_outcomes.cohort.patients import FlowStep
from ikzf1_outcomes.describe.balance import (
    Caliper,
    Flags,
    Measure,
    Roles,
    Rows,
    balance_table,
    cells_of,
    complete_rows,
    everybody,
    in_sets,
    measures_of,
    roles_of,
    traits_of,
)
from ikzf1_outcomes.describe.frequencies import named_columns, rows_of
from ikzf1_outcomes.endpoint import Columns, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.resampling import generator_of

SET, CASE = "matched_set", "matched_case"
RULE = "match_cohort: exact cells, calipers, {} on the scaled distance, version 1"
INCOMPLETE, ALONE, TAKEN = "missing covariate", "no candidate", "candidates taken by other cases"
ROUNDING = 1e-9
"""A difference of exactly the caliper is within it, whatever the last bits."""


class Pairs(NamedTuple):
    """Rows of a case and of a control matched to it, and their distance; by case, then by distance."""

    case: Rows
    control: Rows
    distance: Floats


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class MatchedCohort:
    """Matched cases and controls, and who was left without a partner. `match_cohort` makes it.

    Attributes
    ----------
    cohort
        The matched patients, set by set, the case first and its controls by distance, with two more columns:
        `matched_set` (a category of whole numbers) and `matched_case` (a flag).
    """

    cohort: Cohort
    _source: Cohort
    _roles: Roles
    _measures: tuple[Measure, ...]
    _on: tuple[str, ...]
    _pairs: Pairs
    _unmatched: pd.DataFrame
    _ratio: int

    def __repr__(self) -> str:
        n_case, n_control = int(self._roles.case.sum()), len(self._pairs.control)
        return f"MatchedCohort({n_case - len(self._unmatched)} of {n_case} cases matched, {n_control} controls)"

    @property
    def pairs(self) -> pd.DataFrame:
        """One row a case and control: matched_set, case_row, row (positions in the cohort given, from 1), distance."""
        _, number = np.unique(self._pairs.case, return_inverse=True)
        rows = {SET: number + 1, "case_row": self._pairs.case + 1, "row": self._pairs.control + 1}
        return pd.DataFrame({**rows, "distance": self._pairs.distance})

    @property
    def unmatched(self) -> pd.DataFrame:
        """Cases without a control: row (position in the cohort given, from 1) and reason."""
        return self._unmatched.copy()

    def balance(self, columns: Columns | None = None) -> pd.DataFrame:
        """Means and shares of cases and controls before and after matching, with standardised differences.

        Before: all cases and all possible controls. After: the matched; a control counts one over the controls of its set.
        Differences are in standard deviations of all cases before matching, as MatchIt does it. Numbers that were matched
        by their logarithm are compared by it.

        Parameters
        ----------
        columns
            More columns, beside those matched on.

        Returns
        -------
        DataFrame
            variable, level, group (case, control; empty for differences), term (n, mean or share, standardised
            difference), contrast, before, after, scale, note.

        Raises
        ------
        ColumnError, InputError
            No such column, one named twice, or infinite numbers.
        """
        frame = rows_of(self._source)
        others = () if columns is None else named_columns(frame, columns)
        logs = {measure.name for measure in self._measures if measure.log}
        traits = [trait for name in self._on for trait in traits_of(frame, name, log=name in logs)]
        asked = [name for name in others if name not in self._on or name in logs]
        traits += [trait for name in asked for trait in traits_of(frame, name)]
        cases, set_of = np.unique(self._pairs.case, return_inverse=True)
        before = everybody(self._roles.case, self._roles.control)
        return balance_table(traits, before, in_sets(cases, self._pairs.control, set_of))

    def glance(self) -> pd.DataFrame:
        """One row: how many were matched, and why others were not.

        Returns
        -------
        DataFrame
            n (patients of the cohort), n_case, n_matched and n_unmatched (cases), n_incomplete, n_alone and n_taken
            (unmatched cases by reason: a missing covariate, no candidate, candidates taken by other cases), n_candidate
            (possible controls with known covariates), n_control (controls in the sets; with replacement one may be in
            several), n_missing (patients whose status is unknown), distance (sum over the pairs).
        """
        reasons = self._unmatched["reason"]
        complete = complete_rows(rows_of(self._source), self._on, self._measures)
        n_case, n_unmatched = int(self._roles.case.sum()), len(self._unmatched)
        row = {
            "n": len(self._source),
            "n_case": n_case,
            "n_matched": n_case - n_unmatched,
            "n_unmatched": n_unmatched,
            "n_incomplete": int((reasons == INCOMPLETE).sum()),
            "n_alone": int((reasons == ALONE).sum()),
            "n_taken": int((reasons == TAKEN).sum()),
            "n_candidate": int((self._roles.control & complete).sum()),
            "n_control": len(self._pairs.control),
            "n_missing": int(self._roles.unknown.sum()),
            "distance": float(self._pairs.distance.sum()),
        }
        return pd.DataFrame([row])

    def tidy(self) -> pd.DataFrame:
        """How many cases have how many controls.

        Returns
        -------
        DataFrame
            n_control (from the ratio asked for down to 0), n (cases), reason (of cases without a control: one row each).
        """
        size = np.bincount(np.unique(self._pairs.case, return_counts=True)[1], minlength=self._ratio + 1)
        rows: list[tuple[int, int, str]] = [(k, int(size[k]), "") for k in range(self._ratio, 0, -1)]
        rows += [(0, int((self._unmatched["reason"] == reason).sum()), reason) for reason in (INCOMPLETE, ALONE, TAKEN)]
        return pd.DataFrame(rows, columns=["n_control", "n", "reason"])


def match_cohort(
    cohort: Cohort,
    *,
    case: str | tuple[str, Any],
    on: Columns,
    controls: Any = None,
    ratio: int = 3,
    calipers: Mapping[str, Caliper] | None = None,
    replace: bool = False,
    seed: int | np.random.Generator,
) -> MatchedCohort:
    r"""Match each case with up to `ratio` controls: exactly on categories, nearest on numbers, within calipers.

    Estimand of an analysis of the sets: the effect of being a case, in those cases that found a control, for patients alike
    in the columns of `on`. What is not in `on` stays as it is. The hazard ratio comes from a Cox model with a baseline of
    its own in each set: `cox(endpoint, "matched_case", strata="matched_set")`.

    Candidates of a case are the possible controls in its cell (equal in every category of `on`) and within every caliper.
    The distance of case i and control j over the numbers k of `on` is

    .. math:: d_{ij} = \sqrt{\sum_k (z_{ik} - z_{jk})^2 / s_k^2}

    with z on the scale of its caliper and s_k the standard deviation (divisor n - 1) of z in all cases and possible
    controls with known values; without numbers it is 0. Each control serves once. Of all ways to do that, the one is
    taken that (1) leaves the fewest cases without a control, (2) uses the most controls, (3) has the least sum of
    distances, in that order. (1) and (2) never conflict: whatever cases have a control each, the rest can be filled up
    without any of them losing its last. This is an assignment problem in each cell; every case is `ratio` rows of it, the
    first of which is rewarded most.

    Edge rules. A difference of exactly the caliper is within it (1e-9, absolute or relative, is rounding). Of equally good
    ways the `seed` takes one. Patients of unknown status (empty, "not_tested", "failed", "ambiguous") are neither case nor
    control. Patients who miss a value of `on` cannot be matched: a case is counted as unmatched, a control is no candidate.
    Cases without a control are counted by reason, and the cohort's notes say how many.

    Parameters
    ----------
    cohort
        All patients.
    case
        A column of truth values, or a column and the level or levels that make a case: ("ikzf1_class", "ik6").
    on
        Columns to match on. Categories, flags and texts must agree exactly; numbers enter the distance.
    controls
        Level or levels that make a possible control; None is every known level that makes no case.
    ratio
        Most controls of a case.
    calipers
        For columns of numbers, the greatest difference: 1.0 in the column's own unit, or ("log", 0.5) for the difference of
        natural logarithms; ("log", None) takes logarithms without a limit.
    replace
        Whether a control may serve in several sets; each case then gets its nearest. A control's row is then repeated, and
        standard errors need `cluster="id"`.
    seed
        Number or generator; decides between equal distances only.

    Returns
    -------
    MatchedCohort
        `.cohort`, `.balance()`, `.glance()`, `.tidy()`, and the DataFrames `.pairs` and `.unmatched`.

    Raises
    ------
    ColumnError, InputError
        A column or level that is not there; no case or no control; a caliper of a column that is no number or is not
        matched on; a number below or equal to 0 on a log scale (row positions); a column that is known only at a patient's
        own date; no case has a candidate.

    Notes
    -----
    The design of Boer et al. 2016, doi:10.1038/leu.2015.199: three controls a case, on cytogenetic subtype, protocol, arm,
    white cell count and age, analysed by set; how near their controls had to be is not known here. What is matched on
    may be known late (a risk arm after induction): then the new columns are known as late, and an endpoint from
    diagnosis refuses them; start at a `landmark`. Optimal against greedy matching: Rosenbaum 1989, J Am Stat Assoc
    84:1024 (recalled, not verified). Checked against MatchIt and an integer programme in R.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.describe.matched_sets import match_cohort
    >>> cohort = iko.simulate_cohort(400, seed=5)
    >>> matched = match_cohort(
    ...     cohort, case=("ikzf1_deletion", "deleted"), on=["protocol", "sex", "age", "wbc"],
    ...     calipers={"age": 2.0, "wbc": ("log", 1.0)}, seed=1,
    ... )
    >>> matched.tidy()["n_control"].tolist()
    [3, 2, 1, 0, 0, 0]
    >>> int(matched.tidy()["n"].sum()) == int((cohort.frame["ikzf1_deletion"] == "deleted").sum())
    True
    """
    frame = rows_of(cohort)
    if isinstance(ratio, bool) or not isinstance(ratio, (int, np.integer)) or ratio < 1:
        raise InputError("`ratio` is a whole number of controls, at least 1", next_step="Use ratio=3, for example.")
    names = named_columns(frame, on)
    roles, status = roles_of(frame, case, controls)
    if status in names:
        raise InputError("cases and controls are matched on what tells them apart", next_step=f"Leave {status!r} out.")
    known = latest_known(cohort, (*names, status))
    measures = measures_of(frame, names, calipers or {})
    complete = complete_rows(frame, names, measures)
    cells = cells_of(frame, [name for name in names if name not in {measure.name for measure in measures}])
    found, alone = pair_up(cells, measures, roles, complete, int(ratio), replace, generator_of(seed))
    reason = np.where(alone, ALONE, TAKEN).astype(object)
    reason[~complete] = INCOMPLETE
    left = np.setdiff1d(np.flatnonzero(roles.case), found.case)
    if not len(found.case):
        raise InputError(
            "no case has a candidate", count=len(left), next_step="Widen the calipers, or match on fewer columns."
        )
    unmatched = pd.DataFrame({"row": left + 1, "reason": reason[left]})
    matched = matched_patients(cohort, roles, found, unmatched, known, replace)
    return MatchedCohort(matched, cohort, roles, measures, names, found, unmatched, int(ratio))


def latest_known(cohort: Cohort, names: Sequence[str]) -> float:
    """When the last of some columns is known, in years from diagnosis.

    Raises
    ------
    InputError
        A column is known only at a date of each patient's own.
    """
    dates = [name for name in names if isinstance(cohort.known_at(name), str)]
    if dates:
        raise InputError(
            f"column {dates[0]!r} is known only at a date of each patient's own",
            next_step="Match on what is known of everybody at one time.",
        )
    return max(float(cohort.known_at(name)) for name in names)


def pair_up(
    cells: Rows,
    measures: Sequence[Measure],
    roles: Roles,
    complete: Flags,
    ratio: int,
    replace: bool,
    rng: np.random.Generator,
) -> tuple[Pairs, Flags]:
    """Match the cases of each cell, and say which cases have no candidate."""
    pool = (roles.case | roles.control) & complete
    scaled = [(m.values, m.width, m.values[pool].std(ddof=1) if pool.sum() > 1 else 0.0) for m in measures]
    alone = np.ones(len(pool), dtype=bool)
    none = np.empty(0, dtype=np.intp)
    case, control, distance = [none], [none], [np.empty(0)]
    for cell in np.unique(cells[roles.case & complete]):
        here = pool & (cells == cell)
        # in random order, so that equal distances are decided by the seed and not by the order of the file
        rows, columns = (rng.permutation(np.flatnonzero(here & role)) for role in (roles.case, roles.control))
        apart, allowed = distances(scaled, rows, columns)
        alone[rows] = ~allowed.any(axis=1)
        i, j = nearest(apart, allowed, ratio) if replace else assigned(apart, allowed, ratio)
        case.append(rows[i])
        control.append(columns[j])
        distance.append(apart[i, j])
    together = [np.concatenate(parts) for parts in (case, control, distance)]
    order = np.lexsort((together[1], together[2], together[0]))
    return Pairs(*(frozen(part[order]) for part in together)), alone


def distances(scaled: Sequence[tuple[Floats, float, float]], rows: Rows, columns: Rows) -> tuple[Floats, Flags]:
    """Distance of each case (down) and possible control (across), and whether they are within every caliper."""
    square = np.zeros((len(rows), len(columns)))
    allowed = np.ones(square.shape, dtype=bool)
    for values, width, spread in scaled:
        gap = np.abs(values[rows][:, None] - values[columns])
        allowed &= gap <= width + ROUNDING * max(1.0, width)
        if spread > 0:
            square += (gap / spread) ** 2
    return np.sqrt(square), allowed


def nearest(apart: Floats, allowed: Flags, ratio: int) -> tuple[Rows, Rows]:
    """The nearest candidates of each case, whoever else has them."""
    reach = np.where(allowed, apart, np.inf)
    first = np.argsort(reach, axis=1, kind="stable")[:, :ratio]
    i, place = np.nonzero(np.isfinite(np.take_along_axis(reach, first, axis=1)))
    return i, first[i, place]


def assigned(apart: Floats, allowed: Flags, ratio: int) -> tuple[Rows, Rows]:
    """Most cases with a control, then most controls, then the least sum of distances; each control serves once.

    Each case is `ratio` rows. With distances scaled to at most 1 and M above the greatest number of pairs, a pair is worth
    M less its distance, and the first pair of a case M more: no sum of distances outweighs a pair, or a case. A pair that
    is not allowed is worth nothing, as no pair is.
    """
    from scipy.optimize import linear_sum_assignment

    some_i, some_j = np.flatnonzero(allowed.any(axis=1)), np.flatnonzero(allowed.any(axis=0))
    part = np.ix_(some_i, some_j)
    apart, allowed = apart[part], allowed[part]
    slots = min(ratio, len(some_j))
    greatest = float(apart[allowed].max(initial=0.0))
    near = apart / greatest if greatest > 0 else apart
    worth = 1.0 + min(len(some_i) * slots, len(some_j))
    further = np.where(allowed, near - worth, 0.0)
    cost = np.concatenate([np.where(allowed, near - 2.0 * worth, 0.0), *[further] * (slots - 1)])
    row, j = linear_sum_assignment(cost)
    taken = cost[row, j] < 0
    return some_i[row[taken] % max(len(some_i), 1)], some_j[j[taken]]


def matched_patients(
    cohort: Cohort, roles: Roles, pairs: Pairs, unmatched: pd.DataFrame, known: float, with_replacement: bool
) -> Cohort:
    """The cohort of the matched patients, set by set, with its two new columns and its flow."""
    frame, there = cohort.frame, [name for name in (SET, CASE) if name in cohort.dictionary]
    if there:
        raise InputError(f"there is a column {there[0]!r} already", next_step="Match the cohort from before the matching.")
    cases, set_of = np.unique(pairs.case, return_inverse=True)
    number = np.concatenate([np.arange(len(cases)), set_of])
    place = np.concatenate([np.full(len(cases), -1), np.arange(len(set_of))])
    order = np.lexsort((place, number))
    rows = np.concatenate([cases, pairs.control])[order]
    new = frame.iloc[rows].reset_index(drop=True)
    new[SET] = pd.Categorical.from_codes(number[order], categories=range(1, len(cases) + 1))
    new[CASE] = pd.array(place[order] < 0, dtype="boolean")
    fields = {
        SET: Field(SET, "category", "Matched set", known_at=known),
        CASE: Field(CASE, "flag", "Case of a matched set", known_at=known),
    }
    n_patients = len(np.unique(rows))
    why = ", ".join(f"{n} {reason}" for reason, n in unmatched["reason"].value_counts().items())
    note = f"matched: {len(cases)} of {int(roles.case.sum())} cases have {len(set_of)} controls"
    notes = [f"{note}; cases left out: {why}" if why else note]
    repeated = len(rows) - n_patients
    if repeated:
        notes.append(f"{repeated} rows repeat a control of another set: standard errors need cluster='id'")
    old = cohort.provenance
    step = FlowStep("matched", n_patients, len(cohort) - n_patients, "in no matched set")
    how = "nearest with replacement" if with_replacement else "optimal assignment"
    provenance = replace(old, flow=(*old.flow, step), notes=(*old.notes, *notes), rules=(*old.rules, RULE.format(how)))
    return Cohort(new, {**cohort.dictionary, **fields}, provenance)
