"""The course of events: what cannot be, what came first, and whether the file agrees with itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort.dictionary import FIRST_EVENTS
from ikzf1_outcomes.cohort.findings import Findings

# Half a day: whole days that went through months or years come back with rounding errors.
SAME_DAY = 0.5 / 365.25

# Days are whole numbers over 365.25: equal days give equal years, and this only absorbs the last bits.
_TIE = 1e-9

# On one day the event that names the course of the disease comes first.
TIE_ORDER = (
    ("relapse", "relapse"),
    ("second_malignancy", "second_malignancy"),
    ("death", "death_in_remission"),
    ("abandonment", "abandonment"),
)

NOT_AFTER = (
    ("remission", "relapse"),
    ("remission", "death"),
    ("relapse", "death"),
    ("second_malignancy", "death"),
    ("transplant", "death"),
    ("abandonment", "death"),
    ("sample", "death"),
    ("remission", "last_contact"),
    ("relapse", "last_contact"),
    ("second_malignancy", "last_contact"),
    ("transplant", "last_contact"),
    ("death", "last_contact"),
    ("sample", "last_contact"),
    ("first_event_time", "last_contact"),
)
"""Pairs whose first cannot come after the second. Abandonment may follow the last contact: it is dated some weeks after
the last visit."""

RECORDED_EVENTS = ("relapse", "second_malignancy", "death", "abandonment", "non_response", "vital_status")

FIRST_EVENT_RULE = "first_event: earliest recorded event, version 1"


def check_order(frame: pd.DataFrame, findings: Findings) -> None:
    """Note rows whose events come in an impossible order (differences under half a day are rounding).

    Parameters
    ----------
    frame
        Typed columns; those that are absent are not compared.
    findings
        Gathers the problems.
    """
    for earlier, later in NOT_AFTER:
        if earlier in frame and later in frame:
            late = (frame[earlier] > frame[later] + SAME_DAY).to_numpy() & ~findings.unusable
            if earlier == "first_event_time" and "first_event" in frame:
                late &= (frame["first_event"] != "abandonment").to_numpy()
            findings.add_rows(
                f"{later} before {earlier}",
                late,
                next_step="Correct the dates, or leave the rows out with an exclusion that gives the reason.",
            )


def complete_events(frame: pd.DataFrame, findings: Findings) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Add `death`, `first_event` and `first_event_time`, or check them where the file has them.

    Rules
    -----
    `death` is `last_contact` of the dead where only `vital_status` is recorded. The first event is the earliest of
    relapse, second malignancy, death and abandonment; non-response comes before everything and has no time here (the
    endpoint's policy gives it one). On one day: non-response, relapse, second malignancy, death, abandonment. A death
    before any other event is an induction death where `remission` is recorded and missing for the patient, else a death
    in remission. Without an event the time is that of last contact.

    Parameters
    ----------
    frame
        Typed columns.
    findings
        Gathers the problems: a missing status, an event without a time, a file that disagrees with itself.

    Returns
    -------
    tuple
        The completed frame, notes for the reader, and names of the rules applied.
    """
    notes: list[str] = []
    rules: list[str] = []
    if "non_response" in frame:
        findings.add_rows(
            "non_response is missing",
            frame["non_response"].isna() & ~findings.unusable,
            next_step="Say what a blank stands for, as in codes.non_response = {'' = false}.",
        )
    if "vital_status" in frame:
        frame = _death_from_status(frame, findings, rules)
    if "first_event" in frame:
        return _check_stated(frame, findings), notes, rules
    if not any(name in frame for name in RECORDED_EVENTS):
        return frame, notes, rules
    event, time = derive_first_event(frame)
    lost = (event == "none") & np.isnan(time) & ~findings.unusable
    findings.add_rows(
        "no event and no last contact",
        lost,
        next_step="A patient without a status cannot be followed: leave the rows out with an exclusion and its reason.",
    )
    notes += _gaps(frame, event)
    return _with_first_event(frame, event, time), notes, [*rules, FIRST_EVENT_RULE]


def derive_first_event(frame: pd.DataFrame) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """First event of each row from the times of the events; see `complete_events` for the rules.

    Returns
    -------
    tuple of numpy.ndarray
        Names of `FIRST_EVENTS`, and years (NaN after non-response, or where last contact is missing).
    """
    n_rows = len(frame)
    event = np.full(n_rows, "none", dtype=object)
    time = frame["last_contact"].to_numpy(dtype=float).copy() if "last_contact" in frame else np.full(n_rows, np.nan)
    recorded = [(column, name) for column, name in TIE_ORDER if column in frame]
    if recorded:
        times = np.column_stack([frame[column].to_numpy(dtype=float) for column, _ in recorded])
        times = np.where(np.isnan(times), np.inf, times)
        earliest = times.min(axis=1)
        # argmax finds the first column that ties with the earliest time, and columns stand in the order of ties.
        first = (times <= earliest[:, None] + _TIE).argmax(axis=1)
        happened = np.isfinite(earliest)
        event[happened] = np.array([name for _, name in recorded], dtype=object)[first[happened]]
        time[happened] = earliest[happened]
    if "remission" in frame:
        event[(event == "death_in_remission") & frame["remission"].isna().to_numpy()] = "induction_death"
    if "non_response" in frame:
        flagged = frame["non_response"].fillna(False).to_numpy(dtype=bool)
        event[flagged] = "non_response"
        time[flagged] = np.nan
    return event, time


