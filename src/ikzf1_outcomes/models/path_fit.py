"""Paths of a penalised Cox model: coefficients at each penalty, scores of new patients, cross-validation and its folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ikzf1_outcomes.endpoint import Endpoint
from ikzf1_outcomes.errors import InputError
from ikzf1_outcomes.formula import Design
from ikzf1_outcomes.kernels.risk import Floats, Integers
from ikzf1_outcomes.resampling import generator_of

SCALE = "log hazard ratio"
NEAR = 1e-4
"""A penalty asked for is the one of the path that differs by less than this share."""
AT = ("min", "1se")


class CrossValidated(NamedTuple):
    """Deviance of patients left out, along a path."""

    deviance: Floats
    """Mean over the folds, per event (penalties)."""
    std_error: Floats
    """Its standard error (penalties)."""
    fold: Integers
    """Fold of each row analysed (m)."""
    n_folds: int

    @property
    def place(self) -> dict[str, int]:
        """Where on the path the least deviance is, and the largest penalty within one standard error of it."""
        least = int(np.argmin(self.deviance))
        within = self.deviance <= self.deviance[least] + self.std_error[least]
        return {"min": least, "1se": int(np.argmax(within))}


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class ElasticNetPath:
    """A path of elastic-net Cox models; made by `elastic_net`."""

    endpoint: Endpoint
    design: Design
    penalised: np.ndarray
    """Which columns of the design are penalised (p)."""
    constant: np.ndarray
    """Which are the same in all rows analysed (p)."""
    lambdas: Floats
    """Penalties, falling."""
    beta: Floats
    """Coefficients in the units of the covariates (penalties, p)."""
    log_likelihood: Floats
    explained: Floats
    """Share of the null deviance that is explained (penalties)."""
    cross_validated: CrossValidated | None
    select: str
    alpha: float
    cause: str
    n: float
    n_event: int
    method: str
    note: str

    def __repr__(self) -> str:
        return (
            f"ElasticNetPath({self.endpoint.name}, cause {self.cause!r}: n = {self.n:g}, {self.n_event} events, "
            f"{int(self.penalised.sum())} penalised columns, {len(self.lambdas)} penalties)"
        )

    def tidy(self, *, at: str | float | None = None) -> pd.DataFrame:
        """Coefficients at one penalty, one row each, reference levels included.

        There are no standard errors, intervals or p-values: the estimates are biased towards 0 by an amount that depends on
        the data, and which of them are 0 was decided by the same data (`docs/methods/elastic_net.md`).

        Parameters
        ----------
        at
            "min": the least cross-validated deviance. "1se": the largest penalty whose deviance is within one standard
            error of it. Or a penalty of the path. None takes `select` of the call.

        Returns
        -------
        DataFrame
            term, contrast, cause, estimate (per unit of the covariate), scale ("log hazard ratio"), note: "not penalised",
            "selected", "not selected", "constant among the rows analysed" (estimate 0), "reference"; with `alpha=0`, which
            selects nothing, "penalised".

        Raises
        ------
        InputError
            No such penalty on the path; "min" or "1se" without cross-validation.
        """
        beta = self.beta[self.position(at)]
        rows = self.design.coefficients
        column = np.array([c.column for c in rows], dtype=np.intp)
        note = np.where(beta != 0.0, "selected", "not selected") if self.alpha > 0.0 else np.full(len(beta), "penalised")
        note = np.where(self.penalised, note, "not penalised")
        note = np.where(self.constant, "constant among the rows analysed", note)
        return pd.DataFrame(
            {
                "term": [c.term for c in rows],
                "contrast": [c.contrast for c in rows],
                "cause": self.cause,
                "estimate": np.append(beta, 0.0)[column],
                "scale": SCALE,
                "note": np.append(note.astype(object), "reference")[column],
            }
        )

    def path(self) -> pd.DataFrame:
        """Coefficients at all penalties, reference levels left out.

        Returns
        -------
        DataFrame
            lambda, term, contrast, estimate (per unit of the covariate), scale, note; penalties falling, and at each the
            coefficients in the order of `tidy`.
        """
        rows = [c for c in self.design.coefficients if c.column >= 0]
        column = np.array([c.column for c in rows], dtype=np.intp)
        return pd.DataFrame(
            {
                "lambda": np.repeat(self.lambdas, len(rows)),
                "term": np.tile(np.array([c.term for c in rows], dtype=object), len(self.lambdas)),
                "contrast": np.tile(np.array([c.contrast for c in rows], dtype=object), len(self.lambdas)),
                "estimate": self.beta[:, column].ravel(),
                "scale": SCALE,
                "note": "",
            }
        )

    def cross_validation(self) -> pd.DataFrame:
        """Cross-validated deviance along the path.

        Returns
        -------
        DataFrame
            lambda, n_selected (penalised coefficients other than 0 in the fit to everybody), estimate (mean deviance per
            event), std_error, scale ("partial likelihood deviance"), note ("min", "1se", or "min; 1se").

        Raises
        ------
        InputError
            The path was fitted with `folds=None`.
        """
        found = self.known_folds()
        note = np.array(
            ["; ".join(name for name, k in found.place.items() if k == place) for place in range(len(self.lambdas))]
        )
        return pd.DataFrame(
            {
                "lambda": self.lambdas,
                "n_selected": self.n_selected,
                "estimate": found.deviance,
                "std_error": found.std_error,
                "scale": "partial likelihood deviance",
                "note": note,
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row: the fit to everybody at the penalty of `select`.

        Returns
        -------
        DataFrame
            method, cause, n, n_event, n_excluded, alpha, n_features (penalised columns), n_selected, lambda, lambda_min,
            lambda_1se, log_likelihood, deviance_explained (share of the null deviance), folds, note. Without
            cross-validation what depends on a penalty is empty.
        """
        found, empty = self.cross_validated, np.nan
        chosen = None if found is None else self.position(self.select)
        place = {"min": None, "1se": None} if found is None else found.place
        notes = [self.note] if self.note else []
        if found is not None and found.place["min"] == len(self.lambdas) - 1 and len(self.lambdas) > 1:
            notes.append("the deviance still falls at the end of the path: give smaller lambdas")
        return pd.DataFrame(
            {
                "method": [self.method],
                "cause": [self.cause],
                "n": [self.n],
                "n_event": [self.n_event],
                "n_excluded": [self.design.n_missing],
                "alpha": [self.alpha],
                "n_features": [int(self.penalised.sum())],
                "n_selected": [empty if chosen is None else int(self.n_selected[chosen])],
                "lambda": [empty if chosen is None else self.lambdas[chosen]],
                **{f"lambda_{name}": [empty if k is None else self.lambdas[k]] for name, k in place.items()},
                "log_likelihood": [empty if chosen is None else self.log_likelihood[chosen]],
                "deviance_explained": [empty if chosen is None else self.explained[chosen]],
                "folds": [empty if found is None else found.n_folds],
                "note": ["; ".join(notes)],
            }
        )

    def predict_score(self, new: pd.DataFrame, *, at: str | float | None = None) -> pd.DataFrame:
        """Linear predictor of new patients: the sum of coefficient times covariate, categories at their reference being 0.

        Parameters
        ----------
        new
            One row a patient, with the columns of `adjust` and `features`.
        at
            As in `tidy`.

        Returns
        -------
        DataFrame
            group (position of the patient in `new`, from 0), estimate, scale ("linear predictor"), note. Patients with a
            missing covariate have no estimate, and a note.

        Raises
        ------
        ColumnError, InputError
            A column that is not there; levels or values that the design does not know; no such penalty.
        """
        beta = self.beta[self.position(at)]
        matrix, keep = self.design.spec.encode(new)
        estimate = np.full(len(keep), np.nan)
        estimate[keep] = matrix @ beta
        note = np.where(keep, "", "not estimable: a missing value")
        group = np.arange(len(keep))
        return pd.DataFrame({"group": group, "estimate": estimate, "scale": "linear predictor", "note": note})

    @property
    def n_selected(self) -> Integers:
        """Penalised coefficients other than 0 at each penalty."""
        return np.asarray((self.beta[:, self.penalised] != 0.0).sum(axis=1))

    def known_folds(self) -> CrossValidated:
        """The cross-validation, refused where there was none."""
        if self.cross_validated is None:
            raise InputError(
                "the path was not cross-validated", next_step="Give folds=10 and a seed, or name a penalty: at=0.05."
            )
        return self.cross_validated

    def position(self, at: str | float | None) -> int:
        """Where on the path a penalty is."""
        wanted = self.select if at is None else at
        if isinstance(wanted, str):
            if wanted not in AT:
                raise InputError("there is no such place on the path", next_step='Use "min", "1se" or a penalty.')
            return self.known_folds().place[wanted]
        nearest = int(np.argmin(np.abs(self.lambdas - wanted)))
        if not abs(self.lambdas[nearest] - wanted) <= NEAR * self.lambdas[nearest]:
            raise InputError(
                f"the path has no penalty {wanted:.6g}; the nearest is {self.lambdas[nearest]:.6g}",
                next_step="Take that one, or fit with the penalty among lambdas=.",
            )
        return nearest

    def _repr_html_(self) -> str:
        return (self.glance() if self.cross_validated is None else self.tidy()).to_html(index=False)


