"""Problems found in a patient file, gathered so that they are reported together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ikzf1_outcomes.errors import CohortError, InputError, OutcomesError


class Findings:
    """What is wrong with a file, by row position.

    Parameters
    ----------
    rows
        Position of each row in the file, counted from 1 over the data rows. Exclusions leave gaps in it.
    """

    __slots__ = ("problems", "rows", "unusable")

    def __init__(self, rows: NDArray[np.int64] | None = None) -> None:
        self.rows = np.zeros(0, dtype=np.int64) if rows is None else rows
        self.problems: list[OutcomesError] = []
        self.unusable = np.zeros(len(self.rows), dtype=bool)

    def add(self, problem: str, *, next_step: str = "") -> None:
        """Note a problem that concerns no particular row."""
        self.problems.append(InputError(problem, next_step=next_step))

    def add_rows(self, problem: str, at: object, *, next_step: str = "", unusable: bool = False) -> None:
        """Note a problem of the rows where `at` is true; nothing where it never is.

        `unusable` keeps those rows out of the later checks of the course of events, which would report them again.
        """
        mask = np.asarray(at, dtype=bool)
        if not mask.any():
            return
        self.problems.append(InputError(problem, where=self.rows[mask].tolist(), next_step=next_step))
        if unusable:
            self.unusable |= mask

    def raise_all(self) -> None:
        """Raise one `CohortError` with every problem, if there is one."""
        if self.problems:
            raise CohortError(self.problems)


def nearest(name: object, known: Iterable[str]) -> str:
    """Hint at the known name that looks most like `name`, or list the known ones."""
    names = [str(one) for one in known]
    return _close(name, names) or (f"Known: {', '.join(names)}." if 0 < len(names) <= 40 else "")


def nearest_column(name: object, file_columns: Iterable[str]) -> str:
    """Hint at the file column that looks most like `name`; never list them.

    In a file without a header the first patient's values stand where the names should be.
    """
    return _close(name, [str(one) for one in file_columns]) or "Check the first row of the file: it must hold the names."


def _close(name: object, names: list[str]) -> str:
    close = difflib.get_close_matches(str(name), names, n=1)
    return f"Did you mean {close[0]!r}?" if close else ""
