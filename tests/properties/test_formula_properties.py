"""What holds for any formula and any rows."""

import re

import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes import InputError, design, endpoint_from_columns
from ikzf1_outcomes.formula.grammar import read_terms

NUMBER = st.integers(-60, 60).map(lambda k: k / 8)
ROW = st.tuples(
    st.one_of(st.none(), NUMBER),
    st.integers(1, 80).map(lambda k: k / 4),
    NUMBER,
    st.one_of(st.none(), st.sampled_from("abc")),
    st.sampled_from(["low", "high"]),
    st.booleans(),
)
ROWS = st.lists(ROW, min_size=16, max_size=45)

NUMBERS = st.sampled_from(
    ["x", "y", "z", "flag", "log(y)", "log2(y)", "sqrt(y)", "log10(y)", "scale(x)", "scale(log(y))", "poly(z, 2)",
     "poly(sqrt(y), 3)", "rcs(x, [-2, 0.5, 3])", "rcs(log(y), [0, 1, 2, 2.5])", "rcs(z, [-1e0, .25, 3, 4.5])"]
)  # fmt: skip
FACTORS = st.one_of(NUMBERS, st.sampled_from(["g", "h"]))
PRODUCT = st.lists(FACTORS, min_size=1, max_size=3, unique=True).map("*".join)
FORMULAS = st.lists(PRODUCT, min_size=1, max_size=3).map(" + ".join)


def table(rows):
    frame = pd.DataFrame(rows, columns=["x", "y", "z", "g", "h", "flag"])
    return frame.astype({"x": float}).assign(t=1.0 + np.arange(len(frame)), s=1)


def made(frame):
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"})


def built(frame, formula, **options):
    """The design, where its rows have enough levels and values, and nothing is written twice."""
    try:
        return design(made(frame), formula, **options)
    except InputError as refused:
        assume(not any(word in str(refused) for word in ("named twice", "one level", "too few", "not vary", "no row")))
        raise


def close(left, right, rtol=1e-9):
    size = np.maximum(np.abs(left).max(axis=0, initial=0.0), 1e-12)
    np.testing.assert_allclose(right / size, left / size, rtol=0, atol=rtol)


@given(ROWS, FORMULAS)
def test_the_same_rows_are_encoded_the_same(rows, formula):
    frame = table(rows)
    found = built(frame, formula)
    matrix, keep = found.spec.encode(frame)
    np.testing.assert_array_equal(matrix, found.matrix)
    np.testing.assert_array_equal(keep, found.keep)
    assert found.matrix.shape == (keep.sum(), len(found.names))
    assert len(set(found.names)) == len(found.names)
    assert [c.column for c in found.coefficients if c.column >= 0] == list(range(len(found.names)))
    assert found.n_missing == (~keep).sum() == frame[list(found.spec.columns)].isna().any(axis=1).sum()
    assert np.isfinite(matrix).all()


@given(ROWS, FORMULAS, st.data())
def test_some_rows_are_encoded_as_among_all(rows, formula, data):
    frame = table(rows)
    found = built(frame, formula)
    chosen = data.draw(st.lists(st.integers(0, len(frame) - 1), max_size=8))
    matrix, keep = found.spec.encode(frame.iloc[chosen])
    np.testing.assert_array_equal(keep, found.keep[chosen])
    every = np.full((len(frame), len(found.names)), np.nan)
    every[found.keep] = found.matrix
    np.testing.assert_array_equal(matrix, every[chosen][keep])


@given(ROWS, FORMULAS, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, formula, random):
    frame = table(rows)
    left = built(frame, formula)
    order = list(range(len(frame)))
    random.shuffle(order)
    right = built(frame.iloc[order], formula)
    assert left.names == right.names
    every = np.full((len(frame), len(left.names)), np.nan)
    every[left.keep] = left.matrix
    close(every[order][right.keep], right.matrix)


@given(FORMULAS)
def test_a_formula_as_it_is_shown_means_the_same(formula):
    try:
        terms = read_terms(formula)
    except InputError:
        assume(False)
    shown = " + ".join(term.text for term in terms)
    assert read_terms(shown) == terms
    assert read_terms(shown.replace(" ", "")) == terms


