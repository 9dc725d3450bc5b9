"""Wrong numbers that measures of predictions once gave without a word."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.errors import InputError

CAUSES = {1: "relapse", 2: "death"}


def patients(seed: int = 3, n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(n, 2)), columns=["age", "kinase"])
    relapse, death, end = rng.exponential(4 * np.exp(-0.7 * table["age"])), rng.exponential(9, n), rng.uniform(3, 9, n)
    table["t"] = np.minimum(np.minimum(relapse, death), end)
    table["s"] = np.where(relapse < np.minimum(death, end), 1, np.where(death < end, 2, 0))
    return table


def endpoint_of(table: pd.DataFrame, **more: str) -> iko.Endpoint:
    return iko.endpoint_from_columns(table, time="t", status="s", causes=CAUSES, **more)


@pytest.mark.parametrize("begin", [0.5, 2.0])
def test_time_before_a_landmark_is_no_part_of_an_integrated_score(begin: float) -> None:
    # a clock that starts at `begin` is the same follow-up; the score was diluted by the time before it
    table = patients()
    plain, later = endpoint_of(table), endpoint_of(table.assign(t=table["t"] + begin, from_=begin), entry="from_")
    risk = 1 / (1 + np.exp(-table["age"].to_numpy()))
    risks = {"a": lambda times: np.tile(risk[:, None], (1, len(times)))}
    for options in ({"integrate": "event times"}, {}):
        one, two = (
            iko.brier_score(endpoint, risks, times=[2 + by, 5 + by], cause="relapse", **options).tidy()
            for endpoint, by in ((plain, 0.0), (later, begin))
        )
        np.testing.assert_allclose(two[["estimate", "std_error"]], one[["estimate", "std_error"]], rtol=1e-10)
    one, two = (
        iko.added_value(endpoint, "age", "kinase", times=[1 + by, 3 + by], cause="relapse", resamples=0, simulations=0,
                        seed=1).tidy()
        for endpoint, by in ((plain, 0.0), (later, begin))
    )  # fmt: skip
    np.testing.assert_allclose(two["estimate"], one["estimate"], rtol=1e-8)


def test_times_before_a_landmark_are_refused() -> None:
    landmark = iko.landmark(endpoint_of(patients()), 1.0)
    risk = np.full(len(landmark), 0.2)
    with pytest.raises(InputError, match="a time before 1, when follow-up begins"):
        iko.brier_score(landmark, {"a": risk}, times=0.5, cause="relapse")
    with pytest.raises(InputError, match="a time before 1, when follow-up begins"):
        iko.calibration_curve(landmark, {"a": risk}, at=0.5, cause="relapse")
    for times, endpoint in (([1.0], landmark), ([0.0], endpoint_of(patients()))):
        with pytest.raises(InputError, match="the last time is that at which follow-up begins"):
            iko.added_value(endpoint, "age", "kinase", times=times, cause="relapse", resamples=0, simulations=0, seed=1)


def test_a_measure_that_is_not_estimable_says_so_without_resamples_too() -> None:
    found = iko.added_value(
        endpoint_of(patients()), "age", "kinase", times=[0.0, 3.0], cause="relapse", resamples=0, simulations=0, seed=1
    ).tidy()
    lost = found[found["estimate"].isna()]
    assert set(lost["measure"]) == {"AUC", "IPA"}
    assert lost["note"].str.startswith("not estimable").all()


def test_the_median_distance_counts_patients_with_their_weights() -> None:
    # one patient of weight 9 is nine patients on the curve that was fitted
    table = patients(n=120).assign(w=lambda x: np.where(x["age"] > 0.5, 9.0, 1.0))
    risk = np.round(1 / (1 + np.exp(-table["age"].to_numpy())), 2)
    weighted = iko.calibration_curve(endpoint_of(table, weights="w"), {"a": risk}, at=2.0, cause="relapse", groups="smooth")
    rows = np.repeat(np.arange(120), table["w"].astype(int))
    curve = weighted.tidy()
    gap = np.abs(np.interp(risk[rows], curve["predicted"], curve["estimate"]) - risk[rows])
    measures = weighted.glance().set_index("measure")["estimate"]
    np.testing.assert_allclose(measures["median distance"], np.median(gap), atol=1e-4)
    np.testing.assert_allclose(measures["integrated calibration index"], gap.mean(), atol=1e-4)
    own = np.abs(np.interp(risk, curve["predicted"], curve["estimate"]) - risk)
    assert abs(np.median(own) - np.median(gap)) > 1e-3


def test_predictions_that_share_a_name_with_something_else() -> None:
    endpoint, risk = endpoint_of(patients()), np.full(90, 0.2)
    with pytest.raises(InputError, match="two predictions have one name"):
        iko.auc_over_time(endpoint, {1: risk, "1": 1 - risk}, times=3.0)
    with pytest.raises(InputError, match="'difference' is what rows of two predictions are called"):
        iko.brier_score(endpoint, {"difference": risk}, times=3.0)
