"""Table 1: patient characteristics as one long table of raw statistics, with tests and standardised differences."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort import Cohort
from ikzf1_outcomes.describe.frequencies import (
    NOBODY,
    NONE_KNOWN,
    UNKNOWN_WORDS,
    Split,
    as_objects,
    counts,
    levels_of,
    named_columns,
    rows_of,
    split_rows,
)
from ikzf1_outcomes.endpoint import Columns, label, numbers
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import is_numeric
from ikzf1_outcomes.kernels.risk import Floats

NUMBER_TESTS = ("rank", "t", "welch")
CATEGORY_TESTS = ("auto", "fisher", "chi-square")
SMALL = 5.0
"""Expected counts below this make the chi-square approximation doubtful."""
EXACT_RANKS = 50
"""R's `wilcox.test` is exact where both groups are smaller than this and no two values are tied."""
MOMENTS = ("n", "mean", "sd", "median", "q1", "q3", "min", "max")
TABLE_COLUMNS = (
    "variable", "level", "group", "term", "n", "n_excluded", "estimate", "scale", "method", "contrast", "statistic", "df",
    "p_value", "note",
)  # fmt: skip
DIFFERENCE = "standardised difference"


class Comparison(NamedTuple):
    """What a test of one variable between the groups gave."""

    method: str
    statistic: float
    df: float
    p_value: float
    n: int
    note: str


def table_one(
    data: Cohort | pd.DataFrame,
    columns: Columns,
    *,
    by: Columns | None = None,
    tests: bool = True,
    numbers_by: str = "rank",
    categories_by: str = "auto",
    missing: Sequence[str] = UNKNOWN_WORDS,
) -> pd.DataFrame:
    r"""Patient characteristics by group: counts, shares, means, quantiles, tests, standardised differences.

    One long table of raw numbers, one row a number, from which a printed Table 1 is a pivot. Columns of numbers get n,
    mean, sd (divisor n - 1), median, q1 and q3 (type 7 of Hyndman and Fan 1996, R's default), min and max. All others get
    n and share of each level. Both get n (known values) and n_missing, and unknown words a count of each.

    Tests between groups, one row a variable.

    - Numbers, `numbers_by="rank"`: Wilcoxon's rank-sum test for two groups as in R's `wilcox.test` (exact where both groups
      are below 50 and nothing is tied, else normal with correction for ties and continuity; the statistic is W of the
      first group), the Kruskal-Wallis test for more. "t" and "welch" are t tests with equal and unequal variances, of
      the first group minus the second, for two groups only.
    - Categories, `categories_by="auto"`: two by two tables with an expected count below 5 get Fisher's exact test, all
      others the chi-square test without continuity correction (`chisq.test(correct = FALSE)`); where an expected count
      of a larger table is below 5, its note says so. "fisher" takes Fisher's test for every two by two table,
      "chi-square" for none.

    Standardised differences, with two groups a and b (contrast "b vs a"), for numbers and for each level:

    .. math:: d = (m_b - m_a) / \sqrt{(s_a^2 + s_b^2) / 2}

    with s^2 = p (1 - p) for a level's share p. A category as a whole (level empty) gets the distance of Yang and
    Dalton (2012), sqrt(T' S^-1 T) with T the differences of all shares but one and S the mean of their two
    multinomial covariances; it has no sign.

    Edge rules. Unknown words and empty cells enter no share, no mean and no test. Rows without a group are left out and
    counted in `n_excluded`. Levels and groups with nobody take no part in a test. Where a test or a difference cannot be
    had (one group, all values equal), its row is NaN with a note.

    Parameters
    ----------
    data
        A cohort, or a data frame with one row a patient.
    columns
        One name or several.
    by
        Column or columns of the groups.
    tests
        Whether to test; differences are given either way.
    numbers_by
        "rank", "t" or "welch".
    categories_by
        "auto", "fisher" or "chi-square".
    missing
        Words that count as unknown, beside empty cells.

    Returns
    -------
    DataFrame
        variable, level, group, term (the statistic of the row: n, n_missing, share, mean, sd, median, q1, q3, min, max,
        standardised difference, test), n (rows behind it), n_excluded, estimate, scale (count, share, value: the unit of
        the variable, standardised difference), method, contrast, statistic, df, p_value, note.

    Raises
    ------
    ColumnError, InputError
        A column that is not there; no rows; an unknown test; a t test of more than two groups; an infinite number (row
        positions).

    Notes
    -----
    A test between groups says nothing of how large a difference is, and in a trial's arms it tests what is known; the
    standardised difference does not grow with the number of patients. Yang and Dalton 2012, SAS Global Forum 335
    (recalled, not verified). Checked against R.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"age": [2.0, 4.0, 9.0, 3.0, 11.0, 15.0], "ikzf1": ["normal"] * 3 + ["deleted"] * 3})
    >>> table = iko.table_one(d, "age", by="ikzf1").set_index(["term", "group"])
    >>> table.loc["median", "estimate"].to_dict()
    {'deleted': 11.0, 'normal': 4.0}
    >>> table.loc["test", ["method", "statistic", "p_value"]].values.tolist()
    [['Wilcoxon rank-sum, exact', 7.0, 0.4]]
    """
    if numbers_by not in NUMBER_TESTS or categories_by not in CATEGORY_TESTS:
        raise InputError(
            "no such test",
            next_step=f"numbers_by: {', '.join(NUMBER_TESTS)}; categories_by: {', '.join(CATEGORY_TESTS)}.",
        )
    frame = rows_of(data)
    split = split_rows(frame, by, missing)
    names = named_columns(frame, columns)
    if set(names) & set(split.columns):
        raise InputError("a column is described by itself", next_step="Leave it out of `columns` or of `by`.")
    return characteristics(frame, names, split, (numbers_by, categories_by) if tests else None, missing)


