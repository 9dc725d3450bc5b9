"""Curves of several completed data sets made one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.incidence import IncidenceCurve
from ikzf1_outcomes.curves.survival import SurvivalCurve
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.impute.pooling import ALONE, missing_in, rubin, stacked, t_limits
from ikzf1_outcomes.kernels.risk import Floats


class PooledProbabilities(NamedTuple):
    """Pooled probabilities with limits; each array has one value a quantity (k)."""

    estimate: Floats
    std_error: Floats
    low: Floats
    high: Floats
    df: Floats
    fraction_missing: Floats
    plain: np.ndarray
    """Pooled on the plain scale, because some data set has 0 or 1."""


def pool_probabilities(estimates: Floats, std_errors: Floats, *, conf_level: float = 0.95) -> PooledProbabilities:
    """Pool probabilities of m data sets on the log-log scale.

    g(p) = log(-log p), the scale of the curves' own log-log limits, with the variance (se / (p log p))^2: for a survival S
    this is the complementary log-log of 1 - S (Marshall et al. 2009, doi:10.1186/1471-2288-9-57). The estimate is
    g^-1(mean g), its standard error |p log p| sqrt(T), the limits are g^-1 of Student's limits with Rubin's (1987) degrees
    of freedom (m - 1) / lambda^2. Data sets that agree give the curve's own row back.

    Edge rules. Where any data set has 0 or 1, that quantity is pooled on the plain scale and its limits are held within 0
    and 1; where no variance is left there, it has no limits. Missing in any data set: NaN.

    Parameters
    ----------
    estimates, std_errors
        (m, k), on the probability scale.
    conf_level
        Level of the intervals.

    Returns
    -------
    PooledProbabilities

    Examples
    --------
    >>> import numpy as np
    >>> from ikzf1_outcomes.impute.pooled_curves import pool_probabilities
    >>> two = pool_probabilities(np.array([[0.25], [0.5]]), np.full((2, 1), 0.1))
    >>> round(float(two.estimate[0]), 6) == round(float(np.exp(-np.log(2) * np.sqrt(2))), 6)
    True
    """
    p, se = np.asarray(estimates, dtype=float), np.asarray(std_errors, dtype=float)
    plain = np.asarray(((p <= 0) | (p >= 1)).any(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        turned = rubin(np.log(-np.log(p)), (se / (p * np.log(p))) ** 2)
        middle = np.exp(-np.exp(turned.estimate))
        high, low = (np.exp(-np.exp(x)) for x in t_limits(turned.estimate, np.sqrt(turned.total), turned.df, conf_level))
        error = np.abs(middle * np.log(middle)) * np.sqrt(turned.total)
    flat = rubin(p, se**2)
    some = np.where(flat.total > 0, np.sqrt(flat.total), np.nan)
    lowest, highest = (np.clip(x, 0.0, 1.0) for x in t_limits(flat.estimate, some, flat.df, conf_level))
    return PooledProbabilities(
        # a curve at 0 has no standard error, and is an estimate all the same
        np.where(plain, p.mean(axis=0), middle),
        np.where(plain, np.sqrt(flat.total), error),
        np.where(plain, lowest, low),
        np.where(plain, highest, high),
        np.where(plain, flat.df, turned.df),
        np.where(plain, flat.fraction_missing, turned.fraction_missing),
        plain,
    )


def pool_curves(
    curves: Iterable[SurvivalCurve | IncidenceCurve], times: float | Iterable[float], *, conf_level: float = 0.95
) -> pd.DataFrame:
    """Pool survival or incidence at some times over several completed data sets.

    Scale, formulas and edge rules: `pool_probabilities`. A row that any data set could not estimate is NaN and says in how
    many.

    Parameters
    ----------
    curves
        Results of `kaplan_meier`, or of `cumulative_incidence`, one for each data set, with the same groups.
    times
        In the endpoint's unit.
    conf_level
        Level of the intervals.

    Returns
    -------
    DataFrame
        group (and a column for each of several grouping variables), cause for incidences, time, n, n_risk, n_event (means
        over the data sets), estimate, std_error, low, high, conf_level, interval ("log-log" or "plain"), scale, df,
        fraction_missing, note.

    Raises
    ------
    InputError
        No curves, curves of two kinds, groups that differ between data sets.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0, 5.0], "s": [1, 1, 0, 1, 0]})
    >>> draws = [pd.Categorical(list(arm), categories=["a", "b"]) for arm in ("aaabb", "aabbb")]
    >>> endpoints = [
    ...     iko.endpoint_from_columns(d.assign(arm=arm), time="t", status="s", causes={1: "relapse"}) for arm in draws
    ... ]
    >>> iko.pool_curves([iko.kaplan_meier(e, "arm") for e in endpoints], [1.5])["estimate"].round(3).tolist()
    [0.589, 1.0]
    """
    kept = list(curves)
    if not kept or len({type(curve) for curve in kept}) > 1 or not isinstance(kept[0], SurvivalCurve | IncidenceCurve):
        raise InputError("nothing to pool: these are not curves of one kind", next_step="Give the curves as a list.")
    asked = list(times) if isinstance(times, Iterable) else [times]
    tables = [curve.tidy(asked) for curve in kept]
    keys = [*kept[0].steps.groups.columns] if len(kept[0].steps.groups.columns) > 1 else []
    keys += [name for name in ("group", "cause", "time") if name in tables[0]]
    if any(list(t.columns) != list(tables[0].columns) or not t[keys].equals(tables[0][keys]) for t in tables):
        raise InputError(
            "the groups differ between the data sets", next_step="Group by a categorical column with the same categories."
        )
    estimates = stacked(tables, "estimate")
    pooled = pool_probabilities(estimates, stacked(tables, "std_error"), conf_level=conf_level)
    out = tables[0][keys].copy()
    for name in ("n", "n_risk", "n_event"):
        out[name] = stacked(tables, name).mean(axis=0)
    for name in ("estimate", "std_error", "low", "high"):
        out[name] = getattr(pooled, name)
    out["conf_level"], out["interval"] = conf_level, np.where(pooled.plain, "plain", "log-log")
    out["scale"], out["df"], out["fraction_missing"] = "probability", pooled.df, pooled.fraction_missing
    out["note"] = probability_notes(estimates)
    return out


def probability_notes(estimates: Floats) -> list[str]:
    """What the reader must know about pooled probabilities (m, k)."""
    m, edge = len(estimates), ((estimates <= 0) | (estimates >= 1)).sum(axis=0)
    return [
        missing_in(np.isnan(column), "draws")
        or (f"pooled on the plain scale: 0 or 1 in {k} of {m} draws" if k else ALONE if m == 1 else "")
        for column, k in zip(estimates.T, edge, strict=True)
    ]
