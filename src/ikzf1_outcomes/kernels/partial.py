"""Cox's partial likelihood over strata, with Efron's or Breslow's ties: value, score, information, residuals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats, Integers, Positions, RowOrder

CHUNK = 1 << 12
FARTHEST = 300.0
"""Log relative hazard beyond which every probability is 0 or 1, and squares would overflow."""
KEPT = 1e-3
"""Share of a sum below which what is left after subtractions is summed anew."""


class Layout(NamedTuple):
    """Rows by stratum, then by time: every sweep reads memory in order."""

    where: Positions
    """Position among the kept rows, in the endpoint's order, of each place (n)."""
    start: Positions
    """First place of each stratum, and the end (strata + 1)."""
    rank: Integers
    """Rank of each row's time (n)."""
    first: Integers
    """First rank at which each row is at risk (n)."""
    late: Positions
    """Places with `first` > 0, by stratum, then by `first`."""
    late_start: Positions
    """First of `late` in each stratum, and the end (strata + 1)."""
    event: np.ndarray
    weight: Floats
    offset: Floats
    x: Floats


def lay_out(
    rows: RowOrder,
    event: np.ndarray,
    weight: Floats,
    x: Floats,
    *,
    keep: np.ndarray | None = None,
    strata: Integers | None = None,
    offset: Floats | None = None,
) -> Layout:
    """Sort rows by stratum and time, once for all sweeps of a fit.

    Parameters
    ----------
    rows
        The sort of all rows of an endpoint.
    event, weight, x
        Whether each row that is kept ends with the event (m), its weight (m), its covariates (m, p).
    keep
        Rows of the endpoint that are analysed (n); None keeps all. The sort of all serves for a part.
    strata
        Stratum code of each kept row, 0 upwards (m); None is one stratum.
    offset
        Part of the linear predictor with coefficient 1 (m).
    """
    order, late_rows, rank, first = rows.order, rows.late, rows.rank, rows.first
    if keep is not None and not keep.all():
        place_of = np.cumsum(keep) - 1
        order, late_rows = (place_of[some[keep[some]]] for some in (order, late_rows))
        rank, first = rank[keep], first[keep]
    m = len(order)
    code = np.zeros(m, dtype=np.intp) if strata is None else strata
    where = order if strata is None else order[np.argsort(code[order], kind="stable")]
    late = late_rows if strata is None else late_rows[np.argsort(code[late_rows], kind="stable")]
    place = np.empty(m, dtype=np.intp)
    place[where] = np.arange(m)
    k = int(code.max()) + 1 if m else 1
    start, late_start = (np.r_[0, np.cumsum(np.bincount(c, minlength=k))] for c in (code, code[late]))
    shift = np.zeros(m) if offset is None else offset
    parts = (a.take(where, axis=0) for a in (rank, first, event, weight, shift, x))
    rank, first, event, weight, shift, x = parts
    made = Layout(where, start, rank, first, place[late], late_start, event, weight.astype(np.float64), shift, x)
    for array in made:  # a fit holds on to them; kernels then always see the same kind of array
        array.setflags(write=False)
    return made


@compiled
def _rebuild(begin, end, first, j, risk, x, s1):  # type: ignore[no-untyped-def]
    """Sums of a risk set from its rows: where most of it was taken out, only rounding is left of the differences."""
    s0 = 0.0
    s1[:] = 0.0
    for i in range(begin, end):
        if first[i] <= j:
            s0 += risk[i]
            for a in range(x.shape[1]):
                s1[a] += risk[i] * x[i, a]
    return s0


