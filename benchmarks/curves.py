# ruff: noqa: E402 - the number of threads is set before anything is imported
"""Time curves, tests and Cox regression against lifelines, statsmodels and, where R is installed, survival and cmprsk.

`make bench` runs this file. One simulated data set for each size: whole-day times over eight years, two causes, four
groups, ten covariates. Every program gets the same arrays. One thread; process CPU time; one warm-up, then the median of
several repetitions. Each task runs in a process of its own (a fork that already holds the data), so that its peak memory
is its own. The report ends with the goals and whether they were reached; the exit status is 0 either way.
"""

from __future__ import annotations

import os

for _library in ("OMP_NUM", "OPENBLAS_NUM", "MKL_NUM", "NUMEXPR_NUM", "NUMBA_NUM", "VECLIB_MAXIMUM"):
    os.environ[f"{_library}_THREADS"] = "1"

import argparse
import json
import pickle
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lifelines
import lifelines.statistics
import numpy as np
import pandas as pd
import statsmodels
import statsmodels.duration.api as sm_duration
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff

import ikzf1_outcomes as iko
from ikzf1_outcomes.curves.survival import all_causes
from ikzf1_outcomes.kernels.incidence import aalen_johansen
from ikzf1_outcomes.kernels.risk import sort_rows, tally

SIZES = (1_000, 10_000, 100_000, 1_000_000)
GOAL_SIZE = 100_000
CAUSES = {1: "relapse", 2: "death"}
GROUPS = ("none", "ik6", "whole", "other")
FIVE_YEARS = 5 * 365.25
COVARIATES = [f"x{number}" for number in range(10)]
COVARIATES_IN_R = 100_000
TASKS = {
    "endpoint": "Making the Endpoint",
    "km": "Kaplan-Meier, one group",
    "cif": "Incidence of 2 causes in 4 groups, with variance",
    "logrank": "Log-rank test, 4 groups",
    "gray": "Gray's test, 4 groups",
    "cox": "Cox regression, Efron's ties, 10 covariates",
}
NUMBERS = {
    "km": "survival at 5 years",
    "cif": "relapse at 5 years in the second group",
    "logrank": "the statistic",
    "gray": "the statistic",
    "cox": "the first coefficient",
}


class Data(NamedTuple):
    """One simulated data set, in the shapes that the programs take."""

    frame: pd.DataFrame
    endpoint: iko.Endpoint
    days: np.ndarray
    cause: np.ndarray
    event: np.ndarray
    group: np.ndarray
    x: np.ndarray


class Runner(NamedTuple):
    """One way to do a task."""

    task: str
    program: str
    run: Callable[[Data], Any]
    value: Callable[[Any], float] | None = None
    """A number of the answer, to see that everybody did the same."""
    largest: int = SIZES[-1]


class Result(NamedTuple):
    """What one runner took."""

    task: str
    program: str
    seconds: float
    peak_mb: float
    value: float = float("nan")


def simulate(n: int) -> Data:
    """Whole-day ties over eight years, about 11 % relapses and 5 % deaths first, four unequal groups."""
    rng = np.random.default_rng([2015, n])
    x = rng.standard_normal((n, len(COVARIATES)))
    group = rng.choice(4, n, p=[0.7, 0.1, 0.1, 0.1])
    risk = np.exp(0.3 * x[:, 0] - 0.2 * x[:, 1]) * np.array([1.0, 2.0, 1.8, 1.3])[group]
    relapse = rng.exponential(1 / (0.021 * risk))
    death = rng.exponential(1 / 0.0115, n)
    last = rng.uniform(2.0, 8.0, n)
    years = np.minimum(np.minimum(relapse, death), last)
    cause = np.where(years == last, 0, np.where(relapse < death, 1, 2))
    days = np.floor(years * 365.25)
    frame = pd.DataFrame(x, columns=COVARIATES)
    frame["days"], frame["cause"] = days, cause
    frame["group"] = pd.Categorical.from_codes(group, categories=list(GROUPS))
    return Data(frame, make(frame), days, cause, (cause > 0).astype(int), group, x)


def make(frame: pd.DataFrame) -> iko.Endpoint:
    return iko.endpoint_from_columns(frame, time="days", status="cause", causes=CAUSES)


def at_five(table: pd.DataFrame) -> float:
    return float(table["estimate"].iloc[0])


def relapse_of_second(table: pd.DataFrame) -> float:
    return float(table.loc[(table["group"] == GROUPS[1]) & (table["cause"] == "relapse"), "estimate"].iloc[0])


