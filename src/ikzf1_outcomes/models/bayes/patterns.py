"""Patients reduced to covariate patterns: all that a likelihood with piecewise constant hazards needs of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen, label, refuse
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats, snap
from ikzf1_outcomes.timeline import entries

FORMS = ("exact", "release")


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Aggregate:
    """Events and exposure of covariate patterns by interval; made by `aggregate`.

    Attributes
    ----------
    by
        The columns that make the patterns.
    patterns
        Their values, one row a pattern (G), sorted.
    cuts
        Where the intervals (0, c1], (c1, c2], ..., (c_last, infinity) part (K - 1).
    causes, time_unit
        Of the endpoint.
    n
        Patients of each pattern, weighted (G).
    exposure
        Time under observation (G, K).
    events
        Events (G, K, causes).
    n_excluded
        Rows without a pattern.
    form
        "exact", or "release" where small cells were merged away.
    """

    by: tuple[str, ...]
    patterns: pd.DataFrame
    cuts: Floats
    causes: tuple[str, ...]
    time_unit: str | None
    n: Floats
    exposure: Floats
    events: Floats
    n_excluded: int = 0
    form: str = "exact"

    def __repr__(self) -> str:
        return f"Aggregate({len(self.patterns)} patterns x {len(self.cuts) + 1} intervals, {self.form})"

    @property
    def periods(self) -> tuple[str, ...]:
        """The intervals in words."""
        ends = [label(float(cut)) for cut in self.cuts]
        return (*(f"{a} to {b}" for a, b in zip(["0", *ends], ends, strict=False)), f"after {ends[-1] if ends else 0}")

    def log_likelihood(self, log_hazard: Floats, effect: Floats) -> float:
        r"""Log-likelihood of piecewise constant, proportional hazards of all causes.

        .. math:: \sum_{g,k,c} D_{gkc} (a_{kc} + \eta_{gc}) - T_{gk} e^{a_{kc} + \eta_{gc}}

        Equal to that of the patients, one by one, up to rounding.

        Parameters
        ----------
        log_hazard
            a, the log hazards of a pattern with effect 0 (K, causes).
        effect
            eta, the log hazard ratios of the patterns (G, causes).
        """
        a, eta = np.asarray(log_hazard, dtype=float), np.asarray(effect, dtype=float)
        by_interval, by_pattern = self.events.sum(axis=0), self.events.sum(axis=1)
        happened = float((by_interval * a).sum() + (by_pattern * eta).sum())
        return happened - float(((self.exposure @ np.exp(a)) * np.exp(eta)).sum())

    def tidy(self) -> pd.DataFrame:
        """One row a pattern, interval and cause: the columns of the patterns, period, cause, n, exposure, n_event."""
        g, k, c = (part.ravel() for part in np.indices(self.events.shape))
        table = self.patterns.iloc[g].reset_index(drop=True)
        return table.assign(
            period=np.array(self.periods, dtype=object)[k], cause=np.array(self.causes, dtype=object)[c], n=self.n[g],
            exposure=self.exposure[g, k], n_event=self.events.ravel(),
        )  # fmt: skip

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)


def aggregate(endpoint: Endpoint | Iterable[Endpoint], by: Columns, cuts: Iterable[float]) -> Aggregate:
    """Reduce patients to the events and the exposure of each covariate pattern in each interval.

    Exact for every likelihood with hazards that are constant within the intervals and proportional between patterns: the
    patients tell it nothing more. Intervals are (a, b]. Case weights count as patients; delayed entry as exposure from
    then on. Rows of one patient add up, and each counts in `n`, the first as the patient.

    A million rows and more: give an iterable of endpoints, such as one for each chunk of a file; only the patterns are
    kept.

    Parameters
    ----------
    endpoint
        Times and causes, or several endpoints with the same causes.
    by
        Column or columns whose values make the patterns: categories, flags or numbers. Rows with a missing one are left
        out and counted.
    cuts
        Where the intervals part, in the endpoint's unit, above 0; none for one interval.

    Returns
    -------
    Aggregate

    Raises
    ------
    ColumnError, InputError
        Unknown columns; an event at time 0 (row positions), for it has no hazard; cuts that are not above 0 and ascending;
        no row with a pattern; endpoints of different causes or units.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 3.0, 2.0], "s": [1, 0, 1], "ikzf1": ["none", "none", "ik6"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> made = iko.aggregate(endpoint, "ikzf1", [2.0])
    >>> made.exposure.tolist(), made.events[:, :, 0].tolist()
    ([[2.0, 0.0], [3.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]])
    """
    names = (by,) if isinstance(by, str) else tuple(by)
    edges = checked_cuts(cuts)
    if isinstance(endpoint, Endpoint):
        return one(endpoint, names, edges)
    total: Aggregate | None = None
    for chunk in endpoint:
        made = one(chunk, names, edges)
        total = made if total is None else added([total, made])
    if total is None:
        raise InputError("no endpoint is given")
    return total


def checked_cuts(cuts: Iterable[float]) -> Floats:
    """The cuts as an array, refused where they do not ascend from 0."""
    try:
        edges = np.asarray(list(cuts), dtype=float)
    except (TypeError, ValueError):
        edges = np.array([np.nan])
    if edges.ndim != 1 or not np.isfinite(edges).all() or (np.diff(np.concatenate(([0.0], edges))) <= 0).any():
        raise InputError("cuts must be above 0 and ascend", next_step="As in [1, 2, 5].")
    return frozen(edges)


def one(endpoint: Endpoint, names: tuple[str, ...], cuts: Floats) -> Aggregate:
    """The aggregate of one endpoint."""
    groups = endpoint.groups(list(names))
    keep = groups.codes >= 0
    if not keep.any():
        raise InputError("no row has all the columns of the patterns", count=len(keep))
    refuse(keep & (endpoint.cause > 0) & (endpoint.time <= 0), "an event at time 0 has no hazard", "Model it apart.")
    edges = np.concatenate(([0.0], snap(cuts, endpoint.rows.times), [np.inf]))
    present, code = np.unique(groups.codes[keep], return_inverse=True)
    time, weight = endpoint.time[keep], endpoint.case_weights[keep]
    begin = np.maximum(entries(endpoint)[keep], 0.0)
    size = (len(present), len(edges) - 1)
    exposure, events = np.zeros(size), np.zeros((*size, len(endpoint.causes)))
    for k, (a, b) in enumerate(pairwise(edges)):
        lived = np.maximum(np.minimum(time, b) - np.maximum(begin, a), 0.0)
        exposure[:, k] = np.bincount(code, weight * lived, size[0])
    at = np.clip(np.searchsorted(edges, time, side="left") - 1, 0, None)
    for c in range(len(endpoint.causes)):
        died = endpoint.cause[keep] == c + 1
        np.add.at(events[:, :, c], (code[died], at[died]), weight[died])
    first = np.ones(len(time), dtype=bool)
    if endpoint.subject is not None:
        first[:] = False
        order = np.lexsort((begin, endpoint.subject[keep]))  # the row of the earliest entry, in whatever order they stand
        first[order[np.unique(endpoint.subject[keep][order], return_index=True)[1]]] = True
    n = np.bincount(code[first], weight[first], size[0])
    levels = [groups.levels[k] for k in present]
    patterns = pd.DataFrame([level if len(names) > 1 else (level,) for level in levels], columns=list(names))
    shape = (cuts, endpoint.causes, endpoint.time_unit)
    return sorted_by_pattern(Aggregate(names, patterns, *shape, n, exposure, events, int((~keep).sum())))


def sorted_by_pattern(made: Aggregate) -> Aggregate:
    """The patterns in the order of their labels, so that the same patients give the same aggregate in any order."""
    keys = [made.patterns[name].map(label).to_numpy(dtype=str) for name in reversed(made.by)]
    order = np.lexsort(keys)
    return replace(
        made,
        patterns=made.patterns.iloc[order].reset_index(drop=True),
        n=frozen(made.n[order]),
        exposure=frozen(made.exposure[order]),
        events=frozen(made.events[order]),
    )


def added(parts: Sequence[Aggregate]) -> Aggregate:
    """Several aggregates of the same columns, cuts and causes as one.

    Raises
    ------
    InputError
        They differ in these, or a released one is among exact ones.
    """
    head = parts[0]
    different = {
        "columns": any(part.by != head.by for part in parts),
        "cuts": any(not np.array_equal(part.cuts, head.cuts) for part in parts),
        "causes": any(part.causes != head.causes for part in parts),
        "units of time": any(part.time_unit != head.time_unit for part in parts),
        "forms": any(part.form != head.form for part in parts),
    }
    wrong = [name for name, differs in different.items() if differs]
    if wrong:
        raise InputError(f"the aggregates have different {', '.join(wrong)}", next_step="Make all in the same way.")
    patterns = pd.concat([part.patterns for part in parts], ignore_index=True)
    keys = patterns.map(label).apply(tuple, axis=1) if len(head.by) > 1 else patterns[head.by[0]].map(label)
    code, distinct = pd.factorize(keys)
    first = np.unique(code, return_index=True)[1]

    def total(arrays: list[Floats]) -> Floats:
        stacked = np.concatenate(arrays)
        out = np.zeros((len(distinct), *stacked.shape[1:]))
        np.add.at(out, code, stacked)
        return out

    return sorted_by_pattern(
        replace(
            head,
            patterns=patterns.iloc[first].reset_index(drop=True),
            n=total([part.n for part in parts]),
            exposure=total([part.exposure for part in parts]),
            events=total([part.events for part in parts]),
            n_excluded=sum(part.n_excluded for part in parts),
        )
    )
