"""The columns of an imputation: what is known of each, what is to be completed, and what was never defined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, frozen, label, level_codes, numbers, refuse
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.formula import is_numeric
from ikzf1_outcomes.genome.calls import UNKNOWN
from ikzf1_outcomes.kernels.risk import Floats

NUMBER_METHODS = ("normal", "log-normal", "pmm")
CATEGORY_METHODS = ("logistic", "multinomial", "ordinal")
NOT_YET = "follow-up ended before it is known"


@dataclass(frozen=True, eq=False, slots=True)
class IncompleteColumn:
    """A column as the chain sees it; n rows.

    Attributes
    ----------
    name, method
        Its name, and one of `NUMBER_METHODS` or `CATEGORY_METHODS`.
    column
        The column as given.
    values
        Numbers on the scale of the model, or positions in `levels`; NaN where not known.
    levels
        Levels that somebody has, in their order; empty for a number.
    absent
        Rows to complete.
    undefined
        Rows that stay missing.
    low, high
        Limits on the scale of the model, infinite where there are none; None for a column without intervals.
    note
        What the reader must know.
    """

    name: str
    method: str
    column: pd.Series
    values: Floats
    levels: tuple[Any, ...]
    absent: np.ndarray
    undefined: np.ndarray
    low: Floats | None
    high: Floats | None
    note: str

    @property
    def is_number(self) -> bool:
        """Whether it is imputed as a number."""
        return self.method in NUMBER_METHODS

    @property
    def bounded(self) -> np.ndarray:
        """Rows to complete of which an interval is known."""
        if self.low is None or self.high is None:
            return np.zeros(len(self.absent), dtype=bool)
        return np.asarray(self.absent & (np.isfinite(self.low) | np.isfinite(self.high)))

    def in_own_units(self, values: Floats) -> Any:
        """Values of the model as values of the column: numbers back from logarithms, levels for their positions."""
        if self.is_number:
            return np.exp(values) if self.method == "log-normal" else values
        codes = np.where(np.isnan(values), -1, values).astype(np.intp)
        dtype = self.column.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            return pd.Categorical(pd.Series([*self.levels, None], dtype=dtype).iloc[codes].array)
        return np.array([*self.levels, None], dtype=object)[codes]

    def completed(self, drawn: Floats) -> pd.Series:
        """The column as given, with the drawn values in the rows that were to be completed."""
        if self.is_number:
            out = self.column.to_numpy(dtype=float, na_value=np.nan, copy=True)
            out[self.absent] = self.in_own_units(drawn)
            return pd.Series(out, index=self.column.index)
        values = self.in_own_units(drawn)
        if isinstance(self.column.dtype, pd.CategoricalDtype):
            codes = self.column.cat.codes.to_numpy(copy=True)
            codes[self.absent] = values.codes
            return pd.Series(pd.Categorical.from_codes(codes, dtype=self.column.dtype), index=self.column.index)
        cells = self.column.astype(object).to_numpy(copy=True)
        cells[self.absent] = values
        out = pd.Series(cells, index=self.column.index)
        return out.astype(self.column.dtype) if self.column.dtype != object else out.infer_objects()


def read_column(
    endpoint: Endpoint, name: str, method: str | None, interval: tuple[str, str] | None, undefined: Any
) -> IncompleteColumn:
    """A column with its method, its intervals and the rows in which it is not defined.

    Raises
    ------
    ColumnError, InputError
        Unknown column; a method that does not suit it; infinite numbers; intervals that are none, or do not hold their
        value; an undefined row with a value; nothing known.
    """
    column = frame_column(endpoint, name)
    missing = column.isna().to_numpy()
    if missing.all():
        raise InputError(f"nothing is known of {name!r}", count=len(missing), next_step="Leave it out.")
    chosen = suited(column, name, method)
    undefined, why = undefined_rows(endpoint, name, missing, undefined)
    absent = missing & ~undefined
    low = high = None
    levels: tuple[Any, ...] = ()
    if chosen in CATEGORY_METHODS:
        if interval is not None:
            raise InputError(f"intervals of {name!r}, which is no number", next_step="Give intervals to numbers only.")
        values, levels, note = observed_codes(column, name, bool(absent.any()))
    else:
        values, low, high = scaled(endpoint, name, chosen, interval, undefined)
        note = "" if np.nanmax(values) > np.nanmin(values) else "one value known"
    notes = "; ".join(filter(None, [note, why if undefined.any() else ""]))
    low, high = (None if limit is None else frozen(limit) for limit in (low, high))
    return IncompleteColumn(
        name, chosen, column, frozen(values), levels, frozen(absent), frozen(undefined), low, high, notes
    )


def scaled(
    endpoint: Endpoint, name: str, method: str, interval: tuple[str, str] | None, undefined: np.ndarray
) -> tuple[Floats, Floats | None, Floats | None]:
    """Numbers and their limits on the scale of the model."""
    values = numbers(endpoint.frame, name)
    refuse(np.isinf(values), f"an infinite value of {name!r}", "Set it to missing, or give it an interval.")
    if interval is not None and method == "pmm":
        raise InputError(f"intervals of {name!r} with matching", next_step='Use "normal" or "log-normal".')
    low, high = (None, None) if interval is None else limits(endpoint, name, interval, values, undefined)
    if method != "log-normal":
        return values, low, high
    refuse(values <= 0, f"{name!r} is 0 or less and has no logarithm", 'Use method "normal", or an interval.')
    if high is not None:
        refuse(high <= 0, f"the upper limit of {name!r} is 0 or less and has no logarithm", 'Use method "normal".')
    return np.log(values), logarithm(low), logarithm(high)


def frame_column(endpoint: Endpoint, name: str) -> pd.Series:
    """A column of the rows, whenever it is known: what comes later may tell what came before."""
    if name not in endpoint.frame.columns:
        raise ColumnError(f"no column is called {name!r}", next_step=f"There are {len(endpoint.frame.columns)} columns.")
    column = endpoint.frame[name]
    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        raise InputError(f"{name!r} is a date", next_step="Use years from diagnosis.")
    return column


def suited(column: pd.Series, name: str, method: str | None) -> str:
    """The method asked for, or that of the column's kind.

    Numbers that are all 0 or 1 count as flags.
    """
    number = is_numeric(column) and not pd.api.types.is_bool_dtype(column)
    size = column.nunique()
    flag = size <= 2 and (not number or bool(column.dropna().isin((0, 1)).all()))
    ordered = isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered
    if method is None:
        if number and not flag:
            return "normal"
        if flag:
            return "logistic"
        return "ordinal" if ordered else "multinomial"
    if method not in NUMBER_METHODS + CATEGORY_METHODS:
        raise InputError("no such method", next_step=f"Use one of: {', '.join(NUMBER_METHODS + CATEGORY_METHODS)}.")
    unsuited = dict.fromkeys(NUMBER_METHODS, not number)
    unsuited |= {"logistic": size > 2, "ordinal": not (number or ordered)}
    if unsuited.get(method, False):
        raise InputError(f"the method {method!r} does not suit {name!r}", next_step="Leave it out for the default.")
    return method


def observed_codes(column: pd.Series, name: str, drawn: bool) -> tuple[Floats, tuple[Any, ...], str]:
    """Positions among the levels that somebody has (NaN missing), these levels, and a note.

    Raises
    ------
    InputError
        Words that stand for no class, where some are to be drawn.
    """
    codes, levels = level_codes(column)
    present = np.unique(codes[codes >= 0])
    place = np.full(len(levels) + 1, np.nan)
    place[present] = np.arange(len(present))
    unknown = column.isin(UNKNOWN).to_numpy()
    notes = [f"{int(unknown.sum())} rows without a class ({', '.join(UNKNOWN)}), not imputed"] if unknown.any() else []
    if drawn:
        refuse(unknown, f"{name!r} has missing values beside words that stand for no class",
               "Set these words to missing to have them imputed, or use call_uncertainty.")  # fmt: skip
        absent = [label(level) for k, level in enumerate(levels) if k not in set(present.tolist())]
        notes += [f"never drawn, for nobody has it: {', '.join(absent)}"] if absent else []
        notes += ["one level known"] if len(present) == 1 else []
    return place[codes], tuple(levels[k] for k in present), "; ".join(notes)


def undefined_rows(endpoint: Endpoint, name: str, missing: np.ndarray, given: Any) -> tuple[np.ndarray, str]:
    """Rows in which the column has no value to be known, and why.

    Without a mask: rows whose follow-up ended before the time at which the column is known, where the endpoint has such
    times; a patient without that date counts as one who did not reach it.
    """
    if given is not None:
        column = endpoint.frame.get(given) if isinstance(given, str) else pd.Series(np.asarray(given))
        if column is None:
            raise ColumnError(f"no column is called {given!r}", next_step="Name a column of truth values.")
        if len(column) != len(missing) or column.isna().any() or not column.isin((True, False)).all():
            raise InputError(
                f"the undefined rows of {name!r} are no mask of {len(missing)} rows", next_step="Give true or false a row."
            )
        out = column.to_numpy(dtype=bool)
        refuse(out & ~missing, f"{name!r} has a value where it is undefined", "Correct the mask or the value.")
        return out, "undefined as given"
    if endpoint.time_unit != "years" or endpoint.start is None or name not in endpoint.known_at:
        return np.zeros(len(missing), dtype=bool), ""
    entry = 0.0 if endpoint.entry is None else np.maximum(endpoint.entry, 0.0)
    end = endpoint.start + endpoint.time - entry
    reached = np.asarray(endpoint.known_at[name], dtype=float) <= end + 1e-12
    return missing & ~reached, NOT_YET


def limits(
    endpoint: Endpoint, name: str, interval: tuple[str, str], values: Floats, undefined: np.ndarray
) -> tuple[Floats, Floats]:
    """Lower and upper limits of the rows, infinite where there are none."""
    if isinstance(interval, str) or len(interval) != 2:
        raise InputError(f"the interval of {name!r} is no pair", next_step="Name two columns: lower and upper limits.")
    for bound in interval:
        frame_column(endpoint, bound)
    low, high = (numbers(endpoint.frame, bound) for bound in interval)
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    refuse(low > high, f"the lower limit of {name!r} is above the upper", "Check the two columns.")
    refuse((values < low) | (values > high), f"{name!r} is outside its own interval", "Correct the value or its limits.")
    refuse(undefined & (np.isfinite(low) | np.isfinite(high)), f"{name!r} has an interval where it is undefined",
           "Correct the mask or the interval.")  # fmt: skip
    return low, high


def logarithm(limit: Floats | None) -> Floats | None:
    """The logarithm of limits; 0 and less is no lower limit."""
    if limit is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(limit > 0, np.log(limit), -np.inf)


def checked_names(given: Mapping[str, Any] | None, what: str, known: set[str]) -> dict[str, Any]:
    """An option by column, refused where it names a column that is not imputed."""
    stray = sorted(set(given or ()) - known)
    if stray:
        raise ColumnError(
            f"{what} of a column that is not among the columns: {', '.join(stray)}", next_step="Name it in `columns` too."
        )
    return dict(given or {})
