"""Firth's penalty against coxphf (Breslow's ties).

coxphf had stopped at 1e-9: its coefficients are within 1e-8 standard errors of its maximum, its limits within 2e-9.
"""

import numpy as np
import pandas as pd
import pytest
import reading

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.models.penalised import firth_regression

FIRTH = reading.values("firth")
CASES = {
    "synthetic_tied": (None, "t", "s"),
    "coxphf_testdata": (None, "stop", "event"),
    "ovarian": ("ovarian", "futime", "fustat"),
    "ovarian_separation": ("ovarian", "futime", "fustat"),
    "breast_like_separation": (None, "time", "status"),
    "pbc_rare": ("pbc_cc", "years", "death"),
    "heart_tdc": ("heart", "stop", "event"),
}


def patients(case):
    name, time, status = CASES[case]
    v = FIRTH[case]
    frame = pd.DataFrame(v["data"]) if name is None else reading.inputs("founding", name)
    if case == "pbc_rare":
        frame = frame.head(80)
    if "sep" in v:
        frame = frame.assign(sep=v["sep"])
    late = {"entry": "start"} if "start" in frame else {}
    subject = {"subject": "id"} if name == "heart" else {}
    return endpoint_from_columns(frame, time=time, status=status, causes={1: "death"}, **late, **subject)


@pytest.mark.parametrize("case", CASES)
def test_coxphf(case):
    r = FIRTH[case]["firth_pl"]
    terms = list(r["coef"])
    fit = firth_regression(patients(case), terms, ties="breslow")
    tidy, glance = fit.tidy().set_index("term").loc[terms], fit.glance().iloc[0]
    coef, se, low, high, p = (
        np.atleast_1d(reading.numbers(r[name])) for name in ("coef", "se", "exp_ci_lower", "exp_ci_upper", "prob")
    )
    np.testing.assert_allclose(tidy["estimate"] / se, coef / se, rtol=0, atol=1e-8)
    np.testing.assert_allclose(tidy["std_error"], se, rtol=2e-9)
    np.testing.assert_allclose(np.exp(tidy["low"]), low, rtol=2e-9)
    np.testing.assert_allclose(np.exp(tidy["high"]), high, rtol=2e-9)
    # coxphf writes 1 - pchisq, and found its restricted maxima to 1e-12
    np.testing.assert_allclose(tidy["p_value"], p, rtol=2e-10, atol=1e-14)
    np.testing.assert_allclose(fit.covariance, reading.numbers(r["var"]), rtol=2e-9)
    reading.agree(glance[["log_likelihood_null", "log_likelihood"]], r["loglik"], "penalised log-likelihoods")


def test_every_case_of_the_file_is_compared():
    assert set(FIRTH) == set(CASES)
