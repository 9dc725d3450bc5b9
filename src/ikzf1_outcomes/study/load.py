"""A study: its plan, its patients and its endpoints, all checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ikzf1_outcomes.cohort.build import read_cohort
from ikzf1_outcomes.cohort.patients import Cohort
from ikzf1_outcomes.definitions import define_endpoint
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.study.checks import nearest
from ikzf1_outcomes.study.genome import Evidence, with_genome
from ikzf1_outcomes.study.plan import Plan, read_plan
from ikzf1_outcomes.timeline import landmark

MOST_LEVELS = 60


class Study(NamedTuple):
    """A plan with its patients and endpoints."""

    plan: Plan
    cohort: Cohort
    endpoints: Mapping[str, Endpoint]
    labels: Mapping[str, str]
    evidence: Evidence | None = None

    @property
    def simulated(self) -> bool:
        """Whether the patients are simulated."""
        return self.cohort.provenance.simulated


def load_study(path: str | Path) -> Study:
    """Read a study file and its patients, and define its endpoints.

    Parameters
    ----------
    path
        The study file (TOML).

    Returns
    -------
    Study
        Everything checked: nothing in a run can fail on its input after this.

    Raises
    ------
    StudyError, CohortError, InputError
        Whatever is wrong with the study file, the patients or the endpoints.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.study.demo import demo_study
    >>> study = iko.load_study(demo_study())
    >>> len(study.cohort), study.simulated, list(study.endpoints)
    (109, True, ['EFS', 'RELAPSE', 'OS'])
    """
    plan = read_plan(path)
    cohort, evidence = read_cohort(plan.file, **plan.cohort), None
    if plan.genome is not None:
        cohort, evidence = with_genome(cohort, plan.genome)
    endpoints = {name: define_endpoint(cohort, name, **policy) for name, policy in plan.endpoints.items()}
    # completeness of follow-up needs everybody's data cut-off, on a clock that starts at diagnosis
    if "cutoff" in cohort.dictionary and cohort.frame["cutoff"].notna().all() and cohort.provenance.origin == "diagnosis":
        plan = replace(plan, settings=plan.settings._replace(potential="cutoff"))
    for variable in (*plan.groups, *plan.landmarks):
        if variable not in cohort.dictionary:
            raise StudyError(
                f"[analysis]: the cohort has no column {variable!r}", next_step=nearest(variable, list(cohort.dictionary))
            )
    labels = {name: field.label for name, field in cohort.dictionary.items()}
    study = Study(plan, cohort, endpoints, labels, evidence)
    for variable in plan.groups:
        for endpoint in endpoints_of(study, variable).values():
            levels = endpoint.groups(variable).levels
            if len(levels) > MOST_LEVELS:
                raise StudyError(
                    f"[analysis] groups: {variable!r} has {len(levels)} levels",
                    next_step="Group it into fewer levels first.",
                )
    return study


def endpoints_of(study: Study, variable: str | None) -> Mapping[str, Endpoint]:
    """The endpoints for a variable: at its landmark when the study names one."""
    at = study.plan.landmarks.get(variable or "")
    if at is None:
        return study.endpoints
    moved = {}
    for name, endpoint in study.endpoints.items():
        late = landmark(endpoint, at)
        sentence = (
            f"Follow-up starts at the landmark of {at:g} years, because {study.labels[str(variable)]} is known only then."
        )
        moved[name] = replace(late, policy=(*late.policy, sentence, late.notes[-1].capitalize() + "."))
    return moved
