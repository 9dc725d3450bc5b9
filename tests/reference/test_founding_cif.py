"""Incidence and Gray's test against the founding values on pbc (cmprsk, survfit)."""

import pandas as pd
import pytest
import reading

from ikzf1_outcomes import cumulative_incidence, endpoint_from_columns, gray_test

V = reading.values("founding", "cif")["pbc_stage"]
CAUSES = {1: "transplant", 2: "death"}
FRAME = reading.inputs("founding", "pbc")
LAST = FRAME.groupby("stage")["time"].max()


def endpoint():
    return endpoint_from_columns(FRAME, time="time", status="status", causes=CAUSES)


@pytest.mark.parametrize(("by", "key"), [(None, "overall_cuminc"), ("stage", "group_cuminc")])
def test_cuminc(by, key):
    v = V[key]
    ours = cumulative_incidence(endpoint(), by=by, variance="cmprsk").tidy(times=v["times"])
    est, var = reading.numbers(v["est"]), reading.numbers(v["var"])
    for i, curve in enumerate(v["curves"]):
        group, code = curve.split()
        one = ours[ours["cause"] == CAUSES[int(code)]]
        one = (one if by is None else one[one["group"] == float(group)]).sort_values("time")
        reading.agree(one["estimate"], est[i], curve)
        reading.agree(one["std_error"] ** 2, var[i], curve)


@pytest.mark.parametrize(("by", "conf_type"), [(None, "log-log"), (None, "log"), (None, "plain"), ("stage", "log-log")])
def test_survfit(by, conf_type):
    v = V["overall_survfit"][conf_type] if by is None else V["group_survfit_loglog"]
    ours = cumulative_incidence(endpoint(), by=by, conf_type=conf_type).tidy(times=sorted(set(v["time"])))
    for code, cause in CAUSES.items():
        columns = {"pstate": "estimate", "std.err": "std_error", "lower": "low", "upper": "high"}
        theirs = pd.DataFrame({o: reading.numbers(v[r])[:, code] for r, o in columns.items()}).assign(time=v["time"])
        if by is not None:
            theirs["group"] = [float(s.split("=")[1]) for s in v["strata"]]
            theirs["beyond"] = theirs["time"] > theirs["group"].map(LAST)
        keys = ["time"] if by is None else ["group", "time"]
        reading.agree_in(ours[ours["cause"] == cause], theirs, keys, ["estimate", "std_error", "low", "high"])


@pytest.mark.parametrize("rho", [0.0, 1.0])
def test_gray(rho):
    tests = V["group_cuminc"]["Tests"] if rho == 0 else V["group_cuminc_rho1_tests"]
    for cause, (statistic, p, df) in zip(CAUSES.values(), reading.numbers(tests), strict=True):
        glance = gray_test(endpoint(), "stage", cause=cause, rho=rho).glance()
        reading.agree(glance[["statistic", "p_value", "df"]], [statistic, p, df], cause)
