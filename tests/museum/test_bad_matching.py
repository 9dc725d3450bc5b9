"""What matching, splitting and survival after relapse refuse, and where they say it is."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import ColumnError, InputError, cohort_from_frame, cox, define_endpoint, endpoint_from_columns
from ikzf1_outcomes.cohort import Field
from ikzf1_outcomes.describe.matched_sets import match_cohort
from ikzf1_outcomes.relapses import after_relapse, relapse_site, relapse_timing, split_cause

FRAME = pd.DataFrame(
    {
        "id": list("abcdef"),
        "age": [3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
        "wbc": [10.0, 0.0, 20.0, 5.0, 30.0, 9.0],
        "sex": ["male", "male", "female", "male", "female", "male"],
        "ikzf1_class": ["ik6", "none", "none", "whole_gene", "none", None],
        "relapse": [1.0, None, 2.0, None, None, None],
        "relapse_site": ["CNS", None, None, None, None, None],
        "death": [2.0, None, None, None, None, None],
        "last_contact": [2.0, 5.0, 3.0, 5.0, 5.0, 5.0],
    }
)
COHORT = cohort_from_frame(FRAME)


def match(cohort=COHORT, **changes):
    given = {"case": ("ikzf1_class", "ik6"), "on": ["sex", "age"], "seed": 1}
    return match_cohort(cohort, **{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"case": "ikzf1"}, ColumnError, "no column of values is called 'ikzf1'"),
        ({"case": "ikzf1_class"}, InputError, "column 'ikzf1_class' has no truth values"),
        ({"case": ("ikzf1_class", "IK6")}, InputError, "column 'ikzf1_class' has no such level"),
        ({"case": ("ikzf1_class", "gain")}, InputError, "nobody is a case; 0 in all"),
        ({"case": ("ikzf1_class", ["none", "ik6", "whole_gene"])}, InputError, "nobody is a possible control"),
        ({"case": 3}, InputError, "`case` is a column of truth values, or a column and its level"),
        ({"controls": ["none", "ik6"]}, InputError, "a level makes cases and controls"),
        ({"controls": "normal"}, InputError, "has no such level"),
        ({"on": []}, InputError, "name at least one column"),
        ({"on": ["sex", "sex"]}, InputError, "each once"),
        ({"on": ["id"]}, ColumnError, "no column of values is called 'id'"),
        ({"on": ["ikzf1_class"]}, InputError, "matched on what tells them apart"),
        ({"on": ["sex", "relapse_site"]}, InputError, "'relapse_site' is known only at a date of each patient's own"),
        ({"ratio": 0}, InputError, "`ratio` is a whole number"),
        ({"ratio": 1.5}, InputError, "`ratio` is a whole number"),
        ({"ratio": True}, InputError, "`ratio` is a whole number"),
        ({"calipers": {"wbc": 2.0}}, InputError, "a caliper for 'wbc', which is not matched on"),
        ({"calipers": {"sex": 1.0}}, InputError, "a caliper for 'sex', which is no column of numbers"),
        ({"calipers": {"age": -1.0}}, InputError, "the caliper of 'age' is no width"),
        ({"calipers": {"age": np.nan}}, InputError, "the caliper of 'age' is no width"),
        ({"calipers": {"age": "1"}}, InputError, "the caliper of 'age' is no width"),
        ({"calipers": {"age": ("ln", 1.0)}}, InputError, "the caliper of 'age' is no width"),
        ({"calipers": {"age": True}}, InputError, "the caliper of 'age' is no width"),
        ({"calipers": {"age": 0.5}}, InputError, "no case has a candidate; 1 in all"),
        ({"on": ["wbc"], "calipers": {"wbc": ("log", None)}}, InputError, "'wbc' has values that have no logarithm; row 2"),
    ],
)
def test_what_cannot_be_matched(changes, error, message):
    with pytest.raises(error, match=message):
        match(**changes)


def test_a_matched_cohort_is_not_matched_again():
    with pytest.raises(InputError, match="there is a column 'matched_set' already"):
        match(match().cohort)


def test_nothing_that_is_held_can_be_written():
    result = match()
    with pytest.raises(AttributeError):
        result.cohort = COHORT
    unmatched, pairs = result.unmatched, result.pairs
    unmatched.loc[0, "row"] = 9
    pairs.loc[0, "row"] = 99
    assert result.unmatched["row"].tolist() == []
    assert result.pairs["row"].tolist() != pairs["row"].tolist()
    with pytest.raises(ValueError, match="read-only"):
        result._pairs.distance[0] = 0.0
    assert repr(result) == "MatchedCohort(1 of 1 cases matched, 2 controls)"


def test_equal_numbers_have_no_distance():
    same = cohort_from_frame(FRAME.assign(age=5.0, sex="male"))
    result = match(same)
    assert result.pairs["distance"].tolist() == [0, 0, 0]
    assert (result.balance()["after"].notna() | (result.balance()["note"] != "")).all()


def test_a_case_alone_with_one_control():
    two = cohort_from_frame(FRAME.iloc[[0, 1]])
    assert match(two, ratio=5).tidy()["n"].tolist() == [0, 0, 0, 0, 1, 0, 0, 0]


def test_one_set_without_events_tells_a_cox_model_nothing():
    quiet = cohort_from_frame(FRAME.assign(relapse=np.nan, death=np.nan).drop(columns="relapse_site"))
    endpoint = define_endpoint(match(quiet).cohort, "EFS")
    with pytest.raises(InputError, match="no events"):
        cox(endpoint, "matched_case", strata="matched_set")


ENDPOINT = define_endpoint(COHORT, "EFS")
MONTHS = endpoint_from_columns(
    pd.DataFrame({"t": [5.0, 40.0], "s": [1, 1], "end": [24.0, 24.0]}), time="t", status="s", causes={1: "relapse"}
)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: split_cause(ENDPOINT, "recurrence", "sex"), InputError, "no cause is called 'recurrence'"),
        (lambda: split_cause(ENDPOINT, "relapse", "site"), ColumnError, "no column is called 'site'"),
        (lambda: split_cause(ENDPOINT, "relapse", ["a", "b"]), InputError, "2 values for 6 rows"),
        (
            lambda: split_cause(ENDPOINT, "relapse", [0, 0, 2, 0, 0, 0], labels="ab"),
            InputError,
            "no code of `labels`; row 3",
        ),
        (lambda: split_cause(ENDPOINT, "relapse", [0.5] * 6, labels="ab"), InputError, "no code of `labels`; rows 1, 3"),
        (lambda: split_cause(ENDPOINT, "relapse", "sex", interest="other"), InputError, "has no part 'other'"),
        (
            lambda: split_cause(ENDPOINT, "relapse", [0] * 6, labels=["a", "a"]),
            InputError,
            "two causes would have one name",
        ),
        (
            lambda: split_cause(ENDPOINT, "relapse", "relapse_site", unknown="CNS"),
            InputError,
            "two causes would have one name",
        ),
        (lambda: split_cause(ENDPOINT, "non-response", ["a"] * 6), InputError, "there is nothing to split"),
        (lambda: relapse_site(MONTHS), ColumnError, "no column is called 'relapse_site'"),
        (lambda: relapse_timing(MONTHS), InputError, "the endpoint's time is not in years"),
        (
            lambda: relapse_timing(MONTHS, cuts=[18], end_of_therapy="end"),
            InputError,
            "the endpoint's time is not in years",
        ),
        (lambda: relapse_timing(ENDPOINT, cuts=(2.5, 1.5)), InputError, "cuts are positive numbers that ascend"),
        (lambda: relapse_timing(ENDPOINT, cuts=(0.0, 1.5)), InputError, "cuts are positive numbers that ascend"),
        (lambda: relapse_timing(ENDPOINT, cuts=()), InputError, "cuts are positive numbers that ascend"),
        (lambda: relapse_timing(ENDPOINT, cuts=(1.5,)), InputError, "3 labels for 2 parts"),
        (lambda: relapse_timing(ENDPOINT, labels=("a", "b", "b")), InputError, "3 labels for 3 parts"),
        (lambda: relapse_timing(ENDPOINT, end_of_therapy="therapy"), ColumnError, "no column is called 'therapy'"),
        (lambda: after_relapse(COHORT, start="diagnosis"), InputError, "start cannot be 'diagnosis'"),
        (lambda: after_relapse(COHORT, censor_at=0), InputError, "censor_at must be a positive number"),
        (lambda: after_relapse(COHORT, end_of_therapy="therapy"), ColumnError, "no column is called 'therapy'"),
    ],
)
def test_what_cannot_be_split_or_followed(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_survival_after_relapse_needs_relapses_and_an_end():
    none = cohort_from_frame(FRAME.assign(relapse=np.nan).drop(columns="relapse_site"))
    with pytest.raises(InputError, match="nobody has a relapse"):
        after_relapse(none)
    with pytest.raises(InputError, match="needs the column 'relapse'"):
        after_relapse(cohort_from_frame(FRAME.drop(columns=["relapse", "relapse_site"])))
    first = {
        "first_event": ["relapse", "none", "relapse", "none", "none", "none"],
        "first_event_time": [1.0, 5, 2, 5, 5, 5],
    }
    with pytest.raises(InputError, match="needs the column 'last_contact'"):
        after_relapse(cohort_from_frame(FRAME.drop(columns="last_contact").assign(**first)))
    open_end = FRAME.assign(last_contact=[2.0, 5.0, None, 5.0, 5.0, 5.0])
    with pytest.raises(InputError, match="a relapse has neither death nor last contact; row 3"):
        after_relapse(cohort_from_frame(open_end))


def test_a_column_of_the_study_with_the_name_of_a_new_one_stays():
    own = {"relapse_timing": Field("relapse_timing", "category", "Timing by the protocol", known_at="relapse")}
    cohort = cohort_from_frame(FRAME.assign(relapse_timing=["soon", None, None, None, None, None]), dictionary=own)
    endpoint = after_relapse(cohort)
    assert endpoint.column("relapse_timing").isna().tolist() == [False, True]
    assert endpoint.frame["time_to_relapse"].tolist() == [1, 2]
