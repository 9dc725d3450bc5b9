"""Fine-Gray regression: effects that change with time against crr, delayed entry against finegray and coxph."""

import numpy as np
import pandas as pd
import pytest
import reading

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.models.subdistribution import fine_gray

CASE = "fine_gray_more"
V = reading.values(CASE)
CAUSES = {1: "relapse", 2: "death"}
TERMS = ["group", "age", "male"]


def patients():
    return endpoint_from_columns(reading.inputs(CASE, "patients"), time="time", status="status", causes=CAUSES)


def biliary():
    frame = reading.inputs("founding", "pbc_cc")
    return endpoint_from_columns(frame, time="years", status="status", causes={1: "transplant", 2: "death"})


# fit of R: endpoint, terms, cause, effects that change with time
FITS = {
    "linear": (patients, TERMS, "relapse", {"group": "linear"}),
    "number": (patients, TERMS, "relapse", {"age": "log"}),
    "several": (patients, TERMS, "relapse", {"age": ["sqrt"], "male": ["linear", "square"]}),
    "step": (patients, TERMS, "relapse", {"male": 6}),
    "log1p_death": (patients, TERMS, "death", {"male": "log1p"}),
    "pbc": (biliary, ["age", "lbili", "edema"], "death", {"lbili": "log"}),
}
# R has the columns of the order of its cov2, we that of the terms
ORDER = {"several": [0, 1, 2, 3, 6, 4, 5]}


def fitted(name):
    made, terms, cause, effects = FITS[name]
    return fine_gray(made(), terms, cause=cause, time_effects=effects)


@pytest.mark.parametrize("name", FITS)
def test_effects_that_change_with_time(name):
    fit, v = fitted(name), V[name]
    tidy, glance = fit.tidy(), fit.glance().iloc[0]
    shown = tidy[tidy["note"] != "reference"]
    order = ORDER.get(name, list(range(len(shown))))
    for ours, theirs in ((shown["estimate"], "coef"), (shown["std_error"], "se")):
        reading.agree(ours, reading.numbers(v[theirs])[order], theirs)
    reading.agree(np.sqrt(np.diag(np.linalg.inv(fit.maximum.information))), reading.numbers(v["naive"])[order])
    reading.agree(glance[["log_likelihood_null", "log_likelihood"]], v["loglik"])
    covariance = reading.numbers(v["covariance"])[np.ix_(order, order)]
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-8, atol=1e-12)
    baseline = fit.baseline()
    reading.agree(baseline["time"], v["time"])
    reading.agree(baseline["estimate"], v["baseline"])


@pytest.mark.parametrize("name", ["linear", "number", "pbc"])
def test_schoenfeld_residuals(name):
    """crr adds up those of one time."""
    by_time = fitted(name).residuals("schoenfeld").groupby("time").sum()
    np.testing.assert_allclose(by_time, reading.numbers(V[name]["schoenfeld"]), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["linear", "number", "several"])
def test_incidence_of_new_patients(name):
    new = pd.DataFrame({"group": ["a_none", "b_ik6", "c_whole"], "age": [8, 3.5, 12], "male": [1, 0, 1]})
    table = fitted(name).predict(new, V["at"])
    for row, expected in enumerate(V["incidence"][name], start=1):
        reading.agree(table["estimate"][table["row"] == row], expected)


@pytest.mark.parametrize("name", ["delayed", "delayed_death", "delayed_sites"])
def test_delayed_entry(name):
    frame = reading.inputs(CASE, "entering")
    endpoint = endpoint_from_columns(frame, time="time", status="status", entry="entry", causes=CAUSES)
    options = {"censoring_strata": "site"} if name == "delayed_sites" else {}
    fit = fine_gray(endpoint, ["x", "arm"], cause="death" if name == "delayed_death" else "relapse", **options)
    v = V[name]
    reading.agree(fit.tidy()["estimate"], v["coef"])
    reading.agree(fit.tidy()["std_error"], v["se"])
    reading.agree(np.sqrt(np.diag(np.linalg.inv(fit.maximum.information))), v["naive"])
    reading.agree(fit.glance()[["log_likelihood_null", "log_likelihood"]].iloc[0], v["loglik"])
    slopes = reading.numbers(v["score_residuals"])
    np.testing.assert_allclose(fit.residuals("score"), slopes, rtol=1e-8, atol=1e-9)
