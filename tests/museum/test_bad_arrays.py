"""Arrays as they come: every fault is named, counted and told by position, and nothing goes in silence."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.simulate import simulate_arrays

RUN = simulate_arrays(4, seed=1, peptides=30).spots
OPTIONS = {"replicate": "replicate", "control": "control"}
MATRIX = pd.DataFrame(np.arange(12.0).reshape(4, 3), index=list("abcd"), columns=["s1", "s2", "s3"])


def spots(**changes):
    return RUN.assign(**changes)


def cell(column, row, value):
    return RUN[column].astype(object).where(np.arange(len(RUN)) != row - 1, value)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (RUN.iloc[:0], {}, "no spots"),
        (RUN.drop(columns="foreground"), {}, "no column foreground"),
        (RUN.drop(columns="replicate"), {}, "no column replicate"),
        (spots(peptide=cell("peptide", 7, None)), {}, "spots without a peptide; row 7"),
        (spots(sample=cell("sample", 9, None)), {}, "spots without a sample; row 9"),
        (spots(foreground=cell("foreground", 3, "high")), {}, "no numbers; row 3"),
        (spots(foreground=cell("foreground", 3, np.inf)), {}, "infinite intensities; row 3"),
        (spots(control=cell("control", 5, "maybe")), {}, "true or false; row 5"),
        (spots(control=True), {}, "every spot is a control"),
        (RUN, {"control": ["nobody", "control_1"]}, "not in the table; 1 in all"),
        (RUN, {"replicate": None, "control": "control"}, "on an array twice"),
        (pd.concat([RUN, RUN.iloc[[0]]]), {}, "on an array twice; rows 1, 553"),
        (RUN, {"batch": "replicate"}, "'replicate' differs within a sample"),
        (RUN, {"annotation": ["row"]}, "'row' differs within a peptide"),
        (RUN, {"annotation": ["nothing"]}, "no column nothing"),
        (RUN, {"normalise": "loess"}, "a choice is not known"),
        (RUN, {"floor": 0.0}, "above 0"),
        (RUN, {"least_correlation": 1.0}, "no array is left; 4 in all"),
        (spots(foreground=0.0), {"negative": "missing"}, "no array is left"),
        (spots(foreground=0.0), {"negative": "error"}, "not above their background"),
        (spots(foreground=np.nan), {}, "no array is left"),
    ],
)  # fmt: skip
def test_spots_that_cannot_be_used(table, options, message):
    with pytest.raises(iko.InputError, match=message):
        iko.normalise_spots(table, **{**OPTIONS, **options})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([[1.0]], "are a DataFrame"),
        (MATRIX.iloc[:0], "no peptide, or no sample"),
        (MATRIX.rename(index={"c": "a"}), "a peptide is there twice \\(positions\\); rows 1, 3"),
        (MATRIX.rename(columns={"s3": "s2"}), "a sample is there twice \\(positions\\); rows 2, 3"),
        (MATRIX.rename(index={"c": None}), "a peptide has no name \\(positions\\); row 3"),
        (MATRIX.replace(4.0, np.inf), "infinite values; row 2"),
        (MATRIX.astype(object).mask(MATRIX == 4.0, "low"), "no numbers; row 2"),
        (MATRIX.assign(s2=True), "no numbers; rows 1, 2, 3, 4"),
        (MATRIX.assign(gene="STAT5A"), "every column a sample"),
        (MATRIX.astype(complex), "complex"),
    ],
)
def test_tables_that_are_no_arrays(table, message):
    with pytest.raises(iko.InputError, match=message):
        iko.peptide_values(table)


def test_no_message_names_a_sample_or_a_value():
    with pytest.raises(iko.InputError) as caught:
        iko.peptide_values(MATRIX.rename(columns={"s1": "PATIENT", "s2": "PATIENT"}))
    assert "PATIENT" not in str(caught.value)


def test_a_sample_with_one_value_cannot_be_normalised():
    poor = MATRIX.assign(s2=[1.0, np.nan, np.nan, np.nan])
    with pytest.raises(iko.InputError, match="fewer than 2 values \\(positions\\); row 2"):
        iko.quantile_normalise(poor)
    with pytest.raises(iko.InputError, match="median that is not above 0 \\(positions\\); row 1"):
        iko.median_normalise(MATRIX - 5.0)


def test_an_empty_array_is_listed_not_refused():
    lost = RUN["foreground"].where(RUN["sample"] != "s2")
    arrays = iko.normalise_spots(RUN.assign(foreground=lost), **OPTIONS)
    assert list(arrays.values) == ["s1", "s3", "s4"]
    assert arrays.samples.set_index("sample").loc["s2", "note"] == "fewer than 3 spots"
    assert arrays.samples.set_index("sample").loc["s2", "n_replicate"] == 0


def test_replicates_that_do_not_vary_are_left_out():
    flat = RUN["foreground"].where(RUN["sample"] != "s3", RUN["background"] + 50.0)
    arrays = iko.normalise_spots(RUN.assign(foreground=flat), normalise="none", **OPTIONS)
    row = arrays.samples.set_index("sample").loc["s3"]
    assert not row["kept"]
    assert row["note"].startswith("replicates do not vary")


def test_a_peptide_missing_in_one_batch_stays_with_a_note():
    first = RUN["batch"] == RUN["batch"].iloc[0]
    lost = RUN["foreground"].where(~(first & (RUN["peptide"] == "SRC_1")))
    arrays = iko.normalise_spots(RUN.assign(foreground=lost), batch="batch", **OPTIONS)
    noted = arrays.peptides.set_index("peptide")["note"]
    assert noted["SRC_1"] == "no value in a batch"
    assert "SRC_1" in arrays.values.index
    assert ("peptides", "no value in a batch", 1) in arrays.ledger.itertuples(index=False, name=None)


def write(folder, name, text):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("sample,peptide,F\na,p,1\n", {}, "no column foreground"),
        ("sample,peptide,foreground\na,p,1,2\n", {}, "more or fewer cells"),
        ("sample,peptide,foreground\na,p,bright\n", {}, "no numbers; row 1"),
        ("sample,peptide,foreground,control\na,p,1,x\n", {}, "true or false; row 1"),
        ("sample,peptide,foreground,F\na,p,1,2\n", {"columns": {"foreground": "F"}}, "two meanings"),
        ("sample;peptide;foreground\na;p;1.000,5\n", {"decimal": ","}, "numbers with a point"),
        ("", {}, "is empty"),
    ],
)
def test_tables_of_spots_that_cannot_be_read(tmp_path, text, options, message):
    with pytest.raises(iko.InputError, match=message):
        iko.read_spots(write(tmp_path, "spots.csv", text), **options)


@pytest.mark.parametrize(
    ("text", "rows", "message"),
    [
        ("p,a,b\nx,1,2\n", "columns", "'peptides' or 'samples'"),
        ("p,a,b\nx,1,2\n,3,4\n", "peptides", "without a name; row 2"),
        ("p,a,b\nx,1,2\nx,3,4\n", "peptides", "a peptide is there twice"),
        ("p,a,b\nx,1,2\nx,3,4\n", "samples", "a sample is there twice"),
        ("p,a,b\nx,1,low\n", "peptides", "no numbers; row 1"),
    ],
)
def test_matrices_that_cannot_be_read(tmp_path, text, rows, message):
    with pytest.raises(iko.InputError, match=message):
        iko.read_peptide_matrix(write(tmp_path, "matrix.csv", text), rows=rows)


HEAD = "BioNavigator Version\t6.3\tQuantitationType\tMedian\n\tCycle\t92\t97\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("sample,peptide\na,b\n", "no crosstab of BioNavigator"),
        (HEAD, "no crosstab of BioNavigator"),
        (HEAD + "ID\t\t\t\n", "no spots"),
        (HEAD + "ID\t\t\t\np\t\t1\n", "different lengths; row 4"),
        (HEAD + "ID\t\t\t\np\t\t1\tx\n", "no numbers \\(lines\\); row 4"),
        (HEAD + "\tCycle\t1\t2\nID\t\t\t\np\t\t1\t2\n", "with one name"),
    ],
)
def test_exports_that_are_none(tmp_path, text, message):
    with pytest.raises(iko.InputError, match=message):
        iko.read_bionavigator(write(tmp_path, "export.txt", text))


def test_exports_of_different_images(tmp_path):
    one = write(tmp_path, "one.txt", HEAD + "ID\t\t\t\np\t\t1\t2\n")
    two = write(tmp_path, "two.txt", HEAD.replace("97", "98") + "ID\t\t\t\np\t\t0\t0\n")
    with pytest.raises(iko.InputError, match="not of the same spots and images"):
        iko.read_bionavigator(one, saturation=two)
    assert iko.read_bionavigator(one, saturation=one)["saturation"].tolist() == [1.0, 2.0]


def test_layouts_and_maps_that_are_none(tmp_path):
    with pytest.raises(iko.ColumnError, match="no column Row"):
        iko.read_array_layout(write(tmp_path, "layout.txt", "ID\tCol\np\t1\n"))
    with pytest.raises(iko.InputError, match="in one place; rows 1, 2"):
        iko.read_array_layout(write(tmp_path, "layout.txt", "Row\tCol\tID\n1\t1\tp\n1\t1\tq\n"))
    with pytest.raises(iko.InputError, match="without a kinase; row 1"):
        iko.read_kinase_map(write(tmp_path, "map.csv", "Substrates,Kinases\np,\n"))
    with pytest.raises(iko.InputError, match="twice; rows 1, 2"):
        iko.read_kinase_map(write(tmp_path, "map.csv", "Substrates,Kinases\np,A\np,B\n"))


def test_thousands_of_features_are_joined_at_once():
    """Column by column they took half a minute and gave a warning each; warnings are errors here."""
    cohort = iko.cohort_from_frame(pd.DataFrame({"id": ["a", "b"], "sample": [0.0, 0.0]}))
    features = pd.DataFrame(np.arange(600.0).reshape(300, 2), index=[f"g{k}" for k in range(300)], columns=["b", "a"])
    joined, report = iko.join_arrays(cohort, features)
    assert report.n_matched == 2
    assert joined.frame["g299"].tolist() == [599.0, 598.0]
