"""Row-wise linear models, moderated t and F, log odds and margins against limma 3.54.1 (kinome, moderation)."""

import numpy as np
import pandas as pd
import pytest
import reading

from ikzf1_outcomes.kernels.linear_models import contrast_rows, fit_rows
from ikzf1_outcomes.kernels.moderation import fit_scaled_f, log_odds, margin_test, moderated_t, overall_f, squeeze
from ikzf1_outcomes.kernels.robust_moderation import fit_robustly, matching_df, winsorised_moments

LIMMA = reading.values("kinome", "limma")
EDGES = reading.values("moderation")
SAMPLES = reading.inputs("kinome", "kinome_samples")
GROUP, BATCH, SEX = (SAMPLES[name].to_numpy(dtype=float) for name in ("grp", "batch", "sex"))
ONE = np.ones(44)
CASES = {
    "limma_2group": ("kinome_limma_2group", "kinome_matrix", [ONE, GROUP]),
    "limma_adj_batch_sex": ("kinome_limma_adj", "kinome_matrix", [ONE, GROUP, BATCH, SEX]),
    "limma_na": ("kinome_limma_na", "kinome_matrix_na", [ONE, GROUP]),
    "limma_trend": ("kinome_limma_trend", "kinome_matrix", [ONE, GROUP]),
    "limma_robust": ("kinome_limma_robust", "kinome_matrix", [ONE, GROUP]),
}


def matrix(name="kinome_matrix"):
    return reading.inputs("kinome", name).set_index("peptide").to_numpy(dtype=float)


def prior_of(fits, case=""):
    if case == "limma_robust":
        return fit_robustly(fits.sigma**2, fits.df_residual)
    return fit_scaled_f(fits.sigma**2, fits.df_residual, fits.mean if case == "limma_trend" else None)


def moderated(fits, prior, j=1):
    variance = squeeze(fits.sigma**2, fits.df_residual, prior)
    return variance, moderated_t(fits.coefficients[:, j], fits.unscaled[:, j], variance, fits.df_residual, prior)


@pytest.mark.parametrize("case", CASES)
def test_every_peptide(case):
    file, data, columns = CASES[case]
    fits = fit_rows(matrix(data), np.column_stack(columns))
    prior = prior_of(fits, case)
    variance, t = moderated(fits, prior)
    odds, v0 = log_odds(t.statistic, fits.unscaled[:, 1], t.df, prior)
    r = reading.inputs("kinome", file)
    ours = {"logFC": fits.coefficients[:, 1], "AveExpr": fits.mean, "t": t.statistic, "P.Value": t.p_value, "B": odds}
    ours |= {"sigma": fits.sigma, "s2.post": variance, "df.residual": fits.df_residual}
    for column, values in ours.items():
        reading.agree(values, r[column].to_numpy(dtype=float), column)
    values = LIMMA[case]["values"] if "values" in LIMMA[case] else LIMMA[case]
    reading.agree(v0, values["var.prior"][1])
    for name, own in (("df.prior", prior.df[0]), ("s2.prior", prior.variance[0]), ("df.prior_min", prior.df.min())):
        if name in values:
            reading.agree(own, values[name], name)
    for name, each in (("s2.prior_first10", prior.variance), ("df.prior_first10", prior.df)):
        if name in values:
            reading.agree(each[:10], values[name], name)


def test_weights_of_arrays_and_the_overall_f():
    r = LIMMA["limma_weights_F"]
    weights = 1.0 + (BATCH == 1)
    fits = fit_rows(matrix(), np.column_stack([ONE, GROUP, SEX]), weights)
    prior = prior_of(fits)
    t = [moderated(fits, prior, j)[1] for j in range(3)]
    f, p = overall_f(np.column_stack([one.statistic for one in t]), fits.covariance, t[0].df)
    reading.agree(t[1].statistic[:10], r["t_first10"])
    reading.agree(f[:10], r["F_first10"])
    np.testing.assert_allclose(p[:10], r["F.p_first10"], rtol=1e-8)
    reading.agree(prior.df[0], r["df.prior"])
    reading.agree(prior.variance[0], r["s2.prior"])
    each = fit_rows(matrix(), np.column_stack([ONE, GROUP, SEX]), np.tile(weights, (1008, 1)))
    np.testing.assert_allclose(each.coefficients, fits.coefficients, rtol=1e-10, atol=1e-13)


