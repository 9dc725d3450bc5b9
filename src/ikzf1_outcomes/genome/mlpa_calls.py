"""Calls of an MLPA run: doses of exons and genes, their calls, and what they say of the IKZF1 class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.calls import COPY_NUMBERS
from ikzf1_outcomes.genome.copy_number import MISFIT, call_copies, log_likelihood
from ikzf1_outcomes.genome.deletion_states import KNOWN_CLASSES, DeletionPrior, class_probabilities
from ikzf1_outcomes.genome.dose_calls import DoseRange, calls_of_ranges
from ikzf1_outcomes.genome.exons import EXONS, classify_ikzf1
from ikzf1_outcomes.genome.probes import IKZF1

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]

NORMAL, DELETED, HOMOZYGOUS, GAIN, AMBIGUOUS, FAILED, NOT_TESTED = range(len(COPY_NUMBERS))
DISAGREE = 0.0027
PAR1_SEGMENT = ("csf2ra", "il3ra")
"""Genes of the segment between CRLF2 and P2RY8 whose loss is the PAR1 deletion (recalled, not verified)."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class MlpaCalls:
    """What an MLPA run says of its samples; made by `call_mlpa`.

    Parameters
    ----------
    quotients
        Dosage quotient of each sample (rows) and probe, mean of its replicates.
    exons
        Calls of the IKZF1 exons, columns "1" to "8", words of `COPY_NUMBERS`: what `classify_ikzf1` takes.
    genes
        Calls of the other genes, and `par1`; words of `COPY_NUMBERS`.
    classes
        What `classify_ikzf1` makes of the exons, and share_of_blasts: the share of the leukaemic cells that carry the
        deletion, from the doses. `extent` needs genes called "7p" and "7q" in the probe table.
    probabilities
        P(class | peaks, blasts), columns none, whole_gene, ik6, del_4_8, other, gain; missing where the leukaemic
        fraction is unknown, the sample failed, or an exon fits no copy number (subclonal, or a wrong fraction).
    quality
        One row a sample: n_reaction, control_sd, replicate_correlation, n_disagree (probes whose replicates differ),
        blasts, failed, note.
    set_aside
        reason, n: reactions and probes that were not used.
    settings
        How the calls were made.
    """

    quotients: pd.DataFrame
    exons: pd.DataFrame
    genes: pd.DataFrame
    classes: pd.DataFrame
    probabilities: pd.DataFrame
    quality: pd.DataFrame
    set_aside: pd.DataFrame
    settings: Mapping[str, object]
    units: Units

    def __repr__(self) -> str:
        return f"MlpaCalls({len(self.quality)} samples, {int(self.quality['failed'].sum())} failed)"

    def tidy(self, conf_level: float = 0.95) -> pd.DataFrame:
        """Doses and calls, one row a sample and exon (or probe of a gene without exon numbers).

        Returns
        -------
        DataFrame
            sample, gene, exon, probe (where it stands alone), n_probe, estimate, std_error, low, high, conf_level,
            interval, scale ("dosage quotient"), call, confidence (probability that the call is right, given the error
            and, in the purity model, the leukaemic fraction and equal odds beforehand), note.
        """
        if not 0 < conf_level < 1:
            raise InputError("conf_level lies between 0 and 1", next_step="Use 0.95, for example.")
        units, samples = self.units, len(self.quality)
        quantile = norm.ppf(0.5 + conf_level / 2.0)
        flat = {
            "sample": np.repeat(self.quality.index.to_numpy(), len(units.gene)),
            "gene": np.tile(units.gene, samples),
            "exon": pd.array(np.tile(units.exon, samples), dtype="Int64"),
            "probe": np.tile(units.probe, samples),
            "n_probe": np.tile(units.n_probe, samples),
            "estimate": units.quotient.ravel(),
            "std_error": units.std_error.ravel(),
        }
        frame = pd.DataFrame(flat)
        frame["low"] = frame["estimate"] - quantile * frame["std_error"]
        frame["high"] = frame["estimate"] + quantile * frame["std_error"]
        frame["conf_level"], frame["interval"], frame["scale"] = conf_level, "plain", "dosage quotient"
        frame["call"] = pd.Categorical.from_codes(units.call.ravel(), categories=list(COPY_NUMBERS))
        frame["confidence"] = units.confidence.ravel()
        frame["note"] = np.array(UNIT_NOTES, dtype=object)[units.note.ravel()]
        return frame

    def glance(self) -> pd.DataFrame:
        """Numbers of samples, of failures, and of reactions and probes set aside, in one row."""
        row = {
            "n": len(self.quality),
            "n_failed": int(self.quality["failed"].sum()),
            "n_ambiguous": int((self.classes["ikzf1_class"] == "ambiguous").sum()),
            "n_set_aside": int(self.set_aside["n"].sum()),
        }
        return pd.DataFrame([row | dict(self.settings)])


