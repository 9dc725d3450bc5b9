"""A study file is run: what comes out, the same bytes each time, taken up after a break, with no network."""

import hashlib
import json
import re
import socket
from html.parser import HTMLParser

import pandas as pd
import pytest

from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.results import RESULT_COLUMNS
from ikzf1_outcomes.study import pictures, run
from ikzf1_outcomes.study.run import run_study

PATIENTS = """pat,arm,event,years
SECRET-1,a,relapse,1.0
SECRET-2,a,relapse,2.0
SECRET-3,a,none,6.0
SECRET-4,a,none,7.0
SECRET-5,=cmd(),none,6.0
SECRET-6,=cmd(),none,6.0
SECRET-7,=cmd(),none,7.0
SECRET-8,=cmd(),death,3.0
"""
STUDY = """
[study]
title = "Eight <b>patients</b>"
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
relapse = "relapse"
death = "death_in_remission"
none = "none"
[endpoints.EFS]
[endpoints.RELAPSE]
[analysis]
groups = ["protocol"]
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "patients.csv").write_text(PATIENTS, encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path / "study.toml"


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (folder / "patients.csv").write_text(PATIENTS, encoding="utf-8")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    return run_study(folder / "study.toml", folder / "results")


def test_the_folder_holds_what_was_promised(finished):
    names = set(contents(finished))
    assert {"report.html", "results.csv", "methods.md", "manifest.json", "tables/outcome.csv"} <= names
    assert {
        "tables/outcome.html",
        "tables/ledger.csv",
        "tables/differences.csv",
        "tables/flow.csv",
        "tables/follow_up.csv",
    } <= names
    assert {"figures/01_protocol_efs.svg", "figures/01_protocol_efs.png", "figures/00_all_patients_ledger.svg"} <= names


def test_results_hold_the_hand_worked_numbers(finished):
    rows = pd.read_csv(finished / "results.csv", keep_default_na=False)
    assert list(rows.columns) == [*RESULT_COLUMNS, "data"]
    assert set(rows["data"]) == {"patients"}
    at = rows[(rows["variable"] == "protocol") & (rows["time"].astype(str) == "5.0") & (rows["term"] == "survival")]
    # levels are sorted; the formula is escaped, and "a" stays
    assert dict(zip(at["group"], at["estimate"].astype(float), strict=True)) == {"'=cmd()": 0.75, "a": 0.5}


def test_the_manifest_tells_what_went_in_and_what_came_out(finished):
    manifest = json.loads((finished / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["inputs"]["data"]["rows"] == 8
    assert manifest["inputs"]["data"]["sha256"] == hashlib.sha256(PATIENTS.encode()).hexdigest()
    made = contents(finished)
    assert set(manifest["outputs"]) == set(made) - {"manifest.json"}
    assert all(hashlib.sha256(made[name]).hexdigest() == value for name, value in manifest["outputs"].items())


def test_the_same_inputs_give_the_same_bytes_wherever_the_results_lie(study, finished):
    again = run_study(study, study.parent / "elsewhere" / "deeper" / "out")
    assert contents(again) == contents(finished)


def test_nothing_that_came_out_bears_an_identifier_or_a_path(finished, tmp_path):
    for name, content in contents(finished).items():
        assert b"SECRET" not in content, name
        assert str(tmp_path.parent).encode() not in content, name


class Page(HTMLParser):
    """Collects what a page would load."""

    def __init__(self):
        super().__init__()
        self.loads, self.scripts, self.images = [], 0, []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.loads += [found[key] for key in ("src", "href") if key in found]
        self.scripts += tag == "script"
        if tag == "img":
            self.images.append(found)


def test_the_report_needs_nothing_else(finished):
    text = (finished / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.scripts == 0
    assert all(load.startswith(("data:image/svg+xml;base64,", "#")) for load in page.loads)
    assert len(page.images) == 6
    assert all(len(image["alt"]) > 20 for image in page.images)
    assert "&lt;b&gt;patients&lt;/b&gt;" in text
    assert "<b>patients</b>" not in text
    assert not re.search(r"url\((?!#)", text)


def test_no_socket_is_opened(study, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert (run_study(study, study.parent / "out") / "report.html").is_file()


def test_a_break_loses_nothing_and_the_rerun_takes_up_what_was_finished(study, finished, monkeypatch):
    out = study.parent / "out"
    made, real = [], pictures.kept

    def breaks(work, stem, draw):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(stem)
        return real(work, stem, draw)

    monkeypatch.setattr(pictures, "kept", breaks)
    with pytest.raises(KeyboardInterrupt):
        run_study(study, out)
    assert not out.exists()

    def never(*_, **__):
        raise AssertionError("numbers were computed again")

    monkeypatch.setattr(pictures, "kept", real)
    monkeypatch.setattr(run, "outcome_results", never)
    assert contents(run_study(study, out)) == contents(finished)
    assert [p.name for p in study.parent.iterdir() if p.name.startswith(".")] == []


def test_a_change_of_the_input_starts_anew(study, finished):
    out = study.parent / "out"
    run_study(study, out)
    (study.parent / "patients.csv").write_text(PATIENTS.replace("7.0", "8.0"), encoding="utf-8")
    with pytest.raises(StudyError, match="holds earlier results"):
        run_study(study, out)
    run_study(study, out, overwrite=True)
    assert contents(out) != contents(finished)


def test_progress_goes_from_the_first_step_to_the_last(study):
    told = []
    run_study(study, study.parent / "out", progress=lambda *step: told.append(step))
    assert [done for _, done, _ in told] == list(range(len(told)))
    assert told[-1] == ("done", len(told) - 1, len(told) - 1)


def test_a_group_that_the_cohort_lacks_is_named_before_anything_is_written(study):
    study.write_text(STUDY.replace('groups = ["protocol"]', 'groups = ["protocoll"]'), encoding="utf-8")
    with pytest.raises(StudyError, match=r"'protocoll'.*Did you mean 'protocol'"):
        run_study(study, study.parent / "out")
    assert sorted(p.name for p in study.parent.iterdir()) == ["patients.csv", "study.toml"]
