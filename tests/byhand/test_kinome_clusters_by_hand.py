"""Trees of samples and their annotations on paper."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.distances import correlation_distances, euclidean_distances, pseudo_f, pseudo_f_of_number

# a and b are 1 apart, c and d 3; the nearest of both pairs are 4 apart, the farthest 5
PLACES = pd.DataFrame({"a": [0.0, 0], "b": [0.0, 1], "c": [4.0, 0], "d": [4.0, 3]}, index=["p1", "p2"])
HEIGHTS = {
    "single": [1, 3, 4],
    "complete": [1, 3, 5],
    # a-c 4, a-d 5, b-c sqrt(17), b-d sqrt(20)
    "average": [1, 3, (4 + 5 + 17**0.5 + 20**0.5) / 4],
    # centroids (0, 1/2) and (4, 3/2): sqrt(2 * 2 * 2 / 4) times their distance sqrt(17)
    "ward": [1, 3, 34**0.5],
}


@pytest.mark.parametrize("linkage", HEIGHTS)
def test_heights_of_four_places(linkage):
    tree = iko.cluster_kinome(PLACES, distance="euclidean", linkage=linkage)
    np.testing.assert_allclose(tree.merges[:, 2], HEIGHTS[linkage])
    assert [tree.groups(k).tolist() for k in (1, 2, 3, 4)] == [[1] * 4, [1, 1, 2, 2], [1, 1, 2, 3], [1, 2, 3, 4]]
    assert isinstance(tree, iko.KinomeClusters)


def test_leaves_in_the_order_of_the_tree():
    tree = iko.cluster_kinome(PLACES[["a", "c", "b", "d"]], distance="euclidean", k=2)
    table = tree.tidy()
    assert table["position"].tolist() == [1, 2, 3, 4]
    assert set(table["sample"][:2]) in ({"a", "b"}, {"c", "d"})
    assert table["cluster"].tolist() in ([1, 1, 2, 2], [2, 2, 1, 1])
    assert tree.tidy(4)["cluster"].nunique() == 4
    assert tree.glance()[["of", "n", "distance_kind", "linkage"]].values.tolist() == [
        ["samples", 4, "euclidean", "average"]
    ]


def test_the_cophenetic_correlation_of_three():
    # distances 1, 4, 5 join at 1, 4.5, 4.5: the correlation of (1, 4, 5) and (1, 4.5, 4.5)
    line = pd.DataFrame([[0.0, 1, 5]], columns=list("abc"), index=["p"])
    glance = iko.cluster_kinome(line, distance="euclidean").glance()
    # centred: (-7, 2, 5) / 3 and (-14, 7, 7) / 6
    assert glance["cophenetic"].item() == pytest.approx((98 + 14 + 35) / (78 * 294) ** 0.5)


def test_equal_distances_still_make_as_many_clusters_as_asked_for():
    line = pd.DataFrame([[0.0, 1, 2, 3]], columns=list("abcd"), index=["p"])
    tree = iko.cluster_kinome(line, distance="euclidean", linkage="single")
    assert [tree.groups(k).nunique() for k in (1, 2, 3, 4)] == [1, 2, 3, 4]


def test_distances_over_what_both_have():
    x = np.array([[1.0, 2, 3, np.nan], [2.0, 4, 7, 1], [np.nan, np.nan, 1, 2]])
    with np.errstate(all="raise"):
        correlation, euclid = correlation_distances(x), euclidean_distances(x)
    assert correlation[0, 1] == pytest.approx(1 - np.corrcoef([1, 2, 3], [2, 4, 7])[0, 1])
    assert np.isnan(correlation[0, 2])
    # three of four columns shared: 4/3 (1 + 4 + 16); one: 4 * 4
    assert euclid[0, 1] == pytest.approx((4 / 3 * 21) ** 0.5)
    assert euclid[0, 2] == pytest.approx(4.0)


def test_pseudo_f_of_one_peptide_is_the_analysis_of_variance():
    # 1, 2, 3 | 5, 9: means 2 and 7, within 2 + 8 = 10 with 3 df, between 4 * 3 + 9 * 2 = 30 (mean 4)
    x = np.array([1.0, 2, 3, 5, 9])
    squared = (x[:, None] - x) ** 2
    assert pseudo_f(squared, np.array([[0, 0, 0, 1, 1]]), 2)[0] == pytest.approx(30 / (10 / 3))
    # of a number: r^2 / ((1 - r^2) / 3)
    y = np.array([2.0, 1, 4, 3, 5])
    r = np.corrcoef(x, y)[0, 1]
    assert pseudo_f_of_number(squared, y[None])[0] == pytest.approx(r**2 / ((1 - r**2) / 3))


def test_p_values_come_near_those_of_all_orders():
    rng = np.random.default_rng(2)
    values = pd.DataFrame(rng.normal(size=(20, 6)), columns=list("abcdef"))
    tree = iko.cluster_kinome(values)
    known = pd.DataFrame({"age": [3.0, 1, 9, 4, 2, 8], "sex": list("mmffmf")}, index=tree.names)
    found = iko.cluster_association(tree, known, 2, permutations=20_000, seed=3).set_index(["variable", "analysis"])
    squared = tree.distances**2
    orders = np.array(list(permutations(known["age"])))
    every = pseudo_f_of_number(squared, orders)
    share = (every >= every[0] * (1 - 1e-10)).mean()
    assert found.loc[("age", "distances"), "p_value"] == pytest.approx(share, abs=0.015)
    row = found.loc[("sex", "distances")]
    # share of the squared distances: F / (F + n - 2) of two levels
    assert row["share"] == pytest.approx(row["statistic"] / (row["statistic"] + 4))


def test_unknown_annotations_are_left_out_and_counted():
    tree = iko.cluster_kinome(pd.DataFrame(np.random.default_rng(2).normal(size=(20, 6)), columns=list("abcdef")))
    known = pd.DataFrame(
        {"one": ["x"] * 6, "own": list("uvwxyz"), "gap": ["x", "y", None, "x", "y", None], "few": [1.0, 2] + [np.nan] * 4},
        index=tree.names,
    )
    found = iko.cluster_association(tree, known, 3, permutations=19, seed=1)
    found = found[found["analysis"] == "distances"].set_index("variable")
    assert found["n_missing"].tolist() == [0, 0, 2, 4]
    assert found["note"].tolist() == [
        "not estimable: one level", "not estimable: every sample has a level of its own", "",
        "not estimable: fewer than 3 known",
    ]  # fmt: skip
    assert found["p_value"].notna().tolist() == [False, False, True, False]
    # the one that could be tested is not adjusted for the others
    assert found.loc["gap", "p_adjusted"] == found.loc["gap", "p_value"]
