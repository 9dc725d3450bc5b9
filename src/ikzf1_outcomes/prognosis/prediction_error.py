"""How far are predicted risks from what happened? Brier score at a time, over time, and against one risk for everybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Endpoint, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.prognosis.accuracy import Estimated, estimated_brier, known_null, null_risk, rows_of_terms
from ikzf1_outcomes.prognosis.discrimination_over_time import TAKEN
from ikzf1_outcomes.prognosis.horizons import LEAST, MARGINAL, Censoring, Horizons, begin_of, horizons, times_of
from ikzf1_outcomes.prognosis.predictions import NULL, Predictions, known, predictions_of

EVENT_TIMES = "event times"
CHUNK = 64
"""Times whose influences are held in memory at once."""
SCORE, SHARE, INTEGRAL, INTEGRAL_SHARE = "Brier score", "IPA", "integrated Brier score", "integrated IPA"
NO_EVENT = "not estimable: nobody had the event, or everybody"
FEW_TIMES = "integrated over few times: a coarse step function"
COARSE = 20


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class BrierScore:
    """Brier scores of some predictions at some times; made by `brier_score`."""

    found: Estimated
    """The null model first."""
    integral: Estimated | None
    """The mean over time to the last of `times`; one column."""
    times: Floats
    grid: str
    """Times over which it is integrated, in words."""
    cause: str
    n_event: Floats
    smallest: Floats
    censoring: str
    conservative: bool
    n: float
    rows: int
    n_excluded: int
    conf_level: float
    note: str
    integral_note: str

    def __repr__(self) -> str:
        return f"BrierScore({', '.join(self.found.names[1:])} at {len(self.times)} times: n = {self.n:g})"

    def tidy(self) -> pd.DataFrame:
        """One row a measure, prediction and time; differences of all pairs, the later prediction less the earlier one.

        Returns
        -------
        DataFrame
            measure ("Brier score", "IPA", "integrated Brier score", "integrated IPA"), term (the prediction,
            "null model" or "difference"), contrast ("b - a"), cause, time, n, n_event, estimate, std_error, low, high,
            conf_level, interval, scale, statistic, p_value, method, note. Integrated rows bear the last time.
        """
        parts = [self.part(SCORE, self.found, self.times), self.part(SHARE, gained(self.found), self.times)]
        if self.integral is not None:
            last = self.times[-1:]
            parts += [self.part(INTEGRAL, self.integral, last), self.part(INTEGRAL_SHARE, gained(self.integral), last)]
        out = pd.concat(parts, ignore_index=True)
        out.insert(3, "cause", self.cause)
        out.insert(5, "n", self.n)
        out.insert(6, "n_event", self.n_event[np.searchsorted(self.times, out["time"])])
        integrated = out["measure"].isin([INTEGRAL, INTEGRAL_SHARE])
        scale = np.where(out["measure"].isin([SCORE, INTEGRAL]), "squared probability", "share of the null model's score")
        for name, value in (("conf_level", self.conf_level), ("interval", "wald"), ("scale", scale)):
            out.insert(list(out).index("statistic"), name, value)
        out["method"] = np.where(integrated, self.grid, "")
        lost = np.where(out["estimate"].isna(), NO_EVENT, "")
        coarse = np.where(integrated, self.integral_note, "")
        out["note"] = ["; ".join(filter(None, (*own, self.note))) for own in zip(lost, coarse, strict=True)]
        return out

    def part(self, measure: str, found: Estimated, times: Floats) -> pd.DataFrame:
        """The rows of one measure."""
        rows = [rows_of_terms(found, times, self.rows, self.conf_level, differences=False)]
        if len(found.names) > 1:
            rows.append(rows_of_terms(found.less(), times, self.rows, self.conf_level, differences=True))
        out = pd.concat(rows, ignore_index=True)
        out.insert(0, "measure", measure)
        return out

    def glance(self) -> pd.DataFrame:
        """One row a time: cause, time, n, n_event, n_excluded, smallest_chance, method (of the weights), note."""
        return pd.DataFrame(
            {
                "cause": self.cause, "time": self.times, "n": self.n, "n_event": self.n_event,
                "n_excluded": self.n_excluded, "smallest_chance": self.smallest, "method": self.censoring,
                "note": self.note,
            }
        )  # fmt: skip

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)


def brier_score(
    endpoint: Endpoint,
    risks: Predictions,
    *,
    times: float | Iterable[float],
    cause: str | None = None,
    integrate: str | Iterable[float] | None = None,
    censoring: Censoring = MARGINAL,
    conservative: bool = False,
    least: float = LEAST,
    conf_level: float = 0.95,
) -> BrierScore:
    r"""Mean squared difference between predicted risks and what happened by a time, and what predictions gain by it.

    Estimand: E{([event by t] - r(t))^2}. Of those censored before t it is not known; others stand for them by the inverse
    of G, the chance of not being censored (Graf et al. 1999; Gerds and Schumacher 2006; both recalled, not verified). With
    case weights w, and g_i = G(T_i-) for an event of any kind by t, G(t) for those followed longer,

    .. math:: BS(t) = \frac1{\sum w_i} \sum_i \frac{w_i}{g_i} ([T_i \le t, \text{cause}] - r_i(t))^2, \qquad
              IPA(t) = 1 - BS(t) / BS_0(t)

    BS_0 is that of the null model, one risk for everybody: the incidence of the event (Kaplan-Meier, Aalen-Johansen). The
    integrated score is the mean of BS over [0, t], t the last of `times` (after a landmark l over [l, t]), as a step
    function that is 0 before the first time of its grid and keeps each value until the next.

    Standard error: root of n / (n - 1) times the sum of squared influences, with the part of the estimated G
    (`conservative=False`) or without it; paired differences from the differences of influences; of IPA by the delta
    method. Equal to R's `riskRegression::Score` for survival and competing risks.

    Edge rules. An event at t has happened by t; who is censored at t is not known. G is a Kaplan-Meier curve of each
    stratum, events before censorings of the same time; with strata, the incidence of the null model has their weights.
    Predictions made from these very patients look too good.

    Parameters
    ----------
    endpoint
        Times and causes; one row a patient.
    risks
        Predicted probabilities of the event by each time: a dict of a name and an array (n, t), columns, one number a row
        where there is one time, or a function of the times that gives (n, t).
    times
        Ascending, in the endpoint's unit.
    cause
        Name of a cause; the others compete. None takes any cause as the event.
    integrate
        None integrates over `times`, where there are several. "event times", or times of one's own, need predictions that
        are functions.
    censoring, least
        As in `auc_over_time`.
    conservative
        Leave out the part of the estimated G. It is faster; the standard errors are mostly larger.
    conf_level
        Level of the intervals, which are estimate -+ z SE.

    Returns
    -------
    BrierScore
        `.tidy()`: measure, term, contrast, cause, time, n, n_event, estimate, std_error, low, high, conf_level, interval,
        scale, statistic, p_value, method, note. `.glance()`: the smallest chance of not being censored at each time.

    Raises
    ------
    ColumnError, InputError
        Unknown column or cause; risks that are no probabilities or of other rows; rows entering at different times, or
        several a patient; a chance of not being censored below `least`; a grid that the predictions are not known on.

    Notes
    -----
    Rows with a missing risk or stratum are left out of all comparisons and counted.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0], "s": [1, 0, 0, 0], "risk": [0.8, 0.2, 0.5, 0.1]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> table = iko.brier_score(endpoint, "risk", times=1.5).tidy()
    >>> table.loc[table["term"] == "risk", ["measure", "estimate"]].round(4).values.tolist()
    [['Brier score', 0.085], ['IPA', 0.5467]]
    """
    normal_quantile(conf_level)
    at = times_of(endpoint, times)
    names, values = predictions_of(endpoint, risks, at, probabilities=True)
    states = horizons(endpoint, at, cause=cause, censoring=censoring, keep=known(values), least=least)
    found = scored(states, names, values, conservative)
    integral, words, few = None, "", ""
    if integrate is None and len(at) > 1:
        integral, words = mean_over(found, widths(at, at[-1], begin_of(endpoint))), over(at)
        few = FEW_TIMES if len(at) < COARSE else ""
    elif integrate is not None:
        if not (isinstance(risks, Mapping) and all(callable(made) for made in risks.values())):
            raise InputError(
                "over other times than `times` the risks are not known",
                next_step="Give each prediction as a function of the times.",
            )
        grid = grid_of(states, integrate)
        integral, words = along(states, risks, names, grid, conservative), over(grid)
    for array in () if integral is None else integral[1:]:
        frozen(array)
    return BrierScore(
        found, integral, frozen(states.times), words, cause or "any", frozen(states.n_event),
        frozen(states.standing().smallest), states.censoring, conservative, endpoint.patients(states.keep),
        int(states.keep.sum()), int((~states.keep).sum()), conf_level, TAKEN if states.given is not None else "", few,
    )  # fmt: skip


def scored(states: Horizons, names: tuple[str, ...], values: Floats, conservative: bool) -> Estimated:
    """Brier scores of the null model and of the predictions."""
    null = np.broadcast_to(null_risk(states, states.standing()), values.shape[1:])
    risks = np.concatenate([null[None], np.where(states.keep[:, None], values, 0.0)])
    found = estimated_brier(states, (NULL, *names), risks, conservative=conservative)
    for array in found[1:]:
        frozen(array)
    return found


def gained(found: Estimated) -> Estimated:
    """Share of the null model's score that each prediction does away with."""
    null, slope = known_null(found.estimate[0]), found.influence[0]
    estimate = 1.0 - found.estimate[1:] / null
    influence = (found.estimate[1:, None] * slope / null - found.influence[1:]) / null
    return Estimated(found.names[1:], estimate, influence)


