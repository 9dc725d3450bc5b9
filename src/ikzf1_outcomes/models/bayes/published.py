"""Priors from published evidence: what a new cohort's effect may be, given those that were reported."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ikzf1_outcomes.curves.intervals import normal_quantile
from ikzf1_outcomes.endpoint import refuse
from ikzf1_outcomes.errors import ColumnError, InputError
from ikzf1_outcomes.evidence.pooled_studies import NAMES, MetaAnalysis, meta_analysis
from ikzf1_outcomes.models.bayes.priors import LOG_HR, Prior, Priors, normal

ANY = "any"
ADJUSTMENTS = ("crude", "adjusted", "matched")
FEWEST = 3
BY_HAND = 'Give a prior by hand: iko.Priors().with_cause("relapse", deletion=iko.Prior(...)), with its reason.'


def published_priors(
    base: Priors | None = None,
    *,
    evidence: pd.DataFrame,
    cause: str,
    adjusted: bool,
    levels: pd.DataFrame | None = None,
    horizon: float = 5.0,
    unverified: bool = False,
    method: str = "reml",
) -> Priors:
    r"""Priors whose deletion effect, and level, for one cause are the predictions of a meta-analysis for a new cohort.

    Rule. The patients at hand are a new cohort, whose effect is not the mean of the published ones but one more of them:
    the prior is their predictive distribution, which has the variance between studies in it. By `meta_analysis` that is
    Student's t with k - 2 degrees of freedom around the mean, with :math:`\sqrt{1 / \sum w_i + \tau^2}`. The model's priors
    are normal; the normal with the same middle 95 % is taken:

    .. math:: N\Big(\hat\mu,\ \Big[\frac{t_{k-2,\,0.975}}{z_{0.975}}\Big]^2 \Big(\frac1{\sum w_i} + \tau^2\Big)\Big)

    It is wider than the t inside these 95 %, and has less beyond. With three studies the factor is 6.5, with five 1.6, with
    ten 1.2: few studies say little of how far studies differ. With fewer than three there is no predictive distribution.

    Assumptions. The prior is of the mean of the deleted classes with equal weight, the published effects are of the deleted
    as they come: alike where classes differ little. Hazards are proportional. What was published is not a selection: where
    only cohorts with an effect were, the prior is too far from 0. The level speaks of patients without a deletion whose
    other covariates are average, published curves of all without a deletion, whose log hazard is somewhat higher the more
    patients differ.

    Parameters
    ----------
    base
        The other priors; None takes `Priors()`.
    evidence
        One row a cohort, as `published_effects` gives them or by hand: study, cohort_id, cause, adjustment ("crude",
        "adjusted", "matched"), verified, estimate (log hazard ratio, deleted against not), std_error.
    cause
        The cause of the model that the priors are for, as the evidence names it; "any" for all as one event. Priors of
        other causes stay as they are.
    adjusted
        Whether the model has covariates or subtypes. Then crude estimates are refused: part of what they show is the
        company that deletions keep, which the model has beside them.
    levels
        One row a cohort: study, cohort_id, cause, time, verified, log_hazard (log cumulative hazard of the cause at `time`
        of patients without a deletion), log_hazard_error. None leaves the level of `base`.
    horizon
        Years at which the model anchors its level; the time of every row of `levels`.
    unverified
        Whether rows count whose figures were recalled, not seen in their source.
    method
        Of `meta_analysis`.

    Returns
    -------
    Priors
        `base` with a `deletion`, and where `levels` are given a level, for the cause alone. Reason and source name the
        studies, their number and the standard deviation between them.

    Raises
    ------
    ColumnError, InputError
        Columns that are not there; fewer than three studies; rows of another cause, crude ones for a model that adjusts,
        recalled ones, several of one cohort, levels at another time, estimates that are no numbers (row positions).

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> evidence = pd.DataFrame({
    ...     "study": ["Study A", "Study B", "Study C", "Study D"], "cohort_id": list("ABCD"), "cause": "relapse",
    ...     "adjustment": "adjusted", "verified": True, "estimate": [0.3, 0.9, 0.6, 0.7],
    ...     "std_error": [0.2, 0.3, 0.2, 0.25],
    ... })
    >>> priors = iko.published_priors(evidence=evidence, cause="relapse", adjusted=True)
    >>> own = priors.of_cause("relapse").deletion
    >>> round(own.location, 2), round(own.scale, 2)
    (0.57, 0.32)
    >>> priors.of_cause("other") == iko.Priors()
    True
    """
    base = Priors() if base is None else base
    if not isinstance(base, Priors):
        raise InputError("priors are no Priors", next_step="As in iko.Priors(deletion=iko.Prior(...)).")
    checked(evidence, ("study", "cohort_id", "cause", "adjustment", "verified", "estimate", "std_error"), cause, unverified)
    kind_of = evidence["adjustment"].astype(object)
    strange = ~kind_of.isin(ADJUSTMENTS).to_numpy(dtype=bool)
    refuse(strange, "rows do not say whether they are adjusted", f"Use {', '.join(ADJUSTMENTS)}.")
    crude = kind_of.eq("crude").to_numpy(dtype=bool)
    if adjusted:
        refuse(crude, "estimates are crude, and the model adjusts", "Take adjusted or matched ones, or a prior by hand.")
    pooled = meta_analysis(evidence, study="study", method=method)
    kinds = ", ".join(f"{int((kind_of == kind).sum())} {kind}" for kind in ADJUSTMENTS)
    deletion = predictive(pooled, evidence, LOG_HR, f"of a new cohort's log hazard ratio of {cause} ({kinds} estimates)")
    made = {"deletion": deletion}
    if levels is not None:
        checked(
            levels, ("study", "cohort_id", "cause", "verified", "time", "log_hazard", "log_hazard_error"), cause, unverified
        )
        late = ~np.isclose(pd.to_numeric(levels["time"], errors="coerce").to_numpy(dtype=float), horizon)
        refuse(late, "levels are at another time than the horizon", "A cumulative hazard is of its time: leave them out.")
        anchors = meta_analysis(
            levels, estimate="log_hazard", std_error="log_hazard_error", study="study", method=method,
            scale="log cumulative hazard",
        )  # fmt: skip
        unit, of = (
            "log cumulative hazard",
            f"of a new cohort's cumulative hazard of {cause} at {horizon:g} years, not deleted",
        )
        made["level_of_any" if cause == ANY else "level"] = predictive(anchors, levels, unit, of)
    return base.with_cause(cause, **made)


def predictive(pooled: MetaAnalysis, table: pd.DataFrame, unit: str, what: str) -> Prior:
    """The normal whose middle 95 % is the prediction interval."""
    scale = float(stdtrit(pooled.k - 2, 0.975)) / normal_quantile(0.95) * pooled.predictive_error
    recalled = int((~table["verified"].astype(bool)).sum())
    reason = f"95 % prediction {what}: {pooled.k} studies, between-study SD {pooled.tau:.2f}"
    source = f"published evidence, {NAMES[pooled.method]}: {', '.join(pooled.studies)}"
    return normal(
        pooled.mean, scale, unit=unit, reason=reason,
        source=source + (f"; recalled, not verified: {recalled} of {pooled.k}" if recalled else ""),
    )  # fmt: skip


def checked(table: pd.DataFrame, needed: tuple[str, ...], cause: str, unverified: bool) -> None:
    """Refuse evidence that is no table, is of other causes, was not seen in its source, or is too little."""
    absent = [name for name in needed if not isinstance(table, pd.DataFrame) or name not in table]
    if absent:
        raise ColumnError(
            f"no column is called {', '.join(map(repr, absent))}", next_step="As `published_effects` has them."
        )
    refuse(
        table["cause"].astype(object).ne(cause).to_numpy(dtype=bool),
        "rows are of another cause",
        "Leave them out: one cause at a time.",
    )
    if not table["verified"].isin([True, False]).all():
        raise InputError("rows do not say whether their figures were seen", next_step="Use True or False in `verified`.")
    if not unverified:
        recalled = ~table["verified"].to_numpy(dtype=bool)
        refuse(recalled, "figures were recalled, not seen in their source", "Verify them, or say unverified=True.")
    if len(table) < FEWEST:
        raise InputError(
            "fewer than three studies have no predictive distribution", count=len(table), next_step=BY_HAND,
        )  # fmt: skip
