"""Linear combinations of the coefficients of a fit, with limits and tests, one by one and together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ikzf1_outcomes.curves.comparisons import two_sided
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.formula.terms import nearest
from ikzf1_outcomes.kernels.firth import Problem, maximise
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.coefficients import SINGULAR, exponentiated
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.models.penalised import FirthEstimate, FirthFit
from ikzf1_outcomes.models.subdistribution_fit import SubdistributionFit

Combination = Mapping[str, float] | tuple[Mapping[str, Any], Mapping[str, Any]]
Fit = CoxFit | FirthFit | SubdistributionFit
MOST_WEIGHT = 1e100
"""Weights from here on have no variance that is a number."""
NONE_LEFT = 1e-10
"""Share of a combination's variance, given the others, below which it is a combination of them."""
NOT_THERE = "not estimable: a level without events"
COLUMNS = (
    "contrast", "cause", "estimate", "std_error", "low", "high", "conf_level", "interval", "scale", "statistic", "p_value",
    "note",
)  # fmt: skip


class Evaluated(NamedTuple):
    """Combinations, one value each."""

    estimate: Floats
    std_error: Floats
    low: Floats
    high: Floats
    statistic: Floats
    p_value: Floats
    interval: str


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Contrasts:
    """Linear combinations of coefficients; made by `contrasts`."""

    table: pd.DataFrame
    joint: pd.DataFrame

    def __repr__(self) -> str:
        return f"Contrasts({len(self.table)} combinations)"

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """One row a combination.

        Parameters
        ----------
        exponentiate
            Give estimate, low and high as ratios; `std_error` stays on the log scale.

        Returns
        -------
        DataFrame
            contrast, cause, estimate, std_error, low, high, conf_level, interval, scale, statistic, p_value, note.
        """
        return exponentiated(self.table, exponentiate)

    def glance(self) -> pd.DataFrame:
        """One row, the test that all combinations are 0: method, cause, statistic, df, p_value, note."""
        return self.joint.copy()

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def contrasts(fit: Fit, combinations: Mapping[str, Combination], *, conf_level: float | None = None) -> Contrasts:
    r"""Estimate and test linear combinations of the coefficients of a fit.

    Estimand: c'b for weights c. Variance c'Vc with V the fit's own covariance (robust where it is), Wald limits and test.
    Of a fit with Firth's penalty: profile limits and the penalised likelihood-ratio test, found by turning the covariates
    so that the combination is a coefficient; such a turn leaves the penalty as it is. Together: the Wald test of all
    combinations, df their rank,

    .. math:: X^2 = (Cb)' (C V C')^{-1} Cb

    and for Firth's penalty the likelihood-ratio test with all of them at 0.

    Edge rules. A combination that touches a coefficient that is not estimable has no estimate, and a note; the joint test
    is then of the others. What the combinations before it determine counts once in the joint test.

    Parameters
    ----------
    fit
        A result of `cox` or `fine_gray`.
    combinations
        Label to either weights, a mapping of names of coefficients ("age", "arm (b vs a)", as in `fit.design.names`) to
        numbers; or two patients, a pair of mappings of columns to values: the first less the second. Columns that neither
        names are the same in both, whatever they are; where an interaction makes them matter they must be named.
    conf_level
        Level of the intervals; that of the fit by default.

    Returns
    -------
    Contrasts
        `.tidy(exponentiate=False)`: contrast (the label), cause, estimate, std_error, low, high, conf_level, interval,
        scale, statistic, p_value, note. `.glance()`: the joint test.

    Raises
    ------
    ColumnError, InputError
        No combination; unknown coefficients or columns (the nearest is named); weights that are not finite or all 0; a
        column that matters and is not named.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": range(1, 10), "s": [1, 1, 1, 0, 1, 1, 0, 1, 1], "arm": list("abcabcabc")})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> fit = iko.cox(endpoint, "arm")
    >>> asked = {"c vs b": {"arm (c vs a)": 1, "arm (b vs a)": -1}, "again": ({"arm": "c"}, {"arm": "b"})}
    >>> one, again = iko.contrasts(fit, asked).tidy()["estimate"]
    >>> round(one, 6) == round(again, 6)
    True
    """
    if not isinstance(fit, CoxFit | FirthFit | SubdistributionFit):
        raise InputError("not a fit of cox or fine_gray", next_step="Give a single model.")
    if not isinstance(combinations, Mapping):
        raise InputError("the combinations are no mapping", next_step='As in {"b": {"arm (b vs a)": 1}}.')
    if not combinations:
        raise InputError("no combination is given")
    chosen = fit.conf_level if conf_level is None else conf_level
    normal_quantile(chosen)
    weights = np.array([weights_of(fit.design, combination) for combination in combinations.values()])
    if not (np.abs(weights) < MOST_WEIGHT).all() or not weights.any(axis=1).all():
        raise InputError("weights must be finite, and not all 0", next_step="Two equal patients have no contrast.")
    known, own = directions(fit, weights)
    found = profiled(fit, own, chosen) if isinstance(fit, FirthFit) else wald(fit, own, known, chosen)
    table = pd.DataFrame({"contrast": list(combinations), "cause": fit.cause, **found._asdict(), "conf_level": chosen})
    table["scale"] = f"log {'subdistribution ' * isinstance(fit, SubdistributionFit)}hazard ratio"
    table["note"] = np.where(known, "", NOT_THERE)
    joint = together(fit, own[known])
    joint["cause"] = fit.cause
    lost = "" if known.all() else f"without {int((~known).sum())} that are not estimable"
    joint["note"] = SINGULAR if known.any() and not joint["df"].iloc[0] else lost
    return Contrasts(table[list(COLUMNS)], joint[["method", "cause", "statistic", "df", "p_value", "note"]])


