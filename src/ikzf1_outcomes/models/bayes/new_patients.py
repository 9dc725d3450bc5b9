"""Curves of new patients, from a posterior."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, make_endpoint
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.calls import UNKNOWN
from ikzf1_outcomes.kernels.piecewise_risks import Risks
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.effects import (
    DELETED,
    Group,
    alteration_columns,
    category,
    feature_columns,
    unknown_words,
)
from ikzf1_outcomes.models.bayes.quantities import CauseDraws
from ikzf1_outcomes.models.bayes.reduction import Labelled, Reduced
from ikzf1_outcomes.models.bayes.scenario_tables import MEASURES, described
from ikzf1_outcomes.models.bayes.scenarios import NOT_DELETED, Others, one_scenario, pieces_of, reduced_labels
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec

INCOMPLETE = "a column of the model is missing"
UNSEEN = "nobody of the model had this {}: its effect is drawn from what such effects are like"
STRATA = "Baselines of strata are not linked: name the column in `protocol` to speak of one that is yet to come."
MENDS = {"zero-sum": 'Predict those whose levels the model knows, or sample with pooling="superpopulation".'}
LINKED = ("class", "subtype", "protocol")
"""Levels that a superpopulation links, so that those of the model speak of others."""
ANY_PROTOCOL = "no protocol given: a protocol as the mean of those of the model"


COLUMNS = ["row", "measure", "cause", "time", "estimate", "posterior_sd", "low", "high", "scale", "late", "note"]


class NewPatients(NamedTuple):
    """New patients as a model sees them."""

    known: np.ndarray
    """Who has all columns (m); the other fields are of those."""
    of_class: Integers
    """Place among the deleted classes, -1 where not deleted."""
    others: Others
    notes: np.ndarray
    """Words about each."""


class Classes(NamedTuple):
    """Classes of new patients."""

    place: Integers
    """Among the deleted ones, then those that the model has not; -1 where not deleted, or missing (m)."""
    known: np.ndarray
    unseen: np.ndarray


class Place(NamedTuple):
    """Levels of new patients among those of a model."""

    code: Integers
    """Place of each, those that the model has not after those that it has; -1 where missing (m)."""
    new: tuple[str, ...]
    """Those that the model has not."""
    unseen: np.ndarray
    """Who has one (m)."""


class Model(NamedTuple):
    """What a posterior knows."""

    endpoint: Endpoint
    reduced: Reduced
    drawn: tuple[CauseDraws, ...]
    causes: tuple[str, ...]
    """What incidences are of."""
    longest: dict[str, float]
    """Follow-up behind each class, in years."""
    seed: int


def frame_as_endpoint(new: pd.DataFrame) -> Endpoint:
    """New patients in the form in which columns are read; their times say nothing."""
    n = len(new)
    if not n:
        raise InputError("there are no new patients", next_step="Give a data frame with a row each.")
    return make_endpoint(new.reset_index(drop=True), np.ones(n), np.zeros(n, dtype=np.int64), ("any",))


def places(
    new: Endpoint, name: str, levels: tuple[str, ...], what: str, pooling: str, unknown: Sequence[str] = UNKNOWN
) -> Place:
    """Places of a column's levels among those of the model.

    Raises
    ------
    ColumnError, InputError
        The column is not there; levels that nobody of the model had and that nothing links to those of the model (row
        positions).
    """
    own = category(new, name, unknown)
    beyond = tuple(word for word in own.levels if word not in levels)
    every = (*levels, *beyond)
    code = np.array([*(every.index(word) for word in own.levels), -1], dtype=np.int64)[own.codes]
    unseen = code >= len(levels)
    if unseen.any() and (what not in LINKED or pooling != "superpopulation"):
        mend = MENDS.get(pooling, "Predict those whose levels the model knows.")
        raise InputError(
            f"new patients have a {what} that nobody of the model had", count=int(unseen.sum()),
            where=np.flatnonzero(unseen) + 1, next_step=mend if what in LINKED else STRATA,
        )  # fmt: skip
    return Place(code, beyond, unseen)


def classes_of(new: Endpoint, spec: HierarchicalSpec, reduced: Reduced, endpoint: Endpoint) -> Classes:
    """Read the classes of new patients."""
    effects = {labelled.term: labelled for labelled in reduced.models[0].effects}
    seen = [word for word in category(endpoint, spec.classes).levels if word not in spec.undeleted]
    words = reduced_labels(effects["class"], reduced) if "class" in effects else tuple(seen)
    # of one class nothing says how much others differ
    pooling = spec.pooling if "class" in effects else "of one level"
    levels = (*words, *spec.undeleted)
    found = places(new, spec.classes, levels, "class", pooling, unknown_words(new, spec.classes))
    place = np.where(found.unseen, found.code - len(spec.undeleted), np.where(found.code < len(words), found.code, -1))
    return Classes(np.minimum(place, 0) if "class" not in effects else place, found.code >= 0, found.unseen)


def read(new: Endpoint, reduced: Reduced, endpoint: Endpoint) -> NewPatients:
    """Read the columns of a model from new patients, as those of its own patients were read."""
    spec, own = reduced.spec, {labelled.term: labelled for labelled in reduced.models[0].effects}
    groups = {group.term: group for block in reduced.patients.blocks for group in block}
    classes = classes_of(new, spec, reduced, endpoint)
    known = classes.known
    first = np.zeros((len(new), reduced.models[0].sums.blocks[0].shape[1]))
    place = {term: np.full(len(new), -1) for term in ("subtype", "protocol")}
    beyond: dict[str, tuple[str, ...]] = {}
    said = [(UNSEEN.format("class"), classes.unseen)]
    for term, name in (("subtype", spec.subtype), ("protocol", spec.protocol)):
        if term not in groups or name is None:
            continue
        if term == "protocol" and name not in new.frame:
            said.append((ANY_PROTOCOL, np.ones(len(new), dtype=bool)))
            continue
        found = places(new, name, groups[term].labels, term, spec.pooling)
        there = (found.code >= 0) & ~found.unseen
        first[np.flatnonzero(there), own[term].family.begin + found.code[there]] = 1.0
        known &= found.code >= 0
        place[term], beyond[term] = found.code, found.new
        said.append((UNSEEN.format(term), found.unseen))
    stratum = np.zeros(len(new), dtype=np.int64)
    if spec.strata is not None:
        stratum = places(new, spec.strata, reduced.patients.strata, "stratum", spec.pooling).code
        known &= stratum >= 0
    numbers = columns_of(new, reduced, endpoint, groups)
    for block in numbers:
        known &= ~np.isnan(block).any(axis=1)
    blocks = (first[known], *(block[known] for block in numbers))
    each = np.arange(int(known.sum()))
    row = np.repeat(each[:, None], len(blocks), axis=1)
    others = Others(
        row, blocks, stratum[known], place["subtype"][known], place["protocol"][known], np.ones(len(each)), each, beyond
    )
    notes = np.array(["; ".join(words for words, who in said if who[i]) for i in np.flatnonzero(known)], dtype=object)
    return NewPatients(known, classes.place[known], others, notes)


def columns_of(new: Endpoint, reduced: Reduced, endpoint: Endpoint, groups: dict[str, Group]) -> list[Floats]:
    """Alterations, covariates and features of new patients, on the scales of the model; NaN where missing."""
    spec, patients = reduced.spec, reduced.patients
    blocks = [alteration_columns(new, spec.alterations)] if "alteration" in groups else []
    if patients.covariates is not None and patients.scale is not None:
        absent = [name for name in patients.covariates.spec.columns if name not in new.frame]
        if absent:
            raise ColumnError(f"the new patients have no column {absent[0]!r}", next_step="The model has it.")
        matrix, keep = patients.covariates.spec.encode(new.frame)
        x = np.full((len(new), matrix.shape[1]), np.nan)
        x[keep] = (matrix - patients.scale[0]) / patients.scale[1]
        blocks.append(x)
    if "feature" in groups:
        own = feature_columns(endpoint, spec.features)[patients.keep]
        blocks.append((feature_columns(new, spec.features) - own.mean(axis=0)) / own.std(axis=0))
    return blocks


def curves_of_new(model: Model, new: pd.DataFrame, times: Floats, conf_level: float) -> pd.DataFrame:
    """Rows of event-free survival and incidences of each new patient."""
    reduced = model.reduced
    patients = read(frame_as_endpoint(new), reduced, model.endpoint)
    effects: dict[str, Labelled] = {labelled.term: labelled for labelled in reduced.models[0].effects}
    words = reduced_labels(effects["class"], reduced) if "class" in effects else ("any deletion",)
    row, pieces = np.flatnonzero(patients.known), pieces_of(reduced, times)
    tables = []
    for place in np.unique(patients.of_class):
        some = np.flatnonzero(patients.of_class == place)
        others = part_of(patients.others, some)
        of_class = None if place < 0 else int(place)
        risks = one_scenario(reduced, model.drawn, effects, others, pieces, of_class, times, model.seed)
        table = rows_of_groups(risks, model.causes, times, row[some] + 1, conf_level)
        group = NOT_DELETED if place < 0 else words[place] if place < len(words) else DELETED
        note = dict(zip(row[some] + 1, patients.notes[some], strict=True))
        tables.append(table.assign(late=table["time"] > model.longest[group] + 1e-9, note=table["row"].map(note)))
    unknown = np.flatnonzero(~patients.known) + 1
    whole = pd.concat(
        [*tables, pd.DataFrame({"row": np.repeat(unknown, len(times)), "time": np.tile(times, len(unknown))})]
    )
    # also where nobody has all columns
    return whole.reindex(columns=COLUMNS).sort_values("row", kind="stable", ignore_index=True)


def part_of(others: Others, some: Integers) -> Others:
    """Some of the new patients, each a group of their own."""
    each = np.arange(len(some))
    return others._replace(
        row=others.row[some],
        stratum=others.stratum[some],
        subtype=others.subtype[some],
        protocol=others.protocol[some],
        weight=others.weight[some],
        group=each,
    )


def rows_of_groups(risks: Risks, causes: tuple[str, ...], times: Floats, row: Integers, conf_level: float) -> pd.DataFrame:
    """One row a patient, measure, cause and time."""
    tables = []
    for name in ("survival", "incidence"):
        label, scale = MEASURES[name]
        values = getattr(risks, name)
        for c, cause in enumerate(causes if values.ndim == 4 else ("any",)):
            own = described(values[:, c] if values.ndim == 4 else values, conf_level)
            table = pd.DataFrame({"row": np.repeat(row, len(times)), "time": np.tile(times, len(row))})
            numbers = {column: np.asarray(part).ravel() for column, part in own.items()}
            tables.append(table.assign(measure=label, cause=cause, scale=scale, **numbers))
    return pd.concat(tables, ignore_index=True)
