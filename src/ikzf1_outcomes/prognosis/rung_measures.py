"""How well the predictions of a rung do among patients drawn so many times each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.kernels.accuracy import auc, brier, score_codes
from ikzf1_outcomes.kernels.limits import climb
from ikzf1_outcomes.kernels.pairs import count_pairs
from ikzf1_outcomes.kernels.partial import Layout, lay_out, partial_likelihood
from ikzf1_outcomes.kernels.risk import Floats, Integers, RowOrder
from ikzf1_outcomes.kernels.rival_pairs import count_rival_pairs
from ikzf1_outcomes.models.cox_fit import ranks
from ikzf1_outcomes.prognosis.horizons import Horizons, Standing, begin_of, horizons
from ikzf1_outcomes.prognosis.rung_fits import Fitted, Study

HARRELL, UNO, WOLBERS = "Harrell's C", "Uno's C", "Wolbers' C"
AUC, BRIER, IPA = "AUC", "Brier score", "IPA"
INTEGRATED, SLOPE, ROYSTON_D, ROYSTON_R2 = "integrated Brier score", "calibration slope", "Royston's D", "Royston's R2"
SCALE = {
    SLOPE: "log hazard ratio",
    ROYSTON_D: "log hazard ratio",
    ROYSTON_R2: "share",
    IPA: "share of the null model's score",
    BRIER: "squared probability",
    INTEGRATED: "squared probability",
}
"""Of measures that are no probabilities."""
GRID = 50
"""Evenly spaced times over which the Brier score is integrated."""


@dataclass(frozen=True, eq=False, slots=True)
class Measuring:
    """What measures of the same patients share."""

    study: Study
    states: Horizons
    """At all times at which risks are predicted."""
    asked: Integers
    """Places of the times asked for among these."""
    grid: Integers
    """Places of the even grid among these."""
    pairs: Layout
    """Patients by time, those with another cause after everybody else: they stay comparable with all events."""
    within: Layout
    """Patients by time, events up to the last time asked for."""

    @property
    def names(self) -> list[tuple[str, float]]:
        """Measures and their times, in the order of `measured`; NaN where a measure has none."""
        times = [float(time) for time in self.study.times[self.asked]]
        timed = [(name, time) for name in (AUC, BRIER, IPA) for time in times]
        last = times[-1]
        weighted = UNO if len(self.study.events) == 1 else WOLBERS
        return [
            (HARRELL, np.nan), (weighted, last), *timed, (INTEGRATED, last), (SLOPE, np.nan), (ROYSTON_D, np.nan),
            (ROYSTON_R2, np.nan),
        ]  # fmt: skip

    def standing(self, counts: Integers) -> Standing:
        """Weights by the censoring among the patients drawn."""
        return self.states.standing(counts.astype(np.float64))

    def measured(self, fit: Fitted, counts: Integers, standing: Standing) -> Floats:
        """All measures of predictions, those fitted to these patients or to others; NaN where there is none.

        Concordance is that of the score, and with other causes that of the risk by the last time: which of two patients
        has the event of interest first, if at all (Wolbers and others 2009).
        """
        last = self.asked[-1]
        place = ranks(fit.score) if len(self.study.events) == 1 else score_codes(fit.risk[:, last]).astype(np.float64)
        case = standing.weight * self.states.had
        control = standing.weight - case
        total = float(standing.case_weight.sum())
        risen = case.sum(axis=0) / total
        curve = np.array(
            [brier(fit.risk[:, k], self.states.had[:, k], standing.weight[:, k], total) for k in range(len(risen))]
        )
        areas = [auc(score_codes(fit.risk[:, k]), case[:, k], control[:, k]) for k in self.asked]
        alone = risen * (1.0 - risen)
        with np.errstate(divide="ignore", invalid="ignore"):
            index = 1.0 - curve / alone
        even = np.r_[0.0, curve[self.grid]]
        spread = np.r_[begin_of(self.study.endpoint), self.study.times[self.grid]]
        integral = float(np.trapezoid(even, spread) / (spread[-1] - spread[0]))
        d = self.royston(fit.score, counts)
        return np.array(
            [
                share(count_pairs(self.weighted(self.pairs, counts), place, np.ones(len(place))).counts),
                self.uno(place, counts, standing),
                *areas, *curve[self.asked], *index[self.asked], integral,
                self.coefficient(fit.score, counts), d, royston_r2(d),
            ]
        )  # fmt: skip

    def weighted(self, layout: Layout, counts: Integers) -> Layout:
        """A layout with the patients drawn so many times each."""
        return layout._replace(weight=counts[layout.where].astype(np.float64))

    def uno(self, place: Floats, counts: Integers, standing: Standing) -> float:
        """Concordance up to the last time asked for, each pair weighted by the inverse chance of being seen."""
        assert standing.curves is not None
        before = standing.curves.before()
        event = self.study.events[0] & (self.study.endpoint.time <= self.study.times[self.asked[-1]]) & (counts > 0)
        with np.errstate(divide="ignore"):
            inverse = np.where(counts > 0, 1.0 / before, 0.0)
        layout = self.weighted(self.within, counts)
        found = count_pairs(layout, place, np.where(event, inverse**2, 0.0)).counts
        if len(self.study.events) > 1:
            # whoever had another cause before the event can no longer have it, and is compared with it as any survivor
            found = found + count_rival_pairs(layout, place, self.study.events[1], inverse).counts
        return share(found)

    def royston(self, score: Floats, counts: Integers) -> float:
        """Royston's D: the log hazard ratio between the halves of patients ordered by the score."""
        return self.coefficient(normal_scores(ranks(score), counts), counts) * np.sqrt(8.0 / np.pi)

    def coefficient(self, score: Floats, counts: Integers) -> float:
        """Coefficient of a number as the only covariate; NaN where it is the same in all patients drawn."""
        drawn = np.repeat(score, counts)
        spread = float(drawn.std())
        if not spread > 1e-12 * max(1.0, float(np.abs(drawn).max(initial=0.0))):
            return np.nan
        x = ((score - drawn.mean()) / spread)[:, None]
        beta, _ = climb(partial_likelihood(self.study.drawn(counts, self.study.events[0], x)), 1)
        return float(beta[0]) / spread


