"""Effect sizes side by side: each term alone and all together, on the hazard and on the incidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Columns, Endpoint, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Design, design
from ikzf1_outcomes.models.assumptions import proportional_hazards_test
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.models.interactions import METHODS
from ikzf1_outcomes.models.penalised import FirthFit
from ikzf1_outcomes.models.proportional_hazards import cox
from ikzf1_outcomes.models.subdistribution import fine_gray
from ikzf1_outcomes.models.subdistribution_fit import SubdistributionFit

FEW_EVENTS = 5
"""A level with fewer events has its penalised estimate too."""
HAZARD, CAUSE_SPECIFIC = "hazard", "cause-specific hazard"
PENALISED, SUBDISTRIBUTION = "penalised hazard", "subdistribution hazard"
UNIVARIABLE, MULTIVARIABLE = "univariable", "multivariable"
MEANING = {
    HAZARD: "How many times as many events a unit of time, among those still without one.",
    CAUSE_SPECIFIC: "How many times as many events of the cause a unit of time, among those still without any event; it "
    "says nothing of whose incidence is larger.",
    PENALISED: "The hazard ratio with Firth's penalty, which keeps it finite and nearly unbiased where events are few.",
    SUBDISTRIBUTION: "The direction of the difference in the incidence of the cause, other events competing; its size "
    "is no ratio of rates.",
}
COLUMNS = (
    "method", "model", "term", "contrast", "cause", "n", "n_event", "estimate", "std_error", "low", "high", "conf_level",
    "interval", "scale", "p_value", "p_proportional", "note",
)  # fmt: skip


def effect_table(
    endpoint: Endpoint,
    terms: Sequence[str],
    *,
    cause: str | None = None,
    strata: Columns | None = None,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Hazard ratios of each term alone and of all together, with what tiny groups and competing causes ask for.

    Kinds of effect, named in `method`. "hazard": Cox, any event. "cause-specific hazard": Cox for `cause`, the other causes
    censored. "penalised hazard": the same with Firth's penalty and profile limits, in models with a level that has fewer
    than 5 events, where Cox's estimate is biased or does not exist. "subdistribution hazard": Fine and Gray, for `cause`
    where others compete. What each means in words: `MEANING`.

    All models are fitted to the rows in which every term and stratum is known, so that a univariable and a multivariable
    estimate differ by adjustment and not by patients. The Cox model with all terms is tested for proportional hazards, term
    by term (`proportional_hazards_test`, "km"); `p_proportional` has the result in each of its rows.

    Parameters
    ----------
    endpoint
        Times and causes.
    terms
        Columns, one or several.
    cause
        Name of a cause; None takes any cause as the event.
    strata
        Column or columns whose levels have baselines of their own, in the Cox models.
    references
        Column to reference level.
    conf_level
        Level of the intervals.

    Returns
    -------
    DataFrame
        One row a (method, model, coefficient): method, model ("univariable", "multivariable"), term, contrast, cause, n,
        n_event, estimate (log ratio), std_error, low, high, conf_level, interval, scale, p_value, p_proportional (of the
        term, in the multivariable Cox model), note. A model that has no fit has a row without numbers for each of its
        coefficients, with the reason in `note`.

    Raises
    ------
    ColumnError, InputError
        Unknown columns, causes or levels; nobody with all terms known.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [4.0, 3, 1, 1, 2, 2, 3, 5], "s": [1, 1, 1, 0, 1, 1, 0, 0], "x": [0, 2, 1, 1, 1, 0, 0, 1]})
    >>> d["sex"] = list("fmfmfmfm")
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> table = iko.effect_table(endpoint, ["x", "sex"])
    >>> table.loc[table["term"] == "x", ["method", "model"]].values.tolist()
    [['hazard', 'univariable'], ['hazard', 'multivariable'], ['penalised hazard', 'multivariable']]
    """
    names = [terms] if isinstance(terms, str) else list(terms)
    whole = design(endpoint, names, references=references)
    keep = whole.keep & (endpoint.groups(strata).codes >= 0)
    if not keep.any():
        raise InputError("no row has all terms and strata known", next_step="Check the strata for missing values.")
    part = endpoint if keep.all() else take_rows(endpoint, keep)
    competing = cause is not None and len(part.causes) > 1
    tables = []
    for model, some in (*((UNIVARIABLE, [name]) for name in names), (MULTIVARIABLE, names)):
        own = {name: level for name, level in (references or {}).items() if name in some}
        options: dict[str, Any] = {"cause": cause, "references": own, "conf_level": conf_level}
        matrix = design(part, some, references=own)

        def fitted(
            model_of: Callable[..., Any], matrix: Design = matrix, tested: bool = False, **more: Any
        ) -> pd.DataFrame:
            fit = partial(model_of, part, list(matrix.spec.columns), **more)
            return attempted(fit, matrix, cause, tested=tested)

        first = fitted(cox, tested=model == MULTIVARIABLE, strata=strata, **options)
        found = {CAUSE_SPECIFIC if competing else HAZARD: first}
        if first["n_event"].min() < FEW_EVENTS or first["estimate"].isna().any():
            found[PENALISED] = fitted(cox, strata=strata, penalty="firth", **options)
        if competing:
            found[SUBDISTRIBUTION] = fitted(fine_gray, **options)
        tables += [table.assign(method=method, model=model) for method, table in found.items()]
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


