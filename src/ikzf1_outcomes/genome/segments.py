"""Calls of IKZF1 exons, of genes and of the arms of chromosome 7 from copy-number segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.calls import COPY_NUMBERS
from ikzf1_outcomes.genome.copy_number import call_copies
from ikzf1_outcomes.genome.loci import (
    AMBIGUOUS,
    ARMS,
    DELETED,
    GAIN,
    GENES,
    HOMOZYGOUS,
    IKZF1_EXONS,
    NO_COORDINATES,
    NORMAL,
    SEVERITY,
    Called,
    Floats,
    Integers,
    Reading,
    checked_build,
    chromosomes_of,
    read_loci,
)
from ikzf1_outcomes.genome.segment_files import Segments, checked_segments, refuse

THRESHOLDS = {"homozygous": -1.1, "deleted": -0.3, "normal": 0.2, "gain": 0.3}
"""Cut-offs on the log2 ratio where no purity is known: conventional, an assumption."""
VALUES = ("log2", "copy_number")
NO_PURITY = "no purity"
_RANK_OF_CALL = np.array([SEVERITY.index(word) if word in SEVERITY else AMBIGUOUS for word in COPY_NUMBERS])
_WORDS = np.array([*SEVERITY, "not_tested"], dtype=object)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class SegmentCalls:
    """Calls made from segments, and what they rest on.

    Attributes
    ----------
    exons
        One row a sample, columns "1" to "8", words of `COPY_NUMBERS`: what `classify_ikzf1` takes.
    loci
        One row a sample, columns cdkn2a, cdkn2b, pax5, etv6, rb1, btg1, ebf1, par1, erg, 7p, 7q, the same words.
    evidence
        One row a sample and locus: see `tidy`.
    set_aside
        reason, n: segments that were not used.
    build
        The genome build that was stated.
    n_segments
        Segments given, those set aside included.
    """

    exons: pd.DataFrame
    loci: pd.DataFrame
    evidence: pd.DataFrame
    set_aside: pd.DataFrame
    build: str
    n_segments: int

    def __repr__(self) -> str:
        aside = int(self.set_aside["n"].sum())
        return f"SegmentCalls({self.build}: {len(self.exons)} samples, {self.n_segments} segments, {aside} set aside)"

    def tidy(self) -> pd.DataFrame:
        """One row a sample and locus: sample, locus, quotient, probes, overlap, lost, call, confidence, note.

        quotient: mean dose relative to the diploid baseline, weighted by bases; probes: of the segments over the locus,
        in and beside it; overlap: share of the locus that is covered; lost: share of the covered bases whose
        segment reads deleted or homozygous; confidence: probability of the likeliest copy number in the segment that
        decided (missing without a purity).
        """
        return self.evidence.copy()

    def glance(self) -> pd.DataFrame:
        """One row: build, n_samples, n_segments, n_set_aside, note."""
        missing = " ".join(sorted(set(self.evidence.loc[self.evidence["note"] == NO_COORDINATES, "locus"])))
        return pd.DataFrame(
            {
                "build": [self.build],
                "n_samples": [len(self.exons)],
                "n_segments": [self.n_segments],
                "n_set_aside": [int(self.set_aside["n"].sum())],
                "note": [f"no coordinates in {self.build}: {missing}" if missing else ""],
            }
        )

    def _repr_html_(self) -> str:
        return self.glance().to_html(index=False)


def call_segments(
    segments: pd.DataFrame,
    *,
    build: str,
    purity: float | pd.Series | None = None,
    value: str = "log2",
    thresholds: Mapping[str, float] | None = None,
    confidence: float = 0.95,
    noise: float = 0.2,
    min_error: float = 0.03,
    min_probes: int | None = 3,
    min_overlap: float = 0.5,
    arm_share: float = 0.9,
) -> SegmentCalls:
    r"""Calls of the IKZF1 exons, of nine loci and of the arms of chromosome 7 from copy-number segments.

    Each segment is called by itself. With a purity p, by the probability of 0, 1, 2 and 3 copies given its quotient q:

    .. math:: q \sim N(1 - p (1 - c/2),\; s^2), \qquad s = \max(\text{noise} / \sqrt{\text{probes}},\; \text{min\_error})

    the likeliest copy number is the call, "ambiguous" below `confidence`, and more than 3 s from every copy number
    (subclonal, or a wrong purity). Where few cells are leukaemic a segment is
    therefore ambiguous and not normal. Without a purity, by thresholds on the log2 ratio: homozygous at or
    below -1.1, deleted at or below -0.3, gain at or above 0.3, normal within 0.2 of zero, ambiguous between.

    An exon or a gene then takes the most severe call of the segments over it: homozygous, deleted, ambiguous, gain,
    normal. Where the kept segments cover less than `min_overlap` of its bases it is "not_tested". PAR1 (the stretch
    from CSF2RA to IL3RA that the P2RY8::CRLF2 deletion removes) is read on X, or on Y where X isn't covered; a segment
    that lies mostly outside PAR1 says what the sex chromosome does, not PAR1: unless normal it is ambiguous.
    An arm of chromosome 7 takes the call that holds at least `arm_share` of its covered bases, "ambiguous" when none
    does ("deleted" counts homozygous stretches in): 7p and 7q deleted is a monosomy 7, a focal loss leaves both normal.

    Parameters
    ----------
    segments
        One row a segment: what `read_segments` gives, or a frame with one of the headers it knows. Positions are 1-based,
        both ends included; a segment may begin on the base on which its neighbour ends.
    build
        "hg18", "hg19" or "hg38". No default: a wrong one misplaces every call, and not every wrong one can be noticed. For
        hg18 there are coordinates of the IKZF1 exons and the arms alone: the other loci are "not_tested".
    purity
        Share of leukaemic cells, 0 to 1: one number, or a Series by sample (a missing one makes all that depends on it
        ambiguous).
    value
        "log2": ratio to the diploid baseline, quotient 2**value. "copy_number": absolute copies, quotient value / 2.
        Either is relative to a diploid genome: in hyperdiploid samples the baseline may be shifted.
    thresholds
        Cut-offs on the log2 ratio used without `purity`: any of homozygous, deleted, normal, gain. Assumption: the
        defaults are conventional, come from no guideline and presume a high purity.
    confidence
        Probability that a call needs when a purity is given, above 0.5.
    noise, min_error
        Standard deviation of one probe's quotient, and the least standard error of a segment's (what does not
        average out). Assumptions: set them from your platform. A segment without a count of probes has the error of one.
    min_probes
        Segments of fewer probes are set aside; None keeps all, and is needed where counts of probes are missing.
    min_overlap
        Least share of an exon, gene or arm that must be covered, above 0.
    arm_share
        Least share of the covered part of an arm in one state, above 0.5.

    Returns
    -------
    SegmentCalls
        Samples sorted; the order of the rows does not matter.

    Raises
    ------
    ColumnError
        A column that is missing or could be two.
    InputError
        An unknown build or option; a segment that ends beyond its chromosome in that build (the builds that
        would fit are told); ends before it starts; overlaps another of its sample; positions or values that are
        missing or not finite; missing counts of probes; a purity missing for a sample or outside 0 to 1 (row positions).

    Notes
    -----
    Coordinates: IKZF1 exons of NM_006060.6; genes of Ensembl. The error model is that of `copy_number_probabilities`.
    Breakpoints are known to the nearest probe only: an exon in the gap between two segments is not tested. With a purity,
    every leukaemic cell is taken to have the same copies: a subclonal loss lies between two of them, and where the error is
    too large to tell it from both it is called as the nearer one, which may be normal.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> rows = [["A", "7", 43_000, 50_400_000, 9000, 0.0], ["A", "7", 50_420_000, 50_465_000, 40, -0.9],
    ...         ["A", "7", 50_466_000, 159_000_000, 9000, 0.0]]
    >>> segments = pd.DataFrame(rows, columns=["sample", "chromosome", "start", "end", "probes", "value"])
    >>> calls = iko.call_segments(segments, build="hg19")
    >>> calls.exons.loc["A"].tolist()
    ['normal', 'normal', 'normal', 'deleted', 'deleted', 'deleted', 'deleted', 'normal']
    >>> calls.loci.loc["A", ["7p", "pax5"]].tolist()
    ['normal', 'not_tested']
    >>> [iko.call_segments(segments, build="hg19", purity=p).exons.loc["A", "1"] for p in (0.9, 0.05)]
    ['normal', 'ambiguous']
    """
    checked_build(build)
    bounds = {
        "confidence": (confidence, 0.5, 1.0),
        "noise": (noise, 0.0, np.inf),
        "min_error": (min_error, 0.0, np.inf),
        "min_overlap": (min_overlap, 0.0, 1.0),
        "arm_share": (arm_share, 0.5, 1.0),
    }
    cuts = checked_options(value, thresholds, purity, bounds, min_probes)
    given = checked_segments(segments, build=build, absolute=value == "copy_number", probes_needed=min_probes is not None)
    known = given.chromosome >= 0
    enough = np.ones(len(known), dtype=bool) if min_probes is None else given.probes >= min_probes
    rows = np.flatnonzero(known & enough & np.isin(given.chromosome, chromosomes_of(build)))
    called = call_each(given, rows, value, cuts)
    n = len(given.samples)
    if purity is not None:
        shares = purity_of_samples(purity, given.samples)
        called = with_purity(called, shares, confidence, noise, min_error)
    readings = read_loci(called, n, build, min_overlap, arm_share)
    if purity is not None:
        for reading in readings.values():
            reading.note[np.isnan(shares) & (reading.rank == AMBIGUOUS)] = NO_PURITY
    index = pd.Index(given.samples, name="sample")
    counts = [("not on chromosomes 1-22, X or Y", ~known), (f"fewer than {min_probes} probes", known & ~enough)]
    aside = [(reason, int(which.sum())) for reason, which in counts if which.any()]
    return SegmentCalls(
        exons=words({exon: readings[f"ikzf1_exon_{exon}"] for exon in IKZF1_EXONS[build]}, index),
        loci=words({locus: readings[locus] for locus in (*GENES, *ARMS)}, index),
        evidence=evidence_of(readings, given.samples),
        set_aside=pd.DataFrame({"reason": [reason for reason, _ in aside], "n": [count for _, count in aside]}),
        build=build,
        n_segments=len(known),
    )


def checked_options(
    value: str,
    thresholds: Mapping[str, float] | None,
    purity: float | pd.Series | None,
    numbers: Mapping[str, tuple[float, float, float]],
    min_probes: int | None,
) -> dict[str, float]:
    """The thresholds in use, when every option is one that can be used.

    Parameters
    ----------
    numbers
        Name of an option to its value, the bound that it must exceed and the largest allowed.

    Raises
    ------
    InputError
        An unknown word, a number out of its range, thresholds out of order or beside a purity.
    """
    if value not in VALUES:
        raise InputError("value is 'log2' or 'copy_number'", next_step="Say what the last column of the file holds.")
    for name, (number, above, most) in numbers.items():
        if not above < number <= most:
            raise InputError(f"{name} must be above {above:g}" + (f" and at most {most:g}" if np.isfinite(most) else ""))
    if min_probes is not None and min_probes < 1:
        raise InputError("min_probes is 1 or more, or None to keep every segment")
    if thresholds is not None and purity is not None:
        raise InputError("thresholds and purity exclude each other", next_step="With a purity, set confidence and noise.")
    unknown = [name for name in thresholds or {} if name not in THRESHOLDS]
    if unknown:
        raise InputError(f"there is no threshold {unknown[0]!r}", next_step=f"Use {', '.join(THRESHOLDS)}.")
    cuts = {**THRESHOLDS, **(thresholds or {})}
    if not cuts["homozygous"] < cuts["deleted"] < -cuts["normal"] <= 0 <= cuts["normal"] < cuts["gain"]:
        raise InputError("thresholds must rise: homozygous < deleted < -normal <= 0 <= normal < gain")
    return cuts


def purity_of_samples(purity: float | pd.Series, samples: pd.Index) -> Floats:
    """The purity of each sample.

    Raises
    ------
    InputError
        A sample without an entry, or with two; a share outside 0 to 1 (row positions in the series).
    """
    if not isinstance(purity, pd.Series):
        if not 0 <= purity <= 1:
            raise InputError("purity lies between 0 and 1")
        return np.full(len(samples), float(purity))
    shares = pd.to_numeric(purity.astype(object), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    refuse(np.isnan(shares) & purity.notna().to_numpy(), "purities are no numbers", "Give shares from 0 to 1.")
    refuse((shares < 0) | (shares > 1), "purity lies between 0 and 1", "Divide percentages by 100.")
    refuse(purity.index.duplicated(keep=False), "samples have two purities")
    places = purity.index.get_indexer(samples)
    if (places < 0).any():
        raise InputError(
            "samples have no entry in the series of purities",
            count=int((places < 0).sum()),
            next_step="Index it by the sample names of the segments; a purity that is not known is an entry of NaN.",
        )
    return shares[places]


def call_each(given: Segments, rows: Integers, value: str, cuts: Mapping[str, float]) -> Called:
    """The call of each segment by thresholds on its log2 ratio."""
    measured = given.value[rows]
    with np.errstate(divide="ignore"):
        ratio = measured if value == "log2" else np.log2(measured / 2)
    states = [
        ratio <= cuts["homozygous"],
        ratio <= cuts["deleted"],
        np.abs(ratio) <= cuts["normal"],
        ratio >= cuts["gain"],
    ]
    rank = np.select(states, [HOMOZYGOUS, DELETED, NORMAL, GAIN], default=AMBIGUOUS)
    quotient = np.exp2(measured) if value == "log2" else measured / 2
    return Called(
        given.sample[rows],
        given.chromosome[rows],
        given.start[rows],
        given.end[rows],
        given.probes[rows],
        quotient,
        rank,
        np.full(len(rows), np.nan),
    )


def with_purity(called: Called, shares: Floats, confidence: float, noise: float, min_error: float) -> Called:
    """The call of each segment by the probabilities of its copy numbers, `shares` being the purity of each sample."""
    # a segment without a count has the error of one probe
    error = np.maximum(noise / np.sqrt(np.fmax(called.probes, 1.0)), min_error)
    copies = call_copies(called.quotient, error, shares[called.sample], confidence)
    return called._replace(rank=_RANK_OF_CALL[copies.call], probability=np.where(copies.misfit, np.nan, copies.confidence))


def words(readings: Mapping[str, Reading], index: pd.Index) -> pd.DataFrame:
    """The calls of some loci as words, a column each."""
    return pd.DataFrame({name: _WORDS[reading.rank] for name, reading in readings.items()}, index=index)


def evidence_of(readings: Mapping[str, Reading], samples: pd.Index) -> pd.DataFrame:
    """One row a sample and locus, the loci of a sample together."""
    columns: dict[str, Any] = {
        field: np.column_stack([getattr(reading, field) for reading in readings.values()]).ravel()
        for field in Reading._fields
    }
    columns["sample"] = samples.repeat(len(readings))
    columns["locus"] = np.tile(np.array(list(readings), dtype=object), len(samples))
    columns["call"] = _WORDS[columns["rank"]]
    order = ["sample", "locus", "quotient", "probes", "overlap", "lost", "call", "confidence", "note"]
    return pd.DataFrame(columns)[order]
