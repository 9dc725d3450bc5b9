"""Frequencies, pairs of alterations, Table 1 and the weights of the tested, on tables small enough for paper."""

from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes import ColumnError, InputError
from ikzf1_outcomes.describe import selection
from ikzf1_outcomes.describe.characteristics import table_one
from ikzf1_outcomes.describe.frequencies import frequency_table, was_tested
from ikzf1_outcomes.describe.pairs import cooccurrence

F = Fraction
DELETED = ["deleted", None, "normal", "failed", "deleted", "normal", "not_tested", "deleted"]
ARM = list("aabbabba")


def pair_of(both, first_only, second_only, neither):
    cells = np.repeat([3, 2, 1, 0], [both, first_only, second_only, neither])
    return pd.DataFrame({"x": cells >= 2, "y": cells % 2 == 1})


# frequencies


def test_unknown_words_and_empty_cells_are_in_no_denominator():
    table = frequency_table(pd.DataFrame({"ikzf1": DELETED}), "ikzf1").set_index("level")
    assert table["n"].to_dict() == {"deleted": 3, "normal": 2, "failed": 1, "not_tested": 1, "no entry": 1}
    assert table.loc["deleted", "estimate"] == float(F(3, 5))
    assert set(table["n_known"]) == {5}
    assert set(table["n_missing"]) == {3}
    assert table.loc[["failed", "not_tested", "no entry"], ["estimate", "low", "high"]].isna().all(axis=None)
    assert set(table.loc[["failed", "not_tested", "no entry"], "note"]) == {"unknown: not in the denominator"}
    # a word is unknown because the caller says so
    wider = frequency_table(pd.DataFrame({"ikzf1": DELETED}), "ikzf1", missing=()).set_index("level")
    assert wider.loc["deleted", "estimate"] == float(F(3, 7))


def test_the_exact_limits_at_the_ends_have_a_closed_form():
    # none of 4: (1 - high)^4 = 0.05; all of 4: low^4 = 0.05
    flags = pd.DataFrame({"x": pd.Categorical(["no"] * 4, ["no", "yes"])})
    table = frequency_table(flags, "x", conf_level=0.9).set_index("level")
    assert (table.loc["yes", "low"], table.loc["no", "high"]) == (0, 1)
    assert table.loc["yes", "high"] == pytest.approx(1 - 0.05 ** (1 / 4), rel=1e-12)
    assert table.loc["no", "low"] == pytest.approx(0.05 ** (1 / 4), rel=1e-12)


def test_groups_with_nobody_and_rows_without_a_group():
    frame = pd.DataFrame({"x": DELETED, "arm": pd.Categorical([*ARM[:7], None], ["a", "b", "c"])})
    table = frequency_table(frame, "x", by="arm").set_index(["level", "group"])
    # a: deleted, empty, deleted ; b: normal, failed, normal, not tested
    assert table.loc[("deleted", "a"), ["n", "n_known", "n_missing"]].tolist() == [2, 2, 1]
    assert table.loc[("normal", "b"), "estimate"] == 1
    assert set(table["n_excluded"]) == {1}
    nobody = table.xs("c", level="group")
    assert nobody[["estimate", "low", "high"]].isna().all(axis=None)
    assert set(nobody["note"]) == {"nobody in this group"}
    unknown = pd.DataFrame({"x": ["failed", "normal"], "arm": ["a", "b"]})
    row = frequency_table(unknown, "x", by="arm").set_index(["level", "group"]).loc[("normal", "a")]
    assert np.isnan(row["estimate"])
    assert "nobody in this group has a known value" in row["note"]


def test_groups_of_two_columns_are_tuples_with_a_column_each():
    frame = pd.DataFrame({"x": DELETED, "arm": ARM, "sex": list("mmffmmff")})
    table = frequency_table(frame, "x", by=["arm", "sex"])
    assert set(table["group"]) == {("a", "f"), ("a", "m"), ("b", "f"), ("b", "m")}
    assert table["group"].tolist() == list(zip(table["arm"], table["sex"], strict=True))
    row = table[(table["level"] == "deleted") & (table["group"] == ("a", "m"))].iloc[0]
    assert row[["n", "n_known", "n_missing"]].tolist() == [2, 2, 1]


