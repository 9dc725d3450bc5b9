"""Cox's proportional hazards model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import Design, design
from ikzf1_outcomes.kernels.exact_ties import exact_likelihood
from ikzf1_outcomes.kernels.partial import Layout, Maximum, lay_out, newton, partial_likelihood
from ikzf1_outcomes.kernels.residuals import residuals, sandwich
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.models.estimability import (
    check_columns,
    counts_of,
    limit_of_empty_levels,
    refuse_separation,
    rows_of,
)
from ikzf1_outcomes.models.estimation import Estimation

TIES = ("efron", "breslow", "exact")


def cox(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    cause: str | None = None,
    ties: str = "efron",
    strata: Columns | None = None,
    cluster: Columns | None = None,
    robust: bool = False,
    offset: str | None = None,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> CoxFit:
    r"""Cox regression: hazard ratios of any event, or of one cause.

    Estimand: hazard ratios of any event, or of `cause` with the other causes as censoring (the cause-specific hazard),
    within strata: h(t | x, stratum s) = h_s(t) exp(x'b + offset). Maximises the partial likelihood (Cox 1972; Efron
    1977, doi:10.1080/01621459.1977.10480613; Breslow's rule for ties on request) by Newton's method until the Newton
    decrement is below 1e-20; equal to R's `coxph`. Delayed entry: at risk when entry < t <= time. Case weights enter as
    in R.

    Levels without an event have an infinite coefficient: their rows are marked, and the rest is the limit, that is the
    fit without those patients. Strata without an event tell nothing of the coefficients and change nothing.

    Robust covariance (Lin and Wei 1989, recalled): I^-1 (sum over clusters of u u') I^-1 with u the score residuals of a
    cluster, the derivatives of the score by the case weights: the infinitesimal jackknife, exact under ties.

    Parameters
    ----------
    endpoint
        Times and causes.
    terms
        A formula, "age + ikzf1_class", or a list of columns.
    cause
        Name of a cause; None takes any cause as the event.
    ties
        "efron", "breslow", or "exact": the discrete likelihood of the events at a time given their number, as R's
        `ties = "exact"`; slow where many are tied, without weights, residuals and predictions.
    strata
        Column or columns whose levels have baselines of their own.
    cluster
        Column or columns of what belongs together; the covariance is robust then.
    robust
        Robust covariance without clusters: each patient is one.
    offset
        Column of numbers that enter the linear predictor with coefficient 1.
    references
        Column to reference level.
    conf_level
        Level of the intervals.

    Returns
    -------
    CoxFit
        With `.tidy(exponentiate=False)`, `.glance()`, `.residuals(kind)`, `.baseline()` and `.covariance`.

    Raises
    ------
    ColumnError, InputError
        Unknown column, cause or rule for ties, no events, constant or collinear columns (named).
    ConvergenceError
        A covariate separates those with events from those without; it is named.

    Notes
    -----
    Rows with a missing term, stratum, cluster or offset are left out and counted (`n_excluded`).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [4.0, 3, 1, 1, 2, 2, 3], "s": [1, 1, 1, 0, 1, 1, 0], "x": [0, 2, 1, 1, 1, 0, 0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> round(float(iko.cox(endpoint, "x").tidy()["estimate"].iloc[0]), 6)
    0.460778
    """
    normal_quantile(conf_level)
    if ties not in TIES:
        raise InputError("there is no such rule for ties", next_step=f"Use {' or '.join(TIES)}.")
    if ties == "exact" and (robust or cluster is not None):
        raise InputError("exact ties have no robust covariance", next_step='Fit with ties="efron".')
    matrix = design(endpoint, terms, references=references)
    rows = analysed(endpoint, matrix, strata, cluster, robust, offset)
    event = endpoint.cause > 0 if cause is None else endpoint.cause == endpoint.cause_code(cause)
    event = event[matrix.keep] & rows.complete
    if not event.any():
        raise InputError(f"no events of {cause or 'any cause'} among the rows analysed", count=0)
    limit = limit_of_empty_levels(matrix, event)
    used = limit.used & rows.complete & ever_compared(endpoint.time[matrix.keep], event & limit.used, rows.stratum)
    x = matrix.matrix[np.ix_(used, limit.columns)]
    check_columns(within(x, rows.stratum[used]), matrix, limit.columns)
    centre, scale = x.mean(axis=0), x.std(axis=0)
    mask = rows_of(matrix.keep, used)
    _, stratum = np.unique(rows.stratum[used], return_inverse=True)
    layout = lay_out(
        endpoint.rows, event[used], endpoint.case_weights[mask], (x - centre) / scale, keep=mask,
        strata=stratum if rows.columns else None, offset=rows.offset[used],
    )  # fmt: skip
    likelihood = exact_likelihood(layout) if ties == "exact" else partial_likelihood(layout, ties)
    fit = newton(likelihood, x.shape[1])
    refuse_separation(fit, x, scale, matrix, limit.columns)
    maximum, covariance = in_own_units(fit, layout, scale, ties, rows.cluster[used] if rows.robust else None)
    position = {int(c): place for place, c in enumerate(limit.columns) if c not in limit.notes}
    kept = rows_of(matrix.keep, rows.complete)
    frame = (frozen(centre), frozen(scale), frozen(mask), frozen(kept))
    levels = tuple(rows.levels[code] for code in np.unique(rows.stratum[used])) if rows.columns else ("all",)
    estimation = Estimation(layout, *frame, ties, rows.columns, levels, offset or "", rows.robust, rows.note)
    shown = replace(matrix, n_missing=matrix.n_missing + int((~rows.complete).sum()))
    counts = counts_of(endpoint, matrix, event, rows.complete)
    return CoxFit(
        endpoint, shown, position, counts, maximum, covariance, cause or "any", endpoint.patients(kept),
        int(event.sum()), conf_level, limit.notes, estimation,
    )  # fmt: skip


class Analysed(NamedTuple):
    """What the arguments beside the terms make of the rows that the design keeps."""

    complete: np.ndarray
    stratum: Integers
    columns: tuple[str, ...]
    """Columns of the strata."""
    levels: tuple[Any, ...]
    cluster: Integers
    robust: bool
    offset: Floats
    note: str


def analysed(
    endpoint: Endpoint, matrix: Design, strata: Columns | None, cluster: Columns | None, robust: bool, offset: str | None
) -> Analysed:
    """Strata, clusters and offsets of the rows, and which rows have them all.

    Raises
    ------
    ColumnError, InputError
        Unknown columns; an offset that is no number.
    """
    keep = matrix.keep
    size = int(keep.sum())
    complete = np.ones(size, dtype=bool)
    strata_of, cluster_of = (None if by is None else endpoint.groups(by) for by in (strata, cluster))
    codes = {}
    for name, found in (("strata", strata_of), ("cluster", cluster_of)):
        if found is not None:
            codes[name] = found.codes[keep]
            complete &= codes[name] >= 0
    shift = np.zeros(size)
    if offset is not None:
        shift = np.asarray(endpoint.column(offset).to_numpy(dtype=np.float64, na_value=np.nan))[keep]
        if np.isinf(shift).any():
            raise InputError("the offset has infinite values", where=np.flatnonzero(keep)[np.isinf(shift)] + 1)
        complete &= ~np.isnan(shift)
    patient = np.arange(len(keep)) if endpoint.subject is None else endpoint.subject
    whole = bool((endpoint.case_weights == np.round(endpoint.case_weights)).all())
    sure = robust or cluster is not None
    note = "" if whole or sure else "weights are not whole numbers: standard errors need robust=True"
    return Analysed(
        complete,
        codes.get("strata", np.zeros(size, dtype=np.int32)).astype(np.intp),
        () if strata_of is None else strata_of.columns,
        () if strata_of is None else strata_of.levels,
        codes.get("cluster", patient[keep]),
        sure,
        shift,
        note,
    )


def ever_compared(time: Floats, event: np.ndarray, stratum: Integers) -> np.ndarray:
    """Rows that end at or after the first event of their stratum: the others were never compared with anybody."""
    first = np.full(int(stratum.max(initial=0)) + 1, np.inf)
    np.minimum.at(first, stratum[event], time[event])
    return np.asarray((stratum >= 0) & (time >= first[stratum]))


def within(x: Floats, stratum: Integers) -> Floats:
    """Covariates less their means in the stratum: all that a stratified likelihood sees of them."""
    if not len(stratum) or stratum.max() == stratum.min():
        return x
    _, code, size = np.unique(stratum, return_inverse=True, return_counts=True)
    sums = np.zeros((len(size), x.shape[1]))
    np.add.at(sums, code, x)
    out: Floats = x - (sums / size[:, None])[code] + x.mean(axis=0)
    return out


def in_own_units(
    fit: Maximum, layout: Layout, scale: Floats, ties: str, cluster: Integers | None
) -> tuple[Maximum, Floats]:
    """The maximum and the covariance in the covariates' own units; robust where there are clusters."""
    square = np.outer(scale, scale)
    inverse = np.linalg.inv(fit.information)
    if cluster is not None:
        weight = np.empty(len(layout.weight))
        weight[layout.where] = layout.weight
        inverse = sandwich(residuals(layout, fit.beta, ties).score, weight, inverse, cluster)
    back = fit._replace(
        beta=frozen(fit.beta / scale),
        score=frozen(fit.score * scale),
        information=frozen(fit.information * square),
        step=frozen(fit.step / scale),
        score_null=frozen(fit.score_null * scale),
        information_null=frozen(fit.information_null * square),
    )
    return back, frozen(inverse / square)
