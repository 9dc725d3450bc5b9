"""Any PyMC model: a closed form, the gate in words, what cannot be sampled, sampling interrupted."""

import _thread
import threading

import numpy as np
import pymc as pm
import pytest

import ikzf1_outcomes as iko
from ikzf1_outcomes.models.bayes import any_model
from ikzf1_outcomes.models.bayes.convergence import to_inference_data

SEEN = np.array([1.2, 0.4, 2.5, 1.9, 0.7])


@pytest.fixture(scope="module")
def model() -> pm.Model:
    """Mean of five numbers whose SD is 2, with prior N(1, 3): precision 1/9 + 5/4."""
    with pm.Model() as made:
        mean = pm.Normal("mean", 1.0, 3.0)
        pm.Normal("seen", mean, 2.0, observed=SEEN)
        pm.Deterministic("twice", 2.0 * mean)
    return made


def test_a_closed_form(model: pm.Model) -> None:
    found = iko.sample_model(model, seed=1, draws=2000, tune=500)
    precision = 1 / 9 + 5 / 4
    mean, sd = (1 / 9 + SEEN.sum() / 4) / precision, precision**-0.5
    draws = found.posterior["mean"].to_numpy()
    assert draws.shape == (4, 2000)
    attrs = found.posterior.attrs
    size = min(attrs["ess_bulk"], attrs["ess_tail"])
    assert abs(draws.mean() - mean) < 4 * sd / np.sqrt(size)
    assert abs(draws.std() - sd) < 4 * sd / np.sqrt(2 * size)
    assert (found.posterior["twice"].to_numpy() == 2.0 * draws).all()
    assert (attrs["passed"], attrs["note"], attrs["divergences"], attrs["complete"]) == (1, "", 0, 1)
    assert attrs["r_hat"] < 1.01
    assert attrs["bfmi"] > 0.3
    assert found.sample_stats.attrs["passed"] == 1
    again = iko.sample_model(model, seed=1, draws=2000, tune=500)
    assert (again.posterior["mean"].to_numpy() == draws).all()


def test_what_the_gate_finds_is_said(model: pm.Model) -> None:
    found = iko.sample_model(model, seed=1, draws=30, tune=100, chains=2)
    assert found.posterior.attrs["passed"] == 0
    assert "effective sample size is down to" in found.posterior.attrs["note"]


def test_an_interrupted_run_keeps_its_draws(model: pm.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    timer = threading.Timer(3.0, _thread.interrupt_main)
    inner = any_model.run_pymc

    def begun(*given, **named):
        timer.start()
        return inner(*given, **named)

    monkeypatch.setattr(any_model, "run_pymc", begun)
    monkeypatch.setattr("nutpie.compile_pymc_model", compiled_before(model))
    found = iko.sample_model(model, seed=1, draws=20_000_000, tune=100, chains=2)
    timer.join()
    assert found.posterior.attrs["complete"] == 0
    assert found.posterior.attrs["note"].endswith(any_model.INTERRUPTED)
    assert 0 < found.posterior.sizes["draw"] < 20_000_000


def compiled_before(model: pm.Model):
    """Nutpie's compiler with the answer at hand: the time that compiling takes is no part of the run."""
    import nutpie

    ready = nutpie.compile_pymc_model(model, backend="numba")
    return lambda *_, **__: ready


def test_a_last_resort_is_named() -> None:
    """A discrete variable: nutpie has no gradient for it."""
    with pm.Model() as made:
        which = pm.Bernoulli("which", 0.5)
        pm.Normal("mean", 4.0 * which, 1.0)
    found = iko.sample_model(made, seed=1, draws=500, tune=100, chains=2)
    attrs = found.posterior.attrs
    assert attrs["note"].startswith("nutpie could not compile the model")
    assert found.posterior["which"].to_numpy().mean() == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("what", [None, "a model", np.zeros(3)])
def test_no_model(what: object) -> None:
    with pytest.raises(iko.InputError, match="this is no PyMC model"):
        iko.sample_model(what, seed=1)  # type: ignore[arg-type]


def test_nothing_to_sample() -> None:
    with pm.Model() as made:
        pm.Data("x", [1.0])
    with pytest.raises(iko.InputError, match="no free variable"):
        iko.sample_model(made, seed=1)


def test_settings(model: pm.Model) -> None:
    with pytest.raises(iko.InputError, match="draws must be a whole number"):
        iko.sample_model(model, seed=1, draws=0)


def test_constant_quantities_and_missing_statistics_are_passed_over() -> None:
    made = to_inference_data({"b": np.ones((2, 50))}, {"n_steps": np.ones((2, 50))}, attrs={"complete": 1, "note": ""})
    seen = any_model.verdict(made)
    assert np.isnan(seen["r_hat"])
    assert np.isnan(seen["bfmi"])
    assert seen["note"].startswith("no R-hat could be computed")
