"""What a design learned from its rows, kept apart from the matrix: new patients are encoded by it the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.endpoint import frozen, label, level_codes, numbers
from ikzf1_outcomes.endpoint.columns import as_pandas
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.formula.bases import Basis, learned
from ikzf1_outcomes.formula.terms import Factor, Term, nearest
from ikzf1_outcomes.kernels.risk import Floats

BEYOND_NUMBERS = 1e100
"""What is larger has squares and cubes that are no numbers, and counts as infinite."""


class Coefficient(NamedTuple):
    """One column of the matrix, or the reference row of a categorical term (column -1)."""

    term: str
    contrast: str
    column: int
    level: Any = None


@dataclass(frozen=True, slots=True)
class LearnedFactor:
    """A factor with its basis, or with its levels, the reference first."""

    factor: Factor
    basis: Basis | None
    levels: tuple[Any, ...] = ()

    @property
    def contrasts(self) -> tuple[str, ...]:
        """One label a column: "ik6 vs none", "spline 1", or empty for a number that stays one."""
        if self.basis is not None:
            return self.basis.contrasts
        return tuple(f"{label(level)} vs {label(self.levels[0])}" for level in self.levels[1:])

    def columns(self, frame: pd.DataFrame, keep: np.ndarray) -> Floats:
        """(kept rows, columns) of some patients.

        Raises
        ------
        InputError
            A level that the design does not know, text where there were numbers, an infinite value, the logarithm of a
            number that is not positive or the square root of a negative one; each with its row positions.
        """
        column = frame[self.factor.column]
        if self.basis is not None:
            return self.basis.columns(values_of(self.factor, frame, keep))
        codes, levels = level_codes(column)
        place = {level: k for k, level in enumerate(self.levels)}
        # a missing value has the code -1 and takes the last entry; its row is not kept
        codes = np.array([*(place.get(level, -1) for level in levels), -1])[codes][keep]
        if (codes < 0).any():
            raise InputError(
                f"column {self.factor.column!r} has levels that the design does not know",
                where=positions(keep, codes < 0),
                next_step="No such level was among the rows the design was made from: leave these rows out.",
            )
        return (codes[:, None] == np.arange(1, len(self.levels))).astype(float)


@dataclass(frozen=True, slots=True)
class LearnedTerm:
    """A term, and which columns of the product of its factors somebody has."""

    term: Term
    kept: tuple[int, ...]
    n_product: int


@dataclass(frozen=True, slots=True)
class DesignSpec:
    """How patients become rows of a design matrix; made by `design`, and never changed.

    Attributes
    ----------
    formula
        The terms in their order, joined by `+`.
    factors
        Each factor with its levels, knots, mean and SD, or polynomial.
    terms
        Terms as products of factors.
    coefficients
        Rows of the coefficient table, reference rows included, in the order of the terms.
    empty_cells
        Combinations of levels that nobody has; they have no column.
    """

    formula: str
    factors: tuple[LearnedFactor, ...]
    terms: tuple[LearnedTerm, ...]
    coefficients: tuple[Coefficient, ...]
    empty_cells: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """One name a column of the matrix."""
        return tuple(column_name(c) for c in self.coefficients if c.column >= 0)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the data that the design reads."""
        return tuple(dict.fromkeys(known.factor.column for known in self.factors))

    def encode(self, frame: pd.DataFrame) -> tuple[Floats, np.ndarray]:
        """The same columns for other patients, by the levels, knots, means and polynomials of the design.

        Parameters
        ----------
        frame
            One row a patient (m), with `columns`; others are ignored.

        Returns
        -------
        matrix, keep
            (kept rows, columns) floats, and which rows have all columns known (m); both read-only.

        Raises
        ------
        ColumnError
            A column is not there.
        InputError
            Among the rows that are kept: a level or a combination of levels that nobody of the design has, text where
            there were numbers, an infinite value, the logarithm of a number that is not positive. Row positions are named.

        Examples
        --------
        >>> import pandas as pd
        >>> import ikzf1_outcomes as iko
        >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0], "s": 1, "arm": ["a", "b", "a"], "wbc": [1.0, 8.0, 4.0]})
        >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
        >>> spec = iko.design(endpoint, "arm + log2(wbc)").spec
        >>> matrix, keep = spec.encode(pd.DataFrame({"wbc": [2.0, 16.0, 4.0], "arm": ["b", "a", None]}))
        >>> matrix.tolist(), keep.tolist()
        ([[1.0, 1.0], [0.0, 4.0]], [True, True, False])
        """
        frame = as_pandas(frame)
        check_columns_are_there(frame, dict.fromkeys(self.columns, 0))
        keep = complete_rows(frame, self.columns)
        return self.columns_of(frame, keep), frozen(keep)

    def columns_of(self, frame: pd.DataFrame, keep: np.ndarray) -> Floats:
        """The columns of the rows that are kept, all of whose values are known; read-only."""
        blocks = {known.factor.text: known.columns(frame, keep) for known in self.factors}
        parts = [np.empty((int(keep.sum()), 0))]
        for known in self.terms:
            columns = columnwise_product([blocks[factor.text] for factor in known.term.factors])
            if len(known.kept) < known.n_product:
                gone = np.setdiff1d(np.arange(known.n_product), known.kept)
                cells = columnwise_product([self.cells(factor, blocks[factor.text]) for factor in known.term.factors])
                stray = np.asarray((cells[:, gone] > 0).any(axis=1))
                if stray.any():
                    raise InputError(
                        f"term {known.term.text!r}: a combination of levels that nobody of the design has",
                        where=positions(keep, stray),
                        next_step="Its effect is not known: leave these rows out.",
                    )
                columns = columns[:, list(known.kept)]
            parts.append(columns)
        return frozen(np.column_stack(parts))

    def cells(self, factor: Factor, block: Floats) -> Floats:
        """The indicators of a category; ones for a number, which every patient has."""
        own = next(known for known in self.factors if known.factor == factor)
        return block if own.basis is None else np.ones_like(block)


