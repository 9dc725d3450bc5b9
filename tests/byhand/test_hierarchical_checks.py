"""What the report says of a hierarchical model: replicates, a hazard that ends, what the data added, what to report."""

import re

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.endpoint import take_rows
from ikzf1_outcomes.errors import ColumnError, StudyError
from ikzf1_outcomes.report import bayes_reporting
from ikzf1_outcomes.report import hierarchical_checks as page
from ikzf1_outcomes.report.hierarchical import Words
from ikzf1_outcomes.report.hierarchical_check_figures import ALIVE, FAILED, check_alt, check_figure
from ikzf1_outcomes.simulate import hospital_file, simulate_cohort
from ikzf1_outcomes.study import hierarchical as numbers
from ikzf1_outcomes.study import hierarchical_checks
from ikzf1_outcomes.study.load import together

WORDS = Words("ikzf1_class", "relapse", 5.0)


def effect(term, contrast, n, n_event, before, after, method="hierarchical"):
    return {
        "term": term, "contrast": f"{contrast} vs not deleted", "cause": "relapse", "method": method, "n": n,
        "n_event": n_event, "prior_p_above_1": before, "p_above_1": after,
    }  # fmt: skip


def test_what_the_data_added_is_said_of_every_class():
    rows = [
        effect("deletion", "any deletion", 4.0, 1.0, 0.62, 0.996),
        effect("class", "ik6", 3.0, 1.0, 0.62, 0.71),
        effect("class", "ik6", 3.0, 1.0, np.nan, np.nan, method="Cox"),
    ]
    begin = "Probability that the hazard of relapse is higher than without a deletion, before → after the data: "
    said = f"{begin}any deletion 0.62 → >0.99 (4 patients, 1 event); IK6 (Δ4-7) 0.62 → 0.71 (3 patients, 1 event)."
    assert page.evidence(pd.DataFrame(rows), WORDS) == said
    none = pd.DataFrame([*rows, effect("class", "other", 1.0, 0.0, 0.5, 0.5)])
    assert page.evidence(none, WORDS).endswith(
        "other deletion 0.50 → 0.50 (1 patient, 0 events). A class without events has the numbers of the other classes and "
        "of the prior."
    )
    assert page.evidence(pd.DataFrame(rows[:0], columns=list(rows[0])), WORDS) == ""


def checked(group, measure, time, observed, low, high, above, fitted=0.7, n=3.0, n_event=1.0):
    return {
        "group": group, "measure": measure, "cause": "any" if measure == ALIVE else "relapse", "time": time, "n": n,
        "n_event": n_event, "observed": observed, "estimate": (low + high) / 2, "low": low, "high": high,
        "conf_level": 0.95, "fitted": fitted, "fitted_low": 0.5, "fitted_high": 0.9, "p_above_observed": above, "note": "",
    }  # fmt: skip


@pytest.fixture
def check():
    rows = []
    for group, n in (("not deleted", 30.0), ("ik6", 3.0)):
        for time, seen in ((1.0, 1.0), (4.9999999, 2 / 3), (7.0, np.nan)):
            rows.append(checked(group, ALIVE, time, seen, 1 / 3, 1.0, 0.4, n=n))
            rows.append(checked(group, FAILED, time, 1 - seen, 0.0, 2 / 3, 0.6, fitted=0.3, n=n))
    return pd.DataFrame(rows)


def test_cells_and_sentence_of_the_check_by_hand(check):
    table = page.check_table_of(check, WORDS, "x", "X").body
    assert table.iloc[1].tolist() == [
        "", "IK6 (Δ4-7)", "3", "67", "67 (33–100)", "70 (50–90)", "0.40", "33", "33 (0–67)", "30 (50–90)", "0.60",
    ]  # fmt: skip
    begin = "In cohorts replicated from the model, 5-year risks as observed are "
    assert page.check_sentence(check, WORDS) == (
        f"{begin}usual in every class (replicates above the observed: 0.40 to 0.60); in small classes that says little."
    )
    odd = check.assign(p_above_observed=np.where(check["group"] == "ik6", 0.99, 0.4))
    assert page.check_sentence(odd, WORDS) == (
        f"{begin}rare in IK6 (Δ4-7) (fewer than 1 in 40 replicates lie as far out): the model may not describe it well."
    )
    assert page.check_sentence(odd.assign(p_above_observed=0.01), WORDS) == (
        f"{begin}rare in no deletion detected, IK6 (Δ4-7) (fewer than 1 in 40 replicates lie as far out): the model may "
        "not describe them well."
    )
    gone = check.assign(p_above_observed=np.nan)
    assert page.check_sentence(gone, WORDS) == "No class is followed: the model cannot be checked."
    # the last time to which somebody is followed stands for a horizon beyond it
    late = WORDS._replace(horizon=7.0)
    assert page.check_sentence(check, late) == page.check_sentence(check, WORDS)
    assert page.check_table_of(check, late, "x", "X").subtitle == "At 5 years; 95 % intervals"
    # a class that ends before does not move it
    short = check.assign(observed=check["observed"].where((check["group"] != "ik6") | (check["time"] < 2.0)))
    table = page.check_table_of(short, WORDS, "x", "X")
    assert (table.subtitle, table.body.iloc[1, 3]) == ("At 5 years; 95 % intervals", "NE")
    early = page.check_table_of(check, WORDS._replace(horizon=2.0), "x", "X")
    assert (early.subtitle, early.body.iloc[1, 3]) == ("At 1 years; 95 % intervals", "100")
    lost = page.check_table_of(check.assign(note="not converged: see glance()"), WORDS, "x", "X")
    assert lost.footnotes[-1] == "Replicates of chains that have not converged."


