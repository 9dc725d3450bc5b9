"""Data on which the partial likelihood has no maximum, and what even a penalty cannot help."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import ColumnError, InputError, endpoint_from_columns
from ikzf1_outcomes.kernels.firth import maximise, penalised_likelihood, prepare
from ikzf1_outcomes.kernels.partial import lay_out
from ikzf1_outcomes.kernels.risk import sort_rows
from ikzf1_outcomes.models.penalised import firth_regression

SIX = {"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 1, 0, 1, 1, 0], "x": [1.0, 3, 2, 0, 1, 4], "arm": list("abaabb")}


def made(columns):
    named = {name: name for name in ("entry", "weights") if name in columns}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes={1: "relapse", 2: "death"}, **named)


# each was once given as a hazard ratio of e^28 and more; see test_bad_cox.py
RUNAWAY = {
    "five": {"t": [2.0, 3, 4, 6, 7], "s": [0, 1, 0, 0, 1], "x": [-1.0, -2, 0, 2, -2], "y": [-1.0, 2, 2, -2, 0]},
    "two events": {
        "t": [0.0, 1, 3, 3, 3, 4], "s": [1, 0, 0, 0, 0, 1],
        "x": [-2.0, 0, -2, 1, -2, 1], "y": [-1.0, 2, -1, -1, 0, -1],
    },
    "seven": {
        "t": [0.0, 3, 3, 4, 5, 5, 6], "s": [1, 0, 0, 1, 0, 0, 0],
        "x": [2.0, 1, 0, 0, 0, -1, 1], "y": [1.0, 2, 1, 0, 2, 2, 2],
    },
    "vanishing weights": {"t": [0.0, 0, 1, 2, 4], "s": [0, 1, 1, 1, 1], "x": [59.0, -68, -67, -23, -7]},
    "a number": {"t": [3.0, 4, 5, 6, 6, 7], "s": [1, 0, 0, 1, 0, 1], "x": [6.0, -29, 4, 0.1, 0, -25]},
    "who has a larger x fails first": {"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 1, 1, 1, 1, 1], "x": [6.0, 5, 4, 3, 2, 1]},
}  # fmt: skip


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", RUNAWAY)
def test_separation_gives_a_finite_maximum(case, ties):
    names = [name for name in ("x", "y") if name in RUNAWAY[case]]
    fit = firth_regression(made(RUNAWAY[case]), names, ties=ties)
    tidy = fit.tidy()
    assert np.isfinite(tidy[["estimate", "std_error", "low", "high", "p_value"]]).all(axis=None)
    top = fit.estimate.top
    for place in range(len(names)):
        for step in (-0.01, 0.01):
            moved = top.beta.copy()
            moved[place] += step
            assert penalised_likelihood(fit.estimate.problem, moved)[0] < top.value


def test_a_class_of_three_without_events():
    rng = np.random.default_rng(11)
    frame = pd.DataFrame(
        {"t": rng.integers(1, 60, 109) / 12, "s": rng.integers(0, 2, 109), "ik6": ["no"] * 106 + ["yes"] * 3}
    )
    frame.loc[106:, ["t", "s"]] = [5.0, 0]
    row = firth_regression(made(frame), "ik6").tidy().iloc[1]
    assert row["n"] == 3
    assert row["n_event"] == 0
    assert -5 < row["estimate"] < 0
    assert row["low"] < -5
    assert row["high"] > row["estimate"] + 1.96 * 0.5 * row["std_error"]
    assert row["note"] == "no events in this level: finite by the penalty alone"


def test_everybody_fails_at_one_time():
    # the score is zero at 0, and so is the third moment of a symmetric covariate
    fit = firth_regression(made({**SIX, "x": [0.0, 1, 2, 3, 4, 5], "t": [1.0] * 6, "s": [1] * 6}), "x", ties="breslow")
    assert fit.tidy()["estimate"].iloc[0] == pytest.approx(0, abs=1e-9)


def test_one_event():
    row = firth_regression(made({**SIX, "s": [1, 0, 0, 0, 0, 0]}), "x").tidy().iloc[0]
    assert np.isfinite(row[["estimate", "low", "high"]].astype(float)).all()


def test_what_those_at_risk_never_differ_in_is_refused_by_name():
    # x differs only between patients who are never at risk together
    columns = {**SIX, "s": [1, 1, 1, 1, 1, 0], "t": [1.0, 2, 2, 5, 6, 6], "entry": [0.0, 0, 0, 4, 4, 4]}
    with pytest.raises(InputError, match="no hazard ratio for x: those at risk at an event never differ in it"):
        firth_regression(made({**columns, "x": [0.0, 0, 0, 1, 1, 1]}), "x")
    assert np.isfinite(firth_regression(made(columns), "x").tidy()["estimate"].iloc[0])


def test_bad_arguments():
    with pytest.raises(InputError, match="no events of death among the rows analysed"):
        firth_regression(made(SIX), "x", cause="death")
    with pytest.raises(InputError, match="constant among the rows analysed: x"):
        firth_regression(made({**SIX, "x": [1.0] * 6}), "x")
    with pytest.raises(InputError, match="a combination of other columns"):
        firth_regression(made({**SIX, "y": [2 * v + 1 for v in SIX["x"]]}), "x + y")
    with pytest.raises(InputError, match="there is no such rule for ties"):
        firth_regression(made(SIX), "x", ties="exact")
    with pytest.raises(ColumnError, match="nowhere"):
        firth_regression(made(SIX), "nowhere")
    with pytest.raises(InputError, match="conf_level must lie between 0 and 1"):
        firth_regression(made(SIX), "x", conf_level=95)


def test_weights_that_are_not_whole_are_noted():
    fit = firth_regression(made({**SIX, "weights": [0.5, 1, 1, 2, 1, 1]}), "x")
    assert fit.glance()["note"].iloc[0] == "weights are not whole numbers: intervals take them as counts"


def test_what_rounding_leaves_of_late_entries_is_no_information():
    """A risk of e^60 enters late; taken out again it once left sums of nothing but rounding, and a false maximum."""
    t, entry = np.array([1.0, 2, 3, 4, 9, 9]), np.array([-np.inf, -np.inf, -np.inf, -np.inf, 5, 5])
    x = np.array([[0.0], [1], [0], [1], [31], [30]])
    rows, _ = sort_rows(t, entry)
    event = np.array([True, True, True, False, True, False])
    layout = lay_out(rows, event, np.ones(6), x)
    beta = np.array([2.0])
    # at 1, 2, 3 the risk sets have (r = e^2) two of each, 1 and 2, 1 and 1; at 9, 31 against 30
    share = [
        2 * np.e**2 / (2 * np.e**2 + 2),
        2 * np.e**2 / (2 * np.e**2 + 1),
        np.e**2 / (np.e**2 + 1),
        np.e**2 / (np.e**2 + 1),
    ]
    information = sum(q * (1 - q) for q in share)
    value = (
        np.log(1 / (2 * np.e**2 + 2)) + np.log(np.e**2 / (2 * np.e**2 + 1)) + np.log(1 / (np.e**2 + 1)) + np.log(share[3])
    )
    found = penalised_likelihood(prepare(layout), beta)
    assert found[2][0, 0] == pytest.approx(information, rel=1e-12)
    assert found[0] == pytest.approx(value + 0.5 * np.log(information), rel=1e-12)


def test_no_value_where_the_information_is_rounding():
    rows, _ = sort_rows(np.array([1.0, 2, 3]))
    layout = lay_out(rows, np.array([True, True, True]), np.ones(3), np.array([[0.0], [1], [2]]))
    point = maximise(prepare(layout), np.array([1e13]), np.empty(0, dtype=np.int64))
    assert point.value == -np.inf
    assert not point.converged


def test_a_fit_does_not_change_under_its_holder():
    fit = firth_regression(made(SIX), "arm + x")
    before = fit.tidy()
    for array in (fit.beta, fit.covariance, fit.limits, fit.estimate.top.beta, fit.estimate.covariance):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 99.0
    pd.testing.assert_frame_equal(fit.tidy(), before)
