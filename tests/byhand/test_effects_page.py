"""Effects in a study: the table, the forest plot, the file."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.effects.side_by_side import MEANING
from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.report.effect_figures import forest_alt, forest_plot
from ikzf1_outcomes.report.effects import effect_cells
from ikzf1_outcomes.simulate import hospital_file, simulate_cohort

STUDY = """
[study]
title = "Effects"
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
[endpoints.EFS]
[endpoints.RELAPSE]
[analysis]
groups = []
strata = ["protocol"]
effects = ["ikzf1_class", "age", "sex"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("effects")
    hospital_file(simulate_cohort(150, seed=5)).to_csv(path / "patients.csv", index=False)
    (path / "study.toml").write_text(STUDY, encoding="utf-8")
    iko.run_study(path / "study.toml", path / "out")
    return path


def test_the_file_has_the_numbers_of_the_function(folder):
    study = iko.load_study(folder / "study.toml")
    table = pd.read_csv(folder / "out" / "effects" / "effects.csv")
    assert set(table["data"]) == {"simulated"}
    terms = ["ikzf1_class", "age", "sex"]
    for name, endpoint in study.endpoints.items():
        ours = iko.effect_table(endpoint, terms, cause=endpoint.interest, strata=["protocol"])
        theirs = table[table["endpoint"] == name]
        np.testing.assert_allclose(theirs["estimate"], ours["estimate"], rtol=1e-12)


def test_the_page_says_what_each_ratio_means(folder):
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "Effects: Cumulative incidence of relapse" in page
    assert "Subdistribution hazard ratio: the direction of the difference" in page
    assert "a baseline for each level of protocol" in page
    assert "or of a file in effects/" in page


def rows():
    common = {"cause": "any", "conf_level": 0.95, "note": "", "std_error": 0.3}
    return pd.DataFrame(
        [
            {"method": "hazard", "model": m, "term": "arm", "contrast": c, "n": n, "n_event": e, "estimate": x, "low": a,
             "high": b, "p_value": p, **common, "note": note}
            for m in ("univariable", "multivariable")
            for c, n, e, x, a, b, p, note in [
                ("a", 40, 9, 0.0, np.nan, np.nan, np.nan, "reference"),
                ("b vs a", 30, 12, np.log(2), np.log(1.1), np.log(4), 0.03, ""),
                ("c vs a", 4, 0, np.nan, np.nan, np.nan, np.nan, "not estimable: no events in c"),
            ]
        ]
    )  # fmt: skip


def test_cells():
    table = effect_cells(rows(), {"arm": "Arm"}, "effects", "Effects", MEANING)
    body = table.body.set_index("row")
    assert body["N"].tolist() == ["40", "30", "4"]
    assert body["Hazard ratio | adjusted"].tolist() == ["Reference", "2.00 (1.10–4.00)", "NE"]
    assert body["Hazard ratio | P"].tolist() == ["", "0.030", ""]


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.21, "No evidence against proportional hazards (least P = 0.21)."),
        (0.013, "Hazards may not be proportional, and a ratio is then a mean over time: Arm (P = 0.013)."),
        (0.0001, "Hazards may not be proportional, and a ratio is then a mean over time: Arm (P < 0.001)."),
    ],
)
def test_the_footnote_on_proportional_hazards(p, said):
    tested = rows().assign(p_proportional=np.where(rows()["model"] == "multivariable", p, np.nan))
    assert effect_cells(tested, {"arm": "Arm"}, "effects", "Effects", MEANING).footnotes[-1] == said
    none = rows().assign(p_proportional=np.nan)
    assert "proportional" not in effect_cells(none, {"arm": "Arm"}, "effects", "Effects", MEANING).footnotes[-1]


def test_the_forest_draws_what_has_a_number():
    figure = forest_plot(rows(), {"arm": "Arm"})
    panel = figure.axes[1]
    assert [text.get_text() for text in panel.get_yticklabels()] == ["Arm: b"]
    assert [text.get_text() for text in panel.texts] == ["2.00 (1.10–4.00)"]
    assert forest_alt(rows(), {"arm": "Arm"}) == "Forest plot of adjusted ratios: Arm: b 2.00 (1.10–4.00)."


def test_a_forest_without_a_number_says_so():
    none = rows().assign(estimate=np.nan)
    assert forest_plot(none, {}).axes[0].texts[0].get_text() == "No ratio could be estimated."
    assert forest_alt(none, {}) == "Forest plot: no ratio could be estimated."


def test_an_unknown_effect_is_refused(folder):
    (folder / "wrong.toml").write_text(STUDY.replace('"age", "sex"]', '"agee"]'), encoding="utf-8")
    with pytest.raises(StudyError, match="no column 'agee'"):
        iko.load_study(folder / "wrong.toml")
