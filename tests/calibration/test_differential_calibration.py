"""Do the tests of peptides hold their size and their error rates when peptides are alike, at 45 and at 109 samples?"""

import json
import os

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from ikzf1_outcomes import differential_phosphorylation, equivalence, share_of_nonnull

pytestmark = pytest.mark.slow

PEPTIDES, BLOCK, RUNS, PERMUTATIONS, MARGIN = 1008, 12, 200, 199, 0.5
SIZES = {45: 18, 109: 30}
ALIKE = ("independent", "blocks of 12", "one factor")


def arrays(rng, n, first, alike, share=0.0):
    """Peptides of unlike variance, correlated by 1/2 in blocks or all together; some differ, by 3 standard errors or so."""
    y = rng.normal(size=(PEPTIDES, n))
    if alike != "independent":
        factors = rng.normal(size=(PEPTIDES // BLOCK if alike == "blocks of 12" else 1, n))
        y = np.sqrt(0.5) * (y + np.repeat(factors, PEPTIDES // len(factors), axis=0))
    y *= np.sqrt(7 / rng.chisquare(7, (PEPTIDES, 1)))
    truth = np.zeros(PEPTIDES)
    differing = rng.permutation(PEPTIDES)[: round(share * PEPTIDES)]
    truth[differing] = rng.normal(0, 3 * np.sqrt(1 / first + 1 / (n - first)), len(differing))
    return pd.DataFrame(y + truth[:, None] * (np.arange(n) < first)), truth


def record(kind, what, measured, lowest, highest, n):
    """Keep what was measured for the page of the docs, when `make calibrate` asks for it."""
    path = os.environ.get("IKZF1_CALIBRATION")
    if path:
        row = {"kind": kind, "what": what, "measured": float(measured), "lowest": lowest, "highest": highest}
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row | {"runs": RUNS, "n": n}) + "\n")


def runs_of(n, alike, share):
    """What every data set of a setting says, a row each."""
    rng, first, rows = np.random.default_rng([n, ALIKE.index(alike), round(100 * share)]), SIZES[n], []
    for run in range(RUNS):
        y, truth = arrays(rng, n, first, alike, share)
        fit = differential_phosphorylation(y, np.arange(n) < first, permutations=PERMUTATIONS, seed=run)
        alone = share_of_nonnull(differential_phosphorylation(y, np.arange(n) < first)).tidy().iloc[0]
        table, glance = fit.tidy(), fit.glance().iloc[0]
        posterior = share_of_nonnull(fit)
        row, null = posterior.tidy().iloc[0], truth == 0
        found = {name: table[name] <= 0.05 for name in ("p_value", "p_family", "p_adjusted", "fdr")}
        wrong = {f"false by {name}": (hit & null).sum() / max(hit.sum(), 1) for name, hit in found.items()}
        rows.append(
            wrong
            | {
                "peptide": found["p_value"][null].mean(),
                "any of the family": (found["p_family"] & null).any(),
                "hits": glance["p_hits"] <= 0.05,
                "hits, binomial": binom.sf(glance["n_hits"] - 1, PEPTIDES, 0.05) <= 0.05,
                "covered": row["low"] <= share <= row["high"],
                "covered, independent": alone["low"] <= share <= alone["high"],
                "share": row["estimate"],
                "high": row["high"],
                "inflation": posterior.inflation,
            }
        )
    return pd.DataFrame(rows)


def error_of(column):
    return column.std() / np.sqrt(RUNS)


def four_errors(level):
    return 4 * np.sqrt(level * (1 - level) / RUNS)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("alike", ALIKE)
def test_groups_that_do_not_differ(n, alike):
    rows = runs_of(n, alike, 0.0)
    mean = rows.mean()
    size, error = mean["peptide"], error_of(rows["peptide"])
    record("size", f"one peptide, moderated t, {alike}", size, 0.05 - 4 * error, 0.05 + 4 * error, n)
    assert abs(size - 0.05) <= 4 * error
    for name, words in (("hits", "the number of hits by permutation"), ("any of the family", "p_family of any peptide")):
        record("size", f"{words}, {alike}", mean[name], max(0.05 - four_errors(0.05), 0.0), 0.05 + four_errors(0.05), n)
        assert abs(mean[name] - 0.05) <= four_errors(0.05), name
    for name, words in (
        ("false by p_adjusted", "Benjamini-Hochberg"),
        ("false by fdr", "permutation false discovery rate"),
    ):
        record("size", f"any discovery by {words}, {alike}", mean[name], 0.0, 0.05 + four_errors(0.05), n)
        assert mean[name] <= 0.05 + four_errors(0.05), name
    record("coverage", f"share that differs, truth 0, {alike}", mean["covered"], 0.9, 1.0, n)
    assert mean["covered"] >= 0.9
    print(n, alike, mean.round(3).to_dict())


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("alike", ALIKE[:2])
def test_one_peptide_in_ten_differs(n, alike):
    rows = runs_of(n, alike, 0.1)
    mean = rows.mean()
    for name, words in (
        ("false by p_adjusted", "Benjamini-Hochberg"),
        ("false by fdr", "permutation false discovery rate"),
    ):
        highest = 0.05 + 4 * error_of(rows[name])
        record("size", f"false discoveries by {words}, one in ten differs, {alike}", mean[name], 0.0, highest, n)
        assert mean[name] <= highest
    record("coverage", f"share that differs, truth 10 %, {alike}", mean["covered"], 0.9, 1.0, n)
    assert mean["covered"] >= 0.9
    print(n, alike, mean.round(3).to_dict())


@pytest.mark.parametrize("n", SIZES)
def test_equivalence_on_its_margin(n):
    """Peptides that differ by the margin itself are called equivalent in at most 5 %."""
    rng, shares = np.random.default_rng(n), []
    for _ in range(RUNS):
        y, _ = arrays(rng, n, SIZES[n], "blocks of 12")
        on_margin = 0.3 * y + MARGIN * (np.arange(n) < SIZES[n])
        fit = differential_phosphorylation(on_margin, np.arange(n) < SIZES[n])
        shares.append(equivalence(fit, MARGIN).tidy()["equivalent"].mean())
    size, error = np.mean(shares), np.std(shares) / np.sqrt(RUNS)
    record("size", "equivalence of a peptide on its margin", size, 0.0, 0.05 + 4 * error, n)
    assert size <= 0.05 + 4 * error
