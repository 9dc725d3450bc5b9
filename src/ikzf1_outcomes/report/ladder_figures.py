"""A ladder of models as a picture: what is to be expected of each rung among new patients, and what it seemed to be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report.palette import OKABE_ITO, house_style, shorten

SHOWN = ("Harrell's C", "AUC", "IPA")
NOTHING = {"Harrell's C": 0.5, "Uno's C": 0.5, "Wolbers' C": 0.5, "AUC": 0.5, "IPA": 0.0}
"""What a model that says nothing has."""


def draw_ladder(ax: Axes, rows: pd.DataFrame, measure: str, *, time: float | None = None) -> None:
    """Draw one measure of every rung: filled and with its interval corrected for optimism, open as it seemed.

    Parameters
    ----------
    ax
        Where to draw.
    rows
        Of `added_value(...).tidy()`.
    measure
        As in the table.
    time
        Of a measure that has times; None takes the last.

    Raises
    ------
    InputError
        No such measure or time.
    """
    own = rows[(rows["measure"] == measure) & (rows["contrast"] == "")]
    if time is None and len(own):
        time = own["time"].max()
    own = own[own["time"].isna() if time is None or np.isnan(time) else own["time"] == time]
    if not len(own):
        raise InputError("the table has no such measure or time", next_step=f"As in {', '.join(SHOWN)}.")
    y = np.arange(len(own))
    best = own["corrected"].where(own["corrected"].notna(), own["estimate"])
    with house_style():
        if measure in NOTHING:
            ax.axvline(NOTHING[measure], color="#888888", lw=0.8)
        ax.hlines(y, own["low"], own["high"], color=OKABE_ITO[0], lw=1.4)
        ax.plot(own["estimate"], y, "o", color=OKABE_ITO[0], mfc="white", ms=3.5)
        ax.plot(best, y, "o", color=OKABE_ITO[0], ms=5)
        ax.set(ylim=(len(own) - 0.5, -0.5), xlabel=measure if own["time"].isna().all() else f"{measure} at {time:g}")
        ax.set_yticks(y, [shorten(name, 34) for name in own["term"]])


def ladder_figure(rows: pd.DataFrame, measures: Sequence[str] = SHOWN, *, width: float = 7.0, note: str = "") -> Figure:
    """Some measures of a ladder side by side, those with times at the last of them.

    Parameters
    ----------
    rows
        Of `added_value(...).tidy()`.
    measures
        As in the table.
    width, note
        Inches; small text below.
    """
    n = rows.loc[rows["contrast"] == "", "term"].nunique()
    with house_style():
        figure = Figure(figsize=(width, 1.1 + 0.32 * n), layout="constrained")
        axes = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
        for ax, measure in zip(axes, measures, strict=True):
            draw_ladder(ax, rows, measure)
        told = "Filled: corrected for optimism, with interval. Open: among the patients themselves."
        figure.supxlabel(f"{told} {note}".strip(), size=7.5)
    return figure


def ladder_alt(rows: pd.DataFrame, measures: Sequence[str] = SHOWN) -> str:
    """The picture in words: what is to be expected of each rung, at the last time of each measure."""
    own = rows[(rows["contrast"] == "") & rows["measure"].isin(measures)]
    own = own.assign(best=own["corrected"].where(own["corrected"].notna(), own["estimate"]))
    said = []
    for term, part in own.groupby("term", sort=False):
        last = part.groupby("measure", sort=False)["best"].last()
        said.append(f"{term}: " + ", ".join(f"{name} {value:.3f}" for name, value in last.items()))
    return f"Ladder of models. {'; '.join(said)}."
