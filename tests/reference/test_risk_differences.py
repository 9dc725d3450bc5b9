"""Differences at a time between groups of survival::pbc, from the estimates and standard errors of survfit."""

import pytest
import reading

from ikzf1_outcomes import endpoint_from_columns, risk_difference, rmst_difference

V = reading.values("risk_differences")
COLUMNS = ["estimate", "std_error", "low", "high", "p_value"]
BY = pytest.mark.parametrize("by", ["trt", "stage"])


def endpoint():
    frame = reading.inputs("incidence_pbc", "pbc")
    return endpoint_from_columns(frame, time="years", status="status", causes={1: "transplant", 2: "death"})


def check(ours, rows):
    """Each group against the first."""
    as_numbers = [" vs ".join(f"{float(x):g}" for x in c.split(" vs ")) for c in ours["contrast"]]
    reading.agree_in(ours.assign(contrast=as_numbers), reading.table(rows), ["contrast"], COLUMNS)


@BY
def test_any_event(by):
    check(risk_difference(endpoint(), by, at=5), V[by]["any_event"])


@BY
def test_incidence(by):
    check(risk_difference(endpoint(), by, at=5, cause="death"), V[by]["incidence"])


@BY
def test_restricted_means(by):
    check(rmst_difference(endpoint(), by, tau=8), V[by]["rmst"])
