"""Draws from the priors of a hierarchical model: what is thought before the data, as numbers and as curves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.density_memory import NORMAL, POOLED, Baseline, Family
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.bayes.induction import models_of
from ikzf1_outcomes.models.bayes.latencies import rows_positions
from ikzf1_outcomes.models.bayes.nuts import Chains
from ikzf1_outcomes.models.bayes.posterior import Posterior, Sampled
from ikzf1_outcomes.models.bayes.quantities import in_own_terms
from ikzf1_outcomes.models.bayes.reduction import CauseModel, reduce_endpoint
from ikzf1_outcomes.models.bayes.shrinkage_priors import shrunk_positions
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec
from ikzf1_outcomes.resampling import generator_of

METHOD = "Draws from the priors of hierarchical hazards"
BEFORE = "before the data"


def prior_positions(model: CauseModel, draws: int, rng: np.random.Generator) -> Floats:
    """What is sampled of one cause, drawn from its priors.

    Parameters
    ----------
    model
        Of one cause; of the patients only their effects' names and the integrals of the basis matter.
    draws
        How many.
    rng
        Random numbers.

    Returns
    -------
    array
        Levels, logarithm of the drift, steps, then the families, as the compiled density has them (draws, numbers): pooled
        effects and the walk centred or not.
    """
    parts = [baseline_positions(model.baseline, draws, rng), *rows_positions(model, draws, rng)]
    parts += [family_positions(family, draws, rng) for family in model.families]
    return np.concatenate(parts, axis=1)


def baseline_positions(base: Baseline, draws: int, rng: np.random.Generator) -> Floats:
    """Levels, and where the basis has more than one function the logarithm of the drift and the steps (draws, numbers)."""
    level = rng.normal(base.level[0], base.level[1], (draws, base.n_strata))
    size = len(base.step)
    if not size:
        return level
    drift = np.abs(rng.normal(0.0, base.drift, (draws, 1)))
    step = rng.normal(size=(draws, base.n_strata, size))
    if base.centred:
        moved = np.cumsum(drift[..., None] * base.step * step, axis=2)
        walk = np.concatenate((np.zeros((draws, base.n_strata, 1)), moved), axis=2)
        step = np.delete(walk - walk[..., [base.anchor]], base.anchor, axis=2)
    return np.concatenate((level, np.log(drift), step.reshape(draws, -1)), axis=1)


def family_positions(family: Family, draws: int, rng: np.random.Generator) -> Floats:
    """Normal effects, or logarithms of spreads and the free numbers that they multiply (draws, numbers)."""
    if family.kind == NORMAL:
        return rng.normal(family.location, family.scale, (draws, family.size))
    if family.kind != POOLED:
        return shrunk_positions(family, draws, rng)
    spread = np.abs(rng.normal(0.0, family.scale[0], (draws, 1)))
    free = rng.normal(size=(draws, family.basis.shape[1]))
    return np.concatenate((np.log(spread), spread**family.centring * free), axis=1)


class PriorDraws(Posterior):
    """Draws from the priors, in the form of a posterior; made by `sample_prior`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"PriorDraws({self.endpoint.name}: {', '.join(self.causes)}; {self.n_draws} draws)"

    def tidy(self, *, exponentiate: bool = False, conf_level: float = 0.95, margin: float = 1.5) -> pd.DataFrame:
        """As that of a posterior; each note says that no data entered."""
        table = super().tidy(exponentiate=exponentiate, conf_level=conf_level, margin=margin)
        return table.assign(note=["; ".join(filter(None, (BEFORE, note))) for note in table["note"]])

    def glance(self) -> pd.DataFrame:
        """As that of a posterior; one chain of independent draws has no R-hat and no E-BFMI."""
        table = super().glance()
        return table.assign(method=METHOD, note="; ".join((BEFORE, *self.reduced.notes)))


def sample_prior(
    endpoint: Endpoint, spec: HierarchicalSpec, *, seed: int | np.random.Generator, draws: int = 1000
) -> Posterior:
    r"""Draw from the priors of a hierarchical model, as `sample` draws from its posterior.

    Estimand: what the model holds of effects, spreads, hazards and curves before it sees an event. The patients give their
    classes, subtypes, protocols and covariates, over which curves are standardised; their times and events do not enter,
    except that each cause must have some, whose number scales the spread of features. `.curves()` is the prior predictive
    of the incidence: were it to range from 1 to 98 %, no clinician would hold the priors.

    Draws are independent, not of a chain:

    .. math:: \log H_0(\text{horizon}) \sim N, \quad \log h_{k+1} - \log h_k \sim N(0, \text{drift}^2 \Delta_k), \quad
        u_j \mid s \sim N(0, s^2), \quad \text{drift}, s \sim N^+

    Parameters
    ----------
    endpoint
        Times in years, and causes, as for `sample`.
    spec
        Made by `hierarchical_spec`.
    seed
        Number or generator.
    draws
        How many.

    Returns
    -------
    Posterior
        With one chain. `.tidy()`, `.curves()` and `.contrasts()` have the columns of a posterior's, and `.glance()` says in
        `method` and `note` that no data entered; r_hat and bfmi are NaN.

    Raises
    ------
    ColumnError, InputError
        As `sample`; fewer than 4 draws.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(200, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> before = iko.sample_prior(endpoint, iko.hierarchical_spec(causes=("relapse", "other")), seed=1)
    >>> before
    PriorDraws(RELAPSE: relapse, other; 1000 draws)
    >>> curves = before.curves(5).query("group == 'not deleted' and measure == 'event-free survival'")
    >>> curves[["low", "high"]].round(1).to_numpy().tolist()
    [[0.4, 1.0]]
    """
    if isinstance(draws, bool) or not isinstance(draws, int | np.integer) or draws < 4:
        raise InputError("draws must be a whole number of 4 or more", next_step="1000 are usual.")
    generator = generator_of(seed)
    reduced = reduce_endpoint(endpoint, spec)
    found = []
    for own in models_of(reduced):
        position = prior_positions(own, int(draws), generator)[None]
        zeros = np.zeros((1, int(draws)))
        chains = Chains(position, zeros > 0, zeros, zeros.astype(np.int64), np.zeros(1), 0, 0.0, True)
        found.append(Sampled(in_own_terms(own, position), chains, np.nan, 1, ()))
    return PriorDraws(endpoint, reduced, tuple(found), int(generator.integers(2**31)))
