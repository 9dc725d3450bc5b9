"""What a partial likelihood can estimate: columns, levels without events, separation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from scipy.linalg import qr

from ikzf1_outcomes.endpoint import Endpoint, frozen, label
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Coefficient, Design
from ikzf1_outcomes.formula.spec import LearnedTerm
from ikzf1_outcomes.kernels.partial import Maximum, gram
from ikzf1_outcomes.kernels.risk import Floats, Integers

RUNNING = 1e-3
"""A Newton step left over that still moves a linear predictor by more than this has no maximum before it."""
SURELY_APART = 1e-6
"""Smallest eigenvalue of the correlations above which no column is a combination of others; below, pivots decide."""
UNTOLD = 1e-8
"""Share of a direction that counts as rounding where rows are asked what they tell of it."""
MOST_LEVELS = 20
"""Rows of a term in the coefficient table above which a message does not name its levels."""
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
    """Patients and events of the level, or levels together, of each coefficient; of everybody for a number."""
    everybody = np.ones(len(event), dtype=bool) if complete is None else complete
    total = (endpoint.patients(rows_of(matrix.keep, everybody)), int(event[everybody].sum()))
    categories = {known.term.text for known in matrix.spec.terms if of_categories(matrix, known)}
    counts = []
    for c in matrix.coefficients:
        if c.term not in categories:
            counts.append(total)
            continue
        own = [other.column for other in matrix.coefficients if other.term == c.term and other.column >= 0]
        member = matrix.matrix[:, c.column] == 1 if c.column >= 0 else matrix.matrix[:, own].sum(axis=1) == 0
        member &= everybody
        counts.append((endpoint.patients(rows_of(matrix.keep, member)), int(event[member].sum())))
    return tuple(counts)


def of_categories(matrix: Design, known: LearnedTerm) -> bool:
    """Whether all factors of a term are categories."""
    learned = {factor.factor.text: factor for factor in matrix.spec.factors}
    return all(learned[factor.text].levels for factor in known.term.factors)


class Span(NamedTuple):
    """What rows can tell of coefficients."""

    columns: np.ndarray
    """Columns that no combination of earlier ones and a constant gives."""
    untold: Floats
    """Directions in which the rows do not differ (columns of the design, directions)."""
    empty: Floats = np.zeros((0, 0))
    """Indicators of the levels, and levels together, without events (cells, columns of the design): 1 and 0, NaN
    elsewhere."""

    def kept(self) -> Span:
        """Itself, made read-only: a fit holds on to it."""
        return Span(frozen(self.columns), frozen(self.untold), frozen(self.empty))

    def without_events(self, x: Floats) -> np.ndarray:
        """Which rows of a design have a level, or levels together, without events: their hazard is 0 in the limit."""
        out = np.zeros(len(x), dtype=bool)
        for cell in self.empty:
            asked = ~np.isnan(cell)
            out |= (x[:, asked] == cell[asked]).all(axis=1)
        return out

    def tells(self, weights: Floats) -> np.ndarray:
        """Which combinations of the coefficients (k, columns of the design) the rows tell."""
        return np.asarray((np.abs(weights @ self.untold) <= UNTOLD * (np.abs(weights) @ np.abs(self.untold))).all(axis=1))


def span_of(x: Floats) -> Span:
    """Columns that are independent of each other and of a constant, and the directions that are lost."""
    p = x.shape[1]
    if not p or not len(x):
        return Span(np.empty(0, dtype=np.intp), np.eye(p))
    scaled = x - x.mean(axis=0)
    size = np.linalg.norm(scaled, axis=0)
    flat = size <= 1e-12 * np.sqrt(len(x)) * np.maximum(1.0, np.abs(x).max(axis=0))
    size = np.where(flat, 1.0, size)
    scaled = np.where(flat, 0.0, scaled) / size
    apart = independent_of_earlier(scaled)
    columns, lost = np.flatnonzero(apart), np.flatnonzero(~apart)
    untold = np.zeros((p, len(lost)))
    untold[lost, np.arange(len(lost))] = -1.0
    if len(columns) and len(lost):
        made_of = np.linalg.lstsq(scaled[:, columns], scaled[:, lost], rcond=None)[0]
        untold[columns] = np.where(np.abs(made_of) < UNTOLD, 0.0, made_of) * size[lost] / size[columns, None]
    return Span(columns, untold)


def independent_of_earlier(x: Floats) -> np.ndarray:
    """Which columns of unit length no combination of earlier ones gives.

    One by one: the triangle of a decomposition without pivots gives each dependent column a direction of its own, and where
    rows are few there is none left for those that follow.
    """
    n, p = x.shape
    apart, basis = np.zeros(p, dtype=bool), np.empty((n, 0))
    for k, column in enumerate(x.T):
        left = column - basis @ (basis.T @ column)
        left = left - basis @ (basis.T @ left)
        length = float(np.linalg.norm(left))
        if length > 1e-9:
            apart[k], basis = True, np.column_stack((basis, left / length))
    return apart


class Limit(NamedTuple):
    """What is left to fit when levels without events have been taken to their limit."""

    span: Span
    used: np.ndarray
    notes: dict[int, str]

    @property
    def columns(self) -> np.ndarray:
        """Columns of the design that are fitted."""
        return self.span.columns


class Cell(NamedTuple):
    """A level, or levels of several factors together, that somebody has."""

    term: str
    name: str
    is_reference: bool
    rows: np.ndarray
    indicator: Floats
    """What the columns of its factors are in it; NaN for other columns (columns of the design)."""


def limit_of_empty_levels(matrix: Design, event: np.ndarray, penalised: Collection[str] = ()) -> Limit:
    """Take out levels, and levels together in an interaction, without events.

    An interaction of categories, with the smaller terms that it needs, has a coefficient of its own for each combination of
    levels; where a combination had no event its hazard is 0 in the limit, and its patients weigh nothing. Coefficients of
    which the other rows tell nothing are not estimable: their notes name the combination. The columns that are left for the
    fit are those that are independent among the rows that are left. Terms that a penalty keeps finite stay.
    """
    p = matrix.matrix.shape[1]
    used = np.ones(len(matrix.matrix), dtype=bool)
    empty = [cell for cell in cells_of(matrix) if cell.term not in penalised and not event[cell.rows].any()]
    if not empty:
        return Limit(Span(np.arange(p), np.zeros((p, 0))).kept(), used, {})
    shrunken = np.zeros(p, dtype=bool)
    shrunken[[c.column for c in matrix.coefficients if c.column >= 0 and c.term in penalised]] = True
    check_columns(matrix.matrix, matrix, np.arange(p), shrunken)
    for cell in empty:
        used &= ~cell.rows
    free = np.flatnonzero(~shrunken)
    span = span_of(matrix.matrix[used][:, free])
    untold = np.zeros((p, span.untold.shape[1]))
    untold[free] = span.untold
    indicators = np.array([cell.indicator for cell in empty])
    span = Span(np.union1d(np.flatnonzero(shrunken), free[span.columns]), untold, indicators)
    told = span.tells(np.eye(p))
    notes = {c.column: why(matrix, c, empty) for c in matrix.coefficients if c.column >= 0 and not told[c.column]}
    return Limit(span.kept(), used, notes)


def cells_of(matrix: Design) -> list[Cell]:
    """The levels of each category, and the combinations of levels of each interaction of categories."""
    codes: dict[str, Integers] = {}
    columns: dict[str, list[int]] = {}
    names = {factor.factor.text: tuple(map(label, factor.levels)) for factor in matrix.spec.factors}
    for known in matrix.spec.terms:
        text = known.term.text
        if len(known.term.factors) == 1 and names[text]:
            columns[text] = [c.column for c in matrix.coefficients if c.term == text and c.column >= 0]
            codes[text] = matrix.matrix[:, columns[text]] @ np.arange(1, len(columns[text]) + 1)
    out = []
    for known in matrix.spec.terms:
        if not of_categories(matrix, known):
            continue
        texts = [factor.text for factor in known.term.factors]
        found = np.unique(np.column_stack([codes[text] for text in texts]), axis=0, return_inverse=True)
        levels, inverse = found[0].astype(int), found[1].ravel()
        for k, row in enumerate(levels):
            name = " : ".join(names[text][code] for text, code in zip(texts, row, strict=True))
            indicator = np.full(matrix.matrix.shape[1], np.nan)
            for text, code in zip(texts, row, strict=True):
                indicator[columns[text]] = np.arange(1, len(columns[text]) + 1) == code
            out.append(Cell(known.term.text, name, len(texts) == 1 and row[0] == 0, inverse == k, indicator))
    return out


def why(matrix: Design, coefficient: Coefficient, empty: list[Cell]) -> str:
    """Why a coefficient has no estimate: the level, or levels together, without events."""
    own = matrix.matrix[:, coefficient.column] != 0
    inside = [cell for cell in empty if not (own & ~cell.rows).any()]
    if inside:
        return f"not estimable: no events in {inside[0].name}"
    for cell in empty:
        if cell.term == coefficient.term and cell.is_reference:
            return f"not estimable: no events in the reference level {cell.name}"
    factors = set(coefficient.term.split(":"))
    near = [cell for cell in empty if factors & set(cell.term.split(":"))] or empty
    return f"not estimable: no events in {near[0].name}"


def column_names(matrix: Design, columns: np.ndarray) -> list[str]:
    """Names of design columns for a message; a term of so many levels that they may be patients is named alone."""
    size = Counter(c.term for c in matrix.coefficients)
    names = {
        c.column: f"{c.term} ({c.contrast})" if c.contrast and size[c.term] <= MOST_LEVELS else c.term
        for c in matrix.coefficients
    }
    return list(dict.fromkeys(names[int(column)] for column in columns))


class Standardised(NamedTuple):
    """Covariates of mean 0 and spread 1, with what was taken off and divided by."""

    x: Floats
    centre: Floats
    scale: Floats


def check_columns(x: Floats, matrix: Design, columns: np.ndarray, shrunken: np.ndarray | None = None) -> Standardised:
    """Refuse columns that are constant or a combination of others, by name; the others standardised.

    Columns that a penalty shrinks (`shrunken`, a flag a column) may be combinations of others, and more than rows.
    """
    share = np.full(len(x), 1.0 / max(len(x), 1))
    centre = share @ x
    scaled = x - centre
    if not x.shape[1]:
        return Standardised(scaled, centre, np.ones(0))
    moments = gram(scaled, share)
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
        # of columns that are each other's combination the later ones are named, where rounding does not blur which
        later = np.flatnonzero(~independent_of_earlier(own / np.sqrt(len(own))))
        names = ", ".join(column_names(matrix, asked[later if len(later) == len(asked) - rank else order[rank:]]))
        raise InputError(f"a combination of other columns: {names}", next_step="Remove a redundant term.")
    return Standardised(scaled, centre, spread)


def refuse_separation(fit: Maximum, x: Floats, scale: Floats, matrix: Design, columns: np.ndarray) -> None:
    """Raise when the likelihood only flattens out, so that a coefficient would run away for ever."""
    if settled(fit, len(x)):
        return
    kept = information_left(fit)
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


def settled(fit: Maximum, n: int) -> bool:
    """Whether the likelihood of n rows, of standardised covariates, has reached a maximum: no coefficient runs away."""
    # no value lies further from the mean than sqrt(n) standard deviations
    near = bool((np.abs(fit.step) * 2.0 * np.sqrt(n) <= RUNNING).all())
    return fit.converged and near and bool(information_left(fit).all())


def information_left(fit: Maximum) -> np.ndarray:
    """Columns without a part in a direction whose information has all but gone since the start."""
    values, vectors = np.linalg.eigh(fit.information)
    start = np.einsum("ij,ik,kj->j", vectors, fit.information_null, vectors)
    gone = ~(values > VANISHED * start)
    return ~(np.abs(vectors[:, gone]) > 0.1).any(axis=1)
