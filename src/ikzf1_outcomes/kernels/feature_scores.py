"""Score statistics of many features at the fit of the adjusters alone, for features whose rows have been permuted.

At that fit the risks, the hazard and all weights are fixed numbers. The score of a feature is linear in its values and
their information quadratic, so that one pass over the rows gives the statistics of all features at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.feature_models import _take
from ikzf1_outcomes.kernels.partial import KEPT, Layout, _exposure, gram, linear_predictor, make_room
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.kernels.subdistribution import EVENT, Subdistribution, risk_sets

UNTOLD = 1e-9
"""Share of a feature's information that must be left beside the adjusters for it to have a statistic."""


class NullFit(NamedTuple):
    """The fit of the adjusters alone, as the scores of features need it; rows as those of its layout."""

    layout: Layout
    risk: Floats
    residual: Floats
    """Event less expected events, times the weight: the score of a feature is its product with this (n)."""
    seen: Floats
    """Risk times the hazard exposed to: the diagonal of the information (n)."""
    quadratic: Floats
    """Coefficients of s s', s d' + d s' and d d' at each event time (times, 3), s and d sums over risk set and events."""
    sums: Floats
    """Sums of the adjusters over the risk sets, and over the events (2, times, p)."""
    information: Floats
    """Of the adjusters (p, p)."""


@compiled
def _event_sums(sets, a, risk, at, ends, whole, tied, deaths, mass):  # type: ignore[no-untyped-def]
    """Backward pass: sums of risk and of risk times adjusters over each risk set and over its events."""
    start, rank, first, late, late_start, event, weight = sets
    nothing, p, used = np.zeros((len(rank), 1)), a.shape[1], 0
    sums, died = np.zeros((2 + p, 1)), np.zeros((2 + p, 1))
    for g in range(len(start) - 1):
        sums[:], peak = 0.0, 0.0
        pointer, stop = late_start[g + 1] - 1, start[g + 1]
        while stop > start[g]:
            j, k, w = rank[stop - 1], 0, 0.0
            peak = max(peak, sums[0, 0])
            while pointer >= late_start[g] and first[late[pointer]] > j:
                _take(sums, a, nothing, risk, late[pointer], -1.0)
                pointer -= 1
            if sums[0, 0] < KEPT * peak:
                sums[:] = 0.0
                for i in range(stop, start[g + 1]):
                    if first[i] <= j:
                        _take(sums, a, nothing, risk, i, 1.0)
                peak = sums[0, 0]
            died[:] = 0.0
            while stop > start[g] and rank[stop - 1] == j:
                stop -= 1
                _take(sums, a, nothing, risk, stop, 1.0)
                if event[stop]:
                    k += 1
                    w += weight[stop]
                    _take(died, a, nothing, risk, stop, 1.0)
            if k > 0:
                at[used], deaths[used], mass[used] = j, k, w
                whole[used], tied[used] = sums[: 1 + p, 0], died[: 1 + p, 0]
                used += 1
        ends[g + 1] = used


@compiled
def _add_row(total, x, source, risk, sign):  # type: ignore[no-untyped-def]
    for j in range(len(total)):
        total[j] += sign * risk * x[source, j]


