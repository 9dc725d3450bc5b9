"""Failures of induction: gradient, PyMC's density, patients one by one, Logit, and curves patient by patient."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.hierarchical_density import evaluate
from ikzf1_outcomes.kernels.piecewise_risks import piecewise_risks
from ikzf1_outcomes.models.bayes.induction import memory_of, models_of
from ikzf1_outcomes.models.bayes.left_out import log_likelihood
from ikzf1_outcomes.models.bayes.reduction import CauseModel, reduce_endpoint

OPTIONS: dict[str, dict] = {
    "classes alone": {"causes": "relapse"},
    "everything": {
        "subtype": "subtype", "protocol": "protocol", "covariates": "age + log(wbc)", "alterations": ["pax5"],
        "strata": "trial", "causes": ["relapse", "other"],
    },
    "changing": {"changes_at": 1.0, "subtype": "subtype", "covariates": ["age"], "causes": "any", "cuts": [0.5, 2.0]},
    "superpopulation": {"pooling": "superpopulation", "protocol": "protocol", "causes": "any", "centring": "centred"},
}  # fmt: skip


def cohort(n: int = 400, seed: int = 3, timing: str = "zero") -> iko.Endpoint:
    """Patients from diagnosis: failures of induction at 0 or by 0.1 years, then two causes; weights."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "ikzf1_class": rng.choice(["none", "ik6", "whole_gene"], n, p=[0.6, 0.2, 0.2]),
            "subtype": rng.choice(["a", "b"], n), "protocol": rng.choice(["p", "q"], n), "age": rng.uniform(1, 17, n),
            "trial": rng.choice(["t", "u"], n), "wbc": rng.lognormal(2, 1, n), "pax5": rng.choice(["normal", "deleted"], n),
            "w": rng.choice([1.0, 2.0], n),
        }
    )  # fmt: skip
    failed = rng.random(n) < np.where(frame["ikzf1_class"] == "none", 0.1, 0.25)
    time = np.minimum(rng.exponential(4, n), rng.uniform(2, 8, n)) + 0.11
    frame["t"] = np.where(failed, 0.0 if timing == "zero" else rng.choice([0.04, 0.1], n), time)
    frame["s"] = np.where(failed, rng.choice([3, 4], n), rng.choice([0, 1, 2], n, p=[0.5, 0.35, 0.15]))
    causes = {1: "relapse", 2: "death", 3: "non-response", 4: "induction death"}
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=causes, weights="w")


def described(name: str) -> iko.HierarchicalSpec:
    return iko.hierarchical_spec(induction=("non-response", "induction death"), **OPTIONS[name])


@pytest.mark.parametrize("name", OPTIONS)
def test_the_gradient_is_the_derivative(name: str) -> None:
    rng = np.random.default_rng(5)
    own = models_of(reduce_endpoint(cohort(), described(name)))[-1]
    memory, form = memory_of(own)
    for spread in (0.7, 3.0):
        theta = rng.normal(0.0, spread, memory.n_dim)
        value, gradient = evaluate(memory, theta, form)
        assert np.isfinite(value)
        width = 1e-5
        for j in range(memory.n_dim):
            step = np.zeros(memory.n_dim)
            step[j] = width
            here = [evaluate(memory, theta + sign * step, form)[0] for sign in (1, -1)]
            assert (here[0] - here[1]) / (2 * width) == pytest.approx(
                gradient[j], rel=1e-6, abs=1e-6 * np.abs(gradient).max()
            )


@pytest.mark.parametrize("name", OPTIONS)
def test_the_density_is_that_of_the_pymc_model(name: str) -> None:
    endpoint, spec = cohort(), described(name)
    models = models_of(reduce_endpoint(endpoint, spec))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = iko.hierarchical_model(endpoint, spec)
        density = model.compile_logp(mode="FAST_COMPILE", sum=False)
        slope = model.compile_dlogp(mode="FAST_COMPILE")
    rng = np.random.default_rng(11)
    point, expected, value = {}, {}, 0.0
    for own in models:
        memory, form = memory_of(own)
        theta = rng.normal(0.0, 0.7, memory.n_dim)
        here, gradient = evaluate(memory, theta, form)
        value += here
        point |= named(own, theta)
        expected |= named(own, gradient)
    assert sum(float(np.sum(part)) for part in density(point)) == pytest.approx(value, rel=1e-10, abs=1e-10)
    theirs, at = np.asarray(slope(point)), 0
    for v in (v.name for v in model.value_vars):
        size = expected[v].size
        assert theirs[at : at + size] == pytest.approx(expected[v].ravel(), rel=1e-8, abs=1e-8)
        at += size
    assert at == sum(part.size for part in expected.values())


