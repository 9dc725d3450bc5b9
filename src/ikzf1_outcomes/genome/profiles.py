"""Composite profiles of copy-number calls: IKZF1plus, IKZF1 with PAR1, and the UKALL-CNA classifier."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.calls import (
    CYTOGENETIC_SUBTYPES,
    IKZF1_CLASSES,
    MAYBE,
    NO,
    YES,
    checked_calls,
    deletion,
    refuse_twins,
)

PLUS_LEVELS = ("no deletion detected", "IKZF1 deletion", "IKZF1plus", "unclassifiable")
CNA_LOCI = ("IKZF1", "CDKN2A/B", "PAR1", "BTG1", "EBF1", "PAX5", "ETV6", "RB1")
CNA_LEVELS = ("good", "intermediate", "poor", "inconclusive")
SPLITS = ("any", "isolated")
ANY_POOR = frozenset({"IKZF1", "PAR1", "EBF1", "RB1"})
PAR1_LEVELS = ("neither", "IKZF1 only", "PAR1 only", "IKZF1 + PAR1", "unclassifiable")
PLUS_VARIANTS: dict[str, dict[str, object]] = {
    "cdkn2b='any'": {"cdkn2b": "any"},
    "erg_unknown='absent'": {"erg_unknown": "absent"},
    "exclude_bcr_abl1=True": {"exclude_bcr_abl1": True},
}
"""One switch of `ikzf1_plus` at a time, away from its default."""
PROFILE_VERSIONS = {
    "classify_ikzf1": "version 1; classes of Boer et al., Leukemia 2016;30:32; compound deletions count as other, and a "
    "deletion in less than 80 % of the leukaemic cells as subclonal: choices of this package.",
    "ikzf1_plus": "version 1; Stanulla et al., J Clin Oncol 2018;36:1240; CDKN2B counts only when both copies are lost "
    "(recalled, not verified), an unknown ERG is not taken as absent, BCR::ABL1 is kept.",
    "ikzf1_par1": "version 1; Olsson et al., Br J Haematol 2015;170:847; no assumption.",
    "uk_all_cna": "version 1; Moorman et al., Blood 2014;124:1434 (two tiers) and Hamadeh et al., Blood Adv 2019;3:148 "
    "(three tiers; their split was recalled, not verified).",
    "cytogenetic_hierarchy": "version 1; order of subtypes recalled, not verified; hypodiploid below 40 chromosomes "
    "(Safavi and Paulsson, Blood 2017;129:420), high hyperdiploid 51 to 67 (recalled), masked hypodiploidy to be excluded.",
    "uk_all_genetics": "version 1; Moorman et al., Blood 2014;124:1434, and Hamadeh et al., Blood Adv 2019;3:148; the "
    "list of high-risk cytogenetics and the make-up of the four groups of 2019 were recalled, not verified.",
}
"""For reports: version, source and assumptions of each profile with its default options, by the function's name."""


def ikzf1_status(frame: pd.DataFrame, column: str = "ikzf1_class") -> NDArray[np.int8]:
    """Whether IKZF1 is deleted, from the class: `NO`, `MAYBE` or `YES`; a gain is no deletion, missing is unknown."""
    if column not in frame.columns:
        raise ColumnError(f"no column is called {column!r}", next_step="classify_ikzf1 makes it from exon calls.")
    refuse_twins(frame, column)
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
        refuse_twins(frame, "cytogenetic_subtype")
        subtype = frame["cytogenetic_subtype"].astype(object)
        odd = subtype.notna().to_numpy() & ~subtype.isin(CYTOGENETIC_SUBTYPES).to_numpy()
        if odd.any():
            raise InputError(
                "column 'cytogenetic_subtype' holds words that are no subtype",
                where=np.flatnonzero(odd) + 1,
                next_step="BCR::ABL1 must be found: use the levels of the dictionary.",
            )
        level = np.where(subtype.isna(), 3, np.where(subtype == "BCR::ABL1", -1, level))
    codes = pd.Categorical.from_codes(level, categories=list(PLUS_LEVELS))
    return pd.Series(codes, index=frame.index, name="ikzf1_plus")


