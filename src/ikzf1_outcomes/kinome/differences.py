"""Differences of signalling features between two groups of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.linear_models import row_means
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.kinome.arrays import PeptideArrays
from ikzf1_outcomes.kinome.chance_hits import LEVEL, ChanceHits, permute_labels
from ikzf1_outcomes.kinome.differential_fit import DifferentialFit
from ikzf1_outcomes.kinome.group_samples import Comparison, read_comparison
from ikzf1_outcomes.kinome.peptide_tests import (
    LinearFits,
    PeptideTests,
    fit_linear,
    linear_tests,
    rank_tests,
    reasons,
    remarks,
    welch_tests,
)
from ikzf1_outcomes.kinome.smallest_difference import smallest_difference
from ikzf1_outcomes.multiplicity import adjust_p

METHODS = {"moderated": "moderated t", "t": "t", "welch": "Welch's t", "wilcoxon": "rank sums"}
ADJUSTMENTS = {"bh": "Benjamini-Hochberg", "by": "Benjamini-Yekutieli", "holm": "Holm", "storey": "Storey"}
SCALE = "log2 difference"


def differential_phosphorylation(
    arrays: pd.DataFrame | PeptideArrays,
    groups: Any,
    *,
    contrast: str | None = None,
    covariates: pd.DataFrame | None = None,
    batch: Any = None,
    method: str = "moderated",
    trend: bool = False,
    robust: bool = False,
    weights: Any = None,
    margin: float | None = None,
    adjust: str = "bh",
    permutations: int = 0,
    conf_level: float = 0.95,
    seed: int | np.random.Generator | None = None,
) -> DifferentialFit:
    r"""Compare every peptide between two groups of samples, and the number of hits with what chance alone would make.

    Estimand: for each peptide the mean difference of its log2 intensity, first-named group less the second, given batch and
    covariates ("moderated", "t"); the plain difference of means ("welch"); the shift of Hodges and Lehmann ("wilcoxon").

    "moderated" draws the residual variance of each peptide, s^2 with d degrees of freedom, towards that of all peptides
    (Smyth 2004, recalled, not verified), and so is the one for few samples:

    .. math:: \tilde s^2 = \frac{d_0 s_0^2 + d s^2}{d_0 + d}, \qquad t = \frac{\hat\beta}{\tilde s \sqrt{v}}, \qquad
              df = d_0 + d

    d0 and s0^2 from the moments of log s^2; with `trend` s0^2 is a spline of the peptide's mean; with `robust` peptides of
    unusual variance do not move them and are drawn less (Phipson and others 2016, recalled, not verified).

    Permutations exchange the groups of samples, within batches; with covariates they exchange what these leave, which is
    approximate. The hits of each are counted by the same test, the prior found anew (with `robust` it is held). p_family is
    single-step maxT (Westfall and Young 1993), and with N the mean number of permuted statistics no smaller than this one,

    .. math:: fdr_j = \min_{c \le |t_j|} \min(1, N(c) / \#\{k : |t_k| \ge c\})

    (Tusher, Tibshirani and Chu 2001, with pi0 = 1; both recalled, not verified).

    Parameters
    ----------
    arrays
        Log2 intensities, peptides in rows and samples in columns (peptides, samples): a data frame or `PeptideArrays`.
    groups
        Level of each sample: a Series by sample, or values in the order of the columns. Missing: left out and counted.
    contrast
        "deleted vs not_deleted": the first less the second. Other levels are left out. Needed unless the groups are true
        and false, or two ordered categories (then the later less the earlier).
    covariates
        Data frame by sample: numbers as they are, anything else as categories. For "moderated" and "t".
    batch
        Batch of each sample, given as the groups: a term of the model, and permutations stay within. For the same two.
    method
        "moderated", "t" (one residual variance for both groups), "welch" or "wilcoxon".
    trend, robust
        Kinds of prior, for "moderated"; not both.
    weights
        Inverse variances up to a factor: of samples, or of values (peptides, samples). For "moderated" and "t".
    margin
        Test that the difference is larger than this, in either direction, instead of 0 (McCarthy and Smyth 2009, recalled,
        not verified); `p_value`, `statistic` and hits are then of that test. For "moderated" and "t", without permutations.
    adjust
        "bh", "by", "holm" or "storey", as in `adjust_p`.
    permutations
        How many; if there are no more ways to give the labels, all of them are taken, once each. For "moderated" and "t".
    conf_level
        Level of the intervals.
    seed
        Number or generator; needed with permutations.

    Returns
    -------
    DifferentialFit
        `.tidy()`, `.glance()`, `.words()`, `.permutation`. Peptides that cannot be tested are rows with NaN and a note:
        constant, without values in a group, without spread within groups, or group and batch not to be told apart.

    Raises
    ------
    InputError, ColumnError
        Unknown levels, method, adjustment; samples without names in common; groups that batch or covariates determine; an
        option that a method does not have; permutations without a seed, with weights or a margin.

    Notes
    -----
    Equal to limma 3.54.1 (lmFit, eBayes, treat) to 1e-8, see `tests/reference/test_moderation_r.py`, but for two things on
    purpose: constant peptides are not tested and take no part in the prior; samples of other groups take no part.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from ikzf1_outcomes.kinome.differences import differential_phosphorylation
    >>> rng = np.random.default_rng(1)
    >>> samples = [f"s{k}" for k in range(12)]
    >>> arrays = pd.DataFrame(rng.normal(8, 1, (50, 12)), columns=samples).rename(index="pep{}".format)
    >>> arrays.loc["pep0"] += 3 * (np.arange(12) < 5)
    >>> arrays.loc["blank"] = 0.0
    >>> deleted = pd.Series(["deleted"] * 5 + ["not_deleted"] * 7, index=samples)
    >>> fit = differential_phosphorylation(arrays, deleted, contrast="deleted vs not_deleted", permutations=500, seed=2)
    >>> fit.tidy()[["term", "p_adjusted", "p_family", "note"]].round(3).values.tolist()[::50]
    [['pep0', 0.0, 0.002, ''], ['blank', nan, nan, 'not estimable: constant']]
    >>> fit.glance()[["n_hits", "n_hits_expected", "n_hits_median"]].values.tolist()
    [[3.0, 2.5, 2.0]]
    """
    check_options(method, trend, robust, weights, margin, adjust, permutations, conf_level, seed, covariates, batch)
    compared = read_comparison(arrays, groups, contrast, covariates, batch, weights)
    why = reasons(compared)
    usable = np.array([not words for words in why])
    linear = fit_linear(compared, usable, trend, robust, method == "moderated")
    tests = run_tests(compared, usable, linear, method, margin, conf_level)
    chance = None
    if permutations and seed is not None and linear.told.any():
        chance = permute_labels(compared, linear, permutations, seed, method == "moderated", trend, robust)
    table = as_table(compared, tests, why, method, conf_level)
    table["p_adjusted"] = adjust_p(table["p_value"].to_numpy(), adjust)
    if chance is not None:
        known = table["p_value"].notna()
        table["p_family"], table["fdr"] = np.where(known, chance.p_family, np.nan), np.where(known, chance.fdr, np.nan)
    return as_fit(compared, linear, tests, table, chance, method, trend, robust, margin, adjust)


def check_options(
    method: str, trend: bool, robust: bool, weights: Any, margin: float | None, adjust: str, permutations: int,
    conf_level: float, seed: Any, covariates: Any, batch: Any,
) -> None:  # fmt: skip
    """Refuse what there is not, and options that a method would have to ignore."""
    if method not in METHODS:
        raise InputError("there is no such method", next_step=f"Use {', '.join(METHODS)}.")
    if adjust not in ADJUSTMENTS:
        raise InputError("there is no such adjustment", next_step=f"Use {', '.join(ADJUSTMENTS)}.")
    if not 0.0 < conf_level < 1.0:
        raise InputError("a confidence level lies between 0 and 1")
    if isinstance(permutations, bool) or not isinstance(permutations, int | np.integer) or permutations < 0:
        raise InputError("permutations are a whole number of 0 or more")
    if permutations and seed is None:
        raise InputError("permutations need a seed", next_step="Give a number, so that the result can be had again.")
    if trend and robust:
        raise InputError("a trend and a robust prior together are not offered", next_step="Choose one of them.")
    if (trend or robust) and method != "moderated":
        raise InputError("only moderated tests have a prior", next_step='Use method="moderated".')
    if margin is not None and not margin >= 0.0:
        raise InputError("a margin is a log2 difference of 0 or more")
    if margin is not None and permutations:
        raise InputError("permutations say nothing about a margin: there the groups do differ", next_step="Leave one out.")
    if method in ("welch", "wilcoxon"):
        asked = {"covariates": covariates, "batch": batch, "weights": weights, "margin": margin}
        refused = [name for name, given in asked.items() if given is not None] + ["permutations"] * bool(permutations)
        if refused:
            raise InputError(f"method {method} has no {', '.join(refused)}", next_step='Use method="moderated" or "t".')


def run_tests(
    compared: Comparison, usable: Floats, linear: LinearFits, method: str, margin: float | None, conf_level: float
) -> PeptideTests:
    """The tests by the method asked for."""
    if method == "welch":
        return welch_tests(compared, usable, conf_level)
    if method == "wilcoxon":
        return rank_tests(compared, usable, conf_level)
    return linear_tests(compared, usable, linear, method == "moderated", margin, conf_level)


def as_table(compared: Comparison, tests: PeptideTests, why: list[str], method: str, conf_level: float) -> pd.DataFrame:
    """The peptides as rows, without error rates."""
    known = ~np.isnan(compared.values)
    notes = [
        "; ".join(word for word in (reason, note, *remark) if word)
        for reason, note, remark in zip(why, tests.note, remarks(compared), strict=True)
    ]
    return pd.DataFrame(
        {
            "term": compared.peptides.astype(str),
            "contrast": compared.contrast,
            "n": known.sum(axis=1),
            "n_group": known[:, compared.first].sum(axis=1),
            "n_reference": known[:, ~compared.first].sum(axis=1),
            "estimate": tests.estimate,
            "std_error": tests.std_error,
            "low": tests.low,
            "high": tests.high,
            "conf_level": conf_level,
            "interval": "order statistics of the differences" if method == "wilcoxon" else METHODS[method],
            "scale": SCALE,
            "statistic": tests.statistic,
            "df": tests.df,
            "p_value": tests.p_value,
            "p_adjusted": np.nan,
            "p_family": np.nan,
            "fdr": np.nan,
            "mean": row_means(compared.values, known),
            "log_odds": tests.log_odds,
            "note": notes,
        }
    )


def as_fit(
    compared: Comparison, linear: LinearFits, tests: PeptideTests, table: pd.DataFrame, chance: ChanceHits | None,
    method: str, trend: bool, robust: bool, margin: float | None, adjust: str,
) -> DifferentialFit:  # fmt: skip
    """The result, with what so many samples could have shown: by the median variance, error and degrees of freedom."""
    told, tested = linear.told, int(table["p_value"].notna().sum())
    moderated = method == "moderated" and bool(told.any())
    variance = tests.variance if method in ("moderated", "t") else np.where(told, linear.rows.sigma**2, np.nan)
    spread = np.nan if np.isnan(variance).all() else float(np.sqrt(np.nanmedian(variance)))
    error = spread * float(np.median(linear.rows.unscaled[told, -1])) if told.any() else np.nan
    df = float(np.median(linear.rows.df_residual[told])) if told.any() else 0.0
    prior_df = float(np.median(linear.prior.df[told])) if moderated else np.nan
    df = min(df + prior_df, float(linear.rows.df_residual[told].sum())) if moderated else df
    kind = ", variances with a trend" * trend + ", robust variances" * robust
    words = f"{METHODS[method]}{kind}, {ADJUSTMENTS[adjust]}"
    return DifferentialFit(
        table, words if margin is None else f"{words}, margin {margin:g}", compared.contrast,
        int(compared.first.sum()), int((~compared.first).sum()), compared.n_excluded, prior_df,
        float(np.median(linear.prior.variance[told])) if moderated else np.nan, spread,
        smallest_difference(error, df, LEVEL), smallest_difference(error, df, LEVEL / max(tested, 1)),
        adjust, margin, chance, "; ".join(compared.notes),
    )  # fmt: skip
