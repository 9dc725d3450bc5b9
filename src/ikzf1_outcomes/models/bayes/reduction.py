"""Patients reduced to what the likelihood of a hierarchical model needs, and its priors written as numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint, refuse
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.density_memory import NORMAL, POOLED, Baseline, Family, Sums
from ikzf1_outcomes.kernels.risk import Floats, Integers, snap
from ikzf1_outcomes.models.bayes.baselines import Basis
from ikzf1_outcomes.models.bayes.centring import centring_of
from ikzf1_outcomes.models.bayes.covariate_patterns import (
    CHANGING,
    Lives,
    exposure_of,
    patterns_of,
    periods_of,
    stacked,
    sums_of,
)  # fmt: skip
from ikzf1_outcomes.models.bayes.effects import BY_TRIAL, FREE, Group, Patients, check_kinds, patients_of
from ikzf1_outcomes.models.bayes.induction_rows import Parts, parts_of, split_induction
from ikzf1_outcomes.models.bayes.patient_rows import Followed, PatientRows, anchor_of, basis_of, rows_of, uses_rows
from ikzf1_outcomes.models.bayes.priors import Prior
from ikzf1_outcomes.models.bayes.shrinkage_priors import horseshoe_family, share_family
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec
from ikzf1_outcomes.timeline import entries

ANY, OTHER = "any", "other"
LONGEST = 100.0
"""Years that nobody is followed: times beyond are in another unit."""
SMALL = 500
"""Patients below which pooled effects and the walk are sampled non-centred."""
STEADY = 20.0
"""Events per function of the basis above which the walk is."""


class Labelled(NamedTuple):
    """A family of effects with its meaning."""

    term: str
    labels: tuple[str, ...]
    prior: Prior
    family: Family


class CauseModel(NamedTuple):
    """The model of one cause."""

    cause: str
    sums: Sums
    baseline: Baseline
    effects: tuple[Labelled, ...]
    n_event: float
    binary: bool = False
    """Whether it is a probability, not a hazard, that is modelled."""
    rows: PatientRows | None = None
    """Where the likelihood is one of single patients."""

    @property
    def n_baseline(self) -> int:
        """How many of the numbers sampled are those of the baselines; they come first."""
        base = self.baseline
        walk = base.n_strata * (1 + len(base.step)) + bool(len(base.step))
        return walk if self.rows is None else walk + base.n_strata * (self.rows.weibull + self.rows.cure)

    @property
    def n_dim(self) -> int:
        """How many numbers are sampled."""
        return self.n_baseline + sum(family.n_free for family in self.families)

    @property
    def families(self) -> tuple[Family, ...]:
        """The families without their meaning."""
        return tuple(own.family for own in self.effects)

    @property
    def places(self) -> dict[str, int]:
        """Where the numbers of each family begin among those sampled."""
        at = self.n_baseline + np.cumsum([0, *(family.n_free for family in self.families)])
        return {own.term: int(place) for own, place in zip(self.effects, at[:-1], strict=True)}


class Reduced(NamedTuple):
    """An endpoint as a hierarchical model sees it."""

    spec: HierarchicalSpec
    patients: Patients
    basis: Basis
    models: tuple[CauseModel, ...]
    patterns: tuple[Integers, ...]
    """Pattern of each row kept, in each period (n)."""
    every_event: bool
    """Whether each event belongs to one of the causes."""
    counted: Floats
    """Weight of each patient on the first of the rows kept, 0 on others (n)."""
    start: float
    """Before this nobody was followed: curves begin here."""
    longest: float
    """Follow-up, in years."""
    notes: tuple[str, ...]
    parts: Parts | None = None
    """Who failed induction, where that has a part of its own."""

    def seen(self, model: CauseModel) -> Floats:
        """Weight of each patient that a model sees, on the first of the rows kept (n)."""
        if self.parts is None:
            return self.counted
        return self.parts.asked if model.binary else np.where(self.parts.failed, 0.0, self.counted)

    @property
    def causes(self) -> tuple[str, ...]:
        """The causes that have a model."""
        return tuple(own.cause for own in self.models)


def reduce_endpoint(endpoint: Endpoint, spec: HierarchicalSpec) -> Reduced:
    """Reduce an endpoint to the sums of its covariate patterns, for each cause of a description.

    Raises
    ------
    ColumnError, InputError
        Columns or causes that are not there; no events of a cause; rows that end at time 0, which have no hazard, or events
        after the bound, where it is 0 (row positions); times that are not in years; a prior of a cause that has no model.
    """
    check_kinds(endpoint, spec)
    split = split_induction(endpoint, spec)
    endpoint = endpoint if split is None else split.endpoint
    causes = asked_causes(endpoint, spec)
    codes = events_by_cause(endpoint, causes)
    patients = patients_of(endpoint, spec, None if split is None else split.known)
    keep = patients.keep
    counted = first_rows(endpoint, keep)
    parts = None if split is None else parts_of(split, keep, counted)
    begin = np.maximum(entries(endpoint)[keep], 0.0 if parts is None else parts.until)
    start, last = float(begin.min()), float(endpoint.time[keep].max())
    check_follow_up(endpoint, spec, keep, start, last, at_zero=parts is not None)
    basis = basis_of(spec, snap(np.array(spec.cuts, dtype=float), endpoint.rows.times))
    periods = periods_of(spec)
    table, pattern = patterns_of([stacked(block, len(periods)) for block in patients.blocks], patients, len(periods))
    weight = endpoint.case_weights[keep].astype(float)
    lived = Lives(begin, endpoint.time[keep], weight, tuple(pattern), table, periods)
    exposure = exposure_of(basis, lived)
    since = 0.0 if uses_rows(spec) else start
    anchor = np.diff(basis.integrals(np.array([since, spec.horizon])), axis=0)[0]
    models = []
    for cause in causes:
        died = codes[cause][keep]
        if not died.any():
            raise InputError(f"no events of {cause!r} among the rows analysed", next_step="Leave this cause out.")
        own = replace(spec, priors=spec.priors.of_cause(cause))
        sums = sums_of(basis, exposure, lived, died, patients)
        counts = float(weight.sum()), float(weight[died].sum())
        made = model_of(cause, sums, own, patients, (basis, anchor), *counts)
        models.append(made._replace(rows=rows_of_cause(own, basis, lived, died, cause)) if uses_rows(spec) else made)
    named = np.sum([codes[cause] for cause in causes], axis=0)
    every = bool((named[keep] == (endpoint.cause[keep] > 0)).all())
    notes = (*patients.notes, *untold(models[0], patients), *(() if parts is None else parts.notes))
    return Reduced(spec, patients, basis, tuple(models), tuple(pattern), every, counted, start, last, notes, parts=parts)


def asked_causes(endpoint: Endpoint, spec: HierarchicalSpec) -> tuple[str, ...]:
    """The causes that have a model.

    Raises
    ------
    InputError
        None, or a prior of one that has none.
    """
    causes = endpoint.causes if spec.causes is None else spec.causes
    if not causes:
        raise InputError("no cause is named", next_step='Name one, or "any".')
    if {own.cause for own in spec.priors.by_cause} - set(causes):
        raise InputError(
            "a prior is of a cause that has no model", next_step="Name the causes of the model as the priors do."
        )
    return causes


def check_follow_up(
    endpoint: Endpoint, spec: HierarchicalSpec, rows: np.ndarray, start: float, last: float, *, at_zero: bool
) -> None:
    """Refuse times of the rows analysed that a description cannot have; whether some may end at time 0 is said.

    Raises
    ------
    InputError
        As `reduce_endpoint`.
    """
    if endpoint.time_unit not in (None, "years"):
        raise InputError("hierarchical models need times in years", next_step="Make the endpoint from years.")
    if not at_zero:
        refuse(rows & (endpoint.time <= 0), "rows end at time 0, where there is no hazard", "Start at a landmark after it.")
    if last > LONGEST:
        raise InputError("times are longer than any life", next_step="Hierarchical models need them in years.")
    change, bound = spec.changes_at, spec.bound
    if change is not None and change >= last:
        raise InputError("effects change after all follow-up has ended", next_step="Give an earlier time, or None.")
    if change is not None and change <= start:
        raise InputError("effects change before anybody is followed", next_step="Give a later time, or None.")
    if bound is not None:
        refuse(rows & (endpoint.cause > 0) & (endpoint.time > bound), "events after the bound", "Give a later one.")
    if spec.horizon <= start:
        raise InputError("nobody is followed before the horizon", next_step="Give a horizon after the landmark.")


def rows_of_cause(spec: HierarchicalSpec, basis: Basis, lived: Lives, died: np.ndarray, cause: str) -> PatientRows:
    """The rows that a likelihood without sums needs of one cause: not of those whose hazards never began."""
    here = lived.begin < lived.end
    followed = Followed(lived.begin[here], lived.end[here], died[here], lived.weight[here], lived.pattern[0][here])
    table = lived.table
    x = np.concatenate([rows[table.row[:, b]] for b, rows in enumerate(table.blocks)], axis=1)
    return rows_of(spec, basis, x, table.stratum, cause == ANY, followed)


def first_rows(endpoint: Endpoint, keep: np.ndarray) -> Floats:
    """Weight of each patient on the first of the rows kept, that of the earliest entry, 0 on others."""
    weight = endpoint.case_weights[keep].astype(float)
    if endpoint.subject is None:
        return weight
    first = np.zeros(len(weight), dtype=bool)
    patient = endpoint.subject[keep]
    order = np.lexsort((entries(endpoint)[keep], patient))
    first[order[np.unique(patient[order], return_index=True)[1]]] = True
    return np.where(first, weight, 0.0)


def untold(model: CauseModel, patients: Patients) -> list[str]:
    """What the data do not tell, so that the priors decide."""
    notes = []
    for group in (group for block in patients.blocks for group in block):
        alike = [name for name, x in zip(group.labels, group.columns.T, strict=True) if np.ptp(x) == 0]
        notes += [f"all patients are alike in {name}: the prior decides" for name in alike if group.term == "alteration"]
    # effects as free numbers: columns that are a sum of others, or of all patients, are told by their priors alone
    places = np.unique(np.column_stack((model.sums.row[:, 0], model.sums.stratum)), axis=0)
    rows = model.sums.blocks[0][places[:, 0]]
    free = [np.eye(len(patients.strata))[places[:, 1]]]
    for labelled in model.effects:
        family, columns = labelled.family, rows[:, labelled.family.begin : labelled.family.begin + labelled.family.size]
        if labelled.term in ("deletion", "class", "subtype", "protocol", BY_TRIAL):
            free.append(columns if family.kind == NORMAL else columns @ zero_sum(family.size))
    x = np.concatenate(free, axis=1)
    if np.linalg.matrix_rank(x) < x.shape[1]:
        *most, last = ["classes", "subtypes", "protocols", *["strata"] * (len(patients.strata) > 1)]
        notes.append(f"{', '.join(most)} and {last} cannot all be told apart: the priors decide between them")
    return notes


def events_by_cause(endpoint: Endpoint, causes: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Which rows end with each cause; "any" is every cause, "other" every cause that is not named.

    Raises
    ------
    InputError
        A cause twice, "any" beside others, or a name that is no cause.
    """
    if len(set(causes)) < len(causes) or (ANY in causes and ANY not in endpoint.causes and len(causes) > 1):
        raise InputError("a cause is named twice, or any beside others", next_step='Use causes=("relapse", "other").')
    rest = OTHER in causes and OTHER not in endpoint.causes
    out = {}
    for cause in causes:
        if cause == OTHER and rest:
            continue
        out[cause] = endpoint.ends_with(None if cause == ANY and ANY not in endpoint.causes else cause)
    if rest:
        out[OTHER] = (endpoint.cause > 0) & ~np.logical_or.reduce([np.zeros(len(endpoint), dtype=bool), *out.values()])
    return {cause: out[cause] for cause in causes}


