"""The sampler: known posteriors, the same draws whatever the cores, interruption, densities with holes, PyMC models."""

import _thread
import ctypes
import os
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest
from scipy.stats import norm

from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.kernels.callbacks import DENSITY, density_callback
from ikzf1_outcomes.models.bayes import nuts
from ikzf1_outcomes.models.bayes.convergence import diagnose, gate
from ikzf1_outcomes.models.bayes.sampler_settings import progress_line, settings_of


@density_callback
def gaussian(n, point, gradient, value, memory):
    """Memory: n means, then the n x n precisions."""
    x, out = numba.carray(point, n), numba.carray(gradient, n)
    known = numba.carray(memory, n + n * n, numba.float64)
    total = 0.0
    for i in range(n):
        out[i] = 0.0
        for j in range(n):
            out[i] -= known[n + i * n + j] * (x[j] - known[j])
        total += 0.5 * out[i] * (x[i] - known[i])
    numba.carray(value, 1)[0] = total
    return 0


@density_callback
def cut_off(n, point, gradient, value, memory):
    """Standard normal below memory[0]; above, as memory[1] says: refused, a value of NaN or -inf, a gradient of NaN."""
    x, out = numba.carray(point, n), numba.carray(gradient, n)
    known = numba.carray(memory, 2, numba.float64)
    total = 0.0
    for i in range(n):
        out[i] = -x[i]
        total -= 0.5 * x[i] * x[i]
    if x[0] > known[0]:
        if known[1] == 0.0:
            return 1
        if known[1] == 1.0:
            total = np.nan
        elif known[1] == 2.0:
            total = -np.inf
        else:
            out[0] = np.nan
    numba.carray(value, 1)[0] = total
    return 0


@density_callback
def broken(n, point, gradient, value, memory):
    return -1


def nowhere(point):
    raise AssertionError("the density is to be called by its address")


MEAN = np.array([1.0, -2.0, 0.5])
SD = np.array([0.5, 3.0, 0.01])
CORRELATION = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, -0.3], [0.0, -0.3, 1.0]])
PRECISION = np.linalg.inv(CORRELATION * np.outer(SD, SD))


def evaluate(point):
    """As `gaussian`, in the same order of sums."""
    gradient, total = np.zeros(3), 0.0
    for i in range(3):
        for j in range(3):
            gradient[i] -= PRECISION[i, j] * (point[j] - MEAN[j])
        total += 0.5 * gradient[i] * (point[i] - MEAN[i])
    return total, gradient


NORMAL = nuts.Density(3, gaussian.address, np.concatenate([MEAN, PRECISION.ravel()]), nowhere)
IN_PYTHON = NORMAL._replace(evaluate=evaluate)
SMALL = {"draws": 50, "tune": 100, "chains": 3}


def hole(kind, edge=1.0):
    return nuts.Density(2, cut_off.address, np.array([edge, kind]), nowhere)


def test_a_correlated_normal_is_recovered():
    found = nuts.run_nuts(NORMAL, seed=1, draws=2000, tune=1000, chains=4)
    assert found.position.shape == (4, 2000, 3)
    assert found.diverging.shape == found.energy.shape == found.n_steps.shape == (4, 2000)
    assert found.complete
    assert found.tune == 1000
    assert (found.step_size > 0).all()
    assert (found.n_steps >= 1).all()
    assert found.n_steps.max() < 64  # adapted: the scales differ 300 times
    judged = diagnose(found.position)
    assert gate(judged.r_hat, judged.ess_bulk, judged.ess_tail, found.diverging, [1.0]) == ()
    rows = found.position.reshape(-1, 3)
    assert (np.abs(rows.mean(axis=0) - MEAN) < 4 * judged.mcse_mean).all()
    assert rows.std(axis=0) == pytest.approx(SD, rel=0.06)
    assert np.corrcoef(rows.T) == pytest.approx(CORRELATION, abs=0.06)
    share = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    expected = norm.ppf(share)[:, None]
    assert (np.quantile(rows, share, axis=0) - MEAN) / SD == pytest.approx(np.tile(expected, 3), abs=0.12)


