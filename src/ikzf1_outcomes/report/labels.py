"""What a reader sees instead of codes."""

from __future__ import annotations

from collections.abc import Mapping

NO_DELETION = "no deletion detected"

LEVEL_LABELS: dict[tuple[str, str], str] = {
    ("ikzf1_class", "none"): NO_DELETION,
    ("ikzf1_class", "whole_gene"): "whole gene (Δ1-8)",
    ("ikzf1_class", "ik6"): "IK6 (Δ4-7)",
    ("ikzf1_class", "del_4_8"): "Δ4-8",
    ("ikzf1_class", "other"): "other deletion",
    ("ikzf1_class", "not_tested"): "not tested",
    ("ikzf1_deletion", "not deleted"): NO_DELETION,
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
    return LEVEL_LABELS.get((variable, level), level)


def variable_label(variable: str, labels: Mapping[str, str]) -> str:
    """A variable in words: the label of its field, or its name."""
    return labels.get(variable, variable)


def estimate_label(endpoint: str, horizon: float) -> str:
    """Heading of a main estimate: "5-year EFS, %"."""
    return f"{horizon:g}-year {ESTIMATE_LABELS.get(endpoint, endpoint)}, %"
