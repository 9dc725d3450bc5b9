"""What holds for the concordance of any score."""

import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.prognosis.discrimination import concordance

ROW = st.tuples(
    st.integers(0, 12).map(float), st.integers(0, 2), st.integers(-4, 4).map(float), st.integers(0, 2), st.integers(1, 3)
)
ROWS = st.lists(ROW, min_size=4, max_size=40)
WEIGHTING = st.sampled_from(["harrell", "uno"])
SEED = st.integers(0, 2**16)


def table(rows):
    return pd.DataFrame(rows, columns=["t", "s", "x", "p", "w"])


def found(frame, score="x", weights=None, **options):
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, weights=weights)
    return concordance(endpoint, score, **options)


def numbers(result):
    row = result.tidy().iloc[0]
    assume(not np.isnan(row["estimate"]))
    return np.array([row["estimate"], row["std_error"]])


def close(left, right):
    np.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-12)


@given(ROWS, WEIGHTING)
def test_it_is_a_probability_and_turns_with_the_score(rows, weighting):
    frame = table(rows)
    up, down = (numbers(found(frame.assign(x=sign * frame["x"]), weighting=weighting)) for sign in (1, -1))
    assert 0 <= up[0] <= 1
    close(up[0] + down[0], 1.0)
    close(up[1], down[1])


@given(ROWS, WEIGHTING, SEED)
def test_neither_row_order_nor_units_matter(rows, weighting, seed):
    frame = table(rows)
    turned = frame.assign(x=frame["x"] ** 3 + 5, t=frame["t"] * 12).sample(frac=1, random_state=seed)
    close(numbers(found(frame, weighting=weighting)), numbers(found(turned, weighting=weighting)))


@given(ROWS, WEIGHTING)
def test_a_score_without_information_is_one_half(rows, weighting):
    estimate, error = numbers(found(table(rows).assign(x=1.0), weighting=weighting))
    assert estimate == 0.5
    close(error, 0.0)


@given(ROWS, WEIGHTING)
def test_weights_count_patients_and_clusters_of_copies_their_errors(rows, weighting):
    frame = table(rows).assign(id=lambda d: d.index)
    copies = frame.loc[frame.index.repeat(frame["w"])].reset_index(drop=True)
    weighted = found(frame, weights="w", weighting=weighting, cluster="id")
    copied = found(copies, weighting=weighting, cluster="id")
    close(numbers(weighted), numbers(copied))


@given(ROWS)
def test_uno_without_censoring_is_harrell(rows):
    frame = table(rows).assign(s=1)
    close(numbers(found(frame)), numbers(found(frame, weighting="uno")))


@given(ROWS)
def test_strata_add_their_pairs(rows):
    frame = table(rows)
    whole = found(frame, strata="p").counts
    parts = sum(found(part).counts for _, part in frame.groupby("p"))
    close(whole, parts)


@given(ROWS, WEIGHTING)
def test_the_difference_of_two_scores(rows, weighting):
    frame = table(rows).assign(y=lambda d: d["x"] + d["p"], z=lambda d: 2 * d["x"] + 1)
    same = found(frame, ["x", "z"], weighting=weighting).tidy().iloc[2]
    assume(not np.isnan(same["estimate"]))
    close([same["estimate"], same["std_error"]], 0.0)
    forth, back = (found(frame, names, weighting=weighting).tidy().iloc[2] for names in (["x", "y"], ["y", "x"]))
    close([forth["estimate"], forth["std_error"]], [-back["estimate"], back["std_error"]])


@given(ROWS, st.integers(0, 12))
def test_a_horizon_takes_events_by_then(rows, tau):
    frame = table(rows)
    later = frame["t"] > tau
    cut = frame.assign(s=frame["s"].where(~later, 0))
    left, right = found(frame, tau=float(tau)), found(cut)
    close(left.counts, right.counts)
    close(numbers(left), numbers(right))
