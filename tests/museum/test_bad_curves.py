"""The smallest data sets that once broke a curve or a test, or might."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import (
    InputError,
    cumulative_incidence,
    endpoint_from_columns,
    failure_ledger,
    follow_up,
    gray_test,
    kaplan_meier,
    logrank_test,
    pairwise_tests,
    risk_difference,
    rmst_difference,
    trend_test,
    years_lost_difference,
)

CAUSES = {1: "relapse", 2: "death"}
BEYOND = "not estimable: beyond the last follow-up of the group"
FOUR = {"t": [1.0, 2, 3, 4], "s": [1, 2, 1, 0], "arm": list("abab")}


def made(columns):
    named = {name: name for name in ("entry", "weights") if name in columns}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes=CAUSES, **named)


def all_tests(e):
    return [
        logrank_test(e, "arm"),
        logrank_test(e, "arm", rho=1),
        trend_test(e, "arm"),
        gray_test(e, "arm", cause="relapse"),
    ]


def test_one_patient_with_an_event():
    e = made({"t": [2.0], "s": [1]})
    row = kaplan_meier(e).tidy().iloc[0]
    assert row[["n", "n_risk", "n_event", "estimate"]].tolist() == [1, 1, 1, 0]
    assert np.isnan(row["std_error"])
    assert cumulative_incidence(e).tidy()["estimate"].tolist() == [1, 0]
    assert kaplan_meier(e).quantile(0.5)["estimate"].tolist() == [2]
    assert kaplan_meier(e).rmst(5)[["estimate", "std_error"]].to_numpy().tolist() == [[2, 0]]
    assert failure_ledger(e, at=3)["estimate"].tolist() == [0, 1, 0, 2, 1, 0]


def test_one_patient_without_an_event():
    e = made({"t": [2.0], "s": [0]})
    tidy = kaplan_meier(e).tidy(times=[1, 3])
    assert tidy["estimate"].iloc[0] == 1
    assert np.isnan(tidy["estimate"].iloc[1])
    assert tidy["note"].tolist() == ["fewer than 10 at risk", BEYOND]
    assert kaplan_meier(e).quantile(0.5)["note"].tolist() == ["not reached"]
    assert follow_up(e).set_index("term").loc["median", "estimate"] == 2


@pytest.mark.parametrize("robust", [False, True])
def test_no_events(robust):
    e = made({**FOUR, "s": [0] * 4})
    tidy = kaplan_meier(e, "arm", robust=robust).tidy()
    assert tidy["estimate"].tolist() == [1] * 4
    assert tidy["std_error"].tolist() == [0] * 4
    assert cumulative_incidence(e).tidy()["estimate"].tolist() == [0] * 8
    for result in all_tests(e):
        assert (result.df, np.isnan(result.statistic), np.isnan(result.p_value)) == (0, True, True)
        assert result.note == "not estimable: no events that could differ between groups"
    pairs = pairwise_tests(e, "arm")
    assert pairs["p_adjusted"].isna().all()
    assert pairs["note"].tolist() == ["not estimable: no events that could differ between groups"]
    assert risk_difference(e, "arm", at=1)["estimate"].tolist() == [0]


def test_all_events():
    e = made({**FOUR, "s": [1, 2, 1, 2]})
    assert kaplan_meier(e).tidy()["estimate"].tolist() == [0.75, 0.5, 0.25, 0]
    last = cumulative_incidence(e).tidy(times=[4, 99])
    assert last["estimate"].tolist() == [0.5] * 4
    assert follow_up(e)["estimate"].isna().all()


@pytest.mark.parametrize("when", [0.0, 5.0])
def test_everybody_fails_at_one_time(when):
    e = made({"t": [when] * 4, "s": [1, 1, 2, 1], "arm": list("abab")})
    assert kaplan_meier(e, "arm").tidy()["estimate"].tolist() == [0, 0]
    tidy = cumulative_incidence(e, "arm").tidy()
    assert tidy["estimate"].tolist() == [0.5, 0.5, 1, 0]
    np.testing.assert_allclose(tidy["std_error"], [(0.25 / 2) ** 0.5, (0.25 / 2) ** 0.5, 0, 0], rtol=1e-14)
    assert kaplan_meier(e).quantile(0.5)["estimate"].tolist() == [when]
    assert kaplan_meier(e).rmst(7)["estimate"].tolist() == [when]


def test_a_test_without_variance_is_not_estimable():
    """Everybody at risk fails at once: observed is expected whatever the groups. R's survdiff stops: singular."""
    e = made({"t": [1.0] * 4, "s": [1] * 4, "arm": list("abab")})
    for result in (logrank_test(e, "arm"), gray_test(e, "arm", cause="relapse")):
        assert np.isnan(result.p_value), result.method
        assert "not estimable" in result.note


