"""Shared gamma frailty: the partial likelihood penalised by the clusters' log frailties, and its marginal likelihood."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, gammaln

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.partial import KEPT, Layout, _exposure, _rebuild, _sweep, gram, linear_predictor, make_room
from ikzf1_outcomes.kernels.risk import Floats, Integers

WHOLE = 100
"""Clusters up to which the steps use the whole matrix of second derivatives; beyond, its diagonal among the clusters."""
PATIENCE, MOST = 200, 2000
"""Steps by the diagonal after which the whole matrix is used, and steps in all."""
AFFORDED = 4000
"""Clusters up to which it can be."""
HALF_LOG_TWO_PI = 0.5 * float(np.log(2.0 * np.pi))


@compiled
def _settle(j, s, seen, total, pull, diagonal, cross):  # type: ignore[no-untyped-def]
    """Book what a cluster's unchanged sum of risks has met since it was last booked."""
    diagonal[j] += s[j] * s[j] * (total - seen[j, 0])
    seen[j, 0] = total
    for a in range(len(pull)):
        cross[j, a] += s[j] * (pull[a] - seen[j, 1 + a])
        seen[j, 1 + a] = pull[a]


@compiled
def _shares(start, rank, first, late, late_start, event, weight, risk, x, group, efron, diagonal, cross, whole):  # type: ignore[no-untyped-def]
    """Backward pass: sums over the events of w p p' and w p xbar', p the clusters' shares of the risk set.

    Of p p' the diagonal; all of it where `whole` has room. A cluster is booked when its part of the risk set changes, so
    that the pass takes O(n p) whatever the number of clusters.
    """
    p, clusters = x.shape[1], len(diagonal)
    s, d, seen = np.zeros(clusters), np.zeros(clusters), np.zeros((clusters, 1 + p))
    s1, d1, pull, shared = np.zeros(p), np.zeros(p), np.zeros(p), np.zeros(p)
    total = 0.0
    for g in range(len(start) - 1):
        s0, peak = 0.0, 0.0
        s1[:] = 0.0
        pointer, stop = late_start[g + 1] - 1, start[g + 1]
        while stop > start[g]:
            j = rank[stop - 1]
            peak = max(peak, s0)
            while pointer >= late_start[g] and first[late[pointer]] > j:
                i = late[pointer]
                _settle(group[i], s, seen, total, pull, diagonal, cross)
                s[group[i]] -= risk[i]
                s0 -= risk[i]
                for a in range(p):
                    s1[a] -= risk[i] * x[i, a]
                pointer -= 1
            if s0 < KEPT * peak:
                s0 = _rebuild(stop, start[g + 1], first, j, risk, x, s1)
                peak = s0
                for k in range(clusters):
                    _settle(k, s, seen, total, pull, diagonal, cross)
                s[:] = 0.0
                for i in range(stop, start[g + 1]):
                    if first[i] <= j:
                        s[group[i]] += risk[i]
            end, deaths, mass, d0 = stop, 0, 0.0, 0.0
            while stop > start[g] and rank[stop - 1] == j:
                stop -= 1
                i = stop
                _settle(group[i], s, seen, total, pull, diagonal, cross)
                s[group[i]] += risk[i]
                s0 += risk[i]
                for a in range(p):
                    s1[a] += risk[i] * x[i, a]
                if event[i]:
                    if deaths == 0:
                        d1[:] = 0.0
                    deaths += 1
                    mass += weight[i]
                    d0 += risk[i]
                    d[group[i]] += risk[i]
                    for a in range(p):
                        d1[a] += risk[i] * x[i, a]
            if deaths == 0:
                continue
            once, twice = 0.0, 0.0
            shared[:] = 0.0
            for step in range(deaths if efron else 1):
                share = step / deaths
                w = mass / deaths if efron else mass
                left = s0 - share * d0
                each = w / (left * left)
                total += each
                once += share * each
                twice += share * share * each
                for a in range(p):
                    mean = (s1[a] - share * d1[a]) * each
                    pull[a] += mean
                    shared[a] += share * mean
                if len(whole):
                    for k in range(clusters):
                        for m in range(k + 1):
                            whole[k, m] += each * (s[k] - share * d[k]) * (s[m] - share * d[m])
            for i in range(stop, end):
                k = group[i]
                if event[i] and d[k] > 0.0:
                    diagonal[k] += twice * d[k] * d[k] - 2.0 * once * s[k] * d[k]
                    for a in range(p):
                        cross[k, a] -= d[k] * shared[a]
                    d[k] = 0.0
        for k in range(clusters):
            _settle(k, s, seen, total, pull, diagonal, cross)
        s[:] = 0.0


