"""Effects that differ between trials, on paper: columns, sums of deviations, curves in a trial, new trials."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.quantities import prior_above, quantities
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint, zero_sum

EIGHT = [
    ("none", "A", 1.0, 1), ("none", "B", 4.0, 0), ("none", "C", 3.0, 1), ("ik6", "A", 0.5, 1), ("ik6", "B", 2.0, 0),
    ("whole", "A", 2.5, 1), ("whole", "A", 1.5, 1), ("gain", "B", 5.0, 0),
]  # fmt: skip
TRIALS = ("A", "B", "C")


def endpoint(rows: list[tuple] = EIGHT) -> iko.Endpoint:
    frame = pd.DataFrame(rows, columns=["ikzf1_class", "trial", "t", "s"])
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, time_unit="years")


def spec(role: str = "strata", **options) -> iko.HierarchicalSpec:
    return iko.hierarchical_spec(**({role: "trial", "effects_by": role, "cuts": [], "causes": "relapse"} | options))


@pytest.mark.parametrize("role", ["strata", "protocol"])
@pytest.mark.parametrize("pooling", ["zero-sum", "superpopulation"])
def test_columns_and_families(role: str, pooling: str) -> None:
    reduced = reduce_endpoint(endpoint(), spec(role, pooling=pooling))
    groups = {group.term: group for block in reduced.patients.blocks for group in block}
    assert groups["deletion by trial"].labels == TRIALS
    deleted = np.zeros((8, 3))
    deleted[[3, 5, 6], 0] = deleted[4, 1] = 1  # nobody with a deletion in C, which has a column all the same
    np.testing.assert_array_equal(groups["deletion by trial"].columns, deleted)
    # classes only where somebody is
    assert groups["class by trial"].labels == ("ik6 : A", "ik6 : B", "whole : A")
    np.testing.assert_array_equal(groups["class by trial"].columns.argmax(axis=1)[[3, 4, 5, 6]], [0, 1, 2, 2])
    families = {own.term: own.family for own in reduced.models[0].effects}
    expected = zero_sum(3) if pooling == "zero-sum" else np.eye(3)
    np.testing.assert_array_equal(families["deletion by trial"].basis, expected)
    np.testing.assert_array_equal(families["class by trial"].basis, np.eye(3))  # free under either
    assert families["deletion by trial"].scale == families["class by trial"].scale == [0.25]
    own = reduced.models[0]
    begin = families["deletion by trial"].begin
    np.testing.assert_array_equal(own.sums.event_sum[begin : begin + 6], [3, 0, 0, 1, 0, 2])


def test_rows_are_sums_of_deviations() -> None:
    """mu + d_A, and mu + u_ik6 + d_A + e_ik6,A."""
    before = iko.sample_prior(endpoint(), spec(), seed=1, draws=50)
    drawn = before.sampled[0].drawn
    at = {own.term: own.family.begin for own in drawn.model.effects}
    labels = {own.term: own.labels for own in drawn.model.effects}
    beta = drawn.effect[0]
    found = {(part.term, part.contrast): part for part in quantities(before.reduced, drawn)}
    mu, d = beta[:, at["deletion"]], beta[:, at["deletion by trial"] : at["deletion by trial"] + 3]
    np.testing.assert_allclose(d.sum(axis=1), 0.0, atol=1e-12)
    for k, trial in enumerate(TRIALS):
        own = found["deletion by trial", f"any deletion vs not deleted, in {trial}"]
        np.testing.assert_allclose(own.values[0], mu + d[:, k], rtol=1e-13)
    u = beta[:, at["class"] + labels["class"].index("whole")]
    e = beta[:, at["class by trial"] + labels["class by trial"].index("whole : A")]
    part = found["class by trial", "whole vs not deleted, in A"]
    np.testing.assert_allclose(part.values[0], mu + u + d[:, 0] + e, rtol=1e-13)
    assert (part.n, part.n_event) == (2.0, 2.0)
    empty = found["deletion by trial", "any deletion vs not deleted, in C"]
    assert (empty.n, empty.n_event, empty.note) == (0.0, 0.0, "nobody had it: the prior decides")
    assert {term for term, _ in found if term.endswith("spread")} == {
        "class spread", "deletion by trial spread", "class by trial spread",
    }  # fmt: skip
    mean = found["deletion", "any deletion vs not deleted"]
    assert mean.note == "equal-weight mean of these classes and trials"


@pytest.mark.parametrize("location", [0.0, 0.4])
def test_prior_probabilities_of_harm_by_simulation(location: float) -> None:
    def half(scale: float) -> iko.Prior:
        return iko.Prior("half-normal", 0.0, scale, "SD", "a test")

    priors = iko.Priors(
        deletion=iko.Prior("normal", location, 0.3, "log hazard ratio", "a test"), class_spread=half(0.5),
        deletion_by_trial_spread=half(0.8), class_by_trial_spread=half(0.6),
    )  # fmt: skip
    model = reduce_endpoint(endpoint(), spec(priors=priors)).models[0]
    by_term = {own.term: own for own in model.effects}
    rng, size = np.random.default_rng(4), 400_000

    def deviation(scale: float, variance: float = 1.0) -> np.ndarray:
        return np.abs(rng.normal(0, scale, size)) * rng.normal(0, np.sqrt(variance), size)

    # two classes, and three trials, that add up to 0 have variances 1/2 and 2/3 of the spread's square
    mean = rng.normal(location, 0.3, size)
    trial = mean + deviation(0.8, 2 / 3)
    both = trial + deviation(0.5, 1 / 2) + deviation(0.6)
    for term, values in (("deletion by trial", trial), ("class by trial", both)):
        share = (values > 0).mean()
        assert abs(prior_above(by_term[term], by_term) - share) < 4 * np.sqrt(share * (1 - share) / size) + 3e-4, term


@pytest.mark.parametrize("role", ["strata", "protocol"])
def test_curves_in_a_trial_are_those_of_its_hazard(role: str) -> None:
    """One constant hazard: S(t) = exp(-e^(L + p_r + mu + u_c + d_r + e_cr) t / 5), medians over the draws."""
    before = iko.sample_prior(endpoint(), spec(role), seed=2, draws=200)
    drawn = before.sampled[0].drawn
    at = {(own.term, name): own.family.begin + j for own in drawn.model.effects for j, name in enumerate(own.labels)}
    beta, level = drawn.effect[0], drawn.log_hazard[0, :, :, 0]  # of one interval the log of the hazard itself
    for k, trial in enumerate(TRIALS[:2]):
        base = level[:, k] if role == "strata" else level[:, 0] + beta[:, at["protocol", trial]]
        effect = beta[:, at["deletion", "any deletion"]] + beta[:, at["class", "ik6"]]
        effect = effect + beta[:, at["deletion by trial", trial]] + beta[:, at["class by trial", f"ik6 : {trial}"]]
        table = before.curves(2.0, trial=trial).set_index(["group", "measure"])["estimate"]
        alive = {"not deleted": np.exp(-2 * np.exp(base)), "ik6": np.exp(-2 * np.exp(base + effect))}
        for group, values in alive.items():
            assert table[group, "event-free survival"] == pytest.approx(np.median(values), rel=1e-10)
        risks = before.contrasts(2.0, trial=trial).set_index(["contrast", "measure"])["estimate"]
        difference = np.median(alive["ik6"] - alive["not deleted"])
        assert risks["ik6 vs not deleted", "event-free survival"] == pytest.approx(difference, rel=1e-9, abs=1e-12)


def test_standardised_curves_take_each_patient_in_his_trial() -> None:
    """Four of eight patients are in A, three in B: S = (4 S_A + 3 S_B + 1 S_C) / 8, each with the effect of its trial."""
    before = iko.sample_prior(endpoint(), spec(), seed=2, draws=200)
    each = [dict(before.scenarios(np.array([2.0]), trial))["not deleted"].survival[:, 0, 0] for trial in TRIALS]
    whole = dict(before.scenarios(np.array([2.0])))["not deleted"].survival[:, 0, 0]
    np.testing.assert_allclose(whole, (4 * each[0] + 3 * each[1] + each[2]) / 8, rtol=1e-12)
    deleted = [dict(before.scenarios(np.array([2.0]), trial))["ik6"].survival[:, 0, 0] for trial in TRIALS]
    whole = dict(before.scenarios(np.array([2.0])))["ik6"].survival[:, 0, 0]
    np.testing.assert_allclose(whole, (4 * deleted[0] + 3 * deleted[1] + deleted[2]) / 8, rtol=1e-12)


def test_where_a_trial_has_no_such_class_it_is_drawn_from_the_spread() -> None:
    """log of -log S less what is known is e_cr: its draws over their spread are standard normal."""
    before = iko.sample_prior(endpoint(), spec(), seed=5, draws=4000)
    drawn = before.sampled[0].drawn
    at = {(own.term, name): own.family.begin + j for own in drawn.model.effects for j, name in enumerate(own.labels)}
    beta = drawn.effect[0]
    alive = dict(before.scenarios(np.array([1.0]), "B"))["whole"].survival[:, 0, 0]
    known = drawn.log_hazard[0, :, 1, 0] + beta[:, at["deletion", "any deletion"]] + beta[:, at["class", "whole"]]
    known = known + beta[:, at["deletion by trial", "B"]]
    spread = np.exp(drawn.position[0, :, drawn.model.places["class by trial"]])
    z = (np.log(-np.log(alive)) - known) / spread
    assert abs(z.mean()) < 4 / np.sqrt(4000)
    assert z.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * 4000))
    assert abs(np.corrcoef(z, drawn.position[0, :, drawn.model.places["class by trial"]])[0, 1]) < 4 / np.sqrt(4000)


def test_new_levels_of_a_superpopulation() -> None:
    """A new protocol: p, d and e from their spreads; a new class: u and e; against draws made here."""
    options = {"role": "protocol", "pooling": "superpopulation"}
    before = iko.sample_prior(endpoint(), spec(**options), seed=5, draws=20000)
    drawn = before.sampled[0].drawn
    at = {(own.term, name): own.family.begin + j for own in drawn.model.effects for j, name in enumerate(own.labels)}
    beta, level, rng = drawn.effect[0], drawn.log_hazard[0, :, 0, 0], np.random.default_rng(8)

    def new(term: str) -> np.ndarray:
        return np.exp(drawn.position[0, :, drawn.model.places[term]]) * rng.normal(size=20000)

    mu = beta[:, at["deletion", "any deletion"]]
    of_trial = new("protocol")
    patients = pd.DataFrame({"ikzf1_class": ["none", "ik6", "new", "whole"], "trial": ["D", "D", "A", "A"]})
    expected = [
        level + of_trial,
        level + of_trial + mu + beta[:, at["class", "ik6"]] + new("deletion by trial") + new("class by trial"),
        level + beta[:, at["protocol", "A"]] + mu + new("class") + beta[:, at["deletion by trial", "A"]]
        + new("class by trial"),
        level + beta[:, at["protocol", "A"]] + mu + beta[:, at["class", "whole"]] + beta[:, at["deletion by trial", "A"]]
        + beta[:, at["class by trial", "whole : A"]],
    ]  # fmt: skip
    table = before.predict(patients, 1.0)
    table = table[table["measure"] == "event-free survival"].set_index("row")
    for row, logs in enumerate(expected, start=1):
        alive = np.exp(-np.exp(logs))
        values = [np.median(alive), alive.std(), *np.quantile(alive, [0.025, 0.975])]
        found = table.loc[row, ["estimate", "posterior_sd", "low", "high"]].astype(float)
        np.testing.assert_allclose(found, values, atol=0.02)
    assert table["note"].str.contains("this protocol: its effect is drawn").tolist() == [True, True, False, False]
    assert table["note"].str.contains("this class: its effect is drawn").tolist() == [False, False, True, False]
    # patients of one new trial share what it is like
    alone = before.predict(patients.iloc[[1]], 1.0).iloc[0]["estimate"]
    assert alone == table.loc[2, "estimate"]


def many(n: int = 150) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {"ikzf1_class": rng.choice(["none", "ik6", "whole"], n, p=[0.5, 0.3, 0.2]), "trial": rng.choice(list("ABCD"), n)}
    )
    return frame.assign(t=np.round(rng.uniform(0.1, 5.0, n), 3), s=rng.integers(0, 2, n))


def test_a_trial_left_out_is_a_new_one() -> None:
    """Against a fit of the other trials, with p, d and e of a new trial drawn beside it."""

    def made(frame: pd.DataFrame) -> iko.Endpoint:
        return endpoint(list(frame.itertuples(index=False, name=None)))

    frame, model = many(), spec("protocol", pooling="superpopulation")
    posterior = iko.sample(made(frame), model, seed=1, draws=1500, tune=500)
    row = iko.leave_one_group_out(posterior).set_index("group").loc["B"]
    assert "1 of deletion by trial in no other group: drawn from the spread" in row["note"]
    out = frame[frame["trial"] == "B"]
    again = iko.sample(made(frame[frame["trial"] != "B"]), model, seed=9, draws=4000, tune=500)
    drawn, rng = again.sampled[0].drawn, np.random.default_rng(4)
    position, beta = drawn.position.reshape(16000, -1), drawn.effect.reshape(16000, -1)
    at = {own.term: own.family.begin for own in drawn.model.effects}
    labels = next(own.labels for own in drawn.model.effects if own.term == "class")

    def new(term: str) -> np.ndarray:
        return np.exp(position[:, drawn.model.places[term]]) * rng.normal(size=16000)

    base, of_trial = new("protocol"), beta[:, at["deletion"]] + new("deletion by trial")
    logs = np.zeros(16000)
    for word in ("none", *labels):
        eta = base.copy()
        if word != "none":
            eta = eta + of_trial + beta[:, at["class"] + labels.index(word)] + new("class by trial")
        own = out[out["ikzf1_class"] == word]
        log_hazard = drawn.log_hazard.reshape(16000) + eta
        logs += own["s"].sum() * log_hazard - own["t"].sum() * np.exp(log_hazard)
    assert row["elpd"] == pytest.approx(logsumexp(logs) - np.log(16000), abs=4 * row["mcse"] + 0.03)
    assert row["mcse"] < 0.1