def weights_of(design: Design, combination: Combination) -> Floats:
    """Weights of the columns of a design.

    Raises
    ------
    ColumnError, InputError
        Unknown coefficients or columns; a column that matters and is not named.
    """
    if isinstance(combination, Mapping):
        for name in combination:
            refuse_unknown(str(name), design.names, "coefficient")
        try:
            return np.array([combination.get(name, 0.0) for name in design.names], dtype=float)
        except (TypeError, ValueError):
            raise InputError("a weight is no number") from None
    pair = isinstance(combination, tuple | list) and len(combination) == 2
    if not pair or not all(isinstance(patient, Mapping) for patient in combination):
        raise InputError(
            "a combination is neither weights nor a pair of patients",
            next_step='As in {"arm (b vs a)": 1}, or ({"arm": "b"}, {"arm": "a"}).',
        )
    one, other = combination
    for name in (*one, *other):
        refuse_unknown(str(name), design.spec.columns, "column of the terms")
    if set(one) != set(other):
        raise InputError("the two patients name different columns", next_step="Name the same columns for both.")
    out = settled(design, one) - settled(design, other)
    check_unnamed(design, one, out - (settled(design, one, second=True) - settled(design, other, second=True)))
    return out


def refuse_unknown(name: str, known: tuple[str, ...], what: str) -> None:
    """Refuse a name that is not there, with the one most alike."""
    if name not in known:
        near = nearest(name, known)
        hint = f"Did you mean {near!r}?" if near else f"They are {', '.join(known)}."
        raise ColumnError(f"no {what} is called {name!r}", next_step=hint)


def settled(design: Design, named: Mapping[str, Any], second: bool = False) -> Floats:
    """The columns of a design for a patient; columns not named have some value, another when `second`."""
    values: dict[str, Any] = {}
    for known in design.spec.factors:
        name = known.factor.column
        if name in named:
            values[name] = named[name]
        elif known.levels:
            values[name] = known.levels[-1 if second else 0]
        else:
            values[name] = 2.0 if second else 1.0
    matrix, keep = design.spec.encode(pd.DataFrame({name: [value] for name, value in values.items()}))
    if not keep.all():
        raise InputError("a patient of a contrast has a missing value", next_step="Give each named column a value.")
    return np.asarray(matrix[0])


def check_unnamed(design: Design, named: Mapping[str, Any], moved: Floats) -> None:
    """Refuse a contrast that has `moved` with the columns that the patients do not name.

    Raises
    ------
    InputError
        It has; the columns are named.
    """
    terms = {c.term for c in design.coefficients if c.column >= 0 and abs(moved[c.column]) > 1e-9}
    if terms:
        inside = [factor.column for known in design.spec.terms if known.term.text in terms for factor in known.term.factors]
        missing = ", ".join(sorted(set(inside) - set(named)))
        raise InputError(
            f"the contrast depends on columns that the patients do not name: {missing}", next_step="Give both a value."
        )


def directions(fit: Fit, weights: Floats) -> tuple[np.ndarray, Floats]:
    """Which combinations can be estimated, and their weights of the coefficients that were maximised."""
    if isinstance(fit, FirthFit):
        return np.ones(len(weights), dtype=bool), weights
    span = fit.limit.span if isinstance(fit, SubdistributionFit) else fit.estimation.span
    # effects that change with time have coefficients of their own behind those of the design
    own = np.zeros((len(weights), len(fit.maximum.beta)))
    own[:, : len(span.columns)] = weights[:, span.columns]
    return span.tells(weights), own


