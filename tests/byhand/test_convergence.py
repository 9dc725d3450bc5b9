"""Convergence: R-hat by its formula on a handful of draws, cases whose answer is plain, ArviZ as the witness, the gate."""

import warnings

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import rankdata

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.models.bayes.convergence import (
    arviz_loaded,
    bfmi,
    diagnose,
    gate,
    load,
    save,
    to_inference_data,
)


def plain_r_hat(draws):
    """Split chains, normal scores of the ranks, variance between over variance within; the larger of plain and folded."""
    half = draws.shape[1] // 2
    chains = np.concatenate([draws[:, :half], draws[:, -half:]])
    found = []
    for part in (chains, np.abs(chains - np.median(chains))):
        score = ndtri((rankdata(part).reshape(part.shape) - 3 / 8) / (part.size + 1 / 4))
        within = score.var(axis=1, ddof=1).mean()
        between = half * score.mean(axis=1).var(ddof=1)
        found.append(np.sqrt((between / within + half - 1) / half))
    return max(found)


def test_r_hat_is_its_formula():
    draws = np.random.default_rng(5).normal(size=(3, 10, 4)) + np.arange(3.0)[:, None, None] * np.array(
        [0.0, 0.5, 2.0, 9.0]
    )
    expected = [plain_r_hat(draws[..., k]) for k in range(4)]
    assert diagnose(draws).r_hat == pytest.approx(expected, rel=1e-12)


def test_independent_draws_count_in_full_and_chains_apart_are_seen():
    rng = np.random.default_rng(1)
    draws = rng.normal(size=(4, 1000, 2))
    draws[..., 1] += np.array([0.0, 5.0, 0.0, 5.0])[:, None]
    found = diagnose(draws)
    assert found.r_hat[0] < 1.01
    assert found.r_hat[1] > 1.5
    assert found.ess_bulk[0] == pytest.approx(4000, rel=0.1)
    assert found.ess_tail[0] == pytest.approx(4000, rel=0.1)
    assert found.ess_bulk[1] < 10
    assert found.mcse_mean[0] == pytest.approx(1 / np.sqrt(4000), rel=0.1)
    # the median of n normal draws has standard error sqrt(pi / 2 / n)
    assert found.mcse_median[0] == pytest.approx(np.sqrt(np.pi / 2 / 4000), rel=0.15)


def test_a_chain_that_remembers_has_fewer_draws():
    """AR(1) with coefficient 0.8: n (1 - 0.8) / (1 + 0.8) = n / 9 independent draws."""
    rng = np.random.default_rng(2)
    draws = np.zeros((4, 20000, 1))
    noise = rng.normal(size=(4, 20000))
    for k in range(1, 20000):
        draws[:, k, 0] = 0.8 * draws[:, k - 1, 0] + noise[:, k]
    assert diagnose(draws).ess_bulk[0] == pytest.approx(80000 / 9, rel=0.1)


def test_the_witness_agrees_quantity_by_quantity():
    arviz = arviz_loaded()
    rng = np.random.default_rng(3)
    draws = rng.gamma(0.5, size=(4, 200, 6)).cumsum(axis=1) ** np.arange(1, 7) * 10.0 ** np.arange(-9, 9, 3)
    found = diagnose(draws)
    for k in range(6):
        one = draws[..., k]
        assert found.r_hat[k] == pytest.approx(arviz.rhat(one), rel=1e-10)
        assert found.ess_bulk[k] == pytest.approx(arviz.ess(one, method="bulk"), rel=1e-10)
        assert found.ess_tail[k] == pytest.approx(arviz.ess(one, method="tail"), rel=1e-10)
        assert found.mcse_mean[k] == pytest.approx(arviz.mcse(one, method="mean"), rel=1e-10)
        assert found.mcse_median[k] == pytest.approx(arviz.mcse(one, method="median"), rel=1e-10)


def test_quantities_without_a_diagnosis():
    draws = np.random.default_rng(4).normal(size=(4, 50, 5))
    draws[..., 1] = 0.1
    draws[2, 7, 2] = np.nan
    draws[2, 7, 3] = np.inf
    draws[..., 4] = 1e-30 * draws[..., 0] + 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = diagnose(draws)
        short, one = diagnose(draws[:, :3]), diagnose(draws[:1])
    assert np.isnan(found.r_hat).tolist() == [False, True, True, True, False]
    assert np.isnan(found.ess_bulk).tolist() == [False, True, True, True, False]
    assert found.mcse_mean[1] == found.mcse_median[1] == 0.0
    assert found.r_hat[4] == pytest.approx(found.r_hat[0], rel=1e-10)
    assert found.mcse_mean[4] == pytest.approx(1e-30 * found.mcse_mean[0], rel=1e-9)
    assert all(np.isnan(part).all() for part in short)
    assert np.isnan(one.r_hat).all()
    assert one.ess_bulk[0] > 20
    assert diagnose(np.empty((4, 50, 0))).r_hat.shape == (0,)
    with pytest.raises(InputError, match="three dimensions"):
        diagnose(draws[0])


