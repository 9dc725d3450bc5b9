"""What holds for any Cox model with a ridge penalty, and for any with a shared frailty."""

import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes import ConvergenceError, InputError, concordance, cox, endpoint_from_columns
from ikzf1_outcomes.kernels import frailty as kernel
from ikzf1_outcomes.kernels.partial import lay_out, partial_likelihood

ROW = st.tuples(
    st.integers(1, 12).map(lambda k: k / 2),
    st.integers(0, 1),
    st.sampled_from("abc"),
    st.integers(-4, 4).map(float),
    st.integers(0, 5),
    st.integers(0, 2),
    st.sampled_from("pq"),
    st.integers(1, 3),
)
ROWS = st.lists(ROW, min_size=14, max_size=30)
TIES = st.sampled_from(["efron", "breslow"])
THETA = st.sampled_from([0.05, 1.0, 20.0])
SEED = st.integers(0, 2**16)


def table(rows):
    frame = pd.DataFrame(rows, columns=["t", "s", "arm", "x", "centre", "late", "stratum", "w"])
    return frame.assign(x=frame["x"] + frame.index / 50, entry=np.minimum(frame["late"], frame["t"] - 0.5))


def made(frame, **options):
    assume((frame["s"] > 0).any())
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, **options)


def fitted(frame, *, made_with=None, terms="x", **options):
    try:
        return cox(made(frame, **(made_with or {})), terms, **options)
    except (ConvergenceError, InputError):
        assume(False)


def standardised(fit, frame):
    x = fit.solution.design.matrix
    return fit.tidy()["estimate"][fit.tidy()["note"] != "reference"].to_numpy() * x.std(axis=0, ddof=1)


@given(ROWS, THETA, TIES)
def test_a_ridge_is_where_its_score_vanishes(rows, theta, ties):
    """Whatever levels are without events, and whatever separates."""
    frame = table(rows)
    fit = fitted(frame, terms="arm + x", penalty=("ridge", theta), ties=ties, strata="stratum")
    solution, how = fit.solution, fit.solution.estimation
    _, score, information = partial_likelihood(how.layout, ties)(solution.maximum.beta * how.scale)
    np.testing.assert_allclose(score * how.scale, fit.weight * solution.maximum.beta, atol=1e-7 * (1 + fit.weight.max()))
    np.testing.assert_allclose(fit.information, information * np.outer(how.scale, how.scale), rtol=1e-6, atol=1e-7)
    inverse = np.linalg.inv(fit.information + np.diag(fit.weight))
    np.testing.assert_allclose(fit.covariance, inverse, rtol=1e-6, atol=1e-12)
    assert -1e-9 <= fit.df <= len(fit.weight) + 1e-9
    assert np.isclose(fit.df, np.trace(fit.information @ inverse), atol=1e-7)
    tidy = fit.tidy()
    assert np.isfinite(tidy["estimate"]).all()
    assert (tidy["note"] != "").all()


@given(ROWS, st.sampled_from([1e-3, 7.0, 1e4]), st.sampled_from([-100.0, 0.0, 3.0]), SEED)
def test_unit_zero_and_order_do_not_matter_to_a_ridge(rows, unit, shift, seed):
    frame = table(rows)
    left = fitted(frame, terms="arm + x", penalty=("ridge", 2))
    other = frame.assign(x=frame["x"] * unit + shift).sample(frac=1, random_state=seed)
    right = fitted(other, terms="arm + x", penalty=("ridge", 2))
    scale = np.where(left.tidy()["term"] == "x", unit, 1.0)
    for name in ("estimate", "std_error"):
        np.testing.assert_allclose(left.tidy()[name], right.tidy()[name] * scale, rtol=1e-6, atol=1e-8)


@given(ROWS)
def test_more_penalty_shrinks_and_none_is_the_plain_fit(rows):
    frame = table(rows)
    plain = fitted(frame, terms="x")
    none = fitted(frame, terms="x", penalty=("ridge", 0))
    weak, strong = (fitted(frame, terms="x", penalty=("ridge", theta)) for theta in (0.3, 30))
    for name in ("estimate", "std_error"):
        np.testing.assert_allclose(plain.tidy()[name], none.tidy()[name], rtol=1e-12)
    assert none.df == 1
    size = [np.abs(standardised(fit, frame)).sum() for fit in (none, weak, strong)]
    assert size[0] >= size[1] >= size[2]
    assert none.df >= weak.df >= strong.df
    value = [fit.glance()["log_likelihood"].iloc[0] for fit in (none, weak, strong)]
    assert value[0] + 1e-9 >= value[1] >= value[2] - 1e-9


@given(ROWS, TIES, SEED)
def test_the_derivatives_of_the_frailty_likelihood(rows, ties, seed):
    frame = table(rows)
    endpoint = made(frame, entry="entry", weights="w")
    stratum = frame["stratum"].map({"p": 0, "q": 1}).to_numpy()
    x = frame[["x"]].to_numpy()
    layout = lay_out(
        endpoint.rows, endpoint.cause > 0, endpoint.case_weights, x, strata=np.unique(stratum, return_inverse=True)[1]
    )
    group = np.unique(frame["centre"], return_inverse=True)[1]
    clusters = kernel.clustered(layout, group, ties)
    at = np.random.default_rng(seed).normal(size=1 + group.max() + 1) / 2

    def curved(z, whole=False):
        return kernel.curvature(clusters, z[:1], z[1:], 0.7, whole=whole)

    found = curved(at, whole=True)
    score = np.r_[found.score, found.score_frailty]
    every = np.block([[found.information, found.cross.T], [found.cross, found.whole]])
    np.testing.assert_allclose(np.diag(found.whole), found.diagonal, rtol=1e-9, atol=1e-9)
    assert np.linalg.eigvalsh(every).min() > -1e-8
    for j in range(len(at)):
        step = np.eye(len(at))[j] * 1e-5
        up, down = curved(at + step), curved(at - step)
        assert np.isclose((up.value - down.value) / 2e-5, score[j], rtol=1e-5, atol=1e-6)
        change = np.r_[down.score, down.score_frailty] - np.r_[up.score, up.score_frailty]
        np.testing.assert_allclose(change / 2e-5, every[j], rtol=1e-5, atol=1e-6)


