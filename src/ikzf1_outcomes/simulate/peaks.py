"""MLPA peaks whose truth is known: what a laboratory would have measured of simulated patients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort import Cohort
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.copy_number import expected_quotient
from ikzf1_outcomes.genome.deletion_states import RUNS, DeletionPrior
from ikzf1_outcomes.genome.exons import EXONS
from ikzf1_outcomes.genome.mlpa_calls import PAR1_SEGMENT
from ikzf1_outcomes.simulate.figures import Figures, Floats

KIT = {
    "IKZF1": (1, 2, 3, 4, 5, 6, 7, 8),
    "CDKN2A": (1, 2),
    "CDKN2B": (2,),
    "PAX5": (1, 2, 5, 6, 7, 8, 10),
    "ETV6": (1, 2, 3, 5, 8),
    "RB1": (6, 14, 19, 24, 26),
    "BTG1": (1, 2),
    "EBF1": (1, 10, 14, 16),
    "SHOX": (2,),
    "CRLF2": (4,),
    "CSF2RA": (10,),
    "IL3RA": (1,),
    "P2RY8": (2,),
}
"""Genes and exons of an invented kit, in the manner of those in use; no maker's list."""
CONTROL_PROBES = 13
SEGMENT = tuple(gene.upper() for gene in PAR1_SEGMENT)
COPIES_OF = {"normal": 2, "deleted": 1, "homozygous": 0, "gain": 3}
WHOLE = {"none": (), "gain": (), "whole_gene": EXONS, "ik6": (4, 5, 6, 7), "del_4_8": (4, 5, 6, 7, 8)}

ASSAY = Figures(
    "MLPA assay: error and samples",
    (
        *(("SD of the log peak", 0.04), ("SD of the log yield of a reaction", 0.25)),
        *(("SD of the slope of log peaks over the lengths", 0.05), ("log decay of peaks over the lengths", 1.5)),
        *(("share of samples with few blasts", 0.15), ("share of reactions that fail", 0.02)),
        *(("SD of the log peak when they fail", 0.25),),
    ),
    "assumed",
)
BLASTS = Figures(
    "leukaemic fraction: beta of most samples, limits of those with few blasts",
    (("alpha", 18.0), ("beta", 3.0), ("low from", 0.15), ("low to", 0.5)),
    "assumed",
)


class SimulatedRun(NamedTuple):
    """Simulated peaks and the truth behind them.

    Parameters
    ----------
    peaks
        sample (the patient's identifier), run, blasts (share of leukaemic cells, two digits), then one column a probe.
    truth
        One row a patient: sample, blasts (exact), the copies of the eight IKZF1 exons ("1" to "8"), failed.
    """

    peaks: pd.DataFrame
    truth: pd.DataFrame


