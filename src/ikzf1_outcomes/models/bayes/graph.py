"""The hierarchical model as a PyMC model, so that everything in PyMC's world works on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.kernels.density_memory import HORSESHOE, NORMAL, SHARED, Family
from ikzf1_outcomes.kernels.shrinkage_families import SLAB_DF
from ikzf1_outcomes.models.bayes.induction import models_of
from ikzf1_outcomes.models.bayes.patient_likelihoods import add_patients
from ikzf1_outcomes.models.bayes.reduction import CauseModel, reduce_endpoint
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec

if TYPE_CHECKING:
    import pymc as pm


def hierarchical_model(endpoint: Endpoint, spec: HierarchicalSpec) -> pm.Model:
    """Build a hierarchical model in PyMC.

    Its log density, with variables transformed as PyMC does it, equals that of the compiled density of `sample`. For
    Weibull hazards and mixture cure `sample` runs this very graph.

    Parameters
    ----------
    endpoint
        Times in years, and causes.
    spec
        Made by `hierarchical_spec`.

    Returns
    -------
    pymc.Model
        For each cause, named with the cause in front: level, drift and step of the baseline; deletion, covariate,
        alteration; spread and free numbers of pooled effects, with the effects and the log hazards as deterministics; of
        features also slab, pathway and local, of alterations that share also rest and part. The likelihood is a potential.
        Failures of induction, where they have a part, have log odds for a level. A Weibull has level, or log median, and
        log shape; cure has uncured, and data that can be exchanged.

    Raises
    ------
    ColumnError, InputError
        As `sample`.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(200, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> model = iko.hierarchical_model(endpoint, iko.hierarchical_spec(causes="relapse"))
    >>> sorted(v.name for v in model.free_RVs)[:3]
    ['relapse: class', 'relapse: class spread', 'relapse: deletion']
    """
    import pymc as pm

    reduced = reduce_endpoint(endpoint, spec)
    with pm.Model() as model:
        for own in models_of(reduced):
            (add_failures if own.binary else add_cause)(own)
    return model


def add_cause(own: CauseModel) -> None:
    """Add the variables and the likelihood of one cause to the model at hand."""
    import pymc as pm
    import pytensor.tensor as pt

    if own.rows is not None:
        add_patients(own, baseline_of, effects_of)
        return
    log_hazard = baseline_of(own)
    beta = pt.concatenate([effects_of(own.cause, labelled) for labelled in own.effects])
    sums, column = own.sums, 0
    relative: Any = 0.0
    for b, rows in enumerate(sums.blocks):
        relative = relative + pt.dot(rows, beta[column : column + rows.shape[1]])[sums.row[:, b]]
        column += rows.shape[1]
    hazard = pt.exp(log_hazard)
    lived = (hazard[sums.stratum] * sums.exposure).sum(axis=1)
    here = pt.dot(hazard, sums.event_basis.T)
    some = sums.event_count > 0
    happened = (sums.event_count[some] * pt.log(here[np.nonzero(some)])).sum() + pt.dot(sums.event_sum, beta)
    pm.Potential(f"{own.cause}: likelihood", happened - pt.dot(pt.exp(relative), lived))


def add_failures(own: CauseModel) -> None:
    """Add the variables and the likelihood of the failures of induction to the model at hand."""
    import pymc as pm
    import pytensor.tensor as pt

    sums, column = own.sums, 0
    level = pm.Normal(f"{own.cause}: level", own.baseline.level[0], own.baseline.level[1], shape=own.baseline.n_strata)
    beta = pt.concatenate([effects_of(own.cause, labelled) for labelled in own.effects])
    log_odds = level[sums.stratum]
    for b, rows in enumerate(sums.blocks):
        log_odds = log_odds + pt.dot(rows, beta[column : column + rows.shape[1]])[sums.row[:, b]]
        column += rows.shape[1]
    happened = pt.dot(sums.event_count[:, 0], level) + pt.dot(sums.event_sum, beta)
    pm.Potential(f"{own.cause}: likelihood", happened - pt.dot(sums.exposure[:, 0], pt.softplus(log_odds)))


def baseline_of(own: CauseModel) -> Any:
    """Log hazards (strata, K): a walk, set so that its sum up to the horizon is the level."""
    import pymc as pm
    import pytensor.tensor as pt

    base, name = own.baseline, own.cause
    n_steps = len(base.step)
    level = pm.Normal(f"{name}: level", base.level[0], base.level[1], shape=base.n_strata)
    walk = pt.zeros((base.n_strata, 1))
    if n_steps:
        drift = pm.HalfNormal(f"{name}: drift", base.drift)
        if base.centred:
            step = pm.Flat(f"{name}: step", shape=(base.n_strata, n_steps))
            walk = pt.concatenate([step[:, : base.anchor], walk, step[:, base.anchor :]], axis=1)
            moved = walk[:, 1:] - walk[:, :-1]
            pm.Potential(f"{name}: walk", pm.logp(pm.Normal.dist(0.0, drift * base.step), moved).sum())
        else:
            step = pm.Normal(f"{name}: step", 0.0, 1.0, shape=(base.n_strata, n_steps))
            walk = pt.concatenate([walk, pt.cumsum(drift * base.step * step, axis=1)], axis=1)
    top = walk.max(axis=1, keepdims=True)
    total = top + pt.log(pt.dot(pt.exp(walk - top), base.weights))[:, None]
    return pm.Deterministic(f"{name}: log hazard", level[:, None] + walk - total)


def effects_of(cause: str, labelled: Any) -> Any:
    """The effects of one family."""
    import pymc as pm
    import pytensor.tensor as pt

    family, name = labelled.family, f"{cause}: {labelled.term}"
    if family.kind == NORMAL:
        return pm.Normal(name, family.location, family.scale, shape=family.size)
    if family.kind == HORSESHOE:
        return horseshoe_of(name, family)
    if family.kind == SHARED:
        shape, other, told = (family.scale[k] for k in range(3))
        rest = pm.Gamma(f"{name} rest", alpha=other, beta=1.0)
        part = pm.Gamma(f"{name} part", alpha=shape, beta=1.0, shape=family.size)
        free = pm.Normal(name, 0.0, pt.sqrt(1.0 + told * part / rest), shape=family.size)
        return pm.Deterministic(f"{name} effect", family.location * free / pt.sqrt(rest / part + told))
    spread = pm.HalfNormal(f"{name} spread", float(family.scale[0]))
    free = pm.Normal(name, 0.0, spread**family.centring, shape=family.basis.shape[1])
    return pm.Deterministic(f"{name} effect", spread ** (1.0 - family.centring) * pt.dot(family.basis, free))


def horseshoe_of(name: str, family: Family) -> Any:
    """Effects of features: their spread is bounded by the slab, and is sampled apart from what the data tell."""
    import pymc as pm
    import pytensor.tensor as pt

    tau, slab, told = (family.scale[k] for k in range(3))
    spread = pm.HalfCauchy(f"{name} spread", tau)
    square = pm.InverseGamma(f"{name} slab", alpha=SLAB_DF / 2.0, beta=SLAB_DF / 2.0 * slab**2)
    wide = spread
    if family.basis.shape[1]:
        factor = pm.HalfCauchy(f"{name} pathway", 1.0, shape=family.basis.shape[1])
        wide = spread * factor[family.location.astype(int)]
    wide = wide * pm.HalfCauchy(f"{name} local", 1.0, shape=family.size)
    precision = wide**-2 + 1.0 / square
    free = pm.Normal(name, 0.0, pt.sqrt(1.0 + told / precision), shape=family.size)
    return pm.Deterministic(f"{name} effect", free / pt.sqrt(precision + told))
