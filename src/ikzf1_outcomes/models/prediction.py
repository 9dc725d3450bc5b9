"""Survival that a Cox model predicts for patients with given covariates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import check_interval, probability_limits
from ikzf1_outcomes.endpoint import Endpoint, label
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.kernels.partial import Maximum, relative_hazard
from ikzf1_outcomes.kernels.residuals import Baseline, baseline
from ikzf1_outcomes.kernels.risk import Floats, Integers, snap
from ikzf1_outcomes.models.estimation import Estimation

BEYOND = "beyond the last follow-up"


class Fitted(NamedTuple):
    """What a prediction needs of a fit."""

    endpoint: Endpoint
    design: Design
    position: dict[int, int]
    maximum: Maximum
    covariance: Floats
    cause: str
    conf_level: float
    estimation: Estimation


def predicted_survival(fit: Fitted, new: pd.DataFrame, times: float | Iterable[float], conf_type: str) -> pd.DataFrame:
    """The table of `CoxFit.predict`."""
    check_interval(conf_type, fit.conf_level)
    if fit.estimation.ties == "exact":
        raise InputError("there is no prediction under exact ties", next_step='Fit with ties="efron".')
    if fit.cause != "any" and len(fit.endpoint.causes) > 1:
        raise InputError(
            "a model of one cause among several predicts no survival",
            next_step="Fit cause_specific_cox: the incidence of a cause needs the models of all.",
        )
    asked = times_asked(times)
    scaled, known = as_seen(fit.design, fit.estimation, new)
    how = fit.estimation
    steps = baseline(how.layout, fit.maximum.beta * how.scale, how.ties)
    hazard, error = cumulative_hazards(fit, steps, scaled, offset_of(how, new), strata_codes(how, new), asked)
    estimate = np.exp(-hazard)
    low, high = probability_limits(estimate, estimate * error, conf_type, fit.conf_level)
    note = np.where(~known[:, None], "not estimable: a missing value, or a level without events", "")
    note = np.where(known[:, None] & np.isnan(estimate), BEYOND, note)
    table = {
        "group": np.repeat(np.arange(len(new)), len(asked)),
        "time": np.tile(asked, len(new)),
        "estimate": estimate.ravel(),
        "std_error": (estimate * error).ravel(),
        "low": low.ravel(),
        "high": high.ravel(),
        "conf_level": fit.conf_level,
        "interval": conf_type,
        "scale": "probability",
        "note": note.ravel(),
    }
    return pd.DataFrame(table)


def row_of_times(times: float | Iterable[float]) -> Floats:
    """One time or several as a row of numbers.

    Raises
    ------
    InputError
        They are none.
    """
    try:
        asked = np.asarray(list(times) if isinstance(times, Iterable) else [times], dtype=float)
    except (TypeError, ValueError):
        raise InputError("times must be numbers", next_step="Give them in the endpoint's unit.") from None
    if asked.ndim != 1:
        raise InputError("times must be one row of numbers")
    return asked


def times_asked(times: float | Iterable[float]) -> Floats:
    """Times at which something is predicted, one or several.

    Raises
    ------
    InputError
        None, or one that is no finite number.
    """
    asked = row_of_times(times)
    if not len(asked) or not np.isfinite(asked).all():
        raise InputError("times must be finite, and at least one")
    return asked


def as_seen(design: Design, how: Estimation, new: pd.DataFrame) -> tuple[Floats, np.ndarray]:
    """Covariates of patients as the likelihood saw them, missing where something is not known; and where it is.

    A patient with a missing value, or with a level, or levels together, that had no events, has no prediction.
    """
    matrix, keep = design.spec.encode(new)
    known = keep.copy()
    known[keep] = how.span.tells(matrix - design.matrix[how.rows[design.keep]].mean(axis=0))
    x = np.full((len(new), len(how.span.columns)), np.nan)
    x[known] = (matrix[known[keep]][:, how.span.columns] - how.centre) / how.scale
    return x, known


def offset_of(how: Estimation, new: pd.DataFrame) -> Floats:
    """The offset of each patient.

    Raises
    ------
    ColumnError
        No column of the offset.
    """
    name = how.offset
    if not name:
        return np.zeros(len(new))
    if name not in new:
        raise ColumnError(f"the new patients have no column {name!r}", next_step="It is the model's offset.")
    return np.asarray(new[name].to_numpy(dtype=np.float64, na_value=np.nan))


def strata_of(how: Estimation, new: pd.DataFrame) -> np.ndarray:
    """Name of the stratum of each patient, as of `stratum_name`.

    Raises
    ------
    ColumnError
        No column of the strata.
    """
    for name in how.strata:
        if name not in new:
            raise ColumnError(f"the new patients have no column {name!r}", next_step="It is a stratum of the model.")
    if not how.strata:
        return np.full(len(new), stratum_name("all"), dtype=object)
    rows = new[list(how.strata)].itertuples(index=False, name=None)
    return np.array([stratum_name(row[0] if len(how.strata) == 1 else row) for row in rows], dtype=object)


def strata_codes(how: Estimation, new: pd.DataFrame) -> Integers:
    """The stratum of each patient among those of the model.

    Raises
    ------
    ColumnError, InputError
        No column of the strata; a stratum without events, or that the model does not know (row positions).
    """
    place: dict[Any, int] = {stratum_name(level): k for k, level in enumerate(how.levels)}
    codes = np.array([place.get(level, -1) for level in strata_of(how, new)], dtype=np.intp)
    if (codes < 0).any():
        raise InputError("strata without events in the model, or unknown to it", where=np.flatnonzero(codes < 0) + 1)
    return codes


def stratum_name(level: Any) -> str:
    """A stratum as no other is written: text in quotes, so that 1 is not "1", and ("a, b", "c") not ("a", "b, c")."""
    parts = level if isinstance(level, tuple) else (level,)
    return ", ".join(repr(str(part)) if isinstance(part, str) else label(part) for part in parts)


def cumulative_hazards(
    fit: Fitted, steps: Baseline, x: Floats, shift: Floats, stratum: Integers, times: Floats
) -> tuple[Floats, Floats]:
    """Cumulative hazard of each patient at each time, and its standard error; NaN beyond the stratum's follow-up."""
    how, rows = fit.estimation, fit.endpoint.rows
    covariance = fit.covariance * np.outer(how.scale, how.scale)
    relative = relative_hazard(x @ (fit.maximum.beta * how.scale) + shift)
    asked = snap(times, rows.times)
    hazard, error = np.full((len(x), len(times)), np.nan), np.full((len(x), len(times)), np.nan)
    for k in range(len(how.layout.start) - 1):
        mine, own = stratum == k, steps.stratum == k
        upto = np.searchsorted(rows.times[steps.rank[own]], asked, side="right")
        total, spread, slope = (
            np.concatenate((np.zeros((1, *part.shape[1:])), np.cumsum(part[own], axis=0)))[upto]
            for part in (steps.step, steps.variance, steps.slope)
        )
        last = rows.times[how.layout.rank[how.layout.start[k + 1] - 1]]
        inside = asked <= last
        pull = slope[None] - x[mine][:, None, :] * total[None, :, None]
        variance = spread[None] + np.einsum("ntp,pq,ntq->nt", pull, covariance, pull)
        hazard[mine] = np.where(inside, relative[mine, None] * total, np.nan)
        error[mine] = np.where(inside, relative[mine, None] * np.sqrt(variance), np.nan)
    return hazard, error
