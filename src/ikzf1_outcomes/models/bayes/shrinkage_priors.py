"""Priors of many effects of which few matter, as numbers: the regularised horseshoe of features, R2D2 of alterations.

Sources: Piironen and Vehtari (2017, doi 10.1214/17-EJS1337SI); Zhang and others (2022, doi 10.1080/01621459.2020.1825449,
recalled, not verified); spreads of groups as in the grouped horseshoe of Xu and others (2016, recalled, not verified).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.density_memory import HORSESHOE, SHARED, Family
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.kernels.shrinkage_families import SLAB_DF
from ikzf1_outcomes.models.bayes.choices import NO_PATHWAY
from ikzf1_outcomes.models.bayes.effects import Group
from ikzf1_outcomes.models.bayes.priors import Prior, Priors
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec

LOG_TIME_SD = np.pi / np.sqrt(6.0)
"""SD of the log of an exponential time, whatever its hazard."""
SPREAD_SCALE = "SD of log hazard ratios per SD"


class Spread(NamedTuple):
    """A number that says how much effects differ, draw by draw."""

    term: str
    contrast: str
    values: Floats
    """(chains, draws)."""
    scale: str


def spread_scale(priors: Priors, size: int, n_event: float) -> float:
    r"""Scale of the half-Cauchy of tau, the spread of the features.

    .. math:: \tau_0 = \frac{m}{D - m} \frac{1}{\sqrt{d}} \times \text{scale of } `feature\_spread`

    of D features, m of which are expected to matter (half of them at most), and d events: the log hazard ratio of a
    standard deviation has a standard error of 1 / sqrt(d) about. Where a refit leaves
    out all events, d is 1.
    """
    matter = min(priors.features_that_matter, size / 2.0)
    return float(matter / (size - matter) / np.sqrt(n_event or 1.0) * priors.feature_spread.scale)


def pathway_names(spec: HierarchicalSpec) -> tuple[str, ...]:
    """Groups of features, the one of those in no pathway last; none where no pathway is named."""
    named = [name for name, _ in spec.pathways]
    alone = set(spec.features) - {feature for _, own in spec.pathways for feature in own}
    return (*named, NO_PATHWAY) if named and alone else tuple(named)


def horseshoe_family(spec: HierarchicalSpec, begin: int, n_event: float) -> tuple[Prior, Family]:
    """The prior of the features of one cause, with its events, and their family; columns begin at `begin`."""
    size, names = len(spec.features), pathway_names(spec)
    place = {feature: g for g, (_, own) in enumerate(spec.pathways) for feature in own}
    group = np.array([place.get(feature, len(names) - 1) for feature in spec.features], dtype=float)
    member = (group[:, None] == np.arange(len(names))).astype(float)
    told = 0.0 if spec.centring == "non-centred" else n_event
    scale = np.array([spread_scale(spec.priors, size, n_event), spec.priors.feature_slab.scale, told])
    return spec.priors.feature_spread, Family(HORSESHOE, begin, size, group if names else np.empty(0), scale, member, 0.0)


def share_family(group: Group, spec: HierarchicalSpec, begin: int, n_event: float) -> tuple[Prior, Family]:
    """The prior of the share that alterations have together, and their family; columns begin at `begin`.

    Raises
    ------
    InputError
        An alteration in which all patients are alike: it has no variance to share in.
    """
    spread = group.columns.std(axis=0)
    if (spread == 0).any():
        raise InputError(
            f"all patients are alike in {group.labels[int((spread == 0).argmax())]!r}", count=int((spread == 0).sum()),
            next_step='Leave it out, or take alterations_prior="normal".',
        )  # fmt: skip
    prior = spec.priors.alteration_share
    part, rest = prior.parts
    size = len(group.labels)
    # the precision from the data is the variance times the events: over the prior's it is the same of all alterations
    told = n_event * (prior.factor * LOG_TIME_SD) ** 2 if spec.centring == "centred" else 0.0
    scale = np.array([part / size, rest, told])
    return prior, Family(SHARED, begin, size, prior.factor * LOG_TIME_SD / spread, scale, np.empty((0, 0)), 0.0)


def shrunk_middle(family: Family) -> Floats:
    """Where chains begin (numbers): spreads at their scales, effects at 0."""
    out = np.zeros(family.n_free)
    if family.kind == HORSESHOE:
        out[0], out[1] = np.log(family.scale[0]), 2.0 * np.log(family.scale[1])
    else:
        out[0], out[1 : 1 + family.size] = np.log(family.scale[1]), np.log(family.scale[0])
    return out


def log_gamma(shape: float, size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Logarithms of gamma numbers, of small shapes too, where the numbers themselves would be 0."""
    above: Floats = np.log(rng.gamma(shape + 1.0, size=size))
    return above + np.log1p(-rng.random(size)) / shape


def shrunk_positions(family: Family, draws: int, rng: np.random.Generator) -> Floats:
    """What is sampled of a family, drawn from its priors (draws, numbers)."""
    if family.kind == HORSESHOE:
        ratio = rng.standard_cauchy((draws, 1 + family.basis.shape[1] + family.size))
        wide = np.log(np.abs(ratio))
        wide[:, 0] += np.log(family.scale[0])
        shape = SLAB_DF / 2.0
        slab = np.log(shape * family.scale[1] ** 2) - log_gamma(shape, (draws, 1), rng)
        log_free = wide[:, :1] + wide[:, -family.size :]
        if len(family.location):
            log_free += wide[:, 1 + family.location.astype(int)]
        square = 1.0 / (np.exp(-2.0 * log_free) + np.exp(-slab))
        free = np.sqrt(1.0 + family.scale[2] * square) * rng.normal(size=(draws, family.size))
        return np.concatenate((wide[:, :1], slab, wide[:, 1:], free), axis=1)
    part, rest, told = family.scale
    logs = (log_gamma(rest, (draws, 1), rng), log_gamma(part, (draws, family.size), rng))
    free = np.sqrt(1.0 + told * np.exp(logs[1] - logs[0])) * rng.normal(size=(draws, family.size))
    return np.concatenate((*logs, free), axis=1)


def shrunk_spreads(family: Family, prior: Prior, spec: HierarchicalSpec, position: Floats) -> list[Spread]:
    """Spreads and shares of a family from what was sampled of it (chains, draws, numbers)."""
    if family.kind == SHARED:
        top = position[..., 1 : 1 + family.size].max(axis=-1)
        total = top + np.log(np.exp(position[..., 1 : 1 + family.size] - top[..., None]).sum(axis=-1)) - position[..., 0]
        odds = total + 2.0 * np.log(prior.factor)
        return [Spread("alteration share", "", expit(odds), "share")]
    found = [
        Spread("feature spread", "", np.exp(position[..., 0]), SPREAD_SCALE),
        Spread("feature slab", "", np.exp(0.5 * position[..., 1]), SPREAD_SCALE),
    ]
    for g, name in enumerate(pathway_names(spec)):
        found.append(Spread("pathway spread", name, np.exp(position[..., 2 + g]), "times the feature spread"))
    return found
