"""One column of a tidy table."""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """One column of a tidy table."""

    meaning: str
    unit: str
