"""A ladder of a study that could not be climbed is refused before anything is computed."""

import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.simulate import hospital_file, simulate_cohort

HEAD = """
[study]
title = "Ladders"
[cohort]
file = "patients.csv"
simulated = true
[cohort.columns]
id = "Patient"
age = "Age"
sex = "Sex"
wbc = "Leukocytes"
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
[[cohort.mrd]]
timepoint = "TP1"
day = 33
column = "MRD_day33"
limit_of_detection = 1e-5
quantifiable = 1e-4
[cohort.mrd.codes]
negative = "negative"
"positive, not quantifiable" = "positive_not_quantifiable"
"not done" = "not_done"
"not reached" = "not_reached"
[endpoints.RELAPSE]
"""
PART = """
[added_value]
endpoint = "RELAPSE"
times = [1, 5]
effect = "ikzf1_deletion"
scores = ["wbc"]
[added_value.ladder]
clinical = "age + log(wbc)"
deletion = "ikzf1_deletion"
[added_value.decision]
at = 5
thresholds = [0.1, 0.2]
what = "More treatment"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("ladders")
    hospital_file(simulate_cohort(120, seed=6)).to_csv(path / "patients.csv", index=False)
    return path


def load(folder, text):
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return iko.load_study(folder / "study.toml")


def test_the_part_itself_is_accepted(folder):
    (plan,) = load(folder, HEAD + PART).plan.added_value
    assert (plan.resamples, plan.simulations, plan.seed, plan.cause) == (500, 999, 1, "")
    assert list(plan.ladder) == ["clinical", "deletion"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('endpoint = "RELAPSE"\n', "", "endpoint is required"),
        ('endpoint = "RELAPSE"', 'endpoint = "EFS"', "the study has no 'EFS'"),
        ('endpoint = "RELAPSE"', 'endpoint = "RELAPSE"\nresample = 5', "Did you mean 'resamples'?"),
        ('endpoint = "RELAPSE"', 'endpoint = "RELAPSE"\nresamples = 5', "fewer than 20"),
        ('endpoint = "RELAPSE"', 'endpoint = "RELAPSE"\nsimulations = -1', "simulations must be a whole number"),
        ('endpoint = "RELAPSE"', 'endpoint = "RELAPSE"\ncause = "relapsed"', "relapsed"),
        ("times = [1, 5]", "times = [5, 1]", "times must be a list of positive numbers that ascend"),
        ("times = [1, 5]", "times = []", "times: none is named"),
        ("times = [1, 5]", "times = [90]", "RELAPSE: "),
        ('deletion = "ikzf1_deletion"\n', "", "two rungs or more are required"),
        ('deletion = "ikzf1_deletion"', 'deletion = "ikzf1_deleted"', "the cohort has no column 'ikzf1_deleted'"),
        ('deletion = "ikzf1_deletion"', 'deletion = "ikzf1_deletion +"', "ladder: "),
        ('deletion = "ikzf1_deletion"', "deletion = []", "'deletion' names no terms"),
        ('deletion = "ikzf1_deletion"', "deletion = 3", "'deletion' names no terms"),
        ('deletion = "ikzf1_deletion"', 'deletion = "age"', "twice"),
        ('deletion = "ikzf1_deletion"', 'deletion = "mrd_TP1"', "mrd_TP1"),
        ('deletion = "ikzf1_deletion"', '"treat all" = "ikzf1_deletion"', "'treat all' means something else"),
        ("[added_value.decision]", '[added_value.choose]\nclinical = "elastic_net"\n[added_value.decision]', "choose"),
        ("[added_value.decision]", '[added_value.choose]\ndeletion = "stepwise"\n[added_value.decision]', "no such way"),
        ("at = 5\n", "", "at is required"),
        ("thresholds = [0.1, 0.2]\n", "", "thresholds is required"),
        ('what = "More treatment"', "", "what is required"),
        ('what = "More treatment"', 'what = ""', "what is required"),
        ("thresholds = [0.1, 0.2]", "thresholds = [10, 20]", "thresholds are risks below 1"),
        ("thresholds = [0.1, 0.2]", "thresholds = [0.2, 0.1]", "thresholds must be a list"),
        ("at = 5\n", "at = 0\n", "at must be a positive number"),
        ("at = 5\n", "at = 60\n", "RELAPSE: "),
        ('scores = ["wbc"]\n', "", "effect and scores go together"),
        ('scores = ["wbc"]', 'scores = ["wcb"]', "scores: the cohort has no column 'wcb'"),
        ('scores = ["wbc"]', 'scores = ["sex"]', "the score 'sex' is no number"),
        ('scores = ["wbc"]', 'scores = ["ikzf1_deletion"]', "is effect and score"),
        ('effect = "ikzf1_deletion"', 'effect = "ikzf1_deleted"', "effect: the cohort has no column"),
        ("[added_value]\n", "[added_value]\nglobal_tests = true\n", "global_tests: the study has no arrays"),
        ("[added_value]\n", "[added_value]\nglobal_tests = 1\n", "global_tests must be true or false"),
        ("[added_value]\n", '[added_value]\nadjust = "agee"\n', "adjust: the cohort has no column 'agee'"),
    ],
)
def test_what_could_not_be_climbed_is_refused(folder, old, new, problem):
    assert old in PART
    with pytest.raises(StudyError) as caught:
        load(folder, HEAD + PART.replace(old, new, 1))
    assert problem in str(caught.value)


def test_several_ladders_need_names(folder):
    several = PART.replace("[added_value]", "[[added_value]]")
    with pytest.raises(StudyError, match="several ladders need a name each"):
        load(folder, HEAD + several + several)
    with pytest.raises(StudyError, match="must be a table"):
        load(folder, "added_value = 3\n" + HEAD)
