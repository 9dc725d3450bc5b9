"""The patients and the numbers of a ladder of the `[added_value]` part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.effects.side_by_side import MULTIVARIABLE, UNIVARIABLE, attempted
from ikzf1_outcomes.endpoint import Endpoint, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError, StudyError
from ikzf1_outcomes.formula import design
from ikzf1_outcomes.formula.grammar import read_terms
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.proportional_hazards import cox
from ikzf1_outcomes.prognosis.all_features import global_test
from ikzf1_outcomes.prognosis.calibration_of_risks import MEASURE_COLUMNS, POINT_COLUMNS, calibration_curve
from ikzf1_outcomes.prognosis.held_out import held_out_risks
from ikzf1_outcomes.prognosis.horizons import times_of
from ikzf1_outcomes.prognosis.ladder import AddedValue, added_value, refuse_weights
from ikzf1_outcomes.prognosis.net_benefit import ALL, NONE, decision_curve
from ikzf1_outcomes.prognosis.rung_fits import study_of
from ikzf1_outcomes.prognosis.rung_measures import even_grid, measuring_of
from ikzf1_outcomes.prognosis.rungs import columns_of, ladder_of
from ikzf1_outcomes.results import Settings
from ikzf1_outcomes.study.added_value_plan import PART, LadderPlan
from ikzf1_outcomes.study.checks import nearest
from ikzf1_outcomes.study.kinome import KinomeEvidence
from ikzf1_outcomes.study.kinome_plan import KinomePlan

Known = Callable[[str, Sequence[str]], Endpoint]
"""From an endpoint and columns to the endpoint from their landmark on, open levels missing."""
GROUP_SIZE, MOST_GROUPS = 20, 5
"""Patients in a group of the calibration, and how many groups there are at most."""
CALIBRATION = list(dict.fromkeys(("measure", *POINT_COLUMNS, *MEASURE_COLUMNS)))
RATIOS = (
    "model", "term", "contrast", "cause", "n", "n_event", "estimate", "std_error", "low", "high", "conf_level", "interval",
    "scale", "p_value", "note",
)  # fmt: skip

PERMUTATIONS = 9999
"""Of the global tests."""


class Arrays(NamedTuple):
    """The arrays of a study, for its ladders."""

    sample: str
    """Column of the patients that names their array."""
    values: pd.DataFrame
    """Log2 intensities, a row an array, by name."""
    sets: Mapping[str, Sequence[str]]
    known_at: float

    def of(self, endpoint: Endpoint) -> pd.DataFrame:
        """The arrays of an endpoint's rows, missing where there is none."""
        return self.values.reindex(endpoint.frame[self.sample].astype(object)).reset_index(drop=True)


def arrays_of(evidence: KinomeEvidence | None, plan: KinomePlan | None) -> Arrays | None:
    """The arrays of a `[kinome]` part; None without one."""
    if evidence is None or plan is None:
        return None
    values = evidence.values.T.set_axis(pd.Index(evidence.patients[plan.sample].astype(object)), axis=0)
    return Arrays(plan.sample, values, evidence.sets, plan.known_at or 0.0)


class Asked(NamedTuple):
    """A ladder with its patients."""

    plan: LadderPlan
    endpoint: Endpoint
    cause: str | None
    times: tuple[float, ...]
    scored: Endpoint | None
    """The patients of the ratios of effect and scores."""
    tested: Endpoint | None
    """The patients of the global tests."""
    arrays: Arrays | None


def asked_of(plan: LadderPlan, known: Known, columns: Sequence[str], settings: Settings, arrays: Arrays | None) -> Asked:
    """The endpoint of a ladder, of its patients and at its times.

    Raises
    ------
    StudyError
        A column that is not there; a formula that cannot be read; no time.
    """
    ladder = columns_named(plan, "ladder", list(plan.ladder.values()), columns)
    effect = columns_named(plan, "effect", [[plan.effect]], columns) if plan.effect else []
    scores = columns_named(plan, "scores", [plan.scores], columns) if plan.scores else []
    adjust = columns_named(plan, "adjust", [plan.adjust], columns) if plan.adjust else []
    endpoint = known(plan.endpoint, ladder)
    times = plan.times or tuple(time for time in settings.times if 0 < time <= settings.horizon)
    if not times:
        raise StudyError(f"{title_of(plan)} times: none up to the horizon", next_step="Name times.")
    scored = known(plan.endpoint, [*effect, *scores, *adjust]) if effect else None
    tested = None
    if plan.global_tests:
        if arrays is None:
            raise StudyError(f"{title_of(plan)} global_tests: the study has no arrays", next_step="Add [kinome].")
        if arrays.known_at > 0:
            hint = "Use scores, with a landmark."
            raise StudyError(f"{title_of(plan)} global_tests: the arrays are known after the start only", next_step=hint)
        tested = known(plan.endpoint, columns_named(plan, "ladder", [first_rung(plan)], columns))
    return Asked(plan, endpoint, plan.cause or endpoint.interest, times, scored, tested, arrays)


