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
from ikzf1_outcomes.models.bayes.effects import Group, Patients, patients_of
from ikzf1_outcomes.models.bayes.induction_rows import Parts, parts_of, split_induction
from ikzf1_outcomes.models.bayes.priors import Prior
from ikzf1_outcomes.models.bayes.shrinkage_priors import horseshoe_family, share_family
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec
from ikzf1_outcomes.timeline import entries

ANY, OTHER = "any", "other"
CHANGING = ("deletion", "class")
"""Groups whose effects may change with time."""
LONGEST = 100.0
"""Years that nobody is followed: times beyond are in another unit."""
SMALL = 500
"""Patients below which pooled effects and the walk are sampled non-centred."""
MANY, SURELY, MOSTLY = 5, 0.97, 0.5
"""Effects that are many enough to tell their spread from 0; weights of the data from which few, and many, are centred."""
TYPICAL = 0.5
"""A spread is taken to be this share of its prior's scale, where it is asked how well effects are known beside it."""
STEADY = 30.0
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

    @property
    def families(self) -> tuple[Family, ...]:
        """The families without their meaning."""
        return tuple(own.family for own in self.effects)

    @property
    def places(self) -> dict[str, int]:
        """Where the numbers of each family begin among those sampled."""
        steps = len(self.baseline.step)
        first = self.baseline.n_strata * (1 + steps) + bool(steps)
        at = first + np.cumsum([0, *(family.n_free for family in self.families)])
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
    if endpoint.time_unit not in (None, "years"):
        raise InputError("hierarchical models need times in years", next_step="Make the endpoint from years.")
    split = split_induction(endpoint, spec)
    endpoint = endpoint if split is None else split.endpoint
    causes = endpoint.causes if spec.causes is None else spec.causes
    if not causes:
        raise InputError("no cause is named", next_step='Name one, or "any".')
    codes = events_by_cause(endpoint, causes)
    if {own.cause for own in spec.priors.by_cause} - set(causes):
        raise InputError(
            "a prior is of a cause that has no model", next_step="Name the causes of the model as the priors do."
        )
    patients = patients_of(endpoint, spec, None if split is None else split.known)
    keep = patients.keep
    counted = first_rows(endpoint, keep)
    parts = None if split is None else parts_of(split, keep, counted)
    if parts is None:
        refuse(keep & (endpoint.time <= 0), "rows end at time 0, where there is no hazard", "Start at a landmark after it.")
    last = float(endpoint.time[keep].max())
    if last > LONGEST:
        raise InputError("times are longer than any life", next_step="Hierarchical models need them in years.")
    if spec.changes_at is not None and spec.changes_at >= last:
        raise InputError("effects change after all follow-up has ended", next_step="Give an earlier time, or None.")
    basis = Basis(spec.baseline, snap(np.array(spec.cuts, dtype=float), endpoint.rows.times), spec.bound)
    time, weight = endpoint.time[keep], endpoint.case_weights[keep].astype(float)
    begin = np.maximum(entries(endpoint)[keep], 0.0 if parts is None else parts.until)
    if spec.bound is not None:
        refuse(keep & (endpoint.cause > 0) & (endpoint.time > spec.bound), "events after the bound", "Give a later one.")
    periods = periods_of(spec)
    blocks = [stacked(block, len(periods)) for block in patients.blocks]
    table, pattern = patterns_of(blocks, patients, len(periods))
    exposure = np.zeros((len(table), basis.size))
    for own, (a, b) in zip(pattern, periods, strict=True):
        lived = lived_in(basis, begin, time, a, b)
        for k in range(basis.size):
            exposure[:, k] += np.bincount(own, weight * lived[:, k], len(table))
    start = float(begin.min())
    if spec.horizon <= start:
        raise InputError("nobody is followed before the horizon", next_step="Give a horizon after the landmark.")
    anchor = np.diff(basis.integrals(np.array([start, spec.horizon])), axis=0)[0]
    models = []
    for cause in causes:
        died = codes[cause][keep]
        if not died.any():
            raise InputError(f"no events of {cause!r} among the rows analysed", next_step="Leave this cause out.")
        period = np.searchsorted([a for a, _ in periods[1:]], time[died], side="left")
        own = np.array(pattern)[period, np.flatnonzero(died)]
        sums = sums_of(
            basis, exposure, table, len(patients.strata), (time[died], weight[died], own, patients.stratum[died])
        )
        counts = float(weight.sum()), float(weight[died].sum())
        models.append(model_of(cause, sums, spec, patients, (basis, anchor), *counts))
    named = np.sum([codes[cause] for cause in causes], axis=0)
    every = bool((named[keep] == (endpoint.cause[keep] > 0)).all())
    notes = (*patients.notes, *untold(models[0], patients), *(() if parts is None else parts.notes))
    return Reduced(spec, patients, basis, tuple(models), tuple(pattern), every, counted, start, last, notes, parts=parts)


