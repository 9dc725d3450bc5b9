"""Data and arguments that a Cox model cannot take; see byhand/test_cox.py for empty levels and separation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from ikzf1_outcomes import ColumnError, ConvergenceError, InputError, cox, endpoint_from_columns
from ikzf1_outcomes.kernels.partial import lay_out, partial_likelihood
from ikzf1_outcomes.kernels.residuals import residuals
from ikzf1_outcomes.kernels.risk import sort_rows

SIX = {
    "t": [1.0, 2, 3, 4, 5, 6],
    "s": [1, 1, 0, 1, 1, 0],
    "x": [1.0, 3, 2, 0, 1, 4],
    "arm": list("abaabb"),
}


def made(columns):
    named = {"weights": "weights"} if "weights" in columns else {}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes={1: "relapse", 2: "death"}, **named)


def test_no_events():
    with pytest.raises(InputError, match="no events of any cause among the rows analysed"):
        cox(made({**SIX, "s": [0] * 6}), "x")
    with pytest.raises(InputError, match="no events of death among the rows analysed"):
        cox(made(SIX), "x", cause="death")
    # the only events have a missing term
    with pytest.raises(InputError, match="no events"):
        cox(made({**SIX, "s": [1, 0, 0, 0, 0, 0], "x": [np.nan, 3, 2, 0, 1, 4]}), "x")


def test_one_patient():
    with pytest.raises(InputError, match="constant among the rows analysed: x"):
        cox(made({"t": [1.0], "s": [1], "x": [2.0]}), "x")


def test_everybody_fails_at_one_time():
    # all six tied: Efron's likelihood still has its maximum where the score is zero
    fit = cox(made({**SIX, "t": [1.0] * 6, "s": [1] * 6}), "x")
    assert fit.tidy()["estimate"].iloc[0] == pytest.approx(0, abs=1e-9)


def test_unknown_names():
    with pytest.raises(ColumnError, match="no column is called 'nowhere'"):
        cox(made(SIX), "x + nowhere")
    with pytest.raises(InputError, match="no cause is called 'nothing'"):
        cox(made(SIX), "x", cause="nothing")
    with pytest.raises(InputError, match="references name no term of the model: sex"):
        cox(made(SIX), "arm", references={"sex": "f"})
    with pytest.raises(InputError, match="the reference level of 'arm' is not in the data"):
        cox(made(SIX), "arm", references={"arm": "z"})


def test_a_reference_for_a_number_is_refused():
    with pytest.raises(InputError, match="x"):
        cox(made(SIX), "x", references={"x": 2.0})


@pytest.mark.parametrize("terms", ["", "x +", [], ["x", ""]])
def test_terms_that_are_empty(terms):
    with pytest.raises(InputError, match="a term is empty"):
        cox(made(SIX), terms)


def test_formulas_that_are_no_list_of_columns():
    with pytest.raises(InputError, match="a term is named twice: x"):
        cox(made(SIX), "x + arm + x")
    for formula in ("__import__('os')", "t ~ x", "x - arm", "=cmd()"):
        with pytest.raises(InputError):
            cox(made(SIX), formula)


def test_terms_with_one_level_or_nobody():
    with pytest.raises(InputError, match="term 'arm' has only one level among the rows analysed"):
        cox(made({**SIX, "arm": ["a"] * 6}), "arm")
    with pytest.raises(InputError, match="no row has all terms known"):
        cox(made({**SIX, "x": [np.nan] * 6}), "x")
    with pytest.raises(InputError, match="term 'x' has an infinite value") as raised:
        cox(made({**SIX, "x": [1, np.inf, 2, 0, 1, -np.inf]}), "x")
    assert raised.value.where == (2, 6)


def test_an_unused_category_gets_no_row():
    arm = pd.Categorical(SIX["arm"], categories=["nobody", "b", "a"])
    table = cox(made({**SIX, "arm": arm}), "arm + x").tidy()
    assert table["contrast"].tolist() == ["b", "a vs b", ""]
    plain = cox(made(SIX), "arm + x", references={"arm": "b"}).tidy()
    np.testing.assert_allclose(table["estimate"], plain["estimate"], rtol=1e-12)


@pytest.mark.parametrize("level", [0, 1, 95, np.nan])
def test_levels_of_confidence_that_do_not_exist(level):
    with pytest.raises(InputError, match="conf_level must lie between 0 and 1"):
        cox(made(SIX), "x", conf_level=level)


def test_strange_names_of_levels_pass_through_and_are_escaped_in_html():
    arm = ["=cmd()" if a == "a" else "<b>" for a in SIX["arm"]]
    fit = cox(made({**SIX, "arm": arm}), "arm + x")
    assert fit.tidy()["contrast"].tolist() == ["<b>", "=cmd() vs <b>", ""]
    assert "<b>" not in fit._repr_html_()


def test_a_covariate_with_huge_values_is_only_another_unit():
    plain, huge = (cox(made({**SIX, "x": [k * v for v in SIX["x"]]}), "x") for k in (1.0, 1e12))
    assert huge.tidy()["estimate"].iloc[0] * 1e12 == pytest.approx(plain.tidy()["estimate"].iloc[0], rel=1e-8)
    shifted = cox(made({**SIX, "x": [v + 1e6 for v in SIX["x"]]}), "x")
    assert shifted.tidy()["estimate"].iloc[0] == pytest.approx(plain.tidy()["estimate"].iloc[0], rel=1e-8)


# in each of them a direction of (x, y) never falls behind at any event: found among 4,000 random sets by linear programming
RUNAWAY = {
    "a hazard ratio of e^-28 with a standard error of 0": {
        "t": [2.0, 3, 4, 6, 7], "s": [0, 1, 0, 0, 1], "x": [-1.0, -2, 0, 2, -2], "y": [-1.0, 2, 2, -2, 0],
    },
    "two events, a hazard ratio of e^-39": {
        "t": [0.0, 1, 3, 3, 3, 4], "s": [1, 0, 0, 0, 0, 1],
        "x": [-2.0, 0, -2, 1, -2, 1], "y": [-1.0, 2, -1, -1, 0, -1],
    },
    "seven patients, a hazard ratio of e^39": {
        "t": [0.0, 3, 3, 4, 5, 5, 6], "s": [1, 0, 0, 1, 0, 0, 0],
        "x": [2.0, 1, 0, 0, 0, -1, 1], "y": [1.0, 2, 1, 0, 2, 2, 2],
    },
    "a risk set whose weights vanish": {"t": [0.0, 0, 1, 2, 4], "s": [0, 1, 1, 1, 1], "x": [59.0, -68, -67, -23, -7]},
    "another": {"t": [3.0, 4, 5, 6, 6, 7], "s": [1, 0, 0, 1, 0, 1], "x": [6.0, -29, 4, 0.1, 0, -25]},
}  # fmt: skip


@pytest.mark.parametrize("case", RUNAWAY)
def test_a_likelihood_without_a_maximum_is_never_a_fit(case):
    with pytest.raises(ConvergenceError, match="it separates those with events from those without"):
        cox(made(RUNAWAY[case]), [name for name in ("x", "y") if name in RUNAWAY[case]])


def test_a_patient_far_out_is_no_separation():
    """One patient with x = 9 stays at risk to the end. The values are those of R's coxph (eps = 1e-14)."""
    n = 60
    x = norm.ppf((np.arange(n) + 0.5) / n)
    t = 5 * np.exp(2 * x) * -np.log(((np.arange(n) * 37) % n + 0.5) / n)
    columns = {"t": [*np.minimum(t, 8), 8.0], "s": [*(t < 8).astype(int), 0], "x": [*x, 9.0]}
    row = cox(made(columns), "x").tidy().iloc[0]
    assert (row["estimate"], row["std_error"]) == (
        pytest.approx(-1.73364638982209, rel=1e-8),
        pytest.approx(0.256471079073016, rel=1e-8),
    )


