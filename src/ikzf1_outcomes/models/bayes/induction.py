"""The binary part of a model from diagnosis: whether induction fails, with the effects that the hazards have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import expit

from ikzf1_outcomes.kernels.density_memory import Baseline, Memory, Sums, pack
from ikzf1_outcomes.kernels.hierarchical_density import log_posterior
from ikzf1_outcomes.kernels.logistic_density import log_posterior_binary, pack_binary
from ikzf1_outcomes.kernels.piecewise_risks import Risks
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.bayes.covariate_patterns import patterns_of, stacked
from ikzf1_outcomes.models.bayes.effects import OF_CLASS
from ikzf1_outcomes.models.bayes.induction_rows import Parts
from ikzf1_outcomes.models.bayes.quantities import CauseDraws
from ikzf1_outcomes.models.bayes.reduction import CauseModel, Labelled, Reduced, labelled

FAILURE = "induction failure"
"""What the binary part is called where causes are."""
MOST = 600.0
"""Log odds beyond which the probability of coming through is no number of its own."""


def models_of(reduced: Reduced) -> tuple[CauseModel, ...]:
    """The models of the hazards, then of the failures of induction where they have one."""
    return reduced.models if reduced.parts is None else (*reduced.models, induction_model(reduced, reduced.parts))


def memory_of(model: CauseModel) -> tuple[Memory, Any]:
    """The memory of a model, and the compiled density that reads it."""
    parts = (model.sums, model.baseline, model.families)
    return (pack_binary(*parts), log_posterior_binary) if model.binary else (pack(*parts), log_posterior)


def induction_model(reduced: Reduced, parts: Parts) -> CauseModel:
    """The logistic model in the form of a cause: patients are its exposure, the log odds its only log hazard.

    Its effects do not change with time, and are sampled non-centred, since failures of induction are few.
    """
    own, patients = reduced.spec.priors, reduced.patients
    priors = replace(own, deletion=own.induction_deletion)
    spec = replace(reduced.spec, changes_at=None, centring="non-centred", priors=priors)
    table, (pattern,) = patterns_of([stacked(block, 1) for block in patients.blocks], patients, 1)
    events = np.where(parts.failed, parts.asked, 0.0)
    asked = np.bincount(pattern, parts.asked, len(table))
    by_stratum = np.bincount(patients.stratum, events, len(patients.strata))
    total = [np.bincount(table.row[pattern, b], events, len(rows)) @ rows for b, rows in enumerate(table.blocks)]
    sums = Sums(
        asked[:, None], table.stratum, table.row, table.blocks, np.ones((1, 1)), by_stratum[:, None], np.concatenate(total)
    )
    level = (priors.induction.location, priors.induction.scale)
    baseline = Baseline(np.ones(1), np.empty(0), level, 1.0, len(patients.strata), False, 0)
    effects: list[Labelled] = []
    begin = 0
    for group in (group for block in patients.blocks for group in block):
        effects.append(labelled(group, spec, begin, sums.event_sum, True, float(events.sum())))
        begin += effects[-1].family.size
    return CauseModel(FAILURE, sums, baseline, tuple(effects), float(events.sum()), binary=True)


def log_likelihood(reduced: Reduced, parts: Parts, drawn: CauseDraws, rows: Integers, size: int) -> Floats:
    """Log-likelihood of some of the rows kept, draw by draw: on the first row of a patient (draws, rows)."""
    n_draws = drawn.effect.shape[0] * size
    x = np.concatenate([group.columns[rows] for block in reduced.patients.blocks for group in block], axis=1)
    log_odds = drawn.log_hazard[:, :size].reshape(n_draws, -1)[:, reduced.patients.stratum[rows]]
    log_odds = log_odds + drawn.effect[:, :size].reshape(n_draws, -1) @ x.T
    return np.asarray(parts.asked[rows] * (parts.failed[rows] * log_odds - np.logaddexp(0.0, log_odds)))


def as_hazards_have(model: CauseModel, hazards: CauseModel, beta: Floats) -> Floats:
    """Effects of the binary part in the columns of a hazard, whose effects may change; what hangs on the class stays 0."""
    out = np.zeros((len(beta), sum(own.family.size for own in hazards.effects)))
    for theirs, ours in zip(hazards.effects, model.effects, strict=True):  # the same groups in the same order
        if theirs.term not in OF_CLASS:
            begin, size, place = theirs.family.begin, theirs.family.size, ours.family.begin
            out[:, begin : begin + size] = beta[:, place : place + size]
    return out


def came_through(log_odds: Floats) -> Floats:
    """Probability of not failing induction, above 0 so that those who came through have a curve."""
    return np.asarray(expit(-np.minimum(log_odds, MOST)))


def with_failures(risks: Risks, through: Floats, times: Floats) -> Risks:
    """Curves from diagnosis: those of who came through, and failure of induction, at time 0, as one more cause.

    `through` is the share who came through (draws, groups).
    """
    share = through[:, :, None]
    failed = np.broadcast_to(1.0 - share, risks.survival.shape)
    return Risks(
        share * risks.survival,
        np.concatenate((share[:, None] * risks.incidence, failed[:, None]), axis=1),
        np.concatenate((share[:, None] * risks.lost, (failed * times)[:, None]), axis=1),
        share * risks.restricted,
    )
