"""How often each level occurs, with exact intervals; the levels, groups and unknown words that all tables share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort import Cohort
from ikzf1_outcomes.endpoint import Columns, level_codes
from ikzf1_outcomes.endpoint.columns import as_pandas
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.formula import is_numeric
from ikzf1_outcomes.kernels.risk import Floats

UNKNOWN_WORDS = ("not_tested", "failed", "ambiguous")
"""Words that say that nothing is known: never "absent", never in a denominator."""
UNTESTED_WORDS = ("not_tested", "failed")
"""Words that say that the test gave no result; "ambiguous" is a result."""
ANSWERS = frozenset({"no", "n", "false", "untested", "not tested"})
"""Words that deny a test and are no result: they must be named before they can be read."""
NO_ENTRY = "no entry"
"""The `level` of rows that count empty cells."""
ASIDE = "unknown: not in the denominator"
NOBODY = "nobody in this group"
NONE_KNOWN = "not estimable: nobody in this group has a known value"
MOST_LEVELS = 60
"""A column with more levels than this is a number or an identifier, not a category."""


class Levels(NamedTuple):
    """A column as codes of its known levels (-1 unknown) and codes of why a value is unknown (-1 known)."""

    codes: NDArray[np.intp]
    levels: tuple[Any, ...]
    reason_codes: NDArray[np.intp]
    reasons: tuple[str, ...]


class Split(NamedTuple):
    """Groups of rows: codes (-1 without a group), levels, the columns they come from and the rows without a group."""

    codes: NDArray[np.intp]
    levels: tuple[Any, ...]
    columns: tuple[str, ...]
    n_missing: int

    def sizes(self, kept: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Kept rows of each group."""
        return np.bincount(self.codes[kept & (self.codes >= 0)], minlength=len(self.levels))


def rows_of(data: Cohort | pd.DataFrame) -> pd.DataFrame:
    """The rows of a cohort, without its identifiers, or those of a data frame.

    Raises
    ------
    InputError
        Not a frame, or one without rows.
    """
    if isinstance(data, Cohort):
        frame = data.frame.drop(columns=[name for name, field in data.dictionary.items() if field.kind == "identifier"])
    else:
        frame = as_pandas(data)
    if not len(frame):
        raise InputError("no rows to describe", next_step="Check the filters and the exclusions.")
    return frame


def named_columns(frame: pd.DataFrame, columns: Columns) -> tuple[str, ...]:
    """Column names that exist, each once.

    Raises
    ------
    ColumnError, InputError
        A column that is not there or is there twice; no column named, or one named twice.
    """
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    if not names or len(set(names)) < len(names):
        raise InputError("name at least one column, and each once")
    for name in names:
        if name not in frame.columns:
            raise ColumnError(f"no column of values is called {name!r}", next_step="Check its spelling.")
        if (frame.columns == name).sum() > 1:
            raise ColumnError(f"several columns are called {name!r}", next_step="Give each its own name.")
    return names


def levels_of(frame: pd.DataFrame, name: str, missing: Sequence[str]) -> Levels:
    """A column as levels: categories in their order, other values sorted; unknown words and empty cells apart.

    Raises
    ------
    InputError
        Values that are no levels (lists, say); more than `MOST_LEVELS` levels.
    """
    column, missing = frame[name], (missing,) if isinstance(missing, str) else missing
    try:
        codes, levels = level_codes(column)
    except TypeError:
        raise InputError(f"column {name!r} holds values that are no levels", next_step="Give them as text.") from None
    # a text of blanks is an empty cell
    names = [("" if not level.strip() else level) if isinstance(level, str) else None for level in levels]
    why = [NO_ENTRY if text in ("", NO_ENTRY) else text if text in missing else None for text in names]
    known = tuple(level for level, reason in zip(levels, why, strict=True) if reason is None)
    if len(known) > MOST_LEVELS:
        raise InputError(
            f"column {name!r} has more than {MOST_LEVELS} levels",
            count=len(known),
            next_step="Numbers belong into table_one; identifiers belong into no table.",
        )
    # code -1, an empty cell, reads the last entry; a category that nobody has is a level, an unused unknown word is not
    aside = np.array([reason is not None for reason in why], dtype=bool)
    place = np.append(np.where(aside, -1, np.cumsum(~aside) - 1), -1)[codes]
    words = list(dict.fromkeys([*(reason for reason in why if reason), NO_ENTRY]))
    number: dict[str | None, int] = {None: -1, **{word: r for r, word in enumerate(words)}}
    reason = np.append([number[reason] for reason in why], words.index(NO_ENTRY)).astype(np.intp)[codes]
    used = [r for r in range(len(words)) if (reason == r).any()]
    packed = np.full(len(words) + 1, -1)
    packed[used] = np.arange(len(used))
    return Levels(place, known, packed[reason], tuple(words[r] for r in used))


