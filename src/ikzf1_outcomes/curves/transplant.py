"""Curves and tests for a state that patients enter during follow-up, such as transplant."""

from __future__ import annotations

from dataclasses import replace

from ikzf1_outcomes.curves.comparisons import TestResult, logrank_test
from ikzf1_outcomes.curves.survival import SurvivalCurve, kaplan_meier
from ikzf1_outcomes.endpoint import Columns, Endpoint
from ikzf1_outcomes.timeline import time_dependent


def simon_makuch(endpoint: Endpoint, switch: str, *, conf_type: str = "log-log", conf_level: float = 0.95) -> SurvivalCurve:
    """Survival by a state that changes during follow-up (Simon and Makuch 1984, doi:10.1002/sim.4780030106).

    Each patient counts in the group "before" until the switch and in "after" from then on, so that nobody is counted as
    transplanted before the transplant. The curves compare hazards; they are not survival of a fixed group of people.

    Parameters
    ----------
    switch
        Column with the time of the switch on the endpoint's clock; missing where there was none.

    Returns
    -------
    SurvivalCurve
        Groups "before" and "after".

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [3.0, 2.0, 4.0], "s": [1, 1, 0], "transplant": [1.0, None, 2.0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.simon_makuch(endpoint, "transplant").tidy(times=[3])["estimate"].tolist()
    [nan, 0.5]
    """
    return kaplan_meier(time_dependent(endpoint, switch), "state", conf_type=conf_type, conf_level=conf_level)


def mantel_byar(endpoint: Endpoint, switch: str, *, strata: Columns | None = None) -> TestResult:
    """Mantel-Byar test: the log-rank test with patients moving between groups at the switch.

    Hypothesis: the hazard is the same before and after the switch (Mantel and Byar 1974,
    doi:10.1080/01621459.1974.10480131). Equal to the score test of a Cox model with exact ties and the state as a
    time-dependent covariate.

    Parameters
    ----------
    switch
        Column with the time of the switch on the endpoint's clock; missing where there was none.

    Returns
    -------
    TestResult
        Patients who switch count in both states: `n` is the number of intervals.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [3.0, 2.0, 4.0], "s": [1, 1, 0], "transplant": [1.0, None, 2.0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.mantel_byar(endpoint, "transplant").glance()["df"].tolist()
    [1]
    """
    result = logrank_test(time_dependent(endpoint, switch), "state", strata=strata)
    return replace(result, method="Mantel-Byar" if strata is None else "stratified Mantel-Byar")
