"""A screen against one model after the other in R: coxph, crr, p.adjust, qvalue (screen)."""

import numpy as np
import pytest
import reading
from scipy.stats import chi2

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.feature_screen import screen
from ikzf1_outcomes.multiplicity import adjust_p, null_share

VALUES = reading.values("screen")
DATA = reading.inputs("screen", "patients")
FEATURES = [f"pep{k}" for k in range(1, 13)]
ENDPOINT = iko.endpoint_from_columns(DATA, time="time", status="status", causes={1: "relapse", 2: "death"})
ADJUST = "age + down + group"
OPTIONS = {"efron": {}, "breslow": {"ties": "breslow"}, "strata": {"strata": "protocol"}}


def screened(**options):
    return screen(ENDPOINT, FEATURES, adjust=ADJUST, cause="relapse", **options).tidy()


@pytest.mark.parametrize("case", OPTIONS)
def test_estimates_and_the_three_tests(case):
    r = reading.table(VALUES[case])
    ours = screened(standardise=False, **OPTIONS[case])
    assert ours["term"].tolist() == r["term"].tolist()
    assert (ours["note"] == "").all()
    for column in ("n", "n_event", "estimate", "std_error"):
        reading.agree(ours[column], r[column].to_numpy(), column)
    reading.agree(ours["statistic"], (r["estimate"] / r["std_error"]).to_numpy())
    for test in ("likelihood_ratio", "score"):
        other = screened(test=test, **OPTIONS[case])
        np.testing.assert_allclose(other["statistic"], r[test], rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(other["p_value"], chi2.sf(r[test], 1), rtol=1e-8)


def test_estimates_per_standard_deviation():
    r = reading.table(VALUES["efron"])
    ours = screened()
    reading.agree(ours["estimate"], (r["estimate"] * r["sd"]).to_numpy())
    reading.agree(ours["std_error"], (r["std_error"] * r["sd"]).to_numpy())


def test_fine_gray_models():
    r = reading.table(VALUES["crr"])
    ours = screened(method="fine_gray", standardise=False)
    for column in ("n", "estimate", "std_error"):
        reading.agree(ours[column], r[column].to_numpy(), column)


def test_adjusted_p_values():
    ours = screened()
    reading.agree(ours["p_value"], VALUES["p"])
    for column, name in (("p_adjusted_bh", "bh"), ("p_adjusted_by", "by")):
        reading.agree(ours[column], VALUES[name])
        reading.agree(adjust_p(reading.numbers(VALUES["p"]), name), VALUES[name])
    reading.agree(adjust_p(reading.numbers(VALUES["p"]), "holm"), VALUES["holm"])


def test_q_values():
    p = reading.numbers(VALUES["many"])
    reading.agree(null_share(p), VALUES["many_pi0"])
    reading.agree(adjust_p(p, "storey"), VALUES["many_q"])
    # missing values change nothing
    holes = adjust_p(np.insert(p, [0, 500], np.nan), "storey")
    reading.agree(holes[~np.isnan(holes)], VALUES["many_q"])
