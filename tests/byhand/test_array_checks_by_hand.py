"""Checks of arrays on numbers that can be done on paper."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko

# one peptide in four samples: the only component is the peptide itself
LINE = pd.DataFrame([[1.0, 3.0, 4.0, 8.0]], index=["a"], columns=list("wxyz"))
TWO = pd.Series(["one", "one", "two", "two"], index=list("wxyz"))


def test_share_between_batches():
    # mean 4, deviations -3 -1 0 4: 26 in all; batch means 2 and 6: 2 * 4 + 2 * 4 = 16 between; F = 16 / (10 / 2) = 3.2
    checks = iko.array_checks(LINE, batch=TWO, permutations=99, seed=1).set_index(["measure", "component"])
    assert checks.loc[("variance", "PC1"), "estimate"] == 1.0
    row = checks.loc[("explained by batch", "PC1")]
    np.testing.assert_allclose(row["estimate"], 16 / 26, rtol=1e-13)
    np.testing.assert_allclose(row[["statistic", "df", "df_denominator"]].astype(float), [3.2, 1, 2], rtol=1e-12)
    np.testing.assert_allclose(checks.loc[("explained by batch", "all"), "estimate"], 16 / 26, rtol=1e-13)


def test_the_permutation_counts_splits_as_large():
    # of the three ways to make two pairs, wx | yz has the greatest share between: a third of all permutations are it
    checks = iko.array_checks(LINE, batch=TWO, permutations=3000, seed=2)
    assert abs(checks.iloc[-1]["p_value"] - 1 / 3) < 0.03


def test_shares_of_spots_and_correlations_are_those_of_the_samples():
    run = iko.simulate_arrays(4, seed=5, peptides=60, batches=2)
    arrays = iko.normalise_spots(run.spots, replicate="replicate", control="control", saturated="saturated", batch="batch")
    checks = iko.array_checks(arrays, components=1)
    assert checks["measure"].value_counts().to_dict() == {
        "saturated": 4, "not above the background": 4, "replicate correlation": 4, "variance": 1,
    }  # fmt: skip
    r = checks[checks["measure"] == "replicate correlation"]
    assert r["estimate"].tolist() == arrays.samples["correlation"].tolist()
    below = checks[checks["measure"] == "not above the background"]["estimate"]
    assert below.tolist() == (arrays.samples["n_negative"] / arrays.samples["n_spot"]).tolist()


def slide(tilt, n=5):
    """Two arrays of n x n peptides, the second brighter to the right by `tilt` a column, and to the left in the first."""
    r, c = (x.ravel() for x in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    level = 8.0 + np.random.default_rng(1).normal(size=n * n)
    parts = [
        pd.DataFrame({"sample": name, "peptide": [f"p{k}" for k in range(n * n)], "row": r, "column": c,
                      "foreground": 2.0 ** (level + sign * tilt * (c - (n - 1) / 2) + noise)})
        for name, sign, noise in (("a", -1, 0.0), ("b", 1, 0.0))
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_a_tilt_is_explained_wholly():
    found = iko.spatial_check(slide(0.1), background=None)
    np.testing.assert_allclose(found["estimate"], 1.0, rtol=1e-10)
    assert (found["p_value"] < 1e-9).all()


def test_arrays_that_differ_in_nothing_have_no_share():
    found = iko.spatial_check(slide(0.0), background=None)
    assert found["estimate"].isna().all()
    assert (found["note"] != "").all()


def test_the_surface_is_the_least_squares_one():
    table = slide(0.02)
    table["foreground"] *= np.exp(np.random.default_rng(2).normal(0, 0.1, len(table)))
    table = table.drop(index=[3, 30, 44])
    found = iko.spatial_check(table, background=None)
    value = np.log2(table["foreground"])
    residual = value - value.groupby(table["peptide"]).transform("mean")
    for name, part in table.groupby("sample"):
        r, c, e = part["row"], part["column"], residual[part.index]
        X = np.column_stack([np.ones(len(r)), r, c, r * r, c * c, r * c])
        left = ((e - X @ np.linalg.lstsq(X, e, rcond=None)[0]) ** 2).sum()
        row = found.set_index("sample").loc[name]
        share = 1 - left / ((e - e.mean()) ** 2).sum()
        np.testing.assert_allclose(row["estimate"], share, rtol=1e-8)
        assert row["df_denominator"] == len(part) - 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": "run"}, "names no batch"),
        ({"batch": TWO.iloc[:3], "seed": 1}, "without a batch \\(positions\\); row 4"),
        ({"batch": pd.Series("one", index=TWO.index), "seed": 1}, "one batch only"),
        ({"batch": pd.Series(list("abcd"), index=TWO.index), "seed": 1}, "for every sample"),
        ({"batch": pd.concat([TWO, TWO]), "seed": 1}, "twice"),
        ({"batch": TWO}, "needs a seed"),
    ],
)
def test_batches_that_cannot_be_checked(options, message):
    with pytest.raises(iko.InputError, match=message):
        iko.array_checks(LINE, **options)


def test_too_little_for_components():
    with pytest.raises(iko.InputError, match="3 samples or more"):
        iko.array_checks(LINE.iloc[:, :2])
    with pytest.raises(iko.InputError, match="no peptide"):
        iko.array_checks(LINE * 0.0)
    with pytest.raises(iko.InputError, match="place on the slide; row 2"):
        iko.spatial_check(slide(0.1).assign(row=lambda t: t["row"].where(t.index != 1)), background=None)
