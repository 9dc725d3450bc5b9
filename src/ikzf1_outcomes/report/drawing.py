"""What figures of curves have in common: their axes, steps, ticks and labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, PercentFormatter

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report.curve_pieces import Floats, Piece
from ikzf1_outcomes.report.palette import (
    DASHES,
    EDGE_WIDTH,
    FONT,
    LARGE,
    NORMAL,
    Style,
    distinct_names,
    line_styles,
    text_lines,
)
from ikzf1_outcomes.report.risk_table import (
    FIRST_ROW,
    EdgeLabels,
    RiskRows,
    draw_note,
    draw_risk_table,
    risk_blocks,
    table_height,
    thin_ticks,
)

WIDTH, BODY = 7.0, 3.9
"""Inches: width of a figure, and height of its axes with labels and title."""


class Words(NamedTuple):
    """What is written around the axes."""

    title: str
    x_label: str
    y_label: str
    note: str


def new_axes(texts: Sequence[str], table: RiskRows | None, note: str) -> Axes:
    """Axes of a figure of their own, high enough for the labels at their edge and the table below."""
    body = max(BODY, 0.9 + sum(2.5 + 9.5 * (text.count("\n") + 1) for text in texts) / 72)
    below = 0.0 if table is None else table_height(risk_blocks(table, table.counts["time"].unique()[:1])) / 72
    below += 0.2 + 0.13 * (len(note) // 78) if note else 0.0
    figure = Figure(figsize=(WIDTH, body + below), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def draw_steps(
    ax: Axes, pieces: Sequence[Piece], styles: Sequence[Style], names: Sequence[str], *, censor_marks: bool, bands: bool
) -> None:
    """Step curves with their intervals and a small upright mark where patients were censored."""
    alpha = 0.16 if len(pieces) <= 3 else 0.09
    for piece, style, name in zip(pieces, styles, names, strict=True):
        ax.plot(
            piece.time, piece.estimate, drawstyle="steps-post", color=style.colour, linestyle=style.dash,
            linewidth=style.width, solid_capstyle="butt", dash_capstyle="butt", label=name, zorder=3,
        )  # fmt: skip
        if bands and not piece.is_empty:
            # Vertices of the steps, since fill_between's own steps lose the last one before a gap.
            x = np.repeat(piece.time, 2)[1:]
            low, high = (np.repeat(limit, 2)[:-1] for limit in (piece.low, piece.high))
            known: Any = np.isfinite(low) & np.isfinite(high)
            ax.fill_between(
                x, low, high, where=known, color=style.colour, alpha=alpha, linewidth=0, label="_interval", zorder=1
            )
        if censor_marks and (piece.censored > 0).any():
            seen = piece.censored > 0
            ax.plot(
                piece.time[seen], piece.estimate[seen], linestyle="none", marker="|", markersize=4.5,
                markeredgewidth=0.8, color=style.colour, label="_censored", zorder=3,
            )  # fmt: skip


def incidence_looks(levels: Sequence[Any], causes: Sequence[str]) -> tuple[list[Style], list[str], list[Style]]:
    """Styles and names of the curves, causes within levels, and the styles of the levels in the table."""
    names, groups = distinct_names(levels, 2 * EDGE_WIDTH), line_styles(len(levels))
    if len(causes) == 1:
        return groups, names, groups
    if len(levels) == 1:
        named = [cause if levels[0] == "all" else f"{names[0]}: {cause}" for cause in causes]
        return line_styles(len(causes)), named, groups
    curves = [group._replace(dash=DASHES[k % len(DASHES)]) for group in groups for k in range(len(causes))]
    labels = [f"{name}: {cause}" for name in names for cause in causes]
    return curves, labels, [group._replace(dash="-") for group in groups]


def edge_texts(pieces: Sequence[Piece], names: Sequence[str]) -> list[str]:
    """Names of the curves as they stand at the right edge; a group without anything to draw says so."""
    texts = [f"{name}: no estimate" if piece.is_empty else name for piece, name in zip(pieces, names, strict=True)]
    return [text_lines(text, EDGE_WIDTH, 3) for text in texts]


def edge_labels(texts: Sequence[str], pieces: Sequence[Piece], styles: Sequence[Style], end: float) -> EdgeLabels:
    """The labels of the curves, beside their ends; at the bottom for a curve that is not there."""
    anchors = [(end, 0.0) if piece.is_empty else (piece.time[-1], piece.estimate[-1]) for piece in pieces]
    return EdgeLabels(texts, styles, np.array(anchors))


def finish(
    ax: Axes, pieces: Sequence[Piece], top: float, words: Words, *, horizon: float | None, table: RiskRows | None
) -> float:
    """Axes, ticks, table and texts around what was drawn; returns the end of the time axis."""
    end, depth = frame_end(pieces, horizon, table), FIRST_ROW - 8
    ticks = nice_ticks(end, 8)
    if table is not None:
        ticks = np.unique(table.counts["time"].to_numpy())
        ticks = ticks[ticks <= end]
        if not len(ticks):
            raise InputError("no time of the at-risk table is within the horizon", next_step="Ask for earlier times.")
        widest = max(len(text) for block in risk_blocks(table, ticks) for row in block.rows for text in row)
        ticks = thin_ticks(ax, ticks, end, widest)
        depth = draw_risk_table(ax, ticks, risk_blocks(table, ticks), table.names, table.styles)
    frame(ax, end, ticks, top)
    ax.set_xlabel(text_lines(words.x_label, 70), fontsize=NORMAL, family=FONT, labelpad=4, parse_math=False)
    ax.set_ylabel(text_lines(words.y_label, 44, 2), fontsize=NORMAL, family=FONT, parse_math=False)
    ax.set_title(text_lines(words.title, 70, 2), loc="left", fontsize=LARGE, family=FONT, parse_math=False)
    if words.note:
        draw_note(ax, words.note, depth)
    return end


def frame_end(pieces: Sequence[Piece], horizon: float | None, table: RiskRows | None) -> float:
    """Where the time axis ends: the horizon, or the last follow-up or tick; 1 when all is over at time 0."""
    if horizon is not None:
        return float(horizon)
    ends = [float(piece.time[-1]) for piece in pieces if not piece.is_empty]
    ticks = [] if table is None else [float(table.counts["time"].max())]
    return max([*ends, *ticks]) or 1.0


def frame(ax: Axes, end: float, ticks: Floats, top: float) -> None:
    """Two trimmed spines, percent upwards, a little air so that curves at 0 and 100 % are seen whole."""
    ax.set_xlim(-0.015 * end, 1.015 * end)
    ax.set_ylim(-0.015 * top, 1.02 * top)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.spines["left"].set_bounds(0, top)
    ax.spines["bottom"].set_bounds(0, end)
    ax.xaxis.set_major_locator(FixedLocator(ticks.tolist()))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_major_locator(FixedLocator(percent_ticks(top).tolist()))
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    ax.tick_params(labelsize=NORMAL, labelfontfamily=FONT, length=3.5, pad=3)
    ax.grid(axis="y", color="#E8E8E8", linewidth=0.5)
    ax.set_axisbelow(True)


def nice_ticks(end: float, most: int) -> Floats:
    """Round times from 0 to the end."""
    ticks = np.asarray(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(0, end), dtype=float)
    return ticks[(ticks >= 0) & (ticks <= end * (1 + 1e-9))]


def percent_step(top: float) -> float:
    """Distance of the ticks of a percent axis: at most seven up to `top`."""
    return next((step for step in (0.02, 0.05, 0.1) if top <= 7 * step + 1e-9), 0.2)


def percent_ticks(top: float) -> Floats:
    """Ticks of a percent axis, from 0 to its top."""
    step = percent_step(top)
    return np.asarray(step * np.arange(round(top / step) + 1), dtype=float)


def highest(pieces: Sequence[Piece], bands: bool) -> float:
    """Top of an incidence axis: a round value, 10 % or more, above every estimate and (where drawn) limit."""
    drawn = [values for piece in pieces for values in ((piece.estimate, piece.high) if bands else (piece.estimate,))]
    most = float(np.nanmax(np.concatenate([*drawn, [0.1]])))
    step = percent_step(most)
    return float(step * np.ceil(most / step - 1e-9))
