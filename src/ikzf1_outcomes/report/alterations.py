"""The tables of the genome page: numbers become strings here."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.labels import estimate_name, level_label, variable_label
from ikzf1_outcomes.report.tables import SPAN, Table

ANALYSES = (("hard call", "Hard call"), ("with call uncertainty", "With call uncertainty"))
UNALTERED = ("normal",)
DRAWN = {
    "used": "Draws know the outcome (data augmentation with proportional hazards): without it, effects would be pulled "
    "towards none.",
    "ignored": "Draws ignore the outcome: they pull effects towards none in proportion to the uncertainty.",
}


def frequency_cells(rows: pd.DataFrame, labels: Mapping[str, str]) -> Table:
    """How often each class, alteration and profile occurs."""
    body = []
    for variable in dict.fromkeys(rows["variable"]):
        own = rows[rows["variable"] == variable]
        unknown = own.loc[own["estimate"].isna(), "n"].sum()
        # what is normal, and levels that nobody has, say nothing that the others do not
        shown = own[own["estimate"].notna() & (own["n"] > 0) & ~own["level"].isin(UNALTERED)]
        for place, row in enumerate(shown.itertuples(index=False)):
            body.append(
                {
                    "section": short_label(str(variable), labels),
                    "row": level_label(str(variable), str(row.level)),
                    "Patients": f"{cells.count(row.n)} / {cells.count(row.n_known)}",
                    "%": cells.percent(row.estimate, row.low, row.high, digits=1),
                    "Not known": cells.count(unknown) if place == 0 else "",
                }
            )
    level = f"{100 * rows['conf_level'].max():g} % CI, Clopper-Pearson"
    return Table(
        "frequencies",
        "Frequency of classes, alterations and profiles",
        f"Of the patients in whom it is known; {level}",
        pd.DataFrame(body),
        (
            "No deletion detected is no proof of absence. Not known: ambiguous, failed, not tested, inconclusive, "
            "without entry; in no denominator and never counted as absent.",
            "A call of deleted is the loss of one copy or more; normal calls and levels that nobody has are not shown.",
        ),
    )


def short_label(variable: str, labels: Mapping[str, str]) -> str:
    """The label of a locus without what the table says already."""
    return variable_label(variable, labels).removesuffix(" copy number")


def subtype_cells(rows: pd.DataFrame, labels: Mapping[str, str]) -> Table:
    """Alterations by cytogenetic subtype: per cent, and of how many."""
    lost = rows[rows["level"].isin(["deleted", "homozygous"]) & rows["estimate"].notna()]
    body = []
    for group in dict.fromkeys(rows["group"]):
        own = lost[lost["group"] == group]
        if not len(own):
            continue
        entry = {"section": "", "row": str(group)}
        for variable in dict.fromkeys(rows["variable"]):
            part = own[own["variable"] == variable]
            n, known = part["n"].sum(), part["n_known"].max() if len(part) else 0
            entry[short_label(str(variable), labels)] = f"{cells.count(n)}/{cells.count(known)}" if known else "–"
        body.append(entry)
    return Table(
        "frequencies_by_subtype",
        "Deletions by cytogenetic subtype",
        "Patients with a deletion / patients in whom it is known",
        pd.DataFrame(body),
        ("Exact intervals are in frequencies_by_subtype.csv.",),
    )


def characteristics_cells(rows: pd.DataFrame, labels: Mapping[str, str], name: str, title: str, subtitle: str) -> Table:
    """A printed Table 1 from the long table of `table_one`."""
    groups = [group for group in dict.fromkeys(rows["group"]) if group != ""]
    body = []
    for variable in dict.fromkeys(rows["variable"]):
        own = rows[rows["variable"] == variable]
        body += variable_rows(own, str(variable), groups, labels)
    return Table(
        name,
        title,
        subtitle,
        pd.DataFrame(body).fillna(""),
        (
            "Numbers: median (quartiles). Categories: patients (%). Missing values have a line of their own.",
            "P: Wilcoxon, Kruskal-Wallis, chi-square or Fisher, as named in the CSV file; not adjusted. "
            "SMD: standardised difference, which does not grow with the number of patients.",
        ),
    )


def variable_rows(
    own: pd.DataFrame, variable: str, groups: list[object], labels: Mapping[str, str]
) -> list[dict[str, str]]:
    """The lines of one characteristic: its median or its levels, then what is missing."""
    label = short_label(variable, labels)
    value = {(row.level, row.group, row.term): row.estimate for row in own.itertuples(index=False)}
    numeric = (own["term"] == "median").any()
    test, difference = own[own["term"] == "test"], own[(own["term"] == "standardised difference") & (own["level"] == "")]
    last = {
        "P": cells.p_value(float(test["p_value"].iloc[0])) if len(test) else "",
        "SMD": written(difference["estimate"].iloc[0]) if len(difference) else "",
    }
    heads = {group: f"{level_label('ikzf1_deletion', str(group))}" for group in groups}
    out = []
    if numeric:
        line = {"section": label, "row": "median (quartiles)"}
        for group in groups:
            middle, low, high = (value[("", group, term)] for term in ("median", "q1", "q3"))
            line[heads[group]] = "" if math.isnan(middle) else f"{middle:.1f} ({low:.1f}–{high:.1f})"
        out.append(line | last)
    else:
        levels = [level for level in dict.fromkeys(own.loc[own["term"] == "share", "level"]) if level != ""]
        levels = [level for level in levels if any(value[(level, group, "n")] > 0 for group in groups)]
        for place, level in enumerate(levels):
            line = {"section": label, "row": level_label(variable, str(level))}
            for group in groups:
                n, part = value[(level, group, "n")], value[(level, group, "share")]
                line[heads[group]] = f"{cells.count(n)} ({100 * part:.0f})" if not math.isnan(part) else "–"
            out.append(line | (last if place == 0 else {"P": "", "SMD": ""}))
    missing = {heads[group]: value.get(("", group, "n_missing"), 0.0) for group in groups}
    if any(n > 0 for n in missing.values()):
        out.append({"section": label, "row": "missing"} | {head: cells.count(n) for head, n in missing.items()})
    return out


def written(value: float) -> str:
    """A standardised difference."""
    return "–" if math.isnan(value) else f"{value:.2f}".replace("-", "−")


def uncertainty_cells(rows: pd.DataFrame, labels: Mapping[str, str], horizon: float, outcome: str) -> Table:
    """The effect by hard call beside the effect with call uncertainty."""
    body = []
    for (endpoint, variable), part in rows.groupby(["endpoint", "variable"], sort=False):
        section = f"{estimate_name(str(endpoint))} by {variable_label(str(variable), labels)}"
        for group in dict.fromkeys(part["group"]):
            line = {"section": section, "row": level_label(str(variable), str(group))}
            for analysis, head in ANALYSES:
                own = part[(part["group"] == group) & (part["analysis"] == analysis)]
                line |= analysis_cells(own, head, horizon)
            body.append(line)
    level = f"{100 * rows['conf_level'].max():g} % CI"
    return Table(
        "call_uncertainty",
        "Effect by hard call and with call uncertainty",
        f"Hazard ratios and estimates at {horizon:g} years ({level})",
        pd.DataFrame(body).fillna(""),
        (
            "Hard call: patients whose class is ambiguous, failed or not tested are left out. With call uncertainty: the "
            "class is drawn from its probability given the peaks and the leukaemic fraction, and the draws are pooled by "
            "Rubin's rules; N and events are means over the draws.",
            DRAWN[outcome],
            "Of the variance: the share that comes from not knowing the class. NE: not estimable in some draw.",
        ),
    )


def analysis_cells(own: pd.DataFrame, head: str, horizon: float) -> dict[str, str]:
    """The cells of one analysis of one group."""
    chance = own[own["scale"] == "probability"]
    ratio = own[own["scale"] == "log hazard ratio"]
    if not len(own):
        return {}
    line = {
        f"{head}{SPAN}N": cells.count(round(float(own["n"].iloc[0]), 1)),
        f"{head}{SPAN}Events": cells.count(round(float(own["n_event"].iloc[0]), 1)),
    }
    row = chance.iloc[0]
    line[f"{head}{SPAN}{horizon:g}-year, %"] = cells.percent(row["estimate"], row["low"], row["high"])
    reference = ratio["note"].iloc[0] == "reference"
    line[f"{head}{SPAN}HR"] = cells.REFERENCE if reference else cells.hazard_text(ratio) or cells.NOT_ESTIMABLE
    if head == ANALYSES[1][1]:
        part = ratio["fraction_missing"].iloc[0]
        line[f"{head}{SPAN}Of the variance, %"] = "" if math.isnan(part) else f"{100 * part:.0f}"
    return line


def quality_cells(rows: pd.DataFrame) -> Table:
    """What happened to the samples."""
    body = [
        {
            "section": "",
            "row": str(term)[:1].upper() + str(term)[1:],
            "Value": f"{value:.0f}" if value == round(value) else f"{value:.3g}",
        }
        for term, value in rows[["term", "estimate"]].itertuples(index=False)
    ]
    return Table("quality", "Samples", "Quality of the assay", pd.DataFrame(body), ())
