"""IKZF1 within groups of residual disease, as a printed table and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from ikzf1_outcomes.report import cells
from ikzf1_outcomes.report.labels import estimate_name, level_label, variable_label
from ikzf1_outcomes.report.tables import SPAN, Table


def mrd_cells(rows: pd.DataFrame, mrd: str, name: str, title: str, horizon: float) -> Table:
    """Patients, events and estimates of each class within each group of residual disease.

    Parameters
    ----------
    rows
        One grouping of IKZF1: endpoint, term, group (of residual disease), level (of the class), n, n_event, estimate, low,
        high, p_value, method, n_excluded.
    mrd, name, title, horizon
        The column of residual disease; of the table; years.

    Returns
    -------
    Table
        A block a group of residual disease; the tests within the groups are footnotes.
    """
    shown, variable = rows[rows["term"] != "test"], str(rows["variable"].iloc[0])
    body = []
    for (group, level), own in shown.groupby(["group", "level"], sort=False):
        line = {
            "section": level_label(mrd, str(group)),
            "row": level_label(variable, str(level)),
            "N": cells.count(own["n"].max()),
        }
        for row in own.to_dict("records"):
            short = estimate_name(row["endpoint"])
            line[f"{short}{SPAN}Events"] = cells.count(row["n_event"])
            line[f"{short}{SPAN}{horizon:g}-year, %"] = cells.percent(row["estimate"], row["low"], row["high"])
        body.append(line)
    level_text = f"{100 * shown['conf_level'].max():g} % CI"
    notes = [
        f"Events are those by {horizon:g} years. Combinations with nobody are not shown. NE, not estimable.",
        *(said_of_test(row) for row in tests_of(rows)),
    ]
    left = rows.loc[rows["term"] == "test", "n_excluded"].max()
    if left > 0:
        notes.append(f"{cells.count(left)} patients at the landmark are left out because one of the two is not known.")
    return Table(name, title, f"Estimates at {horizon:g} years ({level_text})", pd.DataFrame(body).fillna(""), tuple(notes))


def tests_of(rows: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of the tests."""
    out: list[dict[str, object]] = rows[rows["term"] == "test"].to_dict("records")
    return out


def said_of_test(row: Mapping[str, object]) -> str:
    """One test as a sentence."""
    p = float(str(row["p_value"]))
    what = str(row["method"])
    said = cells.p_text(p) if not math.isnan(p) else str(row["note"])
    return f"{estimate_name(str(row['endpoint']))}, classes within the groups: {what}, {said}."


def mrd_alt(rows: pd.DataFrame, labels: Mapping[str, str], mrd: str, what: str) -> str:
    """The panels in words: the estimate of each class in each group."""
    shown, variable = rows[rows["term"] != "test"], str(rows["variable"].iloc[0])
    said = []
    for group, own in shown.groupby("group", sort=False):
        texts = [
            f"{level_label(variable, str(row['level']))} {cells.percent(row['estimate'], row['low'], row['high'])}"
            for row in own.to_dict("records")
        ]
        said.append(f"{level_label(mrd, str(group))}: {', '.join(texts)}")
    return f"{what} in per cent by {variable_label(variable, labels)}. {'; '.join(said)}."
