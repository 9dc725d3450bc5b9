"""The forest plot of effect sizes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.dosage_figures import EDGE, QUIET, WIDTH, canvas, finish_canvas, panel_axes, write
from ikzf1_outcomes.report.effects import coefficient_name
from ikzf1_outcomes.report.palette import OKABE_ITO, house_style, shorten
from ikzf1_outcomes.report.risk_table import widest_text

LINE = 15.0
NEAREST, FARTHEST = 1 / 32, 32.0
"""Ratios beyond are drawn at the edge with an arrow."""
TICKS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16)


LEGEND = "Filled: adjusted for each other; open: alone."


def forest_plot(
    rows: pd.DataFrame, labels: Mapping[str, str], *, note: str = "", width: float = WIDTH, legend: str = LEGEND
) -> Figure:
    """Draw ratios with their intervals on a log scale, a line a coefficient; filled: adjusted, open: alone.

    Parameters
    ----------
    rows
        Of `effect_table`, one method: model, term, contrast, estimate, low, high (logarithms), note. Reference rows and
        rows without a number are left out of the drawing.
    labels, note, width
        Column to label; small text below; inches.
    legend
        What filled and open points are.

    Returns
    -------
    Figure
    """
    shown = rows[(rows["note"] != "reference") & rows["estimate"].notna()]
    names = list(
        dict.fromkeys(coefficient_name(t, c, labels) for t, c in zip(shown["term"], shown["contrast"], strict=True))
    )
    with house_style():
        ax = canvas(width)
        if not names:
            write(ax, EDGE, EDGE + 8, "No ratio could be estimated.")
            finish_canvas(ax, EDGE + 16, note)
            return ax.figure  # type: ignore[return-value]
        short = [shorten(name, 34) for name in names]
        left, right = EDGE + widest_text(ax, short) + 8, widest_text(ax, ["00.0 (0.00–00.0)"]) + 10
        height = LINE * len(names) + 6
        finish_canvas(ax, EDGE + height + 20, f"{legend} {note}")
        panel = panel_axes(ax, left, EDGE, width * 72 - left - right - EDGE, height)
        draw_ratios(panel, shown, names, short, labels)
    return ax.figure  # type: ignore[return-value]


def draw_ratios(ax: Axes, rows: pd.DataFrame, names: list[str], short: list[str], labels: Mapping[str, str]) -> None:
    """Points, intervals and the adjusted ratio in words."""
    low, high = np.log(NEAREST), np.log(FARTHEST)
    finite = np.concatenate([rows[name].replace([np.inf, -np.inf], np.nan).dropna() for name in ("low", "high")])
    reach = min(max(np.abs(finite).max(initial=np.log(2.0)), np.log(2.0)) * 1.05, high)
    ax.set(xlim=(-reach, reach), ylim=(len(names) - 0.5, -0.5))
    ticks = [tick for tick in TICKS if abs(np.log(tick)) <= reach][:: 2 if reach > np.log(6) else 1]
    ticks = ticks if 1 in ticks else sorted([*ticks, 1])
    ax.set_xticks(np.log(ticks), [f"{tick:g}" if tick >= 1 else f"1/{1 / tick:g}" for tick in ticks])
    ax.set_yticks(range(len(names)), short)
    ax.axvline(0, color="#888888", lw=0.8)
    for row in rows.itertuples(index=False):
        alone = row.model == "univariable"
        y = names.index(coefficient_name(row.term, row.contrast, labels)) + (-0.18 if alone else 0.12)
        ends = np.clip([row.low, row.high], max(low, -reach), min(high, reach))
        colour = OKABE_ITO[0]
        ax.hlines(y, *ends, color=colour, lw=0.8 if alone else 1.4)
        ax.plot(
            np.clip(row.estimate, -reach, reach),
            y,
            "o",
            color=colour,
            mfc="white" if alone else colour,
            ms=3.5 if alone else 5,
        )
        if not alone:
            text = cells.ratio(*np.exp([row.estimate, row.low, row.high]))
            write(ax, reach * 1.04, y, text, size=7.5, colour=QUIET, clip_on=False)


def forest_alt(rows: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """The plot in words: the adjusted ratios."""
    shown = rows[(rows["model"] == "multivariable") & (rows["note"] != "reference") & rows["estimate"].notna()]
    said = [
        f"{coefficient_name(row.term, row.contrast, labels)} {cells.ratio(*np.exp([row.estimate, row.low, row.high]))}"
        for row in shown.itertuples(index=False)
    ]
    return f"Forest plot of adjusted ratios: {', '.join(said)}." if said else "Forest plot: no ratio could be estimated."
