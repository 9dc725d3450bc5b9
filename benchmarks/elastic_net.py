# ruff: noqa: E402 - the number of threads is set before anything is imported
"""Elastic-net Cox paths of 1,008 features beside three adjusters, 100 penalties: time against glmnet.

Run this file. One thread; median of repetitions after a warm-up. glmnet (R) takes part where it is installed, on the same
patients and penalties, at its own stop (thresh = 1e-7) and at a tighter one, and must come nearer as it stops later.
`optimality` is by how much the worst coefficient of a path misses the conditions of a minimum.
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

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.kernels.coordinate_descent import place_at, pose, violation
from ikzf1_outcomes.kernels.partial import lay_out
from ikzf1_outcomes.models.penalised_path import elastic_net

AGREE = 0.1
"""Largest difference of a coefficient per standard deviation that glmnet's last stop may leave at the early penalties."""
EARLY = 0.2
"""Penalties are early from the largest to this share of it."""
RACE = """
suppressPackageStartupMessages({library(survival); library(glmnet)})
args <- commandArgs(trailingOnly = TRUE)
d <- read.csv(args[1])
x <- as.matrix(d[setdiff(names(d), c("t", "s"))])
lambda <- scan(args[2], quiet = TRUE)
free <- grepl("^c", colnames(x))
y <- Surv(d$t, d$s)
out <- function(name, f, seconds) {
  b <- as.matrix(coef(f))
  b <- cbind(b, matrix(NA, nrow(b), length(lambda) - ncol(b)))
  coef <- paste(ifelse(is.na(b), "null", sprintf("%.10g", b)), collapse = ",")
  cat(sprintf('{"program": "%s", "seconds": %.6g, "coef": [%s]}\\n', name, seconds, coef))
}
label <- paste("glmnet", packageVersion("glmnet"))
for (alpha in as.numeric(strsplit(args[3], ",")[[1]])) for (thresh in as.numeric(strsplit(args[4], ",")[[1]])) {
  run <- function() glmnet(x, y, family = "cox", alpha = alpha, lambda = lambda / max(alpha, 1e-3), thresh = thresh,
                           penalty.factor = ifelse(free, 0, 1), maxit = 1e6)
  f <- run()
  seconds <- median(replicate(3, { s <- system.time(run(), gcFirst = FALSE); s[["user.self"]] + s[["sys.self"]] }))
  out(sprintf("%s, thresh %g", label, thresh), f, seconds)
}
fold <- as.integer(args[5])
if (fold > 1) {
  foldid <- rep_len(seq_len(fold), nrow(x))
  run <- function() cv.glmnet(x, y, family = "cox", alpha = 0.5, lambda = lambda / 0.5, foldid = foldid,
                              penalty.factor = ifelse(free, 0, 1), maxit = 1e6)
  s <- system.time(run(), gcFirst = FALSE)
  cat(sprintf('{"program": "cv.%s", "seconds": %.6g, "coef": []}\\n', label, s[["user.self"]] + s[["sys.self"]]))
}
"""


