"""Whether sets of peptides differ between two groups of samples: camera, fry, roast, and the mean score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.linear_models import fit_rows
from ikzf1_outcomes.kernels.risk import Floats, Positions
from ikzf1_outcomes.kernels.set_tests import (
    UNTESTED,
    Effects,
    SetTest,
    camera,
    camera_ranks,
    correlation_within,
    effects,
    fry,
    moderated,
    normal_scores,
    roast_means,
    standardised,
)
from ikzf1_outcomes.kinome.arrays import PeptideArrays
from ikzf1_outcomes.kinome.group_samples import read_comparison
from ikzf1_outcomes.kinome.peptide_sets import Flags, PeptideSet, found_sets, mean_of_known
from ikzf1_outcomes.multiplicity import adjust_p
from ikzf1_outcomes.resampling import replicates

METHODS = {"camera": "competitive", "fry": "self-contained", "roast": "self-contained", "mean": "self-contained"}
TOGETHER = 500
"""Rotations that are one piece of work."""
FAR_ABOVE = 0.05
"""A correlation within a set that lies so far above the one assumed is told in the note."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class PathwayTests:
    """Tests of sets of peptides; made by `pathway_tests`.

    Parameters
    ----------
    table
        The rows of `tidy`.
    summary
        The row of `glance`.
    """

    table: pd.DataFrame
    summary: Mapping[str, object]

    def __repr__(self) -> str:
        return f"PathwayTests({len(self.table)} sets, {self.summary['method']})"

    def tidy(self) -> pd.DataFrame:
        """One row a set, in the order given.

        Returns
        -------
        DataFrame
            term, contrast, method, direction ("up", "down"), n_peptides, n_missing, estimate (mean of the peptides'
            differences), scale, statistic, df, p_value, p_up, p_down, p_mixed, p_adjusted, p_mixed_adjusted,
            correlation (mean of all pairs of the set's peptides, from residuals), note; for "mean" also std_error, low,
            high, conf_level, interval.
        """
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """What was tested, in one row.

        Returns
        -------
        DataFrame
            method, hypothesis, contrast, n, n_group, n_reference, n_excluded (samples of neither group, or with an
            unknown covariate), n_sets, n_estimable, n_peptides (used), n_incomplete (left out for missing values),
            n_constant (left out), n_hits, n_hits_adjusted, df_residual, prior_df, rotations, adjustment, note (samples
            left out, groups that batch and covariates nearly are).
        """
        return pd.DataFrame([dict(self.summary)])