def test_unknown_groups_are_no_groups_and_blank_texts_are_empty_cells():
    frame = pd.DataFrame({"ikzf1_class": ["ik6", "none", "failed", "not_tested"], "sex": ["m", " ", "f", "f"]})
    table = frequency_table(frame, "sex", by="ikzf1_class")
    assert set(table["group"]) == {"ik6", "none"}
    assert set(table["n_excluded"]) == {2}
    assert table.set_index(["level", "group"]).loc[("no entry", "none"), "n"] == 1


def test_flags_are_levels():
    table = frequency_table(pd.DataFrame({"x": pd.array([True, False, None, True], dtype="boolean")}), "x")
    assert table["level"].tolist() == [False, True, "no entry"]
    assert table["n"].tolist() == [1, 2, 1]


def test_a_cohort_has_its_levels_and_hides_its_identifiers():
    cohort = iko.simulate_cohort(30, seed=4)
    table = frequency_table(cohort, "sex")
    assert table["level"].tolist() == ["male", "female"]
    assert table["n"].sum() == 30
    with pytest.raises(ColumnError, match="no column of values is called 'id'"):
        frequency_table(cohort, "id")


# pairs of alterations


def test_the_conditional_odds_ratio_of_three_one_one_three():
    # margins 4 and 4 of 8: x has weights 1, 16, 36, 16, 1 times psi^x; the mean is 3 at the root of
    # -3 - 32 psi - 36 psi^2 + psi^4 = 0 ; P(x >= 3) = 0.025 and P(x <= 3) = 0.025 at the limits
    row = cooccurrence(pair_of(3, 1, 1, 3), ["x", "y"]).iloc[0]
    psi, low, high = np.exp(row[["estimate", "low", "high"]].to_numpy(float))
    assert -3 - 32 * psi - 36 * psi**2 + psi**4 == pytest.approx(0, abs=1e-8)

    def total(v):
        return 1 + 16 * v + 36 * v**2 + 16 * v**3 + v**4

    assert (16 * low**3 + low**4) / total(low) == pytest.approx(0.025, rel=1e-9)
    assert 1 - high**4 / total(high) == pytest.approx(0.025, rel=1e-9)
    # no more likely than 16/70 at psi = 1: 0, 1, 3 and 4
    assert row["p_value"] == pytest.approx(float(F(1 + 16 + 16 + 1, 70)), rel=1e-12)
    assert row["scale"] == "log odds ratio"


def test_a_zero_cell_has_one_finite_limit():
    # margins 2 of 4 each, x = 2: P(x >= 2; psi) = psi^2 / (1 + 4 psi + psi^2) = 0.025 at the low limit
    row = cooccurrence(pair_of(2, 0, 0, 2), ["x", "y"]).iloc[0]
    low = np.exp(row["low"])
    assert low**2 / (1 + 4 * low + low**2) == pytest.approx(0.025, rel=1e-9)
    assert (row["estimate"], row["high"]) == (np.inf, np.inf)
    assert row["p_value"] == pytest.approx(float(F(2, 6)), rel=1e-12)
    assert row["note"] == "a zero cell: the odds ratio is not finite"
    turned = cooccurrence(pair_of(0, 2, 2, 0), ["x", "y"]).iloc[0]
    assert turned["estimate"] == -np.inf
    assert turned["high"] == pytest.approx(-row["low"], rel=1e-9)


