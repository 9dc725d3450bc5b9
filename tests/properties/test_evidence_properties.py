"""What published figures and their pooling must always do."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

import ikzf1_outcomes as iko

Z = norm.ppf(0.975)
STUDY = st.tuples(st.floats(-2, 2), st.floats(0.05, 1.0))
METHODS = st.sampled_from(["reml", "dl", "pm"])


def as_table(studies: list[tuple[float, float]]) -> pd.DataFrame:
    y, s = np.transpose(studies)
    return pd.DataFrame({"cohort_id": [str(k) for k in range(len(y))], "estimate": y, "std_error": s})


@given(st.lists(STUDY, min_size=2, max_size=8), METHODS, st.sampled_from(["hartung-knapp", "wald"]))
def test_a_pooled_effect_lies_among_the_studies(studies, method, interval):
    pooled = iko.meta_analysis(as_table(studies), method=method, interval=interval)
    assert pooled.estimates.min() - 1e-12 <= pooled.mean <= pooled.estimates.max() + 1e-12
    assert pooled.between >= 0
    assert pooled.weights.sum() == np.float64(1.0) or abs(pooled.weights.sum() - 1) < 1e-12
    table = pooled.tidy()
    known = table["low"].notna()
    assert (table.loc[known, "low"] <= table.loc[known, "estimate"]).all()
    assert (table.loc[known, "estimate"] <= table.loc[known, "high"]).all()
    assert pooled.predictive_error >= max(pooled.tau, pooled.wald_error) * (1 - 1e-12)
    glance = pooled.glance().iloc[0]
    assert 0 <= glance["i2"] < 1
    assert 0 <= glance["p_value"] <= 1


@given(st.lists(STUDY, min_size=3, max_size=8), METHODS, st.floats(-3, 3), st.randoms())
def test_order_and_origin_do_not_matter(studies, method, shift, random):
    one = iko.meta_analysis(as_table(studies), method=method)
    moved = [(y + shift, s) for y, s in studies]
    random.shuffle(moved)
    other = iko.meta_analysis(as_table(moved), method=method)
    np.testing.assert_allclose(other.mean, one.mean + shift, atol=1e-6)
    np.testing.assert_allclose(other.between, one.between, atol=1e-6)


@given(st.floats(-1.5, 1.5), st.floats(0.05, 0.8), st.integers(1, 3), st.integers(1, 4))
def test_rounding_is_never_flagged(log_ratio, error, digits, p_digits):
    """Whatever a study found: its hazard ratio, Wald limits and p value, rounded, agree with each other."""
    ratio, low, high = np.exp(log_ratio + np.array([0, -Z, Z]) * error)
    p = 2 * norm.sf(abs(log_ratio) / error)
    row = {
        "hazard_ratio": f"{ratio:.{digits}f}", "ratio_low": f"{low:.{digits}f}", "ratio_high": f"{high:.{digits}f}",
        "printed_p": f"{p:.{p_digits}f}" if round(p, p_digits) > 0 else f"<{10.0**-p_digits:.{p_digits}f}",
    }  # fmt: skip
    checks = iko.check_published(pd.DataFrame([row]))
    assert checks["agrees"].fillna(True).all(), checks


@given(st.integers(20, 2000), st.floats(0.05, 0.95), st.integers(0, 1), st.floats(1.0, 2.0))
def test_a_standard_error_of_so_many_patients_is_never_flagged(n, survival, digits, censoring):
    error = 100 * np.sqrt(survival * (1 - survival) / n) * censoring
    row = {"deleted": f"{100 * survival:.{digits}f}", "deleted_error": f"{error:.{digits}f}", "n": n + 10, "n_deleted": n}
    checks = iko.check_published(pd.DataFrame([row]))
    assert checks["agrees"].fillna(True).all(), checks


@given(st.floats(0.3, 0.95), st.floats(0.05, 0.95), st.floats(0.01, 0.1), st.floats(0.01, 0.1))
def test_causes_share_the_hazard(survival, share, survival_error, incidence_error):
    arms = [survival, 0.9], [survival_error, 0.02], [share * (1 - survival), 0.06], [incidence_error, 0.02]
    rows = {cause: iko.ratio_from_curves(*arms, cause=cause).iloc[0] for cause in ("relapse", "other")}
    whole = iko.ratio_from_curves(*arms[:2], cause="any").iloc[0]
    parts = [np.exp(row["estimate"] + row["log_hazard"]) for row in rows.values()]
    np.testing.assert_allclose(sum(parts), np.exp(whole["estimate"] + whole["log_hazard"]), rtol=1e-10)
    assert all(row["std_error"] > 0 for row in rows.values())
    swapped = iko.ratio_from_curves(*[own[::-1] for own in arms], cause="relapse").iloc[0]
    np.testing.assert_allclose(swapped["estimate"], -rows["relapse"]["estimate"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(swapped["std_error"], rows["relapse"]["std_error"], rtol=1e-12)
