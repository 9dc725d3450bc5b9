"""Ridge penalty, gamma frailty and the concordance of a fit against R's coxph (cases ridge and frailty)."""

import numpy as np
import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko

RIDGE, FRAILTY = reading.values("ridge"), reading.values("frailty")
PATIENTS, CLUSTERED = reading.inputs("ridge", "patients"), reading.inputs("frailty", "patients")
GENES = [f"g{k}" for k in range(1, 21)]
TERMS = "group + age + wbc"
R_STOPS = 1e-5
"""R's outer loop stops when its marginal likelihood, flat at the maximum, no longer moves: theta is right to 5 digits."""


def made(frame, time="time", status="status", **options):
    return iko.endpoint_from_columns(frame, time=time, status=status, causes={1: "relapse"}, **options)


def rows_of(fit, **options):
    tidy = fit.tidy(**options)
    return tidy[tidy["note"] != "reference"]


RIDGES = {
    "all": (PATIENTS, {}, TERMS, 4, {}),
    "breslow": (PATIENTS, {}, TERMS, 4, {"ties": "breslow"}),
    "strong": (PATIENTS, {}, TERMS, 200, {}),
    "some": (PATIENTS, {}, TERMS, 30, {"ridge_terms": ["wbc", "age"]}),
    "strata": (PATIENTS, {}, TERMS, 4, {"strata": "protocol"}),
    "weights": (PATIENTS, {"weights": "w"}, TERMS, 4, {}),
    "offset": (PATIENTS, {}, TERMS, 4, {"offset": "shift"}),
    "entry": (PATIENTS, {"entry": "entry"}, TERMS, 4, {"strata": "protocol"}),
    "entry_weights": (
        PATIENTS,
        {"weights": "w", "entry": "entry"},
        TERMS,
        4,
        {"strata": "protocol", "ties": "breslow"},
    ),
    "separated": (reading.inputs("ridge", "few"), {}, "x + z", 1, {}),
    "empty": (reading.inputs("ridge", "few"), {}, "level + z", 1, {"ridge_terms": "level"}),
    "wide": (reading.inputs("ridge", "wide"), {}, GENES, 2, {}),
}


@pytest.mark.parametrize("name", RIDGES)
def test_ridge(name):
    frame, how, terms, theta, options = RIDGES[name]
    r = RIDGE[name]
    fit = iko.cox(made(frame, **how), terms, penalty=("ridge", theta), **options)
    rows = rows_of(fit)
    reading.agree(rows["estimate"], r["coef"], "coefficients")
    reading.agree(rows["std_error"], r["se"], "standard errors")
    reading.agree(rows["p_value"], r["p"], "p")
    reading.agree(fit.covariance, r["var"], "var")
    reading.agree(fit.covariance_data, r["var2"], "var2")
    glance = fit.glance().iloc[0]
    reading.agree(glance[["log_likelihood_null", "log_likelihood"]].astype(float), r["loglik"], "log-likelihood")
    for ours, theirs in (("df", "trace"), ("penalty", "penalty"), ("wald", "wald")):
        reading.agree(glance[ours], r[theirs], ours)
    if "ridge_terms" not in options:  # else R adds the degrees of freedom of each term by itself
        reading.agree(glance[["statistic", "df", "p_value"]].astype(float), r["logtest"], "likelihood ratio")
        reading.agree(glance[["df", "aic", "bic"]].astype(float), [r["df"], r["aic"], r["bic"]], "df, AIC, BIC")
    reading.agree(glance[["concordance", "concordance_std_error"]].astype(float), r["concordance"], "concordance")


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_residuals_and_baseline_of_a_ridge(ties):
    r = RIDGE["rest" if ties == "efron" else "rest_breslow"]
    fit = iko.cox(made(PATIENTS), TERMS, penalty=("ridge", 4), ties=ties)
    reading.agree(fit.residuals("martingale"), r["martingale"], "martingale")
    reading.agree(fit.residuals("score"), r["score"], "score")
    reading.agree(fit.residuals("dfbeta"), r["dfbeta"], "dfbeta")
    steps = fit.baseline()
    every = np.searchsorted(steps["time"], np.array(r["base_time"]) + 1e-9)
    reading.agree(np.r_[0.0, steps["estimate"]][every], r["base"], "baseline")


def test_survival_that_a_ridge_predicts():
    fit = iko.cox(made(PATIENTS), TERMS, penalty=("ridge", 4))
    theirs = reading.table(RIDGE["ahead"])
    ours = fit.predict(pd.DataFrame({"group": ["b_ik6"], "age": [9.0], "wbc": [20.0]}), theirs["time"].tolist())
    reading.agree_in(ours, theirs, ["group", "time"], ["estimate", "std_error", "low", "high"])


