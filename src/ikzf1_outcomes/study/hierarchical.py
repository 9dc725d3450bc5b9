"""The patients and the model of the `[hierarchical]` part, and the numbers of its section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.curves.incidence import cumulative_incidence
from ikzf1_outcomes.curves.survival import kaplan_meier
from ikzf1_outcomes.endpoint import Endpoint, make_endpoint
from ikzf1_outcomes.errors import InputError, StudyError
from ikzf1_outcomes.models.bayes.pooled_and_raw import compared, shrinkage
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.priors import Priors
from ikzf1_outcomes.models.bayes.reduction import OTHER, reduce_endpoint
from ikzf1_outcomes.models.bayes.sampling import sample
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec, hierarchical_spec
from ikzf1_outcomes.results import Settings
from ikzf1_outcomes.study.checks import nearest
from ikzf1_outcomes.study.hierarchical_plan import PART, HierarchicalPlan
from ikzf1_outcomes.timeline import entries, landmark

FACTORS = (0.5, 1.0, 2.0)
"""How much wider than the priors of the page those of the sensitivity analysis are."""
FIRST_CHOICE = "RELAPSE"
POOLED = "hierarchical"
SENSITIVITY = (
    "factor", "contrast", "measure", "cause", "time", "estimate", "low", "high", "conf_level", "interval", "scale",
    "p_above", "prior_p_above", "reason", "source", "note",
)  # fmt: skip
SPREADS = ("class", "subtype", "cell", "protocol")
"""Effects whose prior is one of their spread."""


Fits = Callable[..., Posterior]
"""From the width of the priors, and a bound of the hazard or other priors where there are any, to the posterior."""


class Asked(NamedTuple):
    """What is modelled: the endpoint with the landmark for its time 0, and who was left out before it."""

    name: str
    endpoint: Endpoint
    causes: tuple[str, ...]
    n_before: int
    """Rows that end before the landmark."""
    landmark: float

    @property
    def interest(self) -> str:
        """The cause that the page speaks of."""
        return self.causes[0]


def asked_of(plan: HierarchicalPlan, endpoints: Mapping[str, Endpoint]) -> Asked:
    """The endpoint that is modelled: RELAPSE where there is one, else the first with competing causes.

    Raises
    ------
    StudyError
        There is none; nobody is left after the landmark.
    """
    competing = [name for name, endpoint in endpoints.items() if endpoint.interest is not None]
    if not competing:
        raise StudyError(f"{PART} needs an endpoint with competing causes", next_step="Add [endpoints.RELAPSE].")
    name = FIRST_CHOICE if FIRST_CHOICE in competing else competing[0]
    whole = endpoints[name]
    try:
        late = landmark(whole, plan.landmark)
    except InputError as failure:
        raise StudyError(f"{PART} landmark: {failure.problem}", next_step=failure.next_step) from None
    interest = str(whole.interest)
    place = late.causes.index(interest) + 1
    others = ((late.cause > 0) & (late.cause != place)).any()
    causes = (interest, OTHER) if others else (interest,)
    return Asked(name, counted_from(late, plan.landmark), causes, len(whole) - len(late), plan.landmark)


def counted_from(endpoint: Endpoint, at: float) -> Endpoint:
    """The endpoint with time counted from its landmark.

    Nobody is followed before it: on the old clock the model would fill the time from 0 with its prior, and its risks would
    not be those of patients who are event-free at the landmark, as the curves beside them are.
    """
    late = entries(endpoint) - at
    moved = make_endpoint(
        endpoint.frame,
        endpoint.time - at,
        np.maximum(endpoint.cause, 0),
        endpoint.causes,
        entry=late if (late > 0).any() else None,
        weights=endpoint.weights,
        subject=endpoint.subject,
    )
    labels = ("name", "time_unit", "interest", "policy", "notes", "n_excluded", "known_at", "start")
    return replace(moved, origin=f"the landmark at {at:g} years", **{label: getattr(endpoint, label) for label in labels})


def spec_of(
    plan: HierarchicalPlan,
    asked: Asked,
    horizon: float,
    factor: float = 1.0,
    bound: float | None = None,
    priors: Priors | None = None,
) -> HierarchicalSpec:
    """The model, its priors, or the defaults, `factor` times as wide; horizon and bound count from the origin."""
    base = Priors() if priors is None else priors
    return hierarchical_spec(
        classes=plan.classes,
        undeleted=plan.undeleted,
        subtype=plan.subtype or None,
        protocol=plan.protocol or None,
        covariates=plan.covariates or None,
        alterations=plan.alterations,
        causes=asked.causes,
        horizon=horizon - asked.landmark,
        bound=None if bound is None else bound - asked.landmark,
        priors=base if factor == 1.0 else base.widened(factor),
    )


def check_columns(plan: HierarchicalPlan, columns: list[str]) -> None:
    """Refuse columns that the cohort does not have."""
    for key, names in plan.columns.items():
        for name in names:
            if name not in columns:
                raise StudyError(f"{PART} {key}: the cohort has no column {name!r}", next_step=nearest(name, columns))


def check_hierarchical(plan: HierarchicalPlan, endpoints: Mapping[str, Endpoint], horizon: float) -> None:
    """Refuse what could not be modelled, before anything is computed."""
    asked = asked_of(plan, endpoints)
    if plan.landmark >= horizon:
        raise StudyError(f"{PART} landmark: it lies at or after the horizon", next_step="0.1 is usual: after induction.")
    there = [str(level) for level in asked.endpoint.frame[plan.classes].dropna().unique()]
    if not set(plan.undeleted) & set(there):
        raise StudyError(
            f"{PART} undeleted: nobody has a class {' or '.join(map(repr, plan.undeleted))}",
            next_step=nearest(plan.undeleted[0], there),
        )
    try:
        reduce_endpoint(asked.endpoint, spec_of(plan, asked, horizon))
    except InputError as failure:
        raise StudyError(f"{PART} {asked.name}: {failure.problem}", next_step=failure.next_step) from None


def fits_of(plan: HierarchicalPlan, asked: Asked, horizon: float) -> Fits:
    """The posterior for priors of a width, and a bound of the hazard, sampled when it is first asked for."""

    @cache
    def fit(factor: float, bound: float | None = None, priors: Priors | None = None) -> Posterior:
        return sample(asked.endpoint, spec_of(plan, asked, horizon, factor, bound, priors), seed=plan.seed)

    return fit


def effect_rows(posterior: Posterior, conf_level: float) -> pd.DataFrame:
    """Effects of any deletion and of the classes by all methods, then everything else that was sampled."""
    pooled = posterior.tidy(conf_level=conf_level).assign(method=POOLED)
    chances = ["p_above_1", "prior_p_above_1"]
    keys = ["term", "contrast", "cause", "method"]
    side = shrinkage(posterior, conf_level=conf_level).merge(pooled[[*keys, *chances]], on=keys, how="left")
    rest = pooled[~pooled["term"].isin(["deletion", "class"])]
    return pd.concat([side, rest[side.columns]], ignore_index=True)


def risk_rows(posterior: Posterior, asked: Asked, settings: Settings) -> pd.DataFrame:
    """Event-free survival and incidences at the horizon: of the model, and by Kaplan-Meier and Aalen-Johansen."""
    at, level = settings.horizon - asked.landmark, settings.conf_level
    tables = [posterior.curves(at, conf_level=level).assign(method=POOLED)]
    same = compared(posterior)
    for variable in ("deletion", "class"):
        alive = kaplan_meier(
            same, variable, conf_type=settings.conf_type, conf_level=level, std_error=settings.std_error
        ).tidy([at])
        failed = cumulative_incidence(same, variable, conf_type=settings.conf_type, conf_level=level).tidy([at])
        tables += [
            alive.assign(method="Kaplan-Meier", measure="event-free survival", cause="any"),
            failed.assign(method="Aalen-Johansen", measure="cumulative incidence"),
        ]
    columns = ["group", "measure", "cause", "method", "time", "n_risk", "estimate", "low", "high", "conf_level"]
    columns += ["interval", "scale", "note"]
    table = pd.concat([part.reindex(columns=columns).astype({"group": str}) for part in tables], ignore_index=True)
    table = table.drop_duplicates(["group", "measure", "cause", "method"], ignore_index=True)
    return table.assign(time=settings.horizon)


def difference_rows(posterior: Posterior, asked: Asked, at: float, conf_level: float) -> pd.DataFrame:
    """Differences between each class, or any deletion, and no deletion; means and times lost count from the landmark."""
    return posterior.contrasts(at - asked.landmark, conf_level=conf_level).assign(time=at)


def sensitivity_rows(fits: Fits, asked: Asked, at: float, conf_level: float) -> pd.DataFrame:
    """The effect of any deletion, and the difference in risk, with priors of several widths."""
    tables = [under_priors(fits(factor), asked, at, conf_level).assign(factor=factor) for factor in FACTORS]
    return pd.concat(tables, ignore_index=True).assign(reason="", source="")[list(SENSITIVITY)]


def under_priors(posterior: Posterior, asked: Asked, at: float, conf_level: float) -> pd.DataFrame:
    """The effect of any deletion, and the difference in risk, of one model."""
    interest = posterior.causes[0]
    lost = "; ".join(f"not converged: {reason}" for own in posterior.sampled for reason in own.lost)
    effects = posterior.tidy(conf_level=conf_level)
    effects = effects[(effects["term"] == "deletion") & (effects["cause"] == interest)]
    risks = difference_rows(posterior, asked, at, conf_level)
    # the first contrast is that of any deletion
    risks = risks[(risks["measure"] == "cumulative incidence") & (risks["cause"] == interest)].iloc[:1]
    chances = {"p_above": effects["p_above_1"], "prior_p_above": effects["prior_p_above_1"]}
    ratio = effects.assign(measure="hazard ratio", **chances)
    risk = risks.assign(p_above=risks["p_above_0"], prior_p_above=np.nan)
    return pd.concat([ratio, risk], ignore_index=True).assign(note=lost)


def diagnostic_rows(posterior: Posterior) -> pd.DataFrame:
    """How each cause was sampled, and what the gate found; without the time it took, which is never the same."""
    table = posterior.glance().drop(columns="seconds")
    return table.assign(failed=["; ".join(own.lost) for own in posterior.sampled])


def prior_rows(posterior: Posterior) -> pd.DataFrame:
    """The priors that the model has, of all that there are."""
    table = posterior.reduced.spec.priors.tidy()
    terms = [labelled.term for labelled in posterior.reduced.models[0].effects]
    has = {"level", *(f"{term}_spread" if term in SPREADS else term for term in terms)}
    has |= {"drift"} if len(posterior.reduced.models[0].baseline.step) else set()
    # `scale` says in which unit a number is, in all other rows of the page
    table = table.rename(columns={"location": "prior_location", "scale": "prior_scale"})
    return table[table["term"].isin(has)].reset_index(drop=True)
