"""Standardised risks and mean times: what the outcome would be if everybody had one level of a variable."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.comparisons import two_sided
from ikzf1_outcomes.curves.intervals import normal_quantile, probability_limits
from ikzf1_outcomes.endpoint import Columns, Endpoint, label, level_codes, refuse
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kernels.absolute_risk import baseline_influence, by_coefficients, sensitivity
from ikzf1_outcomes.kernels.residuals import Baseline, residuals
from ikzf1_outcomes.kernels.risk import Floats, snap
from ikzf1_outcomes.models.cause_specific import AT_ONCE, CauseSpecificFit
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.models.joint_hazards import joint, patients_of, place_of, steps_of

QUANTITIES = ("risk", "restricted mean", "time lost")
BEYOND = "beyond the last follow-up of a stratum"
EMPTY = "not estimable: a level without events"
LIMIT = "{} patients have a level without events of a cause: its hazard is taken as 0"


class Standardised(NamedTuple):
    """The mean of a quantity over the patients, and what each row of the endpoint contributes to its error."""

    value: float
    influence: Floats
    """Derivative by the row's case weight (rows of the endpoint)."""
    note: str


class Question(NamedTuple):
    """What is averaged."""

    quantity: str
    cause: int | None
    """Position of the cause among the models; None for any."""
    at: float

    def reach(self, times: Floats) -> Floats:
        """What an event at each time adds to the quantity."""
        return (times <= self.at).astype(float) if self.quantity == "risk" else np.maximum(self.at - times, 0.0)


def standardised_risk(
    fit: CoxFit | CauseSpecificFit,
    variable: str,
    *,
    at: float,
    quantity: str = "risk",
    cause: str | None = None,
    levels: Sequence[Any] | None = None,
    cluster: Columns | None = None,
    conf_level: float | None = None,
) -> pd.DataFrame:
    r"""Standardise outcomes to one covariate distribution (g-formula), and compare the levels of a variable.

    Estimand: the mean over the patients of the outcome predicted with `variable` set to a level and everything else as it
    is, Q(v) = E[ q(v, X) ], and the differences Q(v) - Q(v0). Under a model that is right and with all confounders among
    its terms, the causal effect on an absolute scale (Robins 1986, recalled); otherwise a difference adjusted for case mix.

    Quantities: "risk" is the probability of an event (of `cause`) by `at`; "restricted mean" the mean time free of any
    event before `at`; "time lost" the mean time lost to an event (to `cause`) before `at`: the restricted mean and the
    times lost to all causes add up to `at`.

    Standard errors: the infinitesimal jackknife of the whole, that is of coefficients, baselines and the mean over the
    patients, summed within clusters c (each patient is one unless `cluster` is named); equal to those of R's
    `riskRegression::ate`,

    .. math:: V = \sum_c \Big( \sum_{i \in c} w_i \, \partial Q / \partial w_i \Big)^2

    Edge rules. The patients are those of the fit, with their strata and weights. Beyond the last follow-up of a stratum
    that somebody has, nothing is estimable. A level without events has an infinite coefficient and no standardised risk.
    Under delayed entry the patients stand for those who enter.

    Parameters
    ----------
    fit
        A Cox model of any event, or of the only cause; for one of several causes the result of `cause_specific_cox`.
    variable
        A column of the model's terms.
    at
        Time, in the endpoint's unit.
    quantity
        "risk", "restricted mean" or "time lost".
    cause
        The cause of a risk or of time lost; None for any.
    levels
        Levels, or values of a number, to compare; the first is the reference. Default: the levels of the model in their
        order, or the two values of a number that has two.
    cluster
        Column or columns of what belongs together.
    conf_level
        Level of the intervals; that of the fit by default.

    Returns
    -------
    DataFrame
        One row a level, then one row a difference: term (the variable), contrast ("ik6 vs none", empty for a level), group
        (the level, empty for a difference), cause, time, n, estimate, std_error, low, high, conf_level, interval, scale
        ("probability" or "time"), statistic, p_value, note. Limits of a risk are log-log, those of the rest plain.

    Raises
    ------
    ColumnError, InputError
        A variable that the model has not, fewer than two levels, unknown levels, causes or quantities; a model of one cause
        among several; several rows of one patient.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6, 7, 8], "s": [1, 1, 1, 0, 1, 0, 1, 0], "arm": list("abababab")})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> table = iko.standardised_risk(iko.cox(endpoint, "arm"), "arm", at=5)
    >>> table[["group", "contrast"]].values.tolist()
    [['a', ''], ['b', ''], ['', 'b vs a']]
    """
    fits, endpoint = fits_of(fit), fit.endpoint
    chosen = fit.conf_level if conf_level is None else conf_level
    normal_quantile(chosen)
    position = checked(fit, quantity, cause, at)
    values = levels_of(fits, variable, levels)
    rows = np.logical_and.reduce([own.estimation.complete for own in fits])
    question = Question(quantity, position, float(snap(np.array([at]), endpoint.rows.times)[0]))
    steps = [steps_of(own) for own in fits]
    found = [mean_over(fits, steps, at_level(endpoint.frame, variable, value), rows, question) for value in values]
    table = rows_of_table(found, values, endpoint.case_weights, clusters_of(endpoint, cluster, rows))
    table["term"], table["time"], table["n"] = variable, at, endpoint.patients(rows)
    table["cause"] = "any" if cause is None else cause
    return finished(table, quantity, chosen)


