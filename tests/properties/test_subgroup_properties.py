"""What must hold of effects within subgroups, whatever the patients."""

import numpy as np
import pandas as pd
from hypothesis import assume, given
from hypothesis import strategies as st

import ikzf1_outcomes as iko

NUMBERS = ["estimate", "std_error"]


def endpoint(frame):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})


def patients(seed, n):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "t": rng.integers(1, 30, n) / 4,
            "s": rng.choice([0, 1, 2], n, p=[0.3, 0.5, 0.2]),
            "arm": rng.choice(["a", "b"], n),
            "place": rng.choice(["x", "y", "z"], n),
        }
    )
    # every combination has somebody, so that both levels and subgroups stay what they are
    frame.loc[:5, ["arm", "place"]] = [[arm, place] for arm in "ab" for place in "xyz"]
    return frame


def effects(frame, **options):
    return iko.subgroup_effects(endpoint(frame), "arm", "place", at=4.0, cause="relapse", **options)


def pick(table, method):
    return table[table["method"] == method].sort_values(["variable", "group"], ignore_index=True)


cohorts = st.builds(patients, st.integers(0, 10_000), st.integers(30, 120))


@given(cohorts)
def test_the_other_reference_turns_the_sign_and_keeps_the_tests(frame):
    one, other = effects(frame), effects(frame, references={"arm": "b"})
    for method in ("risk difference", "cause-specific hazard"):
        a, b = pick(one, method), pick(other, method)
        np.testing.assert_allclose(a["estimate"], -b["estimate"], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(a["low"], -b["high"], rtol=1e-5, atol=1e-6)
    for method in ("Cochran's Q", "likelihood-ratio test"):
        a, b = pick(one, method), pick(other, method)
        np.testing.assert_allclose(a["statistic"], b["statistic"], rtol=1e-6, atol=1e-7)


@given(cohorts, st.permutations(["x", "y", "z"]))
def test_names_and_order_of_the_subgroups_do_not_matter(frame, names):
    renamed = frame.assign(place=frame["place"].map(dict(zip("xyz", names, strict=True))))
    one = effects(frame)
    one = one.assign(group=one["group"].replace(dict(zip("xyz", names, strict=True))))
    other = effects(renamed)
    keys = ["variable", "group", "method"]
    both = one.merge(other, on=keys, suffixes=("", "_other"))
    assert len(both) == len(one) == len(other)
    for name in ("estimate", "n", "n_event", "statistic"):
        np.testing.assert_allclose(both[name], both[f"{name}_other"], rtol=1e-5, atol=1e-6)


@given(cohorts)
def test_copies_of_the_same_patients_have_no_heterogeneity(frame):
    twice = pd.concat([frame.assign(place=place) for place in "xy"], ignore_index=True)
    table = effects(twice)
    q = pick(table, "Cochran's Q").iloc[0]
    assume(np.isfinite(q["statistic"]))
    np.testing.assert_allclose([q["statistic"], q["p_value"]], [0, 1], atol=1e-12)
    assert pick(table, "likelihood-ratio test")["statistic"].iloc[0] < 1e-6


@given(cohorts)
def test_q_is_not_negative_and_p_is_a_probability(frame):
    table = effects(frame)
    tests = table[table["group"] == ""]
    known = tests.dropna(subset=["statistic"])
    assert (known["statistic"] >= 0).all()
    assert known["p_value"].between(0, 1).all()
    assert tests.loc[tests["statistic"].isna(), "note"].str.startswith("not estimable").all()
    counted = pick(table, "cause-specific hazard").query("variable == 'place'")
    assert counted["n"].sum() == len(frame)
