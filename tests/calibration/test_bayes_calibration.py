"""Is the sampler of hierarchical models right? Truths drawn from the priors must be anywhere among the draws, with no rule.

Simulation-based calibration: Talts and others (2018); the test of the whole distribution of the ranks: Säilynoja and others
(2022). Recalled, not verified.
"""

import json
import os
import time
from functools import cache, partial

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.prior_draws import prior_positions
from ikzf1_outcomes.models.bayes.quantities import CauseDraws, in_own_terms, quantities
from ikzf1_outcomes.models.bayes.reduction import Reduced, reduce_endpoint, stacked
from ikzf1_outcomes.models.bayes.sampling import Run, one_try
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec, hierarchical_spec
from ikzf1_outcomes.resampling import replicates

pytestmark = pytest.mark.slow

KEPT, AT = 100, 5.0
CHANGE = 1.0
MODELS: dict[str, dict] = {
    "piecewise": {},
    "spline": {"baseline": "spline"},
    "spline that ends": {"baseline": "spline", "bound": 9.0},
    "piecewise, change": {"changes_at": CHANGE},
    "piecewise, superpopulation": {"pooling": "superpopulation"},
    "piecewise, larger": {},
}
SIZES = {name: (2000, 500) if name.endswith("larger") else (300, 1000) for name in MODELS}
"""Patients, and fits: those of the larger cohort sample the walk centred, where they have events enough."""
ASKED = {
    "level": ("level", ""), "drift": ("drift", ""), "deletion mean": ("deletion", "any deletion vs not deleted"),
    "class effect": ("class", "ik6 vs not deleted"), "subtype effect": ("subtype", "b vs mean of subtypes"),
    "class spread": ("class spread", ""), "subtype spread": ("subtype spread", ""), "covariate": ("covariate", "z"),
}  # fmt: skip
INCIDENCE = "incidence at 5 years, class ik6"
NAMES = (*ASKED, INCIDENCE)
GATE = 0.01
"""Probability of a false alarm of all tests of one model together."""


def described(model: str) -> HierarchicalSpec:
    """Everything pooled that there is, and a covariate; one event, of which there always are some."""
    return hierarchical_spec(subtype="subtype", protocol="protocol", covariates=["z"], causes="any", **MODELS[model])


@cache
def design(n: int) -> pd.DataFrame:
    """The same patients in every fit, with three small classes."""
    rng = np.random.default_rng(17)
    return pd.DataFrame(
        {
            "ikzf1_class": rng.choice(["none", "ik6", "whole_gene", "del_4_8"], n, p=[0.7, 0.12, 0.1, 0.08]),
            "subtype": rng.choice(list("abcd"), n, p=[0.4, 0.3, 0.2, 0.1]), "protocol": rng.choice(list("pqr"), n),
            "z": rng.normal(size=n), "end": rng.uniform(3.0, 8.0, n),
        }
    )  # fmt: skip


def endpoint_of(frame: pd.DataFrame, lived: np.ndarray, died: np.ndarray) -> iko.Endpoint:
    return iko.endpoint_from_columns(frame.assign(t=lived, s=died.astype(int)), time="t", status="s", causes={1: "relapse"})


@cache
def before(model: str) -> Reduced:
    """The model before there are events: of its sums nothing is used."""
    n = SIZES[model][0]
    return reduce_endpoint(endpoint_of(design(n), design(n)["end"].to_numpy(), np.arange(n) % 3 == 0), described(model))


def simulated(reduced: Reduced, truth: CauseDraws, frame: pd.DataFrame, rng: np.random.Generator) -> iko.Endpoint:
    """Times by inversion of each patient's cumulative hazard, halving intervals until they are exact."""
    n_periods = 1 if reduced.spec.changes_at is None else 2
    columns = zip(*(stacked(block, n_periods) for block in reduced.patients.blocks), strict=True)
    relative = [np.exp(np.concatenate(parts, axis=1) @ truth.effect[0, 0]) for parts in columns]
    hazard, end = np.exp(truth.log_hazard[0, 0, 0]), frame["end"].to_numpy()

    def cumulative(at: np.ndarray, who: np.ndarray) -> np.ndarray:
        until = np.minimum(at, CHANGE if n_periods > 1 else np.inf)
        first, whole = (reduced.basis.integrals(some) @ hazard for some in (until, at))
        return first * relative[0][who] + (whole - first) * relative[-1][who]

    wanted = rng.exponential(size=len(frame))
    died = cumulative(end, np.arange(len(frame))) > wanted
    low, high = np.zeros(int(died.sum())), end[died]
    for _ in range(52):
        middle = (low + high) / 2.0
        beyond = cumulative(middle, died) > wanted[died]
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    lived = end.copy()
    lived[died] = np.maximum(high, 1e-12)
    return endpoint_of(frame, lived, died)