def truth_values(column: pd.Series) -> pd.Series | None:
    """A column of truth values as nullable ones, whatever its type; None for any other column."""
    levels = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.dropna()
    mixed = levels.dtype == object and len(levels) > 0 and set(map(type, levels)) <= {bool, np.bool_}
    if mixed or pd.api.types.is_bool_dtype(levels.dtype):
        return column.astype(object).astype("boolean")
    return None


def split_rows(frame: pd.DataFrame, by: Columns | None, missing: Sequence[str]) -> Split:
    """Groups by one or several columns; everybody in the group "all" without any. Unknown words make no group."""
    if by is None:
        return Split(np.zeros(len(frame), dtype=np.intp), ("all",), (), 0)
    names = named_columns(frame, by)
    parts = [levels_of(frame, name, missing) for name in names]
    if any((part.codes < 0).all() for part in parts):
        raise InputError("no row has a known group", next_step="Check the grouping column.")
    if len(parts) == 1:
        codes = parts[0].codes
        return Split(codes, parts[0].levels, names, int((codes < 0).sum()))
    table = np.column_stack([part.codes for part in parts])
    known = (table >= 0).all(axis=1)
    present, inverse = np.unique(table[known], axis=0, return_inverse=True)
    codes = np.full(len(frame), -1, dtype=np.intp)
    codes[known] = inverse.ravel()
    levels = tuple(tuple(part.levels[c] for part, c in zip(parts, row, strict=True)) for row in present)
    return Split(codes, levels, names, int((~known).sum()))


def counts(codes: NDArray[np.intp], n_levels: int, split: Split) -> NDArray[np.intp]:
    """Rows of each level (down) in each group (across)."""
    n_groups = len(split.levels)
    kept = (codes >= 0) & (split.codes >= 0)
    flat = np.bincount(codes[kept] * n_groups + split.codes[kept], minlength=n_levels * n_groups)
    return flat.reshape(n_levels, n_groups)


def as_objects(values: Sequence[Any]) -> NDArray[np.object_]:
    """Levels as they are: tuples stay tuples, truth values stay truth values."""
    out = np.empty(len(values), dtype=object)
    out[:] = list(values)
    return out


