"""Risks, hazard ratios, tests and shares of a landmark supermodel against rows stacked in R (landmark_supermodel)."""

import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko
from ikzf1_outcomes.prognosis.landmarks import landmark_supermodel

VALUES = reading.values("landmark_supermodel")
DATA = reading.inputs("landmark_supermodel", "patients")
DATA["class"] = pd.Categorical(DATA["class"], categories=["none", "ik6", "whole"])
OPTIONS = {"plain": {}, "adjusted": {"adjust": "age", "strata": "sex"}}


@pytest.fixture(scope="module", params=["plain", "adjusted"])
def case(request):
    e = iko.endpoint_from_columns(DATA, time="time", status="status", causes={1: "relapse", 2: "death"})
    marks = {"m1": 0.5, "m2": 1.0}
    options = {"threshold": 0.45, "resamples": 0, "seed": 1, **OPTIONS[request.param]}
    return landmark_supermodel(e, "class", marks=marks, **options), VALUES[request.param]


def test_hazard_ratios_and_their_robust_errors(case):
    model, theirs = case
    ours = model.effects().query("note != 'reference'")
    table = reading.table(theirs["effects"])
    table = table[(table["landmark"] > 0) | (table["model"] == "total")]
    assert len(ours) == len(table)
    # at the start no mark is known: one row there
    reading.agree_in(ours, table, ["model", "cause", "landmark", "contrast"], ["estimate", "std_error"])


def test_the_test_of_one_effect(case):
    model, theirs = case
    ours = model.glance()
    reading.agree_in(
        ours[ours["term"] != "at risk"], reading.table(theirs["same"]), ["model", "cause"], ["statistic", "df", "p_value"]
    )
    reading.agree(ours.loc[ours["term"] == "at risk", "n_excluded"], theirs["n_excluded"])


def test_risks_of_classes_and_cells(case):
    model, theirs = case
    ours = model.tidy()
    level = ours["level"].map(lambda v: v if isinstance(v, tuple) else (v, ""))
    ours["m1"], ours["m2"] = level.str[0], level.str[1]
    table = reading.table(theirs["risks"])
    assert len(ours) == len(table)
    # a cell of one patient has no row of its own in ours
    alone = table.loc[table["n"] < 2, "n"]
    assert ours["estimate"].isna().sum() == len(alone)
    reading.agree_in(ours, table[table["n"] > 1], ["landmark", "group", "m1", "m2"], ["n", "estimate"])


def test_shares_above_the_threshold(case):
    model, theirs = case
    reading.agree_in(model.crossing(), reading.table(theirs["moves"]), ["landmark", "group", "term"], ["estimate"])
