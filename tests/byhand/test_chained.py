"""Imputation by chained equations: models, limits, predictors and rules whose answers follow on paper."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import f as f_distribution
from scipy.stats import norm
from statsmodels.miscmodels.ordinal_model import OrderedModel

from ikzf1_outcomes import InputError, cox, endpoint_from_columns, landmark
from ikzf1_outcomes.endpoint import make_endpoint
from ikzf1_outcomes.impute.chained import impute_missing
from ikzf1_outcomes.impute.conditional_models import (
    NormalPrediction,
    category_chances,
    linear_prediction,
    matched,
    ordered_chances,
    ordered_likelihood,
    truncated_normal,
)
from ikzf1_outcomes.impute.imputed_fits import complete_and_imputed
from ikzf1_outcomes.impute.incomplete_columns import read_column
from ikzf1_outcomes.impute.pooled_tests import d1_test, denominator, pooled_wald
from ikzf1_outcomes.impute.pooling import rubin
from ikzf1_outcomes.impute.predictors import encoded, outcome_columns, predictors
from ikzf1_outcomes.impute.substantive import outcome_model
from ikzf1_outcomes.kernels.partial import newton

CAUSES = {1: "relapse", 2: "death"}


def made(frame, **options):
    return endpoint_from_columns(pd.DataFrame(frame), time="t", status="s", causes=CAUSES, **options)


def censored(**columns):
    """Nobody has an event, so that the outcome predicts nothing."""
    n = len(next(iter(columns.values())))
    return made({"t": np.arange(1.0, n + 1), "s": 0, **columns})


# --- conditional models ----------------------------------------------------------------------------------------------

LINE_X, LINE_Y, NEW = np.array([0.0, 1, 2, 3, 4, 5, 6, 7]), np.array([1.0, 0, 3, 2, 5, 3, 6, 8]), 10.0


def line_posterior():
    """y = b0 + b1 x by the normal equations; the posterior predictive at `NEW` is Student's with n - 2 = 6 df."""
    n, middle = len(LINE_X), LINE_X.mean()
    sxx = ((LINE_X - middle) ** 2).sum()
    slope = ((LINE_X - middle) * LINE_Y).sum() / sxx
    mean = LINE_Y.mean() + slope * (NEW - middle)
    rest = LINE_Y - LINE_Y.mean() - slope * (LINE_X - middle)
    s2 = (rest**2).sum() / (n - 2)
    # a Student variable with 6 df has variance 6 / 4
    return mean, s2 * (1 + 1 / n + (NEW - middle) ** 2 / sxx) * 6 / 4


def test_a_number_is_drawn_from_its_posterior_predictive():
    y, z = np.append(LINE_Y, np.nan), np.append(LINE_X, NEW)
    imputations = impute_missing(censored(y=y, z=z), ["y", "z"], draws=4000, cycles=1, seed=4)
    drawn = np.array([values["y"][0] for values in imputations.values])
    mean, variance = line_posterior()
    # standard error of the mean sqrt(variance / 4000); of a variance (excess kurtosis 6 / (6 - 4) = 3) sqrt(5 / 4000)
    assert drawn.mean() == pytest.approx(mean, abs=4 * math.sqrt(variance / 4000))
    assert drawn.var() == pytest.approx(variance, rel=4 * math.sqrt(5 / 4000))


def test_parameters_of_the_line_are_drawn_about_least_squares():
    rng = np.random.default_rng(2)
    found = [linear_prediction(LINE_Y, LINE_X[:, None], np.array([[NEW]]), rng) for _ in range(3000)]
    mean, variance = line_posterior()
    s2_term = variance / 1.5
    rest = (found[0].fitted - LINE_Y) ** 2
    s2 = rest.sum() / 6
    # without the residual of the new value itself
    assert np.mean([f.mean[0] for f in found]) == pytest.approx(mean, abs=4 * math.sqrt(variance / 3000))
    assert np.var([f.mean[0] for f in found]) == pytest.approx((s2_term - s2) * 1.5, rel=0.3)
    # 1 / sigma^2 has mean 1 / s^2
    assert np.mean([f.sd**-2 for f in found]) == pytest.approx(1 / s2, rel=4 * math.sqrt(2 / 6 / 3000))


