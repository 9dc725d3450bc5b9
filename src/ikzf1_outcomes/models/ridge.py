"""A Cox model with a ridge penalty: what is asked, the penalised likelihood, and the fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ikzf1_outcomes.endpoint import frozen
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.formula.grammar import read_terms
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.coefficients import on_scale
from ikzf1_outcomes.models.cox_fit import CoxFit

SHRUNKEN = "shrunken by the ridge penalty"
ALONE = "finite by the penalty alone"


class Ridge(NamedTuple):
    """A ridge penalty on the columns of a design."""

    theta: float
    terms: tuple[str, ...]
    """Terms that are penalised; none where theta is 0."""
    weight: Floats
    """theta times the variance of each column, 0 where it is not penalised (columns of the design)."""


def asked_theta(penalty: Any) -> float:
    """The weight of the penalty ("ridge", theta).

    Raises
    ------
    InputError
        Another penalty, or a theta that is no number from 0 upwards.
    """
    pair = isinstance(penalty, tuple | list) and len(penalty) == 2
    if not pair or not isinstance(penalty[0], str) or penalty[0] != "ridge":
        raise InputError("there is no such penalty", next_step='Use penalty="firth" or penalty=("ridge", theta).')
    theta = penalty[1]
    number = isinstance(theta, int | float | np.integer | np.floating) and not isinstance(theta, bool)
    if not number or not np.isfinite(theta) or theta < 0:
        raise InputError("the ridge penalty needs a finite theta that is not negative", next_step="0 is no penalty.")
    return float(theta)


def ridge_of(theta: float, terms: str | Sequence[str] | None, matrix: Design, complete: np.ndarray) -> Ridge:
    """The penalty of the columns of a design.

    Parameters
    ----------
    theta
        Weight of the penalty.
    terms
        Terms that are penalised, a formula or a list of terms as the coefficient table writes them; None takes all.
    complete
        Which rows of the design are analysed: their variances (with n - 1, each row counted once) set the scale.

    Raises
    ------
    ColumnError, InputError
        A term that the model has not; no term; a single row.
    """
    known = tuple(dict.fromkeys(c.term for c in matrix.coefficients))
    wanted = known
    if terms is not None:
        wanted = tuple(term.text for term in read_terms(terms)) if isinstance(terms, str) else tuple(terms)
        if not wanted:
            raise InputError("ridge_terms is empty", next_step="Leave it out to penalise all terms.")
        stray = [str(term) for term in wanted if term not in known]
        if stray:
            raise ColumnError(
                f"ridge_terms names no term of the model: {', '.join(stray)}", next_step=f"Its terms: {', '.join(known)}."
            )
    if theta == 0.0:
        return Ridge(theta, (), np.zeros(matrix.matrix.shape[1]))
    own = np.zeros(matrix.matrix.shape[1], dtype=bool)
    own[[c.column for c in matrix.coefficients if c.term in wanted and c.column >= 0]] = True
    rows = matrix.matrix[complete]
    if len(rows) < 2:
        raise InputError("a single row has no variance", count=len(rows), next_step="Fit more rows.")
    return Ridge(theta, wanted, np.where(own, theta * rows.var(axis=0, ddof=1), 0.0))


def with_ridge(likelihood: Callable[[Floats], tuple], weight: Floats) -> Callable[[Floats], tuple]:
    """A log-likelihood less half the sum of weight times squared coefficient, with score and information."""
    added = np.diag(weight)

    def evaluate(beta: Floats) -> tuple:
        value, score, information = likelihood(beta)
        return value - 0.5 * float(weight @ beta**2), score - weight * beta, information + added

    return evaluate


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class RidgeFit:
    """A Cox model fitted with a ridge penalty; made by `cox(..., penalty=("ridge", theta))`."""

    solution: CoxFit
    """The maximum of the penalised likelihood; its information and covariance contain the penalty."""
    theta: float
    terms: tuple[str, ...]
    """Terms that are penalised."""
    weight: Floats
    """theta times the variance of each covariate that was fitted, 0 where it is not penalised."""

    def __repr__(self) -> str:
        fit = self.solution
        return (
            f"RidgeFit({fit.endpoint.name}, cause {fit.cause!r}, theta {self.theta:g}: n = {fit.n:g}, {fit.n_event} events)"
        )

    @property
    def covariance(self) -> Floats:
        """Inverse of the penalised information: R's `fit$var`."""
        return self.solution.covariance

    @property
    def covariance_data(self) -> Floats:
        """Covariance of the estimate around its own mean: V I V, V the inverse penalised information; R's `fit$var2`."""
        return frozen(self.covariance @ self.information @ self.covariance)

    @property
    def information(self) -> Floats:
        """Information of the partial likelihood at the estimate, without the penalty."""
        return frozen(self.solution.maximum.information - np.diag(self.weight))

    @property
    def df(self) -> float:
        """Effective degrees of freedom: the trace of I (I + P)^-1, which is p less the trace of P (I + P)^-1."""
        return float(len(self.weight) - self.weight @ np.diag(self.covariance))

    @property
    def method(self) -> str:
        """The estimator in words."""
        return f"{self.solution.method}, ridge penalty"

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
            p_value, note. Standard errors are those of the inverse penalised information; intervals and tests take the
            estimate as unbiased, which a penalty does not leave it. The note says which coefficients are shrunken, which
            have no events in their level or in their reference.
        """
        out = self.solution.tidy()
        events = out.loc[out["note"] == "reference"].set_index("term")["n_event"]
        base = out["term"].map(events)
        empty = base.notna() & ((out["n_event"] == 0) | (base == 0))
        own = out["term"].isin(self.terms) & (out["note"] == "")
        out["note"] = np.where(
            own, np.where(empty, f"no events in this level or its reference: {ALONE}", SHRUNKEN), out["note"]
        )
        return on_scale(out, "hazard ratio", exponentiate)

    def glance(self) -> pd.DataFrame:
        """One row: n, n_event, effective df, log-likelihoods, likelihood-ratio and Wald statistics, AIC, concordance, note.

        `log_likelihood` is the partial likelihood without the penalty, at the penalised estimate; `penalty` is what the
        penalty takes from it. `statistic` is twice its rise above the null model and `p_value` that of a chi-square with
        `df` degrees of freedom, as R prints them; with a strong penalty that reference is rough. There is no score test.
        """
        fit, df, own = self.solution.maximum, self.df, self.solution
        penalty = 0.5 * float(self.weight @ fit.beta**2)
        value = fit.value + penalty
        ratio = 2.0 * (value - fit.value_null)
        concordance, error = own.pairs_in_order()
        return pd.DataFrame(
            {
                "method": [self.method],
                "cause": [own.cause],
                "n": [own.n],
                "n_event": [own.n_event],
                "n_excluded": [own.design.n_missing],
                "theta": [self.theta],
                "df": [df],
                "statistic": [ratio],
                "p_value": [float(chdtrc(df, max(ratio, 0.0))) if df > 0 else np.nan],
                "log_likelihood": [value],
                "log_likelihood_null": [fit.value_null],
                "penalty": [penalty],
                "likelihood_ratio": [ratio],
                "wald": [float(fit.beta @ np.linalg.solve(self.covariance, fit.beta)) if len(fit.beta) else np.nan],
                "aic": [2.0 * df - 2.0 * value],
                "bic": [df * np.log(own.n_event) - 2.0 * value],
                "concordance": [concordance],
                "concordance_std_error": [error],
                "events_per_parameter": [own.n_event / df if df > 0 else np.nan],
                "iterations": [fit.iterations],
                "note": [own.note],
            }
        )

    def residuals(self, kind: str = "martingale") -> pd.DataFrame:
        """Residuals of the rows analysed, as of `CoxFit`; "dfbeta" is by the penalised information, as in R.

        Parameters
        ----------
        kind
            "martingale", "deviance", "score" or "dfbeta".
        """
        return self.solution.residuals(kind)

    def baseline(self) -> pd.DataFrame:
        """Cumulative baseline hazard of each stratum at all covariates 0, as of `CoxFit`."""
        return self.solution.baseline()

    def predict(self, new: pd.DataFrame, times: float | Iterable[float], *, conf_type: str = "log-log") -> pd.DataFrame:
        """Predicted survival of patients with given covariates, as of `CoxFit`, with the covariance of the penalised fit.

        Parameters
        ----------
        new
            One row a patient, with the columns of the terms, of the strata and of the offset.
        times
            In the endpoint's unit.
        conf_type
            Interval of the probabilities: plain, log, log-log, logit or arcsin.
        """
        return self.solution.predict(new, times, conf_type=conf_type)

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)
