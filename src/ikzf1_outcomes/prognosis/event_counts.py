"""How many patients and events a design has, in each group: what decides about its power."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.incidence import cumulative_incidence
from ikzf1_outcomes.curves.survival import kaplan_meier
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.endpoint.columns import as_pandas
from ikzf1_outcomes.errors import ColumnError, InputError

NEEDED = ("n", "n_event")
COUNTED, RISKS = (*NEEDED, "n_competing"), ("incidence", "competing_incidence")
UNKNOWN = "{} rows left out: {} is missing"
ASSUMED = "incidences are events / n: everybody followed to the time asked"


class Counts(NamedTuple):
    """Patients and events of one group, and incidences at the time asked (NaN where not known)."""

    n: float
    n_event: float
    n_competing: float
    incidence: float
    competing: float

    def joined(self, other: Counts) -> Counts:
        """Two groups together."""
        n = self.n + other.n
        mixed = (self.n * np.array(self[3:]) + other.n * np.array(other[3:])) / n
        return Counts(n, self.n_event + other.n_event, self.n_competing + other.n_competing, *map(float, mixed))

    @property
    def shares(self) -> tuple[float, float]:
        """Share of patients with the event, and with another one, at the end of follow-up."""
        most = 1.0 - 0.5 / self.n  # where everybody has an event the last one has not quite
        scale = min(1.0, most * self.n / max(self.n_event + self.n_competing, 1e-300))
        return scale * self.n_event / self.n, scale * self.n_competing / self.n


def counts_of(patients: Any, cause: str | None, by: str | None, at: float) -> tuple[dict[Any, Counts], str]:
    """Counts of each group, and what is assumed of them; of an endpoint, or as given in a frame.

    Raises
    ------
    ColumnError, InputError
        Unknown column or cause; a frame without its counts, or with counts that cannot be.
    """
    if isinstance(patients, Endpoint):
        unknown = 0 if by is None else int((patients.groups(by).codes < 0).sum())
        return of_endpoint(patients, cause, by, at), UNKNOWN.format(unknown, by) * bool(unknown)
    frame = as_pandas(patients)
    lacking = [name for name in NEEDED if name not in frame]
    if lacking:
        raise ColumnError(f"no column is called {lacking[0]!r}", next_step="Give n and n_event of each group.")
    try:
        n, n_event, n_competing = (frame.get(x, pd.Series(0.0, frame.index)).to_numpy(dtype=float) for x in COUNTED)
        known = {x: frame[x].to_numpy(dtype=float) for x in RISKS if x in frame}
    except (TypeError, ValueError):
        raise InputError("counts are numbers", next_step="One row a group.") from None
    whole = np.where(n > 0.0, n, 1.0)
    risks = [known.get(x, k / whole) for x, k in zip(RISKS, (n_event, n_competing), strict=True)]
    numbers = np.column_stack([n, n_event, n_competing, *risks])
    wrong = ~np.isfinite(numbers).all(axis=1) | (numbers < 0.0).any(axis=1) | (n <= 0.0)
    wrong |= (n_event + n_competing > n) | (risks[0] + risks[1] > 1.0 + 1e-12)
    if wrong.any():
        raise InputError("more events than patients, or counts that are none", where=np.flatnonzero(wrong) + 1)
    levels = frame["group"] if "group" in frame else pd.Series(range(len(frame)))
    if levels.duplicated().any():
        raise InputError("a group is there twice", where=np.flatnonzero(levels.duplicated()) + 1)
    out = {level: Counts(*row) for level, row in zip(levels, numbers.tolist(), strict=True)}
    alone = len(out) == 1 and "group" not in frame
    return {"all": out[0]} if alone else out, "" if "incidence" in known else ASSUMED


def of_endpoint(endpoint: Endpoint, cause: str | None, by: str | None, at: float) -> dict[Any, Counts]:
    """Counts of the groups of an endpoint; incidences by Aalen-Johansen, or Kaplan-Meier where any cause is the event."""
    if cause is not None:
        endpoint.cause_code(cause)
    event, any_event = (np.asarray(endpoint.ends_with(name)) for name in (cause, None))
    if by is None:
        codes, levels = np.zeros(len(endpoint), dtype=int), ("all",)
    else:
        groups = endpoint.groups(by)
        codes, levels = groups.codes, groups.levels
    if cause is None:
        table = kaplan_meier(endpoint, by).tidy(times=[at]).assign(cause="any")
        table["estimate"] = 1.0 - table["estimate"]
    else:
        table = cumulative_incidence(endpoint, by).tidy(times=[at])
    out = {}
    for code, level in enumerate(levels):
        rows = codes == code
        if not rows.any():
            continue
        own = table[table["group"] == level] if by is not None else table
        mine = own["cause"] == (cause or "any")
        weight = endpoint.case_weights[rows]
        n_event, n_any = float(weight @ event[rows]), float(weight @ any_event[rows])
        incidence, rest = float(own.loc[mine, "estimate"].sum(skipna=False)), own.loc[~mine, "estimate"]
        out[level] = Counts(endpoint.patients(rows), n_event, n_any - n_event, incidence, float(rest.sum(skipna=False)))
    return out
