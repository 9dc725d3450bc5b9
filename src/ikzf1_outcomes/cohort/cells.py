"""Cells of a raw table: what is missing as declared, and every cell as text, number or day."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

# Texts that often mean "missing". None is taken as such unless it is declared, and none is taken for a value either.
USUAL_MARKS = frozenset(
    [
        *("na", "n/a", "n.a.", "#n/a", "nan", "null", "none", "nil", ".", "-", "?", "unk", "missing"),
        *("unknown", "[unknown]", "not known", "not available", "[not available]"),
        *("not applicable", "[not applicable]", "[not evaluated]"),
    ]
)

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"


@dataclass(frozen=True, slots=True)
class RawTable:
    """The raw cells of a file, and which of them the study declares missing.

    Parameters
    ----------
    frame
        Raw cells, as `read_table` gives them.
    missing_texts
        Texts that mean missing in every column; an empty cell always does.
    sentinels
        Numbers or texts that mean missing in one file column.
    """

    frame: pd.DataFrame
    missing_texts: frozenset[str] = frozenset()
    sentinels: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def rows(self, keep: Any) -> RawTable:
        """The table with the rows where `keep` is true."""
        return RawTable(self.frame.loc[keep].reset_index(drop=True), self.missing_texts, self.sentinels)

    def cells(self, columns: str | Sequence[str]) -> pd.Series:
        """Cells of a column with missing ones as NaN; of several columns, the first that is not missing."""
        names = [columns] if isinstance(columns, str) else list(columns)
        found = self._column(names[0])
        for name in names[1:]:
            found = found.astype(object).where(found.notna(), self._column(name).astype(object))
        return found

    def _column(self, name: str) -> pd.Series:
        cells = self.frame[name]
        if isinstance(cells.dtype, pd.CategoricalDtype) or types.is_string_dtype(cells.dtype):
            cells = cells.astype(object)
        if cells.dtype == object:
            cells = _stripped(cells)
            cells = cells.mask(cells.isin(["", *self.missing_texts]))
        values = self.sentinels.get(name, ())
        if not values:
            return cells
        text = as_text(cells)
        number, _ = as_numbers(cells)
        numeric = [float(value) for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
        return cells.mask(text.isin([str(value) for value in values]) | number.isin(numeric))


def _stripped(cells: pd.Series) -> pd.Series:
    cells = cells.where(cells.notna(), np.nan)
    if types.infer_dtype(cells, skipna=True) == "string":
        return cells.str.strip()
    # Back to objects: map turns a column of days into datetime64, which cannot be compared with texts.
    return cells.map(lambda cell: cell.strip() if isinstance(cell, str) else cell).astype(object)


def as_text(cells: pd.Series) -> pd.Series:
    """Every cell as the text that a code names it by; missing cells stay missing.

    A whole number loses its ".0" (SPSS and SAS store codes as floats), a truth value reads TRUE or FALSE, a day is
    written year-month-day.
    """
    if types.infer_dtype(cells, skipna=True) in ("string", "empty"):
        return cells.astype(object)
    return cells.astype(object).map(_cell_text, na_action="ignore")


def _cell_text(cell: Any) -> str:
    if isinstance(cell, (bool, np.bool_)):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, (float, np.floating)):
        number = float(cell)
        return str(int(number)) if number.is_integer() else repr(number)
    if isinstance(cell, (datetime.datetime, datetime.date)):
        return cell.strftime("%Y-%m-%d")
    return str(cell)


def as_numbers(cells: pd.Series, decimal: str = ".") -> tuple[pd.Series, pd.Series]:
    """Every cell as a number, and where that cannot be done.

    Returns
    -------
    tuple of pandas.Series
        Numbers (NaN where missing or not a number), and true where a cell is present and not a finite number.
    """
    if types.is_numeric_dtype(cells.dtype) and not types.is_bool_dtype(cells.dtype):
        values = pd.Series(cells.to_numpy(dtype=float, na_value=np.nan), index=cells.index)
    else:
        text = as_text(cells)
        if decimal != ".":
            # With a decimal comma a point can only be a thousands mark: "1.234" must not become 1.234. Cells that are
            # numbers already (Excel) have no decimal sign.
            typed = cells.map(lambda cell: isinstance(cell, str)).astype(bool)
            swapped = text.where(~text.str.contains(".", regex=False, na=False), "not a number")
            text = text.where(~typed, swapped.str.replace(decimal, ".", regex=False)) if len(text) else text
        good = _matches(text, _NUMBER)
        values = pd.Series(np.nan, index=cells.index)
        values[good] = text[good].astype(float)
    infinite = np.isinf(values)
    return values.mask(infinite), cells.notna() & (values.isna() | infinite)


def _matches(text: pd.Series, pattern: str) -> pd.Series:
    if not text.notna().any():
        return pd.Series(False, index=text.index)
    return text.str.fullmatch(pattern).eq(True)


def as_days(cells: pd.Series, layout: str | None) -> tuple[pd.Series, pd.Series]:
    """Every cell as a day, and where that cannot be done.

    Days stored as such need no layout; text is read by `layout` (strptime) and never without.

    Returns
    -------
    tuple of pandas.Series
        Days (NaT where missing or unreadable), and true where a cell is present and not a day.
    """
    empty = pd.Series(pd.NaT, index=cells.index, dtype="datetime64[ns]")
    if types.is_datetime64_any_dtype(cells.dtype):
        days = cells.dt.tz_localize(None).dt.normalize().astype("datetime64[ns]")
    elif cells.dtype == object:
        native = cells.map(lambda cell: isinstance(cell, datetime.date) and not pd.isna(cell)).astype(bool)
        written = cells.map(lambda cell: isinstance(cell, str)).astype(bool)
        days = empty.copy()
        days[native] = pd.to_datetime(cells[native].map(_calendar_day), format="%Y-%m-%d", errors="coerce")
        if layout is not None:
            days[written] = pd.to_datetime(cells[written], format=layout, errors="coerce")
    else:
        days = empty
    return days, cells.notna() & days.isna()


def _calendar_day(cell: datetime.date) -> str:
    return f"{cell.year:04d}-{cell.month:02d}-{cell.day:02d}"


def is_usual_mark(text: pd.Series) -> pd.Series:
    """True where a text often means missing."""
    return text.astype(object).map(lambda cell: isinstance(cell, str) and cell.casefold() in USUAL_MARKS).astype(bool)
