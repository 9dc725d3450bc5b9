"""Parametric survival, mixture cure and the tests of sufficient follow-up on a sheet of paper."""

from math import erfc, exp, log, pi, sqrt

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import endpoint_from_columns, kaplan_meier
from ikzf1_outcomes.kernels.cure import cure_in_own_units, cure_likelihood, lay_out_cure
from ikzf1_outcomes.kernels.location_scale import FAMILIES, Followed, family_likelihood
from ikzf1_outcomes.models.cured_fraction import mixture_cure
from ikzf1_outcomes.models.parametric_families import compare_families, parametric
from ikzf1_outcomes.models.plateau import sufficient_follow_up

EIGHT = {
    "t": [4.0, 1, 7, 2, 2, 6, 5, 3],
    "s": [0, 1, 1, 1, 2, 0, 0, 1],
    "entry": [2.0, 0, 3, 0, 1, 0, 0, 2],
    "weights": [1.0, 2, 1, 1, 3, 1, 2, 1],
    "x": [0.0, 1, 0, 1, 1, 0, 1, 0],
}
CAUSES = {1: "relapse", 2: "death"}


def made(columns):
    named = {name: name for name in ("entry", "weights") if name in columns}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes=CAUSES, **named)


def without(*names):
    return {name: values for name, values in EIGHT.items() if name not in names}


def test_exponential_rates_are_events_over_time():
    # x = 0: 4 + 7 + 6 + 3 = 20 years, events at 7 and 3; x = 1: 1 + 2 + 2 + 5 = 10 years, three events
    fit = parametric(made(without("entry", "weights")), "x", family="exponential")
    tidy = fit.tidy(exponentiate=True).set_index("term")
    assert tidy.loc["intercept", "estimate"] == pytest.approx(10, rel=1e-12)
    assert tidy.loc["x", "estimate"] == pytest.approx(1 / 3, rel=1e-12)
    assert tidy.loc["x", "std_error"] == pytest.approx(sqrt(1 / 2 + 1 / 3), rel=1e-12)
    hazards = fit.tidy(exponentiate=True, scale="hazard ratio").set_index("term")
    assert hazards["estimate"].tolist() == pytest.approx([0.1, 3], rel=1e-12)
    # survival of x = 1 at 2 years: e^(-0.6); the log of its cumulative hazard has the error 1 / sqrt(3)
    row = fit.predict(pd.DataFrame({"x": [1.0]}), 2).iloc[0]
    assert row["estimate"] == pytest.approx(exp(-0.6), rel=1e-12)
    assert row["low"] == pytest.approx(exp(-0.6 * exp(1.959963984540054 / sqrt(3))), rel=1e-9)
    # events log(rate) - rate * time: 2 log 0.1 + 3 log 0.3 - 5; of all 5 log(1/6) - 5
    glance = fit.glance().iloc[0]
    assert glance["log_likelihood"] == pytest.approx(2 * log(0.1) + 3 * log(0.3) - 5, rel=1e-12)
    assert glance["log_likelihood_null"] == pytest.approx(5 * log(1 / 6) - 5, rel=1e-12)
    assert glance["aic"] == pytest.approx(4 - 2 * glance["log_likelihood"], rel=1e-12)


def test_exponential_with_weights_late_entry_and_one_cause():
    # weighted relapses 2 + 1 + 1 + 1 = 5; time at risk 2 + 2 + 4 + 2 + 3 * 1 + 6 + 2 * 5 + 1 = 30
    row = parametric(made(EIGHT), [], family="exponential", cause="relapse").tidy(exponentiate=True).iloc[0]
    assert row["estimate"] == pytest.approx(6, rel=1e-12)
    assert row["std_error"] == pytest.approx(1 / sqrt(5), rel=1e-12)
    assert row["n"] == 12


def test_log_normal_without_censoring_is_a_mean_and_a_standard_deviation():
    # logarithms 0, 1, 2, 5: mean 2, mean square about it 14/4
    frame = {"t": np.exp([0.0, 1, 2, 5]), "s": [1] * 4}
    tidy = parametric(made(frame), [], family="log_normal").tidy()
    assert tidy["estimate"].tolist() == pytest.approx([2, log(3.5) / 2], rel=1e-9)
    assert tidy["std_error"].tolist() == pytest.approx([sqrt(3.5 / 4), 1 / sqrt(8)], rel=1e-9)
    assert tidy["scale"].tolist() == ["log time", "log standard deviation"]


