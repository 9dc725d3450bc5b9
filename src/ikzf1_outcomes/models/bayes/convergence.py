"""Whether chains have converged, and posteriors as files: the only module that knows ArviZ."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats

R_HAT = 1.01
ESS = 400.0
BFMI = 0.3


class Diagnosis(NamedTuple):
    """What the chains tell of each quantity; arrays (quantities)."""

    r_hat: Floats
    ess_bulk: Floats
    ess_tail: Floats
    mcse_mean: Floats
    """Monte Carlo standard error of the posterior mean."""
    mcse_median: Floats


@cache
def arviz_loaded() -> Any:
    """ArviZ, loaded on first use, without its daily remark on its next version.

    ArviZ wants to note the day of the remark in the user's cache folder; where it cannot, the note goes to a temporary one.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing", category=FutureWarning)
        try:
            import arviz
        except OSError:
            before = os.environ.get("XDG_CACHE_HOME")
            with tempfile.TemporaryDirectory() as folder:
                os.environ["XDG_CACHE_HOME"] = folder
                try:
                    import arviz
                finally:
                    del os.environ["XDG_CACHE_HOME"]
                    if before is not None:
                        os.environ["XDG_CACHE_HOME"] = before
    return arviz


def diagnose(values: Floats) -> Diagnosis:
    r"""Convergence and precision of many quantities at once.

    R-hat is the larger of the split R-hats of the rank-normalised draws and of the folded ones. The bulk and tail effective
    sample sizes are those of the rank-normalised draws, and the smaller of those of the 5% and 95% quantiles.

    Edge rules: a quantity that is constant has no R-hat and no effective size (NaN), and errors of 0; one with a value that
    is not finite has NaN throughout, as all have with fewer than 4 draws. One chain has no R-hat.

    Parameters
    ----------
    values
        Draws (chains, draws, quantities).

    Returns
    -------
    Diagnosis
        r_hat, ess_bulk, ess_tail, mcse_mean, mcse_median, each (quantities).

    Raises
    ------
    InputError
        Not three dimensions.

    Notes
    -----
    Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), Bayesian Analysis 16; recalled, not verified. By ArviZ.

    Examples
    --------
    >>> import numpy as np
    >>> from ikzf1_outcomes.models.bayes.convergence import diagnose
    >>> apart = np.random.default_rng(1).normal(size=(2, 100, 1)) + np.array([0.0, 9.0])[:, None, None]
    >>> bool(diagnose(apart).r_hat[0] > 1.5)
    True
    """
    draws = np.asarray(values, dtype=float)
    if draws.ndim != 3:
        raise InputError("draws must have three dimensions", next_step="Chains, draws, quantities.")
    chains, length, n = draws.shape
    out = Diagnosis(*(np.full(n, np.nan) for _ in Diagnosis._fields))
    if length < 4 or chains < 1 or n < 1:
        return out
    finite = np.isfinite(draws).all(axis=(0, 1))
    constant = finite & (draws == draws[0, 0]).all(axis=(0, 1))
    for error in (out.mcse_mean, out.mcse_median):
        error[constant] = 0.0
    moving = finite & ~constant
    if not moving.any():
        return out
    arviz = arviz_loaded()
    # of unit spread: what moves little is not taken for constant
    spread = draws[..., moving].std(axis=(0, 1))
    table = arviz.convert_to_dataset({"x": (draws[..., moving] - draws[0, 0, moving]) / spread})
    if chains > 1:
        out.r_hat[moving] = arviz.rhat(table, method="rank")["x"].to_numpy()
    out.ess_bulk[moving] = arviz.ess(table, method="bulk")["x"].to_numpy()
    out.ess_tail[moving] = arviz.ess(table, method="tail")["x"].to_numpy()
    out.mcse_mean[moving] = arviz.mcse(table, method="mean")["x"].to_numpy() * spread
    out.mcse_median[moving] = arviz.mcse(table, method="median")["x"].to_numpy() * spread
    return out


