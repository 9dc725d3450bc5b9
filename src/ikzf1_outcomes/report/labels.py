"""What a reader sees instead of codes."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ikzf1_outcomes.results import EVERYBODY

NO_DELETION = "no deletion detected"

LEVEL_LABELS: dict[tuple[str, str], str] = {
    ("ikzf1_class", "none"): NO_DELETION,
    ("ikzf1_class", "whole_gene"): "whole gene (Δ1-8)",
    ("ikzf1_class", "ik6"): "IK6 (Δ4-7)",
    ("ikzf1_class", "del_4_8"): "Δ4-8",
    ("ikzf1_class", "other"): "other deletion",
    ("ikzf1_class", "not_tested"): "not tested",
    ("ikzf1_deletion", "not deleted"): NO_DELETION,
    ("ikzf1_functional_group", "none"): NO_DELETION,
}

ESTIMATE_LABELS = {
    "EFS": "EFS",
    "OS": "OS",
    "DFS": "DFS",
    "RELAPSE": "CIR",
    "TRM": "TRM",
    "SMN": "second malignancy",
}


def level_label(variable: str, level: str) -> str:
    """A level of a variable in words; "none" of the IKZF1 class is never "wild type": an assay can miss a deletion.

    Examples
    --------
    >>> level_label("ikzf1_class", "none")
    'no deletion detected'
    """
    return LEVEL_LABELS.get((variable, level), str(level).replace("_", " "))


def variable_label(variable: str, labels: Mapping[str, str]) -> str:
    """A variable in words: the label of its field, or its name."""
    return labels.get(variable, variable)


def estimate_name(endpoint: str, origin: str = "") -> str:
    """What the field calls an endpoint's estimate; with its origin where a table has several.

    Examples
    --------
    >>> estimate_name("RELAPSE", "remission")
    'CIR from remission'
    """
    return ESTIMATE_LABELS.get(endpoint, endpoint) + (f" from {origin}" if origin else "")


def shown_origins(results: pd.DataFrame) -> dict[str, str]:
    """Origin of each endpoint, empty where all endpoints share one: then no row can be mistaken."""
    origins = results.groupby("endpoint", sort=False)["origin"].first()
    return {name: origin if len(set(origins)) > 1 else "" for name, origin in origins.items()}


def section_label(variable: str, labels: Mapping[str, str]) -> str:
    """Heading of a block of rows."""
    return "All patients" if variable == EVERYBODY else variable_label(variable, labels)


def row_heading(variable: str, group: str, labels: Mapping[str, str]) -> dict[str, str]:
    """The two leading cells of a row: its block and its level."""
    return {
        "section": section_label(variable, labels),
        "row": "All" if variable == EVERYBODY else level_label(variable, group),
    }


def ordered_variables(results: pd.DataFrame) -> list[str]:
    """Variables in the order of the results, everybody first."""
    names = list(dict.fromkeys(results["variable"]))
    return sorted(names, key=lambda name: name != EVERYBODY)
