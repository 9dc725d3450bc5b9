"""The effects of a study: a table and a forest plot for each endpoint."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import pandas as pd

from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.effects.side_by_side import MEANING, effect_table
from ikzf1_outcomes.report.document import Picture, Section
from ikzf1_outcomes.report.effects import HEADS, effect_cells
from ikzf1_outcomes.report.tables import Table, escape_formulas
from ikzf1_outcomes.study.folder import Workspace, write
from ikzf1_outcomes.study.load import Study, known, start_of, strata_of
from ikzf1_outcomes.study.pictures import kept, note_of, simulated

FOLDER = "effects"
TEXTS = (
    "method",
    "model",
    "term",
    "contrast",
    "cause",
    "interval",
    "scale",
    "note",
    "endpoint",
    "variable",
    "group",
    "level",
    "measure",
    "prior",
    "unit",
    "reason",
    "source",
    "failed",
    "ladder",
)
Found = tuple[Section, list[Table]]


def effects_section(work: Workspace, study: Study) -> Found | None:
    """The section and its tables; None for a study that names no effects."""
    if not study.plan.effects:
        return None
    tables, figures, parts = [], [], []
    for name in study.endpoints:
        rows = taken_up(work, f"effects_{name.lower()}", partial(effect_rows, study, name))
        parts.append(rows.assign(endpoint=name))
        title = f"Effects: {ENDPOINTS[name].label}"
        tables.append(labelled(effect_cells(rows, study.labels, f"effects_{name.lower()}", title, MEANING), study))
        figures.append(forest(work, study, name, rows))
    write_rows(work, study, "effects", parts)
    told = tuple(line for line in (conditions(study, study.plan.effects), treated(study)) if line)
    return Section("effects", "Effects", told, tuple(tables), tuple(figures), (), FOLDER), tables


def effect_rows(study: Study, name: str) -> pd.DataFrame:
    """The effect table of one endpoint."""
    endpoint = known(study, name, study.plan.effects)
    return effect_table(
        endpoint,
        study.plan.effects,
        cause=endpoint.interest,
        strata=strata_of(study, study.plan.effects) or None,
        conf_level=study.plan.settings.conf_level,
    )


def taken_up(work: Workspace, name: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """A table of numbers, computed or taken up from an earlier run: the same either way."""
    text = work.step(f"parts/{name}.csv", lambda: make().to_csv(index=False)).read_text(encoding="utf-8")
    table = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    return table.assign(**{column: pd.to_numeric(table[column]) for column in table if column not in TEXTS})


def write_rows(work: Workspace, study: Study, name: str, parts: Iterable[pd.DataFrame]) -> None:
    """The raw rows of a section as a file, each saying whether its patients are simulated."""
    table = pd.concat(list(parts), ignore_index=True).assign(data="simulated" if study.simulated else "patients")
    write(work.path(f"{FOLDER}/{name}.csv"), escape_formulas(table).to_csv(index=False, lineterminator="\n"))


def labelled(table: Table, study: Study) -> Table:
    """The table, saying so when its data are simulated."""
    return table._replace(subtitle=f"{table.subtitle} · simulated data") if study.simulated else table


def conditions(study: Study, terms: Sequence[str], extra: Sequence[str] = ()) -> str:
    """What a reader must know of all the models with some terms; `extra` are columns that the patients must have too."""
    strata = strata_of(study, terms)
    own = f" Cox models have a baseline for each level of {', '.join(strata)}." if strata else ""
    lost = int(study.cohort.frame[strata].isna().any(axis=1).sum()) if strata else 0
    if lost:
        own += f" Patients without it are left out ({lost} of the cohort)."
    start = start_of(study, (*terms, *extra))
    begins = f" Follow-up starts at the landmark of {start:g} years." if start else ""
    return f"Calls that are ambiguous, failed or not tested are left out, not taken as absent.{own}{begins}"


def treated(study: Study) -> str:
    """The sentence on protocols that chose treatment by IKZF1 status; empty without any."""
    levels = study.plan.treated_by_ikzf1
    if not levels:
        return ""
    names = [level if level.lower().startswith("protocol") else f"protocol {level}" for level in levels]
    where = " and ".join(names)
    return f"In {where} treatment was chosen by IKZF1 status: its effect there is the effect under that treatment."


def forest(work: Workspace, study: Study, name: str, rows: pd.DataFrame) -> Picture:
    """The forest plot of the first kind of effect."""
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
