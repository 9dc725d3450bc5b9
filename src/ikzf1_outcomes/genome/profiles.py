"""Composite profiles of copy-number calls: IKZF1plus and the UKALL-CNA classifier."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.calls import IKZF1_CLASSES, MAYBE, NO, YES, checked_calls, deletion

PLUS_LEVELS = ("no deletion detected", "IKZF1 deletion", "IKZF1plus", "unclassifiable")
CNA_LOCI = ("IKZF1", "CDKN2A/B", "PAR1", "BTG1", "EBF1", "PAX5", "ETV6", "RB1")
CNA_LEVELS = ("good", "intermediate", "poor", "inconclusive")
SPLITS = ("any", "isolated")
ANY_POOR = frozenset({"IKZF1", "PAR1", "EBF1", "RB1"})


def ikzf1_status(frame: pd.DataFrame, column: str = "ikzf1_class") -> NDArray[np.int8]:
    """Whether IKZF1 is deleted, from the class: `NO`, `MAYBE` or `YES`; a gain is no deletion, missing is unknown."""
    if column not in frame.columns:
        raise ColumnError(f"no column is called {column!r}", next_step="classify_ikzf1 makes it from exon calls.")
    classes = frame[column].astype(object).where(frame[column].notna(), "not_tested")
    wrong = ~classes.isin(IKZF1_CLASSES).to_numpy()
    if wrong.any():
        raise InputError(
            f"column {column!r} holds words that are no IKZF1 class",
            where=np.flatnonzero(wrong) + 1,
            next_step=f"Use {', '.join(IKZF1_CLASSES)}.",
        )
    open_ = classes.isin(("ambiguous", "failed", "not_tested"))
    return np.select([open_, classes.isin(("none", "gain"))], [MAYBE, NO], default=YES).astype(np.int8)


def ikzf1_plus(
    frame: pd.DataFrame,
    *,
    cdkn2b: str = "homozygous",
    erg_unknown: str = "unclassifiable",
    exclude_bcr_abl1: bool = False,
) -> pd.Series:
    """IKZF1plus: an IKZF1 deletion with CDKN2A, CDKN2B, PAX5 or PAR1 deleted, and ERG not deleted.

    Definition: Stanulla et al. 2018, doi:10.1200/JCO.2017.74.3617. Calls that are ambiguous, failed or not tested are
    completed in every way; a patient whose level depends on them is "unclassifiable".

    Assumptions. That CDKN2B counts only when both copies are lost was recalled and not verified: `cdkn2b="any"`
    counts every deletion. The DOI was recalled too.

    Parameters
    ----------
    frame
        Columns ikzf1_class, cdkn2a, cdkn2b, pax5, par1, erg (and cytogenetic_subtype to exclude BCR::ABL1).
    cdkn2b
        "homozygous" or "any".
    erg_unknown
        "unclassifiable" takes an unknown ERG at its word, "absent" presumes no ERG deletion, as most reports do.
    exclude_bcr_abl1
        Leave BCR::ABL1 out (missing), as some reports do; a missing subtype is "unclassifiable" then.

    Returns
    -------
    Series
        Categorical: no deletion detected, IKZF1 deletion, IKZF1plus, unclassifiable; named "ikzf1_plus".

    Raises
    ------
    ColumnError, InputError
        A missing column, an unknown option, a word that is no call (row positions).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> one = dict.fromkeys(["cdkn2b", "pax5", "par1", "erg"], "normal") | {"ikzf1_class": "ik6", "cdkn2a": "deleted"}
    >>> iko.ikzf1_plus(pd.DataFrame([one])).tolist()
    ['IKZF1plus']
    """
    if cdkn2b not in ("homozygous", "any") or erg_unknown not in ("unclassifiable", "absent"):
        raise InputError("cdkn2b is 'homozygous' or 'any', erg_unknown is 'unclassifiable' or 'absent'")
    gene = ikzf1_status(frame)
    partners = [deletion(checked_calls(frame, locus)) for locus in ("cdkn2a", "pax5", "par1")]
    partners.append(deletion(checked_calls(frame, "cdkn2b"), homozygous_only=cdkn2b == "homozygous"))
    partner = np.maximum.reduce(partners)
    erg = deletion(checked_calls(frame, "erg"))
    if erg_unknown == "absent":
        erg = np.where(erg == MAYBE, NO, erg)
    # both conditions are monotone: the worst and the best completion say what all completions say
    plus = np.minimum(partner, YES - erg)
    level = np.select([gene == NO, gene == MAYBE, plus == YES, plus == NO], [0, 3, 2, 1], default=3)
    if exclude_bcr_abl1:
        if "cytogenetic_subtype" not in frame.columns:
            raise ColumnError("no column is called 'cytogenetic_subtype'", next_step="It tells who has BCR::ABL1.")
        subtype = frame["cytogenetic_subtype"].astype(object)
        level = np.where(subtype.isna(), 3, np.where(subtype == "BCR::ABL1", -1, level))
    codes = pd.Categorical.from_codes(level, categories=list(PLUS_LEVELS))
    return pd.Series(codes, index=frame.index, name="ikzf1_plus")


def cna_class(deleted: frozenset[str], tiers: int, split: str) -> str:
    """The UKALL-CNA class of a set of deleted loci."""
    if len(deleted) == 0 or (len(deleted) == 1 and deleted <= {"ETV6", "PAX5", "BTG1"}):
        return "good"
    if "ETV6" in deleted and len(deleted) == 2 and deleted <= {"ETV6", "BTG1", "PAX5", "CDKN2A/B"}:
        return "good"
    if tiers == 2:
        return "poor"
    if split == "any":
        return "poor" if deleted & ANY_POOR else "intermediate"
    alone = len(deleted) == 1 and bool(deleted & ANY_POOR)
    return "poor" if alone or deleted == {"IKZF1", "PAX5", "CDKN2A/B"} else "intermediate"


@cache
def cna_lookup(tiers: int, split: str) -> NDArray[np.int8]:
    """Class (position in `CNA_LEVELS`) for every state of the eight loci, each no, maybe or yes; base-3 code."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    sets = [frozenset(locus for locus, bit in zip(CNA_LOCI, row, strict=True) if bit) for row in bits]
    known = np.array([CNA_LEVELS.index(cna_class(s, tiers, split)) for s in sets], dtype=np.int8)
    states = (np.arange(3**8)[:, None] // 3 ** np.arange(8)) % 3
    lowest, highest = np.full(len(states), 9, dtype=np.int8), np.full(len(states), -1, dtype=np.int8)
    for row, level in zip(bits, known, strict=True):
        fits = ((states == MAYBE) | (states == YES * row)).all(axis=1)
        lowest[fits] = np.minimum(lowest[fits], level)
        highest[fits] = np.maximum(highest[fits], level)
    return np.where(lowest == highest, lowest, CNA_LEVELS.index("inconclusive")).astype(np.int8)


def uk_all_cna(frame: pd.DataFrame, *, tiers: int = 2, split: str = "any") -> pd.Series:
    """The UKALL-CNA classifier of eight loci, in two tiers or in three.

    Good: all eight normal; ETV6, PAX5 or BTG1 alone; ETV6 with exactly one of BTG1, PAX5, CDKN2A/B (either gene is
    one locus). Two tiers: everything else is poor (Moorman et al. 2014, Blood 124:1434). Unknown loci are completed
    in every way: a class stands only when all completions agree, else "inconclusive"; all eight unknown is missing.

    Assumptions. The split of three tiers (Hamadeh et al. 2019, Blood Adv 3:148) was recalled and not verified.
    `split="any"`: poor is any deletion of IKZF1, PAR1, EBF1 or RB1; `split="isolated"`: poor is one of these alone,
    or IKZF1 + PAX5 + CDKN2A/B. The rest is intermediate.

    Parameters
    ----------
    frame
        Columns ikzf1_class, cdkn2a, cdkn2b, par1, btg1, ebf1, pax5, etv6, rb1.
    tiers
        2 or 3.
    split
        How three tiers divide what is not good.

    Returns
    -------
    Series
        Categorical: good, intermediate, poor, inconclusive; named "uk_all_cna".

    Raises
    ------
    ColumnError, InputError
        A missing column, an unknown option, a word that is no call (row positions).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> loci = ["cdkn2a", "cdkn2b", "par1", "btg1", "ebf1", "pax5", "etv6", "rb1"]
    >>> patients = pd.DataFrame([dict.fromkeys(loci, "normal") | {"ikzf1_class": c} for c in ("none", "ik6", "failed")])
    >>> iko.uk_all_cna(patients).tolist()
    ['good', 'poor', 'inconclusive']
    """
    if tiers not in (2, 3) or split not in SPLITS:
        raise InputError("tiers is 2 or 3, split is 'any' or 'isolated'")
    cdkn2 = np.maximum(*(deletion(checked_calls(frame, gene)) for gene in ("cdkn2a", "cdkn2b")))
    state = {"IKZF1": ikzf1_status(frame), "CDKN2A/B": cdkn2}
    state |= {locus: deletion(checked_calls(frame, locus.lower())) for locus in CNA_LOCI if locus not in state}
    table = np.column_stack([state[locus] for locus in CNA_LOCI]).astype(np.int64)
    level = cna_lookup(tiers, split)[table @ 3 ** np.arange(8)]
    level = np.where((table == MAYBE).all(axis=1), -1, level)
    return pd.Series(pd.Categorical.from_codes(level, categories=list(CNA_LEVELS)), index=frame.index, name="uk_all_cna")
