"""Models of a screen that are maximised one by one on a shared layout: Firth's penalty, Fine and Gray's hazard."""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.kernels.partial import lay_out, newton
from ikzf1_outcomes.kernels.subdistribution import fine_gray_likelihood
from ikzf1_outcomes.models.analysed_rows import analysed, events_of, ever_compared, within
from ikzf1_outcomes.models.estimability import check_columns, limit_of_empty_levels, refuse_separation, rows_of
from ikzf1_outcomes.models.feature_fits import Found, Members, Setting
from ikzf1_outcomes.models.penalised import check_told_apart, fit_firth
from ikzf1_outcomes.models.screened_features import with_feature
from ikzf1_outcomes.models.subdistribution_rows import at_estimate, refuse_unbounded, scaled_rows


def firth_features(setting: Setting, members: Members) -> Found:
    """Cox models with Firth's penalty of the adjusters and one feature each.

    Every search starts from 0, as that of a single model: the penalised likelihood can have more than one maximum.

    Raises
    ------
    InputError
        There is no event.
    """
    endpoint, part = setting.endpoint, members.part
    rows = analysed(endpoint, part, setting.strata, None, False, None)
    event = events_of(endpoint, part, rows, setting.cause)
    used = rows.complete & ever_compared(endpoint.time[part.keep], event, rows.stratum)
    mask = rows_of(part.keep, used)
    _, stratum = np.unique(rows.stratum[used], return_inverse=True)
    shared = lay_out(
        endpoint.rows, event[used], endpoint.case_weights[mask], part.matrix[used], keep=mask,
        strata=None if setting.strata is None else stratum,
    )  # fmt: skip
    found = Found.nothing(len(members.names))
    for j, name in enumerate(members.names):
        matrix, column = with_feature(part, members.x[:, j], name)
        x = matrix.matrix[used]
        try:
            check_columns(within(x, rows.stratum[used]), matrix, np.arange(x.shape[1]))
            scale = x.std(axis=0)
            layout = shared._replace(x=np.ascontiguousarray(((x - x.mean(axis=0)) / scale)[shared.where]))
            check_told_apart(layout, setting.ties, matrix)
            estimate = fit_firth(layout, setting.ties)
        except (InputError, ConvergenceError) as error:
            found.note[j] = error.problem
            continue
        own, notes = scale[column], []
        found.estimate[j] = estimate.top.beta[column] / own
        found.std_error[j] = np.sqrt(estimate.covariance[column, column]) / own
        if setting.test == "likelihood_ratio":
            found.statistic[j] = estimate.profile_test(column).statistic
            found.low[j], found.high[j] = np.array(estimate.profile_interval(column, setting.conf_level)) / own
            notes = ["a profile limit was not found"] * bool(np.isnan([found.low[j], found.high[j]]).any())
            notes += ["the maximum without this feature was not found"] * bool(np.isnan(found.statistic[j]))
        found.note[j] = "; ".join(notes)
    return found


def fine_gray_features(setting: Setting, members: Members) -> Found:
    """Fine-Gray models of the adjusters and one feature each: one censoring distribution serves all of them.

    Raises
    ------
    InputError, ConvergenceError
        The adjusters alone have no maximum, or there is no event of the cause.
    """
    endpoint, part, cause = setting.endpoint, members.part, str(setting.cause)
    event = endpoint.cause[part.keep] == endpoint.cause_code(cause)
    if not event.any():
        raise InputError(f"no events of {cause} among the rows analysed", count=0)
    limit = limit_of_empty_levels(part, event)
    laid = scaled_rows(endpoint, part, limit, cause, np.zeros(len(event), dtype=np.intp))
    refuse_unbounded(laid, np.flatnonzero(part.keep))
    check_columns(laid.compared, part, limit.columns)
    null = newton(fine_gray_likelihood(laid.rows), len(limit.columns))
    refuse_separation(null, laid.compared, laid.scale, part, limit.columns)
    order = laid.rows.order
    used = np.zeros(len(event), dtype=bool)
    used[order] = laid.rows.active > 0
    found = Found.nothing(len(members.names))
    for j, name in enumerate(members.names):
        matrix, column = with_feature(part, members.x[:, j], name)
        columns = np.sort(np.append(np.where(limit.columns < column, limit.columns, limit.columns + 1), column))
        x = matrix.matrix[:, columns]
        try:
            seen = check_columns(x[used], matrix, columns)
            own = laid.rows._replace(x=np.ascontiguousarray(((x - seen.centre) / seen.scale)[order]))
            fit = newton(fine_gray_likelihood(own), len(columns))
            refuse_separation(fit, x[used], seen.scale, matrix, columns)
            totals = at_estimate(laid._replace(rows=own), fit.beta, None).totals
        except (InputError, ConvergenceError) as error:
            found.note[j] = error.problem
            continue
        at = int(np.flatnonzero(columns == column)[0])
        influence = totals @ np.linalg.inv(fit.information)[:, at]
        found.estimate[j] = fit.beta[at] / seen.scale[at]
        found.std_error[j] = np.sqrt(influence @ influence) / seen.scale[at]
    return found
