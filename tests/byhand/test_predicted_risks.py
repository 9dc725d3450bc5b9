"""AUC and Brier score at a time: sheets of paper, and naive twins that look at every pair."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.accuracy import auc_parts, brier_parts, score_codes
from ikzf1_outcomes.prognosis.accuracy import accuracy_at
from ikzf1_outcomes.prognosis.horizons import horizons

CAUSES = {1: "relapse", 2: "death"}
# scrambled on purpose; at 3 an event and a censoring are tied
SIX = pd.DataFrame(
    {
        "t": [5.0, 1.0, 3.0, 2.0, 3.0, 4.0], "s": [0, 1, 0, 0, 1, 0], "risk": [0.1, 0.9, 0.3, 0.4, 0.2, 0.2],
        "protocol": ["a", "a", "b", "b", "b", "a"],
    }
)  # fmt: skip


def endpoint(frame, **more):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **more)


def estimates(table, measure=None):
    if measure is not None:
        table = table[table["measure"] == measure]
    return table.set_index("term")["estimate"]


def test_auc_of_six_patients():
    """G: censored at 2 is one of five: 4/5. At 3 the event leaves first: one of three, 8/15. By 3.5 the cases are the event
    at 1 (stands for 1) and that at 3 (G(3-) = 4/5: stands for 5/4); controls those at 4 and 5. The first beats both. The
    second is tied with one (1/2) and beats the other: 1.5 of 2. AUC = (1 * 2 + 5/4 * 1.5) / (9/4 * 2) = 31/36.
    """
    found = iko.auc_over_time(endpoint(SIX), "risk", times=3.5)
    assert found.tidy()["estimate"].tolist() == [pytest.approx(31 / 36, abs=1e-15)]
    row = found.glance().iloc[0]
    assert row["smallest_chance"] == pytest.approx(8 / 15)
    assert row[["n_case", "n_control", "n_unknown"]].tolist() == [2, 2, 2]


def test_brier_score_of_six_patients():
    """At 3.5, with the weights above and 15/8 for the two who are followed longer:
    (0.1^2 + 5/4 * 0.8^2 + 15/8 * (0.1^2 + 0.2^2)) / 6 = 0.90375 / 6. One risk for everybody: 1 - Kaplan-Meier =
    1 - 5/6 * 3/4 = 3/8, and (1 + 5/4) / 6 = 3/8 from the weights; its score is 3/8 * 5/8.
    """
    table = iko.brier_score(endpoint(SIX), "risk", times=3.5).tidy()
    score = estimates(table, "Brier score")
    assert score["risk"] == pytest.approx(0.90375 / 6, abs=1e-15)
    assert score["null model"] == pytest.approx(15 / 64, abs=1e-15)
    assert estimates(table, "IPA")["risk"] == pytest.approx(1 - 0.90375 / 6 / (15 / 64), abs=1e-14)


def test_censoring_of_each_protocol():
    """a: nobody is censored by 3.5. b: at 2 one of three (2/3), at 3 the last one after the event: 0. The event at 3 stands
    for 3/2, and b's G at the horizon is 0: refused, though nobody of b is followed so long.
    """
    with pytest.raises(iko.InputError, match=r"at time 3\.5 the chance of not being censored comes down to 0, below"):
        iko.brier_score(endpoint(SIX), "risk", times=3.5, censoring="protocol")
    states = horizons(endpoint(SIX), 2.5, cause=None, censoring="protocol")
    np.testing.assert_allclose(states.standing().weight[:, 0], [1, 1, 1.5, 0, 1.5, 1])


def test_a_rival_is_a_control_for_ever_where_asked():
    """No censoring: relapses at 1 (risk 2) and 3 (risk 4), death at 2 (risk 3), free at 5 (risk 1). By 4: against the free
    one 2 of 2; with the death, the relapse at 1 loses one pair of four: 3/4.
    """
    frame = pd.DataFrame({"t": [3.0, 5.0, 2.0, 1.0], "s": [1, 0, 2, 1], "x": [4.0, 1.0, 3.0, 2.0]})
    for controls, value in (("event-free", 1.0), ("event-free or competing", 0.75)):
        found = iko.auc_over_time(endpoint(frame), "x", times=4, cause="relapse", controls=controls)
        assert found.tidy()["estimate"].tolist() == [value]


def test_integrated_by_hand():
    """Nobody is censored: events at 1 and 2 of two patients, predicted for sure and not at all. Scores at 1: 0 for the
    first, 0 for the second; at 2: (0 + 1) / 2. Mean over [0, 4] of steps at 1, 2 and 4: (0 * 1 + 1/2 * 2) / 4.
    """
    frame = pd.DataFrame({"t": [1.0, 2.0], "s": [1, 1]})
    risks = {"sure": np.array([[1.0, 1, 1], [0, 0, 0]])}
    table = iko.brier_score(endpoint(frame), risks, times=[1, 2, 4]).tidy()
    assert estimates(table[table["contrast"] == ""], "integrated Brier score")["sure"] == 0.25
    assert "coarse" in table.loc[table["measure"] == "integrated Brier score", "note"].iloc[0]


def many(seed, n=60):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"t": rng.integers(1, 15, n), "s": rng.integers(0, 3, n), "x": rng.integers(0, 6, n) / 6})
    return frame.assign(y=rng.random(n), w=rng.integers(1, 4, n), protocol=rng.choice(["p", "q"], n))


def naive_chances(frame, t):
    """G(T-) of each row and G(t), from the definition."""

    def chance(limit, before):
        out = 1.0
        for u in sorted(set(frame["t"])):
            if u < limit or (u == limit and not before):
                left = frame["w"][(frame["t"] > u) | ((frame["t"] == u) & (frame["s"] == 0))].sum()
                gone = frame["w"][(frame["t"] == u) & (frame["s"] == 0)].sum()
                out *= 1 - gone / left if left else 1
        return out

    return np.array([chance(u, True) for u in frame["t"]]), chance(t, False)


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_of_sixty(seed):
    frame, t = many(seed), 6
    before, at = naive_chances(frame, t)
    case = np.where((frame["t"] <= t) & (frame["s"] == 1), frame["w"] / before, 0)
    rival = np.where((frame["t"] <= t) & (frame["s"] == 2), frame["w"] / before, 0)
    free = np.where(frame["t"] > t, frame["w"] / at, 0)
    x = frame["x"].to_numpy()
    better = (x[:, None] > x) + 0.5 * (x[:, None] == x)
    e = endpoint(frame, weights="w")
    for name, control in (("event-free", free), ("event-free or competing", free + rival)):
        found = iko.auc_over_time(e, "x", times=t, cause="relapse", controls=name).tidy()
        np.testing.assert_allclose(found["estimate"], case @ better @ control / case.sum() / control.sum(), rtol=1e-12)
    score = (case * (1 - x) ** 2 + (rival + free) * x**2).sum() / frame["w"].sum()
    table = iko.brier_score(e, "x", times=t, cause="relapse").tidy()
    np.testing.assert_allclose(estimates(table, "Brier score")["x"], score, rtol=1e-12)
    curve = iko.cumulative_incidence(e).tidy(times=[t])
    incidence = curve.loc[curve["cause"] == "relapse", "estimate"].iloc[0]
    np.testing.assert_allclose(estimates(table, "Brier score")["null model"], incidence * (1 - incidence), rtol=1e-12)


def test_a_resample_is_case_weights():
    """Rows drawn several times, and rows that are not drawn, by weights: as the endpoint of the rows drawn."""
    frame = many(4)
    drawn = np.random.default_rng(1).integers(0, 60, 60)
    states = horizons(endpoint(frame), [3, 6], cause="relapse", censoring="protocol")
    both = np.stack([np.repeat(frame[[name]].to_numpy(), 2, axis=1) for name in ("x", "y")])
    by_weight = accuracy_at(states, both, weight=np.bincount(drawn, minlength=60), controls="event-free or competing")
    again = horizons(endpoint(frame.iloc[drawn]), [3, 6], cause="relapse", censoring="protocol")
    as_rows = accuracy_at(again, both[:, drawn], controls="event-free or competing")
    for ours, theirs in zip(by_weight, as_rows, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    np.testing.assert_allclose(by_weight.ipa, 1 - by_weight.brier / by_weight.null)


def test_parts_are_derivatives_by_the_log_of_a_weight():
    rng = np.random.default_rng(2)
    code, case, control = score_codes(rng.integers(0, 5, 20).astype(float)), rng.random(20), rng.random(20)
    case[::2], control[1::2] = 0.0, 0.0
    step = 1e-6
    own = auc_parts(code, case, control)
    for i in range(20):
        up, down = (np.where(np.arange(20) == i, 1 + shift, 1.0) for shift in (step, -step))
        slope = auc_parts(code, case * up, control * up).estimate - auc_parts(code, case * down, control * down).estimate
        assert own.parts[i] == pytest.approx(slope / (2 * step), abs=1e-9)
    assert own.parts.sum() == pytest.approx(0, abs=1e-15)
    risk, weight, had = rng.random(20), np.ones(20), rng.random(20) < 0.5
    measured, influence = brier_parts(risk, had, weight, weight)
    np.testing.assert_allclose(influence, ((had - risk) ** 2 - measured.estimate) / 20)


def test_given_chances_of_not_being_censored_are_taken_as_known():
    frame = many(5)
    states = horizons(endpoint(frame), [3, 6], cause="relapse", censoring="marginal")
    curves = states.standing().curves
    given = iko.CensoringSurvival(curves.before(), np.repeat(curves.at(states.gone), 60, axis=0), "Kaplan-Meier, by hand")
    for make in (iko.auc_over_time, iko.brier_score):
        both = [
            make(endpoint(frame), {"y": frame[["y", "y"]]}, times=[3, 6], cause="relapse", censoring=how)
            for how in ("marginal", given)
        ]
        marginal, own = (one.tidy() for one in both)
        np.testing.assert_allclose(own["estimate"], marginal["estimate"], rtol=1e-12)
        assert (own["std_error"] != marginal["std_error"]).any()
        assert own["note"].str.contains("taken as known").all()
        assert both[1].glance()["method"].unique().tolist() == ["Kaplan-Meier, by hand"]
