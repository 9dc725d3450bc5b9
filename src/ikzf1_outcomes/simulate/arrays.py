"""Peptide arrays whose truth is known: spots in triplicate, as a scanner would have measured them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort import Cohort
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kinome.pathways import pathway_genes
from ikzf1_outcomes.simulate.figures import Figures, Floats

FOUNDING = 45
"""Patients with an array in van der Sligte et al. 2015."""
CONTROLS = 16
PER_ROW = 64

ARRAY = Figures(
    "peptide array: log2 intensities and their spread",
    (
        *(("mean over the peptides", 8.0), ("SD between peptides", 1.5), ("SD between patients", 0.4)),
        *(("SD of what a pathway shares", 0.25), ("SD of a batch", 0.15), ("SD between arrays", 0.4)),
        *(("SD between replicates", 0.25), ("SD of the tilt from row to row", 0.1)),
        *(("background", 120.0), ("SD of the log background", 0.15), ("SD of a reading", 6.0)),
        *(("brightest reading", 65535.0), ("share of spots without a reading", 0.001)),
        *(("share of arrays that fail", 0.0), ("SD between replicates when they fail", 3.0)),
    ),
    "assumed",
    "none of 45 arrays failed in the founding study",
)


class ArrayEffect(NamedTuple):
    """A true difference between patients: those with `level` in `column` against all others.

    Parameters
    ----------
    column, level
        Column of the cohort and its level, as in ArrayEffect("ikzf1_class", "ik6", 20, 0.5).
    n
        Peptides that differ, drawn at random; every second one is lower.
    size
        Difference of log2 intensities.
    pathway
        Draw them from this pathway only, all in the direction of `size`.
    """

    column: str
    level: object
    n: int
    size: float
    pathway: str | None = None


class SimulatedArrays(NamedTuple):
    """Simulated spots and the truth behind them.

    Parameters
    ----------
    spots
        One row a spot: sample (the patient's identifier), batch, row, column, peptide, gene, replicate, control,
        foreground, background, saturated. What `normalise_spots` takes, with replicate="replicate", control="control".
    truth
        One row a peptide: peptide, gene, pathway, mean (log2), and the difference of each effect, named "column=level".
    samples
        One row an array: sample, batch, failed, and the score of each pathway.
    provenance
        "simulated".
    """

    spots: pd.DataFrame
    truth: pd.DataFrame
    samples: pd.DataFrame
    provenance: str = "simulated"


def simulate_arrays(
    cohort: Cohort | int = FOUNDING,
    *,
    seed: int | np.random.Generator,
    arrays: int = FOUNDING,
    peptides: int = 1008,
    replicates: int = 3,
    batches: int = 3,
    effects: Sequence[ArrayEffect] = (),
    figures: Figures = ARRAY,
) -> SimulatedArrays:
    r"""Simulate the spots of peptide arrays.

    The log2 intensity of replicate r of peptide j on the array of patient i in batch b is

    .. math:: \mu_j + \sum_e \delta_{ej} z_{ei} + u_{p(j) i} + b_{jb} + \gamma_{ij} + a_i + \tau_i h + \epsilon_{ijr}

    with normal terms: the effects (z is 1 in patients of the level), what the pathway p of the peptide shares in a patient
    (so that peptides of one pathway correlate), the batch, the patient's own, the array, a tilt over the rows h of the
    slide, and the replicate. The foreground is its power of 2 and the local background, each read with an error; readings
    end at the brightest. A quarter of the peptides belong to the genes of `pathway_genes`, in turn; the other genes are
    invented ("GX1", ...), and so are all peptides.

    Parameters
    ----------
    cohort
        Of `simulate_cohort`, or a number of samples without patients.
    seed
        Whole number or generator.
    arrays
        Patients with an array, drawn at random; all others have none. 45: the founding study.
    peptides, replicates, batches
        Their numbers; 16 control peptides come on top. Batches are assigned at random, of equal size.
    effects
        True differences; their columns are those of the cohort.
    figures
        Numbers of the simulation, all assumptions.

    Returns
    -------
    SimulatedArrays
        spots, truth, samples, provenance. Nothing of it was measured on anybody.

    Raises
    ------
    ColumnError, InputError
        Patients that are not simulated; fewer patients than arrays; fewer than 24 peptides; numbers below 1; effects
        without a cohort, on a column or level that is not there, on more peptides than there are.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> run = iko.simulate_arrays(4, seed=1, peptides=40)
    >>> arrays = iko.normalise_spots(run.spots, replicate="replicate", control="control", saturated="saturated")
    >>> arrays
    PeptideArrays(40 peptides, 4 samples, log2 intensity)
    """
    if isinstance(cohort, Cohort) and not cohort.provenance.simulated:
        raise InputError("arrays are simulated for simulated patients only")
    if min(replicates, batches, arrays, len(cohort) if isinstance(cohort, Cohort) else cohort) < 1 or peptides < 24:
        raise InputError("numbers of samples, replicates and batches are 1 or more, of peptides 24 or more")
    rng = np.random.default_rng(seed)
    if isinstance(cohort, Cohort):
        if arrays > len(cohort):
            raise InputError(f"{arrays} arrays of {len(cohort)} patients", next_step="Give arrays= or more patients.")
        patients = cohort.frame.iloc[np.sort(rng.choice(len(cohort), arrays, replace=False))].reset_index(drop=True)
    else:
        if effects:
            raise InputError("effects need patients", next_step="Give a cohort of simulate_cohort.")
        patients = pd.DataFrame({"id": [f"s{number}" for number in range(1, cohort + 1)]})
    truth = true_peptides(peptides, rng, figures)
    differences = effect_columns(effects, patients, truth, rng)
    signal, samples = log_intensities(truth, differences, patients, batches, rng, figures)
    spots = readings(signal, truth, samples, replicates, rng, figures)
    return SimulatedArrays(spots, truth.assign(**{name: size for name, (size, _) in differences.items()}), samples)


def true_peptides(peptides: int, rng: np.random.Generator, figures: Figures) -> pd.DataFrame:
    """Peptides with gene, pathway and mean; those of the pathways come first, pathway by pathway in turn."""
    genes = pathway_genes().drop_duplicates("gene")
    genes = genes.assign(turn=genes.groupby("pathway").cumcount()).sort_values("turn", kind="stable")
    inside = np.arange(peptides // 4)
    rest = peptides - len(inside)
    gene = [*genes["gene"].to_numpy()[inside % len(genes)], *(f"GX{number // 2 + 1}" for number in range(rest))]
    pathway = [*genes["pathway"].to_numpy()[inside % len(genes)], *["none"] * rest]
    frame = pd.DataFrame({"gene": gene, "pathway": pathway})
    number = (frame.groupby("gene").cumcount() + 1).astype(str)
    frame.insert(0, "peptide", frame["gene"].str.cat(number, sep="_"))
    return frame.assign(mean=rng.normal(figures["mean over the peptides"], figures["SD between peptides"], peptides))


def effect_columns(
    effects: Sequence[ArrayEffect], patients: pd.DataFrame, truth: pd.DataFrame, rng: np.random.Generator
) -> dict[str, tuple[Floats, Floats]]:
    """Difference of each peptide, and 1 for each patient of the level, by the name of the effect.

    Raises
    ------
    ColumnError, InputError
        As `simulate_arrays`.
    """
    out: dict[str, tuple[Floats, Floats]] = {}
    for effect in effects:
        name = f"{effect.column}={effect.level}"
        if effect.column not in patients:
            raise ColumnError(f"the cohort has no column {effect.column!r}")
        there = patients[effect.column].astype(object).eq(effect.level).to_numpy(dtype=bool, na_value=False)
        if not there.any():
            raise InputError(f"nobody with an array has {name}")
        pool = np.arange(len(truth))
        if effect.pathway is not None:
            pool = np.flatnonzero(truth["pathway"] == effect.pathway)
        if not 0 < effect.n <= len(pool):
            raise InputError(f"{name}: {effect.n} of {len(pool)} peptides cannot be drawn")
        chosen = rng.choice(pool, effect.n, replace=False)
        size, _ = out.get(name, (np.zeros(len(truth)), there))
        size[chosen] += effect.size * (np.where(np.arange(effect.n) % 2, -1.0, 1.0) if effect.pathway is None else 1.0)
        out[name] = (size, there.astype(np.float64))
    return out


def log_intensities(
    truth: pd.DataFrame,
    differences: dict[str, tuple[Floats, Floats]],
    patients: pd.DataFrame,
    batches: int,
    rng: np.random.Generator,
    figures: Figures,
) -> tuple[Floats, pd.DataFrame]:
    """True log2 intensities (peptides, samples), and what is true of each array."""
    m, n = len(truth), len(patients)
    batch = rng.permutation(np.arange(n) % batches)
    names = [name for name in truth["pathway"].unique() if name != "none"]
    scores = rng.normal(0.0, figures["SD of what a pathway shares"], (len(names), n))
    shared = np.vstack([scores, np.zeros((1, n))])[pd.Index([*names, "none"]).get_indexer(truth["pathway"])]
    out = truth["mean"].to_numpy()[:, None] + shared + rng.normal(0.0, figures["SD of a batch"], (m, batches))[:, batch]
    out = out + rng.normal(0.0, figures["SD between patients"], (m, n)) + rng.normal(0.0, figures["SD between arrays"], n)
    for size, there in differences.values():
        out = out + size[:, None] * there
    failed = rng.random(n) < figures["share of arrays that fail"]
    samples = pd.DataFrame({"sample": patients["id"].to_numpy(), "batch": batch + 1, "failed": failed})
    return out, samples.join(pd.DataFrame(scores.T, columns=names))


def readings(
    signal: Floats, truth: pd.DataFrame, samples: pd.DataFrame, replicates: int, rng: np.random.Generator, figures: Figures
) -> pd.DataFrame:
    """One row a spot, array by array; the places of the peptides on the slide are those of one print."""
    names = [*truth["peptide"], *(f"control_{number}" for number in range(1, CONTROLS + 1))]
    n, m = len(samples), len(names) * replicates
    control = rng.normal(figures["mean over the peptides"], figures["SD between peptides"], CONTROLS)
    level = np.vstack([signal, np.broadcast_to(control[:, None], (CONTROLS, n))])
    level = np.repeat(level, replicates, axis=0).T
    place = np.random.default_rng(m).permutation(m)
    row, height = place // PER_ROW, (place // PER_ROW) / max((m - 1) // PER_ROW, 1) - 0.5
    level = level + rng.normal(0.0, figures["SD of the tilt from row to row"], (n, 1)) * height
    failed = samples["failed"].to_numpy()
    spread = np.where(failed, figures["SD between replicates when they fail"], figures["SD between replicates"])
    level = level + rng.normal(0.0, 1.0, (n, m)) * spread[:, None]
    local = figures["background"] * np.exp(rng.normal(0.0, figures["SD of the log background"], (n, m)))
    error = figures["SD of a reading"]
    foreground = np.round(2.0**level + local + rng.normal(0.0, error, (n, m)), 1)
    background = np.round(local + rng.normal(0.0, error, (n, m)), 1)
    top = figures["brightest reading"]
    lost = rng.random((n, m)) < figures["share of spots without a reading"]
    genes = [*truth["gene"], *[None] * CONTROLS]
    return pd.DataFrame(
        {
            "sample": np.repeat(samples["sample"].to_numpy(), m),
            "batch": np.repeat(samples["batch"].to_numpy(), m),
            "row": np.tile(row + 1, n),
            "column": np.tile(place % PER_ROW + 1, n),
            "peptide": np.tile(np.repeat(np.array(names, dtype=object), replicates), n),
            "gene": np.tile(np.repeat(np.array(genes, dtype=object), replicates), n),
            "replicate": np.tile(np.tile(np.arange(1, replicates + 1), len(names)), n),
            "control": np.tile(np.repeat(np.arange(len(names)) >= len(truth), replicates), n),
            "foreground": np.where(lost, np.nan, np.minimum(foreground, top)).ravel(),
            "background": background.ravel(),
            "saturated": (foreground >= top).ravel(),
        }
    )
