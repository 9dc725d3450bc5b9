"""Exon calls of case report forms: each text and each code by hand, and what is refused."""

import datetime

import pandas as pd
import pytest

from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.genome.exon_tables import read_exon_calls
from ikzf1_outcomes.genome.exons import EXONS, classify_ikzf1, name

LETTER = {"n": "normal", "d": "deleted", "h": "homozygous", "-": "not_tested", "f": "failed", "a": "ambiguous"}


def listed(*texts, **options):
    frame = pd.DataFrame({"pat": [f"p{i}" for i in range(len(texts))], "exons": list(texts)}, dtype=object)
    return read_exon_calls(frame, sample="pat", exons="exons", layout="list", **options)


def letters(calls):
    """Each sample's eight calls as eight letters."""
    back = {word: letter for letter, word in LETTER.items()}
    return ["".join(back[word] for word in row) for row in calls.itertuples(index=False)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4-7", "nnnddddn"),
        ("4,5,6,7", "nnnddddn"),
        ("4, 5 ,6;7", "nnnddddn"),
        ("Δ4-7", "nnnddddn"),
        ("∆4–7", "nnnddddn"),  # increment sign, en dash
        ("del 2-3, 8", "nddnnnnd"),
        ("Δ2-3+Δ8", "nddnnnnd"),
        ("del. exons 2 - 3 and 8", "nddnnnnd"),
        ("IKZF1 E4-E7", "nnnddddn"),
        ("ex 4-8", "nnnddddd"),
        ("1-8", "dddddddd"),
        ("8", "nnnnnnnd"),
        (8, "nnnnnnnd"),
        (8.0, "nnnnnnnd"),
        ("Δ1-8 / Δ4-7", "dddhhhhd"),
        ("4-7/4-7", "nnnhhhhn"),
        ("none", "nnnnnnnn"),
        ("None", "nnnnnnnn"),
        ("", "--------"),
        (None, "--------"),
        (float("nan"), "--------"),
        ("not_tested", "--------"),
        ("failed", "ffffffff"),
        ("ambiguous", "aaaaaaaa"),
    ],
)
def test_a_list_of_deleted_exons(text, expected):
    assert letters(listed(text)) == [expected]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("4.5", "no list of exons"),
        (4.5, "no list of exons"),
        ("9", "does not have"),
        ("0-3", "does not have"),
        ("4567", "does not have"),
        ("7-4", "backwards"),
        ("4-7-8", "no list of exons"),
        ("4-", "no list of exons"),
        ("4,,5", "no list of exons"),
        ("4-7, 5", "named twice"),
        ("4-7/", "no list of exons"),
        ("1/2/3", "no list of exons"),
        ("yes", "no list of exons"),
        ("NA", "no list of exons"),
        ("-1", "no list of exons"),
        ("04-Jul", "no list of exons"),
        (datetime.datetime(2024, 7, 4), "no list of exons"),
        ("²", "no list of exons"),
    ],
)
def test_other_texts_are_refused_by_position_without_the_text(text, problem):
    with pytest.raises(InputError, match=problem) as caught:
        listed("4-7", text, "none", text)
    assert caught.value.where == (2, 4)
    assert str(text) not in str(caught.value).split(".")[0]


def test_the_older_numbering_is_converted():
    """Exons counted from 0: old Δ3-6 is Δ4-7, old Δ1-6 is Δ2-7, old 0 is exon 1; there is no old exon 8."""
    calls = listed("3-6", "1-6", "0", numbering="0-7")
    assert letters(calls) == ["nnnddddn", "nddddddn", "dnnnnnnn"]
    assert classify_ikzf1(calls)["ikzf1_class"].tolist() == ["ik6", "other", "other"]
    with pytest.raises(InputError, match="does not have"):
        listed("8", numbering="0-7")


def test_every_set_of_exons_comes_back_as_it_was_written():
    """All 255 sets in the notation of `name`, with and without the non-coding exon counted as 0."""
    sets = [[exon for exon in EXONS if code >> (exon - 1) & 1] for code in range(1, 256)]
    texts = [name(exons) for exons in sets]
    assert classify_ikzf1(listed(*texts))["pattern"].tolist() == texts
    older = [name([exon - 1 for exon in exons]) for exons in sets]
    assert classify_ikzf1(listed(*older, numbering="0-7"))["pattern"].tolist() == texts


def test_codes_of_a_list_stand_for_lists():
    calls = listed("whole gene", "wt", "nd", "", codes={"whole gene": "1-8", "wt": "none", "nd": "failed", "": "none"})
    assert letters(calls) == ["dddddddd", "nnnnnnnn", "ffffffff", "nnnnnnnn"]
    with pytest.raises(InputError, match="stands for is no list"):
        listed("4", codes={"x": "much"})


def wide(cells, **options):
    frame = pd.DataFrame([["s1", *cells]], columns=["sample", *[f"exon_{e}" for e in EXONS]], dtype=object)
    return read_exon_calls(
        frame, sample="sample", **{"codes": {"N": "normal", "D": "deleted", "HD": "homozygous"}} | options
    )


