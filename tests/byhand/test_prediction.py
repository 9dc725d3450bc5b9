"""Survival predicted by a Cox model: worked out, and what is refused."""

from math import exp, sqrt

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import cox, endpoint_from_columns
from ikzf1_outcomes.errors import ColumnError, InputError

SIX = pd.DataFrame({"years": [1, 2, 4, 1, 3, 5], "status": [1, 1, 0, 1, 1, 0], "deleted": [1, 1, 1, 0, 0, 0]})
CAUSES = {1: "relapse"}


def made(frame, **options):
    return endpoint_from_columns(frame, time="years", status="status", causes=CAUSES, **options)


def test_six_patients_with_breslows_ties():
    fit = cox(made(SIX), "deleted", ties="breslow")
    r = exp(fit.maximum.beta[0])
    # hazards: 2 of 3r + 3 at 1; 1 of 2r + 2 at 2; 1 of r + 2 at 3
    steps = {1: 2 / (3 * r + 3), 2: 1 / (2 * r + 2), 3: 1 / (r + 2)}
    base = fit.baseline()
    assert base["time"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(base["estimate"], np.cumsum(list(steps.values())), rtol=1e-12)
    new = pd.DataFrame({"deleted": [0, 1]})
    table = fit.predict(new, [0.5, 2, 4.5])
    total = steps[1] + steps[2]
    np.testing.assert_allclose(table["estimate"].iloc[1], exp(-total), rtol=1e-12)
    np.testing.assert_allclose(table["estimate"].iloc[4], exp(-r * total), rtol=1e-12)
    assert table["estimate"].iloc[[0, 3]].tolist() == [1.0, 1.0]
    # variance of the cumulative hazard of a patient with x = 0: the events' own, and the coefficient's
    own = 2 / (3 * r + 3) ** 2 + 1 / (2 * r + 2) ** 2
    pull = steps[1] * 3 * r / (3 * r + 3) + steps[2] * 2 * r / (2 * r + 2)
    error = sqrt(own + pull**2 * fit.covariance[0, 0])
    np.testing.assert_allclose(table["std_error"].iloc[1], exp(-total) * error, rtol=1e-12)


def test_beyond_the_last_follow_up_nothing_is_predicted():
    table = cox(made(SIX), "deleted").predict(pd.DataFrame({"deleted": [0]}), [5, 5.1])
    assert table["estimate"].notna().tolist() == [True, False]
    assert table["note"].tolist() == ["", "beyond the last follow-up"]


def test_a_level_without_events_is_not_estimable():
    frame = pd.concat([SIX, pd.DataFrame({"years": [2, 3], "status": [0, 0], "deleted": [2, 2]})], ignore_index=True)
    frame["kind"] = frame["deleted"].map({0: "a", 1: "b", 2: "c"})
    table = cox(made(frame), "kind").predict(pd.DataFrame({"kind": ["a", "c", None]}), 1)
    assert table["estimate"].notna().tolist() == [True, False, False]
    assert table["note"].iloc[1].startswith("not estimable")


def test_an_offset_multiplies_the_hazard():
    frame = SIX.assign(shift=[0.1, -0.2, 0.0, 0.3, 0.0, -0.1])
    fit = cox(made(frame), "deleted", offset="shift")
    one = fit.predict(pd.DataFrame({"deleted": [0, 0], "shift": [0.0, 0.5]}), 2)["estimate"]
    np.testing.assert_allclose(np.log(one[1]) / np.log(one[0]), exp(0.5), rtol=1e-12)
    with pytest.raises(ColumnError, match="no column 'shift'"):
        fit.predict(pd.DataFrame({"deleted": [0]}), 2)


def test_what_cannot_be_predicted_is_refused():
    two = endpoint_from_columns(
        SIX.assign(status=[1, 2, 0, 1, 2, 0]), time="years", status="status", causes={1: "r", 2: "d"}
    )
    with pytest.raises(InputError, match="one cause among several"):
        cox(two, "deleted", cause="r").predict(pd.DataFrame({"deleted": [0]}), 1)
    frame = pd.concat([SIX.assign(arm="a"), SIX.assign(arm="b")], ignore_index=True)
    fit = cox(made(frame), "deleted", strata="arm")
    with pytest.raises(InputError, match="unknown to it; row 2"):
        fit.predict(pd.DataFrame({"deleted": [0, 0], "arm": ["a", "z"]}), 1)
    with pytest.raises(ColumnError, match="stratum of the model"):
        fit.predict(pd.DataFrame({"deleted": [0]}), 1)
    with pytest.raises(InputError, match="finite"):
        fit.predict(pd.DataFrame({"deleted": [0], "arm": ["a"]}), [np.inf])
