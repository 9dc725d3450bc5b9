# ruff: noqa: E402 - the number of threads is set before anything is imported
"""A screen of 1,008 features against `coxph` in a loop and lifelines in a loop, and bootstrap refits on two cores.

    python benchmarks/screen.py [--lifelines 60]

300 patients, three adjusters, 28 relapses and 11 deaths, cause-specific models of relapse, Efron's ties, one thread;
process CPU time; one warm-up, then the best of several repetitions. R takes part where it is installed, with `coxph` on a
formula for each feature and with `coxph.fit`, which leaves out formula and frame; lifelines where it is installed, timed
on its first features and multiplied up. Both must find the same coefficients. Then 1,000 bootstrap refits of ten
covariates in 1,000 patients through `resampling.replicates` on two processes, wall time. The goals stand beside the times.
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
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.partial import lay_out, newton, partial_likelihood
from ikzf1_outcomes.kernels.risk import RowOrder
from ikzf1_outcomes.models.feature_screen import screen
from ikzf1_outcomes.resampling import replicates

FEATURES, ROWS, RELAPSES, DEATHS = 1008, 300, 28, 11
NAMES = [f"pep{k}" for k in range(FEATURES)]
ADJUST = ["age", "wbc", "ik6"]
REFITS, PATIENTS, COVARIATES, PIECE = 1000, 1000, 10, 25
IN_R = """
suppressPackageStartupMessages(library(survival))
d <- read.csv(commandArgs(trailingOnly = TRUE)[1])
y <- with(d, Surv(days, cause == 1)); features <- grep("^pep", names(d), value = TRUE)
a <- as.matrix(d[, c("age", "wbc", "ik6")]); control <- coxph.control(); names <- rownames(d)
cpu <- function(run) { s <- system.time(run(), gcFirst = FALSE); s[["user.self"]] + s[["sys.self"]] }
loop <- function() vapply(features, function(f) {
  fit <- coxph(as.formula(paste("y ~ age + wbc + ik6 +", f)), d)
  c(fit$coefficients[[4]], sqrt(fit$var[4, 4]))
}, c(0, 0))
bare <- function() vapply(features, function(f)
  coxph.fit(cbind(a, d[[f]]), y, NULL, NULL, NULL, control, NULL, "efron", names)$coefficients[[4]], 0)
found <- loop(); invisible(bare())
slow <- min(replicate(2, cpu(loop))); quick <- min(replicate(2, cpu(bare)))
many <- function(x) paste(sprintf("%.15g", x), collapse = ",")
said <- '{"version": "%s", "coxph": %.9g, "fit": %.9g, "coef": [%s], "se": [%s]}'
cat(sprintf(said, packageVersion("survival"), slow, quick, many(found[1, ]), many(found[2, ])))
"""


def patients(seed: int = 5) -> pd.DataFrame:
    """Whole-day times over five years; the earliest times are events, in random order, so that their number is known."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.uniform(1, 17, ROWS), "wbc": rng.normal(2, 1, ROWS), "ik6": rng.random(ROWS) < 0.2})
    frame["ik6"] = frame["ik6"].astype(float)
    risk = np.exp(0.3 * frame["wbc"] + 0.6 * frame["ik6"])
    begin = rng.exponential(1 / risk)
    order, cause = np.argsort(begin), np.zeros(ROWS, dtype=int)
    cause[order[: RELAPSES + DEATHS]] = rng.permutation([1] * RELAPSES + [2] * DEATHS)
    # events by the order of their hazards over four years, the others followed for three to five
    days = np.ceil(rng.uniform(1100, 1800, ROWS))
    days[order[: RELAPSES + DEATHS]] = np.sort(np.ceil(rng.uniform(30, 1400, RELAPSES + DEATHS)))
    frame.insert(0, "days", days)
    frame.insert(1, "cause", cause)
    common = rng.normal(size=(ROWS, 1))
    return frame.join(pd.DataFrame(0.4 * common + rng.normal(size=(ROWS, FEATURES)), columns=NAMES))