def test_what_nobody_or_everybody_has_cannot_be_compared_and_does_not_count_in_the_adjustment():
    frame = pair_of(3, 1, 1, 3).assign(none=False, all=True, unknown=pd.Series([None] * 8, dtype="boolean"))
    table = cooccurrence(frame, ["x", "y", "none", "all", "unknown"], adjust="bonferroni").set_index(["first", "second"])
    assert table.loc[("x", "none"), "note"] == "not estimable: nobody has none"
    assert table.loc[("y", "all"), "note"] == "not estimable: everybody has all"
    assert table.loc[("x", "unknown"), "note"] == "not estimable: no patient has both known"
    assert table.loc[("x", "unknown"), ["n", "n_missing"]].tolist() == [0, 8]
    assert table["p_value"].notna().sum() == 1
    assert table.loc[("x", "y"), "p_adjusted"] == table.loc[("x", "y"), "p_value"]
    assert table.drop(index=[("x", "y")])["p_adjusted"].isna().all()


def test_two_tests_under_bonferroni_and_benjamini_hochberg():
    frame = pair_of(3, 1, 1, 3)
    frame["z"] = frame["x"]
    p = np.array([34 / 70, 2 / 70, 34 / 70])  # x-y, x-z, y-z
    for adjust, expected in {"bonferroni": [1, 6 / 70, 1], "bh": [34 / 70, 6 / 70, 34 / 70], "none": p}.items():
        table = cooccurrence(frame, ["x", "y", "z"], adjust=adjust)
        np.testing.assert_allclose(table["p_value"], p, rtol=1e-12)
        np.testing.assert_allclose(table["p_adjusted"], expected, rtol=1e-12)


def test_calls_and_classes_become_deletions():
    frame = pd.DataFrame(
        {
            "ikzf1_class": ["ik6", "none", "gain", "ambiguous", "whole_gene", None],
            "pax5": ["deleted", "homozygous", "gain", "deleted", "failed", "normal"],
            "ikzf1_deletion": ["deleted", "not deleted", "not deleted", None, "deleted", "deleted"],
            "gene": ["other", "none", "none", "failed", "del_4_8", "none"],
        }
    )
    table = cooccurrence(frame, list(frame)).set_index(["first", "second"])
    cells = ["n_both", "n_first_only", "n_second_only", "n_neither", "n_missing"]
    # ikzf1_class: yes no no ? yes ? ; pax5: yes yes no yes ? no
    assert table.loc[("ikzf1_class", "pax5"), cells].tolist() == [1, 0, 1, 1, 3]
    # ikzf1_deletion: yes no no ? yes yes
    assert table.loc[("ikzf1_class", "ikzf1_deletion"), cells].tolist() == [2, 0, 0, 2, 2]
    assert table.loc[("ikzf1_deletion", "gene"), cells].tolist() == [2, 1, 0, 2, 1]


@pytest.mark.parametrize(
    ("values", "message"),
    [([0, 1, 0], "holds numbers: flags or copies"), (["deleted", "lost", "normal"], "holds words that are no call; row 2")],
)
def test_what_is_no_alteration_is_refused(values, message):
    with pytest.raises(InputError, match=message):
        cooccurrence(pd.DataFrame({"x": values, "y": [True, False, True]}), ["x", "y"])


# Table 1


