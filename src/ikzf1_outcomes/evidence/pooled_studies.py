"""Meta-analysis: random effects over the estimates of cohorts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, stdtr, stdtrit

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import refuse
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.kernels.random_effects import BETWEEN, heterogeneity_share, weighted_mean
from ikzf1_outcomes.kernels.risk import Floats

INTERVALS = ("hartung-knapp", "wald")
NAMES = {"reml": "restricted maximum likelihood", "dl": "DerSimonian-Laird", "pm": "Paule-Mandel"}
TOO_FEW = "no prediction interval: it needs three studies or more"
NARROW = "the standard error, Hartung and Knapp's, is smaller than Wald's: the studies agree well"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class MetaAnalysis:
    """Estimates of cohorts, pooled by random effects; made by `meta_analysis`."""

    studies: tuple[str, ...]
    cohorts: tuple[str, ...]
    estimates: Floats
    """(k)."""
    std_errors: Floats
    """(k)."""
    weights: Floats
    """Shares of the pooled mean (k)."""
    mean: float
    std_error: float
    """Of the mean, by the method of the interval."""
    between: float
    """Variance between studies."""
    q: float
    method: str
    interval: str
    conf_level: float
    scale: str

    def __repr__(self) -> str:
        return f"MetaAnalysis({len(self.studies)} studies, {self.scale} {self.mean:.3g}, between-study SD {self.tau:.3g})"

    @property
    def k(self) -> int:
        """Studies pooled."""
        return len(self.studies)

    @property
    def tau(self) -> float:
        """Standard deviation between studies."""
        return float(np.sqrt(self.between))

    @property
    def predictive_error(self) -> float:
        """Standard error of the effect in a new study: sqrt(wald_error^2 + between)."""
        return float(np.hypot(self.wald_error, self.tau))

    @property
    def wald_error(self) -> float:
        """Standard error of the mean were the weights known, 1 / sqrt(sum w): never 0, as Hartung and Knapp's can be."""
        return float(np.sqrt(1.0 / (1.0 / (self.std_errors**2 + self.between)).sum()))

    def predictive_limits(self, conf_level: float | None = None) -> tuple[float, float]:
        """Limits of the effect in a new study by Student's t with k - 2 degrees of freedom; NaN below three studies."""
        level = self.conf_level if conf_level is None else conf_level
        normal_quantile(level)
        if self.k < 3:
            return np.nan, np.nan
        half = float(stdtrit(self.k - 2, (1 + level) / 2)) * self.predictive_error
        return self.mean - half, self.mean + half

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """One row a study with its weight, then the pooled effect, then the effect in a new study.

        Parameters
        ----------
        exponentiate
            Give estimate, low and high as ratios; `std_error` stays on the log scale.

        Returns
        -------
        DataFrame
            term ("study", "pooled", "prediction"), study, cohort_id, estimate, std_error, low, high, conf_level, interval
            ("wald" of a study, the method's of the pooled row, "t" with k - 2 degrees of freedom of the prediction), scale,
            weight (share of the pooled mean), statistic, df, p_value (of no effect, pooled row), note.
        """
        z, hk = normal_quantile(self.conf_level), self.interval == "hartung-knapp"
        half = float(stdtrit(self.k - 1, (1 + self.conf_level) / 2)) if hk else z
        low, high = self.predictive_limits()
        statistic = self.mean / self.std_error if self.std_error > 0 else np.nan
        p = 2 * float(stdtr(self.k - 1, -abs(statistic)) if hk else ndtr(-abs(statistic)))
        last = {
            "term": ["pooled", "prediction"], "study": ["", ""], "cohort_id": ["", ""],
            "estimate": [self.mean, self.mean], "std_error": [self.std_error, self.predictive_error],
            "low": [self.mean - half * self.std_error, low], "high": [self.mean + half * self.std_error, high],
            "interval": [self.interval, "t"], "weight": [1.0, np.nan], "statistic": [statistic, np.nan],
            "df": [self.k - 1.0 if hk else np.nan, self.k - 2.0 if self.k > 2 else np.nan], "p_value": [p, np.nan],
            "note": [self.note, TOO_FEW if self.k < 3 else ""],
        }  # fmt: skip
        rows = {
            "term": "study", "study": list(self.studies), "cohort_id": list(self.cohorts), "estimate": self.estimates,
            "std_error": self.std_errors, "low": self.estimates - z * self.std_errors,
            "high": self.estimates + z * self.std_errors, "interval": "wald", "weight": self.weights, "statistic": np.nan,
            "df": np.nan, "p_value": np.nan, "note": "",
        }  # fmt: skip
        table = pd.concat([pd.DataFrame(rows), pd.DataFrame(last)], ignore_index=True)
        table = table.assign(conf_level=self.conf_level, scale=self.scale)
        if exponentiate:
            if not self.scale.startswith("log "):
                raise InputError("only a logarithm can be exponentiated", next_step="Leave `exponentiate` out.")
            names = ["estimate", "low", "high"]
            table = table.assign(scale=self.scale.removeprefix("log "), **np.exp(table[names]))
        return table[list(COLUMNS)]

    @property
    def note(self) -> str:
        """What must be known about the pooled effect."""
        # at Paule and Mandel's variance both are equal, but for rounding
        return NARROW if self.std_error < self.wald_error * (1 - 1e-9) else ""

    def glance(self) -> pd.DataFrame:
        """One row: how far the studies differ.

        Returns
        -------
        DataFrame
            method (estimator of the variance between studies), interval, n_studies, between_sd, between_variance, i2 (share
            of the variance that lies between studies), statistic (Cochran's Q), df, p_value, conf_level, note.
        """
        df = float(self.k - 1)
        row = {
            "method": NAMES[self.method], "interval": self.interval, "n_studies": self.k, "between_sd": self.tau,
            "between_variance": self.between, "i2": heterogeneity_share(self.std_errors**2, self.between),
            "statistic": self.q, "df": df, "p_value": float(chdtrc(df, self.q)), "conf_level": self.conf_level,
            "note": "; ".join(filter(None, (self.note, TOO_FEW if self.k < 3 else ""))),
        }  # fmt: skip
        return pd.DataFrame([row])


