"""Effects that differ between trials: limits, what else they go with, and truths that are found again."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.density_memory import pack
from ikzf1_outcomes.kernels.hierarchical_density import evaluate
from ikzf1_outcomes.models.bayes.aggregate_posterior import reduce_aggregate
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint

TRIALS = {"A": 0.8, "B": 0.0, "C": -0.8}
"""What the effect of any deletion deviates by."""
CLASSES = {"ik6": 0.4, "whole": -0.4}
MEAN = 0.7


def cohort(n: int = 300, seed: int = 3) -> pd.DataFrame:
    """Hazards of 0.1 a year; trials have levels of their own, too."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "ikzf1_class": rng.choice(["none", *CLASSES], n, p=[0.5, 0.25, 0.25]), "trial": rng.choice(list(TRIALS), n),
            "subtype": rng.choice(list("ab"), n), "pax5": rng.integers(0, 2, n), "f": rng.normal(size=n),
        }
    )  # fmt: skip
    effect = frame["ikzf1_class"].map(CLASSES) + MEAN + frame["trial"].map(TRIALS)
    level = np.log(0.1) + frame["trial"].map({"A": 0.3, "B": 0.0, "C": -0.3})
    event = rng.exponential(size=n) / np.exp(level + effect.fillna(0.0))
    end = rng.uniform(3.0, 8.0, n)
    frame["t"], frame["s"] = np.minimum(event, end), np.where(event <= end, rng.choice([1, 2], n, p=[0.8, 0.2]), 0)
    return frame


def endpoint(frame: pd.DataFrame) -> iko.Endpoint:
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, time_unit="years")


def spec(role: str = "strata", **options) -> iko.HierarchicalSpec:
    return iko.hierarchical_spec(**({role: "trial", "effects_by": role, "cuts": [1.0, 3.0]} | options))


@pytest.mark.parametrize("role", ["strata", "protocol"])
@pytest.mark.parametrize("pooling", ["zero-sum", "superpopulation"])
def test_without_differences_it_is_the_model_without(role: str, pooling: str) -> None:
    """Where both spreads go to 0, the density is that of the other model and the priors of what has no meaning then."""
    made = endpoint(cohort())
    more, less = (
        reduce_endpoint(made, spec(role, pooling=pooling, effects_by=by, centring="non-centred")).models[0]
        for by in (role, None)
    )
    one, two = (pack(own.sums, own.baseline, own.families) for own in (more, less))
    added = one.n_dim - two.n_dim
    rng = np.random.default_rng(1)
    for _ in range(3):
        theta = 0.5 * rng.normal(size=two.n_dim)
        free = rng.normal(size=added)
        at = {term: place - two.n_dim for term, place in more.places.items() if "trial" in term}
        for place in at.values():
            free[place] = -25.0
        value, gradient = evaluate(one, np.concatenate((theta, free)))
        base, slope = evaluate(two, theta)
        others = np.delete(free, list(at.values()))
        # the log of a half-normal of scale s at exp(-25), and standard normals
        prior = 2 * (np.log(2) - 0.5 * np.log(2 * np.pi) - np.log(0.25) - 25.0)
        prior -= 0.5 * (others**2).sum() + len(others) * 0.5 * np.log(2 * np.pi)
        assert value == pytest.approx(base + prior, rel=1e-9)
        np.testing.assert_allclose(gradient[: two.n_dim], slope, rtol=1e-7, atol=1e-7)


@pytest.fixture(scope="module")
def recovered() -> dict[str, pd.DataFrame]:
    made = endpoint(cohort(3000, seed=11))
    options = {"causes": "relapse", "cuts": [2.0], "draws": 500, "tune": 500}
    settings = {name: options.pop(name) for name in ("draws", "tune")}
    return {
        role: iko.sample(made, spec(role, **options), seed=4, **settings).tidy().set_index(["term", "contrast"])
        for role in ("strata", "protocol")
    }


@pytest.mark.parametrize("role", ["strata", "protocol"])
def test_effects_of_trials_are_found_again(recovered: dict[str, pd.DataFrame], role: str) -> None:
    table = recovered[role]
    for trial, deviation in TRIALS.items():
        row = table.loc[("deletion by trial", f"any deletion vs not deleted, in {trial}")]
        assert row["low"] < MEAN + deviation < row["high"], trial
        for word, own in CLASSES.items():
            row = table.loc[("class by trial", f"{word} vs not deleted, in {trial}")]
            assert row["low"] < MEAN + deviation + own < row["high"], (trial, word)
    # trials differ by 0.65 (SD), by their classes not at all beyond that
    spread = table.loc[("deletion by trial spread", "")]
    assert spread["low"] > 0.15
    assert table.loc[("class by trial spread", ""), "estimate"] < 0.25
    assert table["r_hat"].max() < 1.05


