"""What holds for any Cox model that has a maximum."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linprog

from ikzf1_outcomes import ConvergenceError, InputError, cox, endpoint_from_columns
from ikzf1_outcomes.kernels.partial import lay_out, partial_likelihood

CAUSES = {1: "relapse", 2: "death"}
ROW = st.tuples(
    st.integers(0, 12).map(lambda k: k / 2),
    st.integers(0, 2),
    st.sampled_from("abc"),
    st.integers(-4, 4).map(float),
    st.integers(0, 3).map(float),
)
ROWS = st.lists(ROW, min_size=15, max_size=35)
TERMS = ["arm", "x", "z"]
SEED = st.integers(0, 2**16)


def table(rows):
    return pd.DataFrame(rows, columns=["t", "s", "arm", "x", "z"]).assign(z=lambda d: d["z"] + d.index / 50)


def made(frame, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **options)


def fitted(frame, **options):
    """The fit, where there is a maximum and no level is without events."""
    try:
        fit = cox(made(frame), TERMS, **options)
    except (ConvergenceError, InputError):
        assume(False)
    assume(not fit.notes)
    return fit


def close(left, right, names=("estimate", "std_error", "low", "high"), rtol=1e-6):
    for name in names:
        np.testing.assert_allclose(left[name], right[name], rtol=rtol, atol=1e-7, err_msg=name)


@given(ROWS)
def test_score_and_information_are_derivatives(rows):
    frame = table(rows)
    assume((frame["s"] > 0).any())
    endpoint = made(frame)
    x = frame[["x", "z"]].to_numpy()
    evaluate = partial_likelihood(lay_out(endpoint.rows, endpoint.cause > 0, endpoint.case_weights, x))
    beta, h = np.array([0.2, -0.4]), 1e-5
    _, score, information = evaluate(beta)
    np.testing.assert_allclose(information, information.T, rtol=1e-12)
    assert (np.linalg.eigvalsh(information) >= -1e-8).all()
    for j in (0, 1):
        step = np.eye(2)[j] * h
        up, down = evaluate(beta + step), evaluate(beta - step)
        np.testing.assert_allclose((up[0] - down[0]) / (2 * h), score[j], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose((down[1] - up[1]) / (2 * h), information[j], rtol=1e-5, atol=1e-6)


@given(ROWS)
def test_the_fit_is_a_maximum_and_its_limits_hold_the_estimate(rows):
    frame = table(rows)
    fit = fitted(frame)
    tidy, row = fit.tidy(), fit.glance().iloc[0]
    known = tidy["std_error"].notna()
    assert known.sum() == row["df"]
    assert (tidy["low"][known] <= tidy["estimate"][known]).all()
    assert (tidy["estimate"][known] <= tidy["high"][known]).all()
    assert row["log_likelihood"] >= row["log_likelihood_null"]
    assert row["score"] >= 0
    assert row["wald"] >= 0
    np.testing.assert_allclose(fit.covariance, fit.covariance.T, rtol=1e-10)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), tidy["std_error"][known], rtol=1e-12)


@given(ROWS, st.sampled_from([1e-3, 7.0, 1e5]), st.sampled_from([-1e4, 0.0, 3.0]))
def test_zero_and_unit_of_a_covariate_do_not_matter(rows, unit, shift):
    frame = table(rows)
    left = fitted(frame)
    right = cox(made(frame.assign(x=frame["x"] * unit + shift)), TERMS)
    a, b = left.tidy(), right.tidy()
    scale = np.where(a["term"] == "x", unit, 1.0)
    close(a, b.assign(**{name: b[name] * scale for name in ("estimate", "std_error", "low", "high")}))
    close(left.glance(), right.glance(), ("log_likelihood", "likelihood_ratio", "score", "wald"))


@given(ROWS)
def test_swapping_the_reference_turns_the_sign(rows):
    frame = table(rows).assign(arm=lambda d: d["arm"].replace("c", "b"))
    left = fitted(frame).tidy().set_index("contrast")
    right = cox(made(frame), TERMS, references={"arm": "b"}).tidy().set_index("contrast")
    np.testing.assert_allclose(left.loc["b vs a", "estimate"], -right.loc["a vs b", "estimate"], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(left.loc["b vs a", "high"], -right.loc["a vs b", "low"], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(left.loc["", "estimate"], right.loc["", "estimate"], rtol=1e-6, atol=1e-8)


@given(ROWS, st.randoms())
def test_the_order_of_rows_and_terms_does_not_matter(rows, random):
    frame = table(rows)
    left = fitted(frame)
    order = list(range(len(frame)))
    random.shuffle(order)
    right = cox(made(frame.iloc[order]), "z + arm + x")
    a, b = (fit.tidy().sort_values(["term", "contrast"]) for fit in (left, right))
    assert a["contrast"].tolist() == b["contrast"].tolist()
    close(a, b)


@given(ROWS, st.sampled_from([0.25, 365.25]))
def test_the_unit_of_time_does_not_matter(rows, factor):
    frame = table(rows)
    close(fitted(frame).tidy(), cox(made(frame.assign(t=frame["t"] * factor)), TERMS).tidy())


@given(ROWS, SEED)
def test_times_that_differ_by_rounding_are_tied(rows, seed):
    frame = table(rows).assign(t=lambda d: d["t"] + 1)
    noise = np.random.default_rng(seed).choice([-1e-12, 0.0, 1e-12], len(frame))
    close(fitted(frame).tidy(), cox(made(frame.assign(t=frame["t"] + noise)), TERMS).tidy())


@given(ROWS, st.sampled_from([0.5, 3.0, 2.7]))
def test_a_common_weight_scales_the_information_only(rows, weight):
    frame = table(rows).assign(w=weight)
    left = fitted(frame)
    right = cox(made(frame, weights="w"), TERMS)
    a, b = left.tidy(), right.tidy()
    np.testing.assert_allclose(a["estimate"], b["estimate"], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(a["std_error"], b["std_error"] * np.sqrt(weight), rtol=1e-6)


@given(ROWS)
def test_of_one_cause_the_others_are_censored(rows):
    frame = table(rows)
    left = fitted(frame, cause="relapse")
    right = cox(made(frame.assign(s=frame["s"].where(frame["s"] == 1, 0))), TERMS)
    close(left.tidy(), right.tidy())


@given(ROWS)
def test_who_has_a_missing_term_is_as_if_absent(rows):
    frame = table(rows)
    left = fitted(frame)
    more = pd.concat([frame, frame.head(3).assign(x=np.nan), frame.head(2).assign(arm=None)], ignore_index=True)
    right = cox(made(more), TERMS)
    close(left.tidy(), right.tidy(), ("n", "n_event", "estimate", "std_error"))
    assert right.glance()["n_excluded"].tolist() == [5]


@given(ROWS)
def test_asking_twice_gives_the_same(rows):
    frame = table(rows)
    kept = frame.copy()
    fit = fitted(frame)
    first = fit.tidy()
    first.loc[:, "estimate"] = -1.0
    frame.loc[:, "arm"] = "z"
    pd.testing.assert_frame_equal(fit.tidy(), cox(made(kept), TERMS).tidy())
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    cox(made(kept), TERMS)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def has_a_maximum(frame, names):
    """Whether no direction of the covariates stays ahead at every event: a linear programme over pairs at risk.

    None where the covariates do not differ within any risk set in some direction.
    """
    t, s, x = frame["t"].to_numpy(), frame["s"].to_numpy(), frame[names].to_numpy()
    pairs = [x[i] - x[j] for i in np.flatnonzero(s) for j in np.flatnonzero(t >= t[i]) if i != j]
    if not pairs or np.linalg.matrix_rank(np.array(pairs)) < len(names):
        return None
    a = np.array(pairs)
    best = linprog(-a.sum(axis=0), A_ub=-a, b_ub=np.zeros(len(a)), bounds=[(-1, 1)] * len(names))
    return -best.fun <= 1e-9


@given(st.lists(ROW, min_size=4, max_size=12), st.sampled_from([["x"], ["z"], ["x", "z"]]))
def test_a_fit_is_given_where_there_is_a_maximum_and_only_there(rows, names):
    frame = table(rows)
    expected = has_a_maximum(frame, names)
    assume(expected is not None)
    if not expected:
        with pytest.raises(ConvergenceError, match=f"no finite hazard ratio for .*({'|'.join(names)})"):
            cox(made(frame), names)
        return
    tidy = cox(made(frame), names).tidy()
    assert np.isfinite(tidy[["estimate", "std_error"]]).all(axis=None)
