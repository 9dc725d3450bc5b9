"""Fine and Gray's weighted partial likelihood: risk sets, value, score and information."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.partial import gram
from ikzf1_outcomes.kernels.risk import Floats, Positions
from ikzf1_outcomes.kernels.subdistribution_rows import Patterns, Subdistribution, lay_out
from ikzf1_outcomes.kernels.subdistribution_sums import pattern_exposures, pattern_sums, tops
from ikzf1_outcomes.kernels.subdistribution_weights import CENSORED, COMPETING, EVENT

__all__ = ["CENSORED", "COMPETING", "EVENT", "Subdistribution", "before", "exposures", "fine_gray_likelihood", "lay_out"]
__all__ += ["RiskSets", "functions_of", "risk_sets"]

LEAST = 1e-290
"""Sums at risk, relative to the row of the largest hazard, below which nothing can be divided by them."""


class RiskSets(NamedTuple):
    """The weighted risk sets at some coefficients."""

    lead: Floats
    """The largest linear predictor of the columns that do not change in each pattern (K)."""
    slope: Floats
    """Changing columns of each pattern times their coefficients (K, q)."""
    top: Floats
    """The largest linear predictor at each event time: all else is relative to it (e)."""
    relative: Floats
    """exp(x'b) of the columns that do not change, relative to the lead; 0 of rows that take no part (n)."""
    hazard: Floats
    """Steps of the cumulative subdistribution hazard of a row whose linear predictor is `top` (e)."""
    mean: Floats
    """Weighted mean of the covariates at risk (e, p)."""
    exposure: Floats
    """Sum of the steps that each row has been through, its weights and the lift of its pattern included (n)."""
    total: Floats
    """Sum over the risk set (e)."""


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


def exposed(rows: Subdistribution, lead: Floats, slope: Floats, top: Floats, steps: Floats) -> Floats:
    """Sum of steps (e, c) over the event times at which each row is at risk, times its weight there and its lift (n, c)."""
    kept, patterns, out = rows.censoring, rows.patterns, np.zeros((len(rows.x), steps.shape[1]))
    pattern_exposures(
        patterns.order, patterns.start, patterns.stratum, rows.since, rows.upto, rows.kept_on, kept.later, kept.epoch_later,
        lead, slope, patterns.moved, top, np.ascontiguousarray(steps), out,
    )  # fmt: skip
    return out


def exposures(rows: Subdistribution, sets: RiskSets, steps: Floats) -> Floats:
    """The same, at the coefficients of some risk sets."""
    return exposed(rows, sets.lead, sets.slope, sets.top, steps)


def before(steps: Floats) -> Floats:
    """Sums over the event times before each position, along the first axis; one row longer."""
    return np.concatenate((np.zeros((1, *steps.shape[1:])), np.cumsum(steps, axis=0)))


def risk_sets(rows: Subdistribution, beta: Floats) -> RiskSets | None:
    """Risk sets at some coefficients; None where a sum at risk underflows, far from any maximum."""
    patterns, kept = rows.patterns, rows.censoring
    taking_part = rows.active > 0
    plain = not len(patterns.columns)
    if plain:
        eta = rows.x @ beta
        own = eta[taking_part].max()
        lead, top = np.full(len(patterns.stratum), own), np.full(len(rows.event_rank), own)
    else:
        constant = beta.copy()
        constant[patterns.columns] = 0.0
        eta, top = rows.x @ constant, np.empty(len(rows.event_rank))
        lead, own = _leads(patterns, np.where(taking_part, eta, -np.inf))
        tops(lead, patterns.x * beta[patterns.columns], patterns.moved, top)
    slope = patterns.x * beta[patterns.columns]
    relative = np.exp(eta - own, out=np.zeros(len(eta)), where=taking_part)
    r = rows.active * relative
    if plain and not rows.delayed:
        s0, s1 = _risk_sums(rows.upto, rows.kept_on, rows.stratum, kept.later, r, rows.x)
    else:
        s0, s1 = pattern_sums(
            patterns.order, patterns.start, patterns.stratum, rows.since, rows.upto, rows.kept_on, kept.later,
            kept.epoch_later, r, rows.x, lead, slope, patterns.moved, top, rows.delayed,
        )  # fmt: skip
    if not s0.min() > LEAST:
        return None
    mean = s1 / s0[:, None] if rows.factor is None else s1 * rows.factor / s0[:, None]
    hazard = rows.deaths / s0
    exposure = exposed(rows, lead, slope, top, hazard[:, None])[:, 0]
    return RiskSets(lead, slope, top, relative, hazard, mean, exposure, s0)


def _leads(patterns: Patterns, eta: Floats) -> tuple[Floats, Floats]:
    """The largest linear predictor in each pattern (K), and that of the pattern of each row (n)."""
    lead, own = np.maximum.reduceat(eta[patterns.order], patterns.start[:-1]), np.empty(len(eta))
    own[patterns.order] = np.repeat(lead, np.diff(patterns.start))
    return lead, own


def functions_of(factor: Floats | None, events: int, p: int) -> tuple[Floats, Positions]:
    """The distinct functions of time, the constant first, and which of them each column is multiplied by."""
    functions, code = [np.ones(events)], np.zeros(p, dtype=np.intp)
    if factor is not None:
        constant = (factor == 1.0).all(axis=0)
        distinct, own = np.unique(factor[:, ~constant], axis=1, return_inverse=True)
        code[~constant] = own.reshape(-1) + 1
        functions += list(distinct.T)
    return np.column_stack(functions), code


def _second_moments(x: Floats, through: Floats, code: Positions, pairs: tuple[Positions, ...]) -> Floats:
    """X_a' diag(c_ab) X_b for the columns of each pair of functions of time."""
    out = np.zeros((x.shape[1], x.shape[1]))
    for c, (a, b) in zip(through.T, zip(*pairs, strict=True), strict=True):
        left, right = np.flatnonzero(code == a), np.flatnonzero(code == b)
        block = x[:, left].T @ (c[:, None] * x[:, right])
        out[np.ix_(left, right)], out[np.ix_(right, left)] = block, block.T
    return out


def fine_gray_likelihood(rows: Subdistribution) -> Callable[[Floats], tuple]:
    """The log partial likelihood of Fine and Gray (1999) with Breslow's ties as a function of the coefficients.

    With c_ab the cumulative hazard that each row has been through, its weights and the functions of time f_a f_b included,
    times its relative hazard: the score is the sum of x f over the events less X'c, the information X_a' diag(c_ab) X_b
    less the sum over events of mean mean'.
    """
    died = np.flatnonzero(rows.kind == EVENT)
    counted, at = rows.weight[died], rows.upto[died] - 1
    events, p = len(rows.event_rank), rows.x.shape[1]
    functions, code = functions_of(rows.factor, events, p)
    plain = functions.shape[1] == 1
    pairs = np.triu_indices(functions.shape[1])
    products = (functions[:, pairs[0]] * functions[:, pairs[1]])[:, 1:]
    own = rows.x[died] if rows.factor is None else rows.x[died] * rows.factor[at]
    started = counted @ own

    def evaluate(beta: Floats) -> tuple:
        sets = risk_sets(rows, beta)
        if sets is None:
            return -np.inf, np.zeros(p), np.zeros((p, p))
        value = float(counted @ (own @ beta - sets.top[at]) - rows.deaths @ np.log(sets.total))
        share = rows.active * sets.relative
        through = share * sets.exposure
        if plain:
            score, information = started - through @ rows.x, gram(rows.x, through)
        else:
            more = exposures(rows, sets, sets.hazard[:, None] * products)
            each = np.column_stack((through, share[:, None] * more))
            score = started - np.einsum("ij,ij->j", rows.x, each[:, code])
            information = _second_moments(rows.x, each, code, pairs)
        information -= gram(sets.mean, rows.deaths)
        return value, score, (information + information.T) / 2.0

    return evaluate
