"""The log posterior densities as C functions that a sampler calls by their address.

Each is a function of a module, not made within another: the cache on disk knows an enclosed function by what it encloses,
which is new in each process, so that it would be compiled anew each time.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import carray  # type: ignore[attr-defined]

from ikzf1_outcomes.kernels.callbacks import density_callback
from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.density_memory import EVERYTHING, FRONT, WHOLE
from ikzf1_outcomes.kernels.hierarchical_density import log_posterior
from ikzf1_outcomes.kernels.logistic_density import log_posterior_binary


@compiled
def both_parts(memory):  # type: ignore[no-untyped-def]
    """Whole numbers, and numbers, of a memory known by its address."""
    head = carray(memory, FRONT, np.int64)
    size, total = head[WHOLE], head[EVERYTHING]
    return carray(memory, size, np.int64), carray(memory, total, np.float64)[size:]


def hazard_density(n, point, gradient, value, memory):  # type: ignore[no-untyped-def]
    """The hazards of a cause."""
    whole, numbers = both_parts(memory)
    found = log_posterior(carray(point, n), carray(gradient, n), numbers, whole)
    carray(value, 1)[0] = found
    return 0 if np.isfinite(found) else 1


def failure_density(n, point, gradient, value, memory):  # type: ignore[no-untyped-def]
    """A binary outcome."""
    whole, numbers = both_parts(memory)
    found = log_posterior_binary(carray(point, n), carray(gradient, n), numbers, whole)
    carray(value, 1)[0] = found
    return 0 if np.isfinite(found) else 1


CALLED = {log_posterior: hazard_density, log_posterior_binary: failure_density}


@cache
def for_samplers(posterior: Any) -> Any:
    """A density as a function that is called by its address, with the memory as its last argument."""
    return density_callback(CALLED[posterior])
