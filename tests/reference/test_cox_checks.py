"""Proportional hazards, Schoenfeld residuals, exact ties, concordance and nested models, against R (cox_checks)."""

import numpy as np
import pytest
import reading

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.exact_ties import exact_likelihood
from ikzf1_outcomes.kernels.partial import lay_out, newton
from ikzf1_outcomes.models.assumptions import proportional_hazards_test, schoenfeld_residuals
from ikzf1_outcomes.models.nested import LIKELIHOOD_RATIO, ROBUST_WALD, compare_nested
from ikzf1_outcomes.prognosis.discrimination import concordance

VALUES = reading.values("cox_checks")
DATA = reading.inputs("cox_checks", "patients")
CAUSES = {1: "relapse", 2: "death"}
MODEL = "group + age + mrd"


def endpoint(frame=DATA, time="late", entry=False, weights=None):
    return iko.endpoint_from_columns(
        frame, time=time, status="status", causes=CAUSES, entry="entry" if entry else None, weights=weights
    )


FITS = {
    "efron": ({}, {}),
    "breslow": ({}, {"ties": "breslow"}),
    "cause": ({}, {"cause": "relapse"}),
    "strata": ({}, {"strata": "protocol"}),
    "weights": ({"weights": "w"}, {}),
    "robust": ({"weights": "frac"}, {"robust": True}),
    "entry": ({"entry": True}, {"strata": "protocol"}),
    "entry_weights": ({"entry": True, "weights": "frac"}, {"strata": "protocol", "ties": "breslow"}),
}


@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log"])
@pytest.mark.parametrize("name", [*FITS, "spline"])
def test_proportional_hazards(name, transform):
    made, options = FITS.get(name, ({}, {}))
    r = VALUES["zph"][name][transform]
    fit = iko.cox(endpoint(**made), "group * mrd + poly(age, 2)" if name == "spline" else MODEL, **options)
    tidy = proportional_hazards_test(fit, transform).tidy()
    assert tidy["term"].tolist() == [term.replace("GLOBAL", "global") for term in r["term"]]
    assert tidy["df"].tolist() == r["df"]
    reading.agree(tidy["statistic"], r["chisq"], "statistic")
    reading.agree(tidy["p_value"], r["p"], "p")


@pytest.mark.parametrize("name", ["efron", "breslow", "strata", "weights", "entry"])
def test_residuals_of_schoenfeld(name):
    made, options = FITS[name]
    if name == "entry":
        made = {**made, "weights": "frac"}
    r = VALUES["schoenfeld"][name]
    fit = iko.cox(endpoint(**made), MODEL, **options)
    for kind, scaled in (("schoenfeld", False), ("scaledsch", True)):
        found = schoenfeld_residuals(fit, scaled=scaled)
        assert found["time"].tolist() == r["time"]
        # R leaves rounded zeros where residuals are sums of tenths
        np.testing.assert_allclose(found.iloc[:, 2:], reading.numbers(r[kind]), rtol=1e-8, atol=1e-12, err_msg=kind)


def exact_fit(frame, columns, time, entry=False, strata=None, offset=None):
    """The exact partial likelihood at its maximum, from columns that R coded the same way."""
    made = endpoint(frame.assign(late=time), entry=entry)
    codes = None if strata is None else np.unique(strata, return_inverse=True)[1]
    x = np.column_stack([frame[c] if isinstance(c, str) else c for c in columns]).astype(float)
    layout = lay_out(made.rows, made.cause > 0, made.case_weights, x - x.mean(axis=0), strata=codes, offset=offset)
    return newton(exact_likelihood(layout), x.shape[1])


def arm(frame):
    return [(frame["group"] == level).to_numpy() for level in ("b_ik6", "c_whole")]


