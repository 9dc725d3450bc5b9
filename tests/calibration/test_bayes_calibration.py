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
from scipy.special import expit

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.covariate_patterns import stacked
from ikzf1_outcomes.models.bayes.induction import FAILURE, models_of
from ikzf1_outcomes.models.bayes.latencies import cumulative as of_latency
from ikzf1_outcomes.models.bayes.latencies import log_survival, uncured_of
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.prior_draws import prior_positions
from ikzf1_outcomes.models.bayes.priors import Priors, normal
from ikzf1_outcomes.models.bayes.quantities import CauseDraws, in_own_terms, quantities
from ikzf1_outcomes.models.bayes.reduction import Reduced, reduce_endpoint
from ikzf1_outcomes.models.bayes.sampling import Run, one_try
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec, hierarchical_spec
from ikzf1_outcomes.resampling import replicates

pytestmark = pytest.mark.slow

KEPT, AT = 100, 5.0
CHANGE = 1.0
OFTEN = Priors(induction=normal(np.log(0.2 / 0.8), 0.7, unit="log odds", reason="of 300 patients some always fail"))
PEPTIDES, LOST = [f"PEP{k}" for k in range(10)], [f"CNA{k}" for k in range(5)]
MODELS: dict[str, dict] = {
    "piecewise": {},
    "spline": {"baseline": "spline"},
    "spline that ends": {"baseline": "spline", "bound": 9.0},
    "piecewise, change": {"changes_at": CHANGE},
    "piecewise, superpopulation": {"pooling": "superpopulation"},
    "piecewise, induction": {"induction": "non-response", "priors": OFTEN},
    "piecewise, strata": {"strata": "protocol", "protocol": None},
    "piecewise, trials": {"strata": "protocol", "protocol": None, "effects_by": "strata"},
    "piecewise, larger": {},
    "features in pathways": {
        "features": PEPTIDES,
        "pathways": {"one": PEPTIDES[:4], "two": PEPTIDES[4:7]},
        "protocol": None,
    },
    "shared alterations": {"alterations": LOST, "alterations_prior": "r2d2", "protocol": None},
    "Weibull": {"baseline": "weibull"},
    "cure, Weibull": {"cure": True, "baseline": "weibull"},
    "cure, piecewise": {"cure": True},
}
SIZES = {name: (2000, 500) if name.endswith("larger") else (300, 1000) for name in MODELS}
"""Patients, and fits: those of the larger cohort sample the walk centred, where they have events enough."""
ASKED = {
    "level": ("level", ""), "drift": ("drift", ""), "deletion mean": ("deletion", "any deletion vs not deleted"),
    "class effect": ("class", "ik6 vs not deleted"), "subtype effect": ("subtype", "b vs mean of subtypes"),
    "class spread": ("class spread", ""), "subtype spread": ("subtype spread", ""), "covariate": ("covariate", "z"),
}  # fmt: skip
OF_MODEL = {
    "features in pathways": {
        "feature": ("feature", "PEP0"), "feature of no pathway": ("feature", "PEP9"),
        "feature spread": ("feature spread", ""), "feature slab": ("feature slab", ""),
        "pathway spread": ("pathway spread", "one"),
    },
    "piecewise, trials": {
        "deletion in a trial": ("deletion by trial", "any deletion vs not deleted, in p"),
        "class in a trial": ("class by trial", "ik6 vs not deleted, in p"),
        "deletion by trial spread": ("deletion by trial spread", ""),
        "class by trial spread": ("class by trial spread", ""),
    },
    "shared alterations": {
        "alteration": ("alteration", "CNA0"), "rare alteration": ("alteration", "CNA4"),
        "alteration share": ("alteration share", ""),
    },
}  # fmt: skip
"""What one model has that others have not."""
OWN = {
    "Weibull": {"shape": ("shape", "")},
    "cure, Weibull": {"uncured": ("uncured", ""), "median": ("median of the uncured", ""), "shape": ("shape", "")},
    "cure, piecewise": {
        "uncured": ("uncured", ""), "median": ("median of the uncured", ""), "drift": ("drift", ""),
        "level": ("level of the uncured", ""),
    },
}  # fmt: skip
"""In place of level and drift, where a model has others."""
INCIDENCE = "incidence at 5 years, class ik6"
OF_FAILURE = ("level", "deletion mean", "class effect", "subtype effect", "class spread", "subtype spread", "covariate")
FREE = "event-free survival at 5 years, class ik6"
GATE = 0.01
"""Probability of a false alarm of all tests of one model together."""


def keys_of(model: str) -> dict[str, tuple[str, str]]:
    """Terms and contrasts of what is asked of a model."""
    if model not in OWN:
        return ASKED | OF_MODEL.get(model, {})
    gone = {"level", "drift"} - ({"level"} if model == "Weibull" else set())
    return OWN[model] | {name: key for name, key in ASKED.items() if name not in gone}


