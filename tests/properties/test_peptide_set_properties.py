"""Tests of sets, trees and bands over random inputs: what may not change a result, and what must turn it round."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.exact_sums import exact_two_sided
from ikzf1_outcomes.kinome.cluster_annotations import annotation_rows

METHODS = {
    "camera": {"method": "camera", "correlation": 0.01},
    "estimated": {"method": "camera", "correlation": None},
    "ranks": {"method": "camera", "ranks": True},
    "fry": {"method": "fry"},
    "mean": {"method": "mean"},
}
NUMBERS = ("statistic", "p_value", "p_up", "p_down", "p_mixed")


def arrays(seed, peptides=40, samples=14):
    rng = np.random.default_rng(seed)
    values = rng.normal(9, np.exp(rng.normal(0, 0.4, (peptides, 1))), (peptides, samples))
    names = [f"p{k}" for k in range(peptides)]
    table = pd.DataFrame(values, index=names, columns=[f"s{k}" for k in range(samples)])
    groups = pd.Series(rng.permutation(["a"] * 5 + ["b"] * 9), index=table.columns)
    sets = {"one": list(rng.choice(names, 6, replace=False)), "two": list(rng.choice(names, 15, replace=False))}
    return table, sets, groups


@pytest.mark.parametrize("name", METHODS)
@given(seed=st.integers(0, 10**6), shift=st.floats(-5, 5), factor=st.floats(0.1, 10))
def test_order_level_and_unit_do_not_matter(name, seed, shift, factor):
    table, sets, groups = arrays(seed)
    plain = iko.pathway_tests(table, sets, groups, contrast="b vs a", **METHODS[name]).tidy()
    rng = np.random.default_rng(seed)
    # the residual coordinates of fry follow the order of the samples
    order = np.arange(14) if name == "fry" else rng.permutation(14)
    turned = table.iloc[rng.permutation(40), order] * factor + shift
    other = iko.pathway_tests(turned, sets, groups, contrast="b vs a", **METHODS[name]).tidy()
    for column in NUMBERS:
        np.testing.assert_allclose(other[column], plain[column], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other["estimate"], factor * plain["estimate"], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", METHODS)
@given(seed=st.integers(0, 10**6))
def test_the_turned_contrast_turns_the_direction(name, seed):
    table, sets, groups = arrays(seed)
    one = iko.pathway_tests(table, sets, groups, contrast="a vs b", **METHODS[name]).tidy()
    two = iko.pathway_tests(table, sets, groups, contrast="b vs a", **METHODS[name]).tidy()
    np.testing.assert_allclose(one["estimate"], -two["estimate"], rtol=1e-9)
    np.testing.assert_allclose(one["p_value"], two["p_value"], rtol=1e-7)
    np.testing.assert_allclose(one["p_up"], two["p_down"], rtol=1e-7)
    assert ((one["direction"] != two["direction"]) | (one["statistic"] == 0)).all()
    assert one["p_value"].between(0, 1).all()


@given(seed=st.integers(0, 10**6))
def test_samples_of_other_groups_and_unknown_covariates_are_as_if_not_there(seed):
    table, sets, groups = arrays(seed)
    age = pd.DataFrame({"age": np.random.default_rng(seed).normal(size=14)}, index=table.columns)
    wider = table.assign(other=1e3, unknown=-5.0)
    more = pd.concat([groups, pd.Series({"other": "c", "unknown": "a"})])
    older = pd.concat([age, pd.DataFrame({"age": [1.0, np.nan]}, index=["other", "unknown"])])
    one = iko.pathway_tests(table, sets, groups, covariates=age, contrast="b vs a")
    two = iko.pathway_tests(wider, sets, more, covariates=older, contrast="b vs a")
    np.testing.assert_allclose(one.tidy()["p_value"], two.tidy()["p_value"], rtol=1e-9)
    assert two.glance()[["n", "n_excluded"]].values.tolist() == [[14, 2]]


@given(seed=st.integers(0, 10**6))
def test_roast_follows_its_seed(seed):
    table, sets, groups = arrays(seed, peptides=16)
    sets = {"one": list(table.index[:5])}
    options = {"contrast": "b vs a", "method": "roast", "rotations": 99, "seed": seed}
    runs = [iko.pathway_tests(table, sets, groups, **options).tidy() for _ in range(2)]
    pd.testing.assert_frame_equal(*runs)
    assert runs[0]["p_value"].ge(0.01).all()


@pytest.mark.parametrize("linkage", ["average", "complete", "ward", "single"])
@given(seed=st.integers(0, 10**6))
def test_a_tree_does_not_depend_on_the_order_of_samples(linkage, seed):
    table, _, _ = arrays(seed)
    order = np.random.default_rng(seed).permutation(14)
    one = iko.cluster_kinome(table, linkage=linkage)
    two = iko.cluster_kinome(table.iloc[:, order], linkage=linkage)
    np.testing.assert_allclose(one.merges[:, 2], two.merges[:, 2], rtol=1e-9)
    assert (np.diff(one.merges[:, 2]) > -1e-12).all()
    for k in (2, 5):
        a, b = one.groups(k), two.groups(k).reindex(table.columns)
        assert a.nunique() == k
        assert pd.crosstab(a, b).gt(0).sum().sum() == k


@given(
    bands=st.lists(st.integers(0, 3), min_size=4, max_size=9),
    size=st.integers(1, 3),
)
def test_exact_sums_against_every_assignment(bands, size):
    x = np.array(bands)
    member = np.arange(len(x)) < size
    sums = np.array([x[list(chosen)].sum() for chosen in itertools.combinations(range(len(x)), size)])
    away = np.abs(sums - size * x.mean())
    p, least = exact_two_sided(x, member)
    assert p == pytest.approx((away >= away[0] - 1e-9).mean())
    assert least == pytest.approx((away >= away.max() - 1e-9).mean())


@given(seed=st.integers(0, 10**6))
def test_blots_turned_round(seed):
    rng = np.random.default_rng(seed)
    bands = pd.DataFrame(rng.integers(0, 4, (3, 11)).astype(float), index=list("abc"))
    groups = ["x"] * 4 + ["y"] * 7
    one = iko.blot_tests(bands, groups, contrast="x vs y")
    other = iko.blot_tests(bands, groups, contrast="y vs x")
    turned = iko.blot_tests(3 - bands, groups, contrast="x vs y")
    np.testing.assert_allclose(one["p_value"], other["p_value"], rtol=1e-9)
    np.testing.assert_allclose(one["estimate"], 1 - other["estimate"], rtol=1e-9)
    ordinal = one["method"] != "fisher"
    np.testing.assert_allclose(one["p_value"][ordinal], turned["p_value"][ordinal], rtol=1e-9)
    assert (one["p_smallest"].dropna() <= one["p_value"].dropna() + 1e-12).all()


def test_permutation_tests_of_annotations_hold_their_size():
    """100 trees of noise: 5 % of the p-values are at or below 0.05; 16 of 100 would be 5 standard errors above."""
    rng = np.random.default_rng(11)
    hits = {}
    for _ in range(100):
        tree = iko.cluster_kinome(pd.DataFrame(rng.normal(size=(15, 16))))
        cluster = tree.groups(3).to_numpy()
        known = {"ikzf1": rng.permutation([True] * 6 + [False] * 10), "age": rng.normal(size=16)}
        for name, values in known.items():
            for row in annotation_rows(pd.Series(values, name=name), cluster, tree.distances, 99, rng, None):
                key = (name, row["analysis"])
                hits[key] = hits.get(key, 0) + (row["p_value"] <= 0.05)
    assert len(hits) == 4
    assert all(count < 16 for count in hits.values()), hits
    assert 5 <= sum(hits.values()) <= 40
