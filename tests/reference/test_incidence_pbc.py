"""Transplant and death in survival::pbc, by treatment and by stage: cmprsk::cuminc and survfit."""

import pytest
import reading

from ikzf1_outcomes import cumulative_incidence, endpoint_from_columns, gray_test

CASE = "incidence_pbc"
V = reading.values(CASE)
FRAME = reading.inputs(CASE, "pbc")
KEYS = ["group", "time", "cause"]
BY = pytest.mark.parametrize("by", ["trt", "stage"])


def endpoint():
    return endpoint_from_columns(FRAME, time="years", status="status", causes={1: "transplant", 2: "death"})


def times(rows):
    return sorted({r["time"] for r in rows})


@BY
def test_cuminc(by):
    theirs = reading.table(V[by]["cuminc"]).dropna()  # cuminc has nothing beyond a group's follow-up
    ours = cumulative_incidence(endpoint(), by=by, variance="cmprsk").tidy(times=times(V[by]["cuminc"]))
    reading.agree_in(ours.assign(variance=ours["std_error"] ** 2), theirs, KEYS, ["estimate", "variance"])


@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("by", "strata"), [("trt", None), ("stage", None), ("stage", "trt")])
def test_gray(by, strata, rho):
    for row in V[by]["gray" if strata is None else "gray_stratified_trt"][f"rho{rho:g}"]:
        glance = gray_test(endpoint(), by, cause=row["cause"], strata=strata, rho=rho).glance()
        reading.agree(glance[["statistic", "df", "p_value"]], [row["statistic"], row["df"], row["p_value"]], row["cause"])


@pytest.mark.parametrize("conf_type", ["log-log", "plain", "log"])
@BY
def test_survfit(by, conf_type):
    theirs = reading.table(V[by]["survfit"][conf_type])
    ours = cumulative_incidence(endpoint(), by=by, conf_type=conf_type).tidy(times=times(V[by]["cuminc"]))
    reading.agree_in(ours, theirs, KEYS, ["estimate", "std_error", "low", "high"])


@pytest.mark.parametrize(("by", "tau"), [("trt", 10), ("stage", 8)])
def test_years_lost(by, tau):
    ours = cumulative_incidence(endpoint(), by=by).years_lost(tau)
    reading.agree_in(ours, reading.table(V[by]["lost"]), ["group", "cause"], ["estimate", "std_error"])
