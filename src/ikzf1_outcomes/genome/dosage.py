"""From peaks to dosage quotients: two normalisations, and the error that is left. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
USUAL = (0.8, 1.2)
"""Quotients that count as usual when the robust reference of a probe is sought."""
FEWEST_FOR_SPREAD = 5
MAD_TO_SD = 1.4826022185056018


def run_mean_quotients(peaks: Floats, controls: NDArray[np.bool_]) -> Floats:
    """Peak over the mean of the control probes, then over the mean of all reactions of the run.

    Where a locus is deleted in a share f of the reactions, a normal one reads 1 / (1 - f / 2): biased when a locus is
    often lost. Reactions whose control peaks are missing are left out of the mean.

    The last two axes of `peaks` are reactions and probes; any before them are runs.
    """
    relative = peaks / peaks[..., controls].mean(axis=-1, keepdims=True)
    usable = np.isfinite(relative)
    mean = np.where(usable, relative, 0.0).sum(axis=-2) / np.maximum(usable.sum(axis=-2), 1)
    out: Floats = relative / np.where(mean > 0, mean, np.nan)[..., None, :]
    return out


def robust_quotients(peaks: Floats, controls: NDArray[np.bool_], reference: NDArray[np.bool_] | None = None) -> Floats:
    """Peak over the control probes, then over the median of the reference reactions; a median over the control probes.

    The reference of a probe is the median of the reference reactions, where these are named. Else it is found in two
    steps: the median of all reactions, then the median of those within `USUAL` of it, so that reactions which lost the
    locus do not pull the reference, as long as they are fewer than half. At last each reaction is divided by the median
    of its own control probes, so that one odd control probe moves nothing.

    The last two axes of `peaks` are reactions and probes; any before them are runs. The last axis of `reference` is the
    reactions.
    """
    relative = peaks / np.median(peaks[..., controls], axis=-1, keepdims=True)
    usable = np.isfinite(relative) if reference is None else np.isfinite(relative) & reference[..., None]
    centre = _median(relative, usable)
    for _ in range(1 if reference is None else 0):
        ratio = relative / centre[..., None, :]
        usable = usable & (ratio >= USUAL[0]) & (ratio <= USUAL[1])
        centre = _median(relative, usable)
    quotients = relative / centre[..., None, :]
    out: Floats = quotients / np.median(quotients[..., controls], axis=-1, keepdims=True)
    return out


def _median(values: Floats, usable: NDArray[np.bool_]) -> Floats:
    """Median of each column over the usable rows; missing without any, or where it is not positive."""
    ordered = np.sort(np.where(usable, values, np.inf), axis=-2)
    count = usable.sum(axis=-2)
    places = np.stack([np.maximum(count - 1, 0) // 2, np.minimum(count // 2, values.shape[-2] - 1)], axis=-2)
    middle = np.where(count > 0, np.take_along_axis(ordered, places, axis=-2).sum(axis=-2) / 2.0, np.nan)
    out: Floats = np.where(middle > 0, middle, np.nan)
    return out


def combine_replicates(values: Floats, codes: NDArray[np.intp], samples: int) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Mean, standard deviation and number of the reactions of each sample, probe by probe; missing cells do not count.

    Returns
    -------
    tuple
        Mean and standard deviation (missing below two reactions), and number, each (samples, probes).
    """
    sizes = np.bincount(codes, minlength=samples)
    if sizes.max(initial=0) < 2:  # nothing to average
        alone, missing = np.full((samples, values.shape[1]), np.nan), np.full((samples, values.shape[1]), np.nan)
        alone[codes] = np.where(np.isfinite(values), values, np.nan)
        return alone, missing, np.isfinite(alone).astype(np.intp)
    order = np.argsort(codes, kind="stable")
    present = sizes > 0
    starts = np.r_[0, np.cumsum(sizes[present])[:-1]]
    there = np.isfinite(values[order])

    def sums(cells: Floats) -> Floats:
        out = np.zeros((samples, values.shape[1]))
        out[present] = np.add.reduceat(cells, starts, axis=0)
        return out

    number = sums(there.astype(np.float64))
    total = sums(np.where(there, values[order], 0.0))
    mean = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    square = sums(np.where(there, values[order] - mean[codes[order]], 0.0) ** 2)
    variance = np.divide(square, number - 1, out=np.full(total.shape, np.nan), where=number > 1)
    return mean, np.sqrt(variance), number.astype(np.intp)


def probe_errors(quotients: Floats, reference: NDArray[np.bool_]) -> Floats:
    """Spread of each probe over the samples that read normal: the scaled median absolute deviation from their median.

    Missing below `FEWEST_FOR_SPREAD` samples.
    """
    usable = reference & np.isfinite(quotients) & (quotients >= USUAL[0]) & (quotients <= USUAL[1])
    deviation = np.abs(quotients - _median(quotients, usable))
    spread = MAD_TO_SD * _median(np.where(usable, deviation + np.finfo(float).tiny, deviation), usable)
    out: Floats = np.where(usable.sum(axis=0) >= FEWEST_FOR_SPREAD, spread, np.nan)
    return out


def control_spread(quotients: Floats, controls: NDArray[np.bool_]) -> Floats:
    """Standard deviation of the control probes of each sample, the number less one as divisor."""
    out: Floats = quotients[:, controls].std(axis=1, ddof=1)
    return out
