"""The score test of proportional hazards and Schoenfeld's residuals on a sheet of paper; what cannot be tested."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import chdtrc

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.assumptions import (
    BETWEEN_LEVELS,
    MODEL_BASED,
    NO_CONTRAST,
    ONE_TIME,
    SINGULAR_NOTE,
    TRANSFORMS,
    proportional_hazards_test,
    schoenfeld_residuals,
)

CAUSES = {1: "relapse", 2: "death"}
FOUR = {"t": [2.0, 1, 3, 1], "s": [1, 1, 0, 0], "x": [0, 1, 1, 0]}


def made(columns, **named):
    return iko.endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes=CAUSES, **named)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_four_patients(transform):
    # At 1: event x = 1 among {1, 1, 0, 0}, score 1 - 1/2, information 1/4. At 2: event x = 0 among {1, 0}, score -1/2,
    # information 1/4. The score at beta = 0 is 0: that is the maximum. Any g, less its mean, is -c and c: U = -c/2 - c/2,
    # I_bt = -c/4 + c/4 = 0, I_tt = c^2/4 + c^2/4; U^2 / I = c^2 / (c^2/2) = 2 whatever c is.
    tidy = proportional_hazards_test(iko.cox(made(FOUR), "x"), transform).tidy()
    assert tidy["term"].tolist() == ["x", "global"]
    np.testing.assert_allclose(tidy["statistic"], 2.0, rtol=1e-12)
    np.testing.assert_allclose(tidy["p_value"], chdtrc(1, 2.0), rtol=1e-12)
    assert tidy["df"].tolist() == [1, 1]


def test_residuals_of_four_patients():
    fit = iko.cox(made(FOUR), "x")
    found = schoenfeld_residuals(fit)
    assert found.index.tolist() == [1, 0]
    assert found["time"].tolist() == [1.0, 2.0]
    np.testing.assert_allclose(found["x"], [0.5, -0.5], atol=1e-12)
    # scaled: two events, information 1/2, so that each residual is multiplied by 2 / (1/2)
    np.testing.assert_allclose(schoenfeld_residuals(fit, scaled=True)["x"], [2.0, -2.0], atol=1e-12)


def test_tied_events_are_compared_with_the_mean_of_their_steps():
    # Two strata. In b, at 1: events x = 1 and 0 among {1, 0, 1}: the steps at beta = 0 see the mean 2/3 and, less half of
    # each event, (2 - 1/2) / (3 - 1) = 3/4; their average is 17/24.
    columns = {"t": [2.0, 1, 3, 1, 1, 1, 2], "s": [1, 1, 0, 0, 1, 1, 0], "x": [0, 1, 1, 0, 1, 0, 1], "p": list("aaaabbb")}
    fit = iko.cox(made(columns), "x", strata="p")
    found = schoenfeld_residuals(fit)
    assert found["group"].tolist() == ["a", "a", "b", "b"]
    r = np.exp(fit.maximum.beta[0])
    first, second = 2 * r / (2 * r + 1), 1.5 * r / (1.5 * r + 0.5)
    average = (first + second) / 2
    np.testing.assert_allclose(found["x"].iloc[2:], [1 - average, -average], atol=1e-12)


def naive(columns, beta, theta, g):
    """Efron's log partial likelihood with the coefficient beta + theta g(t)."""
    n, total = len(columns["t"]), 0.0
    for u in sorted({t for t, s in zip(columns["t"], columns["s"], strict=True) if s}):
        eta = [(beta + theta * g[u]) * x for x in columns["x"]]
        died = [i for i in range(n) if columns["t"][i] == u and columns["s"][i]]
        risk = sum(np.exp(eta[i]) for i in range(n) if columns["t"][i] >= u)
        tied = sum(np.exp(eta[i]) for i in died)
        total += sum(eta[i] for i in died) - sum(np.log(risk - k / len(died) * tied) for k in range(len(died)))
    return total


def test_it_is_the_score_test_of_a_coefficient_that_moves():
    columns = {"t": [4.0, 3, 1, 1, 2, 2, 3], "s": [1, 1, 1, 0, 1, 1, 0], "x": [0.0, 2, 1, 1, 1, 0, 0]}
    fit = iko.cox(made(columns), "x")
    # ranks with ties: 1, 1 -> 1.5; 2, 2 -> 3.5; 3, 3 -> 5.5; 4 -> 7
    g, beta, h = {1.0: 1.5, 2.0: 3.5, 3.0: 5.5, 4.0: 7.0}, fit.maximum.beta[0], 1e-4

    def at(b, t):
        return naive(columns, beta + b, t, g)

    score = (at(0, h) - at(0, -h)) / (2 * h)
    tt = -(at(0, h) - 2 * at(0, 0) + at(0, -h)) / h**2
    bb = -(at(h, 0) - 2 * at(0, 0) + at(-h, 0)) / h**2
    bt = -(at(h, h) - at(h, -h) - at(-h, h) + at(-h, -h)) / (4 * h**2)
    found = proportional_hazards_test(fit, "rank").tidy()["statistic"].iloc[0]
    np.testing.assert_allclose(found, score**2 / (tt - bt**2 / bb), rtol=1e-5)


