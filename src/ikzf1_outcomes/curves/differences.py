"""Differences between groups at a time: risks and restricted means; the failure ledger."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.comparisons import two_sided
from ikzf1_outcomes.curves.incidence import cumulative_incidence
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.curves.survival import join, kaplan_meier
from ikzf1_outcomes.endpoint import Columns, Endpoint, label
from ikzf1_outcomes.errors import InputError


def differences(table: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Each group's estimate minus that of the first group with somebody in it, with a normal interval.

    The groups are independent: the variance is the sum of the two. Where one of them had no event there is no interval.
    Works within `cause` where there is one.
    """
    frames = []
    by_cause = "cause" in table
    causes = list(dict.fromkeys(table["cause"])) if by_cause else [None]
    for cause in causes:
        part = table[table["cause"] == cause] if by_cause else table
        present = part[part["n"] > 0].reset_index(drop=True)
        if len(present) < 2:
            raise InputError("a difference needs at least two groups with somebody in them")
        reference, others = present.iloc[0], present.iloc[1:]
        out = pd.DataFrame({"contrast": [f"{label(g)} vs {label(reference['group'])}" for g in others["group"]]})
        if by_cause:
            out["cause"] = cause
        for column in ("time", "tau"):
            if column in table:
                out[column] = others[column].to_numpy()
        out["n"] = (others["n"] + reference["n"]).to_numpy()
        estimate = (others["estimate"] - reference["estimate"]).to_numpy(dtype=float)
        parts = others["std_error"].to_numpy(dtype=float), float(reference["std_error"])
        # a group without events has a variance of 0, which is no knowledge: four patients would make any difference certain
        empty = (parts[0] == 0) | (parts[1] == 0)
        std_error = np.where(empty, np.nan, np.hypot(*parts))
        half = normal_quantile(conf_level) * std_error
        with np.errstate(divide="ignore", invalid="ignore"):
            z = estimate / std_error
        out["estimate"], out["std_error"], out["low"], out["high"] = (
            estimate,
            std_error,
            estimate - half,
            estimate + half,
        )
        out["conf_level"], out["interval"], out["scale"] = conf_level, "plain", reference["scale"]
        out["statistic"], out["p_value"] = z, two_sided(z)
        unknown = np.where(empty & ~np.isnan(estimate), "no interval: a group had none of these events", "")
        said = [reference["note"], *others["note"]]
        out["note"] = [
            join(said[0], own if own != said[0] else "", why) for own, why in zip(said[1:], unknown, strict=True)
        ]
        frames.append(out)
    return pd.concat(frames, ignore_index=True)


def rmst_difference(endpoint: Endpoint, by: Columns, *, tau: float, conf_level: float = 0.95) -> pd.DataFrame:
    """Difference in restricted mean survival time to tau, each group against the first.

    Estimand: the event-free time gained before tau. Variances of the groups add up (Royston and Parmar 2013,
    doi:10.1186/1471-2288-13-152). Not estimable beyond a group's last follow-up.

    Returns
    -------
    DataFrame
        contrast, tau, n, estimate, std_error, low, high, conf_level, interval, scale ("time"), statistic, p_value, note.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 3.0, 2.0, 4.0], "s": [1, 0, 1, 0], "arm": ["a", "a", "b", "b"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.rmst_difference(endpoint, "arm", tau=3)["estimate"].tolist()
    [0.5]
    """
    return differences(kaplan_meier(endpoint, by).rmst(tau), conf_level)


def years_lost_difference(endpoint: Endpoint, by: Columns, *, tau: float, conf_level: float = 0.95) -> pd.DataFrame:
    """Difference in mean time lost to each cause before tau, each group against the first.

    Returns
    -------
    DataFrame
        As `rmst_difference`, with a row for each cause.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 3.0, 2.0, 4.0], "s": [1, 0, 1, 0], "arm": ["a", "a", "b", "b"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.years_lost_difference(endpoint, "arm", tau=3)["estimate"].tolist()
    [-0.5]
    """
    return differences(cumulative_incidence(endpoint, by).years_lost(tau), conf_level)


