"""Does the test of added terms that is printed first reject 5 % of the time where they are noise?"""

import json
import os

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.prognosis.rung_fits import study_of
from ikzf1_outcomes.prognosis.rung_tests import compare_rungs
from ikzf1_outcomes.prognosis.rungs import ladder_of

pytestmark = pytest.mark.slow

RUNS, SIMULATIONS = 2000, 99
LOWEST, HIGHEST = 0.025, 0.065
"""The Monte Carlo standard error is 0.5 %; with fewer than two events per parameter the test may be conservative."""
CASES = [(45, 0.06, 2, 1), (45, 0.06, 2, 3), (45, 0.06, 2, 6), (109, 0.06, 3, 5), (109, 0.06, 3, 10), (109, 0.15, 3, 5)]
"""Patients, relapses a year, covariates of the smaller model, covariates of noise."""


def tested(rng, n, rate, known, noise):
    """One study of normal covariates, the first with a log hazard ratio of 0.5; followed for 3 to 9 years."""
    names = [f"x{j}" for j in range(known + noise)]
    frame = pd.DataFrame(rng.normal(size=(n, known + noise)), columns=names)
    relapse, death = rng.exponential(1 / (rate * np.exp(0.5 * frame["x0"]))), rng.exponential(20, n)
    end = rng.uniform(3, 9, n)
    frame["t"] = np.minimum(np.minimum(relapse, death), end)
    frame["s"] = np.where(frame["t"] == end, 0, np.where(frame["t"] == relapse, 1, 2))
    endpoint = endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "death"})
    study = study_of(ladder_of(endpoint, names[:known], names[known:], None, None), "relapse", np.array([1.0]))
    test = compare_rungs(study, *study.ladder.rungs, SIMULATIONS, rng)
    return test.p_value, test.p_chi_square, int((frame["s"] == 1).sum())


@pytest.mark.parametrize(("n", "rate", "known", "noise"), CASES)
def test_size(n, rate, known, noise):
    rng = np.random.default_rng(31)
    found = np.array([tested(rng, n, rate, known, noise) for _ in range(RUNS)])
    shares = (found[:, :2] <= 0.05).mean(axis=0)
    path = os.environ.get("IKZF1_CALIBRATION")
    if path:
        what = f"added terms: {noise} beside {known}, {found[:, 2].mean():.0f} relapses"
        with open(path, "a", encoding="utf-8") as file:
            row = {"kind": "size", "what": what, "measured": float(shares[0]), "lowest": LOWEST, "highest": HIGHEST}
            file.write(json.dumps(row | {"runs": RUNS, "n": n}) + "\n")
    assert LOWEST <= shares[0] <= HIGHEST, shares
