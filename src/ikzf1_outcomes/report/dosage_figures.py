"""Figures of doses and of alterations that occur together, and the canvas that figures of the genome are drawn on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.calls import COPY_NUMBERS
from ikzf1_outcomes.genome.copy_number import expected_quotient
from ikzf1_outcomes.report.cells import ratio_number
from ikzf1_outcomes.report.curve_pieces import refuse
from ikzf1_outcomes.report.palette import FONT, NORMAL, SMALL, house_style, shorten, text_lines
from ikzf1_outcomes.report.risk_table import spread_out, widest_text

WIDTH, EDGE = 4.8, 6.0
"""Inches and points: at 4.8 inches the letters are 8 points in print, and 9 px high on a telephone of 390 px."""
QUIET = "#444444"
GENES = ("cdkn2a", "cdkn2b", "pax5", "etv6", "rb1", "btg1", "ebf1", "par1", "erg", "ikzf1")


def canvas(width: float) -> Axes:
    """Axes that fill a new figure, their unit the point, counted from its upper left corner."""
    figure = Figure(figsize=(width, 1.0))
    FigureCanvasAgg(figure)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set_xlim(0, width * 72)
    return ax


def finish_canvas(ax: Axes, y: float, note: str) -> None:
    """The note below, and the height that was used."""
    width = ax.get_xlim()[1]
    text = text_lines(note, int((width - 2 * EDGE) / (SMALL * 0.56)), 6)
    if text:
        y += 3
        write(ax, EDGE, y, text, va="top", colour=QUIET)
        y += 11.0 * (text.count("\n") + 1)
    ax.set_ylim(y + EDGE, 0)
    ax.figure.set_size_inches(width / 72, (y + EDGE) / 72)  # type: ignore[union-attr]


def write(
    ax: Axes, x: float, y: float, text: str, *, ha: str = "left", va: str = "center_baseline", colour: str = "black",
    size: float = SMALL, **look: Any,
) -> Text:  # fmt: skip
    """A text that is what it says, whatever signs it has."""
    return ax.text(x, y, text, ha=ha, va=va, color=colour, fontsize=size, family=FONT, parse_math=False, **look)


def sentence_figure(sentence: str, note: str, width: float) -> Figure:
    """A figure that says why there is nothing on it."""
    with house_style():
        ax = canvas(width)
        write(ax, EDGE, 14, sentence, size=NORMAL)
        finish_canvas(ax, 24, note)
    return ax.figure  # type: ignore[return-value]


def box(ax: Axes, x: float, y: float, w: float, h: float, **look: Any) -> None:
    """A rectangle from its upper left corner."""
    ax.add_patch(Rectangle((x, y), w, h, **{"edgecolor": "black", "linewidth": 0.5, **look}))


def needed(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise when a column is not there."""
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise ColumnError(f"the table has no column {', '.join(missing)}")


def alteration_label(name: str, labels: Mapping[str, str] | None = None) -> str:
    """An alteration in words: its label, or the gene in capitals."""
    plain = name.removesuffix("_class").removesuffix("_deletion")
    return (labels or {}).get(name, plain.upper() if plain in GENES else name.replace("_", " "))


def draw_key(ax: Axes, entries: Sequence[tuple[str, Callable[..., None]]], y: float, sample: float) -> float:
    """What draws a sample, with its name, in as many lines as there must be; returns the end."""
    x, right = EDGE, ax.get_xlim()[1] - EDGE
    for name, draw in entries:
        need = sample + 4 + widest_text(ax, [name])
        if x + need > right and x > EDGE:
            x, y = EDGE, y + 13
        draw(ax, x, y + 7)
        write(ax, x + sample + 4, y + 7, name)
        x += need + 11
    return y + 16


def mark(ax: Axes, x: float, y: float, *, look: tuple[str, str, float]) -> None:
    """One point of a key, from its left end: colour, shape, and whether it is filled."""
    ax.plot(x + 4, y, look[1], color=look[0], mfc=look[0] if look[2] else "white", ms=5, label="_key")


