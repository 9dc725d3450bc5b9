"""Sets of peptides, found among the rows of an array; their scores in each sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats, Positions
from ikzf1_outcomes.kinome.arrays import PeptideArrays, peptide_values

Flags = NDArray[np.bool_]
SCORES = ("mean", "z_mean", "first_component")


class PeptideSet(NamedTuple):
    """A set and where its peptides are."""

    name: str
    rows: Positions
    n_missing: int
    """Peptides of the set that are not there."""


def found_sets(sets: Mapping[str, Iterable[str]], peptides: pd.Index) -> list[PeptideSet]:
    """The sets among the peptides, each peptide once.

    Raises
    ------
    InputError
        No sets; a set that is one text; none of the peptides of any set is there.
    """
    if not isinstance(sets, Mapping) or not sets:
        raise InputError("there are no sets", next_step="Give peptides by the name of their set, as pathway_sets does.")
    if any(isinstance(members, str) for members in sets.values()):
        raise InputError("a set is one text", next_step="Give a list of peptides.")
    found = []
    for name, members in sets.items():
        wanted = pd.Index(list(dict.fromkeys(members)), dtype=object)
        rows = peptides.get_indexer(wanted)
        found.append(PeptideSet(str(name), np.sort(rows[rows >= 0]), int((rows < 0).sum())))
    if not any(len(one.rows) for one in found):
        raise InputError("no peptide of any set is there", next_step="Sets name peptides as the index of the values does.")
    return found


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class PathwayScores:
    """One number a sample and set; made by `pathway_scores`.

    Parameters
    ----------
    values
        Index sample, one column a set.
    scale
        What a score is: "log2 intensity" or "value" (means), "standard deviations", "component score".
    sets
        One row a set: pathway, method, n_peptides (used), n_missing (not there), n_incomplete (left out for missing
        values), n_constant (left out), share (of the variance, first components alone), note.
    used
        Peptides behind each number, of the form of `values`.
    """

    values: pd.DataFrame
    scale: str
    sets: pd.DataFrame
    used: pd.DataFrame

    def __repr__(self) -> str:
        return f"PathwayScores({self.values.shape[0]} samples, {self.values.shape[1]} sets, {self.scale})"

    def tidy(self) -> pd.DataFrame:
        """Scores, one row a sample and set.

        Returns
        -------
        DataFrame
            sample, pathway, estimate, scale, n_peptides (with a value in that sample), note.
        """
        samples, sets = self.values.shape
        score = self.values.to_numpy().ravel()
        return pd.DataFrame(
            {
                "sample": np.repeat(self.values.index.to_numpy(), sets),
                "pathway": np.tile(self.values.columns.to_numpy(), samples),
                "estimate": score,
                "scale": self.scale,
                "n_peptides": self.used.to_numpy().ravel(),
                "note": np.where(np.isnan(score), "too few peptides", ""),
            }
        )

    def glance(self) -> pd.DataFrame:
        """Peptides found and missing, one row a set.

        Returns
        -------
        DataFrame
            As `sets`.
        """
        return self.sets.copy()


def pathway_scores(
    arrays: pd.DataFrame | PeptideArrays, sets: Mapping[str, Iterable[str]], *, method: str = "mean", least: int = 2
) -> PathwayScores:
    r"""Score each sample by sets of peptides.

    Rule. "mean": the mean of the set's peptides, as they are; strong peptides weigh more. "z_mean": each peptide brought
    to mean 0 and standard deviation 1 over the samples first; all weigh the same. "first_component": with z the
    standardised peptides of the set and w the unit vector along which they vary most,

    .. math:: s_j = \sum_g w_g z_{gj}, \qquad \operatorname{mean}(w) \ge 0

    so that most peptides go up with the score. The last two depend on which samples are there; scores of new samples
    are not comparable.

    Edge rules. Means are of the peptides that have a value in the sample; with fewer than `least` the score is missing.
    First components leave out peptides with a missing value, and the last two peptides that are constant; both are
    counted. A set of fewer than `least` peptides has no scores.

    Parameters
    ----------
    arrays
        Peptides x samples, or a `PeptideArrays`.
    sets
        Peptides by name of the set, as from `pathway_sets`. A peptide twice in a set counts once.
    method
        "mean", "z_mean" or "first_component".
    least
        Fewest peptides of a score; 1 or more.

    Returns
    -------
    PathwayScores

    Raises
    ------
    InputError
        No such method; no sets, or none of their peptides is there; fewer than 2 samples for the last two methods.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> values = pd.DataFrame({"s1": [8.0, 10, 7], "s2": [9.0, 12, 7]}, index=["p1", "p2", "p3"])
    >>> scores = iko.pathway_scores(values, {"MAPK": ["p1", "p2", "p9"]})
    >>> scores.values["MAPK"].tolist()
    [9.0, 10.5]
    >>> scores.glance()[["n_peptides", "n_missing"]].values.tolist()
    [[2, 1]]
    """
    if method not in SCORES:
        raise InputError("there is no such score", next_step=f"Use {', '.join(SCORES)}.")
    if least < 1:
        raise InputError("least is 1 or more")
    table = peptide_values(arrays)
    values = table.to_numpy()
    if method != "mean" and values.shape[1] < 2:
        raise InputError("one sample cannot be standardised", next_step='Use method="mean".')
    columns, used, rows = {}, {}, []
    for one in found_sets(sets, table.index):
        score, number, row = score_of(values[one.rows], method, least)
        columns[one.name], used[one.name] = score, number
        rows.append({"pathway": one.name, "method": method, "n_missing": one.n_missing, **row})
    order = ["pathway", "method", "n_peptides", "n_missing", "n_incomplete", "n_constant", "share", "note"]
    scale = {"mean": arrays.scale if isinstance(arrays, PeptideArrays) else "value", "z_mean": "standard deviations"}
    return PathwayScores(
        pd.DataFrame(columns, index=table.columns),
        scale.get(method, "component score"),
        pd.DataFrame(rows)[order],
        pd.DataFrame(used, index=table.columns),
    )


def score_of(values: Floats, method: str, least: int) -> tuple[Floats, Positions, dict[str, object]]:
    """Scores of one set (peptides, samples), the peptides behind each, and what was left out."""
    unknown = np.isnan(values)
    incomplete: Flags = np.asarray(unknown.any(axis=1) if method == "first_component" else unknown.all(axis=1))
    constant: Flags = np.zeros(len(values), dtype=bool)
    if method != "mean":
        spread = np.nanstd(np.where(incomplete[:, None], 0.0, values), axis=1)
        constant = ~incomplete & (spread <= 1e-12 * np.abs(np.where(unknown, 0.0, values)).max(axis=1, initial=0.0))
    kept = values[~incomplete & ~constant]
    row: dict[str, object] = {
        "n_peptides": len(kept), "n_incomplete": int(incomplete.sum()), "n_constant": int(constant.sum()),
        "share": np.nan, "note": "" if len(kept) >= least else "too few peptides",
    }  # fmt: skip
    number = (~np.isnan(kept)).sum(axis=0)
    if len(kept) < least:
        return np.full(values.shape[1], np.nan), number, row
    if method == "mean":
        return mean_of_known(kept, number, least), number, row
    known = ~np.isnan(kept)
    centre = mean_of_known(kept.T, known.sum(axis=1), 1)[:, None]
    squares = np.where(known, (kept - centre) ** 2, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1) - 1, 1)
    z = (kept - centre) / np.sqrt(squares)[:, None]
    if method == "z_mean":
        return mean_of_known(z, number, least), number, row
    loadings, lengths, _ = np.linalg.svd(z, full_matrices=False)
    first = loadings[:, 0]
    towards = first.mean()
    # peptides that pull both ways alike: the sign of the largest decides
    first = first * (np.sign(towards) if abs(towards) > 1e-12 else np.sign(first[np.argmax(np.abs(first))]))
    row["share"] = float(lengths[0] ** 2 / (lengths**2).sum())
    return first @ z, number, row


def mean_of_known(values: Floats, number: Positions, least: int) -> Floats:
    """Means over the rows of what is known; NaN with fewer than `least`."""
    total = np.where(np.isnan(values), 0.0, values).sum(axis=0)
    return np.divide(total, number, out=np.full(values.shape[1], np.nan), where=number >= least)
