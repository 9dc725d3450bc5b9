"""One Cox model a feature, thousands at once: the same adjusters, rows, ties and risk sets, another last covariate.

The features of a block lie side by side in memory, so that one pass over the rows serves all of them and the inner loops
run over features. Packed triangles have the place u (u + 1) / 2 + v for v <= u; the feature comes last.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.partial import KEPT, Layout, _first_after, make_room
from ikzf1_outcomes.kernels.risk import Floats

CLOSE = 1e-20
"""Newton decrement at which a maximum is reached, as for a single model."""
MOST, HALVINGS = 15, 6
"""Steps of a feature, and halvings of a step, before it is left to the single model."""
CACHED = 1 << 16
"""Numbers that one block of risks may hold."""
FARTHEST = 700.0
"""A linear predictor farther from that of the adjusters' largest has no risk that can be written down."""
LOG2_E, LOG_2_HIGH, LOG_2_LOW = 1.4426950408889634, 6.93147180369123816490e-01, 1.90821492927058770002e-10
WHOLE = 6755399441055744.0


class FeatureMaxima(NamedTuple):
    """Where Newton's method stopped for each feature; the feature's own coefficient is the last."""

    beta: Floats
    """(features, p + 1)."""
    value: Floats
    """Log partial likelihood (features)."""
    information: Floats
    """(features, p + 1, p + 1)."""
    step: Floats
    """The Newton step that was left (features, p + 1)."""
    converged: np.ndarray
    """(features)."""
    score_start: Floats
    """Score of the feature at the fit of the adjusters alone (features)."""
    information_start: Floats
    """Information there (features, p + 1, p + 1)."""


@compiled
def _exponential(eta, room, out):  # type: ignore[no-untyped-def]
    """exp of many numbers between -700 and 700, to the last digit but one; unlike libm's it runs over several at once.

    eta = k log 2 + r with |r| < 0.35: the Taylor series of exp(r) to the 13th power, and k written into the exponent.
    """
    bits = room.view(np.int64)
    for j in range(len(eta)):
        # adding 1.5 * 2^52 rounds to a whole number, which then stands in the low bits
        room[j] = eta[j] * LOG2_E + WHOLE
        k = room[j] - WHOLE
        r = (eta[j] - k * LOG_2_HIGH) - k * LOG_2_LOW
        s = r * r
        a = (1.0 + r) + s * (0.5 + r / 6.0)
        b = (1.0 / 24.0 + r / 120.0) + s * (1.0 / 720.0 + r / 5040.0)
        c = (1.0 / 40320.0 + r / 362880.0) + s * (1.0 / 3628800.0 + r / 39916800.0)
        d = 1.0 / 479001600.0 + r / 6227020800.0
        out[j] = a + s * s * (b + s * s * (c + s * s * d))
    for j in range(len(eta)):
        bits[j] = (bits[j] << 52) + (1023 << 52)
    for j in range(len(eta)):
        out[j] *= room[j]


@compiled
def _risks(base, weight, event, a, x, beta, risk, value):  # type: ignore[no-untyped-def]
    """Risk of each row under each feature's model; the events' own predictors are added to the value."""
    n, m = x.shape
    p = a.shape[1]
    eta, room, largest = np.empty(m), np.empty(m), np.zeros(m)
    for i in range(n):
        for j in range(m):
            eta[j] = base[i] + beta[p, j] * x[i, j]
        for u in range(p):
            for j in range(m):
                eta[j] += beta[u, j] * a[i, u]
        if event[i]:
            for j in range(m):
                value[j] += weight[i] * eta[j]
        for j in range(m):
            largest[j] = max(largest[j], abs(eta[j]))
        _exponential(eta, room, risk[i])
        if weight[i] != 1.0:
            for j in range(m):
                risk[i, j] *= weight[i]
    for j in range(m):
        if not largest[j] < FARTHEST:
            value[j] = np.nan


@compiled
def _take(sums, a, x, risk, i, sign):  # type: ignore[no-untyped-def]
    """Add a row to the sums of a risk set, or take it out: the risks, then risk times each covariate."""
    p, m = a.shape[1], x.shape[1]
    for j in range(m):
        r = sign * risk[i, j]
        sums[0, j] += r
        sums[1 + p, j] += r * x[i, j]
    for u in range(p):
        c = sign * a[i, u]
        for j in range(m):
            sums[1 + u, j] += c * risk[i, j]


