"""Tidy curves cut into the pieces a figure draws: checked, with their start, ending at the last follow-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikzf1_outcomes.errors import ColumnError, InputError

Floats = npt.NDArray[np.float64]

CURVE = ("group", "time", "estimate")
"""Columns that no curve can do without."""
ROUNDING = 1e-9
"""How far a probability may be outside 0 to 1."""


class Piece(NamedTuple):
    """The steps of one group and cause; empty arrays where nothing is estimable."""

    level: Any
    cause: str
    time: Floats
    estimate: Floats
    low: Floats
    high: Floats
    censored: Floats

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not len(self.time)


def checked_table(table: pd.DataFrame, needed: Sequence[str]) -> pd.DataFrame:
    """A copy of a tidy table with `group` and `cause`, numbers as floats, ordered as given; raises on what is no curve."""
    if not isinstance(table, pd.DataFrame) or not len(table):
        raise InputError("there is nothing to draw: the table has no rows", next_step="Give the .tidy() of a curve.")
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise ColumnError(f"the table has no column {', '.join(missing)}", next_step="Give the .tidy() of a curve.")
    out = table.reset_index(drop=True).copy()
    out["group"] = out.get("group", "all")
    out["cause"] = out["cause"].astype(str) if "cause" in out else ""
    for name in {"time", "estimate", "low", "high", "n_risk", "n_event", "n_censor", "n"} & set(out.columns):
        try:
            out[name] = out[name].astype(float)
        except (TypeError, ValueError):
            raise InputError(f"the column {name} has values that are not numbers") from None
    refuse(np.array([is_missing(level) for level in out["group"]]), "the group is missing", "Leave those rows out.")
    time = out["time"].to_numpy()
    refuse(~np.isfinite(time) | (time < 0), "a time is missing, infinite or negative", "Give the .tidy() of a curve.")
    if "estimate" in needed:
        estimate = out["estimate"].to_numpy()
        outside = (estimate < -ROUNDING) | (estimate > 1 + ROUNDING)
        refuse(outside, "an estimate is outside 0 to 1", "Figures of curves take probabilities, not ratios or times.")
    return out


def refuse(bad: npt.NDArray[np.bool_], problem: str, next_step: str) -> None:
    """Raise when any row is bad, naming its position."""
    if bad.any():
        raise InputError(problem, where=np.flatnonzero(bad) + 1, next_step=next_step)


def is_missing(level: Any) -> bool:
    """Whether a level is NaN or None; a tuple of levels never is."""
    return not isinstance(level, tuple) and bool(pd.isna(level))


def checked_causes(table: pd.DataFrame, causes: Sequence[str] | None) -> list[str]:
    """The causes asked for, each once; all of the table's, in its order, when None."""
    known = list(dict.fromkeys(table["cause"]))
    wanted = known if causes is None else list(dict.fromkeys(causes))
    strange = [cause for cause in wanted if cause not in known]
    if strange or not wanted:
        raise InputError(
            "causes that the table does not have", count=len(strange), next_step=f"It has {', '.join(known)[:200]}."
        )
    return wanted


def checked_horizon(horizon: float | None) -> float | None:
    """A horizon that is a positive number, or None."""
    if horizon is not None and not (np.isfinite(horizon) and horizon > 0):
        raise InputError("the horizon must be a positive number", next_step="Give it in the unit of the curve.")
    return horizon


def levels_of(*tables: pd.DataFrame | None) -> list[Any]:
    """Levels of `group` in order of appearance, the first table first."""
    return list(dict.fromkeys(level for table in tables if table is not None for level in table["group"]))


def level_codes(table: pd.DataFrame, levels: Sequence[Any]) -> npt.NDArray[np.intp]:
    """Position in `levels` of each row, -1 for others; levels may be tuples, which pandas does not compare."""
    place = {level: position for position, level in enumerate(levels)}
    return np.array([place.get(level, -1) for level in table["group"]], dtype=np.intp)