def test_matching_takes_one_of_the_five_nearest():
    fitted = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    y = 100 * fitted
    rng = np.random.default_rng(1)
    found = NormalPrediction(np.tile([-3.0, 4.2, 40.0], 2000), 1.0, fitted)
    drawn = matched(y, found, rng).reshape(2000, 3)
    for column, donors in zip(drawn.T, ([0, 1, 2, 3, 4], [2, 3, 4, 5, 6], [5, 6, 7, 8, 9]), strict=True):
        values, counts = np.unique(column, return_counts=True)
        assert values.tolist() == [100 * d for d in donors]
        # a fifth each: standard error 0.9 %
        assert np.abs(counts / 2000 - 0.2).max() < 0.036


def test_matching_draws_among_all_that_are_equally_near():
    y = np.arange(40.0)
    found = NormalPrediction(np.zeros(4000), 1.0, np.zeros(40))
    drawn = matched(y, found, np.random.default_rng(1))
    assert len(np.unique(drawn)) == 40
    assert (
        matched(np.array([3.0, 4.0]), NormalPrediction(np.zeros(9), 1.0, np.zeros(2)), np.random.default_rng(2)).size == 9
    )


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.5), (-np.inf, 0.0), (2.5, np.inf), (6.0, 7.0), (-9.0, -6.5)])
def test_moments_of_a_normal_within_limits(low, high):
    mean, sd, m = 0.3, 2.0, 100_000
    drawn = truncated_normal(np.full(m, mean), sd, np.full(m, low), np.full(m, high), np.random.default_rng(3))
    assert drawn.min() >= low
    assert drawn.max() <= high
    a, b = (low - mean) / sd, (high - mean) / sd
    mass = quad(norm.pdf, a, b)[0]
    expected = mean + sd * (norm.pdf(a) - norm.pdf(b)) / mass
    assert drawn.mean() == pytest.approx(expected, abs=4 * drawn.std() / math.sqrt(m))


def test_limits_far_out_and_equal_ones():
    low, high = np.array([50.0, -61.0, 2.0, 1e6, -1e200]), np.array([51.0, -60.0, 2.0, np.inf, -1e199])
    drawn = truncated_normal(np.zeros(5), 1.0, low, high, np.random.default_rng(1))
    assert ((drawn >= low) & (drawn <= high)).all()
    # beyond 50 standard deviations the excess is exponential with mean 1 / 50
    assert drawn[0] < 50.4
    assert drawn[1] > -60.4
    assert drawn[2] == 2.0
    assert drawn[3] == pytest.approx(1e6)
    assert truncated_normal(np.array([5.0]), 0.0, np.array([0.0]), np.array([3.0]), np.random.default_rng(1)) == 3.0


def test_two_by_two_chances_are_drawn_about_the_observed_odds():
    # 30 of 40 and 10 of 40: log odds log 3 and -log 3 with variance 1/30 + 1/10 each; the prior weighs next to nothing
    x = np.repeat([[-1.0], [1.0]], 40, axis=0)
    codes = np.r_[np.zeros(10), np.ones(30), np.zeros(30), np.ones(10)].astype(int)
    rng = np.random.default_rng(7)
    p = np.array([category_chances(codes, 2, x, np.array([[-1.0], [1.0]]), rng)[:, 1] for _ in range(3000)])
    odds = np.log(p / (1 - p))
    assert odds.mean(axis=0) == pytest.approx([math.log(3), -math.log(3)], abs=0.03)
    assert odds.var(axis=0) == pytest.approx([2 / 15, 2 / 15], rel=0.1)


def test_three_levels_keep_the_shares_of_a_group():
    x = np.repeat([[-1.0], [1.0]], 600, axis=0)
    codes = np.r_[np.repeat([0, 1, 2], [300, 200, 100]), np.repeat([0, 1, 2], [100, 100, 400])]
    rng = np.random.default_rng(7)
    p = np.mean([category_chances(codes, 3, x, np.array([[-1.0], [1.0]]), rng) for _ in range(400)], axis=0)
    assert p == pytest.approx(np.array([[3, 2, 1], [1, 1, 4]]) / 6, abs=0.004)


@pytest.mark.parametrize("chances", [category_chances, ordered_chances])
def test_perfect_prediction_stays_finite(chances):
    x = np.linspace(-1.7, 1.7, 30)[:, None]
    codes = np.repeat([0, 1, 2], 10)
    p = chances(codes, 3, x, np.array([[-1.7], [0.0], [1.7]]), np.random.default_rng(1))
    assert np.isfinite(p).all()
    assert p.sum(axis=1) == pytest.approx([1, 1, 1])
    many = [
        chances(codes, 3, x, np.array([[-1.7], [0.0], [1.7]]), np.random.default_rng(k)).argmax(axis=1) for k in range(50)
    ]
    # where the levels are apart, most draws must know it
    assert (np.mean(np.array(many) == [0, 1, 2], axis=0) > 0.7).all()


