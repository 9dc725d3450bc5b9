"""Fine and Gray's weighted likelihood and its sandwich on a sheet of paper, and against slow twins of both."""

from fractions import Fraction
from math import exp, log

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import ConvergenceError, endpoint_from_columns
from ikzf1_outcomes.kernels.subdistribution import fine_gray_likelihood, lay_out, risk_sets
from ikzf1_outcomes.kernels.subdistribution_influence import score_residuals
from ikzf1_outcomes.models.subdistribution import fine_gray

F = Fraction
CAUSES = {1: "relapse", 2: "death"}

# deleted (x = 1): relapse at 1, death at 2, relapse at 5; normal: censored at 3 and 6, relapse at 4; scrambled
SIX = {"t": [3.0, 2, 6, 1, 4, 5], "s": [0, 2, 0, 1, 1, 1], "x": [0, 1, 0, 1, 0, 1]}
# ties of every kind, events and a censoring at time 0, weights, two strata; times 0, 1, 2, 3
EIGHT = {
    "t": [1.0, 2, 0, 1, 3, 2, 1, 0],
    "s": [2, 1, 0, 1, 1, 0, 0, 1],
    "x": [1.0, 0, 2, 1, 0.5, 1, 0, 2],
    "z": [0.0, 1, 1, 0, 2, 0, 1, 0],
    "weights": [2.0, 1, 3, 1, 1, 2, 1, 1],
    "g": [0, 0, 1, 1, 0, 1, 0, 1],
}


def made(columns, causes=None):
    named = {"weights": "weights"} if "weights" in columns else {}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes=causes or CAUSES, **named)


def laid(columns, names, active=None):
    e = made(columns)
    x = np.column_stack([np.asarray(columns[name], dtype=float) for name in names])
    strata = np.asarray(columns.get("g", np.zeros(len(e))), dtype=int)
    active = np.ones(len(e), dtype=bool) if active is None else np.asarray(active)
    return lay_out(e.rows, e.cause, e.case_weights, active, strata, x)


def in_order(rows, values):
    out = np.empty_like(values)
    out[rows.order] = values
    return out


class Twin:
    """Everything row by row and time by time, from the definitions."""

    def __init__(self, columns, beta, names=("x",)):
        self.t, self.s = columns["t"], columns["s"]
        self.n = len(self.t)
        self.w = columns.get("weights", [1.0] * self.n)
        self.g = columns.get("g", [0] * self.n)
        self.x = np.column_stack([np.asarray(columns[name], dtype=float) for name in names])
        self.r = np.exp(self.x @ np.asarray(beta, dtype=float))
        self.beta = beta
        self.times = sorted({t for t, s in zip(self.t, self.s, strict=True) if s == 1})

    def at_risk(self, u, g):
        return sum(self.w[i] for i in range(self.n) if self.g[i] == g and self.t[i] >= u)

    def censored(self, u, g):
        return sum(self.w[i] for i in range(self.n) if self.g[i] == g and self.t[i] == u and self.s[i] == 0)

    def censoring(self, u, g):
        """G(u-): those not censored before u, among those at risk in the stratum; 0 beyond its last follow-up."""
        if u > max(self.t[i] for i in range(self.n) if self.g[i] == g):
            return 0.0
        earlier = {self.t[i] for i in range(self.n) if self.g[i] == g and self.s[i] == 0 and self.t[i] < u}
        return float(np.prod([1 - self.censored(v, g) / self.at_risk(v, g) for v in earlier]))

    def share(self, i, u):
        if self.t[i] >= u:
            return 1.0
        return self.censoring(u, self.g[i]) / self.censoring(self.t[i], self.g[i]) if self.s[i] == 2 else 0.0

    def total(self, u):
        return sum(self.w[i] * self.r[i] * self.share(i, u) for i in range(self.n))

    def mean(self, u):
        return sum(self.w[i] * self.r[i] * self.share(i, u) * self.x[i] for i in range(self.n)) / self.total(u)

    def deaths(self, u):
        return sum(self.w[i] for i in range(self.n) if self.t[i] == u and self.s[i] == 1)

    def value(self):
        events = sum(self.w[i] * log(self.r[i]) for i in range(self.n) if self.s[i] == 1)
        return events - sum(self.deaths(u) * log(self.total(u)) for u in self.times)

    def information(self):
        out = np.zeros((self.x.shape[1],) * 2)
        for u in self.times:
            for i in range(self.n):
                ahead = self.x[i] - self.mean(u)
                out += self.deaths(u) * self.w[i] * self.r[i] * self.share(i, u) / self.total(u) * np.outer(ahead, ahead)
        return out

    def part(self, i, u):
        """(x - mean) w(u) dM(u) of row i at u."""
        died = float(self.t[i] == u and self.s[i] == 1)
        return (self.x[i] - self.mean(u)) * self.share(i, u) * (died - self.r[i] * self.deaths(u) / self.total(u))

    def influences(self, exact=False):
        """eta + psi. `exact`: the derivative of the score with respect to a case weight, by way of the discrete G."""
        out = np.array([sum(self.part(i, u) for u in self.times) for i in range(self.n)])
        for g in set(self.g):
            own = [i for i in range(self.n) if self.g[i] == g]
            for v in {self.t[i] for i in own if self.s[i] == 0}:
                q, at_risk, gone = np.zeros(self.x.shape[1]), self.at_risk(v, g), self.censored(v, g)
                for i in own:
                    for u in self.times:
                        if self.t[i] < u and (self.t[i] <= v < u if exact else self.t[i] < v <= u):
                            q -= self.w[i] * self.part(i, u)
                if not q.any():
                    continue
                for k in own:
                    jump = float(self.t[k] == v and self.s[k] == 0) - float(self.t[k] >= v) * gone / at_risk
                    out[k] += q * jump / (at_risk - gone if exact else at_risk)
        return out


