"""Effects that change with time: which columns of a Fine-Gray model are multiplied by which function of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import label
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import Coefficient, Design
from ikzf1_outcomes.kernels.risk import Floats, Positions
from ikzf1_outcomes.models.estimability import Limit

Function = str | float
FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "linear": np.positive,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "square": np.square,
}
APART = 1e-8
"""A function of time that the others and a constant leave unexplained by less than this share is one of them."""


class TimeEffects(NamedTuple):
    """The columns of a design that enter once more, each multiplied by a function of time."""

    coefficients: tuple[Coefficient, ...] = ()
    """Rows of the coefficient table; their columns are numbered on from those of the design."""
    base: tuple[int, ...] = ()
    """Which coefficient of the design each of them changes."""
    columns: tuple[int, ...] = ()
    """Columns of the design that are multiplied, of the coefficients that are fitted."""
    functions: tuple[Function, ...] = ()
    """By what each of them is multiplied."""
    numbers: tuple[int, ...] = ()
    """Their own numbers."""


NO_EFFECTS = TimeEffects()


def function_name(function: Function) -> str:
    """As it stands in the name of a term: "linear(time)", "step(time, 2)"."""
    return f"{function}(time)" if isinstance(function, str) else f"step(time, {label(function)})"


def at_times(function: Function, times: Floats) -> Floats:
    """The function at some times; -inf for the logarithm of 0."""
    if not isinstance(function, str):
        return (times > function).astype(np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(FUNCTIONS[function](times), dtype=np.float64)


def read_time_effects(matrix: Design, wanted: Mapping[str, object] | None) -> dict[str, tuple[Function, ...]]:
    """The functions of each term, checked.

    Raises
    ------
    InputError
        No mapping, a term that is not in the model, a function that there is not, a step at no finite number.
    """
    if wanted is None:
        return {}
    if not isinstance(wanted, Mapping):
        raise InputError("time_effects must map terms to functions of time", next_step='For example {"ikzf1": "linear"}.')
    terms = dict.fromkeys(c.term for c in matrix.coefficients)
    stray = [str(term) for term in wanted if term not in terms]
    if stray:
        raise InputError(
            f"time_effects names no term of the model: {', '.join(sorted(stray))}",
            next_step=f"The terms are {', '.join(terms)}.",
        )
    out: dict[str, tuple[Function, ...]] = {}
    for term in (term for term in terms if term in wanted):
        given = wanted[term]
        several = given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
        out[term] = tuple(_function(one, term) for one in several)
        if not out[term]:
            raise InputError(f"no function of time for {term}", next_step="Leave it out of time_effects.")
    return out


def _function(given: object, term: str) -> Function:
    if isinstance(given, str) and given in FUNCTIONS:
        return given
    if isinstance(given, Real) and not isinstance(given, bool) and np.isfinite(float(given)):
        return float(given)
    raise InputError(
        f"there is no such function of time for {term}",
        next_step=f"Use one of {', '.join(FUNCTIONS)}, or a number for a step after it.",
    )


def time_effects_of(matrix: Design, limit: Limit, functions: Mapping[str, tuple[Function, ...]]) -> TimeEffects:
    """The rows and columns that they add; levels without events have none to fit."""
    rows: list[Coefficient] = []
    base: list[int] = []
    fitted: list[tuple[int, Function, int]] = []
    for term, several in functions.items():
        for function in several:
            for place, c in enumerate(matrix.coefficients):
                if c.term != term or c.column < 0:
                    continue
                number = matrix.matrix.shape[1] + len(rows)
                rows.append(Coefficient(f"{term}:{function_name(function)}", c.contrast, number, c.level))
                base.append(place)
                if c.column in limit.columns:
                    fitted.append((c.column, function, number))
    columns, chosen, numbers = zip(*fitted, strict=True) if fitted else ((), (), ())
    return TimeEffects(tuple(rows), tuple(base), tuple(columns), tuple(chosen), tuple(numbers))


def check_functions(functions: Mapping[str, tuple[Function, ...]], times: Floats, at_zero: Positions) -> None:
    """Refuse what the event times cannot tell from the coefficients that stay.

    Parameters
    ----------
    times
        Distinct times of the events (e).
    at_zero
        Rows with an event at time 0, counted from 1.

    Raises
    ------
    InputError
        The logarithm of an event at time 0; a function that is the same at all events, or a combination of others.
    """
    for term, several in functions.items():
        if "log" in several and len(at_zero):
            raise InputError(
                "an event at time 0 has no logarithm of its time", where=at_zero, next_step="Use log1p, sqrt or linear."
            )
        path = np.column_stack([at_times(function, times) for function in several])
        path -= path.mean(axis=0)
        size = np.sqrt((path**2).sum(axis=0))
        flat = size <= 1e-12 * np.sqrt(len(times)) * np.maximum(1.0, np.abs(times).max(initial=0.0))
        if flat.any():
            names = ", ".join(f"{term}:{function_name(several[k])}" for k in np.flatnonzero(flat))
            raise InputError(f"the function of time is the same at all events: {names}", next_step="Leave it out.")
        if np.linalg.svd(path / size, compute_uv=False)[-1] < APART or len(several) > len(path):
            raise InputError(
                f"a function of time of {term} is a combination of its others, at the events", next_step="Leave one out."
            )
