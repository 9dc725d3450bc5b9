"""MLPA: what must hold for any run."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from ikzf1_outcomes import call_mlpa
from ikzf1_outcomes.genome.copy_number import expected_quotient

EXONS = [f"IKZF1_e{exon}" for exon in range(1, 9)]
NAMES = [*EXONS, "control_1", "control_2", "control_3", "control_4", "PAX5_e2"]
WORD = {0: "homozygous", 1: "deleted", 2: "normal", 3: "gain"}


def peaks(seed, samples=8):
    rng = np.random.default_rng(seed)
    lost = np.where(rng.random((samples, len(NAMES))) < 0.3, 0.5, 1.0)
    lost[:, 8:12] = 1.0
    frame = pd.DataFrame(rng.lognormal(6, 0.03, lost.shape) * lost, columns=NAMES)
    frame.insert(0, "sample", [f"s{n}" for n in range(samples)])
    return frame


@given(st.integers(0, 10**6), st.permutations(NAMES), st.permutations(range(8)), st.sampled_from(["robust", "run_mean"]))
def test_calls_do_not_depend_on_the_order_of_probes_or_samples(seed, order, rows, normalisation):
    frame = peaks(seed)
    one = call_mlpa(frame, blasts=0.8, normalisation=normalisation)
    moved = frame.iloc[list(rows)][["sample", *order]]
    two = call_mlpa(moved, blasts=0.8, normalisation=normalisation)
    pd.testing.assert_frame_equal(one.classes, two.classes.loc[one.classes.index])
    pd.testing.assert_frame_equal(one.probabilities, two.probabilities.loc[one.probabilities.index], rtol=1e-9, atol=1e-12)
    assert one.genes["pax5"].tolist() == two.genes.loc[one.genes.index, "pax5"].tolist()


@given(st.integers(0, 10**6), st.floats(0.2, 50))
def test_calls_do_not_depend_on_the_amount_of_dna(seed, factor):
    frame = peaks(seed)
    more = frame.copy()
    more.loc[3, NAMES] = more.loc[3, NAMES] * factor
    one, two = call_mlpa(frame, blasts=0.9), call_mlpa(more, blasts=0.9)
    np.testing.assert_allclose(one.quotients, two.quotients, rtol=1e-9)


@given(
    st.lists(st.sampled_from([0, 1, 2, 3]), min_size=8, max_size=8),
    st.lists(st.floats(-4, 4), min_size=8, max_size=8),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0.01, 0.2),
    st.floats(0.6, 0.99),
)
def test_a_right_call_stays_right_as_the_purity_rises(copies, deviates, one, two, error, confidence):
    """At fixed copies and errors every outcome that is right at the lower purity is right at the higher one.

    The probability of a right call is the measure of these outcomes: it cannot fall.
    """
    right = []
    for purity in sorted((one, two)):
        dose = expected_quotient(copies, purity) + np.array(deviates) * error
        frame = pd.DataFrame([np.maximum(dose, 0.0)], columns=EXONS)
        frame.insert(0, "sample", "a")
        calls = call_mlpa(frame, scale="ratio", blasts=purity, error=error, confidence=confidence)
        right.append([call == WORD[c] for call, c in zip(calls.exons.iloc[0], copies, strict=True)])
    low, high = right
    assert all(after for before, after in zip(low, high, strict=True) if before)


@given(st.integers(0, 10**6), st.floats(0.05, 1))
def test_class_probabilities_add_up_to_one(seed, purity):
    calls = call_mlpa(peaks(seed), blasts=purity)
    known = calls.probabilities.dropna()
    np.testing.assert_allclose(known.sum(axis=1), 1.0, rtol=1e-12)
    assert ((known >= 0) & (known <= 1)).all(axis=None)
    assert calls.probabilities[calls.quality["failed"]].isna().all(axis=None)


@given(st.integers(0, 10**6))
def test_an_impure_sample_is_never_called_normal(seed):
    calls = call_mlpa(peaks(seed), blasts=0.0)
    assert not (calls.exons == "normal").any(axis=None)
