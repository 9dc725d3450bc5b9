"""Weibull hazards and mixture cure against maximum likelihood and a known truth; the same draws; sampling interrupted."""

import _thread
import threading

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.compiled_graphs import COMPILED
from ikzf1_outcomes.models.bayes.quantities import quantities

N, CURED, MEDIAN, SHAPE, ODDS, Z = 2000, 0.4, 1.5, 1.4, 0.7, 0.3


def flat() -> iko.Priors:
    """Priors that say next to nothing."""
    wide = {
        name: iko.Prior("normal", 0.0, 10.0, "none", "says nothing")
        for name in ("level", "deletion", "covariate", "shape", "uncured", "median", "latency")
    }
    return iko.Priors(**wide)


@pytest.fixture(scope="module")
def world() -> iko.Endpoint:
    """40 % of those without a deletion are cured; the others have Weibull times, followed for 6 to 12 years."""
    rng = np.random.default_rng(11)
    deleted, z = rng.random(N) < 0.3, np.round(rng.normal(size=N), 1)
    odds = logit(1 - CURED) + ODDS * deleted + Z * z
    uncured = rng.random(N) < 1 / (1 + np.exp(-odds))
    time = MEDIAN * (rng.exponential(size=N) / np.log(2)) ** (1 / SHAPE)
    end = rng.uniform(6, 12, N)
    frame = pd.DataFrame(
        {
            "t": np.where(uncured, np.minimum(time, end), end), "s": (uncured & (time <= end)).astype(int),
            "ikzf1_class": np.where(deleted, "ik6", "none"), "deleted": deleted.astype(float), "z": z,
        }
    )  # fmt: skip
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, time_unit="years")


def draws_of(posterior: iko.Posterior) -> dict[str, np.ndarray]:
    found = quantities(posterior.reduced, posterior.sampled[0].drawn)
    return {part.term: part.values.ravel() for part in found}


def near(draws: np.ndarray, estimate: float) -> bool:
    """Within a tenth of a standard error, and what is left of chance."""
    return abs(draws.mean() - estimate) < 0.1 * draws.std()


@pytest.fixture(scope="module")
def cured(world: iko.Endpoint) -> iko.Posterior:
    spec = iko.hierarchical_spec(covariates=["z"], cure=True, baseline="weibull", priors=flat())
    return iko.sample(world, spec, seed=1, draws=1500, tune=700)


def test_a_world_with_cure_is_found_again(cured: iko.Posterior, world: iko.Endpoint) -> None:
    table = cured.tidy().set_index("term")
    z = world.frame["z"].to_numpy()
    truth = {
        "deletion": ODDS, "covariate": Z * z.std(), "uncured": logit(1 - CURED) + Z * z.mean(),
        "median of the uncured": MEDIAN, "shape": SHAPE,
    }  # fmt: skip
    for term, value in truth.items():
        row = table.loc[term]
        assert abs(row["estimate"] - value) < 3.5 * row["posterior_sd"], term
        assert row["r_hat"] < 1.01
    share = 1 / (1 + np.exp(draws_of(cured)["uncured"]))
    assert share.mean() == pytest.approx(CURED, abs=0.05)
    assert table.loc["deletion", "scale"] == "log odds ratio"
    assert table.loc["deletion", "p_above_1"] > 0.999
    ratio = cured.tidy(exponentiate=True).set_index("term").loc["deletion"]
    assert ratio["scale"] == "odds ratio"
    assert ratio["estimate"] == pytest.approx(np.exp(table.loc["deletion", "estimate"]), rel=1e-12)
    assert "not cure as a patient" in ratio["note"]
    assert cured.glance()["method"].tolist() == ["Bayesian hierarchical mixture cure"]


def test_cure_with_flat_priors_is_maximum_likelihood(cured: iko.Posterior, world: iko.Endpoint) -> None:
    """`mixture_cure` has odds ratios of being cured, H(t) = rate t^shape, and covariates as they are."""
    tidy = iko.mixture_cure(world, [], cured_terms=["deleted", "z"]).tidy().set_index("term")["estimate"]
    own, z = draws_of(cured), world.frame["z"].to_numpy()
    assert near(own["deletion"], -tidy["deleted"])
    assert near(own["covariate"], -tidy["z"] * z.std())
    assert near(own["uncured"], -tidy["intercept"] - tidy["z"] * z.mean())
    assert near(np.log(own["shape"]), tidy["shape"])
    median = (np.log(np.log(2)) - tidy["rate"]) / np.exp(tidy["shape"])
    assert near(np.log(own["median of the uncured"]), median)