def test_numbers_of_two_groups_on_paper():
    # a: 1, 2, 4, 9 (mean 4, variance 38/3) ; b: 3, 5, 10 (mean 6, variance 13)
    frame = pd.DataFrame({"x": [9.0, 3, 1, 10, 2, 5, 4, np.nan], "g": list("abababaa")})
    table = table_one(frame, "x", by="g")
    rows = table.set_index(["group", "term"])["estimate"]
    terms = ["n", "mean", "median", "q1", "q3", "min", "max", "n_missing"]
    # type 7: position 1 + 3/4 of a is 1.75, of b 1 + 2/4 is 4
    assert rows["a"][terms].tolist() == [4, 4, 3, 1.75, 5.25, 1, 9, 1]
    assert rows["b"][terms].tolist() == [3, 6, 5, 4, 7.5, 3, 10, 0]
    assert rows["a"]["sd"] ** 2 == pytest.approx(38 / 3, rel=1e-14)
    difference = table[table["term"] == "standardised difference"].iloc[0]
    assert difference["estimate"] == pytest.approx(2 / ((38 / 3 + 13) / 2) ** 0.5, rel=1e-14)
    assert difference["contrast"] == "b vs a"
    # a beats b in 9 > 3, 9 > 5, 4 > 3: W = 3; of the 35 sets of four ranks those with W <= 3 number 1 + 1 + 2 + 3 = 7
    test = table[table["term"] == "test"].iloc[0]
    assert test[["method", "statistic"]].tolist() == ["Wilcoxon rank-sum, exact", 3.0]
    assert test["p_value"] == pytest.approx(float(F(14, 35)), rel=1e-12)
    assert test["n"] == 7
    # t = (4 - 6) / sqrt(s2 (1/4 + 1/3)), s2 = (3 * 38/3 + 2 * 13) / 5 = 64/5
    t = table_one(frame, "x", by="g", numbers_by="t").set_index("term").loc["test"]
    assert t["statistic"] == pytest.approx(-2 / (64 / 5 * 7 / 12) ** 0.5, rel=1e-12)
    assert t["df"] == 5


def test_categories_take_fisher_where_an_expected_count_is_below_five():
    few, many = pair_of(3, 1, 1, 3), pair_of(30, 10, 10, 30)
    row = table_one(few, "x", by="y").set_index("term").loc["test"]
    assert row["method"] == "Fisher"
    assert row["p_value"] == pytest.approx(34 / 70, rel=1e-12)
    assert np.isnan(row["statistic"])
    # n (ad - bc)^2 / product of the margins = 80 * 800^2 / 40^4 = 20
    row = table_one(many, "x", by="y").set_index("term").loc["test"]
    assert row[["method", "statistic", "df"]].tolist() == ["chi-square", 20.0, 1.0]
    forced = [table_one(d, "x", by="y", categories_by=c) for d, c in ((few, "chi-square"), (many, "fisher"))]
    first, second = (t.set_index("term").loc["test"] for t in forced)
    assert first[["method", "statistic"]].tolist() == ["chi-square", 2.0]
    assert first["note"] == "approximate: 4 of 4 expected counts are below 5"
    assert second["method"] == "Fisher"


def test_the_distance_of_three_levels():
    # a: 2, 1, 1 of 4; b: 1, 1, 2 of 4. T = (0, 1/4), S = [[6, -3], [-3, 7]] / 32: T'S^-1T = 1/16 * 192/33 = 4/11
    frame = pd.DataFrame({"x": list("uuvwuvww"), "g": list("aaaabbbb")})
    table = table_one(frame, "x", by="g")
    rows = table[table["term"] == "standardised difference"].set_index("level")["estimate"]
    assert rows[""] == pytest.approx(float(F(4, 11)) ** 0.5, rel=1e-12)
    # u: (1/4 - 1/2) / sqrt((1/4 + 3/16) / 2)
    assert rows["u"] == pytest.approx(-0.25 / (7 / 32) ** 0.5, rel=1e-14)
    assert rows["v"] == 0
    shares = table[table["term"] == "share"].set_index(["level", "group"])["estimate"]
    assert shares["w"].to_dict() == {"a": 0.25, "b": 0.5}


def test_what_cannot_be_tested_says_why():
    frame = pd.DataFrame(
        {"x": [2.0] * 4, "y": list("uuvv"), "z": ["u"] * 4, "one": [1.0, np.nan, np.nan, 3], "g": list("aabb")}
    )
    table = table_one(frame, ["x", "y", "z", "one"], by="g")
    tests = table[table["term"] == "test"].set_index("variable")
    assert tests.loc["x", "note"] == "not estimable: all values are equal"
    assert tests.loc["z", "note"] == "not estimable: fewer than two levels are there"
    assert tests.loc[["x", "z"], "p_value"].isna().all()
    apart = table[table["term"] == "standardised difference"].set_index(["variable", "level"])
    assert apart.loc[("x", ""), "estimate"] == 0
    assert apart.loc[("y", "u"), "note"] == "not estimable: no spread within the groups"
    assert apart.loc[("y", ""), "note"] == "not estimable: the groups share no level"
    assert apart.loc[("one", ""), "note"] == "not estimable: too few known values"
    alone = table[(table["variable"] == "one") & (table["term"] == "sd")]
    assert alone["note"].tolist() == ["not estimable: one patient"] * 2
    t = table_one(frame, "y", by="g", tests=False)
    assert "test" not in set(t["term"])


