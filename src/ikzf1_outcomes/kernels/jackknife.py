"""Infinitesimal-jackknife variance of the Kaplan-Meier estimate, by row or by cluster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats, Integers, RiskTable, RowOrder


@compiled
def _move(sums, settled, exposed, c, g, more_settled, more_exposed):  # type: ignore[no-untyped-def]
    sums[g, 0] -= settled[c] * settled[c]
    sums[g, 1] -= settled[c] * exposed[c]
    sums[g, 2] -= exposed[c] * exposed[c]
    settled[c] += more_settled
    exposed[c] += more_exposed
    sums[g, 0] += settled[c] * settled[c]
    sums[g, 1] += settled[c] * exposed[c]
    sums[g, 2] += exposed[c] * exposed[c]


@compiled
def _robust_variance(  # type: ignore[no-untyped-def]
    order, rank, late, first, group, cluster, n_clusters, event, weight, offset, ranks, n_risk, deaths, survival
):
    n_groups = len(offset) - 1
    variance = np.zeros(len(ranks))
    settled = np.zeros(n_clusters)
    exposed = np.zeros(n_clusters)
    sums = np.zeros((n_groups, 3))
    hazard = np.zeros(n_groups)
    jump = np.zeros(n_groups)
    row = offset[:-1].copy()
    for i in order:
        if group[i] >= 0 and first[i] == 0:
            _move(sums, settled, exposed, cluster[i], group[i], 0.0, weight[i])
    pointer, start = 0, 0
    while start < len(order):
        j = rank[order[start]]
        while pointer < len(late) and first[late[pointer]] <= j:
            i = late[pointer]
            g = group[i]
            if g >= 0:
                _move(sums, settled, exposed, cluster[i], g, weight[i] * hazard[g], weight[i])
            pointer += 1
        for g in range(n_groups):
            jump[g] = 0.0
            if row[g] < offset[g + 1] and ranks[row[g]] == j:
                n, d = n_risk[row[g]], deaths[row[g]]
                if d > 0.0 and n - d > 1e-12 * n:
                    jump[g] = 1.0 / (n - d)
                    hazard[g] += d / n * jump[g]
        while start < len(order) and rank[order[start]] == j:
            i = order[start]
            g = group[i]
            if g >= 0:
                gain = (jump[g] if event[i] else 0.0) - hazard[g]
                _move(sums, settled, exposed, cluster[i], g, weight[i] * gain, -weight[i])
            start += 1
        for g in range(n_groups):
            if row[g] < offset[g + 1] and ranks[row[g]] == j:
                h = hazard[g]
                spread = sums[g, 0] - 2.0 * h * sums[g, 1] + h * h * sums[g, 2]
                variance[row[g]] = survival[row[g]] ** 2 * max(spread, 0.0)
                row[g] += 1
    return variance


def robust_variance(
    rows: RowOrder,
    table: RiskTable,
    survival: Floats,
    event: NDArray[np.bool_],
    weight: Floats,
    group: Integers,
    cluster: Integers,
) -> Floats:
    """Variance of S at each row of the table: the sum over clusters of their squared influence.

    The influence of a row on log S(t), times its weight, is minus the sum over u <= t of
    w (dN(u) - Y(u) a(u)) / (n(u) (1 - a(u))), with a = d / n (Efron and Stein's infinitesimal jackknife). While a row is
    at risk its influence moves with one common sum; once it has left it is settled. Running sums of squares over clusters
    therefore give all times in one pass. Without weights and clusters it equals Greenwood's variance.

    Parameters
    ----------
    cluster
        Codes of clusters, distinct between groups (n).
    """
    deaths = np.ascontiguousarray(table.events.sum(axis=1))
    n_clusters = int(cluster.max(initial=-1)) + 1
    return _robust_variance(
        rows.order, rows.rank, rows.late, rows.first, group, cluster, n_clusters, event, weight,
        table.offset, table.rank, table.n_risk, deaths, survival,
    )  # fmt: skip
