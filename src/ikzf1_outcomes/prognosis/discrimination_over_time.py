"""Do those with the event by a time have higher scores than those without? AUC at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Endpoint, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.prognosis.accuracy import CONTROLS, Estimated, estimated_auc, rows_of_terms
from ikzf1_outcomes.prognosis.horizons import LEAST, MARGINAL, Censoring, Horizons, horizons, times_of
from ikzf1_outcomes.prognosis.predictions import Predictions, known, predictions_of

NO_PAIR = "not estimable: no case, or no control"
TAKEN = "the chance of not being censored is taken as known"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class AucOverTime:
    """AUC of some scores at some times, and their differences; made by `auc_over_time`."""

    found: Estimated
    times: Floats
    cause: str
    controls: str
    counts: Integers
    """Rows that are cases, and controls, at each time, and those of whom it is not known (t, 3)."""
    smallest: Floats
    """Smallest chance of not being censored that is divided by, at each time (t)."""
    censoring: str
    n: float
    rows: int
    n_excluded: int
    conf_level: float
    note: str

    def __repr__(self) -> str:
        return f"AucOverTime({', '.join(self.found.names)} at {len(self.times)} times: n = {self.n:g})"

    def tidy(self) -> pd.DataFrame:
        """One row a score and time, then one row a pair of scores and time: the later one less the earlier one.

        Returns
        -------
        DataFrame
            term (the score, or "difference"), contrast ("b - a"), cause, time, n, n_event, estimate, std_error, low, high,
            conf_level, interval, scale, statistic, p_value, method, note.
        """
        rows = [rows_of_terms(self.found, self.times, self.rows, self.conf_level, differences=False)]
        if len(self.found.names) > 1:
            rows.append(rows_of_terms(self.found.less(), self.times, self.rows, self.conf_level, differences=True))
        out = pd.concat(rows, ignore_index=True)
        out.insert(2, "cause", self.cause)
        out.insert(4, "n", self.n)
        out.insert(5, "n_event", np.tile(self.counts[:, 0], len(out) // len(self.times)))
        for name, value in (("conf_level", self.conf_level), ("interval", "wald"), ("scale", "probability")):
            out.insert(list(out).index("statistic"), name, value)
        out["method"] = f"AUC, controls {self.controls}"
        lost = np.where(out["estimate"].isna(), NO_PAIR, "")
        out["note"] = ["; ".join(filter(None, (why, self.note))) for why in lost]
        return out

    def glance(self) -> pd.DataFrame:
        """One row a time: cause, time, n, n_case, n_control, n_unknown, n_excluded, smallest_chance, method, note."""
        return pd.DataFrame(
            {
                "cause": self.cause, "time": self.times, "n": self.n, "n_case": self.counts[:, 0],
                "n_control": self.counts[:, 1], "n_unknown": self.counts[:, 2], "n_excluded": self.n_excluded,
                "smallest_chance": self.smallest, "method": self.censoring, "note": self.note,
            }
        )  # fmt: skip

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)


def auc_over_time(
    endpoint: Endpoint,
    scores: Predictions,
    *,
    times: float | Iterable[float],
    cause: str | None = None,
    controls: str = CONTROLS[0],
    censoring: Censoring = MARGINAL,
    least: float = LEAST,
    conf_level: float = 0.95,
) -> AucOverTime:
    r"""Chance that a patient with the event by t has a higher score than one without: cumulative cases, dynamic controls.

    Estimand: P(score_i > score_j | i has had the event by t, j is a control at t), ties of the score counting one half.
    Controls are those free of all events at t; or, with competing events, these and those who had another event by t
    (Blanche, Dartigues and Jacqmin-Gadda 2013; recalled, not verified). Whoever was censored before t is neither; others
    stand for them. With c_i the case weight times 1 / G(T_i-) of a case, and d_j that times 1 / G(t) of an event-free
    control, or 1 / G(T_j-) of one with a competing event, G being the chance of not being censored,

    .. math:: AUC(t) = \frac{\sum_{ij} c_i d_j \{[s_i > s_j] + \tfrac12 [s_i = s_j]\}}{\sum_i c_i \sum_j d_j}

    Standard error: root of n / (n - 1) times the sum of squared influences, the part of the estimated G included; paired
    differences from the differences of influences. Equal to `riskRegression::Score`, and to `timeROC` but for the fifth or
    sixth digit of its standard errors where times are tied or controls had another event.

    Edge rules. An event at t has happened by t; who is censored at t is not known. G is a Kaplan-Meier curve of each
    stratum, events before censorings of the same time. Where nobody is a case, or a control: NaN with a note. Scores that
    were made by looking at these very patients give too high an AUC.

    Parameters
    ----------
    endpoint
        Times and causes; one row a patient.
    scores
        Name of a column, several names, or a dict of a name and what it stands for: a column's name, one number a row (n),
        one number a row and time (n, t), or a function of the times that gives these. Higher means an earlier event.
    times
        Ascending, in the endpoint's unit.
    cause
        Name of a cause; the others compete. None takes any cause as the event.
    controls
        "event-free" or "event-free or competing".
    censoring
        "marginal", a column or columns of strata (protocol, era), or a `CensoringSurvival` (of `censoring_by_cox`, or of
        one's own), which is taken as known.
    least
        The smallest chance of not being censored that may be divided by.
    conf_level
        Level of the intervals, which are estimate -+ z SE.

    Returns
    -------
    AucOverTime
        `.tidy()`: term, contrast, cause, time, n, n_event, estimate, std_error, low, high, conf_level, interval, scale,
        statistic, p_value, method, note. `.glance()`: cases, controls and the smallest chance at each time.

    Raises
    ------
    ColumnError, InputError
        Unknown column, cause or kind of controls; predictions that are no numbers or of other rows; rows entering at
        different times, or several a patient; a chance of not being censored below `least`.

    Notes
    -----
    Rows with a missing score or stratum are left out of all comparisons and counted.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0], "s": [1, 1, 0, 0], "risk": [3.0, 1.0, 1.0, 2.0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.auc_over_time(endpoint, "risk", times=2.5).tidy()["estimate"].tolist()
    [0.625]
    """
    normal_quantile(conf_level)
    if controls not in CONTROLS:
        raise InputError(f"no controls are called {controls!r}", next_step=f"Use {' or '.join(map(repr, CONTROLS))}.")
    at = times_of(endpoint, times)
    names, values = predictions_of(endpoint, scores, at, probabilities=False)
    states = horizons(endpoint, at, cause=cause, censoring=censoring, keep=known(values), least=least)
    values = np.where(states.keep[:, None], values, 0.0)
    found = estimated_auc(states, names, values, controls)
    for array in found[1:]:
        frozen(array)
    return AucOverTime(
        found, frozen(states.times), cause or "any", controls, frozen(counts_of(states, controls)),
        frozen(states.standing().smallest), states.censoring, endpoint.patients(states.keep), int(states.keep.sum()),
        int((~states.keep).sum()), conf_level, TAKEN if states.given is not None else "",
    )  # fmt: skip


def counts_of(states: Horizons, controls: str) -> Integers:
    """Rows that are cases, controls, and neither because they were censored before (t, 3)."""
    keep = states.keep[:, None]
    free = states.ahead | states.rival if controls == CONTROLS[1] else states.ahead
    unknown = ~(states.had | states.rival | states.ahead)
    return np.column_stack([(part & keep).sum(axis=0) for part in (states.had, free, unknown)])
