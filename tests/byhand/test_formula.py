"""Bases, products and names of a design, worked out on paper."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import (
    ColumnError,
    InputError,
    cox,
    define_endpoint,
    design,
    endpoint_from_columns,
    landmark,
    simulate_cohort,
)
from ikzf1_outcomes.formula import parse_terms
from ikzf1_outcomes.formula.grammar import read_terms

EIGHT = {
    "t": [5.0, 3, 8, 1, 7, 2, 6, 4],
    "s": [1, 0, 1, 1, 0, 1, 0, 1],
    "x": [7.0, 0, 3, 5, 1, 6, 2, 4],
    "power": [1.0, 2, 4, 8, 16, 32, 64, 128],
    "odd": [-7.0, -5, -3, -1, 1, 3, 5, 7],
    "score": [2.0, 4, 4, 4, 5, 5, 7, 9],
    "arm": list("abababab"),
    "mrd": ["low", "low", "high", "high"] * 2,
    "flag": [True, False, False, False, True, True, True, False],
}


def made(columns=EIGHT, **more):
    return endpoint_from_columns(pd.DataFrame({**columns, **more}), time="t", status="s", causes={1: "relapse"})


def terms(formula):
    return [term.text for term in read_terms(formula)]


def test_spline_of_three_knots():
    """Knots 1, 3, 5: [(x-1)+^3 - 2 (x-3)+^3 + (x-5)+^3] / 16, as (5-1)/(5-3) = 2, (3-1)/(5-3) = 1 and (5-1)^2 = 16."""
    curved = {0: 0, 1: 0, 2: 1, 3: 8, 4: 27 - 2, 5: 64 - 16, 6: 125 - 54 + 1, 7: 216 - 128 + 8}
    found = design(made(), "rcs(x, [1, 3, 5])")
    assert found.names == ("rcs(x, [1, 3, 5]) (linear)", "rcs(x, [1, 3, 5]) (spline 1)")
    np.testing.assert_array_equal(found.matrix[:, 0], EIGHT["x"])
    np.testing.assert_allclose(found.matrix[:, 1], [curved[x] / 16 for x in EIGHT["x"]], rtol=1e-15)


def test_spline_far_beyond_its_knots_is_a_line_without_cancellation():
    """Beyond 5 the curved column rises by 24/16 a unit: at 5 + 10^9 it is 48/16 + 1.5 * 10^9."""
    spec = design(made(), "rcs(x, [1, 3, 5])").spec
    far, _ = spec.encode(pd.DataFrame({"x": [5 + 1e9, -1e9]}))
    np.testing.assert_allclose(far[:, 1], [3 + 1.5e9, 0.0], rtol=1e-15)


@pytest.mark.parametrize(
    ("k", "knots"),
    [
        (3, [10, 50, 90]),
        (4, [5, 35, 65, 95]),
        (5, [5, 27.5, 50, 72.5, 95]),
        (6, [5, 23, 41, 59, 77, 95]),
        (7, [2.5, 2.5 + 95 / 6, 2.5 + 190 / 6, 50, 97.5 - 190 / 6, 97.5 - 95 / 6, 97.5]),
    ],
)
def test_knots_are_harrells_quantiles(k, knots):
    """Of 0, 1, ..., 100 the quantile q is 100 q."""
    x = np.random.default_rng(1).permutation(np.arange(101.0))
    found = design(made({"t": np.ones(101), "s": 1, "x": x}), f"rcs(x, {k})")
    np.testing.assert_allclose(found.spec.factors[0].basis.knots, knots, rtol=1e-12)
    assert found.matrix.shape == (101, k - 1)


def test_knots_of_few_rows():
    """Of 0, ..., 20 the fifth smallest is 4 and the fifth largest 16; the 0.35 quantile is 7."""
    e = made({"t": np.ones(21), "s": 1, "x": np.arange(21.0)[::-1]})
    np.testing.assert_allclose(design(e, "rcs(x, 3)").spec.factors[0].basis.knots, [4, 10, 16])
    np.testing.assert_allclose(design(e, "rcs(x, 4)").spec.factors[0].basis.knots, [4, 7, 13, 16])


def test_orthogonal_polynomials():
    """Of -7, -5, ..., 7: p1 = x, sum of squares 168; p2 = x^2 - 21 (their mean), 2 (28^2 + 4^2 + 12^2 + 20^2) = 2688."""
    found = design(made(), "poly(odd, 2)")
    x = np.array(EIGHT["odd"])
    expected = np.column_stack((x / np.sqrt(168), (x**2 - 21) / np.sqrt(2688)))
    np.testing.assert_allclose(found.matrix, expected, rtol=1e-14, atol=1e-15)
    assert found.names == ("poly(odd, 2) (degree 1)", "poly(odd, 2) (degree 2)")
    # another patient, x = 9
    np.testing.assert_allclose(found.spec.encode(pd.DataFrame({"odd": [9.0]}))[0], [[9 / np.sqrt(168), 60 / np.sqrt(2688)]])


def test_scale_is_per_standard_deviation():
    """Mean 5; squared deviations 9 + 1 + 1 + 1 + 0 + 0 + 4 + 16 = 32 over n - 1 = 7."""
    found = design(made(), "scale(score)")
    np.testing.assert_allclose(found.matrix[:, 0], (np.array(EIGHT["score"]) - 5) / np.sqrt(32 / 7), rtol=1e-15, atol=1e-15)
    assert [(c.term, c.contrast) for c in found.coefficients] == [("scale(score)", "")]


def test_scale_is_learned_from_the_rows_that_are_kept():
    """Without the last row the scores 2, 4, 4, 4, 5, 5, 7 have mean 31/7."""
    found = design(made(other=[1.0, 2, 1, 2, 1, 2, 1, np.nan]), "scale(score) + other")
    assert found.n_missing == 1
    assert found.spec.factors[0].basis.mean == pytest.approx(31 / 7)


def test_logarithms_and_roots():
    powers = design(made(), "log2(power) + log(power) + log10(power) + sqrt(power)").matrix
    k = np.arange(8.0)
    np.testing.assert_allclose(powers, np.column_stack((k, k * np.log(2), k * np.log10(2), 2 ** (k / 2))), rtol=1e-14)
    nested = design(made(), "scale(log2(power))").matrix[:, 0]
    np.testing.assert_allclose(nested, (k - 3.5) / np.sqrt(6), rtol=1e-14)  # 0..7: squared deviations 42 over 7


def test_products_of_levels_and_numbers():
    found = design(made(), "arm * mrd + x:flag", references={"mrd": "low"})
    arm, mrd = np.array(EIGHT["arm"]) == "b", np.array(EIGHT["mrd"]) == "high"
    x, flag = np.array(EIGHT["x"]), np.array(EIGHT["flag"])
    np.testing.assert_array_equal(found.matrix, np.column_stack((arm, mrd, arm & mrd, x * flag)).astype(float))
    assert found.names == ("arm (b vs a)", "mrd (high vs low)", "arm:mrd (b vs a : high vs low)", "x:flag")
    rows = [tuple(c) for c in found.coefficients]
    assert rows == [
        ("arm", "a", -1, "a"),
        ("arm", "b vs a", 0, "b"),
        ("mrd", "low", -1, "low"),
        ("mrd", "high vs low", 1, "high"),
        ("arm:mrd", "b vs a : high vs low", 2, None),
        ("x:flag", "", 3, None),
    ]


def test_the_first_factor_of_a_product_runs_fastest():
    three = pd.DataFrame({"g": list("aabbcc") * 2, "h": list("ppqq") * 3, "x": np.arange(12.0), "t": 1.0, "s": 1})
    found = design(made(three), "g*h + rcs(x, [2, 5, 8]):h + rcs(x, [2, 5, 8])")
    assert found.names[-4:] == (
        "g:h (b vs a : q vs p)",
        "g:h (c vs a : q vs p)",
        "rcs(x, [2, 5, 8]):h (linear : q vs p)",
        "rcs(x, [2, 5, 8]):h (spline 1 : q vs p)",
    )
    q = three["h"] == "q"
    np.testing.assert_array_equal(found.matrix[:, -4], (three["g"] == "b") & q)
    np.testing.assert_array_equal(found.matrix[:, -2], three["x"] * q)


def test_what_a_star_stands_for():
    assert terms("a*b") == ["a", "b", "a:b"]
    assert terms("a*b*c") == ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]
    assert terms("a*b + c") == ["a", "b", "c", "a:b"]
    # ':' binds tighter than '*'
    assert terms("a*b:c") == ["a", "b:c", "a:b:c"]
    # what two stars share, or a star and a term, is one term
    assert terms("a*b + a*c + a") == ["a", "b", "c", "a:b", "a:c"]
    assert terms("b*a + a*b") == ["b", "a", "b:a"]


def test_spaces_do_not_matter_and_are_set_alike():
    spaced = " rcs( log(x) ,4 )\n+ poly(y,2)+rcs(z,[-1,.5, 2e1])"
    assert terms(spaced) == ["rcs(log(x), 4)", "poly(y, 2)", "rcs(z, [-1, 0.5, 20])"]


def test_a_list_is_taken_literally():
    odd = made(**{"log(x)": EIGHT["x"], "a b": EIGHT["arm"]})
    found = design(odd, ["log(x)", "a b"])
    assert found.names == ("log(x)", "a b (b vs a)")
    np.testing.assert_array_equal(found.matrix[:, 0], EIGHT["x"])


def test_columns_named_like_functions_and_dotted_names():
    named = made(**{"log": EIGHT["x"], "mol.biol": EIGHT["arm"], "âge": EIGHT["odd"]})
    found = design(named, "log + log(power) + mol.biol + âge")
    assert found.names == ("log", "log(power)", "mol.biol (b vs a)", "âge")


def test_parse_terms_gives_columns_only():
    assert parse_terms("x + arm") == ("x", "arm")
    assert parse_terms(["x", "a b"]) == ("x", "a b")
    for formula in ("x + log(power)", "x + arm:mrd"):
        with pytest.raises(InputError, match=r"position 5: .* is more than a column"):
            parse_terms(formula)


def test_new_patients_are_encoded_by_what_was_learned():
    e = made(arm=pd.Categorical(EIGHT["arm"], ["nobody", "b", "a"]))
    spec = design(e, "arm * scale(score) + log2(power)").spec
    new = pd.DataFrame({"power": [4.0, 1, 2], "arm": ["a", "b", None], "score": [5.0, 9, 1], "unused": 0})
    matrix, keep = spec.encode(new)
    sd = np.sqrt(32 / 7)
    assert keep.tolist() == [True, True, False]
    np.testing.assert_allclose(matrix, [[1, 0, 2, 0], [0, 4 / sd, 0, 0]])
    assert spec.names == ("arm (a vs b)", "scale(score)", "log2(power)", "arm:scale(score) (a vs b)")
    assert spec.columns == ("arm", "score", "power")
    assert spec.formula == "arm + scale(score) + log2(power) + arm:scale(score)"
    nobody, none_kept = spec.encode(new.iloc[[2]])
    assert nobody.shape == (0, 4)
    assert not none_kept.any()


def test_new_patients_that_cannot_be_encoded():
    spec = design(made(), "arm + log(power)").spec
    good = pd.DataFrame({"arm": ["a", "b", "a"], "power": [1.0, 2, 3]})
    with pytest.raises(InputError, match="column 'arm' has levels that the design does not know; row 2") as raised:
        spec.encode(good.assign(arm=["a", "c", None]))
    assert raised.value.where == (2,)
    # counted in rows of the frame, not among the complete ones
    with pytest.raises(InputError, match="'log\\(power\\)' has values of 0 or less; row 3"):
        spec.encode(good.assign(arm=["a", None, "b"], power=[1.0, 0.0, 0.0]))
    with pytest.raises(InputError, match="infinite value; row 1"):
        spec.encode(good.assign(power=[np.inf, 1, 2]))
    with pytest.raises(InputError, match="column 'power' is not numeric"):
        spec.encode(good.assign(power=["1", "2", "3"]))
    with pytest.raises(ColumnError, match=r"no column is called 'power'\. Did you mean 'powers'"):
        spec.encode(good.rename(columns={"power": "powers"}))
    with pytest.raises(InputError, match="'arm' is the name of several columns"):
        spec.encode(pd.concat([good, good[["arm"]]], axis=1))


def test_a_combination_of_levels_that_nobody_has():
    """Of a2 and b3 there is nobody: no column, as R's NA coefficient; a new patient of it cannot be encoded."""
    found = design(made(a=list("11122333"), b=list("pqrpqpqr")), "a*b")
    assert found.spec.empty_cells == ("a:b (2 vs 1 : r vs p)",)
    assert found.names[4:] == ("a:b (2 vs 1 : q vs p)", "a:b (3 vs 1 : q vs p)", "a:b (3 vs 1 : r vs p)")
    assert found.matrix.any(axis=0).all()
    with pytest.raises(InputError, match="a combination of levels that nobody of the design has; row 2") as raised:
        found.spec.encode(pd.DataFrame({"a": ["2", "2"], "b": ["q", "r"]}))
    assert raised.value.where == (2,)


