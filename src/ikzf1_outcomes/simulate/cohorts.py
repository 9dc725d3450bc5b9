"""From patients at diagnosis to their course in whole days, and to a Cohort."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort import Cohort, Field, MrdTimepoint, cohort_from_frame
from ikzf1_outcomes.cohort.dictionary import LONGEST_FOLLOW_UP
from ikzf1_outcomes.cohort.mrd import mrd_columns, mrd_fields
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.simulate.calibration import calibrate
from ikzf1_outcomes.simulate.figures import Floats
from ikzf1_outcomes.simulate.parameters import (
    DAYS_PER_YEAR,
    DELETION,
    INDUCTION_DAYS,
    SECOND_MRD_DAY,
    SimulationParameters,
)
from ikzf1_outcomes.simulate.patients import (
    MRD_DETECTED,
    MRD_HIGH,
    MRD_QUANTIFIED,
    Draws,
    Patients,
    draw_patients,
)
from ikzf1_outcomes.simulate.reference import REFERENCE
from ikzf1_outcomes.simulate.truth import TRUTH_COLUMN

TIMEPOINTS = (
    MrdTimepoint("TP1", INDUCTION_DAYS, MRD_DETECTED, MRD_QUANTIFIED, "simulated PCR"),
    MrdTimepoint("TP2", SECOND_MRD_DAY, MRD_DETECTED, MRD_QUANTIFIED, "simulated PCR"),
)
"""The two time points of MRD: names and days of AIEOP-BFM ALL 2000."""

MRD_CODES = {
    "negative": "negative",
    "positive, not quantifiable": "positive_not_quantifiable",
    "not done": "not_done",
    "not reached": "not_reached",
}
"""Texts of the MRD columns that are no numbers, and what they mean."""

# The truth must never serve as a covariate: it is "known" after every follow-up, and a design refuses it.
TRUTH_FIELD = Field(
    TRUTH_COLUMN, "number", "True log hazard ratio of relapse (simulated, not observable)", known_at=LONGEST_FOLLOW_UP
)


def simulate_cohort(
    n: int = 109,
    *,
    seed: int | np.random.Generator,
    parameters: SimulationParameters = REFERENCE,
    margins: Literal["sampled", "exact"] = "sampled",
    effect: Callable[[pd.DataFrame, np.random.Generator], Floats] | None = None,
) -> Cohort:
    """Simulate patients with childhood BCP-ALL, BCR::ABL1 negative, whose true outcome is known.

    Nobody in the cohort is real. `simulation_truth` gives the true outcomes; many numbers of the model are assumptions
    (`SimulationParameters.assumptions`), and the cohort is no evidence about IKZF1.

    Model
    -----
    IKZF1 class; then, given deletion d (0 or 1): age, a gamma distribution above 1 year cut at 18; WBC, lognormal;
    cytogenetic subtype; copy numbers, logit p = c + d log OR + subtype term, c giving the published margin; log10 MRD at
    day 33, normal, and at day 78, that minus a normal fall. Sex, CNS status, sample type and time of diagnosis
    (uniform; early ones on protocol A) depend on nothing.

    Induction: with probabilities that depend on d, death on a day from 1 to 32 (uniform), or no remission at day 33.
    From day 33 on a responder has the cause-specific hazards

    - relapse: exp(a_d + x_i) h(t), x_i = kind of deletion + subtype + WBC >= 50 + age >= 10 + MRD at day 33;
    - death in remission: b_d g(t);
    - second malignancy: s(t);

    h, g and s piecewise constant, h zero after 7 years. There is no frailty: MRD itself drives relapse, also where it
    was not done. a_d and b_d are found so that the 5-year EFS and the 5-year incidence of relapse, averaged over these
    very patients (exactly, for their own covariates), are those asked for: 88 and 8 % without, 63 and 29 % with a
    deletion. After the first event only death is simulated; non-responders do not relapse. Transplantation changes no
    hazard. Follow-up ends at the cut-off, less up to 120 days since the last visit, or with a loss at a constant rate;
    both are independent of everything else. Every time is a whole day (rounded up), so that ties occur.

    Parameters
    ----------
    n
        Patients, at least 1.
    seed
        Whole number, or a generator (which is used up). The same seed gives the same cohort.
    parameters
        Numbers of the model.
    margins
        "sampled": every level at random. "exact": quotas by largest remainders for IKZF1, and, given deletion, for
        subtype; copy numbers, sex, CNS status, sample type and MRD not done to the rounded number; in random order.
    effect
        What something beside the model does to relapse: from the columns at diagnosis and a generator of its own to a log
        hazard ratio for each patient (n), which is added to x_i before a_d is found. None is nothing.

    Returns
    -------
    Cohort
        `provenance.simulated` is true. Columns: id, age (years), sex, wbc (10^9/L), cns_status, nci_risk,
        cytogenetic_subtype, protocol, ikzf1_class, ikzf1_deletion, cdkn2a, cdkn2b, pax5, etv6, rb1, btg1, ebf1, par1,
        erg, sample, sample_type, end_of_induction, non_response, remission, relapse, relapse_site, second_malignancy,
        transplant, death, last_contact, cutoff (all in years), first_event, first_event_time, mrd_TP1, mrd_TP2 with
        value and status, and true_log_hazard_ratio, x_i, which no model may use.

    Raises
    ------
    InputError
        When `n`, `seed`, `margins` or what `effect` gives is not usable, or no hazards give the outcomes asked for.

    Notes
    -----
    Sources of the margins and outcomes: see `SimulationParameters`. Competing risks by cause-specific hazards: Beyersmann
    et al., Stat Med 2009;28:956, doi 10.1002/sim.3516.

    Examples
    --------
    >>> cohort = simulate_cohort(109, seed=109, margins="exact")
    >>> cohort.frame["ikzf1_class"].value_counts().loc[["none", "whole_gene", "ik6", "del_4_8", "other", "gain"]].tolist()
    [91, 5, 4, 4, 4, 1]
    >>> cohort.provenance.simulated
    True
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise InputError("`n` must be a whole number of patients, at least 1")
    whole = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and seed >= 0
    if not whole and not isinstance(seed, np.random.Generator):
        raise InputError(
            "`seed` must be a whole number, 0 or more, or a numpy Generator", next_step="Say seed=1, for example."
        )
    if margins not in ("sampled", "exact"):
        raise InputError(f"margins: {margins!r} is not known", next_step="sampled or exact")
    rng = np.random.default_rng(seed)
    patients = draw_patients(int(n), rng, parameters, exact=margins == "exact")
    if effect is not None:
        patients = replace(patients, log_ratio=patients.log_ratio + _effect_of(effect, patients, rng.spawn(1)[0]))
    # The course is random whatever the margins: with quotas there would be no chance left to estimate.
    days, texts = _course(patients, Draws(int(n), rng, exact=False), parameters)
    frame = pd.concat([patients.frame, days, texts], axis=1)
    fields: dict[str, Field] = {}
    for point in TIMEPOINTS:
        levels = mrd_columns(frame.pop(f"mrd_text_{point.name}"), point, codes=MRD_CODES)
        frame[list(levels.columns)] = levels
        fields |= mrd_fields(point)
    frame[TRUTH_COLUMN] = patients.log_ratio
    fields[TRUTH_COLUMN] = TRUTH_FIELD
    cohort = cohort_from_frame(frame, dictionary=fields, simulated=True, source="simulate_cohort")
    return _labelled(cohort, parameters)


