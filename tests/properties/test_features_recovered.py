"""Many features of which few matter: what matters is found, the rest is drawn to 0, whatever their names and order."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint

N, SIZE = 300, 30
NAMES = tuple(f"PEP{k}" for k in range(SIZE))


def patients(seed: int = 1) -> pd.DataFrame:
    """The first two features have a log hazard ratio of 0.7 per SD, all others none."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(N, SIZE)), columns=list(NAMES))
    frame["ikzf1_class"] = rng.choice(["none", "ik6", "del_4_8"], N, p=[0.7, 0.15, 0.15])
    log_ratio = 0.7 * (frame["PEP0"] + frame["PEP1"]) + 0.5 * (frame["ikzf1_class"] != "none")
    died, end = rng.exponential(1.0 / (0.08 * np.exp(log_ratio))), rng.uniform(3.0, 8.0, N)
    return frame.assign(t=np.minimum(died, end), s=(died <= end).astype(int))


def endpoint(frame: pd.DataFrame) -> iko.Endpoint:
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse"}, time_unit="years")


@pytest.mark.parametrize("pathways", [None, {"one": NAMES[:2], "two": NAMES[2:12], "three": NAMES[12:20]}])
def test_two_features_of_thirty_are_found(pathways: dict | None) -> None:
    posterior = iko.sample(endpoint(patients()), iko.hierarchical_spec(features=NAMES, pathways=pathways), seed=1)
    glance = posterior.glance().iloc[0]
    assert (glance["note"], glance["divergences"]) == ("", 0)
    table = posterior.tidy()
    own = table[table["term"] == "feature"].set_index("contrast")
    assert (own.loc[["PEP0", "PEP1"], "low"] > 0.3).all()
    assert own.loc[["PEP0", "PEP1"], "estimate"].between(0.5, 0.9).all()
    others = own.drop(["PEP0", "PEP1"])
    assert others["estimate"].abs().max() < 0.1
    assert ((others["low"] < 0) & (others["high"] > 0)).all()
    spreads = table[table["term"] == "pathway spread"].set_index("contrast")["estimate"]
    if pathways is None:
        assert not len(spreads)
    else:
        assert spreads.index.tolist() == ["one", "two", "three", "no pathway"]
        assert spreads.idxmax() == "one"


def test_the_order_of_features_and_pathways_does_not_matter() -> None:
    """The prior is the same for each: the model is, number by number, with its columns exchanged."""
    data = endpoint(patients())
    one = reduce_endpoint(data, iko.hierarchical_spec(features=NAMES[:4], pathways={"a": NAMES[:1], "b": NAMES[2:3]}))
    other = iko.hierarchical_spec(features=NAMES[3::-1], pathways={"b": NAMES[2:3], "a": NAMES[:1]})
    two = reduce_endpoint(data, other)
    first, second = one.models[0].families[-1], two.models[0].families[-1]
    assert first.scale.tolist() == second.scale.tolist()
    # a, none, b, none; from behind none, b, none, a with the pathways in the other order
    assert first.location.tolist() == [0, 2, 1, 2]
    assert second.location.tolist() == [2, 0, 2, 1]
    assert first.basis.sum(axis=0).tolist() == [1, 1, 2]


def test_the_share_of_alterations_lies_between_none_and_all() -> None:
    rng = np.random.default_rng(2)
    frame = patients()
    names = [f"CNA{k}" for k in range(5)]
    frame[names] = (rng.random((N, 5)) < [0.4, 0.3, 0.2, 0.1, 0.05]).astype(int)
    died = rng.exponential(1.0 / (0.06 * np.exp(1.5 * frame["CNA0"])))
    end = rng.uniform(3.0, 8.0, N)
    frame = frame.assign(t=np.minimum(died, end), s=(died <= end).astype(int))
    posterior = iko.sample(endpoint(frame), iko.hierarchical_spec(alterations=names, alterations_prior="r2d2"), seed=2)
    assert posterior.glance()["note"].iloc[0] == ""
    table = posterior.tidy()
    own = table[table["term"] == "alteration"].set_index("contrast")
    assert own.loc["CNA0", "low"] > 0.5
    assert own.drop("CNA0")["estimate"].abs().max() < 0.3
    # the truth is 1.5^2 x 0.24 of that and pi^2 / 6
    share = table.set_index("term").loc["alteration share"]
    assert share["low"] < 0.54 / (0.54 + np.pi**2 / 6) < share["high"]
