"""The same work many times over, each time with random numbers of its own, on as many processes as the user names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from ikzf1_outcomes.errors import InputError

Result = TypeVar("Result")


def generator_of(seed: int | np.random.Generator | None) -> np.random.Generator:
    """The generator of a seed.

    Raises
    ------
    InputError
        The seed is neither a whole number of 0 or more nor a generator.
    """
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise InputError("the seed is no whole number of 0 or more", next_step="As in seed=1.") from None


def replicates(
    make: Callable[[np.random.Generator], Result],
    number: int,
    *,
    seed: int | np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Call `make` once for each of some generators of random numbers, all of them children of one seed.

    The generators belong to the replicates, not to the processes: the same seed gives the same results on one core, on two,
    or on a cluster. Where the work runs is the caller's choice, by joblib's own word:

        with joblib.parallel_config(backend="dask", n_jobs=-1):
            ...

    Without it everything runs one after the other in this process.

    Parameters
    ----------
    make
        From a generator to a result. Anything it holds is sent to the processes.
    number
        How many.
    seed
        Number or generator.
    progress
        Called after each result with how many are done, and of how many.

    Returns
    -------
    list
        In the order of the generators.

    Examples
    --------
    >>> from ikzf1_outcomes.resampling import replicates
    >>> len(set(replicates(lambda rng: int(rng.integers(10**6)), 3, seed=1)))
    3
    """
    from joblib import Parallel, delayed

    tasks = [delayed(make)(generator) for generator in generator_of(seed).spawn(number)]
    if progress is None:
        return list(Parallel()(tasks))
    out = []
    for result in Parallel(return_as="generator")(tasks):
        out.append(result)
        progress(len(out), number)
    return out
