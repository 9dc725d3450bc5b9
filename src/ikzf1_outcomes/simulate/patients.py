"""Patients at diagnosis and their MRD: every column an inverse transform of one uniform number a patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincinv, ndtri

from ikzf1_outcomes.cohort.derived import ikzf1_deletion
from ikzf1_outcomes.simulate.figures import Figures, Floats
from ikzf1_outcomes.simulate.parameters import (
    DAYS_PER_YEAR,
    DELETION,
    LOCI,
    SimulationParameters,
    age_gamma,
    locus_shares,
    subtype_shares,
)

Integers = NDArray[np.intp]

# Below this share a result is negative, below the next it is positive and not quantifiable, from the last on it is high.
MRD_DETECTED, MRD_QUANTIFIED, MRD_HIGH = 1e-5, 1e-4, 1e-3


@dataclass(frozen=True, eq=False, slots=True)
class Patients:
    """What is known, and what only the simulation knows, before the first event.

    Attributes
    ----------
    frame
        Canonical columns at diagnosis, and the protocol.
    deleted
        0 not deleted, 1 deleted.
    mrd
        Share of leukaemic cells at day 33 and day 78, measured or not.
    mrd_done
        Whether it was measured (by chance alone).
    log_ratio
        Log hazard ratio of relapse.
    potential
        Days from diagnosis to the data cut-off.
    """

    frame: pd.DataFrame
    deleted: Integers
    mrd: tuple[Floats, Floats]
    mrd_done: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    log_ratio: Floats
    potential: Floats


class Draws:
    """Uniform numbers, turned into levels at random or by quota."""

    def __init__(self, n: int, rng: np.random.Generator, *, exact: bool) -> None:
        self.n, self.exact, self._rng = n, exact, rng

    def uniform(self) -> Floats:
        """One number between 0 and 1 for each patient."""
        return self._rng.random(self.n)

    def normal(self) -> Floats:
        """One standard normal number for each patient."""
        # A uniform number can be 0, and its normal deviate minus infinity.
        return ndtri(np.maximum(self.uniform(), 2.0**-54))

    def exponential(self) -> Floats:
        """One standard exponential number for each patient."""
        return -np.log1p(-self.uniform())

    def chosen(self, share: Floats) -> NDArray[np.bool_]:
        """True with each patient's own probability.

        By quota, the number chosen is the expected one, rounded, and so it is (to within one) among patients of the
        same probability: systematic sampling along patients sorted by it, in random order where it is equal.
        """
        uniform = self.uniform()
        if not self.exact:
            return uniform < share
        order = np.lexsort((uniform, share))
        # The small amount keeps a half, added up from binary fractions, on one side.
        passed = np.floor(np.cumsum(share[order]) + 0.5 + 1e-9)
        out = np.zeros(self.n, dtype=bool)
        out[order] = np.diff(passed, prepend=0.0) > 0
        return out

    def levels(self, shares: Floats, group: Integers) -> Integers:
        """A level for each patient, of the distribution (a row of `shares`) of the patient's group; or by quota."""
        uniform = self.uniform()
        if not self.exact:
            steps = np.cumsum(shares, axis=1)[:, :-1]
            return (uniform[:, None] >= steps[group]).sum(axis=1)
        out = np.zeros(self.n, dtype=np.intp)
        for code, share in enumerate(shares):
            rows = np.flatnonzero(group == code)
            quota = largest_remainder(len(rows), share)
            out[rows[np.argsort(uniform[rows], kind="stable")]] = np.repeat(np.arange(len(share)), quota)
        return out


def largest_remainder(n: int, shares: Floats) -> Integers:
    """Whole numbers that add up to `n` and are nearest to `n` times the shares (Hamilton's method).

    Everybody gets the whole part; what is left goes to the largest remainders, the earlier level first where they are
    equal.

    Examples
    --------
    >>> largest_remainder(17, np.array([4, 3, 3, 3]) / 13).tolist()
    [5, 4, 4, 4]
    """
    # Nine decimals, so that shares such as 17/109 of 109 have no remainder made of rounding.
    wanted = np.round(n * shares / shares.sum(), 9)
    quota = np.floor(wanted).astype(np.intp)
    order = np.argsort(-np.round(wanted - quota, 9), kind="stable")
    quota[order[: n - int(quota.sum())]] += 1
    return quota


def draw_patients(n: int, rng: np.random.Generator, parameters: SimulationParameters, *, exact: bool) -> Patients:
    """Draw patients at diagnosis and their MRD. The order of the draws is fixed: it is part of what a seed means."""
    draws = Draws(n, rng, exact=exact)
    everybody = np.zeros(n, dtype=np.intp)
    ikzf1 = _ikzf1(draws, parameters)
    deleted = (ikzf1_deletion(pd.Series(ikzf1)) == DELETION[1]).to_numpy(dtype=np.intp)
    columns: dict[str, object] = {"id": _identifiers(n)}
    columns["age"] = _age(draws, deleted, parameters)
    columns["sex"] = _names(parameters.sex)[draws.levels(parameters.sex.array[None, :], everybody)]
    median = np.log(_by_group(parameters.wbc_median)[deleted])
    wbc = np.exp(median + parameters.wbc_spread["value"] * draws.normal())
    columns["wbc"] = np.clip(np.round(wbc, 1), 0.5, 2000.0)
    columns["cns_status"] = _names(parameters.cns)[draws.levels(parameters.cns.array[None, :], everybody)]
    subtype = draws.levels(subtype_shares(parameters), deleted)
    columns["cytogenetic_subtype"] = _names(parameters.subtypes)[subtype]
    potential = _potential(draws, parameters)
    late = potential < (_accrual_end(parameters) - parameters.follow_up["protocol A"]) * DAYS_PER_YEAR
    columns["protocol"] = np.where(late, "protocol B", "protocol A").astype(object)
    columns["ikzf1_class"] = ikzf1
    columns |= _copy_numbers(draws, deleted, subtype, parameters)
    columns["sample"] = np.zeros(n)
    columns["sample_type"] = _names(parameters.sample)[draws.levels(parameters.sample.array[None, :], everybody)]
    mrd = _mrd(draws, deleted, parameters)
    not_done = np.full(n, parameters.mrd_not_done["value"])
    done = (~draws.chosen(not_done), ~draws.chosen(not_done))
    frame = pd.DataFrame(columns)
    return Patients(frame, deleted, mrd, done, _log_ratio(frame, mrd[0], parameters), potential)


