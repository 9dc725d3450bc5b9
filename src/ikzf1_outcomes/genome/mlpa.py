"""MLPA: from peaks to calls of probes, exons and genes, with what the assay leaves open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.deletion_states import DeletionPrior, probability_frame
from ikzf1_outcomes.genome.dosage import combine_replicates, robust_quotients, run_mean_quotients
from ikzf1_outcomes.genome.dose_calls import PURITY_MODEL, DoseRange, ranges_of
from ikzf1_outcomes.genome.mlpa_calls import (
    MlpaCalls,
    Rule,
    call_units,
    class_frame,
    exon_frame,
    gene_frame,
    probabilities_of_class,
)
from ikzf1_outcomes.genome.mlpa_quality import Limits, errors_of, quality_of
from ikzf1_outcomes.genome.probes import checked_probes, probe_table
from ikzf1_outcomes.genome.reactions import Reactions, chosen, columns_there, fractions, probe_columns, reactions

Floats = NDArray[np.float64]
NORMALISATIONS = ("robust", "run_mean")
SCALES = ("peaks", "ratio")
FEWEST_CONTROLS = 3
CHUNK = 2_000
"""Reactions normalised at a time, where runs are smaller."""


def call_mlpa(
    peaks: pd.DataFrame,
    *,
    sample: str = "sample",
    replicate: str | None = None,
    run: str | None = None,
    probes: pd.DataFrame | None = None,
    controls: Iterable[str] = (),
    numbering: str = "1-8",
    scale: str = "peaks",
    normalisation: str = "robust",
    reference: ArrayLike | None = None,
    thresholds: str | tuple[DoseRange, ...] = PURITY_MODEL,
    blasts: str | float | pd.Series | None = None,
    confidence: float = 0.95,
    error: float | None = None,
    smallest_error: float = 0.05,
    max_control_sd: float = 0.1,
    min_replicate_correlation: float = 0.9,
    max_replicate_sd: float = 0.25,
    min_units: int = 1,
    prior: DeletionPrior | None = None,
) -> MlpaCalls:
    r"""Call copy numbers of probes, exons and genes from MLPA peaks, with the probability of each IKZF1 class.

    Dosage quotient (DQ). `run_mean`: a peak over the mean of the sample's control probes, then over the mean of the run;
    where a share f of the run has lost the locus, normal samples read 1 / (1 - f/2). `robust`: over the median of the
    control probes, then over the median of the reference samples, or without these of the samples that read normal.
    Replicates are averaged.

    Calls. By ranges of the DQ (`thresholds` names a preset or gives ranges), or by the purity model: with a share p of
    leukaemic cells, c copies read

    .. math:: DQ = 1 - p (1 - c/2)

    with a normal error; 0, 1, 2 and 3 copies are equally likely beforehand, and a copy number is called when its
    probability reaches `confidence`, else the call is "ambiguous": a loss of one copy at few leukaemic cells is not
    "normal". A DQ more than 3 errors from every copy number is ambiguous too (subclonal, or p is wrong).

    The error of a probe is the spread (scaled median absolute deviation) over the samples that read normal, at least 5 of
    them; it is no smaller than the spread of the sample's control probes, nor than `smallest_error`. Probes of one exon are
    averaged by the inverse of their variances; where they disagree (chi-square test, P < 0.0027) the exon is ambiguous.

    P(class | peaks, p): each of two alleles is whole or lacks one run of exons; prior shares in `DeletionPrior`.

    Parameters
    ----------
    peaks
        One row a reaction, one column a probe: peak areas or heights, read counts, or ratios (`scale`).
    sample, replicate, run
        Columns that name the sample, its replicate and the run. Without `run` all reactions are one run.
    probes
        Table with columns probe, gene, exon (IKZF1 needs it), control; without it names such as "IKZF1_e4" are read. A
        probe of the table without a column is set aside and counted; a column without an entry is an error.
    controls
        Control probes by name, where their names do not say so.
    numbering
        Numbering of the IKZF1 exons, "1-8" or "0-7".
    scale
        "peaks", or "ratio" for dosage quotients that need no normalisation.
    normalisation
        "robust" or "run_mean".
    reference
        Samples known to be normal, in every run; for the robust normalisation.
    thresholds
        "purity_model", a preset of `DOSE_RANGES` ("mrc", "mrc_legacy_35_50", "all_0.75"), or ranges.
    blasts
        Share of leukaemic cells: a number, a column of `peaks`, or a Series by sample; the purity model needs it. Unknown
        shares make the calls ambiguous.
    confidence
        Probability that a call of the purity model must reach.
    error
        Standard error of every quotient, instead of an estimate.
    smallest_error
        Least standard error of an estimated one (0.05: an assumption; doses of known losses and gains lie off their
        nominal values by that much even where replicates agree).
    max_control_sd
        A sample fails when the DQs of its control probes spread more (standard deviation; 0.1: NGRL Manchester).
    min_replicate_correlation
        A sample fails when the mean correlation of its replicates' profiles is lower (0.9: an assumption).
    max_replicate_sd
        A probe is ambiguous when its replicates spread more (0.25: an assumption).
    min_units
        Exons or probes that must be lost for a gene other than IKZF1 to be called deleted.
    prior
        Odds before the assay, for P(class).

    Returns
    -------
    MlpaCalls
        quotients, exons, genes, classes, probabilities, quality, set_aside; `.tidy()`, `.glance()`.

    Raises
    ------
    ColumnError, InputError
        A column that is not there, probes without a locus, fewer than 3 control probes, one sample in a run without a
        reference, peaks that are no number or negative (row positions), the purity model without `blasts`, no error to be
        estimated.

    Notes
    -----
    Reactions with a control peak of zero or without one are set aside and counted; a zero peak of another probe is a dose
    of zero. Samples without a usable reaction fail. Errors of exons are taken as independent, so that P(class) is too sure
    where a whole reaction is tilted. The PAR1 deletion is read from CSF2RA and IL3RA; ambiguous where they differ.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> names = [f"IKZF1_e{exon}" for exon in range(1, 9)] + ["control_1", "control_2", "control_3"]
    >>> run = pd.DataFrame([[100.0] * 11] * 5 + [[100.0] * 3 + [60.0] * 4 + [100.0] * 4], columns=names)
    >>> run.insert(0, "sample", list("abcdef"))
    >>> calls = iko.call_mlpa(run, blasts=0.8)
    >>> calls.classes["ikzf1_class"].tolist()
    ['none', 'none', 'none', 'none', 'none', 'ik6']
    >>> bool(calls.probabilities.loc["f", "ik6"] > 0.99)
    True
    """
    purity_model = isinstance(thresholds, str) and thresholds == PURITY_MODEL
    if purity_model and blasts is None:
        raise InputError(
            "the purity model needs the leukaemic fraction",
            next_step='Give blasts=, or thresholds="all_0.75", for example.',
        )
    if normalisation not in NORMALISATIONS or scale not in SCALES:
        raise InputError("normalisation is 'robust' or 'run_mean', scale is 'peaks' or 'ratio'")
    reserved = [column for column in (sample, replicate, run) if column is not None]
    reserved += [blasts] if isinstance(blasts, str) else []
    columns_there(peaks, reserved)
    table, absent = probes_of(peaks, reserved, probes, controls, numbering)
    control = table["control"].to_numpy()
    data = reactions(peaks, table["probe"].tolist(), sample=sample, replicate=replicate, run=run)
    purity = fractions(blasts, data.samples, peaks, sample)
    known = None if reference is None else chosen(reference, data.samples)
    lost, profiles = 0, None
    if scale == "peaks":
        data, lost, profiles = normalised(data, control, normalisation, known)
    mean, spread, _ = combine_replicates(data.values, data.sample, len(data.samples))
    limits = Limits(max_control_sd, min_replicate_correlation, max_replicate_sd)
    quality = quality_of(data, mean, spread, control, purity, limits, profiles)
    errors = errors_of(mean, quality, known, error, smallest_error)
    failed = quality["failed"].to_numpy()
    rule = Rule(None if purity_model else ranges_of(thresholds), purity, confidence)
    units = call_units(mean, errors, spread > max_replicate_sd, table, failed, rule)
    exons = exon_frame(units, data.samples)
    chances = probabilities_of_class(units, purity, failed, prior or DeletionPrior())
    aside = [("probes of the table without a column", absent), ("reactions with control peaks zero or missing", lost)]
    genes = gene_frame(units, data.samples, min_units)
    settings = {"normalisation": normalisation, "thresholds": str(thresholds), "measured": scale}
    return MlpaCalls(
        quotients=pd.DataFrame(mean, index=data.samples, columns=table["probe"].tolist()),
        exons=exons,
        genes=genes,
        classes=class_frame(units, exons, genes, purity),
        probabilities=probability_frame(chances, data.samples),
        quality=quality,
        set_aside=pd.DataFrame(aside, columns=["reason", "n"]),
        settings=MappingProxyType(settings),
        units=units,
    )


def probes_of(
    peaks: pd.DataFrame, reserved: list[str], probes: pd.DataFrame | None, controls: Iterable[str], numbering: str
) -> tuple[pd.DataFrame, int]:
    """The probe table of the run's columns, and how many probes of the given table have no column."""
    names = probe_columns(peaks, reserved)
    controls = [controls] if isinstance(controls, str) else list(controls)
    absent_controls = len(set(controls) - set(names if probes is None else probes["probe"].astype(str).str.strip()))
    if absent_controls:
        raise InputError(
            "controls= names probes that are not there", count=absent_controls, next_step="Check the spelling of probes."
        )
    if probes is None:
        table, absent = probe_table(names, controls, numbering), 0
    else:
        table = checked_probes(probes, numbering)
        table.loc[table["probe"].isin(controls), "control"] = True
        unknown = [name for name in names if name not in set(table["probe"])]
        if unknown:
            raise InputError(
                f"no entry in the probe table for {', '.join(unknown[:10])}",
                count=len(unknown),
                next_step="Add them, or leave these columns out of the run.",
            )
        here = table["probe"].isin(names).to_numpy()
        table, absent = table[here].reset_index(drop=True), int((~here).sum())
    if table["control"].all():
        raise InputError("the run has no probe but control probes")
    return table, absent


