"""Where the embedded study lies."""

from __future__ import annotations

from pathlib import Path

from ikzf1_outcomes.errors import StudyError

PACKAGE = Path(__file__).parent.parent


def demo_study() -> Path:
    """The study file of the simulated reference cohort: inside an installed package, or in `analyses/` of a checkout."""
    places = (PACKAGE / "demo" / "study.toml", PACKAGE.parents[1] / "analyses" / "01_simulated_reference" / "study.toml")
    for place in places:
        if place.is_file():
            return place
    raise StudyError("the embedded study is not installed", next_step="Install the package again.")
