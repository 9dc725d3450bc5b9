"""Curves by group in a panel for each level of another column, on shared axes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ikzf1_outcomes.errors import ColumnError
from ikzf1_outcomes.report.curve_pieces import CURVE, checked_causes, checked_horizon, checked_table, cut_pieces, levels_of
from ikzf1_outcomes.report.drawing import draw_steps, frame, frame_end, highest, nice_ticks
from ikzf1_outcomes.report.ledger_figures import panel_figure
from ikzf1_outcomes.report.palette import NORMAL, SMALL, distinct_names, house_style, line_styles, text_lines


def curve_panels(
    curve: pd.DataFrame,
    groups: Sequence[str] | None = None,
    *,
    first: float = 0.0,
    x_label: str = "Years from diagnosis",
    y_label: str = "",
    horizon: float | None = None,
    note: str = "",
    start: float = 0.0,
) -> Figure:
    """Draw the curves of each group, a panel for each level of `panel`.

    A group has the same colour and dash in every panel. A group of which there is nothing to draw in a panel is not drawn
    there; a panel without any says so. No intervals: in panels they hide the curves.

    Parameters
    ----------
    curve
        panel, group, time, estimate: survival, or the incidence of one cause.
    groups
        Groups in the order of their colours; those of the table when left out.
    first
        Value at the start: 0 for an incidence, 1 for survival.
    x_label, y_label, note
        Texts around the panels.
    horizon
        Last time shown.
    start
        Time at which everybody is free of events: 0, or the landmark.

    Returns
    -------
    Figure

    Raises
    ------
    ColumnError, InputError
        No column `panel`; as in `incidence_figure`.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.curve_panels import curve_panels
    >>> curve = pd.DataFrame({"panel": ["low", "high"], "group": "none", "time": 1.0, "estimate": [0.1, 0.4]})
    >>> [ax.get_title(loc="left") for ax in curve_panels(curve).axes]
    ['low', 'high']
    """
    table = checked_table(curve, CURVE)
    if "panel" not in table:
        raise ColumnError("the table has no column panel")
    causes = checked_causes(table, None)
    levels = [level for level in groups if level in levels_of(table)] if groups else levels_of(table)
    panels = list(dict.fromkeys(table["panel"]))
    limit = checked_horizon(horizon)
    with house_style():
        # one call each: the pieces of a panel that has no curve at all are none, not an error
        cut = [
            cut_pieces(own, levels, causes, first, start, limit) if own["estimate"].notna().any() else []
            for own in (table[table["panel"] == panel] for panel in panels)
        ]
        every = [piece for pieces in cut for piece in pieces if not piece.is_empty]
        columns, figure = panel_figure(len(panels), None)
        axes = figure.subplots(math.ceil(len(panels) / columns), columns, sharex=True, sharey=True, squeeze=False).ravel()
        end, top = frame_end(every, horizon, None), 1.0 if first else highest(every, bands=False)
        styles, names = line_styles(len(levels)), distinct_names(levels, 34)
        for position, (ax, panel) in enumerate(zip(axes, panels, strict=False)):
            ax.set_title(text_lines(str(panel), 30, 2), loc="left", fontsize=NORMAL, parse_math=False)
            if not cut[position]:
                ax.text(0.5, 0.5, "no estimate", transform=ax.transAxes, ha="center", va="center", fontsize=SMALL)
            draw_steps(
                ax,
                cut[position],
                styles[: len(cut[position])],
                names[: len(cut[position])],
                censor_marks=False,
                bands=False,
            )
            frame(ax, end, nice_ticks(end, 5), top)
            ax.tick_params(labelbottom=position + columns >= len(panels), labelleft=position % columns == 0)
        for ax in axes[len(panels) :]:
            ax.remove()
        figure.supylabel(text_lines(y_label, 40), fontsize=NORMAL)
        below = [text_lines(x_label, 70), text_lines(note, 90, 4)]
        figure.supxlabel("\n".join(part for part in below if part), fontsize=NORMAL)
        lines = [Line2D([], [], color=style.colour, linestyle=style.dash, linewidth=style.width) for style in styles]
        figure.legend(lines, names, loc="outside upper left", ncols=min(3, len(names)), frameon=False, fontsize=SMALL)
    return figure
