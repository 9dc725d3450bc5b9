"""The chance of not being censored, by which those who are known to have had an event, or not, stand for the others.

G is the Kaplan-Meier curve of censoring of each stratum; events come before censorings of the same time, so that they
have left when the censored leave. Whoever had an event at T <= t stands for 1 / G(T-), whoever is free of events after t
for 1 / G(t), and whoever was censored before for nobody.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.risk import Floats, Integers, RiskTable, RowOrder, tally

NONE_LEFT = 1e-12
"""Weights that are not whole leave rounding where everybody is censored."""


class CensoringCurves(NamedTuple):
    """Kaplan-Meier curves of censoring, one a stratum."""

    table: RiskTable
    """At risk, events of any kind, and censored at the distinct times of each stratum."""
    survival: Floats
    """G after each row of the table."""
    group: Integers
    """Stratum of each row of the data; negative where it is left out (n)."""
    rank: Integers
    """Position of each row's time among the distinct times (n)."""

    def before(self) -> Floats:
        """G(T-) at the time of each row (n); 1 for rows left out."""
        out = np.ones(len(self.rank))
        for g, own in self.parts():
            mine = self.group == g
            place = np.searchsorted(self.table.rank[own], self.rank[mine], side="left")
            out[mine] = np.r_[1.0, self.survival[own]][place]
        return out

    def at(self, gone: Integers) -> Floats:
        """G(t) of each stratum (groups, t); `gone` counts the distinct times that are not later than each t."""
        return np.array(
            [np.r_[1.0, self.survival[own]][np.searchsorted(self.table.rank[own], gone)] for _, own in self.parts()]
        )

    def parts(self) -> list[tuple[int, slice]]:
        """Each stratum and its rows of the table."""
        offset = self.table.offset
        return [(g, slice(offset[g], offset[g + 1])) for g in range(len(offset) - 1)]


def censoring_curves(rows: RowOrder, status: Integers, weight: Floats, group: Integers, n_groups: int) -> CensoringCurves:
    """Estimate G in each stratum.

    Parameters
    ----------
    rows
        The order of the endpoint's rows.
    status
        1 an event of any kind, 0 censored, negative neither: another row of the patient goes on (n).
    weight, group
        Case weights, and strata; rows with a negative stratum are left out (n).
    """
    table = tally(rows, status, weight, group, n_groups, 1)
    left = table.n_risk - table.events[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        stay = np.where(table.censored > 0, np.maximum(1.0 - table.censored / left, 0.0), 1.0)
    stay[stay < NONE_LEFT] = 0.0
    survival = np.empty(len(stay))
    curves = CensoringCurves(table, survival, group, rows.rank)
    for _, own in curves.parts():
        survival[own] = np.cumprod(stay[own])
    return curves


def inverse_weights(known: np.ndarray, ahead: np.ndarray, before: Floats, at: Floats) -> Floats:
    """How many patients each row stands for at each horizon (n, t).

    Parameters
    ----------
    known, ahead
        Whether the row had an event by the horizon, or is free of events after it (n, t).
    before, at
        G(T-) of each row (n), and G(t) (n, t).
    """
    with np.errstate(divide="ignore"):
        return np.where(known, 1.0 / before[:, None], np.where(ahead, 1.0 / at, 0.0))


def censoring_influence(
    curves: CensoringCurves, weight: Floats, censored: np.ndarray, gone: Integers, parts: Floats
) -> Floats:
    r"""What each row does to a weighted sum through the estimate of G, times its weight (n, t).

    For a sum of parts v_j that are inversely proportional to G, with the parts' times T_j, horizon t, the number at risk
    Y(u) (tied events included) and M_i the censoring martingale of row i,

    .. math:: w_i \int_0^t \frac{\sum_j v_j [T_j > u]}{Y(u)} dM_i(u)

    Parameters
    ----------
    curves
        G, estimated with these weights.
    weight
        Case weights (n).
    censored
        Rows that end with a censoring (n).
    gone
        How many distinct times are not later than each horizon (t).
    parts
        Parts of the sum (n, t).
    """
    out = np.zeros_like(parts)
    table = curves.table
    for g, own in curves.parts():
        mine = np.flatnonzero(curves.group == g)
        place = np.searchsorted(table.rank[own], curves.rank[mine])
        size = own.stop - own.start
        sums = np.zeros((size + 1, parts.shape[1]))
        np.add.at(sums, place, parts[mine])
        later = np.cumsum(sums[::-1], axis=0)[::-1][1:]
        at_risk = table.n_risk[own]
        until = table.rank[own][:, None] < gone
        with np.errstate(divide="ignore", invalid="ignore"):
            jump = np.where(until & (at_risk > 0)[:, None], later / at_risk[:, None], 0.0)
            hazard = np.where(at_risk > 0, table.censored[own] / at_risk, 0.0)
        drift = np.cumsum(jump * hazard[:, None], axis=0)
        out[mine] = weight[mine, None] * (censored[mine, None] * jump[place] - drift[place])
    return out
