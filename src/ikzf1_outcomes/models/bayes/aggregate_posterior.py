"""Hierarchical models of aggregates, and how far a released aggregate moves the posterior."""

from __future__ import annotations

from dataclasses import fields, replace
from numbers import Real
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, frozen, make_endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula.grammar import read_terms
from ikzf1_outcomes.kernels.risk import Floats
from ikzf1_outcomes.models.bayes.covariate_patterns import periods_of
from ikzf1_outcomes.models.bayes.patterns import Aggregate
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.reduction import Reduced, reduce_endpoint
from ikzf1_outcomes.models.bayes.sampler_settings import settings_of
from ikzf1_outcomes.models.bayes.sampling import Run, sampled_causes
from ikzf1_outcomes.models.bayes.specification import HierarchicalSpec

ROLES = (
    "classes", "undeleted", "subtype", "cells", "protocol", "strata", "covariates", "alterations", "causes", "baseline",
    "cuts", "bound", "horizon", "changes_at", "pooling", "centring", "priors", "effects_by",
)  # fmt: skip
"""What a description may say of a model that sums over patterns serve."""


class AggregatePosterior(Posterior):
    """Draws from the posterior of a hierarchical model of an aggregate; made by `sample_aggregate`.

    Its endpoint has a row a patient with the pattern of the patient, but times that stand for intervals only.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Aggregate{Posterior.__repr__(self)}"

    def check_rows(self) -> None:
        """Refuse questions to the rows of patients.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError("an aggregate has no times of patients", next_step="Ask the posterior of the patients.")

    def save(self, path: Any) -> NoReturn:
        """Refused: a file would be of no endpoint.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError("draws of an aggregate have no file", next_step="Keep the aggregate, and sample it anew.")


def sample_aggregate(
    aggregate: Aggregate,
    spec: HierarchicalSpec,
    *,
    seed: int,
    start: float = 0.0,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    target_accept: float = 0.9,
    cores: int | None = None,
    progress: bool = False,
) -> AggregatePosterior:
    """Sample a hierarchical model from covariate patterns alone, as a group may give them away.

    Rule: the likelihood of piecewise constant hazards needs events and exposure by pattern and interval, which is what an
    aggregate holds: an exact aggregate gives the posterior of its patients. Cuts and a change of effects must be among the
    aggregate's cuts; several of its intervals may be one of the model's.

    Edge rules: where follow-up of a pattern ends within an interval is not known; the notes that say that priors decide a
    curve take it to end at the mean of the pattern. Questions to rows of patients (leaving out, `shrinkage`) and files are
    refused.

    Parameters
    ----------
    aggregate
        Made by `aggregate` with whole numbers of patients and events, by all columns of the description; times in years.
    spec
        Made by `hierarchical_spec`, with a piecewise baseline and no bound.
    seed
        Of all randomness.
    start
        Years from which the patients were followed, as after a landmark.
    draws, tune, chains, target_accept, cores, progress
        As in `sample`.

    Returns
    -------
    AggregatePosterior
        With the tables of any posterior.

    Raises
    ------
    ColumnError, InputError
        As `sample`; a spline, a bound, cuts that are not among the aggregate's; numbers that are not whole.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(200, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> made = iko.aggregate(endpoint, ["ikzf1_class", "sex"], [1.0, 2.0, 4.0])
    >>> spec = iko.hierarchical_spec(covariates="sex", causes="relapse", cuts=[2.0])
    >>> iko.sample_aggregate(made, spec, seed=1, start=0.1, draws=200, tune=200, chains=2)
    AggregatePosterior(aggregate: relapse; 2 chains x 200 draws)
    """
    settings_of(seed, draws, tune, chains, target_accept, cores, progress)
    endpoint, reduced = reduce_aggregate(aggregate, spec, start)
    run = Run(0, int(draws), int(tune), int(chains), float(target_accept), cores, progress)
    found = sampled_causes(reduced, int(seed), run)
    if not found[-1].chains.complete:
        raise KeyboardInterrupt
    return AggregatePosterior(endpoint, reduced, found, int(seed))


def reduce_aggregate(aggregate: Aggregate, spec: HierarchicalSpec, start: float) -> tuple[Endpoint, Reduced]:
    """Rows that stand for the patients of an aggregate, and the sums of the likelihood with its true exposure.

    Raises
    ------
    ColumnError, InputError
        As `sample_aggregate`.
    """
    check_form(aggregate, spec, start)
    endpoint, pattern = stand_ins(aggregate, start)
    reduced = reduce_endpoint(endpoint, spec)
    kept = pattern[reduced.patients.keep]
    # the row of each pattern that stands for it; patterns whose rows are left out have none
    present, first = np.unique(kept, return_index=True)
    edges = np.concatenate(([0.0], aggregate.cuts))
    exposure = np.zeros_like(reduced.models[0].sums.exposure)
    # which interval of the model each of the aggregate lies in
    interval = np.searchsorted(np.array(spec.cuts), edges, side="right")[:, None] == np.arange(exposure.shape[1])
    for own, (a, b) in zip(reduced.patterns, periods_of(spec), strict=True):
        inside = (edges >= a) & (edges < b)
        np.add.at(exposure, own[first], aggregate.exposure[present][:, inside] @ interval[inside])
    models = tuple(model._replace(sums=model.sums._replace(exposure=exposure)) for model in reduced.models)
    notes = reduced.notes
    if aggregate.n_excluded:
        notes = (*notes, f"{aggregate.n_excluded} rows without a pattern are not in the aggregate")
    return endpoint, reduced._replace(models=models, notes=notes)


def check_form(aggregate: Aggregate, spec: HierarchicalSpec, start: float) -> None:
    """Refuse descriptions that an aggregate cannot answer.

    Raises
    ------
    InputError
        With what it can.
    """
    if not isinstance(aggregate, Aggregate) or not isinstance(spec, HierarchicalSpec):
        raise InputError("no aggregate, or no description", next_step="Make them by aggregate and hierarchical_spec.")
    if spec.baseline != "piecewise" or spec.bound is not None:
        raise InputError("an aggregate tells of piecewise hazards without a bound", next_step='Use baseline="piecewise".')
    strange = [own.name for own in fields(spec) if own.name not in ROLES and getattr(spec, own.name) != own.default]
    if strange:
        raise InputError(f"an aggregate does not tell of {', '.join(strange)}", next_step="Sample from the patients.")
    wanted = np.array([*spec.cuts, *([] if spec.changes_at is None else [spec.changes_at])])
    if not np.isin(wanted, aggregate.cuts).all():
        raise InputError(
            "cuts of the model are not among those of the aggregate", count=int((~np.isin(wanted, aggregate.cuts)).sum()),
            next_step="Aggregate with all of them, or leave them out.",
        )  # fmt: skip
    for what, values in (("patients", aggregate.n), ("events", aggregate.events)):
        if not (values == np.round(values)).all():
            raise InputError(f"numbers of {what} are not whole", next_step="Aggregate without weights.")
    unseen = (aggregate.n == 0) & (aggregate.exposure.sum(axis=1) > 0)
    if unseen.any():
        raise InputError(
            "patterns have follow-up, but no patients: those who change their pattern count in the first",
            count=int(unseen.sum()), next_step="Aggregate by columns that stay the same, or sample from the patients.",
        )  # fmt: skip
    first = aggregate.cuts[0] if len(aggregate.cuts) else np.inf
    if not isinstance(start, Real) or not (np.isfinite(start) and 0 <= start < first):
        raise InputError("follow-up must start at 0 or later, before the first cut", next_step="As in start=0.1.")


def stand_ins(aggregate: Aggregate, start: float) -> tuple[Endpoint, np.ndarray]:
    """An endpoint with a row a patient, events within their intervals, and the pattern of each row."""
    edges = np.concatenate(([0.0], aggregate.cuts))
    begin = np.maximum(edges, start)
    n = np.round(aggregate.n).astype(np.int64)
    mean = aggregate.exposure / np.maximum(n, 1)[:, None]
    within = np.append((begin[:-1] + edges[1:]) / 2.0, np.nan)  # middles; of the last interval where its patients are
    g, k, c = np.nonzero(aggregate.events)
    times = np.round(aggregate.events[g, k, c]).astype(np.int64)
    at = np.where(k < len(edges) - 1, within[k], begin[-1] + np.maximum(mean[g, -1], 1e-6))
    last = aggregate.exposure.shape[1] - 1 - (aggregate.exposure[:, ::-1] > 0).argmax(axis=1)
    until = begin[last] + np.maximum(np.take_along_axis(mean, last[:, None], axis=1)[:, 0], 1e-6)
    died = np.bincount(g, times, len(n)).astype(np.int64)
    if (died > n).any():
        raise InputError("patterns have more events than patients", count=int((died > n).sum()))
    pattern = np.concatenate([np.repeat(g, times), np.repeat(np.arange(len(n)), n - died)])
    time = np.concatenate([np.repeat(at, times), np.repeat(until, n - died)])
    cause = np.concatenate([np.repeat(c + 1, times), np.zeros(int((n - died).sum()), dtype=np.int64)])
    entry = frozen(np.full(len(time), float(start))) if start > 0 else None
    frame = aggregate.patterns.iloc[pattern].reset_index(drop=True)
    made = make_endpoint(frame, time, cause.astype(np.int32), aggregate.causes, entry=entry)
    return replace(made, name="aggregate", time_unit=aggregate.time_unit), pattern


def release_shift(
    exact: Aggregate, release: Aggregate, spec: HierarchicalSpec, *, seed: int, start: float = 0.0, **settings: Any
) -> pd.DataFrame:
    r"""How far the posterior of a released aggregate lies from that of the exact one.

    For each quantity of the model, with m the posterior median and s the posterior standard deviation,

    .. math:: \text{shift} = (m_{release} - m_{exact}) / s_{exact}

    What a release merged or dropped is dropped from its model: columns (covariates all together, where one is gone), and
    cuts. Shifts below about 0.1 are within the Monte Carlo error of a thousand draws or two.

    Parameters
    ----------
    exact
        Made by `aggregate`.
    release
        Made from it by `release_aggregate`.
    spec
        Made by `hierarchical_spec`, for the exact one.
    seed
        Of both samplings.
    start
        As in `sample_aggregate`.
    settings
        draws, tune, chains, target_accept, cores, progress, as in `sample`.

    Returns
    -------
    DataFrame
        One row a quantity of the exact model: term, contrast, cause, estimate (exact median), posterior_sd,
        release_estimate, release_sd, shift, scale, note: what the release has not, chains that have not converged.

    Raises
    ------
    ColumnError, InputError
        As `sample_aggregate`; a release without the column of the classes, or of other causes.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(800, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "OS"), 0.1)
    >>> exact = iko.aggregate(endpoint, ["ikzf1_deletion"], [1.0, 2.0, 3.0])
    >>> release = iko.release_aggregate(exact)
    >>> spec = iko.hierarchical_spec(classes="ikzf1_deletion", undeleted="not deleted", cuts=[1.0, 2.0, 3.0])
    >>> shift = iko.release_shift(exact, release, spec, seed=1, start=0.1)
    >>> bool(shift.loc[shift["term"] == "deletion", "shift"].abs().iloc[0] < 0.5)
    True
    """
    if release.causes != exact.causes:
        raise InputError("the release has other causes", next_step="Release the exact aggregate itself.")
    fewer, gone = without_what_is_gone(spec, release)
    one = sample_aggregate(exact, spec, seed=seed, start=start, **settings).tidy()
    two = sample_aggregate(release, fewer, seed=seed, start=start, **settings).tidy()
    key = ["term", "contrast", "cause"]
    both = one.merge(two, on=key, how="left", suffixes=("", " of release"), validate="one_to_one")
    said = {
        "not in the release": both["estimate of release"].isna(),
        "exact not converged": both["note"].str.contains("not converged"),
        "release not converged": both["note of release"].fillna("").str.contains("not converged"),
    }
    notes = ["; ".join([*(what for what, own in said.items() if own.iloc[j]), *gone]) for j in range(len(both))]
    release_estimate = both["estimate of release"].to_numpy(dtype=float)
    estimate, error = both["estimate"].to_numpy(dtype=float), both["posterior_sd"].to_numpy(dtype=float)
    return both[key].assign(
        estimate=estimate, posterior_sd=error, release_estimate=release_estimate,
        release_sd=both["posterior_sd of release"].to_numpy(dtype=float), shift=(release_estimate - estimate) / error,
        scale=both["scale"], note=notes,
    )  # fmt: skip


def without_what_is_gone(spec: HierarchicalSpec, release: Aggregate) -> tuple[HierarchicalSpec, list[str]]:
    """The description without columns and cuts that a release has no more, and what is said of it.

    Raises
    ------
    InputError
        The classes are gone, or a change of effects.
    """
    if spec.classes not in release.by:
        raise InputError("the release has no classes", next_step="Aggregate with the classes as the first column.")
    changes: dict[str, Any] = {}
    for role in ("subtype", "protocol", "strata"):
        name = getattr(spec, role)
        if name is not None and name not in release.by:
            changes[role] = None
    if "subtype" in changes:
        changes["cells"] = False
    if spec.effects_by in changes:
        changes["effects_by"] = None
    alterations = tuple(name for name in spec.alterations if name in release.by)
    if alterations != spec.alterations:
        changes["alterations"] = alterations
    if spec.covariates is not None and not columns_in(spec.covariates) <= set(release.by):
        changes["covariates"] = None
    gone = [name for name in changes if name not in ("cells", "effects_by")]
    said = [f"the release has no {', '.join(gone)}"] if gone else []
    cuts: Floats = np.array(spec.cuts)
    kept = tuple(float(cut) for cut in cuts[np.isin(cuts, release.cuts)])
    if kept != spec.cuts:
        said.append(f"{len(kept)} of {len(cuts)} cuts in the release")
    return replace(spec, **changes, cuts=kept), said


def columns_in(covariates: str | tuple[str, ...]) -> set[str]:
    """Columns that a formula of covariates, or a list, names."""
    terms = read_terms(covariates if isinstance(covariates, str) else list(covariates))
    return {factor.column for term in terms for factor in term.factors}
