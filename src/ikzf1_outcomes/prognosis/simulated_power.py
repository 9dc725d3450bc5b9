"""Power by simulation: whole cohorts, with classes, competing causes and assays that are missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.definitions import define_endpoint
from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.feature_screen import screen
from ikzf1_outcomes.models.screened_features import Adjust
from ikzf1_outcomes.resampling import replicates
from ikzf1_outcomes.simulate import REFERENCE, SimulationParameters, simulate_cohort

FEATURE = "feature"
CAUSE = "relapse"
FEWEST = 20
NO_HIT, NO_SIGN = "no significant result to look at", "a ratio of 1 has no sign and no size"


class Finding(NamedTuple):
    """What an analysis says of the feature; NaN where it has no estimate."""

    p_value: float
    log_ratio: float


@dataclass(frozen=True, slots=True)
class AdjustedCox:
    """The analysis that is taken by default: the feature beside adjusters, cause-specific, likelihood-ratio test."""

    adjust: Adjust

    def __call__(self, endpoint: Endpoint) -> Finding:
        """Test and log ratio of the column `feature`."""
        options: dict[str, Any] = {"adjust": self.adjust, "cause": CAUSE, "standardise": False}
        row = screen(endpoint, [FEATURE], test="likelihood_ratio", **options).table.iloc[0]
        return Finding(float(row["p_value"]), float(row["estimate"]))


@dataclass(frozen=True, slots=True)
class Scenario:
    """Cohorts that are simulated, and how they are analysed."""

    n: int
    log_ratio: float
    n_measured: int
    correlation: float
    parameters: SimulationParameters
    analysis: Callable[[Endpoint], Any]

    def feature(self, frame: pd.DataFrame, rng: np.random.Generator) -> Floats:
        """A feature of mean 0 and variance 1 that goes with the log hazard ratio of the subtype."""
        ratios = self.parameters.subtype_ratios
        log_ratio = {name: float(np.log(ratios[name])) for name in ratios.names}
        level = np.array([log_ratio[name] for name in frame["cytogenetic_subtype"]])
        spread = level.std()
        score = (level - level.mean()) / spread if spread > 0.0 else np.zeros(len(level))
        return np.asarray(self.correlation * score + np.sqrt(1.0 - self.correlation**2) * rng.normal(size=len(level)))

    def endpoint(self, rng: np.random.Generator) -> Endpoint:
        """Event-free survival of one cohort, with the column `feature`, missing in those without an assay."""
        drawn: list[Floats] = []

        def effect(frame: pd.DataFrame, own: np.random.Generator) -> Floats:
            drawn.append(self.feature(frame, own))
            return self.log_ratio * drawn[0]

        cohort = simulate_cohort(self.n, seed=rng, parameters=self.parameters, effect=effect)
        x = np.array(drawn[0])
        x[rng.permutation(self.n)[self.n_measured :]] = np.nan
        endpoint = define_endpoint(cohort, "EFS")
        value = dict(zip(cohort.frame["id"], x, strict=True))
        return endpoint.with_column(FEATURE, np.array([value[one] for one in endpoint.frame["id"]]))

    def run(self, rng: np.random.Generator) -> tuple[float, float, int]:
        """p-value, log ratio, and events among those measured, of one cohort."""
        endpoint = self.endpoint(rng)
        measured = endpoint.frame[FEATURE].notna().to_numpy()
        n_event = int((endpoint.ends_with(CAUSE) & measured).sum())
        try:
            found = Finding(*self.analysis(endpoint))
        except (InputError, ConvergenceError):
            return np.nan, np.nan, n_event
        return float(found.p_value), float(found.log_ratio), n_event


def power(
    n: int = 109,
    *,
    ratio: float,
    seed: int | np.random.Generator,
    simulations: int = 500,
    n_measured: int | None = None,
    adjust: Adjust = "ikzf1_deletion",
    correlation: float = 0.0,
    analysis: Callable[[Endpoint], Any] | None = None,
    alpha: float = 0.05,
    parameters: SimulationParameters = REFERENCE,
    conf_level: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Power of an analysis of a feature, in cohorts whose truth is known, with its Monte Carlo error.

    Cohorts of `simulate_cohort`: IKZF1 classes, subtypes, hazards of each cause, ties, follow-up. A normal feature of
    variance 1 multiplies the hazard of relapse by `ratio` per SD, all else equal, and goes with the subtype's own log
    hazard ratio by `correlation`; the 5-year outcomes of the cohort stay those of `parameters`. Of `n` patients
    `n_measured`, drawn at random, have the assay. The analysis sees what an analyst would see.

    A ratio of 1 gives the size of the test. Simulations without an estimate (no relapse among those measured, separation)
    are not significant, and counted.

    Parameters
    ----------
    n
        Patients of a cohort.
    ratio
        True hazard ratio of relapse per SD of the feature: an assumption from outside the data.
    seed
        Number or generator; simulations run through `resampling.replicates`.
    simulations
        How many, 20 or more.
    n_measured
        Patients with an assay; None is all of them.
    adjust
        Adjusters of the default analysis, a formula or a list of columns; None for none.
    correlation
        Of the feature with the log hazard ratio of the cytogenetic subtype, from -1 to 1.
    analysis
        From the endpoint (event-free survival, column "feature") to a p-value and a log ratio. None is the cause-specific
        Cox model of relapse with the feature beside `adjust`, likelihood-ratio test.
    alpha
        Two-sided level.
    parameters
        Of the simulation; many of them are assumptions (`SimulationParameters.assumptions`).
    conf_level
        Level of the intervals of the simulation.
    progress
        Called after each simulation with how many are done, and of how many.

    Returns
    -------
    DataFrame
        term ("power", "not estimable", then among significant results "wrong sign", "exaggeration", "doubled size"), cause,
        ratio, n, n_measured, n_event (mean number of relapses among those measured), simulations (behind the row),
        estimate, std_error (Monte Carlo), low, high, conf_level, interval ("wilson" for shares, else "wald"), scale, alpha,
        note.

    Raises
    ------
    InputError
        Numbers outside their limits, fewer than 20 simulations.

    Examples
    --------
    >>> from ikzf1_outcomes.prognosis.simulated_power import power
    >>> found = power(109, ratio=2.0, n_measured=45, simulations=20, seed=1)
    >>> found["term"].tolist()
    ['power', 'not estimable', 'wrong sign', 'exaggeration', 'doubled size']
    >>> bool(found["estimate"][0] < 0.8)
    True
    """
    normal_quantile(conf_level)
    measured = n if n_measured is None else n_measured
    check_scenario(n, ratio, measured, correlation, simulations, alpha)
    log_ratio = float(np.log(ratio))
    scenario = Scenario(int(n), log_ratio, int(measured), correlation, parameters, analysis or AdjustedCox(adjust))
    p, found, events = np.array(replicates(scenario.run, simulations, seed=seed, progress=progress), dtype=float).T
    hit = np.nan_to_num(p, nan=1.0) <= alpha
    size = found[hit] / log_ratio if log_ratio else np.full(int(hit.sum()), np.nan)
    known = size[np.isfinite(size)]
    rows = [
        share_row("power", hit, conf_level),
        share_row("not estimable", np.isnan(p), conf_level),
        share_row("wrong sign", known < 0.0, conf_level),
        mean_row("exaggeration", np.abs(known), conf_level),
        share_row("doubled size", np.abs(known) > 2.0, conf_level),
    ]
    n_event = float(events.mean())
    fixed = {
        "cause": CAUSE,
        "ratio": float(ratio),
        "n": int(n),
        "n_measured": int(measured),
        "n_event": n_event,
        "alpha": alpha,
    }
    table = pd.DataFrame(rows).assign(**fixed, conf_level=conf_level, note="")
    table.loc[table["simulations"] == 0, "note"] = NO_HIT if log_ratio else NO_SIGN
    columns = [
        "term",
        "cause",
        "ratio",
        "n",
        "n_measured",
        "n_event",
        "simulations",
        "estimate",
        "std_error",
        "low",
        "high",
    ]
    return table[[*columns, "conf_level", "interval", "scale", "alpha", "note"]]


