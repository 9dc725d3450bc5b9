"""Files of arrays as they are written, and what is read of them."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko


def test_spots_with_decimal_commas_flags_and_further_columns(tmp_path):
    file = tmp_path / "spots.txt"
    file.write_text("slide;peptide;F;B;Control;run\ns1;p1;120,5;20;no;x\ns1;p2;;21;YES;y\n", encoding="utf-8")
    names = {"sample": "slide", "foreground": "F", "background": "B", "control": "Control"}
    spots = iko.read_spots(file, columns=names, decimal=",")
    assert spots.columns.tolist() == ["sample", "peptide", "foreground", "background", "control", "run"]
    assert spots["foreground"].tolist()[0] == 120.5
    assert spots["foreground"].isna().tolist() == [False, True]
    assert spots["control"].tolist() == [False, True]
    assert spots["run"].tolist() == ["x", "y"]


def test_a_workbook_gives_the_same_as_text(tmp_path):
    table = pd.DataFrame({"sample": ["s1", "s1"], "peptide": ["p1", "p2"], "foreground": [10.5, 11.0], "row": [1, 2]})
    table.to_excel(tmp_path / "spots.xlsx", index=False)
    table.to_csv(tmp_path / "spots.csv", index=False)
    one, two = (iko.read_spots(tmp_path / name) for name in ("spots.xlsx", "spots.csv"))
    pd.testing.assert_frame_equal(one, two)
    assert one["row"].tolist() == [1.0, 2.0]


def test_simulated_spots_come_back_from_a_file(tmp_path):
    run = iko.simulate_arrays(3, seed=1, peptides=24)
    run.spots.to_csv(tmp_path / "spots.tsv", sep="\t", index=False)
    options = {"replicate": "replicate", "control": "control", "saturated": "saturated"}
    direct = iko.normalise_spots(run.spots, **options)
    read = iko.normalise_spots(iko.read_spots(tmp_path / "spots.tsv"), **options)
    pd.testing.assert_frame_equal(direct.values, read.values, rtol=1e-12)


@pytest.mark.parametrize("rows", ["peptides", "samples"])
def test_a_matrix_either_way(tmp_path, rows):
    table = pd.DataFrame({"a": [1.5, np.nan], "b": [2.0, 4.0]}, index=["p1", "p2"])
    written = table if rows == "peptides" else table.T
    written.assign(about="x").to_csv(tmp_path / "matrix.csv", index_label="name")
    out = iko.read_peptide_matrix(tmp_path / "matrix.csv", rows=rows, leave_out=("about",))
    pd.testing.assert_frame_equal(out, table, check_names=False)


def test_an_export_with_more_columns_of_spots(tmp_path):
    lines = [
        "BioNavigator Version\t6\tQuantitationType\tSignal\t",
        "\t\tSample name\tA\tB",
        "\t\tCycle\t94\t94",
        "ID\tUniprot Accession\t\t\t",
        "p1\tP1\t\t1\t2",
        "p1\tP1\t\t3\t",
    ]
    (tmp_path / "export.txt").write_text("\r\n".join(lines), encoding="utf-8")
    out = iko.read_bionavigator(tmp_path / "export.txt")
    assert out.columns.tolist() == ["peptide", "replicate", "uniprot_accession", "sample", "cycle", "quantity", "value"]
    assert out["replicate"].tolist() == [1, 1, 2, 2]
    assert out["sample"].tolist() == ["A", "B", "A", "B"]
    np.testing.assert_array_equal(out["value"], [1, 2, 3, np.nan])
    assert set(out["quantity"]) == {"Signal"}
