"""Grids of the kinome: pathways in greys, blots, patients by characteristics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kinome.arrays import peptide_values
from ikzf1_outcomes.kinome.blots import BANDS, checked_bands
from ikzf1_outcomes.report.dosage_figures import WIDTH
from ikzf1_outcomes.report.kinome_figures import MISSING, draw_key, named_ticks, new_axes, titled
from ikzf1_outcomes.report.palette import FONT, OKABE_ITO, SMALL, distinct_names, house_style, shorten


def pathway_figure(means: pd.DataFrame, *, ax: Axes | None = None, title: str = "", note: str = "") -> Axes:
    """Draw the mean intensity of each pathway in each group as a grey, with its number, as the founding paper does.

    Parameters
    ----------
    means
        Index pathway, one column a group: means of the samples' scores, as of `pathway_scores(...).values`.
    ax, title, note
        As in `kinome_heat_map`.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        Nothing to draw; cells that are no numbers (row positions).

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.kinome_grids import pathway_figure
    >>> means = pd.DataFrame({"deleted": [8.12], "not deleted": [8.06]}, index=["JAK/STAT5"])
    >>> [text.get_text() for text in pathway_figure(means).texts]
    ['8.12', '8.06']
    """
    table = peptide_values(means)
    low, high = np.nanmin([*table.min(), 0.0]), np.nanmax([*table.max(), 0.0])
    with house_style():
        ax = ax or new_axes(WIDTH, 0.9 + 0.3 * len(table))
        # greys from 0: from the least value, small differences would look large
        cells = table.to_numpy()
        share = (cells - low) / max(high - low, 1e-300)
        ax.imshow(share, cmap="Greys", vmin=0.0, vmax=1.0, aspect="auto")
        for i, j in np.ndindex(*share.shape):
            value = cells[i, j]
            ink = "white" if share[i, j] > 0.55 else "black"
            ax.text(j, i, "–" if np.isnan(value) else f"{value:.2f}", ha="center", va="center", color=ink, fontsize=SMALL)
        named_ticks(ax, table.index, table.columns)
        ax.tick_params(axis="x", rotation=0)
        titled(ax, title, note)
    return ax


def blot_grid(
    bands: pd.DataFrame, *, groups: pd.Series | None = None, levels: Sequence[int] = BANDS, ax: Axes | None = None,
    title: str = "", note: str = "",
) -> Axes:  # fmt: skip
    """Draw sites by patients, a darker cell a stronger band; a cross is a missing lane.

    Parameters
    ----------
    bands
        Sites x patients, as from `read_blots`.
    groups
        Level of each patient: patients are sorted by it, a line between groups.
    levels
        The bands that a cell may hold.
    ax, title, note
        As in `kinome_heat_map`.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        Cells that are no band (row positions).

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.kinome_grids import blot_grid
    >>> [text.get_text() for text in blot_grid(pd.DataFrame([[0, 3, None]], index=["STAT5_Y694"])).texts]
    ['0', '3', '×']
    """
    table = checked_bands(bands, levels)
    names = pd.Series("", index=table.columns) if groups is None else groups.reindex(table.columns).astype(object)
    words = names.where(names.notna(), "not known").astype(str)
    order = np.argsort(words.to_numpy(), kind="stable")
    table, words = table.iloc[:, order], words.iloc[order]
    with house_style():
        ax = ax or new_axes(WIDTH, 1.0 + 0.22 * len(table))
        cells = table.to_numpy()
        share = cells / max(levels)
        ax.imshow(share, cmap="Greys", vmin=0.0, vmax=1.25, aspect="auto")
        for i, j in np.ndindex(*share.shape):
            known = not np.isnan(share[i, j])
            ink = "white" if known and share[i, j] > 0.6 else "black"
            ax.text(j, i, f"{cells[i, j]:.0f}" if known else "×", ha="center", va="center", color=ink, fontsize=SMALL)
        named_ticks(ax, table.index, table.columns)
        draw_groups(ax, words)
        titled(ax, title, note, above=18.0 if len(set(words)) > 1 else 6.0)
    return ax


def draw_groups(ax: Axes, words: pd.Series) -> None:
    """Lines between neighbouring columns of different groups, and the groups' names above."""
    codes, levels = pd.factorize(words)
    if len(levels) < 2:
        return
    for code, level in enumerate(levels):
        at = np.flatnonzero(codes == code)
        if code:
            ax.axvline(at[0] - 0.5, color=OKABE_ITO[1], lw=1.2)
        ax.annotate(
            shorten(str(level), 22), (at.mean(), 1.01), xycoords=("data", "axes fraction"), ha="center", va="bottom",
            fontsize=SMALL, family=FONT,
        )  # fmt: skip


