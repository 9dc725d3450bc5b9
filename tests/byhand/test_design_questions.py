"""Design questions on paper: detectable ratios, sample sizes, exaggeration, and simulated power with known answers."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.expected_information import (
    common_gain,
    course,
    gain,
    hazards_of,
    incidences,
    split,
    standard_normal,
)
from ikzf1_outcomes.prognosis.simulated_power import Scenario
from ikzf1_outcomes.simulate import REFERENCE, simulation_truth

HARM = "higher, more events"


def least(counts, **options):
    found = iko.minimum_detectable_ratio(pd.DataFrame(counts), **options)
    return found[(found["direction"] == HARM) & (found["model"] == "cause-specific hazard")].set_index(["term", "group"])


def test_thirty_rare_events_and_a_split_in_halves():
    """Rare events leave the risk set as it is: of those with an event 3/4 are in the half with the hazard ratio 3.

    Expected log partial likelihood of the truth less that of no effect: 3/4 log 3 - log 2 = 0.130812 an event. Twice that,
    30 times, is 7.84872; the square of 1.959964 + 0.841621 is 7.84888: power 80 %. Schoenfeld: exp(2.801585 / sqrt 7.5).
    """
    each = 0.75 * np.log(3) - np.log(2)
    found = course(split(0.5), np.log(3), 1e-7, 0.0)
    assert_allclose(gain(found, 0.0), 1e-7 * each, rtol=1e-6)
    row = least({"n": [3_000_000], "n_event": [30]}).loc[("split", "all")]
    assert_allclose(row["ratio"], 3.0, rtol=2e-5)
    assert_allclose(row["schoenfeld"], np.exp((norm.isf(0.025) + norm.ppf(0.8)) / np.sqrt(7.5)))


def test_small_effects_are_schoenfelds():
    """Log ratio b: 2 n gain is b^2 d p (1 - p), and b^2 d per SD of a feature, whatever the competing events."""
    for covariate, variance in ((split(0.2), 0.16), (standard_normal(), 1.0)):
        follow_up = course(covariate, 1e-3, 0.3, 0.1)
        assert_allclose(2 * gain(follow_up, 0.0) / 1e-6, 0.3 * variance, rtol=2e-3)
    rows = least({"n": [100_000], "n_event": [30_000], "n_competing": [5_000]})
    assert_allclose(rows["ratio"], rows["schoenfeld"], rtol=1e-3)


def test_hazards_of_incidences():
    """Without an effect the hazards are the incidences' shares of -log(free): 0.3 and 0.2 with 0.5 free."""
    found = hazards_of(split(0.4), 0.0, 0.3, 0.2)
    assert_allclose(found, (np.log(2) * 0.6, np.log(2) * 0.4))
    for effect in (-3.0, 2.0):
        own, other = incidences(split(0.4), effect, hazards_of(split(0.4), effect, 0.3, 0.2))
        assert_allclose((own @ [0.6, 0.4], other @ [0.6, 0.4]), (0.3, 0.2))
    assert np.isnan(hazards_of(split(0.4), 0.0, 0.7, 0.3).cause)


def test_an_interaction_of_a_split_with_rare_events():
    """40 rare events in each of two classes, a flag in halves, ratio 4 in one and 1 in the other.

    Best common ratio: the events of both together, 40 x 4/5 + 40 x 1/2 = 52 of 80 carry the flag, odds 52/28.
    Gain 40 {4/5 log 4 - log 5/2} + 0 - 40 {(4/5 + 1/2) log(52/28) - 2 log((1 + 52/28) / 2)}.
    """
    first, second = (course(split(0.5), b, 1e-6, 0.0) for b in (np.log(4), 0.0))
    common = np.log(52 / 28)
    expected = 40 * (0.8 * np.log(4) - np.log(2.5)) - 40 * (1.3 * common - 2 * np.log((1 + 52 / 28) / 2))
    assert_allclose(common_gain(first, 4e7, second, 4e7), expected, rtol=1e-5)


