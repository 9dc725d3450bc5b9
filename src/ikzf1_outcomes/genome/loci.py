"""Where the loci lie in three builds, and what the segments over each of them say.

All positions are 1-based and both ends belong to the interval. No position of one build is ever made from another by a
shift: between hg19 and hg38 IKZF1 itself moves by 39,596 bases before intron 3 and by 67,698 after it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ikzf1_outcomes.errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BUILDS = ("hg18", "hg19", "hg38")
CHROMOSOMES = (*(str(number) for number in range(1, 23)), "X", "Y")


SEVERITY = ("normal", "gain", "ambiguous", "deleted", "homozygous")
"""Calls from the mildest to the most severe: of several segments over a locus the most severe decides."""
NORMAL, GAIN, AMBIGUOUS, DELETED, HOMOZYGOUS = range(len(SEVERITY))
NOT_TESTED = len(SEVERITY)
NO_COORDINATES = "no coordinates in this build"
UNCOVERED = "no segment lies over it"
TOO_LITTLE = "covered less than min_overlap"
MIXED = "no state holds the arm"
BEYOND = "the segment lies mostly outside PAR1"
ON_Y = "read on chromosome Y"
DISAGREE = "chromosomes X and Y disagree"


class Interval(NamedTuple):
    """A stretch of a chromosome, 1-based, both ends included."""

    chromosome: str
    start: int
    end: int


_LENGTHS = {
    "hg18": (
        247249719, 242951149, 199501827, 191273063, 180857866, 170899992, 158821424, 146274826, 140273252, 135374737,
        134452384, 132349534, 114142980, 106368585, 100338915, 88827254, 78774742, 76117153, 63811651, 62435964,
        46944323, 49691432, 154913754, 57772954,
    ),
    "hg19": (
        249250621, 243199373, 198022430, 191154276, 180915260, 171115067, 159138663, 146364022, 141213431, 135534747,
        135006516, 133851895, 115169878, 107349540, 102531392, 90354753, 81195210, 78077248, 59128983, 63025520,
        48129895, 51304566, 155270560, 59373566,
    ),
    "hg38": (
        248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636, 138394717, 133797422,
        135086622, 133275309, 114364328, 107043718, 101991189, 90338345, 83257441, 80373285, 58617616, 64444167,
        46709983, 50818468, 156040895, 57227415,
    ),
}  # fmt: skip
CHROMOSOME_LENGTHS = MappingProxyType(
    {build: MappingProxyType(dict(zip(CHROMOSOMES, lengths, strict=True))) for build, lengths in _LENGTHS.items()}
)
"""Length of each chromosome in each build, as in the `chromInfo` tables of the UCSC genome browser."""

_EXONS = {
    "hg18": (
        (50314858, 50315064), (50329189, 50329242), (50337778, 50337897), (50411725, 50411985),
        (50417732, 50417899), (50422537, 50422662), (50426921, 50427055), (50435110, 50440293),
    ),
    "hg19": (
        (50344312, 50344518), (50358644, 50358697), (50367234, 50367353), (50444231, 50444491),
        (50450238, 50450405), (50455043, 50455168), (50459427, 50459561), (50467616, 50472799),
    ),
    "hg38": (
        (50304716, 50304922), (50319048, 50319101), (50327638, 50327757), (50376533, 50376793),
        (50382540, 50382707), (50387345, 50387470), (50391729, 50391863), (50399918, 50405101),
    ),
}  # fmt: skip
IKZF1_EXONS = MappingProxyType(
    {
        build: MappingProxyType({str(exon): Interval("7", *ends) for exon, ends in enumerate(exons, 1)})
        for build, exons in _EXONS.items()
    }
)
"""The eight exons of NM_006060.6, numbered 1 to 8. hg19: the transcript's alignment; hg38: exons 1-3 and 8 as annotated,
exons 4-7 computed by the offset that exon 4 is taken to share with exon 8; hg18: a table whose source was not verified."""

GENES = ("cdkn2a", "cdkn2b", "pax5", "etv6", "rb1", "btg1", "ebf1", "par1", "erg")
ARMS = ("7p", "7q")
_GENES = {
    "hg18": {},
    "hg19": {
        "cdkn2a": Interval("9", 21967751, 21995300),
        "cdkn2b": Interval("9", 22002902, 22009362),
        "pax5": Interval("9", 36833272, 37034103),
        "etv6": Interval("12", 11802788, 12048336),
        "rb1": Interval("13", 48877887, 49056122),
        "btg1": Interval("12", 92536286, 92539673),
        "ebf1": Interval("5", 158122928, 158526769),
        "erg": Interval("21", 39751949, 40033704),
    },
    "hg38": {
        "cdkn2a": Interval("9", 21967752, 21995301),
        "cdkn2b": Interval("9", 22002903, 22009305),
        "pax5": Interval("9", 36833269, 37034268),
        "etv6": Interval("12", 11649674, 11895377),
        "rb1": Interval("13", 48303744, 48599436),
        "btg1": Interval("12", 92140278, 92145846),
        "ebf1": Interval("5", 158695916, 159099916),
        "erg": Interval("21", 38380027, 38661780),
    },
}
GENE_LOCI = MappingProxyType({build: MappingProxyType(genes) for build, genes in _GENES.items()})
"""Whole genes from first to last base (Ensembl: the frozen GRCh37 set, and release 109 for GRCh38); none for hg18."""

PAR1_LOCI = MappingProxyType(
    {
        "hg18": (),
        "hg19": (Interval("X", 1387693, 1501578), Interval("Y", 1337693, 1451578)),
        "hg38": (Interval("X", 1268800, 1382689), Interval("Y", 1268800, 1382689)),
    }
)
"""CSF2RA to IL3RA, which the deletion from P2RY8 to CRLF2 removes, on X and on Y. Within PAR1 a position on Y is that on X
less 50,000 in hg19 and the same in hg38 (the genes were annotated on X alone)."""
PAR1_REGION = MappingProxyType(
    {
        "hg18": (),
        "hg19": (Interval("X", 60001, 2699520), Interval("Y", 10001, 2649520)),
        "hg38": (Interval("X", 10001, 2781479), Interval("Y", 10001, 2781479)),
    }
)
"""The first pseudoautosomal region, as the Genome Reference Consortium defines it. It is diploid in both sexes."""

_CENTROMERE_7 = {"hg18": (58058274, 61058273), "hg19": (58054332, 61054331), "hg38": (58169654, 60828234)}
ARM_LOCI = MappingProxyType(
    {
        build: MappingProxyType(
            {
                "7p": Interval("7", 1, first - 1),
                "7q": Interval("7", last + 1, CHROMOSOME_LENGTHS[build]["7"]),
            }
        )
        for build, (first, last) in _CENTROMERE_7.items()
    }
)
"""The arms of chromosome 7 on either side of the centromere: the assembly gap in hg18 and hg19, the modelled centromere
in hg38 (tables `gap` and `centromeres` of the UCSC genome browser)."""


def checked_build(build: str) -> str:
    """The build, when coordinates are known for it.

    Raises
    ------
    InputError
        Another word: a build is never guessed.

    Examples
    --------
    >>> checked_build("hg19")
    'hg19'
    """
    if build not in BUILDS:
        raise InputError(
            "the genome build is not one that is known",
            next_step="Give build='hg18', 'hg19' (GRCh37) or 'hg38' (GRCh38), as the maker of the file states it.",
        )
    return build


def builds_that_hold(ends: dict[str, int]) -> tuple[str, ...]:
    """Builds in which no chromosome is shorter than the given furthest ends.

    Parameters
    ----------
    ends
        Furthest position seen on each chromosome, in the names of `CHROMOSOMES`.

    Examples
    --------
    >>> builds_that_hold({"1": 247_812_431})
    ('hg19', 'hg38')
    >>> builds_that_hold({"1": 247_812_431, "19": 58_878_226})
    ('hg19',)
    """
    return tuple(
        build for build in BUILDS if all(end <= CHROMOSOME_LENGTHS[build][chromosome] for chromosome, end in ends.items())
    )


class Called(NamedTuple):
    """Segments that may lie over a locus, with the rank of their call and its probability."""

    sample: Integers
    chromosome: NDArray[np.int8]
    start: Integers
    end: Integers
    probes: Floats
    quotient: Floats
    rank: Integers
    probability: Floats


class Reading(NamedTuple):
    """What the segments over one locus say, an entry a sample; `rank` is `NOT_TESTED` where too little is covered."""

    rank: Integers
    quotient: Floats
    probes: Floats
    overlap: Floats
    lost: Floats
    confidence: Floats
    note: NDArray[np.object_]


def chromosomes_of(build: str) -> list[int]:
    """Positions in `CHROMOSOMES` of the chromosomes that bear a locus."""
    loci = [*IKZF1_EXONS[build].values(), *GENE_LOCI[build].values(), *PAR1_LOCI[build]]
    return sorted({CHROMOSOMES.index(locus.chromosome) for locus in loci})


def over(called: Called, locus: Interval) -> tuple[Called, Floats]:
    """The segments that lie over a locus, and how many of its bases each covers."""
    here = called.chromosome == CHROMOSOMES.index(locus.chromosome)
    on = np.flatnonzero(here & (called.start <= locus.end) & (called.end >= locus.start))
    part = Called._make(column[on] for column in called)
    bases = np.minimum(part.end, locus.end) - np.maximum(part.start, locus.start) + 1
    return part, bases.astype(np.float64)


def read_locus(called: Called, locus: Interval, n: int, min_overlap: float, arm_share: float | None = None) -> Reading:
    """The most severe call over a locus for each of `n` samples; of an arm, the call of at least `arm_share` of it."""
    part, bases = over(called, locus)
    covered = np.bincount(part.sample, bases, n)
    states = np.bincount(part.sample * len(SEVERITY) + part.rank, bases, n * len(SEVERITY)).reshape(n, -1)
    with np.errstate(invalid="ignore"):
        quotient = np.bincount(part.sample, bases * part.quotient, n) / covered
        share = states / covered[:, None]
    lost = share[:, DELETED] + share[:, HOMOZYGOUS]
    # neighbours that share a base count it twice
    overlap = np.minimum(covered / (locus.end - locus.start + 1), 1.0)
    note = np.full(n, "", dtype=object)
    if arm_share is None:
        rank = np.full(n, -1, dtype=np.int64)
        np.maximum.at(rank, part.sample, part.rank)
        deciding = part.rank == rank[part.sample]
        sure = np.full(n, np.nan)
        np.fmax.at(sure, part.sample[deciding], part.probability[deciding])
    else:
        held = [share[:, HOMOZYGOUS], lost, share[:, GAIN], share[:, NORMAL]]
        rank = np.select([h >= arm_share for h in held], [HOMOZYGOUS, DELETED, GAIN, NORMAL], default=AMBIGUOUS)
        sure = np.full(n, np.nan)
        note[(rank == AMBIGUOUS) & (share[:, AMBIGUOUS] < arm_share)] = MIXED
    unread = overlap < min_overlap
    note[unread] = np.where(covered[unread] > 0, TOO_LITTLE, UNCOVERED)
    sure[unread] = np.nan
    # an empty weight makes bincount count in integers
    probes = np.bincount(part.sample, part.probes, n).astype(np.float64)
    return Reading(np.where(unread, NOT_TESTED, rank), quotient, probes, overlap, lost, sure, note)


def read_par1(called: Called, build: str, n: int, min_overlap: float) -> Reading:
    """PAR1 on X; on Y where X isn't covered or is ambiguous; ambiguous where the two contradict each other."""
    readings = []
    for locus, region in zip(PAR1_LOCI[build], PAR1_REGION[build], strict=True):
        part, _ = over(called, locus)
        inside = np.minimum(part.end, region.end) - np.maximum(part.start, region.start) + 1
        beyond = (2 * inside < part.end - part.start + 1) & (part.rank != NORMAL)
        rank = np.where(beyond, AMBIGUOUS, part.rank)
        one = read_locus(part._replace(rank=rank), locus, n, min_overlap)
        decided = np.isin(np.arange(n), part.sample[beyond]) & (one.rank == AMBIGUOUS)
        one.note[decided] = BEYOND
        one.confidence[decided] = np.nan
        readings.append(one)
    x, y = readings
    open_ = (AMBIGUOUS, NOT_TESTED)
    on_y = (np.isin(x.rank, open_) & ~np.isin(y.rank, open_)) | ((x.rank == NOT_TESTED) & (y.rank != NOT_TESTED))
    out = Reading._make(np.where(on_y, b, a) for a, b in zip(x, y, strict=True))
    out.note[on_y & (out.note == "")] = ON_Y
    clash = ~np.isin(x.rank, open_) & ~np.isin(y.rank, open_) & (x.rank != y.rank)
    out.rank[clash], out.confidence[clash], out.note[clash] = AMBIGUOUS, np.nan, DISAGREE
    return out


def read_loci(called: Called, n: int, build: str, min_overlap: float, arm_share: float) -> dict[str, Reading]:
    """Every locus by name: the exons, the genes, the arms."""
    nothing = np.full(n, np.nan)
    unread = np.full(n, NO_COORDINATES, dtype=object)
    absent = Reading(
        np.full(n, NOT_TESTED),
        nothing,
        np.zeros(n),
        np.zeros(n),
        nothing,
        nothing,
        unread,
    )
    readings = {
        f"ikzf1_exon_{exon}": read_locus(called, locus, n, min_overlap) for exon, locus in IKZF1_EXONS[build].items()
    }
    genes = {gene: read_locus(called, locus, n, min_overlap) for gene, locus in GENE_LOCI[build].items()}
    if PAR1_LOCI[build]:
        genes["par1"] = read_par1(called, build, n, min_overlap)
    readings |= {gene: genes.get(gene, absent) for gene in GENES}
    readings |= {arm: read_locus(called, locus, n, min_overlap, arm_share) for arm, locus in ARM_LOCI[build].items()}
    return readings
