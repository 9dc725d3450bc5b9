"""Leave-one-out: the patients' log-likelihoods add up to the model's, and their predictions are those of refits."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.density_memory import pack
from ikzf1_outcomes.kernels.hierarchical_density import evaluate
from ikzf1_outcomes.models.bayes.comparisons import stacked_weights
from ikzf1_outcomes.models.bayes.left_out import left_out, log_likelihood
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint

OPTIONS: dict[str, dict] = {
    "steps": {"subtype": "subtype", "covariates": "age", "causes": ["relapse", "other"]},
    "spline": {"baseline": "spline", "cuts": [1.0, 3.0], "bound": 9.0, "strata": "protocol", "causes": "relapse"},
    "changing": {"changes_at": 1.0, "causes": "relapse", "cuts": [2.0]},
}


def cohort(n: int = 120, seed: int = 2) -> iko.Endpoint:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "ikzf1_class": rng.choice(["none", "ik6", "whole_gene"], n, p=[0.7, 0.15, 0.15]),
            "subtype": rng.choice(["a", "b", "c"], n), "protocol": rng.choice(["p", "q"], n), "age": rng.uniform(1, 17, n),
        }
    )  # fmt: skip
    frame["t"] = np.minimum(rng.exponential(5, n), rng.uniform(2, 8, n))
    frame["s"] = rng.choice([0, 1, 2], n, p=[0.5, 0.35, 0.15])
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})


@pytest.mark.parametrize("name", OPTIONS)
def test_the_patients_add_up_to_the_model(name: str) -> None:
    endpoint = cohort()
    posterior = iko.sample(endpoint, iko.hierarchical_spec(**OPTIONS[name]), seed=1, draws=5, tune=50, chains=2)
    for own in posterior.sampled:
        model, position = own.drawn.model, own.drawn.position.reshape(10, -1)
        memory = pack(model.sums, model.baseline, model.families)
        nothing = {part: np.zeros_like(getattr(model.sums, part)) for part in ("exposure", "event_count", "event_sum")}
        prior = pack(model.sums._replace(**nothing), model.baseline, model.families)
        rows = log_likelihood(endpoint, posterior.reduced, own.drawn, np.arange(len(endpoint)), 5)
        whole = [evaluate(memory, theta)[0] - evaluate(prior, theta)[0] for theta in position]
        assert rows.sum(axis=1) == pytest.approx(whole, rel=1e-10)


def test_predictions_are_those_of_refits_without_the_patient() -> None:
    endpoint = cohort(40, seed=5)
    spec = iko.hierarchical_spec(causes="any", cuts=[2.0])
    posterior = iko.sample(endpoint, spec, seed=1, draws=2000, tune=1000, chains=4)
    found = left_out(posterior)
    assert (found.k_hat < 0.7).all()
    died = np.flatnonzero(endpoint.cause > 0)[0]
    for patient in (int(died), int(np.argmax(endpoint.time))):
        keep = np.arange(len(endpoint)) != patient
        rest = iko.endpoint_from_columns(
            endpoint.frame[keep].reset_index(drop=True), time="t", status="s", causes={1: "relapse", 2: "death"}
        )
        again = iko.sample(rest, spec, seed=2, draws=2000, tune=1000, chains=4)
        # the draws without the patient, put to the patient's own row
        own = log_likelihood(endpoint, posterior.reduced, again.sampled[0].drawn, np.array([patient]), 2000)[:, 0]
        exact = float(np.log(np.mean(np.exp(own))))
        assert found.density[patient] == pytest.approx(exact, abs=0.03)


def test_rows_of_one_patient_are_one_patient() -> None:
    rng = np.random.default_rng(3)
    n = 60
    d = pd.DataFrame({"id": np.arange(n), "ikzf1_class": rng.choice(["none", "ik6"], n), "t": rng.exponential(3, n) + 0.5})
    d["s"], d["e"] = rng.integers(0, 2, n), 0.0
    early = d.assign(t=0.4, s=0)
    split = pd.concat([early, d.assign(e=0.4)], ignore_index=True)
    whole = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"}, entry="e")
    parts = iko.endpoint_from_columns(split, time="t", status="s", causes={1: "relapse"}, entry="e", subject="id")
    spec = iko.hierarchical_spec(causes="relapse", cuts=[1.0])
    one, two = (iko.sample(some, spec, seed=4, draws=100, tune=200, chains=2) for some in (whole, parts))
    tables = [iko.leave_one_out(posterior) for posterior in (one, two)]
    assert tables[0]["n"].iloc[0] == tables[1]["n"].iloc[0] == n
    assert tables[0]["elpd"].iloc[0] == pytest.approx(tables[1]["elpd"].iloc[0], rel=1e-6)


def test_models_are_compared_on_the_same_patients() -> None:
    endpoint = cohort()
    rng = np.random.default_rng(8)
    hazard = np.exp(1.5 * (endpoint.frame["age"] > 9))
    strong = endpoint.frame.assign(
        t=np.minimum(rng.exponential(6 / hazard), 7.0), s=1, noise=rng.normal(size=len(endpoint))
    )
    endpoint = iko.endpoint_from_columns(strong, time="t", status="s", causes={1: "relapse"})
    specs = {"plain": None, "age": "age", "noise": "noise"}
    fits = {
        name: iko.sample(endpoint, iko.hierarchical_spec(causes="relapse", covariates=x), seed=1, draws=300, tune=400)
        for name, x in specs.items()
    }
    table = iko.compare_posteriors(fits).set_index("model")
    assert table.index[0] == "age"
    assert table.loc["age", "difference"] == 0.0
    assert table.loc["plain", "difference"] < -4.0
    assert table["weight"].sum() == pytest.approx(1.0)
    assert table.loc["age", "weight"] > 0.8
    close = iko.compare_posteriors({name: fits[name] for name in ("plain", "noise")})
    assert close["note"].iloc[1] == "no discernible difference"
    other = iko.sample(cohort(), iko.hierarchical_spec(causes="relapse"), seed=1, draws=20, tune=20, chains=2)
    with pytest.raises(iko.InputError, match="different patients"):
        iko.compare_posteriors({"one": fits["plain"], "two": other})
    with pytest.raises(iko.InputError, match="fewer than two"):
        iko.compare_posteriors({"one": fits["plain"]})


def test_stacking_takes_the_better_model_or_a_mixture() -> None:
    good, bad = np.full(50, -1.0), np.full(50, -3.0)
    assert stacked_weights(np.column_stack([good, bad]))[0] > 0.99
    # each is right for half of the patients: the mixture is even
    left = np.where(np.arange(50) < 25, -1.0, -4.0)
    assert stacked_weights(np.column_stack([left, left[::-1]])) == pytest.approx([0.5, 0.5], abs=1e-4)


def test_reduced_patients_keep_their_patterns() -> None:
    reduced = reduce_endpoint(cohort(), iko.hierarchical_spec(causes="relapse", changes_at=1.0))
    assert [len(pattern) for pattern in reduced.patterns] == [120, 120]
