"""Validation: what must hold whatever the patients are."""

import dataclasses

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.prognosis.procedures import Procedure
from ikzf1_outcomes.prognosis.validation import prepared

CAUSES = {1: "relapse", 2: "death"}
NUMBERS = ["estimate", "std_error", "apparent", "training", "test", "optimism"]
seeds = st.integers(0, 2**32 - 1)


def drawn(seed, n=60):
    rng = np.random.default_rng(seed)
    d = pd.DataFrame({"x": rng.normal(size=n).round(2), "z": rng.normal(size=n).round(1), "g": rng.choice(list("abc"), n)})
    d["p"] = rng.choice(["u", "v"], n)
    d["t"] = np.ceil(rng.exponential(8 * np.exp(-0.7 * d["x"])))
    return d.assign(s=rng.choice([0, 1, 1, 2], n), w=rng.integers(1, 4, n), shift=rng.normal(size=n).round(1))


def made(d, **more):
    return iko.endpoint_from_columns(d, time="t", status="s", causes=CAUSES, **more)


def procedure(terms="x + z + g", **more):
    asked = {"cause": "relapse", "ties": "efron", "strata": "p", "offset": None, **more}
    return Procedure(terms, **asked, options={"references": None}, imputations=0, imputing={})


def one_resample(asked, endpoint, patients):
    """Apparent, training and test values; draws that a model is refused of tell nothing."""
    try:
        validation = prepared(asked, endpoint, np.random.default_rng(0))
    except (ConvergenceError, InputError):
        assume(False)
    found = validation.resample(patients, np.random.default_rng(0))
    assume(not found.problem)
    one = validation.apparent[0]
    return np.r_[one.concordance, one.slope, found.training, found.test]


@given(seeds, st.sampled_from(["efron", "breslow"]), st.floats(1e-3, 1e3), st.floats(-50, 50))
def test_unit_and_zero_of_a_covariate_and_of_time_do_not_matter(seed, ties, unit, zero):
    d = drawn(seed)
    patients = np.random.default_rng(seed).integers(0, len(d), len(d))
    other = d.assign(x=d["x"] * unit + zero, t=d["t"] * unit)
    plain, moved = (one_resample(procedure(ties=ties), made(part), patients) for part in (d, other))
    np.testing.assert_allclose(moved, plain, rtol=1e-7)


@given(seeds, st.sampled_from([None, "shift"]))
def test_order_of_rows_and_of_those_drawn_does_not_matter(seed, offset):
    d, rng = drawn(seed), np.random.default_rng(seed)
    patients, order = rng.integers(0, len(d), len(d)), rng.permutation(len(d))
    place = np.argsort(order)
    asked = procedure(offset=offset)
    plain = one_resample(asked, made(d), patients)
    mixed = one_resample(asked, made(d.iloc[order]), rng.permutation(place[patients]))
    np.testing.assert_allclose(mixed, plain, rtol=1e-8)


@given(seeds)
def test_a_weight_is_as_many_patients(seed):
    d = drawn(seed, 40)
    patients = np.random.default_rng(seed).integers(0, len(d), len(d))
    copies = np.repeat(np.arange(len(d)), d["w"])
    first = np.cumsum(d["w"].to_numpy()) - d["w"].to_numpy()
    own = d["w"].to_numpy()[patients]
    many = np.repeat(first[patients] - np.cumsum(own) + own, own) + np.arange(own.sum())
    asked = procedure("x + z", ties="breslow")
    weighted = one_resample(asked, made(d, weights="w"), patients)
    alone = one_resample(asked, made(d.iloc[copies].reset_index(drop=True)), many)
    np.testing.assert_allclose(weighted, alone, rtol=1e-8)


@given(seeds, st.sampled_from([None, "shift"]), st.sampled_from([None, "firth", ("ridge", 3.0)]))
def test_a_resample_is_made_of_public_parts(seed, offset, penalty):
    d, terms = drawn(seed), "x + z"
    patients = np.random.default_rng(seed).integers(0, len(d), len(d))
    asked = dataclasses.replace(procedure(terms, offset=offset), options={"references": None, "penalty": penalty})
    found = one_resample(asked, made(d), patients)
    again = d.iloc[patients].reset_index(drop=True)
    fits = [iko.cox(made(part), terms, cause="relapse", strata="p", offset=offset, penalty=penalty) for part in (d, again)]
    expected = []
    for fit, part in ((fits[0], d), (fits[1], again), (fits[1], d)):
        beta = fit.tidy()["estimate"].to_numpy()
        score = part[["x", "z"]].to_numpy() @ beta
        # scores of equal covariates may differ by rounding
        total = np.round(score + (part[offset] if offset else 0.0), 10)
        endpoint = made(part.assign(score=score, total=total))
        expected.append(iko.concordance(endpoint, "total", cause="relapse", strata="p").tidy()["estimate"][0])
        slope = iko.cox(endpoint, "score", cause="relapse", strata="p", offset=offset).tidy()["estimate"][0]
        expected.append(slope)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_table_says_what_glance_says():
    endpoint = made(drawn(3, 150))
    table = iko.validate(endpoint, "x + z + g", cause="relapse", strata="p", resamples=20, seed=2)
    glance = iko.cox(endpoint, "x + z + g", cause="relapse", strata="p").glance().iloc[0]
    np.testing.assert_allclose(table["apparent"], [glance["concordance"], 1.0], rtol=1e-10)
    assert (table["n"] == glance["n"]).all()
    assert (table["n_event"] == glance["n_event"]).all()
    np.testing.assert_allclose(table["estimate"], table["apparent"] - table["optimism"], rtol=1e-14)
    np.testing.assert_allclose(table["optimism"], table["training"] - table["test"], atol=1e-14)


