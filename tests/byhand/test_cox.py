"""Cox's partial likelihood with Efron's ties on a sheet of paper; empty levels, separation, redundant columns."""

from fractions import Fraction
from math import exp, log

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import ConvergenceError, InputError, cox, endpoint_from_columns
from ikzf1_outcomes.kernels.partial import lay_out, partial_likelihood

F = Fraction

EIGHT = {
    "t": [3.0, 1, 4, 2, 0, 2, 5, 3],
    "s": [0, 1, 1, 1, 1, 1, 0, 2],
    "x": [1, 0, 2, 1, 0, 2, 1, 1],
}
CAUSES = {1: "relapse", 2: "death"}


def made(columns, causes=None):
    named = {name: name for name in ("entry", "weights") if name in columns}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes=causes or CAUSES, **named)


def naive(columns, beta, names=("x",), causes=(1, 2)):
    """Efron's log partial likelihood, one row at a time; tied events share their mean weight."""
    n = len(columns["t"])
    weight = columns.get("weights", [1.0] * n)
    entry = columns.get("entry", [-np.inf] * n)
    eta = [sum(b * columns[name][i] for b, name in zip(beta, names, strict=True)) for i in range(n)]
    total = 0.0
    for u in sorted({t for t, s in zip(columns["t"], columns["s"], strict=True) if s in causes}):
        died = [i for i in range(n) if columns["t"][i] == u and columns["s"][i] in causes]
        risk = sum(weight[i] * exp(eta[i]) for i in range(n) if entry[i] < u <= columns["t"][i])
        tied = sum(weight[i] * exp(eta[i]) for i in died)
        mean = sum(weight[i] for i in died) / len(died)
        total += sum(weight[i] * eta[i] for i in died)
        total -= sum(mean * log(risk - k / len(died) * tied) for k in range(len(died)))
    return total


def slope(function, beta, j, h=1e-5):
    moved = [np.array(beta, dtype=float) for _ in range(2)]
    moved[0][j] += h
    moved[1][j] -= h
    return (function(moved[0]) - function(moved[1])) / (2 * h)


def kernel(e, names, causes=(1, 2)):
    x = np.column_stack([e.frame[name].to_numpy(dtype=float) for name in names])
    return partial_likelihood(lay_out(e.rows, np.isin(e.cause, causes), e.case_weights.copy(), x))


def test_log_likelihood_as_a_product_of_fractions():
    # exp(beta) = 2: theta is 2, 1, 4, 2, 1, 4, 2, 2 in the order of the rows; 18 in all
    # 0: 1/18. 1: 1/17. 2, two tied (2 and 4) of 16: 2 * 4 / (16 * (16 - 3)).
    # 3, of 2 + 4 + 2 + 2 = 10: 2/10 (the censoring at 3 is still at risk). 4: 4 / (4 + 2).
    product = F(1, 18) * F(1, 17) * F(2 * 4, 16 * 13) * F(2, 10) * F(4, 6)
    value, score, information = kernel(made(EIGHT), ["x"])(np.array([log(2)]))
    assert value == pytest.approx(log(product), rel=1e-14)
    # score: each event's x less the weighted mean of x among those at risk
    # sum of theta x: 2 + 0 + 8 + 2 + 0 + 8 + 2 + 2 = 24
    means = [F(24, 18), F(24, 17), F(24, 16), F(24 - 5, 13), F(14, 10), F(10, 6)]
    assert score[0] == pytest.approx(float(0 + 0 + 1 + 2 + 1 + 2 - sum(means)), rel=1e-13)
    # sum of theta x^2: 2 + 16 + 2 + 16 + 2 + 2 = 40; less half of the tied 2 + 16
    squares = [F(40, 18), F(40, 17), F(40, 16), F(40 - 9, 13), F(22, 10), F(18, 6)]
    assert information[0, 0] == pytest.approx(float(sum(q - m * m for q, m in zip(squares, means, strict=True))), rel=1e-13)


