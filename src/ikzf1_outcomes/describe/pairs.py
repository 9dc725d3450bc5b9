"""Which alterations occur together: every pair of flags as a two-by-two table with an exact test."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ikzf1_outcomes.cohort import Cohort
from ikzf1_outcomes.describe.frequencies import checked_level, named_columns, rows_of, truth_values
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import is_numeric
from ikzf1_outcomes.genome.calls import COPY_NUMBERS, IKZF1_CLASSES, MAYBE, NO, YES, checked_calls, deletion
from ikzf1_outcomes.genome.profiles import ikzf1_status

ADJUSTMENTS = {
    "fdr_bh": "fdr_bh", "bh": "fdr_bh", "fdr_by": "fdr_by", "by": "fdr_by", "holm": "holm", "bonferroni": "bonferroni",
    "none": None,
}  # fmt: skip
NOT_DELETED = "not deleted"
"""The word of the field `ikzf1_deletion` for what calls name "normal"."""


def alteration(frame: pd.DataFrame, name: str) -> NDArray[np.int8]:
    """Whether an alteration is there: `NO`, `MAYBE` or `YES`.

    Truth values are taken as given. Calls are deletions (a gain is none), `ikzf1_class` an IKZF1 deletion of any kind.
    Empty cells are `MAYBE`.

    Raises
    ------
    InputError
        Numbers, which may be copies as well as flags; words that are neither calls nor classes (row positions).
    """
    flags = truth_values(frame[name])
    if flags is not None:
        return np.select([flags.isna(), flags.fillna(False).to_numpy(bool)], [MAYBE, YES], default=NO).astype(np.int8)
    if is_numeric(frame[name]) and frame[name].notna().any():
        raise InputError(
            f"column {name!r} holds numbers: flags or copies", next_step="Give True and False, or calls such as 'deleted'."
        )
    words = frame[name].astype(object)
    words = words.mask(words == NOT_DELETED, "normal")
    used = words.dropna()
    if name == "ikzf1_class" or (used.isin(IKZF1_CLASSES).all() and not used.isin(COPY_NUMBERS).all()):
        return ikzf1_status(frame.assign(**{name: words}), name)
    return deletion(checked_calls(frame.assign(**{name: words}), name))


def cooccurrence(
    data: Cohort | pd.DataFrame, columns: Sequence[str], *, adjust: str = "fdr_bh", conf_level: float = 0.95
) -> pd.DataFrame:
    r"""Which alterations occur together: odds ratio and Fisher's exact test of every pair.

    Estimand: the log odds ratio of having both alterations among patients in whom both are known. The estimate is the
    conditional maximum likelihood one and the limits are exact, as in R's `fisher.test`: with both margins held, the
    number x of patients with both follows

    .. math:: P(x; \psi) \propto \binom{m}{x} \binom{n}{k - x} \psi^x

    (m and n patients with and without the first alteration, k with the second). The estimate makes the mean of x the
    observed count, and each limit makes a tail of it (1 - conf_level) / 2. The two-sided p-value adds up the
    tables that are no more likely than the observed one at psi = 1.

    Edge rules. Calls that are ambiguous, failed or not tested and empty cells are counted in `n_missing` and take no part
    in that pair. With a zero cell the odds ratio is 0 or infinite: minus or plus infinity on the log scale, with a note;
    its other limit is finite. Where an alteration is in nobody, or in everybody, nothing can be estimated: NaN and a
    note, and the pair does not count in the adjustment. The order of a pair is that of `columns`; the numbers of the
    turned pair are the same.

    Parameters
    ----------
    data
        A cohort, or a data frame with one row a patient.
    columns
        Alterations, two or more: truth values; calls ("deleted" and "homozygous" are deletions); IKZF1 classes.
    adjust
        "fdr_bh" (Benjamini-Hochberg), "fdr_by", "holm", "bonferroni" or "none", over all pairs of the table.
    conf_level
        Level of the intervals.

    Returns
    -------
    DataFrame
        One row a pair: first, second, n (both known), n_both, n_first_only, n_second_only, n_neither, n_missing,
        estimate, low, high, conf_level, interval, scale ("log odds ratio"), p_value, p_adjusted, method, note.

    Raises
    ------
    ColumnError, InputError
        A column that is not there; fewer than two columns; numbers, or words that are no call (row positions); an
        unknown adjustment.

    Notes
    -----
    Fisher 1935, J R Stat Soc 98:39 (recalled, not verified). Alterations are compared over all patients: two that mark
    the same cytogenetic subtype occur together for that reason alone.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> both = [("ik6", "deleted")] * 6 + [("ik6", "normal")] * 2 + [("none", "deleted")] + [("none", "normal")] * 4
    >>> table = iko.cooccurrence(pd.DataFrame(both, columns=["ikzf1_class", "pax5"]), ["ikzf1_class", "pax5"])
    >>> table[["n_both", "n_first_only", "n_second_only", "n_neither", "p_value"]].round(4).values.tolist()
    [[6.0, 2.0, 1.0, 4.0, 0.1026]]
    """
    frame, conf_level = rows_of(data), checked_level(conf_level)
    names = named_columns(frame, columns)
    if len(names) < 2:
        raise InputError("one column makes no pair", next_step="Name at least two alterations.")
    if adjust not in ADJUSTMENTS:
        raise InputError("no such adjustment", next_step=f"Use one of {', '.join(ADJUSTMENTS)}.")
    states = {name: alteration(frame, name) for name in names}
    rows = [pair_row(a, b, states[a], states[b], conf_level) for a, b in combinations(names, 2)]
    return adjusted(pd.DataFrame(rows), ADJUSTMENTS[adjust])


def pair_row(first: str, second: str, a: NDArray[np.int8], b: NDArray[np.int8], conf_level: float) -> dict[str, Any]:
    """One pair of alterations as a row."""
    from scipy.stats import fisher_exact
    from scipy.stats.contingency import odds_ratio

    known = (a != MAYBE) & (b != MAYBE)
    yes_a, yes_b = a[known] == YES, b[known] == YES
    table = np.bincount(2 * ~yes_a + ~yes_b, minlength=4).reshape(2, 2)
    estimate = low = high = p_value = np.nan
    note = nothing_to_compare(first, second, table)
    if not note:
        fit = odds_ratio(table, kind="conditional")
        limits = fit.confidence_interval(confidence_level=conf_level)
        with np.errstate(divide="ignore"):
            estimate, low, high = (float(np.log(value)) for value in (fit.statistic, limits.low, limits.high))
        p_value = float(fisher_exact(table).pvalue)
        note = "" if np.isfinite(estimate) else "a zero cell: the odds ratio is not finite"
    cells = dict(zip(("n_both", "n_first_only", "n_second_only", "n_neither"), table.ravel().tolist(), strict=True))
    return {
        "first": first, "second": second, "n": int(known.sum()), **cells, "n_missing": int((~known).sum()),
        "estimate": estimate, "low": low, "high": high, "conf_level": conf_level, "interval": "conditional exact",
        "scale": "log odds ratio", "p_value": p_value, "p_adjusted": np.nan, "method": "Fisher", "note": note,
    }  # fmt: skip


def nothing_to_compare(first: str, second: str, table: NDArray[np.intp]) -> str:
    """Why a two-by-two table has no odds ratio; empty when it has one."""
    if not table.sum():
        return "not estimable: no patient has both known"
    for name, with_it in ((first, table[0].sum()), (second, table[:, 0].sum())):
        if with_it in (0, table.sum()):
            return f"not estimable: {'nobody' if with_it == 0 else 'everybody'} has {name}"
    return ""


def adjusted(table: pd.DataFrame, method: str | None) -> pd.DataFrame:
    """The table with p-values adjusted over the pairs that have one."""
    from statsmodels.stats.multitest import multipletests

    some = table["p_value"].notna()
    p_values = table.loc[some, "p_value"].to_numpy()
    if len(p_values):
        table.loc[some, "p_adjusted"] = p_values if method is None else multipletests(p_values, method=method)[1]
    return table
