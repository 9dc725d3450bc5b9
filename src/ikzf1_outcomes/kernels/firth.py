"""Firth's penalty for a partial likelihood: value, derivative, and its maximum, which exists under separation too."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.partial import Layout
from ikzf1_outcomes.kernels.risk import Floats, Positions

CLOSE, ENOUGH = 1e-20, 1e-13
"""Newton decrement that ends a search, and one that may where rounding lets it go no lower."""
MOST, HALVINGS = 200, 40
MEMORY = 4
"""Changes of the score that correct the curvature."""
SINGULAR = 1e-13
"""Pivot of the information, as a share of the sum of squares it was taken from, that is no more than rounding."""
CANCELLED = 1e-3
"""Share of a sum that must be left when rows are taken out of it."""


class Problem(NamedTuple):
    """A layout prepared for the penalised likelihood: sums over risk sets are sums of these features."""

    start: Positions
    rank: Any
    first: Any
    late: Positions
    late_start: Positions
    event: np.ndarray
    weight: Floats
    offset: Floats
    features: Floats
    """1, the covariates, and their products a >= b, of each row (n, 1 + p + p (p + 1) / 2)."""
    died: Floats
    """Weighted sum of the features over all events."""
    deaths: Any
    """Number of tied events of each event time, by stratum, descending in time."""
    mass: Floats
    """Their weight."""
    efron: bool
    p: int


class Point(NamedTuple):
    """Where a search stopped."""

    beta: Floats
    value: float
    """Penalised log partial likelihood; `score` is its derivative."""
    score: Floats
    information: Floats
    """Of the likelihood without the penalty."""
    iterations: int
    converged: bool


@compiled
def _add(total, features, i, risk):  # type: ignore[no-untyped-def]
    for a in range(len(total)):
        total[a] += risk * features[i, a]


@compiled
def _collect(problem, risk, features, whole, tied):  # type: ignore[no-untyped-def]
    """Backward pass: at each event time the sums of risk * features over the risk set and over its events.

    Rows that enter late are taken out again; where little is left, the sums are made anew: what rounding leaves behind
    would pass for information.
    """
    start, rank, event = problem.start, problem.rank, problem.event
    first, late, late_start = problem.first, problem.late, problem.late_start
    total, died = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    used = 0
    for g in range(len(start) - 1):
        total[:], mass, peak = 0.0, 0.0, 0.0
        pointer, stop = late_start[g + 1] - 1, start[g + 1]
        while stop > start[g]:
            j, any_event = rank[stop - 1], False
            while pointer >= late_start[g] and first[late[pointer]] > j:
                _add(total, features, late[pointer], -risk[late[pointer]])
                mass -= risk[late[pointer]]
                pointer -= 1
            if mass < CANCELLED * peak:
                total[:], mass = 0.0, 0.0
                for i in range(stop, start[g + 1]):
                    if first[i] <= j:
                        _add(total, features, i, risk[i])
                        mass += risk[i]
                peak = mass
            while stop > start[g] and rank[stop - 1] == j:
                stop -= 1
                _add(total, features, stop, risk[stop])
                mass += risk[stop]
                if event[stop]:
                    if not any_event:
                        died[:], any_event = 0.0, True
                    _add(died, features, stop, risk[stop])
            peak = max(peak, mass)
            if any_event:
                whole[used], tied[used] = total, died
                used += 1


@compiled
def _risks(problem, beta, risk):  # type: ignore[no-untyped-def]
    """Risk of each row relative to the largest of its stratum; gives what the events' own predictors add to the value."""
    p, x = problem.p, problem.features
    value = 0.0
    for g in range(len(problem.start) - 1):
        begin, end = problem.start[g], problem.start[g + 1]
        top = -np.inf
        for i in range(begin, end):
            eta = problem.offset[i]
            for a in range(p):
                eta += x[i, 1 + a] * beta[a]
            risk[i] = eta
            top = max(top, eta)
        for i in range(begin, end):
            eta = risk[i] - top
            if problem.event[i]:
                value += problem.weight[i] * eta
            risk[i] = problem.weight[i] * np.exp(eta)
    return value