def statistic(test: Any) -> float:
    return float(test.statistic)


def km_kernel(data: Data) -> Any:
    e = data.endpoint
    table = tally(e.rows, e.cause, e.case_weights, np.zeros(len(e), dtype=np.int32), 1, 2)
    return aalen_johansen(all_causes(table))


def cif_kernel(data: Data) -> Any:
    e = data.endpoint
    return aalen_johansen(tally(e.rows, e.cause, e.case_weights, e.groups("group").codes, 4, 2))


def everything_of_cuminc(data: Data) -> Any:
    tests = [iko.gray_test(data.endpoint, "group", cause=cause) for cause in CAUSES.values()]
    return iko.cumulative_incidence(data.endpoint, "group", variance="cmprsk"), tests


def lifelines_cif(data: Data) -> Any:
    fits = []
    for group in range(4):
        own = data.group == group
        for cause in (1, 2):
            fitter = lifelines.AalenJohansenFitter(calculate_variance=True)
            fits.append(fitter.fit(data.days[own], data.cause[own], event_of_interest=cause))
    return fits


def statsmodels_cif(data: Data) -> Any:
    return [CumIncidenceRight(data.days[data.group == g], data.cause[data.group == g]) for g in range(4)]


def step(times: np.ndarray, values: np.ndarray) -> float:
    """A step function read at five years."""
    return float(values[np.searchsorted(times, FIVE_YEARS, side="right") - 1])


def lifelines_step(frame: pd.DataFrame) -> float:
    return step(frame.index.to_numpy(), frame.iloc[:, 0].to_numpy())


def runners() -> list[Runner]:
    ll, sm = f"lifelines {lifelines.__version__}", f"statsmodels {statsmodels.__version__}"
    return [
        Runner("endpoint", "ours", lambda d: make(d.frame)),
        Runner("endpoint", "of which the sort", lambda d: sort_rows(d.days)),
        Runner("km", "ours", lambda d: iko.kaplan_meier(d.endpoint), lambda r: at_five(r.tidy([FIVE_YEARS]))),
        Runner("km", "ours, kernel alone", km_kernel),
        Runner("km", "ours, with the table of limits", lambda d: iko.kaplan_meier(d.endpoint).tidy()),
        Runner("km", f"SurvfuncRight ({sm})", lambda d: SurvfuncRight(d.days, d.event),
               lambda r: step(r.surv_times, r.surv_prob)),
        Runner("km", f"KaplanMeierFitter ({ll})", lambda d: lifelines.KaplanMeierFitter().fit(d.days, d.event),
               lambda r: lifelines_step(r.survival_function_)),
        Runner("cif", "ours", lambda d: iko.cumulative_incidence(d.endpoint, "group"),
               lambda r: relapse_of_second(r.tidy([FIVE_YEARS]))),
        Runner("cif", "ours, kernel alone", cif_kernel),
        Runner("cif", "ours, cuminc's variance",
               lambda d: iko.cumulative_incidence(d.endpoint, "group", variance="cmprsk")),
        Runner("cif", "ours, with the table of limits", lambda d: iko.cumulative_incidence(d.endpoint, "group").tidy()),
        Runner("cif", f"CumIncidenceRight ({sm})", statsmodels_cif, lambda r: step(r[1].times, r[1].cinc[0])),
        Runner("cif", f"AalenJohansenFitter ({ll})", lifelines_cif,
               lambda r: lifelines_step(r[2].cumulative_density_), 100_000),
        Runner("logrank", "ours", lambda d: iko.logrank_test(d.endpoint, "group"), statistic),
        Runner("logrank", f"survdiff ({sm})", lambda d: survdiff(d.days, d.event, d.group), lambda r: float(r[0])),
        Runner("logrank", f"multivariate_logrank_test ({ll})",
               lambda d: lifelines.statistics.multivariate_logrank_test(d.days, d.group, d.event),
               lambda r: float(r.test_statistic)),
        Runner("gray", "ours", lambda d: iko.gray_test(d.endpoint, "group", cause="relapse"), statistic),
        Runner("gray", "ours, both causes and the incidence", everything_of_cuminc),
        Runner("cox", "ours", lambda d: iko.cox(d.endpoint, COVARIATES), lambda r: float(r.tidy()["estimate"].iloc[0])),
        Runner("cox", f"PHReg ({sm})", lambda d: sm_duration.PHReg(d.days, d.x, d.event, ties="efron").fit(),
               lambda r: float(r.params[0]), 100_000),
        Runner("cox", f"CoxPHFitter ({ll})",
               lambda d: lifelines.CoxPHFitter().fit(d.frame[[*COVARIATES, "days"]].assign(event=d.event), "days", "event"),
               lambda r: float(r.params_.iloc[0])),
    ]  # fmt: skip


