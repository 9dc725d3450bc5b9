"""The pieces of a ladder on paper: limits of likelihoods, drawn times, risks of two causes, scores, pairs, optimism."""

from math import log, sqrt
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.limits import climb
from ikzf1_outcomes.kernels.null_ratios import Null, curve_of, largest_log_likelihood
from ikzf1_outcomes.kernels.stepwise_risk import incidence_by
from ikzf1_outcomes.prognosis.horizons import horizons
from ikzf1_outcomes.prognosis.ladder_tables import Climbed, performance_rows
from ikzf1_outcomes.prognosis.reclassification import reclassified
from ikzf1_outcomes.prognosis.rung_fits import fit_rung, study_of
from ikzf1_outcomes.prognosis.rung_measures import GRID, measuring_of, normal_scores
from ikzf1_outcomes.prognosis.rung_validation import Validated
from ikzf1_outcomes.prognosis.rungs import ladder_of


def test_a_likelihood_with_a_maximum():
    # x = 1 has the event at 1, x = 0 at 2, x = 1 is censored at 3. With u = e^b:
    # L = u / (2u + 1) * 1 / (1 + u), largest where 1 / (2u + 1) = u / (1 + u), so u = 1 / sqrt 2.
    u = 1 / sqrt(2)
    value = largest_log_likelihood(np.array([1.0, 2, 3]), np.array([True, True, False]), np.array([[1.0], [0], [1]]))
    assert value == pytest.approx(log(u) - log(2 * u + 1) - log(1 + u), abs=1e-9)


def test_a_likelihood_that_rises_without_end_counts_with_its_limit():
    # Both with x = 1 outlive all three events: in the limit they weigh nothing in any risk set: 1/3 * 1/2 * 1/1.
    time, event = np.array([1.0, 2, 3, 4, 4]), np.array([True, True, True, False, False])
    x = np.array([0.0, 0, 0, 1, 1])[:, None]
    assert largest_log_likelihood(time, event, x) == pytest.approx(-log(6), abs=1e-6)
    # the same column twice, and one of nothing, add no direction
    three = np.column_stack([x, x, 0 * x])
    assert largest_log_likelihood(time, event, three) == pytest.approx(-log(6), abs=1e-6)


def test_climbing_leaves_a_direction_alone_of_which_nothing_is_told():
    # -(b1 - 2)^2 / 2, whatever b2
    def evaluate(beta):
        return -((beta[0] - 2) ** 2) / 2, np.array([2 - beta[0], 0.0]), np.diag([1.0, 0.0])

    beta, value = climb(evaluate, 2)
    assert [*beta, value] == pytest.approx([2.0, 0.0, 0.0])


class Scripted:
    """A generator whose numbers are known."""

    def __init__(self, uniform, exponential):
        self.uniform, self.exponential = uniform, [np.array(part, dtype=float) for part in exponential]

    def random(self, size):
        return np.array(self.uniform[:size])

    def standard_exponential(self, size):
        return self.exponential.pop(0)[:size]


def test_times_drawn_from_the_smaller_model():
    # A has the event at 1, B is censored at 2, C has the event at 3. The cumulative hazard is 1/3 at 1 and 4/3 at 3,
    # straight between; B's hazard is twice as high. Censoring: one of two at risk at 2, so G = 1/2 from then on.
    def null(**more):
        return Null(
            curve_of(np.array([1.0, 3.0]), np.array([1 / 3, 1.0])), np.array([1.0, 2, 1]), more.get("rivals", ()),
            more.get("rival_relative", np.empty((3, 0))), np.array([1.0, 2, 3]), np.array([True, False, True]),
            np.array([2.0]), np.array([0.5]),
        )  # fmt: skip

    # A would leave at 2 (G falls below 1 - 0.2), C is followed to the end, 3; B's censoring at 2 is known.
    # Hazards of 1/6 are lived through at half of the first year, by B after 1/6 * 2; C's 4/3 are not enough for 10.
    time, event = null().drawn(Scripted([0.2, 0.2], [[1 / 6, 1 / 3, 10.0]]))
    np.testing.assert_allclose(time, [0.5, 0.5, 3.0])
    assert event.tolist() == [True, True, False]
    # late events: A leaves first. With 1 - 0.6 below G everywhere, A is followed to 3 and has the event at 2, hazard 5/6.
    time, event = null().drawn(Scripted([0.2, 0.2], [[10.0, 10.0, 10.0]]))
    np.testing.assert_allclose(time, [2.0, 2.0, 3.0])
    assert not event.any()
    time, event = null().drawn(Scripted([0.6, 0.2], [[5 / 6, 10.0, 10.0]]))
    np.testing.assert_allclose(time, [2.0, 2.0, 3.0])
    assert event.tolist() == [True, False, False]
    # another cause, of a hazard of 1 a year up to 3: A, free of it up to 1, has it after a hazard of 1/2, at 1.5
    rival = curve_of(np.array([3.0]), np.array([3.0]))
    with_rival = null(rivals=(rival,), rival_relative=np.ones((3, 1)))
    time, event = with_rival.drawn(Scripted([0.6, 0.2], [[0.5, 9.0], [10.0, 10.0, 10.0]]))
    np.testing.assert_allclose(time, [1.5, 2.0, 3.0])
    assert not event.any()


