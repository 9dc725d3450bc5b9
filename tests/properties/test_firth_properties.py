"""What holds for any Cox model with Firth's penalty."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes import ConvergenceError, InputError, cox, endpoint_from_columns
from ikzf1_outcomes.kernels.firth import information_slope, penalised_likelihood, prepare
from ikzf1_outcomes.kernels.partial import lay_out, partial_likelihood
from ikzf1_outcomes.models.penalised import firth_regression, fit_firth

ROW = st.tuples(
    st.integers(0, 12).map(lambda k: k / 2),
    st.integers(0, 1),
    st.sampled_from("abc"),
    st.integers(-4, 4).map(float),
    st.sampled_from("pq"),
    st.sampled_from([-np.inf, 0.0, 1.0]),
    st.sampled_from([1.0, 2.0, 3.0]),
)
ROWS = st.lists(ROW, min_size=15, max_size=35)
TIES = st.sampled_from(["efron", "breslow"])
NUMBERS = ("estimate", "std_error", "low", "high", "statistic", "p_value")


def table(rows):
    frame = pd.DataFrame(rows, columns=["t", "s", "arm", "x", "centre", "entry", "w"])
    return frame.assign(x=lambda d: d["x"] + d.index / 50, t=lambda d: d["t"] + 1.5)


def made(frame, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, **options)


def fitted(frame, terms="arm + x", made_with=None, **options):
    """The fit, where there is anything to compare."""
    try:
        return firth_regression(made(frame, **(made_with or {})), terms, **options)
    except InputError:
        assume(False)


def close(left, right, names=NUMBERS, rtol=1e-6):
    for name in names:
        np.testing.assert_allclose(left[name], right[name], rtol=rtol, atol=1e-7, err_msg=name)


def laid_out(frame):
    endpoint = made(frame, entry="entry", weights="w")
    x = np.column_stack([frame["x"], frame["arm"] == "a"]).astype(float)
    codes = np.unique(frame["centre"], return_inverse=True)[1]
    return lay_out(endpoint.rows, endpoint.cause > 0, endpoint.case_weights.copy(), x - x.mean(axis=0), strata=codes)


@given(ROWS, TIES)
def test_the_penalised_score_is_the_derivative_of_the_penalised_likelihood(rows, ties):
    frame = table(rows)
    layout = laid_out(frame)
    problem, evaluate = prepare(layout, ties), partial_likelihood(layout, ties)
    beta, h = np.array([0.1, -0.4]), 1e-5
    value, score, information = penalised_likelihood(problem, beta)
    assume(np.isfinite(value) and np.linalg.cond(information) < 1e4)
    plain = evaluate(beta)
    np.testing.assert_allclose(information, plain[2], rtol=1e-9, atol=1e-9)
    assert value == pytest.approx(plain[0] + 0.5 * np.linalg.slogdet(plain[2])[1], rel=1e-9, abs=1e-9)
    inverse = np.linalg.inv(plain[2])
    np.testing.assert_allclose(score, plain[1] + 0.5 * information_slope(problem, beta, inverse), rtol=1e-8, atol=1e-8)
    for j in (0, 1):
        step = h * np.eye(2)[j]
        slope = (penalised_likelihood(problem, beta + step)[0] - penalised_likelihood(problem, beta - step)[0]) / (2 * h)
        assert score[j] == pytest.approx(slope, rel=1e-5, abs=1e-5)


@given(ROWS, TIES, st.booleans(), st.booleans(), st.booleans())
def test_a_fit_is_finite_and_its_limits_and_tests_agree(rows, ties, late, weighted, stratified):
    frame = table(rows)
    with_ = {name: column for name, column, on in (("entry", "entry", late), ("weights", "w", weighted)) if on}
    fit = fitted(frame, made_with=with_, ties=ties, strata="centre" if stratified else None)
    tidy = fit.tidy()
    known = tidy[tidy["note"] != "reference"]
    assert np.isfinite(known[["estimate", "std_error", "statistic", "p_value"]]).all(axis=None)
    found = known.dropna(subset=["low", "high"])
    assert (found["low"] < found["estimate"]).all()
    assert (found["estimate"] < found["high"]).all()
    outside = (found["low"] > 0) | (found["high"] < 0)
    assert (outside == (found["p_value"] < 0.05)).all()
    row = fit.glance().iloc[0]
    assert row["log_likelihood"] >= row["log_likelihood_null"]
    assert np.abs(fit.estimate.top.score @ fit.estimate.covariance @ fit.estimate.top.score) < 1e-13


@given(ROWS, st.sampled_from([1e-3, 7.0, 1e5]), st.sampled_from([-1e4, 0.0, 3.0]))
def test_zero_and_unit_of_a_covariate_do_not_matter(rows, unit, shift):
    frame = table(rows)
    left = fitted(frame)
    right = fitted(frame.assign(x=frame["x"] * unit + shift))
    a, b = left.tidy(), right.tidy()
    scale = np.where(a["term"] == "x", unit, 1.0)
    close(a, b.assign(**{name: b[name] * scale for name in ("estimate", "std_error", "low", "high")}))
    close(left.glance(), right.glance(), ("log_likelihood", "log_likelihood_null", "likelihood_ratio", "wald"))


@given(ROWS, TIES)
def test_swapping_the_reference_turns_the_sign(rows, ties):
    frame = table(rows).assign(arm=lambda d: d["arm"].replace("c", "b"))
    left = fitted(frame, ties=ties).tidy().set_index("contrast")
    right = fitted(frame, ties=ties, references={"arm": "b"}).tidy().set_index("contrast")
    close(-left.loc[["b vs a"], ["estimate"]], right.loc[["a vs b"]], ["estimate"])
    np.testing.assert_allclose(left.loc["b vs a", "high"], -right.loc["a vs b", "low"], rtol=1e-6, atol=1e-8)
    close(left.loc[["", "b vs a"]], right.loc[["", "a vs b"]], ("statistic", "p_value", "std_error"))


@given(ROWS, st.randoms())
def test_the_order_of_rows_and_terms_does_not_matter(rows, random):
    frame = table(rows)
    left = fitted(frame)
    order = list(range(len(frame)))
    random.shuffle(order)
    right = fitted(frame.iloc[order], "x + arm")
    a, b = (fit.tidy().sort_values(["term", "contrast"]) for fit in (left, right))
    close(a, b)


@given(ROWS)
def test_a_patient_of_weight_three_is_three_patients_with_breslows_ties(rows):
    frame = table(rows)
    left = fitted(frame, made_with={"weights": "w"}, ties="breslow")
    right = fitted(frame.loc[frame.index.repeat(frame["w"].astype(int))], ties="breslow")
    close(left.tidy(), right.tidy())


@given(ROWS, TIES, st.sampled_from([2.0, 50.0]))
def test_a_common_weight_leaves_the_penalty_as_it_is(rows, ties, k):
    """The maximum for weights of k is that of k l + log det I / 2: the penalty counts for 1 / k of what it did."""
    frame = table(rows)
    fit = fitted(frame.assign(w=k), made_with={"weights": "w"}, ties=ties)
    single = prepare(layout_of(frame), ties)
    plain = partial_likelihood(layout_of(frame), ties)(fit.estimate.top.beta)
    slope = information_slope(single, fit.estimate.top.beta, np.linalg.inv(plain[2]))
    np.testing.assert_allclose(k * plain[1] + 0.5 * slope, 0, atol=1e-6)


def layout_of(frame):
    """The rows as a fit of arm + x sees them: those that were ever compared, centred, of unit spread."""
    used = frame[frame["t"] >= frame.loc[frame["s"] == 1, "t"].min()]
    x = np.column_stack([used["arm"] == level for level in sorted(frame["arm"].unique())[1:]] + [used["x"]]).astype(float)
    endpoint = made(used)
    return lay_out(endpoint.rows, endpoint.cause > 0, endpoint.case_weights.copy(), (x - x.mean(axis=0)) / x.std(axis=0))


@given(ROWS, TIES)
def test_with_many_patients_the_penalty_vanishes(rows, ties):
    frame = table(rows)
    try:
        plain = cox(made(frame), "arm + x", ties=ties)
    except (ConvergenceError, InputError):
        assume(False)
    assume(not plain.notes)
    assume((plain.tidy()["estimate"].abs() < 5).all())
    many = fitted(frame.assign(w=1e6), made_with={"weights": "w"}, ties=ties).tidy()
    np.testing.assert_allclose(many["estimate"], plain.tidy()["estimate"], atol=1e-3)
    wald = many["estimate"] + 1.959963984540054 * many["std_error"]
    np.testing.assert_allclose(many["high"].dropna(), wald.dropna(), atol=1e-4)


@given(ROWS)
def test_who_has_a_missing_term_or_stratum_is_as_if_absent(rows):
    frame = table(rows)
    left = fitted(frame, strata="centre")
    more = pd.concat([frame, frame.head(3).assign(x=np.nan), frame.head(2).assign(centre=None)], ignore_index=True)
    right = fitted(more, strata="centre")
    close(left.tidy(), right.tidy(), ("n", "n_event", *NUMBERS))
    close(left.glance(), right.glance(), ("log_likelihood", "log_likelihood_null"))
    assert right.glance()["n_excluded"].tolist() == [5]


@given(ROWS, TIES)
def test_asking_twice_gives_the_same(rows, ties):
    layout = laid_out(table(rows))
    try:
        first = fit_firth(layout, ties)
    except ConvergenceError:
        assume(False)
    again = fit_firth(layout, ties)
    assert (first.top.beta == again.top.beta).all()
    assert first.profile_interval(0) == again.profile_interval(0) or np.isnan(first.profile_interval(0)).any()
