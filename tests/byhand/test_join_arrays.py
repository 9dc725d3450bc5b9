"""Arrays joined to patients: who has one, whose is whose, and what the cohort says about it."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko

PATIENTS = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "sample": [0.0, 0.005, 0.0, np.nan],
        "array": ["s9", None, "s7", "s8"],
        "age": [3.0, 4, 5, 6],
    }
)


def cohort(frame=None):
    return iko.cohort_from_frame(PATIENTS.drop(columns="array") if frame is None else frame)


TABLE = pd.DataFrame([[1.0, 2.0, np.nan], [4.0, 5.0, 6.0]], index=["SYK_Y323", "JAK/STAT5"], columns=["c", "a", "z"])


def test_values_go_to_their_patients():
    joined, report = iko.join_arrays(cohort(), TABLE)
    assert joined.frame["SYK_Y323"].tolist()[0::2] == [2.0, 1.0]
    assert joined.frame["JAK_STAT5"].isna().tolist() == [False, True, False, True]
    assert joined.frame["has_array"].tolist() == [True, False, True, False]
    assert (joined.known_at("SYK_Y323"), joined.dictionary["JAK_STAT5"].label) == (0.0, "JAK/STAT5")
    assert (report.patients_without, report.arrays_without) == ((2, 4), (3,))
    assert report.tidy()["n"].tolist() == [2, 2, 2, 1, 0]
    assert report.glance().iloc[0].tolist() == [4, 3, 2, 0, 2, 0]
    assert joined.provenance.notes[-2:] == (
        "peptide arrays: 2 patients with an array, 2 without",
        "peptide arrays: 1 arrays of nobody in the cohort, left out",
    )


def test_some_features_with_a_prefix():
    joined, report = iko.join_arrays(cohort(), TABLE, features=["JAK/STAT5"], prefix="score_")
    assert list(joined.frame)[-2:] == ["score_JAK_STAT5", "has_array"]
    assert report.features.iloc[0].tolist() == ["JAK/STAT5", "score_JAK_STAT5", 0]


def test_arrays_left_out_by_their_spots_are_counted():
    run = iko.simulate_arrays(iko.simulate_cohort(60, seed=1), seed=1, arrays=50, peptides=40)
    failed = run.spots["foreground"].where(run.spots["sample"] != run.samples.loc[0, "sample"])
    arrays = iko.normalise_spots(run.spots.assign(foreground=failed), replicate="replicate", control="control")
    joined, report = iko.join_arrays(iko.simulate_cohort(60, seed=1), arrays, known_at=0.0)
    assert report.glance().iloc[0].tolist() == [60, 49, 49, 1, 40, int(arrays.values.isna().sum().sum())]
    assert joined.frame["has_array"].sum() == 49
    assert joined.dictionary["SRC_1"].unit == "log2 intensity"
    found = joined.frame.set_index("id").loc[arrays.values.columns, "SRC_1"]
    np.testing.assert_array_equal(found, arrays.values.loc["SRC_1"])


def test_dates_of_ones_own_and_known_at():
    dates = pd.Series([0.0, 0.01, 5.0], index=["c", "a", "z"])
    joined, _ = iko.join_arrays(cohort(), TABLE, sampled=dates)
    assert joined.known_at("has_array") == 0.0
    late, _ = iko.join_arrays(cohort(), TABLE, known_at=0.1)
    assert late.known_at("SYK_Y323") == 0.1
    with pytest.raises(iko.InputError, match=r"not of diagnosis .* row 2"):
        iko.join_arrays(cohort(), TABLE, sampled=dates.replace(0.01, 1.0))


def test_the_column_that_names_the_sample():
    named = cohort(PATIENTS.drop(columns="array").assign(protocol=PATIENTS["array"]))
    arrays = TABLE.set_axis(["s7", "s9", "s0"], axis=1)
    joined, report = iko.join_arrays(named, arrays, sample_column="protocol")
    assert joined.frame["JAK_STAT5"].tolist()[0::2] == [5.0, 4.0]
    assert report.patients_without == (2, 4)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (TABLE, {"features": ["nothing"]}, "have no nothing"),
        (TABLE, {"features": []}, "no feature"),
        (TABLE.set_axis(["x", "y", "z"], axis=1), {}, "no array belongs"),
        (TABLE.set_axis(["c", "d", "z"], axis=1), {}, "without a date; row 2"),
        (TABLE.set_axis(["1a", "b"], axis=0), {}, "no column can have; row 1"),
        (TABLE.set_axis(["a/b", "a_b"], axis=0), {}, "would be one column; rows 1, 2"),
        (TABLE.set_axis(["age", "b"], axis=0), {}, "has age already"),
        (TABLE, {"sample_column": "nothing"}, "no column 'nothing'"),
        (TABLE, {"sampled": pd.Series([0.0, 0.0], index=["a", "a"])}, "name a sample twice"),
        (TABLE.set_axis(["c", "c", "z"], axis=1), {}, "a sample is there twice"),
    ],
)
def test_refusals(table, options, message):
    with pytest.raises(iko.InputError, match=message):
        iko.join_arrays(cohort(), table, **options)


def test_peptides_and_scores_one_after_the_other():
    joined, _ = iko.join_arrays(cohort(), TABLE.iloc[:1])
    both, _ = iko.join_arrays(joined, TABLE.iloc[1:])
    once, _ = iko.join_arrays(cohort(), TABLE)
    assert both.frame[list(once.frame)].equals(once.frame)
    with pytest.raises(iko.InputError, match="says otherwise who has an array; row 3"):
        iko.join_arrays(joined, TABLE.iloc[1:, 1:])
    other, _ = iko.join_arrays(joined, TABLE.iloc[1:, 1:], tested="has_score")
    assert other.frame["has_score"].tolist() == [True, False, False, False]


def test_two_patients_of_one_sample_and_no_dates():
    with pytest.raises(iko.InputError, match="two patients have one sample; rows 1, 2"):
        iko.join_arrays(
            cohort(PATIENTS.assign(protocol=["s", "s", "t", "u"]).drop(columns="array")), TABLE, sample_column="protocol"
        )
    with pytest.raises(iko.InputError, match="nobody says when"):
        iko.join_arrays(cohort(PATIENTS[["id", "age"]]), TABLE)
