# ruff: noqa: E402 - the number of threads is set before anything is imported
"""A ladder of two models, 1,000 patients, 500 resamples, three times: time against rms::validate and riskRegression::Score.

Run this file. One process, one thread; user time after a warm-up. R takes part where it is installed, with as many
resamples as --r-resamples names; its time for all is in proportion. It does less: Score measures outside the resample only.
"""

from __future__ import annotations

import os

for _library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_THREADS"] = "1"

import argparse
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from ikzf1_outcomes import added_value, endpoint_from_columns

ALLOWED = 20.0
"""Seconds for one kind of event, 500 resamples and 999 simulations."""
BASE, ADDED = "age + wbc + risk", "ik6 + whole + cdkn2a + pax5"
RACE = """
suppressPackageStartupMessages({library(survival); library(rms); library(riskRegression)})
args <- commandArgs(trailingOnly = TRUE); d <- read.csv(args[1]); B <- as.integer(args[2])
used <- function(f) { s <- system.time(f(), gcFirst = FALSE); s[["user.self"]] + s[["sys.self"]] }
terms <- lapply(args[3:4], function(x) as.formula(paste("Surv(t, s) ~", x)))
set.seed(1)
v <- used(function() for (f in terms) validate(cph(f, d, x = TRUE, y = TRUE, surv = TRUE), B = B))
fits <- lapply(terms, function(f) eval(bquote(coxph(.(f), data = d, x = TRUE)))); names(fits) <- c("small", "large")
s <- used(function() Score(fits, Surv(t, s) ~ 1, d, times = c(1, 3, 5), metrics = c("auc", "brier"),
                           summary = c("ipa", "ibs"), split.method = "bootcv", B = B, se.fit = FALSE, progress.bar = NULL))
cat(v, s)
"""


def patients(n: int, seed: int) -> pd.DataFrame:
    """Covariates, relapse (cause 1) and death (cause 2), followed for 3 to 9 years."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 3)), columns=["age", "wbc", "risk"])
    for name, share in {"ik6": 0.08, "whole": 0.05, "cdkn2a": 0.3, "pax5": 0.2}.items():
        frame[name] = (rng.random(n) < share).astype(int)
    relapse = rng.exponential(12 * np.exp(-0.3 * frame["age"] - 0.6 * frame["ik6"]))
    death, end = rng.exponential(30, n), rng.uniform(3, 9, n)
    first = np.minimum(relapse, death)
    return frame.assign(
        t=np.minimum(first, end),
        cause=np.where(end <= first, 0, np.where(relapse < death, 1, 2)),
        s=(first < end).astype(int),
    )


def main() -> None:
    """Print seconds; fail where they are too many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resamples", type=int, default=500)
    parser.add_argument("--r-resamples", type=int, default=40)
    arguments = parser.parse_args()
    frame = patients(1000, 1)
    plain = endpoint_from_columns(frame, time="t", status="s", causes={1: "event"})
    two = endpoint_from_columns(frame, time="t", status="cause", causes={1: "relapse", 2: "death"})
    spent = {}
    for name, endpoint, cause in (("any event", plain, None), ("relapse, death competing", two, "relapse")):
        added_value(endpoint, BASE, ADDED, cause=cause, resamples=20, simulations=19, seed=1)
        start = time.process_time()
        added_value(endpoint, BASE, ADDED, cause=cause, resamples=arguments.resamples, seed=1)
        spent[name] = time.process_time() - start
        print(f"{name}: {spent[name]:.1f} s, {arguments.resamples} resamples and 2 x 999 simulations")
    if shutil.which("Rscript"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "patients.csv"
            frame.to_csv(path, index=False)
            number = str(arguments.r_resamples)
            run = ["Rscript", "-e", RACE, str(path), number, BASE, f"{BASE} + {ADDED}"]
            validate, score = map(
                float, subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()[-2:]
            )
        scale = arguments.resamples / arguments.r_resamples
        print(f"R, any event, from {number} resamples: rms::validate {validate * scale:.1f} s, Score {score * scale:.1f} s")
    if arguments.resamples >= 500 and spent["any event"] > ALLOWED:
        raise SystemExit(f"more than {ALLOWED:g} s")


if __name__ == "__main__":
    main()
