"""The output folder: nothing is lost, nothing foreign is touched, nothing leads out."""

import json

import pytest

from ikzf1_outcomes.errors import StudyError
from ikzf1_outcomes.study.folder import Workspace, inside, slug


def finished(out, mark="one", content="first", *, overwrite=False):
    work = Workspace(out, mark, overwrite=overwrite)
    work.step("a.txt", lambda: content)
    work.step("manifest.json", lambda: json.dumps({"tool": "ikzf1_outcomes"}))
    work.finish()


def test_results_appear_only_when_finished(tmp_path):
    out = tmp_path / "results"
    work = Workspace(out, "one", overwrite=False)
    work.step("a.txt", lambda: "first")
    assert not out.exists()
    work.finish()
    assert (out / "a.txt").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["results"]


def test_an_interrupted_run_leaves_the_earlier_results_whole(tmp_path):
    out = tmp_path / "results"
    finished(out)
    work = Workspace(out, "two", overwrite=True)
    work.step("a.txt", lambda: "second")
    assert (out / "a.txt").read_text() == "first"


def test_the_same_inputs_take_up_what_was_finished_and_others_do_not(tmp_path):
    out = tmp_path / "results"
    Workspace(out, "one", overwrite=False).step("a.txt", lambda: "finished")
    again = Workspace(out, "one", overwrite=False)
    assert again.step("a.txt", lambda: "made again").read_text() == "finished"
    other = Workspace(out, "two", overwrite=False)
    assert other.step("a.txt", lambda: "made again").read_text() == "made again"


def test_a_file_that_was_half_written_is_made_again(tmp_path):
    work = Workspace(tmp_path / "results", "one", overwrite=False)

    def breaks():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.step("a.txt", breaks)
    assert work.step("a.txt", lambda: "whole").read_text() == "whole"


def test_a_run_killed_between_the_two_renames_gets_its_earlier_results_back(tmp_path):
    out = tmp_path / "results"
    finished(out)
    out.rename(tmp_path / ".results.old")
    Workspace(out, "two", overwrite=True)
    assert (out / "a.txt").read_text() == "first"


def test_earlier_results_are_replaced_only_when_asked(tmp_path):
    out = tmp_path / "results"
    finished(out)
    with pytest.raises(StudyError, match="holds earlier results"):
        Workspace(out, "two", overwrite=False)
    finished(out, "two", "second", overwrite=True)
    assert (out / "a.txt").read_text() == "second"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_is_not_ours_is_never_touched(tmp_path, overwrite):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("precious")
    (out / "manifest.json").write_text('{"tool": "another"}')
    with pytest.raises(StudyError, match="not results of this program"):
        Workspace(out, "one", overwrite=overwrite)
    assert (out / "chapter.txt").read_text() == "precious"


def test_an_empty_folder_may_be_filled_and_a_file_may_not(tmp_path):
    (tmp_path / "empty").mkdir()
    finished(tmp_path / "empty")
    assert (tmp_path / "empty" / "a.txt").is_file()
    (tmp_path / "file").write_text("x")
    with pytest.raises(StudyError, match="is not a folder"):
        Workspace(tmp_path / "file", "one", overwrite=True)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", ".", ""])
def test_a_path_that_climbs_out_is_refused(tmp_path, name):
    with pytest.raises(StudyError, match="leads out"):
        inside(tmp_path, name)


def test_file_names_come_from_any_text():
    assert slug("../../etc/passwd") == "etc_passwd"
    assert slug("=HYPERLINK()") == "hyperlink"
    assert slug("Δ4-7") == "4_7"
    assert slug("🙂") == "group"
    assert len(slug("x" * 300)) == 60
