"""What an incomplete column is predicted from: the other columns, the outcome, and products of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.formula.spec import columnwise_product
from ikzf1_outcomes.impute.incomplete_columns import IncompleteColumn
from ikzf1_outcomes.kernels.risk import Floats


def outcome_columns(endpoint: Endpoint) -> Floats:
    """The outcome as predictors: for each cause with events its indicator, then its cumulative hazard; (n, 2 causes).

    Nelson-Aalen at the row's time, less that at its entry (White and Royston 2009, doi:10.1002/sim.3618). Of d tied events
    among n at risk each sees one less: 1 / n + 1 / (n - 1) + ..., as in `mice::nelsonaalen`. Case weights count as
    patients.

    Examples
    --------
    >>> import pandas as pd
    >>> import ikzf1_outcomes as iko
    >>> from ikzf1_outcomes.impute.predictors import outcome_columns
    >>> d = pd.DataFrame({"t": [1.0, 2.0, 3.0, 4.0], "s": [1, 2, 1, 0]})
    >>> endpoint = iko.endpoint_from_columns(d, time="t", status="s", causes={1: "relapse", 2: "death"})
    >>> outcome_columns(endpoint).round(3).tolist()
    [[1.0, 0.0, 0.25, 0.0], [0.0, 1.0, 0.25, 0.333], [1.0, 0.0, 0.75, 0.333], [0.0, 0.0, 0.75, 0.333]]
    """
    rows, weight = endpoint.rows, endpoint.case_weights
    size = len(rows.times)
    ending, entering = (np.cumsum(np.bincount(at, weight, size)[::-1])[::-1] for at in (rows.rank, rows.first))
    # rows that end at or after a time, less those that enter at it or after it
    at_risk = ending - np.append(entering[1:], 0.0)
    indicators, hazards = [], []
    for code in range(1, len(endpoint.causes) + 1):
        event = endpoint.cause == code
        if event.any():
            deaths = np.bincount(rows.rank[event], minlength=size)
            mean = np.bincount(rows.rank[event], weight[event], size) / np.maximum(deaths, 1)
            # tied events one after the other, as in R's nelsonaalen: d events add 1 / n + 1 / (n - 1) + ...
            which = np.repeat(np.arange(size), deaths)
            before = np.arange(len(which)) - np.repeat(np.cumsum(deaths) - deaths, deaths)
            steps = np.bincount(which, mean[which] / (at_risk[which] - before * mean[which]), size)
            total = np.concatenate(([0.0], np.cumsum(steps)))
            indicators.append(event.astype(float))
            hazards.append(total[rows.rank + 1] - total[rows.first])
    return np.column_stack((*indicators, *hazards)) if indicators else np.empty((len(endpoint), 0))


def encoded(column: IncompleteColumn, values: Floats) -> Floats:
    """A completed column as predictors: a number centred, a category as indicators of all levels but the first.

    Where it is undefined all of them are 0 and an indicator says so: such rows have an intercept of their own and tell
    nothing of the column's effect.
    """
    defined = ~column.undefined
    if column.is_number:
        block = (values - values[defined].mean())[:, None]
    else:
        block = (values[:, None] == np.arange(1, len(column.levels))).astype(float)
    if defined.all():
        return block
    block = np.where(defined[:, None], block, 0.0)
    return np.column_stack((block, column.undefined.astype(float)))


def predictors(
    target: str, blocks: Mapping[str, Floats], outcome: Floats, interactions: Sequence[tuple[str, str]]
) -> Floats:
    """Predictors of a column (n, p), of mean 0 and spread 1; those that do not vary are left out.

    All other columns and the outcome. For each interaction (a, b): a column that is neither also has the product a x b; a
    itself has the products of b with the outcome, and b those of a.
    """
    parts = [outcome, *(block for name, block in blocks.items() if name != target)]
    for pair in interactions:
        if target not in pair:
            parts.append(columnwise_product([blocks[name] for name in pair]))
        elif outcome.shape[1]:
            (partner,) = (name for name in pair if name != target)
            parts.append(columnwise_product([blocks[partner], outcome]))
    x = np.column_stack(parts)
    x = x - x.mean(axis=0)
    spread = x.std(axis=0)
    varies = spread > 1e-12
    out: Floats = x[:, varies] / spread[varies]
    return out
