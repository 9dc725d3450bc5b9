"""Fine-Gray models with effects that change with time, and with delayed entry: on paper, and against slow twins."""

from math import exp, log, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.special import chdtrc

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.kernels.subdistribution import fine_gray_likelihood, lay_out, risk_sets
from ikzf1_outcomes.kernels.subdistribution_influence import score_residuals
from ikzf1_outcomes.models.assumptions import ONE_TIME, SINGULAR_NOTE, proportional_hazards_test
from ikzf1_outcomes.models.subdistribution import fine_gray
from ikzf1_outcomes.models.subdistribution_assumptions import function_at_events

CAUSES = {1: "relapse", 2: "death"}
# deleted (x = 1): relapse at 1, death at 2, relapse at 5; normal: relapse at 1.5 and 4, censored at 3 and 6; scrambled
SEVEN = {"t": [3.0, 2, 1.5, 6, 1, 4, 5], "s": [0, 2, 1, 0, 1, 1, 1], "x": [0, 1, 0, 0, 1, 0, 1]}
# ties of every kind, delayed entry, weights, two strata
TEN = {
    "t": [2.0, 3, 5, 2, 6, 4, 3, 5, 4, 6],
    "s": [2, 1, 0, 1, 1, 0, 2, 1, 1, 2],
    "entry": [0.0, 2, 1, 0, 3, 2, 1, 0, 0, 4],
    "x": [1.0, 0, 2, 1, 0.5, 1, 0, 2, 1, 0],
    "z": [0.0, 1, 1, 0, 2, 0, 1, 0, 1, 2],
    "weights": [2.0, 1, 3, 1, 1, 2, 1, 1, 2, 1],
    "g": [0, 0, 1, 1, 0, 1, 0, 1, 0, 0],
}


def made(columns, **options):
    named = {name: name for name in ("weights", "entry") if name in columns}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes=CAUSES, **named, **options)


def test_a_step_of_seven_patients_has_two_quadratic_equations():
    # Before 3, r = exp(b). At 1: deleted of 3 deleted and 4 normal; at 1.5: normal of 2 and 4. The score
    # 1 - 3r/(3r + 4) - 2r/(2r + 4) is 0 where 3 r^2 = 8. After 3, s = exp(b + c), and the death weighs 3/4, for of four at
    # risk at 3 one was censored. At 4: normal of 7/4 and 2; at 5: deleted of 7/4 and 1.
    # 1 - 7s/(7s + 8) - 7s/(7s + 4) is 0 where 49 s^2 = 32.
    r, s = sqrt(8 / 3), sqrt(32) / 7
    fit = fine_gray(made(SEVEN), "x", cause="relapse", time_effects={"x": 3})
    tidy = fit.tidy()
    assert tidy["term"].tolist() == ["x", "x:step(time, 3)"]
    np.testing.assert_allclose(tidy["estimate"], [log(r), log(s / r)], rtol=1e-10)
    # the information is diagonal in (b, b + c): that of c is the sum of both inverses
    early = 12 * r / (3 * r + 4) ** 2 + 8 * r / (2 * r + 4) ** 2
    late = 56 * s / (7 * s + 8) ** 2 + 28 * s / (7 * s + 4) ** 2
    np.testing.assert_allclose(
        np.diag(np.linalg.inv(fit.maximum.information)), [1 / early, 1 / early + 1 / late], rtol=1e-9
    )
    steps = np.array([1 / (3 * r + 4), 1 / (2 * r + 4), 4 / (7 * s + 8), 4 / (7 * s + 4)])
    np.testing.assert_allclose(fit.baseline()["estimate"], np.cumsum(steps), rtol=1e-10)
    table = fit.predict(pd.DataFrame({"x": [0, 1]}), [1.5, 5])
    own = np.cumsum(steps * np.array([r, r, s, s]))
    total = np.cumsum(steps)
    expected = [1 - exp(-h) for h in (total[1], total[3], own[1], own[3])]
    np.testing.assert_allclose(table["estimate"], expected, rtol=1e-10)


def test_an_entry_after_a_death_raises_its_weight():
    # Death at 2. At 3 one enters; just after it 3 are under observation: factor 2/3. At 3.5 one of them is censored: 2/3.
    # So the death weighs 1 / (2/3) = 3/2 at 3.2 and (2/3) / (2/3) = 1 at 4. At risk at 3.2: all but the death, that is 3.
    columns = {
        "t": [4.0, 2, 3.5, 3.2], "s": [1, 2, 0, 1], "entry": [3.0, 0, 0, 0], "x": [0.0, 1, 2, 1],
    }  # fmt: skip
    # at 3.2 the relapse ends: at 3.5 two are at risk, one censored: 1/2
    e = made(columns)
    rows = lay_out(
        e.rows, e.cause, e.case_weights, np.ones(4, dtype=bool), np.zeros(4, dtype=int), np.array([[0.0, 1, 2, 1]]).T
    )
    value, _, _ = fine_gray_likelihood(rows)(np.zeros(1))
    assert value == pytest.approx(-log(3 + 3 / 2) - log(1 + 3 / 2 * 1 / 2))
    means = risk_sets(rows, np.zeros(1)).mean[:, 0]
    np.testing.assert_allclose(means, [(0 + 2 + 1 + 1.5) / 4.5, 0.75 / 1.75], rtol=1e-14)


