"""Pairs of an event and somebody who had another event before, and so will never have this one, in O(n log n)."""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.pairs import Pairs, _add, _below, ranks_within
from ikzf1_outcomes.kernels.partial import Layout
from ikzf1_outcomes.kernels.risk import Floats


@compiled
def _rival_pairs(start, rank, event, rival, mass, code, sizes, tree, here, sums):  # type: ignore[no-untyped-def]
    """Forward: each event against earlier rivals; backward: each rival against later events."""
    for g in range(len(start) - 1):
        size = sizes[g]
        for forward in (True, False):
            tree[: size + 1] = 0.0
            here[:size] = 0.0
            total = 0.0
            at = start[g] if forward else start[g + 1] - 1
            while start[g] <= at < start[g + 1]:
                end = at
                step = 1 if forward else -1
                while start[g] <= end < start[g + 1] and rank[end] == rank[at]:
                    end += step
                for i in range(at, end, step):
                    if (forward and event[i]) or (not forward and rival[i]):
                        lower, equal = _below(tree, code[i]), here[code[i]]
                        higher = total - lower - equal
                        sums[i, 0] += lower if forward else higher
                        sums[i, 1] += higher if forward else lower
                        sums[i, 2] += equal
                for i in range(at, end, step):
                    if (forward and rival[i]) or (not forward and event[i]):
                        _add(tree, here, size, code[i], mass[i])
                        total += mass[i]
                at = end


def count_rival_pairs(layout: Layout, score: Floats, rival: np.ndarray, factor: Floats) -> Pairs:
    """Count the pairs of an event and a row that had another event at an earlier time, within strata.

    A pair counts the product of the two weights and of the two factors. Concordant: the event has the higher score.

    Parameters
    ----------
    layout
        Rows by stratum and time, without delayed entry; its covariates are not used.
    score, rival, factor
        Score of each kept row, whether it had another event, and its factor (m).
    """
    strata = len(layout.start) - 1
    stratum = np.repeat(np.arange(strata), np.diff(layout.start))
    code, sizes = ranks_within(stratum, score[layout.where], strata)
    most = int(sizes.max(initial=0))
    own, other = np.ascontiguousarray(factor[layout.where]), np.ascontiguousarray(rival[layout.where])
    sums = np.zeros((len(layout.rank), 3))
    mass = layout.weight * own
    trees = np.zeros(most + 1), np.zeros(most)
    _rival_pairs(layout.start, layout.rank, layout.event, other, mass, code, sizes, *trees, sums)
    share = np.empty_like(sums)
    share[layout.where] = sums * own[:, None]
    counts = np.zeros(5)
    counts[:3] = mass[layout.event] @ sums[layout.event]
    return Pairs(counts, share)