@compiled
def _at_event(sums, died, deaths, mass, efron, up, low, value, information):  # type: ignore[no-untyped-def]
    """What the events of one time add: steps of the hazard, value, and the part of the means in the information."""
    q, m = sums.shape[0] - 1, sums.shape[1]
    aa, ab, bb = np.zeros(m), np.zeros(m), np.zeros(m)
    up[:], low[:] = 0.0, 0.0
    for step in range(deaths if efron else 1):
        share = step / deaths
        w = mass / deaths if efron else mass
        for j in range(m):
            total = sums[0, j] - share * died[0, j]
            value[j] -= w * np.log(total)  # not a number where nothing is left: the caller sees it
            each = 1.0 / total
            up[j] += w * each
            low[j] += share * w * each
            aa[j] += w * each * each
            ab[j] += share * w * each * each
            bb[j] += share * share * w * each * each
    place = 0
    for u in range(1, q + 1):
        for v in range(1, u + 1):
            for j in range(m):
                information[place, j] -= aa[j] * sums[u, j] * sums[v, j]
            if deaths > 1 and efron:
                for j in range(m):
                    information[place, j] += ab[j] * (sums[u, j] * died[v, j] + died[u, j] * sums[v, j])
                    information[place, j] -= bb[j] * died[u, j] * died[v, j]
            place += 1


@compiled
def _backward(sets, a, x, risk, efron, at, ends, up, low, value, information):  # type: ignore[no-untyped-def]
    """Backward pass of each stratum over its risk sets; the events' times, by stratum, descending."""
    start, rank, first, late, late_start, event, weight = sets
    m, q = x.shape[1], a.shape[1] + 1
    sums, died, peak = np.zeros((1 + q, m)), np.zeros((1 + q, m)), np.zeros(m)
    used = 0
    for g in range(len(start) - 1):
        sums[:], peak[:] = 0.0, 0.0
        pointer, stop = late_start[g + 1] - 1, start[g + 1]
        while stop > start[g]:
            j, deaths, mass = rank[stop - 1], 0, 0.0
            if late_start[g + 1] > late_start[g]:
                peak = np.maximum(peak, sums[0])
                while pointer >= late_start[g] and first[late[pointer]] > j:
                    _take(sums, a, x, risk, late[pointer], -1.0)
                    pointer -= 1
                if (sums[0] < KEPT * peak).any():
                    # only rounding is left of differences: the sums are made anew
                    sums[:] = 0.0
                    for i in range(stop, start[g + 1]):
                        if first[i] <= j:
                            _take(sums, a, x, risk, i, 1.0)
                    peak[:] = sums[0]
            while stop > start[g] and rank[stop - 1] == j:
                stop -= 1
                _take(sums, a, x, risk, stop, 1.0)
                if event[stop]:
                    if deaths == 0:
                        died[:] = 0.0
                    deaths += 1
                    mass += weight[stop]
                    _take(died, a, x, risk, stop, 1.0)
            if deaths > 0:
                at[used] = j
                _at_event(sums, died, deaths, mass, efron, up[used], low[used], value, information)
                used += 1
        ends[g + 1] = used


@compiled
def _forward(sets, a, x, risk, at, ends, up, low, score, information):  # type: ignore[no-untyped-def]
    """Forward pass: from the hazard that each row was exposed to, the score and the rest of the information."""
    start, rank, first, _, _, event, weight = sets
    m, p = x.shape[1], a.shape[1]
    seen, exposed = np.empty(m), np.empty(m)
    for g in range(len(start) - 1):
        size = ends[g + 1] - ends[g]
        before, after = np.zeros((size + 1, m)), np.zeros((size + 1, m))
        for k in range(size):
            before[k + 1] = before[k] + up[ends[g + 1] - 1 - k]
            after[size - 1 - k] = after[size - k] + up[ends[g] + k]
        done = 0
        for i in range(start[g], start[g + 1]):
            while done < size and at[ends[g + 1] - 1 - done] <= rank[i]:
                done += 1
            if done == 0:
                continue
            exposed[:] = before[done]
            if first[i] > 0:
                lo = _first_after(at, ends[g + 1], size, first[i])
                for j in range(m):
                    # of the two differences the one of smaller sums: the other may be nothing but rounding
                    if after[lo, j] < before[done, j]:
                        exposed[j] = after[lo, j] - after[done, j]
                    else:
                        exposed[j] = before[done, j] - before[lo, j]
            dead = 0.0
            if event[i]:
                dead = weight[i]
                for j in range(m):
                    exposed[j] -= low[ends[g + 1] - done, j]
            for j in range(m):
                seen[j] = risk[i, j] * exposed[j]
                score[p, j] += (dead - seen[j]) * x[i, j]
            place = 0
            for u in range(p):
                for j in range(m):
                    score[u, j] += (dead - seen[j]) * a[i, u]
                for v in range(u + 1):
                    c = a[i, u] * a[i, v]
                    for j in range(m):
                        information[place, j] += c * seen[j]
                    place += 1
            for v in range(p):
                for j in range(m):
                    information[place, j] += a[i, v] * seen[j] * x[i, j]
                place += 1
            for j in range(m):
                information[place, j] += seen[j] * x[i, j] * x[i, j]


