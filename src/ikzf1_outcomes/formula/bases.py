"""Numbers spread over the columns of a basis; each keeps what it learned, so that new patients get the same columns.

Every basis is `columns(x)`: (m,) -> (m, p), and `contrasts`: one label a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula.terms import Factor
from ikzf1_outcomes.kernels.risk import Floats

FEW_ROWS = 100
"""With fewer rows, the outer knots are the fifth smallest and the fifth largest value."""


class Basis(Protocol):
    """A learned way from one number to some columns."""

    @property
    def contrasts(self) -> tuple[str, ...]:
        """One label a column; empty for a number that stays one."""

    def columns(self, x: Floats) -> Floats:
        """The columns of some values."""


@dataclass(frozen=True, slots=True)
class Line:
    """The number itself."""

    contrasts: ClassVar[tuple[str, ...]] = ("",)

    def columns(self, x: Floats) -> Floats:
        """(m, 1): x."""
        return x[:, None]


@dataclass(frozen=True, slots=True)
class Standardised:
    """(x - mean) / SD, the SD with n - 1."""

    contrasts: ClassVar[tuple[str, ...]] = ("",)
    mean: float
    sd: float

    def columns(self, x: Floats) -> Floats:
        """(m, 1)."""
        return ((x - self.mean) / self.sd)[:, None]


@dataclass(frozen=True, slots=True)
class RestrictedCubic:
    """A cubic spline that is linear beyond its outer knots t_1 < ... < t_k: x and k - 2 curved columns.

    With u = min(x, t_k), and (.)+ the positive part, column j is

        [(u - t_j)+^3 - (u - t_(k-1))+^3 (t_k - t_j) / (t_k - t_(k-1)) + 3 (t_k - t_j) (t_(k-1) - t_j) (x - t_k)+]
            / (t_k - t_1)^2

    The last part is the line beyond t_k that the usual difference of three cubes equals, without their cancellation.
    """

    knots: tuple[float, ...]

    @property
    def contrasts(self) -> tuple[str, ...]:
        """linear, spline 1, ..., spline k - 2."""
        return ("linear", *(f"spline {j}" for j in range(1, len(self.knots) - 1)))

    def columns(self, x: Floats) -> Floats:
        """(m, k - 1)."""
        *inner, before, last = self.knots
        t = np.array(inner)
        below = np.minimum(x, last)[:, None]
        curve = np.maximum(below - t, 0.0) ** 3 - np.maximum(below - before, 0.0) ** 3 * ((last - t) / (last - before))
        beyond = 3.0 * (last - t) * (before - t) * np.maximum(x - last, 0.0)[:, None]
        return np.column_stack((x, (curve + beyond) / (last - self.knots[0]) ** 2))


@dataclass(frozen=True, slots=True)
class Orthogonal:
    """Polynomials that are orthonormal over the rows they were learned from, by the three-term recurrence.

        p_0 = 1,  p_1 = x - a_0,  p_(j+1) = (x - a_j) p_j - (s_j / s_(j-1)) p_(j-1)
        s_j = sum p_j^2,  a_j = sum x p_j^2 / s_j

    Column j is p_j / sqrt(s_j).
    """

    centres: tuple[float, ...]
    squares: tuple[float, ...]

    @property
    def contrasts(self) -> tuple[str, ...]:
        """degree 1, degree 2, ..."""
        return tuple(f"degree {j}" for j in range(1, len(self.squares)))

    def columns(self, x: Floats) -> Floats:
        """(m, d)."""
        p = [np.ones(len(x)), x - self.centres[0]]
        for j in range(1, len(self.centres)):
            p.append((x - self.centres[j]) * p[j] - self.squares[j] / self.squares[j - 1] * p[j - 1])
        return np.column_stack(p[1:]) / np.sqrt(self.squares[1:])


def learned(factor: Factor, x: Floats) -> Basis:
    """The basis of a factor, learned from the values of the kept rows.

    Raises
    ------
    InputError
        Values that do not vary, too few distinct values for the knots or the degree, knots that coincide.
    """
    if not factor.basis:
        return Line()
    distinct = len(np.unique(x))
    if distinct < 2:
        raise InputError(f"term {factor.text!r} does not vary among the rows analysed", next_step="Leave it out.")
    if factor.basis == "scale":
        return Standardised(float(x.mean()), float(x.std(ddof=1)))
    if factor.basis == "poly":
        if distinct <= factor.size:
            raise InputError(
                f"term {factor.text!r}: {distinct} distinct values are too few for degree {factor.size}",
                next_step="Use a lower degree.",
            )
        return orthogonal(x, factor.size)
    return RestrictedCubic(factor.knots or default_knots(factor, x, distinct))


def default_knots(factor: Factor, x: Floats, distinct: int) -> tuple[float, ...]:
    """Knots at evenly spread quantiles between the outer ones: 0.10 and 0.90 for 3, 0.05 for 4 to 6, 0.025 for 7."""
    k = factor.size
    if distinct <= k + 2:
        raise InputError(
            f"term {factor.text!r}: {distinct} distinct values are too few for {k} knots",
            next_step="Name the knots, as in rcs(x, [1, 5, 10]), or use fewer.",
        )
    outer = 0.10 if k == 3 else 0.05 if k < 7 else 0.025
    knots = np.quantile(x, np.linspace(outer, 1.0 - outer, k))
    if len(x) < FEW_ROWS:
        ordered = np.sort(x)
        knots[0], knots[-1] = ordered[4], ordered[-5]
    if (np.diff(knots) <= 0).any():
        raise InputError(
            f"term {factor.text!r}: the knots chosen by quantiles do not rise",
            next_step="Too many rows share a value, or there are few rows: name the knots, as in rcs(x, [1, 5, 10]).",
        )
    return tuple(knots.tolist())


def orthogonal(x: Floats, degree: int) -> Orthogonal:
    """Centres and sums of squares of the recurrence."""
    # moments about the mean: the recurrence cancels less
    mean = x.mean()
    z = x - mean
    p, before = np.ones(len(z)), np.zeros(len(z))
    centres, squares = [], [float(len(z))]
    for j in range(degree):
        centre = float((z * p**2).sum() / squares[j])
        ratio = squares[j] / squares[j - 1] if j else 0.0
        p, before = (z - centre) * p - ratio * before, p
        centres.append(float(mean + centre))
        squares.append(float((p**2).sum()))
    return Orthogonal(tuple(centres), tuple(squares))
