"""Do the tests of a screen hold their size, and its error rates what they promise?"""

import json
import os

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.models.feature_screen import screen

pytestmark = pytest.mark.slow

N, FEATURES, RUNS = 300, 200, 500
FAMILIES, PERMUTATIONS = 1000, 199
DAY = 1 / 365.25


def patients(rng, effect=None):
    """Relapse and death, an arm that matters, censoring over 3 to 9 years; features share a factor and depend on the arm.

    About 100 of 300 relapse. `effect` holds a log hazard ratio for each feature.
    """
    arm, common = (rng.random(N) < 0.3).astype(float), rng.normal(size=(N, 1))
    x = 0.5 * common + 0.6 * arm[:, None] + rng.normal(size=(N, FEATURES))
    risk = np.exp(0.7 * arm + (0.0 if effect is None else x @ effect))
    relapse, death = rng.exponential(1 / (0.06 * risk)), rng.exponential(1 / 0.02, N)
    end = rng.uniform(3, 9, N)
    time = np.minimum(np.minimum(relapse, death), end)
    status = np.where(time == relapse, 1, np.where(time == death, 2, 0))
    frame = pd.DataFrame({"t": np.ceil(time / DAY) * DAY, "s": status, "arm": arm})
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}), x


def record(what, measured, lowest, highest, runs):
    """Keep what was measured for the page of the docs, when `make calibrate` asks for it."""
    path = os.environ.get("IKZF1_CALIBRATION")
    if path:
        row = {"kind": "size", "what": what, "measured": float(measured), "lowest": lowest, "highest": highest}
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row | {"runs": runs, "n": N}) + "\n")


def at_most(level, runs):
    """What a share of at most `level` may reach in some runs, four Monte Carlo errors away."""
    return level + 4 * np.sqrt(level * (1 - level) / runs)


@pytest.mark.parametrize("test", ["wald", "likelihood_ratio", "score"])
def test_size_of_each_feature(test):
    """Features of one data set are alike: the error of the share comes from its spread over the data sets."""
    rng = np.random.default_rng(41)
    shares, found = [], np.empty((RUNS, 3), dtype=bool)
    for run in range(RUNS):
        endpoint, x = patients(rng)
        table = screen(endpoint, x, adjust="arm", cause="relapse", test=test).tidy()
        shares.append((table["p_value"] < 0.05).mean())
        found[run] = [(table[name] < 0.05).any() for name in ("p_adjusted_bh", "p_adjusted_by", "q_value")]
    size, error = np.mean(shares), np.std(shares) / np.sqrt(RUNS)
    record(f"one feature of a screen, {test.replace('_', '-')} test", size, 0.043, 0.057, RUNS * FEATURES)
    assert 0.043 <= size <= 0.057, (size, error)
    assert error < 0.002
    # when all hypotheses are true, a false discovery rate is the chance of any discovery
    for name, share in zip(("Benjamini-Hochberg", "Benjamini-Yekutieli"), found.mean(axis=0)[:2], strict=True):
        record(f"any discovery in {FEATURES} null features, {test.replace('_', '-')} test, {name}", share, 0.0, 0.08, RUNS)
        assert share <= at_most(0.05, RUNS), name


def test_false_discoveries_where_one_feature_in_ten_matters():
    rng = np.random.default_rng(42)
    effect = np.zeros(FEATURES)
    effect[::10] = 0.35 * np.where(np.arange(20) % 2, 1, -1)
    wrong, power = {"p_adjusted_bh": [], "q_value": []}, []
    for _ in range(RUNS):
        endpoint, x = patients(rng, effect)
        table = screen(endpoint, x, adjust="arm", cause="relapse", test="likelihood_ratio").tidy()
        for name, shares in wrong.items():
            hit = (table[name] < 0.05).to_numpy()
            shares.append((hit & (effect == 0)).sum() / max(hit.sum(), 1))
        power.append(hit[effect != 0].mean())
    for name, shares in wrong.items():
        record(
            f"false discoveries at 5 %, one feature in ten matters, {name.replace('_', ' ')}",
            np.mean(shares),
            0.0,
            0.07,
            RUNS,
        )
        assert np.mean(shares) <= 0.05 + 4 * np.std(shares) / np.sqrt(RUNS), name
    assert np.mean(power) > 0.1


@pytest.mark.parametrize("case", ["alone", "adjusted", "strata", "fine_gray"])
def test_chance_of_any_false_positive_by_permutation(case):
    """Features depend on the arm, which decides about relapse: exact in its strata, approximate with it adjusted for."""
    rng = np.random.default_rng(43)
    runs = FAMILIES if case != "fine_gray" else 300
    options = {
        "alone": {}, "adjusted": {"adjust": "arm"}, "strata": {"strata": "arm"},
        "fine_gray": {"adjust": "arm", "method": "fine_gray"},
    }[case]  # fmt: skip
    hits = 0
    for run in range(runs):
        endpoint, x = patients(rng)
        if case == "alone":
            x = x - 0.6 * endpoint.frame[["arm"]].to_numpy()
        table = screen(endpoint, x[:, :60], cause="relapse", permutations=PERMUTATIONS, seed=run, **options).tidy()
        hits += (table["p_family"] <= 0.05).any()
    share = hits / runs
    error = 4 * np.sqrt(0.05 * 0.95 / runs)
    record(
        f"any false positive in 60 features by permutation, {case.replace('_', '-')}",
        share,
        0.05 - error,
        0.05 + error,
        runs,
    )
    assert abs(share - 0.05) <= error, share
