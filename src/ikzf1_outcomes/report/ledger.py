"""The failure ledger, its differences and the patient flow as tables."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.labels import level_label, ordered_variables, section_label
from ikzf1_outcomes.report.tables import SPAN, Table
from ikzf1_outcomes.results import EVERYBODY, select


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
            row = {"section": section_label(variable, labels)}
            row["row"] = "All" if variable == EVERYBODY else level_label(variable, group)
            own = select(chances, group=group)
            row["N"] = cells.count(own["n"].iloc[0])
            for cause, estimate, low, high in own[["cause", "estimate", "low", "high"]].itertuples(index=False):
                row[f"{horizon:g}-year, %{SPAN}{cause}"] = cells.percent(estimate, low, high, digits=1)
            for cause, estimate in select(means, group=group)[["cause", "estimate"]].itertuples(index=False):
                row[f"Mean years of {horizon:g}{SPAN}{cause} "] = cells.years(estimate, digits=2)
            rows.append(row)
    return Table(
        "ledger",
        "Failure ledger",
        f"The percentages of a row add up to 100, its mean years to {horizon:g}",
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
    level = f"{100 * part['conf_level'].max():g} % CI"
    return Table(
        "differences",
        "Differences in the ledger",
        f"At {horizon:g} years, against the first level ({level})",
        pd.DataFrame(rows).fillna(""),
        ("Differences of probabilities in percentage points; mean years gained or lost before the horizon.",),
    )


def flow_table(flow: pd.DataFrame) -> Table:
    """The patient flow as a table."""
    rows = [
        {"section": "", "row": label, "Patients": cells.count(n), "Left out": cells.count(out), "Reason": reason}
        for label, n, out, reason in flow[["label", "n", "left_out", "reason"]].itertuples(index=False)
    ]
    return Table("flow", "Patient flow", "Rows that remain after each step", pd.DataFrame(rows), ())
