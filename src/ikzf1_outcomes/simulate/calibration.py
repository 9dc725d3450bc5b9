"""Incidences under piecewise-constant hazards in closed form, and hazards that give the outcomes asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.simulate.figures import Floats, Hazard
from ikzf1_outcomes.simulate.parameters import DAYS_PER_YEAR, DELETION, INDUCTION_DAYS, SimulationParameters

HORIZON = 5.0
"""Years from diagnosis at which the cohort is calibrated."""


class Calibration(NamedTuple):
    """What the root finding gives, by deletion code (NaN for a group with nobody).

    Relapse: h_i(t) = exp(intercept_d + x_i) h(t), x_i being the patient's log hazard ratio. Death in remission:
    scale_d times its relative rate.
    """

    intercept: Floats
    scale: Floats


def first_event_curves(factors: Sequence[Floats], hazards: Sequence[Hazard], years: Floats) -> tuple[Floats, list[Floats]]:
    """Survival and incidences under piecewise-constant cause-specific hazards, in closed form.

    With rates l_k on a piece of width w, l their sum and S the survival at its start, the incidence of k grows by
    S l_k / l (1 - exp(-l w)); where l = 0, by nothing.

    Parameters
    ----------
    factors
        For each cause what its hazard is multiplied by, one number a patient.
    hazards
        For each cause its hazard.
    years
        Times, rising.

    Returns
    -------
    tuple
        Survival (patients, times), and a list with the incidence of each cause (patients, times).

    Examples
    --------
    >>> import numpy as np
    >>> constant = [Hazard("a", (), (0.2,), "assumed"), Hazard("b", (), (0.1,), "assumed")]
    >>> survival, incidence = first_event_curves([np.ones(1), np.ones(1)], constant, np.array([5.0]))
    >>> [round(float(part[0, 0]), 4) for part in (survival, *incidence)]
    [0.2231, 0.5179, 0.259]
    """
    cuts = np.concatenate([np.asarray(hazard.cuts, dtype=float) for hazard in hazards])
    knots = np.unique(np.concatenate([[0.0], cuts[cuts < years[-1]], years]))
    width = np.diff(knots)
    middle = knots[:-1] + width / 2.0
    rates = [factor[:, None] * hazard.rate(middle) for factor, hazard in zip(factors, hazards, strict=True)]
    total = np.sum(rates, axis=0)
    spent = np.cumsum(total * width, axis=1)
    free = np.exp(-np.hstack([np.zeros((len(total), 1)), spent]))
    # -expm1 keeps its digits where the hazard is small; without a hazard the quotient has no meaning and its limit is w.
    stay = np.divide(-np.expm1(-total * width), total, out=np.broadcast_to(width, total.shape).copy(), where=total > 0)
    at = np.searchsorted(knots, years)
    grown = [np.cumsum(free[:, :-1] * rate * stay, axis=1) for rate in rates]
    return free[:, at], [np.hstack([np.zeros((len(total), 1)), part])[:, at] for part in grown]


def years_since_induction(at: Floats | Sequence[float]) -> Floats:
    """Years from end of induction of the last whole day that is not after `at` (years from diagnosis).

    Events fall on whole days, so that this is the time to which closed forms must go.

    Raises
    ------
    InputError
        When a time lies before the end of induction.
    """
    days = np.floor(np.asarray(at, dtype=float) * DAYS_PER_YEAR + 1e-6) - INDUCTION_DAYS
    if (days < 1).any():
        raise InputError(f"the truth is known from day {INDUCTION_DAYS + 1} on", next_step="Ask for a later time.")
    return days / DAYS_PER_YEAR


def calibrate(log_ratio: Floats, deleted: NDArray[np.intp], parameters: SimulationParameters) -> Calibration:
    """Intercepts with which these very patients have, on average, the EFS and relapse incidence asked for at 5 years.

    For each group and any intercept of relapse the scale of death in remission that gives the EFS is explicit; the
    intercept that gives the incidence too is found by Brent's method.

    Parameters
    ----------
    log_ratio
        Each patient's log hazard ratio of relapse.
    deleted
        0 not deleted, 1 deleted.
    parameters
        The targets, and everything else.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        When no hazards give both targets: the other events alone exceed 1 - EFS - incidence.
    """
    intercept, scale = np.full(2, np.nan), np.full(2, np.nan)
    for code, group in enumerate(DELETION):
        if (deleted == code).any():
            intercept[code], scale[code] = _calibrate_group(log_ratio[deleted == code], group, parameters)
    return Calibration(intercept, scale)


def _calibrate_group(log_ratio: Floats, group: str, parameters: SimulationParameters) -> tuple[float, float]:
    ratio, times = np.unique(np.exp(log_ratio), return_counts=True)
    share = times / times.sum()
    years = years_since_induction([HORIZON])
    hazards = (parameters.relapse, parameters.second_malignancy, parameters.death_in_remission)
    relapse, second, death = (float(hazard.cumulative(years)[0]) for hazard in hazards)
    responders = 1.0 - parameters.non_response[group] - parameters.induction_death[group]
    wanted = parameters.event_free[group]
    ones = np.ones(len(ratio))

    def death_scale(intercept: float) -> float:
        spared = responders * float(share @ np.exp(-np.exp(intercept) * ratio * relapse - second))
        return float(np.log(spared / wanted)) / death if spared >= wanted else -1.0

    def gap(intercept: float) -> float:
        scale = death_scale(intercept)
        if scale < 0:
            return 1.0
        factors = (np.exp(intercept) * ratio, ones, scale * ones)
        _, incidence = first_event_curves(factors, hazards, years)
        return responders * float(share @ incidence[0][:, 0]) - parameters.relapse_incidence[group]

    out_of_reach = InputError(
        f"no hazards give both the event-free survival and the relapse incidence asked for ({group})",
        next_step="1 - EFS - incidence must leave room for induction failure and second malignancies.",
    )
    if min(death, relapse, wanted) <= 0 or gap(-30.0) >= 0:
        raise out_of_reach
    # Where death in remission would have to be negative `gap` is 1: a root on that edge is no root.
    found = float(brentq(gap, -30.0, 30.0, xtol=1e-14, rtol=1e-15))
    if abs(gap(found)) > 1e-11:
        raise out_of_reach
    return found, death_scale(found)
