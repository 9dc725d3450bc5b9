"""Do the hazard ratios stay the same over time? The score test of proportional hazards, and Schoenfeld's residuals."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.risk import Floats, tally
from ikzf1_outcomes.kernels.time_interaction import TimeInteraction, schoenfeld, time_interaction
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.models.estimability import limit_of_empty_levels
from ikzf1_outcomes.models.estimation import Estimation
from ikzf1_outcomes.models.subdistribution_assumptions import Departure, departure, terms_tested
from ikzf1_outcomes.models.subdistribution_fit import SubdistributionFit

TRANSFORMS = ("km", "rank", "identity", "log")
SINGULAR = 1e-9
"""A direction whose information, adjusted for the coefficients, is below this share of the unadjusted tells nothing."""
ONE_TIME = "not estimable: the function of time is the same at all events"
NO_CONTRAST = "not estimable: no two levels of the term have events"
SINGULAR_NOTE = "not estimable: the events do not tell a change over time from the coefficients"
BETWEEN_LEVELS = "between the levels that have events"
MODEL_BASED = "the information is that of the model: clusters and robust covariances do not enter this test"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class ProportionalHazardsTest:
    """Score tests of proportional hazards; made by `proportional_hazards_test`."""

    table: pd.DataFrame
    transform: str
    cause: str
    n: float
    n_event: int
    note: str
    hazards: str = "proportional hazards"

    def __repr__(self) -> str:
        return f"ProportionalHazardsTest({self.transform!r}: {len(self.table) - 1} terms and the global test)"

    @property
    def method(self) -> str:
        """The test in words."""
        return f"score test of {self.hazards}, {self.transform} of time"

    def tidy(self) -> pd.DataFrame:
        """One row a term, and the last for all of them.

        Returns
        -------
        DataFrame
            term (the last is "global"), cause, statistic, df, p_value, method, note.
        """
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row, the global test: method, cause, n, n_event, statistic, df, p_value, note."""
        last = self.table.iloc[-1]
        note = "; ".join(part for part in (last["note"], self.note) if part)
        return pd.DataFrame(
            {
                "method": [self.method],
                "cause": [self.cause],
                "n": [self.n],
                "n_event": [self.n_event],
                "statistic": [last["statistic"]],
                "df": [last["df"]],
                "p_value": [last["p_value"]],
                "note": [note],
            }
        )

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)


def proportional_hazards_test(fit: CoxFit | SubdistributionFit, transform: str = "km") -> ProportionalHazardsTest:
    r"""Test that the coefficients of a Cox or a Fine-Gray model do not change with time.

    Null: theta = 0 in h(t | x) = h_s(t) exp((beta + theta g(t))'x). The score test with the coefficients at their maximum
    and the information of beta and theta together: with the scores and the information of `time_interaction`, and J the
    information of theta less what beta explains of it,

    .. math:: J = I_{\theta\theta} - I_{\theta\beta} I_{\beta\beta}^{-1} I_{\beta\theta}, \qquad
              X^2_T = U_T' J_{TT}^{-1} U_T

    with T the columns of one term (all the indicators of a category, all the columns of a spline), and for the global test
    all columns; chi-square with as many degrees of freedom. Equal to `cox.zph(fit, transform)` of R's survival 3, which
    is no longer the approximation by correlated residuals of Grambsch and Therneau (1994, recalled, not verified).

    g(t): "km" is 1 - S(t-) with S the Kaplan-Meier curve of all rows of the model, unweighted and unstratified; "rank" the
    rank of t among their times, ties sharing the mean; "identity" t itself; "log" its natural logarithm.

    Edge rules. Ties by the rule of the fit, Efron's or Breslow's. Weights as in the fit. Strata have baselines of their own
    and one g. A fit with a robust covariance is tested by its model-based information, as in R; the note of `glance` says
    so. Levels without events have no coefficient and no part in the test.

    A Fine-Gray model has no information of its own: J is there the sandwich, the sum over rows (or clusters) of squares
    of :math:`u_\theta - I_{\theta\beta} I_{\beta\beta}^{-1} u_\beta`, with u what a row adds to the scores, by way of the
    estimated weights included. "km" is there the cumulative incidence of the cause just before t, which the product-limit
    estimate with the weights of the model is 1 less. The idea of weighted Schoenfeld residuals is Zhou, Fine and Laird's
    (2013, recalled, not verified); no other program at hand gives this test. Docs: `docs/methods/fine_gray.md`.

    Parameters
    ----------
    fit
        A Cox model with Efron's or Breslow's ties, or a Fine-Gray model.
    transform
        "km", "rank", "identity" or "log".

    Returns
    -------
    ProportionalHazardsTest
        `.tidy()`: one row a term and a last row "global", with term, cause, statistic, df, p_value, method, note;
        `.glance()`: the global test.

    Raises
    ------
    InputError
        No such transform; the logarithm of an event at time 0; a fit with another rule for ties.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes import proportional_hazards_test
    >>> d = pd.DataFrame({"t": [4.0, 3, 1, 1, 2, 2, 3], "s": [1, 1, 1, 0, 1, 1, 0], "x": [0, 2, 1, 1, 1, 0, 0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> tidy = proportional_hazards_test(iko.cox(endpoint, "x"), "identity").tidy()
    >>> tidy[["term", "statistic", "p_value"]].round(6).values.tolist()
    [['x', 0.483046, 0.487046], ['global', 0.483046, 0.487046]]
    """
    if isinstance(fit, SubdistributionFit):
        return _of_subdistribution(fit, transform)
    how = checked(fit)
    change = of_time(fit, transform)
    beta = fit.maximum.beta * how.scale
    found = time_interaction(how.layout, beta, change, how.ties)
    flat = bool(np.ptp(change[found.at]) == 0.0) if len(found.at) else True
    adjusted = found.square - found.mixed @ np.linalg.solve(found.plain, found.mixed) if len(beta) else found.square
    rows = [one_test(term, places, note, found, adjusted, flat) for term, places, note in terms_of(fit)]
    rows.append(one_test("global", np.arange(len(beta)), "", found, adjusted, flat))
    table = pd.DataFrame(rows)
    table["cause"], table["method"] = fit.cause, f"score test of proportional hazards, {transform} of time"
    table = table[["term", "cause", "statistic", "df", "p_value", "method", "note"]]
    return ProportionalHazardsTest(table, transform, fit.cause, fit.n, fit.n_event, MODEL_BASED if how.robust else "")


