"""Sample the posterior of a hierarchical model: NUTS on the compiled density, cause by cause."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.kernels.density_memory import NORMAL, POOLED
from ikzf1_outcomes.kernels.hierarchical_density import evaluate
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.kernels.sampler_densities import for_samplers
from ikzf1_outcomes.models.bayes.centring import MOSTLY, weight_of_data
from ikzf1_outcomes.models.bayes.compiled_graphs import patient_density
from ikzf1_outcomes.models.bayes.induction import memory_of, models_of
from ikzf1_outcomes.models.bayes.kept_causes import Kept, keep_cause, kept_in, taken_up
from ikzf1_outcomes.models.bayes.latencies import middle_of_rows
from ikzf1_outcomes.models.bayes.nuts import Density, run_nuts
from ikzf1_outcomes.models.bayes.posterior import Posterior, Sampled
from ikzf1_outcomes.models.bayes.quantities import CauseDraws, in_own_terms
from ikzf1_outcomes.models.bayes.quantity_tables import failures
from ikzf1_outcomes.models.bayes.reduction import CauseModel, Reduced, reduce_endpoint
from ikzf1_outcomes.models.bayes.sampler_settings import settings_of
from ikzf1_outcomes.models.bayes.shrinkage_priors import shrunk_middle
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec

MENDS = ((1, 0.95), (2, 0.98))
"""Further tries: how many times the tuning, and the target acceptance at least. Most first tries fail by little."""
CAUTIOUS = 0.1
"""Quantile of a spread, among the draws of one try, by which its effects are centred or not in the next."""


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
    keep: str | Path | None = None,
) -> Posterior:
    r"""Sample a hierarchical model of the hazards of one or several causes.

    Estimand: the effects of `hierarchical_spec`, for each cause with the others as censoring. No prior links the causes, so
    that the posterior is a product: each cause is sampled alone and draws are paired. Likelihood and priors are evaluated,
    with their gradient, over sums of covariate patterns; the density equals that of `hierarchical_model`. No-U-turn sampler
    (Hoffman and Gelman 2014, recalled) of nutpie. Where draws fail the gate (R-hat above 1.01, effective sample size below
    400, divergences, E-BFMI below 0.3), the cause is sampled once more, with a target acceptance of 0.95 and pooled effects
    centred by what the first draws say of their spreads, and where that fails too a last time, with 0.98 and twice the
    tuning; the best is kept, and what it still fails is said in every row of its tables.

    With `induction` in the description, the failures of induction have a logistic model beside the hazards of those who
    came through; it is sampled like a cause, "induction failure".

    Parameters
    ----------
    endpoint
        Times in years, and causes. No row may end at time 0, where there is no hazard, but those of failures of induction.
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
    keep
        Folder in which each cause is kept once it is sampled. A run that died is taken up by the same call: the same data,
        description, seed and settings find the causes that were done, and the draws are those of a run that lived.

    Returns
    -------
    Posterior
        `.tidy()`, `.glance()`, `.to_arviz()`, `.save(path)`. After Ctrl-C it holds the draws so far, of the causes so far,
        and says so.

    Raises
    ------
    ColumnError, InputError
        Unknown columns or causes; no events of a cause; nobody with or without a deletion; rows that end at time 0 (row
        positions); numbers of draws or chains that are too small; a folder to keep in that cannot be made.

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
    kept = None if keep is None else kept_in(keep, endpoint, reduced)
    run = Run(0, int(draws), int(tune), int(chains), float(target_accept), cores, progress)
    found = sampled_causes(reduced, int(seed), run, kept)
    if len(found) < len(models_of(reduced)):
        # interrupted: what was drawn stays, and curves are refused, as other causes have no draws
        reduced = reduced._replace(models=reduced.models[: len(found)], every_event=False)
    return Posterior(endpoint, reduced, found, int(seed))


class Run(NamedTuple):
    """How one cause is sampled."""

    seed: int
    draws: int
    tune: int
    chains: int
    target_accept: float
    cores: int | None
    progress: bool


def sampled_causes(reduced: Reduced, seed: int, run: Run, kept: Kept | None = None) -> tuple[Sampled, ...]:
    """Draws of all causes, each with a seed of its own; up to the one that was interrupted."""
    models = models_of(reduced)
    seeds = np.random.SeedSequence(seed).generate_state(len(models))
    found = []
    for own, child in zip(models, seeds, strict=True):
        one = run._replace(seed=int(child) >> 1)
        found.append(sampled(reduced, own, one) if kept is None else sampled_once(kept, own, one))
        if not found[-1].chains.complete:
            break
    return tuple(found)