@compiled
def _likelihood(problem, beta, room, score, information):  # type: ignore[no-untyped-def]
    """The partial likelihood without the penalty: value; score and information are written."""
    risk, whole, tied, mean, floor = room[0], room[1], room[2], room[5], room[6]
    p = problem.p
    value = _risks(problem, beta, risk)
    _collect(problem, risk, problem.features, whole, tied)
    score[:] = problem.died[1 : 1 + p]
    information[:, :], floor[:] = 0.0, 0.0
    for k in range(len(problem.deaths)):
        steps = problem.deaths[k] if problem.efron else 1
        w = problem.mass[k] / steps
        for step in range(steps):
            share = step / steps
            total = whole[k, 0] - share * tied[k, 0]
            if not total > 0.0:  # underflow, far from any maximum
                return -np.inf
            value -= w * np.log(total)
            place = 1 + p
            for a in range(p):
                mean[a] = (whole[k, 1 + a] - share * tied[k, 1 + a]) / total
                score[a] -= w * mean[a]
                for b in range(a + 1):
                    second = (whole[k, place] - share * tied[k, place]) / total
                    information[a, b] += w * (second - mean[a] * mean[b])
                    place += 1
                floor[a] += SINGULAR * w * second  # the last is the square of a
    for a in range(p):
        for b in range(a):
            information[b, a] = information[a, b]
    return value


@compiled
def _slope(problem, v, room, out):  # type: ignore[no-untyped-def]
    """Derivative of tr(v I) by each coefficient, v held fixed: third central moments contracted with v.

    The sums of `_likelihood` stand in the room. With q = x' v x the third moments are those of q with x: no cubes.
    """
    risk, whole, tied, quadratic, both, mean, _, turned, more = room
    x, p = problem.features, problem.p
    for i in range(len(risk)):
        q, place = 0.0, 1 + p
        for a in range(p):
            for b in range(a):
                q += 2.0 * v[a, b] * x[i, place]
                place += 1
            q += v[a, a] * x[i, place]
            place += 1
        more[i, 0] = q
        for a in range(p):
            more[i, 1 + a] = q * x[i, 1 + a]
    _collect(problem, risk, more, quadratic, both)
    out[:] = 0.0
    for k in range(len(problem.deaths)):
        steps = problem.deaths[k] if problem.efron else 1
        w = problem.mass[k] / steps
        for step in range(steps):
            share = step / steps
            total = whole[k, 0] - share * tied[k, 0]
            for a in range(p):
                mean[a] = (whole[k, 1 + a] - share * tied[k, 1 + a]) / total
            square = 0.0
            for a in range(p):
                turned[a] = v[a] @ mean
                square += turned[a] * mean[a]
            q = (quadratic[k, 0] - share * both[k, 0]) / total
            place = 1 + p
            for a in range(p):
                with_q = (quadratic[k, 1 + a] - share * both[k, 1 + a]) / total
                out[a] += w * (with_q - q * mean[a] + 2.0 * square * mean[a])
                for b in range(a + 1):
                    second = 2.0 * w * (whole[k, place] - share * tied[k, place]) / total
                    out[a] -= second * turned[b]
                    if b < a:
                        out[b] -= second * turned[a]
                    place += 1


@compiled
def _factor(matrix, which, lower, floor):  # type: ignore[no-untyped-def]
    """Cholesky factor of the rows and columns `which`, in the corner of `lower`; log determinant, -inf at the floor."""
    m = len(which)
    log_determinant = 0.0
    for i in range(m):
        for j in range(i + 1):
            left = matrix[which[i], which[j]]
            for k in range(j):
                left -= lower[i, k] * lower[j, k]
            if i > j:
                lower[i, j] = left / lower[j, j]
            elif not left > floor[which[i]]:
                return -np.inf
            else:
                lower[i, i] = np.sqrt(left)
                log_determinant += np.log(left)
    return log_determinant


