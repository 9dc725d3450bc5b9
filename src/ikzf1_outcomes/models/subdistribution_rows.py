"""The rows of a Fine-Gray model as its likelihood sees them, and the influence of each at the estimate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.kernels.risk import Floats, Integers, Positions
from ikzf1_outcomes.kernels.subdistribution import RiskSets, risk_sets
from ikzf1_outcomes.kernels.subdistribution_influence import score_residuals
from ikzf1_outcomes.kernels.subdistribution_rows import Subdistribution, lay_out
from ikzf1_outcomes.kernels.subdistribution_weights import CENSORED, COMPETING, EVENT
from ikzf1_outcomes.models.estimability import Limit
from ikzf1_outcomes.models.subdistribution_time import NO_EFFECTS, TimeEffects, at_times


class Laid(NamedTuple):
    """Rows with covariates of zero mean and unit spread, so that the steps do not depend on their units."""

    rows: Subdistribution
    compared: Floats
    """Covariates, in their own units, of the rows that are ever compared with an event of the cause."""
    centre: Floats
    spread: Floats
    scale: Floats
    """By what a coefficient is divided to be that of the covariate, and of the function of time, in their own units."""
    follow_up: Floats
    """Distinct times of all rows."""


def scaled_rows(
    endpoint: Endpoint,
    matrix: Design,
    limit: Limit,
    cause: str,
    strata: Integers,
    effects: TimeEffects = NO_EFFECTS,
    tested: Floats | None = None,
) -> Laid:
    """Lay out all rows kept; those that are never compared with an event only tell about censoring and entry.

    Parameters
    ----------
    effects
        Effects that change with time: their columns come after those of the design.
    tested
        A function of time at each distinct time of the rows kept (times), by which the columns of the design are multiplied
        once more, last, with coefficients that stay 0.
    """
    part = endpoint if matrix.keep.all() else take_rows(endpoint, matrix.keep)
    code, order = part.cause_code(cause), part.rows
    kind = np.where(part.cause == code, EVENT, np.where(part.cause > 0, COMPETING, CENSORED)).astype(np.int32)
    event_rank = np.unique(order.rank[kind == EVENT])
    # who was censored before the first event after the entry was never compared with anybody
    upto = np.searchsorted(event_rank, np.arange(len(order.times) + 1))
    met = upto[order.rank + 1] > upto[order.first]
    used = limit.used & (met | (kind == COMPETING))
    more = limit.columns if tested is not None else limit.columns[:0]
    columns = np.concatenate((limit.columns, np.array(effects.columns, dtype=np.intp), more))
    whole = len(columns) == matrix.matrix.shape[1] == len(limit.columns)
    x = matrix.matrix if whole else matrix.matrix[:, columns]
    compared = x[used]
    centre, spread = compared.mean(axis=0), compared.std(axis=0)
    spread[spread == 0] = 1.0
    path = paths(order.times, event_rank, len(limit.columns), effects, tested)
    unit = np.ones(len(columns))
    if path is not None:
        unit = np.sqrt((path[event_rank] ** 2).mean(axis=0))
        unit[unit == 0] = 1.0
        path = path / unit
    fixed = np.arange(len(columns)) >= len(columns) - len(more)
    x = (x - centre) / spread
    rows = lay_out(order, kind, part.case_weights, used, strata, x, path=path, fixed=fixed)
    return Laid(rows, compared, centre, spread, spread * unit, order.times)


def paths(times: Floats, event_rank: Integers, plain: int, effects: TimeEffects, tested: Floats | None) -> Floats | None:
    """What each column is multiplied by at each time, 0 where there is no event; None where no column changes."""
    if tested is None and not effects.functions:
        return None
    changing = [at_times(function, times[event_rank]) for function in effects.functions]
    if tested is not None:
        changing += [tested[event_rank]] * plain
    out = np.zeros((len(times), plain + len(changing)))
    out[:, :plain] = 1.0
    out[event_rank, plain:] = np.column_stack(changing)
    return out


def refuse_unbounded(laid: Laid, analysed: Positions) -> None:
    """Refuse weights that would have to count a patient for infinitely many.

    Parameters
    ----------
    analysed
        Positions of the rows laid out, from 0.

    Raises
    ------
    InputError
        After a competing event nobody but those who enter is under observation, and events of the cause follow.
    """
    lost = laid.rows.order[laid.rows.censoring.unbounded]
    if len(lost):
        raise InputError(
            "after these competing events there is a time at which all under observation enter: their weight has no bound",
            where=np.sort(analysed[lost]) + 1,
            next_step="Use a landmark after that time.",
        )


class Sweep(NamedTuple):
    """Risk sets at the estimate and the influence of every row, for scaled covariates."""

    rows: Subdistribution
    sets: RiskSets
    centre: Floats
    spread: Floats
    scale: Floats
    beta: Floats
    times: Floats
    """Event times of the cause."""
    follow_up: Floats
    influence: Floats
    totals: Floats
    """Influence by patient or cluster: its cross-products are the middle of the sandwich."""
    clusters: Integers | None


def at_estimate(laid: Laid, beta: Floats, clusters: Integers | None) -> Sweep:
    """Walk the risk sets once more, at the estimate."""
    rows = laid.rows
    sets = risk_sets(rows, beta)
    if sets is None:
        raise ConvergenceError("the weights of a risk set vanish", next_step="Look for a covariate far out of its range.")
    own = None if clusters is None else clusters[rows.order]
    influence = score_residuals(rows, sets)
    times = laid.follow_up[rows.event_rank]
    totals = summed(influence, rows.weight, own)
    return Sweep(
        rows, sets, laid.centre, laid.spread, laid.scale, beta, times, laid.follow_up, influence, totals, own
    )  # fmt: skip


def summed(influence: Floats, weight: Floats, clusters: Integers | None) -> Floats:
    """Rows whose cross-products add up the influences: weights count patients, and copies share their cluster."""
    if clusters is None:
        return influence * np.sqrt(weight)[:, None]
    sums = [np.bincount(clusters, weights=weight * column) for column in influence.T]
    return np.column_stack(sums) if sums else np.zeros((int(clusters.max()) + 1, 0))
