"""The words for copy numbers, IKZF1 classes and cytogenetic subtypes, and what each word leaves open."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError

COPY_NUMBERS = ("normal", "deleted", "homozygous", "gain", "ambiguous", "failed", "not_tested")
"""Calls of a locus or an exon. "deleted" is the loss of at least one copy, "homozygous" of both."""
LOSS_WORDS = ("deleted", "homozygous")
UNKNOWN = ("ambiguous", "failed", "not_tested")
"""Calls that leave open whether there is a deletion: never "absent"."""

IKZF1_CLASSES = ("none", "whole_gene", "ik6", "del_4_8", "other", "gain", "ambiguous", "failed", "not_tested")
"""Classes for models. "none" reads "no deletion detected": an assay can miss a deletion."""

CYTOGENETIC_SUBTYPES = (
    "BCR::ABL1",
    "TCF3::HLF",
    "KMT2A-r",
    "near-haploid or low hypodiploid",
    "iAMP21",
    "ETV6::RUNX1",
    "high hyperdiploid",
    "TCF3::PBX1",
    "B-other ABL-class",
    "B-other JAK/CRLF2",
    "B-other DUX4/ERG",
    "B-other ZNF384",
    "B-other MEF2D",
    "B-other PAX5alt/P80R",
    "B-other, other",
    "B-other",
)
"""In the order of the hierarchy: a patient with two lesions bears the first that matches. "B-other, other" has none of
the kinds of B-other that are named; "B-other" is B-other of a kind that is not known."""

NO, MAYBE, YES = 0, 1, 2


def checked_calls(frame: pd.DataFrame, column: str) -> pd.Series:
    """A column of calls as text; missing cells are "not_tested".

    Raises
    ------
    ColumnError
        No such column, or two.
    InputError
        A word that is no call (row positions).
    """
    if column not in frame.columns:
        raise ColumnError(
            f"no column is called {column!r}", next_step="Give a column of 'not_tested' if the assay lacks it."
        )
    refuse_twins(frame, column)
    calls = frame[column].astype(object).where(frame[column].notna(), "not_tested")
    wrong = ~calls.isin(COPY_NUMBERS).to_numpy()
    if wrong.any():
        raise InputError(
            f"column {column!r} holds words that are no call",
            where=np.flatnonzero(wrong) + 1,
            next_step=f"Use {', '.join(COPY_NUMBERS)}.",
        )
    return calls


def refuse_twins(frame: pd.DataFrame, column: str) -> None:
    """Refuse a column name that two columns bear."""
    if (frame.columns == column).sum() > 1:
        raise ColumnError(f"two columns are called {column!r}", next_step="Give every column a name of its own.")


def deletion(calls: pd.Series, *, homozygous_only: bool = False) -> NDArray[np.int8]:
    """Whether a deletion is there: `NO`, `MAYBE` or `YES`.

    Parameters
    ----------
    homozygous_only
        Count a loss of both copies alone.
    """
    yes = ("homozygous",) if homozygous_only else ("deleted", "homozygous")
    return np.select([calls.isin(yes), calls.isin(UNKNOWN)], [YES, MAYBE], default=NO).astype(np.int8)
