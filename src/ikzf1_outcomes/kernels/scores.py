"""Scores and variances of the log-rank family and of Gray's test."""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats


@compiled
def _logrank(n_risk, events, rho, gamma):  # type: ignore[no-untyped-def]
    n_times, n_groups = n_risk.shape
    observed = np.zeros(n_groups)
    expected = np.zeros(n_groups)
    variance = np.zeros((n_groups, n_groups))
    survival = 1.0
    for row in range(n_times):
        n = 0.0
        d = 0.0
        for g in range(n_groups):
            n += n_risk[row, g]
            d += events[row, g]
        weight = 1.0
        if rho != 0.0:
            weight *= survival**rho
        if gamma != 0.0:
            weight *= (1.0 - survival) ** gamma
        for g in range(n_groups):
            observed[g] += weight * events[row, g]
            expected[g] += weight * d * n_risk[row, g] / n
        if n > 1.0:
            common = weight * weight * d * (n - d) / (n * n * (n - 1.0))
            for g in range(n_groups):
                variance[g, g] += common * n * n_risk[row, g]
                for h in range(n_groups):
                    variance[g, h] -= common * n_risk[row, g] * n_risk[row, h]
        survival *= (n - d) / n
    return observed, expected, variance


def logrank(n_risk: Floats, events: Floats, rho: float, gamma: float) -> tuple[Floats, Floats, Floats]:
    """Weighted observed and expected events by group and their covariance, for one stratum.

    Weights S(t-)^rho (1 - S(t-))^gamma with the pooled Kaplan-Meier estimate; hypergeometric variance (Harrington and
    Fleming 1982, doi:10.1093/biomet/69.3.553). `n_risk` and `events` are (times, groups).
    """
    return _logrank(n_risk, events, rho, gamma)


@compiled
def _gray_score(n_risk, own, other, rho):  # type: ignore[no-untyped-def]
    n_times, n_groups = n_risk.shape
    score = np.zeros(n_groups)
    survival = np.ones((n_times + 1, n_groups))
    h = np.zeros((n_times, n_groups))
    common = np.zeros(n_times + 1)  # incidence under the hypothesis
    incidence = np.zeros(n_groups)
    for row in range(n_times):
        r_all, d_all, h_all = 0.0, 0.0, 0.0
        for g in range(n_groups):
            n = n_risk[row, g]
            survival[row + 1, g] = survival[row, g]
            if n > 0.0 and survival[row, g] > 0.0:
                h[row, g] = n / survival[row, g]
                left = n - own[row, g] - other[row, g]
                survival[row + 1, g] *= 0.0 if left <= 1e-12 * n else left / n
            h_all += h[row, g]
            r_all += h[row, g] * (1.0 - incidence[g])
            d_all += own[row, g]
        common[row + 1] = common[row]
        if d_all > 0.0:
            weight = (1.0 - common[row]) ** rho
            for g in range(n_groups):
                score[g] += weight * (own[row, g] - h[row, g] * (1.0 - incidence[g]) * d_all / r_all)
                if h[row, g] > 0.0:
                    incidence[g] += own[row, g] / h[row, g]
            common[row + 1] += d_all / h_all
    return score, survival, h, common


@compiled
def _tie_factor(d, n):  # type: ignore[no-untyped-def]
    return 1.0 - (d - 1.0) / (n - 1.0) if d > 1.0 else 1.0


@compiled
def _gray_covariance(n_risk, own, other, rho, survival, h, common):  # type: ignore[no-untyped-def]
    n_times, n_groups = n_risk.shape
    variance = np.zeros((n_groups, n_groups))
    tail = np.zeros((n_groups, n_groups))  # [k, r]: c_kr(end) - c_kr(u)
    a = np.zeros(n_groups)
    b = np.zeros(n_groups)
    d = np.zeros(n_groups)
    for row in range(n_times - 1, -1, -1):
        step = common[row + 1] - common[row]
        weight = (1.0 - common[row]) ** rho
        d_all = own[row].sum()
        h_all = h[row].sum()
        for r in range(n_groups):
            if h[row, r] <= 0.0:
                continue
            after = survival[row + 1, r]
            odds = (1.0 - common[row + 1]) / after if after > 0.0 else 0.0
            for k in range(n_groups):
                d[k] = weight * h[row, r] * ((1.0 if k == r else 0.0) - h[row, k] / h_all)
                a[k] = d[k] + ((1.0 - odds) * tail[k, r] if after > 0.0 else 0.0)
                b[k] = -odds * tail[k, r]
            v1, v2 = 0.0, 0.0
            if d_all > 0.0:
                v1 = step / h[row, r] * _tie_factor(d_all, h_all * survival[row, r])
            if other[row, r] > 0.0:
                v2 = other[row, r] / (h[row, r] * h[row, r]) * _tie_factor(other[row, r], n_risk[row, r])
            for k in range(n_groups):
                for m in range(n_groups):
                    variance[k, m] += v1 * a[k] * a[m] + v2 * b[k] * b[m]
                # with unequal follow-up the common incidence can pass 1, and cmprsk goes on; at 1 it has no hazard
                if abs(1.0 - common[row]) > 1e-12:
                    tail[k, r] += d[k] * step / (1.0 - common[row])
    return variance


def gray(n_risk: Floats, own: Floats, other: Floats, rho: float) -> tuple[Floats, Floats]:
    """Score vector and covariance of Gray's K-sample test for one stratum.

    With h_r = Y_r / S_r(t-), R_r = h_r (1 - F_r(t-)) and the common incidence dF_0 = sum(d_r) / sum(h_r):

        z_k = sum over t of L(t) [d_k - R_k sum(d) / sum(R)],   L = (1 - F_0(t-))^rho,
        V_kl = sum over r of  int a_kr a_lr h_r^-1 dF_0  +  int b_kr b_lr h_r^-2 dN_2r,
        d_kr = L h_r (1{k=r} - h_k / sum(h)),   c_kr(t) = int_0^t d_kr dF_0 / (1 - F_0-),
        b_kr = -(1 - F_0) / S_r [c_kr(end) - c_kr(t)],   a_kr = d_kr + b_kr + c_kr(end) - c_kr(t),

    with the factor 1 - (d - 1) / (n - 1) at tied times: for the cause compared d counts all groups and n is sum(h) S_r, for
    the competing events d and n are those of group r (Gray 1988, doi:10.1214/aos/1176350951). `n_risk`, `own`, `other`
    are (times, groups); `other` counts all competing events.
    """
    score, survival, h, common = _gray_score(n_risk, own, other, rho)
    return score, _gray_covariance(n_risk, own, other, rho, survival, h, common)
