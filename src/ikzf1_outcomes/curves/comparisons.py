"""Tests between groups: the log-rank family, trend, Gray, and all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr

from ikzf1_outcomes.curves.steps import NOBODY
from ikzf1_outcomes.endpoint import Columns, Endpoint, Groups, label, take_rows
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels import scores as kernel
from ikzf1_outcomes.kernels.risk import Floats, risk_matrix

ADJUSTMENTS = {"holm": "holm", "bonferroni": "bonferroni", "bh": "fdr_bh", "by": "fdr_by", "none": None}


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class TestResult:
    """A test between groups: `.glance()` gives the test, `.tidy()` the groups behind it."""

    __test__ = False

    method: str
    statistic: float
    df: int
    p_value: float
    groups: pd.DataFrame
    n_excluded: int
    note: str

    def __repr__(self) -> str:
        return f"TestResult({self.method}: {len(self.groups)} groups, df {self.df})"

    def glance(self) -> pd.DataFrame:
        """One row: method, statistic, df, p_value, n, n_excluded, note."""
        return pd.DataFrame(
            {
                "method": [self.method],
                "statistic": [self.statistic],
                "df": [self.df],
                "p_value": [self.p_value],
                "n": [self.groups["n"].sum()],
                "n_excluded": [self.n_excluded],
                "note": [self.note],
            }
        )

    def tidy(self) -> pd.DataFrame:
        """One row a group: group, n, n_event, observed, expected (weighted as the test weights them), note."""
        return self.groups.copy()

    def _repr_html_(self) -> str:
        return self.glance().to_html(index=False)


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class Scores:
    """Summed observed events, expected events and their covariance over strata."""

    levels: tuple[Any, ...]
    n: Floats
    n_event: Floats
    observed: Floats
    expected: Floats
    variance: Floats
    n_excluded: int

    def table(self) -> pd.DataFrame:
        """The groups as a tidy table."""
        return pd.DataFrame(
            {
                "group": list(self.levels),
                "n": self.n,
                "n_event": self.n_event,
                "observed": self.observed,
                "expected": self.expected,
                "note": [NOBODY if n == 0 else "" for n in self.n],
            }
        )


def sum_over_strata(endpoint: Endpoint, by: Columns, strata: Columns | None, one_stratum: Any) -> Scores:
    """Add up `one_stratum(n_risk, events) -> observed, expected, variance` over the strata."""
    groups, layers = endpoint.groups(by), endpoint.groups(strata)
    keep = (groups.codes >= 0) & (layers.codes >= 0)
    n_groups, weight = len(groups.levels), endpoint.case_weights
    observed, expected = np.zeros(n_groups), np.zeros(n_groups)
    variance = np.zeros((n_groups, n_groups))
    rows, shape = endpoint.rows, (n_groups, len(endpoint.causes))
    for selected, late in zip(*(by_layer(part, layers, keep) for part in (rows.order, rows.late)), strict=True):
        _, n_risk, events = risk_matrix(rows, selected, late, endpoint.cause, weight, groups.codes, shape)
        if len(n_risk):
            part = one_stratum(n_risk, events)
            observed, expected, variance = observed + part[0], expected + part[1], variance + part[2]
    n = np.array([endpoint.patients(keep & (groups.codes == g)) for g in range(n_groups)])
    hit = keep & (endpoint.cause > 0)
    n_event = np.bincount(groups.codes[hit], weights=weight[hit], minlength=n_groups)
    if (n > 0).sum() < 2:
        raise InputError(
            "a comparison needs at least two groups with somebody in them",
            count=int((n > 0).sum()),
            next_step="Check the grouping column and its missing values.",
        )
    return Scores(groups.levels, n, n_event, observed, expected, variance, int((~keep).sum()))


def by_layer(ordered: np.ndarray, layers: Groups, keep: np.ndarray) -> list[np.ndarray]:
    """The kept rows of each stratum, in the order given."""
    kept = ordered[keep[ordered]]
    sorted_rows = kept[np.argsort(layers.codes[kept], kind="stable")]
    return np.split(sorted_rows, np.searchsorted(layers.codes[sorted_rows], np.arange(1, len(layers.levels))))


def quadratic_form(difference: Floats, variance: Floats) -> tuple[float, int]:
    """Chi-square statistic of scores with a singular covariance, and its degrees of freedom, the rank.

    The scores of groups that are compared add up to 0, so that each set of groups that meet in a risk set loses one degree
    of freedom. The matrix is scaled to unit diagonal first: a tiny group then weighs as much in its rank as a large one.
    """
    members = np.flatnonzero(np.diag(variance) > 0)
    if not len(members):
        return np.nan, 0
    scale = np.sqrt(np.diag(variance)[members])
    values, vectors = np.linalg.eigh(variance[np.ix_(members, members)] / np.outer(scale, scale))
    kept = values > 1e-9 * values[-1]
    turned = vectors[:, kept].T @ (difference[members] / scale)
    return float((turned**2 / values[kept]).sum()), int(kept.sum())


def as_test(method: str, scores: Scores, statistic: float, df: int) -> TestResult:
    """Put a statistic into its result."""
    note = "" if df else "not estimable: no events that could differ between groups"
    p_value = float(chdtrc(df, statistic)) if df else np.nan
    return TestResult(method, statistic if df else np.nan, df, p_value, scores.table(), scores.n_excluded, note)


def logrank_scores(endpoint: Endpoint, by: Columns, strata: Columns | None, rho: float, gamma: float) -> Scores:
    """Log-rank scores with Fleming-Harrington weights."""

    def one_stratum(n_risk: Floats, events: Floats) -> tuple[Floats, Floats, Floats]:
        return kernel.logrank(n_risk, np.ascontiguousarray(events.sum(axis=2)), float(rho), float(gamma))

    return sum_over_strata(endpoint, by, strata, one_stratum)


def check_weights(*exponents: float) -> None:
    """Refuse exponents of the weights that are not numbers from 0 on."""
    if not all(np.isfinite(value) and value >= 0 for value in exponents):
        raise InputError("rho and gamma must be numbers from 0 on", next_step="0 weighs all times alike.")


def logrank_test(
    endpoint: Endpoint, by: Columns, *, strata: Columns | None = None, rho: float = 0.0, gamma: float = 0.0
) -> TestResult:
    """Log-rank test and its Fleming-Harrington family for K groups; any cause is an event.

    Hypothesis: the hazards of the groups are equal (in every stratum). Weights S(t-)^rho (1 - S(t-))^gamma with the
    Kaplan-Meier estimate of all groups together, within its stratum; hypergeometric variance, so ties are exact (Mantel
    1966; Harrington and Fleming 1982, doi:10.1093/biomet/69.3.553). Groups that are never at risk when an event happens
    do not count towards the degrees of freedom. Equal to R's `survdiff`.

    Parameters
    ----------
    endpoint
        Times and causes.
    by
        Column or columns of the groups.
    strata
        Column or columns within which groups are compared.
    rho, gamma
        0, 0 log-rank; 1, 0 early differences (Peto's Wilcoxon); 0, 1 late differences.

    Returns
    -------
    TestResult
        `.glance()`: method, statistic, df, p_value, n, n_excluded, note; `.tidy()`: observed and expected by group.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0], "s": [1, 1, 1, 0], "arm": ["a", "a", "b", "b"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> round(float(iko.logrank_test(endpoint, "arm").glance()["statistic"].iloc[0]), 4)
    2.8824
    """
    check_weights(rho, gamma)
    scores = logrank_scores(endpoint, by, strata, rho, gamma)
    statistic, df = quadratic_form(scores.observed - scores.expected, scores.variance)
    name = "log-rank" if rho == gamma == 0 else f"Fleming-Harrington ({rho:g}, {gamma:g})"
    return as_test(name if strata is None else f"stratified {name}", scores, statistic, df)


def trend_test(
    endpoint: Endpoint, by: Columns, *, scores: Sequence[float] | None = None, strata: Columns | None = None
) -> TestResult:
    """Log-rank test for trend over ordered groups (Tarone 1975, doi:10.1093/biomet/62.3.679), one degree of freedom.

    With scores a_j and the log-rank differences U_j with covariance V: (a' U)^2 / (a' V a).

    Parameters
    ----------
    endpoint, by, strata
        As in `logrank_test`; groups in the order of the categories, sorted otherwise.
    scores
        One number a group; 1, 2, 3, ... when left out.

    Returns
    -------
    TestResult

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "s": 1, "mrd": [3, 3, 2, 2, 1, 1]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> int(iko.trend_test(endpoint, "mrd").glance()["df"].iloc[0])
    1
    """
    parts = logrank_scores(endpoint, by, strata, 0.0, 0.0)
    given = np.arange(1.0, len(parts.levels) + 1) if scores is None else np.asarray(scores, dtype=float)
    if len(given) != len(parts.levels):
        raise InputError(
            f"{len(given)} scores for {len(parts.levels)} groups", next_step="Give one score a group, in their order."
        )
    if not np.isfinite(given).all():
        raise InputError("a score is missing or infinite", where=np.flatnonzero(~np.isfinite(given)) + 1)
    name = "log-rank for trend" if strata is None else "stratified log-rank for trend"
    spread = float(given @ parts.variance @ given)
    if spread <= 0:
        return as_test(name, parts, np.nan, 0)
    statistic = float(given @ (parts.observed - parts.expected)) ** 2 / spread
    return as_test(name, parts, statistic, 1)


def gray_test(
    endpoint: Endpoint, by: Columns, *, cause: str, strata: Columns | None = None, rho: float = 0.0
) -> TestResult:
    """Gray's test: do the cumulative incidences of a cause differ between K groups?

    Hypothesis: the subdistribution hazards of `cause` are equal (in every stratum); the other causes may differ. Scores
    and covariance of Gray (1988, doi:10.1214/aos/1176350951) with weights (1 - F(t-))^rho; strata are added up. Equal to
    R's `cmprsk::cuminc`. `observed` and `expected` are on the subdistribution scale. Defined without delayed entry.

    Parameters
    ----------
    endpoint
        Times and causes.
    by, strata
        Columns of groups and strata.
    cause
        Name of the cause compared; all others compete.
    rho
        0 weighs all times alike.

    Returns
    -------
    TestResult

    Raises
    ------
    InputError
        Unknown cause; delayed entry at different times (one landmark for all is fine); fewer than two groups.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0], "s": [1, 2, 1, 0], "arm": ["a", "a", "b", "b"]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse", 2: "death"})
    >>> iko.gray_test(endpoint, "arm", cause="relapse").glance()["method"].iloc[0]
    'Gray'
    """
    check_weights(rho)
    k = endpoint.cause_code(cause) - 1
    if len(endpoint.rows.late):
        raise InputError(
            "Gray's test is not defined when rows enter at different times", next_step="Use cause-specific tests instead."
        )

    def one_stratum(n_risk: Floats, events: Floats) -> tuple[Floats, Floats, Floats]:
        own = np.ascontiguousarray(events[:, :, k])
        score, variance = kernel.gray(n_risk, own, events.sum(axis=2) - own, float(rho))
        return own.sum(axis=0), own.sum(axis=0) - score, variance

    parts = sum_over_strata(endpoint, by, strata, one_stratum)
    statistic, df = quadratic_form(parts.observed - parts.expected, parts.variance)
    return as_test("Gray" if strata is None else "stratified Gray", parts, statistic, df)


def pairwise_tests(
    endpoint: Endpoint,
    by: Columns,
    *,
    test: str = "logrank",
    adjust: str = "holm",
    cause: str | None = None,
    strata: Columns | None = None,
) -> pd.DataFrame:
    """Compare every pair of groups, with p-values adjusted for the number of pairs.

    Each pair is tested on its own two groups, as R's `pairwise_survdiff` does.

    Parameters
    ----------
    test
        "logrank" or "gray" (then name `cause`).
    adjust
        "holm", "bonferroni", "bh", "by" or "none".

    Returns
    -------
    DataFrame
        contrast ("b vs a"), n, statistic, df, p_value, p_adjusted, method, note.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "s": 1, "arm": list("aabbcc")})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> iko.pairwise_tests(endpoint, "arm")["contrast"].tolist()
    ['b vs a', 'c vs a', 'c vs b']
    """
    from statsmodels.stats.multitest import multipletests

    if test not in ("logrank", "gray") or str(adjust).lower() not in ADJUSTMENTS:
        raise InputError(
            f"unknown test {test!r} or adjustment {adjust!r}",
            next_step=f"Tests: logrank, gray. Adjustments: {', '.join(ADJUSTMENTS)}.",
        )
    if test == "gray" and cause is None:
        raise InputError("Gray's test needs the name of a cause", next_step=f"One of {', '.join(endpoint.causes)}.")
    groups = endpoint.groups(by)
    present = [g for g in range(len(groups.levels)) if (groups.codes == g).any()]
    rows = []
    for a, b in combinations(present, 2):
        pair = take_rows(endpoint, np.isin(groups.codes, (a, b)))
        if test == "gray":
            result = gray_test(pair, by, cause=str(cause), strata=strata)
        else:
            result = logrank_test(pair, by, strata=strata)
        names = {"contrast": f"{label(groups.levels[b])} vs {label(groups.levels[a])}", "n": result.groups["n"].sum()}
        parts = {key: getattr(result, key) for key in ("statistic", "df", "p_value", "method", "note")}
        rows.append({**names, **parts})
    if not rows:
        raise InputError("a comparison needs at least two groups with somebody in them")
    table = pd.DataFrame(rows)
    known, how = table["p_value"].notna(), ADJUSTMENTS[adjust.lower()]
    table["p_adjusted"] = table["p_value"]
    if how and known.any():
        table.loc[known, "p_adjusted"] = multipletests(table.loc[known, "p_value"], method=how)[1]
    return table[["contrast", "n", "statistic", "df", "p_value", "p_adjusted", "method", "note"]]


def two_sided(z: Floats) -> Floats:
    """Two-sided p-values of standard normal statistics."""
    return 2.0 * ndtr(-np.abs(z))
