"""Every column that a tidy table may have: what it means, and its unit.

A tidy table has one row a number. Its key is (term, contrast, group, cause, time); columns that do not apply are absent.
"""

from __future__ import annotations

from ikzf1_outcomes.glossary import genome, hierarchical, outcomes, prediction, published, signalling
from ikzf1_outcomes.glossary.column import Column as Column

GLOSSARY = {
    name: column
    for part in (outcomes, prediction, genome, signalling, hierarchical, published)
    for name, column in part.COLUMNS.items()
}


def check_columns(columns: list[str]) -> list[str]:
    """Names in `columns` that the glossary does not know."""
    return [name for name in columns if name not in GLOSSARY]