@compiled
def _evaluate(sets, base, a, x, beta, efron, n_times, width):  # type: ignore[no-untyped-def]
    """Value (m), score (q, m) and packed information (q (q + 1) / 2, m) of m features, block by block."""
    m, q = x.shape[1], a.shape[1] + 1
    value, score, information = np.zeros(m), np.zeros((q, m)), np.zeros((q * (q + 1) // 2, m))
    at, ends = np.zeros(n_times, dtype=np.int64), np.zeros(len(sets[0]), dtype=np.int64)
    for lo in range(0, m, width):
        hi = min(lo + width, m)
        block, own = np.ascontiguousarray(x[:, lo:hi]), np.ascontiguousarray(beta[:, lo:hi])
        risk = np.empty(block.shape)
        up, low = np.empty((n_times, hi - lo)), np.empty((n_times, hi - lo))
        worth, slope, bent = np.zeros(hi - lo), np.zeros((q, hi - lo)), np.zeros((information.shape[0], hi - lo))
        _risks(base, sets[6], sets[5], a, block, own, risk, worth)
        _backward(sets, a, block, risk, efron, at, ends, up, low, worth, bent)
        _forward(sets, a, block, risk, at, ends, up, low, slope, bent)
        value[lo:hi], score[:, lo:hi], information[:, lo:hi] = worth, slope, bent
    return value, score, information


class FeatureLikelihood:
    """The partial likelihoods of many features beside the same adjusters."""

    def __init__(self, layout: Layout, top: Floats, ties: str) -> None:
        """`layout` has the adjusters for covariates; `top` is their largest linear predictor in each stratum."""
        self.sets = (
            layout.start, layout.rank, layout.first, layout.late, layout.late_start, layout.event, layout.weight,
        )  # fmt: skip
        self.base = layout.offset - np.repeat(top, np.diff(layout.start))
        self.adjusters = np.ascontiguousarray(layout.x)
        self.efron, self.n_times = ties == "efron", len(make_room(layout).at)
        self.width = int(np.clip(CACHED // max(len(layout.rank), 1), 8, 256))

    def __call__(self, x: Floats, beta: Floats) -> tuple[Floats, Floats, Floats]:
        """Value (m), score (m, q) and information (m, q, q) at coefficients (m, q); -inf where they run over.

        `x` holds a column a feature, its rows as those of the layout (n, m).
        """
        value, score, packed = _evaluate(
            self.sets, self.base, self.adjusters, x, np.ascontiguousarray(beta.T), self.efron, self.n_times, self.width
        )
        q = beta.shape[1]
        information = np.empty((len(beta), q, q))
        u, v = np.tril_indices(q)
        information[:, u, v] = information[:, v, u] = packed.T
        fine = np.isfinite(value) & np.isfinite(packed).all(axis=0) & np.isfinite(score).all(axis=0)
        if not fine.all():
            value[~fine], score[:, ~fine], information[~fine] = -np.inf, 0.0, np.eye(q)
        return value, score.T, information


def newton_steps(information: Floats, score: Floats) -> Floats:
    """Newton's step of each feature; NaN where the information is singular."""
    try:
        return np.linalg.solve(information, score[..., None])[..., 0]
    except np.linalg.LinAlgError:
        out = np.full(score.shape, np.nan)
        for k in range(len(score)):
            try:
                out[k] = np.linalg.solve(information[k], score[k])
            except np.linalg.LinAlgError:
                continue
        return out


def maximise_features(
    likelihood: FeatureLikelihood, x: Floats, start: Floats, at_start: tuple | None = None
) -> FeatureMaxima:
    """Maximise the partial likelihood of the adjusters and one feature, for each feature.

    Newton's method from the fit of the adjusters alone, until the Newton decrement is below 1e-20. Features that have not
    come there after some steps are given back unconverged.

    Parameters
    ----------
    likelihood
        Of the adjusters, centred and of unit spread.
    x
        A column a feature, centred and of unit spread, rows as those of the layout (n, m).
    start
        Coefficients of the adjusters alone (p).
    at_start
        Value, score and information there, where they are known.
    """
    m, q = x.shape[1], len(start) + 1
    beta = np.tile(np.append(start, 0.0), (m, 1))
    value, score, information = likelihood(x, beta) if at_start is None else at_start
    first = (score[:, -1].copy(), information.copy())
    step, converged = np.full((m, q), np.nan), np.zeros(m, dtype=bool)
    active = np.flatnonzero(np.isfinite(value))
    for _ in range(MOST):
        step[active] = newton_steps(information[active], score[active])
        decrement = np.einsum("ij,ij->i", score[active], step[active])
        converged[active[(decrement <= CLOSE) & (decrement > -1e-6)]] = True
        # a decrement that is no number, or far below 0, has no maximum near
        active = active[decrement > CLOSE]
        if not len(active):
            break
        moving, share = active, 1.0
        for _ in range(HALVINGS):
            trial = beta[moving] + share * step[moving]
            found = likelihood(x if len(moving) == m else x[:, moving], trial)
            # near the maximum the gain drowns in rounding, and the full step is right
            good = found[0] >= value[moving] - 1e-10 * (1.0 + np.abs(value[moving]))
            kept = moving[good]
            beta[kept], value[kept], score[kept], information[kept] = trial[good], *(part[good] for part in found)
            moving, share = moving[~good], share / 2.0
            if not len(moving):
                break
        active = active[~np.isin(active, moving)] if len(moving) else active
    return FeatureMaxima(beta, value, information, step, converged, *first)
