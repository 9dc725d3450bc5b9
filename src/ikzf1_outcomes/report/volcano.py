"""The volcano plot: how large, and how sure, of each of many features."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report.cells import p_value as p_words
from ikzf1_outcomes.report.curve_pieces import refuse
from ikzf1_outcomes.report.dosage_figures import QUIET, WIDTH, needed
from ikzf1_outcomes.report.kinome_figures import new_axes, titled
from ikzf1_outcomes.report.palette import FONT, NORMAL, OKABE_ITO, SMALL, house_style, shorten, text_lines

LEAST = 1e-30
"""Smaller p-values are drawn here."""
INWARDS = 0.7
"""Share of half the width beyond which a name stands inwards."""
MANY = 2000
"""More points than this are drawn as a picture, which a vector file can hold."""
TICKS = (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-6, 1e-8, 1e-12, 1e-20, LEAST)


def volcano_plot(
    rows: pd.DataFrame,
    *,
    level: float = 0.05,
    adjusted: str = "p_adjusted",
    named: int = 8,
    x_label: str = "",
    ax: Axes | None = None,
    title: str = "",
    note: str = "",
) -> Axes:
    """Draw estimates against p-values, a point a feature, the smallest p-values at the top.

    Filled: adjusted p-value at or below `level`. Dashed: the unadjusted p-value of `level`; so many points above it as
    `level` times the features are expected by chance alone. Rows without a number are left out of the drawing and counted
    in the note.

    Parameters
    ----------
    rows
        Of `differential_phosphorylation(...).tidy()` or `screen(...).tidy()`: term, estimate, scale, p_value and the
        column `adjusted`.
    level
        Between 0 and 1.
    adjusted
        Column of adjusted p-values: for screens "p_adjusted_bh", say.
    named
        How many features, those with the smallest p-values of the filled ones, bear their names.
    x_label
        Beside the lower axis; the rows' `scale` when left out.
    ax, title, note
        Where to draw, a new figure when left out; above; small text below.

    Returns
    -------
    Axes

    Raises
    ------
    ColumnError, InputError
        A missing column; a p-value outside 0 to 1 (row positions); several scales; no feature with a number.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.volcano import volcano_plot
    >>> rows = pd.DataFrame({"term": ["a", "b"], "estimate": [0.5, -0.1], "scale": "log2 difference",
    ...                      "p_value": [0.001, 0.5], "p_adjusted": [0.002, 0.5]})
    >>> ax = volcano_plot(rows)
    >>> [round(float(y), 2) for y in ax.collections[1].get_offsets()[:, 1]], ax.get_xlabel().splitlines()[0]
    ([3.0], 'log2 difference')
    """
    shown = checked_rows(rows, level, adjusted)
    height = -np.log10(np.maximum(shown["p_value"].to_numpy(dtype=float), LEAST))
    x, sure = shown["estimate"].to_numpy(dtype=float), (shown[adjusted] <= level).to_numpy()
    with house_style():
        ax = ax or new_axes(WIDTH, 3.6)
        ax.scatter(
            x[~sure],
            height[~sure],
            s=9,
            facecolors="none",
            edgecolors="#777777",
            linewidths=0.6,
            label="others",
            rasterized=len(x) > MANY,
        )
        ax.scatter(
            x[sure],
            height[sure],
            s=14,
            color=OKABE_ITO[1],
            label="adjusted p-value at or below the level",
            rasterized=len(x) > MANY,
        )
        ax.axhline(-np.log10(level), color=QUIET, lw=0.8, ls=(0, (4, 2)), label="_level")
        ax.axvline(0, color="#BBBBBB", lw=0.7, zorder=0)
        names, reach = shown["term"].to_numpy(), 1.15 * max(float(np.abs(x).max()), 1e-12)
        for k in [k for k in np.argsort(-height, kind="stable") if sure[k]][:named]:
            # near the edge a name stands inwards, off the ticks
            right = (x[k] >= 0) != (abs(x[k]) > INWARDS * reach)
            ax.annotate(
                shorten(str(names[k]), 20), (x[k], height[k]), (4 if right else -4, 2), textcoords="offset points",
                ha="left" if right else "right", fontsize=SMALL - 1, family=FONT, parse_math=False,
            )  # fmt: skip
        ax.set(xlim=(-reach, reach), ylim=(0, 1.08 * max(float(height.max()), 1.5)))
        ticks = [
            p for p in (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-6, 1e-8, 1e-12, 1e-20, LEAST) if -np.log10(p) <= ax.get_ylim()[1]
        ]
        ax.set_yticks(-np.log10(ticks), [f"{p:g}" for p in ticks])
        ax.set_ylabel("p-value", fontsize=NORMAL, family=FONT)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=SMALL, length=2.5)
        left = len(rows) - len(shown)
        titled(ax, title, "")
        said = f"Without an estimate, not shown: {left}. " if left else ""
        below = [x_label or str(shown["scale"].iloc[0]), text_lines(said + note, 70, 4)]
        ax.set_xlabel("\n".join(text for text in below if text), fontsize=SMALL, family=FONT, parse_math=False)
    return ax


def checked_rows(rows: pd.DataFrame, level: float, adjusted: str) -> pd.DataFrame:
    """The rows that can be drawn."""
    needed(rows, ("term", "estimate", "scale", "p_value", adjusted))
    if not 0.0 < level < 1.0:
        raise InputError("the level lies between 0 and 1")
    p = rows["p_value"]
    refuse(((p < 0) | (p > 1)).to_numpy(), "a p-value lies outside 0 to 1", "Give p-values, not their logarithms.")
    shown = rows[np.isfinite(rows["estimate"]) & p.notna()]
    if shown.empty:
        raise InputError("no feature has an estimate and a p-value")
    if len(set(shown["scale"])) > 1:
        raise InputError("the estimates are on several scales", next_step="Draw one scale at a time.")
    return shown


def volcano_alt(rows: pd.DataFrame, *, level: float = 0.05, adjusted: str = "p_adjusted") -> str:
    """Say the plot in words: features, how many lie below the level, before and after adjustment, and the smallest p-value.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.volcano import volcano_alt
    >>> rows = pd.DataFrame({"term": ["a", "b"], "estimate": [0.5, -0.1], "scale": "log2 difference",
    ...                      "p_value": [0.0123, 0.5], "p_adjusted": [0.0246, 0.5]})
    >>> print(volcano_alt(rows))
    Volcano plot of 2 features: 1 with p at or below 0.05 (0.1 by chance alone), 1 after adjustment. Smallest p: 0.012.
    """
    shown = checked_rows(rows, level, adjusted)
    few, sure = int((shown["p_value"] <= level).sum()), int((shown[adjusted] <= level).sum())
    return (
        f"Volcano plot of {len(shown):,} features: {few:,} with p at or below {level:g} ({level * len(shown):,.1f} by "
        f"chance alone), {sure:,} after adjustment. Smallest p: {p_words(float(shown['p_value'].min()))}."
    )
