"""What imputation must always do, whatever is missing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config

from ikzf1_outcomes import cox, endpoint_from_columns
from ikzf1_outcomes.impute.chained import impute_missing
from ikzf1_outcomes.impute.conditional_models import NormalPrediction, matched, truncated_normal
from ikzf1_outcomes.impute.pooled_tests import d1_test
from ikzf1_outcomes.impute.predictors import outcome_columns

COLUMNS = ["number", "flag", "group", "grade", "whole"]


@st.composite
def holed(draw):
    """40 to 90 patients with columns of every kind and holes in all of them."""
    n, seed = draw(st.integers(40, 90)), draw(st.integers(0, 2**32 - 1))
    share = draw(st.sampled_from([0.02, 0.2, 0.5]))
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "t": rng.exponential(3, n).round(draw(st.integers(0, 2))),
            "s": rng.integers(0, draw(st.integers(1, 3)), n),
            "number": rng.normal(size=n).round(draw(st.integers(0, 3))),
            "flag": pd.array(rng.random(n) < 0.3, dtype="boolean"),
            "group": rng.choice(["a", "b", "c"], n, p=[0.8, 0.1, 0.1]),
            "grade": pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high", "top"], ordered=True),
            "whole": rng.integers(0, 2, n),
        }
    )
    frame["whole"] = frame["whole"].astype("Int64")
    frame["group"] = frame["group"].astype(object)
    for name in COLUMNS:
        # the first ten rows stay, so that something is known of every column
        frame.loc[(rng.random(n) < share) & (np.arange(n) >= 10), name] = pd.NA if name in ("flag", "whole") else None
    return frame, seed


def made(frame, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, **options)


@settings(max_examples=25)
@given(holed(), st.sampled_from(["normal", "pmm"]))
def test_what_is_known_stays_and_what_is_missing_is_completed(case, method):
    frame, seed = case
    e = made(frame)
    imputations = impute_missing(e, COLUMNS, draws=2, cycles=2, seed=seed, method={"number": method})
    for completed in imputations:
        for name in COLUMNS:
            before, after = e.frame[name], completed.frame[name]
            assert after.notna().all()
            known = before.notna()
            assert (before[known] == after[known]).all()
            if name != "number" or method == "pmm":
                assert set(after.unique()) <= set(before[known].unique())
        for name in ("flag", "grade", "whole"):
            assert completed.frame[name].dtype == e.frame[name].dtype
        assert (completed.time == e.time).all()
        assert (completed.cause == e.cause).all()
    tidy = imputations.tidy().set_index("variable")
    assert tidy["n_imputed"].to_dict() == e.frame[COLUMNS].isna().sum().to_dict()
    # the endpoint it came from has its holes still
    pd.testing.assert_frame_equal(e.frame, frame)


@settings(max_examples=10)
@given(holed())
def test_the_same_seed_gives_the_same_values(case):
    frame, seed = case
    one, two, other = (
        impute_missing(made(frame), COLUMNS, draws=2, cycles=2, seed=s, interactions=[("number", "group")])
        for s in (seed, seed, seed + 1)
    )
    for name in one.visited:
        assert all(np.array_equal(a[name], b[name]) for a, b in zip(one.values, two.values, strict=True))
    if "number" in one.visited:
        assert not np.array_equal(one.values[0]["number"], other.values[0]["number"])
        # and every chain is another one
        assert not np.array_equal(one.values[0]["number"], one.values[1]["number"])


@settings(max_examples=10)
@given(holed())
def test_a_named_model_agrees_with_any_columns(case):
    frame, seed = case
    imputations = impute_missing(
        made(frame), COLUMNS, draws=1, cycles=2, seed=seed, substantive="number * flag + group + grade + rcs(number, 3)"
        if frame["number"].nunique() > 20 else "number * flag + group",
    )  # fmt: skip
    assert imputations.endpoints[0].frame[COLUMNS].notna().all(axis=None)


def test_two_processes_give_what_one_gives():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"t": rng.exponential(3, 60), "s": rng.integers(0, 3, 60), "x": rng.normal(size=60)})
    frame.loc[::3, "x"] = np.nan
    alone = impute_missing(made(frame), "x", draws=3, cycles=2, seed=9)
    with parallel_config(backend="loky", n_jobs=2):
        together = impute_missing(made(frame), "x", draws=3, cycles=2, seed=9)
    assert [v["x"].tolist() for v in alone.values] == [v["x"].tolist() for v in together.values]


def test_units_do_not_matter():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"t": rng.exponential(3, 80), "s": rng.integers(0, 3, 80), "z": rng.normal(size=80)})
    frame["x"] = frame["z"] + rng.normal(size=80)
    frame.loc[::3, "x"] = np.nan
    one = impute_missing(made(frame), ["x", "z"], draws=2, cycles=2, seed=9)
    two = impute_missing(
        made(frame.assign(x=1000 * frame["x"] + 5, z=frame["z"] / 7)), ["x", "z"], draws=2, cycles=2, seed=9
    )
    for a, b in zip(one.values, two.values, strict=True):
        np.testing.assert_allclose(1000 * a["x"] + 5, b["x"], rtol=1e-8)


@given(
    st.integers(0, 2**32 - 1), st.floats(-50, 50), st.floats(1e-3, 20),
    st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 50)), min_size=1, max_size=20),
)  # fmt: skip
def test_draws_lie_within_their_limits(seed, mean, sd, pairs):
    low = np.array([low for low, _ in pairs])
    high = low + [width for _, width in pairs]
    for a, b in ((low, high), (np.full_like(low, -np.inf), high), (low, np.full_like(low, np.inf))):
        drawn = truncated_normal(np.full(len(low), mean), sd, a, b, np.random.default_rng(seed))
        assert ((drawn >= a) & (drawn <= b)).all()
        assert np.isfinite(drawn).all()


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=30),
    st.lists(st.floats(-9, 9), min_size=1, max_size=10),
    st.integers(0, 99),
)
def test_a_donor_is_among_the_nearest_five(fitted, means, seed):
    fitted, means = np.array(fitted, dtype=float), np.array(means)
    drawn = matched(fitted, NormalPrediction(means, 1.0, fitted), np.random.default_rng(seed))
    for value, mean in zip(drawn, means, strict=True):
        limit = np.sort(np.abs(fitted - mean))[:5][-1]
        assert abs(value - mean) <= limit


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_hazards_do_not_depend_on_the_order_of_the_rows(seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"t": rng.integers(2, 9, 30).astype(float), "s": rng.integers(0, 3, 30), "e": rng.integers(0, 2, 30)}
    )
    order = rng.permutation(30)
    one, two = (outcome_columns(made(f, entry="e")) for f in (frame, frame.iloc[order]))
    np.testing.assert_allclose(one[order], two, rtol=1e-12)
    # hazards sum up to events where nobody enters late and no times are tied
    alone = outcome_columns(made(frame.assign(t=rng.permutation(30) + 1.0)))
    half = alone.shape[1] // 2
    np.testing.assert_allclose(alone[:, :half].sum(axis=0), alone[:, half:].sum(axis=0))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_joint_test_does_not_depend_on_units(seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"t": rng.exponential(3, 80), "s": rng.integers(0, 2, 80), "a": rng.normal(size=80), "b": rng.normal(size=80)}
    )
    frame.loc[::3, "a"] = np.nan
    imputations = impute_missing(made(frame), ["a", "b"], draws=5, cycles=2, seed=seed)

    def test(scale):
        return d1_test(
            [cox(e.with_column("a", scale * e.frame["a"] + e.frame["b"]), "a + b") for e in imputations], ["a", "b"]
        )

    one, two = test(1.0), test(1000.0)
    np.testing.assert_allclose([one.statistic, one.p_value], [two.statistic, two.p_value], rtol=1e-7)


def test_results_are_read_only():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"t": rng.exponential(3, 40), "s": rng.integers(0, 3, 40), "x": rng.normal(size=40)})
    frame.loc[::3, "x"] = np.nan
    imputations = impute_missing(
        made(frame.assign(low=-9.0, high=9.0)), "x", draws=2, seed=9, intervals={"x": ("low", "high")}
    )
    column = imputations.columns[0]
    arrays = [imputations.means, column.values, column.absent, column.undefined, column.low, column.high]
    assert not any(array.flags.writeable for array in (*arrays, *(v["x"] for v in imputations.values)))
    # tables and completed data are copies
    table, rows = imputations.tidy(), imputations.endpoints[0].frame
    table.loc[0, "variable"] = "other"
    rows.loc[0, "x"] = 99.0
    assert imputations.tidy().loc[0, "variable"] == "x"
    assert imputations.endpoints[0].frame.loc[0, "x"] != 99.0
    with pytest.raises(AttributeError):
        imputations.values = ()