def attempted(fit: Callable[[], Any], matrix: Design, cause: str | None, *, tested: bool) -> pd.DataFrame:
    """The table of a fit, with its test of proportional hazards where asked for; or rows that say why there is none."""
    try:
        made = fit()
    except (ConvergenceError, InputError) as failure:
        rows = [{"term": c.term, "contrast": c.contrast} for c in matrix.coefficients]
        missing = dict.fromkeys(("n", "n_event", "estimate", "std_error", "low", "high", "p_value"), np.nan)
        text = {"cause": cause or "any", "interval": "", "scale": "", "conf_level": np.nan, "p_proportional": np.nan}
        return pd.DataFrame(rows).assign(**missing, **text, note=f"not estimable: {failure.problem}")
    table: pd.DataFrame = made.tidy()
    return table.assign(p_proportional=proportional(made, table["term"]) if tested and isinstance(made, CoxFit) else np.nan)


def kind_of_effect(endpoint: Endpoint, cause: str | None, method: str) -> str:
    """What the ratios of a method ("cox", "firth", "fine_gray") are, a key of `MEANING`."""
    plain = CAUSE_SPECIFIC if cause is not None and len(endpoint.causes) > 1 else HAZARD
    return {"cox": plain, "firth": PENALISED, "fine_gray": SUBDISTRIBUTION}[method]


def fitted_by(
    method: str, endpoint: Endpoint, terms: str | Sequence[str], strata: Columns | None, **options: Any
) -> CoxFit | FirthFit | SubdistributionFit:
    """The model of a method."""
    if method == "fine_gray":
        return fine_gray(endpoint, terms, **options)
    # the two penalties have fits of their own
    made: CoxFit | FirthFit = cox(endpoint, terms, strata=strata, penalty="firth" if method == "firth" else None, **options)
    return made


def check_method(endpoint: Endpoint, cause: str | None, method: str, strata: Sequence[str], conf_level: float) -> None:
    """Refuse methods, causes and levels that no model could be fitted with."""
    if method not in METHODS:
        raise InputError("there is no such method", next_step=f"Use {', '.join(METHODS)}.")
    if method == "fine_gray" and (cause is None or strata):
        raise InputError("Fine-Gray needs a cause and has no strata here", next_step='Name a cause, or use "cox".')
    if cause is not None:
        endpoint.cause_code(cause)
    normal_quantile(conf_level)


def proportional(fit: CoxFit, terms: pd.Series) -> pd.Series:
    """The p-value of the test of proportional hazards of each term."""
    # the last row is the global test, which a term of that name must not be taken for
    found = proportional_hazards_test(fit, "km").tidy().iloc[:-1]
    return terms.map(found.set_index("term")["p_value"])
