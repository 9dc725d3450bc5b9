"""The cytogenetic subtype as the first lesion that matches, and what unknown lesions leave open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.calls import CYTOGENETIC_SUBTYPES, MAYBE, NO, YES

HYPODIPLOID, HYPERDIPLOID = "near-haploid or low hypodiploid", "high hyperdiploid"
LESION_OF = {
    "BCR::ABL1": "bcr_abl1",
    "TCF3::HLF": "tcf3_hlf",
    "KMT2A-r": "kmt2a",
    "iAMP21": "iamp21",
    "ETV6::RUNX1": "etv6_runx1",
    "TCF3::PBX1": "tcf3_pbx1",
    "B-other ABL-class": "abl_class",
    "B-other JAK/CRLF2": "crlf2",
    "B-other DUX4/ERG": "dux4",
    "B-other ZNF384": "znf384",
    "B-other MEF2D": "mef2d",
    "B-other PAX5alt/P80R": "pax5alt",
}
"""The flag that makes each subtype; the two subtypes of ploidy follow from `chromosomes` and `masked_hypodiploid`."""
B_OTHER = tuple(level for level in CYTOGENETIC_SUBTYPES if level.startswith("B-other"))
HIERARCHY = tuple(level for level in CYTOGENETIC_SUBTYPES if level not in ("B-other, other", "B-other"))
"""The default order: established subtypes, then kinds of B-other. Recalled, not verified."""
CHROMOSOMES = (23, 184)
"""From a haploid to an eightfold set: a number outside is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class HierarchyRule:
    """The switches of the hierarchy, checked; see `cytogenetic_hierarchy`."""

    hypodiploid_below: int
    hyperdiploid: tuple[int, int]
    masked_among: tuple[int, int]
    masked_unknown: str
    b_other: str
    order: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.masked_unknown not in ("inconclusive", "absent") or self.b_other not in ("divided", "whole"):
            raise InputError("masked_unknown is 'inconclusive' or 'absent', b_other is 'divided' or 'whole'")
        (low, high), (first, last) = self.hyperdiploid, self.masked_among
        if not self.hypodiploid_below <= min(low, first) or low > high or first > last:
            raise InputError(
                "the ranges of chromosome numbers overlap or run backwards",
                next_step="hypodiploid_below lies at or under the first number of hyperdiploid and of masked_among.",
            )
        established = len(HIERARCHY) - len(B_OTHER) + 2
        if sorted(self.order) != sorted(HIERARCHY) or set(self.order[established:]) - set(B_OTHER):
            raise InputError(
                f"order names each of the {len(HIERARCHY)} subtypes once, the kinds of B-other last",
                next_step="Reorder HIERARCHY of genome.cytogenetics.",
            )

    @property
    def read(self) -> tuple[str, ...]:
        """The subtypes that are looked for, in order."""
        return tuple(level for level in self.order if self.b_other == "divided" or level not in B_OTHER)


def flag_states(lesions: pd.DataFrame, column: str) -> NDArray[np.int8]:
    """A flag as `NO`, `MAYBE` (missing) or `YES`.

    Raises
    ------
    InputError
        A cell that is neither yes, no nor missing (row positions).
    """
    flag = lesions[column].astype(object)
    missing = flag.isna().to_numpy()
    wrong = ~(flag.isin([True, False]).to_numpy() | missing)
    if wrong.any():
        raise InputError(
            f"column {column!r} holds cells that are neither true, false nor missing",
            where=np.flatnonzero(wrong) + 1,
            next_step="Give a nullable boolean; what was not tested is missing.",
        )
    return np.select([missing, flag.isin([True]).to_numpy()], [MAYBE, YES], default=NO).astype(np.int8)


