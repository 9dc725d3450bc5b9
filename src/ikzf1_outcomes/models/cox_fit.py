"""A fitted Cox model: coefficients, summary, residuals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.kernels.pairs import count_pairs, share_concordant
from ikzf1_outcomes.kernels.partial import Layout, Maximum, lay_out
from ikzf1_outcomes.kernels.residuals import baseline, residuals
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.coefficients import SINGULAR, on_scale, wald_statistic, wald_table
from ikzf1_outcomes.models.estimation import Estimation
from ikzf1_outcomes.models.prediction import Fitted, predicted_survival

ROUNDING = 64 * float(np.finfo(float).eps)
"""Share of the largest linear predictor within which two of them are tied."""


BEYOND_NUMBERS = "too large for a number: covariates at 0 are far from those of the patients"


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
    estimation: Estimation
    cluster: Integers
    """What belongs together, patient or cluster, of each complete row; codes."""

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
        table = wald_table(
            self.design.coefficients, self.counts, self.position, self.maximum.beta, self.covariance, cause=self.cause,
            notes=self.notes, conf_level=self.conf_level,
        )  # fmt: skip
        return on_scale(table, "hazard ratio", exponentiate)

    def glance(self) -> pd.DataFrame:
        """One row: n, n_event, df, log-likelihoods, likelihood-ratio, Wald and score statistics, AIC, concordance, notes.

        `statistic` and `p_value` are those of the likelihood-ratio test against the null model. `concordance` is Harrell's,
        of the linear predictor, within strata; its standard error is the infinitesimal jackknife over the clusters, or over
        the patients where there are none. Levels without events have the lowest risk.
        """
        fit, p = self.maximum, len(self.maximum.beta)
        ratio = 2.0 * (fit.value - fit.value_null)
        score = float(fit.score_null @ np.linalg.solve(fit.information_null, fit.score_null)) if p else np.nan
        concordance, error = self.pairs_in_order()
        robust = self.estimation.robust
        wald = wald_statistic(fit.beta, self.covariance) if robust else float(fit.beta @ fit.information @ fit.beta)
        wald, flat = (wald, bool(np.isnan(wald))) if p else (np.nan, False)
        return pd.DataFrame(
            {
                "method": [self.method],
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
                "wald": [wald],
                "score": [score],
                "aic": [2.0 * p - 2.0 * fit.value],
                "bic": [p * np.log(self.n_event) - 2.0 * fit.value],
                "concordance": [concordance],
                "concordance_std_error": [error],
                "events_per_parameter": [self.n_event / p if p else np.nan],
                "iterations": [fit.iterations],
                "note": ["; ".join([self.note] * bool(self.note) + [SINGULAR] * flat)],
            }
        )

    @property
    def note(self) -> str:
        """What the reader must know about the fit."""
        return "; ".join(sorted({*self.notes.values(), *([self.estimation.note] * bool(self.estimation.note))}))

    def pairs_in_order(self) -> tuple[float, float]:
        """Concordance of the linear predictor, with its standard error."""
        how = self.estimation
        eta = np.empty(len(how.layout.rank))
        eta[how.layout.where] = how.layout.x @ (self.maximum.beta * how.scale) + how.layout.offset
        score, layout, inside = ranks(eta), how.layout, how.rows[how.complete]
        if self.notes:
            layout, score = self.with_empty_levels(np.where(inside, 0, -1), score)
            inside = np.ones_like(inside)
        weight = np.empty(len(score))
        weight[layout.where] = layout.weight
        estimate, influence = share_concordant(count_pairs(layout, score, np.ones(len(score))), weight)
        total = np.bincount(self.cluster[inside], influence)
        return estimate, float(np.sqrt(total @ total))

    def with_empty_levels(self, place: Integers, score: Floats) -> tuple[Layout, Floats]:
        """All complete rows, with scores below all others where `place` is negative: their level has no events."""
        how, rows = self.estimation, self.endpoint.rows
        event, stratum = np.zeros(len(how.rows), dtype=bool), self.endpoint.groups(how.strata or None).codes
        event[np.flatnonzero(how.rows)[how.layout.where]] = how.layout.event
        weight, nothing = self.endpoint.case_weights[how.complete], np.empty((len(place), 0))
        every = np.full(len(place), -1.0)
        every[place == 0] = score
        return lay_out(rows, event[how.complete], weight, nothing, keep=how.complete, strata=stratum[how.complete]), every

    @property
    def method(self) -> str:
        """The estimator in words."""
        how = self.estimation
        stratified = f", stratified by {', '.join(how.strata)}" if how.strata else ""
        return f"Cox, {how.ties.capitalize()} ties{stratified}{', robust covariance' if how.robust else ''}"

    def residuals(self, kind: str = "martingale") -> pd.DataFrame:
        """Residuals of the rows analysed.

        Kinds. "martingale": event less expected events. "deviance": their signed root, more symmetric. "score": the
        derivative of the score by the row's weight, a column a coefficient. "dfbeta": what the coefficients lose, to first
        order, without the row.

        Parameters
        ----------
        kind
            "martingale", "deviance", "score" or "dfbeta".

        Returns
        -------
        DataFrame
            Index: position of the row in `endpoint.frame`, from 0; one column, or one a finite coefficient. Rows whose
            level has no event, and rows that were never compared with anybody, have 0.

        Raises
        ------
        InputError
            No such kind.
        """
        how = self.estimation
        refuse_exact(how.ties, "residuals")
        if kind not in ("martingale", "deviance", "score", "dfbeta"):
            raise InputError("there is no such residual", next_step="Use martingale, deviance, score or dfbeta.")
        found = residuals(how.layout, self.maximum.beta * how.scale, how.ties)
        where = np.flatnonzero(how.rows)
        every = np.flatnonzero(how.complete)
        if kind in ("martingale", "deviance"):
            event = np.empty(len(where))
            event[how.layout.where] = how.layout.event
            value = found.martingale
            if kind == "deviance":
                with np.errstate(divide="ignore", invalid="ignore"):
                    inner = value + np.where(event > 0, np.log(event - value), 0.0)
                value = np.sign(value) * np.sqrt(-2.0 * inner)
            return pd.DataFrame({kind: value}, index=where).reindex(every, fill_value=0.0)
        score = found.score * how.scale
        columns = [self.names[c] for c in self.position]
        own = np.array(list(self.position.values()), dtype=np.intp)
        if kind == "dfbeta":
            weight = np.empty(len(where))
            weight[how.layout.where] = how.layout.weight
            score = weight[:, None] * score @ np.linalg.inv(self.maximum.information)
        return pd.DataFrame(score[:, own], index=where, columns=columns).reindex(every, fill_value=0.0)

    @property
    def names(self) -> dict[int, str]:
        """Name of each column of the design: the term, with its contrast where it has one."""
        rows = self.design.coefficients
        return {c.column: f"{c.term} ({c.contrast})" if c.contrast else c.term for c in rows if c.column >= 0}

    def baseline(self) -> pd.DataFrame:
        """Cumulative baseline hazard of each stratum, with all covariates at 0 (categories at their reference).

        Returns
        -------
        DataFrame
            group (the stratum, "all" without strata), time, estimate, scale ("cumulative hazard"),
            note. Steps are those of the rule for ties, as in R's `basehaz(centered=FALSE)`.
        """
        how = self.estimation
        refuse_exact(how.ties, "baselines")
        found = baseline(how.layout, self.maximum.beta * how.scale, how.ties)
        shift = float(self.maximum.beta @ how.centre)
        with np.errstate(over="ignore"):  # covariates far from 0: the hazard there is beyond all numbers, and said to be
            total = pd.Series(found.step * np.exp(-shift)).groupby(found.stratum).cumsum()
        group = [how.levels[k] for k in found.stratum]
        time = self.endpoint.rows.times[found.rank]
        note = np.where(np.isfinite(total), "", BEYOND_NUMBERS)
        total = total.where(np.isfinite(total))
        return pd.DataFrame({"group": group, "time": time, "estimate": total, "scale": "cumulative hazard", "note": note})

    def predict(self, new: pd.DataFrame, times: float | Iterable[float], *, conf_type: str = "log-log") -> pd.DataFrame:
        """Predicted survival of patients with given covariates.

        S(t | x) = exp(-H0(t) exp(x'b)), with the variance of Tsiatis (1981, recalled) as in R's `survfit.coxph`. Beyond the
        last follow-up of the stratum nothing is estimable. A model of one cause among several has no survival of its own.

        Parameters
        ----------
        new
            One row a patient, with the columns of the terms, of the strata and of the offset.
        times
            In the endpoint's unit.
        conf_type
            Interval of the probabilities: plain, log, log-log, logit or arcsin.

        Returns
        -------
        DataFrame
            group (position of the patient in `new`, from 0), time, estimate, std_error, low, high, conf_level, interval,
            scale ("probability"), note.

        Raises
        ------
        ColumnError, InputError
            A column that is not there; levels, strata or values that the model does not know; a model of one cause where
            others compete.
        """
        parts = (self.endpoint, self.design, self.position, self.maximum, self.covariance, self.cause, self.conf_level)
        return predicted_survival(Fitted(*parts, self.estimation), new, times, conf_type)

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def ranks(score: Floats) -> Floats:
    """Ranks of the scores from 0; those that differ by no more than rounding are tied."""
    order = np.argsort(score)
    sorted_score = score[order]
    apart = np.diff(sorted_score) > ROUNDING * np.abs(sorted_score[[0, -1]]).max() if len(score) else np.empty(0)
    out = np.empty(len(score))
    out[order] = np.r_[0, np.cumsum(apart)][: len(score)]
    return out


def refuse_exact(ties: str, what: str) -> None:
    """Refuse what the exact likelihood of ties does not define.

    Raises
    ------
    InputError
        The ties are exact.
    """
    if ties == "exact":
        raise InputError(f"there are no {what} under exact ties", next_step='Fit with ties="efron".')
