"""Matching, its balance and the Cox models of its sets, against MatchIt, lpSolve and survival (make.R of matching)."""

import numpy as np
import pandas as pd
import pytest
import reading

from ikzf1_outcomes import Cohort, cohort_from_frame, cox, endpoint_from_columns
from ikzf1_outcomes.cohort import Field
from ikzf1_outcomes.describe.matched_sets import match_cohort

V = reading.values("matching")
PATIENTS = reading.inputs("matching", "patients")
OWN = {
    "subtype": Field("subtype", "category", "Subtype"),
    "is_case": Field("is_case", "flag", "Case"),
    "years": Field("years", "number", "Time"),
    "status": Field("status", "number", "Event"),
}


def cohort() -> Cohort:
    frame = PATIENTS.rename(columns={"row": "id", "time": "years"}).drop(columns="case")
    return cohort_from_frame(frame.assign(is_case=PATIENTS["case"] == 1), dictionary=OWN)


def matched(**options):
    calipers = {"age": 2.0, "wbc": ("log", 0.8)}
    return match_cohort(
        cohort(), case="is_case", on=["subtype", "protocol", "age", "wbc"], calipers=calipers, seed=7, **options
    )


BEST, NEAREST = matched(), matched(replace=True)


def agree_pairs(ours, theirs):
    theirs = reading.table(theirs)
    assert ours[["case_row", "row"]].values.tolist() == theirs[["case_row", "row"]].astype(int).values.tolist()
    reading.agree(ours["distance"], theirs["distance"].tolist())


def agree_size(ours, theirs):
    assert (ours["n_matched"], ours["n_control"]) == (theirs["n_matched"], theirs["n_control"])
    reading.agree(ours["distance"], theirs["distance"])


def test_the_nearest_with_replacement_are_those_of_matchit():
    agree_pairs(NEAREST.pairs, V["nearest"])
    agree_size(NEAREST.glance().iloc[0], V["nearest_size"])


def test_the_best_assignment_is_that_of_the_integer_programme():
    agree_pairs(BEST.pairs, V["best"])
    agree_size(BEST.glance().iloc[0], V["best_size"])


@pytest.mark.parametrize("order", ["data", "random"])
def test_the_best_is_no_worse_than_the_greedy_way_of_matchit(order):
    ours, greedy = BEST.glance().iloc[0], V["greedy"][order]
    key = (-ours["n_matched"], -ours["n_control"], ours["distance"])
    assert key < (-greedy["n_matched"], -greedy["n_control"], greedy["distance"])


def test_balance_is_that_of_matchit():
    table = NEAREST.balance("sex")
    names = {"age": ("age", ""), "lwbc": ("log(wbc)", ""), "sexfemale": ("sex", "female"), "sexmale": ("sex", "male")}
    assert len(V["balance"]) == 4
    for row in V["balance"]:
        variable, level = names[row["name"]]
        part = table[(table["variable"] == variable) & (table["level"] == level) & (table["term"] != "n")]
        assert part["group"].tolist() == ["case", "control", ""]
        for sample in ("before", "after"):
            reading.agree(part[sample], [row[f"{sample}.{k}"] for k in (1, 2, 3)], f"{row['name']}, {sample}")


def regression(result, **options):
    endpoint = endpoint_from_columns(result.cohort.frame, time="years", status="status", causes={1: "event"})
    return cox(endpoint, "matched_case", strata="matched_set", **options)


@pytest.mark.parametrize(
    ("case", "result", "options"),
    [
        ("cox_best", BEST, {}),
        ("cox_best_exact", BEST, {"ties": "exact"}),
        ("cox_nearest", NEAREST, {}),
        ("robust_nearest", NEAREST, {"cluster": "id"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_cox_model_stratified_by_set(case, result, options):
    fit = regression(result, **options)
    row = fit.tidy().iloc[-1]
    reading.agree(row[["estimate", "std_error"]].astype(float), [V[case]["estimate"], V[case]["std_error"]], case)
    if "n" in V[case]:
        assert fit.glance()[["n", "n_event"]].iloc[0].tolist() == [V[case]["n"], V[case]["nevent"]]


def test_sets_do_not_depend_on_the_order_of_the_file():
    shuffled = cohort().frame.sample(frac=1, random_state=3)
    again = match_cohort(
        cohort_from_frame(shuffled, dictionary=OWN), case="is_case", on=["subtype", "protocol", "age", "wbc"],
        calipers={"age": 2.0, "wbc": ("log", 0.8)}, seed=99,
    )  # fmt: skip

    def by_case(result):
        frame = result.cohort.frame
        heads = frame[frame["matched_case"]].set_index("matched_set")["id"]
        return {(heads[s], i) for s, i in zip(frame["matched_set"], frame["id"], strict=True)}

    assert by_case(again) == by_case(BEST)
    np.testing.assert_allclose(again.glance()["distance"], BEST.glance()["distance"], rtol=1e-12)


def test_the_case_is_worth_reading():
    # several cases compete for controls, some are left out, and the greedy way falls short
    assert pd.DataFrame(V["best"])["case_row"].nunique() < PATIENTS["case"].sum()
    assert V["nearest_size"]["n_control"] > V["best_size"]["n_control"] > V["best_size"]["n_matched"]