def ikzf1_plus_variants(frame: pd.DataFrame) -> pd.DataFrame:
    """How many patients change level when one switch of `ikzf1_plus` leaves its default.

    The defaults rest on assumptions; this table says what hangs on each. A patient is counted once for each variant, on
    the row of the level by default and the level under the variant; rows where both are one are those who stay.

    Parameters
    ----------
    frame
        As in `ikzf1_plus`. Without a column cytogenetic_subtype the variant that leaves BCR::ABL1 out has one row
        without a number, and a note.

    Returns
    -------
    DataFrame
        variant (the switch, as of `PLUS_VARIANTS`), from, to (levels; "left out" for BCR::ABL1 under that variant), n
        (patients; nullable) and note. Pairs of levels that nobody has are not listed; the n of a variant add up to the
        number of patients.

    Raises
    ------
    ColumnError, InputError
        As in `ikzf1_plus`.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> one = dict.fromkeys(["cdkn2a", "pax5", "par1", "erg"], "normal") | {"ikzf1_class": "ik6", "cdkn2b": "deleted"}
    >>> table = iko.ikzf1_plus_variants(pd.DataFrame([one, one | {"cdkn2b": "normal"}]))
    >>> table.loc[table["variant"] == "cdkn2b='any'", ["from", "to", "n"]].values.tolist()
    [['IKZF1 deletion', 'IKZF1 deletion', 1], ['IKZF1 deletion', 'IKZF1plus', 1]]
    """
    levels = [*PLUS_LEVELS, "left out"]
    default = ikzf1_plus(frame).cat.codes.to_numpy()
    pieces = []
    for variant, options in PLUS_VARIANTS.items():
        if "exclude_bcr_abl1" in options and "cytogenetic_subtype" not in frame.columns:
            absent = {"from": [""], "to": [""], "n": [pd.NA], "note": ["not computed: no column cytogenetic_subtype"]}
            pieces.append(pd.DataFrame({"variant": [variant], **absent}))
            continue
        changed = ikzf1_plus(frame, **options).cat.codes.to_numpy()  # type: ignore[arg-type]
        changed = np.where(changed < 0, levels.index("left out"), changed)
        pair, n = np.unique(default * len(levels) + changed, return_counts=True)
        names = [[levels[code] for code in codes] for codes in (pair // len(levels), pair % len(levels))]
        pieces.append(pd.DataFrame({"variant": variant, "from": names[0], "to": names[1], "n": n, "note": ""}))
    return pd.concat([piece.astype({"n": "Int64"}) for piece in pieces], ignore_index=True)


def ikzf1_par1(frame: pd.DataFrame) -> pd.Series:
    """Deletions of IKZF1 and PAR1 as one variable of four levels.

    Calls that are ambiguous, failed or not tested are completed in every way; since each of the two genes always
    decides, a patient with either unknown is "unclassifiable". A gain is no deletion. A PAR1 deletion stands for
    P2RY8::CRLF2, not for other CRLF2 rearrangements. Source: Olsson et al. 2015, doi:10.1111/bjh.13514, who
    report the two deletions together as a group of very high risk of relapse among B-other.

    Parameters
    ----------
    frame
        Columns ikzf1_class and par1.

    Returns
    -------
    Series
        Categorical: neither, IKZF1 only, PAR1 only, IKZF1 + PAR1, unclassifiable; named "ikzf1_par1".

    Raises
    ------
    ColumnError, InputError
        A missing column, a word that is no class or no call (row positions).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> calls = pd.DataFrame({"ikzf1_class": ["ik6", "none", "ik6"], "par1": ["deleted", "deleted", "failed"]})
    >>> iko.ikzf1_par1(calls).tolist()
    ['IKZF1 + PAR1', 'PAR1 only', 'unclassifiable']
    """
    gene, partner = ikzf1_status(frame), deletion(checked_calls(frame, "par1"))
    open_ = (gene == MAYBE) | (partner == MAYBE)
    level = np.where(open_, PAR1_LEVELS.index("unclassifiable"), (gene == YES) + 2 * (partner == YES))
    codes = pd.Categorical.from_codes(level, categories=list(PAR1_LEVELS))
    return pd.Series(codes, index=frame.index, name="ikzf1_par1")


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