def test_proportional_odds_by_one_row():
    # one row with x = 2 in the middle of three levels: P = expit(1 - 2b) - expit(-1 - 2b)
    like = ordered_likelihood(np.array([1]), 3, np.array([[2.0]]), np.array([-1.0, 1.0]))
    for b in (-0.4, 0.0, 0.7):
        value, score, information = like(np.array([b, 0.0, 0.0]))
        chance = expit(1 - 2 * b) - expit(-1 - 2 * b)
        assert value == pytest.approx(math.log(chance))
        step = 1e-5
        for place in range(3):
            moved = np.zeros(3)
            moved[place] = step
            up, down = like(np.array([b, 0, 0]) + moved), like(np.array([b, 0, 0]) - moved)
            assert score[place] == pytest.approx((up[0] - down[0]) / (2 * step), abs=1e-8)
            assert -information[place] == pytest.approx((up[1] - down[1]) / (2 * step), abs=1e-8)


def test_proportional_odds_has_the_maximum_of_statsmodels():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 3))
    codes = np.digitize(x @ [1.0, 0.5, 0.0] + rng.logistic(size=400), [-1, 0.3, 1.5])
    theirs = OrderedModel(codes, x, distr="logit").fit(method="bfgs", disp=0, gtol=1e-8, maxiter=500).params
    start = np.array([-1.0, 0.0, 1.0])
    ours = newton(ordered_likelihood(codes, 4, x, start), 6).beta
    assert ours[:3] == pytest.approx(theirs[:3], abs=1e-6)
    # statsmodels has the first cut point and the logarithms of the steps
    assert ours[3:] + start == pytest.approx(np.cumsum(np.r_[theirs[3], np.exp(theirs[4:])]), abs=1e-6)


def test_ordered_chances_follow_the_cut_points():
    # without a slope, cut points are the logits of the cumulated shares 0.2 and 0.7
    codes = np.repeat([0, 1, 2], [200, 500, 300])
    x = np.tile([[-1.0], [1.0]], (500, 1))
    rng = np.random.default_rng(5)
    p = np.mean([ordered_chances(codes, 3, x, np.array([[0.0]]), rng)[0] for _ in range(400)], axis=0)
    assert p == pytest.approx([0.2, 0.5, 0.3], abs=0.004)


# --- predictors ------------------------------------------------------------------------------------------------------


def test_hazards_since_entry_with_ties_and_weights():
    frame = {"t": [1.0, 2, 2, 3, 4], "s": [1, 1, 2, 0, 1], "entry": [0.0, 0, 0, 1, 2], "w": [2.0, 1, 1, 1, 1]}
    e = made(frame, entry="entry", weights="w")
    # at risk: at 1 rows 1-3 (row 4 enters at 1): 2 + 1 + 1 = 4; at 2 rows 2-4: 3; at 4 row 5
    relapse = {1: 2 / 4, 2: 2 / 4 + 1 / 3, 3: 2 / 4 + 1 / 3, 4: 2 / 4 + 1 / 3 + 1}
    death = 1 / 3
    expected = [
        [1, 0, relapse[1], 0],
        [1, 0, relapse[2], death],
        [0, 1, relapse[2], death],
        [0, 0, relapse[3] - relapse[1], death],
        [1, 0, relapse[4] - relapse[2], 0],
    ]
    assert outcome_columns(e) == pytest.approx(np.array(expected))
    # a cause without events is no predictor
    assert outcome_columns(made({"t": [1.0, 2], "s": [1, 0]})).shape == (2, 2)


def test_undefined_rows_are_a_group_of_their_own():
    e = censored(mrd=[1.0, 3.0, np.nan, np.nan], skipped=[False, False, False, True])
    column = read_column(e, "mrd", None, None, "skipped")
    assert column.absent.tolist() == [False, False, True, False]
    block = encoded(column, np.array([1.0, 3.0, 5.0, np.nan]))
    assert block.tolist() == [[-2, 0], [0, 0], [2, 0], [0, 1]]


