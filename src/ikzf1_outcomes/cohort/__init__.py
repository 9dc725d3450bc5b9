"""Patients of a study: the data dictionary, readers, checks and derived columns that make a Cohort."""

from __future__ import annotations

from ikzf1_outcomes.cohort.build import cohort_from_frame, read_cohort
from ikzf1_outcomes.cohort.derived import nci_risk
from ikzf1_outcomes.cohort.dictionary import DICTIONARY, FIRST_EVENTS, Field
from ikzf1_outcomes.cohort.mrd import MrdTimepoint, mrd_level, mrd_limits
from ikzf1_outcomes.cohort.mrd_groups import mrd_risk
from ikzf1_outcomes.cohort.mrd_rules import MRD_PROTOCOLS
from ikzf1_outcomes.cohort.patients import Cohort, FlowStep, Provenance

__all__ = [
    "DICTIONARY",
    "FIRST_EVENTS",
    "MRD_PROTOCOLS",
    "Cohort",
    "Field",
    "FlowStep",
    "MrdTimepoint",
    "Provenance",
    "cohort_from_frame",
    "mrd_level",
    "mrd_limits",
    "mrd_risk",
    "nci_risk",
    "read_cohort",
]
