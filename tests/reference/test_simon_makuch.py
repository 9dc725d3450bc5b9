"""Curves and test for a transplant that happens along the way: survfit and coxph(ties = "exact") on split rows.

A patient transplanted at time 0 counts as transplanted in (0, time], and as not transplanted at time 0 itself.
"""

import pytest
import reading

from ikzf1_outcomes import endpoint_from_columns, mantel_byar, simon_makuch

CASE = "simon_makuch"
V = reading.values(CASE)
CASES = pytest.mark.parametrize(("name", "key"), [("patients", "patients"), ("at_zero", "at_zero")])


def endpoint(name):
    frame = reading.inputs(CASE, name)
    return endpoint_from_columns(frame, time="time", status="status", causes={1: "event"})


@CASES
def test_curves(name, key):
    theirs = reading.table(V[key]["curve"])
    theirs["group"] = theirs["group"].map({"0": "before", "1": "after"})
    ours = simon_makuch(endpoint(name), "transplant").tidy(times=sorted(set(theirs["time"])))
    columns = ["n_risk", "n_event", "estimate", "std_error", "low", "high"]
    reading.agree_in(ours, theirs, ["group", "time"], columns)


@CASES
def test_mantel_byar(name, key):
    v = V[key]["mantel_byar"]
    glance = mantel_byar(endpoint(name), "transplant").glance()
    reading.agree(glance[["statistic", "df", "p_value"]], [v["statistic"], v["df"], v["p_value"]])