def chromosome_numbers(lesions: pd.DataFrame) -> NDArray[np.float64]:
    """The modal chromosome number, NaN where unknown.

    Raises
    ------
    InputError
        No whole number, or one outside `CHROMOSOMES` (row positions).
    """
    given = lesions["chromosomes"].astype(object)
    number = pd.to_numeric(given, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    low, high = CHROMOSOMES
    fits = (number >= low) & (number <= high) & (number == np.floor(number))
    wrong = ~fits & given.notna().to_numpy()
    if wrong.any():
        raise InputError(
            f"column 'chromosomes' holds cells that are no whole number from {low} to {high}",
            where=np.flatnonzero(wrong) + 1,
            next_step="Give the modal number of the leukaemic clone, one number a patient.",
        )
    return number


def ploidy_states(lesions: pd.DataFrame, rule: HierarchyRule) -> tuple[NDArray[np.int8], ...]:
    """States of hypodiploidy and of high hyperdiploidy, and whether one of the two is certain to be there."""
    number, masked = chromosome_numbers(lesions), flag_states(lesions, "masked_hypodiploid")
    if rule.masked_unknown == "absent":
        masked = np.where(masked == MAYBE, NO, masked)
    unknown = np.isnan(number)
    (low, high), (first, last) = rule.hyperdiploid, rule.masked_among
    in_range = (number >= low) & (number <= high)
    # only where a doubled clone would be does an open question about masking leave anything open
    may_hide = (masked == MAYBE) & (number >= first) & (number <= last)
    hypo = np.select(
        [(number < rule.hypodiploid_below) | (masked == YES), unknown | may_hide], [YES, MAYBE], default=NO
    ).astype(np.int8)
    hyper = np.select([hypo == YES, unknown | (in_range & may_hide), in_range], [NO, MAYBE, YES], default=NO)
    return hypo, hyper.astype(np.int8), in_range & may_hide


def subtype_states(lesions: pd.DataFrame, rule: HierarchyRule) -> NDArray[np.int8]:
    """State of each subtype that is looked for (columns in the rule's order), given that none before it matches.

    Raises
    ------
    ColumnError, InputError
        A missing column; a column given twice; cells that cannot be read (row positions).
    """
    needed = [*(LESION_OF[level] for level in rule.read if level in LESION_OF), "chromosomes", "masked_hypodiploid"]
    missing = [column for column in needed if column not in lesions.columns]
    if missing:
        raise ColumnError(
            f"no column is called {', '.join(repr(column) for column in missing)}",
            next_step="Give a column of missing values for a lesion that was not tested.",
        )
    twice = [column for column in needed if (lesions.columns == column).sum() > 1]
    if twice:
        raise InputError(f"column {', '.join(repr(column) for column in twice)} is there twice")
    hypo, hyper, one_of_two = ploidy_states(lesions, rule)
    state = {level: flag_states(lesions, LESION_OF[level]) for level in rule.read if level in LESION_OF}
    state |= {HYPODIPLOID: hypo, HYPERDIPLOID: hyper}
    # the two exclude each other: where one of them must be, the later one is certain once the earlier has not matched
    later = max((HYPODIPLOID, HYPERDIPLOID), key=rule.order.index)
    state[later] = np.where(one_of_two, YES, state[later]).astype(np.int8)
    return np.column_stack([state[level] for level in rule.read])


def reached(states: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Subtypes before which no other is certain, with one more column for "none of them"."""
    certain = np.logical_or.accumulate(states == YES, axis=1)
    return np.column_stack([np.ones(len(states), dtype=bool), ~certain])


def possible_of(states: NDArray[np.int8], rule: HierarchyRule, index: pd.Index) -> pd.DataFrame:
    """The subtypes that the states leave possible; columns are `CYTOGENETIC_SUBTYPES`."""
    rest = "B-other, other" if rule.b_other == "divided" else "B-other"
    open_ = reached(states) & np.column_stack([states >= MAYBE, np.ones(len(states), dtype=bool)])
    found = pd.DataFrame(open_, columns=[*rule.read, rest], index=index)
    return found.reindex(columns=list(CYTOGENETIC_SUBTYPES), fill_value=False)


def open_lesions(lesions: pd.DataFrame, states: NDArray[np.int8], rule: HierarchyRule) -> NDArray[np.object_]:
    """Names of the unknown lesions that keep more than one subtype possible, joined by commas."""
    asks = (states == MAYBE) & reached(states)[:, :-1]
    ploidy = asks[:, [rule.read.index(HYPODIPLOID), rule.read.index(HYPERDIPLOID)]].any(axis=1)
    columns = {LESION_OF[level]: asks[:, place] for place, level in enumerate(rule.read) if level in LESION_OF}
    columns["chromosomes"] = ploidy & lesions["chromosomes"].isna().to_numpy()
    unmasked = lesions["masked_hypodiploid"].isna().to_numpy() & (rule.masked_unknown == "inconclusive")
    columns["masked_hypodiploid"] = ploidy & unmasked
    names, table = list(columns), np.column_stack(list(columns.values()))
    codes, distinct = pd.factorize(table @ (1 << np.arange(len(names))))
    texts = [", ".join(name for bit, name in enumerate(names) if code >> bit & 1) for code in distinct]
    return np.array(texts, dtype=object)[codes] if texts else np.empty(0, dtype=object)


def possible_subtypes(
    lesions: pd.DataFrame,
    *,
    hypodiploid_below: int = 40,
    hyperdiploid: tuple[int, int] = (51, 67),
    masked_among: tuple[int, int] = (50, 78),
    masked_unknown: str = "inconclusive",
    b_other: str = "divided",
    order: tuple[str, ...] = HIERARCHY,
) -> pd.DataFrame:
    """Every cytogenetic subtype that a patient may have, given what is known of the lesions.

    A subtype is possible when some completion of the unknown lesions makes it the first that matches. What a single
    level loses is kept: a patient who has BCR::ABL1 or KMT2A-r is of high risk either way (`uk_all_genetics`).

    Parameters
    ----------
    lesions, hypodiploid_below, hyperdiploid, masked_among, masked_unknown, b_other, order
        As in `cytogenetic_hierarchy`.

    Returns
    -------
    DataFrame
        On the index given, a boolean column for each of `CYTOGENETIC_SUBTYPES`; at least one is true in a row. The
        column "B-other" is true only under `b_other="whole"`.

    Raises
    ------
    ColumnError, InputError
        As in `cytogenetic_hierarchy`.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> flags = [*LESION_OF.values(), "masked_hypodiploid"]
    >>> one = pd.DataFrame([dict.fromkeys(flags, False) | {"chromosomes": 55, "masked_hypodiploid": None}])
    >>> found = iko.possible_subtypes(one)
    >>> list(found.columns[found.loc[0]])
    ['near-haploid or low hypodiploid', 'high hyperdiploid']
    """
    rule = HierarchyRule(hypodiploid_below, hyperdiploid, masked_among, masked_unknown, b_other, tuple(order))
    return possible_of(subtype_states(lesions, rule), rule, lesions.index)


def cytogenetic_hierarchy(
    lesions: pd.DataFrame,
    *,
    hypodiploid_below: int = 40,
    hyperdiploid: tuple[int, int] = (51, 67),
    masked_among: tuple[int, int] = (50, 78),
    masked_unknown: str = "inconclusive",
    b_other: str = "divided",
    order: tuple[str, ...] = HIERARCHY,
) -> pd.DataFrame:
    """The cytogenetic subtype of B-cell precursor leukaemia: the first lesion of a hierarchy that matches.

    Rule. Subtypes exclude each other; with two lesions a patient bears the first in `order`. Hypodiploid is fewer than
    `hypodiploid_below` chromosomes or a masked (doubled) hypodiploid clone; high hyperdiploid is a number within
    `hyperdiploid` without such a clone. A patient without any of the lesions is "B-other, other".

    Unknown lesions are completed in every way, and a subtype stands only when all completions give it. When all give
    some kind of B-other, the subtype is "B-other"; otherwise it is missing, and `note` names the open lesions. An
    unknown lesion below the first that is there changes nothing. The possible subtypes are in `possible_subtypes`.

    A PAR1 deletion is not taken for a CRLF2 rearrangement, nor an ERG deletion call for DUX4: columns other than those
    named are never read. Whoever accepts an ERG deletion makes `dux4` true by it; its absence excludes nothing.

    Assumptions. The order was recalled and not verified, as were 51 to 67 chromosomes (65 elsewhere). Fewer than 40 is
    the bound of near-haploidy (24-30) and low hypodiploidy (31-39) in Safavi and Paulsson, Blood 2017;129:420; NCCN
    takes fewer than 44. Doubled clones have 50 to 78 chromosomes or more in Carroll et al., Cancer Genet 2019
    (recalled journal and year). Karyotypes with two numbers must be brought to one modal number first.

    Parameters
    ----------
    lesions
        One row a patient. Flags (true, false, missing for unknown): bcr_abl1, tcf3_hlf, kmt2a, iamp21, etv6_runx1,
        tcf3_pbx1, abl_class, crlf2 (or JAK), dux4, znf384, mef2d, pax5alt, masked_hypodiploid; and chromosomes, the
        modal number.
    hypodiploid_below
        Chromosomes.
    hyperdiploid
        First and last number of chromosomes, both within.
    masked_among
        Numbers, both within, behind which a doubled hypodiploid clone may hide: only there does an unknown
        masked_hypodiploid leave anything open.
    masked_unknown
        "inconclusive" takes an unknown masked_hypodiploid at its word, "absent" presumes none.
    b_other
        "divided" into its kinds, or "whole": every B-other is "B-other", and the flags of its kinds are not read.
    order
        `HIERARCHY` reordered; the kinds of B-other stay last, since they are what the others leave.

    Returns
    -------
    DataFrame
        On the index given: cytogenetic_subtype (categorical of `CYTOGENETIC_SUBTYPES`, missing when inconclusive) and
        note (names of the open lesions; empty when the subtype stands).

    Raises
    ------
    ColumnError, InputError
        A missing column, or one that is there twice; an unknown option; ranges that overlap; a cell that is no flag,
        or no whole number from 23 to 184 (row positions).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> none = dict.fromkeys([*LESION_OF.values(), "masked_hypodiploid"], False) | {"chromosomes": 46}
    >>> rows = [none | {"kmt2a": True, "dux4": None}, none | {"iamp21": None}, none | {"crlf2": None}]
    >>> iko.cytogenetic_hierarchy(pd.DataFrame(rows)).values.tolist()
    [['KMT2A-r', ''], [nan, 'open: iamp21'], ['B-other', 'open: crlf2']]
    """
    rule = HierarchyRule(hypodiploid_below, hyperdiploid, masked_among, masked_unknown, b_other, tuple(order))
    states = subtype_states(lesions, rule)
    possible = possible_of(states, rule, lesions.index).to_numpy()
    kinds = np.array([level in B_OTHER for level in CYTOGENETIC_SUBTYPES])
    single = possible.sum(axis=1) == 1
    within = ~possible[:, ~kinds].any(axis=1)
    level = np.select([single, within], [possible.argmax(axis=1), CYTOGENETIC_SUBTYPES.index("B-other")], default=-1)
    note = np.where(single, "", "open: " + open_lesions(lesions, states, rule))
    subtype = pd.Categorical.from_codes(level, categories=list(CYTOGENETIC_SUBTYPES))
    return pd.DataFrame({"cytogenetic_subtype": subtype, "note": note}, index=lesions.index)