def test_values_without_a_logarithm_are_named_by_row():
    with pytest.raises(InputError, match=r"'log\(x\)' has values of 0 or less; row 2") as raised:
        design(made(), "log(x)")
    assert raised.value.where == (2,)
    with pytest.raises(InputError, match=r"'sqrt\(odd\)' has values below 0; rows 1, 2, 3, 4; 4 in all"):
        design(made(), "sqrt(odd)")
    assert design(made(), "sqrt(x)").matrix[1, 0] == 0.0
    # a missing value is left out and counted
    assert design(made(x=[7.0, np.nan, 3, 5, 1, 6, 2, 4]), "log(x)").n_missing == 1


@pytest.mark.parametrize(
    ("formula", "missing"),
    [("x:arm", "x"), ("x + x:arm", "arm"), ("arm + mrd:arm", "mrd"), ("x*arm + x*mrd + x:arm:mrd", "arm:mrd")],
)
def test_an_interaction_with_a_category_needs_its_smaller_terms(formula, missing):
    with pytest.raises(InputError, match=f"the interaction .* needs the term '{missing}'"):
        design(made(), formula)


def test_a_spline_holds_the_line_of_its_interaction():
    assert design(made(), "rcs(x, [1, 3, 5]) + arm + x:arm").names[-1] == "x:arm (b vs a)"
    assert design(made(), "scale(x) + arm + x:arm").names[-1] == "x:arm (b vs a)"
    with pytest.raises(InputError, match="needs the term 'rcs"):
        design(made(), "x + arm + rcs(x, [1, 3, 5]):arm")
    with pytest.raises(InputError, match="needs the term 'poly"):
        design(made(), "x + arm + poly(x, 2):arm")
    with pytest.raises(InputError, match="needs the term 'x'"):
        design(made(), "sqrt(x) + arm + x:arm")