def names_of(model: str) -> tuple[str, ...]:
    """What is asked of a model."""
    failures = (*(f"{name}, induction failure" for name in OF_FAILURE), "induction failure, class ik6", FREE)
    return (*keys_of(model), INCIDENCE, *(failures if "induction" in MODELS[model] else ()))


def described(model: str) -> HierarchicalSpec:
    """Everything pooled that there is, and a covariate; one event, of which there always are some."""
    usual = {"subtype": "subtype", "protocol": "protocol", "covariates": ["z"], "causes": "any"}
    return hierarchical_spec(**usual | MODELS[model])


@cache
def design(n: int) -> pd.DataFrame:
    """The same patients in every fit, with three small classes."""
    rng = np.random.default_rng(17)
    frame = pd.DataFrame(
        {
            "ikzf1_class": rng.choice(["none", "ik6", "whole_gene", "del_4_8"], n, p=[0.7, 0.12, 0.1, 0.08]),
            "subtype": rng.choice(list("abcd"), n, p=[0.4, 0.3, 0.2, 0.1]), "protocol": rng.choice(list("pqr"), n),
            "z": rng.normal(size=n), "end": rng.uniform(3.0, 8.0, n),
        }
    )  # fmt: skip
    frame[PEPTIDES] = rng.normal(size=(n, len(PEPTIDES))) + 0.7 * rng.normal(size=(n, 1))
    frame[LOST] = (rng.random((n, len(LOST))) < [0.4, 0.3, 0.2, 0.1, 0.05]).astype(int)
    return frame


def endpoint_of(frame: pd.DataFrame, lived: np.ndarray, died: np.ndarray, failed: np.ndarray) -> iko.Endpoint:
    """Failures of induction count at time 0."""
    causes = {1: "relapse"} | ({2: "non-response"} if failed.any() else {})
    own = frame.assign(t=np.where(failed, 0.0, lived), s=np.where(failed, 2, died.astype(int)))
    return iko.endpoint_from_columns(own, time="t", status="s", causes=causes)


@cache
def before(model: str) -> Reduced:
    """The model before there are events: of its sums nothing is used."""
    n = SIZES[model][0]
    failed = np.arange(n) % 7 == 0 if "induction" in MODELS[model] else np.zeros(n, dtype=bool)
    endpoint = endpoint_of(design(n), design(n)["end"].to_numpy(), np.arange(n) % 3 == 0, failed)
    return reduce_endpoint(endpoint, described(model))


def failing(reduced: Reduced, truths: list[CauseDraws], rng: np.random.Generator) -> np.ndarray:
    """Who fails induction."""
    n = len(reduced.patients.stratum)
    if truths[-1].model.cause != FAILURE:
        return np.zeros(n, dtype=bool)
    x = np.concatenate([group.columns for block in reduced.patients.blocks for group in block], axis=1)
    return rng.random(n) < expit(truths[-1].log_hazard[0, 0, 0, 0] + x @ truths[-1].effect[0, 0])


def simulated(reduced: Reduced, truths: list[CauseDraws], frame: pd.DataFrame, rng: np.random.Generator) -> iko.Endpoint:
    """Times by inversion of each patient's cumulative hazard, halving intervals until they are exact."""
    truth, failed = truths[0], failing(reduced, truths, rng)
    n_periods = 1 if reduced.spec.changes_at is None else 2
    columns = zip(*(stacked(block, n_periods) for block in reduced.patients.blocks), strict=True)
    relative = [np.exp(np.concatenate(parts, axis=1) @ truth.effect[0, 0]) for parts in columns]
    hazard, end = np.exp(truth.log_hazard[0, 0])[reduced.patients.stratum], frame["end"].to_numpy()
    own, odds = truth.model, np.zeros(len(frame))
    if own.rows is not None and own.rows.cure:
        odds = uncured_of(own, truth.position[0])[0, reduced.patients.stratum]

    def cumulative(at: np.ndarray, who: np.ndarray) -> np.ndarray:
        if own.rows is not None:
            lived = of_latency(own, truth.log_hazard[0], at, reduced.patients.stratum[who])[0]
            if not own.rows.cure:
                return lived * relative[0][who]
            return -log_survival(odds[who] + np.log(relative[0][who]), lived)
        until = np.minimum(at, CHANGE if n_periods > 1 else np.inf)
        first, whole = ((reduced.basis.integrals(some) * hazard[who]).sum(axis=1) for some in (until, at))
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
    return endpoint_of(frame, lived, died, failed)


