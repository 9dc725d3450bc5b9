"""12,625 measured features and relapse: the tables that were kept, and what the page says of them."""

import json
import runpy
import time
from pathlib import Path

import pandas as pd
import pytest

import ikzf1_outcomes as iko

FOLDER = Path(__file__).parents[2] / "analyses" / "08_expression_in_adult_all"


@pytest.fixture(scope="module")
def analysis():
    return runpy.run_path(str(FOLDER / "screen_expression.py"))


@pytest.fixture(scope="module")
def relapse(shared):
    cohort = iko.load_study(FOLDER / "study.toml").cohort
    expression = pd.read_csv(shared / "data" / "chiaretti_all" / "expression.csv.gz", index_col=0)
    joined, match = iko.join_arrays(cohort, expression, prefix="p_", known_at=0.0)
    assert (match.n_arrays, match.n_matched) == (128, len(cohort))
    return iko.define_endpoint(joined, "RELAPSE", origin="remission"), match.features["column"].tolist()


def test_the_screen_that_was_kept_and_its_speed(analysis, relapse):
    endpoint, names = relapse
    assert len(names) == 12_625
    options = {"adjust": analysis["CLINICAL"], "cause": "relapse", "test": "likelihood_ratio"}
    iko.screen(endpoint, names[:20], **options)
    start = time.process_time()
    rows = iko.screen(endpoint, names, **options).tidy()
    assert time.process_time() - start < 2.0
    kept = pd.read_csv(FOLDER / "screen.csv", keep_default_na=False, na_values=[""])
    same = ["term", "n", "n_event", "estimate", "std_error", "statistic", "p_value", "p_adjusted_bh"]
    ours = rows.nsmallest(50, "p_value").reset_index(drop=True)
    pd.testing.assert_frame_equal(ours[same], kept[same], rtol=1e-7, check_dtype=False)
    told = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["screen"]
    assert told["n_hits"] == (rows["p_value"] < 0.05).sum()


def test_the_global_test_that_was_kept(analysis, relapse):
    endpoint, names = relapse
    ours = iko.global_test(endpoint, names, adjust=analysis["CLINICAL"], cause="relapse").tidy()
    kept = pd.read_csv(FOLDER / "global.csv")
    for name in ("n", "n_event", "observed", "expected", "statistic", "p_value"):
        assert ours[name].iloc[0] == pytest.approx(kept[name].iloc[0], rel=1e-7)


def test_what_could_be_seen(analysis, relapse):
    ours = analysis["design"](relapse[0], len(relapse[1]))
    kept = pd.read_csv(FOLDER / "design.csv")
    pd.testing.assert_series_equal(ours["estimate"].reset_index(drop=True), kept["estimate"], rtol=1e-7, check_names=False)


def test_no_patient_is_kept(shared):
    words = " ".join(
        (FOLDER / f"{name}.csv").read_text(encoding="utf-8") for name in ("design", "global", "screen", "ladder")
    )
    header = pd.read_csv(shared / "data" / "chiaretti_all" / "expression.csv.gz", index_col=0, nrows=1).columns
    assert not set(header) & set(words.replace(",", " ").split())


def test_the_page_has_the_numbers():
    text = " ".join((FOLDER / "README.md").read_text(encoding="utf-8").split())
    ladder = pd.read_csv(FOLDER / "ladder.csv").query(
        "contrast == '+ expression vs clinical' and measure == \"Harrell's C\""
    )
    for row in ladder.itertuples():
        assert f"{row.analysis}: {row.corrected:+.3f}" in text
    assert f"p = {pd.read_csv(FOLDER / 'global.csv')['p_permutation'].iloc[0]:.2f}" in text
    first = pd.read_csv(FOLDER / "screen.csv").iloc[0]
    assert f"{first['term'].removeprefix('p_')}" in text
    assert f"{first['p_adjusted_bh']:.3f}" in text
    assert f"p = {first['p_family']:.3f}" in text
