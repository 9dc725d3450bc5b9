"""Residuals of a partial likelihood: what each row adds to the score, exact under ties."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.partial import KEPT, Layout, _first_after, _rebuild, linear_predictor, make_room
from ikzf1_outcomes.kernels.risk import Floats, Integers


@compiled
def _moments(start, rank, first, late, late_start, event, weight, risk, x, efron, at, sums):  # type: ignore[no-untyped-def]
    """Backward pass: at each event time of a stratum the sums that residuals need.

    `sums[k]`: A, B, sum w / T^2; then p each of the events' mean of the means, sum w mean / T, sum share w mean / T.
    """
    p = x.shape[1]
    ends = np.zeros(len(start), dtype=np.int64)
    s1, d1, mean = np.zeros(p), np.zeros(p), np.zeros(p)
    used = 0
    for g in range(len(start) - 1):
        s0, peak = 0.0, 0.0
        s1[:] = 0.0
        pointer, stop = late_start[g + 1] - 1, start[g + 1]
        while stop > start[g]:
            j = rank[stop - 1]
            peak = max(peak, s0)
            while pointer >= late_start[g] and first[late[pointer]] > j:
                i = late[pointer]
                s0 -= risk[i]
                for a in range(p):
                    s1[a] -= risk[i] * x[i, a]
                pointer -= 1
            if s0 < KEPT * peak:
                s0 = _rebuild(stop, start[g + 1], first, j, risk, x, s1)
                peak = s0
            deaths, mass, d0 = 0, 0.0, 0.0
            d1[:] = 0.0
            while stop > start[g] and rank[stop - 1] == j:
                stop -= 1
                i = stop
                s0 += risk[i]
                for a in range(p):
                    s1[a] += risk[i] * x[i, a]
                if event[i]:
                    deaths += 1
                    mass += weight[i]
                    d0 += risk[i]
                    for a in range(p):
                        d1[a] += risk[i] * x[i, a]
            if deaths == 0:
                continue
            at[used] = j
            sums[used, :] = 0.0
            steps = deaths if efron else 1
            for step in range(steps):
                share = step / deaths
                w = mass / deaths if efron else mass
                total = s0 - share * d0
                sums[used, 0] += w / total
                sums[used, 1] += share * w / total
                sums[used, 2] += w / (total * total)
                for a in range(p):
                    mean[a] = (s1[a] - share * d1[a]) / total
                    sums[used, 3 + a] += mean[a] / steps
                    sums[used, 3 + p + a] += w * mean[a] / total
                    sums[used, 3 + 2 * p + a] += share * w * mean[a] / total
            used += 1
        ends[g + 1] = used
    return ends


@compiled
def _residuals(start, rank, first, event, eta_risk, x, at, sums, ends, score, martingale):  # type: ignore[no-untyped-def]
    """Forward pass: score residual (n, p) and martingale residual (n) of each row, per unit of weight."""
    p = x.shape[1]
    for g in range(len(start) - 1):
        size = ends[g + 1] - ends[g]
        total, rest = np.zeros((size + 1, 1 + p)), np.zeros((size + 1, 1 + p))
        for q in range(size):
            k, back = ends[g + 1] - 1 - q, ends[g] + q
            total[q + 1, 0] = total[q, 0] + sums[k, 0]
            rest[size - 1 - q, 0] = rest[size - q, 0] + sums[back, 0]
            for a in range(p):
                total[q + 1, 1 + a] = total[q, 1 + a] + sums[k, 3 + p + a]
                rest[size - 1 - q, 1 + a] = rest[size - q, 1 + a] + sums[back, 3 + p + a]
        done = 0
        for i in range(start[g], start[g + 1]):
            while done < size and at[ends[g + 1] - 1 - done] <= rank[i]:
                done += 1
            seen = total[done].copy()
            if first[i] > 0:
                lo = _first_after(at, ends[g + 1], size, first[i])
                # of the two differences the one of smaller sums: the other may be nothing but rounding
                seen = rest[lo] - rest[done] if rest[lo, 0] < total[done, 0] else total[done] - total[lo]
            k = ends[g + 1] - done
            dead = 1.0 if event[i] else 0.0
            spared = sums[k, 1] if event[i] else 0.0
            exposed = seen[0] - spared
            martingale[i] = dead - eta_risk[i] * exposed
            for a in range(p):
                pulled = seen[1 + a]
                if event[i]:
                    pulled -= sums[k, 3 + 2 * p + a]
                value = -eta_risk[i] * (x[i, a] * exposed - pulled)
                if event[i]:
                    value += x[i, a] - sums[k, 3 + a]
                score[i, a] = value


def moments(layout: Layout, risk: Floats, ties: str, at: Integers, sums: Floats) -> Integers:
    """Fill the sums of each event time; the first event time of each stratum, and the end."""
    rows = (layout.start, layout.rank, layout.first, layout.late, layout.late_start, layout.event, layout.weight)
    ends: Integers = _moments(*rows, risk, layout.x, ties == "efron", at, sums)
    return ends


class Baseline(NamedTuple):
    """What the event times add to the cumulative baseline hazard; rows by stratum, then by time."""

    stratum: Integers
    rank: Integers
    """Rank of the time."""
    step: Floats
    """Step of the cumulative hazard at covariates and offset 0."""
    variance: Floats
    """Step of its variance at known coefficients."""
    slope: Floats
    """Step times the mean of the covariates over the risk set (steps, p)."""


def baseline(layout: Layout, beta: Floats, ties: str = "efron") -> Baseline:
    r"""Steps of the baseline hazard with what their variance needs.

    With w / T_l what each of the tied events adds, the hazard of a patient with covariates x is the sum of
    exp(x'b) w / T_l, and its variance (Tsiatis 1981, recalled; R's `survfit.coxph`)

    .. math:: e^{2 x'b} \Big[ \sum w / T_l^2 + d' V d \Big], \qquad d = \sum (ar x_l - x) w / T_l
    """
    room = make_room(layout)
    p = layout.x.shape[1]
    _, top, risk = linear_predictor(layout, beta)
    sums = np.zeros((len(room.at) + 1, 3 + 3 * p))
    ends = moments(layout, risk, ties, room.at, sums)
    stratum = np.repeat(np.arange(len(top)), np.diff(ends))
    forward = np.lexsort((room.at, stratum))
    back = np.exp(-top[stratum])[forward]
    found = sums[:-1][forward]
    slope = found[:, 3 + p : 3 + 2 * p] * back[:, None]
    return Baseline(stratum[forward], room.at[forward], found[:, 0] * back, found[:, 2] * back**2, slope)


class Residuals(NamedTuple):
    """Residuals per unit of weight, in the order of the kept rows."""

    score: Floats
    """What the row adds to the score: dU / d weight (m, p)."""
    martingale: Floats
    """Event less expected events (m)."""


def residuals(layout: Layout, beta: Floats, ties: str = "efron") -> Residuals:
    r"""Score and martingale residuals of each row at given coefficients.

    The score residual is the derivative of the score by the row's case weight: for a row i at risk from its entry to its
    end, with tied events under Efron's rule each seeing T_l = S0 - (l/m) D0,

    .. math:: u_i = \delta_i (x_i - \tfrac1m \sum_l \bar x_l)
              - e^{\eta_i} \sum_{t: i \text{ at risk}} \sum_l
                (1 - [i \text{ dies at } t]\, l/m) \frac{w}{T_l} (x_i - \bar x_l)

    so that weight times u, summed over patients, is the score, and I^{-1} u w the infinitesimal jackknife, exact under
    ties.
    """
    room = make_room(layout)
    n, p = layout.x.shape
    eta, _, risk = linear_predictor(layout, beta)
    sums = np.zeros((len(room.at) + 1, 3 + 3 * p))
    ends = moments(layout, risk, ties, room.at, sums)
    rows = (layout.start, layout.rank, layout.first)
    score, martingale = np.empty((n, p)), np.empty(n)
    _residuals(*rows, layout.event, np.exp(eta), layout.x, room.at, sums, ends, score, martingale)
    out_score, out_martingale = np.empty_like(score), np.empty_like(martingale)
    out_score[layout.where], out_martingale[layout.where] = score, martingale
    return Residuals(out_score, out_martingale)


def sandwich(score: Floats, weight: Floats, inverse: Floats, cluster: Integers | None) -> Floats:
    """Robust covariance: I^-1 (sum over clusters of their squared weighted score residuals) I^-1."""
    weighted = score * weight[:, None]
    if cluster is not None:
        codes, inverse_codes = np.unique(cluster, return_inverse=True)
        total = np.zeros((len(codes), score.shape[1]))
        np.add.at(total, inverse_codes, weighted)
        weighted = total
    dfbeta = weighted @ inverse
    out: Floats = dfbeta.T @ dfbeta
    return out
