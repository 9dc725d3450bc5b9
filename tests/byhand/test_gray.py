"""Gray's test against a slow reading of its formulas, and values of R's cmprsk where a curve reaches 1."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from ikzf1_outcomes import endpoint_from_columns, gray_test, landmark, logrank_test, pairwise_tests

EIGHT = {"t": [1.0, 3, 2, 1, 0, 2, 4, 3], "s": [1, 1, 2, 1, 1, 0, 2, 1], "arm": list("abababba")}
THREE = {"t": [2.0, 1, 3, 2, 5, 1, 4, 2], "s": [1, 2, 1, 1, 0, 1, 1, 0], "arm": list("cabbacac")}
CENTRES = {
    "t": [2.0, 1, 3, 2, 5, 1, 4, 2],
    "s": [1, 2, 1, 1, 1, 1, 0, 1],
    "arm": list("abbabaab"),
    "centre": list("xxxyyyyx"),
}


def made(columns):
    named = {"weights": "weights"} if "weights" in columns else {}
    return endpoint_from_columns(pd.DataFrame(columns), time="t", status="s", causes={1: "relapse", 2: "death"}, **named)


def naive(columns, levels, rho=0.0):
    """z and V: at each time h_r = Y_r / S_r(t-), R_r = h_r (1 - F_r(t-)), dF_0 = sum d / sum h.

    z_k = sum L (d_k - R_k d / R); c_kr = int d_kr dF_0 / (1 - F_0-); b_kr = -(1 - F_0) / S_r (c_kr(end) - c_kr);
    a_kr = d_kr + b_kr + c_kr(end) - c_kr; tied events get the factor 1 - (d - 1) / (n - 1).
    """
    rows = list(zip(columns["t"], columns["s"], columns["arm"], strict=True))
    times = sorted({t for t, s, _ in rows if s})
    K, m = len(levels), len(times)
    h, S, d1, d2, Y = (np.zeros((m, K)) for _ in range(5))
    R, Sm, Fm = np.zeros((m, K)), np.ones(K), np.zeros(K)
    F0m, F0, dF0, L = np.zeros(m), np.zeros(m), np.zeros(m), np.zeros(m)
    z, common = np.zeros(K), 0.0
    for j, u in enumerate(times):
        for r, level in enumerate(levels):
            Y[j, r] = sum(1 for t, _, arm in rows if t >= u and arm == level)
            d1[j, r] = sum(1 for t, s, arm in rows if (t, s, arm) == (u, 1, level))
            d2[j, r] = sum(1 for t, s, arm in rows if (t, s, arm) == (u, 2, level))
            h[j, r] = Y[j, r] / Sm[r] if Y[j, r] else 0.0
            R[j, r] = h[j, r] * (1 - Fm[r])
        F0m[j], L[j] = common, (1 - common) ** rho
        d = d1[j].sum()
        if d:
            z += L[j] * (d1[j] - R[j] * d / R[j].sum())
            dF0[j] = d / h[j].sum()
        common += dF0[j]
        F0[j] = common
        for r in range(K):
            if Y[j, r]:
                Fm[r] += Sm[r] * d1[j, r] / Y[j, r]
                Sm[r] *= 1 - (d1[j, r] + d2[j, r]) / Y[j, r]
            S[j, r] = Sm[r]
    own = np.zeros((m, K, K))  # d_kr
    step = np.zeros((m, K, K))
    for j in range(m):
        for k in range(K):
            for r in range(K):
                if h[j, r]:
                    own[j, k, r] = L[j] * h[j, r] * ((k == r) - h[j, k] / h[j].sum())
                if own[j, k, r] and dF0[j]:
                    step[j, k, r] = own[j, k, r] * dF0[j] / (1 - F0m[j])
    V = np.zeros((K, K))
    for j in range(m):
        ahead = step[j + 1 :].sum(axis=0)
        for r in range(K):
            if not h[j, r]:
                continue
            b = -(1 - F0[j]) / S[j, r] * ahead[:, r] if S[j, r] > 1e-12 else np.zeros(K)
            a = own[j, :, r] + b + ahead[:, r]
            d, before = d1[j].sum(), Y[j, r] / h[j, r]
            everybody = h[j].sum() * before
            tied = 1 - (d - 1) / (everybody - 1) if d > 1 else 1.0
            V += np.outer(a, a) * dF0[j] / h[j, r] * tied
            tied = 1 - (d2[j, r] - 1) / (Y[j, r] - 1) if d2[j, r] > 1 else 1.0
            V += np.outer(b, b) * d2[j, r] / h[j, r] ** 2 * tied
    return z, V


def chi_square(z, V):
    return float(z[:-1] @ np.linalg.solve(V[:-1, :-1], z[:-1]))


@pytest.mark.parametrize("rho", [0.0, 1.0, 0.5])
@pytest.mark.parametrize("columns", [EIGHT, THREE, CENTRES], ids=["event at 0", "three groups", "ties"])
def test_the_slow_twin(columns, rho):
    levels = sorted(set(columns["arm"]))
    z, V = naive(columns, levels, rho)
    result = gray_test(made(columns), "arm", cause="relapse", rho=rho)
    groups = result.tidy()
    np.testing.assert_allclose(groups["observed"] - groups["expected"], z, rtol=1e-12, atol=1e-14)
    assert (result.statistic, result.df) == (pytest.approx(chi_square(z, V), rel=1e-10), len(levels) - 1)
    assert result.p_value == pytest.approx(chi2.sf(result.statistic, len(levels) - 1), rel=1e-12)


def test_strata_add_scores_and_covariances():
    parts = []
    for centre in "xy":
        own = [i for i, c in enumerate(CENTRES["centre"]) if c == centre]
        parts.append(naive({name: [column[i] for i in own] for name, column in CENTRES.items()}, ["a", "b"]))
    z, V = parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]
    result = gray_test(made(CENTRES), "arm", cause="relapse", strata="centre")
    assert result.statistic == pytest.approx(chi_square(z, V), rel=1e-10)
    assert result.method == "stratified Gray"


def test_without_ties_and_competing_events_the_score_is_that_of_the_logrank_test():
    """Then F = 1 - S: R_r is Y_r, and observed less expected is the log-rank's."""
    columns = {"t": [1.0, 2, 3, 4, 5, 6, 7, 8], "s": [1, 1, 0, 1, 0, 1, 1, 0], "arm": list("abbaabab")}
    gray, logrank = gray_test(made(columns), "arm", cause="relapse"), logrank_test(made(columns), "arm")
    np.testing.assert_allclose(gray.tidy()["expected"], logrank.tidy()["expected"], rtol=1e-13)


