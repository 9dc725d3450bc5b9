"""Arrays that do not belong together, and hazards that are no numbers, are refused before the compiled loops."""

import numpy as np
import pytest

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.piecewise_risks import piecewise_risks

GOOD = {
    "level": np.zeros((2, 1, 2, 3)),
    "effect": np.zeros((2, 1, 4)),
    "stratum": np.array([0, 1, 1, 0]),
    "weight": np.ones(4),
    "group": np.array([0, 0, 1, 1]),
    "cuts": np.array([1.0, 2.0]),
    "times": np.array([0.0, 3.0]),
}
BAD = {
    "levels without strata": ({"level": np.zeros((2, 1, 3))}, "level is not of shape"),
    "times in a table": ({"times": np.ones((2, 2))}, "not all of one dimension"),
    "one draw of effects": ({"effect": np.zeros((1, 1, 4))}, "effect is not of shape"),
    "a weight too few": ({"weight": np.ones(3)}, "differ in length"),
    "a cut too many": ({"cuts": np.array([1.0, 2.0, 3.0])}, "one interval more"),
    "unknown stratum": ({"stratum": np.array([0, 2, 1, -1])}, "out of range; 2 in all"),
    "a group below 0": ({"group": np.array([0, -1, 1, 1])}, "out of range"),
    "weights": ({"weight": np.array([1.0, -1.0, np.nan, np.inf])}, "below 0 or not finite; 3 in all"),
    "a cut at 0": ({"cuts": np.array([0.0, 2.0])}, "cuts must be"),
    "cuts twice": ({"cuts": np.array([2.0, 2.0])}, "cuts must be"),
    "a cut that is missing": ({"cuts": np.array([1.0, np.nan])}, "cuts must be"),
    "times that descend": ({"times": np.array([3.0, 1.0])}, "times must be"),
    "a time below 0": ({"times": np.array([-1.0, 1.0])}, "times must be"),
    "time without end": ({"times": np.array([1.0, np.inf])}, "times must be"),
    "a level that is missing": ({"level": np.full((2, 1, 2, 3), np.nan)}, "NaN or plus infinity.*; 12 in all"),
    "an infinite level": ({"level": np.full((2, 1, 2, 3), np.inf)}, "NaN or plus infinity"),
    "an infinite effect": ({"effect": np.full((2, 1, 4), -np.inf)}, "not finite; 8 in all"),
    "a hazard beyond numbers": (
        {"level": np.full((2, 1, 2, 3), 600.0), "effect": np.full((2, 1, 4), 100.0)},
        "beyond numbers",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arrays_are_refused(case):
    changed, message = BAD[case]
    with pytest.raises(InputError, match=message):
        piecewise_risks(**{**GOOD, **changed})


@pytest.mark.parametrize(
    ("empty", "shape"),
    [
        ({"times": np.array([])}, (2, 2, 0)),
        ({"level": np.zeros((0, 1, 2, 3)), "effect": np.zeros((0, 1, 4))}, (0, 2, 2)),
        ({"effect": np.zeros((2, 1, 0)), **{k: GOOD[k][:0] for k in ("stratum", "weight", "group")}}, (2, 0, 2)),
    ],
    ids=["no times", "no draws", "no patterns"],
)
def test_nothing_asked_is_nothing_given(empty, shape):
    found = piecewise_risks(**{**GOOD, **empty})
    assert found.survival.shape == found.restricted.shape == shape
    assert found.incidence.shape == found.lost.shape == (shape[0], 1, *shape[1:])
