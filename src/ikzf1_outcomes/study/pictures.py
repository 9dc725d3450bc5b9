"""The figures of a study: which curves of which endpoint, drawn once and kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.incidence import cumulative_incidence
from ikzf1_outcomes.curves.survival import kaplan_meier
from ikzf1_outcomes.definitions import ENDPOINTS
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.report.document import Picture
from ikzf1_outcomes.report.labels import level_label
from ikzf1_outcomes.results import Settings
from ikzf1_outcomes.study.folder import Workspace
from ikzf1_outcomes.study.load import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


MOST_MARKS = 500
"""More censoring ticks than this are not drawn."""


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
    start = start_of(endpoint)
    ticks = [start, *(tick for tick in np.arange(0.0, max(last, step) + 1e-9, step) if tick > start)]
    return sorted({*ticks, horizon} if horizon <= last else ticks)


def start_of(endpoint: Endpoint) -> float:
    """Where curves begin: at the landmark when everybody enters there, else at 0."""
    return 0.0 if endpoint.entry is None else float(max(endpoint.entry.min(), 0.0))


def named_levels(table: pd.DataFrame, variable: str | None) -> pd.DataFrame:
    """The rows of groups with somebody in them, their levels in words."""
    if variable is None:
        return table
    table = table[table["n"] > 0]
    return table.assign(group=[level_label(variable, str(level)) for level in table["group"]])


def corners(full: pd.DataFrame, *, marks: bool = False) -> pd.DataFrame:
    """The rows of full curves that a picture needs: where a step is, the end of each group, and censorings to be marked."""
    place = [full["group"].astype(str), full["time"]]
    steps = full["n_event"].groupby(place).transform("sum") > 0
    ends = full["time"] == full["time"].groupby(place[0]).transform("max")
    return full[steps | ends | (full["n_censor"] > 0) if marks else steps | ends]


def note_of(study: Study) -> str:
    """What must stand on every figure."""
    return "Simulated data" if study.simulated else ""


def kept(work: Workspace, stem: str, draw: Callable[[], Figure | SubFigure]) -> Path:
    """The SVG of a figure, drawn unless an earlier run with the same inputs has finished it; the PNG lies beside it."""
    from ikzf1_outcomes.report.figures import save_figure

    svg = work.path(f"{stem}.svg")
    png = svg.with_suffix(".png")
    if not (svg.is_file() and png.is_file()):
        svg.parent.mkdir(parents=True, exist_ok=True)
        for part, whole in zip(save_figure(draw(), work.path(f"{stem}_part")), (svg, png), strict=True):
            os.replace(part, whole)
    return svg


def curve_tables(
    endpoint: Endpoint, variable: str | None, settings: Settings, ticks: list[float]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The full curves of an endpoint by group, and what stands at the ticks."""
    options: dict[str, Any] = {"conf_type": settings.conf_type, "conf_level": settings.conf_level}
    if endpoint.interest is None:
        curve = kaplan_meier(endpoint, variable, std_error=settings.std_error, **options)
        return named_levels(curve.tidy(), variable), named_levels(curve.tidy(ticks), variable)
    incidence = cumulative_incidence(endpoint, variable, **options)
    return named_levels(incidence.tidy(), variable), named_levels(incidence.tidy(ticks), variable)


def draw_curve(work: Workspace, endpoint: Endpoint, variable: str | None, stem: str, study: Study) -> Picture:
    """Survival or incidence curves with numbers at risk."""
    from ikzf1_outcomes.report import figures

    settings, what = study.plan.settings, ENDPOINTS[endpoint.name].label
    ticks = ticks_of(endpoint, settings.horizon)
    full, at_ticks = curve_tables(endpoint, variable, settings, ticks)
    # more than three shaded bands over each other hide what they should show
    few = len(set(full["group"])) <= 3
    options: dict[str, Any] = {"at_risk": at_ticks, "bands": few, "note": note_of(study), "y_label": what}
    # thousands of ticks are a band of ink and a page of many megabytes
    marks = endpoint.interest is None and int((full["n_censor"] > 0).sum()) <= MOST_MARKS
    drawn = corners(full, marks=marks)
    options["censor_marks"] = marks
    options |= {"x_label": f"Years from {endpoint.origin}", "horizon": max(ticks), "start": start_of(endpoint)}

    def figure() -> Figure | SubFigure:
        if endpoint.interest is None:
            return figures.survival_figure(drawn, **options).figure
        return figures.incidence_figure(drawn, causes=[endpoint.interest], **options).figure

    told = [endpoint.policy[0], *(sentence for sentence in endpoint.policy if "landmark of" in sentence)]
    band = f" Bands: {100 * settings.conf_level:g} % confidence interval at each time." if few else ""
    shown = at_ticks if settings.horizon in ticks else full
    if endpoint.interest is not None:
        shown = shown[shown["cause"] == endpoint.interest]
    alt = figures.alt_text(shown, settings.horizon, what=what)
    return Picture(kept(work, stem, figure), alt, simulated(f"{what}. {' '.join(told)}{band}", study))


def draw_ledger(work: Workspace, endpoint: Endpoint, variable: str | None, stem: str, study: Study) -> Picture:
    """Stacked first events over time, a panel for each group."""
    from ikzf1_outcomes.report import ledger_figures

    full = corners(named_levels(cumulative_incidence(endpoint, variable).tidy(), variable))
    groups = list(dict.fromkeys(full["group"]))

    def figure() -> Figure:
        return ledger_figures.ledger_panels(
            full,
            groups,
            x_label=f"Years from {endpoint.origin}",
            horizon=max(ticks_of(endpoint, study.plan.settings.horizon)),
            note=note_of(study),
            start=start_of(endpoint),
        )

    caption = "First events over time: the event-free share and the incidence of each first event add up to 100 %."
    alt = f"Stacked first events over time for {len(groups)} groups; the failure ledger gives the numbers."
    return Picture(kept(work, stem, figure), alt, simulated(caption, study))


def simulated(caption: str, study: Study) -> str:
    """The caption, saying so when the data are simulated."""
    return f"{caption} Simulated data." if study.simulated else caption
