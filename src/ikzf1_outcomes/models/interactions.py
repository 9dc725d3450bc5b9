"""The effect of a variable within each level of another, and whether it is the same in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Columns, Endpoint, label
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula.grammar import TOKEN
from ikzf1_outcomes.formula.spec import LearnedFactor
from ikzf1_outcomes.models.coefficients import exponentiated
from ikzf1_outcomes.models.combinations import Combination, Fit, contrasts
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.models.nested import compare_nested
from ikzf1_outcomes.models.penalised import FirthFit
from ikzf1_outcomes.models.proportional_hazards import cox
from ikzf1_outcomes.models.subdistribution import fine_gray

METHODS = ("cox", "firth", "fine_gray")
ALL = "all"
"""Group of the effect without an interaction."""
COLUMNS = (
    "term", "contrast", "group", "cause", "n", "n_event", "estimate", "std_error", "low", "high", "conf_level", "interval",
    "scale", "statistic", "p_value", "note",
)  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class InteractionEffects:
    """Effects within levels; made by `interaction_effects`."""

    table: pd.DataFrame
    test: pd.DataFrame
    fit: Fit
    """The model with the interaction."""

    def __repr__(self) -> str:
        return f"InteractionEffects({self.test['term'].iloc[0]}: {len(self.table)} rows)"

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """One row a contrast and level, and one a contrast without the interaction (group "all").

        Parameters
        ----------
        exponentiate
            Give estimate, low and high as ratios; `std_error` stays on the log scale.

        Returns
        -------
        DataFrame
            term, contrast, group, cause, n, n_event (of the group), estimate, std_error, low, high, conf_level, interval,
            scale, statistic, p_value, note.
        """
        return exponentiated(self.table, exponentiate)

    def glance(self) -> pd.DataFrame:
        """One row, the test that the effect is the same in all groups: term, method, cause, n, n_event, statistic, df,
        p_value, note."""
        return self.test.copy()

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def interaction_effects(
    endpoint: Endpoint,
    variable: str,
    within: str,
    *,
    adjust: str | Sequence[str] | None = None,
    cause: str | None = None,
    method: str = "cox",
    values: Sequence[Any] | None = None,
    ties: str = "efron",
    strata: Columns | None = None,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> InteractionEffects:
    """The effect of a variable within each level of another, from one model with their interaction.

    Estimand: hazard ratios (subdistribution hazard ratios for "fine_gray") of `variable` among patients of each level of
    `within`, adjusted for `adjust`, whose effects are taken to be the same in all levels. Heterogeneity: the test that the
    interaction is 0; for "cox" the likelihood ratio, for "firth" the penalised likelihood ratio, for "fine_gray" Wald's
    with the sandwich.

    Edge rules. A level in which the compared levels of `variable` had no event has no finite ratio and a note; "firth"
    gives it one. In the likelihood-ratio test such combinations count with their limit, and a note says so. `n` and
    `n_event` are those of the level of `within`.

    Parameters
    ----------
    endpoint
        Times and causes.
    variable, within
        Columns.
    adjust
        Formula or columns of the other terms.
    cause
        Name of the cause; None takes any, and is refused for "fine_gray".
    method
        "cox", "firth" or "fine_gray".
    values
        Levels of `within`, or values where it is a number; all its levels by default.
    ties, strata
        As in `cox`; not for "fine_gray".
    references
        Column to reference level.
    conf_level
        Level of the intervals.

    Returns
    -------
    InteractionEffects
        `.tidy(exponentiate=False)`: the effects, and the one without the interaction as group "all"; `.glance()`: the test
        of heterogeneity; `.fit`: the model.

    Raises
    ------
    ColumnError, InputError, ConvergenceError
        As the models; a number as `within` without `values`; one column twice; strata for "fine_gray".

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": range(1, 13), "s": [1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1], "arm": list("aabb") * 3,
    ...                   "sex": list("fm") * 6})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.interaction_effects(endpoint, "arm", "sex").tidy()[["contrast", "group"]].values.tolist()
    [['b vs a', 'f'], ['b vs a', 'm'], ['b vs a', 'all']]
    """
    if method not in METHODS:
        raise InputError("there is no such method", next_step=f"Use {', '.join(METHODS)}.")
    if variable == within:
        raise InputError("one column twice", next_step="Name two columns.")
    for name in (variable, within):
        endpoint.column(name)
        if not isinstance(name, str) or not (piece := TOKEN.fullmatch(name)) or piece.lastgroup != "name":
            raise InputError(f"{name!r} is no name that a formula can have", next_step="Rename the column.")
    how: dict[str, Any] = {"ties": ties, "strata": strata, "references": references, "conf_level": conf_level}
    smaller, larger = interaction_fits(endpoint, variable, within, adjust=adjust, cause=cause, method=method, **how)
    parts = [rows_of_group(larger, variable, within, value) for value in values_of(larger, within, values)]
    parts.append(rows_of_group(smaller, variable, within, None))
    return InteractionEffects(pd.concat(parts, ignore_index=True), heterogeneity(smaller, larger, variable, within), larger)


def interaction_fits(
    endpoint: Endpoint,
    variable: str,
    within: str,
    *,
    adjust: str | Sequence[str] | None,
    cause: str | None,
    method: str,
    ties: str,
    strata: Columns | None,
    references: Mapping[str, Any] | None,
    conf_level: float,
) -> tuple[Fit, Fit]:
    """The models without and with the interaction; parameters as in `interaction_effects`."""
    others = [] if adjust is None else [adjust] if isinstance(adjust, str) else list(adjust)
    small, large = (" + ".join([sign.join((variable, within)), *others]) for sign in (" + ", "*"))
    how: dict[str, Any] = {"cause": cause, "references": references, "conf_level": conf_level}
    if method == "fine_gray":
        if strata is not None or cause is None:
            raise InputError("Fine-Gray needs a cause and has no strata here", next_step='Name a cause, or use "cox".')
        return fine_gray(endpoint, small, **how), fine_gray(endpoint, large, **how)
    how |= {"ties": ties, "strata": strata, "penalty": "firth" if method == "firth" else None}
    return cox(endpoint, small, **how), cox(endpoint, large, **how)


def factor_of(fit: Fit, column: str) -> LearnedFactor:
    """The factor of a column as it stands in the interaction."""
    return next(known for known in fit.design.spec.factors if known.factor.column == column)


def values_of(fit: Fit, within: str, values: Sequence[Any] | None) -> list[Any]:
    """The levels, or values, of the other variable.

    Raises
    ------
    InputError
        A number without values; a level that the model does not know.
    """
    known = list(factor_of(fit, within).levels)
    if values is None and not known:
        raise InputError(f"{within!r} is a number", next_step="Name the values in `values`.")
    chosen = known if values is None else list(values)
    if not chosen or (known and not set(chosen) <= set(known)):
        raise InputError("levels that the model does not know", next_step=f"It knows {', '.join(map(label, known))}.")
    return chosen


def rows_of_group(fit: Fit, variable: str, within: str, value: Any) -> pd.DataFrame:
    """The contrasts of a variable at one value of the other; at any, where `value` is None."""
    settled = {} if value is None else {within: value}
    levels = factor_of(fit, variable).levels
    pairs: dict[str, Combination] = {
        f"{label(level)} vs {label(levels[0])}": ({variable: level, **settled}, {variable: levels[0], **settled})
        for level in levels[1:]
    } or {"": ({variable: 1.0, **settled}, {variable: 0.0, **settled})}
    table = contrasts(fit, pairs).tidy()
    members = np.ones(len(fit.endpoint), dtype=bool)
    if value is not None and factor_of(fit, within).levels:
        members = (fit.endpoint.frame[within] == value).to_numpy(dtype=bool, na_value=False)
    kept = members & analysed_rows(fit)
    event = fit.endpoint.ends_with(None if fit.cause == "any" else fit.cause)
    table["n"], table["n_event"] = fit.endpoint.patients(kept), int((event & kept).sum())
    table["term"], table["group"] = variable, ALL if value is None else label(value)
    return table[list(COLUMNS)]


def analysed_rows(fit: Fit) -> np.ndarray:
    """Rows of the endpoint that a fit analysed."""
    return fit.estimation.complete if isinstance(fit, CoxFit) else fit.design.keep


def heterogeneity(smaller: Fit, larger: Fit, variable: str, within: str) -> pd.DataFrame:
    """The test that the interaction is 0."""
    term = f"{variable}:{within}"
    own = [c.column for c in larger.design.coefficients if c.term == term]
    if isinstance(larger, CoxFit) and isinstance(smaller, CoxFit):
        found = compare_nested(smaller, larger).glance()
    elif isinstance(larger, FirthFit):
        test = larger.test(own)
        found = pd.DataFrame({"statistic": [test.statistic], "df": [test.df], "p_value": [test.p_value], "note": ""})
        found["method"] = "penalised likelihood-ratio test"
    else:
        names = larger.design.names
        found = contrasts(larger, {names[column]: {names[column]: 1.0} for column in own}).glance()
    found["term"], found["cause"], found["n"], found["n_event"] = term, larger.cause, larger.n, larger.n_event
    return found[["term", "method", "cause", "n", "n_event", "statistic", "df", "p_value", "note"]]
