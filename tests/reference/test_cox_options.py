"""Strata, clusters, robust variance, ties, offset, weights, entry, residuals, baselines against R (cox_options)."""

import numpy as np
import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko

VALUES = reading.values("cox_options")
DATA = reading.inputs("cox_options", "patients")
CAUSES = {1: "relapse", 2: "death"}


def endpoint(entry=False, weights=None):
    return iko.endpoint_from_columns(
        DATA, time="time", status="status", causes=CAUSES, entry="entry" if entry else None, weights=weights
    )


CASES = {
    "breslow": ({}, {"ties": "breslow"}),
    "strata": ({}, {"strata": "protocol"}),
    "strata_breslow": ({}, {"strata": "protocol", "ties": "breslow"}),
    "strata_cause": ({}, {"strata": "protocol", "cause": "relapse"}),
    "robust": ({}, {"robust": True}),
    "robust_breslow": ({}, {"robust": True, "ties": "breslow"}),
    "cluster": ({}, {"cluster": "centre"}),
    "strata_cluster": ({}, {"strata": "protocol", "cluster": "centre"}),
    "offset": ({}, {"offset": "shift"}),
    "weights": ({"weights": "w"}, {}),
    "weights_robust": ({"weights": "frac"}, {"robust": True}),
    "entry": ({"entry": True}, {"strata": "protocol"}),
    "entry_robust": ({"entry": True}, {"strata": "protocol", "robust": True}),
    "entry_weights_cluster": ({"entry": True, "weights": "frac"}, {"strata": "protocol", "cluster": "centre"}),
}


@pytest.mark.parametrize("name", CASES)
def test_coefficients_errors_and_tests(name):
    made, options = CASES[name]
    r = VALUES[name]
    fit = iko.cox(endpoint(**made), "group + age", **options)
    tidy = fit.tidy()
    rows = tidy[tidy["note"] != "reference"]
    reading.agree(rows["estimate"], r["coef"], "coefficients")
    reading.agree(rows["std_error"], r["se"], "standard errors")
    reading.agree(rows["p_value"], r["p"], "p")
    reading.agree(fit.covariance, r["var"], "covariance")
    glance = fit.glance().iloc[0]
    reading.agree(glance[["log_likelihood_null", "log_likelihood"]].astype(float), r["loglik"], "log-likelihood")
    reading.agree(glance["score"], r["score"], "score test")
    reading.agree(glance["wald"], r["wald"], "Wald test")
    assert glance["n_event"] == r["nevent"]
    if "weights" not in made:
        assert glance["n"] == r["n"]


@pytest.mark.parametrize(
    ("name", "made", "options"),
    [
        ("rest", {}, {}),
        ("rest_breslow", {}, {"ties": "breslow"}),
        ("rest_strata", {"entry": True, "weights": "w"}, {"strata": "protocol"}),
    ],
)
def test_residuals_and_baselines(name, made, options):
    r = VALUES[name]
    fit = iko.cox(endpoint(**made), "group + age", **options)
    complete = DATA[["group", "age"]].notna().all(axis=1)
    if "strata" in options:
        complete &= DATA["protocol"].notna()
    kept = np.flatnonzero(complete)
    for kind in ("martingale", "deviance", "score", "dfbeta"):
        reading.agree(fit.residuals(kind).loc[kept], r[kind], kind)
    base = fit.baseline()
    # R lists every time, ours the steps: the step function is the same
    strata = r.get("base_strata")
    for level, (group, own) in zip(sorted(set(strata or ["all"])), base.groupby("group"), strict=True):
        mine = [s == level for s in strata] if strata else [True] * len(r["base"])
        time, hazard = np.array(r["base_time"], dtype=float)[mine], np.array(r["base"], dtype=float)[mine]
        place = np.searchsorted(own["time"], time + 1e-9, side="right")
        reading.agree(np.r_[0.0, own["estimate"]][place], hazard, f"baseline {group}")


@pytest.mark.parametrize(
    ("name", "made", "options"),
    [
        ("ahead", {}, {}),
        ("ahead_breslow", {}, {"ties": "breslow"}),
        ("ahead_robust", {}, {"robust": True}),
        ("ahead_strata", {"entry": True, "weights": "w"}, {"strata": "protocol"}),
    ],
)
def test_predicted_survival(name, made, options):
    fit = iko.cox(endpoint(**made), "group + age", **options)
    new = pd.DataFrame({"group": ["a_none", "b_ik6", "c_whole"], "age": [3.0, 9.0, 15.0], "protocol": ["p", "q", "r"]})
    ours = fit.predict(new, [1, 5, 12, 20])
    reading.agree_in(ours, reading.table(VALUES[name]), ["group", "time"], ["estimate", "std_error", "low", "high"])


def test_rows_without_a_stratum_a_cluster_or_an_offset_are_counted():
    fit = iko.cox(endpoint(), "group + age", strata="protocol", cluster="centre", offset="shift")
    glance = fit.glance().iloc[0]
    assert glance["n_excluded"] == 5
    assert glance["n"] == len(DATA) - 5
    assert glance["method"] == "Cox, Efron ties, stratified by protocol, robust covariance"


def test_weights_that_are_not_whole_need_a_robust_covariance():
    note = iko.cox(endpoint(weights="frac"), "age").glance()["note"].iloc[0]
    assert "robust=True" in note
    assert iko.cox(endpoint(weights="frac"), "age", robust=True).glance()["note"].iloc[0] == ""
    assert iko.cox(endpoint(weights="w"), "age").glance()["note"].iloc[0] == ""
