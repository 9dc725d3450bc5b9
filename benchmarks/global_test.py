# ruff: noqa: E402 - the number of threads is set before anything is imported
"""How long the global test takes: 1,008 features, an adjuster, 10,000 permutations; CPU time, one thread."""

from __future__ import annotations

import os

for _library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_THREADS"] = "1"

import time

import numpy as np
import pandas as pd

import ikzf1_outcomes as iko


def endpoint_of(rng: np.random.Generator, n: int) -> iko.Endpoint:
    """Exponential times, about four in ten with an event."""
    event, end = rng.exponential(size=n), rng.uniform(0.2, 1.0, n)
    frame = pd.DataFrame({"t": np.minimum(event, end), "s": (event <= end).astype(int), "age": rng.normal(size=n)})
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})


def main() -> None:
    """Print CPU seconds for kinome cohorts and for a larger one."""
    rng = np.random.default_rng(1)
    for n in (45, 109, 1000):
        endpoint, x = endpoint_of(rng, n), rng.normal(size=(n, 1008))
        iko.global_test(endpoint, x, adjust="age")
        for permutations in (0, 10_000):
            start = time.process_time()
            iko.global_test(endpoint, x, adjust="age", permutations=permutations, seed=1)
            print(f"{n:5d} patients, {permutations:6d} permutations: {time.process_time() - start:.3f} s")


if __name__ == "__main__":
    main()
