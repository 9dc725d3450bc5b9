"""Patients as covariate patterns: what those of a pattern lived, and the sums over their events."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.density_memory import Sums
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.baselines import Basis
from ikzf1_outcomes.models.bayes.effects import Group, Patients
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec

CHANGING = ("deletion", "class")
"""Groups whose effects may change with time."""


def periods_of(spec: HierarchicalSpec) -> tuple[tuple[float, float], ...]:
    """Where effects begin and end to hold."""
    change = spec.changes_at
    return ((0.0, np.inf),) if change is None else ((0.0, change), (change, np.inf))


def stacked(block: tuple[Group, ...], n_periods: int) -> list[Floats]:
    """The columns of a block in each period: effects that change have columns of their own in each."""
    out = []
    for q in range(n_periods):
        parts = []
        for group in block:
            if group.term in CHANGING and n_periods > 1:
                parts += [group.columns if p == q else np.zeros_like(group.columns) for p in range(n_periods)]
            else:
                parts.append(group.columns)
        out.append(np.concatenate(parts, axis=1))
    return out


class Table(NamedTuple):
    """Covariate patterns: row of each block, and the stratum."""

    row: Integers
    stratum: Integers
    blocks: tuple[Floats, ...]

    def __len__(self) -> int:
        return len(self.stratum)


def patterns_of(blocks: list[list[Floats]], patients: Patients, n_periods: int) -> tuple[Table, list[Integers]]:
    """Distinct patterns, and the pattern of each patient in each period."""
    n = len(patients.stratum)
    rows, codes = [], []
    for block in blocks:
        distinct, code = distinct_rows(np.concatenate(block))
        rows.append(distinct)
        codes.append(code)
    stratum = np.tile(patients.stratum, n_periods)
    key = stratum.astype(np.int64)
    for distinct, code in zip(rows, codes, strict=True):
        key = key * len(distinct) + code
    _, first, pattern = np.unique(key, return_index=True, return_inverse=True)
    index = np.column_stack([code[first] for code in codes]).astype(np.int64)
    return Table(index, stratum[first].astype(np.int64), tuple(rows)), [
        pattern[q * n : (q + 1) * n] for q in range(n_periods)
    ]


def distinct_rows(x: Floats) -> tuple[Floats, Integers]:
    """Distinct rows, and which of them each row is (n)."""
    if x.dtype != np.uint8 and not ((x == 0.0) | (x == 1.0)).all():
        distinct, code = np.unique(x, axis=0, return_inverse=True)
        return np.ascontiguousarray(distinct), code.ravel()
    # 64 flags are one whole number, which sorts far faster than a row
    code = np.zeros(len(x), dtype=np.int64)
    for begin in range(0, x.shape[1], 64):
        bits = np.packbits(x[:, begin : begin + 64].astype(bool), axis=1)
        word = np.zeros((len(x), 8), dtype=np.uint8)
        word[:, : bits.shape[1]] = bits
        size, own = np.unique(word.view(np.uint64).ravel(), return_inverse=True)
        code = np.unique(code * len(size) + own, return_inverse=True)[1]
    first = np.unique(code, return_index=True)[1]
    return np.ascontiguousarray(x[first], dtype=float), code


class Lives(NamedTuple):
    """What the rows analysed lived, and their patterns."""

    begin: Floats
    end: Floats
    weight: Floats
    pattern: tuple[Integers, ...]
    """In each period."""
    table: Table
    periods: tuple[tuple[float, float], ...]


def lived_in(basis: Basis, begin: Floats, end: Floats, a: float, b: float) -> Floats:
    """What rows live of the integrals of the basis in a period, none before their entry and after their end (n, K)."""
    until = np.clip(end, a, b)
    return basis.integrals(until) - basis.integrals(np.minimum(np.maximum(begin, a), until))


def exposure_of(basis: Basis, lives: Lives) -> Floats:
    """What the rows of each pattern lived of the integrals of the basis (patterns, K)."""
    out = np.zeros((len(lives.table), basis.size))
    for own, (a, b) in zip(lives.pattern, lives.periods, strict=True):
        lived = lived_in(basis, lives.begin, lives.end, a, b)
        for k in range(basis.size):
            out[:, k] += np.bincount(own, lives.weight * lived[:, k], len(lives.table))
    return out


def sums_of(basis: Basis, exposure: Floats, lives: Lives, died: np.ndarray, patients: Patients) -> Sums:
    """The sums of one cause, of which some rows died; an event at the end of a period is in it."""
    time, weight, table = lives.end[died], lives.weight[died], lives.table
    period = np.searchsorted([a for a, _ in lives.periods[1:]], time, side="left")
    pattern = np.array(lives.pattern)[period, np.flatnonzero(died)]
    distinct, at = np.unique(time, return_inverse=True)
    values = basis.values(distinct)
    if basis.kind == "piecewise":
        # events of one interval are alike
        at, values = values.argmax(axis=1)[at], np.eye(basis.size)
    count = np.zeros((len(patients.strata), len(values)))
    np.add.at(count, (patients.stratum[died], at), weight)
    total = [np.bincount(table.row[pattern, b], weight, len(rows)) @ rows for b, rows in enumerate(table.blocks)]
    return Sums(exposure, table.stratum, table.row, table.blocks, values, count, np.concatenate(total))
