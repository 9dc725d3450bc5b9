"""Whatever the cells: shares add up to one, intervals hold their estimates, and neither rows nor pairs have an order."""

import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes.describe import selection
from ikzf1_outcomes.describe.characteristics import table_one
from ikzf1_outcomes.describe.frequencies import frequency_table
from ikzf1_outcomes.describe.pairs import cooccurrence
from ikzf1_outcomes.genome.calls import COPY_NUMBERS

WORDS = ("none", "ik6", "whole_gene", "failed", "not_tested", None)
CALL = st.sampled_from([*COPY_NUMBERS, None])
NUMBER = st.one_of(st.none(), st.integers(-30, 30).map(lambda v: v / 4))
ROWS = st.lists(st.tuples(st.sampled_from(WORDS), CALL, CALL, NUMBER, st.sampled_from("ab")), min_size=1, max_size=40)
LEVEL = st.sampled_from([0.8, 0.9, 0.95, 0.99])


def framed(rows):
    frame = pd.DataFrame(rows, columns=["ikzf1_class", "pax5", "etv6", "age", "arm"])
    return frame.astype({"age": float})


@given(ROWS, LEVEL, st.sampled_from([None, "arm"]))
def test_shares_of_all_known_levels_add_up_to_one(rows, conf_level, by):
    table = frequency_table(framed(rows), ["ikzf1_class", "pax5"], by=by, conf_level=conf_level)
    for _, part in table.groupby(["variable", "group"]):
        n_known = part["n_known"].iloc[0]
        if n_known:
            assert abs(part["estimate"].sum() - 1) < 1e-12
        else:
            assert part["estimate"].isna().all()
        assert part.loc[part["estimate"].notna(), "n"].sum() == n_known
        assert part.loc[part["note"].str.startswith("unknown"), "n"].sum() == part["n_missing"].iloc[0]
    assert not table.duplicated(["variable", "level", "group"]).any()
    some = table[table["estimate"].notna()]
    assert (some["low"] <= some["estimate"]).all()
    assert (some["estimate"] <= some["high"]).all()
    assert (some["low"] >= 0).all()
    assert (some["high"] <= 1).all()
    assert table.groupby("variable")["n"].sum().eq(len(rows)).all()


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, random):
    frame = framed(rows)
    order = list(range(len(frame)))
    random.shuffle(order)
    turned = frame.iloc[order]
    columns = ["ikzf1_class", "pax5", "age"]
    pd.testing.assert_frame_equal(
        frequency_table(frame, columns[:2], by="arm"), frequency_table(turned, columns[:2], by="arm")
    )
    pd.testing.assert_frame_equal(table_one(frame, columns, by="arm"), table_one(turned, columns, by="arm"), rtol=1e-9)
    flags = ["ikzf1_class", "pax5", "etv6"]
    pd.testing.assert_frame_equal(cooccurrence(frame, flags), cooccurrence(turned, flags))


@given(ROWS, LEVEL)
def test_a_pair_is_the_same_turned_round(rows, conf_level):
    frame = framed(rows)
    names = ["ikzf1_class", "pax5", "etv6"]
    one = cooccurrence(frame, names, conf_level=conf_level)
    other = cooccurrence(frame, names[::-1], conf_level=conf_level).rename(
        columns={"first": "second", "second": "first", "n_first_only": "n_second_only", "n_second_only": "n_first_only"}
    )
    key = ["first", "second"]
    one, other = (table.set_index(key).drop(columns="note").sort_index() for table in (one, other))
    pd.testing.assert_frame_equal(one, other[one.columns], rtol=1e-7)
    some = one[one["p_value"].notna()]
    assert (some["low"] <= some["estimate"]).all()
    assert (some["estimate"] <= some["high"]).all()
    assert some["p_value"].between(0, 1).all()
    assert (some["p_adjusted"] >= some["p_value"] - 1e-15).all()
    cells = one[["n_both", "n_first_only", "n_second_only", "n_neither"]].sum(axis=1)
    assert cells.eq(one["n"]).all()
    assert (one["n"] + one["n_missing"]).eq(len(rows)).all()


@given(ROWS)
def test_turning_one_alteration_round_turns_the_odds_ratio_round(rows):
    frame = framed(rows)
    flags = pd.DataFrame(
        {"x": frame["pax5"].isin(["deleted", "homozygous"]), "y": frame["etv6"].isin(["deleted", "homozygous"])}
    )
    one = cooccurrence(flags, ["x", "y"]).iloc[0]
    other = cooccurrence(flags.assign(y=~flags["y"]), ["x", "y"]).iloc[0]
    np.testing.assert_allclose(
        one[["estimate", "low", "high"]].to_numpy(float),
        -other[["estimate", "high", "low"]].to_numpy(float),
        rtol=1e-7,
        atol=1e-9,
    )
    np.testing.assert_allclose(one["p_value"], other["p_value"], rtol=1e-9)


@given(ROWS)
def test_table_one_loses_nobody_and_changes_sign_with_the_groups(rows):
    frame = framed(rows)
    table = table_one(frame, ["age", "pax5"], by="arm")
    counted = table[(table["level"] == "") & table["term"].isin(["n", "n_missing"])]
    assert counted.groupby("variable")["estimate"].sum().eq(len(rows)).all()
    swapped = frame.assign(arm=frame["arm"].map({"a": "z", "b": "b"}))
    apart, back = (
        t.loc[t["term"] == "standardised difference"].set_index(["variable", "level"])["estimate"]
        for t in (table, table_one(swapped, ["age", "pax5"], by="arm"))
    )
    signed = [key for key in apart.index if key != ("pax5", "")]
    np.testing.assert_allclose(apart[signed], -back[signed], rtol=1e-12, atol=1e-15)
    tests = table[(table["term"] == "test") & table["p_value"].notna()]
    assert tests["p_value"].between(0, 1).all()
    assert table.loc[(table["term"] == "test") & table["p_value"].isna(), "note"].str.startswith("not estimable").all()
    assert not table.duplicated(["variable", "level", "group", "term", "contrast"]).any()
    assert table.loc[table["estimate"].notna(), "scale"].ne("").all()
    quantiles = table.pivot_table(index="group", columns="term", values="estimate", dropna=False)
    if "median" in quantiles:
        ordered = quantiles[["min", "q1", "median", "q3", "max"]].dropna().to_numpy()
        assert (np.diff(ordered, axis=1) >= 0).all()


@given(st.lists(st.tuples(st.sampled_from("pqr"), st.booleans()), min_size=4, max_size=40))
def test_weights_of_one_category_give_back_the_cohort(rows):
    frame = pd.DataFrame(rows, columns=["protocol", "done"])
    share = frame.groupby("protocol")["done"].mean()
    assume(len(share) > 1 and share.between(0, 1, inclusive="neither").all())
    found = selection.testing_weights(frame, "protocol", tested="done", stabilised=False)
    weights = found.weights
    np.testing.assert_allclose(weights[frame["done"]], 1 / frame["protocol"].map(share)[frame["done"]], rtol=1e-7)
    sizes = weights.groupby(frame["protocol"]).sum()
    np.testing.assert_allclose(sizes, frame["protocol"].value_counts()[sizes.index], rtol=1e-7)
    np.testing.assert_allclose(found.balance["after"], 0, atol=1e-7)
    row = found.diagnostics.iloc[0]
    assert row["n_effective"] <= row["n_tested"] + 1e-9
    assert 0 <= row["concordance"] <= 1
