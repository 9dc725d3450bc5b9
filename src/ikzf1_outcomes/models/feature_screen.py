"""A screen: one adjusted model a feature, thousands of features at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from ikzf1_outcomes.curves.comparisons import two_sided
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Columns, Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.models.analysed_rows import analysed
from ikzf1_outcomes.models.coefficients import exponentiated
from ikzf1_outcomes.models.feature_fits import Setting
from ikzf1_outcomes.models.feature_patterns import Screened, count, fit_features
from ikzf1_outcomes.models.feature_permutations import family_p
from ikzf1_outcomes.models.screened_features import Adjust, adjusters, read_features
from ikzf1_outcomes.models.subdistribution import refuse_rows
from ikzf1_outcomes.multiplicity import adjust_p, null_share

TESTS = {
    "cox": ("wald", "likelihood_ratio", "score"),
    "firth": ("likelihood_ratio", "wald"),
    "fine_gray": ("wald",),
}
"""Tests of each method, its own first."""
TIES = {"cox": ("efron", "breslow"), "firth": ("efron", "breslow"), "fine_gray": ("breslow",)}
NAMES = {"cox": "Cox", "firth": "Cox, Firth's penalty", "fine_gray": "Fine-Gray"}
RATIO = {"cox": "hazard ratio", "firth": "hazard ratio", "fine_gray": "subdistribution hazard ratio"}
WORDS = {"wald": "Wald test", "likelihood_ratio": "likelihood-ratio test", "score": "score test"}
LEVEL = 0.05
"""Where hits are counted."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class ScreenResult:
    """The models of a screen, one row a feature; made by `screen`."""

    table: pd.DataFrame
    """All numbers, on the log scale."""
    method: str
    ratio: str
    """What exp(estimate) is."""
    n: float
    n_event: int
    n_excluded: int
    pi0: float
    permutations: int
    note: str

    def __repr__(self) -> str:
        return f"ScreenResult({self.method}: {len(self.table)} features, {self.n_event} events)"

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """One row a feature, in the order given.

        Parameters
        ----------
        exponentiate
            Give estimate, low and high as ratios; `std_error` stays on the log scale.

        Returns
        -------
        DataFrame
            term, contrast, cause, n, n_event, estimate, std_error, low, high, conf_level, interval, scale, statistic,
            p_value, p_adjusted_bh, p_adjusted_by, q_value, p_family, note. `scale` says whether the estimate is per SD.
        """
        return exponentiated(self.table.assign(scale=f"log {self.ratio}"), exponentiate)

    def glance(self) -> pd.DataFrame:
        """One row: what was screened, how many features could be estimated, and how many are below 0.05 by each reckoning.

        Returns
        -------
        DataFrame
            method, cause, n, n_event, n_excluded (adjusters and strata known, whatever the features), n_features,
            n_estimable, n_hits (p_value), n_hits_expected (of features without an effect, 0.05 times n_estimable),
            n_hits_bh, n_hits_by, n_hits_q, n_hits_family (NaN without permutations), pi0, permutations, note.
        """
        table = self.table
        named = {"n_hits": "p_value", "n_hits_bh": "p_adjusted_bh", "n_hits_by": "p_adjusted_by", "n_hits_q": "q_value"}
        hits: dict[str, Any] = {name: int((table[column] < LEVEL).sum()) for name, column in named.items()}
        if np.isnan(self.pi0):
            hits["n_hits_q"] = np.nan
        hits["n_hits_family"] = int((table["p_family"] < LEVEL).sum()) if self.permutations else np.nan
        n_estimable = int(table["p_value"].notna().sum())
        out = {
            "method": self.method, "cause": table["cause"].iloc[0], "n": self.n, "n_event": self.n_event,
            "n_excluded": self.n_excluded, "n_features": len(table), "n_estimable": n_estimable,
            "n_hits": hits.pop("n_hits"), "n_hits_expected": LEVEL * n_estimable, **hits, "pi0": self.pi0,
            "permutations": self.permutations, "note": self.note,
        }  # fmt: skip
        return pd.DataFrame([out])

    def _repr_html_(self) -> str:
        return self.tidy(exponentiate=True).to_html(index=False)


