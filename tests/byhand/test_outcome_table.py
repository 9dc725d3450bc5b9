"""The outcome table of eight patients, every cell worked out by hand.

ik6:  relapse at 1, relapse at 2, censored at 6, censored at 7      none: censored at 6, 6, 7, death at 3
EFS at 5 y: ik6 (3/4)(2/3) = 1/2; none 3/4. Incidence of relapse at 5 y: ik6 1/4 + 3/4 * 1/3 = 1/2; none 0.
"""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.report import prose
from ikzf1_outcomes.report.ledger import difference_table, ledger_table
from ikzf1_outcomes.report.outcome import outcome_table
from ikzf1_outcomes.report.tables import escape_formulas
from ikzf1_outcomes.results import RESULT_COLUMNS, Settings, select

ROWS = [("none", 3.0, 2), ("ik6", 1.0, 1), ("none", 6.0, 0), ("ik6", 7.0, 0)]
ROWS += [("none", 7.0, 0), ("ik6", 2.0, 1), ("none", 6.0, 0), ("ik6", 6.0, 0)]
LABELS = {"ikzf1_class": "IKZF1 class"}


def endpoint(name, interest=None):
    from dataclasses import replace

    frame = pd.DataFrame(ROWS, columns=["ikzf1_class", "t", "s"])
    frame["ikzf1_class"] = pd.Categorical(frame["ikzf1_class"], categories=["none", "ik6"])
    made = iko.endpoint_from_columns(
        frame, time="t", status="s", causes={1: "relapse", 2: "death"}, name=name, origin="diagnosis"
    )
    return replace(made, interest=interest, policy=("Time counts from diagnosis.",))


@pytest.fixture(scope="module")
def results():
    endpoints = {"EFS": endpoint("EFS"), "RELAPSE": endpoint("RELAPSE", "relapse")}
    settings = Settings(follow_up_endpoint="EFS")
    parts = [iko.outcome_results(endpoints, variable, settings) for variable in (None, "ikzf1_class")]
    return pd.concat(parts, ignore_index=True)


def one(results, **conditions):
    rows = select(results, **conditions)
    assert len(rows) == 1
    return rows.iloc[0]


def test_the_long_results_have_the_declared_columns(results):
    assert tuple(results.columns) == RESULT_COLUMNS


@pytest.mark.parametrize(("group", "survival", "relapse"), [("none", 0.75, 0.0), ("ik6", 0.5, 0.5)])
def test_estimates(results, group, survival, relapse):
    at = {"variable": "ikzf1_class", "group": group, "time": 5.0}
    assert one(results, term="survival", **at)["estimate"] == pytest.approx(survival, abs=1e-15)
    assert one(results, term="incidence", **at)["estimate"] == pytest.approx(relapse, abs=1e-15)


def test_events_count_from_the_origin(results):
    at = {"variable": "ikzf1_class", "group": "ik6", "term": "survival"}
    assert [one(results, time=t, **at)["n_event"] for t in (1.0, 3.0, 5.0)] == [1, 2, 2]


def test_the_ledger_adds_up(results):
    rows = select(results, term="ledger: probability", variable="ikzf1_class", group="ik6")
    assert dict(zip(rows["cause"], rows["estimate"], strict=True)) == pytest.approx(
        {"event-free": 0.5, "relapse": 0.5, "death": 0.0}
    )
    means = select(results, term="ledger: mean time", variable="ikzf1_class", group="ik6")
    # event-free 1 + 3/4 + 3 * 1/2 = 3.25 years of 5; the rest is lost to relapse
    assert dict(zip(means["cause"], means["estimate"], strict=True)) == pytest.approx(
        {"event-free": 3.25, "relapse": 1.75, "death": 0.0}
    )


def test_cells_of_the_outcome_table(results):
    table = outcome_table(results, LABELS, 5.0)
    body = table.body.set_index("row")
    assert list(table.body["section"]) == ["All patients", "IKZF1 class", "IKZF1 class"]
    assert list(body.index) == ["All", "no deletion detected", "IK6 (Δ4-7)"]
    assert list(body["N"]) == ["8", "4", "4"]
    assert list(body["EFS | Events"]) == ["3", "1", "2"]
    assert body.loc["IK6 (Δ4-7)", "EFS | 5-year, %"].startswith("50 (")
    assert body.loc["no deletion detected", "CIR | 5-year, %"] == "0 (–)"
    assert body.loc["no deletion detected", "EFS | HR"] == "Reference"
    # no relapse in the reference level: the ratio is infinite, and not printed
    assert body.loc["IK6 (Δ4-7)", "CIR | cause-specific HR"] == "NE"
    assert body.loc["IK6 (Δ4-7)", "EFS | p (log-rank)"] == ""
    assert body.loc["no deletion detected", "EFS | p (log-rank)"] == "0.38"


