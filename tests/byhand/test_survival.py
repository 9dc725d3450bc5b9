"""Kaplan-Meier on eight patients: fractions, intervals, quantiles, and the robust variance from its definition."""

from fractions import Fraction
from math import asin, exp, log, sin, sqrt

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import endpoint_from_columns, kaplan_meier

F = Fraction

Z = 1.959963984540054
# scrambled on purpose; an event at 0, two events and a censoring tied at 1, an event and a censoring tied at 4
EIGHT = {"t": [4.0, 1, 0, 3, 1, 4, 2, 1], "s": [0, 1, 1, 1, 0, 1, 0, 1]}
# n at risk 8, 7, 4, 3, 2; events 1, 2, 0, 1, 1; censored 0, 1, 1, 0, 1 at 0, 1, 2, 3, 4
STEPS = [F(7, 8), F(7, 8) * F(5, 7), F(5, 8), F(5, 8) * F(2, 3), F(5, 12) * F(1, 2)]
GREENWOOD = [F(1, 8 * 7), F(2, 7 * 5), F(0), F(1, 3 * 2), F(1, 2 * 1)]


def made(columns, **options):
    named = {name: name for name in ("entry", "weights", "subject") if name in columns}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes={1: "relapse"}, **named, **options)


def test_ties_and_an_event_at_time_zero():
    table = kaplan_meier(made(EIGHT)).tidy()
    assert table["time"].tolist() == [0, 1, 2, 3, 4]
    assert table["n_risk"].tolist() == [8, 7, 4, 3, 2]
    assert table["n_event"].tolist() == [1, 2, 0, 1, 1]
    assert table["n_censor"].tolist() == [0, 1, 1, 0, 1]
    assert table["n"].tolist() == [8] * 5
    np.testing.assert_allclose(table["estimate"], [float(s) for s in STEPS], rtol=1e-15)
    errors = [sqrt(s * s * sum(GREENWOOD[: i + 1])) for i, s in enumerate(STEPS)]
    np.testing.assert_allclose(table["std_error"], errors, rtol=1e-14)


def test_survival_is_read_between_before_and_after_the_times():
    table = kaplan_meier(made(EIGHT)).tidy(times=[3.5, 0.5, 2, 4, 4.5])
    assert table["time"].tolist() == [0.5, 2, 3.5, 4, 4.5]
    # at risk at t: time >= t; events since the time before
    assert table["n_risk"].tolist() == [7, 4, 2, 2, 0]
    assert table["n_event"].tolist() == [1, 2, 1, 1, 0]
    assert table["n_censor"].tolist() == [0, 2, 0, 1, 0]
    np.testing.assert_allclose(table["estimate"], [7 / 8, 5 / 8, 5 / 12, 5 / 24, np.nan], rtol=1e-15)
    assert table["note"].iloc[-1] == "not estimable: beyond the last follow-up of the group"
    assert table.loc[:3, "note"].eq("fewer than 10 at risk").all()
    extended = kaplan_meier(made(EIGHT)).tidy(times=[4.5], extend=True)
    assert extended["estimate"].iloc[0] == pytest.approx(5 / 24, rel=1e-15)


def test_survival_that_has_reached_zero_stays_zero():
    table = kaplan_meier(made({"t": [2.0, 1], "s": [1, 1]})).tidy(times=[2, 9])
    assert table["estimate"].tolist() == [0, 0]
    assert table[["std_error", "low", "high"]].isna().all(axis=None)
    assert "not estimable" not in "".join(table["note"])


def test_before_the_first_time_survival_is_one_without_doubt():
    table = kaplan_meier(made({"t": [2.0, 1, 3], "s": [1, 1, 0]})).tidy(times=[0, 0.99])
    assert table[["estimate", "std_error", "low", "high"]].to_numpy().tolist() == [[1, 0, 1, 1]] * 2
    assert table["n_risk"].tolist() == [3, 3]