def test_six_patients_as_fractions():
    # G is 1 up to 3 and 3/4 after it: 4 were at risk when one was censored. With r = exp(beta) = 2 the sums at risk are
    # 3r + 3 = 9 at 1, (1 + 3/4) r + 2 = 11/2 at 4 and (1 + 3/4) r + 1 = 9/2 at 5: the death at 2 weighs 3/4.
    rows = laid(SIX, ["x"])
    value, score, information = fine_gray_likelihood(rows)(np.array([log(2)]))
    means = [F(2, 3), F(7, 11), F(7, 9)]
    assert value == pytest.approx(log(F(2, 9) * F(2, 11) * F(4, 9)))
    assert score[0] == pytest.approx(float(2 - sum(means)))
    assert information[0, 0] == pytest.approx(float(sum(m * (1 - m) for m in means)))
    sets = risk_sets(rows, np.array([log(2)]))
    np.testing.assert_allclose(sets.hazard, 2 * np.array([1 / 9, 2 / 11, 2 / 9]), rtol=1e-14)  # of a deleted patient
    np.testing.assert_allclose(sets.mean[:, 0], [float(m) for m in means], rtol=1e-14)


def test_the_sandwich_of_six_patients_as_fractions():
    # part of a patient at risk at 1, 4 and 5: -(x - mean) r dH
    deleted = [-2 * F(1, 3) * F(1, 9), -2 * F(4, 11) * F(2, 11), -2 * F(2, 9) * F(2, 9)]
    normal = [F(2, 3) * F(1, 9), F(7, 11) * F(2, 11), F(7, 9) * F(2, 9)]
    later = F(3, 4) * (deleted[1] + deleted[2])
    eta = {
        "censored 3": normal[0],
        "death 2": deleted[0] + later,
        "censored 6": sum(normal),
        "relapse 1": F(1, 3) + deleted[0],
        "relapse 4": -F(7, 11) + normal[0] + normal[1],
        "relapse 5": F(2, 9) + sum(deleted),
    }
    # the censoring at 3, one of 4 at risk, set the weight of the one death: q = -later. At 6 nobody is left to weigh.
    q, still = -later, ("censored 3", "censored 6", "relapse 4", "relapse 5")
    psi = {name: q / 4 * ((name == "censored 3") - F(1, 4) * (name in still)) for name in eta}
    rows = laid(SIX, ["x"])
    sets = risk_sets(rows, np.array([log(2)]))
    without = in_order(rows, score_residuals(rows, sets, of_weights=False))[:, 0]
    np.testing.assert_allclose(without, [float(eta[name]) for name in eta], rtol=1e-13)
    full = in_order(rows, score_residuals(rows, sets))[:, 0]
    np.testing.assert_allclose(full, [float(eta[name] + psi[name]) for name in eta], rtol=1e-13)


