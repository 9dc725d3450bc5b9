"""Two groups of samples, what they are adjusted for, and which samples are known well enough to take part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kernels.linear_models import independent
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.kinome.arrays import PeptideArrays, peptide_values

MOSTLY = 0.5
"""Share of the spread of the groups that batch and covariates may have before a note is made."""


@dataclass(frozen=True, eq=False, slots=True)
class Comparison:
    """Peptides of two groups of samples, ready to be tested."""

    peptides: pd.Index
    samples: pd.Index
    values: Floats
    """Log2 intensities of the samples that take part, NaN missing (peptides, samples)."""
    first: Floats
    """Whether a sample is of the first-named level (samples)."""
    levels: tuple[str, str]
    """First-named and second-named level: estimates are the first less the second."""
    batch: Integers
    """Code of the batch, 0 everywhere without batches (samples)."""
    batches: tuple[str, ...]
    others: Floats
    """Columns beside the group: constant, batches, covariates (samples, q)."""
    covariates: tuple[str, ...]
    weights: Floats | None
    n_excluded: int
    notes: tuple[str, ...]

    @property
    def contrast(self) -> str:
        """The comparison in words."""
        return f"{self.levels[0]} vs {self.levels[1]}"

    @property
    def design(self) -> Floats:
        """All columns, the group last (samples, q + 1)."""
        return np.column_stack([self.others, self.first.astype(float)])


def read_comparison(
    arrays: pd.DataFrame | PeptideArrays, groups: Any, contrast: str | None, covariates: pd.DataFrame | None, batch: Any,
    weights: Any,
) -> Comparison:  # fmt: skip
    """Bring arrays, groups and adjusters together by sample; leave out and count what is not known."""
    if isinstance(arrays, PeptideArrays) and not arrays.scale.startswith("log2"):
        raise InputError("differences are of log2 intensities", next_step="Normalise with the log2 scale.")
    table = peptide_values(arrays)
    samples = table.columns
    group, notes = of_samples(groups, samples, "groups")
    levels = read_contrast(group, contrast)
    word = group.astype(object).map(level_name, na_action="ignore")
    part = word.isin(levels).to_numpy()
    columns, names, covariates_known = covariate_columns(covariates, samples, part)
    codes, batches, batch_known = batch_codes(batch, samples, part)
    kept = part & covariates_known & batch_known
    notes += left_out(word, part, kept)
    first = (word == levels[0]).to_numpy()[kept]
    for level, number in zip(levels, (first.sum(), (~first).sum()), strict=True):
        if number == 0:
            raise InputError(
                f"no sample is of the group {level}", next_step="Look at the groups and at their sample names."
            )
    used, codes = np.unique(codes[kept], return_inverse=True)
    dummies = (codes[:, None] == np.arange(1, len(used))).astype(float)
    others = np.column_stack([np.ones(kept.sum()), dummies, columns[kept]])
    check_design(others, first.astype(float), batch is not None)
    notes += confounding(others, first.astype(float))
    return Comparison(
        table.index, samples[kept], table.to_numpy(dtype=float)[:, kept], first, levels, codes,
        tuple(batches[i] for i in used), others, names, read_weights(weights, table, kept),
        int((~kept).sum()), tuple(notes),
    )  # fmt: skip


def level_name(level: Any) -> str:
    """A level as text; whole numbers that missing values have made floats are whole again."""
    return str(int(level)) if isinstance(level, float) and level.is_integer() else str(level)


def of_samples(given: Any, samples: pd.Index, what: str) -> tuple[pd.Series, list[str]]:
    """Values of the samples: a Series by its index, anything else in the order of the samples."""
    if isinstance(given, pd.Series):
        if given.index.has_duplicates:
            raise InputError(f"{what}: a sample is there twice", where=np.flatnonzero(given.index.duplicated()) + 1)
        common = samples.isin(given.index)
        if not common.any():
            raise InputError(
                f"{what}: no sample has the name of an array", next_step="Index them by sample, as the arrays' columns."
            )
        strangers = int((~given.index.isin(samples)).sum())
        notes = [f"{strangers} of the {what} have no array"] * bool(strangers)
        return given.reindex(samples), notes
    values = pd.Series(list(given), index=samples) if np.ndim(given) == 1 and len(given) == len(samples) else None
    if values is None:
        raise InputError(f"{what} are one value for each of the {len(samples)} samples, or a Series by sample")
    return values, []


def read_contrast(group: pd.Series, contrast: str | None) -> tuple[str, str]:
    """The two levels that are compared, the second one the reference."""
    if isinstance(group.dtype, pd.CategoricalDtype):
        found = [level_name(level) for level in group.cat.categories]
    else:
        found = sorted({level_name(level) for level in group.dropna()})
    if contrast is not None:
        parts = tuple(part.strip() for part in contrast.split(" vs "))
        if len(parts) != 2 or parts[0] == parts[1]:
            raise InputError("a contrast names two levels", next_step="As in 'deleted vs not_deleted'.")
        unknown = [part for part in parts if part not in found]
        if unknown:
            raise InputError(
                f"no sample is of the group {' or '.join(unknown)}", next_step=f"Levels are {', '.join(found)}."
            )
        return parts[0], parts[1]
    if len(found) != 2:
        raise InputError("two groups are compared", count=len(found), next_step="Name two of them: contrast='a vs b'.")
    known = group.dropna()
    ordered = isinstance(group.dtype, pd.CategoricalDtype) or known.map(lambda x: isinstance(x, bool | np.bool_)).all()
    if not ordered:
        raise InputError(
            "which group comes first?", next_step=f"As in contrast='{found[0]} vs {found[1]}', the second the reference."
        )
    return found[1], found[0]


def covariate_columns(covariates: Any, samples: pd.Index, part: Floats) -> tuple[Floats, tuple[str, ...], Floats]:
    """Covariates as columns, categories as flags of all levels but the first; their names; where all are known."""
    if covariates is None:
        return np.empty((len(samples), 0)), (), np.ones(len(samples), dtype=bool)
    if not isinstance(covariates, pd.DataFrame):
        raise InputError("covariates are a DataFrame with one row a sample, indexed by sample")
    if covariates.index.has_duplicates:
        raise InputError("covariates: a sample is there twice", where=np.flatnonzero(covariates.index.duplicated()) + 1)
    if not samples.isin(covariates.index).any():
        raise ColumnError("covariates: no sample has the name of an array", next_step="Index them by sample.")
    table = covariates.reindex(samples)
    infinite = np.isinf(table.select_dtypes("number").to_numpy(dtype=float, na_value=np.nan)).any(axis=1)
    if infinite.any():
        raise InputError("covariates with infinite values (positions of the samples)", where=np.flatnonzero(infinite) + 1)
    known = table.notna().all(axis=1).to_numpy()
    columns = []
    for name in table:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column.dropna().infer_objects()):
            columns.append(column.astype(float).to_numpy()[:, None])
        else:
            levels = sorted({str(level) for level in column[known & part]})
            columns.append((column.map(str).to_numpy()[:, None] == np.array(levels[1:], dtype=object)).astype(float))
    return np.column_stack([np.empty((len(samples), 0)), *columns]), tuple(map(str, table.columns)), known


def batch_codes(batch: Any, samples: pd.Index, part: Floats) -> tuple[Integers, tuple[str, ...], Floats]:
    """Codes of the batches of samples, their names, and where the batch is known."""
    if batch is None:
        return np.zeros(len(samples), dtype=np.intp), ("all",), np.ones(len(samples), dtype=bool)
    values, _ = of_samples(batch, samples, "batches")
    known = values.notna().to_numpy()
    names = sorted({level_name(name) for name in values[known & part]})
    codes = np.searchsorted(np.array(names or [""]), values.astype(object).map(level_name).to_numpy().astype(str))
    return np.where(known & part, codes, 0), tuple(names), known


def read_weights(weights: Any, table: pd.DataFrame, kept: Floats) -> Floats | None:
    """Weights of samples (samples) or of values (peptides, samples), of the samples that take part."""
    if weights is None:
        return None
    if isinstance(weights, pd.DataFrame):
        weights = weights.reindex(index=table.index, columns=table.columns).to_numpy(dtype=float)
    elif np.ndim(weights) == 1:
        weights = of_samples(weights, table.columns, "weights")[0].to_numpy(dtype=float)
    else:
        weights = np.asarray(weights, dtype=float)
    if weights.shape not in ((table.shape[1],), table.shape):
        raise InputError("weights are one a sample, or one a value")
    found: Floats = weights[..., kept]
    if not np.isfinite(found).all() or (found < 0.0).any():
        raise InputError("weights are numbers of 0 or more", count=int((~(np.isfinite(found) & (found >= 0.0))).sum()))
    return found


def left_out(word: pd.Series, part: Floats, kept: Floats) -> list[str]:
    """Samples that take no part, by reason."""
    unknown = int(word.isna().sum())
    counts = {
        "without a known group": unknown,
        "of another group": int((~part).sum()) - unknown,
        "with an unknown batch or covariate": int((part & ~kept).sum()),
    }
    return [f"{number} sample{'s' * (number > 1)} {reason} left out" for reason, number in counts.items() if number]


def check_design(others: Floats, group: Floats, batches: bool) -> None:
    """Refuse adjusters that cannot be told from one another, or from the group."""
    if len(independent(others)) < others.shape[1]:
        raise InputError("batch or covariates are constant, or combinations of one another", next_step="Leave one out.")
    whole = np.column_stack([others, group])
    if len(group) <= whole.shape[1]:
        raise InputError("no samples are left to judge the spread by", next_step="Adjust for less.")
    if len(independent(whole)) < whole.shape[1]:
        raise InputError(
            f"{'batch and covariates' if batches else 'covariates'} and the groups cannot be told apart",
            next_step="No analysis can undo this: every difference may be one of them.",
        )


def confounding(others: Floats, group: Floats) -> list[str]:
    """A note where batch and covariates nearly are the groups."""
    left = group - others @ np.linalg.lstsq(others, group, rcond=None)[0]
    share = 1.0 - (left @ left) / ((group - group.mean()) @ (group - group.mean()))
    if share <= MOSTLY:
        return []
    return [f"batch and covariates tell {100 * share:.0f} % of the groups: differences between them are hard to tell apart"]
