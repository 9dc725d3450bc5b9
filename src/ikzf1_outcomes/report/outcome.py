"""The outcome table of the papers, made from the long results and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.labels import (
    estimate_name,
    level_label,
    ordered_variables,
    row_heading,
    section_label,
    shown_origins,
)
from ikzf1_outcomes.report.tables import SPAN, Table
from ikzf1_outcomes.results import EVERYBODY, LEFT_OUT, select

SURVIVAL = ("EFS", "OS", "DFS")
MAIN = ("survival", "incidence")


def groups_of(rows: pd.DataFrame) -> list[str]:
    """Groups with somebody in them, in the order of the results; the one group of a row for everybody is "all"."""
    counted = rows[rows["term"].isin(MAIN)]
    return list(dict.fromkeys(counted.loc[counted["n"] > 0, "group"]))


def outcome_table(results: pd.DataFrame, labels: Mapping[str, str], horizon: float, *, style: str = "interval") -> Table:
    """For each variable and level: N, events, estimates, tests, hazard ratios, median follow-up.

    Parameters
    ----------
    results
        Rows of `outcome_results` for several variables.
    labels
        Variable to its label.
    horizon
        Time of the estimates, in years.
    style
        "interval" prints "63 (49–74)", "error" prints "63 ± 6".

    Returns
    -------
    Table
        Levels with nobody in them are left out and named in a footnote.
    """
    names = {name: estimate_name(name, origin) for name, origin in shown_origins(results).items()}
    rows = []
    for variable in ordered_variables(results):
        part = select(results, variable=variable)
        for place, group in enumerate(groups_of(part)):
            row = row_heading(variable, group, labels)
            for endpoint, short in names.items():
                own = select(part, endpoint=endpoint)
                row |= endpoint_cells(own, group, endpoint, short, horizon, style, first=place == 0)
            row |= follow_up_cell(part, group)
            rows.append(row)
    level = f"{100 * results['conf_level'].max():g} % CI"
    return Table(
        "outcome",
        "Outcome by group",
        f"Estimates at {horizon:g} years ({level if style == 'interval' else '± standard error'})",
        merge_counts(pd.DataFrame(rows).fillna(""), list(names.values())),
        tuple(footnotes(results, labels, horizon)),
    )


def endpoint_cells(
    rows: pd.DataFrame, group: str, endpoint: str, short: str, horizon: float, style: str, *, first: bool
) -> dict[str, str]:
    """Cells of one endpoint for one group; tests stand in the first row of their variable."""
    term, test = ("survival", "log-rank") if endpoint in SURVIVAL else ("incidence", "Gray")
    ratio = "HR" if term == "survival" else "cause-specific HR"
    heads = {key: f"{short}{SPAN}{text}" for key, text in {
        "n": "N", "events": "Events", "main": f"{horizon:g}-year, %", "p": f"p ({test})", "ratio": ratio,
    }.items()}  # fmt: skip
    out = dict.fromkeys(heads.values(), "")
    at = select(rows, term=term, time=horizon, group=group)
    if len(at):
        number = at.iloc[0]
        out[heads["n"]] = cells.count(number["n"])
        out[heads["events"]] = cells.count(total_events(rows, group, term))
        interval = cells.percent(number["estimate"], number["low"], number["high"])
        error = cells.percent_with_error(number["estimate"], number["std_error"])
        out[heads["main"]] = interval if style == "interval" else error
    tests = select(rows, term="test")
    if first and len(tests):
        out[heads["p"]] = cells.p_value(tests["p_value"].iloc[0])
    ratios = select(rows, term="hazard ratio")
    if len(ratios):
        out[heads["ratio"]] = hazard_ratio_cell(ratios, group)
    return out


def merge_counts(body: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """One column N in place of several that agree."""
    columns = [f"{name}{SPAN}N" for name in names]
    if all((body[column] == body[columns[0]]).all() for column in columns):
        body = body.assign(N=body[columns[0]]).drop(columns=columns)
        return body[["section", "row", "N", *(c for c in body.columns if c not in ("section", "row", "N"))]]
    return body


def total_events(rows: pd.DataFrame, group: str, term: str) -> float:
    """Events of a group over the whole follow-up, from the row of the last time."""
    own = select(rows, term=f"{term}: whole follow-up", group=group)
    return float(own["n_event"].iloc[0]) if len(own) else np.nan


def hazard_ratio_cell(ratios: pd.DataFrame, group: str) -> str:
    """The hazard ratio of a level, "Reference" for the reference level."""
    own = select(ratios, group=group)
    if not len(own):
        return cells.NOT_ESTIMABLE
    row = own.iloc[0]
    if row["note"] == "reference":
        return cells.REFERENCE
    return cells.hazard_text(own) or cells.NOT_ESTIMABLE


def follow_up_cell(part: pd.DataFrame, group: str) -> dict[str, str]:
    """Median follow-up of a group, when the results have it."""
    rows = select(part, term="follow-up: median", group=group)
    if not len(rows):
        return {}
    row = rows.iloc[0]
    return {"Median follow-up, years": cells.years(row["estimate"], row["low"], row["high"])}


def footnotes(results: pd.DataFrame, labels: Mapping[str, str], horizon: float) -> list[str]:
    """Abbreviations, methods and everything that the notes say about the cells shown."""
    main = results[results["term"].isin(MAIN)]
    lines = [
        "N, patients; HR, hazard ratio; CI, confidence interval; NE, not estimable; p-values are two-sided.",
        f"Intervals of the estimates: {', '.join(sorted(set(main['interval'])))}. Beyond the last follow-up of a group an "
        "estimate is not estimable.",
    ]
    shown = results[results["term"].isin((*MAIN, "test", "hazard ratio")) & ~(results["n"] == 0)]
    shown = shown[(shown["time"] == horizon) | shown["time"].isna()]
    noted = shown[(shown["note"] != "") & (shown["note"] != "reference")]
    # the place names the level in words already
    noted = noted.assign(
        note=noted["note"].str.replace(r"no events in (?!the reference).*", "no events in the level", regex=True)
    )
    for note in dict.fromkeys(noted["note"]):
        lines.append(f"{note[0].upper()}{note[1:]} ({places(select(noted, note=note), labels)}).")
    empty = main[main["n"] == 0]
    if len(empty):
        lines.append(f"Levels with nobody in them are not shown ({places(empty, labels, endpoints=False)}).")
    return [*lines, *left_out(results, labels)]


def places(rows: pd.DataFrame, labels: Mapping[str, str], *, endpoints: bool = True) -> str:
    """Where a note belongs: "IKZF1 class: IK6, gain [EFS, CIR]; ..."."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    for variable, group, endpoint in rows[["variable", "group", "endpoint"]].itertuples(index=False):
        levels, names = found.setdefault(section_label(variable, labels), ([], []))
        levels.append("" if group in ("", "all") else level_label(variable, group))
        names.append(estimate_name(endpoint))
    parts = []
    for section, (levels, names) in found.items():
        text = section + (": " if any(levels) else "") + ", ".join(level for level in dict.fromkeys(levels) if level)
        parts.append(text + (f" [{', '.join(dict.fromkeys(names))}]" if endpoints else ""))
    return "; ".join(parts)


def left_out(results: pd.DataFrame, labels: Mapping[str, str]) -> list[str]:
    """How many patients each definition, landmark or missing group leaves out."""
    counts = select(results, term=LEFT_OUT).groupby(["variable", "endpoint"], sort=False)["n"].max()
    usual = counts.xs(EVERYBODY) if EVERYBODY in counts.index.get_level_values(0) else counts.groupby(level=1).min()
    lines = [f"{estimate_name(name)}: {int(n)} patients left out by the definition." for name, n in usual.items() if n > 0]
    for variable, own in counts.groupby(level=0, sort=False):
        extra = own.droplevel(0) - usual
        texts = [f"{estimate_name(name)} {int(n)}" for name, n in extra.items() if n > 0]
        if texts:
            lines.append(f"{section_label(variable, labels)}: left out before the landmark {', '.join(texts)}.")
    missing = results.groupby("variable", sort=False)["n_excluded"].max()
    unknown = [f"{section_label(variable, labels)} {int(n)}" for variable, n in missing.items() if n > 0]
    if unknown:
        lines.append(f"Patients whose group is not known are left out: {', '.join(unknown)}.")
    return lines
