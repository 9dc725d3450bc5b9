"""Endpoints for those who live in other packages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError


def to_lifelines(endpoint: Endpoint, terms: Sequence[str] = (), *, cause: str | None = None) -> pd.DataFrame:
    """An endpoint as the frame that lifelines' fitters take.

    Any cause is the event, or the named one with the others censored. lifelines has no competing risks without random
    tie-breaking and shrinks its steps early; it is offered for its parametric families.

    Parameters
    ----------
    endpoint
        Times and causes.
    terms
        Columns to take along.
    cause
        Name of the cause that is the event; None for any.

    Returns
    -------
    DataFrame
        duration, event (bool), weight, and entry where delayed entry was declared (0 for rows at risk from the start), then
        the terms.

    Raises
    ------
    ColumnError, InputError
        Unknown column or cause; an event at time 0 in an endpoint with delayed entry, which lifelines would lose.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0], "s": [1, 0], "age": [3, 4]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.to_lifelines(endpoint, ["age"]).columns.tolist()
    ['duration', 'event', 'weight', 'age']
    """
    event = endpoint.ends_with(cause)
    out = pd.DataFrame({"duration": endpoint.time, "event": event, "weight": endpoint.case_weights})
    if endpoint.entry is not None:
        if (endpoint.time == 0).any():
            raise InputError(
                "lifelines loses rows that end at time 0 when there is delayed entry",
                where=np.flatnonzero(endpoint.time == 0) + 1,
                next_step="Use the functions of this package.",
            )
        out["entry"] = np.maximum(endpoint.entry, 0.0)
    for name in terms:
        out[name] = endpoint.column(name).to_numpy()
    return out
