"""The exact partial likelihood against all subsets, written out; its limits."""

from fractions import Fraction
from itertools import combinations
from math import comb, exp, inf, log, prod

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.exact_ties import exact_likelihood
from ikzf1_outcomes.kernels.partial import lay_out, newton, partial_likelihood

EIGHT = {
    "t": [3.0, 1, 4, 2, 0, 2, 5, 2],
    "s": [0, 1, 1, 1, 1, 1, 0, 1],
    "x": [1.0, 0, 2, 1, 0, 2, 1, 0],
    "z": [0.5, -1, 0, 2, 1, 0.5, 0, 1],
}
ENTRIES = {**EIGHT, "entry": [1.0, 0, 2, -inf, -inf, 1, 3, -inf]}


def laid(columns, names, strata=None, offset=None, weights=None):
    entry = {"entry": "entry"} if "entry" in columns else {}
    e = iko.endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes={1: "relapse"}, **entry)
    x = np.column_stack([np.array(columns[name], dtype=float) for name in names])
    weight = np.ones(len(x)) if weights is None else np.array(weights, dtype=float)
    return lay_out(e.rows, e.cause > 0, weight, x, strata=strata, offset=offset)


def naive(columns, names, beta, strata=None, offset=None):
    """Each set of events against all sets of its size, one after the other."""
    n, total = len(columns["t"]), 0.0
    entry = columns.get("entry", [-inf] * n)
    code = [0] * n if strata is None else strata
    shift = [0.0] * n if offset is None else offset
    theta = [exp(sum(b * columns[name][i] for b, name in zip(beta, names, strict=True)) + shift[i]) for i in range(n)]
    for g, u in sorted({(g, t) for g, t, s in zip(code, columns["t"], columns["s"], strict=True) if s}):
        risk = [i for i in range(n) if entry[i] < u <= columns["t"][i] and code[i] == g]
        died = [i for i in risk if columns["t"][i] == u and columns["s"][i]]
        sets = sum(prod(theta[i] for i in some) for some in combinations(risk, len(died)))
        total += log(prod(theta[i] for i in died)) - log(sets)
    return total


def test_a_product_of_fractions():
    # exp(beta) = 2: theta is 2, 1, 4, 2, 1, 4, 2, 1 in the order of the rows, 17 in all.
    # 0: 1/17. 1: 1/16. 2: theta 2, 4, 1 of {2, 4, 2, 4, 2, 1}: the events' product 8 over the sum over triples.
    # With 2, 2, 2 and 4, 4 and 1: no 1: 8 + 3 * 4 * 8 + 3 * 16 * 2 = 200; with the 1, pairs: 12 + 6 * 8 + 16 = 76.
    # 4: 4 / (4 + 2).
    likelihood = Fraction(1, 17) * Fraction(1, 16) * Fraction(8, 276) * Fraction(4, 6)
    value, _, _ = exact_likelihood(laid(EIGHT, ["x"]))(np.array([log(2)]))
    np.testing.assert_allclose(value, log(likelihood), rtol=1e-13)
    np.testing.assert_allclose(naive(EIGHT, ["x"], [log(2)]), log(likelihood), rtol=1e-13)


CASES = {
    "two covariates": (EIGHT, {}),
    "entries": (ENTRIES, {}),
    "strata": (EIGHT, {"strata": [0, 1, 0, 1, 0, 1, 0, 1]}),
    "offset": (EIGHT, {"offset": [0.3, 0, -1, 2, 0, 0.5, 1, 1.5]}),
    "entries, strata, offset": (ENTRIES, {"strata": [0, 1, 0, 1, 0, 1, 0, 1], "offset": [0.3, 0, -1, 2, 0, 0.5, 1, 1.5]}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("beta", [(0.0, 0.0), (0.7, -0.4), (-3.0, 2.0)])
def test_value_score_and_information(case, beta):
    columns, options = CASES[case]
    layout = laid(columns, ["x", "z"], **{k: np.array(v) for k, v in options.items()})
    value, score, information = exact_likelihood(layout)(np.array(beta))
    np.testing.assert_allclose(value, naive(columns, ["x", "z"], beta, **options), rtol=1e-12, atol=1e-13)
    h = 1e-5

    def moved(j, by):
        at = np.array(beta)
        at[j] += by
        return exact_likelihood(layout)(at)

    for j in (0, 1):
        up, down = moved(j, h), moved(j, -h)
        np.testing.assert_allclose(score[j], (up[0] - down[0]) / (2 * h), rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(-information[j], (up[1] - down[1]) / (2 * h), rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(information, information.T)


def test_without_ties_it_is_the_partial_likelihood():
    columns = {**EIGHT, "t": [3.0, 1, 4, 2, 0, 2.5, 5, 1.5]}
    layout = laid(columns, ["x", "z"])
    exact, usual = exact_likelihood(layout)(np.array([0.4, -0.2])), partial_likelihood(layout)(np.array([0.4, -0.2]))
    for ours, theirs in zip(exact, usual, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_where_all_fail_there_is_nothing_to_learn():
    columns = {"t": [1.0, 1, 1], "s": [1, 1, 1], "x": [0.0, 1, 5]}
    value, score, information = exact_likelihood(laid(columns, ["x"]))(np.array([0.7]))
    np.testing.assert_allclose([value, score[0], information[0, 0]], 0.0, atol=1e-13)


def test_many_tied_events_do_not_overflow():
    # 500 of 1000 at one time, half of either kind in each half: beta = 0, and log of the number of subsets
    columns = {"t": [1.0] * 1000, "s": [1, 0] * 500, "x": [0.0, 0, 1, 1] * 250}
    fit = newton(exact_likelihood(laid(columns, ["x"])), 1)
    assert fit.converged
    np.testing.assert_allclose(fit.beta, 0.0, atol=1e-12)
    np.testing.assert_allclose(fit.value, -log(comb(1000, 500)), rtol=1e-12)
    # the number of events with x = 1 is hypergeometric: variance 500 * 1/2 * 1/2 * 500 / 999
    np.testing.assert_allclose(fit.information[0, 0], 500 * 0.25 * 500 / 999, rtol=1e-10)


def test_a_range_beyond_numbers_is_no_maximum():
    # at 2 three of six fail, and the product of any three risks is less than the smallest number
    value, score, _ = exact_likelihood(laid(EIGHT, ["x"]))(np.array([2000.0]))
    assert value == -np.inf
    assert score.tolist() == [0.0]


def test_weights_are_refused():
    with pytest.raises(iko.InputError, match="take no weights; 1 in all"):
        exact_likelihood(laid(EIGHT, ["x"], weights=[1, 1, 2, 1, 1, 1, 1, 1]))