def learn(
    terms: tuple[Term, ...], frame: pd.DataFrame, keep: np.ndarray, references: Mapping[str, Any] | None
) -> DesignSpec:
    """Learn the levels, knots, means and polynomials of some terms from the rows that are kept: those that have all.

    Raises
    ------
    InputError
        No row is kept, besides what a term cannot be made of.
    """
    if not keep.any():
        raise InputError("no row has all terms known", count=len(frame), next_step="Use fewer terms, or impute.")
    references = references or {}
    factors: dict[str, LearnedFactor] = {}
    for factor in (factor for term in terms for factor in term.factors):
        if factor.text not in factors:
            factors[factor.text] = learned_factor(factor, frame, keep, references)
    check_marginality(terms, {text for text, known in factors.items() if known.basis is None})
    blocks = {text: known.columns(frame, keep) for text, known in factors.items() if known.basis is None}
    rows: list[Coefficient] = []
    learned_terms: list[LearnedTerm] = []
    empty: list[str] = []
    width = 0
    for term in terms:
        own = [factors[factor.text] for factor in term.factors]
        occupied = occupied_cells(own, blocks, int(keep.sum()))
        kept = tuple(np.flatnonzero(occupied).tolist())
        learned_terms.append(LearnedTerm(term, kept, len(occupied)))
        # the first factor runs fastest, as in the product of the columns
        contrasts = [contrast_of(reversed(parts)) for parts in product(*(f.contrasts for f in reversed(own)))]
        levels: tuple[Any, ...] = (None,) * len(contrasts)
        if len(own) == 1 and own[0].basis is None:
            levels = own[0].levels[1:]
            rows.append(Coefficient(term.text, label(own[0].levels[0]), -1, own[0].levels[0]))
        rows += [Coefficient(term.text, contrasts[k], width + at, levels[k]) for at, k in enumerate(kept)]
        empty += [column_name(Coefficient(term.text, contrasts[k], -1)) for k in np.flatnonzero(~occupied)]
        width += len(kept)
    formula = " + ".join(term.text for term in terms)
    return DesignSpec(formula, tuple(factors.values()), tuple(learned_terms), tuple(rows), tuple(empty))


def occupied_cells(own: list[LearnedFactor], blocks: Mapping[str, Floats], n: int) -> NDArray[np.bool_]:
    """Which columns of a product belong to levels that somebody has together; a number alone is never empty."""
    if len(own) == 1:
        return np.ones(len(own[0].contrasts), dtype=bool)
    cells = [np.ones((n, len(f.contrasts))) if f.basis is not None else blocks[f.factor.text] for f in own]
    return np.asarray(columnwise_product(cells).max(axis=0) > 0)


def learned_factor(factor: Factor, frame: pd.DataFrame, keep: np.ndarray, references: Mapping[str, Any]) -> LearnedFactor:
    """One factor with what it learns from the kept rows."""
    name = factor.column
    if is_numeric(frame[name]):
        if name in references:
            raise InputError(f"term {name!r} is a number and has no reference level")
        # a line learns nothing from the values; they are read where the matrix is made
        return LearnedFactor(factor, learned(factor, values_of(factor, frame, keep) if factor.basis else np.empty(0)))
    if factor.is_call:
        at = f"position {factor.position}: " if factor.position else ""
        raise InputError(f"{at}{factor.text!r} needs a number, and {name!r} is none", next_step="Name the column alone.")
    codes, levels = level_codes(frame[name][keep])
    present = [level for code, level in enumerate(levels) if (codes == code).any()]
    reference = references.get(name)
    if reference is not None and reference not in present:
        raise InputError(f"the reference level of {name!r} is not in the data")
    if len(present) < 2:
        raise InputError(f"term {name!r} has only one level among the rows analysed", next_step="Leave it out.")
    if len(set(map(label, present))) < len(present):
        raise InputError(f"two levels of {name!r} are written alike", next_step="Make them one, or rename one of them.")
    base = present[0] if reference is None else present[present.index(reference)]
    return LearnedFactor(factor, None, (base, *(level for level in present if level != base)))


