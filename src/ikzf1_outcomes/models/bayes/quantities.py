"""What a posterior speaks of: effects, spreads and levels, from what was sampled."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from ikzf1_outcomes.kernels.density_memory import NORMAL, POOLED, pack
from ikzf1_outcomes.kernels.hierarchical_density import effects, log_hazards
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.bayes.effects import BY_TRIAL, CLASS_BY_TRIAL
from ikzf1_outcomes.models.bayes.latencies import of_rows, terms_of_rows
from ikzf1_outcomes.models.bayes.reduction import CauseModel, Labelled, Reduced
from ikzf1_outcomes.models.bayes.shrinkage_priors import shrunk_spreads

LOG_HR = "log hazard ratio"
NOBODY = "nobody had it: the prior decides"
BEYOND = "beyond all follow-up: the prior decides"
ZERO_SUM_MEAN = "equal-weight mean of these classes"
SUPER_MEAN = "mean of all classes that could have been"
NOT_PATIENTS = "odds of not being cured of this cause, which is not cure as a patient"


BEHIND = {
    "class": ("class",), "cell": ("class", "cell"), BY_TRIAL: (BY_TRIAL,),
    CLASS_BY_TRIAL: ("class", BY_TRIAL, CLASS_BY_TRIAL),
}  # fmt: skip
"""Families whose deviations an effect adds to the mean of the deletion."""


FIRST = ("cell", BY_TRIAL, CLASS_BY_TRIAL)
"""Deviations that stay, of effects that may change: they are shown as in the first period."""


class Quantity(NamedTuple):
    """One number of a model, draw by draw."""

    term: str
    contrast: str
    values: Floats
    """(chains, draws)."""
    scale: str
    n: float
    n_event: float
    prior_above: float
    """Prior probability that it is above 0; NaN where that is no question."""
    note: str


class CauseDraws(NamedTuple):
    """What was sampled of one cause, in the model's own terms."""

    model: CauseModel
    effect: Floats
    """(chains, draws, columns)."""
    log_hazard: Floats
    """(chains, draws, strata, functions of the basis); of a Weibull level, or log median, and log shape."""
    position: Floats
    """As sampled (chains, draws, numbers)."""


def in_own_terms(model: CauseModel, position: Floats) -> CauseDraws:
    """Effects and log hazards of what was sampled (chains, draws, numbers)."""
    flat = position.reshape(-1, position.shape[-1])
    shape = position.shape[:2]
    if model.rows is not None:
        effect, hazard = terms_of_rows(model, flat)
        return CauseDraws(
            model, effect.reshape(*shape, effect.shape[1]), hazard.reshape(*shape, *hazard.shape[1:]), position
        )
    memory = pack(model.sums, model.baseline, model.families)
    effect, hazard = effects(memory, flat), log_hazards(memory, flat)
    return CauseDraws(model, effect.reshape(*shape, effect.shape[1]), hazard.reshape(*shape, *hazard.shape[1:]), position)


def quantities(reduced: Reduced, drawn: CauseDraws) -> list[Quantity]:
    """The effects of one cause in the order of the model, then its spreads, levels and drift."""
    own, weight = drawn.model, reduced.seen(drawn.model)
    groups = {group.term: group for block in reduced.patients.blocks for group in block}
    words = groups["class"].labels if "class" in groups else ()
    found: list[Quantity] = []
    by_term = {labelled.term: labelled for labelled in own.effects}
    for labelled in own.effects:
        columns = groups[labelled.term].columns
        note, above = note_of(labelled, reduced.spec.pooling, BY_TRIAL in by_term), prior_above(labelled, by_term)
        if reduced.spec.cure:
            note = "; ".join(filter(None, (note, NOT_PATIENTS)))
        for j, name in enumerate(labelled.labels):
            column = labelled.family.begin + j
            period, place = divmod(j, columns.shape[1])
            values = drawn.effect[..., column] + around(drawn, by_term, labelled.term, words, name, period)
            who, n, n_event = columns[:, place], float(weight.sum()), own.n_event
            if np.isin(who, (0.0, 1.0)).all():
                n, n_event = float(weight @ who), float(own.sums.event_sum[column])
            contrast, scale = contrast_of(labelled, name), scale_of_model(scale_of(labelled), reduced)
            if labelled.term in FIRST and reduced.spec.changes_at is not None and not own.binary:
                contrast = f"{contrast}, to {reduced.spec.changes_at:g} years"
            said = "; ".join(filter(None, (note, NOBODY * (labelled.term == BY_TRIAL and not n))))
            found.append(Quantity(labelled.term, contrast, values, scale, n, n_event, above, said))
    found += hyper(reduced, drawn)
    return [of_odds(part) for part in found] if own.binary else found


def of_odds(part: Quantity) -> Quantity:
    """A quantity of a logistic model, from one that bears the names of those of hazards."""
    if part.term == "level":
        return part._replace(scale="log odds", note="")
    return part._replace(scale=part.scale.replace("hazard ratio", "odds ratio"))


def around(
    drawn: CauseDraws, by_term: dict[str, Labelled], term: str, words: tuple[str, ...], name: str, period: int
) -> Floats | float:
    """What an effect deviates from, in the first period where it does not change itself; 0 of effects that stand alone."""
    mean = by_term["deletion"].family.begin
    if term == "class":
        return np.asarray(drawn.effect[..., mean + period])
    if term == BY_TRIAL:
        return np.asarray(drawn.effect[..., mean])
    if term not in ("cell", CLASS_BY_TRIAL):
        return 0.0
    word, level = name.split(" : ", 1)
    whole = of_class(drawn, by_term, words, word)
    if term == "cell":
        return whole
    trial = by_term[BY_TRIAL]
    return whole + drawn.effect[..., trial.family.begin + trial.labels.index(level)]


