"""Weibull hazards and mixture cure as PyMC graphs, whose data can be exchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ikzf1_outcomes.kernels.density_memory import NORMAL, POOLED, SHARED, Family
from ikzf1_outcomes.models.bayes.patient_rows import LOG_2, PatientRows
from ikzf1_outcomes.models.bayes.reduction import CauseModel


def add_patients(own: CauseModel, walk_of: Callable[[CauseModel], Any], effects_of: Callable[[str, Any], Any]) -> None:
    """Add the variables and the likelihood of one cause to the PyMC model at hand.

    The free variables are made in the order in which the numbers of a position stand: baseline, then families. Priors are
    given as arrays: PyTensor works with Python's 0.5 in single precision.

    Parameters
    ----------
    own
        With rows of patients.
    walk_of, effects_of
        What makes the log hazards of a piecewise latency, and the effects of a family.
    """
    import pymc as pm
    import pytensor.tensor as pt

    assert own.rows is not None
    rows, name = own.rows, own.cause
    data = {what: pm.Data(f"{name}: data: {what}", values) for what, values in data_of(own).items()}
    latency = latency_of(own, walk_of)
    uncured = pm.Normal(f"{name}: uncured", *np.array(rows.uncured), shape=own.baseline.n_strata) if rows.cure else None
    found = []
    for labelled in own.effects:
        given: dict[str, Any] = {part: data[f"{part} of {labelled.term}"] for part in exchanged(labelled.family)}
        found.append(effects_of(name, labelled._replace(family=labelled.family._replace(**given))))
    beta = pt.concatenate(found)
    eta, happened = pt.dot(data["x"], beta), pt.dot(data["event sum"], beta)
    lived, log_hazard, lived_of_events = hazards(rows, latency, data)
    here = eta[data["pattern"]]
    if uncured is None:
        value = happened + log_hazard - (data["weight"] * pt.exp(here) * lived).sum()
    else:
        level = uncured[data["stratum"]]
        rest = (data["weight"] * pt.softplus(level[data["pattern"]] + here - lived)).sum()
        whole = (data["alone"] * pt.softplus(level + eta)).sum()
        value = happened + pt.dot(data["event count"], uncured) + log_hazard - lived_of_events + rest - whole
    pm.Potential(f"{name}: likelihood", value)


def latency_of(own: CauseModel, walk_of: Callable[[CauseModel], Any]) -> tuple[Any, ...]:
    """Level, or log median, and log shape of a Weibull; log hazards of a piecewise latency."""
    import pymc as pm

    base, rows, name = own.baseline, own.rows, own.cause
    assert rows is not None
    if not rows.weibull:
        return (walk_of(own),)
    first = pm.Normal(f"{name}: {'log median' if rows.cure else 'level'}", *np.array(base.level), shape=base.n_strata)
    return first, pm.Normal(f"{name}: log shape", *np.array(rows.shape), shape=base.n_strata)


def hazards(rows: PatientRows, latency: tuple[Any, ...], data: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Cumulative hazard at each point, log hazard of all events, and their cumulative hazard: both sums."""
    import pytensor.tensor as pt

    own, events, mass = data["point stratum"], data["event stratum"], data["event weight"]
    if not rows.weibull:
        hazard = pt.exp(latency[0])
        lived = (hazard[own] * data["lived"]).sum(axis=1)
        here = (data["event functions"] * latency[0]).sum()
        return lived, here, (data["event lived"] * hazard).sum()
    first, log_shape = latency
    shape = pt.exp(log_shape)

    def log_cumulative(stratum: Any, log_time: Any) -> Any:
        if rows.cure:
            return float(np.log(LOG_2)) + shape[stratum] * (log_time - first[stratum])
        return first[stratum] + shape[stratum] * (log_time - float(np.log(rows.horizon)))

    log_event = data["event log time"]
    cumulative = log_cumulative(events, log_event)
    here = (mass * (cumulative + log_shape[events] - log_event)).sum()
    return pt.exp(log_cumulative(own, data["log time"])), here, (mass * pt.exp(cumulative)).sum()


def data_of(own: CauseModel) -> dict[str, Any]:
    """All that may differ between causes and between fits of one graph."""
    rows = own.rows
    assert rows is not None
    n_strata = own.baseline.n_strata
    found: dict[str, Any] = {
        "x": rows.x, "pattern": rows.pattern, "weight": rows.weight, "event sum": own.sums.event_sum,
        "point stratum": rows.stratum[rows.pattern], "event stratum": rows.event_stratum, "event weight": rows.event_weight,
    }  # fmt: skip
    if rows.cure:
        count = np.bincount(rows.event_stratum, rows.event_weight, n_strata)
        found |= {"stratum": rows.stratum, "alone": rows.alone, "event count": count}
    if rows.weibull:
        found |= {"log time": np.log(rows.at), "event log time": np.log(rows.event_at)}
    else:
        functions, lived = np.zeros((n_strata, rows.basis.size)), np.zeros((n_strata, rows.basis.size))
        np.add.at(functions, rows.event_stratum, rows.event_weight[:, None] * rows.basis.values(rows.event_at))
        np.add.at(lived, rows.event_stratum, rows.event_weight[:, None] * rows.basis.integrals(rows.event_at))
        found |= {"lived": rows.basis.integrals(rows.at), "event functions": functions, "event lived": lived}
    for labelled in own.effects:
        family = labelled.family
        found |= {f"{part} of {labelled.term}": np.asarray(getattr(family, part), float) for part in exchanged(family)}
    return found


def exchanged(family: Family) -> tuple[str, ...]:
    """What of a family hangs on the events of a cause, or on how it is sampled, and is data of a graph."""
    return {NORMAL: (), POOLED: ("centring",), SHARED: ("scale", "location")}.get(family.kind, ("scale",))