def screen(
    endpoint: Endpoint,
    features: Any,
    *,
    adjust: Adjust = None,
    cause: str | None = None,
    method: str = "cox",
    test: str | None = None,
    ties: str | None = None,
    strata: Columns | None = None,
    standardise: bool = True,
    permutations: int = 0,
    seed: int | np.random.Generator | None = None,
    references: Mapping[str, Any] | None = None,
    conf_level: float = 0.95,
) -> ScreenResult:
    r"""Screen features: for each one a regression on the adjusters and that feature, and error rates over all of them.

    Estimand: for each feature the log hazard ratio of `cox` (any event, or cause-specific), of Firth's penalty, or the log
    subdistribution hazard ratio of `fine_gray`, given the adjusters; per standard deviation of the feature (n - 1, rows
    analysed in its model, each counted once) unless `standardise=False`. Estimates and standard errors are those of the
    single models, `cox(endpoint, f"{adjust} + {feature}")` and so on.

    Error rates over the features that could be estimated: `p_adjusted_bh`, `p_adjusted_by` and `q_value` as in `adjust_p`;
    `p_family` is the single-step maxT p-value of Westfall and Young 1993 (recalled, not verified): with T the score
    statistic of a feature at the fit of the adjusters alone, and B permutations,

    .. math:: p_j = \frac{1 + \#\{b : \max_k T_k^{(b)} \ge T_j\}}{1 + B}

    Rows of features are permuted together, so that features keep their correlations, within strata. Without adjusters
    this is exact where features do not depend on anything that decides about outcome, censoring or late entry; with
    adjusters what the adjusters leave of each feature (least squares) is permuted, and that is approximate.

    Parameters
    ----------
    endpoint
        Times and causes.
    features
        List of columns of the endpoint's frame; or a data frame or array with one row for each row of the endpoint, in
        its order, whatever the index (n, features). Numbers or flags. A feature that is missing leaves the row out of its
        own model; for `p_family` it stands at the mean of its stratum.
    adjust
        Formula or list of columns that every model has; None for none.
    cause
        Name of a cause; None takes any cause as the event. Fine-Gray needs one.
    method
        "cox", "firth" (`cox(penalty="firth")`) or "fine_gray".
    test
        "wald", "likelihood_ratio" or "score". None is Wald's for Cox and Fine-Gray, and the penalised likelihood ratio with
        profile limits for Firth; Firth has no score test here, and Fine-Gray Wald's only.
    ties
        "efron" or "breslow"; None is Efron's, for Fine-Gray Breslow's, the only ones it has.
    strata
        Column or columns whose levels have baselines of their own; not for Fine-Gray.
    standardise
        Estimates per SD of each feature; tests do not depend on it.
    permutations
        Number B of permutations behind `p_family`; 0 for none.
    seed
        Number or generator; needed with permutations. They run through `resampling.replicates`, in pieces of 50: on as many
        processes as joblib is told to use, with the same result.
    references
        Column of the adjusters to reference level.
    conf_level
        Level of the intervals.

    Returns
    -------
    ScreenResult
        `.tidy(exponentiate=False)`, one row a feature in the order given; `.glance()`. A feature that is constant, a
        combination of the adjusters, separates those with events from those without, or cannot be estimated for another
        reason has NaN and, in `note`, the words with which the single model refuses it. `statistic` is z for Wald's test
        and chi-square (1 degree of freedom) for the others; limits are Wald's, or profile limits where Firth's test is the
        likelihood ratio.

    Raises
    ------
    ColumnError, InputError
        Unknown columns, cause, method, test or rule for ties; features that are neither numbers nor flags; another number
        of rows than the endpoint has; no events; adjusters that are constant or collinear; permutations without a seed, or
        of several rows of one patient.
    ConvergenceError
        The adjusters alone separate those with events from those without.

    Notes
    -----
    Checked against R's `coxph`, `crr`, `p.adjust` and `qvalue` in `tests/reference/test_screen_r.py`.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.models.feature_screen import screen
    >>> rng = np.random.default_rng(1)
    >>> peptides = pd.DataFrame(rng.normal(size=(60, 3)), columns=["creb1", "s6k", "chek2"]).assign(blank=0.0)
    >>> d = pd.DataFrame({"t": rng.exponential(np.exp(-peptides["creb1"])), "s": 1, "age": rng.uniform(1, 17, 60)})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> found = screen(endpoint, peptides, adjust="age", permutations=100, seed=2)
    >>> found.tidy()[["term", "p_family", "note"]].round(2).values.tolist()[::3]
    [['creb1', 0.01, ''], ['blank', nan, 'constant among the rows analysed: blank']]
    """
    setting = check_setting(endpoint, method, test, ties, strata, cause, conf_level)
    check_permutations(endpoint, permutations, seed)
    read = read_features(endpoint, features)
    base = adjusters(endpoint, adjust, references)
    screened = fit_features(setting, method, read, base, adjust, references)
    table = as_table(setting, read.names, screened, standardise)
    known = table["p_value"].notna().to_numpy()
    if permutations and known.any() and seed is not None:
        chance = family_p(setting, base, read.values, method == "fine_gray", permutations, seed)
        table["p_family"] = np.where(known, chance, np.nan)
    p = table["p_value"].to_numpy()
    share = null_share(p)
    table["p_adjusted_bh"], table["p_adjusted_by"] = adjust_p(p, "bh"), adjust_p(p, "by")
    table["q_value"] = share * table["p_adjusted_bh"]
    rows = analysed(endpoint, base, strata, None, False, None)
    n, n_event, _ = count(setting, base)
    notes = [rows.note] * bool(rows.note) + ["no q-values: hardly any p-value is large"] * bool(np.isnan(share))
    return ScreenResult(
        table, described(method, setting), RATIO[method] + " per SD" * standardise, n, n_event,
        base.n_missing + int((~rows.complete).sum()), share, permutations, "; ".join(notes),
    )  # fmt: skip


