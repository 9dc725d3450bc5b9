"""How long patients were followed: reverse Kaplan-Meier, survivors, completeness."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.steps import group_frame, group_sizes
from ikzf1_outcomes.curves.survival import kaplan_meier
from ikzf1_outcomes.endpoint import Columns, Endpoint, make_endpoint, numbers, refuse


def reversed_endpoint(endpoint: Endpoint) -> Endpoint:
    """Censoring as the event, events as censoring; split rows stay split."""
    return make_endpoint(
        endpoint.frame,
        endpoint.time.copy(),
        (endpoint.cause == 0).astype(np.int32),
        ["end of follow-up"],
        entry=None if endpoint.entry is None else endpoint.entry.copy(),
        weights=None if endpoint.weights is None else endpoint.weights.copy(),
        subject=None if endpoint.subject is None else endpoint.subject.copy(),
        name="follow-up",
    )


def follow_up(
    endpoint: Endpoint,
    by: Columns | None = None,
    *,
    potential: str | None = None,
    conf_type: str = "log-log",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Length and completeness of follow-up. Give it the overall-survival endpoint.

    Median and quartiles are those of the reverse Kaplan-Meier estimate: the time to censoring, with events as censoring
    (Schemper and Smith 1996, doi:10.1016/0197-2456(96)00075-X), the plain flip as R users write it. The median among the
    patients without an event is given beside it because papers print it; it is shorter where many have died late.
    Completeness is the time observed divided by the time that could have been observed by the data cut-off, an event
    counting as fully observed (Clark 2002, doi:10.1016/S0140-6736(02)08272-7).

    Parameters
    ----------
    endpoint
        Usually OS.
    by
        Column or columns of the groups.
    potential
        Column with the time from origin to the data cut-off of each patient. Without it completeness is NaN.

    Returns
    -------
    DataFrame
        term ("lower quartile", "median", "upper quartile", "median in survivors", "completeness"), group, n, estimate,
        low, high, conf_level, interval, scale ("time" or "share"), note.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0, 5.0], "s": [1, 0, 0, 0, 0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "death"})
    >>> float(iko.follow_up(endpoint).set_index("term").loc["median", "estimate"])
    3.5
    """
    curve = kaplan_meier(reversed_endpoint(endpoint), by, conf_type=conf_type, conf_level=conf_level)
    quantiles = curve.quantile([0.25, 0.5, 0.75])
    names = {0.25: "lower quartile", 0.5: "median", 0.75: "upper quartile"}
    quantiles.insert(0, "term", [names[q] for q in quantiles.pop("quantile")])
    steps = curve.steps
    groups = np.arange(len(steps.groups.levels))
    last = endpoint.cause == 0
    parts = [quantiles]
    for term, scale in (("median in survivors", "time"), ("completeness", "share")):
        out = group_frame(steps, groups)
        out.insert(0, "term", term)
        out["n"], out["scale"] = group_sizes(steps), scale
        out["low"], out["high"], out["conf_level"], out["interval"], out["note"] = np.nan, np.nan, conf_level, "", ""
        if term == "completeness":
            out["estimate"] = [completeness(endpoint, steps.groups.codes == g, potential) for g in groups]
            out["note"] = "" if potential else "no data cut-off was given"
        else:
            chosen = [endpoint.time[(steps.groups.codes == g) & last] for g in groups]
            out["estimate"] = [float(np.median(times)) if len(times) else np.nan for times in chosen]
        parts.append(out)
    table = pd.concat(parts, ignore_index=True)
    measures = ["n", "estimate", "low", "high", "conf_level", "interval", "scale", "note"]
    return table[[name for name in table.columns if name not in measures] + measures]


def completeness(endpoint: Endpoint, member: np.ndarray, potential: str | None) -> float:
    """Observed share of the follow-up that was possible by the data cut-off."""
    if potential is None:
        return np.nan
    # a row that another row of the patient takes up is not the end of anybody's follow-up
    member = member & (endpoint.cause >= 0)
    endpoint.column(potential)
    given = numbers(endpoint.frame, potential)
    refuse(member & np.isnan(given), "a data cut-off is missing", "Exclude those rows, or complete them.")
    possible = given[member]
    done = np.where(endpoint.cause[member] > 0, possible, np.minimum(endpoint.time[member], possible))
    return float(done.sum() / possible.sum()) if possible.sum() > 0 else np.nan
