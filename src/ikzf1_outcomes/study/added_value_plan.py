"""The `[added_value]` part of a study file: ladders of models, and the decisions that their risks stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.study.checks import is_number, known, nearest, positive, positives, required, table, text, texts, whole

PART = "[added_value]"
RESAMPLES, SIMULATIONS, FEWEST = 500, 999, 20
KEYS = {
    "name": "What the ladder is called on the page (text; required where [[added_value]] stands several times)",
    "endpoint": "One of the endpoints (required)",
    "cause": "Cause whose risk is predicted (default that of the endpoint, any event where it has none)",
    "times": "Years at which risks are predicted (list, default [analysis] times up to the horizon)",
    "ladder": "Rungs in their order: name = formula, or list of columns, that it adds (table of two or more, required)",
    "choose": 'Rungs that choose among their terms: name = "elastic_net", or the q-value of a screen (table)',
    "decision": "at (years), thresholds (list of risks) and what (the decision in a sentence): all three, or no decision",
    "effect": "Column whose ratio is shown before and after adjustment for the scores",
    "scores": "Numbers whose ratios per standard deviation are shown, in all and within the levels of effect (list)",
    "adjust": "Formula of terms in all models of effect and scores (text)",
    "global_tests": "Whether each set of [kinome] is tested as one hypothesis, beside the first rung (default false)",
    "resamples": f"Of the bootstrap (whole number, default {RESAMPLES}; 0 for none)",
    "simulations": f"Of the test with few events (whole number, default {SIMULATIONS}; 0 for none)",
    "seed": "Seed (whole number, default that of [study])",
}
DECISION = ("at", "thresholds", "what")


@dataclass(frozen=True, slots=True)
class Decision:
    """Who is treated from which risk on: from the study file alone."""

    at: float
    thresholds: tuple[float, ...]
    what: str


@dataclass(frozen=True, slots=True)
class LadderPlan:
    """A ladder that was read and accepted."""

    name: str
    endpoint: str
    cause: str
    times: tuple[float, ...]
    """Empty: those of the analysis."""
    ladder: Mapping[str, str | tuple[str, ...]]
    choose: Mapping[str, str | float]
    decision: Decision | None
    effect: str
    scores: tuple[str, ...]
    adjust: str
    global_tests: bool
    resamples: int
    simulations: int
    seed: int

    @property
    def choices(self) -> dict[str, Any]:
        """How rungs choose, as `added_value` takes it."""
        return {rung: way if isinstance(way, str) else ("screen", way) for rung, way in self.choose.items()}


def added_value_plan(content: Mapping[str, Any], endpoints: list[str], seed: int) -> tuple[LadderPlan, ...]:
    """Check the `[added_value]` part, or the parts `[[added_value]]`; none without one.

    Raises
    ------
    StudyError
        A key that nobody knows, no endpoint or ladder, a decision in part, two ladders of one name.
    """
    if "added_value" not in content:
        return ()
    given = content["added_value"]
    parts = given if isinstance(given, list) else [given]
    if not parts or not all(isinstance(part, dict) for part in parts):
        raise StudyError(f"{PART} must be a table", next_step="Write [added_value], or [[added_value]] for each ladder.")
    plans = tuple(ladder_plan(part, endpoints, seed) for part in parts)
    names = [plan.name for plan in plans]
    if len(plans) > 1 and ("" in names or len(set(names)) < len(names)):
        raise StudyError(f"{PART}: several ladders need a name each", next_step='Write name = "..." in each.')
    return plans


def ladder_plan(part: Mapping[str, Any], endpoints: list[str], seed: int) -> LadderPlan:
    """One ladder."""
    known(part, KEYS, PART)
    endpoint = required(part, "endpoint", PART)
    if endpoint not in endpoints:
        raise StudyError(f"{PART} endpoint: the study has no {endpoint!r}", next_step=nearest(endpoint, endpoints))
    ladder = ladder_of(part)
    choose = choices_of(part, list(ladder))
    plan = LadderPlan(
        name=text(part, "name").strip(),
        endpoint=endpoint,
        cause=text(part, "cause"),
        times=positives(part, "times", ()) if "times" in part else (),
        ladder=ladder,
        choose=choose,
        decision=decision_of(part),
        effect=text(part, "effect"),
        scores=texts(part, "scores"),
        adjust=text(part, "adjust").strip(),
        global_tests=part.get("global_tests", False),
        resamples=whole(part, "resamples", RESAMPLES),
        simulations=whole(part, "simulations", SIMULATIONS),
        seed=whole(part, "seed", seed),
    )
    if "times" in part and not plan.times:
        raise StudyError(f"{PART} times: none is named", next_step="Leave times out, or name some.")
    check_together(plan)
    return plan


def check_together(plan: LadderPlan) -> None:
    """Refuse what does not go together, and numbers that are none."""
    if 0 < plan.resamples < FEWEST:
        raise StudyError(f"{PART} resamples: fewer than {FEWEST}", next_step="500 serve, 0 makes none.")
    if not isinstance(plan.global_tests, bool):
        raise StudyError(f"{PART} global_tests must be true or false")
    if bool(plan.effect) != bool(plan.scores):
        raise StudyError(f"{PART}: effect and scores go together", next_step="Name both, or neither.")
    if plan.effect in plan.scores:
        raise StudyError(f"{PART}: {plan.effect!r} is effect and score", next_step="It is one of both.")


def ladder_of(part: Mapping[str, Any]) -> dict[str, str | tuple[str, ...]]:
    """The rungs in their order."""
    rungs = table(part, "ladder")
    if len(rungs) < 2:
        hint = 'As in clinical = "age + log(wbc)", ikzf1 = "ikzf1_class".'
        raise StudyError(f"{PART} ladder: two rungs or more are required", next_step=hint)
    return {name: rung_of(name, terms) for name, terms in rungs.items()}


def choices_of(part: Mapping[str, Any], rungs: list[str]) -> dict[str, str | float]:
    """How rungs choose; the first does not."""
    choose = table(part, "choose")
    known(choose, rungs[1:], f"{PART} choose")
    for rung, way in choose.items():
        if way != "elastic_net" and not (is_number(way) and 0 < way < 1):
            hint = 'Use "elastic_net", or 0.1 for a screen.'
            raise StudyError(f"{PART} choose: {rung!r} has no such way", next_step=hint)
    return {rung: way if isinstance(way, str) else float(way) for rung, way in choose.items()}


def rung_of(name: str, terms: Any) -> str | tuple[str, ...]:
    """The terms of a rung."""
    listed = isinstance(terms, list) and terms and all(isinstance(term, str) and term.strip() for term in terms)
    if not name.strip() or not (listed or (isinstance(terms, str) and terms.strip())):
        raise StudyError(
            f"{PART} ladder: {name!r} names no terms", next_step='As in "age + log(wbc)" or ["cdkn2a", "pax5"].'
        )
    return tuple(terms) if listed else str(terms)


def decision_of(part: Mapping[str, Any]) -> Decision | None:
    """The decision that risks stand for; None where the study states none."""
    if "decision" not in part:
        return None
    given, where = table(part, "decision"), f"{PART} decision"
    known(given, DECISION, where)
    missing = [key for key in DECISION if key not in given]
    if missing:
        raise StudyError(f"{where}: {missing[0]} is required", next_step="It has no default: it belongs to the decision.")
    thresholds = positives(given, "thresholds", ())
    if not thresholds or thresholds[-1] >= 1:
        raise StudyError(f"{where}: thresholds are risks below 1", next_step="As in thresholds = [0.1, 0.2, 0.3].")
    return Decision(positive(given, "at", 0.0), thresholds, required(given, "what", where))
