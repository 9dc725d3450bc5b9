"""Cox's proportional hazards model with Efron's ties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import qr
from scipy.special import chdtrc

from ikzf1_outcomes.curves.comparisons import two_sided
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Endpoint, frozen, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Design, design
from ikzf1_outcomes.kernels.partial import Maximum, efron_likelihood, newton
from ikzf1_outcomes.kernels.risk import Floats

INFINITE = 15.0
"""A linear predictor that moves further than this over a covariate's range is a likelihood without a maximum."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class CoxFit:
    """A fitted Cox model; made by `cox`."""

    endpoint: Endpoint
    design: Design
    estimable: np.ndarray
    """Columns of the design with a finite coefficient."""
    maximum: Maximum
    covariance: Floats
    cause: str
    n: float
    n_event: int
    conf_level: float
    notes: dict[int, str]

    def __repr__(self) -> str:
        return f"CoxFit({self.endpoint.name}, cause {self.cause!r}: n = {self.n:g}, {self.n_event} events)"

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """One row a coefficient, reference levels included.

        Parameters
        ----------
        exponentiate
            Give estimate, low and high as hazard ratios; `std_error` stays on the log scale.

        Returns
        -------
        DataFrame
            term, contrast, cause, n, n_event, estimate, std_error, low, high, conf_level, interval, scale, statistic,
            p_value, note. `n` and `n_event` of a categorical row are those of its level. A level without events has no
            finite hazard ratio: its row says so, and the other rows are the maximum in the limit.
        """
        position = {int(column): place for place, column in enumerate(np.flatnonzero(self.estimable))}
        error = np.sqrt(np.diag(self.covariance)) if len(self.covariance) else np.empty(0)
        rows = [self.row(coefficient, position, error) for coefficient in self.design.coefficients]
        out = pd.DataFrame(rows)
        half = normal_quantile(self.conf_level) * out["std_error"]
        out["low"], out["high"] = out["estimate"] - half, out["estimate"] + half
        out["conf_level"], out["interval"], out["scale"] = self.conf_level, "wald", "log hazard ratio"
        out["statistic"] = out["estimate"] / out["std_error"]
        out["p_value"] = two_sided(out["statistic"].to_numpy(dtype=float))
        if exponentiate:
            out[["estimate", "low", "high"]] = np.exp(out[["estimate", "low", "high"]])
            out["scale"] = "hazard ratio"
        return out[
            ["term", "contrast", "cause", "n", "n_event", "estimate", "std_error", "low", "high", "conf_level",
             "interval", "scale", "statistic", "p_value", "note"]
        ]  # fmt: skip

    def row(self, coefficient: Any, position: dict[int, int], error: Floats) -> dict[str, Any]:
        """One row of the coefficient table before its interval."""
        term, contrast, column, level = coefficient
        if level is None:
            n, n_event = self.n, self.n_event
        else:
            own = (self.endpoint.column(term) == level).to_numpy() & self.design.keep
            n, n_event = float(own.sum()), int((own & self.is_event()).sum())
        base = {"term": term, "contrast": contrast, "cause": self.cause, "n": n, "n_event": n_event}
        if column < 0:
            return {**base, "estimate": 0.0, "std_error": np.nan, "note": "reference"}
        if column not in position:
            return {**base, "estimate": np.nan, "std_error": np.nan, "note": self.notes.get(column, "not estimable")}
        place = position[column]
        return {**base, "estimate": self.maximum.beta[place], "std_error": error[place], "note": ""}

    def is_event(self) -> np.ndarray:
        """Rows of the endpoint that end with the modelled cause."""
        code = self.endpoint.cause
        return code > 0 if self.cause == "any" else code == self.endpoint.cause_code(self.cause)

    def glance(self) -> pd.DataFrame:
        """One row: n, n_event, df, log-likelihoods, likelihood-ratio, Wald and score statistics, AIC, notes.

        `statistic` and `p_value` are those of the likelihood-ratio test against the null model.
        """
        fit, p = self.maximum, len(self.maximum.beta)
        ratio = 2.0 * (fit.value - fit.value_null)
        score = float(fit.score_null @ np.linalg.solve(fit.information_null, fit.score_null)) if p else np.nan
        return pd.DataFrame(
            {
                "method": ["Cox, Efron ties"],
                "cause": [self.cause],
                "n": [self.n],
                "n_event": [self.n_event],
                "n_excluded": [self.design.n_missing],
                "df": [p],
                "statistic": [ratio],
                "p_value": [float(chdtrc(p, ratio)) if p else np.nan],
                "log_likelihood": [fit.value],
                "log_likelihood_null": [fit.value_null],
                "likelihood_ratio": [ratio],
                "wald": [float(fit.beta @ fit.information @ fit.beta)],
                "score": [score],
                "aic": [2.0 * p - 2.0 * fit.value],
                "events_per_parameter": [self.n_event / p if p else np.nan],
                "iterations": [fit.iterations],
                "note": ["; ".join(sorted(set(self.notes.values())))],
            }
        )

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def cox(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    cause: str | None = None,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> CoxFit:
    """Cox regression with Efron's ties.

    Estimand: hazard ratios of any event, or of `cause` with the other causes as censoring (the cause-specific hazard).
    Maximises the partial likelihood (Cox 1972; Efron 1977, doi:10.1080/01621459.1977.10480613) by Newton's method until
    the Newton decrement is below 1e-20; equal to R's `coxph`. Delayed entry: at risk when entry < t <= time. Case weights
    enter as in R. Levels without an event have an infinite coefficient: their rows are marked, and the rest is the limit,
    that is the fit without those patients.

    Parameters
    ----------
    endpoint
        Times and causes.
    terms
        "age + ikzf1_class" or a list of columns.
    cause
        Name of a cause; None takes any cause as the event.
    references
        Column to reference level.

    Returns
    -------
    CoxFit
        With `.tidy(exponentiate=False)`, `.glance()` and `.covariance`.

    Raises
    ------
    ColumnError, InputError
        Unknown column or cause, no events, constant or collinear columns (named).
    ConvergenceError
        A covariate separates those with events from those without; it is named.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [4.0, 3, 1, 1, 2, 2, 3], "s": [1, 1, 1, 0, 1, 1, 0], "x": [0, 2, 1, 1, 1, 0, 0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> round(float(iko.cox(endpoint, "x").tidy()["estimate"].iloc[0]), 6)
    0.460778
    """
    matrix = design(endpoint, terms, references=references)
    code = None if cause is None else endpoint.cause_code(cause)
    event = (endpoint.cause > 0 if code is None else endpoint.cause == code)[matrix.keep]
    if not event.any():
        raise InputError(f"no events of {cause or 'any cause'} among the rows analysed", count=0)
    estimable, used, notes = limit_of_empty_levels(matrix, event)
    x = matrix.matrix[np.ix_(used, estimable)]
    check_columns(x, matrix, estimable)
    part = endpoint if matrix.keep.all() and used.all() else take_rows(endpoint, rows_of(matrix.keep, used))
    # scaled to unit spread: the steps then do not depend on the units of the covariates
    centre, scale = x.mean(axis=0), x.std(axis=0)
    maximum = newton(
        efron_likelihood(part.rows, event[used], part.case_weights, np.ascontiguousarray((x - centre) / scale)),
        x.shape[1],
    )
    refuse_separation(maximum, x, scale, matrix, estimable)
    covariance = np.linalg.inv(maximum.information) / np.outer(scale, scale) if len(scale) else np.empty((0, 0))
    rescaled = maximum._replace(
        beta=maximum.beta / scale,
        score=maximum.score * scale,
        information=maximum.information * np.outer(scale, scale),
        score_null=maximum.score_null * scale,
        information_null=maximum.information_null * np.outer(scale, scale),
    )
    weight = endpoint.case_weights[matrix.keep]
    return CoxFit(
        endpoint, matrix, estimable, rescaled, frozen(covariance), cause or "any", float(weight.sum()), int(event.sum()),
        conf_level, notes,
    )  # fmt: skip


def rows_of(keep: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Rows of the endpoint that are kept by the design and used in the fit."""
    out = np.zeros(len(keep), dtype=bool)
    out[np.flatnonzero(keep)[used]] = True
    return out


def limit_of_empty_levels(matrix: Design, event: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Take out levels without events: their coefficient is minus infinity, and in the limit they weigh nothing.

    Returns
    -------
    estimable (columns), used (rows), notes by column
    """
    estimable = np.ones(matrix.matrix.shape[1], dtype=bool)
    used = np.ones(len(matrix.matrix), dtype=bool)
    notes: dict[int, str] = {}
    for term in dict.fromkeys(c.term for c in matrix.coefficients if c.level is not None):
        own = [c for c in matrix.coefficients if c.term == term]
        indicator = matrix.matrix[:, [c.column for c in own if c.column >= 0]]
        if not event[indicator.sum(axis=1) == 0].any():
            for c in own[1:]:
                estimable[c.column] = False
                notes[c.column] = f"not estimable: no events in the reference level {own[0].contrast}"
            continue
        for c in own[1:]:
            member = matrix.matrix[:, c.column] == 1
            if not event[member].any():
                estimable[c.column], notes[c.column] = (
                    False,
                    f"not estimable: no events in {c.contrast.split(' vs ')[0]}",
                )
                used &= ~member
    return estimable, used, notes


def column_names(matrix: Design, columns: np.ndarray) -> list[str]:
    """Names of design columns for a message."""
    names = {c.column: f"{c.term} ({c.contrast})" if c.contrast else c.term for c in matrix.coefficients}
    return [names[int(column)] for column in columns]


def check_columns(x: Floats, matrix: Design, estimable: np.ndarray) -> None:
    """Refuse columns that are constant or a combination of others, by name."""
    if not x.shape[1]:
        return
    spread = x.std(axis=0)
    flat = spread <= 1e-12 * np.maximum(1.0, np.abs(x).max(axis=0))
    numbered = np.flatnonzero(estimable)
    if flat.any():
        raise InputError(f"constant among the rows analysed: {', '.join(column_names(matrix, numbered[flat]))}")
    scaled = (x - x.mean(axis=0)) / spread
    # the small triangle of a first decomposition has the same pivots, at a fraction of the work
    triangle, order = qr(np.linalg.qr(scaled, mode="r"), mode="r", pivoting=True)
    size = np.abs(np.diag(triangle))
    rank = int((size > 1e-9 * size[0]).sum())
    if rank < x.shape[1]:
        names = ", ".join(column_names(matrix, numbered[order[rank:]]))
        raise InputError(f"a combination of other columns: {names}", next_step="Remove a redundant term.")


def refuse_separation(maximum: Maximum, x: Floats, scale: Floats, matrix: Design, estimable: np.ndarray) -> None:
    """Raise when a coefficient has run away although the likelihood has flattened."""
    reach = np.abs(maximum.beta / scale) * np.ptp(x, axis=0)
    if (reach > INFINITE).any():
        names = ", ".join(column_names(matrix, np.flatnonzero(estimable)[reach > INFINITE]))
        raise ConvergenceError(
            f"no finite hazard ratio for {names}: it separates those with events from those without",
            next_step="Merge levels or leave the term out.",
        )
