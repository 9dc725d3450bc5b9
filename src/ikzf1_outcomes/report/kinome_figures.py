"""Heat maps of the kinome with a tree and annotations, and what figures of grids have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import dendrogram

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kinome.arrays import PeptideArrays, peptide_values
from ikzf1_outcomes.kinome.clusters import KinomeClusters, scaled_peptides
from ikzf1_outcomes.report.dosage_figures import DIVERGING, QUIET, WIDTH
from ikzf1_outcomes.report.palette import FONT, LARGE, OKABE_ITO, SMALL, distinct_names, house_style, shorten, text_lines

TRACK, TREE = 0.045, 0.16
"""Shares of the height of a heat map that an annotation track and the tree take."""
MOST_NAMES = 60
"""Names are written at the edge up to so many."""
MISSING = "#FFFFFF"


def new_axes(width: float, height: float) -> Axes:
    """Axes of a figure of their own, in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def titled(ax: Axes, title: str, note: str, *, above: float = 6.0) -> None:
    """Title above, by some points, and note below."""
    ax.set_title(text_lines(title, 60, 2), loc="left", fontsize=LARGE, family=FONT, parse_math=False, pad=above)
    if note:
        ax.set_xlabel(text_lines(note, 70, 4), fontsize=SMALL, color=QUIET, loc="left", family=FONT, parse_math=False)


def named_ticks(ax: Axes, rows: Sequence[Any], columns: Sequence[Any]) -> None:
    """Names of rows at the left and of columns below, where there are not too many of them."""
    for axis, names, turn in ((ax.yaxis, rows, 0), (ax.xaxis, columns, 90)):
        shown = [shorten(name, 24) for name in distinct_names(list(names), 40)] if len(names) <= MOST_NAMES else []
        axis.set_ticks(range(len(shown)), shown, rotation=turn, fontsize=SMALL, family=FONT, parse_math=False)
    ax.tick_params(length=0, pad=2)
    ax.spines[:].set_visible(False)


