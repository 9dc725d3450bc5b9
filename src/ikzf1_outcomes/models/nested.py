"""Do the added terms matter? Two Cox models, one within the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.cox_fit import CoxFit

LIKELIHOOD_RATIO = "likelihood-ratio test"
ROBUST_WALD = "Wald test of the added coefficients, robust covariance"
INFINITE = "levels without events have infinite coefficients: the test is that of the limit"
REPRODUCED = 1e-8
"""A column of the smaller model that the larger leaves unexplained by more than this share is not within it."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class NestedComparison:
    """Two nested models; `.glance()` gives the test, `.tidy()` the models. Made by `compare_nested`."""

    method: str
    statistic: float
    df: int
    p_value: float
    models: pd.DataFrame
    cause: str
    n: float
    n_event: int
    note: str

    def __repr__(self) -> str:
        return f"NestedComparison({self.method}, df {self.df})"

    def glance(self) -> pd.DataFrame:
        """One row: method, cause, n, n_event, statistic, df, p_value, note."""
        names = ("method", "cause", "n", "n_event", "statistic", "df", "p_value", "note")
        return pd.DataFrame({name: [getattr(self, name)] for name in names})

    def tidy(self) -> pd.DataFrame:
        """One row a model, the smaller first: term (all its terms), cause, df, log_likelihood, aic, bic, note."""
        return self.models.copy()

    def _repr_html_(self) -> str:
        return self.glance().to_html(index=False)


def compare_nested(smaller: CoxFit, larger: CoxFit) -> NestedComparison:
    r"""Test the terms that a Cox model has beyond a smaller one.

    Null: the linear predictor of the larger model lies in the span of the columns of the smaller. Twice the difference of
    the log partial likelihoods is chi-square with as many degrees of freedom as there are columns more (recalled, not
    verified: Wilks 1938); equal to R's `anova`.

    Fits with a robust covariance have no likelihood ratio. Their test is Wald's, of the larger model alone: with N a basis
    of what the smaller model's columns do not reach, b the coefficients of the larger and V its sandwich,

    .. math:: X^2 = (N'b)' (N'VN)^{-1} N'b

    which, where the larger model has the columns of the smaller and more, is the Wald test of the coefficients that were
    added. `method` says which of the two it is.

    Edge rules. The smaller model need not have the same columns, only columns that those of the larger reproduce: a number
    lies within its spline, a category within the same category with another reference. Levels without events count as
    columns, and their likelihood is that of the limit. Whole weights count as patients.

    Parameters
    ----------
    smaller, larger
        Cox models of the same rows, endpoint, cause, strata, offset and rule for ties.

    Returns
    -------
    NestedComparison
        `.glance()`: method, cause, n, n_event, statistic, df, p_value, note. `.tidy()`: one row a model with term, cause,
        df, log_likelihood, aic, bic, note.

    Raises
    ------
    InputError
        Different endpoints, causes, strata, offsets, rules for ties or rows (how many, and where); models that are not
        nested, or of the same size; one robust and the other not; weights that are not whole without a robust covariance;
        a robust fit with levels without events.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes import compare_nested
    >>> d = pd.DataFrame({"t": [4.0, 3, 1, 1, 2, 2, 3], "s": [1, 1, 1, 0, 1, 1, 0], "x": [0, 2, 1, 1, 1, 0, 0]})
    >>> endpoint = iko.endpoint_from_columns(d.assign(z=[3, 1, 4, 1, 5, 9, 2]), time="t", status="s", causes={1: "relapse"})
    >>> test = compare_nested(iko.cox(endpoint, "x"), iko.cox(endpoint, "x + z")).glance()
    >>> test[["statistic", "df"]].round(6).values.tolist()
    [[4.48671, 1.0]]
    """
    same_setting(smaller, larger)
    keep = same_rows(smaller, larger)
    (small, _), (large, scale) = centred(smaller, keep), centred(larger, keep)
    span = reached(small, large)
    columns = (small.shape[1], large.shape[1])
    if columns[0] == columns[1]:
        raise InputError("the models have the same number of columns", next_step="Add a term to one of them.")
    df = columns[1] - columns[0]
    if larger.estimation.robust:
        method, statistic = ROBUST_WALD, robust_wald(larger, scale, span)
    else:
        method = LIKELIHOOD_RATIO
        statistic = max(2.0 * (larger.maximum.value - smaller.maximum.value), 0.0)
    models = pd.concat([described(smaller), described(larger)], ignore_index=True)
    note = INFINITE if larger.notes or smaller.notes else ""
    p_value = float(chdtrc(df, statistic))
    return NestedComparison(method, statistic, df, p_value, models, larger.cause, larger.n, larger.n_event, note)


