"""The coefficient table that every regression answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.comparisons import two_sided
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.formula import Coefficient
from ikzf1_outcomes.kernels.risk import Floats

COLUMNS = (
    "term", "contrast", "cause", "n", "n_event", "estimate", "std_error", "low", "high", "conf_level", "interval", "scale",
    "statistic", "p_value", "note",
)  # fmt: skip
SINGULAR = "no Wald test: the covariance is singular"
SINGULAR_BELOW = 1e-13
"""Smallest eigenvalue of the correlations of coefficients below which their covariance cannot be inverted."""


def wald_table(
    coefficients: Sequence[Coefficient],
    counts: Sequence[tuple[float, int]],
    position: Mapping[int, int],
    beta: Floats,
    covariance: Floats,
    *,
    cause: str,
    notes: Mapping[int, str],
    conf_level: float,
) -> pd.DataFrame:
    """Rows of the coefficients with Wald intervals and tests, reference levels included; `scale` is left to the caller.

    Parameters
    ----------
    coefficients, counts
        Rows of the table, and the patients and events behind each.
    position
        Where the finite coefficient of a column of the design stands in `beta`; others are not estimable.
    notes
        Why a column has none.
    """
    columns = np.array([c.column for c in coefficients], dtype=np.intp)
    place = np.array([position.get(int(column), -1) for column in columns], dtype=np.intp)
    reference = columns < 0
    known = (place >= 0) & ~reference
    out = pd.DataFrame({"term": [c.term for c in coefficients], "contrast": [c.contrast for c in coefficients]})
    out["cause"] = cause
    out["n"], out["n_event"] = [float(n) for n, _ in counts], [events for _, events in counts]
    out["estimate"] = np.where(reference, 0.0, np.where(known, np.append(beta, np.nan)[place], np.nan))
    out["std_error"] = np.where(known, np.append(np.sqrt(np.diag(covariance)), np.nan)[place], np.nan)
    half = normal_quantile(conf_level) * out["std_error"]
    out["low"], out["high"] = out["estimate"] - half, out["estimate"] + half
    out["conf_level"], out["interval"] = conf_level, "wald"
    out["statistic"] = out["estimate"] / out["std_error"]
    out["p_value"] = two_sided(out["statistic"].to_numpy(dtype=float))
    missing = [notes.get(int(column), "not estimable") for column in columns]
    out["note"] = np.where(reference, "reference", np.where(known, "", np.array(missing, dtype=object)))
    return out


def wald_statistic(beta: Floats, covariance: Floats) -> float:
    """b'V^-1 b; NaN without coefficients and where V is singular, as the robust covariance of few clusters is."""
    error = np.sqrt(np.diag(covariance))
    if not len(beta) or not (error > 0).all():
        return np.nan
    if np.linalg.eigvalsh(covariance / np.outer(error, error))[0] <= SINGULAR_BELOW:
        return np.nan
    return float(beta @ np.linalg.solve(covariance, beta))


def on_scale(table: pd.DataFrame, ratio: str, exponentiate: bool) -> pd.DataFrame:
    """The table on the log scale, or with estimate, low and high as ratios; `std_error` stays on the log scale."""
    return exponentiated(table.assign(scale=f"log {ratio}"), exponentiate)[list(COLUMNS)]


def exponentiated(table: pd.DataFrame, wanted: bool) -> pd.DataFrame:
    """The table as it is, or with estimate, low and high exponentiated and "log" gone from the scale."""
    if not wanted:
        return table.copy()
    names = ["estimate", "low", "high"]
    return table.assign(scale=table["scale"].str.removeprefix("log "), **np.exp(table[names].astype(float)))
