"""The effect of a variable within subgroups, as a ratio and as a difference in risk, and whether it is the same in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ikzf1_outcomes.curves.differences import risk_difference
from ikzf1_outcomes.effects.side_by_side import check_method, fitted_by, kind_of_effect
from ikzf1_outcomes.endpoint import Columns, Endpoint, label, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import design
from ikzf1_outcomes.formula.grammar import beside, without_column
from ikzf1_outcomes.kernels.risk import snap
from ikzf1_outcomes.models.combinations import Fit, contrasts
from ikzf1_outcomes.models.interactions import ALL, heterogeneity, interaction_fits

EVERYBODY = "all patients"
"""The `variable` of the rows that are not of a subgroup."""
RISK, COCHRAN = "risk difference", "Cochran's Q"
COLUMNS = (
    "variable", "group", "term", "contrast", "cause", "time", "n", "n_event", "estimate", "std_error", "low", "high",
    "conf_level", "interval", "scale", "statistic", "df", "p_value", "method", "note",
)  # fmt: skip
TEXTS = ("contrast", "interval", "scale", "note")


class Asked(NamedTuple):
    """What all subgroups share."""

    variable: str
    levels: tuple[Any, ...]
    at: float
    cause: str | None
    method: str
    adjust: str | tuple[str, ...] | None
    strata: tuple[str, ...]
    references: Mapping[str, Any]
    conf_level: float

    @property
    def names(self) -> tuple[str, ...]:
        """The contrasts: each level against the reference, which is the first."""
        return tuple(f"{label(level)} vs {label(self.levels[0])}" for level in self.levels[1:])


def subgroup_effects(
    endpoint: Endpoint,
    variable: str,
    subgroups: str | Sequence[str],
    *,
    at: float,
    cause: str | None = None,
    method: str = "cox",
    adjust: str | Sequence[str] | None = None,
    strata: Columns | None = None,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    r"""Effects of a variable within each level of other columns: ratios of hazards, differences in risk, heterogeneity.

    For each level of each subgroup column and each level of `variable` against its reference: the hazard ratio from the
    model with the interaction, adjusted for `adjust` (`interaction_effects`); and the difference in the risk of the event
    by `at`, 1 - Kaplan-Meier or the cumulative incidence of the cause, of the patients of that level, adjusted for nothing
    (`risk_difference`). An effect may be the same in all subgroups on one of the two scales and not on the other.

    Heterogeneity of the ratios: the test that the interaction is 0. Of the differences d_g with standard errors s_g:
    Cochran's Q over the levels whose difference has one, chi-square with one degree of freedom less than there are levels
    (Cochran 1954, recalled, not verified),

    .. math:: Q = \sum_g w_g (d_g - \bar d)^2, \qquad w_g = s_g^{-2}, \qquad \bar d = \sum_g w_g d_g / \sum_g w_g .

    An effect "significant" in one subgroup and not in another is no heterogeneity; the tests are, and with several columns
    each is one of several tests.

    Edge rules. A row in whose subgroup nobody has one of the two compared levels, or none of the ratio's events happened,
    or follow-up ends before `at`, has no number and a note. The model of the ratios leaves out the levels in which nobody
    has the reference of `variable`, or nobody any other of its levels: they have no effect to tell. Where one of the two
    groups had no event by `at` the difference has no variance, and no part in Q. Rows in which the variable, a term of
    `adjust` or a stratum is missing are left out of everything, those without a subgroup out of that column. A subgroup
    column that is a stratum, or one of the columns of `adjust`, is neither in its own model.

    Parameters
    ----------
    endpoint
        Times and causes.
    variable
        Column with levels; a number with more than two values is refused.
    subgroups
        Column or columns with levels.
    at
        Time of the risks, in the endpoint's unit.
    cause
        Name of a cause; None takes any event.
    method
        "cox", "firth" or "fine_gray", as in `interaction_effects`.
    adjust
        Formula or columns of the other terms of the models.
    strata
        Column or columns whose levels have baselines of their own; not for "fine_gray".
    references
        Column to reference level.
    conf_level
        Level of the intervals.

    Returns
    -------
    DataFrame
        One row an effect or a test: variable (the subgroup column, or "all patients"), group (its level, or "all"; "" for a
        test), term (`variable`, or "variable:column" for a test), contrast, cause, time (of a risk difference), n, n_event
        (of the level; for a difference, of the two groups and by `at`), estimate, std_error, low, high, conf_level,
        interval, scale, statistic, df, p_value, method, note.

    Raises
    ------
    ColumnError, InputError
        Unknown columns, causes, levels or methods; a column that is a number; one column twice; a variable with one level.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": range(1, 13), "s": [1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1], "arm": list("aabb") * 3})
    >>> d["sex"] = list("fm") * 6
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> table = iko.subgroup_effects(endpoint, "arm", "sex", at=8)
    >>> table.loc[table["method"] == "risk difference", ["variable", "group", "n"]].values.tolist()
    [['all patients', 'all', 12.0], ['sex', 'f', 6.0], ['sex', 'm', 6.0]]
    """
    names = [subgroups] if isinstance(subgroups, str) else list(subgroups)
    others = adjust if adjust is None or isinstance(adjust, str) else tuple(adjust)
    layers = () if strata is None else (strata,) if isinstance(strata, str) else tuple(strata)
    # which level of a subgroup column is the reference changes no effect within its levels
    given = {column: level for column, level in (references or {}).items() if column not in names}
    check(endpoint, (variable, *names), at, cause, method, layers, conf_level)
    known, levels = with_levels(endpoint, variable, given.pop(variable, None))
    matrix = design(known, beside([variable], others), references=given)
    keep = matrix.keep & (known.groups(layers or None).codes >= 0)
    if not keep.any():
        raise InputError("no row has all terms and strata known")
    part = known if keep.all() else take_rows(known, keep)
    part, levels = with_levels(part, variable, levels[0])
    if len(levels) < 2:
        raise InputError(f"{variable!r} has one level", next_step="An effect compares two.")
    asked = Asked(variable, levels, float(at), cause, method, others, layers, given, conf_level)
    rows = overall(part, asked)
    for name in names:
        rows += one_subgroup(part, name, asked)
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    table["cause"] = cause or "any"
    for text in TEXTS:
        table[text] = table[text].fillna("").astype(object)
    return table.astype(dict.fromkeys(("time", "n", "n_event", "conf_level", "statistic", "df"), float))


def check(
    endpoint: Endpoint,
    names: tuple[str, ...],
    at: float,
    cause: str | None,
    method: str,
    strata: tuple[str, ...],
    conf_level: float,
) -> None:
    """Refuse what no subgroup could be computed with."""
    if len(set(names)) < len(names) or len(names) < 2:
        raise InputError("no subgroup, or one column twice", next_step="Name the variable and other columns, each once.")
    if not (np.isfinite(at) and at > 0):
        raise InputError("the time of the risks must be a positive number", next_step="Give it in the endpoint's unit.")
    check_method(endpoint, cause, method, strata, conf_level)


def with_levels(endpoint: Endpoint, name: str, first: Any = None) -> tuple[Endpoint, tuple[Any, ...]]:
    """The endpoint with a column as the levels that somebody has, the reference before the others.

    Raises
    ------
    InputError
        A number with more than two values; a reference that nobody has.
    """
    column = endpoint.column(name)
    number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if number and column.nunique() > 2:
        raise InputError(f"{name!r} is a number", next_step="Make groups of it first.")
    groups = endpoint.groups(name)
    found = [groups.levels[code] for code in np.unique(groups.codes[groups.codes >= 0])]
    if first is not None and first not in found:
        raise InputError(f"nobody has the reference level of {name!r}", next_step=f"Use {', '.join(map(label, found))}.")
    levels = tuple(found if first is None else [first, *(level for level in found if level != first)])
    place = {level: k for k, level in enumerate(levels)}
    codes = np.array([place.get(level, -1) for level in groups.levels] + [-1])[groups.codes]
    return endpoint.with_column(name, pd.Categorical.from_codes(codes, categories=list(levels))), levels


def overall(part: Endpoint, asked: Asked) -> list[dict[str, Any]]:
    """The effect in all patients, on both scales."""

    options: dict[str, Any] = {"cause": asked.cause, "conf_level": asked.conf_level, "references": asked.references}
    terms, strata = beside([asked.variable], asked.adjust), list(asked.strata) or None
    made, why = attempted(lambda: fitted_by(asked.method, part, terms, strata, **options))
    place = {"variable": EVERYBODY, "group": ALL}
    members = np.ones(len(part), dtype=bool)
    return [{**row, **place} for row in (*ratios(part, members, made, why, {}, asked), *risks(part, members, asked))]


def one_subgroup(part: Endpoint, name: str, asked: Asked) -> list[dict[str, Any]]:
    """The effects within the levels of one column, and the two kinds of test."""
    known = part.groups(name).codes >= 0
    if not known.any():
        raise InputError(f"{name!r} is known of nobody", next_step="Leave it out of the subgroups.")
    own, levels = with_levels(part if known.all() else take_rows(part, known), name)
    made, why = attempted(lambda: models(own, name, levels, asked))
    codes = own.groups(name).codes
    rows: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    for code, level in enumerate(levels):
        members = codes == code
        fit = None if made is None else made[1]
        rows += [{**row, "group": label(level)} for row in ratios(own, members, fit, why, {name: level}, asked)]
        differences += [{**row, "group": label(level)} for row in risks(own, members, asked)]
    whole = {"n": own.patients(np.ones(len(own), dtype=bool)), "n_event": int(own.ends_with(asked.cause).sum())}
    tests = [interaction(made, why, name, asked), *(spread(differences, contrast, asked.at) for contrast in asked.names)]
    rows += differences + [{**whole, **row, "group": "", "term": f"{asked.variable}:{name}"} for row in tests]
    return [{**row, "variable": name} for row in rows]


def models(own: Endpoint, name: str, levels: tuple[Any, ...], asked: Asked) -> tuple[Fit, Fit]:
    """The models without and with the interaction, of the levels that have an effect to tell."""
    present = pd.crosstab(own.groups(name).codes, own.groups(asked.variable).codes).reindex(
        index=range(len(levels)), columns=range(len(asked.levels)), fill_value=0
    )
    classes = (present > 0).sum(axis=1).to_numpy()
    telling = (present[0] > 0).to_numpy() & (classes > 1)
    if telling.sum() < 2:
        raise InputError("fewer than two levels have somebody in both groups")
    # the columns of the interaction are independent of each other only when its reference has all levels of the variable
    first = levels[int(np.where(telling, classes, 0).argmax())]
    part = own if telling.all() else take_rows(own, telling[own.groups(name).codes])
    part, _ = with_levels(part, name, first)
    return interaction_fits(
        part,
        asked.variable,
        name,
        adjust=without_column(asked.adjust, name),
        cause=asked.cause,
        method=asked.method,
        ties="efron",
        strata=[column for column in asked.strata if column != name] or None,
        references={k: v for k, v in asked.references.items() if k != name},
        conf_level=asked.conf_level,
    )


def interaction(made: tuple[Fit, Fit] | None, why: str, name: str, asked: Asked) -> dict[str, Any]:
    """The test that the ratios are the same in all levels."""
    if made is not None:
        found, why = attempted(lambda: heterogeneity(made[0], made[1], asked.variable, name).iloc[0])
        if found is not None:
            row: dict[str, Any] = found[["method", "n", "n_event", "statistic", "df", "p_value", "note"]].to_dict()
            return row
    return {"method": "test of the interaction", "note": why}


def attempted(make: Any) -> tuple[Any, str]:
    """What `make` returns, or the reason why there is nothing."""
    try:
        return make(), ""
    except (ConvergenceError, InputError) as failure:
        return None, f"not estimable: {failure.problem}"


def nobody(endpoint: Endpoint, members: np.ndarray, asked: Asked) -> list[str]:
    """For each contrast, the note that one of its levels has nobody among some rows, or ""."""
    present = set(endpoint.groups(asked.variable).codes[members].tolist())
    return [
        next((f"not estimable: nobody in {label(asked.levels[k])}" for k in (0, code) if k not in present), "")
        for code in range(1, len(asked.levels))
    ]


def ratios(
    endpoint: Endpoint, members: np.ndarray, fit: Fit | None, why: str, settled: Mapping[str, Any], asked: Asked
) -> list[dict[str, Any]]:
    """The log hazard ratios of each contrast among some rows."""
    shared = {
        "term": asked.variable,
        "n": endpoint.patients(members),
        "n_event": int((endpoint.ends_with(asked.cause) & members).sum()),
        "method": kind_of_effect(endpoint, asked.cause, asked.method),
    }
    rows = []
    for level, contrast, empty in zip(asked.levels[1:], asked.names, nobody(endpoint, members, asked), strict=True):
        row: dict[str, Any] = {"contrast": contrast, "note": empty or why}
        if fit is not None and not empty:
            pair = ({asked.variable: level, **settled}, {asked.variable: asked.levels[0], **settled})
            row = contrasts(fit, {contrast: pair}).tidy().iloc[0].to_dict()
        rows.append({**row, **shared})
    return rows


def risks(endpoint: Endpoint, members: np.ndarray, asked: Asked) -> list[dict[str, Any]]:
    """The risk difference of each contrast among some rows."""
    empty = nobody(endpoint, members, asked)
    found: dict[str, dict[str, Any]] = {}
    if not all(empty):
        own = endpoint if members.all() else take_rows(endpoint, members)
        table = risk_difference(own, asked.variable, at=asked.at, cause=asked.cause, conf_level=asked.conf_level)
        found = {row["contrast"]: row for row in table.to_dict("records")}
    codes = endpoint.groups(asked.variable).codes
    early = endpoint.ends_with(asked.cause) & (endpoint.time <= snap(np.array([asked.at]), endpoint.rows.times)[0])
    rows = []
    for code, (contrast, why) in enumerate(zip(asked.names, empty, strict=True), 1):
        two = members & np.isin(codes, (0, code))
        row = found[contrast] if not why else {"contrast": contrast, "note": why}
        counts = {"n": endpoint.patients(two), "n_event": int((early & two).sum())}
        rows.append({**row, **counts, "term": asked.variable, "time": asked.at, "method": RISK})
    return rows


def spread(differences: Sequence[Mapping[str, Any]], contrast: str, at: float) -> dict[str, Any]:
    """Cochran's Q of one contrast over the levels whose difference has a variance."""
    own = [row for row in differences if row["contrast"] == contrast]
    d, s = (np.array([row.get(name, np.nan) for row in own], dtype=float) for name in ("estimate", "std_error"))
    usable = np.isfinite(d) & np.isfinite(s) & (s > 0)
    k = int(usable.sum())
    row: dict[str, Any] = {"contrast": contrast, "time": at, "method": COCHRAN}
    row["note"] = "" if k == len(own) else f"{k} of {len(own)} levels have a difference with a variance"
    if k < 2:
        return {**row, "note": f"not estimable: {row['note'] or 'there is one level only'}"}
    weight = s[usable] ** -2
    mean = (weight * d[usable]).sum() / weight.sum()
    statistic = float((weight * (d[usable] - mean) ** 2).sum())
    return {**row, "statistic": statistic, "df": k - 1, "p_value": float(chdtrc(k - 1, statistic))}
