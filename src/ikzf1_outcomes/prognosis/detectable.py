"""How large an effect must be to be seen with so many patients and events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.expected_information import (
    Course,
    Covariate,
    common_gain,
    course,
    gain,
    hazards_of,
    incidences,
    least_effect,
    split,
    standard_normal,
)
from ikzf1_outcomes.prognosis.event_counts import Counts, counts_of

FEW = 10
UNREACHED = "no ratio reaches this power with so few events"
NO_EVENTS = "no events"
ROUGH = "{:g} events: large-sample theory is rough, simulate with `power`"
HAZARDS = {"cause-specific hazard": "log hazard ratio", "subdistribution hazard": "log subdistribution hazard ratio"}
"""Scale of each model of the alternative."""
OWN, BOTH = HAZARDS
SIGNS = {"higher, more events": 1.0, "higher, fewer events": -1.0}


class Contrast(NamedTuple):
    """One comparison that a design can make."""

    term: str
    contrast: str
    group: Any
    counts: Counts
    covariate: Covariate
    share: float
    """Share of patients in the group that is compared; NaN for a feature."""
    beside: Counts | None = None
    """Counts of the reference of an interaction."""


def minimum_detectable_ratio(
    patients: Any,
    *,
    cause: str | None = None,
    by: str | None = None,
    splits: Sequence[float] = (0.5,),
    power: float = 0.8,
    alpha: float = 0.05,
    at: float = 5.0,
    explained: float = 0.0,
) -> pd.DataFrame:
    r"""Hazard ratios nearest to 1 that a design finds with a given power: asked before any p-value.

    For the whole cohort and within each level of `by`: a feature, per standard deviation, and splits of the patients with
    given shares; between levels: each level against the first, and the interaction of a feature with them (the ratio of its
    hazard ratios). On the scale of the cause-specific hazard, with the hazard of other causes alike, and apart from it on
    that of the subdistribution, where there are other causes.

    The likelihood-ratio statistic is taken as chi-square with the noncentrality that it is expected to have *when the log
    ratio b is true*, with as many events as there are (`n_event`): follow-up of one length for all, hazards constant on
    some scale of time, a feature normal. With R2 the share of the covariate that adjusters explain, l the expected log
    partial likelihood of a patient and b* the best common value (0, or of an interaction the best ratio for both levels),

    .. math:: \delta = 2 (1 - R^2)\, n\, \{l(b) - l(b^*)\}, \qquad
              power = \Phi(\sqrt\delta - z_{1 - \alpha/2}) + \Phi(-\sqrt\delta - z_{1 - \alpha/2})

    Schoenfeld's formula (1981, recalled, not verified), (z + z) / sqrt(d p (1 - p)), is the limit for small effects; it is
    beside it as a check (`schoenfeld`). The two directions differ: a harm to few is easier seen than a benefit. In an
    interaction the feature has no effect in the reference level.

    Parameters
    ----------
    patients
        An endpoint; or a frame of counts, one row a group: group, n, n_event, and where known n_competing (events of other
        causes), incidence and competing_incidence (at `at`).
    cause
        Name of a cause of the endpoint; None takes any event. With a frame it is a label.
    by
        Column of the endpoint with the classes; of a frame, the name for its groups.
    splits
        Shares of the patients in a split.
    power, alpha
        Power wanted, and two-sided level; divide the level by the number of tests where there are many.
    at
        Time at which incidences are compared, in the endpoint's unit.
    explained
        Share of the variance of the feature or split that the adjusters explain.

    Returns
    -------
    DataFrame
        Two rows a comparison and model, one a direction: term ("feature", "split", the column `by`, or "feature:" and it),
        contrast, group, cause, model (the hazard whose ratio it is), direction, n, n_event, share, estimate (log ratio; NaN
        where no ratio reaches the power), scale, ratio, schoenfeld (a ratio too), risk_reference, risk_compared and
        risk_difference (incidences of the cause at `at` of patients at 0 and at 1 of the covariate, mean and one SD above
        it for a feature, when the incidence among all is the one seen), power, alpha, note.

    Raises
    ------
    ColumnError, InputError
        Unknown columns or cause; no events; counts that cannot be; a power, level or share outside 0 to 1.

    Notes
    -----
    There is no argument for an effect that was observed: the power at the observed effect is a function of its p-value and
    tells nothing more (Hoenig and Heisey 2001, recalled, not verified). The interval of the effect says what was excluded.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.prognosis.detectable import minimum_detectable_ratio
    >>> counts = pd.DataFrame({"group": ["none", "deleted"], "n": [91, 18], "n_event": [8, 6], "n_competing": [3, 1]})
    >>> found = minimum_detectable_ratio(counts, by="ikzf1", cause="relapse")
    >>> found = found[(found["direction"] == "higher, more events") & (found["model"] == "cause-specific hazard")]
    >>> found[["term", "group", "n_event", "ratio", "schoenfeld"]].round(1).values.tolist()[:3]
    [['feature', 'all', 14.0, 2.2, 2.1], ['split', 'all', 14.0, 5.6, 4.5], ['feature', 'none', 8.0, 2.8, 2.7]]
    >>> found[["term", "contrast", "ratio", "schoenfeld"]].round(1).values.tolist()[-2:]
    [['ikzf1', 'deleted vs none', 5.0, 7.5], ['feature:ikzf1', 'deleted vs none', 6.5, 4.5]]
    """
    check_wanted(power, alpha, explained, splits)
    groups, assumed = counts_of(patients, cause, by, at)
    asked = {"power": power, "alpha": alpha}
    contrasts = contrasts_of(groups, by or "group", splits)
    if not any(one.counts.n_event for one in contrasts):
        raise InputError(f"no events of {cause or 'any cause'}", count=0)
    rows = []
    for one in contrasts:
        kinds = [OWN, *[BOTH] * bool(one.counts.n_competing)]
        for kind in kinds:
            for direction, sign in SIGNS.items():
                found = smallest(one, kind, sign, power, alpha, explained)
                risks = risks_of(one, kind, found["estimate"])
                named = {
                    "term": one.term,
                    "contrast": one.contrast,
                    "group": one.group,
                    "cause": cause or "any",
                    "model": kind,
                }
                size = {"direction": direction, "n": one.counts.n, "n_event": one.counts.n_event, "share": one.share}
                note = "; ".join(filter(None, [found.pop("note"), assumed]))
                rows.append(named | size | found | risks | asked | {"note": note})
    return pd.DataFrame(rows)


def check_wanted(power: Any, alpha: Any, explained: Any, splits: Any) -> None:
    """Refuse shares that are none.

    Raises
    ------
    InputError
        One of them lies outside its limits.
    """
    shares = (power, alpha, *splits) if isinstance(splits, Sequence) and not isinstance(splits, str) else (np.nan,)
    if not all(isinstance(x, int | float) and 0.0 < x < 1.0 for x in shares) or not alpha < power:
        raise InputError("power, alpha and splits lie between 0 and 1, alpha below power", next_step="As in splits=[0.5].")
    if not isinstance(explained, int | float) or not 0.0 <= explained < 1.0:
        raise InputError("the share explained lies between 0 and 1", next_step="0 where there are no adjusters.")


def contrasts_of(groups: dict[Any, Counts], by: str, splits: Sequence[float]) -> list[Contrast]:
    """Comparisons in the whole cohort, within each level, and between levels."""
    levels = list(groups)
    whole = groups[levels[0]]
    for level in levels[1:]:
        whole = whole.joined(groups[level])
    places = [("all", whole), *((level, groups[level]) for level in levels if len(levels) > 1)]
    nothing = float("nan")
    out = []
    for name, counts in places:
        out.append(Contrast("feature", "", name, counts, standard_normal(), nothing))
        out += [Contrast("split", f"upper {share:.12g} vs rest", name, counts, split(share), share) for share in splits]
    first = levels[0]
    for level in levels[1:]:
        own, reference = groups[level], groups[first]
        both, against = own.joined(reference), f"{level} vs {first}"
        share = own.n / both.n
        out.append(Contrast(by, against, "all", both, split(share), share))
        out.append(Contrast(f"feature:{by}", against, "all", own, standard_normal(), nothing, reference))
    return out


def smallest(one: Contrast, kind: str, sign: float, power: float, alpha: float, explained: float) -> dict[str, Any]:
    """The smallest log ratio of a comparison, with Schoenfeld's beside it."""
    counts, left = one.counts, 1.0 - explained
    incidence, other = counts.shares
    value, share = one.covariate
    variance = float(share @ value**2 - (share @ value) ** 2)
    events = [part.n_event for part in (counts, one.beside) if part is not None]
    per_sd = " per SD" * bool(np.isnan(one.share))
    found: dict[str, Any] = {"estimate": np.nan, "scale": HAZARDS[kind] + per_sd, "ratio": np.nan, "schoenfeld": np.nan}
    if not all(events):
        return found | {"note": NO_EVENTS}
    competing = other if kind == OWN else 0.0
    beside = None if one.beside is None else course_without_effect(one.covariate, one.beside, kind)

    def noncentrality(effect: float) -> float:
        own = course(one.covariate, effect, incidence, competing)
        if own is None:
            return np.nan
        if beside is None or one.beside is None:
            return 2.0 * left * counts.n * gain(own, 0.0)
        return 2.0 * left * common_gain(own, counts.n, beside, one.beside.n)

    first = sign * float(ndtri(power) - ndtri(alpha / 2.0)) * np.sqrt(sum(1.0 / (left * variance * d) for d in events))
    estimate = least_effect(noncentrality, first, power, alpha)
    found |= {"estimate": estimate, "ratio": float(np.exp(estimate)), "schoenfeld": float(np.exp(first))}
    notes = [UNREACHED] * bool(np.isnan(estimate)) + [ROUGH.format(min(events))] * (min(events) < FEW)
    return found | {"note": "; ".join(notes)}


def course_without_effect(covariate: Covariate, counts: Counts, kind: str) -> Course | None:
    """Follow-up of the reference of an interaction."""
    incidence, other = counts.shares
    return course(covariate, 0.0, incidence, other if kind == OWN else 0.0)


def risks_of(one: Contrast, kind: str, estimate: float) -> dict[str, float]:
    """Incidences of the cause at the time asked, at 0 and at 1 of the covariate."""
    out = dict.fromkeys(("risk_reference", "risk_compared", "risk_difference"), np.nan)
    incidence, other = one.counts.incidence, one.counts.competing if kind == OWN else 0.0
    known = np.isfinite([estimate, incidence, other]).all() and incidence > 0.0 and incidence + other < 1.0
    if one.beside is not None or not known:
        return out
    hazards = hazards_of(one.covariate, estimate, incidence, other)
    pair = Covariate(np.array([0.0, 1.0]), np.ones(2))
    reference, compared = incidences(pair, estimate, hazards)[0].tolist()
    return {"risk_reference": reference, "risk_compared": compared, "risk_difference": compared - reference}
