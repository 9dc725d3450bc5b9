"""Exponentials of many numbers at once: the compiler puts several through one instruction, as it cannot with `np.exp`."""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled

LEAST, GREATEST = -708.0, 709.0
"""Exponentials of numbers beyond are those of these: nearly no number, nearly too great for one."""
LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.69314718036912381649, 1.90821492927058770002e-10
"""The logarithm of 2 in two parts, the first of which has zeros at its end: its multiples are exact."""


@compiled
def exponentials(x, out):  # type: ignore[no-untyped-def]
    """exp(x) = 2^m exp(r), with r within log(2) / 2 of 0 and its exponential by the power series up to r^13.

    What the series leaves out is below 0.35^14 / 14! = 5e-18.
    """
    n = len(x)
    power = np.empty(n, dtype=np.int64)
    for i in range(n):
        inside = min(max(x[i], LEAST), GREATEST)
        m = np.floor(inside * LOG2_E + 0.5)
        r = (inside - m * LN2_HIGH) - m * LN2_LOW
        p = 1.0 / 6227020800.0
        p = p * r + 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        out[i] = p * r + 1.0
        power[i] = (np.int64(m) + 1023) << 52  # the bits of 2^m
    of_two = power.view(np.float64)
    for i in range(n):
        out[i] *= of_two[i]
