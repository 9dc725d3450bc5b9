"""What each row adds to the score of Fine and Gray: the middle of their sandwich."""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.kernels.subdistribution import RiskSets, exposures, functions_of
from ikzf1_outcomes.kernels.subdistribution_rows import Subdistribution
from ikzf1_outcomes.kernels.subdistribution_sums import lifted
from ikzf1_outcomes.kernels.subdistribution_weights import CENSORED, EVENT


@compiled
def _pulls(  # type: ignore[no-untyped-def]
    order, start, group, rank, upto, kept_on, later, epoch_later, event_rank, r, x, lead, slope, moved, top, of_time, code,
    ahead, grid, epoch, grid_start, wanted, after, out,
):  # fmt: skip
    events, p, functions = len(top), x.shape[1], of_time.shape[1]
    lift = np.empty(events)
    wait_x, wait_mean = np.zeros((events + 1, functions)), np.zeros((events + 1, p))
    past1 = np.zeros(p)
    for k in range(len(lead)):
        g = group[k]
        place, end = start[k], start[k + 1]
        while place < end and not (kept_on[order[place]] > 0.0 and r[order[place]] > 0.0):
            place += 1
        if place == end:
            continue
        lifted(lead[k], slope[k], moved, top, lift)
        for e in range(events - 1, -1, -1):
            on = 1.0 if e + 1 < events and epoch_later[g, e + 1] == epoch_later[g, e] else 0.0
            share = lift[e] * later[g, e]
            for c in range(functions):
                wait_x[e, c] = share * of_time[e, c] + on * wait_x[e + 1, c]
            for a in range(p):
                wait_mean[e, a] = share * ahead[e, a] + on * wait_mean[e + 1, a]
        past0, now, u = 0.0, -1, 0
        past1[:] = 0.0
        for j in range(grid_start[g], grid_start[g + 1]):
            v = grid[j]
            while place < end and (rank[order[place]] < v or (after and rank[order[place]] == v)):
                i = order[place]
                place += 1
                if not kept_on[i] > 0.0:
                    continue
                mine = np.searchsorted(grid[grid_start[g] : grid_start[g + 1]], rank[i])
                if epoch[grid_start[g] + mine] != now:
                    now = epoch[grid_start[g] + mine]
                    past0 = 0.0
                    past1[:] = 0.0
                past0 += r[i] * kept_on[i]
                for a in range(p):
                    past1[a] += r[i] * kept_on[i] * x[i, a]
            if not wanted[j] or now != epoch[j]:
                continue
            while u < events and (event_rank[u] < v or (after and event_rank[u] == v)):
                u += 1
            if u == events or epoch_later[g, u] != epoch[j]:
                continue
            for a in range(p):
                out[j, a] += past1[a] * wait_x[u, code[a]] - past0 * wait_mean[u, a]


def pulls(rows: Subdistribution, sets: RiskSets, wanted: np.ndarray, *, after: bool) -> Floats:
    """What a small growth of the weights, at a time of the grid, of earlier competing events takes off the score.

    q(v) = sum over competing rows j with T_j < v of the integral over t >= v of (x_j(t) - E(t)) w_j(t) exp(x_j(t)'b) dH(t);
    `after`: with T_j <= v and t > v. Only at the times that are wanted (grid, p).
    """
    kept, patterns = rows.censoring, rows.patterns
    functions, code = functions_of(rows.factor, len(rows.event_rank), rows.x.shape[1])
    out = np.zeros((len(kept.grid), rows.x.shape[1]))
    _pulls(
        patterns.order, patterns.start, patterns.stratum, rows.rank, rows.upto, rows.kept_on, kept.later, kept.epoch_later,
        rows.event_rank, rows.active * sets.relative, rows.x, sets.lead, sets.slope, patterns.moved, sets.top,
        sets.hazard[:, None] * functions, code, sets.hazard[:, None] * sets.mean, kept.grid, kept.epoch, kept.start, wanted,
        after, out,
    )  # fmt: skip
    return out


def score_residuals(rows: Subdistribution, sets: RiskSets, *, of_weights: bool = True) -> Floats:
    """What one copy of each row adds to the score, with what it adds by way of the estimated weights.

    The terms eta and psi of Fine and Gray (1999); rows in the order of `rows` (n, p). Without delayed entry psi is theirs
    word for word, which is that of R's `crr`: of a censoring at s it sees the competing events before s and the events of
    the cause at s or later. With delayed entry it is the derivative of the weights themselves by the case weight of the
    row: competing events at s count as before it, events of the cause do not, and who is at risk at s counts less those
    who are censored there.
    """
    functions, code = functions_of(rows.factor, len(rows.event_rank), rows.x.shape[1])
    steps = sets.hazard[:, None] * np.column_stack((sets.mean, functions))
    out = _of_hazard(rows.x, exposures(rows, sets, steps), sets.relative, code)
    died = np.flatnonzero(rows.kind == EVENT)
    at = rows.upto[died] - 1
    own = rows.x[died] if rows.factor is None else rows.x[died] * rows.factor[at]
    out[died] += own - sets.mean[at]
    if of_weights:
        add_censoring(rows, sets, out)
        if rows.delayed:
            add_entry(rows, sets, out)
    return np.asarray(out)


@compiled
def _of_hazard(x, through, relative, code):  # type: ignore[no-untyped-def]
    """What the rows take as members of the risk sets."""
    n, p = x.shape
    out = np.empty((n, p))
    for i in range(n):
        for a in range(p):
            out[i, a] = relative[i] * (through[i, a] - x[i, a] * through[i, p + code[a]])
    return out


def add_censoring(rows: Subdistribution, sets: RiskSets, out: Floats) -> None:
    """What each row adds to the score by way of the product over the censorings (n, p)."""
    kept = rows.censoring
    left = kept.not_censored if rows.delayed else kept.at_risk
    wanted = (kept.censored > 0) & (left > 0)
    each = _shared(pulls(rows, sets, wanted, after=rows.delayed), left)
    happened = np.where(rows.kind == CENSORED, kept.at_end, -1)
    _martingales(each, _rate(kept.censored, kept.at_risk), kept.start, happened, kept.at_entry, kept.at_end, 1.0, out)


def add_entry(rows: Subdistribution, sets: RiskSets, out: Floats) -> None:
    """The same by way of the product over the entries, which divides (n, p)."""
    kept = rows.censoring
    wanted = (kept.entered > 0) & (kept.not_entered > 0)
    each = _shared(pulls(rows, sets, wanted, after=False), kept.not_entered)
    _martingales(each, _rate(kept.entered, kept.at_risk), kept.start, kept.at_entry, kept.at_entry, kept.at_end, -1.0, out)


@compiled
def _martingales(each, rate, start, happened, entry, end, sign, out):  # type: ignore[no-untyped-def]
    """Adds what the rows did, less what was expected of them while they were under observation."""
    sums = np.empty(each.shape)
    p = each.shape[1]
    for g in range(len(start) - 1):
        for j in range(start[g], start[g + 1]):
            for a in range(p):
                sums[j, a] = each[j, a] * rate[j] + (sums[j - 1, a] if j > start[g] else 0.0)
    for i in range(len(end)):
        for a in range(p):
            value = -sums[end[i], a]
            if entry[i] >= 0:
                # the time of its entry counts
                value += sums[entry[i], a] - each[entry[i], a] * rate[entry[i]]
            if happened[i] >= 0:
                value += each[happened[i], a]
            out[i, a] += sign * value


def _rate(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _shared(pull: Floats, left: Floats) -> Floats:
    return np.divide(pull, left[:, None], out=np.zeros(pull.shape), where=left[:, None] > 0)
