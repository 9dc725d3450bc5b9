"""Class effects with and without pooling, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, frozen, take_rows
from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.models.bayes.effects import BY_TRIAL, CLASS_BY_TRIAL, DELETED, category
from ikzf1_outcomes.models.bayes.posterior import Posterior
from ikzf1_outcomes.models.bayes.reduction import events_by_cause
from ikzf1_outcomes.models.bayes.scenarios import NOT_DELETED, trials_of
from ikzf1_outcomes.models.proportional_hazards import cox
from ikzf1_outcomes.timeline import landmark

WITHOUT = "without the features"
TERMS = {"deletion": "deletion", "class": "class", BY_TRIAL: "deletion", CLASS_BY_TRIAL: "class"}
"""Terms that are compared, and the column that a Cox model has for each."""
METHODS = {"Cox": None, "Firth": "firth"}
COLUMNS = (
    "term", "contrast", "cause", "method", "n", "n_event", "estimate", "low", "high", "conf_level", "interval", "scale",
    "note",
)  # fmt: skip


def shrinkage(posterior: Posterior, *, exponentiate: bool = False, conf_level: float = 0.95) -> pd.DataFrame:
    """Effects of any deletion and of each class: Cox, Firth's penalty and the hierarchical model, side by side.

    The Cox models are fitted to the same patients, with the same subtypes, protocols, covariates and alterations as main
    effects, and strata where the hierarchical model has baselines of its own: one model with the classes, one with any
    deletion. Their estimates are what the data say alone; the hierarchical ones are drawn towards each other, the more so
    the fewer events there are. Credible and confidence intervals are different things. Features are in the hierarchical
    model alone, since Cox models cannot hold many: a note says so. With `effects_by`, rows of each trial stand beside Cox
    models of the patients of that trial alone.

    Parameters
    ----------
    posterior
        Made by `sample`, with effects that do not change. Of a model with failures of induction, only the hazards are
        compared, among those who came through.
    exponentiate
        Give estimate, low and high as hazard ratios.
    conf_level
        Level of the intervals.

    Returns
    -------
    DataFrame
        term ("deletion", "class", "deletion by trial", "class by trial"), contrast, cause, method ("Cox", "Firth",
        "hierarchical"), n, n_event, estimate (of the hierarchical model the posterior median), low, high, conf_level,
        interval ("wald", "profile penalised likelihood", "credible"), scale, note: why a number is missing.

    Raises
    ------
    InputError
        Effects that change with time; mixture cure; draws of several completed data sets, or of an aggregate.

    Examples
    --------
    >>> import ikzf1_outcomes as iko
    >>> cohort = iko.simulate_cohort(200, seed=1)
    >>> endpoint = iko.landmark(iko.define_endpoint(cohort, "RELAPSE"), 0.1)
    >>> posterior = iko.sample(endpoint, iko.hierarchical_spec(causes="relapse"), seed=1, draws=200, tune=200, chains=2)
    >>> iko.shrinkage(posterior)["method"].unique().tolist()
    ['Cox', 'Firth', 'hierarchical']
    """
    spec = posterior.reduced.spec
    posterior.check_rows()
    if spec.cure:
        raise InputError("odds ratios of cure have no Cox model beside them", next_step="See mixture_cure.")
    if spec.changes_at is not None:
        raise InputError("effects that change have no Cox model beside them", next_step="Sample with changes_at=None.")
    endpoint = compared(posterior)
    pooled = posterior.tidy(conf_level=conf_level)
    pooled = pooled[pooled["term"].isin(TERMS) & pooled["cause"].isin(posterior.reduced.causes)]
    pooled = pooled.assign(method="hierarchical")
    tables = [
        raw(patients, posterior, own, method, conf_level, trial)
        for trial, patients, rows in by_trial(posterior, endpoint, pooled)
        for _, own in rows.groupby(["cause", "term"], sort=False)
        for method in METHODS
    ]
    table = pd.concat([*tables, pooled], ignore_index=True)
    order = {key: k for k, key in enumerate(dict.fromkeys(zip(pooled["cause"], pooled["contrast"], strict=True)))}
    place = [order[key] for key in zip(table["cause"], table["contrast"], strict=True)]
    table = table.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)[list(COLUMNS)]
    if exponentiate:
        numbers = ["estimate", "low", "high"]
        table[numbers] = np.exp(table[numbers].astype(float))
        table["scale"] = table["scale"].str.removeprefix("log ")
    return table


def by_trial(
    posterior: Posterior, endpoint: Endpoint, pooled: pd.DataFrame
) -> Iterator[tuple[str | None, Endpoint, pd.DataFrame]]:
    """All patients with the rows of effects that are the same everywhere (None), then those of each trial."""
    yield None, endpoint, pooled[pooled["term"].isin(["deletion", "class"])]
    spec, trials = posterior.reduced.spec, trials_of(posterior.reduced)
    name = spec.protocol if spec.effects_by == "protocol" else spec.strata
    if not trials or name is None:
        return
    found, words = category(endpoint, name), [DELETED, *endpoint.column("class").cat.categories[1:]]
    for trial in trials:
        inside = found.codes == (found.levels.index(trial) if trial in found.levels else -2)
        rows = pooled["contrast"].isin([f"{word} vs {NOT_DELETED}, in {trial}" for word in words])
        yield trial, take_rows(endpoint, inside), pooled[rows & pooled["term"].isin([BY_TRIAL, CLASS_BY_TRIAL])]


def compared(posterior: Posterior) -> Endpoint:
    """The patients analysed, with the causes of the model, and their class as the model sees it."""
    spec, endpoint, keep = posterior.reduced.spec, posterior.endpoint, posterior.reduced.patients.keep
    parts = posterior.reduced.parts
    endpoint = endpoint if parts is None else parts.endpoint
    codes, causes = np.minimum(endpoint.cause, 0), tuple(posterior.reduced.causes)
    for k, ends in enumerate(events_by_cause(endpoint, causes).values(), start=1):
        codes = np.where(ends, k, codes)
    same = take_rows(replace(endpoint, cause=frozen(codes), causes=causes), keep)
    groups = {group.term: group for block in posterior.reduced.patients.blocks for group in block}
    deleted = groups["deletion"].columns[:, 0] > 0
    names = groups["class"].labels if "class" in groups else (DELETED,)
    columns = groups["class"].columns if "class" in groups else groups["deletion"].columns
    code = np.where(deleted, 1 + columns.argmax(axis=1), 0)
    same = same.with_column("deletion", pd.Categorical.from_codes(deleted.astype(int), [NOT_DELETED, DELETED]))
    same = same.with_column("class", pd.Categorical.from_codes(code, [NOT_DELETED, *names]))
    for name in spec.alterations:  # as flags, which is what the model makes of calls
        place = spec.alterations.index(name)
        same = same.with_column(name, groups["alteration"].columns[:, place])
    if parts is None:
        return same
    through = take_rows(same, ~parts.failed)
    return landmark(through, parts.until) if parts.until > 0 else through


def adjusters(posterior: Posterior) -> tuple[Sequence[str], str]:
    """Columns, and the formula of the covariates, that the model has beside the class."""
    spec = posterior.reduced.spec
    terms = {group.term for block in posterior.reduced.patients.blocks for group in block}
    named = {"subtype": spec.subtype, "protocol": spec.protocol}
    columns = [name for term, name in named.items() if name is not None and term in terms] + list(spec.alterations)
    if isinstance(spec.covariates, str):
        return columns, spec.covariates
    return [*columns, *(spec.covariates or ())], ""


def raw(
    endpoint: Endpoint, posterior: Posterior, pooled: pd.DataFrame, method: str, conf_level: float,
    trial: str | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The rows of one term and cause by a Cox model, of the patients of a trial where one is named; without numbers, and
    with a note, where it has none."""
    spec = posterior.reduced.spec
    term, cause = TERMS[pooled["term"].iloc[0]], pooled["cause"].iloc[0]
    columns, formula = adjusters(posterior)
    if trial is not None and spec.effects_by == "protocol":
        columns = [name for name in columns if name != spec.protocol]
    terms: Any = " + ".join([term, *columns, formula]) if formula else [term, *columns]
    options: dict[str, Any] = {
        "cause": cause,
        "penalty": METHODS[method],
        "strata": spec.strata if trial is None or spec.effects_by == "protocol" else None,
        "conf_level": conf_level,
    }
    own = pooled.assign(method=method)
    numbers = {"estimate": np.nan, "low": np.nan, "high": np.nan, "interval": "", "scale": "log hazard ratio"}
    try:
        table = cox(endpoint, terms, **options).tidy()
    except (InputError, ConvergenceError) as error:
        return own.assign(**numbers, note=f"not estimable: {error.problem}")
    table = table[(table["term"] == term) & (table["note"] != "reference")].set_index("contrast")
    found = table.reindex([name.removesuffix(f", in {trial}") for name in own["contrast"]])
    found["note"] = [WITHOUT if not note and spec.features else note for note in found["note"]]
    return own.assign(**{name: found[name].to_numpy() for name in (*numbers, "note")})
