"""The long table of results: one row a number, from curves, tests and models, before anything is rounded.

Tables, figures' captions and sentences are all read from these rows, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.comparisons import gray_test, logrank_test
from ikzf1_outcomes.curves.differences import failure_ledger
from ikzf1_outcomes.curves.follow import follow_up
from ikzf1_outcomes.curves.incidence import cumulative_incidence
from ikzf1_outcomes.curves.survival import kaplan_meier
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.models.proportional_hazards import cox

RESULT_COLUMNS = (
    "variable", "endpoint", "origin", "method", "term", "group", "contrast", "cause", "time", "n", "n_risk", "n_event",
    "n_excluded", "estimate", "std_error", "low", "high", "conf_level", "interval", "scale", "statistic", "df", "p_value",
    "policy", "note",
)  # fmt: skip
EVERYBODY = "all patients"
"""The `variable` of rows that are not split into groups."""
LEFT_OUT = "left out"
"""The `term` of the rows that count patients whom an endpoint or its landmark leaves out."""


class Settings(NamedTuple):
    """What the rows of a study share."""

    horizon: float = 5.0
    times: tuple[float, ...] = (1.0, 3.0, 5.0)
    conf_type: str = "log-log"
    conf_level: float = 0.95
    std_error: str = "greenwood"
    strata: tuple[str, ...] = ()
    follow_up_endpoint: str = "OS"
    potential: str | None = None


def outcome_results(
    endpoints: Mapping[str, Endpoint], variable: str | None = None, settings: Settings | None = None
) -> pd.DataFrame:
    """Every number of the outcome table for one grouping variable, or for all patients.

    For each endpoint: estimates at `settings.times` (survival for EFS, OS and DFS; the incidence of the cause of interest
    for the others), the test between groups (log-rank or Gray) and Cox hazard ratios (cause-specific where a cause is
    named). For EFS the failure ledger at the horizon; for overall survival the follow-up.

    Parameters
    ----------
    endpoints
        Name to endpoint.
    variable
        Column of the groups; None for everybody.
    settings
        Horizon, times, intervals.

    Returns
    -------
    DataFrame
        Columns `RESULT_COLUMNS`; one row a number, with method, policy and note. What could not be estimated has a row
        with a NaN and a note.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 6.0, 2.0, 7.0], "s": [1, 0, 1, 0], "arm": ["a", "a", "b", "b"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"}, name="EFS")
    >>> rows = iko.outcome_results({"EFS": endpoint}, "arm")
    >>> rows.loc[(rows["term"] == "survival") & (rows["time"] == 5), "estimate"].tolist()
    [0.5, 0.5]
    """
    chosen = settings or Settings()
    parts = []
    for name, endpoint in endpoints.items():
        rows = pd.concat(endpoint_parts(endpoint, variable, chosen), ignore_index=True)
        rows["variable"], rows["endpoint"], rows["origin"] = variable or EVERYBODY, name, endpoint.origin
        rows["policy"] = " ".join(endpoint.policy)
        rows["n_excluded"] = endpoint.groups(variable).n_missing
        parts.append(rows)
    table = pd.concat(parts, ignore_index=True).reindex(columns=list(RESULT_COLUMNS))
    for text in ("group", "contrast", "cause", "interval", "scale", "policy", "note", "method", "origin"):
        table[text] = table[text].map(lambda value: "" if value is None or value != value else str(value)).astype(object)
    return table


def endpoint_parts(endpoint: Endpoint, variable: str | None, chosen: Settings) -> list[pd.DataFrame]:
    """The pieces of one endpoint's rows."""
    times = sorted({*chosen.times, chosen.horizon})
    interval = {"conf_type": chosen.conf_type, "conf_level": chosen.conf_level}
    left_out = {
        "term": [LEFT_OUT],
        "method": ["definition of the endpoint"],
        "n": [endpoint.n_excluded],
        "scale": ["count"],
    }
    parts: list[pd.DataFrame] = [pd.DataFrame(left_out)]
    if endpoint.interest is None:
        curve = kaplan_meier(endpoint, variable, std_error=chosen.std_error, **interval)  # type: ignore[arg-type]
        name = f"Kaplan-Meier, {chosen.std_error.capitalize()} standard error"
        parts += [running(curve.tidy(times)).assign(term="survival", method=name), whole(curve.glance(), "survival", name)]
    else:
        incidence = cumulative_incidence(endpoint, variable, **interval)  # type: ignore[arg-type]
        tidy, counts = incidence.tidy(times), incidence.glance()
        name = "Aalen-Johansen, Greenwood-type standard error"
        parts.append(running(tidy[tidy["cause"] == endpoint.interest]).assign(term="incidence", method=name))
        parts.append(whole(counts[counts["cause"] == endpoint.interest], "incidence", name))
    if endpoint.interest is None and len(endpoint.causes) > 1:
        ledger = failure_ledger(endpoint, variable, at=chosen.horizon, **interval)  # type: ignore[arg-type]
        parts.append(ledger.assign(method="failure ledger", term="ledger: " + ledger["term"]))
    if endpoint.name == chosen.follow_up_endpoint:
        follow = follow_up(endpoint, variable, potential=chosen.potential, **interval)  # type: ignore[arg-type]
        parts.append(follow.assign(term="follow-up: " + follow["term"], method="reverse Kaplan-Meier"))
    if variable is not None:
        parts.append(between_groups(endpoint, variable, chosen))
        parts.append(hazard_ratios(endpoint, variable, chosen))
    return parts


def whole(glance: pd.DataFrame, term: str, method: str) -> pd.DataFrame:
    """Patients and events of each group over the whole follow-up."""
    kept = [name for name in ("group", "cause", "n", "n_event", "note") if name in glance]
    return glance[kept].assign(term=f"{term}: whole follow-up", scale="count", method=method)


def running(tidy: pd.DataFrame) -> pd.DataFrame:
    """Events counted from the origin, as papers print them, instead of since the previous time."""
    keys = [key for key in ("group", "cause") if key in tidy]
    out = tidy.copy()
    out["n_event"] = out.groupby(keys, sort=False, dropna=False)["n_event"].cumsum()
    return out


def between_groups(endpoint: Endpoint, variable: str, chosen: Settings) -> pd.DataFrame:
    """The row of the log-rank test, or of Gray's when the endpoint names a cause."""
    strata = list(chosen.strata) or None
    if endpoint.interest is None:
        return attempted(lambda: logrank_test(endpoint, variable, strata=strata).glance(), "log-rank").assign(term="test")
    cause = endpoint.interest
    return attempted(lambda: gray_test(endpoint, variable, cause=cause, strata=strata).glance(), "Gray").assign(
        term="test", cause=cause
    )


def hazard_ratios(endpoint: Endpoint, variable: str, chosen: Settings) -> pd.DataFrame:
    """Cox rows of a grouping variable: any event, or the cause of interest with the others censored."""
    cause = endpoint.interest
    method = "Cox, Efron ties" if cause is None else "cause-specific Cox, Efron ties"

    def fit() -> pd.DataFrame:
        model = cox(as_categories(endpoint, variable), [variable], cause=cause, conf_level=chosen.conf_level)
        return model.tidy().assign(method=method, group=[c.level for c in model.design.coefficients])

    return attempted(fit, method).assign(term="hazard ratio")


def as_categories(endpoint: Endpoint, variable: str) -> Endpoint:
    """The endpoint with a column as the groups it makes: a flag or a number is no covariate in a table of groups."""
    groups = endpoint.groups(variable)
    column = pd.Categorical.from_codes(groups.codes, categories=list(groups.levels))
    return replace(endpoint, frame=endpoint.frame.assign(**{variable: column}))


def attempted(make: Callable[[], pd.DataFrame], method: str) -> pd.DataFrame:
    """What `make` returns, or one row that says why there is no number."""
    try:
        return make()
    except (InputError, ConvergenceError) as error:
        row = {"method": [method], "estimate": [np.nan], "p_value": [np.nan]}
        return pd.DataFrame({**row, "note": [f"not estimable: {error.problem}"]})


def select(results: pd.DataFrame, **conditions: object) -> pd.DataFrame:
    """Rows in which the named columns have the given values."""
    keep = np.ones(len(results), dtype=bool)
    for name, value in conditions.items():
        keep &= (results[name] == value).to_numpy()
    return results[keep]
