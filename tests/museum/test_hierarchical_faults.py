"""Hierarchical models: wrong numbers, missing words and tracebacks that there once were."""

import _thread
import threading
import time

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.quantities import prior_above
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint
from ikzf1_outcomes.models.bayes.scenarios import cells_of

N = 60
BOTH = ["relapse", "death"]


def patients() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "t": np.round(rng.uniform(0.1, 6, N), 3), "s": rng.choice([0, 1, 2], N, p=[0.5, 0.35, 0.15]),
            "ikzf1_class": rng.choice(["none", "ik6", "del_4_8"], N, p=[0.6, 0.2, 0.2]),
            "subtype": rng.choice(list("abc"), N), "protocol": rng.choice(list("pq"), N), "x": rng.normal(size=N),
            "pax5": rng.choice(["normal", "deleted"], N),
        }
    )  # fmt: skip


def endpoint(frame: pd.DataFrame, unit: str | None = "years") -> iko.Endpoint:
    causes = {1: "relapse", 2: "death"}
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=causes, time_unit=unit)


def spec(**options) -> iko.HierarchicalSpec:
    return iko.hierarchical_spec(**({"causes": "relapse", "cuts": [1.0, 3.0]} | options))


def fit(frame: pd.DataFrame, draws: int = 100, chains: int = 2, **options) -> iko.Posterior:
    return iko.sample(endpoint(frame), spec(**options), seed=1, draws=draws, tune=100, chains=chains)


def half(scale: float) -> iko.Prior:
    return iko.Prior("half-normal", 0, scale, "unit", "reason")


def test_the_prior_of_a_cell_whose_mean_is_not_0():
    deletion = iko.Prior("normal", 0.4, 0.3, "unit", "reason")
    priors = iko.Priors(deletion=deletion, class_spread=half(0.8), cell_spread=half(0.6))
    model = reduce_endpoint(endpoint(patients()), spec(subtype="subtype", priors=priors)).models[0]
    by_term = {effect.term: effect for effect in model.effects}
    rng, n = np.random.default_rng(1), 400_000
    value = rng.normal(0.4, 0.3, n) + np.abs(rng.normal(0, 0.8, n)) * rng.normal(size=n) / np.sqrt(2)
    value += np.abs(rng.normal(0, 0.6, n)) * rng.normal(size=n)
    assert prior_above(by_term["cell"], by_term) == pytest.approx((value > 0).mean(), abs=0.004)


def test_unseen_cells_of_two_classes_are_independent():
    frame = patients()
    frame.loc[(frame["subtype"] == "c") & (frame["ikzf1_class"] != "none"), "ikzf1_class"] = "none"
    posterior = fit(frame, subtype="subtype", draws=1000)
    own = {effect.term: effect for effect in posterior.reduced.models[0].effects}
    drawn = posterior.sampled[0].drawn
    beta = drawn.effect.reshape(-1, drawn.effect.shape[-1])
    one, two = (cells_of(posterior.reduced, own, drawn, c, beta, (1, 0, 0))[:, 2] for c in (0, 1))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.3


@pytest.mark.parametrize("draws", [100, 3, 1])
def test_one_chain_has_a_table(draws: int):
    posterior = fit(patients(), chains=1, draws=draws)
    assert posterior.tidy()["estimate"].notna().all()
    assert "R-hat" in posterior.glance()["note"].iloc[0]


@pytest.mark.parametrize("level", [0.0, 1.0, 95, np.nan])
def test_levels_of_intervals_are_checked(level: float):
    posterior = fit(patients(), causes=BOTH)
    for ask in (posterior.curves, posterior.contrasts):
        with pytest.raises(iko.InputError):
            ask(1.0, conf_level=level)
    with pytest.raises(iko.InputError):
        posterior.tidy(conf_level=level)


@pytest.mark.parametrize(
    "priors", [{"deletion": half(1)}, {"class_spread": iko.Prior("normal", -1, 1, "unit", "reason")}, {"level": 1.0}]
)
def test_a_prior_of_another_family(priors: dict):
    with pytest.raises(iko.InputError, match="the prior of"):
        iko.Priors(**priors)


@pytest.mark.parametrize(
    "options",
    [
        {"priors": "wide"}, {"cuts": "abc"}, {"cuts": 5}, {"bound": "a"}, {"horizon": None}, {"changes_at": "a"},
        {"covariates": 5}, {"subtype": "ikzf1_class"}, {"alterations": ["pax5", "pax5"]}, {"alterations": ["subtype"],
        "subtype": "subtype"},
    ],
)  # fmt: skip
def test_descriptions_that_are_none(options: dict):
    with pytest.raises(iko.InputError):
        spec(**options)


@pytest.mark.parametrize("word", ["", "NA", "unknown", "not tested", "Not Known"])
def test_words_for_unknown_are_no_deleted_class(word: str):
    frame = patients()
    frame.loc[:9, "ikzf1_class"] = word
    posterior = fit(frame)
    assert f"{word} vs not deleted" not in posterior.tidy()["contrast"].tolist()
    assert posterior.glance()["n_excluded"].iloc[0] == 10


@pytest.mark.parametrize("value", [np.inf, 1e8])
def test_alterations_without_end_are_named(value: float):
    frame = patients().assign(flag=0.0)
    frame.loc[3, "flag"] = value
    with pytest.raises(iko.InputError, match=r"flag.*row 4"):
        reduce_endpoint(endpoint(frame), spec(alterations=["flag"]))


