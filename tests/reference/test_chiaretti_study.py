"""A whole study against R, from the raw file of real patients: who is analysed, curves, tests, hazard ratios."""

from pathlib import Path

import pytest
import reading

import ikzf1_outcomes as iko
from ikzf1_outcomes.results import select

V = reading.values("chiaretti_study")
AT = {"variable": "molecular_group", "time": 1.0}


@pytest.fixture(scope="module")
def study():
    return iko.load_study(Path(__file__).parents[2] / "analyses" / "02_chiaretti" / "study.toml")


@pytest.fixture(scope="module")
def results(study):
    return iko.outcome_results(study.endpoints, "molecular_group", study.plan.settings)


def test_who_is_analysed(study):
    assert {name: endpoint.n for name, endpoint in study.endpoints.items()} == {
        "EFS": V["n"],
        "DFS": V["n_remission"],
        "RELAPSE": V["n_remission"],
    }


@pytest.mark.parametrize("name", ["EFS", "DFS"])
def test_survival(results, name):
    ours = select(results, endpoint=name, term="survival", **AT)
    reading.agree_in(ours, reading.table(V[name.lower()]), ["group"], ["estimate", "std_error", "low", "high"])


def test_relapse(results):
    theirs = reading.table(V["relapse"])
    theirs = theirs[theirs["curve"].str.endswith(" relapse")]
    theirs = theirs.assign(group=theirs["curve"].str.removesuffix(" relapse"))
    reading.agree_in(select(results, endpoint="RELAPSE", term="incidence", **AT), theirs, ["group"], ["estimate"])


def test_tests(results):
    reading.agree(select(results, endpoint="EFS", term="test")["statistic"], V["logrank"])
    reading.agree(select(results, endpoint="RELAPSE", term="test")["statistic"], V["gray"])


def test_hazard_ratios(results):
    ours = select(results, endpoint="EFS", term="hazard ratio")
    reading.agree_in(ours, reading.table(V["cox"]), ["group"], ["estimate", "std_error"])
