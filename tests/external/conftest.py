"""Where the data lie that can't be in the repository: a folder `shared` beside it, or IKZF1_SHARED."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared():
    """The shared folder; without it the test is skipped, or fails under IKZF1_REQUIRE_SHARED=1."""
    repository = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("IKZF1_SHARED") or repository.parent / "shared")
    if not (folder / "reference").is_dir():
        problem = "no shared reference folder beside the repository (set IKZF1_SHARED)"
        if os.environ.get("IKZF1_REQUIRE_SHARED") == "1":
            pytest.fail(problem)
        pytest.skip(problem)
    return folder
