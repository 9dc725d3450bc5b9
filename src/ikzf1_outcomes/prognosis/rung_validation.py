"""How the rungs would do among new patients: the bootstrap's optimism, or cross-validation where features are chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes import resampling
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.prognosis.horizons import Standing
from ikzf1_outcomes.prognosis.rung_fits import NOTHING, Fitted, Study, fit_rung
from ikzf1_outcomes.prognosis.rung_measures import Measuring
from ikzf1_outcomes.prognosis.rungs import Rung

BOOTSTRAP, CROSS_VALIDATION = "bootstrap, every rung refitted", "nested cross-validation, {} folds, repeated {} times"
FOLDS = 10


class Validated(NamedTuple):
    """Measures of all rungs in all repetitions; NaN where one had none."""

    training: Floats
    """Among the patients that a repetition fitted to (repetitions, rungs, measures); NaN in cross-validation."""
    test: Floats
    """Among the patients analysed, or those held out (repetitions, rungs, measures)."""
    method: str
    problems: tuple[str, ...]
    """Why repetitions came to nothing."""


@dataclass(frozen=True, eq=False, slots=True)
class Repetition:
    """A ladder fitted again, and measured."""

    measuring: Measuring
    standing: Standing
    """Weights of the patients analysed."""
    folds: int
    """0 for a bootstrap resample."""

    def __call__(self, rng: np.random.Generator) -> tuple[Floats, Floats, str]:
        """Training and test measures of all rungs, and why there are none."""
        try:
            return (*(self.held_out(rng) if self.folds else self.resampled(rng)), "")
        except (InputError, ConvergenceError) as failure:
            nothing = np.full((len(self.measuring.study.ladder.rungs), len(self.measuring.names)), np.nan)
            return nothing, nothing, failure.problem

    def resampled(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Fitted to as many patients drawn with replacement."""
        n = len(self.measuring.study.endpoint)
        return self.fitted_to(np.bincount(rng.integers(0, n, n), minlength=n), rng)

    def fitted_to(self, drawn: Integers, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Fitted to patients drawn so many times each; measured there and among the patients analysed."""
        study = self.measuring.study
        everybody = np.ones(len(drawn), dtype=np.intp)
        if not drawn[study.events[0]].any():
            raise InputError("a resample without an event")
        there = self.measuring.standing(drawn)
        training, test = [], []
        for rung in study.ladder.rungs:
            fit = fit_rung(study, rung, drawn, rng)
            training.append(self.measuring.measured(fit, drawn, there))
            test.append(self.measuring.measured(fit, everybody, self.standing))
        return np.array(training), np.array(test)

    def held_out(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Fitted, choices included, to all folds but one, whose patients are predicted; measured in all together."""
        study = self.measuring.study
        n = len(study.endpoint)
        fold = folds_of(study.events[0], self.folds, rng)
        test = []
        for rung in study.ladder.rungs:
            score, risk = unseen(study, rung, fold, rng)
            found = Fitted(score, risk, np.nan, NOTHING.astype(np.intp))
            test.append(self.measuring.measured(found, np.ones(n, dtype=np.intp), self.standing))
        return np.full_like(np.array(test), np.nan), np.array(test)


def unseen(study: Study, rung: Rung, fold: Integers, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Scores (n) and risks (n, t) of each fold by the rung fitted, choices included, to the others."""
    score, risk = np.empty(len(fold)), np.empty((len(fold), len(study.times)))
    for k in np.unique(fold):
        fit = fit_rung(study, rung, (fold != k).astype(np.intp), rng)
        score[fold == k], risk[fold == k] = fit.score[fold == k], fit.risk[fold == k]
    return score, risk


def folds_of(event: np.ndarray, folds: int, rng: np.random.Generator) -> Integers:
    """Folds drawn at random, those with events dealt out first, so that each has its share (n)."""
    dealt = np.r_[rng.permutation(np.flatnonzero(event)), rng.permutation(np.flatnonzero(~event))]
    fold = np.empty(len(event), dtype=np.intp)
    fold[dealt] = np.arange(len(event)) % folds
    return fold


def validated(
    measuring: Measuring,
    resamples: int,
    repeats: int,
    seed: np.random.Generator,
    progress: Callable[[int, int], None] | None,
) -> Validated:
    """Repeat all fits, in the way that the ladder needs."""
    study = measuring.study
    chooses = any(rung.choice is not None for rung in study.ladder.rungs)
    folds = min(FOLDS, int(study.events[0].sum())) if chooses else 0
    if chooses and folds < 2:
        raise InputError("fewer than two events to validate with", next_step="There is nothing to choose by.")
    standing = measuring.standing(np.ones(len(study.endpoint), dtype=np.intp))
    number = repeats if chooses else resamples
    rungs, size = len(study.ladder.rungs), len(measuring.names)
    if not number:
        nothing = np.empty((0, rungs, size))
        return Validated(nothing, nothing, "none", ())
    make = Repetition(measuring, standing, folds)
    found = resampling.replicates(make, number, seed=seed, progress=progress)
    training, test = (np.array([one[part] for one in found]) for part in (0, 1))
    method = CROSS_VALIDATION.format(folds, repeats) if chooses else BOOTSTRAP
    return Validated(training, test, method, tuple(one[2] for one in found if one[2]))
