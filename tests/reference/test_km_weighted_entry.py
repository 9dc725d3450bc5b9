"""Kaplan-Meier under ties, weights, clusters and delayed entry, and with events at time 0, against survfit."""

import numpy as np
import pytest
import reading

from ikzf1_outcomes import endpoint_from_columns, kaplan_meier

CASE = "km_weighted_entry"
V = reading.values(CASE)
FIVE = ["plain", "log", "log-log", "logit", "arcsin"]
# curve of R: data set, weights, options
CURVES = {
    "zero": ("zero", None, {}),
    "zero_cases": ("zero", "cases", {}),
    "zero_robust": ("zero", None, {"robust": True}),
    "zero_cluster": ("zero", None, {"cluster": "centre"}),
    "zero_weight_robust": ("zero", "weight", {"robust": True}),
    "zero_weight_naive": ("zero", "weight", {}),
    "zero_weight_cluster": ("zero", "weight", {"cluster": "centre"}),
    "entry": ("entry", None, {}),
    "entry_cases": ("entry", "cases", {}),
    "entry_robust": ("entry", None, {"robust": True}),
    "entry_cluster": ("entry", None, {"cluster": "centre"}),
    "entry_weight_robust": ("entry", "weight", {"robust": True}),
}


def endpoint(name, weights):
    entry = {"entry": "entry"} if name == "entry" else {}
    frame = reading.inputs(CASE, name)
    return endpoint_from_columns(frame, time="time", status="status", causes={1: "event"}, weights=weights, **entry)


@pytest.mark.parametrize("curve", CURVES)
def test_curves(curve):
    name, weights, options = CURVES[curve]
    theirs = reading.table(V[curve])
    types = [c.removeprefix("low ") for c in theirs if c.startswith("low ")]
    e = endpoint(name, weights)
    for conf_type in types:
        ours = kaplan_meier(e, by="group", conf_type=conf_type, **options).tidy(times=sorted(set(theirs["time"])))
        r = theirs.assign(low=theirs[f"low {conf_type}"], high=theirs[f"high {conf_type}"])
        # once S is 0 we give no standard error; nor does R, except for 0 in its robust ones
        r.loc[r["estimate"] == 0, ["std_error", "low", "high"]] = np.nan
        columns = ["n_risk", "n_event", "n_censor", "estimate", "std_error", "low", "high"]
        reading.agree_in(ours, r, ["group", "time"], columns)


@pytest.mark.parametrize(
    ("key", "name", "weights"),
    [
        ("zero_quantiles", "zero", None),
        ("zero_cases_quantiles", "zero", "cases"),
        ("entry_quantiles", "entry", None),
    ],
)
def test_quantiles(key, name, weights):
    for conf_type, rows in V[key].items():
        ours = kaplan_meier(endpoint(name, weights), by="group", conf_type=conf_type).quantile([0.25, 0.5, 0.75])
        reading.agree_in(ours, reading.table(rows), ["group", "quantile"], ["estimate", "low", "high"])


@pytest.mark.parametrize(
    ("key", "name", "weights"),
    [
        ("zero_mean_24", "zero", None),
        ("zero_cases_mean_24", "zero", "cases"),
        ("entry_mean_24", "entry", None),
    ],
)
def test_restricted_means(key, name, weights):
    ours = kaplan_meier(endpoint(name, weights), by="group").rmst(24)
    reading.agree_in(ours, reading.table(V[key]), ["group"], ["estimate", "std_error"])