def zero_sum(size: int) -> Floats:
    """Orthonormal columns that add up to 0 (size, size - 1)."""
    out = np.zeros((size, size - 1))
    for j in range(size - 1):
        out[: j + 1, j] = 1.0
        out[j + 1, j] = -(j + 1.0)
        out[:, j] /= np.sqrt((j + 1.0) * (j + 2.0))
    return out


def model_of(
    cause: str, sums: Sums, spec: HierarchicalSpec, patients: Patients, hazard: tuple[Basis, Floats], n: float,
    n_event: float,
) -> CauseModel:  # fmt: skip
    """The model of one cause: its sums and its priors; `hazard` is the basis and its integrals up to the horizon."""
    basis, weights = hazard
    priors, small = spec.priors, n < SMALL
    steady = not small and n_event / basis.size > STEADY and not spec.cure
    centred_walk = {"auto": steady, "centred": True, "non-centred": False}[spec.centring]
    level = priors.level_of_any if cause == ANY else priors.level
    baseline = Baseline(
        weights, np.sqrt(np.diff(basis.centres)), anchor_of(spec, (level.location, level.scale)), priors.drift.scale,
        len(patients.strata),
        centred_walk, int((sums.event_count.sum(axis=0) @ sums.event_basis).argmax()),
    )  # fmt: skip
    effects: list[Labelled] = []
    begin = 0
    for group in (group for block in patients.blocks for group in block):
        made = labelled(group, spec, begin, sums.event_sum, small, n_event)
        effects.append(made)
        begin += made.family.size
    return CauseModel(cause, sums, baseline, tuple(effects), n_event)


