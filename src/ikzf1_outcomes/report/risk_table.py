"""What stands outside the axes and stays in its place: the number-at-risk table, notes, labels at the right edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Bbox, IdentityTransform, ScaledTranslation, Transform, blended_transform_factory

from ikzf1_outcomes.report.curve_pieces import Floats, level_codes
from ikzf1_outcomes.report.palette import FONT, OKABE_ITO, SMALL, Style, distinct_names, text_lines, visual_order

ROW = 11.5
"""Height of a row of the table, in points."""
FIRST_ROW = 44.0
"""Middle of the first row below the axes, in points: it clears tick labels and the label of the x axis."""
DIGIT = 0.64
"""Width of a digit as a share of the font size (DejaVu Sans)."""
TINY = 5.0
"""Labels that have no room shrink to this size, not further."""
SAMPLE = 21.0
"""Length of a line sample, in points."""


class RiskRows(NamedTuple):
    """The checked table of numbers at risk, and how its groups look and are called."""

    counts: pd.DataFrame
    levels: list[Any]
    causes: list[str]
    styles: list[Style]

    @property
    def names(self) -> list[str]:
        """Names short enough for one line."""
        return distinct_names(self.levels, 26)


class Block(NamedTuple):
    """A part of the table: its heading and a row of texts a level."""

    heading: str
    rows: list[list[str]]


def count_text(value: float) -> str:
    """A count: whole numbers without a point, weighted ones with a decimal, a dash where unknown."""
    if np.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value - round(value)) < 1e-9 else f"{value:,.1f}"


def risk_blocks(table: RiskRows, ticks: Floats) -> list[Block]:
    """Numbers at risk and cumulative events of each level at the ticks, as texts.

    `n_event` counts since the time before, so that its running sum is cumulative, also over times that have no tick.
    """
    at_risk, levels = table.counts, table.levels
    codes, cause = level_codes(at_risk, levels), at_risk["cause"].to_numpy()
    known = [name for name in dict.fromkeys(cause) if name in table.causes] or [str(cause[0])]

    def column(name: str, of: str, cumulative: bool) -> list[list[str]]:
        rows = []
        for g in range(len(levels)):
            own = at_risk[(codes == g) & (cause == of)].sort_values("time", kind="stable")
            values = own[name].cumsum() if cumulative else own[name]
            at = pd.Series(values.to_numpy(), index=own["time"].to_numpy()).reindex(ticks)
            rows.append([count_text(value) for value in at])
        return rows

    blocks = [Block("At risk", column("n_risk", known[0], False))]
    for name in known:
        heading = "Cumulative events" if len(known) == 1 else f"{text_lines(name, 30)}, cumulative"
        blocks.append(Block(heading, column("n_event", name, True)))
    if len(levels) <= len(OKABE_ITO):
        return blocks
    # Many groups: one row each, with the events in brackets.
    joined = [
        [f"{risk} ({', '.join(events)})" for risk, *events in zip(*cells, strict=True)]
        for cells in zip(*(block.rows for block in blocks), strict=True)
    ]
    inner = "events" if len(known) == 1 else ", ".join(text_lines(name, 30) for name in known)
    return [Block(f"At risk (cumulative {inner})", joined)]


def table_height(blocks: Sequence[Block]) -> float:
    """Points from the first row to the last, as drawn."""
    return sum(ROW * (len(block.rows) + (len(block.rows) > 1) + 0.35) for block in blocks)


def thin_ticks(ax: Axes, ticks: Floats, end: float, widest: int) -> Floats:
    """Ticks whose numbers have room beside each other; the first stays, and those too close to the one before go."""
    points = ax.get_window_extent().width / ax.figure.dpi * 72 * 0.7 / max(end, 1e-300)
    need = SMALL * DIGIT * widest + 4
    kept = [float(ticks[0])]
    for tick in ticks[1:]:
        if (tick - kept[-1]) * points >= need:
            kept.append(float(tick))
    return np.array(kept)


def points_from_corner(ax: Axes) -> Transform:
    """Points right of and above the lower left corner of the axes, wherever a layout moves it."""
    scale = Affine2D().scale(1 / 72) + ax.figure.dpi_scale_trans
    return scale + ScaledTranslation(0, 0, ax.transAxes)  # type: ignore[arg-type]


def draw_risk_table(
    ax: Axes, ticks: Floats, blocks: Sequence[Block], names: Sequence[str], styles: Sequence[Style]
) -> float:
    """Write the table below the axes and return how many points it reaches down.

    Each number is a text whose x is its time in data coordinates and whose y is in points below the axes: no layout, zoom
    or change of size can move it away from its tick.
    """
    corner = points_from_corner(ax)
    columns = blended_transform_factory(ax.transData, corner)
    look: dict[str, Any] = {"fontsize": SMALL, "va": "center", "clip_on": False, "parse_math": False, "family": FONT}
    gap = 5 + SMALL * DIGIT * max(len(row[0]) for block in blocks for row in block.rows) / 2
    alone = len(names) == 1
    shown = [block.heading for block in blocks] if alone else [visual_order(name) for name in names]
    left = -gap - widest_text(ax, shown) - (0 if alone else SAMPLE + 4)
    y = -FIRST_ROW
    for block in blocks:
        if not alone:
            ax.text(left, y, block.heading, transform=corner, ha="left", weight="bold", **look)
            y -= ROW
        for name, style, row in zip([block.heading] if alone else shown, styles, block.rows, strict=True):
            ax.text(left + (0 if alone else SAMPLE + 4), y, name, transform=corner, ha="left", **look)
            if not alone:
                ax.add_artist(sample_line(style, [left, left + SAMPLE], [y, y], corner))
            for tick, text in zip(ticks, row, strict=True):
                ax.text(float(tick), y, text, transform=columns, ha="center", label="_count", **look)
            y -= ROW
        y -= 0.35 * ROW
    return -y


def widest_text(ax: Axes, texts: Sequence[str]) -> float:
    """Width of the widest text in points, as the font draws it."""
    probe = Text(0, 0, "", fontsize=SMALL, family=FONT, parse_math=False)
    probe.set_figure(ax.figure)
    widths = []
    for text in texts:
        probe.set_text(text)
        widths.append(probe.get_window_extent().width)
    return max(widths) / ax.figure.dpi * 72


def sample_line(style: Style, x: Sequence[float], y: Sequence[float], transform: Transform) -> Line2D:
    """A short line in the style of a curve, that explains a name."""
    line = Line2D(x, y, color=style.colour, linestyle=style.dash, linewidth=style.width, transform=transform)
    line.set_clip_on(False)
    line.set_solid_capstyle("butt")
    return line


def draw_note(ax: Axes, note: str, depth: float) -> None:
    """A small note at `depth` points below the axes."""
    text = text_lines(note, 78, 8)
    look: dict[str, Any] = {"fontsize": SMALL, "va": "top", "ha": "left", "clip_on": False, "color": "#444444"}
    ax.text(0, -depth, text, transform=points_from_corner(ax), parse_math=False, family=FONT, label="_note", **look)


def spread_out(wanted: Floats, heights: Floats, low: float, high: float) -> Floats:
    """Middles nearest to those wanted (least squares) without overlap, between low and high; what is too much hangs below.

    With the heights taken off, "no overlap" means "in order", so that the answer is an isotonic regression.
    """
    order = np.lexsort((-np.arange(len(wanted)), wanted))
    size = heights[order]
    offset = np.concatenate(([0.0], np.cumsum((size[1:] + size[:-1]) / 2)))
    blocks: list[tuple[float, int]] = []
    for value in wanted[order] - offset:
        blocks.append((float(value), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, n), (b, m) = blocks.pop(-2), blocks.pop()
            blocks.append(((a * n + b * m) / (n + m), n + m))
    place = np.repeat([value for value, _ in blocks], [count for _, count in blocks])
    place = np.minimum(np.maximum(place, low + size[0] / 2), high - size[-1] / 2 - offset[-1])
    out = np.empty(len(wanted))
    out[order] = place + offset
    return out


class EdgeLabels(Artist):
    """Names at the right edge of the axes, each beside a sample of its line, as near to its curve's end as there is room.

    Their places are found whenever the figure is drawn or measured, so that they don't overlap at any size.

    Parameters
    ----------
    texts
        Names, possibly of several lines.
    styles
        Styles of the samples.
    anchors
        (n, 2) ends of the curves in data coordinates.
    leaders
        Whether thin lines lead from the ends to the names.
    """

    def __init__(self, texts: Sequence[str], styles: Sequence[Style], anchors: Floats, *, leaders: bool = True) -> None:
        super().__init__()
        self.anchors, self.leaders = np.asarray(anchors, dtype=float), leaders
        still = IdentityTransform()
        self.texts = [
            Text(0, 0, text, fontsize=SMALL, va="center", family=FONT, parse_math=False, linespacing=1.05) for text in texts
        ]
        self.samples = [sample_line(style, [0, 0], [0, 0], still) for style in styles]
        self.lines = [sample_line(Style("#B0B0B0", "-", 0.5), [0, 0], [0, 0], still) for _ in texts]
        self.set_clip_on(False)
        self.set_zorder(4)

    def get_children(self) -> list[Artist]:
        """Leaders, samples and texts."""
        return [*(self.lines if self.leaders else ()), *self.samples, *self.texts]

    def set_figure(self, fig: Any) -> None:
        """Hand the figure on to the parts."""
        super().set_figure(fig)
        for part in (*self.lines, *self.samples, *self.texts):
            part.set_figure(fig)

    def place(self, renderer: RendererBase | None = None) -> None:
        """Find the places for the axes as they are now."""
        assert self.axes is not None
        assert self.figure is not None
        box, point = self.axes.bbox, self.figure.dpi / 72
        heights = self.heights(renderer, SMALL)
        room = box.height + 12 * point
        if heights.sum() > room:
            heights = self.heights(renderer, max(TINY, SMALL * room / heights.sum()))
        ends = self.axes.transData.transform(self.anchors)
        # Labels may reach a little beyond the axes, so that one at 100 % is level with its curve.
        middles = spread_out(ends[:, 1], heights, box.y0 - 8 * point, box.y1 + 4 * point)
        left = box.x1 + 6 * point
        for text, sample, line, end, y in zip(self.texts, self.samples, self.lines, ends, middles, strict=True):
            line.set_data([min(end[0], box.x1), box.x1, left], [end[1], end[1], y])
            sample.set_data([left, left + SAMPLE * point], [y, y])
            text.set_position((left + (SAMPLE + 4) * point, y))

    def heights(self, renderer: RendererBase | None, size: float) -> Floats:
        """Pixels that each name needs at a font size, which is set."""
        for text in self.texts:
            text.set_fontsize(size)
        gap = self.figure.dpi / 72 * size / 4
        return np.array([text.get_window_extent(renderer).height + gap for text in self.texts])

    def get_window_extent(self, renderer: RendererBase | None = None) -> Bbox:
        """The box around the names and samples."""
        self.place(renderer)
        return Bbox.union([text.get_window_extent(renderer) for text in self.texts])

    def get_tightbbox(self, renderer: RendererBase | None = None) -> Bbox:
        """As `get_window_extent`: layouts make room for all of it."""
        return self.get_window_extent(renderer)

    def draw(self, renderer: RendererBase) -> None:
        """Place, then draw the parts."""
        if not self.get_visible():
            return
        self.place(renderer)
        renderer.open_group("edge-labels")
        for part in self.get_children():
            part.draw(renderer)
        renderer.close_group("edge-labels")
        self.stale = False
