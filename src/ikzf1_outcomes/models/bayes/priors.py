"""Priors as objects: what is assumed of a quantity before the data, in which unit, why, and where from."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.shrinkage_families import SLAB_DF

FAMILIES = ("normal", "half-normal", "half-cauchy", "inverse-gamma", "beta")
ASSUMED = "weakly informative, our assumption"


@dataclass(frozen=True, slots=True)
class Prior:
    """The prior of one quantity.

    Attributes
    ----------
    family
        "normal"; "half-normal" or "half-cauchy" for a standard deviation; "inverse-gamma" for one whose square is that,
        with 4 degrees of freedom; "beta" for a share.
    location, scale
        Mean and standard deviation of the normal; a half-normal lies at 0 and has the scale of the normal it is half of, a
        half-cauchy its median, an inverse-gamma about its median. Of a beta mean and precision: the numbers of its two
        parts are mean times precision and the rest of it.
    unit
        What the quantity is measured in.
    reason
        Why this prior.
    source
        Where its numbers are from.
    factor
        How many times as wide the effects behind a beta are: the odds of the share are multiplied by its square.
    """

    family: str
    location: float
    scale: float
    unit: str
    reason: str
    source: str = ASSUMED
    factor: float = 1.0

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise InputError("there is no such family of priors", next_step=f"Use {' or '.join(FAMILIES)}.")
        for number in (self.location, self.scale, self.factor):
            if not isinstance(number, Real) or isinstance(number, bool):
                raise InputError(
                    "location, scale and factor of a prior are numbers", next_step="As in iko.Priors().tidy()."
                )
        if not np.isfinite(self.location) or not np.isfinite(self.scale) or self.scale <= 0:
            raise InputError("a prior needs a finite location and a scale above 0", next_step="Use a small scale, not 0.")
        if self.family in ("half-normal", "half-cauchy", "inverse-gamma") and self.location != 0:
            raise InputError(f"a {self.family} prior lies at 0", next_step="Leave the location out.")
        if self.family == "beta" and not 0 < self.location < 1:
            raise InputError("the mean of a share lies between 0 and 1", next_step="0.15, for example.")
        if not np.isfinite(self.factor) or self.factor <= 0 or (self.factor != 1 and self.family != "beta"):
            raise InputError("only a beta has a factor, above 0", next_step="Give another scale.")

    def widened(self, factor: float) -> Prior:
        """The same prior with another scale: effects have `factor` times the standard deviation."""
        if self.family == "beta":
            return replace(self, factor=self.factor * factor)
        return replace(self, scale=self.scale * factor)

    def quantile(self, p: float) -> float:
        """The quantile at a probability."""
        if self.family == "normal":
            return float(stats.norm.ppf(p, self.location, self.scale))
        if self.family == "half-cauchy":
            return float(stats.halfcauchy.ppf(p, scale=self.scale))
        if self.family == "inverse-gamma":
            return float(self.scale * np.sqrt(SLAB_DF / stats.chi2.isf(p, SLAB_DF)))
        if self.family == "beta":
            share = stats.beta.ppf(p, *self.parts)
            # written so that a share that is 1 as a number stays one
            return float(share * self.factor**2 / (1.0 + share * (self.factor**2 - 1.0)))
        return float(stats.halfnorm.ppf(p, scale=self.scale))

    @property
    def parts(self) -> tuple[float, float]:
        """The two numbers of a beta distribution."""
        return self.location * self.scale, (1.0 - self.location) * self.scale


def normal(location: float, scale: float, *, unit: str, reason: str, source: str = ASSUMED) -> Prior:
    """A normal prior."""
    return Prior("normal", float(location), float(scale), unit, reason, source)


def half_normal(scale: float, *, unit: str, reason: str, source: str = ASSUMED) -> Prior:
    """A prior of a standard deviation: the positive half of a normal around 0."""
    return Prior("half-normal", 0.0, float(scale), unit, reason, source)


LOG_HR = "log hazard ratio"
SPREAD = "SD of log hazard ratios"
LOG_ODDS = "log odds"
LOG_UNCURED = "log odds of not being cured"
FEATURES = "features_that_matter"


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
    "deletion_by_trial_spread": half_normal(
        0.25, unit=SPREAD, reason="the effect of a deletion differs between trials by a factor of 1.6 or less, mostly"
    ),
    "class_by_trial_spread": half_normal(
        0.25, unit=SPREAD, reason="beyond that, effects of classes differ little between trials, mostly"
    ),
    "covariate": normal(0.0, 0.5, unit=LOG_HR + " per SD", reason="95 % of it: a ratio between 0.38 and 2.7"),
    "alteration": normal(0.0, 0.5, unit=LOG_HR, reason="95 % of it: a hazard ratio between 0.38 and 2.7"),
    "induction": normal(
        np.log(0.03 / 0.97), 1.0, unit=LOG_ODDS,
        reason="95 % of it: between 0.4 and 18 % of patients do not respond, or die in induction",
    ),
    "induction_deletion": normal(
        0.0, 1.0, unit="log odds ratio",
        reason="95 % of it: an odds ratio between 0.14 and 7.1; ratios of what is rare may be larger than those of hazards",
    ),
    "alteration_share": Prior(
        "beta", 0.15, 8.0, unit="share of the variance of log time",
        reason="alterations together tell a small part of when events come, 45 % at most",
    ),
    "feature_spread": Prior(
        "half-cauchy", 0.0, 1.0, unit="times m / (features - m) / sqrt(events), of m features that matter",
        reason="about m effects are expected to stand out from what as many events tell (Piironen and Vehtari 2017)",
        source="10.1214/17-EJS1337SI",
    ),
    "feature_slab": Prior(
        "inverse-gamma", 0.0, 0.5, unit=SPREAD + " per SD",
        reason="95 % of the effects that matter, Student's t with 4 degrees of freedom: a ratio between 0.25 and 4.0",
    ),
    "shape": normal(
        0.0, 0.5, unit="log shape", reason="95 % of it: the hazard falls with t^-0.6 to rises with t^1.7; 1 is constant"
    ),
    "uncured": normal(
        np.log(0.1), 1.0, unit=LOG_UNCURED, reason="95 % of it: between 1 and 42 % of patients are not cured of one cause"
    ),
    "uncured_of_any": normal(
        np.log(0.2), 0.8, unit=LOG_UNCURED, reason="95 % of it: between 4 and 49 % of patients will have an event"
    ),
    "median": normal(
        np.log(2.0), 0.5, unit="log years",
        reason="95 % of it: half of the events of the uncured have come within 0.75 to 5.3 years",
    ),
    "latency": normal(
        np.log(2.3), 0.6, unit="log cumulative hazard",
        reason="95 % of it: 51 to 99.9 % of the events of the uncured have come at the horizon",
    ),
}  # fmt: skip
"""Of `Priors`."""


class CausePrior(NamedTuple):
    """A prior of one cause alone."""

    cause: str
    term: str
    """A name of `Priors`."""
    prior: Prior


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
    deletion_by_trial_spread, class_by_trial_spread
        With `effects_by`: how much the mean effect of the deleted classes differs between trials, and how much more the
        effects of single classes do.
    covariate, alteration
        Effect of one standard deviation of a covariate, and of an alteration that is there.
    induction, induction_deletion
        Of the failures of induction, where they have a part of their own: log odds of a patient as of `level`, and the mean
        effect of the deleted classes on them. Other effects on the log odds have the priors of those on log hazards.
    alteration_share
        With `alterations_prior="r2d2"`: the share of the variance of log time, were hazards constant, that alterations
        make.
    feature_spread, feature_slab
        Of `features`: the spread of most effects, in multiples of the scale that `features_that_matter` gives, and the
        standard deviation of those that matter.
    shape
        Logarithm of the shape of a Weibull hazard, also that of the uncured.
    uncured, uncured_of_any
        Of mixture cure: log odds of not being cured of one cause, or of any, for the same patient as `level`. The effects
        then are log odds ratios, under the same priors.
    median, latency
        Of the uncured: logarithm of the median time of a Weibull, log cumulative hazard of a piecewise hazard at the
        horizon.
    features_that_matter
        How many features are expected to matter; half of them where there are fewer than twice as many.
    by_cause
        Priors of one cause, in place of those above; `with_cause` adds them.
    """

    level: Prior = DEFAULTS["level"]
    level_of_any: Prior = DEFAULTS["level_of_any"]
    drift: Prior = DEFAULTS["drift"]
    deletion: Prior = DEFAULTS["deletion"]
    class_spread: Prior = DEFAULTS["class_spread"]
    subtype_spread: Prior = DEFAULTS["subtype_spread"]
    cell_spread: Prior = DEFAULTS["cell_spread"]
    protocol_spread: Prior = DEFAULTS["protocol_spread"]
    deletion_by_trial_spread: Prior = DEFAULTS["deletion_by_trial_spread"]
    class_by_trial_spread: Prior = DEFAULTS["class_by_trial_spread"]
    covariate: Prior = DEFAULTS["covariate"]
    alteration: Prior = DEFAULTS["alteration"]
    induction: Prior = DEFAULTS["induction"]
    induction_deletion: Prior = DEFAULTS["induction_deletion"]
    alteration_share: Prior = DEFAULTS["alteration_share"]
    feature_spread: Prior = DEFAULTS["feature_spread"]
    feature_slab: Prior = DEFAULTS["feature_slab"]
    shape: Prior = DEFAULTS["shape"]
    uncured: Prior = DEFAULTS["uncured"]
    uncured_of_any: Prior = DEFAULTS["uncured_of_any"]
    median: Prior = DEFAULTS["median"]
    latency: Prior = DEFAULTS["latency"]
    features_that_matter: float = 3.0
    by_cause: tuple[CausePrior, ...] = ()

    def __post_init__(self) -> None:
        for name, own in [*self.named(), *((part.term, part.prior) for part in self.by_cause)]:
            wanted = DEFAULTS[name].family if name in DEFAULTS else "known"
            if not isinstance(own, Prior) or own.family != wanted:
                raise InputError(f"the prior of {name} is no {wanted} prior", next_step="Make it by iko.Prior.")
        number = self.features_that_matter
        if isinstance(number, bool) or not isinstance(number, Real) or not np.isfinite(number) or number <= 0:
            raise InputError("features that matter are a number above 0", next_step="3, for example.")

    def named(self) -> list[tuple[str, Prior]]:
        """The priors of all causes by their names."""
        return [(part.name, getattr(self, part.name)) for part in fields(self) if part.name in DEFAULTS]

    def with_cause(self, cause: str, **priors: Prior) -> Priors:
        """With priors of one cause in place of those of all; the others stay.

        Raises
        ------
        InputError
            Names that are none of `Priors`; the level of a cause under the name of that of "any", or the other way round.
        """
        unused = {"level", "uncured"} if cause == "any" else {"level_of_any", "uncured_of_any"}
        if set(priors) & unused or set(priors) - set(DEFAULTS):
            named = ", ".join(name for name in DEFAULTS if name not in unused)
            raise InputError("a prior of a cause has a name that its model does not use", next_step=f"Use {named}.")
        kept = tuple(own for own in self.by_cause if own.cause != cause or own.term not in priors)
        return replace(self, by_cause=kept + tuple(CausePrior(cause, *own) for own in priors.items()))

    def of_cause(self, cause: str) -> Priors:
        """The priors that the model of a cause has."""
        own: dict[str, Any] = {part.term: part.prior for part in self.by_cause if part.cause == cause}
        return replace(self, by_cause=(), **own)

    def widened(self, factor: float) -> Priors:
        """All priors with `factor` times their scale, as sensitivity analyses have them.

        Of a share the standard deviation of the effects behind it is `factor` times as large. How many features are
        expected to matter stays.

        Raises
        ------
        InputError
            The factor is not above 0.
        """
        if not isinstance(factor, Real) or not np.isfinite(factor) or factor <= 0:
            raise InputError("priors are widened by a factor above 0", next_step="0.5 and 2 are usual.")
        by_cause = tuple(own._replace(prior=own.prior.widened(factor)) for own in self.by_cause)
        changed: dict[str, Any] = {name: own.widened(factor) for name, own in self.named()}
        return replace(self, by_cause=by_cause, **changed)

    def tidy(self) -> pd.DataFrame:
        """One row a prior.

        Returns
        -------
        DataFrame
            term ("deletion", or "deletion, relapse" of one cause), prior (family; "fixed" of a number), prior_location,
            prior_scale, low, high (95 % of it), unit, reason, source.
        """
        rows = []
        for name, own in [*self.named(), *((f"{part.term}, {part.cause}", part.prior) for part in self.by_cause)]:
            wide = f"; of effects {own.factor:g} times as wide" if own.factor != 1 else ""
            rows.append(
                {
                    "term": name, "prior": own.family, "prior_location": own.location, "prior_scale": own.scale,
                    "low": own.quantile(0.025), "high": own.quantile(0.975), "unit": own.unit,
                    "reason": own.reason + wide, "source": own.source,
                }
            )  # fmt: skip
        number = float(self.features_that_matter)
        rows.append(
            {
                "term": FEATURES, "prior": "fixed", "prior_location": number, "prior_scale": 0.0, "low": number,
                "high": number, "unit": "features", "reason": "few of many features are thought to matter; half at most",
                "source": ASSUMED,
            }
        )  # fmt: skip
        return pd.DataFrame(rows)
