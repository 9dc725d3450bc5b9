"""Draws of the classes given the outcome, by data augmentation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.formula import design
from ikzf1_outcomes.impute.draws import codes_of
from ikzf1_outcomes.kernels.partial import lay_out, newton, partial_likelihood
from ikzf1_outcomes.kernels.risk import Floats, Integers

BURN_IN, EVERY = 20, 10
"""Cycles of data augmentation before the first draw that is kept, and from one kept draw to the next."""
PRIOR_SD = 5.0
"""Spread of the normal prior of log hazard ratios in the augmentation: a class that a cycle leaves without events stays
finite, and a ratio of 20 is pulled by less than a tenth of its standard error where the class has ten events."""


class Analysis(NamedTuple):
    """What every completed data set is asked."""

    by: str
    classes: tuple[Any, ...]
    terms: tuple[str, ...]
    references: dict[str, Any]
    cause: str | None
    at: float
    conf_level: float

    @property
    def base(self) -> int:
        """Position of the reference class."""
        return self.classes.index(self.references[self.by])

    @property
    def other_references(self) -> dict[str, Any]:
        """Reference levels of the other terms."""
        return {name: level for name, level in self.references.items() if name != self.by}


def augmented(
    endpoint: Endpoint, p: Floats, patient: Integers, ask: Analysis, draws: int, rng: np.random.Generator
) -> Iterator[Integers]:
    """Draws of the classes given the outcome, by data augmentation; one array of codes of patients a draw."""
    others = np.empty((len(endpoint), 0))
    if ask.terms:
        matrix = design(endpoint, ask.terms, references=ask.other_references).matrix
        spread = matrix.std(axis=0)
        others = (matrix - matrix.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    causes = [None] if ask.cause is None else endpoint.causes
    events = [event for cause in causes if (event := endpoint.ends_with(cause)).any()]
    with np.errstate(divide="ignore"):
        prior = np.log(p)
    codes, effect = codes_of(p, rng.random(len(p))), np.zeros(len(ask.classes))
    free = np.flatnonzero(np.arange(len(effect)) != ask.base)
    for cycle in range(BURN_IN + EVERY * (draws - 1) + 1):
        if cycle >= BURN_IN and (cycle - BURN_IN) % EVERY == 0:
            yield codes
        weight = prior.copy()
        x = np.column_stack(((codes[patient][:, None] == free).astype(float), others))
        for event in events:
            beta = drawn_coefficients(endpoint, event, x, rng)
            effect[free], rest = beta[: len(free)], others @ beta[len(free) :]
            np.add.at(weight, patient, log_likelihoods(endpoint, event, x @ beta, rest[:, None] + effect))
        chance = np.exp(weight - weight.max(axis=1, keepdims=True))
        codes = codes_of(chance / chance.sum(axis=1, keepdims=True), rng.random(len(p)))


def drawn_coefficients(endpoint: Endpoint, event: np.ndarray, x: Floats, rng: np.random.Generator) -> Floats:
    """Coefficients of a Cox model drawn from the normal approximation of their posterior."""
    likelihood = partial_likelihood(lay_out(endpoint.rows, event, endpoint.case_weights, x))
    precision = PRIOR_SD**-2 * np.eye(x.shape[1])

    def posterior(beta: Floats) -> tuple:
        value, score, information = likelihood(beta)
        pull = precision @ beta
        return value - beta @ pull / 2, score - pull, information + precision

    fit = newton(posterior, x.shape[1])
    return fit.beta + np.linalg.solve(np.linalg.cholesky(fit.information).T, rng.standard_normal(len(fit.beta)))


def log_likelihoods(endpoint: Endpoint, event: np.ndarray, own: Floats, eta: Floats) -> Floats:
    """Log-likelihood of each row under each class (n, classes), without the part that no class changes.

    `own` are the linear predictors of the classes as they stand (n), which make Breslow's baseline; `eta` those under each
    class (n, classes).
    """
    rows, risk = endpoint.rows, endpoint.case_weights * np.exp(own)
    size = len(rows.times)
    # rows that end at or after a rank, less those that enter after it
    ending, entering = (np.cumsum(np.bincount(at, risk, size)[::-1])[::-1] for at in (rows.rank, rows.first))
    at_risk = ending - np.append(entering[1:], 0.0)
    dead = np.bincount(rows.rank, endpoint.case_weights * event, size)
    hazard = np.concatenate(([0.0], np.cumsum(np.divide(dead, at_risk, out=np.zeros(size), where=dead > 0))))
    exposure = hazard[rows.rank + 1] - hazard[rows.first]
    return event[:, None] * eta - exposure[:, None] * np.exp(eta)
