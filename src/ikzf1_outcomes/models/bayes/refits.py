"""A hierarchical model fitted again without some of its patients, who keep their columns."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.models.bayes.induction import models_of
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.quantities import CauseDraws
from ikzf1_outcomes.models.bayes.reduction import CauseModel, reduce_endpoint
from ikzf1_outcomes.models.bayes.sampling import Run, sampled

MOST = 50
"""Refits that are made without being asked for more."""


class Refit(NamedTuple):
    """The posterior of all patients but some."""

    drawn: tuple[CauseDraws, ...]
    lost: bool
    """Whether the draws of some cause are not to be trusted."""


def models_without(posterior: Posterior, left: np.ndarray) -> tuple[CauseModel, ...]:
    """The models of all causes as if some rows had weight 0.

    Rule: levels, patterns, intervals and the standardisation of covariates stay those of all patients, so that each effect
    is the same number of the same prior; a level that nobody has any more is told by its prior alone.

    Parameters
    ----------
    posterior
        Made by `sample`.
    left
        Which of the rows kept have weight 0 (n).
    """
    endpoint, reduced = posterior.endpoint, posterior.reduced
    weight = endpoint.case_weights.astype(float)
    weight[np.flatnonzero(reduced.patients.keep)[left]] = 0.0
    light = reduce_endpoint(replace(endpoint, weights=frozen(weight)), reduced.spec)
    # data of the one, priors of the other
    pairs = zip(models_of(light), models_of(reduced), strict=False)  # an interrupted posterior has the first causes only
    return tuple(own._replace(baseline=was.baseline, effects=was.effects) for own, was in pairs)


def fitted_without(posterior: Posterior, left: np.ndarray) -> Refit:
    """Sample anew without some rows: with the seed, draws and settings of the posterior."""
    seeds = np.random.SeedSequence(posterior.seed).generate_state(len(posterior.sampled))
    found = []
    for own, model, child in zip(posterior.sampled, models_without(posterior, left), seeds, strict=True):
        chains, draws = own.drawn.position.shape[:2]
        run = Run(int(child) >> 1, draws, own.chains.tune, chains, own.target_accept, None, False)
        found.append(sampled(posterior.reduced, model, run))
        if not found[-1].chains.complete:
            raise KeyboardInterrupt
    return Refit(tuple(own.drawn for own in found), any(own.lost for own in found))


def check_sampled(posterior: Posterior) -> None:
    """Refuse draws from the priors: no data told them, and leaving out says nothing.

    Raises
    ------
    InputError
        Always of those.
    """
    if any(own.chains.tune < 1 for own in posterior.sampled):
        raise InputError(
            "draws from the priors are not fitted again, and have no patients to leave out",
            next_step="Give a posterior made by `sample`.",
        )


def check_refits(posterior: Posterior, number: int, most: int, what: str) -> None:
    """Refuse refits that are too many, or of draws that no data told.

    Raises
    ------
    InputError
        With how many there would be.
    """
    check_sampled(posterior)
    if isinstance(most, bool) or not isinstance(most, int | np.integer) or most < 0:
        raise InputError("most must be a whole number of 0 or more", next_step=f"{MOST} is usual.")
    if number > most:
        raise InputError(
            f"too many {what} to fit the model without each", count=number,
            next_step=f"Raise `most` above {most}, or look at a model with fewer effects: so many say that it fits badly.",
        )  # fmt: skip
