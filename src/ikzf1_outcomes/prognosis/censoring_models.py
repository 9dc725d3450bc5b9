"""The chance of not being censored of patients with given covariates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint, frozen, make_endpoint, refuse
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.models.proportional_hazards import cox
from ikzf1_outcomes.prognosis.horizons import CensoringSurvival, refuse_rows, times_of
from ikzf1_outcomes.prognosis.procedures import linear_predictor, rule_of


def censoring_by_cox(
    endpoint: Endpoint, terms: str | Sequence[str], *, times: float | Iterable[float]
) -> CensoringSurvival:
    r"""Each patient's chance of not being censored, from a Cox model of the censorings.

    For the weights of `auc_over_time` and `brier_score` where follow-up depends on what patients bear: era, country, age.
    Censoring is the event, events of any kind end follow-up, and at a tied time events come first: they are not at risk of
    the censorings there. With H the cumulative baseline hazard of censoring (Efron's ties) and x a patient's terms,

    .. math:: G(t \mid x) = \exp\{-H(t) e^{x'b}\}

    Parameters
    ----------
    endpoint
        Times and causes; one row a patient.
    terms
        A formula, or a list of columns, known for every row.
    times
        Those at which accuracy is measured, ascending, in the endpoint's unit.

    Returns
    -------
    CensoringSurvival
        Just before the end of each row (n), and at each time (n, t); 1 where nobody is censored.

    Raises
    ------
    ColumnError, InputError, ConvergenceError
        What `cox` raises; a missing term; rows entering at different times, or several a patient.

    Notes
    -----
    Standard errors made with these chances take them as known.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0, 5.0], "s": [0, 1, 0, 1, 0], "era": [1, 0, 0, 1, 0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> chances = iko.censoring_by_cox(endpoint, "era", times=[2.5])
    >>> bool(chances.at[0, 0] < chances.at[1, 0])
    True
    """
    refuse_rows(endpoint)
    at = times_of(endpoint, times)
    words = f"Cox model of censoring: {terms if isinstance(terms, str) else ' + '.join(terms)}"
    censored = endpoint.cause == 0
    if not censored.any():
        return CensoringSurvival(np.ones(len(endpoint)), np.ones((len(endpoint), len(at))), words)
    # a clock on which the censorings of a time come after its events
    clock = 2.0 * endpoint.rows.rank + censored + 1.0
    turned = make_endpoint(
        endpoint.frame, clock, censored.astype(np.int32), ["censoring"], weights=endpoint.weights,
        start=endpoint.start, time_unit=endpoint.time_unit, known_at=endpoint.known_at,
    )  # fmt: skip
    fit = cox(turned, terms)
    rule = rule_of(fit)
    score = linear_predictor([rule], endpoint) + rule.middle @ rule.beta
    refuse(np.isnan(score), "a covariate of the censoring model is missing", "Complete it, or leave it out.")
    base = fit.baseline()
    if not np.isfinite(base["estimate"]).all():
        raise InputError("the baseline of the censoring model is beyond all numbers", next_step="Centre its covariates.")
    steps, total = base["time"].to_numpy(), np.r_[0.0, base["estimate"].to_numpy()]
    gone = 2.0 * np.searchsorted(endpoint.rows.times, at, side="right") + 0.5
    before = np.exp(-total[np.searchsorted(steps, clock, side="left")] * np.exp(score))
    later = np.exp(-total[np.searchsorted(steps, gone, side="left")] * np.exp(score)[:, None])
    return CensoringSurvival(frozen(before), frozen(later), words)
