"""Sums over Fine and Gray's weighted risk sets, pattern by pattern."""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled


@compiled
def lifted(lead, slope, moved, top, out):  # type: ignore[no-untyped-def]
    """exp(linear predictor) of the leading row of a pattern at each event time, relative to the top."""
    for e in range(len(top)):
        value = lead - top[e]
        for a in range(len(slope)):
            value += slope[a] * moved[e, a]
        out[e] = np.exp(value)


@compiled
def tops(lead, slope, moved, out):  # type: ignore[no-untyped-def]
    """The largest linear predictor of any pattern at each event time."""
    out[:] = -np.inf
    for k in range(len(lead)):
        for e in range(len(out)):
            value = lead[k]
            for a in range(slope.shape[1]):
                value += slope[k, a] * moved[e, a]
            if value > out[e]:
                out[e] = value


@compiled
def _late_sums(members, since, upto, r, x, tree):  # type: ignore[no-untyped-def]
    """Sums over the rows of a pattern that enter late: each is added to few nodes of a tree, nothing is subtracted."""
    size, p = len(tree) // 2, x.shape[1]
    tree[:] = 0.0
    for i in members:
        if since[i] > 0 and r[i] > 0.0:
            low, high = since[i] + size, upto[i] + size
            while low < high:
                if low & 1:
                    tree[low, p] += r[i]
                    for a in range(p):
                        tree[low, a] += r[i] * x[i, a]
                    low += 1
                if high & 1:
                    high -= 1
                    tree[high, p] += r[i]
                    for a in range(p):
                        tree[high, a] += r[i] * x[i, a]
                low >>= 1
                high >>= 1
    for node in range(1, size):
        for a in range(p + 1):
            tree[2 * node, a] += tree[node, a]
            tree[2 * node + 1, a] += tree[node, a]


@compiled
def pattern_sums(order, start, group, since, upto, kept_on, later, epoch, r, x, lead, slope, moved, top, delayed):  # type: ignore[no-untyped-def]
    """Sums of the weighted relative hazards r, and of r x, over the risk set at each event time (e) and (e, p)."""
    events = len(top)
    p = x.shape[1]
    s0, s1, lift = np.zeros(events), np.zeros((events, p)), np.empty(events)
    here1 = np.zeros(p)
    tree = np.zeros((2 * events if delayed else 2, p + 1))
    for k in range(len(lead)):
        begin, end, g = start[k], start[k + 1], group[k]
        if begin == end or lead[k] == -np.inf:
            continue
        lifted(lead[k], slope[k], moved, top, lift)
        if delayed:
            _late_sums(order[begin:end], since, upto, r, x, tree)
            for e in range(events):
                s0[e] += lift[e] * tree[events + e, p]
                for a in range(p):
                    s1[e, a] += lift[e] * tree[events + e, a]
        here0 = 0.0
        here1[:] = 0.0
        place = end - 1
        for e in range(min(upto[order[end - 1]], events) - 1, -1, -1):
            while place >= begin and upto[order[place]] > e:
                i = order[place]
                if since[i] == 0:
                    here0 += r[i]
                    for a in range(p):
                        here1[a] += r[i] * x[i, a]
                place -= 1
            s0[e] += lift[e] * here0
            for a in range(p):
                s1[e, a] += lift[e] * here1[a]
        here0 = 0.0
        here1[:] = 0.0
        place, any_kept = begin, False
        for e in range(upto[order[begin]], events):
            if any_kept and epoch[g, e] != epoch[g, e - 1]:
                here0 = 0.0
                here1[:] = 0.0
            while place < end and upto[order[place]] <= e:
                i = order[place]
                if kept_on[i] > 0.0:
                    any_kept = True
                    q = r[i] * kept_on[i]
                    here0 += q
                    for a in range(p):
                        here1[a] += q * x[i, a]
                place += 1
            if any_kept:
                c = lift[e] * later[g, e]
                s0[e] += c * here0
                for a in range(p):
                    s1[e, a] += c * here1[a]
    return s0, s1


@compiled
def _add_late(members, since, upto, lift, steps, out):  # type: ignore[no-untyped-def]
    """Sums of the steps from since to upto by a tree: before the entry of a row of great risk steps may dwarf its own."""
    size, columns = steps.shape
    tree = np.zeros((2 * size, columns))
    for e in range(size):
        for c in range(columns):
            tree[size + e, c] = lift[e] * steps[e, c]
    for node in range(size - 1, 0, -1):
        for c in range(columns):
            tree[node, c] = tree[2 * node, c] + tree[2 * node + 1, c]
    for i in members:
        if since[i] == 0:
            continue
        low, high = since[i] + size, upto[i] + size
        while low < high:
            if low & 1:
                for c in range(columns):
                    out[i, c] += tree[low, c]
                low += 1
            if high & 1:
                high -= 1
                for c in range(columns):
                    out[i, c] += tree[high, c]
            low >>= 1
            high >>= 1


@compiled
def pattern_exposures(  # type: ignore[no-untyped-def]
    order, start, group, since, upto, kept_on, later, epoch, lead, slope, moved, top, steps, out
):
    """Sums of the steps over the event times at which each row is at risk, times its weight and lift there: into out."""
    events, columns = steps.shape
    lift = np.empty(events)
    gone, waiting = np.zeros((events + 1, columns)), np.zeros((events + 1, columns))
    for k in range(len(lead)):
        begin, end, g = start[k], start[k + 1], group[k]
        if begin == end or lead[k] == -np.inf:
            continue
        lifted(lead[k], slope[k], moved, top, lift)
        kept = False
        for place in range(begin, end):
            kept |= kept_on[order[place]] > 0.0
        for e in range(min(upto[order[end - 1]], events)):
            for c in range(columns):
                gone[e + 1, c] = gone[e, c] + lift[e] * steps[e, c]
        if kept:
            for e in range(events - 1, -1, -1):
                on = e + 1 < events and epoch[g, e + 1] == epoch[g, e]
                share = lift[e] * later[g, e]
                for c in range(columns):
                    waiting[e, c] = share * steps[e, c] + (waiting[e + 1, c] if on else 0.0)
        late = False
        for place in range(begin, end):
            i = order[place]
            late |= since[i] > 0
            for c in range(columns):
                out[i, c] = kept_on[i] * waiting[upto[i], c]
                if since[i] == 0:
                    out[i, c] += gone[upto[i], c]
        if late:
            _add_late(order[begin:end], since, upto, lift, steps, out)
