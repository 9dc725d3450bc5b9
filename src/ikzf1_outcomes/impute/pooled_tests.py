"""Tests of several coefficients at once, over several completed data sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from ikzf1_outcomes.errors import ColumnError
from ikzf1_outcomes.impute.pooling import missing_in, pool
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.cox_fit import CoxFit


@dataclass(frozen=True, slots=True)
class PooledTest:
    """A joint test of some coefficients; made by `d1_test`."""

    terms: tuple[str, ...]
    cause: str
    n_draws: int
    statistic: float
    df: int
    df_denominator: float
    p_value: float
    variance_increase: float
    note: str

    def glance(self) -> pd.DataFrame:
        """One row: method, term, cause, n_draws, statistic (F), df, df_denominator, p_value, variance_increase, note."""
        row = {"method": "Wald test pooled over imputations (D1)", "term": " + ".join(self.terms)}
        names = ("cause", "n_draws", "statistic", "df", "df_denominator", "p_value", "variance_increase", "note")
        return pd.DataFrame([row | {name: getattr(self, name) for name in names}])


def d1_test(fits: Iterable[CoxFit], terms: str | Sequence[str], *, complete_df: float | None = None) -> PooledTest:
    r"""Test that all coefficients of some terms are 0, over fits of completed data sets.

    Null: the k coefficients are 0. With Q the mean of their estimates, U the mean of their covariances and B the covariance
    of the estimates among m data sets, and assuming that the share of missing information is the same for each,

    .. math:: r = (1 + 1/m) \, tr(B U^{-1}) / k, \qquad F = Q' U^{-1} Q / (k (1 + r))

    (Li, Raghunathan and Rubin 1991; recalled, not verified). F has k and v degrees of freedom: with a finite number of
    degrees of freedom of complete data, v is that of Reiter (2007; recalled, not verified); with an infinite one, with t =
    k (m - 1), v = 4 + (t - 4) (1 + (1 - 2/t) / r)^2, or t (1 + 1/k) (1 + 1/r)^2 / 2 where t is 4 or less. Equal to
    `mice::D1` and `mitml::testModels`.

    Edge rules. B = 0 (or one data set): r is 0 and v that of complete data. Reiter's formula needs t above 4 and complete
    degrees of freedom well above 4 (1 + a), a = r t / (t - 2): where it gives no positive number, v is that of infinite
    complete degrees of freedom or the complete ones, whichever is smaller, and the note says so. A coefficient that some
    fit could not estimate: everything is NaN, with the number of such fits in the note.

    Parameters
    ----------
    fits
        Fits of `cox` with the same coefficients and cause, one for each data set.
    terms
        Names of terms as in `.tidy()`, as "ikzf1_class" or ["ikzf1_class", "age"]; all coefficients of each are tested.
    complete_df
        Degrees of freedom of complete data. Default: events - coefficients, as `pool` has it; infinite for none.

    Returns
    -------
    PooledTest

    Raises
    ------
    ColumnError, InputError
        A term that the fits do not have; what `pool` raises.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.impute.pooled_tests import d1_test
    >>> d = pd.DataFrame({"t": [4.0, 3, 1, 1, 2, 2, 3, 5], "s": [1, 1, 1, 0, 1, 1, 0, 1], "z": [3, 1, 4, 1, 5, 9, 2, 6]})
    >>> fits = [
    ...     iko.cox(iko.endpoint_from_columns(d.assign(x=x), time="t", status="s", causes={1: "relapse"}), "x + z")
    ...     for x in ([0, 2, 1, 1, 1, 0, 0, 1], [0, 2, 1, 0, 1, 0, 1, 1])
    ... ]
    >>> d1_test(fits, ["x", "z"]).df
    2
    """
    fits = list(fits)
    pooled = pool(fits)
    names = (terms,) if isinstance(terms, str) else tuple(terms)
    known = set(pooled.frame["term"])
    stray = [name for name in names if name not in known]
    if stray or not names:
        raise ColumnError(
            f"no such term: {', '.join(stray)}" if stray else "no term to test", next_step="Name terms as tidy() does."
        )
    columns = [c.column for c in fits[0].design.coefficients if c.term in names and c.column >= 0]
    v = pooled.complete_df if complete_df is None else float(complete_df)
    absent = np.array([any(column not in fit.position for column in columns) for fit in fits])
    if absent.any():
        note = missing_in(absent, "fits")
        return PooledTest(names, pooled.cause, len(fits), np.nan, len(columns), np.nan, np.nan, np.nan, note)
    places = [[fit.position[column] for column in columns] for fit in fits]
    estimates = np.array([fit.maximum.beta[at] for fit, at in zip(fits, places, strict=True)])
    covariances = np.array([fit.covariance[np.ix_(at, at)] for fit, at in zip(fits, places, strict=True)])
    statistic, increase = pooled_wald(estimates, covariances)
    df, note = denominator(len(fits), len(columns), increase, v)
    p_value = float(fdtrc(len(columns), min(df, 1e300), statistic)) if df > 0 else np.nan
    return PooledTest(names, pooled.cause, len(fits), statistic, len(columns), df, p_value, increase, note)


def pooled_wald(estimates: Floats, covariances: Floats) -> tuple[float, float]:
    """F statistic and mean relative increase of the variance: estimates (m, k), covariances (m, k, k)."""
    m, k = estimates.shape
    middle, within = estimates.mean(axis=0), covariances.mean(axis=0)
    away = estimates - middle
    between = away.T @ away / max(m - 1, 1)
    increase = (1 + 1 / m) * float(np.trace(np.linalg.solve(within, between))) / k
    return float(middle @ np.linalg.solve(within, middle)) / (k * (1 + increase)), increase


def denominator(m: int, k: int, r: float, v: float) -> tuple[float, str]:
    """Degrees of freedom of the denominator, and a note where Reiter's formula has none."""
    if not v > 0:
        return np.nan, "not more events than coefficients: no p-value"
    if m == 1 or r <= 0:
        return v, "a single data set: its variance between data sets is taken as 0" if m == 1 else ""
    t = k * (m - 1)
    with np.errstate(over="ignore"):
        large = 4 + (t - 4) * (1 + (1 - 2 / t) / r) ** 2 if t > 4 else t * (1 + 1 / k) * (1 + 1 / r) ** 2 / 2
    if np.isinf(v):
        return large, ""
    if t > 4:
        a, whole = r * t / (t - 2), (v + 1) / (v + 3) * v
        one, two, c = whole - 2 * (1 + a), whole - 4 * (1 + a), 1 / (t - 4)
        if two > 0:
            z = 1 / two + c * (
                a**2 * one / ((1 + a) ** 2 * two)
                + 8 * a**2 * one / ((1 + a) * two**2) + 4 * a**2 / ((1 + a) * two)
                + 4 * a**2 / (two * one) + 16 * a**2 * one / two**3
                + 8 * a**2 / two**2
            )  # fmt: skip
            return 4 + 1 / z, ""
    return min(large, v), "too few data sets or events for small-sample degrees of freedom"
