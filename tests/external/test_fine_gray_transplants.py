"""An effect that changes with time on data that may not be copied here: bmtcrr, against `crr` with its own stop."""

import json

import numpy as np
import pandas as pd

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.models.subdistribution import fine_gray


def test_crr_with_a_function_of_time(shared):
    values = json.loads((shared / "reference" / "values" / "finegray.json").read_text(encoding="utf-8"))["entries"][
        "crr_tf"
    ]
    frame = pd.read_csv(shared / "reference" / "data" / "bmtcrr.csv")
    e = endpoint_from_columns(frame, time="ftime", status="Status", causes={1: "relapse", 2: "death"})
    tidy = fine_gray(e, ["Age", "aml"], cause="relapse", time_effects={"aml": "linear"}).tidy()
    v = values["values"]
    assert tidy["term"].tolist() == ["Age", "aml", "aml:linear(time)"]
    # crr stopped at a score of 1e-6 of the log-likelihood
    np.testing.assert_allclose(tidy["estimate"], list(v["coef"].values()), rtol=0, atol=1e-5 * np.array(v["se"]).max())
    np.testing.assert_allclose(tidy["std_error"], v["se"], rtol=1e-5)