def named(own: CauseModel, theta: np.ndarray) -> dict[str, np.ndarray]:
    """The numbers that are sampled under PyMC's names."""
    base, cause = own.baseline, own.cause
    out, at = {f"{cause}: level": theta[: base.n_strata]}, base.n_strata
    if len(base.step):
        out[f"{cause}: drift_log__"] = theta[at]
        size = base.n_strata * len(base.step)
        out[f"{cause}: step"] = theta[at + 1 : at + 1 + size].reshape(base.n_strata, -1)
        at += 1 + size
    for labelled in own.effects:
        family, name = labelled.family, f"{cause}: {labelled.term}"
        if family.kind == 1:
            out[f"{name} spread_log__"] = theta[at]
        out[name] = theta[at + (family.kind == 1) : at + family.n_free]
        at += family.n_free
    assert at == len(theta)
    return out


@pytest.mark.parametrize("timing", ["zero", "own"])
@pytest.mark.parametrize("name", OPTIONS)
def test_the_patients_add_up_to_the_model(name: str, timing: str) -> None:
    """As leave-one-out has them: each part on its own, and who failed has no part in the hazards."""
    endpoint = cohort(timing=timing)
    before = iko.sample_prior(endpoint, described(name), seed=1, draws=6)
    reduced, rows = before.reduced, np.arange(len(endpoint))
    failed = np.isin(endpoint.cause, (3, 4))
    for own in before.sampled:
        model = own.drawn.model
        memory, form = memory_of(model)
        nothing = {part: np.zeros_like(getattr(model.sums, part)) for part in ("exposure", "event_count", "event_sum")}
        prior = memory_of(model._replace(sums=model.sums._replace(**nothing)))[0]
        each = log_likelihood(endpoint, reduced, own.drawn, rows, 6)
        assert (each[:, failed] == 0).all() != model.binary
        whole = [evaluate(memory, theta, form)[0] - evaluate(prior, theta, form)[0] for theta in own.drawn.position[0]]
        assert each.sum(axis=1) == pytest.approx(whole, rel=1e-10, abs=1e-8)


def one_by_one(posterior: iko.Posterior, word: str | None, at: np.ndarray) -> np.ndarray:
    """Survival, incidence of each cause, restricted mean of each patient, by sums over a grid (draws, 2 + causes, m)."""
    reduced, spec = posterior.reduced, posterior.reduced.spec
    assert reduced.parts is not None
    grid = np.linspace(0.0, at[-1], 8001)
    middle, width = (grid[1:] + grid[:-1]) / 2, np.diff(grid)
    after = np.zeros(len(middle), dtype=int) if spec.changes_at is None else (middle > spec.changes_at).astype(int)
    n_draws, n = posterior.n_draws, len(reduced.patients.stratum)
    groups = [g for block in reduced.patients.blocks for g in block]
    subtype = next((g for g in groups if g.term == "subtype"), None)
    columns = {}
    for g in groups:
        x = g.columns
        if g.term == "deletion":
            x = np.full_like(x, word is not None)
        elif g.term == "class":
            x = np.tile([label == word for label in g.labels], (n, 1)).astype(float)
        elif g.term == "cell":
            assert subtype is not None
            x = np.column_stack([
                (label.split(" : ")[0] == word) * subtype.columns[:, subtype.labels.index(label.split(" : ")[1])]
                for label in g.labels
            ])  # fmt: skip
        columns[g.term] = x
    out = np.zeros((n_draws, 2 + len(posterior.causes), len(at)))
    weight = reduced.counted / reduced.counted.sum()
    place = np.searchsorted(grid, at)
    for d in range(n_draws):
        hazards, through = [], np.ones(n)
        for own in posterior.sampled:
            eta = np.zeros((2, n))
            for labelled in own.drawn.model.effects:
                beta = own.drawn.effect[0, d, labelled.family.begin : labelled.family.begin + labelled.family.size]
                x = columns[labelled.term]
                parts = beta.reshape(-1, x.shape[1])  # of each period
                eta += np.stack([x @ parts[0], x @ parts[-1]])
            log_base = own.drawn.log_hazard[0, d][reduced.patients.stratum]
            if own.drawn.model.binary:
                through = 1.0 - expit(eta[0] + log_base[:, 0])
                continue
            here = np.exp(log_base) @ reduced.basis.values(middle).T * np.exp(eta[after].T)
            hazards.append(np.where(middle > reduced.start, here, 0.0))
        total = sum(hazards)
        alive = np.exp(-np.concatenate((np.zeros((n, 1)), np.cumsum(total * width, axis=1)), axis=1)) * through[:, None]
        lost = -np.diff(alive, axis=1)
        safe = np.where(total > 0, total, 1.0)
        curves = [alive]
        curves += [np.concatenate((np.zeros((n, 1)), np.cumsum(h / safe * lost, axis=1)), axis=1) for h in hazards]
        curves.append(np.repeat((1 - through)[:, None], len(grid), axis=1))
        area = (alive[:, 1:] + alive[:, :-1]) / 2 * width
        curves.append(np.concatenate((np.zeros((n, 1)), np.cumsum(area, axis=1)), axis=1))
        out[d] = [weight @ curve[:, place] for curve in curves]
    return out


