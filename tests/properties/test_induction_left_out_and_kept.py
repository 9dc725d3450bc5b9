"""The binary part of failures of induction: left out, stacked, kept and loaded like any cause."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.kernels.hierarchical_density import evaluate
from ikzf1_outcomes.models.bayes.induction import FAILURE, memory_of, models_of
from ikzf1_outcomes.models.bayes.left_out import left_out, with_refits
from ikzf1_outcomes.models.bayes.reduction import reduce_endpoint
from ikzf1_outcomes.models.bayes.refits import models_without

N = 150
SPEC = iko.hierarchical_spec(covariates="x", cuts=[1.0], induction=("failure",))
RUN: dict = {"seed": 3, "draws": 500, "tune": 400, "chains": 2}


def endpoint(seed: int = 4) -> iko.Endpoint:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"ikzf1_class": rng.choice(["none", "ik6", "del_4_8"], N, p=[0.6, 0.2, 0.2])})
    failed = rng.random(N) < np.where(frame["ikzf1_class"] == "none", 0.08, 0.2)
    frame["x"], frame["hospital"] = rng.normal(size=N), rng.choice(list("ab"), N)
    frame["t"] = np.where(failed, 0.1, 0.1 + rng.uniform(0.2, 6, N))
    frame["s"] = np.where(failed, 2, rng.choice([0, 1], N))
    return iko.endpoint_from_columns(frame, time="t", status="s", causes={1: "relapse", 2: "failure"}, time_unit="years")


@pytest.fixture(scope="module")
def posterior() -> iko.Posterior:
    return iko.sample(endpoint(), SPEC, **RUN)


def test_without_some_rows_it_is_the_density_of_the_others(posterior: iko.Posterior) -> None:
    whole, spec = endpoint(), iko.hierarchical_spec(cuts=[1.0], induction=("failure",))
    left = np.arange(N) % 7 == 3
    fitted = iko.sample(whole, spec, seed=1, draws=4, tune=20, chains=1)
    rest = iko.endpoint_from_columns(
        whole.frame[~left].reset_index(drop=True), time="t", status="s", causes={1: "relapse", 2: "failure"},
        time_unit="years",
    )  # fmt: skip
    rng = np.random.default_rng(2)
    own, others = models_without(fitted, left), models_of(reduce_endpoint(rest, spec))
    assert [model.cause for model in own] == ["relapse", FAILURE]
    for one, other in zip(own, others, strict=True):
        (first, form), (second, _) = memory_of(one), memory_of(other)
        theta = 0.5 * rng.normal(size=first.n_dim)
        a, b = (evaluate(memory, theta, posterior=form)[0] for memory in (first, second))
        assert a == pytest.approx(b, rel=1e-10)


def test_refits_agree_with_weights_where_these_serve(posterior: iko.Posterior) -> None:
    found = left_out(posterior)
    failed = np.flatnonzero(endpoint().cause == 2)[:2]
    again = with_refits(posterior, found, np.append(failed, [0]), 50, False)
    assert again.exact.sum() == 3
    assert again.density == pytest.approx(found.density, abs=0.08)


def test_groups_count_failures_among_their_events(posterior: iko.Posterior) -> None:
    table = iko.leave_one_group_out(posterior, "hospital")
    whole = endpoint()
    for name, n_event in zip(table["group"], table["n_event"], strict=True):
        assert n_event == ((whole.frame["hospital"] == name) & (whole.cause > 0)).sum()
    assert table["causes"].iloc[0] == f"relapse, {FAILURE}"
    assert len(iko.compare_posteriors({"one": posterior, "two": posterior})) == 2


def test_it_is_saved_kept_and_stacked(posterior: iko.Posterior, tmp_path: Path) -> None:
    again = iko.load_posterior(posterior.save(tmp_path / "draws.nc"), endpoint())
    for name in ("tidy", "glance"):
        pd.testing.assert_frame_equal(getattr(again, name)(), getattr(posterior, name)(), check_exact=True)
    pd.testing.assert_frame_equal(again.contrasts(2.0), posterior.contrasts(2.0), check_exact=True)
    kept = iko.sample(endpoint(), SPEC, keep=tmp_path / "kept", **RUN)
    assert len(list((tmp_path / "kept").iterdir())) == 2
    taken = iko.sample(endpoint(), SPEC, keep=tmp_path / "kept", **RUN)
    pd.testing.assert_frame_equal(kept.glance(), taken.glance(), check_exact=True)
    pd.testing.assert_frame_equal(posterior.tidy(), taken.tidy(), check_exact=True)
    stacked = iko.stack_imputed([posterior, taken])
    assert stacked.curves(2.0)["estimate"].to_numpy() == pytest.approx(posterior.curves(2.0)["estimate"].to_numpy())


def test_an_aggregate_has_no_such_part() -> None:
    made = iko.aggregate(endpoint(), ["ikzf1_class"], [1.0])
    with pytest.raises(iko.InputError, match="an aggregate does not tell of induction"):
        iko.sample_aggregate(made, iko.hierarchical_spec(cuts=[1.0], induction=("failure",)), seed=1)