def panel_axes(ax: Axes, left: float, top: float, width: float, height: float) -> Axes:
    """Axes with two spines at a place of the canvas, in its points."""
    whole_width, whole = ax.get_xlim()[1], ax.get_ylim()[0]
    figure: Any = ax.figure
    panel: Axes = figure.add_axes((left / whole_width, 1 - (top + height) / whole, width / whole_width, height / whole))
    panel.spines[["top", "right"]].set_visible(False)
    panel.tick_params(labelsize=SMALL, length=2.5, pad=2)
    return panel


DIVERGING = LinearSegmentedColormap.from_list("less_more", ["#0072B2", "#FFFFFF", "#D55E00"], 257)


def cooccurrence_figure(
    pairs: pd.DataFrame, *, labels: Mapping[str, str] | None = None, limit: float = 3.0, note: str = "",
    width: float = WIDTH,
) -> Figure:  # fmt: skip
    """Draw how often alterations occur together, a cell a pair.

    The colour is log2 of the odds ratio, clipped at plus and minus `limit` (an infinite one too). A triangle tells the
    direction, filled where the adjusted p is below 0.05; the number is that of patients with both. Hatched: not
    estimable.

    Parameters
    ----------
    pairs
        One row a pair: first, second, estimate (log odds ratio), p_adjusted, both (or n_both).
    labels
        Name of an alteration to its label; genes are written in capitals when left out.
    limit
        Positive, in log2 units: 3 is an odds ratio of 8.
    note, width
        Small text below everything; inches, more when there are many alterations.

    Returns
    -------
    Figure
        Alterations in the order of their first appearance. Without pairs: a sentence.

    Raises
    ------
    InputError, ColumnError
        A missing column; a pair twice or with itself (row positions); a limit that is not positive.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.dosage_figures import cooccurrence_figure
    >>> pair = {"first": "pax5", "second": "cdkn2a", "n": 90, "estimate": 2.1, "p_adjusted": 0.001, "both": 12}
    >>> [text.get_text() for text in cooccurrence_figure(pd.DataFrame([pair])).axes[0].texts][:4]
    ['PAX5', 'CDKN2A', '12', '▲']
    """
    if not limit > 0:
        raise InputError("the limit of log2 odds ratios is positive")
    table = checked_pairs(pairs)
    if table.empty:
        return sentence_figure("No pairs of alterations to show.", note, width)
    names = list(dict.fromkeys(table[["first", "second"]].to_numpy().ravel()))
    shown = [shorten(alteration_label(name, labels), 18) for name in names]
    with house_style():
        ax = canvas(width)
        least = max(25.0, widest_text(ax, [f"{n:,.0f}" for n in table["both"]]) + 5)
        # bold letters are about a sixth wider than those that are measured
        wide = [2 * EDGE + 4 + 1.17 * widest_text(ax, [name]) for name in shown]
        cell = max(least, min([44.0, *((width * 72 - w) / i for i, w in enumerate(wide) if i)]))
        ax.set_xlim(0, max(width * 72, *(i * cell + w for i, w in enumerate(wide))))
        for i, name in enumerate(shown):
            write(ax, EDGE + i * cell + 4, EDGE + 8 + max(0.0, i * 28 - 8), name, weight="bold")
        for row in table.itertuples():
            i, j = sorted((names.index(row.first), names.index(row.second)))
            draw_pair(ax, row, EDGE + i * cell, EDGE + 14 + (j - 1) * 28, cell, limit)
        y = draw_scale(ax, EDGE + 22 + (len(names) - 1) * 28, limit)
        told = "▲ more, ▼ less often together, adjusted p < 0.05; △ ▽ not so. Number: patients with both."
        finish_canvas(ax, y, f"{told}{' Hatched: not estimable.' if table['estimate'].isna().any() else ''} {note}")
    return ax.figure  # type: ignore[return-value]


