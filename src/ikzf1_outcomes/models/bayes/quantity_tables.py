"""Quantities of a posterior as rows, and what the gate says of their draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.bayes.convergence import Diagnosis, bfmi, diagnose, gate
from ikzf1_outcomes.models.bayes.nuts import Chains
from ikzf1_outcomes.models.bayes.quantities import CauseDraws, Quantity, quantities
from ikzf1_outcomes.models.bayes.reduction import Reduced

SLASH = "\N{DIVISION SLASH}"
EFFECTS = ("log hazard ratio", "log odds ratio")
"""How scales of effects begin."""


def extreme(values: Floats, which: Callable[[Floats], Any]) -> float:
    """The largest or least of those that are numbers; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(which(known)) if len(known) else np.nan


def variable(cause: str) -> str:
    """A cause as part of the name of a variable: files have no slashes there."""
    return cause.replace("/", SLASH)


def named(part: Quantity) -> str:
    """A quantity in one word or two."""
    return f"{part.term}: {part.contrast}" if part.contrast else part.term


def stacked(reduced: Reduced, drawn: CauseDraws) -> Floats:
    """All quantities and log hazards that a table may show (chains, draws, numbers)."""
    hazard = drawn.log_hazard
    parts: Iterable[Floats] = [part.values[..., None] for part in quantities(reduced, drawn)]
    return np.concatenate([*parts, hazard.reshape(*hazard.shape[:2], -1)], axis=-1)


def failures(reduced: Reduced, drawn: CauseDraws, chains: Chains) -> tuple[str, ...]:
    """Why draws are not to be trusted; nothing where they are."""
    found = diagnose(stacked(reduced, drawn))
    lost = gate(found.r_hat, found.ess_bulk, found.ess_tail, chains.diverging, bfmi(chains.energy))
    return lost if chains.complete else (*lost, "sampling was interrupted: fewer draws than asked for")


def rows_of_quantities(
    cause: str, parts: Sequence[Quantity], values: Floats, found: Diagnosis, warning: list[str], conf_level: float,
    margin: float,
) -> pd.DataFrame:  # fmt: skip
    """Quantities as rows, from their draws (chains, draws, quantities)."""
    flat = values.reshape(-1, len(parts))
    tail = (1.0 - conf_level) / 2.0
    low, middle, high = np.quantile(flat, [tail, 0.5, 1.0 - tail], axis=0)
    effect = np.array([part.scale.startswith(EFFECTS) for part in parts])
    return pd.DataFrame(
        {
            "term": [part.term for part in parts],
            "contrast": [part.contrast for part in parts],
            "cause": cause,
            "n": [part.n for part in parts],
            "n_event": [part.n_event for part in parts],
            "estimate": middle,
            "posterior_sd": flat.std(axis=0, ddof=1) if len(flat) > 1 else np.nan,
            "low": low,
            "high": high,
            "conf_level": conf_level,
            "interval": "credible",
            "p_above_1": np.where(effect, (flat > 0).mean(axis=0), np.nan),
            "prior_p_above_1": [part.prior_above for part in parts],
            "p_above_margin": np.where(effect, (flat > np.log(margin)).mean(axis=0), np.nan),
            "margin": margin,
            "r_hat": found.r_hat,
            "ess_bulk": found.ess_bulk,
            "ess_tail": found.ess_tail,
            "scale": [part.scale for part in parts],
            "note": ["; ".join([part.note] * bool(part.note) + warning) for part in parts],
        }
    )
