"""Follow-up and what lies beyond it: is a plateau more than the end of the data; predictions that extrapolate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.intervals import normal_quantile, probability_limits
from ikzf1_outcomes.curves.steps import group_frame, read_all
from ikzf1_outcomes.curves.survival import kaplan_meier
from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen, make_endpoint, refuse, take_rows
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import Design, design
from ikzf1_outcomes.formula.grammar import read_terms
from ikzf1_outcomes.formula.spec import DesignSpec
from ikzf1_outcomes.kernels.risk import Floats, snap
from ikzf1_outcomes.models.estimability import Limit, Standardised, check_columns, counts_of

EXTRAPOLATED = "extrapolated beyond the last follow-up"
UNKNOWN = "not estimable: a missing value, or a level without events"
NO_COUNTS = "weights are not whole numbers: standard errors take them as counts"
PER_CAUSE = "the other causes are censored: not the share of patients who never have this event"


def sufficient_follow_up(
    endpoint: Endpoint, by: Columns | None = None, *, cause: str | None = None, conf_level: float = 0.95
) -> pd.DataFrame:
    r"""Is follow-up long enough to speak of a cured fraction? Two nonparametric tests, and the plateau itself.

    Null: the last uncured patients have their event after follow-up ends. With t the last follow-up, t* the last event and
    n patients, few events shortly before t*, in a stretch as long as the plateau t - t*, speak for the null:

    .. math:: N = \#\{\text{events in } (2 t^* - t,\ t^*]\}, \quad q_n = N / n, \quad \alpha_n = (1 - N / n)^n

    (Maller and Zhou 1992, doi:10.1093/biomet/79.4.731, and 1996; recalled, and as published programs write it). Shen (2000,
    doi:10.1016/S0167-7152(00)00063-8; as two published programs write it, the paper was not read) takes the events in
    [t* (1 - w^2), t*] with w = (t - t*) / t, a shorter stretch where the plateau is short. A small p-value speaks for
    follow-up that is long enough.

    They assume that there is a time after which nobody uncured is left, count a handful of events, and hold their size
    badly; a late relapse that nobody has yet seen leaves no trace in them. They can warn, and cannot prove.

    Edge rules. Where the last follow-up of a group is an event there is no plateau and no test. Delayed entry: no test, as
    the patients who failed before they came are not counted in n. Ends of the stretch are compared with the tolerance for
    ties of the endpoint. Weights count as patients.

    Parameters
    ----------
    endpoint
        Times and causes.
    by
        Column or columns of the groups. Rows with a missing group are left out.
    cause
        Name of the cause that is the event, the others censored; None for any.
    conf_level
        Level of the interval of the plateau, on the log-log scale.

    Returns
    -------
    DataFrame
        group, term, n, n_event, estimate, std_error, low, high, conf_level, interval, scale, statistic, p_value, note.
        Terms: "event-free at the end" (Kaplan-Meier at t), "last event", "last follow-up", "Maller and Zhou", "Shen"; the
        tests have N in `statistic`, N / n in `estimate` and (1 - N / n)^n in `p_value`.

    Raises
    ------
    ColumnError, InputError
        Unknown column or cause.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes import endpoint_from_columns
    >>> d = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6, 7, 8], "s": [1, 1, 1, 1, 0, 0, 0, 0]})
    >>> endpoint = endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> table = sufficient_follow_up(endpoint).set_index("term")
    >>> float(table.loc["Maller and Zhou", "estimate"])  # 4 events in (0, 4], of 8 patients
    0.5
    >>> float(table.loc["Maller and Zhou", "p_value"]) == 0.5**8
    True
    """
    normal_quantile(conf_level)
    event = endpoint.cause > 0 if cause is None else endpoint.cause == endpoint.cause_code(cause)
    alone = only_event(endpoint, event)
    curve = kaplan_meier(alone, by, conf_level=conf_level)
    codes, groups = curve.steps.groups.codes, range(len(curve.steps.groups.levels))
    tidy, place = curve.tidy(), read_all(curve.steps).group
    note = "" if cause is None or len(endpoint.causes) == 1 else PER_CAUSE
    parts = []
    for g in groups:
        own = group_frame(curve.steps, np.full(5, g))
        end = tidy[place == g].tail(1)
        member = codes == g
        rows = group_rows(alone, member, end)
        frame = pd.DataFrame(rows)
        frame.loc[frame["scale"] == "probability", "note"] = note
        parts.append(pd.concat((own, frame), axis=1))
    out = pd.concat(parts, ignore_index=True).assign(conf_level=conf_level)
    measures = ["n", "n_event", "estimate", "std_error", "low", "high", "conf_level", "interval", "scale", "statistic"]
    last = [*measures, "p_value", "note"]
    return out[[*(name for name in out.columns if name not in last), *last]]


def only_event(endpoint: Endpoint, event: np.ndarray) -> Endpoint:
    """The same follow-up with one cause; other events are censored."""
    parts = (endpoint.entry, endpoint.weights, endpoint.subject)
    entry, weights, subject = (None if part is None else part.copy() for part in parts)
    return make_endpoint(
        endpoint.frame, endpoint.time.copy(), event.astype(np.int32), ["event"], entry=entry, weights=weights,
        subject=subject, time_unit=endpoint.time_unit, start=None if endpoint.start is None else endpoint.start.copy(),
        known_at=endpoint.known_at,
    )  # fmt: skip


def group_rows(endpoint: Endpoint, member: np.ndarray, end: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of one group; `end` is the last row of its Kaplan-Meier curve, or nothing."""
    event = member & (endpoint.cause > 0)
    weight, n = endpoint.case_weights, endpoint.patients(member)
    common = {"n": n, "n_event": int(event.sum()), "interval": "", "note": ""}
    blank = dict.fromkeys(("estimate", "std_error", "low", "high", "statistic", "p_value"), np.nan)
    last = float(endpoint.time[member].max()) if member.any() else np.nan
    final = float(endpoint.time[event].max()) if event.any() else np.nan
    free = {name: float(end[name].iloc[0]) for name in ("estimate", "std_error", "low", "high")} if len(end) else {}
    rows = [
        {"term": "event-free at the end", **common, **blank, **free, "interval": "log-log", "scale": "probability"},
        {"term": "last event", **common, **blank, "estimate": final, "scale": "time"},
        {"term": "last follow-up", **common, **blank, "estimate": last, "scale": "time"},
    ]
    reason = no_test(endpoint, member, final, last)
    for term, begin, closed in (
        ("Maller and Zhou", 2.0 * final - last, False),
        ("Shen", final * (1.0 - ((last - final) / last) ** 2) if last > 0 else np.nan, True),
    ):
        row = {"term": term, **common, **blank, "scale": "share", "note": reason}
        if not reason:
            begin = float(snap(np.array([begin]), endpoint.rows.times)[0])
            inside = event & (endpoint.time >= begin if closed else endpoint.time > begin)
            found = float(weight[inside].sum())
            row |= {"statistic": found, "estimate": found / n, "p_value": (1.0 - found / n) ** n}
        rows.append(row)
    return rows


