"""Curves of piecewise constant hazards: against plain sums, their identities, and what must not change them."""

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ikzf1_outcomes.kernels.piecewise_risks import BLOCK, Risks, piecewise_risks

SEEDS = st.integers(0, 10**6)


def drawn(seed):
    """Some draws, causes, strata, intervals, patterns (more than one block at times), groups; some hazards are 0."""
    rng = np.random.default_rng(seed)
    draws, causes, strata, intervals = (int(rng.integers(1, high)) for high in (4, 4, 4, 6))
    patterns, groups = int(rng.integers(1, 2 * BLOCK + 3)), int(rng.integers(1, 4))
    level = rng.normal(-1, 1.5, (draws, causes, strata, intervals))
    level[rng.random(level.shape) < 0.15] = -np.inf
    cuts = np.cumsum(rng.exponential(1.0, intervals - 1))
    times = np.sort(np.concatenate(([0.0], rng.choice(cuts, min(2, len(cuts)), replace=False), rng.uniform(0, 8, 4))))
    return {
        "level": level,
        "effect": rng.normal(0, 0.8, (draws, causes, patterns)),
        "stratum": rng.integers(0, strata, patterns),
        "weight": rng.integers(1, 5, patterns).astype(float),
        "group": np.concatenate((np.arange(groups), rng.integers(0, groups, patterns)))[:patterns],
        "cuts": cuts,
        "times": times,
    }


def plain(level, effect, stratum, weight, group, cuts, times):
    """All at once in arrays of draws x causes x patterns x pieces, with the textbook forms."""
    hazard = np.exp(level[:, :, stratum, :] + effect[..., None])
    ends = np.union1d(np.union1d(cuts, times), [0.0])
    width = np.diff(ends)
    h = hazard[..., np.searchsorted(cuts, ends[1:])]
    total = h.sum(axis=1)
    s = np.exp(-np.concatenate((np.zeros((*total.shape[:2], 1)), np.cumsum(total * width, axis=2)), axis=2))
    fall, safe = -np.diff(s), np.where(total > 0, total, 1.0)
    lived = np.where(total > 0, fall / safe, s[..., :-1] * width)
    zero = np.zeros((*h.shape[:3], 1))
    f = np.concatenate((zero, np.cumsum(h / safe[:, None] * fall[:, None], axis=3)), axis=3)
    area = f[..., :-1] * width + h / safe[:, None] * (s[..., :-1] * width - lived)[:, None]
    lost = np.concatenate((zero, np.cumsum(area, axis=3)), axis=3)
    restricted = np.concatenate((zero[:, 0], np.cumsum(lived, axis=2)), axis=2)
    at = np.searchsorted(ends, times)
    share = np.array([weight * (group == g) / (weight @ (group == g)) for g in range(group.max() + 1)])
    return Risks(*(np.einsum("gp,...pm->...gm", share, curve[..., at]) for curve in (s, f, lost, restricted)))


@given(SEEDS)
def test_the_same_as_plain_sums(seed):
    parts = drawn(seed)
    for ours, theirs in zip(piecewise_risks(**parts), plain(**parts), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-13)


@given(SEEDS)
def test_everybody_is_alive_or_failed_and_time_is_lived_or_lost(seed):
    parts = drawn(seed)
    found = piecewise_risks(**parts)
    np.testing.assert_allclose(found.survival + found.incidence.sum(axis=1), 1.0, rtol=1e-14)
    whole = np.broadcast_to(parts["times"], found.restricted.shape)
    np.testing.assert_allclose(found.restricted + found.lost.sum(axis=1), whole, rtol=1e-14)


@given(SEEDS)
def test_curves_are_monotone_and_begin_at_nothing(seed):
    found = piecewise_risks(**drawn(seed))
    assert (np.diff(found.survival) <= 1e-15).all()
    for curves in (found.incidence, found.lost, found.restricted):
        assert (np.diff(curves) >= -1e-15).all()
        assert (curves[..., 0] == 0.0).all()
    np.testing.assert_allclose(found.survival[..., 0], 1.0, rtol=1e-15)
    assert (found.survival >= 0.0).all()