@compiled
def _sums(group, seen, x, out):  # type: ignore[no-untyped-def]
    """Sums over the rows of each cluster of their expected events times their covariates."""
    for i in range(len(group)):
        for a in range(x.shape[1]):
            out[group[i], a] += seen[i] * x[i, a]


class Curvature(NamedTuple):
    """The penalised partial likelihood at one place, with its derivatives by coefficients (p) and log frailties (G)."""

    value: float
    """Penalised; without the penalty `partial`."""
    partial: float
    score: Floats
    score_frailty: Floats
    information: Floats
    cross: Floats
    """Information between clusters and coefficients (G, p)."""
    diagonal: Floats
    """Information of each log frailty (G)."""
    whole: Floats
    """Information among the clusters (G, G), or (0, 0)."""


class Clustered(NamedTuple):
    """Rows by stratum and time with the cluster of each, and the events of each cluster."""

    layout: Layout
    group: Integers
    """Cluster of each place of the layout, 0 to G - 1; each has a row."""
    events: Floats
    """Weighted events of each cluster (G)."""
    efron: bool


def clustered(layout: Layout, group: Integers, ties: str) -> Clustered:
    """Put the clusters (0 to G - 1, of the kept rows in the endpoint's order) beside the rows of a layout."""
    own = np.ascontiguousarray(group[layout.where]).astype(np.intp)
    events = np.bincount(own, layout.weight * layout.event)
    return Clustered(layout, own, events, ties == "efron")


def curvature(rows: Clustered, beta: Floats, frailty: Floats, theta: float, *, whole: bool = False) -> Curvature:
    r"""The penalised partial likelihood and its derivatives at coefficients b and log frailties w.

    .. math:: l(b, w) + \frac1\theta \sum_j (w_j - e^{w_j} + 1)

    with l the partial likelihood in which the linear predictor of a row of cluster j is x'b + offset + w_j. The value is
    minus infinity where it cannot be computed.
    """
    bare, group = rows.layout, rows.group
    layout = bare._replace(offset=bare.offset + frailty[group])
    clusters, p = len(frailty), layout.x.shape[1]
    sets = (layout.start, layout.rank, layout.first, layout.late, layout.late_start, layout.event, layout.weight)
    eta, _, risk = linear_predictor(layout, beta)
    room, exposure = make_room(layout), np.empty(len(group))
    value, ok, mixed = _sweep(*sets, risk, layout.x, rows.efron, room)
    _exposure(layout.start, layout.rank, layout.first, layout.event, room, exposure)
    died, seen = layout.weight * layout.event, risk * exposure
    diagonal, cross = np.zeros(clusters), np.zeros((clusters, p))
    dense = np.zeros((clusters, clusters) if whole else (0, 0))
    _shares(*sets, risk, layout.x, group, rows.efron, diagonal, cross, dense)
    expected, moved = np.bincount(group, seen, clusters), np.zeros((clusters, p))
    _sums(group, seen, layout.x, moved)
    risen = np.exp(frailty)
    partial = float(value + died @ eta)
    penalised = partial - float((np.expm1(frailty) - frailty).sum()) / theta
    own = expected + risen / theta
    return Curvature(
        penalised if ok and np.isfinite(penalised) else -np.inf,
        partial,
        (died - seen) @ layout.x,
        rows.events - expected - np.expm1(frailty) / theta,
        gram(layout.x, seen) - room.means.T @ room.means - mixed,
        moved - cross,
        own - diagonal,
        np.diag(own) - np.tril(dense) - np.tril(dense, -1).T if whole else dense,
    )


