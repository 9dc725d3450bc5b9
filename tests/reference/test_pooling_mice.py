"""Rubin's rules against mice::pool, pool.scalar and pooled Kaplan-Meier curves."""

import numpy as np
import pytest
import reading

from ikzf1_outcomes import cox, endpoint_from_columns, kaplan_meier
from ikzf1_outcomes.impute.pooled_curves import pool_curves
from ikzf1_outcomes.impute.pooling import pool, rubin

CASE = "mice"
V = reading.values(CASE)
TERMS = ["age", "male", "edema", "lbili", "albumin", "protime", "lchol", "platelet"]


def completed(k):
    frame = reading.inputs(CASE, f"mice_pbc_imp{k:02d}")
    return frame.assign(lchol=np.log(frame["chol"]), high=(frame["chol"] > 300).astype(int))


def endpoint(k):
    return endpoint_from_columns(completed(k), time="years", status="death", causes={1: "death"})


def check(pooled, v):
    reading.agree(pooled.estimate, v["estimate"], "estimate")
    reading.agree(pooled.within, v["ubar"], "within")
    reading.agree(pooled.between, v["b"], "between")
    reading.agree(pooled.total, v["t"], "total")
    reading.agree(pooled.df, v["df"], "df")
    reading.agree(pooled.variance_increase, v["riv"], "riv")
    reading.agree(pooled.fraction_missing, v["lambda"], "lambda")
    reading.agree(pooled.information_missing, v["fmi"], "fmi")


@pytest.mark.parametrize(("name", "df"), [("pool", 117.0), ("pool_dfcom_Inf", np.inf)])
def test_the_rules_on_the_coefficients_of_r(name, df):
    v = V["cox_pool"]
    estimates, variances = (reading.numbers(v[part]) for part in ("per_imp_coef", "per_imp_var_diag"))
    check(rubin(np.vstack(estimates), np.vstack(variances), df), v[name]["pooled"])


def test_pooled_cox_models():
    """coxph stops up to 4e-8 standard errors short of the maximum; the differences between its fits are coarser still."""
    v = V["cox_pool"]["pool"]["summary"]
    fit = pool([cox(endpoint(k), TERMS) for k in range(1, 11)])
    tidy = fit.tidy()
    error = reading.numbers(v["std.error"])
    assert (np.abs(tidy["estimate"] - v["estimate"]) <= 1e-7 * error).all()
    np.testing.assert_allclose(tidy["std_error"], error, rtol=2e-8)
    np.testing.assert_allclose(tidy["df"], reading.numbers(v["df"]), rtol=1e-6)
    np.testing.assert_allclose(tidy["p_value"], reading.numbers(v["p.value"]), rtol=1e-5)
    for column, theirs in (("low", "2.5 %"), ("high", "97.5 %")):
        assert (np.abs(tidy[column] - reading.numbers(v[theirs])) <= 2e-7 * error).all()
    assert fit.glance()["df"].tolist() == [V["cox_pool"]["dfcom_used"]] == [117]


@pytest.mark.parametrize(("name", "n"), [("n_inf", np.inf), ("n200", 200)])
def test_scalars(name, n):
    q, u = [0.52, 0.48, 0.61, 0.55, 0.5], [0.04, 0.05, 0.045, 0.042, 0.048]
    v = V["pool_scalar"][name]
    # one coefficient: n - 1 degrees of freedom
    check(rubin(np.array(q)[:, None], np.array(u)[:, None], n - 1), {
        "estimate": v["qbar"], "ubar": v["ubar"], "b": v["b"], "t": v["t"], "df": v["df"], "riv": v["r"],
        "lambda": 1.2 * v["b"] / v["t"], "fmi": v["fmi"],
    })  # fmt: skip


def least_squares(frame, y, terms):
    x = np.column_stack((np.ones(len(frame)), frame[terms]))
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ x.T @ frame[y]
    rest = frame[y] - x @ beta
    return beta, (rest @ rest) / (len(x) - x.shape[1]) * np.diag(inverse), len(x) - x.shape[1]


def test_least_squares_with_two_thirds_missing():
    fits = [least_squares(reading.inputs(CASE, f"mice_nhanes_imp{k}"), "chl", ["age", "bmi"]) for k in range(1, 6)]
    beta, variance, df = zip(*fits, strict=True)
    assert set(df) == {22}
    check(rubin(np.array(beta), np.array(variance), 22), V["nhanes_pool"]["pooled"])


@pytest.mark.parametrize(("name", "df"), [("pool", 307.0), ("pool_dfcom_Inf", np.inf)])
def test_least_squares_of_pbc(name, df):
    fits = [least_squares(completed(k), "lbili", ["age", "male", "albumin", "chol"]) for k in range(1, 11)]
    beta, variance, _ = zip(*fits, strict=True)
    check(rubin(np.array(beta), np.array(variance), df), V["lm_pool"][name]["pooled"])


def test_pooled_survival():
    v = V["km_pool_cloglog"]
    curves = [kaplan_meier(endpoint(k), "high") for k in range(1, 11)]
    each = [curve.tidy([5]) for curve in curves]
    reading.agree(np.array([t["estimate"] for t in each]).T, v["per_imp_surv"])
    reading.agree(np.array([t["std_error"] for t in each]).T, v["per_imp_se"])
    out = pool_curves(curves, 5)
    reading.agree(out["estimate"], v["surv"])
    p = out["estimate"].to_numpy()
    spread = out["std_error"].to_numpy() / np.abs(p * np.log(p))
    reading.agree(spread**2, v["t"])
    reading.agree(out["fraction_missing"], 1.1 * np.array(v["b"]) / np.array(v["t"]))
    # R's limits here are 1.96 standard errors; ours are Student's
    for column, sign, theirs in (("low", 1, "lower"), ("high", -1, "upper")):
        reading.agree(np.exp(-np.exp(np.log(-np.log(p)) + sign * 1.96 * spread)), v[theirs])
        np.testing.assert_allclose(out[column], v[theirs], atol=2e-4)
