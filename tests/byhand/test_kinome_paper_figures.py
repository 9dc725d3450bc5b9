"""The figures of the founding kinome paper that its text allows to compute again (docs/founding_paper.md)."""

from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, binomtest, t

from ikzf1_outcomes.describe.characteristics import table_one
from ikzf1_outcomes.describe.frequencies import frequency_table
from ikzf1_outcomes.describe.pairs import cooccurrence

F = Fraction
DELETED, GAINED, ALL_PATIENTS = 17, 1, 109
# deletions of the 14 altered arrays: 4 + 3 + 3 named in the text, one gain, the rest of other exons
ARRAYS = ["whole_gene"] * 4 + ["ik6"] * 3 + ["del_4_8"] * 3 + ["other"] * 3 + ["gain"]


def two_by_two(positive, n, positive_other, n_other):
    """Patients of two groups as flags."""
    group = np.repeat([True, False], [n, n_other])
    flag = np.concatenate([np.arange(n) < positive, np.arange(n_other) < positive_other])
    return pd.DataFrame({"group": group, "positive": flag})


def fisher(*counts):
    return cooccurrence(two_by_two(*counts), ["group", "positive"]).iloc[0]


def chi_square(*counts):
    table = table_one(two_by_two(*counts), "positive", by="group", categories_by="chi-square")
    return table[table["term"] == "test"].iloc[0]


def test_17_of_109_deleted_and_1_of_109_gained():
    words = ["other"] * DELETED + ["gain"] * GAINED + ["none"] * (ALL_PATIENTS - DELETED - GAINED)
    table = frequency_table(pd.DataFrame({"ikzf1": words}), "ikzf1").set_index("level")
    assert table.loc["other", ["n", "n_known"]].tolist() == [17, 109]
    assert round(100 * table.loc["other", "estimate"], 1) == 15.6
    assert round(100 * table.loc["gain", "estimate"], 1) == 0.9
    # the limits are where the tails of the binomial hold 0.025
    for level, k in {"other": 17, "gain": 1}.items():
        low, high = table.loc[level, ["low", "high"]]
        assert binom.sf(k - 1, 109, low) == pytest.approx(0.025, rel=1e-9)
        assert binom.cdf(k, 109, high) == pytest.approx(0.025, rel=1e-9)
    assert [round(100 * v, 1) for v in table.loc["other", ["low", "high"]]] == [9.4, 23.8]


def test_the_percentages_of_the_classes_count_the_gain_among_the_deletions():
    altered = pd.DataFrame({"ikzf1_class": ARRAYS})
    of_14 = frequency_table(altered, "ikzf1_class").set_index("level")
    assert set(of_14["n_known"]) == {14}
    printed = {"whole_gene": 28.6, "ik6": 21.4, "del_4_8": 21.4}
    assert (100 * of_14["estimate"]).round(1)[list(printed)].to_dict() == printed
    of_13 = frequency_table(altered[altered["ikzf1_class"] != "gain"], "ikzf1_class").set_index("level")
    assert set(of_13["n_known"]) == {13}
    assert (100 * of_13["estimate"]).round(1)[list(printed)].to_dict() == {"whole_gene": 30.8, "ik6": 23.1, "del_4_8": 23.1}


def test_without_an_array_are_four_deleted_patients_and_not_three():
    status = np.repeat(["deleted", "gain", "wild type"], [DELETED, GAINED, ALL_PATIENTS - DELETED - GAINED])
    with_array = np.concatenate([np.arange(n) < k for n, k in ((17, 13), (1, 1), (91, 31))])
    table = frequency_table(pd.DataFrame({"array": with_array, "ikzf1": status}), "array", by="ikzf1")
    n = table.set_index(["level", "group"])["n"]
    assert n[True].sum() == 45
    assert n[(False, "deleted")] == 4
    # "three" fits only when the gain is one of the deletions: 17 patients, 14 arrays
    assert n[(True, "deleted")] + n[(True, "gain")] == 14


def test_complete_remission_in_a_later_series():
    loss, dominant = fisher(22, 30, 215, 248), fisher(4, 5, 215, 248)
    assert loss["p_value"] == pytest.approx(0.0597, abs=5e-5)
    assert dominant["p_value"] == pytest.approx(0.517, abs=5e-4)
    assert loss[["n_both", "n_first_only", "n_second_only", "n_neither"]].tolist() == [22, 8, 215, 33]
    assert chi_square(22, 30, 215, 248)["p_value"] == pytest.approx(0.051, abs=5e-4)
    assert loss["low"] < loss["estimate"] < 0 < loss["high"]


