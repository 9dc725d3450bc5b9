"""The study file: everything a run needs, checked before anything is read or computed."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ikzf1_outcomes.cohort.build import read_cohort
from ikzf1_outcomes.curves.intervals import CONF_TYPES
from ikzf1_outcomes.definitions import ENDPOINTS, define_endpoint
from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.results import Settings

SECTIONS: dict[str, dict[str, str]] = {
    "study": {
        "title": "Title of the report (text, required)",
        "question": "The question that the study asks, in one or two sentences (text)",
        "notice": "What a reader must know before anything else, such as a licence or a limit of the data (text)",
        "seed": "Seed of whatever is random (whole number, default 1)",
    },
    "cohort": {
        "file": "Patient file, relative to the study file (required)",
        **dict.fromkeys(list(inspect.signature(read_cohort).parameters)[1:], "See read_cohort"),
    },
    "analysis": {
        "groups": "Columns to group by, each a block of the outcome table (list of text)",
        "horizon": "Time of the main estimates, in years (default 5)",
        "times": "Times of the estimates in results.csv, in years (default 1, 3 and the horizon)",
        "conf_type": "plain, log, log-log, logit or arcsin (default log-log)",
        "conf_level": "Level of the intervals (default 0.95)",
        "std_error": "greenwood or peto (default greenwood)",
        "style": "interval prints '63 (49-74)', error prints '63 ± 6' (default interval)",
        "strata": "Columns within which groups are compared by the tests (list of text)",
        "follow_up": "Endpoint from which follow-up is measured (default OS, else the first)",
        "landmarks": "Column to landmark in years, for groups known only after the start (table)",
    },
}
POLICIES = list(inspect.signature(define_endpoint).parameters)[2:]


@dataclass(frozen=True, slots=True)
class Plan:
    """A study file that was read and accepted."""

    path: Path
    title: str
    question: str
    notice: str
    seed: int
    file: Path
    cohort: Mapping[str, Any]
    endpoints: Mapping[str, Mapping[str, Any]]
    groups: tuple[str, ...]
    landmarks: Mapping[str, float]
    settings: Settings
    style: str


def read_plan(path: str | Path) -> Plan:
    """Read and check a study file (TOML).

    Parameters
    ----------
    path
        The file. Sections: `[study]`, `[cohort]`, `[endpoints.NAME]` for each endpoint, `[analysis]`; `schema()` lists all
        keys.

    Returns
    -------
    Plan

    Raises
    ------
    StudyError
        Not TOML; a key that is not known (with the nearest known one); a required key that is missing; a wrong type.
    """
    file = Path(path)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"there is no study file {file.name!r}", next_step="Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise StudyError(f"{file.name!r} is not a TOML file: {error}", next_step="See `ikzf1-outcomes schema`.") from None
    known(content, [*SECTIONS, "endpoints"], "the study file")
    for section, keys in SECTIONS.items():
        known(table(content, section), keys, f"[{section}]")
    study, cohort, analysis = (table(content, name) for name in SECTIONS)
    endpoints = table(content, "endpoints")
    for name, policy in endpoints.items():
        known({name: policy}, ENDPOINTS, "[endpoints]")
        if not isinstance(policy, dict):
            raise StudyError(f"[endpoints.{name}] must be a table", next_step=f"Write [endpoints.{name}] on its own line.")
        known(policy, POLICIES, f"[endpoints.{name}]")
    if not endpoints:
        raise StudyError("no endpoint is named", next_step="Add a line such as [endpoints.EFS].")
    data = required(cohort, "file", "[cohort]")
    source = file.parent / data
    if not source.is_file():
        raise StudyError(f"[cohort] file: there is no file {Path(data).name!r}", next_step="Paths start at the study file.")
    arguments = {key: value for key, value in cohort.items() if key != "file"}
    return Plan(
        path=file,
        title=required(study, "title", "[study]"),
        question=text(study, "question"),
        notice=text(study, "notice"),
        seed=whole(study, "seed", 1),
        file=source,
        cohort=arguments,
        endpoints=endpoints,
        groups=texts(analysis, "groups"),
        landmarks=numbers(analysis, "landmarks"),
        settings=settings(analysis, list(endpoints)),
        style=choice(analysis, "style", ("interval", "error")),
    )


def settings(analysis: Mapping[str, Any], endpoints: list[str]) -> Settings:
    """The settings of the results."""
    horizon = positive(analysis, "horizon", 5.0)
    times = analysis.get("times", [1.0, 3.0, horizon])
    if not isinstance(times, list) or not times or not all(is_number(t) and t >= 0 for t in times):
        raise StudyError("[analysis] times must be a list of years that are not negative")
    level = positive(analysis, "conf_level", 0.95)
    if level >= 1:
        raise StudyError("[analysis] conf_level must lie between 0 and 1", next_step="Write 0.95 for 95 %.")
    follow = analysis.get("follow_up", "OS" if "OS" in endpoints else endpoints[0])
    if follow not in endpoints:
        raise StudyError("[analysis] follow_up must be one of the endpoints", next_step=nearest(str(follow), endpoints))
    return Settings(
        horizon=horizon,
        times=tuple(float(t) for t in times),
        conf_type=choice(analysis, "conf_type", ("log-log", *CONF_TYPES)),
        conf_level=level,
        std_error=choice(analysis, "std_error", ("greenwood", "peto")),
        strata=texts(analysis, "strata"),
        follow_up_endpoint=follow,
    )


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