@pytest.mark.parametrize(("name", "timing"), [("everything", "zero"), ("changing", "own"), ("superpopulation", "own")])
def test_curves_are_the_means_of_the_patients(name: str, timing: str) -> None:
    """Over everybody analysed, those who failed among them."""
    before = iko.sample_prior(cohort(timing=timing), described(name), seed=2, draws=4)
    at = np.array([0.5, 1.0, 4.0])
    for group, risks in before.scenarios(at):
        assert np.abs(risks.survival + risks.incidence.sum(axis=1) - 1).max() < 1e-12
        assert np.abs(risks.restricted + risks.lost.sum(axis=1) - at).max() < 1e-12
        if group == "any deletion":
            continue
        expected = one_by_one(before, None if group == "not deleted" else group, at)
        found = np.concatenate((risks.survival, risks.incidence[:, :, 0], risks.restricted), axis=1)
        assert found == pytest.approx(expected, abs=2e-6)


def test_any_deletion_is_the_mix_of_the_classes() -> None:
    endpoint = cohort()
    found = dict(iko.sample_prior(endpoint, described("everything"), seed=2, draws=4).scenarios(np.array([3.0])))
    weight = endpoint.frame.groupby("ikzf1_class")["w"].sum()
    share = weight["ik6"] / (weight["ik6"] + weight["whole_gene"])
    for own, ik6, whole in zip(found["any deletion"], found["ik6"], found["whole_gene"], strict=True):
        assert own == pytest.approx(share * ik6 + (1 - share) * whole, abs=1e-13)


def test_weights_of_each_draw_are_those_of_calls_draw_by_draw() -> None:
    rng = np.random.default_rng(4)
    level, effect = rng.normal(-2, 0.5, (3, 2, 2, 3)), rng.normal(0, 0.5, (3, 2, 40))
    stratum, group = rng.integers(0, 2, 40), np.arange(40) % 2
    weight = rng.uniform(0, 2, (3, 40))
    weight[1, group == 1] = 0.0  # nobody of this group in this draw
    cuts, times = np.array([1.0, 2.0]), np.array([0.0, 0.5, 4.0])
    found = piecewise_risks(level, effect, stratum, weight, group, cuts, times)
    for d in range(3):
        alone = piecewise_risks(level[d : d + 1], effect[d : d + 1], stratum, weight[d], group, cuts, times)
        for ours, theirs in zip(found, alone, strict=True):
            np.testing.assert_array_equal(ours[d], theirs[0])
    assert np.isnan(found.survival[1, 1]).all()
    assert np.isfinite(found.survival[[0, 2]]).all()


