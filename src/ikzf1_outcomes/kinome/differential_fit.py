"""The result of a comparison of peptides between two groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.kinome.chance_hits import LEVEL, ChanceHits

NOT_COUNTED = np.nan


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class DifferentialFit:
    """Differences of all peptides between two groups; made by `differential_phosphorylation`."""

    table: pd.DataFrame
    """One row a peptide."""
    method: str
    contrast: str
    n_group: int
    n_reference: int
    n_excluded: int
    prior_df: float
    """Median of the peptides' prior degrees of freedom; NaN without moderation."""
    prior_variance: float
    residual_sd: float
    """Square root of the median (posterior) variance."""
    smallest: float
    """Smallest difference that 80 % of such samples would have shown at 0.05, of one peptide looked at alone."""
    smallest_adjusted: float
    """The same of one peptide among all that were tested, corrected for their number."""
    adjust: str
    margin: float | None
    chance: ChanceHits | None
    note: str

    def __repr__(self) -> str:
        return f"DifferentialFit({self.contrast}: {len(self.table)} peptides, {self.n_group} + {self.n_reference} samples)"

    def tidy(self) -> pd.DataFrame:
        """One row a peptide, in the order given.

        Returns
        -------
        DataFrame
            term (peptide), contrast, n, n_group, n_reference (samples with a value, in all and of each level), estimate,
            std_error, low, high, conf_level, interval, scale, statistic, df, p_value, p_adjusted, p_family, fdr
            (NaN without permutations), mean, log_odds, note.
        """
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: how many peptides are hits, how many chance alone would make, and what could have been seen.

        Returns
        -------
        DataFrame
            method, contrast, n, n_group, n_reference, n_excluded, n_features (peptides), n_estimable, n_hits
            (p <= 0.05), n_hits_expected, n_hits_adjusted (p_adjusted <= 0.05), n_hits_median, n_hits_low, n_hits_high
            (middle 95 % of the permutations), p_hits, permutations, prior_df, prior_variance, residual_sd,
            smallest_difference, smallest_difference_adjusted, note.
        """
        p = self.table["p_value"]
        row: dict[str, Any] = {
            "method": self.method, "contrast": self.contrast, "n": self.n_group + self.n_reference,
            "n_group": self.n_group, "n_reference": self.n_reference, "n_excluded": self.n_excluded,
            "n_features": len(self.table), "n_estimable": int(p.notna().sum()), "n_hits": int((p <= LEVEL).sum()),
            "n_hits_expected": LEVEL * int(p.notna().sum()),
            "n_hits_adjusted": int((self.table["p_adjusted"] <= LEVEL).sum()),
            "n_hits_median": NOT_COUNTED, "n_hits_low": NOT_COUNTED, "n_hits_high": NOT_COUNTED, "p_hits": NOT_COUNTED,
            "permutations": 0 if self.chance is None else len(self.chance.hits),
        }  # fmt: skip
        if self.chance is not None:
            low, middle, high = np.quantile(self.chance.hits, [0.025, 0.5, 0.975])
            row |= {"n_hits_median": middle, "n_hits_low": low, "n_hits_high": high, "p_hits": self.chance.p_value}
        row |= {
            "prior_df": self.prior_df, "prior_variance": self.prior_variance, "residual_sd": self.residual_sd,
            "smallest_difference": self.smallest, "smallest_difference_adjusted": self.smallest_adjusted,
            "note": self.note,
        }  # fmt: skip
        return pd.DataFrame([row])

    @property
    def permutation(self) -> Any:
        """Hits at 0.05 of each permutation (empty without permutations)."""
        return np.empty(0, dtype=int) if self.chance is None else self.chance.hits.copy()

    def words(self) -> str:
        """The finding as two sentences: hits against chance, and the smallest difference that would have been seen."""
        row = self.glance().iloc[0]
        hits, tested, adjusted = row["n_hits"], row["n_estimable"], row["n_hits_adjusted"]
        chance = f"{'at most ' * (self.margin is not None)}{row['n_hits_expected']:.1f} would by chance alone"
        if self.chance is not None:
            kind = "all labellings" if self.chance.exact else "permutation"
            chance += (
                f" ({kind}: median {row['n_hits_median']:.0f}, 95 % {row['n_hits_low']:.0f} to {row['n_hits_high']:.0f}"
            )
            often = f"{100 * self.chance.p_value:.1f}" if self.chance.p_value >= 0.0005 else "less than 0.1"
            chance += f"; as many or more in {often} %)"
        first = f"{hits:,} of {tested:,} peptides {'has' if hits == 1 else 'have'} p <= 0.05; {chance}."
        second = f" {adjusted or 'None'} {'is' if adjusted == 1 else 'are'} left after correction for their number"
        if np.isnan(self.smallest):
            return f"{first}{second}."
        sizes = f"{self.smallest:.2f} for a peptide looked at alone, {self.smallest_adjusted:.2f} for one among all"
        return f"{first}{second}; with 80 % power {row['n']} samples show a log2 difference of {sizes}."

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)
