"""Copy numbers and what is made of them."""

from __future__ import annotations

from ikzf1_outcomes.glossary.column import Column

COLUMNS = {
    "sample": Column("A sample of the laboratory", "text"),
    "gene": Column("Gene: of a probe in lower case; of a peptide or site the HGNC symbol, several with / between", "text"),
    "exon": Column("Exon; of IKZF1 in the numbering 1-8", "count"),
    "probe": Column("Probe, where it stands for itself", "text"),
    "n_probe": Column("Probes behind a dose", "count"),
    "n_failed": Column("Samples that failed", "count"),
    "n_ambiguous": Column("Samples with an open IKZF1 class", "count"),
    "n_set_aside": Column("Reactions, probes or segments that were not used", "count"),
    "normalisation": Column("How peaks became dosage quotients, or how the spots of arrays were made alike", "text"),
    "thresholds": Column("How dosage quotients became calls", "text"),
    "measured": Column("What the run holds: peaks, or ratio", "text"),
    "call": Column("Call of copy number, a word of COPY_NUMBERS", "text"),
    "confidence": Column("Probability that the call is right, given the error of the dose", "share"),
    "locus": Column("A gene, an exon of IKZF1, or an arm of chromosome 7", "text"),
    "quotient": Column("Mean dose relative to two copies", "none"),
    "probes": Column("Probes of the segments over a locus", "count"),
    "overlap": Column("Share of the locus that is covered", "share"),
    "lost": Column("Share of the covered bases that is lost", "share"),
    "build": Column("Build of the genome", "text"),
    "n_samples": Column("Samples", "count"),
    "n_segments": Column("Segments given", "count"),
    "variant": Column("A rule with one switch away from its default", "text"),
    "from": Column("Level by the default rule", "text"),
    "to": Column("Level under the variant", "text"),
}
