"""Parametric families against survreg, late entry and mixture cure against likelihoods written out in R."""

import numpy as np
import pandas as pd
import pytest
import reading

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.models.cured_fraction import mixture_cure
from ikzf1_outcomes.models.parametric_families import compare_families, parametric

FAMILIES = reading.values("parametric")
DATA = reading.inputs("parametric", "patients")
CAUSES = {1: "relapse", 2: "death"}
OPTIONS = {
    "": ({}, {}),
    "_cause": ({}, {"cause": "relapse"}),
    "_weights": ({"weights": "w"}, {}),
    "_entry": ({"weights": "w", "entry": "entry"}, {}),
}
CASES = [
    (family, option)
    for family in ("weibull", "log_normal", "log_logistic", "exponential")
    for option in OPTIONS
    if (family, option) != ("exponential", "_entry")
]
NEW = pd.DataFrame({"group": ["a_none", "b_ik6", "c_whole"], "age": [3.0, 9.0, 15.0]})


def fitted(family, option):
    made, options = OPTIONS[option]
    endpoint = endpoint_from_columns(DATA, time="time", status="status", causes=CAUSES, **made)
    return parametric(endpoint, "group + age", family=family, **options)


@pytest.mark.parametrize(("family", "option"), CASES)
def test_parameters_and_their_covariance(family, option):
    fit, r = fitted(family, option), FAMILIES[family + option]
    p = 4
    reading.agree(fit.theta[:p], r["coef"], "coefficients")
    if family != "exponential":
        reading.agree(fit.theta[p], r["log_scale"], "log scale")
    reading.agree(fit.covariance, r["var"], "covariance")
    table = fit.tidy()
    rows = table[table["note"] == ""]
    sign = -1.0 if rows["scale"].iloc[-1] == "log shape" else 1.0
    reading.agree(rows["estimate"][:p], r["coef"], "rows")
    reading.agree(rows["std_error"], np.sqrt(np.diag(reading.numbers(r["var"]).reshape(len(rows), -1))), "errors")
    if family != "exponential":
        reading.agree(rows["estimate"].iloc[-1], sign * r["log_scale"], "last parameter")


@pytest.mark.parametrize(("family", "option"), CASES)
def test_log_likelihoods_and_criteria(family, option):
    row, r = fitted(family, option).glance().iloc[0], FAMILIES[family + option]
    if option == "_entry":
        reading.agree(row["log_likelihood"], r["loglik"], "log-likelihood")
        return
    reading.agree(row[["log_likelihood_null", "log_likelihood"]].astype(float), r["loglik"], "log-likelihood")
    reading.agree(row["aic"], r["aic"], "AIC")
    assert row["df"] == 3


@pytest.mark.parametrize("family", ["weibull", "log_normal", "log_logistic", "exponential"])
def test_predicted_survival(family):
    table = fitted(family, "").predict(NEW, [0.5, 2, 5])
    reading.agree(table["estimate"], reading.numbers(FAMILIES[family]["survival"]).ravel(), "survival")
    # at the median of each patient survival is a half
    fit = fitted(family, "")
    medians = FAMILIES[family]["median"]
    at = [fit.predict(NEW.iloc[[k]], medians[k])["estimate"].iloc[0] for k in range(3)]
    reading.agree(at, [0.5] * 3, "medians")


def test_families_side_by_side():
    endpoint = endpoint_from_columns(DATA, time="time", status="status", causes=CAUSES)
    table = compare_families(endpoint, "group + age")
    theirs = {
        f"{name.replace('_', '-')} regression": FAMILIES[name]["aic"] for name in FAMILIES if f"{name}_cause" in FAMILIES
    }
    assert table["method"].tolist() == sorted(theirs, key=theirs.get)
    reading.agree(table["aic"], sorted(theirs.values()), "AIC")


CURE = reading.values("cure")
PATIENTS = reading.inputs("cure", "patients")
KNOWN = PATIENTS.dropna(subset=["age"])
"""R has everybody's age, also where it is no term."""
LATE = {"weights": "w", "entry": "entry"}
CUTS = {"latency": "piecewise", "cuts": [0.8, 2.0]}
CURE_CASES = {
    "weibull": ({}, "group + age", {}),
    "weibull_apart": ({}, "age", {"cured_terms": "group"}),
    "weibull_alone": ({}, [], {}),
    "weibull_cause": ({}, "group", {"cause": "relapse"}),
    "weibull_entry": (LATE, "group", {"cured_terms": "group + age"}),
    "piecewise": ({}, "group + age", CUTS),
    "piecewise_entry": (LATE, "age", {"cured_terms": "group", **CUTS}),
}


def cure(name):
    made, terms, options = CURE_CASES[name]
    frame = KNOWN if name in ("weibull_alone", "weibull_cause") else PATIENTS
    endpoint = endpoint_from_columns(frame, time="time", status="status", causes=CAUSES, **made)
    return mixture_cure(endpoint, terms, **options)


@pytest.mark.parametrize("name", CURE_CASES)
def test_parameters_of_a_cure_model(name):
    fit, r = cure(name), CURE[name]
    reading.agree(fit.theta, r["theta"], "parameters")
    reading.agree(fit.covariance, r["var"], "covariance")
    rows = fit.tidy()
    rows = rows[rows["note"] == ""]
    reading.agree(rows["estimate"], r["theta"], "rows")
    reading.agree(rows["std_error"], np.sqrt(np.diag(reading.numbers(r["var"]))), "errors")
    glance = fit.glance().iloc[0]
    reading.agree(glance["log_likelihood"], r["loglik"], "log-likelihood")
    reading.agree(glance["log_likelihood_null"], r["loglik_null"], "without cure")


@pytest.mark.parametrize("name", CURE_CASES)
def test_survival_and_cured_fractions(name):
    fit, r = cure(name), CURE[name]
    cured, mean = fit.cured(NEW), fit.cured().iloc[0]
    reading.agree(cured["estimate"], np.broadcast_to(reading.numbers(r["share"]), 3), "cured")
    reading.agree(cured["std_error"], np.broadcast_to(reading.numbers(r["share_se"]), 3), "its error")
    reading.agree(mean[["estimate", "std_error"]].astype(float), [r["mean_share"], r["mean_share_se"]], "mean")
    if name == "weibull_cause":
        return
    table = fit.predict(NEW, [0.5, 2, 6])
    reading.agree(table["estimate"], reading.numbers(r["survival"]).ravel(), "survival")
    reading.agree(table["std_error"], reading.numbers(r["survival_se"]).ravel(), "its error")