def test_the_estimate_of_six_patients_is_the_root_of_a_cubic():
    # score 2 - r/(r + 1) - 7r/(7r + 8) - 7r/(7r + 4) = 0, that is 49 r^3 = 116 r + 64
    root = next(z.real for z in np.roots([49, 0, -116, -64]) if abs(z.imag) < 1e-12 and z.real > 0)
    row = fine_gray(made(SIX), "x", cause="relapse").tidy().iloc[0]
    assert row["estimate"] == pytest.approx(log(root), rel=1e-12)
    baseline = fine_gray(made(SIX), "x", cause="relapse").baseline()
    steps = [1 / (3 * root + 3), 1 / (7 * root / 4 + 2), 1 / (7 * root / 4 + 1)]
    np.testing.assert_allclose(baseline["estimate"], np.cumsum(steps), rtol=1e-12)
    assert baseline["n_event"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("left_out", [(), ("weights",), ("g",), ("weights", "g")])
def test_likelihood_and_sandwich_against_the_twins(left_out):
    columns = {name: values for name, values in EIGHT.items() if name not in left_out}
    beta = np.array([0.3, -0.5])
    rows, twin = laid(columns, ["x", "z"]), Twin(columns, beta, ("x", "z"))
    value, score, information = fine_gray_likelihood(rows)(beta)
    assert value == pytest.approx(twin.value(), rel=1e-12)
    np.testing.assert_allclose(information, twin.information(), rtol=1e-12)
    for j in (0, 1):
        up, down = (Twin(columns, beta + h * np.eye(2)[j], ("x", "z")).value() for h in (1e-6, -1e-6))
        assert score[j] == pytest.approx((up - down) / 2e-6, rel=1e-7)
    residuals = in_order(rows, score_residuals(rows, risk_sets(rows, beta)))
    np.testing.assert_allclose(residuals, twin.influences(), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("left_out", [(), ("weights",), ("g",), ("weights", "g")])
def test_the_twin_of_the_sandwich_is_a_derivative(left_out):
    """The influence of a row is the derivative of the score with respect to its case weight.

    Fine and Gray's psi takes at risk for at risk and not censored, and counts ties on the other side; with both put
    right the twin is the derivative itself, strata included: no event of another stratum may be left out.
    """
    columns = {name: values for name, values in EIGHT.items() if name not in left_out}
    beta = np.array([0.3, -0.5])

    def score(k, h):
        w = list(columns.get("weights", [1.0] * 8))
        w[k] += h
        return fine_gray_likelihood(laid({**columns, "weights": w}, ["x", "z"]))(beta)[1]

    expected = Twin(columns, beta, ("x", "z")).influences(exact=True)
    for k in range(8):
        np.testing.assert_allclose((score(k, 1e-5) - score(k, -1e-5)) / 2e-5, expected[k], rtol=1e-6, atol=1e-8)


def test_standard_errors_of_predictions_are_the_infinitesimal_jackknife():
    """Without censoring nothing is estimated besides: the influence on F(t|x) is its derivative in the case weight."""
    columns = {"t": [3.0, 2, 6, 1, 4, 5, 2, 4], "s": [1, 2, 1, 1, 2, 1, 1, 1], "x": [0, 1, 0.5, 1, 0, 1, 0, 2.0]}
    new, at = pd.DataFrame({"x": [0.0, 1.5]}), [1, 4, 5.5]

    def incidence(k, h):
        w = [1.0] * 8
        w[k] += h
        return fine_gray(made({**columns, "weights": w}), "x", cause="relapse").predict(new, at)["estimate"].to_numpy()

    slopes = np.array([(incidence(k, 1e-4) - incidence(k, -1e-4)) / 2e-4 for k in range(8)])
    table = fine_gray(made(columns), "x", cause="relapse").predict(new, at)
    np.testing.assert_allclose(table["std_error"], np.sqrt((slopes**2).sum(axis=0)), rtol=1e-6)
    pairs = [0, 1, 2, 3, 0, 1, 2, 3]
    by_pair = np.array([slopes[k] + slopes[k + 4] for k in range(4)])
    clustered = fine_gray(made({**columns, "pair": pairs}), "x", cause="relapse", cluster="pair").predict(new, at)
    np.testing.assert_allclose(clustered["std_error"], np.sqrt((by_pair**2).sum(axis=0)), rtol=1e-6)


@pytest.mark.parametrize("strata", [None, "g"])
def test_standard_errors_by_way_of_the_censoring_distribution(strata):
    """With censoring, no ties: the jackknife but for the factor at risk / (at risk - 1) in psi, of order 1/n."""
    n, rng = 200, np.random.default_rng(5)
    x, g = rng.normal(size=n), rng.integers(0, 2, n)
    times = np.column_stack([rng.exponential(np.exp(-0.5 * x)), rng.exponential(1.5, n), rng.exponential(1.2, n)])
    columns = {"t": times.min(axis=1), "s": np.array([1, 2, 0])[times.argmin(axis=1)], "x": x, "g": g}
    new, at = pd.DataFrame({"x": [0.0, 1.0]}), [0.3, 1.0]

    def fit(k=0, h=0.0):
        w = np.ones(n)
        w[k] += h
        return fine_gray(made({**columns, "weights": w}), "x", cause="relapse", censoring_strata=strata)

    pairs = [(fit(k, 1e-4), fit(k, -1e-4)) for k in range(n)]
    slopes = [(a.predict(new, at)["estimate"] - b.predict(new, at)["estimate"]) / 2e-4 for a, b in pairs]
    np.testing.assert_allclose(fit().predict(new, at)["std_error"], np.linalg.norm(slopes, axis=0), rtol=1e-3)
    coefficient = [(a.maximum.beta[0] - b.maximum.beta[0]) / 2e-4 for a, b in pairs]
    assert fit().tidy()["std_error"].iloc[0] == pytest.approx(np.linalg.norm(coefficient), rel=1e-3)
    rows = made(columns)
    laid_out = lay_out(rows.rows, rows.cause, np.ones(n), np.ones(n, dtype=bool), g if strata else 0 * g, x[:, None])
    eta = score_residuals(laid_out, risk_sets(laid_out, fit().maximum.beta), of_weights=False)
    naive = np.linalg.norm(eta) / fit().maximum.information[0, 0]
    assert abs(naive / np.linalg.norm(coefficient) - 1) > 1e-3  # without psi it would not pass


def test_limits_of_a_prediction():
    table = fine_gray(made(SIX), "x", cause="relapse").predict(pd.DataFrame({"x": [0, 1]}), [0.5, 4, 6, 6.5])
    assert table["row"].tolist() == [1] * 4 + [2] * 4
    assert table["estimate"].iloc[0] == 0
    assert table["std_error"].iloc[0] == 0
    assert table[["low", "high"]].iloc[0].isna().all()
    assert table["note"].tolist() == ["", "", "", "beyond the last follow-up"] * 2
    assert table["estimate"].isna().tolist() == [False, False, False, True] * 2
    row = table.iloc[1]
    hazard = -log(1 - row["estimate"])
    half = 1.959963984540054 * row["std_error"] / ((1 - row["estimate"]) * hazard)
    assert row["low"] == pytest.approx(1 - exp(-hazard * exp(-half)), rel=1e-10)
    assert row["high"] == pytest.approx(1 - exp(-hazard * exp(half)), rel=1e-10)


def with_an_empty_level(coefficient):
    """Ten patients, two of them in a level without relapse, whose coefficient is given."""
    x = np.array([0.0, 1, 2, 0, 1, 1, 0, 2, 0, 1])
    level = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1.0])
    columns = {"t": [3.0, 1, 4, 2, 6, 5, 7, 2, 3, 3], "s": [1, 1, 0, 2, 1, 0, 2, 1, 2, 0], "x": x, "level": level}
    rows, beta = laid(columns, ["x", "level"]), np.array([0.4, coefficient])
    sets = risk_sets(rows, beta)
    evaluated = fine_gray_likelihood(rows)(beta)
    return columns, evaluated, in_order(rows, score_residuals(rows, sets))


