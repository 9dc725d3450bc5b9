"""The figures of a study: which curves of which endpoint, drawn once and kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.incidence import cumulative_incidence
from ikzf1_outcomes.curves.survival import kaplan_meier
from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.report.document import Picture
from ikzf1_outcomes.report.labels import level_label
from ikzf1_outcomes.study.folder import Workspace

if TYPE_CHECKING:
    from ikzf1_outcomes.study.run import Study


def draw_block(
    work: Workspace, endpoints: Mapping[str, Endpoint], variable: str | None, name: str, study: Study
) -> tuple[Picture, ...]:
    """A figure for each endpoint, and the stacked first events of EFS, for one grouping variable."""
    pictures = []
    for endpoint_name, endpoint in endpoints.items():
        pictures.append(draw_curve(work, endpoint, variable, f"figures/{name}_{endpoint_name.lower()}", study))
    if "EFS" in endpoints:
        pictures.append(draw_ledger(work, endpoints["EFS"], variable, f"figures/{name}_ledger", study))
    return tuple(pictures)


def ticks_of(endpoint: Endpoint, horizon: float) -> list[float]:
    """Whole years for the axis and the table below it: to the last follow-up, but not past twice the horizon."""
    last = min(float(endpoint.rows.times[-1]), 2.0 * horizon)
    step = 1.0 if last <= 10 else 2.0
    ticks = list(np.arange(0.0, max(last, step) + 1e-9, step))
    return sorted({*ticks, horizon} if horizon <= last else ticks)


def named_levels(table: pd.DataFrame, variable: str | None) -> pd.DataFrame:
    """The rows of groups with somebody in them, their levels in words."""
    if variable is None:
        return table
    table = table[table["n"] > 0]
    return table.assign(group=[level_label(variable, str(level)) for level in table["group"]])


def note_of(study: Study) -> str:
    """What must stand on every figure."""
    return "Simulated data" if study.simulated else ""


def draw_curve(work: Workspace, endpoint: Endpoint, variable: str | None, stem: str, study: Study) -> Picture:
    """Survival or incidence curves with numbers at risk."""
    settings = study.plan.settings
    definition = ENDPOINTS[endpoint.name]
    ticks = ticks_of(endpoint, settings.horizon)
    x_label = f"Years from {endpoint.origin}"
    if endpoint.interest is None:
        curve = kaplan_meier(endpoint, variable, conf_type=settings.conf_type, conf_level=settings.conf_level)
        tidy, at_risk = named_levels(curve.tidy(), variable), named_levels(curve.tidy(ticks), variable)
        options = {"y_label": definition.label}
    else:
        incidence = cumulative_incidence(endpoint, variable, conf_type=settings.conf_type, conf_level=settings.conf_level)
        tidy, at_risk = named_levels(incidence.tidy(), variable), named_levels(incidence.tidy(ticks), variable)
        tidy, at_risk = (part[part["cause"] == endpoint.interest] for part in (tidy, at_risk))
        options = {"y_label": definition.label}

    from ikzf1_outcomes.report import figures

    draw = figures.survival_figure if endpoint.interest is None else figures.incidence_figure
    svg = work.path(f"{stem}.svg")
    if not (svg.is_file() and svg.with_suffix(".png").is_file()):
        svg.parent.mkdir(parents=True, exist_ok=True)
        axes = draw(tidy, at_risk=at_risk, x_label=x_label, note=note_of(study), horizon=max(ticks), **options)
        figures.save_figure(axes.figure, svg.with_suffix(""))
    caption = f"{definition.label}. {' '.join(endpoint.policy[:1])} Bands: {100 * settings.conf_level:g} % confidence interval at each time."
    return Picture(svg, figures.alt_text(tidy, settings.horizon, what=definition.label), simulated(caption, study))


def draw_ledger(work: Workspace, endpoint: Endpoint, variable: str | None, stem: str, study: Study) -> Picture:
    """Stacked first events over time, a panel for each group."""
    from ikzf1_outcomes.report import figures, ledger_figures

    tidy = named_levels(cumulative_incidence(endpoint, variable).tidy(), variable)
    svg = work.path(f"{stem}.svg")
    groups = list(dict.fromkeys(tidy["group"]))
    if not (svg.is_file() and svg.with_suffix(".png").is_file()):
        svg.parent.mkdir(parents=True, exist_ok=True)
        limit = max(ticks_of(endpoint, study.plan.settings.horizon))
        figure = ledger_figures.ledger_panels(
            tidy, groups, x_label=f"Years from {endpoint.origin}", horizon=limit, note=note_of(study)
        )
        figures.save_figure(figure, svg.with_suffix(""))
    caption = "First events over time: the event-free share and the incidence of each first event add up to 100 %."
    return Picture(
        svg,
        f"Stacked first events over time for {len(groups)} groups; the failure ledger gives the numbers.",
        simulated(caption, study),
    )


def simulated(caption: str, study: Study) -> str:
    """The caption, saying so when the data are simulated."""
    return f"{caption} Simulated data." if study.simulated else caption
