"""Multiple imputation of covariates by chained equations, given the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.impute.chains import Plan, run_chain, started
from ikzf1_outcomes.impute.draws import whole_number
from ikzf1_outcomes.impute.imputed_fits import Imputations
from ikzf1_outcomes.impute.incomplete_columns import IncompleteColumn, checked_names, read_column
from ikzf1_outcomes.impute.predictors import outcome_columns
from ikzf1_outcomes.impute.substantive import outcome_model
from ikzf1_outcomes.resampling import generator_of, replicates


def impute_missing(
    endpoint: Endpoint,
    columns: str | Sequence[str],
    *,
    auxiliary: str | Sequence[str] | None = None,
    draws: int = 20,
    cycles: int = 10,
    seed: int | np.random.Generator,
    method: Mapping[str, str] | None = None,
    intervals: Mapping[str, tuple[str, str]] | None = None,
    undefined: Mapping[str, Any] | None = None,
    interactions: Sequence[tuple[str, str]] = (),
    substantive: str | None = None,
    passive: Mapping[str, Callable[[pd.DataFrame], pd.Series]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Imputations:
    """Complete missing covariates several times, by chained equations.

    Estimand: that of the analysis, had nothing been missing; assumes that a value is missing at random given the columns
    named here and the outcome. Each of `draws` independent chains visits the incomplete columns, the one with fewest gaps
    first, for `cycles` cycles: a regression of the column on all others is fitted to the rows in which it is known, its
    parameters are drawn from their posterior, and the missing values from the model (van Buuren and Oudshoorn 1999,
    recalled; White, Royston and Wood 2011, doi:10.1002/sim.4067). The outcome is in every model: an indicator and the
    Nelson-Aalen cumulative hazard of each cause, competing ones too (White and Royston 2009, doi:10.1002/sim.3618).

    Methods: numbers "normal" (default), "log-normal" (in its logarithm, as a predictor too) or "pmm" (predictive mean
    matching, type 1, 5 donors); flags, numbers that are all 0 or 1, and two levels "logistic"; ordered categories "ordinal"
    (proportional odds); others "multinomial". Slopes of categorical models have a normal prior of mean 0 and spread 2.5
    for a predictor of spread 1, so that perfect prediction stays finite.

    Rules. An interval-censored number (below detection) is drawn from its conditional normal within its interval, and takes
    part in the fits with its values as they stand. Undefined rows stay missing: they are left out of that column's model
    and are a group of their own in those of the others. With delayed entry the hazards are those lived through since. Case
    weights enter the hazards only. Predictors that do not vary are left out.

    With `substantive`, covariates in its terms are drawn so as to agree with Cox models of all causes with these terms
    (Bartlett et al. 2015, doi:10.1177/0962280214521348): proposed by their regression on the other columns without the
    outcome, fitted to all rows as they stand, and accepted with a chance in proportion to the outcome's density. Use it for
    interactions, squares and splines; `interactions` is the plain approximation.

    Parameters
    ----------
    endpoint
        One row a patient.
    columns
        Columns of the analysis, complete ones too: they predict each other.
    auxiliary
        Further columns that tell of the values or of why they are missing; completed as well.
    draws, cycles
        Completed data sets; cycles before each is taken. 100 draws x the share of incomplete rows, or more.
    seed
        Number or generator. The same seed gives the same values on any number of processes.
    method
        Column to method.
    intervals
        Column of numbers to the names of the columns with its lower and upper limit; a missing limit is none. Limits are
        read where the number is missing.
    undefined
        Column to a mask (n), or the name of one: rows in which there is no value to be known. Default: follow-up ended
        before the time at which the column is known (`endpoint.known_at`).
    interactions
        Pairs of columns whose product is of interest: see `docs/methods/imputation.md`.
    substantive
        Terms of a Cox model, as in `cox`.
    passive
        Name of a new column to a function of the completed frame. It is made from each completed data set and predicts
        nothing; known no earlier than its ingredients.
    progress
        Called with (chains done, chains).

    Returns
    -------
    Imputations
        `.fit(function)` pools a Cox model over the data sets; iterates over completed endpoints; `.tidy()`, `.glance()`,
        `.trace()`.

    Raises
    ------
    ColumnError, InputError
        Unknown or repeated columns, several rows of a patient, methods that do not suit, intervals and masks that
        contradict values (row positions), a column of which nothing is known or less than its model needs.
    ConvergenceError
        A categorical model without a mode (not seen so far).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.impute.chained import impute_missing
    >>> rng = np.random.default_rng(1)
    >>> d = pd.DataFrame({"t": rng.exponential(5, 80), "s": rng.integers(0, 2, 80), "wbc": rng.normal(size=80)})
    >>> d.loc[::4, "wbc"] = np.nan
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse"})
    >>> imputations = impute_missing(endpoint, "wbc", draws=5, seed=1)
    >>> imputations.tidy()[["variable", "n_missing", "n_imputed", "method"]].values.tolist()
    [['wbc', 20, 20, 'normal']]
    >>> imputations.fit(lambda completed: iko.cox(completed, "wbc")).glance()[["n", "n_draws"]].values.tolist()
    [[80.0, 5.0]]
    """
    whole_number(draws, 1)
    if isinstance(cycles, bool) or not isinstance(cycles, int | np.integer) or cycles < 1:
        raise InputError("cycles must be a whole number of 1 or more", next_step="10 serve most data.")
    if endpoint.subject is not None and endpoint.n < len(endpoint):
        raise InputError(
            "patients with several rows", count=len(endpoint) - endpoint.n, next_step="Impute before follow-up is split."
        )
    analysed, more = names_of(columns), names_of(auxiliary or ())
    read = read_columns(endpoint, (*analysed, *more), method, intervals, undefined)
    refuse_pairs(interactions, read)
    rng = generator_of(seed)
    order = sorted(read.values(), key=lambda column: int(column.absent.sum()))
    model = None
    if substantive is not None:
        first = rng.spawn(1)[0]
        start = {column.name: started(column, first) for column in read.values()}
        model = outcome_model(endpoint, substantive, read, start)
    outcome = outcome_columns(endpoint) if model is None else np.empty((len(endpoint), 0))
    plan = Plan(tuple(order), outcome, tuple((a, b) for a, b in interactions), model, int(cycles))
    chains = replicates(lambda child: run_chain(plan, child), int(draws), seed=rng, progress=progress)
    visited = [column.name for column in order if column.absent.any()]
    return Imputations(
        endpoint, tuple(read.values()), analysed,
        tuple({name: frozen(np.array(drawn)) for name, drawn in chain.values.items()} for chain in chains),
        tuple(visited), frozen(np.array([chain.trace for chain in chains])), dict(passive or {}), substantive,
    )  # fmt: skip


def names_of(columns: str | Sequence[str]) -> tuple[str, ...]:
    """One or several names."""
    return (columns,) if isinstance(columns, str) else tuple(columns)


def read_columns(
    endpoint: Endpoint,
    names: tuple[str, ...],
    method: Mapping[str, str] | None,
    intervals: Mapping[str, tuple[str, str]] | None,
    undefined: Mapping[str, Any] | None,
) -> dict[str, IncompleteColumn]:
    """The columns by name, with their options."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise InputError(
            f"named twice: {', '.join(twice)}" if twice else "no column to impute", next_step="Name each column once."
        )
    known = set(names)
    methods = checked_names(method, "a method", known)
    bounds = checked_names(intervals, "an interval", known)
    masks = checked_names(undefined, "a mask", known)
    limits = {bound for pair in bounds.values() for bound in pair} & known
    if limits:
        raise InputError(
            f"limits that are imputed themselves: {', '.join(sorted(limits))}", next_step="Leave them out of the columns."
        )
    return {name: read_column(endpoint, name, methods.get(name), bounds.get(name), masks.get(name)) for name in names}


def refuse_pairs(interactions: Sequence[tuple[str, str]], read: Mapping[str, IncompleteColumn]) -> None:
    """Refuse interactions that are no pairs of imputed columns."""
    for pair in interactions:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or pair[0] == pair[1] or not set(pair) <= set(read):
            raise InputError("an interaction is no pair of two of the columns", next_step='As in [("ikzf1_class", "mrd")].')
