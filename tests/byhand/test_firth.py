"""Firth's penalty on a sheet of paper, and against a slow twin that knows nothing of sums over risk sets."""

from math import exp, log

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.kernels.firth import information_slope, penalised_likelihood, prepare
from ikzf1_outcomes.kernels.partial import lay_out, partial_likelihood
from ikzf1_outcomes.models.penalised import firth_regression, fit_firth

CHI2 = chi2.ppf(0.95, 1)


def made(columns):
    named = {name: name for name in ("entry", "weights") if name in columns}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes={1: "relapse"}, **named)


def table(events_of_1, rest_of_1, events_of_0, rest_of_0):
    """All events at one time, censorings after it."""
    blocks = [(1, 1, events_of_1), (0, 1, rest_of_1), (1, 0, events_of_0), (0, 0, rest_of_0)]
    rows = [(2.0 - s, s, x) for s, x, k in blocks for _ in range(k)]
    return dict(zip("tsx", map(list, zip(*rows, strict=True)), strict=True))


# k events at one time, y of them among a patients with x = 1, the others among b with x = 0. Breslow, with r = exp(beta)
# and q = a r / (a r + b):  l = y log r - k log(a r + b),  I = k q (1 - q),  so that
#   l* = (y + 1/2) log r - (k + 1) log(a r + b) + constant:  q = (y + 1/2) / (k + 1),  r = b (y + 1/2) / (a (k - y + 1/2)).
@pytest.mark.parametrize(("y", "k", "a", "b"), [(0, 1, 1, 1), (1, 1, 2, 3), (0, 4, 3, 9), (3, 5, 4, 8), (4, 4, 4, 7)])
def test_tied_events_of_two_groups_have_a_closed_form(y, k, a, b):
    row = firth_regression(made(table(y, a - y, k - y, b - k + y)), "x", ties="breslow").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(log(b * (y + 0.5) / (a * (k - y + 0.5))), rel=1e-12, abs=1e-12)
    q = (y + 0.5) / (k + 1)
    assert row["std_error"] == pytest.approx((k * q * (1 - q)) ** -0.5, rel=1e-11)

    def fall(beta):
        star = [(y + 0.5) * at - (k + 1) * log(a * exp(at) + b) for at in (row["estimate"], beta)]
        return 2 * (star[0] - star[1])

    assert fall(row["low"]) == pytest.approx(CHI2, rel=1e-9)
    assert fall(row["high"]) == pytest.approx(CHI2, rel=1e-9)
    assert row["low"] < row["estimate"] < row["high"]
    assert row["statistic"] == pytest.approx(fall(0.0), rel=1e-9, abs=1e-12)
    assert row["p_value"] == pytest.approx(chi2.sf(fall(0.0), 1), rel=1e-9)


def test_weights_are_counted_as_patients_in_the_closed_form():
    # weight 2 for everybody: twice the events, at the same shares
    row = firth_regression(made({**table(1, 3, 2, 6), "weights": [2.0] * 12}), "x", ties="breslow").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(log(8 * 2.5 / (4 * 4.5)), rel=1e-12)


def test_strata_offset_and_late_entry_in_the_closed_form():
    columns = table(1, 3, 2, 6)
    # a second stratum of the same shape doubles events and patients
    twice = {name: v + v for name, v in columns.items()}
    fit = firth_regression(made({**twice, "arm": ["a"] * 12 + ["b"] * 12}), "x", ties="breslow", strata="arm")
    assert fit.tidy()["estimate"].iloc[0] == pytest.approx(log(8 * 2.5 / (4 * 4.5)), rel=1e-12)
    assert fit.glance()["method"].iloc[0] == "Cox, Firth's penalty, Breslow ties, stratified by arm"
    # an offset of 0.3 x takes 0.3 from the coefficient
    shifted = firth_regression(made({**columns, "z": [0.3 * x for x in columns["x"]]}), "x", ties="breslow", offset="z")
    assert shifted.tidy()["estimate"].iloc[0] == pytest.approx(log(8 * 1.5 / (4 * 2.5)) - 0.3, rel=1e-12)
    # who enters at the time of the events is not at risk there: three patients with x = 0 less
    late = {**columns, "entry": [-np.inf] * 9 + [1.0] * 3}
    row = firth_regression(made(late), "x", ties="breslow").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(log(5 * 1.5 / (4 * 2.5)), rel=1e-12)


EIGHT = {
    "t": [3.0, 1, 4, 2, 0, 2, 5, 3, 2],
    "s": [0, 1, 1, 1, 1, 1, 0, 1, 0],
    "x": [1, 0, 2, 1, 0, 2, 1, 1, 0],
    "y": [0.5, -1, 0, 2, 1, 0, -0.5, 1, 3],
    "arm": list("aababbaba"),
}
ENTRY = {"entry": [1.0, -np.inf, 0, 0.5, -1, 1, 2, 2, 1]}
WEIGHTS = {"weights": [1.0, 2, 0.5, 3, 1, 0.7, 1, 2, 1]}
SETTINGS = {
    "plain": (EIGHT, None), "entry": (EIGHT | ENTRY, None), "weights": (EIGHT | WEIGHTS, None),
    "strata": (EIGHT, "arm"), "all": (EIGHT | ENTRY | WEIGHTS, "arm"),
}  # fmt: skip