@given(ROWS, TIES, st.sampled_from([0.02, 0.5, 4.0]))
def test_both_kinds_of_steps_reach_one_maximum(rows, ties, theta):
    """Where exp(w) is (1 / theta + d) / (1 / theta + H), its mean over the clusters 1, and no value nearby is higher."""
    frame = table(rows)
    fit = fitted(frame, ties=ties, frailty="centre")
    clusters, zero = fit.rows, np.zeros(len(fit.rows.events))
    whole = kernel.maximise_at(clusters, theta, np.zeros(1), zero)
    before, kernel.WHOLE = kernel.WHOLE, 0
    try:
        part = kernel.maximise_at(clusters, theta, np.zeros(1), zero)
    finally:
        kernel.WHOLE = before
    assert whole.converged
    assert part.converged
    np.testing.assert_allclose(part.frailty, whole.frailty, atol=1e-7)
    np.testing.assert_allclose(part.beta, whole.beta, atol=1e-7)
    assert np.isclose(part.marginal, whole.marginal, atol=1e-9)
    risen = np.exp(whole.frailty)
    expected = (clusters.events - whole.at.score_frailty - np.expm1(whole.frailty) / theta) / risen
    np.testing.assert_allclose(risen, (1 / theta + clusters.events) / (1 / theta + expected), rtol=1e-7)
    assert np.isclose(risen.mean(), 1.0, atol=1e-8)


@given(ROWS)
def test_the_slope_is_the_derivative_of_the_marginal_likelihood(rows):
    frame = table(rows)
    fit = fitted(frame, frailty="centre")
    zero = np.zeros(len(fit.rows.events))
    low, mid, high = (kernel.maximise_at(fit.rows, theta, np.zeros(1), zero) for theta in (0.499, 0.5, 0.501))
    assert np.isclose((high.marginal - low.marginal) / 2e-3, mid.slope / 0.25, rtol=1e-4, atol=1e-6)
    tiny = kernel.maximise_at(fit.rows, 1e-5, fit.plain.maximum.beta * fit.plain.estimation.scale, zero)
    start = kernel.slope_at_zero(fit.rows, fit.plain.maximum.beta * fit.plain.estimation.scale)
    assert np.isclose(tiny.slope / 1e-10, start, rtol=1e-2, atol=1e-2)


@given(ROWS, SEED)
def test_order_units_and_names_do_not_matter_to_a_frailty(rows, seed):
    frame = table(rows)
    fit = fitted(frame, frailty="centre")
    other = frame.assign(t=frame["t"] * 12, x=frame["x"] * 10 - 3, centre=frame["centre"].map(lambda k: f"c{9 - k}"))
    right = fitted(other.sample(frac=1, random_state=seed), frailty="centre")
    assert np.isclose(fit.theta, right.theta, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(fit.beta, right.beta * 10, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(fit.covariance, right.covariance * 100, rtol=1e-5)
    glance = fit.glance().iloc[0]
    assert glance["log_likelihood"] >= glance["log_likelihood_no_frailty"]
    assert (glance["statistic"] > 0) == (glance["theta"] > 0)
    assert 0 <= glance["p_value"] <= 1
    renamed = fit.frailties().assign(group=lambda f: f["group"].map(lambda k: f"c{9 - k}"))
    both = renamed.merge(right.frailties(), on="group")
    np.testing.assert_allclose(both["estimate_x"], both["estimate_y"], atol=1e-5)


@given(ROWS)
def test_a_weight_is_so_many_patients_of_the_cluster(rows):
    frame = table(rows)
    weighted = fitted(frame, made_with={"weights": "w"}, ties="breslow", frailty="centre")
    copied = fitted(frame.loc[frame.index.repeat(frame["w"])].reset_index(drop=True), ties="breslow", frailty="centre")
    assert np.isclose(weighted.theta, copied.theta, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(weighted.beta, copied.beta, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(weighted.covariance, copied.covariance, rtol=1e-5)
    np.testing.assert_allclose(weighted.frailties()["n"], copied.frailties()["n"])


@given(ROWS, st.booleans())
def test_the_concordance_of_a_fit_is_that_of_its_linear_predictor(rows, stratified):
    """In delayed entry, weights and strata; R's comparison in tests/reference has the numbers."""
    frame = table(rows)
    strata = "stratum" if stratified else None
    fit = fitted(frame, made_with={"weights": "w", "entry": "entry"}, strata=strata)
    score = frame["x"] * float(fit.maximum.beta[0])
    theirs = concordance(fit.endpoint, score.tolist(), strata=strata).tidy().iloc[0]
    ours = fit.glance().iloc[0]
    np.testing.assert_allclose(ours["concordance"], theirs["estimate"], rtol=1e-12)
    np.testing.assert_allclose(ours["concordance_std_error"], theirs["std_error"], rtol=1e-9, atol=1e-14)


@given(ROWS)
def test_the_whole_standard_error_is_the_smaller(rows):
    fit = fitted(table(rows), frailty="centre")
    whole, part = (fit.covariance_of(whole=kind)[0] for kind in (True, False))
    assert (np.diag(whole) <= np.diag(part) * (1 + 1e-6)).all()