def test_five_intervals_worked_out():
    # at 1: S = 5/8, Greenwood's sum 1/56 + 2/35 = 3/40, standard error S sqrt(3/40)
    s, root = 5 / 8, sqrt(3 / 40)
    se = s * root
    turn = exp(Z * root / log(s))  # S^exp(-+z se / (S log S))
    odds = s / (1 - s)
    half, middle = Z * se / (2 * sqrt(s * (1 - s))), asin(sqrt(s))
    by_hand = {
        "plain": (max(s - Z * se, 0), min(s + Z * se, 1)),
        "log": (s * exp(-Z * root), min(s * exp(Z * root), 1)),
        "log-log": (s ** (1 / turn), s**turn),
        "logit": tuple(odds * k / (1 + odds * k) for k in (exp(-Z * root / (1 - s)), exp(Z * root / (1 - s)))),
        "arcsin": (sin(middle - half) ** 2, sin(middle + half) ** 2),
    }
    for conf_type, (low, high) in by_hand.items():
        row = kaplan_meier(made(EIGHT), conf_type=conf_type).tidy(times=[1]).iloc[0]
        assert (row["low"], row["high"]) == (pytest.approx(low, rel=1e-12), pytest.approx(high, rel=1e-12)), conf_type
        assert (row["interval"], row["conf_level"], row["scale"]) == (conf_type, 0.95, "probability")


def test_the_level_of_the_interval_counts():
    # z = 1 at a level of 0.6826894921370859
    row = kaplan_meier(made(EIGHT), conf_type="plain", conf_level=0.6826894921370859).tidy(times=[1]).iloc[0]
    assert row["high"] - row["estimate"] == pytest.approx(5 / 8 * sqrt(3 / 40), rel=1e-12)


def test_who_enters_at_the_time_of_an_event_is_not_at_risk_for_it():
    rows = {"t": [5.0, 2, 4, 3, 4], "s": [0, 1, 1, 1, 0], "entry": [2.0, 0, 1, -np.inf, 3]}
    table = kaplan_meier(made(rows)).tidy()
    # at 2: rows 2 (0), 3 (1), 4 (from the start); row 1 enters at 2. At 3: rows 1, 3, 4; row 5 enters at 3.
    assert table["n_risk"].tolist() == [3, 3, 3, 1]
    np.testing.assert_allclose(table["estimate"], [2 / 3, 4 / 9, 8 / 27, 8 / 27], rtol=1e-15)
    assert kaplan_meier(made(rows)).tidy(times=[2, 2.5, 3, 4])["n_risk"].tolist() == [3, 3, 3, 3]


def test_an_entry_that_equals_a_time_but_for_rounding_is_that_time():
    rows = {"t": [0.3, 1.0, 2.0], "s": [1, 1, 0], "entry": [0.0, 0.1 + 0.2, 0.0]}
    assert kaplan_meier(made(rows)).tidy()["n_risk"].tolist() == [2, 2, 1]


def test_groups_and_their_missing_value():
    columns = {**EIGHT, "arm": ["b", "a", "b", None, "a", "b", "a", "b"]}
    curve = kaplan_meier(made(columns), "arm")
    # a: 1, 1+, 2+ ; b: 0, 1, 4, 4+ ; the row with an event at 3 has no arm
    assert curve.tidy()["group"].tolist() == ["a", "a", "b", "b", "b"]
    np.testing.assert_allclose(curve.tidy()["estimate"], [2 / 3, 2 / 3, 3 / 4, 1 / 2, 1 / 4], rtol=1e-15)
    glance = curve.glance()
    assert glance[["n", "n_event", "n_censor", "n_excluded"]].to_numpy().tolist() == [[3, 1, 2, 1], [4, 3, 1, 1]]


def test_peto_standard_error():
    curve = kaplan_meier(made(EIGHT), std_error="peto")
    # S sqrt((1 - S) / n), n at risk at t: 3 at time 3 and 2 just after it
    table = curve.tidy(times=[3, 3.5])
    assert table["std_error"].tolist() == [pytest.approx(5 / 12 * sqrt(7 / 12 / n), rel=1e-14) for n in (3, 2)]


def test_quantiles_and_the_middle_of_a_flat_piece():
    # S: 3/4 from 1, 1/2 from 2 to 5, 1/4 from 5, 0 from 6
    table = kaplan_meier(made({"t": [5.0, 2, 6, 1], "s": [1, 1, 1, 1]})).quantile([0.5, 0.4, 0.6, 0.25, 0.9])
    by_share = table.set_index("quantile")["estimate"]
    assert by_share.to_dict() == {0.5: 3.5, 0.4: 2, 0.6: 5, 0.25: 1.5, 0.9: 6}
    # the last piece is flat on 1/2 until the end of follow-up
    last = kaplan_meier(made({"t": [4.0, 1, 2, 7], "s": [0, 1, 1, 0]})).quantile(0.5)
    assert last["estimate"].tolist() == [4.5]
    short = kaplan_meier(made({"t": [4.0, 1, 2, 7], "s": [0, 0, 1, 0]})).quantile(0.5)
    assert short["estimate"].isna().tolist() == [True]
    assert short["note"].tolist() == ["not reached"]


