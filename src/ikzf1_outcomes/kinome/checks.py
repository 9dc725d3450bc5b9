"""What may have gone wrong on the arrays: saturation, replicates, the place on the slide, the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kinome.arrays import Floats, PeptideArrays, peptide_values
from ikzf1_outcomes.kinome.spots import columns_there, spots_of
from ikzf1_outcomes.resampling import generator_of, replicates

COLUMNS = [
    "measure", "sample", "component", "estimate", "scale", "statistic", "df", "df_denominator", "p_value", "note",
]  # fmt: skip
NOTHING = 1e-10
"""A spread below this share of the largest one is rounding."""
BATCH, TREND = "explained by batch", "trend over the slide"


class PrincipalComponents(NamedTuple):
    """Principal components of samples.

    Parameters
    ----------
    scores
        One row a sample, columns "PC1", ...
    share
        Share of the variance of each.
    n_peptides
        Peptides without missing values, which were used.
    """

    scores: pd.DataFrame
    share: Floats
    n_peptides: int


def principal_components(arrays: pd.DataFrame | PeptideArrays) -> PrincipalComponents:
    """Principal components of the samples, peptides centred and not scaled; peptides with a missing value are left out.

    Equal to R's `prcomp` up to the sign of a component; here the score of largest size is positive.

    Raises
    ------
    InputError
        Fewer than 3 samples; no complete peptide that varies.
    """
    table = peptide_values(arrays)
    values = table.to_numpy()
    values = values[~np.isnan(values).any(axis=1)]
    n = values.shape[1]
    if n < 3:
        raise InputError("components need 3 samples or more", count=n)
    centred = (values - values.mean(axis=1, keepdims=True)).T
    if not len(values) or not np.abs(centred).max() > 1e-12 * np.abs(values).max():
        raise InputError("no peptide is there in every sample and varies")
    u, d, _ = np.linalg.svd(centred, full_matrices=False)
    # centring takes one dimension
    count = min(n - 1, len(values), int((d > NOTHING * d[0]).sum()))
    scores = (u * d)[:, :count]
    scores = scores * np.sign(np.take_along_axis(scores, np.abs(scores).argmax(axis=0)[None], axis=0))
    names = [f"PC{number}" for number in range(1, count + 1)]
    share = d[:count] ** 2 / (d**2).sum()
    return PrincipalComponents(pd.DataFrame(scores, index=table.columns, columns=names), share, len(values))


def array_checks(
    arrays: PeptideArrays | pd.DataFrame,
    *,
    batch: str | pd.Series | None = None,
    components: int = 5,
    permutations: int = 999,
    seed: int | np.random.Generator | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    r"""What a reader of arrays should look at before any difference between groups.

    Of each array: the share of its spots that are saturated, and not above the background, and the correlation of its
    replicates. Of the samples together: principal components, and how much of each lies between batches,

    .. math:: R^2 = \frac{\sum_b n_b (\bar z_b - \bar z)^2}{\sum_i (z_i - \bar z)^2}

    with the F test of one-way analysis of variance; and of all components, which is the share of the whole variance
    between batches, with a p-value by permutation of the batches, (1 + those at least as large) / (1 + permutations). A
    share is never 0: B batches of n samples without any effect share (B - 1) / (n - 1) on average.

    Parameters
    ----------
    arrays
        Of `normalise_spots`, or a table of peptides x samples: then components only.
    batch
        Column of `arrays.samples`, or a Series by sample. None: no check of it.
    components
        How many to give.
    permutations
        Of the batches.
    seed
        Whole number or generator; needed with batches.
    progress
        As in `replicates`.

    Returns
    -------
    DataFrame
        measure ("saturated", "not above the background", "replicate correlation", "variance", "explained by batch"),
        sample, component ("PC1", ..., "all"), estimate, scale ("share", "correlation"), statistic (F), df, df_denominator,
        p_value, note.

    Raises
    ------
    ColumnError, InputError
        As `principal_components`; no number of components or permutations; batches of another index, missing, one only, or
        each of one sample; no seed.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> run = iko.simulate_arrays(9, seed=1, peptides=60)
    >>> arrays = iko.normalise_spots(run.spots, replicate="replicate", control="control", batch="batch")
    >>> checks = iko.array_checks(arrays, batch="batch", components=2, permutations=99, seed=1)
    >>> checks.loc[checks["measure"] == "explained by batch", "component"].tolist()
    ['PC1', 'PC2', 'all']
    """
    for what, number in (("components", components), ("permutations", permutations)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
            raise InputError(f"{what} are a whole number of 1 or more")
    found = principal_components(arrays)
    rows: list[tuple[object, ...]] = []
    if isinstance(arrays, PeptideArrays):
        rows += _of_arrays(arrays.samples)
    shown = min(components, len(found.share))
    note = f"{found.n_peptides} peptides"
    rows += [
        ("variance", "", name, share, "share", np.nan, np.nan, np.nan, np.nan, note)
        for name, share in zip(found.scores.columns[:shown], found.share, strict=False)
    ]
    if batch is not None:
        codes = _batches(arrays, batch, found.scores.index)
        rows += _of_batches(found, codes, shown)
        if seed is None:
            raise InputError("the permutation of batches needs a seed", next_step="As in seed=1.")
        rows.append(_permuted(found, codes, permutations, generator_of(seed), progress))
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_arrays(samples: pd.DataFrame) -> list[tuple[object, ...]]:
    n = samples["n_spot"].to_numpy(dtype=float)
    share = {"saturated": "n_saturated", "not above the background": "n_negative"}
    rows: list[tuple[object, ...]] = []
    for measure, column in share.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.where(n > 0, samples[column] / n, np.nan)
        rows += _lines(measure, samples, values, "share")
    return rows + _lines("replicate correlation", samples, samples["correlation"].to_numpy(), "correlation")


def _lines(measure: str, samples: pd.DataFrame, values: Floats, scale: str) -> list[tuple[object, ...]]:
    named = zip(samples["sample"], values, samples["note"], strict=True)
    return [(measure, name, "", value, scale, np.nan, np.nan, np.nan, np.nan, note) for name, value, note in named]


def _batches(arrays: PeptideArrays | pd.DataFrame, batch: str | pd.Series, samples: pd.Index) -> np.ndarray:
    words = batch
    if isinstance(words, str):
        if not isinstance(arrays, PeptideArrays):
            raise InputError("a plain table names no batch", next_step="Give a Series by sample.")
        columns_there(arrays.samples, [words])
        words = arrays.samples.set_index("sample")[words]
    if not words.index.is_unique:
        raise InputError("the batches name a sample twice")
    words = words.reindex(samples)
    unknown = words.isna().to_numpy()
    if unknown.any():
        raise InputError("samples without a batch (positions)", where=np.flatnonzero(unknown) + 1)
    codes, names = pd.factorize(words)
    if not 1 < len(names) < len(codes):
        raise InputError("there is one batch only, or a batch for every sample", count=len(names))
    return codes


def between(scores: Floats, codes: np.ndarray) -> Floats:
    """Sum of squares between batches of each column of centred scores."""
    member = (codes[:, None] == np.arange(codes.max() + 1)).astype(np.float64)
    out: Floats = ((member.T @ scores) ** 2 / member.sum(axis=0)[:, None]).sum(axis=0)
    return out


def _of_batches(found: PrincipalComponents, codes: np.ndarray, shown: int) -> list[tuple[object, ...]]:
    scores = found.scores.to_numpy()[:, :shown]
    total = (scores**2).sum(axis=0)
    r2 = np.minimum(between(scores, codes) / total, 1.0)
    df, rest = codes.max(), len(codes) - codes.max() - 1
    with np.errstate(divide="ignore"):
        statistic = (r2 / df) / ((1.0 - r2) / rest)
    p = f_distribution.sf(statistic, df, rest)
    columns = zip(found.scores.columns, r2, statistic, p, strict=False)
    return [(BATCH, "", name, r, "share", s, float(df), float(rest), q, "") for name, r, s, q in columns]


def _permuted(
    found: PrincipalComponents,
    codes: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] | None,
) -> tuple[object, ...]:
    scores = found.scores.to_numpy()
    seen = float(between(scores, codes).sum())
    drawn = replicates(
        lambda child: float(between(scores, child.permutation(codes)).sum()), permutations, seed=rng, progress=progress
    )
    # equal permutations may differ by rounding
    p = (1 + int((np.array(drawn) >= seen * (1.0 - 1e-12)).sum())) / (1 + permutations)
    share = seen / float((scores**2).sum())
    return (BATCH, "", "all", share, "share", np.nan, np.nan, np.nan, p, f"{permutations} permutations")


def spatial_check(
    spots: pd.DataFrame,
    *,
    peptide: str = "peptide",
    sample: str = "sample",
    foreground: str = "foreground",
    background: str | None = "background",
    replicate: str | None = None,
    control: str | Iterable[str] | None = None,
    row: str = "row",
    column: str = "column",
    floor: float = 1.0,
) -> pd.DataFrame:
    r"""How much of what is left of each array's spots follows their place on the slide.

    The log2 intensity (after the background, none below `floor`) less the mean of its peptide over all arrays is regressed,
    array by array, on a surface of the second degree over row r and column c of the slide,

    .. math:: e = \beta_0 + \beta_1 r + \beta_2 c + \beta_3 r^2 + \beta_4 c^2 + \beta_5 r c

    The estimate is the share of the variance of e that the surface explains, with its F test. With thousands of spots small
    shares have small p-values: look at the share. The surface of a print, the same on all arrays, is in the means of the
    peptides and is not seen.

    Parameters
    ----------
    spots, peptide, sample, foreground, background, replicate, control, floor
        As in `normalise_spots`; control spots are left out.
    row, column
        Columns with the place of the spot.

    Returns
    -------
    DataFrame
        Columns as of `array_checks`; measure "trend over the slide", one row a sample.

    Raises
    ------
    ColumnError, InputError
        As `normalise_spots`; places that are missing or no numbers (row positions).

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> run = iko.simulate_arrays(5, seed=1, peptides=100)
    >>> found = iko.spatial_check(run.spots, replicate="replicate", control="control")
    >>> bool((found["estimate"] < 0.1).all())
    True
    """
    columns_there(spots, (row, column))
    laid = spots_of(spots, peptide, sample, foreground, background, replicate, control, None)
    there = laid.rows > 0
    place = spots[[row, column]].iloc[laid.rows[there] - 1].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    lost = np.isnan(place).any(axis=1)
    if lost.any():
        raise InputError("spots without a place on the slide", where=np.sort(laid.rows[there][lost]))
    value = np.log2(np.maximum(laid.intensity, floor))
    known = ~np.isnan(value)
    size = np.maximum(known.sum(axis=(1, 2), keepdims=True), 1)
    residual = (value - np.where(known, value, 0.0).sum(axis=(1, 2), keepdims=True) / size)[there]
    code = np.broadcast_to(np.arange(len(laid.samples)), laid.rows.shape)[there]
    use = ~np.isnan(residual)
    share, statistic, rest = _surfaces(place[use], residual[use], code[use], len(laid.samples))
    p = f_distribution.sf(statistic, 5, np.maximum(rest, 1))
    note = np.where(np.isnan(share), "too few spots, or nothing is left beside the peptides", "")
    columns = zip(laid.samples, share, statistic, rest, np.where(np.isnan(share), np.nan, p), note, strict=True)
    rows = [(TREND, name, "", r, "share", s, 5.0, float(d), q, str(word)) for name, r, s, d, q, word in columns]
    return pd.DataFrame(rows, columns=COLUMNS)


def _surfaces(place: Floats, residual: Floats, code: np.ndarray, n: int) -> tuple[Floats, Floats, Floats]:
    """Share explained, F and residual degrees of freedom of the surface in each of n arrays."""
    place = (place - place.mean(axis=0)) / np.maximum(place.std(axis=0), 1e-300)
    r, c = place.T
    terms = np.column_stack([np.ones(len(r)), r, c, r**2, c**2, r * c])
    count = np.bincount(code, minlength=n)
    mean = np.bincount(code, residual, minlength=n) / np.maximum(count, 1)
    e = residual - mean[code]
    gram, product = np.zeros((n, 6, 6)), np.zeros((n, 6))
    np.add.at(gram, code, terms[:, :, None] * terms[:, None, :])
    np.add.at(product, code, terms * e[:, None])
    total = np.bincount(code, e**2, minlength=n)
    rest = (count - 6).astype(np.float64)
    fit = np.einsum("ni,ni->n", product, (np.linalg.pinv(gram, hermitian=True) @ product[:, :, None])[:, :, 0])
    known = (rest > 0) & (total > 1e-20 * np.maximum(count, 1))
    share = np.where(known, np.clip(fit / np.where(known, total, 1.0), 0.0, 1.0), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = (share / 5.0) / ((1.0 - share) / rest)
    return share, statistic, rest
