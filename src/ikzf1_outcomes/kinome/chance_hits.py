"""What chance alone makes of the labels: how many peptides are hits, how large the largest statistic is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.label_permutations import (
    SAME,
    Exchangeable,
    Priors,
    Tally,
    all_labellings,
    labellings,
    moment_priors,
    orders,
    statistics,
    tally,
)
from ikzf1_outcomes.kernels.moderation import VariancePrior, natural_spline
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.kinome.group_samples import Comparison
from ikzf1_outcomes.kinome.peptide_tests import LinearFits
from ikzf1_outcomes.resampling import generator_of, replicates

TOGETHER = 250
"""Permutations that are one piece of work."""
LEVEL = 0.05
"""Where hits are counted."""


@dataclass(frozen=True, eq=False, slots=True)
class ChanceHits:
    """The permutation distribution of the hits of a comparison."""

    hits: Integers
    """Peptides with p <= 0.05, one number a permutation."""
    observed: int
    """The same with the labels as they are."""
    p_value: float
    """Share of the permutations with as many hits or more."""
    p_family: Floats
    """Westfall and Young's single-step p-values (peptides)."""
    fdr: Floats
    """Permutation false discovery rates (peptides)."""
    exact: bool
    """Whether every way to give the labels was taken."""

    def __post_init__(self) -> None:
        for array in (self.hits, self.p_family, self.fdr):
            array.setflags(write=False)


def held(prior: VariancePrior, variance: Floats) -> VariancePrior:
    """A prior that permutations leave as it is, whatever the variances."""
    return VariancePrior(prior.variance[:, None], prior.df[:, None])


def permute_labels(
    compared: Comparison, linear: LinearFits, number: int, seed: int | np.random.Generator, moderated: bool, trend: bool,
    robust: bool,
) -> ChanceHits:  # fmt: skip
    """Exchange the labels of samples within batches, `number` times or in every possible way if these are no more."""
    if compared.weights is not None:
        raise InputError("weighted samples cannot be exchanged", next_step="Leave out the weights or the permutations.")
    told = linear.told & (linear.rows.df_residual > 0) & (linear.rows.sigma > 0)
    rows = exchangeable(compared, linear, told)
    priors = priors_of(linear, told, trend, robust) if moderated else None
    t, _, _ = statistics(rows, rows.label[:, None], rows.basis.T[:, :, None], priors)
    order = np.argsort(t[:, 0], kind="stable")
    thresholds = t[order, 0] * (1.0 - SAME)
    observed = int(tally(rows, rows.label[:, None], rows.basis.T[:, :, None], priors, LEVEL, thresholds).hits[0])
    plain = not compared.covariates
    exact = plain and labellings(compared.first, compared.batch) <= number
    if exact:
        pieces = [
            tally(rows, centred(given, compared.batch), rows.basis.T[:, :, None], priors, LEVEL, thresholds)
            for given in all_labellings(compared.first.astype(float), compared.batch, TOGETHER)
        ]
    else:
        rng = generator_of(seed)
        pieces = []
        for size, times in ((TOGETHER, number // TOGETHER), (number % TOGETHER, int(number % TOGETHER > 0))):
            pieces += replicates(partial(exchange, rows, compared.batch, priors, thresholds, size), times, seed=rng)
    hits, largest = np.concatenate([one.hits for one in pieces]), np.concatenate([one.largest for one in pieces])
    beyond = np.sum([one.beyond for one in pieces], axis=0) / len(hits)
    extra = 0 if exact else 1
    no_smaller = len(largest) - np.searchsorted(np.sort(largest), thresholds)
    family, fdr = np.full(len(told), np.nan), np.full(len(told), np.nan)
    places = np.flatnonzero(told)[order]
    family[places] = (extra + no_smaller) / (extra + len(hits))
    fdr[places] = false_share(beyond, thresholds)
    p = (extra + int((hits >= observed).sum())) / (extra + len(hits))
    return ChanceHits(hits, observed, p, family, fdr, exact)


def exchange(
    rows: Exchangeable, stratum: Integers, priors: Priors | None, thresholds: Floats, size: int, rng: np.random.Generator
) -> Tally:
    """A piece of the permutations."""
    order = orders(stratum, size, rng)
    return tally(rows, rows.label[order].T, rows.basis.T[:, order].transpose(0, 2, 1), priors, LEVEL, thresholds)


def exchangeable(compared: Comparison, linear: LinearFits, told: Floats) -> Exchangeable:
    """Residuals of the peptides on everything but the groups; a missing value is where that model has it."""
    values, others = compared.values[told], compared.others
    known = ~np.isnan(values)
    basis = np.linalg.qr(others)[0]
    left = np.where(known, values, 0.0)
    left = left - (left @ basis) @ basis.T
    holes = ~known.all(axis=1)
    if holes.any():
        part = np.where(known[holes], values[holes], 0.0)
        gram = np.einsum("gn,nj,nk->gjk", known[holes].astype(float), basis, basis)
        fitted = np.einsum("gjk,gk->gj", np.linalg.pinv(gram, rcond=1e-10, hermitian=True), part @ basis) @ basis.T
        left[holes] = np.where(known[holes], part - fitted, 0.0)
    label = compared.first.astype(float)
    label = label - basis @ (basis.T @ label)
    kept = len(compared.batches)
    return Exchangeable(
        left, known.astype(float) if holes.any() else None, label, basis[:, kept:], linear.rows.df_residual[told]
    )  # fmt: skip


def priors_of(linear: LinearFits, told: Floats, trend: bool, robust: bool) -> Priors:
    """Priors of permuted peptides: by moments anew each time; the robust one is held as it is in the data."""
    if robust:
        return partial(held, VariancePrior(linear.prior.variance[told], linear.prior.df[told]))
    mean = linear.rows.mean[told]
    count = len(mean)
    basis = natural_spline(mean, 1 + (count >= 3) + (count >= 6) + (count >= 30)) if trend else None
    least = float(np.median(linear.rows.sigma[told] ** 2))
    return partial(moment_priors, linear.rows.df_residual[told], least, basis)


def centred(label: Floats, stratum: Integers) -> Floats:
    """Labels (n, b) less their means in each batch."""
    flags = (stratum[:, None] == np.arange(stratum.max() + 1)).astype(float)
    return np.asarray(label - flags @ ((flags.T @ label) / flags.sum(axis=0)[:, None]))


def false_share(beyond: Floats, thresholds: Floats) -> Floats:
    """Expected false positives over observed ones at each sorted threshold, made to fall with the statistic, at most 1."""
    observed = len(thresholds) - np.searchsorted(thresholds, thresholds, side="left")
    return np.asarray(np.minimum.accumulate(np.minimum(beyond / observed, 1.0)))