@compiled
def _sweep(start, rank, first, late, late_start, event, weight, risk, x, efron, room):  # type: ignore[no-untyped-def]
    """Backward pass of each stratum: risk sets at its event times, and what they add to value and information."""
    p = x.shape[1]
    at, hazard, tied, ends, means = room
    mixed = np.zeros((p, p))
    s1, d1 = np.zeros(p), np.zeros(p)
    value, used, ok = 0.0, 0, True
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
            while stop > start[g] and rank[stop - 1] == j:
                stop -= 1
                i = stop
                r = risk[i]
                s0 += r
                for a in range(p):
                    s1[a] += r * x[i, a]
                if event[i]:
                    if deaths == 0:
                        d1[:] = 0.0
                    deaths += 1
                    mass += weight[i]
                    d0 += r
                    for a in range(p):
                        d1[a] += r * x[i, a]
            if deaths == 0:
                continue
            up, low = 0.0, 0.0
            aa, ab, bb = 0.0, 0.0, 0.0
            for step in range(deaths if efron else 1):
                share = step / deaths
                w = mass / deaths if efron else mass
                total = s0 - share * d0
                if not total > 0.0:  # underflow, far from any maximum
                    ok = False
                    total = 1.0
                value -= w * np.log(total)
                each = 1.0 / total
                up += w * each
                low += share * w * each
                aa += w * each * each
                ab += share * w * each * each
                bb += share * share * w * each * each
            at[used], hazard[used], tied[used] = j, up, low
            scale = np.sqrt(aa)
            for a in range(p):
                means[used, a] = s1[a] * scale
            if deaths > 1 and efron:
                for a in range(p):
                    for b in range(a + 1):
                        mixed[a, b] += bb * d1[a] * d1[b] - ab * (s1[a] * d1[b] + d1[a] * s1[b])
            used += 1
        ends[g + 1] = used
    for a in range(p):
        for b in range(a):
            mixed[b, a] = mixed[a, b]
    return value, ok, mixed


@compiled
def _first_after(at, end, size, first):  # type: ignore[no-untyped-def]
    """How many of the event times of a stratum come before a rank; `at` runs backwards in time."""
    lo, hi = 0, size
    while lo < hi:
        mid = (lo + hi) // 2
        if at[end - 1 - mid] < first:
            lo = mid + 1
        else:
            hi = mid
    return lo


@compiled
def _exposure(start, rank, first, event, room, out):  # type: ignore[no-untyped-def]
    """Hazard that each row was exposed to between its entry and its end."""
    at, hazard, tied, ends, _ = room
    for g in range(len(start) - 1):
        size = ends[g + 1] - ends[g]
        before, after = np.zeros(size + 1), np.zeros(size + 1)
        for q in range(size):
            before[q + 1] = before[q] + hazard[ends[g + 1] - 1 - q]
            after[size - 1 - q] = after[size - q] + hazard[ends[g] + q]
        done = 0
        for i in range(start[g], start[g + 1]):
            while done < size and at[ends[g + 1] - 1 - done] <= rank[i]:
                done += 1
            out[i] = before[done]
            if first[i] > 0:
                lo = _first_after(at, ends[g + 1], size, first[i])
                # of the two differences the one of smaller sums: the other may be nothing but rounding
                if after[lo] < before[done]:
                    out[i] = after[lo] - after[done]
                else:
                    out[i] = before[done] - before[lo]
            if event[i]:
                out[i] -= tied[ends[g + 1] - done]


class Maximum(NamedTuple):
    """Where Newton's method stopped, and where it started."""

    beta: Floats
    value: float
    score: Floats
    information: Floats
    value_null: float
    score_null: Floats
    information_null: Floats
    iterations: int
    converged: bool
    step: Floats
    """The Newton step that was left: next to nothing at a maximum, of order 1 where the likelihood only flattens out."""


class Room(NamedTuple):
    """Memory that every sweep of a fit writes into: asking the system for it anew costs more than the sweep."""

    at: Integers
    """Rank of each event time, by stratum, descending."""
    hazard: Floats
    """What the time adds to the hazard of those at risk."""
    tied: Floats
    """What of that its own events are spared."""
    ends: Integers
    """First event time of each stratum in these arrays, and the end (strata + 1)."""
    means: Floats
    """Covariates' means over the risk set, scaled so that their squares add up in the information."""


def make_room(layout: Layout) -> Room:
    """Memory for the event times of a layout."""
    stratum = np.repeat(np.arange(len(layout.start) - 1), np.diff(layout.start))[layout.event]
    rank = layout.rank[layout.event]
    new = np.ones(len(rank), dtype=bool)
    new[1:] = (np.diff(rank) != 0) | (np.diff(stratum) != 0)
    size, p = int(new.sum()), layout.x.shape[1]
    ends = np.zeros(len(layout.start), dtype=np.int64)
    return Room(np.empty(size, dtype=np.int64), np.empty(size), np.empty(size), ends, np.empty((size, p)))


def linear_predictor(layout: Layout, beta: Floats) -> tuple[Floats, Floats, Floats]:
    """The linear predictor of each row, its largest in each stratum, and the risk of each row relative to that."""
    eta = layout.x @ beta + layout.offset
    size = np.diff(layout.start)
    filled = size > 0
    top = np.zeros(len(size))
    top[filled] = np.maximum.reduceat(eta, layout.start[:-1][filled]) if len(eta) else 0.0
    lead = top[0] if len(top) == 1 else np.repeat(top, size)
    return eta - lead, top, layout.weight * np.exp(eta - lead)


