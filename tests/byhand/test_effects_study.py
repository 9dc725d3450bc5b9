"""Subgroups, residual disease and what comes after baseline in a study: the numbers, the words, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.simulate import hospital_file, simulate_cohort
from ikzf1_outcomes.study.load import known, strata_of
from ikzf1_outcomes.study.mrd_page import within_mrd

HEAD = """
[study]
title = "Effects"
treated_by_ikzf1 = ["protocol B"]
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
[endpoints.EFS]
[endpoints.RELAPSE]
"""
ANALYSIS = """
[analysis]
effects = ["ikzf1_deletion", "age"]
subgroups = ["sex", "protocol"]
by_mrd = "mrd_TP1"
through = ["mrd_TP1"]
[analysis.landmarks]
mrd_TP1 = 0.15
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("effects")
    hospital_file(simulate_cohort(300, seed=6)).to_csv(path / "patients.csv", index=False)
    (path / "study.toml").write_text(HEAD + ANALYSIS, encoding="utf-8")
    iko.run_study(path / "study.toml", path / "out")
    return path


@pytest.fixture(scope="module")
def study(folder):
    return iko.load_study(folder / "study.toml")


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "out" / "report.html").read_text(encoding="utf-8")


def raw(folder, name):
    return pd.read_csv(folder / "out" / "effects" / f"{name}.csv", keep_default_na=False, na_values=[""])


def load(folder, text):
    (folder / "other.toml").write_text(text, encoding="utf-8")
    return iko.load_study(folder / "other.toml")


def test_the_files_have_the_numbers_of_the_functions(folder, study):
    subgroups, after, effects = (raw(folder, name) for name in ("subgroups", "after_baseline", "effects"))
    for name in ("EFS", "RELAPSE"):
        endpoint = known(study, name, ["ikzf1_deletion"])
        options = {"cause": endpoint.interest, "strata": "protocol"}
        ours = iko.effect_table(endpoint, ["ikzf1_deletion", "age"], **options)
        np.testing.assert_allclose(effects.query("endpoint == @name")["estimate"], ours["estimate"], rtol=1e-12)
        np.testing.assert_allclose(effects.query("endpoint == @name")["p_proportional"], ours["p_proportional"], rtol=1e-12)
        ours = iko.subgroup_effects(endpoint, "ikzf1_deletion", ["sex", "protocol"], at=5, **options)
        np.testing.assert_allclose(subgroups.query("endpoint == @name")["estimate"], ours["estimate"], rtol=1e-12)
        late = iko.landmark(endpoint, 0.15)
        ours = iko.effects_after_baseline(late, "ikzf1_deletion", "mrd_TP1", adjust="age", **options)
        np.testing.assert_allclose(after.query("endpoint == @name")["estimate"], ours["estimate"], rtol=1e-12)
    assert {*subgroups["data"], *after["data"], *effects["data"]} == {"simulated"}


def test_the_classes_within_residual_disease_are_those_of_the_patients_of_the_group(folder, study):
    rows = raw(folder, "by_mrd")
    for name, kind in (("EFS", "survival"), ("RELAPSE", "incidence")):
        endpoint = iko.landmark(known(study, name, ["ikzf1_class"]), 0.15)
        low = endpoint.frame["mrd_TP1"] == "negative"
        assert low.any()
        only = endpoint.with_column("kept", np.where(low, endpoint.frame["ikzf1_class"].astype(object), None))
        curve = iko.kaplan_meier(only, "kept") if kind == "survival" else iko.cumulative_incidence(only, "kept")
        theirs = curve.tidy([5.0])
        theirs = theirs if kind == "survival" else theirs[theirs["cause"] == "relapse"]
        ours = rows[(rows["endpoint"] == name) & (rows["term"] == kind) & (rows["group"] == "negative")]
        both = ours.set_index("level")["estimate"]
        np.testing.assert_allclose(both.loc[theirs["group"]], theirs["estimate"], rtol=1e-12)
        assert ours["n"].sum() == (low & endpoint.frame["ikzf1_class"].notna()).sum()


