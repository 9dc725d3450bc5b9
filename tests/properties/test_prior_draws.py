"""Draws from the priors of a hierarchical model: against the priors, and against the density that samplers follow."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.density_memory import NORMAL, POOLED, pack
from ikzf1_outcomes.kernels.hierarchical_density import evaluate
from ikzf1_outcomes.models.bayes.prior_draws import BEFORE, METHOD, prior_positions
from ikzf1_outcomes.models.bayes.quantities import in_own_terms
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint
from ikzf1_outcomes.models.bayes.specification import hierarchical_spec

DRAWS = 20_000
OPTIONS: dict[str, dict] = {
    "steps": {
        "subtype": "subtype", "protocol": "protocol", "covariates": ["age"], "alterations": ["etv6"], "causes": "relapse",
    },
    "spline": {"baseline": "spline", "bound": 9.0, "cuts": [0.5, 1.5, 4.0], "subtype": "subtype", "causes": "relapse"},
    "trials": {"strata": "protocol", "pooling": "superpopulation", "causes": "death", "cuts": [1.0, 2.0, 6.0]},
    "changing": {"changes_at": 1.0, "causes": "any", "cuts": []},
    "shrunk": {
        "features": ["f0", "f1", "f2"], "pathways": {"one": ["f1"]}, "alterations": ["etv6", "pax5"],
        "alterations_prior": "r2d2", "causes": "relapse", "cuts": [],
    },
}  # fmt: skip
CENTRING = ("centred", "non-centred")


def cohort(n: int = 150) -> iko.Endpoint:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {
            "ikzf1_class": rng.choice(["none", "ik6", "whole_gene", "del_4_8"], n, p=[0.7, 0.1, 0.1, 0.1]),
            "subtype": rng.choice(["a", "b", "c"], n), "protocol": rng.choice(["p", "q"], n), "age": rng.uniform(1, 17, n),
            "etv6": rng.random(n) < 0.2, "pax5": np.arange(n) % 4 == 0, "t": rng.uniform(0.1, 8, n),
            "s": rng.choice([0, 1, 2], n, p=[0.5, 0.35, 0.15]),
        }
    )  # fmt: skip
    frame = frame.assign(**{f"f{k}": np.cos(np.arange(n) * (k + 1.0)) for k in range(3)})
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})


def model_of(name: str, centring: str):
    reduced = reduce_endpoint(cohort(), hierarchical_spec(centring=centring, **OPTIONS[name]))
    return reduced, reduced.models[0]


@pytest.mark.parametrize("centring", CENTRING)
@pytest.mark.parametrize("name", OPTIONS)
def test_the_draws_are_those_of_the_density(name: str, centring: str) -> None:
    """Stein's identity: E[f d log p + df] = 0 in each coordinate, for f = 1 and for f = the coordinate itself.

    The slope by a centred number is divided by a spread that may be all but 0: f is that spread, which does not hold the
    coordinate, in place of 1. The Monte Carlo error is that of the draws; five of it are let pass.
    """
    _, own = model_of(name, centring)
    empty = own.sums._replace(
        exposure=np.zeros_like(own.sums.exposure), event_count=np.zeros_like(own.sums.event_count),
        event_sum=np.zeros_like(own.sums.event_sum),
    )  # fmt: skip
    memory = pack(empty, own.baseline, own.families)
    position = prior_positions(own, DRAWS, np.random.default_rng(4))
    assert position.shape == (DRAWS, memory.n_dim)
    slope = np.array([evaluate(memory, theta)[1] for theta in position])
    scale, base = np.ones_like(position), own.baseline
    at = base.n_strata
    if len(base.step):
        steps = slice(at + 1, at + 1 + base.n_strata * len(base.step))
        if base.centred:
            scale[:, steps] = np.exp(position[:, [at]])
        at = steps.stop
    for family in own.families:
        if family.kind == POOLED:
            scale[:, at + 1 : at + family.n_free] = np.exp(family.centring * position[:, [at]])
        at += family.n_free
    for terms in (scale * slope, position * slope + 1.0):
        error = terms.std(axis=0) / np.sqrt(DRAWS)
        assert (np.abs(terms.mean(axis=0)) < 5.0 * error).all()
        assert (error < 0.1).all()


@pytest.mark.parametrize("centring", CENTRING)
@pytest.mark.parametrize("name", OPTIONS)
def test_derived_quantities_have_their_priors(name: str, centring: str) -> None:
    reduced, own = model_of(name, centring)
    priors, base = reduced.spec.priors, own.baseline
    drawn = in_own_terms(own, prior_positions(own, DRAWS, np.random.default_rng(6))[None])

    def agrees(values: np.ndarray, law) -> None:
        assert stats.kstest(values, law.cdf).pvalue > 1e-4

    # of the average patient, whatever the walk
    total = np.log(np.exp(drawn.log_hazard[0]) @ reduced.basis.integrals(np.array([reduced.spec.horizon]))[0])
    level = priors.level_of_any if own.cause == "any" else priors.level
    for s in range(base.n_strata):
        agrees(total[:, s], stats.norm(level.location, level.scale))
    if len(base.step):
        agrees(np.exp(drawn.position[0, :, base.n_strata]), stats.halfnorm(scale=priors.drift.scale))
        moved = np.diff(drawn.log_hazard[0], axis=2) / np.exp(drawn.position[0, :, base.n_strata, None, None])
        for s in range(base.n_strata):
            for k, width in enumerate(np.diff(reduced.basis.centres)):
                agrees(moved[:, s, k], stats.norm(0.0, np.sqrt(width)))
    at = base.n_strata * (1 + len(base.step)) + bool(len(base.step))
    for labelled in own.effects:
        family = labelled.family
        values = drawn.effect[0, :, family.begin : family.begin + family.size]
        if family.kind == NORMAL:
            for column in values.T:
                agrees(column, stats.norm(labelled.prior.location, labelled.prior.scale))
        elif family.kind == POOLED:
            spread = np.exp(drawn.position[0, :, at])
            agrees(spread, stats.halfnorm(scale=labelled.prior.scale))
            covariance = np.cov((values / spread[:, None]).T)
            assert covariance == pytest.approx(family.basis @ family.basis.T, abs=6.0 / np.sqrt(DRAWS))
        at += family.n_free


@pytest.mark.parametrize("name", OPTIONS)
def test_the_prior_predictive_has_the_tables_of_a_posterior(name: str) -> None:
    endpoint = cohort()
    chosen = OPTIONS[name] | {"causes": "any" if name == "changing" else ("relapse", "other")}
    spec = hierarchical_spec(**chosen)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = iko.sample_prior(endpoint, spec, seed=1, draws=4000)
        again = iko.sample_prior(endpoint, spec, seed=1, draws=4000)
        table, glance = before.tidy(), before.glance()
        curves, contrasts = before.curves([1, 5]), before.contrasts(5)
    pd.testing.assert_frame_equal(curves, again.curves([1, 5]))
    assert "draws" in repr(before)
    assert table["note"].str.startswith(BEFORE).all()
    assert not table["note"].str.contains("converged").any()
    assert (glance["method"] == METHOD).all()
    assert (glance["draws"] == 4000).all()
    assert glance["r_hat"].isna().all()
    # the shares of the draws above 1 are the prior probabilities of the table, a binomial error away
    known = table.dropna(subset=["prior_p_above_1"])
    assert len(known)
    assert (np.abs(known["p_above_1"] - known["prior_p_above_1"]) < 5 * 0.5 / np.sqrt(4000)).all()
    whole = curves.groupby(["group", "time"])["estimate"].size()
    assert (whole == 1 + len(before.causes)).all()
    for part in (curves, contrasts):
        assert np.isfinite(part[["estimate", "low", "high"]].to_numpy()).all()


def test_times_and_events_do_not_enter() -> None:
    endpoint = cohort()
    frame = endpoint.frame.assign(t=endpoint.frame["t"].to_numpy()[::-1], s=endpoint.frame["s"].to_numpy()[::-1])
    other = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})
    spec = hierarchical_spec(**OPTIONS["steps"])
    columns = ["term", "contrast", "estimate", "low", "high"]
    one, two = (iko.sample_prior(e, spec, seed=2).tidy()[columns] for e in (endpoint, other))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("draws", [0, 3, 2.5, True])
def test_numbers_of_draws_that_are_none(draws) -> None:
    with pytest.raises(iko.InputError, match="draws"):
        iko.sample_prior(cohort(), hierarchical_spec(causes="relapse"), seed=1, draws=draws)
