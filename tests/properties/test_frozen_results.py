"""A result that is held never changes: no attribute can be set, no array inside can be written."""

from dataclasses import FrozenInstanceError, fields, is_dataclass

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import (
    AucOverTime,
    BrierScore,
    CalibrationCurve,
    CoxFit,
    DecisionCurve,
    Design,
    Endpoint,
    IncidenceCurve,
    SurvivalCurve,
    auc_over_time,
    brier_score,
    calibration_curve,
    cox,
    cumulative_incidence,
    decision_curve,
    design,
    endpoint_from_columns,
    kaplan_meier,
    landmark,
    split_follow_up,
    time_dependent,
)

FRAME = pd.DataFrame(
    {
        "t": [3.0, 1, 2, 4, 1, 4, 3, 1],
        "s": [0, 1, 1, 1, 1, 0, 2, 0],
        "arm": list("abbaabba"),
        "x": [0.5, 2, 1, 3, 1.5, 0, 2.5, 1],
        "w": [1.0, 2, 1, 1, 3, 1, 1, 1],
        "switch": [1.0, np.nan, 1, 2, np.nan, 3, np.nan, np.nan],
    }
)


def made():
    return endpoint_from_columns(FRAME, time="t", status="s", causes={1: "relapse", 2: "death"}, weights="w")


RESULTS = {
    "endpoint_from_columns": (made, Endpoint),
    "landmark": (lambda: landmark(made(), 1.0), Endpoint),
    "split_follow_up": (lambda: split_follow_up(made(), [1.5]), Endpoint),
    "time_dependent": (lambda: time_dependent(made(), "switch"), Endpoint),
    "kaplan_meier": (lambda: kaplan_meier(made(), "arm"), SurvivalCurve),
    "kaplan_meier robust": (lambda: kaplan_meier(made(), "arm", robust=True), SurvivalCurve),
    "cumulative_incidence": (lambda: cumulative_incidence(made(), "arm"), IncidenceCurve),
    "cumulative_incidence cmprsk": (lambda: cumulative_incidence(made(), "arm", variance="cmprsk"), IncidenceCurve),
    "design": (lambda: design(made(), "arm + x"), Design),
    "auc_over_time": (lambda: auc_over_time(made(), "x", times=[1, 2]), AucOverTime),
    "brier_score": (lambda: brier_score(made(), {"a": np.full((8, 2), 0.3)}, times=[1, 2]), BrierScore),
    "calibration_curve": (lambda: calibration_curve(made(), {"a": FRAME["x"] / 3}, at=2, groups=2), CalibrationCurve),
    "decision_curve": (
        lambda: decision_curve(made(), {"a": FRAME["x"] / 3}, at=2, thresholds=[0.2], resamples=20),
        DecisionCurve,
    ),
    "cox": (lambda: cox(made(), "arm + x"), CoxFit),
}


def writeable(value, path):
    """Where an array that can be written lies inside a result."""
    if isinstance(value, np.ndarray):
        return [path] if value.flags.writeable else []
    if is_dataclass(value):
        return [p for f in fields(value) for p in writeable(getattr(value, f.name), f"{path}.{f.name}")]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return [p for f in value._fields for p in writeable(getattr(value, f), f"{path}.{f}")]
    if isinstance(value, dict):
        return [p for key, inner in value.items() for p in writeable(inner, f"{path}[{key!r}]")]
    return []


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_frozen(name):
    make, kind = RESULTS[name]
    result = make()
    assert isinstance(result, kind)
    for field in fields(result):
        with pytest.raises(FrozenInstanceError):
            setattr(result, field.name, None)
    with pytest.raises((AttributeError, TypeError)):
        result.something_new = 1


@pytest.mark.parametrize("name", RESULTS)
def test_no_array_inside_can_be_written(name):
    assert writeable(RESULTS[name][0](), name) == []


def test_tables_are_copies():
    fit, curve = cox(made(), "arm + x"), kaplan_meier(made(), "arm")
    for table in (fit.tidy, fit.glance, curve.tidy, curve.glance, lambda: curve.quantile(0.5), lambda: curve.rmst(2)):
        mine, kept = table(), table()
        for name in mine.select_dtypes("float").columns:
            mine.loc[:, name] = -1.0
        pd.testing.assert_frame_equal(table(), kept)


def test_a_fit_keeps_its_counts_when_the_rows_of_its_endpoint_are_written_over():
    endpoint = made()
    fit, curve = cox(endpoint, "arm + x"), kaplan_meier(endpoint, "arm")
    kept = fit.tidy(), curve.tidy(times=[1, 2]), curve.glance()
    try:
        endpoint.frame.loc[:, "arm"] = "b"
    except (ValueError, TypeError):
        return  # a frame that refuses is as good
    for before, after in zip(kept, (fit.tidy(), curve.tidy(times=[1, 2]), curve.glance()), strict=True):
        pd.testing.assert_frame_equal(before, after)
