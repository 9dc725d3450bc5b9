"""The `[hierarchical]` part of a study file: the classes that are estimated together, and what they are adjusted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.study.checks import known, positive, positives, required, table, text, texts, whole

PART = "[hierarchical]"
LANDMARK = 0.1
BOUNDS = (7.0, 10.0, 15.0)
"""Years after which the hazard is taken to be 0, in an analysis of how much that would matter."""
KEYS = {
    "classes": "Column of the classes that are estimated together, such as ikzf1_class (required)",
    "undeleted": "Levels of it without a deletion: the comparison (list of text, default none and gain)",
    "subtype": "Column of the cytogenetic subtype (text)",
    "protocol": "Column of the protocol, whose effects are pooled (text)",
    "covariates": "Formula of further covariates, such as 'age + log(wbc)' (text)",
    "alterations": "Columns of other copy-number alterations (list of text)",
    "landmark": f"Years from which the hazards are modelled; who ends before is left out (default {LANDMARK:g})",
    "bounds": "Years after which nobody is taken to fail, beside the page's own results (list, default 7, 10 and 15)",
    "seed": "Seed of the draws (whole number, default that of [study])",
}


@dataclass(frozen=True, slots=True)
class HierarchicalPlan:
    """A `[hierarchical]` part that was read and accepted."""

    classes: str
    undeleted: tuple[str, ...]
    subtype: str
    protocol: str
    covariates: str
    alterations: tuple[str, ...]
    landmark: float
    bounds: tuple[float, ...]
    seed: int

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Columns of the cohort that each key names; those of the formula are checked with it."""
        single = {"classes": self.classes, "subtype": self.subtype, "protocol": self.protocol}
        named = {key: (name,) for key, name in single.items() if name}
        return named | {"alterations": self.alterations}


def hierarchical_plan(content: Mapping[str, Any], seed: int) -> HierarchicalPlan | None:
    """Check the `[hierarchical]` part; None without one.

    Raises
    ------
    StudyError
        A key that nobody knows, no classes, a wrong type, a column with two tasks.
    """
    if "hierarchical" not in content:
        return None
    part = table(content, "hierarchical")
    known(part, KEYS, PART)
    plan = HierarchicalPlan(
        classes=required(part, "classes", PART),
        undeleted=texts(part, "undeleted") or ("none", "gain"),
        subtype=text(part, "subtype"),
        protocol=text(part, "protocol"),
        covariates=text(part, "covariates").strip(),
        alterations=texts(part, "alterations"),
        landmark=positive(part, "landmark", LANDMARK),
        bounds=positives(part, "bounds", BOUNDS),
        seed=whole(part, "seed", seed),
    )
    named = [name for names in plan.columns.values() for name in names]
    twice = [name for name in dict.fromkeys(named) if named.count(name) > 1]
    if twice:
        raise StudyError(f"{PART} names {twice[0]!r} twice", next_step="A column has one place in the model.")
    return plan