def test_the_energy_is_that_of_the_density():
    """Energy = potential + kinetic, so its mean is 3/2 + 3/2 for three dimensions, up to the constant of the density."""
    found = nuts.run_nuts(NORMAL, seed=4, draws=2000, tune=500, chains=2)
    assert found.energy.mean() == pytest.approx(3.0, abs=0.2)


def test_the_seed_alone_decides():
    first = nuts.run_nuts(NORMAL, seed=7, cores=1, **SMALL)
    again = [nuts.run_nuts(NORMAL, seed=7, cores=cores, progress=on, **SMALL) for cores, on in ((2, False), (None, True))]
    for other in again:
        assert (other.position == first.position).all()
        assert (other.energy == first.energy).all()
        assert (other.step_size == first.step_size).all()
    assert not (nuts.run_nuts(NORMAL, seed=8, **SMALL).position == first.position).any()
    assert len({chain.tobytes() for chain in first.position}) == 3


def test_chains_run_at_once_without_pythons_lock():
    """A density that sleeps needs no processor: four chains at once take as long as one, on any machine."""
    pause = ctypes.CDLL(None).usleep
    pause.argtypes, pause.restype = [ctypes.c_uint], ctypes.c_int

    @numba.cfunc(DENSITY)
    def sleepy(n, point, gradient, value, memory):
        x, out = numba.carray(point, n), numba.carray(gradient, n)
        pause(1000)
        for i in range(n):
            out[i] = -x[i]
        numba.carray(value, 1)[0] = -0.5 * np.sum(x * x)
        return 0

    density = nuts.Density(2, sleepy.address, np.zeros(0), nowhere)
    one, four = (nuts.run_nuts(density, seed=1, draws=40, tune=20, chains=4, cores=cores) for cores in (1, None))
    assert four.seconds < 0.6 * one.seconds
    assert (four.position == one.position).all()


def test_more_chains_leave_the_first_ones_alone():
    three = nuts.run_nuts(NORMAL, seed=7, **SMALL)
    two = nuts.run_nuts(NORMAL, seed=7, **(SMALL | {"chains": 2}))
    assert (three.position[:2] == two.position).all()


def test_the_start_is_the_centre_of_the_first_points():
    seen = []

    def first(point):
        seen.append(point.copy())
        return evaluate(point)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nuts, "by_address", none_such)
        nuts.run_nuts(
            NORMAL._replace(evaluate=first), seed=1, draws=1, tune=1, chains=1, start=np.array([90.0, 0.0, -90.0])
        )
    assert np.abs(seen[0] - [90.0, 0.0, -90.0]).max() <= 1.0


def none_such(*_):
    raise AttributeError("another nutpie")


def test_the_public_route_gives_the_same_draws(monkeypatch):
    by_address = nuts.run_nuts(NORMAL, seed=3, **SMALL)
    import nutpie.compile_pymc

    for absent in (True, False):
        with monkeypatch.context() as patch:
            if absent:
                patch.delattr(nutpie.compile_pymc, "CompiledPyMCModel")
            else:
                patch.setattr(nutpie.compile_pymc, "CompiledPyMCModel", lambda: None)
            by_python = nuts.run_nuts(IN_PYTHON, seed=3, progress=True, **SMALL)
        assert by_python.position == pytest.approx(by_address.position, rel=1e-9)
        assert by_python.diverging.tolist() == by_address.diverging.tolist()


@pytest.mark.parametrize("kind", [0.0, 1.0, 2.0, 3.0])
def test_where_there_is_no_density_there_are_no_draws(kind):
    found = nuts.run_nuts(hole(kind), seed=2, draws=300, tune=300, chains=2)
    assert np.isfinite(found.position).all()
    assert found.position[..., 0].max() < 1.0
    assert found.diverging.any()
    judged = diagnose(found.position)
    assert any("diverged" in said for said in gate(judged.r_hat, judged.ess_bulk, judged.ess_tail, found.diverging, [1.0]))