def first_rows(endpoint: Endpoint, keep: np.ndarray) -> Floats:
    """Weight of each patient on the first of the rows kept, 0 on others."""
    weight = endpoint.case_weights[keep].astype(float)
    if endpoint.subject is None:
        return weight
    first = np.zeros(len(weight), dtype=bool)
    first[np.unique(endpoint.subject[keep], return_index=True)[1]] = True
    return np.where(first, weight, 0.0)


def untold(model: CauseModel, patients: Patients) -> list[str]:
    """What the data do not tell, so that the priors decide."""
    notes = []
    for group in (group for block in patients.blocks for group in block):
        alike = [name for name, x in zip(group.labels, group.columns.T, strict=True) if np.ptp(x) == 0]
        notes += [f"all patients are alike in {name}: the prior decides" for name in alike if group.term == "alteration"]
    # effects as free numbers: columns that are a sum of others, or of all patients, are told by their priors alone
    rows = model.sums.blocks[0]
    free = [np.ones((len(rows), 1))]
    for labelled in model.effects:
        family, columns = labelled.family, rows[:, labelled.family.begin : labelled.family.begin + labelled.family.size]
        if labelled.term in ("deletion", "class", "subtype", "protocol"):
            free.append(columns if family.kind == NORMAL else columns @ zero_sum(family.size))
    x = np.concatenate(free, axis=1)
    if np.linalg.matrix_rank(x) < x.shape[1]:
        notes.append("classes, subtypes and protocols cannot all be told apart: the priors decide between them")
    return notes


def periods_of(spec: HierarchicalSpec) -> tuple[tuple[float, float], ...]:
    """Where effects begin and end to hold."""
    change = spec.changes_at
    return ((0.0, np.inf),) if change is None else ((0.0, change), (change, np.inf))


def lived_in(basis: Basis, begin: Floats, end: Floats, a: float, b: float) -> Floats:
    """What rows live of the integrals of the basis in a period, none before their entry and after their end (n, K)."""
    until = np.clip(end, a, b)
    return basis.integrals(until) - basis.integrals(np.minimum(np.maximum(begin, a), until))


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


def stacked(block: tuple[Group, ...], n_periods: int) -> list[Floats]:
    """The columns of a block in each period: effects that change have columns of their own in each."""
    out = []
    for q in range(n_periods):
        parts = []
        for group in block:
            if group.term in CHANGING and n_periods > 1:
                parts += [group.columns if p == q else np.zeros_like(group.columns) for p in range(n_periods)]
            else:
                parts.append(group.columns)
        out.append(np.concatenate(parts, axis=1))
    return out


class Table(NamedTuple):
    """Covariate patterns: row of each block, and the stratum."""

    row: Integers
    stratum: Integers
    blocks: tuple[Floats, ...]

    def __len__(self) -> int:
        return len(self.stratum)


