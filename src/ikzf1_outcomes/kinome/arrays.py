"""Peptides by samples: the value that every function of signalling features starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class PeptideArrays:
    """Peptides by samples, with what was done to get there; made by `normalise_spots`.

    Parameters
    ----------
    values
        Index peptide, one column a sample; floats, missing allowed.
    scale
        What a value is: "log2 intensity" or "intensity".
    peptides
        One row a peptide, in the order of `values`: peptide, n_negative, n_saturated (spots), note, and what is known of
        its gene and residue.
    samples
        One row a sample, left out or not: sample, n_spot, n_replicate, n_negative, n_saturated, correlation (mean of
        the pairs of replicates), kept, note, and its batch where one was named.
    ledger
        part, reason, n: what was left out or altered.
    settings
        How the values were made.
    """

    values: pd.DataFrame
    scale: str
    peptides: pd.DataFrame
    samples: pd.DataFrame
    ledger: pd.DataFrame
    settings: Mapping[str, object]

    def __repr__(self) -> str:
        return f"PeptideArrays({self.values.shape[0]} peptides, {self.values.shape[1]} samples, {self.scale})"

    def tidy(self) -> pd.DataFrame:
        """The values, one row a peptide and sample.

        Returns
        -------
        DataFrame
            peptide, sample, estimate, scale, note (empty).
        """
        peptides, samples = self.values.shape
        return pd.DataFrame(
            {
                "peptide": np.repeat(self.values.index.to_numpy(), samples),
                "sample": np.tile(self.values.columns.to_numpy(), peptides),
                "estimate": self.values.to_numpy().ravel(),
                "scale": self.scale,
                "note": "",
            }
        )

    def glance(self) -> pd.DataFrame:
        """Numbers of peptides and samples, of arrays and spots left out or altered, in one row.

        Returns
        -------
        DataFrame
            n_peptides, n_samples, n_left_out (arrays), n_negative, n_saturated (spots), n_missing (values),
            least_correlation (of the arrays kept), then the settings.
        """
        kept = self.samples["kept"].to_numpy(dtype=bool)
        least = self.samples.loc[kept, "correlation"].min()
        row = {
            "n_peptides": self.values.shape[0],
            "n_samples": self.values.shape[1],
            "n_left_out": int((~kept).sum()),
            "n_negative": int(self.samples["n_negative"].sum()),
            "n_saturated": int(self.samples["n_saturated"].sum()),
            "n_missing": int(self.values.isna().sum().sum()),
            "least_correlation": float(least),
        }
        return pd.DataFrame([row | dict(self.settings)])


def peptide_values(arrays: pd.DataFrame | PeptideArrays) -> pd.DataFrame:
    """The peptides x samples values of arrays, or of a plain table, as checked floats.

    Rule. Missing values stay missing. Peptides and samples are named, each once; every value is a number and finite.

    Parameters
    ----------
    arrays
        A `PeptideArrays`, or a DataFrame with the peptides as index and one column a sample.

    Returns
    -------
    DataFrame
        Floats; index peptide, columns sample, in the order given. A copy.

    Raises
    ------
    InputError
        Neither of the two; no peptide or no sample; a peptide or sample twice or without a name, a value that is no
        number or infinite (positions, counted from 1).

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.kinome.arrays import peptide_values
    >>> peptide_values(pd.DataFrame({"s1": [1, 2], "s2": [3, None]}, index=["STAT5A_694", "CYTH1_394"]))
                 s1   s2
    STAT5A_694  1.0  3.0
    CYTH1_394   2.0  NaN
    """
    table = arrays.values if isinstance(arrays, PeptideArrays) else arrays
    if not isinstance(table, pd.DataFrame):
        raise InputError("peptide values are a DataFrame, peptides in rows and samples in columns, or PeptideArrays")
    if table.empty:
        raise InputError("there is no peptide, or no sample")
    for what, names in (("peptide", table.index), ("sample", table.columns)):
        nameless = np.asarray(names.isna())
        if nameless.any():
            raise InputError(f"a {what} has no name (positions)", where=np.flatnonzero(nameless) + 1)
        twice = names.duplicated(keep=False)
        if twice.any():
            raise InputError(
                f"a {what} is there twice (positions)",
                where=np.flatnonzero(twice) + 1,
                next_step="Give one column a sample."
                if what == "sample"
                else "Average its replicates, or name them apart.",
            )
    values = as_numbers(table)
    infinite = np.isinf(values).any(axis=1)
    if infinite.any():
        hint = "A logarithm of 0 is no value: see `negative` of normalise_spots."
        raise InputError("peptides with infinite values", where=np.flatnonzero(infinite) + 1, next_step=hint)
    return pd.DataFrame(values, index=table.index.copy(), columns=table.columns.copy())


def as_numbers(table: pd.DataFrame) -> Floats:
    """The cells as floats.

    Raises
    ------
    InputError
        Cells that are no numbers (row positions).
    """
    numeric = [pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind) for kind in table.dtypes]
    if not all(numeric):
        numbers = table.apply(pd.to_numeric, errors="coerce")
        truth = table.map(lambda cell: isinstance(cell, bool | np.bool_))
        lost = ((numbers.isna() & table.notna()) | truth).any(axis=1).to_numpy()
        if lost.any():
            raise InputError(
                "values that are no numbers",
                where=np.flatnonzero(lost) + 1,
                next_step="Columns that describe the peptides must go: the peptide is the index, every column a sample.",
            )
        table = numbers
    if any(kind.kind == "c" for kind in table.dtypes if isinstance(kind, np.dtype)):
        raise InputError("values are complex numbers")
    out: Floats = table.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    return out
