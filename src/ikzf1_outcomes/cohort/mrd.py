"""Minimal residual disease: results as ordered levels with a status, never as a bare number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ikzf1_outcomes.cohort.cells import RawTable, as_numbers, as_text, is_usual_mark
from ikzf1_outcomes.cohort.dictionary import Field
from ikzf1_outcomes.cohort.findings import Findings, nearest
from ikzf1_outcomes.errors import InputError

MRD_LEVELS = (
    "negative",
    "positive, not quantifiable",
    "below 1e-5",
    "1e-5 to 1e-4",
    "1e-4 to 1e-3",
    "1e-3 to 1e-2",
    "1e-2 to 1e-1",
    "1e-1 or more",
)
"""Ordered levels; "1e-4 to 1e-3" holds 1e-4 and not 1e-3. The decades are of quantified results."""

MRD_STATUSES = ("measured", "not assessable", "not done", "not reached")

MRD_CODES = ("negative", "positive_not_quantifiable", "not_assessable", "not_done", "not_reached")

_DECADES = np.array([1e-5, 1e-4, 1e-3, 1e-2, 1e-1])

# A decade's boundary in a file (0.01 %) must fall on its upper side after the division by 100.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class MrdTimepoint:
    """One time point of minimal residual disease and the assay that measured it.

    Parameters
    ----------
    name
        Short name, as in ``"TP1"`` or ``"d29"``; it names the columns ``mrd_TP1``, ``mrd_TP1_value`` and
        ``mrd_TP1_status``.
    day
        Day from diagnosis; from then on the value is known.
    limit_of_detection
        Smallest share of leukaemic cells that the assay detects, as in 1e-5.
    quantifiable
        Smallest share that it quantifies; between the two a result is positive and not quantifiable.
    assay
        Name of the assay.

    Raises
    ------
    InputError
        When the name cannot name a column, the day is negative, or the limits are not
        0 < limit_of_detection <= quantifiable <= 1.

    Examples
    --------
    >>> MrdTimepoint("TP1", 33, 1e-5, 1e-4, "IG/TR PCR").name
    'TP1'
    """

    name: str
    day: float
    limit_of_detection: float
    quantifiable: float
    assay: str = ""

    def __post_init__(self) -> None:
        if not f"mrd_{self.name}".isidentifier() or self.name in ("", "risk"):
            raise InputError(f"MRD time point {self.name!r}: the name must be of letters, digits and underscores")
        if not 0 <= self.day < float("inf"):
            raise InputError(f"MRD time point {self.name!r}: `day` must be 0 or more")
        if not 0 < self.limit_of_detection <= self.quantifiable <= 1:
            raise InputError(
                f"MRD time point {self.name!r}: limits must be 0 < limit_of_detection <= quantifiable <= 1",
                next_step="Both are shares of cells: 0.01 % is 1e-4.",
            )


def mrd_fields(timepoint: MrdTimepoint) -> dict[str, Field]:
    """Dictionary fields of the three columns of a time point.

    Parameters
    ----------
    timepoint
        The time point.

    Returns
    -------
    dict of str to Field
        ``mrd_<name>`` (ordered level), ``mrd_<name>_value`` (share of cells) and ``mrd_<name>_status``, known at the
        day of the time point.

    Examples
    --------
    >>> fields = mrd_fields(MrdTimepoint("d29", 29, 1e-4, 1e-4))
    >>> round(fields["mrd_d29"].known_at, 4)
    0.0794
    """
    name, known = f"mrd_{timepoint.name}", timepoint.day / 365.25
    assay = f", {timepoint.assay}" if timepoint.assay else ""
    label = f"MRD at {timepoint.name} (day {timepoint.day:g}{assay})"
    fields = (
        Field(name, "ordered", label, levels=MRD_LEVELS, known_at=known),
        Field(f"{name}_value", "number", f"{label}, value", "share of cells", 0.0, 1.0, known_at=known),
        Field(f"{name}_status", "category", f"{label}, status", levels=MRD_STATUSES, known_at=known),
    )
    return {field.name: field for field in fields}


def mrd_columns(
    values: pd.Series,
    timepoint: MrdTimepoint,
    *,
    codes: Mapping[str, str] | None = None,
    unit: str = "share",
    decimal: str = ".",
    findings: Findings | None = None,
) -> pd.DataFrame:
    """Level, value and status of one time point.

    A number below the limit of detection is negative: neither zero nor missing. From there to the quantifiable range a
    result is positive and not quantifiable, and has no value. "Not assessable", "not done" and "not reached" are
    statuses apart; a missing cell has neither level nor status.

    Parameters
    ----------
    values
        Numbers, or texts that are numbers or declared codes.
    timepoint
        The time point with its limits.
    codes
        Texts of the file and what they mean, one of `MRD_CODES`; the empty text names missing cells.
    unit
        ``"share"`` or ``"percent"`` of cells, for the numbers in `values`; the limits are always shares.
    decimal
        Decimal sign of numbers in text.
    findings
        Gathers the problems of a whole file; without it they are raised.

    Returns
    -------
    pandas.DataFrame
        Columns ``mrd_<name>`` (ordered, `MRD_LEVELS`), ``mrd_<name>_value`` (share; NaN unless quantified) and
        ``mrd_<name>_status`` (`MRD_STATUSES`).

    Raises
    ------
    CohortError
        When cells are neither numbers nor declared, or are no shares of cells.

    Examples
    --------
    >>> import pandas as pd
    >>> tp1 = MrdTimepoint("TP1", 33, 1e-5, 1e-4)
    >>> found = mrd_columns(pd.Series(["0", "0.00002", "0.002", "nd"]), tp1, codes={"nd": "not_done"})
    >>> found["mrd_TP1"].tolist()
    ['negative', 'positive, not quantifiable', '1e-3 to 1e-2', nan]
    >>> found["mrd_TP1_status"].tolist()
    ['measured', 'measured', 'measured', 'not done']
    """
    if unit not in ("share", "percent"):
        raise InputError(f"MRD time point {timepoint.name!r}: unit {unit!r} is not known", next_step="share or percent")
    unknown = sorted(set((codes or {}).values()) - set(MRD_CODES))
    if unknown:
        raise InputError(f"MRD code {unknown[0]!r} is not known", next_step=nearest(unknown[0], MRD_CODES))
    noted = findings or Findings(np.arange(1, len(values) + 1))
    cells = RawTable(pd.DataFrame({"values": values.to_numpy()})).cells("values")
    text = as_text(cells)
    coded = (text.fillna("") if codes and "" in codes else text).map(dict(codes or {}), na_action="ignore")
    share = _shares(cells.where(coded.isna()), timepoint, unit, decimal, noted)
    level = np.full(len(cells), None, dtype=object)
    quantified = (share >= timepoint.quantifiable * (1 - ROUNDING)).to_numpy()
    detected = (share >= timepoint.limit_of_detection * (1 - ROUNDING)).to_numpy()
    decade = np.searchsorted(_DECADES * (1 - ROUNDING), share.to_numpy(), side="right")
    level[quantified] = np.array(MRD_LEVELS, dtype=object)[2 + np.minimum(decade, 5)][quantified]
    level[detected & ~quantified] = MRD_LEVELS[1]
    level[(share.notna() & ~detected).to_numpy()] = MRD_LEVELS[0]
    level[(coded == "negative").to_numpy()] = MRD_LEVELS[0]
    level[(coded == "positive_not_quantifiable").to_numpy()] = MRD_LEVELS[1]
    status = coded.where(coded.isin(MRD_CODES[2:])).str.replace("_", " ") if coded.notna().any() else coded
    status = status.astype(object).mask(pd.notna(pd.Series(level)), "measured")
    if findings is None:
        noted.raise_all()
    name = f"mrd_{timepoint.name}"
    columns = {
        name: pd.Categorical(level, dtype=pd.CategoricalDtype(list(MRD_LEVELS), ordered=True)),
        f"{name}_value": share.where(quantified).to_numpy(dtype=float),
        f"{name}_status": pd.Categorical(status, dtype=pd.CategoricalDtype(list(MRD_STATUSES))),
    }
    return pd.DataFrame(columns, index=values.index)


def _shares(cells: pd.Series, timepoint: MrdTimepoint, unit: str, decimal: str, noted: Findings) -> pd.Series:
    share, bad = as_numbers(cells, decimal)
    if unit == "percent":
        share = share / 100.0
    marks = is_usual_mark(as_text(cells)) & bad
    where = f"MRD at {timepoint.name}"
    declare = f"Declare it under the codes of this time point ({', '.join(MRD_CODES)}), or under missing.text."
    noted.add_rows(f"{where}: a text that often means missing and was not declared", marks, next_step=declare)
    noted.add_rows(f"{where}: neither a number nor a declared code", bad & ~marks, next_step=declare)
    outside = (share < 0) | (share > 1)
    noted.add_rows(f"{where}: not a share of cells", outside, next_step="Check the unit: share or percent.")
    return share.mask(outside)


def mrd_level(
    values: pd.Series,
    timepoint: MrdTimepoint,
    *,
    codes: Mapping[str, str] | None = None,
    unit: str = "share",
    decimal: str = ".",
) -> pd.Series:
    """Ordered level of one time point: the first column of `mrd_columns`, which see for the rules.

    Parameters
    ----------
    values, timepoint, codes, unit, decimal
        As in `mrd_columns`.

    Returns
    -------
    pandas.Series
        Ordered categorical of `MRD_LEVELS`; missing where nothing was measured.

    Raises
    ------
    CohortError
        When cells are neither numbers nor declared, or are no shares of cells.

    Examples
    --------
    >>> import pandas as pd
    >>> mrd_level(pd.Series([0.0, 0.01]), MrdTimepoint("d29", 29, 1e-4, 1e-4), unit="percent").tolist()
    ['negative', '1e-4 to 1e-3']
    """
    return mrd_columns(values, timepoint, codes=codes, unit=unit, decimal=decimal).iloc[:, 0]


def mrd_limits(level: pd.Series, timepoint: MrdTimepoint) -> pd.DataFrame:
    """Between which shares of cells results lie that have no value.

    Negative: from 0 to the limit of detection. Positive and not quantifiable: from there to the quantifiable range. Others
    have their value, or are missing, and have no limits. For `impute_missing(..., intervals=)`.

    Parameters
    ----------
    level
        The column ``mrd_<name>`` of a time point (n).
    timepoint
        The time point with its limits.

    Returns
    -------
    pandas.DataFrame
        Columns ``mrd_<name>_low`` and ``mrd_<name>_high``, shares of cells; the index of `level`.

    Examples
    --------
    >>> import pandas as pd
    >>> tp1 = MrdTimepoint("TP1", 33, 1e-5, 1e-4)
    >>> mrd_limits(mrd_level(pd.Series(["0", "0.00002", "0.002"]), tp1), tp1).values.tolist()
    [[0.0, 1e-05], [1e-05, 0.0001], [nan, nan]]
    """
    given = level.astype(object)
    bounds = {
        "low": {MRD_LEVELS[0]: 0.0, MRD_LEVELS[1]: timepoint.limit_of_detection},
        "high": {MRD_LEVELS[0]: timepoint.limit_of_detection, MRD_LEVELS[1]: timepoint.quantifiable},
    }
    return pd.DataFrame({f"mrd_{timepoint.name}_{end}": given.map(at).astype(float) for end, at in bounds.items()})