def sampled_once(kept: Kept, model: CauseModel, run: Run) -> Sampled:
    """Draws of one cause, taken up where they were kept; kept where they were not, unless the user interrupted."""
    settings = run._asdict()
    found = taken_up(kept, model, settings)
    if found is None:
        found = sampled(kept.reduced, model, run)
        if found.chains.complete:
            keep_cause(kept, model, settings, found)
    return found


def sampled(reduced: Reduced, model: CauseModel, run: Run) -> Sampled:
    """Draws of one cause; the best of up to three tries, where the first and the second fail the gate."""
    best = one_try(reduced, model, run)
    free, seconds = reduced.spec.centring == "auto" and not model.binary, best.chains.seconds
    for before, (longer, target) in enumerate(MENDS, start=1):
        if not best.lost or not best.chains.complete:
            break
        again = run._replace(
            seed=run.seed ^ before, tune=longer * run.tune, target_accept=max(target, run.target_accept)
        )  # fmt: skip
        found = one_try(reduced, recentred(best.drawn) if free else model, again)
        best = min(found, best, key=lambda one: (len(one.lost), int(one.chains.diverging.sum())))
        seconds += found.chains.seconds
        best = best._replace(tries=before + 1, chains=best.chains._replace(seconds=seconds))
        if not found.chains.complete:
            break
    return best


def recentred(drawn: CauseDraws) -> CauseModel:
    """The model with pooled effects, and the walk, centred as far as the data tell of them, were their spreads low."""
    effects, events, base = [], drawn.model.sums.event_sum, drawn.model.baseline
    if len(base.step) and drawn.model.rows is None:  # of the uncured events tell little of the walk
        drift = np.exp(np.quantile(drawn.position[..., base.n_strata], CAUTIOUS))
        each = np.full(1, drawn.model.n_event / (base.n_strata * len(base.weights)))
        base = base._replace(centred=weight_of_data(each, float(drift * base.step.min())) >= MOSTLY)
    for labelled in drawn.model.effects:
        family = labelled.family
        if family.kind == POOLED:
            spread = np.exp(np.quantile(drawn.position[..., drawn.model.places[labelled.term]], CAUTIOUS))
            weight = weight_of_data(events[family.begin : family.begin + family.size], float(spread))
            family = family._replace(centring=weight if weight >= MOSTLY else 0.0)
        effects.append(labelled._replace(family=family))
    return drawn.model._replace(effects=tuple(effects), baseline=base)


def one_try(reduced: Reduced, model: CauseModel, run: Run) -> Sampled:
    """Sample one cause."""
    density = density_of(model)
    chains = run_nuts(
        density, seed=run.seed, draws=run.draws, tune=run.tune, chains=run.chains, target_accept=run.target_accept,
        cores=run.cores, start=middle_of(model, density.n_dim), progress=run.progress,
    )  # fmt: skip
    drawn = in_own_terms(model, chains.position)
    return Sampled(drawn, chains, run.target_accept, 1, failures(reduced, drawn, chains))


def density_of(model: CauseModel) -> Density:
    """Over sums of patterns; over patients where the likelihood is theirs."""
    if model.rows is not None:
        return patient_density(model)
    memory, form = memory_of(model)
    return Density(memory.n_dim, for_samplers(form).address, memory.buffer, partial(evaluate, memory, posterior=form))


def middle_of(model: CauseModel, n_dim: int) -> Floats:
    """The middle of the priors, around which chains begin (numbers)."""
    base, places = model.baseline, model.places
    middle = np.zeros(n_dim)
    middle[: base.n_strata] = base.level[0]
    if len(base.step):
        middle[base.n_strata] = np.log(base.drift / 2.0)
    if model.rows is not None:
        middle_of_rows(model, middle)
    for labelled in model.effects:
        family, at = labelled.family, places[labelled.term]
        if family.kind == NORMAL:
            middle[at : at + family.size] = family.location
        elif family.kind == POOLED:
            middle[at] = np.log(family.scale[0] / 2.0)
        else:
            middle[at : at + family.n_free] = shrunk_middle(family)
    return middle