def test_weights_of_very_different_size():
    fit = cox(made({**SIX, "weights": [1e-6, 1e6, 1, 1, 2, 3]}), "x")
    assert np.isfinite(fit.tidy()["estimate"].iloc[0])
    score = fit.maximum.score
    assert abs(score[0]) < 1e-3


def test_a_fit_does_not_change_under_its_holder():
    fit = cox(made(SIX), "arm + x")
    before = fit.tidy()
    with pytest.raises(ValueError, match="read-only"):
        fit.maximum.beta[0] = 99.0
    with pytest.raises(ValueError, match="read-only"):
        fit.design.matrix[0, 0] = 99.0
    pd.testing.assert_frame_equal(fit.tidy(), before)


def test_what_rounding_leaves_of_late_entries_is_no_information():
    """A risk of e^60 enters late; taken out again it once left sums of nothing but rounding."""
    rows, _ = sort_rows(np.array([1.0, 2, 3, 4, 9, 9]), np.array([-np.inf, -np.inf, -np.inf, -np.inf, 5, 5]))
    x = np.array([[0.0], [1], [0], [1], [31], [30]])
    event = np.array([True, True, True, False, True, False])
    layout = lay_out(rows, event, np.ones(6), x)
    r = np.e**2
    # at 1, 2, 3 the risk sets have two of each, one and two, one and one; at 9, 31 against 30
    share = [2 * r / (2 * r + 2), 2 * r / (2 * r + 1), r / (r + 1), r / (r + 1)]
    value, score, information = partial_likelihood(layout)(np.array([2.0]))
    assert information[0, 0] == pytest.approx(sum(q * (1 - q) for q in share), rel=1e-9)
    assert score[0] == pytest.approx(0 + 1 + 0 + 31 - share[0] - share[1] - share[2] - 30 - share[3], rel=1e-9)
    terms = [1 / (2 * r + 2), r / (2 * r + 1), 1 / (r + 1), share[3]]
    assert value == pytest.approx(np.log(terms).sum())
    found = residuals(layout, np.array([2.0]))
    np.testing.assert_allclose(found.score.sum(), score[0], rtol=1e-9)
