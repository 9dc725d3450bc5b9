"""Patients and groups left out: refits against integrals over a grid, and against fits of the others alone."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.density_memory import pack
from ikzf1_outcomes.kernels.hierarchical_density import evaluate
from ikzf1_outcomes.models.bayes import left_out as module
from ikzf1_outcomes.models.bayes.comparisons import stacked_weights
from ikzf1_outcomes.models.bayes.left_out import left_out
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint
from ikzf1_outcomes.models.bayes.refits import models_without

YEARS = np.array([1.0, 2.0, 4.0, 0.25, 3.0, 5.0, 0.5, 2.5])
STATUS = np.array([1, 0, 0, 1, 1, 0, 1, 0])
CLASS = np.array(["none", "none", "none", "ik6", "ik6", "none", "none", "ik6"])
HOSPITAL = np.array(["b", "a", "a", "a", "b", "a", "c", "c"])


def eight(**columns: object) -> iko.Endpoint:
    frame = pd.DataFrame({"t": YEARS, "s": STATUS, "ikzf1_class": CLASS, "hospital": HOSPITAL}).assign(**columns)
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, time_unit="years")


# One hazard e^L / 5 and one deleted class with effect b. Of a patient with years t, event d and deletion x
#     log p(t, d | L, b) = d (L - log 5 + x b) - t e^(L + x b) / 5
# and the priors are L ~ N(log 0.08, 1), b ~ N(0, 0.75). Left out, a set g has
#     log p(g | others) = log Z(all) - log Z(others), with Z the integral of the likelihood over the priors.
LEVEL, B = np.meshgrid(np.linspace(-9, 3, 801), np.linspace(-5, 5, 801), indexing="ij")
PRIOR = -((LEVEL - np.log(0.08)) ** 2) / 2 - (B / 0.75) ** 2 / 2


def log_integral(rows: np.ndarray) -> float:
    x = CLASS == "ik6"
    logs = PRIOR.copy()
    for t, d, deleted in zip(YEARS[rows], STATUS[rows], x[rows], strict=True):
        logs += d * (LEVEL - np.log(5) + deleted * B) - t * np.exp(LEVEL + deleted * B) / 5
    return float(logsumexp(logs))


EVERYBODY = np.arange(8)


def on_the_grid(without: np.ndarray) -> float:
    return log_integral(EVERYBODY) - log_integral(np.setdiff1d(EVERYBODY, without))


@pytest.fixture(scope="module")
def posterior() -> iko.Posterior:
    return iko.sample(eight(), iko.hierarchical_spec(cuts=[]), seed=3, draws=2000, tune=500)


def test_refits_are_integrals_over_the_grid(posterior: iko.Posterior, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNSURE", -np.inf)
    found = left_out(posterior, refit=True)
    assert found.exact.all()
    exact = np.array([on_the_grid(np.array([k])) for k in range(8)])
    assert found.density == pytest.approx(exact, abs=0.02)
    assert (np.abs(found.density - exact) < 5 * found.error).all()
    assert (found.error < 0.02).all()
    table = iko.leave_one_out(posterior, refit=True).iloc[0]
    assert table["elpd"] == pytest.approx(exact.sum(), abs=0.06)
    assert (table["n_refits"], table["n_influential"], table["method"]) == (8, 8, "PSIS-LOO, refits")
    assert table["note"] == "exact, by refits, at row 1, 2, 3, 4, 5, 6, 7, 8"
    rows = iko.leave_one_out(posterior, refit=True, pointwise=True)
    assert rows["row"].tolist() == list(range(1, 9))
    assert (rows["method"] == "refit").all()
    assert rows["elpd"].to_numpy() == pytest.approx(found.density, abs=0)
    with pytest.raises(iko.InputError, match="too many patients to fit the model without each") as raised:
        iko.leave_one_out(posterior, refit=True, most=7)
    assert raised.value.count == 8


def test_only_influential_patients_are_fitted_without() -> None:
    """Two deleted patients, of whom one failed at once and the other in 90 years did not, against a wide prior."""
    t, s = np.append(YEARS, 90.0), np.append(STATUS, 0)
    t[3] = 0.02
    frame = pd.DataFrame({"t": t, "s": s, "ikzf1_class": np.append(np.where(CLASS == "ik6", "none", CLASS), "ik6")})
    frame.loc[3, ["ikzf1_class"]] = "ik6"
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
    wide = iko.Priors(deletion=iko.Prior("normal", 0.0, 5.0, "log hazard ratio", "a test"))
    posterior = iko.sample(endpoint, iko.hierarchical_spec(cuts=[], priors=wide), seed=3, draws=1000, tune=500)
    plain, found = left_out(posterior), left_out(posterior, refit=True)
    unsure = plain.k_hat > 0.7
    assert unsure.any()
    assert not unsure.all()
    assert (found.exact == unsure).all()
    assert (found.density[~unsure] == plain.density[~unsure]).all()
    table = iko.leave_one_out(posterior)
    assert "not to be trusted" in table["note"].iloc[0]
    assert table["n_refits"].iloc[0] == 0
    assert "not to be trusted" not in iko.leave_one_out(posterior, refit=True)["note"].iloc[0]
    assert np.isnan(plain.error).all()
    assert (np.isfinite(found.error) == unsure).all()
    said = (
        f"refits up to {found.error[unsure].max():.1f}: draw more"
        in iko.leave_one_out(posterior, refit=True)["note"].iloc[0]
    )
    assert said == (found.error[unsure] > 0.2).any()
    rows = iko.leave_one_out(posterior, pointwise=True)
    assert (rows["note"] != "").to_numpy().tolist() == unsure.tolist()
    assert (rows.loc[unsure, "note"] == "too influential: not to be trusted").all()


def test_groups_without_an_effect_are_integrals_over_the_grid(posterior: iko.Posterior) -> None:
    table = iko.leave_one_group_out(posterior, "hospital")
    assert table["group"].tolist() == ["a", "b", "c"]
    assert table["n"].tolist() == [4.0, 2.0, 2.0]
    assert table["n_event"].tolist() == [1.0, 2.0, 1.0]
    for name, elpd, error in zip(table["group"], table["elpd"], table["mcse"], strict=True):
        assert elpd == pytest.approx(on_the_grid(np.flatnonzero(name == HOSPITAL)), abs=0.04)
        assert 0 < error < 0.05
    # each patient's own density given the other groups: what of "b" the grid says
    rest = np.setdiff1d(EVERYBODY, [0, 4])
    own = sum(log_integral(np.append(rest, k)) - log_integral(rest) for k in (0, 4))
    assert table["pointwise"].iloc[1] == pytest.approx(own, abs=0.04)
    assert abs(table["pointwise"].iloc[1] - table["elpd"].iloc[1]) > 0.05
    assert (table["note"] == "").all()


def test_models_are_compared_by_their_groups(posterior: iko.Posterior) -> None:
    other = iko.sample(eight(), iko.hierarchical_spec(cuts=[2.0]), seed=3, draws=1000, tune=500)
    table = iko.compare_posteriors({"one": posterior, "two": other}, by="hospital").set_index("model")
    sums = {"one": posterior, "two": other}
    logs = {name: iko.leave_one_group_out(own, "hospital")["elpd"].to_numpy() for name, own in sums.items()}
    for name, row in table.iterrows():
        assert row["elpd"] == pytest.approx(logs[str(name)].sum(), abs=1e-12)
    apart = logs[table.index[1]] - logs[table.index[0]]
    assert table["difference"].iloc[1] == pytest.approx(apart.sum(), abs=1e-12)
    assert table["std_error"].iloc[1] == pytest.approx(np.sqrt(3) * apart.std(ddof=1), abs=1e-12)
    order = np.column_stack([logs[name] for name in table.index])
    assert table["weight"].to_numpy() == pytest.approx(stacked_weights(order), abs=1e-12)
    assert table["note"].iloc[1] == "no discernible difference; 3 groups: the error is rough"


def many(n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    frame = pd.DataFrame({"ikzf1_class": rng.choice(["none", "ik6", "del_4_8"], n, p=[0.5, 0.25, 0.25])})
    frame = frame.assign(
        subtype=rng.choice(list("ab"), n), protocol=rng.choice(list("pqrs"), n), pax5=rng.integers(0, 2, n)
    )
    frame["t"] = np.round(np.minimum(rng.exponential(4, n), rng.uniform(2, 8, n)) + 0.02, 2)
    return frame.assign(s=rng.choice([0, 1, 2], n, p=[0.4, 0.4, 0.2]), w=rng.choice([1.0, 2.0], n), id=np.arange(n))


def endpoint(frame: pd.DataFrame, **named: object) -> iko.Endpoint:
    options: dict = {"time": "t", "status": "s", "causes": {1: "relapse", 2: "death"}} | named
    return iko.endpoint_from_columns(frame.reset_index(drop=True), **options)


MODELS: dict[str, tuple[dict, dict]] = {
    "steps": ({"subtype": "subtype", "protocol": "protocol", "alterations": ["pax5"]}, {"weights": "w"}),
    "spline, strata": ({"baseline": "spline", "cuts": [1.0, 3.0], "strata": "subtype"}, {}),
    "effects that change": ({"changes_at": 1.0, "cuts": [2.0], "pooling": "superpopulation"}, {"weights": "w"}),
}


@pytest.mark.parametrize("name", MODELS)
def test_without_some_rows_it_is_the_density_of_the_others(name: str) -> None:
    """Where no level goes with them."""
    options, named = MODELS[name]
    frame, spec = many(), iko.hierarchical_spec(**options)
    whole = endpoint(frame, **named)
    posterior = iko.sample(whole, spec, seed=1, draws=4, tune=20, chains=1)
    left = np.arange(90) % 9 == 4
    rest = reduce_endpoint(endpoint(frame[~left], **named), spec)
    rng = np.random.default_rng(2)
    for own, model in zip(models_without(posterior, left), rest.models, strict=True):
        one, two = (pack(some.sums, some.baseline, some.families) for some in (own, model))
        assert one.n_dim == two.n_dim
        assert own.n_event == model.n_event
        for _ in range(3):
            theta = 0.5 * rng.normal(size=one.n_dim)
            a, b = evaluate(one, theta), evaluate(two, theta)
            assert a[0] == pytest.approx(b[0], rel=1e-10)
            assert a[1] == pytest.approx(b[1], rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("pooling", ["zero-sum", "superpopulation"])
def test_left_out_is_a_weight_of_nothing(pooling: str) -> None:
    """With covariates, whose standardisation stays, and levels that go: against case weights of 10^-12."""
    frame = many().assign(age=np.random.default_rng(5).uniform(1, 17, 90))
    left = ((frame["protocol"] == "q") | (frame["ikzf1_class"] == "del_4_8")).to_numpy()
    spec = iko.hierarchical_spec(
        subtype="subtype", protocol="protocol", covariates="log(age)", changes_at=1.0, cuts=[2.0], pooling=pooling
    )
    posterior = iko.sample(endpoint(frame), spec, seed=1, draws=4, tune=20, chains=1)
    light = reduce_endpoint(endpoint(frame.assign(w=np.where(left, 1e-12, 1.0)), weights="w"), spec)
    rng = np.random.default_rng(2)
    for own, model in zip(models_without(posterior, left), light.models, strict=True):
        one, two = (pack(some.sums, some.baseline, some.families) for some in (own, model))
        for _ in range(3):
            theta = 0.5 * rng.normal(size=one.n_dim)
            a, b = evaluate(one, theta), evaluate(two, theta)
            assert a[0] == pytest.approx(b[0], rel=1e-8)
            assert a[1] == pytest.approx(b[1], rel=1e-7, abs=1e-7)


def test_a_protocol_left_out_is_drawn_from_the_spread() -> None:
    """Against a fit of the other protocols, with the effect of a new one drawn beside it."""
    frame, spec = (
        many(),
        iko.hierarchical_spec(protocol="protocol", causes="relapse", cuts=[2.0], pooling="superpopulation"),
    )
    posterior = iko.sample(endpoint(frame), spec, seed=1, draws=1000, tune=500)
    table = iko.leave_one_group_out(posterior).set_index("group")
    assert list(table.index) == list("pqrs")
    assert (table["note"] == "1 of protocol in no other group: drawn from the spread").all()
    out = frame[frame["protocol"] == "q"].reset_index(drop=True)
    again = iko.sample(endpoint(frame[frame["protocol"] != "q"]), spec, seed=9, draws=4000, tune=500)
    drawn = again.sampled[0].drawn
    groups = {own.term: own.family for own in drawn.model.effects}
    beta = drawn.effect.reshape(16000, -1)
    # level, drift, step; deletion; spread and two numbers of the classes; then the logarithm of the protocols' spread
    spread = np.exp(drawn.position.reshape(16000, -1)[:, 3 + 1 + 3])
    eta = (spread * np.random.default_rng(4).normal(size=16000))[:, None]
    eta = eta + beta[:, [0]] * (out["ikzf1_class"] != "none").to_numpy()
    labels = next(own.labels for own in drawn.model.effects if own.term == "class")
    for k, word in enumerate(labels):
        eta = eta + beta[:, [groups["class"].begin + k]] * (out["ikzf1_class"] == word).to_numpy()
    hazard = np.exp(drawn.log_hazard.reshape(16000, 2))
    t = out["t"].to_numpy()
    lived = hazard[:, [0]] * np.minimum(t, 2.0) + hazard[:, [1]] * np.maximum(t - 2.0, 0.0)
    died = (out["s"] == 1).to_numpy()
    logs = -(np.exp(eta) * lived).sum(axis=1)
    logs += (eta + np.log(np.where(t <= 2.0, hazard[:, [0]], hazard[:, [1]])))[:, died].sum(axis=1)
    assert table.loc["q", "elpd"] == pytest.approx(logsumexp(logs) - np.log(16000), abs=4 * table.loc["q", "mcse"] + 0.02)
    assert table.loc["q", "mcse"] < 0.05
    assert table.loc["q", "n"] == len(out)


def test_one_patient_of_a_protocol_of_its_own() -> None:
    """The level goes with the patient, and stays in the refit: its effect is what the spread makes of it."""
    frame = many(40)
    frame.loc[0, "protocol"] = "alone"
    spec = iko.hierarchical_spec(protocol="protocol", causes="relapse", cuts=[], pooling="superpopulation")
    posterior = iko.sample(endpoint(frame), spec, seed=1, draws=1000, tune=500)
    model = models_without(posterior, np.arange(40) == 0)[0]
    family = next(own.family for own in model.effects if own.term == "protocol")
    assert family.size == 5
    assert model.sums.event_sum[family.begin] == 0.0
    assert len(model.sums.exposure) == len(posterior.sampled[0].drawn.model.sums.exposure)
    assert (model.sums.exposure == 0).any(axis=1).sum() == 1


def test_rows_of_one_patient_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = many(40).assign(e=0.0)
    late = frame["t"] > 1.0
    before = frame.assign(t=np.minimum(frame["t"], 1.0), s=np.where(late, 0, frame["s"]))
    split = pd.concat([before, frame[late].assign(e=1.0)], ignore_index=True)
    spec = iko.hierarchical_spec(causes="relapse", cuts=[1.0])
    one = iko.sample(endpoint(frame, entry="e"), spec, seed=4, draws=200, tune=200, chains=2)
    two = iko.sample(endpoint(split, entry="e", subject="id"), spec, seed=4, draws=200, tune=200, chains=2)
    first, second = (iko.leave_one_group_out(own, "subtype") for own in (one, two))
    pd.testing.assert_frame_equal(first, second, rtol=1e-6)
    monkeypatch.setattr(module, "UNSURE", np.sort(left_out(one).k_hat)[-3])
    tables = [iko.leave_one_out(own, refit=True, pointwise=True) for own in (one, two)]
    assert (tables[0]["method"] == "refit").sum() == 2
    pd.testing.assert_frame_equal(*tables, rtol=1e-6)