class Penalised(NamedTuple):
    """Maximum of the penalised partial likelihood at one variance of the frailty."""

    theta: float
    beta: Floats
    frailty: Floats
    """Log frailty of each cluster."""
    at: Curvature
    marginal: float
    """Log marginal likelihood, on the scale on which it is the partial likelihood at a variance of 0."""
    slope: float
    """Its derivative by 1 / theta, times minus one: of the sign of the derivative by theta."""
    iterations: int
    converged: bool


def steps_of(at: Curvature) -> tuple[Floats, Floats]:
    """The Newton step; with the diagonal among the clusters where not all of it was computed."""
    p = len(at.score)
    if len(at.whole):
        every = np.block([[at.information, at.cross.T], [at.cross, at.whole]])
        step = np.linalg.solve(every, np.r_[at.score, at.score_frailty])
        return step[:p], step[p:]
    weighed = at.cross / at.diagonal[:, None]
    by = np.linalg.solve(at.information - at.cross.T @ weighed, at.score - weighed.T @ at.score_frailty)
    return by, at.score_frailty / at.diagonal - weighed @ by


def maximise_at(
    rows: Clustered, theta: float, beta: Floats, frailty: Floats, *, tolerance: float = 1e-10, most: int = MOST
) -> Penalised:
    """Maximise the penalised partial likelihood at one variance of the frailty, from a given place.

    With many clusters the second derivatives between them are left out of the steps, which then go to the same maximum
    more slowly; the mean frailty, which is 1 at the maximum, is set to 1 after each. Where that takes too long, as it may
    with clusters nested in strata, the steps use them after all.
    """
    whole = len(frailty) <= WHOLE
    at, converged, iteration = curvature(rows, beta, frailty, theta, whole=whole), False, 0
    while iteration < most:
        try:
            by, away = steps_of(at)
        except np.linalg.LinAlgError:
            break
        decrement = float(at.score @ by + at.score_frailty @ away)
        if decrement <= tolerance**2:
            converged = decrement > -1e-6
            break
        iteration += 1
        if iteration == PATIENCE and not whole and len(frailty) <= AFFORDED:
            whole = True
            at = curvature(rows, beta, frailty, theta, whole=True)
            continue
        share = 1.0
        for _ in range(30):
            risen = frailty + share * away
            if not whole:
                risen = risen - np.log(np.mean(np.exp(risen)))
            moved = curvature(rows, beta + share * by, risen, theta, whole=whole)
            if moved.value >= at.value - 1e-10 * (1.0 + abs(at.value)):
                break
            share /= 2
        beta, frailty, at = beta + share * by, risen, moved
    return Penalised(
        theta, beta, frailty, at, at.value + correction(rows.events, theta), slope(rows.events, frailty, theta), iteration,
        converged,
    )  # fmt: skip


def stirling_rest(x: Floats | float) -> Floats:
    """log Gamma(x) less Stirling's formula (x - 1/2) log x - x + log(2 pi) / 2, without cancellation where x is large."""
    x = np.asarray(x, dtype=float)
    far = np.maximum(x, 30.0)
    square = far**-2
    series = (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680))) / far
    near = np.minimum(x, 30.0)
    exact = gammaln(near) - ((near - 0.5) * np.log(near) - near + HALF_LOG_TWO_PI)
    return np.where(x > 30.0, series, exact)


def digamma_rest(x: Floats | float) -> Floats:
    """digamma(x) - log(x), without cancellation where x is large."""
    x = np.asarray(x, dtype=float)
    far = np.maximum(x, 30.0)
    square = far**-2
    series = -0.5 / far - square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square / 240)))
    near = np.minimum(x, 30.0)
    return np.where(x > 30.0, series, digamma(near) - np.log(near))