def peak_mb() -> float:
    """Largest resident size of this process so far, in MB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


def cpu(run: Callable[[Data], Any], data: Data, times: int = 1) -> float:
    start = time.process_time()
    for _ in range(times):
        run(data)
    return (time.process_time() - start) / times


def measure(runner: Runner, data: Data) -> Result:
    """Warm up once, then the median of several batches."""
    before = peak_mb()
    answer = runner.run(data)
    memory = peak_mb() - before
    value = float("nan") if runner.value is None else runner.value(answer)
    del answer
    one = cpu(runner.run, data)
    inner = max(1, int(0.03 / max(one, 1e-6)))
    batches = int(np.clip(0.6 / max(one * inner, 1e-6), 3, 9)) if one < 3 else 1
    seconds = statistics.median([cpu(runner.run, data, inner) for _ in range(batches)]) if batches > 1 else one
    return Result(runner.task, runner.program, seconds, memory, value)


def in_a_fork(runner: Runner, data: Data) -> Result | str:
    """Measure in a child, whose peak memory starts from what it inherits."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outcome: Any = measure(runner, data)
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        with os.fdopen(write, "wb") as pipe:
            pickle.dump(outcome if isinstance(outcome, str) else tuple(outcome), pipe)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    outcome = pickle.loads(content) if content else "the process ended without an answer"
    return outcome if isinstance(outcome, str) else Result(*outcome)


def in_r(data: Data, folder: Path) -> Iterator[Result]:
    """The R programs on the same data, through csv files."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return
    table, covariates = folder / "data.csv", folder / "covariates.csv"
    pd.DataFrame({"days": data.days.astype(int), "cause": data.cause, "group": data.group}).to_csv(table, index=False)
    with_cox = len(data.days) <= COVARIATES_IN_R
    if with_cox:
        data.frame[COVARIATES].to_csv(covariates, index=False)
    script = Path(__file__).with_name("race.R")
    command = [rscript, "--vanilla", str(script), str(table), str(covariates) if with_cox else "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            yield Result(**json.loads(line))
    if done.returncode:
        print(f"R stopped early: {' '.join(done.stderr.split())}")


def shown(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} us"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def ratio(result: Result, base: Result | None) -> str:
    return "" if base is None else f"{result.seconds / base.seconds:.3g}"


def report(n: int, results: list[Result], left_out: list[tuple[str, str, int]], failed: list[str]) -> None:
    """The table of one size."""
    by_name = {(r.task, r.program): r for r in results}
    print(f"\nn = {n:,}")
    print(f"  {'':55s} {'CPU time':>9s} {'x ours':>8s} {'x kernel':>9s} {'peak MB':>8s}  differs from ours by")
    for task, title in TASKS.items():
        print(f"  {title}")
        ours, kernel = by_name.get((task, "ours")), by_name.get((task, "ours, kernel alone"))
        for result in (r for r in results if r.task == task):
            peer = not result.program.startswith(("ours", "of which"))
            difference = ""
            if peer and ours is not None and ours.value == ours.value:
                difference = f"{abs(result.value - ours.value) / abs(ours.value):.0e}"
            columns = (ratio(result, ours), ratio(result, kernel) if peer else "")
            print(f"    {result.program:53s} {shown(result.seconds):>9s} {columns[0]:>8s} {columns[1]:>9s} "
                  f"{max(result.peak_mb, 0):8.0f}  {difference}")  # fmt: skip
        for _, program, largest in (item for item in left_out if item[0] == task):
            print(f"    {program:53s} left out above n = {largest:,}")
    for message in failed:
        print(f"  failed: {message}")


def race(n: int) -> list[Result]:
    """All programs on one data set."""
    data = simulate(n)
    results, left_out, failed = [], [], []
    for runner in runners():
        if n > runner.largest:
            left_out.append((runner.task, runner.program, runner.largest))
            continue
        outcome = in_a_fork(runner, data)
        if isinstance(outcome, str):
            failed.append(f"{runner.task}, {runner.program}: {outcome}")
        else:
            results.append(outcome)
    with tempfile.TemporaryDirectory() as folder:
        results += list(in_r(data, Path(folder)))
    if shutil.which("Rscript"):
        left_out += [("cif", "survfit, multi-state (survival)", 10_000)] if n > 10_000 else []
        left_out += [("cox", "coxph (survival)", COVARIATES_IN_R)] if n > COVARIATES_IN_R else []
    report(n, results, left_out, failed)
    return results


IMPORT = "import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
FIRST_CURVE = """
import numpy as np, pandas as pd, time
import ikzf1_outcomes as iko
d = pd.DataFrame({"t": np.arange(100) % 37 + 1.0, "s": np.arange(100) % 3 // 2})
iko.kaplan_meier(iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})).tidy(times=[5])
print(time.time())
"""


def printed(code: str) -> float:
    """The number that a fresh interpreter prints; NaN when it fails."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return float("nan") if done.returncode else float(done.stdout)