def test_contrasts_of_three_groups():
    r = LIMMA["limma_contrast"]
    groups = [GROUP == 1, (GROUP == 0) & (SEX == 1), (GROUP == 0) & (SEX == 0)]
    fits = fit_rows(matrix(), np.column_stack(groups).astype(float))
    fits = contrast_rows(fits, np.array([[1, 1, -1], [-1, 0, 0.5], [0, -1, 0.5]]))
    prior = prior_of(fits)
    t = [moderated(fits, prior, j)[1] for j in range(3)]
    statistics = np.column_stack([one.statistic for one in t])
    reading.agree(statistics[:5], r["t_first5"])
    reading.agree(np.column_stack([one.p_value for one in t])[:5], r["p_first5"])
    reading.agree(overall_f(statistics, fits.covariance, t[0].df)[0][:5], r["F_first5"])


def test_margin():
    fits = fit_rows(matrix(), np.column_stack([ONE, GROUP]))
    t = moderated(fits, prior_of(fits))[1]
    statistic, p = margin_test(fits.coefficients[:, 1], t.std_error, t.df, LIMMA["treat"]["lfc"])
    reading.agree(statistic[:10], LIMMA["treat"]["t_first10"])
    reading.agree(p[:10], LIMMA["treat"]["p_first10"])


def test_variances_alone():
    r = LIMMA["squeezeVar_fitFDist"]
    variance, df = np.array(r["v"]), float(r["df"])
    prior, robust = fit_scaled_f(variance, df), fit_robustly(variance, df)
    reading.agree([prior.variance[0], prior.df[0]], [r["var.prior"], r["df.prior"]])
    reading.agree(squeeze(variance, df, prior)[:5], r["var.post_first5"])
    reading.agree([robust.variance[0], robust.df.min()], [r["robust_var.prior"], r["robust_df_min"]])


@pytest.mark.parametrize("case", EDGES["cases"])
def test_priors_at_their_edges(case):
    r = EDGES["cases"][case]
    variance, df = reading.numbers(r["variance"]), reading.numbers(r["df"])
    covariate = reading.numbers(r["covariate"]) if r["covariate"] else None
    prior = fit_robustly(variance, df) if r["robust"] else fit_scaled_f(variance, df, covariate)
    reading.agree(prior.variance, r["prior"])
    reading.agree(np.where(np.isinf(prior.df), 1e300, prior.df), r["prior_df"])
    reading.agree(squeeze(variance, df, prior), r["posterior"])


@pytest.mark.parametrize("case", ["plain", "arrays", "own"])
def test_rows_that_lack_samples(case):
    """Rows 3 to 8 lack a batch, two batches, a group, all samples but one, all, and two batches again."""
    rows, samples = reading.inputs("moderation", "rows").astype(float), reading.inputs("moderation", "samples")
    own = reading.inputs("moderation", "weights").to_numpy(dtype=float)
    weights = {"plain": None, "arrays": samples["arrays"].to_numpy(dtype=float), "own": own}[case]
    fits = fit_rows(rows.to_numpy(), samples.iloc[:, :4].to_numpy(dtype=float), weights)
    for name in ("coefficients", "unscaled", "sigma", "df_residual", "mean"):
        theirs = reading.numbers(EDGES[case][name])
        np.testing.assert_allclose(getattr(fits, name), theirs, rtol=1e-8, atol=1e-12, err_msg=name)
    assert pd.isna(fits.sigma[6])


def test_winsorised_moments_are_solved_further_than_limma_does():
    """limma stops within 1e-8 of d0 / (1 + d0); ours has the winsorised variance itself to 1e-12."""
    moments = winsorised_moments(42.0, 6.966712840592246, (0.05, 0.1))
    d0 = matching_df(moments.variance, 42.0, (0.05, 0.1))
    np.testing.assert_allclose(d0, 6.966712840592246, rtol=1e-11)
    np.testing.assert_allclose(winsorised_moments(42.0, d0, (0.05, 0.1)).variance, moments.variance, rtol=1e-12)
