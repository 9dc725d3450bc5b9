"""`adjust` may be a formula: it was once taken for the name of one column."""

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko


@pytest.fixture(scope="module")
def endpoint() -> iko.Endpoint:
    rng = np.random.default_rng(1)
    n = 240
    d = pd.DataFrame(
        {
            "t": rng.exponential(5, n) + 1.1, "s": rng.integers(0, 2, n), "arm": rng.choice(list("ab"), n),
            "mrd": rng.choice(list("+-"), n), "age": rng.uniform(1, 17, n), "wbc": rng.lognormal(2, 1, n),
        }
    )  # fmt: skip
    d["log_wbc"] = np.log(d["wbc"])
    return iko.landmark(iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"}), 1)


def test_effects_after_baseline(endpoint: iko.Endpoint) -> None:
    formula = iko.effects_after_baseline(endpoint, "arm", "mrd", adjust="age + log(wbc)")
    columns = iko.effects_after_baseline(endpoint, "arm", "mrd", adjust=["age", "log_wbc"])
    pd.testing.assert_frame_equal(formula, columns, rtol=1e-9)
    with pytest.raises(iko.InputError, match="one column twice"):
        iko.effects_after_baseline(endpoint, "arm", "mrd", adjust="age + log(wbc) + mrd")


def test_subgroup_effects(endpoint: iko.Endpoint) -> None:
    formula = iko.subgroup_effects(endpoint, "arm", ["mrd"], at=4, adjust="age + log(wbc)")
    columns = iko.subgroup_effects(endpoint, "arm", ["mrd"], at=4, adjust=["age", "log_wbc"])
    pd.testing.assert_frame_equal(formula, columns, rtol=1e-9)
    assert formula["estimate"].notna().any()


def test_a_subgroup_column_leaves_the_formula(endpoint: iko.Endpoint) -> None:
    with_it = iko.subgroup_effects(endpoint, "arm", ["mrd"], at=4, adjust="age + mrd")
    without = iko.subgroup_effects(endpoint, "arm", ["mrd"], at=4, adjust="age")
    own = [table[table["variable"] == "mrd"].reset_index(drop=True) for table in (with_it, without)]
    pd.testing.assert_frame_equal(*own)