def weights_at(columns, w):
    """w_i(t) by the definition, row by row: product over the censorings, divided by that over the entries, in [T, t)."""
    t, s, g = columns["t"], columns["s"], columns.get("g", [0] * len(columns["t"]))
    entry = columns.get("entry", [-np.inf] * len(t))
    n, times = len(t), sorted({a for a, b in zip(t, s, strict=True) if b == 1})
    out = np.zeros((n, len(times)))
    for i in range(n):
        own = [j for j in range(n) if g[j] == g[i]]
        for e, u in enumerate(times):
            if t[i] >= u:
                out[i, e] = float(entry[i] < u)
            elif s[i] == 2 and u <= max(t[j] for j in own):
                out[i, e] = 1.0
                for v in {t[j] for j in own if s[j] == 0 and t[i] <= t[j] < u}:
                    at_risk = sum(w[j] for j in own if entry[j] < v <= t[j])
                    out[i, e] *= 1 - sum(w[j] for j in own if t[j] == v and s[j] == 0) / at_risk
                for v in {entry[j] for j in own if t[i] <= entry[j] < u}:
                    at_risk = sum(w[j] for j in own if entry[j] <= v < t[j])
                    out[i, e] /= 1 - sum(w[j] for j in own if entry[j] == v) / at_risk
    return np.array(times), out


class Twin:
    """Score and information with covariates x f(t), from the definitions."""

    def __init__(self, columns, names, beta, functions, w=None):
        self.t, self.s = columns["t"], columns["s"]
        self.w = np.array(columns.get("weights", [1.0] * len(self.t)) if w is None else w)
        self.times, self.weights = weights_at(columns, self.w)
        x = np.column_stack([np.asarray(columns[name], dtype=float) for name in names])
        path = np.column_stack([f(self.times) for f in functions])
        self.x = x[:, None, :] * path
        self.beta = beta

    def sums(self):
        value, score, information = 0.0, 0.0, 0.0
        for e, u in enumerate(self.times):
            r = self.w * self.weights[:, e] * np.exp(self.x[:, e] @ self.beta)
            mean = r @ self.x[:, e] / r.sum()
            spread = (self.x[:, e] - mean).T @ (r[:, None] / r.sum() * (self.x[:, e] - mean))
            for i in range(len(self.t)):
                if self.t[i] == u and self.s[i] == 1:
                    value += self.w[i] * (self.x[i, e] @ self.beta - log(r.sum()))
                    score = score + self.w[i] * (self.x[i, e] - mean)
                    information = information + self.w[i] * spread
        return value, score, information


NAMES = ["x", "z", "z", "x"]
FUNCTIONS = [np.ones_like, np.ones_like, np.sqrt, lambda t: (t > 3).astype(float)]
BETA = np.array([0.3, -0.5, 0.2, -0.4])


def laid(columns):
    e = made(columns)
    x = np.column_stack([np.asarray(columns[name], dtype=float) for name in NAMES])
    strata = np.asarray(columns.get("g", np.zeros(len(e))), dtype=int)
    path = np.column_stack([f(e.rows.times) for f in FUNCTIONS])
    return lay_out(e.rows, e.cause, e.case_weights, np.ones(len(e), dtype=bool), strata, x, path=path)