def share_row(term: str, hits: np.ndarray, conf_level: float) -> dict[str, Any]:
    """A share of simulations with Wilson's interval."""
    size, z = len(hits), normal_quantile(conf_level)
    row: dict[str, Any] = {"term": term, "simulations": size, "interval": "wilson", "scale": "probability"}
    if not size:
        return row | dict.fromkeys(("estimate", "std_error", "low", "high"), np.nan)
    share = float(np.mean(hits))
    centre, spread = share + z**2 / (2 * size), z * np.sqrt(share * (1.0 - share) / size + z**2 / (4 * size**2))
    low, high = ((centre + sign * spread) / (1.0 + z**2 / size) for sign in (-1.0, 1.0))
    error = float(np.sqrt(share * (1.0 - share) / size))
    return row | {"estimate": share, "std_error": error, "low": max(float(low), 0.0), "high": min(float(high), 1.0)}


def mean_row(term: str, values: Floats, conf_level: float) -> dict[str, Any]:
    """A mean over simulations with its interval."""
    row: dict[str, Any] = {"term": term, "simulations": len(values), "interval": "wald", "scale": "times the true size"}
    mean = float(values.mean()) if len(values) else np.nan
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
    half = normal_quantile(conf_level) * error
    return row | {"estimate": mean, "std_error": error, "low": mean - half, "high": mean + half}


def check_scenario(n: Any, ratio: Any, measured: Any, correlation: Any, simulations: Any, alpha: Any) -> None:
    """Refuse numbers outside their limits.

    Raises
    ------
    InputError
        One of them is.
    """
    for name, value, least in (("n", n, 1), ("n_measured", measured, 1), ("simulations", simulations, FEWEST)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise InputError(f"{name} is a whole number of {least} or more")
    if measured > n:
        raise InputError("more patients measured than there are", next_step="Give n_measured of n or fewer.")
    if not isinstance(ratio, int | float) or not 0.0 < ratio < np.inf:
        raise InputError("the ratio is a number above 0", next_step="1 gives the size of the test.")
    if not isinstance(correlation, int | float) or not -1.0 <= correlation <= 1.0:
        raise InputError("the correlation lies between -1 and 1")
    if not isinstance(alpha, int | float) or not 0.0 < alpha < 1.0:
        raise InputError("the level lies between 0 and 1", next_step="As in alpha=0.05.")
