"""The door to the sampler: the only module that knows nutpie.

Nutpie's public `from_pyfunc` calls a density through Python, one chain at a time. Its PyMC route calls a C function by its
address, all chains at once; that route is taken here with our own function, though it is not public. Nutpie is therefore
pinned, and where its inside is not as expected the public way serves.
"""

from __future__ import annotations

import ctypes
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.kernels.callbacks import EXPANSION, callback, same
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.bayes.convergence import arviz_loaded, described
from ikzf1_outcomes.models.bayes.sampler_settings import COUNTS, Settings, progress_line, settings_of

NAME = "position"
EVERY = 200
"""Milliseconds between two looks at how far the chains are."""
NO_START = "no first point has a finite density"
CHANGED = (AttributeError, ImportError, TypeError)
"""What a nutpie raises whose inside is not that of the pinned version."""


class Density(NamedTuple):
    """A log density over n numbers without bounds, for machine code and for Python."""

    n_dim: int
    address: int
    """Of a C function as `kernels.callbacks.density_callback` makes it; whoever made the density keeps it alive."""
    memory: np.ndarray
    """What the function is given as its memory: float64, contiguous."""
    evaluate: Callable[[Floats], tuple[float, Floats]]
    """The same density and its gradient, from Python."""


class Chains(NamedTuple):
    """Draws after tuning."""

    position: Floats
    """(chains, draws, n_dim), without bounds."""
    diverging: np.ndarray
    """(chains, draws)."""
    energy: Floats
    n_steps: np.ndarray
    step_size: Floats
    """After tuning (chains)."""
    tune: int
    """Draws of tuning, which are not kept."""
    seconds: float
    complete: bool
    """False where the user interrupted: then the draws that all chains have."""


class RefusedError(ValueError):
    """A point without density, in the words of nutpie."""

    is_recoverable = True


def run_nuts(
    density: Density,
    *,
    seed: int,
    draws: int,
    tune: int,
    chains: int,
    target_accept: float = 0.9,
    cores: int | None = None,
    start: Floats | None = None,
    progress: bool = False,
) -> Chains:
    """Draw from a density by the no-U-turn sampler, with step size and scales adapted while tuning.

    The draws depend on seed, draws, tune, chains and target_accept, and on nothing else: not on cores, nor on progress.

    Edge rules: a point where density or gradient is not finite ends the trajectory as a divergence. Ctrl-C gives what was
    drawn so far, `complete` False, cut to what all chains have; before all chains have a draw it is raised as always.

    Parameters
    ----------
    density
        What to draw from.
    seed
        Whole number from 0 to 2**64 - 1.
    draws, tune, chains
        Draws kept and draws of tuning of each chain; chains.
    target_accept
        Mean acceptance that the step size aims at, between 0 and 1; higher is slower and diverges less.
    cores
        Chains that run at once; None is all. More chains than processors at once cost nothing, and all have draws when the
        user interrupts.
    start
        Centre of the first points, which are spread by up to 1 in each direction (n_dim); None is 0.
    progress
        Show a line on standard error.

    Returns
    -------
    Chains

    Raises
    ------
    InputError
        Settings out of range; a start or a memory of another shape or kind.
    ConvergenceError
        No first point with a finite density; a density that broke.

    Notes
    -----
    Hoffman and Gelman (2014), The no-U-turn sampler; recalled, not verified. Computed by nutpie.
    """
    how = settings_of(seed, draws, tune, chains, target_accept, cores, progress)
    centre = np.zeros(density.n_dim) if start is None else np.array(start, dtype=float)
    if centre.shape != (density.n_dim,) or not np.isfinite(centre).all():
        raise InputError("the start must be one finite number for each dimension", count=density.n_dim)
    if density.memory.dtype != np.float64 or not density.memory.flags.c_contiguous:
        raise InputError("the memory of the density must be a contiguous array of float64")

    def first(seed: int) -> Floats:
        return centre + np.random.default_rng(seed).uniform(-1.0, 1.0, density.n_dim)

    with progress_line(how) as tell:
        try:
            sampler = begun(by_address(density, first), how, tell)
        except CHANGED:
            sampler = begun(by_python(density, first), how, tell)
        trace, complete, seconds = finished(sampler)
    found = chains_of(trace, density.n_dim, how.tune, seconds, complete)
    if not np.isfinite(found.energy).all():  # nutpie looks at the gradient of a first point, not at its value
        raise ConvergenceError(NO_START, next_step="Check priors and start.")
    return found