def cut_pieces(
    table: pd.DataFrame, levels: Sequence[Any], causes: Sequence[str], first: float, start: float, horizon: float | None
) -> list[Piece]:
    """A piece a level and cause, in that order; `first` is the value at `start`."""
    codes, cause = level_codes(table, levels), table["cause"].to_numpy()
    if (table["time"].to_numpy()[codes >= 0] < start).any():
        raise InputError("the curve has times before its start", next_step="Give a start no later than the first time.")
    keys = pd.DataFrame({"group": codes, "cause": cause, "time": table["time"]})
    refuse(
        keys.duplicated().to_numpy() & (codes >= 0),
        "a group has two estimates at one time",
        "Give one curve a group (and cause); incidence curves go to incidence_figure.",
    )
    found = [
        one_piece(table[(codes == g) & (cause == name)], level, name, first, start, horizon)
        for g, level in enumerate(levels)
        for name in causes
    ]
    if all(piece.is_empty for piece in found):
        raise InputError("there is nothing to draw: no estimate is a number", next_step="Is anybody in these groups?")
    return found


def one_piece(rows: pd.DataFrame, level: Any, cause: str, first: float, start: float, horizon: float | None) -> Piece:
    """Order by time, end at the last estimate, put the start before, cut at the horizon."""
    rows = rows.sort_values("time", kind="stable")
    known = np.flatnonzero(rows["estimate"].notna())
    if not len(known):
        return Piece(level, cause, *(np.empty(0) for _ in range(5)))
    rows = rows.iloc[: known[-1] + 1]
    names = ("time", "estimate", "low", "high", "n_censor")
    columns = [rows[name].to_numpy() if name in rows else np.full(len(rows), np.nan) for name in names]
    if columns[0][0] > start or columns[1][0] != first:
        columns = [
            np.concatenate(([value], column))
            for value, column in zip((start, first, first, first, 0.0), columns, strict=True)
        ]
    if horizon is not None and columns[0][-1] > horizon:
        inside = columns[0] <= horizon
        ends = [horizon, *(column[inside][-1] for column in columns[1:4]), 0.0]
        columns = [np.concatenate((column[inside], [end])) for column, end in zip(columns, ends, strict=True)]
    columns[4] = np.nan_to_num(columns[4])
    return Piece(level, cause, *columns)


def read_step(piece: Piece, times: Floats) -> Floats:
    """Values of a piece at times from its start on."""
    return piece.estimate[np.searchsorted(piece.time, times, side="right") - 1]


def stack_pieces(found: Sequence[Piece], until: float) -> tuple[Floats, Floats]:
    """Common times of the causes of one group, and the borders between them: (causes + 2, times), from 0 up to 1.

    They end at the last follow-up, but at `until` where everybody has had an event: then nothing can change.
    """
    drawn = [piece for piece in found if not piece.is_empty]
    end = min(piece.time[-1] for piece in drawn)
    times = np.unique(np.concatenate([piece.time for piece in drawn]))
    times = times[times <= end]
    heights = np.vstack([np.zeros_like(times) if piece.is_empty else read_step(piece, times) for piece in found])
    borders = np.vstack((np.zeros_like(times), np.cumsum(heights, axis=0), np.ones_like(times)))
    if np.isnan(borders).any() or (borders[-2] > 1 + ROUNDING).any():
        raise InputError(
            "the incidences of the causes do not add up to at most 1 at every time",
            next_step="Give the .tidy() of cumulative_incidence, with one row a time and cause.",
        )
    if borders[-2, -1] >= 1 - ROUNDING and times[-1] < until:
        return np.append(times, until), np.column_stack((borders, borders[:, -1]))
    return times, borders


def value_at(rows: pd.DataFrame, cause: str, at: float) -> tuple[float, float, float]:
    """Estimate and limits of one cause at a time, read from the rows of one group; NaN where nothing is estimable."""
    before = rows[rows["time"] <= at].sort_values("time", kind="stable")
    own = before[before["cause"] == cause]
    if not len(own):
        return ((0.0 if cause else 1.0) if len(rows) else np.nan), np.nan, np.nan
    last = own.iloc[-1]
    if at > rows["time"].max():
        # Past the last follow-up only a curve that nobody is left in goes on.
        ends = before.groupby("cause")["estimate"].last()
        left = 1 - float(ends.sum()) if cause else float(last["estimate"])
        if not left <= ROUNDING:
            return np.nan, np.nan, np.nan
    return float(last["estimate"]), float(last.get("low", np.nan)), float(last.get("high", np.nan))
