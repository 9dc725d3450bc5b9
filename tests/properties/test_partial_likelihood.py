"""The partial likelihood over strata, with weights, entry, offset and both rules for ties."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ikzf1_outcomes.kernels.partial import lay_out, partial_likelihood
from ikzf1_outcomes.kernels.residuals import residuals, sandwich
from ikzf1_outcomes.kernels.risk import sort_rows

TIES = st.sampled_from(["efron", "breslow"])


def drawn(seed, n=24, p=2):
    rng = np.random.default_rng(seed)
    time = np.ceil(rng.exponential(2, n) * 2) / 2
    entry = np.where(rng.random(n) < 0.5, -np.inf, np.floor((time - rng.random(n) * 2) * 2) / 2)
    rows, _ = sort_rows(time, entry)
    event, weight = rng.random(n) < 0.6, rng.integers(1, 4, n).astype(float)
    parts = {"strata": rng.integers(0, 3, n), "offset": rng.normal(0, 0.3, n)}
    return rows, event, weight, rng.normal(size=(n, p)), parts, rng


def naive(rows, event, weight, x, strata, offset, beta, ties):
    """Written out: every stratum, every time, every tied event."""
    eta = x @ beta + offset
    total = 0.0
    for s in np.unique(strata):
        for j in range(len(rows.times)):
            died = np.flatnonzero((rows.rank == j) & event & (strata == s))
            if not len(died):
                continue
            at_risk = (rows.first <= j) & (j <= rows.rank) & (strata == s)
            all_, own = (weight[some] * np.exp(eta[some]) for some in (at_risk, died))
            total += weight[died] @ eta[died]
            for k in range(len(died)):
                share = k / len(died) if ties == "efron" else 0.0
                total -= weight[died].mean() * np.log(all_.sum() - share * own.sum())
    return total


@given(st.integers(0, 10**6), TIES)
def test_value_score_and_information(seed, ties):
    rows, event, weight, x, parts, rng = drawn(seed)
    evaluate = partial_likelihood(lay_out(rows, event, weight, x, **parts), ties)
    beta, h = rng.normal(0, 0.4, 2), 1e-5
    value, score, information = evaluate(beta)
    np.testing.assert_allclose(value, naive(rows, event, weight, x, **parts, beta=beta, ties=ties), rtol=1e-11)
    for j in (0, 1):
        step = np.eye(2)[j] * h
        up, down = evaluate(beta + step), evaluate(beta - step)
        np.testing.assert_allclose((up[0] - down[0]) / (2 * h), score[j], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose((down[1] - up[1]) / (2 * h), information[j], rtol=1e-5, atol=1e-6)


@given(st.integers(0, 10**6), TIES)
def test_score_residuals_are_derivatives_by_the_case_weights(seed, ties):
    rows, event, weight, x, parts, rng = drawn(seed, n=14)
    beta, h = rng.normal(0, 0.4, 2), 1e-5
    found = residuals(lay_out(rows, event, weight, x, **parts), beta, ties)
    np.testing.assert_allclose(
        weight @ found.score, partial_likelihood(lay_out(rows, event, weight, x, **parts), ties)(beta)[1], atol=1e-9
    )
    for i in range(len(weight)):
        moved = []
        for sign in (1, -1):
            w = weight.copy()
            w[i] += sign * h
            moved.append(partial_likelihood(lay_out(rows, event, w, x, **parts), ties)(beta)[1])
        np.testing.assert_allclose((moved[0] - moved[1]) / (2 * h), found.score[i], rtol=1e-5, atol=1e-6)


@given(st.integers(0, 10**6), TIES)
def test_martingale_residuals_add_up_to_zero_in_each_stratum(seed, ties):
    rows, event, weight, x, parts, rng = drawn(seed)
    found = residuals(lay_out(rows, event, weight, x, **parts), rng.normal(0, 0.4, 2), ties)
    for s in np.unique(parts["strata"]):
        mine = parts["strata"] == s
        assert abs(weight[mine] @ found.martingale[mine]) < 1e-9


@given(st.integers(0, 10**6), TIES)
def test_a_part_of_the_rows_is_the_likelihood_of_that_part(seed, ties):
    rows, event, weight, x, parts, rng = drawn(seed)
    keep = rng.random(len(weight)) < 0.7
    beta = rng.normal(0, 0.4, 2)
    some = {name: part[keep] for name, part in parts.items()}
    part = partial_likelihood(lay_out(rows, event[keep], weight[keep], x[keep], keep=keep, **some), ties)(beta)
    blank = partial_likelihood(lay_out(rows, event & keep, np.where(keep, weight, 0.0), x, **parts), ties)(beta)
    for ours, theirs in zip(part, blank, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@given(st.integers(0, 10**6), TIES)
def test_strata_add_up(seed, ties):
    rows, event, weight, x, parts, rng = drawn(seed)
    beta = rng.normal(0, 0.4, 2)
    whole = partial_likelihood(lay_out(rows, event, weight, x, **parts), ties)(beta)
    pieces = []
    for s in np.unique(parts["strata"]):
        keep = parts["strata"] == s
        layout = lay_out(rows, event[keep], weight[keep], x[keep], keep=keep, offset=parts["offset"][keep])
        pieces.append(partial_likelihood(layout, ties)(beta))
    for place in range(3):
        np.testing.assert_allclose(whole[place], sum(piece[place] for piece in pieces), rtol=1e-9, atol=1e-9)


@given(st.integers(0, 10**6))
def test_a_patient_written_as_two_rows_is_one_cluster(seed):
    rng = np.random.default_rng(seed)
    n = 12
    time = np.ceil(rng.exponential(3, n) * 2) / 2 + 1
    event, x = rng.random(n) < 0.7, rng.normal(size=(n, 1))
    whole, _ = sort_rows(time, np.full(n, -np.inf))
    cut = 0.75
    both, _ = sort_rows(np.r_[np.full(n, cut), time], np.r_[np.full(n, -np.inf), np.full(n, cut)])
    one = residuals(lay_out(whole, event, np.ones(n), x), np.array([0.3]))
    two = residuals(lay_out(both, np.r_[np.zeros(n, bool), event], np.ones(2 * n), np.r_[x, x]), np.array([0.3]))
    inverse = np.eye(1)
    ours = sandwich(two.score, np.ones(2 * n), inverse, np.r_[np.arange(n), np.arange(n)])
    np.testing.assert_allclose(ours, sandwich(one.score, np.ones(n), inverse, None), rtol=1e-9)
