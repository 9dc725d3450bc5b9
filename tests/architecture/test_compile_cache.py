"""Kernels compile anew when any kernel file has changed, and also where no folder can be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ikzf1_outcomes.kernels import compile as compiling

KERNELS = Path(compiling.__file__).parent
CODE = """
import pandas as pd
import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.compile import cache_folder
d = pd.DataFrame({"t": [1.0, 2.0, 2.0, 3.0], "s": [1, 0, 1, 0]})
e = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
print(iko.kaplan_meier(e).tidy()["estimate"].round(6).tolist(), cache_folder())
"""


def run(**environment):
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE],
        capture_output=True,
        text=True,
        env={**kept, **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    estimates, _, folder = done.stdout.strip().rpartition("] ")
    assert estimates == "[0.75, 0.5, 0.5"
    return folder


@pytest.fixture
def copied(tmp_path):
    return Path(shutil.copytree(KERNELS, tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__")))


def test_a_copy_has_the_same_hash_wherever_it_is(copied):
    assert compiling.source_hash(copied) == compiling.source_hash(KERNELS)


@pytest.mark.parametrize("name", sorted(path.name for path in KERNELS.glob("*.py")))
def test_a_change_in_any_kernel_file_changes_the_folder(copied, name):
    before = compiling.source_hash(copied)
    file = copied / name
    file.write_text(file.read_text() + "\n# changed\n")
    assert compiling.source_hash(copied) != before


def test_a_file_more_or_under_another_name_changes_the_folder(copied):
    before = compiling.source_hash(copied)
    (copied / "extra.py").write_text("")
    more = compiling.source_hash(copied)
    (copied / "extra.py").rename(copied / "other.py")
    assert len({before, more, compiling.source_hash(copied)}) == 3


def test_every_kernel_lies_where_the_hash_sees_it():
    assert {path.parent for path in KERNELS.rglob("*.py")} == {KERNELS}


def test_kernels_work_where_no_folder_can_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("a file, not a folder")
    # root may write anywhere, but nobody can make a folder below a file
    assert run(NUMBA_CACHE_DIR=str(blocked / "below")) == "None"
    assert run(XDG_CACHE_HOME=str(blocked / "below"), HOME=str(blocked)) == "None"
    assert blocked.read_text() == "a file, not a folder"


def test_kernels_are_kept_in_a_fresh_folder_of_this_source(tmp_path):
    folder = Path(run(NUMBA_CACHE_DIR=str(tmp_path / "fresh")))
    assert folder == tmp_path / "fresh" / compiling.source_hash(KERNELS)
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("*.nb*")}
    assert len(kept) >= 4
    # a second process takes them up and writes nothing
    assert run(NUMBA_CACHE_DIR=str(tmp_path / "fresh")) == str(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.nb*")} == kept


def test_writable_leaves_nothing_behind(tmp_path):
    assert compiling.writable(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


HITS = """
from ikzf1_outcomes.kernels.sampler_densities import CALLED, for_samplers
print([for_samplers(density).cache_hits for density in CALLED])
"""


def test_what_a_sampler_calls_is_compiled_once_for_all_processes():
    """A function made within another is known to the cache by what it encloses, which no other process has."""
    hits = [subprocess.run([sys.executable, "-c", HITS], capture_output=True, text=True, check=True) for _ in range(2)]
    assert hits[1].stdout.strip() == "[1, 1]"