def rows_of_table(
    found: Sequence[Standardised], values: Sequence[Any], weight: Floats, clusters: np.ndarray
) -> pd.DataFrame:
    """The levels, then each of the others against the first."""

    def error_of(influence: Floats) -> float:
        return float(np.sqrt((np.bincount(clusters, influence * weight) ** 2).sum()))

    parts = [
        ("", label(value), one.value, error_of(one.influence), one.note) for value, one in zip(values, found, strict=True)
    ]
    base = found[0]
    for value, one in zip(values[1:], found[1:], strict=True):
        error = error_of(one.influence - base.influence)
        parts.append((f"{label(value)} vs {label(values[0])}", "", one.value - base.value, error, one.note or base.note))
    return pd.DataFrame(parts, columns=["contrast", "group", "estimate", "std_error", "note"])


def finished(table: pd.DataFrame, quantity: str, conf_level: float) -> pd.DataFrame:
    """The table with limits and tests."""
    estimate, error = table["estimate"].to_numpy(dtype=float), table["std_error"].to_numpy(dtype=float)
    half = normal_quantile(conf_level) * error
    table["low"], table["high"], table["interval"] = estimate - half, estimate + half, "plain"
    level = (table["contrast"] == "").to_numpy()
    if quantity == "risk":
        low, high = probability_limits(estimate[level], error[level], "log-log", conf_level)
        table.loc[level, "low"], table.loc[level, "high"], table.loc[level, "interval"] = low, high, "log-log"
    table["conf_level"], table["scale"] = conf_level, "probability" if quantity == "risk" else "time"
    with np.errstate(divide="ignore", invalid="ignore"):
        table["statistic"] = np.where(level, np.nan, estimate / error)
    table["p_value"] = two_sided(table["statistic"].to_numpy(dtype=float))
    names = ("term", "contrast", "group", "cause", "time", "n", "estimate", "std_error", "low", "high", "conf_level")
    return table[[*names, "interval", "scale", "statistic", "p_value", "note"]]


def fits_of(fit: CoxFit | CauseSpecificFit) -> tuple[CoxFit, ...]:
    """The models behind the risks.

    Raises
    ------
    InputError
        Not such a fit; exact ties; several rows of one patient.
    """
    if not isinstance(fit, CoxFit | CauseSpecificFit):
        raise InputError("not a Cox model", next_step="Give a result of cox or cause_specific_cox.")
    fits = (fit,) if isinstance(fit, CoxFit) else tuple(fit.fits.values())
    if fits[0].estimation.ties == "exact":
        raise InputError("exact ties predict no risk", next_step='Fit with ties="efron".')
    endpoint = fit.endpoint
    if endpoint.subject is not None and endpoint.n < len(endpoint):
        raise InputError(
            "several rows of one patient: whom to average over is not defined",
            count=len(endpoint) - endpoint.n,
            next_step="Fit an endpoint with one row a patient, such as a landmark.",
        )
    return fits


def checked(fit: CoxFit | CauseSpecificFit, quantity: str, cause: str | None, at: float) -> int | None:
    """Position of the cause among the models; None for any."""
    if quantity not in QUANTITIES:
        raise InputError("there is no such quantity", next_step=f"Use {', '.join(QUANTITIES)}.")
    if not isinstance(at, Real) or not (np.isfinite(at) and at > 0):
        raise InputError("`at` must be a time above 0")
    if isinstance(fit, CoxFit) and fit.cause != "any" and len(fit.endpoint.causes) > 1:
        raise InputError("a model of one cause among several gives no risk", next_step="Fit cause_specific_cox.")
    if cause is None:
        return None
    if quantity == "restricted mean":
        raise InputError("a restricted mean is free of all causes", next_step='Use quantity="time lost" for a cause.')
    names = tuple(fit.fits) if isinstance(fit, CauseSpecificFit) else fit.endpoint.causes
    if cause not in names or (isinstance(fit, CoxFit) and len(names) > 1):
        raise InputError(f"the model has no hazard of cause {cause!r} alone", next_step="Fit cause_specific_cox.")
    return names.index(cause)


