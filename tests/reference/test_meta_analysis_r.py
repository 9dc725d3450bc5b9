"""Random effects against R's metafor."""

import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko

V = reading.values("meta_analysis")
STUDIES = reading.inputs("meta_analysis", "studies")


@pytest.mark.parametrize("row", V["pooled"], ids=lambda row: f"{row['set']} {row['method']} {row['interval']}")
def test_pooled(row: dict) -> None:
    own = STUDIES[STUDIES["set"] == row["set"]]
    pooled = iko.meta_analysis(own, method=row["method"], interval=row["interval"])
    table, glance = pooled.tidy().set_index("term"), pooled.glance().iloc[0]
    for name in ("estimate", "std_error", "low", "high", "statistic", "p_value"):
        reading.agree(table.loc["pooled", name], [row[name]], name)
    for ours, theirs in {"between_variance": "tau2", "i2": "i2", "statistic": "q", "p_value": "q_p"}.items():
        reading.agree(glance[ours], [row[theirs]], theirs)
    for end in ("low", "high"):
        reading.agree(table.loc["prediction", end], [row.get(f"prediction_{end}")], end)


def test_weights() -> None:
    theirs = reading.table(V["weights"])
    for (name, method), own in theirs.groupby(["set", "method"]):
        ours: pd.DataFrame = iko.meta_analysis(STUDIES[STUDIES["set"] == name], method=method).tidy()
        reading.agree_in(ours[ours["term"] == "study"], own, ["cohort_id"], ["weight"])


def test_the_sets_are_what_they_are_for() -> None:
    glances = {
        name: iko.meta_analysis(own).glance().iloc[0] for name, own in STUDIES.groupby("set") if name in ("differ", "alike")
    }
    assert glances["differ"]["between_variance"] > 0.05
    assert glances["alike"]["between_variance"] == 0.0
