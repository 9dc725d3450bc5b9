"""One incomplete column given the others: a regression, its parameters drawn from their posterior, and what they predict.

Every function here takes what is known of the column (`y` or `codes`, with the predictors `x` of the same rows) and the
predictors `x_new` of the rows to complete. Predictors have no constant column; each model adds its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_ndtr, ndtri_exp

from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.kernels.partial import newton
from ikzf1_outcomes.kernels.risk import Floats, Integers

DONORS = 5
"""Rows of which predictive mean matching takes one."""
PRIOR_SD = 2.5
"""Spread of the normal prior of a categorical model's slopes, for predictors of spread 1. Under perfect prediction a wider
one makes draws of either sign, for the likelihood says nothing of the size."""


class NormalPrediction(NamedTuple):
    """What a linear regression with drawn parameters says of the rows to complete."""

    mean: Floats
    sd: float
    fitted: Floats
    """Fitted values of the known rows by the least-squares coefficients, for matching."""


def linear_prediction(y: Floats, x: Floats, x_new: Floats, rng: np.random.Generator) -> NormalPrediction:
    """Linear regression, by statsmodels, with parameters drawn from their posterior under a flat prior.

    With b the least-squares coefficients, (X'X)^- their normalised covariance and v the residual degrees of freedom:
    sigma^2 = RSS / chi2_v, then beta = b + sigma L z with L L' = (X'X)^- (Rubin 1987, doi:10.1002/9780470316696).
    Predictors that are combinations of others share their coefficient (generalised inverse).

    Raises
    ------
    InputError
        Not more known rows than coefficients.
    """
    from statsmodels.regression.linear_model import OLS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = OLS(y, with_constant(x)).fit()
    if fit.df_resid < 1:
        raise InputError(
            f"{len(y)} rows with a value, and {x.shape[1] + 1} coefficients to predict it",
            next_step="Use fewer columns, auxiliary columns or interactions.",
        )
    sd = float(np.sqrt(fit.ssr / rng.chisquare(fit.df_resid)))
    values, vectors = np.linalg.eigh(fit.normalized_cov_params)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    beta = fit.params + sd * root @ rng.standard_normal(len(values))
    return NormalPrediction(with_constant(x_new) @ beta, sd, fit.fittedvalues)


def matched(y: Floats, found: NormalPrediction, rng: np.random.Generator) -> Floats:
    """Predictive mean matching: each row takes the value of one of its five nearest known rows, drawn at random.

    Type 1 matching (van Buuren 2018, Flexible Imputation of Missing Data, section 3.4; recalled, not verified): distance
    between the fitted value of a known row by the estimated coefficients and that of the row to complete by drawn ones.
    Among known rows with equal fitted values the donors are drawn at random.
    """
    shuffled = rng.permutation(len(y))
    order = shuffled[np.argsort(found.fitted[shuffled], kind="stable")]
    ladder = found.fitted[order]
    left, right = np.searchsorted(ladder, found.mean, "left"), np.searchsorted(ladder, found.mean, "right")
    middle = rng.integers(left, right + 1)
    reach = np.arange(-DONORS, DONORS)
    place = middle[:, None] + reach
    gap = np.abs(ladder[np.clip(place, 0, len(y) - 1)] - found.mean[:, None])
    gap[(place < 0) | (place >= len(y))] = np.inf
    nearest = np.argsort(gap, axis=1, kind="stable")[:, : min(DONORS, len(y))]
    pick = nearest[np.arange(len(nearest)), rng.integers(0, nearest.shape[1], len(nearest))]
    out: Floats = y[order[place[np.arange(len(place)), pick]]]
    return out


def truncated_normal(mean: Floats, sd: float, low: Floats, high: Floats, rng: np.random.Generator) -> Floats:
    """Draws of a normal variable within limits, by the inverse distribution function on the log scale.

    The logarithm keeps intervals far out in a tail; equal limits give that value, infinite ones are none.
    """
    scale = sd if sd > 0 else np.finfo(float).tiny
    with np.errstate(over="ignore", invalid="ignore"):
        a, b = (low - mean) / scale, (high - mean) / scale
    # the upper tail is the lower one mirrored, where logarithms of probabilities keep their digits
    mirrored = a > -b
    a, b = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_a, log_b, u = log_ndtr(a), log_ndtr(b), rng.random(len(mean))
        ratio = np.where(np.isneginf(log_b), 0.0, np.exp(log_a - log_b))
        z = ndtri_exp(log_b + np.log(u + (1 - u) * ratio))
        # where even the logarithm fails the whole mass lies at the nearer limit
        z = np.where(np.isneginf(log_b), b, z)
        drawn = mean + np.where(mirrored, -z, z) * scale
    return np.clip(drawn, low, high)


def category_chances(codes: Integers, n_levels: int, x: Floats, x_new: Floats, rng: np.random.Generator) -> Floats:
    """Multinomial logistic regression (logistic where there are two levels), by statsmodels; (rows to complete, levels).

    Each slope has a normal prior of mean 0 and spread 2.5 for a predictor of spread 1: under perfect prediction, where the
    likelihood has no maximum, the mode is finite, and elsewhere it weighs less than a patient. Coefficients are drawn from
    the normal with the mode as its mean and the inverse information there as its covariance.

    Raises
    ------
    ConvergenceError
        The mode was not found.
    """
    from statsmodels.discrete.discrete_model import Logit, MNLogit

    design = with_constant(x)
    width = design.shape[1]
    if n_levels == 1:
        return np.ones((len(x_new), 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = (Logit if n_levels == 2 else MNLogit)(codes, design, check_rank=False)
    precision = np.tile(np.r_[0.0, np.full(width - 1, PRIOR_SD**-2)], n_levels - 1)

    def likelihood(beta: Floats) -> tuple[float, Floats, Floats]:
        by_level = beta if n_levels == 2 else beta.reshape(width, -1, order="F")
        return model.loglike(by_level), model.score(by_level), -model.hessian(by_level)

    beta = drawn_parameters(likelihood, precision, rng).reshape(width, -1, order="F")
    eta = np.column_stack((np.zeros(len(x_new)), with_constant(x_new) @ beta))
    share = np.exp(eta - eta.max(axis=1, keepdims=True))
    out: Floats = share / share.sum(axis=1, keepdims=True)
    return out


def drawn_parameters(likelihood: Callable[[Floats], tuple], precision: Floats, rng: np.random.Generator) -> Floats:
    """Parameters drawn from the normal approximation of their posterior; `precision` is the diagonal of the prior's."""
    fit = newton(penalised(likelihood, precision), len(precision))
    if not fit.converged:
        raise not_found()
    return fit.beta + np.linalg.solve(np.linalg.cholesky(fit.information).T, rng.standard_normal(len(precision)))


