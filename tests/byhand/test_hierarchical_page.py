"""Classes estimated together in a report: the sentences and cells by hand, a study with the part, and its files."""

import json

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.report import hierarchical as page
from ikzf1_outcomes.report.hierarchical_checks import prior_sentence
from ikzf1_outcomes.report.hierarchical_figures import shrinkage_alt, shrinkage_figure
from ikzf1_outcomes.simulate import hospital_file, simulate_cohort
from ikzf1_outcomes.study import hierarchical as numbers
from ikzf1_outcomes.study import hierarchical_evidence, hierarchical_page
from ikzf1_outcomes.study.folder import Workspace

WORDS = page.Words("ikzf1_class", "relapse", 5.0)
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
[endpoints.EFS]
[endpoints.RELAPSE]
[hierarchical]
classes = "ikzf1_class"
protocol = "protocol"
covariates = "age + log(wbc)"
"""


def row(term, contrast, method, estimate, low, high, n=13.0, n_event=2.0, note="", after=np.nan):
    return {
        "term": term, "contrast": f"{contrast} vs not deleted", "cause": "relapse", "method": method, "n": n,
        "n_event": n_event, "estimate": estimate, "low": low, "high": high, "conf_level": 0.95, "note": note,
        "p_above_1": after, "prior_p_above_1": 0.5 if method == "hierarchical" else np.nan,
    }  # fmt: skip


@pytest.fixture
def effects():
    log = np.log
    lost = "not estimable: no events in ik6"
    return pd.DataFrame(
        [
            row("deletion", "any deletion", "Cox", log(2), log(1), log(4)),
            row("deletion", "any deletion", "Firth", log(1.9), log(0.9), log(3.9)),
            row("deletion", "any deletion", "hierarchical", log(1.5), log(0.8), log(3), after=0.996),
            row("class", "ik6", "Cox", np.nan, np.nan, np.nan, n=3.0, n_event=0.0, note=lost),
            row("class", "ik6", "Firth", log(0.5), log(0.001), log(9), n=3.0, n_event=0.0),
            row("class", "ik6", "hierarchical", log(1.2), log(0.5), log(2.5), n=3.0, n_event=0.0, after=0.62),
        ]
    )


@pytest.fixture
def differences():
    one = {"contrast": "any deletion vs not deleted", "measure": "cumulative incidence", "cause": "relapse"}
    return pd.DataFrame([one | {"estimate": 0.081, "low": -0.0249, "high": 0.2, "conf_level": 0.95, "p_above_0": 0.93}])


@pytest.fixture
def diagnostics():
    good = {"cause": "relapse", "n": 152.0, "n_event": 36.0, "r_hat": 1.0041, "ess_bulk": 1472.0, "ess_tail": 873.2}
    return pd.DataFrame([good | {"failed": "", "note": ""}])


def test_the_sentence_is_written_from_the_numbers(effects, differences, diagnostics):
    assert page.headline(effects, differences, diagnostics, WORDS) == (
        "Standardised to the case mix of these patients, the 5-year risk of relapse is 8 percentage points higher with any "
        "deletion than without (95 % credible interval −2 to +20 points); the probability that it is higher with a "
        "deletion is 0.93. That the hazard is higher had a probability of 0.50 before the data, and has >0.99 after them "
        "(152 patients, 36 events; with a deletion 13 patients, 2 events)."
    )
    none = page.headline(effects, differences.assign(estimate=0.004, low=-0.1, high=0.004), diagnostics, WORDS)
    assert "is 0 percentage points different between any deletion and none (95 % credible interval −10 to 0 points)" in none


def test_the_gate_is_said_either_way(diagnostics):
    good = page.verdict(diagnostics)
    assert good == "The chains have converged (R-hat 1.004 or less, effective sample size 873 or more, no divergences)."
    bad = page.verdict(diagnostics.assign(failed="3 divergences"))
    assert bad == "The chains have not converged (relapse: 3 divergences): do not rely on the numbers of this section."

    assert page.story(["a", "", "b"], diagnostics) == ("a", "b", good)
    assert page.story(["a", ""], diagnostics.assign(failed="3 divergences")) == (bad, "a")


def test_cells_of_effects_by_hand(effects):
    table = page.effect_table_of(effects, WORDS, "x", "X")
    assert table.body.to_numpy().tolist() == [
        ["", "Any deletion", "13", "2", "2.00 (1.00–4.00)", "1.90 (0.90–3.90)", "1.50 (0.80–3.00)", "0.50", ">0.99"],
        ["", "IK6 (Δ4-7)", "3", "0", "NE", "0.50 (0.00–9.00)", "1.20 (0.50–2.50)", "0.50", "0.62"],
    ]
    assert "Cox: not estimable: no events (IK6 (Δ4-7))." in table.footnotes
    assert "not converged" not in " ".join(table.footnotes)
    lost = page.effect_table_of(effects.assign(note="not converged: 3 divergences"), WORDS, "x", "X")
    assert "Estimates of chains that have not converged." in lost.footnotes


def test_priors_are_read_as_ratios_and_shares():
    table = iko.Priors().tidy().rename(columns={"location": "prior_location", "scale": "prior_scale"})
    body = page.prior_table_of(table, "x", "X").body.set_index("row")["95 % of it"]
    # 1 - exp(-exp(log 0.08 +- 1.96)) and exp(+- 1.96 x 0.75)
    assert body[page.PRIOR_NAMES["level"]] == "1–43 % of patients"
    assert body["Any deletion"] == "hazard ratio 0.23–4.35"


def test_the_picture_says_in_words_where_cox_has_no_number(effects):
    figure = shrinkage_figure(effects, WORDS, note="Simulated data")
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert "Cox: not estimable" in texts
    assert {"IK6 (Δ4-7)", "13 / 2", "1.50 (0.80–3.00)"} <= set(texts)
    alt = shrinkage_alt(effects, WORDS)
    assert "IK6 (Δ4-7) (3 patients, 0 events): Cox not estimable, Firth 0.50 (0.00–9.00)" in alt
    marks = [line for line in figure.axes[1].lines if line.get_label() == "_effect"]
    assert [line.get_marker() for line in marks] == ["s", "o", "o", "o", "o"]
    # open for those that are not pooled
    assert [line.get_markerfacecolor() == "white" for line in marks] == [True, True, False, True, False]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("together")
    hospital_file(simulate_cohort(300, seed=6)).to_csv(path / "patients.csv", index=False)
    (path / "study.toml").write_text(HEAD, encoding="utf-8")
    iko.run_study(path / "study.toml", path / "out")
    return path


def raw(folder, name):
    return pd.read_csv(folder / "out" / "effects" / f"{name}.csv", keep_default_na=False, na_values=[""])


def test_the_files_have_the_numbers_of_the_functions(folder):
    study = iko.load_study(folder / "study.toml")
    late = iko.landmark(study.endpoints["RELAPSE"], 0.1)
    model = {"protocol": "protocol", "covariates": "age + log(wbc)", "causes": ("relapse", "other")}
    moved = numbers.counted_from(late, 0.1)
    posterior = iko.sample(moved, iko.hierarchical_spec(**model, horizon=4.9), seed=4)
    effects, risks, differences = (raw(folder, f"hierarchical{part}") for part in ("", "_risks", "_differences"))
    ours = posterior.tidy()
    theirs = effects[effects["method"] == "hierarchical"]
    np.testing.assert_allclose(np.sort(theirs["estimate"]), np.sort(ours["estimate"]), rtol=1e-12)
    np.testing.assert_allclose(differences["estimate"], posterior.contrasts(5 - 0.1)["estimate"], rtol=1e-12, atol=1e-15)
    beside = iko.shrinkage(posterior)
    alone = effects[effects["method"].isin(["Cox", "Firth"])]
    np.testing.assert_allclose(alone["estimate"], beside[beside["method"] != "hierarchical"]["estimate"], rtol=1e-12)
    pooled = risks[risks["method"] == "hierarchical"]
    np.testing.assert_allclose(pooled["estimate"], posterior.curves(5 - 0.1)["estimate"], rtol=1e-12)
    observed = iko.kaplan_meier(late, "ikzf1_deletion").tidy([5.0]).set_index("group")["estimate"]
    alive = risks[risks["method"] == "Kaplan-Meier"].set_index("group")["estimate"]
    np.testing.assert_allclose(alive[["not deleted", "any deletion"]], observed[["not deleted", "deleted"]], rtol=1e-12)
    assert {*effects["data"]} == {"simulated"}
    check = raw(folder, "hierarchical_check")
    times = np.unique(np.round(check["time"] - 0.1, 9))
    again = iko.predictive_check(posterior, times, seed=4)
    for column in ("observed", "low", "high", "fitted", "p_above_observed"):
        np.testing.assert_allclose(check[column], again[column], rtol=1e-9, atol=1e-12, err_msg=column)
    assert 4.9 in times
    bounds = raw(folder, "hierarchical_bounds")
    whole = differences[differences["contrast"] == "any deletion vs not deleted"]
    whole = whole[(whole["measure"] == "cumulative incidence") & (whole["cause"] == "relapse")]["estimate"].iloc[0]
    np.testing.assert_allclose(bounds["estimate"].iloc[0], whole, rtol=1e-12)


def test_the_clock_begins_at_the_landmark(folder):
    late = iko.landmark(iko.load_study(folder / "study.toml").endpoints["RELAPSE"], 0.1)
    moved = numbers.counted_from(late, 0.1)
    assert moved.entry is None
    assert (moved.n, moved.n_event, moved.interest) == (late.n, late.n_event, "relapse")
    np.testing.assert_allclose(np.sort(moved.time), np.sort(late.time) - 0.1, rtol=1e-12)
    before, after = (iko.cumulative_incidence(e).tidy([t])["estimate"] for e, t in ((late, 5.0), (moved, 4.9)))
    np.testing.assert_allclose(after, before, rtol=1e-12)
    # who enters later still does
    later = numbers.counted_from(iko.landmark(late, 1.0), 0.1)
    np.testing.assert_allclose(later.entry, 0.9, rtol=1e-12)


def test_wider_priors_are_those_of_the_sensitivity_rows(folder):
    rows = raw(folder, "hierarchical_sensitivity")
    widths = rows["factor"].notna()
    assert rows.loc[widths, "factor"].tolist() == [0.5, 0.5, 1.0, 1.0, 2.0, 2.0]
    assert rows.loc[~widths, "measure"].tolist() == ["hazard ratio", "cumulative incidence"]
    effects = raw(folder, "hierarchical")
    middle = effects[(effects["term"] == "deletion") & (effects["cause"] == "relapse")]
    middle = middle[middle["method"] == "hierarchical"]["estimate"].iloc[0]
    np.testing.assert_allclose(rows["estimate"].iloc[2], middle, rtol=1e-12)
    width = (rows["high"] - rows["low"])[widths & (rows["measure"] == "hazard ratio")]
    assert width.is_monotonic_increasing
    assert "seconds" not in raw(folder, "hierarchical_diagnostics")
    assert {"subtype_spread", "cell_spread", "alteration"}.isdisjoint(raw(folder, "hierarchical_priors")["term"])


def test_what_the_priors_hold_is_drawn_from_the_landmark_to_the_horizon(folder):
    curves, risks = raw(folder, "hierarchical_prior_curves"), raw(folder, "hierarchical_prior_risks")
    assert curves["group"].unique().tolist() == ["not deleted", "any deletion"]
    assert (curves["time"].min(), curves["time"].max()) == (pytest.approx(0.2), 5.0)
    keys = ["group", "measure", "cause"]
    last = curves[(curves["time"] == 5.0) & (curves["conf_level"] == 0.95)].merge(risks, on=keys, suffixes=("", "_risk"))
    assert len(last) == 6
    for column in ("estimate", "low", "high"):
        np.testing.assert_allclose(last[column], last[f"{column}_risk"], rtol=1e-12)
    narrow, wide = (curves[curves["conf_level"] == level].reset_index(drop=True) for level in (0.5, 0.95))
    assert ((wide["low"] < narrow["low"]) & (narrow["high"] < wide["high"])).all()


def test_what_the_priors_expect_is_said_from_the_rows():
    one = {"measure": "event-free survival", "estimate": 0.761, "low": 0.372, "high": 0.94, "conf_level": 0.95}
    rows = [
        one | {"group": "not deleted", "time": 5.0 + 1e-9},
        one | {"group": "not deleted", "time": 4.9, "estimate": 0.9},
        one | {"group": "any deletion", "time": 5.0, "estimate": 0.8},
        one | {"group": "not deleted", "time": 5.0 + 1e-9, "low": 0.6, "high": 0.8, "conf_level": 0.5},
    ]
    assert prior_sentence(pd.DataFrame(rows), WORDS) == (
        "Before the data, the priors expect a 5-year event-free survival without a deletion of 76 % (median; 37 to 94 % "
        "with probability 0.95)."
    )


def published(adjustment="adjusted", names="ABC"):
    """Incidence and event-free survival of made-up cohorts."""
    rows = iko.published_outcomes().query("study == 'Dörge 2013'")
    parts = [
        rows.assign(
            study=f"Study {name}", cohort_id=name, adjustment=adjustment,
            deleted=[str(70 - 3 * place), str(20 + 2 * place)],
        )
        for place, name in enumerate(names)
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def plan_and_asked(folder):
    study = iko.load_study(folder / "study.toml")
    return study.plan.hierarchical, numbers.asked_of(study.plan.hierarchical, hierarchical_page.together(study))


def test_too_little_that_was_published_is_a_row_that_says_so(folder):
    rows = raw(folder, "hierarchical_sensitivity")
    lost = rows[rows["factor"].isna()]
    said = (
        "not possible: fewer than three studies have no predictive distribution (cohorts with figures seen in their "
        "source: 1 crude, 0 adjusted or matched)"
    )
    assert lost["note"].tolist() == [said, said]
    assert lost[["estimate", "low", "high", "p_above"]].isna().all(axis=None)
    assert lost["source"].tolist() == ["published evidence"] * 2
    rows["note"] = rows["note"].fillna("")
    table = page.sensitivity_table_of(rows, WORDS, "x", "X")
    assert table.body["row"].tolist() == ["Half as wide", "As on this page", "Twice as wide", "With published evidence"]
    assert table.body.iloc[-1].tolist() == [
        "",
        "With published evidence",
        *["not possible", "–", "–"],
        *["not possible", "–"],
        "–",
    ]
    assert table.footnotes[-1] == f"With published evidence, {said}."


def test_enough_that_was_published_is_sampled(folder, monkeypatch):
    # a crude estimate of a fourth cohort does not keep the adjusted ones out
    table = pd.concat([published(), published("crude", "D")], ignore_index=True)
    monkeypatch.setattr(hierarchical_evidence, "published_outcomes", lambda: table)
    plan, asked = plan_and_asked(folder)
    fit, made = numbers.fits_of(plan, asked, 5.0), []

    def fits(*given, **named):
        made.append(fit(*given, **named))
        return made[-1]

    rows = hierarchical_evidence.evidence_rows(fits, plan, asked, 5.0, 0.95)
    (posterior,) = made
    effects = iko.published_effects(published(), cause="relapse")
    priors = iko.published_priors(evidence=effects, cause="relapse", adjusted=True)
    assert posterior.reduced.spec.priors == priors
    assert posterior.reduced.spec.priors.of_cause("other") == iko.Priors()
    ours = posterior.tidy().query("term == 'deletion' and cause == 'relapse'").iloc[0]
    assert rows["measure"].tolist() == ["hazard ratio", "cumulative incidence"]
    assert rows["factor"].isna().all()
    ratio = rows.iloc[0]
    assert [ratio[name] for name in ("estimate", "p_above", "prior_p_above")] == [
        ours[name] for name in ("estimate", "p_above_1", "prior_p_above_1")
    ]
    risk = posterior.contrasts(4.9).query("measure == 'cumulative incidence' and cause == 'relapse'").iloc[0]
    assert rows["estimate"].iloc[1] == risk["estimate"]
    assert rows["time"].iloc[1] == 5.0
    wide = raw(folder, "hierarchical_sensitivity").assign(note="", reason="", source="").dropna(subset="factor")
    shown = page.sensitivity_table_of(pd.concat([wide, rows], ignore_index=True), WORDS, "x", "X")
    assert shown.body["Chains"].iloc[-1] in ("converged", "not converged")
    own = priors.of_cause("relapse").deletion
    assert shown.footnotes[-1] == (
        f"With published evidence: any deletion alone has another prior, the {own.reason} ({own.source})."
    )
    assert "Study A, Study B, Study C" in shown.footnotes[-1]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (lambda: published("crude"), "fewer than three studies have no predictive distribution .* 3 crude, 0 adjusted"),
        (lambda: published().assign(verified=False), "fewer than three studies .* 0 crude, 0 adjusted"),
        (lambda: published().assign(deletion="IKZF1plus"), "fewer than three studies .* 0 crude, 0 adjusted"),
        (lambda: published().assign(cohort_id="A"), "several estimates are of one cohort .* 0 crude, 1 adjusted"),
    ],
    ids=["crude", "recalled", "of a type", "one cohort"],
)
def test_evidence_that_makes_no_prior(folder, monkeypatch, table, words):
    monkeypatch.setattr(hierarchical_evidence, "published_outcomes", table)
    plan, asked = plan_and_asked(folder)
    rows = hierarchical_evidence.evidence_rows(lambda *a, **k: pytest.fail("sampled"), plan, asked, 5.0, 0.95)
    assert rows["note"].str.contains(f"^not possible: {words}").all()
    assert list(rows.columns) == list(numbers.SENSITIVITY)


def test_a_cause_that_nobody_reports_has_no_evidence(folder):
    plan, asked = plan_and_asked(folder)
    other = asked._replace(causes=("second malignancy", "other"))
    rows = hierarchical_evidence.evidence_rows(lambda *a, **k: pytest.fail("sampled"), plan, other, 5.0, 0.95)
    assert rows["note"].str.contains("0 crude, 0 adjusted or matched").all()
    assert set(rows["cause"]) == {"second malignancy"}


def test_the_page_the_tables_and_the_manifest_have_the_part(folder):
    text = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert ">Small classes, estimated together</h2>" in text
    assert "left out are" in text
    assert "The chains have" in text
    assert "before → after the data: any deletion 0.50 →" in text
    assert "In cohorts replicated from the model, 5-year risks" in text
    for heading in ("Whether the model describes each class", "were nobody to fail after", "a Bayesian analysis must say"):
        assert heading in text
    assert "Before the data, the priors expect a 5-year event-free survival without a deletion of" in text
    assert text.index("What the priors hold before the data") < text.index("Predictive check, event-free survival")
    names = {path.relative_to(folder / "out").as_posix() for path in (folder / "out").rglob("*")}
    assert {"figures/hierarchical_priors.svg", "effects/hierarchical_prior_curves.csv"} <= names
    assert {"figures/hierarchical_check_survival.svg", "figures/hierarchical_check_incidence.png"} <= names
    assert {
        "tables/hierarchical_bounds.csv",
        "tables/hierarchical_reporting.html",
        "effects/hierarchical_check.csv",
    } <= names
    assert {"figures/hierarchical.svg", "tables/hierarchical_risks.csv", "tables/hierarchical_priors.html"} <= names
    content = json.loads((folder / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert content["settings"]["hierarchical"]["seed"] == 4
    assert content["settings"]["hierarchical"]["bounds"] == [7, 10, 15]
    assert content["settings"]["hierarchical"]["undeleted"] == ["none", "gain"]
    assert content["versions"]["nutpie"]


def test_what_is_finished_is_not_sampled_again(folder, monkeypatch):
    study = iko.load_study(folder / "study.toml")
    plan = study.plan.hierarchical
    asked = numbers.asked_of(plan, hierarchical_page.together(study))
    work = Workspace(folder / "again", "mark", overwrite=False)
    for kind in hierarchical_page.KINDS:
        name = "hierarchical" if kind == "effects" else f"hierarchical_{kind}"
        finished = raw(folder, name).drop(columns="data").to_csv(index=False)
        work.step(f"parts/hierarchical_{kind}.csv", lambda finished=finished: finished)
    monkeypatch.setattr(numbers, "sample", lambda *a, **k: pytest.fail("sampled again"))
    rows = hierarchical_page.rows_of(work, study, plan, asked)
    np.testing.assert_allclose(rows["risks"]["estimate"], raw(folder, "hierarchical_risks")["estimate"], rtol=1e-15)
