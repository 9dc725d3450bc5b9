"""The founding paper's question on simulated arrays: a number that moves needs a line in the changelog."""

import runpy
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "analyses" / "06_kinome_of_ikzf1"
NAMES = ("seen", "hits", "pathways", "clusters", "no_difference", "share")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinome")
    runpy.run_path(str(FOLDER / "simulated_arrays.py"))["main"](folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_are_those_that_were_kept(written: Path, name: str) -> None:
    kept, now = (pd.read_csv(folder / f"{name}.csv") for folder in (FOLDER, written))
    pd.testing.assert_frame_equal(now, kept, rtol=1e-7, atol=1e-12)


def test_the_page_has_the_numbers() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    null, planted = (table.reset_index(drop=True) for _, table in read("hits").groupby("run"))
    as_paper, moderated = null.iloc[0], null.iloc[1]
    assert f"| t-test as in the paper, p <= 0.05 | {as_paper.n_hits} | {planted.n_hits[0]}, of them" in text
    assert f"of them {planted.n_true_p_value[0]} true" in text
    assert f"{as_paper.n_hits_median:.0f} ({as_paper.n_hits_low:.0f} to {as_paper.n_hits_high:.0f})" in text
    assert f"| {moderated.n_hits_adjusted} | {planted.n_hits_adjusted[1]}, all true |" in text
    assert planted.n_true_p_adjusted[1] == planted.n_hits_adjusted[1]
    seen = read("seen").query("run == 'no difference'")["smallest_difference"]
    assert f"a difference of {seen.iloc[0]:.2f} (1.3-fold)" in text
    assert "would have found {:.2f} and {:.2f}".format(*seen.iloc[2:]) in text


def test_what_is_null_is_found_null_and_the_batch_is_seen() -> None:
    hits, clusters = read("hits").query("run == 'no difference'"), read("clusters").query("analysis == 'clusters'")
    assert hits["n_hits_adjusted"].eq(0).all()
    assert hits["p_hits"].gt(0.05).all()
    assert clusters.loc[clusters["variable"] == "batch", "p_adjusted"].lt(0.05).all()
    assert clusters.loc[clusters["variable"] == "ikzf1", "p_adjusted"].gt(0.05).all()


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / f"{name}.csv")