def asked_of(posterior: Posterior, model: str) -> np.ndarray:
    """The numbers whose ranks are wanted, draw by draw (draws, numbers)."""
    reduced, drawn = posterior.reduced, [own.drawn for own in posterior.sampled]
    later = f", after {CHANGE:g} years"  # where effects change, the later one
    found = {
        (own.model.cause, part.term, part.contrast.replace(later, "")): part.values.ravel()
        for own in drawn
        for part in quantities(reduced, own)
    }
    risks = dict(posterior.scenarios(np.array([AT])))["ik6"]
    first = reduced.patients.strata[0] if len(reduced.patients.strata) > 1 else ""  # whose level is asked for
    asked = keys_of(model).values()
    wanted = [found["any", term, first if term == "level" else contrast] for term, contrast in asked]
    wanted.append(risks.incidence[:, 0, 0, 0])
    if drawn[-1].model.cause == FAILURE:
        wanted += [found[FAILURE, *ASKED[name]] for name in OF_FAILURE]
        wanted += [risks.incidence[:, -1, 0, 0], risks.survival[:, 0, 0]]
    return np.column_stack(wanted)


def thinned(sampled, by: int):
    position = sampled.drawn.position[:, ::by]
    return sampled._replace(drawn=in_own_terms(sampled.drawn.model, position))


def one_fit(rng: np.random.Generator, *, model: str) -> dict:
    """A truth from the priors, patients from the truth, draws from the posterior: where is the truth among the draws?"""
    start, frame = before(model), design(SIZES[model][0])
    no_events = 0
    while True:
        truths = [in_own_terms(own, prior_positions(own, 1, rng)[None]) for own in models_of(start)]
        endpoint = simulated(start, truths, frame, rng)
        if set(endpoint.cause) >= set(range(1, 1 + len(truths))):
            break
        no_events += 1
    reduced = reduce_endpoint(endpoint, described(model))
    # the scale of the features' spread, which follows the number of events, is that of the truth's own prior
    if reduced.spec.features:
        reduced = reduced._replace(models=(reduced.models[0]._replace(effects=start.models[0].effects),))
    run = Run(int(rng.integers(2**31)), 500, 500, 2, 0.9, 1, False)
    sampled = [one_try(reduced, own, run) for own in models_of(reduced)]
    kept = tuple(thinned(own, 2 * 500 // KEPT) for own in sampled)
    found = asked_of(Posterior(endpoint, reduced, kept, int(rng.integers(2**31))), model)
    true = tuple(own._replace(drawn=truth) for own, truth in zip(kept, truths, strict=True))
    of_truth = asked_of(Posterior(endpoint, reduced, true, int(rng.integers(2**31))), model)
    rank = (found < of_truth).sum(axis=0)
    # of K draws the truth has one of K + 1 places; a place becomes a number between 0 and 1 by chance
    return {
        "place": (rank + rng.random(len(rank))) / (len(found) + 1), "events": int((endpoint.cause > 0).sum()),
        "diverging": int(sum(own.chains.diverging.sum() for own in sampled)), "no_events": no_events,
        "centred": sampled[0].drawn.model.baseline.centred,
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


def bins_of(place: np.ndarray) -> np.ndarray:
    """How many places lie in each twentieth."""
    return np.histogram(place, bins=20, range=(0.0, 1.0))[0]


def uniform(place: np.ndarray) -> tuple[float, float]:
    """P-values of the chi-square test of 20 bins and of the greatest distance of the distribution function."""
    return float(stats.chisquare(bins_of(place)).pvalue), float(stats.kstest(place, "uniform").pvalue)


@pytest.mark.parametrize("model", MODELS)
def test_the_truth_may_be_anywhere_among_the_draws(model: str) -> None:
    n, fits = SIZES[model]
    begin = time.perf_counter()
    with joblib.parallel_config(n_jobs=processes()):
        found = replicates(partial(one_fit, model=model), fits, seed=2026)
    minutes = (time.perf_counter() - begin) / 60.0
    place, names = np.array([fit["place"] for fit in found]), names_of(model)
    # truths without any event, or failure, cannot be fitted and are drawn anew: of some priors they are possible, and rare
    rare = model in OWN or "induction" in MODELS[model]
    assert sum(fit["no_events"] for fit in found) <= (0.01 * fits if rare else 0)
    assert place.shape[1] == len(names)
    least = []
    for j, name in enumerate(names):
        chi_square, distance = uniform(place[:, j])
        row = {"kind": "ranks", "what": name, "setting": model, "runs": fits, "n": n}
        row |= {"chi_square": chi_square, "distance": distance, "counts": bins_of(place[:, j]).tolist()}
        for share in (0.5, 0.95):
            row[f"covered_{100 * share:g}"] = float((np.abs(place[:, j] - 0.5) <= share / 2).mean())
        row |= {word: float(np.mean([fit[word] for fit in found])) for word in ("diverging", "centred", "events")}
        record(row | {"fits_per_minute": fits / minutes})
        least += [chi_square, distance]
    assert min(least) > GATE / len(least), dict(zip(names, np.reshape(least, (-1, 2)).tolist(), strict=True))