def test_the_tests_are_stratified_by_residual_disease(folder, study):
    tests = raw(folder, "by_mrd").query("term == 'test'").set_index("endpoint")
    efs, relapse = (known(study, name, ["mrd_TP1", "ikzf1_class"]) for name in ("EFS", "RELAPSE"))
    logrank = iko.logrank_test(efs, "ikzf1_class", strata="mrd_TP1").glance().iloc[0]
    gray = iko.gray_test(relapse, "ikzf1_class", cause="relapse", strata="mrd_TP1").glance().iloc[0]
    np.testing.assert_allclose(tests.loc["EFS", "p_value"], logrank["p_value"], rtol=1e-12)
    np.testing.assert_allclose(tests.loc["RELAPSE", "p_value"], gray["p_value"], rtol=1e-12)
    assert tests["method"].str.startswith("stratified").all()


def test_every_section_is_on_the_page_and_says_what_it_rests_on(page):
    for heading in ("IKZF1 deletion by subgroup", "IKZF1 within MRD", "IKZF1 deletion and what comes after it"):
        assert f">{heading}" in page
    assert "Cox models have a baseline for each level of protocol." in page
    assert "proportional" in page
    assert "no adjustment for confounding" in page
    assert "Follow-up starts at the landmark of 0.15 years" in page
    assert page.count('<figure class="broad"') == 3
    assert "or of a file in effects/;" in page


def test_treatment_by_ikzf1_is_said_with_the_effects_and_with_the_outcome(page):
    said = "In protocol B treatment was chosen by IKZF1 status: its effect there is the effect under that treatment."
    # effects, subgroups, after baseline, and the notes of the outcome table
    assert page.count(said) == 4


def test_tables_and_pictures_are_files_and_the_settings_are_in_the_manifest(folder):
    names = {path.relative_to(folder / "out").as_posix() for path in (folder / "out").rglob("*")}
    assert {"tables/subgroups_efs.csv", "tables/by_mrd_ikzf1_class.html", "tables/after_baseline_relapse.csv"} <= names
    assert {"figures/subgroups_relapse.svg", "figures/by_mrd_ikzf1_class.png"} <= names
    settings = json.loads((folder / "out" / "manifest.json").read_text(encoding="utf-8"))["settings"]
    assert settings["subgroups"] == ["sex", "protocol"]
    assert settings["subgroup_variable"] == "ikzf1_deletion"
    assert settings["through"] == ["mrd_TP1"]
    for name in ("subgroups_efs", "by_mrd_ikzf1_class", "after_baseline_efs"):
        assert "simulated data" in (folder / "out" / "tables" / f"{name}.html").read_text(encoding="utf-8")


def test_baselines_by_protocol_are_the_default_and_can_be_switched_off(folder, study):
    assert strata_of(study, ["age"]) == ["protocol"]
    assert strata_of(study, ["age", "protocol"]) == []
    off = load(folder, HEAD + ANALYSIS.replace("effects =", "effect_strata = []\neffects ="))
    assert strata_of(off, ["age"]) == []
    other = load(folder, HEAD + ANALYSIS.replace("effects =", 'effect_strata = ["sex"]\neffects ='))
    assert strata_of(other, ["age"]) == ["sex"]
    of_tests = load(folder, HEAD + ANALYSIS.replace("effects =", 'strata = ["sex"]\neffects ='))
    assert strata_of(of_tests, ["age"]) == ["sex"]


