"""Data and arguments that a hierarchical model cannot take, and those that it takes with a word about it."""

import _thread
import threading
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint

N = 60


def patients() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "t": np.round(rng.uniform(0.1, 6, N), 3), "s": rng.choice([0, 1, 2], N, p=[0.5, 0.35, 0.15]),
            "ikzf1_class": rng.choice(["none", "ik6", "del_4_8"], N, p=[0.6, 0.2, 0.2]),
            "subtype": rng.choice(list("abc"), N), "protocol": rng.choice(list("pq"), N),
            "x": rng.normal(size=N), "pax5": rng.choice(["normal", "deleted"], N),
        }
    )  # fmt: skip


def endpoint(frame: pd.DataFrame, **named: object) -> iko.Endpoint:
    options: dict = {"time": "t", "status": "s", "causes": {1: "relapse", 2: "death"}, "time_unit": "years"} | named
    return iko.endpoint_from_columns(frame, **options)


def spec(**options: object) -> iko.HierarchicalSpec:
    return iko.hierarchical_spec(**({"causes": "relapse", "cuts": [1.0, 3.0]} | options))  # type: ignore[arg-type]


def fitted(frame: pd.DataFrame, **options: object) -> iko.Posterior:
    return iko.sample(endpoint(frame), spec(**options), seed=1, draws=100, tune=100, chains=2)


def numbers_are_numbers(posterior: iko.Posterior) -> None:
    for table in (posterior.tidy(), posterior.tidy(exponentiate=True)):
        assert np.isfinite(table[["estimate", "posterior_sd", "low", "high", "r_hat"]].to_numpy()).all()


# -- descriptions ----------------------------------------------------------------------------------------------------------