def test_log_logistic_of_two_symmetric_times():
    # log times -a and a: location 0; the scale s solves 2 s / a = 2 tanh(a / (2 s)), z = a / s: z tanh(z / 2) = 1
    z = 1.5434046384182084
    assert z * np.tanh(z / 2) == pytest.approx(1, rel=1e-12)
    tidy = parametric(made({"t": [exp(-2), exp(2)], "s": [1, 1]}), [], family="log_logistic").tidy(exponentiate=True)
    assert tidy["estimate"].tolist() == pytest.approx([1, z / 2], rel=1e-9)


def naive_family(name, theta):
    """The log-likelihood of the eight, one row at a time."""
    total, sigma = 0.0, exp(theta[2])
    for t, s, entry, w, x in zip(*EIGHT.values(), strict=True):
        z, late = ((log(v) - theta[0] - theta[1] * x) / sigma if v else None for v in (t, entry))
        survival = {
            "weibull": lambda z: exp(-exp(z)),
            "log_logistic": lambda z: 1 / (1 + exp(z)),
            "log_normal": lambda z: erfc(z / sqrt(2)) / 2,
        }[name]
        density = {
            "weibull": lambda z: exp(z - exp(z)),
            "log_logistic": lambda z: exp(z) / (1 + exp(z)) ** 2,
            "log_normal": lambda z: exp(-z * z / 2) / sqrt(2 * pi),
        }[name]
        total += w * (log(density(z) / (sigma * t)) if s else log(survival(z)))
        total -= w * log(survival(late)) if entry else 0
    return total


@pytest.mark.parametrize("name", ["weibull", "log_logistic", "log_normal"])
def test_likelihood_of_a_family_one_row_at_a_time(name):
    t, s, entry, w, x = (np.array(values, dtype=float) for values in EIGHT.values())
    late = entry > 0
    rows = Followed(np.log(t), s > 0, w, np.column_stack((np.ones(8), x)), late, np.log(entry[late]))
    theta = np.array([1.2, -0.5, 0.3])
    value = family_likelihood(FAMILIES[name], rows, scaled=True)(theta)[0]
    assert value == pytest.approx(naive_family(name, theta), rel=1e-13)


def test_families_that_fail_keep_their_row():
    # one time for all: a Weibull may have any shape, the exponential has its rate
    table = compare_families(made({"t": [2.0] * 3, "s": [1] * 3}), [], families=("weibull", "exponential"))
    assert table["method"].tolist() == ["exponential regression", "weibull regression"]
    assert table["aic"].iloc[0] == pytest.approx(2 - 2 * (3 * log(0.5) - 3), rel=1e-12)
    assert "no maximum" in table["note"].iloc[1]


# --- cure: exponential latency, events at 1 and the others censored at c.
# With d of n events: d log((1 - p) r e^-r) + (n - d) log(p + (1 - p) e^-rc). The derivative by p is zero where
# (1 - p)(1 - e^-rc) = d / n; that by r then where 1 / r - c / (e^rc - 1) = 1. For rc = log 2: 1 / r - c = 1, so that
# r = 1 - log 2, c = log 2 / (1 - log 2), and 1 - p = 2 d / n.
C = log(2) / (1 - log(2))


def two_times(**columns):
    events, n = columns.pop("events"), columns.pop("n")
    frame = {"t": [1.0] * events + [C] * (n - events), "s": [1] * events + [0] * (n - events)}
    return frame | {name: [value] * n for name, value in columns.items()}