def _of_subdistribution(fit: SubdistributionFit, transform: str) -> ProportionalHazardsTest:
    """The test of a Fine-Gray model."""
    check_transform(transform)
    found = departure(fit, transform)
    rows = [
        one_test(term, places, BETWEEN_LEVELS * lost, found, found.adjusted, found.flat)
        for term, places, lost in terms_tested(fit)
    ]
    rows.append(one_test("global", np.arange(len(fit.limit.columns)), "", found, found.adjusted, found.flat))
    table = pd.DataFrame(rows)
    test = ProportionalHazardsTest(
        table, transform, fit.cause, fit.n, fit.n_event, "", "proportional subdistribution hazards"
    )
    table["cause"], table["method"] = fit.cause, test.method
    kept = table[["term", "cause", "statistic", "df", "p_value", "method", "note"]]
    return replace(test, table=kept)


def check_transform(transform: str) -> None:
    """Refuse a transform that there is not.

    Raises
    ------
    InputError
        It is none of `TRANSFORMS`.
    """
    if transform not in TRANSFORMS:
        raise InputError("there is no such transform of time", next_step=f"Use one of {', '.join(TRANSFORMS)}.")


def checked(fit: CoxFit) -> Estimation:
    """How a fit was estimated, if its rule for ties sums over event times."""
    if not isinstance(fit, CoxFit):
        raise InputError(
            "the test is of Fine-Gray and Cox models without a penalty", next_step="Fit the model without penalty=."
        )
    if fit.estimation.ties not in ("efron", "breslow"):
        raise InputError(
            f"the test is not defined for {fit.estimation.ties} ties", next_step="Fit with ties='efron' for this check."
        )
    return fit.estimation


def of_time(fit: CoxFit, transform: str) -> Floats:
    """g at each distinct time of the endpoint, less its mean over the events; 0 where no row of the model ends.

    The mean changes no test, for the coefficients are at their maximum; it keeps the information well scaled.
    """
    check_transform(transform)
    endpoint, layout = fit.endpoint, fit.estimation.layout
    times, keep = endpoint.rows.times, fit.estimation.complete
    ends = np.bincount(endpoint.rows.rank[keep], minlength=len(times))
    at_events = layout.rank[layout.event]
    if transform == "km":
        g = 1.0 - survival_before(fit, keep)
    elif transform == "rank":
        g = np.cumsum(ends) - (ends - 1) / 2.0
    elif transform == "identity":
        g = times.copy()
    else:
        zero = at_events[times[at_events] <= 0.0]
        if len(zero):
            where = np.flatnonzero(fit.estimation.rows)[layout.where[layout.event & (times[layout.rank] <= 0.0)]]
            raise InputError(
                "an event at time 0 has no logarithm of its time", where=np.sort(where) + 1,
                next_step="Use another transform: km, rank or identity.",
            )  # fmt: skip
        with np.errstate(divide="ignore"):
            g = np.log(times)
    used = np.zeros(len(times), dtype=bool)
    used[at_events] = True
    out = np.zeros(len(times))
    out[used] = g[used] - g[at_events].mean()
    return out


def events_of(fit: CoxFit) -> np.ndarray:
    """Which rows of the endpoint end with an event of the model."""
    how = fit.estimation
    out = np.zeros(len(how.rows), dtype=bool)
    out[np.flatnonzero(how.rows)[how.layout.where]] = how.layout.event
    return out


