"""Ladders in a study: the numbers are those of the functions, the words come first, nothing is shown unasked."""

import json

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.endpoint import take_rows
from ikzf1_outcomes.prognosis.held_out import held_out_risks
from ikzf1_outcomes.prognosis.rung_fits import fit_rung, study_of
from ikzf1_outcomes.prognosis.rung_validation import folds_of
from ikzf1_outcomes.prognosis.rungs import ladder_of
from ikzf1_outcomes.report.ladder_tables import (
    calibration_table,
    decision_words,
    ladder_table,
    measured,
    set_words,
    without_poor_limits,
)
from ikzf1_outcomes.resampling import generator_of
from ikzf1_outcomes.simulate import hospital_file, simulate_cohort
from ikzf1_outcomes.study.added_value_page import added_value_section, ladders_of
from ikzf1_outcomes.study.demo import demo_study
from ikzf1_outcomes.study.folder import Workspace
from ikzf1_outcomes.study.ladders import set_rows

HEAD = """
[study]
title = "Added value"
seed = 3
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
[analysis.landmarks]
mrd_TP1 = 0.15
"""
LADDERS = """
[[added_value]]
name = "Deletion"
endpoint = "RELAPSE"
times = [1, 5]
resamples = 20
simulations = 19
effect = "ikzf1_deletion"
scores = ["wbc", "age"]
[added_value.ladder]
clinical = "age + log(wbc)"
"+ IKZF1" = ["ikzf1_deletion"]
[added_value.decision]
at = 3
thresholds = [0.05, 0.1]
what = "Patients above the threshold get more treatment."
[[added_value]]
name = "From TP1 on"
endpoint = "EFS"
times = [3]
resamples = 0
simulations = 0
[added_value.ladder]
residual = "mrd_TP1"
"+ IKZF1" = "ikzf1_deletion"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("added")
    hospital_file(simulate_cohort(300, seed=6)).to_csv(path / "patients.csv", index=False)
    (path / "study.toml").write_text(HEAD + LADDERS, encoding="utf-8")
    iko.run_study(path / "study.toml", path / "out")
    return path


@pytest.fixture(scope="module")
def relapse(folder):
    return iko.load_study(folder / "study.toml").endpoints["RELAPSE"]


def rows(folder, kind, ladder="Deletion"):
    table = pd.read_csv(folder / "out" / "effects" / f"added_value_{kind}.csv", keep_default_na=False)
    table = table[table["ladder"] == ladder]
    return table.assign(**{name: pd.to_numeric(table[name]) for name in NUMBERS & set(table)})


NUMBERS = {"estimate", "corrected", "low", "high", "p_value", "time", "n", "n_event", "statistic", "predicted", "threshold"}


def test_the_numbers_are_those_of_the_function(folder, relapse):
    found = iko.added_value(
        relapse, {"clinical": "age + log(wbc)", "'+ IKZF1": "ikzf1_deletion"}, times=[1, 5], cause="relapse", resamples=20,
        simulations=19, seed=3,
    )  # fmt: skip
    written = rows(folder, "measures")
    # a leading plus is no formula of a spreadsheet
    assert list(dict.fromkeys(written["term"])) == ["clinical", "'+ IKZF1"]
    for column in ("estimate", "corrected", "p_value"):
        np.testing.assert_allclose(written[column].to_numpy(float), found.tidy()[column].to_numpy(float), rtol=1e-12)
    np.testing.assert_allclose(rows(folder, "rungs")["p_value"].to_numpy(float), found.glance()["p_value"], rtol=1e-12)
    assert set(written["data"]) == {"simulated"}


def test_risks_are_predicted_without_the_patient(relapse):
    endpoint = relapse
    ladder = ladder_of(endpoint, "age", "ikzf1_deletion", None, None)
    study = study_of(ladder, "relapse", np.array([3.0, 5.0]))
    risks = held_out_risks(study, repeats=1, seed=7)
    rng = generator_of(7).spawn(1)[0]
    fold = folds_of(study.events[0], 10, rng)
    for rung, found in zip(ladder.rungs, risks, strict=True):
        for k in (0, 9):
            fit = fit_rung(study, rung, (fold != k).astype(np.intp), rng)
            np.testing.assert_allclose(found[fold == k], fit.risk[fold == k], rtol=1e-12)
    # folds hold a tenth of the events each, and the mean over repeats is one of probabilities
    assert np.ptp(np.bincount(fold[study.events[0]], minlength=10)) <= 1
    assert ((held_out_risks(study, repeats=3, seed=7) > 0) & (risks < 1)).all()


def test_calibration_and_decision_are_of_these_risks(folder, relapse):
    ladder = ladder_of(relapse, {"clinical": "age + log(wbc)", "x": "ikzf1_deletion"}, None, None, None)
    study = study_of(ladder, "relapse", np.array([3.0, 5.0]))
    risks = held_out_risks(study, seed=3)
    made = iko.calibration_curve(ladder.endpoint, {"a": risks[0, :, 1]}, at=5.0, cause="relapse", groups=5).glance()
    own = rows(folder, "calibration")
    own = own[(own["term"] == "clinical") & (own["measure"] != "")]
    np.testing.assert_allclose(own["estimate"].to_numpy(float), made["estimate"], rtol=1e-9)
    made = iko.decision_curve(ladder.endpoint, {"a": risks[1, :, 0]}, at=3.0, thresholds=[0.05, 0.1], cause="relapse")
    curve = made.tidy()
    benefit = rows(folder, "decision")
    benefit = benefit[(benefit["term"] == "'+ IKZF1") & (benefit["measure"] == "net benefit")]
    mine = curve[(curve["term"] == "a") & (curve["measure"] == "net benefit")]
    np.testing.assert_allclose(benefit["estimate"].to_numpy(float), mine["estimate"], rtol=1e-9)


def test_ratios_before_and_after_per_sd_and_within_levels(folder, relapse):
    table = rows(folder, "ratios")
    frame = relapse.frame
    scaled = relapse
    for name in ("wbc", "age"):
        scaled = scaled.with_column(name, (frame[name] - frame[name].mean()) / frame[name].std())

    def firth(endpoint, terms, term):
        return iko.cox(endpoint, terms, cause="relapse", penalty="firth").tidy().set_index("term").loc[term, "estimate"]

    def written(term, model, contrast=None):
        own = table[(table["term"] == term) & (table["model"] == model) & (table["note"] != "reference")]
        return float((own if contrast is None else own[own["contrast"] == contrast])["estimate"].iloc[0])

    effect = table[(table["term"] == "ikzf1_deletion") & (table["note"] != "reference")]["estimate"].to_numpy(float)
    for place, terms in enumerate(["ikzf1_deletion", "ikzf1_deletion + wbc + age"]):
        fit = iko.cox(scaled, terms, cause="relapse", penalty="firth").tidy()
        own = fit[(fit["term"] == "ikzf1_deletion") & (fit["note"] != "reference")]["estimate"].iloc[0]
        assert effect[place] == pytest.approx(own, rel=1e-9)
    assert written("wbc", "univariable") == pytest.approx(firth(scaled, "wbc", "wbc"), rel=1e-9)
    assert written("wbc", "multivariable") == pytest.approx(firth(scaled, "wbc + ikzf1_deletion", "wbc"), rel=1e-9)
    deleted = take_rows(scaled, (frame["ikzf1_deletion"].astype(str) == "deleted").to_numpy())
    assert written("age", "multivariable", "deleted") == pytest.approx(firth(deleted, "age", "age"), rel=1e-9)
    within = table[table["contrast"].isin(["deleted", "not deleted"])].groupby("contrast")["n"].first()
    assert within.sum() == frame["ikzf1_deletion"].notna().sum()


def test_the_page(folder):
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    section = page.split('<h2 id="added-value">')[1].split("<h2")[0]
    first = section.split("<p>")[1]
    assert first.startswith("Deletion. + IKZF1 ")
    assert "likelihood ratio" in first
    assert "Decision: Patients above the threshold get more treatment; thresholds from 5 % to 10 %" in section
    assert "adjustment for 2 scores" in section
    assert "Follow-up starts at the landmark of 0.15 years." in section
    assert section.count("<figure") == 6
    assert all(alt.strip() for alt in section.split('alt="')[1:])
    assert "Measures are those among the patients themselves" in section  # the second ladder has no resamples
    manifest = json.loads((folder / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["settings"]["added_value"][0]["decision"]["thresholds"] == [0.05, 0.1]
    assert manifest["settings"]["added_value"][1]["decision"] is None


def test_global_tests_have_the_array_of_each_patient():
    study = iko.load_study(demo_study())
    (asked,) = (own.asked for own in ladders_of(study) if own.asked.plan.global_tests)
    table = pd.read_csv(demo_study().parent / "kinome_arrays.csv", index_col=0)
    arrays = asked.arrays.of(asked.tested)
    names = asked.tested.frame["id"].astype(str).tolist()
    assert len(names) == len(arrays) == 109
    has = [name in table.columns for name in names]
    assert arrays.notna().any(axis=1).tolist() == has
    for place in np.flatnonzero(has)[[0, 7, -1]]:
        np.testing.assert_array_equal(arrays.iloc[place].to_numpy(float), table[names[place]].to_numpy(float))
    rows = set_rows(asked, 99)
    assert rows["term"].tolist() == ["all features", *asked.arrays.sets]
    own = iko.global_test(
        take_rows(asked.tested, np.array(has)), arrays[has].reset_index(drop=True), adjust="ikzf1_deletion",
        sets=dict(asked.arrays.sets),
    ).tidy()  # fmt: skip
    np.testing.assert_allclose(rows["p_value"], own["p_value"], rtol=1e-9)
    hit = rows.assign(p_adjusted=[np.nan, 0.01, *rows["p_adjusted"][2:]])
    assert f"{hit['term'][1]} (P = 0.010) at 0.05" in set_words(hit, "IKZF1")
    assert "none at 0.05" in set_words(rows, "IKZF1")


def test_without_the_part_there_is_no_section(folder, tmp_path):
    (tmp_path / "patients.csv").write_bytes((folder / "patients.csv").read_bytes())
    (tmp_path / "study.toml").write_text(HEAD, encoding="utf-8")
    assert iko.load_study(tmp_path / "study.toml").plan.added_value == ()


MEASURES = pd.DataFrame(
    {
        "term": ["a", "b", "b"], "contrast": ["", "", "b vs a"], "measure": "Harrell's C", "time": np.nan,
        "estimate": [0.7, 0.8, 0.1], "corrected": [0.68, 0.69, 0.01], "low": [0.6, 0.7, -0.02], "high": [0.75, 0.8, 0.04],
        "conf_level": 0.95, "std_error": 0.03, "n_resamples": 20,
    }
)  # fmt: skip


def test_an_interval_that_does_not_hold_its_estimate_is_no_interval():
    shown = without_poor_limits(MEASURES)
    assert measured(shown, "a", "Harrell's C") == "0.680 (0.600 to 0.750)"
    assert measured(shown, "b", "Harrell's C") == "0.690"
    assert measured(shown, "b", "Harrell's C", change=True) == "+0.010 (−0.020 to +0.040)"
    rungs = pd.DataFrame(
        {
            "term": ["a", "b"], "n": 45, "n_event": 12, "n_parameters": [2, 3], "statistic": [4.0, 0.5], "df": [2, 1],
            "p_value": [0.1, 0.5], "p_simulated": [0.1, np.nan], "n_simulations": [99, 0], "method": "Cox", "note": "",
        }
    )  # fmt: skip
    table = ladder_table(shown, rungs, "x", "X")
    assert any("does not hold the corrected estimate" in note for note in table.footnotes)
    assert any(note.startswith("P of a: parametric bootstrap, 99 studies") for note in table.footnotes)
    assert table.body["Likelihood ratio | P"].tolist() == ["0.10", "0.50"]


def test_what_a_decision_gains_in_words():
    strategies = {"treat all": [0.1, -0.1], "a": [0.12, 0.0], "b": [0.13, 0.02], "treat none": [0.0, 0.0]}
    table = pd.DataFrame(
        [
            {"measure": "net benefit", "contrast": "", "term": term, "time": 5.0, "threshold": at, "estimate": value}
            for term, values in strategies.items()
            for at, value in zip([0.1, 0.3], values, strict=True)
        ]
    )
    said = decision_words(table, ["a", "b"], "More treatment")
    assert "b does better than treating all and treating none at 2 of 2 thresholds" in said
    assert "less that of a is +1.0 to +2.0 per 100 patients" in said


def test_a_rung_that_chooses_has_no_likelihood_ratio(folder, tmp_path):
    part = """
[added_value]
endpoint = "EFS"
times = [3]
[added_value.ladder]
clinical = "age"
chosen = "log(wbc) + ikzf1_deletion + sex"
[added_value.choose]
chosen = 0.2
"""
    (tmp_path / "patients.csv").write_bytes((folder / "patients.csv").read_bytes())
    (tmp_path / "study.toml").write_text(HEAD + part, encoding="utf-8")
    work = Workspace(tmp_path / "out", "none", overwrite=False)
    section, tables = added_value_section(work, iko.load_study(tmp_path / "study.toml"))
    assert "terms were chosen by the outcome" in section.paragraphs[0]
    assert tables[0].body["Likelihood ratio | P"].tolist()[1] == "–"
    assert any("by a screen at q < 0.2" in note for note in section.notes)
    assert "nested cross-validation" in " ".join(tables[0].footnotes)


def test_where_no_risk_could_be_predicted_there_is_no_calibration():
    rows = pd.DataFrame({"term": ["a"], "measure": [""], "note": ["not estimable: no model"], "conf_level": [np.nan]})
    assert calibration_table(rows, "x", "X") is None
