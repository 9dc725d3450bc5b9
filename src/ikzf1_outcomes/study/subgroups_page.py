"""The effect of one variable within subgroups: a forest and a table for each endpoint."""

from __future__ import annotations

from functools import partial

import pandas as pd

from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.effects.subgroups import subgroup_effects
from ikzf1_outcomes.report.document import Picture, Section
from ikzf1_outcomes.report.subgroups import subgroup_cells
from ikzf1_outcomes.study.effects_page import (
    FOLDER,
    Found,
    conditions,
    labelled,
    taken_up,
    treated,
    write_rows,
)
from ikzf1_outcomes.study.folder import Workspace
from ikzf1_outcomes.study.load import Study, known, strata_of
from ikzf1_outcomes.study.pictures import kept, note_of, simulated


def subgroups_section(work: Workspace, study: Study) -> Found | None:
    """The section and its tables; None for a study that names no subgroups."""
    plan = study.plan
    if not plan.subgroups:
        return None
    variable = plan.subgroup_variable
    tables, figures, parts = [], [], []
    for name in study.endpoints:
        rows = taken_up(work, f"subgroups_{name.lower()}", partial(subgroup_rows, study, name))
        parts.append(rows.assign(endpoint=name))
        title = f"{study.labels[variable]} by subgroup: {ENDPOINTS[name].label}"
        tables.append(labelled(subgroup_cells(rows, study.labels, f"subgroups_{name.lower()}", title), study))
        figures.append(forest(work, study, name, rows))
    write_rows(work, study, "subgroups", parts)
    told = [conditions(study, [variable], plan.subgroups), treated(study)]
    heading = f"{study.labels[variable]} by subgroup"
    return Section("subgroups", heading, tuple(filter(None, told)), tuple(tables), tuple(figures), (), FOLDER), tables


def subgroup_rows(study: Study, name: str) -> pd.DataFrame:
    """The effects within subgroups on one endpoint."""
    plan = study.plan
    endpoint = known(study, name, [plan.subgroup_variable, *plan.subgroups])
    return subgroup_effects(
        endpoint,
        plan.subgroup_variable,
        plan.subgroups,
        at=plan.settings.horizon,
        cause=endpoint.interest,
        strata=strata_of(study, [plan.subgroup_variable]) or None,
        conf_level=plan.settings.conf_level,
    )


def forest(work: Workspace, study: Study, name: str, rows: pd.DataFrame) -> Picture:
    """The forest of one endpoint."""
    from ikzf1_outcomes.report.subgroup_figures import subgroup_alt, subgroup_forest

    path = kept(work, f"figures/subgroups_{name.lower()}", lambda: subgroup_forest(rows, study.labels, note=note_of(study)))
    caption = f"{ENDPOINTS[name].label}: ratios and differences in risk within subgroups, with intervals."
    return Picture(path, subgroup_alt(rows, study.labels), simulated(caption, study), broad=True)
