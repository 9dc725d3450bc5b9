"""Coefficients that change with time: score and information of x g(t) at a fitted model, and Schoenfeld's residuals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.partial import Layout, linear_predictor, make_room
from ikzf1_outcomes.kernels.risk import Floats, Integers


@compiled
def _sweep(start, rank, first, late, late_start, event, weight, risk, x, efron, change, out):  # type: ignore[no-untyped-def]
    """Backward pass of each stratum: means of the covariates at its event times, and the sums of their variances."""
    p = x.shape[1]
    at, mean, score, plain, mixed, square = out
    ends = np.zeros(len(start), dtype=np.int64)
    s1, d1, here = np.zeros(p), np.zeros(p), np.zeros(p)
    s2, d2, spread = np.zeros((p, p)), np.zeros((p, p)), np.zeros((p, p))
    used = 0
    for g in range(len(start) - 1):
        s0 = 0.0
        s1[:] = 0.0
        s2[:] = 0.0
        pointer, stop = late_start[g + 1] - 1, start[g + 1]
        while stop > start[g]:
            j = rank[stop - 1]
            while pointer >= late_start[g] and first[late[pointer]] > j:
                i = late[pointer]
                s0 -= risk[i]
                for a in range(p):
                    s1[a] -= risk[i] * x[i, a]
                    for b in range(a + 1):
                        s2[a, b] -= risk[i] * x[i, a] * x[i, b]
                pointer -= 1
            deaths, mass, d0 = 0, 0.0, 0.0
            d1[:] = 0.0
            d2[:] = 0.0
            here[:] = 0.0
            while stop > start[g] and rank[stop - 1] == j:
                stop -= 1
                i = stop
                r = risk[i]
                s0 += r
                if event[i]:
                    deaths += 1
                    mass += weight[i]
                    d0 += r
                for a in range(p):
                    s1[a] += r * x[i, a]
                    if event[i]:
                        d1[a] += r * x[i, a]
                        here[a] += weight[i] * x[i, a]
                    for b in range(a + 1):
                        s2[a, b] += r * x[i, a] * x[i, b]
                        if event[i]:
                            d2[a, b] += r * x[i, a] * x[i, b]
            if deaths == 0:
                continue
            steps = deaths if efron else 1
            spread[:] = 0.0
            mean[used, :] = 0.0
            for step in range(steps):
                share = step / deaths
                total = s0 - share * d0
                for a in range(p):
                    centre = (s1[a] - share * d1[a]) / total
                    mean[used, a] += centre / steps
                    for b in range(a + 1):
                        other = (s1[b] - share * d1[b]) / total
                        spread[a, b] += ((s2[a, b] - share * d2[a, b]) / total - centre * other) * mass / steps
            at[used] = j
            c = change[j]
            for a in range(p):
                score[a] += c * (here[a] - mass * mean[used, a])
                for b in range(a + 1):
                    plain[a, b] += spread[a, b]
                    mixed[a, b] += c * spread[a, b]
                    square[a, b] += c * c * spread[a, b]
            used += 1
        ends[g + 1] = used
    for a in range(p):
        for b in range(a):
            plain[b, a], mixed[b, a], square[b, a] = plain[a, b], mixed[a, b], square[a, b]
    return ends


class TimeInteraction(NamedTuple):
    """What the likelihood says of theta in (beta + theta g(t))'x at theta = 0."""

    score: Floats
    """Sum over event times of g(t) times the score at t (p)."""
    plain: Floats
    """Sum of the information at t: that of beta (p, p)."""
    mixed: Floats
    """Sum of g(t) times the information at t: between beta and theta (p, p)."""
    square: Floats
    """Sum of g(t)^2 times the information at t: that of theta (p, p)."""
    at: Integers
    """Rank of each event time, by stratum, descending."""
    ends: Integers
    """First event time of each stratum in `at`, and the end (strata + 1)."""
    mean: Floats
    """What the covariates of the events are compared with: their mean over the risk set (event times, p)."""


def time_interaction(layout: Layout, beta: Floats, change: Floats, ties: str = "efron") -> TimeInteraction:
    r"""Score and information of the products of the covariates with a function of time.

    At an event time t with the set of tied events D and their summed weight w, let :math:`\bar x_l` and V_l be the mean and
    the covariance of x over the risk set of the l-th step of the rule for ties, weighted by w_i exp(eta_i). Then

    .. math:: U_\theta = \sum_t g(t) \sum_{i \in D} w_i x_i - g(t) \tfrac{w}{m} \sum_l \bar x_l, \qquad
              I_{\beta\theta} = \sum_t g(t) \tfrac{w}{m} \sum_l V_l, \qquad
              I_{\theta\theta} = \sum_t g(t)^2 \tfrac{w}{m} \sum_l V_l

    Parameters
    ----------
    layout
        Rows as the likelihood saw them (n, p).
    beta
        Coefficients in the layout's units (p).
    change
        g at each distinct time of the endpoint, by rank (m); used at event times only.
    ties
        "efron" or "breslow".
    """
    size, p = len(make_room(layout).at), layout.x.shape[1]
    at, mean = np.empty(size, dtype=np.int64), np.empty((size, p))
    score, plain, mixed, square = np.zeros(p), np.zeros((p, p)), np.zeros((p, p)), np.zeros((p, p))
    _, _, risk = linear_predictor(layout, beta)
    sets = (layout.start, layout.rank, layout.first, layout.late, layout.late_start, layout.event, layout.weight)
    ends = _sweep(*sets, risk, layout.x, ties == "efron", change, (at, mean, score, plain, mixed, square))
    return TimeInteraction(score, plain, mixed, square, at, ends, mean)


def schoenfeld(layout: Layout, found: TimeInteraction) -> tuple[Integers, Integers, Floats]:
    """Covariates of each event less their mean over its risk set.

    Returns
    -------
    place, stratum, residual
        Place in the layout of each event, its stratum, and the residual (events, p): by stratum, then by time.
    """
    place = np.flatnonzero(layout.event)
    stratum = np.searchsorted(layout.start, place, side="right") - 1
    # event times stand by stratum, descending; the events by stratum, ascending
    size = int(layout.rank.max(initial=0)) + 1
    of_time = np.repeat(np.arange(len(layout.start) - 1), np.diff(found.ends)) * size + found.at
    ascending = np.argsort(of_time)
    row = ascending[np.searchsorted(of_time[ascending], stratum * size + layout.rank[place])]
    return place, stratum, layout.x[place] - found.mean[row]
