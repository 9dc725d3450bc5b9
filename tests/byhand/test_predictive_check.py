"""Cohorts replicated from a posterior: times, curves and shares by hand; right and wrong models are told apart."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.models.bayes.replicated_curves import (
    Rows,
    potential_follow_up,
    replicated_curves,
    replicated_rows,
    reverse_curve,
)

CAUSES = ("relapse", "other")


def endpoint_of(time, status, classes, **more):
    frame = pd.DataFrame({"t": time, "s": status, "ikzf1_class": classes, **more})
    return iko.endpoint_from_columns(
        frame, time="t", status="s", causes={1: "relapse", 2: "death"}, time_unit="years", name="EFS"
    )


def known(endpoint, spec, hazard, effect, n_draws=4):
    """A posterior that is certain: every draw has these hazards (causes, functions) and effects (causes, columns)."""
    drawn = iko.sample_prior(endpoint, spec, seed=1, draws=n_draws)
    sampled = [
        own._replace(
            drawn=own.drawn._replace(
                log_hazard=np.broadcast_to(np.log(hazard[c]), own.drawn.log_hazard.shape).copy(),
                effect=np.broadcast_to(np.asarray(effect[c], dtype=float), own.drawn.effect.shape).copy(),
            )
        )
        for c, own in enumerate(drawn.sampled)
    ]
    return replace(drawn, sampled=tuple(sampled))


class Fixed:
    """Random numbers that are known beforehand."""

    def __init__(self, exponential, uniform):
        self.given, self.uniform = exponential, list(uniform)

    def exponential(self, size):
        return np.broadcast_to(self.given, size)

    def random(self, size):
        return np.broadcast_to(self.uniform.pop(0), size)


def test_a_time_is_where_the_hazards_add_up_to_the_exponential_number():
    # hazards of both causes together 0.5 up to 1 year and 0.25 later; 0.4 + 0.1, then 0.05 + 0.2
    level = np.log([[[[0.4, 0.05]], [[0.1, 0.2]]]])
    rows = Rows(np.array([0.0, 0.5, 0.0, 0.0]), np.full(4, 9.0), np.full(4, False), np.zeros(4, int), np.zeros(1, int))
    curve = reverse_curve(rows.entry, rows.time, rows.died)
    # 0.5 + 0.25 (T - 1) = 0.75; from 0.5 on 0.25 is over: = 0.25 + 0.75; 0.5 T = 0.25; beyond 9 years
    numbers = Fixed([0.75, 0.75, 0.25, 3.0], [[0.19, 0.21, 0.81, 0.5], 0.5])
    time, cause = replicated_rows(rows, level, np.zeros((1, 2, 1)), np.array([1.0]), curve, numbers)
    np.testing.assert_allclose(time, [[2.0, 3.0, 0.5, 9.0]], rtol=1e-12)
    # up to 1 year 0.8 of the events are of the first cause, later 0.2
    assert cause.tolist() == [[1, 2, 2, 0]]


def test_nothing_happens_where_the_hazard_is_zero():
    level = np.array([[[[np.log(0.5), -np.inf]]]])
    rows = Rows(np.zeros(2), np.full(2, 9.0), np.full(2, False), np.zeros(2, int), np.zeros(1, int))
    curve = reverse_curve(rows.entry, rows.time, rows.died)
    time, cause = replicated_rows(rows, level, np.zeros((1, 1, 1)), np.array([1.0]), curve, Fixed([0.6, 0.4], [0.5, 0.5]))
    np.testing.assert_allclose(time, [[9.0, 0.8]], rtol=1e-12)
    assert cause.tolist() == [[0, 1]]


def test_the_reverse_curve_by_hand():
    # 1 censored, 2 event, 2 censored, 3 censored, 4 event
    time, died = np.array([1.0, 2.0, 2.0, 3.0, 4.0]), np.array([False, True, False, False, True])
    curve = reverse_curve(np.zeros(5), time, died)
    assert curve.time.tolist() == [1, 2, 3, 4]
    # at 2 three are at risk of being censored, for the event comes first; what is left ends at the longest follow-up
    np.testing.assert_allclose(curve.later, [4 / 5, 8 / 15, 4 / 15, 0], rtol=1e-12)
    # who enters at 1.5 is not at risk at 1
    late = reverse_curve(np.array([0.0, 1.5, 0.0, 0.0, 0.0]), time, died)
    np.testing.assert_allclose(late.later, [3 / 4, 3 / 4 * 2 / 3, 1 / 4, 0], rtol=1e-12)
    rows = Rows(np.zeros(5), time, died, np.zeros(5, int), np.zeros(1, int))
    # of the event at 2: 2, 3 and 4 have 4/15, 4/15 and 4/15 of 4/5
    for share, drawn in ((0.9, 2), (0.7, 2), (0.6, 3), (0.4, 3), (0.3, 4), (0.01, 4)):
        assert potential_follow_up(rows, curve, 1, Fixed(0.0, [share])).tolist() == [[1, drawn, 2, 3, 4]]


def test_curves_of_a_replicate_are_kaplan_meier_and_aalen_johansen():
    rng = np.random.default_rng(7)
    entry = np.where(rng.random(60) < 0.3, rng.uniform(0, 2, 60), 0.0)
    time = entry + rng.exponential(4.0, (5, 60))
    cause = rng.integers(0, 3, (5, 60))
    group = np.repeat([0, 1, 2], [40, 15, 5])
    members, times = np.stack([group == 0, group > 0, group == 2]), np.array([0.5, 2.0, 6.0, 20.0])
    survival, incidence = replicated_curves(time, cause, entry, members, 2, times)
    for r in range(5):
        for g, own in enumerate(members):
            frame = pd.DataFrame({"t": time[r, own], "s": cause[r, own], "e": entry[own]})
            same = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, entry="e")
            np.testing.assert_allclose(
                survival[r, g], iko.kaplan_meier(same).tidy(times, extend=True)["estimate"], atol=1e-12
            )
            table = iko.cumulative_incidence(same).tidy(times, extend=True)
            for c, name in enumerate(("relapse", "death")):
                theirs = table.loc[table["cause"] == name, "estimate"]
                np.testing.assert_allclose(incidence[r, c, g], theirs, atol=1e-12)


TIMES = [1.0, 4.0, 2.0, 6.0, 6.0, 3.0, 5.0]
STATUS = [1, 0, 2, 0, 0, 1, 0]
CLASSES = ["none", "none", "none", "none", "ik6", "del_4_8", "del_4_8"]


def test_one_patient_of_a_class_has_closed_forms():
    endpoint = endpoint_of(TIMES, STATUS, CLASSES)
    # deletion, then ik6 and del_4_8 in the order of the words
    effect = [[0.5, -0.2, 0.2], [0.1, 0.0, 0.0]]
    posterior = known(endpoint, iko.hierarchical_spec(causes=CAUSES, cuts=[]), [[0.1], [0.05]], effect)
    order = next(own.labels for own in posterior.reduced.models[0].effects if own.term == "class")
    shift = dict(zip(order, (-0.2, 0.2), strict=True))
    table = iko.predictive_check(posterior, [2.0, 3.0], replicates=20_000, seed=3)
    one = table[(table["group"] == "ik6") & (table["time"] == 3.0)].set_index("cause")
    relapse, other = 0.1 * np.exp(0.5 + shift["ik6"]), 0.05 * np.exp(0.1)
    alive = np.exp(-3 * (relapse + other))
    np.testing.assert_allclose(one.loc["any", ["fitted", "fitted_low", "fitted_high"]].astype(float), alive, rtol=1e-12)
    np.testing.assert_allclose(one.loc["relapse", "fitted"], relapse / (relapse + other) * (1 - alive), rtol=1e-12)
    # he is followed for 6 years without an event: a replicate has 1 where he is alive, which the observed 1 equals, else 0
    assert one.loc["any", "observed"] == 1
    error = np.sqrt(alive * (1 - alive) / 20_000)
    assert abs(one.loc["any", "p_above_observed"] - alive / 2) < 4 * error / 2
    failed = relapse / (relapse + other) * (1 - alive)
    assert abs(one.loc["relapse", "p_above_observed"] - (failed + (1 - failed) / 2)) < 4 * np.sqrt(failed / 20_000) / 2
    assert one.loc["any", ["n", "n_event"]].tolist() == [1, 0]
    # del_4_8: an event at 3 of two; any deletion has the three of them
    two = table[(table["group"] == "del_4_8") & (table["cause"] == "any")].set_index("time")
    assert two["observed"].tolist() == [1.0, 0.5]
    mixed = table[(table["group"] == "any deletion") & (table["cause"] == "any")].set_index("time")
    np.testing.assert_allclose(mixed.loc[3.0, "fitted"], (alive + 2 * two.loc[3.0, "fitted"]) / 3, rtol=1e-12)
    assert mixed["n"].tolist() == [3, 3]


def test_effects_that_change_are_those_of_the_class_after_the_change():
    endpoint = endpoint_of(TIMES, STATUS, CLASSES)
    spec = iko.hierarchical_spec(causes=CAUSES, cuts=[], changes_at=1.0)
    # deletion before and after, classes before, classes after
    effect = [[0.5, -0.5, 0.2, -0.2, 0.1, -0.1], [0.0] * 6]
    posterior = known(endpoint, spec, [[0.1], [0.05]], effect)
    order = next(own.labels for own in posterior.reduced.models[0].effects if own.term == "class")
    place = [name.split(",")[0] for name in order].index("ik6")
    table = iko.predictive_check(posterior, 3.0, replicates=4000, seed=3)
    one = table[(table["group"] == "ik6") & (table["cause"] == "any")].iloc[0]
    before, after = np.exp(0.5 + effect[0][2 + place]), np.exp(-0.5 + effect[0][4 + place])
    alive = np.exp(-0.1 * (before + 2 * after) - 0.05 * 3)
    np.testing.assert_allclose(one["fitted"], alive, rtol=1e-12)
    assert abs(2 * one["p_above_observed"] - alive) < 4 * np.sqrt(alive * (1 - alive) / 4000)
    none = table[(table["group"] == "not deleted") & (table["cause"] == "any")].iloc[0]
    np.testing.assert_allclose(none["fitted"], np.exp(-0.15 * 3), rtol=1e-12)


@pytest.mark.parametrize(
    "form",
    [
        {"cuts": [1.0, 3.0]},
        {"baseline": "spline", "cuts": [1.0, 3.0]},
        {"cuts": [2.0], "changes_at": 1.0},
        {"cuts": [2.0], "changes_at": 1.0, "strata": "trial"},
    ],
)
def test_patients_who_differ_by_class_alone_have_the_curves_of_the_posterior(form):
    rng = np.random.default_rng(3)
    # each class has as many patients of one trial as of the other
    classes, trial = np.repeat(["none", "ik6", "other"], [48, 18, 14]), np.tile(["one", "two"], 40)
    endpoint = endpoint_of(rng.exponential(5.0, 80), rng.integers(0, 3, 80), classes, trial=trial)
    drawn = iko.sample_prior(endpoint, iko.hierarchical_spec(causes=CAUSES, **form), seed=2, draws=50)
    table = iko.predictive_check(drawn, [0.5, 2.5, 4.0], replicates=20, seed=1).set_index(["group", "cause", "time"])
    curves = drawn.curves([0.5, 2.5, 4.0]).set_index(["group", "cause", "time"]).reindex(table.index)
    for ours, theirs in (("fitted", "estimate"), ("fitted_low", "low"), ("fitted_high", "high")):
        np.testing.assert_allclose(table[ours], curves[theirs], rtol=1e-10)


def cohorts(number, factor):
    """Data of known hazards, checked against a model that holds hazards `factor` times as high."""
    found = []
    for seed in range(number):
        rng = np.random.default_rng(seed)
        classes = np.repeat(["none", "ik6", "other"], [120, 40, 40])
        deleted = classes != "none"
        # hazards of relapse and other death; potential follow-up of 2 to 8 years
        total = 0.1 * np.exp(0.7 * deleted) + 0.05
        time, kind = rng.exponential(1 / total), 1 + (rng.random(200) < 0.05 / total)
        follow = rng.uniform(2.0, 8.0, 200)
        endpoint = endpoint_of(np.minimum(time, follow), np.where(time <= follow, kind, 0), classes)
        effect = [[0.7, 0.0, 0.0], [0.0, 0.0, 0.0]]
        posterior = known(
            endpoint, iko.hierarchical_spec(causes=CAUSES, cuts=[]), [[factor * 0.1], [factor * 0.05]], effect
        )
        found.append(iko.predictive_check(posterior, [2.0, 4.0], seed=seed))
    return pd.concat(found)


def test_a_true_model_has_uniform_shares_and_a_wrong_one_is_found():
    right = cohorts(60, 1.0)
    # of known hazards the data are used once: shares are uniform
    for group, cause, time in (("not deleted", "any", 4.0), ("any deletion", "relapse", 4.0), ("ik6", "any", 2.0)):
        own = right[(right["group"] == group) & (right["cause"] == cause) & (right["time"] == time)]
        assert stats.kstest(own["p_above_observed"], "uniform").pvalue > 0.01
        inside = ((own["low"] <= own["observed"]) & (own["observed"] <= own["high"])).mean()
        assert inside >= 0.88
    wrong = cohorts(10, 2.5)
    alive = wrong[(wrong["group"] == "not deleted") & (wrong["cause"] == "any") & (wrong["time"] == 4.0)]
    assert (alive["p_above_observed"] < 0.01).all()
    assert (alive["high"] < alive["observed"]).all()


def test_a_row_says_where_follow_up_ends_and_a_seed_repeats():
    endpoint = endpoint_of(TIMES, STATUS, CLASSES)
    posterior = known(endpoint, iko.hierarchical_spec(causes=CAUSES, cuts=[]), [[0.1], [0.05]], [[0.0] * 3] * 2)
    table = iko.predictive_check(posterior, [3.0, 5.5], seed=3)
    late = table[(table["group"] == "del_4_8") & (table["time"] == 5.5)]
    assert late["note"].tolist() == ["beyond the follow-up of the group"] * 3
    assert late[["observed", "p_above_observed"]].isna().all(axis=None)
    assert late["fitted"].notna().all()
    # all have failed in a class: its curve goes on at 0, but not beyond the follow-up of all
    gone = endpoint_of([*TIMES, 0.5], [*STATUS, 1], [*CLASSES, "other"])
    posterior_of_gone = known(gone, iko.hierarchical_spec(causes=CAUSES, cuts=[]), [[0.1], [0.05]], [[0.0] * 4] * 2)
    own = iko.predictive_check(posterior_of_gone, [5.5, 7.0], seed=3)
    own = own[(own["group"] == "other") & (own["cause"] == "any")]
    np.testing.assert_array_equal(own["observed"], [0.0, np.nan])
    assert own["note"].tolist() == ["", "beyond the follow-up of the group"]
    pd.testing.assert_frame_equal(table, iko.predictive_check(posterior, [3.0, 5.5], seed=3))
    other = iko.predictive_check(posterior, [3.0, 5.5], seed=np.random.default_rng(4))
    assert not table["p_above_observed"].equals(other["p_above_observed"])


def test_covariates_subtypes_and_strata_are_each_patients_own():
    cohort = iko.simulate_cohort(120, seed=2)
    endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    spec = iko.hierarchical_spec(
        causes=CAUSES, subtype="cytogenetic_subtype", strata="protocol", covariates="age + log(wbc)", cuts=[]
    )
    drawn = iko.sample_prior(endpoint, spec, seed=2, draws=4)
    table = iko.predictive_check(drawn, 3.0, replicates=20, seed=1)
    keep = drawn.reduced.patients.keep
    columns = np.concatenate([g.columns for block in drawn.reduced.patients.blocks for g in block], axis=1)
    alive = np.zeros((4, keep.sum()))
    for own in drawn.sampled:
        hazard = np.exp(own.drawn.log_hazard[0, :, drawn.reduced.patients.stratum, 0].T)
        # hazards begin where follow-up does
        alive -= hazard * np.exp(own.drawn.effect[0] @ columns.T) * 2.9
    deleted = columns[:, 0] > 0
    ours = table[(table["cause"] == "any")].set_index("group")["fitted"]
    np.testing.assert_allclose(ours["any deletion"], np.median(np.exp(alive[:, deleted]).mean(axis=1)), rtol=1e-10)
    np.testing.assert_allclose(ours["not deleted"], np.median(np.exp(alive[:, ~deleted]).mean(axis=1)), rtol=1e-10)


def test_what_cannot_be_replicated_is_refused():
    endpoint = endpoint_of(TIMES, STATUS, CLASSES)
    spec = iko.hierarchical_spec(causes=CAUSES, cuts=[])
    drawn = iko.sample_prior(endpoint, spec, seed=1, draws=4)
    for wrong in (19, 200.0, True, "200"):
        with pytest.raises(InputError, match="replicates must be"):
            iko.predictive_check(drawn, 3.0, replicates=wrong, seed=1)
    for times in (0.0, [], [np.nan, 1.0], -1.0):
        with pytest.raises(InputError, match="times must be above 0"):
            iko.predictive_check(drawn, times, seed=1)
    with pytest.raises(InputError, match="seed"):
        iko.predictive_check(drawn, 3.0, seed="one")
    with pytest.raises(InputError):
        iko.predictive_check(drawn, 3.0, seed=1, conf_level=1.0)
    one_cause = iko.sample_prior(endpoint, iko.hierarchical_spec(causes="relapse", cuts=[]), seed=1, draws=4)
    with pytest.raises(InputError, match="a model of every cause"):
        iko.predictive_check(one_cause, 3.0, seed=1)
    split = iko.split_follow_up(endpoint, [1.5])
    with pytest.raises(InputError, match="several rows"):
        iko.predictive_check(iko.sample_prior(split, spec, seed=1, draws=4), 3.0, seed=1)
    frame = endpoint.frame.assign(w=[1, 2, 1, 1, 1, 1, 1])
    weighted = iko.endpoint_from_columns(
        frame, time="t", status="s", causes={1: "relapse", 2: "death"}, weights="w", time_unit="years"
    )
    with pytest.raises(InputError, match="weights"):
        iko.predictive_check(iko.sample_prior(weighted, spec, seed=1, draws=4), 3.0, seed=1)


def test_hazards_that_are_not_proportional_are_found_in_the_class_that_has_them():
    rng = np.random.default_rng(11)
    classes = np.repeat(["none", "ik6"], [240, 120])
    deleted = classes == "ik6"
    # without a deletion all events come in the first two years, with one all in the third and fourth
    early = rng.exponential(4.0, 360)
    time = np.where(deleted, early + 2.0, np.where(early < 2.0, early, 99.0))
    follow = rng.uniform(4.0, 8.0, 360)
    endpoint = endpoint_of(np.minimum(time, follow), (time <= np.minimum(follow, 4.0)).astype(int), classes)
    cuts = {"causes": "any", "cuts": [1.0, 2.0, 3.0, 4.0]}
    found = {}
    for name, more in (("wrong", {}), ("right", {"changes_at": 2.0})):
        posterior = iko.sample(endpoint, iko.hierarchical_spec(**cuts, **more), seed=1, draws=300, tune=500, chains=2)
        table = iko.predictive_check(posterior, 2.0, seed=1)
        found[name] = table[(table["group"] == "any deletion") & (table["measure"] == "event-free survival")].iloc[0]
    # nobody of the class has failed by two years: no replicate of the proportional model says that
    assert found["wrong"]["observed"] == 1
    assert found["wrong"]["high"] < 0.9
    assert found["wrong"]["p_above_observed"] < 0.005
    assert found["right"]["fitted"] > 0.9 > found["wrong"]["fitted"]
    assert found["right"]["high"] > 0.97


def test_failures_of_induction_are_not_replicated():
    endpoint = iko.define_endpoint(iko.simulate_cohort(300, seed=1), "EFS")
    spec = iko.hierarchical_spec(cuts=[2.0], causes="any", induction=("non-response", "induction death"))
    posterior = iko.sample(endpoint, spec, seed=1, draws=30, tune=50, chains=1)
    with pytest.raises(InputError, match="failures of induction"):
        iko.predictive_check(posterior, 5.0, seed=1)
