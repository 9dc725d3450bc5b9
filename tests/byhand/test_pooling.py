"""Rubin's rules on two data sets, as fractions."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes import InputError, cox, cumulative_incidence, endpoint_from_columns, kaplan_meier
from ikzf1_outcomes.impute.pooled_curves import pool_curves, pool_probabilities
from ikzf1_outcomes.impute.pooling import pool, rubin, t_limits

SIX = pd.DataFrame({"t": [3, 1, 5, 2, 4, 1], "s": [1, 1, 0, 1, 0, 1], "x": [0, 1, 0, 1, 1, 0]})
"""docs/methods/cox.md: r = (sqrt(33) - 1) / 4."""
RATIO = (math.sqrt(33) - 1) / 4
ERROR = (3 * RATIO / (RATIO + 1) ** 2 + 2 * RATIO / (RATIO + 2) ** 2) ** -0.5


def made(frame, **columns):
    return endpoint_from_columns(frame.assign(**columns), time="t", status="s", causes={1: "relapse"})


def only(pooled):
    return [float(part[0]) for part in pooled]


def test_two_data_sets_as_fractions():
    # Q = 1, 3 and U = 1, 1: mean 2, within 1, between 2, total 1 + 3/2 * 2 = 4, lambda = 3/4, r = 3
    share = Fraction(3, 4)
    old, seen = 1 / share**2, (1 - share) * 6 * Fraction(7, 9)
    df = 1 / (1 / old + 1 / seen)
    assert (old, seen, df) == (Fraction(16, 9), Fraction(7, 6), Fraction(112, 159))
    information = (3 + 2 / (df + 3)) / (1 + 3)
    assert information == Fraction(2085, 2356)
    ours = only(rubin([[1.0], [3.0]], [[1.0], [1.0]], 6))
    assert ours == pytest.approx([2, 1, 2, 4, float(df), 3, 0.75, float(information)], rel=1e-14)
    # complete data without limit: df = old
    assert only(rubin([[1.0], [3.0]], [[1.0], [1.0]]))[4] == pytest.approx(16 / 9, rel=1e-14)


def test_no_variance_between_leaves_the_limit_of_the_formula():
    # lambda = 0: 1 / old = 0, seen = 6 * 7 / 9; information missing 2 / (df + 3)
    for table in ([[1.5], [1.5], [1.5]], [[1.5]]):
        pooled = rubin(table, np.ones_like(table), 6)
        assert only(pooled) == pytest.approx([1.5, 1, 0, 1, 14 / 3, 0, 0, 2 / (14 / 3 + 3)], rel=1e-14)
        assert only(rubin(table, np.ones_like(table)))[4] == math.inf
    # the formula itself, just before the limit
    near = rubin([[1.5], [1.5 + 1e-7]], [[1.0], [1.0]], 6)
    assert near.df[0] == pytest.approx(14 / 3, rel=1e-12)


def test_equal_values_have_no_variance_through_rounding():
    # the mean of three times 0.1 is not 0.1
    pooled = rubin(np.full((3, 1), 0.1), np.full((3, 1), 0.1), 9)
    assert (pooled.between[0], pooled.estimate[0], pooled.fraction_missing[0]) == (0.0, 0.1, 0.0)


def test_no_variance_within():
    # all of it lies between: lambda = 1, df = m - 1 for data without limit, and none for a finite one
    assert only(rubin([[1.0], [3.0]], [[0.0], [0.0]]))[3:5] == pytest.approx([3, 1])
    assert only(rubin([[1.0], [3.0]], [[0.0], [0.0]], 6))[4] == 0
    low, _ = t_limits(np.array([2.0]), np.array([1.0]), np.array([0.0]), 0.95)
    assert np.isnan(low[0])


def test_what_one_data_set_lacks_is_missing():
    pooled = rubin([[1.0, 1.0], [np.nan, 3.0]], [[1.0, 1.0], [1.0, 1.0]], 6)
    assert [np.isnan(part).tolist() for part in pooled] == [[True, False]] * 8
    pooled = rubin([[1.0], [3.0]], [[np.nan], [1.0]])
    assert np.isnan(pooled.estimate[0])


def test_complete_degrees_of_freedom_must_be_positive():
    pooled = rubin([[1.0], [3.0]], [[1.0], [1.0]], 0)
    assert pooled.estimate[0] == 2
    assert np.isnan(pooled.df[0])


def test_students_quantiles_in_closed_form():
    # one degree of freedom: tan(pi (p - 1/2)); two: (2p - 1) / sqrt(2p (1 - p)); none lost: normal
    low, high = t_limits(np.zeros(3), np.ones(3), np.array([1, 2, np.inf]), 0.95)
    expected = [math.tan(math.pi * 0.475), 0.95 / math.sqrt(2 * 0.975 * 0.025), 1.959963984540054]
    assert high.tolist() == pytest.approx(expected, rel=1e-12)
    assert (-low).tolist() == pytest.approx(expected, rel=1e-12)


def test_equal_fits_give_the_fit_with_students_limits():
    # 4 events, 1 coefficient: v = 3, and df = 3 * 4 / 6 = 2
    fit = cox(made(SIX), "x")
    tidy = pool([fit, fit, fit]).tidy().iloc[0]
    quantile = 0.95 / math.sqrt(2 * 0.975 * 0.025)
    assert tidy["estimate"] == pytest.approx(math.log(RATIO), rel=1e-9)
    assert tidy["std_error"] == pytest.approx(ERROR, rel=1e-9)
    assert tidy["df"] == pytest.approx(2, rel=1e-14)
    assert tidy["high"] == pytest.approx(math.log(RATIO) + quantile * ERROR, rel=1e-9)
    # two degrees of freedom: P(|T| > t) = 1 - t / sqrt(2 + t^2)
    t = math.log(RATIO) / ERROR
    assert tidy["p_value"] == pytest.approx(1 - t / math.sqrt(2 + t * t), rel=1e-9)
    assert (tidy["fraction_missing"], tidy["variance_increase"], tidy["note"]) == (0, 0, "")
    assert tidy["information_missing"] == pytest.approx(2 / 5)
    ratio = pool([fit, fit]).tidy(exponentiate=True).iloc[0]
    assert ratio["estimate"] == pytest.approx(RATIO, rel=1e-9)
    assert (ratio["std_error"], ratio["scale"]) == (pytest.approx(ERROR, rel=1e-9), "hazard ratio")


def test_the_fewest_degrees_of_freedom_among_the_fits_count():
    # 4 events, and 3: v = 2, and df = 2 * 3 / 5 where nothing lies between the estimates
    more, fewer = cox(made(SIX), "x"), cox(made(SIX.assign(s=[0, 1, 0, 1, 0, 1])), "x")
    for fits in ([more, fewer], [fewer, more]):
        assert pool(fits).glance()["df"].tolist() == [2]
        assert pool(fits).glance()["n_event"].tolist() == [3.5]
    assert pool([fewer, fewer]).tidy()["df"].tolist() == pytest.approx([6 / 5])


def test_one_fit_says_that_it_is_alone():
    pooled = pool([cox(made(SIX), "x")], conf_level=0.9)
    assert "a single data set" in pooled.tidy()["note"].iloc[0]
    glance = pooled.glance().iloc[0]
    assert glance[["n", "n_event", "n_excluded", "df", "n_draws"]].tolist() == [6, 4, 0, 3, 1]
    assert pooled.tidy()["conf_level"].tolist() == [0.9]


def test_categories_keep_their_reference_row_and_count_fits_without_an_estimate():
    arms = pd.Categorical(list("aaabbb"), categories=["a", "b"])
    other = pd.Categorical(list("abaabb"), categories=["a", "b"])
    # rows in order of SIX: in `lost` both patients of b are censored
    lost = pd.Categorical(list("aababa"), categories=["a", "b"])
    fits = [cox(made(SIX, arm=arm), "arm") for arm in (arms, other, lost)]
    tidy = pool(fits).tidy()
    assert tidy["contrast"].tolist() == ["a", "b vs a"]
    assert tidy["note"].tolist() == ["reference", "not estimable in 1 of 3 fits"]
    assert tidy["estimate"].iloc[0] == 0
    assert tidy.loc[0, ["std_error", "df", "low", "p_value", "fraction_missing"]].isna().all()
    assert tidy.loc[1, ["estimate", "std_error", "low", "high", "p_value"]].isna().all()
    # means of 3, 3, 2 patients in b
    assert tidy["n"].tolist() == pytest.approx([10 / 3, 8 / 3])


def test_no_intervals_without_degrees_of_freedom():
    # one event, one coefficient
    frame = pd.DataFrame({"t": [1, 2, 3], "s": [0, 1, 0], "x": [1.0, 2.0, 1.5]})
    frame = pd.concat([frame, frame.assign(s=[0, 0, 0], t=[4, 4, 4], x=[1.0, 3.0, 2.2])])
    fit = cox(made(frame), "x")
    tidy = pool([fit, fit]).tidy().iloc[0]
    assert np.isfinite(tidy["estimate"])
    assert tidy[["df", "low", "high", "p_value"]].isna().all()
    assert tidy["note"] == "not more events than coefficients: no intervals"


def test_fits_that_do_not_belong_together_are_refused():
    one, two = cox(made(SIX), "x"), cox(made(SIX, y=[1, 2, 2, 3, 1, 2]), "y")
    with pytest.raises(InputError, match="1 of 2 fits have other terms"):
        pool([one, two])
    with pytest.raises(InputError, match="different causes"):
        pool([one, cox(made(SIX), "x", cause="relapse")])
    for nothing in ([], [SIX]):
        with pytest.raises(InputError, match="nothing to pool"):
            pool(nothing)
    with pytest.raises(InputError, match="conf_level"):
        pool([one], conf_level=95)
    with pytest.raises(InputError, match="one shape"):
        rubin([[1.0, 2.0]], [[1.0]])


def test_probabilities_on_the_log_log_scale():
    # p = 1/4, 1/2: g = log(2 log 2), log(log 2); mean log(sqrt(2) log 2), p = 2^-sqrt(2)
    # p log p is log(2) / 2 for both: variance (2 * 0.1 / log 2)^2; between (log 2)^2 / 2
    out = pool_probabilities([[0.25], [0.5]], [[0.1], [0.1]])
    p = 2 ** -math.sqrt(2)
    within, between = (0.2 / math.log(2)) ** 2, math.log(2) ** 2 / 2
    total = within + 1.5 * between
    share = 1.5 * between / total
    assert out.estimate[0] == pytest.approx(p, rel=1e-14)
    assert out.std_error[0] == pytest.approx(-p * math.log(p) * math.sqrt(total), rel=1e-14)
    assert out.df[0] == pytest.approx(1 / share**2, rel=1e-13)
    assert out.fraction_missing[0] == pytest.approx(share, rel=1e-14)
    low, high = t_limits(np.array([math.log(-math.log(p))]), np.sqrt([total]), out.df, 0.95)
    assert out.low[0] == pytest.approx(math.exp(-math.exp(high[0])), rel=1e-13)
    assert out.high[0] == pytest.approx(math.exp(-math.exp(low[0])), rel=1e-13)
    assert not out.plain[0]


def test_probabilities_at_an_edge_are_pooled_plainly():
    # 1/2 and 1: mean 3/4; within (0.01 + 0) / 2, between 1/8, total 0.005 + 3/16
    out = pool_probabilities([[0.5, 1.0, 0.0, np.nan], [1.0, 1.0, 0.5, 0.5]], [[0.1, 0, np.nan, 0.1], [0, 0, 0.1, 0.1]])
    assert out.plain.tolist() == [True, True, True, False]
    assert out.estimate.tolist() == pytest.approx([0.75, 1.0, 0.25, np.nan], nan_ok=True)
    assert out.std_error[0] == pytest.approx(math.sqrt(0.005 + 3 / 16))
    assert out.high[0] == 1
    assert out.low[0] == 0
    # all at 1: no variance, and so no limits; no standard error at 0: none pooled
    assert out.std_error[1] == 0
    assert np.isnan([out.low[1], out.high[1], out.std_error[2], out.low[2], out.estimate[3]]).all()


def test_curves_that_agree_give_the_curve_back():
    frame = pd.concat([SIX] * 3).assign(t=range(1, 19), arm=["a", "b"] * 9)
    for made_curve in (kaplan_meier, cumulative_incidence):
        curve = made_curve(made(frame), "arm")
        ours, own = pool_curves([curve, curve], [9]), curve.tidy([9])
        for column in ("estimate", "std_error", "low", "high", "n", "n_risk", "n_event"):
            assert ours[column].tolist() == pytest.approx(own[column].tolist(), rel=1e-12), column
        assert ours["fraction_missing"].tolist() == [0, 0]


def test_curves_count_the_draws_without_an_estimate():
    first = pd.Categorical(list("aaabbb"), categories=["a", "b"])
    nobody = pd.Categorical(list("aaaaaa"), categories=["a", "b"])
    out = pool_curves([kaplan_meier(made(SIX, arm=arm), "arm") for arm in (first, nobody)], [1])
    assert out["note"].tolist()[1] == "not estimable in 1 of 2 draws"
    assert np.isnan(out["estimate"].iloc[1])
    assert out["n"].tolist() == [4.5, 1.5]


def test_curves_of_other_groups_are_refused():
    ab, ac = (kaplan_meier(made(SIX, arm=list(arm)), "arm") for arm in ("aaabbb", "aaaccc"))
    with pytest.raises(InputError, match="groups differ"):
        pool_curves([ab, ac], 2)
    for wrong in ([], [ab, cumulative_incidence(made(SIX))], [SIX]):
        with pytest.raises(InputError, match="nothing to pool"):
            pool_curves(wrong, 2)


def test_curves_by_two_columns_keep_both():
    frame = pd.concat([SIX] * 3).assign(t=range(1, 19), arm=["a", "b"] * 9, sex=["f", "f", "m"] * 6)
    curve = kaplan_meier(made(frame), ["arm", "sex"])
    out = pool_curves([curve, curve], [4, 9])
    assert list(out.columns[:4]) == ["arm", "sex", "group", "time"]
    assert len(out) == 8


def test_pooling_gives_a_fit_of_its_own():
    rng = np.random.default_rng(8)
    d = pd.DataFrame({"t": rng.exponential(3, 60), "s": rng.integers(0, 2, 60), "x": rng.normal(size=60)})
    fit = iko.cox(iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"}), "x")
    assert isinstance(iko.pool([fit, fit]), iko.PooledFit)