def run_pymc(
    model: Any,
    *,
    seed: int,
    draws: int,
    tune: int,
    chains: int,
    target_accept: float = 0.9,
    cores: int | None = None,
    progress: bool = False,
) -> Any:
    """Draw from any PyMC model: with nutpie, compiled by Numba, or with PyMC's own sampler where that cannot be.

    Parameters
    ----------
    model
        A `pymc.Model`.
    seed, draws, tune, chains, target_accept, cores, progress
        As in `run_nuts`; `cores` None is left to PyMC in its own sampler.

    Returns
    -------
    InferenceData
        Groups posterior, sample_stats. Attributes: inference_library and its version, sampling_time in seconds,
        tuning_steps, complete (0 where interrupted), note.

    Raises
    ------
    InputError, ConvergenceError
        As in `run_nuts`.
    """
    how = settings_of(seed, draws, tune, chains, target_accept, cores, progress)
    nutpie = nutpie_loaded()
    try:
        with no_blas():
            compiled = nutpie.compile_pymc_model(model, backend="numba")
    except Exception as problem:
        return by_pymc(model, how, cores, f"nutpie could not compile the model ({type(problem).__name__})")
    with progress_line(how) as tell:
        made, complete, seconds = finished(begun(compiled, how, tell, raw=False))
    length = int(np.isfinite(made.sample_stats["energy"].to_numpy()).sum(axis=1).min())
    if not length:
        raise KeyboardInterrupt
    kept = {variable.name for variable in (*model.free_RVs, *model.deterministics)}
    made = made.isel(draw=slice(0, length))
    made.posterior = made.posterior[[name for name in made.posterior.data_vars if name in kept]]
    library = {"inference_library": "nutpie", "inference_library_version": nutpie.__version__}
    known = {"sampling_time": seconds, "tuning_steps": how.tune, "complete": int(complete), "note": ""}
    return described(made, library | known)


def compiled_pymc(model: Any) -> Any:
    """A PyMC model compiled by nutpie's way, for its density alone; its `pm.Data` can be exchanged in `density_with`."""
    with no_blas():
        return nutpie_loaded().compile_pymc_model(model, backend="numba", var_names=[])


def density_with(compiled: Any, data: Mapping[str, Any]) -> Density:
    """The density of a compiled PyMC model with other data, for `run_nuts`.

    Positions are the free variables in the order in which the model has them, transformed as PyMC does it.
    """
    own = compiled.with_data(**{name: values for name, values in data.items() if name in compiled.shared_data})
    n, function = own.n_dim, own.compiled_logp_func.ctypes
    memory = own.user_data.reshape(1).view(np.float64)

    def evaluate(point: Floats) -> tuple[float, Floats]:
        place, gradient, value = np.array(point, dtype=float), np.zeros(n), np.full(1, -np.inf)
        there = [part.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for part in (place, gradient, value)]
        refused = function(n, *there, own.user_data.ctypes.data)
        return (-np.inf, np.zeros(n)) if refused else (float(value[0]), gradient)

    return Density(n, own.compiled_logp_func.address, memory, evaluate)


def by_pymc(model: Any, how: Settings, cores: int | None, note: str) -> Any:
    """PyMC's own sampler, the last resort."""
    import pymc

    begin = time.perf_counter()
    with no_blas():
        made = pymc.sample(
            how.draws, tune=how.tune, chains=how.chains, cores=cores, random_seed=how.seed, model=model,
            progressbar=how.progress, target_accept=how.target_accept, compute_convergence_checks=False,
        )  # fmt: skip
    for group in set(made.groups()) - {"posterior", "sample_stats"}:
        del made[group]
    known = {"sampling_time": time.perf_counter() - begin, "tuning_steps": how.tune, "complete": 1, "note": note}
    return described(made, known)