def test_the_picture_has_a_panel_a_class_with_band_and_steps(check):
    figure = check_figure(check, WORDS, ALIVE, start=0.1, note="Simulated data")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["No deletion detected\n30 patients, 1 event", "IK6 (Δ4-7)\n3 patients, 1 event"]
    drawn = {line.get_label(): line for line in figure.axes[1].lines}
    observed = drawn["_observed"]
    assert observed.get_drawstyle() == "steps-post"
    np.testing.assert_allclose(observed.get_xdata()[:2], [0.1, 1.0])
    np.testing.assert_allclose(observed.get_ydata()[:3], [1.0, 1.0, 2 / 3])
    assert drawn["_expected"].get_linestyle() != "-"
    band = figure.axes[1].collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(1 / 3)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["observed", "95 % of replicates", "expected"]
    incidence = check_figure(check, WORDS, FAILED).axes[1].lines[1].get_ydata()
    np.testing.assert_allclose(incidence[:3], [0.0, 0.0, 1 / 3])
    assert check_alt(check, WORDS, ALIVE).startswith(
        "Predictive check of the event-free survival by class, at 5 years. No deletion detected (30 patients, 1 event): "
        "observed 67 %, replicates 33 to 100 %. IK6 (Δ4-7) (3 patients"
    )
    ended = check.assign(observed=check["observed"].where(check["group"] != "ik6"))
    ended.loc[ended["group"] == "ik6", ["low", "high"]] = np.nan
    assert "IK6 (Δ4-7) (3 patients, 1 event): observed not estimable, replicates not followed so far" in check_alt(
        ended, WORDS, FAILED
    )
    with pytest.raises(ColumnError, match="no column low"):
        check_figure(check.drop(columns="low"), WORDS, ALIVE)
    empty = check_figure(check.iloc[:0], WORDS, ALIVE)
    assert "There are no classes to show." in [text.get_text() for text in empty.axes[0].texts]
    assert check_alt(check.iloc[:0], WORDS, ALIVE) == "Predictive check: there are no classes to show."


def bound(at, time, note="", estimate=0.05):
    return {
        "bound": at, "contrast": "any deletion vs not deleted", "measure": "cumulative incidence", "cause": "relapse",
        "time": time, "estimate": estimate, "low": -0.1, "high": 0.2, "conf_level": 0.95, "p_above_0": 0.7, "note": note,
    }  # fmt: skip


def test_a_bound_that_cannot_be_says_why_and_cure_is_called_an_assumption():
    late = "beyond the follow-up of these patients: the prior decides"
    impossible = "not possible: 2 events after it"
    rows = [bound(np.nan, 5.0), bound(np.nan, 10.0, late)]
    rows += [bound(7.0, t, impossible, np.nan) | {"p_above_0": np.nan} for t in (5.0, 10.0)]
    rows += [bound(9.0, 5.0), bound(9.0, 10.0, late)]
    rows += [bound(15.0, t) for t in (5.0, 10.0)]
    table = page.bound_table_of(pd.DataFrame(rows), WORDS, "x", "X")
    assert table.body.to_numpy().tolist() == [
        ["", "No bound: as on this page", "+5 (−10 to +20)", "0.70", "+5 (−10 to +20)", "0.70",
         "10 years lie beyond the follow-up: the prior decides"],
        ["", "Nobody fails after 7 years", "NE", "–", "NE", "–", impossible],
        ["", "Nobody fails after 9 years", "+5 (−10 to +20)", "0.70", "+5 (−10 to +20)", "0.70",
         "10 years lie beyond the follow-up: the assumption decides"],
        ["", "Nobody fails after 15 years", "+5 (−10 to +20)", "0.70", "+5 (−10 to +20)", "0.70", ""],
    ]  # fmt: skip
    assert "assumes cure" in table.footnotes[0]
    assert "late relapses and second malignancies exist" in table.footnotes[0]
    # without a remark there is no column for one
    assert "Remark" not in page.bound_table_of(pd.DataFrame(rows[-2:]), WORDS, "x", "X").body