def test_a_t_test_beside_a_constant_group():
    # a: 1, 1, 1; b: 1, 2, 3 (variance 1). Equal variances: -1 / sqrt(1/2 * 2/3); Welch: -1 / sqrt(1/3), on 2 degrees
    frame = pd.DataFrame({"x": [1.0, 1, 1, 1, 2, 3], "g": list("aaabbb")})
    for choice, statistic, df in (("t", -(3**0.5), 4), ("welch", -(3**0.5), 2)):
        row = table_one(frame, "x", by="g", numbers_by=choice).set_index("term").loc["test"]
        assert row["statistic"] == pytest.approx(statistic, rel=1e-12)
        assert row["df"] == pytest.approx(df, rel=1e-12)
        assert row["note"] == ""
    near = frame.assign(x=1e9 + frame["x"] * 1e-6 + [0, 1e-6, 0, 0, 0, 0])
    row = table_one(near, "x", by="g", numbers_by="t").set_index("term").loc["test"]
    assert row["note"] == "values are nearly equal: digits were lost"


def test_one_group_and_three_groups():
    frame = pd.DataFrame({"x": [1.0, 2, 3, 4, 5, 6], "g": list("aabbcc"), "h": pd.Categorical(["p"] * 6, ["p", "q"])})
    row = table_one(frame, "x", by="g").set_index("term").loc["test"]
    # rank sums 3, 7, 11: 12/42 * (9 + 49 + 121)/2 - 21 = 32/7
    assert row[["method", "df"]].tolist() == ["Kruskal-Wallis", 2.0]
    assert row["statistic"] == pytest.approx(32 / 7, rel=1e-12)
    assert "standardised difference" not in set(table_one(frame, "x", by="g")["term"])
    with pytest.raises(InputError, match="a t test compares two groups; 3 in all"):
        table_one(frame, "x", by="g", numbers_by="t")
    lonely = table_one(frame, "x", by="h")
    assert lonely.set_index("term").loc["test", "note"] == "not estimable: fewer than two groups have known values"
    assert set(lonely.loc[lonely["group"] == "q", "note"]) == {"nobody in this group", ""}
    assert "test" not in set(table_one(frame, "x")["term"])


# tested against not tested


def test_who_was_tested():
    frame = pd.DataFrame({"ikzf1_class": ["none", "ambiguous", "failed", "not_tested", None, "ik6"]}, index=list("uvwxyz"))
    found = was_tested(frame, "ikzf1_class")
    assert found.tolist() == [True, True, False, False, False, True]
    assert found.index.tolist() == list("uvwxyz")
    assert was_tested(frame, "ikzf1_class", untested=("not_tested",)).tolist() == [True, True, True, False, False, True]
    table = selection.tested_against_untested(frame.assign(age=[1.0, 2, 3, 4, 5, 9]), tested="ikzf1_class", columns="age")
    # tested 1, 2, 9 (mean 4) ; not tested 3, 4, 5 (mean 4)
    assert table.set_index(["term", "group"])["estimate"]["mean"].to_dict() == {"not tested": 4.0, "tested": 4.0}
    assert table.set_index("term").loc["standardised difference", ["estimate", "contrast"]].tolist() == [
        0.0,
        "tested vs not tested",
    ]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.array([True, None, False], dtype="boolean"), "flag 'done' is missing; row 2"),
        ([1.0, 0.0, 1.0], "holds numbers"),
        ([True, True, True], "everybody was tested"),
        (["failed", "not_tested", None], "nobody was tested"),
        (["yes", "no", "no"], "answers yes or no in words"),
        (pd.Series([True, None, False], dtype=object), "flag 'done' is missing; row 2"),
    ],
)
def test_who_was_tested_must_be_said(column, message):
    with pytest.raises(InputError, match=message):
        was_tested(pd.DataFrame({"done": column}), "done")