def bfmi(energy: Floats) -> Floats:
    r"""Estimated Bayesian fraction of missing information of each chain.

    .. math:: \frac{\sum_i (E_i - E_{i-1})^2 / (n - 1)}{\sum_i (E_i - \bar E)^2 / (n - 1)}

    Near 1 when the momentum of one step reaches all energies; small when it does not, and the tails are not reached.

    Parameters
    ----------
    energy
        (chains, draws).

    Returns
    -------
    array
        (chains). NaN with fewer than 2 draws, or energies that are constant or not finite.

    Notes
    -----
    Betancourt (2016), "Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo"; recalled, not verified.

    Examples
    --------
    >>> import numpy as np
    >>> from ikzf1_outcomes.models.bayes.convergence import bfmi
    >>> bfmi(np.array([[1.0, 3.0, 2.0]])).tolist()  # (4 + 1) / 2, by (1 + 1 + 0) / 2
    [2.5]
    """
    levels = np.asarray(energy, dtype=float)
    out = np.full(len(levels), np.nan)
    if levels.shape[1] > 1:
        fit = np.isfinite(levels).all(axis=1) & (levels != levels[:, :1]).any(axis=1)
        if fit.any():
            out[fit] = np.square(np.diff(levels[fit], axis=1)).mean(axis=1) / levels[fit].var(axis=1, ddof=1)
    return out


def gate(r_hat: Floats, ess_bulk: Floats, ess_tail: Floats, divergences: npt.ArrayLike, bfmi: Floats) -> tuple[str, ...]:
    """What keeps draws from being used, in sentences, each with its mend.

    Rules: R-hat at most 1.01, bulk and tail effective sample sizes at least 400, no divergence, E-BFMI at least 0.3. The
    first three are those of Vehtari and others (2021), the last that of Stan; recalled, not verified. Quantities without a
    value (constant ones) are passed over; where none has an R-hat, that is said.

    Parameters
    ----------
    r_hat, ess_bulk, ess_tail
        Of `diagnose` (quantities).
    divergences
        How many, or which draws diverged (chains, draws).
    bfmi
        Of `bfmi` (chains).

    Returns
    -------
    tuple of str
        Empty when all is well.

    Examples
    --------
    >>> from ikzf1_outcomes.models.bayes.convergence import gate
    >>> gate([1.0], [900.0], [800.0], 0, [0.9])
    ()
    >>> gate([1.0], [900.0], [800.0], 2, [0.9])
    ('2 draws diverged: raise target_accept, or choose the other centring',)
    """
    found = []
    rhat, bulk, tail, fraction = (np.asarray(part, dtype=float) for part in (r_hat, ess_bulk, ess_tail, bfmi))
    if rhat.size and np.isnan(rhat).all():
        found.append("no R-hat could be computed: sample at least 2 chains that move")
    high = rhat > R_HAT
    if high.any():
        worst = np.ceil(rhat[high].max() * 1000) / 1000
        found.append(f"R-hat is up to {worst:.3f}, above {R_HAT}, {of(high)}: sample longer, with more tuning")
    for name, size in (("bulk", bulk), ("tail", tail)):
        low = size < ESS
        if low.any():
            least = int(size[low].min())
            found.append(f"the {name} effective sample size is down to {least}, below {ESS:g}, {of(low)}: draw more")
    count = int(np.sum(divergences))
    if count:
        draws = "1 draw diverged" if count == 1 else f"{count} draws diverged"
        found.append(f"{draws}: raise target_accept, or choose the other centring")
    slow = fraction < BFMI
    if slow.any():
        least = np.floor(fraction[slow].min() * 100) / 100
        where = f"in {int(slow.sum())} of {slow.size} chain{'s' if slow.size > 1 else ''}"
        found.append(f"E-BFMI is down to {least:.2f}, below {BFMI:g}, {where}: tune longer, or choose the other centring")
    return tuple(found)


def of(mask: np.ndarray) -> str:
    """In how many of the quantities."""
    return f"in {int(mask.sum())} of {mask.size} quantit{'ies' if mask.size > 1 else 'y'}"


