"""What a global test refuses, and what it says of data that it can hardly use."""

import numpy as np
import pandas as pd
import pytest

from ikzf1_outcomes import endpoint_from_columns, global_test
from ikzf1_outcomes.errors import ColumnError, InputError

D = pd.DataFrame(
    {
        "t": [1.0, 2, 3, 4, 5, 6],
        "s": [1, 0, 1, 1, 0, 1],
        "x": [0.1, 2, -1, 0.3, 1, 0],
        "y": [1.0, 2, 4, 3, 2, 2],
        "flat": 1.0,
    }
)
E = endpoint_from_columns(D, time="t", status="s", causes={1: "relapse"})


@pytest.mark.parametrize(
    ("features", "options", "says"),
    [
        ("x", {}, "features are a list"),
        ([], {}, "no features"),
        (["flat"], {}, "no feature is left"),
        (np.zeros((5, 2)), {}, "5 rows of features for 6 rows"),
        (pd.DataFrame({"x": list("abcdef")}), {}, "numbers or flags"),
        (["x"], {"permutations": 99}, "need a seed"),
        (["x"], {"permutations": -1, "seed": 1}, "0 or more"),
        (["x"], {"sets": ["x"]}, "a mapping of names"),
        (["x"], {"sets": {"a": "x"}}, "no list of features"),
        (["x"], {"sets": {"a": []}}, "no members"),
        (["x"], {"sets": {"all features": ["x"]}}, "taken"),
        (["x"], {"missing": "drop"}, "no such rule for missing values"),
        (["x"], {"adjust": "flat"}, "constant"),
    ],
)
def test_refused(features, options, says):
    with pytest.raises(InputError, match=says):
        global_test(E, features, **options)


def test_unknown_columns_and_causes():
    with pytest.raises(ColumnError, match="no column is called 'gone'"):
        global_test(E, ["gone"])
    with pytest.raises(InputError, match="cause"):
        global_test(E, ["x"], cause="death")


def test_case_weights_are_refused():
    weighted = endpoint_from_columns(
        D.assign(w=[1, 2, 1, 1, 1, 1]), time="t", status="s", causes={1: "relapse"}, weights="w"
    )
    with pytest.raises(InputError, match="no case weights"):
        global_test(weighted, ["x"])


def test_several_rows_of_a_patient_are_not_permuted():
    rows = pd.DataFrame({"a": [0.0, 1, 0], "t": [1.0, 3, 2], "s": [0, 1, 1], "id": [1, 1, 2], "x": [1.0, 1, 0]})
    endpoint = endpoint_from_columns(rows, time="t", status="s", causes={1: "relapse"}, entry="a", subject="id")
    with pytest.raises(InputError, match="several rows of one patient"):
        global_test(endpoint, ["x"], permutations=9, seed=1)


def test_no_events():
    none = endpoint_from_columns(D.assign(s=0), time="t", status="s", causes={1: "relapse"})
    with pytest.raises(InputError, match="no events"):
        global_test(none, ["x"])


def test_a_set_without_features_has_a_row():
    found = global_test(E, ["x", "flat"], sets={"none": ["p53"], "flat": ["flat"], "one": ["x"]}, permutations=19, seed=1)
    table = found.tidy()
    assert table["n_absent"].tolist() == [1, 1, 1, 0]
    assert table["p_value"].isna().tolist() == table["p_permutation"].isna().tolist() == [False, True, True, False]
    assert table["note"].tolist() == ["", *["no feature of the set is analysed"] * 2, ""]
    assert table["p_adjusted"].iloc[3] == table["p_permutation"].iloc[3]


def test_a_single_event_of_a_feature_with_two_values():
    """Whoever has it, the form is the same: there is nothing to test, and it is said."""
    d = pd.DataFrame({"t": [1.0, 2, 2, 2], "s": [1, 0, 0, 0], "x": [1, 0, 1, 0]})
    row = global_test(endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"}), ["x"]).tidy().iloc[0]
    assert np.isnan(row["p_value"])
    assert row["note"] == "the form does not vary"


def test_a_feature_that_varies_only_after_the_last_event():
    """Nobody with another value was ever at risk at an event: it is not analysed, and said."""
    d = pd.DataFrame({"t": [1.0, 5, 6, 7], "s": [0, 1, 1, 0], "x": [1, 0, 0, 0], "y": [0.0, 1, 2, 4]})
    endpoint = endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    found = global_test(endpoint, ["x", "y"])
    assert found.components()["note"].tolist() == ["does not vary among those at risk", ""]
    assert found.tidy()["n_absent"].tolist() == [1]


def test_no_array_of_anybody():
    with pytest.raises(InputError, match="no row has all terms"):
        global_test(E, np.full((6, 3), np.nan))


def test_a_level_of_an_adjuster_without_events():
    """Its patients have no chance of an event: they add nothing, and nothing is infinite."""
    d = pd.concat([D.assign(arm="a"), D.assign(arm="b"), D.assign(arm="none", s=0)], ignore_index=True)
    d["x"] = np.random.default_rng(1).normal(size=18)
    three = endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    two = endpoint_from_columns(d[d["arm"] != "none"], time="t", status="s", causes={1: "relapse"})
    first, second = (global_test(e, ["x"], adjust="arm").tidy().iloc[0] for e in (three, two))
    assert first["statistic"] == pytest.approx(second["statistic"])
