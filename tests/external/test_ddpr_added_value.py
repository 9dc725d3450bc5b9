"""The DDPR group beside NCI/Rome and MRD risk: the numbers of the page, and no patient in the tables."""

import json
import re
import runpy
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "analyses" / "07_ddpr_added_value"


@pytest.fixture(scope="module")
def written(shared, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ddpr")
    runpy.run_path(str(FOLDER / "ddpr_ladder.py"))["main"](folder, shared, resamples=20, simulations=0)
    return folder


def test_who_trained_and_who_relapsed(written):
    counts = pd.read_csv(written / "counts.csv").query("term == 'ddpr'").groupby("part")[["n", "n_event"]].sum()
    assert counts.loc["Training"].tolist() == [44, 13]
    assert counts.loc["Validation"].tolist() == [10, 4]


def test_the_question_is_not_answerable(written):
    assert json.loads((written / "manifest.json").read_text())["answerable"] is False
    detectable = pd.read_csv(written / "detectable.csv")
    assert detectable["ratio"].max() > 100
    assert detectable["n_event"].eq(4).all()


def test_no_absolute_risk_is_written(written):
    ladder = pd.read_csv(written / "ladder.csv")
    assert set(ladder["measure"]) == {"likelihood ratio", "Harrell's C"}
    columns = set().union(*(pd.read_csv(file).columns for file in written.glob("*.csv")))
    assert not {name for name in columns if "risk" in name}


def test_the_ladder_of_the_page(written):
    ladder = pd.read_csv(written / "ladder.csv").query("part == 'training' and analysis == 'NCI/Rome, MRD, DDPR'")
    row = ladder.query("measure == 'likelihood ratio' and term == '+ DDPR'").iloc[0]
    assert (row["n"], row["n_event"], row["df"]) == (37, 12, 1)
    assert f"likelihood ratio of {row['statistic']:.1f} on 1 df" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_no_row_is_a_patient(written, shared):
    names = set(pd.read_csv(shared / "data/ddpr_bcp_all/ddpr_metadata.csv")["Patient_ID"])
    words = set(re.findall(r"[\w-]+", " ".join(file.read_text(encoding="utf-8") for file in written.iterdir())))
    assert not names & words
