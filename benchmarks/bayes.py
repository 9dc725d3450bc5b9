# ruff: noqa: E402 - the number of threads is set before anything is imported
"""Hierarchical models of both causes, from the call of `sample` to the table; and against PyMC's own NUTS on one model.

    python benchmarks/bayes.py [--sizes 109 1000 10000 100000 1000000] [--no-race]

Simulated cohorts with subtype, protocol and two alterations; age and white cells up to 10,000 patients; relapse and all
other causes. 4 chains x (1000 + 1000), as many at a time as there are processors. Seconds of the clock: each size in an
interpreter of its own, with the imports and what was compiled before kept on disk; the first call, and one after it. The
effective size is the least of all quantities and log hazards of the table. Where R has brms: constant hazards against it.
"""

from __future__ import annotations

import os

for _library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_THREADS"] = "1"

import argparse
import json
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SIZES = (109, 1000, 10_000, 100_000, 1_000_000)
GOALS = {109: 4.0, 1000: 4.0, 10_000: 10.0, 100_000: 60.0, 1_000_000: 300.0}
"""Seconds from the call to the table."""
FASTER = 20.0
"""Effective draws a second, against PyMC's own."""
LARGEST_WITH_NUMBERS = 10_000


BRMS = """
suppressPackageStartupMessages({library(brms); library(rstan); library(posterior)})
rstan_options(boost_lib = "/usr/include")
d <- read.csv(commandArgs(trailingOnly = TRUE)[1])
p <- function(sd, ...) set_prior(paste0("normal(0, ", sd, ")"), ...)
priors <- c(p(.75, class = "b", coef = "deleted"), p(.5, class = "b", coef = "age"), p(.5, class = "b", coef = "pax5"),
            p(.35, class = "sd", group = "class"), p(.75, class = "sd", group = "subtype"),
            set_prior(paste0("normal(", log(.08 / 5), ", 1)"), class = "b", coef = "Intercept"))
fit <- brm(status ~ 0 + Intercept + deleted + age + pax5 + offset(log(time)) + (0 + deleted | class) + (1 | subtype),
           data = d, family = poisson(), prior = priors, chains = 4, iter = 2000, cores = 2, seed = 1, refresh = 0,
           control = list(adapt_delta = .9), backend = "rstan")
found <- summarise_draws(subset_draws(as_draws_df(fit), variable = c("^b_", "^sd_", "^r_"), regex = TRUE), "ess_bulk")
cat(sprintf('\n{"program": "brms %s", "ess": %.6g, "seconds": %.6g}\n', packageVersion("brms"),
            min(found$ess_bulk), sum(get_elapsed_time(fit$fit)) / 2))
"""
"""Constant hazards, on two processors."""


def road(n: int, causes: tuple[str, ...] = ("relapse", "other")) -> tuple[Any, Any]:
    """An endpoint without rows at time 0, and a description."""
    import ikzf1_outcomes as iko

    endpoint = iko.landmark(iko.define_endpoint(iko.simulate_cohort(n, seed=1), "RELAPSE"), 0.1)
    spec = iko.hierarchical_spec(
        subtype="cytogenetic_subtype", protocol="protocol", alterations=["pax5", "etv6"], causes=causes,
        covariates="age + log(wbc)" if n <= LARGEST_WITH_NUMBERS else None,
    )  # fmt: skip
    return endpoint, spec


def timed(n: int) -> dict[str, Any]:
    """Seconds of the first call and of the next, in this interpreter."""
    import ikzf1_outcomes as iko

    endpoint, spec = road(n)
    found: dict[str, Any] = {"n": n}
    for name in ("first", "next"):
        begin = time.perf_counter()
        posterior = iko.sample(endpoint, spec, seed=1)
        posterior.tidy()
        found[name] = time.perf_counter() - begin
    glance = posterior.glance()
    found |= {
        "patterns": len(posterior.reduced.models[0].sums.stratum), "tries": glance["tries"].tolist(),
        "sampling": float(glance["seconds"].sum()), "ess": float(glance[["ess_bulk", "ess_tail"]].min(axis=None)),
        "r_hat": float(glance["r_hat"].max()), "divergences": int(glance["divergences"].sum()),
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "note": "; ".join(filter(None, glance["note"])),
    }  # fmt: skip
    return found


def race(n: int) -> dict[str, Any]:
    """Least bulk effective size of effects, spreads and levels of relapse, and seconds of sampling: ours, PyMC's own."""
    import pymc as pm

    import ikzf1_outcomes as iko
    from ikzf1_outcomes.models.bayes.convergence import diagnose
    from ikzf1_outcomes.models.bayes.quantities import quantities

    endpoint, spec = road(n, ("relapse",))
    iko.sample(endpoint, spec, seed=1, draws=100, tune=100)
    found: dict[str, Any] = {"n": n}
    posterior = iko.sample(endpoint, spec, seed=1)
    drawn = posterior.sampled[0].drawn
    ours = np.stack([part.values for part in quantities(posterior.reduced, drawn)], axis=-1)
    wanted = np.concatenate((drawn.effect, ours[..., -hyper_parameters(posterior.reduced) :]), axis=-1)
    found |= {"ours": float(np.nanmin(diagnose(wanted).ess_bulk)), "ours_seconds": posterior.sampled[0].chains.seconds}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = iko.hierarchical_model(endpoint, spec)
        begin = time.perf_counter()
        made = pm.sample(
            500, tune=500, chains=2, cores=2, random_seed=1, model=model, target_accept=0.9, progressbar=False,
            compute_convergence_checks=False,
        )  # fmt: skip
        found["theirs_with_compilation"] = time.perf_counter() - begin
    names = [name for name in made.posterior.data_vars if told(name, set(made.posterior.data_vars))]
    parts = [made.posterior[name].to_numpy() for name in names]
    theirs = np.concatenate([part.reshape(*part.shape[:2], -1) for part in parts], axis=-1)
    found |= {"theirs": float(np.nanmin(diagnose(theirs).ess_bulk))}
    found |= {
        "theirs_seconds": float(made.posterior.attrs["sampling_time"]),
        "numbers": [wanted.shape[-1], theirs.shape[-1]],
    }
    return found | {"pymc": pm.__version__}


