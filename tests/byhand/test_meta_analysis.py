"""Random effects on paper, and estimates that cannot be pooled."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.random_effects import (
    BETWEEN,
    paule_mandel,
    restricted_likelihood,
    restricted_maximum,
    restricted_score,
    weighted_mean,
)


def studies(y: list[float], s: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"cohort_id": [f"cohort {k}" for k in range(len(y))], "estimate": y, "std_error": s})


@pytest.mark.parametrize("method", ["reml", "dl", "pm"])
def test_three_studies_of_one_size(method: str) -> None:
    """y = 0, 1, 2 with v = 1/4: w = 4, mean 1, Q = 4 (1 + 0 + 1) = 8 on 2 degrees of freedom.

    Moments: (8 - 2) / (12 - 48 / 12) = 3/4. Paule-Mandel: 2 / (1/4 + t) = 2, t = 3/4. Restricted likelihood with equal v:
    the sample variance 1 less 1/4. I^2 = (8 - 2) / 8 = 3/4. Then w = 1: variance of the mean 1/3, and Hartung-Knapp's the
    same, (1 + 0 + 1) / 2 / 3. t_2 at 0.975 is 4.302653, t_1 12.706205.
    """
    pooled = iko.meta_analysis(studies([2.0, 0.0, 1.0], [0.5] * 3), method=method)
    glance = pooled.glance().iloc[0]
    assert glance[["n_studies", "statistic", "df"]].tolist() == [3, 8.0, 2.0]
    assert glance["p_value"] == pytest.approx(np.exp(-4.0), rel=1e-12)  # chi-squared of 2 df: exp(-Q/2)
    np.testing.assert_allclose(glance[["between_variance", "i2"]].astype(float), 0.75, rtol=1e-12)
    table = pooled.tidy().set_index("term")
    assert table.loc["study", "weight"].tolist() == pytest.approx([1 / 3] * 3, rel=1e-12)
    row = table.loc["pooled"]
    assert row["estimate"] == pytest.approx(1.0, rel=1e-12)
    assert row["std_error"] == pytest.approx(np.sqrt(1 / 3), rel=1e-12)
    assert row["high"] == pytest.approx(1 + 4.302652729749462 * np.sqrt(1 / 3), rel=1e-12)
    new = table.loc["prediction"]
    assert new["std_error"] == pytest.approx(np.sqrt(1 / 3 + 3 / 4), rel=1e-12)
    assert new["low"] == pytest.approx(1 - 12.706204736174694 * np.sqrt(13 / 12), rel=1e-12)
    assert row["note"] == ""
    assert new["note"] == ""


def test_moments_of_two_studies_as_fractions() -> None:
    """y = 0, 3; v = 1, 2: w = 1, 1/2, mean 1, Q = 1 + 2 = 3; t = (3 - 1) / (3/2 - (5/4) / (3/2)) = 2 / (2/3) = 3."""
    w = [Fraction(1), Fraction(1, 2)]
    share = sum(w) - (w[0] ** 2 + w[1] ** 2) / sum(w)
    assert (Fraction(3) - 1) / share == 3
    pooled = iko.meta_analysis(studies([0.0, 3.0], [1.0, np.sqrt(2.0)]), method="dl", interval="wald")
    assert pooled.between == pytest.approx(3.0, rel=1e-12)
    # w = 1/4, 1/5: mean (3/5) / (9/20) = 4/3, variance 20/9
    row = pooled.tidy().set_index("term").loc["pooled"]
    assert row["estimate"] == pytest.approx(4 / 3, rel=1e-12)
    assert row["std_error"] == pytest.approx(np.sqrt(20 / 9), rel=1e-12)
    assert np.isnan(row["df"])
    assert row["p_value"] == pytest.approx(0.3710933695, rel=1e-8)  # 2 (1 - Phi(sqrt(0.8)))


def test_two_studies_predict_nothing() -> None:
    pooled = iko.meta_analysis(studies([0.0, 3.0], [1.0, 1.0]))
    new = pooled.tidy().set_index("term").loc["prediction"]
    assert np.isnan([new["low"], new["high"], new["df"]]).all()
    assert "three studies" in new["note"]
    assert "three studies" in pooled.glance()["note"].iloc[0]


def test_studies_that_agree_too_well_are_said_to() -> None:
    pooled = iko.meta_analysis(studies([0.5, 0.51, 0.49], [0.3, 0.2, 0.4]))
    assert pooled.between == 0.0
    assert pooled.std_error < pooled.wald_error
    assert "smaller than Wald's" in pooled.note
    # the prediction does not shrink with them
    assert pooled.predictive_error == pooled.wald_error
    assert iko.meta_analysis(studies([0.5, 0.51, 0.49], [0.3, 0.2, 0.4]), interval="wald").note == ""


def test_the_restricted_score_is_the_derivative() -> None:
    rng = np.random.default_rng(4)
    y, v = rng.normal(size=6), rng.uniform(0.05, 0.5, 6)
    for t in (0.01, 0.3, 2.0):
        slope = (restricted_likelihood(y, v, t + 1e-6) - restricted_likelihood(y, v, t - 1e-6)) / 2e-6
        assert restricted_score(y, v, np.array([t]))[0] == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_of_two_peaks_the_higher_is_taken() -> None:
    """Two large studies that differ a little and two small ones that differ much: the likelihood has two peaks."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        v = 10.0 ** rng.uniform(-4, 1, 4)
        y = rng.normal(0, np.sqrt(v + rng.choice([0.0, 0.01, 1.0])))
        best = restricted_maximum(y, v)
        grid = np.concatenate(([0.0], np.geomspace(1e-7, 100, 2000)))
        assert restricted_likelihood(y, v, best) >= max(restricted_likelihood(y, v, t) for t in grid) - 1e-9


