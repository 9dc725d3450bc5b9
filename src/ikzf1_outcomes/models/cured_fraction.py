"""Mixture cure: a share of the patients never has the event, the others have a hazard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, expit

from ikzf1_outcomes.curves.intervals import check_interval, normal_quantile, probability_limits
from ikzf1_outcomes.endpoint import Endpoint, frozen, label
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.kernels.cure import (
    baseline_at,
    cure_in_own_units,
    cure_likelihood,
    lay_out_cure,
    maximise_cure,
    starts,
    survival_of,
)
from ikzf1_outcomes.kernels.partial import Maximum
from ikzf1_outcomes.kernels.risk import Floats, snap
from ikzf1_outcomes.models.coefficients import COLUMNS, exponentiated, wald_table
from ikzf1_outcomes.models.estimability import column_names, limit_of_empty_levels
from ikzf1_outcomes.models.extrapolation import (
    PER_CAUSE,
    UNKNOWN,
    Part,
    asked_times,
    checked_cuts,
    complete_part,
    covariates,
    encoded,
    parameter_rows,
    part_of,
    probability_table,
    refuse_one_cause,
    terms_of_both,
    weight_note,
)

RUNNING = 1e-3
"""A Newton step left over that is longer, for covariates of unit spread, has no maximum before it."""
NOBODY = -8.0
"""Log odds of cure: where a search has no end and nobody has more, it went to nobody."""
LATENCIES = ("weibull", "piecewise")


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class CureFit:
    """A fitted mixture cure model; made by `mixture_cure`."""

    endpoint: Endpoint
    """The rows analysed."""
    cured_part: Part
    latency_part: Part
    used: np.ndarray
    """Rows of the endpoint in the likelihood: without those of levels that have no events."""
    cuts: Floats | None
    """Where the hazard of the uncured changes; None for the Weibull."""
    theta: Floats
    """Intercept and coefficients of the cured part, coefficients of the latency, parameters of its baseline."""
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
        return f"CureFit({self.latency}, {self.endpoint.name}, cause {self.cause!r}: n = {self.n:g}, {self.n_event} events)"

    @property
    def latency(self) -> str:
        """The distribution of the uncured: "weibull" or "piecewise"."""
        return "weibull" if self.cuts is None else "piecewise"

    @property
    def edges(self) -> tuple[int, int]:
        """Where the coefficients of the latency begin in `theta`, and where they end."""
        first = 1 + len(self.cured_part.limit.columns)
        return first, first + len(self.latency_part.limit.columns)

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """The parts of the model, one row a parameter, reference levels included.

        Parameters
        ----------
        exponentiate
            Give estimate, low and high as odds, ratios, hazards; `std_error` stays on the log scale.

        Returns
        -------
        DataFrame
            part ("cured", "latency", "baseline"), then the columns of `CoxFit.tidy`. Scales: "log odds of cure" of the
            intercept, "log odds ratio of cure"; "log hazard ratio" of the uncured; "log shape" and "log rate" of H0(t) =
            rate t^shape, or "log hazard" of each interval, all at covariates of 0. The intercept and the baseline have no
            test.
        """
        first, last = self.edges
        error = np.sqrt(np.diag(self.covariance))
        base = slice(last, None)
        if self.cuts is None:
            names, contrasts, scales = ["rate", "shape"], ["", ""], ["log rate", "log shape"]
        else:
            ends = [label(float(cut)) for cut in self.cuts]
            contrasts = [f"{a} to {b}" for a, b in zip(["0", *ends], ends, strict=False)] + [
                f"after {ends[-1] if ends else 0}"
            ]
            names, scales = ["hazard"] * len(contrasts), ["log hazard"] * len(contrasts)
        common = {"cause": self.cause, "n": self.n, "n_event": self.n_event}
        top = parameter_rows(["intercept"], self.theta[:1], error[:1], self.conf_level)
        top = top.assign(part="cured", scale="log odds of cure", **common, note=self.cured_part.base_note)
        rest = parameter_rows(names, self.theta[base], error[base], self.conf_level)
        rest = rest.assign(part="baseline", contrast=contrasts, scale=scales, **common, note=self.latency_part.base_note)
        parts = [top]
        for name, part, begin, scale in (
            ("cured", self.cured_part, 1, "log odds ratio of cure"),
            ("latency", self.latency_part, first, "log hazard ratio"),
        ):
            position = {int(c): begin + k for k, c in enumerate(part.limit.columns) if c not in part.limit.notes}
            table = wald_table(
                part.design.coefficients, part.counts, position, self.theta, self.covariance, cause=self.cause,
                notes=part.limit.notes, conf_level=self.conf_level,
            )  # fmt: skip
            if len(table):
                parts.append(table.assign(part=name, scale=scale))
        table = pd.concat((*parts, rest), ignore_index=True)
        return exponentiated(table, exponentiate)[["part", *COLUMNS]]

    def glance(self) -> pd.DataFrame:
        """One row: method, cause, n, n_event, n_excluded, df, the test of no cure, log-likelihoods, AIC, BIC, note.

        `log_likelihood_null` is that of the same latency without a cured part. Where the cured part is an intercept alone
        the likelihood ratio is a half-half mixture of 0 and a chi-square of 1 degree of freedom, as "nobody" lies at the
        end of the range (Self and Liang 1987, recalled, not verified); with terms in it there is no p-value: without cured
        patients their coefficients mean nothing. AIC counts every parameter; BIC takes the log of the events.
        """
        k = len(self.theta) + sum(len(p.design.names) - len(p.limit.columns) for p in (self.cured_part, self.latency_part))
        ratio, alone = max(2.0 * (self.value - self.value_null), 0.0), not self.cured_part.design.names
        half = float(0.5 * chdtrc(1, ratio)) if ratio > 0 else 1.0
        notes = {*self.cured_part.limit.notes.values(), *self.latency_part.limit.notes.values(), self.note} - {""}
        if not alone:
            notes |= {"no p-value of no cure: without cured patients the terms of that part mean nothing"}
        row = {
            "method": f"mixture cure, {self.latency} latency",
            "cause": self.cause,
            "n": self.n,
            "n_event": self.n_event,
            "n_excluded": self.n_excluded,
            "df": 1 if alone else len(self.cured_part.design.names) + 1,
            "statistic": ratio,
            "p_value": half if alone else np.nan,
            "log_likelihood": self.value,
            "log_likelihood_null": self.value_null,
            "aic": 2.0 * k - 2.0 * self.value,
            "bic": k * np.log(self.n_event) - 2.0 * self.value,
            "events_per_parameter": self.n_event / k,
            "iterations": self.iterations,
            "note": "; ".join(sorted(notes)),
        }
        return pd.DataFrame({name: [value] for name, value in row.items()})

    def predict(self, new: pd.DataFrame, times: float | Iterable[float], *, conf_type: str = "log-log") -> pd.DataFrame:
        """Survival of patients with given covariates, cured or not, with delta-method errors.

        Parameters
        ----------
        new
            One row a patient, with the columns of the terms of both parts.
        times, conf_type
            In the endpoint's unit, beyond the last follow-up with a note; plain, log, log-log, logit or arcsin.

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
        z, x, known = self.encode(new)
        first, last = self.edges
        m, count = len(asked), len(new)
        found = baseline_at(np.tile(asked, count), self.cuts).cumulative(self.theta[last:])
        z, x = np.repeat(z, m, axis=0), np.repeat(x, m, axis=0)
        relative = np.exp(x @ self.theta[first:last])
        hazard = found.total * relative
        slope = np.column_stack((hazard[:, None] * x, relative[:, None] * found.slope))
        survival, by = survival_of(z @ self.theta[:first], z, hazard, slope)
        error = np.sqrt(np.einsum("np,pq,nq->n", by, self.covariance, by))
        end = float(self.endpoint.time.max())
        return probability_table(
            asked, survival.reshape(count, m), error.reshape(count, m), known, end, conf_type, self.conf_level
        )

    def cured(self, new: pd.DataFrame | None = None) -> pd.DataFrame:
        """The share of cured patients: of each of some new ones, or the mean over the patients analysed.

        Parameters
        ----------
        new
            One row a patient, with the columns of the terms of both parts; None for the mean over the patients analysed
            (weighted; without those of levels that have no events).

        Returns
        -------
        DataFrame
            group (position of the patient in `new`, from 0, or "all"), n, estimate, std_error, low, high, conf_level,
            interval ("logit"), scale ("probability"), note.
        """
        first = self.edges[0]
        if new is None:
            found = encoded(self.cured_part.design, self.cured_part.limit, self.endpoint.frame)[0]
            weight = (self.endpoint.case_weights * self.used)[self.used]
            z, known = np.column_stack((np.ones(len(weight)), found[self.used])), np.array([True])
            share = expit(z @ self.theta[:first])
            estimate = np.array([weight @ share / weight.sum()])
            by = ((weight * share * (1.0 - share)) @ z / weight.sum())[None]
        else:
            z, _, known = self.encode(new)
            estimate = expit(z @ self.theta[:first])
            by = (estimate * (1.0 - estimate))[:, None] * z
        error = np.sqrt(np.einsum("np,pq,nq->n", by, self.covariance[:first, :first], by))
        low, high = probability_limits(estimate, error, "logit", self.conf_level)
        out = pd.DataFrame({"group": ["all"] if new is None else np.arange(len(new))})
        seen = PER_CAUSE if self.cause != "any" and len(self.endpoint.causes) > 1 else ""
        note = np.where(known, seen, UNKNOWN)
        return out.assign(
            n=self.n if new is None else 1.0, estimate=estimate, std_error=error, low=low, high=high,
            conf_level=self.conf_level, interval="logit", scale="probability", note=note,
        )  # fmt: skip

    def encode(self, new: pd.DataFrame) -> tuple[Floats, Floats, np.ndarray]:
        """Covariates of the cured part, with ones, and of the latency; who is known in both."""
        (z, one), (x, other) = (encoded(p.design, p.limit, new) for p in (self.cured_part, self.latency_part))
        known = one & other
        z = np.column_stack((np.ones(len(new)), z))
        z[~known], x[~known] = np.nan, np.nan
        return z, x, known

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def mixture_cure(
    endpoint: Endpoint,
    terms: str | Sequence[str],
    *,
    cured_terms: str | Sequence[str] | None = None,
    latency: str = "weibull",
    cuts: Iterable[float] | None = None,
    cause: str | None = None,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> CureFit:
    r"""Mixture cure regression: who is cured, and when the others have their event.

    .. math:: S(t | x, z) = \pi(z) + (1 - \pi(z)) S_u(t | x), \quad \log\frac{\pi}{1 - \pi} = z'g, \quad
              S_u = \exp(-H_0(t) e^{x'b})

    Estimands: odds ratios **of being cured** (above 1: more are cured), and hazard ratios among those who are not.
    H0(t) = rate t^shape, or piecewise linear. Maximum likelihood with the exact gradient and information, from several
    starts by a trust region, then by Newton's method until its decrement is below 1e-20; delayed entry conditions on being
    without the event at entry. Standard errors are those of the observed information.

    "Cured" means: with a probability that the model extrapolates from the plateau, never an event of this kind, if
    follow-up went on for ever. Nobody can see it; late relapses exist; with another latency the same data may give another
    share. Of one cause the others are censored: no share of patients. Look at `sufficient_follow_up` first.

    Edge rules. Levels without events are taken to their limit: their rows are marked, their patients leave the likelihood.
    Events at time 0 are refused by the Weibull, and lie in the first interval of a piecewise hazard. Intervals are (a, b],
    and each must hold an event. Rows with a missing term of either part are left out and counted.

    Parameters
    ----------
    endpoint
        Times and causes, one row a patient.
    terms
        A formula or a list of columns for the hazard of the uncured; an empty list for none.
    cured_terms
        Those of the cured part; None takes the same, an empty list none.
    latency
        "weibull" or "piecewise".
    cuts
        Where a piecewise hazard changes; None takes the quartiles of the event times, an empty list a constant hazard. A
        last interval with few events and much follow-up explains a plateau by itself: then nobody looks cured.
    cause, references, conf_level
        Name of a cause, None for any; column to reference level; level of the intervals.

    Returns
    -------
    CureFit
        With `.tidy(exponentiate=False)`, `.glance()`, `.predict(new, times)`, `.cured(new)` and `.covariance`.

    Raises
    ------
    ColumnError, InputError
        Unknown column, latency or cause; no events; cuts that do not ascend, an interval without events; redundant columns.
    ConvergenceError
        The likelihood has no maximum: it rises as the cured fraction goes to 0, or along a covariate.

    Notes
    -----
    Farewell 1982; Maller and Zhou 1996 (both recalled, not verified).

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes import endpoint_from_columns
    >>> d = pd.DataFrame({"t": [1.0, 1, 2, 2, 3, 9, 9, 9, 9, 9], "s": [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]})
    >>> endpoint = endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> mixture_cure(endpoint, [], latency="piecewise", cuts=[]).cured()["estimate"].round(3).tolist()
    [0.496]
    """
    normal_quantile(conf_level)
    if latency not in LATENCIES or (latency == "weibull" and cuts is not None):
        raise InputError("there is no such latency, or a Weibull with cuts", next_step=f"Use {' or '.join(LATENCIES)}.")
    asked = terms_of_both(terms, terms if cured_terms is None else cured_terms, references=references)
    keep = np.logical_and.reduce([covariates(endpoint, *one).keep for one in asked])
    n_excluded = int((~keep).sum())
    endpoint, event = complete_part(endpoint, cause, keep, logarithm=latency == "weibull")
    found = [covariates(endpoint, *one) for one in asked]
    limits = [limit_of_empty_levels(one, event) for one in found]
    used = limits[0].used & limits[1].used
    hazard, odds = (part_of(endpoint, one, limit, event, used) for one, limit in zip(found, limits, strict=True))
    chosen = None if latency == "weibull" else checked_cuts(endpoint, event, cuts)
    top, theta, unit = maximum_of(endpoint, event, used, odds.seen.x, hazard.seen.x, chosen)
    refuse_running(top, theta, odds, hazard)
    # without cured patients only the levels of the latency go to their limit
    alone = part_of(endpoint, found[0], limits[0], event, limits[0].used)
    null = maximum_of(endpoint, event, limits[0].used, None, alone.seen.x, chosen)[0]
    own, turn = cure_in_own_units(theta, odds.seen[1:], hazard.seen[1:], unit, weibull=chosen is None)
    shift = float(endpoint.case_weights @ event) * np.log(unit)
    return CureFit(
        endpoint, odds, hazard, frozen(used), chosen, frozen(own), frozen(turn @ np.linalg.inv(top.information) @ turn.T),
        top.value - shift, null.value - shift, cause or "any", endpoint.patients(np.ones(len(event), dtype=bool)),
        int(event.sum()), n_excluded, conf_level, top.iterations, weight_note(endpoint),
    )  # fmt: skip


def maximum_of(
    endpoint: Endpoint, event: np.ndarray, used: np.ndarray, z: Floats | None, x: Floats, cuts: Floats | None
) -> tuple[Maximum, Floats, float]:
    """The maximum, the parameters there, and the unit of time: the median time of an event. No `z`: nobody is cured."""
    unit = float(np.median(endpoint.time[event])) or 1.0
    time = endpoint.time[used] / unit
    entry = np.zeros(len(time)) if endpoint.entry is None else np.maximum(endpoint.entry[used], 0.0) / unit
    covariates_of = np.empty((len(time), 0)) if z is None else z
    weight = np.asarray(endpoint.case_weights[used], dtype=float)
    edges = None if cuts is None else snap(cuts, endpoint.rows.times) / unit
    rows = lay_out_cure(time, entry, event[used], weight, covariates_of, x, edges)
    cured = z is not None
    return (*maximise_cure(cure_likelihood(rows, cured=cured), starts(rows, time, cured=cured)), unit)


def refuse_running(top: Maximum, theta: Floats, odds: Part, hazard: Part) -> None:
    """Raise when the likelihood only flattens out: nobody is cured, or a covariate separates."""
    regular = np.isfinite((top.value, *top.information.flat)).all() and np.linalg.eigvalsh(top.information)[0] > 0
    if top.converged and regular and (np.abs(top.step) <= RUNNING).all():
        return
    first = 1 + len(odds.limit.columns)
    if (theta[0] + odds.seen.x @ theta[1:first] < NOBODY).all():
        raise ConvergenceError(
            "the likelihood keeps rising as the cured fraction goes to 0", next_step="Nobody looks cured: use `parametric`."
        )
    running = np.abs(top.step) > RUNNING
    names = column_names(odds.design, odds.limit.columns[running[1:first]])
    moving = running[first : first + len(hazard.limit.columns)]
    names += column_names(hazard.design, hazard.limit.columns[moving])
    raise ConvergenceError(
        f"the likelihood has no maximum{f' in {chr(44).join(dict.fromkeys(names))}' if names else ''}",
        next_step="The data do not tell cured from late: use fewer terms, or longer follow-up.",
    )
