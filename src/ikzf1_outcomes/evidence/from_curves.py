"""Hazard ratios from the survival and the incidence that two arms have at one time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats

CAUSES = ("any", "relapse", "other")
ROUNDING = 0.01
"""Survival and incidence printed in whole percent may add up to this much above 1."""
CAPPED = "survival and incidence add up to more than 1 by their rounding: no other event"


class ArmHazard(NamedTuple):
    """Log of the cumulative hazard of a cause in an arm, and its standard error."""

    value: float
    error: float
    capped: bool


def ratio_from_curves(
    survival: ArrayLike,
    survival_error: ArrayLike,
    incidence: ArrayLike | None = None,
    incidence_error: ArrayLike | None = None,
    *,
    cause: str,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    r"""The log hazard ratio of a cause from event-free survival, and the incidence of relapse, of two arms at one time.

    Estimand: the ratio of the cumulative hazards of the cause up to that time, which is the hazard ratio where hazards are
    proportional. With E the event-free survival and C the cumulative incidence of relapse of an arm, the cumulative hazard
    of any event is :math:`-\log E`. Where the hazards of relapse and of other events keep a constant proportion, relapse
    has the share p of every event, so that

    .. math:: C = \int S h_r\,dt = p \int S h\,dt = p (1 - E), \qquad H_r = p H = -\log E \frac{C}{1 - E}

    and other events :math:`-\log E\,(1 - E - C) / (1 - E)`. Event-free survival alone says nothing of relapse: of an arm in
    which half of the events are deaths it would give twice its hazard. It is refused.

    Standard errors by the delta method. The errors of E and C come from the same patients. Of n patients followed
    throughout, the numbers without event, with relapse and with another event are multinomial, so that
    :math:`\mathrm{cov}(E, C) = -E C / n`, and their correlation is free of n:

    .. math:: \rho = -\sqrt{\frac{E\,C}{(1 - E)(1 - C)}}

    It is put between the printed standard errors; with patients censored it is an approximation. Then for relapse

    .. math:: \mathrm{var} \log H_r = a^2 s_E^2 + s_C^2 / C^2 + 2 \rho\,(a / C)\,s_E s_C, \quad
              a = \frac1{E \log E} + \frac1{1 - E}

    and the arms are independent. Where C = 1 - E this is the error of any event, :math:`s_E / |E \log E|`.

    Parameters
    ----------
    survival, survival_error
        Event-free survival of the two arms and its standard errors, as probabilities; the second arm is the comparison (2).
    incidence, incidence_error
        Cumulative incidence of relapse at the same time, of the same patients (2); for "relapse" and "other".
    cause
        "any", "relapse" or "other".
    conf_level
        Of the interval, Wald's on the log scale.

    Returns
    -------
    DataFrame
        One row: cause, estimate (log hazard ratio), std_error, low, high, conf_level, interval, scale, log_hazard (log
        cumulative hazard of the cause in the second arm), log_hazard_error, note.

    Raises
    ------
    InputError
        No such cause; a cause without the incidence; not two numbers; probabilities not between 0 and 1, standard errors
        not above 0, or survival and incidence above 1 by more than rounding (positions of the arms).

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> row = iko.ratio_from_curves([0.6, 0.8], [0.05, 0.02], [0.3, 0.1], [0.05, 0.015], cause="relapse").iloc[0]
    >>> [round(float(row[name]), 3) for name in ("estimate", "std_error", "log_hazard")]
    [1.234, 0.254, -2.193]
    """
    if cause not in CAUSES:
        raise InputError("there is no such cause", next_step=f"Use {', '.join(CAUSES)}.")
    z = normal_quantile(conf_level)
    if cause != "any" and (incidence is None or incidence_error is None):
        raise InputError(
            "event-free survival alone does not tell how many relapsed",
            next_step="Give the incidence of relapse of both arms.",
        )
    e, e_error = pair(survival, "survival"), pair(survival_error, "standard errors of survival")
    refuse_arms(~((e > 0) & (e < 1)), "survival does not lie between 0 and 1", "Give probabilities, not percent.")
    refuse_arms(~(np.isfinite(e_error) & (e_error > 0)), "standard errors are not above 0", "Give them as printed.")
    c, c_error = np.array([np.nan, np.nan]), np.array([np.nan, np.nan])
    if cause != "any":
        c, c_error = pair(incidence, "incidences"), pair(incidence_error, "standard errors of incidences")
        refuse_arms(~((c > 0) & (c < 1)), "incidence does not lie between 0 and 1", "Give probabilities, not percent.")
        refuse_arms(~(np.isfinite(c_error) & (c_error > 0)), "standard errors are not above 0", "Give them as printed.")
        over = e + c > 1 + ROUNDING + 1e-12
        refuse_arms(over, "survival and incidence add up to more than 1", "Take them at one time, of the same patients.")
    arms = [arm_hazard(*numbers, cause) for numbers in zip(e, e_error, c, c_error, strict=True)]
    if not all(np.isfinite(arm.value) for arm in arms):
        raise InputError("an arm has no other events than relapse", next_step="Its hazard ratio is not estimable.")
    estimate, error = arms[0].value - arms[1].value, float(np.hypot(arms[0].error, arms[1].error))
    row = {
        "cause": cause, "estimate": estimate, "std_error": error, "low": estimate - z * error, "high": estimate + z * error,
        "conf_level": conf_level, "interval": "wald", "scale": "log hazard ratio", "log_hazard": arms[1].value,
        "log_hazard_error": arms[1].error, "note": CAPPED if any(arm.capped for arm in arms) else "",
    }  # fmt: skip
    return pd.DataFrame([row])


def arm_hazard(e: float, e_error: float, c: float, c_error: float, cause: str) -> ArmHazard:
    """Log of the cumulative hazard of a cause, with its standard error; -inf where the cause has no events."""
    total = np.log(-np.log(e))
    by_e = 1.0 / (e * np.log(e))
    if cause == "any":
        return ArmHazard(float(total), float(abs(by_e) * e_error), False)
    capped = bool(c > 1 - e)
    c = min(c, 1 - e)
    other = 1 - e - c
    if cause == "other" and other <= 1e-12:
        return ArmHazard(-np.inf, np.nan, capped)
    share = c if cause == "relapse" else other
    slopes: Floats = np.array([by_e + 1 / (1 - e), 1 / c])
    if cause == "other":
        slopes = np.array([by_e + 1 / (1 - e) - 1 / other, -1 / other])
    correlation = -np.sqrt(e * c / ((1 - e) * (1 - c)))
    covariance = correlation * e_error * c_error
    variance = slopes @ np.array([[e_error**2, covariance], [covariance, c_error**2]]) @ slopes
    return ArmHazard(float(total + np.log(share / (1 - e))), float(np.sqrt(variance)), capped)


def pair(values: ArrayLike | None, what: str) -> Floats:
    """Two numbers."""
    given: Sequence = [] if values is None else np.asarray(values).tolist()
    if not isinstance(given, list) or len(given) != 2:
        raise InputError(f"the {what} are not of two arms", next_step="Give two numbers: deleted, not deleted.")
    try:
        return np.array(given, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"the {what} are no numbers", next_step="Give two numbers: deleted, not deleted.") from None


def refuse_arms(bad: np.ndarray, problem: str, next_step: str) -> None:
    """Raise with the positions of the arms, if there are any."""
    if bad.any():
        raise InputError(problem, where=np.flatnonzero(bad) + 1, next_step=next_step)
