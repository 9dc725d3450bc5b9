"""Terms of a model -> design matrix, with named contrasts and reference levels.

The grammar is closed: column names joined by `+`, or a list of column names. Nothing in a formula is ever executed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, frozen, label, level_codes
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats


class Coefficient(NamedTuple):
    """One column of the matrix, or the reference row of a categorical term (column -1)."""

    term: str
    contrast: str
    column: int
    level: Any = None


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
    """

    matrix: Floats
    keep: np.ndarray
    coefficients: tuple[Coefficient, ...]
    n_missing: int

    def __repr__(self) -> str:
        return f"Design({self.matrix.shape[0]} rows, {self.matrix.shape[1]} columns, {self.n_missing} rows left out)"


def parse_terms(terms: str | Sequence[str]) -> tuple[str, ...]:
    """Column names of a formula.

    Raises
    ------
    InputError
        Empty or repeated terms, or a sign other than `+`; the token is named.
    """
    names = [part.strip() for part in terms.split("+")] if isinstance(terms, str) else list(terms)
    if not names or any(not name for name in names):
        raise InputError("a term is empty", next_step="Write terms as 'age + ikzf1_class' or as a list of columns.")
    if isinstance(terms, str):
        for name in names:
            wrong = next((sign for sign in "*:()~-^|=<>,;'\"`" if sign in name), None)
            if wrong:
                raise InputError(f"the sign {wrong!r} is not part of the grammar", next_step="Join column names by '+'.")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"a term is named twice: {', '.join(sorted(twice))}")
    return tuple(names)


def design(endpoint: Endpoint, terms: str | Sequence[str], *, references: Mapping[str, Any] | None = None) -> Design:
    """Build the design matrix of some terms.

    Numbers and flags enter as they are; text and categories as indicators against a reference level, the first category
    (sorted order for text) unless `references` names another. Rows with a missing term are left out and counted. Levels
    with nobody get no column.

    Parameters
    ----------
    endpoint
        Its rows hold the columns.
    terms
        "age + ikzf1_class" or a list of column names.
    references
        Column to reference level.

    Returns
    -------
    Design

    Raises
    ------
    ColumnError, InputError
        Unknown column, a term known only after the start, an unknown reference level, no complete row, an infinite value.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0], "s": 1, "arm": ["a", "b", "a"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> [c.contrast for c in iko.design(endpoint, "arm").coefficients]
    ['a', 'b vs a']
    """
    chosen = dict(references or {})
    names = parse_terms(terms)
    stray = set(chosen) - set(names)
    if stray:
        raise InputError(f"references name no term of the model: {', '.join(sorted(stray))}")
    columns = {name: endpoint.column(name) for name in names}
    keep = np.ones(len(endpoint), dtype=bool)
    for column in columns.values():
        keep &= column.notna().to_numpy()
    if not keep.any():
        raise InputError("no row has all terms known", count=len(keep), next_step="Use fewer terms, or impute.")
    blocks: list[Floats] = []
    coefficients: list[Coefficient] = []
    for name, column in columns.items():
        if is_numeric(column):
            if name in chosen:
                raise InputError(f"term {name!r} is a number and has no reference level")
            values = column[keep].to_numpy(dtype=float)
            if not np.isfinite(values).all():
                raise InputError(
                    f"term {name!r} has an infinite value", where=np.flatnonzero(keep)[~np.isfinite(values)] + 1
                )
            coefficients.append(Coefficient(name, "", len(blocks)))
            blocks.append(values)
        else:
            add_levels(name, column[keep], chosen.get(name), blocks, coefficients)
    return Design(frozen(np.column_stack(blocks)), frozen(keep), tuple(coefficients), int((~keep).sum()))


def is_numeric(column: pd.Series) -> bool:
    """Whether a column enters as a number."""
    # pandas calls a categorical of truth values a column of truth values
    return not isinstance(column.dtype, pd.CategoricalDtype) and pd.api.types.is_numeric_dtype(column)


def add_levels(name: str, column: pd.Series, reference: Any, blocks: list[Floats], coefficients: list[Coefficient]) -> None:
    """Append the indicator columns of one categorical term."""
    codes, levels = level_codes(column)
    present = [g for g in range(len(levels)) if (codes == g).any()]
    if reference is not None and reference not in [levels[g] for g in present]:
        raise InputError(f"the reference level of {name!r} is not in the data")
    base = present[0] if reference is None else levels.index(reference)
    if len(present) < 2:
        raise InputError(f"term {name!r} has only one level among the rows analysed", next_step="Leave it out.")
    coefficients.append(Coefficient(name, label(levels[base]), -1, levels[base]))
    for g in present:
        if g != base:
            contrast = f"{label(levels[g])} vs {label(levels[base])}"
            coefficients.append(Coefficient(name, contrast, len(blocks), levels[g]))
            blocks.append((codes == g).astype(float))