def test_flags_of_any_type_are_flags_and_no_results():
    for flags in ([True, False], pd.Series([True, False], dtype=object), pd.Categorical([True, False])):
        assert was_tested(pd.DataFrame({"done": flags}), "done").tolist() == [True, False]
        row = cooccurrence(pd.DataFrame({"x": flags, "y": [True, False]}), ["x", "y"]).iloc[0]
        assert row[["n_both", "n_neither"]].tolist() == [1, 1]
    assert was_tested(pd.DataFrame({"done": ["yes", "no", None]}), "done", untested=("no",)).tolist() == [
        True,
        False,
        False,
    ]


def strata(**tested_of):
    """A frame of protocols with `tested of all` patients each."""
    rows = [(name, place < yes) for name, (yes, n) in tested_of.items() for place in range(n)]
    return pd.DataFrame(rows, columns=["protocol", "done"])


def test_one_category_gives_each_stratum_its_own_share():
    # A: 2 of 4 tested, B: 6 of 8. Weights 2 and 4/3: 2*2 + 6*4/3 = 12 patients again
    frame = strata(A=(2, 4), B=(6, 8)).set_index(pd.Index(range(100, 112)))
    found = selection.testing_weights(frame, "protocol", tested="done", stabilised=False)
    weights = found.weights
    assert weights.index.equals(frame.index)
    assert weights.isna().equals(~frame["done"])
    np.testing.assert_allclose(weights[frame["done"]], [2] * 2 + [4 / 3] * 6, rtol=1e-10)
    # before: 2/8 of the tested and 4/12 of all are in A; sd of all sqrt(1/3 * 2/3)
    balance = found.balance.set_index("level")
    assert balance.loc["A", "before"] == pytest.approx((1 / 4 - 1 / 3) / (2 / 9) ** 0.5, rel=1e-12)
    np.testing.assert_allclose(balance["after"], 0, atol=1e-10)
    row = found.diagnostics.iloc[0]
    # (sum w)^2 / sum w^2 = 144 / (8 + 32/3)
    assert row["n_effective"] == pytest.approx(144 / (8 + 32 / 3), rel=1e-10)
    assert row[["n", "n_tested", "share_truncated", "note"]].tolist() == [12, 8, 0.0, ""]
    # pairs of a tested and an untested (32): both in B 6*2 tied, both in A 2*2 tied, tested B and untested A 12 won
    assert row["concordance"] == pytest.approx((12 + 16 / 2) / 32, rel=1e-12)
    # logit of B minus logit of A: log 3 - log 1
    coefficients = found.coefficients.set_index("contrast")
    assert coefficients.loc["B vs A", "estimate"] == pytest.approx(np.log(3), rel=1e-9)
    # variance 1/2 + 1/2 + 1/6 + 1/2
    assert coefficients.loc["B vs A", "std_error"] == pytest.approx((1.5 + 1 / 6) ** 0.5, rel=1e-8)
    assert coefficients.loc["A", "note"] == "reference"
    # stabilised: times 8/12
    stable = selection.testing_weights(frame, ["protocol"], tested="done")
    np.testing.assert_allclose(stable.weights, weights * 8 / 12, rtol=1e-12)
    assert stable.diagnostics["weight_mean"].iloc[0] == pytest.approx(1, rel=1e-10)