def test_paule_and_mandel_give_q_its_expectation() -> None:
    y, v = np.array([0.1, 2.0, -1.0, 0.4]), np.array([0.2, 0.1, 0.3, 0.05])
    assert weighted_mean(y, v, paule_mandel(y, v)).q == pytest.approx(3.0, rel=1e-12)


@pytest.mark.parametrize("method", sorted(BETWEEN))
def test_another_unit_is_the_same_result(method: str) -> None:
    y, s = np.array([0.1, 2.0, -1.0, 0.4]), np.array([0.4, 0.3, 0.5, 0.2])
    one = iko.meta_analysis(studies(list(y), list(s)), method=method)
    order = [2, 0, 3, 1]
    other = iko.meta_analysis(studies(list(5 - 10 * y[order]), list(10 * s[order])), method=method, scale="log odds ratio")
    assert other.mean == pytest.approx(5 - 10 * one.mean, rel=1e-9)
    assert other.between == pytest.approx(100 * one.between, rel=1e-8)
    assert other.std_error == pytest.approx(10 * one.std_error, rel=1e-8)


def test_ratios_keep_their_error_on_the_log_scale() -> None:
    pooled = iko.meta_analysis(studies([0.0, 1.0, 2.0], [0.5] * 3))
    log, ratio = pooled.tidy(), pooled.tidy(exponentiate=True)
    np.testing.assert_allclose(ratio[["estimate", "low", "high"]], np.exp(log[["estimate", "low", "high"]]))
    assert set(ratio["scale"]) == {"hazard ratio"}
    np.testing.assert_array_equal(ratio["std_error"], log["std_error"])
    with pytest.raises(iko.InputError, match="only a logarithm"):
        iko.meta_analysis(studies([0.0, 1.0], [0.5] * 2), scale="probability").tidy(exponentiate=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"estimate": [0.1, np.nan, 0.3]}, "no numbers; row 2"),
        ({"std_error": [0.1, 0.2, 0.0]}, "above 0; row 3"),
        ({"std_error": [np.inf, 0.2, 0.1]}, "above 0; row 1"),
        ({"cohort_id": ["DFCI", "BFM", "DFCI "]}, "several estimates are of one cohort; rows 1, 3; 2 in all. Keep one"),
        ({"cohort_id": ["DFCI", None, ""]}, "of no cohort that it is theirs; rows 2, 3"),
    ],
)
def test_rows_that_cannot_be_pooled_are_named(change: dict, words: str) -> None:
    table = studies([0.1, 0.2, 0.3], [0.1, 0.1, 0.1]).assign(**change)
    with pytest.raises(iko.InputError) as error:
        iko.meta_analysis(table)
    assert words in str(error.value)
    assert "DFCI" not in str(error.value)


def test_other_things_that_are_refused() -> None:
    table = studies([0.1, 0.2, 0.3], [0.1, 0.1, 0.1])
    with pytest.raises(iko.InputError, match="nothing to pool"):
        iko.meta_analysis(table.head(1))
    with pytest.raises(iko.ColumnError, match="'se'"):
        iko.meta_analysis(table, std_error="se")
    with pytest.raises(iko.ColumnError, match="no table"):
        iko.meta_analysis([0.1, 0.2])  # type: ignore[arg-type]
    for wrong in ({"method": "eb"}, {"interval": "t"}):
        with pytest.raises(iko.InputError, match="no such method"):
            iko.meta_analysis(table, **wrong)
    with pytest.raises(iko.InputError, match="conf_level"):
        iko.meta_analysis(table, conf_level=95)