def folds_of(endpoint: Endpoint, folds: Any, mask: np.ndarray, event: np.ndarray, seed: Any) -> Integers:
    """The fold of each row analysed, 0 upwards.

    Raises
    ------
    InputError
        Folds that are no folds, a patient in two of them, one without events, no seed.
    """
    patient = np.arange(len(endpoint)) if endpoint.subject is None else endpoint.subject
    _, own = np.unique(patient[mask], return_inverse=True)
    if isinstance(folds, int | np.integer) and not isinstance(folds, bool):
        code = drawn_folds(int(folds), own, event, seed)
    else:
        code = named_folds(endpoint, folds, mask, own)
    size = int(code.max()) + 1
    empty = int((np.bincount(code[event], minlength=size) == 0).sum())
    if size < 2 or empty:
        raise InputError(
            "fewer than two folds" if size < 2 else "folds without events",
            count=size if size < 2 else empty,
            next_step="Use fewer folds, so that each has events." if empty else "Use folds=10.",
        )
    return code


def drawn_folds(number: int, patient: Integers, event: np.ndarray, seed: Any) -> Integers:
    """Folds drawn at random: patients with events are dealt out first, those without go on where they ended."""
    if seed is None:
        raise InputError(
            "folds are drawn at random, and there is no seed", next_step="Give seed=, or the folds themselves."
        )
    with_event = np.bincount(patient, weights=event) > 0
    if not 2 <= number <= int(with_event.sum()):
        raise InputError(
            f"{number} folds for {int(with_event.sum())} patients with events",
            next_step="Use two folds or more, and no more than there are patients with events.",
        )
    rng = generator_of(seed)
    dealt = np.concatenate([rng.permutation(np.flatnonzero(with_event)), rng.permutation(np.flatnonzero(~with_event))])
    fold = np.empty(len(dealt), dtype=np.intp)
    fold[dealt] = np.arange(len(dealt)) % number
    return np.asarray(fold[patient])


def named_folds(endpoint: Endpoint, folds: Any, mask: np.ndarray, patient: Integers) -> Integers:
    """Folds that are given: a column's name or one value for each row of the endpoint."""
    if isinstance(folds, bool) or (not isinstance(folds, str) and np.ndim(folds) != 1):
        raise InputError("folds are no folds", next_step="Give their number, a column's name, or one value for each row.")
    if isinstance(folds, str):
        codes = np.asarray(endpoint.groups(folds).codes)
    else:
        if len(folds) != len(endpoint):
            raise InputError(
                f"{len(folds)} folds for {len(endpoint)} rows", next_step="Give one for each row of the endpoint."
            )
        codes = pd.factorize(pd.Series(folds).reset_index(drop=True), sort=True)[0]
    lost = mask & (codes < 0)
    if lost.any():
        raise InputError("rows without a fold", where=np.flatnonzero(lost) + 1, next_step="Give every row one.")
    _, code = np.unique(codes[mask], return_inverse=True)
    _, first = np.unique(patient, return_index=True)
    torn = code[first][patient] != code
    if torn.any():
        raise InputError(
            "patients in several folds", where=np.flatnonzero(mask)[torn] + 1, next_step="Keep a patient's rows together."
        )
    return np.asarray(code)
