"""Fine and Gray's weighted partial likelihood and its sandwich, in time linear in the number of rows.

A row that has ended with a competing event stays at risk of the cause, with the weight G(t-) / G(T-): the chance not to
have been censored by t, G being the Kaplan-Meier estimate of censoring. Its part in the sum over the risk set at t is
exp(x'b) / G(T-) times a number that depends on t alone, so that one running sum serves all of them. Whatever depends on
time is counted in event times of the cause: `upto` is the number of them at which a row is at risk in its own right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.partial import gram
from ikzf1_outcomes.kernels.risk import Floats, Integers, Positions, RowOrder

CENSORED, EVENT, COMPETING = 0, 1, 2
LEAST = 1e-290
"""Sums at risk, relative to the row of the largest hazard, below which nothing can be divided by them."""


class Censoring(NamedTuple):
    """The Kaplan-Meier estimate of censoring in each stratum, where the likelihood needs it."""

    order: Positions
    """Rows by stratum, then by time (n)."""
    offset: Positions
    """Where each stratum begins in `order` (strata + 1)."""
    own: Floats
    """G(T-) at the end of each row (n)."""
    later: Floats
    """G(t-) at each event time, 0 beyond the last follow-up of the stratum (strata, e)."""
    at_risk: Floats
    """Weight at risk in the stratum at the end of each row (n)."""
    censored: Floats
    """Weight censored in the stratum at the end of each row (n)."""


class Subdistribution(NamedTuple):
    """Rows by ascending time, ready for the likelihood; see `lay_out`."""

    order: Positions
    x: Floats
    kind: Integers
    weight: Floats
    """Case weights (n)."""
    active: Floats
    """Case weights, 0 for rows that take no part in the risk sets (n)."""
    stratum: Integers
    rank: Integers
    upto: Positions
    """Event times at or before the end of each row (n)."""
    event_rank: Integers
    deaths: Floats
    """Weight of the events at each event time (e)."""
    kept_on: Floats
    """1 / G(T-) of competing rows, 0 of the others (n)."""
    censoring: Censoring


class RiskSets(NamedTuple):
    """The weighted risk sets at some coefficients."""

    eta: Floats
    """Linear predictors (n)."""
    top: float
    """The largest of a row that takes part: all else is relative to it."""
    hazard: Floats
    """Steps of the cumulative subdistribution hazard of a row with that linear predictor (e)."""
    mean: Floats
    """Weighted mean of the covariates at risk (e, p)."""
    relative: Floats
    """exp(x'b) of each row relative to the top, 0 of rows that take no part (n)."""
    exposure: Floats
    """Sum of the steps that each row has been through, its weights included (n)."""
    total: Floats
    """Sum over the risk set (e)."""


@compiled
def _censoring(order, offset, rank, kind, weight, event_rank):  # type: ignore[no-untyped-def]
    n, strata, events = len(order), len(offset) - 1, len(event_rank)
    own, at_risk, censored = np.ones(n), np.zeros(n), np.zeros(n)
    later = np.zeros((strata, events))
    for g in range(strata):
        stop, here = offset[g + 1], 0.0
        while stop > offset[g]:
            j, start, out = rank[order[stop - 1]], stop, 0.0
            while start > offset[g] and rank[order[start - 1]] == j:
                start -= 1
                here += weight[order[start]]
                if kind[order[start]] == 0:
                    out += weight[order[start]]
            for position in range(start, stop):
                at_risk[order[position]] = here
                censored[order[position]] = out
            stop = start
        survival, start, e = 1.0, offset[g], 0
        while start < offset[g + 1]:
            i = order[start]
            j, stay = rank[i], 0.0
            while e < events and event_rank[e] <= j:
                later[g, e] = survival
                e += 1
            while start < offset[g + 1] and rank[order[start]] == j:
                own[order[start]] = survival
                if kind[order[start]] != 0:
                    stay += weight[order[start]]
                start += 1
            if start < offset[g + 1]:
                stay += at_risk[order[start]]
            # a sum of what is left, because a difference of large sums may miss zero
            survival *= stay / at_risk[i]
    return own, later, at_risk, censored


def censoring_survival(
    rank: Integers, kind: Integers, weight: Floats, stratum: Integers, event_rank: Integers
) -> Censoring:
    """Kaplan-Meier of the time to censoring: events of any kind end the waiting, at a tied time after the censorings.

    Parameters
    ----------
    rank
        Ranks of the times of rows, ascending (n).
    kind
        0 censored, 1 event of the cause, 2 competing (n).
    event_rank
        Ranks of the event times, ascending (e).
    """
    n_strata = int(stratum.max(initial=0)) + 1
    order = np.argsort(stratum, kind="stable") if n_strata > 1 else np.arange(len(rank))
    offset = np.concatenate(([0], np.cumsum(np.bincount(stratum, minlength=n_strata))))
    return Censoring(order, offset, *_censoring(order, offset, rank, kind, weight, event_rank))


def lay_out(
    rows: RowOrder, kind: Integers, weight: Floats, active: np.ndarray, stratum: Integers, x: Floats
) -> Subdistribution:
    """Sort the rows once and estimate the censoring distribution from all of them.

    Parameters
    ----------
    rows
        The order of the endpoint's rows, none of them with delayed entry.
    kind
        0 censored, 1 event of the cause, 2 competing (n).
    active
        Whether a row takes part in the risk sets; all rows tell about censoring (n).
    stratum
        Codes of the strata of the censoring distribution (n).
    x
        Covariates (n, p).
    """
    order = rows.order
    rank, kind, weight, stratum = (np.ascontiguousarray(a[order]) for a in (rows.rank, kind, weight, stratum))
    event_rank = np.unique(rank[kind == EVENT])
    upto = np.searchsorted(event_rank, rank, side="right")
    censoring = censoring_survival(rank, kind, weight, stratum, event_rank)
    deaths = np.bincount(upto[kind == EVENT] - 1, weights=weight[kind == EVENT], minlength=len(event_rank))
    kept_on = np.where(kind == COMPETING, 1.0 / censoring.own, 0.0)
    return Subdistribution(
        order, np.ascontiguousarray(x[order]), kind, weight, weight * active[order], stratum, rank, upto, event_rank,
        deaths, kept_on, censoring,
    )  # fmt: skip


@compiled
def _risk_sums(upto, kept_on, stratum, later, r, x):  # type: ignore[no-untyped-def]
    strata, events = later.shape
    n, p = x.shape
    s0, s1 = np.zeros(events), np.zeros((events, p))
    here0, here1 = 0.0, np.zeros(p)
    i = n - 1
    for e in range(events - 1, -1, -1):
        while i >= 0 and upto[i] > e:
            here0 += r[i]
            for a in range(p):
                here1[a] += r[i] * x[i, a]
            i -= 1
        s0[e] = here0
        s1[e] = here1
    past0, past1 = np.zeros(strata), np.zeros((strata, p))
    i = 0
    for e in range(events):
        while i < n and upto[i] <= e:
            if kept_on[i] > 0.0:
                g, q = stratum[i], r[i] * kept_on[i]
                past0[g] += q
                for a in range(p):
                    past1[g, a] += q * x[i, a]
            i += 1
        for g in range(strata):
            s0[e] += later[g, e] * past0[g]
            for a in range(p):
                s1[e, a] += later[g, e] * past1[g, a]
    return s0, s1


def before(steps: Floats) -> Floats:
    """Sums over the event times before each position, along the first axis; one row longer."""
    return np.concatenate((np.zeros((1, *steps.shape[1:])), np.cumsum(steps, axis=0)))


def onward(steps: Floats) -> Floats:
    """Sums over the event times from each position on, along the first axis; one row longer."""
    return np.concatenate((np.cumsum(steps[::-1], axis=0)[::-1], np.zeros((1, *steps.shape[1:]))))


def exposures(rows: Subdistribution, steps: Floats) -> Floats:
    """Sum of the steps over the event times at which each row is at risk, times its weight there (n)."""
    waiting = onward((rows.censoring.later * steps).T)
    return before(steps)[rows.upto] + rows.kept_on * waiting[rows.upto, rows.stratum]


def risk_sets(rows: Subdistribution, beta: Floats) -> RiskSets | None:
    """Risk sets at some coefficients; None where a sum at risk underflows, far from any maximum."""
    eta = rows.x @ beta
    taking_part = rows.active > 0
    top = float(eta[taking_part].max())
    relative = np.exp(eta - top, out=np.zeros(len(eta)), where=taking_part)
    s0, s1 = _risk_sums(rows.upto, rows.kept_on, rows.stratum, rows.censoring.later, rows.active * relative, rows.x)
    if not s0.min() > LEAST:
        return None
    hazard = rows.deaths / s0
    return RiskSets(eta, top, hazard, s1 / s0[:, None], relative, exposures(rows, hazard), s0)


def fine_gray_likelihood(rows: Subdistribution) -> Callable[[Floats], tuple]:
    """The log partial likelihood of Fine and Gray (1999) with Breslow's ties as a function of the coefficients.

    With c the cumulative hazard each row has been through, its weights included, times its relative hazard: the score is
    X'(dN - c) and the information X' diag(c) X less the sum over events of mean mean'. O(n p^2).
    """
    died = np.where(rows.kind == EVENT, rows.weight, 0.0)

    def evaluate(beta: Floats) -> tuple:
        sets = risk_sets(rows, beta)
        if sets is None:
            return -np.inf, np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
        value = float(died @ (sets.eta - sets.top) - rows.deaths @ np.log(sets.total))
        through = rows.active * sets.relative * sets.exposure
        score = (died - through) @ rows.x
        information = gram(rows.x, through) - gram(sets.mean, rows.deaths)
        return value, score, (information + information.T) / 2.0

    return evaluate


@compiled
def _residuals(members, upto, kind, kept_on, relative, exposure, mean, gone, ahead, x, out):  # type: ignore[no-untyped-def]
    p = x.shape[1]
    for i in members:
        u = upto[i]
        for a in range(p):
            through = gone[u, a] + kept_on[i] * ahead[u, a]
            out[i, a] = relative[i] * (through - x[i, a] * exposure[i])
            if kind[i] == 1:
                out[i, a] += x[i, a] - mean[u - 1, a]


@compiled
def _censoring_residuals(  # type: ignore[no-untyped-def]
    members, rank, upto, event_rank, kind, at_risk, censored, kept_on, r, waiting, ahead, x, out
):
    p = x.shape[1]
    q, sunk = np.zeros(p), np.zeros(p)
    past0, past1 = 0.0, np.zeros(p)
    start = 0
    while start < len(members):
        first = members[start]
        j, here, out_now = rank[first], at_risk[first], censored[first]
        u = upto[first]
        if u > 0 and event_rank[u - 1] == j:
            u -= 1
        if out_now > 0.0:
            for a in range(p):
                q[a] = (past1[a] * waiting[u] - past0 * ahead[u, a]) / here
                sunk[a] += q[a] * out_now / here
        stop = start
        while stop < len(members) and rank[members[stop]] == j:
            i = members[stop]
            if kept_on[i] > 0.0:
                past0 += r[i] * kept_on[i]
                for a in range(p):
                    past1[a] += r[i] * kept_on[i] * x[i, a]
            for a in range(p):
                out[i, a] -= sunk[a]
                if kind[i] == 0:
                    out[i, a] += q[a]
            stop += 1
        start = stop


def score_residuals(rows: Subdistribution, sets: RiskSets, *, of_censoring: bool = True) -> Floats:
    """What one copy of each row adds to the score, with what it adds by way of the estimated censoring distribution.

    The terms eta and psi of Fine and Gray (1999); rows in the order of `rows` (n, p). Of a censoring at s, psi sees the
    competing events before s and the events of the cause at s or later: their q(s), word for word, which is that of R's
    `crr`. (The derivative of the estimate itself would take competing events at s in, and events of the cause at s out.)
    """
    c, out = rows.censoring, np.empty(rows.x.shape)
    gone = before(sets.hazard[:, None] * sets.mean)
    for g in range(len(c.offset) - 1):
        members = c.order[c.offset[g] : c.offset[g + 1]]
        steps = c.later[g] * sets.hazard
        waiting, ahead = onward(steps), onward(steps[:, None] * sets.mean)
        _residuals(
            members, rows.upto, rows.kind, rows.kept_on, sets.relative, sets.exposure, sets.mean, gone, ahead, rows.x, out
        )
        if of_censoring:
            _censoring_residuals(
                members, rows.rank, rows.upto, rows.event_rank, rows.kind, c.at_risk, c.censored, rows.kept_on,
                rows.active * sets.relative, waiting, ahead, rows.x, out,
            )  # fmt: skip
    return out
