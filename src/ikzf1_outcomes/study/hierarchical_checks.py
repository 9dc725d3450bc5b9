"""Numbers that speak about a hierarchical model: replicated cohorts, and a hazard that ends."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ikzf1_outcomes.models.bayes.pooled_and_raw import compared
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.prior_draws import sample_prior
from ikzf1_outcomes.models.bayes.replicated_cohorts import predictive_check
from ikzf1_outcomes.report.hierarchical import DELETED, NOT_POSSIBLE, UNDELETED
from ikzf1_outcomes.study.hierarchical import Asked, Fits, difference_rows, spec_of
from ikzf1_outcomes.study.hierarchical_plan import HierarchicalPlan

STEP = 0.1
"""Years between the times at which replicated curves are read."""
LATE = 10.0
"""Years at which differences are shown beside those at the horizon."""
BANDS = (0.95, 0.5)
"""Probabilities of the bands in which the priors are drawn."""
SIDES = (UNDELETED, DELETED)
BOUND_COLUMNS = (
    "bound", "contrast", "measure", "cause", "time", "estimate", "low", "high", "conf_level", "interval", "scale",
    "p_above_0", "note",
)  # fmt: skip


def check_rows(posterior: Posterior, asked: Asked, horizon: float, seed: int, conf_level: float) -> pd.DataFrame:
    """Observed and replicated curves, up to the last follow-up but not past twice the horizon; times from the origin."""
    end = min(posterior.reduced.longest, 2.0 * horizon - asked.landmark)
    # the horizon may be one of the steps but for its last digit
    times = np.unique(np.round([*np.arange(STEP, end + 1e-9, STEP), horizon - asked.landmark], 9))
    table = predictive_check(posterior, times, seed=seed, conf_level=conf_level)
    return table.assign(time=table["time"] + asked.landmark)


def prior_risk_rows(plan: HierarchicalPlan, asked: Asked, horizon: float, conf_level: float) -> pd.DataFrame:
    """Event-free survival and incidences at the horizon as the priors have them, before the data."""
    drawn = sample_prior(asked.endpoint, spec_of(plan, asked, horizon), seed=plan.seed)
    return drawn.curves(horizon - asked.landmark, conf_level=conf_level).assign(time=horizon)


def prior_curve_rows(plan: HierarchicalPlan, asked: Asked, horizon: float) -> pd.DataFrame:
    """Event-free survival and incidences up to the horizon as the priors have them, without and with a deletion."""
    drawn = sample_prior(asked.endpoint, spec_of(plan, asked, horizon), seed=plan.seed)
    end = horizon - asked.landmark
    times = np.unique(np.round([*np.arange(STEP, end, STEP), end], 9))
    table = pd.concat([drawn.curves(times, conf_level=level) for level in BANDS], ignore_index=True)
    table = table[table["group"].astype(str).isin(SIDES)]
    return table.assign(time=table["time"] + asked.landmark).reset_index(drop=True)


def bound_rows(fits: Fits, plan: HierarchicalPlan, asked: Asked, horizon: float, conf_level: float) -> pd.DataFrame:
    """The difference in risk between any deletion and none, were the hazard 0 after each bound; the first row has none.

    At the horizon and at 10 years. A bound that the model refuses has a row that says why.
    """
    times = [at for at in sorted({horizon, LATE}) if at > asked.landmark]
    tables = [of_bound(fits(1.0), asked, times, conf_level)]
    for bound in plan.bounds:
        reason = refused(fits(1.0), asked, bound)
        if reason:
            said = {"contrast": tables[0]["contrast"].iloc[0], "measure": "cumulative incidence", "cause": asked.interest}
            empty = pd.DataFrame({"time": times}).assign(**said, conf_level=conf_level, interval="", scale="probability")
            numbers = dict.fromkeys(("estimate", "low", "high", "p_above_0"), np.nan)
            tables.append(empty.assign(**numbers, note=f"{NOT_POSSIBLE}: {reason}", bound=bound))
        else:
            tables.append(of_bound(fits(1.0, bound), asked, times, conf_level).assign(bound=bound))
    return pd.concat([part.reindex(columns=list(BOUND_COLUMNS)) for part in tables], ignore_index=True)


def refused(posterior: Posterior, asked: Asked, bound: float) -> str:
    """Why a bound cannot be; empty where it can."""
    same, at = compared(posterior), bound - asked.landmark
    after = int(((same.cause > 0) & (same.time > at)).sum())
    if after:
        return f"{after} event{'' if after == 1 else 's'} after it"
    if at <= max(posterior.reduced.spec.cuts):
        return f"it lies before the last cut of the hazard, at {max(posterior.reduced.spec.cuts) + asked.landmark:g} years"
    return ""


def of_bound(posterior: Posterior, asked: Asked, times: list[float], conf_level: float) -> pd.DataFrame:
    """The differences of one model at some times."""
    parts = [difference_rows(posterior, asked, at, conf_level) for at in times]
    table = pd.concat(parts, ignore_index=True)
    # the first contrast is that of any deletion
    same = table["contrast"] == table["contrast"].iloc[0]
    return table[same & (table["measure"] == "cumulative incidence") & (table["cause"] == asked.interest)]