def risk_difference(
    endpoint: Endpoint, by: Columns, *, at: float, cause: str | None = None, conf_level: float = 0.95
) -> pd.DataFrame:
    """Difference in risk at a time, each group against the first.

    Estimand: F_k(at) of the group minus that of the first group; without `cause`, 1 - S(at), the risk of any event.
    Greenwood variances add up; normal interval.

    Returns
    -------
    DataFrame
        contrast, cause (when named), time, n, estimate, std_error, low, high, conf_level, interval, scale, statistic,
        p_value, note.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 3.0, 2.0, 4.0], "s": [1, 0, 0, 0], "arm": ["a", "a", "b", "b"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.risk_difference(endpoint, "arm", at=2)["estimate"].tolist()
    [-0.5]
    """
    if cause is None:
        table = kaplan_meier(endpoint, by).tidy(times=[at])
        table["estimate"] = 1.0 - table["estimate"]
        return differences(table, conf_level)
    endpoint.cause_code(cause)
    table = cumulative_incidence(endpoint, by).tidy(times=[at])
    return differences(table[table["cause"] == cause].reset_index(drop=True), conf_level)


def failure_ledger(
    endpoint: Endpoint, by: Columns | None = None, *, at: float, conf_type: str = "log-log", conf_level: float = 0.95
) -> pd.DataFrame:
    """Where everybody is at a time: event-free, or lost to each cause, adding up to 100 % in every group.

    For each group: the event-free probability S(at), the incidence F_k(at) of each cause, the restricted mean event-free
    time and the mean time lost to each cause before `at`; and, against the first group, the differences of all of them.
    S + sum(F_k) = 1 and the times add up to `at`, exactly.

    Parameters
    ----------
    endpoint
        Times and causes.
    by
        Column or columns of the groups.
    at
        The horizon, in the endpoint's unit.

    Returns
    -------
    DataFrame
        term ("probability", "mean time", "difference in probability", "difference in mean time"), group, contrast,
        cause ("event-free" or a cause), time, n, n_event, estimate, std_error, low, high, conf_level, interval, scale,
        p_value, note.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 6.0], "s": [1, 2, 0, 0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse", 2: "death"})
    >>> ledger = iko.failure_ledger(endpoint, at=5)
    >>> float(ledger.loc[ledger["term"] == "probability", "estimate"].sum())
    1.0
    """
    curve = kaplan_meier(endpoint, by, conf_type=conf_type, conf_level=conf_level)
    causes = cumulative_incidence(endpoint, by, conf_type=conf_type, conf_level=conf_level)
    free = curve.tidy(times=[at]).assign(cause="event-free")
    free["n_event"] = np.nan
    risks = pd.concat([free, causes.tidy(times=[at])], ignore_index=True)
    means = pd.concat([curve.rmst(at).assign(cause="event-free"), causes.years_lost(at)], ignore_index=True)
    means = means.rename(columns={"tau": "time"})
    parts = [risks.assign(term="probability"), means.assign(term="mean time")]
    if by is not None and (free["n"] > 0).sum() > 1:
        parts.append(differences(risks, conf_level).assign(term="difference in probability"))
        parts.append(differences(means, conf_level).assign(term="difference in mean time"))
    ledger = pd.concat([part.assign(group=part.get("group"), contrast=part.get("contrast")) for part in parts])
    order = [
        "term", "group", "contrast", "cause", "time", "n", "n_event", "estimate", "std_error", "low", "high",
        "conf_level", "interval", "scale", "p_value", "note",
    ]  # fmt: skip
    ledger["contrast"] = ledger["contrast"].fillna("")
    return ledger.reindex(columns=order).reset_index(drop=True)
