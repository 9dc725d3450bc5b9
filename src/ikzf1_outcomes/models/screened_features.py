"""The features of a screen, and the adjusters among the rows in which a feature is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, frozen
from ikzf1_outcomes.endpoint.columns import as_pandas
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.formula import Coefficient, Design, DesignSpec, design
from ikzf1_outcomes.formula.grammar import read_terms
from ikzf1_outcomes.formula.spec import BEYOND_NUMBERS, learn
from ikzf1_outcomes.kernels.risk import Floats, Positions

Adjust = str | Sequence[str] | None
References = Mapping[str, Any] | None


class Features(NamedTuple):
    """Numbers and flags, a column each, rows as those of the endpoint."""

    names: tuple[str, ...]
    values: Floats
    """NaN where missing, and throughout a feature that is refused (n, features)."""
    refused: dict[int, str]
    """Features that cannot be analysed, and why."""

    def patterns(self) -> Iterator[tuple[np.ndarray, Positions]]:
        """Rows in which features are known (n), and the features (positions) that are known in just these rows.

        The complete features come first, whether or not there are any.
        """
        missing = np.isnan(self.values)
        some = missing.any(axis=0)
        usable = np.ones(len(self.names), dtype=bool)
        usable[list(self.refused)] = False
        yield np.ones(len(self.values), dtype=bool), np.flatnonzero(usable & ~some)
        lacking = np.flatnonzero(usable & some)
        packed = np.ascontiguousarray(np.packbits(missing[:, lacking], axis=0).T)
        keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel() if len(lacking) else np.empty(0)
        _, which = np.unique(keys, return_inverse=True)
        order = np.argsort(which, kind="stable")
        for members in np.split(lacking[order], np.flatnonzero(np.diff(which[order])) + 1 if len(order) else []):
            if len(members):
                yield ~missing[:, members[0]], members


def read_features(endpoint: Endpoint, features: Any) -> Features:
    """Features from names of columns, a frame, or an array.

    Raises
    ------
    ColumnError, InputError
        Unknown columns, a name that is there twice, features that are neither numbers nor flags (named), another number of
        rows than the endpoint has, no features.
    """
    refused: dict[int, str] = {}
    if isinstance(features, str):
        raise InputError("features are a list of columns, a frame or an array", next_step="Give a list of names.")
    if isinstance(features, np.ndarray):
        frame = array_frame(features)
    elif isinstance(features, Sequence):
        frame = named_columns(endpoint, list(features))
        for name in set(endpoint.known_at).intersection(features):
            try:
                endpoint.column(name)
            except InputError as error:
                refused[list(features).index(name)] = error.problem
    else:
        frame = as_pandas(features)
    names = tuple(str(name) for name in frame.columns)
    if not names:
        raise InputError("no features to screen", count=0)
    if len(frame) != len(endpoint):
        raise InputError(
            f"{len(frame)} rows of features for {len(endpoint)} rows of the endpoint",
            next_step="Give one row of features for each row of the endpoint, in its order.",
        )
    if len(set(names)) < len(names):
        raise InputError("several features have one name", count=len(names) - len(set(names)), next_step="Rename them.")
    values = as_numbers(frame)
    # the words of a single fit
    infinite = np.flatnonzero((np.abs(values) >= BEYOND_NUMBERS).any(axis=0))
    refused |= {int(j): f"term {names[j]!r} has an infinite value" for j in infinite}
    values[:, list(refused)] = np.nan
    return Features(names, frozen(values), refused)


def array_frame(features: np.ndarray) -> pd.DataFrame:
    """An array as a frame with names counted from 1."""
    if features.ndim != 2:
        raise InputError("an array of features has rows and columns", next_step="Give an array of two dimensions.")
    return pd.DataFrame(features, columns=[f"feature_{k}" for k in range(1, features.shape[1] + 1)])


def named_columns(endpoint: Endpoint, names: list[str]) -> pd.DataFrame:
    """Columns of the endpoint's rows."""
    index = endpoint.frame.columns
    there = set(index)
    unknown = [name for name in names if name not in there]
    if unknown:
        shown = ", ".join(repr(name) for name in unknown[:5])
        raise ColumnError(f"no column is called {shown}", count=len(unknown), next_step=f"There are {len(index)} columns.")
    frame = endpoint.frame[names]
    if frame.shape[1] > len(names):
        raise InputError("a feature is the name of several columns", next_step="Rename them.")
    return frame


