"""Cause-specific hazards of stacked landmarks, the risks they predict, and who lies above a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint, make_endpoint
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.kernels.partial import lay_out
from ikzf1_outcomes.kernels.residuals import baseline
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.models.joint_hazards import steps_of
from ikzf1_outcomes.models.proportional_hazards import cox
from ikzf1_outcomes.prognosis.landmark_sets import PATIENT, STRATUM, LandmarkSet, Stack

AT_ONCE = 1 << 21
"""Predicted patients times event times that are worked on together."""
SMALL = 1e-3
"""Weight of a ridge that only takes to its limit what has no maximum."""
MOVES = ("above before", "above after", "moved up", "moved down")


class CauseHazard(NamedTuple):
    """The hazard of one cause at all landmarks."""

    cause: str
    fit: CoxFit | None
    """None where nobody had the cause, or one level of everything: there is nothing to compare."""
    settled: bool
    """Levels together separate: the limit was approached by a small ridge, and there is no fit."""
    effect: tuple[tuple[Floats, ...], ...]
    """Of each landmark and factor, log hazard ratios of its levels; minus infinity where a level had no event."""
    adjusted: Floats
    stratum: Integers
    time: Floats
    step: Floats
    """Steps of the baseline, at covariates 0 and the first levels with events."""


class Answers(NamedTuple):
    """What is asked of the model."""

    cells: tuple[Floats, ...]
    """Risk of each cell of each landmark."""
    classes: Floats
    """Risk of each class at each landmark (landmarks, classes)."""
    moves: Floats
    """Shares of a class, in the order of `MOVES`, at each landmark with a mark (marks, classes, 4)."""

    def flat(self) -> Floats:
        """All of them in a row."""
        return np.concatenate([*self.cells, self.classes.ravel(), self.moves.ravel()])

    def like(self, flat: Floats) -> Answers:
        """Numbers in a row, in the shape of these answers."""
        ends = np.cumsum([len(one) for one in self.cells])
        parts = np.split(flat, [*ends, ends[-1] + self.classes.size])
        return Answers(tuple(parts[:-2]), parts[-2].reshape(self.classes.shape), parts[-1].reshape(self.moves.shape))


def cause_hazard(
    stack: Stack, weight: Floats, code: int, *, marked: bool = True, clustered: bool = False, settle: bool = True
) -> CauseHazard:
    """Fit the hazard of one cause, with effects of class and marks of their own at each landmark.

    A level without an event at a landmark has a hazard of 0 there in the limit: its rows leave the risk sets, and the first
    level with events is the one that the others are compared with.

    Parameters
    ----------
    stack
        The landmark sets.
    weight
        Of the rows of the endpoint; those with 0 are left out.
    code
        Of the cause.
    marked
        With the marks; otherwise the class alone, on the same rows.
    clustered
        With the covariance clustered by patient.
    settle
        Where levels together separate, or are redundant: approach the limit by a small ridge, rather than raise.

    Raises
    ------
    ConvergenceError, InputError
        Levels that separate, or redundant ones.
    """
    own_weight = weight[stack.patient]
    keep = own_weight > 0
    event = keep & (stack.cause == code)
    effect, columns = [], []
    for s, one in enumerate(stack.sets):
        here, own = stack.own(s), []
        for factor in one.factors[: len(one.factors) if marked else 1]:
            has = np.bincount(factor.codes[event[here]], minlength=len(factor.levels)) > 0
            keep[here] &= has[factor.codes]
            columns += [one.column(factor, int(level)) for level in np.flatnonzero(has)[1:]]
            own.append(np.where(has, 0.0, -np.inf))
        effect.append(tuple(own))
    cause, nothing = stack.causes[code - 1], np.empty(0)
    none = CauseHazard(cause, None, False, tuple(effect), np.zeros(len(stack.adjust)), np.empty(0, int), nothing, nothing)
    if not event.any():
        return none
    rows = make_endpoint(
        stack.frame.loc[keep].reset_index(drop=True), stack.time[keep], stack.cause[keep].astype(np.int32),
        stack.causes, entry=stack.entry[keep], weights=own_weight[keep],
    )  # fmt: skip
    terms = [*columns, *stack.adjust]
    if not terms:
        return alike(none, rows, event[keep])
    try:
        fit = cox(rows, terms, cause=cause, strata=STRATUM, cluster=PATIENT if clustered else None)
    except (ConvergenceError, InputError):
        if not settle:
            raise
        near = cox(rows, terms, cause=cause, strata=STRATUM, penalty=("ridge", SMALL)).solution
        return filled(none, stack, near)._replace(settled=True)
    return filled(none, stack, fit)._replace(fit=fit)


def filled(none: CauseHazard, stack: Stack, fit: CoxFit) -> CauseHazard:
    """The hazard of a fit: its coefficients by landmark and level, its baselines by stratum."""
    beta = dict(zip(fit.design.names, fit.maximum.beta, strict=True))
    for one, levels in zip(stack.sets, none.effect, strict=True):
        for factor, value in zip(one.factors, levels, strict=False):
            value += [beta.get(one.column(factor, level), 0.0) for level in range(len(value))]
    found = steps_of(fit)
    return none._replace(
        adjusted=np.array([beta[name] for name in stack.adjust]),
        stratum=np.array(fit.estimation.levels, dtype=np.intp)[found.stratum],
        time=fit.endpoint.rows.times[found.rank],
        step=found.step * np.exp(-float(fit.maximum.beta @ fit.estimation.centre)),
    )


def alike(none: CauseHazard, rows: Endpoint, event: np.ndarray) -> CauseHazard:
    """The hazard of a cause that one level of everything had: nothing to compare, a baseline for each stratum."""
    present, stratum = np.unique(rows.frame[STRATUM].to_numpy(), return_inverse=True)
    layout = lay_out(rows.rows, event, rows.case_weights, np.empty((len(rows), 0)), strata=stratum)
    found = baseline(layout, np.empty(0))
    return none._replace(stratum=present[found.stratum], time=rows.rows.times[found.rank], step=found.step)


def incidence(relative: Floats, step: Floats, cause: int) -> Floats:
    """Incidence of one cause after all steps, with the hazards of the causes constant within a step.

    The sum of S(u-) (1 - exp(-dH)) / dH dH_k, as in `kernels.absolute_risk.sensitivity`, without its derivatives.

    Parameters
    ----------
    relative
        Hazards relative to the baseline (N, K).
    step
        Steps of the baselines (m, K).
    cause
        Position among the causes.
    """
    out = np.zeros(len(relative))
    if not len(step):
        return out
    for some in np.array_split(np.arange(len(out)), max(1, len(out) * len(step) // AT_ONCE)):
        total = relative[some] @ step.T
        before = np.exp(total - np.cumsum(total, axis=1))
        safe = np.where(total > 0, total, 1.0)
        share = np.where(total > 0, -np.expm1(-safe) / safe, 1.0)
        out[some] = relative[some, cause] * ((before * share) @ step[:, cause])
    return out


def risks(hazards: Sequence[CauseHazard], stack: Stack, s: int, cause: int, horizon: float) -> Floats:
    """Risk by the horizon of each cell of a landmark with each pattern of strata and covariates (C, P)."""
    one = stack.sets[s]
    cell = np.stack(
        [sum(part.effect[s][f][one.cells[:, f]] for f in range(one.cells.shape[1])) for part in hazards], axis=1
    )
    pattern = np.stack([one.adjusted @ part.adjusted for part in hazards], axis=1)
    out = np.empty((len(cell), len(pattern)))
    for stratum in np.unique(one.stratum):
        mine = np.flatnonzero(one.stratum == stratum)
        steps = baselines(hazards, s * stack.n_strata + int(stratum), horizon)
        relative = np.exp(cell[:, None, :] + pattern[None, mine, :])
        flat = incidence(relative.reshape(-1, len(hazards)), steps, cause)
        out[:, mine] = flat.reshape(len(cell), len(mine))
    return out


def baselines(hazards: Sequence[CauseHazard], stratum: int, horizon: float) -> Floats:
    """Baseline steps of all causes in one stratum up to the horizon, on the event times of any (m, K)."""
    mine = [(part.stratum == stratum) & (part.time <= horizon) for part in hazards]
    times = np.unique(np.concatenate([part.time[own] for part, own in zip(hazards, mine, strict=True)]))
    out = np.zeros((len(times), len(hazards)))
    for k, (part, own) in enumerate(zip(hazards, mine, strict=True)):
        out[np.searchsorted(times, part.time[own]), k] = part.step[own]
    return out


def answers(
    stack: Stack, hazards: Sequence[CauseHazard], weight: Floats, cause: int, horizon: float, threshold: float | None
) -> Answers:
    """Risks of cells and classes, and moves across a threshold, for patients with given weights."""
    classes = len(stack.sets[0].factors[0].levels)
    cells, means = [], np.empty((len(stack.sets), classes))
    moves = np.full((len(stack.sets) - 1, classes, len(MOVES)), np.nan)
    for s, one in enumerate(stack.sets):
        w = weight[one.row]
        risk = risks(hazards, stack, s, cause, horizon)
        value = risk @ (np.bincount(one.pattern, w, len(one.stratum)) / w.sum())
        size, own = np.bincount(one.cell, w, len(one.cells)), one.cells[:, 0]
        with np.errstate(invalid="ignore"):
            means[s] = np.bincount(own, size * value, classes) / np.bincount(own, size, classes)
        cells.append(value)
        if s and threshold is not None:
            moves[s - 1] = moved(one, risk, w, threshold)
    return Answers(tuple(cells), means, moves)


def moved(one: LandmarkSet, risk: Floats, weight: Floats, threshold: float) -> Floats:
    """Shares of each class above the threshold before and after its newest mark is known, and who crossed (classes, 4).

    Before: the mean over the levels of the mark, as they are among those of the class with the same earlier marks.
    """
    size = np.bincount(one.cell, weight, len(one.cells))
    parent = np.unique(one.cells[:, :-1], axis=0, return_inverse=True)[1].ravel()
    family = (parent[:, None] == parent[None, :]) * size[None, :]
    with np.errstate(invalid="ignore"):
        earlier = (family / family.sum(axis=1, keepdims=True)) @ risk
    before, after = earlier[one.cell, one.pattern] > threshold, risk[one.cell, one.pattern] > threshold
    codes, classes = one.factors[0].codes, len(one.factors[0].levels)
    kinds = (before, after, after & ~before, before & ~after)
    with np.errstate(invalid="ignore"):
        total = np.bincount(codes, weight, classes)
        return np.stack([np.bincount(codes, weight * kind, classes) / total for kind in kinds], axis=1)


def resampled(
    stack: Stack, rng: np.random.Generator, like: Answers, cause: int, horizon: float, threshold: float | None
) -> Floats:
    """The answers for patients drawn with replacement, in a row; missing where the models could not be fitted.

    One number more at the end: 1 where the hazard of the cause itself was taken to its limit by a ridge.
    """
    member = np.flatnonzero(stack.weight > 0)
    drawn = np.bincount(rng.integers(len(member), size=len(member)), minlength=len(member))
    weight = np.zeros(len(stack.weight))
    weight[member] = drawn * stack.weight[member]
    failed = np.full(len(like.flat()) + 1, np.nan)
    if any(not weight[one.row].any() for one in stack.sets):
        return failed
    try:
        hazards = [cause_hazard(stack, weight, code) for code in range(1, len(stack.causes) + 1)]
    except (ConvergenceError, InputError):
        return failed
    found = answers(stack, hazards, weight, cause, horizon, threshold).flat()
    return np.r_[found, float(hazards[cause].settled)]