def test_interactions_enter_the_models_of_all_columns():
    a, b, c, d = (np.array([[v] for v in row]) for row in ([0.0, 1, 0, 1], [0.0, 0, 1, 1], [5.0, 1, 2, 2], [1.0, 2, 3, 5]))
    blocks, outcome = {"a": a, "b": b, "c": c}, d

    def shape(target, pairs, outcome=outcome):
        return predictors(target, blocks, outcome, pairs)

    def standard(*columns):
        x = np.column_stack(columns)
        return (x - x.mean(axis=0)) / x.std(axis=0)

    assert shape("c", []) == pytest.approx(standard(d, a, b))
    assert shape("c", [("a", "b")]) == pytest.approx(standard(d, a, b, a * b))
    assert shape("a", [("a", "b")]) == pytest.approx(standard(d, b, c, b * d))
    assert shape("b", [("a", "b")]) == pytest.approx(standard(d, a, c, a * d))
    # what does not vary is no predictor
    assert predictors("a", {"a": a, "b": np.ones((4, 1))}, outcome, []) == pytest.approx(standard(d))


# --- whole imputations -----------------------------------------------------------------------------------------------


def test_a_flag_without_predictors_keeps_its_share():
    flag = pd.Series([True] * 30 + [False] * 10 + [None] * 40, dtype="boolean")
    imputations = impute_missing(censored(flag=flag), "flag", draws=500, cycles=1, seed=1)
    shares = [values["flag"].mean() for values in imputations.values]
    # the posterior of a log odds of log 3 with variance 2/15: its mean share, by numerical integration
    expected = quad(lambda z: norm.pdf(z) * expit(math.log(3) + z * math.sqrt(2 / 15)), -8, 8)[0]
    assert np.mean(shares) == pytest.approx(expected, abs=4 * np.std(shares) / math.sqrt(500))
    assert np.var(shares) == pytest.approx(
        quad(lambda z: norm.pdf(z) * expit(math.log(3) + z * math.sqrt(2 / 15)) ** 2, -8, 8)[0] - expected**2
        + expected * (1 - expected) / 40, rel=0.3,
    )  # fmt: skip


def test_values_below_detection_have_the_tobit_maximum():
    rng = np.random.default_rng(8)
    full = rng.normal(-1.0, 1.0, 300)
    limit = -1.2
    below = full < limit
    seen = np.where(below, np.nan, full)
    frame = {"mrd": np.exp(seen), "low": 0.0, "high": np.where(below, math.exp(limit), np.nan)}
    imputations = impute_missing(
        censored(**{k: np.broadcast_to(v, 300) for k, v in frame.items()}), "mrd", draws=100, cycles=20, seed=1,
        method={"mrd": "log-normal"}, intervals={"mrd": ("low", "high")},
    )  # fmt: skip

    def minus_log_likelihood(at):
        mean, log_sd = at
        sd = math.exp(log_sd)
        return -(norm.logpdf(full[~below], mean, sd).sum() + below.sum() * norm.logcdf((limit - mean) / sd))

    tobit = minimize(minus_log_likelihood, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10}).x
    completed = [np.log(e.frame["mrd"]) for e in imputations]
    assert all((c[below] <= limit + 1e-12).all() for c in completed)
    # between data sets the mean varies by a few hundredths: a hundred of them leave less than one
    assert np.mean([c.mean() for c in completed]) == pytest.approx(tobit[0], abs=0.01)
    assert np.mean([c.std(ddof=1) for c in completed]) == pytest.approx(math.exp(tobit[1]), abs=0.015)
    row = imputations.tidy().iloc[0]
    assert row[["n_missing", "n_imputed", "n_interval", "method"]].tolist() == [
        below.sum(), below.sum(), below.sum(), "log-normal, within intervals",
    ]  # fmt: skip


def in_years(known, wbc=None, times=1):
    """Seven patients from diagnosis on, in years; or as many of each."""
    mrd = np.tile([0.1, np.nan, np.nan, 0.4, 0.2, 0.3, np.nan], times)
    frame = pd.DataFrame({"mrd": mrd + np.arange(7 * times) / 1000})
    if wbc is not None:
        frame["wbc"] = np.tile(wbc, times) + np.arange(7 * times) / 10
    time, cause = np.array([2.0, 0.1, 3.0, 4.0, 5.0, 1.0, 0.25]), np.array([1, 2, 0, 1, 0, 1, 1], dtype=np.int32)
    e = make_endpoint(frame, np.tile(time, times), np.tile(cause, times), list(CAUSES.values()), time_unit="years")
    return replace(e, start=np.zeros(7 * times), known_at={"mrd": known})


