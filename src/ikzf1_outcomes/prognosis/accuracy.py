"""AUC and Brier score of some predictions at some times, as numbers and as what each row does to them."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.comparisons import two_sided
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.kernels.accuracy import auc, auc_parts, brier, brier_parts, score_codes
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.prognosis.horizons import Horizons, Standing

NOTHING = 1e-14
"""A squared probability that is rounding."""
CONTROLS = ("event-free", "event-free or competing")


class Accuracy(NamedTuple):
    """Measures of some predictions at some times."""

    auc: Floats
    """(k, t)."""
    brier: Floats
    """(k, t)."""
    null: Floats
    """Brier score of one risk for everybody (t)."""

    @property
    def ipa(self) -> Floats:
        """Share of the null model's Brier score that predictions do away with (k, t)."""
        return 1.0 - self.brier / known_null(self.null)


def known_null(null: Floats) -> Floats:
    """The null model's score; NaN where nobody had the event, or everybody, and there is nothing to do away with."""
    return np.where(null > NOTHING, null, np.nan)


class Estimated(NamedTuple):
    """Estimates of some predictions at some times, and the influence of each row."""

    names: tuple[str, ...]
    estimate: Floats
    """(k, t)."""
    influence: Floats
    """Derivative by the case weight, times the weight (k, n, t)."""

    def less(self) -> Estimated:
        """Each prediction less each one before it."""
        pairs = list(combinations(range(len(self.names)), 2))
        first, second = [a for a, _ in pairs], [b for _, b in pairs]
        names = tuple(f"{self.names[b]} - {self.names[a]}" for a, b in pairs)
        return Estimated(
            names, self.estimate[second] - self.estimate[first], self.influence[second] - self.influence[first]
        )


def sides(states: Horizons, standing: Standing, controls: str) -> tuple[Floats, Floats]:
    """How many cases, and controls, each row stands for at each time (n, t)."""
    free = states.ahead | states.rival if controls == CONTROLS[1] else states.ahead
    return standing.weight * states.had, standing.weight * free


def null_risk(states: Horizons, standing: Standing) -> Floats:
    """The incidence of the event at each time (t): equal to Aalen-Johansen where the censoring curve is one."""
    return np.asarray((standing.weight * states.had).sum(axis=0) / standing.case_weight.sum())


def accuracy_at(states: Horizons, risks: Floats, *, weight: Floats | None = None, controls: str = CONTROLS[0]) -> Accuracy:
    """The measures with some case weights, without standard errors: for resamples.

    Parameters
    ----------
    states
        Of `horizons`, made once.
    risks
        Predicted risks (k, n, t).
    weight
        Case weights (n): how often a resample drew each row, 0 included. None takes the endpoint's own.
    controls
        As in `auc_over_time`.
    """
    standing = states.standing(weight)
    case, control = sides(states, standing, controls)
    total, null = float(standing.case_weight.sum()), null_risk(states, standing)
    codes = [[score_codes(column) for column in one.T] for one in risks]
    every = range(len(states.times))
    return Accuracy(
        np.array([[auc(code[t], case[:, t], control[:, t]) for t in every] for code in codes]),
        np.array([[brier(r[:, t], states.had[:, t], standing.weight[:, t], total) for t in every] for r in risks]),
        np.array([brier(null[t], states.had[:, t], standing.weight[:, t], total) for t in every]),
    )


def estimated_auc(states: Horizons, names: tuple[str, ...], scores: Floats, controls: str) -> Estimated:
    """AUC at each time, and the influence of each row."""
    standing = states.standing()
    case, control = sides(states, standing, controls)
    estimate, influence = [], []
    for score in scores:
        found = [auc_parts(score_codes(score[:, t]), case[:, t], control[:, t]) for t in range(len(states.times))]
        parts = np.column_stack([one.parts for one in found])
        estimate.append([one.estimate for one in found])
        influence.append(parts + states.influence(standing, parts))
    return Estimated(names, np.array(estimate), np.array(influence))


def estimated_brier(states: Horizons, names: tuple[str, ...], risks: Floats, *, conservative: bool) -> Estimated:
    """Brier score at each time, and the influence of each row."""
    standing = states.standing()
    estimate, influence = [], []
    for risk in risks:
        found = [
            brier_parts(risk[:, t], states.had[:, t], standing.weight[:, t], standing.case_weight)
            for t in range(len(states.times))
        ]
        own = np.column_stack([alone for _, alone in found])
        if not conservative:
            own = own + states.influence(standing, np.column_stack([one.parts for one, _ in found]))
        estimate.append([one.estimate for one, _ in found])
        influence.append(own)
    return Estimated(names, np.array(estimate), np.array(influence))


def errors_of(found: Estimated, n: int) -> Floats:
    """Standard errors (k, t): root of the sum of squared influences, with n - 1 for n."""
    factor = n / (n - 1) if n > 1 else np.nan
    return np.asarray(np.sqrt(factor * (found.influence**2).sum(axis=1)))


def rows_of_terms(found: Estimated, times: Floats, n: int, conf_level: float, *, differences: bool) -> pd.DataFrame:
    """One row a prediction, or a difference, and time: term, contrast, time, estimate, std_error, low, high, statistic,
    p_value.
    """
    error = errors_of(found, n)
    estimate, error = found.estimate.ravel(), error.ravel()
    names = np.repeat(np.array(found.names, dtype=object), len(times))
    half = normal_quantile(conf_level) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimate / error if differences else np.full(len(estimate), np.nan)
    return pd.DataFrame(
        {
            "term": "difference" if differences else names, "contrast": names if differences else "",
            "time": np.tile(times, len(found.names)), "estimate": estimate, "std_error": error, "low": estimate - half,
            "high": estimate + half, "statistic": statistic, "p_value": two_sided(statistic),
        }
    )  # fmt: skip
