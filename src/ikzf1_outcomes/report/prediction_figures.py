"""Figures of predictions: accuracy over time, observed against predicted risk, net benefit along thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report.dosage_figures import needed
from ikzf1_outcomes.report.palette import NORMAL, SMALL, Style, distinct_names, house_style, line_styles, text_lines

SIZE = (5.2, 4.2)
FEW = 12
"""Times up to which each has its interval as an upright line."""
PLAIN = {
    "null model": Style("#888888", (0, (1.1, 1.1)), 1.2),
    "treat all": Style("#888888", "-", 1.2),
    "treat none": Style("#000000", "-", 0.8),
}
NOTHING = "nothing to draw: no estimate is known"
LONGEST = 34


def accuracy_figure(
    rows: pd.DataFrame,
    *,
    measure: str | None = None,
    ax: Axes | None = None,
    x_label: str = "Years from diagnosis",
    y_label: str = "",
    note: str = "",
) -> Axes:
    """Draw AUC, Brier score or IPA of some predictions over time, with intervals.

    Up to twelve times bear points with upright intervals side by side; more are lines with bands. A line across marks the
    AUC of chance, or an IPA of 0.

    Parameters
    ----------
    rows
        Of `AucOverTime.tidy()` or `BrierScore.tidy()`; differences are left out.
    measure
        "Brier score" or "IPA" where rows are of several measures.
    ax
        Where to draw; a new figure when left out.
    x_label, y_label, note
        Texts around the axes.

    Returns
    -------
    Axes

    Raises
    ------
    ColumnError, InputError
        A column that is not there; no estimate.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.prediction_figures import accuracy_figure
    >>> rows = pd.DataFrame({"term": "clinical", "contrast": "", "time": [1.0, 5.0], "estimate": [0.7, 0.6]})
    >>> accuracy_figure(rows.assign(low=0.5, high=0.8)).get_ylabel()
    'AUC'
    """
    needed(rows, ("term", "contrast", "time", "estimate", "low", "high"))
    own = rows[rows["contrast"] == ""]
    kind = "AUC"
    if "measure" in own:
        kind = measure or "Brier score"
        own = own[own["measure"] == kind]
    terms = known_terms(own)
    times = np.unique(own["time"])
    with house_style():
        ax = ax or figure_axes(note)
        level = {"AUC": 0.5, "IPA": 0.0}.get(kind)
        if level is not None:
            ax.axhline(level, color="#BBBBBB", lw=0.8, zorder=0, label="_level")
        step = 0.012 * (times[-1] - times[0] if len(times) > 1 else 1.0)
        for k, (term, style) in enumerate(zip(terms, styles_of(terms), strict=True)):
            part = own[own["term"] == term].sort_values("time")
            shift = step * (k - (len(terms) - 1) / 2) if len(times) <= FEW else 0.0
            x = part["time"].to_numpy() + shift
            draw_line(ax, x, part, style, names_of(terms)[k], upright=len(times) <= FEW)
        dress(ax, x_label, y_label or kind, note)
        if kind == "IPA":
            in_percent(ax.yaxis)
        legend(ax)
    return ax


def calibration_figure(
    rows: pd.DataFrame, *, ax: Axes | None = None, y_label: str = "", time_unit: str = "", note: str = ""
) -> Axes:
    """Draw observed against predicted risk: groups as points with intervals, smooth curves with bands.

    Both axes have one scale; right predictions lie on the line through the corners.

    Parameters
    ----------
    rows
        Of `CalibrationCurve.tidy()`.
    ax
        Where to draw; a new figure when left out.
    y_label, time_unit, note
        Texts around the axes.

    Returns
    -------
    Axes

    Raises
    ------
    ColumnError, InputError
        A column that is not there; no estimate.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.prediction_figures import calibration_figure
    >>> rows = pd.DataFrame({"term": "clinical", "time": 5.0, "predicted": [0.1, 0.4], "estimate": [0.1, 0.5]})
    >>> calibration_figure(rows.assign(low=0.05, high=0.6, method="Kaplan-Meier")).get_xlabel()
    'Predicted risk by 5'
    """
    needed(rows, ("term", "time", "predicted", "estimate", "low", "high", "method"))
    terms = known_terms(rows)
    with house_style():
        ax = ax or figure_axes(note)
        top = min(1.0, 1.05 * float(np.nanmax(rows[["predicted", "estimate"]].to_numpy())) + 1e-9)
        ax.plot([0, top], [0, top], color="#BBBBBB", lw=0.8, zorder=0, label="_right")
        for k, (term, style) in enumerate(zip(terms, styles_of(terms), strict=True)):
            part = rows[rows["term"] == term].sort_values("predicted")
            smooth = part["method"].iloc[0] == "restricted cubic spline"
            draw_line(ax, part["predicted"].to_numpy(), part, style, names_of(terms)[k], upright=not smooth)
        ax.set(xlim=(0, top), ylim=(0, top))
        ax.set_aspect("equal")
        in_percent(ax.xaxis)
        in_percent(ax.yaxis)
        dress(ax, f"Predicted risk by {rows['time'].iloc[0]:g} {time_unit}".strip(), y_label or "Observed risk", note)
        legend(ax)
    return ax


def decision_figure(rows: pd.DataFrame, *, ax: Axes | None = None, bands: bool = False, note: str = "") -> Axes:
    """Draw net benefit along the thresholds, beside treating all and treating none.

    The axis ends a little below 0: a strategy that falls lower is worse than treating nobody, by whatever much.

    Parameters
    ----------
    rows
        Of `DecisionCurve.tidy()`; other measures and differences are left out.
    ax
        Where to draw; a new figure when left out.
    bands
        Draw intervals, where there are.
    note
        Small text below.

    Returns
    -------
    Axes

    Raises
    ------
    ColumnError, InputError
        A column that is not there; no estimate.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.prediction_figures import decision_figure
    >>> rows = pd.DataFrame({"measure": "net benefit", "term": "clinical", "contrast": "", "threshold": [0.1, 0.2]})
    >>> decision_figure(rows.assign(estimate=[0.2, 0.1], low=0.0, high=0.3)).lines[0].get_ydata().tolist()
    [0.2, 0.1]
    """
    needed(rows, ("measure", "term", "contrast", "threshold", "estimate", "low", "high"))
    own = rows[(rows["measure"] == "net benefit") & (rows["contrast"] == "")]
    terms = known_terms(own)
    with house_style():
        ax = ax or figure_axes(note)
        for name, term, style in zip(names_of(terms), terms, styles_of(terms), strict=True):
            part = own[own["term"] == term].sort_values("threshold")
            x = part["threshold"].to_numpy()
            ax.plot(x, part["estimate"], color=style.colour, linestyle=style.dash, lw=style.width, label=name, zorder=3)
            if bands and term not in PLAIN:
                band(ax, x, part, style)
        top = float(np.nanmax(own["estimate"]))
        ax.set_ylim(-0.15 * max(top, 0.01), 1.1 * max(top, 0.01))
        in_percent(ax.xaxis)
        dress(ax, "Predicted risk from which on patients are treated", "Net benefit (share of patients)", note)
        legend(ax)
    return ax


def accuracy_alt(rows: pd.DataFrame, *, measure: str | None = None) -> str:
    """Accuracy over time in words: each prediction with its first and last estimate."""
    own = rows[rows["contrast"] == ""]
    kind = "AUC"
    if "measure" in own:
        kind = measure or "Brier score"
        own = own[own["measure"] == kind]
    return f"{kind} over time. {ends_in_words(own, 'time', '{:.3f}')}."


def calibration_alt(rows: pd.DataFrame, time_unit: str = "") -> str:
    """Observed against predicted risk in words."""
    at = f"{rows['time'].iloc[0]:g} {time_unit}".strip()
    return f"Observed against predicted risk by {at}. {ends_in_words(rows, 'predicted', '{:.1%}', '{:.1%}')}."


def decision_alt(rows: pd.DataFrame) -> str:
    """Net benefit in words."""
    own = rows[(rows["measure"] == "net benefit") & (rows["contrast"] == "") & (rows["term"] != "treat none")]
    return f"Net benefit along thresholds. {ends_in_words(own, 'threshold', '{:.3f}', '{:.0%}')}."


def ends_in_words(rows: pd.DataFrame, by: str, form: str, place: str = "{:g}") -> str:
    """Each term with its estimate at both ends."""
    said = []
    for term in known_terms(rows):
        part = rows[(rows["term"] == term) & rows["estimate"].notna()].sort_values(by)
        both = [part.iloc[0], part.iloc[-1]][: len(part)]
        said.append(f"{term}: " + ", ".join(f"{form.format(r['estimate'])} at {place.format(r[by])}" for r in both))
    return "; ".join(said)


def known_terms(rows: pd.DataFrame) -> list[str]:
    """Terms with something to draw, in the order of the table.

    Raises
    ------
    InputError
        There are none.
    """
    terms = list(dict.fromkeys(rows.loc[rows["estimate"].notna(), "term"]))
    if not terms:
        raise InputError(NOTHING, next_step="Read the notes of the table.")
    return terms


def styles_of(terms: list[str]) -> list[Style]:
    """Styles of the predictions; what is no prediction is grey."""
    own = iter(line_styles(max(1, sum(term not in PLAIN for term in terms))))
    return [PLAIN[term] if term in PLAIN else next(own) for term in terms]


def names_of(terms: list[str]) -> list[str]:
    """Names that can be drawn."""
    return distinct_names(terms, LONGEST)


def figure_axes(note: str) -> Axes:
    """Axes of a figure of their own."""
    figure = Figure(figsize=(SIZE[0], SIZE[1] + 0.13 * (len(note) // 70)), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def draw_line(ax: Axes, x: Any, part: pd.DataFrame, style: Style, name: str, *, upright: bool) -> None:
    """A line of estimates, with points and upright intervals, or with a band."""
    look: dict[str, Any] = {"color": style.colour, "linestyle": style.dash, "lw": style.width, "label": name, "zorder": 3}
    ax.plot(x, part["estimate"], marker="o" if upright else None, ms=4, **look)
    if upright:
        ax.vlines(x, part["low"], part["high"], color=style.colour, lw=1.0, zorder=2)
    else:
        band(ax, x, part, style)


def band(ax: Axes, x: Any, part: pd.DataFrame, style: Style) -> None:
    """The interval as a shaded band."""
    low, high = part["low"].to_numpy(dtype=float), part["high"].to_numpy(dtype=float)
    seen: Any = np.isfinite(low) & np.isfinite(high)
    ax.fill_between(x, low, high, where=seen, color=style.colour, alpha=0.14, linewidth=0, label="_interval", zorder=1)


def in_percent(axis: Axis) -> None:
    """Percent, at round ones."""
    axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %".replace("-", "\N{MINUS SIGN}")))


def dress(ax: Axes, x_label: str, y_label: str, note: str) -> None:
    """Labels, and the note below."""
    ax.spines[["top", "right"]].set_visible(False)
    shown = text_lines(x_label, 70)
    if note:
        shown += "\n\n" + text_lines(note, 78, 4)
    ax.set_xlabel(shown, fontsize=NORMAL)
    ax.set_ylabel(text_lines(y_label, 60), fontsize=NORMAL)


def legend(ax: Axes) -> None:
    """Names of the lines."""
    ax.legend(frameon=False, fontsize=SMALL, handlelength=2.6)
