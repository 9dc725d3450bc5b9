"""Every format gives the same three patients; text stays text."""

import datetime
import doctest
import hashlib
import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import openpyxl
import pandas as pd
import pyreadstat
import pytest

from ikzf1_outcomes.cohort import read_cohort
from ikzf1_outcomes.cohort.reading import read_table, sha256_of
from ikzf1_outcomes.errors import InputError

PATIENTS = pd.DataFrame(
    {"pat": ["p1", "p2", "p3"], "sex": [1.0, 2.0, 1.0], "wbc": [12.5, np.nan, 300.0], "days": [365.25, 730.5, 36.525]}
)
MAPPING = {
    "columns": {"id": "pat", "sex": "sex", "wbc": "wbc", "last_contact": "days"},
    "codes": {"sex": {"1": "male", 2: "female"}},
    "units": {"last_contact": "days"},
}


def write(path: Path) -> Path:
    text = PATIENTS.astype({"sex": int})
    if path.suffix == ".csv":
        text.to_csv(path, index=False)
    elif path.suffix == ".tsv":
        text.to_csv(path, index=False, sep="\t")
    elif path.suffix == ".txt":
        text.to_csv(path, index=False, sep=";")
    elif path.suffix == ".xlsx":
        text.to_excel(path, index=False)
    elif path.suffix == ".parquet":
        text.to_parquet(path)
    elif path.suffix == ".sav":
        pyreadstat.write_sav(PATIENTS, str(path))
    else:
        pyreadstat.write_xport(PATIENTS, str(path))
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".xlsx", ".parquet", ".sav", ".xpt"])
def test_each_format_gives_the_same_patients(tmp_path, suffix):
    path = write(tmp_path / f"patients{suffix}")
    cohort = read_cohort(path, **MAPPING)
    assert cohort.frame["id"].tolist() == ["p1", "p2", "p3"]
    assert cohort.frame["sex"].tolist() == ["male", "female", "male"]
    assert cohort.frame["wbc"].iloc[[0, 2]].tolist() == [12.5, 300.0]
    assert np.isnan(cohort.frame["wbc"].iloc[1])
    np.testing.assert_allclose(cohort.frame["last_contact"], [1.0, 2.0, 0.1], rtol=1e-12)
    assert cohort.provenance.source == f"patients{suffix}"
    assert cohort.provenance.sha256 == hashlib.sha256(path.read_bytes()).hexdigest() == sha256_of(path)
    assert cohort.provenance.n_rows == 3


def test_sas7bdat_goes_to_its_reader(tmp_path, monkeypatch):
    path = tmp_path / "patients.sas7bdat"
    path.write_bytes(b"stand-in: nothing in Python writes sas7bdat")
    asked = []

    def reader(name):
        asked.append(Path(name).name)
        return PATIENTS.copy(), SimpleNamespace()

    monkeypatch.setattr(pyreadstat, "read_sas7bdat", reader)
    assert read_table(path)["wbc"].iloc[0] == 12.5
    assert asked == ["patients.sas7bdat"]


def test_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_bytes(b"\xef\xbb\xbfpat,sex\n1,M\n")
    assert list(read_table(path)) == ["pat", "sex"]


def test_another_encoding_is_named_by_the_user(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_bytes("pat,town\n1,Köln\n".encode("cp1252"))
    with pytest.raises(InputError, match="not text in the encoding utf-8"):
        read_table(path)
    assert read_table(path, encoding="cp1252").loc[0, "town"] == "Köln"


def test_text_cells_are_not_interpreted(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text("a,b,c,d\nNA,None,007,1.50\n")
    assert read_table(path).loc[0].tolist() == ["NA", "None", "007", "1.50"]


def test_quoted_delimiters_and_line_feeds_stay_in_their_cell(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text('a,b\n"x, y","two\nlines"\n')
    assert read_table(path).loc[0].tolist() == ["x, y", "two\nlines"]


def test_the_row_names_of_r_are_left_out(tmp_path):
    path = tmp_path / "patients.csv"
    path.write_text('"","id"\n"1","a"\n')
    assert list(read_table(path)) == ["id"]


def test_an_excel_sheet_is_chosen_by_name_and_dates_are_days(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["notes"])
    sheet = book.create_sheet("patients")
    sheet.append(["pat", "born ill", "seen"])
    sheet.append(["a", datetime.datetime(2010, 1, 1), datetime.datetime(2011, 1, 1, 15, 30)])
    sheet.append([None, None, None])
    book.save(tmp_path / "book.xlsx")
    cohort = read_cohort(
        tmp_path / "book.xlsx",
        sheet="patients",
        columns={"id": "pat", "last_contact": "seen"},
        dates={"diagnosis": "born ill"},
    )
    assert len(cohort) == 1
    assert cohort.frame["last_contact"].tolist() == [365 / 365.25]
    with pytest.raises(InputError, match="has no sheet"):
        read_table(tmp_path / "book.xlsx", sheet="patient")


def test_dates_of_spss_and_parquet_are_days(tmp_path):
    frame = pd.DataFrame({"pat": ["a"], "dx": [datetime.date(2010, 1, 1)], "seen": [datetime.date(2010, 12, 31)]})
    pyreadstat.write_sav(frame, str(tmp_path / "p.sav"))
    # A time of day is no part of a duration in whole days.
    evening = pd.to_datetime(frame["seen"]) + pd.Timedelta(hours=1)
    late = pd.to_datetime(frame["dx"]) + pd.Timedelta(hours=23)
    frame.assign(dx=late, seen=evening).to_parquet(tmp_path / "p.parquet")
    for name in ("p.sav", "p.parquet"):
        cohort = read_cohort(tmp_path / name, columns={"id": "pat", "last_contact": "seen"}, dates={"diagnosis": "dx"})
        assert cohort.frame["last_contact"].tolist() == [364 / 365.25]


def test_importing_the_cohort_loads_none_of_the_heavy_libraries():
    heavy = "{'pandera', 'pyreadstat', 'openpyxl'}"
    code = f"import sys, ikzf1_outcomes.cohort; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "module", ["build", "derived", "dictionary", "mrd", "mrd_groups", "mrd_rules", "patients", "reading", "schema"]
)
def test_the_examples_in_the_docstrings_run(module):
    result = doctest.testmod(importlib.import_module(f"ikzf1_outcomes.cohort.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
