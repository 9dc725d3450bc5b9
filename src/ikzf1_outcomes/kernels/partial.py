"""Cox's partial likelihood with Efron's ties: value, score and information in one sweep; Newton's method."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats, RowOrder


@compiled
def _efron(rank, late, first, event, weight, x, beta):  # type: ignore[no-untyped-def]
    p = x.shape[1]
    eta = x @ beta
    top = eta.max()
    s0, s1, s2 = 0.0, np.zeros(p), np.zeros((p, p))
    d1, d2, mean = np.zeros(p), np.zeros((p, p)), np.zeros(p)
    value, score, information = 0.0, np.zeros(p), np.zeros((p, p))
    pointer = len(late) - 1
    stop = len(rank)
    while stop > 0:
        j = rank[stop - 1]
        while pointer >= 0 and first[late[pointer]] > j:
            i = late[pointer]
            r = weight[i] * np.exp(eta[i] - top)
            s0 -= r
            for a in range(p):
                s1[a] -= r * x[i, a]
                for b in range(a + 1):
                    s2[a, b] -= r * x[i, a] * x[i, b]
            pointer -= 1
        deaths, mass, d0 = 0, 0.0, 0.0
        d1[:] = 0.0
        d2[:] = 0.0
        while stop > 0 and rank[stop - 1] == j:
            stop -= 1
            i = stop
            r = weight[i] * np.exp(eta[i] - top)
            s0 += r
            for a in range(p):
                s1[a] += r * x[i, a]
                for b in range(a + 1):
                    s2[a, b] += r * x[i, a] * x[i, b]
            if event[i]:
                deaths += 1
                mass += weight[i]
                d0 += r
                value += weight[i] * (eta[i] - top)
                for a in range(p):
                    score[a] += weight[i] * x[i, a]
                    d1[a] += r * x[i, a]
                    for b in range(a + 1):
                        d2[a, b] += r * x[i, a] * x[i, b]
        for step in range(deaths):
            share = step / deaths
            w = mass / deaths
            total = s0 - share * d0
            if not total > 0.0:  # underflow, far from any maximum
                return -np.inf, score, information
            value -= w * np.log(total)
            for a in range(p):
                mean[a] = (s1[a] - share * d1[a]) / total
                score[a] -= w * mean[a]
                for b in range(a + 1):
                    information[a, b] += w * ((s2[a, b] - share * d2[a, b]) / total - mean[a] * mean[b])
    for a in range(p):
        for b in range(a):
            information[b, a] = information[a, b]
    return value, score, information


class Maximum(NamedTuple):
    """Where Newton's method stopped, and where it started."""

    beta: Floats
    value: float
    score: Floats
    information: Floats
    value_null: float
    score_null: Floats
    information_null: Floats
    iterations: int
    converged: bool
    step: Floats
    """The Newton step that was left: next to nothing at a maximum, of order 1 where the likelihood only flattens out."""


def efron_likelihood(rows: RowOrder, event: np.ndarray, weight: Floats, x: Floats) -> Callable[[Floats], tuple]:
    """The partial likelihood of Efron (1977, doi:10.1080/01621459.1977.10480613) as a function of the coefficients.

    With m tied events, the l-th of them sees the risk set less l / m of the tied events. Weighted events each carry the
    mean weight of the tied, as in R's `coxph`. O(n p^2) for a value, its score and its information.
    """

    # rows are laid out by time once: every sweep then reads memory in order
    where = np.empty(len(rows.order), dtype=np.intp)
    where[rows.order] = np.arange(len(rows.order))
    rank, event, weight, x, first = (np.ascontiguousarray(a[rows.order]) for a in (rows.rank, event, weight, x, rows.first))
    late = where[rows.late]

    def evaluate(beta: Floats) -> tuple:
        return _efron(rank, late, first, event, weight, x, beta)

    return evaluate


def newton(evaluate: Callable[[Floats], tuple], p: int, *, tolerance: float = 1e-10, most: int = 100) -> Maximum:
    """Maximise by Newton's method from 0 with halved steps.

    Converged when the Newton decrement U' I^-1 U falls below `tolerance` squared, far inside R's stop. Where the
    information becomes singular on the way, or `most` steps do not suffice, `converged` is false and the result is where it
    stopped.
    """
    beta = np.zeros(p)
    value, score, information = start = evaluate(beta)
    null = {"value_null": start[0], "score_null": start[1], "information_null": start[2]}
    converged, iteration, step = False, 0, np.zeros(p)
    while iteration < most:
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            break
        decrement = float(score @ step)
        if decrement <= tolerance**2:
            converged = decrement > -1e-6
            break
        iteration += 1
        share = 1.0
        for _ in range(30):
            candidate = evaluate(beta + share * step)
            # near the maximum the gain drowns in rounding, and the full step is right
            if np.isfinite(candidate[0]) and candidate[0] >= value - 1e-10 * (1.0 + abs(value)):
                break
            share /= 2
        beta = beta + share * step
        value, score, information = candidate
    return Maximum(beta, value, score, information, **null, iterations=iteration, converged=converged, step=step)
