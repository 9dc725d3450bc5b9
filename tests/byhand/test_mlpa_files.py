"""MLPA files: the three layouts, and files that are wrong."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import DoseRange, MlpaCalls, MlpaFile, call_mlpa, read_mlpa
from ikzf1_outcomes.errors import ColumnError, InputError


def saved(folder, text, name="run.csv"):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_wide_with_tabs_and_decimal_commas(tmp_path):
    file = saved(tmp_path, "id\trep\tIKZF1_e4\tcontrol_1\n007\t1\t1,5\t2\n007\t2\t1,25\t\n", "run.txt")
    run = read_mlpa(file, columns={"sample": "id", "replicate": "rep"}, decimal=",")
    assert isinstance(run, MlpaFile)
    assert (run.scale, run.probes) == ("peaks", None)
    assert run.peaks["sample"].tolist() == ["007", "007"]
    assert run.peaks["IKZF1_e4"].tolist() == [1.5, 1.25]
    assert np.isnan(run.peaks["control_1"].iloc[1])


def test_text_among_the_peaks_reaches_the_check_of_the_run(tmp_path):
    file = saved(tmp_path, "sample,IKZF1_e4,control_1,control_2,control_3\na,high,1,1,1\nb,1,1,1,1\n")
    with pytest.raises(InputError, match=r"'IKZF1_e4' has peaks that are no number.*row 1"):
        call_mlpa(read_mlpa(file).peaks, blasts=0.9)


def test_long_ratios_become_one_row_a_sample(tmp_path):
    text = "sample,gene,exon,ratio\nb,IKZF1,5,0.5\nb,ikzf1,4,0.6\na,IKZF1,4,1.1\na,PAX5,,0.9\n"
    run = read_mlpa(saved(tmp_path, text), layout="long")
    assert run.peaks["sample"].tolist() == ["b", "a"]
    assert run.peaks.columns.tolist() == ["sample", "ikzf1_e5", "ikzf1_e4", "pax5"]
    np.testing.assert_array_equal(run.peaks.iloc[:, 1:], [[0.5, 0.6, np.nan], [np.nan, 1.1, 0.9]])
    assert run.probes[["gene", "control"]].values.tolist() == [["ikzf1", False], ["ikzf1", False], ["pax5", False]]


def test_long_tables_in_the_old_numbering(tmp_path):
    run = read_mlpa(saved(tmp_path, "sample,gene,exon,ratio\na,IKZF1,0,1\n"), layout="long", numbering="0-7")
    assert run.probes["exon"].tolist() == [1]


def test_several_probes_of_an_exon_need_their_names(tmp_path):
    text = "sample,gene,exon,probe,ratio\na,IKZF1,4,p1,0.5\na,IKZF1,4,p2,0.6\n"
    file = saved(tmp_path, text)
    with pytest.raises(InputError, match="twice; rows 1, 2"):
        read_mlpa(file, layout="long")
    run = read_mlpa(file, layout="long", columns={"probe": "probe"})
    assert run.probes.values.tolist() == [["p1", "ikzf1", 4, False], ["p2", "ikzf1", 4, False]]


def test_replicates_of_a_long_table(tmp_path):
    text = "sample,gene,exon,n,ratio\na,IKZF1,4,1,0.5\na,IKZF1,4,2,0.6\n"
    run = read_mlpa(saved(tmp_path, text), layout="long", columns={"replicate": "n"})
    assert run.peaks.values.tolist() == [["a", "1", 0.5], ["a", "2", 0.6]]


def workbook(folder, **changes):
    table = pd.DataFrame(
        {
            "Gene": ["IKZF1", "IKZF1", "PAX5", None, None, None],
            "Exon": ["4", "4", "2", None, None, None],
            "Position": ["1", "2", "3", "4", "5", "6"],
            "Type": ["target", "target", "target", "Reference", "reference", "REFERENCE"],
            "S1": [0.5, 0.55, 1.0, 1.0, 1.02, 0.98],
            "S2": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        }
    ).assign(**changes)
    file = folder / "digital.xlsx"
    with pd.ExcelWriter(file) as writer:
        table.to_excel(writer, sheet_name="Ratios", startrow=2, index=False)
    return file


def test_a_workbook_with_probes_in_rows(tmp_path):
    names = {"gene": "Gene", "exon": "Exon", "control": "Type"}
    run = read_mlpa(workbook(tmp_path), layout="workbook", columns=names, sheet="Ratios", header_row=3)
    assert run.peaks["sample"].tolist() == ["S1", "S2"]
    assert run.probes["probe"].tolist() == ["IKZF1_e4_1", "IKZF1_e4_2", "PAX5_e2", "control_1", "control_2", "control_3"]
    assert run.probes["control"].tolist() == [False] * 3 + [True] * 3
    calls = call_mlpa(run.peaks, probes=run.probes, scale=run.scale, thresholds="all_0.75", error=0.05)
    assert isinstance(calls, MlpaCalls)
    assert calls.exons["4"].tolist() == ["deleted", "normal"]
    assert calls.genes["pax5"].tolist() == ["normal", "normal"]


def test_the_first_sample_of_a_workbook_may_be_named(tmp_path):
    names = {"gene": "Gene", "exon": "Exon"}
    options = {"layout": "workbook", "columns": names, "sheet": "Ratios", "header_row": 3}
    file = workbook(tmp_path, Gene=["IKZF1"] * 6, Exon=["1", "2", "3", "4", "5", "6"])
    run = read_mlpa(file, first_sample="S2", **options)
    assert run.peaks["sample"].tolist() == ["S2"]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("sample,A_e1,A_e1\na,1,2\n", {}, r"columns of one name.*rows 2, 3"),
        ("id,A_e1\na,1\n", {}, "no column 'sample'"),
        ("sample,gene,exon,ratio\na,IKZF1,4.5,1\n", {"layout": "long"}, "no whole number.*row 1"),
        ("sample,gene,exon,ratio\na,IKZF1,9,1\n", {"layout": "long"}, "IKZF1 does not have; row 1"),
        ("sample,gene,exon,ratio\na,IKZF1,e4,1\n", {"layout": "long"}, "no whole number.*row 1"),
        ("sample,gene,exon,ratio\na,,4,1\n", {"layout": "long"}, "rows without a gene; row 1"),
        ("sample,gene,exon,ratio\n,IKZF1,4,1\n", {"layout": "long"}, "rows without a sample; row 1"),
        ("gene,exon\nIKZF1,4\n", {"layout": "workbook"}, "no sample column"),
        ("sample,A_e1\na,1\n", {"layout": "square"}, "no layout is called"),
        ("sample,A_e1\na,1\n", {"scale": "log"}, "scale is"),
    ],
)
def test_wrong_files_are_refused(tmp_path, text, options, message):
    with pytest.raises(InputError, match=message):
        read_mlpa(saved(tmp_path, text), **options)


def test_no_file_and_unknown_kinds(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_mlpa(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match=r"kind '\.pdf' are not read"):
        read_mlpa(saved(tmp_path, "x", "run.pdf"))
    with pytest.raises(ColumnError):
        read_mlpa(saved(tmp_path, "id,A_e1\na,1\n"))


def test_own_ranges_of_the_quotient():
    frame = pd.DataFrame({"sample": ["a", "b"], "IKZF1_e1": [0.7, 1.0]})
    ranges = (DoseRange("deleted", 0.3, 0.72), DoseRange("normal", 0.8, 1.2))
    calls = call_mlpa(frame, scale="ratio", thresholds=ranges, error=0.05)
    assert calls.exons["1"].tolist() == ["deleted", "normal"]