def simulate_mlpa(
    cohort: Cohort, *, seed: int | np.random.Generator, assay: Figures = ASSAY, blasts: Figures = BLASTS, run_size: int = 24
) -> SimulatedRun:
    r"""Simulate the MLPA peaks of a simulated cohort.

    The peak of a probe with c copies in a share p of the cells is

    .. math:: A_s \, a_l \, (1 - p (1 - c/2)) \, e^{\epsilon}

    with the yield A of the reaction, the amplitude a of the probe, which decays with its length, at a slope that differs
    between reactions, and a normal error on the log scale. IKZF1 deletions of the class "other" get a run of exons drawn by
    the published shares; PAR1 deletions lose CSF2RA and IL3RA.

    Parameters
    ----------
    cohort
        Of `simulate_cohort`.
    seed
        Whole number or generator.
    assay, blasts
        Numbers of the simulation, all assumptions.
    run_size
        Patients of a run.

    Returns
    -------
    SimulatedRun
        peaks, truth. Nothing of it was measured on anybody.

    Raises
    ------
    ColumnError, InputError
        A cohort that is not simulated, or without classes and copy numbers; a run of fewer than 2.

    Examples
    --------
    >>> from ikzf1_outcomes.simulate import simulate_cohort, simulate_mlpa
    >>> run = simulate_mlpa(simulate_cohort(30, seed=1), seed=1)
    >>> run.peaks.shape
    (30, 55)
    """
    if not cohort.provenance.simulated:
        raise InputError("peaks are simulated for simulated patients only")
    if run_size < 2:
        raise InputError("a run holds at least 2 patients")
    frame = cohort.frame
    for column in ("id", "ikzf1_class", *(gene.lower() for gene in KIT if gene.lower() in COPIES_COLUMNS), "par1"):
        if column not in frame:
            raise ColumnError(f"the cohort has no column {column!r}", next_step="simulate_cohort gives it.")
    rng = np.random.default_rng(seed)
    n = len(frame)
    share = rng.beta(blasts["alpha"], blasts["beta"], n)
    few = rng.random(n) < assay["share of samples with few blasts"]
    share = np.where(few, rng.uniform(blasts["low from"], blasts["low to"], n), share)
    exons = exon_copies(frame["ikzf1_class"], rng)
    copies = np.column_stack([copies_of(frame, gene, exon, exons) for gene, exon in targets()])
    dose = np.column_stack([expected_quotient(copies, share[:, None]), np.ones((n, CONTROL_PROBES))])
    failed = rng.random(n) < assay["share of reactions that fail"]
    peaks = amplitudes(rng, dose.shape, assay) * dose
    spread = np.where(failed, assay["SD of the log peak when they fail"], assay["SD of the log peak"])
    peaks = np.round(peaks * np.exp(rng.normal(0.0, 1.0, dose.shape) * spread[:, None]))
    names = [f"{gene}_e{exon}" for gene, exon in targets()] + [f"control_{k}" for k in range(1, CONTROL_PROBES + 1)]
    table = pd.DataFrame(peaks.astype(np.int64), columns=names)
    # the last run takes what would be a run of its own with one patient
    run = np.minimum(np.arange(n) // run_size, max(n // run_size - 1, 0)) + 1
    for place, (name, values) in enumerate({"sample": frame["id"], "run": run, "blasts": share.round(2)}.items()):
        table.insert(place, name, np.asarray(values))
    truth = pd.DataFrame(exons, columns=[str(exon) for exon in EXONS])
    truth.insert(0, "sample", frame["id"].to_numpy())
    truth.insert(1, "blasts", share)
    return SimulatedRun(table, truth.assign(failed=failed))


COPIES_COLUMNS = ("cdkn2a", "cdkn2b", "pax5", "etv6", "rb1", "btg1", "ebf1")


def targets() -> list[tuple[str, int]]:
    """Genes and exons of the kit's target probes."""
    return [(gene, exon) for gene, exons in KIT.items() for exon in exons]


def exon_copies(classes: pd.Series, rng: np.random.Generator) -> NDArray[np.intp]:
    """Copies of the eight exons of each patient: one copy lost in the run of the class, three everywhere for a gain."""
    n = len(classes)
    weights = DeletionPrior().weights.copy()
    weights[[RUNS.index(run) for run in ((1, 8), (4, 7), (4, 8))]] = 0.0
    drawn = rng.choice(len(RUNS), size=n, p=weights / weights.sum())
    first, last = np.array(RUNS).T
    word = classes.astype(object).to_numpy()
    if not np.isin(word, [*WHOLE, "other"]).all():
        raise InputError("classes that are not known cannot be simulated", next_step="Use a cohort of simulate_cohort.")
    out = np.full((n, len(EXONS)), 2, dtype=np.intp)
    for kind, exons in WHOLE.items():
        out[np.ix_(word == kind, [exon - 1 for exon in exons])] = 1
    place = np.array(EXONS)
    inside = (place >= first[drawn][:, None]) & (place <= last[drawn][:, None])
    out = np.where((word == "other")[:, None] & inside, 1, out)
    out[word == "gain"] = 3
    return out


def copies_of(frame: pd.DataFrame, gene: str, exon: int, exons: NDArray[np.intp]) -> NDArray[np.intp]:
    """Copies at one probe; a call that is not known counts as two copies."""
    if gene == "IKZF1":
        return exons[:, exon - 1]
    column = "par1" if gene in SEGMENT else gene.lower()
    if column not in frame:
        return np.full(len(frame), 2, dtype=np.intp)
    return frame[column].astype(object).map(COPIES_OF).fillna(2).to_numpy(dtype=np.intp)


def amplitudes(rng: np.random.Generator, shape: tuple[int, int], assay: Figures) -> Floats:
    """Peaks of two copies: the probes' lengths are shuffled over the kit, once for the kit."""
    length = np.random.default_rng(shape[1]).permutation(np.linspace(0.0, 1.0, shape[1]))
    amount = rng.normal(0.0, assay["SD of the log yield of a reaction"], (shape[0], 1))
    slope = rng.normal(0.0, assay["SD of the slope of log peaks over the lengths"], (shape[0], 1))
    out: Floats = 20_000.0 * np.exp(amount - (assay["log decay of peaks over the lengths"] + slope) * length)
    return out