def test_classes_are_driven_by_their_own_events():
    counts = {"group": ["none", "ik6"], "n": [91, 18], "n_event": [8, 6], "n_competing": [3, 1]}
    found = least(counts, by="class")
    assert found["n_event"].tolist() == [14, 14, 8, 8, 6, 6, 14, 6]
    assert found.loc[("class", "all"), "share"] == pytest.approx(18 / 109)
    within = found.loc["feature", "ratio"]
    assert within["all"] < within["none"] < within["ik6"]
    assert found.loc[("feature:class", "all"), "ratio"] > within["ik6"]
    assert found.loc[("feature:class", "all"), "schoenfeld"] == pytest.approx(
        np.exp((norm.isf(0.025) + norm.ppf(0.8)) * np.sqrt(1 / 8 + 1 / 6))
    )
    assert "6 events" in found.loc[("feature", "ik6"), "note"]


def test_risks_beside_the_ratio():
    """The incidence among all stays: 0.8 x reference + 0.2 x compared is 0.25.

    On the subdistribution's scale F = 1 - (1 - F0)^ratio.
    """
    counts = pd.DataFrame(
        {"n": [500], "n_event": [120], "n_competing": [40], "incidence": [0.25], "competing_incidence": [0.06]}
    )
    found = iko.minimum_detectable_ratio(counts, splits=[0.2]).query("term == 'split'")
    assert_allclose(0.8 * found["risk_reference"] + 0.2 * found["risk_compared"], 0.25)
    assert_allclose(found["risk_difference"], found["risk_compared"] - found["risk_reference"])
    other = found[found["model"] == "subdistribution hazard"]
    assert_allclose(other["risk_compared"], 1 - (1 - other["risk_reference"]) ** other["ratio"])
    assert (found["note"] == "").all()


def test_counts_of_an_endpoint():
    """Two of four in a: relapse at 1, death at 2; b: relapse at 3. Aalen-Johansen at 2.5: 1/4 and 1/4 in a, 0 in b."""
    d = pd.DataFrame({"t": [1.0, 2, 4, 4, 3, 4, 4], "s": [1, 2, 0, 0, 1, 0, 0], "g": list("aaaabbb")})
    endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse", 2: "death"})
    own = iko.minimum_detectable_ratio(endpoint, cause="relapse", by="g", at=2.5)
    counts = pd.DataFrame(
        {"group": ["a", "b"], "n": [4, 3], "n_event": [1, 1], "n_competing": [1, 0], "incidence": [0.25, 0.0],
         "competing_incidence": [0.25, 0.0]}
    )  # fmt: skip
    pd.testing.assert_frame_equal(own, iko.minimum_detectable_ratio(counts, cause="relapse", by="g"))


def test_riley():
    """The example of pmsampsize (recalled): 5,143 and 1,039 patients, 23.07 and 4.66 events a parameter, R2 max 0.555, risk
    0.122 (0.113 to 0.130) with 5,143.

    On paper: 30 / (0.1 x 0.058336) = 5142.6; S = 0.051 / (0.051 + 0.05 x 0.554637) = 0.647759.
    """
    found = iko.sample_size_criteria(30, rate=0.065, mean_follow_up=2.07, at=2, r_squared=0.051, n=5143)
    assert found["estimate"].tolist()[:2] == [5143, 1039]
    assert found["estimate"][3] == 5143
    assert_allclose(found["reached"][3], 5143 * 0.065 * 2.07 / 30)
    assert found["events_per_parameter"].round(2).tolist()[:2] == [23.07, 4.66]
    assert round(found["r_squared_max"][0], 3) == 0.555
    assert_allclose(found["reached"][0], 0.9, atol=1e-5)

    def lower_side(n):
        """1 - exp(-rate t) is concave: the lower limit is the further one."""
        return np.exp(-2 * (0.065 - norm.isf(0.025) * np.sqrt(0.065 / (n * 2.07)))) - np.exp(-2 * 0.065)

    assert_allclose(found["reached"][2], lower_side(5143))
    assert_allclose(1 - np.exp(-0.13) - found["reached"][2], 0.113, atol=5e-4)
    needed = found["estimate"][2]
    assert lower_side(needed) <= 0.05 < lower_side(needed - 1)


def test_reached_is_the_inverse_of_needed():
    for n in (80, 300, 2000):
        own = iko.sample_size_criteria(8, rate=0.04, mean_follow_up=5.0, at=5.0, n=n)
        shrinkage, optimism = own["reached"][:2]
        again = iko.sample_size_criteria(
            8, rate=0.04, mean_follow_up=5.0, at=5.0, shrinkage=float(shrinkage), optimism=float(optimism)
        )
        assert again["estimate"].tolist()[:2] == [n, n]


