"""Do intervals of AUC, Brier score and IPA cover, and do the tests of their differences hold their size?"""

import json
import os

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko

pytestmark = pytest.mark.slow

AT, RUNS = 4.0, 2000
CAUSES = {1: "relapse", 2: "death"}
MEASURES = ("AUC, event-free controls", "AUC, competing controls", "Brier score", "IPA")


def patients(rng, n, *, censored=True):
    """Relapse 0.12 a year times exp(0.7 x), death 0.05; censoring uniform over 3 to 9 years. Two noisy views of x."""
    x = rng.normal(size=n)
    relapse, death = rng.exponential(1 / (0.12 * np.exp(0.7 * x))), rng.exponential(20.0, n)
    end = rng.uniform(3, 9, n) if censored else np.full(n, 100.0)
    time = np.minimum(np.minimum(relapse, death), end)
    status = np.where(time == end, 0, np.where(time == relapse, 1, 2))
    views = {name: risk(x + rng.normal(scale=0.7, size=n)) for name in ("one", "other")}
    return pd.DataFrame({"t": time, "s": status, **views})


def risk(x):
    """Incidence of relapse by four years at x."""
    rate = 0.12 * np.exp(0.7 * x)
    return rate / (rate + 0.05) * (1 - np.exp(-AT * (rate + 0.05)))


def measured(frame):
    """Tables of the four measures: the first view, the other, and their difference."""
    e = iko.endpoint_from_columns(frame, time="t", status="s", causes=CAUSES)
    options = {"times": AT, "cause": "relapse"}
    kinds = ("event-free", "event-free or competing")
    tables = [iko.auc_over_time(e, ["one", "other"], controls=kind, **options).tidy() for kind in kinds]
    both = iko.brier_score(e, ["one", "other"], **options).tidy()
    tables += [both[both["measure"] == name] for name in MEASURES[2:]]
    wanted = [("one", ""), ("difference", "other - one")]
    return [
        pd.concat([table[(table["term"] == term) & (table["contrast"] == gap)] for term, gap in wanted]) for table in tables
    ]


def record(kind, what, n, share, aim, limit):
    """Keep what was measured for the page of the docs, when `make calibrate` asks for it."""
    path = os.environ.get("IKZF1_CALIBRATION")
    if path:
        row = {"kind": kind, "what": what, "measured": share, "lowest": aim - limit, "highest": aim + limit}
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({**row, "runs": RUNS, "n": n}) + "\n")


@pytest.mark.parametrize(("n", "limit"), [(500, 0.015), (109, 0.03)])
def test_coverage_and_size(n, limit):
    """Monte Carlo errors are 0.5 %. Between two views that are equally good the difference is 0."""
    truths = [table["estimate"].iloc[0] for table in measured(patients(np.random.default_rng(1), 400_000, censored=False))]
    hits, rejected = [], []
    for run in range(RUNS):
        tables = measured(patients(np.random.default_rng([n, run]), n))
        first = [table.iloc[0] for table in tables]
        hits.append([row["low"] <= truth <= row["high"] for row, truth in zip(first, truths, strict=True)])
        rejected.append([table["p_value"].iloc[1] < 0.05 for table in tables])
    for what, covered, size in zip(MEASURES, np.mean(hits, axis=0), np.mean(rejected, axis=0), strict=True):
        record("coverage", f"{what} at 4 years, n = {n}", n, float(covered), 0.95, limit)
        record("size", f"difference of two: {what} at 4 years, n = {n}", n, float(size), 0.05, limit)
        assert abs(covered - 0.95) <= limit, (what, covered)
        assert abs(size - 0.05) <= limit, (what, size)
