"""The genome page of a report: tables, pictures, and what made them."""

from __future__ import annotations

import io

import pandas as pd

from ikzf1_outcomes.genome.calls import LOSS_WORDS
from ikzf1_outcomes.report import alterations
from ikzf1_outcomes.report.document import Picture, Section
from ikzf1_outcomes.report.tables import Table, escape_formulas
from ikzf1_outcomes.study.folder import Workspace, write
from ikzf1_outcomes.study.genome_results import genome_results
from ikzf1_outcomes.study.load import Study
from ikzf1_outcomes.study.pictures import kept, note_of, simulated

TEXTS = {"variable", "level", "group", "note", "term", "contrast", "analysis", "first", "second", "endpoint", "method"}
TEXTS |= {"scale", "interval", "cause"}


def genome_section(work: Workspace, study: Study) -> tuple[Section, list[Table]] | None:
    """The section and its tables; None for a study without a `[genome]` part."""
    if study.evidence is None or study.plan.genome is None:
        return None
    raw = read_back(work, study)
    for name, table in raw.items():
        labelled = table.assign(data="simulated" if study.simulated else "patients")
        write(work.path(f"genome/{name}.csv"), escape_formulas(labelled).to_csv(index=False, lineterminator="\n"))
    tables = tables_of(raw, study)
    named = {"classify_ikzf1", *study.plan.genome.profiles}
    rules = tuple(rule for rule in study.cohort.provenance.rules if rule.split(":")[0] in named)
    told = study.evidence.method
    return Section("genome", "Genome", (told,), tuple(tables), pictures(work, study, raw), rules), tables


def read_back(work: Workspace, study: Study) -> dict[str, pd.DataFrame]:
    """The raw tables, computed or taken up from an earlier run: numbers are the same either way."""
    made = work.path("parts/genome.json")
    if not made.is_file():
        text = pd.Series({name: table.to_csv(index=False) for name, table in genome_results(study).items()}).to_json()
        write(made, text)
    found = pd.read_json(io.StringIO(made.read_text(encoding="utf-8")), typ="series", convert_dates=False)
    return {str(name): from_text(str(text)) for name, text in found.items()}


def from_text(text: str) -> pd.DataFrame:
    """A table from its CSV text; words stay words."""
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return table.assign(**{name: pd.to_numeric(table[name]) for name in table if name not in TEXTS})


def tables_of(raw: dict[str, pd.DataFrame], study: Study) -> list[Table]:
    """The printed tables, in the order of the page."""
    labels, horizon = study.labels, study.plan.settings.horizon
    outcome = study.plan.genome.outcome if study.plan.genome else ""
    made = {
        "quality": lambda rows: alterations.quality_cells(rows),
        "frequencies": lambda rows: alterations.frequency_cells(rows, labels),
        "frequencies_by_subtype": lambda rows: alterations.subtype_cells(rows, labels),
        "call_uncertainty": lambda rows: alterations.uncertainty_cells(rows, labels, horizon, outcome),
        "characteristics": lambda rows: alterations.characteristics_cells(
            rows, labels, "characteristics", "Characteristics by IKZF1 deletion", "Patients whose deletion status is known"
        ),
        "selection": lambda rows: alterations.characteristics_cells(
            rows, labels, "selection", "Tested against not tested", "Being tested is a selection"
        ),
    }
    out = [make(raw[name]) for name, make in made.items() if name in raw]
    return [table._replace(subtitle=f"{table.subtitle} · simulated data") if study.simulated else table for table in out]


def pictures(work: Workspace, study: Study, raw: dict[str, pd.DataFrame]) -> tuple[Picture, ...]:
    """The exon map, the frequencies, the pairs."""
    from ikzf1_outcomes.report import dosage_figures, genome_figures

    evidence = study.evidence
    assert evidence is not None
    short = {name: alterations.short_label(name, study.labels) for name in study.labels}
    exons, classes, note = evidence.exons, evidence.classes["ikzf1_class"], note_of(study)
    out = [
        Picture(
            kept(work, "figures/genome_exons", lambda: genome_figures.exon_map(exons, classes=classes, note=note)),
            genome_figures.exon_map_alt(exons, classes),
            simulated("Exons of IKZF1 by patient, sorted by class and pattern.", study),
        )
    ]
    rows = raw["frequencies"]
    lost = rows[rows["level"].isin(LOSS_WORDS) & rows["estimate"].notna() & (rows["n"] > 0)]
    if len(lost):
        shown = lost.assign(group="all")
        told = ", ".join(f"{row.variable} {row.level} {row.n:.0f} of {row.n_known:.0f}" for row in lost.itertuples())
        out.append(
            Picture(
                kept(
                    work,
                    "figures/genome_frequencies",
                    lambda: genome_figures.frequency_figure(shown, labels=short, note=note),
                ),
                f"Frequency of each deletion: {told}.",
                simulated("Frequency of each deletion with exact intervals.", study),
            )
        )
    if "cooccurrence" in raw:
        pairs = raw["cooccurrence"].rename(columns={"n_both": "both"})
        out.append(
            Picture(
                kept(
                    work,
                    "figures/genome_pairs",
                    lambda: dosage_figures.cooccurrence_figure(pairs, labels=short, note=note),
                ),
                dosage_figures.cooccurrence_alt(pairs, labels=short),
                simulated("Pairs of deletions: odds ratios; P adjusted by Benjamini and Hochberg.", study),
            )
        )
    return tuple(out)
