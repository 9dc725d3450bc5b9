"""The effect table: univariable and multivariable columns side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.labels import level_label, variable_label
from ikzf1_outcomes.report.tables import SPAN, Table

HEADS = {
    "hazard": "Hazard ratio",
    "cause-specific hazard": "Cause-specific hazard ratio",
    "penalised hazard": "Penalised hazard ratio",
    "subdistribution hazard": "Subdistribution hazard ratio",
}
NOT_PROPORTIONAL = 0.05
"""A term whose test of proportional hazards has a smaller p-value is named."""
MODELS = {"univariable": "alone", "multivariable": "adjusted"}


def coefficient_name(term: str, contrast: str, labels: Mapping[str, str]) -> str:
    """A coefficient in words: "IKZF1 class: IK6 (Δ4-7)", or the label of a number."""
    name = variable_label(str(term), labels)
    return f"{name}: {level_of(str(term), str(contrast))}" if contrast else name


def level_of(term: str, contrast: str) -> str:
    """The level that a contrast speaks of."""
    return level_label(term, contrast.split(" vs ", 1)[0])


def effect_cells(rows: pd.DataFrame, labels: Mapping[str, str], name: str, title: str, meaning: Mapping[str, str]) -> Table:
    """Ratios of one endpoint: each kind of effect alone and adjusted, with patients and events.

    Returns
    -------
    Table
        A block a term; the reference level is a row. A level without a ratio reads NE.
    """
    methods = [method for method in HEADS if method in set(rows["method"])]
    first = rows[rows["method"] == methods[0]]
    body = []
    for (term, contrast), own in first.groupby(["term", "contrast"], sort=False):
        line = {
            "section": variable_label(str(term), labels),
            "row": level_of(str(term), str(contrast)) if contrast else "per unit",
            "N": cells.count(own["n"].iloc[-1]),
            "Events": cells.count(own["n_event"].iloc[-1]),
        }
        for method in methods:
            for model, head in MODELS.items():
                part = rows[
                    (rows["method"] == method)
                    & (rows["model"] == model)
                    & (rows["term"] == term)
                    & (rows["contrast"] == contrast)
                ]
                line[f"{HEADS[method]}{SPAN}{head}{' ' * methods.index(method)}"] = ratio_cell(part)
                if model == "multivariable":
                    p = part["p_value"].iloc[0] if len(part) else math.nan
                    line[f"{HEADS[method]}{SPAN}P{' ' * methods.index(method)}"] = "" if math.isnan(p) else cells.p_value(p)
        body.append(line)
    level = f"{100 * rows['conf_level'].max():g} % CI"
    notes = [f"{HEADS[method]}: {meaning[method][0].lower()}{meaning[method][1:]}" for method in methods]
    told = "Alone: one term a model; adjusted: all terms in one. The patients are those in whom every term is known."
    few = "Penalised ratios are given for models with a level of fewer than 5 events; P is of the adjusted ratio."
    return Table(name, title, level, pd.DataFrame(body).fillna(""), (told, *notes, few, *proportionality(first, labels)))


def proportionality(rows: pd.DataFrame, labels: Mapping[str, str]) -> list[str]:
    """What the test of proportional hazards says of the adjusted model; nothing where none was made."""
    if "p_proportional" not in rows:
        return []
    tested = rows[rows["p_proportional"].notna()].groupby("term", sort=False)["p_proportional"].first()
    if not len(tested):
        return []
    against = tested[tested < NOT_PROPORTIONAL]
    if not len(against):
        return [f"No evidence against proportional hazards (least {cells.p_text(tested.min())})."]
    said = [f"{variable_label(str(term), labels)} ({cells.p_text(p)})" for term, p in against.items()]
    return [f"Hazards may not be proportional, and a ratio is then a mean over time: {', '.join(said)}."]


def ratio_cell(part: pd.DataFrame) -> str:
    """One ratio with its interval; "Reference", "NE", or nothing where the model has no such column."""
    if not len(part):
        return ""
    if part["note"].iloc[0] == "reference":
        return cells.REFERENCE
    return cells.hazard_text(part) or cells.NOT_ESTIMABLE


def after_cells(rows: pd.DataFrame, labels: Mapping[str, str], name: str, title: str) -> Table:
    """Ratios from a landmark on, of one endpoint: in total, and not through what came between.

    Parameters
    ----------
    rows
        Of `effects_after_baseline`.
    labels, name, title
        Column to label; of the table.

    Returns
    -------
    Table
        A row a level; a column a model.
    """
    body = []
    for (term, contrast), own in rows.groupby(["term", "contrast"], sort=False):
        line = {
            "section": variable_label(str(term), labels),
            "row": level_of(str(term), str(contrast)) if contrast else "per unit",
            "N": cells.count(own["n"].iloc[0]),
            "Events": cells.count(own["n_event"].iloc[0]),
        }
        for place, (model, part) in enumerate(own.groupby("model", sort=False)):
            head = model_name(str(model), labels)
            line[f"{head}{SPAN}{HEADS[rows['method'].iloc[0]]}{' ' * place}"] = ratio_cell(part)
            p = part["p_value"].iloc[0]
            line[f"{head}{SPAN}P{' ' * place}"] = "" if math.isnan(p) else cells.p_value(p)
        body.append(line)
    level = f"{100 * rows['conf_level'].max():g} % CI"
    return Table(
        name, title, level, pd.DataFrame(body).fillna(""), ("Both models have the same patients. NE, not estimable.",)
    )


def model_name(model: str, labels: Mapping[str, str]) -> str:
    """A model of `effects_after_baseline` in words: "In total", "Not through MRD at TP1"."""
    if not model.startswith("not through "):
        return "In total"
    names = [variable_label(name, labels) for name in model.removeprefix("not through ").split(", ")]
    return f"Not through {', '.join(names)}"
