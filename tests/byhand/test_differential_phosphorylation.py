"""Differences of peptides between two groups: six samples on a sheet of paper, and slow twins."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ikzf1_outcomes.kernels.label_permutations import Exchangeable, statistics
from ikzf1_outcomes.kernels.linear_models import fit_rows, independent
from ikzf1_outcomes.kernels.moderation import fit_scaled_f, squeeze
from ikzf1_outcomes.kernels.rank_sums import distribution
from ikzf1_outcomes.kinome.differences import differential_phosphorylation
from ikzf1_outcomes.kinome.no_difference import equivalence
from ikzf1_outcomes.kinome.nonnull_share import densest, log_likelihood, share_of_nonnull
from ikzf1_outcomes.kinome.smallest_difference import smallest_difference

# differences of means: 9 - 6 = 3 and 7 - 6 = 1; within groups squares of 2 + 2 and 6 + 6, so s^2 = 4 / 4 = 1 and 12 / 4 = 3
SIX = pd.DataFrame(
    [[8, 9, 10, 7, 6, 5], [8, 5, 8, 4, 7, 7], [4, 4, 4, 4, 4, 4], [0, 0, 0, 0, 0, 0]],
    index=["SYK_323", "CREB1_133", "flat", "zero"],
    columns=list("cafbde"),
    dtype=float,
)
DELETED = pd.Series({"a": True, "b": False, "c": True, "d": False, "e": False, "f": True, "g": True})


def t_tail(t, df):
    """Two-sided: for 4 degrees of freedom 1 - |t| (t^2 + 6) / (t^2 + 4)^(3/2)."""
    assert df == 4
    return 1 - abs(t) * (t**2 + 6) / (t**2 + 4) ** 1.5


def test_ordinary_t_by_hand():
    """se^2 = s^2 (1/3 + 1/3): t = 3 / sqrt(2/3) and 1 / sqrt(2), 4 degrees of freedom."""
    table = differential_phosphorylation(SIX, DELETED, method="t").tidy()
    t = np.array([3 / np.sqrt(2 / 3), 1 / np.sqrt(2)])
    np.testing.assert_allclose(table["estimate"][:2], [3, 1])
    np.testing.assert_allclose(table["statistic"][:2], t)
    np.testing.assert_allclose(table["p_value"][:2], [t_tail(one, 4) for one in t])
    np.testing.assert_allclose(table["p_adjusted"][:2], [2 * t_tail(t[0], 4), t_tail(t[1], 4)])
    assert table["mean"].tolist() == [7.5, 6.5, 4.0, 0.0]
    assert table["note"].tolist() == ["", "", *["not estimable: constant"] * 2]
    assert (
        table.loc[2:, ["estimate", "std_error", "low", "high", "statistic", "df", "p_value", "p_adjusted"]]
        .isna()
        .all(axis=None)
    )


def test_moderated_t_by_hand():
    """log 1 and log 3 vary by log(3)^2 / 2 = 0.60, less than trigamma(2) = pi^2 / 6 - 1 = 0.64: one variance, (1 + 3) / 2.

    Degrees of freedom are all that there are, 4 + 4: t = 3 / sqrt(2 * 2/3) and 1 / sqrt(4/3).
    """
    fit = differential_phosphorylation(SIX, DELETED)
    table = fit.tidy()
    np.testing.assert_allclose(table["statistic"][:2], [3 / np.sqrt(4 / 3), 1 / np.sqrt(4 / 3)])
    assert table["df"][:2].tolist() == [8, 8]
    row = fit.glance().iloc[0]
    assert row["prior_df"] == np.inf
    np.testing.assert_allclose([row["prior_variance"], row["residual_sd"]], [2, np.sqrt(2)])
    assert row[["n", "n_group", "n_reference", "n_features", "n_estimable"]].tolist() == [6, 3, 3, 4, 2]
    assert row["note"] == "1 of the groups have no array"


def test_rank_sums_by_hand():
    """No tie in the first row: 9 of 9 pairs, and 2 of the 20 ways to choose three of six are as extreme."""
    table = differential_phosphorylation(SIX, DELETED, method="wilcoxon").tidy()
    assert table.loc[0, ["estimate", "statistic", "p_value"]].tolist() == [3, 9, 0.1]
    assert table["note"].tolist()[1:] == ["tied values: normal approximation", *["not estimable: constant"] * 2]
    np.testing.assert_array_equal(distribution(2, 2) * 6, [1, 1, 2, 1, 1])


def test_all_twenty_labellings():
    """Every labelling by itself: hits, the largest statistic, and statistics as large as each one."""
    fit = differential_phosphorylation(SIX, DELETED, method="t", permutations=20, seed=1)
    values = SIX.to_numpy()[:2]
    t = []
    for chosen in combinations(range(6), 3):
        own = np.isin(np.arange(6), chosen)
        t.append(np.abs(stats.ttest_ind(values[:, own], values[:, ~own], axis=1).statistic))
    t = np.array(t)
    hits = (t >= stats.t.ppf(0.975, 4)).sum(axis=1)
    assert sorted(fit.permutation) == sorted(hits)
    table, seen = fit.tidy(), np.abs(fit.tidy()["statistic"][:2].to_numpy())
    small = 1 - 1e-9
    np.testing.assert_allclose(table["p_family"][:2], [(t.max(axis=1) >= one * small).mean() for one in seen])
    expected = [(t >= one * small).sum(axis=1).mean() / (seen >= one * small).sum() for one in seen]
    np.testing.assert_allclose(table["fdr"][:2], np.minimum([min(expected), expected[1]], 1))
    row = fit.glance().iloc[0]
    assert row["p_hits"] == (hits >= 1).mean()
    assert row["permutations"] == 20
    assert "all labellings" in fit.words()


@pytest.mark.parametrize("kind", ["plain", "trend", "batch", "missing"])
def test_permuted_moderated_tests_are_those_of_a_fit(kind):
    """Permutations drawn one by one, each fitted as the data were: the same distribution, by the same counts."""
    rng = np.random.default_rng(3)
    y = rng.normal(8, np.sqrt(1 / rng.chisquare(6, (40, 1))), (40, 8)) + rng.normal(0, 1, (40, 1))
    if kind == "missing":
        y[3, 2] = y[7, 5] = np.nan
    samples = [f"s{k}" for k in range(8)]
    arrays = pd.DataFrame(y, columns=samples, index=[f"p{k}" for k in range(40)])
    batch = [0, 0, 0, 0, 1, 1, 1, 1] if kind == "batch" else None
    options = {"trend": kind == "trend", "batch": batch}
    first = np.array([1, 0, 1, 0, 1, 0, 0, 1], dtype=bool)
    fit = differential_phosphorylation(arrays, first, permutations=200, seed=1, **options)
    hits, largest = [], []
    for chosen in combinations(range(8), 4):
        own = np.isin(np.arange(8), chosen)
        if kind == "batch" and own[:4].sum() != 2:
            continue
        one = differential_phosphorylation(arrays, own, **options).tidy()
        hits.append((one["p_value"] <= 0.05).sum())
        largest.append(one["statistic"].abs().max())
    assert len(hits) == (36 if kind == "batch" else 70)
    if kind == "missing":
        # a missing value stands where the model without groups has it: near, not equal
        assert abs(np.mean(hits) - fit.permutation.mean()) < 0.2
        return
    assert sorted(fit.permutation) == sorted(hits)
    seen = fit.tidy()["statistic"].abs().to_numpy()
    family = [(np.array(largest) >= one * (1 - 1e-9)).mean() for one in seen]
    np.testing.assert_allclose(fit.tidy()["p_family"], family)


def test_permuted_residuals_are_fitted_again():
    """With a covariate: residuals of y on 1 and x change places and are regressed on 1, x and the group, row by row."""
    rng = np.random.default_rng(8)
    y, x, group = rng.normal(size=(5, 9)), rng.normal(size=9), np.arange(9) < 4
    others = np.column_stack([np.ones(9), x])
    basis = np.linalg.qr(others)[0]
    residuals, label = y - y @ basis @ basis.T, group - basis @ (basis.T @ group)
    rows = Exchangeable(residuals, None, label, basis[:, 1:], np.full(5, 6.0))
    order = rng.permutation(9)
    t, _, _ = statistics(rows, label[order][:, None], basis[order, 1:].T[:, :, None], None)
    moved = np.empty_like(residuals)
    moved[:, order] = residuals
    fits = fit_rows(moved, np.column_stack([others, group]))
    np.testing.assert_allclose(t[:, 0], np.abs(fits.coefficients[:, 2] / (fits.sigma * fits.unscaled[:, 2])))


def test_two_one_sided_tests_by_hand():
    """Margin 4, SYK: (4 - 3) / sqrt(2/3) = sqrt(3/2); CREB1: (4 - 1) / sqrt(2) = 3 / sqrt(2); half the two-sided tail."""
    shown = equivalence(differential_phosphorylation(SIX, DELETED, method="t"), 4.0)
    table = shown.tidy()
    expected = [t_tail(np.sqrt(1.5), 4) / 2, t_tail(3 / np.sqrt(2), 4) / 2]
    np.testing.assert_allclose(table["p_value"][:2], expected)
    half = 2.131846786326649 * np.sqrt([2 / 3, 2])  # 95 % quantile of t with 4 degrees of freedom
    np.testing.assert_allclose(table["low"][:2], [3 - half[0], 1 - half[1]], rtol=1e-7)
    row = shown.glance().iloc[0]
    assert table["equivalent"].tolist() == [False, expected[1] <= 0.05, False, False]
    assert row["n_equivalent"] == int(expected[1] <= 0.05)
    np.testing.assert_allclose(row["largest_margin"], 3 + half[0], rtol=1e-7)


def test_smallest_difference_has_its_power():
    """Chance of |T| beyond the critical value by the noncentral t, both tails."""
    delta = smallest_difference(0.25, 43.0, 0.01)
    critical = stats.t.ppf(0.995, 43)
    power = stats.nct.sf(critical, 43, delta / 0.25) + stats.nct.cdf(-critical, 43, delta / 0.25)
    np.testing.assert_allclose(power, 0.8, atol=1e-6)
    assert np.isnan(smallest_difference(np.nan, 4.0, 0.05))


def test_mixture_likelihood_by_hand():
    """tau^2 = 3: N(0, 4) over N(0, 1) is exp(3 z^2 / 8) / 2: 1/2 at z = 0 and e^1.5 / 2 at z = 2; share 1/2."""
    found = log_likelihood(np.array([0.0, 2.0]), np.array([np.sqrt(3)]))
    np.testing.assert_allclose(found[200, 0], np.log(0.75) + np.log((1 + np.exp(1.5) / 2) / 2))
    np.testing.assert_allclose(found[0, 0], 0)
    assert densest(np.arange(4), np.array([0.5, 0.3, 0.15, 0.05]), 0.9) == (0, 2)


def test_the_share_knows_how_alike_peptides_are():
    """Each peptide twenty times: hits come in twenties, so that their variance is about twenty times as large."""
    rng = np.random.default_rng(5)
    arrays = pd.DataFrame(np.repeat(rng.normal(size=(60, 16)), 20, axis=0) + 0.01 * rng.normal(size=(1200, 16)))
    first = [True] * 7 + [False] * 9
    alike = share_of_nonnull(differential_phosphorylation(arrays, first, permutations=500, seed=1, method="t"))
    alone = share_of_nonnull(differential_phosphorylation(arrays, first, method="t"))
    assert 14 < alike.inflation < 27
    assert np.isnan(alone.inflation)
    wide, narrow = alike.tidy().iloc[0], alone.tidy().iloc[0]
    assert wide["high"] - wide["low"] > narrow["high"] - narrow["low"]


def test_a_design_that_only_some_rows_can_tell():
    """Row 2 lacks the second batch: its batch coefficient is NaN, the group's is the difference within the first."""
    design = np.array([[1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]], dtype=float)
    fits = fit_rows(np.array([[1.0, 3, 2, 6], [1, 3, np.nan, np.nan]]), design)
    np.testing.assert_allclose(fits.coefficients, [[0.5, 2, 3], [1, np.nan, 2]])
    assert fits.df_residual.tolist() == [1, 0]
    # fitted 0.5, 3.5, 2.5, 5.5: four residuals of one half
    np.testing.assert_allclose(fits.sigma[0], 1)
    assert np.isnan(fits.sigma[1])
    assert independent(np.array([[1.0, 2, 0], [1, 2, 1]])).tolist() == [0, 2]


def test_priors_of_few_rows():
    """One row tells no prior; equal variances make it infinite."""
    lone = fit_scaled_f(np.array([2.0]), np.array([4.0]))
    assert lone.df[0] == 0
    assert squeeze(np.array([2.0]), np.array([4.0]), lone)[0] == 2
    same = fit_scaled_f(np.full(5, 2.0), np.full(5, 4.0))
    assert np.isinf(same.df).all()
    np.testing.assert_allclose(same.variance, 2)
