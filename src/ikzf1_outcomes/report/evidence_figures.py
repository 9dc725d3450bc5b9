"""The forest plot of a meta-analysis."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.dosage_figures import EDGE, QUIET, canvas, finish_canvas, needed, panel_axes, write
from ikzf1_outcomes.report.palette import OKABE_ITO, house_style, shorten
from ikzf1_outcomes.report.risk_table import widest_text
from ikzf1_outcomes.report.subgroup_figures import BROAD, Scale, ratio_scale

COLUMNS = ("term", "study", "estimate", "low", "high", "weight")
LINE = 16.0
NAMES = {"pooled": "Pooled", "prediction": "A new cohort (prediction)"}


def meta_forest(rows: pd.DataFrame, *, note: str = "", width: float = BROAD) -> Figure:
    """Draw ratios of studies, pooled, and of a new study, on a log scale; squares are as large as a study weighs.

    Parameters
    ----------
    rows
        Of `MetaAnalysis.tidy()`, logarithms.
    note, width
        Small text below; inches.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.report.evidence_figures import meta_forest, meta_forest_alt
    >>> studies = pd.DataFrame({"cohort_id": list("ABC"), "estimate": [0.5, 0.9, 0.6], "std_error": [0.2, 0.3, 0.25]})
    >>> figure = meta_forest(iko.meta_analysis(studies).tidy())
    >>> print(meta_forest_alt(iko.meta_analysis(studies.head(2)).tidy()))  # doctest: +ELLIPSIS
    Forest plot of hazard ratios: A 1.65 (1.11–2.44), weight 66 %; ... A new cohort (prediction): no interval.
    """
    needed(rows, COLUMNS)
    names = [shorten(name_of(row), 34) for _, row in rows.iterrows()]
    texts = [ratio_of(row) for _, row in rows.iterrows()]
    with house_style():
        ax = canvas(width)
        left = EDGE + 1.15 * widest_text(ax, names) + 12  # some are bold
        right = width * 72 - EDGE - widest_text(ax, [*texts, "000.0 (0.00–000.0)"]) - 8
        top, height = EDGE + 4, LINE * len(rows) + 4
        for k, name in enumerate(names):
            bold = rows["term"].iloc[k] != "study"
            write(ax, EDGE, top + 2 + LINE * (k + 0.5), name, weight="bold" if bold else "normal")
        finish_canvas(ax, top + height + 22, f"Squares: as large as the weight. Arrows go beyond the axis. {note}")
        panel = panel_axes(ax, left, top, right - left, height)
        # the interval of a new study may be so wide that the studies would be dots
        inner = rows[rows["term"] != "prediction"]
        draw_lines(panel, rows, texts, ratio_scale(inner), height)
    return ax.figure  # type: ignore[return-value]


def name_of(row: pd.Series) -> str:
    """A study, or what its line is."""
    return NAMES.get(str(row["term"]), str(row["study"]))


def ratio_of(row: pd.Series) -> str:
    """The ratio with its interval, in words where there is none."""
    if math.isnan(row["low"]):
        return "no interval"
    return cells.ratio(*np.exp([row["estimate"], row["low"], row["high"]]))


def draw_lines(ax: Axes, rows: pd.DataFrame, texts: list[str], scale: Scale, height: float) -> None:
    """A mark with its interval in each line: squares, a diamond, and a bar for a new study."""
    ax.set(xlim=(-scale.reach, scale.reach), ylim=(height, 0))
    ax.set_xticks(scale.ticks, scale.names)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.axvline(0, color="#888888", lw=0.8, zorder=0)
    for k, (_, row) in enumerate(rows.iterrows()):
        y, reach = 2 + LINE * (k + 0.5), scale.reach
        low, middle, high = (float(row[name]) for name in ("low", "estimate", "high"))
        new = row["term"] == "prediction"
        colour = OKABE_ITO[1] if new else OKABE_ITO[0]
        if not math.isnan(low):
            ax.hlines(y, max(low, -reach), min(high, reach), color=colour, lw=2.4 if new else 1.2)
            for end, arrow, beyond in ((-reach, "<", low < -reach), (reach, ">", high > reach)):
                if beyond:
                    ax.plot(end, y, arrow, color=colour, ms=4, clip_on=False, label="_arrow")
        if not new and -reach <= middle <= reach:
            shape, size = ("D", 7.0) if row["term"] == "pooled" else ("s", 2.5 + 7.0 * math.sqrt(row["weight"]))
            ax.plot(middle, y, shape, color=colour, ms=size, label="_effect")
        write(ax, reach * 1.05, y, texts[k], size=7.5, colour="black" if row["term"] != "study" else QUIET, clip_on=False)


def meta_forest_alt(rows: pd.DataFrame) -> str:
    """The plot in words."""
    needed(rows, COLUMNS)
    studies = rows[rows["term"] == "study"]
    said = [f"{name_of(row)} {ratio_of(row)}, weight {100 * row['weight']:.0f} %" for _, row in studies.iterrows()]
    said += [f"{name_of(row)}: {ratio_of(row)}" for _, row in rows[rows["term"] != "study"].iterrows()]
    return f"Forest plot of hazard ratios: {'; '.join(said)}."
