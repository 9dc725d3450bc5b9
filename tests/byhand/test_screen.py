"""A screen on a sheet of paper: estimates, the three tests, error rates, and the permutations behind a family's p-value."""

from fractions import Fraction
from math import log, sqrt

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.kernels.feature_models import FeatureLikelihood, maximise_features
from ikzf1_outcomes.kernels.feature_scores import cox_scores, null_fit
from ikzf1_outcomes.kernels.partial import lay_out, linear_predictor, newton, partial_likelihood
from ikzf1_outcomes.models.feature_permutations import TOGETHER, exchanged
from ikzf1_outcomes.models.feature_screen import screen
from ikzf1_outcomes.multiplicity import adjust_p, null_share

F = Fraction
TWELVE = pd.DataFrame({"t": [1.0] * 4 + [2.0] * 8, "s": [1] * 4 + [0] * 8, "ik6": [1, 0, 0, 1] + [0] * 7 + [1]})


def made(frame, **named):
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, **named)


def test_twelve_patients_with_all_events_at_one_time():
    # Breslow: 4 events at one time, 2 of them among the 3 with IK6, 9 others at risk. l = 2 b - 4 log(3 e^b + 9):
    # 3 e^b / (3 e^b + 9) = 2/4, so e^b = 3; I = 4 * 1/2 * 1/2 = 1. Without IK6: l = -4 log 12.
    rows = {
        test: screen(made(TWELVE), ["ik6"], ties="breslow", test=test, standardise=False).tidy().iloc[0]
        for test in ("wald", "likelihood_ratio", "score")
    }
    for row in rows.values():
        assert row["estimate"] == pytest.approx(log(3), rel=1e-10)
        assert row["std_error"] == pytest.approx(1, rel=1e-10)
        assert (row["n"], row["n_event"], row["scale"], row["note"]) == (12, 4, "log hazard ratio", "")
    assert rows["wald"]["statistic"] == pytest.approx(log(3), rel=1e-10)
    assert rows["likelihood_ratio"]["statistic"] == pytest.approx(2 * (2 * log(3) - 4 * log(18) + 4 * log(12)), rel=1e-10)
    # at b = 0: U = 2 - 4 * 3/12 = 1, V = 4 * 1/4 * 3/4
    assert rows["score"]["statistic"] == pytest.approx(float(1 / (4 * F(1, 4) * F(3, 4))), rel=1e-12)


def test_an_estimate_per_standard_deviation():
    # of 12 values, 3 of them 1: the mean is 1/4, the variance (3 * 9/16 + 9 * 1/16) / 11 = 9/44
    row = screen(made(TWELVE), ["ik6"], ties="breslow").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(log(3) * sqrt(9 / 44), rel=1e-10)
    assert row["std_error"] == pytest.approx(sqrt(9 / 44), rel=1e-10)
    assert row["statistic"] == pytest.approx(log(3), rel=1e-10)
    ratio = screen(made(TWELVE), ["ik6"], ties="breslow").tidy(exponentiate=True).iloc[0]
    assert ratio["estimate"] == pytest.approx(3 ** sqrt(9 / 44), rel=1e-10)
    assert (row["scale"], ratio["scale"]) == ("log hazard ratio per SD", "hazard ratio per SD")


def test_firth_of_the_twelve():
    # q = (2 + 1/2) / (4 + 1) = 1/2 again, so the same hazard ratio and information
    found = screen(made(TWELVE), ["ik6"], method="firth", ties="breslow", standardise=False).tidy().iloc[0]
    assert found["estimate"] == pytest.approx(log(3), rel=1e-8)
    assert found["std_error"] == pytest.approx(1, rel=1e-8)
    # l* = l + log(4 q (1 - q)) / 2, at the maximum less at b = 0 with q = 1/4
    fall = 2 * log(3) - 4 * log(18) + 4 * log(12) + (log(1 / 4) - log(3 / 16)) / 2
    assert found["statistic"] == pytest.approx(2 * fall, rel=1e-8)
    assert found["interval"] == "profile penalised likelihood"