def patterns_of(blocks: list[list[Floats]], patients: Patients, n_periods: int) -> tuple[Table, list[Integers]]:
    """Distinct patterns, and the pattern of each patient in each period."""
    n = len(patients.stratum)
    rows, codes = [], []
    for block in blocks:
        distinct, code = distinct_rows(np.concatenate(block))
        rows.append(distinct)
        codes.append(code)
    stratum = np.tile(patients.stratum, n_periods)
    key = stratum.astype(np.int64)
    for distinct, code in zip(rows, codes, strict=True):
        key = key * len(distinct) + code
    _, first, pattern = np.unique(key, return_index=True, return_inverse=True)
    index = np.column_stack([code[first] for code in codes]).astype(np.int64)
    return Table(index, stratum[first].astype(np.int64), tuple(rows)), [
        pattern[q * n : (q + 1) * n] for q in range(n_periods)
    ]


def distinct_rows(x: Floats) -> tuple[Floats, Integers]:
    """Distinct rows, and which of them each row is (n)."""
    if x.dtype != np.uint8 and not ((x == 0.0) | (x == 1.0)).all():
        distinct, code = np.unique(x, axis=0, return_inverse=True)
        return np.ascontiguousarray(distinct), code.ravel()
    # 64 flags are one whole number, which sorts far faster than a row
    code = np.zeros(len(x), dtype=np.int64)
    for begin in range(0, x.shape[1], 64):
        bits = np.packbits(x[:, begin : begin + 64].astype(bool), axis=1)
        word = np.zeros((len(x), 8), dtype=np.uint8)
        word[:, : bits.shape[1]] = bits
        size, own = np.unique(word.view(np.uint64).ravel(), return_inverse=True)
        code = np.unique(code * len(size) + own, return_inverse=True)[1]
    first = np.unique(code, return_index=True)[1]
    return np.ascontiguousarray(x[first], dtype=float), code


def sums_of(basis: Basis, exposure: Floats, table: Table, n_strata: int, died: tuple[Floats, ...]) -> Sums:
    """The sums of one cause; `died` has time, weight, pattern and stratum of its events."""
    time, weight, pattern, stratum = died
    distinct, at = np.unique(time, return_inverse=True)
    values = basis.values(distinct)
    if basis.kind == "piecewise":
        # events of one interval are alike
        at, values = values.argmax(axis=1)[at], np.eye(basis.size)
    count = np.zeros((n_strata, len(values)))
    np.add.at(count, (stratum, at), weight)
    total = [np.bincount(table.row[pattern, b], weight, len(rows)) @ rows for b, rows in enumerate(table.blocks)]
    return Sums(exposure, table.stratum, table.row, table.blocks, values, count, np.concatenate(total))


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
    spec = replace(spec, priors=spec.priors.of_cause(cause))
    priors, small = spec.priors, n < SMALL
    steady = not small and n_event / basis.size > STEADY
    centred_walk = {"auto": steady, "centred": True, "non-centred": False}[spec.centring]
    level = priors.level_of_any if cause == ANY else priors.level
    baseline = Baseline(
        weights, np.sqrt(np.diff(basis.centres)), (level.location, level.scale), priors.drift.scale, len(patients.strata),
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
    prior = getattr(priors, f"{group.term}_spread")
    own = len(group.labels)
    one = zero_sum(own) if spec.pooling == "zero-sum" and group.term != "cell" else np.eye(own)
    basis = np.kron(np.eye(n_periods), one)
    centring = {
        "auto": 0.0 if small else centring_of(event_sum[begin : begin + size], prior.scale, basis.shape[1]),
        "centred": 1.0,
    }
    family = Family(
        POOLED, begin, size, np.empty(0), np.array([prior.scale]), basis, centring.get(spec.centring, 0.0)
    )  # fmt: skip
    return Labelled(group.term, labels, prior, family)


def centring_of(events: Floats, scale: float, free: int) -> float:
    """How far effects are sampled centred: the weight of the data in the effect of the least level, where it is most of it.

    Of few effects the spread may be all but 0, and centred effects are then hard to sample: they are centred only where the
    data tell nearly everything.
    """
    weight = weight_of_data(events, TYPICAL * scale)
    return weight if weight >= (MOSTLY if free >= MANY else SURELY) else 0.0


def weight_of_data(events: Floats, spread: float) -> float:
    """Weight of the data in the effect of the least level: d events tell it with variance 1 / d, the others with that of
    the spread."""
    informed = float(events.min()) * spread**2
    return informed / (1.0 + informed)
