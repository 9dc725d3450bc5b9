"""The data dictionary: every column a cohort may have, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.calls import COPY_NUMBERS, IKZF1_CLASSES
from ikzf1_outcomes.genome.calls import CYTOGENETIC_SUBTYPES as CYTOGENETIC_SUBTYPES

KINDS = ("identifier", "number", "category", "ordered", "flag", "time")

FIRST_EVENTS = (
    "none",
    "non_response",
    "induction_death",
    "relapse",
    "second_malignancy",
    "death_in_remission",
    "abandonment",
)

# A date mistyped by a century gives about 100 years: no follow-up is as long.
LONGEST_FOLLOW_UP = 90.0

# Marrow is often taken some days before the diagnosis is written down; months before is another disease.
EARLIEST_SAMPLE = -30.0 / 365.25


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a cohort: what it is, in which unit, within which limits and since when it is known.

    Parameters
    ----------
    name
        Name of the column in the cohort; an identifier in Python's sense, so that a formula may name it.
    kind
        ``identifier``, ``number``, ``category``, ``ordered`` (a category with an order), ``flag`` or ``time``
        (years from diagnosis).
    label
        What a reader of a table sees.
    unit
        Unit of a number or a time.
    low, high
        Limits of a number or a time, both allowed; None is no limit.
    levels
        Allowed levels of a category. Empty: any text, and the levels are those that the file has.
    known_at
        When the value is known: years from diagnosis, or the name of a ``time`` column that holds each patient's own
        date. Where that column is absent from a cohort the date is unknown, and the value must not serve in an
        analysis that starts at diagnosis.
    required
        Whether a cohort cannot do without it.

    Raises
    ------
    InputError
        When the parts contradict each other.

    Examples
    --------
    >>> Field("ferritin", "number", "Ferritin", unit="ug/L", low=0.0).known_at
    0.0
    """

    name: str
    kind: str
    label: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()
    known_at: float | str = 0.0
    required: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise InputError(
                f"the field name {self.name!r} is not usable in a formula",
                next_step="Use letters, digits and underscores, starting with a letter.",
            )
        if self.kind not in KINDS:
            raise InputError(f"field {self.name!r}: the kind {self.kind!r} is not known", next_step=_one_of(KINDS))
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InputError(f"field {self.name!r}: `low` is above `high`")
        if self.levels and self.kind not in ("category", "ordered"):
            raise InputError(f"field {self.name!r}: only a category has levels, this is a {self.kind}")
        if len(set(self.levels)) < len(self.levels):
            raise InputError(f"field {self.name!r}: a level is listed twice")
        if self.kind == "ordered" and not self.levels:
            raise InputError(f"field {self.name!r}: an ordered category needs its levels, lowest first")
        if not isinstance(self.known_at, str) and not math.isfinite(self.known_at):
            raise InputError(f"field {self.name!r}: `known_at` is not a finite number of years")


def _one_of(choices: tuple[str, ...]) -> str:
    return f"Use one of: {', '.join(choices)}."


def _category(name: str, label: str, levels: tuple[str, ...] = (), *, known_at: float | str = 0.0) -> Field:
    return Field(name, "category", label, levels=levels, known_at=known_at)


def _time(name: str, label: str, *, low: float = 0.0, known_at: float | str | None = None) -> Field:
    known = name if known_at is None else known_at
    return Field(name, "time", label, unit="years", low=low, high=LONGEST_FOLLOW_UP, known_at=known)


_FIELDS = (
    Field("id", "identifier", "Patient identifier", required=True),
    Field("age", "number", "Age at diagnosis", unit="years", low=0.0, high=120.0),
    _category("sex", "Sex", ("male", "female")),
    Field("wbc", "number", "White blood cell count at diagnosis", unit="10^9/L", low=0.0, high=10_000.0),
    _category("cns_status", "CNS status at diagnosis", ("CNS1", "CNS2", "CNS3")),
    _category("nci_risk", "NCI risk", ("standard", "high", "infant")),
    _category("lineage", "Lineage", ("B", "T")),
    _category("cytogenetic_subtype", "Cytogenetic subtype", CYTOGENETIC_SUBTYPES),
    _category("protocol", "Protocol"),
    _category(
        "risk_arm",
        "Risk arm (taken as known 0.25 years from diagnosis, a default that the study file may change)",
        known_at=0.25,
    ),
    _category("ikzf1_class", "IKZF1 class", IKZF1_CLASSES),
    _category("ikzf1_deletion", "IKZF1 deletion", ("not deleted", "deleted")),
    _category("cdkn2a", "CDKN2A copy number", COPY_NUMBERS),
    _category("cdkn2b", "CDKN2B copy number", COPY_NUMBERS),
    _category("pax5", "PAX5 copy number", COPY_NUMBERS),
    _category("etv6", "ETV6 copy number", COPY_NUMBERS),
    _category("rb1", "RB1 copy number", COPY_NUMBERS),
    _category("btg1", "BTG1 copy number", COPY_NUMBERS),
    _category("ebf1", "EBF1 copy number", COPY_NUMBERS),
    _category("par1", "PAR1 copy number", COPY_NUMBERS),
    _category("erg", "ERG copy number", COPY_NUMBERS),
    _time("sample", "Sample taken", low=EARLIEST_SAMPLE),
    _category("sample_type", "Sample type", ("marrow", "blood", "other")),
    _time("end_of_induction", "End of induction"),
    Field("non_response", "flag", "No remission by the protocol's time point", known_at="end_of_induction"),
    _time("remission", "Remission"),
    _time("relapse", "Relapse"),
    _category("relapse_site", "Relapse site", ("bone marrow", "CNS", "testis", "combined", "other"), known_at="relapse"),
    _time("second_malignancy", "Second malignancy"),
    _time("abandonment", "Treatment abandoned"),
    _time("transplant", "Stem cell transplantation"),
    _time("death", "Death"),
    _category("vital_status", "Vital status at last contact", ("alive", "dead"), known_at="last_contact"),
    _time("last_contact", "Last contact"),
    _time("cutoff", "Data cut-off", known_at=0.0),
    _category("first_event", "First event", FIRST_EVENTS, known_at="first_event_time"),
    _time("first_event_time", "Time of the first event, or of last contact without one"),
)

DICTIONARY: dict[str, Field] = {field.name: field for field in _FIELDS}
"""The fields that every study may map, by name. Studies add their own and change `known_at` in the study file."""

# Rules read these levels by name, so a study file cannot rename them.
FIXED_LEVELS = frozenset({"nci_risk", "ikzf1_class", "ikzf1_deletion", "vital_status", "first_event"})

# How many of the field's own unit one unit of the file is.
UNIT_FACTORS: dict[str, dict[str, float]] = {
    "years": {"years": 1.0, "months": 1.0 / 12.0, "days": 1.0 / 365.25},
    "10^9/L": {"10^9/L": 1.0, "10^3/uL": 1.0, "cells/uL": 1e-3, "10^6/L": 1e-3},
}