@given(SEEDS, st.floats(0.01, 9.0))
def test_a_cut_where_no_hazard_changes_changes_nothing(seed, cut):
    parts = drawn(seed)
    place = int(np.searchsorted(parts["cuts"], cut))
    finer = {**parts, "cuts": np.insert(parts["cuts"], place, cut)}
    finer["level"] = np.insert(parts["level"], place, parts["level"][..., place], axis=3)
    if (np.diff(finer["cuts"]) > 0).all():
        for ours, theirs in zip(piecewise_risks(**finer), piecewise_risks(**parts), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-300)


@given(SEEDS, st.floats(0.0, 9.0))
def test_more_times_do_not_move_the_others(seed, time):
    parts = drawn(seed)
    place = int(np.searchsorted(parts["times"], time))
    more = piecewise_risks(**{**parts, "times": np.insert(parts["times"], place, time)})
    for ours, theirs in zip(more, piecewise_risks(**parts), strict=True):
        np.testing.assert_allclose(np.delete(ours, place, axis=-1), theirs, rtol=1e-13, atol=1e-300)


@given(SEEDS)
def test_groups_are_weighted_means_of_single_patterns(seed):
    parts = drawn(seed)
    group, weight = parts["group"], parts["weight"]
    single = piecewise_risks(**{**parts, "group": np.arange(len(group))})
    share = np.array([weight * (group == g) / (weight @ (group == g)) for g in range(group.max() + 1)])
    for ours, each in zip(piecewise_risks(**parts), single, strict=True):
        np.testing.assert_allclose(ours, np.einsum("gp,...pm->...gm", share, each), rtol=1e-13, atol=1e-300)


@given(SEEDS)
def test_the_order_of_patterns_and_patterns_without_weight_do_not_matter(seed):
    parts = drawn(seed)
    n = len(parts["group"])
    order = np.random.default_rng(seed).permutation(np.concatenate((np.arange(n), np.arange(n))))
    by_pattern = {name: parts[name][order] for name in ("stratum", "group")}
    # of each pattern's two copies the first is kept
    kept = np.zeros(2 * n, dtype=bool)
    kept[np.unique(order, return_index=True)[1]] = True
    weight = np.where(kept, parts["weight"][order], 0.0)
    shuffled = piecewise_risks(**{**parts, **by_pattern, "weight": weight, "effect": parts["effect"][:, :, order]})
    for ours, theirs in zip(shuffled, piecewise_risks(**parts), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-300)


def test_draws_can_be_shared_out_over_threads():
    rng = np.random.default_rng(3)
    parts = {**drawn(5), "effect": rng.normal(size=(6, 2, 7)), "level": rng.normal(size=(6, 2, 1, 3))}
    parts |= {
        "stratum": np.zeros(7, dtype=int),
        "weight": np.ones(7),
        "group": np.arange(7) % 2,
        "cuts": np.array([1.0, 2.5]),
    }
    whole, found = piecewise_risks(**parts), {}

    def run(k):
        mine = slice(2 * k, 2 * k + 2)
        found[k] = piecewise_risks(**{**parts, "effect": parts["effect"][mine], "level": parts["level"][mine]})

    threads = [threading.Thread(target=run, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for place, curves in enumerate(whole):
        np.testing.assert_array_equal(np.concatenate([found[k][place] for k in range(3)]), curves)


def test_many_patterns_and_pieces_still_add_up():
    rng = np.random.default_rng(8)
    n, intervals = 20_000, 200
    level, effect = rng.normal(-4, 1, (1, 2, 3, intervals)), rng.normal(0, 1, (1, 2, n))
    cuts, times = np.arange(1.0, intervals) / 10, np.array([1.0, 20.0, 30.0])
    stratum, weight, group = rng.integers(0, 3, n), rng.exponential(size=n), np.zeros(n, dtype=int)
    found = piecewise_risks(level, effect, stratum, weight, group, cuts, times)
    np.testing.assert_allclose(found.survival + found.incidence.sum(axis=1), 1.0, rtol=1e-13)
    np.testing.assert_allclose(found.restricted + found.lost.sum(axis=1), [[times]], rtol=1e-13)
