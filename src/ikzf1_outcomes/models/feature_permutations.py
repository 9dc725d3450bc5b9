"""Chance of any false positive in a screen: the largest score statistic when features belong to other patients."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.kernels.feature_scores import CoxScores, FineGrayScores, cox_scores, null_fit
from ikzf1_outcomes.kernels.partial import newton
from ikzf1_outcomes.kernels.risk import Floats, Integers, Positions
from ikzf1_outcomes.kernels.subdistribution import fine_gray_likelihood
from ikzf1_outcomes.models.analysed_rows import analysed, events_of
from ikzf1_outcomes.models.estimability import limit_of_empty_levels
from ikzf1_outcomes.models.feature_fits import Setting
from ikzf1_outcomes.models.proportional_hazards import estimate
from ikzf1_outcomes.models.subdistribution_rows import scaled_rows
from ikzf1_outcomes.resampling import replicates

TOGETHER = 50
"""Permutations that are one piece of work."""
SAME = 1e-10
"""Relative difference within which two statistics are equal."""


class Null(NamedTuple):
    """The fit of the adjusters alone, and the rows that features are exchanged among."""

    scores: CoxScores | FineGrayScores
    rows: Positions
    """Row of the endpoint of each row of the layout (n)."""
    stratum: Integers
    """Stratum of each, -1 where a row takes no part (n)."""
    adjusters: Floats


def family_p(
    setting: Setting, base: Design, values: Floats, fine_gray: bool, number: int, seed: int | np.random.Generator
) -> Floats:
    """Single-step maxT p-values (features): the share of permutations whose largest statistic is no smaller."""
    null = fine_gray_null(setting, base) if fine_gray else cox_null(setting, base)
    x = residuals_on_adjusters(null, values[null.rows])
    work = partial(largest, null.scores, x, null.stratum)
    pieces = replicates(work, -(-number // TOGETHER), seed=seed)
    top = np.sort(np.concatenate(pieces)[:number])
    observed = null.scores.statistics(x, np.arange(len(x)))
    no_smaller = number - np.searchsorted(top, observed * (1.0 - SAME))
    return np.asarray((1.0 + no_smaller) / (1.0 + number))


def largest(scores: CoxScores | FineGrayScores, x: Floats, stratum: Integers, rng: np.random.Generator) -> Floats:
    """The largest statistic of each of some permutations within strata."""
    return np.array([scores.statistics(x, exchanged(stratum, rng)).max() for _ in range(TOGETHER)])


def exchanged(stratum: Integers, rng: np.random.Generator) -> Positions:
    """For each row another of its stratum, each once; rows without a stratum keep theirs."""
    source = np.arange(len(stratum))
    key = rng.random(len(stratum))
    part = stratum >= 0
    places = np.flatnonzero(part)
    # sorted by stratum alone, and by stratum then chance: the same strata at the same places
    plain = places[np.argsort(stratum[places], kind="stable")]
    source[plain] = places[np.lexsort((key[places], stratum[places]))]
    return source


def residuals_on_adjusters(null: Null, values: Floats) -> Floats:
    """Features less their least-squares fit on the adjusters within strata, of unit spread (n, features).

    The statistic of the features as they stand is the same; exchanged, they keep no part of the adjusters with them. A
    missing value stands at the mean of its stratum.
    """
    out, part = np.zeros(values.shape), null.stratum >= 0
    x, adjusters = np.array(values[part]), np.array(null.adjusters[part])
    stratum = null.stratum[part]
    for code in np.unique(stratum):
        own = stratum == code
        known = ~np.isnan(x[own])
        mean = np.where(known, x[own], 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        x[own] = np.where(known, x[own] - mean, 0.0)
        adjusters[own] -= adjusters[own].mean(axis=0)
    spread = np.sqrt((x**2).mean(axis=0))
    if adjusters.shape[1]:
        x -= adjusters @ np.linalg.lstsq(adjusters, x, rcond=None)[0]
    left = np.sqrt((x**2).mean(axis=0))
    told = left > 1e-6 * np.maximum(spread, 1e-300)
    out[part] = np.divide(x, left, out=np.zeros_like(x), where=told)
    return out


def cox_null(setting: Setting, base: Design) -> Null:
    """The adjusters alone in a Cox model; for Firth's penalty too."""
    rows = analysed(setting.endpoint, base, setting.strata, None, False, None)
    event = events_of(setting.endpoint, base, rows, setting.cause)
    null = estimate(setting.endpoint, base, rows, event, setting.ties, "")
    layout = null.how.layout
    scores = cox_scores(null_fit(layout, null.maximum.beta * null.how.scale, setting.ties))
    stratum = np.repeat(np.arange(len(layout.start) - 1), np.diff(layout.start))
    return Null(scores, np.flatnonzero(null.how.rows)[layout.where], stratum, layout.x)


def fine_gray_null(setting: Setting, base: Design) -> Null:
    """The adjusters alone in a Fine-Gray model."""
    endpoint, cause = setting.endpoint, str(setting.cause)
    event = endpoint.cause[base.keep] == endpoint.cause_code(cause)
    limit = limit_of_empty_levels(base, event)
    rows = scaled_rows(endpoint, base, limit, cause, np.zeros(len(event), dtype=np.intp)).rows
    fit = newton(fine_gray_likelihood(rows), len(limit.columns))
    stratum = np.where(rows.active > 0, 0, -1)
    return Null(FineGrayScores(rows, fit.beta), np.flatnonzero(base.keep)[rows.order], stratum, rows.x)