def no_test(endpoint: Endpoint, member: np.ndarray, final: float, last: float) -> str:
    """Why a group has no test; empty where it has one."""
    if not np.isfinite(final):
        return "not defined: no events"
    if final >= last:
        return "not defined: the last follow-up is an event, so that there is no plateau"
    if endpoint.entry is None:
        return ""
    subject = np.arange(len(member)) if endpoint.subject is None else endpoint.subject
    first = np.full(int(subject.max()) + 1, np.inf)
    np.minimum.at(first, subject[member], endpoint.entry[member])
    late = np.isfinite(first) & (first > 0)
    return "not defined: delayed entry" if late.any() else ""


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
    event = np.asarray(endpoint.cause > 0 if cause is None else endpoint.cause == endpoint.cause_code(cause))
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


def exponentiated(table: pd.DataFrame, wanted: bool) -> pd.DataFrame:
    """The table as it is, or with estimate, low and high exponentiated and "log" gone from the scale."""
    if not wanted:
        return table
    names = ["estimate", "low", "high"]
    return table.assign(scale=table["scale"].str.removeprefix("log "), **np.exp(table[names].astype(float)))


def refuse_one_cause(cause: str, endpoint: Endpoint) -> None:
    """Refuse the survival of a model of one cause where others compete."""
    if cause != "any" and len(endpoint.causes) > 1:
        raise InputError(
            "a model of one cause among several predicts no survival",
            next_step="The incidence of a cause needs the models of all causes.",
        )


def asked_times(times: float | Iterable[float]) -> Floats:
    """Times at which something is predicted."""
    asked = np.asarray(list(times) if isinstance(times, Iterable) else [times], dtype=float)
    if not len(asked) or not (np.isfinite(asked) & (asked >= 0)).all():
        raise InputError("times must be finite, not negative, and at least one")
    return asked


def encoded(
    matrix: Design, limit: Limit, counts: Sequence[tuple[float, int]], new: pd.DataFrame
) -> tuple[Floats, np.ndarray]:
    """Covariates of new patients, in the columns that were fitted, and who of them is known (no level without events)."""
    rows, keep = matrix.spec.encode(new)
    silent = np.zeros(len(rows), dtype=bool)
    for c, (_, events) in zip(matrix.coefficients, counts, strict=True):
        if c.level is not None and events == 0:
            own = [other.column for other in matrix.coefficients if other.term == c.term and other.column >= 0]
            silent |= rows[:, c.column] == 1 if c.column >= 0 else rows[:, own].sum(axis=1) == 0
    known = keep.copy()
    known[keep] = ~silent
    x = np.full((len(new), len(limit.columns)), np.nan)
    x[known] = rows[~silent][:, limit.columns]
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


def covariates(endpoint: Endpoint, terms: str | Sequence[str], references: Mapping[str, Any] | None) -> Design:
    """The design of some terms, or one without columns where there are no terms."""
    if isinstance(terms, str) or len(terms) or references:
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
        read = read_terms(one) if isinstance(one, str) or len(one) else ()
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
    chosen = np.asarray(list(cuts), dtype=float)
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
