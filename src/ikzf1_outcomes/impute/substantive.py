"""Values of a covariate drawn in accordance with a named Cox model, by rejection."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, refuse
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import DesignSpec, design
from ikzf1_outcomes.impute.augmentation import drawn_coefficients, log_likelihoods
from ikzf1_outcomes.impute.conditional_models import truncated_normal
from ikzf1_outcomes.impute.incomplete_columns import IncompleteColumn
from ikzf1_outcomes.kernels.risk import Floats

CANDIDATES, BATCHES, TOGETHER = 10, 100, 2000
"""Values proposed at a time for a row, and how often before the last ones are weighed instead of refused; where few rows
wait, so many for all of them."""


class Cause(NamedTuple):
    """One cause as drawn: its coefficients, and what each row has lived through of it."""

    beta: Floats
    event: np.ndarray
    exposure: Floats
    """Breslow's cumulative baseline hazard at the row's time, less that at its entry."""


class OutcomeModel(NamedTuple):
    """Cox models of all causes with the same terms, with which covariates are to agree."""

    endpoint: Endpoint
    spec: DesignSpec
    centre: Floats
    scale: Floats
    columns: dict[str, IncompleteColumn]
    """The columns in the terms."""

    def matrix(self, values: dict[str, Floats]) -> Floats:
        """Design of some rows, of mean 0 and spread 1 over the first completed data."""
        frame = pd.DataFrame({name: column.in_own_units(values[name]) for name, column in self.columns.items()})
        return (self.spec.encode(frame)[0] - self.centre) / self.scale

    def drawn_causes(self, state: dict[str, Floats], rng: np.random.Generator) -> list[Cause]:
        """Coefficients and baseline of each cause, drawn given the completed data as they stand."""
        x, out = self.matrix(state), []
        for code in range(1, len(self.endpoint.causes) + 1):
            event = self.endpoint.cause == code
            if event.any():
                beta = drawn_coefficients(self.endpoint, event, x, rng)
                exposure = -log_likelihoods(self.endpoint, event, x @ beta, np.zeros((len(x), 1)))[:, 0]
                # at a linear predictor of 0 the log-likelihood of a row is less its exposure
                out.append(Cause(beta, event, exposure))
        return out

    def log_densities(
        self, column: IncompleteColumn, candidates: Floats, rows: np.ndarray, state: dict[str, Floats], causes: list[Cause]
    ) -> Floats:
        """Log density of the outcome of some rows under each candidate (rows, candidates), less its greatest value.

        A row lived through exposure E of a cause: log density d eta - E exp(eta); with an event d = 1 its maximum over
        eta is -log E - 1, without one 0.
        """
        values = {name: np.repeat(state[name][rows], candidates.shape[1]) for name in self.columns}
        values[column.name] = candidates.ravel()
        x = self.matrix(values)
        total = np.zeros(candidates.shape)
        for cause in causes:
            eta = (x @ cause.beta).reshape(candidates.shape)
            event, lived = cause.event[rows][:, None], cause.exposure[rows][:, None]
            greatest = np.where(event, -np.log(np.where(event, lived, 1.0)) - 1.0, 0.0)
            total += event * eta - lived * np.exp(eta) - greatest
        return total

    def weighed(self, column: IncompleteColumn, p: Floats, state: dict[str, Floats], rng: np.random.Generator) -> Floats:
        """Chances of the levels given the outcome as well; exact."""
        rows = np.flatnonzero(column.absent)
        levels = np.tile(np.arange(float(p.shape[1])), (len(rows), 1))
        found = self.log_densities(column, levels, rows, state, self.drawn_causes(state, rng))
        weight = p * np.exp(found - found.max(axis=1, keepdims=True))
        out: Floats = weight / weight.sum(axis=1, keepdims=True)
        return out

    def accepted(
        self, column: IncompleteColumn, mean: Floats, sd: float, low: Floats | None, high: Floats | None,
        state: dict[str, Floats], rng: np.random.Generator,
    ) -> Floats:  # fmt: skip
        """Numbers proposed by the covariate's model and accepted with a chance in proportion to the outcome's density."""
        rows, causes = np.flatnonzero(column.absent), self.drawn_causes(state, rng)
        out, waiting = np.empty(len(rows)), np.arange(len(rows))
        for batch in range(BATCHES):
            each = max(CANDIDATES, TOGETHER // len(waiting))
            shape = (len(waiting), each)
            if low is None or high is None:
                proposed = mean[waiting, None] + sd * rng.standard_normal(shape)
            else:
                middle, least, most = (np.repeat(part[waiting], each) for part in (mean, low, high))
                proposed = truncated_normal(middle, sd, least, most, rng).reshape(shape)
            density = self.log_densities(column, proposed, rows[waiting], state, causes)
            take = np.log(rng.random(shape)) <= density
            first, done = take.argmax(axis=1), take.any(axis=1)
            if batch == BATCHES - 1:
                # Gumbel's trick: a candidate in proportion to its density
                first, done = (density + rng.gumbel(size=shape)).argmax(axis=1), np.ones(len(waiting), dtype=bool)
            out[waiting[done]] = proposed[done, first[done]]
            waiting = waiting[~done]
            if not len(waiting):
                break
        return out


def outcome_model(
    endpoint: Endpoint, terms: str, columns: dict[str, IncompleteColumn], start: dict[str, Floats]
) -> OutcomeModel:
    """The model with knots, levels and units learned from the rows as first completed.

    Every level of an incomplete category stands once in every row that lacks it, so that no combination drawn later is
    unknown to the design.

    Raises
    ------
    ColumnError, InputError
        A formula that cannot be read, terms that are not among the columns, a matched column, undefined rows.
    """
    rows = pd.DataFrame({name: column.in_own_units(start[name]) for name, column in columns.items()})
    learned = design(over(endpoint, rows), terms)
    used = {name: columns[name] for name in learned.spec.columns}
    for name, column in used.items():
        refuse(column.undefined, f"{name!r} is a term of the named model and undefined", "Impute from a landmark on.")
        if column.method == "pmm":
            raise InputError(f"{name!r} is matched, and a term of the named model", next_step='Use method "normal".')
    parts = [rows[list(used)]]
    for name, column in used.items():
        if not column.is_number and column.absent.any():
            parts = [filled(part, name, column, k) for part in parts for k in range(len(column.levels))]
    stacked = pd.concat(parts, ignore_index=True)
    learned = design(over(endpoint, stacked), terms)
    x, _ = learned.spec.encode(rows[list(used)])
    spread = x.std(axis=0)
    return OutcomeModel(endpoint, learned.spec, x.mean(axis=0), np.where(spread > 0, spread, 1.0), used)


def filled(rows: pd.DataFrame, name: str, column: IncompleteColumn, level: int) -> pd.DataFrame:
    """Rows with one level wherever the column is to be completed."""
    codes = np.where(column.absent, float(level), column.values)
    return rows.assign(**{name: column.in_own_units(codes)})


def over(endpoint: Endpoint, rows: pd.DataFrame) -> Endpoint:
    """The endpoint with other rows, of which only a design is made."""
    return replace(endpoint, frame=rows, known_at={}, start=None)
