"""How a partial likelihood was maximised: what residuals, baselines and predictions need of a fit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ikzf1_outcomes.endpoint import frozen
from ikzf1_outcomes.kernels.partial import Layout, Maximum
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.estimability import Span


class Estimation(NamedTuple):
    """How a model was estimated: what residuals and baselines need."""

    layout: Layout
    """Rows as the likelihood saw them: covariates centred and of unit spread."""
    centre: Floats
    scale: Floats
    rows: np.ndarray
    """Rows of the endpoint behind the layout."""
    complete: np.ndarray
    """Rows of the endpoint with every term, stratum, cluster and offset: those analysed."""
    ties: str
    strata: tuple[str, ...]
    levels: tuple[Any, ...]
    """Level of each stratum of the layout; "all" without strata."""
    offset: str
    robust: bool
    note: str
    span: Span
    """Which columns of the design were fitted, and in which directions the rows tell nothing."""


def in_own_units(fit: Maximum, scale: Floats) -> Maximum:
    """The maximum in the units of the covariates, which the likelihood saw divided by `scale`; read-only."""
    square = np.outer(scale, scale)
    return fit._replace(
        beta=frozen(fit.beta / scale),
        score=frozen(fit.score * scale),
        information=frozen(fit.information * square),
        step=frozen(fit.step / scale),
        score_null=frozen(fit.score_null * scale),
        information_null=frozen(fit.information_null * square),
    )