def test_truncation_moves_weights_to_two_quantiles():
    frame = strata(A=(2, 4), B=(6, 8), C=(2, 8))
    raw = [2.0] * 2 + [4 / 3] * 6 + [4.0] * 2
    # sorted 4/3 x 6, 2, 2, 4, 4: the 0.85 quantile lies at 1 + 9 * 0.85 = 8.65, at 2 + 0.65 * 2
    found = selection.testing_weights(frame, "protocol", tested="done", stabilised=False, truncate=(0, 0.85))
    np.testing.assert_allclose(found.weights.dropna(), np.minimum(raw, 3.3), rtol=1e-9)
    assert found.diagnostics["share_truncated"].iloc[0] == pytest.approx(2 / 10)
    with pytest.raises(InputError, match="truncate is two shares in order"):
        selection.testing_weights(frame, "protocol", tested="done", truncate=(0.9, 0.1))


def test_patients_with_an_unknown_covariate_are_a_level_of_their_own():
    # unknown protocol: 1 of 2 tested (weight 2), beside A 2 of 4 and B 6 of 8
    frame = pd.concat([strata(A=(2, 4), B=(6, 8)), pd.DataFrame({"protocol": [None, "not_tested"], "done": [True, False]})])
    frame = frame.reset_index(drop=True)
    found = selection.testing_weights(frame, "protocol", tested="done", stabilised=False)
    assert found.weights[12] == pytest.approx(2, rel=1e-9)
    assert found.balance["level"].tolist() == ["A", "B", "missing"]
    # a number that is missing in the same patients shares their indicator, and all weights stay
    frame["age"] = [1.0, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 1, np.nan, np.nan]
    both = selection.testing_weights(frame, "protocol + age", tested="done", stabilised=False)
    assert both.weights.notna().equals(frame["done"])
    shared = both.coefficients[both.coefficients["note"].str.startswith("missing in the same")]
    assert shared[["term", "contrast"]].values.tolist() == [["age", "missing vs known"]]


def test_certain_tests_have_no_weights():
    with pytest.raises(InputError, match="in a level of the term 'protocol' everybody was tested; 3 in all"):
        selection.testing_weights(strata(A=(2, 4), B=(3, 3)), "protocol", tested="done")
    with pytest.raises(InputError, match="in a level of the term 'protocol' nobody was tested"):
        selection.testing_weights(strata(A=(2, 4), B=(0, 3)), "protocol", tested="done")
    unknown = strata(A=(2, 4), B=(3, 5)).assign(age=[np.nan, np.nan, *range(7)])
    with pytest.raises(InputError, match=r"among those with an unknown 'age' everybody was tested; 2 in all\. Impute it"):
        selection.testing_weights(unknown, "age", tested="done")
    apart = pd.DataFrame({"age": [1.0, 2, 3, 4, 5, 6], "done": [False] * 3 + [True] * 3})
    with pytest.raises(InputError, match="the terms separate the tested from the untested"):
        selection.testing_weights(apart, "age", tested="done")
    # one tie between them is still a separation; one crossing is none
    tied = apart.assign(age=[1.0, 2, 4, 4, 5, 6])
    with pytest.raises(InputError, match="the terms separate"):
        selection.testing_weights(tied, "age", tested="done")
    crossed = selection.testing_weights(apart.assign(age=[1.0, 2, 5, 4, 5, 6]), "age", tested="done")
    assert crossed.weights.dropna().gt(0).all()


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ("done", "being tested is explained by itself"),
        ("flat", "does not vary"),
        ("same", "only one level"),
        ("x + twice", "the terms determine each other"),
        ("endless", "has infinite values; row 2"),
        ("x * flat", "more than a column"),
    ],
)
def test_terms_that_cannot_be_used(terms, message):
    frame = strata(A=(2, 4)).assign(flat=1.0, same="u", x=[1.0, 3, 2, 5], endless=[1.0, np.inf, 2, 3])
    with pytest.raises(InputError, match=message):
        selection.testing_weights(frame.assign(twice=2 * frame["x"] + 1), terms, tested="done")