def test_competing_events_stay_in_the_risk_set():
    """a: death 1, relapse 2; b: relapse 3, 4. At 2: R_a = 1 / (1/2) = 2, R_b = 2; at 3 nobody of a is left.

    z_a = 1 - 2/4 = 1/2, E_a = 1/2, E_b = 1/2 + 1 + 1.
    """
    columns = {"t": [3.0, 1, 4, 2], "s": [1, 2, 1, 1], "arm": list("baba")}
    groups = gray_test(made(columns), "arm", cause="relapse").tidy()
    np.testing.assert_allclose(groups["expected"], [1 / 2, 5 / 2], rtol=1e-14)
    assert groups["observed"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("columns", "statistic"),
    [
        ({"t": [1.0, 1, 2, 3], "s": [1, 1, 1, 1], "arm": list("aabb")}, 3),
        ({"t": [1.0, 1, 2, 3, 4], "s": [1, 1, 1, 1, 0], "arm": list("aabbb")}, 4),
    ],
)
def test_the_common_incidence_may_reach_one_before_the_end(columns, statistic):
    """cmprsk 2.2: cuminc(c(1, 1, 2, 3), c(1, 1, 1, 1), c(1, 1, 2, 2))$Tests is 3; with a fifth, censored at 4, it is 4."""
    # the common incidence grows by 2/4 at 1 and by 1/2 at 2 (group a has left): it is 1 when b still has an event to come
    assert gray_test(made(columns), "arm", cause="relapse").statistic == pytest.approx(statistic, rel=1e-10)


def test_pairs_are_tested_on_their_own_rows():
    table = pairwise_tests(made(THREE), "arm", test="gray", cause="relapse", adjust="none")
    for pair, statistic in zip(("ab", "ac", "bc"), table["statistic"], strict=True):
        own = [i for i, arm in enumerate(THREE["arm"]) if arm in pair]
        columns = {name: [column[i] for i in own] for name, column in THREE.items()}
        assert statistic == pytest.approx(chi_square(*naive(columns, list(pair))), rel=1e-10)


# a: six relapses at 1; b: 2 and 4; c: 3 and 5. The common incidence is 6/10, 17/20, 11/10 after times 1, 2, 3.
PAST_ONE = {"t": [1.0] * 6 + [2, 4, 3, 5], "s": [1] * 10, "arm": list("aaaaaabbcc")}


@pytest.mark.parametrize(("status", "statistic"), [(1, 9.29898683173232), (2, 9.00904516931426)])
def test_the_common_incidence_may_pass_one_while_two_groups_are_at_risk(status, statistic):
    """Values of cmprsk 2.2; with status 2 the event at 4 is a death."""
    columns = {**PAST_ONE, "s": [1] * 7 + [status, 1, 1]}
    assert chi_square(*naive(columns, ["a", "b", "c"])) == pytest.approx(statistic, rel=1e-10)
    assert gray_test(made(columns), "arm", cause="relapse").statistic == pytest.approx(statistic, rel=1e-10)


def test_the_slow_twin_gives_the_values_of_cmprsk_too():
    columns = {"t": [1.0, 1, 2, 3], "s": [1, 1, 1, 1], "arm": list("aabb")}
    assert chi_square(*naive(columns, ["a", "b"])) == pytest.approx(3, rel=1e-12)


def test_after_one_landmark_for_all_the_test_is_that_of_those_who_are_left():
    late = landmark(made(CENTRES), 1)
    own = [i for i, t in enumerate(CENTRES["t"]) if t > 1]
    rest = {name: [column[i] for i in own] for name, column in CENTRES.items()}
    z, V = naive(rest, ["a", "b"])
    assert gray_test(late, "arm", cause="relapse").statistic == pytest.approx(chi_square(z, V), rel=1e-10)
