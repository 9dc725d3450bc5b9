"""From spots to peptides x samples: background, normalisation, agreement of replicates, their mean, logarithm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.quantiles import mean_quantiles, to_quantiles
from ikzf1_outcomes.kinome.array_tables import ledger_of, peptide_table, sample_table
from ikzf1_outcomes.kinome.arrays import Floats, PeptideArrays
from ikzf1_outcomes.kinome.normalisation import equal_medians
from ikzf1_outcomes.kinome.spots import Flags, Spots, columns_there, replicate_correlation, spots_of

NEGATIVE = ("floor", "missing", "error")
REPLICATES = ("mean", "median")
NORMALISE = ("quantile", "median", "none")
FEWEST_SPOTS = 3


def normalise_spots(
    spots: pd.DataFrame,
    *,
    peptide: str = "peptide",
    sample: str = "sample",
    foreground: str = "foreground",
    background: str | None = "background",
    replicate: str | None = None,
    control: str | Iterable[str] | None = None,
    saturated: str | None = None,
    batch: str | None = None,
    annotation: Sequence[str] = (),
    negative: str = "floor",
    floor: float = 1.0,
    least_correlation: float | None = 0.6,
    replicates: str = "mean",
    normalise: str = "quantile",
    log2: bool = True,
    log_first: bool = False,
) -> PeptideArrays:
    r"""From the spots of peptide arrays to peptides x samples.

    The order is that of van der Sligte et al. 2015: the local background of each spot is taken away; the spots of each
    array are normalised; an array is left out when its replicates correlate less than `least_correlation` (0.6 there), the
    mean of Pearson's r over the pairs of replicates; the replicates of a peptide are averaged. The logarithm to base 2,
    which the paper does not take, comes last, so that the mean of replicates is the paper's:

    .. math:: y_{jk} = \log_2 \frac 1R \sum_r q_k(F_{jrk} - B_{jrk})

    With `log_first` it is taken after the background, and normalisation, correlation and mean are those of logarithms: a
    bright spot weighs less, a faint one more.

    Rules. Arrays that are left out have no part in the normalisation of the others. Control spots are taken out before.
    Saturated spots stay, counted. A peptide without any value, constant, never above the background, or without a value in
    one batch stays, with a note.

    Parameters
    ----------
    spots
        One row a spot.
    peptide, sample, foreground
        Its columns. One sample is one array.
    background
        Column of the local background; None when it has been taken away already.
    replicate
        Column that numbers the spots of a peptide on an array; not needed where there is one.
    control
        Control spots: a column of true and false, or the names of peptides.
    saturated
        Column of true and false.
    batch
        Column kept for the samples; one word a sample.
    annotation
        Columns kept for the peptides, such as gene and residue; one word a peptide.
    negative
        Intensities of 0 or less after the background: "floor" (every intensity below `floor` becomes `floor`), "missing"
        or "error".
    floor
        In the unit of the intensities (1: an assumption; a floor far below the faintest real spots makes outliers of
        logarithms).
    least_correlation
        None keeps every array.
    replicates
        "mean" or "median".
    normalise
        "quantile", "median" or "none".
    log2, log_first
        Whether to take the logarithm, and whether before normalisation.

    Returns
    -------
    PeptideArrays
        values, peptides, samples, ledger; `.tidy()`, `.glance()`.

    Raises
    ------
    ColumnError, InputError
        No such column; a spot without peptide, sample or replicate; a peptide on an array twice; intensities that are no
        numbers or infinite; negative ones where that is an error; a sample in two batches (row positions); no array left; a
        choice that is not known.

    Notes
    -----
    An array with one replicate has no correlation and stays, with a note; with fewer than 3 spots, or replicates that do
    not vary, it is left out. Source: van der Sligte et al. 2015 (methods), "A Pearson's correlation coefficient was
    determined over the triplicates"; whether before or after the logarithm is not said there.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> spots = pd.DataFrame({
    ...     "peptide": ["a", "b", "c"] * 4, "replicate": [1, 1, 1, 2, 2, 2] * 2, "sample": ["s1"] * 6 + ["s2"] * 6,
    ...     "foreground": [9.0, 17, 33, 9, 17, 33, 17, 9, 33, 17, 9, 33], "background": 1.0})
    >>> arrays = iko.normalise_spots(spots, replicate="replicate")
    >>> arrays.values["s1"].tolist(), arrays.values["s2"].tolist()
    ([3.0, 4.0, 5.0], [4.0, 3.0, 5.0])
    >>> arrays.samples["correlation"].round(6).tolist()
    [1.0, 1.0]
    """
    if negative not in NEGATIVE or replicates not in REPLICATES or normalise not in NORMALISE:
        raise InputError(
            "a choice is not known",
            next_step="negative: floor, missing, error; replicates: mean, median; normalise: quantile, median, none.",
        )
    logarithm = log2 or log_first
    if not np.isfinite(floor) or (logarithm and floor <= 0.0):
        raise InputError("the floor is a number above 0", next_step="As in floor=1.0.")
    laid = spots_of(spots, peptide, sample, foreground, background, replicate, control, saturated)
    described = {name: described_by(spots, peptide, name).reindex(laid.peptides) for name in annotation}
    batches = None if batch is None else described_by(spots, sample, batch).reindex(laid.samples)
    below = laid.intensity <= 0.0
    intensity = above_background(laid, below, negative, floor)
    if log_first:
        intensity = np.log2(intensity)
    known = ~np.isnan(intensity)
    usable = known.sum(axis=(0, 1)) >= FEWEST_SPOTS
    correlation = np.full(len(laid.samples), np.nan)
    if usable.any():
        correlation[usable] = replicate_correlation(alike(intensity[..., usable], normalise, log_first))
    notes = array_notes(known, usable, correlation, least_correlation)
    kept = np.isin(notes, ("", NO_CORRELATION))
    if not kept.any():
        raise InputError("no array is left", count=len(kept), next_step="See least_correlation, and the replicates.")
    values = together(alike(intensity[..., kept], normalise, log_first), replicates)
    if log2 and not log_first:
        values = np.log2(values)
    values.setflags(write=False)
    samples = sample_table(laid, known, below, correlation, kept, notes)
    if batches is not None:
        samples.insert(1, "batch", batches.to_numpy())
    peptides = peptide_table(laid, intensity, known, below, kept, None if batches is None else batches.to_numpy())
    for name, words in described.items():
        peptides[name] = pd.Series(words.to_numpy(), dtype=object).reindex(range(len(peptides)))
    settings = {"normalisation": normalise, "replicates": replicates, "negative": negative, "floor": floor}
    settings |= {
        "log_first": log_first,
        "least_correlation_asked": np.nan if least_correlation is None else least_correlation,
    }
    return PeptideArrays(
        values=pd.DataFrame(values, index=laid.peptides.rename("peptide"), columns=laid.samples[kept].rename("sample")),
        scale="log2 intensity" if logarithm else "intensity",
        peptides=peptides,
        samples=samples,
        ledger=ledger_of(laid, below, samples, peptides, negative, int((laid.intensity < floor).sum())),
        settings=MappingProxyType(settings),
    )


NO_CORRELATION = "one replicate: no correlation"


def described_by(spots: pd.DataFrame, key: str, name: str) -> pd.Series:
    """The one word that the spots of a peptide or sample have in a column.

    Raises
    ------
    ColumnError, InputError
        No such column; two words (row positions).
    """
    columns_there(spots, [name])
    words = spots.groupby(key, sort=False, observed=True)[name]
    several = spots[key].map(words.nunique(dropna=False)).gt(1).to_numpy()
    if several.any():
        raise InputError(f"{name!r} differs within a {key}", where=np.flatnonzero(several) + 1)
    return words.first()


def above_background(laid: Spots, below: Flags, negative: str, floor: float) -> Floats:
    """Intensities with those of 0 or less treated by the rule.

    Raises
    ------
    InputError
        They are an error (row positions).
    """
    if negative == "error" and below.any():
        raise InputError(
            "spots that are not above their background",
            where=np.sort(laid.rows[below]),
            next_step='Say what they are: negative="floor" or "missing".',
        )
    if negative == "floor":
        return np.maximum(laid.intensity, floor)
    return np.where(below, np.nan, laid.intensity)


def alike(intensity: Floats, normalise: str, logarithms: bool) -> Floats:
    """The spots of all arrays normalised (peptides, replicates, samples)."""
    if normalise == "none":
        return intensity
    flat = intensity.reshape(-1, intensity.shape[2])
    if normalise == "quantile":
        flat = to_quantiles(flat, mean_quantiles(flat), ties=True)
    else:
        flat = np.log2(equal_medians(2.0**flat)) if logarithms else equal_medians(flat)
    return flat.reshape(intensity.shape)


def array_notes(known: Flags, usable: Flags, correlation: Floats, least: float | None) -> np.ndarray:
    """Why each array is left out, or what its reader must know."""
    replicated = (known.sum(axis=1) > 1).any(axis=0)
    out = np.full(len(usable), "", dtype=object)
    out[~replicated] = NO_CORRELATION
    if least is not None:
        out[replicated & np.isnan(correlation)] = "replicates do not vary, or share fewer than 3 peptides"
        out[correlation < least] = f"replicates correlate below {least:g}"
    out[~usable] = f"fewer than {FEWEST_SPOTS} spots"
    return out


def together(values: Floats, replicates: str) -> Floats:
    """Mean or median of the replicates that are there."""
    if replicates == "median":
        ordered = np.sort(values, axis=1)
        n = (~np.isnan(values)).sum(axis=1, keepdims=True)
        middle = [np.take_along_axis(ordered, np.maximum(place, 0) // 2, axis=1)[:, 0] for place in (n - 1, n)]
        return (middle[0] + middle[1]) / 2.0
    n = (~np.isnan(values)).sum(axis=1)
    out: Floats = np.where(n > 0, np.nansum(values, axis=1) / np.maximum(n, 1), np.nan)
    return out
