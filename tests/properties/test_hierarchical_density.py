"""The compiled density of a hierarchical model: its gradient, PyMC's density, and the patients one by one."""

import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.density_memory import HORSESHOE, SHARED, pack
from ikzf1_outcomes.kernels.hierarchical_density import effects, evaluate, log_hazards
from ikzf1_outcomes.models.bayes.graph import hierarchical_model
from ikzf1_outcomes.models.bayes.reduction import Reduced, reduce_endpoint
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec, hierarchical_spec

FEATURES = [f"F{k}" for k in range(6)]
OPTIONS: dict[str, dict] = {
    "classes alone": {"causes": "relapse"},
    "any event": {"causes": "any", "cuts": []},
    "everything": {
        "subtype": "subtype", "protocol": "protocol", "covariates": "age + log(wbc)", "alterations": ["pax5", "etv6"],
    },
    "spline, cured": {
        "baseline": "spline", "bound": 9.0, "cuts": [0.5, 1.5, 3.0, 5.0], "subtype": "subtype", "causes": "relapse",
    },
    "spline, open": {"baseline": "spline", "cuts": [0.7, 2.0, 5.0], "covariates": ["age"], "causes": "death"},
    "baselines of trials": {"strata": "protocol", "subtype": "subtype", "cells": False, "causes": "relapse"},
    "changing": {"changes_at": 1.0, "subtype": "subtype", "alterations": ["pax5"], "causes": "relapse"},
    "effects of protocols": {
        "protocol": "protocol", "effects_by": "protocol", "subtype": "subtype", "changes_at": 1.0, "causes": "relapse",
    },
    "effects of trials": {
        "strata": "protocol", "effects_by": "strata", "pooling": "superpopulation", "covariates": ["age"],
    },
    "superpopulation": {"pooling": "superpopulation", "protocol": "protocol", "causes": "relapse"},
    "bounded steps": {"bound": 10.0, "cuts": [1.0, 2.0, 7.0], "causes": "relapse"},
    "shared alterations": {"alterations": ["pax5", "etv6"], "alterations_prior": "r2d2"},
    "features": {"features": FEATURES, "alterations": ["pax5"], "causes": "relapse"},
    "pathways": {
        "features": FEATURES, "pathways": {"one": ["F2", "F0"], "two": ["F4"]}, "covariates": ["age"], "causes": "relapse",
    },
}  # fmt: skip
SHRUNK = {HORSESHOE: ("spread", "slab", "pathway", "local"), SHARED: ("rest", "part")}
CENTRING = ("centred", "non-centred")


