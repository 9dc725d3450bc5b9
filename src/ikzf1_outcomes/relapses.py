"""Relapse looked at more closely: when it came, where it came, and how long patients lived after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort.events import SAME_DAY
from ikzf1_outcomes.cohort.patients import Cohort
from ikzf1_outcomes.definitions import column, death_times, known_times
from ikzf1_outcomes.endpoint import Endpoint, frozen, label, level_codes, make_endpoint, numbers, refuse
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.timeline import entries

TIMINGS = ("very early", "early", "late")
CUTS = (1.5, 2.5)
"""18 months from diagnosis, and 30 months: 6 months after a therapy of 24 months (the BFM groups, as recalled)."""
STARTS = {"relapse": "Every recorded relapse counts.", "first_event": "Relapse was the first event."}
SAME = 1e-9
"""Years that differ by less are one time: dates turned into years, and sums of years, carry rounding errors."""
NAME = "OS after relapse"
CONDITIONAL = "only patients who relapsed: a difference between groups is not the effect of the group at diagnosis"


def split_cause(
    endpoint: Endpoint,
    cause: str,
    into: str | Sequence[Any] | NDArray[Any] | pd.Series,
    *,
    labels: Sequence[str] | None = None,
    unknown: str = "unknown",
    interest: str | None = None,
) -> Endpoint:
    r"""Split a cause of an endpoint into several that exclude each other.

    Rule: an event of `cause` whose value of `into` is the level "x" gets the cause "cause: x"; times, other causes,
    censorings and risk sets stay. The incidences of the parts add up to that of the cause, at every time:

    .. math:: F_k(t) = \sum_{j} F_{kj}(t)

    Edge rules. The parts take the place of the cause, in the order of the levels: categories in their order, also those
    that no event has; other values sorted, those that an event has. An event without a value is not guessed: its cause is
    "cause: unknown", there only if an event has it, and a note counts them. Values of rows without an event of the cause
    are not looked at. An endpoint that speaks of the cause (`interest`) speaks of its first part afterwards, or of the one
    named.

    Parameters
    ----------
    endpoint
        With the cause to be split.
    cause
        Its name.
    into
        Column of the endpoint's rows, or one value for each row (n).
    labels
        Names for the whole numbers 0, 1, ... in `into`; -1 and missing are unknown. Without labels values name themselves.
    unknown
        Name of the part of events without a value.
    interest
        Part that the endpoint shall speak of, by its level.

    Returns
    -------
    Endpoint
        The same rows with more causes, and a policy and notes that say so.

    Raises
    ------
    ColumnError, InputError
        No such cause or column; another number of values than rows; values that are no code of `labels` (row positions);
        parts with the name of another cause; no events of the cause and no levels.

    Notes
    -----
    The parts are causes like any other: cause-specific Cox models, incidences, Gray's test and Fine-Gray models take them.
    A part is an outcome, never a covariate, so that a value that becomes known with the event does no harm.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.relapses import split_cause
    >>> d = pd.DataFrame({"t": [1.0, 2, 3, 4], "s": [1, 1, 2, 1], "site": ["CNS", "bone marrow", None, None]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse", 2: "death"})
    >>> split_cause(endpoint, "relapse", "site").causes
    ('relapse: CNS', 'relapse: bone marrow', 'relapse: unknown', 'death')
    """
    code = endpoint.cause_code(cause)
    own = endpoint.cause == code
    parts, levels = parts_of(endpoint, own, into, labels)
    names = [f"{cause}: {label(level)}" for level in levels]
    lost = own & (parts < 0)
    notes = endpoint.notes
    if lost.any():
        names.append(f"{cause}: {unknown}")
        parts = np.where(lost, len(names) - 1, parts)
        notes = (*notes, f"{int(lost.sum())} of {int(own.sum())} events of {cause!r} have the cause {names[-1]!r}")
    if not names:
        raise InputError(f"there is nothing to split {cause!r} into", next_step="Give `labels`, or a column with levels.")
    causes = (*endpoint.causes[: code - 1], *names, *endpoint.causes[code:])
    if len(set(causes)) < len(causes):
        raise InputError(f"two causes would have one name after {cause!r} is split", next_step="Give other `labels`.")
    codes = np.where(endpoint.cause > code, endpoint.cause + len(names) - 1, endpoint.cause)
    codes = np.where(own, code + parts, codes).astype(np.int32)
    return replace(
        endpoint,
        cause=frozen(codes),
        causes=causes,
        interest=interest_after(endpoint, cause, names, interest),
        policy=(*endpoint.policy, f"The cause {cause!r} is split into {', '.join(names)}."),
        notes=notes,
    )


def parts_of(endpoint: Endpoint, own: NDArray[np.bool_], into: Any, labels: Sequence[str] | None) -> tuple[Integers, Any]:
    """Code of the part of each row with an event of the cause (-1 unknown), and the levels."""
    hint = f"There are {len(endpoint.frame.columns)} columns."
    if isinstance(into, str):
        if into not in endpoint.frame.columns:
            raise ColumnError(f"no column is called {into!r}", next_step=hint)
        into = endpoint.frame[into]
    size = len(into) if isinstance(into, Sequence) or np.ndim(into) == 1 else 0
    if size != len(endpoint):
        hint = "Give one value for each row, in the order of `frame`."
        raise InputError(f"{size} values for {len(endpoint)} rows", next_step=hint)
    values = pd.Series(into).set_axis(endpoint.frame.index)
    if labels is None:
        codes, levels = level_codes(values.where(own))
        return codes, levels
    given = numbers(pd.DataFrame({"into": values}), "into")
    given = np.where(np.isnan(given), -1.0, given)
    stranger = own & ~np.isin(given, np.arange(-1, len(labels)))
    refuse(stranger, "a value is no code of `labels`", "Codes are whole numbers from 0; -1 and missing are unknown.")
    return np.where(own, given, -1).astype(np.int32), tuple(labels)


def interest_after(endpoint: Endpoint, cause: str, names: Sequence[str], wanted: str | None) -> str | None:
    """What an endpoint speaks of once one of its causes is split."""
    if wanted is None:
        return names[0] if endpoint.interest == cause else endpoint.interest
    full = f"{cause}: {wanted}"
    if full not in names:
        raise InputError(f"{cause!r} has no part {wanted!r}", next_step=f"There are {', '.join(names)}.")
    return full


def relapse_timing(
    endpoint: Endpoint,
    *,
    cause: str = "relapse",
    cuts: Sequence[float] | None = None,
    end_of_therapy: str | float | None = None,
    after_therapy: float = 0.5,
    labels: Sequence[str] = TIMINGS,
    interest: str | None = None,
) -> Endpoint:
    """Split relapse by the time at which it came: very early, early, late.

    Rule, of the BFM groups as recalled (not verified): very early is before 18 months from diagnosis; early is from then to
    before 6 months after the end of frontline therapy; late is from then on. Each number is a parameter. Two ways:

    - `end_of_therapy` unknown: the last cut is 30 months from diagnosis, the assumption being 24 months of therapy.
    - `end_of_therapy` given: the last cut is `end_of_therapy + after_therapy` of each patient. A relapse after the first
      cuts whose patient has no end of therapy is "timing unknown"; who relapsed on therapy needs the planned end.

    Edge rules. A relapse at exactly a cut belongs to the later part (1e-9 years are rounding). Time counts from diagnosis,
    also for an endpoint from remission or after a landmark. Very early comes first: therapy that ended early makes no
    relapse before 18 months an early one.

    Parameters
    ----------
    endpoint
        With the cause of relapse.
    cause
        Its name.
    cuts
        Years from diagnosis, ascending; (1.5, 2.5), or (1.5,) with `end_of_therapy`. In the endpoint's unit from its origin
        where that unit is not years, and then without a default.
    end_of_therapy
        Column of the endpoint's rows, or one number for all: years from diagnosis.
    after_therapy
        Years after the end of therapy from which a relapse is late.
    labels
        One for each part.
    interest
        Part that the endpoint shall speak of.

    Returns
    -------
    Endpoint
        See `split_cause`; causes "relapse: very early", "relapse: early", "relapse: late".

    Raises
    ------
    ColumnError, InputError
        As `split_cause`; cuts that do not ascend; another number of labels than parts.

    Notes
    -----
    The risk sets of a cause-specific model of late relapse begin at time 0, which is harmless: only its event times count,
    and at those everybody still at risk has come past the cut. The model is that of `landmark` at the cut. Gray's test and
    Fine-Gray models of late relapse are not: they keep those with an earlier relapse at risk.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.relapses import relapse_timing
    >>> endpoint = iko.define_endpoint(iko.simulate_cohort(300, seed=2), "RELAPSE")
    >>> relapse_timing(endpoint, interest="late")
    Endpoint('RELAPSE': 300 patients, 52 events, causes ['relapse: very early', 'relapse: early', 'relapse: late', \
'non-response', 'induction death', 'second malignancy', 'death in remission'])
    """
    in_years = endpoint.time_unit == "years"
    if not in_years and (cuts is None or end_of_therapy is not None):
        raise InputError("the endpoint's time is not in years", next_step="Give `cuts` alone, in its unit from its origin.")
    years = endpoint.time
    if in_years and endpoint.start is not None:
        years = years + endpoint.start - np.maximum(entries(endpoint), 0.0)
    codes = timing_codes(years, endpoint.frame, cuts, end_of_therapy, after_therapy, labels)
    return split_cause(endpoint, cause, codes, labels=labels, unknown="timing unknown", interest=interest)


def timing_codes(
    years: Floats,
    frame: pd.DataFrame,
    cuts: Sequence[float] | None,
    end_of_therapy: str | float | None,
    after: float,
    labels: Sequence[str],
) -> Integers:
    """Part in which each of some times lies, -1 where the end of therapy would be needed and is missing."""
    if cuts is None:
        cuts = CUTS if end_of_therapy is None else CUTS[:1]
    at = np.array([cut if isinstance(cut, Real) else np.nan for cut in cuts] if np.ndim(cuts) else [], dtype=float)
    if at.ndim != 1 or not len(at) or not (np.isfinite(at) & (at > 0)).all() or (np.diff(at) <= 0).any():
        raise InputError("cuts are positive numbers that ascend", next_step="Use (1.5, 2.5), for example.")
    parts = len(at) + 1 + (end_of_therapy is not None)
    if len(labels) != parts or len(set(labels)) < parts:
        raise InputError(f"{len(labels)} labels for {parts} parts", next_step="Give each part a label of its own.")
    codes = np.searchsorted(at - SAME, years, side="right")
    if end_of_therapy is not None:
        if isinstance(end_of_therapy, str) and end_of_therapy not in frame.columns:
            raise ColumnError(f"no column is called {end_of_therapy!r}", next_step="Give years, or None for fixed cuts.")
        if not isinstance(end_of_therapy, str | Real) or not isinstance(after, Real) or not np.isfinite(after):
            raise InputError("the end of therapy, or the time after it, is no number of years")
        end = numbers(frame, end_of_therapy) if isinstance(end_of_therapy, str) else np.full(len(years), end_of_therapy)
        refuse((end < 0) | np.isinf(end), "an end of therapy is infinite or before diagnosis", "Missing is unknown.")
        late = np.where(np.isnan(end), -1, len(at) + (years >= end + after - SAME))
        codes = np.where(codes == len(at), late, codes)
    return np.asarray(codes, dtype=np.int32)


def relapse_site(
    endpoint: Endpoint, *, cause: str = "relapse", column: str = "relapse_site", interest: str | None = None
) -> Endpoint:
    """Split relapse by its site.

    Each site is a cause that competes with the others ("relapse: bone marrow", ...); a relapse whose site is missing is
    "relapse: site unknown" and counted in a note, never spread over the known sites.

    Parameters
    ----------
    endpoint
        With the cause of relapse.
    cause
        Its name.
    column
        Column of the sites.
    interest
        Site that the endpoint shall speak of.

    Returns
    -------
    Endpoint
        See `split_cause`.

    Raises
    ------
    ColumnError, InputError
        As `split_cause`.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.relapses import relapse_site
    >>> endpoint = iko.define_endpoint(iko.simulate_cohort(300, seed=2), "EFS")
    >>> relapse_site(endpoint).causes[2:5]
    ('relapse: bone marrow', 'relapse: CNS', 'relapse: testis')
    """
    return split_cause(endpoint, cause, column, unknown="site unknown", interest=interest)


def after_relapse(
    cohort: Cohort,
    *,
    start: str = "relapse",
    cuts: Sequence[float] | None = None,
    end_of_therapy: str | float | None = None,
    after_therapy: float = 0.5,
    labels: Sequence[str] = TIMINGS,
    censor_at: float | None = None,
) -> Endpoint:
    """Survival after relapse: death of any cause, counted from relapse, of those who relapsed.

    Estimand: the probability of being alive t years after relapse, among patients with a recorded relapse. It is
    conditional on relapse. A group that relapses more often, or earlier, is selected by that: a difference between groups
    after relapse is not the effect of a deletion at diagnosis.

    Rule: time is death, or last contact of those alive, minus relapse. Edge rules. A death on the day of relapse is an
    event at time 0, a last contact on that day is censored at 0; an end up to half a day before relapse is rounding and is
    set to 0, an earlier one is refused. Patients without a relapse are left out and counted (`n_excluded`).

    Parameters
    ----------
    cohort
        Patients with `relapse`, `death` and `last_contact`.
    start
        "relapse" takes every recorded relapse, also after a second malignancy or non-response (a note counts them);
        "first_event" those in whom relapse was the first event.
    cuts, end_of_therapy, after_therapy, labels
        Of the column `relapse_timing`, as in the function `relapse_timing`; `end_of_therapy` is a column of the cohort.
    censor_at
        Administrative censoring, in years from relapse.

    Returns
    -------
    Endpoint
        "OS after relapse", in years, with the cohort's columns and `time_to_relapse` (years from diagnosis),
        `relapse_timing` (a category; the study's own columns of these names stay) and `transplant_clock` (years from
        relapse, for `time_dependent`). Columns known at relapse or before may serve as groups and covariates.

    Raises
    ------
    ColumnError, InputError
        Columns that are needed are absent; an unknown `start`; nobody relapsed; a relapse without death and last contact,
        or with an end before it (row positions); cuts and labels as in `relapse_timing`.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.relapses import after_relapse
    >>> endpoint = after_relapse(iko.simulate_cohort(300, seed=2))
    >>> endpoint
    Endpoint('OS after relapse': 36 patients, 22 events, causes ['death'])
    >>> iko.kaplan_meier(endpoint, "relapse_timing").tidy(times=[2.0])["group"].tolist()
    ['very early', 'early', 'late']
    """
    when, other = relapse_times(cohort, start)
    keep = ~np.isnan(when)
    if not keep.any():
        raise InputError("nobody has a relapse", count=0, next_step="Map the column `relapse`.")
    end, event = death_times(cohort)
    refuse(keep & np.isnan(end), "a relapse has neither death nor last contact", "Exclude those rows with a reason.")
    refuse(keep & (end < when - SAME_DAY), "death or last contact lies before relapse", "Check the dates.")
    if censor_at is not None and not (isinstance(censor_at, Real) and censor_at > 0):
        raise InputError("censor_at must be a positive number of years")
    began = frozen(when[keep])
    time, dead = np.maximum(end[keep] - began, 0.0), event[keep] == "death"
    policy: tuple[str, ...] = ("Time counts from relapse.", "Death of any cause is the event.", STARTS[start])
    if censor_at is not None:
        policy = (*policy, f"Follow-up is censored at {censor_at:g} years.")
        dead &= time <= censor_at
        time = np.minimum(time, censor_at)
    frame = cohort.frame.loc[keep].reset_index(drop=True)
    known = known_times(cohort, keep) | {
        name: began for name in cohort.dictionary if cohort.known_at(name) in ("relapse", "first_event_time")
    }
    codes = timing_codes(began, frame, cuts, end_of_therapy, after_therapy, labels)
    new = {"time_to_relapse": began.copy(), "relapse_timing": pd.Categorical.from_codes(codes, categories=list(labels))}
    new = {name: values for name, values in new.items() if name not in frame}
    notes = [CONDITIONAL]
    notes += [f"{other} of {len(began)} had another first event before their relapse"] if other else []
    moved = {"transplant_clock": numbers(frame, "transplant") - began} if "transplant" in frame else {}
    return replace(
        make_endpoint(frame.assign(**new, **moved), time, dead.astype(np.int32), ("death",)),
        name=NAME, time_unit="years", origin="relapse", start=began,
        known_at=known | dict.fromkeys(new, began),
        policy=policy, notes=(*cohort.provenance.notes, *notes), n_excluded=int((~keep).sum()),
    )  # fmt: skip


def relapse_times(cohort: Cohort, start: str) -> tuple[Floats, int]:
    """Years from diagnosis to relapse (missing without one), and how many of them had another event before."""
    if start not in STARTS:
        raise InputError(f"start cannot be {start!r}", next_step=f"Use one of {', '.join(STARTS)}.")
    first = np.ones(len(cohort), dtype=bool)
    if start == "first_event" or "first_event" in cohort.dictionary:
        time = column(cohort, "first_event_time", "relapse as the first event")
        first = (cohort.frame["first_event"] == "relapse").to_numpy(dtype=bool)
    if start == "first_event":
        return np.where(first, time, np.nan), 0
    when = column(cohort, "relapse", NAME)
    return when, int((~np.isnan(when) & ~first).sum())
