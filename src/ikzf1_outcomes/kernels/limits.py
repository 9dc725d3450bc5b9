"""Newton's method where a likelihood may rise without end, or say nothing of a direction: it goes as far as that leads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats

CLOSE = 1e-18
"""Newton decrement at a maximum."""
MOST, HALVINGS = 60, 20
VANISHED = 1e-9
"""Pivot, as a share of the largest, below which a direction has no information left."""


@compiled
def newton_step(information, score, step):  # type: ignore[no-untyped-def]
    """Newton's step, 0 in directions without information; by a root of the matrix whose empty pivots are left out."""
    p = len(score)
    root, kept, largest = np.zeros((p, p)), np.zeros(p, dtype=np.bool_), 0.0
    for a in range(p):
        largest = max(largest, information[a, a])
    for a in range(p):
        pivot = information[a, a]
        for c in range(a):
            pivot -= root[a, c] ** 2
        kept[a] = pivot > VANISHED * largest
        if not kept[a]:
            continue
        root[a, a] = np.sqrt(pivot)
        for b in range(a + 1, p):
            rest = information[b, a]
            for c in range(a):
                rest -= root[b, c] * root[a, c]
            root[b, a] = rest / root[a, a]
    half = np.zeros(p)
    for a in range(p):
        if kept[a]:
            half[a] = score[a]
            for c in range(a):
                half[a] -= root[a, c] * half[c]
            half[a] /= root[a, a]
    for a in range(p - 1, -1, -1):
        step[a] = 0.0
        if kept[a]:
            step[a] = half[a]
            for b in range(a + 1, p):
                step[a] -= root[b, a] * step[b]
            step[a] /= root[a, a]
    decrement = 0.0
    for a in range(p):
        decrement += score[a] * step[a]
    return decrement


def climb(evaluate: Callable[[Floats], tuple], p: int) -> tuple[Floats, float]:
    """Where a concave function has its maximum, or how far it can be followed, and its value there.

    A covariate that separates those with events from those without lets a coefficient run away, and the likelihood rise to
    a limit. Each step moves the linear predictor on by about 1 and closes the gap by a factor of e; after some twenty steps
    the information of that direction has vanished, and it is left where it is: relative hazards below 1e-8 for those
    without events. A direction that was never told of, as a level with nobody, stays at 0.

    Parameters
    ----------
    evaluate
        From coefficients (p) to value, score and information.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a step too far is taken back
        return _climbed(evaluate, p)


def _climbed(evaluate: Callable[[Floats], tuple], p: int) -> tuple[Floats, float]:
    beta, step = np.zeros(p), np.zeros(p)
    value, score, information = evaluate(beta)
    for _ in range(MOST):
        if newton_step(information, score, step) <= CLOSE:
            break
        share = 1.0
        for _ in range(HALVINGS):
            found = evaluate(beta + share * step)
            # near the maximum the gain drowns in rounding, and the full step is right
            if np.isfinite(found[0]) and found[0] >= value - 1e-10 * (1.0 + abs(value)):
                break
            share /= 2.0
        else:
            break
        beta = beta + share * step
        value, score, information = found
    return beta, float(value)