def test_groups_that_are_their_own_strata_cannot_be_compared():
    e = made({**FOUR, "centre": ["x", "y", "x", "y"]})
    result = logrank_test(e, "arm", strata="centre")
    assert np.isnan(result.p_value)
    assert "not estimable" in result.note


@pytest.mark.parametrize("by", ["arm", ["arm", "sex"]])
def test_a_group_with_nobody(by):
    arm = pd.Categorical(FOUR["arm"], categories=["a", "none", "b"])
    e = made({**FOUR, "arm": arm, "sex": list("mmmm")})
    glance = kaplan_meier(e, "arm").glance()
    assert glance["group"].tolist() == ["a", "none", "b"]
    assert glance["n"].tolist() == [2, 0, 2]
    assert glance["note"].tolist() == ["", "nobody in this group", ""]
    tidy = kaplan_meier(e, "arm").tidy(times=[1])
    assert tidy["note"].tolist()[1] == "nobody in this group"
    assert np.isnan(tidy["estimate"].iloc[1])
    plain = logrank_test(made(FOUR), "arm")
    for result, same in ((logrank_test(e, by), plain), (gray_test(e, by, cause="relapse"), None)):
        assert result.df == 1
        if same is not None:
            assert result.statistic == pytest.approx(same.statistic, rel=1e-14)
    assert logrank_test(e, "arm").tidy()["note"].tolist() == ["", "nobody in this group", ""]
    assert pairwise_tests(e, "arm")["contrast"].tolist() == ["b vs a"]
    assert rmst_difference(e, "arm", tau=2)["contrast"].tolist() == ["b vs a"]
    assert kaplan_meier(e, "arm").quantile(0.5)["estimate"].isna().tolist()[1]


def test_a_group_that_is_missing_everywhere():
    e = made({**FOUR, "arm": [None] * 4})
    for attempt in (kaplan_meier, cumulative_incidence):
        with pytest.raises(InputError, match="nobody is left to analyse"):
            attempt(e, "arm")
    with pytest.raises(InputError, match="a comparison needs at least two groups"):
        logrank_test(e, "arm")


def test_one_group_only():
    e = made({**FOUR, "arm": ["a"] * 4})
    calls = [
        lambda: logrank_test(e, "arm"),
        lambda: gray_test(e, "arm", cause="relapse"),
        lambda: trend_test(e, "arm"),
        lambda: pairwise_tests(e, "arm"),
        lambda: rmst_difference(e, "arm", tau=2),
        lambda: risk_difference(e, "arm", at=2),
        lambda: years_lost_difference(e, "arm", tau=2),
    ]
    for call in calls:
        with pytest.raises(InputError, match="needs at least two groups with somebody in them"):
            call()


def test_strange_names_of_levels_pass_through_and_are_escaped_in_html():
    names = ["=cmd()", "<b>", "a,b", "ü"]
    e = made({**FOUR, "arm": names})
    tidy = kaplan_meier(e, "arm").tidy()
    assert sorted(tidy["group"]) == sorted(names)
    html = kaplan_meier(e, "arm")._repr_html_() + cumulative_incidence(e, "arm")._repr_html_()
    html += logrank_test(e, "arm")._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    assert pairwise_tests(e, "arm")["contrast"].str.contains("=cmd()", regex=False).sum() == 3


def test_grouping_by_nothing():
    with pytest.raises(InputError, match="no column to group by"):
        kaplan_meier(made(FOUR), [])
    with pytest.raises(InputError, match="no column to group by"):
        logrank_test(made(FOUR), ())


@pytest.mark.parametrize("times", [[], [-1.0], [np.nan], [1.0, np.inf]])
def test_times_that_cannot_be_read(times):
    e = made(FOUR)
    for curve in (kaplan_meier(e), cumulative_incidence(e)):
        with pytest.raises(InputError, match="times must be finite, not negative, and at least one"):
            curve.tidy(times=times)


@pytest.mark.parametrize("tau", [0, -1, np.nan, np.inf])
def test_horizons_that_mean_nothing(tau):
    e = made(FOUR)
    calls = [kaplan_meier(e).rmst, cumulative_incidence(e).years_lost]
    calls += [lambda tau: rmst_difference(e, "arm", tau=tau), lambda tau: years_lost_difference(e, "arm", tau=tau)]
    for call in calls:
        with pytest.raises(InputError, match="tau must be a positive number"):
            call(tau)