def widths(grid: Floats, until: float, begin: float) -> Floats:
    """Shares of [begin, until] in which a step function keeps the value of each time of the grid."""
    return np.asarray(np.diff(np.r_[grid, until]) / (until - begin))


def mean_over(found: Estimated, width: Floats) -> Estimated:
    """The mean of step functions over their follow-up."""
    return Estimated(found.names, (found.estimate @ width)[:, None], (found.influence @ width)[:, :, None])


def along(states: Horizons, risks: Predictions, names: tuple[str, ...], grid: Floats, conservative: bool) -> Estimated:
    """The mean score over a grid of times of its own, a few of them held at once."""
    width = widths(grid, states.times[-1], begin_of(states.endpoint))
    censoring = states.given or states.strata
    estimate, influence = np.zeros((len(names) + 1, 1)), np.zeros((len(names) + 1, len(states.keep), 1))
    for start in range(0, len(grid), CHUNK):
        own = slice(start, start + CHUNK)
        values = predictions_of(states.endpoint, risks, grid[own], probabilities=True)[1]
        part = horizons(states.endpoint, grid[own], cause=states.cause, censoring=censoring, keep=states.keep, least=1e-9)
        found = scored(part, names, values, conservative)
        estimate += (found.estimate @ width[own])[:, None]
        influence += (found.influence @ width[own])[:, :, None]
    return Estimated((NULL, *names), estimate, influence)


def grid_of(states: Horizons, integrate: str | Iterable[float]) -> Floats:
    """The times that are integrated over.

    Raises
    ------
    InputError
        No event before the last time; times beyond it; chances of not being censored given for other times.
    """
    until = states.times[-1]
    if states.given is not None:
        raise InputError(
            "given chances of not being censored are known at `times` only", next_step="Leave `integrate` out."
        )
    if isinstance(integrate, str) and integrate == EVENT_TIMES:
        happened = states.keep & states.endpoint.ends_with(states.cause)
        grid = np.unique(states.endpoint.time[happened & (states.endpoint.time <= until)])
    else:
        grid = times_of(states.endpoint, integrate) if not isinstance(integrate, str) else np.empty(0)
    if not len(grid) or grid[-1] > until:
        raise InputError(
            "no times to integrate over up to the last of `times`",
            next_step=f"Use {EVENT_TIMES!r}, or ascending times.",
        )
    return grid


def over(grid: Floats) -> str:
    """A grid in words."""
    return f"mean over a step function of {len(grid)} times from {grid[0]:.6g} to {grid[-1]:.6g}"
