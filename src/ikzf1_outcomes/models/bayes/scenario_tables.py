"""Curves and differences of a posterior as tables."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import label
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.piecewise_risks import Risks
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.bayes.effects import DELETED
from ikzf1_outcomes.models.bayes.reduction import Reduced
from ikzf1_outcomes.models.bayes.scenarios import NOT_DELETED, trials_of

NOT_CONVERGED = "not converged: see glance()"
PRIOR_DRIVEN = "beyond the follow-up of these patients: the prior decides"
NOBODY_THERE = "nobody of this trial was in this group: the other trials and the prior decide"
MEASURES = {
    "survival": ("event-free survival", "probability"), "incidence": ("cumulative incidence", "probability"),
    "restricted": ("restricted mean", "years"), "lost": ("time lost", "years"),
}  # fmt: skip


def checked_times(times: float | Iterable[float]) -> Floats:
    """Times in ascending order, each once.

    Raises
    ------
    InputError
        None, or some that are not above 0.
    """
    try:
        some = times if isinstance(times, str) or not isinstance(times, Iterable) else list(times)
        given = np.unique(np.atleast_1d(np.asarray(some, dtype=float)))
    except (TypeError, ValueError):
        given = np.empty(0)
    if not len(given) or not (np.isfinite(given) & (given > 0)).all():
        raise InputError("times must be above 0", next_step="Give them in years.")
    return given


def followed(reduced: Reduced, time: Floats, trial: object = None) -> dict[str, float]:
    """Longest follow-up behind each scenario, in one trial if one is named; `time` is that of the rows kept (n).

    0 where nobody is behind it.
    """
    groups = {group.term: group for block in reduced.patients.blocks for group in block}
    deleted = groups["deletion"].columns[:, 0] > 0
    if trial is not None:
        time = np.where(rows_of_trial(reduced, trial), time, 0.0)
    out = {NOT_DELETED: float(time[~deleted].max()), DELETED: float(time[deleted].max())}
    if "class" in groups:
        for word, column in zip(groups["class"].labels, groups["class"].columns.T, strict=True):
            out[word] = float(time[column > 0].max())
    return out


def rows_of_trial(reduced: Reduced, trial: object) -> np.ndarray:
    """Which of the rows kept are of a trial (n)."""
    names, name = trials_of(reduced), label(trial)
    if reduced.spec.effects_by == "strata":
        return np.asarray(reduced.patients.stratum == names.index(name))
    columns = next(g.columns for block in reduced.patients.blocks for g in block if g.term == "protocol")
    return np.asarray(columns[:, names.index(name)] > 0)


def described(values: Floats, conf_level: float) -> dict[str, Floats]:
    """Median, SD and middle interval of draws (draws, ...)."""
    tail = (1.0 - conf_level) / 2.0
    low, middle, high = np.quantile(values, [tail, 0.5, 1.0 - tail], axis=0)
    return {
        "estimate": middle,
        "posterior_sd": values.std(axis=0, ddof=1) if len(values) > 1 else np.nan * middle,
        "low": low,
        "high": high,
    }


def rows_of(
    measures: Iterable[str],
    risks: Risks,
    causes: tuple[str, ...],
    times: Floats,
    conf_level: float,
    other: Risks | None = None,
) -> pd.DataFrame:
    """Rows of the measures of one scenario, or of its differences from another."""
    tables = []
    for name in measures:
        part = getattr(risks, name)
        values = part if other is None else part - getattr(other, name)
        label, scale = MEASURES[name]
        for c, cause in enumerate(causes if values.ndim == 4 else ("any",)):
            own = values[:, c, 0] if values.ndim == 4 else values[:, 0]
            table = pd.DataFrame({"measure": label, "cause": cause, "time": times, **described(own, conf_level)})
            if other is not None:
                table["p_above_0"] = (own > 0).mean(axis=0)
            tables.append(table.assign(conf_level=conf_level, interval="credible", scale=scale))
    return pd.concat(tables, ignore_index=True)


def with_notes(table: pd.DataFrame, longest: float, lost: bool) -> pd.DataFrame:
    """The table with notes: chains that have not converged, times that pass the follow-up."""
    said = [NOT_CONVERGED] * lost
    late = table["time"] > longest + 1e-9
    why = PRIOR_DRIVEN if longest > 0 else NOBODY_THERE
    return table.assign(note=["; ".join([*said, *([why] * own)]) for own in late])
