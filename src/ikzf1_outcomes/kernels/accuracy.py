"""How near predicted risks come to what happened by a horizon: AUC and Brier score of weighted patients.

Each patient whose state at the horizon is known stands for `weight`, case weight times inverse chance of not being
censored. Influences are the derivatives by the case weights, times these, with the chance of not being censored fixed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.risk import Floats, Integers


class Measured(NamedTuple):
    """A measure at one horizon, and what each row does to it."""

    estimate: float
    parts: Floats
    """Derivative of the measure by the logarithm of the weight that each row stands with (n)."""


def score_codes(score: Floats) -> Integers:
    """Rank of each score among the distinct ones, from 0 (n)."""
    return np.unique(score, return_inverse=True)[1]


def auc(code: Integers, case: Floats, control: Floats) -> float:
    """Share of the pairs of a case and a control in which the case has the higher score, ties counting one half.

    Parameters
    ----------
    code
        Rank of each score among the distinct ones (n).
    case, control
        How many cases, and controls, each row stands for; 0 where it is none (n).
    """
    cases, controls = np.bincount(code, case), np.bincount(code, control)
    pairs = case.sum() * control.sum()
    return float(cases @ (np.cumsum(controls) - controls / 2.0) / pairs) if pairs > 0 else np.nan


def auc_parts(code: Integers, case: Floats, control: Floats) -> Measured:
    """The AUC and each row's part in it; NaN where there is no pair."""
    estimate = auc(code, case, control)
    cases, controls = np.bincount(code, case), np.bincount(code, control)
    n_cases, n_controls = cases.sum(), controls.sum()
    if np.isnan(estimate):
        return Measured(np.nan, np.full(len(code), np.nan))
    won = np.cumsum(controls) - controls / 2.0
    lost = n_cases - np.cumsum(cases) + cases / 2.0
    gain = case * (won[code] - estimate * n_controls) + control * (lost[code] - estimate * n_cases)
    return Measured(estimate, gain / (n_cases * n_controls))


def brier(risk: Floats, had: np.ndarray, weight: Floats, total: float) -> float:
    """Mean squared difference of predicted risk and what happened.

    Parameters
    ----------
    risk
        Predicted probability of the event by the horizon (n).
    had
        Whether it happened by then (n).
    weight
        How many patients each row stands for (n).
    total
        Sum of the case weights.
    """
    gap = had - risk
    return float((weight * gap * gap).sum() / total)


def brier_parts(risk: Floats, had: np.ndarray, weight: Floats, case_weight: Floats) -> tuple[Measured, Floats]:
    """The Brier score, each row's part in it, and its influence with G fixed (n)."""
    total = case_weight.sum()
    parts = weight * (had - risk) ** 2 / total
    estimate = float(parts.sum())
    return Measured(estimate, parts), parts - case_weight * estimate / total