def test_cured_fraction_in_closed_form():
    fit = mixture_cure(made(two_times(events=3, n=8)), [], latency="piecewise", cuts=[])
    tidy = fit.tidy(exponentiate=True)
    assert tidy["part"].tolist() == ["cured", "baseline"]
    assert tidy["estimate"].tolist() == pytest.approx([1 / 3, 1 - log(2)], rel=1e-9)  # odds 1/4 : 3/4
    assert fit.cured()["estimate"].iloc[0] == pytest.approx(1 / 4, rel=1e-9)
    table = fit.predict(pd.DataFrame(index=[0]), [0, 1, C, 50])
    assert table["estimate"].tolist() == pytest.approx([1, 1 / 4 + 3 / 4 * exp(log(2) - 1), 5 / 8, 1 / 4], rel=1e-5)
    assert table["note"].tolist() == ["", "", "", "extrapolated beyond the last follow-up"]
    glance = fit.glance().iloc[0]
    value = 3 * log(3 / 4 * (1 - log(2)) * 2 / exp(1)) + 5 * log(5 / 8)
    assert glance["log_likelihood"] == pytest.approx(value, rel=1e-12)
    # without cure: 3 events in 3 + 5 c years
    rate = 3 / (3 + 5 * C)
    assert glance["log_likelihood_null"] == pytest.approx(3 * log(rate) - 3, rel=1e-12)
    assert glance["statistic"] == pytest.approx(2 * (value - 3 * log(rate) + 3), rel=1e-9)
    assert glance["p_value"] == pytest.approx(erfc(sqrt(glance["statistic"] / 2)) / 2, rel=1e-9)


def test_odds_ratio_of_cure_in_closed_form():
    # one event of eight and three of eight: cured 3/4 and 1/4, odds 3 and 1/3
    one, other = (pd.DataFrame(two_times(events=d, n=8, arm=arm)) for d, arm in ((1, "a"), (3, "b")))
    frame = pd.concat((one, other)).sample(frac=1, random_state=3)
    tidy = mixture_cure(made(frame), [], cured_terms="arm", latency="piecewise", cuts=[]).tidy(exponentiate=True)
    row = tidy[tidy["contrast"] == "b vs a"].iloc[0]
    assert row["estimate"] == pytest.approx(1 / 9, rel=1e-8)
    assert row[["part", "scale", "n", "n_event"]].tolist() == ["cured", "odds ratio of cure", 8, 3]
    assert tidy.loc[0, "estimate"] == pytest.approx(3, rel=1e-8)
    assert tidy["estimate"].iloc[-1] == pytest.approx(1 - log(2), rel=1e-8)


def test_weights_count_patients():
    frame = pd.DataFrame({"t": [1.0, C], "s": [1, 0], "weights": [3.0, 5.0]})
    table = mixture_cure(made(frame), [], latency="piecewise", cuts=[]).cured()
    assert table["estimate"].iloc[0] == pytest.approx(1 / 4, rel=1e-9)
    assert table["n"].iloc[0] == 8


def naive_cure(theta, cuts):
    """The log-likelihood of the eight: z = (1, x), x in both parts; Weibull, or constant up to `cuts` and after."""
    total = 0.0
    for t, s, entry, w, x in zip(*EIGHT.values(), strict=True):
        cured = 1 / (1 + exp(-theta[0] - theta[1] * x))
        risk = exp(theta[2] * x)

        def cumulative(time, risk=risk):
            if cuts is None:
                return exp(theta[3]) * time ** exp(theta[4]) * risk
            return (exp(theta[3]) * min(time, cuts) + exp(theta[4]) * max(time - cuts, 0)) * risk

        hazard = exp(theta[3] + theta[4]) * t ** (exp(theta[4]) - 1) * risk
        if cuts is not None:
            hazard = exp(theta[3] if t <= cuts else theta[4]) * risk
        event = (1 - cured) * hazard * exp(-cumulative(t))
        total += w * log(event if s else cured + (1 - cured) * exp(-cumulative(t)))
        total -= w * log(cured + (1 - cured) * exp(-cumulative(entry)))
    return total