def test_a_value_that_was_never_to_be_known_stays_missing():
    imputations = impute_missing(in_years(0.25), "mrd", draws=3, cycles=2, seed=1)
    # row 2 died at 0.1 years; row 7 has its event on the very day
    assert imputations.tidy().iloc[0][["n_missing", "n_imputed", "n_undefined"]].tolist() == [3, 2, 1]
    assert "ended before it is known" in imputations.tidy().iloc[0]["note"]
    for completed in imputations:
        assert completed.frame["mrd"].isna().tolist() == [False, True, False, False, False, False, False]
        later = landmark(completed, 0.25)
        assert later.column("mrd").notna().all()
    # a date of each patient; one without it did not reach it
    known = np.array([0.2, 0.2, np.nan, 0.2, 0.2, 0.2, 0.2])
    imputations = impute_missing(in_years(known), "mrd", draws=1, cycles=1, seed=1)
    assert np.flatnonzero(imputations.columns[0].undefined).tolist() == [1, 2]
    # a mask has the last word
    assert impute_missing(in_years(0.25), "mrd", draws=1, seed=1, undefined={"mrd": np.zeros(7, dtype=bool)}).tidy()[
        "n_undefined"
    ].tolist() == [0]


def test_follow_up_after_a_landmark_ends_where_it_did():
    # entry 0.5 with start 0.5 (years from diagnosis): the end is the time itself
    frame = pd.DataFrame({"mrd": [0.1, np.nan, np.nan, 0.3, 0.2]})
    e = make_endpoint(
        frame, np.array([2.0, 0.7, 1.5, 3.0, 2.5]), np.array([1, 1, 0, 0, 1], dtype=np.int32), ["relapse"],
        entry=np.full(5, 0.5), time_unit="years",
    )  # fmt: skip
    e = replace(e, start=np.full(5, 0.5), known_at={"mrd": 1.0})
    assert read_column(e, "mrd", None, None, None).undefined.tolist() == [False, True, False, False, False]


def test_passive_columns_follow_their_ingredients():
    rng = np.random.default_rng(1)
    e = in_years(0.25, [10.0, np.nan, 60, 70, 80, 5, 20], times=6)
    imputations = impute_missing(
        e, ["mrd", "wbc"], draws=4, cycles=2, seed=rng,
        passive={"high": lambda frame: frame["wbc"] >= 50, "poor": lambda frame: frame["mrd"] > 0.2},
    )  # fmt: skip
    for completed in imputations:
        assert (completed.frame["high"] == (completed.frame["wbc"] >= 50)).all()
        # made of a value that is known later, it is known later as well; missing where that stays missing
        assert completed.frame["poor"].isna().tolist() == [False, True, False, False, False, False, False] * 6
        with pytest.raises(InputError, match="known only after follow-up"):
            completed.column("poor")
        completed.column("high")
    assert "high" not in imputations.tidy()["variable"].tolist()


def small(n=120, seed=4):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"t": rng.exponential(5, n).round(3) + 0.001, "s": rng.integers(0, 3, n), "z": rng.normal(size=n)})
    frame["w"] = frame["z"] + rng.normal(size=n)
    frame.loc[rng.random(n) < 0.3, "w"] = np.nan
    return frame


def test_complete_cases_do_not_take_a_comparison_with_a_missing_value_for_a_value():
    e = made(small())
    imputations = impute_missing(e, ["w", "z"], draws=6, cycles=3, seed=1, passive={"high": lambda f: f["w"] > 0.5})
    both = complete_and_imputed(imputations, lambda e: cox(e, "high + z"))
    alone, imputed = (both[both["data"] == word] for word in ("complete cases", "imputed"))
    assert alone["n"].max() == e.frame["w"].notna().sum()
    assert imputed["n"].max() == len(e)
    assert alone["fraction_missing"].isna().all()
    expected = cox(
        e.with_column("high", (e.frame["w"] > 0.5).where(e.frame["w"].notna()).astype("boolean")), "high + z"
    ).tidy()
    assert alone["estimate"].tolist() == expected["estimate"].tolist()
    fits = [cox(completed, "high + z") for completed in imputations]
    assert imputed["estimate"].to_numpy() == pytest.approx(np.mean([f.tidy()["estimate"] for f in fits], axis=0), rel=1e-12)