def exact_limits(count: Floats, known: Floats, conf_level: float) -> tuple[Floats, Floats]:
    """Clopper-Pearson limits of `count / known`; NaN where nobody is known."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = np.full(count.shape, np.nan), np.full(count.shape, np.nan)
    some = known > 0
    if some.any():
        low[some], high[some] = proportion_confint(count[some], known[some], alpha=1 - conf_level, method="beta")
    return low, high


def checked_level(conf_level: float) -> float:
    """A confidence level between 0 and 1."""
    if not 0 < conf_level < 1:
        raise InputError("conf_level lies between 0 and 1", next_step="Use 0.95, for example.")
    return float(conf_level)


def checked_quantiles(truncate: tuple[float, float] | None) -> tuple[float, float] | None:
    """Two shares in order, or nothing."""
    if truncate is None:
        return None
    if not isinstance(truncate, Sequence) or len(truncate) != 2 or not 0 <= truncate[0] < truncate[1] <= 1:
        raise InputError("truncate is two shares in order", next_step="Use (0.01, 0.99), for example.")
    return float(truncate[0]), float(truncate[1])


def was_tested(data: Cohort | pd.DataFrame, tested: str, *, untested: Sequence[str] = UNTESTED_WORDS) -> pd.Series:
    """Who was tested, from a flag or from a column of results.

    Rule: a column of truth values is taken as given; in a column of words a patient was tested unless the cell is empty or
    one of the words `untested`. An ambiguous result is a result; a "no" that `untested` does not name is refused.

    Parameters
    ----------
    data
        A cohort, or a data frame with one row a patient.
    tested
        Name of the column.
    untested
        Words that say that there is no result.

    Returns
    -------
    Series
        Truth values on the index of the data, named "tested"; no DataFrame.

    Raises
    ------
    ColumnError, InputError
        No such column; a flag that is missing (row positions); numbers, or words such as "no"; all are tested, or none.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> iko.was_tested(pd.DataFrame({"ikzf1_class": ["ik6", "not_tested", "none", None]}), "ikzf1_class").tolist()
    [True, False, True, False]
    """
    frame = rows_of(data)
    (name,) = named_columns(frame, tested)
    flags = truth_values(frame[name])
    if flags is not None:
        if flags.isna().any():
            raise InputError(
                f"flag {name!r} is missing",
                where=np.flatnonzero(flags.isna()) + 1,
                next_step="Say of every patient whether the test was made.",
            )
        yes = flags.to_numpy(dtype=bool)
    elif is_numeric(frame[name]):
        raise InputError(f"column {name!r} holds numbers", next_step="Name a flag, or a column of results in words.")
    else:
        results = levels_of(frame, name, untested)
        if {str(level).lower() for level in results.levels} & ANSWERS:
            raise InputError(
                f"column {name!r} answers yes or no in words",
                next_step="Give True and False, or name the words in `untested`.",
            )
        yes = results.codes >= 0
    if yes.all() or not yes.any():
        raise InputError(
            f"by column {name!r} {'everybody' if yes.all() else 'nobody'} was tested",
            next_step="There are no two groups to compare.",
        )
    return pd.Series(yes, index=frame.index, name="tested")


def frequency_table(
    data: Cohort | pd.DataFrame,
    columns: Columns,
    *,
    by: Columns | None = None,
    conf_level: float = 0.95,
    missing: Sequence[str] = UNKNOWN_WORDS,
) -> pd.DataFrame:
    r"""How often each level of some columns occurs, with exact intervals.

    Estimand: the probability that a patient of the group has the level, among patients whose value can be known.
    With k of m known values at the level, the estimate is k / m and the limits are those of Clopper and Pearson (1934),
    the quantiles of beta distributions:

    .. math:: B(\alpha/2;\, k,\, m - k + 1) \quad\text{and}\quad B(1 - \alpha/2;\, k + 1,\, m - k)

    Edge rules. Unknown words and empty cells are in no denominator; each has a row of its own that counts it and has no
    estimate. The low limit of 0 of m is 0 and the high limit of m of m is 1. A category that nobody has keeps its row,
    with 0. A group in which nobody is known has rows of NaN and a note. Rows without a group (empty, or an unknown word)
    are left out and counted in `n_excluded`. The estimate presumes that the known are like the unknown:
    `tested_against_untested` looks at that.

    Parameters
    ----------
    data
        A cohort, or a data frame with one row a patient.
    columns
        Categories, flags or texts: one name or several. At most 60 levels each.
    by
        Column or columns of the groups.
    conf_level
        Level of the intervals.
    missing
        Words that count as unknown, beside empty cells.

    Returns
    -------
    DataFrame
        One row a (variable, level, group): variable, level, group (and a column each where `by` names several), n (with
        the level), n_known (the denominator), n_missing, n_excluded, estimate, low, high, conf_level, interval, scale,
        note.

    Raises
    ------
    ColumnError, InputError
        A column that is not there; no rows; a column that is no category.

    Notes
    -----
    Clopper and Pearson 1934, Biometrika 26:404 (recalled, not verified). Checked against R's `binom.test`.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> calls = pd.DataFrame({"ikzf1": ["deleted"] * 17 + ["normal"] * 91 + ["gain", "failed"]})
    >>> iko.frequency_table(calls, "ikzf1")[["level", "n", "n_known", "estimate"]].round(3).values.tolist()
    [['deleted', 17, 109, 0.156], ['gain', 1, 109, 0.009], ['normal', 91, 109, 0.835], ['failed', 1, 109, nan]]
    """
    frame, conf_level = rows_of(data), checked_level(conf_level)
    split = split_rows(frame, by, missing)
    names = named_columns(frame, columns)
    if set(names) & set(split.columns):
        raise InputError("a column is described by itself", next_step="Leave it out of `columns` or of `by`.")
    parts = [frequencies_of(name, levels_of(frame, name, missing), split, conf_level) for name in names]
    return pd.concat(parts, ignore_index=True)


def frequencies_of(name: str, column: Levels, split: Split, conf_level: float) -> pd.DataFrame:
    """The rows of one variable: its levels, then its unknown words, each in every group."""
    known, unknown = (
        counts(column.codes, len(column.levels), split),
        counts(column.reason_codes, len(column.reasons), split),
    )
    n, n_levels, n_groups = np.vstack([known, unknown]), len(known) + len(unknown), len(split.levels)
    n_known = np.broadcast_to(known.sum(axis=0), n.shape).astype(float)
    low, high = exact_limits(n.astype(float), n_known, conf_level)
    aside = np.broadcast_to((np.arange(n_levels) >= len(known))[:, None], n.shape)
    hidden = aside | (n_known == 0)
    share = np.divide(n, n_known, out=np.full(n.shape, np.nan), where=n_known > 0)
    empty = np.broadcast_to(split.sizes(np.ones(len(split.codes), dtype=bool)) == 0, n.shape)
    notes = np.select([empty, aside, n_known == 0], [NOBODY, ASIDE, NONE_KNOWN], default="")
    groups = as_objects(list(split.levels) * n_levels)
    rows: dict[str, Any] = {
        "variable": name,
        "level": as_objects(np.repeat(as_objects([*column.levels, *column.reasons]), n_groups).tolist()),
        "group": groups,
    }
    if len(split.columns) > 1:
        rows |= {c: as_objects([level[place] for level in groups]) for place, c in enumerate(split.columns)}
    rows |= {
        "n": n.ravel(),
        "n_known": n_known.astype(np.intp).ravel(),
        "n_missing": np.tile(unknown.sum(axis=0), n_levels),
        "n_excluded": split.n_missing,
        "estimate": np.where(hidden, np.nan, share).ravel(),
        "low": np.where(hidden, np.nan, low).ravel(),
        "high": np.where(hidden, np.nan, high).ravel(),
        "conf_level": conf_level,
        "interval": "Clopper-Pearson",
        "scale": "probability",
        "note": notes.ravel().astype(object),
    }
    return pd.DataFrame(rows)
