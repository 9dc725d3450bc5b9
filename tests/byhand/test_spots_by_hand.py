"""Spots to peptides x samples: every number below was worked out on paper."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko


def spots(arrays, background=10.0, peptides="abcd"):
    """One row a spot: `arrays` has for each sample a list of replicates, each with the intensities of the peptides."""
    rows = [
        {
            "sample": sample,
            "replicate": number,
            "peptide": peptide,
            "foreground": value + background,
            "background": background,
        }
        for sample, replicates in arrays.items()
        for number, values in enumerate(replicates, 1)
        for peptide, value in zip(peptides, values, strict=True)
    ]
    return pd.DataFrame(rows)


TWO = spots({"s1": [[1, 2, 4, 8], [3, 6, 4, 8]], "s2": [[8, 4, 2, 1], [8, 4, 6, 3]]})


def test_background_mean_of_replicates_and_logarithm():
    # s1: means 2, 4, 4, 8; s2: 8, 4, 4, 2; r of (1, 2, 4, 8) and (3, 6, 4, 8): deviations -2.75 -1.75 0.25 4.25 and
    # -2.25 0.75 -1.25 2.75, products 6.1875 - 1.3125 - 0.3125 + 11.6875 = 16.25, squares 28.75 and 14.75
    arrays = iko.normalise_spots(TWO, replicate="replicate", normalise="none")
    assert arrays.values["s1"].tolist() == [1.0, 2.0, 2.0, 3.0]
    assert arrays.values["s2"].tolist() == [3.0, 2.0, 2.0, 1.0]
    assert arrays.scale == "log2 intensity"
    np.testing.assert_allclose(arrays.samples["correlation"], 16.25 / np.sqrt(28.75 * 14.75), rtol=1e-14)


def test_quantile_normalisation_comes_before_the_mean():
    # sorted spots: s1 1 2 4 8, s2 3 6 9 16: mean 2 4 6.5 12; each array gets these in its own order
    one = spots({"s1": [[1, 2, 4, 8]], "s2": [[16, 3, 6, 9]]})
    arrays = iko.normalise_spots(one, log2=False)
    assert arrays.values["s1"].tolist() == [2.0, 4.0, 6.5, 12.0]
    assert arrays.values["s2"].tolist() == [12.0, 2.0, 4.0, 6.5]
    assert arrays.scale == "intensity"
    assert arrays.samples["note"].tolist() == ["one replicate: no correlation"] * 2


def test_median_normalisation():
    # medians 3 and 12, their geometric mean 6: factors 2 and 1/2
    one = spots({"s1": [[1, 3, 5]], "s2": [[12, 20, 4]]}, peptides="abc")
    arrays = iko.normalise_spots(one, normalise="median", log2=False)
    np.testing.assert_allclose(arrays.values.to_numpy(), [[2, 6], [6, 10], [10, 2]], rtol=1e-14)
    logged = iko.normalise_spots(one, normalise="median", log_first=True)
    np.testing.assert_allclose(logged.values.to_numpy(), np.log2([[2, 6], [6, 10], [10, 2]]), rtol=1e-14)


def test_the_logarithm_first_gives_geometric_means():
    # a: 2 and 8, log2 1 and 3, mean 2; the mean of the intensities is 5
    one = spots({"s1": [[2, 4, 4], [8, 16, 4]]}, peptides="abc")
    first = iko.normalise_spots(one, replicate="replicate", normalise="none", log_first=True, least_correlation=None)
    assert first.values["s1"].tolist() == [2.0, 3.0, 2.0]
    last = iko.normalise_spots(one, replicate="replicate", normalise="none", least_correlation=None)
    np.testing.assert_allclose(last.values["s1"], np.log2([5, 10, 4]), rtol=1e-15)


def test_median_of_three_and_of_two():
    three = spots({"s1": [[1, 2, 4], [2, 2, 16], [64, 8, 8]]}, peptides="abc")
    three.loc[(three["peptide"] == "c") & (three["replicate"] == 2), "foreground"] = np.nan
    arrays = iko.normalise_spots(
        three, replicate="replicate", normalise="none", replicates="median", log2=False, least_correlation=None
    )
    assert arrays.values["s1"].tolist() == [2.0, 2.0, 6.0]
    assert dict(zip(arrays.ledger["reason"], arrays.ledger["n"], strict=True))["not measured"] == 1


def test_arrays_whose_replicates_disagree_are_listed_and_have_no_part_in_the_others():
    bad = spots({"bad": [[100, 200, 400, 800], [800, 400, 200, 100]]})
    arrays = iko.normalise_spots(pd.concat([bad, TWO]), replicate="replicate")
    alone = iko.normalise_spots(TWO, replicate="replicate")
    pd.testing.assert_frame_equal(arrays.values, alone.values)
    row = arrays.samples.set_index("sample").loc["bad"]
    assert (row["kept"], row["note"]) == (False, "replicates correlate below 0.6")
    assert arrays.glance().loc[0, ["n_samples", "n_left_out"]].tolist() == [2, 1]
    assert ("arrays", "replicates correlate below 0.6", 1) in arrays.ledger.itertuples(index=False, name=None)
    raw = iko.normalise_spots(pd.concat([bad, TWO]), replicate="replicate", normalise="none").samples
    # deviations -275 -175 25 425 and the reverse: (2 * -275 * 425 + 2 * -175 * 25) / 287500
    np.testing.assert_allclose(raw.loc[0, "correlation"], -242500 / 287500, rtol=1e-14)


@pytest.mark.parametrize(("rule", "value"), [("floor", 1.0), ("missing", np.nan)])
def test_intensities_below_the_background(rule, value):
    one = spots({"s1": [[-5, 0, 4, 8, 9]], "s2": [[1, 2, 3, 4, 5]]}, peptides="abcde")
    arrays = iko.normalise_spots(one, normalise="none", negative=rule, log2=False)
    np.testing.assert_array_equal(arrays.values["s1"], [value, value, 4, 8, 9])
    assert arrays.samples["n_negative"].tolist() == [2, 0]
    assert arrays.peptides["n_negative"].tolist() == [1, 1, 0, 0, 0]
    with pytest.raises(iko.InputError, match="rows 1, 2; 2 in all"):
        iko.normalise_spots(one, negative="error")


def test_a_floor_of_ones_own():
    one = spots({"s1": [[-5, 3, 4, 8]], "s2": [[1, 2, 3, 4]]})
    arrays = iko.normalise_spots(one, normalise="none", floor=4.0)
    assert arrays.values.to_numpy().tolist() == [[2, 2], [2, 2], [2, 2], [3, 2]]
    counted = [row for row in arrays.ledger.itertuples(index=False, name=None) if "floor" in row[1]]
    assert counted == [("spots", "not above the background or below the floor: set to it (1 not above)", 5)]


def test_controls_and_saturated_spots():
    three = spots({"s1": [[1, 2, 4, 64]], "s2": [[4, 1, 2, 8]]})
    three["full"] = three["foreground"] > 70
    three["production"] = three["peptide"] == "d"
    by_column = iko.normalise_spots(three, control="production", saturated="full", log2=False)
    by_name = iko.normalise_spots(three, control=["d"], saturated="full", log2=False)
    pd.testing.assert_frame_equal(by_column.values, by_name.values)
    # without d both arrays hold 1, 2 and 4: nothing to normalise
    assert by_column.values.to_numpy().tolist() == [[1, 4], [2, 1], [4, 2]]
    assert by_column.peptides["control"].tolist() == [False, False, False, True]
    assert by_column.peptides["n_spot"].tolist() == [2, 2, 2, 2]
    kept = iko.normalise_spots(three, saturated="full", log2=False)
    assert kept.samples["n_saturated"].tolist() == [1, 0]
    assert kept.peptides["n_saturated"].tolist() == [0, 0, 0, 1]


def test_peptides_that_say_nothing_stay_with_a_note():
    one = spots({"s1": [[-1, 5, 2, 4]], "s2": [[-2, 5, 3, 1]], "s3": [[-2, 5, 6, 9]]})
    one.loc[(one["peptide"] == "c") & (one["sample"] == "s1"), "foreground"] = np.nan
    one["run"] = one["sample"].map({"s1": "first", "s2": "second", "s3": "second"})
    arrays = iko.normalise_spots(one, normalise="none", batch="run")
    assert arrays.peptides["note"].tolist() == [
        "never above the background",
        "the same on all arrays",
        "no value in a batch",
        "",
    ]
    assert arrays.samples["batch"].tolist() == ["first", "second", "second"]
    assert arrays.values.shape == (4, 3)


def test_annotation_and_tidy():
    named = TWO.assign(gene=TWO["peptide"].map({"a": "STAT5A", "b": "SYK", "c": None, "d": "SRC"}))
    arrays = iko.normalise_spots(named, replicate="replicate", normalise="none", annotation=["gene"])
    assert arrays.peptides["gene"].tolist() == ["STAT5A", "SYK", None, "SRC"]
    long = arrays.tidy()
    assert long.iloc[1].tolist() == ["a", "s2", 3.0, "log2 intensity", ""]
    assert len(long) == 8