def penalised(likelihood: Callable[[Floats], tuple], precision: Floats) -> Callable[[Floats], tuple]:
    """A log-likelihood with its derivatives, and a normal prior."""

    def posterior(beta: Floats) -> tuple:
        with np.errstate(all="ignore"):
            value, score, information = likelihood(beta)
        return value - beta @ (precision * beta) / 2, score - precision * beta, information + np.diag(precision)

    return posterior


def not_found() -> ConvergenceError:
    """The mode of a categorical column's regression was not found."""
    return ConvergenceError("its imputation model did not converge", next_step="Merge levels, or use fewer columns.")


def ordered_likelihood(codes: Integers, n_levels: int, x: Floats, start: Floats) -> Callable[[Floats], tuple]:
    """Log-likelihood of the proportional odds model, its score and information, in (slopes, cut points - start).

    P(Y <= k) = expit(cut_k - x'b) (McCullagh 1980; recalled, not verified); concave (Pratt 1981; recalled, not verified).
    With u and l the upper and lower argument of a row, P = F(u) - F(l) and f = F (1 - F): d log P / du = f(u) / P,
    d2 log P / du2 = f(u) (1 - 2 F(u)) / P - (f(u) / P)^2, d2 log P / du dl = f(u) f(l) / P^2.
    """
    p, cuts = x.shape[1], n_levels - 1
    position = np.arange(cuts)
    has_upper, has_lower = codes < cuts, codes > 0
    upper = np.column_stack((-x, codes[:, None] == position)) * has_upper[:, None]
    lower = np.column_stack((-x, codes[:, None] - 1 == position)) * has_lower[:, None]
    offset = np.r_[np.zeros(p), start]

    def likelihood(delta: Floats) -> tuple[float, Floats, Floats]:
        at = delta + offset
        f_u, f_l = np.where(has_upper, expit(upper @ at), 1.0), np.where(has_lower, expit(lower @ at), 0.0)
        chance = f_u - f_l
        d_u, d_l = f_u * (1 - f_u), f_l * (1 - f_l)
        a, b = d_u / chance, d_l / chance
        value = float(np.log(chance).sum()) if (chance > 0).all() else -np.inf
        bend_u, bend_l = d_u * (1 - 2 * f_u) / chance - a**2, -d_l * (1 - 2 * f_l) / chance - b**2
        cross = (upper * (a * b)[:, None]).T @ lower
        hessian = (upper * bend_u[:, None]).T @ upper + (lower * bend_l[:, None]).T @ lower + cross + cross.T
        return value, upper.T @ a - lower.T @ b, -hessian

    return likelihood


def ordered_chances(codes: Integers, n_levels: int, x: Floats, x_new: Floats, rng: np.random.Generator) -> Floats:
    """Proportional odds regression; (rows to complete, levels). The model of statsmodels' OrderedModel.

    Prior of the slopes as in `category_chances`. Drawn are the slopes, the first cut point and the logarithms of the
    distances to the next ones, so that cut points keep their order.

    Raises
    ------
    ConvergenceError
        The mode was not found.
    """
    if n_levels == 1:
        return np.ones((len(x_new), 1))
    p, cuts = x.shape[1], n_levels - 1
    below = np.cumsum(np.bincount(codes, minlength=n_levels))[:-1] / len(codes)
    start = np.log(below / (1 - below))
    precision = np.r_[np.full(p, PRIOR_SD**-2), np.zeros(cuts)]
    fit = newton(penalised(ordered_likelihood(codes, n_levels, x, start), precision), p + cuts)
    if not fit.converged:
        raise not_found()
    at = fit.beta[p:] + start
    steps = np.r_[at[:1], np.log(np.diff(at))]
    # cut points as functions of the first and the log distances; the score is 0 at the mode, so that no second term is due
    jacobian = np.eye(p + cuts)
    jacobian[p:, p:] = np.tril(np.ones((cuts, cuts))) * np.r_[1.0, np.diff(at)]
    root = np.linalg.cholesky(jacobian.T @ fit.information @ jacobian)
    drawn = np.r_[fit.beta[:p], steps] + np.linalg.solve(root.T, rng.standard_normal(p + cuts))
    cut = np.cumsum(np.r_[drawn[p], np.exp(drawn[p + 1 :])])
    reached = expit(cut - (x_new @ drawn[:p])[:, None])
    return np.diff(np.column_stack((np.zeros(len(x_new)), reached, np.ones(len(x_new)))), axis=1)


def with_constant(x: Floats) -> Floats:
    """Predictors behind a column of ones."""
    return np.column_stack((np.ones(len(x)), x))
