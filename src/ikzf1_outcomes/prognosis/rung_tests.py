"""Does a rung say more than the one before? The likelihood ratio, and its distribution where the smaller model is true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import chdtrc

from ikzf1_outcomes import resampling
from ikzf1_outcomes.kernels.inverse_censoring import censoring_curves
from ikzf1_outcomes.kernels.limits import climb
from ikzf1_outcomes.kernels.null_ratios import Curve, Null, curve_of, simulated_ratio
from ikzf1_outcomes.kernels.partial import partial_likelihood, relative_hazard
from ikzf1_outcomes.kernels.residuals import baseline
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.prognosis.rung_fits import NOTHING, Study
from ikzf1_outcomes.prognosis.rungs import Rung

FEW_EVENTS = 20
"""Events per parameter of the larger model below which the simulated p-value is the one that counts."""
ROUNDING = 1e-6
"""Statistics this near are the same: those of likelihoods followed to their limit are known to so much."""
ASYMPTOTIC, SIMULATED = "chi-square", "parametric bootstrap"


@dataclass(frozen=True, slots=True)
class RungTest:
    """A rung against the one before."""

    statistic: float
    df: int
    log_likelihood: float
    """Of the larger model."""
    p_chi_square: float
    p_simulated: float
    """NaN where nothing was simulated."""
    simulations: int
    primary: str
    """Which of the two counts."""

    @property
    def p_value(self) -> float:
        """The p-value that counts."""
        return self.p_simulated if self.primary == SIMULATED else self.p_chi_square


def compare_rungs(
    study: Study,
    smaller: Rung | None,
    larger: Rung,
    simulations: int,
    seed: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> RungTest:
    """Likelihood-ratio test of two nested Cox models of the event of interest, by chi-square and by simulation.

    The simulated p-value is (b + 1) / (B + 1), b of B studies drawn from the smaller model having a ratio as large. A
    likelihood that rises without end counts with its limit, observed and simulated.
    """
    matrix = study.ladder.matrix
    low = matrix[:, :0] if smaller is None else matrix[:, smaller.columns]
    high = matrix[:, larger.columns]
    small = fitted(study, 0, low)[0]
    large = fitted(study, 0, high)[0]
    statistic, df = max(2.0 * (large - small), 0.0), high.shape[1] - low.shape[1]
    n_event = int(study.events[0].sum())
    rare = n_event < FEW_EVENTS * high.shape[1]
    p_simulated = np.nan
    if simulations:
        make = partial(simulated_ratio, null_of(study, low), low, high)
        ratios = np.array(resampling.replicates(make, simulations, seed=seed, progress=progress))
        p_simulated = float(((ratios >= statistic - ROUNDING).sum() + 1) / (simulations + 1))
    primary = SIMULATED if simulations and rare else ASYMPTOTIC
    return RungTest(statistic, df, large, float(chdtrc(df, statistic)), p_simulated, simulations, primary)


def fitted(study: Study, k: int, x: Floats) -> tuple[float, Curve, Floats]:
    """Cox model of one kind of event among all patients: log-likelihood, cumulative hazard, relative hazards (n)."""
    ones = np.ones(len(x), dtype=np.intp)
    beta, value = climb(partial_likelihood(study.drawn(ones, study.events[k], x)), x.shape[1])
    eta = x @ beta
    layout = study.drawn(ones, study.events[k], x[:, :0])
    found = baseline(layout._replace(offset=eta[layout.where]), NOTHING)
    return value, curve_of(study.endpoint.rows.times[found.rank], found.step), relative_hazard(eta)


def null_of(study: Study, x: Floats) -> Null:
    """The smaller model as the truth: hazards of all causes by it, and the curve of censoring."""
    endpoint = study.endpoint
    _, curve, relative = fitted(study, 0, x)
    others = [fitted(study, k, x)[1:] for k in range(1, len(study.events))]
    status, weight = (endpoint.cause > 0).astype(np.int32), np.ones(len(endpoint))
    censored = censoring_curves(endpoint.rows, status, weight, np.zeros(len(endpoint), dtype=np.int32), 1)
    falls = censored.table.censored > 0
    return Null(
        curve, relative, tuple(part[0] for part in others),
        np.column_stack([part[1] for part in others]) if others else np.empty((len(endpoint), 0)),
        endpoint.time, study.events[0], endpoint.rows.times[censored.table.rank[falls]], censored.survival[falls],
    )  # fmt: skip