COLUMNS = (
    "term", "study", "cohort_id", "estimate", "std_error", "low", "high", "conf_level", "interval", "scale", "weight",
    "statistic", "df", "p_value", "note",
)  # fmt: skip


def meta_analysis(
    estimates: pd.DataFrame,
    *,
    estimate: str = "estimate",
    std_error: str = "std_error",
    cohort: str = "cohort_id",
    study: str | None = None,
    method: str = "reml",
    interval: str = "hartung-knapp",
    conf_level: float = 0.95,
    scale: str = "log hazard ratio",
) -> MetaAnalysis:
    r"""Pool the estimates of several cohorts by a random-effects model.

    Estimand: the mean of the effects of the cohorts that could have been, and how far effects differ between them. Study i
    estimates its own effect, and effects are normal around the mean:

    .. math:: y_i \sim N(\theta_i, v_i), \quad \theta_i \sim N(\mu, \tau^2), \quad w_i = \frac1{v_i + \tau^2}, \quad
              \hat\mu = \frac{\sum w_i y_i}{\sum w_i}

    :math:`\tau^2` by restricted likelihood ("reml"), by moments ("dl", DerSimonian and Laird 1986) or where
    :math:`\sum w_i (y_i - \hat\mu)^2 = k - 1` ("pm", Paule and Mandel 1982); never below 0. Intervals of the mean: "wald"
    has variance :math:`1 / \sum w_i` and the normal; "hartung-knapp" (Hartung and Knapp 2001; IntHout and others 2014)

    .. math:: \frac{1}{k - 1} \frac{\sum w_i (y_i - \hat\mu)^2}{\sum w_i} \quad \text{with Student's } t_{k - 1}

    The effect in a new study lies within :math:`\hat\mu \pm t_{k-2} \sqrt{1 / \sum w_i + \tau^2}` (Higgins, Thompson and
    Spiegelhalter 2009), whatever the interval of the mean. I² is :math:`\tau^2` as a share of it and of a typical variance
    within (Higgins and Thompson 2002). All sources recalled, not verified.

    Edge rules. Two studies: an interval, with one degree of freedom, but no prediction interval, and a note. Standard
    errors are taken as known: nothing corrects for studies of few events. Where studies agree well, Hartung
    and Knapp's standard error is smaller than Wald's; it is not changed, and a note says so.

    Parameters
    ----------
    estimates
        One row a study (k).
    estimate, std_error
        Columns, on a scale on which estimates are about normal: log hazard ratios.
    cohort
        Column that says whose patients they are: publications of overlapping patients share it.
    study
        Column of names; None takes the cohorts'.
    method
        "reml", "dl" or "pm".
    interval
        "hartung-knapp" or "wald".
    conf_level
        Of all intervals.
    scale
        What the estimates are.

    Returns
    -------
    MetaAnalysis
        With `.tidy()` and `.glance()`.

    Raises
    ------
    ColumnError, InputError
        Columns that are not there; fewer than two rows; estimates that are no numbers, standard errors not above 0, cohorts
        without a name or with two estimates (row positions); no such method or interval.

    Notes
    -----
    Equal to R's metafor; checked in `tests/reference/test_meta_analysis_r.py`.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> studies = pd.DataFrame({"cohort_id": ["A", "B", "C"], "estimate": [0.0, 1.0, 2.0], "std_error": [0.5, 0.5, 0.5]})
    >>> pooled = iko.meta_analysis(studies)
    >>> pooled.tidy()[["term", "estimate", "low", "high"]].round(2).iloc[3:].to_numpy().tolist()
    [['pooled', 1.0, -1.48, 3.48], ['prediction', 1.0, -12.23, 14.23]]
    >>> pooled.glance()[["n_studies", "between_sd", "i2"]].round(3).to_numpy().tolist()
    [[3.0, 0.866, 0.75]]
    """
    if method not in BETWEEN or interval not in INTERVALS:
        raise InputError(
            "there is no such method or interval",
            next_step=f"Methods: {', '.join(BETWEEN)}; intervals: {', '.join(INTERVALS)}.",
        )
    normal_quantile(conf_level)
    names, cohorts, y, s = read_estimates(estimates, estimate, std_error, cohort, study)
    between = BETWEEN[method](y, s**2)
    found = weighted_mean(y, s**2, between)
    variance = found.variance
    if interval == "hartung-knapp":
        variance *= found.q / (len(y) - 1)
    weights = found.weights / found.weights.sum()
    for own in (y, s, weights):
        own.setflags(write=False)
    fixed = weighted_mean(y, s**2).q
    return MetaAnalysis(
        names, cohorts, y, s, weights, found.mean, float(np.sqrt(variance)), between, fixed, method, interval,
        conf_level, scale,
    )  # fmt: skip