def test_stat5_phosphorylation_on_the_blots():
    # both positives among the 6 of 13: C(6,2) / C(13,2); the other end, none of them, is likelier
    assert fisher(2, 6, 0, 7)["p_value"] == pytest.approx(float(F(15, 78)), rel=1e-12)
    # all three among 7 of 14, and the mirror image
    row = fisher(3, 7, 0, 7)
    assert row["p_value"] == pytest.approx(float(2 * F(35, 364)), rel=1e-12)
    assert row["note"] == "a zero cell: the odds ratio is not finite"
    assert [round(fisher(*c)["p_value"], 2) for c in ((2, 6, 0, 7), (3, 7, 0, 7))] == [0.19, 0.19]


def test_the_tables_that_give_the_printed_p_value_for_csf2ra():
    # 14 altered against 31 wild type, more among the altered, P printed as 0.003
    more = [(a, b) for a, b in product(range(15), range(32)) if a * 31 > b * 14]
    by_chi_square = [ab for ab in more if 0.0025 <= chi_square(ab[0], 14, ab[1], 31)["p_value"] < 0.0035]
    by_fisher = [ab for ab in more if 0.0025 <= fisher(ab[0], 14, ab[1], 31)["p_value"] < 0.0035]
    assert by_chi_square == [(5, 1), (6, 2), (7, 3), (9, 6), (12, 12)]
    assert by_fisher == [(10, 7), (11, 9), (12, 11), (13, 13), (13, 14)]
    assert chi_square(5, 14, 1, 31)["p_value"] == pytest.approx(0.0030, abs=5e-5)


def spread(mean, variance, n):
    """n values of that mean and that variance (divisor n - 1)."""
    half = n // 2
    step = (variance * (n - 1) / (2 * half)) ** 0.5
    return mean + np.concatenate([np.full(half, step), np.full(half, -step), np.zeros(n - 2 * half)])


def test_the_spread_behind_the_difference_in_age():
    # 8.4 against 5.7 years, 14 against 31 patients, P = 0.038 by a t test on 43 degrees of freedom
    quantile = t.isf(0.038 / 2, 43)
    assert quantile == pytest.approx(2.14, abs=5e-3)
    sd = (8.4 - 5.7) / (quantile * (1 / 14 + 1 / 31) ** 0.5)
    assert sd == pytest.approx(3.9, abs=0.05)
    frame = pd.DataFrame(
        {
            "age": np.concatenate([spread(8.4, sd**2, 14), spread(5.7, sd**2, 31)]),
            "altered": np.repeat(["a yes", "b no"], [14, 31]),
        }
    )
    row = table_one(frame, "age", by="altered", numbers_by="t").set_index("term")
    assert row.loc["test", ["statistic", "df"]].tolist() == pytest.approx([quantile, 43], rel=1e-9)
    assert row.loc["test", "p_value"] == pytest.approx(0.038, rel=1e-9)
    assert row.loc["standardised difference", "estimate"] == pytest.approx(-2.7 / sd, rel=1e-9)


def test_fewer_peptides_pass_than_chance_gives():
    expected = 1008 * 0.05
    assert expected == pytest.approx(50.4)
    assert binom.std(1008, 0.05) == pytest.approx(6.9, abs=0.05)
    assert binom.cdf(38, 1008, 0.05) == pytest.approx(0.038, abs=5e-4)
    assert expected / 38 == pytest.approx(1.33, abs=5e-3)
    # 14 up and 24 down: no direction
    assert binomtest(14, 38).pvalue == pytest.approx(0.143, abs=5e-4)
    peptides = pd.DataFrame({"direction": ["up"] * 14 + ["down"] * 24})
    row = frequency_table(peptides, "direction").set_index("level").loc["up"]
    assert row["low"] < 0.5 < row["high"]
    share = frequency_table(pd.DataFrame({"hit": np.arange(1008) < 38}), "hit").iloc[1]
    assert share["level"] is True
    assert share["low"] < 38 / 1008 < share["high"]
