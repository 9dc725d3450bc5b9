"""Concordance with competing events: those who had another event are compared with every later event."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko

CAUSES = {1: "relapse", 2: "death"}


def endpoint(frame, **more):
    return iko.endpoint_from_columns(frame, time="t", status="s", causes=CAUSES, **more)


def wolbers(frame, score="x", tau=4.0, **more):
    made = endpoint(frame, weights="w" if "w" in frame else None)
    return iko.concordance(made, score, cause="relapse", weighting="wolbers", tau=tau, **more)


def test_four_patients():
    """Relapses at 1 (score 2) and 3 (score 4), death at 2 (score 3), free at 5 (score 1); nobody is censored by 4. The
    relapse at 1: lower than the death and the later relapse, higher than the free one. The relapse at 3: higher than the
    death, which stays, and than the free one. 3 of 5; with the death as censored 2 of 4.
    """
    frame = pd.DataFrame({"t": [3.0, 5.0, 2.0, 1.0], "s": [1, 0, 2, 1], "x": [4.0, 1.0, 3.0, 2.0]})
    assert wolbers(frame).tidy()["estimate"].tolist() == [0.6]
    assert iko.concordance(endpoint(frame), "x", cause="relapse").tidy()["estimate"].tolist() == [0.5]


def test_one_cause_is_unos():
    frame = many(1)
    alone = frame[frame["s"] < 2]
    uno = iko.concordance(endpoint(alone, weights="w"), "x", cause="relapse", weighting="uno", tau=6.0)
    np.testing.assert_array_equal(wolbers(alone, tau=6.0).estimate, uno.estimate)


def many(seed, n=50):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"t": rng.integers(1, 12, n), "s": rng.integers(0, 3, n), "x": rng.integers(0, 6, n)})
    return frame.assign(y=rng.random(n), w=rng.integers(1, 4, n).astype(float), protocol=rng.choice(["p", "q"], n))


def chance(frame, t):
    """Chance of not being censored before t, events leaving first."""
    out = 1.0
    for u in sorted(set(frame["t"])):
        if u < t:
            left = frame["w"][(frame["t"] > u) | ((frame["t"] == u) & (frame["s"] == 0))].sum()
            out *= 1 - frame["w"][(frame["t"] == u) & (frame["s"] == 0)].sum() / left if left else 1
    return out


def pair_by_pair(frame, tau, weight):
    """Concordance with pairs weighted by `weight`, the censoring curve being that of the frame's own weights."""
    won = total = 0.0
    for _, part in frame.groupby("protocol"):
        g = {t: chance(part, t) for t in set(part["t"])}
        for i, a in part[(part["s"] == 1) & (part["t"] <= tau)].iterrows():
            for j, b in part.iterrows():
                after = b["t"] > a["t"] or (b["t"] == a["t"] and b["s"] != 1)
                before = b["s"] == 2 and b["t"] < a["t"]
                if after or before:
                    mass = weight[i] * weight[j] / g[a["t"]] / (g[a["t"]] if after else g[b["t"]])
                    total += mass
                    won += mass * ((a["x"] > b["x"]) + 0.5 * (a["x"] == b["x"]))
    return won / total


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_and_the_jackknife(seed):
    frame, tau = many(seed), 7.0
    found = wolbers(frame, tau=tau, strata="protocol")
    weight = frame["w"].to_numpy()
    np.testing.assert_allclose(found.estimate, pair_by_pair(frame, tau, weight), rtol=1e-12)
    step, slopes = 1e-5, []
    for i in range(len(frame)):
        up, down = (np.where(np.arange(len(frame)) == i, weight * (1 + s), weight) for s in (step, -step))
        slopes.append((pair_by_pair(frame, tau, up) - pair_by_pair(frame, tau, down)) / (2 * step))
    np.testing.assert_allclose(found.tidy()["std_error"], np.sqrt(np.sum(np.square(slopes))), rtol=1e-7)


def test_what_it_needs():
    frame = many(2)
    with pytest.raises(iko.InputError, match="needs the name of a cause, and tau"):
        iko.concordance(endpoint(frame), "x", weighting="wolbers", tau=3.0)
    with pytest.raises(iko.InputError, match="needs the name of a cause, and tau"):
        iko.concordance(endpoint(frame), "x", cause="death", weighting="wolbers")
    assert "are compared with all later events" in wolbers(frame).tidy()["note"].iloc[0]
    both = wolbers(frame, score=["x", "y"]).tidy()
    assert both["term"].tolist() == ["x", "y", "difference"]