def correction(events: Floats, theta: float) -> float:
    r"""What makes the penalised partial likelihood at its maximum the marginal likelihood of the frailty's variance.

    With v = 1 / theta and d the events of a cluster: the sum over clusters of
    v log v - (v + d) log(v + d) + log Gamma(v + d) - log Gamma(v) + d, written so that nothing cancels for a large v.
    """
    v = 1.0 / theta
    return float((stirling_rest(v + events) - stirling_rest(v) - 0.5 * np.log1p(theta * events)).sum())


def slope(events: Floats, frailty: Floats, theta: float) -> float:
    """Minus the derivative of the marginal likelihood by 1 / theta, at the maximum over all else."""
    v = 1.0 / theta
    return float((digamma_rest(v) - digamma_rest(v + events) + np.expm1(frailty) - frailty).sum())


def slope_at_zero(rows: Clustered, beta: Floats) -> float:
    """Derivative of the marginal likelihood by the variance at 0: half the sum over clusters of (d - H)^2 - d.

    d are the events of a cluster and H those expected, at the maximum without frailty.
    """
    at = curvature(rows, beta, np.zeros(len(rows.events)), 1.0)
    return 0.5 * float((at.score_frailty**2 - rows.events).sum())


NODES = (1e-3, 1e-2, 0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0)
"""Variances between which a maximum is looked for; further ones while it still rises."""
MOST_VARIANCE = 1e6


def estimate_variance(rows: Clustered, beta: Floats, value: float) -> Penalised | None:
    """Maximise the marginal likelihood over the variance of the frailty; None where that is 0.

    The derivative is followed over a grid of variances, from the maximum without frailty; where it turns from rising to
    falling its root is found by Brent's method (1973, recalled). Of several maxima the highest is taken, 0 among them.

    Parameters
    ----------
    rows
        Rows and clusters.
    beta, value
        Coefficients and log partial likelihood at the maximum without frailty.
    """
    tried: dict[float, Penalised] = {}

    def rising(theta: float) -> float:
        if theta == 0.0:
            return at_zero
        near = tried[min(tried, key=lambda other: abs(np.log(other / theta)))] if tried else None
        start = (beta, np.zeros(len(rows.events))) if near is None else (near.beta, near.frailty)
        tried[theta] = maximise_at(rows, theta, *start)
        return tried[theta].slope / theta**2

    at_zero = slope_at_zero(rows, beta)
    nodes = [0.0, *NODES]
    slopes = [rising(theta) for theta in nodes]
    while slopes[-1] > 0.0 and nodes[-1] < MOST_VARIANCE:
        nodes.append(10.0 * nodes[-1])
        slopes.append(rising(nodes[-1]))
    best: Penalised | None = None
    for low, high, before, after in zip(nodes[:-1], nodes[1:], slopes[:-1], slopes[1:], strict=True):
        if before > 0.0 >= after:
            root = float(brentq(rising, low, high, xtol=1e-14, rtol=1e-14))
            found = tried[root] if root in tried else maximise_at(rows, root, beta, np.zeros(len(rows.events)))
            if found.marginal > (value if best is None else best.marginal):
                best = found
    if slopes[-1] > 0.0 and tried[nodes[-1]].marginal > (value if best is None else best.marginal):
        best = tried[nodes[-1]]._replace(converged=False)
    return best and best._replace(iterations=sum(found.iterations for found in tried.values()))


def inverse_information(at: Curvature) -> tuple[Floats, Floats]:
    """Covariance of the coefficients and variances of the log frailties, the variance of the frailty taken as known.

    Inverse of the penalised information of both; where that among the clusters is not whole, of its diagonal there.
    """
    p, clusters = len(at.score), len(at.diagonal)
    if len(at.whole):
        every = np.linalg.inv(np.block([[at.information, at.cross.T], [at.cross, at.whole]]))
        return every[:p, :p], np.diag(every)[p:].copy()
    weighed = at.cross / at.diagonal[:, None]
    covariance = np.linalg.inv(at.information - at.cross.T @ weighed)
    return covariance, 1.0 / at.diagonal + np.einsum("gp,pq,gq->g", weighed, covariance, weighed).reshape(clusters)