@contextmanager
def no_blas() -> Iterator[None]:
    """PyTensor without its warning that C code would find no BLAS: no C code is made."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PyTensor could not link to a BLAS", category=UserWarning)
        yield


@cache
def nutpie_loaded() -> Any:
    """Nutpie, loaded on first use."""
    arviz_loaded()
    import nutpie

    return nutpie


@cache
def identity() -> Any:
    """The C function that keeps the point as it is."""
    return callback(EXPANSION, same)


def by_address(density: Density, first: Callable[[int], Floats]) -> Any:
    """Nutpie's model of a PyMC density, with our C function in it.

    Raises
    ------
    AttributeError, ImportError, TypeError
        Nutpie's inside is another.
    """
    nutpie_loaded()
    from nutpie.compile_pymc import CompiledPyMCModel

    n = density.n_dim
    return CompiledPyMCModel(
        dims={}, _coords={}, _n_dim=n, _shapes={NAME: (n,)}, n_expanded=n, shape_info=([NAME], [slice(0, n)], [(n,)]),
        compiled_logp_func=SimpleNamespace(address=density.address, kept=density), compiled_expand_func=identity(),
        initial_point_func=first, user_data=density.memory, shared_data={}, logp_func=None, expand_func=None,
    )  # fmt: skip


def by_python(density: Density, first: Callable[[int], Floats]) -> Any:
    """Nutpie's public model of a Python function: the same draws, one chain at a time."""

    def evaluate(point: Floats) -> tuple[float, Floats]:
        value, gradient = density.evaluate(point)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            raise RefusedError("no density")
        return float(value), gradient

    nutpie = nutpie_loaded()
    return nutpie.compiled_pyfunc.from_pyfunc(
        density.n_dim, lambda: evaluate, lambda *_: lambda point: {NAME: point}, [np.dtype("float64")], [(density.n_dim,)],
        [NAME], make_initial_point_fn=first,
    )  # fmt: skip


class Watched:
    """A compiled model that tells how far its chains are: nutpie's own line suits notebooks and terminals of its own."""

    def __init__(self, compiled: Any, tell: Callable[[str], None]) -> None:
        self.compiled, self.tell = compiled, tell

    def __getattr__(self, name: str) -> Any:
        return getattr(self.compiled, name)

    def _make_sampler(self, settings: Any, centre: Floats, cores: int, kind: Any, store: Any) -> Any:
        with suppress(*CHANGED):
            kind = nutpie_loaded()._lib.ProgressType.template_callback(EVERY, COUNTS, cores, self.tell)
        return self.compiled._make_sampler(settings, centre, cores, kind, store)


def begun(compiled: Any, how: Settings, tell: Callable[[str], None] | None, *, raw: bool = True) -> Any:
    """A sampler that runs."""
    model = compiled if tell is None else Watched(compiled, tell)
    return nutpie_loaded().sample(
        model, draws=how.draws, tune=how.tune, chains=how.chains, cores=how.cores, seed=how.seed,
        target_accept=how.target_accept, progress_bar=False, save_warmup=False, blocking=False, return_raw_trace=raw,
    )  # fmt: skip


def finished(sampler: Any) -> tuple[Any, bool, float]:
    """The trace, whether it is complete, and the seconds it took.

    Raises
    ------
    ConvergenceError
        The sampler gave up.
    """
    begin = time.perf_counter()
    try:
        trace, complete = sampler.wait(), True
    except KeyboardInterrupt:
        trace, complete = sampler.abort(), False
    except BaseException as problem:
        panic = type(problem).__name__ == "PanicException"  # of Rust; no Exception
        if panic:
            vars(sampler).pop("_sampler", None)  # after a panic even stopping it panics
        else:
            sampler.cancel()
        if not panic and not isinstance(problem, RuntimeError):
            raise
        if "initialization points failed" in str(problem):
            what, next_step = NO_START, "Check priors and start."
        else:
            what, next_step = "the density broke while sampling", "The error before this one says how."
        raise ConvergenceError(what, next_step=next_step) from problem
    return trace, complete, time.perf_counter() - begin


def chains_of(trace: Any, n_dim: int, tune: int, seconds: float, complete: bool) -> Chains:
    """The draws after tuning that all chains have.

    Raises
    ------
    KeyboardInterrupt
        Interrupted before all chains had one.
    """
    import pyarrow

    points, stats = trace.get_arrow_trace()
    first = [int(stat.column("tuning").to_numpy().sum()) for stat in stats]
    length = min(stat.num_rows - begin for stat, begin in zip(stats, first, strict=True))
    if not length:
        raise KeyboardInterrupt

    def stacked(name: str) -> np.ndarray:
        parts = (stat.column(name).to_numpy()[begin : begin + length] for stat, begin in zip(stats, first, strict=True))
        return np.stack(list(parts))

    flat = (pyarrow.array(some.column(NAME)).flatten().to_numpy(zero_copy_only=False) for some in points)
    rows = (part.reshape(-1, n_dim)[begin : begin + length] for part, begin in zip(flat, first, strict=True))
    position = np.stack(list(rows))
    step_size = stacked("step_size_bar")[:, -1]
    counts = stacked("n_steps").astype(np.int64)
    return Chains(position, stacked("diverging"), stacked("energy"), counts, step_size, tune, seconds, complete)
