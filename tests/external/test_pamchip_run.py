"""A real PamChip run from its export to scores by kinase; the files lie outside the repository."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f

FOLDER = Path(__file__).parents[2] / "analyses" / "06_kinome_of_ikzf1"


@pytest.fixture(scope="module")
def analysis():
    return runpy.run_path(str(FOLDER / "pamchip_run.py"))


def test_the_run(analysis, shared, tmp_path):
    analysis["main"](tmp_path, shared)
    samples, kinases = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("samples", "kinases"))
    assert len(samples) == 12
    assert samples["kept"].all()
    assert (len(kinases), int(kinases["p_value"].notna().sum())) == (82, 70)
    means = kinases.filter(like="mean_")
    np.testing.assert_allclose(means.sum(axis=1), 0.0, atol=1e-9)
    told = (
        f"{(kinases['p_value'] <= 0.05).sum()} of 70 kinases at 0.05 and in {(kinases['p_adjusted'] <= 0.05).sum()} after"
    )
    assert told in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_letters_are_compared_within_chips(analysis, shared):
    """The F test of a two-way table by hand: sums of squares of letters and of what letters and chips leave."""
    arrays = analysis["run_arrays"](shared / "data" / "pamchip_krsa")
    ours = analysis["kinase_scores"](arrays, {"all": tuple(arrays.values.index), "ten": tuple(arrays.values.index[:10])})
    values = arrays.values.iloc[:10].mean().to_numpy().reshape(3, 4)
    letters, chips, mean = values.mean(axis=0), values.mean(axis=1, keepdims=True), values.mean()
    left = ((values - letters - chips + mean) ** 2).sum() / 6
    ratio = 3 * ((letters - mean) ** 2).sum() / 3 / left
    tail = f.sf(ratio, 3, 6)
    assert ours.set_index("term").loc["ten", "p_value"] == pytest.approx(tail, rel=1e-9)
