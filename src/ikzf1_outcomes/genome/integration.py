"""Cytogenetics and the UKALL-CNA classifier integrated into one genetic risk group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.calls import CYTOGENETIC_SUBTYPES
from ikzf1_outcomes.genome.cytogenetics import B_OTHER, HYPERDIPLOID, HYPODIPLOID
from ikzf1_outcomes.genome.profiles import CNA_LEVELS

HIGH_RISK = ("BCR::ABL1", "TCF3::HLF", "KMT2A-r", HYPODIPLOID, "iAMP21")
"""High-risk cytogenetics; the list was recalled, not verified."""
GOOD_RISK = ("ETV6::RUNX1", HYPERDIPLOID)
"""Good-risk cytogenetics: abstract of Moorman et al. 2014."""
GENETICS_LEVELS = {"2014": ("good", "poor"), "2019": ("very good", "good", "intermediate", "poor")}
"""Groups of each version, best first."""
INTEGRATED = {
    "2014": (("good", "good"), ("good", "poor"), ("poor", "poor")),
    "2019": (("very good", "good"), ("good", "intermediate"), ("poor", "poor")),
}
"""For good, intermediate and high-risk cytogenetics: the group with a good CNA profile, and with any other."""
COPY_NUMBER_OPEN = "inconclusive"


def groups_of_subtypes(high_risk: Sequence[str], good: Sequence[str]) -> dict[str, int]:
    """Good (0), intermediate (1) or high risk (2) for each subtype that a patient can have; "B-other" names all its kinds.

    Raises
    ------
    InputError
        A word that is no subtype, or one that is in both lists.
    """
    wide = [{*names} | ({*B_OTHER} if "B-other" in names else set()) for names in (high_risk, good)]
    if isinstance(high_risk, str) or isinstance(good, str) or (wide[0] | wide[1]) - {*CYTOGENETIC_SUBTYPES}:
        raise InputError(
            "high_risk and good are lists of cytogenetic subtypes", next_step=f"Use {', '.join(CYTOGENETIC_SUBTYPES)}."
        )
    if wide[0] & wide[1]:
        raise InputError(f"{', '.join(sorted(wide[0] & wide[1]))} is in high_risk and in good")
    return {level: 2 if level in wide[0] else 0 if level in wide[1] else 1 for level in CYTOGENETIC_SUBTYPES}


def possible_groups(cytogenetics: pd.Series | pd.DataFrame, group: dict[str, int]) -> NDArray[np.bool_]:
    """Which of good, intermediate and high risk a patient's cytogenetics may be (patients x 3)."""
    # a subtype stands for itself, "B-other" for every kind of it, and a missing one for all
    stands_for = {level: B_OTHER if level == "B-other" else (level,) for level in CYTOGENETIC_SUBTYPES}
    mask = np.array([[any(group[s] == g for s in stands_for[level]) for g in range(3)] for level in CYTOGENETIC_SUBTYPES])
    if isinstance(cytogenetics, pd.DataFrame):
        missing = [level for level in CYTOGENETIC_SUBTYPES if level not in cytogenetics.columns]
        if missing:
            raise ColumnError(
                "cytogenetics lacks columns of subtypes", count=len(missing), next_step="possible_subtypes gives them all."
            )
        cells = cytogenetics[list(CYTOGENETIC_SUBTYPES)]
        # a missing cell would count as true
        table = cells.to_numpy(dtype=bool, na_value=False) & cells.notna().to_numpy()
        fits = table.any(axis=1) & cells.notna().all(axis=1).to_numpy()
        if not fits.all():
            raise InputError(
                "cytogenetics has rows without a possible subtype, or with missing cells",
                where=np.flatnonzero(~fits) + 1,
                next_step="possible_subtypes fills every cell.",
            )
        return (table[:, :, None] & mask).any(axis=1)
    codes = pd.Categorical(cytogenetics, categories=list(CYTOGENETIC_SUBTYPES)).codes
    missing_cells = cytogenetics.isna().to_numpy()
    wrong = (codes < 0) & ~missing_cells
    if wrong.any():
        raise InputError(
            "cytogenetics holds words that are no cytogenetic subtype",
            where=np.flatnonzero(wrong) + 1,
            next_step=f"Use {', '.join(CYTOGENETIC_SUBTYPES)}; what is not known is missing.",
        )
    return np.where(missing_cells[:, None], mask.any(axis=0), mask[codes])


