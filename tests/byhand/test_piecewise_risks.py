"""Curves of piecewise constant hazards on paper; extreme hazards; one numerical integration."""

from fractions import Fraction
from itertools import pairwise
from math import exp, inf, log

import numpy as np
import pytest
from scipy.integrate import quad

from ikzf1_outcomes.kernels.piecewise_risks import piecewise_risks


def one_pattern(hazards, cuts, times, effect=None):
    """Curves of one pattern with effect 0, hazards given by cause and interval: (m), (causes, m), (causes, m), (m)."""
    with np.errstate(divide="ignore"):
        level = np.log(np.array(hazards, dtype=float))[None, :, None, :]
    eta = np.zeros((1, len(hazards), 1)) if effect is None else np.array(effect, dtype=float).reshape(1, -1, 1)
    found = piecewise_risks(level, eta, np.array([0]), np.array([1.0]), np.array([0]), np.array(cuts), np.array(times))
    return found.survival[0, 0], found.incidence[0, :, 0], found.lost[0, :, 0], found.restricted[0, 0]


def test_one_cause_one_interval_is_exponential():
    # h = 1/2, effect log 2: hazard 1. S = e^-t, restricted mean 1 - e^-t, time lost t - (1 - e^-t)
    t = [0.0, 0.25, 1.0, 1.0, 3.0]
    survival, incidence, lost, restricted = one_pattern([[0.5]], [], t, effect=[log(2)])
    s = np.exp(-np.array(t))
    np.testing.assert_allclose(survival, s, rtol=1e-14)
    np.testing.assert_allclose(incidence[0], 1 - s, rtol=1e-14)
    np.testing.assert_allclose(restricted, 1 - s, rtol=1e-14)
    np.testing.assert_allclose(lost[0], t - (1 - s), rtol=1e-14)
    assert (survival[0], incidence[0, 0], lost[0, 0], restricted[0]) == (1.0, 0.0, 0.0, 0.0)


def test_two_causes_and_two_intervals_on_paper():
    # Up to 2 the hazards are 1/10 and 3/10 (total 2/5, shares 1/4 and 3/4), then 1/5 and 1/20 (1/4, shares 4/5 and 1/5).
    # With a = exp(-4/5) = S(2) and b = exp(-1/4): S(3) = ab.
    # F1(3) = (1 - a)/4 + 4/5 a (1 - b), F2(3) = 3/4 (1 - a) + 1/5 a (1 - b).
    # int S to 2 is (1 - a) 5/2, from 2 to 3 it is a (1 - b) 4.
    # int F1 to 2 is 1/4 (2 - 5/2 (1 - a)), from 2 to 3 it is (1 - a)/4 + 4/5 (a - 4 a (1 - b)).
    a, b = exp(-Fraction(4, 5)), exp(-Fraction(1, 4))
    survival, incidence, lost, restricted = one_pattern([[0.1, 0.2], [0.3, 0.05]], [2.0], [2.0, 3.0])
    np.testing.assert_allclose(survival, [a, a * b], rtol=1e-14)
    np.testing.assert_allclose(incidence[0], [(1 - a) / 4, (1 - a) / 4 + 4 / 5 * a * (1 - b)], rtol=1e-14)
    np.testing.assert_allclose(incidence[1], [3 / 4 * (1 - a), 3 / 4 * (1 - a) + a * (1 - b) / 5], rtol=1e-14)
    np.testing.assert_allclose(restricted, [2.5 * (1 - a), 2.5 * (1 - a) + 4 * a * (1 - b)], rtol=1e-14)
    first = (2 - 2.5 * (1 - a)) / 4
    np.testing.assert_allclose(lost[0], [first, first + (1 - a) / 4 + 0.8 * (a - 4 * a * (1 - b))], rtol=1e-13)
    other = 3 * first
    np.testing.assert_allclose(lost[1], [other, other + 3 / 4 * (1 - a) + 0.2 * (a - 4 * a * (1 - b))], rtol=1e-13)


def test_without_hazard_after_the_last_cut_there_is_a_plateau():
    # S(1) = 1/2; from then on each year adds half a year to either sum
    survival, incidence, lost, restricted = one_pattern([[log(2), 0.0]], [1.0], [1.0, 2.0, 5.0, 50.0])
    np.testing.assert_allclose(survival, 0.5, rtol=1e-15)
    np.testing.assert_allclose(incidence[0], 0.5, rtol=1e-15)
    np.testing.assert_allclose(restricted, 0.5 / log(2) + np.array([0, 0.5, 2, 24.5]), rtol=1e-14)
    np.testing.assert_allclose(lost[0], 1 - 0.5 / log(2) + np.array([0, 0.5, 2, 24.5]), rtol=1e-14)


def test_groups_are_means_by_weight_and_strata_have_their_own_levels():
    # Stratum 0 has hazard 1, stratum 1 hazard 2 and, with effect log 2, 4. Group 0: weights 1 and 3; group 1 has none in
    # all; group 2 does not occur; group 3 has one pattern.
    level = np.log([[[[1.0], [2.0]]]])
    effect, stratum = np.array([[[0.0, log(2), 5.0, 0.0]]]), np.array([0, 1, 0, 1])
    weight, group = np.array([1.0, 3.0, 0.0, 7.0]), np.array([0, 0, 1, 3])
    found = piecewise_risks(level, effect, stratum, weight, group, np.array([]), np.array([0.0, 1.0]))
    np.testing.assert_allclose(found.survival[0, 0], [1.0, (exp(-1) + 3 * exp(-4)) / 4], rtol=1e-14)
    np.testing.assert_allclose(found.restricted[0, 0], [0.0, (1 - exp(-1)) / 4 + 3 * (1 - exp(-4)) / 16], rtol=1e-14)
    np.testing.assert_allclose(found.incidence[0, 0, 3], [0.0, 1 - exp(-2)], rtol=1e-14)
    for curves in found:
        assert np.isnan(curves[..., 1:3, :]).all()
        assert not np.isnan(curves[..., [0, 3], :]).any()


