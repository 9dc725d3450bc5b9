# ruff: noqa: E402 - the number of threads is set before anything is imported
"""Differences of 1,008 peptides between two groups of 44 samples against limma, and 10,000 permutations.

    python benchmarks/kinome.py

One thread, process CPU time; one warm-up, then the best of several repetitions. limma takes part where it is installed:
lmFit, eBayes and topTable from the matrix in memory, the best of several repetitions too; both must find the same
statistics. The goals stand beside the times.
"""

from __future__ import annotations

import os

for _library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_THREADS"] = "1"

import json
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes import differential_phosphorylation, share_of_nonnull

PEPTIDES, SAMPLES, DELETED, PERMUTATIONS = 1008, 44, 13, 10_000
IN_R = """
if (!requireNamespace("limma", quietly = TRUE)) quit(status = 3)
suppressPackageStartupMessages(library(limma))
y <- as.matrix(read.csv(commandArgs(trailingOnly = TRUE)[1], row.names = 1)); group <- rep(1:0, c(13, 31))
cpu <- function(run) { s <- system.time(for (i in 1:10) run(), gcFirst = FALSE); (s[["user.self"]] + s[["sys.self"]]) / 10 }
table <- function() topTable(eBayes(lmFit(y, model.matrix(~ group))), coef = "group", number = Inf, sort.by = "none")
fit <- table(); once <- min(replicate(3, cpu(table)))
cat(sprintf('{"version": "%s", "seconds": %.9g, "t": [%s]}', packageVersion("limma"), once,
            paste(sprintf("%.15g", fit$t), collapse = ",")))
"""


def arrays(seed: int = 5) -> pd.DataFrame:
    """Peptides of unlike mean and variance."""
    rng = np.random.default_rng(seed)
    spread = np.sqrt(0.3 * 7 / rng.chisquare(7, (PEPTIDES, 1)))
    values = rng.normal(8, 2, (PEPTIDES, 1)) + spread * rng.normal(size=(PEPTIDES, SAMPLES))
    names = [f"pep{k}" for k in range(PEPTIDES)]
    return pd.DataFrame(values, index=names, columns=[f"s{k}" for k in range(SAMPLES)])


def best(run: Callable[[], object], repeat: int = 7) -> float:
    """Least CPU time of several runs, after one more."""
    run()
    times = []
    for _ in range(repeat):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def in_limma(frame: pd.DataFrame) -> dict[str, Any] | None:
    """Time and statistics of limma; None without it."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder, "data.csv"), Path(folder, "race.R")
        frame.to_csv(data)
        script.write_text(IN_R, encoding="utf-8")
        done = subprocess.run(["Rscript", str(script), str(data)], capture_output=True, text=True)
    if done.returncode == 3:
        return None
    done.check_returncode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    print(f"Python {platform.python_version()}, numpy {np.__version__}, one thread, CPU seconds")
    frame, first = arrays(), np.arange(SAMPLES) < DELETED
    ours = best(lambda: differential_phosphorylation(frame, first), 20)
    print(f"differential_phosphorylation, {PEPTIDES} x {SAMPLES}: {1e3 * ours:.1f} ms (goal: under 20)")
    for options in ({"robust": True}, {"trend": True}, {"method": "welch"}, {"method": "wilcoxon"}):
        seconds = best(lambda o=options: differential_phosphorylation(frame, first, **o))
        print(f"  {' '.join(map(str, next(iter(options.items()))))}: {1e3 * seconds:.1f} ms")
    rng = np.random.default_rng(1)
    holes = frame.mask(rng.random(frame.shape) < 0.02)
    print(f"  2 % missing: {1e3 * best(lambda: differential_phosphorylation(holes, first)):.1f} ms")
    work = {"permutations": PERMUTATIONS, "seed": 1}
    for words, data, options in (
        ("", frame, {}),
        (", two batches", frame, {"batch": np.arange(SAMPLES) % 2}),
        (", 2 % missing", holes, {}),
    ):
        seconds = best(lambda d=data, o=options: differential_phosphorylation(d, first, **work, **o), 2)
        print(f"  {PERMUTATIONS} permutations{words}: {seconds:.2f} s (goal: under 5)")
    fit = differential_phosphorylation(frame, first, permutations=500, seed=1)
    print(f"share_of_nonnull: {best(lambda: share_of_nonnull(fit), 3):.2f} s")
    theirs = in_limma(frame)
    if theirs is not None:
        statistic = differential_phosphorylation(frame, first).tidy()["statistic"].to_numpy()
        assert np.abs(statistic / theirs["t"] - 1).max() < 1e-8
        print(f"limma {theirs['version']}: {1e3 * theirs['seconds']:.1f} ms, {theirs['seconds'] / ours:.1f} x ours")


if __name__ == "__main__":
    main()