UNIT_NOTES = (
    "",
    "sample failed",
    "no dose",
    "leukaemic fraction unknown",
    "probes disagree",
    "replicates disagree",
    "fits no copy number: subclonal, or the leukaemic fraction is wrong",
)


class Units(NamedTuple):
    """Doses of exons (or of single probes of genes without exon numbers): arrays (samples, units)."""

    gene: NDArray[np.object_]
    exon: NDArray[np.object_]
    probe: NDArray[np.object_]
    n_probe: NDArray[np.intp]
    quotient: Floats
    std_error: Floats
    call: Codes
    confidence: Floats
    note: Codes

    def log_likelihoods(self, purity: Floats) -> Floats:
        """Log-likelihood of each copy number in each IKZF1 exon; 0 where there is no dose, or replicates disagree."""
        out = np.zeros((len(purity), len(EXONS), 4))
        for place in np.flatnonzero(self.gene == IKZF1):
            score = log_likelihood(self.quotient[:, place], self.std_error[:, place], purity)
            silent = ~np.isfinite(self.quotient[:, place]) | np.isin(self.note[:, place], [4, 5])
            out[:, int(self.exon[place]) - 1] = np.where(silent[:, None], 0.0, score)
        out[~np.isfinite(purity)] = np.nan
        return out


class Rule(NamedTuple):
    """How doses become calls."""

    ranges: tuple[DoseRange, ...] | None
    purity: Floats
    confidence: float


def call_units(
    quotients: Floats,
    std_errors: Floats,
    disagree: NDArray[np.bool_],
    table: pd.DataFrame,
    failed: NDArray[np.bool_],
    rule: Rule,
) -> Units:
    """Doses and calls of the units: the probes of one exon are averaged by the inverse of their variances."""
    target = ~table["control"].to_numpy()
    alone = table["exon"].isna() & ~table["control"]
    key = pd.MultiIndex.from_arrays([table["gene"], table["exon"].fillna(-1), table["probe"].where(alone, "")])
    codes, distinct = pd.factorize(key[target])
    member = (codes[:, None] == np.arange(len(distinct))).astype(np.float64)
    q, s = quotients[:, target], std_errors[:, target]
    with np.errstate(divide="ignore", invalid="ignore"):
        there = np.isfinite(q) & np.isfinite(s)
        weight = np.where(there, s**-2.0, 0.0)
        total = weight @ member
        dose = (np.where(there, q, 0.0) * weight) @ member / total
        scatter = (weight * (np.where(there, q, 0.0) - (dose @ member.T)) ** 2) @ member
        count = there.astype(np.float64) @ member
        limits = chi2.isf(DISAGREE, np.maximum(np.arange(int(count.max(initial=1)) + 1) - 1, 1))
        apart = (count > 1) & (scatter > limits[count.astype(np.intp)])
        error = total**-0.5
    differ = (disagree[:, target].astype(np.float64) @ member) > 0
    call, sure, note = calls_of_doses(dose, error, rule)
    for code, where in (
        (5, differ),
        (4, apart),
        (2, ~np.isfinite(dose)),
        (1, np.broadcast_to(failed[:, None], dose.shape)),
    ):
        call, note = np.where(where, AMBIGUOUS, call), np.where(where, code, note)
        sure = np.where(where, np.nan, sure)
    call = np.where(note == 2, FAILED, np.where(note == 1, FAILED, call)).astype(np.int8)
    exon = np.array([None if part[1] == -1 else int(part[1]) for part in distinct], dtype=object)
    gene = np.array([part[0] for part in distinct], dtype=object)
    probes = member.sum(axis=0).astype(np.intp)
    alone_name = np.array([part[2] for part in distinct], dtype=object)
    units = Units(gene, exon, alone_name, probes, dose, error, call, sure, note.astype(np.int8))
    for values in units:
        values.flags.writeable = False
    return units


def calls_of_doses(dose: Floats, error: Floats, rule: Rule) -> tuple[Codes, Floats, Codes]:
    """Call, confidence and note of each dose: by ranges, or by the copy number that the leukaemic fraction makes likely."""
    note = np.zeros(dose.shape, dtype=np.int8)
    if rule.ranges is not None:
        call, sure = calls_of_ranges(dose, error, rule.ranges)
        return call, sure, note
    call, sure, misfit = call_copies(dose, error, rule.purity[:, None], rule.confidence)
    note[misfit] = 6
    note[~np.isfinite(rule.purity)] = 3
    return call, np.where(misfit, np.nan, sure), note


