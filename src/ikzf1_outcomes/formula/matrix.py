"""Terms of a model and the rows of an endpoint -> design matrix, with named contrasts and reference levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula.grammar import read_terms
from ikzf1_outcomes.formula.spec import Coefficient, DesignSpec, check_columns_are_there, complete_rows, learn
from ikzf1_outcomes.formula.terms import Term
from ikzf1_outcomes.kernels.risk import Floats


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Design:
    """A design matrix and what its columns mean.

    Attributes
    ----------
    matrix
        (kept rows, columns), float.
    keep
        Rows of the endpoint in which every term is known (n).
    coefficients
        Rows of the coefficient table, reference rows included, in the order of the terms.
    n_missing
        Rows left out because a term is missing.
    spec
        What was learned from the rows; `spec.encode(frame)` gives the same columns for new patients.
    """

    matrix: Floats
    keep: np.ndarray
    coefficients: tuple[Coefficient, ...]
    n_missing: int
    spec: DesignSpec

    def __repr__(self) -> str:
        return f"Design({self.matrix.shape[0]} rows, {self.matrix.shape[1]} columns, {self.n_missing} rows left out)"

    @property
    def names(self) -> tuple[str, ...]:
        """One name a column: the term, and its contrast in parentheses."""
        return self.spec.names


def design(endpoint: Endpoint, terms: str | Sequence[str], *, references: Mapping[str, Any] | None = None) -> Design:
    """Build the design matrix of some terms.

    A formula is read by a closed grammar and nothing in it is executed: columns joined by `+`; `a:b`, and `a*b` for
    a + b + a:b, of three factors at most; `log`, `log2`, `log10` and `sqrt` of a column; `rcs(x, k)`, `poly(x, d)` and
    `scale(x)` of a column or of one of these.

    Rules
    -----
    - Numbers and flags enter as they are. Text and categories enter as indicators against a reference level, the first
      category (sorted order for text) unless `references` names another.
    - `rcs(x, k)`: restricted cubic spline, k = 3 to 7 knots at quantiles (0.10, 0.50, 0.90 for 3; evenly from 0.05 to 0.95
      for 4 to 6; from 0.025 to 0.975 for 7; with fewer than 100 rows the outer knots are the fifth smallest and the fifth
      largest value), or knots as given, `rcs(x, [1, 5, 10])`. Contrasts "linear", "spline 1", ...
    - `poly(x, d)`: polynomials of degree 1 to d (at most 5), orthonormal over the rows. Contrasts "degree 1", ...
    - `scale(x)`: (x - mean) / SD, the SD with n - 1.
    - Interactions are products of columns; the first factor runs fastest. Contrast: those of the factors in written order,
      "ik6 vs none : high vs low". An interaction with a category needs all its smaller terms.
    - Terms of one factor come first, then interactions of two, then of three; otherwise as written.
    - Rows with a missing variable are left out and counted. Quantiles, means and SDs are those of the rows that are kept,
      each row counted once whatever its weight. Levels and combinations of levels with nobody get no column
      (`spec.empty_cells`).

    Parameters
    ----------
    endpoint
        Its rows hold the columns.
    terms
        "age + ikzf1_class * mrd + log(wbc) + rcs(age, 4)" or a list of column names, taken literally.
    references
        Column to reference level.

    Returns
    -------
    Design
        `matrix` (kept rows, columns), `keep` (n), `coefficients`, `names`, `n_missing`, and `spec` for new patients.

    Raises
    ------
    ColumnError
        Unknown column; the nearest is named.
    InputError
        A formula outside the grammar (the piece and its position are named), a term known only after the start, an unknown
        reference level, an interaction without its smaller terms, no complete row, an infinite value, the logarithm of a
        number that is not positive (row positions), a spline or polynomial of too few distinct values.

    Notes
    -----
    Splines: Stone and Koo 1985; Harrell, Regression Modeling Strategies (both recalled, not verified); equal to
    `rcspline.eval(x, nk = k, inclx = TRUE, fractied = 0)` of R's Hmisc. Polynomials: Forsythe 1957 (recalled, not
    verified); equal to R's `poly(x, d)`. Checked in `tests/reference/test_formula_bases.py`.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2, 3, 4], "s": 1, "arm": list("abab"), "mrd": ["low", "low", "high", "high"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> [c.contrast for c in iko.design(endpoint, "arm").coefficients]
    ['a', 'b vs a']
    >>> iko.design(endpoint, "arm * mrd", references={"mrd": "low"}).names
    ('arm (b vs a)', 'mrd (high vs low)', 'arm:mrd (b vs a : high vs low)')
    """
    if references is not None and not isinstance(references, Mapping):
        raise InputError("references are no mapping of columns to levels", next_step='As in {"arm": "control"}.')
    return designed(endpoint, read_terms(terms), dict(references or {}))


def designed(endpoint: Endpoint, terms: tuple[Term, ...], references: Mapping[str, Any] | None) -> Design:
    """The design of terms that have been read, learned from the rows that have all of them.

    Raises
    ------
    ColumnError, InputError
        As `design`.
    """
    places: dict[str, int] = {}
    for factor in (factor for term in terms for factor in term.factors):
        places.setdefault(factor.column, factor.position)
    stray = set(references or {}) - set(places)
    if stray:
        raise InputError(f"references name no term of the model: {', '.join(sorted(map(str, stray)))}")
    check_columns_are_there(endpoint.frame, places)
    frame = pd.DataFrame({name: endpoint.column(name) for name in places})
    keep = frozen(complete_rows(frame, places))
    spec = learn(terms, frame, keep, references)
    return Design(spec.columns_of(frame, keep), keep, spec.coefficients, int((~keep).sum()), spec)
