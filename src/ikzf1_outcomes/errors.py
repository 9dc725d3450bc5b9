"""The errors of the package: what is wrong, how many, where, and what to do next.

No message bears an identifier, a date or a value of a patient: positions are row numbers, counted from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class OutcomesError(Exception):
    """Base of every error the package raises on purpose.

    Parameters
    ----------
    problem
        What is wrong, as one sentence without its full stop.
    count
        How many rows, columns or cells are concerned.
    where
        Row positions, counted from 1 (the first ten are shown).
    next_step
        What the reader can do about it.
    """

    def __init__(
        self, problem: str, *, count: int | None = None, where: Iterable[int] | None = None, next_step: str = ""
    ) -> None:
        self.problem = problem
        self.where = None if where is None else tuple(int(row) for row in where)
        self.count = len(self.where) if count is None and self.where is not None else count
        self.next_step = next_step
        parts = [problem]
        if self.where:
            parts.append(f"row{'s' if len(self.where) > 1 else ''} {row_positions(self.where)}")
        if self.count is not None and (self.where is None or self.count > 1):
            parts.append(f"{self.count} in all")
        message = "; ".join(parts) + "."
        super().__init__(f"{message} {next_step}".strip())


class InputError(OutcomesError, ValueError):
    """Data or arguments that cannot be analysed as given."""


class ColumnError(InputError, KeyError):
    """A column that is not there."""

    __str__ = Exception.__str__


class CohortError(InputError):
    """All the problems that were found in one patient file, reported together."""

    def __init__(self, problems: Sequence[OutcomesError]) -> None:
        self.problems = tuple(problems)
        self.where, self.count, self.next_step = None, len(self.problems), ""
        self.problem = f"{self.count} problem{'s' if self.count > 1 else ''} in the patient file"
        lines = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(self.problems, 1))
        Exception.__init__(self, f"{self.problem}:\n{lines}")


class StudyError(InputError):
    """A study file that cannot be read or asks for something unknown."""


class ConvergenceError(OutcomesError, ArithmeticError):
    """An estimation that did not reach its maximum."""


def row_positions(rows: Sequence[int], *, shown: int = 10) -> str:
    """Row positions for a message: the first `shown`, then how many more."""
    text = ", ".join(str(row) for row in rows[:shown])
    return text if len(rows) <= shown else f"{text} and {len(rows) - shown} more"
