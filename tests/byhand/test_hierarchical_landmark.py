"""From a landmark on: what nobody was followed through is told by nothing, and moves nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.density_memory import pack
from ikzf1_outcomes.kernels.hierarchical_density import evaluate
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint

AT = 1.0


def frame(n=60):
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "years": rng.uniform(1.1, 6.0, n),
            "status": rng.integers(0, 2, n),
            "ikzf1_class": rng.choice(["none", "ik6", "whole"], n),
            "mrd": rng.normal(size=n),
            "cutoff": 10.0,
        }
    )


def endpoint_of(table):
    return iko.endpoint_from_columns(
        table, time="years", status="status", causes={1: "relapse"}, time_unit="years", name="RELAPSE"
    )


def densities(endpoint, spec):
    own = reduce_endpoint(endpoint, spec).models[0]
    memory = pack(own.sums, own.baseline, own.families)
    return own, memory


def test_a_landmark_is_a_clock_that_begins_there():
    """With cuts at 1, 2 and 3 years and the landmark at 1, the interval before it holds nobody. The walk's steps have the
    same spreads as those of cuts at 1 and 2 on a clock that begins at the landmark (centres 1.5, 2.5, 3.5 and 0.5, 1.5,
    2.5), and the cumulative hazard from 1 to 5 is that from 0 to 4. So the densities differ by the prior of the first step
    alone, wherever they are looked at."""
    late = iko.landmark(endpoint_of(frame()), AT)
    moved = endpoint_of(frame().assign(years=lambda t: t["years"] - AT))
    here, long = densities(late, iko.hierarchical_spec(cuts=(1.0, 2.0, 3.0)))
    there, short = densities(moved, iko.hierarchical_spec(cuts=(1.0, 2.0), horizon=4.0))
    assert here.baseline.weights.tolist() == [0.0, 1.0, 1.0, 2.0]
    assert there.baseline.weights.tolist() == [1.0, 1.0, 2.0]
    assert long.n_dim == short.n_dim + 1
    for seed in range(20):
        theta = np.random.default_rng(seed).normal(scale=0.7, size=long.n_dim)
        # level, drift, then the steps: the first of them leads out of the time before the landmark
        value, slope = evaluate(long, theta)
        other, shorter = evaluate(short, np.delete(theta, 2))
        assert value == pytest.approx(other + stats.norm.logpdf(theta[2]), rel=1e-10)
        np.testing.assert_allclose(np.delete(slope, 2), shorter, rtol=1e-8, atol=1e-8)
        assert slope[2] == pytest.approx(-theta[2], abs=1e-8)


def test_the_level_says_from_when():
    late = iko.landmark(endpoint_of(frame()), AT)
    posterior = iko.sample(late, iko.hierarchical_spec(cuts=(2.0,)), seed=1, draws=50, tune=50, chains=1)
    level = posterior.tidy().set_index("term").loc["level", "scale"]
    assert level == "log cumulative hazard from 1 to 5 years"


def test_a_horizon_before_the_landmark_is_refused():
    late = iko.landmark(endpoint_of(frame()), AT)
    with pytest.raises(InputError, match="nobody is followed before the horizon"):
        reduce_endpoint(late, iko.hierarchical_spec(cuts=(2.0,), horizon=1.0))


def test_residual_disease_needs_the_landmark_at_which_it_is_known():
    """A value that is known at 0.21 years has no place in a model that begins before."""
    cohort = iko.simulate_cohort(300, seed=5)
    whole = iko.define_endpoint(cohort, "RELAPSE")
    spec = iko.hierarchical_spec(covariates="mrd_TP2_value", causes="relapse")
    with pytest.raises(InputError, match="known"):
        iko.sample(iko.landmark(whole, 0.1), spec, seed=1)
    late = iko.landmark(whole, 0.3)
    posterior = iko.sample(late, spec, seed=1, draws=50, tune=50, chains=1)
    assert "mrd_TP2_value" in posterior.tidy()["contrast"].tolist()
