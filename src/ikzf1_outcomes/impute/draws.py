"""Draws of the classes of patients from their probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import refuse
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.calls import UNKNOWN
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.resampling import generator_of

ROUNDING = 1e-6
"""What a probability, or the sum of a row, may be off."""


class Chances(NamedTuple):
    """Probabilities of the classes, checked."""

    p: Floats
    """(n, classes), rows adding up to 1; NaN where not tested."""
    tested: np.ndarray
    classes: tuple[Any, ...]


def call_draws(probabilities: pd.DataFrame, *, draws: int, seed: int | np.random.Generator) -> pd.DataFrame:
    """Draw the class of each patient from its probabilities, several times.

    Inverse of the distribution function: with u uniform, the class is the first whose cumulated probability exceeds u. A
    class of probability 0 is never drawn. The outcome of the patients plays no part: see `call_uncertainty` for what that
    does to effects.

    Parameters
    ----------
    probabilities
        Rows patients, columns classes; each row adds up to 1 (to 1e-6), or is missing altogether: not tested.
    draws
        Number of draws.
    seed
        Number or generator; the same seed gives the same draws.

    Returns
    -------
    DataFrame
        The index of `probabilities`; columns 1 to `draws`, each categorical with the classes in their order. Not tested
        is missing in every draw.

    Raises
    ------
    InputError
        Not a frame of at least two classes; a class that is no class ("ambiguous", "failed", "not_tested"); rows that are
        missing in part, out of [0, 1] or do not add up to 1 (row positions).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> iko.call_draws(pd.DataFrame({"none": [1.0, 0.0, None], "ik6": [0.0, 1.0, None]}), draws=2, seed=1)
          1     2
    0  none  none
    1   ik6   ik6
    2   NaN   NaN
    """
    chances = checked_probabilities(probabilities)
    whole_number(draws, 1)
    codes = codes_of(chances.p, generator_of(seed).random((draws, len(chances.p))))
    columns = {k: as_classes(row, chances.classes) for k, row in enumerate(codes, 1)}
    return pd.DataFrame(columns, index=probabilities.index)


def checked_probabilities(probabilities: pd.DataFrame) -> Chances:
    """The probabilities as an array; refused where they are none."""
    if not isinstance(probabilities, pd.DataFrame) or probabilities.shape[1] < 2 or not probabilities.columns.is_unique:
        raise InputError(
            "probabilities are not a frame with two or more classes", next_step="One column a class, named by it."
        )
    unknown = [name for name in UNKNOWN if name in probabilities.columns]
    if unknown:
        raise InputError(
            f"no class: {', '.join(unknown)}", next_step="Share it among the classes, or leave the row missing: not tested."
        )
    try:
        p = probabilities.to_numpy(dtype=float, na_value=np.nan, copy=True)
    except (TypeError, ValueError):
        raise InputError("probabilities are not numbers", next_step="Convert them to numbers first.") from None
    absent = np.isnan(p)
    tested = ~absent.all(axis=1)
    refuse(tested & absent.any(axis=1), "some probabilities of a row are missing", "Give all, or none for not tested.")
    # sums and complements of probabilities leave 0 and 1 by rounding
    beyond = tested & ((p < -ROUNDING) | (p > 1 + ROUNDING)).any(axis=1)
    refuse(beyond, "a probability is not between 0 and 1", "Check how they were made.")
    p = np.clip(p, 0.0, 1.0)
    total = p.sum(axis=1)
    refuse(tested & (np.abs(total - 1) > ROUNDING), "probabilities do not add up to 1", "Give every class a column.")
    return Chances(p / total[:, None], tested, tuple(probabilities.columns))


def codes_of(p: Floats, u: Floats) -> Integers:
    """Class codes by the inverse distribution function: p (n, classes), u (..., n) uniform; -1 where p is missing."""
    reached = np.cumsum(p, axis=1)
    # the last one made exactly 1: rounding must not open a class of probability 0
    reached /= reached[:, -1:]
    codes = (u[..., None] >= reached[:, :-1]).sum(axis=-1)
    return np.where(np.isnan(p[:, 0]), -1, codes).astype(np.int8)


def as_classes(codes: Integers, classes: Sequence[Any]) -> pd.Categorical:
    """Codes as a categorical column, missing where -1."""
    return pd.Categorical.from_codes(codes, categories=list(classes))


def whole_number(draws: int, least: int) -> None:
    """Refuse a number of draws that is none, or too small."""
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < least:
        raise InputError(f"draws must be a whole number of {least} or more", next_step="50 serve most tables.")
