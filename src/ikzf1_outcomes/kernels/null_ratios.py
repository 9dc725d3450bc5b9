"""Likelihood ratios of two nested Cox models where the smaller one is true: times drawn from it, both maximised again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.kernels.compile import compiled
from ikzf1_outcomes.kernels.limits import newton_step
from ikzf1_outcomes.kernels.risk import Floats

CLOSE = 1e-10
"""Newton decrement at which a log-likelihood is known to half of it."""
MOST, HALVINGS = 60, 20


class Curve(NamedTuple):
    """A cumulative hazard, straight between its knots; nothing happens after the last."""

    times: Floats
    """From 0 (k + 1)."""
    hazard: Floats
    """At the knots, rising from 0 (k + 1)."""

    def drawn(self, relative: Floats, since: Floats, rng: np.random.Generator) -> Floats:
        """A time for each patient, after the one up to which he is known to be free; infinite where nothing happens.

        Parameters
        ----------
        relative
            Hazard relative to the curve's (n).
        since
            Times up to which the patients are free of the event (n).
        """
        with np.errstate(divide="ignore"):
            wanted = np.interp(since, self.times, self.hazard) + rng.standard_exponential(len(relative)) / relative
        return np.where(wanted <= self.hazard[-1], np.interp(wanted, self.hazard, self.times), np.inf)


def curve_of(times: Floats, step: Floats) -> Curve:
    """The curve through the corners of a step function that rises by `step` (k) at ascending `times` (k)."""
    rises = step > 0
    return Curve(np.r_[0.0, times[rises]], np.r_[0.0, np.cumsum(step[rises])])


class Null(NamedTuple):
    """What is true where the added covariates say nothing: all that patients' times are drawn from."""

    event: Curve
    relative: Floats
    """Hazard of the event of interest relative to its curve, by the smaller model (n)."""
    rivals: tuple[Curve, ...]
    """Hazards of the other causes."""
    rival_relative: Floats
    """(n, causes)."""
    time: Floats
    """When patients ended, by whatever (n)."""
    had: np.ndarray
    """Who had the event of interest: the others' ends by another cause or censoring are known (n)."""
    censoring_times: Floats
    """Where the curve of censoring falls (c)."""
    censoring: Floats
    """What it falls to there (c)."""

    def drawn(self, rng: np.random.Generator) -> tuple[Floats, np.ndarray]:
        """Times of one simulated study, and whether they are of the event of interest (n each)."""
        leaves = self.time.copy()
        own = np.flatnonzero(self.had)
        since = self.time[own]
        # those who had the event were free of everything else until then; what they would have left by comes later
        upto = np.searchsorted(self.censoring_times, since, side="right")
        level = np.r_[1.0, self.censoring][upto] * (1.0 - rng.random(len(own)))
        # the curve falls: the first time at which it is no longer above the level
        place = np.maximum(np.searchsorted(-self.censoring, -level), upto)
        later = np.r_[self.censoring_times, self.time.max()][place]
        for k, rival in enumerate(self.rivals):
            later = np.minimum(later, rival.drawn(self.rival_relative[own, k], since, rng))
        leaves[own] = later
        falls = self.event.drawn(self.relative, np.zeros(len(leaves)), rng)
        return np.minimum(falls, leaves), falls <= leaves


@compiled
def _likelihood(x, event, beta, eta, score, information):  # type: ignore[no-untyped-def]
    """Log partial likelihood of rows by falling time, none of whose events are tied, with score and information."""
    n, p = x.shape
    top = -np.inf
    for i in range(n):
        eta[i] = 0.0
        for a in range(p):
            eta[i] += x[i, a] * beta[a]
        top = max(top, eta[i])
    s0, s1, s2 = 0.0, np.zeros(p), np.zeros((p, p))
    value = 0.0
    score[:] = 0.0
    information[:] = 0.0
    for i in range(n):
        r = np.exp(eta[i] - top)
        s0 += r
        for a in range(p):
            s1[a] += r * x[i, a]
            for b in range(a + 1):
                s2[a, b] += r * x[i, a] * x[i, b]
        if event[i]:
            if not s0 > 0.0:  # a step too far
                return -np.inf
            value += eta[i] - top - np.log(s0)
            for a in range(p):
                score[a] += x[i, a] - s1[a] / s0
                for b in range(a + 1):
                    information[a, b] += s2[a, b] / s0 - (s1[a] / s0) * (s1[b] / s0)
    return value


@compiled
def _largest(x, event):  # type: ignore[no-untyped-def]
    """The largest log partial likelihood of rows by falling time, or what it rises to without end."""
    n, p = x.shape
    beta, trial, step, eta = np.zeros(p), np.zeros(p), np.zeros(p), np.empty(n)
    score, information = np.zeros(p), np.zeros((p, p))
    value = _likelihood(x, event, beta, eta, score, information)
    for _ in range(MOST):
        if newton_step(information, score, step) <= CLOSE:
            break
        share = 1.0
        for _ in range(HALVINGS):
            for a in range(p):
                trial[a] = beta[a] + share * step[a]
            found = _likelihood(x, event, trial, eta, score, information)
            if found >= value - 1e-12 * (1.0 + abs(value)):
                break
            share /= 2.0
        if not found > value:
            break
        beta[:] = trial
        value = found
    return value


def largest_log_likelihood(time: Floats, event: np.ndarray, x: Floats) -> float:
    """The largest log partial likelihood of untied events, in the limit where it rises without end.

    Where a covariate separates those with events from those without, a coefficient runs away and the likelihood rises to a
    limit below 0. Each Newton step moves on by about 1 and closes the gap by a factor of e, so that some twenty steps reach
    the limit to ten digits; directions whose information has vanished on the way are left where they are.

    Parameters
    ----------
    time, event
        End of each patient, and whether by the event (n). Rows censored at the time of an event are at risk.
    x
        Covariates, of unit spread or so (n, p).
    """
    order = np.lexsort((event, -time))
    return float(_largest(np.ascontiguousarray(x[order]), event[order]))


def simulated_ratio(null: Null, smaller: Floats, larger: Floats, rng: np.random.Generator) -> float:
    """Twice the gain in log-likelihood in one study simulated from the smaller model.

    Parameters
    ----------
    null
        The truth.
    smaller, larger
        Covariates of both models, those of the larger spanning those of the smaller (n, p).
    """
    time, event = null.drawn(rng)
    order = np.lexsort((event, -time))
    low, high = (float(_largest(np.ascontiguousarray(x[order]), event[order])) for x in (smaller, larger))
    return max(2.0 * (high - low), 0.0)
