"""Risks at some times of patients whose hazards are proportional to the steps of common baselines."""

from __future__ import annotations

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.risk import Floats, Integers


@compiled
def _incidence(steps, relative, upto, out):  # type: ignore[no-untyped-def]
    """Incidence of the first of two causes: within a step their hazards are constant."""
    for i in range(len(relative)):
        free, gone, k = 1.0, 0.0, 0
        for t in range(len(upto)):
            while k < upto[t]:
                own = relative[i, 0] * steps[k, 0]
                total = own + relative[i, 1] * steps[k, 1]
                if total > 0.0:
                    stay = np.exp(-total)
                    gone += free * (1.0 - stay) * own / total if total > 1e-8 else free * own
                    free *= stay
                k += 1
            out[i, t] = gone


def incidence_by(steps: Floats, relative: Floats, upto: Integers) -> Floats:
    r"""Probability of the first cause by each time (n, t).

    One cause: 1 - exp(-H(t) r). Two: the sum of S(u-) (1 - exp(-dH)) dH_1 / dH with dH = r_1 dH_01 + r_2 dH_02, so that
    the incidences of both and the probability of neither add up to 1.

    Parameters
    ----------
    steps
        Of the cumulative baseline hazards at the distinct times, ascending (m, causes; one or two).
    relative
        Hazard of each patient relative to them (n, causes).
    upto
        How many of the distinct times are not later than each time asked for, ascending (t).
    """
    if steps.shape[1] == 1:
        hazard = np.r_[0.0, np.cumsum(steps[:, 0])][upto]
        return np.asarray(-np.expm1(-np.outer(relative[:, 0], hazard)))
    ends = np.flatnonzero(steps.sum(axis=1) > 0)
    out = np.empty((len(relative), len(upto)))
    _incidence(np.ascontiguousarray(steps[ends]), relative, np.searchsorted(ends, upto), out)
    return out