@compiled
def _pass(sets, risk, linear, seen, cross, quadratic, x, source, out):  # type: ignore[no-untyped-def]
    """One pass over the rows, row i with the features of row `source[i]`.

    `out`: score, information of the feature, then information with each adjuster; a column a feature.
    """
    start, rank, first, late, late_start, event, _ = sets
    m, p, used = x.shape[1], linear.shape[1] - 1, 0
    total, died = np.zeros(m), np.zeros(m)
    out[:] = 0.0
    for g in range(len(start) - 1):
        total[:], mass, peak = 0.0, 0.0, 0.0
        pointer, stop = late_start[g + 1] - 1, start[g + 1]
        while stop > start[g]:
            j, any_event = rank[stop - 1], False
            peak = max(peak, mass)
            while pointer >= late_start[g] and first[late[pointer]] > j:
                i = late[pointer]
                _add_row(total, x, source[i], risk[i], -1.0)
                mass -= risk[i]
                pointer -= 1
            if mass < KEPT * peak:
                total[:], mass = 0.0, 0.0
                for i in range(stop, start[g + 1]):
                    if first[i] <= j:
                        _add_row(total, x, source[i], risk[i], 1.0)
                        mass += risk[i]
                peak = mass
            while stop > start[g] and rank[stop - 1] == j:
                stop -= 1
                own, r = source[stop], risk[stop]
                mass += r
                for k in range(m):
                    value = x[own, k]
                    total[k] += r * value
                    out[0, k] += linear[stop, 0] * value
                    out[1, k] += seen[stop] * value * value
                for a in range(p):
                    for k in range(m):
                        out[2 + a, k] += linear[stop, 1 + a] * x[own, k]
                if event[stop]:
                    if not any_event:
                        died[:], any_event = 0.0, True
                    _add_row(died, x, own, r, 1.0)
            if any_event:
                aa, ab, bb = quadratic[used]
                for k in range(m):
                    out[1, k] -= total[k] * (aa * total[k] - 2.0 * ab * died[k]) + bb * died[k] * died[k]
                for a in range(p):
                    for k in range(m):
                        out[2 + a, k] -= cross[0, used, a] * total[k] + cross[1, used, a] * died[k]
                used += 1


def null_fit(layout: Layout, beta: Floats, ties: str = "efron") -> NullFit:
    """Everything that scores of features need of the fit of the adjusters alone.

    Parameters
    ----------
    layout
        Rows with the adjusters for covariates, centred and of unit spread.
    beta
        Their coefficients at the maximum (p).
    ties
        "efron" or "breslow".
    """
    _, _, risk = linear_predictor(layout, beta)
    room = make_room(layout)
    n_times, p = room.means.shape
    whole, tied = np.empty((n_times, 1 + p)), np.empty((n_times, 1 + p))
    deaths, mass = np.empty(n_times, dtype=np.int64), np.empty(n_times)
    _event_sums(sets_of(layout), layout.x, risk[:, None], room.at, room.ends, whole, tied, deaths, mass)
    quadratic = np.zeros((n_times, 3))
    room.hazard[:], room.tied[:] = 0.0, 0.0
    steps = deaths if ties == "efron" else np.ones_like(deaths)
    for step in range(int(steps.max(initial=0))):
        share = step / deaths
        each = np.where(step < steps, 1.0 / (whole[:, 0] - np.where(step < steps, share, 0.0) * tied[:, 0]), 0.0)
        w = mass / steps
        room.hazard[:] += w * each
        room.tied[:] += share * w * each
        quadratic += np.stack([w * each**2, share * w * each**2, share**2 * w * each**2], axis=1)
    exposure = np.empty(len(risk))
    _exposure(layout.start, layout.rank, layout.first, layout.event, room, exposure)
    seen = risk * exposure
    sums = np.stack([whole[:, 1:], tied[:, 1:]])
    aa, ab, bb = (quadratic[:, k, None] for k in range(3))
    mixed = (ab * sums[0]).T @ sums[1]
    information = gram(layout.x, seen) - (aa * sums[0]).T @ sums[0] + mixed + mixed.T - (bb * sums[1]).T @ sums[1]
    return NullFit(layout, risk, layout.weight * layout.event - seen, seen, quadratic, sums, information)


def sets_of(layout: Layout) -> tuple:
    """What of a layout says who is at risk."""
    return (layout.start, layout.rank, layout.first, layout.late, layout.late_start, layout.event, layout.weight)


