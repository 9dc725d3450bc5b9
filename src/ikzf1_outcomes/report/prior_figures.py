"""What the priors of a hierarchical model hold of curves, before any event is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report.curve_pieces import refuse
from ikzf1_outcomes.report.dosage_figures import needed
from ikzf1_outcomes.report.drawing import WIDTH, frame, nice_ticks
from ikzf1_outcomes.report.palette import FONT, NORMAL, SMALL, Style, house_style, level_name, line_styles, text_lines

COLUMNS = ("group", "measure", "cause", "time", "estimate", "low", "high", "conf_level")
SURVIVAL, INCIDENCE = "event-free survival", "cumulative incidence"
LEVELS = (0.95, 0.5)
"""Probabilities of the bands, the wider first."""
SHADES = (0.13, 0.24)


def prior_curves_figure(
    curves: pd.DataFrame, *, cause: str, note: str = "", horizon: float = 5.0, start: float = 0.0
) -> Figure:
    """Draw event-free survival and the incidence of a cause as the priors have them, side by side.

    Parameters
    ----------
    curves
        Of `sample_prior`: `before.curves(times)` and `before.curves(times, conf_level=0.5)`, one below the other. Groups
        are drawn as they come; more than three hide each other.
    cause
        The cause whose incidence is drawn.
    note
        Small text below.
    horizon
        Time of the numbers in the key, in years; where no curve has it, the key has none.
    start
        Where everybody is free of events: a landmark, in years, from which the priors count. `time` is on the clock of
        diagnosis.

    Returns
    -------
    Figure

    Raises
    ------
    ColumnError, InputError
        Columns that are not there; no bands of 95 % and 50 %; a cause or limits that are not there (row positions).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.report.prior_figures import prior_curves_alt, prior_curves_figure
    >>> endpoint = iko.landmark(iko.define_endpoint(iko.simulate_cohort(200, seed=1), "RELAPSE"), 0.1)
    >>> before = iko.sample_prior(endpoint, iko.hierarchical_spec(causes=("relapse", "other")), seed=1)
    >>> curves = pd.concat([before.curves([1.0, 5.0], conf_level=level) for level in (0.95, 0.5)])
    >>> figure = prior_curves_figure(curves[curves["group"] == "not deleted"], cause="relapse")
    >>> [ax.get_title(loc="left") for ax in figure.axes]
    ['Event-free survival', 'Incidence of relapse']
    """
    with house_style():
        figure = Figure(figsize=(WIDTH, 3.2 + 0.2 * bool(note)), layout="constrained")
        FigureCanvasAgg(figure)
        pair = figure.subplots(1, 2)
        draw_prior_bands(curves, pair, cause=cause, horizon=horizon, start=start)
        if note:
            figure.supxlabel(text_lines(note, 100, 3), fontsize=SMALL, family=FONT, x=0.01, ha="left", parse_math=False)
    return figure


def draw_prior_bands(
    curves: pd.DataFrame, axes: Sequence[Axes], *, cause: str, horizon: float = 5.0, start: float = 0.0
) -> None:
    """Draw bands of 95 % and 50 % and the median of each group: survival on the first axes, incidence on the second.

    Parameters
    ----------
    curves, cause, horizon, start
        As in `prior_curves_figure`.
    axes
        Two.
    """
    shown = checked(curves, cause)
    if len(axes) != 2:
        raise InputError("the bands need two axes", count=len(axes), next_step="As in figure.subplots(1, 2).")
    groups = list(dict.fromkeys(shown["group"]))
    end = float(shown["time"].max())
    titles = {SURVIVAL: "Event-free survival", INCIDENCE: f"Incidence of {cause}"}
    for ax, (measure, title) in zip(axes, titles.items(), strict=True):
        for group, style in zip(groups, line_styles(len(groups)), strict=True):
            own = shown[(shown["measure"] == measure) & (shown["group"] == group)]
            draw_group(ax, own, style, key_of(own, group, horizon), measure, start)
        frame(ax, end, nice_ticks(end, 6), 1.0)
        ax.set_title(text_lines(title, 34, 2), loc="left", fontsize=NORMAL, family=FONT, parse_math=False)
        label = f"Years from diagnosis,\nafter the landmark of {start:g}" if start else "Years"
        ax.set_xlabel(label, fontsize=NORMAL, family=FONT)
        place: Any = "lower left" if measure == SURVIVAL else "upper left"
        ax.legend(frameon=False, loc=place, prop={"family": FONT, "size": SMALL})


def draw_group(ax: Axes, own: pd.DataFrame, style: Style, name: str, measure: str, begin: float = 0.0) -> None:
    """The bands and the median of one group, from nobody having had an event."""
    start = 1.0 if measure == SURVIVAL else 0.0
    for level, shade in zip(LEVELS, SHADES, strict=True):
        band = own[np.isclose(own["conf_level"], level)].sort_values("time")
        time, low, high, middle = (
            np.concatenate(([first], band[column].to_numpy(dtype=float)))
            for column, first in (("time", begin), ("low", start), ("high", start), ("estimate", start))
        )
        ax.fill_between(time, low, high, color=style.colour, alpha=shade, linewidth=0, label="_band", zorder=1)
        if level == LEVELS[0]:
            for limit in (low, high):
                ax.plot(time, limit, color=style.colour, linestyle=style.dash, linewidth=0.6, label="_limit", zorder=2)
        else:
            ax.plot(time, middle, color=style.colour, linestyle=style.dash, linewidth=style.width, label=name, zorder=3)


def key_of(own: pd.DataFrame, group: Any, horizon: float) -> str:
    """A group with its 95 % at the horizon."""
    at = value_at(own, horizon)
    name = level_name(group)
    return name if at is None else f"{name}: {100 * at[0]:.0f}–{100 * at[1]:.0f} % at {horizon:g} y"


def value_at(own: pd.DataFrame, horizon: float, level: float = LEVELS[0]) -> tuple[float, float] | None:
    """Limits of a band at a time; None where there are none."""
    row = own[np.isclose(own["conf_level"], level) & np.isclose(own["time"], horizon)]
    return (float(row["low"].iloc[0]), float(row["high"].iloc[0])) if len(row) else None


def checked(curves: pd.DataFrame, cause: str) -> pd.DataFrame:
    """The rows that are drawn."""
    needed(curves, COLUMNS)
    drawn = (curves["measure"] == SURVIVAL) | ((curves["measure"] == INCIDENCE) & (curves["cause"] == cause))
    shown = curves[drawn].reset_index(drop=True)
    if not len(shown) or not (shown["measure"] == INCIDENCE).any():
        raise InputError(f"there are no curves of {cause!r}", next_step="Name a cause of the model.")
    for level in LEVELS:
        if not np.isclose(shown["conf_level"], level).any():
            raise InputError(
                f"there are no bands of {100 * level:g} %",
                next_step="Join curves(times) and curves(times, conf_level=0.5).",
            )
    lost = shown[["estimate", "low", "high"]].isna().any(axis=1).to_numpy()
    refuse(lost, "limits are missing", "Draw times with an estimate alone.")
    return shown


def prior_curves_alt(curves: pd.DataFrame, *, cause: str, horizon: float = 5.0) -> str:
    """The figure in words: the bands of each group at the horizon."""
    shown = checked(curves, cause)
    said = []
    for (measure, group), own in shown.groupby(["measure", "group"], sort=False):
        wide, narrow = (value_at(own, horizon, level) for level in LEVELS)
        if wide is None or narrow is None:
            continue
        what = "event-free survival" if measure == SURVIVAL else f"incidence of {cause}"
        reach = [f"{100 * low:.0f} to {100 * high:.0f} %" for low, high in (wide, narrow)]
        said.append(f"{what}, {level_name(group)}: {reach[0]} with probability 0.95, {reach[1]} with 0.5")
    numbers = f" At {horizon:g} years: {'; '.join(said)}." if said else ""
    return f"What the priors hold of event-free survival and of the incidence of {cause}, before the data.{numbers}"
