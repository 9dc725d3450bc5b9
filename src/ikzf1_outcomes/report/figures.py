"""Figures of tidy curves: survival, incidence, the ledger over time; how they are saved and said in words.

Nothing is estimated here: figures draw the numbers of a tidy table on Axes, which they return.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report.curve_pieces import (
    CURVE,
    checked_causes,
    checked_horizon,
    checked_table,
    cut_pieces,
    level_codes,
    levels_of,
    value_at,
)
from ikzf1_outcomes.report.drawing import (
    Words,
    draw_steps,
    edge_labels,
    edge_texts,
    finish,
    highest,
    incidence_looks,
    new_axes,
)
from ikzf1_outcomes.report.ledger_figures import ledger_figure, ledger_panels
from ikzf1_outcomes.report.palette import (
    EDGE_WIDTH,
    OKABE_ITO,
    clean_text,
    distinct_names,
    house_style,
    level_name,
    line_styles,
    shorten,
)
from ikzf1_outcomes.report.risk_table import RiskRows

__all__ = ["alt_text", "incidence_figure", "ledger_figure", "ledger_panels", "save_figure", "survival_figure"]


def survival_figure(
    curve: pd.DataFrame,
    *,
    at_risk: pd.DataFrame | None = None,
    ax: Axes | None = None,
    title: str = "",
    x_label: str = "Years from diagnosis",
    y_label: str = "Event-free survival",
    horizon: float | None = None,
    censor_marks: bool = True,
    bands: bool = True,
    note: str = "",
    start: float = 0.0,
) -> Axes:
    """Draw survival curves by group, with the number at risk and cumulative events below.

    Steps go down at the times of the events and end at the last follow-up of each group, or at `horizon`. Shaded: pointwise
    intervals, as steps. Each number of the table stands at its time in data coordinates, so that it can't part from its
    tick. Up to 8 groups differ in colour and dash; more are grey, without
    intervals and marks of censoring, and told apart by their labels.

    Parameters
    ----------
    curve
        `SurvivalCurve.tidy()`: group, time, estimate, and where wanted low, high, n_censor.
    at_risk
        `SurvivalCurve.tidy(times=ticks)`: group, time, n_risk, n_event. Its times become the ticks; where the numbers have
        no room beside each other, some ticks are left out.
    ax
        Where to draw; a new figure of about 7 x 5 inches when left out. The table hangs below the axes: give the figure
        room there, or `layout="constrained"`.
    horizon
        Last time shown.
    note
        Small text below everything.
    start
        Time at which everybody is free of events: 0, or the landmark.

    Returns
    -------
    Axes

    Raises
    ------
    InputError, ColumnError
        Nothing to draw; estimates that are no probabilities; two estimates of a group at one time.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.figures import survival_figure
    >>> curve = pd.DataFrame({"group": "none", "time": [1.0, 2.0], "estimate": [0.5, 0.25]})
    >>> survival_figure(curve).lines[0].get_ydata().tolist()
    [1.0, 0.5, 0.25]
    """
    table = checked_table(curve, CURVE)
    counts = checked_counts(at_risk)
    levels, causes = levels_of(counts, table), checked_causes(table, None)
    if len(causes) > 1:
        raise InputError("a survival curve has no causes", count=len(causes), next_step="Use incidence_figure.")
    styles = line_styles(len(levels))
    with house_style():
        pieces = cut_pieces(table, levels, causes, 1.0, start, checked_horizon(horizon))
        names, few = distinct_names(levels, 2 * EDGE_WIDTH), len(levels) <= len(OKABE_ITO)
        rows = None if counts is None else RiskRows(counts, levels, causes, styles)
        texts = edge_texts(pieces, names)
        ax = ax or new_axes(texts, rows, note)
        draw_steps(ax, pieces, styles, names, censor_marks=censor_marks and few, bands=bands and few)
        end = finish(ax, pieces, 1.0, Words(title, x_label, y_label, note), horizon=horizon, table=rows)
        if levels != ["all"]:
            ax.add_artist(edge_labels(texts, pieces, styles, end))
    return ax


def incidence_figure(
    curve: pd.DataFrame,
    *,
    causes: Sequence[str] | None = None,
    at_risk: pd.DataFrame | None = None,
    ax: Axes | None = None,
    title: str = "",
    x_label: str = "Years from diagnosis",
    y_label: str = "",
    horizon: float | None = None,
    censor_marks: bool = False,
    bands: bool = True,
    note: str = "",
    start: float = 0.0,
) -> Axes:
    """Draw cumulative incidence by group, of one cause or several.

    One cause: a line a group, and the causes that compete are named below. Several: the dash tells the cause and the
    colour the group (of a single group, each cause has its own colour too). The percent axis begins at 0 and ends at a
    labelled tick above the highest point.

    Parameters
    ----------
    curve
        `IncidenceCurve.tidy()`: group, cause, time, estimate, and where wanted low, high, n_censor.
    causes
        Names of the causes to draw, in their order; all when left out.
    at_risk
        `IncidenceCurve.tidy(times=ticks)`; cumulative events are given for each cause drawn.
    ax, horizon, note, start
        As in `survival_figure`.

    Returns
    -------
    Axes

    Raises
    ------
    InputError, ColumnError
        As in `survival_figure`; a cause that the table does not have.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.figures import incidence_figure
    >>> curve = pd.DataFrame({"group": "ik6", "cause": ["relapse", "death"], "time": 1.0, "estimate": [0.25, 0.1]})
    >>> incidence_figure(curve, causes=["relapse"]).get_ylabel()
    'Cumulative incidence of relapse'
    """
    table = checked_table(curve, (*CURVE, "cause"))
    counts = checked_counts(at_risk)
    drawn, levels = checked_causes(table, causes), levels_of(counts, table)
    with house_style():
        pieces = cut_pieces(table, levels, drawn, 0.0, start, checked_horizon(horizon))
        styles, names, group_styles = incidence_looks(levels, drawn)
        shaded = bands and len(pieces) <= len(OKABE_ITO)
        rivals = [cause for cause in dict.fromkeys(table["cause"]) if cause not in drawn]
        note = " ".join([f"Competing events: {', '.join(rivals)}."] * bool(rivals) + [note]).strip()
        y_label = y_label or "Cumulative incidence" + (f" of {drawn[0]}" if len(drawn) == 1 else "")
        rows = None if counts is None else RiskRows(counts, levels, drawn, group_styles)
        texts = edge_texts(pieces, names)
        ax = ax or new_axes(texts, rows, note)
        draw_steps(ax, pieces, styles, names, censor_marks=censor_marks, bands=shaded)
        words = Words(title, x_label, y_label, note)
        end = finish(ax, pieces, highest(pieces, shaded), words, horizon=horizon, table=rows)
        if levels != ["all"] or len(drawn) > 1:
            ax.add_artist(edge_labels(texts, pieces, styles, end))
    return ax


def checked_counts(at_risk: pd.DataFrame | None) -> pd.DataFrame | None:
    """The table of numbers at risk, checked; None stays None."""
    return None if at_risk is None else checked_table(at_risk, ("group", "time", "n_risk", "n_event"))


def save_figure(figure: Figure | SubFigure, stem: Path) -> tuple[Path, Path]:
    """Write a figure as SVG and PNG; the same figure gives the same bytes.

    Letters are drawn as outlines and nothing says when or with what it was made. The picture grows to whatever hangs
    out of the figure, so that no table is cut off.

    Parameters
    ----------
    stem
        Path without an ending; its folder must exist.

    Returns
    -------
    tuple of Path
        The SVG and the PNG.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.figures import save_figure, survival_figure
    >>> figure = survival_figure(pd.DataFrame({"group": "none", "time": [1.0], "estimate": [0.5]})).figure
    >>> [path.name for path in save_figure(figure, Path(tempfile.mkdtemp()) / "efs")]
    ['efs.svg', 'efs.png']
    """
    stem = Path(stem)
    if not stem.parent.is_dir():
        raise InputError("the folder of the figure does not exist", next_step="Make it first.")
    written = []
    for kind, metadata in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
        picture = io.BytesIO()
        with house_style(), warnings.catch_warnings():
            # Names were made drawable; text that somebody else put on the axes may not be.
            forget_layout(figure)
            warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
            figure.canvas.figure.savefig(
                picture, format=kind, dpi=150, metadata=metadata, bbox_inches="tight", pad_inches=0.08
            )
        path = stem.with_name(f"{stem.name}.{kind}")
        path.write_bytes(picture.getvalue())
        written.append(path)
    return written[0], written[1]


def forget_layout(figure: Figure | SubFigure) -> None:
    """Put axes back where their grid has them: a layout starts from the last drawing, whose rounding would be seen."""
    for ax in figure.axes:
        grid, in_layout = ax.get_subplotspec(), ax.get_in_layout()
        if grid is not None and figure.canvas.figure.get_layout_engine() is not None:
            ax.set_subplotspec(grid)
            ax.set_in_layout(in_layout)


def alt_text(
    curve: pd.DataFrame, at: float, *, what: str = "Event-free survival", unit: str = "years", most: int = 12
) -> str:
    """Say a figure in words, for those who hear it: the estimate of each group at a time, and its interval.

    Parameters
    ----------
    curve
        The tidy table of the figure; or one made with `times` that has a row at `at`.
    at
        Time of the estimates. Beyond the last follow-up of a group nothing is estimable, unless nobody is left.
    what
        What the curve shows.
    unit
        Unit of `at`, in the plural.
    most
        How many groups are named; the rest are counted.

    Returns
    -------
    str
        Plain text; escape it where it becomes HTML.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.figures import alt_text
    >>> curve = pd.DataFrame({"group": ["none", "ik6"], "time": 5.0, "estimate": [0.88, 0.62], "low": 0.5, "high": 0.9})
    >>> alt_text(curve, 5)
    'Event-free survival at 5 years (95 % confidence interval): none 88 % (50 to 90), ik6 62 % (50 to 90).'
    """
    table = checked_table(curve, CURVE)
    levels, causes = levels_of(table), list(dict.fromkeys(table["cause"]))
    codes = level_codes(table, levels)
    said = []
    for g, level in enumerate(levels[:most]):
        own = table[codes == g]
        parts = [f"{cause} {value_in_words(own, cause, at)}".strip() for cause in causes]
        name = "" if levels == ["all"] else shorten(clean_text(level_name(level)), 60)
        said.append(f"{name}{':' * (name != '' and len(causes) > 1)} {', '.join(parts)}".strip())
    more = [f"and {len(levels) - most} more groups"] if len(levels) > most else []
    level = float(table["conf_level"].iloc[0]) if "conf_level" in table else 0.95
    limits = f" ({100 * level:g} % confidence interval)" if "low" in table else ""
    when = f"{at:g} {unit.removesuffix('s') if at == 1 else unit}"
    return f"{what} at {when}{limits}: {(', ' if len(causes) == 1 else '; ').join([*said, *more])}."


def value_in_words(rows: pd.DataFrame, cause: str, at: float) -> str:
    """An estimate of one group with its interval: "88 % (81 to 93)"."""
    estimate, low, high = value_at(rows, cause, at)
    if np.isnan(estimate):
        return "not estimable"
    limits = "" if np.isnan(low) or np.isnan(high) else f" ({100 * low:.0f} to {100 * high:.0f})"
    return f"{100 * estimate:.0f} %{limits}"
