"""Differences of peptides over random samples: other programs, exchanged groups, other units, other orders."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ikzf1_outcomes.kernels.linear_models import fit_rows
from ikzf1_outcomes.kinome.differences import differential_phosphorylation
from ikzf1_outcomes.kinome.no_difference import equivalence
from ikzf1_outcomes.kinome.nonnull_share import share_of_nonnull

METHODS = ("moderated", "t", "welch", "wilcoxon")


def random_arrays(seed, peptides=25, samples=14, holes=True, tied=False):
    rng = np.random.default_rng(seed)
    y = rng.normal(8, np.sqrt(1 / rng.chisquare(5, (peptides, 1))), (peptides, samples))
    first = rng.permutation(samples) < rng.integers(4, samples - 3)
    y += rng.normal(0, 0.5, (peptides, 1)) * first
    y = np.round(y) if tied else y
    if holes:
        y[rng.random(y.shape) < 0.05] = np.nan
    frame = pd.DataFrame(y, index=[f"p{k}" for k in range(peptides)], columns=[f"s{k}" for k in range(samples)])
    return frame, pd.Series(np.where(first, "deleted", "not"), index=frame.columns)


def differences(arrays, groups, **options):
    return differential_phosphorylation(arrays, groups, **({"contrast": "deleted vs not"} | options))


@given(st.integers(0, 10**6))
def test_t_tests_as_scipy(seed):
    arrays, groups = random_arrays(seed)
    first, second = (arrays.loc[:, groups == level].to_numpy() for level in ("deleted", "not"))
    for method, equal in (("t", True), ("welch", False)):
        ours = differences(arrays, groups, method=method).tidy()
        fine = ours["p_value"].notna()
        theirs = stats.ttest_ind(first[fine], second[fine], axis=1, equal_var=equal, nan_policy="omit")
        np.testing.assert_allclose(ours["p_value"][fine], theirs.pvalue, rtol=1e-7)
        np.testing.assert_allclose(ours["df"][fine], theirs.df, rtol=1e-9)


@given(st.integers(0, 10**6), st.booleans())
def test_rank_sums_as_scipy(seed, tied):
    arrays, groups = random_arrays(seed, tied=tied)
    first, second = (arrays.loc[:, groups == level].to_numpy() for level in ("deleted", "not"))
    ours = differences(arrays, groups, method="wilcoxon").tidy()
    for k in np.flatnonzero(ours["p_value"].notna()):
        a, b = (x[k][~np.isnan(x[k])] for x in (first, second))
        ties = len(np.unique([*a, *b])) < len(a) + len(b)
        theirs = stats.mannwhitneyu(a, b, method="asymptotic" if ties else "exact")
        np.testing.assert_allclose([ours["statistic"][k], ours["p_value"][k]], [theirs.statistic, theirs.pvalue])


@given(st.integers(0, 10**6))
def test_rows_one_by_one(seed):
    """All rows at once are least squares of each row alone on the samples that it has."""
    rng = np.random.default_rng(seed)
    arrays, groups = random_arrays(seed)
    y = arrays.to_numpy()
    design = np.column_stack([np.ones(14), rng.normal(size=14), rng.integers(0, 2, 14), groups == "deleted"]).astype(float)
    if np.linalg.matrix_rank(design) < 4:
        return
    weights = rng.exponential(1, y.shape) + 0.1
    for given_weights in (None, weights[0], weights):
        fits = fit_rows(y, design, given_weights)
        for k, row in enumerate(y):
            own = np.ones(14) if given_weights is None else np.broadcast_to(given_weights, y.shape)[k]
            known = ~np.isnan(row)
            root = np.sqrt(own[known])
            x, z = design[known] * root[:, None], row[known] * root
            if np.linalg.matrix_rank(x) < 4:
                continue
            beta, left, *_ = np.linalg.lstsq(x, z, rcond=None)
            np.testing.assert_allclose(fits.coefficients[k], beta, rtol=1e-6, atol=1e-8)
            np.testing.assert_allclose(fits.sigma[k], np.sqrt(left[0] / (known.sum() - 4)), rtol=1e-6)
            np.testing.assert_allclose(fits.unscaled[k] ** 2, np.diag(np.linalg.inv(x.T @ x)), rtol=1e-6)


@given(st.integers(0, 10**6), st.sampled_from(METHODS), st.booleans())
def test_exchanged_groups(seed, method, tied):
    arrays, groups = random_arrays(seed, tied=tied)
    one = differences(arrays, groups, method=method).tidy()
    other = differences(arrays, groups, method=method, contrast="not vs deleted").tidy()
    for column in ("estimate", "low", "high"):
        mirror = {"low": "high", "high": "low"}.get(column, column)
        np.testing.assert_allclose(one[column], -other[mirror], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(one["p_value"], other["p_value"], rtol=1e-7)
    assert one["n_group"].tolist() == other["n_reference"].tolist()


@given(st.integers(0, 10**6), st.sampled_from(METHODS))
def test_other_orders_and_units(seed, method):
    """Peptides and samples in another order change nothing; twice the values are twice the differences, the tests stay."""
    arrays, groups = random_arrays(seed)
    rng = np.random.default_rng(seed)
    one = differences(arrays, groups, method=method).tidy().set_index("term")
    moved = arrays.iloc[rng.permutation(25), rng.permutation(14)]
    other = differences(moved, groups, method=method).tidy().set_index("term").loc[one.index]
    pd.testing.assert_frame_equal(one, other, rtol=1e-7)
    double = differences(2 * arrays + 5, groups, method=method).tidy().set_index("term")
    for column in ("estimate", "std_error", "low", "high"):
        np.testing.assert_allclose(double[column], 2 * one[column], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(double["p_value"], one["p_value"], rtol=1e-6)


@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_permutations_are_sane(seed, holes, batches):
    arrays, groups = random_arrays(seed, holes=holes)
    batch = np.random.default_rng(seed).integers(0, 2, 14)
    if batches and (pd.crosstab(batch, groups.to_numpy()) < 2).any(axis=None):
        return
    fit = differences(arrays, groups, permutations=60, seed=1, batch=batch if batches else None)
    table = fit.tidy()
    known = table["p_value"].notna()
    assert len(fit.permutation) == 60
    assert table.loc[known, ["p_family", "fdr"]].apply(lambda x: x.between(0, 1)).all(axis=None)
    again = differences(arrays, groups, permutations=60, seed=1, batch=batch if batches else None)
    assert fit.permutation.tolist() == again.permutation.tolist()
    if not holes:
        ordered = table.assign(size=table["statistic"].abs()).sort_values("size", ascending=False)
        assert ordered["fdr"].is_monotonic_increasing
        assert ordered["p_family"].is_monotonic_increasing
        assert fit.chance.observed == (table["p_value"] <= 0.05).sum()


@given(st.integers(0, 10**6), st.floats(0.05, 3), st.sampled_from(METHODS[:3]))
def test_equivalence_is_an_interval_within_the_margin(seed, margin, method):
    table = equivalence(differences(*random_arrays(seed), method=method), margin).tidy()
    within = (table["low"] > -margin) & (table["high"] < margin)
    assert (within == table["equivalent"]).all()


@given(st.integers(0, 10**6))
def test_a_posterior_of_the_share_is_one(seed):
    arrays, groups = random_arrays(seed)
    found = share_of_nonnull(differences(arrays, groups))
    np.testing.assert_allclose(found.density.sum(), 1)
    row = found.tidy().iloc[0]
    assert 0 <= row["low"] <= row["estimate"] <= row["high"] <= 1


@pytest.mark.parametrize(("n", "first"), [(45, 18), (109, 30)])
def test_size_and_false_discoveries_in_short(n, first):
    """Blocks of twelve alike peptides, 20 data sets: hits by chance are 5 %, and the permutation test seldom objects.

    The long version is tests/calibration/test_differential_calibration.py. Limits are those of a chance of 1 in 1,000.
    """
    rng = np.random.default_rng(n)
    hits, objections = [], 0
    for run in range(20):
        y = np.repeat(rng.normal(size=(10, n)), 12, axis=0) + rng.normal(size=(120, n))
        fit = differential_phosphorylation(pd.DataFrame(y), np.arange(n) < first, permutations=99, seed=run)
        hits.append((fit.tidy()["p_value"] <= 0.05).mean())
        objections += fit.glance()["p_hits"].iloc[0] <= 0.05
    assert abs(np.mean(hits) - 0.05) < 3.3 * np.std(hits, ddof=1) / np.sqrt(20)
    assert objections <= 5
