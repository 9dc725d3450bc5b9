"""Do the intervals of predicted incidences and of standardised risks cover?"""

import json
import os

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import cause_specific_cox, endpoint_from_columns, standardised_risk

pytestmark = pytest.mark.slow

N, RUNS, AT = 500, 2000, 4.0
RELAPSE, DEATH = 0.08, 0.04
EFFECTS = {"relapse": (0.7, 0.3), "death": (-0.4, 0.2)}
"""Log hazard ratios of the class and of a number, which go together: the crude difference is not the standardised one."""


def patients(rng, n=N):
    z = rng.normal(size=n)
    deleted = rng.random(n) < 1 / (1 + np.exp(1.2 - 0.8 * z))
    rates = [base * np.exp(b * deleted + g * z) for base, (b, g) in zip((RELAPSE, DEATH), EFFECTS.values(), strict=True)]
    first, second = (rng.exponential(1 / rate) for rate in rates)
    end = rng.uniform(3, 9, n)
    time = np.minimum(np.minimum(first, second), end)
    status = np.where(time == end, 0, np.where(time == first, 1, 2))
    return pd.DataFrame({"t": time, "s": status, "z": z, "ikzf1": np.where(deleted, "deleted", "none")})


def truth():
    """Incidences of relapse at 4 years, averaged over a million patients."""
    z = np.random.default_rng(1).normal(size=1_000_000)
    out = []
    for deleted in (0, 1):
        relapse, death = (
            base * np.exp(b * deleted + g * z) for base, (b, g) in zip((RELAPSE, DEATH), EFFECTS.values(), strict=True)
        )
        out.append(float(np.mean(relapse / (relapse + death) * -np.expm1(-(relapse + death) * AT))))
    return np.array([out[0], out[1], out[1] - out[0]])


def record(what, measured, lowest, highest):
    path = os.environ.get("IKZF1_CALIBRATION")
    if path:
        row = {"kind": "coverage", "what": what, "measured": measured, "lowest": lowest, "highest": highest}
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row | {"runs": RUNS, "n": N}) + "\n")


def test_coverage_of_predicted_and_standardised_incidences():
    """Of 2,000 runs the Monte Carlo standard error is 0.5 %: the limits are three of them away."""
    rng, aim = np.random.default_rng(61), truth()
    new = pd.DataFrame({"ikzf1": ["none", "deleted"], "z": [0.0, 0.0]})
    single = []
    for deleted in (0, 1):
        rates = RELAPSE * np.exp(0.7 * deleted), DEATH * np.exp(-0.4 * deleted)
        single.append(rates[0] / sum(rates) * -np.expm1(-sum(rates) * AT))
    means, predicted = [], []
    for _ in range(RUNS):
        endpoint = endpoint_from_columns(patients(rng), time="t", status="s", causes={1: "relapse", 2: "death"})
        fit = cause_specific_cox(endpoint, "ikzf1 + z", references={"ikzf1": "none"})
        table = standardised_risk(fit, "ikzf1", at=AT, cause="relapse")
        means.append(((table["low"] <= aim) & (table["high"] >= aim)).to_numpy())
        rows = fit.predict(new, AT)
        rows = rows[rows["cause"] == "relapse"]
        predicted.append(((rows["low"] <= single) & (rows["high"] >= single)).to_numpy())
    names = ["standardised incidence, none", "standardised incidence, deleted", "standardised difference of incidence"]
    shares = [*np.mean(means, axis=0), *np.mean(predicted, axis=0)]
    names += [f"predicted incidence of two cause-specific models, {who}" for who in ("none", "deleted")]
    for name, share in zip(names, shares, strict=True):
        record(name, float(share), 0.935, 0.965)
    assert ((np.array(shares) >= 0.935) & (np.array(shares) <= 0.965)).all(), shares
