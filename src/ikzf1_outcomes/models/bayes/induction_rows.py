"""Who fails induction, who comes through, and of whom nobody knows: the two parts of a model from diagnosis."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint, frozen, label, refuse
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats, snap
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec
from ikzf1_outcomes.timeline import entries

FEW = 10
"""Failures of induction below which a note says so."""


class Split(NamedTuple):
    """The rows of an endpoint by what became of induction; rows of one patient are alike."""

    endpoint: Endpoint
    """With failures of induction as no cause: what the hazards see."""
    until: float
    failed: np.ndarray
    known: np.ndarray
    """False of patients who were censored before induction had ended."""
    entered: Floats
    """First entry of the patient."""


class Parts(NamedTuple):
    """The rows analysed, in both parts."""

    endpoint: Endpoint
    """All rows, with failures of induction as no cause."""
    until: float
    """Where the hazards begin."""
    asked: Floats
    """Weight in the binary part, on a patient's first row (n)."""
    failed: np.ndarray
    """(n)."""
    notes: tuple[str, ...]


def split_induction(endpoint: Endpoint, spec: HierarchicalSpec) -> Split | None:
    """Which rows are of patients who failed induction; None where a description has no such part.

    Raises
    ------
    InputError
        A cause that is not there; no failures; failures after `induction_until` (row positions).
    """
    if spec.induction is None:
        return None
    ends = np.logical_or.reduce([endpoint.ends_with(name) for name in spec.induction])
    if not ends.any():
        raise InputError("no failures of induction", next_step="Leave `induction` out.")
    latest = max(float(endpoint.time[ends].max()), 0.0)
    until = latest if spec.induction_until is None else spec.induction_until
    until = float(snap(np.array([until]), endpoint.rows.times)[0]) if until > 0 else 0.0
    refuse(ends & (endpoint.time > until), "failures of induction after `induction_until`", "Give a later time, or None.")
    patient = np.arange(len(endpoint)) if endpoint.subject is None else endpoint.subject
    size = int(patient.max()) + 1
    failed = np.bincount(patient, ends, size)[patient] > 0
    lost = (endpoint.cause == 0) & (endpoint.time <= until)
    first = np.full(size, np.inf)
    np.minimum.at(first, patient, entries(endpoint))
    rest = tuple(name for name in endpoint.causes if name not in spec.induction)
    code = np.zeros(len(endpoint.causes) + 1, dtype=endpoint.cause.dtype)
    for place, name in enumerate(rest, start=1):
        code[endpoint.cause_code(name)] = place
    cause = np.where(endpoint.cause > 0, code[np.maximum(endpoint.cause, 0)], endpoint.cause)
    return Split(
        replace(endpoint, cause=frozen(cause), causes=rest), until, failed,
        np.bincount(patient, lost, size)[patient] == 0, first[patient],
    )  # fmt: skip


def parts_of(split: Split, keep: np.ndarray, counted: Floats) -> Parts:
    """The rows analysed by part; `counted` has the weight of each patient on its first row (n).

    Raises
    ------
    InputError
        Other events before the hazards begin, failures of patients who entered late (row positions); nobody who failed, or
        who came through.
    """
    endpoint, until = split.endpoint, split.until
    refuse(
        keep & (endpoint.cause > 0) & (endpoint.time <= until),
        f"other events by {until:g} years, where the hazards begin",
        "Name their causes in `induction`, or let failures of induction count at time 0.",
    )
    late = split.entered > 0
    refuse(keep & late & split.failed, "failures of induction of patients who entered late", "Leave those rows out.")
    failed = split.failed[keep]
    asked = np.where(late[keep], 0.0, counted)
    n_failed = float(asked @ failed)
    # by rows, not weights: those left out of a refit have weight 0, and stay who they are
    if not (failed & ~late[keep]).any():
        raise InputError("no failures of induction among the rows analysed", next_step="Leave `induction` out.")
    if failed.all():
        raise InputError("nobody came through induction among the rows analysed", next_step="Check `induction`.")
    notes = []
    if not split.known.all():
        lost = int(((endpoint.cause == 0) & (endpoint.time <= until) & ~split.failed).sum())
        notes.append(f"{lost} left out: censored by {label(until)} years, before induction had ended")
    if n_failed < FEW:
        notes.append(f"{n_failed:g} failures of induction only: the priors decide much of that part")
    return Parts(endpoint, until, asked, failed, tuple(notes))