def test_the_subgroup_variable_is_the_first_effect_or_the_one_named(folder):
    assert load(folder, HEAD + ANALYSIS).plan.subgroup_variable == "ikzf1_deletion"
    named = ANALYSIS.replace("effects =", 'subgroup_variable = "ikzf1_class"\neffects =')
    assert load(folder, HEAD + named).plan.subgroup_variable == "ikzf1_class"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"sex", "protocol"]', '"sexx"]', "no column 'sexx'"),
        ('"sex", "protocol"]', '"ikzf1_deletion"]', "'ikzf1_deletion' is the variable itself"),
        ('"sex", "protocol"]', '"age"]', "'age' is a number"),
        ('["ikzf1_deletion", "age"]', '["age", "ikzf1_deletion"]', "subgroup_variable: 'age' is a number"),
        ('effects = ["ikzf1_deletion", "age"]', "", "subgroups needs a variable"),
        ('effects = ["ikzf1_deletion", "age"]', 'effects = ["age"]\neffect_strata = ["age"]', "is one of the effects too"),
        ("mrd_TP1 = 0.15", "", "through: 'mrd_TP1' has no landmark"),
        ('through = ["mrd_TP1"]\n[analysis.landmarks]\nmrd_TP1 = 0.15', "", "by_mrd: 'mrd_TP1' has no landmark"),
        ('through = ["mrd_TP1"]', 'through = ["sex"]', "through: 'sex' has no landmark"),
        ('"mrd_TP1"\n', '["mrd_TP1"]\n', "by_mrd must be text"),
        ("subgroups =", "subgroup =", "the key 'subgroup' is not known"),
        ('["protocol B"]', '["protocol C"]', "nobody has the protocol 'protocol C'"),
        ("[endpoints.EFS]\n[endpoints.RELAPSE]", "[endpoints.OS]", "by_mrd needs an endpoint EFS or RELAPSE"),
    ],
)
def test_what_does_not_go_together_is_refused(folder, old, new, problem):
    text = HEAD + ANALYSIS
    assert old in text
    with pytest.raises(StudyError) as caught:
        load(folder, text.replace(old, new))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("lost", "problem"),
    [
        ({"MRD_day33": "not done"}, "by_mrd: 'mrd_TP1' is known of nobody"),
        ({"Sex": "X"}, "subgroups: 'sex' is known of nobody"),
        ({"IKZF1": "none"}, "only one level"),
        ({"Age": np.nan}, "through, EFS: no row has all terms known"),
    ],
)
def test_models_that_nobody_could_be_in_are_refused_before_anything_is_computed(folder, lost, problem):
    (folder / "lost").mkdir(exist_ok=True)
    pd.read_csv(folder / "patients.csv").assign(**lost).to_csv(folder / "lost" / "patients.csv", index=False)
    text = HEAD.replace("[cohort.columns]", 'missing = { text = ["X"] }\n[cohort.columns]')
    (folder / "lost" / "study.toml").write_text(text + ANALYSIS, encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        iko.load_study(folder / "lost" / "study.toml")
    assert problem in str(caught.value)


def test_residual_disease_without_ikzf1_is_refused(folder):
    text = HEAD + '[analysis]\nby_mrd = "mrd_TP1"\n[analysis.landmarks]\nmrd_TP1 = 0.15\n'
    lines = [line for line in text.splitlines() if not line.startswith("ikzf1_class")]
    with pytest.raises(StudyError, match="and an IKZF1 class known at its landmark"):
        load(folder, "\n".join(lines))


def test_a_test_that_has_nothing_to_compare_is_a_row_with_the_reason(folder):
    frame = pd.read_csv(folder / "patients.csv")
    (folder / "one").mkdir(exist_ok=True)
    frame.assign(IKZF1="none").to_csv(folder / "one" / "patients.csv", index=False)
    text = HEAD + '[analysis]\nby_mrd = "mrd_TP1"\n[analysis.landmarks]\nmrd_TP1 = 0.15\n'
    (folder / "one" / "study.toml").write_text(text, encoding="utf-8")
    rows = within_mrd(iko.load_study(folder / "one" / "study.toml"), "ikzf1_class")
    tests = rows[rows["term"] == "test"]
    assert tests["p_value"].isna().all()
    assert tests["note"].str.startswith("not estimable: ").all()
