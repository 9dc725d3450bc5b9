"""Features of the rows that a global test analyses, and which of them belong to which set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.kernels.risk import Floats, Positions
from ikzf1_outcomes.models.screened_features import Adjust, Features, References, adjusters, known_rows, read_features

ALL = "all features"
MISSING = ("features", "rows")
FLAT = 1e-12
"""Spread, relative to the size of the values, below which a feature is constant."""


class FeatureSets(NamedTuple):
    """Rows, adjusters and features of a global test."""

    base: Design
    x: Floats
    """Features that are analysed, less their means (rows, features)."""
    names: tuple[str, ...]
    left_out: dict[str, str]
    """Features that are not analysed, and why."""
    sets: dict[str, Positions]
    """Features (columns of `x`) of each set, all of them first."""
    absent: dict[str, int]
    """Members of each set that are not analysed."""
    note: str


def features_tested(
    endpoint: Endpoint, features: Any, adjust: Adjust, references: References, sets: Any, missing: str, standardise: bool
) -> FeatureSets:
    """Rows and features that a global test can use, with what was left out.

    Raises
    ------
    ColumnError, InputError
        As `read_features` and `design`; no feature is left; sets that are none.
    """
    if missing not in MISSING:
        raise InputError("there is no such rule for missing values", next_step=f"Use {' or '.join(MISSING)}.")
    read = read_features(endpoint, features)
    given = read_sets(sets, read)
    usable = np.ones(len(read.names), dtype=bool)
    usable[list(read.refused)] = False
    left_out = {read.names[j]: why for j, why in read.refused.items()}
    known = ~np.isnan(read.values)
    measured = known[:, usable].any(axis=1)
    base = adjusters(endpoint, adjust, references)
    notes = []
    if base.n_missing:
        notes.append(f"{base.n_missing} rows left out: an adjuster is missing")
    unmeasured = int((base.keep & ~measured).sum())
    if unmeasured:
        notes.append(f"{unmeasured} rows left out: no feature measured; the others may be a selected part")
    complete = np.asarray(measured & known[:, usable].all(axis=1) if missing == "rows" else measured)
    partial = int((base.keep & measured & ~complete).sum())
    if partial:
        notes.append(f"{partial} rows left out: a feature is missing")
    base = known_rows(endpoint, base, adjust, references, complete)
    own = known[base.keep]
    lacking = usable & ~own.all(axis=0)
    left_out |= {read.names[j]: f"missing in {int((~own[:, j]).sum())} rows" for j in np.flatnonzero(lacking)}
    kept = np.flatnonzero(usable & ~lacking)
    x, size = spread_out(read.values[base.keep][:, kept], standardise)
    left_out |= {read.names[j]: "constant among the rows analysed" for j in kept[size == 0.0]}
    kept, x = kept[size > 0.0], x[:, size > 0.0]
    if not len(kept):
        raise InputError("no feature is left to be tested", count=len(left_out), next_step='Try missing="rows".')
    if left_out:
        notes.append(f"{len(left_out)} of {len(read.names)} features left out, see components")
    names = tuple(read.names[j] for j in kept)
    column = {name: k for k, name in enumerate(names)}
    places = {name: np.array([column[m] for m in members if m in column], dtype=int) for name, members in given.items()}
    absent = {name: len(members) - len(places[name]) for name, members in given.items()}
    return FeatureSets(base, x, names, left_out, places, absent, "; ".join(notes))


def spread_out(values: Floats, standardise: bool) -> tuple[Floats, Floats]:
    """Features less their means, of unit spread (n - 1) where asked for; their spread, 0 where they are constant."""
    x = values - values.mean(axis=0)
    size = x.std(axis=0, ddof=1) if len(x) > 1 else np.zeros(x.shape[1])
    size[size <= FLAT * np.abs(values).max(axis=0, initial=0.0)] = 0.0
    return (x / np.where(size > 0.0, size, 1.0) if standardise else x), size


def read_sets(sets: Any, read: Features) -> dict[str, list[str]]:
    """All features, then the sets asked for, each member once.

    Raises
    ------
    InputError
        No mapping of names to lists of names; a set without members, or named as all features are.
    """
    out = {ALL: list(read.names)}
    if sets is None:
        return out
    if not isinstance(sets, Mapping):
        raise InputError("sets are a mapping of names to lists of features", next_step='As in {"BCR": ["syk", "btk"]}.')
    for name, members in sets.items():
        if isinstance(members, str) or not isinstance(members, Sequence | set | frozenset | np.ndarray):
            raise InputError(f"set {name!r} is no list of features", next_step="Give a list of names.")
        if not len(members) or str(name) in out:
            raise InputError(
                f"set {name!r} has no members, or a name that is taken", next_step="Leave it out, or rename it."
            )
        out[str(name)] = list(dict.fromkeys(str(member) for member in members))
    return out


def refuse_weighted(endpoint: Endpoint) -> None:
    """Refuse case weights, which say nothing of how many patients there are.

    Raises
    ------
    InputError
        A weight is not 1.
    """
    if (endpoint.case_weights != 1.0).any():
        raise InputError("a global test has no case weights", next_step="Use an endpoint without them.")