def measuring_of(study: Study, asked: Floats) -> Measuring:
    """Prepare the measures of a study, which predicts risks at `asked` and on an even grid up to the last of them.

    Raises
    ------
    InputError
        Delayed entry, several rows a patient, a chance of not being censored below 0.05 at a time.
    """
    endpoint, event = study.endpoint, study.events[0]
    states = horizons(endpoint, study.times, cause=study.cause, censoring="marginal")
    even = snapped(even_grid(endpoint, asked[-1]), states.times)
    places = [np.searchsorted(states.times, times) for times in (asked, even)]
    nothing, ones = np.empty((len(endpoint), 0)), np.ones(len(endpoint))
    pairs = study.layout
    if len(study.events) > 1:
        pairs = lay_out(after_all(endpoint, study.events[1]), event, ones, nothing)
    within = lay_out(endpoint.rows, event & (endpoint.time <= asked[-1]), ones, nothing)
    return Measuring(study, states, places[0], places[1], pairs, within)


def even_grid(endpoint: Endpoint, last: float) -> Floats:
    """Evenly spaced times from the beginning of follow-up to the last one."""
    begin = begin_of(endpoint)
    return np.asarray(begin + (last - begin) * np.arange(1, GRID + 1) / GRID)


def snapped(wanted: Floats, times: Floats) -> Floats:
    """The nearest of some times to each that is wanted."""
    return times[np.abs(wanted[:, None] - times).argmin(axis=1)]


def after_all(endpoint: Endpoint, others: np.ndarray) -> RowOrder:
    """The order of rows in which those with another cause leave last."""
    rows = endpoint.rows
    rank = np.where(others, len(rows.times), rows.rank).astype(rows.rank.dtype)
    return rows._replace(times=np.r_[rows.times, np.inf], rank=rank, order=np.argsort(rank, kind="stable"))


def share(counts: Floats) -> float:
    """Share of the pairs that are concordant, tied scores as halves; NaN without a pair."""
    concordant, discordant, tied = counts[:3]
    pairs = concordant + discordant + tied
    return float((concordant + tied / 2.0) / pairs) if pairs > 0 else np.nan


def normal_scores(code: Floats, counts: Integers) -> Floats:
    """Expected normal order statistics (Blom's) of patients drawn so many times each; tied patients have their mean."""
    size = int(counts.sum())
    total = np.r_[0.0, np.cumsum(ndtri((np.arange(1, size + 1) - 0.375) / (size + 0.25)))]
    block = np.cumsum(np.bincount(code.astype(np.intp), counts)).astype(np.intp)
    start = np.r_[0, block[:-1]]
    with np.errstate(invalid="ignore"):
        mean = (total[block] - total[start]) / (block - start)
    return np.nan_to_num(mean)[code.astype(np.intp)]


def royston_r2(d: float) -> float:
    """Explained variation on the scale of the log hazard, from D."""
    squared = d**2 * np.pi / 8.0
    return float(squared / (np.pi**2 / 6.0 + squared))
