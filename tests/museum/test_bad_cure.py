"""Data and arguments that a parametric, a cure model or a test of follow-up cannot take."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import ColumnError, ConvergenceError, InputError, endpoint_from_columns
from ikzf1_outcomes.models.cured_fraction import mixture_cure
from ikzf1_outcomes.models.parametric_families import compare_families, parametric
from ikzf1_outcomes.models.plateau import sufficient_follow_up

SIX = {
    "t": [1.0, 2, 3, 4, 5, 6],
    "s": [1, 1, 0, 1, 1, 0],
    "x": [1.0, 3, 2, 0, 1, 4],
    "arm": list("abaabb"),
}
CAUSES = {1: "relapse", 2: "death"}
FAMILIES = ["weibull", "exponential", "log_normal", "log_logistic"]


def made(columns, **named):
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes=CAUSES, **named)


def forty():
    """Half of each arm fail within two years, the others are followed for nine; nobody of arm c fails."""
    time = np.r_[np.linspace(0.1, 2, 20), np.full(20, 9.0)]
    frame = pd.DataFrame({"t": time, "s": [1] * 20 + [0] * 20, "arm": ["a", "b"] * 20, "x": [0.5, 0.5, 2, 1, 0] * 8})
    return pd.concat((frame, pd.DataFrame({"t": [5.0] * 6, "s": 0, "arm": "c", "x": [0, 1, 2] * 2})), ignore_index=True)


@pytest.mark.parametrize("model", [parametric, mixture_cure])
def test_no_events_unknown_names_and_levels(model):
    with pytest.raises(InputError, match="no events of any cause among the rows analysed"):
        model(made({**SIX, "s": [0] * 6}), "x")
    with pytest.raises(InputError, match="no events of death among the rows analysed"):
        model(made(SIX), "x", cause="death")
    with pytest.raises(InputError, match="no events"):
        model(made({**SIX, "s": [1, 0, 0, 0, 0, 0], "x": [np.nan, 3, 2, 0, 1, 4]}), "x")
    with pytest.raises(ColumnError, match="no column is called 'nowhere'"):
        model(made(SIX), "x + nowhere")
    with pytest.raises(InputError, match="no cause is called 'nothing'"):
        model(made(SIX), "x", cause="nothing")
    with pytest.raises(InputError, match="references name no term of the model: sex"):
        model(made(SIX), "arm", references={"sex": "f"})
    with pytest.raises(InputError, match="the reference level of 'arm' is not in the data"):
        model(made(SIX), "arm", references={"arm": "z"})
    with pytest.raises(InputError, match="conf_level must lie between 0 and 1"):
        model(made(SIX), "x", conf_level=95)
    with pytest.raises(InputError, match="constant among the rows analysed: x"):
        model(made({**SIX, "x": [2.0] * 6}), "x")
    with pytest.raises(InputError, match="a combination of other columns"):
        model(made({**SIX, "y": [2 * v for v in SIX["x"]]}), "x + y")


@pytest.mark.parametrize("model", [parametric, mixture_cure])
def test_events_at_time_zero_are_named_by_row(model):
    with pytest.raises(InputError, match="an event at time 0 has no logarithm of its time") as raised:
        model(made({**SIX, "t": [0.0, 2, 0, 4, 0, 6]}), "x")
    assert raised.value.where == (1, 5)  # row 3 is censored at 0
    assert "half a day" in raised.value.next_step
    # a row that has no part in it may lie at 0
    gone = [np.nan, 3, 2, 0, np.nan, 4]
    with pytest.raises(InputError, match="no events of death"):
        model(made({**SIX, "t": [0.0, 2, 0, 4, 0, 6], "x": gone}), "x", cause="death")


@pytest.mark.parametrize("family", FAMILIES)
def test_who_is_censored_at_time_zero_says_nothing(family):
    more = {"t": [*SIX["t"], 0.0], "s": [*SIX["s"], 0], "x": [*SIX["x"], 2.0]}
    left, right = (parametric(made(columns), "x", family=family) for columns in (SIX, more))
    np.testing.assert_allclose(left.theta, right.theta, rtol=1e-6, atol=1e-7)
    assert (left.n, right.n) == (6, 7)
    late = parametric(made({**more, "entry": [0.5, 0, 0, 1, 0, 0, -1]}, entry="entry"), "x", family=family)
    assert np.isfinite(late.theta).all()


def test_events_at_time_zero_lie_in_the_first_interval_of_a_piecewise_hazard():
    frame = forty()
    frame.loc[0, "t"] = 0.0
    fit = mixture_cure(made(frame), [], latency="piecewise", cuts=[1.0])
    assert fit.tidy()["contrast"].tolist() == ["", "0 to 1", "after 1"]
    assert 0.5 < fit.cured()["estimate"].iloc[0] < 0.6


@pytest.mark.parametrize("model", [parametric, mixture_cure])
def test_several_rows_of_a_patient(model):
    frame = {**SIX, "entry": [0.0, 1, 0, 0, 0, 0], "who": [1, 1, 2, 3, 4, 5], "s": [0, 1, 0, 1, 1, 0]}
    with pytest.raises(InputError, match="patients have several rows") as raised:
        model(made(frame, entry="entry", subject="who"), "x")
    assert raised.value.count == 1


def test_families_scales_and_times_that_do_not_exist():
    with pytest.raises(InputError, match="there is no such family"):
        parametric(made(SIX), "x", family="gompertz")
    with pytest.raises(InputError, match="there is no such family"):
        compare_families(made(SIX), "x", families=("weibull", "gamma"))
    fit = parametric(made(SIX), "x", family="log_normal")
    for scale in ("hazard ratio", "odds"):
        with pytest.raises(InputError, match="there is no such scale in this family"):
            fit.tidy(scale=scale)
    for times in ([], [-1.0], [np.inf], [np.nan]):
        with pytest.raises(InputError, match="times must be finite"):
            fit.predict(pd.DataFrame(SIX), times)
    with pytest.raises(ColumnError, match="no column is called 'x'"):
        fit.predict(pd.DataFrame({"y": [1.0]}), 1)
    with pytest.raises(InputError, match="no interval is called"):
        fit.predict(pd.DataFrame(SIX), 1, conf_type="wald")
    missing = fit.predict(pd.DataFrame({"x": [np.nan, 1.0]}), 1)
    assert missing["note"].str.contains("a missing value").tolist() == [True, False]
    assert missing["estimate"].isna().tolist() == [True, False]


def test_one_cause_among_several_has_no_survival():
    two = {**SIX, "s": [1, 2, 0, 1, 1, 0]}
    for fit in (parametric(made(two), "x", cause="relapse"), mixture_cure(made(forty()), [], cause="relapse")):
        with pytest.raises(InputError, match="a model of one cause among several predicts no survival"):
            fit.predict(pd.DataFrame(SIX), 1)


@pytest.mark.parametrize("family", ["weibull", "log_normal", "log_logistic"])
def test_events_at_one_time_or_apart_have_no_maximum(family):
    with pytest.raises(ConvergenceError, match="the likelihood has no maximum"):
        parametric(made({"t": [2.0] * 4, "s": [1] * 4}), [], family=family)
    # log time is a straight line in x: the scale goes to 0
    with pytest.raises(ConvergenceError, match="the likelihood has no maximum"):
        parametric(made({"t": np.exp([1.0, 2, 3, 4]), "s": [1] * 4, "x": [1.0, 2, 3, 4]}), "x", family=family)


def test_a_covariate_that_separates_is_named():
    # events where x <= 0 only, and the more the smaller x: the time ratio of x has no end
    frame = {"t": [1.0, 2, 3, 5, 5, 5], "s": [1, 1, 1, 0, 0, 0], "x": [0.0, 0, 0, 1, 2, 3]}
    with pytest.raises(ConvergenceError, match="in x"):
        parametric(made(frame), "x", family="exponential")


@pytest.mark.parametrize("family", FAMILIES)
def test_levels_without_events_go_to_their_limit(family):
    frame = forty()
    fit = parametric(made(frame), "arm", family=family)
    alone = parametric(made(frame[frame["arm"] != "c"]), "arm", family=family)
    np.testing.assert_allclose(fit.theta, alone.theta, rtol=1e-7, atol=1e-9)
    row = fit.tidy().set_index("contrast").loc["c vs a"]
    assert row["note"] == "not estimable: no events in c"
    assert np.isnan(row["estimate"])
    assert fit.glance()["df"].iloc[0] == 2
    table = fit.predict(pd.DataFrame({"arm": ["c", "a"]}), 1)
    assert table["estimate"].isna().tolist() == [True, False]
    # as the reference: the others among themselves, and an intercept that says whose it is
    turned = parametric(made(frame), "arm", family=family, references={"arm": "c"})
    assert turned.tidy()["note"].iloc[0] == "of the first level with events: the reference level has none"
    np.testing.assert_allclose(turned.predict(pd.DataFrame({"arm": ["a", "b"]}), 1)["estimate"],
                               fit.predict(pd.DataFrame({"arm": ["a", "b"]}), 1)["estimate"], rtol=1e-7)  # fmt: skip
    assert turned.predict(pd.DataFrame({"arm": ["c"]}), 1)["estimate"].isna().all()
    assert turned.value == pytest.approx(fit.value, rel=1e-10)


@pytest.mark.parametrize("terms", [("arm", []), ([], "arm"), ("arm", "arm")])
def test_levels_without_events_in_either_part_of_a_cure_model(terms):
    frame = forty()
    fit = mixture_cure(made(frame), terms[0], cured_terms=terms[1])
    alone = mixture_cure(made(frame[frame["arm"] != "c"]), terms[0], cured_terms=terms[1])
    np.testing.assert_allclose(fit.theta, alone.theta, rtol=1e-7, atol=1e-9)
    notes = fit.tidy().set_index("contrast").loc["c vs a", "note"]
    assert set(np.atleast_1d(notes)) == {"not estimable: no events in c"}
    table = fit.cured(pd.DataFrame({"arm": ["c", "b"]}))
    assert table["estimate"].isna().tolist() == [True, False]
    assert fit.cured()["estimate"].iloc[0] == pytest.approx(alone.cured()["estimate"].iloc[0], rel=1e-8)


def test_nobody_looks_cured():
    # exponential quantiles, all seen
    time = -np.log(1 - (np.arange(40) + 0.5) / 40)
    with pytest.raises(ConvergenceError, match="keeps rising as the cured fraction goes to 0"):
        mixture_cure(made({"t": time, "s": [1] * 40}), [])
    with pytest.raises(ConvergenceError, match="goes to 0"):
        mixture_cure(made({"t": np.minimum(time, 2), "s": (time <= 2).astype(int)}), [], latency="piecewise", cuts=[])
    # a hazard that may fall to next to nothing explains the plateau by itself
    frame = {"t": [1.0, 1, 2, 2, 3, 9, 9, 9, 9, 9], "s": [1] * 5 + [0] * 5}
    with pytest.raises(ConvergenceError, match="goes to 0"):
        mixture_cure(made(frame), [], latency="piecewise", cuts=[2])


def test_a_level_that_has_nobody_cured_is_named():
    frame = forty()
    frame = frame[(frame["arm"] == "a") | (frame["s"] == 1)]  # of b only those with the event
    with pytest.raises(ConvergenceError, match=r"in arm \(b vs a\)"):
        mixture_cure(made(frame), [], cured_terms="arm")


def test_latencies_and_cuts_that_cannot_be():
    endpoint = made(forty())
    with pytest.raises(InputError, match="there is no such latency"):
        mixture_cure(endpoint, [], latency="cox")
    with pytest.raises(InputError, match="a Weibull with cuts"):
        mixture_cure(endpoint, [], cuts=[1.0])
    for cuts in ([2.0, 1.0], [0.0, 1.0], [-1.0], [np.nan], [1.0, 1.0]):
        with pytest.raises(InputError, match="cuts must be positive, finite and ascending"):
            mixture_cure(endpoint, [], latency="piecewise", cuts=cuts)
    with pytest.raises(InputError, match="1 of 3 intervals have no event"):
        mixture_cure(endpoint, [], latency="piecewise", cuts=[1.0, 2.0])
    with pytest.raises(InputError, match="a term is empty"):
        mixture_cure(endpoint, "")


def test_weights_that_are_no_counts_are_noted():
    frame = forty().assign(w=0.5)
    for fit in (parametric(made(frame, weights="w"), []), mixture_cure(made(frame, weights="w"), [])):
        assert "weights are not whole numbers" in fit.glance()["note"].iloc[0]


def test_missing_terms_of_either_part_are_counted():
    frame = forty()
    frame.loc[0, "x"], frame.loc[1, "arm"] = np.nan, None
    fit = mixture_cure(made(frame), "x", cured_terms="arm")
    assert fit.glance()[["n", "n_excluded"]].values.tolist() == [[44, 2]]
    assert len(fit.predict(frame, 1)) == 46
    assert fit.predict(frame, 1)["estimate"].isna().sum() == 8


def test_follow_up_of_nobody_and_of_unknown_groups():
    with pytest.raises(ColumnError, match="no column is called 'nowhere'"):
        sufficient_follow_up(made(SIX), "nowhere")
    with pytest.raises(InputError, match="no cause is called 'nothing'"):
        sufficient_follow_up(made(SIX), cause="nothing")
    with pytest.raises(InputError, match="conf_level"):
        sufficient_follow_up(made(SIX), conf_level=2)
    nobody = pd.Categorical(SIX["arm"], categories=["a", "b", "nobody"])
    table = sufficient_follow_up(made({**SIX, "arm": nobody}), "arm").set_index(["group", "term"])
    assert table.loc[("nobody", "Shen"), "note"] == "not defined: no events"
    assert table.loc[("nobody", "last event"), "n"] == 0
    only = sufficient_follow_up(made({"t": [0.0, 0.0], "s": [1, 0]})).set_index("term")
    assert only["p_value"].isna().all()


def test_fits_do_not_change_under_the_one_who_holds_them():
    fits = (parametric(made(forty()), "x"), mixture_cure(made(forty()), "x", cured_terms="arm"))
    for fit in fits:
        for array in (fit.theta, fit.covariance, fit.endpoint.time):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1.0
        with pytest.raises(AttributeError):
            fit.theta = fit.theta
        assert "(" in repr(fit)
        assert "<table" in fit._repr_html_()


def test_a_cured_fraction_of_one_cause_says_so():
    frame = forty()
    frame.loc[:4, "s"] = 2
    fit = mixture_cure(made(frame), [], cause="relapse")
    assert "the other causes are censored" in fit.cured()["note"].iloc[0]
    assert fit.glance()[["cause", "n_event"]].values.tolist() == [["relapse", 15]]


def test_lifelines_is_loaded_by_a_fit_and_not_before():
    code = (
        "import sys, ikzf1_outcomes.models.parametric_families, ikzf1_outcomes.models.cured_fraction; "
        "print('lifelines' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
