"""Cox's proportional hazards model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import Design, design
from ikzf1_outcomes.kernels.exact_ties import exact_likelihood
from ikzf1_outcomes.kernels.partial import Layout, Maximum, lay_out, newton, partial_likelihood
from ikzf1_outcomes.kernels.residuals import residuals, sandwich
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.analysed_rows import Analysed, analysed, events_of, ever_compared, within
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.models.estimability import (
    check_columns,
    counts_of,
    limit_of_empty_levels,
    refuse_separation,
    rows_of,
)
from ikzf1_outcomes.models.estimation import Estimation, in_own_units
from ikzf1_outcomes.models.penalised import FirthFit, firth_regression
from ikzf1_outcomes.models.ridge import Ridge, RidgeFit, asked_theta, ridge_of, with_ridge
from ikzf1_outcomes.models.shared_frailty import FrailtyFit, with_frailty

TIES = ("efron", "breslow", "exact")
COUNTS = "weights are not whole numbers: standard errors take them as counts"


@overload
def cox(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    cause: str | None = ...,
    ties: str = ...,
    strata: Columns | None = ...,
    cluster: Columns | None = ...,
    robust: bool = ...,
    penalty: None = ...,
    offset: str | None = ...,
    references: Mapping[str, Any] | None = ...,
    conf_level: float = ...,
) -> CoxFit: ...


@overload
def cox(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    cause: str | None = ...,
    ties: str = ...,
    strata: Columns | None = ...,
    cluster: Columns | None = ...,
    robust: bool = ...,
    penalty: Literal["firth"],
    offset: str | None = ...,
    references: Mapping[str, Any] | None = ...,
    conf_level: float = ...,
) -> FirthFit: ...


@overload
def cox(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    cause: str | None = ...,
    ties: str = ...,
    strata: Columns | None = ...,
    penalty: tuple[str, float],
    ridge_terms: str | Sequence[str] | None = ...,
    offset: str | None = ...,
    references: Mapping[str, Any] | None = ...,
    conf_level: float = ...,
) -> RidgeFit: ...


@overload
def cox(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    cause: str | None = ...,
    ties: str = ...,
    strata: Columns | None = ...,
    frailty: Columns,
    offset: str | None = ...,
    references: Mapping[str, Any] | None = ...,
    conf_level: float = ...,
) -> FrailtyFit: ...


def cox(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    cause: str | None = None,
    ties: str = "efron",
    strata: Columns | None = None,
    cluster: Columns | None = None,
    robust: bool = False,
    penalty: str | tuple[str, float] | None = None,
    ridge_terms: str | Sequence[str] | None = None,
    frailty: Columns | None = None,
    offset: str | None = None,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> CoxFit | FirthFit | RidgeFit | FrailtyFit:
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
    penalty
        "firth": Firth's penalised likelihood, finite in levels without events and under separation, with profile intervals
        and tests (`docs/methods/firth.md`). ("ridge", theta): the partial likelihood less theta / 2 times the sum of the
        squared coefficients of standardised covariates, finite too, and with more covariates than events
        (`docs/methods/ridge.md`). Both: Efron's or Breslow's ties, without clusters and robust covariance.
    ridge_terms
        Terms that the ridge penalty is on, as a formula or a list of terms; None takes all. Others are estimated freely.
    frailty
        Column or columns of clusters that share a frailty, a factor of the hazard with a gamma distribution of mean 1; its
        variance maximises the marginal likelihood (`docs/methods/frailty.md`); Efron's or Breslow's ties, without
        penalty, clusters and robust covariance.
    offset
        Column of numbers that enter the linear predictor with coefficient 1.
    references
        Column to reference level.
    conf_level
        Level of the intervals.

    Returns
    -------
    CoxFit
        With `.tidy(exponentiate=False)`, `.glance()`, `.residuals(kind)`, `.baseline()`, `.predict(new, times)` and
        `.covariance`. With Firth's penalty a FirthFit, which has no residuals, baseline or prediction; with a ridge penalty
        a RidgeFit, which has all of these; with a frailty a FrailtyFit, with `.tidy()`, `.glance()` and `.frailties()`.

    Raises
    ------
    ColumnError, InputError
        Unknown column, cause or rule for ties, no events, constant or collinear columns (named); a theta that is negative
        or no number; options that do not go together.
    ConvergenceError
        A covariate separates those with events from those without; it is named. The variance of the frailty has no maximum.

    Notes
    -----
    Rows with a missing term, stratum, cluster, frailty or offset are left out and counted (`n_excluded`).

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
    special = penalty is not None or frailty is not None
    if special:
        check_options(penalty, ridge_terms, frailty, ties, robust or cluster is not None)
    elif ridge_terms is not None:
        raise InputError("ridge_terms without a ridge penalty", next_step='Give penalty=("ridge", theta).')
    if penalty == "firth":
        return firth_regression(
            endpoint, terms, cause=cause, ties=ties, strata=strata, offset=offset, references=references,
            conf_level=conf_level,
        )  # fmt: skip
    theta = None if penalty is None else asked_theta(penalty)
    if ties not in TIES:
        raise InputError("there is no such rule for ties", next_step=f"Use {' or '.join(TIES)}.")
    if ties == "exact" and (robust or cluster is not None):
        raise InputError("exact ties have no robust covariance", next_step='Fit with ties="efron".')
    matrix = design(endpoint, terms, references=references)
    rows = analysed(endpoint, matrix, strata, cluster if frailty is None else frailty, robust, offset)
    if special:
        rows = rows._replace(robust=False, note="" if whole_weights(endpoint) else COUNTS)
    if cluster is not None and len(np.unique(rows.cluster[rows.complete])) < 2:
        raise InputError("only one cluster among the rows analysed", next_step="Leave `cluster` out.")
    event = events_of(endpoint, matrix, rows, cause)
    ridge = None if theta is None else ridge_of(theta, ridge_terms, matrix, rows.complete)
    estimated = estimate(endpoint, matrix, rows, event, ties, offset or "", ridge)
    shown = replace(matrix, n_missing=matrix.n_missing + int((~rows.complete).sum()))
    counts = counts_of(endpoint, matrix, event, rows.complete)
    fit = CoxFit(
        endpoint, shown, estimated.position, counts, estimated.maximum, estimated.covariance, cause or "any",
        endpoint.patients(estimated.how.complete), int(event.sum()), conf_level, estimated.notes, estimated.how,
        frozen(rows.cluster[rows.complete]),
    )  # fmt: skip
    if ridge is not None:
        return RidgeFit(fit, ridge.theta, ridge.terms, frozen(ridge.weight[estimated.how.span.columns]))
    return fit if frailty is None else with_frailty(fit, frailty)


def check_options(penalty: Any, ridge_terms: Any, frailty: Any, ties: str, robust: bool) -> None:
    """Refuse options that do not go with a penalty or a frailty.

    Raises
    ------
    InputError
        Robust or clustered errors, exact ties, a penalty and a frailty, terms of a ridge that is not asked for.
    """
    if penalty is not None and (robust or (isinstance(penalty, str) and penalty != "firth")):
        raise InputError(
            "no such penalty, or a penalty with robust or clustered errors",
            next_step='Use penalty="firth" or penalty=("ridge", theta) alone.',
        )
    if penalty is not None and frailty is not None:
        raise InputError("a penalty and a frailty in one model", next_step="Use one of them.")
    if frailty is not None and robust:
        raise InputError("a frailty with robust or clustered errors", next_step="Use frailty or cluster.")
    if ridge_terms is not None and (penalty is None or penalty == "firth"):
        raise InputError("ridge_terms without a ridge penalty", next_step='Give penalty=("ridge", theta).')
    if ties == "exact":
        raise InputError("exact ties have neither penalty nor frailty", next_step='Fit with ties="efron".')


def whole_weights(endpoint: Endpoint) -> bool:
    """Whether all weights are whole numbers."""
    return bool((endpoint.case_weights == np.round(endpoint.case_weights)).all())


class Estimated(NamedTuple):
    """The maximum of a partial likelihood, and what it rests on."""

    position: dict[int, int]
    maximum: Maximum
    covariance: Floats
    notes: dict[int, str]
    how: Estimation


def estimate(
    endpoint: Endpoint,
    matrix: Design,
    rows: Analysed,
    event: np.ndarray,
    ties: str,
    offset: str,
    ridge: Ridge | None = None,
) -> Estimated:
    """Maximise the partial likelihood of the rows that are compared with somebody, with a ridge penalty where there is one.

    Raises
    ------
    InputError, ConvergenceError
        Constant or collinear columns, separation; each named.
    """
    limit = limit_of_empty_levels(matrix, event, () if ridge is None else ridge.terms)
    weight = None if ridge is None else ridge.weight[limit.columns]
    used = limit.used & rows.complete & ever_compared(endpoint.time[matrix.keep], event & limit.used, rows.stratum)
    some = slice(None) if used.all() else used  # where all rows are used nothing is copied
    every = some is not used and len(limit.columns) == matrix.matrix.shape[1]
    x = matrix.matrix if every else matrix.matrix[np.ix_(used, limit.columns)]
    own = rows.stratum[some]
    seen = check_columns(within(x, own), matrix, limit.columns, None if weight is None else weight > 0)
    centre, scale = seen.centre, seen.scale
    standard = seen.x if not rows.columns else (x - centre) / scale
    mask = rows_of(matrix.keep, used)
    present, stratum = np.unique(own, return_inverse=True) if rows.columns else (own[:1], None)
    layout = lay_out(
        endpoint.rows, event[some], endpoint.case_weights[mask], standard, keep=mask, strata=stratum,
        offset=rows.offset[some],
    )  # fmt: skip
    likelihood = exact_likelihood(layout) if ties == "exact" else partial_likelihood(layout, ties)
    if weight is not None:
        likelihood = with_ridge(likelihood, weight / scale**2)
    fit = newton(likelihood, x.shape[1])
    refuse_separation(fit, x, scale, matrix, limit.columns)
    covariance = covariance_of(fit, layout, scale, ties, rows.cluster[some] if rows.robust else None)
    frame = (frozen(centre), frozen(scale), frozen(mask), frozen(rows_of(matrix.keep, rows.complete)))
    levels = tuple(rows.levels[code] for code in present) if rows.columns else ("all",)
    how = Estimation(layout, *frame, ties, rows.columns, levels, offset, rows.robust, rows.note, limit.span)
    position = {int(c): place for place, c in enumerate(limit.columns) if c not in limit.notes}
    return Estimated(position, in_own_units(fit, scale), covariance, limit.notes, how)


def covariance_of(fit: Maximum, layout: Layout, scale: Floats, ties: str, cluster: Integers | None) -> Floats:
    """The covariance in the covariates' own units; robust where there are clusters."""
    inverse = np.linalg.inv(fit.information)
    if cluster is not None:
        weight = np.empty(len(layout.weight))
        weight[layout.where] = layout.weight
        inverse = sandwich(residuals(layout, fit.beta, ties).score, weight, inverse, cluster)
    return frozen(inverse / np.outer(scale, scale))
