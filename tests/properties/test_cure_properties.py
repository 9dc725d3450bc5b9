"""What holds for any parametric model, any mixture cure model and any test of sufficient follow-up."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ikzf1_outcomes import ConvergenceError, InputError, endpoint_from_columns
from ikzf1_outcomes.kernels.cure import cure_likelihood, lay_out_cure, maximise_cure, starts
from ikzf1_outcomes.kernels.location_scale import FAMILIES, Followed, family_likelihood
from ikzf1_outcomes.models.cured_fraction import mixture_cure
from ikzf1_outcomes.models.parametric_families import parametric
from ikzf1_outcomes.models.plateau import sufficient_follow_up

CAUSES = {1: "relapse", 2: "death"}
SEED = st.integers(0, 2**16)
FAMILY = st.sampled_from(sorted(FAMILIES))
LATENCY = st.sampled_from(["weibull", "piecewise"])
ROW = st.tuples(
    st.integers(1, 24).map(lambda k: k / 4),
    st.integers(0, 2),
    st.sampled_from("ab"),
    st.integers(-4, 4).map(float),
    st.integers(0, 3).map(lambda k: k / 4),
    st.integers(1, 3).map(float),
)
ROWS = st.lists(ROW, min_size=12, max_size=30)
FEW = 8
"""Examples where each takes several fits."""
VALUES = ["estimate", "std_error", "low", "high"]


def table(rows):
    frame = pd.DataFrame(rows, columns=["t", "s", "arm", "x", "share", "w"])
    return frame.assign(x=frame["x"] + frame.index / 50, entry=frame["t"] * frame["share"])


def made(frame, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **options)


def patients(seed, n=160, *, late=False):
    """Patients of whom about half are cured; the others fail long before follow-up ends."""
    rng = np.random.default_rng(seed)
    arm, x = rng.integers(0, 2, n), rng.normal(size=n)
    cured = rng.uniform(size=n) < 1 / (1 + np.exp(0.6 * arm - 0.4))
    time = (rng.exponential(size=n) * np.exp(-0.5 * x)) ** 0.7
    end = rng.uniform(4, 8, n)
    frame = pd.DataFrame({"t": np.where(cured, end, np.minimum(time, end)) + 0.01, "arm": np.where(arm, "b", "a"), "x": x})
    frame["s"] = np.where(cured | (time > end), 0, rng.integers(1, 3, n))
    frame["entry"] = np.where(rng.uniform(size=n) < 0.3 * late, frame["t"] * rng.uniform(0.1, 0.8, n), 0.0)
    return frame.assign(w=rng.integers(1, 3, n).astype(float))


def fitted(frame, terms=("x",), *, family="weibull", **options):
    try:
        return parametric(made(frame, **options), list(terms), family=family)
    except (ConvergenceError, InputError):
        assume(False)


def cure(frame, latency, made_with=None, **options):
    try:
        return mixture_cure(made(frame, **(made_with or {})), "x", cured_terms="arm", latency=latency, **options)
    except (ConvergenceError, InputError):
        assume(False)


def numerical(evaluate, theta, h=1e-6):
    up, down = ([evaluate(theta + side * h * e) for e in np.eye(len(theta))] for side in (1, -1))
    score = [(a[0] - b[0]) / (2 * h) for a, b in zip(up, down, strict=True)]
    return np.array(score), np.array([(b[1] - a[1]) / (2 * h) for a, b in zip(up, down, strict=True)])


def agree_with_derivatives(evaluate, theta):
    _, score, information = evaluate(theta)
    by_score, by_information = numerical(evaluate, theta)
    np.testing.assert_allclose(score, by_score, rtol=1e-4, atol=1e-4 * (1 + np.abs(score).max()))
    np.testing.assert_allclose(information, by_information, rtol=1e-4, atol=1e-5 * (1 + np.abs(information).max()))
    np.testing.assert_allclose(information, information.T, rtol=1e-10, atol=1e-10)


@given(ROWS, FAMILY, SEED)
def test_score_and_information_of_a_family_are_derivatives(rows, name, seed):
    frame = table(rows)
    t, x, w, entry = (frame[c].to_numpy(dtype=float) for c in ("t", "x", "w", "entry"))
    late, ones = entry > 0, np.column_stack((np.ones(len(t)), x))
    rows = Followed(np.log(t), frame["s"].to_numpy() > 0, w, ones, late, np.log(entry[late]))
    scaled = name != "exponential"
    theta = np.random.default_rng(seed).normal(size=2 + scaled) * [1.0, 0.3, 0.3][: 2 + scaled]
    agree_with_derivatives(family_likelihood(FAMILIES[name], rows, scaled=scaled), theta)


@given(ROWS, LATENCY, st.booleans(), SEED)
def test_score_and_information_of_a_cure_model_are_derivatives(rows, latency, cured, seed):
    frame = table(rows)
    t, x, w, entry = (frame[c].to_numpy(dtype=float) for c in ("t", "x", "w", "entry"))
    cuts = None if latency == "weibull" else np.array([1.0, 3.0])
    z = (frame["arm"] == "b").to_numpy(dtype=float)[:, None]
    rows = lay_out_cure(t, entry, frame["s"].to_numpy() > 0, w, z, x[:, None], cuts)
    size = 2 * cured + 1 + rows.end.size
    agree_with_derivatives(cure_likelihood(rows, cured=cured), np.random.default_rng(seed).normal(size=size) * 0.4)


@settings(max_examples=FEW)
@given(ROWS, FAMILY)
def test_a_parametric_fit_is_a_maximum(rows, family):
    frame = table(rows)
    fit = fitted(frame, ("arm", "x"), family=family, entry="entry", weights="w")
    assume(not fit.limit.notes)
    tidy, glance = fit.tidy(), fit.glance().iloc[0]
    known = tidy["note"] == ""
    assert np.isfinite(tidy.loc[known, VALUES]).all(axis=None)
    assert (tidy.loc[known, "low"] <= tidy.loc[known, "estimate"]).all()
    assert glance["log_likelihood"] >= glance["log_likelihood_null"] - 1e-9
    assert (np.linalg.eigvalsh(fit.covariance) > 0).all()
    table_ = fit.predict(frame, [0.0, 1.0, 3.0, 50.0])
    survival = table_["estimate"].to_numpy().reshape(-1, 4)
    assert (survival[:, 0] == 1).all()
    assert (np.diff(survival, axis=1) <= 0).all()
    inside = table_["low"].notna()
    assert (table_["low"] <= table_["estimate"])[inside].all()
    assert (table_["estimate"] <= table_["high"])[inside].all()


@settings(max_examples=FEW)
@given(ROWS, FAMILY, st.sampled_from([0.01, 365.25]), st.sampled_from([1e-3, 50.0]))
def test_units_of_times_and_covariates_do_not_matter(rows, family, unit, other):
    frame = table(rows)
    left = fitted(frame, family=family, entry="entry")
    scaled = frame.assign(t=frame["t"] * unit, entry=frame["entry"] * unit, x=frame["x"] * other + 7)
    right = fitted(scaled, family=family, entry="entry")
    a, b = left.tidy().iloc[1:], right.tidy().iloc[1:]
    scale = np.where(a["term"] == "x", other, 1.0)
    for name in ("estimate", "std_error"):
        np.testing.assert_allclose(a[name], b[name] * scale, rtol=1e-5, atol=1e-6)
    new = frame.iloc[:3]
    one = left.predict(new, [1.0, 2.0])
    two = right.predict(scaled.iloc[:3], [unit, 2 * unit])
    np.testing.assert_allclose(one[VALUES], two[VALUES], rtol=1e-5, atol=1e-6)


@settings(max_examples=FEW)
@given(ROWS, FAMILY, st.randoms())
def test_order_weights_and_duplicates(rows, family, random):
    frame = table(rows)
    left = fitted(frame, family=family, weights="w", entry="entry")
    order = list(range(len(frame)))
    random.shuffle(order)
    twice = frame.loc[frame.index.repeat(frame["w"].astype(int))].iloc[::-1]
    for right in (
        fitted(frame.iloc[order], family=family, weights="w", entry="entry"),
        fitted(twice, family=family, entry="entry"),
    ):
        np.testing.assert_allclose(left.tidy()[VALUES], right.tidy()[VALUES], rtol=1e-6, atol=1e-7)


@settings(max_examples=FEW)
@given(SEED)
def test_hazard_ratios_of_a_weibull_are_those_of_the_proportional_hazards_form(seed):
    frame = patients(seed, 60, late=True)
    fit = fitted(frame, entry="entry", weights="w")
    t, x, w, entry = (frame[c].to_numpy() for c in ("t", "x", "w", "entry"))
    rows = lay_out_cure(t, entry, frame["s"].to_numpy() > 0, w, np.empty((60, 0)), x[:, None], None)
    top, theta = maximise_cure(cure_likelihood(rows, cured=False), starts(rows, t, cured=False))
    hazards = fit.tidy(scale="hazard ratio")
    np.testing.assert_allclose(hazards["estimate"].iloc[[1, 0, 2]], theta, rtol=1e-7, atol=1e-8)
    errors = np.sqrt(np.diag(np.linalg.inv(top.information)))
    np.testing.assert_allclose(hazards["std_error"].iloc[[1, 0, 2]], errors, rtol=1e-6)
    assert fit.glance()["log_likelihood"].iloc[0] == pytest.approx(top.value, rel=1e-10)


@settings(max_examples=2 * FEW)
@given(SEED, LATENCY, st.booleans())
def test_a_cure_fit_is_a_maximum_and_its_survival_falls_to_the_cured(seed, latency, late):
    frame = patients(seed, late=late)
    fit = cure(frame, latency, {"entry": "entry", "weights": "w"})
    tidy, glance = fit.tidy(), fit.glance().iloc[0]
    known = tidy["note"] == ""
    assert np.isfinite(tidy.loc[known, VALUES]).all(axis=None)
    assert (np.linalg.eigvalsh(fit.covariance) > 0).all()
    assert glance["log_likelihood"] >= glance["log_likelihood_null"] - 1e-8
    cured = fit.cured(frame)
    assert ((cured["low"] < cured["estimate"]) & (cured["estimate"] < cured["high"])).all()
    survival = fit.predict(frame, [0.0, 1.0, 4.0, 1e5])["estimate"].to_numpy().reshape(-1, 4)
    assert (np.diff(survival, axis=1) <= 1e-12).all()
    np.testing.assert_allclose(survival[:, 0], 1)
    np.testing.assert_allclose(survival[:, 3], cured["estimate"], rtol=1e-9)
    weight = frame["w"].to_numpy()
    assert fit.cured()["estimate"].iloc[0] == pytest.approx(weight @ cured["estimate"] / weight.sum(), rel=1e-10)


@settings(max_examples=2 * FEW)
@given(SEED, LATENCY, st.sampled_from([0.01, 365.25]), st.randoms())
def test_units_order_and_weights_of_a_cure_model(seed, latency, unit, random):
    frame = patients(seed, 120, late=True)
    left = cure(frame, latency, {"entry": "entry", "weights": "w"})
    order = list(range(len(frame)))
    random.shuffle(order)
    scaled = frame.iloc[order].assign(
        t=lambda d: d["t"] * unit, entry=lambda d: d["entry"] * unit, x=lambda d: d["x"] * 3 - 2
    )
    right = cure(scaled, latency, {"entry": "entry", "weights": "w"})
    a, b = left.tidy(), right.tidy()
    shown = a["part"].eq("cured") | a["term"].eq("x") | a["term"].eq("shape")
    scale = np.where(a["term"] == "x", 3.0, 1.0)[shown]
    for name in ("estimate", "std_error"):
        np.testing.assert_allclose(a.loc[shown, name], b.loc[shown, name] * scale, rtol=1e-5, atol=1e-7)
    one = left.predict(frame.iloc[:3], [0.5, 3.0])
    two = right.predict(frame.iloc[:3].assign(x=lambda d: d["x"] * 3 - 2), [0.5 * unit, 3 * unit])
    np.testing.assert_allclose(one[VALUES], two[VALUES], rtol=1e-5, atol=1e-8)


@settings(max_examples=2 * FEW)
@given(SEED, LATENCY)
def test_swapping_the_reference_turns_the_odds_ratio(seed, latency):
    frame = patients(seed)
    left, right = (cure(frame, latency, references={"arm": level}).tidy() for level in "ab")
    one, two = (side.loc[side["contrast"].str.contains("vs"), "estimate"].iloc[0] for side in (left, right))
    assert one == pytest.approx(-two, rel=1e-6, abs=1e-8)


@given(ROWS, st.sampled_from([0.25, 365.25]))
def test_sufficient_follow_up_knows_no_unit_and_no_order(rows, unit):
    frame = table(rows)
    left = sufficient_follow_up(made(frame, weights="w"), "arm")
    right = sufficient_follow_up(made(frame.assign(t=frame["t"] * unit).iloc[::-1], weights="w"), "arm")
    same = ["group", "term", "statistic", "p_value", "note", "n", "n_event"]
    pd.testing.assert_frame_equal(left[same], right[same], rtol=1e-9)
    tests = left[left["p_value"].notna()]
    assert tests["p_value"].between(0, 1).all()
    ends = [left.loc[left["term"] == term, "estimate"].to_numpy() for term in ("last event", "last follow-up")]
    assert (ends[0] <= ends[1])[~np.isnan(ends[0])].all()
