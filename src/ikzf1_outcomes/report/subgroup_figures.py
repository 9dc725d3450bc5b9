"""The subgroup forest: ratios on a log scale beside differences in risk, with both tests of heterogeneity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ikzf1_outcomes.effects.subgroups import EVERYBODY
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.dosage_figures import (
    EDGE,
    QUIET,
    canvas,
    draw_key,
    finish_canvas,
    mark,
    needed,
    panel_axes,
    sentence_figure,
    write,
)
from ikzf1_outcomes.report.effect_figures import FARTHEST, TICKS
from ikzf1_outcomes.report.effects import level_of
from ikzf1_outcomes.report.labels import variable_label
from ikzf1_outcomes.report.palette import NORMAL, OKABE_ITO, house_style, shorten
from ikzf1_outcomes.report.risk_table import widest_text
from ikzf1_outcomes.report.subgroups import Parts, p_of, parts_of, place_name, row_of

BROAD = 7.2
"""Inches: the width of the page."""
LINE, MORE, GAP = 15.0, 8.5, 14.0
"""Points: a line of one contrast, what each further one adds, the room between the panels."""
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "h")
"""Contrasts differ in shape and in colour."""
COLUMNS = ("variable", "group", "term", "contrast", "time", "n", "n_event", "estimate", "low", "high", "p_value", "method")


class Row(NamedTuple):
    """A line of the forest: the heading of a subgroup column, or a level."""

    variable: str
    group: str | None
    middle: float
    text: str


def subgroup_forest(
    rows: pd.DataFrame, labels: Mapping[str, str], *, unit: str = "years", note: str = "", width: float = BROAD
) -> Figure:
    """Draw effects by subgroup: patients and events, ratios on a log scale, risk differences in points, P of both tests.

    A line a level; contrasts differ in colour and shape. A filled mark has an interval, an open one none; NE is not
    estimable; an arrow goes beyond the axis. The P-values stand in the line of the subgroup's name: left that of the
    interaction, right Cochran's Q of the differences, behind the mark of its contrast.

    Parameters
    ----------
    rows
        Of `subgroup_effects`.
    labels
        Column to label.
    unit, note, width
        Of the time; small text below; inches, at least 5.

    Returns
    -------
    Figure

    Raises
    ------
    InputError, ColumnError
        A missing column; a width below 5; more than 8 contrasts.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.report.subgroup_figures import subgroup_forest
    >>> d = pd.DataFrame({"t": range(1, 13), "s": [1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1], "arm": list("aabb") * 3})
    >>> endpoint = iko.endpoint_from_columns(d.assign(sex=list("fm") * 6), time="t", status="s", causes={1: "relapse"})
    >>> figure = subgroup_forest(iko.subgroup_effects(endpoint, "arm", "sex", at=8), {"sex": "Sex"})
    >>> [text.get_text() for text in figure.axes[0].texts][:5]
    ['b against a', 'N / events', 'Hazard ratio', 'Difference at 8 years, points', 'All patients']
    """
    needed(rows, COLUMNS)
    if width < 5:
        raise InputError("a subgroup forest needs a width of at least 5 inches")
    if not len(rows):
        return sentence_figure("There are no subgroups to show.", note, width)
    parts = parts_of(rows)
    if len(parts.contrasts) > len(SHAPES):
        raise InputError(f"{len(parts.contrasts)} contrasts", next_step="Group the variable into fewer levels.")
    with house_style():
        ax = canvas(width)
        lines, height = laid_out(parts, labels)
        counts = [count_text(parts, row) for row in lines]
        left = EDGE + widest_text(ax, [row.text for row in lines]) + 12
        right = left + widest_text(ax, [*counts, "N / events"]) + GAP
        each = (width * 72 - EDGE - right - GAP) / 2
        places = (right, right + each + GAP)
        top = draw_heads(ax, parts, left, places, unit, labels)
        for row, count in zip(lines, counts, strict=True):
            heading = row.group is None or row.variable == EVERYBODY
            write(ax, EDGE, top + row.middle, row.text, weight="bold" if heading else "normal")
            write(ax, right - GAP, top + row.middle, count, ha="right")
        said = "Differences in risk, in percentage points. P in the line of a subgroup: left, interaction; right, "
        said += "heterogeneity of the differences. Open marks have no interval. NE: not estimable."
        finish_canvas(ax, top + height + 22, f"{said} {note}")
        scales = (ratio_scale(parts.ratios), difference_scale(parts.risks))
        for part, tests, scale, x in zip(parts[:2], parts[2:], scales, places, strict=True):
            draw_panel(panel_axes(ax, x, top, each, height), part, tests, lines, scale, parts.contrasts, height)
    return ax.figure  # type: ignore[return-value]


def laid_out(parts: Parts, labels: Mapping[str, str]) -> tuple[list[Row], float]:
    """The lines from the top down, with their middles in points, and the height of all."""
    tall = LINE + MORE * (len(parts.contrasts) - 1)
    lines, y = [], 2.0
    for variable, groups in parts.blocks():
        if variable != EVERYBODY:
            high = max(LINE, 4 + 10.0 * len(parts.contrasts))
            lines.append(Row(variable, None, y + 4 + high / 2, shorten(variable_label(variable, labels), 32)))
            y += high + 4
        for group in groups:
            indent = "" if variable == EVERYBODY else "   "
            lines.append(Row(variable, group, y + tall / 2, indent + shorten(place_name(variable, group), 30)))
            y += tall
    return lines, y + 3


def count_text(parts: Parts, row: Row) -> str:
    """Patients and events of a level."""
    if row.group is None:
        return ""
    found = row_of(parts.ratios, row.variable, row.group, parts.contrasts[0])
    return f"{cells.count(found['n'])} / {cells.count(found['n_event'])}"


def draw_heads(
    ax: Axes, parts: Parts, left: float, places: tuple[float, float], unit: str, labels: Mapping[str, str]
) -> float:
    """What is compared, and the heads of the columns; returns where the lines begin."""
    term = str(parts.ratios["term"].iloc[0])
    reference = level_of(term, parts.contrasts[0].split(" vs ", 1)[1])
    names = [level_of(term, contrast) for contrast in parts.contrasts]
    of = f"{labels[term]}: " if term in labels else ""
    if len(names) == 1:
        write(ax, EDGE, EDGE + 8, shorten(f"{of}{names[0]} against {reference}", 90), size=NORMAL, weight="bold")
        y = EDGE + 20
    else:
        write(ax, EDGE, EDGE + 8, shorten(f"{of}each against {reference}", 90), size=NORMAL, weight="bold")
        looks = [(OKABE_ITO[k], SHAPES[k], 1.0) for k in range(len(names))]
        entries = [(shorten(name, 34), partial(mark, look=look)) for name, look in zip(names, looks, strict=True)]
        y = draw_key(ax, entries, EDGE + 16, 9)
    when = f"{parts.at:g} {unit.removesuffix('s') if parts.at == 1 else unit}"
    write(ax, places[0] - GAP, y + 8, "N / events", ha="right", colour=QUIET)
    write(ax, places[0], y + 8, parts.ratio, colour=QUIET)
    write(ax, places[1], y + 8, f"Difference at {when}, points", colour=QUIET)
    return y + 16


class Scale(NamedTuple):
    """An axis: how far it reaches to both sides of no effect, its ticks, and what they are called."""

    reach: float
    ticks: list[float]
    names: list[str]


def widest(part: pd.DataFrame) -> float:
    """The largest distance from no effect of any number."""
    values = part[["estimate", "low", "high"]].to_numpy(dtype=float)
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def ratio_scale(part: pd.DataFrame) -> Scale:
    """A log axis with 1 in its middle."""
    reach = min(max(widest(part) * 1.05, math.log(2.2)), math.log(FARTHEST))
    chosen = [tick for tick in TICKS if abs(math.log(tick)) <= reach]
    if reach > math.log(6):
        chosen = [tick for tick in chosen if round(math.log2(tick)) % 2 == 0]
    return Scale(reach, [math.log(t) for t in chosen], [f"{t:g}" if t >= 1 else f"1/{1 / t:g}" for t in chosen])


def difference_scale(part: pd.DataFrame) -> Scale:
    """An axis of points with 0 in its middle."""
    reach = min(max(widest(part) * 1.05, 0.12), 1.05)
    step = next(step for step in (0.05, 0.1, 0.2, 0.25, 0.5) if reach / step <= 2.6 or step == 0.5)
    ticks = [k * step for k in range(-math.floor(reach / step), math.floor(reach / step) + 1)]
    return Scale(reach, ticks, [f"{100 * tick:+.0f}".replace("-", "−") if tick else "0" for tick in ticks])


def draw_panel(
    ax: Axes, part: pd.DataFrame, tests: pd.DataFrame, lines: list[Row], scale: Scale, contrasts: list[str], height: float
) -> None:
    """One scale: a mark and its interval for each level and contrast, and P in the line of the subgroup's name."""
    ax.set(xlim=(-scale.reach, scale.reach), ylim=(height, 0))
    ax.set_xticks(scale.ticks, scale.names)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.axvline(0, color="#888888", lw=0.8, zorder=0)
    for row in lines:
        if row.group is None:
            write_tests(ax, tests[tests["variable"] == row.variable], row.middle, scale.reach, contrasts)
            continue
        for k, contrast in enumerate(contrasts):
            y = row.middle + MORE * (k - (len(contrasts) - 1) / 2)
            draw_effect(ax, row_of(part, row.variable, row.group, contrast), y, scale.reach, k)


