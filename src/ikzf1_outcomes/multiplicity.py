"""Many p-values at once: error rates over a family, and the share of it in which nothing is going on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import false_discovery_control

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats

METHODS = ("bh", "by", "holm")
LAMBDAS = np.arange(1, 20) * 0.05
"""Where the share of null hypotheses is read: above these p-values nearly all are of features without an effect."""


def adjust_p(p: ArrayLike, method: str = "bh") -> Floats:
    r"""p-values adjusted for their number.

    "bh": Benjamini and Hochberg 1995, "by": Benjamini and Yekutieli 2001, both for the false discovery rate; "holm": Holm
    1979, for the chance of any false positive; "storey": the q-values of Storey 2002 (all recalled, not verified). With
    p_(1) <= ... <= p_(m):

    .. math:: bh_{(i)} = \min_{k \ge i} \frac{m\,p_{(k)}}{k}, \quad by = bh \sum_{k \le m} \frac 1k, \quad
              holm_{(i)} = \max_{k \le i}\, (m - k + 1)\, p_{(k)}, \quad q = \hat\pi_0\, bh

    none above 1 (q above pi0). "bh" and "storey" hold for independent p-values and for those of positive regression
    dependence, "by" and "holm" for any.

    Parameters
    ----------
    p
        p-values of one family (m). NaN is a hypothesis that was not tested: it is not counted, and stays NaN.
    method
        "bh", "by", "holm" or "storey".

    Returns
    -------
    array
        The adjusted p-values in the order given (m).

    Raises
    ------
    InputError
        No such method; not one row of numbers; a p-value outside 0 to 1 (positions, counted from 1); no share of null
        hypotheses for "storey" (see `null_share`).

    Notes
    -----
    Equal to `p.adjust` of R and to `qvalue(p, pi0.method = "bootstrap")` of Bioconductor; checked in
    `tests/reference/test_screen_r.py`.

    Examples
    --------
    >>> from ikzf1_outcomes.multiplicity import adjust_p
    >>> adjust_p([0.01, 0.04, float("nan"), 0.03, 0.02]).round(6).tolist()
    [0.04, 0.04, nan, 0.04, 0.04]
    >>> adjust_p([0.01, 0.04, 0.03, 0.02], method="holm").round(6).tolist()
    [0.04, 0.06, 0.06, 0.06]
    """
    if method not in (*METHODS, "storey"):
        raise InputError("there is no such adjustment", next_step=f"Use {', '.join(METHODS)} or storey.")
    given, known = read_p(p)
    out = np.full(len(given), np.nan)
    if not known.any():
        return out
    if method == "storey":
        share = null_share(given)
        if np.isnan(share):
            raise InputError("no share of null hypotheses: hardly any p-value is large", next_step='Use method="bh".')
        out[known] = share * false_discovery_control(given[known])
    elif method == "holm":
        out[known] = step_down(given[known])
    else:
        out[known] = false_discovery_control(given[known], method=method)
    return out


def step_down(p: Floats) -> Floats:
    """Holm's p-values: each times the number of those that are no smaller, none below that of a smaller p-value."""
    order = np.argsort(p, kind="stable")
    out = np.empty(len(p))
    out[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return out


def null_share(p: ArrayLike) -> float:
    r"""The share pi0 of hypotheses without an effect, from the p-values of all.

    p-values of features without an effect are uniform, so that above lambda lie about m pi0 (1 - lambda) p-values:

    .. math:: \hat\pi_0(\lambda) = \frac{\#\{p \ge \lambda\}}{m (1 - \lambda)}, \qquad \lambda = 0.05, 0.10, \dots, 0.95

    Of these the one of least mean squared error about the 10 % quantile of all is taken, the variance in closed form, as
    if p-values were drawn with replacement (Storey, Taylor and Siegmund 2004, recalled, not verified), none above 1:

    .. math:: \widehat{MSE}(\lambda) = \frac{W (1 - W / m)}{m^2 (1 - \lambda)^2} + (\hat\pi_0(\lambda) - \min{}_{10\%})^2

    with W the number of p-values of lambda or more. Assumes that p-values are not strongly dependent. NaN where the result
    is not above 0: with few p-values, or with hardly any large one, they do not tell.

    Parameters
    ----------
    p
        p-values of one family (m); NaN is not counted.

    Returns
    -------
    float

    Examples
    --------
    >>> from ikzf1_outcomes.multiplicity import null_share
    >>> round(null_share([0.001, 0.002, 0.2, 0.4, 0.6, 0.8, 0.01, 0.9]), 6)
    0.657895
    """
    given, known = read_p(p)
    given = given[known]
    m = len(given)
    if not m:
        return np.nan
    above = (given[:, None] >= LAMBDAS).sum(axis=0)
    share = above / (m * (1.0 - LAMBDAS))
    error = above * (1.0 - above / m) / (m * (1.0 - LAMBDAS)) ** 2 + (share - np.quantile(share, 0.1)) ** 2
    best = float(min(share[error == error.min()].min(), 1.0))
    return best if best > 0.0 else np.nan


def read_p(p: ArrayLike) -> tuple[Floats, Any]:
    """p-values as floats, and which of them are known."""
    try:
        given = np.asarray(p, dtype=float)
    except (TypeError, ValueError):
        raise InputError("p-values must be one row of numbers", next_step="Missing ones are NaN.") from None
    if given.ndim != 1:
        raise InputError("p-values must be one row of numbers", next_step="Adjust one family at a time.")
    known = ~np.isnan(given)
    wrong = known & ~((given >= 0.0) & (given <= 1.0))
    if wrong.any():
        raise InputError("a p-value lies outside 0 to 1", where=np.flatnonzero(wrong) + 1)
    return given, known
