"""The effect of one variable from a landmark on: in total, and not through what came after it."""

from __future__ import annotations

from functools import partial

import pandas as pd

from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.effects.after_baseline import effects_after_baseline
from ikzf1_outcomes.report.document import Section
from ikzf1_outcomes.report.effects import after_cells
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

TOLD = (
    "The total effect is the one to report; the one not through {later} compares patients who are equal in it, which is no "
    "adjustment for confounding, and the difference of the two is no estimate of mediation without the assumptions of one."
)


def after_section(work: Workspace, study: Study) -> Found | None:
    """The section and its tables; None for a study that names nothing that comes after baseline."""
    plan = study.plan
    if not plan.through:
        return None
    variable, others = plan.subgroup_variable, study.plan.baseline_terms
    tables, parts = [], []
    for name in study.endpoints:
        rows = taken_up(work, f"after_baseline_{name.lower()}", partial(after_rows, study, name))
        parts.append(rows.assign(endpoint=name))
        title = f"{study.labels[variable]} from the landmark on: {ENDPOINTS[name].label}"
        tables.append(labelled(after_cells(rows, study.labels, f"after_baseline_{name.lower()}", title), study))
    write_rows(work, study, "after_baseline", parts)
    later = ", ".join(study.labels[name] for name in plan.through)
    adjusted = f" Both models have the terms {', '.join(study.labels[name] for name in others)}." if others else ""
    told = [TOLD.format(later=later), conditions(study, [variable, *others, *plan.through]) + adjusted, treated(study)]
    heading = f"{study.labels[variable]} and what comes after it"
    return Section("after-baseline", heading, tuple(filter(None, told)), tuple(tables), (), (), FOLDER), tables


def after_rows(study: Study, name: str) -> pd.DataFrame:
    """The two effects on one endpoint."""
    plan = study.plan
    terms = [plan.subgroup_variable, *study.plan.baseline_terms, *plan.through]
    endpoint = known(study, name, terms)
    return effects_after_baseline(
        endpoint,
        plan.subgroup_variable,
        plan.through,
        adjust=terms[1 : -len(plan.through)],
        cause=endpoint.interest,
        strata=strata_of(study, terms) or None,
        conf_level=plan.settings.conf_level,
    )
