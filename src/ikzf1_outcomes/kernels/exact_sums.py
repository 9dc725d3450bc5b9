"""Exact permutation distributions of sums of whole scores over a group."""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.kernels.risk import Floats, Integers


def sums_of_subsets(scores: Integers, size: int) -> Floats:
    """Number of subsets of `size` scores with each sum 0, 1, ...; scores are whole and not negative."""
    top = int(np.sort(scores)[::-1][:size].sum())
    ways = np.zeros((size + 1, top + 1))
    ways[0, 0] = 1.0
    for score in scores:
        step = int(score)
        if step <= top:
            ways[1:, step:] += ways[:-1, : top + 1 - step].copy()
    return np.asarray(ways[size])


def exact_two_sided(scores: Integers, member: Floats) -> tuple[float, float]:
    """Chance that the sum of a random group of this size is as far from its mean as the one seen; the least such chance.

    Parameters
    ----------
    scores
        Whole, not negative (n); midranks are doubled first.
    member
        Whether a score is of the group (n).
    """
    inside = np.asarray(member, dtype=bool)
    ways = sums_of_subsets(scores, int(inside.sum()))
    # distances from the mean times n, so that they stay whole
    away = np.abs(len(scores) * np.arange(len(ways)) - int(inside.sum()) * int(scores.sum()))
    seen = abs(len(scores) * int(scores[inside].sum()) - int(inside.sum()) * int(scores.sum()))
    farthest = away[ways > 0].max()
    return float(ways[away >= seen].sum() / ways.sum()), float(ways[away == farthest].sum() / ways.sum())