@compiled
def _solve(lower, m, right):  # type: ignore[no-untyped-def]
    """Overwrite the first m of `right` with the solution of (lower lower') z = right."""
    for i in range(m):
        for k in range(i):
            right[i] -= lower[i, k] * right[k]
        right[i] /= lower[i, i]
    for i in range(m - 1, -1, -1):
        for k in range(i + 1, m):
            right[i] -= lower[k, i] * right[k]
        right[i] /= lower[i, i]


@compiled
def _evaluate(problem, beta, room, score, information, lower):  # type: ignore[no-untyped-def]
    """The penalised likelihood l + log det I / 2; its derivative and the information are written."""
    p = problem.p
    value = _likelihood(problem, beta, room, score, information)
    penalty = _factor(information, np.arange(p), lower, room[6])
    if not np.isfinite(value + penalty):
        return -np.inf
    inverse, slope = np.eye(p), np.empty(p)
    for a in range(p):
        _solve(lower, p, inverse[a])
    _slope(problem, inverse, room, slope)
    score += 0.5 * slope
    return value + 0.5 * penalty


@compiled
def _direction(lower, gradient, moved, bent, kept):  # type: ignore[no-untyped-def]
    """Newton's step with the inverse information, corrected for the last changes: the two loops of limited BFGS."""
    step, factor = gradient.copy(), np.empty(kept)
    for k in range(kept - 1, -1, -1):
        factor[k] = (moved[k] @ step) / (moved[k] @ bent[k])
        step -= factor[k] * bent[k]
    _solve(lower, len(step), step)
    for k in range(kept):
        step += (factor[k] - (bent[k] @ step) / (moved[k] @ bent[k])) * moved[k]
    return step


@compiled
def _remember(moved, bent, kept, step, change):  # type: ignore[no-untyped-def]
    """Keep a step and the fall of the score along it, dropping the oldest; the number that is kept."""
    if not step @ change > 0.0:
        return kept
    if kept == MEMORY:
        for k in range(MEMORY - 1):
            moved[k], bent[k] = moved[k + 1].copy(), bent[k + 1].copy()
        kept -= 1
    moved[kept], bent[kept] = step, change
    return kept + 1


@compiled
def _climb(problem, beta, free, room, score, information):  # type: ignore[no-untyped-def]
    """Maximise over the coefficients `free`, the others held where they are; `beta` is moved to the maximum.

    The curvature is the information, corrected for the penalty's by the last changes of the score; steps are halved.
    """
    p, m = problem.p, len(free)
    lower, trial, trial_score, trial_information = np.zeros((p, p)), beta.copy(), np.empty(p), np.empty((p, p))
    moved, bent, kept, nothing = np.zeros((MEMORY, m)), np.zeros((MEMORY, m)), 0, np.zeros(p)
    value = _evaluate(problem, beta, room, score, information, lower)
    decrement, iteration = np.inf, 0
    while np.isfinite(value) and iteration <= MOST:
        gradient = score[free]
        _factor(information, free, lower, nothing)
        step = _direction(lower, gradient, moved, bent, kept)
        decrement = gradient @ step
        if decrement <= CLOSE:
            for a in range(m):
                beta[free[a]] += step[a]
            break
        iteration += 1
        now, halvings = -np.inf, 0
        # near the maximum the gain drowns in rounding, and the full step is right
        while not now >= value - 1e-11 * (1.0 + abs(value)) and halvings < HALVINGS:
            for a in range(m):
                trial[free[a]] = beta[free[a]] + step[a]
            now = _evaluate(problem, trial, room, trial_score, trial_information, lower)
            step *= 0.5
            halvings += 1
        if halvings == HALVINGS and kept == 0:
            break
        if halvings == HALVINGS:
            kept = 0
            continue
        kept = _remember(moved, bent, kept, (trial - beta)[free], (score - trial_score)[free])
        beta[:], score[:], information[:, :], value = trial, trial_score, trial_information, now
    return value, iteration, decrement <= ENOUGH


