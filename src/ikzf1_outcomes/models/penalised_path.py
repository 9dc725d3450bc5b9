"""The elastic net of a Cox model: many features penalised, clinical terms not, the penalty chosen by cross-validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.formula.grammar import read_terms
from ikzf1_outcomes.formula.matrix import designed
from ikzf1_outcomes.formula.terms import Term
from ikzf1_outcomes.kernels.coordinate_descent import (
    Path,
    Problem,
    follow_path,
    largest_penalty,
    log_likelihoods,
    place_at,
    pose,
    saturated,
)
from ikzf1_outcomes.kernels.partial import lay_out, newton, partial_likelihood
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.analysed_rows import analysed, events_of, within
from ikzf1_outcomes.models.estimability import check_columns, refuse_separation, rows_of
from ikzf1_outcomes.models.path_fit import AT, CrossValidated, ElasticNetPath, folds_of

TIES = ("breslow", "efron")
FLAT = 1e-12


def elastic_net(
    endpoint: Endpoint,
    features: str | Sequence[str],
    *,
    adjust: str | Sequence[str] | None = None,
    cause: str | None = None,
    alpha: float = 0.5,
    lambdas: Sequence[float] | None = None,
    n_lambdas: int = 100,
    lambda_ratio: float | None = None,
    ties: str = "breslow",
    strata: Columns | None = None,
    standardise: bool = True,
    folds: int | str | Sequence[Any] | np.ndarray | pd.Series | None = 10,
    seed: int | np.random.Generator | None = None,
    select: str = "min",
    references: Mapping[str, Any] | None = None,
) -> ElasticNetPath:
    r"""Cox regression with an elastic-net penalty on many features and none on the terms to adjust for.

    Estimand: the log hazard ratios of `cox`, of any event or of one cause within strata, drawn towards 0. At each penalty
    lambda, with l the log partial likelihood, W the sum of the weights and s_j the standard deviation of a covariate
    (1 / n), the coefficients minimise

    .. math:: -\frac{l(b)}{W} + \lambda \sum_j v_j \big[ \alpha\, |s_j b_j| + \tfrac{1 - \alpha}{2} (s_j b_j)^2 \big]

    v_j is 0 for `adjust` and p / (number of penalised columns) for `features`, p counting the columns of both: the model of
    R's `glmnet(family = "cox", penalty.factor = )` (Simon, Friedman, Hastie and Tibshirani 2011,
    doi:10.18637/jss.v039.i05; their text writes 2 l / n, the program and this function l / n). Computed by Newton's method
    on the covariates that are in or want in, each step's quadratic solved by cyclical coordinate descent, until no
    optimality condition is missed by more than 1e-11.

    The penalties fall evenly on the log scale from the smallest that leaves all features out to `lambda_ratio` times that,
    and end early where 99.9 % of the deviance is explained or four steps explain less than a thousandth more.

    Cross-validation (Verweij and Van Houwelingen 1993, recalled, not verified): with b_k the coefficients without fold k,
    and D and D_k the deviances, 2 (saturated less log-likelihood), of all patients and of those outside the fold, the
    estimate is

    .. math:: \frac{\sum_k D(b_k) - D_{k}(b_k)}{\sum_k d_k}, \qquad d_k = \text{weight of the events of fold } k

    and its standard error that of a mean of the K values per event, weighted by d_k, as in `cv.glmnet(grouped = TRUE)`.

    Parameters
    ----------
    endpoint
        Times and causes.
    features
        Penalised terms: a list of columns, or a formula. Levels of a category are penalised one by one against the
        reference level, which is therefore part of the model.
    adjust
        Terms that are never penalised: a list of columns, or a formula.
    cause
        Name of a cause; None takes any cause as the event.
    alpha
        Share of the lasso: 1 is the lasso, 0 is ridge regression, which leaves nothing out.
    lambdas
        Penalties above 0, in any order: they are fitted from the largest to the smallest.
    n_lambdas, lambda_ratio
        How many penalties where none are given, and the smallest as a share of the largest: 0.01 with more columns than
        rows, else 0.0001. With `alpha` below 0.001 the largest is that of 0.001.
    ties
        "breslow", as glmnet, or "efron".
    strata
        Column or columns whose levels have baselines of their own.
    standardise
        Penalise features per standard deviation; False penalises them in their own units. Coefficients are given per unit
        of the covariate in either case.
    folds
        Number of folds, drawn at random and balanced for events; or the fold of each row: a column's name, or one value for
        each row of the endpoint. All rows of a patient are in one fold. None does not cross-validate.
    seed
        Number or generator; needed where `folds` is a number.
    select
        "min" or "1se": which penalty `tidy` and `predict_score` take when none is named.
    references
        Column to reference level.

    Returns
    -------
    ElasticNetPath
        With `.tidy(at=)`, `.path()`, `.cross_validation()`, `.glance()` and `.predict_score(new, at=)`.

    Raises
    ------
    ColumnError, InputError
        Unknown column, cause, rule for ties or choice; a term named twice; a share outside 0 to 1; penalties that are not
        above 0; no events, or none in some fold; a patient in two folds; no seed for folds at random; terms of `adjust`
        that are constant or a combination of others.
    ConvergenceError
        A term of `adjust` separates those with events from those without, among all patients or outside some fold; the
        maximum at a penalty was not found.

    Notes
    -----
    Rows with a missing covariate or stratum are left out and counted (`n_excluded`). A feature that is the same in all rows
    has the coefficient 0 and a note. Means and standard deviations are weighted; each fold has those of its training rows.

    Checked against glmnet 4.1-6 in `tests/reference/test_elastic_net_r.py`.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.models.penalised_path import elastic_net
    >>> rng = np.random.default_rng(1)
    >>> d = pd.DataFrame(rng.normal(size=(80, 6)), columns=["age", "g1", "g2", "g3", "g4", "g5"])
    >>> d["t"], d["s"] = rng.exponential(np.exp(-0.5 * d["age"] - d["g1"])), rng.integers(0, 2, 80)
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> path = elastic_net(endpoint, ["g1", "g2", "g3", "g4", "g5"], adjust="age", alpha=1.0, folds=5, seed=1, select="1se")
    >>> path.tidy()[["term", "note"]].values.tolist()[:3]
    [['age', 'not penalised'], ['g1', 'selected'], ['g2', 'not selected']]
    """
    check_arguments(alpha, ties, select, n_lambdas, lambda_ratio)
    given = None if lambdas is None else falling(lambdas)
    matrix, free = joint_design(endpoint, adjust, features, references)
    rows = analysed(endpoint, matrix, strata, None, False, None)
    event = events_of(endpoint, matrix, rows, cause)[rows.complete]
    mask = rows_of(matrix.keep, rows.complete)
    x = np.ascontiguousarray(matrix.matrix[rows.complete])
    stratum = rows.stratum[rows.complete]
    check_columns(within(x[:, free], stratum), matrix, np.flatnonzero(free))
    data = Data(endpoint, matrix, mask, event, endpoint.case_weights[mask], x, stratum, free, alpha, ties, standardise)
    fold = None if folds is None else folds_of(endpoint, folds, mask, event, seed)
    everybody = prepare(data, np.ones(len(x), dtype=bool))
    if given is None:
        ratio = lambda_ratio if lambda_ratio is not None else (1e-2 if len(x) < x.shape[1] else 1e-4)
        given = default_penalties(everybody, alpha, n_lambdas, ratio)
        found = follow_path(everybody.problem, given, everybody.start, limits=limits(everybody, ties))
    else:
        found = follow_path(everybody.problem, given, everybody.start)
    check_converged(found)
    null, most = limits(everybody, ties)
    cross = None if fold is None else cross_validate(data, fold, found.lambdas)
    stratified = f", stratified by {', '.join(rows.columns)}" if rows.columns else ""
    return ElasticNetPath(
        endpoint, replace(matrix, n_missing=matrix.n_missing + int((~rows.complete).sum())), frozen(~free),
        frozen(~everybody.used), frozen(found.lambdas.copy()), frozen(everybody.in_own_units(found.beta)),
        frozen(found.value), frozen((found.value - null) / (most - null) if most > null else np.zeros(len(found.value))),
        cross, select, float(alpha), cause or "any", endpoint.patients(mask), int(event.sum()),
        f"Cox, elastic net (alpha = {alpha:g}), {ties.capitalize()} ties{stratified}", "",
    )  # fmt: skip


def check_arguments(alpha: float, ties: str, select: str, n_lambdas: int, lambda_ratio: float | None) -> None:
    """Refuse choices that do not exist.

    Raises
    ------
    InputError
        With what may be chosen.
    """
    if not isinstance(alpha, Real) or not 0.0 <= alpha <= 1.0:
        raise InputError("alpha is not between 0 and 1", next_step="1 is the lasso, 0 is ridge regression.")
    if ties not in TIES:
        raise InputError("there is no such rule for ties", next_step=f"Use {' or '.join(TIES)}.")
    if select not in AT:
        raise InputError("there is no such choice of a penalty", next_step='Use select="min" or select="1se".')
    if not isinstance(n_lambdas, Integral) or n_lambdas < 1:
        raise InputError("a path needs at least one penalty", next_step="Use n_lambdas=100.")
    if lambda_ratio is not None and not 0.0 < lambda_ratio < 1.0:
        raise InputError("lambda_ratio is not between 0 and 1", next_step="It is the smallest penalty over the largest.")


def falling(lambdas: Sequence[float]) -> Floats:
    """Penalties from the largest to the smallest, each once.

    Raises
    ------
    InputError
        None, or some that are not above 0.
    """
    try:
        given = np.atleast_1d(np.asarray(lambdas, dtype=float))
    except (TypeError, ValueError):
        raise InputError("penalties must be numbers") from None
    if given.ndim != 1 or not len(given):
        raise InputError("no penalties", next_step="Leave lambdas out, or list at least one.")
    wrong = ~(np.isfinite(given) & (given > 0.0))
    if wrong.any():
        raise InputError(
            "penalties must be finite and above 0", count=int(wrong.sum()), next_step="Without penalty: cox()."
        )
    return np.unique(given)[::-1]


def joint_design(
    endpoint: Endpoint,
    adjust: str | Sequence[str] | None,
    features: str | Sequence[str],
    references: Mapping[str, Any] | None,
) -> tuple[Design, np.ndarray]:
    """One design of both kinds of terms, learned from the rows that have all of them; which columns are not penalised.

    Either may be a formula or a list of columns, whose names no formula could hold.
    """
    clinical = () if adjust is None else read_terms(adjust)
    terms: tuple[Term, ...] = (*clinical, *read_terms(features))
    known = {term.key for term in clinical}
    twice = [term.text for term in terms[len(clinical) :] if term.key in known]
    if twice:
        raise InputError(
            f"a term is to be penalised and not: {', '.join(twice[:10])}", count=len(twice), next_step="Name it once."
        )
    made = designed(endpoint, terms, references)
    own = {term.text for term in clinical}
    free = np.zeros(made.matrix.shape[1], dtype=bool)
    free[[c.column for c in made.coefficients if c.column >= 0 and c.term in own]] = True
    return made, free


class Data(NamedTuple):
    """Rows analysed, and what is asked of them."""

    endpoint: Endpoint
    design: Design
    mask: np.ndarray
    """Rows of the endpoint that are analysed (n)."""
    event: np.ndarray
    weight: Floats
    x: Floats
    """Covariates in their own units (m, p)."""
    stratum: Integers
    free: np.ndarray
    """Columns that are not penalised (p)."""
    alpha: float
    ties: str
    standardise: bool


class Prepared(NamedTuple):
    """A problem over some of the rows."""

    problem: Problem
    used: np.ndarray
    """Columns that are not constant (p)."""
    scale: Floats
    """Spread of each of these."""
    start: Floats
    """Maximum of the unpenalised alone."""

    def in_own_units(self, beta: Floats) -> Floats:
        """Coefficients of all columns, per unit of the covariate (penalties, p)."""
        out = np.zeros((len(beta), len(self.used)))
        out[:, self.used] = beta / self.scale
        return out


def prepare(data: Data, some: np.ndarray) -> Prepared:
    """Standardise some of the rows by their own means and spreads, and fit the unpenalised terms alone.

    Raises
    ------
    ConvergenceError
        One of these separates those with events from those without.
    """
    weight, own = data.weight[some], data.x[some]
    centre = weight @ own / weight.sum()
    spread = np.sqrt(weight @ (own - centre) ** 2 / weight.sum())
    used = spread > FLAT * np.maximum(1.0, np.abs(centre))
    scale = spread[used]
    x = (own[:, used] - centre[used]) / scale
    mask = rows_of(data.mask, some)
    _, stratum = np.unique(data.stratum[some], return_inverse=True)
    layout = lay_out(data.endpoint.rows, data.event[some], weight, x, keep=mask, strata=stratum)
    penalised = ~data.free
    factor = penalised * (len(used) / max(int(penalised.sum()), 1))
    unit = np.ones(len(scale)) if data.standardise else scale
    problem = pose(layout, data.ties, factor[used], data.alpha, unit)
    start = np.zeros(len(scale))
    free = data.free[used]
    if free.any():
        alone = np.ascontiguousarray(layout.x[:, free])
        alone.setflags(write=False)
        fit = newton(partial_likelihood(layout._replace(x=alone), data.ties), int(free.sum()))
        refuse_separation(fit, own[:, used][:, free], scale[free], data.design, np.flatnonzero(used)[free])
        start[free] = fit.beta
    return Prepared(problem, used, scale, start)


def limits(prepared: Prepared, ties: str) -> tuple[float, float]:
    """Log-likelihood with all coefficients 0, and saturated."""
    layout = prepared.problem.layout
    return float(log_likelihoods(layout, ties, np.zeros((1, layout.x.shape[1])))[0]), saturated(layout, ties)


def default_penalties(prepared: Prepared, alpha: float, number: int, ratio: float) -> Floats:
    """Penalties from the largest that matters down, evenly on the log scale.

    Raises
    ------
    InputError
        No penalty matters: the features do not differ.
    """
    top = largest_penalty(prepared.problem, place_at(prepared.problem, prepared.start), alpha)
    if not top > 0.0:
        raise InputError("no feature differs among those at risk at the events", next_step="Check the features.")
    return top * ratio ** (np.arange(number) / max(number - 1, 1))


def check_converged(path: Path) -> None:
    """Refuse a path with penalties at which the maximum was not found."""
    lost = int((~path.converged).sum())
    if lost:
        raise ConvergenceError(
            "the maximum at a penalty was not found", count=lost, next_step="Give larger lambdas, or an alpha below 1."
        )


def cross_validate(data: Data, fold: Integers, lambdas: Floats) -> CrossValidated:
    """Deviance that the patients of each fold add at the coefficients of the others.

    Raises
    ------
    ConvergenceError
        Outside some fold the unpenalised terms separate, or the maximum was not found.
    """
    whole = lay_out(data.endpoint.rows, data.event, data.weight, data.x, keep=data.mask, strata=data.stratum)
    number = int(fold.max()) + 1
    per_event, mass = (
        np.empty((number, len(lambdas))),
        np.bincount(fold, weights=data.weight * data.event, minlength=number),
    )
    for k in range(number):
        try:
            rest = prepare(data, fold != k)
            found = follow_path(rest.problem, lambdas, rest.start)
            check_converged(found)
        except ConvergenceError as error:
            raise ConvergenceError(
                f"without the patients of one fold: {error.problem}",
                next_step="Use fewer folds, merge levels, or name the term among the features.",
            ) from error
        everybody = saturated(whole, data.ties) - log_likelihoods(whole, data.ties, rest.in_own_units(found.beta))
        others = saturated(rest.problem.layout, data.ties) - found.value
        per_event[k] = 2.0 * (everybody - others) / mass[k]
    mean = mass @ per_event / mass.sum()
    spread = mass @ (per_event - mean) ** 2 / mass.sum()
    return CrossValidated(frozen(mean), frozen(np.sqrt(spread / (number - 1))), frozen(fold), number)
