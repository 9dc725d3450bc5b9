"""What a partial likelihood can estimate: columns, levels without events, separation."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from scipy.linalg import qr

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.kernels.partial import Maximum, gram
from ikzf1_outcomes.kernels.risk import Floats

RUNNING = 1e-3
"""A Newton step left over that still moves a linear predictor by more than this has no maximum before it."""
SURELY_APART = 1e-6
"""Smallest eigenvalue of the correlations above which no column is a combination of others; below, pivots decide."""
VANISHED = 1e-10
"""Information below this share of what there was at the start has flattened out."""


def rows_of(keep: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Rows of the endpoint that are kept by the design and used in the fit."""
    out = np.zeros(len(keep), dtype=bool)
    out[np.flatnonzero(keep)[used]] = True
    return out


def counts_of(
    endpoint: Endpoint, matrix: Design, event: np.ndarray, complete: np.ndarray | None = None
) -> tuple[tuple[float, int], ...]:
    """Patients and events of the level of each coefficient, or of everybody for a number, among complete rows."""
    everybody = np.ones(len(event), dtype=bool) if complete is None else complete
    total = (endpoint.patients(rows_of(matrix.keep, everybody)), int(event[everybody].sum()))
    counts = []
    for c in matrix.coefficients:
        if c.level is None:
            counts.append(total)
            continue
        own = [other.column for other in matrix.coefficients if other.term == c.term and other.column >= 0]
        member = matrix.matrix[:, c.column] == 1 if c.column >= 0 else matrix.matrix[:, own].sum(axis=1) == 0
        member &= everybody
        counts.append((endpoint.patients(rows_of(matrix.keep, member)), int(event[member].sum())))
    return tuple(counts)


class Limit(NamedTuple):
    """What is left to fit when levels without events have been taken to their limit."""

    columns: np.ndarray
    used: np.ndarray
    notes: dict[int, str]


def limit_of_empty_levels(matrix: Design, event: np.ndarray, penalised: Collection[str] = ()) -> Limit:
    """Take out levels without events: in the limit of an infinite coefficient their patients weigh nothing.

    Where the reference level has no events, every contrast of the term is infinite; the other terms are then those of the
    fit without its patients, in which another level stands as the reference. Terms that a penalty keeps finite stay.
    """
    fitted = np.ones(matrix.matrix.shape[1], dtype=bool)
    used = np.ones(len(matrix.matrix), dtype=bool)
    notes: dict[int, str] = {}
    for term in dict.fromkeys(c.term for c in matrix.coefficients if c.level is not None and c.term not in penalised):
        base, *others = (c for c in matrix.coefficients if c.term == term)
        member = {c.column: matrix.matrix[:, c.column] == 1 for c in others}
        for c in others:
            if not event[member[c.column]].any():
                fitted[c.column] = False
                used &= ~member[c.column]
                notes[c.column] = f"not estimable: no events in {c.contrast.removesuffix(' vs ' + base.contrast)}"
        in_base = ~np.any(list(member.values()), axis=0)
        if not event[in_base].any():
            used &= ~in_base
            fitted[next(c.column for c in others if fitted[c.column])] = False
            notes |= {c.column: f"not estimable: no events in the reference level {base.contrast}" for c in others}
    return Limit(np.flatnonzero(fitted), used, notes)


def column_names(matrix: Design, columns: np.ndarray) -> list[str]:
    """Names of design columns for a message."""
    names = {c.column: f"{c.term} ({c.contrast})" if c.contrast else c.term for c in matrix.coefficients}
    return [names[int(column)] for column in columns]


class Standardised(NamedTuple):
    """Covariates of mean 0 and spread 1, with what was taken off and divided by."""

    x: Floats
    centre: Floats
    scale: Floats


def check_columns(x: Floats, matrix: Design, columns: np.ndarray, shrunken: np.ndarray | None = None) -> Standardised:
    """Refuse columns that are constant or a combination of others, by name; the others standardised.

    Columns that a penalty shrinks (`shrunken`, a flag a column) may be combinations of others, and more than rows.
    """
    centre = x.mean(axis=0)
    scaled = x - centre
    if not x.shape[1]:
        return Standardised(scaled, centre, np.ones(0))
    moments = gram(scaled, np.full(len(x), 1.0 / len(x)))
    spread = np.sqrt(np.diag(moments))
    flat = spread <= 1e-12 * np.maximum(1.0, np.abs(centre))
    if flat.any():
        names = ", ".join(column_names(matrix, columns[flat]))
        raise InputError(f"constant among the rows analysed: {names}", next_step="Leave it out.")
    scaled /= spread
    free = slice(None) if shrunken is None else np.flatnonzero(~shrunken)
    own, asked = scaled[:, free], columns[free]
    correlations = (moments / np.outer(spread, spread))[free][:, free]
    if not len(asked) or np.linalg.eigvalsh(correlations)[0] > SURELY_APART:
        return Standardised(scaled, centre, spread)
    # the small triangle of a first decomposition has the same pivots, at a fraction of the work
    triangle, order = qr(np.linalg.qr(own, mode="r"), mode="r", pivoting=True)
    size = np.abs(np.diag(triangle))
    rank = int((size > 1e-9 * size[0]).sum())
    if rank < len(asked):
        names = ", ".join(column_names(matrix, asked[order[rank:]]))
        raise InputError(f"a combination of other columns: {names}", next_step="Remove a redundant term.")
    return Standardised(scaled, centre, spread)


def refuse_separation(fit: Maximum, x: Floats, scale: Floats, matrix: Design, columns: np.ndarray) -> None:
    """Raise when the likelihood only flattens out, so that a coefficient would run away for ever."""
    kept = information_left(fit)
    # no value lies further from the mean than sqrt(n) standard deviations
    if fit.converged and kept.all() and (np.abs(fit.step) * 2.0 * np.sqrt(len(x)) <= RUNNING).all():
        return
    ahead = np.abs(fit.step / scale) * np.ptp(x, axis=0)
    if fit.converged and kept.all():
        running = ahead > RUNNING
    else:
        running = ~kept if not kept.all() else ahead >= ahead.max(initial=0.0) / 2
    if running.any():
        names = ", ".join(column_names(matrix, columns[running]))
        raise ConvergenceError(
            f"no finite hazard ratio for {names}: it separates those with events from those without",
            next_step="Merge levels or leave the term out.",
        )


def information_left(fit: Maximum) -> np.ndarray:
    """Columns without a part in a direction whose information has all but gone since the start."""
    values, vectors = np.linalg.eigh(fit.information)
    start = np.einsum("ij,ik,kj->j", vectors, fit.information_null, vectors)
    gone = ~(values > VANISHED * start)
    return ~(np.abs(vectors[:, gone]) > 0.1).any(axis=1)
