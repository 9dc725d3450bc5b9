"""The kinome page of a report: the finding in words, tables, pictures."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from ikzf1_outcomes.kinome.clusters import cluster_kinome, scaled_peptides
from ikzf1_outcomes.report import kinome as page
from ikzf1_outcomes.report.alterations import characteristics_cells, short_label
from ikzf1_outcomes.report.document import Picture, Section
from ikzf1_outcomes.report.labels import level_label
from ikzf1_outcomes.report.tables import Table, escape_formulas
from ikzf1_outcomes.study.effects_page import Found, labelled
from ikzf1_outcomes.study.folder import Workspace, write
from ikzf1_outcomes.study.kinome import KinomeEvidence, varying
from ikzf1_outcomes.study.kinome_plan import KinomePlan
from ikzf1_outcomes.study.kinome_results import TEXTS, annotations_of, kinome_rows
from ikzf1_outcomes.study.load import Study
from ikzf1_outcomes.study.pictures import kept, note_of, simulated

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "kinome"


def kinome_section(work: Workspace, study: Study) -> Found | None:
    """The section and its tables; None for a study without a `[kinome]` part."""
    plan, evidence = study.plan.kinome, study.kinome
    if plan is None or evidence is None:
        return None
    rows = rows_of(work, study)
    saved = rows.assign(data="simulated" if study.simulated else "patients")
    write(work.path(f"{NAME}/{NAME}.csv"), escape_formulas(saved).to_csv(index=False, lineterminator="\n"))
    tables = [labelled(table, study) for table in tables_of(rows, study, plan)]
    notes = (evidence.read.method, *sources(plan, evidence))
    figures = pictures(work, study, plan, evidence, rows)
    return Section(NAME, "Kinome", tuple(page.story(rows, study.simulated)), tuple(tables), figures, notes), tables


def rows_of(work: Workspace, study: Study) -> pd.DataFrame:
    """The numbers, computed or taken up from an earlier run: the same either way."""
    text = work.step(f"parts/{NAME}.csv", lambda: kinome_rows(study).to_csv(index=False)).read_text(encoding="utf-8")
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return table.assign(**{name: pd.to_numeric(table[name]) for name in table if name not in TEXTS})


def tables_of(rows: pd.DataFrame, study: Study, plan: KinomePlan) -> list[Table]:
    """The tables in the order of the page."""
    selection = page.part(rows, "selection")
    made = [
        page.hit_table(rows),
        page.peptide_table(rows),
        page.set_table(rows, plan.column),
        page.cluster_table(rows, study.labels),
        page.quality_table(rows),
        page.batch_table(rows, plan.column),
    ]
    if len(selection):
        made.append(
            characteristics_cells(
                selection,
                study.labels,
                "kinome_selection",
                "With an array against without",
                "Being measured is a selection",
            )
        )
    return [table for table in made if table is not None]


def sources(plan: KinomePlan, evidence: KinomeEvidence) -> tuple[str, ...]:
    """Where the pathways are from, and which scores became columns."""
    if not evidence.sets:
        return ()
    if plan.sets_file is None:
        told = "Pathways: the genes that the package carries, most of them recalled and not verified (pathway_genes)."
    else:
        told = f"Pathways: {plan.sets_file.name}."
    scores = f" Scores of the patients: {plan.score_method} of {', '.join(plan.scores)}." if plan.scores else ""
    return (told + scores,)


def pictures(
    work: Workspace, study: Study, plan: KinomePlan, evidence: KinomeEvidence, rows: pd.DataFrame
) -> tuple[Picture, ...]:
    """The heat maps of all peptides and of those with the smallest P, the volcano plot, the pathways."""
    differences = page.part(rows, "difference").sort_values("p_value", kind="stable")
    out = heat_maps(work, study, plan, evidence, rows)
    if differences["p_value"].notna().any():
        out.append(volcano_picture(work, study, plan, differences))
    if evidence.sets:
        out.append(pathway_picture(work, study, plan, rows))
    return tuple(out)


def heat_maps(
    work: Workspace, study: Study, plan: KinomePlan, evidence: KinomeEvidence, rows: pd.DataFrame
) -> list[Picture]:
    """All peptides, and those with the smallest P; columns bear no names."""
    from ikzf1_outcomes.report.kinome_maps import tracked_heat_map, tracked_heat_map_alt

    known = annotations_of(study, evidence, plan)
    whole = varying(evidence.values)
    tree = cluster_kinome(whole, scale=True)
    tracks = known.rename(columns=lambda name: short_label(str(name), study.labels)).iloc[tree.order]
    scaled = pd.DataFrame(scaled_peptides(whole.to_numpy()), index=whole.index, columns=whole.columns).iloc[:, tree.order]
    order = page.part(rows, "difference").sort_values("p_value", kind="stable").set_index("term")["estimate"]
    best = order[[name for name in order.index if name in scaled.index][: page.SHOWN]].sort_values().index
    chosen = (
        f"The {len(best)} peptides with the smallest P, from lower to higher in {plan.first}: chosen for their difference, "
        "so that a pattern is seen here even where chance made it."
    )
    maps = (
        ("all", scaled.iloc[cluster_kinome(scaled, of="peptides").order], "All peptides by arrays, clustered both ways."),
        ("top", scaled.loc[best], chosen),
    )
    draw = partial(tracked_heat_map, merges=tree.merges, note=note_of(study))
    return [
        Picture(
            kept(work, f"figures/kinome_{name}", partial(draw, table, tracks)),
            tracked_heat_map_alt(table, tracks, page.cluster_sentence(rows) if name == "all" else ""),
            simulated(caption, study),
            broad=True,
        )
        for name, table, caption in maps
    ]


def volcano_picture(work: Workspace, study: Study, plan: KinomePlan, differences: pd.DataFrame) -> Picture:
    """The differences against their P."""
    from ikzf1_outcomes.report.volcano import volcano_alt, volcano_plot

    def draw() -> Figure:
        return volcano_plot(differences, note=note_of(study)).figure  # type: ignore[return-value]

    caption = f"Difference of each peptide ({plan.contrast}) against its P."
    return Picture(kept(work, "figures/kinome_volcano", draw), volcano_alt(differences), simulated(caption, study))


def pathway_picture(work: Workspace, study: Study, plan: KinomePlan, rows: pd.DataFrame) -> Picture:
    """The mean of each pathway in both groups."""
    from ikzf1_outcomes.report.kinome_maps import pathway_means_alt, pathway_means_figure

    means, tests = page.part(rows, "scores"), page.part(rows, "sets")
    tests = tests[tests["method"] == "camera"]
    groups = (level_label(plan.column, plan.first), level_label(plan.column, plan.second))
    named = means.assign(group=means["group"].map(dict(zip((plan.first, plan.second), groups, strict=True))))
    draw = partial(pathway_means_figure, named, tests, groups=groups, note=note_of(study))
    caption = "Mean of each pathway in both groups, as measured; P of the competitive test, adjusted for their number."
    path = kept(work, "figures/kinome_pathways", draw)
    return Picture(path, pathway_means_alt(named, tests), simulated(caption, study))