LEVELS = {
    "t": [1.0, 2, 3, 4, 5, 6, 7, 8, 2, 6],
    "s": [1, 1, 1, 0, 1, 1, 0, 1, 0, 0],
    "arm": ["a", "b", "a", "b", "b", "a", "a", "b", "c", "c"],
    "x": [3.0, 1, 4, 1, 5, 9, 2, 6, 5, 3],
}


def test_a_level_without_events_has_no_part():
    d = pd.DataFrame(LEVELS)
    whole = proportional_hazards_test(iko.cox(made(d), "arm + x"), "identity").tidy()
    part = proportional_hazards_test(iko.cox(made(d[d["arm"] != "c"]), "arm + x"), "identity").tidy()
    np.testing.assert_allclose(whole["statistic"], part["statistic"], rtol=1e-10)
    assert whole["df"].tolist() == [1, 1, 2]
    assert whole["note"].tolist() == [BETWEEN_LEVELS, "", ""]
    other = proportional_hazards_test(iko.cox(made(d), "arm + x", references={"arm": "c"}), "identity").tidy()
    np.testing.assert_allclose(other["statistic"], part["statistic"], rtol=1e-10)


def test_a_term_whose_events_are_all_in_one_level_has_no_test():
    d = pd.DataFrame(LEVELS)
    d.loc[d["arm"] == "b", "s"] = 0
    tidy = proportional_hazards_test(iko.cox(made(d), "arm + x"), "identity").tidy().set_index("term")
    assert tidy.loc["arm", "note"] == NO_CONTRAST
    assert np.isnan(tidy.loc["arm", "statistic"])
    assert tidy.loc["global", "df"] == 1
    assert tidy.loc["global", "statistic"] == tidy.loc["x", "statistic"]


def test_events_at_one_time_tell_nothing_of_a_change():
    fit = iko.cox(made({"t": [1.0, 1, 2, 3], "s": [1, 1, 0, 0], "x": [0.0, 3, 1, 2]}), "x")
    tidy = proportional_hazards_test(fit).tidy()
    assert tidy["note"].tolist() == [ONE_TIME, ONE_TIME]
    assert tidy[["statistic", "p_value"]].isna().all(axis=None)


def test_a_last_event_alone_tells_nothing():
    # at 3 the event is the only one at risk: no information there, so that g is one number where there is some
    fit = iko.cox(made({"t": [1.0, 1, 2, 3], "s": [1, 1, 0, 1], "x": [0.0, 3, 1, 2]}), "x")
    assert proportional_hazards_test(fit).tidy()["note"].tolist() == [SINGULAR_NOTE, SINGULAR_NOTE]


MISSING = {"strata": ("p", {"strata": "p"}), "offset": ("z", {"offset": "z"}), "cluster": ("c", {"cluster": "c"})}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("what", MISSING)
def test_rows_that_are_left_out_have_no_part_in_the_function_of_time(what, transform):
    # stratum b has censorings before its first event: they count in the ranks and in the curve, as in R
    n = 24
    d = pd.DataFrame({"t": np.arange(1.0, n + 1), "s": [0, 0, 1, 1, 0, 1] * 4, "p": list("bbaaab") * 4})
    d = d.assign(x=[3.0, 1, 4, 1, 5, 9] * 4 + d["t"] % 7, z=d["t"] % 3, c=d["t"] % 5)
    column, options = MISSING[what]
    d.loc[[0, 4, 9, 13], column] = np.nan
    left, right = (
        proportional_hazards_test(iko.cox(made(part), "x", **options), transform).tidy()
        for part in (d, d.dropna().reset_index(drop=True))
    )
    np.testing.assert_allclose(left["statistic"], right["statistic"], rtol=1e-9)


def test_a_robust_fit_says_whose_information_it_is():
    d = pd.DataFrame(LEVELS)
    robust, usual = (proportional_hazards_test(iko.cox(made(d), "x", robust=r)) for r in (True, False))
    assert robust.glance()["note"].iloc[0] == MODEL_BASED
    assert usual.glance()["note"].iloc[0] == ""
    pd.testing.assert_frame_equal(robust.tidy(), usual.tidy())
    assert "'km'" in repr(usual)
    glance = usual.glance().iloc[0]
    assert (glance["n"], glance["n_event"], glance["df"]) == (10, 6, 1)


def test_what_is_refused():
    fit = iko.cox(made({"t": [0.0, 1, 2, 3, 0], "s": [1, 1, 1, 0, 0], "x": [0.0, 3, 1, 2, 2]}), "x")
    with pytest.raises(iko.InputError, match="an event at time 0 has no logarithm of its time; row 1"):
        proportional_hazards_test(fit, "log")
    with pytest.raises(iko.InputError, match="no such transform"):
        proportional_hazards_test(fit, "sqrt")
    named = {"t": [0.0, 1, 2, 3], "s": [1, 1, 1, 0], "group": [0.0, 3, 1, 2]}
    with pytest.raises(iko.InputError, match='called "time" or "group"'):
        schoenfeld_residuals(iko.cox(made(named), "group"))


def test_a_table_handed_out_changes_nothing():
    test = proportional_hazards_test(iko.cox(made(FOUR), "x"))
    table = test.tidy()
    table["p_value"] = 0.0
    assert (test.tidy()["p_value"] > 0.1).all()
