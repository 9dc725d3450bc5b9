# ruff: noqa: E402 - the number of threads is set before anything is imported
"""MLPA runs, SEG files, classes, profiles, uncertain calls and co-occurrence: time and memory at the size of a registry.

`make bench` runs this file. Each task runs in a fresh interpreter that makes its own input; the clock starts when the
input is there, after one run on a small input. One thread. The peak is that of the whole process, its input included.
Where R is installed, fisher.test does the pairs of alterations on the same table, and must find the same p-values. The
report ends with the goals and whether they were reached; the exit status is 0 either way.
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
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

import ikzf1_outcomes as iko
from ikzf1_outcomes.genome.calls import COPY_NUMBERS, IKZF1_CLASSES
from ikzf1_outcomes.genome.copy_number import expected_quotient
from ikzf1_outcomes.genome.cytogenetics import LESION_OF
from ikzf1_outcomes.genome.loci import CHROMOSOME_LENGTHS
from ikzf1_outcomes.simulate.peaks import ASSAY, amplitudes, exon_copies

SAMPLES, SEGMENTS, PATIENTS = 100_000, 5_000_000, 1_000
RUN, PROBES, CONTROLS = 24, 50, 13
SEGMENTS_OF_SAMPLE = 100
CNA = ("cdkn2a", "cdkn2b", "par1", "btg1", "ebf1", "pax5", "etv6", "rb1")
BY_CLASS = {"none": 0.84, "whole_gene": 0.04, "ik6": 0.04, "del_4_8": 0.03, "other": 0.04, "gain": 0.01}


class Task(NamedTuple):
    """Something that is timed: what makes its input from a size, what is done with it, and how large the input is."""

    title: str
    make: Callable[[int, Path], Any]
    run: Callable[[Any], Any]
    size: int
    small: int
    value: Callable[[Any], float] | None = None
    """A number of the answer, where another program computes it too."""


class Result(NamedTuple):
    """What a task took."""

    wall: float
    cpu: float
    peak_mb: float
    input_mb: float
    value: float = float("nan")


def mlpa_run(n: int, folder: Path, replicates: int = 1) -> pd.DataFrame:
    """Peaks of 50 probes in runs of 24 samples: 8 exons of IKZF1, 29 probes of other genes, 13 control probes."""
    rng = np.random.default_rng([1, n])
    classes = pd.Series(rng.choice(list(BY_CLASS), n, p=list(BY_CLASS.values())))
    others = PROBES - CONTROLS - 8
    copies = np.column_stack([exon_copies(classes, rng), rng.choice([1, 2], (n, others), p=[0.1, 0.9])])
    share = rng.beta(18.0, 3.0, n)
    dose = np.column_stack([expected_quotient(copies, share[:, None]), np.ones((n, CONTROLS))])
    names = [f"IKZF1_e{exon}" for exon in range(1, 9)] + [f"GENE{k // 3 + 1}_e{k % 3 + 1}" for k in range(others)]
    names += [f"control_{k + 1}" for k in range(CONTROLS)]
    parts = []
    for replicate in range(replicates):
        peaks = np.round(amplitudes(rng, dose.shape, ASSAY) * dose * np.exp(rng.normal(0.0, 0.04, dose.shape)))
        table = pd.DataFrame(peaks.astype(np.int64), columns=names)
        table.insert(0, "sample", [f"s{k}" for k in range(n)])
        table.insert(1, "run", np.arange(n) // RUN)
        table.insert(2, "blasts", share.round(2))
        table.insert(3, "replicate", replicate)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def call_run(frame: pd.DataFrame) -> Any:
    return iko.call_mlpa(frame, run="run", replicate="replicate", blasts="blasts")


def seg_file(n: int, folder: Path) -> Path:
    """`n` segments, 100 a sample, over chromosomes 1 to 22 and X of hg19; one in twelve has lost a copy."""
    rng = np.random.default_rng([2, n])
    samples, chromosomes = n // SEGMENTS_OF_SAMPLE, [*map(str, range(1, 23)), "X"]
    number = np.full(len(chromosomes), SEGMENTS_OF_SAMPLE // len(chromosomes))
    number[6] += SEGMENTS_OF_SAMPLE - number.sum()  # what is left over lies on chromosome 7
    start, end = [], []
    for chromosome, k in zip(chromosomes, number, strict=True):
        upto = np.cumsum(rng.random((samples, k)) + 0.05, axis=1)
        last = np.floor(upto / upto[:, -1:] * CHROMOSOME_LENGTHS["hg19"][chromosome]).astype(np.int64)
        start.append(np.column_stack([np.ones(samples, dtype=np.int64), last[:, :-1] + 1]))
        end.append(last)
    rows = samples * SEGMENTS_OF_SAMPLE
    lost = rng.random(rows) < 1 / 12
    columns = {
        "ID": np.repeat([f"sample_{k}" for k in range(samples)], SEGMENTS_OF_SAMPLE),
        "chrom": np.tile(np.repeat(chromosomes, number), samples),
        "loc.start": np.concatenate(start, axis=1).ravel(),
        "loc.end": np.concatenate(end, axis=1).ravel(),
        "num.mark": rng.integers(3, 900, rows),
        "seg.mean": np.round(rng.normal(0.0, 0.06, rows) - 0.8 * lost, 4),
    }
    path = folder / "cohort.seg"
    style = pa_csv.WriteOptions(delimiter="\t", quoting_style="none")
    pa_csv.write_csv(pa.table(columns), str(path), style)
    return path


def read_and_call(path: Path) -> Any:
    return iko.call_segments(iko.read_segments(path), build="hg19")


def read_and_call_with_purity(path: Path) -> Any:
    return iko.call_segments(iko.read_segments(path), build="hg19", purity=0.8)


def exon_calls(n: int, folder: Path) -> pd.DataFrame:
    """Calls of eight exons drawn one by one, so that nearly all combinations occur: harder than any cohort."""
    rng = np.random.default_rng([3, n])
    words = rng.choice(COPY_NUMBERS, (n, 8), p=[0.6, 0.2, 0.05, 0.03, 0.08, 0.02, 0.02])
    return pd.DataFrame(words, columns=[str(exon) for exon in range(1, 9)])


def profiles(n: int, folder: Path) -> pd.DataFrame:
    rng = np.random.default_rng([4, n])
    calls = rng.choice(COPY_NUMBERS, (n, len(CNA)), p=[0.75, 0.12, 0.03, 0.02, 0.04, 0.02, 0.02])
    return pd.DataFrame(calls, columns=list(CNA)).assign(ikzf1_class=rng.choice(IKZF1_CLASSES, n))


def lesions(n: int, folder: Path) -> pd.DataFrame:
    rng = np.random.default_rng([5, n])
    frame = pd.DataFrame({
        column: pd.array(rng.random(n) < 0.05, dtype="boolean")
        for column in (*LESION_OF.values(), "masked_hypodiploid")
    })  # fmt: skip
    frame = frame.mask(rng.random(frame.shape) < 0.05)
    chromosomes = np.where(rng.random(n) < 0.3, rng.integers(51, 68, n), 46)
    return frame.assign(chromosomes=pd.array(chromosomes, dtype="Int64")).mask(
        rng.random((n, len(frame.columns) + 1)) < 0.02
    )


def uncertain(n: int, folder: Path) -> tuple[Any, pd.DataFrame]:
    """Times of two causes and P(class) from simulated peaks."""
    from ikzf1_outcomes.simulate import simulate_cohort, simulate_mlpa

    cohort = simulate_cohort(n, seed=6)
    run = simulate_mlpa(cohort, seed=6)
    calls = iko.call_mlpa(run.peaks, run="run", blasts="blasts")
    frame = cohort.frame.set_index("id")
    rng = np.random.default_rng([6, n])
    deleted = ~frame["ikzf1_class"].isin(["none", "gain"]).to_numpy()
    relapse = rng.exponential(1 / np.where(deleted, 0.12, 0.04))
    death, end = rng.exponential(1 / 0.03, n), rng.uniform(3.0, 9.0, n)
    time_ = np.minimum(np.minimum(relapse, death), end)
    table = pd.DataFrame({"t": time_, "s": np.where(time_ == end, 0, np.where(time_ == relapse, 1, 2))})
    table["ikzf1_class"] = calls.classes["ikzf1_class"].reindex(frame.index).to_numpy()
    endpoint = iko.endpoint_from_columns(table, time="t", status="s", causes={1: "relapse", 2: "death"})
    return endpoint, calls.probabilities.reindex(frame.index).reset_index(drop=True)


def draw_classes(given: tuple[Any, pd.DataFrame]) -> Any:
    return iko.call_uncertainty(*given, cause="relapse", at=5.0, draws=50, seed=1)


def alterations(n: int, folder: Path) -> pd.DataFrame:
    """Twelve alterations that share a common cause."""
    rng = np.random.default_rng([7, n])
    chance = np.linspace(0.05, 0.4, 12) * rng.choice([0.6, 1.6], (n, 1))
    return pd.DataFrame(rng.random((n, 12)) < chance, columns=[f"a{k}" for k in range(12)])


def pairs(frame: pd.DataFrame) -> pd.DataFrame:
    return iko.cooccurrence(frame, list(frame.columns))


def mean_p(table: pd.DataFrame) -> float:
    return float(table["p_value"].mean())


def mlpa_in_duplicate(n: int, folder: Path) -> pd.DataFrame:
    return mlpa_run(n, folder, replicates=2)


TASKS = {
    "mlpa": Task("call_mlpa, samples x 50 probes in runs of 24", mlpa_run, call_run, SAMPLES, 240),
    "mlpa_twice": Task("call_mlpa, the same in duplicate", mlpa_in_duplicate, call_run, SAMPLES, 240),
    "seg": Task("read_segments and call_segments, by thresholds", seg_file, read_and_call, SEGMENTS, 1_000),
    "seg_purity": Task("the same with a purity", seg_file, read_and_call_with_purity, SEGMENTS, 1_000),
    "classes": Task("classify_ikzf1, all combinations of calls", exon_calls, iko.classify_ikzf1, SAMPLES, 100),
    "cna": Task("uk_all_cna", profiles, iko.uk_all_cna, SAMPLES, 100),
    "hierarchy": Task("cytogenetic_hierarchy", lesions, iko.cytogenetic_hierarchy, SAMPLES, 100),
    "uncertain": Task("call_uncertainty, 50 draws given the outcome", uncertain, draw_classes, PATIENTS, 400),
    "pairs": Task("cooccurrence, 12 alterations, 66 pairs", alterations, pairs, PATIENTS, 200, mean_p),
}


def peak_mb() -> float:
    """Largest resident size of this process so far, in MB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


