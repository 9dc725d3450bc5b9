"""Tables for readers, made from the long results and nothing else."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.labels import estimate_name, level_label, shown_origins, variable_label
from ikzf1_outcomes.results import EVERYBODY, select

SURVIVAL = ("EFS", "OS", "DFS")


class Table(NamedTuple):
    """A finished table: strings, what heads it, what stands below it."""

    name: str
    title: str
    subtitle: str
    body: pd.DataFrame
    """Columns `section` and `row` first, then the columns as headed."""
    footnotes: tuple[str, ...]

    def to_html(self) -> str:
        """The table as HTML with its own style; every text of the data is escaped."""
        from great_tables import GT
        from great_tables import html as raw

        def safe(text: str) -> object:
            return raw(html.escape(text, quote=False))

        body = self.body.astype(str)
        table = GT(body, rowname_col="row", groupname_col="section", id=self.name)
        table = table.tab_header(safe(self.title), safe(self.subtitle))  # type: ignore[arg-type]
        for note in self.footnotes:
            table = table.tab_source_note(safe(note))  # type: ignore[arg-type]
        table = table.tab_options(table_font_size="14px", data_row_padding="3px", heading_align="left")
        return table.as_raw_html()

    def to_csv(self) -> str:
        """The table as CSV text; cells that a spreadsheet would take for a formula are quoted with an apostrophe."""
        return escape_formulas(self.body).to_csv(index=False, lineterminator="\n")


def escape_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before texts that begin as a formula does (=, +, -, @, tab, carriage return); numbers stay."""
    out = frame.copy()
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            continue
        texts = [f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value for value in column]
        out[name] = texts
    return out.rename(columns=lambda name: f"'{name}" if str(name)[:1] in "=+-@" else name)


def ordered_variables(results: pd.DataFrame) -> list[str]:
    """Variables in the order of the results, everybody first."""
    names = list(dict.fromkeys(results["variable"]))
    return sorted(names, key=lambda name: name != EVERYBODY)


def groups_of(rows: pd.DataFrame) -> list[str]:
    """Groups with somebody in them, in the order of the results; the one group of a row for everybody is "all"."""
    counted = rows[rows["term"].isin(("survival", "incidence"))]
    return list(dict.fromkeys(counted.loc[counted["n"] > 0, "group"]))


def outcome_table(results: pd.DataFrame, labels: Mapping[str, str], horizon: float, *, style: str = "interval") -> Table:
    """The table of the papers: for each variable and level N, events, estimates, tests, hazard ratios, follow-up.

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
    """
    names = {name: estimate_name(name, origin) for name, origin in shown_origins(results).items()}
    rows = []
    for variable in ordered_variables(results):
        part = select(results, variable=variable)
        groups = groups_of(part)
        for place, group in enumerate(groups):
            row = {"section": variable_label(variable, labels) if variable != EVERYBODY else "All patients"}
            row["row"] = "All" if variable == EVERYBODY else level_label(variable, group)
            for endpoint, short in names.items():
                own = select(part, endpoint=endpoint)
                row |= endpoint_cells(own, group, endpoint, short, horizon, style, first=place == 0)
            row |= follow_up_cell(part, group)
            rows.append(row)
    shown = "95 % CI" if style == "interval" else "± standard error"
    return Table(
        "outcome",
        "Outcome by group",
        f"Estimates at {horizon:g} years ({shown})",
        pd.DataFrame(rows).fillna(""),
        tuple(footnotes(results, horizon)),
    )


def endpoint_cells(
    rows: pd.DataFrame, group: str, endpoint: str, short: str, horizon: float, style: str, *, first: bool
) -> dict[str, str]:
    """Cells of one endpoint for one group; tests stand in the first row of their variable."""
    term, test = ("survival", "log-rank") if endpoint in SURVIVAL else ("incidence", "Gray")
    name = f"{horizon:g}-year {short}, %"
    at = select(rows, term=term, time=horizon, group=group)
    out = {f"{short}: N": "", f"{short}: events": "", name: ""}
    if len(at):
        number = at.iloc[0]
        out[f"{short}: N"], out[f"{short}: events"] = cells.count(number["n"]), cells.count(total_events(rows, group, term))
        out[name] = (
            cells.percent(number["estimate"], number["low"], number["high"])
            if style == "interval"
            else cells.percent_with_error(number["estimate"], number["std_error"])
        )
    tests = select(rows, term="test")
    out[f"p ({test}, {short})"] = cells.p_value(tests["p_value"].iloc[0]) if first and len(tests) else ""
    ratios = select(rows, term="hazard ratio")
    label = f"HR, {short}" if term == "survival" else f"cause-specific HR, {short}"
    if len(ratios):
        out[label] = hazard_ratio_cell(ratios, group)
    return out


def total_events(rows: pd.DataFrame, group: str, term: str) -> float:
    """Events of a group over the whole follow-up, from its last reading."""
    own = select(rows, term=term, group=group)
    return float(own["n_event"].max()) if len(own) else np.nan


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


