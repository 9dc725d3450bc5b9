"""Pictures of the kinome page: a heat map with tracks and their key, pathways in both groups with standard errors.

Nothing is estimated here and nobody is named: columns of the heat map are arrays, without their names.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.dosage_figures import (
    DIVERGING,
    EDGE,
    QUIET,
    WIDTH,
    box,
    canvas,
    finish_canvas,
    panel_axes,
    sentence_figure,
    write,
)
from ikzf1_outcomes.report.palette import OKABE_ITO, SMALL, house_style, shorten
from ikzf1_outcomes.report.risk_table import widest_text

BROAD = 7.6
"""Inches of a heat map."""
TREE, TRACK, CELL, WHOLE = 42.0, 11.0, 11.0, 250.0
"""Points: height of the tree, of a track, of a named peptide, of all peptides together."""
MISSING = "#E6E6E6"
SHADES = LinearSegmentedColormap.from_list("shades", ["#F2F2F2", "#1F1F1F"], 257)
FEW_LEVELS = len(OKABE_ITO)


def tracked_heat_map(
    values: pd.DataFrame, tracks: pd.DataFrame, *, merges: Any = None, limit: float = 2.0, note: str = "",
    width: float = BROAD,
) -> Figure:  # fmt: skip
    """Draw peptides by arrays, in the order given, below tracks of what is known of the patients.

    Parameters
    ----------
    values
        Peptides x samples, standardised by peptide; colours end at plus and minus `limit`. Up to 40 peptides are named.
    tracks
        One row a sample, in the order of the columns; numbers are shades of grey by rank, all else levels in colours; a
        missing value is pale grey. More levels than colours: the rarest share the last one.
    merges
        The tree of the samples as scipy has it, whose leaves in order are the columns; without it no tree.
    limit, note, width
        Standard deviations; small text below; inches.

    Returns
    -------
    Figure
        Without peptides: a sentence.

    Raises
    ------
    InputError
        Tracks of other samples than the columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.kinome_maps import tracked_heat_map
    >>> values = pd.DataFrame([[1.0, -1.0]], index=["SYK_1"], columns=["a", "b"])
    >>> figure = tracked_heat_map(values, pd.DataFrame({"IKZF1": ["deleted", "not deleted"]}, index=["a", "b"]))
    >>> [text.get_text() for text in figure.axes[0].texts][:4]
    ['IKZF1', 'deleted', 'not deleted', 'SYK_1']
    """
    if values.empty:
        return sentence_figure("No peptides to show.", note, width)
    if not tracks.index.equals(values.columns):
        raise InputError("the tracks are not those of the samples")
    named = len(values) <= 40
    shown = [shorten(str(name), 22) for name in values.index] if named else []
    with house_style():
        ax = canvas(width)
        left = EDGE + widest_text(ax, [*(shorten(str(name), 22) for name in tracks), *shown, "Tree"]) + 6
        wide = width * 72 - EDGE - left
        height = CELL * len(values) if named else WHOLE
        top = EDGE + (TREE if merges is not None else 0.0)
        start = top + TRACK * tracks.shape[1] + 4
        y = draw_track_names(ax, tracks, left, top, start + height + 6, wide)
        for place, name in enumerate(shown):
            write(ax, left - 4, start + CELL * (place + 0.5), name, ha="right", size=7)
        y = draw_shades(ax, left, y, limit)
        rows = "" if named else f"Rows are {len(values):,} peptides. "
        shades = "Numbers are shaded by rank. " if any(is_number(tracks[name]) for name in tracks) else ""
        finish_canvas(ax, y, f"{rows}Columns are arrays; each peptide standardised over the arrays. {shades}{note}")
        if merges is not None:
            draw_tree(panel_axes(ax, left, EDGE, wide, TREE), merges)
        for place, name in enumerate(tracks):
            draw_track(panel_axes(ax, left, top + TRACK * place + 1, wide, TRACK - 2), tracks[name])
        panel = bare(panel_axes(ax, left, start, wide, height))
        panel.imshow(
            values.to_numpy(dtype=float), cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
        )
    return ax.figure  # type: ignore[return-value]


def bare(ax: Axes) -> Axes:
    """Axes without ticks and spines."""
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def colours_of(track: pd.Series) -> dict[str, str]:
    """Colours of the levels, the rarest sharing one where there are too many."""
    counts = track.dropna().astype(str).value_counts()
    order = list(dict.fromkeys(str(level) for level in sorted(counts.index, key=str)))
    if len(order) > FEW_LEVELS:
        kept = list(counts.index[: FEW_LEVELS - 1])
        return {level: OKABE_ITO[kept.index(level)] if level in kept else OKABE_ITO[-1] for level in order}
    return {level: OKABE_ITO[place] for place, level in enumerate(order)}


def is_number(track: pd.Series) -> bool:
    """Whether a track is of numbers."""
    return pd.api.types.is_numeric_dtype(track) and not pd.api.types.is_bool_dtype(track)


def draw_track(ax: Axes, track: pd.Series) -> None:
    """One track, a cell an array."""
    bare(ax)
    if is_number(track):
        # by rank: one patient with very many white cells would leave all others white
        shade = (track.rank() - 1.0) / max(float(track.notna().sum()) - 1.0, 1.0)
        faces = [MISSING if np.isnan(value) else SHADES(value) for value in shade]
    else:
        colours = colours_of(track)
        faces = [colours[str(level)] if pd.notna(level) else MISSING for level in track]
    ax.bar(np.arange(len(track)), 1.0, width=1.0, color=faces, align="edge", linewidth=0)
    ax.set(xlim=(0, len(track)), ylim=(0, 1))


def draw_track_names(ax: Axes, tracks: pd.DataFrame, left: float, top: float, y: float, wide: float) -> float:
    """Names beside the tracks, and below the map what their colours are; returns the end."""
    for place, name in enumerate(tracks):
        write(ax, left - 4, top + TRACK * (place + 0.5), shorten(str(name), 22), ha="right", size=7)
        if tracks.shape[1] > 1:
            write(ax, left - 4, y + 3.5, shorten(str(name), 22), ha="right", size=7, colour=QUIET)
        x = left
        for words, face in entries_of(tracks[name]):
            need = 11 + widest_text(ax, [words])
            if x + need > left + wide and x > left:
                x, y = left, y + 11
            box(ax, x, y, 7, 7, facecolor=face, linewidth=0.3)
            write(ax, x + 10, y + 3.5, words, size=7)
            x += need + 6
        y += 12
    return y


def entries_of(track: pd.Series) -> list[tuple[str, Any]]:
    """What a key says of a track."""
    if is_number(track):
        least, most = track.min(), track.max()
        return [] if pd.isna(least) else [(f"{least:.3g}", SHADES(0.0)), (f"{most:.3g}", SHADES(1.0))]
    colours = colours_of(track)
    shared = [level for level in colours if colours[level] == OKABE_ITO[-1]] if len(colours) > FEW_LEVELS else []
    out: list[tuple[str, Any]] = [
        (shorten(level.replace("_", " "), 26), colours[level]) for level in colours if level not in shared
    ]
    out += [(f"{len(shared)} others", OKABE_ITO[-1])] if shared else []
    return out + ([("not known", MISSING)] if track.isna().any() else [])


def draw_tree(ax: Axes, merges: Any) -> None:
    """The tree of the samples."""
    from scipy.cluster.hierarchy import dendrogram

    bare(ax)
    tree = dendrogram(merges, no_plot=True)
    # scipy's leaves are ten apart, the first at five
    for x, y in zip(tree["icoord"], tree["dcoord"], strict=True):
        ax.plot(np.array(x) / 10.0, y, color="#555555", lw=0.6)
    ax.set(xlim=(0, len(merges) + 1), ylim=(0, float(merges[-1, 2]) * 1.03))


def draw_shades(ax: Axes, left: float, y: float, limit: float) -> float:
    """The colours of the values; returns the end."""
    for place, step in enumerate(np.linspace(-limit, limit, 9)):
        box(ax, left + 24 * place, y, 24, 7, facecolor=DIVERGING(place / 8), linewidth=0.2)
        if place % 2 == 0:
            sign = {0: "≤ ", 8: "≥ "}.get(place, "")
            write(ax, left + 24 * place + 12, y + 15, f"{sign}{step:g}".replace("-", "−"), ha="center", size=7)
    write(ax, left + 24 * 9 + 5, y + 3.5, "standard deviations from the peptide's mean", size=7)
    return y + 20


def tracked_heat_map_alt(values: pd.DataFrame, tracks: pd.DataFrame, clusters: str = "") -> str:
    """The map in words.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.kinome_maps import tracked_heat_map_alt
    >>> values = pd.DataFrame([[1.0, -1.0]], index=["SYK_1"], columns=["a", "b"])
    >>> tracked_heat_map_alt(values, pd.DataFrame({"IKZF1": ["deleted", "not deleted"]}, index=["a", "b"]))
    'Heat map, peptides by arrays: 1 by 2, with tracks of IKZF1.'
    """
    told = f", with tracks of {', '.join(str(name) for name in tracks)}" if tracks.shape[1] else ""
    return f"Heat map, peptides by arrays: {len(values):,} by {values.shape[1]}{told}.{f' {clusters}' if clusters else ''}"


def pathway_means_figure(
    means: pd.DataFrame, tests: pd.DataFrame, *, groups: tuple[str, str], note: str = "", width: float = WIDTH
) -> Figure:
    """Draw the mean intensity of each pathway in two groups, with standard errors, and the adjusted P beside it.

    Parameters
    ----------
    means
        term (pathway), group, estimate, std_error.
    tests
        term, p_adjusted; one row a pathway.
    groups
        The two groups in the order of drawing.
    note, width
        Small text below; inches.

    Returns
    -------
    Figure
        Without pathways: a sentence.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.kinome_maps import pathway_means_figure
    >>> means = pd.DataFrame({"term": ["MAPK"] * 2, "group": ["a", "b"], "estimate": [8.0, 8.2], "std_error": [0.1, 0.1]})
    >>> tests = pd.DataFrame({"term": ["MAPK"], "p_adjusted": [0.3]})
    >>> figure = pathway_means_figure(means, tests, groups=("a", "b"))
    >>> [text.get_text() for text in figure.axes[0].texts][:4]
    ['Adjusted P', 'MAPK', '0.30', 'a']
    """
    names = list(dict.fromkeys(means["term"]))
    if not names:
        return sentence_figure("No pathways to show.", note, width)
    step = 24.0
    with house_style():
        ax = canvas(width)
        left, right = EDGE + widest_text(ax, [shorten(name, 26) for name in names]) + 8, widest_text(ax, ["Adjusted P"]) + 8
        top, height = EDGE + 14, step * len(names)
        wide = width * 72 - left - right - EDGE
        write(ax, left + wide + 8, top - 4, "Adjusted P", colour=QUIET)
        p = tests.set_index("term")["p_adjusted"]
        for place, name in enumerate(names):
            write(ax, left - 6, top + step * (place + 0.5), shorten(name, 26), ha="right")
            write(ax, left + wide + 8, top + step * (place + 0.5), cells.p_value(float(p.get(name, np.nan))))
        y = top + height + 32
        for place, (group, shape, colour) in enumerate(looks(groups)):
            x = left + place * wide / 2
            ax.plot(x, y, shape, color=colour, ms=5)
            write(ax, x + 8, y, shorten(group, 24))
        finish_canvas(ax, y + 10, f"Mean log2 intensity of the pathway's peptides over patients, ± standard error. {note}")
        panel = panel_axes(ax, left, top, wide, height)
        panel.set(ylim=(len(names) - 0.5, -0.5), yticks=[])
        panel.set_xlabel("Mean log2 intensity", fontsize=SMALL)
        for side, (group, shape, colour) in enumerate(looks(groups)):
            own = means[means["group"] == group].set_index("term").reindex(names)
            at = np.arange(len(names)) + (0.16 if side else -0.16)
            panel.errorbar(own["estimate"], at, xerr=own["std_error"].fillna(0.0), fmt=shape, color=colour, ms=5, lw=1.2)
    return ax.figure  # type: ignore[return-value]


def looks(groups: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Group, shape and colour."""
    return [(groups[0], "o", OKABE_ITO[0]), (groups[1], "s", OKABE_ITO[1])]


def pathway_means_alt(means: pd.DataFrame, tests: pd.DataFrame) -> str:
    """The picture in words.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.kinome_maps import pathway_means_alt
    >>> means = pd.DataFrame({"term": ["MAPK"] * 2, "group": ["a", "b"], "estimate": [8.0, 8.2], "std_error": [0.1, 0.1]})
    >>> pathway_means_alt(means, pd.DataFrame({"term": ["MAPK"], "p_adjusted": [0.3]}))
    'Mean log2 intensity of pathways: MAPK a 8.00, b 8.20, adjusted P = 0.30.'
    """
    p = tests.set_index("term")["p_adjusted"]
    said = [
        f"{name} {', '.join(f'{row.group} {row.estimate:.2f}' for row in own.itertuples())}, adjusted "
        f"{cells.p_text(float(p.get(name, np.nan)))}"
        for name, own in means.groupby("term", sort=False)
    ]
    return f"Mean log2 intensity of pathways: {'; '.join(said)}."
