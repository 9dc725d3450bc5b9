"""A ladder of models: which terms each rung adds, and the patients in whom all of them are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint, draw_rows, frozen
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula.grammar import read_terms
from ikzf1_outcomes.formula.matrix import designed
from ikzf1_outcomes.formula.spec import complete_rows
from ikzf1_outcomes.formula.terms import Term
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.models.estimability import check_columns

Terms = str | Sequence[str]
Choice = tuple[str, float]
"""How candidates are chosen, and the q-value below which a screen takes them."""
CHOICES = ("elastic_net", "screen")
NONE = "no covariates"
TAKEN = 0.1


@dataclass(frozen=True, eq=False, slots=True)
class Rung:
    """A model of the ladder."""

    name: str
    terms: tuple[str, ...]
    """What it adds to the rung before."""
    columns: Integers
    """Columns of the ladder's matrix that it always has."""
    candidates: Integers
    """Columns among which it chooses."""
    choice: Choice | None
    """How it chooses; None where it does not."""
    n_missing: int
    """Rows in which a term that it adds is missing."""

    @property
    def every(self) -> Integers:
        """All its columns, chosen or not."""
        return np.sort(np.r_[self.columns, self.candidates])


@dataclass(frozen=True, eq=False, slots=True)
class Ladder:
    """Rungs, and their covariates in the patients who have all of them."""

    endpoint: Endpoint
    """The patients analysed."""
    rungs: tuple[Rung, ...]
    matrix: Floats
    """All columns, centred and of unit spread (n, p)."""
    names: tuple[str, ...]
    """Of the columns."""
    n_excluded: int
    notes: tuple[str, ...]
    """What the reader must know of each rung's patients, in the order of the rungs."""

    def before(self, k: int) -> str:
        """Name of the rung before one."""
        return self.rungs[k - 1].name if k else NONE


def ladder_of(
    endpoint: Endpoint,
    base: Terms | Mapping[str, Terms],
    added: Terms | Mapping[str, Terms] | None,
    choose: Mapping[str, Any] | None,
    references: Mapping[str, Any] | None,
) -> Ladder:
    """Read the rungs, and lay out the covariates of the patients in whom all are known.

    Raises
    ------
    ColumnError, InputError
        No second rung, two of one name, a term in two rungs, an unknown choice; what `design` refuses: unknown columns,
        terms known only after the start, no complete row; constant or collinear columns of a rung that does not choose.
    """
    given = named(base, "base") | named(added, "added")
    if len(given) < 2:
        raise InputError("a ladder of one rung", next_step="Give `added`, or a mapping of two names or more to terms.")
    read = {name: read_terms(terms) for name, terms in given.items()}
    chosen = choices_of(choose, tuple(read))
    everything = tuple(term for terms in read.values() for term in terms)
    seen: dict[frozenset[str], str] = {}
    for term in everything:
        if term.key in seen:
            raise InputError(f"the term {term.text!r} is in the ladder twice", next_step="Name it on its first rung only.")
        seen[term.key] = term.text
    made = designed(endpoint, everything, references)
    frame = pd.DataFrame({name: endpoint.column(name) for name in columns_of(everything)})
    own = draw_rows(endpoint, np.flatnonzero(made.keep), None)
    column = {text: [c.column for c in made.coefficients if c.term == text and c.column >= 0] for text in seen.values()}
    rungs, notes = [], []
    fixed: list[int] = []
    open_to_choice: list[int] = []
    choice: Choice | None = None
    for name, terms in read.items():
        texts = tuple(term.text for term in terms)
        new = [c for text in texts for c in column[text]]
        choice = chosen.get(name, choice)
        (open_to_choice if name in chosen else fixed).extend(new)
        known = complete_rows(frame, columns_of(terms))
        rungs.append(
            Rung(name, texts, frozen(np.array(sorted(fixed), dtype=np.intp)),
                 frozen(np.array(sorted(open_to_choice), dtype=np.intp)), choice, int((~known).sum()))
        )  # fmt: skip
        notes.append(measured_in_some(endpoint, known))
    always = rungs[-1].columns
    check_columns(made.matrix[:, always], made, always)
    return Ladder(own, tuple(rungs), standardised(made.matrix), made.names, made.n_missing, tuple(notes))


def named(terms: Terms | Mapping[str, Terms] | None, name: str) -> dict[str, Terms]:
    """Rungs by name."""
    if terms is None:
        return {}
    return dict(terms) if isinstance(terms, Mapping) else {name: terms}


def choices_of(choose: Mapping[str, Any] | None, rungs: tuple[str, ...]) -> dict[str, Choice]:
    """How each rung that chooses does so.

    Raises
    ------
    InputError
        No such rung, or no such way to choose; the first rung; two ways in one ladder.
    """
    out: dict[str, Choice] = {}
    for name, how in (choose or {}).items():
        way, taken = how if isinstance(how, tuple) and len(how) == 2 else (how, TAKEN)
        fine = isinstance(way, str) and way in CHOICES and isinstance(taken, float) and 0.0 < taken < 1.0
        if name not in rungs[1:] or not fine:
            raise InputError(
                "a rung that is not there, or a way to choose that is none",
                next_step='As in choose={"kinome": "elastic_net"} or {"kinome": ("screen", 0.1)}; the first rung is fixed.',
            )
        out[name] = (way, taken)
    if len(set(out.values())) > 1:
        raise InputError("two ways to choose in one ladder", next_step="Use one of them.")
    return out


def columns_of(terms: Sequence[Term]) -> list[str]:
    """Columns that some terms read."""
    return list(dict.fromkeys(factor.column for term in terms for factor in term.factors))


def standardised(matrix: Floats) -> Floats:
    """Columns of mean 0 and spread 1; constant ones are 0."""
    centred = matrix - matrix.mean(axis=0)
    spread = centred.std(axis=0)
    return frozen(centred / np.where(spread > 1e-12, spread, 1.0))


def measured_in_some(endpoint: Endpoint, known: np.ndarray) -> str:
    """What is to be said of a rung whose terms are known in a part of the patients only."""
    inside, outside = int(known.sum()), int((~known).sum())
    if not outside:
        return ""
    had = endpoint.cause > 0
    return (
        f"known in {inside} of {len(known)} rows, {int(had[known].sum())} of them with an event, against "
        f"{int(had[~known].sum())} of the other {outside}: see tested_against_untested and testing_weights"
    )