def test_risk_of_one_of_two_causes():
    # At the first time both hazards are log(2) / 2: half are gone, half of these by the first cause. At the second time the
    # first cause alone has log 2: half of the rest. A patient of twice the first hazard, at the first time: 1 - 2^-1.5
    # gone, two thirds of them by the first cause.
    steps = np.array([[log(2) / 2, log(2) / 2], [0.0, 0.0], [log(2), 0.0]])
    found = incidence_by(steps, np.array([[1.0, 1.0], [2.0, 1.0]]), np.array([0, 1, 2, 3]))
    gone = 1 - 2**-1.5
    np.testing.assert_allclose(found[0], [0, 1 / 4, 1 / 4, 1 / 2])
    np.testing.assert_allclose(found[1], [0, gone * 2 / 3, gone * 2 / 3, gone * 2 / 3 + (1 - gone) * 3 / 4])
    alone = incidence_by(steps[:, :1], np.array([[2.0]]), np.array([1, 3]))
    np.testing.assert_allclose(alone, [[1 / 2, 7 / 8]])


def test_normal_scores_of_tied_patients_are_their_mean():
    z = ndtri(2.625 / 3.25)
    np.testing.assert_allclose(normal_scores(np.array([0.0, 1.0]), np.array([2, 1])), [-z / 2, z])


def setting(frame, cause):
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})
    study = study_of(ladder_of(endpoint, "x", "z", None, None), cause, 6.0 * np.arange(1, GRID + 1) / GRID)
    return endpoint, study, measuring_of(study, np.array([3.0, 6.0]))


def test_pairs_with_competing_causes_one_by_one():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"t": rng.integers(1, 9, 40) * 1.0, "s": rng.choice([0, 1, 2], 40, p=[0.3, 0.4, 0.3])})
    frame["x"], frame["z"] = rng.integers(0, 3, 40), rng.normal(size=40)
    endpoint, study, measuring = setting(frame, "relapse")
    everybody = np.ones(40, dtype=np.intp)
    fit = fit_rung(study, study.ladder.rungs[0], everybody, rng)
    measures = dict(zip(measuring.names, measuring.measured(fit, everybody, measuring.standing(everybody)), strict=True))
    risk, t, s = fit.risk[:, -1], frame["t"], frame["s"]
    won = pairs = 0.0
    for i in np.flatnonzero(s == 1):
        for j in range(40):
            # whoever had another cause has not relapsed whenever that was; the censored at the time are still at risk
            if i != j and (s[j] == 2 or t[j] > t[i] or (t[j] == t[i] and s[j] == 0)):
                pairs += 1
                won += 1.0 if risk[i] > risk[j] + 1e-12 else 0.5 if abs(risk[i] - risk[j]) <= 1e-12 else 0.0
    found = {name: value for (name, _), value in measures.items()}
    assert found["Harrell's C"] == pytest.approx(won / pairs, rel=1e-12)
    theirs = iko.concordance(endpoint, np.round(risk, 12), cause="relapse", weighting="wolbers", tau=6.0)
    assert found["Wolbers' C"] == pytest.approx(theirs.tidy()["estimate"][0], rel=1e-12)


def test_optimism_and_intervals():
    # 21 resamples that fit with 0.70, 0.71, ..., 0.90 and are worth 0.6 outside: the optimism is 0.2, the middle 90 % of
    # what they fit with are 0.71 to 0.89, less the optimism.
    training, test = np.arange(70, 91) / 100, np.full(21, 0.6)
    two = np.array([[1.0], [0.5]])
    validated = Validated(training[:, None, None] * two, test[:, None, None] * two, "bootstrap", ())
    measuring = SimpleNamespace(names=[("AUC", 3.0)])
    climbed = Climbed(None, measuring, [], [], 0.0, 0.9 * two, validated, 0.9)
    (row,) = performance_rows(climbed, "rung", "", np.array([1.0, 0.0]))
    got = [row[name] for name in ("estimate", "optimism", "corrected", "low", "high", "n_resamples")]
    assert got == pytest.approx([0.9, 0.2, 0.7, 0.51, 0.69, 21])
    assert row["std_error"] == pytest.approx(np.std(training, ddof=1))
    (gap,) = performance_rows(climbed, "rung", "b vs a", np.array([1.0, -1.0]))
    assert [gap["estimate"], gap["optimism"], gap["corrected"]] == pytest.approx([0.45, 0.1, 0.35])


def test_reclassification_of_four_patients():
    # two have the event by 3, their risks rise by 0.3 and 0.2; of the others one falls by 0.2 and one rises by 0.1:
    # NRI = (2 - 0) / 2 + (1 - 1) / 2, IDI = 0.25 - (-0.05).
    frame = pd.DataFrame({"t": [1.0, 3, 4, 5], "s": [1, 1, 0, 1]})
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
    old, new = np.array([0.2, 0.4, 0.3, 0.1]), np.array([0.5, 0.6, 0.1, 0.2])
    found = reclassified(horizons(endpoint, 3.0, cause=None, censoring="marginal"), 0, old, new)
    assert [*found, found.net] == pytest.approx([1.0, 0.0, 0.3, 1.0])
