"""The ledger over time: first events stacked, so that with the event-free they add up to 100 %."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report.curve_pieces import (
    CURVE,
    Floats,
    Piece,
    checked_causes,
    checked_horizon,
    checked_table,
    cut_pieces,
    levels_of,
    stack_pieces,
)
from ikzf1_outcomes.report.drawing import Words, finish, frame, frame_end, new_axes, nice_ticks
from ikzf1_outcomes.report.palette import (
    EDGE_WIDTH,
    LARGE,
    NORMAL,
    SMALL,
    Style,
    distinct_names,
    fill_colours,
    house_style,
    text_lines,
)
from ikzf1_outcomes.report.risk_table import EdgeLabels

EVENT_FREE = "event-free"
EVENT_FREE_COLOUR = "#EDEDED"


def ledger_figure(
    curve: pd.DataFrame,
    *,
    ax: Axes | None = None,
    order: Sequence[str] | None = None,
    title: str = "",
    x_label: str = "Years from diagnosis",
    y_label: str = "Patients",
    horizon: float | None = None,
    labels: bool = True,
    note: str = "",
    start: float = 0.0,
) -> Axes:
    """Draw where the patients of one group are over time: lost to each cause, or event-free, adding up to 100 %.

    From the bottom, the incidence of each cause on top of the one before; what is left above them is event-free.

    Parameters
    ----------
    curve
        `IncidenceCurve.tidy()` of one group, with all causes.
    order
        The causes from the bottom up; all of them, as in the table when left out.
    labels
        Name the areas at the right edge.
    ax, horizon, note, start
        As in `survival_figure`.

    Returns
    -------
    Axes

    Raises
    ------
    InputError, ColumnError
        As in `survival_figure`; several groups; causes left out; incidences that add up to more than 1.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.figures import ledger_figure
    >>> curve = pd.DataFrame({"group": "ik6", "cause": ["relapse", "death"], "time": 1.0, "estimate": [0.25, 0.1]})
    >>> len(ledger_figure(curve).collections)
    3
    """
    table = checked_table(curve, (*CURVE, "cause"))
    causes = ledger_causes(table, order)
    levels = levels_of(table)
    if len(levels) > 1:
        raise InputError(
            "a ledger shows one group", count=len(levels), next_step="Select one, or use ledger_panels for all of them."
        )
    with house_style():
        pieces = cut_pieces(table, levels, causes, 0.0, start, checked_horizon(horizon))
        texts = [text_lines(name, EDGE_WIDTH, 2) for name in (*causes, EVENT_FREE)]
        ax = ax or new_axes(texts, None, note)
        times, borders = stack_pieces(pieces, frame_end(pieces, horizon, None))
        fills = draw_areas(ax, times, borders, causes)
        finish(ax, pieces, 1.0, Words(title, x_label, y_label, note), horizon=horizon, table=None)
        ax.grid(visible=False)
        if labels:
            middles = (borders[1:, -1] + borders[:-1, -1]) / 2
            anchors = np.column_stack((np.full(len(middles), times[-1]), middles))
            ax.add_artist(EdgeLabels(texts, fills, anchors, leaders=False))
    return ax


def ledger_panels(
    curve: pd.DataFrame,
    groups: Sequence[Any] | None = None,
    figure: Figure | None = None,
    *,
    order: Sequence[str] | None = None,
    title: str = "",
    x_label: str = "Years from diagnosis",
    y_label: str = "Patients",
    horizon: float | None = None,
    note: str = "",
    start: float = 0.0,
) -> Figure:
    """Draw the ledger of each group over time in a panel of its own, on shared axes.

    Parameters
    ----------
    curve
        `IncidenceCurve.tidy()` with all causes.
    groups
        Levels to draw, in their order; all when left out.
    figure
        An empty figure to draw on; a new one, taller for more groups, when left out.
    order, horizon, note, start
        As in `ledger_figure`.

    Returns
    -------
    Figure
        A panel without anybody says so.

    Raises
    ------
    InputError, ColumnError
        As in `ledger_figure`; a group that the table does not have.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.figures import ledger_panels
    >>> curve = pd.DataFrame({"group": ["none", "ik6"], "cause": "relapse", "time": 1.0, "estimate": [0.1, 0.4]})
    >>> [ax.get_title(loc="left") for ax in ledger_panels(curve).axes]
    ['none', 'ik6']
    """
    table = checked_table(curve, (*CURVE, "cause"))
    causes, levels = ledger_causes(table, order), levels_of(table)
    wanted = levels if groups is None else list(groups)
    if not wanted or any(level not in levels for level in wanted):
        raise InputError(
            "groups that the table does not have", count=sum(level not in levels for level in wanted),
            next_step="Name levels of its column group.",
        )  # fmt: skip
    with house_style():
        pieces = cut_pieces(table, wanted, causes, 0.0, start, checked_horizon(horizon))
        columns, figure = panel_figure(len(wanted), figure)
        axes = figure.subplots(math.ceil(len(wanted) / columns), columns, sharex=True, sharey=True, squeeze=False).ravel()
        end = frame_end(pieces, horizon, None)
        names = [text_lines(name, 24, 2) for name in distinct_names(wanted, 44)]
        for position, ax in enumerate(axes):
            if position >= len(wanted):
                ax.remove()
                continue
            ax.set_title(names[position], loc="left", fontsize=NORMAL)
            draw_panel(ax, pieces[position * len(causes) : (position + 1) * len(causes)], causes, end)
            frame(ax, end, nice_ticks(end, 5), 1.0)
            ax.grid(visible=False)
            # The lowest panel of a column has tick labels, though a shorter last row leaves the place below it empty.
            ax.tick_params(labelbottom=position + columns >= len(wanted), labelleft=position % columns == 0)
        write_around(figure, Words(title, x_label, y_label, note), causes)
    return figure


def ledger_causes(table: pd.DataFrame, order: Sequence[str] | None) -> list[str]:
    """The causes from the bottom up; all of them, or the remainder would not be event-free."""
    causes = checked_causes(table, order)
    left_out = set(table["cause"]) - set(causes)
    if left_out:
        raise InputError(
            "a ledger needs every cause, or what is left above them is not event-free",
            count=len(left_out),
            next_step="Name all causes in `order`.",
        )
    return causes


def ledger_styles(causes: Sequence[str]) -> list[Style]:
    """Fills of the areas from the bottom up, the event-free last, as the thick lines that stand beside their names."""
    return [Style(colour, "-", 8.0) for colour in (*fill_colours(len(causes)), EVENT_FREE_COLOUR)]


def draw_areas(ax: Axes, times: Floats, borders: Floats, causes: Sequence[str]) -> list[Style]:
    """Fill between the borders as steps, white lines between; return the fills."""
    fills = ledger_styles(causes)
    x = np.repeat(times, 2)[1:]
    steps = np.repeat(borders, 2, axis=1)[:, :-1]
    for name, fill, low, high in zip((*causes, EVENT_FREE), fills, steps[:-1], steps[1:], strict=True):
        ax.fill_between(x, low, high, color=fill.colour, linewidth=0, label=name, zorder=1)
    for border in steps[1:-1]:
        ax.plot(x, border, color="white", linewidth=0.7, label="_border", zorder=2)
    return fills


def draw_panel(ax: Axes, pieces: Sequence[Piece], causes: Sequence[str], end: float) -> None:
    """One group of the small multiples, or the word that there is nobody."""
    if all(piece.is_empty for piece in pieces):
        ax.text(0.5, 0.5, "no estimate", transform=ax.transAxes, ha="center", va="center", fontsize=SMALL)
    else:
        draw_areas(ax, *stack_pieces(pieces, end), causes)


def panel_figure(n: int, figure: Figure | None) -> tuple[int, Figure]:
    """How many columns n panels have, and a figure for them; labels outside the panels need a layout that makes room."""
    columns = n if n <= 3 else 2 if n == 4 else 3 if n <= 9 else 4 if n <= 16 else 5
    if figure is None:
        figure = Figure(figsize=(max(7.0, 1.9 * columns), 1.2 + 2.0 * math.ceil(n / columns)), layout="constrained")
        FigureCanvasAgg(figure)
    elif figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")
    return columns, figure


def write_around(figure: Figure, words: Words, causes: Sequence[str]) -> None:
    """Labels of the shared axes and the note; above, the key of the areas, which bears the title.

    Layouts put figure titles and keys at the same edge on top of each other, so that each edge has one of them only.
    """
    figure.supylabel(text_lines(words.y_label, 40), fontsize=NORMAL)
    below = [text_lines(words.x_label, 70), text_lines(words.note, 90, 4)]
    figure.supxlabel("\n".join(part for part in below if part), fontsize=NORMAL)
    texts = [text_lines(name, EDGE_WIDTH) for name in (*causes, EVENT_FREE)]
    figure.legend(
        [Patch(color=fill.colour) for fill in ledger_styles(causes)], texts, loc="outside upper left",
        ncols=min(4, len(texts)), frameon=False, fontsize=SMALL, title=text_lines(words.title, 70, 2) or None,
        title_fontsize=LARGE, alignment="left",
    )  # fmt: skip
