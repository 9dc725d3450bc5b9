"""Descriptions of hierarchical models, with their priors, as text; and what an endpoint was, without its data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, label, numbers
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.models.bayes.reduction import Reduced
from ikzf1_outcomes.timeline import entries

ROOM = "ikzf1_outcomes."
KIND, PARTS, ARRAY, TABLE = "kind", "parts", "array", "table"


def as_text(value: Any) -> str:
    """A value made of dataclasses, tuples, mappings, numbers and words, as JSON.

    Rule: by fields, so that a description may get new ones. Numbers come back as they were, to the last bit.

    Parameters
    ----------
    value
        Such as a `HierarchicalSpec`.

    Raises
    ------
    InputError
        A part that has no form as text, such as a function.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.models.bayes.spec_file import as_text, from_text
    >>> spec = iko.hierarchical_spec(covariates="age", causes="relapse")
    >>> from_text(as_text(spec)) == spec
    True
    """
    return json.dumps(written(value), sort_keys=True)


def from_text(text: str) -> Any:
    """The value of a text of `as_text`.

    Raises
    ------
    InputError
        A text of another make, or of parts that this version does not know.
    """
    try:
        return read(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, ImportError):
        raise InputError(
            "the description of the model cannot be read", next_step="Read it with the version that wrote it."
        ) from None


def written(value: Any) -> Any:
    """A value as what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        own = {part.name: written(getattr(value, part.name)) for part in fields(value) if part.init}
        return {KIND: f"{kind.__module__}:{kind.__qualname__}", PARTS: own}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        own = {name: written(getattr(value, name)) for name in value._fields}
        return {KIND: f"{type(value).__module__}:{type(value).__qualname__}", PARTS: own}
    if isinstance(value, np.ndarray):
        return {ARRAY: value.tolist(), "dtype": str(value.dtype)}
    if isinstance(value, dict) or (
        hasattr(value, "items") and hasattr(value, "keys") and not isinstance(value, pd.DataFrame)
    ):
        return {TABLE: [[written(key), written(own)] for key, own in value.items()]}
    if isinstance(value, tuple | list):
        return [written(own) for own in value]
    if value is None or isinstance(value, bool | str | int | float):
        return value
    if isinstance(value, np.generic):
        return value.item()
    raise InputError("a part of the model has no form as text", next_step="Give numbers, words and tuples.")


def read(value: Any) -> Any:
    """What `written` was given; lists come back as tuples."""
    if isinstance(value, list):
        return tuple(read(own) for own in value)
    if not isinstance(value, dict):
        return value
    if ARRAY in value:
        return np.array(value[ARRAY], dtype=value["dtype"])
    if TABLE in value:
        return {read(key): read(own) for key, own in value[TABLE]}
    module, _, name = value[KIND].partition(":")
    if not module.startswith(ROOM) or not name.isidentifier():
        raise ValueError("no part of a model")
    kind: Any = getattr(import_module(module), name)
    own = {key: read(part) for key, part in value[PARTS].items()}
    if is_dataclass(kind):
        make: Any = kind
        needed = {part.name for part in fields(kind) if part.default is MISSING and part.default_factory is MISSING}
        if not needed <= set(own):
            raise ValueError("a part of the model is missing")
        return make(**own)
    if not (isinstance(kind, type) and issubclass(kind, tuple)):
        raise ValueError("no part of a model")
    return kind(**own)


def fingerprint(endpoint: Endpoint, reduced: Reduced) -> str:
    """A number of 64 hexadecimal digits that is another for other data: of all that a model reads of an endpoint.

    Times, entries, weights, which rows are one patient, which rows end with each cause, the rows kept, and the columns that
    the description names, row by row. Of names and identifiers of patients nothing enters.
    """
    digest = hashlib.sha256()
    patient = np.arange(len(endpoint)) if endpoint.subject is None else endpoint.subject
    first = np.unique(patient, return_inverse=True)[1]
    arrays = (endpoint.time, entries(endpoint), endpoint.case_weights, first, endpoint.cause, reduced.patients.keep)
    for array in arrays:
        digest.update(np.ascontiguousarray(array, dtype=np.float64).tobytes())
    used = columns_of(endpoint, reduced)
    for name in used:
        column = endpoint.frame[name]
        digest.update(f"\x1e{name}\x1e".encode())
        if pd.api.types.is_numeric_dtype(column) and not isinstance(column.dtype, pd.CategoricalDtype):
            digest.update(np.ascontiguousarray(numbers(endpoint.frame, name), dtype=np.float64).tobytes())
        else:
            words = column.astype(object).where(column.notna(), None)
            digest.update("\x1f".join("\x00" if word is None else label(word) for word in words).encode())
    digest.update(f"{endpoint.time_unit} {list(endpoint.causes)}".encode())
    return digest.hexdigest()


def columns_of(endpoint: Endpoint, reduced: Reduced) -> list[str]:
    """Columns of the endpoint that the description names, in whatever field, and those of its covariates."""
    used: set[str] = set()
    for part in fields(reduced.spec):
        value = getattr(reduced.spec, part.name)
        words = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
        used |= {word for word in words if isinstance(word, str) and word in endpoint.frame.columns}
    if reduced.patients.covariates is not None:
        used |= set(reduced.patients.covariates.spec.columns)
    return sorted(used)
