"""Landmarks, cuts and changes of state: who is at risk when, on eight patients."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import (
    cox,
    cumulative_incidence,
    endpoint_from_columns,
    follow_up,
    kaplan_meier,
    landmark,
    landmark_losses,
    logrank_test,
    mantel_byar,
    simon_makuch,
    split_follow_up,
    time_dependent,
)

F = Fraction

EIGHT = {
    "t": [3.0, 1, 2, 0, 1, 4, 3, 1],
    "s": [0, 2, 1, 1, 1, 0, 2, 0],
    "arm": list("abbaabba"),
    "x": [0.5, 2, 1, 3, 1.5, 0, 2.5, 1],
}


def made(columns):
    named = {name: name for name in ("entry", "weights") if name in columns}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes={1: "relapse", 2: "death"}, **named)


def test_a_landmark_keeps_the_clock_and_loses_events_on_it():
    e = landmark(made(EIGHT), 1)
    assert e.time.tolist() == [3, 2, 4, 3]
    assert e.entry.tolist() == [1, 1, 1, 1]
    assert e.frame["x"].tolist() == [0.5, 1, 0, 2.5]
    assert e.notes == ("landmark at 1: 4 left out before it (3 events, 1 censored)",)
    assert e.n_excluded == 4
    # 4 at risk: relapse at 2; death and a censoring at 3
    np.testing.assert_allclose(kaplan_meier(e).tidy()["estimate"], [3 / 4, 1 / 2, 1 / 2], rtol=1e-15)


def test_losses_before_a_landmark_by_group_and_cause():
    table = landmark_losses(made(EIGHT), 1, "arm")
    assert table["group"].tolist() == ["a"] * 3 + ["b"] * 3
    assert table["cause"].tolist() == ["censored", "relapse", "death"] * 2
    assert table["n"].tolist() == [4] * 6
    assert table["n_event"].tolist() == [1, 2, 0, 0, 0, 1]
    assert table["time"].tolist() == [1] * 6
    assert landmark_losses(made(EIGHT), 1)["n_event"].sum() == 4


def test_a_landmark_leaves_later_entries_as_they_are():
    e = landmark(made({"t": [3.0, 2, 1], "s": [1, 1, 1], "entry": [2.0, -np.inf, 0.5]}), 1.5)
    assert e.entry.tolist() == [2, 1.5]


def test_two_landmarks_are_the_later_one():
    once, twice = landmark(made(EIGHT), 2), landmark(landmark(made(EIGHT), 1), 2)
    assert once.time.tolist() == twice.time.tolist()
    assert once.entry.tolist() == twice.entry.tolist()
    assert twice.n_excluded == once.n_excluded == 5


ROUNDED = {"t": [0.1 + 0.2, 2.0, 3.0], "s": [1, 1, 0], "switch": [0.3, np.nan, 1.0], "arm": list("aba")}


def test_a_landmark_that_equals_a_time_but_for_rounding_is_that_time():
    e = landmark(made(ROUNDED), 0.3)
    assert e.time.tolist() == [2, 3]
    np.testing.assert_allclose(kaplan_meier(e).tidy()["estimate"], [1 / 2, 1 / 2])


@pytest.mark.parametrize("by", [None, "arm"])
def test_a_cut_that_equals_a_time_but_for_rounding_does_not_move_the_curve(by):
    whole, cut = made(ROUNDED), split_follow_up(made(ROUNDED), [0.3])
    assert len(cut) == 5
    # from a group's first time on limits at S = 1 are NaN (decision 001), and a cut is such a time
    columns = ["n", "n_risk", "n_event", "n_censor", "estimate", "std_error", "note"]
    left = kaplan_meier(whole, by).tidy(times=[0.3, 1, 2, 3])[columns]
    pd.testing.assert_frame_equal(kaplan_meier(cut, by).tidy(times=[0.3, 1, 2, 3])[columns], left)


def test_a_switch_at_the_end_but_for_rounding_never_happens():
    e = time_dependent(made(ROUNDED), "switch")
    assert len(e) == 4
    assert e.frame["state"].tolist() == ["before", "before", "before", "after"]


WEIGHTED = {**EIGHT, "weights": [1.0, 2, 1, 3, 1, 1, 2, 1]}
ENTERED = {**EIGHT, "entry": [1.0, -np.inf, 0.5, -np.inf, 0, 2, 1.5, 0]}


@pytest.mark.parametrize("columns", [EIGHT, WEIGHTED, ENTERED], ids=["plain", "weights", "entry"])
@pytest.mark.parametrize("by", [None, "arm"])
def test_split_follow_up_keeps_every_estimate(columns, by):
    whole, cut = made(columns), split_follow_up(made(columns), [0.5, 1, 2.2])
    assert len(cut) > len(whole)
    assert cut.n == whole.n == 8
    assert cut.n_event == whole.n_event == 5
    times = [1, 1.5, 2, 3, 4, 5]
    for left, right in (
        (kaplan_meier(whole, by).tidy(times), kaplan_meier(cut, by).tidy(times)),
        (kaplan_meier(whole, by, robust=True).tidy(times), kaplan_meier(cut, by, robust=True).tidy(times)),
        (kaplan_meier(whole, by).quantile([0.2, 0.5]), kaplan_meier(cut, by).quantile([0.2, 0.5])),
        (kaplan_meier(whole, by).rmst(2.5), kaplan_meier(cut, by).rmst(2.5)),
        (cumulative_incidence(whole, by).tidy(times), cumulative_incidence(cut, by).tidy(times)),
        (cumulative_incidence(whole, by).years_lost(3), cumulative_incidence(cut, by).years_lost(3)),
    ):
        measures = ["n_risk", "n_event", "estimate", "std_error", "low", "high"]
        for name in [name for name in measures if name in left]:
            np.testing.assert_allclose(right[name], left[name], rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("columns", [EIGHT, WEIGHTED], ids=["plain", "weights"])
def test_split_follow_up_keeps_the_counts_of_patients(columns):
    whole, cut = made(columns), split_follow_up(made(columns), [0.5, 1, 2.2])
    for left, right in (
        (kaplan_meier(whole, "arm").glance(), kaplan_meier(cut, "arm").glance()),
        (cumulative_incidence(whole, "arm").glance(), cumulative_incidence(cut, "arm").glance()),
    ):
        pd.testing.assert_frame_equal(left, right)


@pytest.mark.parametrize("columns", [EIGHT, ENTERED], ids=["plain", "entry"])
def test_split_follow_up_counts_nobody_as_censored_who_goes_on(columns):
    whole, cut = made(columns), split_follow_up(made(columns), [0.5, 1, 2.2])
    times = [0, 0.5, 1, 2.5, 4]
    left, right = kaplan_meier(whole).tidy(times), kaplan_meier(cut).tidy(times)
    assert right["n_censor"].tolist() == left["n_censor"].tolist()


@pytest.mark.parametrize("columns", [EIGHT, WEIGHTED, ENTERED], ids=["plain", "weights", "entry"])
def test_split_follow_up_keeps_tests_and_models(columns):
    whole, cut = made(columns), split_follow_up(made(columns), [0.5, 1, 2.2])
    left, right = logrank_test(whole, "arm"), logrank_test(cut, "arm")
    assert right.statistic == pytest.approx(left.statistic, rel=1e-12)
    np.testing.assert_allclose(right.tidy()["expected"], left.tidy()["expected"], rtol=1e-12)
    left, right = cox(whole, "x + arm"), cox(cut, "x + arm")
    for name in ("estimate", "std_error"):
        np.testing.assert_allclose(right.tidy()[name], left.tidy()[name], rtol=1e-10)
    for name in ("log_likelihood", "log_likelihood_null", "score", "n_event"):
        np.testing.assert_allclose(right.glance()[name], left.glance()[name], rtol=1e-12)


def test_tests_and_models_of_split_rows_count_patients():
    whole, cut = made(EIGHT), split_follow_up(made(EIGHT), [0.5, 1, 2.2])
    assert logrank_test(cut, "arm").tidy()["n"].tolist() == logrank_test(whole, "arm").tidy()["n"].tolist() == [4, 4]
    assert cox(cut, "x + arm").glance()["n"].tolist() == cox(whole, "x + arm").glance()["n"].tolist() == [8]
    assert cox(cut, "x + arm").tidy()["n"].tolist() == cox(whole, "x + arm").tidy()["n"].tolist()


def test_split_follow_up_keeps_the_length_of_follow_up():
    columns = {**EIGHT, "cutoff": [5.0, 5, 4, 4, 3, 6, 5, 2]}
    left = follow_up(made(columns), potential="cutoff")
    right = follow_up(split_follow_up(made(columns), [0.5, 1, 2.2]), potential="cutoff")
    pd.testing.assert_frame_equal(left, right)


def test_pieces_are_numbered_and_an_event_at_zero_stays():
    e = split_follow_up(made({"t": [0.0, 2, 1], "s": [1, 1, 0]}), [1, 1.5], name="piece")
    assert list(zip(e.entry, e.time, e.cause, e.frame["piece"], strict=True)) == [
        (-np.inf, 0, 1, 0),
        (-np.inf, 1, -1, 0),
        (1, 1.5, -1, 1),
        (1.5, 2, 1, 2),
        (-np.inf, 1, 0, 0),
    ]
    assert e.subject.tolist() == [0, 1, 1, 1, 2]


TRANSPLANTS = {
    # transplant at 1, at 2, never, after the event, at 0, at the end of follow-up, never, before time began
    "t": [3.0, 4, 2, 1, 2.5, 2, 5, 4],
    "s": [1, 0, 1, 1, 1, 0, 0, 1],
    "transplant": [1.0, 2, np.nan, 3, 0, 2, np.nan, -1],
}


def test_states_of_patients_who_are_transplanted():
    e = time_dependent(made(TRANSPLANTS), "transplant", levels=("no", "yes"))
    rows = list(zip(e.subject, e.entry, e.time, e.cause, e.frame["state"], strict=True))
    assert rows == [
        (0, -np.inf, 1, -1, "no"),
        (0, 1, 3, 1, "yes"),
        (1, -np.inf, 2, -1, "no"),
        (1, 2, 4, 0, "yes"),
        (2, -np.inf, 2, 1, "no"),
        (3, -np.inf, 1, 1, "no"),
        (4, -np.inf, 0, -1, "no"),
        (4, 0, 2.5, 1, "yes"),
        (5, -np.inf, 2, 0, "no"),
        (6, -np.inf, 5, 0, "no"),
        (7, -np.inf, 4, 1, "yes"),
    ]
    assert e.n == 8


def states_at(u):
    """At risk and events of (before, after) at u, patient by patient."""
    n, d = [0, 0], [0, 0]
    for t, s, moved in zip(*TRANSPLANTS.values(), strict=True):
        if u <= t:
            after = int(moved < u)
            n[after] += 1
            d[after] += t == u and s == 1
    return n, d


def test_mantel_byar_by_hand():
    # time: at risk (before, after), events (before, after)
    table = {1: ([6, 2], [1, 0]), 2: ([4, 3], [1, 0]), 2.5: ([1, 4], [0, 1]), 3: ([1, 3], [0, 1]), 4: ([1, 2], [0, 1])}
    assert {u: states_at(u) for u in table} == table
    expected = F(6, 8) + F(4, 7) + F(1, 5) + F(1, 4) + F(1, 3)
    variance = sum(F(n[0] * n[1], sum(n) ** 2) for n, _ in table.values())
    result = mantel_byar(made(TRANSPLANTS), "transplant")
    assert result.statistic == pytest.approx(float((2 - expected) ** 2 / variance), rel=1e-13)
    groups = result.tidy()
    assert groups["group"].tolist() == ["before", "after"]
    assert groups["observed"].tolist() == [2, 3]
    np.testing.assert_allclose(groups["expected"], [float(expected), float(5 - expected)], rtol=1e-14)


def test_simon_makuch_by_hand():
    table = simon_makuch(made(TRANSPLANTS), "transplant").tidy(times=[1, 2, 2.5, 3, 4])
    before, after = (table.loc[table["group"] == state, "estimate"] for state in ("before", "after"))
    np.testing.assert_allclose(before, [5 / 6, 5 / 8, 5 / 8, 5 / 8, 5 / 8], rtol=1e-14)
    np.testing.assert_allclose(after, [1, 1, 3 / 4, 1 / 2, 1 / 4], rtol=1e-14)
    # just before 2: three without a transplant yet and the one who gets it at 2
    assert table.loc[table["time"] == 2, "n_risk"].tolist() == [4, 3]