def check_marginality(terms: tuple[Term, ...], categories: set[str]) -> None:
    """Refuse an interaction with a category whose smaller terms are missing: it would depend on the reference level."""
    for term in terms:
        if not categories & term.key or len(term.factors) == 1:
            continue
        for size in range(1, len(term.factors)):
            for smaller in combinations(term.factors, size):
                if not any(covered(smaller, other.factors) for other in terms):
                    at = f"position {term.factors[0].position}: "
                    raise InputError(
                        f"{at}the interaction {term.text!r} needs the term {Term(smaller).text!r}",
                        next_step=f"Write {'*'.join(factor.text for factor in term.factors)}, or add the term.",
                    )


def covered(factors: tuple[Factor, ...], others: tuple[Factor, ...]) -> bool:
    """Whether the columns of one term are spanned by those of another of as many factors."""
    return len(factors) == len(others) and all(any(other.covers(factor) for other in others) for factor in factors)


def values_of(factor: Factor, frame: pd.DataFrame, keep: np.ndarray) -> Floats:
    """The numbers of a factor on the kept rows, transformed."""
    column = frame[factor.column]
    if not is_numeric(column) and column.notna().any():
        raise InputError(f"column {factor.column!r} is not numeric", next_step="The design has it as a number.")
    x = numbers(frame, factor.column)
    x = x if keep.all() else x[keep]
    infinite = ~(np.abs(x) < BEYOND_NUMBERS)
    if infinite.any():
        raise InputError(f"term {factor.text!r} has an infinite value", where=positions(keep, infinite))
    if not factor.transform:
        return x
    root = factor.transform == "sqrt"
    outside = x < 0 if root else x <= 0
    if outside.any():
        raise InputError(
            f"term {factor.text!r} has values {'below 0' if root else 'of 0 or less'}",
            where=positions(keep, outside),
            next_step="Correct them, or say in a column of your own what stands for them.",
        )
    return {"log": np.log, "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt}[factor.transform](x)


def is_numeric(column: pd.Series) -> bool:
    """Whether a column enters as a number."""
    # pandas calls a categorical of truth values a column of truth values
    return not isinstance(column.dtype, pd.CategoricalDtype) and pd.api.types.is_numeric_dtype(column)


def complete_rows(frame: pd.DataFrame, names: Iterable[str]) -> np.ndarray:
    """Rows in which all of some columns are known."""
    known = frame[list(names)].notna().to_numpy()
    # most often nothing is missing, which is seen at once; row by row takes longer
    return np.ones(len(known), dtype=bool) if known.all() else np.asarray(known.all(axis=1))


def columnwise_product(blocks: list[Floats]) -> Floats:
    """Products of each column of every block with each of the others; the first block runs fastest."""
    out = blocks[0]
    for block in blocks[1:]:
        out = (block[:, :, None] * out[:, None, :]).reshape(len(out), out.shape[1] * block.shape[1])
    return out


def contrast_of(parts: Iterable[str]) -> str:
    """The contrast of an interaction: those of its factors in written order; a number that stays one adds nothing."""
    return " : ".join(part for part in parts if part)


def column_name(coefficient: Coefficient) -> str:
    """Name of a column: its term, and its contrast in parentheses."""
    return f"{coefficient.term} ({coefficient.contrast})" if coefficient.contrast else coefficient.term


def positions(keep: np.ndarray, among_kept: np.ndarray) -> np.ndarray:
    """Row positions, counted from 1, of some of the kept rows."""
    return np.flatnonzero(keep)[among_kept] + 1


def check_columns_are_there(frame: pd.DataFrame, places: Mapping[str, int]) -> None:
    """Refuse columns that are not there, with the name most alike, and names that several columns bear.

    `places` are their positions in the formula, 0 where there is none.
    """
    known, repeated = set(frame.columns), set(frame.columns[frame.columns.duplicated()])
    for name, position in places.items():
        at = f"position {position}: " if position else ""
        if name not in known:
            near = nearest(name, frame.columns)
            hint = f"Did you mean {near!r}?" if near else f"There are {len(frame.columns)} columns."
            raise ColumnError(f"{at}no column is called {name!r}", next_step=hint)
        if name in repeated:
            raise InputError(f"{at}{name!r} is the name of several columns", next_step="Rename them.")
