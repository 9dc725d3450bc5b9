"""Patients as the likelihoods read them that do not reduce to sums of exposure: Weibull hazards and mixture cure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.baselines import Basis
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec

LOG_2 = float(np.log(2.0))


class PatientRows(NamedTuple):
    """What a likelihood of single patients needs of them; those who are alike are one, with their weights added up."""

    cure: bool
    weibull: bool
    horizon: float
    shape: tuple[float, float]
    """Prior of the log shape."""
    uncured: tuple[float, float]
    """Prior of the log odds of not being cured."""
    basis: Basis
    """Of a piecewise latency."""
    x: Floats
    """Columns of the effects (patterns, p)."""
    stratum: Integers
    """Of each pattern."""
    pattern: Integers
    """Pattern of each point: a time at which patients of one pattern leave or enter (m)."""
    at: Floats
    """Time of each point (m)."""
    weight: Floats
    """Weight of those who leave less that of those who enter (m). Under cure without those who leave by the event."""
    alone: Floats
    """Under cure: weight of all who leave less that of those who enter late, by pattern (patterns)."""
    event_at: Floats
    """Distinct times of events in each stratum (E)."""
    event_stratum: Integers
    event_weight: Floats


class Followed(NamedTuple):
    """Rows analysed, for one cause."""

    entry: Floats
    time: Floats
    died: np.ndarray
    weight: Floats
    pattern: Integers
    """Pattern of each row (n)."""


def uses_rows(spec: HierarchicalSpec) -> bool:
    """Whether a description has a likelihood of single patients."""
    return spec.cure or spec.baseline == "weibull"


def basis_of(spec: HierarchicalSpec, cuts: Floats) -> Basis:
    """The functions of time: one constant where a Weibull needs none."""
    if spec.baseline == "weibull":
        return Basis("piecewise", np.empty(0), None)
    return Basis(spec.baseline, cuts, spec.bound)


def rows_of(
    spec: HierarchicalSpec, basis: Basis, x: Floats, stratum: Integers, of_any: bool, followed: Followed
) -> PatientRows:
    """Combine what is alike.

    Parameters
    ----------
    x, stratum
        Of the patterns.
    of_any
        Whether all causes are one event.
    """
    entry, time, died, weight, pattern = followed
    late = entry > 0
    leaves = ~died if spec.cure else np.ones(len(time), dtype=bool)
    point, at, net = together(
        np.concatenate((pattern[leaves], pattern[late])),
        np.concatenate((time[leaves], entry[late])),
        np.concatenate((weight[leaves], -weight[late])),
    )
    alone = np.bincount(pattern, weight, len(x)) - np.bincount(pattern[late], weight[late], len(x))
    own, event_at, event_weight = together(stratum[pattern[died]], time[died], weight[died])
    prior = spec.priors.uncured_of_any if of_any else spec.priors.uncured
    shape = (spec.priors.shape.location, spec.priors.shape.scale)
    return PatientRows(
        spec.cure, spec.baseline == "weibull", spec.horizon, shape, (prior.location, prior.scale), basis, x, stratum, point,
        at, net, alone, event_at, own, event_weight,
    )  # fmt: skip


def together(code: Integers, time: Floats, weight: Floats) -> tuple[Integers, Floats, Floats]:
    """Distinct pairs of a code and a time, with their weights added up."""
    distinct, place = np.unique(time, return_inverse=True)
    key, own = np.unique(code * max(len(distinct), 1) + place, return_inverse=True)
    first, at = np.divmod(key, max(len(distinct), 1))
    return first.astype(np.int64), distinct[at], np.bincount(own, weight, len(key))


def anchor_of(spec: HierarchicalSpec, level: tuple[float, float]) -> tuple[float, float]:
    """Prior of the first number of a baseline: log cumulative hazard at the horizon, or log median of the uncured."""
    if not spec.cure:
        return level
    prior = spec.priors.median if spec.baseline == "weibull" else spec.priors.latency
    return prior.location, prior.scale
