"""Quantile normalisation: every column gets the mean of all columns' sorted values, in the order of its own ranks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def mean_quantiles(values: Floats) -> Floats:
    """Mean over the columns of their sorted values, each column stretched over all n rows by linear interpolation.

    Parameters
    ----------
    values
        n rows, k columns; NaN is missing. Every column has at least 2 values.

    Returns
    -------
    array
        n values, rising.
    """
    n = len(values)
    ordered = np.sort(values, axis=0)
    known = n - np.isnan(values).sum(axis=0)
    return read_between(ordered, np.arange(n)[:, None] * ((known - 1) / (n - 1))).mean(axis=1)


def to_quantiles(values: Floats, target: Floats, *, ties: bool) -> Floats:
    """The values replaced by the target's at their ranks.

    Parameters
    ----------
    values
        As in `mean_quantiles`.
    target
        Rising, as many as there are rows.
    ties
        Equal values share the mean of their ranks; else they rank by row.
    """
    n = len(values)
    order = np.argsort(values, axis=0, kind="stable")
    rank = np.broadcast_to(np.arange(n, dtype=np.float64)[:, None], values.shape)
    if ties:
        rank = _shared_ranks(np.take_along_axis(values, order, axis=0))
    known = n - np.isnan(values).sum(axis=0)
    out = np.empty_like(values)
    stretched = np.minimum(rank * ((n - 1) / (known - 1)), n - 1.0)
    np.put_along_axis(out, order, read_between(target[:, None], stretched), axis=0)
    out[np.isnan(values)] = np.nan
    return out


def read_between(ordered: Floats, place: Floats) -> Floats:
    """Values of the columns at places between their rows, linearly interpolated."""
    low = np.floor(place).astype(np.intp)
    high = np.ceil(place).astype(np.intp)
    columns = np.broadcast_to(np.arange(place.shape[1]), place.shape) if ordered.shape[1] > 1 else 0
    first, last = ordered[low, columns], ordered[high, columns]
    out: Floats = first + (last - first) * (place - low)
    return out


def _shared_ranks(ordered: Floats) -> Floats:
    """Mean rank of each run of equal values, down every sorted column; ranks count from 0."""
    n = len(ordered)
    row = np.arange(n)[:, None]
    new = np.ones(ordered.shape, dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    last = np.ones(ordered.shape, dtype=bool)
    last[:-1] = new[1:]
    start = np.maximum.accumulate(np.where(new, row, 0), axis=0)
    end = np.minimum.accumulate(np.where(last, row, n)[::-1], axis=0)[::-1]
    out: Floats = (start + end) / 2.0
    return out
