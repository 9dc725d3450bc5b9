"""Formulas that must not pass: code, other languages' signs, slips, and rows that cannot bear the basis."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes.formula as formula_room
from ikzf1_outcomes import ColumnError, InputError, design, endpoint_from_columns

SIX = {
    "t": [1.0, 2, 3, 4, 5, 6],
    "s": [1, 1, 0, 1, 1, 0],
    "age": [1.0, 3, 2, 7, 5, 4],
    "wbc": [10.0, 20, 30, 5, 80, 3],
    "sex": list("mfmfmf"),
    "same": [2.0] * 6,
    "one": ["a"] * 6,
}


def made(**more):
    return endpoint_from_columns(pd.DataFrame({**SIX, **more}), time="t", status="s", causes={1: "relapse"})


@pytest.mark.parametrize(
    ("formula", "position", "piece"),
    [
        ("__import__('os').system('true')", 1, "__import__"),
        ("age + eval(sex)", 7, "eval"),
        ("age; sex", 4, ";"),
        ("age\x00", 4, "\\x00"),
        ("age + 'sex'", 7, "'"),
        ("age + `sex`", 7, "`"),
        ("age + {sex}", 7, "{"),
        ("age.__class__.x + $", 19, "$"),
        ("lambda: age", 1, "lambda"),
        ("np.log(wbc)", 1, "np.log"),
        ("log.__call__(wbc)", 1, "log.__call__"),
        ("age @ sex", 5, "@"),
        ("age + = 3", 7, "="),
        # signs that look like others
        ("age − 1", 5, "−"),
        ("age ＋ sex", 5, "＋"),
        ("ｌｏｇ(wbc)", 1, "ｌｏｇ"),
        ("rcs(age, ４)", 10, "４"),
        # signs of R and patsy
        ("-1 + age", 1, "-"),
        ("age - 1", 5, "-"),
        ("age | sex", 5, "|"),
        ("(age + sex)^2", 1, "("),
        ("age^2", 4, "^"),
        ("age**2", 4, "**"),
        ("t ~ age", 3, "~"),
        ("age/sex", 4, "/"),
        ("age %in% sex", 5, "%"),
        (".", 1, "."),
        ("1", 1, "1"),
        ("0 + age", 1, "0"),
        ("age + 2.5e3", 7, "2.5e3"),
        ("I(age)", 1, "I"),
        ("strata(sex)", 1, "strata"),
        ("age + offset(wbc)", 7, "offset"),
        ("C(sex)", 1, "C"),
        ("ns(age, 3)", 1, "ns"),
        # slips
        ("age sex", 5, "sex"),
        ("age + sex)", 10, ")"),
        ("log(wbc", 8, "the end"),
        ("log(", 5, "the end"),
        ("log()", 5, ")"),
        ("log(wbc, 2)", 8, ","),
        ("log(log(wbc))", 5, "log"),
        ("log(scale(wbc))", 5, "scale"),
        ("rcs(rcs(age, 3), 3)", 5, "rcs"),
        ("scale(age + wbc)", 11, "+"),
        ("rcs(age)", 8, ")"),
        ("rcs(age, 2)", 10, "2"),
        ("rcs(age, 8)", 10, "8"),
        ("rcs(age, 4.0)", 10, "4.0"),
        ("rcs(age, k)", 10, "k"),
        ("rcs(age, [1, 2])", 15, "2 knots"),
        ("rcs(age, [1, 2, 2])", 17, "2"),
        ("rcs(age, [3, 2, 1])", 14, "2"),
        ("rcs(age, [1, 2, 1e999])", 17, "1e999"),
        ("rcs(age, [1, 2, --3])", 18, "-"),
        ("rcs(age, [1, 2, 3)", 18, ")"),
        ("rcs(age, [])", 11, "]"),
        ("poly(age, 0)", 11, "0"),
        ("poly(age, 6)", 11, "6"),
        ("poly(age, 99999999999999999999)", 11, "99999999999999999999"),
        ("age*age", 5, "age"),
        ("age:sex:age", 9, "age"),
        ("age*sex*wbc*same", 13, "more than 3"),
        ("age:sex:wbc:same", 13, "more than 3"),
        ("", 1, "a term is empty"),
        (" \n", 3, "a term is empty"),
        ("+ age", 1, "a term is empty before '+'"),
        ("age + + sex", 7, "a term is empty"),
        ("age * : sex", 7, "a term is empty before ':'"),
        ("age + sex + age", 13, "a term is named twice: age"),
        ("age:wbc + wbc:age", 11, "a term is named twice: wbc:age"),
    ],
)
def test_what_is_outside_the_grammar_is_named_with_its_place(formula, position, piece):
    with pytest.raises(InputError) as raised:
        design(made(), formula)
    assert str(raised.value).startswith(f"position {position}: ")
    assert piece in raised.value.problem
    assert raised.value.next_step or "twice" in raised.value.problem


def test_the_room_of_formulas_calls_nothing_that_could_run_one():
    forbidden = {"eval", "exec", "compile", "getattr", "__import__", "query", "system", "import_module"}
    files = list(Path(formula_room.__file__).parent.glob("*.py"))
    assert len(files) > 3
    for file in files:
        calls = [node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
        assert not {call.id for call in calls if isinstance(call, ast.Name)} & forbidden
        named = {ast.unparse(call) for call in calls if isinstance(call, ast.Attribute) and call.attr in forbidden}
        assert named <= {"re.compile"}


def test_hints_name_what_was_meant():
    for formula, hint in {
        "Log(wbc)": "Did you mean 'log'?",
        "log1(wbc)": "Did you mean 'log10'?",
        "ln(wbc)": "Did you mean 'log'?",
        "strata(sex)": "strata=",
        "cluster(sex)": "cluster=",
        "offset(age)": "offset=",
        "ns(age, 3)": "rcs(x, 4)",
        "t ~ age": "the endpoint is the outcome",
        "age^2": "poly(x, 2)",
        "rcs(age)": "rcs(x, 4)",
    }.items():
        with pytest.raises(InputError) as raised:
            design(made(), formula)
        assert hint in str(raised.value), formula
    for formula in ("log(wcb)", "aeg", "sex*Age"):
        with pytest.raises(ColumnError, match=r"Did you mean '(wbc|age)'"):
            design(made(), formula)
    with pytest.raises(ColumnError, match=r"position 7: no column is called 'nothing_like_it'\. There are 7 columns"):
        design(made(), "age + nothing_like_it")


def test_a_bad_formula_is_refused_before_any_value_is_looked_at():
    # log(same - 2) would fail on its values; the sign at the end is found first
    with pytest.raises(InputError, match="position 12: '-'"):
        design(made(same=[0.0] * 6), "log(same) +-")
    with pytest.raises(ColumnError, match="no column is called 'agee'"):
        design(made(same=[0.0] * 6), "log(same) + agee")


def test_very_long_formulas():
    many = {f"c{k}": np.arange(6.0) for k in range(3000)}
    assert design(made(**many), " + ".join(many)).matrix.shape == (6, 3000)
    for formula in ("log(" * 100_000, "age + " * 100_000, "[" * 100_000, "age:" * 100_000):
        with pytest.raises(InputError, match="position"):
            design(made(), formula)
    with pytest.raises(InputError, match=r"position 1: 'x{37}\.\.\.' is no function"):
        design(made(), "x" * 100_000 + "(age)")
    with pytest.raises(InputError, match="more than 3 factors"):
        design(made(), "*".join(f"c{k}" for k in range(3000)))


def test_values_of_patients_are_not_in_the_messages():
    secret = [7313.25, -1.0, 3, 4, 5, 6]
    with pytest.raises(InputError) as raised:
        design(made(age=secret), "log(age)")
    assert "7313" not in str(raised.value)
    spec = design(made(), "sex").spec
    with pytest.raises(InputError) as raised:
        spec.encode(pd.DataFrame({"sex": ["m", "surname"]}))
    assert "surname" not in str(raised.value)


def test_constant_columns_and_single_levels():
    for formula in ("scale(same)", "poly(same, 1)", "rcs(same, 3)", "rcs(same, [1, 2, 3])"):
        with pytest.raises(InputError, match="does not vary among the rows analysed"):
            design(made(), formula)
    for formula in ("one", "age*one"):
        with pytest.raises(InputError, match="term 'one' has only one level among the rows analysed"):
            design(made(), formula)


def test_too_few_values_for_a_basis():
    with pytest.raises(InputError, match=r"'poly\(few, 3\)': 3 distinct values are too few for degree 3"):
        design(made(few=[1.0, 2, 3, 1, 2, 3]), "poly(few, 3)")
    with pytest.raises(InputError, match=r"'rcs\(age, 4\)': 6 distinct values are too few for 4 knots"):
        design(made(), "rcs(age, 4)")
    n = 40
    tied = pd.DataFrame({"t": np.ones(n), "s": 1, "mrd": [0.0] * 30 + list(range(1, 11))})
    endpoint = endpoint_from_columns(tied, time="t", status="s", causes={1: "relapse"})
    with pytest.raises(InputError, match="the knots chosen by quantiles do not rise"):
        design(endpoint, "rcs(mrd, 4)")
    assert design(endpoint, "rcs(mrd, [1, 4, 8])").matrix.shape == (n, 2)


def test_functions_of_what_is_no_number():
    for formula in ("log(sex)", "rcs(sex, 4)", "scale(sex)*age", "poly(sex, 2)"):
        with pytest.raises(InputError, match="needs a number, and 'sex' is none"):
            design(made(), formula)
    with pytest.raises(InputError, match="'age' is a number and has no reference level"):
        design(made(), "age*sex", references={"age": 1.0})
    with pytest.raises(InputError, match="references name no term of the model: wbc"):
        design(made(), "age*sex", references={"wbc": "low"})


def test_a_design_does_not_change_under_its_holder():
    found = design(made(), "sex*scale(age)")
    matrix, keep = found.spec.encode(pd.DataFrame(SIX))
    for array in (found.matrix, found.keep, matrix, keep):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        found.spec.formula = "age"