def test_the_log_rank_p_is_that_of_the_hand_calculation():
    # times 1, 2, 3: d = 1; n = 8, 7, 6; at risk in ik6: 4, 3, 2; chi-square 0.5448 / 0.7171 = 0.760, p = 0.383
    expected = 4 / 8 + 3 / 7 + 2 / 6
    variance = 4 * 4 / 64 + 3 * 4 / 49 + 2 * 4 / 36
    glance = iko.logrank_test(endpoint("EFS"), "ikzf1_class").glance()
    assert glance["statistic"].iloc[0] == pytest.approx((2 - expected) ** 2 / variance, rel=1e-14)
    assert round(glance["p_value"].iloc[0], 2) == 0.38


def test_what_is_not_estimable_has_a_footnote(results):
    notes = " ".join(outcome_table(results, LABELS, 5.0).footnotes)
    assert "no events in the reference level" in notes
    assert "Fewer than 10 at risk" in notes


def test_standard_error_style(results):
    body = outcome_table(results, LABELS, 5.0, style="error").body.set_index("row")
    # Greenwood: 1/2 * sqrt(1/12 + 1/6) = 1/4
    assert body.loc["IK6 (Δ4-7)", "EFS | 5-year, %"] == "50 ± 25"


def test_ledger_and_difference_tables(results):
    body = ledger_table(results, LABELS, 5.0).body.set_index("row")
    assert body.loc["IK6 (Δ4-7)", "Mean years of 5 | event-free "].startswith("3.25 (")
    assert body.loc["IK6 (Δ4-7)", "5-year, % | relapse"].startswith("50.0 (")
    differences = difference_table(results, LABELS, 5.0).body
    assert list(differences["row"]) == ["IK6 (Δ4-7) vs no deletion detected"]
    assert differences["% points | event-free"].iloc[0].startswith("−25 (")


def test_sentences_say_what_the_table_says(results):
    lines = prose.summary(results, LABELS, Settings())
    assert lines[0].startswith("All patients: 5-year EFS 62 % (95 % CI ")
    assert any("5-year CIR 50 % (95 % CI" in line and "against 0 % (no interval)" in line for line in lines)
    assert any(line.endswith("(log-rank test over all levels: p = 0.38).") for line in lines)


def test_formulas_are_escaped_and_numbers_are_not():
    frame = pd.DataFrame({"row": ["=cmd()", "+1", "fine", "-2"], "n": [-1.5, 2.0, 3.0, np.nan]})
    out = escape_formulas(frame)
    assert list(out["row"]) == ["'=cmd()", "'+1", "fine", "'-2"]
    assert list(out["n"][:3]) == [-1.5, 2.0, 3.0]


def test_html_in_a_level_is_escaped():
    frame = pd.DataFrame(ROWS, columns=["arm", "t", "s"])
    frame["arm"] = frame["arm"].map({"none": "<script>alert(1)</script>", "ik6": "=cmd()"})
    made = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, name="EFS")
    page = outcome_table(iko.outcome_results({"EFS": made}, "arm"), {}, 5.0)
    assert "<script>" not in page.to_html()
    assert "&lt;script&gt;" in page.to_html()
    assert "'=cmd()" in page.to_csv()


@pytest.mark.parametrize("levels", [(False, True), (0.0, 1.0), (1_000_000.5, 2_000_000.5), ("a vs b", "c vs a")])
def test_every_kind_of_group_gets_its_hazard_ratio(levels):
    """Flags and numbers are groups here, not covariates; a level may hold any words."""
    first, second = levels
    frame = pd.DataFrame({"t": [4.0, 3, 2, 6, 1, 5], "s": [1, 1, 0, 1, 1, 0], "g": [first, second] * 3})
    made = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, name="EFS")
    results = iko.outcome_results({"EFS": made}, "g")
    body = outcome_table(results, {}, 5.0).body
    expected = (
        iko.cox(
            iko.endpoint_from_columns(
                frame.assign(g=(frame["g"] == second).astype(int)), time="t", status="s", causes={1: "relapse"}
            ),
            "g",
        )
        .tidy()["estimate"]
        .iloc[0]
    )
    ratios = select(results, term="hazard ratio")
    assert ratios["group"].tolist() == [str(first), str(second)]
    assert ratios["estimate"].iloc[1] == pytest.approx(expected, rel=1e-10)
    assert body["EFS | HR"].iloc[0] == "Reference"
    assert body["EFS | HR"].iloc[1].startswith(f"{np.exp(expected):.2f}")