def survival_before(fit: CoxFit, keep: np.ndarray) -> Floats:
    """Kaplan-Meier's S(t-) of the rows of the model at each distinct time, unweighted."""
    rows = fit.endpoint.rows
    group = np.where(keep, 0, -1).astype(np.int32)
    table = tally(rows, events_of(fit).astype(np.int32), np.ones(len(keep)), group, 1, 1)
    factor = np.ones(len(rows.times))
    deaths = table.events[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        factor[table.rank] = np.where(deaths > 0, 1.0 - deaths / table.n_risk, 1.0)
    return np.r_[1.0, np.cumprod(factor)[:-1]]


def terms_of(fit: CoxFit) -> list[tuple[str, np.ndarray, str]]:
    """Each term, the places of its columns among the coefficients that were maximised, and what there is to say of it."""
    matrix = fit.design
    columns = limit_of_empty_levels(matrix, events_of(fit)[matrix.keep]).columns
    term_of = {c.column: c.term for c in matrix.coefficients if c.column >= 0}
    owner = np.array([term_of[int(c)] for c in columns], dtype=object)
    out = []
    for term in dict.fromkeys(c.term for c in matrix.coefficients):
        lost = any(term_of[column] == term for column in fit.notes)
        out.append((term, np.flatnonzero(owner == term), BETWEEN_LEVELS if lost else ""))
    return out


def one_test(
    term: str, places: np.ndarray, note: str, found: TimeInteraction | Departure, adjusted: Floats, flat: bool
) -> dict[str, object]:
    """Score test of the interactions of some columns with time, the others' coefficients staying constant."""
    df = len(places)
    nothing = {"term": term, "statistic": np.nan, "df": df, "p_value": np.nan}
    if not df:
        return {**nothing, "note": NO_CONTRAST}
    if flat:
        return {**nothing, "note": ONE_TIME}
    part, whole = adjusted[np.ix_(places, places)], np.diag(found.square)[places]
    if not (whole > 0).all():
        return {**nothing, "note": SINGULAR_NOTE}
    scale = np.sqrt(whole)
    scaled, score = part / np.outer(scale, scale), found.score[places] / scale
    if not np.linalg.eigvalsh(scaled)[0] > SINGULAR:
        return {**nothing, "note": SINGULAR_NOTE}
    statistic = float(score @ np.linalg.solve(scaled, score))
    return {"term": term, "statistic": statistic, "df": df, "p_value": float(chdtrc(df, statistic)), "note": note}


def schoenfeld_residuals(fit: CoxFit, scaled: bool = False) -> pd.DataFrame:
    r"""Schoenfeld's residuals of a Cox model: one row an event, one column a coefficient.

    The covariates of the event less their mean over its risk set, at the coefficients of the fit. Scaled: s' = d V s + beta
    with d the number of events and V the covariance of the model, so that their smooth trend over time shows beta(t)
    (Schoenfeld 1982; Grambsch and Therneau 1994; both recalled, not verified). Equal to R's
    `residuals(fit, "schoenfeld")` and `"scaledsch"`.

    Edge rules. Tied events under Efron's rule are compared with the average of the means of their steps. Weights enter the
    means, not the residuals; V is the model-based covariance also where the fit is robust.

    Parameters
    ----------
    fit
        A Cox model with Efron's or Breslow's ties.
    scaled
        Scale by the covariance and add the coefficients.

    Returns
    -------
    DataFrame
        time, group (the stratum, "all" without strata), then a column a finite coefficient, named
        as in `fit.residuals`. By stratum, then by time; index: position of the row in `endpoint.frame`, from 0.

    Raises
    ------
    InputError
        A fit with another rule for ties; a coefficient whose name is "time" or "group".

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes import schoenfeld_residuals
    >>> d = pd.DataFrame({"t": [4.0, 3, 1, 1, 2, 2, 3], "s": [1, 1, 1, 0, 1, 1, 0], "x": [0, 2, 1, 1, 1, 0, 0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> residuals = schoenfeld_residuals(iko.cox(endpoint, "x"))
    >>> residuals["time"].tolist(), bool(abs(residuals["x"].sum()) < 1e-8)
    ([1.0, 2.0, 2.0, 3.0, 4.0], True)
    """
    how = checked(fit)
    names = {column: fit.names[column] for column in fit.position}
    if {"time", "group"} & set(names.values()):
        raise InputError('a coefficient is called "time" or "group"', next_step="Give the column another name.")
    found = time_interaction(how.layout, fit.maximum.beta * how.scale, np.zeros(len(fit.endpoint.rows.times)), how.ties)
    place, stratum, residual = schoenfeld(how.layout, found)
    residual = residual * how.scale
    if scaled:
        residual = len(place) * residual @ np.linalg.inv(fit.maximum.information) + fit.maximum.beta
    out = pd.DataFrame(
        {"time": fit.endpoint.rows.times[how.layout.rank[place]], "group": [how.levels[k] for k in stratum]},
        index=np.flatnonzero(how.rows)[how.layout.where[place]],
    )
    out[list(names.values())] = residual[:, list(fit.position.values())]
    return out
