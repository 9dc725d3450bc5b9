"""Protocol rules that turn minimal residual disease into a risk group, as versioned data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ikzf1_outcomes.cohort.findings import nearest
from ikzf1_outcomes.errors import InputError


@dataclass(frozen=True, slots=True)
class MrdCondition:
    """One condition of a group.

    Parameters
    ----------
    key
        Name by which `MrdRule.without` and `MrdRule.with_cut` find it.
    timepoint
        Time point of the rule.
    kind
        ``negative``, ``below`` or ``at_least``.
    cut
        Share of cells. For ``negative`` the sensitivity that a negative result must have; None asks for none.
    status
        How sure the source is: S seen in a primary source; R, R+ recalled and unverified, hence an assumption.
    """

    key: str
    timepoint: str
    kind: str
    cut: float | None = None
    status: str = "S"


@dataclass(frozen=True, slots=True)
class MrdGroup:
    """A risk group: all of its conditions hold; without conditions it takes the rest.

    Parameters
    ----------
    name
        Level of the result.
    conditions
        Conditions, all of which must hold.
    status
        As in `MrdCondition`.
    """

    name: str
    conditions: tuple[MrdCondition, ...] = ()
    status: str = "S"


@dataclass(frozen=True, slots=True)
class MrdRule:
    """A protocol's rule: which combination of results at its time points gives which group.

    Groups are tried in turn and the first whose conditions hold is taken. Parts tagged R or R+ are recalled, not seen
    in a source: `assumptions` names them, `without` takes them out and `with_cut` changes a threshold, both giving a
    new rule.

    Parameters
    ----------
    name, version
        Name of the protocol, version of this transcription.
    source
        Where the rule stands.
    status
        S, R, R+ or mixed.
    timepoints
        Names of the time points.
    days
        Day of each time point, from the start of treatment.
    groups
        Groups in the order in which they are tried.
    order
        Names of the groups, lowest risk first.
    assumptions
        What the rule presumes or leaves aside.

    Examples
    --------
    >>> rule = MRD_PROTOCOLS["AIEOP-BFM ALL 2000"]
    >>> rule.order
    ('standard', 'intermediate', 'high')
    >>> rule.without("standard: negative at TP2").version
    '1, changed'
    """

    name: str
    version: str
    source: str
    status: str
    timepoints: tuple[str, ...]
    days: tuple[int, ...]
    groups: tuple[MrdGroup, ...]
    order: tuple[str, ...]
    assumptions: tuple[str, ...] = ()

    def conditions(self) -> tuple[MrdCondition, ...]:
        """Every condition of every group."""
        return tuple(condition for group in self.groups for condition in group.conditions)

    def without(self, key: str) -> MrdRule:
        """Give the rule without one condition, or without one group that takes the rest.

        Parameters
        ----------
        key
            Key of the condition, or name of the group.

        Returns
        -------
        MrdRule
            The changed rule.

        Raises
        ------
        InputError
            When the rule has no such part, or the condition is the only one of its group.
        """
        self._find(key, [group.name for group in self.groups if not group.conditions])
        for group in self.groups:
            if len(group.conditions) == 1 and group.conditions[0].key == key:
                raise InputError(f"{key!r} is the only condition of its group, which would then take every patient")
        groups = tuple(
            replace(group, conditions=tuple(one for one in group.conditions if one.key != key))
            for group in self.groups
            if group.conditions or group.name != key
        )
        order = tuple(name for name in self.order if name in {group.name for group in groups})
        return replace(self, groups=groups, order=order, version=_changed(self.version))

    def with_cut(self, key: str, cut: float | None) -> MrdRule:
        """Give the rule with another threshold in one condition.

        Parameters
        ----------
        key
            Key of the condition.
        cut
            The new threshold, a share of cells.

        Returns
        -------
        MrdRule
            The changed rule.

        Raises
        ------
        InputError
            When the rule has no such condition.
        """
        self._find(key, [])
        groups = tuple(
            replace(
                group,
                conditions=tuple(replace(one, cut=cut) if one.key == key else one for one in group.conditions),
            )
            for group in self.groups
        )
        return replace(self, groups=groups, version=_changed(self.version))

    def _find(self, key: str, also: Iterable[str]) -> None:
        known = [condition.key for condition in self.conditions()] + list(also)
        if key not in known:
            raise InputError(f"the rule {self.name!r} has no part {key!r}", next_step=nearest(key, known))


def _changed(version: str) -> str:
    return version if version.endswith("changed") else f"{version}, changed"


_AIEOP_BFM_2000 = MrdRule(
    name="AIEOP-BFM ALL 2000",
    version="1",
    source="Conter et al., Blood 2010;115:3206",
    status="S, but for the condition at TP2 of the standard group (R+)",
    timepoints=("TP1", "TP2"),
    days=(33, 78),
    groups=(
        MrdGroup("high", (MrdCondition("high: at TP2", "TP2", "at_least", 1e-3),)),
        MrdGroup(
            "standard",
            (
                MrdCondition("standard: negative at TP1", "TP1", "negative", 1e-4),
                MrdCondition("standard: negative at TP2", "TP2", "negative", 1e-4, status="R+"),
            ),
        ),
        MrdGroup("intermediate"),
    ),
    order=("standard", "intermediate", "high"),
    assumptions=(
        "the standard group must be negative at TP2 also (recalled, R+)",
        "two markers are presumed: their number is not in the data",
    ),
)

_DCOG_ALL10 = MrdRule(
    name="DCOG ALL10",
    version="1",
    source="van der Sligte et al., Exp Hematol Oncol 2015;4:23, for the days; none recorded for the groups",
    status="S for the days, R+ for the groups",
    timepoints=("d42", "d84"),
    days=(42, 84),
    groups=(
        MrdGroup("high", (MrdCondition("high: at d84", "d84", "at_least", 5e-4, status="R+"),), status="R+"),
        MrdGroup(
            "standard",
            (
                MrdCondition("standard: negative at d42", "d42", "negative", status="R+"),
                MrdCondition("standard: negative at d84", "d84", "negative", status="R+"),
            ),
            status="R+",
        ),
        MrdGroup("medium", status="R+"),
    ),
    order=("standard", "medium", "high"),
    assumptions=(
        "high risk is 0.05 % or more at day 84, standard risk is negative at both days (recalled, R+)",
        "every other patient is of medium risk (recalled, R+)",
        "any negative result counts, whatever its sensitivity, unless a cut asks for more",
    ),
)

_COG = MrdRule(
    name="COG",
    version="1",
    source="PDQ, Childhood Acute Lymphoblastic Leukemia Treatment (cancer.gov), for the days and cuts",
    status="S for days and cuts; their crossing into one order is ours",
    timepoints=("d8", "d29"),
    days=(8, 29),
    groups=(
        MrdGroup("d29 from 0.01 %", (MrdCondition("d29 cut", "d29", "at_least", 1e-4),)),
        MrdGroup("d29 below 0.01 %, d8 from 1 %", (MrdCondition("d8 upper cut", "d8", "at_least", 1e-2),)),
        MrdGroup("d29 below 0.01 %, d8 0.01 to 1 %", (MrdCondition("d8 lower cut", "d8", "at_least", 1e-4),)),
        MrdGroup("d29 and d8 below 0.01 %"),
    ),
    order=(
        "d29 and d8 below 0.01 %",
        "d29 below 0.01 %, d8 0.01 to 1 %",
        "d29 below 0.01 %, d8 from 1 %",
        "d29 from 0.01 %",
    ),
    assumptions=(
        "day 8 is blood and day 29 marrow",
        "this is the MRD part alone: COG's groups also use NCI risk and favourable genetics, which do not enter here",
    ),
)

_UKALL_2003 = MrdRule(
    name="UKALL 2003",
    version="1",
    source="UKALL 2003 protocol: day 29, cut at 0.01 % (the publication is not recorded here)",
    status="S",
    timepoints=("d29",),
    days=(29,),
    groups=(MrdGroup("high", (MrdCondition("high: at d29", "d29", "at_least", 1e-4),)), MrdGroup("low")),
    order=("low", "high"),
    assumptions=("the names low and high are ours; the cut is the protocol's",),
)

MRD_PROTOCOLS: dict[str, MrdRule] = {rule.name: rule for rule in (_AIEOP_BFM_2000, _DCOG_ALL10, _COG, _UKALL_2003)}
"""The protocols' rules by name. Each carries its version, source, status and assumptions."""