def patient_grid(
    table: pd.DataFrame, *, labels: Mapping[str, str] | None = None, ax: Axes | None = None, title: str = "",
    note: str = "",
) -> Axes:  # fmt: skip
    """Draw patients by characteristics, a column a patient and a row a characteristic; a key says what colours mean.

    Parameters
    ----------
    table
        Index patient, one column a characteristic: levels, truth values or numbers. Unknown ones are white with a "?".
    labels
        Column to what is written beside its row.
    ax, title, note
        As in `kinome_heat_map`.

    Returns
    -------
    Axes

    Raises
    ------
    InputError
        No patients or no characteristics.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.kinome_grids import patient_grid
    >>> ax = patient_grid(pd.DataFrame({"sex": ["m", "f"], "pax5": [True, None]}, index=[1, 2]))
    >>> [text.get_text() for text in ax.texts]
    ['', '', '+', '?']
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['sex: m', 'sex: f']
    """
    if table.empty:
        raise InputError("there are no patients, or no characteristics")
    with house_style():
        ax = ax or new_axes(WIDTH, 0.9 + 0.24 * table.shape[1])
        shades = np.ones((table.shape[1], len(table), 3))
        for i, name in enumerate(table):
            shades[i], texts, key = characteristic(table[name])
            for level, colour in key.items():
                ax.plot([], [], "s", color=colour, label=shorten(f"{(labels or {}).get(str(name), name)}: {level}", 30))
            for j, text in enumerate(texts):
                # the middle of a colour tells whether black or white is read on it
                ink = "white" if shades[i, j].mean() < 0.45 else "black"
                ax.text(j, i, text, ha="center", va="center", fontsize=SMALL - 1.5, color=ink, parse_math=False)
        ax.imshow(shades, aspect="auto", interpolation="nearest")
        if ax.get_legend_handles_labels()[0]:
            draw_key(ax)
        named_ticks(ax, [(labels or {}).get(str(name), str(name)) for name in table], table.index)
        titled(ax, title, note)
    return ax


def characteristic(values: pd.Series) -> tuple[Any, list[str], dict[str, str]]:
    """Colours (patients, 3) and texts of one characteristic, and the colours of its levels."""
    known = values.notna().to_numpy()
    shown = values.astype(object)
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        number = values.to_numpy(dtype=float, na_value=np.nan)
        least, most = (np.nanmin(number), np.nanmax(number)) if known.any() else (0.0, 1.0)
        grey = 1.0 - 0.7 * (number - least) / max(most - least, 1e-300)
        shades = np.repeat(np.where(known, grey, 1.0)[:, None], 3, axis=1)
        return shades, [f"{x:.0f}" if there else "?" for x, there in zip(number, known, strict=True)], {}
    codes, levels = pd.factorize(shown)
    if set(levels) <= {True, False}:
        palette = {True: OKABE_ITO[0], False: "#EEEEEE"}
        texts = {True: "+", False: "–"}
        colours = [to_rgb(palette[bool(x)]) if there else to_rgb(MISSING) for x, there in zip(shown, known, strict=True)]
        return np.array(colours), [texts[bool(x)] if there else "?" for x, there in zip(shown, known, strict=True)], {}
    colours = [to_rgb(MISSING if code < 0 else OKABE_ITO[code % len(OKABE_ITO)]) for code in codes]
    key = {str(level): OKABE_ITO[code % len(OKABE_ITO)] for code, level in enumerate(levels)}
    return np.array(colours), ["" if there else "?" for there in known], key


def grid_alt(table: pd.DataFrame, what: str) -> str:
    """Say a grid in words: its rows, its columns, how many cells are not known; `what` as in "Western blots of sites".

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.kinome_grids import grid_alt
    >>> grid_alt(pd.DataFrame([[0, 3, None]], index=["STAT5_Y694"]), "Western blots, sites by patients")
    'Western blots, sites by patients: 1 row, 3 columns, 1 cell not known. Rows: STAT5_Y694.'
    """
    unknown = int(table.isna().sum().sum())
    rows, columns = table.shape
    said = [f"{n:,} {word}{'s' * (n != 1)}" for n, word in ((rows, "row"), (columns, "column"), (unknown, "cell"))]
    names = ", ".join(distinct_names(list(table.index[:20]), 24)) + (f" and {rows - 20} more" if rows > 20 else "")
    return f"{what}: {', '.join(said)} not known. Rows: {names}."
