"""Survival and incidences from piecewise constant hazards of several causes, averaged over covariate patterns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats, Integers

BLOCK = 16
"""Patterns whose pieces are worked out together."""
HIGHEST = 690.0
"""Of the log of a hazard, and of a hazard times the last time: exp(709) is the highest number."""


class Risks(NamedTuple):
    """Curves of each draw and group at the times."""

    survival: Floats
    """(draws, groups, m)."""
    incidence: Floats
    """(draws, causes, groups, m)."""
    lost: Floats
    """Time lost to each cause: the integral of its incidence from 0 to the time (draws, causes, groups, m)."""
    restricted: Floats
    """Restricted mean: the integral of the survival from 0 to the time (draws, groups, m)."""


class Pieces(NamedTuple):
    """Cuts and times as one grid that begins at 0: the hazards do not change within a piece."""

    width: Floats
    """(J)."""
    interval: Integers
    """Which interval each piece belongs to (J)."""
    place: Integers
    """How many pieces end at or before each time (m)."""


def merge(cuts: Floats, times: Floats) -> Pieces:
    """The pieces between 0 and the last time; cuts beyond it do not matter."""
    last = times.max(initial=0.0)
    ends = np.unique(np.concatenate((cuts[cuts < last], times[times > 0.0])))
    width = np.diff(ends, prepend=0.0)
    return Pieces(width, np.searchsorted(cuts, ends, side="left"), np.searchsorted(ends, times, side="right"))


@compiled
def _factors(size, x, keep, phi, psi):  # type: ignore[no-untyped-def]
    """e^-x, (1 - e^-x) / x and (x - 1 + e^-x) / x^2.

    For small x the last is its series, and the others follow from it by differences that keep their digits.
    """
    for i in range(size):
        v = -x[i]
        # up to v^16 / 18!: at 1 the next term is 8e-18
        last = 1 / 1307674368000 + v * (1 / 20922789888000 + v * (1 / 355687428096000 + v * (1 / 6402373705728000)))
        rest = 1 / 479001600 + v * (1 / 6227020800 + v * (1 / 87178291200 + v * last))
        rest = 1 / 5040 + v * (1 / 40320 + v * (1 / 362880 + v * (1 / 3628800 + v * (1 / 39916800 + v * rest))))
        psi[i] = 1 / 2 + v * (1 / 6 + v * (1 / 24 + v * (1 / 120 + v * (1 / 720 + v * rest))))
        phi[i] = 1.0 + v * psi[i]
        keep[i] = 1.0 + v * phi[i]
    for i in range(size):
        if x[i] > 1.0:
            keep[i] = np.exp(-x[i])
            phi[i] = (1.0 - keep[i]) / x[i]
            psi[i] = (1.0 - phi[i]) / x[i]


@compiled
def _walk(b, hazard, width, interval, keep, phi, psi, share, g, sums):  # type: ignore[no-untyped-def]
    """Add the curves of the b-th pattern of a block to those of group g; its `phi` and `psi` are used up.

    No slice is taken anywhere in here: taking one costs as much as a few pieces.
    """
    alive, restricted = 1.0, 0.0
    i = b * len(width)
    for j in range(len(width)):
        # the time lived in the piece, and what is lost in it per unit of hazard
        psi[i + j] *= alive * width[j] * width[j]
        phi[i + j] *= alive * width[j]
        alive *= keep[i + j]
        restricted += phi[i + j]
        sums[g, 0, j] += share * alive
        sums[g, 1, j] += share * restricted
    for c in range(hazard.shape[1]):
        incidence, lost = 0.0, 0.0
        for j in range(len(width)):
            h = hazard[b, c, interval[j]]
            lost += incidence * width[j] + h * psi[i + j]
            incidence += h * phi[i + j]
            sums[g, 2 + 2 * c, j] += share * incidence
            sums[g, 3 + 2 * c, j] += share * lost


@compiled
def _curves(base, top, effect, stratum, share, group, width, interval, place, found):  # type: ignore[no-untyped-def]
    survival, incidence, lost, restricted = found
    draws, causes, _, intervals = base.shape
    size, groups = len(width), survival.shape[1]
    hazard, total = np.empty((BLOCK, causes, intervals)), np.empty(intervals)
    x, keep, phi, psi = np.empty(BLOCK * size), np.empty(BLOCK * size), np.empty(BLOCK * size), np.empty(BLOCK * size)
    sums = np.empty((groups, 2 + 2 * causes, size))
    for d in range(draws):
        sums[:] = 0.0
        own = share[min(d, len(share) - 1)]
        for start in range(0, len(own), BLOCK):
            n = min(BLOCK, len(own) - start)
            for b in range(n):
                p = start + b
                s = stratum[p]
                total[:] = 0.0
                for c in range(causes):
                    relative = np.exp(effect[d, c, p] + top[d, c, s])
                    for k in range(intervals):
                        hazard[b, c, k] = relative * base[d, c, s, k]
                        total[k] += hazard[b, c, k]
                for j in range(size):
                    x[b * size + j] = total[interval[j]] * width[j]
            _factors(n * size, x, keep, phi, psi)
            for b in range(n):
                if own[start + b] > 0.0:
                    _walk(b, hazard, width, interval, keep, phi, psi, own[start + b], group[start + b], sums)
        for g in range(groups):
            for m in range(len(place)):
                j = place[m] - 1
                survival[d, g, m], restricted[d, g, m] = (sums[g, 0, j], sums[g, 1, j]) if j >= 0 else (1.0, 0.0)
                for c in range(causes):
                    incidence[d, c, g, m] = sums[g, 2 + 2 * c, j] if j >= 0 else 0.0
                    lost[d, c, g, m] = sums[g, 3 + 2 * c, j] if j >= 0 else 0.0


def _refuse(wrong: bool | np.bool_, problem: str, count: int | None = None) -> None:
    if wrong:
        raise InputError(problem, count=count)


def _check(
    level: Floats, effect: Floats, stratum: Integers, weight: Floats, group: Integers, cuts: Floats, times: Floats
) -> None:
    """Refuse what the compiled loops would read beyond its end, or turn into numbers without meaning."""
    _refuse(level.ndim != 4, "level is not of shape (draws, causes, strata, intervals)")
    flat = all(a.ndim == 1 for a in (stratum, group, cuts, times))
    _refuse(not flat, "stratum, group, cuts and times are not all of one dimension")
    _refuse(
        weight.ndim not in (1, 2) or (weight.ndim == 2 and len(weight) != level.shape[0]),
        "weight is not of shape (patterns) or (draws, patterns)",
    )
    patterns = len(stratum)
    _refuse(effect.shape != (*level.shape[:2], patterns), "effect is not of shape (draws, causes, patterns)")
    _refuse(not patterns == weight.shape[-1] == len(group), "stratum, weight and group differ in length")
    _refuse(len(cuts) != level.shape[3] - 1, "level has not one interval more than there are cuts")
    outside = int(((stratum < 0) | (stratum >= level.shape[2]) | (group < 0)).sum())
    _refuse(outside > 0, "a stratum or group code is out of range", outside)
    light = int((~((weight >= 0.0) & (weight < np.inf))).sum())
    _refuse(light > 0, "a weight is below 0 or not finite", light)
    ascend = np.isfinite(cuts).all() and (np.diff(cuts, prepend=0.0) > 0.0).all()
    _refuse(not ascend, "cuts must be finite, above 0 and ascend")
    ascend = np.isfinite(times).all() and (np.diff(times, prepend=0.0) >= 0.0).all()
    _refuse(not ascend, "times must be finite, not below 0, and ascend")
    odd = int((~(level < np.inf)).sum() + (~np.isfinite(effect)).sum())
    _refuse(odd > 0, "a log hazard is NaN or plus infinity, or a log hazard ratio is not finite", odd)


def piecewise_risks(
    level: Floats, effect: Floats, stratum: Integers, weight: Floats, group: Integers, cuts: Floats, times: Floats
) -> Risks:
    r"""Curves of piecewise constant, proportional hazards of several causes, standardised over patterns.

    Cause c has hazard :math:`h_c = e^{level + effect}` for a pattern in an interval. Over a piece of width w with total
    hazard h, survival :math:`S_0` and incidences :math:`F_{c0}` at its begin, and x = h w,

    .. math::
        S = S_0 e^{-x}, \quad \int S = S_0 w\,\varphi, \quad F_c = F_{c0} + h_c S_0 w\,\varphi, \quad
        \int F_c = F_{c0} w + h_c S_0 w^2 \psi, \qquad
        \varphi = \frac{1 - e^{-x}}{x}, \quad \psi = \frac{1 - \varphi}{x}

    with limits 1 and 1/2 where the hazard is 0: no division by it, and nothing cancels where it is small. Survival and
    incidences add up to 1, restricted mean and times lost to the time. The curves of a group are the means of those of its
    patterns by weight.

    One thread, without the interpreter's lock: a caller may share out the draws. Memory is that of the results.

    Parameters
    ----------
    level
        Log hazards of a pattern with effect 0, minus infinity for none (draws, causes, strata, intervals). The intervals
        are (0, c1], (c1, c2], ..., (c_last, infinity).
    effect
        Log hazard ratios (draws, causes, patterns).
    stratum
        Which levels hold for each pattern (patterns).
    weight
        0 or more, the same in all draws (patterns) or its own in each (draws, patterns).
    group
        Codes from 0 on (patterns). A group without weight has NaN.
    cuts
        Above 0, ascending (intervals - 1).
    times
        0 or more, ascending, ties allowed (m).

    Raises
    ------
    InputError
        Shapes that do not belong together, codes out of range, weights below 0, cuts or times that do not ascend, NaN,
        infinite hazards, also as the sum of the highest level and the highest effect of a cause.
    """
    level, effect, weight = (np.ascontiguousarray(a, dtype=float) for a in (level, effect, weight))
    cuts, times = (np.ascontiguousarray(a, dtype=float) for a in (cuts, times))
    stratum, group = (np.ascontiguousarray(a, dtype=np.int64) for a in (stratum, group))
    _check(level, effect, stratum, weight, group, cuts, times)
    draws, causes = level.shape[:2]
    # exponentials of levels and of effects apart are few, and with the highest level among the effects none overflows
    top = np.maximum(level.max(axis=3), np.finfo(float).min)
    pieces = merge(cuts, times)
    highest = top.max(axis=2, initial=-np.inf) + effect.max(axis=2, initial=-np.inf)
    beyond = highest + np.log(max(times.max(initial=0.0), 1.0)) > HIGHEST
    _refuse(beyond.any(), "the highest log hazard and log hazard ratio make a hazard beyond numbers", int(beyond.sum()))
    groups = int(group.max(initial=-1)) + 1
    rows = np.atleast_2d(weight)
    mass = rows @ (group[:, None] == np.arange(groups)).astype(float)
    share = rows / np.where(mass > 0.0, mass, 1.0)[:, group]
    without = np.broadcast_to(mass == 0.0, (draws, groups))
    shape, by_cause = (draws, groups, len(times)), (draws, causes, groups, len(times))
    found = Risks(np.empty(shape), np.empty(by_cause), np.empty(by_cause), np.empty(shape))
    base = np.exp(level - top[..., None])
    _curves(base, top, effect, stratum, share, group, *pieces, found)
    for curves in found:
        curves[without if curves.ndim == 3 else np.broadcast_to(without[:, None], curves.shape[:3])] = np.nan
    return found