@compiled
def _space(problem):  # type: ignore[no-untyped-def]
    """Memory that every evaluation of a search writes into."""
    n, size = problem.features.shape
    k, p = len(problem.deaths), problem.p
    return (
        np.empty(n), np.empty((k, size)), np.empty((k, size)), np.empty((k, 1 + p)), np.empty((k, 1 + p)),
        np.empty(p), np.empty(p), np.empty(p), np.empty((n, 1 + p)),
    )  # fmt: skip


def prepare(layout: Layout, ties: str = "efron") -> Problem:
    """A layout with what all evaluations of its penalised likelihood share.

    The covariates had best be centred and of unit spread; `ties` is "efron" or "breslow".
    """
    n, p = layout.x.shape
    a, b = np.tril_indices(p)
    x = layout.x
    features = np.ascontiguousarray(np.column_stack([np.ones(n), x, x[:, a] * x[:, b]]), dtype=np.float64)
    # event times in the order of the backward pass: strata ascending, times descending
    stratum = np.repeat(np.arange(len(layout.start) - 1), np.diff(layout.start))[layout.event]
    key = stratum * (int(layout.rank.max(initial=0)) + 1) - layout.rank[layout.event]
    _, which, deaths = np.unique(key, return_inverse=True, return_counts=True)
    mass = np.bincount(which, weights=layout.weight[layout.event], minlength=len(deaths))
    died = (layout.weight * layout.event) @ features
    return Problem(
        layout.start, layout.rank, layout.first, layout.late, layout.late_start, layout.event, layout.weight,
        layout.offset, features, died, deaths, mass, ties == "efron", p,
    )  # fmt: skip


def penalised_likelihood(problem: Problem, beta: Floats) -> tuple[float, Floats, Floats]:
    r"""Penalised log partial likelihood, its derivative, and the information without the penalty.

    .. math:: l^*(b) = l(b) + \tfrac12 \log\det I(b), \qquad
              U^*_c = U_c + \tfrac12 \mathrm{tr}\left(I^{-1} \partial I / \partial b_c\right)

    The derivative of the information is the sum over the events of the third central moments of the covariates among
    those at risk (with Efron's ties: among those at risk less the share of the tied), each weighted by its risk. Minus
    infinity where the information is singular.
    """
    point = maximise(problem, beta, np.empty(0, dtype=np.int64))
    return point.value, point.score, point.information


def information_slope(problem: Problem, beta: Floats, v: Floats) -> Floats:
    """tr(v dI / db) for a symmetric matrix v (p)."""
    room, out = _space(problem), np.zeros(problem.p)
    _likelihood(problem, np.array(beta, dtype=np.float64), room, np.empty(problem.p), np.empty((problem.p, problem.p)))
    _slope(problem, np.array(v, dtype=np.float64), room, out)
    return out


def maximise(problem: Problem, start: Floats | None = None, free: Positions | None = None) -> Point:
    """Maximum of the penalised likelihood over the coefficients `free`, the others held at `start`.

    Parameters
    ----------
    problem
        From `prepare`.
    start
        Where to begin (p); None is 0.
    free
        Places of the coefficients that move; None is all.

    Returns
    -------
    Point
        `converged`: the Newton decrement fell below 1e-20 (and its step was made), or below 1e-13 where rounding stopped
        it. The value is minus infinity where the information at the start is singular.
    """
    beta = np.zeros(problem.p) if start is None else np.array(start, dtype=np.float64)
    moving = np.arange(problem.p) if free is None else np.array(free, dtype=np.int64)
    score, information = np.zeros(problem.p), np.zeros((problem.p, problem.p))
    value, iterations, converged = _climb(problem, beta, moving, _space(problem), score, information)
    return Point(beta, value, score, information, iterations, converged)