def test_wide_codes():
    assert letters(wide(["N", "N", "N", "D", "HD", " D", "D ", "N"])) == ["nnndhddn"]
    assert letters(wide(["normal", "deleted", "", None, "N", "N", "N", "N"])) == ["nd--nnnn"]
    assert letters(wide([2, 2.0, 1, 0, "2", "1", "0", 2], codes={2: "normal", 1: "deleted", "0": "homozygous"})) == [
        "nndhndhn"
    ]


def test_a_code_that_was_not_declared():
    with pytest.raises(InputError, match="'exon_4': a code that was not declared") as caught:
        wide(["N", "N", "N", "nt", "N", "N", "N", "N"])
    assert caught.value.where == (1,)
    with pytest.raises(InputError, match="'lost' is no call"):
        wide(["N"] * 8, codes={"N": "lost"})


def test_wide_columns_can_be_named():
    names = {exon: f"probe{exon}x" for exon in range(8)}
    frame = pd.DataFrame([["b", *"NNNDDDDN"], ["a", *"NNNNNNNN"]], columns=["id", *names.values()], index=[5, 5])
    codes = {"N": "normal", "D": "deleted"}
    calls = read_exon_calls(frame, sample="id", exons=names, codes=codes, numbering="0-7")
    assert calls.index.tolist() == ["b", "a"]
    assert calls.index.name == "sample"
    assert letters(calls) == ["nnnddddn", "nnnnnnnn"]
    calls = read_exon_calls(frame, sample="id", exons={**names, 0: None}, codes=codes, numbering="0-7")
    assert letters(calls) == ["-nnddddn", "-nnnnnnn"]
    with pytest.raises(ColumnError, match="no column for exon 8"):
        read_exon_calls(frame, sample="id", exons={e: names[e] for e in range(7)}, codes=codes, numbering="0-7")
    with pytest.raises(ColumnError, match="does not have"):
        read_exon_calls(frame, sample="id", exons={**names, 8: "probe1x"}, codes=codes, numbering="0-7")
    with pytest.raises(ColumnError, match="no column is called"):
        read_exon_calls(frame, sample="id", exons={**names, 3: "probe33"}, codes=codes, numbering="0-7")


def test_samples_stand_once():
    frame = pd.DataFrame({"pat": ["a", "b", "a", " a"], "x": ["4-7"] * 4})
    with pytest.raises(InputError, match="share one sample") as caught:
        read_exon_calls(frame, sample="pat", exons="x", layout="list")
    assert caught.value.where == (1, 3, 4)
    frame = pd.DataFrame({"pat": ["a", None, ""], "x": ["4-7"] * 3})
    with pytest.raises(InputError, match="sample is missing") as caught:
        read_exon_calls(frame, sample="pat", exons="x", layout="list")
    assert caught.value.where == (2, 3)


def test_files(tmp_path):
    text = 'pat,IKZF1\nNA,"4,5,6,7"\nb,none\nc,\n'
    file = tmp_path / "form.csv"
    file.write_text(text, encoding="utf-8-sig")
    calls = read_exon_calls(file, sample="pat", exons="IKZF1", layout="list")
    assert calls.index.tolist() == ["NA", "b", "c"]
    assert letters(calls) == ["nnnddddn", "nnnnnnnn", "--------"]
    book = tmp_path / "form.xlsx"
    pd.DataFrame({"pat": ["a", "b", "c"], "IKZF1": ["4-7", 8, None]}).to_excel(book, index=False)
    assert letters(read_exon_calls(book, sample="pat", exons="IKZF1", layout="list")) == [
        "nnnddddn",
        "nnnnnnnd",
        "--------",
    ]
    tabbed = tmp_path / "form.txt"
    tabbed.write_text("pat\tIKZF1\na\t4,5,6,7\n")
    assert letters(read_exon_calls(tabbed, sample="pat", exons="IKZF1", layout="list")) == ["nnnddddn"]


def test_a_list_that_was_not_quoted_is_no_shorter_list(tmp_path):
    file = tmp_path / "form.csv"
    file.write_text("pat,IKZF1\na,4-7\nb,4,5,6,7\n")
    with pytest.raises(InputError, match="more or fewer cells") as caught:
        read_exon_calls(file, sample="pat", exons="IKZF1", layout="list")
    assert caught.value.where == (2,)


@pytest.mark.parametrize(("name", "content"), [("a.csv", b""), ("a.csv", b"\xff\xfe"), ("a.doc", b"x"), ("a.xlsx", b"x")])
def test_files_that_are_no_table(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError):
        read_exon_calls(tmp_path / name, sample="pat", exons="x", layout="list")
    with pytest.raises(InputError, match="no file"):
        read_exon_calls(tmp_path / "b.csv", sample="pat", exons="x", layout="list")


@pytest.mark.parametrize(
    "options",
    [
        {"layout": "long"},
        {"numbering": "2-9"},
        {"exons": "x"},
        {"layout": "list"},
        {"layout": "list", "exons": {4: "x"}},
        {"layout": "list", "exons": "y"},
        {"sample": "y"},
    ],
)
def test_unknown_options_and_columns(options):
    frame = pd.DataFrame({"pat": ["a"], "x": ["4-7"]})
    with pytest.raises(InputError):
        read_exon_calls(frame, **{"sample": "pat"} | options)
