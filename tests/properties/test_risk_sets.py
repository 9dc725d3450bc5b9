"""Who is at risk when: every count against a slow reading of the rows, whatever way the kernel counts."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ikzf1_outcomes import cumulative_incidence, endpoint_from_columns, kaplan_meier, logrank_test
from ikzf1_outcomes.kernels import risk

CAUSES = {1: "relapse", 2: "death"}
ROW = st.tuples(
    st.integers(1, 12).map(lambda k: k / 2),
    st.integers(0, 2),
    st.sampled_from(["a", "b", "c", None]),
    st.sampled_from([0.5, 1.0, 2.0, 3.0]),
    st.sampled_from([np.inf, 0.5, 1.0, 2.0, 4.0]),
)
ROWS = st.lists(ROW, min_size=2, max_size=40)


def table(rows):
    frame = pd.DataFrame(rows, columns=["t", "s", "arm", "w", "stay"])
    return frame.assign(entry=frame["t"] - frame["stay"])


def made(frame, **options):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **options)


def counted(frame, level, weighted, entered):
    """(n, relapses, deaths, censored) of a group at each of its times, row by row."""
    own = frame[frame["arm"] == level] if level else frame
    rows = list(zip(own["entry"] if entered else [-np.inf] * len(own), own["t"], own["s"], own["w"], strict=True))
    out = {}
    for u in sorted(set(own["t"])):
        weight = {k: sum((w if weighted else 1.0) for _, t, s, w in rows if (t, s) == (u, k)) for k in (0, 1, 2)}
        at_risk = sum((w if weighted else 1.0) for e, t, _, w in rows if e < u <= t)
        out[u] = (at_risk, weight[1], weight[2], weight[0])
    return out


@given(ROWS, st.booleans(), st.booleans(), st.booleans())
def test_counts_and_products(rows, weighted, entered, grouped):
    frame = table(rows)
    options = {**({"weights": "w"} if weighted else {}), **({"entry": "entry"} if entered else {})}
    assume(not grouped or frame["arm"].notna().any())
    endpoint, by = made(frame, **options), "arm" if grouped else None
    tidy, causes = kaplan_meier(endpoint, by).tidy(), cumulative_incidence(endpoint, by).tidy()
    levels = sorted(set(frame["arm"].dropna())) if grouped else ["all"]
    assert sorted(set(tidy["group"])) == levels
    for level in levels:
        expected = counted(frame, level if grouped else None, weighted, entered)
        own = tidy[tidy["group"] == level]
        assert own["time"].tolist() == list(expected)
        assert own["n_risk"].tolist() == [n for n, _, _, _ in expected.values()]
        assert own["n_event"].tolist() == [a + b for _, a, b, _ in expected.values()]
        assert own["n_censor"].tolist() == [c for _, _, _, c in expected.values()]
        free, lost = 1.0, [0.0, 0.0]
        curves = []
        for n, a, b, _ in expected.values():
            lost = [lost[0] + free * a / n, lost[1] + free * b / n]
            free *= 1 - (a + b) / n
            curves.append((free, *lost))
        np.testing.assert_allclose(own["estimate"], [c[0] for c in curves], atol=1e-14)
        for k, cause in enumerate(CAUSES.values(), 1):
            part = causes[(causes["group"] == level) & (causes["cause"] == cause)]
            np.testing.assert_allclose(part["estimate"], [c[k] for c in curves], atol=1e-14)


@given(ROWS, st.booleans(), st.booleans())
def test_expected_events(rows, weighted, entered):
    frame = table(rows)
    arms = sorted(set(frame["arm"].dropna()))
    assume(len(arms) > 1)
    options = {**({"weights": "w"} if weighted else {}), **({"entry": "entry"} if entered else {})}
    groups = {level: frame[frame["arm"] == level] for level in arms}
    expected = dict.fromkeys(arms, 0.0)
    for u in sorted(set(frame["t"])):
        n, d = {}, 0.0
        for level, own in groups.items():
            w = own["w"] if weighted else own["w"] * 0 + 1
            inside = (own["t"] >= u) & ((own["entry"] < u) | (not entered))
            n[level] = w[inside].sum()
            d += w[(own["t"] == u) & (own["s"] > 0)].sum()
        for level in arms:
            expected[level] += d * n[level] / sum(n.values()) if d else 0.0
    table_of = logrank_test(made(frame, **options), "arm").tidy().set_index("group")["expected"]
    np.testing.assert_allclose([table_of[level] for level in arms], list(expected.values()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", [65_535, 65_536, 70_000])
def test_more_times_than_sixteen_bits_can_number(n):
    time = np.random.default_rng(8).permutation(n) + 1.0
    frame = pd.DataFrame({"t": time, "s": 1, "arm": np.where(time % 2 == 0, "even", "odd")})
    tidy = kaplan_meier(made(frame)).tidy()
    assert (tidy["n_risk"].to_numpy() == np.arange(n, 0, -1)).all()
    np.testing.assert_allclose(tidy["estimate"], np.arange(n - 1, -1, -1) / n, atol=1e-12)
    even = kaplan_meier(made(frame), "arm").tidy()
    even = even[even["group"] == "even"]
    np.testing.assert_allclose(even["estimate"], np.arange(n // 2 - 1, -1, -1) / (n // 2), atol=1e-12)


@pytest.mark.parametrize("weights", list(permutations([0.1, 0.2, 0.3])))
def test_weights_that_add_up_with_rounding_put_nobody_at_risk(weights):
    """Group c enters after the last event: 0.1 + 0.2 + 0.3 less 0.3 + 0.2 + 0.1 is 0, not 1e-16 at risk."""
    frame = pd.DataFrame(
        {
            "t": [3.0, 4, 2, 1, 5, 2, 8, 7, 6],
            "s": [1, 0, 1, 1, 0, 1, 0, 0, 0],
            "arm": list("baaabbccc"),
            "entry": [0.0] * 6 + [5.5] * 3,
            "w": [0.7] * 6 + list(weights),
        }
    )
    result = logrank_test(made(frame, entry="entry", weights="w"), "arm")
    assert result.df == 1
    assert result.tidy()["expected"].iloc[2] == 0


@given(st.integers(0, 2**16), st.integers(1, 6), st.integers(1, 3))
def test_both_ways_of_counting_give_one_table(seed, n_times, n_groups):
    rng = np.random.default_rng(seed)
    n = 30
    rows = made(pd.DataFrame({"t": rng.integers(0, n_times, n), "s": 0})).rows
    cause, group = rng.integers(-1, 3, n).astype(np.int32), rng.integers(-1, n_groups, n).astype(np.int32)
    weight = rng.choice([0.5, 1.0, 2.0], n)
    walked = risk._tally(rows.order, rows.rank, rows.late, rows.first, cause, weight, group, n_groups, 2)
    cells = risk._tally_cells(rows.rank, cause, weight, group, n_groups, 2, len(rows.times))
    for left, right in zip(walked, cells, strict=True):
        np.testing.assert_array_equal(left, right)
