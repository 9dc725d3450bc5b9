"""Log-rank family with ties, events at time 0, four groups, strata: survdiff; Fleming-Harrington by definition."""

import pytest
import reading

from ikzf1_outcomes import endpoint_from_columns, logrank_test, pairwise_tests, trend_test

CASE = "logrank_more"
V = reading.values(CASE)
RHO = pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
GRID = pytest.mark.parametrize("weights", list(V["definition"]))


def endpoint():
    frame = reading.inputs(CASE, "patients")
    return endpoint_from_columns(frame, time="time", status="status", causes={1: "event"})


def check(test, v):
    glance, tidy = test.glance(), test.tidy().sort_values("group")
    reading.agree(glance[["statistic", "df", "p_value"]], [v["statistic"], v["df"], v["p_value"]])
    for column in ("n", "observed", "expected"):
        if column in v:
            reading.agree(tidy[column], v[column], column)


@RHO
@pytest.mark.parametrize(
    ("key", "by", "strata"),
    [
        ("groups", "group", None),
        ("sex", "sex", None),
        ("groups_stratified", "group", "stratum"),
        ("two_strata", "group", ["stratum", "sex"]),
    ],
)
def test_survdiff(key, by, strata, rho):
    check(logrank_test(endpoint(), by, strata=strata, rho=rho), V[key][f"rho{rho:g}"])


@GRID
@pytest.mark.parametrize(("key", "strata"), [("definition", None), ("definition_stratified", "stratum")])
def test_fleming_harrington(key, strata, weights):
    rho, gamma = (float(x) for x in weights.split())
    check(logrank_test(endpoint(), "group", strata=strata, rho=rho, gamma=gamma), V[key][weights])


@pytest.mark.parametrize("v", V["trend"])
def test_trend(v):
    glance = trend_test(endpoint(), "group", scores=v["scores"]).glance()
    reading.agree(glance[["statistic", "df", "p_value"]], [v["statistic"], v["df"], v["p_value"]])


@pytest.mark.parametrize(("adjust", "column"), [("holm", "holm"), ("bh", "BH"), ("bonferroni", "bonferroni")])
def test_pairs(adjust, column):
    ours = pairwise_tests(endpoint(), "group", adjust=adjust)
    found = {frozenset(float(x) for x in c.split(" vs ")): i for i, c in enumerate(ours["contrast"])}
    assert len(ours) == 6
    for row in V["pairwise"]:
        one = ours.iloc[found[frozenset([float(row["a"]), float(row["b"])])]]
        reading.agree(one[["statistic", "p_value", "p_adjusted"]], [row["statistic"], row["p_value"], row[column]])
