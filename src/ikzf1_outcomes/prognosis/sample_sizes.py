"""How many patients a prediction model needs: the criteria of Riley and others."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtri

from ikzf1_outcomes.errors import InputError

TERMS = ("shrinkage", "optimism in R2", "overall risk", "all three")
RULE_OF_THUMB = 0.15
"""Share of the largest R2 that Riley and others suggest where nothing is known (recalled, not verified)."""
UNKNOWN = "R2 assumed: 15 % of the largest (recalled, not verified)"


def sample_size_criteria(
    parameters: int,
    *,
    rate: float,
    mean_follow_up: float,
    at: float,
    r_squared: float | None = None,
    n: float | None = None,
    shrinkage: float = 0.9,
    optimism: float = 0.05,
    precision: float = 0.05,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    r"""Patients and events that a new prediction model of time to an event needs, or what it lacks with those there are.

    Criteria of Riley et al. 2019, Statistics in Medicine 38:1276 (recalled, not verified), with P candidate parameters
    (each coefficient that was considered, chosen or not), R2 the Cox-Snell share that the model is expected to explain, and
    E / n the events a patient, rate times mean follow-up:

    1. shrinkage: global shrinkage of S or more, n = P / {(S - 1) log(1 - R2 / S)};
    2. optimism in R2: apparent less corrected Nagelkerke R2 of `optimism` or less: the same with S = R2 / (R2 + optimism
       R2_max), log(1 - R2_max) = 2 (E / n) {log(E / n) - 1};
    3. overall risk: the interval of the risk at `at`, 1 - exp(-rate at), within `precision`:
       1 - exp(-(rate +- z sqrt(rate / (n mean follow-up))) at), the wider side.

    All three are needed: the largest n counts. Few parameters are a necessity, not a virtue: below S = 0.9 predictions are
    too extreme for new patients. Events of one cause are taken as the only ones, as in a cause-specific Cox model.

    Parameters
    ----------
    parameters
        Candidate parameters P.
    rate
        Events a patient and unit of time.
    mean_follow_up
        In that unit.
    at
        Time of the prediction, in that unit.
    r_squared
        Expected Cox-Snell R2; None assumes 15 % of the largest there can be, with a note.
    n
        Patients that there are; None where the question is how many.
    shrinkage, optimism, precision
        Limits S, of the optimism, and of half the interval.
    conf_level
        Level of the interval of the overall risk.

    Returns
    -------
    DataFrame
        One row a criterion, and one for all three: term, estimate (patients needed), scale ("count"), n_event (events among
        them), events_per_parameter, r_squared, r_squared_max, limit, reached (what `n` patients give: shrinkage, optimism,
        half interval, and on the last row events per parameter; NaN without n), n_parameters, note.

    Raises
    ------
    InputError
        Numbers outside their limits; more than one event a patient; R2 not below S, or above the largest.

    Notes
    -----
    The example of the authors' program pmsampsize (R2 0.051, 30 parameters, rate 0.065, prediction at 2, mean follow-up
    2.07: 5,143 and 1,039 patients, 23.07 and 4.66 events a parameter; recalled, not verified) is a test.

    Examples
    --------
    >>> from ikzf1_outcomes.prognosis.sample_sizes import sample_size_criteria
    >>> found = sample_size_criteria(30, rate=0.065, mean_follow_up=2.07, at=2, r_squared=0.051)
    >>> found[["term", "estimate", "events_per_parameter"]].round(2).values.tolist()[:3]
    [['shrinkage', 5143.0, 23.07], ['optimism in R2', 1039.0, 4.66], ['overall risk', 158.0, 0.71]]
    """
    limits = {"shrinkage": shrinkage, "optimism": optimism, "precision": precision, "conf_level": conf_level}
    check_sizes(parameters, {"rate": rate, "mean_follow_up": mean_follow_up, "at": at}, limits, n)
    events = rate * mean_follow_up
    if events > 1.0:
        raise InputError("more than one event a patient", next_step="`rate` and `mean_follow_up` are in one unit of time.")
    largest = -np.expm1(2.0 * events * (np.log(events) - 1.0))
    explained = RULE_OF_THUMB * largest if r_squared is None else float(r_squared)
    if not 0.0 < explained < min(shrinkage, largest):
        raise InputError(f"R2 lies between 0 and {min(shrinkage, largest):.3g} here", next_step="Give a smaller r_squared.")
    second = explained / (explained + optimism * largest)
    z = float(-ndtri((1.0 - conf_level) / 2.0))
    third = patients_for_risk(rate, mean_follow_up, at, z, precision)
    needed = np.array([patients_for(parameters, explained, shrinkage), patients_for(parameters, explained, second), third])
    needed = np.ceil(needed - 1e-9)
    needed = np.append(needed, needed.max())
    reached = np.full(4, np.nan)
    if n is not None:
        own = shrinkage_with(parameters, explained, n)
        apart = explained * (1.0 / own - 1.0) / largest
        reached = np.array([own, apart, half_interval(rate, mean_follow_up * n, at, z), n * events / parameters])
    return pd.DataFrame(
        {
            "term": TERMS,
            "estimate": needed,
            "scale": "count",
            "n_event": needed * events,
            "events_per_parameter": needed * events / parameters,
            "r_squared": explained,
            "r_squared_max": largest,
            "limit": [shrinkage, optimism, precision, np.nan],
            "reached": reached,
            "n_parameters": parameters,
            "note": UNKNOWN if r_squared is None else "",
        }
    )


def patients_for(parameters: int, explained: float, shrinkage: float) -> float:
    """Patients with which the expected shrinkage is this."""
    return float(parameters / ((shrinkage - 1.0) * np.log1p(-explained / shrinkage)))


def shrinkage_with(parameters: int, explained: float, n: float) -> float:
    """Shrinkage S expected with so many patients: n (S - 1) log(1 - R2 / S) = P, which falls from infinity at S = R2."""

    def gap(s: float) -> float:
        return n * (s - 1.0) * float(np.log1p(-explained / s)) - parameters

    edge = explained * (1.0 + 1e-12)
    return float(brentq(gap, edge, 1.0, xtol=1e-14)) if gap(edge) > 0.0 else explained


def half_interval(rate: float, person_time: float, at: float, z: float) -> float:
    """The wider side of the interval of the risk, from that of the rate."""
    error = z * np.sqrt(rate / person_time)
    risk = np.exp(-rate * at)
    low, high = np.exp(-max(rate - error, 0.0) * at), np.exp(-(rate + error) * at)
    return float(max(low - risk, risk - high))


def patients_for_risk(rate: float, mean_follow_up: float, at: float, z: float, precision: float) -> float:
    """Patients with which both sides of the interval of the risk are no wider than `precision`."""
    low, high = 1, 2
    while half_interval(rate, high * mean_follow_up, at, z) > precision:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if half_interval(rate, middle * mean_follow_up, at, z) <= precision else (middle, high)
    return float(high)


def check_sizes(parameters: object, positive: dict[str, float], shares: dict[str, float], n: float | None) -> None:
    """Refuse numbers outside their limits.

    Raises
    ------
    InputError
        No whole number of parameters, what is not above 0, shares outside 0 to 1.
    """
    if isinstance(parameters, bool) or not isinstance(parameters, int | np.integer) or parameters < 1:
        raise InputError("parameters are a whole number of 1 or more", next_step="Count every coefficient considered.")
    for name, value in (positive | ({} if n is None else {"n": n})).items():
        if not isinstance(value, int | float | np.number) or not 0.0 < value < np.inf:
            raise InputError(f"{name} is a number above 0")
    for name, value in shares.items():
        if not isinstance(value, int | float) or not 0.0 < value < 1.0:
            raise InputError(f"{name} lies between 0 and 1")
