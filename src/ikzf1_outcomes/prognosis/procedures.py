"""A whole fitting procedure, to be repeated on other patients: complete, fit, average, predict, measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Columns, Endpoint, numbers
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula.grammar import read_terms
from ikzf1_outcomes.formula.spec import DesignSpec
from ikzf1_outcomes.impute.chained import impute_missing, names_of
from ikzf1_outcomes.kernels.exact_ties import exact_likelihood
from ikzf1_outcomes.kernels.pairs import count_pairs, share_concordant
from ikzf1_outcomes.kernels.partial import lay_out, newton, partial_likelihood
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.analysed_rows import ever_compared, within
from ikzf1_outcomes.models.cox_fit import CoxFit, ranks
from ikzf1_outcomes.models.estimability import Span, rows_of, settled
from ikzf1_outcomes.models.penalised import FirthFit
from ikzf1_outcomes.models.proportional_hazards import cox
from ikzf1_outcomes.models.ridge import RidgeFit

FLAT = 1e-12
"""Spread of a linear predictor, as a share of its size, that is rounding."""


class Measures(NamedTuple):
    """How a linear predictor does among some patients; NaN where not estimable."""

    concordance: float
    slope: float
    rows: np.ndarray
    """Rows measured (n)."""
    lost: bool
    """The slope is 0: somebody had the event whose hazard the model has at 0."""


class Rule(NamedTuple):
    """What a fit makes of covariates: design columns times coefficients."""

    spec: DesignSpec
    beta: Floats
    """One a column of the design, 0 where it was not fitted."""
    middle: Floats
    """Means of the columns among the rows of the fit."""
    span: Span | None
    """None where a penalty makes every coefficient finite."""


@dataclass(frozen=True, eq=False, slots=True)
class Procedure:
    """How a model is made from patients: the arguments of `cox`, and of `impute_missing`."""

    terms: str | Sequence[str]
    cause: str | None
    ties: str
    strata: Columns | None
    offset: str | None
    options: Mapping[str, Any]
    """Arguments of `cox` that only the fit needs: penalty, ridge_terms, references."""
    imputations: int
    """Completed data sets; 0 where nothing is imputed."""
    imputing: Mapping[str, Any]
    """Arguments of `impute_missing`."""

    @property
    def covariates(self) -> tuple[str, ...]:
        """Columns of the terms."""
        return tuple(dict.fromkeys(factor.column for term in read_terms(self.terms) for factor in term.factors))

    @property
    def known(self) -> tuple[str, ...]:
        """Columns of the strata and of the offset: rows without them are never analysed."""
        return tuple(dict.fromkeys((*names_of(self.strata or ()), *names_of(self.offset or ()))))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the procedure reads."""
        more = names_of(self.imputing.get("auxiliary") or ()) if self.imputations else ()
        limits = self.imputing.get("intervals") or {} if self.imputations else {}
        bounds = (bound for pair in limits.values() if not isinstance(pair, str) for bound in pair)
        return tuple(dict.fromkeys((*self.covariates, *self.known, *more, *bounds)))

    def completed(self, endpoint: Endpoint, rng: np.random.Generator) -> tuple[Endpoint, ...]:
        """The completed data sets; the endpoint as it is where nothing is imputed.

        Strata and offset are in the model of the outcome, and so among what the covariates are predicted from.
        """
        if not self.imputations or not endpoint.frame[list(self.covariates)].isna().to_numpy().any():
            return (endpoint,)
        named = (*self.known, *names_of(self.imputing.get("auxiliary") or ()))
        more = tuple(name for name in dict.fromkeys(named) if name not in self.covariates)
        options = {**self.imputing, "auxiliary": more, "draws": self.imputations, "seed": rng}
        return impute_missing(endpoint, self.covariates, **options).endpoints

    def fitted(self, completed: Sequence[Endpoint]) -> list[CoxFit | FirthFit | RidgeFit]:
        """The model of each completed data set."""
        common: dict[str, Any] = {"cause": self.cause, "ties": self.ties, "strata": self.strata, "offset": self.offset}
        fits: list[CoxFit | FirthFit | RidgeFit] = [cox(one, self.terms, **common, **self.options) for one in completed]
        return fits

    def measured(self, fits: Sequence[CoxFit | FirthFit | RidgeFit], completed: Sequence[Endpoint]) -> list[Measures]:
        """How the averaged model does in each completed data set."""
        rules = [rule_of(fit) for fit in fits]
        return [self.measures(one, linear_predictor(rules, one)) for one in completed]

    def measures(self, endpoint: Endpoint, score: Floats) -> Measures:
        """Concordance and calibration slope of a linear predictor without its offset; NaN where it is not known.

        Concordance: Harrell's, within strata, of linear predictor and offset. Slope: the coefficient of `score` in a Cox
        model with the same strata, ties and offset. Minus infinity is a hazard of 0: the lowest of scores; for the slope,
        rows that weigh nothing, unless one of them has the event: then the slope goes to 0 as the score goes to minus
        infinity.
        """
        stratum = endpoint.groups(self.strata).codes
        shift = np.zeros(len(endpoint)) if self.offset is None else numbers(endpoint.frame, self.offset)
        rows = ~np.isnan(score) & (stratum >= 0) & ~np.isnan(shift)
        event = endpoint.ends_with(self.cause)
        gone = np.isneginf(score)
        total = np.where(gone, -np.inf, score + shift)[rows]
        place = np.full(len(total), -1.0)
        place[np.isfinite(total)] = ranks(total[np.isfinite(total)])
        codes = np.unique(stratum[rows], return_inverse=True)[1]
        weight, nothing = endpoint.case_weights, np.empty((len(total), 0))
        layout = lay_out(endpoint.rows, event[rows], weight[rows], nothing, keep=rows, strata=codes)
        concordance = share_concordant(count_pairs(layout, place, np.ones(len(total))), weight[rows])[0]
        if (gone & rows & event).any():
            return Measures(concordance, 0.0, rows, True)
        return Measures(concordance, self.slope(endpoint, score, rows & ~gone, event, stratum, shift), rows, False)

    def slope(
        self, endpoint: Endpoint, score: Floats, rows: np.ndarray, event: np.ndarray, stratum: np.ndarray, shift: Floats
    ) -> float:
        """Coefficient of the score in a Cox model of its own; NaN where it has none."""
        used = rows & ever_compared(endpoint.time, event & rows, np.where(rows, stratum, -1))
        if not used.any():
            return np.nan
        x, codes = score[used][:, None], np.unique(stratum[used], return_inverse=True)[1]
        spread = float(x.std())
        if np.ptp(within(x, codes)) <= FLAT * max(1.0, float(np.abs(x).max())):
            return np.nan
        layout = lay_out(
            endpoint.rows, event[used], endpoint.case_weights[used], (x - x.mean()) / spread, keep=used, strata=codes,
            offset=shift[used],
        )  # fmt: skip
        fit = newton(exact_likelihood(layout) if self.ties == "exact" else partial_likelihood(layout, self.ties), 1)
        return float(fit.beta[0]) / spread if settled(fit, len(x)) else np.nan