def pathway_tests(
    arrays: pd.DataFrame | PeptideArrays,
    sets: Mapping[str, Iterable[str]],
    groups: Any,
    *,
    contrast: str | None = None,
    covariates: pd.DataFrame | None = None,
    batch: Any = None,
    method: str = "camera",
    correlation: float | None = None,
    ranks: bool = False,
    rotations: int = 9999,
    adjust: str = "bh",
    conf_level: float = 0.95,
    seed: int | np.random.Generator | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PathwayTests:
    r"""Test sets of peptides for a difference between two groups of samples.

    Hypotheses. "camera" is competitive: are the set's peptides more different than the others? "fry", "roast" and "mean"
    are self-contained: is any of the set's peptides different (mixed), or do they differ one way on average (up, down)?
    Where all peptides shift together, as after a poor normalisation, the second kind finds every set and the first none.

    Rules. All start from one linear model a peptide (groups, covariates, batch) with variances moderated over all peptides.

    - camera (Wu and Smyth 2012): moderated t to normal scores z; the set's mean against that of the others,

      .. math:: t = \frac{\delta}{s \sqrt{(1 + (m - 1)\rho) / m + 1 / (G - m)}}, \quad
                \delta = \bar z_{set} - \bar z_{others}

      with G - 2 degrees of freedom for a stated correlation, min(d, G - 2) for an estimated one (not below 0).
      `ranks=True`: Wilcoxon's sum under the same correlation, normal, corrected for continuity and ties.
    - roast (Wu et al. 2010): the mean of z, and of its absolute value (mixed), against random rotations of the samples'
      residual space. p = (1 + rotations at least as extreme) / (1 + rotations).
    - fry: what infinitely many rotations give for the mean of the effects over standard deviations that rotation does not
      change; closed form. Mixed: sum of squares, by a beta distribution.
    - mean: t test, with covariates in a linear model, of the mean of the set in each sample, as in the founding paper.

    Two-sided p-values are in `p_value`, adjusted over the sets.

    Edge rules. camera, fry and roast leave out peptides that have a missing value in a sample used, or are constant
    there; "mean" takes what is known. All are counted. A set without a peptide, or for camera with all but one of them,
    is not tested and has a note. camera estimates the correlation between peptides of a set once the groups are
    accounted for. limma assumes 0.01, which does not hold the size of the test where peptides are alike: where a
    correlation is given and the estimate is above it by 0.05, the note says so.

    Parameters
    ----------
    arrays
        Peptides x samples of log2 intensities, or a `PeptideArrays` of them.
    sets
        Peptides by name of the set, as from `pathway_sets`.
    groups
        Level of each sample: a Series by sample, or values in the order of the samples.
    contrast
        Two levels, as "deleted vs not_deleted": the first less the second. Other samples are left out and counted. May be
        left out where groups are truth values, or a categorical of two levels in their order.
    covariates
        One row a sample; numbers as they are, others by level. Samples with unknown ones are left out and counted.
    batch
        Level of each sample, as `groups`.
    method
        "camera", "fry", "roast" or "mean".
    correlation
        Of camera: None to estimate it in each set, or a number between -1 and 1 (limma takes 0.01).
    ranks
        Of camera: by ranks.
    rotations
        Of roast: their number.
    adjust
        "bh", "by", "holm" or "storey": see `adjust_p`.
    conf_level
        Of "mean".
    seed
        Of roast; a number or generator.
    progress
        Of roast: called with how many pieces of work are done, and of how many.

    Returns
    -------
    PathwayTests

    Raises
    ------
    InputError
        No such method; arrays not on the log2 scale; groups that are not two, or not there; groups, covariates and batch
        that cannot be told apart; fewer than 3 peptides without missing values; roast without a seed; no sets.

    Notes
    -----
    Wu and Smyth 2012, Nucleic Acids Res 40:e133; Wu et al. 2010, Bioinformatics 26:2176 (recalled, not verified). Equal
    to limma's camera and fry to 1e-8, but for fry's mixed p-value of sets with fewer peptides than d + 1; as there, fry
    depends a little on the order of the samples. See decision 035.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> values = np.random.default_rng(4).normal(10, 1, (40, 12))
    >>> values[:5, :6] += 2
    >>> table = pd.DataFrame(values, index=[f"p{k}" for k in range(40)])
    >>> sets = {"shifted": [f"p{k}" for k in range(5)], "other": [f"p{k}" for k in range(20, 30)]}
    >>> tests = iko.pathway_tests(table, sets, ["deleted"] * 6 + ["not"] * 6, contrast="deleted vs not")
    >>> tests.tidy()[["term", "direction", "n_peptides"]].values.tolist()
    [['shifted', 'up', 5], ['other', 'down', 10]]
    >>> (tests.tidy()["p_value"] < 0.001).tolist()
    [True, False]
    """
    checked_arguments(method, correlation, rotations, conf_level, seed)
    compared = read_comparison(arrays, groups, contrast, covariates, batch, None)
    there = found_sets(sets, compared.peptides)
    read = analysed(compared.values, compared.design, method)
    if method == "mean":
        tests = mean_tests(read, there, conf_level)
    else:
        own = [read.places(one) for one in there]
        if method == "roast":
            found = roast(read.rows, own, rotations, seed, progress)
        else:
            found = closed_form(read.rows, own, method, correlation, ranks)
        tests = pd.DataFrame(found)
    out = described(tests, there, read)
    out["contrast"], out["method"] = compared.contrast, method
    out["scale"] = "log2 difference"
    out["p_adjusted"], out["p_mixed_adjusted"] = adjust_p(out["p_value"], adjust), adjust_p(out["p_mixed"], adjust)
    out["note"] = notes(out, method, correlation)
    prior = np.nan if method == "mean" else float(read.rows.prior.df[0])
    summary = {
        "method": method, "hypothesis": METHODS[method], "contrast": compared.contrast,
        "n": len(compared.first), "n_group": int(compared.first.sum()), "n_reference": int((~compared.first).sum()),
        "n_excluded": compared.n_excluded,
        "n_sets": len(out), "n_estimable": int(out["p_value"].notna().sum()), "n_peptides": int(read.usable.sum()),
        "n_incomplete": int((~read.complete).sum()), "n_constant": int(read.constant.sum()),
        "n_hits": int((out["p_value"] < 0.05).sum()), "n_hits_adjusted": int((out["p_adjusted"] < 0.05).sum()),
        "df_residual": len(read.design) - read.design.shape[1], "prior_df": prior,
        "rotations": rotations if method == "roast" else 0, "adjustment": adjust, "note": "; ".join(compared.notes),
    }  # fmt: skip
    return PathwayTests(out[[name for name in COLUMNS if name in out]], summary)


class Analysed(NamedTuple):
    """Peptides on one design of the samples used, and which of them a method takes."""

    values: Floats
    design: Floats
    difference: Floats
    """Coefficient of the groups (G)."""
    complete: Flags
    constant: Flags
    usable: Flags
    rows: Effects
    """Of those that are complete and not constant."""
    place: Positions
    """Where a peptide is among them, else -1 (G)."""

    def places(self, one: PeptideSet) -> Positions:
        """The peptides of a set among the effects."""
        at = self.place[one.rows]
        return at[at >= 0]


def analysed(values: Floats, design: Floats, method: str) -> Analysed:
    """The linear models of all peptides.

    Raises
    ------
    InputError
        Fewer than 3 peptides without missing values, or none that varies within the groups, for methods that need such.
    """
    complete: Flags = np.asarray(~np.isnan(values).any(axis=1))
    whole = np.where(complete[:, None], values, 0.0)
    constant: Flags = np.logical_and(complete, np.ptp(whole, axis=1) <= 1e-12 * np.abs(whole).max(axis=1))
    difference = fit_rows(values, design).coefficients[:, -1]
    taken: Flags = complete & ~constant
    if method != "mean" and taken.sum() < 3:
        hint = 'Leave out the samples that miss most, or use method="mean".'
        raise InputError("fewer than 3 peptides have all their values", count=int(taken.sum()), next_step=hint)
    found = effects(whole[taken], design)
    if method != "mean" and not (found.variance > 0.0).any():
        raise InputError("no peptide varies within the groups", next_step='Use method="mean", or look at the arrays.')
    place = np.full(len(values), -1)
    place[taken] = np.arange(taken.sum())
    usable = ~np.isnan(difference) if method == "mean" else taken
    return Analysed(values, design, difference, complete, constant, usable, found, place)


COLUMNS = (
    "term", "contrast", "method", "direction", "n_peptides", "n_missing", "estimate", "std_error", "low", "high",
    "conf_level", "interval", "scale", "statistic", "df", "p_value", "p_up", "p_down", "p_mixed", "p_adjusted",
    "p_mixed_adjusted", "correlation", "note",
)  # fmt: skip


def checked_arguments(method: str, correlation: float | None, rotations: int, conf_level: float, seed: object) -> None:
    """Raise where an argument says nothing."""
    if method not in METHODS:
        raise InputError("there is no such test of sets", next_step=f"Use {', '.join(METHODS)}.")
    if correlation is not None and not -1.0 < correlation < 1.0:
        raise InputError("a correlation lies between -1 and 1")
    if method == "roast" and seed is None:
        raise InputError("roast needs a seed", next_step="As in seed=1.")
    if method == "roast" and rotations < 1:
        raise InputError("roast needs rotations", next_step="As in rotations=9999.")
    if not 0.0 < conf_level < 1.0:
        raise InputError("a confidence level lies between 0 and 1")


def closed_form(
    rows: Effects, own: Sequence[Positions], method: str, correlation: float | None, ranks: bool
) -> list[SetTest]:
    """camera or fry of each set."""
    if method == "fry":
        unit = standardised(rows)
        return [fry(unit[at]) if len(at) else UNTESTED for at in own]
    t, df = moderated(rows)
    z, total = normal_scores(t, df), len(t)
    tests = []
    for at in own:
        rho = correlation
        if rho is None:
            rho = max(0.0, np.nan_to_num(correlation_within(rows.all[at, 1:])))
        freedom = float(total - 2 if correlation is not None else min(rows.df, total - 2))
        tests.append(camera_ranks(z, at, rho) if ranks else camera(z, at, rho, freedom))
    return tests


def roast(
    rows: Effects,
    own: Sequence[Positions],
    rotations: int,
    seed: int | np.random.Generator | None,
    progress: Callable[[int, int], None] | None,
) -> list[SetTest]:
    """Rotation tests of all sets on the same rotations."""
    member = np.zeros((len(own), len(rows.all)))
    for number, at in enumerate(own):
        member[number, at] = 1.0 / max(len(at), 1)
    z = normal_scores(*moderated(rows))
    taken = member.any(axis=0)
    prior = rows.prior._replace(variance=rows.prior.variance[taken], df=rows.prior.df[taken])
    only = Effects(rows.all[taken], rows.variance[taken], prior)
    work = partial(roast_means, only, member[:, taken], min(TOGETHER, rotations))
    pieces = replicates(work, -(-rotations // TOGETHER), seed=seed if seed is not None else 0, progress=progress)
    means, sizes = (np.hstack([piece[part] for piece in pieces])[:, :rotations] for part in (0, 1))
    seen, size = (member @ z)[:, None], (member @ np.abs(z))[:, None]
    two, up, down, both = (
        (1.0 + extreme.sum(axis=1)) / (1.0 + rotations)
        for extreme in (np.abs(means) >= np.abs(seen), means >= seen, means <= seen, sizes >= size)
    )
    return [
        SetTest(float(seen[k, 0]), np.nan, *(float(p[k]) for p in (two, up, down, both))) if len(at) else UNTESTED
        for k, at in enumerate(own)
    ]


def mean_tests(read: Analysed, there: Sequence[PeptideSet], conf_level: float) -> pd.DataFrame:
    """t tests of the mean of each set in each sample."""
    scores = np.full((len(there), len(read.design)), np.nan)
    for number, one in enumerate(there):
        part = read.values[one.rows[read.usable[one.rows]]]
        scores[number] = mean_of_known(part, (~np.isnan(part)).sum(axis=0), 1)
    fits = fit_rows(scores, read.design)
    error, df = fits.unscaled[:, -1] * fits.sigma, fits.df_residual
    estimate = fits.coefficients[:, -1]
    t = np.divide(
        estimate,
        error,
        out=np.full(len(error), np.nan),
        where=error > 1e-12 * np.nanmax(np.abs(scores), axis=1, initial=0.0),
    )
    reach = np.where(np.isnan(t), np.nan, stdtrit(np.maximum(df, 1.0), (1.0 + conf_level) / 2.0) * error)
    return pd.DataFrame(
        {
            "statistic": t, "df": df, "p_value": 2.0 * stdtr(df, -np.abs(t)), "p_up": stdtr(df, -t), "p_down": stdtr(df, t),
            "p_mixed": np.nan, "estimate": estimate, "std_error": error, "low": estimate - reach, "high": estimate + reach,
            "conf_level": conf_level, "interval": "t",
        }
    )  # fmt: skip


def described(tests: pd.DataFrame, there: Sequence[PeptideSet], read: Analysed) -> pd.DataFrame:
    """The tests with the name, size, mean difference and correlation of each set."""
    out = tests.copy()
    members = [one.rows[read.usable[one.rows]] for one in there]
    out["term"] = [one.name for one in there]
    out["n_peptides"] = [len(at) for at in members]
    out["n_missing"] = [one.n_missing + len(one.rows) - len(at) for one, at in zip(there, members, strict=True)]
    if "estimate" not in out:
        out["estimate"] = [float(read.difference[at].mean()) if len(at) else np.nan for at in members]
    out["correlation"] = [correlation_within(read.rows.all[read.places(one), 1:]) for one in there]
    out["direction"] = out["statistic"].map(lambda x: "up" if x > 0 else "down" if x < 0 else "")
    return out


def notes(out: pd.DataFrame, method: str, correlation: float | None) -> list[str]:
    """What a reader must know of each set."""
    empty = out["n_peptides"] == 0
    untested = out["p_value"].isna()
    alike = pd.Series(False, index=out.index)
    if method == "camera" and correlation is not None:
        alike = out["correlation"] > correlation + FAR_ABOVE
    words = ["no peptide of the set", "not estimable", "peptides of the set are more alike than assumed"]
    return [str(text) for text in np.select([empty, untested, alike & ~untested], words, default="")]
