"""Is the corrected concordance that of the model among new patients, with and without imputation?"""

import json
import os

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.prognosis.procedures import Procedure

pytestmark = pytest.mark.slow

RUNS, MANY = 100, 5000


def patients(rng, n, columns, effect, share=0.0):
    """Normal covariates, the first of them with an effect; constant hazards; a share of the values missing."""
    d = pd.DataFrame(rng.normal(size=(n, len(columns))), columns=columns)
    event, end = rng.exponential(np.exp(-effect * d[columns[0]])), rng.exponential(2.0, n)
    d = d.mask(rng.random(d.shape) < share).assign(t=np.minimum(event, end), s=(event <= end).astype(int))
    return iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})


def measured(n, p, effect, share, imputations, *, once=False):
    """Means over the runs (concordance, slope): apparent, corrected, among new patients, corrected of data imputed once."""
    columns, out = [f"x{k}" for k in range(p)], []
    new = patients(np.random.default_rng(1), MANY, columns, effect)
    procedure = Procedure(columns, None, "efron", None, None, {"references": None}, imputations, {"cycles": 3})
    for run in range(RUNS):
        rng = np.random.default_rng([run, n, p])
        endpoint = patients(rng, n, columns, effect, share)
        named = {"resamples": 40, "seed": run}
        table = iko.validate(endpoint, columns, imputations=imputations, cycles=3, **named)
        truth = procedure.measured(procedure.fitted(procedure.completed(endpoint, rng)), [new])[0]
        row = [table["apparent"], table["estimate"], (truth.concordance, truth.slope)]
        if once:
            sets = iko.impute_missing(endpoint, columns, draws=imputations, cycles=3, seed=run)
            row.append(np.mean([iko.validate(done, columns, **named)["estimate"] for done in sets], axis=0))
        out.append(row)
    return np.mean(out, axis=0)


def written(what, *rows):
    """Measurements, for the page on the method, go to a file where one is named."""
    path = os.environ.get("IKZF1_CALIBRATION")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": "validation", "what": what, "measured": np.round(rows, 3).tolist()}) + "\n")


@pytest.mark.parametrize(("n", "p"), [(100, 10), (200, 5)])
def test_complete_data(n, p):
    """Monte Carlo errors are about 0.005 (concordance) and 0.02 (slope)."""
    apparent, corrected, truth = measured(n, p, 0.7, 0.0, 0)
    written(f"{n}, {p}", apparent, corrected, truth)
    assert apparent[0] - truth[0] > 0.005
    assert abs(corrected[0] - truth[0]) < 0.02
    assert abs(corrected[1] - truth[1]) < 0.1


def test_nothing_but_noise():
    """Not all of the optimism goes: what is known of the method, and measured here."""
    apparent, corrected, truth = measured(100, 10, 0.0, 0.0, 0)
    written("noise", apparent, corrected, truth)
    assert 0.0 < corrected[0] - truth[0] < 0.4 * (apparent[0] - truth[0])
    assert 0.2 < corrected[1] - truth[1] < 0.6


@pytest.mark.parametrize("effect", [0.0, 0.7])
def test_many_missing_values(effect):
    """Imputed inside each resample it is near the truth; imputed once, with the outcome, before them it is far above."""
    apparent, corrected, truth, once = measured(100, 10, effect, 0.4, 2, once=True)
    written(f"missing, {effect}", apparent, corrected, truth, once)
    assert abs(corrected[0] - truth[0]) < 0.03
    assert once[0] - truth[0] > 0.08
    assert abs(corrected[1] - truth[1]) < once[1] - truth[1]


def test_some_missing_values():
    """Here it is a little too low; with more imputations, or substantive ones, it is so too."""
    apparent, corrected, truth, once = measured(200, 6, 0.7, 0.3, 2, once=True)
    written("some missing", apparent, corrected, truth, once)
    assert -0.03 < corrected[0] - truth[0] < 0.01
    assert corrected[0] < once[0] < apparent[0]