def test_the_score_test_of_a_flag_is_the_logrank_test():
    # at risk, and with the flag among them: 6, 3; 5, 2; 3, 1; 2, 1 at times 1, 2, 4, 5; 2 of the 4 events have it
    frame = pd.DataFrame(
        {"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 1, 0, 1, 1, 0], "flag": [True, False, True, False, True, False]}
    )
    at_risk = [(6, 3), (5, 2), (3, 1), (2, 1)]
    score = 2 - sum(F(k, n) for n, k in at_risk)
    variance = sum(F(k, n) * (1 - F(k, n)) for n, k in at_risk)
    row = screen(made(frame), ["flag"], test="score").tidy().iloc[0]
    assert score**2 / variance == F(32, 433)
    assert row["statistic"] == pytest.approx(32 / 433, rel=1e-12)


def test_features_that_are_missing_leave_their_own_rows_out():
    frame = TWELVE.assign(half=TWELVE["ik6"].astype(float).where(TWELVE.index % 2 == 0), whole=TWELVE["ik6"])
    both = screen(made(frame), ["half", "whole"], ties="breslow", standardise=False).tidy()
    # every second patient: 2 of 6 have events at time 1, one of them with IK6, nobody else has it: q = 1/2, e^b = 5
    assert both["n"].tolist() == [6, 12]
    assert both["n_event"].tolist() == [2, 4]
    np.testing.assert_allclose(np.exp(both["estimate"]), [5, 3], rtol=1e-9)


def test_adjusted_p_values_in_fractions():
    p = [F(1, 100), F(4, 100), None, F(3, 100), F(2, 100)]
    given = [np.nan if x is None else float(x) for x in p]
    # m p / k from the largest: 4/100, 4 * 3/100 / 3, 4 * 2/100 / 2, 4 * 1/100: all 4/100
    np.testing.assert_allclose(adjust_p(given), [0.04, 0.04, np.nan, 0.04, 0.04], rtol=1e-14)
    # 1 + 1/2 + 1/3 + 1/4 = 25/12
    np.testing.assert_allclose(adjust_p(given, "by"), [1 / 12, 1 / 12, np.nan, 1 / 12, 1 / 12], rtol=1e-14)
    # 4 * 1/100, 3 * 2/100, then 2 * 3/100 and 4/100 are not above 6/100
    np.testing.assert_allclose(adjust_p(given, "holm"), [0.04, 0.06, np.nan, 0.06, 0.06], rtol=1e-14)


def test_the_share_of_null_hypotheses():
    # m = 8; five p-values are at or above 0.05 to 0.20, four above 0.25 to 0.40, three, two, one, and none at 0.95.
    # shares: 5/7.6, 5/7.2, ..., 4/6, ..., 0; sorted 0, 25/38, 2/3, ...: 10 % quantile 0.2 * 25/38 + 0.8 * 2/3.
    # At 0.05 the error is 5 * 3/8 / 7.6^2 + small = 0.0325, at 0.25 4 * 1/2 / 36 = 0.056, at 0.95 it is 0.66^2.
    p = [0.001, 0.002, 0.01, 0.21, 0.41, 0.61, 0.81, 0.91]
    assert null_share(p) == pytest.approx(25 / 38, rel=1e-14)
    # the three small ones: bh is 8 p / k from above
    np.testing.assert_allclose(adjust_p(p, "storey")[:3], 25 / 38 * np.array([0.008, 0.008, 0.08 / 3]), rtol=1e-13)
    assert np.isnan(null_share([0.001, 0.002, 0.003]))
    assert null_share([0.999, 0.97, 0.98]) == 1.0


TIED = pd.DataFrame(
    {
        "t": [3.0, 1, 4, 2, 1, 2, 5, 3, 2, 4, 6, 3],
        "s": [1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 0, 1],
        "entry": [0.0, 0, 1, 1, 0, 0, 2, 0, 1, 3, 2, 2.5],
        "w": [1.0, 2, 1, 1, 3, 1, 1, 2, 1, 1, 1, 2],
        "a": [0.3, -1.0, 0.2, 0.8, -0.4, 1.1, 0.0, -0.7, 0.5, -1.2, 0.9, 0.1],
        "g": list("pqpqppqqpqpp"),
    }
)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_scores_of_exchanged_features_are_those_of_a_model_with_them(ties):
    """Ties, weights, late entry, strata and an adjuster, against the likelihood of the exchanged column itself."""
    e = made(TIED, entry="entry", weights="w")
    rng = np.random.default_rng(4)
    strata = (TIED["g"] == "q").to_numpy().astype(np.intp)
    a, x = TIED[["a"]].to_numpy(), rng.normal(size=(12, 5))
    layout = lay_out(e.rows, e.cause > 0, e.case_weights, a, strata=strata)
    beta = newton(partial_likelihood(layout, ties), 1).beta
    scores = cox_scores(null_fit(layout, beta, ties))
    for source in (np.arange(12), rng.permutation(12)):
        found = scores.statistics(x[layout.where], source)
        for j in range(5):
            column = np.empty(12)
            column[layout.where] = x[layout.where][source, j]
            both = lay_out(e.rows, e.cause > 0, e.case_weights, np.column_stack([a, column]), strata=strata)
            _, score, information = partial_likelihood(both, ties)(np.append(beta, 0.0))
            left = information[1, 1] - information[0, 1] ** 2 / information[0, 0]
            assert found[j] == pytest.approx(score[1] ** 2 / left, rel=1e-10)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_batch_is_the_single_likelihood(ties):
    e = made(TIED, entry="entry", weights="w")
    rng = np.random.default_rng(5)
    strata = (TIED["g"] == "q").to_numpy().astype(np.intp)
    a, x = TIED[["a"]].to_numpy(), rng.normal(size=(12, 3))
    layout = lay_out(e.rows, e.cause > 0, e.case_weights, a, strata=strata)
    start = newton(partial_likelihood(layout, ties), 1).beta
    likelihood = FeatureLikelihood(layout, linear_predictor(layout, start)[1], ties)
    beta = rng.normal(size=(3, 2)) / 2
    value, score, information = likelihood(np.ascontiguousarray(x[layout.where]), beta)
    fit = maximise_features(likelihood, np.ascontiguousarray(x[layout.where]), start)
    for j in range(3):
        both = lay_out(e.rows, e.cause > 0, e.case_weights, np.column_stack([a, x[:, j]]), strata=strata)
        theirs = partial_likelihood(both, ties)
        one = theirs(beta[j])
        assert value[j] == pytest.approx(one[0], rel=1e-12)
        np.testing.assert_allclose(score[j], one[1], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(information[j], one[2], rtol=1e-10)
        np.testing.assert_allclose(fit.beta[j], newton(theirs, 2).beta, rtol=1e-9)
    assert fit.converged.all()


def test_the_p_value_of_the_family_counts_the_largest():
    """The permutations drawn again one by one, and the largest score statistic of each by single models."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(12, 4))
    e = made(TIED[["t", "s", "g"]])
    found = screen(e, x, strata="g", test="score", permutations=60, seed=9).tidy()
    layout = lay_out(
        e.rows, e.cause > 0, e.case_weights, np.empty((12, 0)), strata=(TIED["g"] == "q").to_numpy().astype(int)
    )
    stratum = np.repeat([0, 1], np.diff(layout.start))
    largest = []
    for generator in np.random.default_rng(9).spawn(2):
        for _ in range(TOGETHER):
            moved = np.empty_like(x)
            moved[layout.where] = x[layout.where][exchanged(stratum, generator)]
            largest.append(screen(e, moved, strata="g", test="score").tidy()["statistic"].max())
    count = [sum(top >= own * (1 - 1e-10) for top in largest[:60]) for own in found["statistic"]]
    np.testing.assert_allclose(found["p_family"], [(1 + k) / 61 for k in count], rtol=1e-14)
    assert len(set(count)) > 1


def test_rows_are_exchanged_within_strata_and_nowhere_else():
    stratum = np.array([0, 0, 1, -1, 1, 1, 0, -1, 2])
    rng = np.random.default_rng(1)
    seen = np.array([exchanged(stratum, rng) for _ in range(600)])
    assert (np.sort(seen, axis=1) == np.arange(9)).all()
    assert (stratum[seen] == stratum).all()
    assert (seen[:, [3, 7, 8]] == [3, 7, 8]).all()
    # each of three rows is as likely as another: 200 of 600, standard deviation 12
    assert abs(np.bincount(seen[:, 0], minlength=9)[[0, 1, 6]] - 200).max() < 60
