"""The score test of many features at once: a quadratic form of martingale residuals, its mean and its variance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.risk import Floats, Integers


class NullProcess(NamedTuple):
    """What the null model says of each event time, rows of the data against distinct event times."""

    chance: Floats
    """Probability that an event at this time is this row's: risk over the sum of the risk set (n, times)."""
    deaths: Floats
    """Events at each time (times)."""
    jump: Floats
    """Events of the row less those expected, at each time (n, times)."""

    @property
    def residual(self) -> Floats:
        """Martingale residual of each row (n)."""
        return np.asarray(self.jump.sum(axis=1))

    def information(self, left: Floats, right: Floats) -> Floats:
        """Covariance of left'residual and right'residual under the null model, one matrix a pair of columns."""
        seen = self.chance @ self.deaths
        a, b = self.chance.T @ left, self.chance.T @ right
        return np.asarray((left * seen[:, None]).T @ right - (a * self.deaths[:, None]).T @ b)


def null_process(rank: Integers, first: Integers, event: np.ndarray, risk: Floats) -> NullProcess:
    """The event times as the null model sees them, Breslow's rule for ties.

    Parameters
    ----------
    rank, first
        Rank of the time of each row, and first rank at which it is at risk (n).
    event
        Whether the row ends with the event (n).
    risk
        Relative hazard; 0 takes a row out of all risk sets (n).
    """
    at = np.unique(rank[event])
    present = (first[:, None] <= at) & (at <= rank[:, None])
    chance = np.where(present, risk[:, None], 0.0)
    chance /= chance.sum(axis=0)
    own = (rank[:, None] == at) & event[:, None]
    deaths = own.sum(axis=0).astype(np.float64)
    return NullProcess(chance, deaths, own - deaths * chance)


def beside(process: NullProcess, x: Floats, adjusters: Floats) -> Floats:
    """Features less their regression on the adjusters, weighted by the information of the null model (n, p)."""
    if not adjusters.shape[1]:
        return x
    own = process.information(adjusters, adjusters)
    out: Floats = x - adjusters @ np.linalg.solve(own, process.information(adjusters, x))
    return out


class Components(NamedTuple):
    """What each feature adds to the quadratic form and to its mean."""

    score: Floats
    """x'residual (p)."""
    expected: Floats
    """Its variance under the null model (p)."""


def components(process: NullProcess, x: Floats) -> Components:
    """Score and information of each feature (n, p), adjusters already taken out."""
    seen = process.chance @ process.deaths
    expected = seen @ x**2 - process.deaths @ (process.chance.T @ x) ** 2
    return Components(process.residual @ x, expected)


class Moments(NamedTuple):
    """A quadratic form r'Gr of the residuals r, with its mean and variance under the null model."""

    observed: float
    expected: float
    variance: float


def moments(process: NullProcess, gram: Floats) -> Moments:
    r"""The form and its first two moments as a counting process adds them up.

    At an event time with chances p an event adds e_i - p to the residuals r, with probability p_i, so that r'Gr moves by
    2 r'G(e_i - p) + (e_i - p)'G(e_i - p) and, less its mean tr(GC), is a martingale. With d events at a time, drawn
    independently of each other (Breslow), its predictable variation is

    .. math:: \sum_t d\, Var_p(a) + 2 d (d - 1)\, tr(G C G C), \quad a = 2 G r_{-} + diag(G) - 2 G p, \quad
              C = diag(p) - p p'

    Parameters
    ----------
    process
        Of the null model.
    gram
        G = XX', inner products of the features of each pair of rows (n, n).
    """
    p, deaths = process.chance, process.deaths
    before = np.cumsum(process.jump, axis=1) - process.jump
    pull = gram @ p
    a = 2.0 * (gram @ before - pull) + np.diag(gram)[:, None]
    mean = (p * a).sum(axis=0)
    one_event = (p * (a - mean) ** 2).sum(axis=0)
    level = (p * pull).sum(axis=0)
    expected = np.diag(gram) @ p - level
    pairs = np.zeros(len(deaths))
    for k in np.flatnonzero(deaths > 1):
        chance, centred = p[:, k], gram - pull[:, k, None] - pull[:, k] + level[k]
        pairs[k] = chance @ centred**2 @ chance
    r = process.residual
    variance = deaths @ one_event + 2.0 * (deaths * (deaths - 1.0)) @ pairs
    return Moments(float(r @ gram @ r), float(deaths @ expected), float(variance))


def permuted_forms(grams: Floats, residual: Floats, number: int, rng: np.random.Generator) -> Floats:
    """Quadratic forms when the residuals belong to other rows (number, sets).

    Parameters
    ----------
    grams
        Inner products of the features of each set (sets, n, n).
    residual
        Martingale residuals (n).
    number
        Permutations.
    rng
        Where they come from; all sets see the same ones.
    """
    drawn = rng.permuted(np.tile(residual, (number, 1)), axis=1)
    return np.stack([np.einsum("bi,bi->b", drawn @ gram, drawn) for gram in grams], axis=1)
