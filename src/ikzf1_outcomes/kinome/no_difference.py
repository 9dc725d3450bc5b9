"""Evidence that groups do not differ: two one-sided tests of every peptide against a stated margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kinome.chance_hits import LEVEL
from ikzf1_outcomes.kinome.differential_fit import DifferentialFit
from ikzf1_outcomes.multiplicity import adjust_p


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Equivalence:
    """Two one-sided tests of all peptides; made by `equivalence`."""

    table: pd.DataFrame
    margin: float
    note: str

    def __repr__(self) -> str:
        return f"Equivalence(within {self.margin:g}: {int(self.table['equivalent'].sum())} of {len(self.table)} peptides)"

    def tidy(self) -> pd.DataFrame:
        """One row a peptide.

        Returns
        -------
        DataFrame
            term, contrast, estimate, std_error, low, high (90 %), conf_level, interval, scale, margin, df, p_value,
            p_adjusted (Benjamini-Hochberg), equivalent (p_value <= 0.05), note.
        """
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: how many peptides are shown to differ by less than the margin.

        Returns
        -------
        DataFrame
            contrast, margin, n_features, n_estimable, n_equivalent, n_equivalent_adjusted (p_adjusted <= 0.05), share
            (of the estimable that are equivalent), largest_margin (the least margin that every estimable peptide would
            have met), note.
        """
        table = self.table
        known = table["p_value"].notna()
        far = np.maximum(table["low"].abs(), table["high"].abs())[known]
        row = {
            "contrast": table["contrast"].iloc[0], "margin": self.margin, "n_features": len(table),
            "n_estimable": int(known.sum()), "n_equivalent": int(table["equivalent"].sum()),
            "n_equivalent_adjusted": int((table["p_adjusted"] <= LEVEL).sum()),
            "share": float(table.loc[known, "equivalent"].mean()) if known.any() else np.nan,
            "largest_margin": float(far.max()) if known.any() else np.nan, "note": self.note,
        }  # fmt: skip
        return pd.DataFrame([row])

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)


def equivalence(fit: DifferentialFit, margin: float) -> Equivalence:
    r"""Test of every peptide that its groups differ by less than a margin: two one-sided t tests.

    Estimand: the difference of the fit. The hypothesis to be rejected is a difference as large as the margin or larger, in
    either direction (Schuirmann 1987, recalled, not verified):

    .. math:: p = \max\left(P\left(T_{df} > \frac{\delta + \hat\beta}{se}\right),
              P\left(T_{df} > \frac{\delta - \hat\beta}{se}\right)\right)

    with the standard error and the degrees of freedom of the fit. p <= 0.05 is the same as a 90 % interval that lies within
    the margin. A p-value that is not small says that the samples do not tell, not that there is a difference.

    Parameters
    ----------
    fit
        A `DifferentialFit` of t tests.
    margin
        Difference that would not matter, on the log2 scale: 1 is twofold. It has no default: it is a statement about
        biology and measurement, made before the data are seen.

    Returns
    -------
    Equivalence
        `.tidy()` and `.glance()`. Peptides that could not be tested have NaN and the note of the fit.

    Raises
    ------
    InputError
        A margin that is not above 0; a fit by rank sums, which has no standard errors.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ikzf1_outcomes.kinome.differences import differential_phosphorylation
    >>> from ikzf1_outcomes.kinome.no_difference import equivalence
    >>> arrays = pd.DataFrame(np.random.default_rng(1).normal(8, 0.5, (40, 60))).rename(columns="s{}".format)
    >>> fit = differential_phosphorylation(arrays, [True] * 30 + [False] * 30)
    >>> equivalence(fit, 0.5).glance()[["n_estimable", "n_equivalent", "largest_margin"]].round(2).values.tolist()
    [[40.0, 39.0, 0.53]]
    """
    if not (isinstance(margin, int | float | np.number) and np.isfinite(margin) and margin > 0.0):
        raise InputError("a margin is a log2 difference above 0", next_step="As in margin=0.5: less than 1.4-fold.")
    table = fit.table
    if table["std_error"].isna().all() and table["p_value"].notna().any():
        raise InputError("rank sums have no standard errors", next_step="Fit by a t test.")
    error, df, estimate = (table[name].to_numpy() for name in ("std_error", "df", "estimate"))
    p = stdtr(df, (np.abs(estimate) - margin) / error)
    half = -stdtrit(df, LEVEL) * error
    out = table[["term", "contrast", "estimate", "std_error"]].assign(
        low=estimate - half, high=estimate + half, conf_level=1.0 - 2.0 * LEVEL, interval=table["interval"],
        scale=table["scale"], margin=float(margin), df=df, p_value=p, p_adjusted=adjust_p(p), equivalent=p <= LEVEL,
        note=table["note"],
    )  # fmt: skip
    return Equivalence(out, float(margin), fit.note)
