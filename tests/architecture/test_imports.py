"""Imports point down, no room runs in a circle, and no module bears the name of a public function."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import ikzf1_outcomes

SOURCE = Path(ikzf1_outcomes.__file__).parent
ORDER = (
    "errors", "glossary", "resampling", "kernels", "multiplicity", "genome", "kinome", "cohort", "simulate", "endpoint",
    "interchange", "timeline", "definitions", "relapses", "formula", "describe", "curves", "evidence", "models", "impute",
    "prognosis", "effects", "results", "report", "study", "cli",
)  # fmt: skip
"""A module may import from its own room and from the rooms to the left."""
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
    if path != SOURCE / "__init__.py"
}


def imported(path):
    """Modules of the package that a file imports, anywhere in it; names of the package itself stay as they are."""
    out = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            out |= {f"{node.module}.{a.name}" if within(f"{node.module}.{a.name}") else node.module for a in node.names}
            if node.module == "ikzf1_outcomes":
                out |= {f"ikzf1_outcomes.{alias.name}" for alias in node.names}
    return {name for name in out if name.split(".")[0] == "ikzf1_outcomes" and name != "ikzf1_outcomes"}


def within(name):
    return name.removeprefix("ikzf1_outcomes.") in MODULES


def outside(path):
    """Top-level names of the other packages that a file imports."""
    out = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            out |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            out.add(node.module.split(".")[0])
    return out


GRAPH = {name: {i.removeprefix("ikzf1_outcomes.") for i in imported(path)} for name, path in MODULES.items()}


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name):
    rooms = {room: place for place, room in enumerate(ORDER)}
    own = name.split(".")[0]
    assert own in rooms, f"the room {own} has no place in the order"
    wrong = [i for i in GRAPH[name] if i != "__version__" and rooms[i.split(".")[0]] > rooms[own]]
    assert wrong == []


def test_no_imports_run_in_a_circle():
    done, path = set(), []

    def visit(name):
        if name in path:
            raise AssertionError(" -> ".join([*path[path.index(name) :], name]))
        if name in done or name not in GRAPH:
            return
        path.append(name)
        for target in sorted(GRAPH[name]):
            visit(target)
        path.pop()
        done.add(name)

    for name in GRAPH:
        visit(name)
    assert len(done) == len(GRAPH)


def test_kernels_know_only_arrays():
    for name, path in MODULES.items():
        if name.startswith("kernels"):
            assert not outside(path) & {"pandas", "pandera", "polars", "matplotlib"}, name


def test_reports_hold_no_statistics():
    for name in MODULES:
        if name.startswith("report"):
            assert not [i for i in GRAPH[name] if i.split(".")[0] in ("kernels", "models")], name


def test_no_module_bears_the_name_of_a_public_function():
    functions = {name for name in ikzf1_outcomes.__all__ if inspect.isfunction(getattr(ikzf1_outcomes, name))}
    assert len(functions) > 20
    assert functions & {part for name in MODULES for part in name.split(".")} == set()


def test_no_drawer_for_odds_and_ends():
    for name in MODULES:
        assert not set(name.split(".")) & {"utils", "util", "helpers", "common", "misc", "manager", "processor"}, name


@pytest.mark.parametrize("name", MODULES)
def test_modules_stay_readable(name):
    assert len(MODULES[name].read_text().splitlines()) <= 400


def test_importing_the_package_loads_neither_pandas_nor_numba():
    code = (
        "import sys, ikzf1_outcomes; dir(ikzf1_outcomes); "
        "print(sorted({'pandas', 'numba', 'numpy', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_curves_load_no_drawing_and_no_other_statistics_package():
    code = (
        "import sys, ikzf1_outcomes as iko; iko.kaplan_meier, iko.cumulative_incidence, iko.cox; "
        "print(sorted({'matplotlib', 'statsmodels', 'lifelines', 'pandera', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
