"""A fitted Fine-Gray model: its tables, predictions and residuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Endpoint, refuse
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import Coefficient, Design
from ikzf1_outcomes.kernels.partial import Maximum, relative_hazard
from ikzf1_outcomes.kernels.risk import Floats, Integers, snap
from ikzf1_outcomes.kernels.subdistribution_weights import EVENT
from ikzf1_outcomes.models.coefficients import SINGULAR, on_scale, wald_statistic, wald_table
from ikzf1_outcomes.models.estimability import Limit
from ikzf1_outcomes.models.prediction import row_of_times
from ikzf1_outcomes.models.subdistribution_prediction import cumulative_hazard
from ikzf1_outcomes.models.subdistribution_rows import Sweep
from ikzf1_outcomes.models.subdistribution_rows import at_estimate as at_estimate
from ikzf1_outcomes.models.subdistribution_rows import scaled_rows as scaled_rows
from ikzf1_outcomes.models.subdistribution_time import NO_EFFECTS, TimeEffects


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
    effects: TimeEffects = NO_EFFECTS
    """Effects that change with time; their coefficients come last in `maximum`."""

    def __repr__(self) -> str:
        return f"SubdistributionFit({self.endpoint.name}, cause {self.cause!r}: n = {self.n:g}, {self.n_event} events)"

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """Rows of the coefficient table: those of the design, then those that change with time."""
        return self.design.coefficients + self.effects.coefficients

    @property
    def names(self) -> dict[int, str]:
        """Name of each column by its number: the term, with its contrast where it has one."""
        return {c.column: f"{c.term} ({c.contrast})" if c.contrast else c.term for c in self.coefficients}

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
            self.coefficients, self.counts, self.position, self.maximum.beta, self.covariance, cause=self.cause,
            notes=self.notes, conf_level=self.conf_level,
        )  # fmt: skip
        return on_scale(table, "subdistribution hazard ratio", exponentiate)

    def glance(self) -> pd.DataFrame:
        """One row: n, n_event, n_excluded, df, the Wald test, log pseudo-likelihoods, Newton steps, notes.

        `statistic` and `p_value` are those of the Wald test with the sandwich. Twice the difference of two log
        pseudo-likelihoods has no chi-squared distribution, and no such test is given.
        """
        fit, p = self.maximum, len(self.maximum.beta)
        few = self.clusters is not None and len(np.unique(self.clusters)) <= p
        wald = np.nan if few else wald_statistic(fit.beta, self.covariance)
        flat = p > 0 and not few and bool(np.isnan(wald))
        own = [self.note] * bool(self.note) + ["no Wald test: no more clusters than coefficients"] * few + [SINGULAR] * flat
        notes = sorted({*self.limit.notes.values(), *own})
        return pd.DataFrame(
            {
                "method": [f"Fine-Gray, Breslow ties{', weights for delayed entry' * self.delayed}"],
                "cause": [self.cause],
                "n": [self.n],
                "n_event": [self.n_event],
                "n_excluded": [self.n_excluded],
                "df": [p],
                "statistic": [wald],
                "p_value": [float(chdtrc(p, wald)) if p else np.nan],
                "log_likelihood": [fit.value],
                "log_likelihood_null": [fit.value_null],
                "wald": [wald],
                "events_per_parameter": [self.n_event / p if p else np.nan],
                "iterations": [fit.iterations],
                "note": ["; ".join(notes)],
            }
        )

    @property
    def delayed(self) -> bool:
        """Whether rows enter after others have ended, so that the weights have a part for entry."""
        return bool(self.design.keep[self.endpoint.rows.late].any())

    @property
    def notes(self) -> dict[int, str]:
        """Why a column has no finite coefficient."""
        own = zip(self.effects.coefficients, self.effects.base, strict=True)
        return self.limit.notes | {
            c.column: self.limit.notes[column]
            for c, base in own
            if (column := self.design.coefficients[base].column) in self.limit.notes
        }

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
        steps = np.arange(1, len(sweep.times) + 1)
        hazard, _ = cumulative_hazard(sweep, np.zeros((1, len(sweep.centre))), steps, errors=False)
        return pd.DataFrame(
            {
                "time": sweep.times,
                "cause": self.cause,
                "n_event": sweep.rows.deaths,
                "estimate": hazard[0],
                "scale": "cumulative subdistribution hazard",
                "note": "",
            }
        )

    def predict(self, new: pd.DataFrame, times: Sequence[float] | float) -> pd.DataFrame:
        """Cumulative incidence of the cause for patients with given covariates: F(t|x) = 1 - exp(-H0(t) exp(x'b)).

        Where effects change with time H(t|x) is the sum over event times u <= t of exp(x(u)'b) dH0(u).

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
        wanted = row_of_times(times)
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
        low, high = (-np.expm1(-hazard * relative_hazard(side * z * error)) for side in (-1, 1))
        # at a probability that is all but 0 or 1 the scale of the limits has no end
        at_end = (np.exp(-hazard) == 0.0) | (hazard < np.finfo(float).tiny ** 0.25)
        low[at_end], high[at_end] = np.nan, np.nan
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
        for c, (_, n_event) in zip(self.design.coefficients, self.counts, strict=False):
            if c.level is not None and not n_event:
                own = [other.column for other in self.design.coefficients if other.term == c.term and other.column >= 0]
                hindered |= matrix[:, c.column] == 1 if c.column >= 0 else matrix[:, own].sum(axis=1) == 0
        columns = np.concatenate((self.limit.columns, np.array(self.effects.columns, dtype=np.intp)))
        x = np.full((len(complete), len(columns)), np.nan)
        x[complete] = matrix[:, columns]
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
        names = [self.names[column] for column in self.position]
        if kind == "score":
            out = np.empty_like(sweep.influence)
            out[sweep.rows.order] = sweep.influence * sweep.scale
            return pd.DataFrame(out[:, finite], columns=names, index=np.flatnonzero(self.design.keep))
        event = sweep.rows.kind == EVENT
        at = sweep.rows.upto[event] - 1
        own = sweep.rows.x[event] if sweep.rows.factor is None else sweep.rows.x[event] * sweep.rows.factor[at]
        residual = (own - sweep.sets.mean[at]) * sweep.scale
        frame = pd.DataFrame(residual[:, finite], columns=names)
        frame.insert(0, "time", sweep.times[at])
        return frame

    def sweep(self) -> Sweep:
        """The rows and risk sets at the estimate, made again."""
        laid = scaled_rows(self.endpoint, self.design, self.limit, self.cause, self.strata, self.effects)
        return at_estimate(laid, self.maximum.beta * laid.scale, self.clusters)

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)