@given(ROWS, st.lists(FACTORS, min_size=2, max_size=3, unique=True))
def test_another_reference_spans_the_same_space(rows, factors):
    """Where interactions have their smaller terms, the model does not depend on the reference level."""
    frame = table(rows)
    assume("g" in factors)
    left = built(frame, "*".join(factors))
    assume(not left.spec.empty_cells)
    right = built(frame, "*".join(factors), references={"g": frame.loc[left.keep, "g"].max()})
    assume(not right.spec.empty_cells)
    spaces = [np.column_stack((np.ones(len(d.matrix)), d.matrix)) for d in (left, right)]
    spaces = [space / np.maximum(np.linalg.norm(space, axis=0), 1e-300) for space in spaces]
    ranks = [np.linalg.matrix_rank(space, tol=1e-9) for space in (*spaces, np.column_stack(spaces))]
    assert len(set(ranks)) == 1


@given(ROWS, st.sampled_from([0.25, 3.0, 1e4]), st.sampled_from([-1e3, 0.0, 7.5]))
def test_another_unit_only_scales_a_spline_and_changes_no_polynomial(rows, unit, shift):
    frame = table(rows).dropna()
    other = frame.assign(z=frame["z"] * unit + shift)
    for k in (3, 4):
        try:
            left = design(made(frame), f"rcs(z, {k})")
        except InputError:
            continue
        right = design(made(other), f"rcs(z, {k})")
        close(left.matrix[:, 1:] * unit, right.matrix[:, 1:], 1e-8)
    left, right = built(frame, "poly(z, 3) + scale(z)"), built(other, "poly(z, 3) + scale(z)")
    close(left.matrix, right.matrix, 1e-6)


@given(ROWS, st.integers(1, 5))
def test_polynomials_are_orthonormal(rows, degree):
    found = built(table(rows), f"poly(y, {degree})").matrix
    np.testing.assert_allclose(found.T @ found, np.eye(degree), atol=1e-8)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-8)


@given(st.lists(st.integers(-40, 40), min_size=3, max_size=7, unique=True))
def test_a_spline_is_smooth_and_straight_outside_its_knots(knots):
    t = np.sort(knots) / 4.0
    frame = pd.DataFrame({"t": [1.0, 2, 3], "s": 1, "z": [0.0, 1, 3]})
    spec = design(made(frame), f"rcs(z, {t.tolist()})").spec

    def curve(x):
        return spec.encode(pd.DataFrame({"z": x}))[0][:, 1:]

    steps = np.arange(4.0)
    np.testing.assert_allclose(np.diff(curve(t[0] - steps), 2, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.diff(curve(t[-1] + steps), 2, axis=0), 0, atol=1e-9)
    # the second derivative does not jump at a knot: over a short way it changes by the third derivative times the way
    h, width, gap = 1e-4, t[-1] - t[0], np.diff(t).min()
    second = [(curve(t + h + s) - 2 * curve(t + s) + curve(t - h + s)) / h**2 for s in (-2 * h, 2 * h)]
    third = 6 * (1 + width / gap) / width**2
    assert np.abs(second[0] - second[1]).max() <= third * 6 * h + 1e-5


@given(st.text(alphabet="xyzg h+:*(),[]-~|^.'0123456789logrcspolyscale\n\u2212\u00e9", max_size=60))
def test_any_text_is_read_or_refused_with_its_place(text):
    place, terms = outcome(text)
    assert place if terms is None else terms and all(1 <= len(term.factors) <= 3 for term in terms)


@given(st.text(max_size=40))
def test_any_characters_at_all(text):
    place, terms = outcome(text)
    assert place or terms


def outcome(text):
    """The place of what is refused, or the terms; any other error is a failure."""
    try:
        return None, read_terms(text)
    except InputError as refused:
        return re.fullmatch(r"position [0-9]+: .+", refused.problem, re.DOTALL), None
