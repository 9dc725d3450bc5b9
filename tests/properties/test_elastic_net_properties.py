"""Elastic-net paths of any data: optimality conditions from risk sets written out, and what must not change a path."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.penalised_path import elastic_net

FEATURES = ["f1", "f2", "f3", "f4", "f5", "f6"]


def frame_of(seed, n=36):
    """Tied times, two strata, late entry, weights, two rows of some patients, correlated features."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    x[:, 1] += x[:, 0]
    frame = pd.DataFrame(x, columns=FEATURES).assign(age=rng.uniform(1, 17, n), ward=rng.choice(["a", "b"], n))
    frame["t"] = rng.integers(2, 9, n)
    frame["entry"] = rng.choice([0, 0, 1, 3], n)
    frame["entry"] = np.minimum(frame["entry"], frame["t"] - 1)
    frame["s"] = (rng.random(n) < 0.6).astype(int)
    frame.loc[:7, "s"] = 1
    frame["w"] = rng.integers(1, 4, n) / 2
    return frame


def made(frame, entry=True, weights=True):
    return iko.endpoint_from_columns(
        frame,
        time="t",
        status="s",
        causes={1: "relapse"},
        entry="entry" if entry else None,
        weights="w" if weights else None,
    )


def score(frame, x, b, ties, strata):
    """Derivative of the log partial likelihood, each event's risk set written out."""
    total = np.zeros(x.shape[1])
    risk = frame["w"].to_numpy() * np.exp(x @ b)
    time, entry, event = frame["t"].to_numpy(), frame["entry"].to_numpy(), frame["s"].to_numpy() == 1
    group = frame["ward"].to_numpy() if strata else np.zeros(len(frame))
    for g in np.unique(group):
        for t in np.unique(time[event & (group == g)]):
            here = (group == g) & (entry < t) & (time >= t)
            dead = here & event & (time == t)
            total += frame["w"].to_numpy()[dead] @ x[dead]
            size = int(dead.sum())
            for k in range(size):
                left = risk * (here - (k / size if ties == "efron" else 0.0) * dead)
                total -= frame["w"].to_numpy()[dead].mean() * (left @ x) / left.sum()
    return total


@given(
    seed=st.integers(0, 10_000),
    alpha=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    ties=st.sampled_from(["breslow", "efron"]),
    strata=st.booleans(),
    standardise=st.booleans(),
)
def test_every_point_of_a_path_meets_the_conditions_of_a_minimum(seed, alpha, ties, strata, standardise):
    frame = frame_of(seed)
    path = elastic_net(
        made(frame), FEATURES, adjust="age", alpha=alpha, n_lambdas=8, lambda_ratio=0.02, ties=ties,
        strata="ward" if strata else None, standardise=standardise, folds=None,
    )  # fmt: skip
    x, w = frame[["age", *FEATURES]].to_numpy(), frame["w"].to_numpy()
    spread = np.sqrt(w @ (x - w @ x / w.sum()) ** 2 / w.sum())
    unit = spread if standardise else np.ones(7)
    factor = np.r_[0.0, np.full(6, 7 / 6)]
    for penalty, b in zip(path.lambdas, path.beta, strict=True):
        slope = score(frame, x, b, ties, strata) / w.sum() / unit
        ridge = penalty * factor * (1 - alpha) * unit * b
        lasso = penalty * factor * alpha
        inside = (b != 0) | (factor == 0)
        np.testing.assert_allclose(
            (slope - ridge - lasso * np.sign(b))[inside] * unit[inside] / spread[inside], 0, atol=1e-9
        )
        assert (np.abs(slope)[~inside] <= lasso[~inside] + 1e-9 * spread[~inside]).all()


@given(seed=st.integers(0, 10_000), alpha=st.sampled_from([0.5, 1.0]))
def test_the_order_of_rows_and_the_unit_of_a_feature_change_nothing(seed, alpha):
    frame = frame_of(seed)
    path = elastic_net(made(frame), FEATURES, adjust="age", alpha=alpha, n_lambdas=6, lambda_ratio=0.05, folds=None)
    moved = frame.sample(frac=1.0, random_state=seed).assign(f2=lambda d: 100 * d["f2"] + 5, age=lambda d: d["age"] / 12)
    again = elastic_net(made(moved), FEATURES, adjust="age", alpha=alpha, n_lambdas=6, lambda_ratio=0.05, folds=None)
    np.testing.assert_allclose(again.lambdas, path.lambdas, rtol=1e-9)
    np.testing.assert_allclose(again.beta * [1 / 12, 1, 100, 1, 1, 1, 1], path.beta, atol=1e-7)


