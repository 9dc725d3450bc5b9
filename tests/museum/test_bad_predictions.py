"""Predictions, times and patients with which accuracy can't be measured; and those at the edge, with which it can."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko

CAUSES = {1: "relapse", 2: "death"}
RNG = np.random.default_rng(8)
FRAME = pd.DataFrame({"t": RNG.integers(1, 20, 40) / 4, "s": RNG.integers(0, 3, 40), "x": RNG.random(40), "word": "high"})
FRAME["protocol"] = np.where(np.arange(40) % 2, "p", "q")


def endpoint(frame=FRAME, **more):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **more)


E = endpoint()
CALLS = {
    "auc": lambda e=E, risks="x", **more: iko.auc_over_time(e, risks, **{"times": 2.0, **more}),
    "brier": lambda e=E, risks="x", **more: iko.brier_score(e, risks, **{"times": 2.0, **more}),
    "calibration": lambda e=E, risks="x", **more: iko.calibration_curve(e, risks, **{"at": 2.0, **more}),
    "decision": lambda e=E, risks="x", **more: iko.decision_curve(
        e, risks, **{"at": 2.0, "thresholds": [0.2, 0.5], **more}
    ),
}
EVERY = pytest.mark.parametrize("name", CALLS)
RISKS = pytest.mark.parametrize("name", [name for name in CALLS if name != "auc"])


@EVERY
def test_predictions_of_other_rows(name):
    with pytest.raises(iko.InputError, match=r"prediction 'a' has shape \(3,"):
        CALLS[name](risks={"a": [0.1, 0.2, 0.3]})


@EVERY
def test_predictions_that_are_words(name):
    with pytest.raises(iko.InputError, match="prediction 'word' is no number"):
        CALLS[name](risks="word")


@EVERY
def test_columns_that_are_not_there(name):
    with pytest.raises(iko.ColumnError, match="no column is called 'y'"):
        CALLS[name](risks=["x", "y"])


@EVERY
def test_no_predictions(name):
    with pytest.raises(iko.InputError, match="no predictions are given"):
        CALLS[name](risks={})
    with pytest.raises(iko.InputError, match="no row has a prediction"):
        CALLS[name](risks={"a": np.full(40, np.nan)})


@EVERY
def test_unknown_causes(name):
    with pytest.raises(iko.InputError, match="no cause is called 'cure'"):
        CALLS[name](cause="cure")


@EVERY
def test_rows_that_enter_late(name):
    late = FRAME.assign(entry=np.where(np.arange(40) < 3, FRAME["t"] - 0.2, 0.0))
    with pytest.raises(iko.InputError, match="rows enter at different times"):
        CALLS[name](endpoint(late, entry="entry"))


@EVERY
def test_a_landmark_for_all_is_fine(name):
    assert len(CALLS[name](iko.landmark(E, 1.0)).tidy())


@EVERY
def test_several_rows_a_patient(name):
    twice = pd.concat(
        [FRAME.assign(entry=0.0, id=range(40)), FRAME.assign(entry=FRAME["t"], t=FRAME["t"] + 1, id=range(40))]
    )
    twice.loc[:, "s"] = np.where(twice["entry"] == 0, 0, twice["s"])
    with pytest.raises(iko.InputError, match=r"enter at different times|one row a patient"):
        CALLS[name](endpoint(twice, entry="entry", subject="id"))


@RISKS
def test_risks_that_are_no_probabilities(name):
    bad = FRAME["x"].to_numpy().copy()
    bad[[4, 7]] = [-0.1, 1.2]
    with pytest.raises(iko.InputError, match=r"not within 0 and 1; rows 5, 8; 2 in all"):
        CALLS[name](risks={"a": bad})


@EVERY
def test_missing_predictions_are_left_out_of_all_and_counted(name):
    holes = FRAME["x"].where(np.arange(40) != 3)
    found = CALLS[name](risks={"a": "x", "b": holes})
    assert (found.glance()["n_excluded"] == 1).all()
    assert found.glance()["n"].max() == 39
    alone = CALLS[name](endpoint(FRAME.drop(index=3)), risks={"a": "x", "b": "x"})
    own, other = (table.tidy().query("term == 'a'")["estimate"] for table in (found, alone))
    np.testing.assert_allclose(own, other, rtol=1e-12)


@pytest.mark.parametrize("name", ["auc", "brier"])
@pytest.mark.parametrize("times", [[2, 1], [-1.0], [np.nan], [], "soon", [[1, 2]], [1, 1], None])
def test_times_that_are_none(name, times):
    with pytest.raises(iko.InputError, match="times must be ascending numbers"):
        CALLS[name](times=times)


@pytest.mark.parametrize("name", ["auc", "brier"])
def test_few_who_would_stand_for_many(name):
    """Ten of twelve are censored one after the other: the last stands for many."""
    frame = pd.DataFrame({"t": np.arange(1.0, 13), "s": [0] * 10 + [1, 1], "x": np.arange(12) / 12})
    risks = {"x": frame[["x", "x"]]}
    with pytest.raises(iko.InputError, match=r"at time 11 the chance .* comes down to 0\.17, below 0\.2") as caught:
        CALLS[name](endpoint(frame), risks, times=[1, 11], least=0.2)
    assert "Ask for earlier times, or lower `least`" in str(caught.value)
    found = CALLS[name](endpoint(frame), risks, times=[1, 11], least=0.1)
    np.testing.assert_allclose(found.glance()["smallest_chance"], [11 / 12, 1 / 6])
    with pytest.raises(iko.InputError, match="`least` must be a chance"):
        CALLS[name](endpoint(frame), least=0.0)


@pytest.mark.parametrize("name", ["auc", "brier"])
def test_beyond_the_last_follow_up(name):
    frame = pd.DataFrame({"t": [1.0, 2, 3, 4], "s": [1, 1, 1, 0], "x": [0.1, 0.2, 0.3, 0.4]})
    with pytest.raises(iko.InputError, match="comes down to 0, below"):
        CALLS[name](endpoint(frame), times=5)


@pytest.mark.parametrize("name", ["auc", "brier"])
def test_given_chances_of_other_rows(name):
    for before, at in ((np.ones(3), np.ones((40, 1))), (np.ones(40), np.ones((40, 2)))):
        with pytest.raises(iko.InputError, match="of other rows or times"):
            CALLS[name](censoring=iko.CensoringSurvival(before, at))
    with pytest.raises(iko.InputError, match="is none; rows 1"):
        CALLS[name](censoring=iko.CensoringSurvival(np.full(40, 1.5), np.ones((40, 1))))
    low = iko.CensoringSurvival(np.full(40, 0.01), np.ones((40, 1)))
    with pytest.raises(iko.InputError, match=r"comes down to 0\.01"):
        CALLS[name](censoring=low)


def test_nobody_has_the_event_by_then():
    none = CALLS["auc"](times=0.1).tidy().iloc[0]
    assert np.isnan(none["estimate"])
    assert "no case, or no control" in none["note"]
    table = CALLS["brier"](times=0.1).tidy().set_index(["measure", "term"])
    assert np.isnan(table.loc[("IPA", "x"), "estimate"])
    assert "nobody had the event" in table.loc[("IPA", "x"), "note"]
    assert table.loc[("Brier score", "null model"), "estimate"] == 0


def test_a_score_that_tells_nothing():
    row = CALLS["auc"](risks={"a": np.ones(40)}).tidy().iloc[0]
    assert row["estimate"] == pytest.approx(0.5, abs=1e-15)
    assert row["std_error"] < 1e-15


def test_kinds_of_controls_and_names_that_are_taken():
    with pytest.raises(iko.InputError, match="no controls are called 'free'"):
        CALLS["auc"](controls="free")
    with pytest.raises(iko.InputError, match="'null model' is the model without covariates"):
        CALLS["brier"](risks={"null model": "x"})
    with pytest.raises(iko.InputError, match="are strategies without predictions"):
        CALLS["decision"](risks={"treat all": "x"})


def test_grids_that_cannot_be_integrated_over():
    with pytest.raises(iko.InputError, match="the risks are not known"):
        CALLS["brier"](integrate="event times")
    made = {"a": lambda at: np.full((40, len(at)), 0.2)}
    for grid in ("days", [3.0], [2.0, 1.0]):
        with pytest.raises(iko.InputError, match=r"no times to integrate over|times must be ascending"):
            CALLS["brier"](risks=made, integrate=grid)
    with pytest.raises(iko.InputError, match="no times to integrate over"):
        CALLS["brier"](risks=made, integrate="event times", times=0.1)
    given = iko.CensoringSurvival(np.ones(40), np.ones((40, 1)))
    with pytest.raises(iko.InputError, match="known at `times` only"):
        CALLS["brier"](risks=made, integrate="event times", censoring=given)


@pytest.mark.parametrize("groups", [1, 0, True, "smoothly", 2.5])
def test_groups_that_are_none(groups):
    with pytest.raises(iko.InputError, match="groups are a whole number of 2 or more"):
        CALLS["calibration"](groups=groups)


def test_a_smooth_curve_of_two_risks():
    with pytest.raises(iko.InputError):
        CALLS["calibration"](risks={"a": np.where(FRAME["x"] > 0.5, 0.2, 0.6)}, groups="smooth")


def test_risks_of_0_and_1():
    edge = np.where(FRAME["x"] > 0.5, 1.0, 0.0)
    found = CALLS["calibration"](risks={"a": edge}, groups=2).glance()
    assert np.isfinite(found["estimate"]).all()


@pytest.mark.parametrize("thresholds", [[0.0, 0.1], [0.5, 1.0], [0.3, 0.2], [], [np.nan], ["low"], 3])
def test_thresholds_that_are_none(thresholds):
    with pytest.raises(iko.InputError, match="thresholds must be ascending numbers between 0 and 1"):
        CALLS["decision"](thresholds=thresholds)


@pytest.mark.parametrize("resamples", [5, -1, True, 30.5])
def test_too_few_resamples(resamples):
    with pytest.raises(iko.InputError, match="resamples must be 0, or a whole number of 20 or more"):
        CALLS["decision"](resamples=resamples)


def test_strata_that_are_missing():
    holes = FRAME.assign(protocol=FRAME["protocol"].where(np.arange(40) > 1))
    found = CALLS["auc"](endpoint(holes), censoring="protocol")
    assert found.glance()["n_excluded"].iloc[0] == 2
    with pytest.raises(iko.ColumnError, match="no column is called 'era'"):
        CALLS["auc"](censoring="era")


def test_models_of_censoring():
    holes = endpoint(FRAME.assign(age=np.where(np.arange(40) == 5, np.nan, FRAME["x"])))
    with pytest.raises(iko.InputError, match="covariate of the censoring model is missing; row 6"):
        iko.censoring_by_cox(holes, "age", times=2.0)
    late = endpoint(FRAME.assign(entry=np.where(np.arange(40) < 3, FRAME["t"] - 0.2, 0.0)), entry="entry")
    with pytest.raises(iko.InputError, match="rows enter at different times"):
        iko.censoring_by_cox(late, "x", times=2.0)
    nobody = endpoint(FRAME.assign(s=np.maximum(FRAME["s"], 1)))
    chances = iko.censoring_by_cox(nobody, "x", times=[1.0, 2.0])
    assert chances.before.tolist() == [1.0] * 40
    assert chances.at.shape == (40, 2)
    by_age = iko.censoring_by_cox(E, "x", times=[2.0])
    assert "Cox model of censoring: x" in CALLS["auc"](censoring=by_age).glance()["method"].iloc[0]
