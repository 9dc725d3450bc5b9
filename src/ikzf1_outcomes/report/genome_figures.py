"""Figures of the genome: IKZF1 exons of all patients, and how often each alteration occurs.

Nothing is estimated and nobody is named here: rows bear classes, patterns and counts, never identifiers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.genome.calls import COPY_NUMBERS, IKZF1_CLASSES, LOSS_WORDS, UNKNOWN, checked_calls
from ikzf1_outcomes.genome.exons import EXONS, ZINC_FINGERS, classify_ikzf1, exon_columns, runs
from ikzf1_outcomes.report.curve_pieces import refuse
from ikzf1_outcomes.report.dosage_figures import (
    EDGE,
    QUIET,
    WIDTH,
    alteration_label,
    box,
    canvas,
    draw_key,
    finish_canvas,
    mark,
    needed,
    panel_axes,
    sentence_figure,
    write,
)
from ikzf1_outcomes.report.drawing import percent_step
from ikzf1_outcomes.report.labels import level_label
from ikzf1_outcomes.report.palette import OKABE_ITO, distinct_names, house_style, shorten
from ikzf1_outcomes.report.risk_table import widest_text

ROW, BAND, GAP = 9.5, 13.0, 5.0  # points: a row of the map, a band that counts patients, space between classes
CLASS_LABELS = [level_label("ikzf1_class", word) for word in IKZF1_CLASSES]
DIMERISATION = {8: 2}
"""Zinc fingers 5 and 6; as `ZINC_FINGERS`, from positions that were recalled, not verified."""
FLAT = ("normal", "failed", "not_tested")  # a row of one of them says nothing of single exons and is only counted


class CallLook(NamedTuple):
    """How a call is drawn, so that it can be told in grey print too, and what the key calls it."""

    face: str
    hatch: str
    share: float  # of the height of the row
    words: str


CALL_LOOKS = {
    "normal": CallLook("#B5B5B5", "", 0.12, "no deletion detected"),
    "deleted": CallLook("#2F8FCB", "", 0.74, "deleted"),
    "homozygous": CallLook("#0B1F33", "", 0.74, "both copies lost"),
    "gain": CallLook("#F8CF86", "|||||", 0.74, "gain"),
    "ambiguous": CallLook("#FFFFFF", "//////", 0.74, "ambiguous"),
    "failed": CallLook("#FFFFFF", "xxxxxx", 0.5, "failed"),
    "not_tested": CallLook("#FFFFFF", "......", 0.5, "not tested"),
}


def exon_map(
    exons: pd.DataFrame, *, classes: Any = None, groups: Any = None, note: str = "", max_rows: int = 40,
    width: float = WIDTH,
) -> Figure:  # fmt: skip
    """Draw patients by exons of IKZF1, below a picture of the gene.

    Rows are sorted by group, class, and place of the deletion; neighbouring exons with one call join to a bar. Patients
    whose eight calls are all normal, all failed or all not tested are counted in a band. Up to `max_rows` others have
    a row each. With more, a row is a pattern, with its number of patients; patients with an exon that is not known,
    and the rarest patterns when there are more than `max_rows`, are counted in bands of their class. The gene is not
    drawn to scale. Assumption: zinc fingers 1-4 on exons 4-6 and 5-6 on exon 8, computed from UniProt positions that
    were recalled, not verified.

    Parameters
    ----------
    exons
        One row a patient, a column an exon ("1" to "8"), cells of `COPY_NUMBERS`; missing is "not tested".
    classes
        Words of `IKZF1_CLASSES`, one a row; by `classify_ikzf1` when left out. Missing is "not tested".
    groups
        A level a row, that divides the map into parts with headings; a missing one is "group not known".
    note, max_rows, width
        Small text below everything; at least 1; inches, at least 3.2 (letters keep their size).

    Returns
    -------
    Figure
        Without patients: a sentence.

    Raises
    ------
    InputError, ColumnError
        A word that is no call or no class (row positions); classes or groups of other patients than the exons.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.genome_figures import exon_map
    >>> calls = pd.DataFrame([["normal"] * 3 + ["deleted"] * 4 + ["normal"]], columns=[str(e) for e in range(1, 9)])
    >>> [text.get_text() for text in exon_map(calls).axes[0].texts][-4:]
    ['Δ4-7', 'no deletion detected', 'deleted', 'Boxes: exons; circles: zinc fingers. A row is a patient.']
    """
    if max_rows < 1 or width < 3.2:
        raise InputError("max_rows is at least 1 and width at least 3.2 inches")
    if exons.empty:
        return sentence_figure("No patients to show.", note, width)
    rows, each = laid_out(pattern_table(exons, classes, groups), max_rows)
    with house_style():
        ax = canvas(width)
        left, right = EDGE + 10, width * 72 - EDGE - 6 - max(12.0, widest_text(ax, [*rows["name"], ""]))
        y = draw_rows(ax, rows, left, right, draw_gene(ax, left, (right - left) / len(EXONS)))
        drawn = {word for words in rows.loc[rows["band"] == "", "words"] for word in words}
        key = [(CALL_LOOKS[word].words, partial(bar, word=word)) for word in COPY_NUMBERS if word in drawn]
        y = draw_key(ax, key, y + 2, 18) if key else y
        row = "A row is a patient." if each else "A row is a pattern; × gives its number of patients."
        finish_canvas(ax, y, f"Boxes: exons; circles: zinc fingers. {row if drawn else ''} {note}")
    return ax.figure  # type: ignore[return-value]


def exon_map_alt(exons: pd.DataFrame, classes: Any = None, *, most: int = 6) -> str:
    """Say the map in words, for those who hear it: patients by class, the commonest patterns, losses by exon.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.genome_figures import exon_map_alt
    >>> calls = pd.DataFrame([["deleted"] * 8, ["normal"] * 8], columns=[str(e) for e in range(1, 9)])
    >>> print(exon_map_alt(calls)[:84])
    IKZF1 exon calls of 2 patients: no deletion detected 1, whole gene (Δ1-8) 1. Deleted
    """
    if exons.empty:
        return "IKZF1 exon calls: no patients to show."
    table = pattern_table(exons, classes, None)
    said = (f"{CLASS_LABELS[int(code)]} {n}" for code, n in table.groupby("class", sort=True)["n"].sum().items())
    lost = table["n"].to_numpy() @ table[list(EXONS)].isin(LOSS_WORDS).to_numpy()
    text = f"IKZF1 exon calls of {patients(table['n'].sum())}: {', '.join(said)}."
    text += f" Deleted: {', '.join(f'exon {e} in {n}' for e, n in zip(EXONS, lost, strict=True))}."
    named = table[table["name"].str.contains("Δ", regex=False)].groupby("name")["n"]
    ranked = named.sum().sort_values(ascending=False, kind="stable")
    more = f", and {len(ranked) - most} rarer" if len(ranked) > most else ""
    if len(ranked):
        text += f" Patterns: {', '.join(f'{name} {n}' for name, n in ranked.head(most).items())}{more}."
    return text


def pattern_table(exons: pd.DataFrame, classes: Any, groups: Any) -> pd.DataFrame:
    """One row a distinct (group, class, eight calls), sorted as drawn: its number of patients, name, and calls."""
    names = exon_columns(exons.columns, "1-8")
    calls = pd.DataFrame({e: checked_calls(exons, names[e]) for e in EXONS})  # type: ignore[arg-type]
    read = classify_ikzf1(calls)
    keys = calls.reset_index(drop=True)
    keys["class"] = class_codes(read["ikzf1_class"] if classes is None else aligned(classes, exons, "classes"))
    values = pd.Series("", index=exons.index) if groups is None else aligned(groups, exons, "groups")
    levels = pd.Categorical(values if isinstance(values.dtype, pd.CategoricalDtype) else values.astype("string"))
    headings = [*distinct_names(list(levels.categories), 40), "group not known"]
    keys = keys.assign(group=levels.codes.astype(int) % len(headings), name=read["pattern"].to_numpy())
    table = keys.groupby(["group", "class", "name", *EXONS], sort=True, observed=True).size().rename("n").reset_index()
    table["words"] = list(table[list(EXONS)].itertuples(index=False, name=None))
    table["heading"] = [headings[code] if groups is not None else "" for code in table["group"]]
    table["flat"] = [len(set(words)) == 1 and words[0] in FLAT for words in table["words"]]
    lost = table[list(EXONS)].isin(LOSS_WORDS).to_numpy()
    table = table.assign(first=np.where(lost.any(axis=1), lost.argmax(axis=1), 9), extent=-lost.sum(axis=1))
    return table.sort_values(["group", "class", "flat", "first", "extent", "name", *EXONS], ignore_index=True)


def aligned(values: Any, exons: pd.DataFrame, what: str) -> pd.Series:
    """Values one a row of the exons, as a Series on their index."""
    if not (values.index.equals(exons.index) if isinstance(values, pd.Series) else len(values) == len(exons)):
        raise InputError(f"{what} and exons are not of the same patients", next_step="Give both on the same index.")
    return values if isinstance(values, pd.Series) else pd.Series(values, index=exons.index)


def class_codes(classes: pd.Series) -> Any:
    """Position of each class in `IKZF1_CLASSES`; missing is "not_tested"."""
    codes = pd.Index(IKZF1_CLASSES).get_indexer(classes.astype(object).where(classes.notna(), "not_tested"))
    refuse(codes < 0, "words that are no IKZF1 class", f"Use {', '.join(IKZF1_CLASSES)}.")
    return codes


def patients(n: int) -> str:
    """A number of patients."""
    return f"{n:,} patient{'' if n == 1 else 's'}"


def laid_out(table: pd.DataFrame, max_rows: int) -> tuple[pd.DataFrame, bool]:
    """The parts to draw, from the top: how many rows each has, its label, and whether a row is a patient."""
    rows = table.assign(label=[CLASS_LABELS[code] for code in table["class"]], band="")
    rows["n_class"] = rows.groupby(["group", "class"])["n"].transform("sum")
    rows["n_group"] = rows.groupby("group")["n"].transform("sum")
    flat, open_ = rows[rows["flat"]], ~rows["flat"]
    whole = [CALL_LOOKS[words[0]].words for words in flat["words"]]
    rows.loc[rows["flat"], "band"] = [f"{patients(n)}: {words}" for words, n in zip(whole, flat["n"], strict=True)]
    each = int(rows.loc[open_, "n"].sum()) <= max_rows
    rows["rows"] = np.where(open_ & each, rows["n"], 1)
    if not each:
        rows = rarer_counted(rows, max_rows)
    rows["name"] = [
        "" if band else " ".join([shorten(name, 15)] * bool(name) + [f"×{n:,}"] * (n > 1))
        for band, name, n in rows[["band", "name", "n"]].itertuples(index=False)
    ]
    return rows.reset_index(drop=True), each


def rarer_counted(rows: pd.DataFrame, max_rows: int) -> pd.DataFrame:
    """The rows with patterns beyond `max_rows`, and those that have an unknown exon, counted in bands of their class."""
    unknown = rows[list(EXONS)].isin(UNKNOWN).any(axis=1) & ~rows["flat"]
    rank = rows.loc[~rows["flat"] & ~unknown, "n"].rank(method="first", ascending=False).reindex(rows.index, fill_value=0)
    kinds = np.select([unknown, rank > max_rows], ["an exon not known", "rarer patterns"], default="")
    counted = rows.assign(kind=kinds)[kinds != ""]
    counted["n"] = counted.groupby(["group", "class", "kind"])["n"].transform("sum")
    counted = counted.drop_duplicates(["group", "class", "kind"])
    counted["band"] = [f"{patients(n)}: {kind}" for n, kind in zip(counted["n"], counted["kind"], strict=True)]
    return pd.concat([rows[kinds == ""], counted]).sort_values(["group", "class"], kind="stable")


def bar(ax: Axes, x: float, middle: float, width: float = 18, *, word: str) -> None:
    """A stretch of exons with one call."""
    look = CALL_LOOKS[word]
    style = {"facecolor": look.face, "hatch": look.hatch or None, "edgecolor": QUIET, "linewidth": 0.5 * bool(look.hatch)}
    box(ax, x, middle - ROW * look.share / 2, width, ROW * look.share, label=word, **style)


def draw_gene(ax: Axes, left: float, step: float) -> float:
    """Exons as boxes, the first open since it does not code; ATG; zinc fingers. Returns where rows may begin."""
    fingers, line, number = EDGE + 19, EDGE + 36, 0
    for text, middle in (("DNA binding", 4.5), ("dimers", 7.5)):
        write(ax, left + middle * step, EDGE + 6, text, ha="center", colour=QUIET)
    for exon, count in (ZINC_FINGERS | DIMERISATION).items():
        for other in range(count):
            number += 1
            x = left + (exon - 0.5) * step + (other - (count - 1) / 2) * 11.5
            ax.add_patch(Circle((x, fingers), 5.4, facecolor="white", edgecolor="black", lw=0.7, label="finger"))
            write(ax, x, fingers, str(number), ha="center", size=7)
    write(ax, left + 1.5 * step, fingers, "ATG", ha="center", size=7.5, weight="bold")
    ax.plot([left + 1.5 * step] * 2, [fingers + 5, line - 7], color="black", lw=0.8, label="_atg")
    ax.plot([left, left + 8 * step], [line, line], color="black", lw=0.8, zorder=0, label="_gene")
    for exon in EXONS:
        x, face = left + (exon - 0.5) * step, "white" if exon == 1 else "#DDDDDD"
        box(ax, x - 0.38 * step, line - 6.5, 0.76 * step, 13, facecolor=face, label="exon")
        write(ax, x, line, str(exon), ha="center")
    return line + 13


def draw_rows(ax: Axes, rows: pd.DataFrame, left: float, right: float, y: float) -> float:
    """Groups, classes and their rows from the top down; returns the end."""
    for _, part in rows.groupby("group", sort=True):
        if part["heading"].iloc[0]:
            write(ax, EDGE, y + 9, f"{part['heading'].iloc[0]}: {patients(part['n_group'].iloc[0])}", weight="bold")
            y += 18
        bands: list[str] = []
        for number, (_, block) in enumerate(part.groupby("class", sort=True)):
            label, band = block["label"].iloc[0], block["band"].iloc[0]
            if len(block) == 1 and band and (label == "ambiguous" or band.endswith(f": {label}")):
                bands.append(f"{patients(block['n'].iloc[0])}: {label}")
                continue
            y, bands = draw_bands(ax, bands, right, y), []
            y = draw_block(ax, block, left, right, y, ("#4D4D4D", "#A6A6A6")[number % 2])
        y = draw_bands(ax, bands, right, y)
    return y


def draw_bands(ax: Axes, texts: list[str], right: float, y: float) -> float:
    """Classes that a count says all of: in one band where there is room for it, else a band each; returns the end."""
    joined = "; ".join(texts)
    for text in [joined] * bool(texts) if widest_text(ax, [joined]) < right - EDGE - 8 else texts:
        draw_band(ax, text, EDGE, right, y)
        y += BAND + GAP
    return y


def draw_block(ax: Axes, block: pd.DataFrame, left: float, right: float, y: float, shade: str) -> float:
    """One class of one group: its name and number, its rows beside a strip; returns the end."""
    write(ax, left, y + 5, f"{block['label'].iloc[0]}: {block['n_class'].iloc[0]:,}")
    y, top, step = y + 12, y + 12, (right - left) / len(EXONS)
    for row in block.itertuples():
        if row.band:
            draw_band(ax, str(row.band), left, right, y)
            y += BAND
            continue
        write(ax, right + 5, y + row.rows * ROW / 2, row.name)
        for _ in range(row.rows):
            for word in COPY_NUMBERS:
                for first, last in runs(e for e, call in zip(EXONS, row.words, strict=True) if call == word):
                    bar(ax, left + (first - 1) * step, y + ROW / 2, (last - first + 1) * step, word=word)
            y += ROW
    box(ax, EDGE, top, 5, y - top, facecolor=shade, linewidth=0, label="class")
    return y + GAP


def draw_band(ax: Axes, text: str, left: float, right: float, y: float) -> None:
    """A thin band that counts patients."""
    box(ax, left, y + 0.5, right - left, BAND - 1, facecolor="#F1F1F1", edgecolor="#A6A6A6", label="band")
    write(ax, (left + right) / 2, y + BAND / 2, text, ha="center")


def frequency_figure(
    rows: pd.DataFrame, *, labels: Mapping[str, str] | None = None, note: str = "", width: float = WIDTH
) -> Figure:
    """Draw how often each alteration occurs, by group: points with their intervals, and the counts at the right.

    Up to three groups share a panel and differ in colour and shape; more have a panel each.

    Parameters
    ----------
    rows
        Columns variable, level, group, n, n_known, estimate, low, high as proportions. Rows of unknown calls are left out.
    labels, note, width
        Name of a variable to its label; the others as in `exon_map`.

    Returns
    -------
    Figure
        An Axes a panel. Without rows: a sentence.

    Raises
    ------
    ColumnError, InputError
        A missing column; an alteration twice in a group, or an estimate outside 0 to 1 (row positions).

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.report.genome_figures import frequency_figure
    >>> row = {"variable": "pax5", "level": "deleted", "group": "all", "n": 17, "n_known": 109,
    ...        "estimate": 0.156, "low": 0.094, "high": 0.238}
    >>> [text.get_text() for text in frequency_figure(pd.DataFrame([row])).axes[1].texts]
    ['17/109']
    """
    needed(rows, ("variable", "level", "group", "n", "n_known", "estimate", "low", "high"))
    rows = rows[~rows["level"].isin(UNKNOWN)]
    if rows.empty:
        return sentence_figure("No frequencies to show.", note, width)
    keys = rows[["variable", "level"]].astype(str).agg(" ".join, axis=1)
    refuse(
        pd.DataFrame({"key": keys, "group": rows["group"]}).duplicated(), "an alteration stands twice", "Once in a group."
    )
    refuse((rows["estimate"] < 0) | (rows["estimate"] > 1), "an estimate is outside 0 to 1", "Give proportions.")
    codes, groups = pd.factorize(rows["group"], use_na_sentinel=False)
    table = rows.assign(y=pd.factorize(keys)[0], g=codes)
    alone = rows.drop_duplicates(["variable", "level"]).groupby("variable").size().eq(1)
    levels = rows.loc[~keys.duplicated(), ["variable", "level"]].itertuples(index=False)
    names = [shorten(frequency_label(name, str(level), bool(alone[name]), labels), 26) for name, level in levels]
    panels = [table] if len(groups) <= 3 else [table[table["g"] == g].assign(g=0) for g in range(len(groups))]
    titles = distinct_names(list(groups), 40)
    with house_style():
        ax = canvas(width)
        left, right = EDGE + widest_text(ax, names) + 8, widest_text(ax, [f"{n:,}/{n:,}" for n in rows["n_known"]]) + 12
        top, y = min(1.0, float(np.nanmax([0.1, *rows["high"], *rows["estimate"]]))), EDGE
        places = []
        if len(groups) <= 3 and titles != ["all"]:
            y = draw_key(ax, [(t, partial(mark, look=look)) for t, look in zip(titles, GROUP_MARKS, strict=False)], y, 8)
        for part, title in zip(panels, titles, strict=False):
            if len(panels) > 1:
                write(ax, EDGE, y + 8, title, weight="bold")
                y += 15
            height = len(names) * (4.0 + 11 * (part["g"].max() + 1))
            places.append((part, y, height))
            y += height + (18 if part is panels[-1] else 10)
        finish_canvas(ax, y, note)
        for part, begin, height in places:
            panel = panel_axes(ax, left, begin, width * 72 - left - right - EDGE, height)
            draw_frequencies(panel, part, names, top)
            panel.tick_params(labelbottom=part is panels[-1])
    return ax.figure  # type: ignore[return-value]


GROUP_MARKS = tuple(zip(OKABE_ITO, "osD", (1.0, 1.0, 0.0), strict=False))  # colour, shape, filled or not


def frequency_label(variable: str, level: str, alone: bool, labels: Mapping[str, str] | None) -> str:
    """A row in words; the level is left out where it only says that the alteration is there."""
    name = alteration_label(variable, labels)
    return name if alone and level in ("deleted", "yes", "True") else f"{name} {level_label(variable, level)}"


def draw_frequencies(ax: Axes, part: pd.DataFrame, names: Sequence[str], top: float) -> None:
    """Points, intervals and counts of one panel."""
    size, ticks = 4.0 + 11 * (part["g"].max() + 1), np.arange(0, top + 1e-9, percent_step(top))
    ticks = ticks[:: 1 + (ax.get_window_extent().width / ax.figure.dpi * 72 < 34 * len(ticks))]
    ax.set(xlim=(-0.02 * top, 1.02 * top), ylim=(len(names) * size, 0))
    ax.set_xticks(ticks, [f"{100 * x:.0f} %" for x in ticks])
    ax.set_yticks((np.arange(len(names)) + 0.5) * size, names)
    ax.hlines(np.arange(1, len(names)) * size, *ax.get_xlim(), color="#E8E8E8", lw=0.5, zorder=0)
    for g, own in part.groupby("g"):
        colour, shape, filled = GROUP_MARKS[int(g)]
        y = own["y"] * size + 2 + 11 * (g + 0.5)
        ax.hlines(y, own["low"], own["high"], color=colour, lw=1.3)
        ax.plot(own["estimate"], y, shape, color=colour, mfc=colour if filled else "white", ms=5, label=f"group {g}")
        for row, at in zip(own.itertuples(), y, strict=True):
            if np.isnan(row.estimate):
                write(ax, 0, at, "not known", colour=QUIET)
            write(ax, 1.04 * top, at, f"{row.n:,.0f}/{row.n_known:,.0f}", size=7.5, colour=QUIET, clip_on=False)
