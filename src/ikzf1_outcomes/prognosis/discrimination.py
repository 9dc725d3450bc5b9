"""Does a higher score mean an earlier event? Harrell's, Uno's and Wolbers' concordance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.comparisons import two_sided
from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import Columns, Endpoint, frozen
from ikzf1_outcomes.endpoint.value import CONTINUES
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.kernels.inverse_censoring import censoring_curves
from ikzf1_outcomes.kernels.pairs import Pairs, count_pairs, share_concordant
from ikzf1_outcomes.kernels.partial import lay_out
from ikzf1_outcomes.kernels.risk import Floats, Integers, snap
from ikzf1_outcomes.kernels.rival_pairs import count_rival_pairs
from ikzf1_outcomes.prognosis.horizons import refuse_rows

WEIGHTINGS = {"harrell": "Harrell's concordance", "uno": "Uno's concordance", "wolbers": "Wolbers' concordance"}
NO_PAIR = "not estimable: no event can be compared with anybody"
CENSORED_CAUSES = "the other causes count as censored"
NO_HORIZON = "no horizon: the weights of late events have no bound"
COMPETING = "those who had another event are compared with all later events"


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class ConcordanceResult:
    """Concordance of one score, or of two and their difference; made by `concordance`."""

    names: tuple[str, ...]
    estimate: Floats
    """Concordance of each score (k)."""
    covariance: Floats
    """Of the estimates (k, k)."""
    counts: Floats
    """Pairs of each score: concordant, discordant, tied score, tied time, tied in both; weighted (k, 5)."""
    method: str
    cause: str
    tau: float
    n: float
    n_event: int
    n_excluded: int
    conf_level: float
    note: str

    def __repr__(self) -> str:
        return f"ConcordanceResult({self.method} of {', '.join(self.names)}: n = {self.n:g}, {self.n_event} events)"

    def tidy(self) -> pd.DataFrame:
        """One row a score; of two scores a third row, the second less the first.

        Returns
        -------
        DataFrame
            term, contrast, cause, n, n_event, estimate, std_error, low, high, conf_level, interval, scale, statistic,
            p_value, method, note. Statistic and p-value are those of the difference.
        """
        terms, contrasts = list(self.names), [""] * len(self.names)
        estimate, variance = self.estimate, np.diag(self.covariance)
        statistic = np.full(len(terms), np.nan)
        if len(terms) == 2:
            terms.append("difference")
            contrasts.append(f"{self.names[1]} vs {self.names[0]}")
            turn = np.array([-1.0, 1.0])
            estimate = np.r_[estimate, turn @ estimate]
            variance = np.r_[variance, max(float(turn @ self.covariance @ turn), 0.0)]
            with np.errstate(divide="ignore", invalid="ignore"):
                statistic = np.r_[statistic, estimate[2] / np.sqrt(variance[2])]
        error = np.sqrt(variance)
        half = normal_quantile(self.conf_level) * error
        return pd.DataFrame(
            {
                "term": terms, "contrast": contrasts, "cause": self.cause, "n": self.n, "n_event": self.n_event,
                "estimate": estimate, "std_error": error, "low": estimate - half, "high": estimate + half,
                "conf_level": self.conf_level, "interval": "wald", "scale": "probability", "statistic": statistic,
                "p_value": two_sided(statistic), "method": self.method, "note": self.note,
            }
        )  # fmt: skip

    def glance(self) -> pd.DataFrame:
        """One row a score: term, method, cause, tau, n, n_event, n_excluded, concordant, discordant, tied_score, tied_time,
        tied_both (weighted pairs), note.
        """
        table = pd.DataFrame({"term": self.names, "method": self.method, "cause": self.cause, "tau": self.tau})
        table["n"], table["n_event"], table["n_excluded"] = self.n, self.n_event, self.n_excluded
        kinds = ("concordant", "discordant", "tied_score", "tied_time", "tied_both")
        table[list(kinds)] = self.counts
        return table.assign(note=self.note)

    def _repr_html_(self) -> str:
        return self.tidy().to_html(index=False)


def concordance(
    endpoint: Endpoint,
    score: Any,
    *,
    cause: str | None = None,
    weighting: str = "harrell",
    tau: float | None = None,
    strata: Columns | None = None,
    cluster: Columns | None = None,
    conf_level: float = 0.95,
) -> ConcordanceResult:
    r"""Probability that, of two patients, the one with the higher score has the earlier event.

    Estimand: P(score_i > score_j | T_i < T_j, T_i <= tau), ties of the score counting one half. Harrell's estimate takes
    all pairs that can be compared, and with censoring it depends on when patients were censored; Uno's weighs each pair by
    1 / G(t-)^2, with G the chance of not being censored, and does not, if censoring has nothing to do with score and time
    (Harrell 1982; Uno 2011; both recalled, not verified). Over the events i and the rows j compared with them,

    .. math:: C = \frac{\sum w_i w_j f_i \{[s_i > s_j] + \tfrac12 [s_i = s_j]\}}{\sum w_i w_j f_i}, \qquad
              f_i = 1 \text{ or } G(t_i-)^{-2}

    Wolbers' estimate is for the incidence of one cause: whoever had another event will never have this one, and so is
    compared with all events, also those after it (Wolbers et al. 2009; weights as in Wolbers et al. 2014; both recalled,
    not verified). Such a pair, of an event at t and another event at u < t, is weighted by 1 / {G(t-) G(u-)}; all others as
    Uno's. G counts no event as censored, and with one cause the estimate is Uno's.

    Standard error: the infinitesimal jackknife, the root of the sum over patients (or clusters) of (w dC/dw)^2, with G held
    fixed. Equal to R's `concordance(reverse = TRUE)` with `timewt` "n" and "n/G2", `ymax = tau`.

    Edge rules. Compared with an event at t are rows with entry < t that end later, or that are censored at t: events come
    before censorings of the same time. Two events of one time are no pair. Events after `tau` do not count as events; their
    rows stay comparable with earlier events. G is a Kaplan-Meier curve of censoring in each stratum, at t-, where tied
    events have left before the censored; rows that another row of the patient takes up are not censored. Pairs are formed
    within strata only. Rows of one patient are one cluster.

    Parameters
    ----------
    endpoint
        Times and causes.
    score
        Name of a column of numbers, or one number a row (n); a list of two compares them on the rows where both are known.
        Higher means an earlier event.
    cause
        Name of a cause; the others count as censored, or with "wolbers" compete. None takes any cause as the event.
    weighting
        "harrell", "uno" or "wolbers".
    tau
        Horizon in the endpoint's unit, inclusive; None is the end of follow-up, which "wolbers" does not take.
    strata
        Column or columns within which patients are compared.
    cluster
        Column or columns of what belongs together, for the standard error.
    conf_level
        Level of the intervals, which are estimate -+ z SE.

    Returns
    -------
    ConcordanceResult
        `.tidy()`: term, contrast, cause, n, n_event, estimate, std_error, low, high, conf_level, interval, scale,
        statistic, p_value, method, note; of two scores also their paired difference. `.glance()`: the pairs behind each.

    Raises
    ------
    ColumnError, InputError
        Unknown column, cause or weighting; a score that is no number or of another length; no row with a score; a censoring
        curve that reaches 0 before an event.

    Notes
    -----
    Rows with a missing score, stratum or cluster are left out and counted.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes import concordance
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0], "s": [1, 1, 0, 1], "risk": [3.0, 1.0, 1.0, 2.0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> concordance(endpoint, "risk").tidy()["estimate"].tolist()
    [0.7]
    """
    normal_quantile(conf_level)
    if weighting not in WEIGHTINGS:
        raise InputError("there is no such weighting", next_step=f"Use {' or '.join(WEIGHTINGS)}.")
    names, scores = scores_of(endpoint, score)
    stratum, clusters = endpoint.groups(strata).codes, cluster_of(endpoint, cluster)
    keep = ~np.isnan(scores).any(axis=1) & (stratum >= 0) & (clusters >= 0)
    if cluster is not None and len(np.unique(clusters[keep])) < 2:
        raise InputError("only one cluster among the rows analysed", next_step="Leave `cluster` out.")
    if not keep.any():
        raise InputError("no row has a score", count=len(keep), next_step="Check the column of the score.")
    happened = endpoint.ends_with(cause)
    horizon = np.inf if tau is None else horizon_of(endpoint, tau)
    event = happened & (endpoint.time <= horizon)
    codes = np.unique(stratum[keep], return_inverse=True)[1]
    competing = weighting == "wolbers"
    rival = (endpoint.cause > 0) & ~happened & competing
    if competing:
        check_competing(endpoint, cause, tau)
    chance = np.ones(int(keep.sum()))
    if weighting != "harrell":
        needed = event | (rival & (endpoint.time < horizon))
        chance = censoring_survival(endpoint, happened | rival, keep, codes, needed)
    layout = lay_out(
        endpoint.rows, event[keep], endpoint.case_weights[keep], np.empty((len(chance), 0)), keep=keep, strata=codes
    )
    pairs = [count_pairs(layout, scores[keep, k], 1.0 / chance**2) for k in range(len(names))]
    if competing:
        later = [count_rival_pairs(layout, scores[keep, k], rival[keep], 1.0 / chance) for k in range(len(names))]
        pairs = [Pairs(a.counts + b.counts, a.share + b.share) for a, b in zip(pairs, later, strict=True)]
    estimate, influence = zip(*(share_concordant(found, endpoint.case_weights[keep]) for found in pairs), strict=True)
    total = np.zeros((int(clusters.max()) + 1, len(names)))
    np.add.at(total, clusters[keep], np.column_stack(influence))
    n_event = int((event & keep).sum())
    notes = [NO_PAIR] * bool(np.isnan(estimate).any())
    notes += [NO_HORIZON] * (weighting == "uno" and tau is None)
    if cause and len(endpoint.causes) > 1:
        notes.append(COMPETING if competing else CENSORED_CAUSES)
    return ConcordanceResult(
        names, frozen(np.array(estimate)), frozen(total.T @ total), frozen(np.array([found.counts for found in pairs])),
        WEIGHTINGS[weighting], cause or "any", float(horizon), endpoint.patients(keep), n_event, int((~keep).sum()),
        conf_level, "; ".join(notes),
    )  # fmt: skip


def scores_of(endpoint: Endpoint, score: Any) -> tuple[tuple[str, ...], Floats]:
    """Names of the scores and their values (n, k); a score that is not known is NaN."""
    given, unnamed = [score], ["score"]
    pair = isinstance(score, Sequence) and not isinstance(score, str) and len(score) == 2
    # two numbers are one score of two rows
    if pair and any(isinstance(part, str) or np.ndim(part) > 0 for part in score):
        given, unnamed = list(score), ["first score", "second score"]
    names = [part if isinstance(part, str) else name for part, name in zip(given, unnamed, strict=True)]
    if len(set(names)) < len(names):
        raise InputError("a score is compared with itself", next_step="Name two different columns.")
    values = np.column_stack([numbers_of(endpoint, part) for part in given])
    return tuple(names), values


def numbers_of(endpoint: Endpoint, score: Any) -> Floats:
    """One score as floats (n)."""
    column = endpoint.column(score) if isinstance(score, str) else pd.Series(score)
    try:
        values = np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError):
        raise InputError("the score is no number", next_step="Give a column of numbers: higher is earlier.") from None
    if len(values) != len(endpoint):
        raise InputError(f"{len(values)} scores for {len(endpoint)} rows", next_step="Give one number for each row.")
    return values


def cluster_of(endpoint: Endpoint, cluster: Columns | None) -> Integers:
    """What belongs together for the standard error: the named clusters, else the patients."""
    if cluster is not None:
        return endpoint.groups(cluster).codes
    return np.arange(len(endpoint)) if endpoint.subject is None else endpoint.subject


def horizon_of(endpoint: Endpoint, tau: float) -> float:
    """The horizon, moved onto a time that it is tied with."""
    if not (np.isfinite(tau) and tau >= 0):
        raise InputError("tau must be a number that is not negative", next_step="Leave it out for the end of follow-up.")
    return float(snap(np.array([float(tau)]), endpoint.rows.times)[0])


def check_competing(endpoint: Endpoint, cause: str | None, tau: float | None) -> None:
    """Refuse a competing-risks concordance without its cause or its horizon, or of rows that enter late."""
    if cause is None or tau is None:
        raise InputError(
            "Wolbers' concordance needs the name of a cause, and tau",
            next_step=f"The causes are {', '.join(endpoint.causes)}; tau is the time by which risks are predicted.",
        )
    refuse_rows(endpoint)


def censoring_survival(
    endpoint: Endpoint, happened: np.ndarray, keep: np.ndarray, codes: Integers, event: np.ndarray
) -> Floats:
    """G(t-) at the time of each kept row, from the censorings of its stratum; 1 where it is not needed."""
    status = np.where(happened, 1, np.where(endpoint.cause == CONTINUES, CONTINUES, 0)).astype(np.int32)
    group = np.full(len(keep), -1, dtype=np.int32)
    group[keep] = codes
    curves = censoring_curves(endpoint.rows, status, endpoint.case_weights, group, int(codes.max()) + 1)
    out = curves.before()[keep]
    needed = event[keep]
    if (out[needed] <= 0).any():
        raise InputError(
            "everybody is censored before an event",
            where=np.flatnonzero(keep)[needed & (out <= 0)] + 1,
            next_step="Use an earlier tau, or weighting='harrell'.",
        )
    return np.where(needed, out, 1.0)
