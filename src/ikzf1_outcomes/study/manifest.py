"""What went in, what came out, and with which versions: no clock, no duration, no path."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ikzf1_outcomes.study.kinome_plan import KinomePlan
from ikzf1_outcomes.study.plan import Plan

TOOL = "ikzf1_outcomes"
NAME = "manifest.json"
PACKAGES = (
    "numpy", "scipy", "numba", "pandas", "statsmodels", "nutpie", "arviz", "pandera", "matplotlib", "great-tables",
    "jinja2",
)  # fmt: skip


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def versions() -> dict[str, str]:
    """Version of this package, of Python and of every package that numbers or looks depend on."""
    found = {"ikzf1-outcomes": installed("ikzf1-outcomes"), "python": platform.python_version()}
    return found | {name: installed(name) for name in PACKAGES}


def installed(name: str) -> str:
    """Version of an installed package."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def fingerprint(plan: Plan) -> str:
    """Hash of everything that the outputs depend on: inputs, settings (they are in the study file) and versions."""
    parts = {
        "study": sha256(plan.path),
        "data": [sha256(file) for file in plan.files],
        "versions": versions(),
        "source": source_hash(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def source_hash() -> str:
    """Hash of the package's own source."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def manifest(plan: Plan, rows: int, patients: int, simulated: bool, outputs: dict[str, str]) -> dict[str, Any]:
    """The manifest as data."""
    return {
        "tool": TOOL,
        "title": plan.title,
        "simulated": simulated,
        "inputs": {
            "study": {"name": plan.path.name, "sha256": sha256(plan.path)},
            "data": {"name": plan.file.name, "sha256": sha256(plan.file), "rows": rows, "patients": patients},
            **{
                f"{name} {place}": {"name": file.name, "sha256": sha256(file)}
                for name, part in (("genome", plan.genome), ("kinome", plan.kinome))
                if part is not None
                for place, file in enumerate(part.files, 1)
            },
        },
        "seed": plan.seed,
        "settings": {
            **plan.settings._asdict(),
            "style": plan.style,
            "groups": list(plan.groups),
            "landmarks": dict(plan.landmarks),
            "effects": list(plan.effects),
            "effect_strata": None if plan.effect_strata is None else list(plan.effect_strata),
            "subgroups": list(plan.subgroups),
            "subgroup_variable": plan.subgroup_variable,
            "by_mrd": plan.by_mrd,
            "through": list(plan.through),
            "treated_by_ikzf1": list(plan.treated_by_ikzf1),
            "hierarchical": None if plan.hierarchical is None else asdict(plan.hierarchical),
            "kinome": None if plan.kinome is None else stated(plan.kinome),
            "added_value": [asdict(ladder) for ladder in plan.added_value],
            "endpoints": {name: dict(policy) for name, policy in plan.endpoints.items()},
        },
        "versions": versions(),
        "outputs": dict(sorted(outputs.items())),
    }


def stated(plan: KinomePlan) -> dict[str, Any]:
    """The settings of a part, its files by name alone: a path is of one machine."""
    return {key: value.name if isinstance(value, Path) else value for key, value in asdict(plan).items()}


def is_ours(folder: Path) -> bool:
    """Whether a folder holds a manifest of this tool."""
    try:
        return json.loads((folder / NAME).read_text(encoding="utf-8")).get("tool") == TOOL
    except (OSError, ValueError, AttributeError):
        return False
