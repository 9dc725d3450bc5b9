"""The effects of a study: a table and a forest plot for each endpoint."""

from __future__ import annotations

import io

import pandas as pd

from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.effects.side_by_side import MEANING, effect_table
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.report.document import Picture, Section
from ikzf1_outcomes.report.effects import HEADS, effect_cells
from ikzf1_outcomes.report.tables import Table, escape_formulas
from ikzf1_outcomes.study.folder import Workspace, write
from ikzf1_outcomes.study.load import Study, among_known, at_landmark
from ikzf1_outcomes.study.pictures import kept, note_of, simulated

TEXTS = ("method", "model", "term", "contrast", "cause", "interval", "scale", "note", "endpoint")


def effects_section(work: Workspace, study: Study) -> tuple[Section, list[Table]] | None:
    """The section and its tables; None for a study that names no effects."""
    if not study.plan.effects:
        return None
    tables, figures, parts = [], [], []
    for name in study.endpoints:
        rows = numbers(work, study, name)
        parts.append(rows.assign(endpoint=name, data="simulated" if study.simulated else "patients"))
        title = f"Effects: {ENDPOINTS[name].label}"
        table = effect_cells(rows, study.labels, f"effects_{name.lower()}", title, MEANING)
        tables.append(table._replace(subtitle=f"{table.subtitle} · simulated data") if study.simulated else table)
        figures.append(forest(work, study, name, rows))
    content = escape_formulas(pd.concat(parts, ignore_index=True)).to_csv(index=False, lineterminator="\n")
    write(work.path("effects/effects.csv"), content)
    return Section("effects", "Effects", (conditions(study),), tuple(tables), tuple(figures), ()), tables


def numbers(work: Workspace, study: Study, name: str) -> pd.DataFrame:
    """The effect table of one endpoint, computed or taken up from an earlier run."""

    def make() -> str:
        endpoint, settings = known(study, study.endpoints[name]), study.plan.settings
        table = effect_table(
            endpoint,
            study.plan.effects,
            cause=endpoint.interest,
            strata=list(settings.strata) or None,
            conf_level=settings.conf_level,
        )
        return table.to_csv(index=False)

    text = work.step(f"parts/effects_{name.lower()}.csv", make).read_text(encoding="utf-8")
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return table.assign(**{column: pd.to_numeric(table[column]) for column in table if column not in TEXTS})


def known(study: Study, endpoint: Endpoint) -> Endpoint:
    """The endpoint at the latest landmark that a term asks for, with unknown levels made missing."""
    terms = study.plan.effects
    asked = [study.plan.landmarks[term] for term in terms if term in study.plan.landmarks]
    late = [term for term in terms if term in study.plan.landmarks]
    endpoint = at_landmark(endpoint, max(asked), ", ".join(study.labels[term] for term in late)) if asked else endpoint
    for term in terms:
        endpoint = among_known(endpoint, term, study.labels[term])
    return endpoint


def conditions(study: Study) -> str:
    """What a reader must know of all the models."""
    settings = study.plan.settings
    own = f" Cox models have a baseline for each level of {', '.join(settings.strata)}." if settings.strata else ""
    late = [term for term in study.plan.effects if term in study.plan.landmarks]
    start = f" Follow-up starts at the landmark of {max(study.plan.landmarks[t] for t in late):g} years." if late else ""
    return f"Calls that are ambiguous, failed or not tested are left out, not taken as absent.{own}{start}"


def forest(work: Workspace, study: Study, name: str, rows: pd.DataFrame) -> Picture:
    """The forest plot of the first kind of effect; of the penalised one where that has no ratio for some level."""
    from ikzf1_outcomes.report import effect_figures

    methods = [method for method in HEADS if method in set(rows["method"])]
    shown = rows[rows["method"] == methods[0]]
    path = kept(
        work,
        f"figures/effects_{name.lower()}",
        lambda: effect_figures.forest_plot(shown, study.labels, note=note_of(study)),
    )
    caption = f"{ENDPOINTS[name].label}: {HEADS[methods[0]].lower()}s with intervals."
    return Picture(path, effect_figures.forest_alt(shown, study.labels), simulated(caption, study))