def normalised(
    data: Reactions, control: NDArray[np.bool_], normalisation: str, known: NDArray[np.bool_] | None
) -> tuple[Reactions, int, Floats]:
    """Quotients of the usable reactions, run by run; the number of reactions set aside, and the relative peaks.

    Raises
    ------
    InputError
        Too few control probes; a run of one sample, or without a reference sample.
    """
    if control.sum() < FEWEST_CONTROLS:
        raise InputError(
            f"the run has fewer than {FEWEST_CONTROLS} control probes",
            count=int(control.sum()),
            next_step="Name them with controls=, or in the probe table.",
        )
    usable = np.asarray((np.nan_to_num(data.values[:, control]) > 0).all(axis=1))
    lost = int((~usable).sum())
    data = data.take(usable)
    if len(data.values) == 0:
        raise InputError("every reaction has a control peak of zero or without a value", count=lost)
    out = np.empty_like(data.values)
    for rows in runs_alike(data, known):
        base = None if known is None else known[data.sample[rows]]
        peaks = data.values[rows]
        dose = robust_quotients(peaks, control, base) if normalisation == "robust" else run_mean_quotients(peaks, control)
        out[rows] = dose
    relative = data.values / data.values[:, control].mean(axis=1, keepdims=True)
    return data._replace(values=out), lost, relative


def runs_alike(data: Reactions, known: NDArray[np.bool_] | None) -> Iterator[NDArray[np.intp]]:
    """Reactions of runs of one size, (runs, reactions): thousands of small runs cost little when taken together.

    Raises
    ------
    InputError
        A run of one sample, or without a reference sample (rows).
    """
    order = np.argsort(data.run, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(data.run[order]) != 0])
    sizes = np.diff(np.r_[starts, len(order)])
    sample = data.sample[order]
    if known is None:
        what = "runs of one sample, whose dose is relative to itself"
        lonely = np.minimum.reduceat(sample, starts) == np.maximum.reduceat(sample, starts)
    else:
        what, lonely = "runs without a reference sample", ~np.logical_or.reduceat(known[sample], starts)
    if lonely.any():
        where = data.rows[order[np.repeat(lonely, sizes)]]
        raise InputError(what, where=where, next_step="Give runs with samples to compare with, or reference=.")
    for size in np.unique(sizes):
        alike = starts[sizes == size]
        step = max(CHUNK // int(size), 1)
        for first in range(0, len(alike), step):
            yield order[alike[first : first + step, None] + np.arange(size)]
