"""IKZF1 within groups of residual disease, from its landmark on: estimates, tests within the groups, curves."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.comparisons import TestResult, gray_test, logrank_test
from ikzf1_outcomes.curves.incidence import cumulative_incidence
from ikzf1_outcomes.curves.survival import kaplan_meier
from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report.document import Picture, Section
from ikzf1_outcomes.report.labels import level_label
from ikzf1_outcomes.report.mrd import mrd_alt, mrd_cells
from ikzf1_outcomes.study.effects_page import FOLDER, Found, labelled, taken_up, write_rows
from ikzf1_outcomes.study.folder import Workspace
from ikzf1_outcomes.study.load import BY_MRD_ENDPOINTS, Study, groupings_within, known
from ikzf1_outcomes.study.pictures import corners, kept, note_of, simulated, start_of, ticks_of

COLUMNS = (
    "variable", "endpoint", "term", "group", "level", "cause", "time", "n", "n_risk", "n_event", "n_excluded", "estimate",
    "std_error", "low", "high", "conf_level", "interval", "scale", "statistic", "df", "p_value", "method", "note",
)  # fmt: skip


def mrd_section(work: Workspace, study: Study) -> Found | None:
    """The section and its tables; None for a study that names no residual disease."""
    mrd = study.plan.by_mrd
    if not mrd:
        return None
    tables, figures, parts = [], [], []
    for variable in groupings_within(study):
        rows = taken_up(work, f"by_mrd_{variable}", partial(within_mrd, study, variable))
        parts.append(rows)
        title = f"{study.labels[variable]} within {study.labels[mrd]}"
        made = mrd_cells(rows, mrd, f"by_mrd_{variable}", title, study.plan.settings.horizon)
        tables.append(labelled(made, study))
        figures += [picture(work, study, variable, rows)]
    write_rows(work, study, "by_mrd", parts)
    start = study.plan.landmarks[mrd]
    told = (
        f"Follow-up starts at the landmark of {start:g} years, at which {study.labels[mrd]} is known; earlier events are "
        "left out. Calls that are ambiguous, failed or not tested are left out, not taken as absent. The tests compare the "
        f"classes within the groups of {study.labels[mrd]} and add up over these."
    )
    heading = f"IKZF1 within {study.labels[mrd]}"
    return Section("by-mrd", heading, (told,), tuple(tables), tuple(figures), (), FOLDER), tables


def within_mrd(study: Study, variable: str) -> pd.DataFrame:
    """Estimates at the horizon of each class within each group of residual disease, and the stratified tests."""
    settings, mrd = study.plan.settings, study.plan.by_mrd
    interval = {"conf_type": settings.conf_type, "conf_level": settings.conf_level}
    parts = []
    for name in BY_MRD_ENDPOINTS:
        if name not in study.endpoints:
            continue
        endpoint = known(study, name, [mrd, variable])
        by = [mrd, variable]
        if endpoint.interest is None:
            table = kaplan_meier(endpoint, by, std_error=settings.std_error, **interval).tidy([settings.horizon])  # type: ignore[arg-type]
            term, method = "survival", "Kaplan-Meier"
        else:
            table = cumulative_incidence(endpoint, by, **interval).tidy([settings.horizon])  # type: ignore[arg-type]
            table = table[table["cause"] == endpoint.interest].reset_index(drop=True)
            term, method = "incidence", "Aalen-Johansen"
        places = pd.DataFrame(table["group"].tolist(), columns=["group", "level"])
        parts.append(table.assign(group=places["group"], level=places["level"], term=term, method=method, endpoint=name))
        parts.append(stratified(endpoint, variable, mrd).assign(endpoint=name, n_excluded=endpoint.groups(by).n_missing))
    out = pd.concat(parts, ignore_index=True).assign(variable=variable).reindex(columns=list(COLUMNS))
    return out.fillna(dict.fromkeys(("group", "level", "cause", "interval", "scale", "note"), ""))


def stratified(endpoint: Endpoint, variable: str, mrd: str) -> pd.DataFrame:
    """The test between classes within the groups of residual disease, as a row."""

    def test() -> TestResult:
        if endpoint.interest is None:
            return logrank_test(endpoint, variable, strata=mrd)
        return gray_test(endpoint, variable, cause=endpoint.interest, strata=mrd)

    row = {"term": "test", "cause": endpoint.interest or ""}
    try:
        return test().glance().drop(columns="n_excluded").assign(**row)
    except InputError as failure:
        method = "stratified log-rank" if endpoint.interest is None else "stratified Gray"
        return pd.DataFrame([{**row, "method": method, "statistic": np.nan, "note": f"not estimable: {failure.problem}"}])


def picture(work: Workspace, study: Study, variable: str, rows: pd.DataFrame) -> Picture:
    """Curves of the classes, a panel for each group of residual disease: of relapse, else of event-free survival."""
    from ikzf1_outcomes.report.curve_panels import curve_panels

    mrd, horizon = study.plan.by_mrd, study.plan.settings.horizon
    name = next(name for name in reversed(BY_MRD_ENDPOINTS) if name in study.endpoints)
    endpoint = known(study, name, [mrd, variable])
    if endpoint.interest is None:
        full, first = kaplan_meier(endpoint, [mrd, variable]).tidy(), 1.0
    else:
        full, first = cumulative_incidence(endpoint, [mrd, variable]).tidy(), 0.0
        full = full[full["cause"] == endpoint.interest]
    counts = endpoint.frame.groupby(mrd, observed=True)[variable].count()
    panels = {level: f"{level_label(mrd, str(level))} (n={counts[level]})" for level in counts.index}
    places = pd.DataFrame(full["group"].tolist(), columns=["panel", "group"], index=full.index)
    drawn = corners(full)
    drawn = drawn.assign(
        panel=[panels[level] for level in places.loc[drawn.index, "panel"]],
        group=[level_label(variable, str(level)) for level in places.loc[drawn.index, "group"]],
    )
    order = [level_label(variable, str(level)) for level in endpoint.groups(variable).levels]
    end = max(ticks_of(endpoint, horizon))
    label = ENDPOINTS[name].label
    path = kept(
        work,
        f"figures/by_mrd_{variable}",
        lambda: curve_panels(
            drawn,
            order,
            first=first,
            x_label=f"Years from {endpoint.origin}",
            y_label=label,
            horizon=end,
            note=note_of(study),
            start=start_of(endpoint),
        ),
    )
    caption = f"{label} from the landmark on, by {study.labels[variable]}, in each group of {study.labels[mrd]}."
    own = rows[rows["endpoint"] == name]
    return Picture(path, mrd_alt(own, study.labels, mrd, label), simulated(caption, study), broad=True)