def test_holes_are_the_same_in_python(monkeypatch):
    def evaluate(point):
        return (-0.5 * float(point @ point), -point) if point[0] <= 1.0 else (np.nan, -point)

    by_address = nuts.run_nuts(hole(0.0), seed=2, draws=60, tune=60, chains=2)
    monkeypatch.setattr(nuts, "by_address", none_such)
    by_python = nuts.run_nuts(hole(0.0)._replace(evaluate=evaluate), seed=2, draws=60, tune=60, chains=2)
    assert by_python.position == pytest.approx(by_address.position, rel=1e-9)


@pytest.mark.parametrize("kind", [0.0, 1.0, 2.0, 3.0])
def test_no_density_anywhere_is_an_error(kind):
    with pytest.raises(ConvergenceError, match="no first point has a finite density"):
        nuts.run_nuts(hole(kind, edge=-np.inf), seed=1, **SMALL)


def test_a_density_that_breaks_is_an_error(capfd, monkeypatch):
    with pytest.raises(ConvergenceError, match=r"no first point|broke"):
        nuts.run_nuts(NORMAL._replace(address=broken.address), seed=1, **SMALL)

    calls = []

    def later(point):
        calls.append(0)
        return evaluate(point) if len(calls) < 50 else 1 / 0

    monkeypatch.setattr(nuts, "by_address", none_such)
    with pytest.raises(ConvergenceError, match="broke"):
        nuts.run_nuts(NORMAL._replace(evaluate=later), seed=1, draws=50, tune=100, chains=1)


def interrupt(seconds):
    timer = threading.Timer(seconds, _thread.interrupt_main)
    timer.start()
    return timer


def test_an_interruption_gives_what_was_drawn():
    timer = interrupt(0.5)
    found = nuts.run_nuts(NORMAL, seed=5, draws=3_000_000, tune=50, chains=3)
    timer.join()
    assert not found.complete
    chains, length, n = found.position.shape
    assert (chains, n) == (3, 3)
    assert 0 < length < 3_000_000
    assert found.energy.shape == found.diverging.shape == (3, length)
    whole = nuts.run_nuts(NORMAL, seed=5, draws=min(length, 200), tune=50, chains=3)
    assert whole.complete
    assert (whole.position == found.position[:, :200]).all()


def test_an_interruption_before_every_chain_has_a_draw_is_raised():
    timer = interrupt(0.3)
    with pytest.raises(KeyboardInterrupt):
        nuts.run_nuts(NORMAL, seed=5, draws=3_000_000, tune=50, chains=3, cores=1)
    timer.join()


def test_nothing_is_said_unless_asked(capfd):
    nuts.run_nuts(NORMAL, seed=1, **SMALL)
    assert capfd.readouterr() == ("", "")


def test_the_progress_line(capfd, monkeypatch):
    how = settings_of(1, 60, 40, 2, 0.9, None, True)
    heard = []
    nuts.finished(nuts.begun(nuts.by_address(NORMAL, lambda seed: np.zeros(3)), how, heard.append))
    assert [int(number) for number in heard[-1].split()] == [200, 200, 0, 0]
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_line(how) as tell:
        tell("120 200 0 3 ")
    out, err = capfd.readouterr()
    assert out == ""
    assert "120/200 draws" in err
    assert "3 diverged" in err


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1}, {"seed": 2**64}, {"seed": 1.5}, {"seed": True}, {"draws": 0}, {"tune": 0}, {"chains": 0},
        {"cores": 0}, {"target_accept": 1.0}, {"target_accept": 0.0}, {"start": np.zeros(2)},
        {"start": np.array([0.0, np.nan, 0.0])},
    ],
)  # fmt: skip
def test_settings_out_of_range(wrong):
    with pytest.raises(InputError):
        nuts.run_nuts(NORMAL, **({"seed": 1} | SMALL | wrong))