def read_estimates(
    table: pd.DataFrame, estimate: str, std_error: str, cohort: str, study: str | None
) -> tuple[tuple[str, ...], tuple[str, ...], Floats, Floats]:
    """Names, cohorts, estimates and standard errors of the rows, checked."""
    if not isinstance(table, pd.DataFrame):
        raise ColumnError("the estimates are no table", next_step="Give a DataFrame with one row a study.")
    wanted = [estimate, std_error, cohort, *([study] if study is not None else [])]
    absent = [name for name in wanted if name not in table]
    if absent:
        raise ColumnError(f"no column is called {', '.join(map(repr, absent))}", next_step="Name the columns as they are.")
    if len(table) < 2:
        raise InputError(
            "fewer than two estimates: there is nothing to pool", count=len(table), next_step="Report it alone."
        )
    y, s = (pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float).copy() for name in (estimate, std_error))
    refuse(~np.isfinite(y), "estimates are no numbers", "Leave these studies out and say so.")
    refuse(~(np.isfinite(s) & (s > 0)), "standard errors are no numbers above 0", "Leave these studies out and say so.")
    whose = table[cohort].astype("string").str.strip()
    unnamed = (whose.isna() | (whose == "")).to_numpy(dtype=bool)
    refuse(unnamed, "estimates say of no cohort that it is theirs", "Name the cohort: patients may not count twice.")
    twice = whose.duplicated(keep=False).to_numpy(dtype=bool)
    refuse(twice, "several estimates are of one cohort", "Keep one estimate of each cohort: its patients count once.")
    cohorts = tuple(str(name) for name in whose)
    names = cohorts if study is None else tuple(str(name) for name in table[study])
    return names, cohorts, y, s