def against_brms(n: int) -> dict[str, Any] | None:
    """Least bulk effective size of effects, spreads and levels, and seconds of tuning and sampling: ours, those of brms."""
    import ikzf1_outcomes as iko
    from ikzf1_outcomes.models.bayes.convergence import diagnose
    from ikzf1_outcomes.models.bayes.quantities import quantities

    if shutil.which("Rscript") is None:
        return None
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"class": rng.choice(["none", "ik6", "whole", "del_4_8"], n, p=[0.85, 0.06, 0.05, 0.04])})
    frame["subtype"], frame["pax5"] = rng.choice(list("abcdef"), n), (rng.random(n) < 0.2).astype(int)
    frame["age"], frame["deleted"] = rng.normal(size=n), (frame["class"] != "none").astype(int)
    frame["age"] = (frame["age"] - frame["age"].mean()) / frame["age"].std(ddof=0)
    died, end = rng.exponential(20.0 * np.exp(-0.8 * frame["deleted"] - 0.2 * frame["age"])), rng.uniform(3.0, 9.0, n)
    frame["time"], frame["status"] = np.minimum(died, end), (died <= end).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "patients.csv", Path(folder) / "race.R"
        frame.to_csv(data, index=False)
        script.write_text(BRMS)
        done = subprocess.run(["Rscript", str(script), str(data)], capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    endpoint = iko.endpoint_from_columns(frame, time="time", status="status", causes={1: "relapse"}, time_unit="years")
    spec = iko.hierarchical_spec(
        classes="class", subtype="subtype", cells=False, alterations=["pax5"], covariates=["age"], cuts=(),
        pooling="superpopulation",
    )  # fmt: skip
    iko.sample(endpoint, spec, seed=1, draws=100, tune=100)
    posterior = iko.sample(endpoint, spec, seed=1)
    values = np.stack([own.values for own in quantities(posterior.reduced, posterior.sampled[0].drawn)], axis=-1)
    ours = {"ours": float(np.nanmin(diagnose(values).ess_bulk)), "ours_seconds": posterior.sampled[0].chains.seconds}
    return dict(json.loads(done.stdout.splitlines()[-1])) | ours


def hyper_parameters(reduced: Any) -> int:
    """How many spreads, levels and drifts stand at the end of the quantities."""
    own = reduced.models[0]
    return sum(part.family.kind for part in own.effects) + own.baseline.n_strata + bool(len(own.baseline.step))


def told(name: str, names: set[str]) -> bool:
    """Whether a variable of PyMC is an effect, a spread, a level or the drift, and not what one is made of."""
    return not name.endswith((": step", ": log hazard")) and f"{name} effect" not in names


def apart(*words: str) -> dict[str, Any]:
    """What a measurement in an interpreter of its own says."""
    done = subprocess.run([sys.executable, str(Path(__file__)), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure, print, compare with the goals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--no-race", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--against", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one or given.against:
        print(json.dumps(timed(given.one) if given.one else race(given.against)))
        return
    print(f"{platform.python_version()}, {os.cpu_count()} processors; 4 chains x (1000 + 1000), relapse and other")
    print("patients  patterns  first s  next s  goal s  tries   least ESS  R-hat  divergences  memory MB")
    notes = []
    for n in given.sizes:
        row = apart("--one", str(n))
        tries = "/".join(str(number) for number in row["tries"])
        print(
            f"{n:8}  {row['patterns']:8}  {row['first']:7.2f}  {row['next']:6.2f}  {GOALS.get(n, np.nan):6.0f}  {tries:5}  "
            f"{row['ess']:9.0f}  {row['r_hat']:6.3f}  {row['divergences']:10}  {row['memory']:9.0f}"
        )
        notes += [f"{n}: {row['note']}"] * bool(row["note"])
    print(*notes, sep="\n")
    if not given.no_race:
        row = apart("--against", "1000")
        ours, theirs = row["ours"] / row["ours_seconds"], row["theirs"] / row["theirs_seconds"]
        print(
            f"relapse, 1000 patients, effective draws a second of sampling: {ours:.0f}; PyMC {row['pymc']} {theirs:.1f}",
            end="",
        )
        print(
            f" (with compilation {row['theirs'] / row['theirs_with_compilation']:.1f}): {ours / theirs:.0f} times", end=""
        )
        print(f", goal {FASTER:.0f}")
        found = against_brms(1000)
        if found is not None:
            mine, brms = found["ours"] / found["ours_seconds"], found["ess"] / found["seconds"]
            print(f"constant hazards, 1000 patients: {mine:.0f}; {found['program']} {brms:.1f}: {mine / brms:.0f} times")


if __name__ == "__main__":
    main()
