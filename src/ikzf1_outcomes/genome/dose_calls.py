"""Calls from dosage quotients: published ranges as data."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.calls import COPY_NUMBERS

Floats = NDArray[np.float64]
PURITY_MODEL = "purity_model"


class DoseRange(NamedTuple):
    """Quotients from `low` to `high` that read as `call`; a bound belongs to the range when `closed` says so."""

    call: str
    low: float
    high: float
    closed: str = "neither"


DOSE_RANGES: Mapping[str, tuple[DoseRange, ...]] = MappingProxyType(
    {
        "mrc": (
            DoseRange("homozygous", -np.inf, 0.0, "right"),
            DoseRange("deleted", 0.40, 0.65),
            DoseRange("normal", 0.80, 1.20),
            DoseRange("gain", 1.30, 1.65),
            DoseRange("gain", 1.75, 2.15),
        ),
        "mrc_legacy_35_50": (
            DoseRange("homozygous", -np.inf, 0.0, "right"),
            DoseRange("deleted", 0.50, 0.65, "both"),
            DoseRange("normal", 0.80, 1.20),
            DoseRange("gain", 1.30, 1.65),
            DoseRange("gain", 1.75, 2.15),
        ),
        "all_0.75": (
            DoseRange("homozygous", -np.inf, 0.25, "neither"),
            DoseRange("deleted", 0.25, 0.75, "left"),
            DoseRange("normal", 0.75, 1.30, "both"),
            DoseRange("gain", 1.30, np.inf),
        ),
    }
)
"""Presets; what lies in no range is ambiguous.

`mrc`: germline ranges of the kit's maker (recalled). `mrc_legacy_35_50`: a peak lower by 35 to 50 % is a deletion (older
product descriptions); its other ranges are those of `mrc`, an assumption. `all_0.75`: the looser cuts of leukaemia papers
(recalled; papers differ in the cut for homozygous losses).
"""


def ranges_of(thresholds: str | tuple[DoseRange, ...]) -> tuple[DoseRange, ...]:
    """The ranges of a preset, or those given, checked.

    Raises
    ------
    InputError
        No such preset; a range that is empty, has no known call, or overlaps another.
    """
    if isinstance(thresholds, str):
        if thresholds not in DOSE_RANGES:
            raise InputError(
                f"no preset is called {thresholds!r}", next_step=f"Use {', '.join((*DOSE_RANGES, PURITY_MODEL))}."
            )
        return DOSE_RANGES[thresholds]
    try:
        ranges = tuple(DoseRange(*entry) for entry in thresholds)
        ordered = sorted(ranges, key=lambda entry: entry.low)
        apart = all(one.high <= two.low for one, two in pairwise(ordered))
        proper = all(entry.low < entry.high and entry.call in COPY_NUMBERS[:4] for entry in ranges)
    except TypeError:  # entries that are no ranges, bounds that are no numbers
        ranges, apart, proper = (), False, False
    closed = all(entry.closed in ("neither", "left", "right", "both") for entry in ranges)
    if not (ranges and apart and proper and closed):
        raise InputError(
            "the ranges of quotients are empty, overlap or bear an unknown call",
            next_step=f"Give (call, low, high) with calls {', '.join(COPY_NUMBERS[:4])} and ranges that do not overlap.",
        )
    return ranges


def calls_of_ranges(
    quotients: Floats, std_errors: Floats, ranges: tuple[DoseRange, ...]
) -> tuple[NDArray[np.int8], Floats]:
    """Calls (positions in `COPY_NUMBERS`) and the probability that the true quotient lies where the call says.

    The true quotient is taken as normal around the measured one; for "ambiguous" it is the probability of lying in no
    range. A missing quotient is "ambiguous" with a missing confidence.

    Examples
    --------
    >>> calls, sure = calls_of_ranges(np.array([0.5, 0.7]), np.array([0.05, 0.05]), DOSE_RANGES["mrc"])
    >>> [COPY_NUMBERS[call] for call in calls], sure.round(3).tolist()
    (['deleted', 'ambiguous'], [0.976, 0.819])
    """
    calls = np.full(quotients.shape, COPY_NUMBERS.index("ambiguous"), dtype=np.int8)
    mass = np.zeros((len(COPY_NUMBERS), *quotients.shape))
    with np.errstate(invalid="ignore"):
        for call, low, high, closed in ranges:
            above = quotients >= low if closed in ("left", "both") else quotients > low
            below = quotients <= high if closed in ("right", "both") else quotients < high
            code = COPY_NUMBERS.index(call)
            calls[above & below] = code
            mass[code] += ndtr((high - quotients) / std_errors) - ndtr((low - quotients) / std_errors)
    mass[COPY_NUMBERS.index("ambiguous")] = np.clip(1.0 - mass.sum(axis=0), 0.0, 1.0)
    return calls, np.take_along_axis(mass, calls[None].astype(np.intp), axis=0)[0]
