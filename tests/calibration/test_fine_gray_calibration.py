"""Do Fine-Gray intervals cover? Patients whose subdistribution hazards are proportional by construction."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.models.assumptions import proportional_hazards_test
from ikzf1_outcomes.models.subdistribution import fine_gray

pytestmark = pytest.mark.slow

N, RUNS = 500, 2000
CAUSES = {1: "relapse", 2: "death"}
EVER = 0.35
"""Share that ever relapses where all covariates are 0; half of them within log(2) years."""
AT = 2.0
TRUTH = np.array([0.7, -0.4])


def incidence(t, linear):
    """F(t|x) = 1 - (1 - EVER (1 - exp(-t)))^exp(x'b), the model of Fine and Gray's own simulations."""
    return 1 - (1 - EVER * (1 - np.exp(-t))) ** np.exp(linear)


def patients(rng, end, n=N, x=None):
    """The cause is drawn first, then its time by inversion; deaths come exponentially. Times in whole days."""
    if x is None:
        x = np.column_stack([rng.random(n) < 0.25, rng.normal(size=n)]).astype(float)
    linear = x @ TRUTH
    ever = 1 - (1 - EVER) ** np.exp(linear)
    relapses, u = rng.random(n) < ever, rng.random(n)
    share = (1 - (1 - u * ever) ** np.exp(-linear)) / EVER
    time = np.where(relapses, -np.log1p(-np.minimum(share, 1 - 1e-12)), rng.exponential(np.exp(-0.5 * x[:, 0])))
    status = np.where(time > end, 0, np.where(relapses, 1, 2))
    days = np.ceil(np.minimum(time, end) * 365.25) / 365.25
    return pd.DataFrame({"t": days, "s": status, "deleted": x[:, 0], "z": x[:, 1]})


def made(frame):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES)


def written(kind, share, runs, n, lowest, highest, *what):
    """Measurements go to a file where one is named."""
    path = os.environ.get("IKZF1_CALIBRATION")
    for name, value in zip(what, share, strict=True):
        if path:
            row = {"kind": kind, "what": name, "measured": float(value), "lowest": lowest, "highest": highest}
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps({**row, "runs": runs, "n": n}) + "\n")


def assert_covers(hits, *what):
    """Monte Carlo standard error is 0.5 %: the limits are three of them away."""
    share = np.mean(hits, axis=0)
    written("coverage", share, len(hits), N, 0.935, 0.965, *what)
    assert ((share >= 0.935) & (share <= 0.965)).all(), share


def covered(table, truth):
    return ((table["low"] <= truth) & (truth <= table["high"])).to_numpy()


def test_coverage_of_subdistribution_hazard_ratios_and_predictions():
    rng = np.random.default_rng(11)
    new = pd.DataFrame({"deleted": [0.0, 1.0], "z": [0.0, -1.0]})
    at = np.ceil(AT * 365.25) / 365.25
    truth = incidence(at, new.to_numpy() @ TRUTH)
    hits = []
    for _ in range(RUNS):
        fit = fine_gray(made(patients(rng, rng.uniform(0.5, 4, N))), "deleted + z", cause="relapse")
        hits.append([*covered(fit.tidy(), TRUTH), *covered(fit.predict(new, at), truth)])
    names = [f"log subdistribution hazard ratio of a {kind}" for kind in ("flag", "number")]
    assert_covers(hits, *names, "predicted incidence, reference patient", "predicted incidence, deleted")


def test_coverage_where_censoring_differs_between_known_strata():
    """Those with a deletion are followed for half as long; without strata the weights are wrong for both."""
    rng = np.random.default_rng(12)
    hits, plain = [], []
    for _ in range(RUNS):
        x = np.column_stack([rng.random(N) < 0.5, rng.normal(size=N)]).astype(float)
        end = np.where(x[:, 0] == 1, rng.exponential(1.0, N), rng.uniform(1, 6, N))
        e = made(patients(rng, np.minimum(end, 6), x=x))
        hits.append(covered(fine_gray(e, "deleted + z", cause="relapse", censoring_strata="deleted").tidy(), TRUTH))
        plain.append(fine_gray(e, "deleted + z", cause="relapse").tidy()["estimate"].iloc[0])
    names = [f"log subdistribution hazard ratio of a {kind}, censoring strata" for kind in ("flag", "number")]
    assert_covers(hits, *names)
    assert abs(np.mean(plain) - TRUTH[0]) > 0.05


def test_coverage_of_clustered_intervals():
    """500 families of five that share their course and covariates; only clustered errors know."""
    rng = np.random.default_rng(13)
    hits, plain = [], []
    for _ in range(RUNS):
        frame = patients(rng, rng.uniform(0.5, 4, N)).assign(family=np.arange(N))
        e = made(frame.loc[frame.index.repeat(5)])
        hits.append(covered(fine_gray(e, "deleted + z", cause="relapse", cluster="family").tidy(), TRUTH))
        plain.append(covered(fine_gray(e, "deleted + z", cause="relapse").tidy(), TRUTH))
    names = [f"log subdistribution hazard ratio of a {kind}, families of five" for kind in ("flag", "number")]
    assert_covers(hits, *names)
    assert np.mean(plain) < 0.75


def entering(rng, n, latest):
    """Patients who come under observation late, at random: those whose course is over by then are never seen."""
    found = []
    while sum(map(len, found)) < n:
        frame = patients(rng, rng.uniform(1.0, 5, 2 * n), n=2 * n)
        frame["entry"] = np.where(rng.random(2 * n) < 0.3, 0.0, np.ceil(rng.uniform(0, latest, 2 * n) * 365.25) / 365.25)
        found.append(frame[frame["entry"] < frame["t"]])
    return pd.concat(found, ignore_index=True).head(n)


def test_coverage_with_delayed_entry():
    """Seven in ten enter up to a year and a half after the start; without the part for entry the weights are too small."""
    rng = np.random.default_rng(14)
    new = pd.DataFrame({"deleted": [0.0, 1.0], "z": [0.0, -1.0]})
    at = np.ceil(AT * 365.25) / 365.25
    truth = incidence(at, new.to_numpy() @ TRUTH)
    hits = []
    for _ in range(RUNS):
        e = endpoint_from_columns(entering(rng, N, 1.5), time="t", status="s", entry="entry", causes=CAUSES)
        fit = fine_gray(e, "deleted + z", cause="relapse")
        hits.append([*covered(fit.tidy(), TRUTH), *covered(fit.predict(new, at), truth)])
    names = [f"log subdistribution hazard ratio of a {kind}, delayed entry" for kind in ("flag", "number")]
    assert_covers(hits, *names, *[f"predicted incidence, {who}, delayed entry" for who in ("reference patient", "deleted")])


def test_coverage_of_effects_that_do_not_change_with_time():
    """Those that change are truly 0."""
    rng = np.random.default_rng(15)
    hits = []
    for _ in range(RUNS):
        fit = fine_gray(
            made(patients(rng, rng.uniform(0.5, 4, N))), "deleted + z", cause="relapse", time_effects={"deleted": "linear"}
        )
        hits.append(covered(fit.tidy().tail(1), np.zeros(1)))
    assert_covers(hits, "change with time of a log subdistribution hazard ratio")


@pytest.mark.parametrize("transform", ["km", "identity"])
def test_size_of_the_test_of_proportionality(transform):
    """At 5 %, with 400 patients: three Monte Carlo standard errors either way."""
    rng, n = np.random.default_rng(16), 400
    rejected = []
    for _ in range(RUNS):
        fit = fine_gray(made(patients(rng, rng.uniform(0.5, 4, n), n=n)), "deleted + z", cause="relapse")
        rejected.append(proportional_hazards_test(fit, transform).tidy()["p_value"] < 0.05)
    share = np.mean(rejected, axis=0)
    names = [f"test of proportional subdistribution hazards, {transform}, {of}" for of in ("flag", "number", "global")]
    written("size", share, RUNS, n, 0.035, 0.065, *names)
    assert ((share >= 0.035) & (share <= 0.065)).all(), share
