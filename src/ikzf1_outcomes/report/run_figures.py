"""The doses of a whole run: samples by probes, with the spread of the control probes at the side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.calls import COPY_NUMBERS
from ikzf1_outcomes.report.curve_pieces import refuse
from ikzf1_outcomes.report.dosage_figures import (
    EDGE,
    QUIET,
    WIDTH,
    box,
    canvas,
    draw_key,
    finish_canvas,
    mark,
    panel_axes,
    probe_names,
    sentence_figure,
    write,
)
from ikzf1_outcomes.report.palette import house_style
from ikzf1_outcomes.report.risk_table import spread_out, widest_text

DOSES = LinearSegmentedColormap.from_list("doses", ["#0072B2", "#FFFFFF", "#D55E00"], 257)
DOSES.set_bad("#C8C8C8")
RUN_MARKS = {
    "deleted": ("#000000", "v", 0.0),
    "homozygous": ("#000000", "s", 1.0),
    "gain": ("#000000", "^", 1.0),
    "ambiguous": ("#000000", "D", 0.0),
}
SIDE = 62.0  # points that the spread of the controls takes
READABLE = 4.5  # points a side that a cell needs to bear a mark


def dosage_overview(
    quotients: pd.DataFrame, calls: pd.DataFrame | None = None, *, controls: Sequence[Any] | None = None,
    limit: float = 0.1, genes: Mapping[Any, str] | None = None, note: str = "", width: float = WIDTH,
) -> Figure:  # fmt: skip
    """Draw the dosage quotients of a run, a row a sample in the order given, a column a probe.

    Colours run from 0 over 1 (white) to 2 and more; a missing quotient is grey. Calls are marked where cells have the
    room of 4.5 points. At the side: the standard deviation (n - 1) of the quotients of the control probes of each
    sample, and the limit, beyond which points are filled. The limit of 0.1 is the quality rule of NGRL Manchester.

    Parameters
    ----------
    quotients
        Sample x probe, dose relative to two copies. Neither index is printed, but for genes.
    calls
        Words of `COPY_NUMBERS`, of the same form; missing is "not tested".
    controls
        Names of the control probes; those of a gene called "control" or "reference" when left out. With fewer than
        two, nothing is drawn at the side.
    limit
        Highest standard deviation that is fit, above 0.
    genes
        Probe to gene; from names such as "IKZF1-4" when left out.
    note, width
        Small text below everything; inches.

    Returns
    -------
    Figure
        After the canvas an Axes with the samples, and one with the spread. Without samples or probes: a sentence.

    Raises
    ------
    InputError
        Calls of other samples or probes; a word that is no call (row positions); a control that is no probe.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.run_figures import dosage_overview
    >>> quotients = pd.DataFrame({"IKZF1-4": [0.5, 1.0], "control-1": [0.9, 1.0], "control-2": [1.1, 1.0]})
    >>> dosage_overview(quotients).axes[1].images[0].get_array().shape
    (2, 3)
    """
    if quotients.empty:
        return sentence_figure("No samples to show.", note, width)
    if not limit > 0:
        raise InputError("the limit of the spread is above 0")
    words = checked_words(calls, quotients)
    table = probe_names(list(quotients.columns), genes)
    spread = control_spread(quotients, controls, table)
    place, n = table["place"].to_numpy(), len(quotients)
    height = float(np.clip(9.0 * n, 40.0, 430.0))
    with house_style():
        ax = canvas(width)
        deep = widest_text(ax, list(table["gene"])) + 14
        side = 0.0 if spread is None else SIDE
        across = width * 72 - 2 * EDGE - 16 - side
        marked = min(height / n, across / len(place)) >= READABLE and words is not None
        y = draw_scale(ax, EDGE)
        seen = [word for word in RUN_MARKS if marked and words is not None and (words == word).any()]
        y = draw_key(ax, [(LABELS[word], partial(mark, look=RUN_MARKS[word])) for word in seen], y, 8) if seen else y + 4
        told = f"{n:,} sample{'' if n == 1 else 's'}, a row each."
        told += " Grey: no quotient." * bool(quotients.isna().any().any())
        told += " No room for marks of calls." * (words is not None and not marked)
        told += "" if spread is None else f" SD: of the control probes; dashed, and filled beyond it: {limit:g}."
        finish_canvas(ax, y + height + deep, f"{told} {note}")
        panel = panel_axes(ax, EDGE + 14, y, across, height)
        draw_run(panel, quotients.iloc[:, place], None if words is None or not marked else words[:, place], table)
        if spread is not None:
            draw_spread(panel_axes(ax, EDGE + 14 + across + 8, y, side - 10, height), spread, limit)
    return ax.figure  # type: ignore[return-value]


LABELS = {"deleted": "deleted", "homozygous": "both copies lost", "gain": "gain", "ambiguous": "ambiguous"}


def checked_words(calls: pd.DataFrame | None, quotients: pd.DataFrame) -> Any:
    """The calls as an array, in the order of the quotients."""
    if calls is None:
        return None
    if not (calls.index.equals(quotients.index) and calls.columns.equals(quotients.columns)):
        raise InputError("calls and quotients are not of the same samples and probes")
    words = calls.astype(object).where(calls.notna(), "not_tested").to_numpy()
    strange = np.asarray(~np.isin(words.astype(str), COPY_NUMBERS).all(axis=1))
    refuse(strange, "a word that is no call", f"Use {', '.join(COPY_NUMBERS)}.")
    return words


def control_spread(quotients: pd.DataFrame, controls: Sequence[Any] | None, table: pd.DataFrame) -> Any:
    """Standard deviation of the control probes by sample; None with fewer than two."""
    if controls is None:
        found = table["gene"].str.lower().isin(("control", "controls", "reference"))
        controls = list(quotients.columns[table.loc[found, "place"]])
    strange = [probe for probe in controls if probe not in quotients.columns]
    if strange:
        raise InputError("controls that are no probe of the run", count=len(strange))
    return quotients[list(controls)].std(axis=1, ddof=1).to_numpy() if len(controls) > 1 else None


def draw_scale(ax: Axes, y: float) -> float:
    """The colours with their quotients; returns the end."""
    write(ax, EDGE, y + 5, "Dosage quotient")
    wide = min(36.0, (ax.get_xlim()[1] - 2 * EDGE - 80) / 5)
    for place, quotient in enumerate((0, 0.5, 1, 1.5, 2)):
        box(ax, EDGE + 80 + wide * place, y, wide, 10, facecolor=DOSES(quotient / 2), linewidth=0.3, label="scale")
        write(
            ax,
            EDGE + 80 + wide * (place + 0.5),
            y + 17,
            f"{'≥' if quotient == 2 else ''}{quotient:g}",
            ha="center",
            size=7.5,
        )
    return y + 24


def draw_run(ax: Axes, quotients: pd.DataFrame, words: Any, table: pd.DataFrame) -> None:
    """The quotients as cells, marks of calls, genes below."""
    n, m = quotients.shape
    ax.imshow(np.ma.masked_invalid(quotients.to_numpy(dtype=float)), cmap=DOSES, vmin=0, vmax=2, aspect="auto",
              extent=(0, m, n, 0), interpolation="nearest" if n <= 400 else "antialiased")  # fmt: skip
    ax.spines[["top", "right"]].set_visible(True)
    ax.set(xticks=[], yticks=[])
    ax.set_ylabel("Samples", fontsize=8)
    if words is not None:
        for word, (colour, shape, filled) in RUN_MARKS.items():
            row, column = np.nonzero(words == word)
            ax.plot(column + 0.5, row + 0.5, shape, color=colour, mfc=colour if filled else "white", ms=3, mew=0.6,
                    label=word)  # fmt: skip
    ends = np.flatnonzero(np.diff(table["order"])) + 1
    ax.vlines(ends, 0, n, color="black", lw=0.6)
    label_genes(ax, table)


def label_genes(ax: Axes, table: pd.DataFrame) -> None:
    """Names below their probes, upright where they are too wide, moved aside where they would touch."""
    column = ax.get_window_extent().width / ax.figure.dpi * 72 / len(table)
    genes = table.assign(at=np.arange(len(table)) + 0.5).groupby("order", sort=True)
    names, sizes, middles = list(genes["gene"].first()), genes.size().to_numpy() * column, genes["at"].mean().to_numpy()
    wide = np.array([widest_text(ax, [name]) for name in names])
    upright = wide > sizes
    places = spread_out(middles * column, np.where(upright, 9.5, wide), 0, len(table) * column) / column
    for name, turned, place in zip(names, upright, places, strict=True):
        ax.annotate(name, (place, 0), (0, -4), xycoords=ax.get_xaxis_transform(), textcoords="offset points",
                    ha="center", va="top", rotation=90 if turned else 0, fontsize=8, color=QUIET)  # fmt: skip


def draw_spread(ax: Axes, spread: Any, limit: float) -> None:
    """The spread of the controls, a point a sample, level with its row."""
    n, top = len(spread), 1.1 * float(np.nanmax([1.5 * limit, *spread]))
    ax.set(xlim=(0, top), ylim=(n, 0), yticks=[], xticks=[0, limit])
    ax.set_xticklabels(["0", f"{limit:g}"])
    ax.set_title("SD", fontsize=8, pad=3)
    ax.axvline(limit, color="#8A8A8A", lw=0.8, dashes=(4, 2))
    size = float(np.clip(430.0 / n, 1.5, 4.0))
    for over, face in ((False, "white"), (True, "#000000")):
        at = np.flatnonzero((spread > limit) == over)
        ax.plot(spread[at], at + 0.5, "o", color="#000000" if over else "#6E6E6E", mfc=face, ms=size, mew=0.5,
                label="beyond" if over else "within")  # fmt: skip
