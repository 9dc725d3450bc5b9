"""Scores and tests of sets of peptides on paper."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t, ttest_ind

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.set_tests import (
    camera,
    camera_ranks,
    correlation_within,
    effects,
    fry,
    normal_scores,
    standardised,
)
from ikzf1_outcomes.kinome.arrays import PeptideArrays

VALUES = pd.DataFrame(
    [[1.0, 2, 6], [3.0, 5, 1], [2.0, np.nan, 5], [4.0, 4, 4]], index=list("pqrs"), columns=["s1", "s2", "s3"]
)


def test_mean_scores_are_of_what_is_known():
    scores = iko.pathway_scores(VALUES, {"A": ["p", "q", "r", "gone"], "B": ["r", "s"], "C": ["s"]})
    # (1+3+2)/3, (2+5)/2, (6+1+5)/3; with r unknown B has one peptide in s2; C never has two
    np.testing.assert_array_equal(scores.values["A"], [2.0, 3.5, 4.0])
    np.testing.assert_array_equal(scores.values["B"], [3.0, np.nan, 4.5])
    assert scores.values["C"].isna().all()
    assert scores.glance()[["n_peptides", "n_missing"]].values.tolist() == [[3, 1], [2, 0], [1, 0]]
    assert scores.tidy().loc[lambda d: d["note"] != "", "n_peptides"].tolist() == [1, 1, 1, 1]
    assert isinstance(scores, iko.PathwayScores)


def test_standardised_scores_weigh_peptides_alike():
    # p: mean 3, SD sqrt(7); q: mean 3, SD 2; s is constant and cannot be standardised
    scores = iko.pathway_scores(VALUES, {"A": ["p", "q", "s"]}, method="z_mean")
    by_hand = [(-2 / 7**0.5 + 0) / 2, (-1 / 7**0.5 + 1) / 2, (3 / 7**0.5 - 1) / 2]
    np.testing.assert_allclose(scores.values["A"], by_hand)
    assert scores.glance()[["n_peptides", "n_constant"]].values.tolist() == [[2, 1]]
    assert scores.scale == "standard deviations"


def test_the_first_component_of_two_peptides():
    # two standardised peptides with correlation r: w = (1, 1) / sqrt(2), of share (1 + r) / 2
    table = pd.DataFrame([[1.0, 2, 3, 6], [2.0, 1, 5, 4], [1.0, np.nan, 2, 3]], index=list("pqr"))
    scores = iko.pathway_scores(table, {"A": ["p", "q", "r"]}, method="first_component")
    r = np.corrcoef(table.iloc[:2])[0, 1]
    z = (table.iloc[:2].T - table.iloc[:2].mean(axis=1)) / table.iloc[:2].std(axis=1)
    np.testing.assert_allclose(scores.values["A"], z.sum(axis=1) / 2**0.5)
    row = scores.glance().iloc[0]
    assert row["share"] == pytest.approx((1 + r) / 2)
    assert (row["n_peptides"], row["n_incomplete"]) == (2, 1)


def test_peptides_that_pull_apart_have_a_sign_all_the_same():
    table = pd.DataFrame([[1.0, 2, 3], [3.0, 2, 1]], index=list("pq"))
    score = iko.pathway_scores(table, {"A": ["p", "q"]}, method="first_component").values["A"]
    # w is (1, -1) / sqrt(2) or its opposite; z are (-1, 0, 1) and (1, 0, -1)
    np.testing.assert_allclose(np.abs(score), [2**0.5, 0, 2**0.5], atol=1e-12)


def test_scores_keep_the_scale_of_the_arrays():
    arrays = PeptideArrays(VALUES, "log2 intensity", pd.DataFrame(), pd.DataFrame(), pd.DataFrame(), {})
    assert iko.pathway_scores(arrays, {"A": ["p", "q"]}).tidy()["scale"].unique().tolist() == ["log2 intensity"]


def test_camera_of_four_peptides():
    # z = 3, 1 | 0, 0: the difference of means is 2. Sum of squares about 1: 6, of which the sets' means take 4; pooled
    # variance (6 - 4) / 2 = 1. Without correlation t = 2 / sqrt(1/2 + 1/2) with 2 degrees of freedom, for which
    # P(|T| > t) = 1 - t / sqrt(2 + t^2)
    z = np.array([3.0, 1, 0, 0])
    found = camera(z, np.array([0, 1]), 0.0, 2.0)
    assert found.statistic == pytest.approx(2.0)
    assert found.p_value == pytest.approx(1 - 2 / 6**0.5)
    assert found.p_up == pytest.approx(found.p_value / 2)
    # with a correlation of 1/2 the set's mean has 3/2 times the variance: t = 2 / sqrt(3/4 + 1/2)
    assert camera(z, np.array([0, 1]), 0.5, 2.0).statistic == pytest.approx(2 / 1.25**0.5)


def test_camera_by_ranks_without_correlation_is_the_test_of_wilcoxon():
    # ranks 4, 3 | 2, 1: U = 4 of 4, mean 2, variance 2 * 2 * 5 / 12 = 5/3, a half taken off
    found = camera_ranks(np.array([3.0, 2, 1, 0]), np.array([0, 1]), 0.0)
    assert found.p_up == pytest.approx(norm.sf(1.5 / (5 / 3) ** 0.5))
    assert found.p_value == pytest.approx(2 * found.p_up)


def test_correlation_within_is_the_mean_of_all_pairs():
    rows = np.random.default_rng(1).normal(size=(4, 7))
    unit = rows / np.sqrt((rows**2).mean(axis=1))[:, None]
    pairs = [(unit[i] * unit[j]).mean() for i, j in itertools.combinations(range(4), 2)]
    assert correlation_within(rows) == pytest.approx(np.mean(pairs))


def test_one_peptide_has_the_p_value_of_its_own_t_test():
    """One peptide: the mean's test is t itself; r_1^2 is Beta(1/2, d/2), so that the mixed test is two-sided t, exactly."""
    values = np.random.default_rng(3).normal(size=(30, 9))
    group = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0])
    rows = effects(values, np.column_stack([np.ones(9), group]))
    for k in range(3):
        found, own = fry(standardised(rows)[[k]]), ttest_ind(values[k, :4], values[k, 4:])
        assert found.statistic == pytest.approx(own.statistic)
        assert found.p_value == pytest.approx(own.pvalue)
        assert found.p_mixed == pytest.approx(own.pvalue)


