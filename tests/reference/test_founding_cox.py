"""Cox regression against the founding values.

coxph had stopped at its default 1e-9 in the log-likelihood there, so a coefficient may be 1e-7 standard errors away and
a standard error 2e-8; the case cox_first has values carried to convergence, and 1e-8 throughout.
"""

import numpy as np
import pandas as pd
import pytest
import reading

from ikzf1_outcomes import cox, endpoint_from_columns

COX = reading.values("founding", "cox")
CASES = {
    "lung_3ties": ("lung", "time", "status", ["age", "female", "ph.ecog"]),
    "pbc_cc_3ties": ("pbc_cc", "years", "death", ["age", "edema", "lbili", "lalb", "lpro"]),
    "ovarian": ("ovarian", "futime", "fustat", ["age", "resid.ds", "rx", "ecog.ps"]),
    "synthetic_ties": (None, "t", "s", ["x"]),
    "tdc_heart": ("heart", "stop", "event", ["age", "year", "surgery", "transplant"]),
}


@pytest.mark.parametrize("case", CASES)
def test_efron(case):
    name, time, status, terms = CASES[case]
    v = COX[case].get("efron") or COX[case]["main"]
    frame = pd.DataFrame(COX[case]["data"]) if name is None else reading.inputs("founding", name)
    entry = {"entry": "start", "subject": "id"} if name == "heart" else {}
    fit = cox(endpoint_from_columns(frame, time=time, status=status, causes={1: "death"}, **entry), terms)
    tidy, glance = fit.tidy().set_index("term").loc[terms], fit.glance().iloc[0]
    coef, se = reading.numbers(v["coef"]), np.atleast_1d(reading.numbers(v["se"]))
    np.testing.assert_allclose(tidy["estimate"] / se, coef / se, rtol=0, atol=1e-7)
    np.testing.assert_allclose(tidy["std_error"], se, rtol=2e-8)
    reading.agree(glance[["log_likelihood_null", "log_likelihood"]], v["loglik"])
    reading.agree(glance[["score", "likelihood_ratio"]], [v["score"], v["lr"]])
    np.testing.assert_allclose(glance["wald"], reading.numbers(v["wald"]), rtol=1e-7)
