"""Who had the event by a time, who is known to be without, and how many patients each of them stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint, refuse
from ikzf1_outcomes.endpoint.value import CONTINUES
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.inverse_censoring import (
    CensoringCurves,
    censoring_curves,
    censoring_influence,
    inverse_weights,
)
from ikzf1_outcomes.kernels.risk import Floats, Integers, snap

MARGINAL = "marginal"
LEAST = 0.05
"""The smallest chance of not being censored that is divided by."""


@dataclass(frozen=True, eq=False, slots=True)
class CensoringSurvival:
    """Each row's chance of not being censored, from a model of the reader's own.

    Attributes
    ----------
    before
        G(T-), just before the end of each row (n).
    at
        G(t) at each of the times asked for (n, t).
    name
        How it was made, for the notes.
    """

    before: Floats
    at: Floats
    name: str = "a model of censoring"


Censoring = str | Sequence[str] | CensoringSurvival


class Standing(NamedTuple):
    """What the rows stand for, with some case weights."""

    case_weight: Floats
    """0 where a row is left out (n)."""
    weight: Floats
    """Case weight times inverse chance of not being censored; 0 where the state is not known (n, t)."""
    curves: CensoringCurves | None
    """None where the chances were given."""
    smallest: Floats
    """Smallest chance divided by, at each time (t)."""


@dataclass(frozen=True, eq=False, slots=True)
class Horizons:
    """The states of all rows at some times; what is asked of it changes with the case weights alone."""

    endpoint: Endpoint
    cause: str | None
    times: Floats
    gone: Integers
    """Distinct times that are not later than each of `times` (t)."""
    keep: np.ndarray
    """Rows analysed (n)."""
    had: np.ndarray
    """The event asked for has happened (n, t)."""
    rival: np.ndarray
    """Another event has happened (n, t)."""
    ahead: np.ndarray
    """Neither has, and the row is still followed (n, t)."""
    status: Integers
    """1 an event of any kind, 0 censored (n)."""
    group: Integers
    """Stratum of the censoring curve, negative where the row is left out (n)."""
    n_groups: int
    strata: str | Sequence[str]
    """Columns of the strata, or "marginal"."""
    given: CensoringSurvival | None
    censoring: str
    """The model of censoring, in words."""

    @property
    def n_event(self) -> Integers:
        """Rows analysed that had the event by each time (t)."""
        return (self.had & self.keep[:, None]).sum(axis=0)

    def standing(self, weight: Floats | None = None) -> Standing:
        """Weights at every time, with the endpoint's case weights or others (n): a resample is whole numbers, or 0."""
        own = np.where(self.keep, self.endpoint.case_weights if weight is None else weight, 0.0)
        known = self.had | self.rival
        if self.given is None:
            curves = censoring_curves(self.endpoint.rows, self.status, own, self.group, self.n_groups)
            before, at = curves.before(), curves.at(self.gone)[np.maximum(self.group, 0)]
        else:
            curves, before, at = None, self.given.before, self.given.at
        chance = np.where(known, before[:, None], np.where(self.ahead, at, np.inf))
        chance[own <= 0] = np.inf
        with np.errstate(invalid="ignore"):
            stands = own[:, None] * inverse_weights(known, self.ahead, before, at)
        return Standing(own, np.where(own[:, None] > 0, stands, 0.0), curves, np.min(chance, axis=0, initial=np.inf))

    def influence(self, standing: Standing, parts: Floats) -> Floats:
        """What the estimate of the chances of not being censored adds to influences (n, t); 0 where they were given."""
        if standing.curves is None:
            return np.zeros_like(parts)
        censored = self.keep & (self.status == 0)
        return censoring_influence(standing.curves, standing.case_weight, censored, self.gone, parts)