def of_class(drawn: CauseDraws, by_term: dict[str, Labelled], words: tuple[str, ...], word: str) -> Floats:
    """Effect of a class: the mean and its own; in the first period, where effects change."""
    total = drawn.effect[..., by_term["deletion"].family.begin]
    if "class" in by_term:
        total = total + drawn.effect[..., by_term["class"].family.begin + words.index(word)]
    return total


def contrast_of(labelled: Labelled, name: str) -> str:
    """What is compared with what."""
    if labelled.term in ("deletion", "class"):
        return f"{name} vs not deleted"
    if labelled.term in ("cell", CLASS_BY_TRIAL):
        own, level = name.split(" : ", 1)
        return f"{own} vs not deleted, in {level}"
    if labelled.term == BY_TRIAL:
        return f"any deletion vs not deleted, in {name}"
    if labelled.term in ("subtype", "protocol"):
        return f"{name} vs mean of {labelled.term}s"
    return name


def scale_of(labelled: Labelled) -> str:
    """Unit of an effect."""
    return LOG_HR + " per SD" * (labelled.term in ("covariate", "feature"))


def scale_of_model(scale: str, reduced: Reduced) -> str:
    """Odds ratios in place of hazard ratios, where the effects are on the share that is not cured."""
    return scale.replace("hazard ratio", "odds ratio") if reduced.spec.cure else scale


def note_of(labelled: Labelled, pooling: str, trials: bool = False) -> str:
    """What the mean of the classes, and of trials whose effects differ, is a mean of."""
    if labelled.term != "deletion":
        return ""
    note = ZERO_SUM_MEAN if pooling == "zero-sum" else SUPER_MEAN
    return note.replace("classes", "classes and trials") if trials else note


def prior_above(labelled: Labelled, by_term: dict[str, Labelled]) -> float:
    """Prior probability that an effect is above 0.

    A pooled effect is normal given its spread; over the half-normal of the spread the probability is averaged at 401 of its
    quantiles, or at 101 where three spreads are behind an effect.
    """
    mean = by_term["deletion"].family
    if labelled.family.kind == NORMAL:
        return float(stats.norm.sf(0.0, labelled.family.location[0], labelled.family.scale[0]))
    if labelled.term not in BEHIND:  # symmetric about 0, features and shared alterations among them
        return 0.5
    variance: Floats = np.array([float(mean.scale[0]) ** 2])
    behind = [by_term[term].family for term in BEHIND[labelled.term] if term in by_term]
    size = 401 if len(behind) < 3 else 101
    share = (np.arange(size) + 0.5) / size
    for family in behind:
        # spreads are independent: every quantile of the one with every of the other
        own = stats.halfnorm.ppf(share, scale=family.scale[0]) ** 2 * float((family.basis[0] ** 2).sum())
        variance = np.add.outer(variance, own).ravel()
    return float(stats.norm.sf(0.0, mean.location[0], np.sqrt(variance)).mean())


def hyper(reduced: Reduced, drawn: CauseDraws) -> list[Quantity]:
    """Spreads of the pooled effects, levels of the baselines and their drift."""
    own, base = drawn.model, drawn.model.baseline
    seen = reduced.seen(own)
    n, n_event = float(seen.sum()), own.n_event
    found = []
    for labelled in own.effects:
        at = own.places[labelled.term]
        if labelled.family.kind == POOLED:
            values = np.exp(drawn.position[..., at])
            scale = scale_of_model("SD of log hazard ratios", reduced)
            found.append(Quantity(f"{labelled.term} spread", "", values, scale, n, n_event, np.nan, ""))
        elif labelled.family.kind != NORMAL:
            position = drawn.position[..., at : at + labelled.family.n_free]
            parts = shrunk_spreads(labelled.family, labelled.prior, reduced.spec, position)
            parts = [part._replace(scale=scale_of_model(part.scale, reduced)) for part in parts]
            found += [Quantity(*part, n, n_event, np.nan, "") for part in parts]
    names = reduced.patients.strata if base.n_strata > 1 else ("",)
    for s, name in enumerate(names):
        # the clock of single patients runs from 0, also where they are followed from a landmark
        from_when = f"from {reduced.start:g} to" if reduced.start and own.rows is None else "at"
        scale = f"log cumulative hazard {from_when} {reduced.spec.horizon:g} years"
        who = float(seen[reduced.patients.stratum == s].sum())
        died = float(own.sums.event_count[s].sum())
        if own.rows is not None:
            for term, values, unit in of_rows(own, drawn.position, s):
                found.append(Quantity(term, name, values, unit, who, died, np.nan, ""))
        if reduced.spec.cure and reduced.spec.baseline == "weibull":
            continue
        note = BEYOND if reduced.spec.horizon > reduced.longest else ""
        term = "level of the uncured" if reduced.spec.cure else "level"
        found.append(Quantity(term, name, drawn.position[..., s], scale, who, died, np.nan, note))
    if len(base.step):
        values = np.exp(drawn.position[..., base.n_strata])
        found.append(Quantity("drift", "", values, "SD of the log hazard over a year", n, n_event, np.nan, ""))
    return found
