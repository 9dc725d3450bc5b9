"""What holds for any Fine-Gray model that has a maximum."""

import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes import ConvergenceError, InputError, cox, endpoint_from_columns
from ikzf1_outcomes.kernels.subdistribution import fine_gray_likelihood, lay_out, risk_sets
from ikzf1_outcomes.kernels.subdistribution_influence import score_residuals
from ikzf1_outcomes.models.subdistribution import fine_gray

CAUSES = {1: "relapse", 2: "death"}
ROW = st.tuples(
    st.integers(0, 12).map(lambda k: k / 2),
    st.integers(0, 2),
    st.sampled_from("abc"),
    st.integers(-4, 4).map(float),
    st.integers(0, 3).map(float),
    st.integers(1, 3).map(float),
)
ROWS = st.lists(ROW, min_size=15, max_size=35)
TERMS = ["arm", "x", "z"]


def table(rows):
    columns = ["t", "s", "arm", "x", "z", "w"]
    return pd.DataFrame(rows, columns=columns).assign(z=lambda d: d["z"] + d.index / 50)


def made(frame, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **options)


def fitted(frame, terms=TERMS, weights=None, **options):
    """The fit, where there is a maximum and no level is without events."""
    try:
        fit = fine_gray(made(frame, weights=weights), terms, cause="relapse", **options)
    except (ConvergenceError, InputError):
        assume(False)
    assume(not fit.limit.notes)
    # near a maximum that is all but at infinity, rounding decides the last digits
    assume(np.abs(fit.tidy()["estimate"]).max() < 8)
    return fit


def close(left, right, names=("estimate", "std_error", "low", "high"), rtol=1e-6):
    for name in names:
        np.testing.assert_allclose(left[name], right[name], rtol=rtol, atol=1e-7, err_msg=name)


def laid(frame, strata=False):
    endpoint = made(frame, weights="w")
    codes = pd.factorize(frame["arm"])[0] if strata else np.zeros(len(frame), dtype=int)
    x = frame[["x", "z"]].to_numpy()
    return lay_out(endpoint.rows, endpoint.cause, endpoint.case_weights, np.ones(len(frame), dtype=bool), codes, x)