def _death_from_status(frame: pd.DataFrame, findings: Findings, rules: list[str]) -> pd.DataFrame:
    status = frame["vital_status"]
    usable = ~findings.unusable
    findings.add_rows("vital_status is missing", status.isna() & usable, next_step="A missing status is not 'alive'.")
    dead = (status == "dead").to_numpy()
    if "death" in frame:
        dated = frame["death"].notna().to_numpy()
        findings.add_rows("vital_status says dead and death has no time", dead & ~dated & usable)
        findings.add_rows("vital_status says alive and death has a time", (status == "alive") & dated & usable)
        return frame
    if "last_contact" not in frame:
        findings.add("vital_status is mapped, and neither death nor last_contact is", next_step="Map one of them.")
        return frame
    last = frame["last_contact"]
    findings.add_rows("vital_status says dead and last_contact is missing", dead & last.isna() & usable)
    rules.append("death: last contact of the dead, version 1")
    return frame.assign(death=last.where(dead))


def _gaps(frame: pd.DataFrame, event: NDArray[np.object_]) -> list[str]:
    notes = [
        f"{name} is not recorded in the file: it cannot be a first event"
        for name in ("relapse", "second_malignancy", "death")
        if name not in frame
    ]
    if "death" in frame and "remission" not in frame:
        notes.append("remission is not recorded: induction deaths cannot be told from deaths in remission")
    if "remission" in frame:
        without = int(((event == "relapse") & frame["remission"].isna().to_numpy()).sum())
        if without:
            notes.append(f"{without} patients relapsed and have no recorded remission")
    return notes


def _with_first_event(frame: pd.DataFrame, event: NDArray[np.object_], time: NDArray[np.float64]) -> pd.DataFrame:
    levels = pd.CategoricalDtype(list(FIRST_EVENTS))
    return frame.assign(first_event=pd.Categorical(event, dtype=levels), first_event_time=time)


def _check_stated(frame: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    stated = frame["first_event"].astype(object)
    usable = ~findings.unusable
    findings.add_rows(
        "first_event is missing",
        stated.isna() & usable,
        next_step="A missing status is not 'none': declare its code, or leave the rows out with a reason.",
    )
    time = _time_of_stated(frame, stated)
    timeless = stated.isin(["non_response", "induction_death"])
    findings.add_rows("no event and no last contact", (stated == "none") & time.isna() & usable)
    findings.add_rows(
        "first_event has no time",
        stated.notna() & (stated != "none") & ~timeless & time.isna() & usable,
        next_step="Map first_event_time, or the time of each event.",
    )
    _check_agreement(frame, stated, time, findings)
    return frame.assign(first_event_time=time)


def _time_of_stated(frame: pd.DataFrame, stated: pd.Series) -> pd.Series:
    missing = pd.Series(np.nan, index=frame.index)
    time = frame["first_event_time"].astype(float) if "first_event_time" in frame else missing
    sources = {name: column for column, name in TIE_ORDER} | {"none": "last_contact", "induction_death": "death"}
    for name, column in sources.items():
        if column in frame:
            time = time.where(time.notna() | (stated != name), frame[column])
    return time


def _check_agreement(frame: pd.DataFrame, stated: pd.Series, time: pd.Series, findings: Findings) -> None:
    usable = stated.notna() & ~findings.unusable
    disagree = pd.Series(False, index=frame.index)
    for column, name in TIE_ORDER:
        if column not in frame:
            continue
        own = frame[column]
        names = [name, "induction_death"] if column == "death" else [name]
        is_stated = stated.isin(names)
        # NaN compares as false: a time that is missing on either side is judged by the other conditions.
        disagree |= is_stated & (own.isna() | ((own - time).abs() > SAME_DAY))
        disagree |= (stated == "none") & own.notna()
        disagree |= ~is_stated & (own < time - SAME_DAY)
        disagree |= (stated == "induction_death") & ~is_stated & own.notna()
    if "non_response" in frame:
        flagged = frame["non_response"].fillna(False).astype(bool)
        disagree |= flagged != (stated == "non_response")
    findings.add_rows(
        "first_event and the times of the single events disagree",
        disagree & usable,
        next_step="Map either first_event or the single times, or correct the file.",
    )
