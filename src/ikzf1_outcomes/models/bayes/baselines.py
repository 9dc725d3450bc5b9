"""Functions of time that baseline hazards are made of: steps, or cubic splines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.interpolate import BSpline

from ikzf1_outcomes.kernels.risk import Floats

DEGREE = 3


class Basis(NamedTuple):
    """Functions that are 0 or more and add up to 1 wherever the hazard may be above 0."""

    kind: str
    """"piecewise" or "spline"."""
    cuts: Floats
    bound: float | None

    @property
    def last(self) -> float:
        """Where a spline ends."""
        return float(self.cuts[-1]) if self.bound is None else self.bound

    @property
    def edges(self) -> Floats:
        """Ends of the intervals of a piecewise hazard, from 0."""
        return np.concatenate(([0.0], self.cuts, [np.inf if self.bound is None else self.bound]))

    @property
    def knots(self) -> Floats:
        """Knots of a spline, those at the ends repeated."""
        inner = self.cuts if self.bound is not None else self.cuts[:-1]
        return np.concatenate((np.zeros(DEGREE + 1), inner, np.full(DEGREE + 1, self.last)))

    @property
    def size(self) -> int:
        """Number of functions."""
        return len(self.edges) - 1 if self.kind == "piecewise" else len(self.knots) - DEGREE - 1

    @property
    def centres(self) -> Floats:
        """Where each function lies: middles of intervals, averages of a spline's inner knots."""
        if self.kind == "spline":
            return np.array([self.knots[k + 1 : k + 1 + DEGREE].mean() for k in range(self.size)])
        ends = self.edges.copy()
        if not np.isfinite(ends[-1]):
            ends[-1] = 2.0 * ends[-2] - (ends[-3] if len(ends) > 2 else 0.0) if len(ends) > 2 else 1.0
        return (ends[:-1] + ends[1:]) / 2.0

    def values(self, time: Floats) -> Floats:
        """The functions at some times above 0 (m, K); intervals are (a, b]."""
        if self.kind == "piecewise":
            place = np.searchsorted(self.edges, time, side="left") - 1
            return (place[:, None] == np.arange(self.size)).astype(float)
        inside = np.minimum(time, self.last)
        out = BSpline.design_matrix(inside, self.knots, DEGREE).toarray()
        if self.bound is not None:
            out[time > self.bound] = 0.0
        return out

    def integrals(self, time: Floats) -> Floats:
        """Their integrals from 0 to some times of 0 or more (m, K)."""
        if self.kind == "piecewise":
            return np.clip(time[:, None] - self.edges[:-1], 0.0, np.diff(self.edges))
        inside = np.minimum(time, self.last)
        whole = BSpline(self.knots, np.eye(self.size), DEGREE).antiderivative()
        out = np.asarray(whole(inside) - whole(0.0))
        if self.bound is None:
            out[:, -1] += np.maximum(time - self.last, 0.0)
        return out
