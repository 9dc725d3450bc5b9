"""A real PamChip run (format and way through), and limma's values at full size; the files lie outside the repository."""

import json

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko


@pytest.fixture(scope="module")
def chip(shared):
    return shared / "data" / "pamchip_krsa"


@pytest.fixture(scope="module")
def spots(chip):
    return iko.read_bionavigator(chip / "example_Median_SigmBg.txt", saturation=chip / "example_Signal_Saturation.txt")


def test_every_cell_of_the_export_is_read(chip, spots):
    lines = (chip / "example_Median_SigmBg.txt").read_text().splitlines()
    cells = [line.split("\t") for line in lines[7:]]
    np.testing.assert_array_equal(spots["value"], np.array([row[2:] for row in cells], dtype=float).ravel())
    assert len(spots) == 152 * 312
    assert spots["quantity"].unique().tolist() == ["Median_SigmBg"]
    assert sorted(spots["exposure_time"].unique()) == [10, 20, 50, 100, 200]
    assert spots.groupby("peptide")["replicate"].max().loc["#REF"] == 8
    last = spots.iloc[-1]
    assert (last["peptide"], last["sample"], last["array"], last["cycle"]) == ("TY3H_65_77", "D", "A4", 124)


def test_the_layout_has_the_peptides_of_the_export_and_the_kinases_too(chip, spots):
    layout = iko.read_array_layout(chip / "STK-87102-Array-Layout.txt")
    assert len(layout) == 152
    assert set(layout["peptide"]) == set(spots["peptide"])
    assert layout["control"].sum() == 8
    row = layout.set_index("peptide").loc["RB_803_815"]
    assert (row["residue"], row["uniprot"]) == ("S807/S811", "P06400")
    kinases = iko.read_kinase_map(chip / "KRSA_Mapping_STK_PamChip_87102_v1.csv")
    assert set().union(*kinases.values()) <= set(layout["peptide"])
    assert "BAD_69_81" in kinases["AKT"]


def test_the_way_from_the_export_to_values(spots):
    chosen = spots[(spots["cycle"] == 124) & (spots["exposure_time"] == 200)]
    chosen = chosen.assign(
        chip=chosen["barcode"] + "_" + chosen["sample"], control=chosen["peptide"].str.startswith("#"),
        full=chosen["saturation"] > 0.0,
    )  # fmt: skip
    arrays = iko.normalise_spots(
        chosen, sample="chip", foreground="value", background=None, replicate="replicate", control="control",
        saturated="full", batch="barcode",
    )  # fmt: skip
    assert arrays.values.shape == (chosen.loc[~chosen["control"], "peptide"].nunique(), 12)
    assert (arrays.samples["note"] == "one replicate: no correlation").all()
    assert arrays.samples["n_negative"].sum() == (chosen.loc[~chosen["control"], "value"] <= 0).sum()
    assert arrays.values.notna().all(axis=None)
    sites = iko.parse_sites(arrays.values.index)
    assert (sites["note"] == "a stretch of residues, no site").sum() > 100
    ranks = np.sort(arrays.values.to_numpy(), axis=0)
    np.testing.assert_allclose(np.median(ranks, axis=0), np.median(ranks), rtol=0.02)


def kinome(shared, name):
    return pd.read_csv(shared / "reference" / name, index_col="peptide")


@pytest.mark.parametrize(
    ("file", "data", "digits"),
    [
        ("kinome_qn", "kinome_matrix", None),
        ("kinome_qn_ties", "kinome_matrix", 1),
        ("kinome_qn_na", "kinome_matrix_na", None),
    ],
)
def test_quantile_normalisation_at_full_size(shared, file, data, digits):
    matrix = kinome(shared, f"data/{data}.csv")
    ours = iko.quantile_normalise(matrix if digits is None else matrix.round(digits))
    np.testing.assert_allclose(ours, kinome(shared, f"values/{file}.csv"), rtol=1e-12)


def test_median_normalisation_at_full_size(shared):
    theirs = json.loads((shared / "reference/values/kinome.json").read_text())["entries"]["normalizeQuantiles"]["values"]
    ours = iko.median_normalise(kinome(shared, "data/kinome_matrix.csv"))
    np.testing.assert_allclose(ours.iloc[:5, :5], theirs["median"]["data"], rtol=1e-12)