def horizons(
    endpoint: Endpoint,
    times: float | Iterable[float],
    *,
    cause: str | None,
    censoring: Censoring,
    keep: np.ndarray | None = None,
    least: float = LEAST,
) -> Horizons:
    """The states of the rows at some times, with the chance of not being censored checked.

    Raises
    ------
    ColumnError, InputError
        Times that are none; several rows a patient, or delayed entry at different times; a chance of not being censored
        below `least` among those who are divided by it, or in a stratum at a horizon.
    """
    at = times_of(endpoint, times)
    refuse_rows(endpoint)
    given = censoring if isinstance(censoring, CensoringSurvival) else None
    strata: str | Sequence[str] = MARGINAL
    group, words, n_groups = np.zeros(len(endpoint), dtype=np.int32), "Kaplan-Meier of censoring", 1
    if isinstance(censoring, CensoringSurvival):
        check_given(endpoint, at, censoring)
        words = censoring.name
    elif censoring != MARGINAL:
        strata = censoring
        levels = endpoint.groups(censoring)
        group, n_groups = levels.codes.astype(np.int32), len(levels.levels)
        words += f" by {', '.join(levels.columns)}"
    kept = (group >= 0) if keep is None else keep & (group >= 0)
    if not kept.any():
        raise InputError("no row has a prediction", count=len(kept), next_step="Check the predictions and the strata.")
    ended = endpoint.time[:, None] <= at
    own = endpoint.ends_with(cause)
    event = endpoint.cause > 0
    made = Horizons(
        endpoint, cause, at, np.searchsorted(endpoint.rows.times, at, side="right"), kept, ended & own[:, None],
        ended & (event & ~own)[:, None], ~ended, event.astype(np.int32), np.where(kept, group, -1).astype(np.int32),
        n_groups, strata, given, words,
    )  # fmt: skip
    check_chances(made, least)
    return made


def times_of(endpoint: Endpoint, times: float | Iterable[float]) -> Floats:
    """Ascending times, moved onto times of the endpoint that they are tied with."""
    try:
        at = np.atleast_1d(np.asarray(times if np.isscalar(times) else list(times), dtype=float))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        at = np.empty(0)
    if not (at.ndim == 1 and len(at) and np.isfinite(at).all() and (at >= 0).all() and (np.diff(at) > 0).all()):
        raise InputError("times must be ascending numbers of 0 or more", next_step="As in times=[1, 3, 5].")
    at, begin = snap(at, endpoint.rows.times), begin_of(endpoint)
    if at[0] < begin:
        raise InputError(
            f"a time before {begin:g}, when follow-up begins", next_step="Times are on the clock of the endpoint."
        )
    return at


def begin_of(endpoint: Endpoint) -> float:
    """When follow-up begins: the first entry, as after a landmark; 0 where rows are at risk from the start."""
    return 0.0 if endpoint.entry is None else float(np.maximum(endpoint.entry, 0.0).min(initial=np.inf))


def refuse_rows(endpoint: Endpoint) -> None:
    """Refuse rows whose state at a time cannot be told from their end alone."""
    if len(endpoint.rows.late):
        raise InputError(
            "predictions are not measured where rows enter at different times",
            next_step="Use landmark(endpoint, at), with predictions made for those at risk then.",
        )
    if endpoint.n < len(endpoint) or (endpoint.cause == CONTINUES).any():
        raise InputError("predictions are measured with one row a patient", next_step="Give each patient one row.")


def check_given(endpoint: Endpoint, at: Floats, given: CensoringSurvival) -> None:
    """Refuse chances of not being censored that are none, or of other rows or times."""
    before, later = np.asarray(given.before, dtype=float), np.asarray(given.at, dtype=float)
    if before.shape != (len(endpoint),) or later.shape != (len(endpoint), len(at)):
        raise InputError(
            "chances of not being censored of other rows or times",
            next_step=f"Give `before` for {len(endpoint)} rows, and `at` for these rows and {len(at)} times.",
        )
    both = np.column_stack([before, later])
    refuse(
        ~np.asarray(((both >= 0) & (both <= 1)).all(axis=1)),
        "a chance of not being censored is none",
        "It lies from 0 to 1.",
    )


def check_chances(made: Horizons, least: float) -> None:
    """Refuse to let a few patients stand for many."""
    if not 0.0 < least <= 1.0:
        raise InputError("`least` must be a chance above 0", next_step=f"{LEAST} lets nobody stand for more than 20.")
    standing = made.standing()
    smallest = standing.smallest
    if standing.curves is not None:
        # where nobody is followed so long, nobody stands for those who were censored before
        smallest = np.minimum(smallest, standing.curves.at(made.gone).min(axis=0))
    low = smallest < least
    if low.any():
        first = float(made.times[low][0])
        raise InputError(
            f"at time {first:.6g} the chance of not being censored comes down to {smallest[low][0]:.2g}, below {least:g}: "
            f"a single patient would stand for more than {1 / least:.0f}",
            count=int(low.sum()),
            next_step="Ask for earlier times, or lower `least` and say so.",
        )
