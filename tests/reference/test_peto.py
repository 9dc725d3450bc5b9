"""Peto's standard error of the Kaplan-Meier estimate, by its definition (see make.R)."""

import reading

from ikzf1_outcomes import endpoint_from_columns, kaplan_meier

V = reading.values("peto")


def check(e, by, rows):
    theirs = reading.table(rows)
    theirs = theirs.rename(columns={"low_plain": "low", "high_plain": "high"})
    curve = kaplan_meier(e, by=by, std_error="peto", conf_type="plain")
    ours = curve.tidy(times=sorted(set(theirs["time"])))
    reading.agree_in(ours, theirs, ["group", "time"], ["estimate", "std_error", "low", "high"])


def test_years():
    frame = reading.inputs("incidence_pbc", "pbc").assign(death=lambda d: (d["status"] == 2).astype(int))
    check(endpoint_from_columns(frame, time="years", status="death", causes={1: "death"}), "stage", V["pbc_stage"])


def test_months_with_ties_and_events_at_time_zero():
    frame = reading.inputs("km_weighted_entry", "zero")
    check(endpoint_from_columns(frame, time="time", status="status", causes={1: "event"}), "group", V["months"])