def described(fit: CoxFit) -> pd.DataFrame:
    """A model as one row."""
    glance = fit.glance()[["cause", "df", "log_likelihood", "aic", "bic", "note"]]
    glance.insert(0, "term", fit.design.spec.formula)
    return glance


def same_setting(smaller: CoxFit, larger: CoxFit) -> None:
    """Refuse two models whose likelihoods are not of one thing."""
    if not (isinstance(smaller, CoxFit) and isinstance(larger, CoxFit)):
        raise InputError("only Cox models are compared", next_step="Give two results of cox.")
    a, b = smaller.estimation, larger.estimation
    one, two = smaller.endpoint, larger.endpoint
    arrays = ("time", "cause", "entry", "weights", "subject")
    different = {
        "endpoints": one is not two
        and (one.causes != two.causes or not all(equal(getattr(one, name), getattr(two, name)) for name in arrays)),
        "causes": smaller.cause != larger.cause,
        "strata": a.strata != b.strata,
        "offsets": a.offset != b.offset,
        "rules for ties": a.ties != b.ties,
        "kinds of covariance": a.robust != b.robust,
    }
    wrong = [name for name, differs in different.items() if differs]
    if wrong:
        raise InputError(f"the models have different {', '.join(wrong)}", next_step="Fit both in the same way.")
    if larger.estimation.note:
        raise InputError(
            "weights that are not whole numbers have no likelihood ratio", next_step="Fit both with robust=True."
        )


def equal(one: Floats | None, two: Floats | None) -> bool:
    """Whether two arrays are the same, or both absent."""
    if one is None or two is None:
        return one is two
    return np.array_equal(one, two)


def same_rows(smaller: CoxFit, larger: CoxFit) -> np.ndarray:
    """Rows of both models; refuse models of different rows."""
    a, b = smaller.estimation.complete, larger.estimation.complete
    if not np.array_equal(a, b):
        raise InputError(
            "rows that one model has and the other has not",
            where=np.flatnonzero(a != b) + 1,
            next_step="Leave out the rows in which a term of the larger model is missing, then fit both.",
        )
    return b


def centred(fit: CoxFit, keep: np.ndarray) -> tuple[Floats, Floats]:
    """Columns of a design over some rows, centred and of unit spread, and what they were divided by."""
    x = fit.design.matrix[keep[fit.design.keep]]
    x = x - x.mean(axis=0)
    spread = x.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    return x / scale, scale


def reached(small: Floats, large: Floats) -> Floats:
    """The columns of the smaller model as combinations of those of the larger (columns of large, of small)."""
    span: Floats = np.linalg.lstsq(large, small, rcond=None)[0]
    left = np.linalg.norm(small - large @ span, axis=0)
    outside = left > REPRODUCED * np.maximum(np.linalg.norm(small, axis=0), 1.0)
    if outside.any():
        raise InputError(
            "the smaller model has columns that the larger has not",
            count=int(outside.sum()),
            next_step="The larger model needs all terms of the smaller.",
        )
    return span


def robust_wald(larger: CoxFit, scale: Floats, span: Floats) -> float:
    """Wald statistic, by the sandwich, of the directions that the smaller model does not reach."""
    if larger.notes:
        raise InputError(
            "levels without events have no Wald test", count=len(larger.notes), next_step="Merge or leave out such levels."
        )
    left, _, _ = np.linalg.svd(span)
    free = left[:, span.shape[1] :]
    beta, covariance = larger.maximum.beta * scale, larger.covariance * np.outer(scale, scale)
    away = free.T @ beta
    return float(away @ np.linalg.solve(free.T @ covariance @ free, away))
