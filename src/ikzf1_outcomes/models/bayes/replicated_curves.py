"""Times, causes and curves of replicated cohorts: all replicates at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.risk import Floats, Integers


class Rows(NamedTuple):
    """Patients who are replicated."""

    entry: Floats
    time: Floats
    """Of the data (n)."""
    died: np.ndarray
    """Whether the row ended with an event (n)."""
    pattern: Integers
    stratum: Integers
    """Of each pattern (patterns)."""


class Reverse(NamedTuple):
    """The distribution of potential follow-up: it may end above 0."""

    time: Floats
    """Distinct times of censoring, ascending, the longest follow-up last (m)."""
    later: Floats
    """Probability of a potential follow-up later than each; 0 at the last (m)."""


def reverse_curve(entry: Floats, time: Floats, died: np.ndarray) -> Reverse:
    """The reverse Kaplan-Meier curve, whose rest ends at the longest follow-up.

    Events come before censorings at the same time, so that those with an event then are not at risk of censoring.
    """
    at, count = np.unique(time[~died], return_counts=True)
    ends, starts = np.sort(time), np.sort(entry)
    here = len(time) - np.searchsorted(ends, at, side="left") - (len(time) - np.searchsorted(starts, at, side="left"))
    events = np.sort(time[died])
    here = here - (np.searchsorted(events, at, side="right") - np.searchsorted(events, at, side="left"))
    later = np.cumprod(1.0 - count / here)
    if not len(at) or at[-1] < ends[-1]:
        return Reverse(np.append(at, ends[-1]), np.append(later, 0.0))
    later[-1] = 0.0
    return Reverse(at, later)


def potential_follow_up(rows: Rows, curve: Reverse, number: int, rng: np.random.Generator) -> Floats:
    """When each row would be censored: its own time where it was, else drawn from what is later (number, n)."""
    after = np.searchsorted(curve.time, rows.time, side="left")
    # at the time of an event itself its row is still followed: later than everything before that time
    still = np.where(after > 0, curve.later[np.maximum(after, 1) - 1], 1.0)
    share = rng.random((number, len(rows.time))) * still
    # the first time at which no more than that share is followed longer
    place = len(curve.later) - np.searchsorted(curve.later[::-1], share, side="right")
    drawn = curve.time[np.minimum(place, len(curve.time) - 1)]
    return np.where(rows.died, np.maximum(drawn, rows.time), rows.time)


def replicated_rows(
    rows: Rows, level: Floats, effect: Floats, cuts: Floats, curve: Reverse, rng: np.random.Generator
) -> tuple[Floats, Integers]:
    """End and cause of each row in a replicate of each draw.

    Parameters
    ----------
    rows
        The patients.
    level, effect
        Log hazards (draws, causes, strata, pieces), and log hazard ratios (draws, causes, patterns).
    cuts
        Where the pieces part (pieces - 1).
    curve
        Of potential follow-up.
    rng
        Random numbers.

    Returns
    -------
    time, cause
        Times in the unit of the cuts (draws, n); 0 for censored, else the cause from 1 on (draws, n).
    """
    number, n = len(level), len(rows.time)
    hazard = np.exp(level[:, :, rows.stratum[rows.pattern]] + effect[:, :, rows.pattern, None])
    total = hazard.sum(axis=1)
    edges = np.concatenate(([0.0], cuts))
    grown = np.cumsum(total[..., :-1] * np.diff(edges), axis=-1)
    whole = np.concatenate((np.zeros((number, n, 1)), grown), axis=-1)
    here = np.searchsorted(cuts, rows.entry, side="left")
    row = np.arange(n)
    lived = whole[:, row, here] + total[:, row, here] * (rows.entry - edges[here])
    target = lived + rng.exponential(size=(number, n))
    piece = (whole[..., 1:] < target[..., None]).sum(axis=-1)
    at = (np.arange(number)[:, None], row[None, :], piece)
    with np.errstate(divide="ignore"):
        # a hazard of 0 in the last piece: nothing happens any more
        time = edges[piece] + (target - whole[at]) / total[at]
    own = hazard[at[0], :, at[1], at[2]]
    share = np.cumsum(own, axis=-1)
    cause = 1 + (share[..., :-1] < (rng.random((number, n)) * share[..., -1])[..., None]).sum(axis=-1)
    censored = potential_follow_up(rows, curve, number, rng)
    happened = time <= censored
    return np.where(happened, time, censored), np.where(happened, cause, 0)


def replicated_curves(
    time: Floats, cause: Integers, entry: Floats, members: np.ndarray, causes: int, times: Floats
) -> tuple[Floats, Floats]:
    """Kaplan-Meier and Aalen-Johansen of every replicate and group at some times.

    Event times of replicates are distinct, so that each factor is that of one event.

    Parameters
    ----------
    time, cause
        Of the replicates (draws, n); cause 0 for censored.
    entry
        (n).
    members
        Which rows each group has (groups, n); groups may overlap.
    causes
        How many.
    times
        Ascending (m).

    Returns
    -------
    survival, incidence
        (draws, groups, m) and (draws, causes, groups, m). Where the last patient of a group is censored the last value goes
        on: were such curves left out, those left over would be of the patients who fail.
    """
    order = np.argsort(time, axis=1, kind="stable")
    ends, kinds = np.take_along_axis(time, order, axis=1), np.take_along_axis(cause, order, axis=1)
    draws, m = len(time), len(times)
    # how many rows have ended by each time (draws, m)
    place = np.stack([(ends <= t).sum(axis=1) for t in times], axis=1)
    survival, incidence = np.empty((draws, len(members), m)), np.empty((draws, causes, len(members), m))
    for g, own in enumerate(members):
        inside = own[order]
        left = inside[:, ::-1].cumsum(axis=1)[:, ::-1]
        begun = np.sort(entry[own])
        at_risk = left - (own.sum() - np.searchsorted(begun, ends, side="left"))
        event = inside & (kinds > 0)
        hazard = np.where(event, 1.0 / np.maximum(at_risk, 1), 0.0)
        alive = np.concatenate((np.ones((draws, 1)), np.cumprod(1.0 - hazard, axis=1)), axis=1)
        survival[:, g] = np.take_along_axis(alive, place, axis=1)
        for c in range(causes):
            grown = np.cumsum(alive[:, :-1] * hazard * (kinds == c + 1), axis=1)
            incidence[:, c, g] = np.take_along_axis(np.concatenate((np.zeros((draws, 1)), grown), axis=1), place, axis=1)
    return survival, incidence
