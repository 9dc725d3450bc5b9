"""What the published outcomes say together: a number that moves needs a line in the changelog."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "analyses" / "05_published_outcomes"
NAMES = ("checks", "effects", "pooled")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    runpy.run_path(str(FOLDER / "pool_published.py"))["main"](folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_are_those_that_were_kept(written: Path, name: str) -> None:
    kept, now = (pd.read_csv(folder / f"{name}.csv") for folder in (FOLDER, written))
    pd.testing.assert_frame_equal(now, kept, rtol=1e-8, atol=1e-12)


def test_the_page_has_the_numbers() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    table = pd.read_csv(FOLDER / "pooled.csv")
    for row in table[(table["term"] == "pooled") & (table["cause"] == "any")].itertuples():
        ratio, low, high = np.exp([row.estimate, row.low, row.high])
        assert f"| {row.analysis} | {row.n_studies:.0f} | {ratio:.2f} ({low:.2f} to {high:.3g}" in text
        new = table[(table["term"] == "prediction") & (table["analysis"] == row.analysis)].iloc[0]
        assert np.isnan(new["low"]) or f"{np.exp(new['low']):.2f} to {np.exp(new['high']):.2f} |" in text


def test_no_cohort_counts_twice() -> None:
    table = pd.read_csv(FOLDER / "pooled.csv").query("term == 'study'")
    assert not table.duplicated(["cause", "analysis", "cohort_id"]).any()
    assert set(table["study"]) & {"Stanulla 2018"} == set()
