"""Arrays, sets, groups, annotations and blots that cannot be analysed are refused; nothing is dropped in silence."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import ColumnError, InputError

TABLE = pd.DataFrame(
    np.random.default_rng(1).normal(9, 1, (10, 8)), index=[f"p{k}" for k in range(10)], columns=list("abcdefgh")
)
SETS = {"A": ["p0", "p1", "p2"]}
GROUPS = ["x", "y"] * 4
SEVEN = pd.DataFrame({f"c{k}": np.eye(8)[k] for k in range(7)}, index=list("abcdefgh"))


def run(table=TABLE, sets=SETS, groups=GROUPS, **options):
    return iko.pathway_tests(table, sets, groups, **{"contrast": "y vs x", **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "gsea"}, "no such test of sets"),
        ({"correlation": 1.0}, "between -1 and 1"),
        ({"method": "roast"}, "needs a seed"),
        ({"method": "roast", "seed": 1, "rotations": 0}, "needs rotations"),
        ({"method": "mean", "conf_level": 1.0}, "confidence level"),
        ({"sets": {}}, "no sets"),
        ({"sets": {"A": "p0"}}, "one text"),
        ({"sets": {"A": ["q"]}}, "no peptide of any set"),
        ({"groups": ["x"] * 8}, "no sample is of the group y"),
        ({"groups": list("xyzxyzxy"), "contrast": None}, "two groups are compared; 3 in all"),
        ({"contrast": None}, "which group comes first"),
        ({"groups": ["x", "y"]}, "one value for each of the 8 samples"),
        ({"contrast": "x vs x"}, "names two levels"),
        ({"contrast": "xy"}, "names two levels"),
        ({"contrast": "x vs z"}, "no sample is of the group z"),
        ({"groups": pd.Series(GROUPS, index=list("ABCDEFGH"))}, "no sample has the name"),
        ({"groups": pd.Series([*GROUPS, "x"], index=[*"abcdefgh", "a"])}, "there twice; row 9"),
        ({"batch": ["1", "2"] * 4}, "told apart"),
        ({"covariates": SEVEN}, "no samples are left"),
        ({"covariates": [1, 2]}, "DataFrame"),
        ({"table": TABLE.iloc[:2]}, "fewer than 3 peptides"),
        ({"table": pd.concat([TABLE, TABLE.iloc[[3]]])}, "twice"),
        ({"adjust": "none"}, "no such adjustment"),
    ],
)  # fmt: skip
def test_tests_of_sets(options, words):
    with pytest.raises(InputError, match=words):
        run(**options)


def test_peptides_that_are_zero_or_missing_in_a_batch_are_counted():
    table = TABLE.copy()
    table.loc["p0"] = 0.0
    table.loc["p1", list("abcd")] = np.nan
    batch = ["1"] * 4 + ["2"] * 4
    row = run(table, batch=batch, correlation=None)
    assert row.tidy()[["n_peptides", "n_missing"]].values.tolist() == [[1, 2]]
    assert row.glance()[["n_incomplete", "n_constant"]].values.tolist() == [[1, 1]]
    # p1 is known in the second batch alone, where its groups can be compared
    assert run(table, batch=batch, method="mean").tidy()["n_peptides"].item() == 3


def test_two_samples_in_a_group_are_enough_and_a_set_of_everything_is_not():
    groups = ["x", "x", "y", "y"]
    table = TABLE.iloc[:, :4]
    found = run(table, {"A": ["p0"], "all": list(TABLE.index)}, groups).tidy()
    assert found["note"].tolist() == ["", "not estimable"]
    assert found["p_value"].notna().tolist() == [True, False]
    fry = run(table, {"A": ["p0"], "all": list(TABLE.index)}, groups, method="fry").tidy()
    assert fry["p_value"].between(0, 1).all()


def test_constant_mean_scores_are_not_estimable():
    table = TABLE.copy()
    table.loc["p0"] = 4.0
    found = run(table, {"flat": ["p0"]}, method="mean").tidy()
    assert found["note"].tolist() == ["not estimable"]
    assert found[["p_value", "low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "median"}, "no such score"),
        ({"least": 0}, "1 or more"),
        ({"arrays": TABLE[["a"]], "method": "z_mean"}, "one sample"),
        ({"arrays": TABLE.to_numpy()}, "DataFrame"),
    ],
)
def test_scores_of_sets(options, words):
    with pytest.raises(InputError, match=words):
        iko.pathway_scores(**{"arrays": TABLE, "sets": SETS, **options})


def test_scores_of_constant_peptides_alone():
    flat = pd.DataFrame(1.0, index=["p0", "p1", "p2"], columns=list("ab"))
    for method in ("z_mean", "first_component"):
        scores = iko.pathway_scores(flat, SETS, method=method)
        assert scores.values["A"].isna().all()
        assert scores.glance()[["n_peptides", "n_constant", "note"]].values.tolist() == [[0, 3, "too few peptides"]]


FLAT = TABLE.assign(e=5.0)
SHORT = TABLE.copy()
SHORT.iloc[2:, 1] = np.nan


@pytest.mark.parametrize(
    ("arrays", "options", "words"),
    [
        (TABLE, {"of": "patients"}, "of has no such choice"),
        (TABLE, {"distance": "cosine"}, "distance has no such choice"),
        (TABLE, {"linkage": "centroid"}, "linkage has no such choice"),
        (TABLE, {"k": 9}, "between 1 and 8"),
        (TABLE, {"k": 0}, "between 1 and 8"),
        (TABLE[["a"]], {}, "fewer than 2"),
        (FLAT, {}, "without distances .*; row 5"),
        (SHORT, {}, "without distances .*; row 2"),
        (SHORT, {"distance": "spearman"}, "need all values; 8 in all"),
        (pd.concat([TABLE.iloc[:3], 0 * TABLE.iloc[3:4], TABLE.iloc[4:]]), {"scale": True}, "constant peptides .*; row 4"),
        (TABLE.replace(TABLE.iloc[0, 0], np.inf), {}, "infinite"),
    ],
)
def test_trees(arrays, options, words):
    with pytest.raises(InputError, match=words):
        iko.cluster_kinome(arrays, **options)


TREE = iko.cluster_kinome(TABLE)
KNOWN = pd.DataFrame({"sex": list("mfmfmfmf")}, index=TABLE.columns)


@pytest.mark.parametrize(
    ("known", "options", "words"),
    [
        (KNOWN, {"k": 1}, "k is 2 or more"),
        (KNOWN, {"k": 20}, "between 1 and 8"),
        (KNOWN, {"permutations": 0}, "no permutations"),
        (KNOWN["sex"], {}, "DataFrame"),
        (KNOWN[[]], {}, "DataFrame"),
        (KNOWN.set_axis(list("ABCDEFGH")), {}, "no sample has the name"),
        (pd.concat([KNOWN, KNOWN.iloc[:1]]), {}, "there twice; row 9"),
        (KNOWN.assign(wbc=[np.inf] + [1.0] * 7), {}, "infinite"),
        (KNOWN, {"seed": "x"}, "seed"),
    ],
)
def test_annotations(known, options, words):
    with pytest.raises(InputError, match=words):
        iko.cluster_association(TREE, known, **{"k": 2, "seed": 1, "permutations": 9, **options})


def test_samples_that_are_all_alike_have_no_pseudo_f():
    alike = pd.DataFrame(np.tile([[1.0], [2], [4]], 4), columns=list("abcd"))
    tree = iko.cluster_kinome(alike, distance="euclidean")
    found = iko.cluster_association(tree, pd.DataFrame({"s": [0, 1, 0, 1]}, index=list("abcd")), 2, permutations=9, seed=1)
    assert found.loc[found["analysis"] == "distances", "note"].tolist() == ["not estimable: all distances are 0"]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([[0.5, 1, 2, 3]], "no band; row 1"),
        ([[0, 1, 2, 3], [0, 1, 2, 4]], "no band; row 2"),
        ([[0, 1, 2, "strong"]], "no numbers; row 1"),
    ],
)
def test_cells_that_are_no_band(cells, words):
    with pytest.raises(InputError, match=words):
        iko.blot_tests(pd.DataFrame(cells), [True, True, False, False])


def test_bands_and_groups_of_blots():
    bands = pd.DataFrame([[0, 1, 2, 3]])
    with pytest.raises(InputError, match="whole numbers"):
        iko.blot_tests(bands, [True, True, False, False], bands=(0, 0.5))
    with pytest.raises(InputError, match="two groups are compared"):
        iko.blot_tests(bands, ["x"] * 4, contrast=None)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "protein,1,2\nAkt,0,1\n", "not one column 'site'"),
        ("a.csv", "site,1,1\nAkt,0,1\n", "twice .*; rows 1, 2"),
        ("a.csv", "site,1,2\nAkt,0,1\nAkt,0,1\n", "twice .*; rows 1, 2"),
        ("a.csv", "site,1,\nAkt,0,1\n", "no name .*; row 2"),
        ("a.csv", "site,1,2\n,0,1\n", "no name .*; row 1"),
        ("a.csv", "site,1,2\nAkt,0,7\n", "no band; row 1"),
        ("a.csv", "site,1,2\nAkt,0,strong\n", "no numbers; row 1"),
        ("a.pdf", "x", "read from"),
    ],
)
def test_files_of_blots(tmp_path, name, text, words):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        iko.read_blots(tmp_path / name)


def test_a_file_that_is_not_there_or_empty(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        iko.read_blots(tmp_path / "gone.csv")
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    with pytest.raises((InputError, ColumnError), match=r"column|empty"):
        iko.read_blots(tmp_path / "empty.csv")