@pytest.mark.parametrize("left_out", [(), ("entry",), ("weights", "g"), ("g",), ("entry", "g", "weights")])
def test_likelihood_against_the_twin(left_out):
    columns = {name: values for name, values in TEN.items() if name not in left_out}
    value, score, information = fine_gray_likelihood(laid(columns))(BETA)
    expected = Twin(columns, NAMES, BETA, FUNCTIONS).sums()
    assert value == pytest.approx(expected[0], rel=1e-12)
    np.testing.assert_allclose(score, expected[1], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(information, expected[2], rtol=1e-10, atol=1e-12)


def test_a_row_of_enormous_risk_that_enters_late():
    """Before it the steps of the hazard are e^60 times larger: nothing may be a difference of sums over both."""
    x = [*TEN["x"]]
    x[4] = 60.0
    columns = {**TEN, "x": x, "z": [0.0] * 10}
    beta = np.array([1.0, 0, 0, 0])
    score = fine_gray_likelihood(laid(columns))(beta)[1]
    np.testing.assert_allclose(score, Twin(columns, NAMES, beta, FUNCTIONS).sums()[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("left_out", [(), ("weights",), ("g",), ("weights", "g")])
def test_with_delayed_entry_the_influence_is_the_derivative_of_the_twin(left_out):
    """By the case weight of each row, through the estimates of censoring and of entry and all that rests on them."""
    columns = {name: values for name, values in TEN.items() if name not in left_out}
    rows = laid(columns)
    residuals = np.empty_like(rows.x)
    residuals[rows.order] = score_residuals(rows, risk_sets(rows, BETA))
    base = np.array(columns.get("weights", [1.0] * 10))

    def score(k, h):
        w = base.copy()
        w[k] += h
        return Twin(columns, NAMES, BETA, FUNCTIONS, w).sums()[1]

    h = 1e-3
    for k in range(10):
        slope = (8 * (score(k, h) - score(k, -h)) - (score(k, 2 * h) - score(k, -2 * h))) / (12 * h)
        np.testing.assert_allclose(residuals[k], slope, rtol=1e-7, atol=1e-9)
    naive = score_residuals(rows, risk_sets(rows, BETA), of_weights=False)
    assert np.abs(naive - residuals[rows.order]).max() > 0.01


def entering(n, seed, ties):
    rng = np.random.default_rng(seed)
    x, g = rng.normal(size=n), rng.integers(0, 2, n)
    times = np.column_stack([rng.exponential(np.exp(-0.5 * x)), rng.exponential(1.5, n), rng.uniform(0.5, 3, n)])
    columns = {"t": times.min(axis=1), "s": np.array([1, 2, 0])[times.argmin(axis=1)], "x": x, "g": g}
    columns["entry"] = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0, 0.8, n))
    frame = pd.DataFrame(columns)
    if ties:
        frame["t"], frame["entry"] = np.ceil(frame["t"] * 8) / 8, np.floor(frame["entry"] * 8) / 8
    return frame[frame["entry"] < frame["t"]].reset_index(drop=True)


@pytest.mark.parametrize(("strata", "effects"), [(None, None), ("g", None), (None, {"x": "linear"})])
def test_standard_errors_with_delayed_entry_are_the_infinitesimal_jackknife(strata, effects):
    """Coefficients and predictions, each fitted anew with a little more and a little less of every row."""
    frame, new, at, h = entering(80, 6, ties=True), pd.DataFrame({"x": [0.0, 1.0]}), [0.5, 1.25], 1e-4

    def fit(k=0, step=0.0):
        weights = np.ones(len(frame))
        weights[k] += step
        options = {"censoring_strata": strata, "time_effects": effects}
        return fine_gray(made(frame.assign(weights=weights)), "x", cause="relapse", **options)

    pairs = [(fit(k, h), fit(k, -h)) for k in range(len(frame))]
    slopes = [(a.maximum.beta - b.maximum.beta) / (2 * h) for a, b in pairs]
    np.testing.assert_allclose(fit().tidy()["std_error"], np.linalg.norm(slopes, axis=0), rtol=1e-5)
    moved = [(a.predict(new, at)["estimate"] - b.predict(new, at)["estimate"]) / (2 * h) for a, b in pairs]
    np.testing.assert_allclose(fit().predict(new, at)["std_error"], np.linalg.norm(moved, axis=0), rtol=1e-5)
    assert fit().glance()["method"].tolist() == ["Fine-Gray, Breslow ties, weights for delayed entry"]


def test_standard_errors_of_predictions_where_effects_change_with_time():
    """Without censoring nothing is estimated besides: the influence is the derivative in the case weight."""
    frame, new, at, h = entering(60, 7, ties=False), pd.DataFrame({"x": [0.0, 1.0, -0.5]}), [0.2, 0.9], 1e-4
    frame = frame.assign(s=frame["s"].where(frame["s"] > 0, 2)).drop(columns="entry")

    def incidence(k, step):
        weights = np.ones(len(frame))
        weights[k] += step
        fit = fine_gray(made(frame.assign(weights=weights)), "x", cause="relapse", time_effects={"x": ["linear", 0.5]})
        return fit.predict(new, at)["estimate"].to_numpy()

    slopes = np.array([(incidence(k, h) - incidence(k, -h)) / (2 * h) for k in range(len(frame))])
    table = fine_gray(made(frame), "x", cause="relapse", time_effects={"x": ["linear", 0.5]}).predict(new, at)
    np.testing.assert_allclose(table["std_error"], np.sqrt((slopes**2).sum(axis=0)), rtol=1e-5)


def test_an_epoch_of_censoring_ends_all_weights():
    """The first who is seen is censored before anybody else is: later weights do not rest on him."""
    base = {
        "t": [4.0, 5, 6, 7, 8, 9],
        "s": [2, 1, 1, 0, 1, 0],
        "x": [1.0, 0, 2, 1, 0, 2],
        "entry": [2.0, 2, 3, 2.5, 3, 4.5],
    }
    first = {"t": 1.0, "s": 0, "x": 5.0, "entry": 0.0}
    more = {name: [first[name], *values] for name, values in base.items()}
    left, right = (fine_gray(made(columns), "x", cause="relapse") for columns in (base, more))
    np.testing.assert_allclose(left.tidy()[["estimate", "std_error"]], right.tidy()[["estimate", "std_error"]], rtol=1e-9)
    # a death before that gap is gone with its epoch
    dead = {"t": 0.5, "s": 2, "x": 1.0, "entry": 0.0}
    both = {name: [dead[name], *values] for name, values in more.items()}
    np.testing.assert_allclose(
        left.tidy()["estimate"], fine_gray(made(both), "x", cause="relapse").tidy()["estimate"], rtol=1e-9
    )


def test_the_score_test_of_seven_patients():
    # With r = exp(b) at its maximum, U = sum over the events of g (x - E), and its variance from the rows' influences
    # on U and on the score of b, by the definitions; g = t.
    fit = fine_gray(made(SEVEN), "x", cause="relapse")
    b, h = fit.maximum.beta[0], 1e-5
    functions = [np.ones_like, np.asarray]
    _, score, information = Twin(SEVEN, ["x", "x"], np.array([b, 0.0]), functions).sums()
    assert score[0] == pytest.approx(0, abs=1e-9)
    # influences: crr's psi of the one censoring with events after it, at 3: q (1{k} - Y/4) / 4
    times, weights = weights_at(SEVEN, np.ones(7))
    x = np.asarray(SEVEN["x"])[:, None, None] * np.column_stack([f(times) for f in functions])
    r = weights * np.exp(b * x[:, :, 0])
    mean = (r[:, :, None] * x).sum(axis=0) / r.sum(axis=0)[:, None]
    jump = np.array([[t == u and s == 1 for u in times] for t, s in zip(SEVEN["t"], SEVEN["s"], strict=True)])
    parts = (x - mean) * (jump - r / r.sum(axis=0))[:, :, None]
    influence = parts.sum(axis=1)
    q = -parts[1, times >= 3].sum(axis=0)  # the death
    for k, t in enumerate(SEVEN["t"]):
        influence[k] += q / 4 * ((t == 3) - (t >= 3) / 4)
    left = influence[:, 1] - influence[:, 0] * information[0, 1] / information[0, 0]
    expected = score[1] ** 2 / (left**2).sum()
    tidy = proportional_hazards_test(fit, "identity").tidy()
    np.testing.assert_allclose(tidy["statistic"], expected, rtol=1e-9)
    np.testing.assert_allclose(tidy["p_value"], chdtrc(1, expected), rtol=1e-9)
    assert tidy["method"].tolist() == ["score test of proportional subdistribution hazards, identity of time"] * 2
    up, down = (Twin(SEVEN, ["x", "x"], np.array([b, v]), functions).sums()[0] for v in (h, -h))
    assert score[1] == pytest.approx((up - down) / (2 * h), rel=1e-6)


def test_km_is_the_incidence_before():
    """Seven patients: before 1 nothing; before 1.5 1/7; before 4 2/7; then of the 5/7 left 1 in 3 + 3/4, with the death."""
    fit = fine_gray(made(SEVEN), "x", cause="relapse")
    g = function_at_events(fit, fit.endpoint, fit.sweep().rows, "km")
    incidence = np.array([0, 1 / 7, 2 / 7, 2 / 7 + 5 / 7 * 4 / 15])
    np.testing.assert_allclose(g, incidence - incidence.mean(), rtol=1e-12, atol=1e-15)


def test_what_cannot_be_tested():
    one = {"t": [1.0, 1, 2, 3], "s": [1, 1, 2, 0], "x": [0.0, 1, 2, 1]}
    table = proportional_hazards_test(fine_gray(made(one), "x", cause="relapse")).tidy()
    assert table["note"].tolist() == [ONE_TIME] * 2
    fit = fine_gray(made(SEVEN), "x", cause="relapse", time_effects={"x": "linear"})
    table = proportional_hazards_test(fit, "identity").tidy()
    assert table["note"].tolist() == [SINGULAR_NOTE] * 2
    assert np.isfinite(proportional_hazards_test(fit, "km").tidy()["statistic"]).all()