def test_wrong_signs_and_exaggeration():
    """True difference 0.1, standard error 3.3 (Gelman and Carlin's example, recalled): 46 % wrong signs, 77 times."""
    found = iko.sign_and_size_errors(np.exp(0.1), 3.3).set_index("term")["estimate"]
    assert round(found["wrong sign"], 2) == 0.46
    assert round(found["exaggeration"]) == 77
    assert round(found["power"], 4) == 0.0501


@pytest.mark.parametrize("reach", [0.3, 1.0, 2.8, 4.5])
def test_sign_and_size_by_simulation(reach):
    b = reach + np.random.default_rng(8).normal(size=1_000_000)
    b = b[np.abs(b) > norm.isf(0.025)]
    found = iko.sign_and_size_errors([np.exp(0.5 * reach), np.exp(-0.5 * reach)], 0.5)
    power, wrong, size, doubled = found["estimate"].to_numpy().reshape(2, 4)[0]
    assert_allclose(found["estimate"][:4], found["estimate"][4:])
    assert_allclose(len(b) / 1e6, power, atol=0.002)
    assert_allclose(np.mean(b < 0), wrong, atol=0.003)
    assert_allclose(np.abs(b).mean() / reach, size, rtol=0.003)
    assert_allclose(np.mean(np.abs(b) > 2 * reach), doubled, atol=0.003)


def test_power_counts_what_the_analysis_says():
    """An analysis that finds 0.01 and half, three times or minus once the true size, in turn, then nothing, then fails."""
    turn = iter([(0.01, 0.5), (0.01, 3.0), (0.01, -1.0), (0.5, 1.0), None] * 4)

    def analysis(endpoint):
        found = next(turn)
        if found is None:
            raise InputError("no relapse among those measured")
        return found[0], found[1] * np.log(2)

    found = iko.power(30, ratio=2.0, simulations=20, seed=1, analysis=analysis).set_index("term")
    assert_allclose(found.loc["power", "estimate"], 0.6)
    assert_allclose(found.loc["power", "std_error"], np.sqrt(0.24 / 20))
    assert_allclose(found.loc["not estimable", "estimate"], 0.2)
    assert_allclose(found.loc["wrong sign", "estimate"], 1 / 3)
    assert_allclose(found.loc["exaggeration", "estimate"], 1.5)
    assert_allclose(found.loc["doubled size", "estimate"], 1 / 3)
    assert found["simulations"].tolist() == [20, 20, 12, 12, 12]


def test_the_feature_of_a_simulated_cohort():
    """Variance 1, the correlation asked for with the subtype's log ratio, assays for as many as asked for."""
    rng = np.random.default_rng(1)
    scenario = Scenario(4000, 0.4, 1500, 0.6, REFERENCE, None)
    endpoint = scenario.endpoint(rng)
    x = endpoint.frame["feature"]
    assert x.notna().sum() == 1500
    ratios = REFERENCE.subtype_ratios
    level = endpoint.frame["cytogenetic_subtype"].astype(str).map({k: np.log(ratios[k]) for k in ratios.names})
    assert abs(x.corr(level) - 0.6) < 4 * 0.64 / np.sqrt(1500)
    assert abs(x.std() - 1) < 0.1


def test_an_effect_is_added_to_the_truth_and_keeps_the_margins():
    plain = iko.simulate_cohort(400, seed=5)
    added = iko.simulate_cohort(400, seed=5, effect=lambda frame, rng: 0.5 * rng.normal(size=len(frame)))
    apart = added.frame["true_log_hazard_ratio"] - plain.frame["true_log_hazard_ratio"]
    assert abs(apart.std() - 0.5) < 0.06
    pd.testing.assert_frame_equal(plain.frame[["age", "wbc", "ikzf1_class"]], added.frame[["age", "wbc", "ikzf1_class"]])
    truth = simulation_truth(added).outcomes.query("term == 'event-free survival' and variable == 'ikzf1_deletion'")
    assert_allclose(truth.set_index("group")["estimate"].to_dict()["deleted"], 0.63)
