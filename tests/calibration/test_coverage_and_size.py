"""Do 95 % intervals cover 95 %, and do tests at 5 % reject 5 % of the time? Simulated patients of known truth."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import cox, cumulative_incidence, endpoint_from_columns, gray_test, kaplan_meier, logrank_test

pytestmark = pytest.mark.slow

N, RUNS, DAY = 500, 2000, 1 / 365.25
SIZE_RUNS = 10_000
RELAPSE, DEATH = 0.12, 0.05  # hazards a year
AT = 1461 * DAY  # four years; whole days
CAUSES = {1: "relapse", 2: "death"}


def patients(rng, relapse=RELAPSE, death=DEATH, n=N):
    """Exponential causes, uniform censoring over 3 to 9 years, times rounded up to whole days."""
    first, second = rng.exponential(1 / np.broadcast_to(relapse, n)), rng.exponential(1 / death, n)
    end = rng.uniform(3, 9, n)
    time = np.minimum(np.minimum(first, second), end)
    status = np.where(time == end, 0, np.where(time == first, 1, 2))
    return pd.DataFrame({"t": np.ceil(time / DAY) * DAY, "s": status})


def made(frame):
    return endpoint_from_columns(frame, time="t", status="s", causes=CAUSES)


def record(kind, what, measured, lowest, highest, runs):
    """Keep what was measured for the page of the docs, when `make calibrate` asks for it."""
    path = os.environ.get("IKZF1_CALIBRATION")
    if path:
        row = {"kind": kind, "what": what, "measured": measured, "lowest": lowest, "highest": highest, "runs": runs, "n": N}
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def assert_covers(hits, *what):
    """Monte Carlo standard error is 0.5 %: the limits are three of them away."""
    share = np.mean(hits, axis=0)
    for name, value in zip(what, np.atleast_1d(share), strict=True):
        record("coverage", name, float(value), 0.935, 0.965, RUNS)
    assert ((share >= 0.935) & (share <= 0.965)).all(), share


def assert_size(p_values, what, level=0.05):
    p_values = np.asarray(p_values)
    assert not np.isnan(p_values).any()
    error = np.sqrt(level * (1 - level) / len(p_values))
    size = float((p_values < level).mean())
    record("size", what, size, level - 4 * error, level + 4 * error, len(p_values))
    assert abs(size - level) <= 4 * error, size


def covered(table, truth):
    return ((table["low"] <= truth) & (truth <= table["high"])).to_numpy()


def test_coverage_of_curves():
    rng = np.random.default_rng(1)
    both = RELAPSE + DEATH
    survival = np.exp(-both * AT)
    incidence = np.array([RELAPSE, DEATH]) / both * (1 - survival)
    mean = (1 - survival) / both
    lost = np.array([RELAPSE, DEATH]) / both * (AT - mean)
    hits = []
    for _ in range(RUNS):
        e = made(patients(rng))
        km, ci = kaplan_meier(e), cumulative_incidence(e)
        gray = cumulative_incidence(e, variance="cmprsk")
        hits.append(
            [
                *covered(km.tidy(times=[AT]), survival),
                *covered(ci.tidy(times=[AT]), incidence),
                *covered(gray.tidy(times=[AT]), incidence),
                *covered(km.rmst(AT), mean),
                *covered(ci.years_lost(AT), lost),
            ]
        )
    curves = ["survival at 4 years, log-log"]
    curves += [f"incidence of {c} at 4 years, {v} variance" for v in ("Greenwood-type", "cmprsk") for c in CAUSES.values()]
    curves += ["restricted mean to 4 years", *(f"mean time lost to {c} in 4 years" for c in CAUSES.values())]
    assert_covers(hits, *curves)


def test_coverage_of_the_median():
    rng = np.random.default_rng(2)
    truth = np.log(2) / (RELAPSE + DEATH)
    hits = [covered(kaplan_meier(made(patients(rng))).quantile(0.5), truth)[0] for _ in range(RUNS)]
    assert_covers(np.array(hits)[:, None], "median, log-log")


def test_coverage_of_robust_intervals_under_clusters():
    """Patients come in fives that share their course; only clustered errors know."""
    rng = np.random.default_rng(3)
    truth, hits, plain = np.exp(-(RELAPSE + DEATH) * AT), [], []
    for _ in range(RUNS):
        frame = patients(rng, n=N // 5).assign(family=np.arange(N // 5))
        e = made(frame.loc[frame.index.repeat(5)])
        hits.append(covered(kaplan_meier(e, cluster="family").tidy(times=[AT]), truth)[0])
        plain.append(covered(kaplan_meier(e).tidy(times=[AT]), truth)[0])
    assert_covers(np.array(hits)[:, None], "survival at 4 years, patients in families of five, cluster")
    assert np.mean(plain) < 0.75


@pytest.mark.parametrize("cause", ["relapse", None])
def test_coverage_of_hazard_ratios(cause):
    rng = np.random.default_rng(4)
    truth, hits = np.array([0.7, -0.4]), []
    for _ in range(RUNS):
        deleted, z = rng.random(N) < 0.25, rng.normal(size=N)
        ratio = np.exp(0.7 * deleted - 0.4 * z)
        # for any event, death has to share the ratio: then all of the hazard does
        frame = patients(rng, RELAPSE * ratio, DEATH if cause else 1e-9).assign(deleted=deleted.astype(float), z=z)
        hits.append(covered(cox(made(frame), "deleted + z", cause=cause).tidy(), truth))
    of = "any event" if cause is None else f"{cause}, cause-specific"
    assert_covers(hits, f"log hazard ratio of a flag, {of}", f"log hazard ratio of a number, {of}")


@pytest.mark.parametrize("groups", [2, 4])
def test_size_of_the_logrank_test_and_of_grays(groups):
    rng = np.random.default_rng(5)
    logrank, early, gray, stratified = [], [], [], []
    for _ in range(SIZE_RUNS):
        frame = patients(rng).assign(arm=rng.integers(0, groups, N), centre=rng.integers(0, 3, N))
        e = made(frame)
        logrank.append(logrank_test(e, "arm").p_value)
        early.append(logrank_test(e, "arm", rho=1).p_value)
        gray.append(gray_test(e, "arm", cause="relapse").p_value)
        stratified.append(gray_test(e, "arm", cause="relapse", strata="centre").p_value)
    tests = {"log-rank": logrank, "Fleming-Harrington (1, 0)": early, "Gray": gray, "stratified Gray": stratified}
    for name, p_values in tests.items():
        assert_size(p_values, f"{name}, {groups} groups")


def test_size_of_grays_test_when_the_competing_hazard_differs():
    """Equal incidence of relapse, unequal hazard of death: only the subdistribution is compared.

    F(t) = 0.4 (1 - exp(-0.3 t)) in both groups; among the others deaths come early in one group and late in the other.
    """
    rng = np.random.default_rng(6)
    gray = []
    for _ in range(SIZE_RUNS):
        arm = rng.integers(0, 2, N)
        relapses = rng.random(N) < 0.4
        time = np.where(relapses, rng.exponential(1 / 0.3, N), rng.exponential(1 / np.where(arm == 1, 1.0, 0.1)))
        end = rng.uniform(3, 9, N)
        status = np.where(time > end, 0, np.where(relapses, 1, 2))
        frame = pd.DataFrame({"t": np.ceil(np.minimum(time, end) / DAY) * DAY, "s": status, "arm": arm})
        gray.append(gray_test(made(frame), "arm", cause="relapse").p_value)
    assert_size(gray, "Gray, 2 groups, unequal hazards of death")