def checked_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs, each once."""
    needed(pairs := pairs.rename(columns={"n_both": "both"}), ("first", "second", "estimate", "p_adjusted", "both"))
    ends = pd.DataFrame(np.sort(pairs[["first", "second"]].astype(str).to_numpy(), axis=1))
    refuse((ends[0] == ends[1]) | ends.duplicated(), "a pair stands there twice, or is one with itself", "Give each once.")
    return pairs.reset_index(drop=True)


def draw_pair(ax: Axes, row: Any, x: float, y: float, cell: float, limit: float) -> None:
    """The cell of one pair."""
    if np.isnan(row.estimate):
        box(ax, x, y, cell, 28, facecolor="white", hatch="/////", edgecolor="#A6A6A6", label="not estimable")
        return
    share = float(np.clip(row.estimate / np.log(2) / limit, -1, 1))
    ink = "white" if share < -0.75 else "black"
    box(ax, x, y, cell, 28, facecolor=DIVERGING((share + 1) / 2), edgecolor="white", linewidth=1, label="pair")
    write(ax, x + cell / 2, y + 9, f"{row.both:,.0f}", ha="center", colour=ink)
    if row.estimate != 0:
        mark = ("▽△", "▼▲")[bool(row.p_adjusted < 0.05)][bool(row.estimate > 0)]
        write(ax, x + cell / 2, y + 20, mark, ha="center", size=7, colour=ink)


def draw_scale(ax: Axes, y: float, limit: float) -> float:
    """The colours with their odds ratios; returns the end."""
    write(ax, EDGE, y + 5, "Odds ratio")
    wide = min(36.0, (ax.get_xlim()[1] - 2 * EDGE - 58) / 7)
    for place, step in enumerate(np.linspace(-limit, limit, 7)):
        number = f"{'' if step >= 0 else '1/'}{2 ** abs(step):.3g}"
        x, sign = EDGE + 58 + wide * place, {0: "≤", 6: "≥"}.get(place, "")
        box(ax, x, y, wide, 10, facecolor=DIVERGING(place / 6), linewidth=0.3, label="scale")
        write(ax, x + wide / 2, y + 17, sign + number, ha="center", size=7.5)
    return y + 24


def cooccurrence_alt(pairs: pd.DataFrame, *, labels: Mapping[str, str] | None = None, most: int = 6) -> str:
    """Say the pairs in words: those with an adjusted p below 0.05, the strongest first.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.dosage_figures import cooccurrence_alt
    >>> pair = {"first": "pax5", "second": "cdkn2a", "n": 90, "estimate": 2.1, "p_adjusted": 0.001, "both": 12}
    >>> print(cooccurrence_alt(pd.DataFrame([pair])))
    Co-occurrence of 1 pair. More often together: PAX5 and CDKN2A (odds ratio 8.17, 12 with both). Less often: none.
    """
    table = checked_pairs(pairs)
    open_ = int(table["estimate"].isna().sum())
    many = "" if len(table) == 1 else "s"
    said = [f"Co-occurrence of {len(table)} pair{many}{f', {open_} not estimable' if open_ else ''}."]
    for start, sign in (("More often together", 1.0), ("Less often", -1.0)):
        sure = table[(table["p_adjusted"] < 0.05) & (sign * table["estimate"] > 0)]
        sure = sure.assign(size=sign * sure["estimate"]).sort_values("size", ascending=False, kind="stable")
        parts = [
            f"{alteration_label(row.first, labels)} and {alteration_label(row.second, labels)} (odds ratio "
            f"{'infinite' if row.estimate == np.inf else ratio_number(np.exp(row.estimate))}, {row.both:,.0f} with both)"
            for row in sure.head(most).itertuples()
        ] + [f"and {len(sure) - most} more"] * (len(sure) > most)
        said.append(f"{start}: {', '.join(parts) or 'none'}.")
    return " ".join(said)


CALL_WORDS = {"homozygous": "both copies lost", "normal": "no deletion detected", "not_tested": "not tested"}
CALL_MARKS = {
    "normal": ("#6E6E6E", "o", 0.0),
    "deleted": ("#2F8FCB", "v", 1.0),
    "homozygous": ("#0B1F33", "s", 1.0),
    "gain": ("#B36B00", "^", 1.0),
    "ambiguous": ("#000000", "D", 0.0),
    "failed": ("#000000", "x", 1.0),
    "not_tested": ("#999999", "+", 1.0),
}


def probe_names(probes: Sequence[Any], genes: Mapping[Any, str] | None) -> pd.DataFrame:
    """Gene and exon of each probe, the probes of a gene beside each other: "IKZF1-4" is exon 4 of IKZF1."""
    pattern = r"(?s)^(?P<gene>.*?)(?:[\s_:-]+(?:exon|ex|e)?[\s_.-]*(?P<tag>\d{1,3}[A-Za-z]?)(?:[\s_#-]\d+)?)?$"
    table = pd.Series([str(probe) for probe in probes], dtype=str).str.extract(pattern).fillna("")
    if genes is not None:
        table["gene"] = [str(genes[probe]) for probe in probes]
    table["gene"] = [shorten(text_lines(gene, 40), 12) for gene in table["gene"]]
    table = table.assign(order=pd.factorize(table["gene"])[0], place=np.arange(len(table)))
    return table.sort_values("order", kind="stable", ignore_index=True)


def one_sample(values: Any, probes: pd.Index, missing: Any) -> Any:
    """The values of one sample, in the order of its probes: from a Series by probe, one row, or one number."""
    if isinstance(values, pd.DataFrame):
        if len(values) != 1:
            raise InputError("a profile shows one sample", count=len(values), next_step="Select one row.")
        values = values.iloc[0]
    if isinstance(values, pd.Series):
        return values.reindex(probes).fillna(missing).to_numpy()
    return np.full(len(probes), missing if values is None else values)


def dosage_profile(
    quotients: Any, *, calls: Any, std_error: Any = None, blasts: float | None = None,
    genes: Mapping[Any, str] | None = None, note: str = "", width: float = WIDTH,
) -> Figure:  # fmt: skip
    r"""Draw the dosage quotients of one sample by probe, with the quotients that whole copy numbers would give.

    Dashed: :math:`1 - p (1 - c/2)` for c = 1, 2, 3 copies in a fraction p of the cells. Probes of a gene stand beside
    each other, genes in the order of their first probe; what has no room goes to a further line of the figure.

    Parameters
    ----------
    quotients
        Dose relative to two copies: a Series by probe, or a frame of one row with a column a probe.
    calls
        Words of `COPY_NUMBERS`, of the same form; a probe without a call is drawn as "not tested".
    std_error
        Of the same form, or one number: the bars are plus and minus 1.96 standard errors. None: no bars.
    blasts
        Fraction of cells that carry the change, above 0 and up to 1; 1 when left out, and the figure says so.
    genes
        Probe to gene; from names such as "IKZF1-4" when left out.
    note, width
        Small text below everything; inches.

    Returns
    -------
    Figure
        An Axes a line of probes, after the canvas. Without probes: a sentence.

    Raises
    ------
    InputError
        Several samples; a word that is no call (probe positions); a fraction outside 0 to 1.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.dosage_figures import dosage_profile
    >>> quotients = pd.Series({"IKZF1-3": 1.02, "IKZF1-4": 0.61})
    >>> figure = dosage_profile(quotients, calls=pd.Series({"IKZF1-3": "normal", "IKZF1-4": "deleted"}), blasts=0.8)
    >>> [text.get_text() for text in figure.axes[1].texts][:3]
    ['1 copy 0.60', '2 copies 1.00', '3 copies 1.40']
    """
    probes = quotients.columns if isinstance(quotients, pd.DataFrame) else quotients.index
    if not len(probes) or not len(quotients):
        return sentence_figure("No probes to show.", note, width)
    if blasts is not None and not 0 < blasts <= 1:
        raise InputError("the fraction of blasts is above 0 and at most 1")
    table = probe_names(list(probes), genes)
    place = table["place"].to_numpy()
    words = one_sample(calls, probes, "not_tested")
    refuse(~np.isin(words.astype(str), COPY_NUMBERS), "a word that is no call", f"Use {', '.join(COPY_NUMBERS)}.")
    quotient, error = (one_sample(values, probes, np.nan).astype(float) for values in (quotients, std_error))
    error = np.where(np.isnan(quotient), np.nan, error)
    table = table.assign(call=words[place], quotient=quotient[place], error=error[place])
    lines = in_lines(table, (width * 72 - 2 * EDGE - 110) / 10.0)
    expected = expected_quotient([1, 2, 3], 1.0 if blasts is None else blasts)
    top = 1.05 * float(np.nanmax([1.6, *expected, *(table["quotient"] + 1.96 * table["error"].fillna(0))]))
    with house_style():
        ax = canvas(width)
        key = [(CALL_WORDS.get(word, word), partial(mark, look=CALL_MARKS[word]))
               for word in COPY_NUMBERS if word in set(table["call"])]  # fmt: skip
        y = draw_key(ax, key, EDGE, 8)
        deep = 14 + widest_text(ax, list(table["gene"])) + 8
        begins = [y + 4 + (PROFILE + deep) * i for i in range(len(lines))]
        end = max(2.2, *(line["x"].max() for line in lines)) + 0.8
        told = f"Dashed: expected when {'all' if blasts is None else f'{100 * blasts:.0f} %'} of cells carry the change."
        bars = " Bars: ± 1.96 standard errors." if table["error"].notna().any() else ""
        bars += " At the foot: no quotient." if table["quotient"].isna().any() else ""
        finish_canvas(ax, begins[-1] + PROFILE + deep, f"{told}{bars} {note}")
        for line, begin in zip(lines, begins, strict=True):
            draw_profile(panel_axes(ax, EDGE + 38, begin, width * 72 - 2 * EDGE - 110, PROFILE), line, expected, (end, top))
    return ax.figure  # type: ignore[return-value]


PROFILE = 118.0  # points: height of a line of a profile


def in_lines(table: pd.DataFrame, room: float) -> list[pd.DataFrame]:
    """Probes with their place on a line, genes kept whole where a line can hold them."""
    lines, x, at = [0], 0.0, list[float]()
    for _, gene in table.groupby("order", sort=True):
        if x > 0 and x + len(gene) > room:
            lines.append(len(at))
            x = 0.0
        for _ in range(len(gene)):
            lines, x = (lines, x) if x + 1 <= room else ([*lines, len(at)], 0.0)
            at.append(x)
            x += 1.0
        x += 0.6
    return [table.assign(x=at).iloc[a:b] for a, b in zip(lines, [*lines[1:], len(at)], strict=True)]


def draw_profile(ax: Axes, line: pd.DataFrame, expected: Any, ends: tuple[float, float]) -> None:
    """One line of probes: quotients, errors, calls, expected quotients, exons and genes."""
    end, top = ends
    ax.set(xlim=(-0.8, end), ylim=(0, top))
    ax.set(xticks=[], yticks=np.arange(0, top, 0.5))
    ax.set_ylabel("Dosage quotient", fontsize=SMALL, family=FONT)
    points = PROFILE / top
    middles = spread_out(expected * points, np.full(3, 10.0), 0, PROFILE) / points
    for copies, quotient, middle in zip((1, 2, 3), expected, middles, strict=True):
        ax.axhline(quotient, color="#8A8A8A", lw=0.8, dashes=(4, 2), zorder=0)
        text = f"{copies} cop{'y' if copies == 1 else 'ies'} {quotient:.2f}"
        ax.annotate(text, (1, middle), (5, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                    fontsize=SMALL, va="center_baseline", family=FONT, color=QUIET)  # fmt: skip
    for word, own in line.groupby("call"):
        colour, shape, filled = CALL_MARKS[str(word)]
        ax.errorbar(own["x"], own["quotient"].fillna(0.04 * top), 1.96 * own["error"].fillna(0), fmt=shape, ms=5,
                    color=colour, mfc=colour if filled else "white", elinewidth=0.8, label=str(word))  # fmt: skip
    below = ax.get_xaxis_transform()
    for _, gene in line.groupby("order", sort=True):
        ax.plot([gene["x"].min() - 0.4, gene["x"].max() + 0.4], [-0.12] * 2, color="black", lw=0.8, clip_on=False,
                transform=below, label="_gene")  # fmt: skip
        for x, tag in zip(gene["x"], gene["tag"], strict=True):
            write(ax, x, -0.07, tag, ha="center", size=6.5, transform=below)
        name, room = gene["gene"].iloc[0], len(gene) * ax.get_window_extent().width / ax.figure.dpi * 72 / (end + 0.8)
        turn = 90 if widest_text(ax, [name]) > room else 0
        write(ax, gene["x"].mean(), -0.15, name, ha="center", va="top", rotation=turn, transform=below)
