"""Are the tested like the untested: their comparison, and weights that make the tested stand for the whole cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort import Cohort
from ikzf1_outcomes.describe.characteristics import characteristics, standardised
from ikzf1_outcomes.describe.frequencies import (
    UNKNOWN_WORDS,
    UNTESTED_WORDS,
    Split,
    as_objects,
    checked_level,
    checked_quantiles,
    levels_of,
    named_columns,
    rows_of,
    was_tested,
)
from ikzf1_outcomes.endpoint import Columns, label, numbers
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import is_numeric, parse_terms
from ikzf1_outcomes.kernels.risk import Floats

MISSING = "missing"
"""The level of patients in whom a covariate is unknown."""


class Covariate(NamedTuple):
    """One column of the model of being tested, or a reference level (column -1)."""

    term: str
    contrast: str
    level: Any
    column: int
    values: Floats
    known: NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class TestingWeights:
    """Weights of the tested patients, what they balance, and the model they come from. `testing_weights` makes it."""

    __test__ = False

    _weights: pd.Series
    _balance: pd.DataFrame
    _diagnostics: pd.DataFrame
    _coefficients: pd.DataFrame

    def __repr__(self) -> str:
        row = self._diagnostics.iloc[0]
        return f"TestingWeights({row['n_tested']} of {row['n']} tested, effective sample size {row['n_effective']:.1f})"

    @property
    def weights(self) -> pd.Series:
        """Weight of each tested patient, NaN for the untested, on the index of the data."""
        return self._weights.copy()

    @property
    def balance(self) -> pd.DataFrame:
        """Standardised differences of tested and all patients: variable, level, contrast, before, after, note."""
        return self._balance.copy()

    @property
    def diagnostics(self) -> pd.DataFrame:
        """One row: n, n_tested, n_effective, weight_mean, _min, _max, share_truncated, concordance, note."""
        return self._diagnostics.copy()

    @property
    def coefficients(self) -> pd.DataFrame:
        """The logistic model of being tested, on the log odds ratio scale; reference levels included."""
        return self._coefficients.copy()


def tested_against_untested(
    cohort: Cohort | pd.DataFrame,
    *,
    tested: str,
    columns: Columns,
    untested: Sequence[str] = UNTESTED_WORDS,  # noqa: PT028
) -> pd.DataFrame:
    """Characteristics of the tested and of the untested, with tests and standardised differences.

    A result among the tested speaks for all patients only as far as the tested resemble them. The table is that of
    `table_one` with the groups "not tested" and "tested"; the contrast is "tested vs not tested". Who was tested:
    `was_tested`. Outcomes are compared by `kaplan_meier` with the flag of `was_tested` as its group.

    Parameters
    ----------
    cohort
        A cohort, or a data frame with one row a patient.
    tested
        A flag, or a column of results such as "ikzf1_class".
    columns
        What to compare: one name or several.
    untested
        Words of `tested` that say that there is no result.

    Returns
    -------
    DataFrame
        As `table_one`.

    Raises
    ------
    ColumnError, InputError
        As `was_tested` and `table_one`; the column `tested` among `columns`.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"wbc": [5.0, 9.0, 40.0, 80.0], "ikzf1_class": ["failed", "not_tested", "none", "ik6"]})
    >>> table = iko.tested_against_untested(d, tested="ikzf1_class", columns="wbc").set_index(["term", "group"])
    >>> table.loc["median", "estimate"].to_dict()
    {'not tested': 7.0, 'tested': 60.0}
    """
    frame, yes = rows_of(cohort), was_tested(cohort, tested, untested=untested)
    names = named_columns(frame, columns)
    if tested in names:
        raise InputError("being tested is described by itself", next_step=f"Leave {tested!r} out of `columns`.")
    split = Split(yes.to_numpy().astype(np.intp), ("not tested", "tested"), ("tested",), 0)
    return characteristics(frame, names, split, ("rank", "auto"), UNKNOWN_WORDS)


def testing_weights(
    cohort: Cohort | pd.DataFrame,
    terms: str | Sequence[str],
    *,
    tested: str,
    truncate: tuple[float, float] | None = None,  # noqa: PT028
    stabilised: bool = True,  # noqa: PT028
    conf_level: float = 0.95,  # noqa: PT028
    untested: Sequence[str] = UNTESTED_WORDS,  # noqa: PT028
) -> TestingWeights:
    r"""Weights by which the tested stand for the whole cohort: inverse probability of being tested.

    Estimand of what is computed with the weights: the outcome that the whole cohort would have shown, had everybody been
    tested. It holds if (1) among patients alike in the terms, being tested has nothing to do with the outcome; (2) every
    patient had some chance of being tested; (3) the logistic model is right. None of this can be seen in the data but a
    part of (2): look at the largest weight and at `balance`.

    With p_i the fitted probability that patient i is tested and pi the share of the tested,

    .. math:: w_i = \pi / p_i \text{ (stabilised)} \quad\text{or}\quad w_i = 1 / p_i

    for the tested. The effective sample size is (sum w)^2 / sum w^2. `balance` compares the tested with all patients, in
    standard deviations of all patients, before and after weighting.

    Edge rules. Numbers enter as they are; other columns as indicators against their first level present. Patients in
    whom a covariate is unknown (empty, or an unknown word) are kept: they are a level "missing", for numbers too, and the
    number itself then counts at its mean. This presumes that being tested depends on what is known and on what is
    missing. Two covariates that are missing in the same patients share one indicator. Truncation sets weights beyond two
    quantiles (type 7, of the weights) to these quantiles: less variance, some bias.

    Parameters
    ----------
    cohort
        A cohort, or a data frame with one row a patient.
    terms
        "age + protocol" or a list of column names.
    tested
        A flag, or a column of results such as "ikzf1_class"; see `was_tested`.
    truncate
        Two shares such as (0.01, 0.99), or None.
    stabilised
        Whether the weights have mean about 1 (else they add up to about the size of the cohort).
    conf_level
        Level of the Wald intervals of `coefficients`.
    untested
        Words of `tested` that say that there is no result.

    Returns
    -------
    TestingWeights
        weights (a Series) and the DataFrames balance, diagnostics and coefficients.

    Raises
    ------
    ColumnError, InputError
        As `was_tested`; an unknown, constant or redundant term; an infinite number; a level in which everybody or
        nobody was tested; terms that separate the tested from the untested.
    ConvergenceError
        The model did not reach its maximum.

    Notes
    -----
    Weights are estimated; standard errors that take them as known (`kaplan_meier(..., robust=True)`) are then too
    large rather than too small, under the assumptions above. Cole and Hernán 2008, Am J Epidemiol 168:656; separation by
    the linear programme of Konis 2007 (both recalled, not verified).

    Examples
    --------
    Half of protocol A and all but one of protocol B are tested: each patient of A counts for two.

    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"protocol": list("AAAABBBB"), "done": [True, True, False, False] + [True] * 3 + [False]})
    >>> found = iko.testing_weights(d, "protocol", tested="done", stabilised=False)
    >>> found.weights.round(4).tolist()
    [2.0, 2.0, nan, nan, 1.3333, 1.3333, 1.3333, nan]
    >>> found.balance[["level", "before"]].round(4).values.tolist()
    [['A', -0.2], ['B', 0.2]]
    >>> bool((found.balance["after"].abs() < 1e-12).all())
    True
    """
    frame, names, conf_level = rows_of(cohort), parse_terms(terms), checked_level(conf_level)
    quantiles = checked_quantiles(truncate)
    yes = was_tested(cohort, tested, untested=untested).to_numpy()
    named_columns(frame, names)
    if tested in names:
        raise InputError("being tested is explained by itself", next_step=f"Leave {tested!r} out of the terms.")
    covariates = [covariate for name in names for covariate in covariates_of(frame, name)]
    covariates, matrix = placed(covariates, len(frame))
    refuse_certainty(covariates, matrix, yes)
    fit = fitted(matrix, yes)
    probability = np.asarray(fit.predict(matrix))
    raw = (yes.mean() if stabilised else 1.0) / probability[yes]
    weight = raw if quantiles is None else np.clip(raw, *np.quantile(raw, quantiles))
    weights = pd.Series(np.nan, index=frame.index, name="weight")
    weights[yes] = weight
    return TestingWeights(
        weights,
        balance_of(covariates, yes, weight),
        diagnostics_of(yes, probability, weight, raw, late_terms(cohort, names)),
        coefficients_of(covariates, fit, conf_level),
    )


def covariates_of(frame: pd.DataFrame, name: str) -> list[Covariate]:
    """The columns of one term, its reference level first; their places in the matrix are not given yet."""
    column = frame[name]
    if is_numeric(column) and not pd.api.types.is_bool_dtype(column.dtype):
        values = numbers(frame, name)
        if np.isinf(values).any():
            raise InputError(f"term {name!r} has infinite values", where=np.flatnonzero(np.isinf(values)) + 1)
        known = ~np.isnan(values)
        if not known.any() or np.ptp(values[known]) == 0:
            raise InputError(f"term {name!r} does not vary", next_step="Leave it out.")
        out = [Covariate(name, "", "", 0, np.where(known, values, values[known].mean()), known)]
        if not known.all():
            everybody = np.ones(len(values), dtype=bool)
            out.append(Covariate(name, f"{MISSING} vs known", MISSING, 0, (~known).astype(float), everybody))
        return out
    found = levels_of(frame, name, (*UNKNOWN_WORDS, MISSING))
    everybody = np.ones(len(frame), dtype=bool)
    parts = [(level, found.codes == code) for code, level in enumerate(found.levels)] + [(MISSING, found.codes < 0)]
    parts = [(level, has) for level, has in parts if has.any()]
    if len(parts) < 2:
        raise InputError(f"term {name!r} has only one level", next_step="Leave it out.")
    base = label(parts[0][0])
    return [
        Covariate(
            name, f"{label(level)} vs {base}" if place else base, level, 0 if place else -1, has.astype(float), everybody
        )
        for place, (level, has) in enumerate(parts)
    ]


def placed(covariates: list[Covariate], n: int) -> tuple[list[Covariate], Floats]:
    """Covariates with their places in the design matrix, whose first column is the intercept, and the matrix."""
    columns, out = [np.ones(n)], []
    for covariate in covariates:
        if covariate.column >= 0:
            same = [place for place, column in enumerate(columns) if np.array_equal(column, covariate.values)]
            # patients without one value are often without the other
            if same and covariate.level == MISSING:
                out.append(covariate._replace(column=-2))
                continue
            columns.append(covariate.values)
            covariate = covariate._replace(column=len(columns) - 1)
        out.append(covariate)
    matrix = np.column_stack(columns)
    if np.linalg.matrix_rank(scaled(matrix)) < matrix.shape[1]:
        raise InputError("the terms determine each other", next_step="Leave out a term that follows from the others.")
    return out, matrix


def scaled(matrix: Floats) -> Floats:
    """The matrix with its columns but the intercept centred and of unit variance."""
    out = matrix.copy()
    out[:, 1:] = (matrix[:, 1:] - matrix[:, 1:].mean(axis=0)) / matrix[:, 1:].std(axis=0)
    return out


def refuse_certainty(covariates: list[Covariate], matrix: Floats, yes: NDArray[np.bool_]) -> None:
    """Refuse terms by which somebody is tested, or untested, for certain: the model has no maximum then."""
    from scipy.optimize import linprog

    for covariate in covariates:
        if covariate.level != "":
            has = covariate.values > 0
            if yes[has].all() or not yes[has].any():
                who = "everybody" if yes[has].all() else "nobody"
                unknown = covariate.level == MISSING
                where = "among those with an unknown" if unknown else "in a level of the term"
                raise InputError(
                    f"{where} {covariate.term!r} {who} was tested",
                    count=int(has.sum()),
                    next_step=f"{'Impute it' if unknown else 'Join the level to another'}, or leave the term out.",
                )
    # the likelihood has no maximum if a direction puts every tested patient on one side of all untested ones
    signed = scaled(matrix) * np.where(yes, 1.0, -1.0)[:, None]
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1), method="highs")
    if found.status == 0 and -found.fun > 1e-6 * len(signed):
        raise InputError(
            "the terms separate the tested from the untested",
            next_step="Use fewer terms or coarser levels: some patients had no chance, or no choice, by this model.",
        )


def fitted(matrix: Floats, yes: NDArray[np.bool_]) -> Any:
    """The logistic regression, by statsmodels."""
    from statsmodels.discrete.discrete_model import Logit

    fit = Logit(yes.astype(float), matrix).fit(method="newton", tol=1e-10, maxiter=100, disp=False, warn_convergence=False)
    if not fit.mle_retvals["converged"] or not np.isfinite(fit.params).all():
        raise ConvergenceError("the model of being tested did not reach its maximum", next_step="Use fewer terms.")
    return fit


def late_terms(data: Cohort | pd.DataFrame, names: Sequence[str]) -> str:
    """A note on terms that are known only after diagnosis; empty for a data frame, which does not say."""
    if not isinstance(data, Cohort):
        return ""
    late = [name for name in names if isinstance(known := data.known_at(name), str) or known > 0]
    return f"known only after diagnosis: {', '.join(late)}" if late else ""


def balance_of(covariates: list[Covariate], yes: NDArray[np.bool_], weight: Floats) -> pd.DataFrame:
    """Standardised difference of each covariate between the tested and all patients, before and after weighting."""
    rows = []
    for covariate in covariates:
        values, known = covariate.values, covariate.known
        everybody, among = values[known], known[yes]
        mean = everybody.mean()
        variance = everybody.var(ddof=1) if covariate.level == "" else mean * (1 - mean)
        seen = values[yes][among]
        means = [seen.mean(), np.average(seen, weights=weight[among])] if len(seen) else [np.nan, np.nan]
        (before, note), (after, _) = (standardised(m - mean, variance) for m in means)
        rows.append((covariate.term, covariate.level, "tested vs all", before, after, note))
    table = pd.DataFrame(rows, columns=["variable", "level", "contrast", "before", "after", "note"])
    return table.assign(level=as_objects(table["level"].tolist()))


def diagnostics_of(yes: NDArray[np.bool_], probability: Floats, weight: Floats, raw: Floats, note: str) -> pd.DataFrame:
    """One row on the weights."""
    from scipy.stats import mannwhitneyu

    pairs = float(yes.sum()) * float((~yes).sum())
    ranks = mannwhitneyu(probability[yes], probability[~yes], method="asymptotic") if np.ptp(probability) else None
    row = {
        "n": len(yes),
        "n_tested": int(yes.sum()),
        "n_effective": float(weight.sum() ** 2 / (weight**2).sum()),
        "weight_mean": float(weight.mean()),
        "weight_min": float(weight.min()),
        "weight_max": float(weight.max()),
        "share_truncated": float((weight != raw).mean()),
        "concordance": 0.5 if ranks is None else float(ranks.statistic) / pairs,
        "note": note,
    }
    return pd.DataFrame([row])


def coefficients_of(covariates: list[Covariate], fit: Any, conf_level: float) -> pd.DataFrame:
    """The logistic model as a tidy table."""
    limits = fit.conf_int(alpha=1 - conf_level)
    numbers_of = np.column_stack([fit.params, fit.bse, limits, fit.tvalues, fit.pvalues])
    rows = [("intercept", "", *numbers_of[0], "")]
    for covariate in covariates:
        if covariate.column > 0:
            rows.append((covariate.term, covariate.contrast, *numbers_of[covariate.column], ""))
        elif covariate.column == -1:
            rows.append((covariate.term, covariate.contrast, 0.0, *[np.nan] * 5, "reference"))
        else:
            rows.append((covariate.term, covariate.contrast, *[np.nan] * 6, "missing in the same patients as a term above"))
    columns = ["term", "contrast", "estimate", "std_error", "low", "high", "statistic", "p_value", "note"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(conf_level=conf_level, interval="Wald", scale="log odds ratio")[
        [*columns[:6], "conf_level", "interval", "scale", *columns[6:]]
    ]
