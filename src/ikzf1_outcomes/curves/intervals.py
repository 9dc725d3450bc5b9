"""Confidence limits for probabilities, on five scales."""

from __future__ import annotations

from numbers import Real

import numpy as np
from scipy.special import ndtri

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats

CONF_TYPES = ("plain", "log", "log-log", "logit", "arcsin")


def check_interval(conf_type: str, conf_level: float) -> None:
    """Refuse an unknown interval type or a level outside (0, 1)."""
    if conf_type not in CONF_TYPES:
        raise InputError(f"no interval is called {conf_type!r}", next_step=f"Use one of {', '.join(CONF_TYPES)}.")
    normal_quantile(conf_level)


def normal_quantile(conf_level: float) -> float:
    """Two-sided standard normal quantile, 1.96 for 0.95.

    Raises
    ------
    InputError
        The level does not lie between 0 and 1.
    """
    if not isinstance(conf_level, Real) or not 0.0 < conf_level < 1.0:
        raise InputError("conf_level must lie between 0 and 1", next_step="Use 0.95 for 95 %.")
    return float(-ndtri((1.0 - conf_level) / 2.0))


def probability_limits(estimate: Floats, std_error: Floats, conf_type: str, conf_level: float) -> tuple[Floats, Floats]:
    """Lower and upper limits of probabilities from their standard errors, by the delta method on a scale.

    With z the normal quantile, p the estimate and se its standard error:

    - plain: p -+ z se
    - log: exp(log p -+ z se / p)
    - log-log: the complementary form exp(-exp(log(-log p) +- z se / (p log p)))
    - logit: logistic(logit p -+ z se / (p (1 - p)))
    - arcsin: sin^2(arcsin sqrt(p) -+ z se / (2 sqrt(p (1 - p))))

    Limits are held within [0, 1]. Where p is 0 or 1 the log-log and logit scales have no limits (NaN), and where the
    standard error is missing no scale has. As in R's `survfit` and SAS PROC LIFETEST (Kalbfleisch and Prentice 2002,
    doi:10.1002/9781118032985, section 1.4).
    """
    check_interval(conf_type, conf_level)
    p, z = np.asarray(estimate, dtype=float), normal_quantile(conf_level)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if conf_type == "plain":
            low, high = p - z * std_error, p + z * std_error
        elif conf_type == "log":
            low, high = p * np.exp(-z * std_error / p), p * np.exp(z * std_error / p)
        elif conf_type == "log-log":
            inside = np.where((p > 0) & (p < 1), p, np.nan)
            middle, half = np.log(-np.log(inside)), z * std_error / np.abs(inside * np.log(inside))
            low, high = np.exp(-np.exp(middle + half)), np.exp(-np.exp(middle - half))
        elif conf_type == "logit":
            inside = np.where((p > 0) & (p < 1), p, np.nan)
            middle, half = np.log(inside / (1 - inside)), z * std_error / (inside * (1 - inside))
            low, high = 1 / (1 + np.exp(half - middle)), 1 / (1 + np.exp(-half - middle))
        else:
            half = np.where((p > 0) & (p < 1), 0.5 * z * std_error / np.sqrt(p * (1 - p)), np.where(p == 1, 0.0, np.nan))
            middle = np.arcsin(np.sqrt(p))
            low = np.sin(np.maximum(0.0, middle - half)) ** 2
            high = np.sin(np.minimum(np.pi / 2, middle + half)) ** 2
    # at p = 0.999... rounding can push a limit past the estimate by one unit in the last place
    return np.clip(np.minimum(low, p), 0.0, 1.0), np.clip(np.maximum(high, p), 0.0, 1.0)