def exon_frame(units: Units, index: pd.Index) -> pd.DataFrame:
    """Calls of the eight IKZF1 exons; an exon without a probe is not tested."""
    codes = np.full((len(index), len(EXONS)), NOT_TESTED, dtype=np.int8)
    for place in np.flatnonzero(units.gene == IKZF1):
        if units.exon[place] is None:
            raise InputError("an IKZF1 probe has no exon", next_step="Give its exon in the probe table.")
        codes[:, int(units.exon[place]) - 1] = units.call[:, place]
    return words(codes, [str(exon) for exon in EXONS], index)


def gene_frame(units: Units, index: pd.Index, min_units: int) -> pd.DataFrame:
    """Calls of the genes but IKZF1: the gravest call of their exons, and `par1` from its segment.

    Homozygous comes before deleted, deleted before ambiguous, ambiguous before failed (an exon without a dose does not
    undo the loss of another), failed before gain, gain before normal. A loss in fewer than `min_units` exons (or probes)
    is ambiguous, where the gene has so many.
    """
    gravest = np.array([5, 1, 0, 4, 2, 3, 6], dtype=np.int8)
    ranked = gravest[units.call]
    word = np.argsort(gravest).astype(np.int8)
    genes = [gene for gene in dict.fromkeys(units.gene) if gene != IKZF1]
    columns = {}
    for gene in genes:
        mine = units.gene == gene
        call = word[ranked[:, mine].min(axis=1)]
        lost = np.isin(units.call[:, mine], [DELETED, HOMOZYGOUS]).sum(axis=1)
        few = (lost > 0) & (lost < min(min_units, int(mine.sum())))
        columns[gene] = np.where(few, AMBIGUOUS, call)
    segment = [columns[gene] for gene in PAR1_SEGMENT if gene in columns]
    if segment and "par1" not in columns:
        same = np.all([part == segment[0] for part in segment], axis=0)
        known = np.where(same, segment[0], AMBIGUOUS)
        columns["par1"] = known
    codes = np.column_stack(list(columns.values())) if columns else np.empty((len(index), 0), dtype=np.int8)
    return words(codes.astype(np.int8), list(columns), index)


def words(codes: Codes, names: list[str], index: pd.Index) -> pd.DataFrame:
    """Call codes as a frame of categories."""
    levels = list(COPY_NUMBERS)
    return pd.DataFrame(
        {name: pd.Categorical.from_codes(codes[:, place], categories=levels) for place, name in enumerate(names)},
        index=index,
    )


def carried_share(units: Units, purity: Floats, index: pd.Index) -> pd.Series:
    r"""Share of the leukaemic cells that carry the IKZF1 deletion, from the exons that have lost one copy.

    .. math:: f = 2 (1 - DQ) / p

    with the mean DQ of these exons, weighted by the inverse of their variances, cut to 0 to 1. Missing without such an
    exon, or without the leukaemic fraction.
    """
    mine = units.gene == IKZF1
    one_lost = units.call[:, mine] == DELETED
    weight = np.where(one_lost, np.nan_to_num(units.std_error[:, mine], nan=np.inf) ** -2.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        dose = (weight * np.where(one_lost, units.quotient[:, mine], 0.0)).sum(axis=1) / weight.sum(axis=1)
        share = np.clip(2.0 * (1.0 - dose) / purity, 0.0, 1.0)
    return pd.Series(share, index=index)


def class_frame(units: Units, exons: pd.DataFrame, genes: pd.DataFrame, purity: Floats) -> pd.DataFrame:
    """Classes of the exon calls; extent where the kit has probes of 7p and 7q, clonality where the fraction is known."""
    arms = genes[["7p", "7q"]].astype(object) if {"7p", "7q"} <= set(genes.columns) else None
    share = carried_share(units, purity, exons.index)
    return classify_ikzf1(exons, neighbours=arms, fraction=share).assign(share_of_blasts=share)


def probabilities_of_class(units: Units, purity: Floats, failed: NDArray[np.bool_], prior: DeletionPrior) -> Floats:
    """P(class) of each sample; missing for failed samples, unknown fractions, and without any IKZF1 probe.

    Missing too where an exon fits no copy number: every state gives all leukaemic cells the same copies, so that a loss in
    some of them would be given, with great confidence, to the nearest state.
    """
    if not (units.gene == IKZF1).any():
        return np.full((len(purity), len(KNOWN_CLASSES)), np.nan)
    mine = units.gene == IKZF1
    score = [log_likelihood(units.quotient[:, k], units.std_error[:, k], purity) for k in np.flatnonzero(mine)]
    odd = np.any([np.nan_to_num(each.max(axis=-1)) < -0.5 * MISFIT**2 for each in score], axis=0)
    return class_probabilities(units.log_likelihoods(np.where(failed | odd, np.nan, purity)), prior)
