"""Fine-Gray regression against crr of cmprsk carried to convergence, and its sandwich against the definition in R."""

import numpy as np
import pandas as pd
import pytest
import reading

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.models.subdistribution import fine_gray

CASE = "fine_gray"
V = reading.values(CASE)
CAUSES = {1: "relapse", 2: "death"}
ALL = ["group", "age", "male"]


def patients(**options):
    return endpoint_from_columns(reading.inputs(CASE, "patients"), time="time", status="status", causes=CAUSES, **options)


def biliary():
    frame = reading.inputs("founding", "pbc_cc")
    return endpoint_from_columns(frame, time="years", status="status", causes={1: "transplant", 2: "death"})


# fit of R: endpoint, terms, cause, options of the endpoint, options of the fit
FITS = {
    "relapse": (patients, ALL, "relapse", {}, {}),
    "death": (patients, ALL, "death", {}, {}),
    "weighted": (patients, ALL, "relapse", {"weights": "weight"}, {}),
    "pbc": (biliary, ["age", "lbili", "edema"], "death", {}, {}),
    "censoring_groups": (patients, ["age", "male"], "relapse", {}, {"censoring_strata": "group"}),
}


def fitted(name):
    made, terms, cause, of_endpoint, of_fit = FITS[name]
    return fine_gray(made(**of_endpoint), terms, cause=cause, **of_fit)


@pytest.mark.parametrize("name", FITS)
def test_coefficients_errors_and_baseline(name):
    fit, v = fitted(name), V[name]
    tidy, glance = fit.tidy(), fit.glance().iloc[0]
    shown = tidy[tidy["note"] != "reference"]
    assert [t + c.split(" vs ")[0] for t, c in zip(shown["term"], shown["contrast"], strict=True)] == v["term"]
    reading.agree(shown["estimate"], v["coef"])
    reading.agree(np.sqrt(np.diag(np.linalg.inv(fit.maximum.information))), v["naive"])
    reading.agree(shown["std_error"], v.get("sandwich", v["se"]))
    reading.agree(glance[["log_likelihood_null", "log_likelihood"]], v["loglik"])
    if "sandwich" not in v:
        np.testing.assert_allclose(fit.covariance, reading.numbers(v["covariance"]), rtol=1e-8, atol=1e-12)
    baseline = fit.baseline()
    reading.agree(baseline["time"], v["time"])
    reading.agree(baseline["estimate"], v["baseline"])


@pytest.mark.parametrize("name", ["relapse", "pbc"])
def test_schoenfeld_residuals(name):
    """crr adds up those of one time."""
    by_time = fitted(name).residuals("schoenfeld").groupby("time").sum()
    reading.agree(by_time.index, V[name]["time"])
    np.testing.assert_allclose(by_time, reading.numbers(V[name]["schoenfeld"]), rtol=1e-8, atol=1e-8)


def test_score_residuals_with_the_part_of_the_censoring_distribution():
    residuals = fitted("relapse").residuals("score")
    assert residuals.index.tolist() == list(range(240))
    np.testing.assert_allclose(residuals, reading.numbers(V["score_residuals"]), rtol=1e-8, atol=1e-9)


def test_clusters():
    tidy = fine_gray(patients(), ALL, cause="relapse", cluster="family").tidy()
    reading.agree(tidy["std_error"][tidy["note"] != "reference"], V["cluster"]["se"])
    reading.agree(tidy["estimate"][tidy["note"] != "reference"], V["relapse"]["coef"])


def test_without_competing_events_it_is_coxs_model_with_breslows_ties():
    frame = reading.inputs(CASE, "patients").assign(status=lambda d: (d["status"] > 0).astype(int))
    fit = fine_gray(endpoint_from_columns(frame, time="time", status="status", causes={1: "event"}), ALL, cause="event")
    tidy, v = fit.tidy(), V["no_competing"]
    shown = tidy[tidy["note"] != "reference"]
    reading.agree(shown["estimate"], v["coef"])
    reading.agree(shown["std_error"], v["se"])
    reading.agree(np.sqrt(np.diag(np.linalg.inv(fit.maximum.information))), v["naive"])
    reading.agree(fit.glance()[["log_likelihood_null", "log_likelihood"]].iloc[0], v["loglik"])


def test_incidence_of_new_patients():
    new = pd.DataFrame({"group": ["a_none", "c_whole"], "age": [8, 3.5], "male": [1, 0]})
    v = V["incidence"]
    table = fitted("relapse").predict(new, v["at"])
    levels = sorted(reading.inputs(CASE, "patients")["group"].unique())
    assert levels == ["a_none", "b_ik6", "c_whole", "d_other"]
    ours = table.pivot_table(index="time", columns="row", values="estimate")
    reading.agree(ours, v["values"])


def test_the_error_that_crr_gives_with_censoring_groups_is_near():
    """There crr leaves the events of the other groups out of one term; see docs/methods/fine_gray.md."""
    name = "censoring_groups"
    ratio = fitted(name).tidy()["std_error"] / reading.numbers(V[name]["se"])
    assert (abs(ratio - 1) > 1e-6).all()
    assert (abs(ratio - 1) < 5e-3).all()