def test_a_weibull_with_flat_priors_is_maximum_likelihood(world: iko.Endpoint) -> None:
    """One patient a pattern. Log T = a + x'b + sigma W: the shape is 1 / sigma, log hazard ratios are -b / sigma."""
    rng = np.random.default_rng(5)
    deleted, z, end = world.frame["deleted"].to_numpy(), rng.normal(size=N), rng.uniform(2, 8, N)
    time = 6.0 * (rng.exponential(size=N) / np.exp(0.5 * deleted - 0.4 * z)) ** (1 / 0.8)
    frame = world.frame.assign(z=z, t=np.minimum(time, end), s=(time <= end).astype(int))
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, time_unit="years")
    fit = iko.parametric(endpoint, ["deleted", "z"], family="weibull")
    intercept, b, c, log_sigma = fit.theta
    spec = iko.hierarchical_spec(covariates=["z"], baseline="weibull", priors=flat())
    posterior = iko.sample(endpoint, spec, seed=2, draws=1500, tune=700)
    assert not posterior.lost
    own, sigma = draws_of(posterior), np.exp(log_sigma)
    assert near(own["deletion"], -b / sigma)
    assert near(own["covariate"], -c / sigma * z.std())
    assert near(np.log(own["shape"]), -log_sigma)
    assert near(own["level"], (np.log(5.0) - intercept - c * z.mean()) / sigma)
    table = posterior.tidy(exponentiate=True).set_index("term")
    assert table.loc["deletion", "scale"] == "hazard ratio"
    assert table.loc["shape", "estimate"] == pytest.approx(np.median(own["shape"]), rel=1e-12)
    assert iko.leave_one_out(posterior)["n_influential"].tolist() == [0]
    beside = iko.shrinkage(posterior).set_index("method")
    assert abs(beside.loc["Cox", "estimate"] - beside.loc["hierarchical", "estimate"]) < 0.1


# -- as the compiled density -----------------------------------------------------------------------------------------------


def small() -> iko.Endpoint:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "t": np.round(rng.uniform(0.1, 6, 80), 2), "s": rng.choice([0, 1, 2], 80, p=[0.5, 0.35, 0.15]),
            "ikzf1_class": rng.choice(["none", "ik6", "del_4_8"], 80, p=[0.6, 0.2, 0.2]),
            "trial": rng.choice(list("pq"), 80),
        }
    )  # fmt: skip
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, time_unit="years")


@pytest.fixture(scope="module")
def spec() -> iko.HierarchicalSpec:
    return iko.hierarchical_spec(baseline="weibull", strata="trial", causes=["relapse", "death"])


def test_the_same_seed_gives_the_same_draws(spec: iko.HierarchicalSpec) -> None:
    how = {"draws": 150, "tune": 150, "chains": 2}
    one = iko.sample(small(), spec, seed=4, **how)
    graphs = len(COMPILED)
    two, other = iko.sample(small(), spec, seed=4, cores=1, **how), iko.sample(small(), spec, seed=5, **how)
    assert len(COMPILED) == graphs  # both causes and all fits are served by one graph
    for a, b, c in zip(one.sampled, two.sampled, other.sampled, strict=True):
        assert (a.drawn.position == b.drawn.position).all()
        assert not (a.drawn.position == c.drawn.position).all()
        assert a.drawn.model.n_baseline == 4  # levels, then log shapes, of two trials
    table = one.tidy().set_index(["cause", "term", "contrast"])
    assert table.loc[("relapse", "shape", "p"), "n"] + table.loc[("relapse", "shape", "q"), "n"] == 80
    found = one.to_arviz().posterior
    assert found["relapse: level, log shape"].shape == (2, 150, 2, 2)
    risks = one.curves([1.0, 5.0])
    total = risks.groupby(["group", "time"])["estimate"].sum()
    assert (np.abs(total - 1.0) < 0.05).all()  # medians need not add up; draws do
    assert {"beyond the follow-up of these patients: the prior decides"} == set(
        one.curves([50.0])["note"].str.split("; ").str[-1]
    )


def test_draws_that_fail_the_gate_are_tried_twice_more_and_said(spec: iko.HierarchicalSpec) -> None:
    posterior = iko.sample(small(), spec, seed=1, draws=40, tune=40, chains=2)
    assert (posterior.glance()["tries"] == 3).all()
    assert posterior.tidy()["note"].str.contains("not converged: .* effective sample size").all()


def test_an_interrupted_run_keeps_its_draws(spec: iko.HierarchicalSpec) -> None:
    iko.sample(small(), spec, seed=1, draws=10, tune=10, chains=2)  # what is compiled once is no part of the run
    timer = threading.Timer(1.0, _thread.interrupt_main)
    timer.start()
    posterior = iko.sample(small(), spec, seed=5, draws=2_000_000, tune=50, chains=2)
    timer.join()
    row = posterior.glance().iloc[0]
    assert 0 < row["draws"] < 2_000_000
    assert "sampling was interrupted" in row["note"]
    with pytest.raises(iko.InputError, match="curves need a model of every cause"):
        posterior.curves(1.0)


def test_the_pymc_model_has_all_causes_beside_each_other() -> None:
    model = iko.hierarchical_model(small(), iko.hierarchical_spec(cure=True, causes=["relapse", "death"]))
    names = {variable.name for variable in model.free_RVs}
    own = {"level", "drift", "step", "uncured", "deletion", "class spread", "class"}
    assert names == {f"{cause}: {name}" for cause in ("relapse", "death") for name in own}