def test_mixed_p_values_against_rotations():
    """Four peptides in 29 dimensions: the beta distribution is near the rotations that it stands for."""
    rng = np.random.default_rng(5)
    turn = rng.normal(size=(29, 20_000))
    turn /= np.sqrt((turn**2).sum(axis=0))
    away = []
    for _ in range(20):
        values = rng.normal(size=(30, 30))
        values[:4] += 0.7 * rng.normal(size=30)
        unit = standardised(effects(values, np.column_stack([np.ones(30), [1.0] * 10 + [0.0] * 20])))[:4]
        share = (((unit @ turn) ** 2).sum(axis=0) >= (unit[:, 0] ** 2).sum()).mean()
        away.append(abs(fry(unit).p_mixed - share))
    assert np.mean(away) < 0.03
    assert np.max(away) < 0.06


def test_normal_scores_have_the_tail_of_t():
    z = normal_scores(np.array([-3.0, 0, 1, 60]), 10.0)
    np.testing.assert_allclose(norm.sf(z[:3]), t.sf([-3.0, 0, 1], 10))
    assert z[3] > z[2]
    assert normal_scores(np.array([2.0]), np.inf).tolist() == [2.0]


def test_mean_scores_without_covariates_are_students_t():
    table = pd.DataFrame(np.random.default_rng(8).normal(8, 1, (5, 8)), index=list("abcde"))
    tests = iko.pathway_tests(table, {"A": list("abc")}, ["x"] * 3 + ["y"] * 5, contrast="x vs y", method="mean")
    own = ttest_ind(table.iloc[:3, :3].mean(), table.iloc[:3, 3:].mean())
    row = tests.tidy().iloc[0]
    assert row["statistic"] == pytest.approx(own.statistic)
    assert row["p_value"] == pytest.approx(own.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(tuple(own.confidence_interval()))
    assert row["estimate"] == pytest.approx(table.iloc[:3, :3].to_numpy().mean() - table.iloc[:3, 3:].to_numpy().mean())
    assert isinstance(tests, iko.PathwayTests)
    assert tests.glance()["hypothesis"].item() == "self-contained"


def test_missing_values_leave_their_peptide_out_of_camera_and_stay_in_the_mean():
    table = pd.DataFrame(np.random.default_rng(9).normal(8, 1, (12, 8)), index=list("abcdefghijkl"))
    table.iloc[0, 2] = np.nan
    table.iloc[1] = 5.0
    sets, groups = {"A": ["a", "b", "c", "gone"]}, [True, False] * 4
    camera_row = iko.pathway_tests(table, sets, groups)
    assert camera_row.tidy()[["n_peptides", "n_missing", "contrast"]].values.tolist() == [[1, 3, "True vs False"]]
    assert camera_row.glance()[["n_peptides", "n_incomplete", "n_constant"]].values.tolist() == [[10, 1, 1]]
    mean_row = iko.pathway_tests(table, sets, groups, method="mean")
    assert mean_row.tidy()[["n_peptides", "n_missing"]].values.tolist() == [[3, 1]]
    scores = table.iloc[:3].mean()
    assert mean_row.tidy()["estimate"].item() == pytest.approx(scores.iloc[::2].mean() - scores.iloc[1::2].mean())


def test_a_set_more_alike_than_assumed_is_told():
    rng = np.random.default_rng(10)
    values = rng.normal(8, 1, (60, 16))
    values[:10] += 2 * rng.normal(size=16)
    table = pd.DataFrame(values, index=[f"p{k}" for k in range(60)])
    sets = {"alike": table.index[:10], "other": table.index[20:40], "none": ["gone"]}
    found = iko.pathway_tests(table, sets, [False, True] * 8, correlation=0.01).tidy()
    assert found["note"].tolist() == ["peptides of the set are more alike than assumed", "", "no peptide of the set"]
    assert found["correlation"][0] > 0.5
    assert iko.pathway_tests(table, sets, [False, True] * 8).tidy()["note"][0] == ""