def levels_of(fits: Sequence[CoxFit], variable: str, levels: Sequence[Any] | None) -> list[Any]:
    """The levels to compare, the reference first."""
    factors = [known for fit in fits for known in fit.design.spec.factors if known.factor.column == variable]
    if not factors:
        raise ColumnError(f"the model has no term of column {variable!r}", next_step="Name a column of its terms.")
    known = next((list(factor.levels) for factor in factors if factor.levels), [])
    if levels is None and not known:
        found = level_codes(fits[0].endpoint.frame[variable])[1]
        if len(found) != 2:
            raise InputError(f"{variable!r} is a number", next_step="Name the values to compare in `levels`.")
        return list(found)
    chosen = known if levels is None else list(levels)
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise InputError("fewer than two different levels to compare")
    if known and not set(chosen) <= set(known):
        raise InputError("levels that the model does not know", next_step=f"It knows {', '.join(map(label, known))}.")
    return chosen


def at_level(frame: pd.DataFrame, variable: str, value: Any) -> pd.DataFrame:
    """The patients, each with one value of a variable."""
    column = frame[variable]
    if isinstance(column.dtype, pd.CategoricalDtype):
        return frame.assign(**{variable: pd.Categorical([value] * len(frame), dtype=column.dtype)})
    return frame.assign(**{variable: pd.Series([value] * len(frame), index=frame.index)})


def clusters_of(endpoint: Endpoint, cluster: Columns | None, rows: np.ndarray) -> np.ndarray:
    """What the influences are summed within: each row, or the clusters."""
    if cluster is None:
        return np.arange(len(endpoint))
    codes = endpoint.groups(cluster).codes
    refuse(codes < 0, "a cluster is missing", "Exclude those rows.")
    if len(np.unique(codes[rows])) < 2:
        raise InputError("only one cluster among the rows analysed", next_step="Leave `cluster` out.")
    return codes


def mean_over(
    fits: Sequence[CoxFit], steps: Sequence[Baseline], frame: pd.DataFrame, rows: np.ndarray, question: Question
) -> Standardised:
    """The mean of a quantity over the rows of the fits, and its infinitesimal jackknife."""
    endpoint, nothing = fits[0].endpoint, np.full(len(rows), np.nan)
    people = patients_of(fits, frame[rows])
    asked = people.empty if question.cause is None else people.empty[:, [question.cause]]
    if not people.known.all() or asked.all():
        return Standardised(np.nan, nothing, EMPTY)
    note = LIMIT.format(int(people.empty.any(axis=1).sum())) if people.empty.any() else ""
    share = endpoint.case_weights[rows] / endpoint.case_weights[rows].sum()
    each = np.empty(len(share))
    ways, pulls = [np.zeros(x.shape[1]) for x in people.x], [np.zeros(len(part.rank)) for part in steps]
    for stratum in people.strata:
        hazards, last = joint(fits, stratum, steps)
        if question.at > last:
            return Standardised(np.nan, nothing, BEYOND)
        reach, members = question.reach(hazards.times), np.flatnonzero(people.stratum == stratum)
        total = np.zeros((len(reach), len(fits)))
        for some in np.array_split(members, max(1, len(members) * len(reach) // AT_ONCE)):
            found = sensitivity(hazards, people.relative[some], question.cause, reach)
            each[some] = found.value
            total += np.einsum("n,nmk->mk", share[some], found.pull)
            for j, way in enumerate(ways):
                pull = found.pull[:, :, j]
                way += share[some] @ by_coefficients(pull, people.x[j][some], hazards.step[:, j], hazards.slope[j])
        for j, (fit, part) in enumerate(zip(fits, steps, strict=True)):
            own = part.stratum == place_of(fit, stratum)
            pulls[j][own] = total[np.searchsorted(hazards.times, endpoint.rows.times[part.rank[own]]), j]
    mean = float(share @ each)
    influence = np.zeros(len(rows))
    influence[rows] = (each - mean) / endpoint.case_weights[rows].sum()
    for j, fit in enumerate(fits):
        influence[fit.estimation.rows] += through_fit(fit, steps[j], ways[j], pulls[j])
    if question.quantity == "restricted mean":
        return Standardised(question.at - mean, -influence, note)
    return Standardised(mean, influence, note)


def through_fit(fit: CoxFit, steps: Baseline, way: Floats, pull: Floats) -> Floats:
    """What each row of a fit adds by way of its coefficients and of its baselines (rows of the layout)."""
    how = fit.estimation
    beta = fit.maximum.beta * how.scale
    spread = np.linalg.inv(fit.maximum.information / np.outer(how.scale, how.scale))
    score = residuals(how.layout, beta, how.ties).score
    return score @ (spread @ way) + baseline_influence(how.layout, beta, how.ties, steps, pull)
