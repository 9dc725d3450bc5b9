"""The failure ledger, its differences and the patient flow as tables."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.labels import level_label, ordered_variables, row_heading, section_label
from ikzf1_outcomes.report.tables import SPAN, Table
from ikzf1_outcomes.results import select


def ledger_table(results: pd.DataFrame, labels: Mapping[str, str], horizon: float) -> Table | None:
    """Where everybody is at the horizon: event-free or lost to each cause, adding up to 100 % in each row.

    Returns
    -------
    Table
        For each level the percentages with intervals, and the mean years before the horizon spent in each state. None
        when the results hold no ledger.
    """
    ledger = results[results["term"].str.startswith("ledger: ")]
    if not len(ledger):
        return None
    rows = []
    for variable in ordered_variables(ledger):
        part = select(ledger, variable=variable)
        chances, means = (select(part, term=f"ledger: {term}") for term in ("probability", "mean time"))
        for group in dict.fromkeys(chances.loc[chances["n"] > 0, "group"]):
            row = row_heading(variable, group, labels)
            own = select(chances, group=group)
            row["N"] = cells.count(own["n"].iloc[0])
            for cause, estimate, low, high in own[["cause", "estimate", "low", "high"]].itertuples(index=False):
                row[f"{horizon:g}-year, %{SPAN}{cause}"] = cells.percent(estimate, low, high, digits=1)
            spent = select(means, group=group)[["cause", "estimate", "low", "high"]]
            for cause, estimate, low, high in spent.itertuples(index=False):
                row[f"Mean years of {horizon:g}{SPAN}{cause} "] = cells.years(
                    estimate, max(low, 0.0), min(high, horizon), digits=2
                )
            rows.append(row)
    return Table(
        "ledger",
        "Failure ledger",
        f"The percentages of a row add up to 100, its mean years to {horizon:g} ({confidence(ledger)})",
        pd.DataFrame(rows).fillna(""),
        (
            "Event-free is 1 minus the incidence of all first events; each incidence lets the other events compete.",
            f"Mean years: the part of the first {horizon:g} years spent event-free, or lost to a first event.",
            "NE, not estimable: the horizon lies beyond the last follow-up of the group.",
        ),
    )


def difference_table(results: pd.DataFrame, labels: Mapping[str, str], horizon: float) -> Table | None:
    """Differences of the ledger against the first level of each variable; None when there are none."""
    terms = {
        "ledger: difference in probability": ("% points", cells.signed_percent),
        "ledger: difference in mean time": ("Mean years", cells.signed_years),
    }
    part = results[results["term"].isin(terms)]
    if not len(part):
        return None
    rows = []
    for variable in dict.fromkeys(part["variable"]):
        own = select(part, variable=variable)
        for contrast in dict.fromkeys(own["contrast"]):
            one, other = (level_label(variable, level) for level in contrast.split(" vs ", 1))
            row = {"section": section_label(variable, labels), "row": f"{one} vs {other}"}
            for place, (term, (unit, shown)) in enumerate(terms.items()):
                pair = select(own, contrast=contrast, term=term)
                for cause, estimate, low, high in pair[["cause", "estimate", "low", "high"]].itertuples(index=False):
                    row[f"{unit}{SPAN}{cause}{' ' * place}"] = shown(estimate, low, high)
            rows.append(row)
    level = confidence(part)
    return Table(
        "differences",
        "Differences in the ledger",
        f"At {horizon:g} years, against the first level ({level})",
        pd.DataFrame(rows).fillna(""),
        (
            "Differences of probabilities in percentage points; mean years gained or lost before the horizon.",
            "(–), no interval: a group had none of these events, and its variance of 0 is no knowledge.",
        ),
    )


def confidence(rows: pd.DataFrame) -> str:
    """The level of the intervals: "95 % CI"."""
    return f"{100 * rows['conf_level'].max():g} % CI"


def follow_up_table(results: pd.DataFrame, labels: Mapping[str, str]) -> Table | None:
    """Length and completeness of follow-up by group; None when the results have none.

    Returns
    -------
    Table
        Quartiles and median of the reverse Kaplan-Meier estimate, the median in survivors, completeness in per cent.
    """
    part = results[results["term"].str.startswith("follow-up: ") & ~(results["n"] == 0)]
    if not len(part):
        return None
    rows = []
    for variable in ordered_variables(part):
        own = select(part, variable=variable)
        for group in dict.fromkeys(own["group"]):
            row = row_heading(variable, group, labels)
            shown = select(own, group=group)
            row["N"] = cells.count(shown["n"].iloc[0])
            for term, scale, estimate, low, high in shown[["term", "scale", "estimate", "low", "high"]].itertuples(
                index=False
            ):
                name = term.removeprefix("follow-up: ").capitalize()
                if scale == "share":
                    row[f"{name}, %"] = cells.percent(estimate, digits=1).removesuffix(" (–)")
                else:
                    row[f"{name}, years"] = cells.years(estimate, low, high)
            rows.append(row)
    return Table(
        "follow_up",
        "Follow-up",
        f"Reverse Kaplan-Meier estimate ({confidence(part)})",
        pd.DataFrame(rows).fillna(""),
        (
            "Median in survivors: of the patients without the event, without regard to the others.",
            "Completeness: time observed as a share of the time possible by the data cut-off; NE without a cut-off.",
        ),
    )


def flow_table(flow: pd.DataFrame) -> Table:
    """The patient flow as a table."""
    rows = [
        {"section": "", "row": label, "Patients": cells.count(n), "Left out": cells.count(out), "Reason": reason}
        for label, n, out, reason in flow[["label", "n", "left_out", "reason"]].itertuples(index=False)
    ]
    return Table("flow", "Patient flow", "Rows that remain after each step", pd.DataFrame(rows), ())