def naive(columns, strata, ties, beta):
    """l + log det I / 2 with every risk set written out, one row at a time."""
    n = len(columns["t"])
    weight, entry = columns.get("weights", [1.0] * n), columns.get("entry", [-np.inf] * n)
    arm = columns[strata] if strata else ["all"] * n
    x = np.column_stack([columns["x"], columns["y"]]).astype(float)
    risk = [weight[i] * exp(x[i] @ beta) for i in range(n)]
    value, information = 0.0, np.zeros((2, 2))
    for u, g in {(columns["t"][i], arm[i]) for i in range(n) if columns["s"][i]}:
        died = [i for i in range(n) if columns["t"][i] == u and columns["s"][i] and arm[i] == g]
        at_risk = [i for i in range(n) if entry[i] < u <= columns["t"][i] and arm[i] == g]
        mean = sum(weight[i] for i in died) / len(died)
        for k in range(len(died)):
            share = k / len(died) if ties == "efron" else 0.0
            part = np.array([risk[i] * (1 - share * (i in died)) for i in at_risk])
            value -= mean * log(part.sum())
            information += mean * np.cov(x[at_risk].T, aweights=part, ddof=0)
        value += sum(weight[i] * (x[i] @ beta) for i in died)
    return value + 0.5 * log(np.linalg.det(information))


def laid_out(columns, strata):
    endpoint = made(columns)
    arm = None if strata is None else np.unique(columns[strata], return_inverse=True)[1]
    x = np.column_stack([columns["x"], columns["y"]]).astype(float)
    return lay_out(endpoint.rows, endpoint.cause > 0, endpoint.case_weights.copy(), x, strata=arm)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_against_the_slow_twin(setting, ties):
    columns, strata = SETTINGS[setting]
    problem = prepare(laid_out(columns, strata), ties)
    h = 1e-5
    for beta in (np.zeros(2), np.array([0.3, -1.1])):
        value, score, _ = penalised_likelihood(problem, beta)
        assert value == pytest.approx(naive(columns, strata, ties, beta), rel=1e-12)
        for j in (0, 1):
            step = h * np.eye(2)[j]
            slope = (naive(columns, strata, ties, beta + step) - naive(columns, strata, ties, beta - step)) / (2 * h)
            assert score[j] == pytest.approx(slope, rel=1e-7, abs=1e-8)
    fit = fit_firth(laid_out(columns, strata), ties)
    found = minimize(lambda b: -naive(columns, strata, ties, b), np.zeros(2), tol=1e-9)
    np.testing.assert_allclose(fit.top.beta, found.x, atol=1e-5)
    assert fit.top.value == pytest.approx(-found.fun, rel=1e-12)
    for place in (0, 1):
        for limit in fit.profile_interval(place, 0.9):

            def held(other, place=place, limit=limit):
                return -naive(columns, strata, ties, np.insert(other, place, limit))

            best = minimize(held, fit.top.beta[[1 - place]], tol=1e-10)
            assert 2 * (fit.top.value + best.fun) == pytest.approx(chi2.ppf(0.9, 1), rel=1e-8)
    null = naive(columns, strata, ties, np.zeros(2))
    assert fit.value_null == pytest.approx(null, rel=1e-12)
    joint = fit.profile_test([0, 1])
    assert joint.df == 2
    assert joint.statistic == pytest.approx(2 * (fit.top.value - null), rel=1e-10)
    assert joint.p_value == pytest.approx(chi2.sf(joint.statistic, 2), rel=1e-12)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_the_slope_of_the_information_is_its_derivative(setting, ties):
    columns, strata = SETTINGS[setting]
    layout = laid_out(columns, strata)
    problem, evaluate = prepare(layout, ties), partial_likelihood(layout, ties)
    beta, h = np.array([0.3, -0.7]), 1e-5
    for a, b in ((0, 0), (0, 1), (1, 1)):
        v = np.zeros((2, 2))
        v[a, b] += 0.5
        v[b, a] += 0.5
        slope = information_slope(problem, beta, v)
        for c in (0, 1):
            step = h * np.eye(2)[c]
            numeric = (evaluate(beta + step)[2] - evaluate(beta - step)[2])[a, b] / (2 * h)
            assert slope[c] == pytest.approx(numeric, rel=1e-7, abs=1e-8)


def test_the_table():
    columns = table(0, 4, 4, 8)
    frame = {**columns, "ik6": ["no" if x == 0 else "yes" for x in columns["x"]]}
    fit = firth_regression(made(frame), "ik6", ties="breslow", conf_level=0.9)
    assert fit.tidy()["note"].tolist() == ["reference", "no events in this level: finite by the penalty alone"]
    assert fit.tidy()["n_event"].tolist() == [4, 0]
    assert fit.tidy()["interval"].unique().tolist() == ["profile penalised likelihood"]
    ratio = fit.tidy(exponentiate=True).iloc[1]
    assert ratio["estimate"] == pytest.approx(12 * 0.5 / (4 * 4.5), rel=1e-12)
    assert ratio["std_error"] == fit.tidy()["std_error"].iloc[1]
    assert fit.test([0]).p_value == fit.tidy()["p_value"].iloc[1] == fit.glance()["p_value"].iloc[0]
    other = firth_regression(made(frame), "ik6", ties="breslow", references={"ik6": "yes"}).tidy().iloc[1]
    assert other["estimate"] == pytest.approx(-log(12 * 0.5 / (4 * 4.5)), rel=1e-12)
    assert other["note"] == "no events in the reference level: finite by the penalty alone"