def patients(n: int, features: int) -> pd.DataFrame:
    """Times in months with ties; blocks of correlated features, five of which matter; three clinical numbers."""
    rng = np.random.default_rng(7)
    block = rng.normal(size=(n, features // 8 + 1))
    g = 0.6 * np.repeat(block, 8, axis=1)[:, :features] + 0.8 * rng.normal(size=(n, features))
    c = rng.normal(size=(n, 3))
    risk = np.exp(0.5 * g[:, [0, 20, 40]].sum(axis=1) - 0.5 * g[:, [60, 80]].sum(axis=1) + 0.4 * c[:, 0])
    at, end = rng.exponential(1 / (0.06 * risk)), rng.uniform(3, 9, n)
    names = [f"c{k}" for k in range(3)] + [f"g{k}" for k in range(features)]
    frame = pd.DataFrame(np.column_stack((c, g)), columns=names)
    return frame.assign(t=np.ceil(12 * np.minimum(at, end)), s=(at <= end).astype(int))


def clock(run: Callable[[], Any], repeats: int) -> float:
    """CPU seconds of one run."""
    run()
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        run()
        found.append(time.process_time() - begin)
    return statistics.median(found)


def worst(frame: pd.DataFrame, names: list[str], beta: np.ndarray, lambdas: np.ndarray, alpha: float) -> float:
    """By how much the worst coefficient of a path misses the conditions of a minimum."""
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
    x = frame[names].to_numpy()
    spread = x.std(axis=0)
    layout = lay_out(endpoint.rows, endpoint.cause > 0, np.ones(len(x)), (x - x.mean(axis=0)) / spread)
    factor = np.array([0.0 if name.startswith("c") else len(names) / (len(names) - 3) for name in names])
    problem = pose(layout, "breslow", factor, alpha, np.ones(len(names)))
    known = ~np.isnan(beta).any(axis=1)
    pairs = zip(beta[known] * spread, lambdas[known], strict=True)
    return max(float(violation(problem, place_at(problem, b), penalty).max()) for b, penalty in pairs)


def in_r(frame: pd.DataFrame, lambdas: np.ndarray, alphas: list[float], threshs: str, folds: int) -> list[dict[str, Any]]:
    """The race of glmnet, or nothing without it; `lambdas` are those of the lasso."""
    if shutil.which("Rscript") is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        data, script, penalties = (Path(folder) / name for name in ("patients.csv", "race.R", "lambda.txt"))
        frame.to_csv(data, index=False)
        script.write_text(RACE)
        penalties.write_text("\n".join(f"{value:.17g}" for value in lambdas))
        given = [str(data), str(penalties), ",".join(map(str, alphas)), threshs, str(folds)]
        done = subprocess.run(["Rscript", str(script), *given], capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> None:
    """Time and print; exit status 1 where glmnet finds other coefficients."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--features", type=int, default=1008)
    parser.add_argument("--alphas", type=float, nargs="*", default=[1.0, 0.5, 0.1, 0.0])
    parser.add_argument("--thresh", default="1e-7,1e-9", help="glmnet's stops, joined by commas; 1e-7 is its own")
    parser.add_argument("--folds", type=int, default=10)
    given = parser.parse_args()
    frame = patients(given.patients, given.features)
    names = [name for name in frame if name not in ("t", "s")]
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})

    def fit(alpha: float, lambdas: np.ndarray | None, folds: Any = None) -> Any:
        return elastic_net(endpoint, names[3:], adjust=names[:3], alpha=alpha, lambdas=lambdas, folds=folds)

    print(f"{given.patients} patients, {int(frame['s'].sum())} events, {given.features} features, 3 adjusters; CPU seconds")
    lasso = fit(1.0, None).lambdas
    tasks = {}
    for alpha in given.alphas:
        lambdas = lasso / max(alpha, 1e-3)
        seconds, path = clock(lambda a=alpha, p=lambdas: fit(a, p), given.repeats), fit(alpha, lambdas)
        tasks[alpha] = (seconds, path)
    theirs = in_r(frame, lasso, given.alphas, given.thresh, given.folds)
    each, wrong = len(given.thresh.split(",")), False
    spread = frame[names].std(ddof=0).to_numpy()
    for place, alpha in enumerate(given.alphas):
        seconds, path = tasks[alpha]
        missed = worst(frame, names, path.beta, path.lambdas, alpha)
        print(f"alpha {alpha:g}, {len(path.lambdas)} penalties, {path.n_selected[-1]} features at the last")
        print(f"  {'from the endpoint to the path':36} {seconds:9.3f}  optimality {missed:.0e}")
        differences: list[float] = []
        for other in theirs[place * each : (place + 1) * each]:
            beta = np.array(other["coef"], dtype=float).reshape(len(lasso), len(names))
            apart = float(np.nanmax(np.abs(beta - path.beta) * spread))
            # at the last penalties all but saturated likelihoods are flat, and a stop is far from the minimum
            early = path.lambdas >= EARLY * path.lambdas[0]
            differences.append(float(np.nanmax(np.abs(beta - path.beta)[early] * spread)))
            missed = worst(frame, names, beta, path.lambdas, alpha)
            print(f"  {other['program']:36} {other['seconds']:9.3f}  optimality {missed:.0e}, apart {apart:.0e}")
        wrong |= bool(differences) and (differences[-1] > AGREE or differences[-1] > differences[0])
    if given.folds > 1:
        fold = np.arange(given.patients) % given.folds
        begin = time.process_time()
        fit(0.5, lasso / 0.5, fold)
        print(f"alpha 0.5, {given.folds} folds\n  {'elastic_net':36} {time.process_time() - begin:9.3f}")
        for other in theirs[len(given.alphas) * each :]:
            print(f"  {other['program']:36} {other['seconds']:9.3f}")
    raise SystemExit(int(wrong))


if __name__ == "__main__":
    main()
