"""The effect of a baseline variable from a landmark on: in total, and not through what was known only by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from ikzf1_outcomes.effects.side_by_side import COLUMNS as SIDE_BY_SIDE
from ikzf1_outcomes.effects.side_by_side import attempted, check_method, fitted_by, kind_of_effect
from ikzf1_outcomes.endpoint import Columns, Endpoint, take_rows
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import design
from ikzf1_outcomes.formula.grammar import beside, read_terms

TOTAL, NOT_THROUGH = "total", "not through"
NO_MEDIATION = "against the total no estimate of mediation"
"""Note of the effects that are not through what came later."""
COLUMNS = tuple(name for name in SIDE_BY_SIDE if name != "p_proportional")


def effects_after_baseline(
    endpoint: Endpoint,
    variable: str,
    later: str | Sequence[str],
    *,
    adjust: str | Sequence[str] | None = None,
    cause: str | None = None,
    strata: Columns | None = None,
    method: str = "cox",
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """The effect of a variable from a landmark on, without and with what came between baseline and landmark.

    "total": hazard ratios of `variable` among those still event-free at the landmark, whatever has come of it by then.
    "not through mrd_TP1": the same with residual disease in the model, the effect among patients with equal residual
    disease. Residual disease is a consequence of the leukaemia, and of its variable too: this is no adjustment for
    confounding, and where the question is what the variable means for the patient, the total effect answers it.

    The difference of the two is no estimate of mediation: that needs in addition that nothing unknown acts on both what
    came between and the outcome, that the two have no interaction, and a scale on which effects add up, which hazard
    ratios are not (a ratio changes with the terms of its model even where nothing is confounded or mediated). The rows
    say so in `note`. Both effects are of survivors to the landmark, who are selected if the variable brings early events.

    Both models are fitted to the rows in which all terms and strata of the larger one are known.

    Parameters
    ----------
    endpoint
        From the landmark on (`landmark`), at which the columns of `later` are known; a column that is not yet known then
        is refused where the endpoint has the times at which columns are known.
    variable
        Column, known at baseline.
    later
        Column or columns that came after baseline: residual disease, risk arm, transplant done.
    adjust
        Formula or columns of baseline terms, in both models.
    cause
        Name of a cause; None takes any event.
    strata
        Column or columns whose levels have baselines of their own; not for "fine_gray".
    method
        "cox", "firth" or "fine_gray".
    references
        Column to reference level.
    conf_level
        Level of the intervals.

    Returns
    -------
    DataFrame
        Two rows a coefficient of `variable`: method, model ("total", "not through ..."), term, contrast, cause, n, n_event,
        estimate (log ratio), std_error, low, high, conf_level, interval, scale, p_value, note. A model that has no fit has
        rows without numbers, with the reason in `note`.

    Raises
    ------
    ColumnError, InputError
        Unknown columns, causes, levels or methods; a column that is known only later; one column twice; nobody with all
        terms known.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": range(1, 13), "s": [1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1], "arm": list("aabb") * 3})
    >>> d["mrd"] = list("+--+-+") * 2
    >>> endpoint = iko.landmark(iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"}), 1)
    >>> table = iko.effects_after_baseline(endpoint, "arm", "mrd")
    >>> table[["model", "contrast", "n"]].values.tolist()[1::2]
    [['total', 'b vs a', 6.0], ['not through mrd', 'b vs a', 6.0]]
    """
    after = [later] if isinstance(later, str) else list(later)
    columns = {factor.column for term in read_terms(adjust) for factor in term.factors} if adjust else set()
    layers = [] if strata is None else [strata] if isinstance(strata, str) else list(strata)
    if not after or len({variable, *after}) < 1 + len(after) or columns & {variable, *after}:
        raise InputError("nothing that came later, or one column twice", next_step="Name each column once.")
    check_method(endpoint, cause, method, layers, conf_level)
    smaller, larger = beside([variable], adjust), beside([variable, *after], adjust)
    whole = design(endpoint, larger, references=references)
    keep = whole.keep & (endpoint.groups(layers or None).codes >= 0)
    if not keep.any():
        raise InputError("no row has all terms and strata known", next_step="Check what came later for missing values.")
    part = endpoint if keep.all() else take_rows(endpoint, keep)
    tables = []
    for model, terms in ((TOTAL, smaller), (f"{NOT_THROUGH} {', '.join(after)}", larger)):
        known = design(part, terms).spec.columns
        own = {name: level for name, level in (references or {}).items() if name in known}
        options: dict[str, Any] = {"cause": cause, "references": own, "conf_level": conf_level}
        fit = partial(fitted_by, method, part, terms, layers or None, **options)
        table = attempted(fit, design(part, terms, references=own), cause, tested=False)
        tables.append(table[table["term"] == variable].assign(model=model))
    out = pd.concat(tables, ignore_index=True).assign(method=kind_of_effect(part, cause, method))
    told = (out["model"] != TOTAL) & out["estimate"].notna() & (out["note"] != "reference")
    out["note"] = out["note"].where(~told, [f"{note}; {NO_MEDIATION}" if note else NO_MEDIATION for note in out["note"]])
    return out[list(COLUMNS)]
