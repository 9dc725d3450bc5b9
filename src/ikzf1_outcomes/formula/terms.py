"""The terms of a formula as values: factors, and interactions of two or three of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import NamedTuple

from ikzf1_outcomes.endpoint import label
from ikzf1_outcomes.errors import InputError

TRANSFORMS = ("log", "log2", "log10", "sqrt")
BASES = ("rcs", "poly", "scale")
MOST_FACTORS = 3


@dataclass(frozen=True, slots=True)
class Factor:
    """A column as it enters a term: transformed, spread over a basis, or as it is."""

    column: str
    transform: str = ""
    basis: str = ""
    size: int = 0
    """Knots of `rcs`, degree of `poly`."""
    knots: tuple[float, ...] = ()
    position: int = field(default=0, compare=False)
    """Where it stands in the formula, counted from 1; 0 for a column of a list."""

    @property
    def text(self) -> str:
        """The factor as written, with spaces set alike."""
        inner = f"{self.transform}({self.column})" if self.transform else self.column
        if not self.basis:
            return inner
        if self.basis == "scale":
            return f"scale({inner})"
        return f"{self.basis}({inner}, {'[' + ', '.join(map(label, self.knots)) + ']' if self.knots else self.size})"

    @property
    def is_call(self) -> bool:
        """Whether it is more than a column."""
        return bool(self.transform or self.basis)

    def covers(self, other: Factor) -> bool:
        """Whether its columns and a constant span those of another: `rcs(x, 4)` and `scale(x)` hold the line `x`."""
        same = (self.column, self.transform) == (other.column, other.transform)
        return same and (other.basis in ("", "scale") or self.text == other.text)


class Term(NamedTuple):
    """One factor, or the interaction of two or three."""

    factors: tuple[Factor, ...]

    @property
    def text(self) -> str:
        """The term in written order."""
        return ":".join(factor.text for factor in self.factors)

    @property
    def key(self) -> frozenset[str]:
        """What makes two terms the same: a:b is b:a."""
        return frozenset(factor.text for factor in self.factors)


def check_factors(factors: Sequence[Factor]) -> None:
    """Refuse an interaction of a factor with itself, or of too many."""
    seen: set[str] = set()
    for place, factor in enumerate(factors):
        at = f"position {factor.position}: "
        if factor.text in seen:
            raise InputError(f"{at}{factor.text!r} stands twice in one interaction", next_step="Name each factor once.")
        if place >= MOST_FACTORS:
            raise InputError(f"{at}an interaction of more than {MOST_FACTORS} factors", next_step="Use fewer factors.")
        seen.add(factor.text)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most alike, empty when none is."""
    folded: dict[str, str] = {}
    for other in known:
        folded.setdefault(str(other).lower(), str(other))
    found = get_close_matches(name.lower(), folded, n=1)
    return folded[found[0]] if found else ""
