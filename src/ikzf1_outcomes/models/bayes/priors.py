"""Priors as objects: what is assumed of a quantity before the data, in which unit, why, and where from."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from scipy import stats

from ikzf1_outcomes.errors import InputError

FAMILIES = ("normal", "half-normal")
ASSUMED = "weakly informative, our assumption"


@dataclass(frozen=True, slots=True)
class Prior:
    """The prior of one quantity.

    Attributes
    ----------
    family
        "normal", or "half-normal" for a standard deviation.
    location, scale
        Mean and standard deviation of the normal; a half-normal lies at 0 and has the scale of the normal it is half of.
    unit
        What the quantity is measured in.
    reason
        Why this prior.
    source
        Where its numbers are from.
    """

    family: str
    location: float
    scale: float
    unit: str
    reason: str
    source: str = ASSUMED

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise InputError("there is no such family of priors", next_step=f"Use {' or '.join(FAMILIES)}.")
        if not np.isfinite(self.location) or not np.isfinite(self.scale) or self.scale <= 0:
            raise InputError("a prior needs a finite location and a scale above 0", next_step="Use a small scale, not 0.")
        if self.family == "half-normal" and self.location != 0:
            raise InputError("a half-normal prior lies at 0", next_step="Leave the location out.")

    def widened(self, factor: float) -> Prior:
        """The same prior with another scale: `factor` times as wide."""
        return replace(self, scale=self.scale * factor)

    def quantile(self, p: float) -> float:
        """The quantile at a probability."""
        if self.family == "normal":
            return float(stats.norm.ppf(p, self.location, self.scale))
        return float(stats.halfnorm.ppf(p, scale=self.scale))


def normal(location: float, scale: float, *, unit: str, reason: str, source: str = ASSUMED) -> Prior:
    """A normal prior."""
    return Prior("normal", float(location), float(scale), unit, reason, source)


def half_normal(scale: float, *, unit: str, reason: str, source: str = ASSUMED) -> Prior:
    """A prior of a standard deviation: the positive half of a normal around 0."""
    return Prior("half-normal", 0.0, float(scale), unit, reason, source)


LOG_HR = "log hazard ratio"
SPREAD = "SD of log hazard ratios"


DEFAULTS = {
    "level": normal(
        np.log(0.08), 1.0, unit="log cumulative hazard",
        reason="95 % of it: between 1 and 43 % of patients have had the event at the horizon, were it the only one",
    ),
    "level_of_any": normal(
        np.log(0.15), 0.7, unit="log cumulative hazard",
        reason="95 % of it: between 4 and 45 % of patients have had an event at the horizon",
    ),
    "drift": half_normal(
        0.7, unit="SD of the log hazard over a year", reason="hazards of relapse rise and fall several times in five years"
    ),
    "deletion": normal(0.0, 0.75, unit=LOG_HR, reason="95 % of it: a hazard ratio between 0.23 and 4.3"),
    "class_spread": half_normal(0.35, unit=SPREAD, reason="classes differ by a factor of 2 or less, mostly"),
    "subtype_spread": half_normal(0.75, unit=SPREAD, reason="subtypes differ by a factor of 4 or less, mostly"),
    "cell_spread": half_normal(0.25, unit=SPREAD, reason="effects differ little between subtypes, mostly"),
    "protocol_spread": half_normal(0.35, unit=SPREAD, reason="protocols differ by a factor of 2 or less, mostly"),
    "covariate": normal(0.0, 0.5, unit=LOG_HR + " per SD", reason="95 % of it: a ratio between 0.38 and 2.7"),
    "alteration": normal(0.0, 0.5, unit=LOG_HR, reason="95 % of it: a hazard ratio between 0.38 and 2.7"),
}  # fmt: skip
"""Of `Priors`."""


@dataclass(frozen=True, slots=True)
class Priors:
    """The priors of a hierarchical model; each can be given anew.

    Attributes
    ----------
    level
        Log of the cumulative hazard up to the horizon, of one cause, for a patient without a deletion whose other
        covariates are average.
    level_of_any
        The same where all causes are one event.
    drift
        How much the log hazard changes over a year: the SD of its random walk.
    deletion
        The mean effect of the deleted classes.
    class_spread, subtype_spread, cell_spread, protocol_spread
        How much the effects of classes, subtypes, classes within subtypes and protocols differ.
    covariate, alteration
        Effect of one standard deviation of a covariate, and of an alteration that is there.
    """

    level: Prior = DEFAULTS["level"]
    level_of_any: Prior = DEFAULTS["level_of_any"]
    drift: Prior = DEFAULTS["drift"]
    deletion: Prior = DEFAULTS["deletion"]
    class_spread: Prior = DEFAULTS["class_spread"]
    subtype_spread: Prior = DEFAULTS["subtype_spread"]
    cell_spread: Prior = DEFAULTS["cell_spread"]
    protocol_spread: Prior = DEFAULTS["protocol_spread"]
    covariate: Prior = DEFAULTS["covariate"]
    alteration: Prior = DEFAULTS["alteration"]

    def __post_init__(self) -> None:
        for part in fields(self):
            own, wanted = getattr(self, part.name), DEFAULTS[part.name].family
            if not isinstance(own, Prior) or own.family != wanted:
                raise InputError(f"the prior of {part.name} is no {wanted} prior", next_step="Make it by iko.Prior.")

    def widened(self, factor: float) -> Priors:
        """All priors with `factor` times their scale, as sensitivity analyses have them.

        Raises
        ------
        InputError
            The factor is not above 0.
        """
        if not np.isfinite(factor) or factor <= 0:
            raise InputError("priors are widened by a factor above 0", next_step="0.5 and 2 are usual.")
        return replace(self, **{part.name: getattr(self, part.name).widened(factor) for part in fields(self)})

    def tidy(self) -> pd.DataFrame:
        """One row a prior.

        Returns
        -------
        DataFrame
            term, prior (family), prior_location, prior_scale, low, high (95 % of it), unit, reason, source.
        """
        rows = []
        for part in fields(self):
            own: Prior = getattr(self, part.name)
            rows.append(
                {
                    "term": part.name, "prior": own.family, "prior_location": own.location, "prior_scale": own.scale,
                    "low": own.quantile(0.025), "high": own.quantile(0.975), "unit": own.unit, "reason": own.reason,
                    "source": own.source,
                }
            )  # fmt: skip
        return pd.DataFrame(rows)
