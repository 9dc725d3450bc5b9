"""Effects within subgroups as a printed table, and what their figure is read from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from ikzf1_outcomes.effects.subgroups import COCHRAN, EVERYBODY, RISK
from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.effects import HEADS, level_of
from ikzf1_outcomes.report.labels import level_label, variable_label
from ikzf1_outcomes.report.tables import SPAN, Table

FEW = "fewer than 10 at risk"
"""Note of an estimate that rests on few."""


class Parts(NamedTuple):
    """The rows of `subgroup_effects`, sorted by what they are."""

    ratios: pd.DataFrame
    risks: pd.DataFrame
    interactions: pd.DataFrame
    spreads: pd.DataFrame

    @property
    def contrasts(self) -> list[str]:
        """The contrasts, in their order."""
        return list(dict.fromkeys(self.ratios["contrast"]))

    @property
    def ratio(self) -> str:
        """What the ratios are called."""
        return HEADS[self.ratios["method"].iloc[0]]

    @property
    def at(self) -> float:
        """Time of the risks."""
        return float(self.risks["time"].iloc[0])

    def blocks(self) -> Iterator[tuple[str, list[str]]]:
        """Each subgroup column with its levels, everybody first."""
        for variable, own in self.ratios.groupby("variable", sort=False):
            yield str(variable), list(dict.fromkeys(own["group"]))


def parts_of(rows: pd.DataFrame) -> Parts:
    """Sort the rows of `subgroup_effects` by what they are."""
    test = rows["group"] == ""
    risk = rows["method"].isin((RISK, COCHRAN))
    found = (rows[~test & ~risk], rows[~test & risk], rows[test & ~risk], rows[test & risk])
    return Parts(*(part.reset_index(drop=True) for part in found))


def row_of(part: pd.DataFrame, variable: str, group: str, contrast: str) -> pd.Series:
    """The one row of a level and contrast."""
    return part[(part["variable"] == variable) & (part["group"] == group) & (part["contrast"] == contrast)].iloc[0]


def p_of(part: pd.DataFrame, variable: str, contrast: str = "") -> float:
    """The p-value of a subgroup column's test; NaN where there is none."""
    own = part[(part["variable"] == variable) & (part["contrast"] == contrast)]
    return float(own["p_value"].iloc[0]) if len(own) else math.nan


def place_name(variable: str, group: str) -> str:
    """A level in words; "All patients" for everybody."""
    return "All patients" if variable == EVERYBODY else level_label(variable, group)


def subgroup_cells(rows: pd.DataFrame, labels: Mapping[str, str], name: str, title: str, unit: str = "years") -> Table:
    """Ratios and risk differences by subgroup, with the two kinds of test.

    Parameters
    ----------
    rows
        Of `subgroup_effects`.
    labels, name, title, unit
        Column to label; of the table; of the time.

    Returns
    -------
    Table
        A block a subgroup column; tests stand in its first row.
    """
    parts = parts_of(rows)
    term = str(parts.ratios["term"].iloc[0])
    body = []
    for variable, groups in parts.blocks():
        everybody = variable == EVERYBODY
        for place, group in enumerate(groups):
            first = row_of(parts.ratios, variable, group, parts.contrasts[0])
            line = {
                "section": "All patients" if everybody else variable_label(variable, labels),
                "row": "All" if everybody else level_label(variable, group),
                "N": cells.count(first["n"]),
                "Events": cells.count(first["n_event"]),
            }
            for contrast in parts.contrasts:
                head = level_of(term, contrast)
                ratio = row_of(parts.ratios, variable, group, contrast).to_frame().T
                risk = row_of(parts.risks, variable, group, contrast)
                line[f"{head}{SPAN}{parts.ratio}"] = cells.hazard_text(ratio) or cells.NOT_ESTIMABLE
                line[f"{head}{SPAN}Risk difference, points"] = cells.signed_percent(
                    risk["estimate"], risk["low"], risk["high"]
                )
                line[f"{head}{SPAN}P (differences)"] = test_cell(p_of(parts.spreads, variable, contrast), place, everybody)
            line["P (interaction)"] = test_cell(p_of(parts.interactions, variable), place, everybody)
            body.append(line)
    reference = level_label(term, parts.contrasts[0].split(" vs ", 1)[1])
    level = f"{100 * rows['conf_level'].max():g} % CI"
    subtitle = f"Each level against {reference}; risks at {parts.at:g} {unit}; {level}"
    return Table(name, title, subtitle, pd.DataFrame(body), tuple(notes_of(parts, labels, unit)))


def test_cell(p: float, place: int, everybody: bool) -> str:
    """A test stands in the first row of its column; "–" where there is none."""
    return "" if place or everybody else cells.p_value(p)


def notes_of(parts: Parts, labels: Mapping[str, str], unit: str) -> list[str]:
    """How the cells came about, and what could not be estimated."""
    lines = [
        f"{parts.ratio}s are of the model with the interaction; risk differences are those of the patients of the level, "
        "adjusted for nothing. NE, not estimable.",
        "P (interaction): the ratios are the same in all levels; P (differences): the risk differences are, by Cochran's Q "
        "over the levels whose difference has a variance. An effect seen in one level and not in another is no "
        "heterogeneity; with several subgroups each P is one of several.",
    ]
    noted = pd.concat([parts.interactions, parts.spreads])
    for note, own in noted[noted["note"] != ""].groupby("note", sort=False):
        where = ", ".join(dict.fromkeys(variable_label(str(v), labels) for v in own["variable"]))
        lines.append(f"{str(note)[0].upper()}{str(note)[1:]} ({where}).")
    few = parts.risks[parts.risks["note"].str.contains(FEW)]
    places = [
        f"{variable_label(str(v), labels)} {', '.join(dict.fromkeys(place_name(str(v), str(g)) for g in own['group']))}"
        for v, own in few[few["variable"] != EVERYBODY].groupby("variable", sort=False)
    ]
    return [*lines, f"Fewer than 10 at risk at {parts.at:g} {unit} in a group: {'; '.join(places)}."] if places else lines