def best(run: Callable[[], object], repeat: int = 7) -> float:
    """Least CPU time of several runs, after one more."""
    run()
    times = []
    for _ in range(repeat):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def in_r(frame: pd.DataFrame) -> dict[str, Any] | None:
    """Times and coefficients of survival; None without R."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder, "data.csv"), Path(folder, "race.R")
        frame.to_csv(data, index=False)
        script.write_text(IN_R, encoding="utf-8")
        done = subprocess.run(["Rscript", str(script), str(data)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def in_lifelines(frame: pd.DataFrame, number: int) -> tuple[float, list[float]] | None:
    """CPU time of all features, from the first of them, and their coefficients; None without lifelines."""
    try:
        from lifelines import CoxPHFitter
    except ImportError:
        return None
    base = frame[["days", *ADJUST]].assign(event=frame["cause"] == 1)

    def one(name: str) -> float:
        fit = CoxPHFitter().fit(base.assign(**{name: frame[name]}), "days", "event")
        return float(fit.params_[name])

    one(NAMES[0])
    start = time.process_time()
    found = [one(name) for name in NAMES[:number]]
    return (time.process_time() - start) * FEATURES / number, found


def refits(rows: RowOrder, event: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A piece of the bootstrap: case weights on the same order of rows."""
    out = np.empty((PIECE, COVARIATES))
    for k in range(PIECE):
        weight = np.bincount(rng.integers(0, len(event), len(event)), minlength=len(event)).astype(float)
        kept = weight > 0
        out[k] = newton(partial_likelihood(lay_out(rows, event[kept], weight[kept], x[kept], keep=kept)), COVARIATES).beta
    return out


def bootstrap(seed: int = 7) -> tuple[float, float]:
    """Wall seconds of the refits on one process and on two, the same results."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(PATIENTS, COVARIATES))
    time_, end = rng.exponential(1 / (0.12 * np.exp(0.5 * x[:, 0]))), rng.uniform(3, 8, PATIENTS)
    frame = pd.DataFrame({"t": np.ceil(365.25 * np.minimum(time_, end)), "s": (time_ <= end).astype(int)})
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
    work = partial(refits, endpoint.rows, endpoint.cause > 0, x)
    replicates(work, 2, seed=1)
    start = time.perf_counter()
    alone = replicates(work, REFITS // PIECE, seed=seed)
    one = time.perf_counter() - start
    with joblib.parallel_config(backend="loky", n_jobs=2):
        replicates(work, 4, seed=1)  # the processes start, and load what is compiled
        start = time.perf_counter()
        both = replicates(work, REFITS // PIECE, seed=seed)
        two = time.perf_counter() - start
    assert np.array_equal(np.array(alone), np.array(both))
    return one, two


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lifelines", type=int, default=60, help="features that lifelines is timed on")
    number = parser.parse_args().lifelines
    print(f"Python {platform.python_version()}, numpy {np.__version__}, one thread, CPU seconds, {FEATURES} features")
    frame = patients()
    endpoint = iko.endpoint_from_columns(frame, time="days", status="cause", causes={1: "relapse", 2: "death"})
    options: dict[str, Any] = {"adjust": ADJUST, "cause": "relapse", "standardise": False}
    ours = best(lambda: screen(endpoint, NAMES, **options))
    table = screen(endpoint, NAMES, **options).tidy()
    print(f"screen {1e3 * ours:.1f} ms: {int(table['n_event'].iloc[0])} relapses, {table['note'].eq('').sum()} estimable")
    for test in ("likelihood_ratio", "score"):
        print(f"  {test} {1e3 * best(lambda t=test: screen(endpoint, NAMES, test=t, **options)):.1f} ms")
    rng = np.random.default_rng(1)
    holes = frame[NAMES].mask(rng.random((ROWS, FEATURES)) < 0.01)
    print(f"  1 % missing, {FEATURES} patterns: {best(lambda: screen(endpoint, holes, **options), 2):.2f} s")
    print(f"  1,000 permutations: {best(lambda: screen(endpoint, NAMES, permutations=1000, seed=1, **options), 2):.2f} s")
    for method in ("firth", "fine_gray"):
        print(f"  {method} {best(lambda m=method: screen(endpoint, NAMES, method=m, **options), 1):.2f} s")
    theirs = in_r(frame)
    if theirs is not None:
        assert np.abs(table["estimate"] / theirs["coef"] - 1).max() < 1e-5
        assert np.abs(table["std_error"] / theirs["se"] - 1).max() < 1e-5
        print(f"survival {theirs['version']}: coxph {theirs['coxph']:.2f} s, coxph.fit {theirs['fit']:.2f} s")
        print(f"  {theirs['coxph'] / ours:.0f} x coxph in a loop (goal 40), {theirs['fit'] / ours:.1f} x coxph.fit")
    other = in_lifelines(frame, number)
    if other is not None:
        assert np.abs(table["estimate"].to_numpy()[:number] - other[1]).max() < 1e-4
        print(f"lifelines, from {number} features: {other[0]:.1f} s; {other[0] / ours:.0f} x (goal 1,000)")
    one, two = bootstrap()
    print(
        f"{REFITS} bootstrap refits, n = {PATIENTS}, p = {COVARIATES}: {one:.2f} s on one core, {two:.2f} s on two", end=""
    )
    print(f" (goal: under 3 on two): {'reached' if two < 3 else 'not reached'}")


if __name__ == "__main__":
    main()
