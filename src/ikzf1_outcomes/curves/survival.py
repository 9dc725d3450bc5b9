"""Kaplan-Meier estimates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import check_interval, normal_quantile
from ikzf1_outcomes.curves.steps import (
    NOBODY,
    SMALL_RISK_SET,
    Reading,
    Steps,
    group_frame,
    group_sizes,
    limits_at,
    make_steps,
    notes,
    read_all,
    read_at,
    value_at,
)
from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen, refuse
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.incidence import aalen_johansen, restricted_means
from ikzf1_outcomes.kernels.jackknife import robust_variance
from ikzf1_outcomes.kernels.risk import Floats, RiskTable


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class SurvivalCurve:
    """Kaplan-Meier curves of one or several groups; made by `kaplan_meier`."""

    steps: Steps
    survival: Floats
    variance: Floats
    conf_type: str
    conf_level: float
    std_error: str
    note: str

    def __repr__(self) -> str:
        return f"SurvivalCurve({self.steps.endpoint.name}: {len(self.steps.groups.levels)} groups)"

    def tidy(self, times: float | Iterable[float] | None = None, *, extend: bool = False) -> pd.DataFrame:
        """Survival at every time of each group, or at the times given.

        Parameters
        ----------
        times
            Times in the endpoint's unit. None gives every distinct time of each group.
        extend
            Carry the last estimate forward beyond a group's last follow-up, as R's `extend=TRUE` does.

        Returns
        -------
        DataFrame
            group, time, n, n_risk, n_event, n_censor, estimate, std_error, low, high, conf_level, interval, scale, note.
            `n_event` and `n_censor` count since the previous requested time. Beyond the last follow-up of a group
            the estimate is NaN ("not estimable"), unless survival has reached 0.
        """
        reading = read_all(self.steps) if times is None else read_at(self.steps, times)
        estimate = value_at(self.survival, reading.row, 1.0)
        std_error = np.sqrt(value_at(self.variance, reading.row, 0.0))
        if self.std_error == "peto":
            with np.errstate(divide="ignore", invalid="ignore"):
                peto = np.where(reading.n_risk > 0, estimate * np.sqrt((1 - estimate) / reading.n_risk), np.nan)
                std_error = np.where(estimate < 1, peto, 0.0)
        std_error = np.where(estimate > 0, std_error, np.nan)
        lost = reading.beyond & (estimate > 0) & (not extend)
        estimate, std_error = np.where(lost, np.nan, estimate), np.where(lost, np.nan, std_error)
        low, high = limits_at(reading, estimate, std_error, self.conf_type, self.conf_level)
        out = group_frame(self.steps, reading.group)
        out["time"] = reading.time
        out["n"] = group_sizes(self.steps)[reading.group]
        out["n_risk"], out["n_event"], out["n_censor"] = reading.n_risk, reading.n_event.sum(axis=1), reading.n_censor
        out["estimate"], out["std_error"], out["low"], out["high"] = estimate, std_error, low, high
        out["conf_level"], out["interval"], out["scale"] = self.conf_level, self.conf_type, "probability"
        out["note"] = reading_notes(reading, lost, out["n"], self.note, full=times is None)
        return out

    def quantile(self, p: float | Iterable[float] = 0.5) -> pd.DataFrame:
        """Time by which a share p has had the event, with its interval.

        The smallest time with S(t) <= 1 - p; where the curve is flat at exactly 1 - p, the middle of the flat piece, as in
        R and SAS. The limits are where the confidence limits of S cross 1 - p (Brookmeyer and Crowley 1982,
        doi:10.2307/2530286). NaN when the curve or the limit does not come down that far.

        Returns
        -------
        DataFrame
            group, quantile, n, estimate, low, high, conf_level, interval, scale ("time"), note.
        """
        shares = np.atleast_1d(np.asarray(p, dtype=float))
        if not len(shares) or not ((shares > 0) & (shares < 1)).all():
            raise InputError("quantiles must lie between 0 and 1", next_step="0.5 is the median.")
        tidy = self.tidy()
        codes = read_all(self.steps).group
        rows = []
        for g in range(len(self.steps.groups.levels)):
            own = tidy[codes == g]
            time = own["time"].to_numpy()
            curves = [own[name].to_numpy(dtype=float) for name in ("estimate", "low", "high")]
            rows += [[g, share, *(crossing(time, curve, 1 - share) for curve in curves)] for share in shares]
        table = np.array(rows)
        group = table[:, 0].astype(np.intp)
        out = group_frame(self.steps, group)
        out["quantile"], out["n"] = table[:, 1], group_sizes(self.steps)[group]
        out["estimate"], out["low"], out["high"] = table[:, 2], table[:, 3], table[:, 4]
        out["conf_level"], out["interval"], out["scale"] = self.conf_level, self.conf_type, "time"
        out["note"] = np.where(out["n"] == 0, NOBODY, np.where(np.isnan(table[:, 2]), "not reached", ""))
        return out

    def rmst(self, tau: float) -> pd.DataFrame:
        """Restricted mean survival time: the area under the curve from 0 to tau.

        Its variance is the sum of A_i^2 d_i / (n_i (n_i - d_i)), A_i being the area from the i-th event time to tau
        (Klein and Moeschberger 2003, doi:10.1007/b97377, section 4.5). Not estimable when tau is beyond a group's last
        follow-up and survival has not reached 0. Its standard error is Greenwood's also where the curve shows Peto's; a
        curve with robust standard errors has none.

        Returns
        -------
        DataFrame
            group, tau, n, estimate, std_error, low, high, conf_level, interval, scale ("time"), note.
        """
        if self.std_error == "robust":
            raise InputError("a restricted mean has no robust standard error", next_step="Leave out robust and cluster.")
        return restricted_table(self.steps, tau, self.survival, self.conf_level, causes=False)

    def glance(self) -> pd.DataFrame:
        """One row a group: n, events, censored, rows left out for a missing group, note."""
        groups = range(len(self.steps.groups.levels))
        out = group_frame(self.steps, np.array(groups))
        out["n"] = group_sizes(self.steps)
        table = self.steps.table
        out["n_event"] = [table.events[self.steps.rows_of(g)].sum() for g in groups]
        out["n_censor"] = [table.censored[self.steps.rows_of(g)].sum() for g in groups]
        out["n_excluded"] = self.steps.groups.n_missing
        out["note"] = [join(self.note, NOBODY if n == 0 else "") for n in out["n"]]
        return out

    def _repr_html_(self) -> str:
        return self.glance().to_html(index=False)


def join(*parts: str) -> str:
    """Notes in one text."""
    return "; ".join(part for part in parts if part)


def reading_notes(reading: Reading, lost: np.ndarray, n: pd.Series, note: str, *, full: bool) -> np.ndarray:
    """The note of each reading."""
    few = (reading.n_risk < SMALL_RISK_SET) & ~lost & (not full)
    empty = n.to_numpy() == 0
    return notes(
        np.full(len(lost), note, dtype=object),
        np.where(empty, NOBODY, np.where(lost, "not estimable: beyond the last follow-up of the group", "")),
        np.where(few, f"fewer than {SMALL_RISK_SET} at risk", ""),
    )


def crossing(time: Floats, curve: Floats, level: float) -> float:
    """First time at which a falling step curve is at or below `level`; the middle of a piece that lies on it."""
    tolerance = float(np.sqrt(np.finfo(float).eps))
    known = np.where(np.isnan(curve), np.inf, curve)
    below = np.flatnonzero(known <= level + tolerance)
    if not len(below):
        return np.nan
    first = below[0]
    if abs(known[first] - level) > tolerance:
        return float(time[first])
    lower = np.flatnonzero(known < level - tolerance)
    return float((time[first] + (time[lower[0]] if len(lower) else time[-1])) / 2)


def restricted_table(steps: Steps, tau: float, survival: Floats, conf_level: float, *, causes: bool) -> pd.DataFrame:
    """Restricted means of S, or mean time lost to each cause, as a tidy table."""
    if not (np.isfinite(tau) and tau > 0):
        raise InputError("tau must be a positive number", next_step="Give it in the unit of the data.")
    table = steps.table if causes else all_causes(steps.table)
    area, variance = restricted_means(table, steps.endpoint.rows.times[table.rank], float(tau))
    n_groups = len(steps.groups.levels)
    columns = range(1, area.shape[1]) if causes else [0]
    group = np.repeat(np.arange(n_groups), len(columns))
    estimate, std_error = area[:, columns].ravel(), np.sqrt(variance[:, columns].ravel())
    last = np.array([steps.times_of(g)[-1] if len(steps.times_of(g)) else -np.inf for g in range(n_groups)])
    zero = np.array(
        [bool(len(survival[steps.rows_of(g)])) and survival[steps.rows_of(g)][-1] == 0 for g in range(n_groups)]
    )
    lost = ((last < tau * (1 - 1e-12)) & ~zero)[group]
    estimate, std_error = np.where(lost, np.nan, estimate), np.where(lost, np.nan, std_error)
    z = normal_quantile(conf_level)
    out = group_frame(steps, group)
    if causes:
        out["cause"] = np.tile(np.array(steps.endpoint.causes, dtype=object), n_groups)
    out["tau"], out["n"] = float(tau), group_sizes(steps)[group]
    out["estimate"], out["std_error"] = estimate, std_error
    out["low"], out["high"] = estimate - z * std_error, estimate + z * std_error
    out["conf_level"], out["interval"], out["scale"] = conf_level, "plain", "time"
    out["note"] = np.where(lost, "not estimable: tau is beyond the last follow-up of the group", "")
    return out


def all_causes(table: RiskTable) -> RiskTable:
    """The table with events of all causes as one."""
    if table.events.shape[1] == 1:
        return table
    return table._replace(events=table.events.sum(axis=1, keepdims=True))


def kaplan_meier(
    endpoint: Endpoint,
    by: Columns | None = None,
    *,
    conf_type: str = "log-log",
    conf_level: float = 0.95,
    std_error: str = "greenwood",
    cluster: Columns | None = None,
    robust: bool = False,
) -> SurvivalCurve:
    """Kaplan-Meier estimate of the probability to be free of every event.

    Estimand: S(t) = P(T > t), T being the time to the first event of any cause. With d events among n at risk just before
    t, S(t) = product over times u <= t of (1 - d(u) / n(u)) (Kaplan and Meier 1958, doi:10.2307/2281868). Times
    that R's `timefix` calls tied are tied; events come before censorings at the same time; with delayed entry a row is at
    risk when entry < t <= time. Beyond the last follow-up of a group nothing is estimable unless S has reached 0.

    Parameters
    ----------
    endpoint
        Times and causes.
    by
        Column or columns to group by. Rows with a missing group are left out and counted.
    conf_type
        "plain", "log" (R's default), "log-log" (SAS's default, ours), "logit" or "arcsin".
    conf_level
        Level of the intervals.
    std_error
        "greenwood", or "peto" for S sqrt((1 - S) / n) with n at risk at t (Peto et al. 1977, doi:10.1038/bjc.1977.1).
    cluster
        Column or columns whose rows belong together; implies `robust`.
    robust
        Infinitesimal-jackknife standard errors; needed for weights that are not counts.

    Returns
    -------
    SurvivalCurve
        With `.tidy(times)`, `.quantile(p)`, `.rmst(tau)` and `.glance()`.

    Raises
    ------
    ColumnError, InputError
        Unknown column or option; nobody left; a group that is known only after the start.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> patients = pd.DataFrame({"years": [1.0, 2.0, 2.0, 4.0, 6.0], "status": [1, 1, 0, 1, 0]})
    >>> endpoint = iko.endpoint_from_columns(patients, time="years", status="status", causes={1: "relapse"})
    >>> iko.kaplan_meier(endpoint).tidy(times=[2])["estimate"].round(4).tolist()
    [0.6]
    """
    check_interval(conf_type, conf_level)
    if std_error not in ("greenwood", "peto"):
        raise InputError(f"no standard error is called {std_error!r}", next_step="Use 'greenwood' or 'peto'.")
    if std_error == "peto" and (robust or cluster is not None):
        raise InputError("Peto's standard error is not robust", next_step="Leave out std_error, or robust and cluster.")
    steps = make_steps(endpoint, by)
    survival, variance, _, _ = aalen_johansen(all_causes(steps.table))
    note = ""
    if robust or cluster is not None:
        std_error = "robust"
        variance = robust_variance(
            endpoint.rows, steps.table, survival, endpoint.cause > 0, endpoint.case_weights, steps.groups.codes,
            cluster_codes(endpoint, cluster, steps),
        )  # fmt: skip
    elif endpoint.weights is not None and not np.all(endpoint.weights == np.round(endpoint.weights)):
        note = "weights are not counts: use robust=True for standard errors"
    return SurvivalCurve(steps, frozen(survival), frozen(variance), conf_type, conf_level, std_error, note)


def cluster_codes(endpoint: Endpoint, cluster: Columns | None, steps: Steps) -> np.ndarray:
    """Codes of clusters, distinct between groups; each row (or each patient) is its own cluster when none is named."""
    if cluster is None:
        own = np.arange(len(endpoint)) if endpoint.subject is None else endpoint.subject
    else:
        own = endpoint.groups(cluster).codes
        refuse((own < 0) & (steps.groups.codes >= 0), "a cluster is missing", "Exclude those rows.")
    _, codes = np.unique(np.column_stack((steps.groups.codes, own)), axis=0, return_inverse=True)
    return codes.ravel().astype(np.int32)
