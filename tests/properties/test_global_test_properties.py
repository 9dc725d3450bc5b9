"""The global test does not depend on what it should not depend on."""

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ikzf1_outcomes import endpoint_from_columns, global_test

NUMBERS = ["observed", "expected", "null_sd", "statistic", "p_value"]


def drawn(seed, n=24, p=6, grid=6):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"t": rng.integers(1, grid, n) / 4, "s": rng.integers(0, 3, n), "z": rng.normal(size=n)})
    frame.loc[0, "s"], frame["entry"] = 1, np.where(rng.random(n) < 0.3, 0.2, 0.0)
    return frame, rng.normal(size=(n, p)), rng


def run(frame, x, **options):
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, entry="entry")
    return global_test(endpoint, x, cause="relapse", **options)


@given(st.integers(0, 10_000))
def test_rows_units_and_places(seed):
    frame, x, rng = drawn(seed)
    base = run(frame, x, adjust="z").tidy()[NUMBERS]
    order = rng.permutation(len(frame))
    for other in (
        run(frame.iloc[order], x[order], adjust="z"),
        run(frame.assign(t=frame["t"] * 12, entry=frame["entry"] * 12), x, adjust="z"),
        run(frame, 3.0 * x + 7.0, adjust="z"),
        run(frame, x @ np.linalg.qr(rng.normal(size=(6, 6)))[0], adjust="z"),
        run(frame, np.column_stack([x, x]), adjust="z"),
        run(frame, x + 0.5 * frame[["z"]].to_numpy(), adjust="z"),
    ):
        assert_allclose(other.tidy()[NUMBERS], base, rtol=1e-7)


@given(st.integers(0, 10_000))
def test_standardised_features_have_no_units(seed):
    frame, x, rng = drawn(seed)
    base = run(frame, x, standardise=True).tidy()[NUMBERS]
    assert_allclose(run(frame, x * rng.uniform(0.1, 9, 6), standardise=True).tidy()[NUMBERS], base, rtol=1e-8)


@given(st.integers(0, 10_000))
def test_split_follow_up_is_one_patient(seed):
    """A row cut in two at a time between those of the others, of one subject, changes nothing."""
    frame, x, _ = drawn(seed)
    frame["id"] = np.arange(len(frame))
    cut = frame["t"] > 0.6
    first, second = frame[cut].assign(t=0.6, s=0), frame[cut].assign(entry=0.6)
    rows = pd.concat([frame[~cut], first, second])
    whole, parts = (
        endpoint_from_columns(d, time="t", status="s", causes={1: "a", 2: "b"}, entry="entry", subject="id")
        for d in (frame, rows)
    )
    assert_allclose(
        global_test(parts, x[rows["id"]], adjust="z").tidy()[NUMBERS],
        global_test(whole, x, adjust="z").tidy()[NUMBERS], rtol=1e-7,
    )  # fmt: skip


@given(st.integers(0, 10_000), st.sampled_from(["features", "rows"]))
def test_missing_values_are_left_out_and_counted(seed, missing):
    frame, x, _ = drawn(seed, n=40)
    x[1:9, 2] = np.nan
    x[3, :] = np.nan
    found = run(frame, x, missing=missing)
    row = found.tidy().iloc[0]
    keep = np.ones(40, dtype=bool)
    keep[[3] if missing == "features" else range(1, 9)] = False
    columns = [0, 1, 3, 4, 5] if missing == "features" else list(range(6))
    other = run(frame[keep], x[keep][:, columns]).tidy().iloc[0]
    assert_allclose(row[NUMBERS].astype(float), other[NUMBERS].astype(float))
    assert row["n_excluded"] == 40 - keep.sum()
    assert row["n_absent"] == 6 - len(columns)
    assert "no feature measured" in found.glance()["note"][0]
    gone = found.components().query("note != ''")
    assert gone["note"].tolist() == ([] if missing == "rows" else ["missing in 7 rows"])


def test_permutations_are_the_same_on_two_processes():
    frame, x, _ = drawn(5, n=40)
    one = run(frame, x, permutations=600, seed=3).tidy()
    with joblib.parallel_config(backend="loky", n_jobs=2):
        two = run(frame, x, permutations=600, seed=3).tidy()
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("n", [45, 109])
def test_size_of_a_few_hundred_tests(n):
    """No association, 100 features with one factor in common, 25 % with the event: at most 5 % below 0.05.

    400 tests of exact size 0.05 give more than 8.8 % with a chance of 1 in 1,000.
    """
    rng, below = np.random.default_rng(n), np.zeros(2)
    for run in range(400):
        x = rng.normal(size=(n, 100)) + 0.7 * rng.normal(size=(n, 1))
        event, end = rng.exponential(size=n), rng.uniform(0.1, 0.6, n)
        frame = pd.DataFrame({"t": np.minimum(event, end), "s": (event < end).astype(int)})
        endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
        row = global_test(endpoint, x, permutations=99, seed=run).tidy().iloc[0]
        below += row[["p_value", "p_permutation"]].to_numpy(dtype=float) <= 0.05
    assert (below / 400 <= 0.088).all()
    assert below[1] / 400 >= 0.02
