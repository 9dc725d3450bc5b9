"""What models that extrapolate share: the rows they take, their parameters as a table, probabilities of new patients."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import normal_quantile, probability_limits
from ikzf1_outcomes.endpoint import Endpoint, frozen, refuse, take_rows
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import Design, design
from ikzf1_outcomes.formula.grammar import read_terms
from ikzf1_outcomes.formula.spec import DesignSpec
from ikzf1_outcomes.kernels.risk import Floats, snap
from ikzf1_outcomes.models.estimability import Limit, Standardised, check_columns, counts_of
from ikzf1_outcomes.models.prediction import row_of_times, times_asked

EXTRAPOLATED = "extrapolated beyond the last follow-up"
UNKNOWN = "not estimable: a missing value, or a level without events"
NO_COUNTS = "weights are not whole numbers: standard errors take them as counts"
PER_CAUSE = "the other causes are censored: not the share of patients who never have this event"


def complete_part(
    endpoint: Endpoint, cause: str | None, keep: np.ndarray, *, logarithm: bool
) -> tuple[Endpoint, np.ndarray]:
    """The rows with every term, and which of them end with the event.

    Raises
    ------
    InputError
        Unknown cause; a patient has several rows; no events; with `logarithm` an event at time 0.
    """
    if endpoint.subject is not None and endpoint.n < len(endpoint):
        raise InputError(
            "patients have several rows, and the model has one set of covariates a patient",
            count=len(endpoint) - endpoint.n,
            next_step="Use covariates that are known at the start, or `cox`.",
        )
    event = endpoint.ends_with(cause)
    if logarithm:
        refuse(
            keep & event & (endpoint.time == 0),
            "an event at time 0 has no logarithm of its time",
            "Give it the time by which it had happened, half a day for instance, or leave the row out with a reason.",
        )
    if not event[keep].any():
        raise InputError(f"no events of {cause or 'any cause'} among the rows analysed", count=0)
    return (endpoint, event) if keep.all() else (take_rows(endpoint, keep), event[keep])


def weight_note(endpoint: Endpoint) -> str:
    """What the reader must know of the weights."""
    return "" if (endpoint.case_weights == np.round(endpoint.case_weights)).all() else NO_COUNTS


def parameter_rows(
    terms: Sequence[str], values: Sequence[float] | Floats, errors: Sequence[float] | Floats, level: float
) -> pd.DataFrame:
    """Rows of parameters that are no effects: intervals, no tests."""
    estimate, error = np.asarray(values, dtype=float), np.asarray(errors, dtype=float)
    half = normal_quantile(level) * error
    out = pd.DataFrame({"term": terms, "contrast": "", "estimate": estimate, "std_error": error})
    out["low"], out["high"], out["conf_level"], out["interval"] = estimate - half, estimate + half, level, "wald"
    return out.assign(statistic=np.nan, p_value=np.nan, note="")


def refuse_one_cause(cause: str, endpoint: Endpoint) -> None:
    """Refuse the survival of a model of one cause where others compete."""
    if cause != "any" and len(endpoint.causes) > 1:
        raise InputError(
            "a model of one cause among several predicts no survival",
            next_step="The incidence of a cause needs the models of all causes.",
        )


def asked_times(times: float | Iterable[float]) -> Floats:
    """Times at which something is predicted."""
    asked = times_asked(times)
    if not (asked >= 0).all():
        raise InputError("times must be finite, not negative, and at least one")
    return asked


def encoded(matrix: Design, limit: Limit, new: pd.DataFrame) -> tuple[Floats, np.ndarray]:
    """Covariates of new patients, in the columns that were fitted, and who of them is known.

    A patient with a missing value, or with a level, or levels together, that had no events, is not.
    """
    rows, keep = matrix.spec.encode(new)
    told = limit.span.tells(rows - matrix.matrix[limit.used].mean(axis=0))
    known = keep.copy()
    known[keep] = told
    x = np.full((len(new), len(limit.columns)), np.nan)
    x[known] = rows[told][:, limit.columns]
    return x, known


def probability_table(
    times: Floats, estimate: Floats, error: Floats, known: np.ndarray, last: float, conf_type: str, level: float
) -> pd.DataFrame:
    """Probabilities (patients, times) as a tidy table."""
    low, high = probability_limits(estimate, error, conf_type, level)
    note = np.where(known[:, None], np.where(times > last, EXTRAPOLATED, ""), UNKNOWN)
    numbers = {"estimate": estimate, "std_error": error, "low": low, "high": high}
    out = pd.DataFrame({"group": np.repeat(np.arange(len(known)), len(times)), "time": np.tile(times, len(known))})
    out = out.assign(**{name: values.ravel() for name, values in numbers.items()})
    return out.assign(conf_level=level, interval=conf_type, scale="probability", note=note.ravel())


def none_named(terms: str | Sequence[str]) -> bool:
    """Whether the terms are a list of none: an intercept alone."""
    return isinstance(terms, Sequence) and not isinstance(terms, str) and not len(terms)


def covariates(endpoint: Endpoint, terms: str | Sequence[str], references: Mapping[str, Any] | None) -> Design:
    """The design of some terms, or one without columns where there are no terms."""
    if references or not none_named(terms):
        return design(endpoint, terms, references=references)
    nothing = DesignSpec("", (), (), (), ())
    return Design(np.empty((len(endpoint), 0)), np.ones(len(endpoint), dtype=bool), (), 0, nothing)


class Part(NamedTuple):
    """The covariates of one part of a model."""

    design: Design
    limit: Limit
    counts: tuple[tuple[float, int], ...]
    """Patients and events behind each row of the coefficient table."""
    seen: Standardised

    @property
    def base_note(self) -> str:
        """What an intercept speaks of when the reference level has no events."""
        gone = any("reference level" in note for note in self.limit.notes.values())
        return "of the first level with events: the reference level has none" if gone else ""


def part_of(endpoint: Endpoint, matrix: Design, limit: Limit, event: np.ndarray, used: np.ndarray | None = None) -> Part:
    """One part of a model, its covariates standardised over the rows used, or over those that its limit leaves."""
    used = limit.used if used is None else used
    seen = check_columns(matrix.matrix[np.ix_(used, limit.columns)], matrix, limit.columns)
    for array in (*seen, limit.columns, limit.used):
        frozen(array)
    return Part(matrix, limit, counts_of(endpoint, matrix, event), seen)


def terms_of_both(*terms: str | Sequence[str], references: Mapping[str, Any] | None) -> list[tuple]:
    """The terms of each part with the references that name one of its columns.

    Raises
    ------
    InputError
        A reference names no term of any part.
    """
    asked = []
    named: set[str] = set()
    for one in terms:
        read = () if none_named(one) else read_terms(one)
        columns = {factor.column for term in read for factor in term.factors}
        asked.append((one, {name: level for name, level in (references or {}).items() if name in columns}))
        named |= columns
    stray = set(references or {}) - named
    if stray:
        raise InputError(f"references name no term of the model: {', '.join(sorted(map(str, stray)))}")
    return asked


def checked_cuts(endpoint: Endpoint, event: np.ndarray, cuts: Iterable[float] | None) -> Floats:
    """Where a piecewise hazard changes: as given, or the quartiles of the event times.

    Raises
    ------
    InputError
        Cuts that are not positive or do not ascend; an interval (a, b] without events, whose hazard would be 0.
    """
    times = endpoint.time[event]
    if cuts is None:
        quartiles = np.unique(np.quantile(times, [0.25, 0.5, 0.75], method="inverted_cdf"))
        return quartiles[(quartiles > 0) & (quartiles < times.max())]
    chosen = row_of_times(cuts)
    if not (np.isfinite(chosen) & (chosen > 0)).all() or (np.diff(chosen) <= 0).any():
        raise InputError("cuts must be positive, finite and ascending")
    tied = snap(chosen, endpoint.rows.times)
    found = np.bincount(np.searchsorted(tied, times, side="left"), minlength=len(chosen) + 1)
    if (found == 0).any():
        raise InputError(
            f"{int((found == 0).sum())} of {len(found)} intervals have no event: their hazard is 0",
            next_step="Use fewer cuts, or leave `cuts` out for the quartiles of the event times.",
        )
    return chosen
