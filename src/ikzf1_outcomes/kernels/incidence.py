"""Kaplan-Meier and Aalen-Johansen estimates with their variances, as recursions along the times of each group.

With n at risk and d_k events of cause k at a time, a_k = d_k / n and a = sum(a_k):

    S = S- (1 - a),   F_k = F_k- + S- a_k.

The increments a_k have multinomial covariance (delta_kl a_k - a_k a_l) / n. Carrying the covariance of (S, F_k) forward
by the delta method gives Greenwood's variance of S and the Greenwood-type variance of F_k (Andersen, Borgan, Gill and
Keiding 1993, doi:10.1007/978-1-4612-4348-9, section IV.4) without a double sum and without cancellation.
"""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats, RiskTable


@compiled
def _aalen_johansen(offset, n_risk, events):  # type: ignore[no-untyped-def]
    total, n_causes = events.shape
    survival = np.empty(total)
    survival_variance = np.empty(total)
    incidence = np.empty((total, n_causes))
    incidence_variance = np.empty((total, n_causes))
    f = np.zeros(n_causes)
    var_f = np.zeros(n_causes)
    cov_sf = np.zeros(n_causes)
    for g in range(len(offset) - 1):
        s, var_s = 1.0, 0.0
        f[:] = 0.0
        var_f[:] = 0.0
        cov_sf[:] = 0.0
        for row in range(offset[g], offset[g + 1]):
            n = n_risk[row]
            d = 0.0
            for k in range(n_causes):
                d += events[row, k]
            if d > 0.0:
                # weights that are not whole numbers leave rounding noise where all at risk fail
                stay = 0.0 if n - d <= 1e-12 * n else (n - d) / n
                spread = s * s * stay / n
                for k in range(n_causes):
                    a = events[row, k] / n
                    own = s * s * a * (1.0 - a) / n
                    var_f[k] += 2.0 * a * cov_sf[k] + a * a * var_s + own
                    cov_sf[k] = stay * (cov_sf[k] + a * var_s) - spread * a
                    f[k] += s * a
                var_s = stay * stay * var_s + spread * (1.0 - stay)
                s *= stay
            survival[row] = s
            survival_variance[row] = var_s
            for k in range(n_causes):
                incidence[row, k] = f[k]
                incidence_variance[row, k] = var_f[k]
    return survival, survival_variance, incidence, incidence_variance


def aalen_johansen(table: RiskTable) -> tuple[Floats, Floats, Floats, Floats]:
    """Survival (rows), its variance, incidence (rows, causes) and its variance at each row of the table."""
    return _aalen_johansen(table.offset, table.n_risk, table.events)


@compiled
def _gray_variance(offset, n_risk, events, survival):  # type: ignore[no-untyped-def]
    total, n_causes = events.shape
    variance = np.empty((total, n_causes))
    for g in range(len(offset) - 1):
        for k in range(n_causes):
            before, value, slope, curve = 1.0, 0.0, 0.0, 0.0
            for row in range(offset[g], offset[g + 1]):
                n = n_risk[row]
                own = events[row, k]
                other = -own
                for c in range(n_causes):
                    other += events[row, c]
                if own > 0.0:
                    step = before * own / n
                    value += step * (2.0 * slope + step * curve)
                    slope += step * curve
                after = survival[row]
                w_own = 0.0
                w_other = 0.0
                if own > 0.0:
                    w_own = before * before / (n * n) * own * (1.0 - (own - 1.0) / (n - 1.0) if own > 1.0 else 1.0)
                if other > 0.0:
                    w_other = before * before / (n * n) * other * (1.0 - (other - 1.0) / (n - 1.0) if other > 1.0 else 1.0)
                value += w_own
                if after > 0.0:
                    slope -= w_own / after
                    curve += (w_own + w_other) / (after * after)
                before = after
                variance[row, k] = value
    return variance


def gray_variance(table: RiskTable, survival: Floats) -> Floats:
    """Variance of the incidence as in Gray (1988, doi:10.1214/aos/1176350951), the one that `cuminc` prints.

    With w_j = S(u-)^2 / n^2 * d_j * (1 - (d_j - 1) / (n - 1)) for the cause (1) and all others together (2):

        V(t) = sum over u <= t of  w_1 [1 - (F(t) - F(u)) / S(u)]^2 + w_2 [(F(t) - F(u)) / S(u)]^2,

    evaluated by recursion in F(t).
    """
    return _gray_variance(table.offset, table.n_risk, table.events, survival)


@compiled
def _restricted_means(offset, time, n_risk, events, tau):  # type: ignore[no-untyped-def]
    n_causes = events.shape[1]
    n_groups = len(offset) - 1
    area = np.zeros((n_groups, n_causes + 1))
    variance = np.zeros((n_groups, n_causes + 1))
    for g in range(n_groups):
        p = np.zeros(n_causes + 1)  # S, F_1, ..., F_K
        p[0] = 1.0
        cov_s = np.zeros(n_causes + 1)  # covariance of S with (S, F_k)
        var_p = np.zeros(n_causes + 1)
        cov_sl = np.zeros(n_causes + 1)  # covariance of S with the areas
        cov_pl = np.zeros(n_causes + 1)  # covariance of each component with its own area
        clock = 0.0
        for row in range(offset[g], offset[g + 1] + 1):
            now = tau if row == offset[g + 1] else min(time[row], tau)
            width = now - clock
            for k in range(n_causes + 1):
                area[g, k] += p[k] * width
                variance[g, k] += 2.0 * width * cov_pl[k] + width * width * var_p[k]
                cov_pl[k] += width * var_p[k]
                cov_sl[k] += width * cov_s[k]
            clock = now
            if row == offset[g + 1] or time[row] > tau:
                break
            n = n_risk[row]
            d = 0.0
            for k in range(n_causes):
                d += events[row, k]
            if d == 0.0:
                continue
            s, var_s, cov_s_area = p[0], var_p[0], cov_sl[0]
            stay = 0.0 if n - d <= 1e-12 * n else (n - d) / n
            spread = s * s * stay / n
            for k in range(1, n_causes + 1):
                a = events[row, k - 1] / n
                var_p[k] += 2.0 * a * cov_s[k] + a * a * var_s + s * s * a * (1.0 - a) / n
                cov_pl[k] += a * cov_sl[k]
                cov_s[k] = stay * (cov_s[k] + a * var_s) - spread * a
                p[k] += s * a
                cov_sl[k] *= stay
            p[0] = s * stay
            var_p[0] = stay * stay * var_s + spread * (1.0 - stay)
            cov_s[0] = var_p[0]
            cov_sl[0] = stay * cov_s_area
            cov_pl[0] = cov_sl[0]
    return area, variance


def restricted_means(table: RiskTable, time: Floats, tau: float) -> tuple[Floats, Floats]:
    """Areas under S and under each F_k from 0 to tau, and their variances: (groups, 1 + causes) each.

    The area under S is the restricted mean; the area under F_k is the mean time lost to cause k. The variance carries the
    covariance of the curves with their areas forward; for S it is the sum of A_i^2 d_i / (n_i (n_i - d_i)), with A_i the
    area from the i-th event time to tau.
    """
    return _restricted_means(table.offset, time, table.n_risk, table.events, tau)
