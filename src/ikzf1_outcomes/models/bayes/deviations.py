"""Pooled deviations where nobody was: drawn from what deviations are like, given their spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.effects import BY_TRIAL, CLASS_BY_TRIAL
from ikzf1_outcomes.models.bayes.quantities import CauseDraws
from ikzf1_outcomes.models.bayes.reduction import Labelled

STREAMS = {"class": 1, "subtype": 2, "protocol": 3, BY_TRIAL: 4, CLASS_BY_TRIAL: 5}
"""Each family draws from random numbers of its own, so that scenarios share those of a trial and differ in none else."""


def stream(seed: tuple[int, int, int], term: str, of_class: int = 0) -> np.random.Generator:
    """Random numbers of a family, for some draws, and where it hangs on the class for one class."""
    return np.random.default_rng((*seed, of_class, STREAMS[term]))


def drawn_anew(cause: CauseDraws, term: str, n_draws: int, size: int, begin: int, rng: np.random.Generator) -> Floats:
    """Deviations of levels that nobody had, under the spread of each draw from `begin` on (draws, size)."""
    position = cause.position.reshape(-1, cause.position.shape[-1])[begin : begin + n_draws]
    spread = np.exp(position[:, cause.model.places[term]])
    return np.asarray(spread[:, None] * rng.standard_normal((n_draws, size)))


def deviations(
    cause: CauseDraws, labelled: Labelled, names: Sequence[str], beta: Floats, begin: int, rng: np.random.Generator
) -> Floats:
    """Effects of a pooled family by name; drawn anew where the family has none of that name (draws, names)."""
    out = drawn_anew(cause, labelled.term, len(beta), len(names), begin, rng)
    for j, name in enumerate(names):
        if name in labelled.labels:
            out[:, j] = beta[:, labelled.family.begin + labelled.labels.index(name)]
    return out


def of_trials(
    cause: CauseDraws, own: dict[str, Labelled], trials: tuple[str, ...], word: str, of_class: int, beta: Floats,
    seed: tuple[int, int, int],
) -> Floats:  # fmt: skip
    """What the effect of a class is in each trial, beyond what it is in the mean of trials (draws, trials + 1).

    The last column is 0: that mean, for patients whose trial is not known.
    """
    out = np.zeros((len(beta), len(trials) + 1))
    out[:, :-1] = deviations(cause, own[BY_TRIAL], trials, beta, seed[2], stream(seed, BY_TRIAL))
    if CLASS_BY_TRIAL in own:
        names = [f"{word} : {trial}" for trial in trials]
        rng = stream(seed, CLASS_BY_TRIAL, of_class)
        out[:, :-1] += deviations(cause, own[CLASS_BY_TRIAL], names, beta, seed[2], rng)
    return out


def of_unseen(cause: CauseDraws, labelled: Labelled, place: Integers, n_draws: int, seed: tuple[int, int, int]) -> Floats:
    """Effects of levels beyond those of the model, 0 for levels that it has (draws, patterns)."""
    size = len(labelled.labels)
    beyond = max(int(place.max(initial=-1)) + 1 - size, 0)
    out = np.zeros((n_draws, beyond + 1))
    out[:, 1:] = drawn_anew(cause, labelled.term, n_draws, beyond, seed[2], stream(seed, labelled.term))
    return np.asarray(out[:, np.maximum(place - size + 1, 0)])
