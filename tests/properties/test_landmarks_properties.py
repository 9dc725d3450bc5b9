"""Landmark supermodels: what must hold whatever the patients are."""

import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.prognosis.landmarks import landmark_supermodel

MARKS = {"m1": 0.5, "m2": 1.0}
SHARES = ["above before", "above after", "moved up", "moved down"]


def drawn(seed, n=70):
    rng = np.random.default_rng(seed)
    d = pd.DataFrame(
        {"c": rng.choice(["a", "b", "z"], n), "m1": rng.choice(["l", "h"], n), "m2": rng.choice(["n", "p"], n)}
    )
    d["age"] = rng.normal(size=n).round(1)
    d["t"] = rng.integers(1, 40, n) / 5
    d["s"] = rng.choice([0, 1, 1, 2], n)
    d["w"] = rng.integers(1, 4, n)
    d["m1"] = d["m1"].mask(rng.random(n) < 0.1)
    return d


def modelled(d, *, scale=1.0, weights=None, **more):
    e = endpoint_from_columns(
        d.assign(t=d["t"] * scale), time="t", status="s", causes={1: "relapse", 2: "death"}, weights=weights
    )
    marks = {mark: at * scale for mark, at in MARKS.items()}
    options = {"marks": marks, "horizon": 5.0 * scale, "threshold": 0.5, "resamples": 0, "seed": 1, **more}
    try:
        return landmark_supermodel(e, "c", **options)
    except (ConvergenceError, InputError):
        # a sparse draw that separates, or lacks a group, is refused: nothing to compare
        assume(False)


seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.sampled_from([None, "age"]))
def test_risks_lie_between_0_and_1_and_a_class_between_its_cells(seed, adjust):
    table = modelled(drawn(seed), adjust=adjust).tidy()
    known = table["estimate"].dropna()
    assert ((known >= 0) & (known <= 1)).all()
    for (_, _), own in table[table["landmark"] > 0].groupby(["landmark", "group"]):
        cells, mean = own[own["variable"] != ""], own.loc[own["variable"] == ""].iloc[0]
        assert cells["n"].sum() == mean["n"]
        if cells["estimate"].notna().all() and np.isfinite(mean["estimate"]):
            np.testing.assert_allclose(np.average(cells["estimate"], weights=cells["n"]), mean["estimate"], rtol=1e-10)


@given(seeds, st.floats(0.1, 0.9), st.sampled_from([None, "age"]))
def test_what_lies_above_is_what_did_and_moved(seed, threshold, adjust):
    moves = modelled(drawn(seed), threshold=threshold, adjust=adjust).crossing()
    wide = moves.pivot_table(index=["landmark", "group"], columns="term", values="estimate").reindex(columns=SHARES)
    assert ((wide >= 0) & (wide <= 1)).all().all()
    np.testing.assert_allclose(
        wide["above after"], wide["above before"] + wide["moved up"] - wide["moved down"], atol=1e-12
    )


@given(seeds, seeds)
def test_the_order_of_rows_does_not_matter(seed, other):
    d = drawn(seed)
    mixed = d.sample(frac=1.0, random_state=other % 2**31)
    one, two = modelled(d, adjust="age"), modelled(mixed, adjust="age")
    pd.testing.assert_frame_equal(one.tidy(), two.tidy(), rtol=1e-7, atol=1e-10)
    pd.testing.assert_frame_equal(one.glance(), two.glance(), rtol=1e-4, atol=1e-6)


@given(seeds)
def test_another_unit_of_time_changes_no_risk(seed):
    d = drawn(seed)
    one, two = modelled(d), modelled(d, scale=12.0)
    np.testing.assert_allclose(one.tidy()["estimate"], two.tidy()["estimate"], rtol=1e-8)
    np.testing.assert_allclose(one.crossing()["estimate"], two.crossing()["estimate"], atol=1e-12)


@given(seeds)
def test_weights_of_a_tenth_change_no_risk(seed):
    d = drawn(seed)
    one, two = modelled(d, weights="w"), modelled(d.assign(w=d["w"] / 10), weights="w")
    np.testing.assert_allclose(one.tidy()["estimate"], two.tidy()["estimate"], rtol=1e-8)
    np.testing.assert_allclose(one.effects()["std_error"], two.effects()["std_error"], rtol=1e-6)


@given(seeds)
def test_a_mark_that_everybody_shares_tells_nothing(seed):
    d = drawn(seed).assign(m1="same", m2="same")
    model = modelled(d, threshold=0.4)
    moves = model.crossing().set_index("term")["estimate"]
    assert moves[["moved up", "moved down"]].dropna().eq(0).all()
    table = model.tidy()
    late = table[table["landmark"] > 0]
    classes = late[late["variable"] == ""].set_index(["landmark", "group"])["estimate"]
    cells = late[late["variable"] != ""].set_index(["landmark", "group"])["estimate"]
    np.testing.assert_allclose(cells, classes.loc[cells.index], rtol=1e-10)
