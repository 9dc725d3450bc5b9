"""The published outcomes by IKZF1 status that the package carries, as printed."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd

COUNTS = ("year", "n", "n_deleted")
VERIFIED = ("S", "C")
"""Seen in the source, or computed from what was."""


def published_outcomes() -> pd.DataFrame:
    """Published outcomes of childhood ALL with and without an IKZF1 deletion, figures as printed.

    Text where a figure is printed, so that its digits stay: "1.8" is not "1.80", and "<.001" is no number.
    `check_published` asks whether the figures agree with each other, `published_effects` turns them into log hazard ratios.

    Rule. A row is one comparison of one endpoint in one population; empty where nothing was seen. Papers whose patients
    overlap share `cohort_id`: of each only one row may enter a meta-analysis. `verified` is False where figures are
    recalled or from a secondary source (`status` other than S, seen in the source, and C, computed): they are hints, and
    nothing here uses them unless asked to. Cohorts without figures by IKZF1 status are not in it, such as the adults of
    UKALL14 in whom no effect was found: what is pooled from this table leans towards papers that found one.

    Returns
    -------
    DataFrame
        study, cohort_id, year, population, endpoint (EFS, CIR, OS, DFS, LFS, relapse; empty where not seen), time (years;
        NaN where not stated), contrast, deletion (type), adjustment ("crude", "adjusted" or "matched"), n, n_deleted,
        share_deleted (printed percent), deleted, not_deleted (printed percent of each arm, with _error, _low, _high),
        hazard_ratio, ratio_low, ratio_high, printed_p, status, verified, source, remark.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> table = iko.published_outcomes()
    >>> table.loc[table["study"] == "Boer 2016", ["endpoint", "hazard_ratio", "ratio_low", "ratio_high"]].iloc[0].tolist()
    ['EFS', '1.8', '1.4', '2.3']
    >>> sorted(table.loc[~table["verified"], "study"].unique())
    ['Stanulla 2018']
    """
    with files("ikzf1_outcomes.evidence").joinpath("published_outcomes.csv").open("r", encoding="utf-8") as stream:
        table = pd.read_csv(stream, dtype=str, keep_default_na=False)
    numbers = {name: pd.to_numeric(table[name]).astype("Int64") for name in COUNTS}
    table = table.assign(**numbers, time=pd.to_numeric(table["time"]))
    table.insert(table.columns.get_loc("status") + 1, "verified", table["status"].isin(VERIFIED))
    return table
