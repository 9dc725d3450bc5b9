"""Functions that a sampler calls by their address: from machine code, without Python's lock and without a C compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba import types

from ikzf1_outcomes.kernels.compile import caching

NUMBERS = types.CPointer(types.float64)
DENSITY = types.int64(types.uint64, NUMBERS, NUMBERS, NUMBERS, types.voidptr)
"""How many numbers, the point, its gradient, its log density, the memory: 0, or above 0 where there is no density.

Never below 0: the sampler takes that for a broken function and stops.
"""
EXPANSION = types.int64(types.uint64, types.uint64, NUMBERS, NUMBERS, types.voidptr)
"""How many numbers before and after, the point, what is kept of it, the memory: 0."""


def density_callback(function: Callable) -> Any:
    """Compile a log density with its gradient as a C function, now; kept on disk between processes.

    Parameters
    ----------
    function
        Of (n, point, gradient, value, memory), all but `n` pointers: `numba.carray(point, n)` is the array behind one, and
        `numba.carray(memory, size, numba.float64)` the memory. It writes gradient and value, and returns 0, or 1 where the
        point has no density.

    Returns
    -------
    CFunc
        Its `address` is what the sampler needs. The address is good as long as this object lives.
    """
    return callback(DENSITY, function)


def callback(signature: Any, function: Callable) -> Any:
    """Compile a C function of some signature."""
    with caching() as kept:
        return numba.cfunc(signature, cache=kept)(function)


def same(n, n_kept, point, out, memory):  # type: ignore[no-untyped-def]
    """Keep the point itself."""
    for i in range(n):
        out[i] = point[i]
    return 0
