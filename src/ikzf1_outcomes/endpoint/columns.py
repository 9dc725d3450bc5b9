"""An endpoint from the columns of any data frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.endpoint.making import make_endpoint, refuse
from ikzf1_outcomes.endpoint.value import Endpoint
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kernels.risk import Floats, Integers


def endpoint_from_columns(
    frame: pd.DataFrame,
    *,
    time: str,
    status: str,
    causes: Mapping[int, str],
    entry: str | None = None,
    weights: str | None = None,
    subject: str | None = None,
    time_unit: str | None = None,
    origin: str = "origin",
    name: str = "endpoint",
) -> Endpoint:
    """Make an endpoint from the columns of any data frame.

    A row is at risk at t when entry < t <= time. Without `entry`, everybody is at risk from the start, so that an event at
    time 0 counts. Times closer than R's `timefix` tolerance are one time. No code is guessed.

    Parameters
    ----------
    frame
        One row a patient, or one row an interval of a patient (then name `entry` and `subject`).
    time, entry
        Columns of numbers, in any unit; kept as given.
    status
        Column of integer codes: 0 is censored, every other code must be named in `causes`.
    causes
        Code to name, as in ``{1: "relapse", 2: "death"}``; the order is kept.
    weights
        Column of case weights (positive).
    subject
        Column that says which rows are of one patient.
    time_unit, origin, name
        Labels. "years" and a cohort's `known_at` go together; the default None claims nothing.

    Returns
    -------
    Endpoint

    Raises
    ------
    ColumnError
        A named column is not there.
    InputError
        No rows; missing, infinite or negative times; missing or undeclared status codes; entry not before time; weights
        that are not positive; overlapping intervals. Positions are given, never values.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> patients = pd.DataFrame({"years": [0.5, 2.0, 3.1, 5.0], "status": [1, 0, 2, 0]})
    >>> iko.endpoint_from_columns(patients, time="years", status="status", causes={1: "relapse", 2: "death"})
    Endpoint('endpoint': 4 patients, 2 events, causes ['relapse', 'death'])
    """
    frame = as_pandas(frame)
    for column in (time, status, entry, weights, subject):
        if column is not None and column not in frame.columns:
            raise ColumnError(f"no column is called {column!r}", next_step="Check its spelling.")
        if column is not None and (frame.columns == column).sum() > 1:
            raise ColumnError(f"several columns are called {column!r}", next_step="Give each its own name.")
    if not len(frame):
        raise InputError("no rows to analyse", next_step="Check the filters and the exclusions.")
    names = list(causes.values())
    if not names or 0 in causes or len(set(names)) < len(names):
        raise InputError("causes must name at least one code other than 0, each with its own name")
    return make_endpoint(
        frame.reset_index(drop=True),
        numbers(frame, time),
        cause_codes(frame, status, causes),
        names,
        entry=None if entry is None else numbers(frame, entry),
        weights=None if weights is None else numbers(frame, weights),
        subject=None if subject is None else subject_codes(frame[subject]),
        time_unit=time_unit,
        origin=origin,
        name=name,
    )


def as_pandas(frame: Any) -> pd.DataFrame:
    """A pandas frame as it is; any other frame that can turn itself into one (polars) is turned."""
    if isinstance(frame, pd.DataFrame):
        return frame
    if hasattr(frame, "to_pandas"):
        return frame.to_pandas()
    raise InputError("not a data frame", next_step="Give a pandas or polars frame.")


def numbers(frame: pd.DataFrame, column: str) -> Floats:
    """A column as floats, copied."""
    if pd.api.types.is_complex_dtype(frame[column].dtype):
        raise InputError(f"column {column!r} has complex numbers", next_step="Convert it to numbers first.")
    try:
        return frame[column].to_numpy(dtype=float, na_value=np.nan, copy=True)
    except (TypeError, ValueError):
        raise InputError(f"column {column!r} is not numeric", next_step="Convert it to numbers first.") from None


def cause_codes(frame: pd.DataFrame, status: str, causes: Mapping[int, str]) -> Integers:
    """Positions of the declared codes, counted from 1; 0 stays 0.

    Raises
    ------
    InputError
        A status is missing, not a whole number or not declared.
    """
    given = numbers(frame, status)
    refuse(np.isnan(given), "a status is missing", "Exclude those rows with a reason, or complete them.")
    coded = np.full(len(given), -1, dtype=np.int32)
    coded[given == 0] = 0
    for position, code in enumerate(causes, 1):
        coded[given == code] = position
    refuse(coded < 0, "a status code was not declared", "Name every code other than 0 in `causes`.")
    return coded


def subject_codes(column: pd.Series) -> NDArray[np.intp]:
    """Codes of the patients; a missing one is refused."""
    codes = pd.factorize(column)[0].astype(np.intp)
    refuse(codes < 0, "a patient is not named", "Say in every row whose it is.")
    return codes
