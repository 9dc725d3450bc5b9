"""Added value: the section of the ladders."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.prognosis.ladder import AddedValue
from ikzf1_outcomes.report.document import Picture, Section
from ikzf1_outcomes.report.ladder_tables import (
    benefit_table,
    calibration_table,
    decision_words,
    guard_rails,
    ladder_table,
    ratio_table,
    ratio_words,
    set_table,
    set_words,
    without_poor_limits,
)
from ikzf1_outcomes.report.tables import Table
from ikzf1_outcomes.study.added_value_plan import LadderPlan
from ikzf1_outcomes.study.effects_page import FOLDER, Found, labelled, taken_up, treated, write_rows
from ikzf1_outcomes.study.folder import Workspace
from ikzf1_outcomes.study.ladders import Asked, Climbing, arrays_of, asked_of
from ikzf1_outcomes.study.load import Study, known, start_of
from ikzf1_outcomes.study.pictures import kept, note_of, simulated

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "added_value"
KINDS = ("rungs", "measures", "calibration", "decision", "sets", "ratios")


class Shown(NamedTuple):
    """A ladder on the page."""

    stem: str
    """Of its tables and figures."""
    plan: LadderPlan
    asked: Asked
    rows: dict[str, pd.DataFrame]

    @property
    def title(self) -> str:
        """What is predicted, with the name of the ladder."""
        name = f"{self.plan.name}: " if self.plan.name else ""
        return f"{name}{self.asked.cause or ENDPOINTS[self.plan.endpoint].label}"


def added_value_section(work: Workspace, study: Study) -> Found | None:
    """The section and its tables; None for a study without a ladder."""
    if not study.plan.added_value:
        return None
    ladders = [shown_of(work, climbing, place) for place, climbing in enumerate(ladders_of(study), 1)]
    for kind in KINDS:
        parts = [own.rows[kind].assign(ladder=own.plan.name, endpoint=own.plan.endpoint) for own in ladders]
        if any(map(len, parts)):
            write_rows(work, study, f"{NAME}_{kind}", [part for part in parts if len(part)])
    told, tables, figures, notes = [], [], [], []
    for own in ladders:
        told += story(study, own)
        tables += [labelled(table, study) for table in tables_of(own, study)]
        figures += figures_of(work, study, own)
        prefix = f"{own.plan.name}. " if own.plan.name else ""
        notes += [prefix + note for note in guard_rails(own.rows["rungs"])]
    paragraphs = tuple(filter(None, [*told, treated(study)]))
    return Section("added-value", "Added value", paragraphs, tuple(tables), tuple(figures), tuple(notes), FOLDER), tables


def ladders_of(study: Study) -> list[Climbing]:
    """The ladders of a study, in their order."""
    columns, settings = list(study.cohort.dictionary), study.plan.settings
    arrays = arrays_of(study.kinome, study.plan.kinome)
    asked = [asked_of(plan, partial(known, study), columns, settings, arrays) for plan in study.plan.added_value]
    return [Climbing(own, settings.conf_level) for own in asked]


def shown_of(work: Workspace, climbing: Climbing, place: int) -> Shown:
    """The numbers of a ladder, computed or taken up from an earlier run."""
    stem = NAME if place == 1 else f"{NAME}_{place}"
    makers = {kind: getattr(climbing, kind) for kind in KINDS}
    return Shown(
        stem,
        climbing.asked.plan,
        climbing.asked,
        {kind: taken_up(work, f"{stem}_{kind}", make) for kind, make in makers.items()},
    )


def story(study: Study, own: Shown) -> list[str]:
    """The finding first, then who the patients are, the decision, and the ratios."""
    rungs, plan = own.rows["rungs"], own.plan
    first = rungs.iloc[0]
    columns = [name for name in study.plan.landmarks if name in own.asked.endpoint.frame and uses(plan, name)]
    start = start_of(study, columns)
    begins = f" Follow-up starts at the landmark of {start:g} years." if start else ""
    who = (
        f"All rungs have the same {first['n']:.0f} patients with {first['n_event']:.0f} events; {first['n_excluded']:.0f} "
        f"in whom a term is not known are left out.{begins} Only what holds in new patients of the same kind counts as "
        "prediction; a rung that adds nothing is a finding."
    )
    prefix = f"{plan.name}. " if plan.name else ""
    told = [prefix + AddedValue(own.rows["measures"], rungs).words(), who]
    if plan.decision is not None and len(own.rows["decision"]):
        told.append(decision_words(own.rows["decision"], list(plan.ladder), plan.decision.what))
    if len(own.rows["sets"]):
        told.append(set_words(own.rows["sets"], next(iter(plan.ladder))))
    if len(own.rows["ratios"]):
        told.append(ratio_words(own.rows["ratios"], plan.effect, study.labels))
    return told


def uses(plan: LadderPlan, column: str) -> bool:
    """Whether a rung reads a column."""
    from ikzf1_outcomes.formula.grammar import read_terms
    from ikzf1_outcomes.prognosis.rungs import columns_of

    return any(column in columns_of(read_terms(terms)) for terms in plan.ladder.values())


def tables_of(own: Shown, study: Study) -> list[Table]:
    """The tables of a ladder in the order of the page."""
    rows, stem = own.rows, own.stem
    measures = without_poor_limits(rows["measures"])
    made: list[Table | None] = [ladder_table(measures, rows["rungs"], stem, f"Added value: {own.title}")]
    made.append(calibration_table(rows["calibration"], f"{stem}_calibration", f"Calibration: {own.title}"))
    if len(rows["decision"]):
        made.append(benefit_table(rows["decision"], f"{stem}_decision", f"Net benefit: {own.title}"))
    if len(rows["sets"]):
        made.append(set_table(rows["sets"], f"{stem}_sets", f"Sets of peptides: {own.title}"))
    if len(rows["ratios"]):
        made.append(ratio_table(rows["ratios"], study.labels, f"{stem}_ratios", f"Effect and scores: {own.title}"))
    return [table for table in made if table is not None]


def figures_of(work: Workspace, study: Study, own: Shown) -> list[Picture]:
    """Ladder, calibration, decision curve and forest, those that there are."""
    from ikzf1_outcomes.report import effect_figures, ladder_figures, prediction_figures

    rows, note = own.rows, note_of(study)
    points, decision, ratios = rows["calibration"], rows["decision"], rows["ratios"]
    measures, points = without_poor_limits(rows["measures"]), points[points["measure"] == ""]

    def picture(kind: str, draw: partial[Figure], alt: str, caption: str) -> Picture:
        path = kept(work, f"figures/{own.stem}_{kind}", draw)
        return Picture(path, alt, simulated(f"{own.title}. {caption}", study), broad=kind == "ladder")

    out = [
        picture(
            "ladder", partial(ladder_figures.ladder_figure, measures, note=note), ladder_figures.ladder_alt(measures),
            "What each rung predicts among new patients, and what it seemed to.",
        )
    ]  # fmt: skip
    if points["estimate"].notna().any():
        draw = partial(figure_of, partial(prediction_figures.calibration_figure, time_unit="years"), points, note)
        caption = "Observed against predicted risk; each risk is predicted without the patient."
        out.append(picture("calibration", draw, prediction_figures.calibration_alt(points, "years"), caption))
    if len(decision) and decision["estimate"].notna().any():
        draw = partial(figure_of, prediction_figures.decision_figure, decision, note)
        assert own.plan.decision is not None
        caption = f"Net benefit of deciding by the risks. {own.plan.decision.what.rstrip('.')}."
        out.append(picture("decision", draw, prediction_figures.decision_alt(decision), caption))
    if len(ratios):
        legend = "Filled: after adjustment, or within a level; open: before."
        draw = partial(effect_figures.forest_plot, ratios, study.labels, note=note, legend=legend)
        caption = "Hazard ratios of the effect before and after the scores, and of each score per SD, with intervals."
        out.append(picture("forest", draw, effect_figures.forest_alt(ratios, study.labels), caption))
    return out


def figure_of(draw: object, rows: pd.DataFrame, note: str) -> Figure:
    """The figure of a function that gives axes."""
    return draw(rows, note=note).figure  # type: ignore[operator]