def test_limits_of_the_median_are_where_the_limits_of_the_curve_cross():
    table = kaplan_meier(made(EIGHT), conf_type="plain").tidy()
    row = kaplan_meier(made(EIGHT), conf_type="plain").quantile(0.5).iloc[0]
    assert row["low"] == table.loc[table["low"] <= 0.5, "time"].min()
    assert row["estimate"] == 3
    above = table.loc[table["high"] <= 0.5, "time"]
    assert np.isnan(row["high"]) if above.empty else row["high"] == above.min()


def test_whole_weights_are_copies_of_a_row():
    weighted = made({**EIGHT, "weights": [1, 2, 1, 3, 1, 1, 2, 1]})
    repeated = {name: np.repeat(column, [1, 2, 1, 3, 1, 1, 2, 1]) for name, column in EIGHT.items()}
    columns = ["time", "n", "n_risk", "n_event", "n_censor", "estimate", "std_error", "low", "high"]
    left, right = kaplan_meier(weighted).tidy()[columns], kaplan_meier(made(repeated)).tidy()[columns]
    np.testing.assert_allclose(left.to_numpy(dtype=float), right.to_numpy(dtype=float), rtol=1e-14)
    assert kaplan_meier(weighted).tidy()["note"].eq("").all()


def test_weights_that_are_no_counts_get_a_note():
    curve = kaplan_meier(made({**EIGHT, "weights": [1, 0.5, 1, 1, 1, 1, 1, 1]}))
    assert curve.tidy()["note"].eq("weights are not counts: use robust=True for standard errors").all()
    # 8 - 0.5 at risk at time 0
    assert curve.tidy()["estimate"].iloc[0] == pytest.approx(6.5 / 7.5, rel=1e-15)


CLUSTERED = {
    "plain rows": {},
    "weights": {"weights": [1.5, 0.25, 1, 2, 0.7, 1.1, 3, 0.4]},
    "entry": {"entry": [1.0, 0, -np.inf, 1, 0.5, 3, -1, 0]},
    "entry and weights": {"entry": [1.0, 0, -np.inf, 1, 0.5, 3, -1, 0], "weights": [1.5, 0.25, 1, 2, 0.7, 1.1, 3, 0.4]},
}


@pytest.mark.parametrize("case", CLUSTERED)
@pytest.mark.parametrize("cluster", [None, "centre"])
def test_robust_variance_from_derivatives_with_respect_to_the_weights(case, cluster):
    """Sum over clusters of (sum of w_i dS / dw_i)^2, each derivative by moving one weight."""
    columns = {**EIGHT, **CLUSTERED[case], "centre": list("xyxzyzxz"), "arm": list("aabbaabb")}
    weight = np.array(columns.get("weights", np.ones(8)), dtype=float)
    options = {"cluster": cluster} if cluster else {"robust": True}
    table = kaplan_meier(made(columns), "arm", **options).tidy()
    h = 1e-5
    slopes = np.zeros((len(table), 8))
    for i in range(8):
        moved = []
        for sign in (1, -1):
            tilted = weight.copy()
            tilted[i] += sign * h
            moved.append(kaplan_meier(made({**columns, "weights": tilted}), "arm").tidy()["estimate"].to_numpy())
        slopes[:, i] = weight[i] * (moved[0] - moved[1]) / (2 * h)
    names = np.array(columns["centre"]) if cluster else np.arange(8)
    variance = sum(slopes[:, names == name].sum(axis=1) ** 2 for name in np.unique(names))
    known = table["estimate"].to_numpy() > 0
    assert known.sum() == 5
    np.testing.assert_allclose(table["std_error"].to_numpy()[known] ** 2, variance[known], rtol=1e-6, atol=1e-12)


def test_robust_without_weights_and_clusters_is_greenwood():
    plain, robust = kaplan_meier(made(EIGHT)).tidy(), kaplan_meier(made(EIGHT), robust=True).tidy()
    np.testing.assert_allclose(plain["std_error"], robust["std_error"], rtol=1e-12)