def as_numbers(frame: pd.DataFrame) -> Floats:
    """All columns as floats; what is neither number nor flag is refused by name."""
    strange = {
        dtype for dtype in set(frame.dtypes)
        if isinstance(dtype, pd.CategoricalDtype) or not pd.api.types.is_numeric_dtype(dtype)
        or pd.api.types.is_complex_dtype(dtype)
    }  # fmt: skip
    if strange:
        names = [str(name) for name, dtype in frame.dtypes.items() if dtype in strange]
        raise InputError(
            f"features are numbers or flags, and these are not: {', '.join(names[:5])}",
            count=len(names),
            next_step="Make a flag of each level, or leave them out.",
        )
    if all(isinstance(dtype, np.dtype) for dtype in set(frame.dtypes)):
        return np.array(frame.to_numpy(dtype=np.float64))
    return np.array(frame.to_numpy(dtype=np.float64, na_value=np.nan))


def adjusters(endpoint: Endpoint, adjust: Adjust, references: References) -> Design:
    """The design of the adjusters; no columns and all rows without them."""
    if adjust is not None:
        return design(endpoint, adjust, references=references)
    if references:
        raise InputError("references name no term of the model", next_step="Name the adjusters in `adjust`.")
    n = len(endpoint)
    return Design(frozen(np.empty((n, 0))), frozen(np.ones(n, dtype=bool)), (), 0, DesignSpec("", (), (), (), ()))


def known_rows(endpoint: Endpoint, base: Design, adjust: Adjust, references: References, known: np.ndarray) -> Design:
    """The design of the adjusters among the rows in which a feature is known, as a model with the feature has it.

    Knots, means and levels belong to the rows; where nothing of that kind can differ, rows are taken from what is there.

    Raises
    ------
    InputError
        No row has everything, or the adjusters cannot be made of these rows.
    """
    keep = base.keep & known
    if not keep.any():
        raise InputError("no row has all terms known", count=len(keep))
    matrix = base.matrix[known[base.keep]]
    if len(matrix) == len(base.matrix):
        return base
    spec = base.spec
    if adjust is not None and not same_columns(base, matrix):
        frame = endpoint.frame.loc[keep, list(spec.columns)]
        every = np.ones(len(frame), dtype=bool)
        spec = learn(read_terms(adjust), frame, every, references)
        matrix = spec.columns_of(frame, every)
    return Design(frozen(matrix), frozen(keep), spec.coefficients, int((~keep).sum()), spec)


def same_columns(base: Design, matrix: Floats) -> bool:
    """Whether a design of some of the rows has the columns of the design of all of them."""
    if any(known.factor.basis for known in base.spec.factors) or not matrix.any(axis=0).all():
        return False
    terms = {c.term for c in base.coefficients if c.level is not None}
    own = {term: [c.column for c in base.coefficients if c.term == term and c.column >= 0] for term in terms}
    return all((matrix[:, columns].sum(axis=1) == 0).any() for columns in own.values())


def with_feature(base: Design, x: Floats, name: str) -> tuple[Design, int]:
    """The design of a single model: the adjusters and one feature, after the terms of one factor; its column."""
    place = sum(len(known.kept) for known in base.spec.terms if len(known.term.factors) == 1)
    moved = tuple(c if c.column < place else c._replace(column=c.column + 1) for c in base.coefficients)
    coefficients = (*moved, Coefficient(name, "", place))
    return replace(base, matrix=np.insert(base.matrix, place, x, axis=1), coefficients=coefficients), place
