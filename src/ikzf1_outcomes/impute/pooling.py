"""Rubin's rules: one result from the fits, or the curves, of several completed data sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.curves.survival import join
from ikzf1_outcomes.endpoint import frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.cox_fit import CoxFit

ALONE = "a single data set: its variance between data sets is taken as 0"


class Pooled(NamedTuple):
    """What Rubin's rules give; each array has one value a quantity (k)."""

    estimate: Floats
    within: Floats
    """Mean of the variances: what a complete data set would leave uncertain."""
    between: Floats
    """Variance of the estimates among the data sets."""
    total: Floats
    df: Floats
    variance_increase: Floats
    """(1 + 1/m) between / within."""
    fraction_missing: Floats
    """(1 + 1/m) between / total: the share of the variance that comes from what is missing."""
    information_missing: Floats
    """Rubin's fraction of missing information, with its correction for few data sets."""


def rubin(estimates: Floats, variances: Floats, complete_df: float | Floats = np.inf) -> Pooled:
    """Pool k estimates from m data sets.

    With Q_j and U_j the estimate and its variance in data set j: Q = mean Q_j, U = mean U_j, B = sum (Q_j - Q)^2 /
    (m - 1), T = U + (1 + 1/m) B, lambda = (1 + 1/m) B / T (Rubin 1987, doi:10.1002/9780470316696). Degrees of freedom
    (Barnard and Rubin 1999, doi:10.1093/biomet/86.4.948), v being those of complete data: 1 / df = 1 / old + 1 / seen with
    old = (m - 1) / lambda^2 and seen = (1 - lambda) v (v + 1) / (v + 3). Information missing: (r + 2 / (df + 3)) / (1 + r)
    with r = (1 + 1/m) B / U.

    Edge rules. One data set: B is 0. B = 0: old is infinite and df = v (v + 1) / (v + 3), the limit of the formula (R's
    mice holds lambda at 0.0001 or more instead). v infinite: df = old. v not positive: df is NaN. An estimate or a variance
    missing in any data set: all of that quantity is NaN, for the others would be a selection.

    Parameters
    ----------
    estimates, variances
        (m, k), on a scale on which estimates are about normal.
    complete_df
        Degrees of freedom of a complete data set, one number or one for each quantity (k).

    Returns
    -------
    Pooled

    Examples
    --------
    >>> import numpy as np
    >>> from ikzf1_outcomes.impute.pooling import rubin
    >>> pooled = rubin(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    >>> [float(part[0]) for part in (pooled.estimate, pooled.within, pooled.between, pooled.total)]
    [2.0, 1.0, 2.0, 4.0]
    """
    estimates, variances = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    if estimates.ndim != 2 or estimates.shape != variances.shape or not len(estimates):
        raise InputError("estimates and variances are not two tables of one shape", next_step="Give m rows, k columns.")
    m = len(estimates)
    known = np.isfinite(estimates).all(axis=0) & np.isfinite(variances).all(axis=0)
    estimate, within = estimates.mean(axis=0), variances.mean(axis=0)
    # equal values have a mean that rounding moves: their variance is 0 all the same
    alike = (estimates == estimates[0]).all(axis=0)
    between = np.where(alike | (m == 1), 0.0, ((estimates - estimate) ** 2).sum(axis=0) / max(m - 1, 1))
    extra = (1 + 1 / m) * between
    total = within + extra
    v = np.where(np.asarray(complete_df, dtype=float) > 0, complete_df, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(extra > 0, extra / total, 0.0)
        increase = np.where(extra > 0, extra / within, 0.0)
        seen = np.where(np.isinf(v), np.inf, (1 - share) * v * (v + 1) / (v + 3))
        df = 1 / (share**2 / max(m - 1, 1) + 1 / seen)
        information = 1 - (1 - share) * (1 - 2 / (df + 3))
    parts = (np.where(alike, estimates[0], estimate), within, between, total, df, increase, share, information)
    return Pooled(*(np.where(known, part, np.nan) for part in parts))


def t_limits(middle: Floats, error: Floats, df: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Limits by Student's t; the normal where `df` is infinite."""
    z = normal_quantile(conf_level)
    finite = np.where(np.isfinite(df) & (df > 0), df, 1.0)
    quantile = np.where(np.isinf(df), z, np.where(df > 0, stdtrit(finite, (1 + conf_level) / 2), np.nan))
    return middle - quantile * error, middle + quantile * error


def missing_in(absent: np.ndarray, what: str, why: str = "") -> str:
    """The note of a quantity that some data sets do not give; with the reason of the first where none gives it."""
    if not absent.any():
        return ""
    reason = why.removeprefix("not estimable") if absent.all() else ""
    return f"not estimable in {int(absent.sum())} of {len(absent)} {what}{reason}"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class PooledFit:
    """Cox models of several completed data sets, pooled; made by `pool`."""

    frame: pd.DataFrame
    """term, contrast, n, n_event and note of each row of the coefficient table."""
    pooled: Pooled
    complete_df: float
    n_fits: int
    cause: str
    conf_level: float
    counts: tuple[float, float, float]
    """n, events, rows left out: means over the fits."""
    note: str

    def __repr__(self) -> str:
        return f"PooledFit({self.n_fits} fits, cause {self.cause!r}, {len(self.frame)} rows)"

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """One row a coefficient, reference levels included.

        Parameters
        ----------
        exponentiate
            Give estimate, low and high as hazard ratios; `std_error` stays on the log scale.

        Returns
        -------
        DataFrame
            term, contrast, cause, n, n_event (means over the fits), estimate, std_error, low, high, conf_level, interval
            ("t"), scale, statistic, df, p_value, variance_increase, fraction_missing, information_missing, note.
        """
        out, part = self.frame.copy(), self.pooled
        out.insert(2, "cause", self.cause)
        reference = (out["note"] == "reference").to_numpy()
        shown = [np.where(reference, np.nan, x) for x in (part.df, part.variance_increase, part.fraction_missing)]
        error = np.where(reference, np.nan, np.sqrt(part.total))
        out["estimate"], out["std_error"] = part.estimate, error
        out["low"], out["high"] = t_limits(part.estimate, error, shown[0], self.conf_level)
        out["conf_level"], out["interval"], out["scale"] = self.conf_level, "t", "log hazard ratio"
        out["statistic"], out["df"] = part.estimate / error, shown[0]
        with np.errstate(invalid="ignore"):
            tail = stdtr(np.where(np.isinf(shown[0]), 1e300, shown[0]), -np.abs(out["statistic"].to_numpy()))
        out["p_value"] = 2 * tail
        out["variance_increase"], out["fraction_missing"] = shown[1:]
        out["information_missing"] = np.where(reference, np.nan, part.information_missing)
        out["note"] = out.pop("note")
        if exponentiate:
            out[["estimate", "low", "high"]] = np.exp(out[["estimate", "low", "high"]])
            out["scale"] = "hazard ratio"
        return out

    def glance(self) -> pd.DataFrame:
        """One row: method, cause, n, n_event, n_excluded (means), df (of complete data), n_draws (data sets), note."""
        n, n_event, n_excluded = self.counts
        row = {"method": "Cox, Efron ties, pooled by Rubin's rules", "cause": self.cause, "n": n, "n_event": n_event}
        row |= {"n_excluded": n_excluded, "df": self.complete_df, "n_draws": self.n_fits, "note": self.note}
        return pd.DataFrame([row])

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def pool(fits: Iterable[CoxFit], *, conf_level: float = 0.95) -> PooledFit:
    """Pool Cox models of several completed data sets by Rubin's rules.

    Estimand: that of the fits. Estimates are averaged on the log hazard ratio scale; the variance is the mean variance plus
    (1 + 1/m) times the variance between the fits; limits and p-values are Student's with the degrees of freedom of Barnard
    and Rubin (1999, doi:10.1093/biomet/86.4.948), those of complete data being events - coefficients, the smallest among
    the fits. Formulas and edge rules: `rubin`. A row that any fit could not estimate is NaN, with the number of such fits
    in its note.

    Parameters
    ----------
    fits
        Fits of `cox` with the same rows of coefficients and the same cause, one for each data set.
    conf_level
        Level of the intervals.

    Returns
    -------
    PooledFit
        With `.tidy(exponentiate=False)` and `.glance()`.

    Raises
    ------
    InputError
        No fits, something else than fits of `cox`, other terms or levels, other causes.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [4.0, 3, 1, 1, 2, 2, 3], "s": [1, 1, 1, 0, 1, 1, 0], "x": [0, 2, 1, 1, 1, 0, 0]})
    >>> one, two = (
    ...     iko.endpoint_from_columns(d.assign(x=x), time="t", status="s", causes={1: "relapse"})
    ...     for x in ([0, 2, 1, 1, 1, 0, 0], [0, 2, 1, 0, 1, 0, 1])
    ... )
    >>> iko.pool([iko.cox(one, "x"), iko.cox(two, "x")]).tidy()[["estimate", "df"]].round(2).values.tolist()
    [[0.36, 2.6]]
    """
    fits = list(fits)
    normal_quantile(conf_level)
    if not fits or not all(isinstance(fit, CoxFit) for fit in fits):
        raise InputError("nothing to pool: these are not fits of cox", next_step="Give the fits as a list.")
    tables = [fit.tidy() for fit in fits]
    keys = ["term", "contrast"]
    rows = [table[keys].to_numpy().tolist() for table in tables]
    other = [row for row in rows if row != rows[0]]
    if other:
        raise InputError(
            f"{len(other)} of {len(fits)} fits have other terms or levels than the first",
            next_step="Fit the same terms; name the reference level; merge levels that some data sets lack.",
        )
    if len({fit.cause for fit in fits}) > 1:
        raise InputError("the fits are of different causes", next_step="Pool the fits of one cause.")
    complete_df = float(min(fit.n_event - len(fit.maximum.beta) for fit in fits))
    estimates = stacked(tables, "estimate")
    reference = (tables[0]["note"] == "reference").to_numpy()
    variances = np.where(reference, 0.0, stacked(tables, "std_error") ** 2)
    pooled = rubin(estimates, variances, complete_df)
    note = join(
        ALONE if len(fits) == 1 else "", "" if complete_df > 0 else "not more events than coefficients: no intervals"
    )
    frame = tables[0][keys].copy()
    frame["n"], frame["n_event"] = stacked(tables, "n").mean(axis=0), stacked(tables, "n_event").mean(axis=0)
    absent = np.isnan(estimates)
    whys = [missing_in(column, "fits") for column in absent.T]
    frame["note"] = ["reference" if base else join(why, note) for base, why in zip(reference, whys, strict=True)]
    n, n_event, n_excluded = np.mean([(fit.n, fit.n_event, fit.design.n_missing) for fit in fits], axis=0).tolist()
    fixed = Pooled(*(frozen(part) for part in pooled))
    counts = (n, n_event, n_excluded)
    return PooledFit(frame, fixed, complete_df, len(fits), fits[0].cause, conf_level, counts, note)


def stacked(tables: Sequence[pd.DataFrame], column: str) -> Floats:
    """A column of several tables of the same rows, as (tables, rows)."""
    return np.array([table[column].to_numpy(dtype=float) for table in tables])
