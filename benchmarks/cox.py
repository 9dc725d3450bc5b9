# ruff: noqa: E402 - the number of threads is set before anything is imported
"""Cox regression against `coxph` of survival, where R is installed: model-based and robust covariance, bootstrap refits.

    python benchmarks/cox.py [--sizes 100000 1000000]

Ten covariates, whole-day times over eight years, Efron's ties. One thread; process CPU time; one warm-up, then the best of
several repetitions. `coxph` runs up to 100,000 rows. The report ends with the goals.
"""

from __future__ import annotations

import os

for _library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_THREADS"] = "1"

import argparse
import json
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.partial import lay_out, newton, partial_likelihood

SIZES = (100_000, 1_000_000)
LARGEST_IN_R = 100_000
COVARIATES = [f"x{number}" for number in range(10)]
REFITS, PATIENTS = 1000, 1000
IN_R = """
suppressPackageStartupMessages(library(survival))
d <- read.csv(commandArgs(trailingOnly = TRUE)[1])
f <- as.formula(paste("Surv(days, event) ~", paste0("x", 0:9, collapse = "+")))
cpu <- function(run) { s <- system.time(run(), gcFirst = FALSE); s[["user.self"]] + s[["sys.self"]] }
plain <- min(replicate(4, cpu(function() coxph(f, d))))
robust <- cpu(function() coxph(f, d, robust = TRUE))
fit <- coxph(f, d, robust = TRUE)
said <- '{"plain": %.9g, "robust": %.9g, "coef": %.15g, "se": %.15g}'
cat(sprintf(said, plain, robust, coef(fit)[[1]], sqrt(fit$var[1, 1])))
"""


def simulate(n: int, seed: int = 20) -> pd.DataFrame:
    """An exponential event whose hazard depends on the covariates, uniform censoring over 3 to 8 years, whole days."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, len(COVARIATES)))
    x[:, ::3] = x[:, ::3] > 0.5
    event = rng.exponential(1 / (0.12 * np.exp(0.5 * x[:, 0] - 0.2 * x[:, 1] + 0.1 * x[:, 2])))
    end = rng.uniform(3, 8, n)
    frame = pd.DataFrame(x, columns=COVARIATES)
    frame.insert(0, "days", np.ceil(365.25 * np.minimum(event, end)))
    frame.insert(1, "event", (event <= end).astype(int))
    return frame


def best(run: Callable[[], object], repeat: int = 5) -> float:
    """Least CPU time of several runs, after one more."""
    run()
    times = []
    for _ in range(repeat):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def in_r(frame: pd.DataFrame) -> dict[str, float] | None:
    """Times and the first coefficient of `coxph`; None without R."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder, "data.csv"), Path(folder, "race.R")
        frame.to_csv(data, index=False)
        script.write_text(IN_R, encoding="utf-8")
        done = subprocess.run(["Rscript", str(script), str(data)], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def refits(seed: int = 7) -> float:
    """Seconds of the bootstrap refits of one model, as case weights on the same order of rows."""
    frame = simulate(PATIENTS, seed)
    endpoint = iko.endpoint_from_columns(frame, time="days", status="event", causes={1: "relapse"})
    x, rng, event = frame[COVARIATES].to_numpy(), np.random.default_rng(seed), endpoint.cause > 0

    def one() -> None:
        weight = np.bincount(rng.integers(0, PATIENTS, PATIENTS), minlength=PATIENTS).astype(float)
        kept = weight > 0
        layout = lay_out(endpoint.rows, event[kept], weight[kept], x[kept], keep=kept)
        newton(partial_likelihood(layout), len(COVARIATES))

    one()
    start = time.process_time()
    for _ in range(REFITS):
        one()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    sizes = parser.parse_args().sizes
    print(f"Python {platform.python_version()}, numpy {np.__version__}, one thread, CPU seconds")
    for n in sizes:
        frame = simulate(n)
        endpoint = iko.endpoint_from_columns(frame, time="days", status="event", causes={1: "relapse"})
        plain = best(lambda e=endpoint: iko.cox(e, COVARIATES))
        robust = best(lambda e=endpoint: iko.cox(e, COVARIATES, robust=True), 3)
        layout = lay_out(endpoint.rows, endpoint.cause > 0, endpoint.case_weights, frame[COVARIATES].to_numpy())
        kernel = best(lambda made=layout: newton(partial_likelihood(made), len(COVARIATES)))
        print(f"n = {n:,}: cox {plain:.3f}, kernel {kernel:.3f}, robust {robust:.3f}")
        theirs = in_r(frame) if n <= LARGEST_IN_R else None
        if theirs is not None:
            tidy = iko.cox(endpoint, COVARIATES, robust=True).tidy()
            assert abs(tidy["estimate"].iloc[0] / theirs["coef"] - 1) < 1e-6
            assert abs(tidy["std_error"].iloc[0] / theirs["se"] - 1) < 1e-6
            print(f"  coxph {theirs['plain']:.3f}, robust {theirs['robust']:.3f}")
            print(
                f"  cox {theirs['plain'] / plain:.1f} x coxph (goal 10), kernel {theirs['plain'] / kernel:.1f} x (goal 15)"
            )
            print(f"  robust {theirs['robust'] / robust:.0f} x coxph (goal 80)")
        if n == 1_000_000:
            print(f"  goal: under 0.5 s at n = 1,000,000: {'reached' if plain < 0.5 else 'not reached'}")
    print(f"{REFITS} bootstrap refits, n = {PATIENTS}, 10 covariates: {refits():.2f} (goal: under 3 on two cores)")


if __name__ == "__main__":
    main()
