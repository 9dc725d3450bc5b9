"""The shrinkage plot: what each class says alone, and what it says together with the others."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from ikzf1_outcomes.report.hierarchical import POOLED, Words, class_name, ratio_of, sentence, shown_effects
from ikzf1_outcomes.report.palette import OKABE_ITO, house_style, shorten
from ikzf1_outcomes.report.risk_table import widest_text
from ikzf1_outcomes.report.subgroup_figures import BROAD, Scale, ratio_scale

LOOKS = {"Cox": (OKABE_ITO[1], "s", 0.0), "Firth": (OKABE_ITO[2], "o", 0.0), POOLED: (OKABE_ITO[0], "o", 1.0)}
"""Colour, shape, and whether it is filled: methods can be told apart without colour."""
NAMES = {"Cox": "Cox", "Firth": "Firth", POOLED: "estimated together"}
LINE, STEP = 40.0, 11.0
"""Points: a class, and the methods within it."""
COLUMNS = ("term", "contrast", "cause", "method", "n", "n_event", "estimate", "low", "high", "note")


def shrinkage_figure(effects: pd.DataFrame, words: Words, *, note: str = "", width: float = BROAD) -> Figure:
    """Draw hazard ratios of any deletion and of each class by Cox, Firth and the hierarchical model, on a log scale.

    Parameters
    ----------
    effects
        Of `shrinkage`, on the log scale.
    words
        What the classes and the cause are called.
    note, width
        Small text below; inches.

    Returns
    -------
    Figure
    """
    needed(effects, COLUMNS)
    shown = shown_effects(effects, words)
    if not len(shown):
        return sentence_figure("There are no classes to show.", note, width)
    contrasts = list(dict.fromkeys(shown["contrast"]))
    with house_style():
        ax = canvas(width)
        names = [shorten(sentence(class_name(contrast, words)), 30) for contrast in contrasts]
        pooled = shown[shown["method"] == POOLED].set_index("contrast")
        counts = [f"{cells.count(row['n'])} / {cells.count(row['n_event'])}" for _, row in pooled.loc[contrasts].iterrows()]
        entries = [(name, partial(mark, look=LOOKS[method])) for method, name in NAMES.items()]
        top = draw_key(ax, entries, EDGE, 9) + 14
        begin = EDGE + widest_text(ax, names) + 12
        left = begin + widest_text(ax, [*counts, "N / events"]) + 14
        right = width * 72 - EDGE - widest_text(ax, ["00.0 (0.00–00.0)"]) - 8
        write(ax, left - 14, top - 8, "N / events", ha="right", colour=QUIET)
        write(ax, left, top - 8, f"Hazard ratio, {words.interest}", colour=QUIET)
        height = LINE * len(contrasts) + 4
        for k, (name, count) in enumerate(zip(names, counts, strict=True)):
            y = top + 2 + LINE * (k + 0.5)
            write(ax, EDGE, y, name, weight="bold" if k == 0 else "normal")
            write(ax, left - 14, y, count, ha="right")
        said = f"Each against {class_name('not deleted', words)}. Filled: credible interval; open: confidence interval. "
        finish_canvas(ax, top + height + 22, f"{said}Arrows go beyond the axis. {note}")
        panel = panel_axes(ax, left, top, right - left, height)
        draw_lines(panel, shown, contrasts, ratio_scale(reachable(shown)), height)
    return ax.figure  # type: ignore[return-value]


def reachable(shown: pd.DataFrame) -> pd.DataFrame:
    """The numbers that the axis is made for: an interval of Firth's without events would leave no room for the others."""
    far = math.log(16.0)
    return shown.assign(**{name: shown[name].astype(float).clip(-far, far) for name in ("estimate", "low", "high")})


def draw_lines(ax: Axes, shown: pd.DataFrame, contrasts: list[str], scale: Scale, height: float) -> None:
    """Three marks with their intervals in each line; in words where there is no number."""
    ax.set(xlim=(-scale.reach, scale.reach), ylim=(height, 0))
    ax.set_xticks(scale.ticks, scale.names)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.axvline(0, color="#888888", lw=0.8, zorder=0)
    for k, contrast in enumerate(contrasts):
        if k:
            ax.axhline(2 + LINE * k, color="#E8E8E8", lw=0.6, zorder=0)
        for place, method in enumerate(LOOKS):
            y = 2 + LINE * (k + 0.5) + STEP * (place - 1)
            found = shown[(shown["contrast"] == contrast) & (shown["method"] == method)]
            if len(found):
                draw_method(ax, found.iloc[0], method, y, scale.reach)


def draw_method(ax: Axes, found: pd.Series, method: str, y: float, reach: float) -> None:
    """One mark with its interval, and the ratio in words beside the panel."""
    colour, shape, filled = LOOKS[method]
    estimate, low, high = (float(found[name]) for name in ("estimate", "low", "high"))
    if math.isnan(estimate):
        write(ax, 0.03 * reach, y, f"{NAMES[method]}: not estimable", colour=QUIET)
        return
    if not (math.isnan(low) or math.isnan(high)):
        ax.hlines(y, max(low, -reach), min(high, reach), color=colour, lw=1.6 if filled else 1.0)
        for end, arrow, beyond in ((-reach, "<", low < -reach), (reach, ">", high > reach)):
            if beyond:
                ax.plot(end, y, arrow, color=colour, ms=4, clip_on=False, label="_arrow")
    inside = np.clip(estimate, -reach, reach)
    ax.plot(inside, y, shape, color=colour, mfc=colour if filled else "white", ms=5.4 if filled else 4.6, label="_effect")
    look = {"weight": "bold"} if filled else {}
    write(ax, reach * 1.05, y, ratio_of(found), size=7.5, colour="black" if filled else QUIET, clip_on=False, **look)


def shrinkage_alt(effects: pd.DataFrame, words: Words) -> str:
    """The plot in words."""
    shown = shown_effects(effects, words)
    if not len(shown):
        return "Shrinkage plot: there are no classes to show."
    said = []
    for contrast, own in shown.groupby("contrast", sort=False):
        texts = [
            f"{NAMES[row['method']]} {ratio_of(row).replace(cells.NOT_ESTIMABLE, 'not estimable')}"
            for _, row in own.iterrows()
        ]
        first = own.iloc[0]
        size = f"{cells.count(first['n'])} patients, {cells.count(first['n_event'])} events"
        said.append(f"{sentence(class_name(str(contrast), words))} ({size}): {', '.join(texts)}")
    return f"Hazard ratios of {words.interest} by class, alone and estimated together. {'. '.join(said)}."
