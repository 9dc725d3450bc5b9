"""Curves of new patients, from a posterior."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, make_endpoint
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kernels.piecewise_risks import Risks
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.effects import Group, alteration_columns, category, feature_columns
from ikzf1_outcomes.models.bayes.quantities import CauseDraws
from ikzf1_outcomes.models.bayes.reduction import Labelled, Reduced
from ikzf1_outcomes.models.bayes.scenario_tables import MEASURES, described
from ikzf1_outcomes.models.bayes.scenarios import NOT_DELETED, Others, one_scenario, pieces_of, reduced_labels
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec

INCOMPLETE = "a column of the model is missing"
ANY_PROTOCOL = "no protocol given: a protocol as the mean of those of the model"


class NewPatients(NamedTuple):
    """New patients as a model sees them."""

    known: np.ndarray
    """Who has all columns (m); the other fields are of those."""
    of_class: Integers
    """Place among the deleted classes, -1 where not deleted."""
    others: Others
    note: str


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


def places(new: Endpoint, name: str, levels: tuple[str, ...], what: str) -> Integers:
    """Places of a column's levels among those of the model, -1 where a value is missing.

    Raises
    ------
    ColumnError, InputError
        The column is not there; levels that nobody of the model had (row positions).
    """
    own = category(new, name)
    where = np.array([levels.index(word) if word in levels else -2 for word in own.levels] + [-1], dtype=np.int64)
    found = where[own.codes]
    if (found == -2).any():
        raise InputError(
            f"new patients have a {what} that nobody of the model had", count=int((found == -2).sum()),
            where=np.flatnonzero(found == -2) + 1, next_step="Predict those whose levels the model knows.",
        )  # fmt: skip
    return found


def classes_of(new: Endpoint, spec: HierarchicalSpec, reduced: Reduced, endpoint: Endpoint) -> tuple[Integers, np.ndarray]:
    """Place of each class among the deleted ones, -1 where not deleted; and whether it is known."""
    effects = {labelled.term: labelled for labelled in reduced.models[0].effects}
    seen = [word for word in category(endpoint, spec.classes).levels if word not in spec.undeleted]
    words = reduced_labels(effects["class"], reduced) if "class" in effects else tuple(seen)
    found = places(new, spec.classes, (*words, *spec.undeleted), "class")
    deleted = (found >= 0) & (found < len(words))
    return np.where(deleted, found if "class" in effects else 0, -1), found >= 0


def read(new: Endpoint, reduced: Reduced, endpoint: Endpoint) -> NewPatients:
    """Read the columns of a model from new patients, as those of its own patients were read."""
    spec, own = reduced.spec, {labelled.term: labelled for labelled in reduced.models[0].effects}
    groups = {group.term: group for block in reduced.patients.blocks for group in block}
    of_class, known = classes_of(new, spec, reduced, endpoint)
    first = np.zeros((len(new), reduced.models[0].sums.blocks[0].shape[1]))
    subtype, note = np.full(len(new), -1), ""
    for term, name in (("subtype", spec.subtype), ("protocol", spec.protocol)):
        if term not in groups or name is None:
            continue
        if term == "protocol" and name not in new.frame:
            note = ANY_PROTOCOL
            continue
        found = places(new, name, groups[term].labels, term)
        begin = own[term].family.begin
        first[np.flatnonzero(found >= 0), begin + found[found >= 0]] = 1.0
        known &= found >= 0
        subtype = found if term == "subtype" else subtype
    stratum = np.zeros(len(new), dtype=np.int64)
    if spec.strata is not None:
        stratum = places(new, spec.strata, reduced.patients.strata, "stratum")
        known &= stratum >= 0
    numbers = columns_of(new, reduced, endpoint, groups)
    for block in numbers:
        known &= ~np.isnan(block).any(axis=1)
    blocks = (first[known], *(block[known] for block in numbers))
    each = np.arange(int(known.sum()))
    row = np.repeat(each[:, None], len(blocks), axis=1)
    others = Others(row, blocks, stratum[known], subtype[known], np.ones(len(each)), each)
    return NewPatients(known, of_class[known], others, note)


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
        late = table["time"] > model.longest[NOT_DELETED if place < 0 else words[place]] + 1e-9
        tables.append(table.assign(late=late, note=patients.note))
    unknown = np.flatnonzero(~patients.known) + 1
    whole = pd.concat(
        [*tables, pd.DataFrame({"row": np.repeat(unknown, len(times)), "time": np.tile(times, len(unknown))})]
    )
    return whole.sort_values("row", kind="stable", ignore_index=True)


def part_of(others: Others, some: Integers) -> Others:
    """Some of the new patients, each a group of their own."""
    each = np.arange(len(some))
    return others._replace(
        row=others.row[some],
        stratum=others.stratum[some],
        subtype=others.subtype[some],
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