def footnotes(results: pd.DataFrame, horizon: float) -> list[str]:
    """Abbreviations, methods and everything the notes say."""
    lines = [
        "N, patients; HR, hazard ratio; CI, confidence interval; NE, not estimable; p-values are two-sided.",
        f"Interval type: {', '.join(sorted(set(results['interval']) - {'', 'wald', 'plain'}))}; "
        f"an estimate beyond the last follow-up of a group is not estimable.",
    ]
    shown = results[results["term"].isin(("survival", "incidence", "test", "hazard ratio"))]
    shown = shown[((shown["time"] == horizon) | shown["time"].isna()) & ~(shown["n"] == 0)]
    noted = shown[(shown["note"] != "") & (shown["note"] != "reference")]
    for note in dict.fromkeys(noted["note"]):
        where = select(noted, note=note)
        places = dict.fromkeys(
            f"{e}, {v}" + (f" {level_label(v, g)}" if g not in ("", "all") else "")
            for e, v, g in zip(where["endpoint"], where["variable"], where["group"], strict=True)
        )
        lines.append(f"{note[0].upper()}{note[1:]}: {'; '.join(places)}.")
    empty = results[(results["n"] == 0) & results["term"].isin(("survival", "incidence"))]
    nobody = dict.fromkeys(f"{v} {level_label(v, g)}" for v, g in zip(empty["variable"], empty["group"], strict=True))
    if nobody:
        lines.append(f"Levels with nobody in them are not shown: {', '.join(nobody)}.")
    excluded = results.groupby("endpoint", sort=False)["n_excluded"].max()
    lines += [f"{name}: {int(n)} patients left out by the definition." for name, n in excluded.items() if n > 0]
    return lines


def ledger_table(results: pd.DataFrame, labels: Mapping[str, str], horizon: float) -> Table:
    """Where everybody is at the horizon: event-free or lost to each cause, adding up to 100 % in each row.

    Returns
    -------
    Table
        For each level the percentages with intervals, and the mean years before the horizon spent in each state.
    """
    ledger = results[results["term"].str.startswith("ledger: ")]
    rows = []
    for variable in ordered_variables(ledger):
        part = select(ledger, variable=variable)
        chances, means = (select(part, term=f"ledger: {term}") for term in ("probability", "mean time"))
        for group in dict.fromkeys(chances.loc[chances["n"] > 0, "group"]):
            row = {"section": variable_label(variable, labels) if variable != EVERYBODY else "All patients"}
            row["row"] = "All" if variable == EVERYBODY else level_label(variable, group)
            own = select(chances, group=group)
            row["N"] = cells.count(own["n"].iloc[0])
            for cause, estimate, low, high in own[["cause", "estimate", "low", "high"]].itertuples(index=False):
                row[f"{cause}, %"] = cells.percent(estimate, low, high, digits=1)
            for cause, estimate in select(means, group=group)[["cause", "estimate"]].itertuples(index=False):
                row[f"{cause}, mean years"] = cells.years(estimate, digits=2)
            rows.append(row)
    return Table(
        "ledger",
        "Failure ledger",
        f"Where everybody is {horizon:g} years on: the percentages of a row add up to 100, its mean years to {horizon:g}",
        pd.DataFrame(rows).fillna(""),
        (
            "Event-free is 1 minus the incidence of all first events; each incidence lets the other events compete.",
            "Mean years: the part of the first years spent event-free, or lost to a first event.",
            "NE, not estimable: the horizon lies beyond the last follow-up of the group.",
        ),
    )


def difference_table(results: pd.DataFrame, labels: Mapping[str, str], horizon: float) -> Table | None:
    """Differences of the ledger against the first level of each variable; None when there are none."""
    terms = ("ledger: difference in probability", "ledger: difference in mean time")
    part = results[results["term"].isin(terms)]
    if not len(part):
        return None
    rows = []
    for variable in dict.fromkeys(part["variable"]):
        own = select(part, variable=variable)
        for contrast in dict.fromkeys(own["contrast"]):
            one, other = (level_label(variable, level) for level in contrast.split(" vs ", 1))
            row = {"section": variable_label(variable, labels), "row": f"{one} vs {other}"}
            pair = select(own, contrast=contrast)
            for cause, estimate, low, high in select(pair, term=terms[0])[["cause", "estimate", "low", "high"]].itertuples(
                index=False
            ):
                row[f"{cause}, % points"] = cells.signed_percent(estimate, low, high)
            for cause, estimate, low, high in select(pair, term=terms[1])[["cause", "estimate", "low", "high"]].itertuples(
                index=False
            ):
                row[f"{cause}, mean years"] = cells.years(estimate, low, high, digits=2).replace("-", "−")
            rows.append(row)
    return Table(
        "differences",
        "Differences in the ledger",
        f"At {horizon:g} years, against the first level (95 % CI)",
        pd.DataFrame(rows).fillna(""),
        ("Differences of probabilities in percentage points; mean years gained or lost before the horizon.",),
    )


def flow_table(flow: pd.DataFrame) -> Table:
    """The patient flow as a table."""
    rows = [
        {"section": "", "row": label, "Patients": cells.count(n), "Left out": cells.count(out), "Reason": reason}
        for label, n, out, reason in flow[["label", "n", "left_out", "reason"]].itertuples(index=False)
    ]
    return Table("flow", "Patient flow", "Counts at each step", pd.DataFrame(rows), ())
