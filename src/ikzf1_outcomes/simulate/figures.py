"""Numbers that say where they come from: small tables and piecewise-constant hazards, each with its status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError

Floats = NDArray[np.float64]

STATUSES = {
    "S": "seen in the source",
    "C": "computed from the source",
    "R+": "recalled, not verified",
    "R": "recalled, not verified",
    "assumed": "assumed",
}
"""How sure a number is. Everything but S and C is an assumption of the simulation."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A table of named numbers of one kind, with its status.

    Parameters
    ----------
    about
        What the numbers are, as a reader of the report sees it.
    values
        Name and number, in order.
    status
        S, C, R+, R or assumed.
    source
        Where the numbers stand, or why they were chosen.

    Raises
    ------
    InputError
        An unknown status, a name given twice, a number that is not finite.

    Examples
    --------
    >>> shares = Figures("share of patients", (("male", 0.55), ("female", 0.45)), "assumed")
    >>> shares["male"]
    0.55
    >>> shares.but({"male": 0.6, "female": 0.4})["female"]
    0.4
    """

    about: str
    values: tuple[tuple[str, float], ...]
    status: str
    source: str = ""

    def __post_init__(self) -> None:
        _known_status(self.about, self.status)
        if len(set(self.names)) < len(self.values):
            raise InputError(f"{self.about}: a name is given twice")
        if not np.isfinite(self.array).all():
            raise InputError(f"{self.about}: a number is missing or infinite")

    def __getitem__(self, name: str) -> float:
        if name not in self.names:
            raise ColumnError(f"{self.about}: there is no {name!r}", next_step=f"Known: {', '.join(self.names)}.")
        return dict(self.values)[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(name for name, _ in self.values)

    @property
    def array(self) -> Floats:
        """Numbers, in order."""
        return np.array([value for _, value in self.values], dtype=float)

    def but(self, changes: Mapping[str, float], *, status: str = "assumed", source: str = "changed") -> Figures:
        """Give the table with some numbers changed; the status becomes "assumed" unless another is given.

        Raises
        ------
        ColumnError
            When a name is not in the table.
        """
        for name in changes:
            self[name]
        values = tuple((name, float(changes.get(name, value))) for name, value in self.values)
        return replace(self, values=values, status=status, source=source)

    def sentence(self) -> str:
        """The table as one line: what, the numbers, status, source."""
        numbers = ", ".join(f"{name} {value:g}" for name, value in self.values)
        return _sentence(self.about, numbers, self.status, self.source)


@dataclass(frozen=True, slots=True)
class Hazard:
    """A piecewise-constant hazard h(t), in events a year.

    h(t) = rates[j] for cuts[j-1] <= t < cuts[j], with cuts[-1] = 0 before the first and infinity after the last.

    Parameters
    ----------
    about
        Which event, and from when time counts.
    cuts
        Ends of the pieces but the last, in years, rising, above 0.
    rates
        One more than `cuts`; none is negative.
    status, source
        As in `Figures`.

    Raises
    ------
    InputError
        When cuts and rates contradict each other.

    Examples
    --------
    >>> hazard = Hazard("relapse", (1.0, 3.0), (0.1, 0.2, 0.0), "assumed")
    >>> hazard.cumulative([0.5, 2.0, 10.0]).round(6).tolist()
    [0.05, 0.3, 0.5]
    >>> hazard.inverse([0.05, 0.3, 0.6]).round(6).tolist()
    [0.5, 2.0, inf]
    """

    about: str
    cuts: tuple[float, ...]
    rates: tuple[float, ...]
    status: str
    source: str = ""

    def __post_init__(self) -> None:
        _known_status(self.about, self.status)
        if len(self.rates) != len(self.cuts) + 1:
            raise InputError(f"{self.about}: there must be one rate more than cuts")
        if not np.isfinite([*self.cuts, *self.rates]).all() or min(self.rates) < 0:
            raise InputError(f"{self.about}: rates and cuts are finite, and no rate is negative")
        if (np.diff([0.0, *self.cuts]) <= 0).any():
            raise InputError(f"{self.about}: cuts must rise, from above 0")

    def rate(self, t: Floats) -> Floats:
        """Hazard at times `t` (years)."""
        return np.asarray(self.rates, dtype=float)[np.searchsorted(self.cuts, t, side="right")]

    def cumulative(self, t: Floats | list[float]) -> Floats:
        """H(t): the hazard added up from 0 to each of the times `t` (years, not negative)."""
        times = np.asarray(t, dtype=float)
        knots, heights = self._knots()
        piece = np.searchsorted(self.cuts, times, side="right")
        return heights[piece] + np.asarray(self.rates, dtype=float)[piece] * (times - knots[piece])

    def inverse(self, level: Floats | list[float]) -> Floats:
        """Time at which H reaches each of `level`; infinite where it never does."""
        target = np.asarray(level, dtype=float)
        knots, heights = self._knots()
        # The piece in which H passes the target: the last one that starts below it.
        piece = np.maximum(np.searchsorted(heights, target, side="left") - 1, 0)
        rate = np.asarray(self.rates, dtype=float)[piece]
        never = np.full(target.shape, np.inf)
        further = np.divide(target - heights[piece], rate, out=never, where=rate > 0)
        return np.where(target <= 0, 0.0, knots[piece] + further)

    def sentence(self) -> str:
        """The hazard as one line: what, the rates, status, source."""
        pieces = [*(f"until {cut:g} y {rate:g}" for cut, rate in zip(self.cuts, self.rates[:-1], strict=True))]
        return _sentence(self.about, ", ".join([*pieces, f"then {self.rates[-1]:g}"]), self.status, self.source)

    def _knots(self) -> tuple[Floats, Floats]:
        knots = np.array([0.0, *self.cuts])
        heights = np.concatenate([[0.0], np.cumsum(np.asarray(self.rates[:-1]) * np.diff(knots))])
        return knots, heights


def _known_status(about: str, status: str) -> None:
    if status not in STATUSES:
        raise InputError(f"{about}: the status {status!r} is not known", next_step=f"Use {', '.join(STATUSES)}.")


def _sentence(about: str, numbers: str, status: str, source: str) -> str:
    return f"{about}: {numbers} ({'; '.join(part for part in (STATUSES[status], source) if part)})"
