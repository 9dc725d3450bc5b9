"""A Cox model for each cause, and the incidences that they predict together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import check_interval, probability_limits
from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.absolute_risk import by_coefficients, sensitivity
from ikzf1_outcomes.kernels.risk import Floats, snap
from ikzf1_outcomes.models.cox_fit import CoxFit
from ikzf1_outcomes.models.joint_hazards import NO_COEFFICIENT, Patients, joint, patients_of, steps_of
from ikzf1_outcomes.models.prediction import BEYOND, times_asked
from ikzf1_outcomes.models.proportional_hazards import cox

EVENT_FREE, OTHERS = "event-free", "any other cause"
NO_HAZARD = "no events of {} in a level of the patient: its hazard is taken as 0"
AT_ONCE = 1 << 21
"""Patients times event times that are worked on together."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class CauseSpecificFit:
    """Cox models of all causes of an endpoint; made by `cause_specific_cox`."""

    endpoint: Endpoint
    fits: Mapping[str, CoxFit]
    without_events: tuple[str, ...]
    """Causes that nobody had: their hazard is taken as 0."""
    conf_level: float

    def __repr__(self) -> str:
        return f"CauseSpecificFit({self.endpoint.name}: {', '.join(self.fits)})"

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """The coefficient tables of the causes, one below the other; columns as of `CoxFit.tidy`."""
        return pd.concat([fit.tidy(exponentiate=exponentiate) for fit in self.fits.values()], ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """One row a cause; columns as of `CoxFit.glance`."""
        return pd.concat([fit.glance() for fit in self.fits.values()], ignore_index=True)

    def predict(self, new: pd.DataFrame, times: float | Iterable[float], *, conf_type: str = "log-log") -> pd.DataFrame:
        """Cumulative incidence of every cause, and the probability of none, for patients with given covariates.

        Within a step of the baselines the hazards of the causes are constant: dF_k = S(t-) (1 - exp(-dH)) dH_k / dH, so
        that the probabilities add up to 1. Standard errors: the delta method over the steps of all baselines (variance of
        Tsiatis 1981, recalled) and the coefficients of all causes, which are independent of each other.

        Parameters
        ----------
        new
            One row a patient, with the columns of the terms, strata and offset (m).
        times
            In the endpoint's unit (k).
        conf_type
            Interval of the probabilities: plain, log, log-log, logit or arcsin.

        Returns
        -------
        DataFrame
            m x k x (causes + 1) rows: group (position of the patient in `new`, from 0), cause (the last "event-free"),
            time, estimate, std_error, low, high, conf_level, interval, scale ("probability"), note.

        Raises
        ------
        ColumnError, InputError
            A column that is not there; levels, strata or values that the models do not know.

        Examples
        --------
        >>> import pandas as pd
        >>> import ikzf1_outcomes as iko
        >>> d = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 2, 1, 2, 0, 1], "x": [1, 0, 0, 1, 0, 1]})
        >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse", 2: "death"})
        >>> rows = iko.cause_specific_cox(endpoint, "x").predict(d.iloc[[0]], 4.0)
        >>> rows["cause"].tolist(), round(float(rows["estimate"].sum()), 12)
        (['relapse', 'death', 'event-free'], 1.0)
        """
        check_interval(conf_type, self.conf_level)
        fits = tuple(self.fits.values())
        people = patients_of(fits, new)
        asked = times_asked(times)
        names = [*self.fits, EVENT_FREE]
        estimate, error = probabilities(fits, people, snap(asked, self.endpoint.rows.times))
        low, high = probability_limits(estimate, error, conf_type, self.conf_level)
        known = people.known[:, None, None]
        note = np.where(known & np.isnan(estimate), BEYOND, np.where(known, "", NO_COEFFICIENT)).astype(object)
        for k, cause in enumerate(self.fits):
            own = note[people.empty[:, k]]
            note[people.empty[:, k]] = np.where(own == "", NO_HAZARD.format(cause), own)
        m, k = len(new), len(asked)
        return pd.DataFrame(
            {
                "group": np.repeat(np.arange(m), k * len(names)),
                "cause": np.tile(names, m * k),
                "time": np.tile(np.repeat(asked, len(names)), m),
                "estimate": estimate.ravel(),
                "std_error": error.ravel(),
                "low": low.ravel(),
                "high": high.ravel(),
                "conf_level": self.conf_level,
                "interval": conf_type,
                "scale": "probability",
                "note": note.ravel(),
            }
        )

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def cause_specific_cox(
    endpoint: Endpoint,
    terms: str | Sequence[str] | Mapping[str, str | Sequence[str]],
    *,
    cause: str | None = None,
    ties: str = "efron",
    strata: Columns | None = None,
    cluster: Columns | None = None,
    robust: bool = False,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> CauseSpecificFit:
    """Cox models of the hazards of all causes: what a covariate does to the incidence of one goes through all of them.

    Estimand: the cause-specific hazard ratios of every cause, and with them the cumulative incidences of patients with
    given covariates (Benichou and Gail 1990, recalled, not verified).

    Edge rules. A cause that nobody had has no model and a hazard of 0; `without_events` names it. So has a level without
    events of a cause, in the limit of its infinite coefficient. The rest is as in `cox`.

    Parameters
    ----------
    endpoint
        Times and causes.
    terms
        A formula or a list of columns for all causes, or a mapping of each cause to its own.
    cause
        The cause of interest: all others are then taken together as "any other cause", which is all that the incidence of
        this one needs. None keeps them apart.
    ties, strata, cluster, robust, references, conf_level
        As in `cox`, for all causes.

    Returns
    -------
    CauseSpecificFit
        With `.fits` (cause to CoxFit), `.tidy(exponentiate=False)`, `.glance()` and `.predict(new, times)`.

    Raises
    ------
    ColumnError, InputError, ConvergenceError
        As `cox`; a mapping that misses a cause with events, or names others; exact ties; no events at all.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "s": [1, 2, 1, 2, 0, 1], "x": [1, 0, 0, 1, 0, 1]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse", 2: "death"})
    >>> iko.cause_specific_cox(endpoint, "x").tidy()["cause"].tolist()
    ['relapse', 'death']
    """
    if ties == "exact":
        raise InputError("exact ties predict no incidence", next_step='Fit with ties="efron".')
    if cause is not None:
        endpoint = against_others(endpoint, cause)
    had = [name for k, name in enumerate(endpoint.causes, 1) if (endpoint.cause == k).any()]
    if not had:
        raise InputError("no events of any cause", count=0)
    own = dict(terms) if isinstance(terms, Mapping) else dict.fromkeys(had, terms)
    missing, stray = [name for name in had if name not in own], [name for name in own if name not in endpoint.causes]
    if missing or stray:
        wrong = f"miss {', '.join(missing)}" if missing else f"name what is no cause: {', '.join(map(str, stray))}"
        raise InputError(f"the terms {wrong}", next_step=f"The causes with events are {', '.join(had)}.")
    fits = {
        name: cox(
            endpoint, own[name], cause=name, ties=ties, strata=strata, cluster=cluster, robust=robust,
            references=references, conf_level=conf_level,
        )
        for name in had
    }  # fmt: skip
    return CauseSpecificFit(endpoint, fits, tuple(name for name in endpoint.causes if name not in had), conf_level)


def against_others(endpoint: Endpoint, cause: str) -> Endpoint:
    """The endpoint with all causes but one taken together."""
    code = endpoint.cause_code(cause)
    if len(endpoint.causes) < 3:
        return endpoint
    codes = np.where(endpoint.cause > 0, np.where(endpoint.cause == code, 1, 2), endpoint.cause).astype(
        endpoint.cause.dtype
    )
    interest = cause if endpoint.interest == cause else None
    return replace(endpoint, cause=frozen(codes), causes=(cause, OTHERS), interest=interest)


def probabilities(fits: Sequence[CoxFit], people: Patients, times: Floats) -> tuple[Floats, Floats]:
    """Incidence of each cause, then the probability of none, and standard errors (patients, times, causes + 1)."""
    shape = (len(people.known), len(times), len(fits) + 1)
    estimate, error = np.full(shape, np.nan), np.full(shape, np.nan)
    steps = [steps_of(fit) for fit in fits]
    for stratum in people.strata:
        hazards, last = joint(fits, stratum, steps)
        members = np.flatnonzero(people.known & (people.stratum == stratum))
        for t in np.flatnonzero(times <= last):
            reach = (hazards.times <= times[t]).astype(float)
            for some in np.array_split(members, max(1, len(members) * len(reach) // AT_ONCE)):
                for k in (*range(len(fits)), None):
                    found = sensitivity(hazards, people.relative[some], k, reach)
                    variance = (found.pull**2 * hazards.variance).sum(axis=(1, 2))
                    for j, covariance in enumerate(people.covariance):
                        pull = found.pull[:, :, j]
                        way = by_coefficients(pull, people.x[j][some], hazards.step[:, j], hazards.slope[j])
                        variance += np.einsum("np,pq,nq->n", way, covariance, way)
                    place = len(fits) if k is None else k
                    estimate[some, t, place] = found.value if k is not None else 1.0 - found.value
                    error[some, t, place] = np.sqrt(variance)
    return estimate, error
