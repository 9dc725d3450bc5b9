"""Follow-up and its plateau: is it more than the end of the data?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.curves.steps import group_frame, read_all
from ikzf1_outcomes.curves.survival import kaplan_meier
from ikzf1_outcomes.endpoint import Columns, Endpoint, make_endpoint
from ikzf1_outcomes.kernels.risk import snap
from ikzf1_outcomes.models.extrapolation import PER_CAUSE


def sufficient_follow_up(
    endpoint: Endpoint, by: Columns | None = None, *, cause: str | None = None, conf_level: float = 0.95
) -> pd.DataFrame:
    r"""Is follow-up long enough to speak of a cured fraction? Two nonparametric tests, and the plateau itself.

    Null: the last uncured patients have their event after follow-up ends. With t the last follow-up, t* the last event and
    n patients, few events shortly before t*, in a stretch as long as the plateau t - t*, speak for the null:

    .. math:: N = \#\{\text{events in } (2 t^* - t,\ t^*]\}, \quad q_n = N / n, \quad \alpha_n = (1 - N / n)^n

    (Maller and Zhou 1992, doi:10.1093/biomet/79.4.731, and 1996; recalled, and as published programs write it). Shen (2000,
    doi:10.1016/S0167-7152(00)00063-8; as two published programs write it, the paper was not read) takes the events in
    [t* (1 - w^2), t*] with w = (t - t*) / t, a shorter stretch where the plateau is short. A small p-value speaks for
    follow-up that is long enough.

    They assume that there is a time after which nobody uncured is left, count a handful of events, and hold their size
    badly; a late relapse that nobody has yet seen leaves no trace in them. They can warn, and cannot prove.

    Edge rules. Where the last follow-up of a group is an event there is no plateau and no test. Delayed entry: no test, as
    the patients who failed before they came are not counted in n. Ends of the stretch are compared with the tolerance for
    ties of the endpoint. Weights count as patients.

    Parameters
    ----------
    endpoint
        Times and causes.
    by
        Column or columns of the groups. Rows with a missing group are left out.
    cause
        Name of the cause that is the event, the others censored; None for any.
    conf_level
        Level of the interval of the plateau, on the log-log scale.

    Returns
    -------
    DataFrame
        group, term, n, n_event, estimate, std_error, low, high, conf_level, interval, scale, statistic, p_value, note.
        Terms: "event-free at the end" (Kaplan-Meier at t), "last event", "last follow-up", "Maller and Zhou", "Shen"; the
        tests have N in `statistic`, N / n in `estimate` and (1 - N / n)^n in `p_value`.

    Raises
    ------
    ColumnError, InputError
        Unknown column or cause.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes import endpoint_from_columns
    >>> d = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6, 7, 8], "s": [1, 1, 1, 1, 0, 0, 0, 0]})
    >>> endpoint = endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> table = sufficient_follow_up(endpoint).set_index("term")
    >>> float(table.loc["Maller and Zhou", "estimate"])  # 4 events in (0, 4], of 8 patients
    0.5
    >>> float(table.loc["Maller and Zhou", "p_value"]) == 0.5**8
    True
    """
    normal_quantile(conf_level)
    event = endpoint.ends_with(cause)
    alone = only_event(endpoint, event)
    curve = kaplan_meier(alone, by, conf_level=conf_level)
    codes, groups = curve.steps.groups.codes, range(len(curve.steps.groups.levels))
    tidy, place = curve.tidy(), read_all(curve.steps).group
    note = "" if cause is None or len(endpoint.causes) == 1 else PER_CAUSE
    parts = []
    for g in groups:
        own = group_frame(curve.steps, np.full(5, g))
        end = tidy[place == g].tail(1)
        member = codes == g
        rows = group_rows(alone, member, end)
        frame = pd.DataFrame(rows)
        frame.loc[frame["scale"] == "probability", "note"] = note
        parts.append(pd.concat((own, frame), axis=1))
    out = pd.concat(parts, ignore_index=True).assign(conf_level=conf_level)
    measures = ["n", "n_event", "estimate", "std_error", "low", "high", "conf_level", "interval", "scale", "statistic"]
    last = [*measures, "p_value", "note"]
    return out[[*(name for name in out.columns if name not in last), *last]]


def only_event(endpoint: Endpoint, event: np.ndarray) -> Endpoint:
    """The same follow-up with one cause; other events are censored."""
    parts = (endpoint.entry, endpoint.weights, endpoint.subject)
    entry, weights, subject = (None if part is None else part.copy() for part in parts)
    return make_endpoint(
        endpoint.frame, endpoint.time.copy(), event.astype(np.int32), ["event"], entry=entry, weights=weights,
        subject=subject, time_unit=endpoint.time_unit, start=None if endpoint.start is None else endpoint.start.copy(),
        known_at=endpoint.known_at,
    )  # fmt: skip


def group_rows(endpoint: Endpoint, member: np.ndarray, end: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of one group; `end` is the last row of its Kaplan-Meier curve, or nothing."""
    event = member & (endpoint.cause > 0)
    weight, n = endpoint.case_weights, endpoint.patients(member)
    common = {"n": n, "n_event": int(event.sum()), "interval": "", "note": ""}
    blank = dict.fromkeys(("estimate", "std_error", "low", "high", "statistic", "p_value"), np.nan)
    last = float(endpoint.time[member].max()) if member.any() else np.nan
    final = float(endpoint.time[event].max()) if event.any() else np.nan
    free = {name: float(end[name].iloc[0]) for name in ("estimate", "std_error", "low", "high")} if len(end) else {}
    rows = [
        {"term": "event-free at the end", **common, **blank, **free, "interval": "log-log", "scale": "probability"},
        {"term": "last event", **common, **blank, "estimate": final, "scale": "time"},
        {"term": "last follow-up", **common, **blank, "estimate": last, "scale": "time"},
    ]
    reason = no_test(endpoint, member, final, last)
    for term, begin, closed in (
        ("Maller and Zhou", 2.0 * final - last, False),
        ("Shen", final * (1.0 - ((last - final) / last) ** 2) if last > 0 else np.nan, True),
    ):
        row = {"term": term, **common, **blank, "scale": "share", "note": reason}
        if not reason:
            begin = float(snap(np.array([begin]), endpoint.rows.times)[0])
            inside = event & (endpoint.time >= begin if closed else endpoint.time > begin)
            found = float(weight[inside].sum())
            row |= {"statistic": found, "estimate": found / n, "p_value": (1.0 - found / n) ** n}
        rows.append(row)
    return rows


def no_test(endpoint: Endpoint, member: np.ndarray, final: float, last: float) -> str:
    """Why a group has no test; empty where it has one."""
    if not np.isfinite(final):
        return "not defined: no events"
    if final >= last:
        return "not defined: the last follow-up is an event, so that there is no plateau"
    if endpoint.entry is None:
        return ""
    subject = np.arange(len(member)) if endpoint.subject is None else endpoint.subject
    first = np.full(int(subject.max()) + 1, np.inf)
    np.minimum.at(first, subject[member], endpoint.entry[member])
    late = np.isfinite(first) & (first > 0)
    return "not defined: delayed entry" if late.any() else ""