@pytest.mark.parametrize("cuts", [None, 2.0])
def test_likelihood_of_a_cure_model_one_row_at_a_time(cuts):
    t, s, entry, w, x = (np.array(values, dtype=float) for values in EIGHT.values())
    theta = np.array([0.4, -0.7, 0.6, -1.1, 0.25])
    edges = None if cuts is None else np.array([cuts])
    rows = lay_out_cure(t, entry, s > 0, w, x[:, None], x[:, None], edges)
    assert cure_likelihood(rows)(theta)[0] == pytest.approx(naive_cure(theta, cuts), rel=1e-13)
    # times and covariates in other units are the same model
    scaled = lay_out_cure(t / 3, entry / 3, s > 0, w, (x[:, None] - 0.5) / 2, (x[:, None] - 0.2) / 4, edges and edges / 3)
    part = (np.array([0.5]), np.array([2.0])), (np.array([0.2]), np.array([4.0]))
    own, _ = cure_in_own_units(theta, *part, 3.0, weibull=cuts is None)
    shift = float(w @ (s > 0)) * log(3)
    assert cure_likelihood(scaled)(theta)[0] - shift == pytest.approx(naive_cure(own, cuts), rel=1e-12)


# --- sufficient follow-up: events at 2, 5, 6, 8; last seen at 3, 7, 11, 12, 12, 12. t* = 8, t = 12, n = 10
TEN = {"t": [12.0, 5, 3, 8, 12, 2, 7, 11, 6, 12], "s": [0, 1, 0, 1, 0, 1, 0, 0, 1, 0]}


def test_tests_of_sufficient_follow_up():
    table = sufficient_follow_up(made(TEN)).set_index("term")
    # (2 * 8 - 12, 8] = (4, 8] holds 5, 6, 8
    assert table.loc["Maller and Zhou", ["statistic", "estimate"]].tolist() == [3, pytest.approx(3 / 10)]
    assert table.loc["Maller and Zhou", "p_value"] == pytest.approx(0.7**10, rel=1e-12)
    # w = 4 / 12, 8 (1 - 1/9) = 7.11: only 8
    assert table.loc["Shen", ["statistic", "p_value"]].tolist() == [1, pytest.approx(0.9**10, rel=1e-12)]
    assert table.loc[["last event", "last follow-up"], "estimate"].tolist() == [8, 12]
    # 9/10 * 7/8 (one censored at 3) * 6/7 * 4/5 (one censored at 7)
    assert table.loc["event-free at the end", "estimate"] == pytest.approx(9 / 10 * 7 / 8 * 6 / 7 * 4 / 5, rel=1e-12)
    own = kaplan_meier(made(TEN)).tidy(12).iloc[0]
    assert table.loc["event-free at the end", ["low", "high"]].tolist() == own[["low", "high"]].tolist()


def test_the_lower_end_is_open_for_maller_and_zhou():
    # t* = 5, t = 8: (2, 5] does not hold the event at 2
    table = sufficient_follow_up(made({"t": [2.0, 5, 8, 4], "s": [1, 1, 0, 0]})).set_index("term")
    assert table.loc["Maller and Zhou", "statistic"] == 1
    # nor where 2 is only almost 2
    table = sufficient_follow_up(made({"t": [2.0 + 1e-13, 5, 8, 4], "s": [1, 1, 0, 0]})).set_index("term")
    assert table.loc["Maller and Zhou", "statistic"] == 1


def test_groups_causes_and_where_there_is_no_test():
    frame = pd.DataFrame(TEN).assign(arm=list("aabababbba"))
    table = sufficient_follow_up(made(frame), "arm")
    assert len(table) == 10
    # b: 3+ 12+ 7+ 11+ 6: t* = 6, t = 12, (0, 6] holds one of five
    b = table[table["group"] == "b"].set_index("term")
    assert b.loc["Maller and Zhou", ["n", "statistic", "p_value"]].tolist() == [5, 1, pytest.approx(0.8**5)]
    last = sufficient_follow_up(made({"t": [2.0, 5], "s": [0, 1]})).set_index("term")
    assert last.loc["Shen", "note"] == "not defined: the last follow-up is an event, so that there is no plateau"
    assert np.isnan(last.loc["Shen", "p_value"])
    none = sufficient_follow_up(made({"t": [2.0, 5], "s": [0, 2]}), cause="relapse").set_index("term")
    assert none.loc["Maller and Zhou", "note"] == "not defined: no events"
    assert "the other causes are censored" in none.loc["event-free at the end", "note"]
    late = sufficient_follow_up(made({**TEN, "entry": [1.0] + [0.0] * 9})).set_index("term")
    assert late.loc["Shen", "note"] == "not defined: delayed entry"
