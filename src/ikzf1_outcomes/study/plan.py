"""The study file: everything a run needs, checked before anything is read or computed."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ikzf1_outcomes.cohort.build import read_cohort
from ikzf1_outcomes.curves.intervals import CONF_TYPES
from ikzf1_outcomes.definitions import ENDPOINTS, define_endpoint
from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.results import Settings
from ikzf1_outcomes.study.added_value_plan import KEYS as ADDED_VALUE_KEYS
from ikzf1_outcomes.study.added_value_plan import LadderPlan, added_value_plan
from ikzf1_outcomes.study.checks import (
    choice,
    is_number,
    known,
    nearest,
    numbers,
    positive,
    required,
    table,
    text,
    texts,
    whole,
)
from ikzf1_outcomes.study.genome_plan import KEYS, GenomePlan, genome_plan
from ikzf1_outcomes.study.hierarchical_plan import KEYS as HIERARCHICAL_KEYS
from ikzf1_outcomes.study.hierarchical_plan import HierarchicalPlan, hierarchical_plan
from ikzf1_outcomes.study.kinome_plan import KEYS as KINOME_KEYS
from ikzf1_outcomes.study.kinome_plan import KinomePlan, kinome_plan

SECTIONS: dict[str, dict[str, str]] = {
    "study": {
        "title": "Title of the report (text, required)",
        "question": "The question that the study asks, in one or two sentences (text)",
        "notice": "What a reader must know before anything else, such as a licence or a limit of the data (text)",
        "treated_by_ikzf1": "Levels of protocol that chose treatment by IKZF1 status (list of text)",
        "seed": "Seed of whatever is random (whole number, default 1)",
    },
    "cohort": {
        "file": "Patient file, relative to the study file (required)",
        **dict.fromkeys(list(inspect.signature(read_cohort).parameters)[1:], "See read_cohort"),
    },
    "analysis": {
        "groups": "Columns to group by, each a block of the outcome table (list of text)",
        "horizon": "Time of the main estimates, in years (default 5)",
        "times": "Times of the estimates in results.csv, in years (default 1, 3 and the horizon)",
        "conf_type": "plain, log, log-log, logit or arcsin (default log-log)",
        "conf_level": "Level of the intervals (default 0.95)",
        "std_error": "greenwood or peto (default greenwood)",
        "style": "interval prints '63 (49-74)', error prints '63 ± 6' (default interval)",
        "strata": "Columns within which groups are compared by the tests (list of text)",
        "follow_up": "Endpoint from which follow-up is measured (default OS, else the first)",
        "effects": "Columns whose effects are shown alone and adjusted for each other (list of text)",
        "effect_strata": "Columns with own baselines in the models of effects (list; default strata, else protocol)",
        "subgroups": "Columns within whose levels the effect of subgroup_variable is shown (list of text)",
        "subgroup_variable": "Column whose effect subgroups and through show (default the first of effects)",
        "by_mrd": "Column of residual disease within whose groups IKZF1 is shown; it needs its landmark",
        "through": "Columns known after baseline that the effect is shown without and with (list of text)",
        "landmarks": "Column to landmark in years, for groups known only after the start (table)",
    },
    "genome": KEYS,
    "hierarchical": HIERARCHICAL_KEYS,
    "kinome": KINOME_KEYS,
    "added_value": ADDED_VALUE_KEYS,
}
POLICIES = list(inspect.signature(define_endpoint).parameters)[2:]


@dataclass(frozen=True, slots=True)
class Plan:
    """A study file that was read and accepted."""

    path: Path
    title: str
    question: str
    notice: str
    seed: int
    file: Path
    cohort: Mapping[str, Any]
    endpoints: Mapping[str, Mapping[str, Any]]
    groups: tuple[str, ...]
    landmarks: Mapping[str, float]
    effects: tuple[str, ...]
    settings: Settings
    style: str
    effect_strata: tuple[str, ...] | None = None
    """None where the study file does not say."""
    subgroups: tuple[str, ...] = ()
    subgroup_variable: str = ""
    by_mrd: str = ""
    through: tuple[str, ...] = ()
    treated_by_ikzf1: tuple[str, ...] = ()
    genome: GenomePlan | None = None
    hierarchical: HierarchicalPlan | None = None
    kinome: KinomePlan | None = None
    added_value: tuple[LadderPlan, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """The data files that the results depend on."""
        parts = (self.genome, self.kinome)
        return (self.file, *(file for part in parts if part is not None for file in part.files))

    @property
    def baseline_terms(self) -> tuple[str, ...]:
        """The other effects, which both models of `through` have."""
        return tuple(name for name in self.effects if name not in (self.subgroup_variable, *self.through))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the cohort that the analysis names."""
        single = tuple(name for name in (self.subgroup_variable, self.by_mrd) if name)
        named = (*self.groups, *self.landmarks, *self.effects, *(self.effect_strata or ()), *self.subgroups)
        return (*named, *single, *self.through)


