"""Effects within subgroups and effects after baseline against R (subgroups)."""

import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko

VALUES = reading.values("subgroups")
DATA = reading.inputs("subgroups", "patients")
DATA["arm"] = pd.Categorical(DATA["arm"], categories=["Obs", "Lev+5FU"])
ENDPOINT = iko.endpoint_from_columns(DATA, time="time", status="cause", causes={1: "relapse", 2: "death"})


@pytest.mark.parametrize("column", ["sex", "grade"])
@pytest.mark.parametrize(("case", "cause"), [("any", None), ("one", "relapse")])
def test_differences_within_subgroups_and_cochrans_q(column, case, cause):
    table = iko.subgroup_effects(ENDPOINT, "arm", column, at=1500, cause=cause)
    own, r = table[table["variable"] == column], VALUES[f"{case}_{column}"]
    rows = own[own["method"] == "risk difference"]
    reading.agree_in(rows, reading.table(r["rows"]), ["group"], ["estimate", "std_error"])
    for name in ("statistic", "df", "p_value"):
        reading.agree(own.loc[own["method"] == "Cochran's Q", name], r[name], name)


@pytest.mark.parametrize("column", ["sex", "grade"])
def test_the_stratified_interaction(column):
    table = iko.subgroup_effects(ENDPOINT, "arm", column, at=1500, cause="relapse", strata="extent")
    test = table[table["method"] == "likelihood-ratio test"]
    for name in ("statistic", "df", "p_value"):
        reading.agree(test[name], VALUES[f"test_{column}"][name], name)


def test_effects_after_baseline():
    table = iko.effects_after_baseline(
        iko.landmark(ENDPOINT, 365), "arm", "later", adjust="age", strata="sex", cause="relapse"
    )
    rows = table[table["note"] != "reference"]
    for model, case in (("total", "total"), ("not through later", "not_through")):
        for name in ("estimate", "std_error"):
            reading.agree(rows.loc[rows["model"] == model, name], VALUES[case][name], name)
    assert VALUES["total"]["n"] == VALUES["not_through"]["n"] == (DATA["time"] > 365).sum()
