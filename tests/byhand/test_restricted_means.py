"""Areas under curves: rectangles as fractions, and variances as naive double sums over the pieces."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import (
    cumulative_incidence,
    endpoint_from_columns,
    failure_ledger,
    kaplan_meier,
    risk_difference,
    rmst_difference,
    years_lost_difference,
)

F = Fraction

EIGHT = {"t": [3.0, 1, 2, 0, 1, 4, 3, 1], "s": [0, 2, 1, 1, 1, 0, 2, 0]}
# S 7/8 on [0, 1), 5/8 on [1, 2), 15/32 on [2, 3), 5/16 on [3, 4]; see test_incidence
CAUSES = {1: "relapse", 2: "death"}


def made(columns, causes=None):
    named = {"entry": "entry"} if "entry" in columns else {}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes=causes or CAUSES, **named)


def hazards_of(columns):
    """Times, numbers at risk, and increments (a_1, a_2)."""
    entry = columns.get("entry", [-np.inf] * len(columns["t"]))
    rows = list(zip(entry, columns["t"], columns["s"], strict=True))
    times, n_risk, increments = sorted(set(columns["t"])), [], []
    for u in times:
        n = sum(1 for e, t, _ in rows if e < u <= t)
        n_risk.append(n)
        increments.append([F(sum(1 for _, t, s in rows if (t, s) == (u, k)), n) for k in (1, 2)])
    return [F(u) for u in times], n_risk, increments


def area(times, increments, tau, which):
    """Area from 0 to tau under S (which = 0) or F_which, rectangle by rectangle."""
    edges = [F(0), *[u for u in times if u <= tau], tau]
    total = F(0)
    for left, right in pairwise(edges):
        free, hit = F(1), F(0)
        for u, a in zip(times, increments, strict=True):
            if u <= left:
                hit += free * a[which - 1]
                free *= 1 - a[0] - a[1]
        total += (right - left) * (free if which == 0 else hit)
    return total


def area_variance(columns, tau, which):
    """Double sum over the increments of every time; an area is linear in each increment."""
    times, n_risk, increments = hazards_of(columns)
    base, total = area(times, increments, tau, which), F(0)
    for u, n in enumerate(n_risk):
        slope = []
        for j in (0, 1):
            up = [list(a) for a in increments]
            up[u][j] += 1
            slope.append(area(times, up, tau, which) - base)
        for j in (0, 1):
            for m in (0, 1):
                own = increments[u]
                total += slope[j] * slope[m] * ((own[j] if j == m else 0) - own[j] * own[m]) / n
    return total


def test_restricted_mean_by_rectangles():
    curve = kaplan_meier(made(EIGHT))
    # to 5/2: 7/8 + 5/8 + 1/2 15/32 = 111/64
    assert curve.rmst(2.5)["estimate"].tolist() == [pytest.approx(111 / 64, rel=1e-14)]
    # to 1/2: the event at 0 has happened
    assert curve.rmst(0.5)["estimate"].tolist() == [pytest.approx(7 / 16, rel=1e-14)]
    assert curve.rmst(4)["estimate"].tolist() == [pytest.approx(7 / 8 + 5 / 8 + 15 / 32 + 5 / 16, rel=1e-14)]


def test_variance_of_the_restricted_mean_by_its_sum():
    # to 5/2: areas left of the event times 0, 1, 2: 111/64, 55/64, 15/64; n, d: 8, 1; 7, 2; 4, 1
    by_hand = F(111, 64) ** 2 * F(1, 8 * 7) + F(55, 64) ** 2 * F(2, 7 * 5) + F(15, 64) ** 2 * F(1, 4 * 3)
    row = kaplan_meier(made(EIGHT)).rmst(2.5).iloc[0]
    assert row["std_error"] ** 2 == pytest.approx(float(by_hand), rel=1e-13)
    half = 1.959963984540054 * row["std_error"]
    assert (row["low"], row["high"]) == (pytest.approx(row["estimate"] - half), pytest.approx(row["estimate"] + half))
    assert (row["tau"], row["n"], row["interval"], row["scale"], row["note"]) == (2.5, 8, "plain", "time", "")


ENTERED = {**EIGHT, "t": [3.0, 1, 2, 0.5, 1, 4, 3, 1], "entry": [0.5, 0.0, 1, -np.inf, 0, 2, 0.25, 0.75]}


@pytest.mark.parametrize("columns", [EIGHT, ENTERED], ids=["ties", "entry"])
@pytest.mark.parametrize("tau", [0.5, 1.0, 2.5, 4.0])
def test_areas_and_their_variances_are_the_naive_ones(columns, tau):
    times, _, increments = hazards_of(columns)
    mean = kaplan_meier(made(columns)).rmst(tau)
    lost = cumulative_incidence(made(columns)).years_lost(tau)
    estimates = [*mean["estimate"], *lost["estimate"]]
    errors = [*mean["std_error"], *lost["std_error"]]
    for which in (0, 1, 2):
        assert estimates[which] == pytest.approx(float(area(times, increments, F(tau), which)), rel=1e-13, abs=1e-15)
        assert errors[which] ** 2 == pytest.approx(float(area_variance(columns, F(tau), which)), rel=1e-12, abs=1e-17)
    assert sum(estimates) == pytest.approx(tau, rel=1e-14)
    assert lost["cause"].tolist() == ["relapse", "death"]


def test_tau_beyond_the_end_is_not_estimable_unless_nobody_is_left():
    assert kaplan_meier(made(EIGHT)).rmst(4.1)["note"].tolist() == [
        "not estimable: tau is beyond the last follow-up of the group"
    ]
    assert kaplan_meier(made(EIGHT)).rmst(4.1)[["estimate", "std_error", "low", "high"]].isna().all(axis=None)
    everybody = made({"t": [2.0, 1], "s": [2, 1]})
    assert kaplan_meier(everybody).rmst(10)["estimate"].tolist() == [1.5]
    # 1/2 from 1 and 1/2 from 2 up to 10
    assert cumulative_incidence(everybody).years_lost(10)["estimate"].tolist() == [4.5, 4.0]


TWO = {"t": [1.0, 2, 3, 3, 2, 1, 3, 3], "s": [1, 2, 0, 0, 1, 0, 0, 0], "arm": list("babababa")}
# a: 2 death of 4, then censored at 1: rows 2, 4, 6, 8: t = 2 (death), 3+, 1+, 3+ -> at 2: n = 3, d = 1
# b: rows 1, 3, 5, 7: 1 relapse of 4, 3+, 2 relapse of 3, 3+


def test_differences_between_two_groups():
    e = made(TWO)
    # S_a: 2/3 from 2; S_b: 3/4 from 1, 1/2 from 2
    risk = risk_difference(e, "arm", at=2.5).iloc[0]
    assert risk["contrast"] == "b vs a"
    assert risk["estimate"] == pytest.approx(1 / 2 - 1 / 3, rel=1e-14)
    variance = F(4, 9) * F(1, 3 * 2) + F(1, 4) * (F(1, 4 * 3) + F(1, 3 * 2))
    assert risk["std_error"] ** 2 == pytest.approx(float(variance), rel=1e-13)
    assert risk["statistic"] == pytest.approx(1 / 6 / float(variance) ** 0.5, rel=1e-13)
    assert risk["n"] == 8
    death = risk_difference(e, "arm", at=2.5, cause="death").iloc[0]
    assert (death["cause"], death["estimate"]) == ("death", pytest.approx(-1 / 3, rel=1e-14))
    # areas to 3: a 2 + 2/3; b 1 + 3/4 + 1/2
    mean = rmst_difference(e, "arm", tau=3).iloc[0]
    assert mean["estimate"] == pytest.approx(9 / 4 - 8 / 3, rel=1e-14)
    variance = F(2, 3) ** 2 * F(1, 6) + F(5, 4) ** 2 * F(1, 12) + F(1, 2) ** 2 * F(1, 6)
    assert mean["std_error"] ** 2 == pytest.approx(float(variance), rel=1e-13)
    # relapse: b 1/4 on [1, 2), 1/2 on [2, 3); death: a 1/3 on [2, 3)
    lost = years_lost_difference(e, "arm", tau=3).set_index("cause")["estimate"]
    assert lost.to_dict() == {"relapse": pytest.approx(3 / 4), "death": pytest.approx(-1 / 3)}


def test_the_failure_ledger_adds_up():
    ledger = failure_ledger(made(TWO), "arm", at=2.5)
    sums = ledger[ledger["contrast"] == ""].groupby(["term", "group"])["estimate"].sum()
    assert sums.to_dict() == {
        ("mean time", "a"): pytest.approx(2.5, rel=1e-14),
        ("mean time", "b"): pytest.approx(2.5, rel=1e-14),
        ("probability", "a"): pytest.approx(1, rel=1e-15),
        ("probability", "b"): pytest.approx(1, rel=1e-15),
    }
    between = ledger[ledger["contrast"] == "b vs a"].groupby("term")["estimate"].sum()
    np.testing.assert_allclose(between, 0, atol=1e-15)
    first = ledger[(ledger["term"] == "probability") & (ledger["group"] == "b")]
    assert first["cause"].tolist() == ["event-free", "relapse", "death"]
    np.testing.assert_allclose(first["estimate"], [1 / 2, 1 / 2, 0], rtol=1e-14)
