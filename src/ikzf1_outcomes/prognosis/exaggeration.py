"""What a significant effect is worth where the power is low: wrong signs and exaggerated sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats

TERMS = ("power", "wrong sign", "exaggeration", "doubled size")
SCALES = ("probability", "probability", "times the true size", "probability")


def sign_and_size_errors(ratio: ArrayLike, std_error: ArrayLike, *, alpha: float = 0.05) -> pd.DataFrame:
    r"""How often a significant ratio has the wrong sign or twice its size, and how much it exaggerates, given the truth.

    The estimate b of the log ratio beta is normal with a known standard error s; significant is |b| > z s, two-sided. With
    L = |beta| / s (Gelman and Carlin 2014, Perspectives on Psychological Science 9:641, recalled, not verified; the closed
    forms follow from the truncated normal distribution):

    .. math:: power = \Phi(L - z) + \Phi(-L - z), \quad wrong\ sign = \Phi(-L - z) / power

    .. math:: exaggeration = E(|b|\,;\, significant) / |\beta|
              = \frac{\phi(z - L) + \phi(z + L) + L \{\Phi(L - z) - \Phi(-L - z)\}}{L \cdot power}

    and doubled size = P(|b| > 2 |beta| | significant). The true ratio is an assumption, from outside the data: from a
    meta-analysis, or the smallest that would matter. It is never the ratio that was found.

    Parameters
    ----------
    ratio
        True ratios (k), above 0 and not 1.
    std_error
        Standard error of the log ratio: one, or one for each. With d events about 1 / sqrt(d) per SD of a feature, and
        1 / sqrt(d p (1 - p)) for a group with share p.
    alpha
        Two-sided level.

    Returns
    -------
    DataFrame
        Four rows a ratio: term ("power", "wrong sign", "exaggeration", "doubled size"; the last three among significant
        results), ratio, estimate, scale, log_ratio_error (the standard error), alpha, note.

    Raises
    ------
    InputError
        Ratios that are not above 0 or are 1, standard errors not above 0, a level outside 0 to 1.

    Examples
    --------
    >>> from ikzf1_outcomes.prognosis.exaggeration import sign_and_size_errors
    >>> found = sign_and_size_errors(1.2, 1 / 14**0.5)
    >>> dict(zip(found["term"], found["estimate"].round(3)))
    {'power': 0.105, 'wrong sign': 0.039, 'exaggeration': 3.559, 'doubled size': 1.0}
    """
    truth, error = checked(ratio, std_error, alpha)
    limit = -ndtri(alpha / 2.0)
    reach = np.abs(np.log(truth)) / error
    right, wrong = ndtr(reach - limit), ndtr(-reach - limit)
    power = right + wrong
    size = density(limit - reach) + density(limit + reach) + reach * (right - wrong)
    twice = np.maximum(limit, 2.0 * reach)
    doubled = (ndtr(reach - twice) + ndtr(-reach - twice)) / power
    values = np.column_stack([power, wrong / power, size / (reach * power), doubled])
    return pd.DataFrame(
        {
            "term": np.tile(TERMS, len(truth)),
            "ratio": np.repeat(truth, len(TERMS)),
            "estimate": values.ravel(),
            "scale": np.tile(SCALES, len(truth)),
            "log_ratio_error": np.repeat(error, len(TERMS)),
            "alpha": alpha,
            "note": "",
        }
    )


def density(x: Floats) -> Floats:
    """Density of the standard normal distribution."""
    return np.asarray(np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi))


def checked(ratio: Any, std_error: Any, alpha: Any) -> tuple[Floats, Floats]:
    """Ratios and standard errors, one each.

    Raises
    ------
    InputError
        Values outside their limits, or of another number.
    """
    try:
        truth, error = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, dtype=float)) for x in (ratio, std_error)))
    except (TypeError, ValueError):
        raise InputError("ratios and standard errors are numbers, one each", next_step="Or one error for all.") from None
    if truth.ndim != 1 or not (np.isfinite(truth) & (truth > 0.0) & (truth != 1.0)).all():
        raise InputError("a true ratio is above 0 and not 1", next_step="A ratio of 1 has no sign to be wrong.")
    if not (np.isfinite(error) & (error > 0.0)).all():
        raise InputError("a standard error is above 0")
    if not isinstance(alpha, int | float) or not 0.0 < alpha < 1.0:
        raise InputError("the level lies between 0 and 1", next_step="As in alpha=0.05.")
    return truth, error
