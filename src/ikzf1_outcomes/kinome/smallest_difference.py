"""The smallest difference that so many samples would have seen."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import nctdtr, stdtrit

POWER = 0.8


def smallest_difference(error: float, df: float, level: float) -> float:
    r"""The difference that a two-sided t test at `level` finds with 80 % power.

    .. math:: P(|T_{df}(\delta / se)| \ge t_{1 - level/2, df}) = 0.8

    with T the noncentral t; the far tail is left out, which is less than 1e-6 at levels of 0.05 or less.

    Parameters
    ----------
    error
        Standard error of the difference.
    df
        Degrees of freedom of the test.
    level
        Its level.

    Examples
    --------
    >>> from ikzf1_outcomes.kinome.smallest_difference import smallest_difference
    >>> round(smallest_difference(0.25, 43.0, 0.05), 3)
    0.717
    """
    if not (np.isfinite(error) and error > 0.0 and df > 0.0):
        return np.nan
    df = min(df, 1e6)
    critical = -float(stdtrit(df, level / 2.0))
    # at a noncentrality of the critical value power is about one half, and 20 more is all that small samples can ask for
    highest = critical + 5.0
    while 1.0 - nctdtr(df, highest, critical) < POWER:
        highest *= 2.0
    return error * float(brentq(lambda nc: 1.0 - nctdtr(df, nc, critical) - POWER, 0.0, highest, xtol=1e-10))
