"""Aalen-Johansen incidence of two causes: fractions, and both variances from their definitions."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import cumulative_incidence, endpoint_from_columns, kaplan_meier

F = Fraction
# 0 relapse | 1 relapse, death, censored | 2 relapse | 3 death, censored | 4 censored
EIGHT = {"t": [3.0, 1, 2, 0, 1, 4, 3, 1], "s": [0, 2, 1, 1, 1, 0, 2, 0]}
# n: 8, 7, 4, 3, 1
SURVIVAL = [F(7, 8), F(7, 8) * F(5, 7), F(5, 8) * F(3, 4), F(15, 32) * F(2, 3), F(5, 16)]
RELAPSE = [F(1, 8), F(1, 8) + F(7, 8) * F(1, 7), F(1, 4) + F(5, 8) * F(1, 4), F(13, 32), F(13, 32)]
DEATH = [F(0), F(1, 8), F(1, 8), F(1, 8) + F(15, 32) * F(1, 3), F(9, 32)]


def made(columns):
    named = {name: name for name in ("entry", "weights") if name in columns}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes={1: "relapse", 2: "death"}, **named)


def counts(columns):
    """(n, d_1, d_2) at every distinct time, as whole numbers, by looking at every row."""
    entry = columns.get("entry", [-np.inf] * len(columns["t"]))
    rows = list(zip(entry, columns["t"], columns["s"], strict=True))
    out = []
    for u in sorted(set(columns["t"])):
        n = sum(1 for e, t, _ in rows if e < u <= t)
        out.append((n, *(sum(1 for _, t, s in rows if t == u and s == k) for k in (1, 2))))
    return out


def incidence(hazards, k):
    """F_k at the end, from increments (a_1, a_2) of each time: sum of the product of (1 - a) times a_k."""
    free, total = F(1), F(0)
    for a in hazards:
        total += free * a[k]
        free *= 1 - a[0] - a[1]
    return total


def double_sum_variance(table, k):
    """Delta method: increments are independent between times, with covariance (delta_jl a_j - a_j a_l) / n within one.

    F_k is linear in each increment, so that its derivative is an exact difference.
    """
    hazards = [(F(d1, n), F(d2, n)) for n, d1, d2 in table]
    total = F(0)
    for u, (n, _, _) in enumerate(table):
        slope = []
        for j in (0, 1):
            up = [list(a) for a in hazards]
            up[u][j] += 1
            slope.append(incidence(up, k) - incidence(hazards, k))
        for j in (0, 1):
            for m in (0, 1):
                covariance = ((hazards[u][j] if j == m else 0) - hazards[u][j] * hazards[u][m]) / n
                total += slope[j] * slope[m] * covariance
    return total


def gray_variance(table, k):
    """The variance of `cuminc`: sum of w_1 [1 - (F - F(u)) / S(u)]^2 + w_2 [(F - F(u)) / S(u)]^2."""
    hazards = [(F(d[1], d[0]), F(d[2], d[0])) for d in table]
    free, path, now = F(1), [], F(0)
    for a in hazards:
        before, now = free, now + free * a[k]
        free *= 1 - a[0] - a[1]
        path.append((before, free, now))
    total = F(0)
    for (n, d1, d2), (before, after, then) in zip(table, path, strict=True):
        own, other = (d1, d2) if k == 0 else (d2, d1)
        ahead = (now - then) / after if after else F(0)
        for d, slope in ((own, 1 - ahead), (other, ahead)):
            if d:
                tied = 1 - F(d - 1, n - 1) if d > 1 else F(1)
                total += before**2 / n**2 * d * tied * slope**2
    return total


def test_incidence_of_two_causes():
    table = cumulative_incidence(made(EIGHT)).tidy()
    assert table["cause"].tolist() == ["relapse"] * 5 + ["death"] * 5
    assert table["time"].tolist() == [0, 1, 2, 3, 4] * 2
    assert table["n_risk"].tolist() == [8, 7, 4, 3, 1] * 2
    assert table["n_event"].tolist() == [1, 1, 1, 0, 0, 0, 1, 0, 1, 0]
    assert table["n_censor"].tolist() == [0, 1, 0, 1, 1] * 2
    np.testing.assert_allclose(table["estimate"], [float(f) for f in RELAPSE + DEATH], rtol=1e-14)


def test_survival_and_incidences_add_up_to_one():
    assert [s + r + d for s, r, d in zip(SURVIVAL, RELAPSE, DEATH, strict=True)] == [1] * 5
    free = kaplan_meier(made(EIGHT)).tidy()["estimate"].to_numpy()
    lost = cumulative_incidence(made(EIGHT)).tidy().groupby("time")["estimate"].sum().to_numpy()
    np.testing.assert_allclose(free + lost, 1, rtol=1e-15)


ENTERED = {**EIGHT, "t": [3.0, 1, 2, 0.5, 1, 4, 3, 1], "entry": [0.5, 0.0, 1, -np.inf, 0, 2, 0.25, 0.75]}
TIED = {"t": [1.0, 2, 1, 2, 1, 2, 1, 2], "s": [1, 2, 1, 1, 1, 2, 2, 2]}


@pytest.mark.parametrize("columns", [EIGHT, ENTERED, TIED], ids=["ties", "entry", "all events"])
@pytest.mark.parametrize("k", [0, 1])
def test_greenwood_type_variance_is_the_double_sum(columns, k):
    table = counts(columns)
    ours = cumulative_incidence(made(columns)).tidy()
    own = ours[ours["cause"] == ("relapse", "death")[k]]
    by_hand = [float(double_sum_variance(table[: u + 1], k)) for u in range(len(table))]
    np.testing.assert_allclose(own["std_error"] ** 2, by_hand, rtol=1e-13, atol=1e-17)
    assert own["n_risk"].tolist() == [n for n, _, _ in table]


@pytest.mark.parametrize("columns", [EIGHT, TIED], ids=["ties", "all events"])
@pytest.mark.parametrize("k", [0, 1])
def test_cmprsk_variance_is_its_formula(columns, k):
    table = counts(columns)
    ours = cumulative_incidence(made(columns), variance="cmprsk").tidy()
    own = ours[ours["cause"] == ("relapse", "death")[k]]
    by_hand = [float(gray_variance(table[: u + 1], k)) for u in range(len(table))]
    np.testing.assert_allclose(own["std_error"] ** 2, by_hand, rtol=1e-13, atol=1e-17)


def test_the_first_variance_by_hand():
    # at 0: F = 1/8 with binomial variance (1/8)(7/8)/8 = 7/512; at 1 after no censoring: F = 2/8, (2/8)(6/8)/8
    ours = cumulative_incidence(made(EIGHT)).tidy(times=[0, 1])
    own = ours[ours["cause"] == "relapse"]["std_error"] ** 2
    np.testing.assert_allclose(own, [7 / 512, 12 / 512], rtol=1e-14)


def test_beyond_the_end_incidence_is_unknown_unless_nobody_is_event_free():
    lost = cumulative_incidence(made(EIGHT)).tidy(times=[4, 4.5])
    assert lost["estimate"].isna().tolist() == [False, True, False, True]
    assert lost.loc[lost["time"] == 4.5, "note"].str.contains("not estimable: beyond the last follow-up").all()
    kept = cumulative_incidence(made(TIED)).tidy(times=[9])
    np.testing.assert_allclose(kept["estimate"], [4 / 8, 4 / 8], rtol=1e-15)


def test_before_the_first_time_incidence_is_nought():
    columns = {**TIED, "t": [t + 1 for t in TIED["t"]]}
    early = cumulative_incidence(made(columns)).tidy(times=[1.5])
    assert early[["estimate", "std_error", "low", "high"]].to_numpy().tolist() == [[0, 0, 0, 0]] * 2


def test_a_cause_that_never_happens_keeps_its_rows():
    table = cumulative_incidence(made({"t": [2.0, 1], "s": [0, 1]})).tidy(times=[1])
    assert table["cause"].tolist() == ["relapse", "death"]
    assert table["estimate"].tolist() == [0.5, 0]
    assert table["std_error"].iloc[1] == 0
    glance = cumulative_incidence(made({"t": [2.0, 1], "s": [0, 1]})).glance()
    assert glance["n_event"].tolist() == [1, 0]


def test_the_order_of_causes_is_the_declared_one():
    frame = pd.DataFrame(EIGHT)
    swapped = endpoint_from_columns(frame, time="t", status="s", causes={2: "death", 1: "relapse"})
    assert swapped.causes == ("death", "relapse")
    table = cumulative_incidence(swapped).tidy(times=[3])
    assert table["estimate"].tolist() == [pytest.approx(9 / 32), pytest.approx(13 / 32)]