def test_numbers_may_stand_in_a_product_alone():
    np.testing.assert_array_equal(design(made(), "x:odd").matrix[:, 0], np.multiply(EIGHT["x"], EIGHT["odd"]))


def test_cox_takes_a_product_and_its_reference():
    """The gradient in arm b is that in arm a plus the interaction, whichever arm is the reference."""
    rng = np.random.default_rng(8)
    e = made({"t": rng.exponential(1, 60), "s": 1, "x": rng.normal(size=60), "arm": list("ab") * 30})
    table, turned = cox(e, "arm * x").tidy(), cox(e, "arm*x", references={"arm": "b"}).tidy()
    assert table["term"].tolist() == ["arm", "arm", "x", "arm:x"]
    assert table["contrast"].tolist() == ["a", "b vs a", "", "b vs a"]
    assert table["n"].tolist() == [30, 30, 60, 60]
    of_a, of_b = table["estimate"].to_numpy(), turned["estimate"].to_numpy()
    assert of_b[2] == pytest.approx(of_a[2] + of_a[3], rel=1e-8)
    assert of_b[3] == pytest.approx(-of_a[3], rel=1e-8)


def test_late_columns_are_refused_inside_functions_and_products():
    e = define_endpoint(simulate_cohort(200, seed=3), "EFS")
    for formula in ("log10(mrd_TP1_value)", "sex*rcs(mrd_TP1_value, 3)", "age:mrd_TP1_value"):
        with pytest.raises(InputError, match="column 'mrd_TP1_value' is known only after follow-up has begun"):
            design(e, formula)
    later = design(landmark(e, 0.5), "scale(mrd_TP1_value)*sex")
    assert later.names == ("scale(mrd_TP1_value)", "sex (female vs male)", "scale(mrd_TP1_value):sex (female vs male)")
