"""A rung fitted to some patients, and what it predicts for all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, draw_rows
from ikzf1_outcomes.kernels.limits import climb
from ikzf1_outcomes.kernels.partial import Layout, lay_out, partial_likelihood, relative_hazard
from ikzf1_outcomes.kernels.residuals import baseline
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.kernels.stepwise_risk import incidence_by
from ikzf1_outcomes.models.cause_specific import against_others
from ikzf1_outcomes.models.feature_screen import screen
from ikzf1_outcomes.models.penalised_path import elastic_net
from ikzf1_outcomes.prognosis.rungs import Ladder, Rung

FOLDS = 5
"""Of the cross-validation by which an elastic net chooses its penalty."""
NOTHING = np.empty(0)


class Fitted(NamedTuple):
    """What a rung predicts for every patient of the ladder."""

    score: Floats
    """Log cumulative hazard of the event of interest by the last time (n)."""
    risk: Floats
    """Probability of the event of interest by each time (n, t)."""
    log_likelihood: float
    """Of the patients it was fitted to, by the model of the event of interest."""
    taken: Integers
    """Columns with a coefficient other than 0."""


@dataclass(frozen=True, eq=False, slots=True)
class Study:
    """The patients of a ladder with what fits share: the order of their times, the events of each cause."""

    ladder: Ladder
    endpoint: Endpoint
    """One cause of interest, and at most one other."""
    cause: str | None
    events: tuple[np.ndarray, ...]
    """Who had the event of interest, then who had another (n each)."""
    layout: Layout
    """All patients by time, without covariates."""
    times: Floats
    """Where risks are predicted (t)."""

    def drawn(self, counts: Integers, event: np.ndarray, x: Floats) -> Layout:
        """Patients drawn so many times each (n), by time; one who is drawn twice is two."""
        base = self.layout
        place = np.repeat(base.where, counts[base.where])
        m = len(place)
        zeros = np.zeros(m, dtype=base.first.dtype)
        none = np.zeros(2, dtype=np.intp)
        made = Layout(
            place, np.array([0, m]), self.endpoint.rows.rank[place], zeros, none[:0], none, event[place],
            np.ones(m), np.zeros(m), np.ascontiguousarray(x[place]),
        )  # fmt: skip
        for array in made:
            array.setflags(write=False)
        return made


def study_of(ladder: Ladder, cause: str | None, times: Floats) -> Study:
    """The patients of a ladder, sorted once."""
    endpoint = ladder.endpoint if cause is None else against_others(ladder.endpoint, cause)
    own = endpoint.ends_with(cause)
    events: list[np.ndarray] = [own]
    if cause is not None and ((endpoint.cause > 0) & ~own).any():
        events.append((endpoint.cause > 0) & ~own)
    layout = lay_out(endpoint.rows, own, np.ones(len(endpoint)), np.empty((len(endpoint), 0)))
    return Study(ladder, endpoint, cause, tuple(events), layout, times)


def fit_rung(study: Study, rung: Rung, counts: Integers, rng: np.random.Generator) -> Fitted:
    """Fit a rung to patients drawn so many times each, and predict all patients.

    Cox models of the event of interest and of the others taken together, Efron's ties, combined to a risk. A likelihood
    that rises without end is followed as far as it goes (`kernels.limits`), so that no resample is without a model. A rung
    that chooses among candidates does so anew; other causes have its fixed columns only.
    """
    relative = np.empty((len(counts), len(study.events)))
    steps = np.zeros((len(study.endpoint.rows.times), len(study.events)))
    score, value, taken = NOTHING, np.nan, rung.columns
    for k, event in enumerate(study.events):
        x = study.ladder.matrix[:, rung.columns]
        if k == 0 and len(rung.candidates):
            beta = chosen(study, rung, counts, rng)
            eta, taken = study.ladder.matrix @ beta, np.flatnonzero(beta)
        else:
            beta, found = climb(partial_likelihood(study.drawn(counts, event, x)), x.shape[1])
            eta, value = x @ beta, found if k == 0 else value
        score = eta if k == 0 else score
        relative[:, k] = relative_hazard(eta)
        layout = study.drawn(counts, event, x[:, :0])
        known = baseline(layout._replace(offset=eta[layout.where]), NOTHING)
        steps[known.rank, k] = known.step
    upto = np.searchsorted(study.endpoint.rows.times, study.times, side="right")
    with np.errstate(divide="ignore"):  # no event by then: the order is that of the hazards
        level = float(np.log(steps[: upto[-1], 0].sum()))
    score = score + (level if np.isfinite(level) else 0.0)
    return Fitted(score, incidence_by(steps, relative, upto), value, taken)


def chosen(study: Study, rung: Rung, counts: Integers, rng: np.random.Generator) -> Floats:
    """Coefficients of a rung that chooses among candidates in the patients drawn (p of the ladder).

    Raises
    ------
    InputError, ConvergenceError
        What `elastic_net` and `screen` raise.
    """
    assert rung.choice is not None
    way, taken = rung.choice
    rows = np.repeat(np.arange(len(counts)), counts)
    drawn = draw_rows(study.endpoint, rows)
    # numbers under names of their own: what was learned from the patients, levels and knots, stays
    matrix = study.ladder.matrix[rows]
    told = np.ptp(matrix, axis=0) > 0
    fixed, open_to_choice = (columns[told[columns]] for columns in (rung.columns, rung.candidates))
    names = np.array([f"x{column}" for column in range(matrix.shape[1])])
    endpoint = replace(drawn, frame=pd.DataFrame(matrix, columns=names), known_at={})
    adjust = list(names[fixed])
    beta = np.zeros(matrix.shape[1])
    if way == "elastic_net":
        path = elastic_net(
            endpoint, list(names[open_to_choice]), adjust=adjust, cause=study.cause, ties="efron", folds=FOLDS, seed=rng
        )
        found = path.tidy().set_index("term")["estimate"]
        beta[np.r_[fixed, open_to_choice]] = found.reindex(names[np.r_[fixed, open_to_choice]]).to_numpy()
        return beta
    table = screen(endpoint, list(names[open_to_choice]), adjust=adjust, cause=study.cause).tidy()
    hits = open_to_choice[table["q_value"].to_numpy() < taken]
    columns = np.sort(np.r_[fixed, hits])
    beta[columns], _ = climb(
        partial_likelihood(study.drawn(counts, study.events[0], study.ladder.matrix[:, columns])), len(columns)
    )
    return beta
