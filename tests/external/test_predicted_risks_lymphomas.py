"""AUC of both kinds of controls and Brier scores with competing events, on data that can't be in the repository."""

import json

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko

TIMES = [2, 5, 10]


@pytest.fixture(scope="module")
def reference(shared):
    folder = shared / "reference"
    values = json.loads((folder / "values" / "added_value.json").read_text())["entries"]

    def endpoint(name, time, status):
        frame = pd.read_csv(folder / "data" / f"{name}.csv")
        return iko.endpoint_from_columns(frame, time=time, status=status, causes={1: "relapse", 2: "death"})

    risks = pd.read_csv(folder / "data" / "pred_follic_cr.csv")
    return {name: entry["values"] for name, entry in values.items()}, endpoint, risks


def auc(made, score, times, controls):
    found = iko.auc_over_time(made, {"score": score}, times=times, cause="relapse", controls=controls, least=1e-6)
    return found.tidy()


@pytest.mark.parametrize("name", ["follic_age", "bmtcrr_aml_neg"])
def test_auc_of_timeroc(reference, name):
    """Estimates exact; standard errors exact where no time is tied and controls are event-free, to 2e-5 elsewhere
    (riskRegression's are ours in all digits). At 6 months, where two have their event, timeROC counts neither as a case: to
    us, and to riskRegression, an event at t has happened by t.
    """
    values, endpoint, _ = reference
    r = values["timeROC_cr__part"][name]
    if name == "follic_age":
        made, times = endpoint("follic", "time", "status"), TIMES
        score = made.frame["age"]
    else:
        made, times = endpoint("bmtcrr", "ftime", "Status"), [12, 24]
        score = -made.frame["Age"]
    for controls, estimate, error in (
        ("event-free", "AUC", "se"), ("event-free or competing", "AUC_2", "se_2")
    ):  # fmt: skip
        table = auc(made, score, times, controls)
        theirs = np.isin(r["times"], times)
        np.testing.assert_allclose(table["estimate"], np.array(r[estimate])[theirs], rtol=1e-12)
        np.testing.assert_allclose(table["std_error"], np.array(r[error])[theirs], rtol=2e-5)
    if name == "follic_age":
        exact = auc(made, score, times, "event-free")["std_error"]
        np.testing.assert_allclose(exact[:2], r["se"][:2], rtol=1e-12)


def test_scores_of_cause_specific_models(reference):
    values, endpoint, risks = reference
    r, made = values["Score_cr_follic"], endpoint("follic", "time", "status")
    given = {name: risks[[f"{name}_{time}" for time in TIMES]] for name in ("CSC0", "CSC1")}
    options = {"times": TIMES, "cause": "relapse"}
    brier = iko.brier_score(made, given, **options).tidy()
    tables = {
        "AUC": iko.auc_over_time(made, given, controls="event-free or competing", **options).tidy(),
        "Brier": brier[brier["measure"] == "Brier score"],
    }
    for value, table in tables.items():
        names = table["contrast"].where(table["contrast"] != "", table["term"]).str.replace("null model", "Null model")
        ours = table.assign(key=names).set_index(["key", "time"])
        score, contrasts = pd.DataFrame(r[value]), pd.DataFrame(r[f"{value}_contrasts"])
        contrasts["model"] += " - " + contrasts["reference"]
        for theirs, column in ((score, value), (contrasts, f"delta.{value}")):
            found = ours.loc[pd.MultiIndex.from_frame(theirs[["model", "times"]])]
            np.testing.assert_allclose(found["estimate"], theirs[column], rtol=1e-10)
            np.testing.assert_allclose(found["std_error"], theirs["se"], rtol=1e-10)
        np.testing.assert_allclose(found["p_value"], theirs["p"], rtol=1e-8)
