"""A `[kinome]` part that could not be run is refused by `validate`: what, how many, where, what next."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import ikzf1_outcomes as iko
from ikzf1_outcomes.cli import app
from ikzf1_outcomes.errors import StudyError

IDS = [f"P{number:02d}" for number in range(1, 13)]
PATIENTS = pd.DataFrame(
    {
        "pat": IDS,
        "arm": ["x", "y"] * 6,
        "batch": ["b1"] * 6 + ["b2"] * 6,
        "same": ["b1", "b2"] * 6,
        "tube": [*IDS[:11], IDS[0]],
        "t": np.arange(1, 13),
        "s": [1, 0] * 6,
    }
)
VALUES = pd.DataFrame(
    np.random.default_rng(3).normal(8, 1, (30, 12)).round(3),
    index=pd.Index([f"{gene}_{k}" for gene in ("JAK2", "STAT5A", "MAPK3") for k in range(10)], name="peptide"),
    columns=IDS,
)
HEAD = """
[study]
title = "Arrays"
[cohort]
file = "patients.csv"
[cohort.columns]
id = "pat"
first_event = "s"
first_event_time = "t"
arm = "arm"
batch = "batch"
same = "same"
tube = "tube"
[cohort.fields.arm]
kind = "category"
[cohort.fields.batch]
kind = "category"
[cohort.fields.same]
kind = "category"
[cohort.fields.tube]
kind = "category"
[cohort.units]
first_event_time = "years"
[cohort.codes]
first_event = { "0" = "none", "1" = "relapse" }
[endpoints.EFS]
[analysis]
horizon = 3
"""
PART = """[kinome]
file = "matrix.csv"
format = "matrix"
rows = "peptides"
sets = "sets.gmt"
batch = "batch"
permutations = 20
known_at = 0
compare = { column = "arm", first = "x", second = "y" }
"""


@pytest.fixture
def folder(tmp_path):
    PATIENTS.to_csv(tmp_path / "patients.csv", index=False)
    VALUES.to_csv(tmp_path / "matrix.csv")
    genes = pd.read_csv(tmp_path / "matrix.csv")
    genes.insert(1, "gene", genes["peptide"].str.partition("_")[0])
    genes.to_csv(tmp_path / "matrix.csv", index=False)
    (tmp_path / "sets.gmt").write_text("JAK\tone\tJAK2\tSTAT5A\nA B\ttwo\tMAPK3\nA/B\tthree\tMAPK3\n", encoding="utf-8")
    return tmp_path


COLUMNS = '[kinome.columns]\ngene = "gene"\n'


def load(folder, text):
    (folder / "study.toml").write_text(HEAD + text, encoding="utf-8")
    return iko.load_study(folder / "study.toml")


def test_the_part_itself_is_accepted(folder):
    study = load(folder, PART + COLUMNS)
    assert (study.plan.kinome.clusters, study.plan.kinome.seed, study.plan.kinome.margin) == (2, 1, None)
    assert study.kinome.values.shape == (30, 12)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('file = "matrix.csv"', 'file = "none.csv"', "there is no file 'none.csv'"),
        ('file = "matrix.csv"\n', "", "[kinome]: file is required"),
        ('format = "matrix"\n', "", "format is required"),
        ('format = "matrix"', 'format = "cel"', "format cannot be 'cel'. Use one of spots, matrix, bionavigator."),
        ('rows = "peptides"\n', "", "rows is required"),
        ('rows = "peptides"', 'rows = "patients"', 'Write rows = "peptides" or "samples".'),
        ('batch = "batch"', 'bach = "batch"', "the key 'bach' is not known. Did you mean 'batch'?"),
        ('batch = "batch"', 'batch = "bacth"', "batch: the cohort has no column 'bacth'. Did you mean 'batch'?"),
        ('batch = "batch"', 'batch = "same"', "the groups cannot be told apart"),
        ('batch = "batch"', 'batch = "id"', "one batch only, or one for each array"),
        ('batch = "batch"', 'covariates = ["same"]', "cannot be told apart"),
        ('batch = "batch"', 'sample = "tube"', "two patients have one sample; rows 1, 12; 2 in all."),
        ('batch = "batch"', 'sample = "arm"', "two patients have one sample"),
        ('batch = "batch"', "cycle = 92", "cycle belongs to the format bionavigator"),
        ('batch = "batch"', 'controls = ["c"]', "a matrix has none"),
        ('batch = "batch"', "margin = 0", "margin must be a positive number"),
        ('batch = "batch"', "clusters = 1", "clusters 2 or more"),
        ('batch = "batch"', "clusters = 12", "clusters: as many as arrays"),
        ("known_at = 0\n", "", "nobody says when the samples were taken; 12 in all."),
        ("known_at = 0", "known_at = -1", "known_at must be a number that is not negative"),
        ('batch = "batch"', 'annotations = ["sex"]', "annotations: the cohort has no column 'sex'"),
        ('batch = "batch"', 'scores = ["MAPK"]', "scores: there is no set 'MAPK'"),
        ('batch = "batch"', 'scores = ["A B", "A/B"]', "two sets would be one column"),
        ('batch = "batch"', 'method = "wilcoxon"', "method cannot be 'wilcoxon'"),
        ('batch = "batch"', 'normalisation = { normalise = "vsn" }', "normalise cannot be 'vsn'"),
        ('batch = "batch"', 'normalisation = { normalise = "median" }', "not of logarithms"),
        ('batch = "batch"', "normalisation = { replicates = 1 }", "the key 'replicates' is not known"),
        ("permutations = 20", "permutations = 0", "permutations are 1 or more"),
        ('sets = "sets.gmt"', 'sets = "other.gmt"', "sets: there is no file 'other.gmt'"),
        ('sets = "sets.gmt"', 'sets = "none"\nscores = ["JAK"]', "scores need sets"),
        ('first = "x"', 'first = "z"', "compare: no arrays of the level 'z', 2 are needed. Levels with an array are x, y."),
        ('column = "arm"', 'column = "age"', "compare: the cohort has no column 'age'"),
        ('second = "y"', 'third = "y"', "[kinome.compare]: the key 'third' is not known"),
        ('gene = "gene"', 'gene = "Gene"', "the file has no column Gene"),
        ('gene = "gene"', 'sample = "gene"', "the key 'sample' is not known"),
        ('[kinome.columns]\ngene = "gene"\n', "", "values that are no numbers"),
    ],
)
def test_what_could_not_be_run_is_refused(folder, old, new, problem):
    text = PART + COLUMNS
    assert old in text
    with pytest.raises(StudyError) as caught:
        load(folder, text.replace(old, new))
    assert problem in str(caught.value)
    assert not any(name in str(caught.value) for name in IDS)


def put(folder, table, **options):
    table.to_csv(folder / "matrix.csv", **options)


def refused(folder, text):
    with pytest.raises(StudyError) as caught:
        load(folder, text)
    assert not any(name in str(caught.value) for name in IDS)
    return str(caught.value)


def test_patients_in_the_rows_of_a_matrix_of_peptides(folder):
    put(folder, VALUES.T, index_label="patient")
    part = PART.replace('"sets.gmt"', '"none"')
    assert "what is read as peptides are patients. Write rows = \"samples\"" in refused(folder, part)  # fmt: skip
    assert load(folder, part.replace('rows = "peptides"', 'rows = "samples"')).kinome.values.shape == (30, 12)


def test_arrays_of_nobody(folder):
    put(folder, VALUES.rename(columns="X{}".format))
    told = refused(folder, PART.replace('"sets.gmt"', '"none"'))
    assert "no array belongs to a patient of the cohort; 12 in all. Arrays are named as the patients' column 'id'" in told


def test_some_arrays_of_nobody_are_counted_by_validate(folder):
    put(folder, VALUES.rename(columns={"P01": "someone", "P02": "else"}))
    part = PART.replace('"sets.gmt"', '"none"')
    (folder / "study.toml").write_text(HEAD + part, encoding="utf-8")
    told = CliRunner().invoke(app, ["validate", str(folder / "study.toml")])
    assert told.exit_code == 0
    assert "arrays of patients 10; arrays of nobody in the cohort, left out 2" in told.stdout


def test_a_sample_twice(folder):
    put(folder, VALUES.set_axis([*IDS[:11], IDS[0]], axis=1))
    told = refused(folder, PART.replace('"sets.gmt"', '"none"'))
    assert "columns of one name (positions in the header); rows 2, 13; 2 in all." in told


def test_a_sample_twice_in_the_rows(folder):
    put(folder, VALUES.T.set_axis([*IDS[:11], IDS[0]], axis=0), index_label="patient")
    told = refused(folder, PART.replace('"sets.gmt"', '"none"').replace('"peptides"', '"samples"'))
    assert "a sample is there twice (positions); rows 1, 12" in told


def test_peptides_without_genes(folder):
    put(folder, VALUES.set_axis([f"x{k}" for k in range(30)], axis=0), index_label="peptide")
    assert "no peptide has a gene. Map a column to gene" in refused(folder, PART)


def test_sets_without_peptides(folder):
    (folder / "sets.gmt").write_text("S\td\tTP53\n", encoding="utf-8")
    assert "no set has a peptide" in refused(folder, PART + COLUMNS)


def test_a_first_column_without_a_heading_names_the_rows(folder):
    """R and pandas write row names so; they were once lost, and the first patient taken for them."""
    put(folder, VALUES, index_label="")
    found = load(folder, PART.replace('"sets.gmt"', '"none"')).kinome.values
    pd.testing.assert_frame_equal(found, VALUES, check_names=False)


def test_an_array_without_a_batch(folder):
    PATIENTS.assign(batch=PATIENTS["batch"].where(PATIENTS["pat"] != "P05")).to_csv(folder / "patients.csv", index=False)
    assert "batch: arrays without a batch (positions); row 5." in refused(folder, PART + COLUMNS)


def test_missing_values_and_constant_peptides_are_rows_with_a_note(folder):
    from ikzf1_outcomes.study.kinome_results import kinome_rows

    table = VALUES.copy()
    table.iloc[0, 3] = np.nan
    table.iloc[1] = 8.0
    put(folder, table)
    rows = kinome_rows(load(folder, PART.replace('"sets.gmt"', '"none"')))
    own = rows[rows["section"] == "difference"].set_index("term")
    assert own.loc[VALUES.index[0], "n"] == 11
    assert "constant" in own.loc[VALUES.index[1], "note"]
    assert len(own) == 30


def test_a_batch_that_nearly_is_the_group_is_noted(folder):
    from ikzf1_outcomes.report.kinome import confounded
    from ikzf1_outcomes.study.kinome_results import kinome_rows

    near = ["b1" if arm == "x" else "b2" for arm in PATIENTS["arm"]]
    PATIENTS.assign(batch=["b2", *near[1:]]).to_csv(folder / "patients.csv", index=False)
    rows = kinome_rows(load(folder, PART + COLUMNS))
    assert "batch and covariates tell 71 % of the groups" in confounded(rows)
