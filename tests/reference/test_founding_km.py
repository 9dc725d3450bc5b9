"""Kaplan-Meier against the values the project was founded on (survival 3.5.3, survRM2)."""

import numpy as np
import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko
from ikzf1_outcomes import endpoint_from_columns, kaplan_meier

KM = reading.values("founding", "km")
TYPES = ["plain", "log", "log-log", "logit", "arcsin"]
# entry of the values: data set, time, status, group
CURVES = {
    "pbc_overall": ("pbc", "years", "death", None),
    "pbc_trt": ("pbc", "years", "death", "trt"),
    "lung_sex": ("lung", "time", "status", "female"),
    "larynx_stage": ("larynx", "time", "delta", "stage"),
}


def endpoint(name, time, status, **columns):
    return endpoint_from_columns(reading.inputs("founding", name), time=time, status=status, causes={1: "death"}, **columns)


def rows(v, frame, time, by):
    """R's summary.survfit as a frame, with what lies beyond a group's last follow-up marked."""
    t = pd.DataFrame({"time": v["time"]})
    names = {
        "n.risk": "n_risk",
        "n.event": "n_event",
        "n.censor": "n_censor",
        "surv": "estimate",
        "std.err": "std_error",
    }
    for theirs, ours in (names | {"lower": "low", "upper": "high"}).items():
        t[ours] = reading.numbers(v[theirs])
    last = frame[time].max()
    if by is not None:
        t["group"] = [float(s.split("=")[1]) for s in v["strata"]]
        last = t["group"].map(frame.groupby(by)[time].max())
    t["beyond"] = (t["time"] > last) & (t["estimate"] > 0)
    return t


@pytest.mark.parametrize("conf_type", TYPES)
@pytest.mark.parametrize("case", CURVES)
def test_curves_and_every_interval(case, conf_type):
    name, time, status, by = CURVES[case]
    v = KM[case]
    theirs = rows({**v["plain"], **v[conf_type]}, reading.inputs("founding", name), time, by)
    ours = kaplan_meier(endpoint(name, time, status), by=by, conf_type=conf_type).tidy(times=v["times"])
    columns = ["n_risk", "n_event", "n_censor", "estimate", "std_error", "low", "high"]
    reading.agree_in(ours, theirs, ["group", "time"] if by else ["time"], columns)


@pytest.mark.parametrize("conf_type", ["plain", "log", "log-log"])
@pytest.mark.parametrize("case", CURVES)
def test_quantiles(case, conf_type):
    name, time, status, by = CURVES[case]
    v = KM[case][f"quantiles_{conf_type}"]
    ours = kaplan_meier(endpoint(name, time, status), by=by, conf_type=conf_type).quantile(v["probs"])
    ours = ours.sort_values(["group", "quantile"] if by else ["quantile"])
    for column, theirs in (("estimate", "q"), ("low", "lower"), ("high", "upper")):
        reading.agree(ours[column], reading.numbers(v[theirs]).ravel(), column)


def test_a_full_curve_in_days():
    v = KM["pbc_days_full_curve"]
    ours = kaplan_meier(endpoint("pbc", "time", "death"), conf_type="log").tidy()
    ours = ours[ours["time"] > 0]
    theirs = {"time": "time", "n_risk": "n.risk", "n_event": "n.event", "n_censor": "n.censor", "estimate": "surv"}
    for column, r in (theirs | {"low": "lower", "high": "upper"}).items():
        reading.agree(ours[column], v[r], column)
    reading.agree(ours["std_error"], np.array(v["std.err_of_log"]) * np.array(v["surv"]))


def test_full_curves_of_two_small_groups():
    v = KM["ovarian_full"]
    ours = kaplan_meier(endpoint("ovarian", "futime", "fustat"), by="rx").tidy()
    ours = ours[ours["time"] > 0].sort_values(["group", "time"])
    theirs = {"time": "time", "n_risk": "n.risk", "n_event": "n.event", "estimate": "surv"}
    for column, r in (theirs | {"low": "lower", "high": "upper"}).items():
        reading.agree(ours[column], v[r], column)
    reading.agree(ours["std_error"], np.array(v["std.err_of_log"]) * np.array(v["surv"]))


def test_ninety_percent_limits():
    ours = kaplan_meier(endpoint("lung", "time", "status"), conf_level=0.9).tidy(times=[100, 365, 730])
    theirs = rows(KM["lung_ci90"], reading.inputs("founding", "lung"), "time", None)
    reading.agree_in(ours, theirs, ["time"], ["n_risk", "estimate", "std_error", "low", "high"])


def test_robust_standard_error():
    ours = kaplan_meier(endpoint("lung", "time", "status"), by="female", conf_type="log", robust=True)
    theirs = rows(KM["robust_ij"], reading.inputs("founding", "lung"), "time", "female")
    reading.agree_in(ours.tidy(times=[100, 365, 730]), theirs, ["group", "time"], ["estimate", "std_error", "low", "high"])