DESCRIPTIONS = {
    "a baseline": ({"baseline": "gompertz"}, "no such baseline.*Use piecewise or spline or weibull"),
    "a pooling": ({"pooling": "complete"}, "no such pooling.*Use zero-sum or superpopulation"),
    "a centring": ({"centring": "partial"}, "no such centring.*Use auto"),
    "a cut at 0": ({"cuts": [0, 1]}, "cuts must be above 0 and ascend"),
    "cuts twice": ({"cuts": [1, 1]}, "cuts must be above 0 and ascend"),
    "cuts that descend": ({"cuts": [2, 1]}, "cuts must be above 0 and ascend"),
    "a cut that is missing": ({"cuts": [np.nan]}, "cuts must be above 0 and ascend"),
    "a cut without end": ({"cuts": [1, np.inf]}, "cuts must be above 0 and ascend"),
    "a spline without cuts": ({"baseline": "spline", "cuts": []}, "a spline needs at least one cut"),
    "a bound before the last cut": ({"bound": 2.0}, "the bound lies before the last cut"),
    "a bound at the last cut": ({"bound": 3.0}, "the bound lies before the last cut"),
    **{f"bound {v}": ({"bound": v}, "the bound must be above 0.*in years") for v in (0, -1, np.nan, np.inf)},
    **{f"horizon {v}": ({"horizon": v}, "the horizon must be above 0.*in years") for v in (0, -1, np.nan, np.inf)},
    **{f"change {v}": ({"changes_at": v}, "the change must be above 0.*in years") for v in (0, -1, np.nan, np.inf)},
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_descriptions(name: str) -> None:
    options, words = DESCRIPTIONS[name]
    with pytest.raises(iko.InputError, match=words):
        spec(**options)


PRIORS = {
    "scale 0": ("normal", 0.0, 0.0),
    "a negative scale": ("normal", 0.0, -1.0),
    "a negative spread": ("half-normal", 0.0, -0.5),
    "a scale that is missing": ("normal", 0.0, np.nan),
    "a scale without end": ("normal", 0.0, np.inf),
    "a location without end": ("normal", -np.inf, 1.0),
    "a family": ("cauchy", 0.0, 1.0),
    "a spread that lies elsewhere": ("half-normal", 1.0, 1.0),
}


@pytest.mark.parametrize("name", PRIORS)
def test_priors(name: str) -> None:
    with pytest.raises(iko.InputError, match=r"scale above 0|no such family|lies at 0") as raised:
        iko.Prior(*PRIORS[name], unit="log hazard ratio", reason="a test")
    assert raised.value.next_step


@pytest.mark.parametrize("factor", [0.0, -1.0, np.nan, np.inf])
def test_priors_are_widened_by_a_factor(factor: float) -> None:
    with pytest.raises(iko.InputError, match="widened by a factor above 0"):
        iko.Priors().widened(factor)


# -- columns, causes, times ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["classes", "subtype", "protocol", "strata"])
def test_unknown_columns(role: str) -> None:
    with pytest.raises(iko.ColumnError, match="no column is called 'nowhere'"):
        reduce_endpoint(endpoint(patients()), spec(**{role: "nowhere"}))


@pytest.mark.parametrize(
    "options", [{"covariates": "x + nowhere"}, {"covariates": ["nowhere"]}, {"alterations": ["nowhere"]}]
)
def test_unknown_covariates(options: dict) -> None:
    with pytest.raises(iko.ColumnError, match="no column is called 'nowhere'"):
        reduce_endpoint(endpoint(patients()), spec(**options))


CAUSES = {
    "a cause that is not there": ("nothing", "no cause is called 'nothing'. The causes are relapse, death"),
    "no cause": ([], "no cause is named"),
    "a cause twice": (["relapse", "relapse"], "a cause is named twice"),
    "any beside others": (["any", "relapse"], "any beside others"),
    "other with nothing left": (["relapse", "death", "other"], "no events of 'other' among the rows analysed.*out"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_causes(name: str) -> None:
    causes, words = CAUSES[name]
    for call in (reduce_endpoint, iko.hierarchical_model):
        with pytest.raises(iko.InputError, match=words):
            call(endpoint(patients()), spec(causes=causes))


def test_no_events_at_all_and_none_among_the_rows_that_are_left() -> None:
    for status in (0, 2):
        with pytest.raises(iko.InputError, match="no events of 'relapse' among the rows analysed"):
            reduce_endpoint(endpoint(patients().assign(s=status)), spec())
    frame = patients()
    frame["x"] = frame["x"].where(frame["s"] != 1)
    with pytest.raises(iko.InputError, match="no events of 'relapse' among the rows analysed"):
        reduce_endpoint(endpoint(frame), spec(covariates="x"))


def test_rows_at_time_zero_are_named() -> None:
    frame = patients()
    frame.loc[[2, 5], "t"] = 0.0
    with pytest.raises(iko.InputError, match="rows end at time 0") as raised:
        reduce_endpoint(endpoint(frame), spec())
    assert raised.value.where == (3, 6)
    assert "landmark" in raised.value.next_step
    # a row that is left out may lie at 0
    frame.loc[[2, 5], "x"] = np.nan
    assert reduce_endpoint(endpoint(frame), spec(covariates="x")).patients.keep.sum() == N - 2


def test_events_after_the_bound_are_named() -> None:
    frame = patients()
    late = np.flatnonzero((frame["t"] > 4) & (frame["s"] > 0)) + 1
    with pytest.raises(iko.InputError, match="events after the bound") as raised:
        reduce_endpoint(endpoint(frame), spec(bound=4.0))
    assert raised.value.where == tuple(late)


def test_times_in_days() -> None:
    frame = patients().assign(t=lambda part: np.ceil(part["t"] * 365.25))
    with pytest.raises(iko.InputError, match="need times in years"):
        reduce_endpoint(endpoint(frame, time_unit="days"), spec())


# -- patients --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("only", "words"), [("none", "nobody with a deletion"), ("ik6", "nobody without a deletion")])
def test_nobody_to_compare(only: str, words: str) -> None:
    with pytest.raises(iko.InputError, match=words):
        reduce_endpoint(endpoint(patients().assign(ikzf1_class=only)), spec())


def test_a_word_for_no_deletion_that_nobody_has() -> None:
    with pytest.raises(iko.InputError, match=r"nobody without a deletion.*`undeleted`"):
        reduce_endpoint(endpoint(patients()), spec(undeleted="wild type"))


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e200])
def test_infinite_and_huge_covariates_are_named_by_row(value: float) -> None:
    frame = patients()
    frame.loc[3, "x"] = value
    with pytest.raises(iko.InputError, match="term 'x' has an infinite value; row 4"):
        reduce_endpoint(endpoint(frame), spec(covariates="x"))


@pytest.mark.parametrize("values", [lambda x: 0 * x, lambda x: 1e9 + 1e-5 * x, lambda x: 1e-200 * x])
def test_constant_covariates(values) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(iko.InputError, match=r"a covariate is constant among the rows analysed. Leave it out"):
        reduce_endpoint(endpoint(patients().assign(x=lambda part: values(part["x"]))), spec(covariates="x"))


def test_alterations_that_are_no_calls() -> None:
    frame = patients()
    frame.loc[[0, 7], "pax5"] = "bent"
    with pytest.raises(iko.InputError, match="values that are no copy-number calls") as raised:
        reduce_endpoint(endpoint(frame), spec(alterations=["pax5"]))
    assert raised.value.where == (1, 8)
    assert "bent" not in str(raised.value)


@pytest.mark.parametrize(
    ("column", "value", "options"),
    [
        ("x", np.nan, {"covariates": "x"}),
        ("ikzf1_class", None, {}),
        ("ikzf1_class", "not_tested", {}),
        ("ikzf1_class", "ambiguous", {}),
        ("ikzf1_class", "failed", {}),
        ("subtype", None, {"subtype": "subtype"}),
        ("protocol", None, {"protocol": "protocol"}),
        ("protocol", None, {"strata": "protocol"}),
        ("pax5", None, {"alterations": ["pax5"]}),
        ("pax5", "failed", {"alterations": ["pax5"]}),
    ],
)
def test_missing_values_are_left_out_and_counted(column: str, value: object, options: dict) -> None:
    frame = patients()
    frame[column] = frame[column].astype(object)
    frame.loc[:9, column] = value
    frame["x"] = frame["x"].astype(float)
    posterior = fitted(frame, **options)
    row = posterior.glance().iloc[0]
    assert (row["n_excluded"], row["n"], row["n_event"]) == (10, N - 10, (frame["s"][10:] == 1).sum())
    assert not posterior.tidy()["contrast"].str.contains("not_tested|ambiguous|failed").any()


@pytest.mark.parametrize("options", [{"covariates": "x"}, {"alterations": ["x"]}, {"subtype": "x"}])
def test_a_column_that_nobody_has(options: dict) -> None:
    with pytest.raises(iko.InputError, match="no row has all") as raised:
        reduce_endpoint(endpoint(patients().assign(x=np.nan)), spec(**options))
    assert raised.value.count == N


def test_a_class_with_no_patient_is_no_class() -> None:
    frame = patients()
    levels = pd.CategoricalDtype(["none", "ik6", "del_4_8", "whole_gene"])
    posterior = fitted(frame.assign(ikzf1_class=frame["ikzf1_class"].astype(levels)))
    assert [label for label in posterior.tidy()["contrast"] if label] == [
        f"{name} vs not deleted" for name in ("any deletion", "ik6", "del_4_8")
    ]


def test_a_class_with_no_event_is_drawn_to_the_others() -> None:
    frame = patients()
    frame.loc[frame["ikzf1_class"] == "ik6", "s"] = 0
    posterior = fitted(frame)
    numbers_are_numbers(posterior)
    row = posterior.tidy().set_index("contrast").loc["ik6 vs not deleted"]
    assert row["n_event"] == 0
    assert row["n"] == (frame["ikzf1_class"] == "ik6").sum()
    assert row["high"] - row["low"] < 6  # Cox has an infinite interval


@pytest.mark.parametrize("role", ["subtype", "protocol"])
def test_one_subtype_or_protocol_only(role: str) -> None:
    posterior = fitted(patients().assign(**{role: "one"}), **{role: role})
    assert f"one {role} only: {role}s are left out" in posterior.glance()["note"].iloc[0]
    assert not (posterior.tidy()["term"] == role).any()


def test_one_deleted_class_only() -> None:
    frame = patients()
    posterior = fitted(frame.assign(ikzf1_class=np.where(frame["ikzf1_class"] == "none", "none", "ik6")))
    assert "one deleted class only" in posterior.glance()["note"].iloc[0]
    assert not (posterior.tidy()["term"] == "class").any()


def test_a_class_that_is_a_protocol() -> None:
    """All patients of a class on one protocol that nobody else is on: the prior shares out what cannot be told apart."""
    frame = patients()
    frame["protocol"] = frame["ikzf1_class"].map({"none": "q", "ik6": "p", "del_4_8": "r"})
    # SDs of few draws are too unsure to compare
    many: dict[str, Any] = {
        "seed": 1,
        "draws": 2000,
        "tune": 500,
        "chains": 2,
    }
    posterior = iko.sample(endpoint(frame), spec(protocol="protocol"), **many)
    numbers_are_numbers(posterior)
    alone = iko.sample(endpoint(frame), spec(), **many).tidy().set_index("contrast")
    both = posterior.tidy().set_index("contrast")
    for contrast in ("ik6 vs not deleted", "del_4_8 vs not deleted"):
        assert both.loc[contrast, "posterior_sd"] > alone.loc[contrast, "posterior_sd"]


@pytest.mark.parametrize("when", [0.5, 5.5])
def test_all_events_in_one_interval(when: float) -> None:
    frame = patients()
    frame.loc[frame["s"] == 1, "t"] = when
    numbers_are_numbers(fitted(frame))


def test_follow_up_shorter_than_the_horizon() -> None:
    posterior = fitted(patients().assign(t=lambda part: part["t"] / 6), causes=["relapse", "death"])
    for table in (posterior.curves([0.5, 5.0]), posterior.contrasts([0.5, 5.0])):
        late = table["time"] == 5.0
        said = table["note"].str.contains("beyond the follow-up of these patients: the prior decides")
        assert (said == late).all()


@pytest.mark.parametrize("baseline", ["piecewise", "spline"])
def test_cuts_and_bounds_beyond_the_follow_up(baseline: str) -> None:
    numbers_are_numbers(fitted(patients(), baseline=baseline, cuts=[1.0, 50.0], bound=80.0))


def test_one_event_is_enough() -> None:
    frame = pd.DataFrame({"t": [1.0, 2.0], "s": [1, 0], "ikzf1_class": ["none", "ik6"]})
    whole = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
    posterior = iko.sample(whole, spec(), seed=1, draws=100, tune=100, chains=2)
    numbers_are_numbers(posterior)


# -- sampling --------------------------------------------------------------------------------------------------------------

SETTINGS = {
    **{f"seed {v}": ({"seed": v}, "seed must be a whole number of 0 or more") for v in (-1, 1.5, None, True, 2**70, "1")},
    **{f"draws {v}": ({"draws": v}, "draws must be a whole number of 1 or more") for v in (0, -5, 10.0, "many")},
    **{f"tune {v}": ({"tune": v}, "tune must be a whole number of 1 or more") for v in (0, 1.5)},
    **{f"chains {v}": ({"chains": v}, "chains must be a whole number of 1 or more") for v in (0, True)},
    **{f"cores {v}": ({"cores": v}, "cores must be a whole number of 1 or more") for v in (0, 2.0)},
    **{f"target {v}": ({"target_accept": v}, "target_accept must lie between 0 and 1") for v in (0.0, 1.0, 90, np.nan)},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name: str) -> None:
    options, words = SETTINGS[name]
    with pytest.raises(iko.InputError, match=words) as raised:
        iko.sample(endpoint(patients()), spec(), **({"seed": 1} | options))  # type: ignore[arg-type]
    assert raised.value.next_step


def test_too_few_draws_are_said_in_every_row() -> None:
    posterior = fitted(patients())
    assert posterior.tidy()["note"].str.contains("not converged: ").all()
    assert "effective sample size" in posterior.glance()["note"].iloc[0]
    assert (posterior.glance()["tries"] == 3).all()


def test_an_interrupted_run_keeps_its_draws() -> None:
    fitted(patients())  # what is compiled once is no part of the run
    timer = threading.Timer(0.6, _thread.interrupt_main)
    timer.start()
    posterior = iko.sample(endpoint(patients()), spec(), seed=5, draws=3_000_000, tune=50, chains=2)
    timer.join()
    row = posterior.glance().iloc[0]
    assert 0 < row["draws"] < 3_000_000
    assert row["tries"] == 1
    assert "sampling was interrupted" in row["note"]
    assert posterior.tidy()["note"].str.contains("sampling was interrupted").all()


# -- questions -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def posterior() -> iko.Posterior:
    return fitted(patients(), causes=["relapse", "death"])


@pytest.mark.parametrize("times", [0.0, -1.0, np.nan, np.inf, [], [1.0, 0.0]])
def test_times_of_curves(posterior: iko.Posterior, times: float | list[float]) -> None:
    for ask in (posterior.curves, posterior.contrasts):
        with pytest.raises(iko.InputError, match=r"times must be above 0. Give them in years"):
            ask(times)


@pytest.mark.parametrize("level", [0.0, 1.0, 95, -0.5, np.nan])
def test_levels_of_intervals(posterior: iko.Posterior, level: float) -> None:
    with pytest.raises(iko.InputError, match="conf_level must lie between 0 and 1"):
        posterior.tidy(conf_level=level)


@pytest.mark.parametrize("margin", [0.0, -1.0, np.nan, np.inf])
def test_margins(posterior: iko.Posterior, margin: float) -> None:
    with pytest.raises(iko.InputError, match="the margin is a hazard ratio above 0"):
        posterior.tidy(margin=margin)


def test_curves_need_a_model_of_every_event() -> None:
    lone = fitted(patients())
    for ask in (lone.curves, lone.contrasts):
        with pytest.raises(iko.InputError, match="curves need a model of every cause") as raised:
            ask(1.0)
        assert '"other"' in raised.value.next_step


def test_models_of_different_patients_are_not_compared(posterior: iko.Posterior) -> None:
    with pytest.raises(iko.InputError, match="fewer than two models"):
        iko.compare_posteriors({"one": posterior})
    with pytest.raises(iko.InputError, match="different patients, times or causes"):
        iko.compare_posteriors({"both": posterior, "relapse alone": fitted(patients())})
    frame = patients()
    frame.loc[0, "x"] = np.nan
    fewer = fitted(frame, causes=["relapse", "death"], covariates="x")
    with pytest.raises(iko.InputError, match="different patients") as raised:
        iko.compare_posteriors({"all": posterior, "a patient fewer": fewer})
    assert "every column" in raised.value.next_step