def kinome_heat_map(
    arrays: pd.DataFrame | PeptideArrays,
    *,
    clusters: KinomeClusters | None = None,
    peptide_clusters: KinomeClusters | None = None,
    tracks: pd.DataFrame | None = None,
    limit: float = 2.5,
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
) -> Axes:
    """Draw peptides by samples, each peptide at mean 0 and standard deviation 1, below the tree of the samples.

    Scaled colours hide how small differences are: they show patterns, never sizes. For the peptides that differ, give
    their rows alone. Missing values are white.

    Parameters
    ----------
    arrays
        Peptides x samples.
    clusters, peptide_clusters
        Trees of the same samples and peptides: their orders are taken, that of the samples is drawn. Without them the
        order is the one given.
    tracks
        Index sample, one column an annotation, drawn as bands of colour with a key; unknown ones are white.
    limit
        Standard deviations at which colours end.
    ax
        Where to draw; a new figure when left out.
    title, note
        Above; small text below.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        A tree of others than the samples or peptides, constant peptides (positions), tracks of none of the samples.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.kinome_figures import kinome_heat_map
    >>> ax = kinome_heat_map(pd.DataFrame([[1.0, 2, 3]], index=["STAT5_Y694"], columns=["a", "b", "c"]))
    >>> ax.images[0].get_array().tolist()
    [[-1.0, 0.0, 1.0]]
    """
    if not limit > 0:
        raise InputError("the limit of the colours is positive")
    table = peptide_values(arrays)
    orders = []
    for tree, names, what in ((peptide_clusters, table.index, "peptides"), (clusters, table.columns, "samples")):
        if tree is not None and (tree.of != what or not tree.names.equals(names)):
            raise InputError(f"the tree is not of these {what}", next_step="Cluster the values that are drawn.")
        orders.append(np.arange(len(names)) if tree is None else tree.order)
    shown = scaled_peptides(table.to_numpy())[np.ix_(*orders)]
    samples = table.columns[orders[1]]
    if tracks is not None and not samples.isin(tracks.index).any():
        raise InputError("tracks: none of the samples is in their index")
    with house_style():
        rows = min(len(table), MOST_NAMES)
        ax = ax or new_axes(WIDTH, 2.2 + 0.1 * rows + 0.2 * (0 if tracks is None else tracks.shape[1]))
        ax.imshow(shown, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
        named_ticks(ax, table.index[orders[0]], samples)
        top = 1.01
        if tracks is not None:
            top = draw_tracks(ax, tracks.reindex(samples), top)
        if clusters is not None:
            draw_tree(ax, clusters, top)
        titled(ax, "" if clusters is not None or tracks is not None else title, note)
        if (clusters is not None or tracks is not None) and title:
            ax.figure.suptitle(text_lines(title, 60, 2), fontsize=LARGE, family=FONT)
    return ax


def draw_tracks(ax: Axes, tracks: pd.DataFrame, top: float) -> float:
    """Annotations as bands above a heat map, with a key at its right; returns the end."""
    entries: list[tuple[str, str]] = []
    for name in reversed(list(tracks)):
        band = ax.inset_axes((0.0, top, 1.0, TRACK))
        values = tracks[name]
        if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
            band.imshow(values.to_numpy(dtype=float)[None], cmap="Greys", aspect="auto", interpolation="nearest")
            entries.append((f"{name}: {values.min():g} to {values.max():g}", "#777777"))
        else:
            codes, levels = pd.factorize(values.astype(object), sort=False)
            colours = [OKABE_ITO[k % len(OKABE_ITO)] for k in range(len(levels))]
            drawn = np.where(codes < 0, np.nan, codes)[None]
            band.imshow(
                drawn, cmap=ListedColormap(colours or [MISSING]), vmin=-0.5, vmax=max(len(levels), 1) - 0.5,
                aspect="auto", interpolation="nearest",
            )  # fmt: skip
            entries += [(f"{name}: {level}", colour) for level, colour in zip(levels, colours, strict=True)]
        band.set_xticks([])
        band.set_yticks([0], [shorten(str(name), 20)], fontsize=SMALL, family=FONT, parse_math=False)
        band.tick_params(length=0, pad=2)
        top += TRACK + 0.008
    for words, colour in entries:
        ax.plot([], [], "s", color=colour, label=shorten(words, 30))
    draw_key(ax)
    return top


def draw_key(ax: Axes) -> None:
    """What colours mean, at the right."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=SMALL - 1, frameon=False, handlelength=0.8)


def draw_tree(ax: Axes, clusters: KinomeClusters, top: float) -> None:
    """The tree of the samples above a heat map; a leaf stands over its column."""
    laid = dendrogram(clusters.merges, no_plot=True)
    above = ax.inset_axes((0.0, top, 1.0, TREE))
    for x, y in zip(laid["icoord"], laid["dcoord"], strict=True):
        above.plot(np.array(x) / 10.0 - 0.5, y, color="#333333", lw=0.7)
    above.set_xlim(-0.5, len(clusters.names) - 0.5)
    above.set_ylim(0)
    above.set_axis_off()


def heat_map_alt(
    arrays: pd.DataFrame | PeptideArrays, clusters: KinomeClusters | None = None, tracks: pd.DataFrame | None = None
) -> str:
    """Say a heat map in words: its size, its tree, its annotations.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.kinome_figures import heat_map_alt
    >>> heat_map_alt(pd.DataFrame([[1.0, 2, 3]], columns=["a", "b", "c"]))
    'Heat map of 1 peptide in 3 samples, each peptide scaled to mean 0 and variance 1.'
    """
    peptides, samples = peptide_values(arrays).shape
    text = f"Heat map of {peptides:,} peptide{'s' * (peptides != 1)} in {samples:,} sample{'s' * (samples != 1)}, "
    text += "each peptide scaled to mean 0 and variance 1."
    if clusters is not None:
        text += f" Samples in the order of a tree: {clusters.settings['distance']} distance,"
        text += f" {clusters.settings['linkage']} linkage."
    if tracks is not None:
        text += f" Annotations: {', '.join(map(str, tracks))}."
    return text
