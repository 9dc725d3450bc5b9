"""Choices of a hierarchical model that are made of several arguments, checked."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from numbers import Real

import numpy as np

from ikzf1_outcomes.errors import InputError

NO_PATHWAY = "no pathway"
WORDS = {
    "baseline": ("baseline", ("piecewise", "spline", "weibull")),
    "pooling": ("pooling", ("zero-sum", "superpopulation")),
    "centring": ("centring", ("auto", "centred", "non-centred")),
    "alterations_prior": ("prior of alterations", ("normal", "r2d2")),
}
"""What an argument is called, and what it may be."""


def check_words(**given: str) -> None:
    """Refuse choices that do not exist.

    Raises
    ------
    InputError
        With those that do.
    """
    for name, word in given.items():
        what, known = WORDS[name]
        if word not in known:
            raise InputError(f"there is no such {what}", next_step=f"Use {' or '.join(known)}.")


def check_times(
    edges: tuple[float, ...], *, baseline: str, horizon: float, bound: float | None, change: float | None
) -> None:
    """Refuse times that are no times, and cuts that a baseline cannot have.

    Raises
    ------
    InputError
        A horizon, bound or change that is not above 0; a bound before the last cut; a spline without cuts.
    """
    for what, time in {"horizon": horizon, "bound": bound, "change": change}.items():
        fine = isinstance(time, Real) and not isinstance(time, bool) and np.isfinite(time) and time > 0
        if not fine and (time is not None or what == "horizon"):
            raise InputError(f"the {what} must be above 0", next_step="Give it in years.")
    if bound is not None and edges and bound <= edges[-1]:
        raise InputError("the bound lies before the last cut", next_step="Leave later cuts out.")
    if baseline == "spline" and not edges:
        raise InputError("a spline needs at least one cut", next_step="Use piecewise for a constant hazard.")


def check_roles(single: Mapping[str, str | None], several: tuple[str, ...]) -> None:
    """Refuse columns with two roles; `single` are the roles of one column.

    Raises
    ------
    InputError
        A role of one column that is given as something else, or a column twice.
    """
    for what, name in single.items():
        one_name(name, what)
    roles = [*(name for name in single.values() if name is not None), *several]
    if len(set(roles)) < len(roles):
        raise InputError("a column has two roles in the model", next_step="Name each column once.")


def check_trials(effects_by: str | None, single: Mapping[str, str | None]) -> None:
    """Refuse effects that differ between the levels of no column.

    Raises
    ------
    InputError
        Another role than protocol or strata, or one that has no column.
    """
    if effects_by is None:
        return
    if effects_by not in ("protocol", "strata"):
        raise InputError(
            "effects_by is no role of a column of trials",
            next_step='Use "protocol", or "strata" where trials have baselines of their own.',
        )
    if single[effects_by] is None:
        raise InputError(f"effects differ by {effects_by}, which has no column", next_step=f'As in {effects_by}="trial".')


def one_name(name: str | None, what: str) -> None:
    """Refuse a role of one column that is given as something else.

    Raises
    ------
    InputError
        It is no word.
    """
    if name is not None and not isinstance(name, Hashable):
        raise InputError(f"{what} is one column", next_step="Give its name, not a list.")


def listed(names: str | Iterable[str], what: str) -> tuple[str, ...]:
    """One name or several as several.

    Raises
    ------
    InputError
        They are neither.
    """
    if not isinstance(names, Iterable):
        raise InputError(f"{what} must be a name, or several", next_step='As in ["PAX5", "ETV6"]; () for none.')
    return (names,) if isinstance(names, str) else tuple(names)


def checked_induction(
    induction: str | Sequence[str] | None, until: float | None, causes: Sequence[str]
) -> tuple[str, ...] | None:
    """The causes that are failures of induction.

    Raises
    ------
    InputError
        None in a list, one twice, or one that has hazards; a time that is no time, or without them.
    """
    fine = isinstance(until, Real) and not isinstance(until, bool) and np.isfinite(until) and until >= 0
    if until is not None and (not fine or induction is None):
        raise InputError(
            "induction_until must be 0 or more, beside `induction`", next_step='As in induction="non-response".'
        )
    if induction is None:
        return None
    names = listed(induction, "induction")
    if not names or None in names or len(set(names)) < len(names):
        raise InputError("induction has no cause, or one twice", next_step='As in ("non-response", "induction death").')
    if set(names) & set(causes):
        raise InputError("a failure of induction is among the causes of the hazards", next_step="Name it in one of them.")
    return names


def checked_pathways(
    pathways: Mapping[str, Sequence[str]] | None, features: tuple[str, ...]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Pathways with their features; no feature in two.

    Raises
    ------
    InputError
        No mapping; no features; a pathway that has none, or one that is not among the features; a feature in two.
    """
    if pathways is None:
        return ()
    if not isinstance(pathways, Mapping):
        raise InputError("pathways are no mapping", next_step="As in pathways={'JAK/STAT': ['PEP1', 'PEP2']}.")
    if not features:
        raise InputError("pathways without features", next_step="Name the features, too.")
    found = tuple((str(name), listed(own, "features of a pathway")) for name, own in pathways.items())
    if len(dict(found)) < len(found):
        raise InputError("two pathways have one name", next_step="Rename one.")
    if not found or not all(own for _, own in found):
        raise InputError("a pathway has no features", next_step="Leave it out.")
    for name, own in found:
        unknown = [feature for feature in own if feature not in features]
        if unknown:
            raise InputError(
                f"pathway {name!r} names {unknown[0]!r}, which is no feature of the model", count=len(unknown),
                next_step="Add it to the features, or take it out of the pathway.",
            )  # fmt: skip
    if NO_PATHWAY in dict(found):
        raise InputError(f"{NO_PATHWAY!r} is the name of the features without one", next_step="Rename the pathway.")
    every = [feature for _, own in found for feature in own]
    if len(set(every)) < len(every):
        raise InputError("a feature is in two pathways", next_step="Decide for one of them.")
    return found


def check_likelihood(
    baseline: str, cure: bool, cuts: bool, bound: float | None, changes_at: float | None, induction: bool
) -> None:
    """Refuse what a Weibull hazard and a mixture cure model do not have; `cuts` and `induction` say whether they are given.

    Raises
    ------
    InputError
        With what to do.
    """
    weibull, said = baseline == "weibull", "mixture cure" if cure else "a Weibull hazard"
    if cure and baseline == "spline":
        raise InputError("the hazard of the uncured is no spline", next_step="Use weibull or piecewise.")
    if not cure and not weibull:
        return
    if weibull and cuts:
        raise InputError("a Weibull hazard has no cuts", next_step="Leave them out, or use piecewise.")
    if bound is not None and cure:
        raise InputError("mixture cure has no bound: its plateau is the cured", next_step="Leave bound out.")
    if bound is not None:
        raise InputError(
            "a Weibull hazard has no bound and makes no plateau", next_step="Use cure=True, or a piecewise hazard."
        )
    if changes_at is not None:
        raise InputError(
            f"effects that change in time are not part of {said}", next_step="Use piecewise or spline, without cure."
        )
    if cure and induction:
        raise InputError(
            "mixture cure has no part for failures of induction beside it",
            next_step="Leave `induction` out and start at a landmark after them, or sample without cure.",
        )
