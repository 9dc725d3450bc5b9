"""Arrays made alike: the same distribution of values in every sample, or the same median."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.quantiles import mean_quantiles, to_quantiles
from ikzf1_outcomes.kinome.arrays import Floats, PeptideArrays, peptide_values


def quantile_normalise(matrix: pd.DataFrame | PeptideArrays, *, ties: bool = True) -> pd.DataFrame:
    r"""Give every sample the same distribution: the mean of all samples' sorted values.

    With the sorted values :math:`x_{(1)k} \le \dots \le x_{(n)k}` of sample k (Bolstad et al. 2003, recalled):

    .. math:: q_i = \frac 1K \sum_k x_{(i)k}, \qquad x_{jk} \to q(r_{jk})

    with r the rank of the value within its sample. Where ranks are shared (`ties`) q is read between its values, linearly.
    A sample with missing values has its sorted values stretched over all n ranks, linearly, and so are its ranks; missing
    values stay missing.

    It presumes that samples differ in which peptides are phosphorylated, not in how much there is altogether: a difference
    in global phosphorylation between groups is taken away.

    Parameters
    ----------
    matrix
        Peptides x samples, any scale.
    ties
        Equal values of a sample get the same value, at the mean of their ranks; else they rank by row.

    Returns
    -------
    DataFrame
        As `matrix`.

    Raises
    ------
    InputError
        As `peptide_values`; a sample with fewer than 2 values (positions).

    Notes
    -----
    Equal to limma's `normalizeQuantiles`, ties and missing values included (`tests/reference/test_kinome_arrays_r.py`).
    With `ties=False` limma ranks equal values as R's quicksort leaves them, which follows no rule; here they rank by row.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> iko.quantile_normalise(pd.DataFrame({"a": [1.0, 3.0, 8.0], "b": [6.0, 5.0, 10.0]})).to_numpy().tolist()
    [[3.0, 4.5], [4.5, 3.0], [9.0, 9.0]]
    """
    table = peptide_values(matrix)
    values = table.to_numpy()
    refuse_empty(values)
    out = to_quantiles(values, mean_quantiles(values), ties=ties)
    return pd.DataFrame(out, index=table.index, columns=table.columns)


def median_normalise(matrix: pd.DataFrame | PeptideArrays) -> pd.DataFrame:
    r"""Scale every sample to the same median.

    .. math:: x_{jk} \to x_{jk} \, m / m_k, \qquad m = \exp\Big(\frac 1K \sum_k \log m_k\Big)

    with m_k the median of sample k. For intensities, not for their logarithms: samples differ by a factor.

    Parameters
    ----------
    matrix
        Peptides x samples, intensities.

    Returns
    -------
    DataFrame
        As `matrix`; missing values stay missing.

    Raises
    ------
    InputError
        As `peptide_values`; a sample with fewer than 2 values, or with a median that is not above 0 (positions).

    Notes
    -----
    Equal to limma's `normalizeMedianValues` (`tests/reference/test_kinome_arrays_r.py`).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> iko.median_normalise(pd.DataFrame({"a": [1.0, 2.0, 9.0], "b": [4.0, 8.0, 12.0]})).round(6).to_numpy().tolist()
    [[2.0, 2.0], [4.0, 4.0], [18.0, 6.0]]
    """
    table = peptide_values(matrix)
    return pd.DataFrame(equal_medians(table.to_numpy()), index=table.index, columns=table.columns)


def equal_medians(values: Floats) -> Floats:
    """The intensities scaled to one median (peptides x samples)."""
    refuse_empty(values)
    median = np.nanmedian(values, axis=0)
    wrong = ~(median > 0.0)
    if wrong.any():
        raise InputError(
            "samples with a median that is not above 0 (positions)",
            where=np.flatnonzero(wrong) + 1,
            next_step="Half of the spots are not above background: leave the sample out, or look at the background.",
        )
    out: Floats = values * (np.exp(np.log(median).mean()) / median)
    return out


def refuse_empty(values: Floats) -> None:
    """Refuse samples with fewer than 2 values.

    Raises
    ------
    InputError
        With their positions.
    """
    few = (~np.isnan(values)).sum(axis=0) < 2
    if few.any():
        raise InputError(
            "samples with fewer than 2 values (positions)", where=np.flatnonzero(few) + 1, next_step="Leave them out."
        )
