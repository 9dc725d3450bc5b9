# ruff: noqa: E402 - the number of threads is set before anything is imported
"""Accuracy of given risks: milliseconds of one evaluation, of the public functions, and of riskRegression beside them.

    python benchmarks/predictions.py [--sizes 1000 10000]

Two predictions, three times, two competing causes. One thread; process CPU time; one warm-up, then the median of several
repetitions. R, where it is there with riskRegression, gets the same patients and must find the same Brier scores.
"""

from __future__ import annotations

import os

for _library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_THREADS"] = "1"

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import ikzf1_outcomes as iko
from ikzf1_outcomes.prognosis.accuracy import accuracy_at
from ikzf1_outcomes.prognosis.horizons import horizons

TIMES = [1.0, 3.0, 5.0]
OPTIONS: dict[str, Any] = {"times": TIMES, "cause": "relapse"}
GOAL, AGREE = 20.0, 1e-8
IN_R = """
suppressPackageStartupMessages({library(riskRegression); library(prodlim); library(survival)})
d <- read.csv("patients.csv")
risks <- lapply(c(one = "one", other = "other"), function(k) as.matrix(d[paste0(k, "_", 1:3)]))
run <- function(se) Score(risks, Hist(t, s) ~ 1, d, times = c(1, 3, 5), cause = 1, metrics = c("auc", "brier"), se.fit = se,
                          conservative = FALSE, contrasts = se, cens.model = "km")
seconds <- function(se) { run(se); median(replicate(3, sum(system.time(run(se))[1:2]))) }
b <- as.data.frame(run(FALSE)$Brier$score)
cat(jsonlite::toJSON(list(without = seconds(FALSE), with = seconds(TRUE), brier = b$Brier), auto_unbox = TRUE, digits = NA))
"""


def patients(n: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Whole-day times of two causes, and risks that know a little of them."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=n)
    first, second = rng.exponential(8 * np.exp(-x)), rng.exponential(20.0, n)
    end = rng.uniform(3, 9, n)
    time = np.minimum(np.minimum(first, second), end)
    frame = pd.DataFrame({"t": np.ceil(time * 365.25) / 365.25})
    frame["s"] = np.where(time == end, 0, np.where(time == first, 1, 2))
    views = {name: np.exp(x + rng.normal(size=n))[:, None] for name in ("one", "other")}
    return frame, {name: 1 - np.exp(-np.array([0.05, 0.15, 0.25]) * view) for name, view in views.items()}


def clock(run: Callable[[], Any], repeats: int) -> float:
    """CPU milliseconds of one run."""
    run()
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        run()
        found.append(time.process_time() - begin)
    return 1000 * statistics.median(found)


def in_r(frame: pd.DataFrame, risks: dict[str, np.ndarray]) -> dict[str, Any] | None:
    """Seconds of riskRegression and its Brier scores; None without it."""
    if shutil.which("Rscript") is None:
        return None
    columns = {f"{name}_{k + 1}": risk[:, k] for name, risk in risks.items() for k in range(3)}
    with tempfile.TemporaryDirectory() as folder:
        frame.assign(**columns).to_csv(Path(folder) / "patients.csv", index=False)
        done = subprocess.run(["Rscript", "-e", IN_R], cwd=folder, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def main() -> None:
    """Time and print; exit status 1 where R finds something else or the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    missed = False
    for n in options.sizes:
        frame, risks = patients(n)
        endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})
        states = horizons(endpoint, TIMES, cause="relapse", censoring="marginal")
        values, weight = np.stack(list(risks.values())), np.random.default_rng(1).multinomial(n, np.full(n, 1 / n))
        one = clock(lambda s=states, v=values, w=weight: accuracy_at(s, v, weight=w.astype(float)), options.repeats)
        ours = clock(
            lambda e=endpoint, r=risks: (
                iko.auc_over_time(e, r, **OPTIONS).tidy(),
                iko.brier_score(e, r, **OPTIONS).tidy(),
            ),
            options.repeats,
        )
        print(f"n = {n:,}: one evaluation {one:.2f} ms; AUC and Brier with standard errors and tables {ours:.1f} ms")
        missed |= n == 1000 and one > GOAL
        r = in_r(frame, risks)
        if r is not None:
            table = iko.brier_score(endpoint, risks, **OPTIONS).tidy()
            own = table[(table["measure"] == "Brier score") & (table["contrast"] == "")]["estimate"]
            away = float(np.max(np.abs(own.to_numpy() / np.array(r["brier"]) - 1)))
            print(f"  riskRegression {1000 * r['without']:.0f} ms without, {1000 * r['with']:.0f} ms with standard errors;")
            print(f"  Brier scores differ by {away:.1g}")
            missed |= away > AGREE
    raise SystemExit(int(missed))


if __name__ == "__main__":
    main()
