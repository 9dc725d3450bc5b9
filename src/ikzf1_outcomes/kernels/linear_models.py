"""Least squares of all rows of a matrix on one design: peptides by samples, each row with its own missing values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.risk import Floats, Positions

COLLINEAR = 1e-7
"""A column is a combination of earlier ones when no more than this share of its length is left beside them (as in R)."""
TOGETHER = 4096
"""Rows that are decomposed at once when each has weights or missing values of its own: bounds the memory."""


class RowFits(NamedTuple):
    """Least-squares fits, one a row (G rows, p columns of the design)."""

    coefficients: Floats
    """NaN where a coefficient cannot be estimated in a row (G, p)."""
    unscaled: Floats
    """Standard errors for a residual standard deviation of 1 (G, p)."""
    sigma: Floats
    """Residual standard deviation; NaN without residual degrees of freedom (G)."""
    df_residual: Floats
    """Observations used less coefficients estimated (G)."""
    mean: Floats
    """Plain mean of the observed values (G)."""
    covariance: Floats
    """Inverse of X'WX with all samples: the unscaled covariance of rows without missing values (p, p)."""


def independent(design: Floats) -> Positions:
    """Columns that are no combination of earlier ones, the earlier ones preferred."""
    kept: list[int] = []
    basis = np.empty((len(design), 0))
    for j, column in enumerate(design.T):
        left = column - basis @ (basis.T @ column)
        left = left - basis @ (basis.T @ left)
        length = np.linalg.norm(left)
        if length > COLLINEAR * np.linalg.norm(column):
            kept.append(j)
            basis = np.column_stack([basis, left / length])
    return np.array(kept, dtype=np.intp)


def fit_rows(y: Floats, design: Floats, weights: Floats | None = None) -> RowFits:
    """Fit every row of `y` (G, n) on `design` (n, p); NaN is a missing value.

    Rows without missing values and with weights in common share one QR decomposition. The others are decomposed many at a
    time, missing values with weight 0. Where the samples left do not tell all coefficients apart, the rows with the same
    missing samples lose the later of the columns that cannot be told.

    Parameters
    ----------
    y
        Rows (G, n).
    design
        Columns, none of them a combination of others over all samples (n, p).
    weights
        Inverse variances up to a factor, of samples (n) or of every value (G, n); 0 leaves a value out. None for 1.

    Returns
    -------
    RowFits
    """
    n, p = design.shape
    root = np.ones((1, n)) if weights is None else np.sqrt(np.atleast_2d(weights))
    known = ~np.isnan(y)
    used = known & (root > 0.0)
    value = np.where(used, y, 0.0)
    out = RowFits(
        np.full((len(y), p), np.nan), np.full((len(y), p), np.nan), np.full(len(y), np.nan), np.zeros(len(y)),
        row_means(y, known), inverse_information(design if len(root) > 1 else design * root.T),
    )  # fmt: skip
    whole = used.all(axis=1) if len(root) == 1 else np.zeros(len(y), dtype=bool)
    columns = np.arange(p)
    if whole.any():
        at = np.flatnonzero(whole)
        store(out, at, columns, n, *decompose(design[None] * root[:, :, None], value[at] * root, shared=True))
    at = np.flatnonzero(~whole)
    told = np.zeros(len(at), dtype=bool)
    for start in range(0, len(at), TOGETHER):
        piece = at[start : start + TOGETHER]
        told[start : start + TOGETHER] = fit_each(out, piece, value, used, root, design, columns)
    at = at[~told]
    patterns, which = np.unique(used[at], axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        columns = independent(design[pattern])
        if len(columns):
            fit_each(out, at[which.ravel() == number], value, used, root, design, columns)
    return out


def fit_each(
    out: RowFits, at: Positions, value: Floats, used: Floats, root: Floats, design: Floats, columns: Positions
) -> Floats:
    """Fit rows that have weights of their own on some columns; store those that tell all of them, and say which did."""
    own = used[at] * (root if len(root) == 1 else root[at])
    number = used[at].sum(axis=1)
    scaled = own[:, :, None] * design[:, columns]
    length = np.sqrt((scaled**2).sum(axis=1))
    if scaled.shape[1] < len(columns):
        return np.zeros(len(at), dtype=bool)
    triangle = np.abs(np.diagonal(np.asarray(np.linalg.qr(scaled, mode="r")), axis1=1, axis2=2))
    told: Floats = ((triangle > COLLINEAR * length) & (length > 0.0)).all(axis=1) & (number >= len(columns))
    if told.any():
        store(out, at[told], columns, number[told], *decompose(scaled[told], (value[at] * own)[told]))
    return told


def decompose(x: Floats, y: Floats, *, shared: bool = False) -> tuple[Floats, Floats, Floats]:
    """Coefficients, unscaled standard errors and residual sums of squares of rows y (G, n) on matrices x (G or 1, n, p)."""
    q, r = np.linalg.qr(x)
    if shared:
        effects = y @ q[0]
        left = y - effects @ q[0].T
        inverse = np.linalg.inv(r[0])
        return effects @ inverse.T, np.sqrt((inverse**2).sum(axis=1))[None], (left**2).sum(axis=1)
    effects = np.einsum("gnp,gn->gp", q, y)
    left = y - np.einsum("gnp,gp->gn", q, effects)
    inverse = np.linalg.inv(r)
    return np.einsum("gjk,gk->gj", inverse, effects), np.sqrt((inverse**2).sum(axis=2)), (left**2).sum(axis=1)


def store(
    out: RowFits, at: Positions, columns: Positions, number: Floats | int,
    coefficients: Floats, unscaled: Floats, squares: Floats,
) -> None:  # fmt: skip
    """Put fits of some rows at their places."""
    out.coefficients[np.ix_(at, columns)] = coefficients
    out.unscaled[np.ix_(at, columns)] = unscaled
    df = np.broadcast_to(np.asarray(number, dtype=float) - len(columns), len(at))
    out.df_residual[at] = df
    out.sigma[at] = np.sqrt(np.divide(squares, df, out=np.full(len(at), np.nan), where=df > 0))


def row_means(y: Floats, known: Floats) -> Floats:
    """Means of the known values of rows."""
    number = known.sum(axis=1)
    total = np.where(known, y, 0.0).sum(axis=1)
    return np.divide(total, number, out=np.full(len(y), np.nan), where=number > 0)


def inverse_information(design: Floats) -> Floats:
    """Inverse of X'X."""
    inverse = np.linalg.inv(np.linalg.qr(design, mode="r"))
    return np.asarray(inverse @ inverse.T)


def contrast_rows(fits: RowFits, contrasts: Floats) -> RowFits:
    """Fits of linear combinations of the coefficients, the columns of `contrasts` (p, k).

    Standard errors take each row's own unscaled standard errors and the correlations of coefficients of the complete
    design: exact for rows without missing values, and near for the others; a design whose own columns are the contrasts
    is exact for all.
    """
    spread = np.sqrt(np.diag(fits.covariance))
    correlation = fits.covariance / np.outer(spread, spread)
    scaled = fits.unscaled[:, :, None] * contrasts
    # a coefficient that is not estimated does no harm where it is not asked for
    scaled = np.where(contrasts == 0.0, 0.0, scaled)
    value = np.where(contrasts == 0.0, 0.0, fits.coefficients[:, :, None] * contrasts).sum(axis=1)
    variance = np.einsum("gjk,jl,glk->gk", scaled, correlation, scaled)
    covariance = contrasts.T @ fits.covariance @ contrasts
    return fits._replace(coefficients=value, unscaled=np.sqrt(variance), covariance=covariance)
