"""Sample the posterior of a hierarchical model: NUTS on the compiled density, cause by cause."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.kernels.density_memory import NORMAL, POOLED, pack
from ikzf1_outcomes.kernels.hierarchical_density import evaluate, for_samplers
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.bayes.nuts import Density, run_nuts
from ikzf1_outcomes.models.bayes.posterior import Posterior, Sampled, failures
from ikzf1_outcomes.models.bayes.quantities import CauseDraws, in_own_terms
from ikzf1_outcomes.models.bayes.reduction import MOSTLY, CauseModel, Reduced, reduce_endpoint, weight_of_data
from ikzf1_outcomes.models.bayes.sampler_settings import settings_of
from ikzf1_outcomes.models.bayes.scenarios import spread_place
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec

HARDER = 0.98
"""Target acceptance of the second try."""
CAUTIOUS = 0.1
"""Quantile of a spread, among the draws of a first try, by which its effects are centred or not in the second."""


def sample(
    endpoint: Endpoint,
    spec: HierarchicalSpec,
    *,
    seed: int,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    target_accept: float = 0.9,
    cores: int | None = None,
    progress: bool = False,
) -> Posterior:
    r"""Sample a hierarchical model of the hazards of one or several causes.

    Estimand: the effects of `hierarchical_spec`, for each cause with the others as censoring. No prior links the causes, so
    that the posterior is a product: each cause is sampled alone and draws are paired. Likelihood and priors are evaluated,
    with their gradient, over sums of covariate patterns; the density equals that of `hierarchical_model`. No-U-turn sampler
    (Hoffman and Gelman 2014, recalled) of nutpie. Where draws fail the gate (R-hat above 1.01, effective sample size below
    400, divergences, E-BFMI below 0.3), the cause is sampled once more, with twice the tuning, a target acceptance of 0.98
    and pooled effects centred by what the first draws say of their spreads; the better of both is kept, and what it still
    fails is said in every row of its tables.

    Parameters
    ----------
    endpoint
        Times in years, and causes. No row may end at time 0: a hazard has no place for those who fail before it begins.
    spec
        Made by `hierarchical_spec`.
    seed
        Of all randomness; the same seed gives the same draws, on any number of cores.
    draws, tune, chains
        Draws kept of each chain, draws before them, and chains.
    target_accept
        Of the first try.
    cores
        Chains at a time; None takes what there is.
    progress
        Show a line of progress.

    Returns
    -------
    Posterior
        `.tidy()`, `.glance()`, `.to_arviz()`, `.save(path)`. After Ctrl-C it holds the draws so far, of the causes so far,
        and says so.

    Raises
    ------
    ColumnError, InputError
        Unknown columns or causes; no events of a cause; nobody with or without a deletion; rows that end at time 0 (row
        positions); numbers of draws or chains that are too small.

    Notes
    -----
    Rows with a missing column, or a call that is not known, are left out and counted.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(200, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> posterior = iko.sample(endpoint, iko.hierarchical_spec(causes="relapse"), seed=1, draws=200, tune=200, chains=2)
    >>> posterior
    Posterior(RELAPSE: relapse; 2 chains x 200 draws)
    >>> posterior.tidy()["interval"].unique().tolist()
    ['credible']
    """
    settings_of(seed, draws, tune, chains, target_accept, cores, progress)
    reduced = reduce_endpoint(endpoint, spec)
    seeds = np.random.SeedSequence(int(seed)).generate_state(len(reduced.models))
    found = []
    for own, child in zip(reduced.models, seeds, strict=True):
        run = Run(int(child) >> 1, int(draws), int(tune), int(chains), float(target_accept), cores, progress)
        found.append(sampled(reduced, own, run))
        if not found[-1].chains.complete and len(found) < len(reduced.models):
            # interrupted: what was drawn stays, and curves are refused, as other causes have no draws
            reduced = reduced._replace(models=reduced.models[: len(found)], every_event=False)
            break
    return Posterior(endpoint, reduced, tuple(found), int(seed))


class Run(NamedTuple):
    """How one cause is sampled."""

    seed: int
    draws: int
    tune: int
    chains: int
    target_accept: float
    cores: int | None
    progress: bool


def sampled(reduced: Reduced, model: CauseModel, run: Run) -> Sampled:
    """Draws of one cause; of two tries the better, where the first fails the gate."""
    first = one_try(reduced, model, run)
    if not first.lost or not first.chains.complete:
        return first._replace(tries=1)
    again = run._replace(seed=run.seed ^ 1, tune=2 * run.tune, target_accept=max(HARDER, run.target_accept))
    second = one_try(reduced, recentred(first.drawn) if reduced.spec.centring == "auto" else model, again)
    return min(second, first._replace(tries=2), key=lambda one: (len(one.lost), int(one.chains.diverging.sum())))


def recentred(drawn: CauseDraws) -> CauseModel:
    """The model with each pooled family centred as far as the data tell of its effects, were its spread at the low end."""
    effects, events = [], drawn.model.sums.event_sum
    for labelled in drawn.model.effects:
        family = labelled.family
        if family.kind == POOLED:
            spread = np.exp(np.quantile(drawn.position[..., spread_place(drawn, labelled.term)], CAUTIOUS))
            weight = weight_of_data(events[family.begin : family.begin + family.size], float(spread))
            family = family._replace(centring=weight if weight >= MOSTLY else 0.0)
        effects.append(labelled._replace(family=family))
    return drawn.model._replace(effects=tuple(effects))


def one_try(reduced: Reduced, model: CauseModel, run: Run) -> Sampled:
    """Sample one cause."""
    memory = pack(model.sums, model.baseline, model.families)
    density = Density(memory.n_dim, for_samplers().address, memory.buffer, partial(evaluate, memory))
    chains = run_nuts(
        density, seed=run.seed, draws=run.draws, tune=run.tune, chains=run.chains, target_accept=run.target_accept,
        cores=run.cores, start=middle_of(model, memory.n_dim), progress=run.progress,
    )  # fmt: skip
    drawn = in_own_terms(model, chains.position)
    return Sampled(drawn, chains, run.target_accept, 2, failures(reduced, drawn, chains))


def middle_of(model: CauseModel, n_dim: int) -> Floats:
    """The middle of the priors, around which chains begin (numbers)."""
    base = model.baseline
    middle = np.zeros(n_dim)
    middle[: base.n_strata] = base.level[0]
    at = base.n_strata
    if len(base.step):
        middle[at] = np.log(base.drift / 2.0)
        at += 1 + base.n_strata * len(base.step)
    for labelled in model.effects:
        family = labelled.family
        if family.kind == NORMAL:
            middle[at : at + family.size] = family.location
        else:
            middle[at] = np.log(family.scale[0] / 2.0)
        at += family.n_free
    return middle
