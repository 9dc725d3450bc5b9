"""Small multiples of the predictive check: what was seen of each class, over what cohorts of the model look like."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.dosage_figures import WIDTH, needed, sentence_figure
from ikzf1_outcomes.report.drawing import frame, nice_ticks, percent_step
from ikzf1_outcomes.report.hierarchical import Words, class_name, events, people, sentence
from ikzf1_outcomes.report.hierarchical_checks import at_horizon, years_of
from ikzf1_outcomes.report.palette import NORMAL, OKABE_ITO, SMALL, house_style, text_lines

COLUMNS = (
    "group", "measure", "cause", "time", "n", "n_event", "observed", "estimate", "low", "high", "fitted",
)  # fmt: skip
ALIVE, FAILED = "event-free survival", "cumulative incidence"
SEEN, MODEL, BAND = "#000000", OKABE_ITO[0], "#A9CFE8"
PANEL = 1.45
"""Inches: height of a row of panels."""


def check_figure(
    rows: pd.DataFrame, words: Words, measure: str, *, start: float = 0.0, note: str = "", width: float = WIDTH
) -> Figure:
    """Draw observed curves over the band of the replicates, a panel for no deletion, any deletion and each class.

    The step is the Kaplan-Meier (or Aalen-Johansen) estimate of the class; the band holds the middle share of the same
    estimate in the replicated cohorts; the dashed line is what the model expects. Black, blue and dashes are told apart
    without colour.

    Parameters
    ----------
    rows
        Of `predictive_check`, with `time` on the clock of the page.
    words
        What the classes and the cause are called.
    measure
        "event-free survival", or "cumulative incidence", which is of the cause of interest.
    start
        Where everybody is free of events.
    note, width
        Small text below; inches.

    Returns
    -------
    Figure
    """
    needed(rows, COLUMNS)
    shown = of_measure(rows, words, measure)
    groups = list(dict.fromkeys(shown["group"]))
    if not groups:
        return sentence_figure("There are no classes to show.", note, width)
    first = 1.0 if measure == ALIVE else 0.0
    end, top = float(shown["time"].max()), 1.0 if measure == ALIVE else top_of(shown)
    with house_style():
        lines = math.ceil(len(groups) / 2)
        figure = Figure(figsize=(width, 1.1 + PANEL * lines), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(lines, 2, sharex=True, sharey=True, squeeze=False).ravel()
        for position, (ax, group) in enumerate(zip(axes, groups, strict=False)):
            own = shown[shown["group"] == group]
            name = text_lines(sentence(class_name(str(group), words)), 30)
            ax.set_title(f"{name}\n{size_of(own)}", loc="left", fontsize=SMALL, parse_math=False, linespacing=1.25)
            draw_check(ax, own, start, first)
            frame(ax, end, nice_ticks(end, 5), top)
            ax.tick_params(labelsize=SMALL)
            ax.tick_params(labelbottom=position + 2 >= len(groups), labelleft=position % 2 == 0)
        for ax in axes[len(groups) :]:
            ax.remove()
        figure.supylabel(sentence(measure_name(measure, words)), fontsize=NORMAL)
        below = ["Years from diagnosis" + (f", after the landmark of {start:g}" if start else ""), text_lines(note, 60, 4)]
        figure.supxlabel("\n".join(part for part in below if part), fontsize=SMALL)
        figure.legend(*key_of(shown), loc="outside upper left", ncols=3, frameon=False, fontsize=SMALL, handlelength=1.6)
    return figure


def key_of(shown: pd.DataFrame) -> tuple[list[Artist], list[str]]:
    """What the lines and the band are."""
    level = f"{100 * shown['conf_level'].max():g} %" if "conf_level" in shown else "Most"
    marks: list[Artist] = [
        Line2D([], [], color=SEEN, lw=1.4),
        Patch(color=BAND),
        Line2D([], [], color=MODEL, lw=1.2, linestyle=(0, (4, 1.5))),
    ]
    return marks, ["observed", f"{level} of replicates", "expected"]


def of_measure(rows: pd.DataFrame, words: Words, measure: str) -> pd.DataFrame:
    """The rows of one measure: survival, or the incidence of the cause of interest."""
    return rows[(rows["measure"] == measure) & rows["cause"].isin(["any", words.interest])]


def measure_name(measure: str, words: Words) -> str:
    """A measure as an axis bears it."""
    return measure if measure == ALIVE else f"incidence of {words.interest}"


def size_of(own: pd.DataFrame) -> str:
    """Patients and events of a group."""
    return f"{people(own['n'].iloc[0])}, {events(own['n_event'].iloc[0])}"


def top_of(shown: pd.DataFrame) -> float:
    """Top of the axis of incidences: a round value above bands and curves."""
    most = float(np.nanmax([0.1, *shown["high"], *shown["observed"], *shown["fitted"]]))
    step = percent_step(most)
    return min(1.0, float(step * np.ceil(most / step - 1e-9)))


def draw_check(ax: Axes, own: pd.DataFrame, start: float, first: float) -> None:
    """Band, expectation and observed steps of one group."""
    names = ("time", "observed", "low", "high", "fitted")
    time, seen, low, high, fitted = (np.append([start if name == "time" else first], own[name]) for name in names)
    known: list[bool] = (np.isfinite(low) & np.isfinite(high)).tolist()
    ax.fill_between(time, low, high, where=known, color=BAND, lw=0, label="_replicates", zorder=1)
    ax.plot(time, fitted, color=MODEL, lw=1.2, linestyle=(0, (4, 1.5)), label="_expected", zorder=2)
    ax.plot(time, seen, color=SEEN, lw=1.4, drawstyle="steps-post", label="_observed", zorder=3)


def check_alt(rows: pd.DataFrame, words: Words, measure: str) -> str:
    """The panels in words, at the horizon or the last time before it that is followed."""
    shown = of_measure(rows, words, measure)
    if not len(shown):
        return "Predictive check: there are no classes to show."
    at, said = at_horizon(shown, words), []
    for group, own in at.groupby("group", sort=False):
        row = own.iloc[0]
        seen = cells.percent(row["observed"]).split(" ")[0].replace(cells.NOT_ESTIMABLE, "not estimable")
        known = not math.isnan(row["low"])
        band = f"{100 * row['low']:.0f} to {100 * row['high']:.0f} %" if known else "not followed so far"
        unit = "" if seen == "not estimable" else " %"
        name = sentence(class_name(str(group), words))
        said.append(f"{name} ({size_of(own)}): observed {seen}{unit}, replicates {band}")
    what = measure_name(measure, words)
    return f"Predictive check of the {what} by class, at {years_of(at)} years. {'. '.join(said)}."