CONCORDANCES = {
    "any": (PATIENTS, {}, "group + age", {}),
    "groups": (PATIENTS, {}, "group", {}),
    "strata": (PATIENTS, {}, "group + age", {"strata": "protocol"}),
    "weights": (PATIENTS, {"weights": "w"}, "group + age", {}),
    "offset": (PATIENTS, {}, "group + age", {"offset": "shift"}),
    "cluster": (PATIENTS, {}, "group + age", {"cluster": "centre"}),
    "entry": (PATIENTS, {"entry": "entry"}, "group + age", {"strata": "protocol"}),
    "entry_weights_cluster": (
        PATIENTS, {"entry": "entry", "weights": "frac"}, "group + age", {"strata": "protocol", "cluster": "centre"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONCORDANCES)
def test_concordance_of_a_fit(name):
    frame, how, terms, options = CONCORDANCES[name]
    glance = iko.cox(made(frame, **how), terms, **options).glance().iloc[0]
    reading.agree(glance[["concordance", "concordance_std_error"]].astype(float), RIDGE["concordance"][name], name)


@pytest.mark.parametrize(("name", "subject"), [("intervals", None), ("intervals_of_patients", "id")])
def test_concordance_with_intervals(name, subject):
    heart = reading.inputs("ridge", "heart")
    endpoint = made(heart, "stop", "event", entry="start", subject=subject)
    glance = iko.cox(endpoint, "age + surgery + transplant").glance().iloc[0]
    reading.agree(glance[["concordance", "concordance_std_error"]].astype(float), RIDGE["concordance"][name], name)


FRAILTIES = {
    "centres": (CLUSTERED, {}, "age + group", "centre", {}),
    "breslow": (CLUSTERED, {}, "age + group", "centre", {"ties": "breslow"}),
    "strata": (CLUSTERED, {}, "age + group", "centre", {"strata": "protocol"}),
    "offset": (CLUSTERED, {}, "age + group", "centre", {"offset": "shift"}),
    "entry": (CLUSTERED, {"entry": "entry"}, "age + group", "centre", {}),
    "few": (CLUSTERED, {}, "age + group", "few", {}),
    "kidney": (reading.inputs("frailty", "kidney"), {}, "age + sex", "id", {}),
    "rats": (reading.inputs("frailty", "rats"), {}, "rx + female", "litter", {}),
}


@pytest.mark.parametrize("name", FRAILTIES)
def test_frailty(name):
    frame, how, terms, cluster, options = FRAILTIES[name]
    r = FRAILTY[name]
    fit = iko.cox(made(frame, **how), terms, frailty=cluster, **options)
    glance, rows, whole = fit.glance().iloc[0], rows_of(fit), rows_of(fit, whole=True)
    reading.agree(glance["theta"], r["theta"], "theta")
    reading.agree(glance["log_likelihood"], r["marginal"], "marginal log-likelihood")
    reading.agree(glance["log_likelihood_null"], r["loglik"][0], "null")
    reading.agree(rows["estimate"], r["coef"], "coefficients")
    reading.agree(whole["std_error"], r["se_whole"], "standard errors, all second derivatives")
    reading.agree(rows["std_error"], r["se_whole" if name == "few" else "se"], "standard errors")
    found = fit.frailties()
    assert found["group"].is_monotonic_increasing
    reading.agree(found["estimate"], r["frail"], "log frailties")
    reading.agree(fit.covariance_of(whole=True)[1], r["fvar_whole"], "variances of the log frailties")
    if name != "few":  # with up to five clusters R has no fvar, and both are the same
        np.testing.assert_allclose(found["std_error"] ** 2, r["fvar"], rtol=R_STOPS)
    else:
        reading.agree(found["std_error"] ** 2, r["fvar_whole"], "variances of the log frailties")
    np.testing.assert_allclose(glance["theta"], r["em_theta"], rtol=R_STOPS)
    assert (np.abs(rows["estimate"] - r["em_coef"]) < R_STOPS * rows["std_error"]).all()
    np.testing.assert_allclose(rows["std_error"], r["em_se"], rtol=R_STOPS)


def test_a_frailty_without_variance():
    r = FRAILTY["flat"]
    fit = iko.cox(made(reading.inputs("frailty", "flat")), "age + group", frailty="centre")
    glance, rows = fit.glance().iloc[0], rows_of(fit)
    assert r["theta"] < 1e-6
    assert glance["theta"] == 0
    assert (glance["statistic"], glance["p_value"]) == (0, 1)
    reading.agree(rows["estimate"], r["coef"], "coefficients")
    reading.agree(rows["std_error"], r["se"], "standard errors")
    reading.agree(glance["log_likelihood"], r["loglik"][1], "log-likelihood")


def test_lung_by_institution_has_no_variance():
    r = FRAILTY["lung"]
    fit = iko.cox(made(reading.inputs("frailty", "lung")), "age + sex", frailty="inst")
    assert r["theta"] < 1e-6
    assert fit.theta == 0
    reading.agree(rows_of(fit)["estimate"], r["coef"], "coefficients")
    assert (fit.frailties()["estimate"] == 0).all()
    assert isinstance(fit.frailties(), pd.DataFrame)
