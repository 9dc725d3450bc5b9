"""What the rows of a Fine-Gray model say of coefficients that would change with time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.kernels.subdistribution import fine_gray_likelihood, risk_sets
from ikzf1_outcomes.kernels.subdistribution_influence import score_residuals
from ikzf1_outcomes.kernels.subdistribution_rows import Subdistribution
from ikzf1_outcomes.models.subdistribution_fit import SubdistributionFit
from ikzf1_outcomes.models.subdistribution_rows import scaled_rows, summed


class Departure(NamedTuple):
    """The score of theta in beta + theta g(t) at theta = 0, with its variance."""

    score: Floats
    """Sum over the events of g(t) times covariates less their mean at risk (p)."""
    square: Floats
    """Its variance if beta were known (p, p)."""
    adjusted: Floats
    """Its variance with beta estimated: the sandwich (p, p)."""
    flat: bool
    """Whether g is the same at all events."""


def departure(fit: SubdistributionFit, transform: str) -> Departure:
    r"""Score and sandwich of the products of the covariates with a function of time.

    With u the influences of the rows on the scores of beta and theta, by way of the estimated weights included, and I the
    information of both at theta = 0, the score of theta at the maximum of beta is to first order the sum over rows of

    .. math:: u_\theta - I_{\theta\beta} I_{\beta\beta}^{-1} u_\beta

    and its variance the sum of their squares, within clusters first.

    Parameters
    ----------
    transform
        "km", "rank", "identity" or "log"; see `proportional_hazards_test`.

    Raises
    ------
    InputError
        The logarithm of an event at time 0.
    """
    endpoint = fit.endpoint if fit.design.keep.all() else take_rows(fit.endpoint, fit.design.keep)
    rows = fit.sweep().rows
    g = function_at_events(fit, endpoint, rows, transform)
    if not len(fit.limit.columns) or np.ptp(g) == 0.0:
        nothing = np.zeros((len(fit.limit.columns),) * 2)
        return Departure(nothing[0] if len(nothing) else np.zeros(0), nothing, nothing, True)
    change = np.zeros(len(endpoint.rows.times))
    change[rows.event_rank] = g
    laid = scaled_rows(fit.endpoint, fit.design, fit.limit, fit.cause, fit.strata, fit.effects, tested=change)
    known = len(fit.maximum.beta)
    beta = np.concatenate((fit.maximum.beta * laid.scale[:known], np.zeros(len(fit.limit.columns))))
    sets = risk_sets(laid.rows, beta)
    if sets is None:
        raise ConvergenceError("the weights of a risk set vanish", next_step="Look for a covariate far out of its range.")
    _, score, information = fine_gray_likelihood(laid.rows)(beta)
    clusters = None if fit.clusters is None else fit.clusters[laid.rows.order]
    totals = summed(score_residuals(laid.rows, sets), laid.rows.weight, clusters)
    explained = np.linalg.solve(information[:known, :known], information[:known, known:])
    left = totals[:, known:] - totals[:, :known] @ explained
    return Departure(score[known:], totals[:, known:].T @ totals[:, known:], left.T @ left, False)


def function_at_events(fit: SubdistributionFit, endpoint: Endpoint, rows: Subdistribution, transform: str) -> Floats:
    """g at each event time of the cause, less its mean over the events: the mean changes no test (e)."""
    times = endpoint.rows.times[rows.event_rank]
    if transform == "km":
        sets = risk_sets(rows, np.zeros(rows.x.shape[1]))
        # without coefficients the sums at risk are weighted numbers, and this product is 1 less the cumulative incidence
        g = np.zeros(len(times)) if sets is None else 1.0 - np.r_[1.0, np.cumprod(1.0 - rows.deaths / sets.total)[:-1]]
    elif transform == "rank":
        ends = np.bincount(endpoint.rows.rank, minlength=len(endpoint.rows.times))
        g = (np.cumsum(ends) - (ends - 1) / 2.0)[rows.event_rank]
    elif transform == "identity":
        g = times
    else:
        happened = (endpoint.cause == endpoint.cause_code(fit.cause)) & (endpoint.time <= 0)
        if happened.any():
            raise InputError(
                "an event at time 0 has no logarithm of its time",
                where=np.flatnonzero(fit.design.keep)[happened] + 1,
                next_step="Use another transform: km, rank or identity.",
            )
        g = np.log(times)
    centred: Floats = g - np.average(g, weights=rows.deaths)
    return centred


def terms_tested(fit: SubdistributionFit) -> list[tuple[str, np.ndarray, bool]]:
    """Each term of the design, the places of its columns among the coefficients, and whether a level was lost."""
    term_of = {c.column: c.term for c in fit.design.coefficients if c.column >= 0}
    owner = np.array([term_of[int(column)] for column in fit.limit.columns], dtype=object)
    lost = {term_of[column] for column in fit.limit.notes}
    return [
        (term, np.flatnonzero(owner == term), term in lost)
        for term in dict.fromkeys(c.term for c in fit.design.coefficients)
    ]
