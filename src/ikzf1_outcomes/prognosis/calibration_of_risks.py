"""Do as many have the event as was predicted? Observed against predicted risk, in groups or along a smooth curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.comparisons import two_sided
from ikzf1_outcomes.curves.incidence import cumulative_incidence
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.curves.survival import kaplan_meier
from ikzf1_outcomes.endpoint import Endpoint, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.models.proportional_hazards import cox
from ikzf1_outcomes.models.subdistribution import fine_gray
from ikzf1_outcomes.models.subdistribution_fit import SubdistributionFit
from ikzf1_outcomes.prognosis.horizons import refuse_rows, times_of
from ikzf1_outcomes.prognosis.predictions import Predictions, known, predictions_of

SMOOTH = "smooth"
KNOTS = 4
POINTS = 101
NEAREST = 1e-8
"""Risks nearer to 0 or 1 have the scale of this one."""
ALIKE = "not estimable: everybody has the same predicted risk"
COLUMN, GROUP = "cloglog_of_predicted_risk", "group_of_predicted_risk"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class CalibrationCurve:
    """Observed against predicted risk at one time; made by `calibration_curve`."""

    points: pd.DataFrame
    measures: pd.DataFrame
    at: float
    cause: str

    def __repr__(self) -> str:
        return f"CalibrationCurve({', '.join(self.measures['term'].unique())} at {self.at:g})"

    def tidy(self) -> pd.DataFrame:
        """One row a group, or a point of the smooth curve: term, group, cause, time, n, n_event, predicted (mean of the
        group, or the risk itself), estimate (observed risk), std_error, low, high, conf_level, interval, scale, method,
        note.
        """
        return self.points.copy()

    def glance(self) -> pd.DataFrame:
        """One row a measure ("observed / expected", "calibration slope", of a smooth curve also "integrated calibration
        index", and the median and the largest distance) and prediction: measure, term, cause, time, n, n_event,
        n_excluded, estimate, std_error, low, high, conf_level, interval, scale, statistic, p_value (of the slope being 1),
        note.
        """
        return self.measures.copy()

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)


def calibration_curve(
    endpoint: Endpoint,
    risks: Predictions,
    *,
    at: float,
    cause: str | None = None,
    groups: int | str = 5,
    conf_level: float = 0.95,
) -> CalibrationCurve:
    r"""Observed against predicted risk of an event by a time.

    Estimand: P(event by t | predicted risk), which is the predicted risk itself if predictions are right.

    In groups: patients are cut at quantiles of their predicted risk; observed is 1 - Kaplan-Meier, or Aalen-Johansen, of
    each group, with its log-log interval. Smooth: the hazard, or with competing events the subdistribution hazard, is
    regressed on a restricted cubic spline (four knots) of log(-log(1 - r)), and the risk by t is read off along r (Austin,
    Harrell and van Klaveren 2020; recalled, not verified). The integrated calibration index is the mean distance of the
    curve from the predictions over the patients.

    Observed / expected: incidence by t of all patients over their mean predicted risk, with the interval of the incidence
    on the log scale. Calibration slope: the coefficient of log(-log(1 - r)) as the only covariate of a Cox model (of a
    Fine-Gray model, with competing events); 1 if risks differ as they should, below 1 if they lie too far apart.

    .. math:: O/E = \hat F(t) / \bar r(t), \qquad h(u \mid r) = h_0(u) \exp\{b \log(-\log(1 - r))\}

    Edge rules. Quantiles are those of R's type 7; a risk equal to a cut belongs to the group below. Cuts that coincide are
    one, so that there are fewer groups. A group that nobody follows to t is not estimable. Slope and smooth curve use all
    follow-up and assume proportional hazards on it: end follow-up at t before, where that is in doubt. Risks nearer to 0
    or 1 than 1e-8 have the scale of that. In the patients a model was made from the slope is about 1 whatever the model.

    Parameters
    ----------
    endpoint
        Times and causes; one row a patient.
    risks
        Predicted probabilities of the event by `at`: a dict of a name and one number a row (n), or columns.
    at
        The time, in the endpoint's unit.
    cause
        Name of a cause; the others compete. None takes any cause as the event.
    groups
        How many groups, 2 or more; or "smooth".
    conf_level
        Level of the intervals.

    Returns
    -------
    CalibrationCurve
        `.tidy()`: the points; `.glance()`: the measures.

    Raises
    ------
    ColumnError, InputError, ConvergenceError
        Unknown column or cause; risks that are no probabilities or of other rows; rows entering at different times, or
        several a patient; fewer than two groups; a smooth curve of risks that are too few to be one.

    Notes
    -----
    Rows with a missing risk are left out of all predictions and counted.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 5.0, 2.0, 3.0], "s": [1, 0, 1, 1], "risk": [0.2, 0.3, 0.7, 0.8]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.calibration_curve(endpoint, "risk", at=4.0, groups=2).tidy()[["predicted", "estimate"]].values.tolist()
    [[0.25, 0.5], [0.75, 1.0]]
    """
    normal_quantile(conf_level)
    time = float(times_of(endpoint, [at])[0])
    refuse_rows(endpoint)
    whole = isinstance(groups, int | np.integer) and not isinstance(groups, bool)
    if groups != SMOOTH and not (whole and int(groups) >= 2):
        raise InputError(f"groups are a whole number of 2 or more, or {SMOOTH!r}", next_step="5 serve most cohorts.")
    names, values = predictions_of(endpoint, risks, np.array([time]), probabilities=True)
    endpoint.ends_with(cause)
    keep = known(values)
    if not keep.any():
        raise InputError("no row has a prediction", count=len(keep), next_step="Check the predictions.")
    own = endpoint if keep.all() else take_rows(endpoint, keep)
    points, measures = [], []
    for name, risk in zip(names, values[:, keep, 0], strict=True):
        scaled = own.with_column(COLUMN, on_scale(risk))
        overall = observed(own, time, cause, conf_level).assign(term=name)
        rows = [ratio(overall, risk, own, conf_level), slope(scaled, cause, conf_level)]
        if groups == SMOOTH:
            curve, distance = smoothed(scaled, risk, time, cause, conf_level)
            points.append(curve.assign(term=name, n=overall["n"].iloc[0], n_event=overall["n_event"].iloc[0]))
            rows.append(distance)
        else:
            points.append(grouped(own, risk, int(groups), time, cause, conf_level).assign(term=name))
        measures.append(pd.concat(rows).assign(term=name, n=overall["n"].iloc[0], n_event=overall["n_event"].iloc[0]))
    same = {"cause": cause or "any", "time": time, "conf_level": conf_level}
    return CalibrationCurve(
        pd.concat(points, ignore_index=True).assign(**same)[list(POINT_COLUMNS)],
        pd.concat(measures, ignore_index=True).assign(**same, n_excluded=int((~keep).sum()))[list(MEASURE_COLUMNS)],
        time,
        cause or "any",
    )


POINT_COLUMNS = (
    "term", "group", "cause", "time", "n", "n_event", "predicted", "estimate", "std_error", "low", "high", "conf_level",
    "interval", "scale", "method", "note",
)  # fmt: skip
MEASURE_COLUMNS = (
    "measure", "term", "cause", "time", "n", "n_event", "n_excluded", "estimate", "std_error", "low", "high", "conf_level",
    "interval", "scale", "statistic", "p_value", "note",
)  # fmt: skip


def observed(endpoint: Endpoint, at: float, cause: str | None, conf_level: float, by: str | None = None) -> pd.DataFrame:
    """Incidence by a time, of all or of groups: group, n, n_event, estimate and its limits, interval, scale, note."""
    if cause is None:
        table = kaplan_meier(endpoint, by, conf_level=conf_level).tidy(times=[at])
        table = table.assign(estimate=1 - table["estimate"], low=1 - table["high"], high=1 - table["low"])
    else:
        table = cumulative_incidence(endpoint, by, conf_level=conf_level).tidy(times=[at])
        table = table[table["cause"] == cause]
    columns = ["group", "n", "n_event", "estimate", "std_error", "low", "high", "interval", "scale", "note"]
    return table.assign(scale="probability").reset_index(drop=True)[columns]


def grouped(endpoint: Endpoint, risk: Floats, groups: int, at: float, cause: str | None, conf_level: float) -> pd.DataFrame:
    """Observed risk of the groups between quantiles of the predicted risk."""
    cuts = np.unique(np.quantile(risk, np.arange(1, groups) / groups))
    codes = np.unique(np.searchsorted(cuts, risk, side="left"), return_inverse=True)[1] + 1
    table = observed(endpoint.with_column(GROUP, codes), at, cause, conf_level, GROUP)
    weight = endpoint.case_weights
    table["predicted"] = np.bincount(codes, risk * weight)[1:] / np.bincount(codes, weight)[1:]
    fewer = f"{len(table)} groups: quantiles coincide" if len(table) < groups else ""
    table["note"] = ["; ".join(filter(None, (note, fewer))) for note in table["note"]]
    return table.assign(method="Kaplan-Meier" if cause is None else "Aalen-Johansen")


def ratio(overall: pd.DataFrame, risk: Floats, endpoint: Endpoint, conf_level: float) -> pd.DataFrame:
    """Observed over expected, with its interval on the log scale."""
    row, expected = overall.iloc[0], float(np.average(risk, weights=endpoint.case_weights))
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, error = np.float64(row["estimate"]) / expected, np.float64(row["std_error"]) / expected
        reach = np.exp(normal_quantile(conf_level) * error / estimate)
    note = row["note"] if estimate > 0 or row["note"] else "no interval: no events"
    return measure(
        "observed / expected", estimate, error, estimate / reach, estimate * reach, "log", "ratio of risks", note
    )


def measure(
    name: str, estimate: float, error: float, low: float, high: float, interval: str, scale: str, note: str
) -> pd.DataFrame:
    """One measure as a row."""
    values = {"estimate": estimate, "std_error": error, "low": low, "high": high}
    texts = {"interval": interval, "scale": scale, "statistic": np.nan, "p_value": np.nan, "note": note}
    return pd.DataFrame([{"measure": name, **values, **texts}])


def slope(endpoint: Endpoint, cause: str | None, conf_level: float) -> pd.DataFrame:
    """Coefficient of the predicted risk on its scale; NaN with a note where it has none."""
    q = endpoint.frame[COLUMN].to_numpy()
    none, problem = (np.nan,) * 4, ALIKE
    row = measure("calibration slope", *none, "wald", "log hazard ratio", problem)
    if np.ptp(q) == 0:
        return row
    try:
        found = model(endpoint, COLUMN, cause, conf_level).tidy().iloc[0]
    except (InputError, ConvergenceError) as failure:
        return row.assign(note=f"not estimable: {failure.problem}")
    error, z = found["std_error"], normal_quantile(conf_level)
    row = measure(
        "calibration slope", found["estimate"], error, found["estimate"] - z * error, found["estimate"] + z * error,
        "wald", found["scale"], found["note"],
    )  # fmt: skip
    row["statistic"] = (found["estimate"] - 1.0) / error
    return row.assign(p_value=two_sided(row["statistic"].to_numpy()))


def model(endpoint: Endpoint, terms: str, cause: str | None, conf_level: float) -> CoxFit | SubdistributionFit:
    """The model whose covariate is the predicted risk: Cox, or Fine-Gray where other causes compete."""
    if cause is None or len(endpoint.causes) == 1:
        return cox(endpoint, terms, conf_level=conf_level)
    return fine_gray(endpoint, terms, cause=cause, conf_level=conf_level)


def smoothed(
    endpoint: Endpoint, risk: Floats, at: float, cause: str | None, conf_level: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Observed risk along the predicted ones, and how far it lies from them over the patients."""
    fit = model(endpoint, f"rcs({COLUMN}, {KNOTS})", cause, conf_level)
    curve = read_off(fit, np.linspace(risk.min(), risk.max(), POINTS), at)
    curve["group"], curve["method"] = np.arange(1, POINTS + 1), "restricted cubic spline"
    gap = np.abs(read_off(fit, risk, at)["estimate"].to_numpy() - risk)
    names = ("integrated calibration index", "median distance", "largest distance")
    weight = endpoint.case_weights
    values = (np.average(gap, weights=weight), median_of(gap, weight), gap.max())
    rows = [
        measure(name, value, np.nan, np.nan, np.nan, "none", "probability", "")
        for name, value in zip(names, values, strict=True)
    ]
    return curve, pd.concat(rows)


def median_of(values: Floats, weight: Floats) -> float:
    """The median of values that count with their weights."""
    order = np.argsort(values, kind="stable")
    above = np.cumsum(weight[order])
    half = above[-1] / 2.0
    places = [np.searchsorted(above, half * (1.0 + sign * 1e-12), side="left") for sign in (-1.0, 1.0)]
    return float(values[order][places].mean())


def on_scale(risk: Floats) -> Floats:
    """log(-log(1 - risk))."""
    return np.asarray(np.log(-np.log1p(-np.clip(risk, NEAREST, 1 - NEAREST))))


def read_off(fit: CoxFit | SubdistributionFit, risk: Floats, at: float) -> pd.DataFrame:
    """Observed risk by a time at some predicted ones: predicted, estimate, std_error, low, high, interval, scale, note."""
    table = fit.predict(pd.DataFrame({COLUMN: on_scale(risk)}), [at])
    if isinstance(fit, CoxFit):
        table = table.assign(estimate=1 - table["estimate"], low=1 - table["high"], high=1 - table["low"])
    columns = ["estimate", "std_error", "low", "high", "interval", "scale", "note"]
    return table[columns].assign(predicted=risk)
