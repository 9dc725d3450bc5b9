"""The risk group that minimal residual disease gives by a protocol's rule, where results may be missing or coarse."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort.findings import nearest
from ikzf1_outcomes.cohort.mrd import MRD_LEVELS, ROUNDING, MrdTimepoint
from ikzf1_outcomes.cohort.mrd_rules import MRD_PROTOCOLS, MrdGroup, MrdRule
from ikzf1_outcomes.errors import InputError

UNCLASSIFIED = "unclassified"


def find_rule(protocol: str | MrdRule) -> MrdRule:
    """Rule of a protocol by name; a rule is given back as it is."""
    if isinstance(protocol, MrdRule):
        return protocol
    if protocol not in MRD_PROTOCOLS:
        raise InputError(f"there is no MRD rule {protocol!r}", next_step=nearest(protocol, MRD_PROTOCOLS))
    return MRD_PROTOCOLS[protocol]


def mrd_risk(frame: pd.DataFrame, protocol: str | MrdRule, *, timepoints: Sequence[MrdTimepoint]) -> pd.Series:
    """Risk group that a protocol's rule gives.

    Whatever a missing or coarse result leaves open (not done, not assessable, positive but not quantifiable around a
    cut, negative by an assay less sensitive than the rule asks) is completed in every possible way; the group is given
    only where all completions agree, else the patient is "unclassified".

    Parameters
    ----------
    frame
        Columns ``mrd_<name>`` and ``mrd_<name>_value`` of each time point, as `mrd_columns` makes them.
    protocol
        Name in `MRD_PROTOCOLS`, or a rule. Recalled parts of a rule are assumptions that it names (status R, R+): in
        AIEOP-BFM ALL 2000 that the standard group is negative at TP2 also, in DCOG ALL10 the conditions of all groups.
        `MrdRule.without` and `MrdRule.with_cut` change them.
    timepoints
        The time points measured, named as the rule names its own. One that is not here is unknown for everybody.

    Returns
    -------
    pandas.Series
        Ordered categorical: the groups, lowest risk first, then "unclassified", which stands apart from the order.

    Raises
    ------
    InputError
        When the rule is not known, or none of its time points is measured.

    Notes
    -----
    Sources are those of each rule; AIEOP-BFM ALL 2000: Conter et al., Blood 2010;115:3206.

    Examples
    --------
    >>> import pandas as pd
    >>> from ikzf1_outcomes.cohort.mrd import mrd_columns
    >>> points = [MrdTimepoint("TP1", 33, 1e-5, 1e-4), MrdTimepoint("TP2", 78, 1e-5, 1e-4)]
    >>> results = {"TP1": ["0", "0.01", None], "TP2": ["0", "0.00002", "0.002"]}
    >>> columns = [mrd_columns(pd.Series(results[point.name]), point) for point in points]
    >>> mrd_risk(pd.concat(columns, axis=1), "AIEOP-BFM ALL 2000", timepoints=points).tolist()
    ['standard', 'intermediate', 'high']
    """
    rule = find_rule(protocol)
    measured = {point.name: point for point in timepoints if point.name in rule.timepoints}
    if not measured:
        raise InputError(
            f"none of the time points of {rule.name!r} is measured",
            next_step=f"Name the study's time points as the rule does: {', '.join(rule.timepoints)}.",
        )
    cuts = {name: _cuts(rule, name) for name in rule.timepoints}
    possible = {name: _possible(frame, name, measured.get(name), rule, cuts[name]) for name in rule.timepoints}
    lowest = np.full(len(frame), len(rule.order) + 1)
    highest = np.full(len(frame), -2)
    for atoms in itertools.product(*(range(len(cuts[name]) + 2) for name in rule.timepoints)):
        completion = dict(zip(rule.timepoints, atoms, strict=True))
        group = _group_of(rule, completion, cuts)
        can_be = np.logical_and.reduce([possible[name][:, atom] for name, atom in completion.items()])
        lowest[can_be] = np.minimum(lowest[can_be], group)
        highest[can_be] = np.maximum(highest[can_be], group)
    code = np.where((lowest == highest) & (lowest >= 0), lowest, len(rule.order))
    levels = pd.CategoricalDtype([*rule.order, UNCLASSIFIED], ordered=True)
    return pd.Series(pd.Categorical.from_codes(code, dtype=levels), index=frame.index, name="mrd_risk")


def _cuts(rule: MrdRule, timepoint: str) -> list[float]:
    named = {one.cut for one in rule.conditions() if one.timepoint == timepoint and one.kind != "negative"}
    return sorted(cut for cut in named if cut is not None)


def _possible(
    frame: pd.DataFrame, name: str, point: MrdTimepoint | None, rule: MrdRule, cuts: list[float]
) -> NDArray[np.bool_]:
    """Which atoms each patient may be in: negative, then the intervals of a positive result between the cuts."""
    n_atoms = len(cuts) + 2
    if point is None:
        return np.ones((len(frame), n_atoms), dtype=bool)
    level = frame[f"mrd_{name}"].astype(object)
    value = frame[f"mrd_{name}_value"].to_numpy(dtype=float)
    low, high = np.array([0.0, *cuts]), np.array([*cuts, np.inf])
    asked = [one.cut for one in rule.conditions() if one.timepoint == name and one.kind == "negative"]
    sensitivity = min([cut for cut in asked if cut is not None] + cuts, default=np.inf)
    possible = np.ones((len(frame), n_atoms), dtype=bool)
    quantified = ~np.isnan(value)
    atom = np.searchsorted(np.array(cuts) * (1 - ROUNDING), value[quantified], side="right") + 1
    possible[quantified] = np.arange(n_atoms) == atom[:, None]
    between = (low < point.quantifiable) & (high > point.limit_of_detection)
    possible[(level == MRD_LEVELS[1]).to_numpy()] = np.concatenate([[False], between])
    coarse = point.limit_of_detection > sensitivity * (1 + ROUNDING)
    hidden = (low < point.limit_of_detection) if coarse else np.zeros(len(low), dtype=bool)
    possible[(level == MRD_LEVELS[0]).to_numpy()] = np.concatenate([[True], hidden])
    return possible


def _group_of(rule: MrdRule, completion: Mapping[str, int], cuts: Mapping[str, Sequence[float]]) -> int:
    for group in rule.groups:
        if _holds(group, completion, cuts):
            return rule.order.index(group.name)
    return -1


def _holds(group: MrdGroup, completion: Mapping[str, int], cuts: Mapping[str, Sequence[float]]) -> bool:
    for condition in group.conditions:
        atom = completion[condition.timepoint]
        if condition.kind == "negative":
            fits = atom == 0
        else:
            assert condition.cut is not None
            reached = atom >= cuts[condition.timepoint].index(condition.cut) + 2
            fits = reached if condition.kind == "at_least" else not reached
        if not fits:
            return False
    return True
