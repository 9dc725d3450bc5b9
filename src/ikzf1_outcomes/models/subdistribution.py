"""Fine and Gray's regression on the subdistribution hazard of one cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen, refuse, take_rows
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import Design, design
from ikzf1_outcomes.kernels.partial import newton
from ikzf1_outcomes.kernels.risk import Integers
from ikzf1_outcomes.kernels.subdistribution import fine_gray_likelihood
from ikzf1_outcomes.models.estimability import check_columns, counts_of, limit_of_empty_levels, refuse_separation
from ikzf1_outcomes.models.estimation import in_own_units
from ikzf1_outcomes.models.subdistribution_fit import SubdistributionFit
from ikzf1_outcomes.models.subdistribution_rows import at_estimate, refuse_unbounded, scaled_rows
from ikzf1_outcomes.models.subdistribution_time import TimeEffects, check_functions, read_time_effects, time_effects_of


def fine_gray(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    cause: str,
    references: Mapping[str, Any] | None = None,
    cluster: Columns | None = None,
    censoring_strata: Columns | None = None,
    time_effects: Mapping[str, str | float | Sequence[str | float]] | None = None,
    conf_level: float = 0.95,
) -> SubdistributionFit:
    """Fine-Gray regression: how covariates shift the cumulative incidence of one cause.

    Estimand: the subdistribution hazard ratio of `cause`, with F(t|x) = 1 - exp(-H0(t) exp(x'b)). Maximises the weighted
    partial likelihood of Fine and Gray (1999, J Am Stat Assoc 94:496; recalled, not verified) with Breslow's ties: who has
    had a competing event before t stays at risk with weight G(t-) / G(T-), G the Kaplan-Meier estimate of censoring among
    the rows analysed. Standard errors are their sandwich, with the term for the estimated G: those of R's `crr`. Weights
    count patients. Levels without an event of the cause have an infinite coefficient: their rows are marked, and the rest
    is the limit, in which those patients leave the risk sets and still tell about censoring.

    With delayed entry the weight is also divided by the chance to have entered before T of those who entered before t, the
    product-limit estimate of entry in reversed time (Geskus 2011, doi:10.1111/j.1541-0420.2010.01420.x), and the sandwich
    has a term for it, too: it is then the infinitesimal jackknife. Rows count from their entry (entry < t).

    Effects that change with time: x f(t) is one more column, in the table "x:linear(time)", and the log subdistribution
    hazard ratio of x at t is b + c f(t). Those are `cov2` and `tf` of `crr`.

    Assumes that censoring and entry do not depend on the covariates, or only through `censoring_strata`.

    Parameters
    ----------
    endpoint
        Times and causes, one row a patient.
    terms
        "age + ikzf1_class" or a list of columns.
    cause
        Name of the cause; the other causes compete.
    references
        Column to reference level.
    cluster
        Column or columns whose rows belong together: influences are summed within clusters.
    censoring_strata
        Column or columns within which censoring and entry are estimated; beyond the last follow-up of a stratum its G is 0.
    time_effects
        Term of the model to a function of time, or several: "linear" t, "square" t^2, "sqrt", "log", "log1p" log(1 + t), or
        a number c for a step, 1 after c and 0 up to it. Time is in the endpoint's unit. All columns of the term change.

    Returns
    -------
    SubdistributionFit
        With `.tidy(exponentiate=False)`, `.glance()`, `.covariance`, `.baseline()`, `.predict(new, times)` and
        `.residuals(kind)`.

    Raises
    ------
    ColumnError, InputError
        Unknown column or cause, no events of the cause, constant or collinear columns (named); several rows of one
        patient (a covariate that changes has no value after a competing event); a missing cluster, or only one; with
        delayed entry, competing events after which at some time nobody but new entrants is under observation; an unknown
        term or function of time, one that is the same at all events or a combination of others, the logarithm of time 0.
    ConvergenceError
        A covariate separates those with events from those without; it is named.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes import fine_gray
    >>> d = pd.DataFrame({"t": [1.0, 2, 4, 3, 5, 6], "s": [1, 2, 1, 1, 0, 0], "deleted": [1, 1, 1, 0, 0, 0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse", 2: "death"})
    >>> fine_gray(endpoint, "deleted", cause="relapse").tidy()[["estimate", "std_error"]].round(6).values.tolist()
    [[0.834115, 1.047424]]
    >>> d = pd.DataFrame({"t": [3.0, 2, 1.5, 6, 1, 4, 5], "s": [0, 2, 1, 0, 1, 1, 1], "deleted": [0, 1, 0, 0, 1, 0, 1]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse", 2: "death"})
    >>> changing = fine_gray(endpoint, "deleted", cause="relapse", time_effects={"deleted": 3})
    >>> changing.tidy(exponentiate=True)[["term", "estimate"]].round(6).values.tolist()
    [['deleted', 1.632993], ['deleted:step(time, 3)', 0.494872]]
    """
    normal_quantile(conf_level)
    code = endpoint.cause_code(cause)
    refuse_rows(endpoint)
    codes = endpoint.groups(censoring_strata).codes
    known = np.flatnonzero(codes >= 0)
    n_lost = len(codes) - len(known)
    if n_lost:
        endpoint, codes = take_rows(endpoint, codes >= 0), codes[known]
    matrix = design(endpoint, terms, references=references)
    functions = read_time_effects(matrix, time_effects)
    strata = np.unique(codes[matrix.keep], return_inverse=True)[1]
    event = endpoint.cause[matrix.keep] == code
    if not event.any():
        raise InputError(f"no events of {cause} among the rows analysed", count=0)
    clusters = cluster_codes(endpoint, cluster, matrix.keep)
    limit = limit_of_empty_levels(matrix, event)
    effects = time_effects_of(matrix, limit, functions)
    analysed = known[matrix.keep]
    happened = endpoint.time[matrix.keep][event]
    check_functions(functions, np.unique(happened), analysed[event][happened <= 0] + 1)
    laid = scaled_rows(endpoint, matrix, limit, cause, strata, effects)
    refuse_unbounded(laid, analysed)
    check_columns(laid.compared[:, : len(limit.columns)], matrix, limit.columns)
    numbers = np.concatenate((limit.columns, np.array(effects.numbers, dtype=np.intp)))
    fit = newton(fine_gray_likelihood(laid.rows), len(numbers))
    everything = replace(matrix, coefficients=matrix.coefficients + effects.coefficients)
    refuse_separation(fit, laid.compared, laid.spread, everything, numbers)
    spread = np.linalg.inv(fit.information)
    totals = at_estimate(laid, fit.beta, clusters).totals
    note = ""
    if cluster is None and endpoint.weights is not None and not np.all(endpoint.weights == np.round(endpoint.weights)):
        note = "weights are not counts: name a cluster for standard errors"
    covariance = spread @ (totals.T @ totals) @ spread / np.outer(laid.scale, laid.scale)
    position = {int(c): place for place, c in enumerate(numbers) if changed(int(c), matrix, effects) not in limit.notes}
    counts = counts_of(endpoint, matrix, event)
    return SubdistributionFit(
        endpoint, matrix, limit, position, counts + tuple(counts[base] for base in effects.base),
        in_own_units(fit, laid.scale), frozen(covariance), cause, frozen(strata), clusters, endpoint.patients(matrix.keep),
        int(event.sum()), matrix.n_missing + n_lost, conf_level, note, effects,
    )  # fmt: skip


def changed(number: int, matrix: Design, effects: TimeEffects) -> int:
    """The column of the design behind a number: its own, or the one that is multiplied by a function of time."""
    return number if number < matrix.matrix.shape[1] else effects.columns[effects.numbers.index(number)]


def refuse_rows(endpoint: Endpoint) -> None:
    """Refuse what the subdistribution hazard is not defined for."""
    if endpoint.subject is not None and endpoint.n < len(endpoint):
        raise InputError(
            "several rows of one patient: after a competing event a covariate that changes has no value",
            count=len(endpoint) - endpoint.n,
            next_step="Use cox with `cause`, or a landmark with one row a patient.",
        )


def cluster_codes(endpoint: Endpoint, cluster: Columns | None, keep: np.ndarray) -> Integers | None:
    """Codes of the clusters of the rows kept."""
    if cluster is None:
        return None
    codes = endpoint.groups(cluster).codes
    refuse((codes < 0) & keep, "a cluster is missing", "Exclude those rows.")
    if len(np.unique(codes[keep])) < 2:
        raise InputError("only one cluster among the rows analysed", next_step="Leave `cluster` out.")
    return frozen(codes[keep])
