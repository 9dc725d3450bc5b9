"""What laboratories send: groups without samples, constant peptides, a batch that is a group, two values."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kinome.arrays import PeptideArrays
from ikzf1_outcomes.kinome.differences import differential_phosphorylation
from ikzf1_outcomes.kinome.no_difference import equivalence
from ikzf1_outcomes.kinome.nonnull_share import share_of_nonnull

SAMPLES = [f"s{k}" for k in range(8)]
RNG = np.random.default_rng(2)
ARRAYS = pd.DataFrame(RNG.normal(8, 1, (6, 8)), index=list("uvwxyz"), columns=SAMPLES)
GROUPS = pd.Series(["del"] * 4 + ["not"] * 4, index=SAMPLES)
METHODS = ("moderated", "t", "welch", "wilcoxon")
NUMBERS = ["estimate", "low", "high", "statistic", "p_value", "p_adjusted"]


def differences(arrays=ARRAYS, groups=GROUPS, contrast="del vs not", **options):
    return differential_phosphorylation(arrays, groups, contrast=contrast, **options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([0.0] * 8, "not estimable: constant"),
        ([7.1] * 8, "not estimable: constant"),
        ([np.nan] * 8, "not estimable: all values missing"),
        ([np.nan] * 4 + [1, 2, 3, 4], "not estimable: no value of del"),
        ([np.nan] * 7 + [4.0], "not estimable: no value of del; only 1 value of not"),
        ([3.0] * 4 + [np.nan] * 4, "not estimable: no value of not"),
    ],
)
def test_a_peptide_that_cannot_be_tested_is_a_row_with_its_reason(method, values, note):
    arrays = ARRAYS.copy()
    arrays.loc["x"] = values
    table = differences(arrays, method=method).tidy()
    assert len(table) == 6
    row = table.set_index("term").loc["x"]
    assert row["note"] == note
    assert row[NUMBERS].isna().all()
    others = differences(ARRAYS.drop("x"), method=method).tidy()
    pd.testing.assert_frame_equal(table.drop(3).reset_index(drop=True), others)


def test_values_that_differ_between_groups_alone():
    """No spread within groups: an ordinary t would be infinite; the moderated one borrows a variance."""
    arrays = ARRAYS.copy()
    arrays.loc["x"] = [0.1] * 4 + [0.3] * 4
    for method in ("t", "welch"):
        row = differences(arrays, method=method).tidy().set_index("term").loc["x"]
        assert row["note"] == "not estimable: no spread within groups"
        assert np.isnan(row["p_value"])
    row = differences(arrays).tidy().set_index("term").loc["x"]
    assert np.isfinite(row["statistic"])
    assert row["note"] == ""


def test_two_values_and_one_value_in_a_group():
    arrays = ARRAYS.copy()
    arrays.loc["x", SAMPLES[2:4]] = np.nan
    arrays.loc["y", SAMPLES[1:4]] = np.nan
    for method in METHODS:
        table = differences(arrays, method=method).tidy().set_index("term")
        assert table.loc["x", "note"] == "only 2 values of del"
        assert table.loc["x", "n_group"] == 2
        assert np.isfinite(table.loc["x", "p_value"])
        assert "only 1 value of del" in table.loc["y", "note"]
    assert table.loc["y", "p_value"] > 0
    assert "one value in a group" in differences(arrays, method="welch").tidy().loc[4, "note"]


def test_two_samples_in_a_group():
    kept = ["s0", "s1", *SAMPLES[4:]]
    table = differences(ARRAYS[kept]).tidy()
    assert (table["note"] == "only 2 values of del").all()
    assert table["p_value"].notna().all()


def test_all_missing_in_one_batch():
    arrays, batch = ARRAYS.copy(), pd.Series([1, 1, 2, 2] * 2, index=SAMPLES)
    arrays.loc["x", batch == 2] = np.nan
    table = differences(arrays, batch=batch, permutations=10, seed=1).tidy().set_index("term")
    assert table.loc["x", "note"] == "only 2 values of del; only 2 values of not; no value in batch 2"
    assert np.isfinite(table.loc["x", "p_value"])


def test_a_batch_that_is_a_group_in_one_peptide():
    """The samples that are left of x are deleted in batch 1 and not deleted in batch 2."""
    arrays, batch = ARRAYS.copy(), pd.Series([1, 1, 2, 2] * 2, index=SAMPLES)
    arrays.loc["x", ["s2", "s3", "s4", "s5"]] = np.nan
    row = differences(arrays, batch=batch).tidy().set_index("term").loc["x"]
    assert row["note"].startswith("not estimable: groups and batch or covariates cannot be told apart")
    assert row[NUMBERS].isna().all()


def test_a_batch_that_is_the_group():
    with pytest.raises(InputError, match="cannot be told apart"):
        differences(batch=GROUPS)
    note = differences(batch=[1, 1, 1, 1, 2, 2, 2, 1]).glance()["note"].iloc[0]
    assert note == "batch and covariates tell 60 % of the groups: differences between them are hard to tell apart"


def test_samples_that_are_not_known_are_counted():
    groups = pd.Series(["del", "del", "del", None, "not", "not", "not", "gain", "del"], index=[*SAMPLES, "s99"])
    row = differences(groups=groups).glance().iloc[0]
    assert row[["n", "n_excluded"]].tolist() == [6, 2]
    assert row["note"] == (
        "1 of the groups have no array; 1 sample without a known group left out; 1 sample of another group left out"
    )
    sex = pd.DataFrame({"sex": ["f", "m", None, "m", "f", "m", "f", "m"]}, index=SAMPLES)
    row = differences(covariates=sex).glance().iloc[0]
    assert row["note"] == "1 sample with an unknown batch or covariate left out"


def test_numbers_as_groups_keep_their_names_beside_missing_ones():
    groups = pd.Series([1, 1, 1, 1, 0, 0, 0], index=SAMPLES[:7])
    row = differences(groups=groups, contrast="1 vs 0", batch=groups.where(groups < 0, [3, 4] * 3 + [3])).glance().iloc[0]
    assert row[["contrast", "n", "n_excluded"]].tolist() == ["1 vs 0", 7, 1]


def test_intensities_that_are_not_logarithms():
    nothing = pd.DataFrame()
    for scale, fine in (("log2 intensity", True), ("intensity", False)):
        arrays = PeptideArrays(ARRAYS, scale, nothing, nothing, nothing, {})
        if fine:
            pd.testing.assert_frame_equal(differences(arrays).tidy(), differences().tidy())
        else:
            with pytest.raises(InputError, match="log2 intensities"):
                differences(arrays)


def test_a_margin_makes_fewer_hits_than_chance():
    assert "at most 0.3 would by chance alone" in differences(margin=0.5).words()


def test_more_peptides_than_samples_and_one_peptide():
    assert differences(ARRAYS.head(1)).glance()["n_estimable"].tolist() == [1]
    many = pd.DataFrame(RNG.normal(size=(500, 8)), columns=SAMPLES)
    assert differences(many).glance()["n_estimable"].tolist() == [500]


def test_nothing_can_be_tested():
    fit = differences(ARRAYS * 0.0, permutations=10, seed=1)
    row = fit.glance().iloc[0]
    assert row[["n_estimable", "n_hits", "n_hits_expected"]].tolist() == [0, 0, 0]
    assert np.isnan(row["smallest_difference"])
    assert fit.words().startswith("0 of 0 peptides")
    with pytest.raises(InputError, match="no t statistics"):
        share_of_nonnull(fit)
    assert equivalence(fit, 1.0).glance()["n_estimable"].tolist() == [0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "anova"}, "no such method"),
        ({"adjust": "none"}, "no such adjustment"),
        ({"contrast": "del vs gain"}, "no sample is of the group gain"),
        ({"contrast": "del"}, "a contrast names two levels"),
        ({"contrast": None}, "which group comes first"),
        ({"groups": ["del"] * 8, "contrast": None}, "two groups are compared"),
        ({"groups": ["del"] * 7}, "one value for each of the 8 samples"),
        ({"groups": pd.Series(["del", "not"], index=["a", "b"])}, "no sample has the name of an array"),
        ({"groups": pd.concat([GROUPS, GROUPS])}, "a sample is there twice"),
        ({"permutations": 10}, "permutations need a seed"),
        ({"permutations": -1, "seed": 1}, "whole number of 0 or more"),
        ({"permutations": 10, "seed": 1, "margin": 0.5}, "say nothing about a margin"),
        ({"permutations": 10, "seed": 1, "weights": np.ones(8)}, "weighted samples cannot be exchanged"),
        ({"permutations": 10, "seed": 1, "method": "welch"}, "method welch has no permutations"),
        ({"method": "wilcoxon", "batch": [1, 2] * 4}, "method wilcoxon has no batch"),
        ({"method": "t", "trend": True}, "only moderated tests have a prior"),
        ({"trend": True, "robust": True}, "not offered"),
        ({"margin": -1.0}, "a margin is a log2 difference"),
        ({"conf_level": 1.5}, "confidence level"),
        ({"weights": -np.ones(8)}, "weights are numbers of 0 or more"),
        ({"weights": np.ones(3)}, "one value for each"),
        ({"covariates": pd.DataFrame({"x": np.ones(8)}, index=SAMPLES)}, "constant, or combinations"),
        ({"covariates": pd.DataFrame(RNG.normal(size=(8, 7)), index=SAMPLES)}, "no samples are left"),
        ({"covariates": pd.DataFrame({"x": range(8)})}, "no sample has the name of an array"),
        ({"arrays": pd.concat([ARRAYS, ARRAYS])}, "a peptide is there twice"),
        ({"arrays": ARRAYS.to_numpy()}, "DataFrame"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(InputError, match=message):
        differences(**options)


@pytest.mark.parametrize("margin", [0.0, -1.0, np.nan, np.inf, "one"])
def test_a_margin_has_to_be_one(margin):
    with pytest.raises(InputError, match="a margin is a log2 difference above 0"):
        equivalence(differences(), margin)


def test_rank_sums_have_no_margin_and_no_share():
    fit = differences(method="wilcoxon")
    with pytest.raises(InputError, match="no standard errors"):
        equivalence(fit, 1.0)
    with pytest.raises(InputError, match="no t statistics"):
        share_of_nonnull(fit)
    with pytest.raises(InputError, match="beta"):
        share_of_nonnull(differences(), prior=(0, 1))
    with pytest.raises(InputError, match="spread"):
        share_of_nonnull(differences(), spread=(3, 1))
    with pytest.raises(InputError, match="against a margin"):
        share_of_nonnull(differences(margin=0.1))


def test_a_huge_statistic_has_a_share():
    arrays = ARRAYS * 1e-9
    arrays.loc[:, SAMPLES[:4]] += 1e6
    assert np.isfinite(share_of_nonnull(differences(arrays + RNG.normal(size=(6, 8)) * 1e-3)).tidy().loc[0, "estimate"])


def test_words_of_an_error_hold_no_names_of_samples():
    with pytest.raises(InputError) as raised:
        differences(groups=pd.concat([GROUPS, GROUPS]))
    assert not any(name in str(raised.value) for name in SAMPLES)


def test_a_chance_is_never_told_as_nothing():
    """3,000 permutations, none with as many hits: the words said 0.0 %."""
    names = [f"s{k}" for k in range(24)]
    shifted = pd.DataFrame(np.random.default_rng(1).normal(8, 1, (40, 24)), columns=names)
    shifted.iloc[:, :12] += 1.5
    groups = pd.Series(["del"] * 12 + ["not"] * 12, index=names)
    fit = differential_phosphorylation(shifted, groups, contrast="del vs not", permutations=3000, seed=1)
    assert fit.glance()["p_hits"].iloc[0] < 0.0005
    assert "as many or more in less than 0.1 %)" in fit.words()
