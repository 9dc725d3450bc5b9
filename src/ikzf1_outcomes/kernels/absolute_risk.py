"""From cause-specific hazards to risks, and how a risk moves with the baselines and the coefficients behind it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.partial import Layout, linear_predictor
from ikzf1_outcomes.kernels.residuals import Baseline, baseline
from ikzf1_outcomes.kernels.risk import Floats


class Hazards(NamedTuple):
    """Baseline hazards of K causes at the m event times of one stratum, at covariates 0."""

    times: Floats
    step: Floats
    """Steps of the cumulative hazards (m, K)."""
    variance: Floats
    """Steps of their variances at known coefficients (m, K)."""
    slope: tuple[Floats, ...]
    """Of each cause, step times the mean of its covariates over the risk set (m, p of the cause)."""


class Sensitivity(NamedTuple):
    """A quantity of each patient, and its derivatives."""

    value: Floats
    """(n)."""
    pull: Floats
    """By the steps of the baseline hazards (n, m, K)."""


def sensitivity(hazards: Hazards, relative: Floats, cause: int | None, reach: Floats) -> Sensitivity:
    r"""The sum of reach(u) dF(u) over the event times, with its derivatives by the steps of the baselines.

    With dH_k the patient's hazard steps (baseline times relative risk), dH their sum and S = exp(-H),

    .. math:: dF_k(u) = S(u-) \frac{1 - e^{-dH(u)}}{dH(u)} dH_k(u)

    so that S and the incidences add up to 1 exactly: within a step the hazards of the causes are constant. `reach` of 1 up
    to t gives the risk F_k(t); (tau - u)+ gives the time lost to the cause before tau. With o_jk the derivative of dF_k(u)
    by dH_j(u), the derivative of the sum by dH_j(u) is

    .. math:: reach(u) o_{jk}(u) - \sum_{w > u} reach(w) dF_k(w)

    Parameters
    ----------
    hazards
        Of one stratum.
    relative
        exp(x'b + offset) of each patient and cause (n, K).
    cause
        Position of the cause; None for any.
    reach
        (m).
    """
    steps = relative[:, None, :] * hazards.step
    total = steps.sum(axis=2)
    after = np.exp(-np.cumsum(total, axis=1))
    before = np.concatenate((np.ones((len(total), 1)), after[:, :-1]), axis=1)
    gone = -np.expm1(-total)
    if cause is None:
        fall, own = before * gone, after[:, :, None]
    else:
        # (1 - e^-T) / T and its derivative, by their series where the difference is all rounding
        small = total < 1e-4
        safe = np.where(small, 1.0, total)
        ratio = np.where(small, 1.0 - total / 2.0 + total**2 / 6.0, gone / safe)
        change = np.where(small, -0.5 + total / 3.0 - total**2 / 8.0, (np.exp(-safe) * safe + np.expm1(-safe)) / safe**2)
        fall = before * ratio * steps[:, :, cause]
        own = np.repeat((before * change * steps[:, :, cause])[:, :, None], steps.shape[2], axis=2)
        own[:, :, cause] += before * ratio
    reached = fall * reach
    value = reached.sum(axis=1)
    later = value[:, None] - np.cumsum(reached, axis=1)
    pull = (own * reach[:, None] - later[:, :, None]) * relative[:, None, :]
    pull[:, reach <= 0.0, :] = 0.0
    return Sensitivity(value, pull)


def by_coefficients(pull: Floats, x: Floats, step: Floats, slope: Floats) -> Floats:
    """Derivatives of each patient's quantity by the coefficients of one cause (n, p): the baseline moves with them."""
    out: Floats = x * (pull @ step)[:, None] - pull @ slope
    return out


def baseline_influence(layout: Layout, beta: Floats, ties: str, steps: Baseline, pull: Floats) -> Floats:
    r"""Derivative, by each row's case weight, of the sum of pull(u) dH0(u) at known coefficients (kept rows).

    With dH0(u) the sum over the tied events of w / T_l, w their mean weight, T_l = S0 - (l/m) D0, and r = exp(x'b): a row
    at risk lowers it by r times the sum of w / T_l^2, an event by the share (1 - l/m) of that only, and an event raises it
    by the mean of 1 / T_l.

    Parameters
    ----------
    layout, beta, ties
        Of the fit.
    steps
        Its baseline.
    pull
        One number an event time, in the order of `steps`.
    """
    _, top, risk = linear_predictor(layout, beta)
    stratum = np.repeat(np.arange(len(top)), np.diff(layout.start))
    size = int(layout.rank.max()) + 2
    key = steps.stratum * size + steps.rank
    own = np.searchsorted(key, stratum * size + layout.rank)
    dead = np.flatnonzero(layout.event)
    deaths = np.bincount(own[dead], minlength=len(key))
    mass = np.bincount(own[dead], layout.weight[dead], len(key))
    theirs = np.bincount(own[dead], risk[dead], len(key))
    whole = mass / (baseline(layout, beta, "breslow").step * np.exp(top[steps.stratum]))
    which = np.repeat(np.arange(len(key)), deaths if ties == "efron" else np.minimum(deaths, 1))
    first = np.searchsorted(which, np.arange(len(key)))
    share = (np.arange(len(which)) - first[which]) / deaths[which]
    each = (mass / (deaths if ties == "efron" else 1.0))[which]
    left = whole[which] - share * theirs[which]
    parts = (each / left / mass[which], each / left**2, share * each / left**2)
    raised, lowered, spared = (np.bincount(which, part, len(key)) for part in parts)
    back = np.exp(-top[steps.stratum])
    pulled = np.concatenate(([0.0], np.cumsum(pull * lowered * back)))
    upto = np.searchsorted(key, stratum * size + layout.rank, side="right")
    since = np.searchsorted(key, stratum * size + layout.first)
    relative = risk / layout.weight
    out = -relative * (pulled[upto] - pulled[since])
    at = own[dead]
    out[dead] += pull[at] * back[at] * (raised[at] + relative[dead] * spared[at])
    result = np.empty_like(out)
    result[layout.where] = out
    return result