def starting() -> tuple[dict[str, float], float]:
    """Best of 10 of imports, in turns; median of 5 of the time from process start to a curve, kernels cached."""
    statements = {
        "import pandas": "import pandas",
        "import ikzf1_outcomes": "import ikzf1_outcomes",
        "from ikzf1_outcomes import kaplan_meier": "from ikzf1_outcomes import kaplan_meier",
    }
    best = dict.fromkeys(statements, float("inf"))
    for _ in range(10):
        for name, statement in statements.items():
            best[name] = min(best[name], printed(IMPORT.format(statement=statement)))
    waits = []
    for _ in range(6):
        start = time.time()
        waits.append(printed(FIRST_CURVE) - start)
    return best, statistics.median(waits[1:])


def find(results: list[Result], task: str, program: str) -> float:
    """Seconds of the first program whose name starts so; NaN where it did not run."""
    return next((r.seconds for r in results if r.task == task and r.program.startswith(program)), float("nan"))


def verdict(text: str, value: float, reached: bool, unit: str = "x") -> None:
    known = value == value
    word = ("reached" if reached else "NOT REACHED") if known else "not measured here"
    print(f"  {text:82s} {f'{value:.3g} {unit}' if known else '':>10s}  {word}")


def goals(results: dict[int, list[Result]], best: dict[str, float], first_curve: float) -> None:
    """Each goal of the project beside what was measured."""
    print("\nGoals")
    if GOAL_SIZE in results:
        here = results[GOAL_SIZE]
        cif, kernel = find(here, "cif", "ours"), find(here, "cif", "ours, kernel")
        for program, times in (("cuminc, tests", 10), ("cuminc group", 10), ("AalenJohansenFitter", 100)):
            gain = find(here, "cif", program) / cif
            verdict(f"n = 1e5, incidence in 4 groups: {times} x {program}", gain, gain >= times)
        for program in ("cuminc, tests", "cuminc group"):
            gain = find(here, "cif", program) / kernel
            verdict(f"n = 1e5, incidence kernel: 40 x {program}", gain, gain >= 40)
        gain = find(here, "km", "SurvfuncRight") / find(here, "km", "ours")
        verdict("n = 1e5, Kaplan-Meier: at least as fast as statsmodels", gain, gain >= 1)
    for task in ("km", "cif", "logrank", "gray") if SIZES[-1] in results else ():
        seconds = find(results[SIZES[-1]], task, "ours")
        verdict(f"n = 1e6, {TASKS[task]}: under 0.1 s after the sort", seconds, seconds < 0.1, "s")
    share = best["import ikzf1_outcomes"] / best["import pandas"]
    verdict("import ikzf1_outcomes: at most 1.3 x import pandas (best of 10)", share, share <= 1.3)
    verdict("kaplan_meier on 100 rows: done 1.5 s after process start", first_curve, first_curve <= 1.5, "s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="N")
    sizes = parser.parse_args().sizes
    start = time.monotonic()
    print(f"Python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}; one thread, CPU time.")
    print("'x ours', 'x kernel': the program's time divided by ours, and by that of our compiled kernel.")
    print("'peak MB': growth of the resident memory of its process; for R, growth of its heap.")
    print("'differs': relative difference of one number of the answer:")
    for task, number in NUMBERS.items():
        print(f"    {TASKS[task]}: {number}")
    small = simulate(500)
    for runner in runners():  # compiled kernels and lazy imports are then in every fork
        if runner.program.startswith("ours"):
            runner.run(small)
    results = {n: race(n) for n in sizes}
    best, first_curve = starting()
    print("\nStarting, in fresh interpreters (wall time of the import, pandas included)")
    for name, seconds in best.items():
        print(f"  {name:55s} {shown(seconds):>9s} {seconds / best['import pandas']:8.3g} x import pandas")
    goals(results, best, first_curve)
    print(f"\n{time.monotonic() - start:.0f} s in all.")


if __name__ == "__main__":
    main()
