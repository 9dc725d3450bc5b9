"""The tests of all peptides between two groups: moderated, ordinary and Welch's t, rank sums."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from ikzf1_outcomes.kernels.linear_models import RowFits, fit_rows
from ikzf1_outcomes.kernels.moderation import (
    VariancePrior,
    fit_scaled_f,
    log_odds,
    margin_test,
    moderated_t,
    squeeze,
)
from ikzf1_outcomes.kernels.rank_sums import rank_sum_rows
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.kernels.robust_moderation import fit_robustly
from ikzf1_outcomes.kinome.group_samples import Comparison

ROUNDING = 1e-10
"""A residual standard deviation below this share of the largest value is a rounding error of 0."""


class PeptideTests(NamedTuple):
    """Numbers of the tests, one a peptide; NaN where there is none."""

    estimate: Floats
    std_error: Floats
    low: Floats
    high: Floats
    statistic: Floats
    df: Floats
    p_value: Floats
    log_odds: Floats
    variance: Floats
    """Residual variance that the test uses, or would use."""
    note: list[str]


class LinearFits(NamedTuple):
    """Linear models of the peptides, and the prior of their variances."""

    rows: RowFits
    told: Floats
    """Peptides with an estimate and a spread: they make the prior (peptides)."""
    prior: VariancePrior


def reasons(compared: Comparison) -> list[str]:
    """Why a peptide cannot be tested, from its values alone; empty where it may be."""
    known = ~np.isnan(compared.values)
    low = np.where(known, compared.values, np.inf).min(axis=1)
    high = np.where(known, compared.values, -np.inf).max(axis=1)
    checks = [(~known.any(axis=1), "all values missing")]
    own = ((compared.levels[0], compared.first), (compared.levels[1], ~compared.first))
    checks += [(~known[:, group].any(axis=1), f"no value of {level}") for level, group in own]
    checks += [(low == high, "constant")]
    words = np.select([wrong for wrong, _ in checks], [f"not estimable: {word}" for _, word in checks], default="")
    return list(words.tolist())


def remarks(compared: Comparison) -> list[list[str]]:
    """What is odd about a peptide that may be tested all the same: few values of a group, none in a batch."""
    known = ~np.isnan(compared.values)
    out: list[list[str]] = [[] for _ in compared.values]
    for level, own in ((compared.levels[0], compared.first), (compared.levels[1], ~compared.first)):
        number = known[:, own].sum(axis=1)
        for row in np.flatnonzero((number > 0) & (number < 3)):
            out[row].append(f"only {number[row]} value{'s' * int(number[row] > 1)} of {level}")
    for code, name in enumerate(compared.batches):
        for row in np.flatnonzero(known.any(axis=1) & ~known[:, compared.batch == code].any(axis=1)):
            out[row].append(f"no value in batch {name}")
    return out


def fit_linear(compared: Comparison, usable: Floats, trend: bool, robust: bool, moderated: bool) -> LinearFits:
    """Least squares of all peptides, and the prior of the variances of those that can be tested."""
    values = np.where(usable[:, None], compared.values, np.nan)
    fits = fit_rows(values, compared.design, compared.weights)
    largest = np.where(np.isnan(values), 0.0, np.abs(values)).max(axis=1, initial=0.0)
    sigma = np.where(fits.sigma <= ROUNDING * largest, 0.0, fits.sigma)
    fits = fits._replace(sigma=sigma)
    told = usable & ~np.isnan(fits.coefficients[:, -1])
    nothing = np.full(len(values), np.nan)
    prior = VariancePrior(nothing.copy(), np.zeros(len(values)))
    if moderated and told.any():
        s2, df = fits.sigma[told] ** 2, fits.df_residual[told]
        found = fit_robustly(s2, df) if robust else fit_scaled_f(s2, df, fits.mean[told] if trend else None)
        prior.variance[told], prior.df[told] = found.variance, found.df
    return LinearFits(fits, told, prior)


def linear_tests(
    compared: Comparison, usable: Floats, linear: LinearFits, moderated: bool, margin: float | None, conf_level: float
) -> PeptideTests:
    """t tests of the last coefficient of linear models, with moderated variances or with each peptide's own."""
    fits, told, prior = linear
    estimate, unscaled = fits.coefficients[:, -1], fits.unscaled[:, -1]
    variance = squeeze(fits.sigma**2, fits.df_residual, prior) if moderated else fits.sigma**2
    variance = np.where(told & (variance > 0.0), variance, np.nan)
    df = np.where(told, fits.df_residual, np.nan)
    t = moderated_t(estimate, unscaled, variance, df, prior)
    odds = np.full(len(estimate), np.nan)
    if moderated and told.any():
        odds, _ = log_odds(t.statistic, unscaled, t.df, prior)
    statistic, p = t.statistic, t.p_value
    if margin is not None:
        statistic, p = margin_test(estimate, t.std_error, t.df, margin)
    half = -stdtrit(t.df, (1.0 - conf_level) / 2.0) * t.std_error
    note = []
    for may, known, spread in zip(usable, told, ~np.isnan(variance), strict=True):
        if may and not known:
            note.append("not estimable: groups and batch or covariates cannot be told apart")
        else:
            note.append("not estimable: no spread within groups" if may and not spread else "")
    dead = np.isnan(variance)
    half[dead] = np.nan
    cut = (np.where(dead, np.nan, x) for x in (estimate, t.std_error, statistic, t.df, p, odds))
    estimate, error, statistic, df, p, odds = cut
    return PeptideTests(estimate, error, estimate - half, estimate + half, statistic, df, p, odds, variance, note)


