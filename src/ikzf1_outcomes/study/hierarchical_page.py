"""Classes estimated together: the section of the hierarchical model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd

from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.report.document import Picture, Section
from ikzf1_outcomes.report.hierarchical import (
    NOT_CONVERGED,
    Words,
    diagnostic_table_of,
    effect_table_of,
    headline,
    meaning,
    prior_table_of,
    risk_table_of,
    sensitivity_table_of,
    story,
    who_is_in,
)
from ikzf1_outcomes.report.labels import level_label
from ikzf1_outcomes.report.tables import Table
from ikzf1_outcomes.study.effects_page import FOLDER, Found, labelled, taken_up, treated, write_rows
from ikzf1_outcomes.study.folder import Workspace
from ikzf1_outcomes.study.hierarchical import (
    Asked,
    asked_of,
    diagnostic_rows,
    difference_rows,
    effect_rows,
    fits_of,
    prior_rows,
    risk_rows,
    sensitivity_rows,
)
from ikzf1_outcomes.study.hierarchical_plan import HierarchicalPlan
from ikzf1_outcomes.study.load import Study, together
from ikzf1_outcomes.study.pictures import kept, note_of, simulated

NAME = "hierarchical"
HEADING = "Small classes, estimated together"
KINDS = ("effects", "risks", "differences", "sensitivity", "diagnostics", "priors")


def hierarchical_section(work: Workspace, study: Study) -> Found | None:
    """The section and its tables; None for a study without the part."""
    plan = study.plan.hierarchical
    if plan is None:
        return None
    asked = asked_of(plan, together(study))
    rows = rows_of(work, study, plan, asked)
    words = Words(plan.classes, asked.interest, study.plan.settings.horizon)
    tables = [labelled(table, study) for table in tables_of(rows, words, asked)]
    for kind in KINDS:
        write_rows(work, study, NAME if kind == "effects" else f"{NAME}_{kind}", [rows[kind]])
    told = (
        headline(rows["effects"], rows["differences"], rows["diagnostics"], words),
        conditions(study, plan, asked, rows["diagnostics"]),
        meaning(rows["effects"], words),
        treated(study),
    )
    figure = shrinkage_plot(work, study, rows["effects"], words)
    return Section(NAME, HEADING, story(told, rows["diagnostics"]), tuple(tables), (figure,), (), FOLDER), tables


def rows_of(work: Workspace, study: Study, plan: HierarchicalPlan, asked: Asked) -> dict[str, pd.DataFrame]:
    """The numbers of the section; the model is sampled only for those that no earlier run has finished."""
    settings = study.plan.settings
    at, level = settings.horizon, settings.conf_level
    fits = fits_of(plan, asked, at)
    makers: dict[str, Callable[[], pd.DataFrame]] = {
        "effects": lambda: effect_rows(fits(1.0), level),
        "risks": lambda: risk_rows(fits(1.0), asked, settings),
        "differences": lambda: difference_rows(fits(1.0), asked, at, level),
        "sensitivity": partial(sensitivity_rows, fits, asked, at, level),
        "diagnostics": lambda: diagnostic_rows(fits(1.0)),
        "priors": lambda: prior_rows(fits(1.0)),
    }
    return {kind: taken_up(work, f"{NAME}_{kind}", makers[kind]) for kind in KINDS}


def tables_of(rows: dict[str, pd.DataFrame], words: Words, asked: Asked) -> list[Table]:
    """The tables in the order of the page."""
    what = ENDPOINTS[asked.name].label
    effects = rows["effects"]
    return [
        effect_table_of(effects, words, f"{NAME}_effects", f"Classes alone and together: {what}"),
        risk_table_of(rows["risks"], effects, words, f"{NAME}_risks", "What is expected of each class, and what was seen"),
        sensitivity_table_of(rows["sensitivity"], words, f"{NAME}_sensitivity", "Any deletion, with other priors"),
        diagnostic_table_of(rows["diagnostics"], f"{NAME}_diagnostics", "Whether the chains have converged"),
        prior_table_of(rows["priors"], f"{NAME}_priors", "What was assumed before the data"),
    ]


def conditions(study: Study, plan: HierarchicalPlan, asked: Asked, diagnostics: pd.DataFrame) -> str:
    """Who is in the model, and what it is adjusted for."""
    names = [name for name in (plan.subtype, plan.protocol) if name]
    adjusted = [study.labels[name] for name in names] + ([plan.covariates] if plan.covariates else [])
    adjusted += [study.labels[name] for name in plan.alterations]
    there = set(asked.endpoint.frame[plan.classes].dropna().astype(str))
    undeleted = [level_label(plan.classes, level) for level in plan.undeleted if level in there]
    overall = diagnostics.iloc[0]
    return who_is_in(overall["n"], asked.n_before, int(overall["n_excluded"]), plan.landmark, undeleted, adjusted)


def shrinkage_plot(work: Workspace, study: Study, effects: pd.DataFrame, words: Words) -> Picture:
    """The picture of the effects."""
    from ikzf1_outcomes.report.hierarchical_figures import shrinkage_alt, shrinkage_figure

    lost = "Chains not converged." if effects["note"].str.contains(NOT_CONVERGED).any() else ""
    note = " ".join(filter(None, (note_of(study), lost)))
    path = kept(work, f"figures/{NAME}", lambda: shrinkage_figure(effects, words, note=note))
    caption = "Hazard ratios of each class alone (Cox, Firth) and estimated together, with intervals."
    return Picture(path, shrinkage_alt(effects, words), simulated(caption, study), broad=True)
