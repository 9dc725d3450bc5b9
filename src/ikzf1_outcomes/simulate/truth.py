"""The truth of a simulated cohort: closed forms, averaged over its very patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort import Cohort
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.simulate.calibration import (
    HORIZON,
    Calibration,
    calibrate,
    first_event_curves,
    years_since_induction,
)
from ikzf1_outcomes.simulate.figures import Figures, Floats, Hazard
from ikzf1_outcomes.simulate.parameters import DAYS_PER_YEAR, DELETION, SimulationParameters
from ikzf1_outcomes.simulate.reference import REFERENCE

TRUTH_COLUMN = "true_log_hazard_ratio"

CAUSES = ("non_response", "induction_death", "relapse", "second_malignancy", "death_in_remission")
"""Every first event of the generating model."""

_OUTCOMES = (
    *(("event-free survival", ""), ("overall survival", "")),
    *(("cumulative incidence", cause) for cause in CAUSES),
)


@dataclass(frozen=True, eq=False, slots=True)
class SimulationTruth:
    """The truth of a simulated cohort.

    Attributes
    ----------
    outcomes
        term (event-free survival, overall survival, cumulative incidence), variable, group, cause, time (years from
        diagnosis), n, estimate (the true probability, averaged over these very patients), scale.
    hazard_ratios
        term, contrast, cause, estimate (log), scale: true cause-specific ratios, conditional on all the others.
    """

    outcomes: pd.DataFrame
    hazard_ratios: pd.DataFrame

    def as_dict(self, digits: int = 10) -> dict[str, list[dict[str, Any]]]:
        """Both tables as plain records, rounded: the last bits of exp and log differ between machines."""
        tables = {"outcomes": self.outcomes, "hazard_ratios": self.hazard_ratios}
        return {name: table.round(digits).to_dict("records") for name, table in tables.items()}


def simulation_truth(
    cohort: Cohort | pd.DataFrame,
    parameters: SimulationParameters = REFERENCE,
    *,
    by: Sequence[str] = ("ikzf1_deletion", "ikzf1_class"),
    at: Sequence[float] = (HORIZON,),
) -> SimulationTruth:
    """True outcomes of a simulated cohort, averaged over its very patients, and the true hazard ratios.

    EFS_i(t) = (1 - q_d) exp(-H_i(t)), H_i being the sum of the three cumulative hazards of patient i from the end of
    induction and q_d the share of induction failure in the patient's group; incidences by `first_event_curves`. Overall
    survival adds death after the first event, day by day. Only follow-up and chance stand between these numbers and
    an estimate.

    Parameters
    ----------
    cohort
        Of `simulate_cohort`, or its frame.
    parameters
        Those that the cohort was simulated with.
    by
        Columns to average within; the whole cohort always comes first (variable and group "all").
    at
        Times in years from diagnosis, after induction. Events fall on whole days: those until the last day that is not
        after a time count.

    Returns
    -------
    SimulationTruth
        `outcomes` and `hazard_ratios`.

    Raises
    ------
    InputError
        When the cohort was not simulated, or with other parameters.

    Examples
    --------
    >>> from ikzf1_outcomes.simulate import simulate_cohort
    >>> truth = simulation_truth(simulate_cohort(109, seed=1)).outcomes
    >>> event_free = truth[(truth["term"] == "event-free survival") & (truth["variable"] == "ikzf1_deletion")]
    >>> event_free.set_index("group")["estimate"].round(6).to_dict()
    {'not deleted': 0.88, 'deleted': 0.63}
    """
    frame = _checked(cohort, parameters)
    log_ratio = frame[TRUTH_COLUMN].to_numpy(dtype=float)
    deleted = (frame["ikzf1_deletion"] == DELETION[1]).to_numpy(dtype=np.intp)
    calibration = calibrate(log_ratio, deleted, parameters)
    times = np.sort(np.asarray(at, dtype=float))
    # Covariates are classes, so that a few hundred kinds of patients stand for all.
    kinds, of_patient = np.unique(np.column_stack([deleted, log_ratio]), axis=0, return_inverse=True)
    values = _outcomes_of_kinds(kinds, calibration, parameters, times)[of_patient.reshape(-1)]
    rows = [_averages(values, times, "all", "all", np.ones(len(frame), dtype=bool))]
    for variable in by:
        column = frame[variable]
        levels = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.dropna().unique()
        present = [(level, (column == level).to_numpy(dtype=bool)) for level in levels]
        rows += [_averages(values, times, variable, level, mine) for level, mine in present if mine.any()]
    return SimulationTruth(pd.concat(rows, ignore_index=True), _hazard_ratios(calibration, parameters))


def _checked(cohort: Cohort | pd.DataFrame, parameters: SimulationParameters) -> pd.DataFrame:
    frame = cohort.frame if isinstance(cohort, Cohort) else cohort
    if TRUTH_COLUMN not in frame:
        raise InputError(
            f"the patients have no column {TRUTH_COLUMN!r}: their truth is not known",
            next_step="Give the cohort that simulate_cohort returned.",
        )
    if isinstance(cohort, Cohort) and not any(parameters.digest in rule for rule in cohort.provenance.rules):
        raise InputError(
            "the cohort was simulated with other parameters",
            next_step="Give `parameters` as they were given to simulate_cohort.",
        )
    return frame


def _outcomes_of_kinds(kinds: Floats, calibration: Calibration, parameters: SimulationParameters, times: Floats) -> Floats:
    """Outcomes of each kind of patient, as a (kinds, times, outcomes) array in the order of `_OUTCOMES`."""
    code = kinds[:, 0].astype(np.intp)
    refused = _by_code(parameters.non_response)[code][:, None]
    died = _by_code(parameters.induction_death)[code][:, None]
    years = years_since_induction(times)
    # From day to day, because death after the first event is added up over the days of the first event.
    days = np.arange(1, round(float(years[-1]) * DAYS_PER_YEAR) + 1)
    factors = (np.exp(calibration.intercept[code] + kinds[:, 1]), np.ones(len(code)), calibration.scale[code])
    hazards = (parameters.relapse, parameters.second_malignancy, parameters.death_in_remission)
    free, (relapse, second, death) = first_event_curves(factors, hazards, days / DAYS_PER_YEAR)
    rest = 1.0 - refused - died
    free, relapse, second, death = (rest * part for part in (free, relapse, second, death))
    at = np.round(years * DAYS_PER_YEAR).astype(np.intp) - 1
    ratio = np.where(code == 1, parameters.relapse_death_ratio["value"], 1.0)
    later = _deaths_after(relapse, parameters.death_after_relapse, ratio, at)
    later += _deaths_after(second, parameters.death_after_second_malignancy, np.ones(len(code)), at)
    later += refused * -np.expm1(-parameters.death_after_non_response.cumulative(years))
    alive = 1.0 - died - death[:, at] - later
    constant = np.ones(len(at))
    parts = [free[:, at], alive, refused * constant, died * constant, relapse[:, at], second[:, at], death[:, at]]
    return np.stack(parts, axis=2)


def _deaths_after(incidence: Floats, hazard: Hazard, ratio: Floats, at: NDArray[np.intp]) -> Floats:
    """Probability of the event and a later death, by the days `at`: events on day s, deaths within the days left."""
    daily = np.diff(incidence, axis=1, prepend=0.0)
    left = at[None, :] - np.arange(incidence.shape[1])[:, None]
    spent = np.where(left > 0, hazard.cumulative(np.maximum(left, 0) / DAYS_PER_YEAR), 0.0)
    out = np.empty((len(incidence), len(at)))
    for value in np.unique(ratio):
        mine = ratio == value
        out[mine] = daily[mine] @ -np.expm1(-value * spent)
    return out


def _averages(values: Floats, times: Floats, variable: str, group: str, mine: NDArray[np.bool_]) -> pd.DataFrame:
    means = values[mine].mean(axis=0)
    terms, causes = zip(*_OUTCOMES, strict=True)
    columns = {
        "term": np.tile(terms, len(times)),
        "variable": variable,
        "group": group,
        "cause": np.tile(causes, len(times)),
        "time": np.repeat(times, len(terms)),
        "n": int(mine.sum()),
        "estimate": means.reshape(-1),
        "scale": "probability",
    }
    return pd.DataFrame(columns)


def _hazard_ratios(calibration: Calibration, parameters: SimulationParameters) -> pd.DataFrame:
    rows: list[tuple[str, str, str, float]] = []
    if not np.isnan(calibration.intercept).any():
        apart = float(calibration.intercept[1] - calibration.intercept[0])
        deaths = float(np.log(calibration.scale[1] / calibration.scale[0])) if calibration.scale.min() > 0 else np.nan
        names = parameters.class_ratios.names
        ratios = np.log(parameters.class_ratios.array)
        rows += [("ikzf1_class", f"{c} vs none", "relapse", apart + float(r)) for c, r in zip(names, ratios, strict=True)]
        rows += [("ikzf1_class", f"{c} vs none", "death_in_remission", deaths) for c in names]
    rows.append(("ikzf1_class", "gain vs none", "relapse", 0.0))
    for term, table, reference in (
        ("cytogenetic_subtype", parameters.subtype_ratios, "B-other, other"),
        ("risk", parameters.risk_ratios, ""),
    ):
        names, ratios = table.names, np.log(table.array)
        pairs = [(n, float(r)) for n, r in zip(names, ratios, strict=True) if n != reference]
        rows += [(term, f"{n} vs {reference}" if reference else n, "relapse", r) for n, r in pairs]
    table = pd.DataFrame(rows, columns=["term", "contrast", "cause", "estimate"])
    return table.assign(scale="log hazard ratio")


def _by_code(table: Figures) -> Floats:
    return np.array([table[group] for group in DELETION])