def described(method: str, setting: Setting) -> str:
    """The models in words."""
    strata = (setting.strata,) if isinstance(setting.strata, str) else setting.strata or ()
    stratified = f", stratified by {', '.join(strata)}" if strata else ""
    return f"{NAMES[method]}, {setting.ties.capitalize()} ties{stratified}, {WORDS[setting.test]} of each feature"


def check_setting(
    endpoint: Endpoint, method: str, test: str | None, ties: str | None, strata: Columns | None, cause: str | None,
    conf_level: float,
) -> Setting:  # fmt: skip
    """Refuse what there is not; fill in what a method has by itself."""
    normal_quantile(conf_level)
    if method not in TESTS:
        raise InputError("there is no such method", next_step=f"Use {', '.join(TESTS)}.")
    if test is not None and test not in TESTS[method]:
        raise InputError(f"{NAMES[method]} has no such test", next_step=f"Use {' or '.join(TESTS[method])}.")
    if ties is not None and ties not in TIES[method]:
        raise InputError("there is no such rule for ties", next_step=f"Use {' or '.join(TIES[method])}.")
    if method == "fine_gray":
        if cause is None:
            raise InputError("Fine-Gray models need the name of a cause", next_step=f"One of {', '.join(endpoint.causes)}.")
        if strata is not None:
            raise InputError("Fine-Gray models have no strata here", next_step="Adjust for them, or use cox.")
        refuse_rows(endpoint)
    if cause is not None:
        endpoint.cause_code(cause)
    return Setting(endpoint, cause, ties or TIES[method][0], strata, test or TESTS[method][0], conf_level)


def check_permutations(endpoint: Endpoint, permutations: int, seed: Any) -> None:
    """Refuse permutations that cannot be made."""
    if not isinstance(permutations, Real) or permutations < 0 or permutations != int(permutations):
        raise InputError("permutations are a number of 0 or more")
    if permutations and seed is None:
        raise InputError("permutations need a seed", next_step="Give a number, so that the result can be had again.")
    if permutations and endpoint.subject is not None and endpoint.n < len(endpoint):
        raise InputError(
            "several rows of one patient: their features cannot be exchanged",
            count=len(endpoint) - endpoint.n,
            next_step="Screen without permutations, or at a landmark with one row a patient.",
        )


def as_table(setting: Setting, names: tuple[str, ...], screened: Screened, standardise: bool) -> pd.DataFrame:
    """The features as rows, without error rates; estimates per SD where asked for."""
    found = screened.found
    scale = screened.spread if standardise else np.ones(len(names))
    estimate, error = found.estimate * scale, found.std_error * scale
    profile = np.isfinite(found.low) | np.isfinite(found.high)
    own = setting.test == "wald"
    half = normal_quantile(setting.conf_level) * error
    statistic = np.divide(estimate, error, out=np.full(len(error), np.nan), where=error > 0) if own else found.statistic
    penalised = bool(profile.any())
    return pd.DataFrame(
        {
            "term": names,
            "contrast": "",
            "cause": setting.cause or "any",
            "n": screened.n,
            "n_event": screened.n_event,
            "estimate": estimate,
            "std_error": error,
            "low": found.low * scale if penalised else estimate - half,
            "high": found.high * scale if penalised else estimate + half,
            "conf_level": setting.conf_level,
            "interval": "profile penalised likelihood" if penalised else "wald",
            "scale": "",
            "statistic": statistic,
            "p_value": two_sided(statistic) if own else chdtrc(1, statistic),
            "p_adjusted_bh": np.nan,
            "p_adjusted_by": np.nan,
            "q_value": np.nan,
            "p_family": np.nan,
            "note": found.note.astype(str),
        }
    )