def measure(name: str, share: float, repeats: int) -> Result:
    """One task in this process: a small run first, then the median of the repetitions."""
    task = TASKS[name]
    size = max(int(task.size * share), task.small)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        task.run(task.make(task.small, folder))
        given = large_file(size, folder) if task.make is seg_file else task.make(size, folder)
        before, walls, cpus = peak_mb(), [], []
        for _ in range(repeats):
            answer = None  # two answers at a time would count double
            start, clock = time.perf_counter(), time.process_time()
            answer = task.run(given)
            walls.append(time.perf_counter() - start)
            cpus.append(time.process_time() - clock)
        value = float("nan") if task.value is None else task.value(answer)
    return Result(statistics.median(walls), statistics.median(cpus), peak_mb(), before, value)


def large_file(size: int, folder: Path) -> Path:
    """The SEG file, written by a process of its own, so that its making is no part of the peak."""
    code = "import sys; from pathlib import Path; import genome; genome.seg_file(int(sys.argv[1]), Path(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", code, str(size), str(folder)], check=True, cwd=Path(__file__).parent)
    return folder / "cohort.seg"


def in_a_fresh_process(name: str, share: float, repeats: int) -> Result | str:
    command = [sys.executable, __file__, "--measure", name, "--share", str(share), "--repeats", str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return " ".join(done.stderr.split())[-200:]
    return Result(**json.loads(done.stdout.splitlines()[-1]))


def in_r(share: float) -> dict[str, Any] | None:
    """fisher.test over the same pairs; None without R."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None
    with tempfile.TemporaryDirectory() as place:
        table = Path(place, "alterations.csv")
        task = TASKS["pairs"]
        frame = task.make(max(int(task.size * share), task.small), Path(place))
        frame.astype(int).to_csv(table, index=False)
        script = Path(__file__).with_name("race_genome.R")
        done = subprocess.run([rscript, "--vanilla", str(script), str(table)], capture_output=True, text=True, check=False)
    answer: dict[str, Any] | None = json.loads(done.stdout) if done.returncode == 0 else None
    return answer


def shown(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def verdict(text: str, value: float, most: float, unit: str) -> None:
    print(f"  {text:66s} {value:10.3g} {unit:4s} {'reached' if value < most else 'NOT REACHED'}")


def report(results: dict[str, Result | str], share: float) -> None:
    print(f"\n  {'':50s} {'input':>10s} {'wall':>9s} {'CPU':>9s} {'peak MB':>8s} {'of which before':>16s}")
    for name, result in results.items():
        task = TASKS[name]
        size = f"{max(int(task.size * share), task.small):,}"
        if isinstance(result, str):
            print(f"  {task.title:50s} {size:>10s} failed: {result}")
            continue
        print(f"  {task.title:50s} {size:>10s} {shown(result.wall):>9s} {shown(result.cpu):>9s} "
              f"{result.peak_mb:8.0f} {result.input_mb:16.0f}")  # fmt: skip


def goals(results: dict[str, Result | str]) -> None:
    print("\nGoals")
    mlpa, seg = results.get("mlpa"), results.get("seg")
    if isinstance(mlpa, Result):
        verdict("call_mlpa, 1e5 samples x 50 probes: under 5 s", mlpa.cpu, 5.0, "s")
    if isinstance(seg, Result):
        verdict("5e6 segments read and called: under 20 s", seg.cpu, 20.0, "s")
        verdict("5e6 segments read and called: peak under 2 GiB", seg.peak_mb / 1024, 2.0, "GiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", choices=list(TASKS), help="do one task in this process and print its result")
    parser.add_argument("--share", type=float, default=1.0, metavar="F", help="a quicker look: F times the sizes")
    parser.add_argument("--repeats", type=int, default=3, metavar="N")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure, given.share, given.repeats)._asdict()))
        return
    start = time.monotonic()
    cores = os.cpu_count()
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}"
    print(f"{versions}; one thread of {cores} cores; median of {given.repeats}, each task in a fresh process.")
    results = {name: in_a_fresh_process(name, given.share, given.repeats) for name in TASKS}
    report(results, given.share)
    theirs, ours = in_r(given.share), results["pairs"]
    if theirs is not None and isinstance(ours, Result):
        apart = abs(theirs["value"] - ours.value) / ours.value
        print(f"    {theirs['program']:48s} {'':>10s} {'':9s} {shown(theirs['seconds']):>9s}   "
              f"{theirs['seconds'] / ours.cpu:.3g} x ours; mean p-value differs by {apart:.0e}")  # fmt: skip
    if given.share == 1.0:
        goals(results)
    print(f"\n{time.monotonic() - start:.0f} s in all.")


if __name__ == "__main__":
    main()