def _identifiers(n: int) -> NDArray[np.object_]:
    width = max(3, len(str(n)))
    numbers = np.char.zfill(np.arange(1, n + 1).astype(str), width)
    return np.char.add("S", numbers).astype(object)


def _ikzf1(draws: Draws, parameters: SimulationParameters) -> NDArray[np.object_]:
    everybody = np.zeros(draws.n, dtype=np.intp)
    classes = parameters.classes
    drawn = _names(classes)[draws.levels(classes.array[None, :] / classes.array.sum(), everybody)]
    kinds = parameters.deletions
    share = kinds.array / kinds.array.sum()
    # In two steps, so that quotas of the kinds fill the quota of the deleted and do not change it.
    group = np.where(drawn == "deleted", 0, 1)
    kind = _names(kinds)[draws.levels(np.vstack([share, share]), group)]
    return np.where(drawn == "deleted", kind, drawn)


def _age(draws: Draws, deleted: Integers, parameters: SimulationParameters) -> Floats:
    uniform = draws.uniform()
    lowest, highest = parameters.age_limits["lowest"], parameters.age_limits["highest"]
    shape, scale = np.array([age_gamma(parameters, group) for group in DELETION]).T
    inside = gammainc(shape, (highest - lowest) / scale)[deleted]
    age = lowest + scale[deleted] * gammaincinv(shape[deleted], uniform * inside)
    return np.clip(np.round(age, 1), lowest, highest)


def _accrual_end(parameters: SimulationParameters) -> float:
    return parameters.follow_up["shortest"] + parameters.follow_up["accrual"]


def _potential(draws: Draws, parameters: SimulationParameters) -> Floats:
    years = _accrual_end(parameters) - parameters.follow_up["accrual"] * draws.uniform()
    return np.floor(years * DAYS_PER_YEAR)


def _copy_numbers(
    draws: Draws, deleted: Integers, subtype: Integers, parameters: SimulationParameters
) -> dict[str, object]:
    lost = {locus: draws.chosen(locus_shares(parameters, locus)[deleted, subtype]) for locus in LOCI}
    both = draws.uniform() < parameters.cdkn2["CDKN2B too"]
    twice = np.where(draws.uniform() < parameters.cdkn2["homozygous"], "homozygous", "deleted").astype(object)
    cdkn2 = lost.pop("cdkn2ab")
    columns: dict[str, object] = {
        "cdkn2a": np.where(cdkn2, twice, "normal"),
        "cdkn2b": np.where(cdkn2 & both, twice, "normal"),
    }
    columns |= {locus: np.where(gone, "deleted", "normal").astype(object) for locus, gone in lost.items()}
    erg = (_names(parameters.subtypes)[subtype] == "B-other DUX4/ERG") & (draws.uniform() < parameters.erg_deleted["value"])
    tested = draws.uniform() < parameters.erg_tested["value"]
    columns["erg"] = np.where(tested, np.where(erg, "deleted", "normal"), "not_tested").astype(object)
    return columns


def _mrd(draws: Draws, deleted: Integers, parameters: SimulationParameters) -> tuple[Floats, Floats]:
    change = parameters.mrd_change
    first = _by_group(parameters.mrd_mean)[deleted] + change["SD at day 33"] * draws.normal()
    second = first - change["mean fall"] + change["SD of the fall"] * draws.normal()
    return _two_digits(first), _two_digits(second)


def _two_digits(log_share: Floats) -> Floats:
    # Through text: a laboratory reports two digits, and the number in the file must be the number that was classed.
    share = np.char.mod("%.1e", 10.0 ** np.clip(log_share, -9.0, -0.05)).astype(float)
    return np.asarray(share, dtype=float)


def _log_ratio(frame: pd.DataFrame, mrd: Floats, parameters: SimulationParameters) -> Floats:
    """Log hazard ratio of relapse: kind of deletion + subtype + WBC + age + MRD at day 33, without interaction."""
    kinds = {name: np.log(ratio) for name, ratio in parameters.class_ratios.values}
    subtypes = {name: np.log(ratio) for name, ratio in parameters.subtype_ratios.values}
    risk = {name: np.log(ratio) for name, ratio in parameters.risk_ratios.values}
    out = frame["ikzf1_class"].map(kinds).fillna(0.0).to_numpy(dtype=float)
    out = out + frame["cytogenetic_subtype"].map(subtypes).to_numpy(dtype=float)
    out = out + risk["wbc >= 50"] * (frame["wbc"].to_numpy(dtype=float) >= 50.0)
    out = out + risk["age >= 10"] * (frame["age"].to_numpy(dtype=float) >= 10.0)
    middle = (mrd >= MRD_DETECTED) & (mrd < MRD_HIGH)
    return out + np.where(middle, risk["mrd below 1e-3"], np.where(mrd >= MRD_HIGH, risk["mrd 1e-3 or more"], 0.0))


def _names(table: Figures) -> NDArray[np.object_]:
    return np.array(table.names, dtype=object)


def _by_group(table: Figures) -> Floats:
    return np.array([table[group] for group in DELETION])