def test_summaries():
    imputations = impute_missing(made(small()), "w", auxiliary="z", draws=6, cycles=3, seed=1)
    missing = int(small()["w"].isna().sum())
    assert imputations.tidy()[["variable", "n_missing", "method", "note"]].values.tolist() == [
        ["w", missing, "normal", ""], ["z", 0, "", "auxiliary"],
    ]  # fmt: skip
    glance = imputations.glance().iloc[0]
    assert glance[["n", "n_incomplete", "n_draws", "n_cycles"]].tolist() == [120, missing, 6, 3]
    assert "fewer draws" in glance["note"]
    trace = imputations.trace()
    assert trace.shape == (18, 5)
    last = trace[trace["cycle"] == 3].set_index("draw")
    for k, values in enumerate(imputations.values, 1):
        assert last.loc[k, ["mean", "spread"]].tolist() == pytest.approx([values["w"].mean(), values["w"].std()])
    assert repr(imputations) == "Imputations('endpoint': 6 draws of w)"
    none = impute_missing(made(small().fillna(0.0)), ["w", "z"], draws=2, seed=1)
    assert none.glance()["note"].tolist() == ["nothing is missing"]
    assert none.trace().shape == (0, 5)


# --- in accordance with a Cox model ----------------------------------------------------------------------------------


def model_of(e, terms, names, rng):
    columns = {name: read_column(e, name, None, None, None) for name in names}
    start = {name: np.where(np.isnan(c.values), 0.0, c.values) for name, c in columns.items()}
    return columns, start, outcome_model(e, terms, columns, start)


def test_the_density_of_the_outcome_under_a_candidate():
    frame = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 2, 1, 0, 2, 0], "x": [0.5, 1, np.nan, 0, 2, np.nan]})
    e = made(frame)
    columns, start, model = model_of(e, "x", ["x"], None)
    rows = np.array([2, 5])
    causes = model.drawn_causes(start, np.random.default_rng(1))
    candidates = np.array([[-1.0, 0.0, 2.0], [0.3, 1.0, 4.0]])
    found = model.log_densities(columns["x"], candidates, rows, start, causes)
    filled = start["x"]
    centre, scale = filled.mean(), filled.std()
    expected = np.zeros((2, 3))
    for code, cause in zip((1, 2), causes, strict=True):
        slope = cause.beta[0] / scale
        risk = np.exp(slope * (filled - centre))
        event = frame["s"].to_numpy() == code
        # Breslow's hazard: one event at each time, everybody who is left at risk
        hazard = np.cumsum([event[k] / risk[k:].sum() for k in range(6)])
        assert cause.exposure == pytest.approx(hazard)
        for i, row in enumerate(rows):
            eta = slope * (candidates[i] - centre)
            own = event[row] * eta - hazard[row] * np.exp(eta)
            top = -math.log(hazard[row]) - 1 if event[row] else 0.0
            expected[i] += own - top
    assert found == pytest.approx(expected)
    assert (found <= 1e-12).all()


def test_accepted_numbers_have_the_density_of_proposal_times_outcome():
    frame = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 1, 1, 0, 1, 0], "x": [2.5, 1, 1.5, 0, 0.3, np.nan]})
    e = made(frame)
    columns, start, model = model_of(e, "x", ["x"], None)
    rng = np.random.default_rng(3)
    drawn, expected = [], []
    for _ in range(3000):
        seed = int(rng.integers(1 << 40))
        (cause,) = model.drawn_causes(start, np.random.default_rng(seed))
        drawn.append(model.accepted(columns["x"], np.array([1.0]), 1.5, None, None, start, np.random.default_rng(seed))[0])
        grid = np.linspace(-7, 9, 400)
        eta = cause.beta[0] * (grid - start["x"].mean()) / start["x"].std()
        with np.errstate(over="ignore"):
            density = norm.pdf(grid, 1.0, 1.5) * np.exp(-cause.exposure[5] * np.exp(eta))
        expected.append((grid * density).sum() / density.sum())
    # one draw against the mean of its own density: the differences have mean 0 and spread 1.5 at most
    assert np.mean(drawn) - np.mean(expected) == pytest.approx(0, abs=4 * 1.5 / math.sqrt(3000))
    # and the outcome has moved it: the proposal has mean 1
    assert np.mean(expected) < 0.8