HEAD = """
[study]
title = "Classes"
seed = 4
[cohort]
file = "patients.csv"
simulated = true
[cohort.columns]
id = "Patient"
age = "Age"
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
ikzf1_class = { none = "none", "1-8" = "whole_gene", "4-7" = "ik6", "4-8" = "del_4_8", other = "other", gain = "gain" }
[[cohort.mrd]]
timepoint = "TP1"
day = 33
column = "MRD_day33"
limit_of_detection = 1e-5
quantifiable = 1e-4
assay = "simulated PCR"
codes = { negative = "negative", "positive, not quantifiable" = "positive_not_quantifiable", "not done" = "not_done", "not reached" = "not_reached" }
[endpoints.RELAPSE]
[hierarchical]
classes = "ikzf1_class"
"""  # noqa: E501


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("checks")
    hospital_file(simulate_cohort(200, seed=6)).to_csv(path / "patients.csv", index=False)
    return path


def load(folder, more=""):
    (folder / "study.toml").write_text(HEAD + more, encoding="utf-8")
    return iko.load_study(folder / "study.toml")


def test_residual_disease_needs_a_landmark_after_its_day(folder):
    # day 33 is 0.0903 years
    with pytest.raises(StudyError, match=re.escape("[hierarchical] RELAPSE: column 'mrd_TP1' is known only after")):
        load(folder, 'covariates = "age + mrd_TP1"\nlandmark = 0.05\n')
    study = load(folder, 'covariates = "age + mrd_TP1"\nlandmark = 0.1\n')
    asked = numbers.asked_of(study.plan.hierarchical, together(study))
    posterior = iko.sample(
        asked.endpoint, numbers.spec_of(study.plan.hierarchical, asked, 5.0), seed=1, draws=50, tune=50, chains=2
    )
    effects = posterior.tidy()
    names = effects[(effects["term"] == "covariate") & (effects["cause"] == "relapse")]["contrast"]
    assert names.str.contains("mrd_TP1").sum() >= 1
    assert names.str.contains("age").sum() == 1


@pytest.mark.parametrize("given", ["7", "[7, 7]", "[10, 7]", "[0]", '["7"]', "[inf]", "[true]"])
def test_bounds_that_are_none_are_refused(folder, given):
    with pytest.raises(StudyError, match="bounds must be a list of positive numbers that ascend"):
        load(folder, f"bounds = {given}\n")


def test_rows_of_bounds_are_those_of_the_models_with_them(folder):
    study = load(folder, "bounds = [2, 30]\n")
    plan = study.plan.hierarchical
    assert (plan.bounds, load(folder).plan.hierarchical.bounds) == ((2, 30), (7, 10, 15))
    assert load(folder, "bounds = []\n").plan.hierarchical.bounds == ()
    asked = numbers.asked_of(plan, together(study))
    fits = numbers.fits_of(plan, asked, 5.0)
    rows = hierarchical_checks.bound_rows(fits, plan, asked, 5.0, 0.95)
    assert rows["time"].tolist() == [5.0, 10.0] * 3
    assert rows["bound"].isna().tolist() == [True] * 2 + [False] * 4
    late = int(((asked.endpoint.cause > 0) & (asked.endpoint.time > 1.9)).sum())
    assert late > 1
    said = rows.set_index(["bound", "time"])["note"]
    assert said[2.0, 5.0] == f"not possible: {late} events after it"
    assert rows["estimate"].isna().tolist() == [False] * 2 + [True] * 2 + [False] * 2
    # the clock of the model begins at the landmark
    spec = numbers.spec_of(plan, asked, 5.0, bound=30.0)
    assert spec.bound == pytest.approx(29.9)
    ours = iko.sample(asked.endpoint, spec, seed=plan.seed).contrasts([4.9, 9.9])
    ours = ours[(ours["contrast"] == "any deletion vs not deleted") & (ours["cause"] == "relapse")]
    ours = ours[ours["measure"] == "cumulative incidence"]
    np.testing.assert_allclose(rows["estimate"].iloc[-2:], ours["estimate"], rtol=1e-12)


