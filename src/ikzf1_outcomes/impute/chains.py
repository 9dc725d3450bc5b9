"""One chain of chained equations: columns are completed in turn, each given the others, for some cycles."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ikzf1_outcomes.errors import ConvergenceError, InputError
from ikzf1_outcomes.impute.conditional_models import (
    category_chances,
    linear_prediction,
    matched,
    ordered_chances,
    truncated_normal,
)
from ikzf1_outcomes.impute.draws import codes_of
from ikzf1_outcomes.impute.incomplete_columns import IncompleteColumn
from ikzf1_outcomes.impute.predictors import encoded, predictors
from ikzf1_outcomes.impute.substantive import OutcomeModel
from ikzf1_outcomes.kernels.risk import Floats

ROUNDS = 5
"""Rounds of parameters and values in a cycle of a column with intervals: the values known to an interval only are part of
what the parameters are drawn from."""

POSITIVE = 'A number that must stay positive has the method "log-normal".'


class Plan(NamedTuple):
    """What every chain is asked."""

    columns: tuple[IncompleteColumn, ...]
    """In the order in which they are visited."""
    outcome: Floats
    """Predictors made of the outcome; without columns where an outcome model is named."""
    interactions: tuple[tuple[str, str], ...]
    model: OutcomeModel | None
    cycles: int


class Chain(NamedTuple):
    """What one chain ends with."""

    values: dict[str, Floats]
    """For each incomplete column the drawn values of its rows to complete, on the scale of its model."""
    trace: Floats
    """(cycles, incomplete columns, 2): mean and standard deviation of the drawn values."""


def run_chain(plan: Plan, rng: np.random.Generator) -> Chain:
    """Complete the columns once.

    Start: values drawn from the known ones, within their interval where there is one. Then, in each cycle and for each
    incomplete column in turn, parameters of its model are drawn from their posterior, and values from the model.
    """
    state = {column.name: started(column, rng) for column in plan.columns}
    blocks = {column.name: encoded(column, state[column.name]) for column in plan.columns}
    incomplete = [column for column in plan.columns if column.absent.any()]
    trace = np.empty((plan.cycles, len(incomplete), 2))
    for cycle in range(plan.cycles):
        for place, column in enumerate(incomplete):
            x = predictors(column.name, blocks, plan.outcome, plan.interactions)
            try:
                drawn = renewed(column, x, state, plan.model, rng)
            except np.linalg.LinAlgError:
                raise InputError(
                    f"the imputation model of {column.name!r} is singular", next_step="Use fewer columns, or merge levels."
                ) from None
            except (InputError, ConvergenceError) as failure:
                hint = failure.next_step if plan.model is None else f"{failure.next_step} {POSITIVE}"
                raise type(failure)(f"column {column.name!r}: {failure.problem}", next_step=hint) from None
            state[column.name][column.absent] = drawn
            blocks[column.name] = encoded(column, state[column.name])
            trace[cycle, place] = drawn.mean(), drawn.std()
    return Chain({column.name: state[column.name][column.absent] for column in incomplete}, trace)


def started(column: IncompleteColumn, rng: np.random.Generator) -> Floats:
    """The column with values to begin with."""
    values = column.values.copy()
    known = values[~np.isnan(values)]
    values[column.absent] = rng.choice(known, int(column.absent.sum()))
    held = column.bounded
    if held.any() and column.low is not None and column.high is not None:
        mean = np.full(int(held.sum()), known.mean())
        values[held] = truncated_normal(mean, float(known.std()) or 1.0, column.low[held], column.high[held], rng)
    return values


def renewed(
    column: IncompleteColumn, x: Floats, state: dict[str, Floats], model: OutcomeModel | None, rng: np.random.Generator
) -> Floats:
    """New values of the rows to complete."""
    values, absent = state[column.name], column.absent
    inside = model is not None and column.name in model.columns
    # where the outcome is no predictor, what is missing may depend on it: all rows as they stand make the parameters
    use = ~column.undefined if model is not None else ~column.undefined & (~absent | column.bounded)
    if not column.is_number:
        chances = ordered_chances if column.method == "ordinal" else category_chances
        p = chances(values[use].astype(np.intp), len(column.levels), x[use], x[absent], rng)
        if inside and model is not None:
            p = model.weighed(column, p, state, rng)
        return codes_of(p, rng.random(len(p))).astype(float)
    for _ in range(ROUNDS if column.bounded.any() and not inside else 1):
        found = linear_prediction(values[use], x[use], x[absent], rng)
        if column.method == "pmm":
            return matched(values[use], found, rng)
        low, high = (None, None) if column.low is None or column.high is None else (column.low[absent], column.high[absent])
        if inside and model is not None:
            return model.accepted(column, found.mean, found.sd, low, high, state, rng)
        if low is None or high is None:
            return found.mean + found.sd * rng.standard_normal(len(found.mean))
        values[absent] = truncated_normal(found.mean, found.sd, low, high, rng)
    return values[absent]