def write_tests(ax: Axes, tests: pd.DataFrame, middle: float, reach: float, contrasts: list[str]) -> None:
    """P of each test of one subgroup at the right end, behind the mark of its contrast where there are several."""
    texts = ["P –" if math.isnan(p) else cells.p_text(p) for p in tests["p_value"]]
    wide = ax.get_window_extent().width / ax.figure.dpi * 72
    before = reach - 2 * reach * (widest_text(ax, [*texts, ""]) + 7) / wide
    for k, (contrast, text) in enumerate(zip(tests["contrast"], texts, strict=True)):
        y = middle + 10.0 * (k - (len(texts) - 1) / 2)
        write(ax, reach, y, text, ha="right", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})
        if len(texts) > 1:
            place = contrasts.index(contrast)
            ax.plot(before, y, SHAPES[place], color=OKABE_ITO[place], ms=4, label="_test")


def draw_effect(ax: Axes, found: pd.Series, y: float, reach: float, place: int) -> None:
    """One mark with its interval; arrows where the interval goes beyond the axis."""
    estimate, low, high = (float(found[name]) for name in ("estimate", "low", "high"))
    colour = OKABE_ITO[place]
    if math.isnan(estimate):
        write(ax, 0.02 * reach, y, "NE", colour=QUIET)
        return
    known = not (math.isnan(low) or math.isnan(high))
    if known:
        ax.hlines(y, max(low, -reach), min(high, reach), color=colour, lw=1.3)
        for end, shape, beyond in ((-reach, "<", low < -reach), (reach, ">", high > reach)):
            if beyond:
                ax.plot(end, y, shape, color=colour, ms=4, clip_on=False, label="_arrow")
    fill = colour if known else "white"
    ax.plot(np.clip(estimate, -reach, reach), y, SHAPES[place], color=colour, mfc=fill, ms=4.6, label="_effect")