def coefficients_of(fit: Fit) -> Floats:
    """The coefficients that were maximised, in the order of the fit's covariance."""
    return fit.beta if isinstance(fit, FirthFit) else fit.maximum.beta


def wald(fit: Fit, own: Floats, known: np.ndarray, conf_level: float) -> Evaluated:
    """Wald limits and tests."""
    estimate = np.where(known, own @ coefficients_of(fit), np.nan)
    # the robust variance of a combination that clusters do not tell may be rounding below 0
    variance = np.maximum(np.einsum("kp,pq,kq->k", own, fit.covariance, own), 0.0)
    error = np.where(known, np.sqrt(variance), np.nan)
    half = normal_quantile(conf_level) * error
    statistic = np.divide(estimate, error, out=np.full(len(error), np.nan), where=error > 0)
    return Evaluated(estimate, error, estimate - half, estimate + half, statistic, two_sided(statistic), "wald")


def profiled(fit: FirthFit, own: Floats, conf_level: float) -> Evaluated:
    """Profile limits and penalised likelihood-ratio tests, with each combination made a coefficient."""
    low, high, statistic, p_value = (np.full(len(own), np.nan) for _ in range(4))
    for k, weights in enumerate(own):
        estimate, place = along(fit, weights[None])
        unit = np.linalg.norm(weights / fit.scale)
        low[k], high[k] = np.array(estimate.profile_interval(int(place[0]), conf_level)) * unit
        statistic[k], _, p_value[k] = estimate.profile_test(place.tolist())
    plain = wald(fit, own, np.ones(len(own), dtype=bool), conf_level)
    return plain._replace(low=low, high=high, statistic=statistic, p_value=p_value, interval="profile penalised likelihood")


def along(fit: FirthFit, weights: Floats) -> tuple[FirthEstimate, np.ndarray]:
    """A fit whose covariates are turned so that some combinations, of unit length, are coefficients; and where."""
    problem, p = fit.estimate.problem, len(fit.beta)
    rows = weights / fit.scale
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    # each combination takes the place of a coefficient that it, given those before, rests on most
    turn, places = np.eye(p), np.empty(len(rows), dtype=np.int64)
    for k, row in enumerate(rows):
        left = np.abs(row @ np.linalg.inv(turn))
        left[places[:k]] = -1.0
        places[k] = int(left.argmax())
        turn[places[k]] = row
    x = problem.features[:, 1 : p + 1] @ np.linalg.inv(turn)
    a, b = np.tril_indices(p)
    features = np.ascontiguousarray(np.column_stack([np.ones(len(x)), x, x[:, a] * x[:, b]]))
    other: Problem = problem._replace(features=features, died=(problem.weight * problem.event) @ features)
    top = maximise(other)
    return FirthEstimate(other, top, np.nan, np.linalg.inv(top.information)), places


def together(fit: Fit, own: Floats) -> pd.DataFrame:
    """The joint test of combinations."""
    independent = own[independent_rows(own, fit.covariance)] if len(own) else own
    df, statistic = len(independent), np.nan
    # what only the covariance makes dependent is no combination of the others: too few clusters
    if df and df < np.linalg.matrix_rank(own / np.linalg.norm(own, axis=1, keepdims=True)):
        df = 0
    method = "penalised likelihood-ratio test" if isinstance(fit, FirthFit) else "Wald test"
    if df and isinstance(fit, FirthFit):
        estimate, places = along(fit, independent)
        statistic = estimate.profile_test(places.tolist()).statistic
    elif df:
        value = independent @ coefficients_of(fit)
        statistic = float(value @ np.linalg.solve(independent @ fit.covariance @ independent.T, value))
    p_value = float(chdtrc(df, statistic)) if df else np.nan
    return pd.DataFrame({"method": [method], "statistic": [statistic], "df": [df], "p_value": [p_value]})


def independent_rows(own: Floats, covariance: Floats) -> list[int]:
    """Combinations none of which the ones before determine."""
    kept: list[int] = []
    for k, row in enumerate(own):
        whole = float(row @ covariance @ row)
        left = whole
        if kept:
            before = own[kept] @ covariance
            across = before @ row
            left -= float(across @ np.linalg.solve(before @ own[kept].T, across))
        if left > NONE_LEFT * whole:
            kept.append(k)
    return kept
