"""Predicted risks and scores as they are given: names and arrays of one number for each row and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, refuse
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats

Predictions = str | Sequence[str] | Mapping[str, Any]
Maker = Callable[[Floats], Any]
NULL, DIFFERENCE = "null model", "difference"


def predictions_of(
    endpoint: Endpoint, given: Predictions, times: Floats, *, probabilities: bool
) -> tuple[tuple[str, ...], Floats]:
    """Names of the predictions, and their values (k, n, t); NaN where a prediction is not known.

    Raises
    ------
    ColumnError, InputError
        Unknown columns; no predictions; shapes that do not fit; probabilities outside [0, 1].
    """
    if isinstance(given, str):
        named: dict[str, Any] = {given: given}
    elif isinstance(given, Mapping):
        named = {str(name): value for name, value in given.items()}
        if len(named) < len(given):
            raise InputError("two predictions have one name as text", next_step="Rename one.")
    elif isinstance(given, Sequence) and all(isinstance(name, str) for name in given):
        named = {str(name): name for name in given}
    else:
        named = {"score": given}
    if not named:
        raise InputError("no predictions are given", next_step="As in {'clinical': risks}.")
    if NULL in named:
        raise InputError(f"{NULL!r} is the model without covariates", next_step="Choose another name.")
    if DIFFERENCE in named:
        raise InputError(f"{DIFFERENCE!r} is what rows of two predictions are called", next_step="Choose another name.")
    parts = [values_of(endpoint, name, value, times, probabilities) for name, value in named.items()]
    values = np.stack(parts)
    if probabilities:
        bad = np.asarray(((values < 0) | (values > 1)).any(axis=(0, 2)))
        refuse(bad, "a predicted risk is not within 0 and 1", "Give probabilities of the event by each time.")
    refuse(np.asarray(np.isinf(values).any(axis=(0, 2))), "a prediction is infinite", "Give numbers.")
    return tuple(named), values


def values_of(endpoint: Endpoint, name: str, value: Any, times: Floats, probabilities: bool) -> Floats:
    """One prediction as (n, t)."""
    if callable(value):
        value = value(times)
    elif isinstance(value, str):
        value = endpoint.column(value)
    elif isinstance(value, Sequence) and value and all(isinstance(part, str) for part in value):
        value = pd.concat([endpoint.column(part) for part in value], axis=1)
    try:
        if isinstance(value, pd.Series | pd.DataFrame):
            array = np.asarray(value.to_numpy(dtype=np.float64, na_value=np.nan))
        else:
            array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"prediction {name!r} is no number", next_step="Give numbers, one for each row.") from None
    if array.ndim == 1 and (len(times) == 1 or not probabilities):
        array = np.repeat(array[:, None], len(times), axis=1)
    if array.shape != (len(endpoint), len(times)):
        rows, columns = len(endpoint), len(times)
        raise InputError(f"prediction {name!r} has shape {array.shape}", next_step=f"Give {rows} rows and {columns} times.")
    return array


def known(values: Floats) -> np.ndarray:
    """Rows of which every prediction is known at every time (n)."""
    return np.asarray(~np.isnan(values).any(axis=(0, 2)))
