"""Does the global test hold its size with as many patients as the kinome was measured in?"""

import json
import os

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import endpoint_from_columns, global_test
from ikzf1_outcomes.errors import ConvergenceError

pytestmark = pytest.mark.slow

RUNS, PERMUTATIONS = 2000, 199
SETTINGS = [
    (n, p, common, adjust)
    for n in (45, 109)
    for p, common, adjust in (
        (1, 0.0, None), (20, 0.0, None), (20, 1.0, None), (1008, 0.6, None), (1008, 0.6, "arm + age"),
        (20, 0.0, "arm + age"), (100, 0.0, "arm + age"), (1008, 0.0, "arm + age"),
    )
]  # fmt: skip
TOO_OFTEN = 0.16
"""What the normal p-value may reach where features are independent and adjusted: it does not hold its size there."""


def patients(rng, n, p, common):
    """Relapse in about a quarter, death in a tenth, times in days; an arm and age that matter, and that features follow."""
    arm, age = (rng.random(n) < 0.3).astype(float), rng.normal(size=n)
    x = common * rng.normal(size=(n, 1)) + rng.normal(size=(n, p))
    relapse, death = rng.exponential(1 / 0.045, n), rng.exponential(1 / 0.02, n)
    end = rng.uniform(3, 9, n)
    return arm, age, x, relapse, death, end


def p_values(n, p, common, adjust):
    """Asymptotic and permutation p-values without any association given the adjusters (runs, 2)."""
    rng = np.random.default_rng([n, p, int(10 * common), adjust is not None])
    out = np.empty((RUNS, 2))
    for run in range(RUNS):
        arm, age, x, relapse, death, end = patients(rng, n, p, common)
        if adjust is not None:
            relapse = relapse / np.exp(0.8 * arm + 0.4 * age)
            x = x + 0.6 * arm[:, None] + 0.3 * age[:, None]
        time = np.minimum(np.minimum(relapse, death), end)
        status = np.where(time == relapse, 1, np.where(time == death, 2, 0))
        frame = pd.DataFrame({"t": np.ceil(time * 365.25) / 365.25, "s": status, "arm": arm, "age": age})
        endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})
        try:
            found = global_test(endpoint, x, adjust=adjust, cause="relapse", permutations=PERMUTATIONS, seed=run)
        except ConvergenceError:  # the arm has no events: there is no null model, and nothing is rejected
            out[run] = 1.0
        else:
            out[run] = found.tidy()[["p_value", "p_permutation"]].iloc[0]
    return out


@pytest.mark.parametrize(("n", "p", "common", "adjust"), SETTINGS)
def test_size(n, p, common, adjust):
    found = p_values(n, p, common, adjust)
    error = np.sqrt(0.05 * 0.95 / RUNS)
    path = os.environ.get("IKZF1_CALIBRATION")
    for name, share in zip(("normal", "permutation"), (found <= 0.05).mean(axis=0), strict=True):
        lowest = 0.0 if name == "normal" else 0.05 - 4 * error
        excess = name == "normal" and adjust is not None and common == 0.0
        highest = TOO_OFTEN if excess else 0.05 + 4 * error
        if path:
            what = (
                f"global test, {name}: {p} features, common factor {common:g}, {'adjusted' if adjust else 'not adjusted'}"
            )
            row = {"kind": "size", "what": what, "measured": float(share), "lowest": lowest, "highest": highest}
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(row | {"runs": RUNS, "n": n}) + "\n")
        assert lowest <= share <= highest, (name, share)