def cohort(n: int = 160, seed: int = 3, late: bool = True) -> iko.Endpoint:
    """Patients with rare classes, late entry, weights and two causes."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(["none", "ik6", "whole_gene", "del_4_8"], n, p=[0.7, 0.1, 0.1, 0.1])
    frame = pd.DataFrame(
        {
            "ikzf1_class": classes, "subtype": rng.choice(["a", "b", "c"], n), "protocol": rng.choice(["p", "q"], n),
            "age": rng.uniform(1, 17, n), "wbc": rng.lognormal(2, 1, n), "pax5": rng.choice(["normal", "deleted"], n),
            "etv6": rng.random(n) < 0.2, "w": rng.choice([1.0, 2.0], n),
        }
    )  # fmt: skip
    frame = frame.assign(**dict(zip(FEATURES, np.random.default_rng(seed + 1).normal(3.0, 2.0, (6, n)), strict=True)))
    time = np.ceil(365.25 * np.minimum(rng.exponential(4, n), rng.uniform(2, 8, n))) / 365.25
    frame["t"], frame["s"] = time, rng.choice([0, 1, 2], n, p=[0.5, 0.35, 0.15])
    frame["e"] = np.where(rng.random(n) < 0.3, time * rng.random(n), 0.0) if late else 0.0
    return iko.endpoint_from_columns(
        frame, time="t", status="s", causes={1: "relapse", 2: "death"}, entry="e" if late else None, weights="w"
    )


def places(reduced: Reduced, number: int = 3, seed: int = 5) -> list[tuple]:
    """A memory and some places for each cause."""
    rng = np.random.default_rng(seed)
    found = []
    for own in reduced.models:
        memory = pack(own.sums, own.baseline, own.families)
        found += [(own, memory, rng.normal(0.0, 0.7, memory.n_dim)) for _ in range(number)]
    return found


def described(name: str, centring: str) -> HierarchicalSpec:
    return hierarchical_spec(centring=centring, **OPTIONS[name])


@pytest.mark.parametrize("centring", CENTRING)
@pytest.mark.parametrize("name", OPTIONS)
def test_the_gradient_is_the_derivative(name: str, centring: str) -> None:
    for _, memory, theta in places(reduce_endpoint(cohort(), described(name, centring))):
        value, gradient = evaluate(memory, theta)
        assert np.isfinite(value)
        width = 1e-5
        for j in range(memory.n_dim):
            step = np.zeros(memory.n_dim)
            step[j] = width
            slope = (evaluate(memory, theta + step)[0] - evaluate(memory, theta - step)[0]) / (2 * width)
            assert slope == pytest.approx(gradient[j], rel=1e-6, abs=1e-6 * np.abs(gradient).max())


@pytest.mark.parametrize("centring", CENTRING)
@pytest.mark.parametrize("name", ["shared alterations", "pathways"])
def test_the_gradient_of_spreads_that_are_far_apart(name: str, centring: str) -> None:
    """Spreads from all but 0 to beyond the slab; of the patients their events alone, which are linear in the effects."""
    own = reduce_endpoint(cohort(), described(name, centring)).models[0]
    linear = own.sums._replace(exposure=np.zeros_like(own.sums.exposure))
    memory, rng = pack(linear, own.baseline, own.families), np.random.default_rng(12)
    family = next(family for family in own.families if family.kind in SHRUNK)
    first = own.places["feature" if family.kind == HORSESHOE else "alteration"]
    for _ in range(20):
        theta = rng.normal(0.0, 0.7, memory.n_dim)
        theta[first : first + family.n_free - family.size] *= 5.0
        gradient = evaluate(memory, theta)[1]
        assert gradient.any()
        for j in range(first, first + family.n_free):
            step = np.zeros(memory.n_dim)
            step[j] = 1e-4
            # four points, so that the step may be long beside the rounding of large densities
            a, b, c, d = (evaluate(memory, theta + k * step)[0] for k in (-2, -1, 1, 2))
            slope = (8.0 * (c - b) - (d - a)) / (12.0 * 1e-4)
            assert slope == pytest.approx(gradient[j], rel=1e-6, abs=1e-7 * max(1.0, np.abs(gradient).max()))


@pytest.mark.parametrize("centring", CENTRING)
@pytest.mark.parametrize("name", OPTIONS)
def test_the_density_is_that_of_the_pymc_model(name: str, centring: str) -> None:
    endpoint, spec = cohort(), described(name, centring)
    reduced = reduce_endpoint(endpoint, spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = hierarchical_model(endpoint, spec)
        # nothing is compiled: the graph is evaluated a few times only
        density = model.compile_logp(mode="FAST_COMPILE", sum=False)
        slope = model.compile_dlogp(mode="FAST_COMPILE")
    rng = np.random.default_rng(11)
    for _ in range(3):
        value, point, expected = 0.0, {}, {}
        for own in reduced.models:
            memory = pack(own.sums, own.baseline, own.families)
            theta = rng.normal(0.0, 0.7, memory.n_dim)
            here, gradient = evaluate(memory, theta)
            value += here
            point |= named(own, theta)
            expected |= named(own, gradient)
        assert sum(float(np.sum(part)) for part in density(point)) == pytest.approx(value, rel=1e-10, abs=1e-10)
        order = [v.name for v in model.value_vars]
        theirs, at = np.asarray(slope(point)), 0
        for v in order:
            size = expected[v].size
            assert theirs[at : at + size] == pytest.approx(expected[v].ravel(), rel=1e-8, abs=1e-8)
            at += size
        assert at == sum(part.size for part in expected.values())


def named(own, theta: np.ndarray) -> dict[str, np.ndarray]:
    """The numbers that are sampled under PyMC's names."""
    base, cause = own.baseline, own.cause
    n_strata, n_steps = base.n_strata, len(base.step)
    out, at = {f"{cause}: level": theta[:n_strata]}, n_strata
    if n_steps:
        out[f"{cause}: drift_log__"] = theta[at]
        at += 1
        out[f"{cause}: step"] = theta[at : at + n_strata * n_steps].reshape(n_strata, n_steps)
        at += n_strata * n_steps
    for labelled in own.effects:
        family = labelled.family
        if family.kind in SHRUNK:
            place = at
            for word in SHRUNK[family.kind]:
                size = {"local": family.size, "part": family.size, "pathway": family.basis.shape[1]}.get(word)
                if size != 0:
                    whole = theta[place] if size is None else theta[place : place + size]
                    out[f"{cause}: {labelled.term} {word}_log__"] = whole
                    place += size or 1
            out[f"{cause}: {labelled.term}"] = theta[place : at + family.n_free]
        elif family.kind == 1:
            out[f"{cause}: {labelled.term} spread_log__"] = theta[at]
            out[f"{cause}: {labelled.term}"] = theta[at + 1 : at + family.n_free]
        else:
            out[f"{cause}: {labelled.term}"] = theta[at : at + family.n_free]
        at += family.n_free
    assert at == len(theta)
    return out


