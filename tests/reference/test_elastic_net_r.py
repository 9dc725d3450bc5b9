"""Elastic-net Cox paths against glmnet 4.1-6: penalties, coefficients, deviances, cross-validation (elastic_net)."""

import numpy as np
import pandas as pd
import pytest
import reading

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.penalised_path import elastic_net

VALUES = reading.values("elastic_net")
DATA = reading.inputs("elastic_net", "patients")
WIDE = reading.inputs("elastic_net", "wide")
FEATURES = [f"g{k:02d}" for k in range(1, 25)]
CLINICAL = ["age", "arm"]

# adjust, entry, weights, options
CASES = {
    "lasso": (None, False, False, {"alpha": 1.0}),
    "half": (CLINICAL, False, False, {"alpha": 0.5}),
    "cause": (CLINICAL, False, False, {"alpha": 0.5, "cause": "relapse"}),
    "raw_units": (CLINICAL, False, False, {"alpha": 0.8, "standardise": False}),
    "ridge": (CLINICAL, False, False, {"alpha": 0.0}),
    "weights": (CLINICAL, False, True, {"alpha": 0.5}),
    "strata": (CLINICAL, False, False, {"alpha": 0.5, "strata": "centre"}),
    "strata_default": (None, False, False, {"alpha": 0.5, "strata": "centre"}),
    "entry": (CLINICAL, True, False, {"alpha": 0.5}),
    "entry_weights_strata": (CLINICAL, True, True, {"alpha": 0.7, "strata": "centre"}),
}
DEFAULT = ["lasso", "half", "cause", "weights", "strata_default"]


def endpoint(entry=False, weights=False):
    return iko.endpoint_from_columns(
        DATA,
        time="month",
        status="status",
        causes={1: "relapse", 2: "death"},
        entry="entry" if entry else None,
        weights="w" if weights else None,
    )


def near(ours, theirs, what):
    np.testing.assert_allclose(np.asarray(ours, dtype=float), reading.numbers(theirs), rtol=1e-6, atol=1e-6, err_msg=what)


@pytest.mark.parametrize("name", CASES)
def test_coefficients_at_given_penalties(name):
    adjust, entry, weights, options = CASES[name]
    r = VALUES[name]
    path = elastic_net(endpoint(entry, weights), FEATURES, adjust=adjust, lambdas=r["lambda"], folds=None, **options)
    near(path.lambdas, r["lambda"], "penalties")
    near(path.beta, np.transpose(reading.numbers(r["coef"])), "coefficients")
    near(path.explained, r["dev"], "share of the deviance")


@pytest.mark.parametrize("name", DEFAULT)
def test_penalties_of_its_own_begin_and_end_where_those_of_glmnet_do(name):
    adjust, entry, weights, options = CASES[name]
    path = elastic_net(endpoint(entry, weights), FEATURES, adjust=adjust, folds=None, **options)
    np.testing.assert_allclose(path.lambdas, reading.numbers(VALUES[name]["lambda"]), rtol=1e-8)


def test_ridge_penalties_of_its_own():
    r = VALUES["ridge_default"]
    path = elastic_net(endpoint(), FEATURES, alpha=0.0, n_lambdas=20, folds=None)
    # the step of 20 penalties is of single precision in glmnet
    np.testing.assert_allclose(path.lambdas, reading.numbers(r["lambda"]), rtol=1e-6)
    # glmnet gives its largest ridge penalty the coefficients of a penalty without end
    assert np.abs(reading.numbers(r["coef"])[:, 0]).max() < 1e-30
    assert (path.beta[0][:23] != 0).all()
    near(path.beta[1:], np.transpose(reading.numbers(r["coef"]))[1:], "coefficients")


@pytest.mark.parametrize(("name", "alpha"), [("wide_lasso", 1.0), ("wide_half", 0.5), ("wide_ridge", 0.0)])
def test_more_columns_than_rows(name, alpha):
    wide = iko.endpoint_from_columns(WIDE, time="month", status="status", causes={1: "relapse", 2: "death"})
    features = [c for c in WIDE if c not in ("month", "status")]
    r = VALUES[name]
    path = elastic_net(wide, features, alpha=alpha, lambdas=r["lambda"], folds=None)
    near(path.beta, np.transpose(reading.numbers(r["coef"])), "coefficients")
    near(path.explained, r["dev"], "share of the deviance")


@pytest.mark.parametrize(
    ("name", "entry", "weights", "options"),
    [
        ("cv", False, False, {"alpha": 0.5}),
        ("cv_relapse", False, False, {"alpha": 1.0, "cause": "relapse"}),
        ("cv_strata", False, False, {"alpha": 0.5, "strata": "centre"}),
        ("cv_entry", True, False, {"alpha": 0.5}),
        ("cv_weights", False, True, {"alpha": 0.5}),
    ],
)
def test_cross_validation_in_given_folds(name, entry, weights, options):
    r = VALUES[name]
    path = elastic_net(endpoint(entry, weights), FEATURES, adjust=CLINICAL, lambdas=r["lambda"], folds="fold", **options)
    found = path.cross_validation()
    near(found["lambda"], r["lambda"], "penalties")
    near(found["estimate"], r["cvm"], "deviance")
    near(found["std_error"], r["cvsd"], "standard error")
    if "min" in r:
        glance = path.glance().iloc[0]
        near(glance[["lambda_min", "lambda_1se"]], [r["min"], r["se"]], "penalties chosen")
        assert found.loc[found["note"].str.contains("1se"), "lambda"].tolist() == [glance["lambda_1se"]]


def test_folds_may_be_an_array_and_the_rows_in_any_order():
    r = VALUES["cv"]
    mixed = DATA.sample(frac=1.0, random_state=3)
    shuffled = iko.endpoint_from_columns(mixed, time="month", status="status", causes={1: "relapse", 2: "death"})
    given = pd.Series(mixed["fold"].map({1: "v", 2: "w", 3: "x", 4: "y", 5: "z"}))
    path = elastic_net(shuffled, FEATURES, adjust="age + arm", lambdas=r["lambda"][::-1], folds=given)
    near(path.cross_validation()["estimate"], r["cvm"], "deviance")