def test_one_cause_takes_the_others_as_censored():
    product = F(1, 18) * F(1, 17) * F(2 * 4, 16 * 13) * F(4, 6)
    value, _, _ = kernel(made(EIGHT), ["x"], causes=(1,))(np.array([log(2)]))
    assert value == pytest.approx(log(product), rel=1e-14)
    fit = cox(made(EIGHT), "x", cause="relapse")
    assert fit.glance()[["cause", "n", "n_event"]].to_numpy().tolist() == [["relapse", 8, 5]]
    only = made({**EIGHT, "s": [s if s == 1 else 0 for s in EIGHT["s"]]})
    assert fit.tidy()["estimate"].iloc[0] == pytest.approx(cox(only, "x").tidy()["estimate"].iloc[0], rel=1e-13)


CASES = {
    "ties": EIGHT,
    "weights": {**EIGHT, "weights": [1.0, 2, 0.5, 3, 1, 0.7, 1, 2]},
    "entry": {**EIGHT, "entry": [1.0, -np.inf, 0, 0.5, -1, 1, 2, 2]},
    "both": {**EIGHT, "entry": [1.0, -np.inf, 0, 0.5, -1, 1, 2, 2], "weights": [1.0, 2, 0.5, 3, 1, 0.7, 1, 2]},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("beta", [(0.0, 0.0), (0.3, -1.1)])
def test_value_score_and_information_against_the_slow_twin(case, beta):
    columns = {**CASES[case], "y": [0.5, -1, 0, 2, 1, 0, -0.5, 1]}
    evaluate = kernel(made(columns), ["x", "y"])
    value, score, information = evaluate(np.array(beta))
    assert value == pytest.approx(naive(columns, beta, ("x", "y")), rel=1e-13)
    for j in (0, 1):
        assert score[j] == pytest.approx(slope(lambda b: naive(columns, b, ("x", "y")), beta, j), rel=1e-7, abs=1e-8)
        for k in (0, 1):
            curved = -slope(lambda b, k=k: evaluate(b)[1][k], beta, j)
            assert information[j, k] == pytest.approx(curved, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_the_fit_is_where_the_slow_twin_is_flat(case):
    columns = CASES[case]
    fit = cox(made(columns), "x")
    beta = fit.tidy()["estimate"].iloc[0]
    row = fit.glance().iloc[0]
    assert slope(lambda b: naive(columns, b), [beta], 0) == pytest.approx(0, abs=1e-8)
    assert row["log_likelihood"] == pytest.approx(naive(columns, [beta]), rel=1e-13)
    assert row["log_likelihood_null"] == pytest.approx(naive(columns, [0.0]), rel=1e-13)
    ratio = 2 * (naive(columns, [beta]) - naive(columns, [0.0]))
    assert row["likelihood_ratio"] == pytest.approx(ratio, rel=1e-10)
    h = 1e-3
    curved = -(naive(columns, [beta + h]) - 2 * naive(columns, [beta]) + naive(columns, [beta - h])) / h**2
    assert fit.tidy()["std_error"].iloc[0] ** -2 == pytest.approx(curved, rel=1e-5)
    assert row["wald"] == pytest.approx((beta / fit.tidy()["std_error"].iloc[0]) ** 2, rel=1e-12)
    assert row["aic"] == pytest.approx(2 - 2 * row["log_likelihood"], rel=1e-14)


def test_the_score_test_of_two_groups_without_ties_is_the_logrank_test():
    # a 1, 4+ ; b 2, 3: O_a 1, E_a 1/2 + 1/3 + 1/2, V 1/4 + 2/9 + 1/4
    columns = {"t": [3.0, 1, 4, 2], "s": [1, 1, 0, 1], "arm": list("baab")}
    by_hand = (1 - F(4, 3)) ** 2 / (F(1, 4) + F(2, 9) + F(1, 4))
    assert cox(made(columns), "arm").glance()["score"].iloc[0] == pytest.approx(float(by_hand), rel=1e-12)


def test_weights_of_the_censored_are_copies():
    weighted = {**EIGHT, "weights": [2, 1, 1, 1, 1, 1, 3, 1]}
    repeated = {name: np.repeat(column, weighted["weights"]) for name, column in EIGHT.items()}
    columns = ["n", "n_event", "estimate", "std_error", "low", "high", "p_value"]
    left, right = cox(made(weighted), "x").tidy()[columns], cox(made(repeated), "x").tidy()[columns]
    np.testing.assert_allclose(left.to_numpy(dtype=float), right.to_numpy(dtype=float), rtol=1e-10)


def test_the_n_of_a_level_is_weighted_as_the_n_of_the_fit_is():
    columns = {**EIGHT, "arm": list("ababaabb"), "weights": [2, 1, 1, 1, 1, 1, 3, 1]}
    fit = cox(made(columns), "arm + x")
    # a: rows 1, 3, 5, 6; b: rows 2, 4, 7, 8
    assert fit.glance()["n"].tolist() == [11]
    assert fit.tidy()["n"].tolist() == [5, 6, 11]


# b has no event; c is the reference's rival
EMPTY = {
    "t": [1.0, 2, 3, 4, 5, 6, 7, 8],
    "s": [1, 1, 0, 1, 1, 0, 1, 0],
    "arm": list("acbcabac"),
    "x": [2.0, 0, 1, 3, 1, 2, 0, 1],
}


def without(columns, arm):
    own = [i for i, level in enumerate(columns["arm"]) if level != arm]
    return {name: [column[i] for i in own] for name, column in columns.items()}


def test_a_level_without_events_is_marked_and_the_rest_is_the_limit():
    table = cox(made(EMPTY), "arm + x").tidy().set_index("contrast")
    rest = cox(made(without(EMPTY, "b")), "arm + x").tidy().set_index("contrast")
    assert np.isnan(table.loc["b vs a", "estimate"])
    assert table.loc["b vs a", "note"] == "not estimable: no events in b"
    assert table.loc["b vs a", ["n", "n_event"]].tolist() == [2, 0]
    for contrast in ("c vs a", ""):
        for name in ("estimate", "std_error", "low", "high", "p_value"):
            assert table.loc[contrast, name] == pytest.approx(rest.loc[contrast, name], rel=1e-10)
    assert table.loc["a", "note"] == "reference"
    assert table.loc["a", "estimate"] == 0


def test_the_limit_is_approached_by_the_likelihood():
    # the coefficient of b held at -30: the slow twin of the whole data is flat where the fit is
    columns = {**EMPTY, "c": [int(a == "c") for a in EMPTY["arm"]], "b": [int(a == "b") for a in EMPTY["arm"]]}
    table = cox(made(EMPTY), "arm + x").tidy().set_index("contrast")
    beta = [table.loc["c vs a", "estimate"], table.loc["", "estimate"]]
    for j in (0, 1):
        rise = slope(lambda b: naive(columns, [*b, -30.0], ("c", "x", "b")), beta, j)
        assert rise == pytest.approx(0, abs=1e-8)


def test_a_reference_level_without_events_leaves_the_fit_without_its_patients():
    """R: coxph(Surv(t, s > 0) ~ relevel(arm, "b") + x) stops with infinite arms and the x of the fit without b."""
    table = cox(made(EMPTY), "arm + x", references={"arm": "b"}).tidy()
    rest = cox(made(without(EMPTY, "b")), "arm + x").tidy()
    arms = table[table["contrast"].str.contains(" vs ")]
    assert arms["note"].tolist() == ["not estimable: no events in the reference level b"] * 2
    assert arms["estimate"].isna().all()
    for name in ("estimate", "std_error"):
        assert table[name].iloc[-1] == pytest.approx(rest[name].iloc[-1], rel=1e-10)


def test_nothing_estimable_is_a_table_of_notes():
    columns = {"t": [1.0, 2, 3], "s": [1, 0, 1], "arm": list("aba")}
    fit = cox(made(columns), "arm")
    assert fit.tidy()["note"].tolist() == ["reference", "not estimable: no events in b"]
    assert fit.glance()[["df", "n", "n_event"]].to_numpy().tolist() == [[0, 3, 2]]
    assert np.isnan(fit.glance()["p_value"].iloc[0])


SEPARATED = {
    "one number": {"t": [1.0, 2, 3, 4, 5, 6, 7, 8], "s": [1, 1, 1, 0, 0, 0, 1, 0], "x": [1.0, 2, 3, 4, 5, 6, 7, 8]},
    "a flag": {"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 1, 1, 0, 0, 0], "x": [1, 1, 1, 0, 0, 0]},
    "first to last": {"t": [1.0, 2, 3, 4], "s": [1, 1, 1, 1], "x": [4.0, 3, 2, 1]},
    "beside another": {
        "t": [1.0, 2, 3, 4, 5, 6, 7, 8],
        "s": [1, 1, 1, 0, 1, 0, 1, 0],
        "x": [8.0, 7, 6, 5, 4, 3, 2, 1],
        "y": [1.0, 0, 0, 1, 0, 0, 1, 1],
    },
}


@pytest.mark.parametrize("case", SEPARATED)
def test_separation_names_the_covariate(case):
    columns = SEPARATED[case]
    with pytest.raises(ConvergenceError, match=r"no finite hazard ratio for .*x.*: it separates"):
        cox(made(columns), [name for name in ("x", "y") if name in columns])


def test_who_left_before_the_first_event_does_not_make_a_separation():
    """R gives the same coefficient with and without the patient who was never in a risk set."""
    inside = {"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 1, 1, 0, 1, 1], "x": [1.0, 0, 2, 1, 0, 1]}
    outside = {name: [extra, *column] for (name, column), extra in zip(inside.items(), (0.5, 0, 1000.0), strict=True)}
    expected = cox(made(inside), "x").tidy()["estimate"].iloc[0]
    assert expected == pytest.approx(-0.07519567, abs=1e-7)
    assert cox(made(outside), "x").tidy()["estimate"].iloc[0] == pytest.approx(expected, rel=1e-9)


def test_a_column_that_is_constant_in_every_risk_set_is_named():
    columns = {"t": [0.5, 1, 2, 3, 4], "s": [0, 1, 1, 0, 1], "x": [1.0, 0, 0, 0, 0], "y": [1.0, 0, 1, 0, 1]}
    with pytest.raises((InputError, ConvergenceError), match=r"\bx\b"):
        cox(made(columns), "x + y")


def test_constant_and_redundant_columns_are_named():
    more = {**EIGHT, "flat": [7.0] * 8, "twice": [2.0 * x + 1 for x in EIGHT["x"]]}
    with pytest.raises(InputError, match="constant among the rows analysed: flat"):
        cox(made(more), "x + flat")
    with pytest.raises(InputError, match=r"a combination of other columns: (x|twice)\."):
        cox(made(more), "x + twice")
    arms = {**EMPTY, "s": [1] * 8, "same": ["p" if arm == "c" else "q" for arm in EMPTY["arm"]]}
    with pytest.raises(InputError, match=r"a combination of other columns: (arm \(c vs a\)|same \(q vs p\))\."):
        cox(made(arms), "arm + same")


def test_hazard_ratios_leave_the_standard_error_on_the_log_scale():
    plain, ratio = cox(made(EIGHT), "x").tidy(), cox(made(EIGHT), "x").tidy(exponentiate=True)
    np.testing.assert_allclose(ratio[["estimate", "low", "high"]], np.exp(plain[["estimate", "low", "high"]]), rtol=1e-14)
    assert ratio["std_error"].tolist() == plain["std_error"].tolist()
    assert (plain["scale"].iloc[0], ratio["scale"].iloc[0]) == ("log hazard ratio", "hazard ratio")
