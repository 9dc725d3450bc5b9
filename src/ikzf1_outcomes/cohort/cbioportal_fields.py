"""What the format says of the fields: survival, disease-free survival, time 0, and when a value is known."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort.cbioportal_calls import GENE_LEVEL
from ikzf1_outcomes.cohort.cbioportal_files import MISSING_TEXTS
from ikzf1_outcomes.cohort.cbioportal_tables import NONE_DETECTED
from ikzf1_outcomes.cohort.cells import RawTable, as_numbers
from ikzf1_outcomes.cohort.dictionary import DICTIONARY
from ikzf1_outcomes.cohort.events import SAME_DAY
from ikzf1_outcomes.cohort.findings import Findings
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.calls import COPY_NUMBERS

Mapped = Mapping[str, str | Sequence[str]]

KIND_OF_DATATYPE = {"STRING": "category", "NUMBER": "number", "BOOLEAN": "flag"}
RELAPSE = "DFS_MONTHS of events"
_STATUS = {"alive": ("0:", "LIVING"), "dead": ("1:", "DECEASED")}
_FREE, _EVENT = ("0:", "DiseaseFree"), ("1:", "Recurred/Progressed")
_SINCE_DIAGNOSIS = re.compile(
    # many studies of the portal write "diagonosis"
    r"\b(?:since|from)\s+(?:the\s+)?(?:date\s+of\s+)?(?:initial\s+|first\s+|primary\s+)?diag\w*sis\b",
    re.IGNORECASE,
)
_ANOTHER_DIAGNOSIS = re.compile("relaps|recurr|progress|metasta|second", re.IGNORECASE)


def mapping(
    raw: pd.DataFrame, made: Collection[str], columns: Mapping[str, str | Sequence[str]], relapse: bool
) -> dict[str, str | Sequence[str]]:
    """Column of each field: calls, overall survival and relapse by themselves, the caller's choices over them."""
    mapped: dict[str, str | Sequence[str]] = {"id": "PATIENT_ID"}
    mapped |= {name: name for name in made}
    if {"OS_STATUS", "OS_MONTHS"} <= set(raw):
        mapped |= {"vital_status": "OS_STATUS", "last_contact": "OS_MONTHS"}
    if relapse:
        mapped["relapse"] = RELAPSE
    if "ikzf1_class" in columns:
        # the caller's class is the better witness: the deletion follows it
        mapped.pop("ikzf1_deletion", None)
    return mapped | dict(columns)


def months_of(mapped: Mapped) -> dict[str, str]:
    """Unit of the fields that are filled from the format's own months."""
    return {name: "months" for name, column in mapped.items() if column in ("OS_MONTHS", RELAPSE)}


