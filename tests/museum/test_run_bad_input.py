"""Patient files that once would have broken a report: it comes out all the same, right and readable, or says why not."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from ikzf1_outcomes.cli import app
from ikzf1_outcomes.study.run import run_study

STUDY = """
[study]
title = "T"
[cohort]
file = "patients.csv"
[cohort.columns]
id = "pat"
protocol = "arm"
first_event = "event"
first_event_time = "years"
[cohort.units]
first_event_time = "years"
[cohort.codes.first_event]
R = "relapse"
D = "death_in_remission"
N = "none"
[endpoints.EFS]
[endpoints.RELAPSE]
[analysis]
groups = ["protocol"]
"""


def rows(*cells):
    return "pat,arm,event,years\n" + "".join(f"P{i},{cell}\n" for i, cell in enumerate(cells))


def study_of(folder, patients, study=STUDY):
    (folder / "patients.csv").write_text(patients, encoding="utf-8")
    (folder / "study.toml").write_text(study, encoding="utf-8")
    return folder / "study.toml"


LONG = "x" * 300
FILES = {
    "one patient": (rows("a,R,1.0"), {"All": "0 (–)"}),
    "no events": (rows("a,N,6", "a,N,7", "b,N,6", "b,N,8"), {"All": "100 (–)", "a": "100 (–)"}),
    "all events": (rows("a,R,1", "a,R,2", "b,R,3", "b,R,4"), {"All": "0 (–)", "b": "0 (–)"}),
    "all tied": (rows("a,R,1", "a,R,1", "b,N,1", "b,N,1"), {"All": "NE", "a": "0 (–)", "b": "NE"}),
    "all at time zero": (rows("a,R,0", "a,R,0", "b,D,0", "b,D,0"), {"All": "0 (–)", "a": "0 (–)"}),
    "odd levels": (
        rows("<b>bold</b>,R,1", "<b>bold</b>,N,6", "=cmd(),N,6", "=cmd(),N,7", "🧬 شفاء,N,6", f"{LONG},R,6"),
        {"<b>bold</b>": "50 (1–91)", "=cmd()": "100 (–)", LONG: "100 (–)"},
    ),
    "forty levels": (rows(*(f"level {i},{'R' if i % 3 else 'N'},{1 + i}" for i in range(40))), {"level 39": "100 (–)"}),
    "a group that is missing": (rows("a,R,1", ",N,6", "b,N,6", "b,N,7"), {"a": "0 (–)", "b": "100 (–)"}),
}


@pytest.mark.parametrize("name", FILES)
def test_the_report_comes_out(tmp_path, name):
    patients, cells = FILES[name]
    out = run_study(study_of(tmp_path, patients), tmp_path / "out")
    table = pd.read_csv(out / "tables" / "outcome.csv", keep_default_na=False).set_index("row")
    for row, cell in cells.items():
        shown = f"'{row}" if row.startswith("=") else row
        assert table.loc[shown, "EFS | 5-year, %"] == cell
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<b>bold" not in page
    assert page.rstrip().endswith("</html>")


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_the_command_line_runs_and_tells_where(tmp_path):
    study = study_of(tmp_path, FILES["no events"][0])
    result = run("run", study, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "report.html" in result.output
    again = run("run", study, "--out", tmp_path / "out")
    assert again.exit_code == 1
    assert "holds earlier results" in again.output
    assert run("run", study, "--out", tmp_path / "out", "--overwrite").exit_code == 0


@pytest.mark.parametrize(
    ("patients", "words"),
    [
        ("", ["empty"]),
        ("pat,arm,event,years\n", ["no patient"]),
        (rows("a,R,1", "a,X,2"), ["row", "2", "first_event"]),
        (rows("a,R,-1"), ["row", "1"]),
        (rows("a,R,tomorrow"), ["row", "1"]),
        (rows("a,,1"), ["row", "1", "first_event"]),
        ("pat,arm,event,years\nSECRET,a,R,1\nSECRET,a,R,2\n", ["identifier"]),
    ],
)
def test_a_wrong_file_is_explained_without_a_traceback(tmp_path, patients, words):
    result = run("validate", study_of(tmp_path, patients))
    assert result.exit_code == 1
    assert "error" in result.output
    assert "Traceback" not in result.output
    assert "SECRET" not in result.output
    assert "tomorrow" not in result.output
    for word in words:
        assert word in result.output.lower(), result.output
    assert not (tmp_path / "out").exists()


def test_validate_counts(tmp_path):
    result = run("validate", study_of(tmp_path, FILES["all events"][0]))
    assert result.exit_code == 0
    assert "4 patients" in result.output


def test_the_schema_and_the_help_are_there():
    assert "[cohort.columns]" in run("schema").output
    assert "validate" in run("--help").output


def test_ten_thousand_columns_are_no_matter(tmp_path):
    header = "pat,arm,event,years," + ",".join(f"c{i}" for i in range(10_000))
    lines = [f"P{i},a,N,{6 + i}," + ",".join(["0"] * 10_000) for i in range(3)]
    result = run("validate", study_of(tmp_path, "\n".join([header, *lines]) + "\n"))
    assert result.exit_code == 0, result.output