def test_the_limit_of_a_level_without_events():
    """As its coefficient falls, its rows leave the risk sets, and still count in the censoring distribution."""
    columns, (value, score, information), residuals = with_an_empty_level(-30.0)
    active = np.asarray(columns["level"]) == 0
    rows = laid(columns, ["x"], active)
    limit = fine_gray_likelihood(rows)(np.array([0.4]))
    assert value == pytest.approx(limit[0], rel=1e-10)
    assert score[0] == pytest.approx(limit[1][0], rel=1e-10)
    assert information[0, 0] == pytest.approx(limit[2][0, 0], rel=1e-10)
    own = in_order(rows, score_residuals(rows, risk_sets(rows, np.array([0.4]))))
    np.testing.assert_allclose(residuals[:, 0], own[:, 0], rtol=1e-9, atol=1e-12)
    assert own[9, 0] != 0  # the censored patient of the empty level has told about G
    without = laid({name: np.asarray(v)[active] for name, v in columns.items()}, ["x"])
    assert abs(fine_gray_likelihood(without)(np.array([0.4]))[1][0] - limit[1][0]) > 1e-3


def test_a_level_without_events_is_marked_and_the_rest_is_the_limit():
    columns, *_ = with_an_empty_level(0.0)
    frame = {**columns, "level": ["empty" if v else "some" for v in columns["level"]]}
    fit = fine_gray(made(frame), "x + level", cause="relapse", references={"level": "some"})
    row = fit.tidy().set_index("contrast").loc["empty vs some"]
    assert row["note"] == "not estimable: no events in empty"
    assert np.isnan(row["estimate"])
    evaluate = fine_gray_likelihood(laid(columns, ["x", "level"]))
    beta = np.array([fit.tidy()["estimate"].iloc[0], -30.0])
    assert evaluate(beta)[1][0] == pytest.approx(0, abs=1e-9)
    # with the empty level as the reference the other coefficient is the same, and so is its error
    turned = fine_gray(made(frame), "x + level", cause="relapse")
    np.testing.assert_allclose(
        turned.tidy()[["estimate", "std_error"]].iloc[0], fit.tidy()[["estimate", "std_error"]].iloc[0], rtol=1e-10
    )
    new = pd.DataFrame({"x": [1.0, 1.0, 1.0], "level": ["some", "empty", None]})
    for one in (fit, turned):
        table = one.predict(new, 5.0)
        assert table["note"].tolist() == ["", "not estimable: a level without events", "a term is missing"]
        assert table["estimate"].notna().tolist() == [True, False, False]
    assert fit.predict(new, 5.0)["estimate"].iloc[0] == pytest.approx(turned.predict(new, 5.0)["estimate"].iloc[0])