def relative_hazard(eta: Floats) -> Floats:
    """e^eta of patients to be predicted, held where its square is a number."""
    return np.asarray(np.exp(np.clip(eta, -FARTHEST, FARTHEST)))


def gram(x: Floats, weight: Floats) -> Floats:
    """X' diag(weight) X for weights of 0 or more, which rounding may have put below 0; in pieces that stay in the cache."""
    out = np.zeros((x.shape[1], x.shape[1]))
    root, room = np.sqrt(np.maximum(weight, 0.0)), np.empty((min(CHUNK, len(x)), x.shape[1]))
    for begin in range(0, len(x), CHUNK):
        piece = x[begin : begin + CHUNK]
        half = np.multiply(piece, root[begin : begin + CHUNK, None], out=room[: len(piece)])
        out += half.T @ half  # a product with itself costs half of one with another
    return out


def partial_likelihood(layout: Layout, ties: str = "efron") -> Callable[[Floats], tuple]:
    r"""The partial likelihood as a function of the coefficients: value, score, information.

    Efron (1977, doi:10.1080/01621459.1977.10480613): the l-th of m tied events sees the risk set less l / m of the tied
    events; weighted events each carry the mean weight of the tied, as in R's `coxph`. Breslow: each sees the whole set.

    With r the weighted risks, S0 and S1 their sums over a risk set, D0 and D1 over its events, T_l = S0 - (l/m) D0, and
    w the mean weight of the events: a time adds A = sum w / T_l to the hazard that the risk set is exposed to, and
    B = sum (l/m) w / T_l less to its own events. With the exposure c of each row

    .. math:: U = \sum_i (w_i \delta_i - r_i c_i) x_i, \qquad
              I = X' diag(r c) X - \sum_l w\, \bar x_l \bar x_l'

    so that one pass over the rows and two products of matrices give all: O(n p^2).
    """

    room, exposure, efron = make_room(layout), np.empty(len(layout.rank)), ties == "efron"
    died = layout.weight * layout.event
    p = layout.x.shape[1]
    sets = (layout.start, layout.rank, layout.first, layout.late, layout.late_start, layout.event)

    def evaluate(beta: Floats) -> tuple:
        eta, _, risk = linear_predictor(layout, beta)
        value, ok, mixed = _sweep(*sets, layout.weight, risk, layout.x, efron, room)
        if not ok or not np.isfinite(value):
            return -np.inf, np.zeros(p), np.zeros((p, p))
        _exposure(layout.start, layout.rank, layout.first, layout.event, room, exposure)
        seen = risk * exposure
        with np.errstate(invalid="ignore", over="ignore"):  # far from any maximum: checked next
            information = gram(layout.x, seen) - room.means.T @ room.means - mixed
        if not np.isfinite(information).all():
            return -np.inf, np.zeros(p), np.zeros((p, p))
        return value + float(died @ eta), (died - seen) @ layout.x, information

    return evaluate


def newton(evaluate: Callable[[Floats], tuple], p: int, *, tolerance: float = 1e-10, most: int = 100) -> Maximum:
    """Maximise by Newton's method from 0 with halved steps.

    Converged when the Newton decrement U' I^-1 U falls below `tolerance` squared, far inside R's stop. Where the
    information becomes singular on the way, or `most` steps do not suffice, `converged` is false and the result is where it
    stopped.
    """
    beta = np.zeros(p)
    value, score, information = start = evaluate(beta)
    null = {"value_null": start[0], "score_null": start[1], "information_null": start[2]}
    converged, iteration, step = False, 0, np.zeros(p)
    while iteration < most:
        try:
            step = np.linalg.solve(information, score)
        except np.linalg.LinAlgError:
            break
        decrement = float(score @ step)
        if decrement <= tolerance**2:
            converged = decrement > -1e-6
            break
        iteration += 1
        share = 1.0
        for _ in range(30):
            candidate = evaluate(beta + share * step)
            # near the maximum the gain drowns in rounding, and the full step is right
            if np.isfinite(candidate[0]) and candidate[0] >= value - 1e-10 * (1.0 + abs(value)):
                break
            share /= 2
        beta = beta + share * step
        value, score, information = candidate
    return Maximum(beta, value, score, information, **null, iterations=iteration, converged=converged, step=step)