def test_energies_by_hand():
    # differences 2, -1: (4 + 1) / 2; deviations from 2: 1, 1, 0: 2 / 2
    energy = np.array([[1.0, 3.0, 2.0], [4.0, 4.0, 4.0], [1.0, np.nan, 2.0]])
    assert bfmi(energy) == pytest.approx([2.5, np.nan, np.nan], nan_ok=True)
    assert np.isnan(bfmi(energy[:, :1])).all()
    many = np.random.default_rng(7).normal(size=(4, 100)).cumsum(axis=1)
    assert bfmi(many) == pytest.approx(arviz_loaded().bfmi(many), rel=1e-10)


def test_the_gate_is_open_when_all_is_well():
    nothing = np.zeros((4, 100), dtype=bool)
    assert gate([1.01, np.nan], [400.0, np.nan], [400.0, np.nan], nothing, [0.3, np.nan]) == ()


def test_each_sentence_of_the_gate():
    diverged = np.zeros((2, 10), dtype=bool)
    diverged[1, 3:5] = True
    said = gate([1.0101, 1.0], [399.9, 900.0], [380.0, 12.3], diverged, [0.299, 0.9])
    assert said == (
        "R-hat is up to 1.011, above 1.01, in 1 of 2 quantities: sample longer, with more tuning",
        "the bulk effective sample size is down to 399, below 400, in 1 of 2 quantities: draw more",
        "the tail effective sample size is down to 12, below 400, in 2 of 2 quantities: draw more",
        "2 draws diverged: raise target_accept, or choose the other centring",
        "E-BFMI is down to 0.29, below 0.3, in 1 of 2 chains: tune longer, or choose the other centring",
    )
    assert gate([1.0], [500.0], [500.0], 1, [0.9])[0].startswith("1 draw diverged:")
    assert gate([np.inf], [500.0], [500.0], 0, [0.9])[0].startswith("R-hat is up to inf")
    assert gate([np.nan], [500.0], [500.0], 0, [0.9]) == ("no R-hat could be computed: sample at least 2 chains that move",)
    assert "in 1 of 1 quantity" in gate([2.0], [500.0], [500.0], 0, [0.9])[0]
    assert gate([], [], [], 0, []) == ()


def test_a_posterior_is_a_file_and_back(tmp_path):
    rng = np.random.default_rng(6)
    beta, diverging = rng.normal(size=(2, 30, 3)), rng.random((2, 30)) < 0.1
    made = to_inference_data(
        {"beta": beta, "sigma": beta[..., 0] ** 2}, {"diverging": diverging, "energy": beta[..., 1]},
        {"beta": ["level"]}, {"level": ["none", "ik6", "whole gene"]}, {"tuning_steps": 500, "note": "µ"},
    )  # fmt: skip
    assert "created_at" not in made.posterior.attrs
    path = save(made, tmp_path / "draws.nc")
    back = load(path)
    path.unlink()  # in memory: the file may go
    assert (back.posterior["beta"].to_numpy() == beta).all()
    assert back.posterior["beta"].dims == ("chain", "draw", "level")
    assert back.posterior["level"].to_numpy().tolist() == ["none", "ik6", "whole gene"]
    assert (back.sample_stats["diverging"].to_numpy() == diverging).all()
    assert back.posterior.attrs["tuning_steps"] == 500
    assert back.posterior.attrs["note"] == "µ"


def test_files_and_arrays_that_are_none(tmp_path):
    (tmp_path / "words.nc").write_text("no draws")
    for name in ("words.nc", "nowhere.nc"):
        with pytest.raises(InputError, match="holds no draws"):
            load(tmp_path / name)
    with pytest.raises(InputError, match="differ in chains or draws"):
        to_inference_data({"a": np.zeros((2, 10))}, {"energy": np.zeros((2, 9))})
    few = to_inference_data({"a": np.zeros((3, 2))}, {})  # more chains than draws is no cause for a warning
    assert few.posterior["a"].shape == (3, 2)
