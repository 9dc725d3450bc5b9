"""Validation refuses what it cannot answer; resamples without a model are counted, and said."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import ColumnError, ConvergenceError, InputError
from ikzf1_outcomes.prognosis.procedures import Procedure
from ikzf1_outcomes.prognosis.validation import prepared

CAUSES = {1: "relapse", 2: "death"}


def patients(n=60):
    rng = np.random.default_rng(1)
    d = pd.DataFrame({"x": rng.normal(size=n).round(2), "g": rng.choice(["a", "b"], n), "p": rng.choice(["u", "v"], n)})
    return d.assign(t=rng.integers(1, 30, n) / 4, s=rng.choice([0, 1, 1], n), shift=0.5)


def validated(d=None, terms="x + g", **more):
    endpoint = iko.endpoint_from_columns(patients() if d is None else d, time="t", status="s", causes=CAUSES)
    return iko.validate(endpoint, terms, **{"resamples": 20, "seed": 1, **more})


def gaps(d):
    return d.assign(x=d["x"].mask(np.arange(len(d)) % 5 == 0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resamples": 0}, "resamples must be a whole number of 20 or more"),
        ({"resamples": 19}, "resamples must be a whole number of 20 or more"),
        ({"resamples": 50.0}, "resamples must be a whole number of 20 or more"),
        ({"resamples": True}, "resamples must be a whole number of 20 or more"),
        ({"imputations": -1}, "imputations must be a whole number of 0 or more"),
        ({"imputations": 1.5}, "imputations must be a whole number of 0 or more"),
        ({"imputations": True}, "imputations must be a whole number of 0 or more"),
        ({"auxiliary": "p"}, "without imputation: auxiliary"),
        ({"method": {"x": "pmm"}, "substantive": "x"}, "without imputation: method, substantive"),
        ({"cause": "second malignancy"}, "no cause is called"),
        ({"cause": "death"}, "no events of death"),
        ({"ties": "random"}, "no such rule for ties"),
        ({"penalty": "lasso"}, "no such penalty"),
        ({"penalty": "firth", "ties": "exact"}, "exact ties"),
        ({"ridge_terms": "x"}, "ridge_terms without a ridge penalty"),
        ({"references": {"g": "c"}}, "reference level"),
        ({"seed": "one"}, "seed"),
        ({"terms": "x + "}, "position"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        validated(**options)


@pytest.mark.parametrize("imputations", [0, 2])
@pytest.mark.parametrize("options", [{"terms": "x + no"}, {"strata": "no"}, {"offset": "no"}])
def test_columns_that_are_not_there(options, imputations):
    with pytest.raises(ColumnError):
        validated(gaps(patients()), imputations=imputations, **options)


def test_a_column_of_which_nothing_is_known():
    empty = patients().assign(x=np.nan)
    with pytest.raises(InputError, match="no row has all terms known"):
        validated(empty)
    with pytest.raises(InputError, match="nothing is known of 'x'"):
        validated(empty, imputations=2)
    for imputations in (0, 2):
        with pytest.raises(InputError, match="no row has its stratum and offset known"):
            validated(gaps(patients()).assign(p=None), strata="p", imputations=imputations)
        with pytest.raises(InputError, match="no row has its stratum and offset known"):
            validated(gaps(patients()).assign(shift=np.nan), offset="shift", imputations=imputations)


def test_no_events_and_separation_are_refused_before_any_resample():
    with pytest.raises(InputError, match="no events"):
        validated(patients().assign(s=0))
    with pytest.raises(InputError, match="no events"):
        validated(gaps(patients()).assign(s=0), imputations=2, cycles=1)
    with pytest.raises(ConvergenceError, match="separates"):
        validated(patients().assign(y=lambda d: d["s"].astype(float)), "y")


def test_imputation_of_patients_with_several_rows():
    d = gaps(patients(8)).assign(entry=0.0, who=range(8)).assign(s=1)
    d = pd.concat([d, d.assign(entry=d["t"], t=d["t"] + 1)], ignore_index=True)
    endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes=CAUSES, entry="entry", subject="who")
    with pytest.raises(InputError, match="patients with several rows"):
        iko.validate(endpoint, "x", resamples=20, imputations=2, seed=1)


def test_intervals_and_auxiliary_columns_that_are_not_there():
    for d in (patients(), gaps(patients())):
        with pytest.raises(ColumnError):
            validated(d, imputations=2, intervals={"x": ("low", "high")})
        with pytest.raises(ColumnError):
            validated(d, imputations=2, auxiliary="no")
    with pytest.raises(InputError, match="no pair"):
        validated(gaps(patients()), imputations=2, intervals={"x": "low"})


def made(d, terms="x", **options):
    endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes=CAUSES)
    asked = Procedure(terms, None, "efron", None, None, {"references": None, **options}, 0, {})
    return prepared(asked, endpoint, np.random.default_rng(0))


def test_a_resample_without_events_is_counted():
    d = patients()
    validation = made(d)
    nobody = np.resize(np.flatnonzero(d["s"] == 0), len(d))
    failed = validation.resample(nobody, np.random.default_rng(0))
    assert failed.problem == "no events of any cause among the rows analysed"
    assert np.isnan(np.r_[failed.training, failed.test]).all()
    good = [validation.drawn(np.random.default_rng(k)) for k in range(3)]
    table, without = validation.table([*good, failed]), validation.table(good)
    assert table["n_resamples"].tolist() == [3, 3]
    assert table["estimate"].equals(without["estimate"])
    said = "1 of 4 resamples without a model, which makes the rest too optimistic (the most frequent reason: no events"
    assert table["note"].str.contains(said, regex=False).all()
    assert not without["note"].str.contains("without a model").any()


def test_no_resample_with_a_model_leaves_nothing_but_the_apparent_value():
    d = patients()
    validation = made(d)
    nobody = np.resize(np.flatnonzero(d["s"] == 0), len(d))
    table = validation.table([validation.resample(nobody, np.random.default_rng(0))] * 3)
    assert table["n_resamples"].tolist() == [0, 0]
    assert table["apparent"].notna().all()
    assert table[["estimate", "std_error", "training", "test", "optimism"]].isna().all(axis=None)


def test_a_rare_level_that_a_resample_lacks_is_counted():
    d = patients().assign(g=lambda d: np.where(np.arange(len(d)) < 2, "rare", d["g"]))
    d.loc[[0, 1], "s"] = 1
    table = validated(d, resamples=40)
    without = 40 - table["n_resamples"][0]
    # (1 - 2/60)^60 = 0.13 of 40
    assert 1 <= without <= 14
    assert table["note"].str.contains(f"{without} of 40 resamples without a model").all()
    assert table["note"].str.contains("'g' has levels that the design does not know").all()
    # with one event in the level, it loses it more often than it is lost
    d.loc[1, "s"] = 0
    table = validated(d, resamples=40)
    assert table["note"].str.contains("resamples a level lost its events: the slope is 0 there").all()
    assert table["n_resamples"][0] == table["n_resamples"][1]


def test_a_resample_in_which_the_predictor_runs_away():
    # among the patients drawn x orders everybody; a ridge keeps the coefficient finite, the slope of the predictor is not
    d = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "s": 1, "x": [5.0, 4, 3, 2, 6, 1]})
    drawn = made(d, penalty=("ridge", 1.0)).resample(np.array([0, 1, 2, 3, 5, 5]), np.random.default_rng(0))
    assert drawn.training[0] == 1.0
    assert np.isnan(drawn.training[1])
    assert np.isfinite(drawn.test).all()
    table = made(d, penalty=("ridge", 1.0)).table([drawn, drawn])
    assert table["n_resamples"].tolist() == [2, 0]
    assert table["note"][1].startswith("not estimable in 2 of 2 resamples with a model")


def test_rows_in_which_there_is_no_value_to_be_known_are_left_out():
    d = patients(120)
    d = d.assign(x=d["x"].mask(np.arange(120) % 4 == 0))
    endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes=CAUSES)
    known = np.where(np.arange(120) % 8 == 0, np.nan, 0.0)
    endpoint = dataclasses.replace(endpoint, time_unit="years", start=np.zeros(120), known_at={"x": known})
    table = iko.validate(endpoint, "x + g", resamples=20, imputations=2, cycles=2, seed=1)
    assert table["n"].tolist() == [105, 105]
    assert table["n_excluded"].tolist() == [15, 15]
    assert table["estimate"].notna().all()


def test_weights_that_are_not_whole_keep_their_note():
    d = patients().assign(w=1.5)
    endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes=CAUSES, weights="w")
    table = iko.validate(endpoint, "x", resamples=20, seed=1)
    assert table["n"].tolist() == [90, 90]
    assert table["note"].str.contains("weights are not whole numbers").all()
