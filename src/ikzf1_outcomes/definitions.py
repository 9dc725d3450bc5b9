"""EFS, OS and the other endpoints of a cohort, as data; their policies, as parameters that are printed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort.patients import Cohort
from ikzf1_outcomes.endpoint import Endpoint, frozen, make_endpoint, refuse
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.timeline import time_dependent

CAUSE_NAMES = {
    "relapse": "relapse",
    "second_malignancy": "second malignancy",
    "death_in_remission": "death in remission",
    "induction_death": "induction death",
    "non_response": "non-response",
    "abandonment": "abandonment",
    "transplant": "transplant",
    "death": "death",
}
IN_REMISSION = ("relapse", "second_malignancy", "death_in_remission")
FROM_DIAGNOSIS = ("non_response", "induction_death", *IN_REMISSION)
TREATMENT_DEATH = "treatment-related death"


class Definition(NamedTuple):
    """An endpoint as data."""

    label: str
    estimate: str
    """What the field calls its main number."""
    origins: tuple[str, ...]
    """Allowed origins, the default first."""
    interest: str | None
    """The first event that the endpoint speaks of; None for any."""


ENDPOINTS: dict[str, Definition] = {
    "EFS": Definition("Event-free survival", "EFS", ("diagnosis",), None),
    "OS": Definition("Overall survival", "OS", ("diagnosis", "remission"), None),
    "DFS": Definition("Disease-free survival", "DFS", ("remission",), None),
    "RELAPSE": Definition("Cumulative incidence of relapse", "CIR", ("diagnosis", "remission"), "relapse"),
    "TRM": Definition("Treatment-related mortality", "TRM", ("diagnosis", "remission"), "death_in_remission"),
    "SMN": Definition("Second malignancy", "SMN", ("diagnosis", "remission"), "second_malignancy"),
}

TIMINGS = ("time_zero", "end_of_induction", "own_date")
TRANSPLANT = ("ignore", "competing", "time_dependent", "censor")


@dataclass(frozen=True, slots=True)
class Policy:
    """Choices that a definition leaves open; see `define_endpoint`."""

    origin: str
    non_response: str
    induction_death: str
    end_of_induction: float | None
    transplant: str
    abandonment: str
    censor_at: float | None
    induction_deaths_in_trm: bool | None

    def clock(self, time_zero: str) -> str:
        """From what time counts, in a cohort whose own time 0 may not be diagnosis."""
        return self.origin if self.origin == "remission" else time_zero

    def sentences(self, name: str, time_zero: str) -> tuple[str, ...]:
        """The policy in words, as the report prints it."""
        when = {
            "time_zero": "at time 0",
            "end_of_induction": "at the end of induction",
            "own_date": "at their own date",
        }
        out = [f"Time counts from {self.clock(time_zero)}."]
        if self.origin == "remission":
            out.append("Patients without a remission are left out and counted.")
        if name == "OS":
            out.append("Death of any cause is the event.")
        elif self.origin == "diagnosis" == time_zero:
            out.append(f"Non-response counts {when[self.non_response]}.")
            out.append(f"Induction deaths count {when[self.induction_death]}.")
        if name == "TRM" and self.origin == "diagnosis":
            verb = "include" if self.induction_deaths_in_trm else "do not include"
            out.append(f"Treatment-related deaths {verb} induction deaths.")
        out.append(
            {
                "ignore": "Transplants are ignored: patients stay in follow-up.",
                "competing": "A transplant before any event is a competing event."
                if ENDPOINTS[name].interest
                else "A transplant before any event is an event too: the estimate is survival free of both.",
                "time_dependent": "Transplant is a state that changes at its date.",
                "censor": "WARNING: patients are censored at transplant. Transplants are indicated by risk, so this "
                "censoring is informative and the estimate is biased.",
            }[self.transplant]
        )
        if self.abandonment == "censor":
            out.append("Abandonment of treatment is censored.")
        if self.censor_at is not None:
            out.append(f"Follow-up is censored at {self.censor_at:g} years.")
        return tuple(out)


def define_endpoint(
    cohort: Cohort,
    name: str,
    *,
    origin: str | None = None,
    non_response: str = "time_zero",
    induction_death: str = "time_zero",
    end_of_induction: float | None = None,
    transplant: str = "ignore",
    abandonment: str = "event",
    censor_at: float | None = None,
    induction_deaths_in_trm: bool | None = None,
) -> Endpoint:
    """Make an endpoint of a cohort.

    First events exclude each other: non-response, induction death, relapse, second malignancy, death in remission, and
    abandonment where it was recorded. EFS counts any of them. OS counts death. DFS starts at remission: patients without
    one are left out and counted. RELAPSE, TRM and SMN carry the same first events and name one of them; the others compete.
    From remission only relapse, second malignancy and death in remission (and abandonment) can come first. Consensus
    definitions: Buchmann et al. 2022, doi:10.1182/blood.2021012328. The 5-year EFS does not depend on the timing of
    non-response within the first weeks; curves, hazards and landmark sets do.

    Parameters
    ----------
    cohort
        Patients with `first_event` and `first_event_time`; OS needs `death` and `last_contact`.
    name
        "EFS", "OS", "DFS", "RELAPSE", "TRM" or "SMN".
    origin
        "diagnosis" or "remission" where the endpoint allows both; the default is diagnosis (DFS: remission).
    non_response, induction_death
        When they count: "time_zero" (the default, as the BFM and DFCI groups do), "end_of_induction" or "own_date".
    end_of_induction
        Years from diagnosis, for cohorts without a column `end_of_induction`.
    transplant
        "ignore" (the default), "competing", "time_dependent" (two rows a patient, column `state`), or "censor" (biased: the
        policy says so).
    abandonment
        "event" or "censor".
    censor_at
        Administrative censoring, in years from the origin.
    induction_deaths_in_trm
        Must be declared for TRM from diagnosis.

    Returns
    -------
    Endpoint
        In years, with its origin, each row's start in years from diagnosis, and the policy in words.

    Raises
    ------
    InputError
        Unknown name or policy; columns that the definition needs are absent; a time is missing (row positions).

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(109, seed=1)
    >>> iko.define_endpoint(cohort, "EFS").causes[:3]
    ('non-response', 'induction death', 'relapse')
    """
    if name not in ENDPOINTS:
        raise InputError(f"no endpoint is called {name!r}", next_step=f"Use one of {', '.join(ENDPOINTS)}.")
    definition = ENDPOINTS[name]
    time_zero = cohort.provenance.origin
    policy = Policy(
        origin or definition.origins[0], non_response, induction_death, end_of_induction, transplant, abandonment,
        censor_at, induction_deaths_in_trm,
    )  # fmt: skip
    check_policy(name, definition, policy)
    time, event = death_times(cohort) if name == "OS" else first_events(cohort, policy)
    frame = cohort.frame
    offset = np.zeros(len(frame))
    if policy.origin == "remission":
        offset = column(cohort, "remission", "an endpoint from remission")
        keep = ~np.isnan(offset) & ~np.isin(event, ["non_response", "induction_death"])
    else:
        keep = np.ones(len(frame), dtype=bool)
    if not keep.any():
        raise InputError("nobody has a remission", count=len(frame), next_step="Map the column `remission`.")
    missing = keep & np.isnan(time)
    refuse(missing, f"{name}: the time of the first event or last contact is missing", "Exclude those rows with a reason.")
    before = keep & (time < offset)
    refuse(before, f"{name}: the first event or last contact lies before remission", "Check the dates.")
    time, event = (time - offset)[keep], event[keep]
    moved = np.full(len(frame), np.nan)
    if transplant != "ignore" or "transplant" in frame:
        moved = column(cohort, "transplant", f"the policy transplant = {transplant!r}") - offset
    if transplant in ("competing", "censor"):
        refuse(keep & (moved < 0), f"{name}: a transplant lies before {policy.origin}", "Exclude those rows with a reason.")
    time, event = at_transplant(time, event, moved[keep], policy)
    if censor_at is not None:
        event = np.where(time > censor_at, "none", event)
        time = np.minimum(time, censor_at)
    names, codes, interest = causes_of(name, event, policy, definition)
    endpoint = make_endpoint(
        frame.loc[keep].assign(transplant_clock=moved[keep]).reset_index(drop=True), time, codes, names
    )
    notes = cohort.provenance.notes
    endpoint = replace(
        endpoint, name=name, time_unit="years", start=frozen(offset[keep].copy()), known_at=known_times(cohort, keep),
        origin=policy.clock(time_zero), interest=interest,
        policy=policy.sentences(name, time_zero), notes=notes, n_excluded=int((~keep).sum()),
    )  # fmt: skip
    if transplant != "time_dependent":
        return endpoint
    return time_dependent(endpoint, "transplant_clock", levels=("not transplanted", "transplanted"))


def check_policy(name: str, definition: Definition, policy: Policy) -> None:
    """Refuse policies that are unknown or do not fit the endpoint."""
    allowed = {
        "origin": definition.origins,
        "non_response": TIMINGS,
        "induction_death": TIMINGS,
        "transplant": TRANSPLANT,
        "abandonment": ("event", "censor"),
    }
    for key, choices in allowed.items():
        if getattr(policy, key) not in choices:
            raise InputError(
                f"{name}: {key} cannot be {getattr(policy, key)!r}", next_step=f"Use one of {', '.join(choices)}."
            )
    if policy.censor_at is not None and not policy.censor_at > 0:
        raise InputError(f"{name}: censor_at must be a positive number of years")
    if name == "TRM" and policy.origin == "diagnosis" and policy.induction_deaths_in_trm is None:
        raise InputError(
            "TRM from diagnosis: say whether induction deaths count",
            next_step="Set induction_deaths_in_trm to true or false.",
        )


def column(cohort: Cohort, name: str, purpose: str) -> Floats:
    """A time column of the cohort."""
    if name not in cohort.dictionary:
        raise InputError(f"{purpose} needs the column {name!r}", next_step="Map it in the study file.")
    return cohort.frame[name].to_numpy(dtype=float)


def death_times(cohort: Cohort) -> tuple[Floats, np.ndarray]:
    """Time of death, or of last contact of those alive."""
    death = column(cohort, "death", "OS")
    last = column(cohort, "last_contact", "OS")
    dead = ~np.isnan(death)
    return np.where(dead, death, last), np.where(dead, "death", "none").astype(object)


def first_events(cohort: Cohort, policy: Policy) -> tuple[Floats, np.ndarray]:
    """Time and kind of the first event, with the timing policies applied."""
    time = column(cohort, "first_event_time", "an endpoint").copy()
    event = cohort.frame["first_event"].astype(object).to_numpy(copy=True)
    for kind in ("non_response", "induction_death"):
        own, timing = event == kind, getattr(policy, kind)
        if not own.any() or timing == "own_date":
            continue
        time[own] = 0.0 if timing == "time_zero" else induction_end(cohort, policy, kind)[own]
    if policy.abandonment == "censor":
        event[event == "abandonment"] = "none"
    return time, event


def induction_end(cohort: Cohort, policy: Policy, kind: str) -> Floats:
    """End of induction of each patient, in years from diagnosis."""
    if policy.end_of_induction is not None:
        return np.full(len(cohort), policy.end_of_induction)
    return column(cohort, "end_of_induction", f"{kind} at the end of induction")


def at_transplant(time: Floats, event: np.ndarray, moved: Floats, policy: Policy) -> tuple[Floats, np.ndarray]:
    """End follow-up at a transplant that came before any event, if the policy says so."""
    if policy.transplant not in ("competing", "censor"):
        return time, event
    ends = moved < time
    return np.where(ends, moved, time), np.where(ends, "transplant" if policy.transplant == "competing" else "none", event)


def causes_of(
    name: str, event: np.ndarray, policy: Policy, definition: Definition
) -> tuple[list[str], np.ndarray, str | None]:
    """Names of the causes, the code of each row and the cause of interest."""
    kinds: list[str] = ["death"] if name == "OS" else list(FROM_DIAGNOSIS if policy.origin == "diagnosis" else IN_REMISSION)
    kinds += [kind for kind in ("abandonment", "transplant") if (event == kind).any()]
    names = {kind: CAUSE_NAMES[kind] for kind in kinds}
    if name == "TRM" and policy.induction_deaths_in_trm and policy.origin == "diagnosis":
        names["induction_death"] = names["death_in_remission"] = TREATMENT_DEATH
    ordered = list(dict.fromkeys(names.values()))
    interest = names[definition.interest] if definition.interest else None
    if interest:
        ordered.remove(interest)
        ordered.insert(0, interest)
    code = {kind: ordered.index(label) + 1 for kind, label in names.items()} | {"none": 0}
    return ordered, pd.Series(event).map(code).to_numpy(dtype=np.int32), interest


def known_times(cohort: Cohort, keep: np.ndarray) -> dict[str, float | Floats]:
    """For each column, when it is known: years from diagnosis, for all or for each kept row."""
    out: dict[str, float | Floats] = {}
    frame = cohort.frame
    for name in cohort.dictionary:
        when = cohort.known_at(name)
        if not isinstance(when, str):
            out[name] = float(when)
        elif when in frame.columns:
            out[name] = frame[when].to_numpy(dtype=float)[keep]
        else:
            out[name] = np.inf
    return out
