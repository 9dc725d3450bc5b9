"""Trees against hclust of R, statistics of annotations against its tests (kinome, kinome_sets)."""

import numpy as np
import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.distances import chi_square, kruskal_wallis

FOUNDING = reading.values("kinome", "sets_and_clusters")
SAMPLES, ROWS = FOUNDING["hclust_samples"], FOUNDING["hclust_rows_scaled"]
MATRIX = reading.inputs("kinome", "kinome_matrix").set_index("peptide")
VALUES = reading.values("kinome_sets")
GAPS = reading.inputs("kinome_sets", "gaps").set_index("peptide")
WHOLE = reading.inputs("kinome_sets", "peptides").set_index("peptide")

TREES = {
    "average_pearson": {},
    "complete_pearson": {"linkage": "complete"},
    "single_pearson": {"linkage": "single"},
    "wardD2_pearson": {"linkage": "ward"},
    "average_spearman": {"distance": "spearman"},
    "complete_euclid": {"distance": "euclidean", "linkage": "complete"},
    "wardD2_euclid": {"distance": "euclidean", "linkage": "ward"},
}


def merged_sets(merge):
    """The members of each cluster that R's merges make, in their order."""
    made = []
    for pair in reading.numbers(merge["data"]).astype(int):
        made.append(frozenset().union(*({-k} if k < 0 else made[k - 1] for k in pair)))
    return made


def our_sets(tree):
    """The members of each cluster of a tree, counted from 1."""
    made = [frozenset({k + 1}) for k in range(len(tree.names))]
    for first, second in tree.merges[:, :2].astype(int):
        made.append(made[first] | made[second])
    return made[len(tree.names) :]


def same_tree(tree, theirs):
    np.testing.assert_allclose(tree.merges[:, 2], theirs["height"], rtol=1e-8)
    assert our_sets(tree) == merged_sets(theirs["merge"])
    for k, cut in theirs["cutree"].items():
        assert tree.groups(int(k)).tolist() == cut


@pytest.mark.parametrize("name", TREES)
def test_samples_join_in_the_same_order_at_the_same_heights(name):
    same_tree(iko.cluster_kinome(MATRIX.iloc[:200], **TREES[name]), SAMPLES[name])


def test_distances_and_the_cophenetic_correlation():
    for distance, name in (("pearson", "dist_pearson"), ("spearman", "dist_spearman"), ("euclidean", "euclid")):
        tree = iko.cluster_kinome(MATRIX.iloc[:200], distance=distance)
        reading.agree(tree.distances[0, 1:11], SAMPLES[f"{name}_first10"])
    tree = iko.cluster_kinome(MATRIX.iloc[:200])
    reading.agree(tree.glance()["cophenetic"], SAMPLES["cophenetic_cor"])


def test_peptides_brought_to_one_scale():
    part = MATRIX.iloc[:120]
    same_tree(iko.cluster_kinome(part, of="peptides", scale=True), ROWS["average"])
    ward = iko.cluster_kinome(part, of="peptides", scale=True, distance="euclidean", linkage="ward")
    same_tree(ward, ROWS["wardD2"])


@pytest.mark.parametrize(
    ("name", "values", "options"),
    [
        ("pearson", GAPS, {}),
        ("euclidean", GAPS, {"distance": "euclidean", "linkage": "ward"}),
        ("peptides", WHOLE, {"of": "peptides", "distance": "spearman", "linkage": "complete"}),
    ],
)
def test_missing_values_are_left_out_of_pairs(name, values, options):
    tree, theirs = iko.cluster_kinome(values, **options), VALUES["trees"][name]
    np.testing.assert_allclose(tree.merges[:, 2], theirs["height"], rtol=1e-8)
    assert tree.groups(2).tolist() == theirs["two"]
    assert tree.groups(4).tolist() == theirs["four"]


def test_statistics_of_annotations():
    theirs = VALUES["annotations"]
    known = pd.DataFrame({"sex": ["f", "m"] * 8, "age": theirs["age"]}, index=GAPS.columns)
    found = iko.cluster_association(iko.cluster_kinome(GAPS), known, 4, permutations=9, seed=1)
    seen = found.set_index(["variable", "analysis"])["statistic"]
    reading.agree(seen["sex", "clusters"], theirs["chi_square"])
    reading.agree(seen["age", "clusters"], theirs["kruskal"])
    reading.agree(seen["sex", "distances"], theirs["pseudo_f"])
    reading.agree(seen["age", "distances"], theirs["pseudo_f_age"])


def test_permuted_statistics_have_their_known_means():
    """The kernels' statistics over all permutations have the mean that their definition gives: (a-1)(k-1) n / (n-1)."""
    rng = np.random.default_rng(1)
    clusters = np.repeat([0, 1, 2], [10, 6, 4])
    labels = rng.permuted(np.tile(np.repeat([0, 1], [8, 12]), (20_000, 1)), axis=1)
    values = chi_square(labels, 2, clusters, 3)
    assert abs(values.mean() - 2 * 20 / 19) < 4 * values.std() / np.sqrt(20_000)
    ranks = rng.permuted(np.tile(np.arange(1.0, 21.0), (20_000, 1)), axis=1)
    values = kruskal_wallis(ranks, clusters, 3)
    # H has mean k - 1 exactly without ties
    assert abs(values.mean() - 2) < 4 * values.std() / np.sqrt(20_000)