def first_rung(plan: LadderPlan) -> str | list[str]:
    """The terms of the first rung."""
    terms = next(iter(plan.ladder.values()))
    return terms if isinstance(terms, str) else list(terms)


def title_of(plan: LadderPlan) -> str:
    """The part, with the name of the ladder where it has one."""
    return f"{PART} {plan.name}" if plan.name else PART


def columns_named(plan: LadderPlan, key: str, parts: Sequence[str | Sequence[str]], columns: Sequence[str]) -> list[str]:
    """Columns that some terms read, all of which there are."""
    try:
        found = columns_of([term for terms in parts for term in read_terms(terms)])
    except InputError as failure:
        raise StudyError(f"{title_of(plan)} {key}: {failure.problem}", next_step=failure.next_step) from None
    for name in found:
        if name not in columns:
            raise StudyError(
                f"{title_of(plan)} {key}: the cohort has no column {name!r}", next_step=nearest(name, list(columns))
            )
    return found


def check_ladder(plan: LadderPlan, known: Known, columns: Sequence[str], settings: Settings, arrays: Arrays | None) -> None:
    """Refuse a ladder that could not be climbed, before anything is computed.

    Raises
    ------
    StudyError
        As said.
    """
    asked = asked_of(plan, known, columns, settings, arrays)
    reserved = {ALL, NONE, "difference", "no covariates"} & set(plan.ladder)
    if reserved:
        raise StudyError(f"{title_of(plan)} ladder: {min(reserved)!r} means something else", next_step="Rename the rung.")
    try:
        refuse_weights(asked.endpoint)
        if asked.cause is not None:
            asked.endpoint.cause_code(asked.cause)
        ladder = ladder_of(asked.endpoint, plan.ladder, None, plan.choices or None, None)
        n_event = int(ladder.endpoint.ends_with(asked.cause).sum())
        if n_event < 2:
            raise InputError("fewer than two events among those with every term known", count=n_event)
        at = times_of(ladder.endpoint, sorted({*asked.times, *([plan.decision.at] if plan.decision else [])}))
        study = study_of(ladder, asked.cause, np.union1d(at, even_grid(ladder.endpoint, at[-1])))
        measuring_of(study, at).standing(np.ones(len(ladder.endpoint), dtype=np.intp))
        if asked.scored is not None:
            scored_patients(asked)
        if asked.tested is not None:
            set_rows(asked, 0)
    except (InputError, ConvergenceError) as failure:
        raise StudyError(
            f"{title_of(plan)}, {plan.endpoint}: {failure.problem}", count=failure.count, next_step=failure.next_step
        ) from None