def test_noise_is_taken_for_what_it_is():
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        d = pd.DataFrame(rng.normal(size=(60, 6))).rename(columns=str).assign(t=rng.exponential(1, 60), s=1)
        columns = [str(k) for k in range(6)]
        found.append(iko.validate(made(d), columns, resamples=20, seed=seed)[["apparent", "estimate"]].to_numpy())
    apparent, corrected = np.mean(found, axis=0).T
    assert apparent[0] > 0.57
    assert abs(corrected[0] - 0.5) < 0.5 * (apparent[0] - 0.5)
    assert corrected[1] < 0.5


def test_with_nothing_missing_imputation_changes_nothing():
    endpoint = made(drawn(5, 120))
    plain, imputed = (iko.validate(endpoint, "x + z", strata="p", resamples=20, imputations=m, seed=4) for m in (0, 3))
    assert plain[NUMBERS].equals(imputed[NUMBERS])
    assert imputed["note"].str.contains("nothing was imputed").all()
    pd.testing.assert_frame_equal(plain.drop(columns="note"), imputed.drop(columns="note"), check_exact=True)


def with_gaps(d, seed, share=0.2):
    rng = np.random.default_rng(seed)
    return d.assign(x=d["x"].mask(rng.random(len(d)) < share), g=d["g"].mask(rng.random(len(d)) < share))


def test_complete_cases_are_those_of_the_complete_rows():
    d = with_gaps(drawn(6, 150), 1)
    whole = d.dropna().reset_index(drop=True)
    left = iko.validate(made(d), "x + z + g", strata="p", resamples=20, seed=4)
    alone = iko.validate(made(whole), "x + z + g", strata="p", resamples=20, seed=4)
    assert left[NUMBERS].equals(alone[NUMBERS])
    gone = len(d) - len(whole)
    assert left["n_excluded"].tolist() == [gone, gone]
    assert left["note"].str.contains(f"{gone} of 150 rows left out, with a missing value: complete cases").all()


@pytest.mark.parametrize("imputations", [0, 2])
def test_two_processes_give_the_same(imputations):
    endpoint = made(with_gaps(drawn(8, 100), 2))
    options = {"strata": "p", "resamples": 20, "imputations": imputations, "cycles": 2}
    told = []
    alone = iko.validate(endpoint, "x + z", seed=9, progress=lambda done, of: told.append((done, of)), **options)
    assert told[-1] == (20, 20)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        pd.testing.assert_frame_equal(iko.validate(endpoint, "x + z", seed=9, **options), alone, check_exact=True)
    pd.testing.assert_frame_equal(iko.validate(endpoint, "x + z", seed=np.random.default_rng(9), **options), alone)
    assert not iko.validate(endpoint, "x + z", seed=10, **options)["estimate"].equals(alone["estimate"])


def test_strata_and_offset_are_told_to_the_imputation():
    d = with_gaps(drawn(9, 120), 3).assign(p="u")
    # with every row in one stratum the auxiliary column does not vary and is left out: the draws are the same
    plain = iko.validate(made(d), "x + g", resamples=20, imputations=2, cycles=2, seed=1)
    stratified = iko.validate(made(d), "x + g", strata="p", resamples=20, imputations=2, cycles=2, seed=1)
    np.testing.assert_allclose(stratified[NUMBERS], plain[NUMBERS], rtol=1e-9)
    split = with_gaps(drawn(9, 120), 3)
    named = {"resamples": 20, "imputations": 2, "cycles": 2, "seed": 1, "strata": "p"}
    told = iko.validate(made(split), "x + g", auxiliary="p", **named)
    pd.testing.assert_frame_equal(told, iko.validate(made(split), "x + g", **named))


def test_imputing_once_before_the_resampling_flatters():
    """Ten covariates that have to do with nothing, two in five values missing: concordance is 1/2 among new patients."""
    columns, once, inside = [f"x{k}" for k in range(10)], [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        d = pd.DataFrame(rng.normal(size=(100, 10)), columns=columns).mask(rng.random((100, 10)) < 0.4)
        end = rng.exponential(2.0, 100)
        t = np.minimum(rng.exponential(1.0, 100), end)
        endpoint = made(d.assign(t=t, s=(t < end).astype(int)))
        known = {"resamples": 20, "seed": seed}
        before = [
            iko.validate(e, columns, **known) for e in iko.impute_missing(endpoint, columns, draws=2, cycles=3, seed=1)
        ]
        once.append(np.mean([table["estimate"][0] for table in before]))
        inside.append(iko.validate(endpoint, columns, imputations=2, cycles=3, **known)["estimate"][0])
    assert np.mean(once) > 0.6
    assert abs(np.mean(inside) - 0.5) < 0.06