@given(seed=st.integers(0, 10_000))
def test_a_patient_of_weight_two_is_two_patients(seed):
    frame = frame_of(seed).assign(w=1.0)
    twice = pd.concat([frame, frame.iloc[:10]])
    heavy = frame.assign(w=np.r_[np.full(10, 2.0), np.ones(len(frame) - 10)])
    two = elastic_net(made(twice), FEATURES, n_lambdas=6, lambda_ratio=0.05, folds=None)
    one = elastic_net(made(heavy), FEATURES, lambdas=two.lambdas, folds=None)
    np.testing.assert_allclose(one.beta, two.beta, atol=1e-8)
    np.testing.assert_allclose(one.explained, two.explained, atol=1e-9)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_next_to_no_penalty_is_a_cox_model(ties):
    endpoint = made(frame_of(5, 200))
    fit = iko.cox(endpoint, ["age", *FEATURES], ties=ties, strata="ward")
    path = elastic_net(endpoint, FEATURES, adjust="age", ties=ties, strata="ward", lambdas=[1e-10], folds=None)
    np.testing.assert_allclose(path.beta[0], fit.tidy()["estimate"], atol=1e-7)
    assert path.log_likelihood[0] == pytest.approx(fit.maximum.value, abs=1e-9)


def test_the_first_default_penalty_leaves_all_features_out_and_fits_the_adjusters():
    endpoint = made(frame_of(9, 120))
    path = elastic_net(endpoint, FEATURES, adjust="age", folds=None)
    fit = iko.cox(endpoint, "age", ties="breslow")
    assert path.beta[0][0] == pytest.approx(fit.tidy()["estimate"].iloc[0], abs=1e-8)
    np.testing.assert_allclose(path.beta[0][1:], 0.0, atol=1e-9)
    assert (path.beta[1][1:] != 0).sum() == 1
    assert (np.diff(path.explained) > 0).all()


def test_a_feature_and_its_copy_share_a_coefficient_under_some_ridge():
    frame = frame_of(3, 120)
    frame["copy"] = frame["f1"]
    path = elastic_net(made(frame), [*FEATURES, "copy"], alpha=0.5, n_lambdas=10, lambda_ratio=0.01, folds=None)
    np.testing.assert_allclose(path.beta[:, 0], path.beta[:, 6], atol=1e-8)
    # under the lasso alone only their sum is determined
    alone = elastic_net(made(frame), FEATURES, alpha=1.0, lambdas=[0.02], folds=None)
    both = elastic_net(made(frame), [*FEATURES, "copy"], alpha=1.0, lambdas=[0.02], folds=None)
    np.testing.assert_allclose(both.beta[0][0] + both.beta[0][6], alone.beta[0][0], atol=1e-7)


def test_more_features_than_patients():
    rng = np.random.default_rng(8)
    frame = frame_of(8, 30)
    more = pd.DataFrame(rng.normal(size=(30, 90)), columns=[f"m{k}" for k in range(90)])
    frame = pd.concat([frame, more], axis=1)
    for alpha in (0.0, 0.2, 1.0):
        path = elastic_net(made(frame), list(more), adjust="age", alpha=alpha, n_lambdas=12, folds=None)
        x, b = frame[["age", *more]].to_numpy(), path.beta[-1]
        w = frame["w"].to_numpy()
        spread = np.sqrt(w @ (x - w @ x / w.sum()) ** 2 / w.sum())
        slope = score(frame, x, b, "breslow", False) / w.sum() / spread
        penalty = path.lambdas[-1] * np.r_[0.0, np.full(90, 91 / 90)]
        inside = (b != 0) | (penalty == 0)
        rest = slope - penalty * ((1 - alpha) * spread * b + alpha * np.sign(b))
        np.testing.assert_allclose(rest[inside], 0.0, atol=1e-9)
        assert (np.abs(slope[~inside]) <= alpha * penalty[~inside] + 1e-9).all()


def test_a_seed_draws_the_same_folds_and_each_has_its_share_of_events():
    frame = frame_of(2, 103)
    options = {"n_lambdas": 4, "lambda_ratio": 0.2, "folds": 5}
    first, second = (elastic_net(made(frame), FEATURES, seed=seed, **options) for seed in (4, 4))
    other = elastic_net(made(frame), FEATURES, seed=np.random.default_rng(5), **options)
    fold = first.cross_validated.fold
    np.testing.assert_array_equal(fold, second.cross_validated.fold)
    np.testing.assert_array_equal(first.cross_validation()["estimate"], second.cross_validation()["estimate"])
    assert (fold != other.cross_validated.fold).any()
    assert np.ptp(np.bincount(fold)) <= 1
    assert np.ptp(np.bincount(fold[frame["s"] == 1])) <= 1


def test_the_rows_of_a_patient_stay_in_one_fold():
    frame = frame_of(6, 60).assign(w=1.0, id=np.repeat(np.arange(30), 2))
    frame["entry"], frame["t"] = np.tile([0, 4], 30), np.tile([4, 9], 30)
    frame.loc[frame.index % 2 == 0, "s"] = 0
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, entry="entry", subject="id")
    path = elastic_net(endpoint, FEATURES, n_lambdas=4, lambda_ratio=0.2, folds=3, seed=1)
    fold = path.cross_validated.fold
    np.testing.assert_array_equal(fold[::2], fold[1::2])
    assert path.n == 30


def test_a_result_does_not_change_under_its_holder():
    path = elastic_net(made(frame_of(1, 60)), FEATURES, n_lambdas=4, lambda_ratio=0.2, folds=3, seed=1)
    for array in (path.beta, path.lambdas, path.explained, path.cross_validated.deviance, path.cross_validated.fold):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
