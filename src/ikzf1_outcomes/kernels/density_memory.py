"""What the density of a hierarchical model reads: sums over patients and priors as numbers, written into one buffer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.expected_events import lived_of
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.kernels.shrinkage_families import horseshoe_numbers, share_numbers

NORMAL, POOLED, HORSESHOE, SHARED = 0, 1, 2, 3
"""Kinds of families: effects with normal priors, with one spread, with a regularised horseshoe, with R2D2."""
(DIM, COLUMNS, STRATA, BASIS, TIMES, PATTERNS, BLOCKS, FAMILIES, DRIFT, STEPS, CENTRED, ANCHOR) = range(12)
"""Where the front of the memory has sizes, and the places of what is sampled."""
(WEIGHTS, SPREADS, EXPOSURE, EVENT_BASIS, EVENT_COUNT, EVENT_SUM, LEVEL, WHOLE, EVERYTHING, OWN_ROWS, FRONT) = range(12, 23)
"""Where it says at which number a part begins; then how many whole numbers there are, and numbers in all."""
FAMILY = 7
"""Whole numbers that describe a family of effects."""


class Baseline(NamedTuple):
    """The baseline hazards and their priors."""

    weights: Floats
    """Integral of each function of the basis up to the horizon (K)."""
    step: Floats
    """SD of each step of the walk, for a drift of 1 (K - 1)."""
    level: tuple[float, float]
    drift: float
    n_strata: int
    centred: bool
    anchor: int
    """Function of the basis whose log hazard the others are sampled relative to, where they are sampled centred."""


class Family(NamedTuple):
    """Effects with a common prior: normal, or drawn towards 0 by spreads that are estimated."""

    kind: int
    begin: int
    """First column."""
    size: int
    """Columns."""
    location: Floats
    """Means of the normal prior (size); of a horseshoe the group of each effect, where there are groups; of R2D2 the SD
    of each for an omega of 1 (size); of a pooled family unused."""
    scale: Floats
    """SDs of the normal prior (size); of a pooled family the scale of the half-normal of the spread (1); of a horseshoe
    those of its spread and of its slab, and the precision that effects have from the data; of R2D2 the shapes of the parts
    and of the rest, and that precision for an omega of 1, over the prior's."""
    basis: Floats
    """Of a pooled family: its effects are basis times as many free numbers (size, free); of a horseshoe which group each
    effect is of (size, groups)."""
    centring: float
    """With s the spread, free numbers have SD s^centring and are multiplied by s^(1 - centring): from 0, non-centred, to 1,
    centred. The posterior of the effects does not depend on it."""

    @property
    def n_free(self) -> int:
        """Numbers that are sampled."""
        own = {NORMAL: self.size, HORSESHOE: 2 + self.basis.shape[1] + 2 * self.size, SHARED: 1 + 2 * self.size}
        return own.get(self.kind, 1 + self.basis.shape[1])


class Sums(NamedTuple):
    """All that the likelihood of one cause needs of the patients."""

    exposure: Floats
    """What each pattern lived of the integral of the basis (G, K)."""
    stratum: Integers
    """Ascending (G)."""
    row: Integers
    """Row of each block that a pattern has (G, blocks)."""
    blocks: tuple[Floats, ...]
    """Distinct rows of the columns of each block; together all columns in order."""
    event_basis: Floats
    """The basis at the distinct times of events (E, K)."""
    event_count: Floats
    """Weight of the events at these times (strata, E)."""
    event_sum: Floats
    """Sums of the columns over the events (p)."""


class Memory(NamedTuple):
    """One buffer that the compiled density reads; whole numbers stand in it as such."""

    buffer: Floats
    n_dim: int


def parameters(family: Family) -> tuple[Any, Any]:
    """The two parts of the numbers that describe a family's prior."""
    if family.kind == POOLED:
        return [family.scale[0], family.centring], family.basis
    if family.kind == HORSESHOE:
        return horseshoe_numbers(*family.scale), family.location
    if family.kind == SHARED:
        return share_numbers(*family.scale), family.location
    return family.location, family.scale


def pack(sums: Sums, baseline: Baseline, families: tuple[Family, ...]) -> Memory:
    """Write a density into one buffer: a front of sizes and places, tables of whole numbers, then numbers."""
    n_strata, n_steps = baseline.n_strata, len(baseline.step)
    numbers: list[Floats] = []

    def put(values: Any) -> int:
        numbers.append(np.ascontiguousarray(values, dtype=np.float64).ravel())
        return sum(map(len, numbers[:-1]))

    steps = n_strata + bool(n_steps)
    table: list[int] = []
    at = steps + n_strata * n_steps
    for family in families:
        first, second = map(put, parameters(family))
        table += [family.kind, family.begin, family.size, at, family.basis.shape[1], first, second]
        at += family.n_free
    column, lived = 0, lived_of(sums.exposure, sums.stratum, n_strata)
    row = sums.row[lived.order].T
    for b, rows in enumerate(sums.blocks):
        # where most patterns have a row of their own, one for each costs less than to look them up
        block = rows[row[b]] if 2 * len(rows) > len(lived.order) else rows
        table += [len(block), column, block.shape[1], put(block.T)]
        column += block.shape[1]
    sizes = {
        DIM: at, COLUMNS: column, STRATA: n_strata, BASIS: n_steps + 1, TIMES: sums.event_basis.shape[0],
        PATTERNS: sums.exposure.shape[0], BLOCKS: len(sums.blocks), FAMILIES: len(families), DRIFT: n_strata,
        STEPS: steps, CENTRED: int(baseline.centred), ANCHOR: baseline.anchor, WEIGHTS: put(baseline.weights),
        SPREADS: put(baseline.step), EXPOSURE: put(np.concatenate([lived.exposure.ravel(), lived.whole, lived.part])),
        EVENT_BASIS: put(sums.event_basis), OWN_ROWS: lived.exposure.shape[1],
        EVENT_COUNT: put(sums.event_count), EVENT_SUM: put(sums.event_sum), LEVEL: put([*baseline.level, baseline.drift]),
    }  # fmt: skip
    tables = np.concatenate([np.array(table, dtype=np.int64), row.ravel(), lived.first])
    whole = np.zeros(FRONT + len(tables), dtype=np.int64)
    whole[FRONT:] = tables
    sizes |= {WHOLE: len(whole), EVERYTHING: len(whole) + sum(map(len, numbers))}
    for place, value in sizes.items():
        whole[place] = value
    return Memory(np.concatenate([whole.view(np.float64), *numbers]), at)
