"""The log-rank family on a sheet of paper: fractions, weights, strata, trend, pairs."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from ikzf1_outcomes import endpoint_from_columns, logrank_test, pairwise_tests, trend_test

F = Fraction
# a: 1, 2, 4+ ; b: 2, 3, 5+
SIX = {"t": [3.0, 4, 2, 1, 5, 2], "s": [1, 0, 1, 1, 0, 1], "arm": list("baaabb")}
# an event and a censoring at 0, three groups, two centres
EIGHT = {
    "t": [2.0, 0, 1, 3, 2, 0, 4, 1],
    "s": [1, 1, 1, 1, 0, 0, 1, 1],
    "arm": list("acbbacab"),
    "centre": list("xyxyxyyx"),
}


def made(columns):
    named = {name: name for name in ("entry", "weights") if name in columns}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes={1: "relapse"}, **named)


def naive(columns, levels, rho=0, gamma=0):
    """Observed, expected and covariance in fractions, looking at every row at every event time."""
    entry = columns.get("entry", [-np.inf] * len(columns["t"]))
    rows = list(zip(entry, columns["t"], columns["s"], columns["arm"], strict=True))
    observed, expected = dict.fromkeys(levels, F(0)), dict.fromkeys(levels, F(0))
    covariance = {(g, h): F(0) for g in levels for h in levels}
    free = F(1)
    for u in sorted({t for _, t, s, _ in rows if s}):
        at_risk = {g: sum(1 for e, t, _, arm in rows if e < u <= t and arm == g) for g in levels}
        died = {g: sum(1 for _, t, s, arm in rows if t == u and s and arm == g) for g in levels}
        n, d = sum(at_risk.values()), sum(died.values())
        w = free**rho * (1 - free) ** gamma
        for g in levels:
            observed[g] += w * died[g]
            expected[g] += w * F(d * at_risk[g], n)
            for h in levels:
                if n > 1:
                    share = F(at_risk[g], n) * ((g == h) - F(at_risk[h], n))
                    covariance[g, h] += w * w * d * share * F(n - d, n - 1)
        free *= 1 - F(d, n)
    return observed, expected, covariance


def chi_square(observed, expected, covariance, levels):
    kept = levels[:-1]
    u = np.array([float(observed[g] - expected[g]) for g in kept])
    v = np.array([[float(covariance[g, h]) for h in kept] for g in kept])
    return float(u @ np.linalg.solve(v, u))


def test_two_groups_in_fractions():
    # time 1: n 6, a 3, d 1: E_a 1/2, V 1/4. Time 2: n 5, a 2, d 2: E_a 4/5, V 2 (2/5)(3/5)(3/4) = 9/25.
    # time 3: n 3, a 1, d 1: E_a 1/3, V 2/9. Sum: O 2, E 49/30, V 749/900; (11/30)^2 / (749/900) = 121/749.
    result = logrank_test(made(SIX), "arm")
    row = result.glance().iloc[0]
    assert row["statistic"] == pytest.approx(121 / 749, rel=1e-14)
    assert (row["df"], row["n"], row["n_excluded"], row["method"], row["note"]) == (1, 6, 0, "log-rank", "")
    assert row["p_value"] == pytest.approx(chi2.sf(121 / 749, 1), rel=1e-13)
    groups = result.tidy()
    assert groups[["group", "n", "n_event"]].to_numpy().tolist() == [["a", 3, 2], ["b", 3, 2]]
    np.testing.assert_allclose(groups["expected"], [49 / 30, 4 - 49 / 30], rtol=1e-14)
    assert groups["observed"].tolist() == [2, 2]


@pytest.mark.parametrize(("rho", "gamma"), [(1, 0), (0, 1), (1, 1), (2, 0)])
def test_fleming_harrington_weights(rho, gamma):
    # pooled S(t-): 1, 5/6, 1/2 at times 1, 2, 3
    if (rho, gamma) == (1, 0):
        by_hand = (1 - F(1, 2) + F(5, 6) * F(1, 5) - F(1, 6)) ** 2 / (F(1, 4) + F(25, 36) * F(9, 25) + F(1, 4) * F(2, 9))
        observed, expected, covariance = naive(SIX, ["a", "b"], 1, 0)
        assert (observed["a"] - expected["a"]) ** 2 / covariance["a", "a"] == by_hand
    parts = naive(SIX, ["a", "b"], rho, gamma)
    result = logrank_test(made(SIX), "arm", rho=rho, gamma=gamma)
    assert result.statistic == pytest.approx(chi_square(*parts, ["a", "b"]), rel=1e-13)
    np.testing.assert_allclose(result.tidy()["observed"], [float(parts[0][g]) for g in "ab"], rtol=1e-14)
    assert result.method == f"Fleming-Harrington ({rho}, {gamma})"


@pytest.mark.parametrize("extra", [{}, {"entry": [1.0, -np.inf, -1, 0, 0.5, -1, 2, 0]}], ids=["ties", "entry"])
def test_three_groups(extra):
    columns = {**EIGHT, **extra}
    parts = naive(columns, ["a", "b", "c"])
    result = logrank_test(made(columns), "arm")
    assert (result.statistic, result.df) == (pytest.approx(chi_square(*parts, ["a", "b", "c"]), rel=1e-12), 2)
    np.testing.assert_allclose(result.tidy()["expected"], [float(parts[1][g]) for g in "abc"], rtol=1e-14)


def test_strata_add_up():
    total = None
    for centre in "xy":
        own = [i for i, c in enumerate(EIGHT["centre"]) if c == centre]
        parts = naive({name: [column[i] for i in own] for name, column in EIGHT.items()}, ["a", "b", "c"])
        total = parts if total is None else [{k: a[k] + b[k] for k in a} for a, b in zip(total, parts, strict=True)]
    result = logrank_test(made(EIGHT), "arm", strata="centre")
    assert result.statistic == pytest.approx(chi_square(*total, ["a", "b", "c"]), rel=1e-12)
    assert result.glance()["method"].tolist() == ["stratified log-rank"]


@pytest.mark.parametrize("scores", [None, [1, 2, 4]])
def test_trend(scores):
    observed, expected, covariance = naive(EIGHT, "abc")
    a = dict(zip("abc", [F(k) for k in (scores or [1, 2, 3])], strict=True))
    u = sum(a[g] * (observed[g] - expected[g]) for g in "abc")
    v = sum(a[g] * a[h] * covariance[g, h] for g in "abc" for h in "abc")
    result = trend_test(made(EIGHT), "arm", scores=scores)
    assert (result.statistic, result.df) == (pytest.approx(float(u * u / v), rel=1e-13), 1)


def test_trend_of_two_groups_is_the_logrank_test():
    assert trend_test(made(SIX), "arm").statistic == pytest.approx(121 / 749, rel=1e-14)


def test_rows_without_a_group_or_a_stratum_are_left_out_and_counted():
    more = {name: [*column, extra] for (name, column), extra in zip(SIX.items(), (1.5, 1, None), strict=True)}
    result = logrank_test(made(more), "arm")
    assert result.statistic == pytest.approx(121 / 749, rel=1e-14)
    assert (result.n_excluded, result.glance()["n"].iloc[0]) == (1, 6)


def test_a_group_that_is_never_at_risk_at_an_event_has_no_degree_of_freedom():
    # c is censored before the first event
    more = {name: [*column, extra] for (name, column), extra in zip(SIX.items(), (0.5, 0, "c"), strict=True)}
    result = logrank_test(made(more), "arm")
    assert (result.statistic, result.df) == (pytest.approx(121 / 749, rel=1e-14), 1)


def test_groups_that_share_no_stratum_cannot_be_compared():
    """a and b meet in stratum x only, c and d in y only: two comparisons, hence two degrees of freedom."""
    # x: a 1, b 2, a 5, b 6+: at 1 n 4; at 2 n 3 (a 1); at 5 n 2. y: c 3, d 4, c 7, d 8+: the same picture.
    columns = {
        "t": [1.0, 2, 3, 4, 5, 6, 7, 8],
        "s": [1, 1, 1, 1, 1, 0, 1, 0],
        "arm": list("abcdabcd"),
        "centre": list("xxyyxxyy"),
    }
    # O_a 2, E_a 1/2 + 1/3 + 1/2 = 4/3, V 1/4 + 2/9 + 1/4 = 13/18: (2/3)^2 / (13/18) = 8/13, twice
    result = logrank_test(made(columns), "arm", strata="centre")
    assert (result.statistic, result.df) == (pytest.approx(16 / 13, rel=1e-13), 2)


def test_all_pairs_and_holm():
    table = pairwise_tests(made(EIGHT), "arm", adjust="holm")
    assert table["contrast"].tolist() == ["b vs a", "c vs a", "c vs b"]
    p = []
    for pair, statistic in zip(("ab", "ac", "bc"), table["statistic"], strict=True):
        own = [i for i, arm in enumerate(EIGHT["arm"]) if arm in pair]
        parts = naive({name: [column[i] for i in own] for name, column in EIGHT.items()}, list(pair))
        assert statistic == pytest.approx(chi_square(*parts, list(pair)), rel=1e-12)
        p.append(chi2.sf(statistic, 1))
    # Holm: the smallest times 3, the next times 2, the largest; never below the one before, never above 1
    running, adjusted = 0.0, {}
    for rank, i in enumerate(np.argsort(p)):
        running = min(1.0, max(running, p[i] * (3 - rank)))
        adjusted[i] = running
    np.testing.assert_allclose(table["p_adjusted"], [adjusted[i] for i in range(3)], rtol=1e-12)
    bonferroni = pairwise_tests(made(EIGHT), "arm", adjust="bonferroni")["p_adjusted"]
    np.testing.assert_allclose(bonferroni, np.minimum(1, 3 * np.array(p)), rtol=1e-12)
    assert pairwise_tests(made(EIGHT), "arm", adjust="none")["p_adjusted"].tolist() == table["p_value"].tolist()
