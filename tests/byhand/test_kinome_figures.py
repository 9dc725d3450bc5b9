"""What figures of the kinome show: each number at its place, unknown ones never as values."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.report.kinome_figures import heat_map_alt, kinome_heat_map
from ikzf1_outcomes.report.kinome_grids import blot_grid, grid_alt, pathway_figure, patient_grid
from ikzf1_outcomes.report.volcano import volcano_alt, volcano_plot

VALUES = pd.DataFrame([[0.0, 4, 0, 4], [1.0, 5, 2, 6], [3.0, 0, 2, 1]], index=["p", "q", "r"], columns=["a", "b", "c", "d"])


def test_a_heat_map_in_the_order_of_its_trees():
    tree = iko.cluster_kinome(VALUES, distance="euclidean")
    peptides = iko.cluster_kinome(VALUES, of="peptides", distance="euclidean")
    tracks = pd.DataFrame({"ikzf1": ["x", None, "x", "y"], "age": [1.0, 2, np.nan, 4]}, index=VALUES.columns)
    ax = kinome_heat_map(VALUES, clusters=tree, peptide_clusters=peptides, tracks=tracks, title="A title", note="A note")
    drawn = ax.images[0].get_array()
    z = VALUES.sub(VALUES.mean(axis=1), axis=0).div(VALUES.std(axis=1), axis=0).to_numpy()
    np.testing.assert_allclose(drawn, z[np.ix_(peptides.order, tree.order)])
    assert [text.get_text() for text in ax.get_xticklabels()] == VALUES.columns[tree.order].tolist()
    # each leaf of the tree stands over a column, and the tree is as high as the last merge
    above = ax.child_axes[-1]
    feet = sorted(x for line in above.lines for x, y in zip(*line.get_data(), strict=True) if y == 0)
    assert feet == [0.0, 1.0, 2.0, 3.0]
    assert max(line.get_ydata().max() for line in above.lines) == tree.merges[-1, 2]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["age: 1 to 4", "ikzf1: x", "ikzf1: y"]
    assert "Annotations: ikzf1, age." in heat_map_alt(VALUES, tree, tracks)


def test_a_heat_map_of_other_samples_is_refused():
    tree = iko.cluster_kinome(VALUES, distance="euclidean")
    for bad in ({"clusters": iko.cluster_kinome(VALUES[["b", "a", "c", "d"]])}, {"peptide_clusters": tree}):
        with pytest.raises(InputError, match="the tree is not of these"):
            kinome_heat_map(VALUES, **bad)
    with pytest.raises(InputError, match="none of the samples"):
        kinome_heat_map(VALUES, tracks=pd.DataFrame({"x": [1]}, index=["z"]))
    with pytest.raises(InputError, match=r"constant peptides .*; row 1"):
        kinome_heat_map(pd.DataFrame([[1.0, 1], [1.0, 2]]))
    with pytest.raises(InputError, match="positive"):
        kinome_heat_map(VALUES, limit=0)


def test_greys_of_pathways_begin_at_zero():
    ax = pathway_figure(pd.DataFrame({"deleted": [8.0, 4], "not": [8.0, np.nan]}, index=["A", "B"]))
    np.testing.assert_allclose(ax.images[0].get_array().filled(np.nan), [[1, 1], [0.5, np.nan]])
    assert [text.get_text() for text in ax.texts] == ["8.00", "8.00", "4.00", "–"]


def test_blots_are_sorted_by_group_and_missing_lanes_are_crosses():
    bands = pd.DataFrame([[0, 3, np.nan, 1]], index=["STAT5_Y694"], columns=[1, 2, 3, 4])
    ax = blot_grid(bands, groups=pd.Series({1: "wild type", 2: "deleted", 4: "deleted"}), title="Blots")
    assert [text.get_text() for text in ax.texts] == ["3", "1", "×", "0", "deleted", "not known", "wild type"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["2", "4", "3", "1"]
    with pytest.raises(InputError, match="no band; row 1"):
        blot_grid(bands + 2)
    assert "1 cell not known" in grid_alt(bands, "Blots")


def test_patients_by_characteristics():
    table = pd.DataFrame({"sex": ["m", None], "age": [3.2, np.nan], "pax5": [True, False]}, index=[7, 8])
    ax = patient_grid(table, labels={"pax5": "PAX5"}, title="Patients")
    assert [text.get_text() for text in ax.texts] == ["", "?", "3", "?", "+", "–"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["sex", "age", "PAX5"]
    # an unknown cell is white
    np.testing.assert_array_equal(ax.images[0].get_array()[0, 1], 1.0)
    with pytest.raises(InputError, match="no patients"):
        patient_grid(table.iloc[:0])


ROWS = pd.DataFrame(
    {
        "term": ["a", "b", "c", "d"], "estimate": [1.0, -2, 0.5, np.nan], "scale": "log2 difference",
        "p_value": [0.001, 1e-40, 0.2, np.nan], "p_adjusted": [0.004, 1e-39, 0.4, np.nan],
    }
)  # fmt: skip


def test_points_of_a_volcano():
    ax = volcano_plot(ROWS, named=1, note="Simulated.")
    others, sure = (part.get_offsets() for part in ax.collections)
    np.testing.assert_allclose(others, [[0.5, -np.log10(0.2)]])
    np.testing.assert_allclose(sure, [[1.0, 3.0], [-2.0, 30.0]])
    assert [text.get_text() for text in ax.texts] == ["b"]
    assert ax.get_xlabel() == "log2 difference\nWithout an estimate, not shown: 1. Simulated."
    said = "Volcano plot of 3 features: 2 with p at or below 0.05 (0.2 by chance alone), 2 after adjustment."
    assert volcano_alt(ROWS).startswith(said)


def test_a_volcano_of_a_screen_and_of_a_differential_test():
    rng = np.random.default_rng(1)
    values = pd.DataFrame(rng.normal(9, 1, (20, 10)), columns=list("abcdefghij"))
    fit = iko.differential_phosphorylation(values, [True, False] * 5)
    assert len(volcano_plot(fit.tidy()).collections[0].get_offsets()) > 15
    frame = pd.DataFrame({"t": rng.exponential(size=30), "s": 1, "x": rng.normal(size=30), "y": rng.normal(size=30)})
    endpoint = iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})
    ax = volcano_plot(iko.screen(endpoint, ["x", "y"]).tidy(), adjusted="p_adjusted_bh")
    assert ax.get_xlabel() == "log hazard ratio per SD"


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        (ROWS.drop(columns="p_adjusted"), {}, "no column p_adjusted"),
        (ROWS, {"level": 1.0}, "between 0 and 1"),
        (ROWS.assign(p_value=[0.1, 0.2, 3.0, 0.1]), {}, "outside 0 to 1; row 3"),
        (ROWS.iloc[3:], {}, "no feature"),
        (ROWS.assign(scale=list("xyzz")), {}, "several scales"),
    ],
)
def test_rows_that_make_no_volcano(rows, options, words):
    with pytest.raises(InputError, match=words):
        volcano_plot(rows, **options)


def test_names_at_the_edge_of_a_volcano_stand_inwards():
    """The outermost point lay under the labels of the axis with its own."""
    rows = pd.DataFrame(
        {"term": ["far", "near", "right"], "estimate": [-1.0, -0.2, 1.0], "scale": "log2 difference", "p_value": 1e-4}
    )
    ax = volcano_plot(rows.assign(p_adjusted=1e-3))
    assert {text.get_text(): text.get_ha() for text in ax.texts} == {"far": "left", "near": "right", "right": "right"}