def _effect_of(effect: Callable, patients: Patients, rng: np.random.Generator) -> Floats:
    found = np.asarray(effect(patients.frame, rng), dtype=float)
    if found.shape != patients.log_ratio.shape or not np.isfinite(found).all():
        raise InputError("`effect` must give one finite log hazard ratio for each patient", count=len(patients.log_ratio))
    return found


def _labelled(cohort: Cohort, parameters: SimulationParameters) -> Cohort:
    notes = (
        "simulated patients: nobody is real, and nothing here is evidence about IKZF1",
        f"{len(parameters.assumptions)} tables of the simulation are assumptions (SimulationParameters.assumptions)",
    )
    rule = f"simulate_cohort: version 1, parameters {parameters.digest}"
    old = cohort.provenance
    provenance = replace(old, notes=(*notes, *old.notes), rules=(rule, *old.rules))
    return Cohort(cohort.frame, cohort.dictionary, provenance)


def _course(patients: Patients, draws: Draws, parameters: SimulationParameters) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Events of each patient in years, and MRD as text."""
    cause, first = _first_event(patients, draws, parameters)
    dies = _death(cause, first, patients, draws, parameters)
    seen = _end_of_follow_up(patients, draws, parameters)
    moved = _transplant(cause, first, patients, draws, parameters)
    site = _relapse_site(patients, draws, parameters)
    death = np.where(dies <= seen, dies, np.nan)
    last = np.where(np.isnan(death), seen, death)
    responder = ~np.isin(cause, ["induction_death", "non_response"])
    relapse = np.where((cause == "relapse") & (first <= seen), first, np.nan)
    second = np.where((cause == "second_malignancy") & (first <= seen), first, np.nan)
    day = {
        "end_of_induction": np.where(cause == "induction_death", np.nan, float(INDUCTION_DAYS)),
        "remission": np.where(responder, float(INDUCTION_DAYS), np.nan),
        "relapse": relapse,
        "second_malignancy": second,
        # Nobody is transplanted after the last contact, nor on the day of death.
        "transplant": np.where((moved <= seen) & (moved < dies), moved, np.nan),
        "death": death,
        "last_contact": last,
        "cutoff": patients.potential,
    }
    frame = pd.DataFrame({name: days / DAYS_PER_YEAR for name, days in day.items()})
    frame["non_response"] = cause == "non_response"
    frame["relapse_site"] = pd.Series(site).where(~np.isnan(relapse), None)
    reached = np.where(responder, np.fmin(first, last), 0.0)
    return frame, _mrd_texts(patients, cause, reached)


def _first_event(patients: Patients, draws: Draws, parameters: SimulationParameters) -> tuple[NDArray[np.object_], Floats]:
    """Cause and day of the first event, whether or not it will be observed; infinite without one."""
    calibration = calibrate(patients.log_ratio, patients.deleted, parameters)
    uniform, early = draws.uniform(), np.floor(1.0 + draws.uniform() * (INDUCTION_DAYS - 1))
    died = np.array([parameters.induction_death[group] for group in DELETION])[patients.deleted]
    refused = np.array([parameters.non_response[group] for group in DELETION])[patients.deleted]
    factors = np.exp(calibration.intercept[patients.deleted] + patients.log_ratio)
    # An infinite level is never reached, as it must be where the calibrated hazard is 0.
    scale = calibration.scale[patients.deleted]
    level = draws.exponential()
    level = np.divide(level, scale, out=np.full(len(level), np.inf), where=scale > 0)
    times = np.column_stack([
        parameters.relapse.inverse(draws.exponential() / factors),
        parameters.second_malignancy.inverse(draws.exponential()),
        parameters.death_in_remission.inverse(level),
    ])  # fmt: skip
    # The earliest of independent times has the cause-specific hazards asked for; a day has begun when it counts.
    names = np.array(["relapse", "second_malignancy", "death_in_remission"], dtype=object)
    earliest = times.min(axis=1)
    cause = np.where(np.isfinite(earliest), names[times.argmin(axis=1)], "none")
    day = INDUCTION_DAYS + _whole_days(earliest)
    failed = uniform < died + refused
    cause = np.where(uniform < died, "induction_death", np.where(failed, "non_response", cause))
    return cause, np.where(uniform < died, early, np.where(failed, float(INDUCTION_DAYS), day))


def _whole_days(years: Floats) -> Floats:
    # At least a day: nothing that needs another event first falls on the same day.
    return np.maximum(np.ceil(years * DAYS_PER_YEAR), 1.0)


def _death(
    cause: NDArray[np.object_], first: Floats, patients: Patients, draws: Draws, parameters: SimulationParameters
) -> Floats:
    """Day of death, infinite for those who live."""
    level = draws.exponential()
    ratio = np.where(patients.deleted == 1, parameters.relapse_death_ratio["value"], 1.0)
    after = {
        "relapse": parameters.death_after_relapse.inverse(level / ratio),
        "non_response": parameters.death_after_non_response.inverse(level),
        "second_malignancy": parameters.death_after_second_malignancy.inverse(level),
    }
    day = np.where(np.isin(cause, ["induction_death", "death_in_remission"]), first, np.inf)
    for name, years in after.items():
        day = np.where(cause == name, first + _whole_days(years), day)
    return day


def _end_of_follow_up(patients: Patients, draws: Draws, parameters: SimulationParameters) -> Floats:
    """Day of last contact of those who live: the last visit before the cut-off, or the last before the loss."""
    rate = parameters.follow_up["loss a year"]
    level = draws.exponential()
    lost = INDUCTION_DAYS + (_whole_days(level / rate) if rate > 0 else np.full(len(level), np.inf))
    visit = patients.potential - np.floor(draws.uniform() * (parameters.follow_up["visit"] + 1.0))
    return np.maximum(np.minimum(lost, visit), INDUCTION_DAYS + 1.0)


def _transplant(
    cause: NDArray[np.object_], first: Floats, patients: Patients, draws: Draws, parameters: SimulationParameters
) -> Floats:
    """Day of transplantation, should the patient live so long: in remission for high MRD, else 3 to 7 months later."""
    uniform, wait = draws.uniform(), np.floor(draws.uniform() * 120.0)
    share = parameters.transplant
    high = (patients.mrd[1] >= MRD_HIGH) & patients.mrd_done[1] & (uniform < share["mrd"])
    high &= ~np.isin(cause, ["induction_death", "non_response"])
    in_remission = SECOND_MRD_DAY + 45.0 + wait
    later = np.full(len(first), np.inf)
    for name, key in (("non_response", "non-response"), ("relapse", "relapse")):
        later = np.where((cause == name) & (uniform < share[key]), first + 90.0 + wait, later)
    return np.where(high & (in_remission < first), in_remission, later)


def _relapse_site(patients: Patients, draws: Draws, parameters: SimulationParameters) -> NDArray[np.object_]:
    table = parameters.relapse_site
    drawn = draws.levels(table.array[None, :], np.zeros(draws.n, dtype=np.intp))
    site = np.array(table.names, dtype=object)[drawn]
    return np.where((site == "testis") & (patients.frame["sex"] == "female").to_numpy(), "bone marrow", site)


def _mrd_texts(patients: Patients, cause: NDArray[np.object_], reached: Floats) -> pd.DataFrame:
    """MRD as a laboratory writes it; `reached` is the day until which a responder was seen without an event."""
    out = {}
    refused = cause == "non_response"
    for point, share, done in zip(TIMEPOINTS, patients.mrd, patients.mrd_done, strict=True):
        first = point.day == INDUCTION_DAYS
        # A marrow full of blasts is no small share: those without remission have 100 times as much, at least 5 %.
        share = np.where(refused, np.clip(np.char.mod("%.1e", share * 100.0).astype(float), 0.05, 0.9), share)
        text = np.char.mod("%.1e", share).astype(object)
        text = np.where(share < MRD_QUANTIFIED, "positive, not quantifiable", text)
        text = np.where(share < MRD_DETECTED, "negative", text)
        text = np.where(done, text, "not done")
        there = (reached >= point.day) | (refused & first)
        out[f"mrd_text_{point.name}"] = np.where(there, text, "not reached")
    return pd.DataFrame(out)