def labelled(group: Group, spec: HierarchicalSpec, begin: int, event_sum: Floats, small: bool, n_event: float) -> Labelled:
    """The family of effects of a group of columns."""
    priors = spec.priors
    if group.term == "feature":
        return Labelled(group.term, group.labels, *horseshoe_family(spec, begin, n_event))
    if group.term == "alteration" and spec.alterations_prior == "r2d2":
        return Labelled(group.term, group.labels, *share_family(group, spec, begin, n_event))
    n_periods = 2 if spec.changes_at is not None and group.term in CHANGING else 1
    labels = group.labels
    if n_periods > 1:
        ends = (f"to {spec.changes_at:g} years", f"after {spec.changes_at:g} years")
        labels = tuple(f"{name}, {end}" for end in ends for name in group.labels)
    size, empty = len(labels), np.empty((0, 0))
    if group.term in ("deletion", "covariate", "alteration"):
        prior = getattr(priors, group.term)
        location, scale = np.full(size, prior.location), np.full(size, prior.scale)
        return Labelled(group.term, labels, prior, Family(NORMAL, begin, size, location, scale, empty, 1.0))
    prior = getattr(priors, f"{group.term.replace(' ', '_')}_spread")
    own = len(group.labels)
    one = zero_sum(own) if spec.pooling == "zero-sum" and group.term not in FREE else np.eye(own)
    basis = np.kron(np.eye(n_periods), one)
    centring = {
        "auto": 0.0 if small else centring_of(event_sum[begin : begin + size], prior.scale, basis.shape[1]),
        "centred": 1.0,
    }
    family = Family(
        POOLED, begin, size, np.empty(0), np.array([prior.scale]), basis, centring.get(spec.centring, 0.0)
    )  # fmt: skip
    return Labelled(group.term, labels, prior, family)
