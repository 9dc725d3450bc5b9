# ruff: noqa: E402 - the number of threads is set before anything is imported
"""Fine-Gray regression against `crr` of cmprsk, where R is installed.

    python benchmarks/fine_gray.py [--sizes 1000 10000 1000000]

Ten covariates, two causes, whole-day times over eight years; the full sandwich in both programs. One thread; process CPU
time; one warm-up, then the median of several repetitions. `crr` runs up to 10,000 rows. The report ends with the goals.
"""

from __future__ import annotations

import os

for _library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_THREADS"] = "1"

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.subdistribution import fine_gray
from ikzf1_outcomes.models.subdistribution_fit import SubdistributionFit

SIZES = (1_000, 10_000, 100_000, 1_000_000)
LARGEST_IN_R = 10_000
COVARIATES = [f"x{number}" for number in range(10)]
GOAL_TIMES, GOAL_SIZE, GOAL_SECONDS = 300, 10_000, 2.0
IN_R = """
suppressPackageStartupMessages(library(cmprsk))
d <- read.csv(commandArgs(trailingOnly = TRUE)[1]); x <- as.matrix(d[, -(1:2)])
run <- function() crr(d$days, d$cause, x)
fit <- run()
cpu <- function() { s <- system.time(run(), gcFirst = FALSE); s[["user.self"]] + s[["sys.self"]] }
one <- cpu()
seconds <- if (one > 1) one else median(replicate(5, cpu()))
cat(sprintf('{"seconds": %.9g, "coef": %.15g, "se": %.15g}', seconds, fit$coef[[1]], sqrt(fit$var[1, 1])))
"""


def simulate(n: int, seed: int = 20) -> pd.DataFrame:
    """Exponential causes whose hazards depend on the covariates, uniform censoring over 3 to 8 years, whole days."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(COVARIATES)))
    x[:, ::3] = x[:, ::3] > 0.5
    relapse = rng.exponential(1 / (0.12 * np.exp(0.5 * x[:, 0] - 0.2 * x[:, 1] + 0.1 * x[:, 2])))
    death = rng.exponential(1 / (0.05 * np.exp(0.3 * x[:, 3])))
    end = rng.uniform(3, 8, n)
    first = np.minimum(np.minimum(relapse, death), end)
    cause = np.where(first == end, 0, np.where(first == relapse, 1, 2))
    frame = pd.DataFrame({"days": np.ceil(first * 365.25), "cause": cause})
    return pd.concat([frame, pd.DataFrame(x, columns=COVARIATES)], axis=1)


def seconds_of(run: Callable[[], object]) -> float:
    """Median CPU time after a warm-up."""
    run()
    spent: list[float] = []
    while len(spent) < 5 or (sum(spent) < 0.5 and len(spent) < 50):
        start = time.process_time()
        run()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def in_r(frame: pd.DataFrame) -> dict[str, float] | None:
    """`crr` on the same data through a csv file."""
    rscript = shutil.which("Rscript")
    if rscript is None or len(frame) > LARGEST_IN_R:
        return None
    with tempfile.TemporaryDirectory() as folder:
        table, script = Path(folder) / "data.csv", Path(folder) / "crr.R"
        frame.to_csv(table, index=False)
        script.write_text(IN_R, encoding="utf-8")
        done = subprocess.run([rscript, "--vanilla", str(script), str(table)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"  R stopped early: {' '.join(done.stderr.split())}")
        return None
    return json.loads(done.stdout)


def race(n: int) -> tuple[float, float]:
    """Seconds of ours and of `crr` (NaN where it did not run) on one data set."""
    frame = simulate(n)
    endpoint = iko.endpoint_from_columns(frame, time="days", status="cause", causes={1: "relapse", 2: "death"})

    def ours() -> SubdistributionFit:
        return fine_gray(endpoint, COVARIATES, cause="relapse")

    seconds, fit, theirs = seconds_of(ours), ours(), in_r(frame)
    print(f"\nn = {n:,}: {int((frame['cause'] == 1).sum()):,} relapses, {int((frame['cause'] == 2).sum()):,} deaths")
    print(f"  ours, {fit.maximum.iterations} Newton steps  {seconds * 1e3:10.4g} ms")
    if theirs is None:
        return seconds, float("nan")
    row = fit.tidy().iloc[0]
    print(f"  crr (cmprsk)        {theirs['seconds'] * 1e3:10.4g} ms   {theirs['seconds'] / seconds:.4g} x ours")
    print(f"  first coefficient differs by {abs(theirs['coef'] / row['estimate'] - 1):.0e}, its standard error by "
          f"{abs(theirs['se'] / row['std_error'] - 1):.0e} (crr stops early)")  # fmt: skip
    return seconds, theirs["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="N")
    print(f"Python {platform.python_version()}, numpy {np.__version__}; one thread, CPU time.")
    measured = {n: race(n) for n in parser.parse_args().sizes}
    print("\nGoals")
    if GOAL_SIZE in measured:
        ours, theirs = measured[GOAL_SIZE]
        gain = theirs / ours
        word = "not measured here" if gain != gain else "reached" if gain >= GOAL_TIMES else "NOT REACHED"
        print(f"  n = {GOAL_SIZE:,}: at least {GOAL_TIMES} x crr: {gain:.3g} x, {word}")
    if SIZES[-1] in measured:
        seconds = measured[SIZES[-1]][0]
        word = "reached" if seconds < GOAL_SECONDS else "NOT REACHED"
        print(f"  n = {SIZES[-1]:,}: under {GOAL_SECONDS:g} s: {seconds:.3g} s, {word}")


if __name__ == "__main__":
    main()
