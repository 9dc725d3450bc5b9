"""The global test on paper, and against every order in which patients could have had their events."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from ikzf1_outcomes import endpoint_from_columns, global_test
from ikzf1_outcomes.kernels.global_score import moments, null_process, permuted_forms


def endpoint_of(time, status, **columns):
    frame = pd.DataFrame({"t": np.asarray(time, dtype=float), "s": status, **columns})
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})


def test_four_patients():
    """Events at 1 and 2 of the two carriers, follow-up of the others to 3 and 4.

    Chances at 1: 1/4 each; residuals then 3/4, -1/4, -1/4, -1/4. At 2: 1/3 each of three. Residuals at the end
    3/4, 5/12, -7/12, -7/12. Score of the flag 3/4 + 5/12 = 7/6, Q = 49/36. Its mean: at 1 half of those at risk carry it,
    1/4; at 2 a third, 2/9; 17/36. At 1 the square moves by 1/4 whoever has the event: no variance. At 2 it becomes
    (1/2 + 2/3)^2 = 49/36 with probability 1/3, or (1/2 - 1/3)^2 = 1/36: variance (48/36)^2 (1/3)(2/3) = 32/81.
    z = (32/36) / sqrt(32/81) = sqrt 2.
    """
    endpoint = endpoint_of([3, 1, 4, 2], [0, 1, 0, 1], flag=[0, 1, 0, 1])
    row = global_test(endpoint, ["flag"]).tidy().iloc[0]
    assert_allclose(row["observed"], 25 * 49 / 17)
    assert_allclose(row["expected"], 25)
    assert_allclose(row["null_sd"], 25 * np.sqrt(32 / 81) / (17 / 36))
    assert_allclose(row["statistic"], np.sqrt(2))
    assert_allclose(row["p_value"], 0.07864960352514257)  # upper tail of the normal distribution beyond sqrt 2
    assert row[["n", "n_event", "n_features", "n_absent"]].tolist() == [4, 2, 1, 0]


def test_two_events_at_one_time():
    """Both carriers at 1, all four at risk: two draws of +1/2 or -1/2, so Q is 1 or 0 with mean 1/2 and SD 1/2."""
    row = global_test(endpoint_of([2, 1, 2, 1], [0, 1, 0, 1], flag=[0, 1, 0, 1]), ["flag"]).tidy().iloc[0]
    assert_allclose(row["statistic"], 1.0)
    assert_allclose(row["null_sd"], 25.0)


def test_an_adjuster_takes_its_part_of_a_feature():
    """A feature that is the adjuster plus the flag is tested as the flag is; the adjuster itself is not tested."""
    rng = np.random.default_rng(3)
    x, z = rng.normal(size=(2, 30))
    endpoint = endpoint_of(rng.exponential(size=30), rng.integers(0, 2, 30), z=z, x=x, sum=x + 5 * z)
    found = global_test(endpoint, ["x", "sum", "z"], adjust="z", sets={"x": ["x"], "sum": ["sum"], "z": ["z"]})
    table = found.tidy().set_index("term")
    assert_allclose(table.loc["sum", "statistic"], table.loc["x", "statistic"])
    assert np.isnan(table.loc["z", "p_value"])
    assert table.loc["z", "note"] == "no feature of the set is analysed"
    assert found.components().query("term == 'z'")["note"].unique().tolist() == [
        "a combination of the adjusters among those at risk"
    ]


@pytest.mark.parametrize("late", [False, True])
def test_mean_and_variance_over_all_orders(late):
    """Five patients, all with an event: over the 120 equally likely orders Q - E averages 0, and (Q - E)^2 what v does."""
    x = np.random.default_rng(4).normal(size=(5, 3))
    gram, found = x @ x.T, []
    for order in permutations(range(5)):
        rank = np.array(order)
        # a row that enters after the first event, when it cannot have been the first
        first = np.array([1, 0, 0, 0, 0]) if late else np.zeros(5, dtype=int)
        if late and rank[0] == 0:
            continue
        found.append(moments(null_process(rank, first, np.ones(5, dtype=bool), np.ones(5)), gram))
    observed, expected, variance = np.array(found).T
    assert_allclose((observed - expected).mean(), 0.0, atol=1e-12)
    assert_allclose(((observed - expected) ** 2).mean(), variance.mean())


def test_permutation_of_four_patients():
    """Six places for two carriers: scores 7/6, 1/6 twice, -1/6 twice, -7/6; a form as large in 2 of 6."""
    endpoint = endpoint_of([3, 1, 4, 2], [0, 1, 0, 1], flag=[0, 1, 0, 1])
    row = global_test(endpoint, ["flag"], permutations=20_000, seed=1).tidy().iloc[0]
    assert abs(row["p_permutation"] - 1 / 3) < 4 * np.sqrt(2 / 9 / 20_000)


def test_permutations_keep_the_form():
    """Where all residuals are equal every permutation has the form that was seen; and forms are those of the moments."""
    row = global_test(endpoint_of([1] * 4, [1] * 4, x=[1.0, 2, 3, 4]), ["x"], permutations=500, seed=1).tidy().iloc[0]
    assert row["p_permutation"] == 1.0
    process = null_process(np.arange(5), np.zeros(5, dtype=int), np.array([1, 1, 0, 1, 0], dtype=bool), np.ones(5))
    x = np.random.default_rng(6).normal(size=(5, 3))
    gram, r = x @ x.T, process.residual
    forms = permuted_forms(gram[None], r, 400, np.random.default_rng(7))[:, 0]
    every = np.array([r[list(order)] @ gram @ r[list(order)] for order in permutations(range(5))])
    assert np.isclose(every[0], moments(process, gram).observed, rtol=1e-13)
    assert all(np.isclose(form, every).any() for form in forms)


def test_competing_causes_are_censored():
    time, x = [1, 2, 3, 4, 5, 6], [0.3, -1.0, 2.0, 0.1, 0.4, -0.7]
    both = global_test(endpoint_of(time, [1, 2, 1, 0, 2, 1], x=x), ["x"], cause="relapse").tidy()
    censored = global_test(endpoint_of(time, [1, 0, 1, 0, 0, 1], x=x), ["x"]).tidy()
    pd.testing.assert_frame_equal(both.drop(columns="cause"), censored.drop(columns="cause"))


def test_contributions_and_holm():
    """Shares add up to 1; four patients: the flag's score is 7/6, that of its opposite -7/6, each half."""
    flag = np.array([0, 1, 0, 1])
    endpoint = endpoint_of([3, 1, 4, 2], [0, 1, 0, 1], flag=flag, other=1 - flag)
    found = global_test(endpoint, ["flag", "other"], sets={"a": ["flag"], "b": ["other", "gone", "other"]})
    parts = found.components().query("group == 'all features'")
    assert_allclose(parts["contribution"], [0.5, 0.5])
    assert_allclose(parts["weight"], [0.5, 0.5])
    assert_allclose(parts["statistic"], 49 / 17)
    assert parts["direction"].tolist() == ["higher, more events", "higher, fewer events"]
    table = found.tidy()
    assert table["n_absent"].tolist() == [0, 0, 1]
    assert_allclose(table["p_adjusted"].iloc[1:], 2 * table["p_value"].iloc[1:])
    assert np.isnan(table["p_adjusted"].iloc[0])
