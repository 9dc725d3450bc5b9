"""Cox's proportional hazards model with Efron's ties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import qr
from scipy.special import chdtrc

from ikzf1_outcomes.curves.comparisons import two_sided
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Endpoint, frozen, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Coefficient, Design, design
from ikzf1_outcomes.kernels.partial import Maximum, efron_likelihood, newton
from ikzf1_outcomes.kernels.risk import Floats

RUNNING = 1e-3
"""A Newton step left over that still moves a linear predictor by more than this has no maximum before it."""
VANISHED = 1e-10
"""Information below this share of what there was at the start has flattened out."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class CoxFit:
    """A fitted Cox model; made by `cox`."""

    endpoint: Endpoint
    design: Design
    position: dict[int, int]
    """Where the finite coefficient of a column of the design stands in `maximum`."""
    counts: tuple[tuple[float, int], ...]
    """Patients and events behind each row of the coefficient table."""
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
        error = np.sqrt(np.diag(self.covariance))
        rows = [self.row(c, n, error) for c, n in zip(self.design.coefficients, self.counts, strict=True)]
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

    def row(self, coefficient: Coefficient, counted: tuple[float, int], error: Floats) -> dict[str, Any]:
        """One row of the coefficient table before its interval."""
        term, contrast, column, _ = coefficient
        base = {"term": term, "contrast": contrast, "cause": self.cause, "n": counted[0], "n_event": counted[1]}
        if column < 0:
            return {**base, "estimate": 0.0, "std_error": np.nan, "note": "reference"}
        if column not in self.position:
            return {**base, "estimate": np.nan, "std_error": np.nan, "note": self.notes.get(column, "not estimable")}
        place = self.position[column]
        return {**base, "estimate": self.maximum.beta[place], "std_error": error[place], "note": ""}

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
    normal_quantile(conf_level)
    matrix = design(endpoint, terms, references=references)
    event = endpoint.cause > 0 if cause is None else endpoint.cause == endpoint.cause_code(cause)
    event = event[matrix.keep]
    if not event.any():
        raise InputError(f"no events of {cause or 'any cause'} among the rows analysed", count=0)
    limit = limit_of_empty_levels(matrix, event)
    # who left before the first event was never compared with anybody
    time = endpoint.time[matrix.keep]
    used = limit.used & (time >= time[event].min())
    x = matrix.matrix[np.ix_(used, limit.columns)]
    check_columns(x, matrix, limit.columns)
    rows = rows_of(matrix.keep, used)
    part = endpoint if rows.all() else take_rows(endpoint, rows)
    maximum, covariance = fit_scaled(part, event[used], x, matrix, limit.columns)
    position = {int(c): place for place, c in enumerate(limit.columns) if c not in limit.notes}
    return CoxFit(
        endpoint, matrix, position, counts_of(endpoint, matrix, event), maximum, covariance, cause or "any",
        endpoint.patients(matrix.keep), int(event.sum()), conf_level, limit.notes,
    )  # fmt: skip


def fit_scaled(part: Endpoint, event: np.ndarray, x: Floats, matrix: Design, columns: np.ndarray) -> tuple[Maximum, Floats]:
    """Maximise with covariates of unit spread, so that the steps do not depend on their units, and scale back."""
    centre, scale = x.mean(axis=0), x.std(axis=0)
    fit = newton(efron_likelihood(part.rows, event, part.case_weights, (x - centre) / scale), x.shape[1])
    refuse_separation(fit, x, scale, matrix, columns)
    square = np.outer(scale, scale)
    covariance = np.linalg.inv(fit.information) / square
    back = fit._replace(
        beta=frozen(fit.beta / scale),
        score=frozen(fit.score * scale),
        information=frozen(fit.information * square),
        step=frozen(fit.step / scale),
        score_null=frozen(fit.score_null * scale),
        information_null=frozen(fit.information_null * square),
    )
    return back, frozen(covariance)


