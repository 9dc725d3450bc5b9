"""What holds for any Fine-Gray model with effects that change with time or with delayed entry."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes import ConvergenceError, InputError, cox, endpoint_from_columns
from ikzf1_outcomes.kernels.subdistribution import fine_gray_likelihood, lay_out, risk_sets
from ikzf1_outcomes.kernels.subdistribution_influence import score_residuals
from ikzf1_outcomes.kernels.subdistribution_weights import covering
from ikzf1_outcomes.models.assumptions import proportional_hazards_test
from ikzf1_outcomes.models.subdistribution import fine_gray

CAUSES = {1: "relapse", 2: "death"}
ROW = st.tuples(
    st.integers(1, 12).map(lambda k: k / 2),
    st.integers(0, 2),
    st.sampled_from("ab"),
    st.integers(-4, 4).map(float),
    st.integers(1, 3).map(float),
    st.integers(-6, 8).map(lambda k: max(k, 0) / 2),
)
ROWS = st.lists(ROW, min_size=20, max_size=40)
TERMS = ["arm", "x"]


def table(rows):
    """Entries before the end of their rows; x without ties of patterns."""
    frame = pd.DataFrame(rows, columns=["t", "s", "arm", "x", "w", "entry"])
    return frame.assign(entry=np.minimum(frame["entry"], frame["t"] - 0.5), x=frame["x"] + frame.index / 50)


def made(frame, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **options)


def fitted(frame, terms=TERMS, weights=None, entry="entry", **options):
    """The fit, where there is a maximum, no level is without events and no weight without bound."""
    try:
        fit = fine_gray(made(frame, weights=weights, entry=entry), terms, cause="relapse", **options)
    except (ConvergenceError, InputError):
        assume(False)
    assume(not fit.limit.notes)
    assume(np.abs(fit.tidy()["estimate"]).max() < 8)
    return fit


def close(left, right, names=("estimate", "std_error"), rtol=1e-6):
    for name in names:
        np.testing.assert_allclose(left[name], right[name], rtol=rtol, atol=1e-7, err_msg=name)


def laid(frame, strata, entry, fixed=None):
    e = made(frame, weights="w", entry=entry)
    codes = pd.factorize(frame["arm"])[0] if strata else np.zeros(len(frame), dtype=int)
    x = np.column_stack((frame["x"], frame["arm"] == "a", frame["x"])).astype(float)
    path = np.column_stack((np.ones(len(e.rows.times)), np.sqrt(e.rows.times), e.rows.times > 3)).astype(float)
    return lay_out(e.rows, e.cause, e.case_weights, np.ones(len(e), dtype=bool), codes, x, path=path, fixed=fixed)


@given(ROWS, st.booleans(), st.sampled_from([None, "entry"]))
def test_score_and_information_are_derivatives_and_the_rows_add_up_to_the_score(rows, strata, entry):
    frame = table(rows)
    assume((frame["s"] == 1).any())
    laid_out = laid(frame, strata, entry)
    assume(not len(laid_out.censoring.unbounded))
    evaluate, beta, h = fine_gray_likelihood(laid_out), np.array([0.2, -0.4, 0.3]), 1e-5
    _, score, information = evaluate(beta)
    assert (np.linalg.eigvalsh(information) >= -1e-8).all()
    for j in range(3):
        step = np.eye(3)[j] * h
        up, down = evaluate(beta + step), evaluate(beta - step)
        np.testing.assert_allclose((up[0] - down[0]) / (2 * h), score[j], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose((down[1] - up[1]) / (2 * h), information[j], rtol=1e-5, atol=1e-5)
    sets = risk_sets(laid_out, beta)
    for of_weights in (False, True):
        residuals = score_residuals(laid_out, sets, of_weights=of_weights)
        np.testing.assert_allclose(laid_out.weight @ residuals, score, rtol=1e-8, atol=1e-8)


@given(ROWS, st.booleans(), st.sampled_from([None, "entry"]))
def test_patterns_do_not_matter_where_the_changing_coefficients_are_0(rows, strata, entry):
    """The same sums by one pattern a stratum and by one a patient."""
    frame = table(rows)
    assume((frame["s"] == 1).any())
    beta = np.array([0.3, 0.0, 0.0])
    many, few = (laid(frame, strata, entry, fixed) for fixed in (None, np.array([False, True, True])))
    assume(not len(many.censoring.unbounded))
    for left, right in zip(fine_gray_likelihood(many)(beta), fine_gray_likelihood(few)(beta), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)
    left, right = (score_residuals(one, risk_sets(one, beta)) for one in (many, few))
    np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-9)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 5)), max_size=30))
def test_covering_sums(intervals):
    begin, end, value = (
        np.array(part, dtype=np.int64) for part in (zip(*intervals, strict=True) if intervals else [[]] * 3)
    )
    expected = [sum(v for b, e, v in intervals if b <= j < e) for j in range(9)]
    if len(end):
        end = np.maximum(begin, end)
    np.testing.assert_array_equal(covering(begin, end, value[:, None].astype(float), 9)[:, 0], expected)


@given(ROWS, st.booleans())
def test_weights_count_patients(rows, strata):
    frame = table(rows)
    options = {"censoring_strata": "arm"} if strata else {}
    left = fitted(frame, weights="w", **options)
    copies = frame.loc[frame.index.repeat(frame["w"].astype(int))]
    right = fine_gray(made(copies, entry="entry"), TERMS, cause="relapse", **options)
    close(left.tidy(), right.tidy())
    at = [1.0, float(frame["t"].max())]
    close(left.predict(frame.head(2), at), right.predict(frame.head(2), at))


@given(ROWS, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, random):
    frame = table(rows)
    options = {"time_effects": {"x": "linear"}}
    left = fitted(frame, **options)
    order = list(range(len(frame)))
    random.shuffle(order)
    right = fine_gray(made(frame.iloc[order], entry="entry"), TERMS, cause="relapse", **options)
    close(left.tidy(), right.tidy())
    close(proportional_hazards_test(left).tidy(), proportional_hazards_test(right).tidy(), ("statistic",), rtol=1e-5)


@given(ROWS)
def test_each_patient_a_cluster_is_no_cluster(rows):
    frame = table(rows).assign(patient=lambda d: d.index)
    options = {"time_effects": {"x": 2.0}}
    left, right = (fitted(frame, **options, **more) for more in ({}, {"cluster": "patient"}))
    close(left.tidy(), right.tidy())
    close(proportional_hazards_test(left).tidy(), proportional_hazards_test(right).tidy(), ("statistic",), rtol=1e-5)


@given(ROWS)
def test_without_competing_events_it_is_coxs_model_with_its_robust_error(rows):
    frame = table(rows).assign(s=lambda d: (d["s"] == 1).astype(int))
    fit = fitted(frame)
    other = cox(made(frame, entry="entry"), TERMS, cause="relapse", ties="breslow", robust=True)
    close(fit.tidy(), other.tidy())


@given(ROWS, st.sampled_from([0.25, 365.25]))
def test_the_unit_of_time_is_the_unit_of_the_change(rows, factor):
    frame = table(rows)
    left = fitted(frame, time_effects={"x": "linear"})
    other = frame.assign(t=frame["t"] * factor, entry=frame["entry"] * factor)
    right = fine_gray(made(other, entry="entry"), TERMS, cause="relapse", time_effects={"x": "linear"})
    scale = np.where(left.tidy()["term"] == "x:linear(time)", factor, 1.0)
    close(left.tidy(), right.tidy().assign(**{k: lambda d, k=k: d[k] * scale for k in ("estimate", "std_error")}))
    at = np.array([1.0, 3.0])
    close(left.predict(frame.head(2), at), right.predict(frame.head(2), at * factor), rtol=1e-5)


@given(ROWS, st.sampled_from([1e-3, 1e4]), st.sampled_from([-50.0, 3.0]))
def test_zero_and_unit_of_a_covariate_do_not_matter(rows, unit, shift):
    frame = table(rows)
    left = fitted(frame, entry=None, time_effects={"x": "sqrt"})
    moved = frame.assign(x=frame["x"] * unit + shift * unit)
    right = fine_gray(made(moved), TERMS, cause="relapse", time_effects={"x": "sqrt"})
    scale = np.where(left.tidy()["term"].str.startswith("x"), unit, 1.0)
    close(left.tidy(), right.tidy().assign(**{k: lambda d, k=k: d[k] * scale for k in ("estimate", "std_error")}))
    close(left.predict(frame.head(3), [2.0, 4.0]), right.predict(moved.head(3), [2.0, 4.0]), rtol=1e-5)
    left, right = (proportional_hazards_test(fit, "rank").tidy() for fit in (left, right))
    close(left, right, ("statistic",), rtol=1e-4)


@given(ROWS)
def test_an_entry_before_every_end_is_no_entry(rows):
    frame = table(rows).assign(entry=lambda d: np.minimum(d["entry"], 0.25))
    close(fitted(frame).tidy(), fitted(frame, entry=None).tidy())


@given(ROWS)
def test_predictions_rise_and_stay_within_their_limits(rows):
    frame = table(rows)
    out = fitted(frame, time_effects={"arm": 2.0, "x": "log"}).predict(frame.head(4), np.linspace(0, frame["t"].max(), 6))
    known = out["low"].notna()
    assert (out["low"][known] <= out["estimate"][known] + 1e-15).all()
    assert (out["estimate"][known] <= out["high"][known] + 1e-15).all()
    assert ((out["estimate"] >= 0) & (out["estimate"] <= 1)).all()
    assert (out.groupby("row")["estimate"].diff().dropna() >= 0).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_score_test_is_walds_of_an_effect_that_changes_where_patients_are_many(seed):
    """A change that is there, small beside the number of patients: both statistics are about 10."""
    rng, n = np.random.default_rng(seed), 6000
    x = rng.integers(0, 2, n).astype(float)
    times = np.column_stack([rng.weibull(1 + 0.12 * x), rng.exponential(2.0, n), rng.uniform(0.5, 3, n)])
    frame = pd.DataFrame({"t": times.min(axis=1), "s": np.array([1, 2, 0])[times.argmin(axis=1)], "x": x})
    score = proportional_hazards_test(fine_gray(made(frame), "x", cause="relapse"), "log").tidy()["statistic"].iloc[0]
    wald = fine_gray(made(frame), "x", cause="relapse", time_effects={"x": "log"}).tidy()["statistic"].iloc[-1] ** 2
    assert score > 4
    assert score == pytest.approx(wald, rel=0.1)