def test_a_bound_without_events_after_it_but_before_the_last_cut_is_refused_by_name(folder):
    study = load(folder)
    asked = numbers.asked_of(study.plan.hierarchical, together(study))
    cut = asked._replace(endpoint=take_rows(asked.endpoint, asked.endpoint.time < 3.0))
    fits = numbers.fits_of(study.plan.hierarchical, cut, 2.5)
    assert hierarchical_checks.refused(fits(1.0), cut, 4.0) == "it lies before the last cut of the hazard, at 5.1 years"


def test_the_items_to_report_are_filled_or_left_open(check):
    diagnostics = pd.DataFrame(
        [
            {"cause": "relapse", "n": 89.0, "n_event": 12.0, "chains": 4.0, "draws": 1000.0, "tune": 1000.0, "r_hat": 1.003,
             "ess_bulk": 1498.0, "ess_tail": 1276.0, "failed": "", "note": ""},
            {"cause": "other", "n": 89.0, "n_event": 2.0, "chains": 4.0, "draws": 1000.0, "tune": 1000.0, "r_hat": 1.001,
             "ess_bulk": 2498.0, "ess_tail": 1376.0, "failed": "", "note": ""},
        ]
    )  # fmt: skip
    one = {"contrast": "any deletion vs not deleted", "measure": "cumulative incidence", "cause": "relapse"}
    difference = one | {"estimate": 0.08, "low": -0.02, "high": 0.2, "conf_level": 0.95, "p_above_0": 0.93}
    before = {"measure": "cumulative incidence", "cause": "relapse", "low": 0.02, "high": 0.47, "conf_level": 0.95}
    rows = {
        "effects": pd.DataFrame({"term": ["deletion", "class", "subtype", "covariate"]}),
        "differences": pd.DataFrame([difference]),
        "diagnostics": diagnostics,
        "priors": iko.Priors().tidy(),
        "prior_risks": pd.DataFrame([before | {"group": group} for group in ("not deleted", "any deletion")]),
        "check": check,
        "sensitivity": pd.DataFrame(
            [one | {"factor": f, "estimate": e} for f, e in ((0.5, 0.04), (1.0, 0.08), (2.0, -0.001), (np.nan, np.nan))]
        ),
        "bounds": pd.DataFrame([bound(np.nan, 5.0), bound(7.0, 5.0), bound(10.0, 5.0, estimate=np.nan)]),
    }
    facts = bayes_reporting.Facts(rows, WORDS, "Relapse", "Who is in.", {"python": "3.12", "jinja2": "3"}, 7)
    body = bayes_reporting.reporting_table_of(facts, "x", "X").body.set_index("row")
    filled, asked = body["Filled by the program"], body["To write by the authors"]
    assert filled["Data"] == "Outcome: Relapse; events by cause: relapse 12, other 2. Who is in."
    assert filled["Likelihood and parameters"].startswith(
        "Proportional cause-specific hazards of relapse and other, each with a baseline that is constant between cuts; "
        "hierarchical effects, whose spread is estimated: class, subtype; with a coefficient each: covariates. Of interest"
    )
    assert filled["Software"] == "This program and what its draws depend on: python 3.12; all others in manifest.json."
    assert "R-hat 1.003 or less" in filled["Convergence of the chains"]
    assert filled["Resolution of the chains"].endswith(
        "relapse 1498 (middle) and 1276 (tails); other 2498 (middle) and 1376 (tails)."
    )
    assert filled["Summary"].endswith("headline: +8 (−2 to +20) points at 5 years.")
    assert filled["Prior predictive check"].endswith(
        "lies with probability 95 % between: without a deletion 2 to 47 %, with any deletion 2 to 47 %; drawn as curves "
        "in the picture of what the priors hold."
    )
    assert filled["Other priors and a hazard that ends"] == (
        "Difference in risk, points, with priors half as wide +4, as on this page +8, twice as wide 0, with published "
        "evidence not possible; were the hazard 0 after 7 years +5."
    )
    assert filled["Data and seed"].startswith("Seed 7, the study file and the patients' file (89 patients analysed)")
    # what no program knows is left open, and asked for
    for name in ("Goals", "Why a Bayesian analysis", "Region of practical equivalence"):
        assert filled[name] == "–"
        assert asked[name] != "–"
    assert ((filled != "–") | (asked != "–")).all()
    lost = rows | {"diagnostics": diagnostics.assign(failed=["3 divergences", ""])}
    worse = bayes_reporting.reporting_table_of(facts._replace(rows=lost), "x", "X").body.set_index("row")
    assert "do not rely on the numbers" in worse.loc["Convergence of the chains", "Filled by the program"]