def test_without_priors_it_is_a_logistic_regression() -> None:
    """Level, deletion and a covariate, of 2,000 patients: medians and SDs of the draws beside those of the likelihood."""
    import statsmodels.api as sm

    rng = np.random.default_rng(9)
    n = 2000
    frame = pd.DataFrame({"ikzf1_class": rng.choice(["none", "ik6"], n, p=[0.7, 0.3]), "z": rng.normal(size=n)})
    deleted = (frame["ikzf1_class"] == "ik6").to_numpy(float)
    failed = rng.random(n) < expit(-2.0 + 0.8 * deleted + 0.4 * frame["z"].to_numpy())
    frame["t"], frame["s"] = np.where(failed, 0.0, rng.uniform(1, 6, n)), np.where(failed, 2, rng.integers(0, 2, n))
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "non-response"})
    flat = iko.Prior("normal", 0.0, 30.0, "log odds ratio", "as good as none")
    priors = iko.Priors(induction=flat, induction_deletion=flat, covariate=flat)
    spec = iko.hierarchical_spec(cuts=[], causes="relapse", covariates=["z"], induction="non-response", priors=priors)
    posterior = iko.sample(endpoint, spec, seed=4, draws=4000, tune=1000, chains=2)
    z = (frame["z"] - frame["z"].mean()) / frame["z"].std(ddof=0)
    fit = sm.Logit(failed.astype(float), np.column_stack([np.ones(n), deleted, z])).fit(disp=0)
    table = posterior.tidy().query("cause == 'induction failure'").set_index("term")
    own = table.loc[["level", "deletion", "covariate"]]
    assert (np.abs(own["estimate"].to_numpy() - fit.params) < 0.1 * fit.bse).all()
    assert own["posterior_sd"].to_numpy() == pytest.approx(fit.bse, rel=0.06)


def test_what_the_simulation_holds_is_found_again() -> None:
    """Failure of induction in 1 % without and 7 % with a deletion, and event-free survival at 5 years of 88 and 63 %."""
    cohort = iko.simulate_cohort(8000, seed=2)
    endpoint = iko.define_endpoint(cohort, "EFS", non_response="end_of_induction", induction_death="own_date")
    truth = {"not deleted": (0.88, 0.01), "any deletion": (0.63, 0.07)}
    spec = iko.hierarchical_spec(causes=["relapse", "other"], induction=("non-response", "induction death"))
    posterior = iko.sample(endpoint, spec, seed=1, draws=500, tune=500, chains=2)
    table = posterior.curves(5.0)
    for group, (free, failure) in truth.items():
        own = table[table["group"] == group].set_index("cause")
        for cause, value in (("any", free), ("induction failure", failure)):
            row = own.loc[cause]
            assert abs(row["estimate"] - value) < 3.0 * row["posterior_sd"], (group, cause)
    assert posterior.causes == ("relapse", "other", "induction failure")


def test_only_the_hazards_are_compared_with_cox() -> None:
    endpoint = cohort(timing="own")
    posterior = iko.sample(endpoint, described("classes alone"), seed=1, draws=100, tune=200, chains=2)
    table = iko.shrinkage(posterior)
    assert table["cause"].unique().tolist() == ["relapse"]
    through = iko.landmark(endpoint, 0.1)
    deleted = np.where(through.frame["ikzf1_class"] == "none", "no", "yes")
    through = through.with_column("deletion", pd.Categorical(deleted, ["no", "yes"]))
    cox = iko.cox(through, ["deletion"], cause="relapse").tidy()
    row = table[(table["method"] == "Cox") & (table["term"] == "deletion")].iloc[0]
    assert row["estimate"] == pytest.approx(cox.loc[cox["note"] != "reference", "estimate"].item(), rel=1e-10)


def test_the_order_of_the_patients_does_not_matter() -> None:
    endpoint = cohort()
    order = np.random.default_rng(1).permutation(len(endpoint))
    frame = endpoint.frame.iloc[order].reset_index(drop=True)
    causes = {1: "relapse", 2: "death", 3: "non-response", 4: "induction death"}
    other = iko.endpoint_from_columns(frame, time="t", status="s", causes=causes, weights="w")
    found = []
    for some in (endpoint, other):
        own = models_of(reduce_endpoint(some, described("everything")))[-1]
        memory, form = memory_of(own)
        found.append(evaluate(memory, np.linspace(-1, 1, memory.n_dim), form))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-12)
    assert found[0][1] == pytest.approx(found[1][1], rel=1e-9, abs=1e-9)


def test_draws_follow_the_seed_and_are_kept(tmp_path) -> None:
    endpoint, spec = cohort(), described("superpopulation")
    one, two = (iko.sample(endpoint, spec, seed=3, draws=50, tune=100, chains=2, cores=cores) for cores in (1, 2))
    pd.testing.assert_frame_equal(one.tidy(), two.tidy())
    kept = one.to_arviz().posterior
    assert {"induction failure: quantity", "induction failure: log odds"} <= set(kept)
    assert one.save(tmp_path / "draws.nc").exists()