def rows_of(keep: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Rows of the endpoint that are kept by the design and used in the fit."""
    out = np.zeros(len(keep), dtype=bool)
    out[np.flatnonzero(keep)[used]] = True
    return out


def counts_of(endpoint: Endpoint, matrix: Design, event: np.ndarray) -> tuple[tuple[float, int], ...]:
    """Patients and events of the level of each coefficient, or of everybody for a number."""
    counts = []
    for c in matrix.coefficients:
        member = np.ones(len(event), dtype=bool)
        if c.level is not None:
            own = [other.column for other in matrix.coefficients if other.term == c.term and other.column >= 0]
            member = matrix.matrix[:, c.column] == 1 if c.column >= 0 else matrix.matrix[:, own].sum(axis=1) == 0
        counts.append((endpoint.patients(rows_of(matrix.keep, member)), int(event[member].sum())))
    return tuple(counts)


class Limit(NamedTuple):
    """What is left to fit when levels without events have been taken to their limit."""

    columns: np.ndarray
    used: np.ndarray
    notes: dict[int, str]


def limit_of_empty_levels(matrix: Design, event: np.ndarray) -> Limit:
    """Take out levels without events: in the limit of an infinite coefficient their patients weigh nothing.

    Where the reference level has no events, every contrast of the term is infinite; the other terms are then those of the
    fit without its patients, in which another level stands as the reference.
    """
    fitted = np.ones(matrix.matrix.shape[1], dtype=bool)
    used = np.ones(len(matrix.matrix), dtype=bool)
    notes: dict[int, str] = {}
    for term in dict.fromkeys(c.term for c in matrix.coefficients if c.level is not None):
        base, *others = (c for c in matrix.coefficients if c.term == term)
        member = {c.column: matrix.matrix[:, c.column] == 1 for c in others}
        for c in others:
            if not event[member[c.column]].any():
                fitted[c.column] = False
                used &= ~member[c.column]
                notes[c.column] = f"not estimable: no events in {c.contrast.removesuffix(' vs ' + base.contrast)}"
        in_base = ~np.any(list(member.values()), axis=0)
        if not event[in_base].any():
            used &= ~in_base
            fitted[next(c.column for c in others if fitted[c.column])] = False
            notes |= {c.column: f"not estimable: no events in the reference level {base.contrast}" for c in others}
    return Limit(np.flatnonzero(fitted), used, notes)


def column_names(matrix: Design, columns: np.ndarray) -> list[str]:
    """Names of design columns for a message."""
    names = {c.column: f"{c.term} ({c.contrast})" if c.contrast else c.term for c in matrix.coefficients}
    return [names[int(column)] for column in columns]


def check_columns(x: Floats, matrix: Design, columns: np.ndarray) -> None:
    """Refuse columns that are constant or a combination of others, by name."""
    if not x.shape[1]:
        return
    spread = x.std(axis=0)
    flat = spread <= 1e-12 * np.maximum(1.0, np.abs(x).max(axis=0))
    if flat.any():
        names = ", ".join(column_names(matrix, columns[flat]))
        raise InputError(f"constant among the rows analysed: {names}", next_step="Leave it out.")
    scaled = (x - x.mean(axis=0)) / spread
    # the small triangle of a first decomposition has the same pivots, at a fraction of the work
    triangle, order = qr(np.linalg.qr(scaled, mode="r"), mode="r", pivoting=True)
    size = np.abs(np.diag(triangle))
    rank = int((size > 1e-9 * size[0]).sum())
    if rank < x.shape[1]:
        names = ", ".join(column_names(matrix, columns[order[rank:]]))
        raise InputError(f"a combination of other columns: {names}", next_step="Remove a redundant term.")


def refuse_separation(fit: Maximum, x: Floats, scale: Floats, matrix: Design, columns: np.ndarray) -> None:
    """Raise when the likelihood only flattens out, so that a coefficient would run away for ever."""
    ahead = np.abs(fit.step / scale) * np.ptp(x, axis=0)
    kept = information_left(fit)
    if fit.converged and kept.all():
        running = ahead > RUNNING
    else:
        running = ~kept if not kept.all() else ahead >= ahead.max(initial=0.0) / 2
    if running.any():
        names = ", ".join(column_names(matrix, columns[running]))
        raise ConvergenceError(
            f"no finite hazard ratio for {names}: it separates those with events from those without",
            next_step="Merge levels or leave the term out.",
        )


def information_left(fit: Maximum) -> np.ndarray:
    """Columns without a part in a direction whose information has all but gone since the start."""
    values, vectors = np.linalg.eigh(fit.information)
    start = np.einsum("ij,ik,kj->j", vectors, fit.information_null, vectors)
    gone = ~(values > VANISHED * start)
    return ~(np.abs(vectors[:, gone]) > 0.1).any(axis=1)