def test_exact_ties():
    d = DATA[DATA["age"].notna()].reset_index(drop=True)
    few = d[:60]
    third = np.ceil(d["late"] / 3)
    cases = {
        "any": exact_fit(d, [*arm(d), "age", "mrd"], d["late"]),
        "coarse": exact_fit(d, [*arm(d), "age", "mrd"], np.ceil(d["late"] / 6)),
        "strata": exact_fit(d, [*arm(d), "age", "mrd"], third, strata=d["protocol"]),
        "offset": exact_fit(d, [*arm(d), "mrd"], third, offset=d["age"].to_numpy() / 10),
        "entry": exact_fit(few, [*arm(few), "age", "mrd"], few["late"], entry=True),
        "entry_strata": exact_fit(few, ["mrd"], few["late"], entry=True, strata=few["protocol"] == "p"),
    }
    for name, fit in cases.items():
        r = VALUES["exact"][name]
        assert fit.converged
        reading.agree(fit.beta, r["coef"], f"{name}: coefficients")
        reading.agree(np.linalg.inv(fit.information), r["var"], f"{name}: covariance")
        reading.agree([fit.value_null, fit.value], r["loglik"], f"{name}: log-likelihood")
        score = fit.score_null @ np.linalg.solve(fit.information_null, fit.score_null)
        reading.agree(score, r["score"], f"{name}: score test")


CONCORDANCES = {
    "harrell": {},
    "cause": {"cause": "relapse"},
    "strata": {"strata": "protocol"},
    "tau": {"tau": 20},
    "weights": {"weights": "frac"},
    "cluster": {"cluster": "centre"},
    "entry": {"entry": True},
    "entry_strata": {"entry": True, "strata": "protocol", "weights": "frac"},
    "uno": {"weighting": "uno"},
    "uno_tau": {"weighting": "uno", "tau": 20},
    "uno_weights": {"weighting": "uno", "weights": "frac"},
    "uno_strata": {"weighting": "uno", "strata": "protocol"},
    "uno_cause": {"weighting": "uno", "cause": "relapse", "tau": 30},
}


@pytest.mark.parametrize("name", CONCORDANCES)
def test_concordance_of_a_score(name):
    r, options = VALUES["concordance"][name], dict(CONCORDANCES[name])
    entry, weights = options.pop("entry", False), options.pop("weights", None)
    made = endpoint(time="late" if entry else "time", entry=entry, weights=weights)
    found = concordance(made, "score", **options)
    reading.agree(found.counts[0], r["count"], "pairs")
    tidy = found.tidy()
    reading.agree(tidy["estimate"], r["estimate"], "concordance")
    reading.agree(tidy["std_error"] ** 2, r["var"], "variance")


@pytest.mark.parametrize(("name", "options"), [("two", {}), ("two_tau", {"tau": 20}), ("two_uno", {"weighting": "uno"})])
def test_concordance_of_two_scores(name, options):
    r = VALUES["concordance"][name]
    tidy = concordance(endpoint(time="time"), ["score", "other"], **options).tidy()
    reading.agree(tidy["estimate"], [*r["estimate"], r["difference"]], "concordance")
    reading.agree(tidy["std_error"], [*r["se"], r["se_difference"]], "standard error")


@pytest.mark.parametrize(
    ("name", "small", "large", "weights", "options"),
    [
        ("one", "age", "age + group", None, {}),
        ("strata", "age", "age + group * mrd", None, {"strata": "protocol", "cause": "relapse"}),
        ("breslow", "age", "age + mrd", None, {"ties": "breslow"}),
        ("robust", "age + mrd", MODEL, None, {"robust": True}),
        ("cluster", "age", MODEL, None, {"cluster": "centre"}),
        ("weights", "group + age", MODEL, "frac", {"robust": True}),
    ],
)
def test_nested_models(name, small, large, weights, options):
    r = VALUES["nested"][name]
    made = endpoint(weights=weights)
    found = compare_nested(iko.cox(made, small, **options), iko.cox(made, large, **options))
    test = found.glance().iloc[0]
    reading.agree(test["statistic"], r["chisq"], "statistic")
    assert test["df"] == r["df"]
    assert test["method"] == (LIKELIHOOD_RATIO if "loglik" in r else ROBUST_WALD)
    if "loglik" in r:
        reading.agree(test["p_value"], r["p"], "p")
        reading.agree(found.tidy()["log_likelihood"], r["loglik"], "log-likelihood")
