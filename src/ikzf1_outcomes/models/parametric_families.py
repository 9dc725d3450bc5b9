"""Parametric survival regression: Weibull, exponential, log-normal and log-logistic times."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ikzf1_outcomes.curves.intervals import check_interval, normal_quantile
from ikzf1_outcomes.endpoint import Endpoint, frozen, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.interchange import to_lifelines
from ikzf1_outcomes.kernels.location_scale import FAMILIES, Followed, as_hazards, family_likelihood
from ikzf1_outcomes.kernels.partial import FARTHEST, Maximum, newton
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.coefficients import COLUMNS, exponentiated, wald_table
from ikzf1_outcomes.models.estimability import Limit, column_names, limit_of_empty_levels
from ikzf1_outcomes.models.extrapolation import (
    asked_times,
    complete_part,
    covariates,
    encoded,
    parameter_rows,
    part_of,
    probability_table,
    refuse_one_cause,
    weight_note,
)

RUNNING = 1e-3
"""A longer Newton step left over, for covariates of unit spread, has no maximum before it."""
FITTERS = {
    "weibull": ("WeibullAFTFitter", "lambda_", "rho_"),
    "log_logistic": ("LogLogisticAFTFitter", "alpha_", "beta_"),
    "log_normal": ("LogNormalAFTFitter", "mu_", "sigma_"),
}
"""lifelines' class of a family, and what it calls the location and the other parameter."""
PROPORTIONAL = ("weibull", "exponential")
"""Families that are proportional hazards models too."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class ParametricFit:
    """A fitted parametric model; made by `parametric`."""

    endpoint: Endpoint
    """The rows analysed."""
    design: Design
    family: str
    limit: Limit
    counts: tuple[tuple[float, int], ...]
    """Patients and events behind each row of the coefficient table."""
    theta: Floats
    """Intercept, coefficients of `limit.columns`, log sigma (not of the exponential)."""
    covariance: Floats
    value: float
    value_null: float
    cause: str
    n: float
    n_event: int
    n_excluded: int
    conf_level: float
    iterations: int
    note: str

    def __repr__(self) -> str:
        return f"ParametricFit({self.family}, {self.endpoint.name}, cause {self.cause!r}: n = {self.n:g})"

    def tidy(self, *, exponentiate: bool = False, scale: str = "time ratio") -> pd.DataFrame:
        """The intercept, one row a coefficient (reference levels included), and the last parameter of the family.

        Parameters
        ----------
        exponentiate
            Give estimate, low and high as ratios; `std_error` stays on the log scale.
        scale
            "time ratio": by how much a time is longer. "hazard ratio", of the Weibull and the exponential only: -b / sigma,
            with delta-method errors; the intercept is then the log of the rate r in H(t) = r t^shape.

        Returns
        -------
        DataFrame
            Columns of `CoxFit.tidy`. Besides the coefficients: the intercept, on the scale "log time" or "log rate", and
            "log shape" (1 / sigma) or "log standard deviation" (sigma), both without a test.

        Raises
        ------
        InputError
            No such scale, or hazard ratios of a family whose hazards are not proportional.
        """
        if scale not in ("time ratio", "hazard ratio") or (scale == "hazard ratio" and self.family not in PROPORTIONAL):
            raise InputError("there is no such scale in this family", next_step='"hazard ratio" is of the Weibull alone.')
        theta, covariance = self.theta, self.covariance
        if scale == "hazard ratio":
            theta, covariance = as_hazards(theta, covariance, len(self.limit.columns) + 1)
        position = {int(c): k + 1 for k, c in enumerate(self.limit.columns) if c not in self.limit.notes}
        table = wald_table(
            self.design.coefficients, self.counts, position, theta, covariance, cause=self.cause,
            notes=self.limit.notes, conf_level=self.conf_level,
        ).assign(scale=f"log {scale}")  # fmt: skip
        error = np.sqrt(np.diag(covariance))
        known = FAMILIES[self.family]
        names, values, errors = ["intercept"], [theta[0]], [error[0]]
        scales = ["log rate" if scale == "hazard ratio" else "log time"]
        if self.family != "exponential":
            names, scales = [*names, known.shape], [*scales, f"log {known.shape}"]
            values, errors = [*values, known.sign * theta[-1]], [*errors, error[-1]]
        rest = parameter_rows(names, values, errors, self.conf_level).assign(
            cause=self.cause, n=self.n, n_event=self.n_event, scale=scales
        )
        if any("reference level" in note for note in self.limit.notes.values()):
            rest.loc[0, "note"] = "of the first level with events: the reference level has none"
        return exponentiated(pd.concat((rest[:1], table, rest[1:]), ignore_index=True), exponentiate)[list(COLUMNS)]

    def glance(self) -> pd.DataFrame:
        """One row: method, cause, n, n_event, n_excluded, df, the likelihood-ratio test, log-likelihoods, AIC, BIC, note.

        The test is that against the family without covariates, `log_likelihood_null`. AIC counts every parameter, the
        intercept and sigma too; BIC takes the logarithm of the number of events. Log-likelihoods are those of the times,
        not of their logarithms, so that families compare.
        """
        p = self.design.matrix.shape[1]
        ratio, k = 2.0 * (self.value - self.value_null), p + 1 + (self.family != "exponential")
        row = {
            "method": f"{self.family.replace('_', '-')} regression",
            "cause": self.cause,
            "n": self.n,
            "n_event": self.n_event,
            "n_excluded": self.n_excluded,
            "df": p,
            "statistic": ratio if p else np.nan,
            "p_value": float(chdtrc(p, max(ratio, 0.0))) if p else np.nan,
            "log_likelihood": self.value,
            "log_likelihood_null": self.value_null,
            "aic": 2.0 * k - 2.0 * self.value,
            "bic": k * np.log(self.n_event) - 2.0 * self.value,
            "events_per_parameter": self.n_event / k,
            "iterations": self.iterations,
            "note": "; ".join(sorted({*self.limit.notes.values(), *([self.note] * bool(self.note))})),
        }
        return pd.DataFrame({name: [value] for name, value in row.items()})

    def predict(self, new: pd.DataFrame, times: float | Iterable[float], *, conf_type: str = "log-log") -> pd.DataFrame:
        """Survival of patients with given covariates, with delta-method errors.

        Parameters
        ----------
        new
            One row a patient, with the columns of the terms.
        times, conf_type
            In the endpoint's unit; plain, log, log-log, logit or arcsin.

        Returns
        -------
        DataFrame
            group (position of the patient in `new`, from 0), time, estimate, std_error, low, high, conf_level, interval,
            scale ("probability"), note.

        Raises
        ------
        ColumnError, InputError
            A column that is not there; levels that the model does not know; a model of one cause where others compete.
        """
        check_interval(conf_type, self.conf_level)
        refuse_one_cause(self.cause, self.endpoint)
        asked = asked_times(times)
        x, known = encoded(self.design, self.limit, new)
        scaled = self.family != "exponential"
        sigma = float(np.exp(self.theta[-1])) if scaled else 1.0
        ones = np.column_stack((np.ones(len(x)), x))
        with np.errstate(divide="ignore", invalid="ignore"):  # time 0 has no logarithm, who is not known no number
            z = (np.log(asked) - (ones @ self.theta[: ones.shape[1]])[:, None]) / sigma
            at_zero = np.isneginf(z)
            z = np.where(at_zero, 0.0, np.clip(z, -FARTHEST, FARTHEST))
            found = FAMILIES[self.family].survival(z)
        survival = np.where(at_zero, 1.0, np.exp(found.value))
        fall = np.where(at_zero, 0.0, np.exp(found.value) * found.first)
        by = np.repeat(-ones[:, None, :] / sigma, len(asked), axis=1)
        if scaled:
            by = np.concatenate((by, -z[:, :, None]), axis=2)
        error = np.abs(fall) * np.sqrt(np.einsum("ntp,pq,ntq->nt", by, self.covariance, by))
        last = float(self.endpoint.time.max())
        return probability_table(asked, survival, error, known, last, conf_type, self.conf_level)

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def parametric(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    family: str = "weibull",
    cause: str | None = None,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> ParametricFit:
    r"""Regression with a parametric distribution of the time to the event: accelerated failure times.

    Estimand: time ratios. log T = a + x'b + sigma W: a covariate multiplies every time by e^b. W is the logarithm of a unit
    exponential (Weibull; with sigma 1 the exponential), standard normal or standard logistic. Hazards of the Weibull and
    the exponential are proportional too, with ratios e^(-b / sigma): `tidy(scale="hazard ratio")`. Of one cause the others
    are censored, and the distribution is that of a world without them.

    Maximum likelihood: log f for an event, log S for a censored row, less log S at its entry for a row that entered late.
    lifelines finds the optimum; Newton's method on the same likelihood carries it on until the Newton decrement is below
    1e-20, because lifelines stops earlier. Standard errors are those of the observed information. Equal to R's `survreg`.

    Edge rules. Events at time 0 are refused, as their time has no logarithm; rows censored at time 0 say nothing and stay
    in `n`. An entry of 0 or less is none. Levels without events are taken to their limit, an infinite time ratio: their
    rows are marked. Rows with a missing term are left out and counted.

    Parameters
    ----------
    endpoint
        Times and causes, one row a patient.
    terms
        A formula, "age + ikzf1_class", or a list of columns; an empty list fits the intercept alone.
    family
        "weibull", "exponential", "log_normal" or "log_logistic".
    cause, references, conf_level
        Name of a cause, None for any; column to reference level; level of the intervals.

    Returns
    -------
    ParametricFit
        With `.tidy(exponentiate=False, scale="time ratio")`, `.glance()`, `.predict(new, times)` and `.covariance`.

    Raises
    ------
    ColumnError, InputError
        Unknown column, family or cause; no events; events at time 0; several rows a patient; redundant columns.
    ConvergenceError
        The likelihood has no maximum: a covariate separates those with events from those without, or all events are at one
        time.

    Notes
    -----
    Kalbfleisch and Prentice 2002, doi:10.1002/9781118032985, chapters 2 and 3 (recalled, not verified).

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes import endpoint_from_columns
    >>> d = pd.DataFrame({"t": [4.0, 3, 1, 1, 2, 2, 3], "s": [1, 1, 1, 0, 1, 1, 0], "x": [0, 0, 0, 0, 1, 1, 1]})
    >>> endpoint = endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> fit = parametric(endpoint, "x", family="exponential")
    >>> fit.tidy(exponentiate=True)["estimate"].round(6).tolist()  # 9 years and 3 events; 7 years and 2 events
    [3.0, 1.166667]
    """
    normal_quantile(conf_level)
    if not isinstance(family, str) or family not in FAMILIES:
        raise InputError("there is no such family", next_step=f"Use {', '.join(FAMILIES)}.")
    found = covariates(endpoint, terms, references)
    n_excluded = found.n_missing
    endpoint, event = complete_part(endpoint, cause, found.keep, logarithm=True)
    if n_excluded:
        found = covariates(endpoint, terms, references)
    _, limit, counts, seen = part_of(endpoint, found, limit_of_empty_levels(found, event), event)
    unit = float(np.median(endpoint.time[event]))
    rows, frame = followed(endpoint, event, limit.used, seen.x, cause, unit)
    top, theta = fitted_family(family, rows, frame)
    refuse_running(top, found, limit)
    every = np.ones(len(event), dtype=bool)
    plain = followed(endpoint, event, every, np.empty((len(event), 0)), cause, unit)
    null = fitted_family(family, *plain, near=theta[[0, -1]])[0]
    p = len(limit.columns)
    turn = np.eye(len(theta))
    turn[1 : p + 1, 1 : p + 1] = np.diag(1.0 / seen.scale)
    turn[0, 1 : p + 1] = -seen.centre / seen.scale
    own = turn @ theta
    own[0] += np.log(unit)
    shift = float(rows.weight @ rows.event) * np.log(unit)
    return ParametricFit(
        endpoint, found, family, limit, counts, frozen(own),
        frozen(turn @ np.linalg.inv(top.information) @ turn.T), top.value - shift, null.value - shift, cause or "any",
        endpoint.patients(every), int(event.sum()), n_excluded, conf_level, top.iterations,
        weight_note(endpoint),
    )  # fmt: skip


def followed(
    endpoint: Endpoint, event: np.ndarray, used: np.ndarray, x: Floats, cause: str | None, unit: float
) -> tuple[Followed, pd.DataFrame]:
    """Rows for the likelihood, and the frame that lifelines takes; who is censored at time 0 says nothing.

    `x` holds the covariates of the rows used; times are divided by `unit`.
    """
    length = used & (endpoint.time > 0)
    part = take_rows(endpoint, length)
    frame = to_lifelines(part, cause=cause)
    own = x[length[used]]
    entry = np.zeros(len(part)) if part.entry is None else np.maximum(part.entry, 0.0) / unit
    late = entry > 0
    ones = np.column_stack((np.ones(len(part)), own))
    weight = np.asarray(part.case_weights, dtype=float)
    rows = Followed(np.log(part.time / unit), event[length], weight, ones, late, np.log(entry[late]))
    frame = frame.assign(duration=frame["duration"] / unit, **({"entry": entry} if "entry" in frame else {}))
    return rows, frame


def fitted_family(name: str, rows: Followed, frame: pd.DataFrame, near: Floats | None = None) -> tuple[Maximum, Floats]:
    """The maximum by Newton's method and where it is, from `near`, or from lifelines' optimum, 1e-5 to 1e-2 errors off."""
    scaled = name != "exponential"
    begin = np.zeros(rows.x.shape[1] + scaled)
    begin[0] = np.log(rows.weight @ np.exp(rows.log_time) / (rows.weight @ rows.event))
    if scaled:
        begin = lifelines_optimum(name, rows, frame, begin) if near is None else near
    evaluate = family_likelihood(FAMILIES[name], rows, scaled=scaled)
    top = newton(lambda step: evaluate(begin + step), len(begin))
    return (top, begin + top.beta) if top.converged or near is None else fitted_family(name, rows, frame)


def lifelines_optimum(name: str, rows: Followed, frame: pd.DataFrame, otherwise: Floats) -> Floats:
    """(b, log sigma) as lifelines finds them; `otherwise` where it finds none."""
    import lifelines
    from lifelines.exceptions import ConvergenceError as NotFound

    fitter, location, other = FITTERS[name]
    names = [f"x{k}" for k in range(1, rows.x.shape[1])]
    frame = pd.concat((frame, pd.DataFrame(rows.x[:, 1:], columns=names)), axis=1)
    with warnings.catch_warnings():  # what they say of the fit is checked after Newton's method
        warnings.simplefilter("ignore")
        try:
            made = getattr(lifelines, fitter)().fit(
                frame, "duration", event_col="event", weights_col="weight", entry_col="entry" if "entry" in frame else None
            )
        except (NotFound, ValueError, np.linalg.LinAlgError):
            return otherwise
    found = made.params_
    ancillary = FAMILIES[name].sign * float(found[other]["Intercept"])
    return np.array([found[location]["Intercept"], *(found[location][covariate] for covariate in names), ancillary])


def refuse_running(top: Maximum, matrix: Design, limit: Limit) -> None:
    """Raise when the likelihood only flattens out, or rises without end."""
    regular = np.isfinite((top.value, *top.information.flat)).all() and np.linalg.eigvalsh(top.information)[0] > 0
    if top.converged and regular and (np.abs(top.step) <= RUNNING).all():
        return
    running = np.flatnonzero(np.abs(top.step[1 : len(limit.columns) + 1]) > RUNNING)
    names = ", ".join(column_names(matrix, limit.columns[running]))
    raise ConvergenceError(
        f"the likelihood has no maximum{f' in {names}' if names else ''}",
        next_step="Are all events at one time, or does a covariate separate those with events? Leave terms out.",
    )


def compare_families(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    families: Iterable[str] = tuple(FAMILIES),
    cause: str | None = None,
    references: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """The same terms in several families: their fit beside each other, the lowest AIC first.

    AIC and BIC do not say that the best is good, and families that fit alike may part beyond the last follow-up.

    Parameters
    ----------
    endpoint, terms, cause, references
        As in `parametric`.
    families
        Which; all by default.

    Returns
    -------
    DataFrame
        The columns of `ParametricFit.glance`, one row a family. A family without a maximum has a row with a note.

    Raises
    ------
    InputError
        As `parametric`.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes import endpoint_from_columns
    >>> d = pd.DataFrame({"t": [4.0, 3, 1, 1, 2, 2, 3], "s": [1, 1, 1, 0, 1, 1, 0]})
    >>> endpoint = endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> compare_families(endpoint, [])[["method", "aic"]].round(2).values.tolist()[0]
    ['weibull regression', 20.46]
    """
    rows = []
    for family in tuple(families) or ("",):
        try:
            rows.append(parametric(endpoint, terms, family=family, cause=cause, references=references).glance())
        except ConvergenceError as raised:
            name = f"{family.replace('_', '-')} regression"
            rows.append(pd.DataFrame([{"method": name, "cause": cause or "any", "aic": np.nan, "note": str(raised)}]))
    return pd.concat(rows, ignore_index=True).sort_values("aic", kind="stable", ignore_index=True)
