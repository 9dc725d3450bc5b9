"""Which rows a regression analyses, with their strata, clusters and offsets."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Columns, Endpoint, numbers
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.kernels.risk import Floats, Integers


class Analysed(NamedTuple):
    """What the arguments beside the terms make of the rows that the design keeps."""

    complete: np.ndarray
    stratum: Integers
    columns: tuple[str, ...]
    """Columns of the strata."""
    levels: tuple[Any, ...]
    cluster: Integers
    robust: bool
    offset: Floats
    note: str


def analysed(
    endpoint: Endpoint, matrix: Design, strata: Columns | None, cluster: Columns | None, robust: bool, offset: str | None
) -> Analysed:
    """Strata, clusters and offsets of the rows, and which rows have them all.

    Raises
    ------
    ColumnError, InputError
        Unknown columns; an offset that is no number.
    """
    keep = matrix.keep
    size = int(keep.sum())
    complete = np.ones(size, dtype=bool)
    strata_of, cluster_of = (None if by is None else endpoint.groups(by) for by in (strata, cluster))
    codes = {}
    for name, found in (("strata", strata_of), ("cluster", cluster_of)):
        if found is not None:
            codes[name] = found.codes[keep]
            complete &= codes[name] >= 0
    shift = np.zeros(size)
    if offset is not None:
        endpoint.column(offset)
        shift = numbers(endpoint.frame, offset)[keep]
        if np.isinf(shift).any():
            raise InputError("the offset has infinite values", where=np.flatnonzero(keep)[np.isinf(shift)] + 1)
        complete &= ~np.isnan(shift)
    patient = np.arange(len(keep)) if endpoint.subject is None else endpoint.subject
    whole = bool((endpoint.case_weights == np.round(endpoint.case_weights)).all())
    sure = robust or cluster is not None
    note = "" if whole or sure else "weights are not whole numbers: standard errors need robust=True"
    return Analysed(
        complete,
        codes.get("strata", np.zeros(size, dtype=np.int32)).astype(np.intp),
        () if strata_of is None else strata_of.columns,
        () if strata_of is None else strata_of.levels,
        codes.get("cluster", patient[keep]),
        sure,
        shift,
        note,
    )


def events_of(endpoint: Endpoint, matrix: Design, rows: Analysed, cause: str | None) -> np.ndarray:
    """Which of the rows that the design keeps are complete and end with the event.

    Raises
    ------
    InputError
        None does.
    """
    event = endpoint.ends_with(cause)
    found = np.asarray(event[matrix.keep] & rows.complete)
    if not found.any():
        raise InputError(f"no events of {cause or 'any cause'} among the rows analysed", count=0)
    return found


def ever_compared(time: Floats, event: np.ndarray, stratum: Integers) -> np.ndarray:
    """Rows that end at or after the first event of their stratum: the others were never compared with anybody."""
    first, ended = np.full(int(stratum.max(initial=0)) + 1, np.inf), np.flatnonzero(event)
    np.minimum.at(first, stratum.take(ended), time.take(ended))
    return np.asarray((stratum >= 0) & (time >= first.take(stratum)))


def within(x: Floats, stratum: Integers) -> Floats:
    """Covariates less their means in the stratum: all that a stratified likelihood sees of them."""
    if not len(stratum) or stratum.max() == stratum.min():
        return x
    _, code, size = np.unique(stratum, return_inverse=True, return_counts=True)
    sums = np.zeros((len(size), x.shape[1]))
    np.add.at(sums, code, x)
    out: Floats = x - (sums / size[:, None])[code] + x.mean(axis=0)
    return out
