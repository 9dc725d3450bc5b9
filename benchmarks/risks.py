# ruff: noqa: E402 - the number of threads is set before anything is imported
"""Standardised risks from draws of piecewise constant hazards: seconds, and nanoseconds a draw, pattern and piece.

    python benchmarks/risks.py [--draws 1000] [--patterns 800]

Five groups with the same patterns, as when everybody is given each class in turn; eight intervals, two causes, five strata;
curves at 5 and at 51 times. One thread; process CPU time; one warm-up, then the median of several repetitions. Plain numpy
works out the first draws beside it and must find the same; the report ends with the goal.
"""

from __future__ import annotations

import os

for _library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_THREADS"] = "1"

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ikzf1_outcomes.kernels.piecewise_risks import merge, piecewise_risks

GROUPS, STRATA, CAUSES = 5, 5, 2
CUTS = np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
TIMES = {"5 times": np.array([1.0, 2.0, 3.0, 5.0, 8.0]), "51 times": np.linspace(0.0, 10.0, 51)}
HAZARDS = {"hazards around 0.08": -2.5, "hazards around 0.6": -0.5}
GOAL, AGREE, COMPARED = 10.0, 1e-11, 5


def posterior(draws: int, patterns: int, mean: float) -> dict[str, Any]:
    """Levels and effects as a sampler would give them, and the patterns once in each group."""
    rng = np.random.default_rng(11)
    n = GROUPS * patterns
    return {
        "level": rng.normal(mean, 0.5, (draws, CAUSES, STRATA, len(CUTS) + 1)),
        "effect": rng.normal(0.0, 0.6, (draws, CAUSES, n)),
        "stratum": np.tile(rng.integers(0, STRATA, patterns), GROUPS),
        "weight": np.tile(rng.integers(1, 5, patterns).astype(float), GROUPS),
        "group": np.repeat(np.arange(GROUPS), patterns),
    }


def in_numpy(given: dict[str, Any], times: np.ndarray) -> np.ndarray:
    """Incidences at the times with arrays of draws x causes x patterns x pieces."""
    ends = np.union1d(CUTS, np.append(times, 0.0))
    at = np.searchsorted(CUTS, ends[1:])
    hazard = np.exp(given["level"][:, :, given["stratum"]][..., at] + given["effect"][..., None])
    total = hazard.sum(axis=1)
    reached = np.cumsum(total * np.diff(ends), axis=2)
    survival = np.exp(-np.concatenate((np.zeros((*total.shape[:2], 1)), reached), axis=2))
    risk = np.cumsum(hazard * (-np.diff(survival) / total)[:, None], axis=3)
    risk = np.concatenate((np.zeros((*risk.shape[:3], 1)), risk), axis=3)[..., np.searchsorted(ends, times)]
    parts = risk.reshape(*risk.shape[:2], GROUPS, -1, len(times))
    return np.average(parts, axis=3, weights=given["weight"].reshape(GROUPS, -1)[0])


def clock(run: Callable[[], Any], repeats: int) -> float:
    """CPU seconds of one run."""
    run()
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        run()
        found.append(time.process_time() - begin)
    return statistics.median(found)


def main() -> None:
    """Time and print; exit status 1 where numpy finds something else."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--patterns", type=int, default=800)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    print(f"Python {platform.python_version()}, numpy {np.__version__}; one thread, CPU time.")
    print(
        f"{GROUPS} groups x {asked.draws:,} draws x {asked.patterns:,} patterns, {len(CUTS) + 1} intervals, {CAUSES} causes"
    )
    wrong, slowest = False, {}
    for name, mean in HAZARDS.items():
        given = posterior(asked.draws, asked.patterns, mean)
        few = {**given, "level": given["level"][:COMPARED], "effect": given["effect"][:COMPARED]}
        for label, times in TIMES.items():
            pieces = len(merge(CUTS, times).width)
            cells = asked.draws * GROUPS * asked.patterns * pieces
            seconds = clock(partial(piecewise_risks, **given, cuts=CUTS, times=times), asked.repeats)
            each = clock(partial(in_numpy, few, times), asked.repeats) / len(few["level"]) * asked.draws
            same = np.allclose(piecewise_risks(**few, cuts=CUTS, times=times).incidence, in_numpy(few, times), AGREE, AGREE)
            wrong |= not same
            slowest[name, label] = nanoseconds = 1e9 * seconds / cells
            print(f"  {name}, {label} ({pieces} pieces): {seconds:8.3f} s  {nanoseconds:6.2f} ns a piece; "
                  f"incidences alone in numpy {each:6.1f} s{'' if same else ': OTHER INCIDENCES'}")  # fmt: skip
    print("\nGoal")
    for (name, label), nanoseconds in slowest.items():
        word = "reached" if nanoseconds < GOAL else "NOT REACHED"
        print(f"  {name}, {label}: under {GOAL:g} ns a piece: {nanoseconds:.3g} ns, {word}")
    raise SystemExit(int(wrong))


if __name__ == "__main__":
    main()
