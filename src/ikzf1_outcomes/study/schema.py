"""All keys of a study file and all fields of the dictionary, as text."""

from __future__ import annotations

from ikzf1_outcomes.cohort.dictionary import DICTIONARY, Field
from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.study.plan import POLICIES, SECTIONS


def schema_text() -> str:
    """What may stand in a study file.

    Returns
    -------
    str
        Sections with their keys, then the fields that `[cohort.columns]` may map.
    """
    lines = []
    for section, keys in SECTIONS.items():
        lines += [f"[{section}]", *(f"  {key}: {meaning}" for key, meaning in keys.items()), ""]
    lines += [
        f"[endpoints.NAME]  NAME is one of {', '.join(ENDPOINTS)}",
        f"  {', '.join(POLICIES)}: see define_endpoint",
        "",
    ]
    lines += ["[cohort.columns]  field = column of the file", *(f"  {describe(field)}" for field in DICTIONARY.values())]
    return "\n".join(lines)


def describe(field: Field) -> str:
    """A field in one line."""
    limits = f" {field.low:g} to {field.high:g}" if field.low is not None and field.high is not None else ""
    levels = f": {', '.join(field.levels)}" if field.levels else ""
    unit = f" ({field.unit})" if field.unit else ""
    return f"{field.name}: {field.label}{unit}, {field.kind}{limits}{levels}"
