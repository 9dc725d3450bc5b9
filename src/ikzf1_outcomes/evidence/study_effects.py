"""Log hazard ratios of published comparisons, where what is printed gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.evidence.consistency import ARMS, FIGURES, arm_error, log_ratio_error
from ikzf1_outcomes.evidence.from_curves import CAUSES, ratio_from_curves
from ikzf1_outcomes.evidence.printed import Printed, figures

ANY_EVENT = ("EFS", "DFS", "LFS")
"""Endpoints at which any event counts."""
SAME = ["study", "cohort_id", "population", "contrast", "time"]
NEEDED = (*SAME, "year", "endpoint", "deletion", "adjustment", "verified", "source")
COLUMNS = (
    "study", "cohort_id", "year", "population", "endpoint", "contrast", "deletion", "time", "cause", "adjustment",
    "verified", "estimate", "std_error", "scale", "log_hazard", "log_hazard_error", "source", "note",
)  # fmt: skip
FROM_RATIO = "printed hazard ratio and limits"
FROM_CURVES = "survival of both arms, taken as of proportional hazards"
FROM_INCIDENCE = "incidence and survival of both arms, hazards of the causes in constant proportion"
NO_ERRORS = "no estimate: neither a hazard ratio with limits nor curves of both arms with their errors"
NO_SURVIVAL = "no estimate: event-free survival of the same patients at the same time was not seen"
NO_PAIR = "no estimate: event-free survival or incidence lacks its errors"


def published_effects(table: pd.DataFrame, *, cause: str, conf_level: float = 0.95) -> pd.DataFrame:
    """Log hazard ratios of the comparisons of a published table, and the hazard of those not deleted.

    Rule. For "any": rows of EFS, DFS and LFS; from the hazard ratio with its limits where printed, otherwise from the
    curves of both arms at one time (`ratio_from_curves`), whose errors are printed or made from log(-log) limits. For
    "relapse" and "other": rows of CIR, each with the EFS row of the same study, population, contrast and time; never from
    survival alone. A hazard ratio of relapse that is printed is not taken for the ratio of incidences, nor the other way
    round. Rows that do not give an estimate stay, with NaN, and `note` says why.

    Parameters
    ----------
    table
        As `published_outcomes` gives it.
    cause
        "any", "relapse" or "other".
    conf_level
        Of the printed limits.

    Returns
    -------
    DataFrame
        study, cohort_id, year, population, endpoint, contrast, deletion, time, cause, adjustment, verified, estimate (log
        hazard ratio), std_error, scale, log_hazard (log cumulative hazard of the cause at `time`, not deleted; NaN from a
        hazard ratio), log_hazard_error, source, note (what it was made from).

    Raises
    ------
    ColumnError, InputError
        Columns that are not there; no such cause; figures that cannot be read or are no probabilities, or a comparison
        whose event-free survival is there twice (row positions).

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> found = iko.published_effects(iko.published_outcomes(), cause="relapse")
    >>> seen = found[found["verified"] & found["estimate"].notna()]
    >>> seen[["study", "estimate", "std_error"]].round(2).to_numpy().tolist()
    [['Dörge 2013', 0.84, 0.24]]
    """
    if cause not in CAUSES:
        raise InputError("there is no such cause", next_step=f"Use {', '.join(CAUSES)}.")
    normal_quantile(conf_level)
    printed = figures(table, FIGURES)
    absent = [name for name in NEEDED if name not in table]
    if absent:
        raise ColumnError(
            f"no column is called {', '.join(map(repr, absent))}", next_step="As `published_outcomes` has them."
        )
    of_any = table["endpoint"].isin(ANY_EVENT).to_numpy()
    wanted = of_any if cause == "any" else (table["endpoint"] == "CIR").to_numpy()
    survivals = partners(table)
    found = []
    for place in np.flatnonzero(wanted).tolist():
        own = printed[place]
        if cause == "any":
            found.append(of_one(place, own, own, None, cause, conf_level))
        else:
            partner = survivals.get(key_of(table.iloc[place]))
            found.append(of_one(place, own, None if partner is None else printed[partner], own, cause, conf_level))
    numbers = ("estimate", "std_error", "log_hazard", "log_hazard_error")
    made = pd.DataFrame(found, columns=[*numbers, "note"]).astype(dict.fromkeys(numbers, float))
    kept = table[wanted].reset_index(drop=True)
    out = kept.assign(cause=cause, scale="log hazard ratio", **{name: made[name] for name in made})
    return out[list(COLUMNS)]


def key_of(row: pd.Series) -> tuple[Any, ...]:
    """Which patients, compared how, and when."""
    return tuple(None if pd.isna(row[name]) else row[name] for name in SAME)


def partners(table: pd.DataFrame) -> dict[tuple[Any, ...], int]:
    """Place of the EFS row of each comparison; those without a time are nobody's."""
    timed = ((table["endpoint"] == "EFS") & table["time"].notna()).to_numpy()
    twice = timed & table[[*SAME, "endpoint"]].duplicated(keep=False).to_numpy()
    if twice.any():
        raise InputError(
            "event-free survival of one comparison is there more than once", where=np.flatnonzero(twice) + 1,
            next_step="Keep one row.",
        )  # fmt: skip
    return {key_of(table.iloc[place]): place for place in np.flatnonzero(timed).tolist()}


def of_one(
    place: int, own: dict[str, Printed], survival: dict[str, Printed] | None, incidence: dict[str, Printed] | None,
    cause: str, conf_level: float,
) -> tuple[float, float, float, float, str]:  # fmt: skip
    """Estimate, its error, log hazard of those not deleted, its error, and what they are from."""
    nothing = (np.nan, np.nan, np.nan, np.nan)
    ratio = [own[name].value for name in ("hazard_ratio", "ratio_low", "ratio_high")]
    if cause == "any" and np.isfinite(ratio).all():
        if not 0 < ratio[1] < ratio[2]:
            raise InputError(
                "limits of a hazard ratio do not ascend from above 0", where=[place + 1], next_step="Correct them."
            )
        return float(np.log(ratio[0])), log_ratio_error(ratio[1], ratio[2], conf_level), np.nan, np.nan, FROM_RATIO
    if survival is None:
        return *nothing, NO_SURVIVAL
    curves = arms(survival, conf_level)
    both = None if incidence is None else arms(incidence, conf_level)
    if curves is None or (incidence is not None and both is None):
        return *nothing, NO_ERRORS if incidence is None else NO_PAIR
    try:
        row = ratio_from_curves(*curves, *(both or ()), cause=cause).iloc[0]
    except InputError as error:
        raise InputError(f"the curves of a row: {error.problem}", where=[place + 1], next_step=error.next_step) from None
    names = ("estimate", "std_error", "log_hazard", "log_hazard_error")
    said = "; ".join(filter(None, (FROM_CURVES if both is None else FROM_INCIDENCE, row["note"])))
    ratio_log, ratio_error, level, level_error = (float(row[name]) for name in names)
    return ratio_log, ratio_error, level, level_error, said


def arms(own: dict[str, Printed], conf_level: float) -> tuple[list[float], list[float]] | None:
    """Values of both arms and their errors, as probabilities; None where one is not there."""
    values = [own[arm].value / 100 for arm in ARMS]
    errors = [arm_error(own, arm, conf_level).value for arm in ARMS]
    return (values, errors) if np.isfinite([*values, *errors]).all() else None
