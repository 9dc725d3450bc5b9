"""A study: its plan, its patients and its endpoints, all checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ikzf1_outcomes.cohort.build import read_cohort
from ikzf1_outcomes.cohort.patients import Cohort
from ikzf1_outcomes.definitions import define_endpoint
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError, StudyError
from ikzf1_outcomes.formula import design
from ikzf1_outcomes.genome.calls import UNKNOWN
from ikzf1_outcomes.study.checks import nearest
from ikzf1_outcomes.study.genome import Evidence, with_genome
from ikzf1_outcomes.study.hierarchical import check_columns, check_hierarchical
from ikzf1_outcomes.study.kinome import KinomeEvidence, with_kinome
from ikzf1_outcomes.study.ladders import arrays_of, check_ladder
from ikzf1_outcomes.study.plan import Plan, read_plan
from ikzf1_outcomes.timeline import landmark

PROTOCOL = "protocol"
IKZF1_GROUPINGS = ("ikzf1_class", "ikzf1_plus")
"""Columns of IKZF1 that are shown within residual disease."""
MOST_LEVELS = 60
BY_MRD_ENDPOINTS = ("EFS", "RELAPSE")
"""Endpoints of the section on residual disease and IKZF1."""
NOT_KNOWN = (*UNKNOWN, "unclassifiable", "inconclusive")
"""Words of calls and profiles that leave a level open."""


class Study(NamedTuple):
    """A plan with its patients and endpoints."""

    plan: Plan
    cohort: Cohort
    endpoints: Mapping[str, Endpoint]
    labels: Mapping[str, str]
    evidence: Evidence | None = None
    kinome: KinomeEvidence | None = None

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
    cohort, evidence, kinome = read_cohort(plan.file, **plan.cohort), None, None
    if plan.genome is not None:
        cohort, evidence = with_genome(cohort, plan.genome)
    if plan.kinome is not None:
        cohort, kinome = with_kinome(cohort, plan.kinome)
    endpoints = {name: define_endpoint(cohort, name, **policy) for name, policy in plan.endpoints.items()}
    # completeness of follow-up needs everybody's data cut-off, on a clock that starts at diagnosis
    if "cutoff" in cohort.dictionary and cohort.frame["cutoff"].notna().all() and cohort.provenance.origin == "diagnosis":
        plan = replace(plan, settings=plan.settings._replace(potential="cutoff"))
    for variable in plan.columns:
        if variable not in cohort.dictionary:
            raise StudyError(
                f"[analysis]: the cohort has no column {variable!r}", next_step=nearest(variable, list(cohort.dictionary))
            )
    labels = {name: field.label for name, field in cohort.dictionary.items()}
    study = Study(plan, cohort, endpoints, labels, evidence, kinome)
    check_effects(study)
    check_models(study)
    if plan.hierarchical is not None:
        check_columns(plan.hierarchical, list(cohort.dictionary))
        check_hierarchical(plan.hierarchical, together(study), plan.settings.horizon)
    for ladder in plan.added_value:
        arrays = arrays_of(kinome, plan.kinome)
        check_ladder(ladder, partial(known, study), list(cohort.dictionary), plan.settings, arrays)
    for variable in plan.groups:
        for endpoint in endpoints_of(study, variable).values():
            levels = endpoint.groups(variable).levels
            if not (endpoint.groups(variable).codes >= 0).any():
                raise StudyError(
                    f"[analysis] groups: {variable!r} is known of nobody", next_step="Leave it out of the groups."
                )
            if len(levels) > MOST_LEVELS:
                raise StudyError(
                    f"[analysis] groups: {variable!r} has {len(levels)} levels",
                    next_step="Group it into fewer levels first.",
                )
    return study


def check_effects(study: Study) -> None:
    """Refuse what the sections on effects could not be made of."""
    plan, frame = study.plan, study.cohort.frame
    named = {"subgroups": plan.subgroups, "subgroup_variable": (plan.subgroup_variable,) if plan.subgroups else ()}
    named["by_mrd"] = (plan.by_mrd,) if plan.by_mrd else ()
    for key, name in [(key, name) for key, names in named.items() for name in names]:
        column = frame[name][~frame[name].isin(NOT_KNOWN)]
        if pd.api.types.is_numeric_dtype(column) and column.nunique() > 2:
            raise StudyError(f"[analysis] {key}: {name!r} is a number", next_step="Name a column with levels.")
        if not column.notna().any():
            raise StudyError(f"[analysis] {key}: {name!r} is known of nobody", next_step="Leave it out.")
    if plan.by_mrd and not set(BY_MRD_ENDPOINTS) & set(study.endpoints):
        raise StudyError("[analysis] by_mrd needs an endpoint EFS or RELAPSE", next_step="Add [endpoints.EFS].")
    levels = [] if "protocol" not in frame else [str(level) for level in frame["protocol"].dropna().unique()]
    for level in plan.treated_by_ikzf1:
        if level not in levels:
            raise StudyError(
                f"[study] treated_by_ikzf1: nobody has the protocol {level!r}", next_step=nearest(level, levels)
            )


def check_models(study: Study) -> None:
    """Refuse subgroups and later columns whose models nobody could be in, and comparisons of one level."""
    plan, variable = study.plan, study.plan.subgroup_variable
    models: dict[str, tuple[str, ...]] = {"subgroups": (variable,)} if plan.subgroups else {}
    models |= {"through": (variable, *plan.baseline_terms, *plan.through)} if plan.through else {}
    for key, name in [(key, name) for key in models for name in study.endpoints]:
        terms = models[key]
        try:
            endpoint = known(study, name, terms)
            strata = strata_of(study, terms) or None
            keep = design(endpoint, list(terms)).keep & (endpoint.groups(strata).codes >= 0)
            if not keep.any():
                raise InputError("no row has all terms and strata known")
            for column in plan.subgroups if key == "subgroups" else ():
                if not (known(study, name, [*terms, column]).groups(column).codes >= 0).any():
                    raise InputError(f"{column!r} is known of nobody")
        except InputError as failure:
            raise StudyError(f"[analysis] {key}, {name}: {failure.problem}", next_step=failure.next_step) from None
    if plan.by_mrd and not groupings_within(study):
        raise StudyError(
            f"[analysis] by_mrd: nobody has {plan.by_mrd!r} and an IKZF1 class known at its landmark",
            next_step=f"The patients need one of {', '.join(IKZF1_GROUPINGS)}.",
        )


def groupings_within(study: Study) -> list[str]:
    """Columns of IKZF1 that somebody with known residual disease has at its landmark."""
    mrd, name = study.plan.by_mrd, next(name for name in BY_MRD_ENDPOINTS if name in study.endpoints)
    there = [variable for variable in IKZF1_GROUPINGS if variable in study.cohort.dictionary]
    return [v for v in there if (known(study, name, [mrd, v]).groups([mrd, v]).codes >= 0).any()]


def known(study: Study, name: str, terms: Sequence[str]) -> Endpoint:
    """An endpoint at the latest landmark that a term asks for, with unknown levels made missing."""
    late = late_terms(study, terms)
    endpoint = study.endpoints[name]
    if late:
        endpoint = at_landmark(endpoint, start_of(study, terms), ", ".join(study.labels[term] for term in late))
    for term in terms:
        endpoint = among_known(endpoint, term, study.labels[term])
    return endpoint


def together(study: Study) -> dict[str, Endpoint]:
    """The endpoints for the classes that are estimated together, with open calls of class and subtype made missing."""
    plan, endpoints = study.plan.hierarchical, dict(study.endpoints)
    for column in (plan.classes, plan.subtype) if plan else ():
        if column:
            endpoints = {name: among_known(own, column, study.labels[column]) for name, own in endpoints.items()}
    return endpoints


def late_terms(study: Study, terms: Sequence[str]) -> list[str]:
    """Terms with a landmark."""
    return [term for term in dict.fromkeys(terms) if term in study.plan.landmarks]


def start_of(study: Study, terms: Sequence[str]) -> float:
    """The latest landmark that a term asks for, or 0."""
    return max((study.plan.landmarks[term] for term in late_terms(study, terms)), default=0.0)


def strata_of(study: Study, terms: Sequence[str]) -> list[str]:
    """Columns whose levels have baselines of their own: those named for effects, else those of the tests, else protocol.

    A column that is a term has none: its effect would be gone with the baselines.
    """
    if study.plan.effect_strata is not None:
        chosen = study.plan.effect_strata
    elif study.plan.settings.strata:
        chosen = study.plan.settings.strata
    else:
        frame = study.cohort.frame
        protocols = frame[PROTOCOL].dropna().unique() if PROTOCOL in frame else ()
        chosen = (PROTOCOL,) if len(protocols) > 1 else ()
    return [column for column in chosen if column not in terms]


def endpoints_of(study: Study, variable: str | None) -> Mapping[str, Endpoint]:
    """The endpoints for a variable: at its landmark when the study names one, without patients whose level is not known."""
    if variable is None:
        return study.endpoints
    at, label = study.plan.landmarks.get(variable), study.labels[variable]
    moved = {name: at_landmark(endpoint, at, label) for name, endpoint in study.endpoints.items()}
    return {name: among_known(endpoint, variable, label) for name, endpoint in moved.items()}


def at_landmark(endpoint: Endpoint, at: float | None, label: str) -> Endpoint:
    """The endpoint from a landmark on, saying so."""
    if at is None:
        return endpoint
    late = landmark(endpoint, at)
    sentence = f"Follow-up starts at the landmark of {at:g} years, because {label} is known only then."
    return replace(late, policy=(*late.policy, sentence, late.notes[-1].capitalize() + "."))


def among_known(endpoint: Endpoint, variable: str, label: str) -> Endpoint:
    """The endpoint with unknown levels of a variable made missing, so that they are left out and counted, saying so.

    A call that is ambiguous, failed or not tested is no group of its own in a comparison, and never "absent".
    """
    column = endpoint.frame[variable].astype(object)
    unknown = column.isin(NOT_KNOWN).to_numpy()
    if not unknown.any():
        return endpoint
    counts = column[unknown].value_counts()
    told = ", ".join(f"{str(word).replace('_', ' ')} {n}" for word, n in counts.sort_index().items())
    levels = [level for level in endpoint.groups(variable).levels if level not in NOT_KNOWN]
    known = endpoint.with_column(variable, pd.Categorical(column.where(~unknown), categories=levels))
    sentence = f"Patients whose {label} is not known are left out: {told}."
    return replace(known, policy=(*known.policy, sentence))