def characteristics(
    frame: pd.DataFrame, names: Sequence[str], split: Split, tests: tuple[str, str] | None, missing: Sequence[str]
) -> pd.DataFrame:
    """The rows of `table_one` for groups that are made already."""
    present = np.flatnonzero(split.sizes(np.ones(len(frame), dtype=bool)))
    if tests and tests[0] != "rank" and len(present) > 2:
        raise InputError("a t test compares two groups", count=len(present), next_step="Use numbers_by='rank'.")
    rows: list[dict[str, Any]] = []
    for name in names:
        if is_numeric(frame[name]) and not pd.api.types.is_bool_dtype(frame[name].dtype):
            found = number_rows(frame, name, split, tests and tests[0])
        else:
            found = category_rows(frame, name, split, tests and tests[1], missing)
        rows += [{"variable": name, "n_excluded": split.n_missing, **row} for row in found]
    table = pd.DataFrame(rows).reindex(columns=list(TABLE_COLUMNS))
    for text in ("level", "group", "method", "contrast", "note", "scale"):
        table[text] = as_objects(["" if value is None or value is np.nan else value for value in table[text]])
    return table.astype(dict.fromkeys(("estimate", "statistic", "df", "p_value"), float))


def number_rows(frame: pd.DataFrame, name: str, split: Split, test: str | None) -> list[dict[str, Any]]:
    """Rows of a column of numbers."""
    values = numbers(frame, name)
    infinite = np.isinf(values)
    if infinite.any():
        raise InputError(f"column {name!r} has infinite values", where=np.flatnonzero(infinite) + 1)
    known = ~np.isnan(values)
    samples = [values[known & (split.codes == g)] for g in range(len(split.levels))]
    everybody = split.sizes(np.ones(len(values), dtype=bool))
    rows: list[dict[str, Any]] = []
    for group, sample, size in zip(split.levels, samples, everybody, strict=True):
        about = {"group": group, "n": len(sample), "note": NOBODY if not size else NONE_KNOWN if not len(sample) else ""}
        for term, estimate in zip(MOMENTS, moments(sample), strict=True):
            alone = term == "sd" and len(sample) == 1
            note = "not estimable: one patient" if alone else "" if term == "n" and size else about["note"]
            rows.append(
                {**about, "term": term, "estimate": estimate, "scale": "count" if term == "n" else "value", "note": note}
            )
        rows.append({**about, "term": "n_missing", "n": size, "estimate": size - len(sample), "scale": "count", "note": ""})
    both = two_groups(split, everybody)
    if both:
        a, b = (samples[g] for g in both)
        spread = [sample.var(ddof=1) if len(sample) > 1 else np.nan for sample in (a, b)]
        means = [sample.mean() if len(sample) else np.nan for sample in (a, b)]
        rows.append(difference_row(split, both, len(a) + len(b), *standardised(means[1] - means[0], np.mean(spread))))
    if test and len(split.levels) > 1:
        rows.append(test_row(number_test([sample for sample in samples if len(sample)], test)))
    return rows