def test_cluster_standard_error_with_intervals():
    e = endpoint("bladder2", "stop", "event", entry="start")
    ours = kaplan_meier(e, by="rx", conf_type="log", cluster="id").tidy(times=[5, 10, 20, 40])
    theirs = rows(KM["cluster_id"], reading.inputs("founding", "bladder2"), "stop", "rx")
    reading.agree_in(ours, theirs, ["group", "time"], ["estimate", "std_error", "low", "high"])


def test_time_dependent_groups_as_intervals():
    e = endpoint("heart", "stop", "event", entry="start", subject="id")
    ours = kaplan_meier(e, by="transplant", conf_type="log").tidy(times=[10, 50, 100, 300, 600, 1000])
    theirs = rows(KM["heart_tdc"], reading.inputs("founding", "heart"), "stop", "transplant")
    reading.agree_in(ours, theirs, ["group", "time"], ["n_event", "estimate", "std_error", "low", "high"])


def test_landmark_is_start_time():
    ours = kaplan_meier(iko.landmark(endpoint("pbc", "years", "death"), 2), conf_type="log").tidy(times=[3, 5, 10])
    theirs = rows(KM["start_time"], reading.inputs("founding", "pbc"), "years", None)
    theirs = theirs[theirs["time"] > 2]
    reading.agree_in(ours, theirs, ["time"], ["n_risk", "n_event", "estimate", "std_error", "low", "high"])


@pytest.mark.parametrize(
    ("key", "name", "time", "status", "by", "tau"),
    [
        ("pbc_trt_tau10", "pbc", "years", "death", "trt", 10),
        ("pbc_all_tau5", "pbc", "years", "death", None, 5),
        ("lung_tau365", "lung", "time", "status", "female", 365),
    ],
)
def test_restricted_means(key, name, time, status, by, tau):
    v = KM["rmst_survfit__part"][key]
    ours = kaplan_meier(endpoint(name, time, status), by=by).rmst(tau)
    ours = ours.sort_values("group") if by else ours
    reading.agree(ours["estimate"], v["rmean"])
    reading.agree(ours["std_error"], v["se"])


@pytest.mark.parametrize(
    ("key", "name", "time", "status", "by", "tau", "sign"),
    [
        ("pbc_tau10", "pbc", "years", "death", "trt", 10, -1),  # R has 1 vs 2
        ("lung_tau600", "lung", "time", "status", "female", 600, 1),
        ("ovarian_tau_default", "ovarian", "futime", "fustat", "rx", 1106, 1),
    ],
)
def test_difference_of_restricted_means(key, name, time, status, by, tau, sign):
    v = KM["rmst_survRM2__part"][key]
    estimate, low, high, p = reading.numbers(v["unadjusted"])[0]
    if sign < 0:
        estimate, low, high = -estimate, -high, -low
    ours = iko.rmst_difference(endpoint(name, time, status), by, tau=tau)
    assert len(ours) == 1
    reading.agree(ours[["estimate", "low", "high", "p_value"]], [estimate, low, high, p])
    reading.agree(ours["std_error"], np.sqrt(v["rmst_var0"] + v["rmst_var1"]))


@pytest.mark.parametrize(
    ("key", "times", "status", "conf_type"),
    [
        ("last_is_event", [1, 2, 3, 4, 5], [1, 0, 1, 0, 1], "log"),
        ("all_cens", [1, 2, 3, 4, 5], [0, 0, 0, 0, 0], "log"),
        ("all_events", [1, 2, 3, 4, 5], [1, 1, 1, 1, 1], "log-log"),
        ("tie_event_cens", [1, 1, 2, 2], [1, 0, 1, 0], "log"),
        ("single", [3], [1], "log"),
    ],
)
def test_edges(key, times, status, conf_type):
    frame = pd.DataFrame({"t": times, "s": status}, dtype=float)
    e = endpoint_from_columns(frame, time="t", status="s", causes={1: "death"})
    theirs = rows(KM["edge_allcensored_lastevent"][key], frame, "t", None)
    ours = kaplan_meier(e, conf_type=conf_type).tidy(times=theirs["time"].tolist())
    reading.agree_in(ours, theirs, ["time"], ["n_risk", "n_event", "n_censor", "estimate", "std_error", "low", "high"])


def test_near_ties_are_one_time():
    frame = pd.DataFrame({"t": [1, 1 + 1e-12, 2], "s": [1, 1, 1]})
    ours = kaplan_meier(endpoint_from_columns(frame, time="t", status="s", causes={1: "death"})).tidy()
    ours = ours[ours["n_event"] > 0]
    reading.agree(ours["time"], KM["edge_allcensored_lastevent"]["near_ties"])
    reading.agree(ours["n_event"], [2, 1])


def test_follow_up_is_the_reversed_curve():
    ours = iko.follow_up(endpoint("pbc", "years", "death"), conf_type="log").set_index("term")
    v = KM["reverse_km__part"]["pbc"]
    for column, theirs in (("estimate", "q"), ("low", "lo"), ("high", "hi")):
        reading.agree(ours.loc[["lower quartile", "median", "upper quartile"], column], v[theirs], column)
