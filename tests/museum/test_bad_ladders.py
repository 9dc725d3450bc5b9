"""Ladders that are refused, and small ones that must not fall over."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import ColumnError, InputError

RNG = np.random.default_rng(6)
FRAME = pd.DataFrame({"t": RNG.integers(1, 40, 50) / 5, "s": RNG.choice([0, 1, 2], 50), "x": RNG.normal(size=50)})
FRAME["z"], FRAME["g"], FRAME["one"] = RNG.normal(size=50), RNG.choice(["a", "b"], 50), 1.0
FRAME["twice"] = 2 * FRAME["x"] + 1
QUICK = {"times": [1.0, 3.0], "resamples": 0, "simulations": 0, "seed": 1}


def made(frame=FRAME, **more):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"}, **more)


@pytest.mark.parametrize(
    ("base", "added", "options", "words"),
    [
        ("x", None, {}, "a ladder of one rung"),
        ({"a": "x"}, None, {}, "a ladder of one rung"),
        ("x", "x + z", {}, "'x' is in the ladder twice"),
        ("x", "twice", {}, "a combination of other columns: twice"),
        ("x", "one", {}, "constant"),
        ("x", "z", {"cause": "none of them"}, "no cause is called"),
        ("x", "z", {"times": [3.0, 1.0]}, "ascending"),
        ("x", "z", {"resamples": 5}, "fewer than 20 resamples"),
        ("x", "z", {"resamples": True}, "resamples must be a whole number"),
        ("x", "z", {"simulations": -1}, "simulations must be a whole number"),
        ("x", "z", {"repeats": 0}, "repeats must be a whole number"),
        ("x", "z", {"choose": {"base": "elastic_net"}}, "the first rung is fixed"),
        ("x", "z", {"choose": {"added": "stepwise"}}, "a way to choose that is none"),
        ("x", "z", {"choose": {"added": ("screen", 2.0)}}, "a way to choose that is none"),
        ("x", "z", {"references": {"g": "a"}}, "references name no term"),
        ("x", "z", {"seed": "one"}, "seed is no whole number"),
        ("x", "z", {"conf_level": 95}, "conf_level"),
        ({"a": "x", "b": "z", "c": "g"}, None, {"choose": {"b": "elastic_net", "c": ("screen", 0.1)}}, "two ways"),
    ],
)
def test_refused(base, added, options, words):
    with pytest.raises(InputError, match=words):
        iko.added_value(made(), base, added, **(QUICK | options))


def test_unknown_columns_and_late_ones():
    with pytest.raises(ColumnError, match="no column is called 'wbcc'"):
        iko.added_value(made(), "x", "wbcc", **QUICK)
    cohort = iko.simulate_cohort(80, seed=2)
    with pytest.raises(InputError, match="known only after follow-up has begun"):
        iko.added_value(iko.define_endpoint(cohort, "EFS"), "age", "mrd_TP1", **QUICK)


def test_rows_that_are_no_patients():
    frame = FRAME.assign(w=2.0, entry=np.where(np.arange(50) % 2, FRAME["t"] / 2, 0.0))
    with pytest.raises(InputError, match="case weights"):
        iko.added_value(made(frame, weights="w"), "x", "z", **QUICK)
    with pytest.raises(InputError, match="enter at different times"):
        iko.added_value(made(frame, entry="entry"), "x", "z", **QUICK)
    half = pd.concat([frame.assign(who=np.arange(50), entry=entry, t=frame["t"] + entry) for entry in (0.0, 20.0)])
    with pytest.raises(InputError, match=r"enter at different times|one row a patient"):
        iko.added_value(made(half, entry="entry", subject="who"), "x", "z", **QUICK)


def test_hardly_anybody_followed_to_the_time():
    short = FRAME.assign(s=np.where(FRAME["t"] > 3, 0, 1))
    with pytest.raises(InputError, match="chance of not being censored"):
        iko.added_value(made(short), "x", "z", **(QUICK | {"times": [1.0, 7.8]}))


def test_no_event_and_one_event():
    with pytest.raises(InputError, match="no events of relapse"):
        iko.added_value(made(FRAME.assign(s=np.where(FRAME["s"] == 1, 0, FRAME["s"]))), "x", "z", cause="relapse", **QUICK)
    # one event: a ratio that separates, resamples without it
    one = FRAME.assign(s=(np.arange(50) == FRAME["t"].argmin()).astype(int))
    found = iko.added_value(made(one), "x", "z", **(QUICK | {"times": [1.0], "resamples": 20, "simulations": 19}))
    assert "1 events for 2 parameters" in found.glance()["note"][1]
    assert "repetitions without a model" in found.glance()["note"][1]
    assert found.tidy()["n_resamples"].max() < 20


def test_more_columns_than_patients_need_a_choice():
    wide = FRAME.join(pd.DataFrame(RNG.normal(size=(50, 60)), columns=[f"k{j}" for j in range(60)]))
    names = [f"k{j}" for j in range(60)]
    with pytest.raises(InputError, match="combination of other columns"):
        iko.added_value(made(wide), "x", names, **QUICK)
    found = iko.added_value(made(wide), "x", names, choose={"added": "elastic_net"}, repeats=1, **QUICK)
    assert "fewer than 10 per parameter" in found.glance()["note"][1]


def test_a_rung_that_separates_every_event():
    # the flag names those with an event: the likelihood rises without end, the statistic is that of its limit
    frame = FRAME.assign(s=np.where(FRAME["z"] > 0, 1, 0), flag=(FRAME["z"] > 0).astype(float))
    found = iko.added_value(made(frame), "x", "flag", **(QUICK | {"times": [1.0], "simulations": 19}))
    assert np.isfinite(found.glance()["statistic"][1])
    assert found.glance()["p_simulated"][1] == pytest.approx(0.05)
