"""Whose risk moves the right way when terms are added: on request only, for a worse model can look better by it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.incidence_above import incidence_above
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.prognosis.horizons import Horizons

NRI, IDI = "continuous NRI", "IDI"
WARNING = (
    "a model that is miscalibrated, or has terms of noise, can raise it: not for choosing a model, not corrected for "
    "optimism, no interval"
)


class Reclassified(NamedTuple):
    """Two models' risks at one time."""

    among_events: float
    """Share of those with the event whose risk rises, less the share whose risk falls."""
    among_others: float
    """Share of those without whose risk falls, less the share whose risk rises."""
    discrimination: float
    """Mean change of risk of those with the event, less that of those without."""

    @property
    def net(self) -> float:
        """The continuous net reclassification improvement, from -2 to 2."""
        return self.among_events + self.among_others


def reclassified(states: Horizons, k: int, old: Floats, new: Floats) -> Reclassified:
    r"""Net reclassification of two models' risks (n) by the k-th time of `states`.

    With q the incidence by then (Kaplan-Meier, Aalen-Johansen), p_u and p_d the shares of patients whose risk rises and
    falls and q_u, q_d the incidences among these (Pencina, D'Agostino and Steyerberg 2011, recalled, not verified):

    .. math:: NRI_+ = \frac{p_u q_u - p_d q_d}{q}, \qquad NRI_- = \frac{p_d (1 - q_d) - p_u (1 - q_u)}{1 - q}

    The integrated discrimination improvement weighs patients by the inverse chance of not being censored.
    """
    change = new - old
    everybody, (up, q_up), (down, q_down) = (
        at_or_above(states, k, own) for own in (change >= -np.inf, change > 0, change < 0)
    )
    q = everybody[1]
    events = (up * q_up - down * q_down) / q if q > 0 else np.nan
    others = (down * (1.0 - q_down) - up * (1.0 - q_up)) / (1.0 - q) if q < 1 else np.nan
    standing = states.standing()
    case = standing.weight[:, k] * states.had[:, k]
    control = standing.weight[:, k] - case
    with np.errstate(invalid="ignore"):
        gap = float(case @ change / case.sum() - control @ change / control.sum())
    return Reclassified(float(events), float(others), gap)


def at_or_above(states: Horizons, k: int, own: np.ndarray) -> tuple[float, float]:
    """Share of some patients (a flag each), and the incidence among them by the k-th time."""
    endpoint = states.endpoint
    happened = endpoint.ends_with(states.cause)
    kind: Integers = np.where(happened, 1, np.where(endpoint.cause > 0, 2, 0)).astype(np.int64)
    rows, until = endpoint.rows, int(states.gone[k])
    before = int(np.searchsorted(rows.times, states.times[k]))
    share, incidence = incidence_above(
        rows.order, rows.rank, kind, endpoint.case_weights, own.astype(np.int64), 1, (until, before)
    )
    return float(share[0]), float(incidence[0])