def one_by_one(endpoint: iko.Endpoint, reduced: Reduced, own, memory, theta: np.ndarray) -> float:
    """The log-likelihood of a cause, a patient at a time, from the hazard of each."""
    spec, patients = reduced.spec, reduced.patients
    beta, log_hazard = effects(memory, theta[None])[0], log_hazards(memory, theta[None])[0]
    died = endpoint.ends_with(None if own.cause == "any" else own.cause)
    rows = np.flatnonzero(patients.keep)
    ends = [0.0, np.inf] if spec.changes_at is None else [0.0, spec.changes_at, np.inf]
    total = 0.0
    for place, i in enumerate(rows):
        begin = 0.0 if endpoint.entry is None else max(float(endpoint.entry[i]), 0.0)
        for q, (a, b) in enumerate(pairwise(ends)):
            x = []
            for group in (g for block in patients.blocks for g in block):
                if group.term in ("deletion", "class") and len(ends) == 3:
                    x += [group.columns[place] * (p == q) for p in range(2)]
                else:
                    x.append(group.columns[place])
            eta = float(np.concatenate(x) @ beta)
            lo, hi = max(begin, a), min(float(endpoint.time[i]), b)
            hazard = np.exp(log_hazard[patients.stratum[place]])
            if hi > lo:
                lived = reduced.basis.integrals(np.array([hi]))[0] - reduced.basis.integrals(np.array([lo]))[0]
                total -= endpoint.case_weights[i] * np.exp(eta) * float(lived @ hazard)
            if died[i] and a < endpoint.time[i] <= b:
                now = float(reduced.basis.values(endpoint.time[[i]])[0] @ hazard)
                total += endpoint.case_weights[i] * (np.log(now) + eta)
    return total


@pytest.mark.parametrize("name", OPTIONS)
def test_sums_over_patterns_are_sums_over_patients(name: str) -> None:
    endpoint = cohort()
    reduced = reduce_endpoint(endpoint, described(name, "non-centred"))
    for own in reduced.models:
        memory = pack(own.sums, own.baseline, own.families)
        rng = np.random.default_rng(2)
        a, b = rng.normal(0, 0.5, memory.n_dim), rng.normal(0, 0.5, memory.n_dim)
        # the likelihood alone: what the density holds beyond its priors, which do not know the patients
        nobody = pack(own.sums._replace(
            exposure=np.zeros_like(own.sums.exposure), event_count=np.zeros_like(own.sums.event_count),
            event_sum=np.zeros_like(own.sums.event_sum)), own.baseline, own.families)  # fmt: skip
        for theta in (a, b):
            likelihood = evaluate(memory, theta)[0] - evaluate(nobody, theta)[0]
            assert likelihood == pytest.approx(one_by_one(endpoint, reduced, own, memory, theta), rel=1e-11)


def test_the_level_is_the_cumulative_hazard_at_the_horizon() -> None:
    for name in ("everything", "spline, cured", "spline, open", "bounded steps"):
        reduced = reduce_endpoint(cohort(), described(name, "centred"))
        for _, memory, theta in places(reduced, 1):
            total = np.exp(log_hazards(memory, theta[None])[0]) @ reduced.basis.integrals(np.array([5.0]))[0]
            assert np.log(total) == pytest.approx(theta[: len(total)], rel=1e-12)


def test_places_without_a_density_are_minus_infinity() -> None:
    reduced = reduce_endpoint(cohort(), described("everything", "non-centred"))
    _, memory, theta = places(reduced, 1)[0]
    for far in (np.full(memory.n_dim, 500.0), np.full(memory.n_dim, np.nan)):
        value, gradient = evaluate(memory, far)
        assert value == -np.inf
        assert not gradient.any()
    assert np.isfinite(evaluate(memory, theta)[0])


def test_the_order_of_the_patients_does_not_matter() -> None:
    endpoint = cohort()
    order = np.random.default_rng(1).permutation(len(endpoint))
    frame = endpoint.frame.iloc[order].reset_index(drop=True)
    other = iko.endpoint_from_columns(
        frame, time="t", status="s", causes={1: "relapse", 2: "death"}, entry="e", weights="w"
    )
    spec = described("everything", "non-centred")
    one, two = (places(reduce_endpoint(some, spec), 1) for some in (endpoint, other))
    for (_, first, theta), (_, second, _) in zip(one, two, strict=True):
        assert evaluate(first, theta)[0] == pytest.approx(evaluate(second, theta)[0], rel=1e-12)
