"""Ridge penalty, gamma frailty and the concordance of a fit: on paper, and against slow twins."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import digamma, gammaln
from scipy.stats import gamma

from ikzf1_outcomes import cox, endpoint_from_columns
from ikzf1_outcomes.kernels.frailty import digamma_rest, stirling_rest

CLUSTERS = pd.DataFrame(
    {
        "t": [3.0, 1, 2, 9, 4, 1, 6, 8, 5, 2, 7, 9],
        "s": [1, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 0],
        "x": [0.5, 1, -1, 0, 2, 0, 1, -0.5, 0, 1.5, -1, 0],
        "g": list("aaabbcccbabc"),
    }
)


def made(frame, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, **options)


def test_three_patients_with_a_ridge():
    """The patient with x = 1 has the one event, beside two with x = 0: l(b) = log(r / (r + 2)), r = exp(b).

    x has variance 1/3 (n - 1), so the score of the penalised likelihood is 2 / (r + 2) - theta b / 3. With
    theta = 3 / (2 log 2) it is 0 at r = 2. There the information is 2 r / (r + 2)^2 = 1/4 and the penalty adds
    theta / 3 = 1 / (2 log 2).
    """
    log2 = math.log(2)
    endpoint = made(pd.DataFrame({"t": [1.0, 3, 2], "s": [1, 0, 0], "x": [1.0, 0, 0]}))
    fit = cox(endpoint, "x", penalty=("ridge", 3 / (2 * log2)))
    row, glance = fit.tidy().iloc[0], fit.glance().iloc[0]
    curved = 1 / 4 + 1 / (2 * log2)
    assert row["estimate"] == pytest.approx(log2, rel=1e-12)
    assert row["std_error"] == pytest.approx(curved**-0.5, rel=1e-12)
    assert row["note"] == "shrunken by the ridge penalty"
    assert fit.covariance_data[0, 0] == pytest.approx(1 / 4 / curved**2, rel=1e-12)
    assert glance["df"] == pytest.approx(1 / 4 / curved, rel=1e-12)
    assert glance["log_likelihood"] == pytest.approx(-log2, rel=1e-12)
    assert glance["log_likelihood_null"] == pytest.approx(-math.log(3), rel=1e-12)
    assert glance["penalty"] == pytest.approx(log2 / 4, rel=1e-12)
    assert glance["aic"] == pytest.approx(2 / 4 / curved + 2 * log2, rel=1e-12)


def slow_likelihood(frame, x, beta, ties):
    """Every risk set written out: strata, weights, entry, offset."""
    eta, total = x @ beta + frame["shift"].to_numpy(), 0.0
    t, w = frame["t"].to_numpy(), frame["w"].to_numpy()
    for stratum in frame["stratum"].unique():
        for time in np.unique(t):
            own = (frame["stratum"] == stratum).to_numpy()
            dead = own & (t == time) & (frame["s"] == 1).to_numpy()
            risk = own & (t >= time) & (frame["entry"] < time).to_numpy()
            m = int(dead.sum())
            total += float((w * eta)[dead].sum())
            for k in range(m):
                share = k / m if ties == "efron" else 0.0
                left = (w * np.exp(eta))[risk].sum() - share * (w * np.exp(eta))[dead].sum()
                total -= w[dead].mean() * math.log(left)
    return total


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("terms", [None, "z"])
def test_a_ridge_against_a_slow_twin(ties, terms):
    rng = np.random.default_rng(8)
    n = 24
    frame = pd.DataFrame({"t": rng.integers(2, 9, n) * 1.0, "s": rng.integers(0, 2, n), "x": rng.normal(size=n)})
    frame = frame.assign(
        z=rng.integers(0, 5, n), w=rng.integers(1, 4, n) * 1.0, entry=np.where(rng.random(n) < 0.3, 2.0, 0)
    )
    frame = frame.assign(entry=np.minimum(frame["entry"], frame["t"] - 1), shift=rng.normal(size=n) / 3)
    frame["stratum"] = rng.choice(["p", "q"], n)
    x = frame[["x", "z"]].to_numpy(dtype=float)
    penalty = 3.0 * x.var(axis=0, ddof=1) * np.array([terms is None, True])
    fit = cox(
        made(frame, weights="w", entry="entry"), "x + z", penalty=("ridge", 3.0), ridge_terms=terms, ties=ties,
        strata="stratum", offset="shift",
    )  # fmt: skip

    def loss(beta):
        return 0.5 * penalty @ beta**2 - slow_likelihood(frame, x, beta, ties)

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 2000})
    np.testing.assert_allclose(fit.tidy()["estimate"], best.x, atol=1e-6)
    h, eye = 1e-4, np.eye(2)
    curved = [[loss(best.x + h * (a + b)) - loss(best.x + h * (a - b)) for b in eye] for a in eye]
    back = [[loss(best.x - h * (a - b)) - loss(best.x - h * (a + b)) for b in eye] for a in eye]
    np.testing.assert_allclose(np.linalg.inv(fit.covariance), (np.array(curved) - back) / (4 * h * h), rtol=1e-5, atol=1e-5)
    assert fit.glance()["log_likelihood"].iloc[0] == pytest.approx(slow_likelihood(frame, x, best.x, ties), abs=1e-7)
    noted = fit.tidy()["note"].tolist()
    assert noted == ["shrunken by the ridge penalty" if terms is None else "", "shrunken by the ridge penalty"]


def integrated(beta, jumps, theta):
    """Log marginal likelihood of CLUSTERS, the frailty of each integrated out numerically; baseline jumps at the events."""
    times = np.unique(CLUSTERS["t"][CLUSTERS["s"] == 1])
    t, s, x = (CLUSTERS[name].to_numpy() for name in "tsx")
    hazard = (jumps[None, :] * (times[None, :] <= t[:, None])).sum(axis=1) * np.exp(x * beta)
    jump = np.append(jumps, 1.0)[np.where(s == 1, np.searchsorted(times, t), len(times))]
    total = float((s * (np.log(jump) + x * beta)).sum())
    for cluster in "abc":
        own = (CLUSTERS["g"] == cluster).to_numpy()
        d, cumulative = int(s[own].sum()), float(hazard[own].sum())
        found = quad(
            lambda z, d=d, c=cumulative: z**d * math.exp(-z * c) * gamma.pdf(z, 1 / theta, scale=theta),
            0, np.inf, epsabs=0, epsrel=1e-12, limit=200,
        )[0]  # fmt: skip
        total += math.log(found)
    return total


def test_a_frailty_against_the_integrated_likelihood():
    """At the fit the likelihood with frailties integrated out has its value and its maximum.

    The fit's is on the scale of the partial likelihood: more by the number of events, less by the sum of d log d over tied
    times (two events at 1, two at 2: 4 log 2).
    """
    fit = cox(made(CLUSTERS), "x", frailty="g", ties="breslow")
    beta, theta, glance = float(fit.beta[0]), fit.theta, fit.glance().iloc[0]
    assert theta > 0.01
    z = np.exp(fit.frailties()["estimate"].to_numpy())[CLUSTERS["g"].map({"a": 0, "b": 1, "c": 2}).to_numpy()]
    risk = z * np.exp(CLUSTERS["x"].to_numpy() * beta)
    events = CLUSTERS.loc[CLUSTERS["s"] == 1, "t"]
    times = np.unique(events)
    jumps = np.array([(events == u).sum() / risk[CLUSTERS["t"] >= u].sum() for u in times])
    top = integrated(beta, jumps, theta)
    assert glance["log_likelihood"] == pytest.approx(top + len(events) - 4 * math.log(2), abs=1e-9)
    for h in (-0.02, 0.02):
        assert integrated(beta + h, jumps, theta) < top
        assert integrated(beta, jumps, theta * (1 + h)) < top
        for k in range(len(times)):
            assert integrated(beta, jumps * (1 + h * (np.arange(len(times)) == k)), theta) < top
    slopes = [
        integrated(beta + 1e-4, jumps, theta) - integrated(beta - 1e-4, jumps, theta),
        integrated(beta, jumps, theta + 1e-4) - integrated(beta, jumps, theta - 1e-4),
    ]
    np.testing.assert_allclose(np.array(slopes) / 2e-4, 0.0, atol=1e-6)


def test_a_frailty_against_em_steps():
    """E: frailty (1 / theta + d) / (1 / theta + H), d events, H expected without frailty; M: Cox with its log as offset."""
    fit = cox(made(CLUSTERS), "x", frailty="g", ties="breslow")
    groups = CLUSTERS["g"].map({"a": 0, "b": 1, "c": 2}).to_numpy()
    d, v, z = np.bincount(groups, CLUSTERS["s"]), 1 / fit.theta, np.ones(3)
    for _ in range(400):
        step = cox(made(CLUSTERS.assign(shift=np.log(z[groups]))), "x", offset="shift", ties="breslow")
        expected = CLUSTERS["s"].to_numpy() - step.residuals()["martingale"].to_numpy()
        z = (v + d) / (v + np.bincount(groups, expected) / z)
    assert step.tidy()["estimate"].iloc[0] == pytest.approx(fit.beta[0], rel=1e-8)
    np.testing.assert_allclose(np.log(z), fit.frailties()["estimate"], atol=1e-8)
    found = fit.frailties()
    assert found["group"].tolist() == ["a", "b", "c"]
    assert found["n"].tolist() == [4, 4, 4]
    assert found["n_event"].tolist() == [4, 1, 2]


def test_the_test_of_the_variance_is_half_a_tail():
    fit = cox(made(CLUSTERS), "x", frailty="g")
    plain, glance = cox(made(CLUSTERS), "x").glance().iloc[0], fit.glance().iloc[0]
    statistic = 2 * (glance["log_likelihood"] - plain["log_likelihood"])
    assert glance["log_likelihood_no_frailty"] == plain["log_likelihood"]
    assert glance["statistic"] == pytest.approx(statistic, abs=1e-12)
    assert glance["p_value"] == pytest.approx(math.erfc(math.sqrt(statistic / 2)) / 2, rel=1e-10)
    assert glance["n_clusters"] == 3


def test_equal_clusters_have_no_frailty():
    """Each cluster has one event at 1 and one at 2, x the same in all: d = H = 2, and (d - H)^2 - d < 0."""
    frame = pd.DataFrame({"t": [1.0, 2, 3] * 4, "s": [1, 1, 0] * 4, "x": [0.0, 2, 1] * 4, "g": np.repeat(list("abcd"), 3)})
    fit, plain = cox(made(frame), "x", frailty="g"), cox(made(frame), "x")
    assert fit.theta == 0
    assert fit.glance()["note"].iloc[0] == "the variance of the frailty is 0: the fit without it"
    assert fit.glance()["p_value"].iloc[0] == 1
    pd.testing.assert_frame_equal(fit.tidy(), plain.tidy())
    pd.testing.assert_frame_equal(fit.tidy(whole=True), plain.tidy())
    assert (fit.frailties()["estimate"] == 0).all()


def test_what_is_left_of_the_gamma_functions():
    x = np.array([0.3, 2.0, 29.9, 30.1, 45.0, 90.0])
    whole = (x - 0.5) * np.log(x) - x + math.log(2 * math.pi) / 2
    np.testing.assert_allclose(stirling_rest(x), gammaln(x) - whole, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(digamma_rest(x), digamma(x) - np.log(x), rtol=1e-12, atol=1e-15)
    assert float(stirling_rest(1e8)) == pytest.approx(1 / 12e8, rel=1e-15)
    assert float(digamma_rest(1e8)) == pytest.approx(-0.5e-8, rel=1e-8)


def test_concordance_of_a_fit_with_a_level_without_events():
    """Patients of level c have no event: the lowest risk. Pairs of the four events with those at risk after them.

    a has the higher hazard (three events early). Event at 1 (a): with a at 2, a at 4: tied scores; b at 3, b at 6, c at 5,
    c at 7: concordant. At 2 (a): a at 4 tied; b, b, c, c concordant. At 3 (b): a at 4 discordant; b at 6 tied; c, c
    concordant. At 4 (a): b at 6, c, c concordant. In all 4 + 4 + 2 + 3 = 13 concordant, 1 discordant,
    2 + 1 + 1 = 4 tied of 18.
    """
    frame = pd.DataFrame({"t": [5.0, 1, 3, 2, 7, 4, 6], "s": [0, 1, 1, 1, 0, 1, 0], "arm": list("cabacab")})
    fit = cox(made(frame), "arm")
    assert fit.notes
    assert fit.glance()["concordance"].iloc[0] == pytest.approx((13 + 2) / 18, rel=1e-14)