class Climbing:
    """A ladder whose numbers are computed when they are first asked for.

    Parameters
    ----------
    asked
        The ladder with its patients.
    conf_level
        Level of the intervals.
    """

    def __init__(self, asked: Asked, conf_level: float) -> None:
        self.asked, self.conf_level = asked, conf_level

    @cached_property
    def found(self) -> AddedValue:
        """Tests and measures of the rungs."""
        asked, plan = self.asked, self.asked.plan
        return added_value(
            asked.endpoint, plan.ladder, times=asked.times, cause=asked.cause, resamples=plan.resamples, seed=plan.seed,
            simulations=plan.simulations, choose=plan.choices or None, conf_level=self.conf_level,
        )  # fmt: skip

    @cached_property
    def unseen(self) -> tuple[Endpoint, dict[str, Floats], dict[str, Floats], str]:
        """The patients, their risks by the last time and by that of the decision, and why there are none."""
        asked, plan = self.asked, self.asked.plan
        ladder = ladder_of(asked.endpoint, plan.ladder, None, plan.choices or None, None)
        at = times_of(ladder.endpoint, [asked.times[-1]])[0]
        decided = at if plan.decision is None else times_of(ladder.endpoint, [plan.decision.at])[0]
        study = study_of(ladder, asked.cause, np.union1d(at, decided))
        try:
            risks = held_out_risks(study, seed=plan.seed)
        except (InputError, ConvergenceError) as failure:
            return ladder.endpoint, {}, {}, failure.problem
        by_rung = [dict(zip(plan.ladder, risks[:, :, np.searchsorted(study.times, t)], strict=True)) for t in (at, decided)]
        return ladder.endpoint, by_rung[0], by_rung[1], ""

    def measures(self) -> pd.DataFrame:
        """Of `added_value`, `.tidy()`."""
        return self.found.tidy()

    def rungs(self) -> pd.DataFrame:
        """Of `added_value`, `.glance()`."""
        return self.found.glance()

    def calibration(self) -> pd.DataFrame:
        """Observed against predicted risk in groups; then observed / expected and slope, which have a `measure`."""
        endpoint, risks, _, problem = self.unseen
        if problem:
            rows = [{"term": rung, "note": f"not estimable: {problem}"} for rung in self.asked.plan.ladder]
            return pd.DataFrame(rows).reindex(columns=CALIBRATION)
        made = calibration_curve(
            endpoint,
            risks,
            at=self.asked.times[-1],
            cause=self.asked.cause,
            groups=max(2, min(MOST_GROUPS, len(endpoint) // GROUP_SIZE)),
            conf_level=self.conf_level,
        )
        return pd.concat([made.tidy().assign(measure=""), made.glance()], ignore_index=True)[CALIBRATION]

    def decision(self) -> pd.DataFrame:
        """Net benefit along the thresholds of the decision; nothing without one."""
        plan = self.asked.plan
        endpoint, _, risks, problem = self.unseen
        if plan.decision is None or problem:
            return pd.DataFrame({"term": [], "note": []})
        made = decision_curve(
            endpoint, risks, at=plan.decision.at, thresholds=plan.decision.thresholds, cause=self.asked.cause,
            resamples=plan.resamples, seed=plan.seed, conf_level=self.conf_level,
        )  # fmt: skip
        return made.tidy()

    def sets(self) -> pd.DataFrame:
        """Global tests of the sets of peptides; nothing where none were asked for."""
        return set_rows(self.asked, PERMUTATIONS)

    def ratios(self) -> pd.DataFrame:
        """Effect before and after the scores, each score in all and within the levels of the effect."""
        if self.asked.scored is None:
            return pd.DataFrame({"term": [], "note": []})
        return ratio_rows(self.asked, self.conf_level)


def set_rows(asked: Asked, permutations: int) -> pd.DataFrame:
    """Global tests of all peptides and of each set, beside the terms of the first rung."""
    plan, tested, arrays = asked.plan, asked.tested, asked.arrays
    if tested is None or arrays is None:
        return pd.DataFrame({"term": [], "note": []})
    sets = dict(arrays.sets) or None
    found = global_test(
        tested, arrays.of(tested), adjust=first_rung(plan), cause=asked.cause, sets=sets, permutations=permutations,
        seed=plan.seed,
    )  # fmt: skip
    return found.tidy()


def scored_patients(asked: Asked) -> Endpoint:
    """The patients in whom effect, scores and adjustment are known; scores have mean 0 and SD 1 among them.

    Raises
    ------
    InputError
        Nobody; a score that is no number, or the same for all; an effect of one level; no event.
    """
    plan, whole = asked.plan, asked.scored
    assert whole is not None
    own = take_rows(whole, design(whole, " + ".join(terms_of(plan, plan.effect, *plan.scores))).keep)
    if not own.ends_with(asked.cause).any():
        raise InputError("no events among those with effect and scores known", count=0)
    if own.frame[plan.effect].nunique() < 2:
        raise InputError(f"those with every score have one level of {plan.effect!r}", next_step="Leave the scores out.")
    for score in plan.scores:
        column = own.frame[score]
        if not pd.api.types.is_numeric_dtype(column) or column.std() == 0:
            raise InputError(f"the score {score!r} is no number, or the same in all", next_step="Name numbers.")
        own = own.with_column(score, (column - column.mean()) / column.std())
    return own


def terms_of(plan: LadderPlan, *terms: str) -> list[str]:
    """Terms beside those of the adjustment."""
    return [*terms, *([plan.adjust] if plan.adjust else [])]


def ratio_rows(asked: Asked, conf_level: float) -> pd.DataFrame:
    """Hazard ratios with Firth's penalty; scores per SD of all these patients, also within a level."""
    plan, own = asked.plan, scored_patients(asked)

    def fitted(endpoint: Endpoint, term: str, *others: str) -> pd.DataFrame:
        formula = " + ".join(terms_of(plan, term, *others))
        fit = partial(cox, endpoint, formula, cause=asked.cause, penalty="firth", conf_level=conf_level)
        table = attempted(fit, design(endpoint, formula), asked.cause, tested=False)
        return table[table["term"] == term]

    parts = [
        fitted(own, plan.effect).assign(model=UNIVARIABLE),
        fitted(own, plan.effect, *plan.scores).assign(model=MULTIVARIABLE),
    ]
    groups = own.groups(plan.effect)
    for score in plan.scores:
        parts += [
            fitted(own, score).assign(model=UNIVARIABLE),
            fitted(own, score, plan.effect).assign(model=MULTIVARIABLE),
        ]
        for code, level in enumerate(groups.levels):
            some = groups.codes == code
            if some.any():
                within = fitted(take_rows(own, some), score)
                parts.append(within.assign(model=MULTIVARIABLE, contrast=str(level)))
    return pd.concat(parts, ignore_index=True)[list(RATIOS)]
