"""The simulator is sane whatever the hazards, the shares, the seed and the number of patients."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikzf1_outcomes.simulate import REFERENCE, Hazard, simulate_cohort, simulation_truth
from ikzf1_outcomes.simulate.calibration import first_event_curves
from ikzf1_outcomes.simulate.patients import Draws, largest_remainder

rate = st.one_of(st.just(0.0), st.floats(1e-6, 3.0))
width = st.floats(0.01, 4.0)


@st.composite
def hazards(draw):
    widths = draw(st.lists(width, max_size=4))
    rates = draw(st.lists(rate, min_size=len(widths) + 1, max_size=len(widths) + 1))
    return Hazard("drawn", tuple(np.cumsum(widths).tolist()), tuple(rates), "assumed")


@given(hazards(), st.lists(st.floats(0.0, 20.0), min_size=1, max_size=8))
def test_cumulative_hazard_rises_and_its_inverse_is_its_inverse(hazard, times):
    times = np.sort(times)
    height = hazard.cumulative(times)
    assert (np.diff(height) >= -1e-12).all()
    back = hazard.inverse(height)
    reached = np.isfinite(back)
    # Where the hazard is 0 many times have one height: the heights agree, not the times.
    assert hazard.cumulative(back[reached]) == pytest.approx(height[reached], abs=1e-9)
    assert (back[reached] <= times[reached] + 1e-6).all() or (np.asarray(hazard.rates) == 0).any()


@given(st.lists(hazards(), min_size=1, max_size=3), st.lists(st.floats(0.01, 20.0), min_size=1, max_size=5), st.data())
def test_survival_and_incidences_add_up(drawn, times, data):
    factors = [np.array(data.draw(st.lists(st.floats(0.0, 5.0), min_size=3, max_size=3))) for _ in drawn]
    survival, incidence = first_event_curves(factors, drawn, np.unique(times))
    total = survival + np.sum(incidence, axis=0)
    assert total == pytest.approx(np.ones_like(total), abs=1e-12)
    assert (np.diff(survival, axis=1) <= 1e-15).all()
    assert all((np.diff(part, axis=1) >= -1e-15).all() for part in incidence)


@given(st.integers(0, 500), st.lists(st.floats(0.001, 1.0), min_size=1, max_size=8))
def test_quotas_add_up_and_are_within_one(n, shares):
    share = np.array(shares) / np.sum(shares)
    quota = largest_remainder(n, share)
    assert quota.sum() == n
    assert (np.abs(quota - n * share) < 1 + 1e-6).all()


@given(st.integers(1, 200), st.integers(0, 2**32), st.floats(0.0, 1.0))
def test_chosen_by_quota_is_the_rounded_expectation(n, seed, share):
    chosen = Draws(n, np.random.default_rng(seed), exact=True).chosen(np.full(n, share))
    assert abs(chosen.sum() - n * share) <= 0.5 + 1e-6


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 80), st.integers(0, 2**63), st.sampled_from(["sampled", "exact"]))
def test_every_cohort_is_valid_and_its_truth_is_the_target(n, seed, margins):
    cohort = simulate_cohort(n, seed=seed, margins=margins)
    frame = cohort.frame
    assert frame["first_event"].notna().all()
    assert (frame["last_contact"] > 0).all()
    table = simulation_truth(cohort, by=("ikzf1_deletion",)).outcomes
    rows = table[(table["term"] == "event-free survival") & (table["variable"] == "ikzf1_deletion")]
    target = rows["group"].map({"not deleted": 0.88, "deleted": 0.63}).astype(float)
    assert rows["estimate"].to_numpy() == pytest.approx(target.to_numpy(), abs=1e-10)
    assert rows["n"].sum() == n


@settings(deadline=None, max_examples=25)
@given(st.floats(0.4, 0.9), st.floats(0.05, 0.85))
def test_any_targets_that_leave_room_are_hit(event_free, part):
    # Induction failure of 7 % and second malignancies of about 0.2 % are left out of what relapse may take.
    relapse = (1 - event_free - 0.075) * part
    parameters = replace(
        REFERENCE,
        event_free=REFERENCE.event_free.but({"deleted": event_free}),
        relapse_incidence=REFERENCE.relapse_incidence.but({"deleted": relapse}),
    )
    truth = simulation_truth(simulate_cohort(40, seed=7, margins="exact", parameters=parameters), parameters)
    rows = truth.outcomes[truth.outcomes["group"] == "deleted"].set_index(["term", "cause"])["estimate"]
    assert rows["event-free survival", ""] == pytest.approx(event_free, abs=1e-10)
    assert rows["cumulative incidence", "relapse"] == pytest.approx(relapse, abs=1e-10)