def test_levels_are_weighed_by_the_outcome_exactly():
    frame = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 1, 2, 0, 1, 0], "g": ["a", "b", "a", "b", "a", None]})
    e = made(frame)
    columns, start, model = model_of(e, "g", ["g"], None)
    p = model.weighed(columns["g"], np.array([[0.25, 0.75]]), start, np.random.default_rng(5))
    causes = model.drawn_causes(start, np.random.default_rng(5))
    weight = np.array([0.25, 0.75])
    for cause in causes:
        eta = cause.beta[0] * (np.array([0.0, 1.0]) - start["g"].mean()) / start["g"].std()
        weight *= np.exp(-cause.exposure[5] * np.exp(eta))
    assert p[0] == pytest.approx(weight / weight.sum())


# --- joint tests -----------------------------------------------------------------------------------------------------


def test_one_coefficient_is_the_square_of_rubins_statistic():
    estimates, variances = np.array([[1.0], [3.0], [2.5]]), np.array([[1.0], [1.2], [0.8]])
    pooled = rubin(estimates, variances)
    statistic, increase = pooled_wald(estimates, variances[:, :, None])
    assert statistic == pytest.approx(float(pooled.estimate[0] ** 2 / pooled.total[0]))
    assert increase == pytest.approx(float(pooled.variance_increase[0]))


def test_two_coefficients_on_paper():
    # Q = (1, 2), (3, 2): mean (2, 2); U = I; B = [[2, 0], [0, 0]]; r = 3/2 * 2 / 2 = 3/2; F = 8 / (2 * 5/2) = 8/5
    statistic, increase = pooled_wald(np.array([[1.0, 2], [3, 2]]), np.tile(np.eye(2), (2, 1, 1)))
    assert (statistic, increase) == pytest.approx((1.6, 1.5))
    # t = 2 * 1 = 2: v = 2 * (1 + 1/2) * (1 + 2/3)^2 / 2 = 25/6
    assert denominator(2, 2, 1.5, np.inf)[0] == pytest.approx(25 / 6)
    # t = 2 * 4 = 8: v = 4 + 4 (1 + 3/4 * 2/3)^2 = 13
    assert denominator(5, 2, 1.5, np.inf)[0] == pytest.approx(13)


def test_degrees_of_freedom_at_the_edges():
    assert denominator(5, 2, 0.0, 80.0) == (80.0, "")
    assert denominator(1, 2, 0.0, 80.0)[0] == 80.0
    assert math.isnan(denominator(5, 2, 1.0, 0.0)[0])
    df, note = denominator(5, 2, 9.0, 5.0)
    assert df == 5.0
    assert "too few" in note
    # Reiter's formula goes to that of infinite degrees of freedom
    assert denominator(10, 3, 0.4, 1e9)[0] == pytest.approx(
        4 + 1 / (1 / (27 - 4) * 0.4**2 * (27 / 25) ** 2 / (1 + 0.4 * 27 / 25) ** 2), rel=1e-6
    )
    assert denominator(10, 3, 0.4, 60.0)[0] < 60


def test_the_test_of_fits():
    imputations = impute_missing(made(small()), ["w", "z"], draws=6, cycles=3, seed=1)
    fits = [cox(completed, "w + z") for completed in imputations]
    test = d1_test(fits, ["w", "z"])
    q, u = np.array([f.maximum.beta for f in fits]), np.mean([f.covariance for f in fits], axis=0)
    b = np.cov(q.T)
    r = 7 / 6 * np.trace(b @ np.linalg.inv(u)) / 2
    value = q.mean(axis=0) @ np.linalg.inv(u) @ q.mean(axis=0) / (2 * (1 + r))
    assert (test.statistic, test.variance_increase) == pytest.approx((value, r))
    assert test.p_value == pytest.approx(f_distribution.sf(value, 2, test.df_denominator))
    assert test.glance()[["term", "df", "n_draws"]].values.tolist() == [["w + z", 2, 6]]
    # the order of the terms does not matter, and the same data five times are one data set
    assert d1_test(fits, ["z", "w"]).statistic == pytest.approx(test.statistic, rel=1e-12)
    same = d1_test([fits[0]] * 5, ["w", "z"], complete_df=np.inf)
    glance = fits[0].glance().iloc[0]
    assert same.statistic == pytest.approx(glance["wald"] / 2, rel=1e-9)
