"""Incidences predicted from cause-specific models, standardised risks and contrasts against R (absolute_risks)."""

import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko

VALUES = reading.values("absolute_risks")
DATA = reading.inputs("absolute_risks", "patients")
DATA["group"] = pd.Categorical(DATA["group"], categories=["none", "ik6", "whole"])
NEW = pd.DataFrame({"group": ["none", "ik6", "whole"], "age": [3.0, 9, 15], "protocol": ["p", "q", "p"]})


def endpoint(time="time"):
    return iko.endpoint_from_columns(DATA, time=time, status="status", causes={1: "relapse", 2: "death"})


@pytest.mark.parametrize(
    ("name", "time", "strata", "ties"),
    [
        ("ahead", "time", None, "efron"),
        ("ahead_tied", "tied", None, "breslow"),
        ("ahead_strata", "tied", "protocol", "breslow"),
        ("ahead_efron", "tied", None, "efron"),
        ("ahead_efron_strata", "tied", "protocol", "efron"),
    ],
)
def test_predicted_incidences_are_those_of_a_multi_state_model(name, time, strata, ties):
    ours = iko.cause_specific_cox(endpoint(time), "group + age", strata=strata, ties=ties).predict(NEW, [1, 2.5, 4])
    theirs = reading.table(VALUES[name])
    theirs["cause"] = theirs["cause"].replace("(s0)", "event-free")
    reading.agree_in(ours, theirs, ["group", "time", "cause"], ["estimate"])


@pytest.mark.parametrize(
    ("name", "terms", "strata"), [("risk", "group * age", None), ("risk_strata", "group + age", "protocol")]
)
@pytest.mark.parametrize("at", [2.0, 4.0])
def test_standardised_risks_and_their_errors_are_those_of_ate(name, terms, strata, at):
    fit = iko.cox(endpoint(), terms, strata=strata, ties="breslow")
    ours = iko.standardised_risk(fit, "group", at=at)
    means, theirs = ours[ours["contrast"] == ""], reading.table(VALUES[name]["mean"])
    theirs = theirs[theirs["time"] == at].set_index("treatment").loc[means["group"]]
    reading.agree(means["estimate"], theirs["estimate"], "risks")
    reading.agree(means["std_error"], theirs["se"], "standard errors of risks")
    differences, theirs = ours[ours["contrast"] != ""], reading.table(VALUES[name]["difference"])
    theirs = theirs[(theirs["time"] == at) & (theirs["A"] == "none")]
    assert [f"{b} vs none" for b in theirs["B"]] == differences["contrast"].tolist()
    reading.agree(differences["estimate"], theirs["estimate"], "differences")
    reading.agree(differences["std_error"], theirs["se"], "standard errors of differences")


def test_contrasts_are_those_of_glht():
    fit = iko.cox(endpoint("tied"), "group * age + protocol", cause="relapse")
    asked = {
        "whole vs ik6 at 5": ({"group": "whole", "age": 5}, {"group": "ik6", "age": 5}),
        "ik6 at 10": ({"group": "ik6", "age": 10}, {"group": "none", "age": 10}),
        "half of both": {"group (ik6 vs none)": 0.5, "group (whole vs none)": 0.5},
    }
    found = iko.contrasts(fit, asked)
    columns = ["estimate", "std_error", "statistic", "p_value"]
    reading.agree_in(found.tidy(), reading.table(VALUES["contrasts"]), ["contrast"], columns)
    joint = found.glance().iloc[0]
    for name in ("statistic", "df", "p_value"):
        reading.agree(joint[name], VALUES["joint"][name], name)
