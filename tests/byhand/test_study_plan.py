"""A study file is checked before anything is read: unknown keys, wrong types, missing files."""

import pytest

from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.study.plan import read_plan
from ikzf1_outcomes.study.schema import schema_text

MINIMAL = """
[study]
title = "T"
[cohort]
file = "p.csv"
[endpoints.EFS]
"""


def plan_of(tmp_path, text):
    (tmp_path / "p.csv").write_text("id\n1\n", encoding="utf-8")
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    return read_plan(tmp_path / "study.toml")


def test_the_smallest_study_gets_the_documented_defaults(tmp_path):
    plan = plan_of(tmp_path, MINIMAL)
    assert plan.title == "T"
    assert plan.seed == 1
    assert plan.groups == ()
    assert plan.settings.horizon == 5.0
    assert plan.settings.times == (1.0, 3.0, 5.0)
    assert plan.settings.conf_type == "log-log"
    assert plan.settings.conf_level == 0.95
    assert plan.settings.follow_up_endpoint == "EFS"
    assert plan.style == "interval"


@pytest.mark.parametrize(
    ("addition", "problem", "hint"),
    [
        ("[analysis]\nhorizn = 5", "[analysis]: the key 'horizn' is not known", "'horizon'"),
        ("[analyses]\n", "the study file: the key 'analyses' is not known", "'analysis'"),
        ("[endpoints.efs]", "[endpoints]: the key 'efs' is not known", "'EFS'"),
        ("[endpoints.OS]\ntransplnt = 'ignore'", "[endpoints.OS]: the key 'transplnt' is not known", "'transplant'"),
        ("[analysis]\nhorizon = -1", "horizon must be a positive number", ""),
        ("[analysis]\nhorizon = true", "horizon must be a positive number", ""),
        ("[analysis]\ntimes = []", "times must be a list", ""),
        ("[analysis]\nconf_level = 95", "conf_level must lie between 0 and 1", "0.95"),
        ("[analysis]\nconf_type = 'exact'", "conf_type cannot be 'exact'", "log-log"),
        ("[analysis]\ngroups = 'sex'", "groups must be a list of texts", "groups = "),
        ("[analysis]\ngroups = ['sex', 'sex']", "groups names something twice", ""),
        ("[analysis]\nfollow_up = 'OS'", "follow_up must be one of the endpoints", "EFS"),
        ("[analysis.landmarks]\nmrd = 0", "landmarks must be a table of positive numbers", ""),
    ],
)
def test_what_is_wrong_is_named_with_the_nearest_key(tmp_path, addition, problem, hint):
    with pytest.raises(StudyError) as caught:
        plan_of(tmp_path, MINIMAL + addition)
    assert problem in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no endpoint is named"),
        ("[study]\n[cohort]\nfile='p.csv'\n[endpoints.EFS]", "title is required"),
        ("[study]\ntitle='T'\n[cohort]\n[endpoints.EFS]", "file is required"),
        ("[study]\ntitle='T'\n[cohort]\nfile='other.csv'\n[endpoints.EFS]", "there is no file 'other.csv'"),
        ("study = 3", "[study] must be a table"),
        ("[study", "is not a TOML file"),
        ("endpoints = 3\n[study]\ntitle='T'\n[cohort]\nfile='p.csv'", "[endpoints] must be a table"),
    ],
)
def test_a_study_that_cannot_run_says_why(tmp_path, text, problem):
    with pytest.raises(StudyError, match=problem.replace("[", r"\[").replace("]", r"\]")):
        plan_of(tmp_path, text)


def test_a_study_file_that_is_not_there(tmp_path):
    with pytest.raises(StudyError, match=r"there is no study file 'none\.toml'"):
        read_plan(tmp_path / "none.toml")


def test_the_schema_names_every_key_and_field():
    text = schema_text()
    for word in ("[study]", "[analysis]", "horizon", "landmarks", "ikzf1_class", "EFS, OS, DFS", "known", "exclusions"):
        assert word in text