def test_a_number_that_separates_is_named():
    columns = {"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 1, 1, 2, 0, 2], "x": [6.0, 5, 4, 3, 2, 1]}
    with pytest.raises(ConvergenceError, match="no finite hazard ratio for x"):
        fine_gray(made(columns), "x", cause="relapse")


def test_a_death_before_the_first_relapse_stays_in_the_risk_sets():
    """A censoring before it does not; both tell about censoring."""
    base = {"t": [2.0, 3, 4, 5, 6], "s": [1, 0, 1, 1, 0], "x": [0, 1, 1, 0, 1.0]}
    plain = fine_gray(made(base), "x", cause="relapse").tidy()["estimate"].iloc[0]
    censored = {name: [*values, extra] for (name, values), extra in zip(base.items(), (1.0, 0, 9.0), strict=True)}
    died = {**censored, "s": [1, 0, 1, 1, 0, 2], "x": [*base["x"], 2.0]}
    assert fine_gray(made(censored), "x", cause="relapse").tidy()["estimate"].iloc[0] == pytest.approx(plain, rel=1e-9)
    moved = fine_gray(made(died), "x", cause="relapse").tidy()["estimate"].iloc[0]
    assert abs(moved - plain) > 0.1
    assert Twin(died, [moved]).value() > max(Twin(died, [moved + h]).value() for h in (-0.01, 0.01))