@given(ROWS, st.booleans())
def test_score_and_information_are_derivatives(rows, strata):
    frame = table(rows)
    assume((frame["s"] == 1).any())
    laid_out = laid(frame, strata)
    evaluate = fine_gray_likelihood(laid_out)
    beta, h = np.array([0.2, -0.4]), 1e-5
    _, score, information = evaluate(beta)
    assert (np.linalg.eigvalsh(information) >= -1e-8).all()
    for j in (0, 1):
        step = np.eye(2)[j] * h
        up, down = evaluate(beta + step), evaluate(beta - step)
        np.testing.assert_allclose((up[0] - down[0]) / (2 * h), score[j], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose((down[1] - up[1]) / (2 * h), information[j], rtol=1e-5, atol=1e-6)


@given(ROWS, st.booleans())
def test_what_the_rows_add_to_the_score_sums_to_it(rows, strata):
    """The part of the censoring distribution sums to nothing: its martingale has mean 0."""
    frame = table(rows)
    assume((frame["s"] == 1).any())
    laid_out = laid(frame, strata)
    beta = np.array([0.2, -0.4])
    score = fine_gray_likelihood(laid_out)(beta)[1]
    sets = risk_sets(laid_out, beta)
    for of_weights in (False, True):
        residuals = score_residuals(laid_out, sets, of_weights=of_weights)
        np.testing.assert_allclose(laid_out.weight @ residuals, score, rtol=1e-9, atol=1e-9)


@given(ROWS)
def test_the_fit_is_a_maximum_and_its_limits_hold_the_estimate(rows):
    fit = fitted(table(rows))
    tidy, row = fit.tidy(), fit.glance().iloc[0]
    known = tidy["std_error"].notna()
    assert known.sum() == row["df"]
    assert (tidy["low"][known] <= tidy["estimate"][known]).all()
    assert (tidy["estimate"][known] <= tidy["high"][known]).all()
    assert row["log_likelihood"] >= row["log_likelihood_null"]
    np.testing.assert_allclose(fit.covariance, fit.covariance.T, rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), tidy["std_error"][known], rtol=1e-12)
    shown = fit.tidy(exponentiate=True)
    np.testing.assert_allclose(shown["estimate"], np.exp(tidy["estimate"]), rtol=1e-12)
    np.testing.assert_allclose(fit.residuals("score").to_numpy().sum(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(fit.residuals("schoenfeld").drop(columns="time").sum(), 0, atol=1e-6)


@given(ROWS)
def test_without_competing_events_the_coefficients_are_those_of_cox_for_untied_times(rows):
    frame = table(rows).assign(t=lambda d: d["t"] + d.index / 1000, s=lambda d: (d["s"] == 1).astype(int))
    fit = fitted(frame)
    other = cox(made(frame), TERMS, cause="relapse")
    close(fit.tidy(), other.tidy(), ("estimate",))
    np.testing.assert_allclose(fit.maximum.information, other.maximum.information, rtol=1e-6)


@given(ROWS)
def test_a_death_is_as_if_at_risk_for_ever_where_nobody_is_censored(rows):
    """With G = 1 the model is Cox's after moving deaths behind the last time."""
    frame = table(rows).assign(t=lambda d: d["t"] + d.index / 1000, s=lambda d: d["s"].where(d["s"] > 0, 1))
    fit = fitted(frame)
    died = frame["s"] == 2
    moved = frame.assign(t=frame["t"].where(~died, 99.0), s=frame["s"].where(~died, 0))
    close(fit.tidy(), cox(made(moved), TERMS, cause="relapse").tidy(), ("estimate",))


@given(ROWS, st.sampled_from([1e-3, 7.0, 1e5]), st.sampled_from([-1e3, 0.0, 3.0]))
def test_zero_and_unit_of_a_covariate_do_not_matter(rows, unit, shift):
    frame = table(rows)
    left = fitted(frame)
    right = fine_gray(made(frame.assign(x=frame["x"] * unit + shift)), TERMS, cause="relapse")
    a, b = left.tidy(), right.tidy()
    scale = np.where(a["term"] == "x", unit, 1.0)
    close(a, b.assign(**{name: b[name] * scale for name in ("estimate", "std_error", "low", "high")}))
    close(left.glance(), right.glance(), ("log_likelihood", "wald"))
    at = float(frame["t"].max())
    before = left.predict(frame.head(3), at)
    after = right.predict(frame.head(3).assign(x=lambda d: d["x"] * unit + shift), at)
    close(before, after, ("estimate", "std_error"), rtol=1e-5)


@given(ROWS, st.randoms(), st.booleans())
def test_the_order_of_rows_and_terms_does_not_matter(rows, random, strata):
    frame = table(rows)
    options = {"censoring_strata": "arm", "cluster": "w"} if strata else {}
    left = fitted(frame, **options)
    order = list(range(len(frame)))
    random.shuffle(order)
    right = fine_gray(made(frame.iloc[order]), "z + arm + x", cause="relapse", **options)
    a, b = (fit.tidy().sort_values(["term", "contrast"]) for fit in (left, right))
    close(a, b)
    ours = left.residuals("score")[["x", "z"]].to_numpy()[order]
    np.testing.assert_allclose(ours, right.residuals("score")[["x", "z"]].to_numpy(), rtol=1e-6, atol=1e-6)


@given(ROWS, st.sampled_from([0.25, 365.25]))
def test_the_unit_of_time_does_not_matter(rows, factor):
    frame = table(rows)
    left = fitted(frame)
    close(left.tidy(), fine_gray(made(frame.assign(t=frame["t"] * factor)), TERMS, cause="relapse").tidy())


@given(ROWS, st.integers(0, 2**16))
def test_times_that_differ_by_rounding_are_tied(rows, seed):
    frame = table(rows).assign(t=lambda d: d["t"] + 1)
    noise = np.random.default_rng(seed).choice([-1e-12, 0.0, 1e-12], len(frame))
    left = fitted(frame)
    close(left.tidy(), fine_gray(made(frame.assign(t=frame["t"] + noise)), TERMS, cause="relapse").tidy())


@given(ROWS, st.booleans())
def test_weights_count_patients(rows, strata):
    frame = table(rows)
    options = {"censoring_strata": "arm"} if strata else {}
    left = fitted(frame, weights="w", **options)
    copies = frame.loc[frame.index.repeat(frame["w"].astype(int))]
    right = fine_gray(made(copies), TERMS, cause="relapse", **options)
    close(left.tidy(), right.tidy(), ("n", "estimate", "std_error"))
    at = [1.0, float(frame["t"].max())]
    close(left.predict(frame.head(2), at), right.predict(frame.head(2), at), ("estimate", "std_error"))
    # as clusters the copies of a patient are one
    names = {"cluster": "patient", **options}
    one = fine_gray(made(frame.assign(patient=frame.index), weights="w"), TERMS, cause="relapse", **names)
    many = fine_gray(made(copies.assign(patient=copies.index)), TERMS, cause="relapse", **names)
    close(one.tidy(), many.tidy())


@given(ROWS)
def test_each_patient_a_cluster_is_no_cluster(rows):
    frame = table(rows).assign(patient=lambda d: d.index)
    close(fitted(frame).tidy(), fine_gray(made(frame), TERMS, cause="relapse", cluster="patient").tidy())


@given(ROWS)
def test_who_has_a_missing_term_or_stratum_is_as_if_absent(rows):
    frame = table(rows).assign(site=lambda d: np.where(d["w"] > 1, "north", "south"))
    left = fitted(frame, censoring_strata="site")
    more = [frame, frame.head(3).assign(x=np.nan), frame.head(2).assign(site=None)]
    right = fine_gray(made(pd.concat(more, ignore_index=True)), TERMS, cause="relapse", censoring_strata="site")
    close(left.tidy(), right.tidy(), ("n", "n_event", "estimate", "std_error"))
    assert right.glance()["n_excluded"].tolist() == [5]


@given(ROWS)
def test_names_of_the_competing_causes_do_not_matter(rows):
    frame = table(rows)
    split = frame.assign(s=np.where((frame["s"] == 2) & (frame["w"] > 1), 3, frame["s"]))
    three = endpoint_from_columns(split, time="t", status="s", causes={3: "late death", 2: "death", 1: "relapse"})
    close(fitted(frame).tidy(), fine_gray(three, TERMS, cause="relapse").tidy())


@given(ROWS)
def test_predictions_rise_and_stay_within_their_limits(rows):
    frame = table(rows)
    fit = fitted(frame)
    times = np.linspace(0, frame["t"].max(), 6)
    out = fit.predict(frame.head(4), times)
    known = out["low"].notna()
    assert (out["low"][known] <= out["estimate"][known] + 1e-15).all()
    assert (out["estimate"][known] <= out["high"][known] + 1e-15).all()
    assert ((out["estimate"] >= 0) & (out["estimate"] <= 1)).all()
    assert (out.groupby("row")["estimate"].diff().dropna() >= 0).all()


@given(ROWS)
def test_asking_twice_gives_the_same(rows):
    frame = table(rows)
    kept = frame.copy()
    fit = fitted(frame)
    first = fit.tidy()
    first.loc[:, "estimate"] = -1.0
    frame.loc[:, "arm"] = "z"
    pd.testing.assert_frame_equal(fit.tidy(), fine_gray(made(kept), TERMS, cause="relapse").tidy())
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    fine_gray(made(kept), TERMS, cause="relapse")
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
