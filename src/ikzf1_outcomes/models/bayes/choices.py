"""Choices of a hierarchical model that are made of several arguments, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np

from ikzf1_outcomes.errors import InputError

NO_PATHWAY = "no pathway"


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
    names = (induction,) if isinstance(induction, str) else tuple(induction)
    if not names or len(set(names)) < len(names):
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
    found = tuple((str(name), (own,) if isinstance(own, str) else tuple(own)) for name, own in pathways.items())
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
