"""What pooling and drawing must always do."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ikzf1_outcomes import cox, endpoint_from_columns, kaplan_meier
from ikzf1_outcomes.curves.intervals import probability_limits
from ikzf1_outcomes.impute.draws import call_draws
from ikzf1_outcomes.impute.pooled_curves import pool_curves, pool_probabilities
from ikzf1_outcomes.impute.pooling import pool, rubin
from ikzf1_outcomes.impute.uncertain_calls import call_uncertainty

SHAPE = st.tuples(st.integers(1, 7), st.integers(1, 4))
NUMBER = st.floats(-5, 5)
POSITIVE = st.floats(0.001, 4)
INSIDE = st.floats(0.01, 0.99)
CLASSES = ["none", "ik6", "other"]


@st.composite
def tables(draw, values=NUMBER):
    shape = draw(SHAPE)
    return draw(arrays(float, shape, elements=values)), draw(arrays(float, shape, elements=POSITIVE))


@given(tables(), st.floats(1, 500))
def test_the_parts_of_the_variance(table, v):
    estimates = table[0]
    m, pooled = len(estimates), rubin(*table, v)
    assert (pooled.between >= 0).all()
    np.testing.assert_allclose(pooled.total, pooled.within + (1 + 1 / m) * pooled.between, rtol=1e-12)
    np.testing.assert_allclose(pooled.fraction_missing, 1 - pooled.within / pooled.total, atol=1e-12)
    assert ((pooled.fraction_missing >= 0) & (pooled.fraction_missing < 1)).all()
    # never more degrees of freedom than the complete data, or than the number of data sets allows
    assert (pooled.df <= v).all()
    some = pooled.fraction_missing > 1e-3
    assert (pooled.df[some] <= (m - 1) / pooled.fraction_missing[some] ** 2 * (1 + 1e-12)).all()
    assert (pooled.df <= rubin(*table).df * (1 + 1e-12)).all()
    assert (pooled.estimate >= estimates.min(axis=0) - 1e-12).all()
    assert (pooled.estimate <= estimates.max(axis=0) + 1e-12).all()


@given(tables(), st.randoms(use_true_random=False), st.floats(0.1, 10), NUMBER)
def test_order_unit_and_origin(table, random, unit, shift):
    estimates, variances = table
    order = list(range(len(estimates)))
    random.shuffle(order)
    plain, turned = rubin(*table, 30), rubin(unit * estimates[order] + shift, unit**2 * variances[order], 30)
    np.testing.assert_allclose(turned.estimate, unit * plain.estimate + shift, atol=1e-10)
    np.testing.assert_allclose(turned.total, unit**2 * plain.total, rtol=1e-7)
    np.testing.assert_allclose(turned.df, plain.df, rtol=1e-6)


@given(tables(st.one_of(INSIDE, st.sampled_from([0.0, 1.0]))))
def test_probabilities_stay_probabilities(table):
    out = pool_probabilities(table[0], np.sqrt(table[1]) / 10)
    assert ((out.estimate >= 0) & (out.estimate <= 1)).all()
    known = ~np.isnan(out.low)
    assert (out.low[known] <= out.estimate[known] + 1e-12).all()
    assert (out.estimate[known] <= out.high[known] + 1e-12).all()
    assert ((out.low[known] >= 0) & (out.high[known] <= 1)).all()
    edge = ((table[0] == 0) | (table[0] == 1)).any(axis=0)
    assert out.plain.tolist() == edge.tolist()


@given(st.integers(1, 6), INSIDE, st.floats(0.001, 0.3), st.floats(0.5, 0.99))
def test_data_sets_that_agree_give_the_limits_of_one(m, p, se, level):
    out = pool_probabilities(np.full((m, 1), p), np.full((m, 1), se), conf_level=level)
    low, high = probability_limits(np.array([p]), np.array([se]), "log-log", level)
    np.testing.assert_allclose([out.estimate[0], out.std_error[0]], [p, se], rtol=1e-9)
    np.testing.assert_allclose([out.low[0], out.high[0]], [low[0], high[0]], rtol=1e-8, atol=1e-300)


@st.composite
def chances(draw, n):
    raw = draw(arrays(float, (n, 3), elements=st.sampled_from([0.0, 0.0, 0.2, 1.0, 3.0])))
    raw[raw.sum(axis=1) == 0, 0] = 1.0
    p = pd.DataFrame(raw / raw.sum(axis=1, keepdims=True), columns=CLASSES)
    p[draw(arrays(bool, n))] = np.nan
    return p


@given(chances(25), st.integers(0, 10_000))
def test_draws_are_possible_classes_of_those_tested(p, seed):
    drawn = call_draws(p, draws=3, seed=seed)
    for column in drawn:
        words = drawn[column].astype(object)
        assert (words.isna() == p["none"].isna()).all()
        assert all(p.loc[row, word] > 0 for row, word in words.dropna().items())


@st.composite
def cohorts(draw, n=30):
    whole = st.integers(1, 12)
    frame = pd.DataFrame({"t": draw(arrays(int, n, elements=whole)), "s": draw(arrays(int, n, elements=st.integers(0, 2)))})
    # every class has an event and a course of its own
    frame.loc[:5, "s"], frame.loc[:5, "t"] = 1, [2, 3, 5, 7, 4, 6]
    return frame, np.r_[0, 1, 2, 0, 1, 2, draw(arrays(int, n - 6, elements=st.integers(0, 2)))]


def made(frame):
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})


@given(cohorts(), st.integers(0, 99), st.sampled_from(["ignored", "used"]), st.sampled_from([None, "relapse"]))
def test_everybody_is_in_one_class_in_every_draw(cohort, seed, outcome, cause):
    frame, z = cohort
    p = pd.DataFrame(0.7 * np.eye(3)[z] + 0.1, columns=CLASSES)
    result = call_uncertainty(made(frame), p, at=3, cause=cause, draws=3, seed=seed, outcome=outcome)
    tidy = result.tidy()
    for _, part in tidy.groupby("term"):
        assert abs(part["n"].sum() - len(frame)) < 1e-9
    events = (frame["s"] > 0) if cause is None else (frame["s"] == 1)
    assert abs(tidy.loc[tidy["term"] == "ikzf1_class", "n_event"].sum() - events.sum()) < 1e-9
    known = tidy["low"].notna()
    assert (tidy["low"] <= tidy["estimate"] + 1e-12)[known].all()
    assert (tidy["estimate"] <= tidy["high"] + 1e-12)[known].all()
    again = call_uncertainty(made(frame), p, at=3, cause=cause, draws=3, seed=seed, outcome=outcome)
    pd.testing.assert_frame_equal(tidy, again.tidy())


@given(cohorts(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_copies_of_one_fit_and_the_order_of_rows(cohort, random, m):
    frame, z = cohort
    frame = frame.assign(kind=np.array(CLASSES)[z])
    order = list(range(len(frame)))
    random.shuffle(order)
    fits = [cox(made(frame.iloc[rows]), "kind", cause="relapse") for rows in (range(len(frame)), order)] * m
    pooled, own = pool(fits).tidy(), fits[0].tidy()
    np.testing.assert_allclose(pooled["estimate"], own["estimate"], atol=1e-8)
    np.testing.assert_allclose(pooled["std_error"], own["std_error"], rtol=1e-7)
    curves = [kaplan_meier(made(frame.iloc[rows]), "kind") for rows in (range(len(frame)), order)]
    table, one = pool_curves(curves, [2, 3]), curves[0].tidy([2, 3])
    np.testing.assert_allclose(table["estimate"], one["estimate"], rtol=1e-10)