def test_an_alteration_may_be_one_word():
    assert spec(alterations="pax5").alterations == ("pax5",)


def test_what_only_the_priors_tell_has_a_note():
    alike = fit(patients().assign(pax5="normal"), alterations=["pax5"])
    assert "alike in pax5" in alike.glance()["note"].iloc[0]
    frame = patients()
    frame["protocol"] = frame["ikzf1_class"].map({"none": "q", "ik6": "p", "del_4_8": "r"})
    assert "told apart" in fit(frame, protocol="protocol").glance()["note"].iloc[0]
    assert "told apart" not in fit(patients(), protocol="protocol").glance()["note"].iloc[0]
    short = fit(patients().assign(t=lambda d: d["t"] / 6))
    assert "prior decides" in short.tidy().set_index("term").loc["level", "note"]


def test_times_in_days():
    with pytest.raises(iko.InputError, match="years"):
        reduce_endpoint(endpoint(patients().assign(t=lambda d: np.ceil(d["t"] * 365.25)), unit=None), spec())


def test_a_change_after_all_follow_up():
    with pytest.raises(iko.InputError, match="change"):
        reduce_endpoint(endpoint(patients()), spec(changes_at=50.0))


def test_target_accept_as_a_word():
    with pytest.raises(iko.InputError, match="target_accept"):
        iko.sample(endpoint(patients()), spec(), seed=1, target_accept="high")


def test_a_subtype_with_a_colon_and_a_class_with_one():
    frame = patients().assign(subtype=lambda d: "B : " + d["subtype"])
    posterior = fit(frame, subtype="subtype", causes=BOTH)
    assert "ik6 vs not deleted, in B : a" in posterior.tidy()["contrast"].tolist()
    assert posterior.curves(1.0)["estimate"].notna().all()
    with pytest.raises(iko.InputError, match="colon"):
        reduce_endpoint(endpoint(frame.assign(ikzf1_class=lambda d: d["ikzf1_class"].replace("ik6", "a : b"))), spec())


def test_a_cell_says_its_period():
    cells = fit(patients(), subtype="subtype", changes_at=2.0).tidy().query("term == 'cell'")
    assert cells["contrast"].str.contains("to 2 years").all()


def test_the_class_is_no_covariate():
    with pytest.raises(iko.InputError, match="another role"):
        reduce_endpoint(endpoint(patients()), spec(covariates="ikzf1_class"))


def test_undeleted_as_the_values_are():
    frame = patients().assign(ikzf1_class=lambda d: d["ikzf1_class"].map({"none": 0, "ik6": 1, "del_4_8": 2}))
    reduced = reduce_endpoint(endpoint(frame), spec(undeleted=[0]))
    assert reduced.models[0].effects[1].labels == ("1", "2")


def test_ctrl_c_ends_all_causes():
    fit(patients(), causes=BOTH)  # everything is compiled
    begin = time.time()
    threading.Timer(0.5, _thread.interrupt_main).start()
    posterior = iko.sample(endpoint(patients()), spec(causes=BOTH), seed=1, draws=300_000, tune=100, chains=2)
    assert time.time() - begin < 30
    assert posterior.causes == ("relapse",)
    assert "interrupted" in posterior.glance()["note"].iloc[0]
    with pytest.raises(iko.InputError, match="every cause"):
        posterior.curves(1.0)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(iko.InputError, match="folder"):
        fit(patients()).save(tmp_path / "none" / "draws.nc")


def test_curves_say_that_chains_have_not_converged():
    posterior = fit(patients(), draws=5, causes=BOTH)
    assert posterior.curves(1.0)["note"].str.contains("not converged").all()
    assert posterior.contrasts(1.0)["note"].str.contains("not converged").all()


@pytest.mark.parametrize("baseline", ["piecewise", "spline"])
def test_curves_begin_at_the_landmark(baseline: str):
    """Before it nobody was followed, and the prior's hazard is no patient's."""
    frame = patients().assign(t=lambda d: d["t"] + 1.0)
    posterior = iko.sample(
        iko.landmark(endpoint(frame), 1.0), spec(causes=BOTH, baseline=baseline, cuts=[2.0, 4.0]), seed=1, draws=50, tune=50
    )
    curves = posterior.curves([0.5, 1.0, 3.0]).query("measure == 'event-free survival'").set_index(["group", "time"])
    assert curves.xs(0.5, level="time")["estimate"].tolist() == [1.0] * 4
    assert curves.xs(1.0, level="time")["estimate"].tolist() == pytest.approx([1.0] * 4)
    assert (curves.xs(3.0, level="time")["estimate"] < 0.99).all()
    # those who are not deleted have no effects here: their survival is that of the baseline from the landmark on
    basis = posterior.reduced.basis
    total = sum(np.exp(own.drawn.log_hazard.reshape(-1, basis.size)) for own in posterior.sampled)
    lived = basis.integrals(np.array([3.0]))[0] - basis.integrals(np.array([1.0]))[0]
    expected = np.median(np.exp(-total @ lived))
    assert curves.loc[("not deleted", 3.0), "estimate"] == pytest.approx(expected, rel=1e-10)