def test_other_parts_of_models_go_with_it() -> None:
    """Curves of prior draws add up with changes, subtypes, features, cure, Weibull hazards and failures of induction."""
    frame = cohort(120)
    made = endpoint(frame)
    for options in (
        {"changes_at": 1.0, "subtype": "subtype", "alterations": ["pax5"]}, {"features": ["f"], "baseline": "spline"},
        {"cure": True, "subtype": "subtype"}, {"baseline": "weibull", "cuts": (), "pooling": "superpopulation"},
    ):  # fmt: skip
        options = {"cuts": [1.0, 3.0]} | options
        before = iko.sample_prior(
            made, iko.hierarchical_spec(strata="trial", effects_by="strata", **options), seed=1, draws=20
        )
        for trial in (None, "A", "C"):
            for _, risks in before.scenarios(np.array([0.5, 4.0]), trial):
                np.testing.assert_allclose(risks.survival + risks.incidence.sum(axis=1), 1.0, atol=1e-9)
    failing = frame.assign(
        s=np.where(np.arange(120) % 9 == 0, 3, frame["s"]), t=np.where(np.arange(120) % 9, frame["t"], 0.0)
    )
    parts = iko.endpoint_from_columns(
        failing, time="t", status="s", causes={1: "relapse", 2: "death", 3: "non-response"}, time_unit="years"
    )
    before = iko.sample_prior(
        parts, spec("protocol", induction="non-response", pooling="superpopulation"), seed=1, draws=20
    )
    assert {"deletion by trial", "class by trial spread"} <= set(
        before.tidy().query("cause == 'induction failure'")["term"]
    )
    for trial in (None, "B"):
        for _, risks in before.scenarios(np.array([0.5, 4.0]), trial):
            np.testing.assert_allclose(risks.survival + risks.incidence.sum(axis=1), 1.0, atol=1e-9)
    table = before.predict(frame.iloc[:2].assign(trial="new", ikzf1_class="other"), 3.0)
    assert table["estimate"].notna().all()


def test_in_the_trial_that_all_are_of_nothing_changes() -> None:
    """A patient predicted in a trial has the curve of the trial, where only class and trial tell patients apart."""
    made = endpoint(cohort())
    posterior = iko.sample(made, spec("protocol"), seed=1, draws=60, tune=60, chains=2)
    new = pd.DataFrame({"ikzf1_class": ["none", "ik6", "whole"], "trial": "B"})
    ours = posterior.predict(new, [1.0, 4.0]).assign(group=lambda t: t["row"].map({1: "not deleted", 2: "ik6", 3: "whole"}))
    keys = ["group", "measure", "cause", "time"]
    both = ours.merge(posterior.curves([1.0, 4.0], trial="B"), on=keys, suffixes=("", "_of_all"))
    assert len(both) == 3 * 3 * 2
    for column in ("estimate", "low", "high", "posterior_sd"):
        np.testing.assert_allclose(both[column], both[f"{column}_of_all"], rtol=1e-9)


def test_an_aggregate_tells_the_same() -> None:
    made = endpoint(cohort().assign(t=lambda d: np.ceil(100 * d["t"]) / 100))
    model = spec(subtype="subtype")
    exact = iko.aggregate(made, ["ikzf1_class", "subtype", "trial"], [1.0, 3.0])
    for ours, theirs in zip(
        reduce_aggregate(exact, model, 0.0)[1].models, reduce_endpoint(made, model).models, strict=True
    ):
        one, two = (pack(own.sums, own.baseline, own.families) for own in (ours, theirs))
        theta = 0.5 * np.random.default_rng(1).normal(size=one.n_dim)
        assert evaluate(one, theta)[0] == pytest.approx(evaluate(two, theta)[0], rel=1e-10)


def test_files_and_stacks_keep_it(tmp_path) -> None:
    made = endpoint(cohort())
    posterior = iko.sample(made, spec(causes="any"), seed=1, draws=40, tune=40, chains=2)
    again = iko.load_posterior(posterior.save(tmp_path / "draws.nc"), made)
    pd.testing.assert_frame_equal(posterior.contrasts(3.0, trial="A"), again.contrasts(3.0, trial="A"))
    stacked = iko.stack_imputed([posterior, posterior])
    pd.testing.assert_frame_equal(
        stacked.curves(3.0, trial="A").drop(columns=["posterior_sd", "note"]),
        posterior.curves(3.0, trial="A").drop(columns=["posterior_sd", "note"]),
    )


def test_shrinkage_has_cox_models_of_each_trial() -> None:
    frame = cohort()
    posterior = iko.sample(endpoint(frame), spec(causes="relapse"), seed=1, draws=60, tune=60, chains=2)
    table = iko.shrinkage(posterior).set_index(["contrast", "method"])
    own = frame[frame["trial"] == "B"].assign(
        deletion=lambda d: (d["ikzf1_class"] != "none").astype(float),
        ikzf1_class=lambda d: pd.Categorical(d["ikzf1_class"], ["none", *CLASSES]),
    )
    for penalty, method in ((None, "Cox"), ("firth", "Firth")):
        fit = iko.cox(endpoint(own), ["deletion"], cause="relapse", penalty=penalty).tidy()
        ours = table.loc[("any deletion vs not deleted, in B", method)]
        np.testing.assert_allclose(
            ours[["estimate", "low", "high"]].astype(float),
            fit[["estimate", "low", "high"]].iloc[0].astype(float),
            rtol=1e-9,
        )
        fit = iko.cox(endpoint(own), ["ikzf1_class"], cause="relapse", penalty=penalty).tidy().set_index("contrast")
        ours = table.loc[("whole vs not deleted, in B", method), "estimate"]
        assert ours == pytest.approx(fit.loc["whole vs none", "estimate"], rel=1e-9)