class CoxScores(NamedTuple):
    r"""Score statistics of features beside the adjusters in a Cox model.

    With r the risks at the fit of the adjusters alone, c the exposures, M = w d - r c the martingale residuals and S, D the
    sums of r x over a risk set and over its events, for the feature x, adjusters a:

    .. math:: U = M'x, \quad I_{xx} = (rc)'x^2 - \sum (A S^2 - 2 B S D + C D^2), \quad
              I_{xa} = (rc\,a)'x - \sum (A S_a - B D_a) S + (C D_a - B S_a) D

    A, B, C the sums of w / T^2, (l/m) w / T^2, (l/m)^2 w / T^2 over the tied events. The statistic is
    U^2 / (I_xx - I_xa I_aa^{-1} I_ax): R's score test of the feature at the coefficients of the adjusters.
    """

    fit: NullFit
    linear: Floats
    """M, and r c times each adjuster (n, 1 + p)."""
    cross: Floats
    """What S and D weigh in the information with each adjuster (2, times, p)."""

    def statistics(self, x: Floats, source: Integers) -> Floats:
        """Statistics (m) of features (n, m) when row i has those of row `source[i]`; rows as those of the layout.

        0 where the adjusters leave nothing of the information.
        """
        out = self.sums(x, source)
        return squared(out[0], out[1], out[2:], self.fit.information)

    def sums(self, x: Floats, source: Integers) -> Floats:
        """Score, information, and information with each adjuster, of each feature (2 + p, m)."""
        fit, out = self.fit, np.empty((1 + self.linear.shape[1], x.shape[1]))
        _pass(sets_of(fit.layout), fit.risk, self.linear, fit.seen, self.cross, fit.quadratic, x, source, out)
        return out

    def at_start(self, x: Floats, value: float) -> tuple[Floats, Floats, Floats]:
        """Value (m), score (m, p + 1), information (m, p + 1, p + 1) of the models with a feature each, at 0 for it."""
        m, p = x.shape[1], len(self.fit.information)
        sums, information = self.sums(x, np.arange(len(x))), np.empty((m, p + 1, p + 1))
        information[:, :p, :p] = self.fit.information
        information[:, p, p] = sums[1]
        information[:, p, :p] = information[:, :p, p] = sums[2:].T
        # the adjusters are at their maximum
        return np.full(m, value), np.column_stack([np.zeros((m, p)), sums[0]]), information


def cox_scores(fit: NullFit) -> CoxScores:
    """Score statistics at a fit of the adjusters alone."""
    aa, ab, bb = (fit.quadratic[:, k, None] for k in range(3))
    cross = np.stack([aa * fit.sums[0] - ab * fit.sums[1], bb * fit.sums[1] - ab * fit.sums[0]])
    return CoxScores(fit, np.ascontiguousarray(np.column_stack([fit.residual, fit.seen[:, None] * fit.layout.x])), cross)


class FineGrayScores(NamedTuple):
    """The same for Fine and Gray's weighted likelihood, with its information in place of the sandwich."""

    rows: Subdistribution
    """With the adjusters for covariates."""
    beta: Floats

    def statistics(self, x: Floats, source: Integers) -> Floats:
        """Statistics (m) of features (n, m) when row i has those of row `source[i]`; rows as those of the layout."""
        p, own = len(self.beta), x[source]
        # features with coefficients of 0 leave the risks as they are
        rows = self.rows._replace(x=np.ascontiguousarray(np.column_stack([self.rows.x, own])))
        sets = risk_sets(rows, np.append(self.beta, np.zeros(x.shape[1])))
        assert sets is not None  # at a maximum
        through = rows.active * sets.relative * sets.exposure
        residual = np.where(rows.kind == EVENT, rows.weight, 0.0) - through
        a, mean = rows.x[:, :p], sets.mean[:, p:]
        weighted = rows.deaths[:, None] * sets.mean[:, :p]
        information = gram(a, through) - sets.mean[:, :p].T @ weighted
        return squared(
            residual @ own, through @ own**2 - rows.deaths @ mean**2, (through[:, None] * a).T @ own - weighted.T @ mean,
            information,
        )  # fmt: skip


def squared(score: Floats, own: Floats, cross: Floats, information: Floats) -> Floats:
    """Score squared over the information that the adjusters leave."""
    left = own - np.einsum("am,am->m", cross, np.linalg.solve(information, cross))
    told = left > UNTOLD * np.maximum(own, 0.0)
    return np.divide(score**2, left, out=np.zeros(len(score)), where=told)
