"""What must hold of any arrays: normalisation, replicates, order of rows, names."""

from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as numpy_arrays
from scipy.stats import rankdata

import ikzf1_outcomes as iko
from ikzf1_outcomes.simulate import simulate_arrays

RUN = simulate_arrays(6, seed=3, peptides=40).spots
OPTIONS = {"replicate": "replicate", "control": "control", "saturated": "saturated"}
VALUES = iko.normalise_spots(RUN, **OPTIONS)

matrices = st.tuples(st.integers(2, 20), st.integers(1, 6)).flatmap(
    lambda shape: numpy_arrays(float, shape, elements=st.integers(-50, 50).map(lambda x: x / 4))
)


def frame(values):
    return pd.DataFrame(values, index=[f"p{k}" for k in range(len(values))])


@given(matrices)
def test_ranks_stay_and_the_mean_of_the_distribution_too(values):
    out = iko.quantile_normalise(frame(values)).to_numpy()
    for before, after in zip(values.T, out.T, strict=True):
        order = np.argsort(before, kind="stable")
        assert (np.diff(after[order]) >= -1e-12).all()
        # equal values stay equal
        np.testing.assert_array_equal(rankdata(before, "dense").max(), len(np.unique(before)))
        for level in np.unique(before):
            assert np.ptp(after[before == level]) < 1e-12


@given(matrices)
def test_without_shared_ranks_every_sample_has_one_distribution(values):
    out = np.sort(iko.quantile_normalise(frame(values), ties=False).to_numpy(), axis=0)
    np.testing.assert_allclose(out, np.broadcast_to(out[:, :1], out.shape), atol=1e-12)
    np.testing.assert_allclose(out[:, 0], np.sort(values, axis=0).mean(axis=1), atol=1e-12)


@given(matrices)
def test_normalising_twice_is_normalising_once_without_ties(values):
    distinct = frame(values + np.arange(len(values))[:, None] * 1e-3)
    once = iko.quantile_normalise(distinct, ties=False)
    pd.testing.assert_frame_equal(iko.quantile_normalise(once, ties=False), once, atol=1e-10)


@given(matrices, st.randoms(use_true_random=False))
def test_missing_values_stay_missing_and_the_range_is_that_of_the_target(values, random):
    keep = np.array([[random.random() < 0.8 for _ in row] for row in values])
    keep[:2] = True
    table = frame(np.where(keep, values, np.nan))
    out = iko.quantile_normalise(table)
    pd.testing.assert_frame_equal(out.isna(), table.isna())
    low, high = table.min().mean(), table.max().mean()
    assert out.min(axis=None) >= low - 1e-9
    assert out.max(axis=None) <= high + 1e-9


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_the_spots_does_not_matter(seed):
    shuffled = RUN.sample(frac=1.0, random_state=seed)
    again = iko.normalise_spots(shuffled, **OPTIONS)
    pd.testing.assert_frame_equal(again.values.loc[VALUES.values.index, list(VALUES.values)], VALUES.values, rtol=1e-12)
    ours, theirs = (x.samples.set_index("sample").loc[list(VALUES.values)] for x in (VALUES, again))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-12)


@given(st.floats(0.1, 10.0))
def test_a_brighter_array_is_no_other_array(factor):
    first = RUN["sample"] == "s1"
    brighter = RUN.assign(
        foreground=RUN["foreground"].where(~first, RUN["background"] + factor * (RUN["foreground"] - RUN["background"]))
    )
    options = {**OPTIONS, "floor": 1e-9, "normalise": "median", "negative": "missing"}
    ours, theirs = (iko.normalise_spots(table, **options).values for table in (RUN, brighter))
    # all arrays share the change of the mean median; between arrays nothing has changed
    difference = theirs - ours
    shift = np.log2(factor) / 6
    np.testing.assert_allclose(difference.to_numpy(), shift, atol=1e-6)


def test_values_can_be_had_only_as_a_copy_and_results_are_frozen():
    copy = iko.peptide_values(VALUES)
    copy.iloc[0, 0] = 99.0
    assert VALUES.values.iloc[0, 0] != 99.0
    with pytest.raises(ValueError, match="read-only"):
        VALUES.values.iloc[0, 0] = 99.0
    with pytest.raises(FrozenInstanceError):
        VALUES.scale = "intensity"