def welch_tests(compared: Comparison, usable: Floats, conf_level: float) -> PeptideTests:
    """t tests without a common variance, degrees of freedom of Welch 1947 (recalled, not verified)."""
    parts = []
    for own in (compared.first, ~compared.first):
        y = np.where(usable[:, None], compared.values, np.nan)[:, own]
        number = (~np.isnan(y)).sum(axis=1).astype(float)
        mean = np.divide(np.nansum(y, axis=1), number, out=np.full(len(y), np.nan), where=number > 0)
        squares = np.nansum((y - mean[:, None]) ** 2, axis=1)
        spread = np.divide(squares, number - 1, out=np.full(len(y), np.nan), where=number > 1)
        spread = np.where(np.sqrt(spread) <= ROUNDING * np.abs(mean), 0.0, spread)
        parts.append((number, mean, spread))
    (m, mean_1, s2_1), (n, mean_2, s2_2) = parts
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = s2_1 / m, s2_2 / n
        error = np.sqrt(a + b)
        error[error == 0.0] = np.nan
        df = (a + b) ** 2 / (a**2 / (m - 1) + b**2 / (n - 1))
    estimate = np.where(np.isnan(error), np.nan, mean_1 - mean_2)
    half = -stdtrit(df, (1.0 - conf_level) / 2.0) * error
    t = estimate / error
    few = (m < 2) | (n < 2)
    note = [
        "" if fine or not may else f"not estimable: {'one value in a group' if one else 'no spread within groups'}"
        for may, fine, one in zip(usable, ~np.isnan(error), few, strict=True)
    ]
    p = 2.0 * stdtr(df, -np.abs(t))
    nothing = np.full(len(t), np.nan)
    pooled = np.where(np.isnan(error), np.nan, ((m - 1) * s2_1 + (n - 1) * s2_2) / np.maximum(m + n - 2, 1))
    df = np.where(np.isnan(error), np.nan, df)
    return PeptideTests(estimate, error, estimate - half, estimate + half, t, df, p, nothing, pooled, note)


def rank_tests(compared: Comparison, usable: Floats, conf_level: float) -> PeptideTests:
    """Rank-sum tests and the shift of Hodges and Lehmann."""
    found = rank_sum_rows(np.where(usable[:, None], compared.values, np.nan), compared.first, conf_level)
    dead = np.isnan(found.p_value)
    cut = [np.where(dead, np.nan, x) for x in (found.shift, found.low, found.high, found.statistic)]
    nothing = np.full(len(dead), np.nan)
    note = [
        "" if one or not may else "tied values: normal approximation" for one, may in zip(found.exact, usable, strict=True)
    ]
    large = min(compared.first.sum(), (~compared.first).sum())
    note = ["normal approximation" if text and large >= 50 else text for text in note]
    return PeptideTests(
        cut[0], nothing, cut[1], cut[2], cut[3], nothing, found.p_value, nothing, nothing, note
    )  # fmt: skip