def smoothed_weights(log_weights: Floats) -> tuple[Floats, Floats]:
    """Importance weights with Pareto-smoothed tails, on the log scale and adding up to 1; and k-hat.

    Parameters
    ----------
    log_weights
        (quantities, draws).

    Returns
    -------
    log_weights, k_hat
        (quantities, draws), (quantities).

    Notes
    -----
    Vehtari, Simpson, Gelman, Yao and Gabry (2024), Journal of Machine Learning Research 25; recalled, not verified. By
    ArviZ.
    """
    weights, k_hat = arviz_loaded().psislw(np.asarray(log_weights, dtype=float))
    return np.asarray(weights), np.atleast_1d(np.asarray(k_hat))


def to_inference_data(
    posterior: Mapping[str, Any],
    sample_stats: Mapping[str, Any],
    dims: Mapping[str, Sequence[str]] | None = None,
    coords: Mapping[str, Sequence[Any]] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> Any:
    """Draws as ArviZ's InferenceData, for its plots and for a file.

    Parameters
    ----------
    posterior, sample_stats
        From a name to an array (chains, draws, ...). `sample_stats` has ArviZ's own names: diverging, energy, n_steps.
    dims, coords
        Names of the further dimensions of each array; labels along each dimension.
    attrs
        What else is known of the draws: strings and numbers.

    Returns
    -------
    InferenceData
        Without the hour at which it was made: the same draws are the same file.

    Raises
    ------
    InputError
        Arrays of different numbers of chains or draws.

    Examples
    --------
    >>> import numpy as np
    >>> from ikzf1_outcomes.models.bayes.convergence import to_inference_data
    >>> to_inference_data({"b": np.zeros((2, 10))}, {"diverging": np.zeros((2, 10), dtype=bool)}).groups()
    ['posterior', 'sample_stats']
    """
    arviz = arviz_loaded()
    arrays = {name: np.asarray(part) for name, part in (*posterior.items(), *sample_stats.items())}
    if len({part.shape[:2] for part in arrays.values()}) > 1:
        raise InputError("the arrays differ in chains or draws", next_step="All begin with the dimensions chains, draws.")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="More chains", category=UserWarning)
        made = arviz.from_dict(
            posterior={name: arrays[name] for name in posterior},
            sample_stats={name: arrays[name] for name in sample_stats},
            dims={name: list(some) for name, some in (dims or {}).items()},
            coords={name: list(labels) for name, labels in (coords or {}).items()},
        )  # fmt: skip
    return described(made, attrs or {})


def described(made: Any, attrs: Mapping[str, Any]) -> Any:
    """InferenceData whose groups bear `attrs`, and not the hour at which they were made."""
    for group in made.groups():
        made[group].attrs.pop("created_at", None)
        made[group].attrs.update(attrs)
    return made


def with_group(
    made: Any, group: str, arrays: Mapping[str, tuple[Sequence[str], np.ndarray]], attrs: Mapping[str, Any]
) -> Any:
    """InferenceData with one more group: arrays with the names of their dimensions, and what else is known."""
    import xarray

    made.add_groups({group: xarray.Dataset({name: (list(dims), own) for name, (dims, own) in arrays.items()})})
    made[group].attrs.update(attrs)
    return made


def save(made: Any, path: str | Path) -> Path:
    """Write InferenceData to a NetCDF file.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from ikzf1_outcomes.models.bayes import convergence
    >>> made = convergence.to_inference_data({"b": np.zeros((2, 10))}, {})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     convergence.load(convergence.save(made, f"{folder}/draws.nc")).posterior["b"].shape
    (2, 10)
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise InputError("there is no such folder to write draws to", next_step="Make it first.")
    made.to_netcdf(str(target))
    return target


def load(path: str | Path) -> Any:
    """Read a file of `save` into memory.

    Raises
    ------
    InputError
        No such file, or no NetCDF.
    """
    arviz = arviz_loaded()
    try:
        with arviz.rc_context({"data.load": "eager"}):
            return arviz.from_netcdf(str(path))
    except (OSError, ValueError):
        raise InputError(f"{Path(path).name!r} holds no draws", next_step="Write one with save.") from None