def moments(sample: Floats) -> list[float]:
    """The statistics named in `MOMENTS`."""
    if not len(sample):
        return [0.0, *[np.nan] * (len(MOMENTS) - 1)]
    q1, median, q3 = np.quantile(sample, [0.25, 0.5, 0.75])
    sd = sample.std(ddof=1) if len(sample) > 1 else np.nan
    return [float(v) for v in (len(sample), sample.mean(), sd, median, q1, q3, sample.min(), sample.max())]


def category_rows(
    frame: pd.DataFrame, name: str, split: Split, test: str | None, missing: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows of a column of levels."""
    column = levels_of(frame, name, missing)
    known = counts(column.codes, len(column.levels), split)
    unknown = counts(column.reason_codes, len(column.reasons), split)
    everybody, n_known = split.sizes(np.ones(len(frame), dtype=bool)), known.sum(axis=0)
    rows: list[dict[str, Any]] = []
    for g, group in enumerate(split.levels):
        note = NOBODY if not everybody[g] else NONE_KNOWN if not n_known[g] else ""
        about = {"group": group, "n": int(n_known[g]), "scale": "count", "note": ""}
        rows.append({**about, "term": "n", "estimate": n_known[g], "note": "" if everybody[g] else NOBODY})
        for level, count in zip(column.levels, known[:, g], strict=True):
            rows.append({**about, "level": level, "term": "n", "estimate": count, "note": note})
            share = count / n_known[g] if n_known[g] else np.nan
            rows.append({**about, "level": level, "term": "share", "estimate": share, "scale": "share", "note": note})
        about["n"] = int(everybody[g])
        rows.append({**about, "term": "n_missing", "estimate": unknown[:, g].sum()})
        for reason, count in zip(column.reasons, unknown[:, g], strict=True):
            rows.append({**about, "level": reason, "term": "n_missing", "estimate": count})
    both = two_groups(split, everybody)
    if both:
        rows += level_differences(column.levels, known[:, both], split, both)
    if test and len(split.levels) > 1:
        rows.append(test_row(category_test(known, test)))
    return rows


def two_groups(split: Split, everybody: NDArray[np.intp]) -> list[int]:
    """The two groups that have somebody, or nothing where there are fewer or more."""
    present = np.flatnonzero(everybody).tolist()
    return present if len(present) == 2 else []


def standardised(difference: float, variance: float) -> tuple[float, str]:
    """A difference in standard deviations, and why it is none."""
    if np.isnan(difference) or np.isnan(variance):
        return np.nan, "not estimable: too few known values"
    if difference == 0:
        return 0.0, ""
    if variance <= 0:
        return np.nan, "not estimable: no spread within the groups"
    return float(difference / np.sqrt(variance)), ""


def level_differences(
    levels: Sequence[Any], known: NDArray[np.intp], split: Split, both: list[int]
) -> list[dict[str, Any]]:
    """Standardised difference of each level, and the distance of all of them together."""
    total = known.sum(axis=0)
    n = int(total.sum())
    shares = np.divide(known, total, out=np.full(known.shape, np.nan), where=total > 0)
    rows = [
        difference_row(split, both, n, *standardised(b - a, (a * (1 - a) + b * (1 - b)) / 2), level=level)
        for level, (a, b) in zip(levels, shares, strict=True)
    ]
    return [*rows, difference_row(split, both, n, *distance(shares[known.sum(axis=1) > 0]))]


def distance(shares: Floats) -> tuple[float, str]:
    """Distance of two columns of shares in the metric of their mean multinomial covariance."""
    if not len(shares) or np.isnan(shares).any():
        return np.nan, "not estimable: too few known values"
    a, b = shares[1:].T
    apart = b - a
    covariance = sum(np.diag(p) - np.outer(p, p) for p in (a, b)) / 2
    solved = np.linalg.lstsq(covariance, apart, rcond=None)[0] if len(apart) else apart
    if not np.allclose(covariance @ solved, apart, atol=1e-9):
        return np.nan, "not estimable: the groups share no level"
    return float(np.sqrt(max(0.0, apart @ solved))), ""


def difference_row(split: Split, both: list[int], n: int, estimate: float, note: str, level: Any = "") -> dict[str, Any]:
    """The row of a standardised difference."""
    contrast = f"{label(split.levels[both[1]])} vs {label(split.levels[both[0]])}"
    return {
        "level": level,
        "term": DIFFERENCE,
        "n": n,
        "estimate": estimate,
        "scale": DIFFERENCE,
        "contrast": contrast,
        "note": note,
    }


def test_row(test: Comparison) -> dict[str, Any]:
    """The row of a test."""
    return {"term": "test", **test._asdict()}


def number_test(samples: list[Floats], test: str) -> Comparison:
    """A test of equal distributions, or of equal means, of some samples none of which is empty."""
    from scipy.stats import kruskal, mannwhitneyu, ttest_ind

    pooled = np.concatenate(samples) if samples else np.array([])
    name = {"t": "t test", "welch": "Welch's t test"}.get(
        test, "Wilcoxon rank-sum" if len(samples) < 3 else "Kruskal-Wallis"
    )
    reason = "fewer than two groups have known values" if len(samples) < 2 else ""
    if not reason and np.ptp(pooled) == 0:
        reason = "all values are equal"
    if not reason and test != "rank" and no_spread(samples, test):
        reason = "no spread within the groups"
    if reason:
        return Comparison(name, np.nan, np.nan, np.nan, len(pooled), f"not estimable: {reason}")
    if test != "rank":
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            t = ttest_ind(*samples, equal_var=test == "t")
        # SciPy says this of a constant group too, where nothing is lost
        lost = said and all(np.ptp(sample) > 0 for sample in samples)
        note = "values are nearly equal: digits were lost" if lost else ""
        return Comparison(name, float(t.statistic), float(t.df), float(t.pvalue), len(pooled), note)
    if len(samples) > 2:
        h = kruskal(*samples)
        return Comparison(name, float(h.statistic), len(samples) - 1, float(h.pvalue), len(pooled), "")
    exact = max(len(sample) for sample in samples) < EXACT_RANKS and len(np.unique(pooled)) == len(pooled)
    u = mannwhitneyu(*samples, method="exact" if exact else "asymptotic")
    return Comparison(
        f"{name}, {'exact' if exact else 'normal'}", float(u.statistic), np.nan, float(u.pvalue), len(pooled), ""
    )


def no_spread(samples: list[Floats], test: str) -> bool:
    """Whether a t statistic has no standard error."""
    spread = [float(((sample - sample.mean()) ** 2).sum()) for sample in samples]
    few = sum(len(sample) for sample in samples) < 3 if test == "t" else min(len(sample) for sample in samples) < 2
    return few or sum(spread) == 0


def category_test(table: NDArray[np.intp], test: str) -> Comparison:
    """A test of independence of a table of levels (down) and groups (across)."""
    from scipy.stats import chi2_contingency, fisher_exact

    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n = int(table.sum())
    if min(table.shape) < 2:
        what = "groups have known values" if table.shape[1] < 2 else "levels are there"
        return Comparison("chi-square", np.nan, np.nan, np.nan, n, f"not estimable: fewer than two {what}")
    chi_square = chi2_contingency(table, correction=False)
    small = int((chi_square.expected_freq < SMALL).sum())
    if table.shape == (2, 2) and (test == "fisher" or (test == "auto" and small)):
        return Comparison("Fisher", np.nan, np.nan, float(fisher_exact(table).pvalue), n, "")
    note = f"approximate: {small} of {table.size} expected counts are below {SMALL:g}" if small else ""
    return Comparison("chi-square", float(chi_square.statistic), float(chi_square.dof), float(chi_square.pvalue), n, note)
