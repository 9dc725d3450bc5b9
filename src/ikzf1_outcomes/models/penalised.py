"""Cox regression with Firth's penalty: finite hazard ratios for small classes, levels without events and separation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Coefficient, Design, design
from ikzf1_outcomes.kernels.firth import Point, Problem, maximise, prepare
from ikzf1_outcomes.kernels.partial import Layout, lay_out, partial_likelihood
from ikzf1_outcomes.kernels.risk import Floats, Positions
from ikzf1_outcomes.models.analysed_rows import analysed, events_of, ever_compared, within
from ikzf1_outcomes.models.coefficients import on_scale
from ikzf1_outcomes.models.estimability import check_columns, column_names, counts_of, rows_of

TRIALS, AT_LIMIT = 100, 1e-10
"""Trials of a profile limit, and how near to it, in standard errors, the last correction is made."""
EPSILON = float(np.finfo(float).eps)
UNTOLD = 1e-10
"""Information of a direction, as a share of the largest, below which nobody at risk differs in it."""
TIES = ("efron", "breslow")


class LikelihoodRatio(NamedTuple):
    """A penalised likelihood-ratio test."""

    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True, eq=False, slots=True)
class FirthEstimate:
    """Maximum of a penalised partial likelihood in the units of its layout, with profile intervals and tests."""

    problem: Problem
    top: Point
    value_null: float
    """Penalised log-likelihood with all coefficients at 0."""
    covariance: Floats
    """Inverse of the information at the maximum."""

    def profile_test(self, places: int | Sequence[int]) -> LikelihoodRatio:
        """Test that the coefficients at `places` are 0: twice the fall of the penalised log-likelihood.

        The smaller model holds them at 0 under the same penalty, the determinant of the information of all coefficients
        (as coxphf does); dropping their columns would change the penalty too. NaN where its maximum was not found.
        """
        held = np.atleast_1d(np.array(places, dtype=np.int64))
        free = np.setdiff1d(np.arange(self.problem.p), held)
        start = self.top.beta.copy()
        start[held] = 0.0
        start = follow(self.top.information, free, held, start, -self.top.beta[held])
        smaller = maximise(self.problem, start, free)
        if not smaller.converged:
            smaller = maximise(self.problem, None, free)
        if not smaller.converged:
            return LikelihoodRatio(np.nan, len(held), np.nan)
        ratio = max(2.0 * (self.top.value - smaller.value), 0.0)
        return LikelihoodRatio(ratio, len(held), float(chdtrc(len(held), ratio)))

    def profile_interval(self, place: int, level: float = 0.95) -> tuple[float, float]:
        """Limits between which the profile lies within half the chi-square quantile of its maximum.

        NaN for a limit whose search did not end.
        """
        aim = -float(ndtri((1.0 - level) / 2.0))
        return self.profile_limit(place, aim, -1.0), self.profile_limit(place, aim, 1.0)

    def profile_limit(self, place: int, aim: float, side: float) -> float:
        """Where the root of the profile deviance reaches `aim` below (side -1) or above (1) the maximum.

        Newton's method on that root, nearly linear in the coefficient, held within a bracket. As a coefficient runs away
        the information of some direction vanishes and the penalised likelihood falls without end: the limit is finite.
        """
        top, free = self.top, np.setdiff1d(np.arange(self.problem.p), place)
        held = np.array([place])
        distance, low, high = aim * float(np.sqrt(self.covariance[place, place])), 0.0, np.inf
        near = top
        # the difference of two log-likelihoods is no more exact than they are
        exact = AT_LIMIT * aim + 8.0 * EPSILON * abs(top.value) / aim
        for _ in range(TRIALS):
            start = near.beta.copy()
            start[place] = top.beta[place] + side * distance
            start = follow(near.information, free, held, start, start[held] - near.beta[held])
            trial = maximise(self.problem, start, free)
            root, ahead = np.inf, np.nan
            if np.isfinite(trial.value):
                if not trial.converged:
                    return np.nan
                near = trial
                root = float(np.sqrt(max(2.0 * (top.value - trial.value), 0.0)))
                fall = -side * float(trial.score[place])
                ahead = distance - (root - aim) * root / fall if fall > 0.0 else np.nan
                if abs(root - aim) <= exact:
                    return float(top.beta[place] + side * (ahead if np.isfinite(ahead) else distance))
            low, high = (distance, high) if root < aim else (low, distance)
            if not low < ahead < high:
                ahead = 2.0 * distance if np.isinf(high) else (low + high) / 2.0
            distance = min(ahead, 4.0 * distance)
        return np.nan


def follow(information: Floats, free: Positions, held: Positions, beta: Floats, by: Floats) -> Floats:
    """Move the coefficients `free` to where a quadratic likelihood has its maximum when `held` have moved by `by`."""
    if len(free):
        beta[free] -= np.linalg.solve(information[np.ix_(free, free)], information[np.ix_(free, held)] @ by)
    return beta


def fit_firth(layout: Layout, ties: str = "efron") -> FirthEstimate:
    """Maximise a partial likelihood with Firth's penalty, from 0.

    Parameters
    ----------
    layout
        Rows of the fit, from `lay_out`; covariates centred and of unit spread.
    ties
        "efron" or "breslow".

    Returns
    -------
    FirthEstimate
        In the units of the layout.

    Raises
    ------
    ConvergenceError
        The maximum was not found; so too where those at risk at the events never differ in some covariate.
    """
    problem = prepare(layout, ties)
    null = maximise(problem, None, np.empty(0, dtype=np.int64))
    top = maximise(problem)
    if not top.converged:
        raise ConvergenceError("the penalised likelihood has no maximum that was found", next_step="Leave a term out.")
    for array in (top.beta, top.score, top.information):
        frozen(array)
    return FirthEstimate(problem, top, null.value, frozen(np.linalg.inv(top.information)))


def check_told_apart(layout: Layout, ties: str, matrix: Design) -> None:
    """Refuse columns in which those at risk at the events never differ, by name: no penalty makes them estimable."""
    information = partial_likelihood(layout, ties)(np.zeros(layout.x.shape[1]))[2]
    values, vectors = np.linalg.eigh(information)
    gone = ~(values > UNTOLD * max(values[-1], 0.0))
    if gone.any():
        columns = np.flatnonzero((np.abs(vectors[:, gone]) > 0.1).any(axis=1))
        raise InputError(
            f"no hazard ratio for {', '.join(column_names(matrix, columns))}: those at risk at an event never differ in it",
            next_step="Leave it out.",
        )


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class FirthFit:
    """A Cox model fitted with Firth's penalty."""

    endpoint: Endpoint
    design: Design
    counts: tuple[tuple[float, int], ...]
    """Patients and events behind each row of the coefficient table."""
    estimate: FirthEstimate
    """The maximum for covariates centred and of unit spread."""
    scale: Floats
    """Spread of each covariate, by which the units differ."""
    beta: Floats
    covariance: Floats
    """Inverse information at the maximum."""
    limits: Floats
    """Profile limits of each coefficient (p, 2)."""
    tests: tuple[LikelihoodRatio, ...]
    """Test of each coefficient."""
    unit: float
    """Sum of the logs of the covariates' standard deviations over those of `scale`: coxphf's determinant less ours."""
    cause: str
    n: float
    n_event: int
    conf_level: float
    ties: str
    strata: str
    note: str

    def __repr__(self) -> str:
        return f"FirthFit({self.endpoint.name}, cause {self.cause!r}: n = {self.n:g}, {self.n_event} events)"

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
            p_value, note. `low` and `high` are profile penalised likelihood limits, `statistic` (chi-square, 1 degree of
            freedom) and `p_value` those of the penalised likelihood-ratio test; `std_error` is from the information, and
            estimate -+ 1.96 std_error is another interval, too short on the side where the likelihood is flat.
        """
        out = pd.DataFrame([self.row(c, n) for c, n in zip(self.design.coefficients, self.counts, strict=True)])
        out["conf_level"], out["interval"] = self.conf_level, "profile penalised likelihood"
        return on_scale(out, "hazard ratio", exponentiate)

    def row(self, coefficient: Coefficient, counted: tuple[float, int]) -> dict[str, Any]:
        """One row of the coefficient table."""
        c = coefficient.column
        base: dict[str, Any] = {"term": coefficient.term, "contrast": coefficient.contrast, "cause": self.cause}
        base |= {"n": counted[0], "n_event": counted[1]}
        if c < 0:
            nothing = dict.fromkeys(("std_error", "low", "high", "statistic", "p_value"), np.nan)
            return {**base, "estimate": 0.0, **nothing, "note": "reference"}
        low, high = self.limits[c]
        test = self.tests[c]
        return {
            **base, "estimate": self.beta[c], "std_error": np.sqrt(self.covariance[c, c]), "low": low, "high": high,
            "statistic": test.statistic, "p_value": test.p_value, "note": self.note_of(coefficient, counted[1]),
        }  # fmt: skip

    def note_of(self, coefficient: Coefficient, n_event: int) -> str:
        """What the reader must know about a coefficient."""
        notes = []
        pairs = zip(self.design.coefficients, self.counts, strict=True)
        base = [counted[1] for c, counted in pairs if c.term == coefficient.term and c.column < 0]
        if coefficient.level is not None and (n_event == 0 or base == [0]):
            where = "this level" if n_event == 0 else "the reference level"
            notes.append(f"no events in {where}: finite by the penalty alone")
        if np.isnan(self.limits[coefficient.column]).any():
            notes.append("a profile limit was not found")
        if np.isnan(self.tests[coefficient.column].p_value):
            notes.append("the maximum without this coefficient was not found")
        return "; ".join(notes)

    def test(self, columns: Sequence[int]) -> LikelihoodRatio:
        """Joint penalised likelihood-ratio test of some columns of the design, such as all contrasts of a term."""
        return self.estimate.profile_test(columns)

    def glance(self) -> pd.DataFrame:
        """One row: n, n_event, df, penalised log-likelihoods, their ratio's test, Wald statistic, notes.

        The penalised log-likelihoods contain the determinant of the information of covariates with unit standard
        deviation, as coxphf's do. Only their difference within one fit means anything: another model has another penalty,
        and there is no information criterion.
        """
        top, p = self.estimate.top, len(self.beta)
        value, null = top.value - self.unit, self.estimate.value_null - self.unit
        ratio = max(2.0 * (value - null), 0.0)
        stratified = f", stratified by {self.strata}" if self.strata else ""
        return pd.DataFrame(
            {
                "method": [f"Cox, Firth's penalty, {self.ties.capitalize()} ties{stratified}"],
                "cause": [self.cause],
                "n": [self.n],
                "n_event": [self.n_event],
                "n_excluded": [self.design.n_missing],
                "df": [p],
                "statistic": [ratio],
                "p_value": [float(chdtrc(p, ratio))],
                "log_likelihood": [value],
                "log_likelihood_null": [null],
                "likelihood_ratio": [ratio],
                "wald": [float(top.beta @ top.information @ top.beta)],
                "events_per_parameter": [self.n_event / p],
                "iterations": [top.iterations],
                "note": [self.note],
            }
        )

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def firth_regression(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    cause: str | None = None,
    ties: str = "efron",
    strata: Columns | None = None,
    offset: str | None = None,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> FirthFit:
    r"""Cox regression with Firth's penalty: hazard ratios that stay finite in small classes.

    Estimand: as of `cox`, hazard ratios of any event or of one cause within strata. Maximises

    .. math:: l^*(b) = l(b) + \tfrac12 \log\det I(b)

    with l the partial likelihood and I its information (Firth 1993; Heinze and Schemper 2001; recalled, not verified),
    which takes the first-order bias from the estimate. As a hazard ratio runs away the determinant vanishes, so that the
    maximum is finite where a level has no events and where a covariate separates those with events from those without.
    Intervals and p-values are those of the profile penalised likelihood; with Breslow's ties all equal R's `coxphf`.
    Efron's ties, strata and case weights, which coxphf lacks, enter both l and I; weights of k multiply l and leave the
    penalty as it is.

    Parameters
    ----------
    endpoint
        Times and causes.
    terms
        A formula or a list of columns.
    cause
        Name of a cause; None takes any cause as the event.
    ties
        "efron" or "breslow".
    strata
        Column or columns whose levels have baselines of their own.
    offset
        Column of numbers that enter the linear predictor with coefficient 1.
    references
        Column to reference level.
    conf_level
        Level of the intervals.

    Returns
    -------
    FirthFit
        With `.tidy(exponentiate=False)`, `.glance()` and `.covariance`.

    Raises
    ------
    ColumnError, InputError
        Unknown column, cause or rule for ties, no events, constant or collinear columns (named), covariates in which
        those at risk at the events do not differ.
    ConvergenceError
        The maximum was not found.

    Notes
    -----
    Rows with a missing term, stratum or offset are left out and counted (`n_excluded`).

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes import endpoint_from_columns
    >>> from ikzf1_outcomes.models.penalised import firth_regression
    >>> d = pd.DataFrame({"t": [1, 2, 3, 4, 5, 6], "s": [1, 1, 0, 1, 1, 0], "ik6": ["no", "no", "yes", "no", "no", "yes"]})
    >>> endpoint = endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> firth_regression(endpoint, "ik6").tidy()[["n_event", "estimate", "note"]].round(4).values.tolist()[1]
    [0, -1.7968, 'no events in this level: finite by the penalty alone']
    """
    normal_quantile(conf_level)
    if ties not in TIES:
        raise InputError("there is no such rule for ties", next_step=f"Use {' or '.join(TIES)}.")
    matrix = design(endpoint, terms, references=references)
    rows = analysed(endpoint, matrix, strata, None, False, offset)
    event = events_of(endpoint, matrix, rows, cause)
    used = rows.complete & ever_compared(endpoint.time[matrix.keep], event, rows.stratum)
    every = np.arange(matrix.matrix.shape[1])
    x = matrix.matrix[used]
    check_columns(within(x, rows.stratum[used]), matrix, every)
    scale = x.std(axis=0)
    mask = rows_of(matrix.keep, used)
    _, stratum = np.unique(rows.stratum[used], return_inverse=True)
    layout = lay_out(
        endpoint.rows, event[used], endpoint.case_weights[mask], (x - x.mean(axis=0)) / scale, keep=mask,
        strata=stratum if strata is not None else None, offset=rows.offset[used],
    )  # fmt: skip
    check_told_apart(layout, ties, matrix)
    estimate = fit_firth(layout, ties)
    # the determinant of coxphf is that of covariates divided by their standard deviation among all rows
    unit = float(np.log(matrix.matrix[rows.complete].std(axis=0, ddof=1) / scale).sum())
    kept = rows_of(matrix.keep, rows.complete)
    note = "weights are not whole numbers: intervals take them as counts" if rows.note else ""
    return FirthFit(
        endpoint, replace(matrix, n_missing=matrix.n_missing + int((~rows.complete).sum())),
        counts_of(endpoint, matrix, event, rows.complete), estimate, frozen(scale), frozen(estimate.top.beta / scale),
        frozen(estimate.covariance / np.outer(scale, scale)),
        frozen(np.array([estimate.profile_interval(j, conf_level) for j in range(len(scale))]) / scale[:, None]),
        tuple(estimate.profile_test(j) for j in range(len(scale))), unit, cause or "any", endpoint.patients(kept),
        int(event.sum()), conf_level, ties, ", ".join(rows.columns), note,
    )  # fmt: skip
