"""The page's model with a prior from published evidence, where enough was published for one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.evidence.from_curves import CAUSES
from ikzf1_outcomes.evidence.published_table import published_outcomes
from ikzf1_outcomes.evidence.study_effects import published_effects
from ikzf1_outcomes.models.bayes.priors import Priors
from ikzf1_outcomes.models.bayes.published import published_priors
from ikzf1_outcomes.report.hierarchical import DELETED, NOT_POSSIBLE, UNDELETED
from ikzf1_outcomes.study.hierarchical import SENSITIVITY, Asked, Fits, under_priors
from ikzf1_outcomes.study.hierarchical_plan import HierarchicalPlan

EVIDENCE = "published evidence"


def evidence_rows(fits: Fits, plan: HierarchicalPlan, asked: Asked, horizon: float, conf_level: float) -> pd.DataFrame:
    """The effect of any deletion, and the difference in risk, with a prior from published evidence.

    Without a width: the other priors are those of the page. Evidence that makes no prior has rows that say why.
    """
    found = evidence_of(asked.interest)
    adjusts = bool(plan.subtype or plan.covariates or plan.alterations)
    try:
        priors = priors_from(found, asked.interest, adjusts)
    except InputError as failure:
        said = {"contrast": f"{DELETED} vs {UNDELETED}", "cause": asked.interest, "conf_level": conf_level}
        said |= {"note": f"{NOT_POSSIBLE}: {failure.problem} ({seen(found)})", "source": EVIDENCE}
        lines = [{"measure": "hazard ratio", "time": np.nan}, {"measure": "cumulative incidence", "time": horizon}]
        texts = dict.fromkeys(("interval", "scale", "reason"), "")
        return pd.DataFrame([line | texts | said for line in lines]).reindex(columns=list(SENSITIVITY))
    own = priors.of_cause(asked.interest).deletion
    rows = under_priors(fits(1.0, priors=priors), asked, horizon, conf_level)
    return rows.assign(factor=np.nan, reason=own.reason, source=own.source)[list(SENSITIVITY)]


def evidence_of(cause: str) -> pd.DataFrame:
    """Estimates of any deletion on a cause whose figures were seen in their source; none for a cause nobody reports."""
    table = published_outcomes()
    found = published_effects(table if cause in CAUSES else table.iloc[:0], cause=cause if cause in CAUSES else "any")
    return found[found["verified"] & found["estimate"].notna() & (found["deletion"] == "any")]


def priors_from(found: pd.DataFrame, cause: str, adjusts: bool) -> Priors:
    """The priors of the page, but for the effect of a deletion on one cause.

    Raises
    ------
    InputError
        The evidence makes no prior.
    """
    # a crude ratio beside adjusted ones is no reason to do without these
    fit = found[found["adjustment"] != "crude"] if adjusts else found
    return published_priors(evidence=fit, cause=cause, adjusted=adjusts)


def seen(found: pd.DataFrame) -> str:
    """What there is of any deletion, counted by cohort."""
    crude = found.loc[found["adjustment"] == "crude", "cohort_id"].nunique()
    rest = found.loc[found["adjustment"] != "crude", "cohort_id"].nunique()
    return f"cohorts with figures seen in their source: {crude} crude, {rest} adjusted or matched"
