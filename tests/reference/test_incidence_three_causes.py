"""Incidence of three causes under heavy ties and events at time 0: cmprsk::cuminc and survfit."""

import pytest
import reading

from ikzf1_outcomes import cumulative_incidence, endpoint_from_columns, gray_test, pairwise_tests

CASE = "incidence_three_causes"
V = reading.values(CASE)
FRAME = reading.inputs(CASE, "patients")
CAUSES = {1: "relapse", 2: "second_malignancy", 3: "death"}
KEYS = ["group", "time", "cause"]


def endpoint(frame=FRAME, **columns):
    return endpoint_from_columns(frame, time="time", status="status", causes=CAUSES, **columns)


def late():
    return endpoint(FRAME[FRAME["entry"] < FRAME["time"]].reset_index(drop=True), entry="entry")


def times(rows):
    return sorted({r["time"] for r in rows})


def test_cuminc():
    theirs = reading.table(V["cuminc"]).dropna()  # cuminc has nothing beyond a group's follow-up
    ours = cumulative_incidence(endpoint(), by="group", variance="cmprsk").tidy(times=times(V["cuminc"]))
    reading.agree_in(ours.assign(variance=ours["std_error"] ** 2), theirs, KEYS, ["estimate", "variance"])


@pytest.mark.parametrize("strata", [None, "stratum"])
@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
def test_gray(rho, strata):
    for row in V["gray" if strata is None else "gray_stratified"][f"rho{rho:g}"]:
        glance = gray_test(endpoint(), "group", cause=row["cause"], strata=strata, rho=rho).glance()
        reading.agree(glance[["statistic", "df", "p_value"]], [row["statistic"], row["df"], row["p_value"]], row["cause"])


@pytest.mark.parametrize("conf_type", ["log-log", "plain", "log"])
def test_survfit(conf_type):
    theirs = reading.table(V["survfit"][conf_type])
    ours = cumulative_incidence(endpoint(), by="group", conf_type=conf_type).tidy(times=times(V["cuminc"]))
    reading.agree_in(ours, theirs, KEYS, ["estimate", "std_error", "low", "high"])


def test_ninety_percent_limits():
    ours = cumulative_incidence(endpoint(), by="group", conf_level=0.9).tidy(times=times(V["conf90"]))
    reading.agree_in(ours, reading.table(V["conf90"]), KEYS, ["estimate", "std_error", "low", "high"])


def test_case_weights():
    ours = cumulative_incidence(endpoint(weights="weight"), by="group").tidy(times=times(V["weighted"]))
    reading.agree_in(ours, reading.table(V["weighted"]), KEYS, ["estimate"])


def test_delayed_entry():
    """Estimates are survfit's; its standard error is the jackknife, another number under delayed entry.

    The Greenwood variance is from its definition in make.R, which is survfit's where nobody enters late.
    """
    theirs = reading.table(V["entry"])
    ours = cumulative_incidence(late(), by="group").tidy(times=times(V["entry"]))
    reading.agree_in(ours, theirs, KEYS, ["estimate"])
    greenwood = reading.table(V["entry_greenwood"])
    greenwood = greenwood.merge(theirs[[*KEYS, "beyond"]], on=KEYS)
    reading.agree_in(ours, greenwood, KEYS, ["estimate", "std_error"])


def test_years_lost():
    ours = cumulative_incidence(endpoint(), by="group").years_lost(36)
    reading.agree_in(ours, reading.table(V["lost_to_36"]), ["group", "cause"], ["estimate", "std_error"])


def test_pairs():
    ours = pairwise_tests(endpoint(), "group", test="gray", adjust="bonferroni", cause="relapse")
    found = {frozenset(c.split(" vs ")): i for i, c in enumerate(ours["contrast"])}
    assert len(ours) == 3
    for pair, row in zip(V["pairwise"]["contrast"], V["pairwise"]["tests"], strict=True):
        one = ours.iloc[found[frozenset(pair.split())]]
        reading.agree(one[["statistic", "df", "p_value"]], [row["statistic"], row["df"], row["p_value"]], pair)
        reading.agree(one["p_adjusted"], min(1, 3 * row["p_value"]), pair)
