"""The pandera schema of a cohort, built from its dictionary, and its findings in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ikzf1_outcomes.cohort.dictionary import Field
from ikzf1_outcomes.cohort.findings import Findings

if TYPE_CHECKING:
    import pandera.pandas as pa

_BELOW, _ABOVE, _LEVELS = "below", "above", "levels"


def schema(dictionary: Mapping[str, Field]) -> pa.DataFrameSchema:
    """Build the pandera schema of a frame with the columns of `dictionary`.

    Parameters
    ----------
    dictionary
        Field of each column of the frame.

    Returns
    -------
    pandera.pandas.DataFrameSchema
        Types, limits, levels, and identifiers that are present and unique. Any other column is refused.

    Examples
    --------
    >>> from ikzf1_outcomes.cohort import DICTIONARY
    >>> sorted(schema({"age": DICTIONARY["age"]}).columns)
    ['age']
    """
    import pandera.pandas as pa

    return pa.DataFrameSchema({name: _column(field) for name, field in dictionary.items()}, strict=True)


def _column(field: Field) -> pa.Column:
    import pandera.pandas as pa

    if field.kind == "identifier":
        return pa.Column(object, nullable=False, unique=True)
    if field.kind == "flag":
        return pa.Column("boolean", nullable=True)
    if field.kind in ("category", "ordered"):
        allowed = [pa.Check.isin(list(field.levels), error=_LEVELS)] if field.levels else []
        return pa.Column("category", allowed, nullable=True)
    limits = []
    if field.low is not None:
        limits.append(pa.Check.ge(field.low, error=_BELOW))
    if field.high is not None:
        limits.append(pa.Check.le(field.high, error=_ABOVE))
    return pa.Column(float, limits, nullable=True)


def check_schema(frame: pd.DataFrame, dictionary: Mapping[str, Field], findings: Findings) -> None:
    """Validate a frame and note what fails, by row position.

    Parameters
    ----------
    frame
        Typed columns with a RangeIndex.
    dictionary
        Field of each column.
    findings
        Gathers the problems; pandera's own report, which holds values, goes no further.
    """
    import pandera.pandas as pa

    try:
        schema(dictionary).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as failed:
        cases = failed.failure_cases
    else:
        return
    for (column, check), group in cases.groupby(["column", "check"], sort=False, dropna=False):
        field = dictionary.get(str(column))
        rows = group["index"].dropna()
        if field is None or rows.empty:
            findings.add(f"column {column!r} is not of the type that its field asks for")
            continue
        problem, next_step = _in_words(field, str(check))
        at = frame.index.isin(rows.astype(int))
        findings.add_rows(problem, at, next_step=next_step, unusable=field.kind == "time")


def _in_words(field: Field, check: str) -> tuple[str, str]:
    if check == _BELOW and field.kind == "time" and field.low == 0.0:
        return f"{field.name}: a negative time (before diagnosis)", "Correct the date, or the date of diagnosis."
    if check in (_BELOW, _ABOVE):
        limit: Any = field.low if check == _BELOW else field.high
        return (
            f"{field.name}: {check} {limit:.6g} {field.unit}".rstrip(),
            f"Check units.{field.name}, and declare sentinel numbers under missing.columns.",
        )
    if check == _LEVELS:
        return f"{field.name}: a level that the dictionary does not have", f"Declare codes.{field.name}."
    if check == "not_nullable":
        return f"{field.name}: the identifier is missing", "Correct the file, or leave the rows out with a reason."
    if check == "field_uniqueness":
        return (
            f"{field.name}: rows that share one identifier",
            "Keep one row a patient: leave repeat samples out with an exclusion.",
        )
    return f"{field.name}: fails the check {check}", ""
