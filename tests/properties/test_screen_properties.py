"""A screen is the single models, one after the other: the same numbers, the same words, whatever the data."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikzf1_outcomes import ConvergenceError, InputError, compare_nested, cox, endpoint_from_columns, fine_gray
from ikzf1_outcomes.models.feature_screen import screen
from ikzf1_outcomes.multiplicity import adjust_p, null_share

CAUSES = {1: "relapse", 2: "death"}
SEED = st.integers(0, 2**20)
NUMBERS = ["estimate", "std_error", "low", "high", "statistic", "p_value"]


def patients(seed, n=60, missing=0.08):
    """Tied times, late entry, weights, adjusters of every kind; numbers, rare flags, constant and copied features."""
    rng = np.random.default_rng(seed)
    d = pd.DataFrame({"t": rng.integers(1, 25, n) / 2.0, "s": rng.choice(3, n, p=[0.4, 0.4, 0.2])})
    d["entry"] = np.where(rng.random(n) < 0.3, np.floor(d["t"] * rng.random(n) * 2) / 2 - 0.25, -0.25)
    d["w"] = rng.integers(1, 4, n)
    d["protocol"] = rng.choice(["p", "q"], n)
    d["arm"] = rng.choice(["a", "b", "c", "rare"], n, p=[0.5, 0.25, 0.2, 0.05])
    d["age"] = rng.uniform(1, 17, n)
    d["wbc"] = np.exp(rng.normal(size=n))
    x = rng.normal(size=(n, 3))
    d["number"], d["skew"] = x[:, 0], np.exp(2 * x[:, 1])
    d["whole"] = np.round(2 * x[:, 2]).astype(int)
    d["flag"], d["rare_flag"] = rng.random(n) < 0.4, rng.random(n) < 0.04
    d["same"] = 3.0
    d["copy"] = 2 * d["age"] - 1
    d["far"] = 1e6 + x[:, 0] + rng.normal(size=n)
    d["small"] = 1e-7 * (d["age"] + rng.normal(size=n))
    for name in ("half", "gap"):
        d[name] = np.where(rng.random(n) < (0.5 if name == "half" else missing), np.nan, rng.normal(size=n))
    d.loc[rng.random(n) < missing / 2, "age"] = np.nan
    d.loc[rng.random(n) < missing / 2, "protocol"] = None
    return d


FEATURES = ["number", "skew", "whole", "flag", "rare_flag", "same", "copy", "far", "small", "half", "gap"]
ADJUST = st.sampled_from(
    [None, "age", "arm", "age + arm", "rcs(age, 3) + log(wbc)", "arm * flag2", "age + log(wbc) + age:wbc"]
)


def made(frame, **named):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **named)


def compare(endpoint, adjust, single, found, rtol=1e-9):
    """Each row against the single model with that feature, or against its refusal."""
    for _, row in found.iterrows():
        terms = row["term"] if adjust is None else f"{adjust} + {row['term']}"
        try:
            fit = single(endpoint, terms)
        except (InputError, ConvergenceError) as error:
            refused = error.problem
        else:
            refused = ""
        assert row["note"] == refused
        if refused:
            assert row[NUMBERS].isna().all(), row["term"]
            continue
        own = fit.tidy()
        own = own[own["term"] == row["term"]].iloc[0]
        assert (row["n"], row["n_event"]) == (own["n"], own["n_event"])
        # an estimate is as exact as its standard error
        for name in ("estimate", "low", "high"):
            np.testing.assert_allclose(row[name], own[name], rtol=rtol, atol=rtol * own["std_error"], err_msg=row["term"])
        for name in ("std_error", "p_value"):
            np.testing.assert_allclose(
                row[name], own[name], rtol=max(rtol, 1e-8 * (name == "p_value")), err_msg=row["term"]
            )


def fitting(endpoint, adjust, features, **options):
    """The screen; None where the adjusters alone are refused, which the single models must then do as well."""
    try:
        return screen(endpoint, features, adjust=adjust, standardise=False, **options).tidy()
    except (InputError, ConvergenceError):
        return None


@settings(max_examples=60)
@given(
    SEED, ADJUST, st.sampled_from(["efron", "breslow"]), st.sampled_from([None, "protocol"]), st.booleans(), st.booleans()
)
def test_each_row_is_the_single_cox_model(seed, adjust, ties, strata, late, weighted):
    frame = patients(seed).assign(flag2=lambda d: d["wbc"] > 1)
    endpoint = made(frame, entry="entry" if late else None, weights="w" if weighted else None)
    cause = "relapse" if seed % 2 else None

    def single(e, terms):
        return cox(e, terms, cause=cause, ties=ties, strata=strata)

    found = fitting(endpoint, adjust, FEATURES, cause=cause, ties=ties, strata=strata)
    if found is None:
        for name in ("number", "far"):
            with pytest.raises((InputError, ConvergenceError)):
                single(endpoint, f"{adjust} + {name}")
        return
    compare(endpoint, adjust, single, found)
    assert found["term"].tolist() == FEATURES


@settings(max_examples=15)
@given(SEED, st.sampled_from([None, "age", "age + arm"]))
def test_each_row_is_the_single_firth_model(seed, adjust):
    endpoint = made(patients(seed))
    found = fitting(endpoint, adjust, FEATURES, method="firth", cause="relapse")
    if found is not None:
        compare(endpoint, adjust, lambda e, terms: cox(e, terms, cause="relapse", penalty="firth"), found)


@settings(max_examples=20)
@given(SEED, st.sampled_from([None, "age", "age + arm"]))
def test_each_row_is_the_single_fine_gray_model(seed, adjust):
    endpoint = made(patients(seed))
    found = fitting(endpoint, adjust, FEATURES, method="fine_gray", cause="relapse")
    if found is not None:
        compare(endpoint, adjust, lambda e, terms: fine_gray(e, terms, cause="relapse"), found)


@given(SEED, st.sampled_from([None, "age + arm"]), st.sampled_from([None, "protocol"]))
def test_the_likelihood_ratio_is_that_of_nested_models(seed, adjust, strata):
    frame = patients(seed, missing=0.0).assign(one=1.0)
    endpoint = made(frame)
    names = ["number", "skew", "flag", "whole"]
    found = fitting(endpoint, adjust, names, test="likelihood_ratio", strata=strata)
    if found is None or adjust is None:
        return
    for name, row in found.set_index("term").iterrows():
        if row["note"]:
            continue
        pair = (cox(endpoint, terms, strata=strata) for terms in (adjust, f"{adjust} + {name}"))
        test = compare_nested(*pair).glance().iloc[0]
        np.testing.assert_allclose(row["statistic"], test["statistic"], rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(row["p_value"], test["p_value"], rtol=1e-8)


@given(SEED)
def test_the_score_test_without_adjusters_is_that_of_the_fit(seed):
    endpoint = made(patients(seed))
    found = screen(endpoint, FEATURES, test="score").tidy().set_index("term")
    for name in found.index[found["note"] == ""]:
        np.testing.assert_allclose(found.loc[name, "statistic"], cox(endpoint, name).glance()["score"].iloc[0], rtol=1e-8)


@given(SEED)
def test_tests_do_not_depend_on_the_unit_of_a_feature(seed):
    frame = patients(seed)
    endpoint = made(frame)
    for test in ("wald", "likelihood_ratio", "score"):
        left, right = (
            screen(endpoint, frame[["number", "half"]] * unit, adjust="age", test=test, standardise=unit == 1.0).tidy()
            for unit in (1.0, 1e4)
        )
        np.testing.assert_allclose(left["p_value"], right["p_value"], rtol=1e-7)
        spread = [frame.loc[frame["age"].notna(), name].std() for name in ("number", "half")]
        np.testing.assert_allclose(left["estimate"], right["estimate"] * 1e4 * spread, rtol=1e-8, atol=1e-10)


@given(SEED)
def test_features_come_by_name_as_a_frame_or_as_an_array(seed):
    frame = patients(seed)
    endpoint = made(frame)
    names = ["flag", "number", "gap", "same"]
    by_name = screen(endpoint, names, adjust="age").tidy()
    as_frame = screen(endpoint, frame[names].set_axis(frame.index[::-1]), adjust="age").tidy()
    pd.testing.assert_frame_equal(by_name, as_frame)
    as_array = screen(endpoint, frame[names].to_numpy(dtype=float), adjust="age").tidy()
    assert as_array["term"].tolist() == ["feature_1", "feature_2", "feature_3", "feature_4"]
    pd.testing.assert_frame_equal(by_name.drop(columns=["term", "note"]), as_array.drop(columns=["term", "note"]))


@given(SEED, st.permutations(FEATURES))
def test_the_order_of_features_does_not_matter(seed, order):
    endpoint = made(patients(seed))
    left = fitting(endpoint, "age", FEATURES, permutations=20, seed=1)
    right = fitting(endpoint, "age", order, permutations=20, seed=1)
    assert right["term"].tolist() == order
    for name in (*NUMBERS, "p_adjusted_bh", "p_adjusted_by", "p_family"):
        np.testing.assert_allclose(left.set_index("term").loc[order, name], right[name], rtol=1e-9, atol=1e-12)


@given(SEED)
def test_a_family_is_no_easier_than_a_feature(seed):
    """It falls with the statistic, lies in (0, 1], and more features make it no smaller."""
    rng = np.random.default_rng(seed)
    endpoint = made(patients(seed, missing=0.0))
    x = rng.normal(size=(60, 6))
    table = screen(endpoint, x, adjust="age", test="score", permutations=60, seed=3).tidy().sort_values("statistic")
    assert ((table["p_family"] >= 1 / 61) & (table["p_family"] <= 1)).all()
    assert (np.diff(table["p_family"]) <= 0).all()
    fewer = screen(endpoint, x[:, :3], adjust="age", test="score", permutations=60, seed=3).tidy()
    more = table.sort_index()["p_family"].iloc[:3]
    assert (fewer["p_family"] <= more).all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_adjusted_p_values_are_ordered_as_the_p_values_and_no_smaller(p):
    given_p = np.array(p)
    order = np.argsort(given_p, kind="stable")
    adjusted = {method: adjust_p(given_p, method) for method in ("bh", "by", "holm")}
    for out in adjusted.values():
        assert (out >= given_p * (1 - 1e-12)).all()
        assert (out <= 1).all()
        assert (np.diff(out[order]) >= -1e-15).all()
    assert (adjusted["by"] >= adjusted["bh"] * (1 - 1e-12)).all()
    assert (adjusted["holm"] >= adjusted["bh"] * (1 - 1e-12)).all()
    share = null_share(given_p)
    assert np.isnan(share) or 0 < share <= 1
    if not np.isnan(share):
        np.testing.assert_allclose(adjust_p(given_p, "storey"), share * adjusted["bh"], rtol=1e-12)


def test_glance_counts_what_tidy_shows():
    rng = np.random.default_rng(8)
    frame = patients(8, n=150, missing=0.0)
    x = pd.DataFrame(rng.normal(size=(150, 40))).assign(blank=1.0)
    x[0] = -frame["t"] + rng.normal(size=150)
    result = screen(made(frame), x, adjust="age", permutations=99, seed=1)
    table, row = result.tidy(), result.glance().iloc[0]
    assert (row["n_features"], row["n_estimable"], row["permutations"]) == (41, 40, 99)
    assert row["n_hits_expected"] == 2.0
    named = {"n_hits": "p_value", "n_hits_bh": "p_adjusted_bh", "n_hits_by": "p_adjusted_by", "n_hits_q": "q_value"}
    for count, column in {**named, "n_hits_family": "p_family"}.items():
        assert row[count] == (table[column] < 0.05).sum() >= 1
    np.testing.assert_allclose(table["q_value"], row["pi0"] * table["p_adjusted_bh"])
    assert np.isnan(screen(made(frame), x, adjust="age").glance()["n_hits_family"].iloc[0])
    table.loc[:, "estimate"] = 0.0
    assert (result.tidy()["estimate"].dropna() != 0).all()