@pytest.mark.parametrize("hazard", [1e-300, 1e-30, 1e-12, 1e-8])
def test_tiny_hazards_keep_their_digits(hazard):
    # With x = h t: S = 1 - x + x^2/2, F = share (x - x^2/2 + x^3/6), int F = share t (x/2 - x^2/6 + x^3/24).
    # The hazards are what their rounded logs stand for: those of 1e-300 are right to 1e-13 only.
    t = np.array([0.5, 2.0, 7.0])
    survival, incidence, lost, restricted = one_pattern([[hazard], [3 * hazard]], [], t)
    each = [exp(np.log(hazard)), exp(np.log(3 * hazard))]
    x = sum(each) * t
    for c in (0, 1):
        np.testing.assert_allclose(incidence[c], each[c] * t * (1 - x / 2 + x**2 / 6), rtol=1e-15)
        np.testing.assert_allclose(lost[c], each[c] * t**2 / 2 * (1 - x / 3 + x**2 / 12), rtol=1e-15)
    np.testing.assert_allclose(survival, 1 - x + x**2 / 2, rtol=1e-15)
    np.testing.assert_allclose(restricted, t * (1 - x / 2 + x**2 / 6), rtol=1e-15)


@pytest.mark.parametrize("x", [1e-5, 1e-3, 0.1, 0.5, 0.9999999, 1.0, 1.0000001, 5.0, 40.0])
def test_either_side_of_the_series_is_right_to_its_last_digits(x):
    # The terms of (x - 1 + e^-x) / x = x/2! - x^2/3! + ... as fractions, exact until the sum
    v = Fraction(exp(np.log(x)))
    terms, term = Fraction(0), v / 2
    for n in range(3, 250):
        terms, term = terms + term, -term * v / n
    survival, incidence, lost, restricted = one_pattern([[x]], [], [1.0])
    np.testing.assert_allclose(lost[0, 0], float(terms), rtol=1e-15)
    np.testing.assert_allclose(restricted[0], float(1 - terms), rtol=1e-15)
    np.testing.assert_allclose(incidence[0, 0], float(v * (1 - terms)), rtol=1e-15)
    np.testing.assert_allclose(survival[0], float(1 - v * (1 - terms)), rtol=1e-15)


def test_huge_hazards_and_effects():
    t = np.array([0.0, 1e-6, 1.0, 100.0])
    survival, incidence, lost, restricted = one_pattern([[1e3], [3e3]], [], t)
    np.testing.assert_allclose(survival, np.exp(-4e3 * t), rtol=1e-13)
    np.testing.assert_allclose(incidence.T, -np.expm1(-4e3 * t)[:, None] * [0.25, 0.75], rtol=1e-13)
    np.testing.assert_allclose(restricted, -np.expm1(-4e3 * t) / 4e3, rtol=1e-13)
    np.testing.assert_allclose(lost.sum(axis=0) + restricted, t, rtol=1e-14)
    # exp(-60 + 50) and exp(60 - 50); one cause takes all
    survival, incidence, _, _ = one_pattern([[exp(-60)], [exp(60)]], [], t, effect=[50, -50])
    np.testing.assert_allclose(incidence[0, 1:] / incidence[1, 1:], exp(-20), rtol=1e-12)
    np.testing.assert_allclose(survival, np.exp(-t * (exp(10) + exp(-10))), rtol=1e-12, atol=1e-300)
    # a level beyond the range of numbers, brought back by its effect; and no hazard, whatever the effect
    for level, effect, hazard in ((800.0, -801.0, exp(-1)), (-800.0, 801.0, exp(1)), (-inf, 900.0, 0.0)):
        found = piecewise_risks(
            np.full((1, 1, 1, 1), level), np.full((1, 1, 1), effect), np.array([0]), np.array([1.0]), np.array([0]),
            np.array([]), np.array([2.0]),
        )  # fmt: skip
        np.testing.assert_allclose(found.survival[0, 0, 0], exp(-2 * hazard), rtol=1e-12)


def test_integration_by_quadrature():
    hazards, cuts, tau = np.array([[0.3, 0.9, 0.05, 0.4], [0.2, 0.0, 0.6, 0.1]]), [0.7, 1.5, 3.0], 4.2
    edges = np.array([0.0, *cuts, inf])

    def cumulative(t):
        return hazards.sum(axis=0) @ np.clip(t - edges[:-1], 0.0, np.diff(edges))

    def density(t, c):
        return hazards[c, np.searchsorted(cuts, t)] * exp(-cumulative(t))

    def integral(f, upto):
        ends = [0.0, *[cut for cut in cuts if cut < upto], upto]
        return sum(quad(f, a, b, epsabs=1e-14, epsrel=1e-13)[0] for a, b in pairwise(ends))

    times = [0.4, 1.5, tau]
    survival, incidence, lost, restricted = one_pattern(hazards, cuts, times)
    for m, t in enumerate(times):
        np.testing.assert_allclose(survival[m], exp(-cumulative(t)), rtol=1e-13)
        np.testing.assert_allclose(restricted[m], integral(lambda u: exp(-cumulative(u)), t), rtol=1e-12)
        for c in (0, 1):
            np.testing.assert_allclose(incidence[c, m], integral(lambda u, c=c: density(u, c), t), rtol=1e-12)
            # the time lost is what was left of t when the cause came
            part = integral(lambda u, c=c, t=t: (t - u) * density(u, c), t)
            np.testing.assert_allclose(lost[c, m], part, rtol=1e-12)