def read_plan(path: str | Path) -> Plan:
    """Read and check a study file (TOML).

    Parameters
    ----------
    path
        The file. Sections: `[study]`, `[cohort]`, `[genome]`, `[kinome]`, `[endpoints.NAME]` for each endpoint,
        `[analysis]`, `[hierarchical]`, `[added_value]`; `schema()` lists all keys.

    Returns
    -------
    Plan

    Raises
    ------
    StudyError
        Not TOML; a key that is not known (with the nearest known one); a required key that is missing; a wrong type.
    """
    file = Path(path)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"there is no study file {file.name!r}", next_step="Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise StudyError(f"{file.name!r} is not a TOML file: {error}", next_step="See `ikzf1-outcomes schema`.") from None
    known(content, [*SECTIONS, "endpoints"], "the study file")
    for section, keys in SECTIONS.items():
        if section == "added_value":  # may be several, and is checked by itself
            continue
        known(table(content, section), keys, f"[{section}]")
    study, cohort, analysis = (table(content, name) for name in ("study", "cohort", "analysis"))
    endpoints = table(content, "endpoints")
    for name, policy in endpoints.items():
        known({name: policy}, ENDPOINTS, "[endpoints]")
        if not isinstance(policy, dict):
            raise StudyError(f"[endpoints.{name}] must be a table", next_step=f"Write [endpoints.{name}] on its own line.")
        known(policy, POLICIES, f"[endpoints.{name}]")
    if not endpoints:
        raise StudyError("no endpoint is named", next_step="Add a line such as [endpoints.EFS].")
    data = required(cohort, "file", "[cohort]")
    source = file.parent / data
    if not source.is_file():
        raise StudyError(f"[cohort] file: there is no file {Path(data).name!r}", next_step="Paths start at the study file.")
    arguments = {key: value for key, value in cohort.items() if key != "file"}
    plan = Plan(
        path=file,
        title=required(study, "title", "[study]"),
        question=text(study, "question"),
        notice=text(study, "notice"),
        seed=whole(study, "seed", 1),
        file=source,
        cohort=arguments,
        endpoints=endpoints,
        groups=texts(analysis, "groups"),
        landmarks=numbers(analysis, "landmarks"),
        effects=texts(analysis, "effects"),
        settings=settings(analysis, list(endpoints)),
        style=choice(analysis, "style", ("interval", "error")),
        genome=genome_plan(content, file.parent),
        effect_strata=texts(analysis, "effect_strata") if "effect_strata" in analysis else None,
        subgroups=texts(analysis, "subgroups"),
        subgroup_variable=text(analysis, "subgroup_variable") or next(iter(texts(analysis, "effects")), ""),
        by_mrd=text(analysis, "by_mrd"),
        through=texts(analysis, "through"),
        treated_by_ikzf1=texts(study, "treated_by_ikzf1"),
        hierarchical=hierarchical_plan(content, whole(study, "seed", 1)),
        kinome=kinome_plan(content, file.parent, whole(study, "seed", 1)),
        added_value=added_value_plan(content, list(endpoints), whole(study, "seed", 1)),
    )
    check_effects(plan)
    return plan


def check_effects(plan: Plan) -> None:
    """Refuse parts of [analysis] that do not go together."""
    both = [name for name in plan.effect_strata or () if name in plan.effects]
    if both:
        raise StudyError(
            f"[analysis] effect_strata: {both[0]!r} is one of the effects too",
            next_step="It is a term or a stratum, not both.",
        )
    for key, names in (("subgroups", plan.subgroups), ("through", plan.through)):
        if names and not plan.subgroup_variable:
            raise StudyError(f"[analysis] {key} needs a variable", next_step="Name subgroup_variable, or effects.")
        if plan.subgroup_variable in names:
            raise StudyError(
                f"[analysis] {key}: {plan.subgroup_variable!r} is the variable itself", next_step="Name other columns."
            )
    for key, names in (("through", plan.through), ("by_mrd", (plan.by_mrd,) if plan.by_mrd else ())):
        late = [name for name in names if name not in plan.landmarks]
        if late:
            raise StudyError(
                f"[analysis] {key}: {late[0]!r} has no landmark",
                next_step=f"Add {late[0]} to [analysis.landmarks], in years.",
            )


def settings(analysis: Mapping[str, Any], endpoints: list[str]) -> Settings:
    """The settings of the results."""
    horizon = positive(analysis, "horizon", 5.0)
    times = analysis.get("times", [1.0, 3.0, horizon])
    if not isinstance(times, list) or not times or not all(is_number(t) and t >= 0 for t in times):
        raise StudyError("[analysis] times must be a list of years that are not negative")
    level = positive(analysis, "conf_level", 0.95)
    if level >= 1:
        raise StudyError("[analysis] conf_level must lie between 0 and 1", next_step="Write 0.95 for 95 %.")
    follow = analysis.get("follow_up", "OS" if "OS" in endpoints else endpoints[0])
    if follow not in endpoints:
        raise StudyError("[analysis] follow_up must be one of the endpoints", next_step=nearest(str(follow), endpoints))
    return Settings(
        horizon=horizon,
        times=tuple(float(t) for t in times),
        conf_type=choice(analysis, "conf_type", ("log-log", *CONF_TYPES)),
        conf_level=level,
        std_error=choice(analysis, "std_error", ("greenwood", "peto")),
        strata=texts(analysis, "strata"),
        follow_up_endpoint=follow,
    )
