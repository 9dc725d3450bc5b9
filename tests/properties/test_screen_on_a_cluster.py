"""The permutations of a screen are the same wherever they run: one core, two, or a Dask cluster."""

import distributed
import joblib
import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import endpoint_from_columns
from ikzf1_outcomes.models.feature_screen import screen

RNG = np.random.default_rng(21)
FRAME = pd.DataFrame(
    {
        "t": RNG.integers(1, 60, 80) / 4,
        "s": RNG.choice([0, 1, 2], 80),
        "age": RNG.uniform(1, 17, 80),
        "arm": RNG.choice(list("ab"), 80),
    }
)
FEATURES = RNG.normal(size=(80, 30)) - FRAME[["t"]].to_numpy() * np.linspace(0, 0.1, 30)
FEATURES[RNG.random(FEATURES.shape) < 0.02] = np.nan
WAYS = {"cox": {"strata": "arm"}, "fine_gray": {"cause": "relapse"}}


def chance(method):
    endpoint = endpoint_from_columns(FRAME, time="t", status="s", causes={1: "relapse", 2: "death"})
    options = {"permutations": 180, "seed": 6, "method": method, **WAYS[method]}
    return screen(endpoint, FEATURES, adjust="age", **options).tidy()["p_family"].to_numpy()


@pytest.mark.parametrize("method", WAYS)
def test_one_core_and_two_give_the_same(method):
    alone = chance(method)
    assert len(set(alone)) > 5
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert np.array_equal(chance(method), alone)


def test_a_local_cluster_of_two_workers_gives_the_same():
    alone = {method: chance(method) for method in WAYS}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        for method in WAYS:
            assert np.array_equal(chance(method), alone[method])
