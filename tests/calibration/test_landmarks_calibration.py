"""Do the intervals of a landmark supermodel cover, and does its test of one effect hold its size?"""

import json
import os

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.prognosis.landmarks import landmark_supermodel

pytestmark = pytest.mark.slow

N, RUNS, RESAMPLES = 600, 200, 100
AT, HORIZON = 0.25, 5.0
DELETED, HIGH = 0.25, np.array([0.3, 0.5])
"""Shares: with a deletion, and with a high mark among those without and with it."""
RELAPSE, DEATH = 0.05 * np.exp(np.add.outer([0.0, 0.7], [0.0, 1.0])), 0.03 * np.exp(np.add.outer([0.0, 0.2], [0.0, 0.3]))


def patients(rng, relapse, death, high=HIGH):
    """Constant hazards by class and mark; follow-up of 5 to 9 years."""
    c = (rng.random(N) < DELETED).astype(int)
    m = (rng.random(N) < high[c]).astype(int)
    first, other, end = rng.exponential(1 / relapse[c, m]), rng.exponential(1 / death[c, m]), rng.uniform(5, 9, N)
    t = np.minimum(np.minimum(first, other), end)
    s = np.where(t == end, 0, np.where(t == first, 1, 2))
    d = pd.DataFrame({"t": t, "s": s, "c": c, "m": m})
    return endpoint_from_columns(d, time="t", status="s", causes={1: "relapse", 2: "death"})


def truth():
    """Cells after the landmark, classes at the start, classes after the landmark."""
    both = RELAPSE + DEATH
    cell, start = (RELAPSE / both * -np.expm1(-both * (HORIZON - s)) for s in (AT, 0.0))
    share = np.column_stack((1 - HIGH, HIGH))
    left = share * np.exp(-both * AT)
    left /= left.sum(axis=1, keepdims=True)
    return np.r_[(share * start).sum(axis=1), (left * cell).sum(axis=1), cell.ravel()]


def written(kind, measured, runs, lowest, highest, *what):
    """Measurements go to a file where one is named."""
    path = os.environ.get("IKZF1_CALIBRATION")
    for name, value in zip(what, measured, strict=True):
        if path:
            row = {"kind": kind, "what": name, "measured": float(value), "lowest": lowest, "highest": highest}
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps({**row, "runs": runs, "n": N}) + "\n")


def test_coverage_of_risks_of_classes_and_cells():
    """Monte Carlo standard error is 1.5 %: the limits are three of them away."""
    rng, expected, hits = np.random.default_rng(31), truth(), []
    for _ in range(RUNS):
        e = patients(rng, RELAPSE, DEATH)
        table = landmark_supermodel(e, "c", marks={"m": AT}, resamples=RESAMPLES, seed=rng).tidy()
        hits.append((table["low"] <= expected) & (expected <= table["high"]))
    share = np.mean(hits, axis=0)
    places = [f"class {c}, at {at:g}" for at in (0.0, AT) for c in (0, 1)]
    cells = [f"class {c}, mark {m}, at {AT:g}" for c in (0, 1) for m in (0, 1)]
    written("coverage", share, RUNS, 0.905, 0.995, *[f"landmark supermodel, {name}" for name in (*places, *cells)])
    assert ((share >= 0.905) & (share <= 0.995)).all(), share


def test_size_of_the_test_of_one_effect_at_all_landmarks():
    """A mark that has to do with nothing, and a class with one effect: at 5 %, three Monte Carlo errors either way."""
    rng, runs, small = np.random.default_rng(32), 1000, []
    flat, share = np.repeat(RELAPSE[:, :1], 2, axis=1) * 4, np.full(2, 0.4)
    for _ in range(runs):
        e = patients(rng, flat, np.full((2, 2), 0.1), share)
        table = landmark_supermodel(e, "c", marks={"m": 1.0}, resamples=0, seed=1).glance()
        small.append(table.query("cause == 'relapse' and term != 'at risk'")["p_value"].to_numpy() < 0.05)
    share = np.mean(small, axis=0)
    written(
        "size", share, runs, 0.03, 0.07, *[f"landmark supermodel, one effect, {kind}" for kind in ("total", "with marks")]
    )
    assert ((share >= 0.03) & (share <= 0.07)).all(), share
