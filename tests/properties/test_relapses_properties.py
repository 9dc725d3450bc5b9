"""A cause that is split: its parts add up, the rest stays, and a late part is the cause after its landmark."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from ikzf1_outcomes import (
    cox,
    cumulative_incidence,
    define_endpoint,
    endpoint_from_columns,
    gray_test,
    kaplan_meier,
    landmark,
    simulate_cohort,
)
from ikzf1_outcomes.relapses import after_relapse, relapse_site, relapse_timing, split_cause

SIZES, SEEDS = st.integers(15, 80), st.integers(0, 10**6)
ALL = ["very early", "early", "late"]


def made(n, seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "t": rng.integers(0, 24, n) / 4,
            "s": rng.integers(0, 3, n),
            "x": rng.normal(size=n),
            "arm": rng.choice(["a", "b"], n),
            "part": rng.choice(["u", "v", None], n),
        }
    )
    return endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})


def incidence(endpoint, by=None):
    table = cumulative_incidence(endpoint, by).tidy(times=np.arange(0, 6, 0.25))
    return table.pivot_table(index=["group", "time"], columns="cause", values="estimate", sort=False)


@given(SIZES, SEEDS)
def test_incidences_of_the_parts_add_up(n, seed):
    endpoint = made(n, seed)
    if not (endpoint.cause == 1).any():
        return
    whole, parts = incidence(endpoint, "arm"), incidence(split_cause(endpoint, "relapse", "part"), "arm")
    own = [name for name in parts if name.startswith("relapse: ")]
    np.testing.assert_allclose(parts[own].sum(axis=1), whole["relapse"], atol=1e-12)
    np.testing.assert_allclose(parts["death"], whole["death"], atol=1e-15)


@given(SIZES, SEEDS)
def test_what_is_not_split_stays(n, seed):
    endpoint = made(n, seed)
    if not ((endpoint.cause == 1).any() and (endpoint.cause == 2).sum() > 1):
        return
    split = split_cause(endpoint, "relapse", "part")
    assert split.n_event == endpoint.n_event
    pd.testing.assert_frame_equal(kaplan_meier(split).tidy(), kaplan_meier(endpoint).tidy())
    for e in (endpoint, split):
        assert e.causes[-1] == "death"
    ours, theirs = (gray_test(e, "arm", cause="death").glance() for e in (split, endpoint))
    np.testing.assert_allclose(ours["statistic"], theirs["statistic"], rtol=1e-12)
    # one part is the cause under another name
    one = split_cause(endpoint, "relapse", np.zeros(n), labels=("all",))
    assert one.cause.tolist() == endpoint.cause.tolist()
    assert one.causes == ("relapse: all", "death")


@given(SIZES, SEEDS)
def test_null_likelihoods_of_the_parts_add_up(n, seed):
    # With Breslow's ties each event has its own factor: at coefficients of 0 the log-likelihoods add up.
    endpoint = made(n, seed)
    split = split_cause(endpoint, "relapse", np.arange(n) % 2, labels=("even", "odd"))
    if min((split.cause == code).sum() for code in (1, 2)) < 5:
        return

    def null(e, cause):
        return cox(e, "x", cause=cause, ties="breslow").glance()["log_likelihood_null"].iloc[0]

    parts = [null(split, f"relapse: {name}") for name in ("even", "odd")]
    np.testing.assert_allclose(null(endpoint, "relapse"), sum(parts), rtol=1e-12)


@given(st.integers(40, 90), SEEDS)
def test_a_late_part_is_the_cause_after_its_landmark(n, seed):
    endpoint = made(n, seed)
    # the cut lies between two times of the grid
    late = relapse_timing(endpoint, cuts=(1.1, 2.6))
    after = landmark(endpoint, 2.6)
    if (late.cause == 3).sum() < 8:
        return
    a = cox(late, "x", cause="relapse: late").tidy()
    b = cox(after, "x", cause="relapse").tidy()
    np.testing.assert_allclose(a[["estimate", "std_error"]], b[["estimate", "std_error"]], rtol=1e-8, atol=1e-10)


@given(SEEDS)
def test_origins_agree_on_the_timing_and_sites_lose_nobody(seed):
    cohort = simulate_cohort(120, seed=seed)
    counted = []
    for endpoint in (define_endpoint(cohort, "EFS"), define_endpoint(cohort, "DFS")):
        total = (endpoint.cause == endpoint.cause_code("relapse")).sum()
        split = relapse_timing(endpoint)
        counted.append([(split.cause == split.cause_code(f"relapse: {name}")).sum() for name in ALL])
        assert sum(counted[-1]) == total
        sites = relapse_site(endpoint)
        of_site = [k for k, name in enumerate(sites.causes, 1) if name.startswith("relapse: ")]
        assert np.isin(sites.cause, of_site).sum() == total
    assert counted[0] == counted[1]


@given(SEEDS)
def test_survival_after_relapse_ends_where_follow_up_ends(seed):
    cohort = simulate_cohort(150, seed=seed)
    endpoint = after_relapse(cohort)
    frame = cohort.frame[cohort.frame["relapse"].notna()]
    assert len(endpoint) + endpoint.n_excluded == len(cohort)
    end = frame["death"].fillna(frame["last_contact"])
    np.testing.assert_allclose(endpoint.time + endpoint.frame["time_to_relapse"], end, atol=1e-7)
    assert endpoint.n_event == frame["death"].notna().sum()
    early = relapse_timing(define_endpoint(cohort, "EFS"))
    first = [(early.cause == early.cause_code(f"relapse: {name}")).sum() for name in ALL]
    assert first == after_relapse(cohort, start="first_event").frame["relapse_timing"].value_counts()[ALL].tolist()