def test_memory_of_another_kind():
    for memory in (NORMAL.memory.astype(np.float32), np.repeat(NORMAL.memory, 2)[::2]):
        with pytest.raises(InputError, match="float64"):
            nuts.run_nuts(NORMAL._replace(memory=memory), seed=1, **SMALL)


def test_a_pymc_model(monkeypatch):
    """Ten normal values of known spread 2 under a normal(0, 3) prior: precision 1/9 + 10/4."""
    import nutpie
    import pymc

    y = np.linspace(-1.0, 4.0, 10)
    with pymc.Model(coords={"row": range(10)}) as model:
        mu = pymc.Normal("mu", 0.0, 3.0)
        pymc.HalfNormal("scale", 1.0)
        pymc.Deterministic("double", 2.0 * mu)
        pymc.Normal("y", mu, 2.0, observed=y, dims="row")
    how = {"seed": 1, "draws": 1000, "tune": 500, "chains": 2}
    compiled = nuts.nutpie_loaded().compile_pymc_model(model, backend="numba")
    monkeypatch.setattr(nutpie, "compile_pymc_model", lambda model, backend: compiled)
    made = nuts.run_pymc(model, **how)
    precision = 1 / 9 + 10 / 4
    mean, sd = y.sum() / 4 / precision, precision**-0.5
    mu = made.posterior["mu"].to_numpy()
    assert set(made.posterior.data_vars) == {"mu", "scale", "double"}
    assert mu.shape == (2, 1000)
    assert mu.mean() == pytest.approx(mean, abs=0.1)
    assert mu.std() == pytest.approx(sd, rel=0.1)
    assert made.posterior["double"].to_numpy() == pytest.approx(2 * mu)
    assert made.posterior["scale"].to_numpy().min() > 0
    attrs = made.posterior.attrs
    assert (attrs["inference_library"], attrs["tuning_steps"], attrs["complete"], attrs["note"]) == ("nutpie", 500, 1, "")
    assert "created_at" not in attrs
    assert (nuts.run_pymc(model, cores=1, progress=True, **how).posterior["mu"].to_numpy() == mu).all()

    timer = interrupt(0.5)
    part = nuts.run_pymc(model, seed=1, draws=3_000_000, tune=500, chains=2)
    timer.join()
    assert part.posterior.attrs["complete"] == 0
    assert 0 < part.posterior.sizes["draw"] < 3_000_000
    assert np.isfinite(part.posterior["mu"].to_numpy()).all()

    def unable(model, backend):
        raise NotImplementedError("an operation that Numba does not know")

    monkeypatch.setattr(nutpie, "compile_pymc_model", unable)
    last = nuts.run_pymc(model, seed=1, draws=400, tune=400, chains=2, cores=1)
    assert last.posterior["mu"].to_numpy().mean() == pytest.approx(mean, abs=0.15)
    assert last.posterior.attrs["note"] == "nutpie could not compile the model (NotImplementedError)"
    assert last.posterior.attrs["inference_library"] == "pymc"
    assert set(last.posterior.data_vars) == {"mu", "scale", "double"}
    assert set(last.groups()) == {"posterior", "sample_stats"}


def test_the_libraries_load_without_warnings_and_without_a_folder_to_write_in(tmp_path):
    (tmp_path / "file").write_text("")
    code = (
        "import sys; from ikzf1_outcomes.models.bayes import nuts, convergence; "
        "assert not {'arviz', 'nutpie', 'pymc', 'matplotlib', 'xarray'} & set(sys.modules); "
        "nuts.nutpie_loaded(); import pymc; print(sorted({'arviz', 'nutpie', 'pymc'} & set(sys.modules)))"
    )
    environment = os.environ | {
        "XDG_CACHE_HOME": str(tmp_path / "file" / "under a file"),
        "NUMBA_CACHE_DIR": str(tmp_path / "numba"),
    }
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "['arviz', 'nutpie', 'pymc']"
