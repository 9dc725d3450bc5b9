"""Exact tests of ordinal bands on paper."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.exact_sums import exact_two_sided, sums_of_subsets


def test_sums_of_subsets_of_four():
    # pairs of 0, 1, 1, 3: sums 1, 1, 3, 2, 4, 4
    assert sums_of_subsets(np.array([0, 1, 1, 3]), 2).tolist() == [0, 2, 1, 1, 2]


def test_two_against_three():
    # bands 3, 1 | 0, 0, 1. Of the 10 pairs of lanes sums are 4 (twice: 3 with either 1), 3 (twice), 2, 1 (4 times), 0:
    # the mean is 2, so that 4 is as far away as 0: 3 of 10
    p, least = exact_two_sided(np.array([3, 1, 0, 0, 1]), np.array([True, True, False, False, False]))
    assert (p, least) == (pytest.approx(0.3), pytest.approx(0.3))
    bands = pd.DataFrame([[3, 1, 0, 0, 1]], index=["STAT5_Y694"], columns=list("abcde"))
    found = iko.blot_tests(bands, ["del"] * 2 + ["wt"] * 3, contrast="del vs wt").set_index("method")
    assert found.loc["linear", "p_value"] == pytest.approx(0.3)
    # pairs that are stronger: 3 beats all three; 1 beats two and ties one: 5.5 of 6
    assert found["estimate"].tolist() == pytest.approx([5.5 / 6] * 3)
    # midranks 5, 3.5 | 1.5, 1.5, 3.5: mean sum 6, seen 8.5. Sums: 8.5 twice, 6.5 twice, 7, 5 four times, 3. 3 is 3 away
    assert found.loc["wilcoxon", "p_value"] == pytest.approx(0.3)
    # present 2 of 2 and 1 of 3: P(2) = 3/10; P(1) = 6/10, P(0) = 1/10: tables no more likely are 3/10 + 1/10
    assert found.loc["fisher", "p_value"] == pytest.approx(0.4)
    assert found.loc["fisher", "p_smallest"] == pytest.approx(0.1)
    assert found.loc["fisher", ["n_present_group", "n_present_reference"]].tolist() == [2, 1]


def test_the_founding_blots_of_stat5():
    """2 of 6 deleted against none of 7, and 3 of 7 with the Ph+ patient: Fisher 0.19 both (assuming 0 of 7)."""
    bands = pd.DataFrame([[1, 0, 1, 0, 0, 0, 1] + [0] * 7], index=["STAT5_Y694"])
    groups = ["deleted"] * 6 + ["deleted Ph+"] + ["none"] * 7
    without = iko.blot_tests(bands, groups, contrast="deleted vs none")
    # C(6,2) / C(13,2) = 15/78 and its mirror C(7,2)/C(13,2) = 21/78 is likelier
    assert without.loc[without["method"] == "fisher", "p_value"].item() == pytest.approx(15 / 78)
    assert without["n"].unique().tolist() == [13]
    together = iko.blot_tests(bands, ["deleted"] * 7 + ["none"] * 7, contrast="deleted vs none")
    # 2 * C(7,3) / C(14,3) = 70/364
    assert together.loc[together["method"] == "fisher", "p_value"].item() == pytest.approx(70 / 364)


def test_missing_lanes_are_no_absent_bands():
    bands = pd.DataFrame([[3, np.nan, 0, 0], [np.nan, np.nan, 1, 2], [2, 2, 2, 2]], index=list("abc"))
    found = iko.blot_tests(bands, [True, True, False, False])
    wilcoxon = found[found["method"] == "wilcoxon"]
    assert wilcoxon["n_missing"].tolist() == [1, 2, 0]
    assert wilcoxon["note"].tolist() == ["", "not estimable: no lane in a group", "not estimable: all lanes alike"]
    # one lane against two: 1/3 has the largest sum; the two others are nearer to the mean
    assert wilcoxon["p_value"].tolist()[0] == pytest.approx(1 / 3)
    assert wilcoxon["p_adjusted"].tolist()[0] == pytest.approx(1 / 3)


def test_files_keep_missing_lanes_apart(tmp_path):
    text = "site;1;2;3;4\nSTAT5_Y694;0;3;;NA\nAkt_S473;1;2;-;0\n"
    (tmp_path / "blots.csv").write_text(text.replace(";", ","), encoding="utf-8")
    (tmp_path / "blots.tsv").write_text(text.replace(";", "\t"), encoding="utf-8")
    table = iko.read_blots(tmp_path / "blots.csv")
    np.testing.assert_array_equal(table, [[0, 3, np.nan, np.nan], [1, 2, np.nan, 0]])
    assert table.columns.tolist() == ["1", "2", "3", "4"]
    table.rename_axis("site").to_excel(tmp_path / "blots.xlsx")
    for name in ("blots.tsv", "blots.xlsx"):
        pd.testing.assert_frame_equal(iko.read_blots(tmp_path / name), table)
