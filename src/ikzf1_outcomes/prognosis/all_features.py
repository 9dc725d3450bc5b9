"""The global test: is no feature of a set associated with the outcome, beside what is known already?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.kernels.global_score import (
    NullProcess,
    beside,
    components,
    moments,
    null_process,
    permuted_forms,
)
from ikzf1_outcomes.kernels.partial import linear_predictor
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.analysed_rows import analysed, events_of
from ikzf1_outcomes.models.feature_screen import check_permutations
from ikzf1_outcomes.models.proportional_hazards import estimate
from ikzf1_outcomes.models.screened_features import Adjust
from ikzf1_outcomes.multiplicity import adjust_p
from ikzf1_outcomes.prognosis.feature_sets import ALL, FeatureSets, features_tested, refuse_weighted
from ikzf1_outcomes.resampling import replicates

TOGETHER = 250
"""Permutations that are one piece of work."""
SAME = 1e-10
"""Relative difference within which two quadratic forms are equal."""
UNTOLD = 1e-9
"""Share of a feature's information that must be left beside the adjusters for it to take part."""
TOO_SMALL = "beside adjusters the normal p-value can be too small: ask for permutations"
NOTHING = "no feature of the set is analysed"
SPANNED = "a combination of the adjusters among those at risk"
LEVEL = "does not vary among those at risk"
FIXED = 1e-9
"""Standard deviation, relative to the mean, below which a form does not vary."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class GlobalTest:
    """A global test, one row a set of features; made by `global_test`."""

    table: pd.DataFrame
    parts: pd.DataFrame
    """Features within sets."""
    method: str
    permutations: int
    n_features: int
    note: str

    def __repr__(self) -> str:
        return f"GlobalTest({self.n_features} features, {len(self.table) - 1} sets, {self.table['n_event'].iloc[0]} events)"

    def tidy(self) -> pd.DataFrame:
        """All features first, then the sets in the order given.

        Returns
        -------
        DataFrame
            term (the set), cause, n, n_event, n_excluded, n_features (analysed), n_absent (members that are not), observed
            (the quadratic form, in percent of n - p times its mean: its mean is 100 / (n - p) for any set), expected,
            null_sd, statistic (z), p_value (asymptotic), p_permutation (NaN without permutations), p_adjusted (Holm, over
            the sets; of the permutation p-values where there are any), note.
        """
        return self.table.copy()

    def components(self) -> pd.DataFrame:
        """What each feature adds to the test of each set; features that are not analysed too.

        Returns
        -------
        DataFrame
            term (the feature), group (the set), direction ("higher, more events" or "higher, fewer events"),
            contribution (its share of the quadratic form), weight (its share of the mean of the form: what it would add
            without any association), statistic (score test of this feature alone beside the adjusters, chi-square with 1
            degree of freedom), p_value (of that, not adjusted), note, cause.
        """
        return self.parts.copy()

    def glance(self) -> pd.DataFrame:
        """One row: the test of all features.

        Returns
        -------
        DataFrame
            method, cause, n, n_event, n_excluded, n_features, statistic, p_value, p_permutation, permutations, note.
        """
        first = self.table.iloc[[0]]
        columns = ["cause", "n", "n_event", "n_excluded", "n_features", "statistic", "p_value", "p_permutation"]
        out = first[columns].assign(permutations=self.permutations, note=self.note)
        out.insert(0, "method", self.method)
        return out.reset_index(drop=True)

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)


def global_test(
    endpoint: Endpoint,
    features: Any,
    *,
    adjust: Adjust = None,
    cause: str | None = None,
    sets: Mapping[str, Sequence[str]] | None = None,
    standardise: bool = False,
    missing: str = "features",
    permutations: int = 0,
    seed: int | np.random.Generator | None = None,
    references: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> GlobalTest:
    r"""Test that no feature of a set has to do with the outcome, given the adjusters, as one hypothesis.

    Null hypothesis: the hazard (of any event, or the cause-specific one) given the adjusters does not depend on any feature
    of the set. The score test of a Cox model in which the features' log hazard ratios are random with one small variance
    (Goeman et al. 2005, Bioinformatics 21:1950, recalled, not verified; the variance is derived anew in
    `docs/methods/global_test.md`). With r the martingale residuals of the adjusters alone, X* the features less their
    regression on the adjusters weighted by the information V of the null model, G = X*X*':

    .. math:: Q = r'Gr, \quad E = tr(GV), \quad z = (Q - E) / \sqrt{v}, \quad p = 1 - \Phi(z)

    v being the predictable variation of Q as a counting-process martingale. It has power where many features have small
    effects, in whatever direction; features of large variance weigh more unless `standardise=True`. p is one-sided because
    Q is large for effects of either sign. Without adjusters z is standardised exactly; its distribution is skew, and the
    normal p-value keeps its size in the simulations of `docs/methods/global_test.md` (it is below it where one direction of
    the features dominates). With adjusters it does not where features are many and hardly correlated (13 % for 5 at 45
    patients and 1,008 features): ask for permutations and read theirs.

    Permutation: r is exchanged among rows, with the same Q; p = (1 + number of Q no smaller) / (1 + B). Exact without
    adjusters where features are independent of outcome, censoring and late entry together. With adjusters it is
    approximate: residuals of patients of other risk are not exchangeable.

    Parameters
    ----------
    endpoint
        Times and causes, without case weights.
    features
        List of columns of the endpoint's frame; or a data frame or array with one row for each row of the endpoint, in
        its order (n, features). Numbers or flags.
    adjust
        Formula or list of columns of the null model; None for none.
    cause
        Name of a cause, the others are censored; None takes any cause as the event.
    sets
        Name of a set (a pathway) to the names of its features; members that are no features are counted (`n_absent`).
    standardise
        Features of unit variance (n - 1, rows analysed), so that their units do not matter.
    missing
        "features": a feature with a missing value is left out; "rows": a row with one. Rows without any feature are left
        out in either case. All is counted and said.
    permutations
        Number B of permutations; 0 for none.
    seed
        Number or generator; needed with permutations, which run through `resampling.replicates` in pieces of 250.
    references
        Column of the adjusters to reference level.
    progress
        Called after each piece of permutations with how many are done, and of how many.

    Returns
    -------
    GlobalTest
        `.tidy()`, one row a set; `.components()`, one row a feature of a set; `.glance()`.

    Raises
    ------
    ColumnError, InputError
        Unknown columns or cause; features that are neither numbers nor flags; another number of rows than the endpoint has;
        no events; no feature left; case weights; permutations without a seed, or of several rows of one patient; sets that
        are no lists of names.
    ConvergenceError
        The adjusters alone separate those with events from those without.

    Notes
    -----
    Tied events are drawn independently of each other (Breslow's rule), in the null model too. Equal to Bioconductor's
    `globaltest::gt(Surv(t, d) ~ adjusters, alternative = X)` without ties; checked in
    `tests/reference/test_global_test_r.py`.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.prognosis.all_features import global_test
    >>> rng = np.random.default_rng(1)
    >>> x = pd.DataFrame(rng.normal(size=(60, 8)), columns=list("abcdefgh"))
    >>> d = pd.DataFrame({"t": rng.exponential(np.exp(-x["a"])), "s": 1, "age": rng.uniform(1, 17, 60)})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> test = global_test(endpoint, x, adjust="age", sets={"one": list("abcd"), "other": list("efgh")})
    >>> test.tidy()[["term", "n_features", "p_value"]].round(3).values.tolist()
    [['all features', 8, 0.0], ['one', 4, 0.0], ['other', 4, 0.449]]
    """
    check_permutations(endpoint, permutations, seed)
    refuse_weighted(endpoint)
    if cause is not None:
        endpoint.cause_code(cause)
    tested = features_tested(endpoint, features, adjust, references, sets, missing, standardise)
    null = fit_null(endpoint, tested, cause)
    x = beside(null.process, tested.x, null.adjusters)
    found = components(null.process, x)
    told = found.expected > UNTOLD * components(null.process, tested.x).expected
    x = np.where(told, x, 0.0)
    shared: dict[str, Any] = {
        "cause": cause or "any",
        "n": endpoint.patients(tested.base.keep),
        "n_event": int(null.process.deaths.sum()),
    }
    table = rows_of_sets(null, tested, x, told).assign(**shared, n_excluded=int((~tested.base.keep).sum()))
    if permutations and seed is not None:
        table["p_permutation"] = by_permutation(null, tested, x, table["note"] == "", permutations, seed, progress)
    own = table["p_permutation" if permutations else "p_value"].to_numpy()
    table["p_adjusted"] = np.r_[np.nan, adjust_p(own[1:], "holm")]
    if adjust is not None and not permutations:
        table["note"] = table["note"].where(table["note"] != "", TOO_SMALL)
    columns = [
        "term", "cause", "n", "n_event", "n_excluded", "n_features", "n_absent", "observed", "expected", "null_sd",
        "statistic", "p_value", "p_permutation", "p_adjusted", "note",
    ]  # fmt: skip
    why = LEVEL if adjust is None else SPANNED
    parts = feature_parts(tested, found.score, found.expected, told, why).assign(cause=shared["cause"])
    return GlobalTest(table[columns], parts, described(adjust, permutations), permutations, int(told.sum()), tested.note)


def described(adjust: Adjust, permutations: int) -> str:
    """The test in words."""
    beside_what = "" if adjust is None else ", adjusted"
    drawn = "" if not permutations else "; residual permutation" + (", approximate" if adjust is not None else "")
    return f"global score test, Cox{beside_what}, normal approximation{drawn}"


class Null(NamedTuple):
    """The adjusters alone, over all rows analysed."""

    process: NullProcess
    adjusters: Floats
    """Those of which there is a coefficient, less their means (n, p)."""
    n: float
    """Patients."""


def fit_null(endpoint: Endpoint, tested: FeatureSets, cause: str | None) -> Null:
    """Fit the adjusters alone; rows that were never compared with anybody have a residual of 0."""
    base = tested.base
    rows = analysed(endpoint, base, None, None, False, None)
    event = events_of(endpoint, base, rows, cause)
    fit = estimate(endpoint, base, rows, event, "breslow", "")
    layout = fit.how.layout
    risk, used = np.zeros(len(endpoint)), np.zeros(len(endpoint), dtype=bool)
    compared = np.flatnonzero(fit.how.rows)[layout.where]
    risk[compared] = linear_predictor(layout, fit.maximum.beta * fit.how.scale)[2]
    used[compared] = True
    keep = base.keep
    process = null_process(endpoint.rows.rank[keep], endpoint.rows.first[keep], event & used[keep], risk[keep])
    adjusters = base.matrix[:, fit.how.span.columns]
    return Null(process, adjusters - adjusters.mean(axis=0), endpoint.patients(keep))


def rows_of_sets(null: Null, tested: FeatureSets, x: Floats, told: np.ndarray) -> pd.DataFrame:
    """The test of each set, asymptotically."""
    rows = []
    for name, members in tested.sets.items():
        own = members[told[members]]
        row: dict[str, Any] = {"term": name, "n_features": len(own), "p_permutation": np.nan}
        row["n_absent"] = tested.absent[name] + len(members) - len(own)
        if not len(own):
            rows.append(row | {"note": NOTHING})
            continue
        found = moments(null.process, x[:, own] @ x[:, own].T)
        sd, unit = np.sqrt(found.variance), 100.0 / (null.n - null.adjusters.shape[1]) / found.expected
        # one event, or chances that leave nothing to chance
        varies = sd > FIXED * found.expected
        z = (found.observed - found.expected) / sd if varies else np.nan
        row |= {"observed": unit * found.observed, "expected": unit * found.expected, "null_sd": unit * sd}
        note = "" if varies else "the form does not vary"
        rows.append(row | {"statistic": z, "p_value": float(ndtr(-z)), "note": note})
    columns = ["observed", "expected", "null_sd", "statistic", "p_value"]
    table = pd.DataFrame(rows)
    return table.reindex(columns=[*table.columns, *(c for c in columns if c not in table)])


def by_permutation(
    null: Null, tested: FeatureSets, x: Floats, testable: pd.Series, number: int, seed: Any, progress: Any
) -> Floats:
    """Permutation p-values of the sets; NaN of those without a test."""
    wanted = np.flatnonzero(testable.to_numpy())
    members = list(tested.sets.values())
    out = np.full(len(members), np.nan)
    if not len(wanted):
        return out
    grams = np.stack([x[:, members[k]] @ x[:, members[k]].T for k in wanted])
    residual = null.process.residual
    observed = np.einsum("i,sij,j->s", residual, grams, residual)
    work = partial(permuted_forms, grams, residual, TOGETHER)
    pieces = replicates(work, -(-number // TOGETHER), seed=seed, progress=progress)
    no_smaller = (np.concatenate(pieces)[:number] >= observed * (1.0 - SAME)).sum(axis=0)
    out[wanted] = (1.0 + no_smaller) / (1.0 + number)
    return out


def feature_parts(tested: FeatureSets, score: Floats, expected: Floats, told: np.ndarray, why: str) -> pd.DataFrame:
    """Each feature of each set, then the features that are not analysed."""
    statistic = np.divide(score**2, expected, out=np.full(len(score), np.nan), where=told)
    alone = pd.DataFrame(
        {
            "term": tested.names,
            "direction": np.where(told, np.where(score >= 0.0, "higher, more events", "higher, fewer events"), ""),
            "contribution": np.where(told, score**2, 0.0),
            "weight": np.where(told, expected, 0.0),
            "statistic": statistic,
            "p_value": chdtrc(1, statistic),
            "note": np.where(told, "", why),
        }
    )
    parts = [alone.iloc[members].assign(group=name) for name, members in tested.sets.items() if len(members)]
    for part in parts:
        for column in ("contribution", "weight"):
            total = part[column].sum()
            part[column] = part[column] / total if total > 0.0 else np.nan
    gone = pd.DataFrame({"term": list(tested.left_out), "group": ALL, "direction": "", "note": tested.left_out.values()})
    table = pd.concat([*parts, gone] if len(gone) else parts, ignore_index=True)
    return table[["term", "group", "direction", "contribution", "weight", "statistic", "p_value", "note"]]
