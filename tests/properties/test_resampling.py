"""The same seed gives the same results wherever the work runs."""

import distributed
import joblib
import numpy as np

from ikzf1_outcomes.resampling import replicates


def drawn(rng):
    return rng.standard_normal(3)


def test_one_process_and_two_give_the_same():
    alone = replicates(drawn, 7, seed=5)
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert np.array_equal(replicates(drawn, 7, seed=5), alone)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert np.array_equal(replicates(drawn, 7, seed=5), alone)
    assert not np.array_equal(replicates(drawn, 7, seed=6), alone)


def test_a_local_cluster_of_two_workers_gives_the_same():
    alone = replicates(drawn, 7, seed=5)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        assert np.array_equal(replicates(drawn, 7, seed=5), alone)


def test_replicates_differ_and_progress_is_told():
    told = []
    out = replicates(drawn, 4, seed=np.random.default_rng(2), progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert len({tuple(row) for row in out}) == 4
