"""Design questions that cannot be answered, and what is said of those that hardly can."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import (
    endpoint_from_columns,
    minimum_detectable_ratio,
    power,
    sample_size_criteria,
    sign_and_size_errors,
    simulate_cohort,
)
from ikzf1_outcomes.errors import ColumnError, InputError

COUNTS = pd.DataFrame({"group": ["none", "ik6"], "n": [90, 10], "n_event": [9, 4]})


@pytest.mark.parametrize(
    ("changes", "options", "says"),
    [
        ({"n_event": [91, 4]}, {}, "more events than patients, or counts that are none; row 1"),
        ({"n_event": [-1, 4]}, {}, "counts that are none; row 1"),
        ({"n": [0, 10]}, {}, "counts that are none"),
        ({"n": ["many", 1]}, {}, "counts are numbers"),
        ({"group": ["a", "a"]}, {}, "a group is there twice; row 2"),
        ({"n_event": [0, 0]}, {}, "no events of any cause"),
        ({}, {"power": 1.0}, "between 0 and 1"),
        ({}, {"alpha": 0.9}, "alpha below power"),
        ({}, {"splits": [0.0]}, "between 0 and 1"),
        ({}, {"splits": 0.5}, "between 0 and 1"),
        ({}, {"explained": 1.0}, "share explained"),
    ],
)
def test_refused_designs(changes, options, says):
    with pytest.raises(InputError, match=says):
        minimum_detectable_ratio(COUNTS.assign(**changes), **options)


def test_counts_that_are_lacking():
    with pytest.raises(ColumnError, match="no column is called 'n_event'"):
        minimum_detectable_ratio(COUNTS[["group", "n"]])


def test_observed_effects_have_no_argument():
    with pytest.raises(TypeError):
        minimum_detectable_ratio(COUNTS, observed=1.7)


def test_a_class_without_events_has_rows_that_say_so():
    found = minimum_detectable_ratio(COUNTS.assign(n_event=[9, 0]), by="class")
    own = found[(found["group"] == "ik6") | (found["term"] == "feature:class")]
    assert own["estimate"].isna().all()
    assert own["note"].str.startswith("no events").all()


def test_no_ratio_reaches_the_power():
    """Two events, both in the smaller group of 40 %: the likelihood ratio is 2 x 2 log(1 / 0.4) = 3.67 < 3.84."""
    found = minimum_detectable_ratio(pd.DataFrame({"n": [1000], "n_event": [2]}), splits=[0.4])
    row = found[(found["term"] == "split") & (found["direction"] == "higher, more events")].iloc[0]
    assert np.isnan(row["estimate"])
    assert np.isnan(row["risk_difference"])
    assert "no ratio reaches this power" in row["note"]


def test_everybody_has_an_event():
    d = pd.DataFrame({"t": np.arange(1.0, 31), "s": 1})
    found = minimum_detectable_ratio(endpoint_from_columns(d, time="t", status="s", causes={1: "a"}), at=10.0)
    assert found["ratio"].notna().all()


def test_patients_without_a_class_are_counted():
    d = pd.DataFrame({"t": np.arange(1.0, 31), "s": [1, 0] * 15, "g": ["a", "b", None] * 10})
    found = minimum_detectable_ratio(endpoint_from_columns(d, time="t", status="s", causes={1: "a"}), by="g", at=10.0)
    assert found["n"].max() == 20
    assert found["note"].str.contains("10 rows left out: g is missing").all()


def test_incidences_beyond_the_follow_up():
    d = pd.DataFrame({"t": np.arange(1.0, 31) / 10, "s": [1, 0] * 15})
    found = minimum_detectable_ratio(endpoint_from_columns(d, time="t", status="s", causes={1: "a"}), at=10.0)
    assert found["ratio"].notna().all()
    assert found["risk_difference"].isna().all()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"parameters": 0}, "parameters are a whole number"),
        ({"rate": 0.0}, "rate is a number above 0"),
        ({"rate": 1.0}, "more than one event a patient"),
        ({"n": -5}, "n is a number above 0"),
        ({"shrinkage": 1.0}, "shrinkage lies between"),
        ({"r_squared": 0.95}, "R2 lies between 0 and"),
    ],
)
def test_refused_sample_sizes(options, says):
    given = {"parameters": 10, "rate": 0.1, "mean_follow_up": 3.0, "at": 5.0} | options
    with pytest.raises(InputError, match=says):
        sample_size_criteria(given.pop("parameters"), **given)


@pytest.mark.parametrize(
    ("ratio", "error", "says"),
    [
        (1.0, 0.3, "not 1"),
        (-1.0, 0.3, "above 0"),
        (2.0, 0.0, "a standard error"),
        ("big", 0.3, "are numbers"),
        ([1.5, 2.0, 3.0], [0.3, 0.2], "one each"),
        (np.nan, 0.3, "above 0"),
    ],
)
def test_refused_truths(ratio, error, says):
    with pytest.raises(InputError, match=says):
        sign_and_size_errors(ratio, error)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"simulations": 5}, "simulations is a whole number of 20"),
        ({"n_measured": 50}, "more patients measured"),
        ({"ratio": 0.0}, "a number above 0"),
        ({"correlation": 1.5}, "between -1 and 1"),
        ({"alpha": 0}, "between 0 and 1"),
        ({"seed": -1}, "seed"),
    ],
)
def test_refused_simulations(options, says):
    with pytest.raises(InputError, match=says):
        power(**({"n": 40, "ratio": 2.0, "seed": 1} | options))


def test_three_measured_patients_are_not_estimable():
    found = power(30, ratio=2.0, n_measured=3, simulations=20, seed=1).set_index("term")
    assert found.loc["not estimable", "estimate"] > 0.5
    assert found.loc["power", "estimate"] < 0.5


@pytest.mark.parametrize("effect", [lambda frame, rng: np.zeros(3), lambda frame, rng: np.full(len(frame), np.inf)])
def test_effects_that_are_none(effect):
    with pytest.raises(InputError, match="one finite log hazard ratio"):
        simulate_cohort(20, seed=1, effect=effect)
