"""Values of a study file, checked one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ikzf1_outcomes.errors import StudyError


def known(given: Mapping[str, Any], keys: Iterable[str], where: str) -> None:
    """Refuse a key that nobody knows, with the nearest that is known."""
    allowed = list(keys)
    for key in given:
        if key not in allowed:
            raise StudyError(f"{where}: the key {key!r} is not known", next_step=nearest(key, allowed))


def nearest(key: str, allowed: list[str]) -> str:
    """A hint at the nearest known key."""
    close = get_close_matches(key, allowed, n=1, cutoff=0.4) or [name for name in allowed if name.lower() == key.lower()]
    return f"Did you mean {close[0]!r}?" if close else f"Known are: {', '.join(allowed)}."


def table(content: Mapping[str, Any], section: str) -> dict[str, Any]:
    """A section as a table."""
    value = content.get(section, {})
    if not isinstance(value, dict):
        raise StudyError(f"[{section}] must be a table")
    return value


def required(section: Mapping[str, Any], key: str, where: str) -> str:
    """A text that must be there."""
    value = section.get(key)
    if not isinstance(value, str) or not value.strip():
        raise StudyError(f"{where}: {key} is required and must be text")
    return value


def text(section: Mapping[str, Any], key: str) -> str:
    """A text, empty when left out."""
    value = section.get(key, "")
    if not isinstance(value, str):
        raise StudyError(f"{key} must be text")
    return value


def texts(section: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list of different texts."""
    value = section.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise StudyError(f"{key} must be a list of texts", next_step=f'Write {key} = ["a", "b"].')
    if len(set(value)) < len(value):
        raise StudyError(f"{key} names something twice")
    return tuple(value)


def numbers(section: Mapping[str, Any], key: str) -> dict[str, float]:
    """A table of positive numbers."""
    value = section.get(key, {})
    if not isinstance(value, dict) or not all(is_number(item) and item > 0 for item in value.values()):
        raise StudyError(f"{key} must be a table of positive numbers")
    return {name: float(item) for name, item in value.items()}


def is_number(value: object) -> bool:
    """A number that is not a truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def positive(section: Mapping[str, Any], key: str, default: float) -> float:
    """A positive number."""
    value = section.get(key, default)
    if not is_number(value) or value <= 0:
        raise StudyError(f"{key} must be a positive number")
    return float(value)


def positives(section: Mapping[str, Any], key: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """A list of positive numbers that ascend."""
    value = section.get(key, list(default))
    fine = isinstance(value, list) and all(is_number(item) and 0 < item < float("inf") for item in value)
    if not fine or sorted(set(value)) != value:
        raise StudyError(f"{key} must be a list of positive numbers that ascend", next_step=f"As in {key} = [7, 10].")
    return tuple(float(item) for item in value)


def whole(section: Mapping[str, Any], key: str, default: int) -> int:
    """A whole number that is not negative."""
    value = section.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise StudyError(f"{key} must be a whole number that is not negative")
    return value


def choice(section: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    """One of some texts, the first when left out."""
    value = section.get(key, allowed[0])
    if value not in allowed:
        raise StudyError(f"{key} cannot be {value!r}", next_step=f"Use one of {', '.join(dict.fromkeys(allowed))}.")
    return str(value)
