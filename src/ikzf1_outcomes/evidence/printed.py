"""Figures as they are printed: what they may have been before they were rounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import ColumnError, InputError

PATTERN = re.compile(r"(<=|<|>|=)?\s*(\d*\.?\d+)")


class Printed(NamedTuple):
    """A figure, and the least and most that is printed like it; NaN where nothing is printed."""

    value: float
    least: float
    most: float

    @property
    def known(self) -> bool:
        """Whether there is a figure."""
        return not np.isnan(self.value)

    def scaled(self, factor: float) -> Printed:
        """In another unit."""
        return Printed(self.value * factor, self.least * factor, self.most * factor)

    def overlaps(self, other: Printed) -> bool:
        """Whether one number could be both."""
        return bool(self.least <= other.most and other.least <= self.most)


NOTHING = Printed(np.nan, np.nan, np.nan)


def printed(text: Any) -> Printed:
    """Read a figure: "1.8" was between 1.75 and 1.85, "<.001" between 0 and 0.001, ">0.5" between 0.5 and 1."""
    if pd.isna(text) or not str(text).strip():
        return NOTHING
    found = PATTERN.fullmatch(str(text).strip().replace("·", "."))
    if found is None:
        raise InputError("a printed figure cannot be read", next_step='As in "1.8", "<.001" or nothing.')
    sign, digits = found.groups()
    value, half = float(digits), 0.5 * 10.0 ** -len(digits.partition(".")[2])
    if sign in ("<", "<="):
        return Printed(value, 0.0, value)
    if sign == ">":
        return Printed(value, value, 1.0)
    return Printed(value, value - half, value + half)


def figures(table: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Printed]]:
    """The printed figures of each row; those of columns that are not there are nothing.

    Raises
    ------
    InputError
        Figures that cannot be read (row positions).
    """
    if not isinstance(table, pd.DataFrame):
        raise ColumnError("the published figures are no table", next_step="Give a DataFrame as `published_outcomes` does.")
    out, bad = [], []
    for place, row in enumerate(table.to_dict("records"), 1):
        try:
            out.append({name: printed(row.get(name)) for name in columns})
        except InputError:
            bad.append(place)
    if bad:
        raise InputError("printed figures cannot be read", where=bad, next_step='As in "1.8", "<.001" or nothing.')
    return out


def over_rounding(function: Callable[..., float], *of: Printed) -> Printed:
    """What a function gives of the printed figures, and the least and most at the ends of what they may have been."""
    corners = [function(*ends) for ends in product(*((own.least, own.most) for own in of))]
    middle = function(*(own.value for own in of))
    finite = [value for value in (*corners, middle) if not np.isnan(value)]
    return Printed(middle, min(finite), max(finite)) if finite else NOTHING
