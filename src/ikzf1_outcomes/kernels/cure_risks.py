"""Survival and incidences of causes of which each has a cured share, averaged over covariate patterns."""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.piecewise_risks import BLOCK, Risks, _factors, _walk
from ikzf1_outcomes.kernels.risk import Floats, Integers


@compiled
def _curves(latent, odds, stratum, share, group, width, place, found):  # type: ignore[no-untyped-def]
    survival, incidence, lost, restricted = found
    draws, causes, patterns = odds.shape
    size, groups = len(width), survival.shape[1]
    interval = np.arange(size)
    hazard, x = np.empty((BLOCK, causes, size)), np.empty(BLOCK * size)
    keep, phi, psi = np.empty(BLOCK * size), np.empty(BLOCK * size), np.empty(BLOCK * size)
    sums = np.empty((groups, 2 + 2 * causes, size))
    for d in range(draws):
        sums[:] = 0.0
        for start in range(0, patterns, BLOCK):
            n = min(BLOCK, patterns - start)
            for i in range(n * size):
                x[i] = 0.0
            for b in range(n):
                s = stratum[start + b]
                for c in range(causes):
                    v = odds[d, c, start + b]
                    # the shares, each without loss where it is small
                    e = np.exp(-abs(v))
                    uncured, cured = (1.0 / (1.0 + e), e / (1.0 + e)) if v > 0 else (e / (1.0 + e), 1.0 / (1.0 + e))
                    before = np.log(cured + uncured * latent[d, c, s, 0])
                    for j in range(size):
                        after = np.log(cured + uncured * latent[d, c, s, j + 1])
                        gone = max(before - after, 0.0)
                        x[b * size + j] += gone
                        hazard[b, c, j] = gone / width[j]
                        before = after
            _factors(n * size, x, keep, phi, psi)
            for b in range(n):
                if share[start + b] > 0.0:
                    _walk(b, hazard, width, interval, keep, phi, psi, share[start + b], group[start + b], sums)
        for g in range(groups):
            for m in range(len(place)):
                j = place[m] - 1
                survival[d, g, m], restricted[d, g, m] = (sums[g, 0, j], sums[g, 1, j]) if j >= 0 else (1.0, 0.0)
                for c in range(causes):
                    incidence[d, c, g, m] = sums[g, 2 + 2 * c, j] if j >= 0 else 0.0
                    lost[d, c, g, m] = sums[g, 3 + 2 * c, j] if j >= 0 else 0.0


def cure_risks(
    latent: Floats, odds: Floats, stratum: Integers, weight: Floats, group: Integers, ends: Floats, times: Floats
) -> Risks:
    r"""Curves of several causes of which each leaves a share without the event, standardised over patterns.

    Of cause c, with uncured share p of a pattern and survival of the uncured :math:`S_u`,

    .. math:: S_c(t) = 1 - p + p\,S_u(t), \qquad S = \prod_c S_c, \qquad
        F_c(t) = \int_0^t S\, d(-\log S_c)

    Within a piece the hazards -log S_c are taken as constant, with their exact integrals: survival is exact at the ends of
    the pieces, and survival and incidences add up to 1. The curves of a group are the means of those of its patterns.

    Parameters
    ----------
    latent
        Survival of the uncured at the begin of the first piece and at the end of each (draws, causes, strata, pieces + 1).
        Where it begins below 1 the patients are those who are there at that time.
    odds
        Log odds of not being cured of each cause (draws, causes, patterns).
    stratum, weight, group
        Of each pattern: which `latent` it has, 0 or more, codes from 0 on.
    ends
        Ends of the pieces, above 0, ascending (pieces).
    times
        Each one of the ends, or 0, ascending (m).

    Raises
    ------
    InputError
        Shapes that do not belong together, codes out of range, weights below 0, survival that is not between 0 and 1 or
        rises, odds that are not finite, times that are no ends.
    """
    latent, odds, weight, ends, times = (np.ascontiguousarray(a, dtype=float) for a in (latent, odds, weight, ends, times))
    stratum, group = (np.ascontiguousarray(a, dtype=np.int64) for a in (stratum, group))
    _check(latent, odds, stratum, weight, group, ends, times)
    draws, causes = odds.shape[:2]
    groups = int(group.max(initial=-1)) + 1
    mass = np.bincount(group, weight, groups)
    share = weight / np.where(mass > 0.0, mass, 1.0)[group]
    shape, by_cause = (draws, groups, len(times)), (draws, causes, groups, len(times))
    found = Risks(np.empty(shape), np.empty(by_cause), np.empty(by_cause), np.empty(shape))
    place = np.searchsorted(ends, times, side="right")
    _curves(latent, odds, stratum, share, group, np.diff(ends, prepend=0.0), place, found)
    for curves in found:
        curves[..., mass == 0.0, :] = np.nan
    return found


def _check(
    latent: Floats, odds: Floats, stratum: Integers, weight: Floats, group: Integers, ends: Floats, times: Floats
) -> None:
    """Refuse what the compiled loops would read beyond its end, or turn into numbers without meaning."""
    problem = ""
    if latent.ndim != 4 or odds.ndim != 3 or latent.shape[:2] != odds.shape[:2]:
        problem = "latent and odds differ in draws or causes"
    elif not len(stratum) == len(weight) == len(group) == odds.shape[2]:
        problem = "odds, stratum, weight and group differ in length"
    elif latent.shape[3] != len(ends) + 1:
        problem = "latent has not one time more than there are pieces"
    elif ((stratum < 0) | (stratum >= latent.shape[2]) | (group < 0)).any():
        problem = "a stratum or group code is out of range"
    elif not ((weight >= 0.0) & (weight < np.inf)).all():
        problem = "a weight is below 0 or not finite"
    elif not (np.isfinite(ends).all() and (np.diff(ends, prepend=0.0) > 0.0).all()):
        problem = "ends must be finite, above 0 and ascend"
    elif not (np.isin(times, np.append(ends, 0.0)).all() and (np.diff(times) >= 0.0).all()):
        problem = "times must be ends of pieces, and ascend"
    elif not ((latent >= 0.0) & (latent <= 1.0)).all() or (np.diff(latent, axis=3) > 0.0).any():
        problem = "survival of the uncured must lie between 0 and 1 and not rise"
    elif not np.isfinite(odds).all():
        problem = "log odds must be finite"
    if problem:
        raise InputError(problem)