def with_marks(missing: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's missing marks with those of the format."""
    texts = missing.get("text", ())
    return {**missing, "text": texts if isinstance(texts, str) else [*MISSING_TEXTS, *texts]}


def fields_of(
    mapped: Mapped,
    made: Collection[str],
    told: pd.DataFrame,
    fields: Mapping[str, Mapping[str, Any]],
    at_diagnosis: bool,
) -> dict[str, dict[str, Any]]:
    """What the folder says of the fields: when they are known; of the study's own fields kind and label as well."""
    out = {name: dict(parts) for name, parts in fields.items()}
    when = 0.0 if at_diagnosis else "sample"
    for name, column in mapped.items():
        first = column if isinstance(column, str) else next(iter(column), "")
        attribute = told.loc[first] if first in told.index else None
        of_sample = first in made or (attribute is not None and attribute["table"] == "sample")
        if name not in DICTIONARY and name in out and attribute is not None:
            own = {"kind": KIND_OF_DATATYPE.get(attribute["datatype"].upper(), "category")}
            own |= {"label": attribute["display_name"]} if attribute["display_name"] else {}
            out[name] = {**own, "known_at": when if of_sample else "last_contact", **out[name]}
        elif of_sample and name in DICTIONARY and DICTIONARY[name].known_at == 0.0 and name != "id":
            out[name] = {"known_at": when, **out.get(name, {})}
    if GENE_LEVEL in mapped:
        gene: dict[str, Any] = {"kind": "category", "label": "IKZF1 copy number of the whole gene", "levels": COPY_NUMBERS}
        out[GENE_LEVEL] = {**gene, "known_at": when, **out.get(GENE_LEVEL, {})}
    if "known_at" in out.get("ikzf1_class", {}):
        out["ikzf1_deletion"] = {"known_at": out["ikzf1_class"]["known_at"], **out.get("ikzf1_deletion", {})}
    return out


def status_codes(raw: pd.DataFrame, mapped: Mapped, codes: Mapping[str, Mapping[Any, Any]]) -> dict[str, Mapping[Any, Any]]:
    """The caller's codes with those of the format: a status that starts with 0: is no event, with 1: an event."""
    out: dict[str, Mapping[Any, Any]] = dict(codes)
    if mapped.get("vital_status") == "OS_STATUS":
        texts = pd.Series(raw["OS_STATUS"].unique(), dtype=object)
        own = {text: status for status, words in _STATUS.items() for text in texts[says(texts, words)]}
        out["vital_status"] = {**own, **codes.get("vital_status", {})}
    if mapped.get("ikzf1_class") == "ikzf1_class":
        out["ikzf1_class"] = {NONE_DETECTED: "none", **codes.get("ikzf1_class", {})}
    return out


def says(text: pd.Series, words: tuple[str, str]) -> NDArray[np.bool_]:
    """Where a status starts with the format's prefix or is the old word without it."""
    return (text.str.startswith(words[0]) | text.eq(words[1])).to_numpy(dtype=bool)


def disease_free_events(raw: pd.DataFrame) -> pd.Series:
    """DFS_MONTHS of those with an event, empty for others."""
    lacking = [name for name in ("DFS_STATUS", "DFS_MONTHS") if name not in raw]
    if lacking:
        raise ColumnError(f"disease_free_as_relapse: the study has no {' and no '.join(lacking)}")
    return raw["DFS_MONTHS"].where(says(raw["DFS_STATUS"], _EVENT), "")


def check_disease_free(kept: RawTable, findings: Findings) -> list[str]:
    """Note rows whose disease-free status cannot be used, and say what the switch takes for granted."""
    status, cells = kept.cells("DFS_STATUS"), kept.cells("DFS_MONTHS")
    text = status.fillna("").astype(object)
    event, free = says(text, _EVENT), says(text, _FREE)
    leave_out = "Leave these patients out with an exclusion that gives the reason."
    findings.add_rows("DFS_STATUS is missing", status.isna(), next_step=leave_out, unusable=True)
    unknown = status.notna().to_numpy() & ~event & ~free
    findings.add_rows("DFS_STATUS starts neither with 0: nor with 1:", unknown, unusable=True)
    lost = event & cells.isna().to_numpy()
    findings.add_rows("DFS_STATUS says an event and DFS_MONTHS is missing", lost, next_step=leave_out, unusable=True)
    notes = ["each event of disease-free survival is taken as a relapse, by disease_free_as_relapse"]
    if {"OS_STATUS", "OS_MONTHS"} <= set(kept.frame):
        dead = says(kept.cells("OS_STATUS").fillna("").astype(object), _STATUS["dead"])
        gap = (as_numbers(kept.cells("OS_MONTHS"))[0] - as_numbers(cells)[0]).to_numpy() / 12
        on_death, short = int((event & dead & (np.abs(gap) <= SAME_DAY)).sum()), int((free & (gap > SAME_DAY)).sum())
        notes += [f"{on_death} of these events fall on the day of death: they may be deaths"] * (on_death > 0)
        told = f"{short} patients without such an event were followed for it less long than for survival: time to relapse"
        notes += [f"{told} runs to last contact for them"] * (short > 0)
    return notes


def time_origin(mapped: Mapped, told: pd.DataFrame, origin: str | None) -> tuple[str, list[str]]:
    """What time 0 is, and what the file says of its months.

    Raises
    ------
    InputError
        OS_MONTHS is used, and neither its description nor `origin` says since when it counts.
    """
    described = _described(told, "OS_MONTHS")
    stated = _SINCE_DIAGNOSIS.search(described) and not _ANOTHER_DIAGNOSIS.search(described)
    used = {name for column in mapped.values() for name in ([column] if isinstance(column, str) else column)}
    if "OS_MONTHS" in used and origin is None and not stated:
        raise InputError(
            "the description of OS_MONTHS does not say that it counts from diagnosis",
            next_step="Say what time 0 is, as in origin='diagnosis'.",
        )
    months = ["OS_MONTHS"] * ("OS_MONTHS" in used) + ["DFS_MONTHS"] * (RELAPSE in used)
    notes = [f"{name}: {_described(told, name) or 'not described in the file'}" for name in months]
    return origin or "diagnosis", notes


def _described(told: pd.DataFrame, attribute: str) -> str:
    return str(told.loc[attribute, "description"]) if attribute in told.index else ""


def sampling_note(at_diagnosis: bool, mapped: Mapping[str, Any]) -> str:
    """When the samples were taken, as stated."""
    if at_diagnosis:
        return "all samples are stated to be from diagnosis"
    dated = (
        "the date that `sample` gives" if "sample" in mapped else "an unknown date: no analysis from diagnosis may use it"
    )
    return f"what is measured on a sample is known at {dated}"
