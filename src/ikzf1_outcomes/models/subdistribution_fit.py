"""A fitted Fine-Gray model: its tables, predictions and residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Endpoint, refuse, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.kernels.partial import Maximum
from ikzf1_outcomes.kernels.risk import Floats, Integers, Positions, snap
from ikzf1_outcomes.kernels.subdistribution import (
    CENSORED,
    COMPETING,
    EVENT,
    RiskSets,
    Subdistribution,
    before,
    fine_gray_likelihood,
    lay_out,
    risk_sets,
    score_residuals,
)
from ikzf1_outcomes.models.coefficients import on_scale, wald_table
from ikzf1_outcomes.models.estimability import Limit, column_names


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class SubdistributionFit:
    """A fitted Fine-Gray model; made by `fine_gray`."""

    endpoint: Endpoint
    design: Design
    limit: Limit
    position: dict[int, int]
    """Where the finite coefficient of a column of the design stands in `maximum`."""
    counts: tuple[tuple[float, int], ...]
    """Patients and events behind each row of the coefficient table."""
    maximum: Maximum
    covariance: Floats
    cause: str
    strata: Integers
    """Codes of the strata of the censoring distribution among the rows analysed."""
    clusters: Integers | None
    """Codes of the clusters among the rows analysed."""
    n: float
    n_event: int
    n_excluded: int
    conf_level: float
    note: str

    def __repr__(self) -> str:
        return f"SubdistributionFit({self.endpoint.name}, cause {self.cause!r}: n = {self.n:g}, {self.n_event} events)"

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """One row a coefficient, reference levels included.

        Parameters
        ----------
        exponentiate
            Give estimate, low and high as subdistribution hazard ratios; `std_error` stays on the log scale.

        Returns
        -------
        DataFrame
            term, contrast, cause, n, n_event, estimate, std_error, low, high, conf_level, interval, scale, statistic,
            p_value, note, as of a Cox model.
        """
        table = wald_table(
            self.design.coefficients, self.counts, self.position, self.maximum.beta, self.covariance, cause=self.cause,
            notes=self.limit.notes, conf_level=self.conf_level,
        )  # fmt: skip
        return on_scale(table, "subdistribution hazard ratio", exponentiate)

    def glance(self) -> pd.DataFrame:
        """One row: n, n_event, n_excluded, df, the Wald test, log pseudo-likelihoods, Newton steps, notes.

        `statistic` and `p_value` are those of the Wald test with the sandwich. Twice the difference of two log
        pseudo-likelihoods has no chi-squared distribution, and no such test is given.
        """
        fit, p = self.maximum, len(self.maximum.beta)
        few = self.clusters is not None and len(np.unique(self.clusters)) <= p
        wald = float(fit.beta @ np.linalg.solve(self.covariance, fit.beta)) if p and not few else np.nan
        own = [self.note] * bool(self.note) + ["no Wald test: no more clusters than coefficients"] * few
        notes = sorted({*self.limit.notes.values(), *own})
        return pd.DataFrame(
            {
                "method": ["Fine-Gray, Breslow ties"],
                "cause": [self.cause],
                "n": [self.n],
                "n_event": [self.n_event],
                "n_excluded": [self.n_excluded],
                "df": [p],
                "statistic": [wald],
                "p_value": [float(chdtrc(p, wald)) if p and not few else np.nan],
                "log_likelihood": [fit.value],
                "log_likelihood_null": [fit.value_null],
                "wald": [wald],
                "events_per_parameter": [self.n_event / p if p else np.nan],
                "iterations": [fit.iterations],
                "note": ["; ".join(notes)],
            }
        )

    def baseline(self) -> pd.DataFrame:
        """Cumulative subdistribution hazard of a patient whose columns of the design are all 0.

        Breslow's estimate: the sum over event times u <= t of d(u) over the weighted sum of exp(x'b) at risk. Where a
        reference level has no events, the next level stands in for it. Errors and limits: `predict`.

        Returns
        -------
        DataFrame
            One row a time with an event of the cause: time, cause, n_event, estimate, scale.
        """
        sweep = self.sweep()
        shift = float(np.exp(-(sweep.centre @ self.maximum.beta) - sweep.sets.top))
        return pd.DataFrame(
            {
                "time": sweep.times,
                "cause": self.cause,
                "n_event": sweep.rows.deaths,
                "estimate": np.cumsum(sweep.sets.hazard) * shift,
                "scale": "cumulative subdistribution hazard",
                "note": "",
            }
        )

    def predict(self, new: pd.DataFrame, times: Sequence[float] | float) -> pd.DataFrame:
        """Cumulative incidence of the cause for patients with given covariates: F(t|x) = 1 - exp(-H0(t) exp(x'b)).

        The standard error sums the squared influence of each row (or cluster) on log H(t|x): by way of the hazard, of the
        coefficients and of the censoring distribution. Limits are those of log H, the log-log scale of F.

        Parameters
        ----------
        new
            One row a patient, with the columns of the terms (m).
        times
            In the endpoint's unit (k).

        Returns
        -------
        DataFrame
            m x k rows, patient by patient: row (counted from 1), time, cause, estimate, std_error, low, high, conf_level,
            interval, scale, note. Beyond the last follow-up, for a missing term and for a level without events, NaN with
            a note. Before the first event the estimate is 0, without limits.

        Raises
        ------
        ColumnError, InputError
            A column is not there; a value is infinite or of a level that the model does not know; a time is missing,
            infinite or negative; no time or no row.
        """
        wanted = np.atleast_1d(np.asarray(times, dtype=float))
        if not len(wanted) or not len(new):
            raise InputError("nothing to predict", next_step="Give at least one row and one time.")
        refuse(~(np.isfinite(wanted) & (wanted >= 0)), "a time is missing, infinite or negative", "Give times from 0 on.")
        x, hindrance = self.covariates(new)
        sweep = self.sweep()
        asked = snap(wanted, sweep.follow_up)
        hazard, error = cumulative_hazard(sweep, x, np.searchsorted(sweep.times, asked, side="right"))
        beyond = asked > sweep.follow_up[-1]
        hazard[:, beyond] = np.nan
        hazard[hindrance != ""] = np.nan
        z = normal_quantile(self.conf_level)
        low, high = (-np.expm1(-hazard * np.exp(side * z * error)) for side in (-1, 1))
        note = np.where((hindrance == "")[:, None] & beyond, "beyond the last follow-up", hindrance[:, None])
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(1, len(x) + 1), len(wanted)),
                "time": np.tile(wanted, len(x)),
                "cause": self.cause,
                "estimate": -np.expm1(-hazard).ravel(),
                "std_error": np.where(hazard > 0, np.exp(-hazard) * hazard * error, hazard).ravel(),
                "low": low.ravel(),
                "high": high.ravel(),
                "conf_level": self.conf_level,
                "interval": "log-log",
                "scale": "probability",
                "note": note.ravel(),
            }
        )

    def covariates(self, new: pd.DataFrame) -> tuple[Floats, np.ndarray]:
        """Covariates of new patients (m, p), and what hinders a prediction for each of them, empty where nothing (m)."""
        matrix, complete = self.design.spec.encode(new)
        hindered = np.zeros(len(matrix), dtype=bool)
        for c, (_, n_event) in zip(self.design.coefficients, self.counts, strict=True):
            if c.level is not None and not n_event:
                own = [other.column for other in self.design.coefficients if other.term == c.term and other.column >= 0]
                hindered |= matrix[:, c.column] == 1 if c.column >= 0 else matrix[:, own].sum(axis=1) == 0
        x = np.full((len(complete), len(self.limit.columns)), np.nan)
        x[complete] = matrix[:, self.limit.columns]
        note = np.full(len(complete), "a term is missing", dtype=object)
        note[complete] = np.where(hindered, "not estimable: a level without events", "")
        return x, note

    def residuals(self, kind: Literal["schoenfeld", "score"]) -> pd.DataFrame:
        """Residuals, one column a finite coefficient.

        Parameters
        ----------
        kind
            "schoenfeld": one row an event of the cause, by time: its covariates less their weighted mean at risk, after a
            column `time`. "score": one row a row analysed, under its position in the endpoint counted from 0: what one
            copy of the row adds to the score, by way of the censoring distribution included.

        Raises
        ------
        InputError
            Another kind.
        """
        if kind not in ("schoenfeld", "score"):
            raise InputError(f"no residuals are called {kind!r}", next_step="Use 'schoenfeld' or 'score'.")
        sweep = self.sweep()
        finite = list(self.position.values())
        names = column_names(self.design, self.limit.columns[finite])
        if kind == "score":
            out = np.empty_like(sweep.influence)
            out[sweep.rows.order] = sweep.influence * sweep.scale
            return pd.DataFrame(out[:, finite], columns=names, index=np.flatnonzero(self.design.keep))
        event = sweep.rows.kind == EVENT
        at = sweep.rows.upto[event] - 1
        frame = pd.DataFrame(((sweep.rows.x[event] - sweep.sets.mean[at]) * sweep.scale)[:, finite], columns=names)
        frame.insert(0, "time", sweep.times[at])
        return frame

    def sweep(self) -> Sweep:
        """The rows and risk sets at the estimate, made again."""
        laid = scaled_rows(self.endpoint, self.design, self.limit, self.cause, self.strata)
        return at_estimate(laid, self.maximum.beta * laid.scale, self.clusters)

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


class Laid(NamedTuple):
    """Rows with covariates of zero mean and unit spread, so that the steps do not depend on their units."""

    rows: Subdistribution
    compared: Floats
    """Covariates, in their own units, of the rows that are ever compared with an event of the cause."""
    centre: Floats
    scale: Floats
    follow_up: Floats
    """Distinct times of all rows."""


def scaled_rows(endpoint: Endpoint, matrix: Design, limit: Limit, cause: str, strata: Integers) -> Laid:
    """Lay out all rows kept; those that are never compared with an event only tell about censoring."""
    part = endpoint if matrix.keep.all() else take_rows(endpoint, matrix.keep)
    code = part.cause_code(cause)
    kind = np.where(part.cause == code, EVENT, np.where(part.cause > 0, COMPETING, CENSORED)).astype(np.int32)
    # who was censored before the first event was never compared with anybody
    used = limit.used & ((part.time >= part.time[kind == EVENT].min()) | (kind == COMPETING))
    x = matrix.matrix if len(limit.columns) == matrix.matrix.shape[1] else matrix.matrix[:, limit.columns]
    compared = x[used]
    centre, scale = compared.mean(axis=0), compared.std(axis=0)
    scale[scale == 0] = 1.0
    rows = lay_out(part.rows, kind, part.case_weights, used, strata, (x - centre) / scale)
    return Laid(rows, compared, centre, scale, part.rows.times)


class Sweep(NamedTuple):
    """Risk sets at the estimate and the influence of every row, for scaled covariates."""

    rows: Subdistribution
    sets: RiskSets
    centre: Floats
    scale: Floats
    beta: Floats
    times: Floats
    """Event times of the cause."""
    follow_up: Floats
    influence: Floats
    totals: Floats
    """Influence by patient or cluster: its cross-products are the middle of the sandwich."""
    clusters: Integers | None


def at_estimate(laid: Laid, beta: Floats, clusters: Integers | None) -> Sweep:
    """Walk the risk sets once more, at the estimate."""
    rows = laid.rows
    sets = risk_sets(rows, beta)
    if sets is None:
        raise ConvergenceError("the weights of a risk set vanish", next_step="Look for a covariate far out of its range.")
    own = None if clusters is None else clusters[rows.order]
    influence = score_residuals(rows, sets)
    times = laid.follow_up[rows.event_rank]
    totals = summed(influence, rows.weight, own)
    return Sweep(rows, sets, laid.centre, laid.scale, beta, times, laid.follow_up, influence, totals, own)


def summed(influence: Floats, weight: Floats, clusters: Integers | None) -> Floats:
    """Rows whose cross-products add up the influences: weights count patients, and copies share their cluster."""
    if clusters is None:
        return influence * np.sqrt(weight)[:, None]
    return np.column_stack([np.bincount(clusters, weights=weight * column) for column in influence.T])


def cumulative_hazard(sweep: Sweep, x: Floats, upto: Positions) -> tuple[Floats, Floats]:
    """H(t|x) and the standard error of its logarithm, for covariates x (m, p) at times (k), each (m, k).

    log H moves with the coefficients by x - sum(mean dH) / H, and with the steps of H themselves by what the rows add to
    them; the latter is a score whose "covariate" is 0 and whose "mean" at u <= t is -1 / sum at risk.
    """
    z = (x - sweep.centre) / sweep.scale
    base = before(sweep.sets.hazard)[upto]
    hazard = np.exp(z @ sweep.beta - sweep.sets.top)[:, None] * base
    slope = before(sweep.sets.hazard[:, None] * sweep.sets.mean)[upto]
    error = np.full(hazard.shape, np.nan)
    information = fine_gray_likelihood(sweep.rows)(sweep.beta)[2]
    moved = np.linalg.solve(information, sweep.totals.T)
    covariance = moved @ moved.T
    bare = sweep.rows._replace(x=np.zeros((len(sweep.rows.x), 1)))
    for k in np.flatnonzero(base > 0):
        steps = np.where(np.arange(len(sweep.times)) < upto[k], -1.0 / sweep.sets.total, 0.0)[:, None]
        own = summed(score_residuals(bare, sweep.sets._replace(mean=steps)), sweep.rows.weight, sweep.clusters)[:, 0]
        lean = z - slope[k] / base[k]
        variance = np.einsum("ij,jk,ik->i", lean, covariance, lean) + 2.0 * lean @ (moved @ own) / base[k]
        error[:, k] = np.sqrt(np.maximum(variance + own @ own / base[k] ** 2, 0.0))
    return hazard, error