def possible_profiles(cna: pd.Series) -> NDArray[np.bool_]:
    """Whether a patient's CNA profile may be good, and whether it may be another (patients x 2)."""
    word = cna.astype(object).where(cna.notna(), COPY_NUMBER_OPEN)
    wrong = ~word.isin(CNA_LEVELS).to_numpy()
    if wrong.any():
        raise InputError(
            "cna holds words that are no UKALL-CNA class",
            where=np.flatnonzero(wrong) + 1,
            next_step=f"Use {', '.join(CNA_LEVELS)}; uk_all_cna gives them.",
        )
    open_ = word.eq(COPY_NUMBER_OPEN).to_numpy()
    good = word.eq("good").to_numpy()
    return np.column_stack([good | open_, ~good])


def uk_all_genetics(
    cna: pd.Series,
    cytogenetics: pd.Series | pd.DataFrame,
    *,
    version: str = "2014",
    high_risk: Sequence[str] = HIGH_RISK,
    good: Sequence[str] = GOOD_RISK,
) -> pd.Series:
    """Genetic risk group of the UKALL trials: cytogenetics first, then the copy-number profile.

    Version "2014" (Moorman et al. 2014, Blood 124:1434). Good: good-risk cytogenetics with any profile, or intermediate
    cytogenetics with a good profile. Poor: the rest.

    Version "2019" (Hamadeh et al. 2019, Blood Adv 3:148). Very good: good-risk cytogenetics and a good profile. Good:
    good-risk cytogenetics with another profile, or intermediate cytogenetics with a good one. Intermediate:
    intermediate cytogenetics with another profile. Poor: high-risk cytogenetics.

    Intermediate cytogenetics is every subtype in neither list. An unknown side is completed in every way: a group
    stands only when all completions agree, else it is "inconclusive". Good-risk cytogenetics is good in 2014 whatever
    the profile, high-risk cytogenetics poor in both versions; "B-other" may be any of its kinds.

    Assumptions. The list of high-risk cytogenetics, and which patients make the four groups of 2019, were recalled and
    not verified; that there are four was seen. Trials that leave BCR::ABL1 out have to leave it out beforehand.

    Parameters
    ----------
    cna
        Classes of `uk_all_cna`, best with `tiers=2`: only good against the rest counts. Three tiers are accepted,
        intermediate and poor both as "not good"; but where they disagree between themselves `tiers=3` says
        "inconclusive" of a profile that is surely not good.
    cytogenetics
        On the same index: subtypes (of `cytogenetic_hierarchy`, missing when unknown), or the frame of
        `possible_subtypes`, which settles patients whose open subtypes share a group.
    version
        "2014" or "2019".
    high_risk, good
        Subtypes of high-risk and of good-risk cytogenetics; "B-other" stands for all kinds of it.

    Returns
    -------
    Series
        Categorical, named "uk_all_genetics": the groups of `GENETICS_LEVELS` for the version, best first, then
        inconclusive. Never missing: a patient of whom nothing is known is inconclusive.

    Raises
    ------
    ColumnError, InputError
        An unknown version; a list with a word that is no subtype, or lists that overlap; different indexes; a word that
        is no class or no subtype (row positions); a frame without all subtypes, or a row without any (row positions).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> cna = pd.Series(["poor", "good", "poor", "inconclusive", "good"])
    >>> subtype = pd.Series(["ETV6::RUNX1", "B-other", "B-other", "KMT2A-r", None])
    >>> iko.uk_all_genetics(cna, subtype).tolist()
    ['good', 'good', 'poor', 'poor', 'inconclusive']
    >>> iko.uk_all_genetics(cna, subtype, version="2019").tolist()
    ['good', 'good', 'intermediate', 'poor', 'inconclusive']
    """
    if version not in GENETICS_LEVELS:
        raise InputError(f"no version is called {version!r}", next_step=f"Use {' or '.join(GENETICS_LEVELS)}.")
    if not cna.index.equals(cytogenetics.index):
        raise InputError("cna and cytogenetics have different indexes", next_step="Reindex one like the other.")
    group = possible_groups(cytogenetics, groups_of_subtypes(high_risk, good))
    profile = possible_profiles(cna)
    levels = GENETICS_LEVELS[version]
    both = group[:, :, None] & profile[:, None, :]
    gives = np.array([[[word == level for level in levels] for word in row] for row in INTEGRATED[version]])
    possible = (both[..., None] & gives).any(axis=(1, 2))
    code = np.where(possible.sum(axis=1) == 1, possible.argmax(axis=1), len(levels))
    found = pd.Categorical.from_codes(code, categories=[*levels, "inconclusive"])
    return pd.Series(found, index=cna.index, name="uk_all_genetics")
