"""The effects of a hierarchical model: columns of the patients, in blocks, with what each effect means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, label, level_codes, numbers, refuse
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.formula import Design, design
from ikzf1_outcomes.genome.calls import LOSS_WORDS, UNKNOWN
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec

DELETED, NOT_DELETED = "any deletion", "not deleted"
BY_TRIAL, CLASS_BY_TRIAL = "deletion by trial", "class by trial"
OF_CLASS = ("deletion", "class", "cell", BY_TRIAL, CLASS_BY_TRIAL)
"""Groups whose columns hang on the class: all are 0 without a deletion."""
FREE = ("cell", CLASS_BY_TRIAL)
"""Pooled groups that add up to 0 under no pooling: not every class is everywhere."""
NOT_SAID = ("", "na", "n/a", "nan", "unknown", "not_known", "not_done", "missing", "inconclusive")
"""Words for a class that is not known, beside those of calls."""
LARGEST = 100.0
"""An alteration is a flag, or a small number: nothing standardises it."""


class Group(NamedTuple):
    """Effects that share a prior."""

    term: str
    """"deletion", "class", "cell", "subtype", "protocol", "deletion by trial", "class by trial", "covariate", "alteration"
    or "feature"."""
    labels: tuple[str, ...]
    columns: np.ndarray
    """(rows, effects): numbers, or flags of a byte."""


class Levels(NamedTuple):
    """A category of the patients."""

    codes: Integers
    """-1 where it is not known (n)."""
    levels: tuple[str, ...]


class Patients(NamedTuple):
    """The rows that a model is fitted to, and what it makes of them."""

    keep: np.ndarray
    """Rows of the endpoint (n)."""
    blocks: tuple[tuple[Group, ...], ...]
    """Groups of columns that have their distinct rows together; rows are those kept."""
    stratum: Integers
    strata: tuple[str, ...]
    notes: tuple[str, ...]
    covariates: Design | None
    scale: tuple[Floats, Floats] | None
    """Means and standard deviations of the columns of the covariates."""


def check_kinds(endpoint: object, spec: object) -> None:
    """Refuse what is no endpoint, such as a table of patients, or no description.

    Raises
    ------
    InputError
        With how to make them.
    """
    if not isinstance(endpoint, Endpoint) or not isinstance(spec, HierarchicalSpec):
        raise InputError(
            "a hierarchical model needs an endpoint, then a description",
            next_step="Make them by endpoint_from_columns or define_endpoint, and hierarchical_spec.",
        )


def category(endpoint: Endpoint, name: str, unknown: Sequence[str] = UNKNOWN) -> Levels:
    """Codes and names of the levels that somebody has; unknown calls are no levels."""
    codes, levels = level_codes(endpoint.column(name))
    names = [label(level) for level in levels]
    known = [k for k, word in enumerate(names) if word not in unknown and (codes == k).any()]
    # a number and its word, as 1 and "1", are one level: two of one name could not be told apart
    words = tuple(dict.fromkeys(names[k] for k in known))
    new = np.full(len(names) + 1, -1, dtype=np.int64)
    new[known] = [words.index(names[k]) for k in known]
    return Levels(new[codes], words)


def unknown_words(endpoint: Endpoint, name: str) -> list[str]:
    """Levels of a column of classes that say that the class is not known."""
    words = [label(level) for level in level_codes(endpoint.column(name))[1]]
    return [word for word in words if word.strip().casefold().replace(" ", "_") in (*UNKNOWN, *NOT_SAID)]


def indicators(codes: Integers, levels: Integers) -> np.ndarray:
    """One column a level (n, levels): flags of a byte, of which a million patients have many."""
    return (codes[:, None] == levels).astype(np.uint8)


def patients_of(endpoint: Endpoint, spec: HierarchicalSpec, among: np.ndarray | None = None) -> Patients:
    """Read the columns of a description from the rows of an endpoint, or from some of them.

    Raises
    ------
    ColumnError, InputError
        Unknown columns; nobody with or without a deletion; no row with all columns.
    """
    named = {"classes": spec.classes, "subtype": spec.subtype, "protocol": spec.protocol, "strata": spec.strata}
    for name in (*named.values(), *spec.alterations, *spec.features):
        if (endpoint.frame.columns == name).sum() > 1:
            raise ColumnError(f"several columns are called {name!r}", next_step="Give each its own name.")
    found = {what: category(endpoint, name) for what, name in named.items() if name is not None}
    found["classes"] = category(endpoint, spec.classes, unknown_words(endpoint, spec.classes))
    matrix = None if spec.covariates is None else design(endpoint, _terms(spec.covariates))
    if matrix is not None and set(matrix.spec.columns) & {*named.values(), *spec.alterations, *spec.features}:
        raise InputError("a covariate has another role in the model", next_step="Leave it out of the covariates.")
    others, features = alteration_columns(endpoint, spec.alterations), feature_columns(endpoint, spec.features)
    keep: np.ndarray = np.asarray(~np.isnan(others).any(axis=1) & ~np.isnan(features).any(axis=1))
    keep &= True if among is None else among
    for own in found.values():
        keep &= own.codes >= 0
    if matrix is not None:
        keep &= matrix.keep
    if not keep.any():
        raise InputError("no row has all columns of the model", count=len(keep), next_step="Use fewer, or impute.")
    # levels that only rows with something missing have are no levels of this model
    kept = {what: present(Levels(own.codes[keep], own.levels)) for what, own in found.items()}
    notes: list[str] = []
    first = hierarchy(spec, kept, notes)
    second = [Group("alteration", tuple(spec.alterations), others[keep])] if spec.alterations else []
    third, scale = [], None
    if matrix is not None:
        x = matrix.matrix[keep[matrix.keep]]
        centre, spread = x.mean(axis=0), x.std(axis=0)
        if (spread <= 1e-12 * np.maximum(1.0, np.abs(centre))).any():
            raise InputError("a covariate is constant among the rows analysed", next_step="Leave it out.")
        third, scale = [Group("covariate", matrix.names, (x - centre) / spread)], (centre, spread)
    fourth = [Group("feature", spec.features, standardised(features[keep], spec.features))] if spec.features else []
    strata = kept.get("strata", Levels(np.zeros(int(keep.sum()), dtype=np.int64), ("all",)))
    blocks = tuple(tuple(block) for block in (first, second, third, fourth) if block)
    return Patients(keep, blocks, strata.codes, strata.levels, tuple(notes), matrix, scale)


def _terms(covariates: str | tuple[str, ...]) -> str | list[str]:
    return covariates if isinstance(covariates, str) else list(covariates)


def present(own: Levels) -> Levels:
    """A category without the levels that nobody has."""
    codes = np.unique(own.codes)
    return Levels(np.searchsorted(codes, own.codes), tuple(own.levels[k] for k in codes))


def hierarchy(spec: HierarchicalSpec, kept: dict[str, Levels], notes: list[str]) -> list[Group]:
    """Columns of the deletion, its classes, subtypes, classes within subtypes, and protocols."""
    classes = kept["classes"]
    words = [word for word in classes.levels if word not in spec.undeleted]
    if any(" : " in word for word in words):
        raise InputError("the name of a class has a colon between spaces", next_step="Rename it.")
    if NOT_DELETED in words or (len(words) > 1 and DELETED in words):
        raise InputError(
            f"a deleted class is called {DELETED!r} or {NOT_DELETED!r}, as the tables call all of them, or none",
            next_step="Rename it, or name it in `undeleted`.",
        )
    deleted = np.isin(classes.codes, [classes.levels.index(word) for word in words])
    if not words or deleted.all():
        what = "without" if words else "with"
        raise InputError(f"nobody {what} a deletion among the rows analysed", next_step="Check `classes` and `undeleted`.")
    of_class = np.full(len(deleted), -1)
    for place, word in enumerate(words):
        of_class[classes.codes == classes.levels.index(word)] = place
    groups = [Group("deletion", (DELETED,), deleted[:, None].astype(np.uint8))]
    if len(words) > 1:
        groups.append(Group("class", tuple(words), indicators(of_class, np.arange(len(words)))))
    else:
        notes.append(f"one deleted class only: its effect is that of {DELETED}")
    if "subtype" in kept and len(kept["subtype"].levels) > 1:
        subtype = kept["subtype"]
        groups.append(Group("subtype", subtype.levels, indicators(subtype.codes, np.arange(len(subtype.levels)))))
        if spec.cells:
            groups.append(crossed("cell", of_class, tuple(words), subtype))
    elif "subtype" in kept:
        notes.append("one subtype only: subtypes are left out")
    if "protocol" in kept and len(kept["protocol"].levels) > 1:
        protocol = kept["protocol"]
        groups.append(Group("protocol", protocol.levels, indicators(protocol.codes, np.arange(len(protocol.levels)))))
    elif "protocol" in kept:
        notes.append("one protocol only: protocols are left out")
    if spec.effects_by is not None:
        groups += by_trial(kept[spec.effects_by], of_class, tuple(words), notes)
    return groups


def crossed(term: str, of_class: Integers, words: tuple[str, ...], other: Levels) -> Group:
    """A column for each deleted class (-1: not deleted) at each level of another category, where somebody is there."""
    size = len(other.levels)
    both = np.where(of_class >= 0, of_class * size + other.codes, -1)
    there = np.unique(both[both >= 0])
    names = tuple(f"{words[c // size]} : {other.levels[c % size]}" for c in there)
    return Group(term, names, indicators(both, there))


def by_trial(trial: Levels, of_class: Integers, words: tuple[str, ...], notes: list[str]) -> list[Group]:
    """Columns of the deletion, and of its classes, in each trial.

    A trial in which nobody is deleted has a column, too: it is one of those whose effects may add up to 0.

    Raises
    ------
    InputError
        One trial only.
    """
    if len(trial.levels) < 2:
        raise InputError(
            "effects cannot differ between trials: the rows analysed have one only",
            next_step="Leave `effects_by` out, or check its column.",
        )
    codes = np.where(of_class >= 0, trial.codes, -1)
    empty = len(trial.levels) - len(np.unique(codes[codes >= 0]))
    if empty:
        notes.append(f"nobody with a deletion in {empty} of {len(trial.levels)} trials: the prior tells the effect there")
    groups = [Group(BY_TRIAL, trial.levels, indicators(codes, np.arange(len(trial.levels))))]
    if len(words) > 1:
        groups.append(crossed(CLASS_BY_TRIAL, of_class, words, trial))
        classes = [name.split(" : ", 1)[0] for name in groups[1].labels]
        alone = sum(classes.count(word) == 1 for word in words)
        if alone:
            notes.append(f"{alone} of {len(words)} classes in one trial only: the priors tell class from trial there")
    return groups


def feature_columns(endpoint: Endpoint, names: Sequence[str]) -> Floats:
    """Numeric columns as they are (n, names); NaN where missing."""
    out = np.empty((len(endpoint), len(names)))
    for j, name in enumerate(names):
        if pd.api.types.is_datetime64_any_dtype(endpoint.column(name)):
            raise InputError(f"feature {name!r} is a date", next_step="Make it a number, such as years from diagnosis.")
        out[:, j] = numbers(endpoint.frame, name)
        refuse(np.isinf(out[:, j]), f"feature {name!r} has an infinite value", "Correct those rows, or leave them out.")
    return out


def standardised(columns: Floats, names: Sequence[str]) -> Floats:
    """Columns in standard deviations from their means (rows, names).

    Raises
    ------
    InputError
        A column that is constant, or all but that.
    """
    centre = columns.mean(axis=0)
    moved = columns - centre
    spread = np.sqrt((moved**2).mean(axis=0))
    flat = ~(spread > 1e-12 * np.maximum(np.abs(centre), np.finfo(float).tiny))
    if flat.any():
        raise InputError(
            f"feature {names[int(flat.argmax())]!r} is constant among the rows analysed", count=int(flat.sum()),
            next_step="Leave out those that are.",
        )  # fmt: skip
    return np.asarray(moved / spread)


def alteration_columns(endpoint: Endpoint, names: Sequence[str]) -> Floats:
    """Flags or numbers as they are; of calls, whether there is a loss (n, names); NaN where unknown."""
    out = np.empty((len(endpoint), len(names)))
    for j, name in enumerate(names):
        column = endpoint.column(name)
        if pd.api.types.is_numeric_dtype(column) and not isinstance(column.dtype, pd.CategoricalDtype):
            out[:, j] = numbers(endpoint.frame, name)
            refuse(np.abs(out[:, j]) > LARGEST, f"alteration {name!r} is no flag", "Name numbers among the covariates.")
            continue
        words = column.astype(object).map(label, na_action="ignore")
        lost, not_lost = words.isin(LOSS_WORDS), words.isin(("normal", "gain"))
        strange = ~(lost | not_lost | words.isin(UNKNOWN) | words.isna())
        if strange.any():
            raise InputError(
                f"column {name!r} has values that are no copy-number calls", count=int(strange.sum()),
                where=np.flatnonzero(strange) + 1, next_step="Make it a flag, or name it among the covariates.",
            )  # fmt: skip
        out[:, j] = np.where(lost | not_lost, lost, np.nan)
    return out
