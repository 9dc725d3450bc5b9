# ruff: noqa: E402 - the number of threads is set before anything is imported
"""Hierarchical models of both causes, from the call of `sample` to the table; and against PyMC's own NUTS on one model.

    python benchmarks/bayes.py [--sizes 109 1000 10000 100000] [--no-race]

Simulated cohorts with subtype, protocol and two alterations; age and white cells up to 10,000 patients; relapse and all
other causes. 4 chains x (1000 + 1000), as many at a time as there are processors. Seconds of the clock: each size in an
interpreter of its own, with the imports and what was compiled before kept on disk; the first call, and one after it. The
effective size is the least of all quantities and log hazards of the table.
"""

from __future__ import annotations

import os

for _library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_THREADS"] = "1"

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

SIZES = (109, 1000, 10_000, 100_000)
GOALS = {109: 4.0, 1000: 4.0, 10_000: 10.0, 100_000: 60.0}
"""Seconds from the call to the table."""
FASTER = 20.0
"""Effective draws a second, against PyMC's own."""
LARGEST_WITH_NUMBERS = 10_000


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


if __name__ == "__main__":
    main()