def test_a_cohort_whose_erg_was_tested_in_part():
    cohort = iko.simulate_cohort(400, seed=9)
    found = selection.testing_weights(cohort, "age + nci_risk + mrd_TP1", tested="erg")
    assert found.weights.notna().equals(was_tested(cohort, "erg"))
    assert found.diagnostics["note"].iloc[0] == "known only after diagnosis: mrd_TP1"
    assert repr(found).startswith(f"TestingWeights({found.weights.notna().sum()} of 400 tested, effective sample size ")
    # what is held does not change
    balance, weights = found.balance, found.weights
    balance["after"] = 9.0
    weights[:] = 0.0
    assert (found.balance["after"].abs() < 1).all()
    assert found.weights.dropna().gt(0).all()
    with pytest.raises(FrozenInstanceError):
        found._weights = None


def test_weights_undo_a_selection_that_depends_on_the_terms():
    # outcome in 0.2 of A and 0.6 of B, half of the patients each: 0.4 in all. Tested: 1 in 5 of A, 4 in 5 of B
    protocol = np.repeat(["A", "B"], 500)
    done = np.concatenate([np.arange(500) % 5 == 0, np.arange(500) % 5 != 0])
    # blocks of five patients share an outcome, so that it has nothing to do with being tested
    outcome = np.concatenate([(np.arange(500) // 5) % 5 == 0, (np.arange(500) // 5) % 5 < 3])
    frame = pd.DataFrame({"protocol": protocol, "done": done, "outcome": outcome})
    assert frame["outcome"].mean() == 0.4
    tested = frame[frame["done"]]
    # (100 * 0.2 + 400 * 0.6) / 500
    assert tested["outcome"].mean() == pytest.approx(0.52, rel=1e-12)
    weights = selection.testing_weights(frame, "protocol", tested="done").weights[frame["done"]]
    assert np.average(tested["outcome"], weights=weights) == pytest.approx(0.4, rel=1e-9)


# what all of them refuse


def test_columns_must_be_there_and_be_named_once():
    frame = pd.DataFrame({"x": ["u", "v"], "g": ["a", "b"]})
    for call in (frequency_table, table_one):
        with pytest.raises(ColumnError, match="no column of values is called 'y'"):
            call(frame, "y")
        with pytest.raises(InputError, match="name at least one column, and each once"):
            call(frame, ["x", "x"])
        with pytest.raises(InputError, match="described by itself"):
            call(frame, "g", by="g")
        with pytest.raises(InputError, match="no rows to describe"):
            call(frame.head(0), "x")
        with pytest.raises(InputError, match="no row has a known group"):
            call(frame.assign(h="failed"), "x", by="h")
        with pytest.raises(InputError, match="not a data frame"):
            call([1, 2], "x")
    with pytest.raises(ColumnError, match="several columns are called 'x'"):
        frequency_table(frame[["x", "x"]], "x")
    with pytest.raises(InputError, match="one column makes no pair"):
        cooccurrence(frame, ["x"])
    with pytest.raises(InputError, match="no such adjustment"):
        cooccurrence(frame, ["x", "g"], adjust="fisher")
    with pytest.raises(InputError, match="conf_level lies between 0 and 1"):
        frequency_table(frame, "x", conf_level=95)
    with pytest.raises(InputError, match="no such test"):
        table_one(frame, "x", by="g", numbers_by="wilcoxon")


def test_numbers_are_no_categories_and_no_values_are_shown():
    frame = pd.DataFrame({"x": np.arange(61) + 0.125, "lists": [["a"]] * 61, "far": [np.inf] + [1.0] * 60})
    with pytest.raises(InputError, match=r"column 'x' has more than 60 levels; 61 in all\. Numbers belong") as refused:
        frequency_table(frame, "x")
    assert ".125" not in str(refused.value)
    with pytest.raises(InputError, match="column 'lists' holds values that are no levels"):
        frequency_table(frame, "lists")
    with pytest.raises(InputError, match="column 'far' has infinite values; row 1"):
        table_one(frame, "far")
