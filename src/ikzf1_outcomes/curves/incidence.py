"""Aalen-Johansen estimates of cumulative incidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import check_interval
from ikzf1_outcomes.curves.steps import (
    NOBODY,
    Steps,
    group_frame,
    group_sizes,
    limits_at,
    make_steps,
    read_all,
    read_at,
    value_at,
)
from ikzf1_outcomes.curves.survival import join, reading_notes, restricted_table
from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.incidence import aalen_johansen, gray_variance
from ikzf1_outcomes.kernels.risk import Floats


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class IncidenceCurve:
    """Cumulative incidence of each cause in one or several groups; made by `cumulative_incidence`."""

    steps: Steps
    survival: Floats
    incidence: Floats
    """(rows, causes)"""
    incidence_variance: Floats
    conf_type: str
    conf_level: float
    variance: str
    note: str

    def __repr__(self) -> str:
        causes = list(self.steps.endpoint.causes)
        return f"IncidenceCurve({self.steps.endpoint.name}: {len(self.steps.groups.levels)} groups, causes {causes})"

    def tidy(self, times: float | Iterable[float] | None = None, *, extend: bool = False) -> pd.DataFrame:
        """Incidence of every cause at every time of each group, or at the times given.

        Returns
        -------
        DataFrame
            group, cause, time, n, n_risk, n_event (of that cause), n_censor, estimate, std_error, low, high, conf_level,
            interval, scale, note. Beyond the last follow-up of a group the estimate is NaN, unless everybody has had
            an event: then incidences stay.
        """
        reading = read_all(self.steps) if times is None else read_at(self.steps, times)
        free = value_at(self.survival, reading.row, 1.0)
        lost = reading.beyond & (free > 0) & (not extend)
        frames = []
        for k, cause in enumerate(self.steps.endpoint.causes):
            estimate = np.where(lost, np.nan, value_at(self.incidence[:, k], reading.row, 0.0))
            variance = value_at(self.incidence_variance[:, k], reading.row, 0.0)
            std_error = np.where(lost, np.nan, np.sqrt(np.maximum(variance, 0.0)))
            low, high = limits_at(reading, estimate, std_error, self.conf_type, self.conf_level)
            out = group_frame(self.steps, reading.group)
            out["cause"], out["time"] = cause, reading.time
            out["n"] = group_sizes(self.steps)[reading.group]
            out["n_risk"], out["n_event"], out["n_censor"] = reading.n_risk, reading.n_event[:, k], reading.n_censor
            out["estimate"], out["std_error"], out["low"], out["high"] = estimate, std_error, low, high
            out["conf_level"], out["interval"], out["scale"] = self.conf_level, self.conf_type, "probability"
            out["note"] = reading_notes(reading, lost, out["n"], self.note, full=times is None)
            out["_group"] = reading.group
            frames.append(out)
        table = pd.concat(frames, ignore_index=True)
        order = np.lexsort((table["time"], np.tile(np.arange(len(frames)).repeat(len(reading.row)), 1), table["_group"]))
        return table.drop(columns="_group").iloc[order].reset_index(drop=True)

    def years_lost(self, tau: float) -> pd.DataFrame:
        """Mean time lost to each cause before tau: the area under its incidence (Andersen 2013, doi:10.1002/sim.5903).

        The areas of all causes and the restricted mean survival time add up to tau. The variance is that of the area under
        an Aalen-Johansen curve by the delta method.

        Returns
        -------
        DataFrame
            group, cause, tau, n, estimate, std_error, low, high, conf_level, interval, scale ("time"), note.
        """
        return restricted_table(self.steps, tau, self.survival, self.conf_level, causes=True)

    def glance(self) -> pd.DataFrame:
        """One row a group and cause: n, events, rows left out for a missing group, note."""
        n_groups, causes = len(self.steps.groups.levels), self.steps.endpoint.causes
        group = np.repeat(np.arange(n_groups), len(causes))
        out = group_frame(self.steps, group)
        out["cause"] = np.tile(np.array(causes, dtype=object), n_groups)
        out["n"] = group_sizes(self.steps)[group]
        events = [self.steps.table.events[self.steps.rows_of(g)].sum(axis=0) for g in range(n_groups)]
        out["n_event"] = np.concatenate(events)
        out["n_excluded"] = self.steps.groups.n_missing
        out["note"] = [join(self.note, NOBODY if n == 0 else "") for n in out["n"]]
        return out

    def _repr_html_(self) -> str:
        return self.glance().to_html(index=False)


def cumulative_incidence(
    endpoint: Endpoint,
    by: Columns | None = None,
    *,
    conf_type: str = "log-log",
    conf_level: float = 0.95,
    variance: str = "greenwood",
) -> IncidenceCurve:
    """Aalen-Johansen estimate of the cumulative incidence of each cause.

    Estimand: F_k(t) = P(T <= t, first event is k), in a world where the other events happen too. With S the Kaplan-Meier
    estimate for all causes, F_k(t) = sum over u <= t of S(u-) d_k(u) / n(u) (Aalen and Johansen 1978,
    Scand J Stat 5:141-150). Survival and the incidences add up to 1. One minus Kaplan-Meier with competing events
    censored is larger and is not offered. Ties, delayed entry and the end of follow-up as in `kaplan_meier`.

    Parameters
    ----------
    endpoint
        Times and causes.
    by
        Column or columns to group by.
    conf_type, conf_level
        As in `kaplan_meier`; the limits are those of the incidence itself.
    variance
        "greenwood" as in R's etm, and in survival without delayed entry (with it, survival's multi-state curves carry the
        infinitesimal jackknife, which differs by some per cent), or "cmprsk" as `cuminc` prints it (0.03 to 0.6 % larger).

    Returns
    -------
    IncidenceCurve
        With `.tidy(times)`, `.years_lost(tau)` and `.glance()`.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> patients = pd.DataFrame({"years": [1.0, 2.0, 2.0, 4.0, 6.0], "status": [1, 2, 0, 1, 0]})
    >>> endpoint = iko.endpoint_from_columns(patients, time="years", status="status", causes={1: "relapse", 2: "death"})
    >>> iko.cumulative_incidence(endpoint).tidy(times=[2])["estimate"].round(4).tolist()
    [0.2, 0.2]
    """
    check_interval(conf_type, conf_level)
    if variance not in ("greenwood", "cmprsk"):
        raise InputError(f"no variance is called {variance!r}", next_step="Use 'greenwood' or 'cmprsk'.")
    steps = make_steps(endpoint, by)
    survival, _, incidence, spread = aalen_johansen(steps.table)
    if variance == "cmprsk":
        spread = gray_variance(steps.table, survival)
    note = ""
    if endpoint.weights is not None and not np.all(endpoint.weights == np.round(endpoint.weights)):
        note = "weights are not counts: standard errors take them as counts"
    return IncidenceCurve(steps, frozen(survival), frozen(incidence), frozen(spread), conf_type, conf_level, variance, note)
