"""A `[hierarchical]` part that could not be modelled is refused before anything is computed."""

import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.simulate import hospital_file, simulate_cohort

HEAD = """
[study]
title = "Classes"
[cohort]
file = "patients.csv"
simulated = true
[cohort.columns]
id = "Patient"
age = "Age"
sex = "Sex"
protocol = "Protocol"
ikzf1_class = "IKZF1"
relapse = "Date_relapse"
death = "Date_death"
last_contact = "Date_last_contact"
remission = "Date_remission"
[cohort.dates]
format = "year-month-day"
diagnosis = "Date_diagnosis"
[cohort.codes]
sex = { M = "male", F = "female" }
ikzf1_class = { none = "none", "1-8" = "whole_gene", "4-7" = "ik6", "4-8" = "del_4_8", other = "other", gain = "gain" }
[endpoints.RELAPSE]
"""
PART = '[hierarchical]\nclasses = "ikzf1_class"\nprotocol = "protocol"\ncovariates = "age"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("bad")
    hospital_file(simulate_cohort(120, seed=6)).to_csv(path / "patients.csv", index=False)
    return path


def load(folder, text):
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return iko.load_study(folder / "study.toml")


def test_the_part_itself_is_accepted_and_can_be_left_out(folder):
    plan = load(folder, HEAD + PART).plan.hierarchical
    assert (plan.landmark, plan.seed, plan.undeleted, plan.alterations) == (0.1, 1, ("none", "gain"), ())
    assert load(folder, HEAD.replace("[study]", "[study]\nseed = 9") + PART).plan.hierarchical.seed == 9
    assert load(folder, HEAD).plan.hierarchical is None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('classes = "ikzf1_class"\n', "", "classes is required"),
        ('"ikzf1_class"\nprotocol', '"ikzf1_clas"\nprotocol', "classes: the cohort has no column 'ikzf1_clas'"),
        ('protocol = "protocol"', 'protocol = "trial"', "protocol: the cohort has no column 'trial'"),
        ('protocol = "protocol"', 'subtype = "subtype"', "subtype: the cohort has no column 'subtype'"),
        ('protocol = "protocol"', 'protocl = "protocol"', "the key 'protocl' is not known"),
        ('protocol = "protocol"', 'protocol = "ikzf1_class"', "names 'ikzf1_class' twice"),
        ('protocol = "protocol"', 'alterations = ["cdkn2a"]', "alterations: the cohort has no column 'cdkn2a'"),
        ('protocol = "protocol"', 'alterations = "cdkn2a"', "alterations must be a list of texts"),
        ('protocol = "protocol"', 'alterations = ["sex"]', "no copy-number calls"),
        ('protocol = "protocol"', 'undeleted = ["wild type"]', "nobody has a class 'wild type'"),
        ('protocol = "protocol"', "seed = -1", "seed must be a whole number"),
        ('protocol = "protocol"', "seed = 1.5", "seed must be a whole number"),
        ('protocol = "protocol"', "landmark = 0", "landmark must be a positive number"),
        ('protocol = "protocol"', "landmark = 90", "landmark: nobody is followed beyond"),
        ('protocol = "protocol"', "landmark = 5", "landmark: it lies at or after the horizon"),
        ('covariates = "age"', 'covariates = "agee"', "agee"),
        ('covariates = "age"', 'covariates = "age +"', "[hierarchical] RELAPSE:"),
        ("[endpoints.RELAPSE]", "[endpoints.EFS]", "needs an endpoint with competing causes"),
        ('[hierarchical]\nclasses = "ikzf1_class"', 'hierarchical = "ikzf1_class"', "hierarchical"),
    ],
)
def test_what_could_not_be_modelled_is_refused(folder, old, new, problem):
    text = HEAD + PART
    assert old in text
    with pytest.raises(StudyError) as caught:
        load(folder, text.replace(old, new))
    assert problem in str(caught.value)
