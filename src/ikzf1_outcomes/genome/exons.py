"""IKZF1 classes from the calls of its eight exons."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.calls import COPY_NUMBERS, LOSS_WORDS, NO, UNKNOWN, YES, checked_calls, deletion

EXONS = tuple(range(1, 9))
ZINC_FINGERS = {4: 1, 5: 2, 6: 1}
"""DNA-binding zinc fingers by exon; the mapping is computed from UniProt positions that were recalled, not verified."""
NUMBERINGS = {"1-8": 0, "0-7": 1}
"""What to add to an exon number of a scheme to reach the current one (the first exon is not coding)."""
EXTENTS = ("focal", "loss of 7p", "monosomy 7", "i(7q)", "not determined")
"""How far a loss of the whole gene reaches on chromosome 7."""


class Reading(NamedTuple):
    """What a set of exon calls means."""

    pattern: str
    ikzf1_class: str
    functional_group: str
    biallelic: bool
    compound: bool
    note: str


def runs(exons: Iterable[int]) -> list[tuple[int, int]]:
    """Runs of neighbouring exons.

    Examples
    --------
    >>> runs([4, 5, 7])
    [(4, 5), (7, 7)]
    """
    out: list[tuple[int, int]] = []
    for exon in sorted(exons):
        if out and exon == out[-1][1] + 1:
            out[-1] = (out[-1][0], exon)
        else:
            out.append((exon, exon))
    return out


def name(exons: Iterable[int]) -> str:
    """A set of deleted exons in the notation of the field.

    Examples
    --------
    >>> name([4, 5, 6, 7]), name([2, 3, 8])
    ('Δ4-7', 'Δ2-3+Δ8')
    """
    return "+".join(f"Δ{first}-{last}" if last > first else f"Δ{first}" for first, last in runs(exons))


def group_of_run(first: int, last: int) -> str:
    """Functional group of one contiguous deletion.

    Without exon 2 there is no start codon, without exon 8 no dimerisation: loss of function (all exons:
    haploinsufficiency). Exons 3 to 7 have lengths divisible by three, so that what lies within them stays in frame:
    Δ4-7 is the dominant-negative IK6, all others are predictions. A loss of exon 1 alone is not coding: its effect is
    not predicted.
    """
    if (first, last) == (1, 8):
        return "haploinsufficient"
    if first <= 2 <= last or last == 8:
        return "loss_of_function"
    if (first, last) == (4, 7):
        return "dominant_negative"
    return "predicted_in_frame" if first >= 3 else "not_predicted"


def lost_fingers(first: int, last: int) -> int:
    """DNA-binding zinc fingers that a contiguous deletion removes."""
    return sum(count for exon, count in ZINC_FINGERS.items() if first <= exon <= last)


def class_of(exons: frozenset[int]) -> str:
    """Class for models of a set of deleted exons."""
    return {frozenset(EXONS): "whole_gene", frozenset(range(4, 8)): "ik6", frozenset(range(4, 9)): "del_4_8"}.get(
        exons, "other" if exons else "none"
    )


@cache
def read_known(calls: tuple[str, ...]) -> Reading:
    """The meaning of eight calls none of which is unknown."""
    lost = frozenset(e for e, call in zip(EXONS, calls, strict=True) if call in LOSS_WORDS)
    both = frozenset(e for e, call in zip(EXONS, calls, strict=True) if call == "homozygous")
    gained = [e for e, call in zip(EXONS, calls, strict=True) if call == "gain"]
    if not lost:
        pattern = name(gained).replace("Δ", "gain ")
        return Reading(pattern or "none", "gain" if gained else "none", "none", False, False, "")
    notes = [f"{name(gained).replace('Δ', 'gain ')} beside the deletion"] if gained else []
    compound = bool(both) and both != lost
    alleles = [lost, both] if compound else [lost]
    pieces = [run for allele in alleles for run in runs(allele)]
    groups = {group_of_run(*run) for run in pieces}
    if len(runs(lost)) > 1:
        notes.append("deletions in two places: on one allele or on two")
        compound = True
    if groups == {"predicted_in_frame"}:
        notes.append(f"predicted: removes {max(lost_fingers(*run) for run in pieces)} of 4 DNA-binding zinc fingers")
    group = groups.pop() if len(groups) == 1 else "combined" if "dominant_negative" in groups else "loss_of_function"
    pattern = " / ".join(name(allele) for allele in alleles)
    return Reading(pattern, "other" if compound else class_of(lost), group, bool(both), compound, "; ".join(notes))


def read_calls(calls: tuple[str, ...]) -> Reading:
    """The meaning of eight calls; unknown ones are completed in every way, and a class stands only when all agree."""
    open_ = [place for place, call in enumerate(calls) if call in UNKNOWN]
    if not open_:
        return read_known(calls)
    for word in UNKNOWN:
        if all(call == word for call in calls):
            return Reading("", word, "", False, False, "")
    found = set()
    for choice in product(("normal", "deleted"), repeat=len(open_)):
        filled = list(calls)
        for place, call in zip(open_, choice, strict=True):
            filled[place] = call
        found.add(read_known(tuple(filled)))
    exons = ", ".join(str(EXONS[place]) for place in open_)
    note = f"exon {exons} unknown"
    kinds = {reading.ikzf1_class for reading in found}
    groups = {reading.functional_group for reading in found}
    sure = next(iter(found))
    if len(kinds) > 1:
        return Reading("", "ambiguous", "", False, False, f"{note}: the class depends on it")
    group = groups.pop() if len(groups) == 1 else ""
    pattern = sure.pattern if len({reading.pattern for reading in found}) == 1 else ""
    both = all(reading.biallelic for reading in found)
    return Reading(pattern, sure.ikzf1_class, group, both, all(reading.compound for reading in found), note)


def exon_columns(columns: Iterable[object], numbering: str) -> dict[int, object]:
    """The column of each exon in the current numbering.

    Raises
    ------
    InputError, ColumnError
        An unknown numbering; an exon number that the gene does not have; an exon without a column, or with two.
    """
    if numbering not in NUMBERINGS:
        raise InputError(f"no numbering is called {numbering!r}", next_step=f"Use {' or '.join(NUMBERINGS)}.")
    found: dict[int, object] = {}
    for column in columns:
        match = re.fullmatch(r"(?:ikzf1[ _-]?)?(?:e|ex|exon)?[ _-]?(\d+(?:\.\d+)?)", str(column).strip().lower())
        if not match:
            continue
        number = float(match.group(1)) + NUMBERINGS[numbering]
        if number not in EXONS:
            raise InputError(f"IKZF1 has no exon {match.group(1)} in the numbering {numbering}")
        if int(number) in found:
            raise InputError(f"exon {int(number)} has two columns", next_step="Combine its probes to one call first.")
        found[int(number)] = column
    missing = [str(exon) for exon in EXONS if exon not in found]
    if missing:
        raise ColumnError(
            f"no column for exon {', '.join(missing)} (numbered 1-8)",
            next_step="Give a column of 'not_tested' for an exon that the assay lacks.",
        )
    return found


def extent_of_loss(neighbours: pd.DataFrame | None, index: pd.Index) -> NDArray[np.object_]:
    """How far a loss of the whole gene reaches, from the calls of the two arms: words of `EXTENTS`.

    Raises
    ------
    ColumnError, InputError
        No column "7p" or "7q"; another index than the exons'; a word that is no call (row positions).
    """
    if neighbours is None:
        return np.full(len(index), "not determined", dtype=object)
    if not neighbours.index.equals(index):
        raise InputError("neighbours and exon calls have different indexes", next_step="Reindex one like the other.")
    long_arm = checked_calls(neighbours, "7q")
    short, long_ = deletion(checked_calls(neighbours, "7p")), deletion(long_arm)
    lost = short == YES
    choices = [short == NO, lost & (long_ == YES), lost & long_arm.eq("gain").to_numpy(), lost & (long_ == NO)]
    return np.select(choices, ["focal", "monosomy 7", "i(7q)", "loss of 7p"], "not determined").astype(object)


def below_clonal(
    fraction: pd.Series | None, subclonal_below: float, deleted: NDArray[np.bool_], index: pd.Index
) -> pd.Series:
    """Whether a deletion is in a subclone only: nullable, missing without a deletion or without its fraction.

    Raises
    ------
    InputError
        A limit outside 0 to 1; another index than the exons'; a fraction outside 0 to 1 (row positions).
    """
    if not 0 < subclonal_below <= 1:
        raise InputError("subclonal_below lies above 0 and not above 1")
    if fraction is None:
        return pd.Series(pd.NA, index=index, dtype="boolean")
    if not fraction.index.equals(index):
        raise InputError("fraction and exon calls have different indexes", next_step="Reindex one like the other.")
    share = pd.to_numeric(fraction.astype(object), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = fraction.notna().to_numpy() & ~((share >= 0) & (share <= 1))
    if wrong.any():
        raise InputError(
            "fraction holds cells that are no number from 0 to 1",
            where=np.flatnonzero(wrong) + 1,
            next_step="Give the share of leukaemic cells that carry the deletion.",
        )
    known = deleted & ~np.isnan(share)
    return pd.Series(share < subclonal_below, index=index, dtype="boolean").where(known)


def classify_ikzf1(
    exon_calls: pd.DataFrame,
    *,
    numbering: str = "1-8",
    neighbours: pd.DataFrame | None = None,
    fraction: pd.Series | None = None,
    subclonal_below: float = 0.8,
) -> pd.DataFrame:
    """IKZF1 pattern, class and functional group from the calls of the eight exons.

    Rules. The deleted exons make the pattern: Δ1-8 `whole_gene`, Δ4-7 `ik6`, Δ4-8 `del_4_8`, every other set `other`;
    no deleted exon `none` ("no deletion detected") or `gain`. A loss of exon 2 (start codon) or exon 8 (dimerisation)
    is loss of function, the whole gene haploinsufficiency, Δ4-7 dominant negative; what lies within exons 3 to 7
    otherwise is in frame, a prediction (exon lengths of NM_006060). Exons that have lost both copies make it
    biallelic; where they are not all of the deleted ones, two different deletions meet, as in "Δ1-8 / Δ4-7":
    compound, class `other`, group `combined` when one is dominant negative. Unknown exons (ambiguous, failed, not
    tested) are completed in every way: a class stands only when all completions agree, else it is `ambiguous`; exons
    that are all failed or all not tested give that word.

    Extent, for `whole_gene` alone: "focal" where 7p outside the gene is not lost; where it is lost, "monosomy 7" with
    7q lost, "i(7q)" with 7q gained, "loss of 7p" with 7q normal; else "not determined". It does not change the class.

    Assumption: a deletion in less than 0.8 of the leukaemic cells is subclonal. That bound is this package's choice,
    no published one; it is the parameter `subclonal_below`. The class of a subclonal deletion is that of a clonal one.

    Parameters
    ----------
    exon_calls
        One row a sample, a column for each exon ("4", "e4", "exon_4"), cells of `COPY_NUMBERS`; missing is
        "not_tested". Other columns are left alone.
    numbering
        "1-8", or "0-7" of older papers, in which IK6 is Δ3-6.
    neighbours
        On the same index, columns "7p" and "7q": calls (`COPY_NUMBERS`) of the arms outside IKZF1.
    fraction
        On the same index: the share (0 to 1) of the leukaemic cells, not of all cells, that carry the deletion.
    subclonal_below
        A deletion is subclonal when its fraction is below this share.

    Returns
    -------
    DataFrame
        On the index given: pattern, ikzf1_class, functional_group, biallelic (known to be), compound, note, extent (one
        of `EXTENTS`, empty unless whole_gene), subclonal (nullable boolean; missing where no exon is known to be
        deleted or the fraction is missing).

    Raises
    ------
    ColumnError, InputError
        An exon without a column or with two, an exon that does not exist, a word that is no call, a fraction outside 0
        to 1 (row positions); neighbours or fractions on another index, no column "7p" or "7q".

    Notes
    -----
    Classes: Boer et al. 2016, doi:10.1038/leu.2015.199. That compound deletions are `other` for models is this
    package's choice. A deletion in two places may lie on one allele or on two: exon calls cannot tell.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> calls = pd.DataFrame([["normal"] * 3 + ["deleted"] * 4 + ["normal"]], columns=[str(e) for e in range(1, 9)])
    >>> iko.classify_ikzf1(calls)[["pattern", "ikzf1_class", "functional_group"]].values.tolist()
    [['Δ4-7', 'ik6', 'dominant_negative']]
    >>> whole = pd.DataFrame([["deleted"] * 8], columns=calls.columns)
    >>> arms = pd.DataFrame({"7p": ["deleted"], "7q": ["gain"]})
    >>> iko.classify_ikzf1(whole, neighbours=arms, fraction=pd.Series([0.4]))[["extent", "subclonal"]].values.tolist()
    [['i(7q)', True]]
    """
    columns = exon_columns(exon_calls.columns, numbering)
    calls = pd.DataFrame({exon: checked_calls(exon_calls, columns[exon]) for exon in EXONS})  # type: ignore[arg-type]
    words = np.column_stack([pd.Categorical(calls[exon], categories=list(COPY_NUMBERS)).codes for exon in EXONS])
    # few different rows exist, however many samples there are
    _, first, codes = np.unique(words @ len(COPY_NUMBERS) ** np.arange(8), return_index=True, return_inverse=True)
    readings = [read_calls(tuple(row)) for row in calls.to_numpy()[first]]
    table = pd.DataFrame(readings, columns=list(Reading._fields)).iloc[codes]
    table = table.set_axis(exon_calls.index, axis=0)
    whole = (table["ikzf1_class"] == "whole_gene").to_numpy()
    deleted = calls.isin(LOSS_WORDS).any(axis=1).to_numpy()
    return table.assign(
        extent=np.where(whole, extent_of_loss(neighbours, exon_calls.index), ""),
        subclonal=below_clonal(fraction, subclonal_below, deleted, exon_calls.index),
    )
