"""Incidence of an event by a time among those above each of some thresholds, for any case weights."""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats, Integers, Positions

WHOLE = 1e-12


@compiled
def _incidence_above(order, rank, kind, weight, level, n_thresholds, gone, reached):  # type: ignore[no-untyped-def]
    total = 0.0
    above = np.zeros(n_thresholds)
    for i in range(len(level)):
        total += weight[i]
        for k in range(level[i]):
            above[k] += weight[i]
    at_risk = above.copy()
    survival = np.ones(n_thresholds)
    incidence = np.zeros(n_thresholds)
    own = np.zeros(n_thresholds)
    other = np.zeros(n_thresholds)
    left = np.zeros(n_thresholds)
    start = 0
    while start < len(order) and rank[order[start]] < gone:
        stop = start
        own[:] = 0.0
        other[:] = 0.0
        left[:] = 0.0
        while stop < len(order) and rank[order[stop]] == rank[order[start]]:
            i = order[stop]
            for k in range(level[i]):
                left[k] += weight[i]
                if kind[i] == 1:
                    own[k] += weight[i]
                elif kind[i] == 2:
                    other[k] += weight[i]
            stop += 1
        for k in range(n_thresholds):
            happened = own[k] + other[k]
            if happened > 0.0:
                incidence[k] += survival[k] * own[k] / at_risk[k]
                stay = at_risk[k] - happened
                survival[k] = 0.0 if stay <= WHOLE * at_risk[k] else survival[k] * stay / at_risk[k]
            at_risk[k] -= left[k]
        start = stop
    # nobody is followed to the time, and some might still have the event
    followed = np.zeros(n_thresholds)
    for i in range(len(level)):
        if rank[i] >= reached:
            for k in range(level[i]):
                followed[k] += weight[i]
    for k in range(n_thresholds):
        if survival[k] > 0.0 and followed[k] <= 0.0:
            incidence[k] = np.nan
        if above[k] <= 0.0:
            incidence[k] = 0.0
    return above / total, incidence


def incidence_above(
    order: Positions,
    rank: Integers,
    kind: Integers,
    weight: Floats,
    level: Integers,
    n_thresholds: int,
    until: tuple[int, int],
) -> tuple[Floats, Floats]:
    """Share of the patients at or above each threshold, and the incidence among them by a time (Aalen-Johansen).

    NaN where nobody above a threshold is followed to the time and some of them are event-free; 0 where nobody is
    above.

    Parameters
    ----------
    order, rank
        Rows by ascending time, and positions of their times among the distinct ones (n).
    kind
        1 the event, 2 another event, 0 censored (n).
    weight
        Case weights, 0 included (n).
    level
        How many of the ascending thresholds each row is at or above (n).
    n_thresholds
        How many thresholds there are.
    until
        How many distinct times are not later than the time, and how many are earlier.
    """
    share, incidence = _incidence_above(order, rank, kind, weight, level, n_thresholds, *until)
    return np.asarray(share), np.asarray(incidence)
