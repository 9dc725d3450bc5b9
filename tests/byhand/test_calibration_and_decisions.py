"""Calibration in groups and net benefit on paper, and against the curves of the package."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.incidence_above import incidence_above

CAUSES = {1: "relapse", 2: "death"}
# scrambled on purpose
SIX = pd.DataFrame({"t": [5.0, 1.0, 3.0, 2.0, 4.0, 3.0], "s": [0, 1, 0, 2, 1, 1], "risk": [0.1, 0.8, 0.5, 0.2, 0.6, 0.3]})


def endpoint(frame, **more):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **more)


def many(seed, n=80):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"t": rng.integers(1, 15, n) / 2, "s": rng.integers(0, 3, n), "x": rng.random(n)})
    return frame.assign(y=rng.integers(1, 6, n) / 10, w=rng.integers(1, 4, n))


def test_two_groups():
    """Cut at the median risk 0.4. Below (0.1, 0.2, 0.3): death at 2, relapse at 3, by 3.5: relapse 2/3 * 1/2 = 1/3. Above
    (0.5, 0.6, 0.8): relapse at 1, one censored at 3: 1/3. All: relapse 1/6, then at 2 a death (4/6 stay), at 3 one of four:
    1/6 + 4/6 * 1/4 = 1/3; expected (0.1 + 0.8 + 0.5 + 0.2 + 0.6 + 0.3) / 6 = 5/12: O/E = 4/5.
    """
    found = iko.calibration_curve(endpoint(SIX), "risk", at=3.5, cause="relapse", groups=2)
    table = found.tidy()
    np.testing.assert_allclose(table["estimate"], [1 / 3, 1 / 3], rtol=1e-12)
    np.testing.assert_allclose(table["predicted"], [0.2, 1.9 / 3], rtol=1e-12)
    ratio = found.glance().iloc[0]
    assert ratio["estimate"] == pytest.approx(0.8, rel=1e-12)
    assert ratio["low"] * ratio["high"] == pytest.approx(0.64, rel=1e-12)
    any_event = iko.calibration_curve(endpoint(SIX), "risk", at=3.5, groups=2).tidy()
    np.testing.assert_allclose(any_event["estimate"], [2 / 3, 1 / 3], rtol=1e-12)


def test_slope_is_that_of_the_model_behind_the_risks():
    """Risks of a Cox model, on their scale, have slope 1; halved on that scale, 2."""
    frame = many(1).assign(s=lambda d: (d["s"] > 0).astype(int))
    fit = iko.cox(endpoint(frame), "x")
    risk = 1 - fit.predict(frame, [3.0])["estimate"].to_numpy()
    halved = 1 - np.exp(-np.sqrt(-np.log1p(-risk)))
    found = iko.calibration_curve(endpoint(frame), {"own": risk, "halved": halved}, at=3.0).glance()
    slope = found[found["measure"] == "calibration slope"].set_index("term")
    np.testing.assert_allclose(slope["estimate"], [1, 2], rtol=1e-6)
    np.testing.assert_allclose(slope.loc["own", "p_value"], 1, rtol=1e-4)


def test_a_smooth_curve_of_right_risks_lies_on_them():
    """A large cohort whose risks are true: the curve is within 3 points of them, and those halved are found out."""
    rng = np.random.default_rng(3)
    n = 4000
    rate = rng.uniform(0.05, 0.6, n)
    time, limit = rng.exponential(1 / rate), rng.uniform(2, 8, n)
    frame = pd.DataFrame({"t": np.minimum(time, limit), "s": (time <= limit).astype(int)})
    risk = 1 - np.exp(-rate * 3)
    found = iko.calibration_curve(endpoint(frame), {"true": risk, "half": risk / 2}, at=3.0, groups="smooth")
    index = found.glance().set_index(["measure", "term"])["estimate"]
    assert index["integrated calibration index", "true"] < 0.03
    np.testing.assert_allclose(index["integrated calibration index", "half"], risk.mean() / 2, atol=0.03)
    assert index["observed / expected", "half"] == pytest.approx(2, abs=0.15)
    curve = found.tidy()
    assert len(curve) == 202
    assert (curve["low"] <= curve["estimate"]).all()


def test_groups_that_coincide():
    frame = many(2).assign(risk=lambda d: np.where(d["x"] < 0.9, 0.2, 0.5))
    table = iko.calibration_curve(endpoint(frame), "risk", at=3.0, groups=5).tidy()
    assert table["predicted"].tolist() == pytest.approx([0.2, 0.5])
    assert table["note"].str.contains("2 groups: quantiles coincide").all()
    flat = iko.calibration_curve(endpoint(frame.assign(risk=0.3)), "risk", at=3.0).glance()
    assert "everybody has the same predicted risk" in flat["note"].iloc[1]


def test_net_benefit_of_six_patients():
    """Relapse by 3.5, death competing. All: 1/3 (see above). At 0.5 or above (0.5, 0.6, 0.8): half of all, 1/3 of them:
    true 1/6, false 1/3; at threshold 0.5 a false one counts 1: 1/6 - 1/3 = -1/6; all: 1/3 - 2/3 = -1/3; avoided:
    (-1/6 + 1/3) * 1 = 1/6. At 0.2 (all but 0.1): five; relapse 1/5, 3/5 stay, one of three at 3: 1/5 + 3/5 * 1/3 = 2/5:
    true 1/3, false 1/2, net 1/3 - 1/2 * 1/4 = 5/24.
    """
    table = iko.decision_curve(endpoint(SIX), "risk", at=3.5, thresholds=[0.2, 0.5], cause="relapse").tidy()
    own = table.set_index(["measure", "term"]).sort_index()
    risk = own.loc["net benefit", "risk"]
    np.testing.assert_allclose(risk["estimate"], [5 / 24, -1 / 6], rtol=1e-12)
    np.testing.assert_allclose(risk["true_positive"], [1 / 3, 1 / 6], rtol=1e-12)
    np.testing.assert_allclose(risk["false_positive"], [1 / 2, 1 / 3], rtol=1e-12)
    np.testing.assert_allclose(own.loc["net benefit", "treat all"]["estimate"], [1 / 3 - 2 / 3 / 4, -1 / 3], rtol=1e-12)
    np.testing.assert_allclose(own.loc["net interventions avoided", "risk"]["estimate"].iloc[1], 1 / 6, rtol=1e-12)
    gap = table[table["contrast"] == "risk - treat all"]["estimate"]
    np.testing.assert_allclose(gap, [5 / 24 - 1 / 6, 1 / 6], rtol=1e-12)


@pytest.mark.parametrize("cause", [None, "relapse"])
def test_incidence_above_is_that_of_those_above(cause):
    frame = many(5)
    made = endpoint(frame, weights="w")
    table = iko.decision_curve(made, "y", at=4.0, thresholds=[0.1, 0.25, 0.4], cause=cause).tidy()
    own = table[(table["measure"] == "net benefit") & (table["term"] == "y")]
    for _, row in own.iterrows():
        part = frame[frame["y"] >= row["threshold"]]
        share = part["w"].sum() / frame["w"].sum()
        if cause is None:
            risk = 1 - iko.kaplan_meier(endpoint(part, weights="w")).tidy(times=[4.0])["estimate"].iloc[0]
        else:
            curve = iko.cumulative_incidence(endpoint(part, weights="w")).tidy(times=[4.0])
            risk = curve.loc[curve["cause"] == cause, "estimate"].iloc[0]
        np.testing.assert_allclose(
            row[["true_positive", "false_positive"]].astype(float), [share * risk, share * (1 - risk)]
        )


def test_follow_up_that_ends_and_thresholds_that_nobody_reaches():
    """Above 0.5 the last is censored at 3, before 3.5: not estimable; at 3 it still is. Above 0.9 there is nobody: 0."""
    frame = pd.DataFrame({"t": [1.0, 3.0, 5.0], "s": [1, 0, 0], "risk": [0.6, 0.7, 0.1]})
    later, then = (
        iko.decision_curve(endpoint(frame), "risk", at=at, thresholds=[0.5, 0.9]).tidy().query("term == 'risk'")
        for at in (3.5, 3.0)
    )
    assert np.isnan(later["estimate"].iloc[0])
    assert "nobody above the threshold is followed" in later["note"].iloc[0]
    assert later["estimate"].iloc[1] == 0.0
    assert then["estimate"].iloc[0] == pytest.approx(1 / 3 - 1 / 3)


def test_resamples_are_case_weights_and_repeat_with_their_seed():
    frame = many(6)
    one, again, other = (
        iko.decision_curve(endpoint(frame), {"x": "x", "y": "y"}, at=3.0, thresholds=[0.2, 0.4], resamples=200, seed=seed)
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one.tidy(), again.tidy())
    assert not one.tidy()["std_error"].equals(other.tidy()["std_error"])
    table = one.tidy()
    everybody = table[(table["term"] == "treat all") & (table["threshold"] == 0.2)].iloc[0]
    error = iko.kaplan_meier(endpoint(frame)).tidy(times=[3.0])["std_error"].iloc[0]
    # of treating all the net benefit is (F - p) / (1 - p)
    assert everybody["std_error"] == pytest.approx(error / 0.8, rel=0.2)
    drawn = np.random.default_rng(3).integers(0, 80, 80)
    made, as_rows = endpoint(frame), endpoint(frame.iloc[drawn])
    level = (frame["y"] >= 0.3).to_numpy().astype(np.int64)
    until = [(int((e.rows.times <= 3).sum()), int((e.rows.times < 3).sum())) for e in (made, as_rows)]
    weight = np.bincount(drawn, minlength=80).astype(float)
    ours = incidence_above(made.rows.order, made.rows.rank, made.cause, weight, level, 1, until[0])
    theirs = incidence_above(as_rows.rows.order, as_rows.rows.rank, as_rows.cause, np.ones(80), level[drawn], 1, until[1])
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