def rule_of(fit: CoxFit | FirthFit | RidgeFit) -> Rule:
    """A fit as a rule for other patients."""
    if isinstance(fit, FirthFit):
        return Rule(fit.design.spec, fit.beta, fit.design.matrix.mean(axis=0), None)
    own = fit.solution if isinstance(fit, RidgeFit) else fit
    how = own.estimation
    beta = np.zeros(own.design.matrix.shape[1])
    beta[how.span.columns] = own.maximum.beta
    return Rule(own.design.spec, beta, own.design.matrix[how.rows[own.design.keep]].mean(axis=0), how.span)


def linear_predictor(rules: Sequence[Rule], endpoint: Endpoint) -> Floats:
    """Mean of the linear predictors of some fits (n), each less a constant; offsets are not in it.

    Minus infinity where one of them has the hazard at 0, in the limit; NaN where a covariate is missing. Of fits with one
    design it is the linear predictor of the mean coefficients.

    Raises
    ------
    InputError
        Levels, or levels together, that a fit does not know, or tells nothing of.
    """
    total, gone = np.zeros(len(endpoint)), np.zeros(len(endpoint), dtype=bool)
    left = list(rules)
    while left:
        spec = left[0].spec
        alike = [rule for rule in left if rule.spec == spec]
        left = [rule for rule in left if rule.spec != spec]
        matrix, keep = spec.encode(endpoint.frame)
        beta, middle = np.mean([rule.beta for rule in alike], axis=0), np.mean([rule.middle for rule in alike], axis=0)
        score = np.full(len(endpoint), np.nan)
        score[keep] = (matrix - middle) @ beta
        total += score * len(alike) / len(rules)
        for rule in alike:
            if rule.span is not None and len(rule.span.empty):
                gone |= without_hazard(rule, rule.span, matrix, keep)
    return np.where(gone & ~np.isnan(total), -np.inf, total)


def without_hazard(rule: Rule, span: Span, matrix: Floats, keep: np.ndarray) -> np.ndarray:
    """Rows whose hazard is 0 in the limit.

    Raises
    ------
    InputError
        Rows of which the fit tells nothing.
    """
    empty = span.without_events(matrix)
    untold = ~empty & ~span.tells(matrix - rule.middle)
    if untold.any():
        raise InputError(
            "levels together of which a fit tells nothing",
            where=np.flatnonzero(rows_of(keep, untold)) + 1,
            next_step="Merge levels or leave the interaction out.",
        )
    return rows_of(keep, empty)