def asked_of(posterior: Posterior) -> np.ndarray:
    """The numbers whose ranks are wanted, draw by draw (draws, numbers)."""
    reduced, drawn = posterior.reduced, posterior.sampled[0].drawn
    later = f", after {CHANGE:g} years"  # where effects change, the later one
    found = {(part.term, part.contrast.replace(later, "")): part.values.ravel() for part in quantities(reduced, drawn)}
    risks = dict(posterior.scenarios(np.array([AT])))["ik6"]
    return np.column_stack([*(found[name] for name in ASKED.values()), risks.incidence[:, 0, 0, 0]])


def thinned(sampled, by: int):
    position = sampled.drawn.position[:, ::by]
    return sampled._replace(drawn=in_own_terms(sampled.drawn.model, position))


def one_fit(rng: np.random.Generator, *, model: str) -> dict:
    """A truth from the priors, patients from the truth, draws from the posterior: where is the truth among the draws?"""
    start, frame = before(model), design(SIZES[model][0])
    no_events = 0
    while True:
        truth = in_own_terms(start.models[0], prior_positions(start.models[0], 1, rng)[None])
        endpoint = simulated(start, truth, frame, rng)
        if (endpoint.cause > 0).any():
            break
        no_events += 1
    reduced = reduce_endpoint(endpoint, described(model))
    run = Run(int(rng.integers(2**31)), 500, 500, 2, 0.9, 1, False)
    sampled = one_try(reduced.models[0], run, 1)
    kept = thinned(sampled, 2 * 500 // KEPT)
    found = asked_of(Posterior(endpoint, reduced, (kept,), int(rng.integers(2**31))))
    of_truth = asked_of(Posterior(endpoint, reduced, (kept._replace(drawn=truth),), int(rng.integers(2**31))))
    rank = (found < of_truth).sum(axis=0)
    # of K draws the truth has one of K + 1 places; a place becomes a number between 0 and 1 by chance
    return {
        "place": (rank + rng.random(len(rank))) / (len(found) + 1), "events": int((endpoint.cause > 0).sum()),
        "diverging": int(sampled.chains.diverging.sum()), "no_events": no_events,
        "centred": sampled.drawn.model.baseline.centred,
    }  # fmt: skip


def record(row: dict) -> None:
    """Keep what was measured for the page of the docs, when `make calibrate` asks for it."""
    path = os.environ.get("IKZF1_CALIBRATION")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def processes() -> int:
    """Two; one where the tests themselves run side by side."""
    return 1 if "PYTEST_XDIST_WORKER" in os.environ else 2


def uniform(place: np.ndarray) -> tuple[float, float]:
    """P-values of the chi-square test of 20 bins and of the greatest distance of the distribution function."""
    counts = np.histogram(place, bins=20, range=(0.0, 1.0))[0]
    return float(stats.chisquare(counts).pvalue), float(stats.kstest(place, "uniform").pvalue)


@pytest.mark.parametrize("model", MODELS)
def test_the_truth_may_be_anywhere_among_the_draws(model: str) -> None:
    n, fits = SIZES[model]
    begin = time.perf_counter()
    with joblib.parallel_config(n_jobs=processes()):
        found = replicates(partial(one_fit, model=model), fits, seed=2026)
    minutes = (time.perf_counter() - begin) / 60.0
    place = np.array([fit["place"] for fit in found])
    assert sum(fit["no_events"] for fit in found) == 0
    least = []
    for j, name in enumerate(NAMES):
        chi_square, distance = uniform(place[:, j])
        row = {"kind": "ranks", "what": name, "setting": model, "runs": fits, "n": n}
        row |= {"chi_square": chi_square, "distance": distance}
        for share in (0.5, 0.95):
            row[f"covered_{100 * share:g}"] = float((np.abs(place[:, j] - 0.5) <= share / 2).mean())
        row |= {word: float(np.mean([fit[word] for fit in found])) for word in ("diverging", "centred", "events")}
        record(row | {"fits_per_minute": fits / minutes})
        least += [chi_square, distance]
    assert min(least) > GATE / len(least), dict(zip(NAMES, np.reshape(least, (-1, 2)).tolist(), strict=True))