def subgroup_alt(rows: pd.DataFrame, labels: Mapping[str, str], unit: str = "years") -> str:
    """The forest in words: of each level the ratio and the difference, of each subgroup the tests."""
    if not len(rows):
        return "Subgroup forest: there are no subgroups to show."
    parts = parts_of(rows)
    term = str(parts.ratios["term"].iloc[0])
    said = []
    for variable, groups in parts.blocks():
        texts = []
        for group in groups:
            for contrast in parts.contrasts:
                ratio = row_of(parts.ratios, variable, group, contrast).to_frame().T
                risk = row_of(parts.risks, variable, group, contrast)
                name = f"{place_name(variable, group)}{f', {level_of(term, contrast)}' if len(parts.contrasts) > 1 else ''}"
                difference = cells.signed_percent(risk["estimate"], risk["low"], risk["high"])
                texts.append(f"{name} {cells.hazard_text(ratio) or cells.NOT_ESTIMABLE}, {difference}")
        p = p_of(parts.interactions, variable)
        test = "" if math.isnan(p) else f" (interaction {cells.p_text(p)})"
        said.append(
            "; ".join(texts) if variable == EVERYBODY else f"{variable_label(variable, labels)}{test}: {'; '.join(texts)}"
        )
    head = f"Subgroup forest: {parts.ratio.lower()} and risk difference in points at {parts.at:g} {unit}"
    return f"{head}. {'. '.join(said)}."
