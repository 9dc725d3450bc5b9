"""Graphs of single patients, compiled once in a process and given the data of each cause and fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ikzf1_outcomes.kernels.density_memory import Family
from ikzf1_outcomes.models.bayes.graph import add_cause
from ikzf1_outcomes.models.bayes.nuts import Density, compiled_pymc, density_with
from ikzf1_outcomes.models.bayes.patient_likelihoods import data_of, exchanged
from ikzf1_outcomes.models.bayes.reduction import CauseModel

NAME = "cause"
"""In place of a cause's name: a graph serves them all."""
KEPT = 8
"""Compiled graphs that are kept."""
COMPILED: dict[tuple[Any, ...], Any] = {}


def patient_density(own: CauseModel) -> Density:
    """The log density of one cause for the sampler.

    The graph is compiled once for each kind of model in a process; other data, such as those of the next cause or of the
    next simulated cohort, are put in its place.
    """
    import pymc as pm

    key = kind_of(own)
    if key not in COMPILED:
        with pm.Model() as model:
            add_cause(own._replace(cause=NAME))
        while len(COMPILED) >= KEPT:
            COMPILED.pop(next(iter(COMPILED)))
        COMPILED[key] = compiled_pymc(model)
    return density_with(COMPILED[key], {f"{NAME}: data: {what}": values for what, values in data_of(own).items()})


def kind_of(own: CauseModel) -> tuple[Any, ...]:
    """What is written into a graph as a constant."""
    rows = own.rows
    assert rows is not None
    families = [alike(family) for family in own.families]
    terms = tuple(labelled.term for labelled in own.effects)
    numbers = [fixed(part) for family in families for part in family]
    walk = own.baseline if own.baseline.centred else own.baseline._replace(anchor=0)
    base = [fixed(part) for part in walk]
    return (rows.cure, rows.weibull, rows.horizon, rows.shape, rows.uncured, terms, *base, *numbers)


def alike(family: Family) -> Family:
    """A family without what is data of the graph."""
    nothing: dict[str, Any] = {part: np.zeros(np.shape(getattr(family, part))) for part in exchanged(family)}
    return family._replace(**nothing)


def fixed(part: Any) -> Any:
    """A number or an array as something that can be looked up."""
    if isinstance(part, np.ndarray):
        return part.shape, part.tobytes()
    return part
