"""Cox models with a shared gamma frailty: clusters whose hazards differ by an unseen factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ikzf1_outcomes.endpoint import Columns, frozen
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.kernels.frailty import (
    Clustered,
    Penalised,
    clustered,
    curvature,
    estimate_variance,
    inverse_information,
)
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.coefficients import on_scale, wald_table
from ikzf1_outcomes.models.cox_fit import CoxFit

FEW = 5
"""Clusters up to which R's `frailty` takes the whole matrix of second derivatives by default."""
NO_FRAILTY = "the variance of the frailty is 0: the fit without it"
LATE = "delayed entry: the frailty is taken as gamma with mean 1 among those who enter"
UNSEEN = "nobody at risk at an event: the frailty is that of the prior"


class Clusters(NamedTuple):
    """Clusters of the rows analysed."""

    columns: tuple[str, ...]
    levels: tuple[Any, ...]
    n: Floats
    n_event: Integers
    present: Integers
    """Which of `levels` have rows at risk at an event: those with a log frailty of their own."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class FrailtyFit:
    """A Cox model with a shared gamma frailty; made by `cox(..., frailty="centre")`."""

    plain: CoxFit
    """The fit without frailty."""
    clusters: Clusters
    rows: Clustered
    top: Penalised | None
    """Maximum in the units of the layout; None where the variance of the frailty is 0."""
    beta: Floats
    covariance: Floats
    """Of the coefficients, the variance of the frailty taken as known."""
    frailty_variance: Floats
    """Of the log frailties of the clusters present."""

    def __repr__(self) -> str:
        fit = self.plain
        return f"FrailtyFit({fit.endpoint.name}, cause {fit.cause!r}: {len(self.clusters.levels)} clusters, n = {fit.n:g})"

    @property
    def theta(self) -> float:
        """Variance of the frailty."""
        return 0.0 if self.top is None else self.top.theta

    @property
    def method(self) -> str:
        """The estimator in words."""
        return f"{self.plain.method}, shared gamma frailty of {', '.join(self.clusters.columns)}"

    @property
    def note(self) -> str:
        """What the reader must know about the fit."""
        how = self.plain.estimation
        late = LATE if len(how.layout.late) and self.plain.endpoint.subject is None else ""
        return "; ".join(part for part in (self.plain.note, NO_FRAILTY if self.top is None else "", late) if part)

    def tidy(self, *, exponentiate: bool = False, whole: bool = False) -> pd.DataFrame:
        """One row a coefficient, reference levels included.

        Parameters
        ----------
        exponentiate
            Give estimate, low and high as hazard ratios; `std_error` stays on the log scale.
        whole
            Standard errors by all second derivatives among the clusters, R's `frailty(sparse = FALSE)`: those of the
            marginal likelihood at this variance of the frailty. By default they are R's, which beyond five clusters leaves
            out the derivatives between two of them and is somewhat larger. Takes time with thousands of clusters.

        Returns
        -------
        DataFrame
            term, contrast, cause, n, n_event, estimate, std_error, low, high, conf_level, interval, scale, statistic,
            p_value, note. Hazard ratios are between patients of equal frailty, such as two of one cluster.
        """
        fit = self.plain
        covariance = self.covariance_of(whole=True)[0] if whole else self.covariance
        table = wald_table(
            fit.design.coefficients, fit.counts, fit.position, self.beta, covariance, cause=fit.cause, notes=fit.notes,
            conf_level=fit.conf_level,
        )  # fmt: skip
        return on_scale(table, "hazard ratio", exponentiate)

    def covariance_of(self, *, whole: bool) -> tuple[Floats, Floats]:
        """Covariance of the coefficients and variances of the log frailties, by all second derivatives or R's diagonal."""
        if self.top is None:
            return self.plain.covariance, np.full(len(self.clusters.present), np.nan)
        scale = self.plain.estimation.scale
        at = curvature(self.rows, self.top.beta, self.top.frailty, self.top.theta, whole=whole)
        covariance, variance = inverse_information(at)
        return frozen(covariance / np.outer(scale, scale)), frozen(variance)

    def glance(self) -> pd.DataFrame:
        """One row: n, events, clusters, theta, marginal log-likelihood, the test that the frailty has no variance, notes.

        `theta` is the variance of the frailty; `log_likelihood` the log marginal likelihood, frailties integrated out and
        the baseline hazard at its maximum, on the scale on which it is the log partial likelihood at a variance of 0;
        `log_likelihood_no_frailty` that of the fit without frailty. `statistic` is twice their difference; as a variance
        cannot be negative, `p_value` is from the equal mixture of chi-square with 0 and with 1 degree of freedom (Self and
        Liang 1987, recalled): half the tail of chi-square with 1.
        """
        fit = self.plain
        value = fit.maximum.value if self.top is None else self.top.marginal
        ratio = max(2.0 * (value - fit.maximum.value), 0.0)
        return pd.DataFrame(
            {
                "method": [self.method],
                "cause": [fit.cause],
                "n": [fit.n],
                "n_event": [fit.n_event],
                "n_excluded": [fit.design.n_missing],
                "n_clusters": [len(self.clusters.levels)],
                "theta": [self.theta],
                "statistic": [ratio],
                "p_value": [0.5 * float(chdtrc(1, ratio)) if ratio > 0 else 1.0],
                "log_likelihood": [value],
                "log_likelihood_no_frailty": [fit.maximum.value],
                "log_likelihood_null": [fit.maximum.value_null],
                "iterations": [fit.maximum.iterations + (0 if self.top is None else self.top.iterations)],
                "note": [self.note],
            }
        )

    def frailties(self) -> pd.DataFrame:
        """Log frailty of each cluster, given its events and its follow-up.

        Returns
        -------
        DataFrame
            group (the cluster; a tuple where there are several columns), n, n_event, estimate, std_error, scale ("log
            hazard ratio"), note. exp(estimate) is the mean of the frailty given the data, (1 / theta + d) / (1 / theta + H)
            with d events and H expected without frailty; the standard error is from the penalised information (the root of
            R's `fit$fvar`).
        """
        own = self.clusters
        estimate, error = np.zeros(len(own.levels)), np.full(len(own.levels), np.nan)
        note = np.full(len(own.levels), NO_FRAILTY if self.top is None else UNSEEN, dtype=object)
        if self.top is not None:
            error[:] = np.sqrt(self.top.theta)
            estimate[own.present], error[own.present] = self.top.frailty, np.sqrt(self.frailty_variance)
            note[own.present] = ""
        table = {"group": list(own.levels), "n": own.n, "n_event": own.n_event, "estimate": estimate, "std_error": error}
        return pd.DataFrame(table).assign(scale="log hazard ratio", note=note)

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def with_frailty(plain: CoxFit, frailty: Columns) -> FrailtyFit:
    r"""Add a shared gamma frailty to a Cox model.

    The hazard of a patient in cluster j is Z_j h_0(t) exp(x'b + offset), the Z_j independent, gamma with mean 1 and
    variance theta. At a given theta the marginal likelihood, over b and the baseline hazard, has its maximum where the
    partial likelihood with log frailties w_j as coefficients, penalised by

    .. math:: \frac1\theta \sum_j (w_j - e^{w_j} + 1),

    has it (Therneau, Grambsch and Pankratz 2003, recalled, not verified); exp(w_j) is then the mean of Z_j given the data,
    as in the EM algorithm of Klein 1992 (recalled). The marginal likelihood is maximised over theta at the root of its
    derivative. Derived in `docs/methods/frailty.md`; equal to R's `frailty(distribution = "gamma", method = "em")`.

    Parameters
    ----------
    plain
        The model without frailty, whose clusters are those of the frailty.
    frailty
        Column or columns of the clusters.

    Returns
    -------
    FrailtyFit
        With `.tidy()`, `.glance()` and `.frailties()`.

    Raises
    ------
    InputError
        Fewer than two clusters.
    ConvergenceError
        The variance of the frailty has no finite maximum.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1, 2, 3, 9, 8, 12, 4, 7], "s": 1, "x": [0, 1] * 4, "centre": list("aaabbbcc")})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> fit = iko.cox(endpoint, "x", frailty="centre")
    >>> fit.frailties()["group"].tolist()
    ['a', 'b', 'c']
    """
    how, endpoint = plain.estimation, plain.endpoint
    groups = endpoint.groups(frailty)
    code, inside = plain.cluster, how.rows[how.complete]
    there = np.unique(code)
    if len(there) < 2:
        raise InputError("a frailty needs two clusters or more", count=len(there), next_step="Name another column.")
    present, own = np.unique(code[inside], return_inverse=True)
    rows = clustered(how.layout, own, how.ties)
    clusters = Clusters(
        groups.columns, tuple(groups.levels[k] for k in there), *sizes(plain), np.searchsorted(there, present)
    )
    top = estimate_variance(rows, plain.maximum.beta * how.scale, plain.maximum.value)
    if top is None:
        return FrailtyFit(plain, clusters, rows, None, plain.maximum.beta, plain.covariance, np.full(len(present), np.nan))
    if not top.converged:
        raise ConvergenceError(
            "the variance of the frailty has no maximum that was found",
            next_step="Stratify by the clusters, or use clustered standard errors.",
        )
    made = FrailtyFit(plain, clusters, rows, top, frozen(top.beta / how.scale), plain.covariance, np.empty(0))
    covariance, variance = made.covariance_of(whole=len(present) <= FEW)
    return FrailtyFit(plain, clusters, rows, top, made.beta, covariance, variance)


def sizes(plain: CoxFit) -> tuple[Floats, Integers]:
    """Patients and events of each cluster that has rows."""
    how, endpoint = plain.estimation, plain.endpoint
    _, code = np.unique(plain.cluster, return_inverse=True)
    event = np.zeros(len(how.rows), dtype=bool)
    event[np.flatnonzero(how.rows)[how.layout.where]] = how.layout.event
    weight = endpoint.case_weights[how.complete]
    first = np.arange(len(code))
    if endpoint.subject is not None:
        _, first = np.unique(np.column_stack((endpoint.subject[how.complete], code)), axis=0, return_index=True)
    return np.bincount(code[first], weight[first]), np.bincount(code, event[how.complete]).astype(np.int64)