@pytest.mark.parametrize("share", [0, 1, -0.5, np.nan, []])
def test_quantiles_that_do_not_exist(share):
    with pytest.raises(InputError, match="quantiles"):
        kaplan_meier(made(FOUR)).quantile(share)


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, np.nan])
@pytest.mark.parametrize(
    "call",
    [
        lambda e, level: kaplan_meier(e, conf_level=level),
        lambda e, level: cumulative_incidence(e, conf_level=level),
        lambda e, level: follow_up(e, conf_level=level),
        lambda e, level: risk_difference(e, "arm", at=1, conf_level=level),
        lambda e, level: rmst_difference(e, "arm", tau=1, conf_level=level),
        lambda e, level: years_lost_difference(e, "arm", tau=1, conf_level=level),
        lambda e, level: failure_ledger(e, "arm", at=1, conf_level=level),
    ],
    ids=["kaplan_meier", "cumulative_incidence", "follow_up", "risk", "rmst", "years_lost", "ledger"],
)
def test_levels_of_confidence_that_do_not_exist(call, level):
    with pytest.raises(InputError, match="conf_level must lie between 0 and 1"):
        call(made(FOUR), level)


def test_options_that_do_not_exist():
    e = made(FOUR)
    for call in (
        lambda: kaplan_meier(e, conf_type="loglog"),
        lambda: kaplan_meier(e, std_error="tsiatis"),
        lambda: cumulative_incidence(e, variance="aalen"),
        lambda: pairwise_tests(e, "arm", test="wilcoxon"),
        lambda: pairwise_tests(e, "arm", adjust="fdr"),
        lambda: pairwise_tests(e, "arm", test="gray"),
        lambda: gray_test(e, "arm", cause="nothing"),
        lambda: risk_difference(e, "arm", at=1, cause="nothing"),
        lambda: trend_test(e, "arm", scores=[1, 2, 3]),
    ):
        with pytest.raises(InputError) as raised:
            call()
        assert raised.value.next_step


def test_a_robust_curve_does_not_pretend_to_petos_error():
    with pytest.raises(InputError):
        kaplan_meier(made(FOUR), std_error="peto", robust=True)


def test_differences_beyond_the_follow_up_of_a_group_say_so():
    e = made(FOUR)
    # a has failed altogether by 3; b is censored at 4
    for table in (risk_difference(e, "arm", at=4.5), rmst_difference(e, "arm", tau=4.5)):
        assert table["estimate"].isna().tolist() == [True]
        assert table["note"].str.contains("not estimable").tolist() == [True]
        assert table["p_value"].isna().tolist() == [True]
    ledger = failure_ledger(e, "arm", at=4.5)
    assert ledger.loc[ledger["estimate"].isna(), "note"].str.contains("not estimable").all()


def test_gray_refuses_delayed_entry():
    e = made({**FOUR, "entry": [0.0, 0, 0, 1]})
    with pytest.raises(InputError, match="Gray's test is not defined when rows enter at different times"):
        gray_test(e, "arm", cause="relapse")


def test_a_cluster_that_is_missing():
    with pytest.raises(InputError, match="a cluster is missing"):
        kaplan_meier(made({**FOUR, "centre": ["x", None, "x", "y"]}), cluster="centre")
    # where the row is not analysed anyway, its cluster does not matter
    e = made({**FOUR, "arm": ["a", None, "a", "b"], "centre": ["x", None, "x", "y"]})
    assert kaplan_meier(e, "arm", cluster="centre").glance()["n"].tolist() == [2, 1]


def test_a_mean_does_not_pretend_to_a_robust_error():
    with pytest.raises(InputError, match="no robust standard error"):
        kaplan_meier(made(FOUR), robust=True).rmst(2)


def test_one_time_need_not_be_a_list():
    curve = kaplan_meier(made(FOUR))
    pd.testing.assert_frame_equal(curve.tidy(times=1), curve.tidy(times=[1]))


@pytest.mark.parametrize("weights", [{"rho": np.nan}, {"gamma": -1.0}, {"rho": np.inf}])
def test_weights_of_a_test_that_are_no_weights(weights):
    with pytest.raises(InputError, match="rho and gamma"):
        logrank_test(made(FOUR), "arm", **weights)


def test_a_group_without_events_makes_no_difference_certain():
    """Two of four relapse in a, nobody in b: R's variance of b is 0, and the interval would be that of a alone."""
    e = made({"t": [1.0, 2, 6, 6, 6, 6], "s": [1, 1, 0, 0, 0, 0], "arm": list("aaaabb")})
    for table in (
        risk_difference(e, "arm", at=5, cause="relapse"),
        risk_difference(e, "arm", at=5),
        rmst_difference(e, "arm", tau=5),
    ):
        assert np.isfinite(table["estimate"].iloc[0])
        assert table[["std_error", "low", "high", "p_value"]].isna().all(axis=None)
        assert "no interval: a group had none of these events" in table["note"].iloc[0]
    assert risk_difference(e, "arm", at=5, cause="relapse")["estimate"].iloc[0] == pytest.approx(-0.5)
