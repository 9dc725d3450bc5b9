"""What a hierarchical model is made of, before any data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ikzf1_outcomes.endpoint import label
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.models.bayes.choices import (
    check_likelihood,
    check_roles,
    check_times,
    check_trials,
    check_words,
    checked_induction,
    checked_pathways,
    listed,
)  # fmt: skip
from ikzf1_outcomes.models.bayes.patterns import checked_cuts
from ikzf1_outcomes.models.bayes.priors import Priors

CUTS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)


@dataclass(frozen=True, slots=True)
class HierarchicalSpec:
    """A hierarchical model of the hazards; made by `hierarchical_spec`."""

    classes: str
    undeleted: tuple[str, ...]
    subtype: str | None
    cells: bool
    protocol: str | None
    strata: str | None
    covariates: str | tuple[str, ...] | None
    alterations: tuple[str, ...]
    causes: tuple[str, ...] | None
    baseline: str
    cuts: tuple[float, ...]
    bound: float | None
    horizon: float
    changes_at: float | None
    pooling: str
    centring: str
    priors: Priors = field(repr=False)
    induction: tuple[str, ...] | None = None
    induction_until: float | None = None
    alterations_prior: str = "normal"
    features: tuple[str, ...] = ()
    pathways: tuple[tuple[str, tuple[str, ...]], ...] = ()
    cure: bool = False
    effects_by: str | None = None


def hierarchical_spec(
    *,
    classes: str = "ikzf1_class",
    undeleted: str | float | Iterable[Any] = ("none", "gain"),
    subtype: str | None = None,
    cells: bool = True,
    protocol: str | None = None,
    strata: str | None = None,
    covariates: str | Sequence[str] | None = None,
    alterations: Sequence[str] = (),
    causes: str | Sequence[str] | None = None,
    baseline: str = "piecewise",
    cuts: Iterable[float] = CUTS,
    bound: float | None = None,
    horizon: float = 5.0,
    changes_at: float | None = None,
    pooling: str = "zero-sum",
    centring: str = "auto",
    priors: Priors | None = None,
    induction: str | Sequence[str] | None = None,
    induction_until: float | None = None,
    alterations_prior: str = "normal",
    features: Sequence[str] = (),
    pathways: Mapping[str, Sequence[str]] | None = None,
    cure: bool = False,
    effects_by: str | None = None,
) -> HierarchicalSpec:
    r"""Describe a hierarchical model of cause-specific hazards.

    For each cause, with class c, subtype s, protocol r and covariates x of a patient,

    .. math:: h(t) = h_0(t) \exp\big( [c\ \text{deleted}] (\mu + u_c + w_{cs}) + v_s + p_r + x'b \big)

    u, v and p have normal priors with standard deviations of their own, which are estimated: effects are drawn towards
    each other as far as the data do not tell them apart. The baseline hazard is anchored: the prior is on its logarithm
    summed up to `horizon`, and a random walk shapes it.

    With `cure`, a mixture cure model of each cause: h0 belongs to those who will have the event if they live long enough,
    whoever they are, and the effects are on their share p,

    .. math:: S_k(t) = 1 - p + p\, S_u(t), \quad
        \log\frac{p}{1 - p} = a + [c\ \text{deleted}] (\mu + u_c + w_{cs}) + v_s + p_r + x'b

    so that they are log odds ratios of not being cured *of this cause*. A patient cured of relapse may die in remission: no
    row speaks of cure as a patient.

    With `effects_by`, the effects of the deletion and of its classes deviate in each trial r,

    .. math:: [c\ \text{deleted}] (\mu + d_r + u_c + e_{cr} + w_{cs}), \quad
        d_r \sim N(0, \sigma_d^2), \quad e_{cr} \sim N(0, \sigma_e^2)

    with both standard deviations estimated: trials share what they have in common, and only that.

    Parameters
    ----------
    classes
        Column of the IKZF1 class.
    undeleted
        Level or levels without a deletion: the comparison. All others are deleted classes.
    subtype
        Column of the cytogenetic subtype; None leaves it out.
    cells
        Whether the effect of a class may differ between subtypes.
    protocol
        Column of the protocol, whose effects are pooled.
    strata
        Column, such as the trial, whose levels have baseline hazards of their own.
    covariates
        Formula or columns; entered per standard deviation, from the mean.
    alterations
        Columns of other copy-number alterations.
    causes
        Cause or causes with a model of their own; None takes all of the endpoint, "any" takes all as one event, "other"
        beside names takes all that are not named as one.
    baseline
        "piecewise": constant within the intervals that `cuts` part, the last without end. "spline": cubic, with `cuts` for
        inner knots. "weibull": cumulative hazard e^level (t / horizon)^shape, which goes on for ever: without cure it can
        make no plateau.
    cuts
        In years. A Weibull has none.
    bound
        Time after which the baseline hazard is 0: that assumes cure. None assumes none; a spline then goes on as it is at
        the last cut.
    horizon
        Where the prior of the level is anchored, in years: it is on the cumulative hazard from the first time at which
        somebody is followed, such as a landmark, up to here; of a Weibull and of the uncured from time 0.
    changes_at
        Time at which the effects of the deletion and of its classes may change; None holds them constant.
    pooling
        "zero-sum": mu is the equal-weight mean of these very classes. "superpopulation": the mean of all classes that could
        have been; needed to speak of a new class or protocol.
    centring
        How pooled effects are sampled; "auto" decides by events per effect. The model does not depend on it.
    priors
        None takes those of `Priors()`.
    induction
        Cause or causes that are failures of induction, as ("non-response", "induction death"): whether they come is a
        logistic model with the same effects, and the hazards are those of patients who came through. None: no such part.
    induction_until
        Where the hazards then begin, in years; None takes the latest failure of induction.
    alterations_prior
        "normal": independent effects. "r2d2": a prior on the share of the variance that all alterations explain together,
        dealt out among them.
    features
        Many numeric columns, such as peptides or pathway scores, of which few are thought to matter; entered per standard
        deviation, from the mean, with a regularised horseshoe. There may be more than patients.
    pathways
        Name to features that shrink together; a feature is in one at most, and those in none are a group of their own.
    cure
        Mixture cure, with baseline "weibull" or "piecewise" for the uncured; the last interval has no end.
    effects_by
        "protocol" or "strata": the effects of the deletion and of its classes may differ between the levels of that column,
        such as trials; "strata" where trials have baseline hazards of their own. None: effects are the same everywhere.

    Returns
    -------
    HierarchicalSpec
        Frozen; `hierarchical_model` and `sample` take it.

    Raises
    ------
    InputError
        Choices that do not exist, cuts that do not ascend from above 0, a horizon, bound or change that is not above 0, a
        bound before the last cut; R2D2 without alterations; pathways without features, with none, with unknown ones or with
        those of another; a failure of induction that is among the causes of the hazards; a Weibull hazard, or cure, with a
        bound or with effects that change; cuts of a Weibull; cure beside a spline or beside failures of induction;
        effects by a role that has no column.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> iko.hierarchical_spec(subtype="cytogenetic_subtype", covariates="age + log(wbc)", causes="relapse").causes
    ('relapse',)
    """
    check_words(baseline=baseline, pooling=pooling, centring=centring, alterations_prior=alterations_prior)
    edges = tuple(checked_cuts(cuts).tolist())
    check_times(edges, baseline=baseline, horizon=horizon, bound=bound, change=changes_at)
    check_likelihood(baseline, bool(cure), edges not in ((), CUTS), bound, changes_at, induction is not None)
    if priors is not None and not isinstance(priors, Priors):
        raise InputError("priors are no Priors", next_step="As in iko.Priors(deletion=iko.Prior(...)).")
    if covariates is not None and not isinstance(covariates, str | Sequence):
        raise InputError("covariates are no formula and no columns", next_step='As in "age + log(wbc)".')
    calls, many = listed(alterations, "alterations"), listed(features, "features")
    single = {"classes": classes, "subtype": subtype, "protocol": protocol, "strata": strata}
    check_roles(single, (*calls, *many))
    check_trials(effects_by, single)
    if alterations_prior == "r2d2" and not calls:
        raise InputError("there are no alterations to share out", next_step="Name some, or take normal priors.")
    asked = None if causes is None else listed(causes, "causes")
    failures = checked_induction(induction, induction_until, asked or ())
    without = [undeleted] if isinstance(undeleted, str) or not isinstance(undeleted, Iterable) else undeleted
    of_names = covariates if covariates is None or isinstance(covariates, str) else tuple(covariates)
    return HierarchicalSpec(
        classes=classes,
        undeleted=tuple(label(level) for level in without),
        subtype=subtype,
        cells=bool(cells and subtype),
        protocol=protocol,
        strata=strata,
        covariates=of_names,
        alterations=calls,
        causes=asked,
        baseline=baseline,
        cuts=() if baseline == "weibull" else edges,
        bound=bound,
        horizon=float(horizon),
        changes_at=changes_at,
        pooling=pooling,
        centring=centring,
        priors=Priors() if priors is None else priors,
        alterations_prior=alterations_prior,
        features=many,
        pathways=checked_pathways(pathways, many),
        induction=failures,
        induction_until=None if induction_until is None else float(induction_until),
        cure=bool(cure),
        effects_by=effects_by,
    )
