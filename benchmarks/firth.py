# ruff: noqa: E402 - the number of threads is set before anything is imported
"""Cox regression with Firth's penalty, five terms, profile intervals and p-values: time against coxphf and firthmodels.

Run this file. One thread; median of repetitions after a warm-up. coxphf (R) and firthmodels (Python) take part where they
are installed, with Breslow's ties, the only ones they have, on the same patients, and must find the same coefficients.
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
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.kernels.partial import lay_out
from ikzf1_outcomes.models.penalised import firth_regression, fit_firth

TERMS = ["ik6", "whole", "age", "wbc", "mrd"]
AGREE = 1e-5
RACE = """
suppressPackageStartupMessages({library(survival); library(coxphf)})
d <- read.csv(commandArgs(trailingOnly = TRUE)[1])
run <- function() coxphf(Surv(t, s) ~ ik6 + whole + age + wbc + mrd, d, maxit = 200)
b <- coef(run())
cpu <- function() {
  s <- system.time(for (k in 1:5) run(), gcFirst = FALSE)
  (s[["user.self"]] + s[["sys.self"]]) / 5
}
seconds <- median(vapply(1:9, function(i) cpu(), 0))
coef <- paste(sprintf("%.12g", b), collapse = ",")
cat(sprintf('{"program": "coxphf %s", "seconds": %.6g, "coef": [%s]}', packageVersion("coxphf"), seconds, coef))
"""


def patients(n: int) -> pd.DataFrame:
    """Times in months with ties; two rare classes of 4 %, three numbers."""
    rng = np.random.default_rng(7)
    code = rng.choice(3, n, p=[0.92, 0.04, 0.04])
    frame = pd.DataFrame({"ik6": code == 1, "whole": code == 2}).astype(float)
    frame = frame.assign(age=rng.uniform(1, 17, n), wbc=rng.normal(2, 1, n), mrd=rng.normal(size=n))
    risk = np.exp(0.9 * frame["ik6"] + 0.4 * frame["whole"] + 0.05 * frame["age"] + 0.2 * frame["wbc"])
    time_, end = rng.exponential(1 / (0.02 * risk)), rng.uniform(3, 9, n)
    return frame.assign(t=np.ceil(12 * np.minimum(time_, end)) / 12, s=(time_ <= end).astype(int))


def clock(run: Callable[[], Any], repeats: int) -> float:
    """CPU seconds of one run."""
    run()
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        run()
        found.append(time.process_time() - begin)
    return statistics.median(found)


def kernel(frame: pd.DataFrame, ties: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The fit alone, and with all intervals and tests, from a layout that is there."""
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
    x = frame[TERMS].to_numpy(dtype=float)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    layout = lay_out(endpoint.rows, endpoint.cause > 0, endpoint.case_weights.copy(), x)

    def everything() -> None:
        fit = fit_firth(layout, ties)
        for place in range(len(TERMS)):
            fit.profile_interval(place)
            fit.profile_test(place)

    return lambda: fit_firth(layout, ties), everything


def in_r(frame: pd.DataFrame) -> dict[str, Any] | None:
    """The race of coxphf, or None without it."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "patients.csv", Path(folder) / "race.R"
        frame.to_csv(data, index=False)
        script.write_text(RACE)
        done = subprocess.run(["Rscript", str(script), str(data)], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def in_firthmodels(frame: pd.DataFrame, repeats: int) -> dict[str, Any] | None:
    """The race of firthmodels, or None without it."""
    try:
        import firthmodels
    except ImportError:
        return None
    x, y = frame[TERMS].to_numpy(), (frame["s"].to_numpy(dtype=bool), frame["t"].to_numpy())

    def run() -> Any:
        fit = firthmodels.FirthCoxPH(max_iter=200).fit(x, y)
        fit.conf_int(method="pl")
        return fit.lrt()

    program = f"firthmodels {version('firthmodels')}"
    return {"program": program, "seconds": clock(run, repeats), "coef": run().coef_.tolist()}


def main() -> None:
    """Time and print; exit status 1 where another program finds other coefficients."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--sizes", type=int, nargs="*", default=[109, 300, 1000])
    given = parser.parse_args()
    wrong = False
    for n in given.sizes:
        frame = patients(n)
        endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
        print(f"{n} patients, {int(frame['s'].sum())} events, {len(TERMS)} terms; milliseconds")
        for ties in ("breslow", "efron"):
            fit, everything = kernel(frame, ties)
            whole = partial(firth_regression, endpoint, TERMS, ties=ties)
            tasks = {"coefficients": fit, "with limits and p-values": everything, "from the endpoint to the table": whole}
            for task, run in tasks.items():
                print(f"  {task + ', ' + ties:52} {1e3 * clock(run, given.repeats):9.2f}")
        ours = firth_regression(endpoint, TERMS, ties="breslow").beta
        for other in (in_r(frame), in_firthmodels(frame, given.repeats)):
            if other is not None:
                same = np.allclose(other["coef"], ours, atol=AGREE)
                wrong |= not same
                print(f"  {other['program'] + ('' if same else ': OTHER COEFFICIENTS'):52} {1e3 * other['seconds']:9.2f}")
    raise SystemExit(int(wrong))


if __name__ == "__main__":
    main()
