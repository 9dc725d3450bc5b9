"""Matched cohorts of a few patients: who gets which control, what the balance is, who is left out and why."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import InputError, cohort_from_frame, cox, define_endpoint, landmark
from ikzf1_outcomes.cohort import Field
from ikzf1_outcomes.describe.matched_sets import MatchedCohort, match_cohort

NO, YES = "none", "ik6"


def made(**columns):
    n = len(next(iter(columns.values())))
    return cohort_from_frame(pd.DataFrame({"id": [f"p{i}" for i in range(n)], **columns}))


def matched(cohort, on, **options):
    return match_cohort(cohort, case=("ikzf1_class", YES), on=on, **{"ratio": 1, "seed": 1, **options})


def sets(result):
    return result.pairs[["case_row", "row"]].values.tolist()


FOUR = made(ikzf1_class=[YES, NO, YES, NO], age=[6.0, 5.5, 4.0, 9.0])


def test_the_sum_of_distances_is_least_where_the_greedy_way_is_not():
    # Row 1 (6 years) is nearest to row 2 (5.5): taken in order, 0.5 + |4 - 9| = 5.5 years.
    # The other way round |6 - 9| + |4 - 5.5| = 4.5 years.
    # Ages 6, 5.5, 4, 9: mean 49/8; squared deviations 1/64 + 25/64 + 289/64 + 529/64 = 844/64, variance 211/48.
    result = matched(FOUR, "age")
    assert isinstance(result, MatchedCohort)
    assert sets(result) == [[1, 4], [3, 2]]
    sd = np.sqrt(211 / 48)
    np.testing.assert_allclose(result.pairs["distance"], [3 / sd, 1.5 / sd], rtol=1e-14)
    np.testing.assert_allclose(result.glance()["distance"], [4.5 / sd], rtol=1e-14)
    # with replacement both take row 2
    again = matched(FOUR, "age", replace=True)
    assert sets(again) == [[1, 2], [3, 2]]
    np.testing.assert_allclose(again.glance()["distance"], [2 / sd], rtol=1e-14)


def test_the_matched_cohort_is_set_by_set_with_its_case_first():
    cohort = matched(FOUR, "age").cohort
    assert cohort.frame["age"].tolist() == [6, 9, 4, 5.5]
    assert cohort.frame["matched_set"].tolist() == [1, 1, 2, 2]
    assert cohort.frame["matched_case"].tolist() == [True, False, True, False]
    assert cohort.frame["id"].tolist() == ["p0", "p3", "p2", "p1"]
    assert cohort.flow_table().iloc[-1].tolist() == ["matched", 4, 0, "in no matched set"]
    assert cohort.provenance.notes[-1] == "matched: 2 of 2 cases have 2 controls"


def test_two_numbers_and_a_logarithm():
    # Distances: age 2 over its SD, log count ln 4 over its SD, added in squares.
    cohort = made(ikzf1_class=[YES, NO, NO], age=[4.0, 6.0, 5.0], wbc=[10.0, 40.0, 640.0])
    result = matched(cohort, ["age", "wbc"], calipers={"wbc": ("log", np.log(4))})
    # ages 4, 6, 5: variance 1. Log counts are 0, 1, 3 in units of ln 4 above ln 10: mean 4/3,
    # variance (16 + 1 + 25) / 18 = 7/3.
    assert sets(result) == [[1, 2]]
    np.testing.assert_allclose(result.pairs["distance"], [np.sqrt(4 / 1 + 1 / (7 / 3))], rtol=1e-14)
    # a caliper of exactly the difference holds it, one a little less does not
    with pytest.raises(InputError, match="no case has a candidate"):
        matched(cohort, ["age", "wbc"], calipers={"wbc": ("log", np.log(4) - 1e-6)})


def test_every_case_gets_a_first_control_before_any_gets_a_second():
    # Within a year: row 1 (5.6 years) may have rows 3, 4, 5; row 2 (6.5 years) only row 5 (5.8 years), row 1's nearest.
    cohort = made(ikzf1_class=[YES, YES, NO, NO, NO], age=[5.6, 6.5, 4.9, 4.7, 5.8])
    result = matched(cohort, "age", ratio=3, calipers={"age": 1.0})
    assert sets(result) == [[1, 3], [1, 4], [2, 5]]
    assert result.tidy()["n_control"].tolist() == [3, 2, 1, 0, 0, 0]
    assert result.tidy()["n"].tolist() == [0, 1, 1, 0, 0, 0]


def test_categories_agree_exactly_and_reasons_are_counted():
    cohort = made(
        ikzf1_class=[YES, YES, YES, YES, NO, NO, "whole_gene", "not_tested"],
        sex=["male", "female", "male", "male", "male", "male", "male", "female"],
        age=[4.0, 5.0, np.nan, 4.1, 4.4, 30.0, 4.0, 5.0],
    )
    # Row 2: the only other girl is not tested. Row 3: no age. Rows 1 and 4 want row 5, and row 7 is no control here.
    result = matched(cohort, ["sex", "age"], controls=NO, calipers={"age": 1.0}, ratio=2)
    assert sets(result) == [[4, 5]]
    assert result.unmatched.values.tolist() == [
        [1, "candidates taken by other cases"], [2, "no candidate"], [3, "missing covariate"],
    ]  # fmt: skip
    row = result.glance().iloc[0]
    assert row[["n", "n_case", "n_matched", "n_unmatched", "n_incomplete", "n_alone", "n_taken"]].tolist() == [
        8,
        4,
        1,
        3,
        1,
        1,
        1,
    ]
    assert row[["n_candidate", "n_control", "n_missing"]].tolist() == [2, 1, 1]
    assert result.tidy()[["n_control", "n", "reason"]].values.tolist() == [
        [2, 0, ""], [1, 1, ""],
        [0, 1, "missing covariate"], [0, 1, "no candidate"], [0, 1, "candidates taken by other cases"],
    ]  # fmt: skip
    left_out = {"missing covariate": 1, "no candidate": 1, "candidates taken by other cases": 1}
    note = result.cohort.provenance.notes[-1]
    assert note.startswith("matched: 1 of 4 cases have 1 controls; cases left out: ")
    assert sorted(note.split(": ")[2].split(", ")) == sorted(f"{n} {reason}" for reason, n in left_out.items())
    # by default every other known class may be a control
    assert sets(matched(cohort, ["sex", "age"], calipers={"age": 1.0})) == [[1, 7], [4, 5]]


def test_balance_counts_a_control_one_over_its_set():
    # Sets: row 1 (8 years, boy) with rows 3 and 4 (7 and 9 years, girl and boy); row 2 (2 years, girl) with row 5 (3, boy).
    cohort = made(
        ikzf1_class=[YES, YES, NO, NO, NO, NO],
        age=[8.0, 2.0, 7.0, 9.0, 3.0, 15.0],
        sex=["male", "female", "female", "male", "male", "male"],
    )
    result = matched(cohort, "age", ratio=2, calipers={"age": 1.0})
    assert sets(result) == [[1, 3], [1, 4], [2, 5]]
    table = result.balance("sex").set_index(["variable", "level", "group", "term"])
    # Cases 8 and 2: mean 5, variance 18. Controls: (7 + 9 + 3 + 15) / 4 = 8.5; matched ((7 + 9) / 2 + 3) / 2 = 5.5.
    age = table.loc["age"].loc[""]
    assert age.loc[("case", "mean"), ["before", "after"]].tolist() == [5, 5]
    assert age.loc[("control", "mean"), ["before", "after"]].tolist() == [8.5, 5.5]
    assert age.loc[("control", "n"), ["before", "after"]].tolist() == [4, 3]
    difference = age.loc[("", "standardised difference")]
    expected = [-3.5 / np.sqrt(18), -0.5 / np.sqrt(18)]
    np.testing.assert_allclose(difference[["before", "after"]].astype(float), expected, rtol=1e-14)
    assert difference["contrast"] == "case vs control"
    # Boys: cases 1/2, s = 1/2. Controls 3/4 before; matched ((0 + 1) / 2 + 1) / 2 = 3/4.
    male = table.loc["sex"].loc["male"]
    assert male.loc[("control", "share"), ["before", "after"]].tolist() == [0.75, 0.75]
    assert male.loc[("", "standardised difference"), ["before", "after"]].tolist() == [-0.5, -0.5]


def test_balance_of_what_cannot_be_had():
    cohort = made(ikzf1_class=[YES, NO, NO], age=[5.0, 5.0, 9.0], wbc=[np.nan, 3.0, 4.0], sex=["male"] * 3)
    table = (
        matched(cohort, ["age", "sex"]).balance("wbc").set_index(["variable", "level", "group", "term"])["note"].to_dict()
    )
    assert table["wbc", "", "case", "mean"] == "not estimable: nobody in this group has a known value"
    assert table["wbc", "", "", "standardised difference"] == "not estimable: too few known values"
    assert table["age", "", "", "standardised difference"] == "not estimable: too few known values"
    assert table["sex", "male", "", "standardised difference"] == ""


def test_a_number_matched_by_its_logarithm_is_compared_by_it():
    cohort = made(ikzf1_class=[YES, YES, NO, NO], wbc=[1.0, 100.0, 1.0, 100.0])
    result = matched(cohort, "wbc", calipers={"wbc": ("log", None)})
    table = result.balance("wbc").set_index(["variable", "group", "term"])["before"]
    np.testing.assert_allclose(table[("log(wbc)", "case", "mean")], np.log(10), rtol=1e-14)
    np.testing.assert_allclose(table[("wbc", "case", "mean")], 50.5, rtol=1e-14)


def test_a_flag_makes_cases_and_without_numbers_the_seed_decides():
    early = {"early": Field("early", "flag", "Known at diagnosis")}
    frame = pd.DataFrame({"id": range(31), "early": [True] + [False] * 30, "sex": "male"})
    cohort = cohort_from_frame(frame, dictionary=early)
    chosen = [match_cohort(cohort, case="early", on="sex", ratio=1, seed=seed).pairs["row"].iloc[0] for seed in range(12)]
    assert len(set(chosen)) > 3
    assert match_cohort(cohort, case="early", on="sex", ratio=1, seed=3).pairs["row"].iloc[0] == chosen[3]


def test_what_is_matched_on_late_is_known_late():
    rng = np.random.default_rng(4)
    death = rng.uniform(0.1, 4, 60)
    cohort = made(
        ikzf1_class=np.where(np.arange(60) < 15, YES, NO), risk_arm=rng.choice(["a", "b"], 60), death=death,
        remission=np.full(60, 0.05), relapse=np.full(60, np.nan), last_contact=death,
    )  # fmt: skip
    result = matched(cohort, "risk_arm")
    assert result.cohort.known_at("matched_set") == result.cohort.known_at("matched_case") == 0.25
    endpoint = define_endpoint(result.cohort, "EFS")
    with pytest.raises(InputError, match="known only after follow-up has begun"):
        cox(endpoint, "matched_case", strata="matched_set")
    assert cox(landmark(endpoint, 0.25), "matched_case", strata="matched_set").glance()["n"].iloc[0] > 10


def test_with_replacement_rows_are_repeated_and_said():
    result = matched(FOUR, "age", replace=True)
    assert result.cohort.frame["id"].tolist() == ["p0", "p1", "p2", "p1"]
    assert result.cohort.provenance.notes[-1] == (
        "1 rows repeat a control of another set: standard errors need cluster='id'"
    )
    assert result.cohort.flow_table()["n"].tolist()[-1] == 3
